//! Who is here? Rooms, their members as cursors, and the fan-out on each worker.
//!
//! A [`Room`] is what all workers share of a room: its log and, for each worker, the number of
//! members there. A [`LocalRoom`] is what one worker knows of it: its members, each a cursor, and
//! the items that wait for them. The two are joined by the workers' [`Inbox`]es: whatever changes
//! a room is pushed there under the room's mutex, so that every worker sees the same order.

mod audience;
pub(crate) mod inbox;
pub(crate) mod local;
pub(crate) mod member;
#[cfg(test)]
pub(crate) mod model;
pub(crate) mod registry;
pub(crate) mod trace;

pub(crate) use audience::{Audience, Gap, Offer, Seating};
pub(crate) use inbox::{Inbox, Item};
pub(crate) use local::{LocalRoom, Manner, Served};
pub(crate) use member::{ConnKey, JoinTicket, Restart, RoomPlace, Ticket};
pub(crate) use registry::Registry;

use crate::protocol::room_name::RoomName;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use std::sync::atomic::AtomicU32;

/// One incarnation of a room in this process; a room that was freed comes back with another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RoomId(pub(crate) u64);

/// The index of a worker.
pub(crate) type WorkerIndex = u16;

/// What the workers share of a room. `L` is the log that orders and remembers its messages.
#[derive(Debug)]
pub(crate) struct Room<L> {
    id: RoomId,
    name: RoomName,
    /// Where it stands on the shelf of rooms that remember something. Only the shelf uses it,
    /// under its own lock.
    pub(crate) shelved_at: AtomicU32,
    core: Mutex<Core<L>>,
}

/// Under the room's mutex, which is a leaf: while it is held nothing else is locked but the
/// inbox that is pushed to.
#[derive(Debug)]
pub(crate) struct Core<L> {
    /// Orders and remembers.
    pub(crate) log: L,
    seats: SmallVec<[Seat; 2]>,
    dead: bool,
    /// Whether it is empty and still remembers something.
    pub(crate) is_resting: bool,
    /// The size under which it stands on the shelf, or is about to; `None` if it does not.
    pub(crate) shelved: Option<u8>,
}

/// How many members a room has on one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seat {
    worker: WorkerIndex,
    members: u32,
}

impl<L> Room<L> {
    fn new(id: RoomId, name: RoomName, log: L) -> Self {
        let seats = SmallVec::new();
        let core = Core { log, seats, dead: false, is_resting: false, shelved: None };
        Self { id, name, shelved_at: AtomicU32::new(u32::MAX), core: Mutex::new(core) }
    }

    /// Which incarnation this is.
    pub(crate) fn id(&self) -> RoomId {
        self.id
    }

    /// The name.
    pub(crate) fn name(&self) -> &RoomName {
        &self.name
    }

    /// Locks the room. Hold it for a few instructions and lock nothing else but an inbox.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Core<L>> {
        self.core.lock()
    }
}

impl<L> Core<L> {
    /// The workers that have members here.
    pub(crate) fn workers(&self) -> impl Iterator<Item = WorkerIndex> + '_ {
        self.seats.iter().map(|seat| seat.worker)
    }

    /// Counts a member in.
    pub(crate) fn enter(&mut self, worker: WorkerIndex) {
        match self.seats.iter_mut().find(|seat| seat.worker == worker) {
            Some(seat) => seat.members += 1,
            None => self.seats.push(Seat { worker, members: 1 }),
        }
    }

    /// Counts a member out.
    pub(crate) fn exit(&mut self, worker: WorkerIndex) {
        let Some(at) = self.seats.iter().position(|seat| seat.worker == worker) else {
            debug_assert!(false, "a member leaves a worker that has none");
            return;
        };
        if let Some(seat) = self.seats.get_mut(at) {
            seat.members -= 1;
            if seat.members == 0 {
                self.seats.swap_remove(at);
            }
        }
    }

    /// Whether nobody is in.
    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Whether this incarnation was freed; whoever meets it asks the registry again.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead
    }

    /// Marks this incarnation as freed.
    pub(crate) fn kill(&mut self) {
        self.dead = true;
    }
}
