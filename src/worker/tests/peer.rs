//! The other side of a simulated stream: a client that can misbehave at every byte.

use super::pipe::End;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const MASK: [u8; 4] = [9, 8, 7, 6];

pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {}
impl Wire for End {}
impl Wire for DuplexStream {}

/// What a peer hears.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    Text(Value),
    Ping,
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    /// The server's FIN.
    Fin,
    /// The server dropped the connection without one.
    Reset,
}

/// How a connection ended, and everything that was said before.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) texts: Vec<Value>,
    pub(super) close: Option<(u16, String)>,
    pub(super) reset: bool,
}

impl Ending {
    /// The fatal error in front of the Close.
    pub(super) fn verdict(&self) -> (&str, u16) {
        let error = self.texts.last().expect("an error");
        assert_eq!((&error["type"], &error["fatal"]), (&json!("error"), &json!(true)), "{error}");
        let code = error["code"].as_str().expect("a code");
        let (number, reason) = self.close.as_ref().expect("a Close");
        assert!(reason.starts_with(code), "{reason} does not begin with {code}");
        (code, *number)
    }
}

/// A client.
pub(super) struct Peer {
    wire: Box<dyn Wire>,
    unread: Vec<u8>,
}

impl Peer {
    pub(super) fn new(wire: impl Wire + 'static) -> Self {
        Self { wire: Box::new(wire), unread: Vec::new() }
    }

    pub(super) async fn send(&mut self, message: &Value) {
        self.write(&text(message)).await;
    }

    /// Sends in one write.
    pub(super) async fn send_all(&mut self, messages: &[Value]) {
        let bytes: Vec<u8> = messages.iter().flat_map(text).collect();
        self.write(&bytes).await;
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).await.expect("the server takes bytes");
    }

    /// As [`write`](Self::write), for a server that may be gone.
    pub(super) async fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes).await
    }

    pub(super) async fn close(&mut self, code: u16) {
        self.write(&frame(CLOSE, &code.to_be_bytes())).await;
    }

    /// Sends the FIN and listens on.
    pub(super) async fn finish(&mut self) {
        self.wire.shutdown().await.expect("a stream");
    }

    pub(super) async fn pong(&mut self) {
        self.write(&frame(PONG, b"")).await;
    }

    pub(super) async fn ping(&mut self, payload: &[u8]) {
        self.write(&frame(PING, payload)).await;
    }

    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.parse() {
                return heard;
            }
            match self.wire.read_buf(&mut self.unread).await {
                Ok(0) => {
                    assert!(self.unread.is_empty(), "the stream ends within a frame");
                    return Heard::Fin;
                }
                Ok(_) => {}
                Err(_) => return Heard::Reset,
            }
        }
    }

    /// Writes what the stream takes now; fails if the server is gone.
    pub(super) fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wire.write(bytes).now_or_never().unwrap_or(Ok(0))
    }

    /// Bytes that have arrived and are not heard yet.
    pub(super) fn unheard(&self) -> usize {
        self.unread.len()
    }

    /// Takes up to `most` bytes that have arrived; `false` at the end of the stream.
    pub(super) fn take_now(&mut self, most: usize) -> bool {
        let mut bytes = vec![0; most];
        match self.wire.read(&mut bytes).now_or_never() {
            None => true,
            Some(Ok(0) | Err(_)) => false,
            Some(Ok(n)) => {
                self.unread.extend_from_slice(&bytes[..n]);
                true
            }
        }
    }

    /// What has arrived already.
    pub(super) fn hear_now(&mut self) -> Option<Heard> {
        self.hear().now_or_never()
    }

    /// The next text; answers Pings on the way.
    pub(super) async fn text(&mut self) -> Value {
        loop {
            match self.hear().await {
                Heard::Text(text) if text["type"] == "ping" => {}
                Heard::Text(text) => return text,
                Heard::Ping => self.pong().await,
                other @ (Heard::Pong(_) | Heard::Close(..) | Heard::Fin | Heard::Reset) => {
                    panic!("not a text: {other:?}")
                }
            }
        }
    }

    /// The next text, which has this type.
    pub(super) async fn expect(&mut self, kind: &str) -> Value {
        let text = self.text().await;
        assert_eq!(text["type"], kind, "{text}");
        text
    }

    /// Listens to the end.
    pub(super) async fn ending(&mut self) -> Ending {
        let (mut texts, mut close) = (Vec::new(), None);
        loop {
            let heard = self.hear().await;
            let last = matches!(heard, Heard::Fin | Heard::Reset);
            assert!(last || close.is_none(), "behind the Close: {heard:?}");
            match heard {
                Heard::Text(text) => texts.push(text),
                Heard::Ping | Heard::Pong(_) => {}
                Heard::Close(code, reason) => close = Some((code.unwrap_or(1005), reason)),
                Heard::Fin => return Ending { texts, close, reset: false },
                Heard::Reset => return Ending { texts, close, reset: true },
            }
        }
    }

    /// The next whole frame of what was taken.
    pub(super) fn parse(&mut self) -> Option<Heard> {
        let (&first, &second) = (self.unread.first()?, self.unread.get(1)?);
        assert_eq!((first & 0xF0, second & 0x80), (FIN, 0), "one unmasked frame");
        let (header, len) = match second {
            126 => (4, self.number(2..4)?),
            127 => (10, self.number(2..10)?),
            len => (2, usize::from(len)),
        };
        if self.unread.len() < header + len {
            return None;
        }
        let payload: Vec<u8> = self.unread.drain(..header + len).skip(header).collect();
        Some(match first & 0x0F {
            TEXT => Heard::Text(serde_json::from_slice(&payload).expect("JSON")),
            PING => Heard::Ping,
            PONG => Heard::Pong(payload),
            CLOSE => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                let reason = payload.get(2..).unwrap_or_default().to_vec();
                Heard::Close(code, String::from_utf8(reason).expect("UTF-8"))
            }
            opcode => panic!("opcode {opcode}"),
        })
    }

    fn number(&self, at: std::ops::Range<usize>) -> Option<usize> {
        let bytes = self.unread.get(at)?;
        Some(bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }
}

/// A masked text frame.
pub(super) fn text(message: &Value) -> Vec<u8> {
    frame(TEXT, message.to_string().as_bytes())
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![FIN | opcode];
    match payload.len() {
        len @ ..126 => bytes.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

pub(super) fn auth(token: &str) -> Value {
    json!({ "type": "auth", "payload": token })
}

pub(super) fn join(room: &str) -> Value {
    json!({ "type": "join", "room": room })
}

/// A join with a room token.
pub(super) fn join_with(room: &str, token: &str) -> Value {
    json!({ "type": "join", "room": room, "token": token })
}

pub(super) fn leave(room: &str) -> Value {
    json!({ "type": "leave", "room": room })
}

pub(super) fn message(room: &str, payload: impl Into<Value>) -> Value {
    json!({ "type": "message", "room": room, "payload": payload.into() })
}

/// The same request with an id.
pub(super) fn with_id(mut request: Value, id: &str) -> Value {
    request["id"] = id.into();
    request
}
