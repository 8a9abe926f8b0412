//! One connection: bytes to session and back.
//!
//! A [`Connection`] lives in its worker's table. Its task polls it when the socket has something
//! to say; the worker calls it for everything else (outcomes, deliveries, timers). Both run on
//! the worker's thread, one at a time.

mod act;
mod aside;
mod deliver;
pub(crate) mod desk;
mod entrance;
pub(crate) mod inbound;
mod input;
mod lookups;
mod seats;
mod sight;
pub(crate) mod stream;
pub(crate) mod transport;

pub(crate) use desk::{Departure, Desk, Shared};
pub(crate) use entrance::{Entrance, Judged, Origin, Slot, Terms};
pub(crate) use seats::Parting;
pub(crate) use sight::{Visitor, rule};
pub(crate) use stream::Stream;
pub(crate) use transport::Flush;

use crate::{
    gate::guest::{Fate, Guest},
    metrics::{Count, End, Level, State},
    protocol::{identity::Identity, time::Time},
    relay::SharedRoom,
    room::{ConnKey, JoinTicket, RoomId, Seating, Ticket},
    session::{Event, Pulse, RoomRefusal, Rules, Session},
};
use aside::Paging;
use lookups::Lookups;
use seats::Seats;
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use transport::Transport;

/// What an evicted socket is given to take its Close, in milliseconds.
const EVICTED_MS: u64 = 100;

/// One connection, from the 101 to the end of the close path.
pub(crate) struct Connection {
    key: ConnKey,
    session: Session,
    transport: Transport,
    seats: Seats,
    /// Boxed: few connections have one under way.
    lookups: Option<Box<Lookups>>,
    /// A look at a room's history without an answer; boxed for the same reason.
    paging: Option<Box<Paging>>,
    waker: Option<Waker>,
    /// Whether the task went to sleep without an ear to the stream: the session wanted no input.
    deaf: bool,
    /// The earliest time at which the worker comes back.
    alarm: Option<Time>,
    /// When the drain ends this connection.
    last_call: Option<Box<(Time, u64)>>,
    /// The user whose place it holds.
    admitted: Option<Arc<Identity>>,
    /// Who waits for the verdict; nobody behind it.
    visitor: Option<Box<Visitor>>,
    /// The `Origin` of its handshake, where a credential may depend on it.
    origin: Option<Box<Origin>>,
    /// Whether the turn under way has already noted it.
    pub(crate) touched: bool,
    /// Its place in the vestibule, until a good verdict.
    guest: Option<Box<Guest>>,
    _slot: Slot,
}

const _: () = assert!(size_of::<Connection>() <= 424, "ten thousand are idle: keep it small");

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Connection {
    /// Begins at the 101.
    pub(crate) fn new(key: ConnKey, entrance: Entrance, desk: &mut Desk) -> Self {
        let Entrance { stream, early, unknown_subprotocol, arrival, slot, .. } = entrance;
        let Entrance { judged, origin, mut visitor, .. } = entrance;
        let guest = visitor.guest.take();
        desk.recorder.add(Count::ReceivedByte, early.len());
        let rules = Arc::clone(&desk.terms.rules);
        let outbox_bytes = rules.session.outbox_bytes;
        let (session, actions) = Session::new(desk.now, rules, arrival);
        let policy = Arc::clone(&desk.terms.policy);
        let mut connection = Self {
            key,
            session,
            transport: Transport::new(stream, policy, outbox_bytes, early.into_vec()),
            seats: Seats::default(),
            lookups: None,
            paging: None,
            waker: None,
            deaf: false,
            alarm: None,
            last_call: None,
            admitted: None,
            visitor: Some(visitor),
            origin,
            touched: false,
            guest,
            _slot: slot,
        };
        connection.count_in(desk);
        connection.perform(actions, desk);
        if let Some(judged) = judged {
            connection.take_over(judged, desk);
        }
        if unknown_subprotocol {
            connection.step(Event::UnsupportedProtocol, desk);
        }
        connection.settle(desk);
        connection
    }

    /// Which connection this is.
    pub(crate) fn key(&self) -> ConnKey {
        self.key
    }

    /// Whether its session works: the verdict was good, and nothing has ended it.
    pub(crate) fn is_ready(&self) -> bool {
        self.session.is_ready()
    }

    /// The rules that it goes by.
    pub(crate) fn rules(&self) -> &Arc<Rules> {
        self.session.rules()
    }

    /// Goes on as far as the socket lets it. Ready once everything is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, desk: &mut Desk) -> Poll<()> {
        if self.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        self.poll_place(cx, desk);
        self.poll_lookups(cx, desk);
        self.poll_input(cx, desk);
        if self.transport.is_open() {
            match self.write(desk) {
                Flush::Done => {}
                Flush::Blocked => self.poll_output(cx, desk),
                Flush::Broken => self.step(Event::Eof, desk),
            }
        }
        if !self.transport.is_open() && !self.transport.is_over() {
            let before = self.transport.outbox().bytes();
            self.transport.poll_close(cx, &mut desk.kit.scratch);
            sight::count_sent(before, self.transport.outbox(), desk);
        }
        self.feed_members(desk);
        self.set_alarm(desk);
        if self.transport.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Gives everything back. The worker calls it when it takes the connection off its table.
    pub(crate) fn end(mut self, desk: &mut Desk) {
        self.seats.vacate(self.key, desk);
        self.note_end(End::Lost, desk);
        desk.recorder.lower(Level::Connection(State::Closing));
        if let Some(identity) = self.admitted.take() {
            desk.leave(self.key, &identity);
        }
    }

    /// Something happened elsewhere: takes the event and goes on.
    pub(crate) fn on_event(&mut self, event: Event<'_>, desk: &mut Desk) {
        self.step(event, desk);
        self.settle(desk);
    }

    /// A timer may be due.
    pub(crate) fn on_time(&mut self, desk: &mut Desk) {
        let now = desk.now.time;
        if self.alarm.is_some_and(|alarm| alarm <= now) {
            self.alarm = None;
        }
        if self.transport.close_deadline().is_some_and(|deadline| deadline <= now) {
            self.transport.reset();
            self.wake();
        }
        if let Some((_, after_ms)) = self.last_call.take_if(|call| call.0 <= now).map(|call| *call)
        {
            self.step(Event::Shutdown { after_ms }, desk);
        }
        if self.time_without_place().is_some_and(|until| until <= now) {
            self.evict(EVICTED_MS, desk);
        }
        self.step(Event::Timer(self.pulse()), desk);
        self.settle(desk);
    }

    /// The server drains: says when to come back, and ends at `last_call`.
    pub(crate) fn drain(&mut self, after_ms: u64, last_call: Time, desk: &mut Desk) {
        self.last_call = Some(Box::new((last_call, after_ms)));
        self.on_event(Event::Draining { after_ms }, desk);
    }

    /// A join took effect.
    pub(crate) fn joined(
        &mut self,
        ticket: &JoinTicket,
        room: &SharedRoom,
        desk: &mut Desk,
    ) -> Seating {
        let Some(seating) = self.seats.arrive(room.id(), ticket.request) else {
            // The membership that this join would have confirmed was lost before it.
            let why = RoomRefusal::Internal;
            self.on_event(Event::JoinRefused { key: ticket.request, why }, desk);
            return Seating::None;
        };
        let recovered = match seating {
            Seating::New => ticket.restart.recovered(),
            Seating::None => ticket.restart.is_newest(ticket.seq),
        };
        let event =
            Event::Joined { key: ticket.request, epoch: &ticket.epoch, seq: ticket.seq, recovered };
        self.on_event(event, desk);
        // The answer may have been that the right is gone.
        if self.seats.is_entering(room.id()) { Seating::New } else { Seating::None }
    }

    /// The member of `room` has its place.
    pub(crate) fn seated(&mut self, room: RoomId, place: usize) {
        self.seats.seat(room, place);
    }

    /// A leave took effect; returns who goes.
    pub(crate) fn left(&mut self, ticket: Ticket, room: RoomId, desk: &mut Desk) -> Parting {
        let parting = self.seats.leave(room, ticket.request);
        self.on_event(Event::Left { key: ticket.request }, desk);
        parting
    }

    /// The id that its client was told.
    #[cfg(test)]
    pub(crate) fn id(&self) -> &str {
        self.session.connection()
    }

    /// Bytes that wait to be written.
    #[cfg(test)]
    pub(crate) fn queued_bytes(&self) -> usize {
        self.transport.outbox().bytes()
    }

    /// Writes what the turn queued; wakes the task if the stream takes no more.
    pub(crate) fn flush(&mut self, desk: &mut Desk) {
        match self.write(desk) {
            Flush::Done => self.feed_members(desk),
            Flush::Blocked => self.wake(),
            Flush::Broken => {
                self.step(Event::Eof, desk);
                self.settle(desk);
            }
        }
    }

    /// Writes what waits, without a task.
    fn write(&mut self, desk: &Desk) -> Flush {
        let before = self.transport.outbox().bytes();
        let flushed = self.transport.flush();
        sight::count_sent(before, self.transport.outbox(), desk);
        flushed
    }

    /// Goes if its place in the vestibule went to somebody else.
    fn poll_place(&mut self, cx: &Context<'_>, desk: &mut Desk) {
        match self.guest.as_ref().map_or(Fate::Stays, |guest| guest.fate(cx)) {
            Fate::Stays => {}
            Fate::Evicted if self.transport.is_open() => self.evict(EVICTED_MS, desk),
            // It is on its way, and has its time for it.
            Fate::Evicted => {}
            Fate::Hurried => self.evict(0, desk),
        }
    }

    /// Until when it may sign in, if it found no place.
    fn time_without_place(&self) -> Option<Time> {
        self.guest.as_ref().filter(|_| self.transport.is_open())?.until()
    }

    /// Tells a stranger why it goes, unless it goes already, and gives it this long.
    fn evict(&mut self, patience_ms: u64, desk: &mut Desk) {
        let Some(code) = self.guest.as_ref().map(|guest| guest.code()) else { return };
        self.step(Event::Evicted(code), desk);
        self.transport.hurry(desk.now.time + patience_ms);
    }

    fn poll_output(&mut self, cx: &mut Context<'_>, desk: &mut Desk) {
        let before = self.transport.outbox().bytes();
        let flushed = self.transport.poll_flush(cx);
        sight::count_sent(before, self.transport.outbox(), desk);
        if flushed == Poll::Ready(Flush::Broken) {
            self.step(Event::Eof, desk);
        }
    }

    fn step(&mut self, event: Event<'_>, desk: &mut Desk) {
        let actions = self.session.handle(desk.now, event);
        self.perform(actions, desk);
    }

    fn pulse(&self) -> Pulse {
        Pulse {
            heard: self.transport.heard,
            spoke: self.transport.spoke,
            backlog: !self.transport.outbox().is_empty(),
        }
    }

    /// Lets rooms go on that wait for this outbox to drain.
    fn feed_members(&mut self, desk: &mut Desk) {
        if self.paging.is_some() {
            self.turn_page(desk);
        }
        if self.is_hungry() && self.seats.behind_at.take().is_some() {
            desk.hungry.extend(self.seats.rooms());
        }
    }

    /// After a step outside the task: sets the alarm, and wakes the task if it has something to do.
    fn settle(&mut self, desk: &mut Desk) {
        self.set_alarm(desk);
        if !self.transport.is_open() || (self.deaf && self.wants_input()) {
            self.wake();
        }
    }

    fn set_alarm(&mut self, desk: &mut Desk) {
        let wanted = [
            self.session.next_deadline(desk.now),
            self.transport.close_deadline(),
            self.last_call.as_ref().map(|call| call.0),
            self.time_without_place(),
        ];
        if let Some(due) = wanted.into_iter().flatten().min()
            && self.alarm.is_none_or(|alarm| due < alarm)
        {
            self.alarm = Some(due);
            desk.alarms.push((self.key, due));
        }
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}
