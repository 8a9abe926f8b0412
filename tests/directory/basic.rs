//! A user and a password in the handshake, judged by the directory: `ws://user:password@host`.

use crate::{
    WORKERS,
    backend::{Backend, Mood},
    checks, host,
    support::{
        Host, Peer,
        peer::{auth, handshake, token_message},
        token,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use vestibule::{
    credential::{Choice, Mode, Source, Sources},
    directory::{Bounds, Checks, Passwords},
    protocol::identity::Quotas,
};

const PAGE: &str = "https://app.example";

fn serve(backend: &Backend, workers: usize, mode: Mode) -> Host {
    let passwords = Passwords {
        issuer: None,
        prefix: "".into(),
        ceiling: Quotas::default(),
        session_ms: 60_000,
    };
    let checks = Checks { passwords: Some(passwords), ..checks(backend, Bounds::default()) };
    host(workers, &checks, |settings| {
        let source = Source::named("basic").expect("a source");
        settings.sources = Sources::new([Choice { source, mode, detail: None }]).expect("one mode");
        settings.origins = vec![PAGE.to_owned()];
    })
}

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(pair))
}

async fn knock(host: &Host, lines: &str) -> Peer {
    let mut peer = Peer::dial(host.addr).await;
    peer.upgrade(lines).await;
    peer
}

/// The status of a refused upgrade, and its `error`.
async fn refused(host: &Host, lines: &str) -> (String, String) {
    let mut peer = Peer::dial(host.addr).await;
    peer.write(handshake(lines).as_bytes()).await;
    let head = peer.head().await;
    let body: Value = serde_json::from_slice(&peer.rest().await).expect("a JSON body");
    let status = head.split(' ').nth(1).expect("a status").to_owned();
    (status, body["error"].as_str().expect("a code").to_owned())
}

#[tokio::test]
async fn the_directory_says_who_comes_in_with_a_password() {
    for workers in WORKERS {
        let backend = Backend::start().await;
        let rooms = json!({"team:7": ["join"]});
        backend.say("ann sesame", json!({"status": "active", "subject": "7", "rooms": rooms}));
        backend.say("eve sesame", json!({"status": "disabled"}));
        let (optional, required) =
            (serve(&backend, workers, Mode::Optional), serve(&backend, workers, Mode::Required));
        for host in [&optional, &required] {
            let mut ann = knock(host, &basic("ann:sesame")).await;
            let auth_ok = ann.expect("auth_ok").await;
            assert_eq!(auth_ok["user"], "7", "the subject that the directory says");
            assert!(auth_ok["expires_in_ms"].as_u64().is_some_and(|ms| ms <= 60_000), "{auth_ok}");
            ann.join("team:7").await;
            // A token of the same user goes on with the session.
            backend.active("7");
            let refreshed = ann.ask(auth("7")).await;
            assert_eq!(refreshed["refreshed"], true, "{refreshed}");
        }
        for pair in ["ann:wrong", "bob:sesame", "ann:", ":", "ann", "ann:sesame:"] {
            let mut peer = knock(&optional, &basic(pair)).await;
            peer.closed(4411, "token_invalid", "refresh").await;
            let answer = refused(&required, &basic(pair)).await;
            assert_eq!(answer, ("401".to_owned(), "token_invalid".to_owned()), "{pair}");
        }
        knock(&optional, &basic("eve:sesame")).await.closed(4410, "revoked", "sign_in").await;
        let answer = refused(&required, &basic("eve:sesame")).await;
        assert_eq!(answer, ("403".to_owned(), "revoked".to_owned()));
        backend.mood(Mood::Says("HTTP/1.1 500 No\r\n\r\n"));
        knock(&optional, &basic("ann:sesame")).await.closed(1011, "internal", "backoff").await;
        let answer = refused(&required, &basic("ann:sesame")).await;
        assert_eq!(answer, ("503".to_owned(), "internal".to_owned()));
        optional.stop().await;
        required.stop().await;
    }
}

#[tokio::test]
async fn without_a_password_there_is_the_first_message_or_nothing() {
    let backend = Backend::start().await;
    backend.active("ann");
    let (optional, required) =
        (serve(&backend, 1, Mode::Optional), serve(&backend, 1, Mode::Required));
    let mut peer = knock(&optional, "").await;
    peer.say(token_message(&token::token("ann"))).await;
    peer.expect("auth_ok").await;
    let answer = refused(&required, "").await;
    assert_eq!(answer, ("401".to_owned(), "auth_required".to_owned()));
    optional.stop().await;
    required.stop().await;
}

#[tokio::test]
async fn a_browser_that_knows_the_password_sends_it_from_pages_of_ours_alone() {
    let backend = Backend::start().await;
    backend.active("ann sesame");
    let host = serve(&backend, 1, Mode::Optional);
    let from = |origin: &str| format!("{}Origin: {origin}\r\n", basic("ann:sesame"));
    knock(&host, &from(PAGE)).await.expect("auth_ok").await;
    let asked = backend.asked();
    for origin in ["https://evil.example", "null"] {
        let answer = refused(&host, &from(origin)).await;
        assert_eq!(answer, ("403".to_owned(), "origin_not_allowed".to_owned()), "{origin}");
    }
    assert_eq!(backend.asked(), asked, "nobody was asked");
    host.stop().await;
}
