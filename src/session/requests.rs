//! Requests after the verdict, judged in order: rate, shape, membership, right.

use super::{
    Action,
    in_flight::Ask,
    rates::{Kind, Rate},
    ready::{Ready, refuse},
    turn::{Echo, End, Turn, echo, refusal, refusal_because},
};
use crate::protocol::{
    client_message::{
        Body, ClientMessage, DecodeFault, IdempotencyKey, MemberOf, Since, Token, decode,
    },
    error_code::ErrorCode,
    grant::Permission,
    identity::Pass,
    json::Raw,
    room_name::{BadRoomName, RoomName, RoomRef, RoomText},
    room_rules::{RoomRate, RuleNumber},
    server_message::{ErrorMessage, ServerMessage},
};
use std::borrow::Cow;

/// Why a request goes no further.
#[derive(Debug)]
pub(super) enum Stop<'a> {
    /// It is answered with an error.
    Refuse(ErrorMessage<'a>),
    /// The same, and it draws on the bug budget.
    Bug(ErrorMessage<'a>),
    /// The session ends with it.
    End(End<'a>),
}

impl<'a> From<End<'a>> for Stop<'a> {
    fn from(end: End<'a>) -> Self {
        Self::End(end)
    }
}

impl<'a> Stop<'a> {
    /// An error that answers a request about a room says which one, whatever stopped it.
    fn about(self, room: Option<RoomText<'a>>) -> Self {
        let name = |error: ErrorMessage<'a>| ErrorMessage {
            room: error.room.or(room.map(RoomText::into_text)),
            ..error
        };
        match self {
            Self::Refuse(error) => Self::Refuse(name(error)),
            Self::Bug(error) => Self::Bug(name(error)),
            Self::End(end) => Self::End(end),
        }
    }
}

/// What a `join` asks for.
pub(super) struct Entry<'a, 'r> {
    pub(super) id: Echo<'a>,
    pub(super) room: RoomRef<'r>,
    pub(super) since: Option<Since<'a>>,
}

/// What a `message` asks to publish.
struct Post<'a> {
    room: RoomText<'a>,
    payload: Raw<'a>,
    idempotency_key: Option<IdempotencyKey<'a>>,
    ephemeral: bool,
    /// Of the whole message.
    bytes: usize,
}

impl Ready {
    /// Takes one text message.
    pub(super) fn text<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        text: &'a str,
    ) -> Result<(), End<'a>> {
        let judged = match decode(text) {
            Ok(message) => {
                let room = room_of(&message.body);
                self.request(turn, message, text.len()).map_err(|stop| stop.about(room))
            }
            Err(fault) => self.fault(turn, fault),
        };
        match judged {
            Ok(()) => Ok(()),
            Err(Stop::Refuse(error)) => refuse(turn, error),
            Err(Stop::Bug(error)) => self.bug(turn, error),
            Err(Stop::End(end)) => Err(end),
        }
    }

    fn request<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        message: ClientMessage<'a>,
        bytes: usize,
    ) -> Result<(), Stop<'a>> {
        let id = echo(message.id);
        let id = self.within_rate(turn, kind(&message.body), id)?;
        if id.as_deref().is_some_and(|id| self.awaits(id)) {
            return Err(Stop::Bug(refusal(ErrorCode::DuplicateId, id)));
        }
        // A driver that minds `wants_input` never gets here.
        if !self.wants_input(&turn.about.rules.session) {
            return Err(Stop::Refuse(refusal(ErrorCode::Overloaded, id)));
        }
        match message.body {
            Body::Auth { token } => self.refresh(turn, id, token),
            Body::Join { room, since, token, presence: _ } => {
                self.join(turn, Entry { id, room: room.borrowed(), since }, token)
            }
            Body::Leave { room } => self.leave(turn, id, room),
            Body::Message { ephemeral: true, idempotency_key: Some(_), .. }
                if turn.about.offers("ephemeral") =>
            {
                let why = "an ephemeral message is not remembered and takes no `idempotency_key`";
                Err(Stop::Bug(refusal_because(ErrorCode::BadMessage, id, why)))
            }
            Body::Message { ephemeral: true, .. } if !turn.about.offers("ephemeral") => {
                Err(unsupported(id))
            }
            Body::Message { room, payload, idempotency_key, ephemeral } => {
                self.publish(turn, id, Post { room, payload, idempotency_key, ephemeral, bytes })
            }
            Body::Ping { payload } => {
                turn.send(ServerMessage::Pong { id, payload });
                Ok(())
            }
            Body::Pong => Ok(()),
            Body::History { .. } if !turn.about.offers("history") => Err(unsupported(id)),
            Body::History { room, range } => self.look_back(turn, id, &room, range),
            Body::Presence => Err(unsupported(id)),
            Body::Unknown => Err(Stop::Refuse(refusal(ErrorCode::UnknownType, id))),
        }
    }

    /// Judges a text that is no message. What is no JSON was never parsed and counts to no rate.
    fn fault<'a>(&mut self, turn: &Turn<'_, 'a>, fault: DecodeFault<'a>) -> Result<(), Stop<'a>> {
        let (kind, id, why) = match fault {
            DecodeFault::Json(fault) => {
                let why = format!("The text is not acceptable: {fault}.");
                return Err(Stop::Bug(refusal_because(ErrorCode::BadMessage, None, why)));
            }
            DecodeFault::Member { id, of: MemberOf::History, .. }
            | DecodeFault::Room { id, of: MemberOf::History }
                if !turn.about.offers("history") =>
            {
                return Err(unsupported(self.within_rate(turn, Kind::Other, echo(id))?));
            }
            DecodeFault::Room { id, of } => {
                let id = self.within_rate(turn, kind_of(of), echo(id))?;
                return Err(Stop::Refuse(refusal(ErrorCode::BadRoom, id)));
            }
            DecodeFault::Frame { id, why } => (Kind::Other, id, why),
            DecodeFault::Member { id, of, why } => (kind_of(of), id, why),
        };
        let id = self.within_rate(turn, kind, echo(id))?;
        Err(Stop::Bug(refusal_because(ErrorCode::BadMessage, id, why)))
    }

    /// Draws on the rate of `kind` and hands the id back.
    fn within_rate<'a>(
        &mut self,
        turn: &Turn<'_, 'a>,
        kind: Kind,
        id: Echo<'a>,
    ) -> Result<Echo<'a>, Stop<'a>> {
        match self.spend(turn, kind) {
            Ok(Ok(())) => Ok(id),
            Ok(Err(after_ms)) => {
                let mut error = refusal(ErrorCode::RateLimited, id);
                error.retry_after_ms = Some(after_ms);
                Err(Stop::Refuse(error))
            }
            Err(End::Verdict(verdict)) => Err(End::Verdict(verdict.answering(id)).into()),
            Err(end @ (End::Echo(_) | End::Gone)) => Err(end.into()),
        }
    }

    fn awaits(&self, id: &str) -> bool {
        let refresh = self.refresh.as_ref().and_then(|pending| pending.id.as_deref());
        refresh == Some(id) || self.enters_with(id) || self.in_flight.holds_id(id)
    }

    fn join<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        entry: Entry<'a, '_>,
        token: Option<Token<'a>>,
    ) -> Result<(), Stop<'a>> {
        let Entry { room, .. } = entry;
        if token.is_some() && !turn.about.offers("room_token") {
            return Err(unsupported(entry.id));
        }
        let member = self.rooms.wanted(room.as_str()).map(|(_, member)| member);
        if member.is_none() && self.rooms.count() >= self.room_cap(turn.about) as usize {
            return Err(Stop::Refuse(refusal(ErrorCode::TooManyRooms, entry.id)));
        }
        if let Some(token) = token {
            if token.reveal().len() > turn.about.rules.auth.token_bytes {
                return Err(Stop::Refuse(refusal(ErrorCode::TokenInvalid, entry.id)));
            }
            self.show_pass(turn, entry, token);
            return Ok(());
        }
        let may = member.map_or_else(
            || self.standing(turn.about, room).granted.contains(Permission::Join),
            |member| member.may(Permission::Join),
        );
        if !may {
            return Err(Stop::Refuse(refusal(ErrorCode::Forbidden, entry.id)));
        }
        self.enter(turn, entry, None);
        Ok(())
    }

    /// Sends a join on that has the right to it, by the login or by `pass`.
    pub(super) fn enter<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        entry: Entry<'a, '_>,
        pass: Option<&Pass>,
    ) {
        let Entry { id, room, since } = entry;
        let since_lost = since.is_some() && !turn.about.offers("recovery");
        let since = since.filter(|_| !since_lost);
        let standing = self.standing(turn.about, room);
        let (room, basis) = self.rooms.join(room, standing, pass);
        let key = self.in_flight.open(id, room.clone(), Ask::Join { since_lost, basis });
        turn.act(Action::Join { key, room, since });
    }

    /// Joins the room that the handshake named, as if the client had sent a `join` of it without
    /// an `id` (PATH-3).
    pub(super) fn enter_by_path<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        room: Result<RoomName, BadRoomName>,
    ) -> Result<(), End<'a>> {
        let judged = self.within_rate(turn, Kind::Join, None).and_then(|id| match &room {
            Ok(name) => self.join(turn, Entry { id, room: name.borrowed(), since: None }, None),
            Err(BadRoomName) => Err(Stop::Refuse(refusal(ErrorCode::BadRoom, id))),
        });
        match judged {
            Ok(()) => Ok(()),
            Err(Stop::Refuse(error) | Stop::Bug(error)) => {
                let room = room.ok().map(|name| Cow::Owned(name.to_string()));
                refuse(turn, ErrorMessage { room, ..error })
            }
            Err(Stop::End(end)) => Err(end),
        }
    }

    fn leave<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        id: Echo<'a>,
        room: RoomText<'a>,
    ) -> Result<(), Stop<'a>> {
        let Some(room) = self.rooms.leave(room.as_str()) else {
            turn.send(ServerMessage::Left { id, room: room.into_text(), code: None });
            return Ok(());
        };
        let key = self.in_flight.open(id, room.clone(), Ask::Leave);
        turn.act(Action::Leave { key, room });
        Ok(())
    }

    /// A join on its way is membership enough: the room takes requests in the order sent.
    fn publish<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        id: Echo<'a>,
        post: Post<'a>,
    ) -> Result<(), Stop<'a>> {
        let Some((room, member)) = self.rooms.wanted(post.room.as_str()) else {
            return Err(Stop::Refuse(refusal(ErrorCode::NotJoined, id)));
        };
        if !member.may(Permission::Send) {
            return Err(Stop::Refuse(refusal(ErrorCode::Forbidden, id)));
        }
        let (room, rule) = (room.clone(), member.rule());
        let Post { payload, idempotency_key, ephemeral, bytes, .. } = post;
        if ephemeral && !turn.about.rules.rooms.numbered(rule).ephemeral {
            let why = "This room takes no ephemeral messages.";
            return Err(Stop::Refuse(refusal_because(ErrorCode::Forbidden, id, why)));
        }
        let id = self.within_terms(turn, id, &room, (rule, bytes))?;
        let key = self.in_flight.open(id, room.clone(), Ask::Publish);
        turn.act(Action::Publish { key, room, payload, idempotency_key, ephemeral });
        Ok(())
    }
}

impl Ready {
    /// Whether a message of so many bytes may be published in `room` now, where this rule counts;
    /// hands the id back. Its refusals make no row: the rate of the connection bounds them.
    fn within_terms<'a>(
        &mut self,
        turn: &Turn<'_, 'a>,
        id: Echo<'a>,
        room: &RoomName,
        (rule, bytes): (RuleNumber, usize),
    ) -> Result<Echo<'a>, Stop<'a>> {
        let terms = turn.about.rules.rooms.numbered(rule);
        if let Some(most) = terms.message_bytes.filter(|most| bytes > *most as usize) {
            let why = format!("A message in this room has up to {most} bytes. Send a smaller one.");
            return Err(Stop::Refuse(refusal_because(ErrorCode::TooBig, id, why)));
        }
        let Some(RoomRate { messages_per_s: per_s, burst }) = terms.rate else { return Ok(id) };
        match self.rooms.rates.take(room, turn.now.time, Rate { per_s, burst }) {
            Ok(()) => Ok(id),
            Err(after_ms) => {
                let why = "Too many messages in this room. Send again after `retry_after_ms`.";
                let mut error = refusal_because(ErrorCode::RateLimited, id, why);
                error.retry_after_ms = Some(after_ms);
                Err(Stop::Refuse(error))
            }
        }
    }
}

/// The room that a request is about.
fn room_of<'a>(body: &Body<'a>) -> Option<RoomText<'a>> {
    match body {
        Body::Join { room, .. }
        | Body::Leave { room }
        | Body::Message { room, .. }
        | Body::History { room, .. } => Some(room.clone()),
        Body::Auth { .. } | Body::Ping { .. } | Body::Pong | Body::Presence | Body::Unknown => None,
    }
}

/// The rate of a request that was parsed and has a malformed member.
const fn kind_of(faulty: MemberOf) -> Kind {
    match faulty {
        MemberOf::Auth => Kind::Refresh,
        MemberOf::Join => Kind::Join,
        MemberOf::Message => Kind::Message,
        MemberOf::Leave | MemberOf::Ping | MemberOf::History => Kind::Other,
    }
}

/// Which rate a message draws on.
const fn kind(body: &Body<'_>) -> Kind {
    match body {
        Body::Auth { .. } => Kind::Refresh,
        Body::Join { .. } => Kind::Join,
        Body::Message { .. } => Kind::Message,
        Body::Leave { .. }
        | Body::Ping { .. }
        | Body::Pong
        | Body::History { .. }
        | Body::Presence
        | Body::Unknown => Kind::Other,
    }
}

fn unsupported(id: Echo<'_>) -> Stop<'_> {
    Stop::Refuse(refusal(ErrorCode::Unsupported, id))
}
