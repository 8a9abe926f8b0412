//! Sign-ins: who is let in, what an outage is called, and how often the backend is asked.

use crate::{
    KEY, WORKERS,
    backend::{Backend, Mood},
    checks, host,
    support::{
        Heard, Host, Peer,
        peer::{auth, token_message},
        soon, token,
    },
};
use serde_json::{Value, json};
use vestibule::directory::{Bounds, NEGATIVE_MS};

/// Answers count for nothing, and everything is asked at once.
const FRESH: Bounds =
    Bounds { timeout_ms: 5_000, concurrency: 64, cache_ms: 0, cache_users: 0, recheck_ms: 0 };

async fn knock(host: &Host, user: &str) -> Peer {
    let mut peer = host.peer().await;
    peer.say(auth(user)).await;
    peer
}

#[tokio::test]
async fn who_exists_and_is_active_comes_in() {
    for workers in WORKERS {
        let backend = Backend::start().await;
        backend.active("ann");
        backend.disable("eve");
        let host = host(workers, &checks(&backend, Bounds::default()), |_| {});
        host.enter("ann").await.nothing_waits().await;
        assert_eq!(backend.key(), format!("Bearer {KEY}"));
        let unknown = knock(&host, "bob").await.closed(4411, "token_invalid", "refresh").await;
        knock(&host, "eve").await.closed(4410, "revoked", "sign_in").await;
        // Who does not exist looks like a forgery, about which nobody is asked.
        let asked = backend.asked();
        let mut forger = host.peer().await;
        let forged = token::forge(r#"{"alg":"HS384"}"#, r#"{"sub":"ann","exp":99999999999}"#);
        forger.say(token_message(&forged)).await;
        assert_eq!(forger.closed(4411, "token_invalid", "refresh").await, unknown);
        assert_eq!((asked, backend.asked()), (3, 3));
        host.stop().await;
    }
}

#[tokio::test]
async fn what_the_backend_says_of_a_user_counts() {
    let backend = Backend::start().await;
    let rooms = json!({"team:7": ["join"]});
    backend.say("ann", json!({"status": "active", "rooms": rooms, "info": {"name": "Ann"}}));
    backend.active("bob");
    let host = host(2, &checks(&backend, Bounds::default()), |settings| {
        settings.rules.rooms = vestibule::protocol::room_rules::RoomRules::granted();
    });
    let claims = json!({"rooms": {"own": "*", "team:7": ["send"]}, "info": {"name": "?"}});
    let (mut ann, _) = host.enter_with(&token::token_with("ann", claims.clone())).await;
    ann.join("own").await;
    ann.join("team:7").await;
    ann.post("team:7", json!(1)).await;
    let from = ann.expect("message").await["from"].clone();
    assert_eq!(from, json!({"user": "ann", "info": {"name": "Ann"}}));
    let (mut bob, _) = host.enter_with(&token::token_with("bob", claims)).await;
    bob.join("own").await;
    bob.say(json!({"type": "join", "room": "team:7"})).await;
    bob.refused("forbidden").await;
    host.stop().await;
}

#[tokio::test]
async fn an_outage_is_our_fault_and_lets_nobody_in() {
    let garbage = [
        "",
        "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n{\"status\":\"active\"}",
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"status\":\"active\"}",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{\"status\":\"active\"}",
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n\u{feff}{\"status\":\"active\"",
        "HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n{\"status\":\"active\",\"status\":\"disabled\"}\n",
        "<html>",
    ];
    for workers in WORKERS {
        let mut backend = Backend::start().await;
        backend.active("ann");
        let host = host(workers, &checks(&backend, FRESH), |_| {});
        for answer in garbage {
            backend.mood(Mood::Says(answer));
            knock(&host, "ann").await.closed(1011, "internal", "backoff").await;
        }
        backend.stop().await;
        knock(&host, "ann").await.closed(1011, "internal", "backoff").await;
        backend.start_again().await;
        backend.mood(Mood::Good);
        host.enter("ann").await;
        assert_eq!(backend.asked(), garbage.len() + 1);
        host.stop().await;
    }
}

#[tokio::test]
async fn silence_ends_with_the_time_of_the_question_or_with_the_deadline() {
    for (timeout_ms, deadline_ms) in [(50, 10_000), (60_000, 50)] {
        let backend = Backend::start().await;
        backend.active("ann");
        backend.mood(Mood::Silent);
        let checks = checks(&backend, Bounds { timeout_ms, ..FRESH });
        let host = host(2, &checks, |settings| settings.rules.auth.deadline_ms = deadline_ms);
        knock(&host, "ann").await.closed(1011, "internal", "backoff").await;
        assert_eq!(backend.asked(), 1);
        host.stop().await;
    }
}

#[tokio::test]
async fn a_thousand_logins_of_one_user_are_one_question() {
    for workers in WORKERS {
        let backend = Backend::start().await;
        backend.active("ann");
        let host = host(workers, &checks(&backend, Bounds::default()), |_| {});
        let mut peers = Vec::new();
        for _ in 0..1_000 {
            peers.push(knock(&host, "ann").await);
        }
        for mut peer in peers {
            peer.expect("auth_ok").await;
        }
        assert_eq!(backend.asked(), 1);
        host.stop().await;
    }
}

#[tokio::test]
async fn an_outage_of_a_refresh_costs_nothing_and_a_disabled_user_goes() {
    let backend = Backend::start().await;
    backend.active("ann");
    let host = host(2, &checks(&backend, FRESH), |_| {});
    let mut ann = host.enter("ann").await;
    backend.mood(Mood::Says("<html>"));
    ann.say(auth("ann")).await;
    ann.refused("internal").await;
    backend.mood(Mood::Good);
    ann.sign_in(&token::token("ann")).await;
    backend.disable("ann");
    ann.say(auth("ann")).await;
    ann.closed(4410, "revoked", "sign_in").await;
    host.stop().await;
}

#[tokio::test]
async fn a_user_who_comes_to_be_is_known_soon() {
    let backend = Backend::start().await;
    let host = host(1, &checks(&backend, Bounds::default()), |_| {});
    knock(&host, "ann").await.closed(4411, "token_invalid", "refresh").await;
    backend.active("ann");
    let enters = async {
        loop {
            if verdict(&mut knock(&host, "ann").await).await == "auth_ok" {
                return;
            }
        }
    };
    soon("the sign-in", enters).await;
    // It was not asked each time: the first answer counted for a while.
    assert_eq!((backend.asked(), NEGATIVE_MS), (2, 1_000));
    host.stop().await;
}

/// `auth_ok`, or the code of the error.
async fn verdict(peer: &mut Peer) -> String {
    let Heard::Text(text) = peer.listen().await else { panic!("no verdict") };
    let message: Value = serde_json::from_str(&text).expect("JSON");
    let what = if message["type"] == "error" { &message["code"] } else { &message["type"] };
    what.as_str().expect("a word").to_owned()
}

/// Tries until the backend has said something; how often it heard 1011.
pub(crate) async fn insist(host: &Host, user: &str) -> (String, usize) {
    let mut tries = 0;
    loop {
        let mut peer = knock(host, user).await;
        match verdict(&mut peer).await.as_str() {
            "internal" => tries += 1,
            word => return (word.to_owned(), tries),
        }
        // As a client would, though not for as long.
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_thousand_logins_keeps_the_right_ones_out() {
    for workers in WORKERS {
        let mut backend = Backend::start().await;
        for n in 0..1_000 {
            match n % 10 {
                0 => {}
                1 => backend.disable(&n.to_string()),
                _ => backend.active(&n.to_string()),
            }
        }
        let host = host(workers, &checks(&backend, Bounds::default()), |_| {});
        let crowd = futures_util::future::join_all((0..1_000).map(|n| {
            let host = &host;
            async move { (n, insist(host, &n.to_string()).await) }
        }));
        let restart = async {
            for part in 1..=3 {
                backend.was_asked(part * 200).await;
                // Somebody waits for its answer when it goes.
                backend.mood(Mood::Silent);
                backend.was_asked(backend.asked() + 1).await;
                backend.stop().await;
                tokio::task::yield_now().await;
                backend.mood(Mood::Good);
                backend.start_again().await;
            }
        };
        let (heard, ()) =
            soon("the last verdict", futures_util::future::join(crowd, restart)).await;
        let mut failures = 0;
        for (n, (word, tries)) in heard {
            let expected = match n % 10 {
                0 => "token_invalid",
                1 => "revoked",
                _ => "auth_ok",
            };
            assert_eq!(word, expected, "user {n}");
            failures += tries;
        }
        // Each user once, and once more for each question that a restart cut off: as many as may
        // be under way.
        let asked = backend.asked();
        assert!(failures >= 3, "{failures} heard 1011");
        assert!((1_000..=1_000 + 3 * 16).contains(&asked), "{asked} questions");
        host.stop().await;
    }
}
