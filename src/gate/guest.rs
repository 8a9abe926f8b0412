//! A socket in the vestibule: from the accept to its verdict, or to its end.

use super::admission::{Address, Admission, Cap, Decision, Squeezes, Ticket};
use crate::{config::Places, protocol::time::Time};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

/// The vestibule of a process, for all workers.
#[derive(Debug)]
pub(crate) struct Gate {
    /// A leaf: nothing else is locked under it, and no call leaves this file.
    admission: Mutex<Admission<Arc<Seat>>>,
}

/// Where a socket is told that it lost its place.
#[derive(Debug, Default)]
struct Seat {
    lost: AtomicBool,
    waker: AtomicWaker,
}

/// One socket without a verdict, or one that is being closed without having had a good one. Its
/// place is free once it is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    gate: Arc<Gate>,
    ticket: Ticket,
    seat: Arc<Seat>,
}

/// What a newcomer finds.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A place.
    Welcome(Guest),
    /// No place: it is told which cap it met, and closed.
    Refused(Guest, Cap),
    /// No room at all (503).
    Full,
}

/// What the vestibule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occupancy {
    /// What it may hold.
    pub(crate) bounds: Places,
    /// Sockets without a verdict.
    pub(crate) waiting: usize,
    /// Sockets that are being closed, or that have no address yet.
    pub(crate) closing: usize,
    /// How long the oldest one has waited, in milliseconds.
    pub(crate) oldest_ms: u64,
    /// Who holds most, and how many.
    pub(crate) top: Vec<(Address, usize)>,
    /// Who found no place, or lost it, since the start.
    pub(crate) squeezes: Squeezes,
}

impl Gate {
    /// An empty vestibule.
    pub(crate) fn new(places: Places) -> Self {
        Self { admission: Mutex::new(Admission::new(places)) }
    }

    /// A socket came from `address`. Whoever has to go for it is told.
    pub(crate) fn arrive(self: &Arc<Self>, address: Address, now: Time) -> Arrival {
        let seat = Arc::<Seat>::default();
        let decision = self.admission.lock().arrive(address, Arc::clone(&seat), now);
        let guest = |ticket| Guest { gate: Arc::clone(self), ticket, seat };
        match decision {
            Decision::Admit(ticket) => Arrival::Welcome(guest(ticket)),
            Decision::Replace { ticket, evicted } => {
                evicted.lose();
                Arrival::Welcome(guest(ticket))
            }
            Decision::Refuse { ticket, cap } => Arrival::Refused(guest(ticket), cap),
            Decision::Full => Arrival::Full,
        }
    }

    /// A socket came from a proxy that has not yet said for whom. `None`: no room at all (503).
    pub(crate) fn arrive_unnamed(self: &Arc<Self>) -> Option<Guest> {
        let ticket = self.admission.lock().arrive_unnamed()?;
        Some(Guest { gate: Arc::clone(self), ticket, seat: Arc::default() })
    }

    /// What the vestibule holds, with the `top` addresses that hold most.
    pub(crate) fn occupancy(&self, now: Time, top: usize) -> Occupancy {
        let table = self.admission.lock();
        Occupancy {
            bounds: table.bounds(),
            waiting: table.waiting(),
            closing: table.being_closed(),
            oldest_ms: table.oldest_ms(now),
            top: table.top(top),
            squeezes: table.squeezes(),
        }
    }
}

impl Seat {
    fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl Guest {
    /// Ready once the place went to somebody else.
    pub(crate) async fn lost(&self) {
        poll_fn(|cx| self.poll_lost(cx)).await;
    }

    /// Ready once the place went to somebody else; then the socket has to go (1013).
    pub(crate) fn poll_lost(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.seat.lost.load(Ordering::Acquire) {
            self.seat.waker.register(cx.waker());
        }
        // Again: it may have been lost before the waker stood there.
        if self.seat.lost.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The verdict was bad: its address is evicted from first for a while.
    pub(crate) fn failed(&self, now: Time) {
        self.gate.admission.lock().failed(self.ticket, now);
    }

    /// It is being closed without a verdict.
    pub(crate) fn closing(&self) {
        self.gate.admission.lock().closing(self.ticket);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.gate.admission.lock().gone(self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker_ref;

    fn at(ms: u64) -> Time {
        Time::from_ms(ms)
    }

    fn address(last: u8) -> Address {
        Address::of([192, 0, 2, last].into())
    }

    fn held(gate: &Gate) -> (usize, usize) {
        let Occupancy { waiting, closing, .. } = gate.occupancy(at(0), 0);
        (waiting, closing)
    }

    fn welcome(arrival: Arrival) -> Guest {
        if let Arrival::Welcome(guest) = arrival { guest } else { panic!("{arrival:?}") }
    }

    #[test]
    fn whoever_goes_is_told_and_its_place_is_free_when_it_is_gone() {
        let places = Places { places: 2, hard_places: 4, share: 1 };
        let gate = Arc::new(Gate::new(places));
        let mut guests: Vec<_> =
            (0..2).map(|last| welcome(gate.arrive(address(last), at(0)))).collect();
        let cx = Context::from_waker(noop_waker_ref());
        assert!(guests.iter().all(|guest| guest.poll_lost(&cx).is_pending()));
        let newcomer = welcome(gate.arrive(address(9), at(0)));
        assert!(guests[0].poll_lost(&cx).is_ready() && guests[1].poll_lost(&cx).is_pending());
        assert_eq!(held(&gate), (2, 1));
        drop((newcomer, guests.pop()));
        assert_eq!(held(&gate), (0, 1));
        drop(guests);
        assert_eq!(held(&gate), (0, 0));
    }

    #[test]
    fn a_refused_or_failed_guest_counts_until_it_is_gone() {
        let places = Places { places: 2, hard_places: 3, share: 1 };
        let gate = Arc::new(Gate::new(places));
        let first = welcome(gate.arrive(address(1), at(0)));
        let Arrival::Refused(refused, Cap::Share) = gate.arrive(address(1), at(0)) else {
            panic!("over its share, and young");
        };
        first.failed(at(0));
        first.closing();
        assert_eq!(held(&gate), (0, 2));
        let third = welcome(gate.arrive(address(2), at(0)));
        assert!(matches!(gate.arrive(address(3), at(0)), Arrival::Full));
        drop(refused);
        assert!(matches!(gate.arrive(address(3), at(0)), Arrival::Welcome(_)));
        drop((first, third));
    }
}
