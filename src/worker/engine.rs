//! The task that turns a worker: inbox, rooms, timers.

use super::core::Core;
use crate::protocol::time::Time;
use std::{
    cell::RefCell,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
};
use tokio::{
    task::yield_now,
    time::{Sleep, sleep_until},
};

/// Empty rooms are looked at this often, in milliseconds.
const SWEEP_MS: u64 = 1_000;

/// A timer that comes this late, in milliseconds, means that the process stood still.
const STOOD_STILL_MS: u64 = 500;
/// What the sockets are given after that, in milliseconds, before any silence is judged.
const READ_FIRST_MS: u64 = 50;

/// Runs as long as its worker.
#[derive(Debug)]
pub(super) struct Engine {
    core: Rc<RefCell<Core>>,
    sleep: Option<Pin<Box<Sleep>>>,
    next_sweep: Time,
    /// Which deadlines are looked at next because the wall clock was set: a place in the table.
    review: Option<usize>,
    /// Timers are not looked at before this: what has arrived is read first.
    hold_until: Time,
}

impl Engine {
    pub(super) fn new(core: Rc<RefCell<Core>>) -> Self {
        let (next_sweep, hold_until) = (Time::default(), Time::default());
        Self { core, sleep: None, next_sweep, review: None, hold_until }
    }

    /// Sets the one timer to the time when the next thing is due.
    fn arm(&mut self, core: &mut Core) {
        let due = core.next_alarm().map_or(self.next_sweep, |due| due.min(self.next_sweep));
        let due = due.max(self.hold_until);
        let due = core.rooms.next_release().map_or(due, |release| release.min(due));
        if core.armed != Some(due) {
            core.armed = Some(due);
            let deadline = core.clock().instant(due);
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(deadline),
                None => self.sleep = Some(Box::pin(sleep_until(deadline))),
            }
        }
    }
}

impl Future for Engine {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            let shared = Rc::clone(&this.core);
            let mut core = shared.borrow_mut();
            let now = core.tick().time;
            core.asleep = false;
            if let Some(due) = core.armed.take_if(|due| *due <= now)
                && now.since(due) > STOOD_STILL_MS
            {
                this.hold_until = now + READ_FIRST_MS;
            }
            let more_timers = now >= this.hold_until && core.on_time();
            if now >= this.next_sweep {
                this.next_sweep = now + SWEEP_MS;
                core.sweep();
                if core.clock_jumped() {
                    this.review = Some(0);
                }
            }
            if now >= this.hold_until
                && let Some(from) = this.review
            {
                this.review = core.review_deadlines(from);
            }
            if core.turn() || more_timers || this.review.is_some() {
                // Neighbours and what the sockets have first, then the rest: by a plain wake-up the
                // runtime would look at the sockets once in 61 turns.
                return pin!(yield_now()).poll(cx);
            }
            this.arm(&mut core);
            if !core.falls_asleep(cx.waker()) {
                continue;
            }
            drop(core);
            match this.sleep.as_mut() {
                Some(sleep) => ready!(sleep.as_mut().poll(cx)),
                None => return Poll::Pending,
            }
        }
    }
}
