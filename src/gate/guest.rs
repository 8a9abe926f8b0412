//! A socket in the vestibule: from the accept to its verdict, or to its end.

use super::admission::{Address, Admission, Cap, Decision, Squeezes, Ticket};
use crate::{
    config::Places,
    protocol::{close_code::CloseCode, time::Time},
};
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

/// In which a newcomer that found no place may sign in nevertheless, in milliseconds from its
/// arrival. It is less when many do.
pub(crate) const SQUEEZED_MS: u64 = 500;

/// The vestibule of a process, for all workers.
#[derive(Debug)]
pub(crate) struct Gate {
    /// A leaf: nothing else is locked under it, and no call leaves this file.
    admission: Mutex<Admission<Arc<Seat>>>,
}

/// Where a socket is told what became of its place.
#[derive(Debug, Default)]
struct Seat {
    lost: AtomicBool,
    hurried: AtomicBool,
    waker: AtomicWaker,
}

/// One socket without a verdict, or one that is being closed without having had a good one. Its
/// place is free once it is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    gate: Arc<Gate>,
    ticket: Ticket,
    seat: Arc<Seat>,
    squeezed: Option<(Cap, Time)>,
}

/// What becomes of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays for now.
    Stays,
    /// Its place went to somebody else: it is told, and has a moment to go.
    Evicted,
    /// Too many are on their way out: it goes now.
    Hurried,
}

/// What the vestibule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occupancy {
    /// What it may hold.
    pub(crate) bounds: Places,
    /// Sockets without a verdict.
    pub(crate) waiting: usize,
    /// Sockets without a place: squeezed, being closed, or without an address yet.
    pub(crate) leaving: usize,
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

    /// A socket came from `address`. Whoever has to go for it is told. `None`: there is no room at
    /// all (503).
    pub(crate) fn arrive(self: &Arc<Self>, address: Address, now: Time) -> Option<Guest> {
        let seat = Arc::<Seat>::default();
        let decision = self.change(|table| table.arrive(address, Arc::clone(&seat), now));
        let guest = |ticket, squeezed| Guest { gate: Arc::clone(self), ticket, seat, squeezed };
        match decision {
            Decision::Admit(ticket) => Some(guest(ticket, None)),
            Decision::Replace { ticket, evicted } => {
                evicted.tell(&evicted.lost);
                Some(guest(ticket, None))
            }
            Decision::Squeeze { ticket, cap } => {
                Some(guest(ticket, Some((cap, now + SQUEEZED_MS))))
            }
            Decision::Full => None,
        }
    }

    /// A socket came from a proxy that has not yet said for whom. `None`: no room at all (503).
    pub(crate) fn arrive_unnamed(self: &Arc<Self>) -> Option<Guest> {
        let seat = Arc::<Seat>::default();
        let ticket = self.change(|table| table.arrive_unnamed(Arc::clone(&seat)))?;
        Some(Guest { gate: Arc::clone(self), ticket, seat, squeezed: None })
    }

    /// An attempt from `address` failed that was none to open a session: it is evicted from first
    /// for a while.
    pub(crate) fn failed_from(&self, address: Address, now: Time) {
        self.change(|table| table.failed_from(address, now));
    }

    /// What the vestibule holds, with the `top` addresses that hold most.
    pub(crate) fn occupancy(&self, now: Time, top: usize) -> Occupancy {
        let table = self.admission.lock();
        Occupancy {
            bounds: table.bounds(),
            waiting: table.waiting(),
            leaving: table.leaving(),
            oldest_ms: table.oldest_ms(now),
            top: table.top(top),
            squeezes: table.squeezes(),
        }
    }

    /// Changes the table, and hurries whoever stands in the way then.
    fn change<T>(&self, change: impl FnOnce(&mut Admission<Arc<Seat>>) -> T) -> T {
        let mut table = self.admission.lock();
        let outcome = change(&mut table);
        let hurried = table.relieve();
        drop(table);
        if let Some(seat) = hurried {
            seat.tell(&seat.hurried);
        }
        outcome
    }
}

impl Seat {
    fn tell(&self, what: &AtomicBool) {
        what.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn fate(&self) -> Fate {
        if self.hurried.load(Ordering::Acquire) {
            Fate::Hurried
        } else if self.lost.load(Ordering::Acquire) {
            Fate::Evicted
        } else {
            Fate::Stays
        }
    }
}

impl Guest {
    /// Ready once it has to go.
    pub(crate) async fn lost(&self) {
        poll_fn(|cx| match self.fate(cx) {
            Fate::Stays => Poll::Pending,
            Fate::Evicted | Fate::Hurried => Poll::Ready(()),
        })
        .await;
    }

    /// What becomes of it; the task is woken when that changes.
    pub(crate) fn fate(&self, cx: &Context<'_>) -> Fate {
        self.seat.waker.register(cx.waker());
        // Behind the waker: nothing is missed.
        self.seat.fate()
    }

    /// When it has to go because it found no place.
    pub(crate) fn until(&self) -> Option<Time> {
        self.squeezed.map(|(_, until)| until)
    }

    /// With which code it has to go, if it has to.
    pub(crate) fn code(&self) -> CloseCode {
        match self.squeezed {
            Some((Cap::Share, _)) => CloseCode::TooManyConnections,
            Some((Cap::Places, _)) | None => CloseCode::Overloaded,
        }
    }

    /// The verdict was bad: its address is evicted from first for a while.
    pub(crate) fn failed(&self, now: Time) {
        self.gate.change(|table| table.failed(self.ticket, now));
    }

    /// It is being closed without a verdict.
    pub(crate) fn closing(&self) {
        self.gate.change(|table| table.closing(self.ticket));
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
        let Occupancy { waiting, leaving, .. } = gate.occupancy(at(0), 0);
        (waiting, leaving)
    }

    fn welcome(gate: &Arc<Gate>, last: u8) -> Guest {
        gate.arrive(address(last), at(0)).expect("room")
    }

    fn fate(guest: &Guest) -> Fate {
        guest.fate(&Context::from_waker(noop_waker_ref()))
    }

    #[test]
    fn whoever_goes_is_told_and_its_place_is_free_when_it_is_gone() {
        let gate = Arc::new(Gate::new(Places { places: 2, hard_places: 4, share: 1 }));
        let mut guests = vec![welcome(&gate, 0), welcome(&gate, 1)];
        assert!(guests.iter().all(|guest| fate(guest) == Fate::Stays));
        let newcomer = welcome(&gate, 9);
        assert_eq!((fate(&guests[0]), fate(&guests[1])), (Fate::Evicted, Fate::Stays));
        assert_eq!(guests[0].code(), CloseCode::Overloaded);
        assert_eq!(held(&gate), (2, 1));
        drop((newcomer, guests.pop()));
        assert_eq!(held(&gate), (0, 1));
        drop(guests);
        assert_eq!(held(&gate), (0, 0));
    }

    #[test]
    fn who_finds_no_place_has_a_moment_and_counts_until_it_is_gone() {
        let gate = Arc::new(Gate::new(Places { places: 2, hard_places: 6, share: 1 }));
        let first = welcome(&gate, 1);
        let squeezed = welcome(&gate, 1);
        assert_eq!((first.until(), squeezed.until()), (None, Some(at(SQUEEZED_MS))));
        assert_eq!(
            (squeezed.code(), fate(&squeezed)),
            (CloseCode::TooManyConnections, Fate::Stays)
        );
        first.failed(at(0));
        first.closing();
        assert_eq!(held(&gate), (0, 2));
        drop(squeezed);
        assert_eq!(held(&gate), (0, 1));
        drop(first);
    }

    #[test]
    fn when_many_leave_the_oldest_of_them_is_hurried() {
        let gate = Arc::new(Gate::new(Places { places: 2, hard_places: 6, share: 1 }));
        let guests: Vec<_> = (1..=4).map(|last| welcome(&gate, last)).collect();
        assert_eq!(fate(&guests[0]), Fate::Evicted, "two leave, and there is room for two");
        let fifth = welcome(&gate, 5);
        let fates: Vec<_> = guests.iter().chain([&fifth]).map(fate).collect();
        use Fate::{Evicted, Hurried, Stays};
        assert_eq!(fates, [Hurried, Evicted, Evicted, Stays, Stays]);
        let sixth = welcome(&gate, 6);
        assert_eq!(held(&gate), (2, 4));
        assert!(gate.arrive(address(7), at(0)).is_none(), "nobody of them has gone yet");
        drop(guests);
        assert_eq!(held(&gate), (2, 0));
        drop((fifth, sixth));
    }

    #[test]
    fn who_has_no_name_yet_is_hurried_last_and_shortly_before_the_hard_cap() {
        let gate = Arc::new(Gate::new(Places { places: 1, hard_places: 9, share: 1 }));
        let unnamed: Vec<_> = (0..7).map(|_| gate.arrive_unnamed().expect("room")).collect();
        assert!(unnamed.iter().all(|guest| fate(guest) == Fate::Stays));
        // One that was refused goes before the others, like whoever has a name.
        unnamed[6].closing();
        assert_eq!(fate(&unnamed[6]), Fate::Hurried);
        let late = [(); 2].map(|()| gate.arrive_unnamed().expect("room"));
        assert_eq!((fate(&unnamed[0]), fate(&unnamed[1])), (Fate::Hurried, Fate::Stays));
        assert_eq!(held(&gate), (0, 9));
        drop((unnamed, late));
        assert_eq!(held(&gate), (0, 0));
    }
}
