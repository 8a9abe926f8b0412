//! A worker's table of connections and rooms, and the tasks that drive them.

use super::{Control, Place, clock::Clock, turn::Rooms, wheel::Wheel};
use crate::{
    connection::{Connection, Desk, Entrance},
    gate::users,
    metrics::{Level, State},
    protocol::{
        identity::Signer,
        time::{Now, Time},
    },
    room::ConnKey,
    session::Event,
};
use slab::Slab;
use std::{
    cell::RefCell,
    future::poll_fn,
    mem,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tokio::sync::mpsc;

/// The least by which a wall clock jumps, in milliseconds.
const JUMP_MS: u128 = 500;

/// Connections that are looked at together when something concerns them all, or many timers fire.
pub(super) const REVIEWED_AT_ONCE: usize = 256;

/// The table of one worker.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) connections: Slab<Box<Connection>>,
    pub(super) rooms: Rooms,
    pub(super) desk: Desk,
    clock: Clock,
    wheel: Wheel,
    fired: Vec<u32>,
    controls: Arc<[mpsc::WeakSender<Control>]>,
    generation: u32,
    /// Spreads what must not happen to all at once.
    seed: u32,
    /// Wakes the engine.
    engine: Option<Waker>,
    /// Whether it has to be woken: while it is at work it comes back by itself, and a wake-up would
    /// only put it in front of the sockets.
    pub(super) asleep: bool,
    /// When the engine comes back by itself.
    pub(super) armed: Option<Time>,
    draining: Option<Drain>,
    /// Sockets from the accept on, those in their handshake included.
    visits: usize,
    /// By how much the wall clock was ahead of the monotonic one, in milliseconds.
    apart_ms: Option<i128>,
}

/// A drain under way.
#[derive(Debug)]
struct Drain {
    /// The latest last call.
    to: Time,
    /// Over how long clients come back, in milliseconds.
    return_ms: u64,
    done: Option<Waker>,
}

impl Drain {
    /// How long a client waits that is closed at `last_call`: until the successor is up, and not
    /// until the same moment as everybody else.
    fn after_ms(&self, last_call: Time, spread: u64) -> u64 {
        self.to.since(last_call) + spread % (self.return_ms + 1)
    }
}

impl Core {
    pub(super) fn new(place: &Place) -> Self {
        let now = place.clock.now();
        let mut desk = Desk::new(place.index, Arc::clone(&place.shared), Arc::clone(&place.terms));
        desk.now = now;
        Self {
            connections: Slab::new(),
            rooms: Rooms::default(),
            desk,
            clock: place.clock,
            wheel: Wheel::new(now.time),
            fired: Vec::new(),
            controls: Arc::clone(&place.controls),
            generation: 0,
            seed: random_seed(),
            engine: None,
            asleep: false,
            armed: None,
            draining: None,
            visits: 0,
            apart_ms: None,
        }
    }

    /// A socket was accepted.
    pub(super) fn arrived(&mut self) {
        self.desk.recorder.raise(Level::Connection(State::Handshake));
        self.visits += 1;
    }

    /// The first request of a socket is settled.
    pub(super) fn received(&mut self) {
        self.desk.recorder.lower(Level::Connection(State::Handshake));
    }

    /// A socket is done with.
    pub(super) fn departed(&mut self) {
        self.visits -= 1;
        self.tell_if_empty();
    }

    fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.visits == 0
    }

    fn tell_if_empty(&mut self) {
        if self.is_empty()
            && let Some(done) = self.draining.as_mut().and_then(|drain| drain.done.take())
        {
            done.wake();
        }
    }

    /// Ready once no socket is left.
    pub(super) async fn emptied(core: Rc<RefCell<Self>>) {
        poll_fn(|cx| {
            let mut core = core.borrow_mut();
            if core.is_empty() {
                return Poll::Ready(());
            }
            if let Some(drain) = core.draining.as_mut() {
                drain.done = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Reads the clocks.
    pub(super) fn tick(&mut self) -> Now {
        self.desk.now = self.clock.now();
        self.desk.now
    }

    /// The clocks.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn enter(&mut self, entrance: Entrance) -> ConnKey {
        self.tick();
        self.generation = self.generation.wrapping_add(1);
        let slot = self.connections.vacant_entry();
        let index = u32::try_from(slot.key()).unwrap_or(u32::MAX);
        let key = ConnKey { index, generation: self.generation };
        slot.insert(Box::new(Connection::new(key, entrance, &mut self.desk)));
        let spread = u64::from(self.random());
        if let Some(drain) = &self.draining {
            // Its handshake was under way when the drain began: it hears its Close at once.
            let after_ms = drain.after_ms(self.desk.now.time, spread);
            let last_call = drain.to;
            self.with(key, |connection, desk| connection.drain(after_ms, last_call, desk));
        }
        self.carry_out();
        key
    }

    pub(super) fn poll_connection(&mut self, key: ConnKey, cx: &mut Context<'_>) -> Poll<()> {
        self.tick();
        let polled = match self.connections.get_mut(key.index as usize) {
            Some(connection) => connection.poll(cx, &mut self.desk),
            None => Poll::Ready(()),
        };
        self.carry_out();
        polled
    }

    pub(super) fn leave(&mut self, key: ConnKey) {
        if let Some(connection) = self.connections.try_remove(key.index as usize) {
            connection.end(&mut self.desk);
        }
        self.carry_out();
        self.tell_if_empty();
    }

    /// Something outside of it concerns the connection `key` alone.
    pub(super) fn tell(&mut self, key: ConnKey, event: Event<'_>) {
        self.tick();
        self.with(key, |connection, desk| connection.on_event(event, desk));
        self.flush(key);
        self.carry_out();
    }

    /// The key of `signer` is gone: tells the next connections, from this place of the table on.
    /// Returns the place to go on from, `None` behind the last one. What
    /// is judged meanwhile is compared with the keys that are gone.
    pub(super) fn remove_key(&mut self, signer: Signer, from: usize) -> Option<usize> {
        self.tick();
        let next = from + REVIEWED_AT_ONCE;
        for place in from..next.min(self.connections.capacity()) {
            if let Some(connection) = self.connections.get_mut(place) {
                connection.on_event(Event::KeyRemoved(signer), &mut self.desk);
                connection.flush(&mut self.desk);
            }
        }
        self.carry_out();
        (next < self.connections.capacity()).then_some(next)
    }

    /// Whether the wall clock was set since this was asked last. Clocks that are slewed drift by
    /// less in the second between two questions.
    pub(super) fn clock_jumped(&mut self) -> bool {
        let Now { time, wall } = self.desk.now;
        let apart = i128::from(wall.as_ms()) - i128::from(time.as_ms());
        let before = self.apart_ms.replace(apart);
        before.is_some_and(|before| before.abs_diff(apart) > JUMP_MS)
    }

    /// The wall clock was set: lets the next connections look at their deadlines again, from this
    /// place of the table on. Returns the place to go on from, `None` behind the last one.
    pub(super) fn review_deadlines(&mut self, from: usize) -> Option<usize> {
        let next = from + REVIEWED_AT_ONCE;
        for place in from..next.min(self.connections.capacity()) {
            if let Some(connection) = self.connections.get_mut(place) {
                connection.on_time(&mut self.desk);
                connection.flush(&mut self.desk);
            }
        }
        (next < self.connections.capacity()).then_some(next)
    }

    /// Ends every connection at a time of its own from `from_ms` to `to_ms` from now.
    pub(super) fn drain(&mut self, from_ms: u64, to_ms: u64) {
        let now = self.tick().time;
        let drain = Drain { to: now + to_ms, return_ms: to_ms, done: None };
        let keys: Vec<(ConnKey, bool)> =
            self.connections.iter().map(|(_, c)| (c.key(), c.is_ready())).collect();
        for (key, is_ready) in keys {
            let spread = u64::from(self.random());
            // Without a verdict it hears its Close at once.
            let serves_ms =
                if is_ready { from_ms + spread % to_ms.saturating_sub(from_ms).max(1) } else { 0 };
            let last_call = now + serves_ms;
            let after_ms = drain.after_ms(last_call, spread);
            self.with(key, |connection, desk| connection.drain(after_ms, last_call, desk));
            self.flush(key);
        }
        self.draining = Some(drain);
        self.carry_out();
    }

    /// The time to drain is over: every connection gets its Close now, even if a busy machine has
    /// let no timer fire since its last call was due.
    pub(super) fn finish(&mut self) {
        self.tick();
        let keys: Vec<ConnKey> = self.connections.iter().map(|(_, c)| c.key()).collect();
        for key in keys {
            self.with(key, Connection::on_time);
            self.flush(key);
        }
        self.carry_out();
    }

    /// Lets the next connections act whose time has come. `true` if there are more.
    pub(super) fn on_time(&mut self) -> bool {
        let mut fired = mem::take(&mut self.fired);
        self.wheel.advance(self.desk.now.time, &mut fired);
        for index in fired.drain(..fired.len().min(REVIEWED_AT_ONCE)) {
            if let Some(connection) = self.connections.get_mut(index as usize) {
                connection.on_time(&mut self.desk);
                connection.flush(&mut self.desk);
            }
        }
        self.fired = fired;
        !self.fired.is_empty()
    }

    /// When the engine has to come back.
    pub(super) fn next_alarm(&self) -> Option<Time> {
        self.wheel.next()
    }

    /// Calls `act` on the connection `key`, if it is still there.
    pub(super) fn with<R>(
        &mut self,
        key: ConnKey,
        act: impl FnOnce(&mut Connection, &mut Desk) -> R,
    ) -> Option<R> {
        let connection = self.connections.get_mut(key.index as usize)?;
        (connection.key() == key).then(|| act(connection, &mut self.desk))
    }

    fn flush(&mut self, key: ConnKey) {
        self.with(key, |connection, desk| connection.flush(desk));
    }

    /// Carries out the notes that connections left on the desk.
    pub(super) fn carry_out(&mut self) {
        for (key, due) in self.desk.alarms.drain(..) {
            self.wheel.insert(key.index, due);
            if self.armed.is_none_or(|armed| due < armed) {
                wake(self.engine.as_ref().filter(|_| self.asleep));
            }
        }
        for departure in self.desk.departures.drain(..) {
            self.rooms.remove(self.desk.worker, departure);
        }
        self.desk.replaced.retain(|place| !tell_replaced(&self.controls, *place));
        for room in self.desk.hungry.drain(..) {
            self.rooms.activate_if_behind(room);
        }
        if mem::take(&mut self.rooms.woken) {
            wake(self.engine.as_ref().filter(|_| self.asleep));
        }
    }

    /// The engine goes to sleep, unless something came meanwhile.
    pub(super) fn falls_asleep(&mut self, waker: &Waker) -> bool {
        if self.engine.as_ref().is_none_or(|engine| !engine.will_wake(waker)) {
            self.engine = Some(waker.clone());
        }
        let relay = &self.desk.shared.relay;
        relay.register(self.desk.worker, waker);
        self.asleep = !relay.has_waiting(self.desk.worker);
        self.asleep
    }

    fn random(&mut self) -> u32 {
        // Xorshift (Marsaglia 2003): spreads timers, guards nothing.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        self.seed
    }
}

/// Whether that is settled; a worker that is too busy is told at the next turn, a second later at
/// most.
fn tell_replaced(controls: &[mpsc::WeakSender<Control>], place: users::Place) -> bool {
    let control = controls.get(usize::from(place.worker)).and_then(mpsc::WeakSender::upgrade);
    let Some(control) = control else { return true };
    let told = control.try_send(Control::Replace(ConnKey::from(place.connection)));
    !matches!(told, Err(mpsc::error::TrySendError::Full(_)))
}

fn wake(waker: Option<&Waker>) {
    if let Some(waker) = waker {
        waker.wake_by_ref();
    }
}

fn random_seed() -> u32 {
    // Without entropy every process spreads alike, which is still a spread.
    getrandom::u32().unwrap_or(0x9E37_79B9) | 1
}
