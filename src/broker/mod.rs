//! Orders and remembers what is published: one log per room, in memory or elsewhere.
//!
//! A room publishes through its [`Log`], which gives the message its number and the one frame
//! that all members share, and reads back from it whoever has fallen behind.

#[cfg(test)]
mod contract;
mod draft;
mod epoch;
mod ledger;
mod memory;
mod ring;

pub use draft::Draft;
pub use epoch::{Epoch, Epochs};
pub use ledger::Memory;
pub use memory::{MemoryBroker, MemoryLog};

pub use crate::{
    outbox::{AuthorCopy, Delivery},
    protocol::room_rules::HistoryBounds,
};

use crate::protocol::{room_name::RoomName, time::Wall};
use std::fmt;

/// The longest that an idempotency key counts, in milliseconds.
pub const KEY_WINDOW_MS: u64 = 300_000;

/// Where the history of rooms lives.
pub trait Broker: Send + Sync + 'static {
    /// The history of one room.
    type Log: Log + 'static;

    /// Begins an incarnation of the history of `room`, with an epoch that no other has.
    ///
    /// The caller holds at most one log of a room at a time: two would be two orders.
    fn open(&self, room: &RoomName) -> Self::Log;

    /// What all logs together hold in the memory of the process, and may hold. Over the cap the
    /// caller lets logs [`shed`](Log::shed) until it is met again: which ones is its choice. A
    /// broker that remembers elsewhere holds nothing.
    fn memory(&self) -> Memory {
        Memory::default()
    }
}

/// The history of one room, from its opening until it is dropped.
///
/// The caller serves one request at a time (it holds the room's lock), and delivers in the order
/// of `seq` exactly what was committed. What the log guarantees:
///
/// - **One order.** Committed messages have the numbers 1, 2, 3, .. of one epoch: no gap, no
///   number twice. Every reader sees the same message under the same number.
/// - **Monotone time.** `at_ms` never decreases within an epoch, even if the wall clock does.
/// - **All or nothing.** A read gives every message of its range or says [`Gap`].
/// - **Exactly once** within the window of the idempotency key; the key is part of the record of
///   its message, so that both are remembered and forgotten together.
pub trait Log: Send + fmt::Debug {
    /// The incarnation; it stays the same for the life of the log, whatever is forgotten.
    fn epoch(&self) -> &Epoch;

    /// The newest number; 0 before the first message. Forgetting does not change it.
    fn head(&self) -> u64;

    /// Commits `draft` as number `head() + 1`, or finds that it was committed before.
    ///
    /// When it returns [`Publishing::Committed`] the message is remembered as well as this
    /// broker remembers anything, and it must be delivered. A draft whose (`user`,
    /// `idempotency_key`) stands in a message that is remembered and not older than
    /// [`KEY_WINDOW_MS`] is a [`Publishing::Duplicate`] with that message's receipt: it must be
    /// acknowledged and not delivered. Keys of different users never meet. `now` dates the
    /// message, unless the one before it is later.
    fn publish(&mut self, draft: &Draft<'_>, now: Wall) -> Publishing;

    /// Whether a client that has everything of `epoch` up to `seq` can be brought to the head:
    /// the epoch is this one, `seq` is not above the head, and all that follows is remembered.
    fn covers(&self, epoch: &str, seq: u64) -> bool;

    /// Appends the messages `seq + 1` to `until` to `out`, ascending and without a gap, as many
    /// as fit into `budget`, and at least one if there is any. `until` above the head means the
    /// head; nothing to read is no error.
    ///
    /// # Errors
    /// [`Gap`] if `seq + 1` is forgotten; `out` is as it was.
    fn after(
        &self,
        seq: u64,
        until: u64,
        budget: ReadBudget,
        out: &mut Vec<Delivery>,
    ) -> Result<(), Gap>;

    /// Appends the newest messages below `before` (`None`: of all) to `out`, ascending and without
    /// a gap, as many as fit into `budget`, and at least one if there is any. Returns whether the
    /// log remembers older ones.
    fn before(&self, before: Option<u64>, budget: ReadBudget, out: &mut Vec<Delivery>) -> bool;

    /// Dates something at `now` that gets no number and is not remembered. It counts for the
    /// monotone time of what follows.
    fn date(&mut self, now: Wall) -> Wall;

    /// Forgets what is too old at `now`. Publishing does so too: this is for quiet rooms.
    fn expire(&mut self, now: Wall);

    /// When the oldest message will be too old; `None` if nothing is remembered. To
    /// [`expire`](Self::expire) earlier is of no use.
    fn forgets_at(&self) -> Option<Wall>;

    /// What it holds in the memory of the process, in bytes.
    fn held(&self) -> usize {
        0
    }

    /// How much the author of its oldest message has written that is remembered, over all logs of
    /// the broker, in bytes and about. Where memory is short, the oldest messages of those who
    /// wrote most go first: who fills a thousand rooms weighs as much as who fills one.
    fn claim(&self) -> usize {
        0
    }

    /// Forgets its oldest messages until `bytes` of memory are free, or nothing is left. Returns
    /// how many. Epoch and head stay.
    fn shed(&mut self, bytes: usize) -> usize {
        let _ = bytes;
        0
    }

    /// Remembers within these bounds from now on, and forgets what is over them at once; epoch and
    /// head stay. A broker whose bounds are its own does nothing.
    fn rebound(&mut self, bounds: HistoryBounds) {
        let _ = bounds;
    }

    /// Until when the log of an empty room must be kept, so that a publish tried again does not
    /// count twice: the smaller of [`KEY_WINDOW_MS`] and what the room remembers, after the
    /// newest message. `None` if it may be dropped at once.
    fn remembers(&self, now: Wall) -> Option<Wall>;
}

/// The outcome of a publish.
#[derive(Clone, Debug)]
pub enum Publishing {
    /// The message has a number and must be delivered.
    Committed {
        /// What the author is told.
        receipt: Receipt,
        /// What the members get.
        delivery: Delivery,
    },
    /// It was committed before, with this receipt; nothing is delivered.
    Duplicate(Receipt),
}

/// What the author of a committed message is told (`ack`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The number of the message in its epoch.
    pub seq: u64,
    /// When it was committed, Unix milliseconds.
    pub at_ms: u64,
}

/// How much one read may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBudget {
    /// Messages.
    pub frames: usize,
    /// Bytes of their frames, each counted by [`Delivery::max_frame_bytes`].
    pub bytes: usize,
}

/// The messages asked for are not all remembered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap;

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the history no longer reaches back to this message")
    }
}

impl std::error::Error for Gap {}
