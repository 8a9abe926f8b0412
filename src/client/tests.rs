//! The client against a peer that plays a script, for what a well-behaved server never does.

use super::*;
use crate::protocol::close_code::Advice;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Message, protocol::CloseFrame},
};

const AUTH_OK: &str = r#"{"type":"auth_ok","v":1,"connection":"c","user":"ann",
    "expires_in_ms":60000,"expires_at_ms":1,"heartbeat":{"interval_ms":25000,"timeout_ms":10000},
    "limits":{"message_bytes":65536,"messages_per_s":10,"burst":20,"rooms":128,
    "room_name_bytes":128,"in_flight":64,"leeway_ms":5000},"features":["recovery"],
    "refreshed":false,"later":"ignored"}"#;

/// The other end of the line.
struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// What the client says next, which must be a text.
    async fn hear(&mut self) -> String {
        self.0.next().await.unwrap().unwrap().into_text().unwrap().to_string()
    }

    async fn welcome(&mut self) {
        assert_eq!(self.hear().await, r#"{"type":"auth","payload":"t.o.k"}"#);
        self.say(AUTH_OK).await;
    }

    async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.0.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

struct Place(TcpListener);

impl Place {
    async fn open() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        (Self(listener), url)
    }

    async fn accept(&self) -> Peer {
        let (stream, _) = self.0.accept().await.unwrap();
        Peer(accept_async(stream).await.unwrap())
    }
}

async fn signed_in(url: &str) -> Client {
    let options = Options { subprotocol: false, ..Options::default() };
    let mut client = Client::connect(url, &options).await.unwrap();
    assert_eq!(client.authenticate("t.o.k").await.unwrap().user, "ann");
    client
}

#[tokio::test]
async fn what_arrives_during_a_request_is_kept_in_order() {
    let (place, url) = Place::open().await;
    let peer = async {
        let mut peer = place.accept().await;
        peer.welcome().await;
        assert_eq!(peer.hear().await, r#"{"type":"leave","id":"1","room":"r"}"#);
        for seq in 1..=3 {
            let text =
                format!(r#"{{"type":"message","room":"r","seq":{seq},"at_ms":1,"payload":0}}"#);
            peer.say(&text).await;
        }
        peer.say(r#"{"type":"left","id":"1","room":"r"}"#).await;
        peer.close(1000, "").await;
    };
    let client = async {
        let mut client = signed_in(&url).await;
        client.leave("r").await.unwrap();
        for wanted in 1..=3 {
            let Received::Message(message) = client.next().await.unwrap() else { panic!() };
            assert_eq!(message.seq, Some(wanted));
        }
        let Error::Closed(closed) = client.next().await.unwrap_err() else { panic!() };
        assert_eq!((closed.code, closed.advice()), (1000, Advice::Never));
    };
    tokio::join!(peer, client);
}

#[tokio::test]
async fn a_refused_sign_in_says_why() {
    let (place, url) = Place::open().await;
    let peer = async {
        let mut peer = place.accept().await;
        peer.hear().await;
        peer.say(r#"{"type":"error","code":"token_invalid","message":"No.","retry":"refresh","fatal":true}"#)
            .await;
        peer.close(4411, "token_invalid").await;
    };
    let client = async {
        let options = Options { subprotocol: false, ..Options::default() };
        let mut client = Client::connect(&url, &options).await.unwrap();
        let error = client.authenticate("bad").await.unwrap_err();
        assert_eq!(error.to_string(), "the connection was closed with 4411 (token_invalid): No.");
        // And it says so again, however often one asks.
        assert!(matches!(client.next().await, Err(Error::Closed(closed)) if closed.code == 4411));
    };
    tokio::join!(peer, client);
}

#[tokio::test]
async fn a_dead_line_is_noticed_by_the_heartbeat() {
    let (place, url) = Place::open().await;
    let peer = async {
        let mut peer = place.accept().await;
        peer.hear().await;
        peer.say(&AUTH_OK.replace("25000", "1").replace("10000", "1")).await;
        peer
    };
    let client = async {
        let mut client = signed_in(&url).await;
        assert!(
            matches!(client.next().await, Err(Error::Silent { after }) if after.as_millis() == 2)
        );
    };
    let (_still_open, ()) = tokio::join!(peer, client);
}

#[tokio::test]
async fn a_cut_line_counts_as_1006() {
    let (place, url) = Place::open().await;
    let peer = async { place.accept().await.welcome().await };
    let client = async {
        let mut client = signed_in(&url).await;
        let Error::Closed(closed) = client.next().await.unwrap_err() else { panic!() };
        assert_eq!((closed.code, closed.advice()), (1006, Advice::Backoff(None)));
    };
    tokio::join!(peer, client);
}

#[tokio::test]
async fn addresses_that_cannot_work_are_explained() {
    let options = Options::default();
    for url in ["wss://localhost/ws", "localhost:7000", "http://localhost/", ""] {
        let error = Client::connect(url, &options).await.unwrap_err();
        assert!(error.to_string().contains("ws://HOST:PORT/ws"), "{error}");
    }
    let (place, url) = Place::open().await;
    drop(place);
    let error = Client::connect(&url, &options).await.unwrap_err();
    assert!(error.to_string().ends_with("is the server up?"), "{error}");
}

#[tokio::test]
async fn a_message_over_the_limit_is_not_sent() {
    let (place, url) = Place::open().await;
    let peer = async { place.accept().await.welcome().await };
    let client = async {
        let mut client = signed_in(&url).await;
        let text = "x".repeat(Options::default().message_bytes);
        let error = client.publish("r", &text).await.unwrap_err();
        assert!(matches!(error, Error::Oversize { .. } | Error::Closed(_)), "{error}");
    };
    tokio::join!(peer, client);
}

/// A message of the room `r`.
fn message(seq: u64) -> String {
    format!(r#"{{"type":"message","room":"r","seq":{seq},"at_ms":1,"payload":{seq}}}"#)
}

fn joined(id: &str, seq: u64, recovered: &str) -> String {
    format!(
        r#"{{"type":"joined","id":"{id}","room":"r","epoch":"e","seq":{seq},"recovered":{recovered}}}"#
    )
}

#[tokio::test]
async fn coming_back_goes_on_from_the_last_message_and_hands_over_each_once() {
    let (place, url) = Place::open().await;
    let peer = async {
        let mut peer = place.accept().await;
        peer.welcome().await;
        assert_eq!(peer.hear().await, r#"{"type":"join","id":"join-1","room":"r"}"#);
        peer.say(&joined("join-1", 4, "null")).await;
        peer.say(&message(5)).await;
        // The publish arrives, its ack gets lost.
        let first = peer.hear().await;
        assert!(first.contains(r#""idempotency_key":""#), "{first}");
        peer.close(4412, "token_expired").await;

        let mut peer = place.accept().await;
        peer.welcome().await;
        assert_eq!(
            peer.hear().await,
            r#"{"type":"join","id":"join-3","room":"r","since":{"epoch":"e","seq":5}}"#
        );
        peer.say(&joined("join-3", 7, "true")).await;
        for seq in [5, 6, 7] {
            peer.say(&message(seq)).await;
        }
        assert_eq!(peer.hear().await, first, "sent again with the same key");
        peer.close(4403, "forbidden").await;
    };
    let client = async {
        let options = Options { subprotocol: false, ..Options::default() };
        let mut client = Reconnecting::new(&url, options, async || Ok("t.o.k".to_owned()));
        client.join("r");
        let mut seen = Vec::new();
        let mut interruptions = 0;
        let end = loop {
            match client.next().await {
                Ok(Event::Message(message)) => {
                    seen.extend(message.seq);
                    if seen == [5] {
                        client.publish("r", "hello").unwrap();
                    }
                }
                Ok(Event::Interrupted { wait, .. }) => {
                    interruptions += 1;
                    assert!(wait.is_zero(), "a new token, then at once");
                }
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!((seen, interruptions), (vec![5, 6, 7], 1));
        assert!(matches!(end, Error::Closed(closed) if closed.code == 4403));
        assert_eq!(client.position("r").map(|since| since.seq), Some(7));
    };
    tokio::join!(peer, client);
}

#[tokio::test]
async fn a_lost_history_starts_over_and_is_told() {
    let (place, url) = Place::open().await;
    let peer = async {
        let mut peer = place.accept().await;
        peer.welcome().await;
        assert!(peer.hear().await.contains(r#""since":{"epoch":"old","seq":90}"#));
        peer.say(&joined("join-1", 2, "false")).await;
        peer.say(&message(3)).await;
        peer.close(1000, "normal").await;
    };
    let client = async {
        let options = Options { subprotocol: false, ..Options::default() };
        let mut client = Reconnecting::new(&url, options, async || Ok("t.o.k".to_owned()));
        client.join_since("r", Some(Since { epoch: "old".into(), seq: 90 }));
        assert!(matches!(client.next().await, Ok(Event::SignedIn(_))));
        let Ok(Event::Joined(joined)) = client.next().await else { panic!() };
        assert_eq!(joined.recovered, Some(false));
        let Ok(Event::Message(message)) = client.next().await else { panic!() };
        assert_eq!(message.seq, Some(3));
        assert!(client.next().await.is_err());
    };
    tokio::join!(peer, client);
}

#[tokio::test]
async fn history_is_asked_for_in_rooms_that_one_is_in() {
    let (place, url) = Place::open().await;
    let peer = async {
        let mut peer = place.accept().await;
        peer.welcome().await;
        peer.hear().await;
        peer.say(&joined("join-1", 0, "null")).await;
        let asked = r#"{"type":"history","id":"history-2","room":"r","before":9,"limit":100}"#;
        assert_eq!(peer.hear().await, asked);
        let text = r#"{"type":"history","id":"history-2","room":"r","epoch":"e","messages":[{"type":"message","room":"r","seq":8,"at_ms":1,"payload":1}],"more":true}"#;
        peer.say(text).await;
        let asked = r#"{"type":"history","id":"history-3","room":"r","limit":1}"#;
        assert_eq!(peer.hear().await, asked);
        let text = r#"{"type":"error","id":"history-3","room":"r","code":"forbidden","message":"No.","retry":"never","fatal":false}"#;
        peer.say(text).await;
        peer.close(1000, "normal").await;
    };
    let client = async {
        let options = Options { subprotocol: false, ..Options::default() };
        let mut client = Reconnecting::new(&url, options, async || Ok("t.o.k".to_owned()));
        client.join("r");
        assert!(!client.history("r", None, 5), "not in it yet");
        client.next().await.unwrap();
        client.next().await.unwrap();
        assert!(client.history("r", Some(9), 101));
        let Ok(Event::History(page)) = client.next().await else { panic!() };
        assert_eq!((page.messages[0].seq, page.more), (Some(8), true));
        assert!(client.history("r", None, 0));
        let Ok(Event::HistoryRefused { room, refused }) = client.next().await else { panic!() };
        assert_eq!((room.as_str(), refused.code.as_str()), ("r", "forbidden"));
    };
    tokio::join!(peer, client);
}

#[tokio::test]
async fn refusals_are_told_and_not_repeated() {
    let (place, url) = Place::open().await;
    let refusal = |id: &str, code: &str| {
        format!(
            r#"{{"type":"error","id":"{id}","code":"{code}","message":"No.","retry":"never","fatal":false}}"#
        )
    };
    let peer = async {
        let mut peer = place.accept().await;
        peer.welcome().await;
        peer.hear().await;
        peer.say(&joined("join-1", 0, "null")).await;
        let text: serde_json::Value = serde_json::from_str(&peer.hear().await).unwrap();
        peer.say(&refusal(text["id"].as_str().unwrap(), "too_big")).await;
        peer.say(r#"{"type":"left","room":"r","code":"forbidden"}"#).await;
        let text: serde_json::Value = serde_json::from_str(&peer.hear().await).unwrap();
        peer.say(&refusal(text["id"].as_str().unwrap(), "too_many_rooms")).await;
        peer.close(1000, "normal").await;
    };
    let client = async {
        let options = Options { subprotocol: false, ..Options::default() };
        let mut client = Reconnecting::new(&url, options, async || Ok("t.o.k".to_owned()));
        client.join("r");
        client.publish("r", &1).unwrap();
        client.next().await.unwrap();
        client.next().await.unwrap();
        let Ok(Event::Unpublished { room, refused }) = client.next().await else { panic!() };
        assert_eq!((room.as_str(), refused.code.as_str()), ("r", "too_big"));
        let Ok(Event::Removed { room, code }) = client.next().await else { panic!() };
        assert_eq!((room.as_str(), code.as_str()), ("r", "forbidden"));
        client.join("s");
        let Ok(Event::Removed { room, code }) = client.next().await else { panic!() };
        assert_eq!((room.as_str(), code.as_str()), ("s", "too_many_rooms"));
    };
    tokio::join!(peer, client);
}

#[tokio::test]
async fn an_ack_is_told_once_and_every_frame_can_be_watched() {
    let (place, url) = Place::open().await;
    let peer = async {
        let mut peer = place.accept().await;
        peer.welcome().await;
        peer.hear().await;
        peer.say(&joined("join-1", 0, "null")).await;
        let text: serde_json::Value = serde_json::from_str(&peer.hear().await).unwrap();
        let id = text["id"].as_str().unwrap();
        let ack =
            format!(r#"{{"type":"ack","id":"{id}","room":"r","epoch":"e","seq":1,"at_ms":1}}"#);
        peer.say(&ack).await;
        peer.say(&ack).await;
        peer.say(r#"{"type":"message","room":"r","seq":1,"at_ms":1,"payload":1}"#).await;
        while let Some(Ok(_)) = peer.0.next().await {}
    };
    let frames = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = frames.clone();
    let watch = Watch::new(move |sent, frame| {
        let text = match frame {
            Frame::Text(text) => text.split('"').nth(3).unwrap_or_default().to_owned(),
            Frame::Ping | Frame::Pong => "control".to_owned(),
            Frame::Close { code, .. } => code.to_string(),
        };
        seen.lock().unwrap().push((sent, text));
    });
    let client = async {
        let options = Options { subprotocol: false, watch: Some(watch), ..Options::default() };
        let mut client = Reconnecting::new(&url, options, async || Ok("t.o.k".to_owned()));
        client.join("r");
        client.publish("r", &1).unwrap();
        client.next().await.unwrap();
        client.next().await.unwrap();
        let Ok(Event::Published(ack)) = client.next().await else { panic!() };
        assert_eq!((ack.room.as_str(), ack.seq), ("r", Some(1)));
        let Ok(Event::Message(_)) = client.next().await else { panic!() };
        // The server of `AUTH_OK` takes 65,536 bytes, the client would send more.
        let long = "x".repeat(65_536);
        assert!(matches!(client.publish("r", &long), Err(Error::Oversize { most: 65_536, .. })));
        client.close().await.unwrap();
    };
    tokio::join!(peer, client);
    let wanted = [
        (true, "auth"),
        (false, "auth_ok"),
        (true, "join"),
        (false, "joined"),
        (true, "message"),
        (false, "ack"),
        (false, "ack"),
        (false, "message"),
        (true, "1000"),
        (false, "1000"),
    ];
    assert_eq!(*frames.lock().unwrap(), wanted.map(|(sent, text)| (sent, text.to_owned())));
}

#[tokio::test]
async fn publishes_without_an_ack_are_bounded() {
    let mut client =
        Reconnecting::new("ws://127.0.0.1:1/ws", Options::default(), async || Ok(String::new()));
    for _ in 0..UNACKED {
        client.publish("r", "x").unwrap();
    }
    assert!(matches!(client.publish("r", "x"), Err(Error::Backlog { kept: UNACKED })));
    // What is left for good is not published any more.
    client.leave("r");
    client.publish("s", "x").unwrap();
    let long = "x".repeat(Options::default().message_bytes);
    assert!(matches!(client.publish("s", &long), Err(Error::Oversize { .. })));
}
