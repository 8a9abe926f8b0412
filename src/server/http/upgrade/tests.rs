//! The handshake by example: one table of requests and answers, and the details of each answer.

use crate::server::http::{
    Reception, Refusal, Site, Subprotocol, request, request::HEAD_BYTES, upgrade::Upgrade,
};
use crate::{
    config::{AddressSource, TrustedProxies},
    credential::{Mode, Sources},
    gate::forwarded::{Doubt, Finding},
};
use std::net::{IpAddr, Ipv4Addr};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Of the example in RFC 6455 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The header lines that every handshake needs.
const GOOD: [&str; 5] = [
    "Host: chat.example",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

fn request(line: &str, headers: &[&str]) -> Vec<u8> {
    let mut text = format!("{line}\r\n");
    for header in headers {
        text += header;
        text += "\r\n";
    }
    text += "\r\n";
    text.into_bytes()
}

/// A handshake with more header lines.
fn handshake(more: &[&str]) -> Vec<u8> {
    request("GET /ws HTTP/1.1", &[&GOOD, more].concat())
}

/// A handshake without the line of this name, and with others.
fn without(name: &str, more: &[&str]) -> Vec<u8> {
    let mut headers: Vec<_> = GOOD.into_iter().filter(|line| !line.starts_with(name)).collect();
    assert_eq!(headers.len(), 4, "{name} is one of them");
    headers.extend(more);
    request("GET /ws HTTP/1.1", &headers)
}

/// The judgement on what comes from this machine, whom nobody trusts to speak for others.
fn receive(head: &[u8], site: &Site) -> Reception {
    request::receive(head, site, LOCALHOST)
}

/// What `receive` says to a head without `User-Agent`.
fn refusal(why: Refusal) -> Reception {
    // Whoever cannot be read speaks for nobody.
    let unread = matches!(why, Refusal::Malformed | Refusal::HeadTooLarge);
    let client = (!unread).then_some(LOCALHOST);
    Reception::Refuse { why, response: why.response(), agent: None, client }
}

fn open() -> Site {
    Site::new(vec![])
}

fn listed() -> Site {
    Site::new(vec!["https://app.example".into(), "http://localhost:3000".into()])
}

fn accepted(bytes: &[u8], site: &Site) -> Option<Upgrade> {
    match receive(bytes, site) {
        Reception::Upgrade(upgrade) => Some(*upgrade),
        Reception::NeedMore | Reception::Refuse { .. } | Reception::Plain => None,
    }
}

/// A handshake that offers these subprotocols.
fn offer(names: &str) -> Vec<u8> {
    handshake(&[&format!("Sec-WebSocket-Protocol: {names}")])
}

/// A handshake with this key.
fn key(key: &str) -> Vec<u8> {
    without("Sec-WebSocket-Key", &[&format!("Sec-WebSocket-Key: {key}")])
}

/// A handshake of this WebSocket version.
fn version(version: &str) -> Vec<u8> {
    without("Sec-WebSocket-Version", &[&format!("Sec-WebSocket-Version: {version}")])
}

#[test]
fn requests_that_are_accepted() {
    use Subprotocol::{None, Unknown, V1};
    let two_lines = ["Sec-WebSocket-Protocol: a", "sec-websocket-protocol:\tvestibule.v1 "];
    let deflate = "Sec-WebSocket-Extensions: permessage-deflate";
    let table: &[(&str, Vec<u8>, Subprotocol)] = &[
        ("plain", handshake(&[]), None),
        ("a query", request("GET /ws?token=secret HTTP/1.1", &GOOD), None),
        ("absolute form", request("GET http://h/ws?a HTTP/1.1", &GOOD), None),
        ("ours", offer("vestibule.v1"), V1),
        ("ours among others", offer("a,vestibule.v1"), V1),
        ("ours on a second line", handshake(&two_lines), V1),
        ("theirs", offer("a, b"), Unknown),
        ("names have case", offer("Vestibule.v1"), Unknown),
        ("compression is not taken", handshake(&[deflate]), None),
        ("an origin where all pass", handshake(&["Origin: null"]), None),
        ("an empty body", handshake(&["Content-Length: 0"]), None),
        ("keep-alive too", without("Connection", &["Connection: keep-alive, Upgrade"]), None),
        ("words in any case", without("Upgrade", &["upgrade: WebSocket"]), None),
        ("a key with spare bits set", key("dGhlIHNhbXBsZSBub25jZR=="), None),
    ];
    for (what, bytes, subprotocol) in table {
        let upgrade = accepted(bytes, &open());
        let upgrade = upgrade.unwrap_or_else(|| panic!("{what} is refused"));
        assert_eq!(upgrade.accepted.subprotocol, *subprotocol, "{what}");
        assert_eq!(upgrade.consumed, bytes.len(), "{what}");
    }
}

fn refused(table: &[(&str, Vec<u8>, Refusal)]) {
    for (what, bytes, why) in table {
        assert_eq!(receive(bytes, &open()), refusal(*why), "{what}");
    }
}

#[test]
fn requests_that_are_not_http_are_refused() {
    use Refusal::{HeadTooLarge, Malformed};
    refused(&[
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01".to_vec(), Malformed),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Malformed),
        ("a bad header line", request("GET /ws HTTP/1.1", &["a b: c"]), Malformed),
        ("a folded header line", request("GET / HTTP/1.1", &["a: b", " c"]), Malformed),
        ("too many lines", request("GET / HTTP/1.1", &["X: y"; 65]), HeadTooLarge),
        ("too long", vec![b'A'; HEAD_BYTES], HeadTooLarge),
    ]);
}

#[test]
fn requests_that_cannot_upgrade_are_refused() {
    use Refusal::*;
    let host = ["Host: h"];
    refused(&[
        ("a plain GET", request("GET /ws HTTP/1.1", &host), UpgradeRequired),
        ("a plain GET of old", request("GET /ws HTTP/1.0", &[]), UpgradeRequired),
        ("a proxy that drops Upgrade", without("Upgrade", &[]), UpgradeRequired),
        ("an upgrade to h2c", without("Upgrade", &["Upgrade: h2c"]), UpgradeRequired),
        ("a proxy that drops Connection", without("Connection", &[]), ConnectionHeader),
        ("Connection: close", without("Connection", &["Connection: close"]), ConnectionHeader),
        ("HTTP/1.0", request("GET /ws HTTP/1.0", &GOOD), HttpVersion),
        ("POST", request("POST /ws HTTP/1.1", &GOOD), Method),
        ("a plain POST", request("POST /ws HTTP/1.1", &host), Method),
        ("OPTIONS", request("OPTIONS /ws HTTP/1.1", &host), Method),
    ]);
}

#[test]
fn requests_with_two_readings_are_refused() {
    use Refusal::{AmbiguousHeaders, Body};
    refused(&[
        ("no host", without("Host", &[]), AmbiguousHeaders),
        ("two hosts", handshake(&["Host: other"]), AmbiguousHeaders),
        ("two upgrades", handshake(&["Upgrade: websocket"]), AmbiguousHeaders),
        ("two keys", handshake(&[GOOD[4]]), AmbiguousHeaders),
        ("two versions", handshake(&[GOOD[3]]), AmbiguousHeaders),
        ("two origins", handshake(&["Origin: null", "Origin: null"]), AmbiguousHeaders),
        ("two lengths", handshake(&["Content-Length: 0"; 2]), AmbiguousHeaders),
        ("a body", handshake(&["Content-Length: 5"]), Body),
        ("an odd length", handshake(&["Content-Length: 00"]), Body),
        ("chunks", handshake(&["Transfer-Encoding: chunked"]), Body),
    ]);
}

#[test]
fn versions_and_keys_that_are_refused() {
    use Refusal::{Key, WebSocketVersion};
    refused(&[
        ("version 8", version("8"), WebSocketVersion),
        ("two versions in one line", version("13, 8"), WebSocketVersion),
        ("no version", without("Sec-WebSocket-Version", &[]), WebSocketVersion),
        ("no key", without("Sec-WebSocket-Key", &[]), Key),
        ("an empty key", key(""), Key),
        ("a key of 15 bytes", key("AAAAAAAAAAAAAAAAAAAA"), Key),
        ("a key of 18 bytes", key("AAAAAAAAAAAAAAAAAAAAAAAA"), Key),
        ("a key without its padding", key("dGhlIHNhbXBsZSBub25jZQ"), Key),
        ("a key of other letters", key("!GhlIHNhbXBsZSBub25jZQ=="), Key),
        ("a very long key", key(&"A".repeat(400)), Key),
    ]);
}

#[test]
fn offers_that_are_refused() {
    use Refusal::SubprotocolOffer;
    let names = |count: u32| {
        let names: Vec<_> = (0..count).map(|n| format!("w{n}")).collect();
        offer(&names.join(","))
    };
    assert!(accepted(&names(32), &open()).is_some());
    let two_lines = ["Sec-WebSocket-Protocol: vestibule.v1"; 2];
    refused(&[
        ("33 names", names(33), SubprotocolOffer),
        ("an empty offer", offer(""), SubprotocolOffer),
        ("a hole in the offer", offer("a,,b"), SubprotocolOffer),
        ("a space in a name", offer("a b"), SubprotocolOffer),
        ("a name in quotes", offer("\"a\""), SubprotocolOffer),
        ("a name twice", offer("a, b, a"), SubprotocolOffer),
        ("a name on two lines", handshake(&two_lines), SubprotocolOffer),
    ]);
}

#[test]
fn origins_match_as_they_are_written() {
    let table = [
        (None, true),
        (Some("https://app.example"), true),
        (Some("http://localhost:3000"), true),
        (Some("null"), false),
        (Some(""), false),
        (Some("http://app.example"), false),
        (Some("https://app.example:443"), false),
        (Some("https://APP.example"), false),
        (Some("https://app.example/"), false),
        (Some("https://app.example.evil"), false),
        (Some("https://app.example, https://app.example"), false),
    ];
    for (origin, passes) in table {
        let line = origin.map(|origin| format!("Origin: {origin}"));
        let bytes = handshake(&line.as_deref().into_iter().collect::<Vec<_>>());
        let reception = receive(&bytes, &listed());
        if passes {
            assert!(matches!(reception, Reception::Upgrade(_)), "{origin:?}");
        } else {
            assert_eq!(reception, refusal(Refusal::Origin), "{origin:?}");
        }
        assert!(accepted(&bytes, &open()).is_some(), "an empty list passes all");
    }
    let sandboxed = handshake(&["Origin: null"]);
    assert!(accepted(&sandboxed, &Site::new(vec!["null".into()])).is_some());
}

#[test]
fn the_response_proves_the_key_and_names_one_subprotocol() {
    let headers = |subprotocol: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {ACCEPT}\r\n{subprotocol}\r\n"
        )
    };
    assert!(GOOD[4].ends_with(KEY));
    let response = |more: &[&str]| {
        let upgrade = accepted(&handshake(more), &open()).expect("accepted");
        String::from_utf8(upgrade.accepted.response).expect("text")
    };
    assert_eq!(response(&[]), headers(""));
    assert_eq!(
        response(&["Sec-WebSocket-Protocol: a, vestibule.v1"]),
        headers("Sec-WebSocket-Protocol: vestibule.v1\r\n")
    );
    assert_eq!(
        response(&["Sec-WebSocket-Protocol: b , a"]),
        headers("Sec-WebSocket-Protocol: b\r\n"),
        "the first one offered"
    );
}

#[test]
fn refusals_say_what_to_do() {
    let text = |refusal: Refusal| String::from_utf8(refusal.response()).expect("text");
    let plain = text(Refusal::UpgradeRequired);
    assert!(plain.starts_with("HTTP/1.1 426 ") && plain.contains("\r\nUpgrade: websocket\r\n"));
    assert!(plain.contains(r#"{"error":"upgrade_required","message":"#));
    let version = text(Refusal::WebSocketVersion);
    assert!(version.starts_with("HTTP/1.1 426 "));
    assert!(version.contains("\r\nSec-WebSocket-Version: 13\r\n"));
    assert!(text(Refusal::Method).contains("\r\nAllow: GET\r\n"));
    assert!(text(Refusal::HeadTooLarge).starts_with("HTTP/1.1 431 "));
    assert!(text(Refusal::Origin).starts_with("HTTP/1.1 403 "));
    assert!(text(Refusal::Full).starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_server_that_drains_lets_nobody_in() {
    let site = open();
    site.drain();
    let refused = refusal(Refusal::Draining);
    assert_eq!(receive(&handshake(&[]), &site), refused);
    assert_eq!(receive(&request("GET /healthz HTTP/1.1", &["Host: h"]), &site), Reception::Plain);
}

#[test]
fn everything_else_is_plain() {
    for line in [
        "GET / HTTP/1.1",
        "GET /ws/ HTTP/1.1",
        "GET /wss HTTP/1.1",
        "GET /WS HTTP/1.1",
        "GET /?/ws HTTP/1.1",
        "GET http://h?a=/ws HTTP/1.1",
        "GET /a?b=http://h/ws HTTP/1.1",
        "POST /ticket HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT ws:80 HTTP/1.1",
        "GET /healthz HTTP/1.0",
    ] {
        assert_eq!(receive(&request(line, &GOOD), &open()), Reception::Plain, "{line}");
    }
}

#[test]
fn a_head_request_gets_no_body() {
    let bytes = request("HEAD /ws HTTP/1.1", &["Host: h"]);
    let expected = Refusal::UpgradeRequired.response_to_head();
    assert_eq!(
        receive(&bytes, &open()),
        Reception::Refuse {
            why: Refusal::UpgradeRequired,
            response: expected,
            agent: None,
            client: Some(LOCALHOST),
        }
    );
}

#[test]
fn how_the_head_arrives_does_not_matter() {
    let head = handshake(&[]);
    for cut in 0..head.len() {
        assert_eq!(receive(&head[..cut], &open()), Reception::NeedMore, "{cut} bytes");
    }
    let frames = [head.as_slice(), &[0x81, 0x80, 0, 0, 0, 0]].concat();
    assert_eq!(receive(&frames, &open()), receive(&head, &open()), "frames behind it stay");
}

#[test]
fn the_cap_on_the_head_is_exact() {
    let filler = |missing: usize| {
        let head = handshake(&["X: "]);
        handshake(&[&format!("X: {}", "y".repeat(HEAD_BYTES - head.len() - missing))])
    };
    let longest = filler(0);
    assert_eq!(longest.len(), HEAD_BYTES);
    assert!(accepted(&longest, &open()).is_some());
    let mut longer = longest.clone();
    longer.insert(longest.len() - 4, b'y');
    let refused = refusal(Refusal::HeadTooLarge);
    assert_eq!(receive(&longer, &open()), refused, "whole");
    assert_eq!(receive(&longer[..HEAD_BYTES], &open()), refused, "as soon as it is known");
    assert_eq!(receive(&longer[..HEAD_BYTES - 1], &open()), Reception::NeedMore);
    let behind = [filler(10), vec![0; HEAD_BYTES]].concat();
    assert!(accepted(&behind, &open()).is_some(), "what stands behind the head is no part of it");
}

proptest::proptest! {
    #[test]
    fn no_bytes_upset_it(bytes in proptest::collection::vec(0..=255_u8, 0..300)) {
        let mut head = b"GET /ws HTTP/1.1\r\n".to_vec();
        head.extend(&bytes);
        receive(&bytes, &open());
        receive(&head, &listed());
    }

    #[test]
    fn a_damaged_handshake_is_judged_all_the_same(at in 0..150_usize, byte: u8) {
        let mut bytes = handshake(&["Sec-WebSocket-Protocol: a, b", "Origin: null"]);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        if let Reception::Upgrade(upgrade) = receive(&bytes, &open()) {
            proptest::prop_assert!(upgrade.accepted.response.starts_with(b"HTTP/1.1 101 "));
            proptest::prop_assert!(upgrade.consumed <= bytes.len());
        }
    }
}

#[test]
fn a_handshake_that_is_refused_says_it_too() {
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    let proxies = TrustedProxies::new(networks, AddressSource::XForwardedFor).unwrap();
    let site = open().behind(proxies).reading(Sources::all(Mode::Required));
    let bytes = handshake(&["X-Forwarded-For: 192.0.2.7"]);
    for (peer, whom) in [("127.0.0.1", "192.0.2.7"), ("192.0.2.1", "192.0.2.1")] {
        let received = request::receive(&bytes, &site, peer.parse().unwrap());
        let Reception::Refuse { why, client, .. } = received else { panic!("it is let in") };
        assert_eq!((why, client), (Refusal::NoCredential, whom.parse().ok()), "{peer}");
    }
}

#[test]
fn a_handshake_says_whom_it_speaks_for() {
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    let proxies = TrustedProxies::new(networks, AddressSource::XForwardedFor).unwrap();
    let site = open().behind(proxies);
    let finding = |site: &Site, peer: IpAddr| {
        let lines =
            ["x-forwarded-for: 6.6.6.6", "X-Real-IP: 7.7.7.7", "X-FORWARDED-FOR: ::1, 2::2"];
        let Reception::Upgrade(upgrade) = request::receive(&handshake(&lines), site, peer) else {
            panic!("refused from {peer}");
        };
        upgrade.finding
    };
    let named = Finding { client: "2::2".parse().unwrap(), doubt: None };
    assert_eq!(finding(&site, LOCALHOST), named);
    let stranger: IpAddr = "192.0.2.1".parse().unwrap();
    let itself = |client| Finding { client, doubt: Some(Doubt::Untrusted("X-Forwarded-For")) };
    assert_eq!(finding(&site, stranger), itself(stranger));
    assert_eq!(finding(&open(), LOCALHOST), itself(LOCALHOST));
}
