//! What rooms do, step by step: a simulation has every step judged by the model of delivery.
//!
//! Outside of tests [`note`] is empty and nothing of this is left in the program.

use super::{ConnKey, Restart, RoomId, WorkerIndex, member::Cursor};
use crate::{
    protocol::{
        room_name::RoomName,
        room_rules::{HistoryBounds, SlowConsumer},
        time::Wall,
    },
    session::RequestKey,
};

/// A connection, across the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Who {
    /// Its worker.
    pub(crate) worker: WorkerIndex,
    /// Its key there.
    pub(crate) connection: ConnKey,
}

/// A member, across the workers: places are taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// Its worker.
    pub(crate) worker: WorkerIndex,
    /// Its place there.
    pub(crate) place: usize,
}

/// The position that a join asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    /// It names the incarnation of the history that the room has.
    pub(crate) same_epoch: bool,
    /// The newest message that the client has.
    pub(crate) seq: u64,
}

/// One step of one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    // Under the room's mutex.
    /// A message got its number and was pushed to these workers.
    Committed {
        /// Its number.
        seq: u64,
        /// When.
        at: Wall,
        /// Of its frames.
        bytes: usize,
        /// A hash of author and idempotency key.
        key: Option<u64>,
        /// Ascending.
        workers: Vec<WorkerIndex>,
    },
    /// A message with this key had got a number before.
    Repeated {
        /// When.
        now: Wall,
        /// A hash of author and idempotency key.
        key: Option<u64>,
        /// The number that it had got.
        seq: u64,
    },
    /// What is older than the age of the room's history was forgotten.
    Expired {
        /// When.
        now: Wall,
    },
    /// What history holds behind the step before: everything from this number on.
    Remembers {
        /// One above the head if nothing is remembered.
        from: u64,
    },
    /// Other bounds count from now on; what is over them was forgotten.
    Rebounded {
        /// What may be remembered.
        bounds: HistoryBounds,
    },
    /// Messages were forgotten because memory was short.
    Shed {
        /// The oldest that is left.
        from: u64,
    },
    /// A join was queued.
    AskedToJoin {
        /// Who joins.
        who: Who,
        /// The request to answer.
        request: RequestKey,
        /// The name of the room.
        name: RoomName,
        /// The incarnation of its history.
        epoch: Box<str>,
        /// Whether the member was counted in: not if it has a seat already.
        counted: bool,
        /// What it has.
        since: Option<Asked>,
        /// The newest message.
        head: u64,
        /// What it was promised.
        restart: Restart,
    },
    /// A leave was queued.
    AskedToLeave {
        /// Who leaves.
        who: Who,
        /// The request to answer.
        request: RequestKey,
    },
    /// A message that nobody remembers was pushed to these workers.
    Emitted {
        /// When.
        now: Wall,
        /// Its date.
        at: Wall,
        /// Ascending.
        workers: Vec<WorkerIndex>,
    },
    /// A look at the history was queued.
    AskedToLookBack {
        /// Who looks.
        who: Who,
        /// The request to answer.
        request: RequestKey,
    },
    /// A member was counted out.
    CountedOut {
        /// Its worker.
        worker: WorkerIndex,
    },
    /// The room is empty, has forgotten everything, and is no more.
    Freed {
        /// When.
        now: Wall,
    },

    // On a worker, in the order of its queue.
    /// A worker was told what becomes of members that do not keep up.
    Ruled {
        /// Which worker.
        worker: WorkerIndex,
        /// What.
        slow_consumer: SlowConsumer,
    },
    /// A join took effect.
    Joined {
        /// Who.
        who: Who,
        /// The request.
        request: RequestKey,
        /// The new member, if there is one.
        seat: Option<(usize, Cursor)>,
    },
    /// A leave took effect.
    Left {
        /// Who.
        who: Who,
        /// The request.
        request: RequestKey,
        /// The place that became free.
        place: Option<usize>,
    },
    /// A look at the history had its turn.
    LookedBack {
        /// Who looks.
        who: Who,
        /// The request.
        request: RequestKey,
    },
    /// A message that nobody remembers is passed on next, or to nobody.
    Passed {
        /// By which worker.
        worker: WorkerIndex,
        /// Nobody on this worker waits for it.
        dropped: bool,
    },
    /// A live member was offered the message that nobody remembers.
    Told {
        /// Which member.
        to: Spot,
    },
    /// Every live member was offered it.
    PassedOn {
        /// By which worker.
        worker: WorkerIndex,
    },
    /// A message that nobody on this worker waits for.
    Skipped {
        /// Which worker.
        worker: WorkerIndex,
        /// Its number.
        seq: u64,
    },
    /// A message joined those that are handed out next.
    Gathered {
        /// By which worker.
        worker: WorkerIndex,
        /// Its number.
        seq: u64,
    },
    /// A live member was offered the batch.
    Offered {
        /// Which member.
        to: Spot,
        /// How many messages.
        offered: usize,
        /// How many of them it took.
        taken: usize,
        /// Where it stands then.
        cursor: Cursor,
    },
    /// Every live member was offered the batch.
    HandedOut {
        /// By which worker.
        worker: WorkerIndex,
        /// The message that it delivers next.
        next_seq: u64,
    },
    /// A member that catches up read from history.
    Read {
        /// Which member.
        by: Spot,
        /// The first message that it wanted.
        from: u64,
        /// One above the last.
        until: u64,
        /// What it got; `None` is a gap.
        seqs: Option<Vec<u64>>,
    },
    /// A member that catches up was offered what it read.
    Fed {
        /// Which member.
        to: Spot,
        /// How many messages it took.
        taken: usize,
        /// The message that it needs next.
        next_seq: u64,
    },
    /// A member that caught up is live again.
    WentLive {
        /// Which member.
        member: Spot,
    },
    /// The history no longer covers a member, or the rules let it bridge nothing.
    Lost {
        /// Which member.
        member: Spot,
    },
    /// A member that had given its seat up was taken out.
    TakenOut {
        /// Which member.
        member: Spot,
    },

    // In a connection.
    /// It gave the seat up that it took, or would have taken, by this request.
    GaveUp {
        /// Which connection.
        who: Who,
        /// The join.
        join: RequestKey,
        /// Whether it counts as a member until its leave takes effect.
        still_counts: bool,
    },
    /// A message that nobody remembers stands in its outbox.
    QueuedAside {
        /// Which connection.
        who: Who,
        /// At which place of the room.
        place: usize,
    },
    /// It read a page of the history, to answer with it.
    Paged {
        /// Which connection.
        who: Who,
        /// Below this number; `None` is the newest.
        before: Option<u64>,
        /// How many messages it wants at most.
        limit: u32,
        /// How large the answer may be, in bytes; with one message it may be larger.
        bytes: usize,
        /// What it got, ascending.
        seqs: Vec<u64>,
        /// Whether older ones are remembered.
        more: bool,
    },
    /// A message stands in its outbox.
    Queued {
        /// Which connection.
        who: Who,
        /// At which place of the room.
        place: usize,
        /// The number of the message.
        seq: u64,
    },
}

/// Something happened in `room`.
#[inline]
pub(crate) fn note(room: RoomId, step: impl FnOnce() -> Step) {
    #[cfg(test)]
    recorder::push(room, step);
    #[cfg(not(test))]
    let _ = (room, step);
}

#[cfg(test)]
pub(crate) mod recorder {
    //! Keeps the steps of this thread.

    use super::{RoomId, Step};
    use std::cell::RefCell;

    thread_local! {
        static STEPS: RefCell<Option<Vec<(RoomId, Step)>>> = const { RefCell::new(None) };
    }

    /// Keeps steps from now on.
    pub(crate) fn begin() {
        STEPS.set(Some(Vec::new()));
    }

    /// The steps since the last call.
    pub(crate) fn take() -> Vec<(RoomId, Step)> {
        STEPS.with_borrow_mut(|steps| steps.as_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Keeps none any more.
    pub(crate) fn end() {
        STEPS.set(None);
    }

    pub(super) fn push(room: RoomId, step: impl FnOnce() -> Step) {
        STEPS.with_borrow_mut(|steps| {
            if let Some(steps) = steps {
                steps.push((room, step()));
            }
        });
    }
}
