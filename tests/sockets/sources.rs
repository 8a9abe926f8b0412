//! One table of credentials through every source: whichever way they come, the verdict is the same.

use crate::{
    support::{
        Frame, Heard, Host, Peer,
        peer::token_message,
        token::{self, FOREIGN, Turnstile, forge, seconds_from_now, sign, verifier_with},
    },
    tickets::{bound_to, exchanged},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::{net::Ipv4Addr, sync::Arc};
use vestibule::{
    config::{Places, TicketPolicy},
    credential::{Choice, Mode, SOURCES, Source, Sources},
    protocol::room_path::RoomPath,
    server::Settings,
    token::{Algorithm, Mint, SigningKey},
};

const PAGE: &str = "https://app.example";

/// What a handshake of each source says: the query, and header lines.
fn saying(source: &str, secret: &str) -> (String, String) {
    let header = |line: String| (String::new(), format!("{line}\r\n"));
    match source {
        "authorization" => header(format!("Authorization: Bearer {secret}")),
        "basic" => header(format!("Authorization: Basic {}", STANDARD.encode(secret))),
        "cookie" => header(format!("Cookie: theme=dark; vestibule_token={secret}")),
        "subprotocol" => header(format!(
            "Sec-WebSocket-Protocol: vestibule.v1, base64url.bearer.authorization.vestibule.{}",
            URL_SAFE_NO_PAD.encode(secret)
        )),
        "query_ticket" => (format!("?ticket={secret}"), String::new()),
        "query_token" => (format!("?token={secret}"), String::new()),
        "query_scheme" => (format!("?JWT%20{secret}"), String::new()),
        other => panic!("nobody says {other}"),
    }
}

/// A handshake at this target, of a page of ours, with more lines.
fn handshake(target: &str, lines: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Origin: {PAGE}\r\n{lines}\r\n"
    )
}

fn host(adjust: impl FnOnce(&mut Settings)) -> Host {
    Host::start(2, |settings| {
        settings.verifier = Arc::new(verifier_with(|rules| {
            rules.iss = Some("https://issuer.example".into());
            rules.aud = vec!["chat".into()];
        }));
        settings.origins = vec![PAGE.to_owned()];
        adjust(settings);
    })
}

fn with(mode: Mode) -> Host {
    host(|settings| settings.sources = Sources::all(mode))
}

fn only(source: &'static Source, mode: Mode) -> Sources {
    Sources::new([Choice { source, mode, detail: None }]).expect("one mode")
}

/// What came of a credential, in words that hold for every way.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// `auth_ok`, but for what differs from connection to connection.
    Accepted(Value),
    /// The name of the code.
    Refused(String),
}

/// What a connection hears first.
async fn heard(peer: &mut Peer) -> Verdict {
    let mut message = peer.hear().await;
    match message["type"].as_str() {
        Some("auth_ok") => {
            for member in ["connection", "expires_in_ms", "expires_at_ms"] {
                assert!(message[member].take() != Value::Null, "{member}");
            }
            Verdict::Accepted(message)
        }
        Some("error") => {
            let Heard::Close(Some(code), name) = peer.next().await else { panic!("a Close") };
            assert!((4400..4500).contains(&code), "{code}");
            assert_eq!(message["code"], name.as_str());
            Verdict::Refused(name)
        }
        other => panic!("{other:?}"),
    }
}

/// The verdict on a first message.
async fn by_message(host: &Host, secret: &str) -> Verdict {
    let mut peer = host.peer().await;
    peer.say(token_message(secret)).await;
    heard(&mut peer).await
}

/// The verdict over the socket on what the handshake showed, without a word of the client.
async fn by_handshake(host: &Host, text: &str) -> Verdict {
    let mut peer = Peer::dial(host.addr).await;
    peer.write(text.as_bytes()).await;
    peer.switched().await;
    heard(&mut peer).await
}

/// The status and the `error` of a refused upgrade, or 101 and the verdict behind it.
async fn before_the_upgrade(host: &Host, text: &str) -> (u16, Verdict) {
    let mut peer = Peer::dial(host.addr).await;
    peer.write(text.as_bytes()).await;
    let head = peer.head().await;
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
    if status == 101 {
        return (status, heard(&mut peer).await);
    }
    let challenged = head.contains("WWW-Authenticate: Bearer realm=");
    assert_eq!(challenged, status == 401, "{head}");
    let body: Value = serde_json::from_slice(&peer.rest().await).expect("a JSON body");
    (status, Verdict::Refused(body["error"].as_str().expect("a code").to_owned()))
}

fn claims(members: Value) -> Value {
    let mut claims = json!({
        "iss": "https://issuer.example", "aud": "chat", "sub": "alice",
        "exp": seconds_from_now(60_000), "limits": {"rooms": 3}, "rooms": {"team:*": ["join"]},
    });
    if let (Value::Object(claims), Value::Object(members)) = (&mut claims, members) {
        claims.extend(members);
    }
    claims
}

fn foreign() -> String {
    let key = SigningKey::from_secret(FOREIGN, Some(Algorithm::Hs256)).expect("long enough");
    Mint::new("alice", 60_000).sign(&key, token::now()).expect("signed")
}

/// Every kind of token, and what the first message says to it: nothing is the good one.
fn cases() -> Vec<(&'static str, String, Option<&'static str>)> {
    let (past, soon) = (seconds_from_now(-1_000), seconds_from_now(60_000));
    let otherwise = |members| sign(&claims(members));
    vec![
        ("valid", otherwise(json!({})), None),
        ("empty", String::new(), Some("token_invalid")),
        ("malformed", "not.a.token".to_owned(), Some("token_invalid")),
        ("expired", otherwise(json!({"exp": past})), Some("token_expired")),
        ("not yet valid", otherwise(json!({"nbf": soon})), Some("token_not_yet_valid")),
        ("wrong issuer", otherwise(json!({"iss": "https://x.example"})), Some("token_invalid")),
        ("wrong audience", otherwise(json!({"aud": "mail"})), Some("token_invalid")),
        ("foreign key", foreign(), Some("token_invalid")),
        (
            "unsigned",
            forge(r#"{"alg":"none"}"#, &claims(json!({})).to_string()),
            Some("token_invalid"),
        ),
        ("no ticket", "vt_".to_owned() + &"A".repeat(43), Some("token_invalid")),
    ]
}

/// Whether a source takes JWTs.
fn takes_tokens(source: &Source) -> bool {
    !matches!(source.name, "basic" | "query_ticket")
}

#[tokio::test]
async fn every_source_comes_to_the_verdict_of_the_first_message() {
    let (optional, required) = (with(Mode::Optional), with(Mode::Required));
    let plain = host(|_| {});
    for (what, secret, refused) in cases() {
        let reference = by_message(&plain, &secret).await;
        match (&reference, refused) {
            (Verdict::Accepted(auth_ok), None) => assert_eq!(auth_ok["limits"]["rooms"], 3),
            (Verdict::Refused(name), Some(code)) => assert_eq!(name, code, "{what}"),
            (verdict, expected) => panic!("{what}: {verdict:?}, not {expected:?}"),
        }
        assert_eq!(by_message(&optional, &secret).await, reference, "{what}: nothing was shown");
        for source in SOURCES.iter().filter(|source| takes_tokens(source)) {
            let (query, lines) = saying(source.name, &secret);
            let text = handshake(&format!("/ws{query}"), &lines);
            assert_eq!(by_handshake(&optional, &text).await, reference, "{what} by {source:?}");
            let status = if refused.is_none() { 101 } else { 401 };
            let verdict = before_the_upgrade(&required, &text).await;
            assert_eq!(verdict.0, status, "{what} by {source:?}");
            assert_eq!(verdict.1, reference, "{what} by {source:?}");
        }
    }
    for host in [plain, optional, required] {
        host.stop().await;
    }
}

/// Whether a source takes tickets.
fn takes_tickets(source: &Source) -> bool {
    source.name != "basic"
}

#[tokio::test]
async fn a_ticket_comes_to_the_verdict_of_its_token_and_once() {
    let tickets = |mode| {
        host(|settings| {
            settings.sources = Sources::all(mode);
            settings.tickets = Some(TicketPolicy::default());
        })
    };
    let (optional, required) = (tickets(Mode::Optional), tickets(Mode::Required));
    for (what, secret, refused) in cases() {
        let Some(code) = refused else { continue };
        let expected = Err((401, code.to_owned()));
        assert_eq!(exchanged(&optional, &secret).await, expected, "{what}: {secret}");
    }
    let good = sign(&claims(json!({})));
    let reference = by_message(&optional, &good).await;
    let ticket = async |host| exchanged(host, &good).await.expect("a ticket");
    let used = || Verdict::Refused("token_invalid".to_owned());
    let spent = ticket(&optional).await;
    assert_eq!(by_message(&optional, &spent).await, reference);
    assert_eq!(by_message(&optional, &spent).await, used());
    for source in SOURCES.iter().filter(|source| takes_tickets(source)) {
        let text = |ticket: &str| {
            let (query, lines) = saying(source.name, ticket);
            handshake(&format!("/ws{query}"), &lines)
        };
        let first = text(&ticket(&optional).await);
        assert_eq!(by_handshake(&optional, &first).await, reference, "{source:?}");
        assert_eq!(by_handshake(&optional, &first).await, used(), "{source:?}");
        let first = text(&ticket(&required).await);
        let (status, verdict) = before_the_upgrade(&required, &first).await;
        assert_eq!((status, &verdict), (101, &reference), "{source:?}");
        assert_eq!(before_the_upgrade(&required, &first).await, (401, used()), "{source:?}");
        let bound = |host| bound_to(host, &good, PAGE);
        let from_there = text(&bound(&optional).await);
        assert_eq!(by_handshake(&optional, &from_there).await, reference, "{source:?}");
    }
    optional.stop().await;
    required.stop().await;
}

#[tokio::test]
async fn a_jwt_is_no_ticket_and_no_password() {
    let (optional, required) = (with(Mode::Optional), with(Mode::Required));
    let good = sign(&claims(json!({})));
    for source in SOURCES.iter().filter(|source| !takes_tokens(source)) {
        for secret in [good.as_str(), "", "ann:sesame"] {
            let (query, lines) = saying(source.name, secret);
            let text = handshake(&format!("/ws{query}"), &lines);
            let refused = || Verdict::Refused("token_invalid".to_owned());
            assert_eq!(by_handshake(&optional, &text).await, refused(), "{source:?}");
            assert_eq!(before_the_upgrade(&required, &text).await, (401, refused()), "{source:?}");
        }
    }
    optional.stop().await;
    required.stop().await;
}

#[tokio::test]
async fn each_source_is_read_where_it_is_on_and_nowhere_else() {
    let good = sign(&claims(json!({})));
    for on in SOURCES.iter().filter(|source| takes_tokens(source)) {
        let optional = host(|settings| settings.sources = only(on, Mode::Optional));
        let required = host(|settings| settings.sources = only(on, Mode::Required));
        for source in SOURCES.iter().filter(|source| takes_tokens(source)) {
            let (query, lines) = saying(source.name, &good);
            let text = handshake(&format!("/ws{query}"), &lines);
            let (status, verdict) = before_the_upgrade(&required, &text).await;
            if source == on {
                assert_eq!(status, 101, "{on:?}");
                assert!(matches!(by_handshake(&optional, &text).await, Verdict::Accepted(_)));
                continue;
            }
            let missing = (401, Verdict::Refused("auth_required".to_owned()));
            assert_eq!((status, verdict), missing, "{source:?} where {on:?} is on");
            // Nobody looked: the first message is awaited.
            let mut peer = Peer::dial(optional.addr).await;
            peer.write(text.as_bytes()).await;
            peer.switched().await;
            peer.say(json!({"type": "ping"})).await;
            peer.closed(4401, "auth_required", "never").await;
        }
        optional.stop().await;
        required.stop().await;
    }
}

#[tokio::test]
async fn missing_never_passes_as_valid() {
    let required = with(Mode::Required);
    for text in [handshake("/ws", ""), handshake("/ws?", "Cookie: a=b\r\n")] {
        let verdict = before_the_upgrade(&required, &text).await;
        assert_eq!(verdict, (401, Verdict::Refused("auth_required".to_owned())));
    }
    required.stop().await;
}

#[tokio::test]
async fn credentials_that_differ_are_refused() {
    let hosts = [with(Mode::Optional), with(Mode::Required)];
    let (one, other) = (sign(&claims(json!({}))), sign(&claims(json!({"sub": "bob"}))));
    let pairs = |first: &str, second: &str| {
        [
            handshake(
                &format!("/ws?token={first}"),
                &format!("Authorization: Bearer {second}\r\n"),
            ),
            handshake(
                "/ws",
                &format!("Authorization: Bearer {first}\r\nauthorization: bearer {second}\r\n"),
            ),
            handshake(
                "/ws",
                &format!("Cookie: vestibule_token={first}; vestibule_token={second}\r\n"),
            ),
            handshake(&format!("/ws?token={first}&token={second}"), ""),
        ]
    };
    for host in &hosts {
        for text in pairs(&one, &other) {
            let verdict = before_the_upgrade(host, &text).await;
            let expected = (400, Verdict::Refused("ambiguous_credentials".to_owned()));
            assert_eq!(verdict, expected, "{text}");
        }
        for text in pairs(&one, &one) {
            let (status, verdict) = before_the_upgrade(host, &text).await;
            assert_eq!(status, 101, "{text}");
            assert!(matches!(verdict, Verdict::Accepted(_)), "{verdict:?}");
        }
    }
    for host in hosts {
        host.stop().await;
    }
}

#[tokio::test]
async fn a_cookie_counts_from_listed_pages_alone() {
    let good = sign(&claims(json!({})));
    for mode in [Mode::Optional, Mode::Required] {
        let host = with(mode);
        let (_, lines) = saying("cookie", &good);
        let ours = handshake("/ws", &lines);
        assert_eq!(before_the_upgrade(&host, &ours).await.0, 101);
        let origin = format!("Origin: {PAGE}\r\n");
        let others = [
            "",
            "Origin: https://evil.example\r\n",
            "Origin: null\r\n",
            "Origin: https://app.example.evil.example\r\n",
            "Origin: http://app.example\r\n",
        ];
        for other in others {
            let verdict = before_the_upgrade(&host, &ours.replace(&origin, other)).await;
            let expected = (403, Verdict::Refused("origin_not_allowed".to_owned()));
            assert_eq!(verdict, expected, "{other:?}");
        }
        host.stop().await;
    }
    // Without a list there is no page of ours.
    let host = host(|settings| {
        settings.origins.clear();
        settings.sources = Sources::all(Mode::Optional);
    });
    let (_, lines) = saying("cookie", &good);
    assert_eq!(before_the_upgrade(&host, &handshake("/ws", &lines)).await.0, 403);
    host.stop().await;
}

#[tokio::test]
async fn a_token_among_the_subprotocols_is_never_echoed() {
    let good = sign(&claims(json!({})));
    let offer =
        format!("base64url.bearer.authorization.vestibule.{}", URL_SAFE_NO_PAD.encode(&good));
    for mode in [Mode::Off, Mode::Optional, Mode::Required] {
        let host = with(mode);
        let mut peer = Peer::dial(host.addr).await;
        let lines = format!("Sec-WebSocket-Protocol: {offer}, vestibule.v1\r\n");
        peer.write(handshake("/ws", &lines).as_bytes()).await;
        let head = peer.switched().await;
        assert!(head.contains("Sec-WebSocket-Protocol: vestibule.v1\r\n"), "{head}");
        let alone = handshake("/ws", &format!("Sec-WebSocket-Protocol: {offer}\r\n"));
        let refused = (400, Verdict::Refused("bad_handshake".to_owned()));
        assert_eq!(before_the_upgrade(&host, &alone).await, refused);
        let unknown = format!("Sec-WebSocket-Protocol: {offer}, soup\r\n");
        let mut peer = Peer::dial(host.addr).await;
        peer.write(handshake("/ws", &unknown).as_bytes()).await;
        let head = peer.switched().await;
        assert!(head.contains("Sec-WebSocket-Protocol: soup\r\n") && !head.contains(&offer));
        peer.closed(4406, "unsupported_protocol", "never").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn what_follows_a_verdict_of_the_handshake_is_a_session_like_any_other() {
    for mode in [Mode::Optional, Mode::Required] {
        let host = with(mode);
        let good = sign(&claims(json!({})));
        let (_, lines) = saying("authorization", &good);
        let mut peer = Peer::dial(host.addr).await;
        // The first request comes along with the handshake.
        let mut bytes = handshake("/ws", &lines).into_bytes();
        let join = json!({"type": "join", "room": "lobby", "id": "1"}).to_string();
        bytes.extend(Frame::text(join).bytes());
        peer.write(&bytes).await;
        peer.switched().await;
        peer.expect("auth_ok").await;
        assert_eq!(peer.expect("joined").await["id"], "1");
        let again = peer.ask(token_message(&sign(&claims(json!({"limits": {"rooms": 2}}))))).await;
        assert_eq!((&again["type"], &again["refreshed"]), (&json!("auth_ok"), &json!(true)));
        let other = sign(&claims(json!({"sub": "bob"})));
        peer.say(token_message(&other)).await;
        peer.closed(4409, "principal_mismatch", "never").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn a_path_names_the_room() {
    let path = || RoomPath::parse("/ws/chat/{room}").ok();
    let open = host(|settings| {
        settings.room_path = path();
        settings.sources = Sources::all(Mode::Optional);
    });
    let granted = host(|settings| {
        settings.room_path = path();
        settings.rules.rooms = vestibule::session::RoomRules::granted();
    });
    let good = sign(&claims(json!({})));
    let enter = async |host: &Host, target: &str, lines: &str, say: bool| {
        let mut peer = Peer::dial(host.addr).await;
        peer.write(handshake(target, lines).as_bytes()).await;
        peer.switched().await;
        if say {
            peer.say(token_message(&good)).await;
        }
        peer.expect("auth_ok").await;
        peer
    };
    let mut first = enter(&open, "/ws/chat/team%3A1", "", true).await;
    assert_eq!(first.expect("joined").await["room"], "team:1");
    let (query, _) = saying("query_token", &good);
    let mut second = enter(&open, &format!("/ws/chat/team:1{query}"), "", false).await;
    assert_eq!(second.expect("joined").await["room"], "team:1");
    second.post("team:1", json!("hello")).await;
    first.expect_post(1, json!("hello")).await;
    let mut bad = enter(&open, "/ws/chat/a%20b", "", true).await;
    assert_eq!(bad.expect("error").await["code"], "bad_room");
    bad.join("lobby").await;
    let mut shut = enter(&granted, "/ws/chat/other", "", true).await;
    let error = shut.expect("error").await;
    assert_eq!((&error["code"], &error["room"]), (&json!("forbidden"), &json!("other")));
    enter(&granted, "/ws", "", true).await;
    for nowhere in ["/ws/chat", "/ws/chat/", "/ws/chat/a/b", "/ws/a"] {
        let mut peer = Peer::dial(open.addr).await;
        peer.write(handshake(nowhere, "").as_bytes()).await;
        assert!(peer.head().await.starts_with("HTTP/1.1 404 "), "{nowhere}");
    }
    open.stop().await;
    granted.stop().await;
}

#[tokio::test]
async fn who_finds_no_room_keeps_its_ticket() {
    let host = host(|settings| {
        settings.sources = Sources::all(Mode::Required);
        settings.tickets = Some(TicketPolicy::default());
        settings.connections = 2;
        settings.workers = 1;
    });
    let good = sign(&claims(json!({})));
    let text = |ticket: &str| handshake(&format!("/ws?ticket={ticket}"), "");
    let tickets =
        [exchanged(&host, &good).await, exchanged(&host, &good).await].map(|it| it.expect("one"));
    let (_, lines) = saying("authorization", &good);
    let mut inside = Vec::new();
    for _ in 0..2 {
        let mut peer = Peer::dial(host.addr).await;
        peer.write(handshake("/ws", &lines).as_bytes()).await;
        peer.switched().await;
        peer.expect("auth_ok").await;
        inside.push(peer);
    }
    for ticket in [tickets[0].as_str(), "bad"] {
        let verdict = before_the_upgrade(&host, &text(ticket)).await;
        assert_eq!(verdict, (503, Verdict::Refused("overloaded".to_owned())), "{ticket}");
    }
    // One that left may be gone a moment later.
    inside.pop().expect("a peer").reset();
    let entered = async {
        while before_the_upgrade(&host, &text(&tickets[0])).await.0 == 503 {
            tokio::task::yield_now().await;
        }
    };
    crate::support::soon("a place", entered).await;
    host.stop().await;
}

/// A server without an upgrade before the verdict, and few places; verdicts wait for `turnstile`.
fn cramped(turnstile: &Turnstile, places: Places) -> Host {
    Host::start(1, |settings| {
        settings.verifier = Arc::new(turnstile.clone());
        settings.sources = Sources::all(Mode::Required);
        settings.places = places;
    })
}

/// Somebody of this address who shows a good token and waits.
async fn knock(host: &Host, number: u8) -> Peer {
    let mut peer = Peer::dial_from(host.addr, Ipv4Addr::new(127, 0, 7, number)).await;
    let (_, lines) = saying("authorization", &token::token("alice"));
    peer.write(handshake("/ws", &lines).as_bytes()).await;
    peer
}

async fn turned_away(peer: &mut Peer) {
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Retry-After: "), "{head}");
    let body: Value = serde_json::from_slice(&peer.rest().await).expect("a JSON body");
    assert_eq!(body["error"], "overloaded");
}

#[tokio::test]
async fn who_loses_its_place_before_its_verdict_is_told() {
    let turnstile = Turnstile::shut();
    let host = cramped(&turnstile, Places { places: 1, hard_places: 8, share: 1 });
    let mut first = knock(&host, 1).await;
    turnstile.asked(1).await;
    let mut second = knock(&host, 2).await;
    turned_away(&mut first).await;
    turnstile.asked(2).await;
    turnstile.let_pass(1);
    second.switched().await;
    second.expect("auth_ok").await;
    host.stop().await;
}

#[tokio::test]
async fn who_finds_no_place_waits_for_a_moment_and_no_longer() {
    let turnstile = Turnstile::shut();
    let host = cramped(&turnstile, Places { places: 8, hard_places: 16, share: 2 });
    let mut crowd = Vec::new();
    for number in 1..=4 {
        crowd.push(knock(&host, 1).await);
        turnstile.asked(number).await;
    }
    let mut squeezed = knock(&host, 1).await;
    turned_away(&mut squeezed).await;
    turnstile.let_pass(4);
    for peer in &mut crowd {
        peer.switched().await;
        peer.expect("auth_ok").await;
    }
    host.stop().await;
}
