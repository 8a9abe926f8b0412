//! After the verdict: requests that are refused, and when refusing is not enough.

use crate::support::{Frame, Heard, Host, Opcode, frame::fragments};
use serde_json::{Value, json};

fn message(payload: impl Into<Value>) -> Value {
    json!({"type": "message", "id": "m", "room": "lobby", "payload": payload.into()})
}

#[tokio::test]
async fn a_rate_refuses_with_a_delay_and_the_twentieth_time_in_a_row_ends_it() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| {
            settings.rules.session.messages_per_s = 1;
            settings.rules.session.burst = 2;
        });
        let mut alice = host.member("alice", "lobby").await;
        alice.say_all(vec![message(1); 3]).await;
        let mut kinds = [alice.hear().await, alice.hear().await, alice.hear().await];
        kinds.sort_by_key(|answer| answer["type"].to_string());
        assert_eq!((&kinds[0]["type"], &kinds[1]["type"]), (&json!("ack"), &json!("ack")));
        let error = &kinds[2];
        assert_eq!((&error["code"], &error["id"]), (&json!("rate_limited"), &json!("m")));
        assert_eq!((&error["retry"], &error["fatal"]), (&json!("backoff"), &json!(false)));
        let after = error["retry_after_ms"].as_u64().expect("a delay");
        assert!((1..=1_000).contains(&after), "{error}");
        alice.expect_post(1, json!(1)).await;
        alice.expect_post(2, json!(1)).await;
        // An accepted request of any kind ends the row.
        alice.nothing_waits().await;
        // A slow machine may have earned one more.
        alice.say_all(vec![message(2); 22]).await;
        let mut refused = 0;
        let fatal = loop {
            let answer = alice.hear().await;
            match (answer["code"].as_str(), answer["fatal"].as_bool()) {
                (Some("rate_limited"), Some(false)) => refused += 1,
                (Some("rate_limited"), Some(true)) => break answer,
                (None, None) => refused = 0,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused, 19);
        assert_eq!((&fatal["retry"], &fatal["id"]), (&json!("backoff"), &json!("m")));
        let reason = format!("rate_limited after={}", fatal["retry_after_ms"]);
        alice.close_frame(4429, &reason).await;
        host.stop().await;
    }
}

#[tokio::test]
async fn only_messages_count_to_the_rate_of_messages() {
    let host = Host::start(1, |settings| {
        settings.rules.session.messages_per_s = 1;
        settings.rules.session.burst = 1;
    });
    let mut alice = host.member("alice", "lobby").await;
    alice.post("lobby", json!(1)).await;
    alice.expect_post(1, json!(1)).await;
    for room in ["a", "b", "c"] {
        alice.join(room).await;
    }
    for _ in 0..50 {
        alice.nothing_waits().await;
    }
    alice.say_all([message(2), message(3)]).await;
    while alice.hear().await["code"] != "rate_limited" {}
    host.stop().await;
}

#[tokio::test]
async fn control_frames_over_their_rate_are_dropped_and_count_as_refusals() {
    let host = Host::start(2, |settings| {
        settings.rules.session.others_per_s = 1;
        settings.rules.session.others_burst = 2;
    });
    let mut alice = host.enter("alice").await;
    let pings: Vec<u8> = (0..22_u8).flat_map(|n| Frame::ping([n]).bytes()).collect();
    alice.write(&pings).await;
    assert_eq!(alice.listen().await, Heard::Pong(vec![0]));
    assert_eq!(alice.listen().await, Heard::Pong(vec![1]));
    let error = alice.closed(4429, "rate_limited", "backoff").await;
    assert!(error["retry_after_ms"].is_u64(), "{error}");
    host.stop().await;
}

#[tokio::test]
async fn the_twentieth_bug_in_a_minute_ends_it() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.enter("alice").await;
        let bugs = [r#"{"type":7}"#, "no JSON", r#"{"type":"join","id":"b"}"#, "[]"];
        for bug in bugs.iter().cycle().take(19) {
            alice.say(bug).await;
            let error = alice.refused("bad_message").await;
            assert_eq!(error.get("id").is_some(), bug.contains("id"), "{error}");
            // What is no bug does not forgive one.
            alice.nothing_waits().await;
        }
        alice.say(r#"{"type":"join","id":"last","room":1}"#).await;
        let error = alice.closed(4400, "bad_message", "never").await;
        assert_eq!(error["id"], "last");
        host.stop().await;
    }
}

#[tokio::test]
async fn unknown_and_unsupported_types_are_no_bugs() {
    let host = Host::start(2, |_| {});
    let mut alice = host.enter("alice").await;
    let types =
        ["auth_ok", "joined", "error", "reconnect", "member_joined", "nonsense", "", "JOIN"];
    for kind in types.iter().cycle().take(40) {
        alice.say(json!({"type": kind, "id": "u"})).await;
        assert_eq!(alice.refused("unknown_type").await["id"], "u");
    }
    for _ in 0..20 {
        alice.say(json!({"type": "presence", "room": "lobby", "id": "u"})).await;
        assert_eq!(alice.refused("unsupported").await["id"], "u");
    }
    // `join.presence` is then ignored; so is whatever has no meaning.
    alice.say(json!({"type": "join", "room": "lobby", "presence": true, "x": [1]})).await;
    alice.expect("joined").await;
    host.stop().await;
}

#[tokio::test]
async fn ids_have_a_form_and_are_used_once_at_a_time() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.enter("alice").await;
        for id in [json!(""), json!("x".repeat(65)), json!("ä"), json!("\n"), json!(1), json!(null)]
        {
            alice.say(json!({"type": "ping", "id": id})).await;
            let error = alice.refused("bad_message").await;
            assert!(error.get("id").is_none(), "{error}");
        }
        for id in ["~ !", &"x".repeat(64)] {
            let pong = alice.ask(json!({"type": "ping", "id": id})).await;
            assert_eq!(pong, json!({"type": "pong", "id": id}));
        }
        // A join waits for the room: the second request finds the id in flight.
        let join = |room| json!({"type": "join", "id": "twice", "room": room});
        alice.say_all([join("a"), join("b")]).await;
        let mut answers = [alice.hear().await, alice.hear().await];
        answers.sort_by_key(|answer| answer["type"].to_string());
        assert_eq!(
            (&answers[0]["code"], &answers[0]["id"]),
            (&json!("duplicate_id"), &json!("twice"))
        );
        assert_eq!((&answers[1]["type"], &answers[1]["room"]), (&json!("joined"), &json!("a")));
        alice.say(join("b")).await;
        assert_eq!(alice.expect("joined").await["room"], "b");
        host.stop().await;
    }
}

#[tokio::test]
async fn pings_are_answered_in_kind() {
    let host = Host::start(2, |_| {});
    let mut alice = host.enter("alice").await;
    let longest = "ä".repeat(32);
    for payload in ["", "x", &longest] {
        let pong = alice.ask(json!({"type": "ping", "payload": payload})).await;
        assert_eq!(pong, json!({"type": "pong", "payload": payload}));
    }
    for payload in [json!("x".repeat(65)), json!(format!("{longest}x")), json!(1), json!(null)] {
        alice.say(json!({"type": "ping", "payload": payload})).await;
        alice.refused("bad_message").await;
    }
    alice.say(json!({"type": "pong"})).await;
    alice.send(&Frame::ping([7; 125])).await;
    assert_eq!(alice.listen().await, Heard::Pong(vec![7; 125]));
    // Between two fragments of a message, too.
    alice.send(&Frame::text(r#"{"type":"#).unfinished()).await;
    alice.send(&Frame::ping("now")).await;
    assert_eq!(alice.listen().await, Heard::Pong(b"now".to_vec()));
    alice.send(&Frame::new(Opcode::Continuation, r#""ping"}"#)).await;
    assert_eq!(alice.hear().await, json!({"type": "pong"}));
    host.stop().await;
}

/// A `message` of exactly this many bytes.
fn of_size(bytes: usize) -> String {
    let empty = message("").to_string().len();
    let text = message("x".repeat(bytes - empty)).to_string();
    assert_eq!(text.len(), bytes);
    text
}

#[tokio::test]
async fn a_message_over_its_cap_is_passed_over_and_one_over_the_transport_cap_ends_it() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", "lobby").await;
        alice.say(of_size(65_536)).await;
        alice.expect("ack").await;
        alice.expect("message").await;
        // More often than the bug budget has room for, whole and in pieces.
        for _ in 0..12 {
            alice.say(of_size(65_537)).await;
            assert!(alice.refused("too_big").await.get("id").is_none());
        }
        let text = of_size(256 * 1024);
        let (front, back) = text.split_at(100_000);
        for _ in 0..12 {
            alice.send(&Frame::text(front).unfinished()).await;
            alice.send(&Frame::new(Opcode::Continuation, back)).await;
            alice.refused("too_big").await;
        }
        alice.post("lobby", json!("still here")).await;
        alice.expect_post(2, json!("still here")).await;
        // By the header alone.
        alice.send(&Frame::text("").claiming(256 * 1024 + 1)).await;
        alice.closed(1009, "too_big", "never").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn fragments_are_capped_after_the_verdict_too() {
    let host = Host::start(2, |_| {});
    let mut alice = host.enter("alice").await;
    alice.write(&fragments(r#"{"type":"ping"}"#, 1_024)).await;
    assert_eq!(alice.hear().await, json!({"type": "pong"}));
    alice.write(&fragments(r#"{"type":"ping"}"#, 1_025)).await;
    alice.closed(1009, "too_big", "never").await;
    host.stop().await;
}

#[tokio::test]
async fn broken_frames_end_a_session_at_once() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        for (frame, code, name) in [
            (Frame::new(Opcode::Binary, "{}"), 1003, "binary"),
            (Frame::text(b"{\"type\":\"\xff\"}".to_vec()), 1007, "utf8"),
            (Frame::text("{}").unmasked(), 1002, "protocol"),
            (Frame::text("{}").first_byte(0xC1), 1002, "protocol"),
            (Frame::new(Opcode::Continuation, "{}"), 1002, "protocol"),
            (Frame::close(999), 1002, "protocol"),
        ] {
            let mut alice = host.member("alice", "lobby").await;
            alice.send(&frame).await;
            alice.closed(code, name, "never").await;
        }
        host.stop().await;
    }
}
