//! Other bounds of history for rooms that are open.

use super::{Relay, SharedRoom, notes};
use crate::{
    broker::HistoryBounds,
    protocol::{room_name::RoomRef, time::Wall},
};
use std::sync::Arc;

impl Relay {
    /// The rooms that there are now, the resting ones included.
    pub(crate) fn all_rooms(&self) -> Vec<Arc<SharedRoom>> {
        self.registry.all()
    }

    /// Lets `rooms` remember as much as `bounds` say from `now` on.
    pub(crate) fn rebound(
        &self,
        rooms: &[Arc<SharedRoom>],
        bounds: impl Fn(RoomRef<'_>) -> HistoryBounds,
        now: Wall,
    ) {
        for room in rooms {
            let bounds = bounds(room.name().borrowed());
            let mut core = room.lock();
            let before = (core.log.held(), core.log.forgets_at());
            core.log.rebound(bounds);
            notes::rebounded(room, &core.log, bounds);
            core.log.expire(now);
            notes::expired(room, &core.log, now);
            let changed = before != (core.log.held(), core.log.forgets_at());
            let shelved = core.shelved.is_some();
            drop(core);
            if changed && shelved {
                // It stands in the wrong place now: the next sweep puts that right, or frees it.
                self.shelf.hasten(room, now);
            }
        }
    }
}
