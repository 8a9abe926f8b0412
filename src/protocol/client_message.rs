//! What a client says, parsed from one text frame and borrowed from it.

use super::{
    json::{JsonFault, Raw},
    room_name::RoomRef,
};
use std::borrow::Cow;

/// A request's `id`: 1 to 64 characters 0x20 to 0x7E.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId<'a>(Cow<'a, str>);

impl RequestId<'_> {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An `idempotency_key`; it has the form of an `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey<'a>(Cow<'a, str>);

impl IdempotencyKey<'_> {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `since` of a `join`: where the client stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since<'a> {
    /// The incarnation of the room's history.
    pub epoch: Cow<'a, str>,
    /// The last message that the client has.
    pub seq: u64,
}

/// One message of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientMessage<'a> {
    /// `id`, echoed by whatever answers.
    pub id: Option<RequestId<'a>>,
    /// What is asked.
    pub body: Body<'a>,
}

/// What a client asks, by `type`.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// `auth`: sign in, or refresh.
    Auth {
        /// The token; never shown.
        token: Token<'a>,
    },
    /// `join`.
    Join {
        /// Which room.
        room: RoomRef<'a>,
        /// Where to go on from.
        since: Option<Since<'a>>,
        /// A room token was sent along; never shown.
        token: Option<Token<'a>>,
        /// Whether presence is wanted.
        presence: bool,
    },
    /// `leave`.
    Leave {
        /// Which room.
        room: RoomRef<'a>,
    },
    /// `message`.
    Message {
        /// Which room.
        room: RoomRef<'a>,
        /// Any JSON, passed on byte for byte.
        payload: Raw<'a>,
        /// Makes a retry safe.
        idempotency_key: Option<IdempotencyKey<'a>>,
        /// Not remembered, may be dropped.
        ephemeral: bool,
    },
    /// `ping`; the payload is echoed.
    Ping {
        /// Up to 64 bytes.
        payload: Option<Cow<'a, str>>,
    },
    /// `pong`: an answer to the server's text `ping`; needs nothing.
    Pong,
    /// `history`.
    History,
    /// `presence`.
    Presence,
    /// A type that this server does not know, or only sends itself.
    Unknown,
}

/// A credential in transit. It has no way to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token<'a>(Cow<'a, str>);

impl<'a> Token<'a> {
    /// Wraps a credential.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    /// The secret text. Keep it out of logs, errors and metrics.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why a text is no message. Before the verdict `Shape` is judged before the type.
#[derive(Clone, Debug, PartialEq)]
pub enum DecodeFault<'a> {
    /// Not acceptable JSON.
    Json(JsonFault),
    /// The frame's shape: `type` or `id` missing or malformed (no `id` is echoed).
    Frame(&'static str),
    /// A member of a known type is missing or malformed. Carries what can be echoed.
    Member {
        /// `id`, echoed.
        id: Option<RequestId<'a>>,
        /// Whether the type was `auth`.
        auth: bool,
        /// What is wrong, for people.
        why: &'static str,
    },
    /// The room name is no room name (`bad_room`).
    Room {
        /// `id`, echoed.
        id: Option<RequestId<'a>>,
    },
}

/// Parses one text frame.
///
/// # Errors
/// [`DecodeFault`]: JSON first, then the frame's shape (`id`, `type`), then the members.
pub fn decode(text: &str) -> Result<ClientMessage<'_>, DecodeFault<'_>> {
    todo!("{text}")
}
