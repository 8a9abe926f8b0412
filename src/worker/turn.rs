//! A turn: drain the inbox, serve the active rooms one after the other, write once per member.

use super::{
    core::{Core, REVIEWED_AT_ONCE},
    hall::Hall,
};
use crate::{
    connection::Departure,
    protocol::{room_rules::RoomRules, time::Time},
    relay::{RoomLog, SharedRoom},
    room::{
        Item, LocalRoom, Manner, RoomId, RoomPlace, Served, WorkerIndex,
        inbox::{Addressed, Credit},
        trace::{Spot, Step, note},
    },
};
use slab::Slab;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    mem,
    sync::Arc,
};

/// Members served in one room before the next room has its turn.
const ROOM_QUANTUM: usize = 256;
/// Members served before the worker looks at its sockets again.
const TURN_QUANTUM: usize = 512;

/// How much is done before somebody else has their turn; simulations do less.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Members served in one room.
    pub(super) room: usize,
    /// Members served in one turn.
    pub(super) turn: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { room: ROOM_QUANTUM, turn: TURN_QUANTUM }
    }
}

/// The rooms that have members on this worker.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    rooms: Slab<LocalRoom<RoomLog>>,
    by_id: HashMap<RoomId, usize>,
    /// Rooms that have something to do, in the order in which they are served.
    active: VecDeque<usize>,
    /// Rooms that hold messages back, and until when; an entry counts if its room says the same.
    held_back: BinaryHeap<Reverse<(Time, RoomId)>>,
    items: VecDeque<Addressed<RoomLog>>,
    touched: Vec<u32>,
    pub(super) pace: Pace,
    /// Something became active outside a turn.
    pub(super) woken: bool,
}

impl Rooms {
    /// Takes a member out.
    pub(super) fn remove(&mut self, worker: WorkerIndex, departure: Departure) {
        let RoomPlace { room, place } = departure.at;
        let Some(&at) = self.by_id.get(&room) else { return };
        let Some(room) = self.rooms.get_mut(at) else { return };
        if room.is_at(place, departure.connection) {
            note(departure.at.room, || Step::TakenOut { member: Spot { worker, place } });
            room.remove(place);
        }
        if room.is_deserted() {
            self.activate(at);
            self.woken = true;
        }
        self.drop_if_spent(at);
    }

    /// Serves a room again whose member can read on.
    pub(super) fn activate_if_behind(&mut self, room: RoomId) {
        let Some(&at) = self.by_id.get(&room) else { return };
        if self.rooms.get(at).is_some_and(LocalRoom::has_members_behind) {
            self.activate(at);
            self.woken = true;
        }
    }

    /// When the next room has held its messages back long enough.
    pub(super) fn next_release(&self) -> Option<Time> {
        self.held_back.peek().map(|Reverse((until, _))| *until)
    }

    /// Rooms that have held their messages back long enough are served again.
    fn let_go(&mut self, now: Time) {
        while self.next_release().is_some_and(|until| until <= now)
            && let Some(Reverse((until, room))) = self.held_back.pop()
        {
            // One that is gone has nothing to say any more.
            let Some(&at) = self.by_id.get(&room) else { continue };
            let held = self.rooms.get_mut(at).map(|room| &mut room.held_until);
            // An older word about it counts no more.
            if held.is_some_and(|held| held.take_if(|held| *held == until).is_some()) {
                self.activate(at);
            }
        }
    }

    fn hold_back(&mut self, at: usize, until: Time) {
        if let Some(room) = self.rooms.get_mut(at)
            && room.held_until.replace(until) != Some(until)
        {
            self.held_back.push(Reverse((until, room.room().id())));
        }
    }

    /// How many rooms this worker knows.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.rooms.len(), self.by_id.len(), "two views of one table");
        self.rooms.len()
    }

    fn activate(&mut self, at: usize) {
        if let Some(room) = self.rooms.get_mut(at)
            && !mem::replace(&mut room.is_active, true)
        {
            self.active.push_back(at);
        }
    }

    fn drop_if_spent(&mut self, at: usize) {
        let spent = |room: &LocalRoom<_>| room.is_spent() && !room.is_active;
        if self.rooms.get(at).is_some_and(spent) {
            let room = self.rooms.remove(at);
            self.by_id.remove(&room.room().id());
        }
    }

    /// Hands what was drained to the rooms; `rules` say how new ones are served. Returns the credit
    /// of messages that nobody here waits for any more.
    fn distribute(
        &mut self,
        (worker, rules): (WorkerIndex, &RoomRules),
        mut stale: impl FnMut(RoomId, Option<u64>, Credit),
    ) {
        let mut items = mem::take(&mut self.items);
        for (room, item) in items.drain(..) {
            match (self.by_id.get(&room.id()), item) {
                (Some(&at), item) => self.push(at, item),
                (None, Item::Deliver(delivery, credit)) => {
                    stale(room.id(), Some(delivery.seq), credit);
                }
                (None, Item::Ephemeral(_, credit)) => stale(room.id(), None, credit),
                (None, item @ (Item::Join(_) | Item::Leave(_) | Item::LookBack(_))) => {
                    let at = self.open(room, worker, rules);
                    self.push(at, item);
                }
            }
        }
        self.items = items;
    }

    fn open(&mut self, room: Arc<SharedRoom>, worker: WorkerIndex, rules: &RoomRules) -> usize {
        let id = room.id();
        let manner = Manner::from(rules.terms(room.name().borrowed()));
        let slow_consumer = manner.slow_consumer;
        note(id, || Step::Ruled { worker, slow_consumer });
        let at = self.rooms.insert(LocalRoom::new(room, manner));
        self.by_id.insert(id, at);
        at
    }

    /// Other rules are in force: looks at the next rooms, from this place of the table on. Returns
    /// the place to go on from, `None` behind the last one.
    pub(super) fn review(
        &mut self,
        (worker, rules): (WorkerIndex, &RoomRules),
        now: Time,
        from: usize,
    ) -> Option<usize> {
        let next = from + REVIEWED_AT_ONCE;
        for at in from..next.min(self.rooms.capacity()) {
            if let Some(room) = self.rooms.get_mut(at) {
                let name = room.room().name().borrowed();
                let manner = Manner::from(rules.terms(name));
                let slow_consumer = manner.slow_consumer;
                note(room.room().id(), || Step::Ruled { worker, slow_consumer });
                if room.change(manner, now) {
                    self.activate(at);
                    self.woken = true;
                }
            }
        }
        (next < self.rooms.capacity()).then_some(next)
    }

    fn push(&mut self, at: usize, item: Item) {
        if let Some(room) = self.rooms.get_mut(at) {
            room.push(item);
        }
        self.activate(at);
    }
}

impl Core {
    /// One turn. `true` if there is more to do at once.
    pub(super) fn turn(&mut self) -> bool {
        let shared = Arc::clone(&self.desk.shared);
        let worker = self.desk.worker;
        shared.relay.drain(worker, &mut self.rooms.items);
        self.rooms.distribute((worker, &self.desk.terms.rules.rooms), |room, seq, credit| {
            note(room, || match seq {
                Some(seq) => Step::Skipped { worker, seq },
                None => Step::Passed { worker, dropped: true },
            });
            shared.relay.give_back(worker, credit);
        });
        self.rooms.let_go(self.desk.now.time);
        let mut quantum = self.rooms.pace.turn;
        while quantum > 0
            && let Some(at) = self.rooms.active.pop_front()
        {
            self.serve_room(at, &mut quantum);
        }
        self.flush_touched();
        self.carry_out();
        !self.rooms.active.is_empty()
    }

    /// Frees rooms that are empty and have forgotten everything; says who was refused lately.
    pub(super) fn sweep(&mut self) {
        self.desk.shared.relay.sweep(self.desk.now.wall);
        self.desk.shared.refusals.sweep(self.desk.now.time);
    }

    fn serve_room(&mut self, at: usize, quantum: &mut usize) {
        let Some(room) = self.rooms.rooms.get_mut(at) else { return };
        let mut slice = self.rooms.pace.room.min(*quantum);
        let granted = slice;
        let mut hall = Hall {
            connections: &mut self.connections,
            desk: &mut self.desk,
            touched: &mut self.rooms.touched,
            is_last: self.rooms.active.is_empty(),
        };
        let served = room.serve(hall.desk.now.time, &mut slice, &mut hall);
        // A room that only moved items along still used up a little of the turn.
        *quantum -= (granted - slice).max(1);
        room.is_active = served == Served::Part;
        match served {
            Served::All => {}
            Served::Part => self.rooms.active.push_back(at),
            Served::Until(time) => self.rooms.hold_back(at, time),
        }
        self.carry_out();
        self.rooms.drop_if_spent(at);
    }

    fn flush_touched(&mut self) {
        let mut touched = mem::take(&mut self.rooms.touched);
        for index in touched.drain(..) {
            if let Some(connection) = self.connections.get_mut(index as usize) {
                connection.touched = false;
                connection.flush(&mut self.desk);
            }
        }
        self.rooms.touched = touched;
    }
}
