//! What a client says, parsed from one text frame and borrowed from it.

use super::{
    json::{self, JsonFault, Raw},
    limits::{EPOCH_CHARS, PAGE_MESSAGES, PAGE_MESSAGES_MAX, PING_BYTES},
    room_name::RoomText,
};
use std::{borrow::Cow, mem};
use zeroize::Zeroize;

mod ids;
#[cfg(test)]
mod tests;

pub use ids::{BadId, IdempotencyKey, RequestId};

/// `since` of a `join`: where the client stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since<'a> {
    /// The incarnation of the room's history, 1 to 32 characters.
    pub epoch: Cow<'a, str>,
    /// The last message that the client has, 0 to 2^53 - 1.
    pub seq: u64,
}

impl Since<'_> {
    /// A position that outlives its frame.
    pub fn into_owned(self) -> Since<'static> {
        Since { epoch: Cow::Owned(self.epoch.into_owned()), seq: self.seq }
    }
}

/// Which messages a `history` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Only messages with a smaller number; `None` is the newest.
    pub before: Option<u64>,
    /// How many at most, from 1 to 100.
    pub limit: u32,
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
        room: RoomText<'a>,
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
        room: RoomText<'a>,
    },
    /// `message`.
    Message {
        /// Which room.
        room: RoomText<'a>,
        /// Any JSON, passed on byte for byte.
        payload: Raw<'a>,
        /// Makes a retry safe.
        idempotency_key: Option<IdempotencyKey<'a>>,
        /// Not remembered, may be dropped. With a key it is a `bad_message`, but only where
        /// ephemeral messages are offered (PUB-19, PUB-20): that is not for the parser to know.
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
    History {
        /// Which room.
        room: RoomText<'a>,
        /// Which part of it.
        range: Range,
    },
    /// `presence`.
    Presence,
    /// A type that this server does not know, or only sends itself.
    Unknown,
}

/// A credential in transit. It has no way to be printed; what it owns is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token<'a>(Cow<'a, str>);

impl<'a> Token<'a> {
    /// Wraps a credential.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    /// A credential that outlives its frame.
    pub fn into_owned(mut self) -> Token<'static> {
        Token(Cow::Owned(mem::take(&mut self.0).into_owned()))
    }

    /// The secret text. Keep it out of logs, errors and metrics.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why a text is no message.
///
/// Before the verdict [`Json`](Self::Json) and [`Frame`](Self::Frame) are judged before the type,
/// the others after it.
#[derive(Clone, Debug, PartialEq)]
pub enum DecodeFault<'a> {
    /// Not acceptable JSON.
    Json(JsonFault),
    /// The frame's shape: `id` malformed, `type` missing or malformed.
    Frame {
        /// `id`, echoed; `None` too if it is the fault.
        id: Option<RequestId<'a>>,
        /// What is wrong and what to do, for people.
        why: &'static str,
    },
    /// A member of a known type is missing or malformed. Carries what can be echoed.
    Member {
        /// `id`, echoed.
        id: Option<RequestId<'a>>,
        /// The type whose member it is.
        of: MemberOf,
        /// What is wrong and what to do, for people.
        why: &'static str,
    },
    /// The room name is no room name (`bad_room`).
    Room {
        /// `id`, echoed.
        id: Option<RequestId<'a>>,
        /// The type whose member it is.
        of: MemberOf,
    },
}

/// The types that have members to get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOf {
    /// `auth`
    Auth,
    /// `join`
    Join,
    /// `leave`
    Leave,
    /// `message`
    Message,
    /// `ping`
    Ping,
    /// `history`
    History,
}

/// Parses one text frame.
///
/// # Errors
/// [`DecodeFault`]: JSON first, then the frame's shape (`id`, `type`), then the members in the
/// order of their table.
pub fn decode(text: &str) -> Result<ClientMessage<'_>, DecodeFault<'_>> {
    let [kind, id, room, payload, since, token, presence, key, ephemeral, before, limit] =
        json::object(
            text,
            &[
                "type",
                "id",
                "room",
                "payload",
                "since",
                "token",
                "presence",
                "idempotency_key",
                "ephemeral",
                "before",
                "limit",
            ],
        )
        .map_err(DecodeFault::Json)?;
    let id = id.map(request_id).transpose()?;
    let Some(kind) = kind.and_then(Raw::as_str) else {
        return Err(DecodeFault::Frame { id, why: "`type` must be there and be a string" });
    };
    let members = Members { room, payload, since, token, presence, key, ephemeral, before, limit };
    match members.body(&kind) {
        Ok(body) => Ok(ClientMessage { id, body }),
        Err((of, Fault::Room)) => Err(DecodeFault::Room { id, of }),
        Err((of, Fault::Member(why))) => Err(DecodeFault::Member { id, of, why }),
    }
}

fn request_id(raw: Raw<'_>) -> Result<RequestId<'_>, DecodeFault<'_>> {
    let why = "`id` must be a string of 1 to 64 characters from 0x20 to 0x7E";
    let id = raw.as_str().and_then(|text| RequestId::parse(text).ok());
    id.ok_or(DecodeFault::Frame { id: None, why })
}

/// Why the members do not fit the type.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Member(&'static str),
    Room,
}

/// The members that any type may have, not judged yet.
#[derive(Clone, Copy, Debug)]
struct Members<'a> {
    room: Option<Raw<'a>>,
    payload: Option<Raw<'a>>,
    since: Option<Raw<'a>>,
    token: Option<Raw<'a>>,
    presence: Option<Raw<'a>>,
    key: Option<Raw<'a>>,
    ephemeral: Option<Raw<'a>>,
    before: Option<Raw<'a>>,
    limit: Option<Raw<'a>>,
}

impl<'a> Members<'a> {
    fn body(self, kind: &str) -> Result<Body<'a>, (MemberOf, Fault)> {
        match kind {
            "auth" => self.auth().map_err(|fault| (MemberOf::Auth, fault)),
            "join" => self.join().map_err(|fault| (MemberOf::Join, fault)),
            "leave" => self.leave().map_err(|fault| (MemberOf::Leave, fault)),
            "message" => self.message().map_err(|fault| (MemberOf::Message, fault)),
            "ping" => self.ping().map_err(|fault| (MemberOf::Ping, fault)),
            "pong" => Ok(Body::Pong),
            "history" => self.history().map_err(|fault| (MemberOf::History, fault)),
            "presence" => Ok(Body::Presence),
            _ => Ok(Body::Unknown),
        }
    }

    fn auth(self) -> Result<Body<'a>, Fault> {
        let why = "`payload` of `auth` must be there and be a string: the token";
        let token = self.payload.and_then(Raw::as_str).ok_or(Fault::Member(why))?;
        Ok(Body::Auth { token: Token::new(token) })
    }

    fn leave(self) -> Result<Body<'a>, Fault> {
        Ok(Body::Leave { room: self.room()? })
    }

    fn join(self) -> Result<Body<'a>, Fault> {
        let room = self.room()?;
        let since = self.since.map(since).transpose()?;
        let token = self.token.map(|raw| {
            raw.as_str().map(Token::new).ok_or(Fault::Member("`token` must be a string"))
        });
        let presence = flag(self.presence, "`presence` must be true or false")?;
        Ok(Body::Join { room, since, token: token.transpose()?, presence })
    }

    fn message(self) -> Result<Body<'a>, Fault> {
        let room = self.room()?;
        let why = "`payload` of `message` must be there; it may be any JSON, null too";
        let payload = self.payload.ok_or(Fault::Member(why))?;
        let idempotency_key = self.key.map(idempotency_key).transpose()?;
        let ephemeral = flag(self.ephemeral, "`ephemeral` must be true or false")?;
        Ok(Body::Message { room, payload, idempotency_key, ephemeral })
    }

    fn ping(self) -> Result<Body<'a>, Fault> {
        let why = "`payload` of `ping` must be a string of up to 64 bytes";
        let payload = self.payload.map(|raw| {
            raw.as_str().filter(|text| text.len() <= PING_BYTES).ok_or(Fault::Member(why))
        });
        Ok(Body::Ping { payload: payload.transpose()? })
    }

    fn history(self) -> Result<Body<'a>, Fault> {
        let room = self.room()?;
        let why = "`before` must be an integer from 0 to 2^53 - 1";
        let before = self.before.map(|raw| raw.as_integer().ok_or(Fault::Member(why)));
        let limit = self.limit.map_or(Ok(PAGE_MESSAGES), limit)?;
        Ok(Body::History { room, range: Range { before: before.transpose()?, limit } })
    }

    fn room(self) -> Result<RoomText<'a>, Fault> {
        let why = "`room` must be there and be a string";
        let room = self.room.and_then(Raw::as_str).ok_or(Fault::Member(why))?;
        RoomText::parse(room).map_err(|_| Fault::Room)
    }
}

fn since(raw: Raw<'_>) -> Result<Since<'_>, Fault> {
    let why = "`since` must be an object with `epoch`, a string of 1 to 32 characters, and \
               `seq`, an integer from 0 to 2^53 - 1";
    let Ok([Some(epoch), Some(seq)]) = json::object_of_doubles(raw.text(), &["epoch", "seq"])
    else {
        return Err(Fault::Member(why));
    };
    let epoch = epoch.as_str().filter(|epoch| (1..=EPOCH_CHARS).contains(&epoch.chars().count()));
    let (epoch, seq) = epoch.zip(seq.as_integer()).ok_or(Fault::Member(why))?;
    Ok(Since { epoch, seq })
}

fn limit(raw: Raw<'_>) -> Result<u32, Fault> {
    let why = "`limit` must be an integer from 1; over 100 means 100";
    let limit = raw.as_integer().filter(|&limit| limit > 0).ok_or(Fault::Member(why))?;
    Ok(u32::try_from(limit).map_or(PAGE_MESSAGES_MAX, |limit| limit.min(PAGE_MESSAGES_MAX)))
}

fn idempotency_key(raw: Raw<'_>) -> Result<IdempotencyKey<'_>, Fault> {
    let why = "`idempotency_key` must be a string of 1 to 64 characters from 0x20 to 0x7E";
    let key = raw.as_str().and_then(|text| IdempotencyKey::parse(text).ok());
    key.ok_or(Fault::Member(why))
}

fn flag(raw: Option<Raw<'_>>, why: &'static str) -> Result<bool, Fault> {
    raw.map_or(Ok(false), |raw| raw.as_bool().ok_or(Fault::Member(why)))
}
