//! The per-connection state machine (sans-IO): events in, actions out, time passed in.
//!
//! A driver feeds everything that happens to a connection to [`Session::handle`] and carries out
//! the [`Action`]s in order. It reads from the socket only while [`Session::wants_input`], and
//! comes back with [`Event::Timer`] at [`Session::next_deadline`]. The session knows neither
//! sockets nor clocks nor randomness.

pub mod action;
pub mod event;

pub use action::{Action, Actions};
pub use event::{Event, Pulse, Refusal, RequestKey, RoomRefusal, TransportFault};

use crate::protocol::{
    client_message::Token,
    identity::Login,
    limits::{AuthLimits, SessionLimits},
    room_name::RoomRef,
    time::{Now, Time},
};
use std::sync::Arc;

/// How a session begins.
#[derive(Debug)]
pub enum Opening {
    /// The first message must be `auth`.
    FirstMessage,
    /// A credential came with the handshake; it is verified at once.
    Presented(Token<'static>),
}

/// What all sessions of a server share.
#[derive(Debug)]
pub struct Rules {
    /// Limits before the verdict.
    pub auth: AuthLimits,
    /// Limits after it.
    pub session: SessionLimits,
    /// Which rooms need a grant.
    pub access: Access,
    /// `features` of `auth_ok`.
    pub features: &'static [&'static str],
}

pub use crate::protocol::grant::Access;

/// One connection's session.
#[derive(Debug)]
pub struct Session {
    rules: Arc<Rules>,
}

impl Session {
    /// Begins a session at the 101. `connection` is the random id of `auth_ok`; `seed` spreads
    /// the heartbeat. The returned actions are those of a presented credential.
    pub fn new(
        now: Now,
        rules: Arc<Rules>,
        opening: Opening,
        connection: Box<str>,
        seed: u32,
    ) -> (Self, Actions<'static>) {
        let _ = (now, opening, connection, seed);
        (Self { rules }, Actions::new())
    }

    /// Takes one event and returns what to do, in order.
    #[must_use]
    pub fn handle<'a>(&mut self, now: Now, event: Event<'a>) -> Actions<'a> {
        todo!("{now:?} {event:?} {:?}", self.rules)
    }

    /// When to come back with [`Event::Timer`]; `None` once closing.
    pub fn next_deadline(&self, now: Now) -> Option<Time> {
        todo!("{now:?}")
    }

    /// Whether the driver may read from the socket: not while verifying the first credential,
    /// not with a full in-flight table, not after a Close.
    pub fn wants_input(&self) -> bool {
        todo!()
    }

    /// Whether the verdict was good and the session still runs.
    pub fn is_ready(&self) -> bool {
        todo!()
    }

    /// Whether the token has run out: checked before every delivery.
    pub fn is_expired(&self, now: Now) -> bool {
        todo!("{now:?}")
    }

    /// The login in force, once ready.
    pub fn login(&self) -> Option<&Login> {
        todo!()
    }

    /// Whether this session is in `room` (joining included).
    pub fn is_member(&self, room: RoomRef<'_>) -> bool {
        todo!("{room:?}")
    }
}
