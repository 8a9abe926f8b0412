//! Tokens that pass and tokens that do not, each with its verdict.

use crate::support::{
    Frame, Heard, Host,
    peer::token_message,
    token::{self, FOREIGN, SECRET, forge, seconds_from_now, sign, unsigned},
};
use serde_json::{Value, json};
use std::sync::Arc;
use vestibule::{
    protocol::identity::Quotas,
    token::{Algorithm, Mint, SigningKey},
};

const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn alice(members: Value) -> Value {
    let mut claims = json!({"sub": "alice", "exp": seconds_from_now(60_000)});
    if let (Value::Object(claims), Value::Object(members)) = (&mut claims, members) {
        claims.extend(members);
    }
    claims
}

fn signed_otherwise(secret: &[u8], algorithm: Algorithm) -> String {
    let key = SigningKey::from_secret(secret, Some(algorithm)).expect("long enough");
    Mint::new("alice", 60_000).sign(&key, token::now()).expect("signed")
}

/// The same token with another bit pattern in the middle of its signature.
fn damaged(token: &str) -> String {
    let (front, back) = token.split_at(token.len() - 20);
    let other = if back.starts_with('x') { "y" } else { "x" };
    format!("{front}{other}{}", &back[1..])
}

/// A good token of this many bytes, or up to three more.
fn of_length(bytes: usize) -> String {
    let mut pad = bytes * 3 / 4 - 120;
    loop {
        // A claim of whole base64 quanta more or less: three bytes are four characters.
        let token = sign(&alice(json!({"pad": "x".repeat(pad)})));
        if token.len() >= bytes {
            return token;
        }
        pad += 1;
    }
}

#[tokio::test]
async fn every_bad_token_has_its_verdict() {
    let good = token::token("alice");
    let claims = |members: Value| alice(members).to_string();
    let (past, soon) = (seconds_from_now(-1_000), seconds_from_now(60_000));
    let invalid = (4411, "token_invalid", "refresh");
    let expired = (4412, "token_expired", "refresh");
    let early = (4413, "token_not_yet_valid", "backoff");
    let cases = [
        ("no token", String::new(), invalid),
        ("no JWS", "bad".to_owned(), invalid),
        ("a foreign key", signed_otherwise(FOREIGN, Algorithm::Hs256), invalid),
        ("the same secret, HS512", signed_otherwise(SECRET, Algorithm::Hs512), invalid),
        ("alg none, unsigned", unsigned(&forge(r#"{"alg":"none"}"#, &claims(json!({})))), invalid),
        ("alg none, signed", forge(r#"{"alg":"none"}"#, &claims(json!({}))), invalid),
        ("unsigned", unsigned(&good), invalid),
        ("a damaged signature", damaged(&good), invalid),
        ("crit", forge(r#"{"alg":"HS256","crit":["exp"]}"#, &claims(json!({}))), invalid),
        ("claims twice", forge(HS256, r#"{"sub":"a","sub":"b","exp":9e9}"#), invalid),
        ("no exp", sign(&json!({"sub": "alice"})), invalid),
        ("no sub", sign(&json!({"exp": soon})), invalid),
        ("exp no number", sign(&alice(json!({"exp": "soon"}))), invalid),
        ("sub no string", sign(&alice(json!({"sub": 7}))), invalid),
        ("bad grant", sign(&alice(json!({"rooms": {"a b": "*"}}))), invalid),
        ("a room token", sign(&alice(json!({"room": "a", "allow": ["join"]}))), invalid),
        ("expired", sign(&alice(json!({"exp": past}))), expired),
        ("exp 0", sign(&alice(json!({"exp": 0}))), expired),
        ("expired and forged", unsigned(&sign(&alice(json!({"exp": past})))), invalid),
        ("expired and no sub", sign(&json!({"exp": past})), invalid),
        ("nbf ahead", sign(&alice(json!({"nbf": soon}))), early),
        ("iat ahead", sign(&alice(json!({"iat": soon}))), early),
        ("nbf ahead and expired", sign(&alice(json!({"nbf": soon, "exp": past}))), early),
        ("over 8 KiB", of_length(8 * 1024 + 4), invalid),
    ];
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        for (what, token, (code, name, retry)) in &cases {
            let mut peer = host.peer().await;
            let mut auth = token_message(token);
            auth["id"] = json!(what);
            peer.say(auth).await;
            let error = peer.closed(*code, name, retry).await;
            assert_eq!(error["id"], *what);
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn a_token_of_8_kib_passes() {
    let token = of_length(8 * 1024 - 3);
    assert!((8 * 1024 - 3..=8 * 1024).contains(&token.len()), "{}", token.len());
    let host = Host::start(1, |_| {});
    host.enter_with(&token).await;
    host.stop().await;
}

#[tokio::test]
async fn auth_ok_says_everything_that_was_negotiated() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| {
            settings.rules.session.messages_per_s = 10;
            settings.rules.session.burst = 20;
        });
        let mut peer = host.peer().await;
        let token = token::ending_in("alice", 60_000);
        let text = format!(
            " {{ \"else\" : {{\"a\":[1]}} , \"payload\":\"{token}\",\"id\":\"first one\",\n\"type\":\"auth\"}} "
        );
        peer.say(text).await;
        let auth_ok = peer.expect("auth_ok").await;
        assert_eq!((&auth_ok["id"], &auth_ok["v"]), (&json!("first one"), &json!(1)));
        assert_eq!((&auth_ok["user"], &auth_ok["refreshed"]), (&json!("alice"), &json!(false)));
        assert_eq!(auth_ok["heartbeat"], json!({"interval_ms": 25_000, "timeout_ms": 10_000}));
        let limits = json!({
            "message_bytes": 65_536, "messages_per_s": 10, "burst": 20, "rooms": 128,
            "room_name_bytes": 128, "in_flight": 64, "leeway_ms": 0,
        });
        assert_eq!(auth_ok["limits"], limits);
        assert_eq!(
            auth_ok["features"],
            json!(["recovery", "history", "ephemeral", "room_token", "refresh"])
        );
        let left = auth_ok["expires_in_ms"].as_u64().expect("a number");
        assert!((1..=60_000).contains(&left), "{auth_ok}");
        let end = auth_ok["expires_at_ms"].as_u64().expect("a number");
        assert!(end.abs_diff(token::now().as_ms() + left) < 10_000, "{auth_ok}");
        let (_, other) = host.enter_with(&token).await;
        assert!(auth_ok["connection"].as_str().is_some_and(|id| id.len() >= 16), "{auth_ok}");
        assert_ne!(auth_ok["connection"], other["connection"]);
        assert!(other.get("id").is_none());
        host.stop().await;
    }
}

#[tokio::test]
async fn quotas_of_a_token_only_lower_where_there_is_no_ceiling() {
    let host = Host::start(1, |settings| settings.rules.session.messages_per_s = 10);
    for (asked, given) in [
        (json!({"messages_per_s": 3, "rooms": 2}), (3, 2)),
        (json!({"messages_per_s": 0, "rooms": 0}), (1, 1)),
        (json!({"messages_per_s": 1_000, "rooms": 1_000}), (10, 128)),
    ] {
        let (_, auth_ok) =
            host.enter_with(&token::token_with("bob", json!({"limits": asked}))).await;
        let limits = &auth_ok["limits"];
        assert_eq!(
            (&limits["messages_per_s"], &limits["rooms"]),
            (&json!(given.0), &json!(given.1))
        );
    }
    host.stop().await;
}

#[tokio::test]
async fn quotas_of_a_token_rise_to_the_ceiling_of_its_issuer() {
    let ceiling = Quotas { messages_per_s: Some(50), rooms: Some(2), connections: Some(3) };
    let host = Host::start(2, |settings| {
        settings.rules.session.messages_per_s = 10;
        settings.connections_per_user = 2;
        settings.verifier = Arc::new(token::verifier_with(|rules| rules.ceiling = ceiling));
    });
    for (asked, given, connections) in [
        (json!({}), (10, 2), 2),
        (json!({"messages_per_s": 1_000, "rooms": 1_000, "connections": 9}), (50, 2), 3),
        (json!({"messages_per_s": 1, "rooms": 1, "connections": 1}), (1, 1), 1),
    ] {
        let token = token::token_with("bob", json!({"limits": asked}));
        let mut peers = Vec::new();
        for _ in 0..connections {
            let (peer, auth_ok) = host.enter_with(&token).await;
            let limits = &auth_ok["limits"];
            let both = (&limits["messages_per_s"], &limits["rooms"]);
            assert_eq!(both, (&json!(given.0), &json!(given.1)));
            peers.push(peer);
        }
        let mut more = host.peer().await;
        more.say(token_message(&token)).await;
        more.closed(4430, "too_many_connections", "backoff").await;
        for mut peer in peers {
            peer.send(&Frame::close(1000)).await;
            while peer.listen().await != Heard::End {}
        }
    }
    host.stop().await;
}
