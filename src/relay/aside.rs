//! What rooms do beside their numbered messages: those that nobody remembers, and looking back.

use super::{Caller, Relay, SharedRoom, notes};
use crate::{
    broker::{Delivery, Draft, Epoch, ReadBudget},
    protocol::{client_message::Range, limits::ID_CHARS, room_name::ROOM_NAME_BYTES, time::Wall},
    room::{Item, Ticket, WorkerIndex},
    session::RoomRefusal,
};
use smallvec::SmallVec;
use std::sync::Arc;

/// What an answer to `history` has beside its messages, in bytes and at most: the members' names,
/// an `id` that is escaped, room, epoch, the header of the frame.
const ENVELOPE_BYTES: usize = 256 + 2 * ID_CHARS + ROOM_NAME_BYTES;

/// What a room remembers, in part.
#[derive(Debug)]
pub(crate) struct Page {
    /// The incarnation of its history.
    pub(crate) epoch: Epoch,
    /// The messages, ascending.
    pub(crate) messages: Vec<Delivery>,
    /// Whether it remembers older ones.
    pub(crate) more: bool,
}

impl Page {
    /// No answer with this page is larger, in bytes.
    pub(crate) fn max_frame_bytes(&self) -> usize {
        let messages: usize = self.messages.iter().map(Delivery::max_frame_bytes).sum();
        messages + ENVELOPE_BYTES
    }
}

impl Relay {
    /// Hands a message to all members that nobody remembers, in the order of the room; credit
    /// first. Returns its date.
    ///
    /// # Errors
    /// [`RoomRefusal::Overloaded`] if a worker that has members has no credit left.
    pub(crate) fn emit(
        &self,
        room: &Arc<SharedRoom>,
        draft: &Draft<'_>,
        now: Wall,
    ) -> Result<Wall, RoomRefusal> {
        let mut sleepers: SmallVec<[WorkerIndex; 4]> = SmallVec::new();
        let mut core = room.lock();
        let credits = self.reserve(core.workers(), draft.max_frame_bytes())?;
        let at = core.log.date(now);
        let frame = draft.frame(None, at.as_ms());
        notes::emitted(room, (now, at), credits.iter().map(|(worker, _)| *worker));
        for (worker, credit) in credits {
            if self.push(worker, room, Item::Ephemeral(frame.clone(), credit)) {
                sleepers.push(worker);
            }
        }
        drop(core);
        for worker in sleepers {
            self.wake(worker, true);
        }
        Ok(at)
    }

    /// Queues a look at the history behind all that was asked of the room before.
    pub(crate) fn look_back(&self, caller: Caller, room: &Arc<SharedRoom>) {
        let ticket = Ticket { connection: caller.connection, request: caller.request };
        let core = room.lock();
        notes::look_back(room, caller);
        let wake = self.push(caller.worker, room, Item::LookBack(ticket));
        drop(core);
        self.wake(caller.worker, wake);
    }

    /// Reads a part of what a room remembers, for an answer of so many bytes, or with one message.
    pub(crate) fn page(&self, room: &SharedRoom, range: Range, most: usize, now: Wall) -> Page {
        let bytes = most.saturating_sub(ENVELOPE_BYTES);
        let budget = ReadBudget { frames: range.limit as usize, bytes };
        let mut messages = Vec::new();
        let mut core = room.lock();
        // A room that nobody publishes in forgets late.
        core.log.expire(now);
        notes::expired(room, &core.log, now);
        let more = core.log.before(range.before, budget, &mut messages);
        Page { epoch: core.log.epoch().clone(), messages, more }
    }
}
