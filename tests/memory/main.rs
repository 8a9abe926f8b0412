//! What connections cost in bytes of the heap, that nothing of them stays, and what a message costs
//! in allocations.
//!
//! The server runs in this process, its clients are bare sockets that own no memory of the heap:
//! what the allocator counts is the server's. `cargo test --test memory -- --nocapture` prints it.
#![cfg(feature = "server")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with the place in its message"
)]

mod allocations;
#[path = "../cost/bounds.rs"]
#[allow(dead_code, reason = "the tests of other costs use more of it")]
mod bounds;
mod host;
mod peer;
#[path = "../sockets/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "the tests of sockets use more of it"
)]
mod support;
mod tickets;

use bounds::{BEHIND_LARGE, Bound, HALF_SENT, MEMBER, SIGNED_IN, SILENT};
use host::{Host, alone, descriptors, live_bytes, soon};
use peer::{Peer, message, request};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Sockets of each measurement.
const CROWD: usize = 1_000;

/// What goes both ways before [`BEHIND_LARGE`] is counted, in bytes.
const LARGE: usize = 60_000;
/// What may stay of a socket that is gone: timers are not taken off, they fire into the void.
const GONE: usize = 64;

/// What each of the crowd holds above `before`.
fn check(bound: &Bound, before: usize) {
    bound.hold((live_bytes().saturating_sub(before) / CROWD) as f64);
}

#[test]
fn cost_a_connection_is_little() {
    let _alone = alone();
    let host = Host::start();
    let mut probe = host.enter("probe");
    // Tables and pools have seen some connections.
    drop((0..50).map(|_| host.open()).collect::<Vec<_>>());
    let tokens: Vec<_> = (0..CROWD).map(|n| message(&support::peer::auth(&user(n)))).collect();
    let mut crowd = Vec::with_capacity(CROWD);
    probe.round_trips();
    let before = live_bytes();
    crowd.extend((0..CROWD).map(|_| host.open()));
    probe.round_trips();
    check(&SILENT, before);
    for (peer, token) in crowd.iter_mut().zip(&tokens) {
        peer.write(&token[..token.len() / 2]);
    }
    probe.round_trips();
    check(&HALF_SENT, before);
    for (peer, token) in crowd.iter_mut().zip(&tokens) {
        peer.write(&token[token.len() / 2..]);
        peer.expect("auth_ok");
    }
    probe.round_trips();
    check(&SIGNED_IN, before);
    for (peer, n) in crowd.iter_mut().zip(0..) {
        peer.write(&request("join", &format!("room:{}", n % 10), ""));
        peer.expect("joined");
    }
    probe.round_trips();
    check(&MEMBER, before);
    drop(crowd);
    host.stop(probe);
}

#[test]
fn cost_a_large_message_leaves_nothing_behind() {
    let _alone = alone();
    let host = Host::start();
    let mut probe = host.enter("probe");
    let mut crowd: Vec<_> = (0..CROWD).map(|n| host.enter(&user(n))).collect();
    let large = format!(r#","payload":"{}""#, "x".repeat(LARGE));
    let mut before = 0;
    // What a room remembers is its own: its one message is a small one again.
    for (payload, is_warm) in [(r#","payload":1"#, false), (&*large, true)] {
        for (peer, n) in crowd.iter_mut().zip(0..) {
            let room = format!("room:{n}");
            peer.write(&request("join", &room, ""));
            peer.expect("joined");
            for payload in [payload, r#","payload":1"#, r#","payload":2"#] {
                peer.write(&request("message", &room, payload));
                peer.expect("message");
            }
        }
        probe.round_trips();
        if is_warm {
            check(&BEHIND_LARGE, before);
        }
        before = live_bytes();
    }
    drop(crowd);
    host.stop(probe);
}

/// Ways to be refused, and not to go.
const STUBBORN: [fn(&Host) -> Peer; 4] = [
    // A bad token, and nothing more.
    |host| {
        let mut peer = host.open();
        peer.write(&message(&support::peer::token_message("not.a.token")));
        peer
    },
    // No sign-in, and bytes that nobody reads.
    |host| {
        let mut peer = host.open();
        peer.write(&message(r#"{"type":"ping"}"#));
        peer.write(&[0x55; 16_384]);
        peer
    },
    // No handshake.
    |host| {
        let mut peer = host.dial();
        peer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
        peer
    },
    // A head that is too large.
    |host| {
        let mut peer = host.dial();
        peer.write(&[b'a'; 10_000]);
        peer
    },
];

#[test]
fn of_refused_peers_that_do_not_go_nothing_is_left_after_a_second() {
    let _alone = alone();
    let host = Host::start();
    let mut probe = host.enter("probe");
    // The first ones leave grown tables behind.
    for is_warm in [false, true] {
        probe.round_trips();
        let (bytes, open) = (live_bytes(), descriptors());
        let mut crowd = Vec::with_capacity(CROWD / 5);
        crowd.extend((0..CROWD / 5).map(|n| STUBBORN[n % STUBBORN.len()](&host)));
        let took = soon("their end", || descriptors() <= open + crowd.len());
        probe.round_trips();
        let left = live_bytes().saturating_sub(bytes + crowd.capacity() * size_of::<Peer>());
        println!("refused peers: gone after {} ms, {left} bytes are left", took.as_millis());
        // The patience after a verdict is 1 s, in a session it is 5 s.
        assert!(took.as_millis() < 3_000, "it took {took:?}");
        assert!(!is_warm || left <= crowd.len() * GONE, "{left} bytes are left");
        for (peer, n) in crowd.iter_mut().zip(0..) {
            assert!(peer.was_reset(), "way {}: it was closed, but not reset", n % STUBBORN.len());
        }
    }
    host.stop(probe);
}

fn user(number: usize) -> String {
    format!("user-{number:05}")
}
