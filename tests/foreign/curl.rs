//! curl, which knows nothing of WebSockets here: what stands on the wire, up to the verdict.

use crate::{
    case::Case,
    support::{PATIENCE, quiet},
};
use serde_json::Value;
use std::{
    io::Read,
    process::{Child, Stdio},
};

const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// What came of it, in the words of the other clients. Once it is open curl only listens.
pub(crate) fn outcome(case: &Case) -> String {
    let mut curl = curl(case);
    let mut pipe = curl.stdout.take().expect("a pipe");
    let (mut said, mut buffer) = (Vec::new(), [0; 4_096]);
    let outcome = loop {
        let length = pipe.read(&mut buffer).expect("a pipe");
        said.extend_from_slice(&buffer[..length]);
        if let Some(outcome) = read(&said, length == 0) {
            break outcome;
        }
        assert_ne!(length, 0, "{}: {}", case.name, String::from_utf8_lossy(&said));
    };
    // It would wait for more.
    let _it_may_be_over = curl.kill();
    curl.wait().expect("an end");
    outcome
}

fn curl(case: &Case) -> Child {
    let handshake = &case.handshake;
    let mut curl = quiet("curl");
    curl.args(["--silent", "--include", "--no-buffer", "--http1.1", "--max-time"]);
    curl.arg(PATIENCE.as_secs().to_string());
    for line in UPGRADE {
        curl.args(["--header", line]);
    }
    for (name, value) in &handshake.headers {
        curl.args(["--header", &format!("{name}: {value}")]);
    }
    curl.args(["--header", &format!("Sec-WebSocket-Protocol: {}", handshake.protocols.join(", "))]);
    curl.arg(handshake.url.replacen("ws://", "http://", 1));
    curl.stdout(Stdio::piped()).spawn().expect("curl")
}

/// The outcome, once enough was said.
fn read(said: &[u8], over: bool) -> Option<String> {
    let at = said.windows(4).position(|end| end == b"\r\n\r\n")?;
    let (head, body) = said.split_at(at + 4);
    let head = String::from_utf8_lossy(head).into_owned();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("");
    let status = head.get("HTTP/1.1 ".len()..)?.get(..3)?;
    if status != "101" {
        let body: Value = serde_json::from_slice(body).ok().filter(|_| over)?;
        let challenge = header("WWW-Authenticate: ");
        return Some(format!("{status} {}, {challenge}", body["error"].as_str()?));
    }
    let frame = frames(body)
        .find(|(first, payload)| *first == CLOSE || payload.starts_with(b"{\"type\":\"auth_ok\""));
    match frame? {
        (CLOSE, payload) => {
            let (code, reason) = payload.split_first_chunk()?;
            let reason = String::from_utf8_lossy(reason);
            Some(format!("closed {} {reason}", u16::from_be_bytes(*code)))
        }
        (_, payload) => {
            let welcome: Value = serde_json::from_slice(payload).ok()?;
            let protocol = header("Sec-WebSocket-Protocol: ");
            Some(format!("user {}, {protocol}", welcome["user"].as_str()?))
        }
    }
}

/// The first byte of a Close.
const CLOSE: u8 = 0x88;

/// The whole frames of these bytes, each with its first byte; those of a server have no mask.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (length, rest) = match bytes {
            [_, 126, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
            [_, length, rest @ ..] if *length < 126 => (usize::from(*length), rest),
            _ => return None,
        };
        let (payload, rest) = rest.split_at_checked(length)?;
        let first = bytes[0];
        bytes = rest;
        Some((first, payload))
    })
}
