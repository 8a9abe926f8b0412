//! The drain: nobody new, a word to everybody, an end in time.

use crate::support::{
    Heard, Host, Peer,
    peer::{auth, handshake},
    soon,
    token::Turnstile,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::Instant;

const DRAIN_MS: u64 = 1_500;

async fn status(addr: SocketAddr, request: &str) -> String {
    let mut peer = Peer::dial(addr).await;
    peer.write(request.as_bytes()).await;
    peer.head().await
}

/// Reads the 1012 of a session and returns its delay.
async fn restarted(peer: &mut Peer) -> u64 {
    loop {
        match peer.listen().await {
            Heard::Close(Some(1012), reason) => {
                let after = reason.strip_prefix("restart after=").expect("a delay");
                assert_eq!(peer.listen().await, Heard::End);
                return after.parse().expect("milliseconds");
            }
            Heard::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn sessions_are_served_until_their_close_and_nobody_new_is_let_in() {
    crate::at_once(async |workers| {
        let host = Host::start(workers, |settings| settings.drain_ms = DRAIN_MS);
        let addr = host.addr;
        let mut alice = host.member("alice", "lobby").await;
        let mut waiting = host.peer().await;
        let mut bob = host.member("bob", "lobby").await;
        let began = Instant::now();
        let running = host.shut_down();
        for peer in [&mut alice, &mut bob] {
            let reconnect = peer.expect("reconnect").await;
            assert!(reconnect["after_ms"].is_u64() && reconnect["reason"].is_string());
        }
        // Who has no session hears only when to come back.
        restarted(&mut waiting).await;
        alice.post("lobby", json!("last words")).await;
        alice.expect_post(1, json!("last words")).await;
        bob.expect_post(1, json!("last words")).await;
        for _ in 0..2 * workers {
            let ready = status(addr, "GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
            assert!(ready.starts_with("HTTP/1.1 503 "), "{ready:?}");
            let refused = status(addr, &handshake("")).await;
            assert!(refused.starts_with("HTTP/1.1 503 "), "{refused:?}");
            assert!(refused.contains("Retry-After: "), "{refused}");
        }
        restarted(&mut alice).await;
        restarted(&mut bob).await;
        drop((alice, bob, waiting));
        soon("the end", running).await.expect("no panic").expect("no failure");
        assert!(began.elapsed() < Duration::from_millis(DRAIN_MS + 1_000), "{:?}", began.elapsed());
        assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "nobody listens");
    })
    .await;
}

/// A worker without connections must not stop answering while others still drain.
#[tokio::test]
async fn one_session_is_enough_to_keep_all_workers_answering() {
    let host = Host::start(2, |settings| settings.drain_ms = DRAIN_MS);
    let addr = host.addr;
    let mut alice = host.enter("alice").await;
    let running = host.shut_down();
    alice.expect("reconnect").await;
    for _ in 0..6 {
        let ready = status(addr, "GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert!(ready.starts_with("HTTP/1.1 503 "), "{ready:?}");
    }
    restarted(&mut alice).await;
    drop(alice);
    soon("the end", running).await.expect("no panic").expect("no failure");
}

#[tokio::test]
async fn an_empty_server_ends_at_once_and_a_silent_peer_does_not_hold_it() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.drain_ms = 60_000);
        let began = Instant::now();
        host.stop().await;
        assert!(began.elapsed() < Duration::from_secs(10));

        let host = Host::start(workers, |settings| settings.drain_ms = 200);
        let _silent = host.member("alice", "lobby").await;
        let _before = host.peer().await;
        let began = Instant::now();
        host.stop().await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_verification_under_way_is_not_waited_for() {
    crate::at_once(async |workers| {
        let turnstile = Turnstile::shut();
        let host = Host::start(workers, |settings| {
            settings.drain_ms = DRAIN_MS;
            settings.verifier = Arc::new(turnstile.clone());
        });
        let mut alice = host.peer().await;
        alice.say(auth("alice")).await;
        turnstile.asked(1).await;
        let running = host.shut_down();
        restarted(&mut alice).await;
        drop(alice);
        soon("the end", running).await.expect("no panic").expect("no failure");
    })
    .await;
}

#[tokio::test]
async fn delays_are_spread() {
    let host = Host::start(2, |settings| settings.drain_ms = 500);
    let mut peers = Vec::new();
    for n in 0..20 {
        peers.push(host.enter(&format!("user {n}")).await);
    }
    let running = host.shut_down();
    let mut delays = Vec::new();
    for peer in &mut peers {
        let reconnect: Value = peer.expect("reconnect").await;
        delays.push(reconnect["after_ms"].as_u64().expect("milliseconds"));
        restarted(peer).await;
    }
    drop(peers);
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 5, "{delays:?}");
    soon("the end", running).await.expect("no panic").expect("no failure");
}

#[tokio::test]
async fn without_any_time_there_is_still_a_close() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.drain_ms = 0);
        let mut ready = host.member("alice", "lobby").await;
        let mut waiting = host.peer().await;
        let running = host.shut_down();
        ready.expect("reconnect").await;
        restarted(&mut ready).await;
        restarted(&mut waiting).await;
        soon("the end", running).await.expect("no panic").expect("no failure");
    }
}
