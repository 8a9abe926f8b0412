//! What the server counts about itself: each metric once in a table, the values in cells.
//!
//! Each worker counts in cells of its own, which lie on cache lines of their own; whoever wants
//! to know adds them up. Counting is a plain addition: no lock, no allocation, no atomic
//! read-modify-write, no text. What no worker does goes into shared cells.

mod cells;
mod exposition;
mod labels;
mod reference;
mod row;
mod sheet;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use exposition::CONTENT_TYPE;
pub(crate) use labels::{
    AcceptFault, Answer, Bound, End, Handshake, Lookup, Outcome, Rank, Recheck, Reloading, Rule,
    Spared, Squeeze, State, TicketEvent, Verdict, Waiting,
};
pub use reference::reference;
pub(crate) use row::{Kind, Row, Unit};
pub(crate) use sheet::{Reading, Sheet};
pub(crate) use table::{Metric, TABLE};

use crate::protocol::error_code::ErrorCode;
use cells::CELLS;
use labels::error_at;
use parking_lot::Mutex;
use std::{
    cell::Cell,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// A socket could not be accepted.
    AcceptFault(AcceptFault),
    /// A first request is settled.
    Handshake(Handshake),
    /// A first message is settled.
    Verdict(Verdict),
    /// A credential was refused.
    Rejection(Rule),
    /// Something became of a ticket.
    Ticket(TicketEvent),
    /// A connection ended.
    End(End),
    /// An error that closed nothing was sent.
    Error(ErrorCode),
    /// A text message came.
    Received,
    /// A message was committed.
    Published,
    /// A message was known.
    Duplicate,
    /// An ephemeral message was passed on.
    Ephemeral,
    /// An ephemeral message found no space at a member.
    EphemeralDropped,
    /// A `history` was answered.
    Page,
    /// A message was queued for a member.
    Delivery,
    /// A connection fell behind.
    CatchUp,
    /// A byte was read.
    ReceivedByte,
    /// A byte was written.
    SentByte,
}

/// Something that goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// A socket in this state.
    Connection(State),
    /// A membership.
    Member,
    /// A lookup.
    Lookup(Lookup),
}

impl Count {
    fn cell(self) -> usize {
        match self {
            Self::AcceptFault(cause) => Metric::AcceptFaults.cell(cause.at()),
            Self::Handshake(outcome) => Metric::Handshakes.cell(outcome.at()),
            Self::Verdict(verdict) => Metric::Verdicts.cell(verdict.at()),
            Self::Rejection(rule) => Metric::Rejections.cell(rule.at()),
            Self::Ticket(event) => Metric::Tickets.cell(event.at()),
            Self::End(end) => Metric::Closes.cell(end.at()),
            Self::Error(code) => Metric::Errors.cell(error_at(code)),
            Self::Received => Metric::Received.cell(0),
            Self::Published => Metric::Published.cell(0),
            Self::Duplicate => Metric::Duplicates.cell(0),
            Self::Ephemeral => Metric::Ephemerals.cell(0),
            Self::EphemeralDropped => Metric::EphemeralsDropped.cell(0),
            Self::Page => Metric::Pages.cell(0),
            Self::Delivery => Metric::Deliveries.cell(0),
            Self::CatchUp => Metric::CatchUps.cell(0),
            Self::ReceivedByte => Metric::ReceivedBytes.cell(0),
            Self::SentByte => Metric::SentBytes.cell(0),
        }
    }
}

impl Level {
    const fn cell(self) -> usize {
        match self {
            Self::Connection(state) => Metric::Connections.cell(state.at()),
            Self::Member => Metric::Members.cell(0),
            Self::Lookup(state) => Metric::Lookups.cell(state.at()),
        }
    }
}

/// The cells of one recorder. Two cache lines, because processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Shard([AtomicU64; CELLS]);

impl Shard {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; CELLS])
    }
}

/// The metrics of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// What no recorder counts.
    common: Shard,
    /// One for each recorder there ever was; a server makes one for each worker.
    shards: Mutex<Vec<Arc<Shard>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { common: Shard::new(), shards: Mutex::default() }
    }
}

impl Metrics {
    /// Cells for one worker.
    pub(crate) fn recorder(&self) -> Recorder {
        let shard = Arc::new(Shard::new());
        self.shards.lock().push(Arc::clone(&shard));
        Recorder { shard, alone: PhantomData }
    }

    /// It happened once. For what is rare: these cells are everybody's.
    pub(crate) fn count(&self, what: Count) {
        self.bump(what.cell(), 1);
    }

    /// There is one more.
    pub(crate) fn raise(&self, what: Level) {
        self.bump(what.cell(), 1);
    }

    /// There is one less.
    pub(crate) fn lower(&self, what: Level) {
        self.bump(what.cell(), 1_u64.wrapping_neg());
    }

    /// Everything that was counted, added up.
    pub(crate) fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::default();
        sheet.add(&self.common.0);
        for shard in self.shards.lock().iter() {
            sheet.add(&shard.0);
        }
        sheet
    }

    fn bump(&self, cell: usize, by: u64) {
        if let Some(cell) = self.common.0.get(cell) {
            cell.fetch_add(by, Ordering::Relaxed);
        }
    }
}

/// Counts for one thread. Nobody else writes its cells (it is neither `Clone` nor `Sync`), so
/// that reading and writing one apart loses nothing.
#[derive(Debug)]
pub(crate) struct Recorder {
    shard: Arc<Shard>,
    alone: PhantomData<Cell<()>>,
}

impl Recorder {
    /// It happened once.
    pub(crate) fn count(&self, what: Count) {
        self.add(what, 1);
    }

    /// It happened `times`.
    pub(crate) fn add(&self, what: Count, times: usize) {
        self.bump(what.cell(), times as u64);
    }

    /// There is one more.
    pub(crate) fn raise(&self, what: Level) {
        self.bump(what.cell(), 1);
    }

    /// There is one less.
    pub(crate) fn lower(&self, what: Level) {
        self.bump(what.cell(), 1_u64.wrapping_neg());
    }

    /// A first message is settled, this long after the 101.
    pub(crate) fn verdict(&self, verdict: Verdict, after_ms: u64) {
        let outcome = match verdict {
            Verdict::Accepted => Outcome::Accepted,
            Verdict::Gone | Verdict::Refused(_) => Outcome::Refused,
        };
        self.count(Count::Verdict(verdict));
        self.observe(Metric::TimeToVerdict, outcome.at(), after_ms);
    }

    fn observe(&self, metric: Metric, series: usize, value: u64) {
        let Kind::Histogram(bounds) = metric.row().kind else { return };
        let first = metric.cell(series);
        let bucket = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        self.bump(first + bucket, 1);
        self.bump(first + bounds.len() + 1, value);
    }

    fn bump(&self, cell: usize, by: u64) {
        if let Some(cell) = self.shard.0.get(cell) {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
        }
    }
}
