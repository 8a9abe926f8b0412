//! The floor: what the system alone costs. It knows no tokens, no JSON and no limits: each text is
//! copied into one frame, and that is sent to each socket of the room by one `send`.

use super::{Setting, say_listening};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
};
use std::{
    collections::{HashMap, VecDeque},
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// Where the listener stands among the events.
const LISTENER: u64 = u64::MAX;
const EVENTS: usize = 1024;
const READ_BYTES: usize = 64 << 10;
/// The answer to the one key that the generator asks with.
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const PING: &[u8] = &[0x89, 0];

struct Client {
    stream: TcpStream,
    room: u32,
    open: bool,
    left: Vec<u8>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    frames: Vec<u8>,
    gathered: usize,
}

struct Floor {
    epoll: OwnedFd,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    rooms: HashMap<u32, Room>,
    frames_per_send: usize,
    heartbeat: Option<Duration>,
    /// When the next Ping of a client is due, the soonest first.
    pings: VecDeque<(Instant, usize)>,
    scratch: Vec<u8>,
}

/// Serves until it is ended; sends once so many frames have gathered.
///
/// # Errors
/// What the system says about sockets.
pub fn serve(setting: &Setting, frames_per_send: usize) -> io::Result<()> {
    let listener = super::listen(setting.listen)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    say_listening()?;
    let heartbeat = (setting.heartbeat_s > 0).then(|| Duration::from_secs(setting.heartbeat_s));
    let mut floor = Floor {
        epoll,
        listener,
        clients: Vec::new(),
        rooms: HashMap::new(),
        frames_per_send: frames_per_send.max(1),
        heartbeat,
        pings: VecDeque::new(),
        scratch: vec![0; READ_BYTES],
    };
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        let patience = floor.ping();
        events.clear();
        let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match epoll::wait(&floor.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER => floor.accept()?,
                index => floor.read(index as usize),
            }
        }
    }
}

impl Floor {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let index = self.clients.len();
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?;
            self.clients.push(Some(Client { stream, room: 0, open: false, left: Vec::new() }));
        }
    }

    fn read(&mut self, index: usize) {
        let Some(Some(client)) = self.clients.get_mut(index) else { return };
        let got = match client.stream.read(&mut self.scratch) {
            Ok(0) => return self.forget(index),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => return self.forget(index),
        };
        client.left.extend_from_slice(self.scratch.get(..got).unwrap_or_default());
        let mut bytes = std::mem::take(&mut client.left);
        let used =
            if client.open { self.frames(index, &mut bytes) } else { self.open(index, &bytes) };
        bytes.drain(..used);
        if let (Some(Some(client)), false) = (self.clients.get_mut(index), bytes.is_empty()) {
            client.left = bytes;
        }
    }

    fn open(&mut self, index: usize, bytes: &[u8]) -> usize {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return 0 };
        let Some(Some(client)) = self.clients.get_mut(index) else { return 0 };
        let path = bytes.get(b"GET /".len()..).unwrap_or_default();
        let digits = path.iter().take_while(|byte| byte.is_ascii_digit());
        client.room = digits
            .fold(0, |sum: u32, digit| sum.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')));
        client.open = true;
        if client.stream.write_all(SWITCH).is_err() {
            self.forget(index);
            return 0;
        }
        self.rooms.entry(client.room).or_default().members.push(index);
        if let Some(heartbeat) = self.heartbeat {
            self.pings.push_back((Instant::now() + heartbeat, index));
        }
        end + 4
    }

    fn frames(&mut self, index: usize, bytes: &mut [u8]) -> usize {
        let Some(Some(client)) = self.clients.get(index) else { return 0 };
        let room = client.room;
        let mut used = 0;
        while let Some(rest) = bytes.get_mut(used..) {
            let Some((first, payload, length)) = unmask(rest) else { break };
            if first == 0x81
                && let Some(room) = self.rooms.get_mut(&room)
            {
                append(&mut room.frames, payload);
                room.gathered += 1;
            }
            used += length;
            self.send(room);
        }
        used
    }

    fn send(&mut self, room: u32) {
        let Some(room) = self.rooms.get_mut(&room) else { return };
        if room.gathered < self.frames_per_send {
            return;
        }
        for index in &room.members {
            if let Some(Some(client)) = self.clients.get_mut(*index) {
                // What the socket does not take is lost, and shows in the report.
                let _ = client.stream.write(&room.frames);
            }
        }
        room.frames.clear();
        room.gathered = 0;
    }

    fn forget(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index).and_then(Option::take) else { return };
        if let Some(room) = self.rooms.get_mut(&client.room) {
            room.members.retain(|member| *member != index);
        }
    }

    /// Sends the Pings that are due, and says how long until the next one.
    fn ping(&mut self) -> Option<Duration> {
        let heartbeat = self.heartbeat?;
        let now = Instant::now();
        while let Some(&(due, index)) = self.pings.front() {
            if due > now {
                return Some(due - now);
            }
            self.pings.pop_front();
            if let Some(Some(client)) = self.clients.get_mut(index) {
                let _ = client.stream.write(PING);
                self.pings.push_back((due + heartbeat, index));
            }
        }
        None
    }
}

/// Unmasks the first frame of a client in place: its first byte, payload and whole length.
fn unmask(bytes: &mut [u8]) -> Option<(u8, &[u8], usize)> {
    let [first, second, rest @ ..] = &*bytes else { return None };
    let first = *first;
    let (header, length) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, rest) => (10, usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?),
        (short, _) => (2, usize::from(short)),
    };
    let end = header + 4 + length;
    let (head, payload) = bytes.get_mut(..end)?.split_at_mut_checked(header + 4)?;
    let mask: [u8; 4] = *head.last_chunk()?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Some((first, payload, end))
}

/// Appends a text frame as a server sends it.
fn append(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(0x81);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => out.push(short),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::frame::{self, Frame, Opcode};

    #[test]
    fn what_a_client_masked_goes_on_unmasked() {
        for length in [0, 5, 125, 126, 65_535, 65_536] {
            let text = vec![b'x'; length];
            let mut bytes = Vec::new();
            frame::write(&mut bytes, Opcode::Text, &text, [1, 2, 3, 4]);
            let whole = bytes.len();
            assert!(unmask(&mut bytes[..whole - 1]).is_none());
            let (first, payload, used) = unmask(&mut bytes).unwrap();
            assert_eq!((first, payload, used), (0x81, &*text, whole));
            let mut out = Vec::new();
            append(&mut out, payload);
            assert_eq!(frame::next(&out), Ok(Some((Frame::Text(&text), out.len()))));
        }
    }
}
