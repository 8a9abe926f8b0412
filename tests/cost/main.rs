//! What a delivery costs: counts that are the same on a quiet machine and on a busy one.
//!
//! `./check cost` runs them and prints what was counted.
#![cfg(all(feature = "server", feature = "client"))]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with the place in its message"
)]

mod bounds;
mod document;
#[path = "../memory/peer.rs"]
#[allow(dead_code, reason = "the tests of memory use more of it")]
mod peer;
#[path = "../support/mod.rs"]
mod programs;
mod strace;
#[path = "../sockets/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "the tests of sockets use more of it"
)]
mod support;

use bounds::{Bound, GATHERED_CALLS, SINGLE_CALLS, SMALL_ROOM_CALLS};
use peer::{Peer, message, request};
use programs::Program;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strace::Strace;
use support::token;

/// The payload of each message, in bytes.
const PAYLOAD_BYTES: usize = 128;
/// Messages before the first that counts: queues and buffers have grown.
const WARM_UP: usize = 3;

/// A server with one worker that lets crowds in and one author speak for them.
fn serve() -> Program {
    let secret = String::from_utf8(token::SECRET.to_vec()).expect("text");
    Program::serve(&[
        ("VESTIBULE_WORKERS", "1"),
        ("VESTIBULE_ISSUER__0__SECRET", &secret),
        ("VESTIBULE_LIMITS__MESSAGES_PER_S", "1000000"),
        ("VESTIBULE_LIMITS__BURST", "1000000"),
        // A Ping that falls due while it is counted is the price of time, not of messages.
        ("VESTIBULE_HEARTBEAT__INTERVAL_MS", "600000"),
    ])
}

/// So many members of one room of `server`; the first one speaks.
fn crowd(server: &Program, members: usize) -> Vec<Peer> {
    let addr = server.addr.parse().expect("an address");
    let enter = |n| {
        let mut peer = Peer::dial(addr);
        peer.upgrade();
        peer.write(&message(&support::peer::auth(&format!("user-{n:05}"))));
        peer.expect("auth_ok");
        peer.write(&request("join", "hall", ""));
        peer.expect("joined");
        peer
    };
    (0..members).map(enter).collect()
}

/// Sockets of a thousand peers are more than most systems let a process have unasked.
fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    raised.expect("a process may go as far as its hard limit");
}

/// Publishes `at_once` messages in one write, and waits until every member has all of them and
/// the author its answers.
fn round(crowd: &mut [Peer], at_once: usize) {
    let text = "x".repeat(PAYLOAD_BYTES);
    let publish = request("message", "hall", &format!(r#","id":"1","payload":"{text}""#));
    crowd[0].write(&publish.repeat(at_once));
    // The answers are written when the requests are read, the messages behind them in one turn.
    for _ in 0..at_once {
        crowd[0].expect("ack");
    }
    for peer in crowd {
        for _ in 0..at_once {
            peer.expect("message");
        }
    }
}

/// One write of the author is one segment, which the worker reads as a whole: how many messages
/// are gathered for a member's write does not depend on who runs when.
fn count(bound: &Bound, members: usize, rounds: usize, at_once: usize) {
    raise_descriptor_limit();
    let server = serve();
    let mut crowd = crowd(&server, members);
    for _ in 0..WARM_UP {
        round(&mut crowd, at_once);
    }
    let strace = Strace::attach(server.id());
    for _ in 0..rounds {
        round(&mut crowd, at_once);
    }
    let calls = strace.detach();
    println!("{calls:?}");
    let total: u64 = calls.values().sum();
    bound.hold(total as f64 / (rounds * at_once * members) as f64);
    drop(crowd);
    let (status, _) = server.stop();
    assert!(status.success(), "{status}");
}

#[test]
fn cost_a_delivery_is_a_system_call() {
    count(&SINGLE_CALLS, 1_000, 20, 1);
}

#[test]
fn cost_sixteen_deliveries_share_a_system_call() {
    count(&GATHERED_CALLS, 1_000, 20, 16);
}

#[test]
fn cost_a_small_room_pays_little_beside_its_deliveries() {
    count(&SMALL_ROOM_CALLS, 10, 500, 1);
}
