//! The least of HTTP and WebSocket that attackers and guests need, from any loopback address.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU16, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// The most that is read of a response head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// The largest frame that is read, in bytes.
const FRAME_BYTES: usize = 256 * 1024;

/// The ports that attackers and guests use, and how often one that is taken is passed over.
const PORTS: (u16, u16) = (10_000, 60_000);
const PORT_TRIES: u32 = 1_000;

/// A frame of the server.
#[derive(Debug)]
pub(crate) enum Frame {
    /// One whole text message.
    Text(String),
    /// A Close.
    Close,
    /// Anything else.
    Other,
}

/// What came of a handshake.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The 101.
    Upgraded(Line),
    /// Another status.
    Refused(u16),
}

/// An open WebSocket, without any manners of its own.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    read: Vec<u8>,
}

/// Connects from this address to `to`.
pub(crate) async fn dial(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let mut tries = 0;
    let socket = loop {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        match socket.bind(SocketAddr::new(from.ip(), next_port())) {
            Ok(()) => break socket,
            Err(why) if why.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => tries += 1,
            Err(why) => return Err(why),
        }
    };
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The ports in turn: the kernel's own search takes longer the more of them an address has, and
/// would be charged to the server that is measured beside it.
fn next_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let at = NEXT.fetch_add(1, Ordering::Relaxed) % (PORTS.1 - PORTS.0);
    PORTS.0 + at
}

/// The request that opens a WebSocket.
pub(crate) fn request(to: SocketAddr) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: {to}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Asks for the upgrade and reads the answer.
pub(crate) async fn open(mut stream: TcpStream, to: SocketAddr) -> io::Result<Opened> {
    stream.write_all(request(to).as_bytes()).await?;
    let mut read = Vec::with_capacity(512);
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if read.len() > HEAD_BYTES || stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let status = read.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    let status: u16 = status.and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if status != 101 {
        return Ok(Opened::Refused(status));
    }
    read.drain(..end);
    Ok(Opened::Upgraded(Line { stream, read }))
}

impl Line {
    /// Sends raw bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a text message.
    pub(crate) async fn say(&mut self, text: &str) -> io::Result<()> {
        self.send(&frame(0x81, text.as_bytes())).await
    }

    /// The next frame of the server.
    pub(crate) async fn next(&mut self) -> io::Result<Frame> {
        loop {
            if let Some((frame, used)) = parse(&self.read)? {
                self.read.drain(..used);
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads until the server hangs up.
    pub(crate) async fn until_closed(mut self) {
        let mut heard = [0; 1_024];
        while self.stream.read(&mut heard).await.is_ok_and(|bytes| bytes > 0) {}
    }
}

/// A masked frame of a client; the mask is zero, which a server cannot tell from any other.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len());
    frame.extend_from_slice(payload);
    frame
}

/// The header of a masked frame that announces `bytes`.
pub(crate) fn header(first: u8, bytes: usize) -> Vec<u8> {
    let mut header = vec![first];
    match (u8::try_from(bytes), u16::try_from(bytes)) {
        (Ok(short), _) if short < 126 => header.push(0x80 | short),
        (_, Ok(medium)) => {
            header.push(0x80 | 126);
            header.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend_from_slice(&(bytes as u64).to_be_bytes());
        }
    }
    header.extend_from_slice(&[0; 4]);
    header
}

/// The first frame of `bytes`, if it is whole, and its length.
fn parse(bytes: &[u8]) -> io::Result<Option<(Frame, usize)>> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    let (length, header) = match (second & 0x7F, rest) {
        (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (127, [0, 0, 0, 0, a, b, c, d, ..]) => (u32::from_be_bytes([*a, *b, *c, *d]) as usize, 10),
        (126 | 127, short) if short.len() < 8 => return Ok(None),
        (short @ 0..=125, _) => (usize::from(short), 2),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    if length > FRAME_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let Some(payload) = bytes.get(header..header + length) else { return Ok(None) };
    let frame = match first & 0x0F {
        1 => Frame::Text(String::from_utf8_lossy(payload).into_owned()),
        8 => Frame::Close,
        _ => Frame::Other,
    };
    Ok(Some((frame, header + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read() {
        for length in [0, 5, 125, 126, 65_535, 65_536] {
            let mut sent = frame(0x81, &vec![b'x'; length]);
            // What a server sends has no mask.
            let mask = sent.len() - length - 4;
            sent.drain(mask..mask + 4);
            sent[1] &= 0x7F;
            for part in 0..sent.len().min(12) {
                assert!(parse(&sent[..part]).unwrap().is_none() || length == 0 && part >= 2);
            }
            let (frame, used) = parse(&sent).unwrap().unwrap();
            assert_eq!(used, sent.len());
            assert!(matches!(frame, Frame::Text(text) if text.len() == length));
        }
    }
}
