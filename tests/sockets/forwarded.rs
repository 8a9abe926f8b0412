//! Proxies in front: who must introduce its clients, and who is not believed.

use crate::support::{
    Host, Peer,
    peer::{auth, handshake},
};
use serde_json::Value;
use vestibule::config::{AddressSource, TrustedProxies};

/// Behind a proxy that says whose connection it passes on in front of it.
fn introduced(host: &mut vestibule::server::Settings, network: &str) {
    let networks = vec![network.parse().expect("a network")];
    host.trusted_proxies =
        TrustedProxies::new(networks, AddressSource::ProxyV2).expect("few networks");
}

/// A header of the PROXY protocol, version 2.
fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("a short block").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat()
}

/// From 203.0.113.7:4711 to 10.0.0.1:7000, and an extension.
const V4: &[u8] =
    &[203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0x1b, 0x58, 0x03, 0, 4, 0xde, 0xad, 0xbe, 0xef];

/// The error and status of the answer to `bytes`.
async fn refused(host: &Host, bytes: &[u8]) -> (String, String) {
    let mut peer = Peer::dial(host.addr).await;
    peer.write(bytes).await;
    let head = peer.head().await;
    let body: Value = serde_json::from_slice(&peer.rest().await).expect("a JSON body");
    let status = head.split(' ').nth(1).expect("a status").to_owned();
    (status, body["error"].as_str().expect("a code").to_owned())
}

#[tokio::test]
async fn a_trusted_proxy_introduces_its_client_and_itself() {
    let host = Host::start(2, |settings| introduced(settings, "127.0.0.0/8"));
    for bytes in [header(0x21, 0x11, V4), header(0x21, 0x00, b""), header(0x20, 0x11, b"")] {
        // In one piece, and byte by byte.
        let whole = [&bytes, handshake("X-Forwarded-For: 6.6.6.6\r\n").as_bytes()].concat();
        for piece in [whole.len(), 1] {
            let mut peer = Peer::dial(host.addr).await;
            for bytes in whole.chunks(piece) {
                peer.write(bytes).await;
            }
            peer.switched().await;
            peer.say(auth("alice")).await;
            peer.expect("auth_ok").await;
        }
        let mut peer = Peer::dial(host.addr).await;
        peer.write(&[&bytes, &b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"[..]].concat()).await;
        assert!(peer.head().await.starts_with("HTTP/1.1 200 "), "a probe introduces itself too");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_that_does_not_is_turned_away() {
    let host = Host::start(1, |settings| introduced(settings, "127.0.0.1"));
    let mut too_long = header(0x21, 0x11, V4);
    too_long[14..16].copy_from_slice(&[0xff, 0xff]);
    for bytes in [
        handshake("X-Forwarded-For: 6.6.6.6\r\n").into_bytes(),
        b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n".to_vec(),
        [b"PROXY TCP4 6.6.6.6 10.0.0.1 1 2\r\n", handshake("").as_bytes()].concat(),
        header(0x11, 0x11, V4),
        header(0x21, 0x11, &V4[..11]),
        too_long,
    ] {
        let expected = ("400".to_owned(), "bad_proxy_header".to_owned());
        assert_eq!(refused(&host, &bytes).await, expected, "{}", bytes.escape_ascii());
    }
    // One that only looks whether the port is open says nothing, and hears nothing.
    for bytes in [&b""[..], b"\r\n\r\n\0"] {
        let mut peer = Peer::dial(host.addr).await;
        peer.write(bytes).await;
        peer.half_close().await;
        assert!(peer.rest().await.is_empty());
    }
    host.stop().await;
}

#[tokio::test]
async fn nobody_else_may_introduce_anybody() {
    let strangers = Host::start(1, |settings| introduced(settings, "192.0.2.0/24"));
    let by_header = Host::start(1, |settings| {
        let networks = vec!["127.0.0.1".parse().expect("a network")];
        settings.trusted_proxies =
            TrustedProxies::new(networks, AddressSource::Forwarded).expect("few networks");
    });
    let nobody = Host::start(1, |_| {});
    for host in [strangers, by_header, nobody] {
        let v1 = b"PROXY TCP4 6.6.6.6 10.0.0.1 1 2\r\n".to_vec();
        for introduction in [header(0x21, 0x11, V4), header(0x20, 0x00, b""), v1] {
            let bytes = [&introduction, handshake("").as_bytes()].concat();
            let expected = ("400".to_owned(), "bad_request".to_owned());
            assert_eq!(refused(&host, &bytes).await, expected, "{}", bytes.escape_ascii());
        }
        // For itself it may speak, whatever else it claims.
        let mut peer = Peer::dial(host.addr).await;
        peer.upgrade("X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n").await;
        peer.say(auth("alice")).await;
        peer.expect("auth_ok").await;
        host.stop().await;
    }
}
