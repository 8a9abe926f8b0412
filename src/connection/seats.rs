//! The rooms of one connection: which, and at what place on this worker.

use super::desk::{Departure, Desk};
use crate::{
    protocol::room_name::RoomRef,
    relay::SharedRoom,
    room::{ConnKey, RoomId, Seating},
    session::RequestKey,
};
use std::sync::Arc;

/// The rooms of one connection; bounded by the room cap of its session.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    /// Whether some room has more than the outbox took.
    pub(super) catching_up: bool,
}

#[derive(Debug)]
struct Seat {
    room: Arc<SharedRoom>,
    /// The join that it waits for.
    request: RequestKey,
    stage: Stage,
}

/// A member is counted in when it asks to join, has a place when its join took effect, and is
/// counted out when it asks to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Joining,
    Seated(usize),
    /// With the place that it still has, if its join took effect before.
    Leaving(Option<usize>),
}

impl Stage {
    fn place(self) -> Option<usize> {
        match self {
            Self::Joining => None,
            Self::Seated(place) => Some(place),
            Self::Leaving(place) => place,
        }
    }

    fn is_leaving(self) -> bool {
        matches!(self, Self::Leaving(_))
    }
}

impl Seats {
    /// The room called `name`, unless it is being left.
    pub(super) fn room(&self, name: RoomRef<'_>) -> Option<&Arc<SharedRoom>> {
        self.seats
            .iter()
            .find(|seat| !seat.stage.is_leaving() && seat.room.name().borrowed() == name)
            .map(|seat| &seat.room)
    }

    /// Every room that has a place.
    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.seats.iter().filter(|seat| seat.stage.place().is_some()).map(|seat| seat.room.id())
    }

    /// A member was counted in.
    pub(super) fn enter(&mut self, room: Arc<SharedRoom>, request: RequestKey) {
        self.seats.push(Seat { room, request, stage: Stage::Joining });
    }

    /// What the join `request` finds when it takes effect in `room`: no seat at all if it was
    /// given up meanwhile, [`Seating::None`] if the member has its place already.
    pub(super) fn seating(&self, room: RoomId, request: RequestKey) -> Option<Seating> {
        self.seats.iter().filter(|seat| seat.room.id() == room).find_map(|seat| {
            match seat.stage.place() {
                Some(_) => Some(Seating::None),
                None => (seat.request == request).then_some(Seating::New),
            }
        })
    }

    /// The member has its place.
    pub(super) fn seat(&mut self, room: RoomId, place: usize) {
        let waiting = |seat: &&mut Seat| seat.room.id() == room && seat.stage.place().is_none();
        if let Some(seat) = self.seats.iter_mut().find(waiting) {
            seat.stage = match seat.stage {
                Stage::Leaving(_) => Stage::Leaving(Some(place)),
                Stage::Joining | Stage::Seated(_) => Stage::Seated(place),
            };
        }
    }

    /// The member asked to leave: it is counted out, and its place goes in the room's order.
    pub(super) fn begin_leave(&mut self, name: RoomRef<'_>) -> Option<Arc<SharedRoom>> {
        let seat = self
            .seats
            .iter_mut()
            .find(|seat| !seat.stage.is_leaving() && seat.room.name().borrowed() == name)?;
        seat.stage = Stage::Leaving(seat.stage.place());
        Some(Arc::clone(&seat.room))
    }

    /// A leave took effect; returns the place that becomes free.
    pub(super) fn leave(&mut self, room: RoomId) -> Option<usize> {
        let at =
            self.seats.iter().position(|seat| seat.stage.is_leaving() && seat.room.id() == room)?;
        self.seats.swap_remove(at).stage.place()
    }

    /// Gives one room up at once.
    pub(super) fn evict(&mut self, name: RoomRef<'_>, key: ConnKey, desk: &mut Desk) {
        while let Some(at) = self.seats.iter().position(|seat| seat.room.name().borrowed() == name)
        {
            let seat = self.seats.swap_remove(at);
            give_up(&seat, key, desk);
        }
    }

    /// Gives every room up at once.
    pub(super) fn vacate(&mut self, key: ConnKey, desk: &mut Desk) {
        for seat in self.seats.drain(..) {
            give_up(&seat, key, desk);
        }
        self.seats = Vec::new();
    }
}

fn give_up(seat: &Seat, connection: ConnKey, desk: &mut Desk) {
    if !seat.stage.is_leaving() {
        let shared = Arc::clone(&desk.shared);
        shared.relay.exit(desk.worker, &seat.room, desk.now.wall);
    }
    if let Some(place) = seat.stage.place() {
        desk.departures.push(Departure { room: seat.room.id(), connection, place });
    }
}
