//! A server that stands still (SIGSTOP) and goes on (SIGCONT): nobody alive is taken for dead, no
//! token outlives its end, nothing that was published is lost.
//!
//! With `SUSPEND_SECONDS=40` it stands still for that long, under the default heartbeat; otherwise
//! everything is short.

#![cfg(all(feature = "server", feature = "client"))]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

#[path = "sockets/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of sockets use more of it")]
mod sockets;
mod support;

use serde_json::{Value, json};
use sockets::{Frame, Heard, Opcode, Peer, token};
use std::{env, time::Duration};
use support::Program;
use tokio::time::{Instant, timeout};

/// How long the server stands still unless `SUSPEND_SECONDS` says otherwise, in milliseconds.
const SUSPEND_MS: u64 = 1_500;
/// The heartbeat meanwhile: its timeout is over long before the server goes on.
const INTERVAL_MS: &str = "500";
const TIMEOUT_MS: &str = "1000";
/// A Ping of the default heartbeat, and its timeout, come well within this.
const PATIENCE: Duration = Duration::from_secs(60);
/// What comes at once comes within this.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The server, and for how long it will stand still.
fn serve() -> (Program, u64) {
    let secret = String::from_utf8(token::SECRET.to_vec()).expect("text");
    let short = [
        ("VESTIBULE_HEARTBEAT__INTERVAL_MS", INTERVAL_MS),
        ("VESTIBULE_HEARTBEAT__TIMEOUT_MS", TIMEOUT_MS),
    ];
    let asked = env::var("SUSPEND_SECONDS").ok().map(|text| text.parse::<u64>().expect("seconds"));
    let issuer =
        [("VESTIBULE_ISSUER__0__SECRET", &*secret), ("VESTIBULE_ISSUER__0__LEEWAY_MS", "0")];
    let heartbeat = if asked.is_none() { &short[..] } else { &[] };
    let server = Program::serve(&[&issuer[..], heartbeat].concat());
    (server, asked.map_or(SUSPEND_MS, |seconds| seconds * 1_000))
}

async fn enter(server: &Program, token: &str) -> Peer {
    let mut peer = Peer::connect(server.addr.parse().expect("an address")).await;
    peer.sign_in(token).await;
    peer.join("lobby").await;
    peer
}

/// The next message; Pings are answered, warnings of the end of a token passed over.
async fn hear(peer: &mut Peer) -> Value {
    loop {
        match next(peer).await {
            Some(Heard::Text(text)) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                if message["type"] != "ping" && message["type"] != "auth_expiring" {
                    return message;
                }
            }
            Some(other) => panic!("a message was due, not {other:?}"),
            None => {}
        }
    }
}

/// What comes next; a Ping is answered and is `None`.
async fn next(peer: &mut Peer) -> Option<Heard> {
    let heard = timeout(PATIENCE, peer.next()).await.expect("anything");
    let Heard::Ping(payload) = heard else { return Some(heard) };
    peer.send(&Frame::new(Opcode::Pong, payload)).await;
    None
}

fn post(payload: &str) -> Value {
    json!({"type": "message", "room": "lobby", "payload": payload, "id": payload})
}

#[tokio::test]
async fn a_server_that_stood_still_judges_nobody_by_its_own_silence() {
    let (server, suspend_ms) = serve();
    let mut talker = enter(&server, &token::token("talker")).await;
    let mut listener = enter(&server, &token::token("listener")).await;
    let mut mute = enter(&server, &token::token("mute")).await;
    // The server waits for an answer that comes while it stands still.
    let question = loop {
        if let Heard::Ping(payload) = timeout(PATIENCE, listener.next()).await.expect("a Ping") {
            break payload;
        }
    };
    // The token of this one ends meanwhile.
    let mut fleeting = enter(&server, &token::ending_in("fleeting", suspend_ms as i64 / 2)).await;
    talker.say(post("before")).await;
    assert_eq!(hear(&mut talker).await["type"], "ack");
    // The listener may sit on another worker, which has yet to hear of it.
    assert_eq!(hear(&mut listener).await["payload"], "before");
    server.suspend();

    talker.say(post("meanwhile")).await;
    fleeting.say(post("too late")).await;
    listener.send(&Frame::new(Opcode::Pong, question)).await;
    for peer in [&mut talker, &mut listener] {
        answer_what_waits(peer).await;
    }
    let silence = timeout(Duration::from_millis(suspend_ms), listener.next()).await;
    assert!(silence.is_err(), "a stopped server says {silence:?}");
    server.resume();

    ends_at_once(&mut fleeting).await;
    loop {
        let message = hear(&mut talker).await;
        assert_ne!(message["type"], "error", "{message}");
        if message["type"] == "ack" {
            assert_eq!(message["id"], "meanwhile");
            assert_eq!(message["seq"], 2, "the one before it, and not the late one");
            break;
        }
    }
    let message = hear(&mut listener).await;
    assert_eq!((&message["payload"], &message["seq"]), (&json!("meanwhile"), &json!(2)));
    // Both live on over the next Ping, and miss nothing that comes.
    for peer in [&mut talker, &mut listener] {
        while next(peer).await.is_some() {}
    }
    talker.say(post("after")).await;
    let message = hear(&mut listener).await;
    assert_eq!((&message["payload"], &message["seq"]), (&json!("after"), &json!(3)), "{message}");
    // Whoever says nothing is taken for dead, by what it said after it could have been heard.
    assert_eq!(verdict(&mut mute).await, "heartbeat_timeout");
    let (status, _) = server.stop();
    assert!(status.success());
}

/// Whoever is alive answers what the server had sent before it stood still.
async fn answer_what_waits(peer: &mut Peer) {
    while let Ok(heard) = timeout(AT_ONCE / 10, peer.next()).await {
        match heard {
            Heard::Ping(payload) => peer.send(&Frame::new(Opcode::Pong, payload)).await,
            Heard::Text(text) => assert!(text.contains("before") || text.contains("ping")),
            other => panic!("{other:?}"),
        }
    }
}

/// The token of this peer has ended: it is told so, and hears nothing else any more.
async fn ends_at_once(peer: &mut Peer) {
    let woken = Instant::now();
    let error = loop {
        let message = hear(peer).await;
        assert_ne!(message["payload"], "meanwhile", "delivered after its token had ended");
        if message["type"] == "error" {
            break message;
        }
    };
    assert_eq!((&error["code"], &error["fatal"]), (&json!("token_expired"), &json!(true)));
    let late = woken.elapsed();
    assert!(late < AT_ONCE, "its token had ended, and it went on for {late:?}");
    peer.close_frame(4412, "token_expired").await;
}

/// The code of the error that ends a connection; nothing is answered until then.
async fn verdict(peer: &mut Peer) -> String {
    loop {
        let heard = timeout(PATIENCE, peer.next()).await.expect("its end");
        let Heard::Text(text) = heard else {
            assert!(matches!(heard, Heard::Ping(_)), "{heard:?}");
            continue;
        };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message["type"] == "error" {
            return message["code"].as_str().expect("a code").to_owned();
        }
    }
}
