//! The first message: one deadline, one attempt, nothing of a room before the verdict.

use crate::support::{
    Frame, Heard, Host, Opcode, Peer,
    frame::fragments,
    peer::{auth, token_message},
    token::{self, Turnstile},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

const DEADLINE: Duration = Duration::from_millis(500);
/// What a busy machine may add.
const LATE: Duration = Duration::from_millis(2_000);
/// Between two pieces of a dribble.
const PACE: Duration = Duration::from_millis(20);

fn host_with_deadline(workers: usize) -> Host {
    Host::start(workers, |settings| settings.rules.auth.deadline_ms = DEADLINE.as_millis() as u64)
}

/// The deadline has passed, and not long ago.
fn in_time(began: Instant) {
    let took = began.elapsed();
    assert!((DEADLINE..DEADLINE + LATE).contains(&took), "{took:?}");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    crate::at_once(async |workers| {
        let host = host_with_deadline(workers);
        // The clock of the server starts between these two lines.
        let began = Instant::now();
        let mut peer = host.peer().await;
        peer.closed(4408, "auth_timeout", "backoff").await;
        in_time(began);
        host.stop().await;
    })
    .await;
}

/// Sends one piece after the other, until the server says something other than Pong.
async fn dribble(host: &Host, pieces: impl Iterator<Item = Vec<u8>>) {
    let began = Instant::now();
    let mut peer = host.peer().await;
    let mut next = Instant::now();
    for piece in pieces {
        peer.write(&piece).await;
        next += PACE;
        while let Ok(heard) = timeout_at(next, peer.next()).await {
            match heard {
                Heard::Pong(_) => {}
                Heard::Text(error) => {
                    assert!(error.contains(r#""code":"auth_timeout""#), "{error}");
                    peer.close_frame(4408, "auth_timeout").await;
                    return in_time(began);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    peer.closed(4408, "auth_timeout", "backoff").await;
    in_time(began);
}

#[tokio::test]
async fn no_dribble_moves_the_deadline() {
    let host = host_with_deadline(2);
    let message = Frame::text(auth("alice").to_string()).bytes();
    let byte_by_byte = message.iter().map(|byte| vec![*byte]).take(60).collect::<Vec<_>>();
    let pings = vec![Frame::ping("still here").bytes(); 40];
    let pongs = vec![Frame::new(Opcode::Pong, "").bytes(); 40];
    let mut empty = vec![Frame::text("").unfinished().bytes()];
    empty.resize(40, Frame::new(Opcode::Continuation, "").unfinished().bytes());
    let incomplete = vec![message[..message.len() - 1].to_vec()];
    tokio::join!(
        dribble(&host, byte_by_byte.into_iter()),
        dribble(&host, pings.into_iter()),
        dribble(&host, pongs.into_iter()),
        dribble(&host, empty.into_iter()),
        dribble(&host, incomplete.into_iter()),
    );
    host.stop().await;
}

#[tokio::test]
async fn anything_else_first_is_refused_at_once() {
    let nested = |depth: usize| {
        let inner = depth - 1;
        format!(r#"{{"type":"join","x":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
    };
    let (deep, too_deep) = (nested(16), nested(17));
    let cases = [
        // Another type, whatever its members are.
        (r#"{"type":"join","room":"lobby"}"#, 4401),
        (r#"{"type":"join"}"#, 4401),
        (r#"{"type":"join","room":"no room!"}"#, 4401),
        (r#"{"type":"message","room":"lobby","payload":1}"#, 4401),
        (r#"{"type":"ping"}"#, 4401),
        (r#"{"type":"pong"}"#, 4401),
        (r#"{"type":"auth_ok"}"#, 4401),
        (r#"{"type":"Auth","payload":"x"}"#, 4401),
        (r#"{"type":""}"#, 4401),
        (&deep, 4401),
        // No JSON, or not of this shape.
        ("", 4400),
        ("hello", 4400),
        ("null", 4400),
        (r#"["auth"]"#, 4400),
        ("{}", 4400),
        (r#"{"type":1}"#, 4400),
        (r#"{"type":"auth"}"#, 4400),
        (r#"{"type":"auth","payload":null}"#, 4400),
        (r#"{"type":"auth","payload":{"token":"x"}}"#, 4400),
        (r#"{"type":"auth","payload":"x"} "x""#, 4400),
        (r#"{"type":"auth","payload":"x","id":""}"#, 4400),
        (r#"{"type":"join","room":"lobby","id":7}"#, 4400),
        (r#"{"type":"auth","payload":"a","payload":"b"}"#, 4400),
        (r#"{"type":"auth","payload":"a","pay\u006coad":"b"}"#, 4400),
        (r#"{"type":"join","x":{"y":1,"y":2}}"#, 4400),
        (r#"{"type":"auth","payload":"\ud800"}"#, 4400),
        ("\u{feff}{\"type\":\"auth\",\"payload\":\"x\"}", 4400),
        (&too_deep, 4400),
    ];
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        for (text, code) in cases {
            let mut peer = host.peer().await;
            peer.say(text).await;
            let name = if code == 4401 { "auth_required" } else { "bad_message" };
            peer.closed(code, name, "never").await;
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn of_several_faults_the_first_in_the_order_counts() {
    let host = Host::start(2, |_| {});
    let huge = 30_000;
    let not_utf8 = b"{\"type\":\"join\xff".to_vec();
    let cases = [
        // A reserved bit on an unmasked, oversized binary frame.
        (Frame::new(Opcode::Binary, "x").first_byte(0xC2).claiming(huge), 1002, "protocol"),
        (Frame::new(Opcode::Binary, "x").unmasked().claiming(huge), 1002, "protocol"),
        (Frame::text("{}").first_byte(0x83), 1002, "protocol"),
        (Frame::new(Opcode::Continuation, "{}"), 1002, "protocol"),
        (Frame::ping("x").unfinished(), 1002, "protocol"),
        (Frame::ping([0; 126]), 1002, "protocol"),
        (Frame::new(Opcode::Close, [3]), 1002, "protocol"),
        (Frame::close(1005), 1002, "protocol"),
        // A binary frame that is oversized too; its payload never comes.
        (Frame::new(Opcode::Binary, "").claiming(huge), 1003, "binary"),
        // An oversized frame that is no UTF-8 and no JSON; by its header alone.
        (Frame::text(not_utf8.clone()).claiming(huge), 1009, "too_big"),
        (Frame::text("").claiming(u64::MAX >> 1), 1009, "too_big"),
        (Frame::text("").claiming(u64::MAX), 1002, "protocol"),
        (Frame::text(not_utf8), 1007, "utf8"),
        (Frame::text(r#"{"type":"join","type":"join"}"#), 4400, "bad_message"),
        (Frame::text(r#"{"type":"join","room":1}"#), 4401, "auth_required"),
    ];
    for (frame, code, name) in cases {
        let mut peer = host.peer().await;
        peer.send(&frame).await;
        peer.closed(code, name, "never").await;
    }
    host.stop().await;
}

#[tokio::test]
async fn the_wire_before_the_verdict_has_a_budget() {
    let host = Host::start(2, |_| {});
    let bad = r#"{"type":"auth","payload":"bad"}"#;
    // 64 frames of any kind, the last one of the message included.
    for (frames, code, name, retry) in [
        (fragments(bad, 64), 4411, "token_invalid", "refresh"),
        (fragments(bad, 65), 1009, "too_big", "never"),
    ] {
        let mut peer = host.peer().await;
        peer.write(&frames).await;
        peer.closed(code, name, retry).await;
    }
    let mut peer = host.peer().await;
    for _ in 0..64 {
        peer.send(&Frame::ping("x")).await;
        assert_eq!(peer.listen().await, Heard::Pong(b"x".to_vec()));
    }
    peer.say(bad).await;
    peer.closed(1009, "too_big", "never").await;
    // 20 KiB with all headers: four bytes of length, four of mask.
    let padded = |wire: usize| {
        let pad = wire - 8 - r#"{"type":"join","x":""}"#.len();
        format!(r#"{{"type":"join","x":"{}"}}"#, "x".repeat(pad))
    };
    for (wire, code, name) in [(20 * 1024, 4401, "auth_required"), (20 * 1024 + 1, 1009, "too_big")]
    {
        let frame = Frame::text(padded(wire));
        assert_eq!(frame.bytes().len(), wire);
        let mut peer = host.peer().await;
        peer.send(&frame).await;
        peer.closed(code, name, "never").await;
    }
    host.stop().await;
}

#[tokio::test]
async fn what_is_pipelined_behind_auth_is_served_after_the_verdict() {
    for workers in crate::WORKERS {
        let turnstile = Turnstile::shut();
        let host = Host::start(workers, |settings| settings.verifier = Arc::new(turnstile.clone()));
        let mut peer = host.peer().await;
        // More than the budget before the verdict: it no longer applies.
        let big = "x".repeat(30_000);
        peer.say_all([
            auth("alice"),
            json!({"type": "join", "id": "1", "room": "lobby"}),
            json!({"type": "message", "id": "2", "room": "lobby", "payload": big}),
        ])
        .await;
        turnstile.asked(1).await;
        turnstile.let_pass(1);
        peer.expect("auth_ok").await;
        // Answers may overtake each other, but not the message of the room.
        let mut answers = [peer.hear().await, peer.hear().await];
        answers.sort_by_key(|answer| answer["id"].to_string());
        assert_eq!((&answers[0]["type"], &answers[1]["type"]), (&json!("joined"), &json!("ack")));
        peer.expect_post(1, json!(big)).await;
        host.stop().await;
    }
}

#[tokio::test]
async fn nothing_from_an_unauthenticated_client_reaches_a_room() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut member = host.member("alice", "lobby").await;
        let join = json!({"type": "join", "room": "lobby"});
        let post = json!({"type": "message", "room": "lobby", "payload": "smuggled"});
        let bad = token_message(&token::unsigned(&token::token("eve")));
        for first in [&join, &post, &bad, &json!({"type": "nonsense"}), &json!(1)] {
            let mut peer = host.peer().await;
            peer.say_all([first, &join, &post, &auth("eve"), &join, &post]).await;
            let error = peer.expect("error").await;
            assert_eq!(error["fatal"], true);
            assert!(matches!(peer.listen().await, Heard::Close(..)));
            assert_eq!(peer.listen().await, Heard::End);
        }
        member.post("lobby", json!("honest")).await;
        member.expect_post(1, json!("honest")).await;
        host.stop().await;
    }
}

#[tokio::test]
async fn a_key_source_that_hangs_is_our_fault() {
    crate::at_once(async |workers| {
        let turnstile = Turnstile::shut();
        let host = Host::start(workers, |settings| {
            settings.rules.auth.deadline_ms = DEADLINE.as_millis() as u64;
            settings.verifier = Arc::new(turnstile.clone());
        });
        let began = Instant::now();
        let mut peer = host.peer().await;
        peer.say(r#"{"type":"auth","payload":"slow","id":"a"}"#).await;
        let error = peer.closed(1011, "internal", "backoff").await;
        assert_eq!(error["id"], "a");
        in_time(began);
        host.stop().await;
    })
    .await;
}

#[tokio::test]
async fn no_more_lookups_than_places_run_at_a_time() {
    const PLACES: usize = 64;
    let turnstile = Turnstile::shut();
    let host = Host::start(2, |settings| settings.verifier = Arc::new(turnstile.clone()));
    let mut peers = Vec::new();
    for number in 1..=PLACES + 6 {
        // One address alone gets half of them.
        let address = [127, 0, 9, u8::try_from(number).expect("a few")];
        let mut peer = Peer::dial_from(host.addr, address.into()).await;
        peer.upgrade("").await;
        peer.say(auth(&format!("user {}", peers.len()))).await;
        peers.push(peer);
    }
    turnstile.asked(PLACES).await;
    turnstile.let_pass(1);
    turnstile.asked(PLACES + 1).await;
    assert_eq!(turnstile.asked.load(std::sync::atomic::Ordering::SeqCst), PLACES + 1);
    turnstile.let_pass(PLACES + 5);
    for peer in &mut peers {
        peer.expect("auth_ok").await;
    }
    host.stop().await;
}

#[tokio::test]
async fn only_pongs_go_out_before_the_verdict() {
    let host = Host::start(2, |_| {});
    let mut peer = host.peer().await;
    let message = Frame::text(auth("alice").to_string()).bytes();
    let (front, back) = message.split_at(20);
    // A Ping between two fragments of TCP cannot be; between two frames it can.
    peer.send(&Frame::ping("one")).await;
    assert_eq!(peer.listen().await, Heard::Pong(b"one".to_vec()));
    peer.send(&Frame::ping("")).await;
    assert_eq!(peer.listen().await, Heard::Pong(vec![]));
    peer.send(&Frame::new(Opcode::Pong, "unasked")).await;
    peer.write(front).await;
    peer.write(back).await;
    peer.expect("auth_ok").await;
    host.stop().await;
}

#[tokio::test]
async fn a_close_of_the_client_is_echoed_in_every_state() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let ready = host.member("alice", "lobby").await;
        for mut peer in [host.peer().await, ready] {
            peer.send(&Frame::close(4900)).await;
            peer.close_frame(4900, "").await;
        }
        let mut peer: Peer = host.peer().await;
        peer.send(&Frame::new(Opcode::Close, "")).await;
        assert_eq!(peer.listen().await, Heard::Close(None, String::new()));
        assert_eq!(peer.listen().await, Heard::End);
        host.stop().await;
    }
}

#[tokio::test]
async fn a_fin_ends_it_in_every_state() {
    for workers in crate::WORKERS {
        let turnstile = Turnstile::shut();
        turnstile.let_pass(1);
        let host = Host::start(workers, |settings| settings.verifier = Arc::new(turnstile.clone()));
        let ready = host.member("alice", "lobby").await;
        let mut verifying = host.peer().await;
        verifying.say(auth("bob")).await;
        turnstile.asked(2).await;
        // Long before any deadline.
        let began = Instant::now();
        for mut peer in [host.peer().await, verifying, ready] {
            peer.half_close().await;
            assert_eq!(peer.listen().await, Heard::End);
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        host.stop().await;
    }
}
