//! The rooms of one connection: which, and at what place on this worker.

use super::desk::{Departure, Desk};
use crate::{
    metrics::Level,
    protocol::room_name::RoomRef,
    relay::SharedRoom,
    room::{
        ConnKey, RoomId, RoomPlace, Seating,
        trace::{Step, Who, note},
    },
    session::RequestKey,
};
use std::{mem, sync::Arc};

/// The rooms of one connection; bounded by the room cap of its session.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    /// Some room has more than the outbox took when it held this many bytes.
    pub(super) behind_at: Option<u32>,
}

/// A member is counted in when it asks to join, has a place when its join took effect, and is
/// counted out when its leave took effect, or when it is given up without one.
#[derive(Debug)]
struct Seat {
    room: Arc<SharedRoom>,
    /// The join that it came with.
    join: RequestKey,
    /// The leave that it goes with.
    leave: Option<RequestKey>,
    spot: Spot,
}

/// Where the join of a seat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// In the room's queue.
    Waiting,
    /// Taking effect.
    Entering,
    /// Done: the member has this place.
    At(usize),
    /// Given up, while its leave is on its way.
    Gone,
}

/// Who goes when a leave takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// Nobody: another leave took the member along, or its connection gave it up.
    Nobody,
    /// A member that has no place any more, and still counts.
    Evicted,
    /// The member at this place.
    Member(usize),
}

impl Seats {
    /// The room called `name`, unless it is being left.
    pub(super) fn room(&self, name: RoomRef<'_>) -> Option<&Arc<SharedRoom>> {
        self.named(name).find(|seat| seat.leave.is_none()).map(|seat| &seat.room)
    }

    /// Every room that has a place.
    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        let seated = |seat: &&Seat| matches!(seat.spot, Spot::At(_));
        self.seats.iter().filter(seated).map(|seat| seat.room.id())
    }

    /// A member was counted in.
    pub(super) fn enter(&mut self, room: Arc<SharedRoom>, join: RequestKey) {
        // Many are in one room only: the first seat makes room for itself alone.
        self.seats.reserve_exact(usize::from(self.seats.is_empty()));
        self.seats.push(Seat { room, join, leave: None, spot: Spot::Waiting });
    }

    /// What the join `request` finds when it takes effect in `room`: a seat of its own, or the
    /// one that the member has already; none at all if that was given up meanwhile.
    pub(super) fn arrive(&mut self, room: RoomId, request: RequestKey) -> Option<Seating> {
        let own = |seat: &&mut Seat| seat.spot == Spot::Waiting && seat.join == request;
        if let Some(seat) = self.at(room).find(own) {
            seat.spot = Spot::Entering;
            return Some(Seating::New);
        }
        self.at(room).any(|seat| matches!(seat.spot, Spot::At(_))).then_some(Seating::None)
    }

    /// Whether a join into `room` is taking effect.
    pub(super) fn is_entering(&mut self, room: RoomId) -> bool {
        self.at(room).any(|seat| seat.spot == Spot::Entering)
    }

    /// Whether the member of `room` has a place, and is not being taken out.
    pub(super) fn is_seated(&self, room: RoomId) -> bool {
        self.rooms().any(|seated| seated == room)
    }

    /// The member whose join took effect has its place.
    pub(super) fn seat(&mut self, room: RoomId, place: usize) {
        if let Some(seat) = self.at(room).find(|seat| seat.spot == Spot::Entering) {
            seat.spot = Spot::At(place);
        }
    }

    /// The member asked to leave: its place goes in the room's order. A leave that finds another
    /// one on its way is answered behind it.
    pub(super) fn begin_leave(
        &mut self,
        name: RoomRef<'_>,
        request: RequestKey,
    ) -> Option<Arc<SharedRoom>> {
        let mut seats = self.seats.iter_mut().filter(|seat| seat.room.name().borrowed() == name);
        if let Some(seat) = seats.find(|seat| seat.leave.is_none()) {
            seat.leave = Some(request);
            return Some(Arc::clone(&seat.room));
        }
        self.named(name).next().map(|seat| Arc::clone(&seat.room))
    }

    /// The leave `request` took effect.
    pub(super) fn leave(&mut self, room: RoomId, request: RequestKey) -> Parting {
        let goes = |seat: &Seat| seat.leave == Some(request) && seat.room.id() == room;
        match self.seats.iter().position(goes).map(|at| self.seats.swap_remove(at).place()) {
            None => Parting::Nobody,
            Some(None) => Parting::Evicted,
            Some(Some(place)) => Parting::Member(place),
        }
    }

    /// Gives one room up at once. A join that waits stays: it is judged when it takes effect.
    /// So does a leave: until it is answered its room must not begin anew.
    pub(super) fn evict(&mut self, name: RoomRef<'_>, key: ConnKey, desk: &mut Desk) {
        self.seats.retain_mut(|seat| {
            if seat.spot == Spot::Waiting || seat.room.name().borrowed() != name {
                return true;
            }
            match seat.leave {
                None => give_up(seat, key, desk),
                Some(_) if seat.spot == Spot::Gone => {}
                Some(_) => {
                    take_place(seat, key, desk, true);
                    seat.spot = Spot::Gone;
                }
            }
            seat.leave.is_some()
        });
    }

    /// Gives every room up at once.
    pub(super) fn vacate(&mut self, key: ConnKey, desk: &mut Desk) {
        for seat in mem::take(&mut self.seats) {
            give_up(&seat, key, desk);
        }
    }

    fn named<'s, 'n>(&'s self, name: RoomRef<'n>) -> impl Iterator<Item = &'s Seat> + use<'s, 'n> {
        self.seats.iter().filter(move |seat| seat.room.name().borrowed() == name)
    }

    fn at(&mut self, room: RoomId) -> impl Iterator<Item = &mut Seat> {
        self.seats.iter_mut().filter(move |seat| seat.room.id() == room)
    }
}

impl Seat {
    fn place(&self) -> Option<usize> {
        match self.spot {
            Spot::Waiting | Spot::Entering | Spot::Gone => None,
            Spot::At(place) => Some(place),
        }
    }
}

fn give_up(seat: &Seat, connection: ConnKey, desk: &mut Desk) {
    take_place(seat, connection, desk, false);
    let shared = Arc::clone(&desk.shared);
    desk.recorder.lower(Level::Member);
    shared.relay.exit(desk.worker, &seat.room, desk.now.wall);
}

/// `still_counts`: until its leave took effect.
fn take_place(seat: &Seat, connection: ConnKey, desk: &mut Desk, still_counts: bool) {
    let who = Who { worker: desk.worker, connection };
    note(seat.room.id(), || Step::GaveUp { who, join: seat.join, still_counts });
    if let Some(place) = seat.place() {
        let at = RoomPlace { room: seat.room.id(), place };
        desk.departures.push(Departure { at, connection });
    }
}
