//! Before the 101: who is let in, who is told why not, and the pages beside it.

use crate::support::{
    Heard, Host, Peer,
    peer::{auth, handshake},
};
use serde_json::Value;

/// One request on a connection of its own: the head and the body of the response.
async fn request(host: &Host, request: &str) -> (String, Vec<u8>) {
    let mut peer = Peer::dial(host.addr).await;
    peer.write(request.as_bytes()).await;
    let head = peer.head().await;
    (head, peer.rest().await)
}

async fn refused(host: &Host, text: &str, status: &str, error: &str) -> String {
    let (head, body) = request(host, text).await;
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{text}\n{head}");
    let body: Value = serde_json::from_slice(&body).expect("a JSON body");
    assert_eq!(body["error"], error, "{text}");
    assert!(body["message"].as_str().is_some_and(|text| text.len() > 10), "{body}");
    head
}

#[tokio::test]
async fn a_plain_get_learns_that_this_is_no_page() {
    let host = Host::start(1, |_| {});
    let get = "GET /ws HTTP/1.1\r\nHost: test\r\n\r\n";
    let head = refused(&host, get, "426", "upgrade_required").await;
    assert!(head.contains("Upgrade: websocket\r\n"), "{head}");
    host.stop().await;
}

#[tokio::test]
async fn a_handshake_that_breaks_a_rule_is_told_which() {
    let host = Host::start(2, |_| {});
    let good = handshake("");
    let without = |line: &str, other: &str| {
        assert!(good.contains(line));
        good.replace(line, other)
    };
    let cases = [
        (without("GET", "POST"), "405", "method_not_allowed"),
        (without("Version: 13", "Version: 12"), "426", "unsupported_websocket_version"),
        (without("dGhlIHNhbXBsZSBub25jZQ==", "short"), "400", "bad_handshake"),
        (without("Connection: Upgrade\r\n", ""), "400", "bad_handshake"),
        (without("HTTP/1.1", "HTTP/1.0"), "400", "bad_handshake"),
        (without("Host: test\r\n", ""), "400", "bad_handshake"),
        (handshake("Host: other\r\n"), "400", "bad_handshake"),
        (handshake("Sec-WebSocket-Protocol: a, b c\r\n"), "400", "bad_handshake"),
        (handshake("Sec-WebSocket-Protocol: a, a\r\n"), "400", "bad_handshake"),
        (
            handshake("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n"),
            "400",
            "bad_handshake",
        ),
        ("nonsense\r\n\r\n".to_owned(), "400", "bad_request"),
        (handshake(&format!("X-Padding: {}\r\n", "x".repeat(9_000))), "431", "header_too_large"),
    ];
    for (text, status, error) in cases {
        refused(&host, &text, status, error).await;
    }
    host.stop().await;
}

/// Whoever sends more than is read must not lose the answer to a reset.
#[tokio::test]
async fn a_head_without_end_is_answered_all_the_same() {
    let host = Host::start(1, |_| {});
    let endless = handshake(&format!("X-Padding: {}\r\n", "x".repeat(60_000)));
    refused(&host, &endless, "431", "header_too_large").await;
    host.stop().await;
}

#[tokio::test]
async fn origins_are_compared_as_they_are_serialised() {
    let host = Host::start(1, |settings| {
        settings.origins = vec!["https://app.example".to_owned()];
    });
    for line in ["", "Origin: https://app.example\r\n"] {
        Peer::dial(host.addr).await.upgrade(line).await;
    }
    for origin in ["null", "https://app.example:443", "http://app.example", "https://App.example"] {
        let line = format!("Origin: {origin}\r\n");
        refused(&host, &handshake(&line), "403", "origin_not_allowed").await;
    }
    host.stop().await;
    let host = Host::start(1, |settings| settings.origins = vec!["null".to_owned()]);
    Peer::dial(host.addr).await.upgrade("Origin: null\r\n").await;
    host.stop().await;
}

#[tokio::test]
async fn a_known_subprotocol_is_echoed_from_any_line_and_none_is_fine() {
    let host = Host::start(2, |_| {});
    let name = "Sec-WebSocket-Protocol";
    let lines = [
        (format!("{name}: vestibule.v1\r\n"), Some("vestibule.v1")),
        (format!("{name}: other, vestibule.v1\r\n"), Some("vestibule.v1")),
        (format!("{name}: other\r\n{name}: vestibule.v1\r\n"), Some("vestibule.v1")),
        (String::new(), None),
    ];
    for (lines, echo) in lines {
        let mut peer = Peer::dial(host.addr).await;
        let head = peer.upgrade(&lines).await;
        match echo {
            Some(echo) => assert!(head.contains(&format!("{name}: {echo}\r\n")), "{head}"),
            None => assert!(!head.contains(name), "{head}"),
        }
        peer.say(auth("alice")).await;
        peer.expect("auth_ok").await;
    }
    host.stop().await;
}

#[tokio::test]
async fn an_unknown_subprotocol_is_echoed_and_closed_without_a_look_at_the_token() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        for first in [String::new(), auth("alice").to_string()] {
            let mut peer = Peer::dial(host.addr).await;
            let mut bytes = handshake("Sec-WebSocket-Protocol: chat.v7, chat.v6\r\n").into_bytes();
            if !first.is_empty() {
                bytes.extend(crate::support::Frame::text(first).bytes());
            }
            peer.write(&bytes).await;
            let head = peer.switched().await;
            assert!(head.contains("Sec-WebSocket-Protocol: chat.v7\r\n"), "{head}");
            peer.closed(4406, "unsupported_protocol", "never").await;
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn a_handshake_may_come_in_any_pieces() {
    let host = Host::start(2, |_| {});
    let mut peer = Peer::dial(host.addr).await;
    for byte in handshake("").as_bytes() {
        peer.write(&[*byte]).await;
    }
    peer.switched().await;
    peer.say(auth("alice")).await;
    peer.expect("auth_ok").await;

    let mut peer = Peer::dial(host.addr).await;
    let mut all = handshake("").into_bytes();
    for text in [auth("bob").to_string(), r#"{"type":"join","id":"1","room":"lobby"}"#.to_owned()] {
        all.extend(crate::support::Frame::text(text).bytes());
    }
    peer.write(&all).await;
    peer.switched().await;
    peer.expect("auth_ok").await;
    peer.expect("joined").await;
    host.stop().await;
}

#[tokio::test]
async fn a_query_string_is_no_credential() {
    let host = Host::start(1, |_| {});
    let token = crate::support::token::token("alice");
    let mut peer = Peer::dial(host.addr).await;
    peer.write(handshake("").replace("/ws", &format!("/ws?token={token}")).as_bytes()).await;
    peer.switched().await;
    peer.say(r#"{"type":"join","room":"lobby"}"#).await;
    peer.closed(4401, "auth_required", "never").await;
    host.stop().await;
}

#[tokio::test]
async fn the_pages_beside_the_endpoint() {
    let host = Host::start(2, |_| {});
    for (path, status, begins) in [
        ("/healthz", "200", "ok"),
        ("/readyz", "200", "ok"),
        ("/protocol.md", "200", "# "),
        ("/", "200", "This is Vestibule"),
        ("/elsewhere", "404", "{\"error\":\"not_found\""),
    ] {
        let get = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        let (head, body) = request(&host, &get).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        assert!(body.starts_with(begins.as_bytes()), "{path}");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_full_server_says_when_to_come_back_and_has_a_place_again() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.connections = 2);
        let first = host.enter("alice").await;
        let second = host.peer().await;
        let head = refused(&host, &handshake(""), "503", "overloaded").await;
        assert!(head.contains("Retry-After: "), "{head}");
        drop(second);
        crate::support::soon("a free place", vacancy(&host)).await;
        drop(first);
        host.stop().await;
    }
}

/// Knocks until the server lets somebody in.
pub(crate) async fn vacancy(host: &Host) -> Peer {
    loop {
        let mut peer = Peer::dial(host.addr).await;
        peer.write(handshake("").as_bytes()).await;
        if peer.head().await.starts_with("HTTP/1.1 101 ") {
            return peer;
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_its_handshake_takes_no_place() {
    let host = Host::start(1, |settings| settings.connections = 1);
    for bytes in [&b""[..], b"GET /w", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut peer = Peer::dial(host.addr).await;
        peer.write(bytes).await;
        peer.reset();
    }
    let mut peer = crate::support::soon("a place", vacancy(&host)).await;
    peer.say("{}").await;
    assert!(matches!(peer.listen().await, Heard::Text(_)));
    host.stop().await;
}
