//! Messages that nobody remembers: who hears them, and who may send them.

use crate::support::{Host, token};
use serde_json::{Value, json};
use vestibule::protocol::{
    grant::Pattern,
    room_rules::{Access, RoomRate, RoomRule, RoomRules, RoomTerms},
};

/// Somebody types in `room`.
fn typing(room: &str) -> Value {
    json!({"type": "message", "room": room, "payload": "typing", "ephemeral": true, "id": "e"})
}

fn ruled(pattern: &str, terms: RoomTerms) -> RoomRules {
    let pattern = Pattern::parse(pattern).expect("a pattern");
    RoomRules::new(vec![RoomRule { pattern, terms }], RoomTerms::new(Access::Open))
}

#[tokio::test]
async fn an_ephemeral_message_reaches_those_who_are_there_and_nobody_else() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", "lobby").await;
        let mut bob = host.enter("bob").await;
        let epoch = bob.join("lobby").await["epoch"].clone();
        let ack = alice.ask(typing("lobby")).await;
        let expected = json!({"type": "ack", "id": "e", "room": "lobby", "at_ms": ack["at_ms"]});
        assert_eq!((&ack, ack["at_ms"].is_u64()), (&expected, true));
        for peer in [&mut alice, &mut bob] {
            let expected = json!({"type": "message", "room": "lobby", "from": {"user": "alice"},
                "at_ms": ack["at_ms"], "payload": "typing"});
            assert_eq!(peer.hear().await, expected);
        }
        let first = alice.post("lobby", json!(1)).await;
        assert_eq!(first["seq"], 1, "it took no number");
        assert!(first["at_ms"].as_u64() >= ack["at_ms"].as_u64(), "time goes on");
        alice.expect_post(1, json!(1)).await;
        bob.expect_post(1, json!(1)).await;
        // Neither who comes later nor who looks back finds it.
        let mut carol = host.enter("carol").await;
        let joined = carol.join_since("lobby", json!({"epoch": epoch, "seq": 0})).await;
        assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(true), &json!(1)));
        carol.expect_post(1, json!(1)).await;
        let page = carol.ask(json!({"type": "history", "room": "lobby"})).await;
        assert_eq!(
            (page["messages"].as_array().map(Vec::len), &page["more"]),
            (Some(1), &json!(false))
        );
        carol.nothing_waits().await;
        host.stop().await;
    }
}

#[tokio::test]
async fn without_an_id_there_is_no_ack_and_false_is_no_wish() {
    let host = Host::start(1, |_| {});
    let mut alice = host.member("alice", "lobby").await;
    let mut quiet = typing("lobby");
    quiet.as_object_mut().expect("an object").remove("id");
    let heard = alice.ask(quiet).await;
    assert_eq!((&heard["type"], heard.get("seq")), (&json!("message"), None));
    alice.nothing_waits().await;
    let mut lasting = typing("lobby");
    lasting["ephemeral"] = json!(false);
    assert_eq!(alice.ask(lasting).await["seq"], 1);
    alice.expect_post(1, json!("typing")).await;
    host.stop().await;
}

#[tokio::test]
async fn an_ephemeral_message_needs_membership_and_the_right_to_send_and_takes_no_key() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.rules.rooms = RoomRules::granted());
        let rooms = json!({"rooms": {"lobby": "*", "stage": ["join", "history"]}});
        let (mut alice, _) = host.enter_with(&token::token_with("alice", rooms)).await;
        alice.say(typing("lobby")).await;
        assert_eq!(alice.refused("not_joined").await["id"], "e");
        alice.join("lobby").await;
        let mut keyed = typing("lobby");
        keyed["idempotency_key"] = json!("k");
        alice.say(keyed).await;
        assert_eq!(alice.refused("bad_message").await["id"], "e");
        alice.join("stage").await;
        alice.say(typing("stage")).await;
        assert_eq!(alice.refused("forbidden").await["room"], "stage");
        alice.nothing_waits().await;
        host.stop().await;
    }
}

#[tokio::test]
async fn the_rules_of_a_room_hold_for_ephemeral_messages() {
    let none = RoomTerms { ephemeral: false, ..RoomTerms::new(Access::Open) };
    let host = Host::start(1, |settings| settings.rules.rooms = ruled("archive", none));
    let mut alice = host.member("alice", "archive").await;
    alice.say(typing("archive")).await;
    let error = alice.refused("forbidden").await;
    assert_eq!((&error["id"], &error["room"]), (&json!("e"), &json!("archive")));
    assert_eq!(alice.post("archive", json!(1)).await["seq"], 1, "others are welcome");
    host.stop().await;

    let rate = Some(RoomRate { messages_per_s: 1, burst: 2 });
    let narrow = RoomTerms { rate, message_bytes: Some(200), ..RoomTerms::new(Access::Open) };
    let host = Host::start(1, |settings| settings.rules.rooms = ruled("narrow", narrow));
    let mut alice = host.member("alice", "narrow").await;
    let mut large = typing("narrow");
    large["payload"] = json!("x".repeat(200));
    alice.say(large).await;
    assert_eq!(alice.refused("too_big").await["id"], "e");
    for _ in 0..2 {
        assert_eq!(alice.ask(typing("narrow")).await["type"], "ack");
        alice.expect("message").await;
    }
    alice.say(typing("narrow")).await;
    let error = alice.refused("rate_limited").await;
    assert_eq!((&error["room"], error["retry_after_ms"].is_u64()), (&json!("narrow"), true));
    alice.nothing_waits().await;
    host.stop().await;
}

#[tokio::test]
async fn ephemeral_messages_draw_on_the_rate_of_messages() {
    let host = Host::start(1, |settings| {
        settings.rules.session.messages_per_s = 1;
        settings.rules.session.burst = 2;
    });
    let mut alice = host.member("alice", "lobby").await;
    for _ in 0..2 {
        assert_eq!(alice.ask(typing("lobby")).await["type"], "ack");
        alice.expect("message").await;
    }
    alice.say(typing("lobby")).await;
    assert_eq!(alice.refused("rate_limited").await["id"], "e");
    host.stop().await;
}
