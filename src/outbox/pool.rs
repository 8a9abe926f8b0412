//! Queues lent to outboxes that have something to send, kept per thread.

use super::Frame;
use std::{cell::RefCell, collections::VecDeque};

/// The most idle queues that a thread keeps.
const IDLE_QUEUES: usize = 4_096;
/// Frames that a new queue has room for.
const NEW_FRAMES: usize = 4;
/// The largest room of a queue that is kept, in frames.
const KEPT_FRAMES: usize = 32;

/// A queue on the heap, so that an outbox holds one pointer.
pub(super) type Queue = Box<VecDeque<Frame>>;

thread_local! {
    static IDLE: RefCell<Vec<Queue>> = const { RefCell::new(Vec::new()) };
}

/// An empty queue.
pub(super) fn take() -> Queue {
    let idle = IDLE.try_with(|idle| idle.try_borrow_mut().ok()?.pop()).ok().flatten();
    idle.unwrap_or_else(|| Box::new(VecDeque::with_capacity(NEW_FRAMES)))
}

/// Gives `queue` back; it is freed if it grew large or enough others are idle.
pub(super) fn give(mut queue: Queue) {
    queue.clear();
    if queue.capacity() > KEPT_FRAMES {
        return;
    }
    // Fails only while the thread ends, when nobody needs the queue again.
    let _ = IDLE.try_with(|idle| {
        if let Ok(mut idle) = idle.try_borrow_mut()
            && idle.len() < IDLE_QUEUES
        {
            idle.push(queue);
        }
    });
}

#[cfg(test)]
pub(super) fn idle() -> usize {
    IDLE.with_borrow(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_came_back_is_lent_again() {
        let before = idle();
        let queue = take();
        let address: *const VecDeque<Frame> = &raw const *queue;
        give(queue);
        assert_eq!(idle(), before.max(1));
        assert!(std::ptr::eq(address, &raw const *take()));
    }

    #[test]
    fn large_queues_and_too_many_are_freed() {
        give(Box::new(VecDeque::with_capacity(KEPT_FRAMES * 4)));
        assert_eq!(idle(), 0);
        for _ in 0..IDLE_QUEUES + 10 {
            give(Box::new(VecDeque::with_capacity(1)));
        }
        assert_eq!(idle(), IDLE_QUEUES);
    }
}
