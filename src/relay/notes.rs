//! What the relay does to a room and its log, noted for the model of delivery.

use super::{Caller, RoomLog, SharedRoom};
use crate::{
    broker::{Draft, HistoryBounds, Publishing},
    protocol::{client_message::Since, time::Wall},
    room::{
        JoinTicket, WorkerIndex,
        trace::{Asked, Step, Who, note},
    },
};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// A join is queued.
pub(super) fn join(
    room: &SharedRoom,
    caller: Caller,
    since: Option<&Since<'_>>,
    ticket: &JoinTicket,
    counted: bool,
) {
    note(room.id(), || Step::AskedToJoin {
        who: who(caller),
        request: ticket.request,
        name: room.name().clone(),
        epoch: ticket.epoch.clone(),
        counted,
        since: since
            .map(|since| Asked { same_epoch: *since.epoch == *ticket.epoch, seq: since.seq }),
        head: ticket.seq,
        restart: ticket.restart,
    });
}

/// A leave is queued.
pub(super) fn leave(room: &SharedRoom, caller: Caller) {
    note(room.id(), || Step::AskedToLeave { who: who(caller), request: caller.request });
}

/// A look at the history is queued.
pub(super) fn look_back(room: &SharedRoom, caller: Caller) {
    note(room.id(), || Step::AskedToLookBack { who: who(caller), request: caller.request });
}

/// A message that nobody remembers has its date.
pub(super) fn emitted(
    room: &SharedRoom,
    (now, at): (Wall, Wall),
    workers: impl Iterator<Item = WorkerIndex>,
) {
    note(room.id(), || {
        let mut workers: Vec<_> = workers.collect();
        workers.sort_unstable();
        Step::Emitted { now, at, workers }
    });
}

/// The log judged a publish.
pub(super) fn published(
    room: &SharedRoom,
    log: &RoomLog,
    draft: &Draft<'_>,
    (publishing, now): (&Publishing, Wall),
    workers: impl Iterator<Item = WorkerIndex>,
) {
    note(room.id(), || {
        let key = draft.idempotency_key.map(|key| hash(draft.user, key));
        match publishing {
            Publishing::Duplicate(receipt) => Step::Repeated { now, key, seq: receipt.seq },
            Publishing::Committed { receipt, delivery } => {
                let author = delivery.author.as_ref().map_or(0, |author| author.frame.len());
                let mut workers: Vec<_> = workers.collect();
                workers.sort_unstable();
                Step::Committed {
                    seq: receipt.seq,
                    at: Wall::from_ms(receipt.at_ms),
                    bytes: delivery.frame.len() + author,
                    key,
                    workers,
                }
            }
        }
    });
    remembers(room, log);
}

/// The log forgot what was too old.
pub(super) fn expired(room: &SharedRoom, log: &RoomLog, now: Wall) {
    note(room.id(), || Step::Expired { now });
    remembers(room, log);
}

/// The log has other bounds, and forgot what is over them.
pub(super) fn rebounded(room: &SharedRoom, log: &RoomLog, bounds: HistoryBounds) {
    note(room.id(), || Step::Rebounded { bounds });
    remembers(room, log);
}

/// The log forgot because memory is short.
pub(super) fn shed(room: &SharedRoom, log: &RoomLog) {
    note(room.id(), || Step::Shed { from: oldest(log) });
}

fn remembers(room: &SharedRoom, log: &RoomLog) {
    note(room.id(), || Step::Remembers { from: oldest(log) });
}

/// The oldest number that is remembered, or the next one.
fn oldest(log: &RoomLog) -> u64 {
    // The lowest position that is covered, by halves: whatever follows it is, too.
    let (mut low, mut high) = (0, log.head());
    while low < high {
        let middle = low.midpoint(high);
        match log.covers(log.epoch().as_str(), middle) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    low + 1
}

fn who(caller: Caller) -> Who {
    Who { worker: caller.worker, connection: caller.connection }
}

fn hash(user: &str, key: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one((user, key))
}
