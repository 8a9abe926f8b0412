//! What can happen to a session.

use super::Rules;
use crate::protocol::{
    close_code::CloseCode,
    identity::{Login, Pass, Signer},
    time::Time,
};
use std::{borrow::Cow, fmt, sync::Arc};

/// Names a request until its outcome arrives; unique within a session while in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey(pub u32);

/// One thing that happened.
///
/// Outcomes of one room's requests come in the order in which the actions were given.
pub enum Event<'a> {
    /// A complete text message within the cap of the current state.
    Text(&'a str),
    /// A text message over `message_bytes` that the transport skipped (only after the verdict).
    TooBig,
    /// The transport met a fault that ends the connection (1002, 1003, 1007, 1009).
    Fault(TransportFault),
    /// The handshake offered subprotocols and none is known.
    UnsupportedProtocol,
    /// A Ping frame with its payload; answered with [`Action::Pong`](super::Action::Pong) unless
    /// it is over its rate.
    Ping(&'a [u8]),
    /// A Pong frame.
    Pong,
    /// The peer's Close with its code, if it has one.
    PeerClose(Option<u16>),
    /// The peer's FIN, or the socket is gone.
    Eof,
    /// A deadline of [`next_deadline`](super::Session::next_deadline) may be due.
    /// What has arrived is read first: after a suspension, silence would be the host's.
    Timer(Pulse),
    /// The credential is good.
    Verified(Box<Login>),
    /// The credential is refused.
    Refused(Refusal),
    /// The key source or the directory cannot answer.
    VerifierDown,
    /// The room token of a join is good.
    PassVerified(Box<Pass>),
    /// The room token of a join is refused.
    PassRefused(Refusal),
    /// The key source cannot answer about the room token of a join.
    PassUndecided,
    /// A join took effect.
    Joined {
        /// The request.
        key: RequestKey,
        /// The incarnation of the room's history.
        epoch: &'a str,
        /// The newest message.
        seq: u64,
        /// Whether everything since the asked position follows; `None` without one.
        recovered: Option<bool>,
    },
    /// A join did not take effect.
    JoinRefused {
        /// The request.
        key: RequestKey,
        /// Why.
        why: RoomRefusal,
    },
    /// A leave took effect: the last message of the room is queued.
    Left {
        /// The request.
        key: RequestKey,
    },
    /// A message is committed.
    Published {
        /// The request.
        key: RequestKey,
        /// The incarnation of the room's history.
        epoch: &'a str,
        /// Its number.
        seq: u64,
        /// When it was first committed, Unix milliseconds.
        at_ms: u64,
        /// It had been published before.
        duplicate: bool,
    },
    /// An ephemeral message is on its way to the members.
    Emitted {
        /// The request.
        key: RequestKey,
        /// When, Unix milliseconds.
        at_ms: u64,
    },
    /// A part of what a room remembers.
    History {
        /// The request.
        key: RequestKey,
        /// The incarnation of the room's history.
        epoch: &'a str,
        /// The messages, ascending: each the JSON text of a `message`.
        messages: Vec<Cow<'a, str>>,
        /// Whether older ones are remembered.
        more: bool,
    },
    /// A room's history is not told.
    HistoryRefused {
        /// The request.
        key: RequestKey,
        /// Why.
        why: RoomRefusal,
    },
    /// A message is not committed.
    PublishFailed {
        /// The request.
        key: RequestKey,
        /// Why.
        why: RoomRefusal,
    },
    /// Something of a room is about to be queued: what has ended by now must be told first.
    Delivery,
    /// The user was revoked.
    Revoked,
    /// A key is no longer one of its issuer's: what rests on it ends.
    KeyRemoved(Signer),
    /// Other rules are in force: what they say about rooms counts from now on. Their limits are
    /// those of the session, which it keeps for its life.
    RulesChanged(Arc<Rules>),
    /// A newer connection of the same user takes this one's place.
    Replaced,
    /// The server stops: tell the client when to come back, serve on until `Shutdown`.
    Draining {
        /// Spread per client.
        after_ms: u64,
    },
    /// The server stops now.
    Shutdown {
        /// Spread per client.
        after_ms: u64,
    },
    /// The outbox is over its limit, or a room's history no longer covers this member.
    Slow,
    /// The vestibule pushes this connection out (1013 or 4430). It has no say over a session that
    /// left the vestibule: after the verdict it does nothing.
    Evicted(CloseCode),
}

impl fmt::Debug for Event<'_> {
    /// Shows no content: a text may be an `auth` with its token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::TooBig => f.write_str("TooBig"),
            Self::Fault(fault) => write!(f, "Fault({fault:?})"),
            Self::UnsupportedProtocol => f.write_str("UnsupportedProtocol"),
            Self::Ping(payload) => write!(f, "Ping({} bytes)", payload.len()),
            Self::Pong => f.write_str("Pong"),
            Self::PeerClose(code) => write!(f, "PeerClose({code:?})"),
            Self::Eof => f.write_str("Eof"),
            Self::Timer(pulse) => write!(f, "Timer({pulse:?})"),
            Self::Verified(login) => write!(f, "Verified({login:?})"),
            Self::Refused(why) => write!(f, "Refused({why:?})"),
            Self::VerifierDown => f.write_str("VerifierDown"),
            Self::PassVerified(pass) => write!(f, "PassVerified({})", pass.room),
            Self::PassRefused(why) => write!(f, "PassRefused({why:?})"),
            Self::PassUndecided => f.write_str("PassUndecided"),
            Self::Delivery => f.write_str("Delivery"),
            Self::Joined { key, epoch, seq, recovered } => {
                write!(f, "Joined({key:?}, {epoch}/{seq}, {recovered:?})")
            }
            Self::JoinRefused { key, why } => write!(f, "JoinRefused({key:?}, {why:?})"),
            Self::Left { key } => write!(f, "Left({key:?})"),
            Self::Published { key, epoch, seq, at_ms, duplicate } => {
                write!(f, "Published({key:?}, {epoch}/{seq}, {at_ms}, {duplicate})")
            }
            Self::Emitted { key, at_ms } => write!(f, "Emitted({key:?}, {at_ms})"),
            Self::History { key, epoch, messages, more } => {
                write!(f, "History({key:?}, {epoch}, {} messages, {more})", messages.len())
            }
            Self::HistoryRefused { key, why } => write!(f, "HistoryRefused({key:?}, {why:?})"),
            Self::PublishFailed { key, why } => write!(f, "PublishFailed({key:?}, {why:?})"),
            Self::Revoked => f.write_str("Revoked"),
            Self::KeyRemoved(signer) => write!(f, "KeyRemoved({signer:?})"),
            Self::RulesChanged(_) => f.write_str("RulesChanged"),
            Self::Replaced => f.write_str("Replaced"),
            Self::Draining { after_ms } => write!(f, "Draining({after_ms} ms)"),
            Self::Shutdown { after_ms } => write!(f, "Shutdown({after_ms} ms)"),
            Self::Slow => f.write_str("Slow"),
            Self::Evicted(code) => write!(f, "Evicted({code:?})"),
        }
    }
}

impl Event<'_> {
    /// Whether the peer leaves: nothing more is to be said to it.
    pub(super) const fn is_departure(&self) -> bool {
        matches!(self, Self::PeerClose(_) | Self::Eof)
    }

    /// Whether it was read from the socket, so that it comes only while
    /// [`wants_input`](super::Session::wants_input).
    pub(super) const fn is_input(&self) -> bool {
        match self {
            Self::Text(_)
            | Self::TooBig
            | Self::Fault(_)
            | Self::UnsupportedProtocol
            | Self::Ping(_)
            | Self::Pong
            | Self::PeerClose(_) => true,
            Self::Eof
            | Self::Timer(_)
            | Self::Verified(_)
            | Self::Refused(_)
            | Self::VerifierDown
            | Self::PassVerified(_)
            | Self::PassRefused(_)
            | Self::PassUndecided
            | Self::Delivery
            | Self::Joined { .. }
            | Self::JoinRefused { .. }
            | Self::Left { .. }
            | Self::Published { .. }
            | Self::PublishFailed { .. }
            | Self::Emitted { .. }
            | Self::History { .. }
            | Self::HistoryRefused { .. }
            | Self::Revoked
            | Self::KeyRemoved(_)
            | Self::RulesChanged(_)
            | Self::Replaced
            | Self::Draining { .. }
            | Self::Shutdown { .. }
            | Self::Slow
            | Self::Evicted(_) => false,
        }
    }
}

/// What the transport knows when a timer fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// When the last byte was received.
    pub heard: Time,
    /// When the last data frame was queued.
    pub spoke: Time,
    /// Whether frames wait in the outbox.
    pub backlog: bool,
}

/// Faults of the byte stream, judged below the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportFault {
    /// RFC 6455 is broken (1002).
    Protocol,
    /// A binary frame (1003).
    Binary,
    /// Text that is not UTF-8 (1007).
    Utf8,
    /// Over the bytes, frames or fragments of the current state (1009).
    TooBig,
}

/// Why a credential is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Anything but time.
    Invalid,
    /// Time is the token's sole fault.
    Expired,
    /// `nbf` or `iat` in the future.
    NotYetValid,
    /// Valid, but not allowed here.
    Forbidden,
    /// The user or the token is revoked.
    Revoked,
    /// The user has as many connections as allowed.
    TooManyConnections,
}

/// Why a room request is refused behind the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoomRefusal {
    /// No membership.
    NotJoined,
    /// A worker's inbox, or the server's rooms, are full.
    Overloaded,
    /// Our fault.
    Internal,
}
