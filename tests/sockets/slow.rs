//! A member that reads too slowly: others lose nothing, it catches up or hears 4420.

use crate::support::{
    Heard, Host, Peer,
    peer::{self, handshake},
    soon, token,
};
use serde_json::{Value, json};
use vestibule::{
    protocol::room_rules::{HistoryBounds, RoomRules},
    server::Settings,
};

/// Enough for the buffers of both kernels and the outbox.
const POSTS: u64 = 700;
/// Posts between two signs of life.
const LIFE: u64 = 15;
const PAYLOAD_BYTES: usize = 8 * 1024;

fn small_outbox(settings: &mut Settings, count: usize) {
    settings.rules.session.outbox_bytes = 64 * 1024;
    let history = HistoryBounds { count, bytes: 64 * 1024 * 1024, ..HistoryBounds::default() };
    settings.rules.rooms = RoomRules::open().with_history(history);
}

/// A member that takes in little and does not read.
async fn slow_member(host: &Host) -> (Peer, Value) {
    let mut peer = Peer::dial_narrow(host.addr).await;
    peer.write(handshake("").as_bytes()).await;
    peer.switched().await;
    peer.sign_in(&token::token("slow")).await;
    let joined = peer.join("busy").await;
    (peer, joined)
}

/// Fills the room; the author and a member beside it read everything. Nobody falls silent.
async fn fill(host: &Host, slow: &mut Peer) -> Peer {
    let mut author = host.member("author", "busy").await;
    let mut beside = host.member("beside", "busy").await;
    let text = "x".repeat(PAYLOAD_BYTES);
    for n in 1..=POSTS {
        if n % LIFE == 0 {
            beside.say(r#"{"type":"pong"}"#).await;
            slow.say(r#"{"type":"pong"}"#).await;
        }
        author.say(json!({"type": "message", "room": "busy", "payload": [n, text]})).await;
        for peer in [&mut author, &mut beside] {
            let message = peer.expect("message").await;
            assert_eq!((&message["seq"], &message["payload"][0]), (&json!(n), &json!(n)));
        }
    }
    author
}

#[tokio::test]
async fn a_slow_reader_catches_up_from_history() {
    crate::at_once(async |workers| {
        let host = Host::start(workers, |settings| small_outbox(settings, 10_000));
        let (mut slow, _) = slow_member(&host).await;
        let mut author = fill(&host, &mut slow).await;
        slow.widen();
        for n in 1..=POSTS {
            let message = slow.expect("message").await;
            assert_eq!((&message["seq"], &message["payload"][0]), (&json!(n), &json!(n)));
        }
        author.post("busy", json!("live again")).await;
        slow.expect_post(POSTS + 1, json!("live again")).await;
        host.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_that_history_has_left_behind_is_told_to_come_back() {
    crate::at_once(async |workers| {
        let host = Host::start(workers, |settings| small_outbox(settings, 16));
        let (mut slow, joined) = slow_member(&host).await;
        fill(&host, &mut slow).await;
        slow.widen();
        let mut last = 0;
        let error = loop {
            let message = slow.hear().await;
            match message["type"].as_str() {
                Some("message") => {
                    last += 1;
                    assert_eq!(message["seq"], last, "no gap before the end");
                }
                _ => break message,
            }
        };
        assert!(last < POSTS, "nothing was lost: the buffers took it all");
        assert_eq!((&error["code"], &error["retry"]), (&json!("slow_consumer"), &json!("backoff")));
        assert_eq!(error["fatal"], true);
        slow.close_frame(4420, "slow_consumer").await;
        // It comes back and hears that the gap cannot be closed.
        let mut back = host.enter("slow").await;
        let since = json!({"epoch": joined["epoch"], "seq": last});
        let joined = back.join_since("busy", since).await;
        assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(false), &json!(POSTS)));
        host.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_stopped_is_no_dead_line_but_a_slow_one() {
    let host = Host::start(2, |settings| {
        small_outbox(settings, 10_000);
        settings.rules.session.heartbeat_interval_ms = 1_000;
        settings.rules.session.heartbeat_timeout_ms = 1_500;
        settings.connections_per_user = 1;
    });
    let (mut slow, _) = slow_member(&host).await;
    fill(&host, &mut slow).await;
    // The slow one falls silent. Its user's place is free once the server has given it up; to read
    // before that would empty the outbox and look like a dead line.
    let successor = async {
        loop {
            let mut peer = host.peer().await;
            peer.say(peer::auth("slow")).await;
            if peer.hear().await["type"] == "auth_ok" {
                return;
            }
        }
    };
    soon("the end of the slow one", successor).await;
    let closed = async {
        loop {
            match slow.listen().await {
                Heard::Text(_) | Heard::Ping(_) => {}
                other => return other,
            }
        }
    };
    assert_eq!(closed.await, Heard::Close(Some(4420), "slow_consumer".to_owned()));
    host.stop().await;
}
