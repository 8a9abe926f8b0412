//! Forgetting: rooms that are empty, messages that are too old, memory that is short.

use super::{Relay, RoomLog, SharedRoom, notes, shelf};
use crate::{
    broker::{Memory, Publishing},
    protocol::time::Wall,
    room::{
        Core,
        trace::{Step, note},
    },
};
use parking_lot::MutexGuard;
use std::sync::{Arc, atomic::Ordering};

/// Rooms looked at in one sweep; the rest have their turn at the next.
pub(super) const SWEEP_ROOMS: usize = 4_096;
/// A room that was looked at is left alone for this long, in milliseconds: a message is forgotten
/// at most so much later than it could be. No reader gets one that is too old.
const LOOK_MS: u64 = 10_000;
/// Rooms that may have to forget for one publish, before the room of that publish has to.
const VICTIMS: usize = 16;
/// What a room forgets at once while memory is short, in bytes, as far as it is not half of what
/// it holds: so that not every publish has to look for a room.
const SHED_BYTES: usize = 64 * 1024;

/// What a publish has to do for the memory of the process once its room is free again.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    /// What its room holds more than before, in bytes.
    grown: usize,
    shelve: Option<Shelve>,
}

#[derive(Debug)]
enum Shelve {
    /// It remembers something for the first time, until then at least.
    Put(u8, Wall),
    /// It stands under another size.
    Resize(u8),
}

impl Aftermath {
    /// Looks at `core`, which held `before` bytes before `publishing`.
    pub(super) fn of(core: &mut Core<RoomLog>, before: usize, publishing: &Publishing) -> Self {
        let held = core.log.held();
        let size = shelf::size_of_room(held);
        let shelve = match (core.shelved, publishing) {
            (Some(at), _) => shelf::moves(at, held).map(Shelve::Resize),
            (None, Publishing::Duplicate(_)) => None,
            (None, Publishing::Committed { .. }) => {
                core.log.forgets_at().map(|due| Shelve::Put(size, due))
            }
        };
        if shelve.is_some() {
            core.shelved = Some(size);
        }
        Self { grown: held.saturating_sub(before), shelve }
    }
}

impl Relay {
    /// Carries out what a publish in `room` left to do. Nobody holds a room.
    pub(super) fn settle(&self, room: &Arc<SharedRoom>, aftermath: Aftermath) {
        match aftermath.shelve {
            None => {}
            Some(Shelve::Put(size, due)) => self.shelf.put(Arc::clone(room), size, due),
            Some(Shelve::Resize(size)) => self.shelf.resize(room, size),
        }
        if aftermath.grown > 0 {
            self.relieve(room, aftermath.grown);
        }
    }

    /// Lets rooms forget until the broker is not over its cap any more. A few tries, then `own`
    /// forgets as much as it has grown: what is held never stays higher than it was before.
    fn relieve(&self, own: &Arc<SharedRoom>, grown: usize) {
        for _ in 0..VICTIMS {
            let excess = self.broker.memory().excess();
            if excess == 0 {
                return;
            }
            let sample = self.shelf.sample();
            let weighed = sample.iter().map(|room| (weight(room), room));
            let Some((_, victim)) = weighed.max_by_key(|(weight, _)| *weight) else { break };
            self.shed(victim, |held| excess.max(SHED_BYTES).min(held / 2 + 1));
        }
        if self.broker.memory().excess() > 0 {
            self.shed(own, |_| grown);
        }
    }

    /// Lets `room` forget, how much by what it holds.
    fn shed(&self, room: &Arc<SharedRoom>, bytes: impl FnOnce(usize) -> usize) {
        let mut core = room.lock();
        let bytes = bytes(core.log.held());
        let forgotten = core.log.shed(bytes);
        notes::shed(room, &core.log);
        let moved = core.shelved.and_then(|size| shelf::moves(size, core.log.held()));
        if moved.is_some() {
            core.shelved = moved;
        }
        drop(core);
        self.evicted.fetch_add(forgotten as u64, Ordering::Relaxed);
        if let Some(size) = moved {
            self.shelf.resize(room, size);
        }
    }

    /// Forgets what is too old and frees rooms that are empty and have forgotten everything. Call
    /// it about once a second.
    pub(crate) fn sweep(&self, now: Wall) {
        for _ in 0..SWEEP_ROOMS {
            let Some(room) = self.shelf.next_due(now) else { return };
            self.look(room, now);
        }
    }

    /// Looks at a room that was taken off the shelf, and puts it back if it remembers something.
    fn look(&self, room: Arc<SharedRoom>, now: Wall) {
        let mut core = room.lock();
        core.shelved = None;
        if core.is_dead() {
            return;
        }
        core.log.expire(now);
        notes::expired(&room, &core.log, now);
        if core.is_empty() && core.log.remembers(now).is_none() {
            return self.free(&room, core, now);
        }
        let later = core.log.forgets_at().map(|oldest| oldest.max(now + LOOK_MS));
        // A room that rests is freed when its time has come, not some time later.
        let rest = core.log.remembers(now).filter(|_| core.is_empty());
        let Some(due) = [later, rest].into_iter().flatten().min() else { return };
        let size = shelf::size_of_room(core.log.held());
        core.shelved = Some(size);
        drop(core);
        self.shelf.put(room, size, due);
    }

    /// Keeps an empty room as long as its log remembers something, or frees it.
    pub(super) fn rest(
        &self,
        room: &Arc<SharedRoom>,
        mut core: MutexGuard<'_, Core<RoomLog>>,
        now: Wall,
    ) {
        let Some(until) = core.log.remembers(now) else {
            return self.free(room, core, now);
        };
        core.is_resting = true;
        self.resting.fetch_add(1, Ordering::Relaxed);
        if core.shelved.is_some() {
            drop(core);
            return self.shelf.hasten(room, until);
        }
        let size = shelf::size_of_room(core.log.held());
        core.shelved = Some(size);
        drop(core);
        self.shelf.put(Arc::clone(room), size, until);
    }

    fn free(&self, room: &Arc<SharedRoom>, mut core: MutexGuard<'_, Core<RoomLog>>, now: Wall) {
        note(room.id(), || Step::Freed { now });
        self.wake_up(&mut core);
        core.kill();
        core.shelved = None;
        // Not when the last one lets go of the room: somebody may still hold it for a while.
        core.log.shed(usize::MAX);
        drop(core);
        self.shelf.remove(room);
        self.registry.remove(room);
    }

    /// A room rests no more.
    pub(super) fn wake_up(&self, core: &mut Core<RoomLog>) {
        if std::mem::take(&mut core.is_resting) {
            self.resting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// What rooms remember, and how many messages they had to forget because memory was short.
    pub(crate) fn memory(&self) -> (Memory, u64) {
        (self.broker.memory(), self.evicted.load(Ordering::Relaxed))
    }

    /// Rooms that exist, and those of them that nobody is in.
    pub(crate) fn rooms(&self) -> (usize, usize) {
        (self.registry.len(), self.resting.load(Ordering::Relaxed))
    }
}

/// Who has to forget first: the room whose oldest message is of a user who wrote most (within a
/// factor of two), of these the one that holds most.
fn weight(room: &SharedRoom) -> (u32, usize) {
    let core = room.lock();
    (core.log.claim().checked_ilog2().unwrap_or(0), core.log.held())
}
