//! A socket on which the test says what it likes: frames made by hand, or no frames at all.

use super::soon;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// The kinds of frames (RFC 6455 5.2), reserved ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opcode(pub(crate) u8);

impl Opcode {
    pub(crate) const CONTINUATION: Self = Self(0x0);
    pub(crate) const TEXT: Self = Self(0x1);
    pub(crate) const BINARY: Self = Self(0x2);
    pub(crate) const CLOSE: Self = Self(0x8);
    pub(crate) const PING: Self = Self(0x9);
    pub(crate) const PONG: Self = Self(0xA);
}

/// One frame of a client; every part can be made wrong.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    /// Three bits.
    pub(crate) reserved: u8,
    pub(crate) opcode: Opcode,
    /// `None` is a fault of its own.
    pub(crate) mask: Option<[u8; 4]>,
    /// What the header says, if it is not the truth.
    pub(crate) claimed: Option<u64>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A well-formed frame.
    pub(crate) fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        let mask = Some([0x37, 0xFA, 0x21, 0x3D]);
        Self { fin: true, reserved: 0, opcode, mask, claimed: None, payload: payload.into() }
    }

    /// A whole text message.
    pub(crate) fn text(text: &str) -> Self {
        Self::new(Opcode::TEXT, text)
    }

    /// A Close with a code.
    pub(crate) fn close(code: u16) -> Self {
        Self::new(Opcode::CLOSE, code.to_be_bytes())
    }

    /// As it goes on the wire.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = self.claimed.unwrap_or(self.payload.len() as u64);
        let first = (u8::from(self.fin) << 7) | (self.reserved << 4) | self.opcode.0;
        let masked = u8::from(self.mask.is_some()) << 7;
        let mut wire = vec![first];
        match length {
            0..=125 => wire.push(masked | length as u8),
            126..=0xFFFF => {
                wire.push(masked | 126);
                wire.extend((length as u16).to_be_bytes());
            }
            _ => {
                wire.push(masked | 127);
                wire.extend(length.to_be_bytes());
            }
        }
        let key = self.mask.unwrap_or_default();
        wire.extend(self.mask.iter().flatten());
        wire.extend(self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        wire
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Raw {
    stream: TcpStream,
    /// Received and not yet taken.
    input: Vec<u8>,
}

impl Raw {
    /// A TCP connection on which nothing was said.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(addr)).await.expect("a listener");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, input: Vec::new() }
    }

    /// The same with a small receive buffer: a slow reader is noticed soon.
    pub(crate) async fn connect_narrow(addr: SocketAddr, receive_bytes: u32) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(receive_bytes).expect("a buffer size");
        let stream = soon("a connection", socket.connect(addr)).await.expect("a listener");
        Self { stream, input: Vec::new() }
    }

    /// A connection behind the 101.
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        let mut raw = Self::connect(addr).await;
        raw.upgrade(addr, "").await;
        raw
    }

    /// Asks for the upgrade, with `more` header lines (each ended by CR LF), and gets it.
    pub(crate) async fn upgrade(&mut self, addr: SocketAddr, more: &str) {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        );
        self.send(request.as_bytes()).await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }

    /// A connection that has signed in.
    pub(crate) async fn signed_in(addr: SocketAddr, token: &str) -> Self {
        let mut raw = Self::open(addr).await;
        raw.say(&serde_json::json!({ "type": "auth", "payload": token }).to_string()).await;
        let verdict = raw.hear().await;
        assert_eq!(verdict["type"], "auth_ok", "{verdict}");
        raw
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.expect("a peer that reads");
    }

    /// Sends bytes to a peer that may be gone.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        soon("room for bytes", self.stream.write_all(bytes)).await
    }

    /// Sends one frame.
    pub(crate) async fn frame(&mut self, frame: &Frame) {
        self.send(&frame.encode()).await;
    }

    /// Sends a text message.
    pub(crate) async fn say(&mut self, text: &str) {
        self.frame(&Frame::text(text)).await;
    }

    /// The head of an HTTP response, without the empty line.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            let end = self.input.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = self.input.split_off(end + 4);
                let mut head = std::mem::replace(&mut self.input, rest);
                head.truncate(end);
                return String::from_utf8(head).expect("a head in ASCII");
            }
            assert!(self.more().await, "the end instead of an HTTP response");
        }
    }

    /// The next frame of the server; `None` at its FIN or reset.
    pub(crate) async fn next(&mut self) -> Option<(Opcode, Vec<u8>)> {
        loop {
            if let Some((opcode, payload, length)) = parse(&self.input) {
                self.input.drain(..length);
                return Some((opcode, payload));
            }
            if !self.more().await {
                assert!(self.input.is_empty(), "the stream ends within a frame");
                return None;
            }
        }
    }

    /// The next text message, as JSON; Pings and the text `ping` are passed over.
    pub(crate) async fn hear(&mut self) -> serde_json::Value {
        loop {
            match self.next().await.expect("a message") {
                (Opcode::TEXT, payload) => {
                    let message: serde_json::Value =
                        serde_json::from_slice(&payload).expect("JSON");
                    if message["type"] != "ping" {
                        return message;
                    }
                }
                (Opcode::PING | Opcode::PONG, _) => {}
                (opcode, payload) => panic!("{opcode:?} {payload:?} instead of a message"),
            }
        }
    }

    /// The end as the server makes it: whatever comes first is passed over, then the fatal
    /// `error` if there is one, the Close, and nothing after it. Returns the code of the error,
    /// the code of the Close and its reason.
    pub(crate) async fn end(&mut self) -> (Option<String>, u16, String) {
        let mut error = None;
        loop {
            let (opcode, payload) = self.next().await.expect("a Close before the end");
            if opcode == Opcode::TEXT {
                let message: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
                let fatal = message["type"] == "error" && message["fatal"] == true;
                error = fatal.then(|| message["code"].as_str().expect("a code").to_owned());
            }
            if opcode == Opcode::CLOSE {
                let (code, reason) = payload.split_first_chunk().expect("a code");
                assert_eq!(self.next().await, None, "something after the Close");
                let reason = String::from_utf8(reason.to_vec()).expect("a reason in UTF-8");
                return (error, u16::from_be_bytes(*code), reason);
            }
        }
    }

    /// Our FIN: nothing more is sent, the server can still speak.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.expect("a connection");
    }

    /// Vanishes with a reset.
    pub(crate) fn vanish(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Reads once; whether there was anything.
    async fn more(&mut self) -> bool {
        match soon("anything from the server", self.stream.read_buf(&mut self.input)).await {
            Ok(n) => n > 0,
            // A reset is an end too; what matters is what came before it.
            Err(_) => false,
        }
    }
}

/// The first frame of `input` and its length, once it is whole. A server does not mask.
fn parse(input: &[u8]) -> Option<(Opcode, Vec<u8>, usize)> {
    let (&[first, second], rest) = input.split_first_chunk()?;
    assert_eq!(first & 0xF0, 0x80, "a server sends whole messages without reserved bits");
    assert_eq!(second & 0x80, 0, "a server does not mask");
    let (length, rest) = match second {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*length)).expect("a length"), rest)
        }
        short => (usize::from(short), rest),
    };
    let payload = rest.get(..length)?.to_vec();
    Some((Opcode(first & 0x0F), payload, input.len() - rest.len() + length))
}
