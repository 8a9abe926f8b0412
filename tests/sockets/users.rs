//! How many connections a user may hold, over all workers.

use crate::support::{Frame, Heard, Host, Opcode, peer::auth, soon, token};
use serde_json::json;
use vestibule::config::OnUserLimit;

/// Signs in as `user` until there is a place.
async fn place(host: &Host, user: &str) {
    loop {
        let mut peer = host.peer().await;
        peer.say(auth(user)).await;
        if peer.hear().await["type"] == "auth_ok" {
            return;
        }
    }
}

#[tokio::test]
async fn one_connection_too_many_is_refused() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.connections_per_user = 2);
        let first = host.enter("alice").await;
        let mut second = host.enter("alice").await;
        for _ in 0..3 {
            let mut third = host.peer().await;
            third.say(auth("alice")).await;
            third.closed(4430, "too_many_connections", "backoff").await;
        }
        host.enter("bob").await;
        // A refresh needs no place of its own.
        second.sign_in(&token::token("alice")).await;
        first.reset();
        soon("a free place", place(&host, "alice")).await;
        second.nothing_waits().await;
        host.stop().await;
    }
}

#[tokio::test]
async fn a_token_can_lower_the_number() {
    let host = Host::start(2, |_| {});
    let token = token::token_with("alice", json!({"limits": {"connections": 1}}));
    let (_first, _) = host.enter_with(&token).await;
    let mut second = host.peer().await;
    second.say(json!({"type": "auth", "payload": token})).await;
    second.closed(4430, "too_many_connections", "backoff").await;
    host.enter("alice").await;
    host.stop().await;
}

#[tokio::test]
async fn the_newest_may_replace_the_oldest_on_any_worker() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| {
            settings.connections_per_user = 2;
            settings.on_user_limit = OnUserLimit::ReplaceOldest;
        });
        let mut held = Vec::new();
        for n in 0..2 {
            held.push(host.member("alice", &format!("room {n}").replace(' ', "_")).await);
        }
        for _ in 0..4 {
            held.push(host.member("alice", "lobby").await);
            let mut oldest = held.remove(0);
            oldest.closed(4423, "replaced", "never").await;
        }
        held[1].post("lobby", json!(1)).await;
        for peer in &mut held {
            peer.expect_post(1, json!(1)).await;
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn whoever_fails_to_sign_in_takes_no_place_of_the_user() {
    let host = Host::start(2, |settings| settings.connections_per_user = 1);
    for _ in 0..3 {
        let mut peer = host.peer().await;
        peer.say(json!({"type": "auth", "payload": token::unsigned(&token::token("alice"))})).await;
        assert!(matches!(peer.listen().await, Heard::Text(_)));
    }
    host.enter("alice").await;
    host.stop().await;
}

#[tokio::test]
async fn who_has_said_goodbye_may_come_back_at_once() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.connections_per_user = 1);
        // Connections whose peers do not hang up.
        let mut closed = Vec::new();
        for _ in 0..3 {
            let mut peer = host.enter("alice").await;
            peer.send(&Frame::close(1000)).await;
            assert_eq!(peer.listen().await, Heard::Close(Some(1000), String::new()));
            closed.push(peer);
            let mut peer = host.enter("alice").await;
            peer.send(&Frame::new(Opcode::Binary, "")).await;
            peer.closed(1003, "binary", "never").await;
            closed.push(peer);
        }
        host.stop().await;
    }
}
