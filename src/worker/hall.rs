//! The connections of a worker, as its rooms see them in a turn.

use crate::{
    broker::Delivery,
    connection::{Connection, Desk, Parting},
    metrics::{Count, Level},
    outbox::Frame,
    relay::{RoomLog, SharedRoom},
    room::{
        Audience, ConnKey, Gap, JoinTicket, Offer, RoomPlace, Seating, Ticket, WorkerIndex,
        inbox::Credit,
        trace::{Spot, Step, Who, note},
    },
    session::Event,
};
use slab::Slab;
use std::{mem, sync::Arc};

/// The connections of this worker, as a room sees them.
pub(super) struct Hall<'a> {
    pub(super) connections: &'a mut Slab<Box<Connection>>,
    pub(super) desk: &'a mut Desk,
    pub(super) touched: &'a mut Vec<u32>,
    /// No other room waits for this turn.
    pub(super) is_last: bool,
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
