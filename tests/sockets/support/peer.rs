//! A client made of bytes: it shows what stands on the wire and can break every rule.

use super::{Frame, soon, token};
use serde_json::{Value, json};
use socket2::SockRef;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{TcpSocket, TcpStream},
};

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// What RFC 6455 1.3 computes for the key above.
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// The handshake with more header lines, each with its line end.
pub(crate) fn handshake(lines: &str) -> String {
    format!("{HANDSHAKE}{lines}\r\n")
}

/// One thing that the server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    /// Its FIN.
    End,
    /// Its RST.
    Reset,
}

/// A connection to the server under test.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Peer {
    /// A TCP connection, nothing said yet.
    pub(crate) async fn dial(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("connect");
        Self { stream, unread: Vec::new() }
    }

    /// The same from this address of the loopback network.
    pub(crate) async fn dial_from(addr: SocketAddr, from: Ipv4Addr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("a loopback address");
        let stream = socket.connect(addr).await.expect("connect");
        Self { stream, unread: Vec::new() }
    }

    /// A connection whose kernel takes in little.
    pub(crate) async fn dial_narrow(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        let stream = socket.connect(addr).await.expect("connect");
        Self { stream, unread: Vec::new() }
    }

    /// A connection behind the 101.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let mut peer = Self::dial(addr).await;
        peer.upgrade("").await;
        peer
    }

    /// Goes through the handshake and returns the head of the 101.
    pub(crate) async fn upgrade(&mut self, lines: &str) -> String {
        self.write(handshake(lines).as_bytes()).await;
        self.switched().await
    }

    /// Reads the 101.
    pub(crate) async fn switched(&mut self) -> String {
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains(ACCEPT), "{head}");
        assert!(!head.contains("Extensions"), "{head}");
        head
    }

    /// Reads the head of an HTTP response; empty if the connection ends before it.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.unread.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = self.unread.drain(..at + 4).collect();
                return String::from_utf8(head).expect("text");
            }
            if self.fill().await.is_err() {
                return String::new();
            }
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await.is_ok() {}
        std::mem::take(&mut self.unread)
    }

    /// Writes, whatever becomes of it: a connection that is gone shows when it is read.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _the_server_may_hang_up = soon("a write", self.stream.write_all(bytes)).await;
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.write(&frame.bytes()).await;
    }

    /// Sends one text frame.
    pub(crate) async fn say(&mut self, text: impl ToString) {
        self.send(&Frame::text(text.to_string())).await;
    }

    /// Sends several text frames in one write.
    pub(crate) async fn say_all<T: ToString>(&mut self, texts: impl IntoIterator<Item = T>) {
        let frames = texts.into_iter().flat_map(|text| Frame::text(text.to_string()).bytes());
        self.write(&frames.collect::<Vec<u8>>()).await;
    }

    /// Sends a FIN and can still read.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.expect("a FIN");
    }

    /// Ready once the server has reset the connection.
    pub(crate) async fn was_reset(&mut self) {
        soon("a reset", self.stream.ready(Interest::ERROR)).await.expect("readiness");
    }

    /// Its kernel takes in much from now on.
    pub(crate) fn widen(&self) {
        SockRef::from(&self.stream).set_recv_buffer_size(1024 * 1024).expect("a large buffer");
    }

    /// Goes with a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("linger");
    }

    /// The next thing that the server does.
    pub(crate) async fn listen(&mut self) -> Heard {
        soon("anything", self.next()).await
    }

    /// The same, without a limit to the wait.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.parse() {
                return heard;
            }
            match self.fill_once().await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    assert!(self.unread.is_empty(), "cut within a frame");
                    return Heard::End;
                }
                Err(_) => return Heard::Reset,
            }
        }
    }

    /// The text of the next text message. Heartbeat is passed over.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match self.listen().await {
                Heard::Text(text) if text == r#"{"type":"ping"}"# => {}
                Heard::Text(text) => return text,
                Heard::Ping(_) => {}
                other => panic!("a text was due, not {other:?}"),
            }
        }
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).expect("JSON")
    }

    /// The next message, which must be of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// Says something and hears the next message.
    pub(crate) async fn ask(&mut self, request: Value) -> Value {
        self.say(request).await;
        self.hear().await
    }

    pub(crate) async fn sign_in(&mut self, token: &str) -> Value {
        self.say(token_message(token)).await;
        self.expect("auth_ok").await
    }

    pub(crate) async fn join(&mut self, room: &str) -> Value {
        self.say(json!({"type": "join", "id": "j", "room": room})).await;
        let joined = self.expect("joined").await;
        assert_eq!((&joined["id"], &joined["room"]), (&json!("j"), &json!(room)));
        joined
    }

    /// Joins with a position and returns `joined`; what was missed comes next.
    pub(crate) async fn join_since(&mut self, room: &str, since: Value) -> Value {
        self.say(json!({"type": "join", "id": "j", "room": room, "since": since})).await;
        self.expect("joined").await
    }

    /// Publishes and returns the ack; if this peer is a member its own copy comes next.
    pub(crate) async fn post(&mut self, room: &str, payload: Value) -> Value {
        self.say(json!({"type": "message", "id": "m", "room": room, "payload": payload})).await;
        self.expect("ack").await
    }

    /// The next message must be this one of the room.
    pub(crate) async fn expect_post(&mut self, seq: u64, payload: Value) -> Value {
        let message = self.expect("message").await;
        assert_eq!((&message["seq"], &message["payload"]), (&json!(seq), &payload), "{message}");
        message
    }

    /// An error that does not close comes next.
    pub(crate) async fn refused(&mut self, code: &str) -> Value {
        let error = self.expect("error").await;
        assert_eq!((&error["code"], &error["fatal"]), (&json!(code), &json!(false)), "{error}");
        assert!(error["message"].is_string() && error["retry"].is_string(), "{error}");
        error
    }

    /// Nothing waits between here and the answer to a ping.
    pub(crate) async fn nothing_waits(&mut self) {
        let pong = self.ask(json!({"type": "ping", "payload": "anything?"})).await;
        assert_eq!(pong, json!({"type": "pong", "payload": "anything?"}));
    }

    /// An `error` comes next, then a Close that says the same, then the end. Returns the error.
    pub(crate) async fn closed(&mut self, code: u16, name: &str, retry: &str) -> Value {
        let error = self.expect("error").await;
        assert_eq!(error["code"], name, "{error}");
        assert_eq!((&error["retry"], &error["fatal"]), (&json!(retry), &json!(true)), "{error}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        let reason = match &error["retry_after_ms"] {
            Value::Null => name.to_owned(),
            ms => format!("{name} after={ms}"),
        };
        self.close_frame(code, &reason).await;
        error
    }

    /// A Close comes next and then the end: no byte after it.
    pub(crate) async fn close_frame(&mut self, code: u16, reason: &str) {
        assert_eq!(self.listen().await, Heard::Close(Some(code), reason.to_owned()));
        assert_eq!(self.listen().await, Heard::End);
    }

    async fn fill(&mut self) -> io::Result<()> {
        soon("a byte", self.fill_once()).await
    }

    async fn fill_once(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Takes one whole frame: never masked, never fragmented, never with a reserved bit.
    fn parse(&mut self) -> Option<Heard> {
        let (&first, &second) = (self.unread.first()?, self.unread.get(1)?);
        let (header, len) = match second {
            0..=125 => (2, usize::from(second)),
            126 => {
                let bytes = self.unread.get(2..4)?;
                (4, usize::from(u16::from_be_bytes(bytes.try_into().expect("two"))))
            }
            127 => {
                let bytes = self.unread.get(2..10)?;
                (10, u64::from_be_bytes(bytes.try_into().expect("eight")) as usize)
            }
            _ => panic!("a masked frame of the server"),
        };
        self.unread.get(header..header + len)?;
        let rest = self.unread.split_off(header + len);
        let payload = std::mem::replace(&mut self.unread, rest).split_off(header);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Some(match first {
            0x81 => Heard::Text(text(&payload)),
            0x89 => Heard::Ping(payload),
            0x8A => Heard::Pong(payload),
            0x88 if payload.is_empty() => Heard::Close(None, String::new()),
            0x88 => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                Heard::Close(Some(code), text(&payload[2..]))
            }
            _ => panic!("a frame that begins with {first:#04x}"),
        })
    }
}

/// The first message.
pub(crate) fn token_message(token: &str) -> Value {
    json!({"type": "auth", "payload": token})
}

/// The first message of `user`.
pub(crate) fn auth(user: &str) -> Value {
    token_message(&token::token(user))
}
