//! The loads: an open loop at a steady rate, and a closed one with so many messages in flight.

use super::{Generator, RETURNED, filler, schedule::Schedule, stamp::Stamp};
use std::{
    io,
    time::{Duration, Instant},
};

/// No delivery for so long, and what is missing counts as lost.
const DRAIN_PATIENCE: Duration = Duration::from_millis(1_500);
/// How long a look at the sockets may wait.
const MAX_PATIENCE: Duration = Duration::from_millis(100);
/// The same while connections come in beside the load.
const CONNECTING_TURN: Duration = Duration::from_millis(5);
/// The longest wait for what is missing, though it still comes in.
const MAX_DRAIN: Duration = Duration::from_secs(20);

/// How publications are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many a second, over all authors in turn.
    Open {
        /// Publications a second.
        per_s: u32,
    },
    /// So many that not all members have got yet; by the first author alone.
    Closed {
        /// Publications in flight, below [`RETURNED`].
        in_flight: u32,
    },
}

/// What is published, and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// How publications are made.
    pub pace: Pace,
    /// The connections that publish, in turn, each with the members that get what it says.
    pub authors: Vec<(usize, u64)>,
    /// The length of a payload.
    pub payload_bytes: usize,
    /// Time before the window, measured by nobody.
    pub warm_up: Duration,
    /// The measured window.
    pub window: Duration,
}

/// What a load came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Publications.
    pub published: u64,
    /// Deliveries that were due for them.
    pub expected: u64,
    /// Different deliveries that arrived.
    pub distinct: u64,
    /// All deliveries in the window.
    pub in_window: u64,
    /// The window, as it turned out.
    pub seconds: f64,
    /// The longest time in which the generator could do nothing: the machine stood still, or had
    /// something else to do.
    pub longest_gap: Duration,
    /// Whether the closed loop came to a halt because something was lost.
    pub stalled: bool,
}

/// Is told when the window opens and when it closes.
pub trait Watch {
    /// The window opens.
    fn open(&mut self);
    /// The window closes.
    fn close(&mut self);
}

/// Watches nothing.
impl Watch for () {
    fn open(&mut self) {}
    fn close(&mut self) {}
}

struct Author {
    link: usize,
    members: u64,
    text: Vec<u8>,
    at: usize,
    stamp: Stamp,
}

impl Generator {
    /// Publishes by a plan and counts what comes of it.
    ///
    /// # Errors
    /// What the system says about sockets.
    pub fn run(&mut self, load: &Load, watch: &mut impl Watch) -> io::Result<Outcome> {
        let mut authors = self.authors(load);
        let before = self.book.tally.distinct();
        let mut outcome = Outcome::default();
        let speaker = load.authors.first().and_then(|(link, _)| self.links.get(*link));
        let first = speaker.map_or(0, |link| link.publication);
        self.book.returned.fill(0);
        let mut pacer = Pacer::new(load.pace, self.now_ns(), first);
        let began = Instant::now();
        self.publish_until(&mut pacer, &mut authors, &mut outcome, began + load.warm_up)?;
        let arrived = self.book.tally.arrived;
        let opened = Instant::now();
        self.book.recording = true;
        watch.open();
        self.publish_until(&mut pacer, &mut authors, &mut outcome, opened + load.window)?;
        watch.close();
        self.book.recording = false;
        outcome.seconds = opened.elapsed().as_secs_f64();
        outcome.in_window = self.book.tally.arrived - arrived;
        self.drain(before + outcome.expected)?;
        outcome.distinct = self.book.tally.distinct() - before;
        Ok(outcome)
    }

    fn authors(&self, load: &Load) -> Vec<Author> {
        let body = filler(load.payload_bytes);
        let author = |&(link, members): &(usize, u64)| {
            let who = &self.links.get(link)?.who;
            let (front, back) = self.dialect().message(&who.room_name());
            let text = [front.as_bytes(), &body, back.as_bytes()].concat();
            let stamp = Stamp { room: who.room, author: who.author, number: 0, due_ns: 0 };
            Some(Author { link, members, text, at: front.len(), stamp })
        };
        load.authors.iter().filter_map(author).collect()
    }

    fn publish_until(
        &mut self,
        pacer: &mut Pacer,
        authors: &mut [Author],
        outcome: &mut Outcome,
        end: Instant,
    ) -> io::Result<()> {
        let mut last = (self.book.tally.arrived, Instant::now());
        let mut before = last.1;
        loop {
            let now = Instant::now();
            outcome.longest_gap = outcome.longest_gap.max(now - before);
            before = now;
            if now >= end {
                return Ok(());
            }
            let now_ns = self.now_ns();
            while let Some((index, due_ns)) = pacer.take(now_ns, &mut self.book.returned, authors) {
                let count = authors.len().max(1) as u64;
                let Some(author) = authors.get_mut((index % count) as usize) else { return Ok(()) };
                self.publish(author, due_ns);
                outcome.published += 1;
                outcome.expected += author.members;
            }
            self.flush();
            let coming = self.go_on_connecting()?;
            let left = end.saturating_duration_since(now);
            let patience = pacer.patience(now_ns).min(left).min(MAX_PATIENCE);
            self.turn(if coming { patience.min(CONNECTING_TURN) } else { patience })?;
            if self.book.tally.arrived != last.0 {
                last = (self.book.tally.arrived, now);
            } else if matches!(pacer, Pacer::Closed { .. }) && now - last.1 > DRAIN_PATIENCE {
                outcome.stalled = true;
                return Ok(());
            }
        }
    }

    fn publish(&mut self, author: &mut Author, due_ns: u64) {
        let Some(link) = self.links.get_mut(author.link) else { return };
        let stamp = Stamp { number: link.publication, due_ns, ..author.stamp }.write();
        link.publication += 1;
        if let Some(place) = author.text.get_mut(author.at..author.at + stamp.len()) {
            place.copy_from_slice(&stamp);
        }
        if !link.is_waiting() {
            self.dirty.push(author.link);
        }
        link.say(&author.text);
    }

    fn drain(&mut self, expected: u64) -> io::Result<()> {
        let began = Instant::now();
        let mut last = (self.book.tally.distinct(), began);
        while last.0 < expected && last.1.elapsed() < DRAIN_PATIENCE && began.elapsed() < MAX_DRAIN
        {
            self.turn(Duration::from_millis(10))?;
            let distinct = self.book.tally.distinct();
            if distinct != last.0 {
                last = (distinct, Instant::now());
            }
        }
        Ok(())
    }
}

enum Pacer {
    Open(Schedule),
    Closed { in_flight: u32, published: u32, returned: u32 },
}

impl Pacer {
    fn new(pace: Pace, now_ns: u64, first: u32) -> Self {
        match pace {
            Pace::Open { per_s } => Self::Open(Schedule::new(now_ns, per_s)),
            Pace::Closed { in_flight } => Self::Closed {
                in_flight: in_flight.clamp(1, RETURNED as u32 - 1),
                published: first,
                returned: first,
            },
        }
    }

    /// The next publication that is to be made: its index and when it was due.
    fn take(&mut self, now_ns: u64, counts: &mut [u32], authors: &[Author]) -> Option<(u64, u64)> {
        match self {
            Self::Open(schedule) => schedule.take(now_ns),
            Self::Closed { in_flight, published, returned } => {
                let author = authors.first()?;
                while returned < published {
                    let count = counts.get_mut(*returned as usize & (RETURNED - 1))?;
                    if u64::from(*count) < author.members {
                        break;
                    }
                    *count = 0;
                    *returned += 1;
                }
                (*published - *returned < *in_flight).then(|| {
                    *published += 1;
                    (0, now_ns)
                })
            }
        }
    }

    fn patience(&self, now_ns: u64) -> Duration {
        match self {
            Self::Open(schedule) => Duration::from_nanos(schedule.next_ns().saturating_sub(now_ns)),
            Self::Closed { .. } => MAX_PATIENCE,
        }
    }
}
