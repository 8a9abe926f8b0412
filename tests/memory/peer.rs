//! A client that owns nothing but its descriptor.

use crate::support::{Frame, peer::handshake};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

/// The longest message that is read.
const LONGEST: usize = 70_000;
/// Most are no longer than this.
const SHORT: usize = 1_024;
/// What a browser calls itself.
const AGENT: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like \
    Gecko) Chrome/140.0.0.0 Safari/537.36\r\n";

/// A masked text frame.
pub(crate) fn message(text: &(impl ToString + ?Sized)) -> Vec<u8> {
    Frame::text(text.to_string()).bytes()
}

/// A request that names a room; `more` are members, each with a comma before it.
pub(crate) fn request(kind: &str, room: &str, more: &str) -> Vec<u8> {
    message(&format!(r#"{{"type":"{kind}","room":"{room}"{more}}}"#))
}

/// A connection to the server under test.
pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) fn dial(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).expect("connect"))
    }

    pub(crate) fn upgrade(&mut self) {
        self.write(handshake(AGENT).as_bytes());
        let (mut head, mut len) = ([0; 1_024], 0);
        while !head[..len].ends_with(b"\r\n\r\n") {
            let read = self.0.read(&mut head[len..]).expect("the answer to the handshake");
            assert!(read > 0, "a whole answer");
            len += read;
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server takes bytes");
    }

    /// Reads the next message, which has this type; allocates nothing.
    pub(crate) fn expect(&mut self, kind: &str) {
        let mut start = [0; 2];
        self.0.read_exact(&mut start).expect("a frame");
        let len = match start[1] {
            126 => usize::from(u16::from_be_bytes(self.take())),
            127 => u64::from_be_bytes(self.take()) as usize,
            len => usize::from(len),
        };
        let (mut short, mut long);
        let text = if len <= SHORT {
            short = [0; SHORT];
            &mut short[..len]
        } else {
            long = [0; LONGEST];
            &mut long[..len]
        };
        self.0.read_exact(text).expect("a message");
        let rest =
            text.strip_prefix(br#"{"type":""#).and_then(|it| it.strip_prefix(kind.as_bytes()));
        let is_expected = rest.is_some_and(|rest| rest.starts_with(b"\","));
        assert!(is_expected, "{kind}: {}", text.escape_ascii());
    }

    /// Reads so many messages of this type.
    pub(crate) fn expect_all(&mut self, kind: &str, count: usize) {
        for _ in 0..count {
            self.expect(kind);
        }
    }

    /// Everything that arrived at the server before this was looked at when it returns: the one
    /// worker hears its sockets in turn.
    pub(crate) fn round_trips(&mut self) {
        for _ in 0..3 {
            self.write(&message(r#"{"type":"ping","payload":"p"}"#));
            self.expect("pong");
        }
    }

    /// Whether the server's end was reset: after an orderly one, a byte can be sent once more.
    pub(crate) fn was_reset(&mut self) -> bool {
        self.0.write(b"x").is_err()
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).expect("a length");
        bytes
    }
}
