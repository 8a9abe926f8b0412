//! What the server says: the values, their encoding as one JSON object, and the way back.

mod decode;
mod encode;

#[cfg(test)]
mod tests;

pub use decode::{
    AckReceived, AuthOkReceived, Author, ErrorReceived, Heartbeat, HistoryReceived, JoinedReceived,
    LeftReceived, Limits, MessageReceived, PongReceived, Received, ReceivedFault,
    ReconnectReceived,
};

use super::{close_code::CloseCode, error_code::ErrorCode, limits::SessionLimits};
use std::borrow::Cow;

/// One message of the server.
#[derive(Clone, Debug)]
pub enum ServerMessage<'a> {
    /// `auth_ok`.
    AuthOk(Box<AuthOk<'a>>),
    /// `auth_expiring`.
    AuthExpiring {
        /// Until `exp`, without leeway, rounded down.
        expires_in_ms: u64,
    },
    /// `joined`.
    Joined {
        /// The request's id.
        id: Option<Cow<'a, str>>,
        /// Which room.
        room: Cow<'a, str>,
        /// The incarnation of the room's history.
        epoch: Cow<'a, str>,
        /// The newest message.
        seq: u64,
        /// Whether everything since the client's position follows; `None` without `since`.
        recovered: Option<bool>,
    },
    /// `left`.
    Left {
        /// The request's id.
        id: Option<Cow<'a, str>>,
        /// Which room.
        room: Cow<'a, str>,
        /// Why, when forced.
        code: Option<ErrorCode>,
    },
    /// `ack`.
    Ack {
        /// The request's id.
        id: Cow<'a, str>,
        /// Which room.
        room: Cow<'a, str>,
        /// Absent for an ephemeral message.
        position: Option<Position<'a>>,
        /// When the message was committed, Unix milliseconds.
        at_ms: u64,
        /// The message had been published before.
        duplicate: bool,
    },
    /// `message`.
    Message(Box<RoomMessage<'a>>),
    /// `history`.
    History {
        /// The request's id.
        id: Option<Cow<'a, str>>,
        /// Which room.
        room: Cow<'a, str>,
        /// The incarnation of the room's history.
        epoch: Cow<'a, str>,
        /// The messages, ascending: each the JSON text of a `message`.
        messages: Vec<Cow<'a, str>>,
        /// Whether older ones are remembered.
        more: bool,
    },
    /// `ping`, a sign of life for scripts.
    Ping,
    /// `pong`, the answer to a client's `ping`.
    Pong {
        /// The request's id.
        id: Option<Cow<'a, str>>,
        /// Echoed.
        payload: Option<Cow<'a, str>>,
    },
    /// `reconnect`: a Close follows.
    Reconnect {
        /// How long to wait, spread per client.
        after_ms: u64,
        /// Why.
        reason: &'static str,
    },
    /// A non-fatal `error`.
    Error(ErrorMessage<'a>),
    /// A fatal `error`: a Close with this code follows.
    Fatal {
        /// The request's id.
        id: Option<Cow<'a, str>>,
        /// The verdict.
        code: CloseCode,
        /// How long to wait.
        retry_after_ms: Option<u64>,
    },
}

/// Where a message stands in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position<'a> {
    /// The incarnation of the room's history.
    pub epoch: Cow<'a, str>,
    /// The number of the message.
    pub seq: u64,
}

/// `auth_ok`.
#[derive(Clone, Debug)]
pub struct AuthOk<'a> {
    /// The request's id.
    pub id: Option<Cow<'a, str>>,
    /// Random, loggable, no secret.
    pub connection: Cow<'a, str>,
    /// The public id of the user.
    pub user: Cow<'a, str>,
    /// Until `exp`, without leeway, rounded down.
    pub expires_in_ms: u64,
    /// `exp`, Unix milliseconds.
    pub expires_at_ms: u64,
    /// The limits of this session (already clamped).
    pub limits: SessionLimits,
    /// The leeway of the issuer.
    pub leeway_ms: u64,
    /// What this server offers.
    pub features: &'static [&'static str],
    /// Whether this answers a refresh.
    pub refreshed: bool,
}

/// A message of a room.
#[derive(Clone, Debug)]
pub struct RoomMessage<'a> {
    /// Which room.
    pub room: Cow<'a, str>,
    /// The number; `None` for an ephemeral one.
    pub seq: Option<u64>,
    /// The author's public id; `None` for the system.
    pub user: Option<Cow<'a, str>>,
    /// The author's `info`, JSON text.
    pub info: Option<Cow<'a, str>>,
    /// When it was committed, Unix milliseconds.
    pub at_ms: u64,
    /// JSON text, byte for byte what the author sent.
    pub payload: Cow<'a, str>,
    /// Only in the variant for the author's connections.
    pub idempotency_key: Option<Cow<'a, str>>,
}

/// A non-fatal error.
#[derive(Clone, Debug)]
pub struct ErrorMessage<'a> {
    /// The request's id.
    pub id: Option<Cow<'a, str>>,
    /// Which room.
    pub room: Option<Cow<'a, str>>,
    /// The stable code.
    pub code: ErrorCode,
    /// For people, never parsed.
    pub message: Cow<'a, str>,
    /// How long to wait.
    pub retry_after_ms: Option<u64>,
}
