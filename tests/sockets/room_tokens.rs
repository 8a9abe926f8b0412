//! Room tokens over real sockets: for rooms that no login lists.

use crate::support::{Host, Peer, peer::token_message, token};
use serde_json::{Value, json};
use std::sync::Arc;
use vestibule::{protocol::room_rules::RoomRules, server::Settings};

fn granted(settings: &mut Settings) {
    settings.rules.rooms = RoomRules::granted();
}

fn lasting(room: &str, ms: i64, allow: Value) -> String {
    let exp = token::seconds_from_now(ms);
    token::sign(&json!({"sub": "alice", "room": room, "allow": allow, "exp": exp}))
}

/// A room token of `alice` for a minute.
fn pass(room: &str, allow: Value) -> String {
    lasting(room, 60_000, allow)
}

fn join(room: &str, token: &str) -> Value {
    json!({"type": "join", "id": "p", "room": room, "token": token})
}

async fn enter(peer: &mut Peer, room: &str, token: &str) {
    peer.say(join(room, token)).await;
    let joined = peer.expect("joined").await;
    assert_eq!((&joined["id"], &joined["room"]), (&json!("p"), &json!(room)));
}

#[tokio::test]
async fn a_room_token_opens_its_room_for_its_principal_and_for_what_it_allows() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, granted);
        let mut alice = host.enter("alice").await;
        let refused = alice.ask(json!({"type": "join", "id": "p", "room": "case:1"})).await;
        assert_eq!(refused["code"], "forbidden");
        enter(&mut alice, "case:1", &pass("case:1", json!(["join", "send"]))).await;
        alice.post("case:1", json!("hello")).await;
        alice.expect_post(1, json!("hello")).await;
        enter(&mut alice, "case:2", &pass("case:2", json!(["join"]))).await;
        let refused = alice.ask(json!({"type": "message", "room": "case:2", "payload": 1})).await;
        assert_eq!(refused["code"], "forbidden");
        // It is nobody else's.
        let mut bob = host.enter("bob").await;
        let refused = bob.ask(join("case:1", &pass("case:1", json!("*")))).await;
        assert_eq!((&refused["code"], &refused["id"]), (&json!("forbidden"), &json!("p")));
        host.stop().await;
    }
}

#[tokio::test]
async fn every_bad_room_token_has_its_error_and_the_session_goes_on() {
    let soon = token::seconds_from_now(60_000);
    let foreign = token::unsigned(&pass("den", json!("*")));
    for workers in crate::WORKERS {
        let host = Host::start(workers, granted);
        let mut alice = host.enter("alice").await;
        for (what, bad, code, retry) in [
            ("no token", "bad".to_owned(), "token_invalid", "refresh"),
            ("unsigned", foreign.clone(), "token_invalid", "refresh"),
            ("a login", token::token("alice"), "token_invalid", "refresh"),
            ("over 8 KiB", "x".repeat(8_193), "token_invalid", "refresh"),
            ("expired", lasting("den", -1_000, json!("*")), "token_expired", "refresh"),
            (
                "ahead",
                token::sign(&json!({"sub": "alice", "room": "den", "allow": "*", "exp": soon,
                    "nbf": soon})),
                "token_not_yet_valid",
                "backoff",
            ),
            ("another room", pass("hall", json!("*")), "forbidden", "never"),
            ("no join", pass("den", json!(["send"])), "forbidden", "never"),
            (
                "another issuer",
                token::sign(&json!({"sub": "alice", "iss": "else", "room": "den", "allow": "*",
                    "exp": soon})),
                "forbidden",
                "never",
            ),
        ] {
            let error = alice.ask(join("den", &bad)).await;
            let about = (&error["code"], &error["retry"], &error["room"], &error["fatal"]);
            assert_eq!(
                about,
                (&json!(code), &json!(retry), &json!("den"), &json!(false)),
                "{what}"
            );
        }
        enter(&mut alice, "den", &pass("den", json!("*"))).await;
        host.stop().await;
    }
}

#[tokio::test]
async fn a_room_token_is_no_login() {
    let host = Host::start(1, granted);
    let mut stranger = host.peer().await;
    stranger.say(token_message(&pass("den", json!("*")))).await;
    stranger.closed(4411, "token_invalid", "refresh").await;
    let mut alice = host.enter("alice").await;
    alice.say(token_message(&pass("den", json!("*")))).await;
    alice.refused("token_invalid").await;
    host.stop().await;
}

#[tokio::test]
async fn a_membership_ends_with_its_room_token_and_is_renewed_by_a_newer_one() {
    crate::at_once(async |workers| {
        let host = Host::start(workers, granted);
        let mut alice = host.enter("alice").await;
        enter(&mut alice, "short", &lasting("short", 700, json!("*"))).await;
        enter(&mut alice, "renewed", &lasting("renewed", 700, json!("*"))).await;
        enter(&mut alice, "renewed", &pass("renewed", json!("*"))).await;
        // A refresh takes nothing of that away.
        alice.say(token_message(&token::token("alice"))).await;
        assert_eq!(alice.expect("auth_ok").await["refreshed"], true);
        let left = alice.expect("left").await;
        assert_eq!(left, json!({"type": "left", "room": "short", "code": "token_expired"}));
        let refused = alice.ask(json!({"type": "message", "room": "short", "payload": 1})).await;
        assert_eq!(refused["code"], "not_joined");
        alice.post("renewed", json!(1)).await;
        alice.expect_post(1, json!(1)).await;
        host.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_behind_a_room_token_that_is_looked_up_waits_in_its_order() {
    for workers in crate::WORKERS {
        let turnstile = token::Turnstile::shut();
        let verifier = Arc::new(turnstile.clone());
        let host = Host::start(workers, |settings| {
            granted(settings);
            settings.verifier = verifier;
        });
        turnstile.let_pass(1);
        let mut alice = host.enter("alice").await;
        let message = json!({"type": "message", "id": "m", "room": "den", "payload": "behind"});
        alice.say_all([join("den", &pass("den", json!("*"))), message]).await;
        turnstile.asked(2).await;
        turnstile.let_pass(1);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            kinds.push(alice.hear().await["type"].as_str().expect("a type").to_owned());
        }
        kinds.sort_unstable();
        assert_eq!(kinds, ["ack", "joined", "message"]);
        host.stop().await;
    }
}
