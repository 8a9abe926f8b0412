//! The life of a session: refresh, expiry, signs of life.

use crate::support::{
    Frame, Heard, Host, Opcode, Peer,
    peer::{auth, token_message},
    soon,
    token::{self, Turnstile, ending_in, seconds_from_now, sign, token_with},
};
use serde_json::{Value, json};
use std::sync::Arc;
use vestibule::protocol::room_rules::RoomRules;

/// An `auth` with an id.
fn refresh(token: &str) -> Value {
    json!({"type": "auth", "id": "r", "payload": token})
}

#[tokio::test]
async fn a_refresh_keeps_the_connection_and_its_rooms() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let (mut alice, first) =
            host.enter_with(&token_with("alice", json!({"info": {"v": 1}}))).await;
        alice.join("lobby").await;
        let newer = token_with("alice", json!({"info": {"v": 2}, "limits": {"rooms": 5}}));
        let again = alice.ask(refresh(&newer)).await;
        assert_eq!((&again["type"], &again["id"]), (&json!("auth_ok"), &json!("r")));
        assert_eq!(again["refreshed"], true);
        assert_eq!((&again["connection"], &again["user"]), (&first["connection"], &first["user"]));
        assert_eq!(again["limits"]["rooms"], 5);
        alice.post("lobby", json!(1)).await;
        let message = alice.expect_post(1, json!(1)).await;
        assert_eq!(message["from"]["info"], json!({"v": 2}));
        host.stop().await;
    }
}

#[tokio::test]
async fn a_refresh_for_another_principal_ends_it() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        for other in [token::token("bob"), token_with("alice", json!({"iss": "elsewhere"}))] {
            let mut alice = host.member("alice", "lobby").await;
            alice.say(refresh(&other)).await;
            let error = alice.closed(4409, "principal_mismatch", "never").await;
            assert_eq!(error["id"], "r");
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn an_invalid_refresh_ends_nothing_until_the_fourth_in_a_minute() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", "lobby").await;
        let early = token_with("alice", json!({"nbf": seconds_from_now(60_000)}));
        for (token, code, retry) in [
            (token::unsigned(&token::token("bob")), "token_invalid", "refresh"),
            (ending_in("alice", -1_000), "token_expired", "refresh"),
            (early, "token_not_yet_valid", "backoff"),
        ] {
            alice.say(refresh(&token)).await;
            let error = alice.refused(code).await;
            assert_eq!((&error["retry"], &error["id"]), (&json!(retry), &json!("r")));
        }
        alice.post("lobby", json!(1)).await;
        alice.expect_post(1, json!(1)).await;
        alice.say(auth("alice")).await;
        assert_eq!(alice.expect("auth_ok").await["refreshed"], true);
        alice.say(refresh("bad")).await;
        let error = alice.closed(4429, "rate_limited", "backoff").await;
        assert!(error["retry_after_ms"].as_u64().is_some_and(|ms| ms <= 60_000), "{error}");
        host.stop().await;
    }
}

#[tokio::test]
async fn one_refresh_at_a_time_while_the_old_token_works_on() {
    for workers in crate::WORKERS {
        let turnstile = Turnstile::shut();
        turnstile.let_pass(1);
        let host = Host::start(workers, |settings| settings.verifier = Arc::new(turnstile.clone()));
        let mut alice = host.member("alice", "lobby").await;
        alice.say(refresh(&token::token("alice"))).await;
        turnstile.asked(2).await;
        alice.say(json!({"type": "auth", "id": "second", "payload": token::token("alice")})).await;
        let error = alice.refused("refresh_in_progress").await;
        assert_eq!((&error["id"], &error["retry"]), (&json!("second"), &json!("backoff")));
        alice.say(json!({"type": "ping", "id": "r"})).await;
        assert_eq!(alice.refused("duplicate_id").await["id"], "r");
        alice.post("lobby", json!(1)).await;
        alice.expect_post(1, json!(1)).await;
        turnstile.let_pass(1);
        assert_eq!(alice.expect("auth_ok").await["id"], "r");
        host.stop().await;
    }
}

#[tokio::test]
async fn a_lost_room_is_left_behind_the_auth_ok_and_says_nothing_more() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.rules.rooms = RoomRules::granted());
        let all = json!({"rooms": {"a": "*", "b": "*", "c": "*"}});
        let less = json!({"rooms": {"a": "*", "c": ["join"]}});
        let (mut alice, _) = host.enter_with(&token_with("alice", all.clone())).await;
        let (mut bob, _) = host.enter_with(&token_with("bob", all)).await;
        for room in ["a", "b", "c"] {
            alice.join(room).await;
            bob.join(room).await;
        }
        alice.say(refresh(&token_with("alice", less))).await;
        alice.expect("auth_ok").await;
        let left = alice.expect("left").await;
        assert_eq!(left, json!({"type": "left", "room": "b", "code": "forbidden"}));
        bob.post("b", json!("gone")).await;
        bob.expect_post(1, json!("gone")).await;
        bob.post("a", json!("here")).await;
        alice.expect_post(1, json!("here")).await;
        alice.say(json!({"type": "message", "room": "c", "payload": 1})).await;
        alice.refused("forbidden").await;
        alice.say(json!({"type": "message", "room": "b", "payload": 1})).await;
        alice.refused("not_joined").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn a_token_that_ends_is_announced_and_then_ends_the_session() {
    crate::at_once(async |workers| {
        let host = Host::start(workers, |_| {});
        let mut bob = host.member("bob", "lobby").await;
        let life = 1_500;
        let end = token::now().as_ms() + life;
        let (mut alice, _) = host.enter_with(&ending_in("alice", life as i64)).await;
        alice.join("lobby").await;
        let expiring = alice.expect("auth_expiring").await;
        let left = expiring["expires_in_ms"].as_u64().expect("a number");
        assert!(left <= life / 5, "{expiring}");
        alice.closed(4412, "token_expired", "refresh").await;
        assert!(token::now().as_ms() >= end, "before its time");
        bob.post("lobby", json!("still here")).await;
        bob.expect_post(1, json!("still here")).await;
        host.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_refresh_in_time_carries_the_session_over_the_end_of_its_token() {
    crate::at_once(async |workers| {
        let turnstile = Turnstile::shut();
        turnstile.let_pass(1);
        let host = Host::start(workers, |settings| settings.verifier = Arc::new(turnstile.clone()));
        let end = token::now().as_ms() + 2_000;
        let (mut alice, _) = host.enter_with(&ending_in("alice", 2_000)).await;
        alice.expect("auth_expiring").await;
        // The verdict comes after the end of the old token, which waits for it.
        alice.say(refresh(&token::token("alice"))).await;
        turnstile.asked(2).await;
        let late = std::time::Duration::from_millis(end.saturating_sub(token::now().as_ms()) + 50);
        assert!(tokio::time::timeout(late, alice.next()).await.is_err(), "it is held back");
        turnstile.let_pass(1);
        assert_eq!(alice.expect("auth_ok").await["refreshed"], true);
        alice.join("lobby").await;
        host.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_early_warning_comes_at_once_and_once_for_each_token() {
    let host = Host::start(2, |_| {});
    // Most of its life is over.
    let token = sign(&json!({"sub": "alice", "iat": seconds_from_now(-3_600_000),
        "exp": seconds_from_now(30_000)}));
    let (mut alice, auth_ok) = host.enter_with(&token).await;
    let expiring = alice.expect("auth_expiring").await;
    assert!(expiring["expires_in_ms"].as_u64() <= auth_ok["expires_in_ms"].as_u64());
    alice.say(refresh(&token)).await;
    alice.expect("auth_ok").await;
    alice.nothing_waits().await;
    let other = sign(&json!({"sub": "alice", "iat": seconds_from_now(-3_600_000),
        "exp": seconds_from_now(29_000)}));
    alice.say(refresh(&other)).await;
    alice.expect("auth_ok").await;
    alice.expect("auth_expiring").await;
    host.stop().await;
}

fn host_with_heartbeat(workers: usize, timeout_ms: u64) -> Host {
    Host::start(workers, |settings| {
        settings.rules.session.heartbeat_interval_ms = 100;
        settings.rules.session.heartbeat_timeout_ms = timeout_ms;
    })
}

#[tokio::test]
async fn silence_is_asked_for_a_sign_of_life_and_then_ends() {
    crate::at_once(async |workers| {
        let host = host_with_heartbeat(workers, 200);
        let mut alice = host.member("alice", "lobby").await;
        // Something went out in the first interval: no text `ping` needed in it.
        while alice.listen().await != Heard::Ping(vec![]) {}
        alice.closed(4421, "heartbeat_timeout", "now").await;
        host.stop().await;
    })
    .await;
}

/// Answers each Ping with these bytes, until there were three and a text one among them.
async fn lives_on(mut peer: Peer, sign: Vec<u8>) {
    let (mut pings, mut texts) = (0, 0);
    while pings < 3 || texts < 1 {
        match peer.listen().await {
            Heard::Ping(_) => {
                pings += 1;
                peer.write(&sign).await;
            }
            Heard::Text(text) => {
                assert_eq!(text, r#"{"type":"ping"}"#);
                texts += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn any_byte_is_a_sign_of_life() {
    let host = host_with_heartbeat(2, 600);
    // A frame that goes on for ever is one, too.
    let mut endless = host.enter("carol").await;
    endless.send(&Frame::text("").claiming(1_000)).await;
    let lives = async {
        tokio::join!(
            lives_on(host.enter("alice").await, Frame::new(Opcode::Pong, "").bytes()),
            lives_on(host.enter("bob").await, Frame::text(r#"{"type":"pong"}"#).bytes()),
            lives_on(endless, vec![0xA5]),
        )
    };
    soon("three beats", lives).await;
    host.stop().await;
}

#[tokio::test]
async fn a_token_message_is_the_first_message_again() {
    let host = Host::start(1, |_| {});
    let mut alice = host.enter("alice").await;
    // A malformed one is a bug like any other.
    for text in [r#"{"type":"auth"}"#, r#"{"type":"auth","payload":7,"id":"r"}"#] {
        alice.say(text).await;
        alice.refused("bad_message").await;
    }
    alice.say(token_message(&"x".repeat(9_000))).await;
    alice.refused("token_invalid").await;
    host.stop().await;
}
