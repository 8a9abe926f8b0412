//! What waits for one worker: room items in order, bounded by the bytes of their frames.

use super::{
    Room,
    member::{JoinTicket, Ticket},
};
use crate::outbox::{Delivery, Frame};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
};

/// Bytes of frames that may wait for one worker. A publish that finds no credit is `overloaded`.
pub(crate) const INBOX_BYTES: usize = 16 * 1024 * 1024;

/// One change of a room, in the room's order.
#[derive(Debug)]
pub(crate) enum Item {
    /// A committed message; the credit was reserved before it had a number.
    Deliver(Delivery, Credit),
    /// A message that nobody remembers; the credit was reserved.
    Ephemeral(Frame, Credit),
    /// A member of this worker was counted in. Needs no credit: requests in flight bound it.
    Join(JoinTicket),
    /// A member of this worker asked to leave. Needs no credit either.
    Leave(Ticket),
    /// A member of this worker asked for history. Needs no credit either.
    LookBack(Ticket),
}

/// An item and the room it is for.
pub(crate) type Addressed<L> = (Arc<Room<L>>, Item);

/// The queue of one worker.
#[derive(Debug)]
pub(crate) struct Inbox<L> {
    items: Mutex<VecDeque<Addressed<L>>>,
    used: AtomicUsize,
    capacity: usize,
    waker: AtomicWaker,
}

/// Bytes reserved in an inbox; given back by [`Inbox::release`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Credit(usize);

impl<L> Inbox<L> {
    /// An empty inbox for `capacity` bytes of frames.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            items: Mutex::new(VecDeque::new()),
            used: AtomicUsize::new(0),
            capacity,
            waker: AtomicWaker::new(),
        }
    }

    /// Reserves `bytes`, or nothing.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Credit> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.capacity {
            return Some(Credit(bytes));
        }
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        None
    }

    /// Gives credit back: the item was served, or never pushed.
    #[expect(clippy::needless_pass_by_value, reason = "a credit is given back once")]
    pub(crate) fn release(&self, credit: Credit) {
        self.used.fetch_sub(credit.0, Ordering::Relaxed);
    }

    /// Appends an item. `true` if the worker may sleep: call [`wake`](Self::wake) once the room's
    /// mutex is free again, because waking may be a system call.
    #[must_use]
    pub(crate) fn push(&self, room: Arc<Room<L>>, item: Item) -> bool {
        let mut items = self.items.lock();
        items.push_back((room, item));
        items.len() == 1
    }

    /// Wakes the worker.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Moves everything that waits to `into`.
    pub(crate) fn drain(&self, into: &mut VecDeque<Addressed<L>>) {
        let mut items = self.items.lock();
        if into.is_empty() {
            // Two queues take turns, so that neither is allocated again.
            std::mem::swap(&mut *items, into);
        } else {
            into.append(&mut items);
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.lock().is_empty()
    }

    /// Calls `waker` at the next push.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Bytes that wait or are being served.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_bounded_and_comes_back() {
        let inbox: Inbox<()> = Inbox::new(10);
        let six = inbox.reserve(6).expect("room for six");
        assert_eq!(inbox.reserve(5), None);
        let four = inbox.reserve(4).expect("room for four");
        inbox.release(six);
        assert!(inbox.reserve(6).is_some());
        inbox.release(four);
        assert_eq!(inbox.used(), 6);
    }
}
