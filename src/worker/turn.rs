//! A turn: drain the inbox, serve the active rooms one after the other, write once per member.

use super::core::{Core, REVIEWED_AT_ONCE};
use crate::{
    broker::Delivery,
    connection::{Connection, Departure, Desk, Parting},
    metrics::{Count, Level},
    outbox::Frame,
    protocol::{room_rules::RoomRules, time::Time},
    relay::{RoomLog, SharedRoom},
    room::{
        Audience, ConnKey, Gap, Item, JoinTicket, LocalRoom, Manner, Offer, RoomId, RoomPlace,
        Seating, Served, Ticket, WorkerIndex,
        inbox::{Addressed, Credit},
        trace::{Spot, Step, Who, note},
    },
    session::Event,
};
use slab::Slab;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    mem,
    sync::Arc,
    task::Waker,
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
    /// Rooms that hold messages back, and until when; each of them once.
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
            && let Some(Reverse((_, room))) = self.held_back.pop()
        {
            // One that is gone has nothing to say any more.
            let Some(&at) = self.by_id.get(&room) else { continue };
            if let Some(room) = self.rooms.get_mut(at) {
                room.is_held_back = false;
            }
            self.activate(at);
        }
    }

    fn hold_back(&mut self, at: usize, until: Time) {
        if let Some(room) = self.rooms.get_mut(at)
            && !mem::replace(&mut room.is_held_back, true)
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
        from: usize,
    ) -> Option<usize> {
        let next = from + REVIEWED_AT_ONCE;
        for at in from..next.min(self.rooms.capacity()) {
            if let Some(room) = self.rooms.get_mut(at) {
                let name = room.room().name().borrowed();
                let manner = Manner::from(rules.terms(name));
                let slow_consumer = manner.slow_consumer;
                note(room.room().id(), || Step::Ruled { worker, slow_consumer });
                room.manner = manner;
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
    pub(super) fn turn(&mut self, waker: &Waker) -> bool {
        let shared = Arc::clone(&self.desk.shared);
        let worker = self.desk.worker;
        shared.relay.register(worker, waker);
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

/// The connections of this worker, as a room sees them.
struct Hall<'a> {
    connections: &'a mut Slab<Box<Connection>>,
    desk: &'a mut Desk,
    touched: &'a mut Vec<u32>,
    /// No other room waits for this turn.
    is_last: bool,
}

impl Hall<'_> {
    /// Finds a connection and notes that it is to be flushed when the turn is done.
    fn touch(&mut self, key: ConnKey) -> Option<(&mut Connection, &mut Desk)> {
        let connection = self.connections.get_mut(key.index as usize)?;
        if connection.key() != key {
            return None;
        }
        if !mem::replace(&mut connection.touched, true) {
            self.touched.push(key.index);
        }
        Some((connection, self.desk))
    }
}

impl Audience<RoomLog> for Hall<'_> {
    fn worker(&self) -> WorkerIndex {
        self.desk.worker
    }

    fn offer(&mut self, to: ConnKey, at: RoomPlace, offer: Offer<'_>) -> usize {
        let all = offer.deliveries.len();
        if !(self.is_last && offer.is_last) {
            let found = self.touch(to);
            return found.map_or(all, |(connection, desk)| connection.offer(at, offer, desk));
        }
        // Nothing else comes in this turn: it is written while it is in the processor's cache.
        let Some(connection) = self.connections.get_mut(to.index as usize) else { return all };
        if connection.key() != to {
            return all;
        }
        let taken = connection.offer(at, offer, self.desk);
        connection.flush(self.desk);
        taken
    }

    fn tell(&mut self, to: ConnKey, at: RoomPlace, frame: &Frame) {
        if let Some((connection, desk)) = self.touch(to) {
            connection.tell(at, frame, desk);
        }
    }

    fn look_back(&mut self, ticket: Ticket, room: &SharedRoom) -> usize {
        let Ticket { connection, request } = ticket;
        let who = Who { worker: self.desk.worker, connection };
        note(room.id(), || Step::LookedBack { who, request });
        self.touch(connection).map_or(0, |(connection, desk)| connection.looked_back(ticket, desk))
    }

    fn wait(&mut self, member: ConnKey) {
        let Some(connection) = self.connections.get_mut(member.index as usize) else { return };
        if connection.key() == member {
            connection.fell_behind();
            // A full outbox comes back by itself when it drains.
            if connection.is_hungry() {
                self.touch(member);
            }
        }
    }

    fn fell_behind(&mut self, member: ConnKey) {
        self.desk.recorder.count(Count::CatchUp);
        self.wait(member);
    }

    fn is_hungry(&self, to: ConnKey) -> bool {
        let connection = self.connections.get(to.index as usize);
        connection.is_some_and(|connection| connection.key() == to && connection.is_hungry())
    }

    fn read(
        &mut self,
        room: &SharedRoom,
        from: u64,
        until: u64,
        into: &mut Vec<Delivery>,
    ) -> Result<(), Gap> {
        self.desk.shared.relay.read(room, from, until, into)
    }

    fn joined(&mut self, ticket: &JoinTicket, room: &SharedRoom) -> Seating {
        self.touch(ticket.connection)
            .map_or(Seating::None, |(connection, desk)| connection.joined(ticket, room, desk))
    }

    fn seated(&mut self, member: ConnKey, room: &SharedRoom, place: usize) {
        if let Some((connection, _)) = self.touch(member) {
            connection.seated(room.id(), place);
        }
    }

    fn left(&mut self, ticket: Ticket, room: &Arc<SharedRoom>) -> Option<usize> {
        let Ticket { connection, request } = ticket;
        let parting = match self.touch(connection) {
            Some((connection, desk)) => connection.left(ticket, room.id(), desk),
            None => Parting::Nobody,
        };
        let place = match parting {
            Parting::Nobody | Parting::Evicted => None,
            Parting::Member(place) => Some(place),
        };
        let who = Who { worker: self.desk.worker, connection };
        note(room.id(), || Step::Left { who, request, place });
        if parting != Parting::Nobody {
            self.desk.recorder.lower(Level::Member);
            self.desk.shared.relay.exit(self.desk.worker, room, self.desk.now.wall);
        }
        place
    }

    fn lost(&mut self, member: ConnKey, at: RoomPlace) {
        if self.desk.takes_out(member, at) {
            // It misses nothing any more, and its connection may go on without this room.
            return;
        }
        let spot = Spot { worker: self.desk.worker, place: at.place };
        note(at.room, || Step::Lost { member: spot });
        if let Some((connection, desk)) = self.touch(member) {
            connection.on_event(Event::Slow, desk);
        }
    }

    fn release(&mut self, credit: Credit) {
        self.desk.shared.relay.give_back(self.desk.worker, credit);
    }
}
