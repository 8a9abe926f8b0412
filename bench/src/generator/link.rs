//! One connection of the generator: its socket, what is left to read and to write, and its place.

use super::{
    dialect::{Dialect, Next, Stage},
    frame::{self, Frame, Opcode, Unreadable},
};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    time::Duration,
};

/// The longest answer to the request that opens a WebSocket.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// Connections that come from one address, each from a port of its own.
const PORTS_PER_ADDRESS: usize = 4_000;
/// The first of these ports, below those that the kernel hands out.
const FIRST_PORT: u16 = 12_000;
/// What may wait to be sent on one connection: beyond it the server does not read.
const MAX_OUT_BYTES: usize = 64 << 20;

/// What the system keeps for a connection that reads little.
const NARROW_BYTES: usize = 16 << 10;
/// What a connection keeps of a buffer that it does not need.
const MAX_IDLE_BYTES: usize = 16 << 10;

/// How far a connection is to go, or has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not begun.
    Idle,
    /// The TCP handshake is under way, or over.
    Tcp,
    /// The request went out.
    Upgrading,
    /// The 101 is here.
    Open(Stage),
    /// It ended, or went wrong.
    Gone,
}

/// Who a connection is.
#[derive(Clone, Debug)]
pub struct Who {
    /// Its token.
    pub token: String,
    /// What the name of its room begins with.
    pub prefix: &'static str,
    /// The number of its room.
    pub room: u32,
    /// Its number among the authors of the room.
    pub author: u32,
}

impl Who {
    /// The name of its room.
    #[must_use]
    pub fn room_name(&self) -> String {
        format!("{}{}", self.prefix, self.room)
    }
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    /// Who it is.
    pub who: Who,
    /// How far it has come.
    pub phase: Phase,
    /// The number that is due next, by author of its room.
    pub next: Box<[u32]>,
    /// The number of what it publishes next.
    pub publication: u32,
    /// Whether the system is to keep little for it that was not read.
    pub narrow: bool,
    /// Whether it says nothing once the WebSocket is open.
    pub silent: bool,
    /// What it ended with, if it did not end well.
    pub fault: Option<String>,
    socket: Option<TcpStream>,
    left: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    mask: u32,
}

/// What a link found that the generator has to know.
pub trait Ear {
    /// A text arrived at a member.
    fn hear(&mut self, link: &mut Link, text: &[u8]);
}

impl Link {
    /// A connection that has not begun, in a room with so many authors.
    #[must_use]
    pub fn new(who: Who, authors: usize) -> Self {
        Self {
            who,
            phase: Phase::Idle,
            next: vec![0; authors].into_boxed_slice(),
            publication: 0,
            narrow: false,
            silent: false,
            fault: None,
            socket: None,
            left: Vec::new(),
            out: Vec::new(),
            sent: 0,
            mask: 0x9e37_79b9,
        }
    }

    /// Begins to connect; `index` picks where from.
    ///
    /// # Errors
    /// What the system says.
    pub fn connect(&mut self, to: SocketAddr, index: usize) -> io::Result<&TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_reuse_address(true)?;
        if self.narrow {
            socket.set_recv_buffer_size(NARROW_BYTES)?;
        }
        // A reset leaves nothing behind that would be in the way of the next run.
        socket.set_linger(Some(Duration::ZERO))?;
        // A chosen address and port: else the kernel searches for one, longer with each connection.
        let octet = u8::try_from(index / PORTS_PER_ADDRESS).unwrap_or(u8::MAX).saturating_add(1);
        let port = FIRST_PORT + u16::try_from(index % PORTS_PER_ADDRESS).unwrap_or(0);
        let own = SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, octet), port);
        if socket.bind(&SockAddr::from(own)).is_err() {
            socket.bind(&SockAddr::from(SocketAddrV4::new(*own.ip(), 0)))?;
        }
        match socket.connect(&SockAddr::from(to)) {
            Ok(()) => {}
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        self.phase = Phase::Tcp;
        self.next.fill(0);
        self.publication = 0;
        self.left = Vec::new();
        self.out = Vec::new();
        self.sent = 0;
        Ok(self.socket.insert(socket.into()))
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> Option<&TcpStream> {
        self.socket.as_ref()
    }

    /// Whether it is in its room.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.phase == Phase::Open(Stage::Member)
    }

    /// Ends it at once, by a reset.
    pub fn drop_now(&mut self) {
        self.socket = None;
        self.phase = Phase::Gone;
    }

    /// Sends the request for a WebSocket.
    pub fn ask_upgrade(&mut self, path: &str) {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.out.extend_from_slice(request.as_bytes());
        self.phase = Phase::Upgrading;
        self.flush();
    }

    /// Puts a text behind what waits to be sent.
    pub fn say(&mut self, text: &[u8]) {
        self.put(Opcode::Text, text);
    }

    fn put(&mut self, opcode: Opcode, payload: &[u8]) {
        self.mask = self.mask.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
        frame::write(&mut self.out, opcode, payload, self.mask.to_be_bytes());
        if self.out.len() > MAX_OUT_BYTES {
            self.fail("the server does not read".to_owned());
        }
    }

    /// Whether anything waits to be sent.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.sent < self.out.len()
    }

    /// Sends what waits, as far as the socket takes it.
    pub fn flush(&mut self) {
        let Some(socket) = &mut self.socket else { return };
        while let Some(rest @ [_, ..]) = self.out.get(self.sent..) {
            match socket.write(rest) {
                Ok(taken) => self.sent += taken,
                Err(error) if is_later(&error) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.fail(error.to_string()),
            }
        }
        self.out.clear();
        self.sent = 0;
        if self.out.capacity() > MAX_IDLE_BYTES {
            self.out = Vec::new();
        }
    }

    fn fail(&mut self, why: String) {
        self.fault.get_or_insert(why);
        self.drop_now();
    }

    /// Reads all that is there, by way of `scratch`, which holds nothing between calls.
    pub fn read(&mut self, scratch: &mut [u8], dialect: Dialect, ear: &mut impl Ear) {
        loop {
            let kept = self.left.len();
            if let Some(front) = scratch.get_mut(..kept) {
                front.copy_from_slice(&self.left);
            } else {
                return self.fail("a frame is longer than what is kept for reading".to_owned());
            }
            let Some(space) = scratch.get_mut(kept..) else { return };
            let room = space.len();
            let Some(socket) = &mut self.socket else { return };
            let got = match socket.read(space) {
                Ok(0) => return self.fail("the server hung up".to_owned()),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.fail(error.to_string()),
            };
            let bytes = scratch.get(..kept + got).unwrap_or_default();
            let used = self.take(bytes, dialect, ear);
            self.left.clear();
            self.left.extend_from_slice(bytes.get(used..).unwrap_or_default());
            if self.left.is_empty() && self.left.capacity() > MAX_IDLE_BYTES {
                self.left = Vec::new();
            }
            // Edge-triggered, but a short read has emptied the socket.
            if got < room {
                return;
            }
        }
    }

    fn take(&mut self, bytes: &[u8], dialect: Dialect, ear: &mut impl Ear) -> usize {
        let mut used = 0;
        if self.phase == Phase::Upgrading {
            used = self.take_head(bytes, dialect);
        }
        while let (Phase::Open(stage), Some(rest)) = (self.phase, bytes.get(used..)) {
            match frame::next(rest) {
                Ok(None) => break,
                Ok(Some((frame, length))) => {
                    used += length;
                    self.take_frame(frame, stage, dialect, ear);
                }
                Err(Unreadable(byte)) => self.fail(Unreadable(byte).to_string()),
            }
        }
        used
    }

    #[inline]
    fn take_frame(&mut self, frame: Frame<'_>, stage: Stage, dialect: Dialect, ear: &mut impl Ear) {
        match frame {
            Frame::Text(text) if stage == Stage::Member => ear.hear(self, text),
            Frame::Text(text) => self.heed(text, stage, dialect),
            Frame::Ping(payload) => {
                self.put(Opcode::Pong, payload);
                self.flush();
            }
            Frame::Pong => {}
            Frame::Close(reason) => {
                self.fail(format!("closed: {}", describe_close(reason)));
            }
        }
    }

    /// Does what the dialect has as the next step after a text.
    pub fn heed(&mut self, text: &[u8], stage: Stage, dialect: Dialect) {
        let next = dialect.heard(stage, text, &self.who.token, &self.who.room_name());
        self.follow(next);
    }

    fn follow(&mut self, next: Next) {
        match next {
            Next::Ignore => {}
            Next::Say(text, stage) => {
                self.phase = Phase::Open(stage);
                self.say(text.as_bytes());
                self.flush();
            }
            Next::Be(stage) => self.phase = Phase::Open(stage),
            Next::Answer(text) => {
                self.say(text.as_bytes());
                self.flush();
            }
            // A member that is told off stays one; the fault is kept for the report.
            Next::Fail(why) if self.is_member() => {
                self.fault.get_or_insert(why);
            }
            Next::Fail(why) => self.fail(why),
        }
    }

    fn take_head(&mut self, bytes: &[u8], dialect: Dialect) -> usize {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            if bytes.len() > MAX_HEAD_BYTES {
                self.fail("the answer to the upgrade does not end".to_owned());
            }
            return 0;
        };
        if !bytes.starts_with(b"HTTP/1.1 101") {
            let head = String::from_utf8_lossy(bytes);
            self.fail(format!("refused: {}", head.lines().next().unwrap_or_default()));
            return 0;
        }
        self.phase = Phase::Open(Stage::Verdict);
        if !self.silent {
            self.follow(dialect.opened(&self.who.token));
        }
        end + 4
    }
}

/// Whether the socket takes nothing now; while it is not connected, it says so in another way.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

fn describe_close(reason: &[u8]) -> String {
    match reason {
        [a, b, text @ ..] => {
            format!("{} {}", u16::from_be_bytes([*a, *b]), String::from_utf8_lossy(text))
        }
        _ => "without a code".to_owned(),
    }
}
