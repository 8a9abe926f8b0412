//! The per-connection state machine (sans-IO): events in, actions out, time passed in.
//!
//! A driver feeds everything that happens to a connection to [`Session::handle`] and carries out
//! the [`Action`]s in order. It reads from the socket only while [`Session::wants_input`], and
//! comes back with [`Event::Timer`] at [`Session::next_deadline`]. The session knows neither
//! sockets nor clocks nor randomness.

pub mod action;
mod budget;
mod dice;
mod entry;
pub mod event;
mod heartbeat;
mod in_flight;
mod life;
pub mod matrix;
mod outcomes;
mod paging;
mod passes;
mod rates;
mod ready;
mod refresh;
mod requests;
mod rooms;
#[cfg(test)]
mod tests;
mod turn;

pub use crate::protocol::room_rules::{Access, RoomRules};
pub use action::{Action, Actions};
pub use event::{Event, Pulse, Refusal, RequestKey, RoomRefusal, TransportFault};

use crate::protocol::{
    credential::Credential,
    identity::Login,
    limits::{AuthLimits, SessionLimits},
    room_name::{BadRoomName, RoomName, RoomRef},
    time::{Now, Time},
};
use entry::{AwaitingAuth, Verifying};
use ready::Ready;
use std::{fmt, sync::Arc};
use turn::{About, Turn};

/// How a session begins.
#[derive(Debug)]
pub enum Opening {
    /// The first message must be `auth`.
    FirstMessage,
    /// A credential came with the handshake; it is verified at once.
    Presented(Credential<'static>),
    /// The same, but it was judged before the 101: the driver says the verdict at once.
    Judged,
}

/// What a connection brings along.
#[derive(Debug)]
pub struct Arrival {
    /// How its session begins.
    pub opening: Opening,
    /// The room that its handshake asked for by the path, joined right behind a good verdict.
    pub room: Option<Box<Result<RoomName, BadRoomName>>>,
    /// The random id of `auth_ok`.
    pub connection: Box<str>,
    /// Spreads timers.
    pub seed: u32,
}

impl Arrival {
    /// Whoever brings nothing along.
    pub fn new(connection: impl Into<Box<str>>, seed: u32) -> Self {
        Self { opening: Opening::FirstMessage, room: None, connection: connection.into(), seed }
    }
}

/// What all sessions of a server share.
#[derive(Debug)]
pub struct Rules {
    /// Limits before the verdict.
    pub auth: AuthLimits,
    /// Limits after it.
    pub session: SessionLimits,
    /// Which rooms need a grant.
    pub rooms: RoomRules,
    /// `features` of `auth_ok`. The session knows all but `presence`, which is
    /// answered `unsupported` and does not belong here yet.
    pub features: &'static [&'static str],
}

/// One connection's session.
#[derive(Debug)]
pub struct Session {
    about: About,
    state: State,
}

/// Where a session stands, with what only that state knows.
#[derive(Debug)]
enum State {
    AwaitingAuth(AwaitingAuth),
    Verifying(Verifying),
    Ready(Box<Ready>),
    Closing,
    Closed,
}

/// Where a session stands, for people: the columns of the state table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waits for the first message.
    AwaitingAuth,
    /// Waits for the verdict on it.
    Verifying,
    /// Works.
    Ready,
    /// Works, while a newer token waits for its verdict.
    Refreshing,
    /// A Close was sent: nothing follows.
    Closing,
    /// The peer is gone.
    Closed,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwaitingAuth => "AwaitingAuth",
            Self::Verifying => "Verifying",
            Self::Ready => "Ready",
            Self::Refreshing => "Ready (refresh pending)",
            Self::Closing => "Closing",
            Self::Closed => "Closed",
        })
    }
}

impl Session {
    /// Begins a session at the 101. The returned actions are those of a presented credential.
    pub fn new(now: Now, rules: Arc<Rules>, arrival: Arrival) -> (Self, Actions<'static>) {
        let Arrival { opening, room, connection, seed } = arrival;
        let about = About { rules, connection, seed };
        let deadline = now.time + about.rules.auth.deadline_ms;
        let mut turn = Turn { now, about: &about, out: Actions::new() };
        let mut entry = AwaitingAuth { deadline, room };
        let step = match opening {
            Opening::FirstMessage => Ok(None),
            Opening::Presented(credential) => entry.verify(&mut turn, None, credential),
            Opening::Judged => Ok(Some(entry.wait(None))),
        };
        let mut actions = turn.out;
        let state = match step {
            Ok(None) => State::AwaitingAuth(entry),
            Ok(Some(state)) => state,
            Err(end) => end.carry_out(&mut actions),
        };
        (Self { about, state }, actions)
    }

    /// Takes one event and returns what to do, in order.
    #[must_use]
    pub fn handle<'a>(&mut self, now: Now, event: Event<'a>) -> Actions<'a> {
        if let Event::RulesChanged(rules) = &event {
            self.about.rules = Arc::clone(rules);
        }
        let mut turn = Turn { now, about: &self.about, out: Actions::new() };
        let step = match &mut self.state {
            State::AwaitingAuth(state) => state.handle(&mut turn, event),
            State::Verifying(state) => state.handle(&mut turn, event),
            State::Ready(state) => state.handle(&mut turn, event).map(|()| None),
            State::Closing => Ok(matches!(event, Event::Eof).then_some(State::Closed)),
            State::Closed => Ok(None),
        };
        let mut actions = turn.out;
        match step {
            Ok(None) => {}
            Ok(Some(state)) => self.state = state,
            Err(end) => self.state = end.carry_out(&mut actions),
        }
        actions
    }

    /// When to come back with [`Event::Timer`]; `None` once closing. Ask again after every event
    /// and after the timer: the wall clock may have jumped.
    pub fn next_deadline(&self, now: Now) -> Option<Time> {
        match &self.state {
            State::AwaitingAuth(AwaitingAuth { deadline, .. })
            | State::Verifying(Verifying { deadline, .. }) => Some(*deadline),
            State::Ready(ready) => Some(ready.next_deadline(now, &self.about.rules.session)),
            State::Closing | State::Closed => None,
        }
    }

    /// Whether the driver may read from the socket: not while verifying the first credential or a
    /// room token, not while a `history` has no answer, not with a full in-flight table, not after a
    /// Close. It asks before every message, not only
    /// before every read: what is pipelined behind `auth` waits for the verdict.
    pub fn wants_input(&self) -> bool {
        match &self.state {
            State::AwaitingAuth(_) => true,
            State::Ready(ready) => ready.wants_input(&self.about.rules.session),
            State::Verifying(_) | State::Closing | State::Closed => false,
        }
    }

    /// Whether the driver, which may not read, should look for the end of the stream all the same:
    /// a verifier takes its time, and so does a peer that reads slowly.
    pub fn reads_ahead(&self) -> bool {
        match &self.state {
            State::Verifying(_) => true,
            State::Ready(ready) => ready.pause.is_some(),
            State::AwaitingAuth(_) | State::Closing | State::Closed => false,
        }
    }

    /// The public id of the connection, as `auth_ok` tells it.
    pub fn connection(&self) -> &str {
        &self.about.connection
    }

    /// The rules in force here.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.about.rules
    }

    /// Where the session stands.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::AwaitingAuth(_) => Phase::AwaitingAuth,
            State::Verifying(_) => Phase::Verifying,
            State::Ready(ready) if ready.refresh.is_some() => Phase::Refreshing,
            State::Ready(_) => Phase::Ready,
            State::Closing => Phase::Closing,
            State::Closed => Phase::Closed,
        }
    }

    /// Whether the verdict was good and the session still runs.
    pub fn is_ready(&self) -> bool {
        self.ready().is_some()
    }

    /// Whether `login` would be let in now: to be asked before a place is taken for it.
    pub fn admits(&self, now: Now, login: &Login) -> bool {
        match &self.state {
            State::Verifying(state) => state.admits(now, login),
            State::AwaitingAuth(_) | State::Ready(_) | State::Closing | State::Closed => false,
        }
    }

    /// Whether the token has run out.
    pub fn is_expired(&self, now: Now) -> bool {
        self.ready().is_some_and(|ready| ready.is_expired(now))
    }

    /// Whether the token has run out, or that of a room: asked before every delivery, and followed
    /// by [`Event::Delivery`] if so.
    pub fn has_expired_part(&self, now: Now) -> bool {
        self.ready()
            .is_some_and(|ready| ready.is_expired(now) || now.wall >= ready.rooms.next_end())
    }

    /// The login in force, once ready.
    pub fn login(&self) -> Option<&Login> {
        self.ready().map(|ready| &ready.login)
    }

    /// Whether this session is in `room` (joining included).
    pub fn is_member(&self, room: RoomRef<'_>) -> bool {
        self.ready().is_some_and(|ready| ready.rooms.wanted(room.as_str()).is_some())
    }

    fn ready(&self) -> Option<&Ready> {
        match &self.state {
            State::Ready(ready) => Some(ready),
            State::AwaitingAuth(_) | State::Verifying(_) | State::Closing | State::Closed => None,
        }
    }
}
