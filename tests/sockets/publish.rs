//! Publishing: payloads byte for byte, authors, retries that do not double.

use crate::support::{Host, token};
use serde_json::json;

#[tokio::test]
async fn payloads_pass_byte_for_byte() {
    let payloads = [
        "null",
        "false",
        "0",
        "-0",
        "12345678901234567890123",
        "1.0000000000000000000000001",
        "1E400",
        "-1e-400",
        r#""""#,
        r#""\u0041\/\"\\ \u2028 ä \ud83d\ude00""#,
        "[ 1,2 ,\t[] , { } ]",
        r#"{ "b":1 , "a" : {"type":"message","room":"x"}, "" : null}"#,
    ];
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", "lobby").await;
        let mut bob = host.member("bob", "lobby").await;
        for payload in payloads {
            // Members in another order, and with white space around.
            alice
                .say(format!(r#"{{"payload": {payload} ,"room":"lobby","type":"message"}}"#))
                .await;
            let text = alice.text().await;
            assert!(text.contains(&format!(r#""payload":{payload}}}"#)), "{payload} in {text}");
            assert_eq!(bob.text().await, text);
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn a_payload_that_is_no_good_json_is_refused() {
    let host = Host::start(1, |_| {});
    let mut alice = host.member("alice", "lobby").await;
    for payload in [r#"{"a":1,"a":2}"#, r#""\udc00""#, "01", "[1,]", "NaN", "'x'"] {
        alice.say(format!(r#"{{"type":"message","room":"lobby","payload":{payload}}}"#)).await;
        alice.refused("bad_message").await;
    }
    // Two levels are the envelope's and the first bracket's: 15 more pass, 16 do not.
    for (depth, passes) in [(15, true), (16, false)] {
        let payload = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        alice.say(format!(r#"{{"type":"message","room":"lobby","payload":{payload}}}"#)).await;
        if passes {
            alice.expect("message").await;
        } else {
            alice.refused("bad_message").await;
        }
    }
    for members in [
        json!({}),
        json!({"payload": 1, "idempotency_key": ""}),
        json!({"payload": 1, "idempotency_key": "x".repeat(65)}),
        json!({"payload": 1, "idempotency_key": "ä"}),
        json!({"payload": 1, "idempotency_key": null}),
        json!({"payload": 1, "ephemeral": "yes"}),
    ] {
        let mut message = json!({"type": "message", "room": "lobby", "id": "b"});
        message
            .as_object_mut()
            .expect("object")
            .extend(members.as_object().expect("object").clone());
        alice.say(&message).await;
        assert_eq!(alice.refused("bad_message").await["id"], "b", "{message}");
    }
    let both = r#"{"type":"message","room":"lobby","payload":1,"id":"e","ephemeral":true,"idempotency_key":"k"}"#;
    alice.say(both).await;
    assert_eq!(alice.refused("bad_message").await["id"], "e");
    host.stop().await;
}

#[tokio::test]
async fn others_see_the_user_and_the_info_of_the_token() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let info = json!({"name": "Alice", "n": 1});
        let (mut alice, _) =
            host.enter_with(&token::token_with("alice", json!({"info": info}))).await;
        let mut bob = host.member("bob", "lobby").await;
        alice.join("lobby").await;
        alice
            .say(json!({"type": "message", "room": "lobby", "payload": 1,
            "from": {"user": "bob"}, "user": "bob", "seq": 7, "at_ms": 0}))
            .await;
        for peer in [&mut alice, &mut bob] {
            let message = peer.expect_post(1, json!(1)).await;
            assert_eq!(message["from"], json!({"user": "alice", "info": info}));
            assert!(message["at_ms"].as_u64().is_some_and(|at| at > 0));
        }
        host.stop().await;
    }
}

fn keyed(id: &str, payload: &str) -> serde_json::Value {
    json!({"type": "message", "id": id, "room": "lobby", "payload": payload,
        "idempotency_key": "key 1"})
}

#[tokio::test]
async fn a_retry_is_acknowledged_as_the_first_time_and_delivered_once() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", "lobby").await;
        let mut bob = host.member("bob", "lobby").await;
        alice.say(keyed("1", "first")).await;
        let first = alice.expect("ack").await;
        alice.expect_post(1, json!("first")).await;
        alice.post("lobby", json!("between")).await;
        alice.expect_post(2, json!("between")).await;
        alice.reset();
        // The retry comes on another connection, perhaps of another worker.
        let mut alice = host.member("alice", "lobby").await;
        let again = alice.ask(keyed("2", "not the first")).await;
        let mut expected = first.clone();
        expected["id"] = json!("2");
        expected["duplicate"] = json!(true);
        assert_eq!(again, expected);
        // The same key of another user is another key.
        bob.expect_post(1, json!("first")).await;
        bob.expect_post(2, json!("between")).await;
        bob.say(keyed("3", "bob's")).await;
        let own = bob.expect("ack").await;
        assert_eq!((&own["seq"], own.get("duplicate")), (&json!(3), None));
        bob.expect_post(3, json!("bob's")).await;
        alice.expect_post(3, json!("bob's")).await;
        host.stop().await;
    }
}

#[tokio::test]
async fn a_key_is_shown_to_its_author_alone_in_replay_too() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.enter("alice").await;
        let epoch = alice.join("lobby").await["epoch"].clone();
        let mut second = host.member("alice", "lobby").await;
        let mut bob = host.member("bob", "lobby").await;
        alice.say(keyed("1", "first")).await;
        alice.expect("ack").await;
        for peer in [&mut alice, &mut second] {
            let message = peer.expect_post(1, json!("first")).await;
            assert_eq!(message["idempotency_key"], "key 1");
        }
        assert!(bob.expect_post(1, json!("first")).await.get("idempotency_key").is_none());
        for (user, key) in [("alice", Some(json!("key 1"))), ("bob", None), ("carol", None)] {
            let mut peer = host.enter(user).await;
            peer.join_since("lobby", json!({"epoch": epoch, "seq": 0})).await;
            let message = peer.expect_post(1, json!("first")).await;
            assert_eq!(message.get("idempotency_key"), key.as_ref(), "{user}");
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn without_an_id_there_is_no_ack() {
    let host = Host::start(2, |_| {});
    let mut alice = host.member("alice", "lobby").await;
    for n in 1..=3 {
        alice.say(json!({"type": "message", "room": "lobby", "payload": n})).await;
        alice.expect_post(n, json!(n)).await;
    }
    host.stop().await;
}
