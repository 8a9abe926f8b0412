//! A WebSocket made of bytes: it can stop in the middle of a frame, which no proper client does.

use socket2::SockRef;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream, lookup_host},
    time::timeout,
};

/// Masks must be there; they hide nothing from a server (RFC 6455 5.3).
const MASK: [u8; 4] = [0x1B, 0x5C, 0xE2, 0x97];
/// The header of a frame with the longest length, mask included.
const HEADER_BYTES: usize = 14;
/// The longest head of an answer to the handshake.
const HEAD_BYTES: usize = 8 * 1024;
/// The longest frame taken; servers send less.
const FRAME_BYTES: usize = 1024 * 1024;
/// How long the server may take to answer a FIN.
const FINISH: Duration = Duration::from_secs(2);
/// What a kernel takes in that is told to take in much.
const WIDE_BYTES: usize = 1024 * 1024;
/// What a read takes at most.
const READ_BYTES: usize = 16 * 1024;

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A message.
    Text(String),
    /// It wants a Pong with these bytes.
    Ping(Vec<u8>),
    /// A Pong.
    Pong,
    /// A Close: code and reason.
    Close(u16, String),
    /// The end, with or without a word before it.
    End,
}

/// Finds the server of `ws://HOST:PORT/ws`.
pub(crate) async fn resolve(url: &str) -> Result<SocketAddr, String> {
    let rest = url.strip_prefix("ws://").ok_or_else(|| format!("{url}: ws://HOST:PORT/ws"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let mut found = lookup_host(host).await.map_err(|why| format!("{url}: {why}"))?;
    found.next().ok_or_else(|| format!("{url}: no address"))
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    /// Connects and goes through the handshake; `takes_in` bytes are what its kernel should take
    /// in while nobody reads (the system's choice if `None`).
    pub(crate) async fn open(addr: SocketAddr, takes_in: Option<u32>) -> io::Result<Self> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(bytes) = takes_in {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(addr).await?;
        stream.set_nodelay(true)?;
        let mut wire = Self { stream, unread: Vec::new() };
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        wire.stream.write_all(request.as_bytes()).await?;
        wire.switched().await?;
        Ok(wire)
    }

    async fn switched(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = self.unread.windows(4).position(|end| end == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..at + 4).collect();
                if head.starts_with(b"HTTP/1.1 101 ") {
                    return Ok(());
                }
                let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
                return Err(io::Error::other(String::from_utf8_lossy(line).into_owned()));
            }
            if self.unread.len() > HEAD_BYTES {
                return Err(io::Error::other("the answer to the handshake never ends"));
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends one text frame.
    pub(crate) async fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(&frame(0x81, text.as_bytes())).await
    }

    /// Answers a Ping.
    pub(crate) async fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(0x8A, payload)).await
    }

    /// Sends a text frame from its first byte to `share` (0 to 1) of it, never the whole.
    pub(crate) async fn say_part(&mut self, text: &str, share: f64) -> io::Result<()> {
        let frame = frame(0x81, text.as_bytes());
        let bytes = ((frame.len() as f64 * share) as usize).clamp(1, frame.len() - 1);
        self.stream.write_all(frame.get(..bytes).unwrap_or_default()).await
    }

    /// What the server says next. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(heard) = take(&mut self.unread)? {
                return Ok(heard);
            }
            match self.fill().await {
                Ok(0) => return Ok(Heard::End),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(Heard::End);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Its kernel takes in much from now on.
    pub(crate) fn widen(&self) {
        // If it does not, what is there takes longer to read.
        let _ = SockRef::from(&self.stream).set_recv_buffer_size(WIDE_BYTES);
    }

    /// Reads one byte, and keeps it until the rest of its frame is there.
    pub(crate) async fn next_byte(&mut self) -> io::Result<()> {
        let mut byte = [0];
        let read = self.stream.read(&mut byte).await?;
        self.unread.extend(byte.iter().take(read));
        Ok(())
    }

    /// Waits for the next frame and reads `bytes` of what has come, without taking it.
    pub(crate) async fn begin_frame(&mut self, bytes: usize) -> io::Result<()> {
        if self.unread.is_empty() {
            let mut first = vec![0; bytes];
            let read = self.stream.read(&mut first).await?;
            first.truncate(read);
            self.unread = first;
        }
        Ok(())
    }

    /// Says that nothing more comes (FIN), and lets the server take its leave.
    pub(crate) async fn finish(mut self) {
        let _gone_already = self.stream.shutdown().await;
        let rest = async {
            while self.fill().await.is_ok_and(|bytes| bytes > 0) {
                self.unread.clear()
            }
        };
        let _in_time_or_not = timeout(FINISH, rest).await;
    }

    /// Drops the connection with a reset (RST), whatever is on its way.
    pub(crate) fn reset(self) {
        // If the option is refused, the connection ends all the same.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.unread.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.unread).await
    }
}

/// A whole frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.push(first);
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        medium @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Takes the frame that stands first, if all of it is there.
fn take(unread: &mut Vec<u8>) -> io::Result<Option<Heard>> {
    let (Some(&first), Some(&second)) = (unread.first(), unread.get(1)) else { return Ok(None) };
    let number = |range: std::ops::Range<usize>| {
        let bytes = unread.get(range)?;
        Some(bytes.iter().fold(0, |sum: usize, byte| (sum << 8) | usize::from(*byte)))
    };
    let (header, length) = match second {
        0..=125 => (2, Some(usize::from(second))),
        126 => (4, number(2..4)),
        127 => (10, number(2..10)),
        128.. => return Err(io::Error::other("a masked frame of the server")),
    };
    let Some(length) = length else { return Ok(None) };
    if length > FRAME_BYTES {
        return Err(io::Error::other(format!("a frame of {length} bytes")));
    }
    if unread.len() < header + length {
        return Ok(None);
    }
    let payload: Vec<u8> = unread.drain(..header + length).skip(header).collect();
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|_| io::Error::other("a text that is no UTF-8"))
    };
    match first {
        0x81 => Ok(Some(Heard::Text(text(payload)?))),
        0x88 => {
            let code = payload.iter().take(2).fold(0, |code, byte| (code << 8) | u16::from(*byte));
            Ok(Some(Heard::Close(code, text(payload.into_iter().skip(2).collect())?)))
        }
        0x89 => Ok(Some(Heard::Ping(payload))),
        0x8A => Ok(Some(Heard::Pong)),
        other => Err(io::Error::other(format!("a frame that begins with {other:#04x}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a server sends it.
    fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..=125 => bytes.push(short as u8),
            medium => {
                bytes.push(126);
                bytes.extend((medium as u16).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn frames_are_taken_whole_and_in_order() {
        let long = "x".repeat(300);
        let mut all = unmasked(0x81, b"one");
        all.extend(unmasked(0x81, long.as_bytes()));
        all.extend(unmasked(0x89, b"p"));
        all.extend(unmasked(0x88, &[&4420u16.to_be_bytes()[..], b"slow_consumer"].concat()));
        let mut unread = Vec::new();
        let mut heard = Vec::new();
        for byte in all {
            unread.push(byte);
            heard.extend(take(&mut unread).unwrap());
        }
        let close = Heard::Close(4420, "slow_consumer".to_owned());
        let texts = [Heard::Text("one".to_owned()), Heard::Text(long)];
        let [one, two] = texts;
        assert_eq!(heard, [one, two, Heard::Ping(b"p".to_vec()), close]);
        assert!(unread.is_empty());
        assert!(take(&mut vec![0x82, 0]).is_err(), "binary");
        assert!(take(&mut vec![0x81, 0x80]).is_err(), "masked");
    }

    #[test]
    fn frames_of_every_length_say_it() {
        for bytes in [0, 125, 126, 0xFFFF, 0x1_0000] {
            let frame = frame(0x81, &vec![b'x'; bytes]);
            let header = match bytes {
                0..=125 => 2,
                126..=0xFFFF => 4,
                _ => 10,
            };
            assert_eq!(frame.len(), header + MASK.len() + bytes);
            assert_eq!(
                frame.last().copied(),
                (bytes > 0).then(|| b'x' ^ MASK[(bytes - 1) % 4]).or(Some(MASK[3]))
            );
        }
    }
}
