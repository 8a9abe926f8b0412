//! The load generator: one thread, one epoll, thousands of connections.

pub mod dialect;
pub mod frame;
pub mod link;
pub mod load;
pub mod schedule;
pub mod stamp;
pub mod tally;

use dialect::{Dialect, Stage};
use hdrhistogram::Histogram;
use link::{Ear, Link, Phase, Who};
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
};
use stamp::{STAMP_BYTES, Stamp};
use std::{
    io,
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};
use tally::Tally;

/// What one read may bring: many frames of a busy room.
const SCRATCH_BYTES: usize = 512 << 10;
/// Events of one look at the sockets.
const EVENTS: usize = 1024;
/// The longest latency that is told apart.
const MAX_LATENCY_US: u64 = 120_000_000;
/// How long connections may take without one of them coming any further.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

/// Whom to speak to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// The path of its WebSocket.
    pub path: String,
    /// How it is spoken to.
    pub dialect: Dialect,
}

/// How far connections are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// To the TCP connection.
    Tcp,
    /// To the 101.
    Open,
    /// Into the room.
    Member,
}

/// What is counted of the deliveries.
#[derive(Debug)]
pub struct Book {
    /// Order and completeness.
    pub tally: Tally,
    /// From due to here, in microseconds, while recording.
    pub latency: Histogram<u32>,
    /// Whether latencies are recorded.
    pub recording: bool,
    /// Deliveries by the number of the publication, modulo the length; used where a loop is closed.
    pub returned: Vec<u32>,
    /// Rooms from this number on are recorded.
    pub recorded_from: u32,
    /// Deliveries to connections that are not in the room.
    pub strayed: u64,
    /// Texts that are no delivery.
    pub others: u64,
    start: Instant,
    now_ns: u64,
    mark: usize,
    index: u32,
    dialect: Dialect,
}

impl Ear for Book {
    #[inline]
    fn hear(&mut self, link: &mut Link, text: &[u8]) {
        // The mark stands where it stood last time, or close to it.
        let at = match text.get(self.mark) {
            Some(&stamp::MARK) => Some(self.mark),
            _ => memchr::memchr(stamp::MARK, text),
        };
        let Some(stamp) = at.and_then(|at| Stamp::read(text.get(at..)?)) else {
            self.others += 1;
            return link.heed(text, Stage::Member, self.dialect);
        };
        self.mark = at.unwrap_or_default();
        let next = link.next.get_mut(stamp.author as usize);
        let (Some(next), true) = (next, stamp.room == link.who.room % stamp::MAX_ROOMS) else {
            self.strayed += 1;
            return;
        };
        self.tally.see((self.index, stamp.author), next, stamp.number);
        if let Some(count) = self.returned.get_mut(stamp.number as usize & (RETURNED - 1)) {
            *count += 1;
        }
        if self.recording && link.who.room >= self.recorded_from {
            let us = self.now_ns.saturating_sub(stamp.due_ns) / 1000;
            self.latency.saturating_record(us.max(1));
        }
    }
}

/// Publications of a closed loop that can be told apart, a power of two above any number in flight.
pub const RETURNED: usize = 1024;

/// All connections, and what they get.
pub struct Generator {
    /// The connections.
    pub links: Vec<Link>,
    /// What they got.
    pub book: Book,
    dirty: Vec<usize>,
    connecting: Option<Connecting>,
    target: Target,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    scratch: Vec<u8>,
}

/// Connections on their way.
struct Connecting {
    range: Range<usize>,
    coming: Range<usize>,
    pending: Vec<usize>,
    window: usize,
    goal: Goal,
    began: Instant,
    progress: Instant,
    took: Option<Duration>,
}

/// How connecting went.
#[derive(Clone, Debug, Default)]
pub struct Connected {
    /// How long it took.
    pub took: Duration,
    /// Those that did not reach the goal.
    pub failed: usize,
    /// What the first of these met.
    pub fault: Option<String>,
}

impl Generator {
    /// A generator for connections of these, none of them begun.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(target: Target, who: Vec<Who>, authors: usize) -> io::Result<Self> {
        let latency = Histogram::new_with_max(MAX_LATENCY_US, 3).map_err(io::Error::other)?;
        let book = Book {
            tally: Tally::default(),
            latency,
            recording: false,
            returned: vec![0; RETURNED],
            recorded_from: 0,
            strayed: 0,
            others: 0,
            start: Instant::now(),
            now_ns: 0,
            mark: 0,
            index: 0,
            dialect: target.dialect,
        };
        Ok(Self {
            links: who.into_iter().map(|who| Link::new(who, authors)).collect(),
            book,
            dirty: Vec::new(),
            connecting: None,
            target,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS),
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    /// How it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.target.dialect
    }

    /// Nanoseconds since the generator began.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.book.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Brings the connections of `range` to `goal`, `window` of them at a time.
    ///
    /// # Errors
    /// What the system says about sockets; what servers say is in the report.
    pub fn connect(
        &mut self,
        range: Range<usize>,
        window: usize,
        goal: Goal,
    ) -> io::Result<Connected> {
        self.begin_connecting(range, window, goal);
        while self.go_on_connecting()? {
            self.turn(Duration::from_millis(100))?;
        }
        Ok(self.connected())
    }

    /// Has the connections of `range` come in beside the next load.
    pub fn begin_connecting(&mut self, range: Range<usize>, window: usize, goal: Goal) {
        let now = Instant::now();
        self.connecting = Some(Connecting {
            range: range.clone(),
            coming: range,
            pending: Vec::with_capacity(window),
            window,
            goal,
            began: now,
            progress: now,
            took: None,
        });
    }

    /// Lets as many connections begin as have reached their goal; whether some are still coming.
    ///
    /// # Errors
    /// What the system says about sockets.
    pub fn go_on_connecting(&mut self) -> io::Result<bool> {
        let Some(mut connecting) = self.connecting.take() else { return Ok(false) };
        let done = self.step(&mut connecting);
        let going = connecting.took.is_none();
        self.connecting = Some(connecting);
        done.map(|()| going)
    }

    fn step(&mut self, connecting: &mut Connecting) -> io::Result<()> {
        if connecting.took.is_some() {
            return Ok(());
        }
        let before = connecting.pending.len();
        connecting.pending.retain(|index| {
            self.links.get(*index).is_some_and(|link| !has_reached(link.phase, connecting.goal))
        });
        if connecting.pending.len() < before {
            connecting.progress = Instant::now();
        }
        while connecting.pending.len() < connecting.window {
            let Some(index) = connecting.coming.next() else { break };
            self.begin(index, connecting.goal)?;
            connecting.pending.push(index);
        }
        if connecting.pending.is_empty() || connecting.progress.elapsed() > CONNECT_PATIENCE {
            connecting.took = Some(connecting.began.elapsed());
        }
        Ok(())
    }

    /// How the last connecting went, so far.
    #[must_use]
    pub fn connected(&self) -> Connected {
        let Some(connecting) = &self.connecting else { return Connected::default() };
        let missed =
            |link: &&Link| link.phase == Phase::Gone || !has_reached(link.phase, connecting.goal);
        let links = self.links.get(connecting.range.clone()).unwrap_or_default();
        let mut failed = links.iter().filter(missed);
        let fault = failed.next().map(|link| {
            link.fault.clone().unwrap_or_else(|| format!("no answer in {:?}", link.phase))
        });
        let took = connecting.took.unwrap_or_else(|| connecting.began.elapsed());
        Connected { took, failed: failed.count() + usize::from(fault.is_some()), fault }
    }

    fn begin(&mut self, index: usize, goal: Goal) -> io::Result<()> {
        let Some(link) = self.links.get_mut(index) else { return Ok(()) };
        let socket = link.connect(self.target.address, index)?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(&self.epoll, socket, epoll::EventData::new_u64(index as u64), flags)?;
        link.silent = goal == Goal::Open;
        // Over loopback the connection stands when the call returns, unless the backlog is full:
        // then the request waits for the socket.
        if goal != Goal::Tcp {
            let path = self.target.dialect.path(&self.target.path, link.who.room);
            link.ask_upgrade(&path);
        }
        Ok(())
    }

    /// Ends connections at once.
    pub fn drop_all(&mut self, range: Range<usize>) {
        for link in self.links.get_mut(range).unwrap_or_default() {
            link.drop_now();
        }
    }

    /// Stops or begins again to listen to a connection.
    ///
    /// # Errors
    /// What the system says.
    pub fn deafen(&mut self, index: usize, deaf: bool) -> io::Result<()> {
        let Some(socket) = self.links.get(index).and_then(Link::socket) else { return Ok(()) };
        if deaf {
            return Ok(epoll::delete(&self.epoll, socket)?);
        }
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, epoll::EventData::new_u64(index as u64), flags)?)
    }

    /// Looks at the sockets once, and waits for them at most so long.
    ///
    /// # Errors
    /// What the system says.
    pub fn turn(&mut self, patience: Duration) -> io::Result<()> {
        let timeout = Timespec::try_from(patience).unwrap_or_default();
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in self.events.drain(..) {
            let index = event.data.u64() as usize;
            let flags = event.flags;
            let Some(link) = self.links.get_mut(index) else { continue };
            self.book.index = index as u32;
            if link.is_waiting() {
                link.flush();
            }
            let readable = epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
            if flags.intersects(readable) {
                self.book.now_ns =
                    u64::try_from(self.book.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                link.read(&mut self.scratch, self.target.dialect, &mut self.book);
            }
        }
        Ok(())
    }

    /// Sends what was said since the last call.
    pub fn flush(&mut self) {
        for index in self.dirty.drain(..) {
            if let Some(link) = self.links.get_mut(index) {
                link.flush();
            }
        }
    }

    /// Only answers what servers ask, for so long.
    ///
    /// # Errors
    /// What the system says.
    pub fn rest(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left)?;
        }
    }

    /// The first fault that a connection met, and how many did.
    #[must_use]
    pub fn faults(&self) -> (usize, Option<&str>) {
        let mut faults = self.links.iter().filter_map(|link| link.fault.as_deref());
        let first = faults.next();
        (usize::from(first.is_some()) + faults.count(), first)
    }
}

fn has_reached(phase: Phase, goal: Goal) -> bool {
    match phase {
        Phase::Idle | Phase::Upgrading => false,
        Phase::Tcp => goal == Goal::Tcp,
        Phase::Open(stage) => goal != Goal::Member || stage == Stage::Member,
        Phase::Gone => true,
    }
}

/// A text of so many bytes, whose front a stamp replaces.
#[must_use]
pub fn filler(bytes: usize) -> Vec<u8> {
    vec![b'x'; bytes.max(STAMP_BYTES)]
}
