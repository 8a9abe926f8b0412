//! Looks at users who are in: who is put out, when, and how often the backend is asked.

use crate::{
    WORKERS,
    backend::{Backend, Mood},
    checks, host,
    support::{Peer, peer::auth, soon, token},
};
use serde_json::json;
use vestibule::directory::Bounds;

/// Everybody is looked at five times a second.
const OFTEN: Bounds =
    Bounds { timeout_ms: 5_000, concurrency: 4, cache_ms: 20, cache_users: 100, recheck_ms: 200 };

#[tokio::test]
async fn a_user_who_is_disabled_leaves_with_all_connections_and_nobody_else_does() {
    for workers in WORKERS {
        for gone in [json!({"status": "disabled"}), json!({"status": "unknown"})] {
            let backend = Backend::start().await;
            backend.active("ann");
            backend.active("bob");
            let checks = checks(&backend, OFTEN);
            let host = host(workers, &checks, |_| {});
            let mut anns = Vec::new();
            for _ in 0..3 {
                anns.push(host.member("ann", "lobby").await);
            }
            let mut bob = host.member("bob", "lobby").await;
            backend.say("ann", gone);
            for ann in &mut anns {
                ann.closed(4410, "revoked", "sign_in").await;
            }
            // Her rooms are left, and he goes on.
            bob.post("lobby", json!("alone")).await;
            bob.expect_post(1, json!("alone")).await;
            assert_eq!(checks.register.figures().revoked, 1, "one user, three connections");
            host.stop().await;
        }
    }
}

#[tokio::test]
async fn an_outage_puts_nobody_out() {
    let mut backend = Backend::start().await;
    backend.active("ann");
    let checks = checks(&backend, OFTEN);
    let host = host(2, &checks, |_| {});
    let mut ann = host.member("ann", "lobby").await;
    for answer in ["<html>", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"] {
        backend.mood(Mood::Says(answer));
        backend.was_asked(backend.asked() + 3).await;
        ann.nothing_waits().await;
    }
    backend.stop().await;
    ann.nothing_waits().await;
    backend.start_again().await;
    backend.mood(Mood::Good);
    backend.was_asked(backend.asked() + 2).await;
    ann.nothing_waits().await;
    assert!(checks.register.figures().failed >= 4);
    backend.disable("ann");
    ann.closed(4410, "revoked", "sign_in").await;
    host.stop().await;
}

#[tokio::test]
async fn a_user_is_one_question_however_many_connections() {
    for workers in WORKERS {
        let backend = Backend::start().await;
        let checks = checks(&backend, OFTEN);
        let host = host(workers, &checks, |_| {});
        let mut peers: Vec<Peer> = Vec::new();
        for n in 0..5 {
            backend.active(&n.to_string());
            for _ in 0..20 {
                peers.push(host.enter(&n.to_string()).await);
            }
        }
        let before = (0..5).map(|n| backend.asked_about(&n.to_string())).collect::<Vec<_>>();
        // Until one of them was looked at ten times, none was looked at much more often.
        let rounds = async {
            while backend.asked_about("0") < before[0] + 10 {
                backend.was_asked(backend.asked() + 1).await;
            }
        };
        soon("ten rounds", rounds).await;
        for (n, before) in before.iter().enumerate() {
            let asked = backend.asked_about(&n.to_string()) - before;
            assert!((8..=12).contains(&asked), "user {n} was looked at {asked} times");
        }
        for peer in &mut peers {
            peer.nothing_waits().await;
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn an_answer_can_shorten_the_time_to_the_next_look() {
    let backend = Backend::start().await;
    backend.say("ann", json!({"status": "active", "recheck_ms": 1_000}));
    let bounds = Bounds { recheck_ms: 3_600_000, cache_ms: 60_000, ..OFTEN };
    let host = host(1, &checks(&backend, bounds), |_| {});
    let mut ann = host.enter("ann").await;
    backend.was_asked(2).await;
    backend.disable("ann");
    ann.closed(4410, "revoked", "sign_in").await;
    assert_eq!(backend.asked(), 3);
    host.stop().await;
}

#[tokio::test]
async fn a_time_that_an_answer_set_outlasts_an_outage_and_is_one_however_many_answers() {
    let backend = Backend::start().await;
    backend.say("ann", json!({"status": "active", "recheck_ms": 1_000}));
    let bounds = Bounds { recheck_ms: 0, cache_ms: 0, ..OFTEN };
    let host = host(1, &checks(&backend, bounds), |_| {});
    let mut ann = host.enter("ann").await;
    for _ in 0..15 {
        ann.sign_in(&token::token("ann")).await;
    }
    let began = tokio::time::Instant::now();
    let asked = backend.asked();
    backend.was_asked(asked + 1).await;
    backend.mood(Mood::Says("<html>"));
    backend.was_asked(asked + 3).await;
    backend.mood(Mood::Good);
    assert!(began.elapsed().as_millis() > 2_500, "three looks, a second apart");
    backend.disable("ann");
    ann.closed(4410, "revoked", "sign_in").await;
    host.stop().await;
}

#[tokio::test]
async fn a_reload_goes_on_with_the_looks_and_a_new_directory_counts_at_once() {
    let old = Backend::start().await;
    let new = Backend::start().await;
    old.active("ann");
    new.active("bob");
    let (first, second) = (checks(&old, OFTEN), checks(&new, OFTEN));
    let mut settings =
        vestibule::server::Settings::new(std::sync::Arc::new(crate::support::token::verifier()));
    settings.workers = 2;
    settings.directory = Some(first.clone());
    let server = vestibule::server::Server::bind(settings).expect("a port");
    let (handle, addr) = (server.handle(), server.local_addr().expect("an address"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    let mut ann = Peer::connect(addr).await;
    ann.say(auth("ann")).await;
    ann.expect("auth_ok").await;
    let again = |checks| {
        let verifier = std::sync::Arc::new(crate::support::token::verifier());
        let mut settings = vestibule::server::Settings::new(verifier);
        settings.directory = checks;
        settings
    };
    // The same register: its users go on being looked at.
    handle.reload(again(Some(first))).await.expect("it serves");
    old.was_asked(old.asked() + 3).await;
    ann.nothing_waits().await;
    // Another one, which does not know her.
    handle.reload(again(Some(second))).await.expect("it serves");
    ann.closed(4410, "revoked", "sign_in").await;
    let mut bob = Peer::connect(addr).await;
    bob.say(auth("bob")).await;
    bob.expect("auth_ok").await;
    // None at all: nobody is asked.
    handle.reload(again(None)).await.expect("it serves");
    let asked = (old.asked(), new.asked());
    let mut eve = Peer::connect(addr).await;
    eve.say(auth("eve")).await;
    eve.expect("auth_ok").await;
    assert_eq!((old.asked(), new.asked()), asked);
    stop.send(()).expect("it runs");
    soon("the end", running).await.expect("no panic").expect("no failure");
}
