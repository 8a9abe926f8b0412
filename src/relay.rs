//! The joint between rooms and broker: join, leave, publish, commit, deliver.
//!
//! Every change of a room happens under its mutex and is pushed to the inboxes of the workers
//! that have members there before the mutex is free again: the order of the log is the order that
//! every worker sees. Nothing is delivered that is not committed.

mod aside;
mod notes;
mod rebound;
mod shelf;
#[cfg(test)]
mod tests;
mod upkeep;

use crate::{
    broker::{Broker, Delivery, Draft, Epoch, Log, Memory, Publishing, ReadBudget},
    protocol::{client_message::Since, room_name::RoomName, time::Wall},
    room::{
        ConnKey, Gap, Inbox, Item, JoinTicket, Registry, Restart, Room, Ticket, WorkerIndex,
        inbox::{Addressed, Credit, INBOX_BYTES},
        trace::{Step, note},
    },
    session::{RequestKey, RoomRefusal},
};
use shelf::Shelf;
use smallvec::SmallVec;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize},
    },
    task::Waker,
};
use upkeep::Aftermath;

/// The log that a room keeps under its mutex.
pub(crate) type RoomLog = Box<dyn Log>;
/// A room as the workers share it.
pub(crate) type SharedRoom = Room<RoomLog>;

/// Any broker, its logs boxed: what stands behind the relay is chosen at start.
trait Opens: Send + Sync {
    fn open(&self, room: &RoomName) -> RoomLog;
    fn memory(&self) -> Memory;
}

impl<B: Broker> Opens for B {
    fn open(&self, room: &RoomName) -> RoomLog {
        Box::new(Broker::open(self, room))
    }

    fn memory(&self) -> Memory {
        Broker::memory(self)
    }
}

/// Messages read from history at a time for one member.
const READ_MESSAGES: usize = 64;
/// Bytes read from history at a time for one member.
const READ_BYTES: usize = 128 * 1024;

/// Rooms, broker and the workers' inboxes of one process.
pub(crate) struct Relay {
    broker: Box<dyn Opens>,
    registry: Registry<RoomLog>,
    inboxes: Box<[Inbox<RoomLog>]>,
    /// Rooms that remember something; bounded by the rooms there are.
    shelf: Shelf,
    /// How many of them are empty.
    resting: AtomicUsize,
    /// Messages that were forgotten because memory was short.
    evicted: AtomicU64,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("rooms", &self.registry.len()).finish_non_exhaustive()
    }
}

/// A publish that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// The incarnation of the room's history.
    pub(crate) epoch: Epoch,
    /// The number of the message.
    pub(crate) seq: u64,
    /// When it was first committed.
    pub(crate) at: Wall,
    /// It had been published before and was not delivered again.
    pub(crate) duplicate: bool,
}

/// Whoever joins or leaves, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Its worker.
    pub(crate) worker: WorkerIndex,
    /// Its connection there.
    pub(crate) connection: ConnKey,
    /// The request to answer.
    pub(crate) request: RequestKey,
    /// The time of the request: nothing older than the room's age is promised to it.
    pub(crate) now: Wall,
}

impl Relay {
    /// A relay for `workers` workers and at most `rooms` rooms.
    pub(crate) fn new(broker: impl Broker, workers: usize, rooms: usize) -> Self {
        Self {
            broker: Box::new(broker),
            registry: Registry::new(rooms),
            inboxes: (0..workers).map(|_| Inbox::new(INBOX_BYTES)).collect(),
            shelf: Shelf::default(),
            resting: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Counts a member in and queues its join behind all that was published before.
    ///
    /// # Errors
    /// [`RoomRefusal::Overloaded`] if the process is full of rooms.
    pub(crate) fn join(
        &self,
        caller: Caller,
        name: &RoomName,
        since: Option<&Since<'_>>,
    ) -> Result<Arc<SharedRoom>, RoomRefusal> {
        loop {
            let room = self
                .registry
                .obtain(name, || self.broker.open(name))
                .map_err(|_| RoomRefusal::Overloaded)?;
            let mut core = room.lock();
            if core.is_dead() {
                drop(core);
                self.registry.remove(&room);
                continue;
            }
            core.enter(caller.worker);
            self.wake_up(&mut core);
            let ticket = ticket(caller, &room, &mut core.log, since);
            notes::join(&room, caller, since, &ticket, true);
            let wake = self.push(caller.worker, &room, Item::Join(ticket));
            drop(core);
            self.wake(caller.worker, wake);
            return Ok(room);
        }
    }

    /// Queues another join of a member: it is answered in the room's order and counts nobody in.
    pub(crate) fn rejoin(&self, caller: Caller, room: &Arc<SharedRoom>, since: Option<&Since<'_>>) {
        let mut core = room.lock();
        let ticket = ticket(caller, room, &mut core.log, since);
        notes::join(room, caller, since, &ticket, false);
        let wake = self.push(caller.worker, room, Item::Join(ticket));
        drop(core);
        self.wake(caller.worker, wake);
    }

    /// Queues a leave behind all that was published before. The member counts until it takes
    /// effect: the room cannot be freed, and be joined anew, while an answer is on its way.
    pub(crate) fn leave(&self, caller: Caller, room: &Arc<SharedRoom>) {
        let ticket = Ticket { connection: caller.connection, request: caller.request };
        let core = room.lock();
        notes::leave(room, caller);
        let wake = self.push(caller.worker, room, Item::Leave(ticket));
        drop(core);
        self.wake(caller.worker, wake);
    }

    /// Counts a member out: its leave took effect, or nobody waits for one.
    pub(crate) fn exit(&self, worker: WorkerIndex, room: &Arc<SharedRoom>, now: Wall) {
        let mut core = room.lock();
        core.exit(worker);
        note(room.id(), || Step::CountedOut { worker });
        if core.is_empty() {
            self.rest(room, core, now);
        }
    }

    /// Publishes: credit first, then the commit, then the delivery.
    ///
    /// # Errors
    /// [`RoomRefusal::Overloaded`] if a worker that has members has no credit left; then nothing
    /// was committed.
    pub(crate) fn publish(
        &self,
        room: &Arc<SharedRoom>,
        draft: &Draft<'_>,
        now: Wall,
    ) -> Result<Published, RoomRefusal> {
        let mut sleepers: SmallVec<[WorkerIndex; 4]> = SmallVec::new();
        let mut core = room.lock();
        let credits = self.reserve(core.workers(), draft.max_frame_bytes())?;
        let before = core.log.held();
        let publishing = core.log.publish(draft, now);
        let reached = credits.iter().map(|(worker, _)| *worker);
        notes::published(room, &core.log, draft, (&publishing, now), reached);
        let aftermath = Aftermath::of(&mut core, before, &publishing);
        let (receipt, duplicate) = match publishing {
            Publishing::Committed { receipt, delivery } => {
                for (worker, credit) in credits {
                    if self.push(worker, room, Item::Deliver(delivery.clone(), credit)) {
                        sleepers.push(worker);
                    }
                }
                (receipt, false)
            }
            Publishing::Duplicate(receipt) => {
                self.release(credits);
                (receipt, true)
            }
        };
        let epoch = core.log.epoch().clone();
        drop(core);
        for worker in sleepers {
            self.wake(worker, true);
        }
        self.settle(room, aftermath);
        Ok(Published { epoch, seq: receipt.seq, at: Wall::from_ms(receipt.at_ms), duplicate })
    }

    /// Reads the messages from `from` on that come before `until`, a piece at a time.
    ///
    /// # Errors
    /// [`Gap`] if `from` is no longer remembered.
    pub(crate) fn read(
        &self,
        room: &SharedRoom,
        from: u64,
        until: u64,
        into: &mut Vec<Delivery>,
    ) -> Result<(), Gap> {
        let budget = ReadBudget { frames: READ_MESSAGES, bytes: READ_BYTES };
        let after = from.saturating_sub(1);
        room.lock().log.after(after, until.saturating_sub(1), budget, into).map_err(|_| Gap)
    }

    fn reserve(
        &self,
        workers: impl Iterator<Item = WorkerIndex>,
        bytes: usize,
    ) -> Result<Credits, RoomRefusal> {
        let mut credits = Credits::new();
        for worker in workers {
            match self.inbox(worker).and_then(|inbox| inbox.reserve(bytes)) {
                Some(credit) => credits.push((worker, credit)),
                None => {
                    self.release(credits);
                    return Err(RoomRefusal::Overloaded);
                }
            }
        }
        Ok(credits)
    }

    fn release(&self, credits: Credits) {
        for (worker, credit) in credits {
            self.give_back(worker, credit);
        }
    }

    /// Gives the credit of a served message back.
    pub(crate) fn give_back(&self, worker: WorkerIndex, credit: Credit) {
        if let Some(inbox) = self.inbox(worker) {
            inbox.release(credit);
        }
    }

    /// Moves what waits for `worker` to `into`.
    pub(crate) fn drain(&self, worker: WorkerIndex, into: &mut VecDeque<Addressed<RoomLog>>) {
        if let Some(inbox) = self.inbox(worker) {
            inbox.drain(into);
        }
    }

    /// Calls `waker` when something is pushed for `worker`.
    pub(crate) fn register(&self, worker: WorkerIndex, waker: &Waker) {
        if let Some(inbox) = self.inbox(worker) {
            inbox.register(waker);
        }
    }

    /// Whether anything waits for `worker`.
    pub(crate) fn has_waiting(&self, worker: WorkerIndex) -> bool {
        self.inbox(worker).is_some_and(|inbox| !inbox.is_empty())
    }

    /// Bytes of messages that wait for `worker`.
    #[cfg(test)]
    pub(crate) fn waiting_bytes(&self, worker: WorkerIndex) -> usize {
        self.inbox(worker).map_or(0, Inbox::used)
    }

    fn push(&self, worker: WorkerIndex, room: &Arc<SharedRoom>, item: Item) -> bool {
        self.inbox(worker).is_some_and(|inbox| inbox.push(Arc::clone(room), item))
    }

    fn wake(&self, worker: WorkerIndex, asleep: bool) {
        if let Some(inbox) = self.inbox(worker).filter(|_| asleep) {
            inbox.wake();
        }
    }

    fn inbox(&self, worker: WorkerIndex) -> Option<&Inbox<RoomLog>> {
        self.inboxes.get(usize::from(worker))
    }
}

/// A room that nobody publishes in forgets nothing by itself: the age is judged here.
fn ticket(
    caller: Caller,
    room: &SharedRoom,
    log: &mut RoomLog,
    since: Option<&Since<'_>>,
) -> JoinTicket {
    log.expire(caller.now);
    notes::expired(room, log, caller.now);
    JoinTicket {
        connection: caller.connection,
        request: caller.request,
        epoch: log.epoch().as_str().into(),
        seq: log.head(),
        restart: match since {
            None => Restart::Fresh,
            Some(since) if log.covers(&since.epoch, since.seq) => Restart::Covered(since.seq),
            Some(_) => Restart::Lost,
        },
    }
}

/// Credit reserved in several inboxes.
type Credits = SmallVec<[(WorkerIndex, Credit); 4]>;
