//! What a client reads from the server: owned values, tolerant of whatever a newer server adds.

use crate::protocol::{close_code::CloseCode, error_code::Retry};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// One message of the server, as a client reads it. Unknown members are ignored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Received {
    /// `auth_ok`.
    AuthOk(Box<AuthOkReceived>),
    /// `auth_expiring`: send `auth` with a new token.
    AuthExpiring {
        /// Until `exp`, without leeway.
        expires_in_ms: u64,
    },
    /// `joined`.
    Joined(JoinedReceived),
    /// `left`.
    Left(LeftReceived),
    /// `ack`.
    Ack(AckReceived),
    /// `message`.
    Message(Box<MessageReceived>),
    /// `history`.
    History(Box<HistoryReceived>),
    /// `ping`: a sign of life that needs no answer.
    Ping,
    /// `pong`.
    Pong(PongReceived),
    /// `reconnect`.
    Reconnect(ReconnectReceived),
    /// `error`, fatal or not.
    Error(Box<ErrorReceived>),
    /// A type that this client does not know; to be ignored.
    Unknown(String),
}

/// A text that is no message of a server.
#[derive(Debug)]
pub struct ReceivedFault(serde_json::Error);

impl fmt::Display for ReceivedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a message of a vestibule.v1 server: {}", self.0)
    }
}

impl std::error::Error for ReceivedFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// The one member that every message has.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

impl Received {
    /// Parses one text frame of the server.
    ///
    /// # Errors
    /// [`ReceivedFault`] if it is no JSON object with a string `type`, or a known type lacks what
    /// it needs.
    pub fn parse(text: &str) -> Result<Self, ReceivedFault> {
        Self::read(text).map_err(ReceivedFault)
    }

    /// The request that this says yes to: `None` if to none, `Some(None)` if to one without `id`.
    pub fn answers(&self) -> Option<Option<&str>> {
        match self {
            Self::AuthOk(welcome) => Some(welcome.id.as_deref()),
            Self::Joined(joined) => Some(joined.id.as_deref()),
            Self::Left(left) => Some(left.id.as_deref()),
            Self::Ack(ack) => Some(Some(&ack.id)),
            Self::History(history) => Some(history.id.as_deref()),
            Self::Pong(pong) => Some(pong.id.as_deref()),
            Self::AuthExpiring { .. }
            | Self::Message(_)
            | Self::Ping
            | Self::Reconnect(_)
            | Self::Error(_)
            | Self::Unknown(_) => None,
        }
    }

    fn read(text: &str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Expiring {
            expires_in_ms: u64,
        }
        let head: Head<'_> = serde_json::from_str(text)?;
        Ok(match head.kind.as_ref() {
            "auth_ok" => Self::AuthOk(serde_json::from_str(text)?),
            "auth_expiring" => {
                let Expiring { expires_in_ms } = serde_json::from_str(text)?;
                Self::AuthExpiring { expires_in_ms }
            }
            "joined" => Self::Joined(serde_json::from_str(text)?),
            "left" => Self::Left(serde_json::from_str(text)?),
            "ack" => Self::Ack(serde_json::from_str(text)?),
            "message" => Self::Message(serde_json::from_str(text)?),
            "history" => Self::History(serde_json::from_str(text)?),
            "ping" => Self::Ping,
            "pong" => Self::Pong(serde_json::from_str(text)?),
            "reconnect" => Self::Reconnect(serde_json::from_str(text)?),
            "error" => Self::Error(serde_json::from_str(text)?),
            unknown => Self::Unknown(unknown.to_owned()),
        })
    }
}

/// `auth_ok` as received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct AuthOkReceived {
    /// Of the request that it answers.
    pub id: Option<String>,
    /// The version of the protocol.
    pub v: u32,
    /// Random, loggable, no secret.
    pub connection: String,
    /// The public id of the user.
    pub user: String,
    /// Until `exp`, without leeway.
    pub expires_in_ms: u64,
    /// `exp`, Unix milliseconds.
    pub expires_at_ms: u64,
    /// When silence means that the line is dead.
    pub heartbeat: Heartbeat,
    /// The limits of this session.
    pub limits: Limits,
    /// What the server offers.
    pub features: Vec<String>,
    /// Whether this answers a refresh.
    pub refreshed: bool,
}

/// `heartbeat` of `auth_ok`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Heartbeat {
    /// Between two Pings of the server, in milliseconds.
    pub interval_ms: u64,
    /// From a Ping to the last sign of life, in milliseconds.
    pub timeout_ms: u64,
}

/// `limits` of `auth_ok`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Limits {
    /// The largest message, in bytes.
    pub message_bytes: u32,
    /// `message`s a second.
    pub messages_per_s: u32,
    /// `message`s at once.
    pub burst: u32,
    /// Rooms of one connection.
    pub rooms: u32,
    /// The longest room name, in bytes.
    pub room_name_bytes: usize,
    /// Requests without an answer.
    pub in_flight: u32,
    /// The leeway of the issuer, in milliseconds.
    pub leeway_ms: u64,
}

/// `joined` as received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct JoinedReceived {
    /// Of the request that it answers.
    pub id: Option<String>,
    /// Which room.
    pub room: String,
    /// The incarnation of the room's history.
    pub epoch: String,
    /// The newest message.
    pub seq: u64,
    /// Whether everything since the client's position follows; `None` without `since`.
    pub recovered: Option<bool>,
}

/// `left` as received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct LeftReceived {
    /// Of the request that it answers.
    pub id: Option<String>,
    /// Which room.
    pub room: String,
    /// Why, when forced.
    pub code: Option<String>,
}

/// `ack` as received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct AckReceived {
    /// Of the request that it answers.
    pub id: String,
    /// Which room.
    pub room: String,
    /// The incarnation of the room's history; `None` for an ephemeral message.
    pub epoch: Option<String>,
    /// The number of the message; `None` for an ephemeral one.
    pub seq: Option<u64>,
    /// When the message was committed, Unix milliseconds.
    pub at_ms: u64,
    /// The message had been published before.
    #[serde(default)]
    pub duplicate: bool,
}

/// `message` as received.
#[derive(Clone, Debug, Deserialize)]
pub struct MessageReceived {
    /// Which room.
    pub room: String,
    /// The number; `None` for an ephemeral one.
    pub seq: Option<u64>,
    /// The author; `None` for the system.
    pub from: Option<Author>,
    /// When it was committed, Unix milliseconds.
    pub at_ms: u64,
    /// JSON text, byte for byte what the author sent.
    pub payload: Box<RawValue>,
    /// Only on the author's connections.
    pub idempotency_key: Option<String>,
}

/// `history` as received.
#[derive(Clone, Debug, Deserialize)]
pub struct HistoryReceived {
    /// Of the request that it answers.
    pub id: Option<String>,
    /// Which room.
    pub room: String,
    /// The incarnation of the room's history.
    pub epoch: String,
    /// The messages, the oldest first.
    pub messages: Vec<MessageReceived>,
    /// Whether older ones are remembered.
    pub more: bool,
}

/// The author of a message.
#[derive(Clone, Debug, Deserialize)]
pub struct Author {
    /// The public id.
    pub user: String,
    /// What the author's token says to others.
    pub info: Option<Box<RawValue>>,
}

/// `pong` as received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct PongReceived {
    /// Of the request that it answers.
    pub id: Option<String>,
    /// Echoed.
    pub payload: Option<String>,
}

/// `reconnect` as received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct ReconnectReceived {
    /// How long to wait, in milliseconds.
    pub after_ms: u64,
    /// Why.
    pub reason: String,
}

/// `error` as received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct ErrorReceived {
    /// The stable code; a fatal one carries the name of a close code.
    pub code: String,
    /// For people, never parsed.
    pub message: String,
    /// What to do next: a word of [`Retry`], or one that this client does not know.
    pub retry: String,
    /// How long to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// A Close follows.
    pub fatal: bool,
    /// Of the request that it answers.
    pub id: Option<String>,
    /// Which room.
    pub room: Option<String>,
}

impl ErrorReceived {
    /// What to do next, if the word is known.
    pub fn retry(&self) -> Option<Retry> {
        Retry::from_word(&self.retry)
    }

    /// The close code that a fatal error announces, if its name is known.
    pub fn close_code(&self) -> Option<CloseCode> {
        CloseCode::ALL.iter().copied().find(|code| self.fatal && code.name() == self.code)
    }
}
