//! Whose address the log names: with a client's own words in front of a proxy's, and without one.

use super::{Running, SECRET};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// From 2001:db8::7 to ::, in the PROXY protocol, version 2.
const INTRODUCTION: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x02";

/// Opens a connection with more header lines; what stands in front of it comes first.
fn open(server: &Running, introduction: &[u8], lines: &str) {
    let mut stream = TcpStream::connect(&server.addr).unwrap();
    let bytes = [introduction, HANDSHAKE.as_bytes(), lines.as_bytes(), b"\r\n"].concat();
    stream.write_all(&bytes).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101", "{}", bytes.escape_ascii());
}

fn server(settings: &[(&str, &str)]) -> Running {
    let least = [
        ("VESTIBULE_ISSUER__0__SECRET", SECRET),
        ("VESTIBULE_ROOMS__DEFAULT", "open"),
        ("VESTIBULE_LOG__LEVEL", "debug"),
        ("VESTIBULE_WORKERS", "1"),
        ("VESTIBULE_DRAIN_MS", "0"),
    ];
    Running::start(&["serve", "--listen", "127.0.0.1:0"], &[&least, settings].concat()).0
}

/// The clients of all connections, in order, where they are others than their peers; and the
/// warnings.
fn logged(server: Running) -> (Vec<Option<String>>, Vec<Value>) {
    let (_, log, _) = server.stop();
    let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (mut clients, mut warnings) = (Vec::new(), Vec::new());
    for entry in entries {
        if entry["message"] == "open" {
            assert!(entry["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{entry}");
            assert!(entry["connection"].is_string(), "{entry}");
            clients.push(entry["client"].as_str().map(str::to_owned));
        } else if entry["level"] == "WARN" {
            warnings.push(entry);
        }
    }
    (clients, warnings)
}

const TRUSTED: (&str, &str) = ("VESTIBULE_GATE__TRUSTED_PROXIES__0", "127.0.0.0/8");

#[test]
fn a_trusted_proxy_speaks_for_its_client_and_the_client_for_nobody() {
    let cases = [
        ("X-Forwarded-For: 203.0.113.7\r\n", Some("203.0.113.7")),
        ("X-Forwarded-For: 6.6.6.6, 203.0.113.7, 127.0.0.9\r\n", Some("203.0.113.7")),
        ("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: [2001:db8::7]:1\r\n", Some("2001:db8::7")),
        ("X-Forwarded-For: 203.0.113.7\r\nForwarded: for=6.6.6.6\r\n", Some("203.0.113.7")),
        // Those count as the proxy itself.
        ("X-Forwarded-For: 6.6.6.6, unknown\r\n", None),
        ("Forwarded: for=6.6.6.6\r\n", None),
        ("", None),
    ];
    let server = server(&[TRUSTED]);
    for (lines, _) in cases {
        open(&server, b"", lines);
    }
    let (clients, warnings) = logged(server);
    assert_eq!(clients, cases.map(|(_, client)| client.map(str::to_owned)));
    let header = |warning: &Value| (warning["header"].clone(), warning["peer"].clone());
    let [unreadable, unnamed] = &warnings[..] else { panic!("{warnings:?}") };
    for (warning, words) in [(unreadable, "something else"), (unnamed, "did not say")] {
        assert_eq!(header(warning), ("X-Forwarded-For".into(), "127.0.0.1".into()));
        assert!(warning["message"].as_str().unwrap().contains(words), "{warning}");
    }
}

#[test]
fn the_other_sources_name_clients_too() {
    for (source, introduction, lines, client) in [
        (
            "forwarded",
            &b""[..],
            "Forwarded: for=6.6.6.6, for=\"[2001:db8::7]:1\"\r\n",
            "2001:db8::7",
        ),
        ("proxy-v2", INTRODUCTION, "X-Forwarded-For: 6.6.6.6\r\n", "2001:db8::7"),
    ] {
        let server = server(&[TRUSTED, ("VESTIBULE_GATE__FORWARDED", source)]);
        open(&server, introduction, lines);
        let (clients, warnings) = logged(server);
        assert_eq!(clients, [Some(client.to_owned())], "{source}");
        assert_eq!(warnings, [] as [Value; 0], "{source}");
    }
}

#[test]
fn whoever_is_not_trusted_is_ignored_and_that_is_said_once() {
    let server = server(&[("VESTIBULE_GATE__TRUSTED_PROXIES__0", "192.0.2.0/24")]);
    for _ in 0..3 {
        open(&server, b"", "X-Forwarded-For: 6.6.6.6\r\n");
    }
    open(&server, b"", "Forwarded: for=6.6.6.6\r\n");
    for bytes in [INTRODUCTION, b"PROXY TCP4 6.6.6.6 7.7.7.7 1 2\r\n\r\n"] {
        let mut stream = TcpStream::connect(&server.addr).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let (clients, warnings) = logged(server);
    assert_eq!(clients, [const { None }; 4]);
    let [header, introduction] = &warnings[..] else { panic!("{warnings:?}") };
    for warning in [header, introduction] {
        assert_eq!(warning["peer"], "127.0.0.1");
        assert!(warning["message"].as_str().unwrap().contains("gate.trusted_proxies"), "{warning}");
    }
    assert_eq!(header["header"], "X-Forwarded-For");
    assert!(!warnings.iter().any(|warning| warning.to_string().contains("6.6.6.6")));
}

#[test]
fn a_proxy_that_must_introduce_its_clients_and_does_not_is_named() {
    let server = server(&[TRUSTED, ("VESTIBULE_GATE__FORWARDED", "proxy-v2")]);
    let answer = server.get("/healthz");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("PROXY protocol"), "{answer}");
    let (_, warnings) = logged(server);
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!(warning["peer"], "127.0.0.1");
    assert!(warning["message"].as_str().unwrap().contains("must begin with"), "{warning}");
}
