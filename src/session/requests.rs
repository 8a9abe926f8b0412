//! Requests after the verdict, judged in order: rate, shape, membership, right.

use super::{
    Action,
    in_flight::Ask,
    rates::Kind,
    ready::{Ready, refuse},
    turn::{Echo, End, Turn, echo, refusal},
};
use crate::protocol::{
    client_message::{Body, ClientMessage, DecodeFault, IdempotencyKey, Since, decode},
    error_code::ErrorCode,
    grant::Permission,
    json::Raw,
    room_name::RoomText,
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

/// What a `message` asks to publish.
struct Post<'a> {
    room: RoomText<'a>,
    payload: Raw<'a>,
    idempotency_key: Option<IdempotencyKey<'a>>,
}

impl Ready {
    /// Takes one text message.
    pub(super) fn text<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        text: &'a str,
    ) -> Result<(), End<'a>> {
        let judged = match decode(text) {
            Ok(message) => self.request(turn, message),
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
    ) -> Result<(), Stop<'a>> {
        let id = echo(message.id);
        let id = self.within_rate(turn, kind(&message.body), id)?;
        if id.as_deref().is_some_and(|id| self.awaits(id)) {
            let why = "a request with this `id` still waits for its answer: use another one";
            return Err(Stop::Bug(refusal(ErrorCode::DuplicateId, id, why)));
        }
        // A driver that minds `wants_input` never gets here.
        if !self.wants_input(&turn.about.rules.session) {
            let why = "too many requests wait for an answer: `limits.in_flight`";
            return Err(Stop::Refuse(refusal(ErrorCode::Overloaded, id, why)));
        }
        match message.body {
            Body::Auth { token } => self.refresh(turn, id, token),
            Body::Join { token: Some(_), .. } => Err(unsupported(id, "`join.token`")),
            Body::Join { room, since, token: None, presence: _ } => {
                self.join(turn, id, room, since)
            }
            Body::Leave { room } => self.leave(turn, id, room),
            Body::Message { ephemeral: true, .. } => Err(unsupported(id, "`message.ephemeral`")),
            Body::Message { room, payload, idempotency_key, ephemeral: false } => {
                self.publish(turn, id, Post { room, payload, idempotency_key })
            }
            Body::Ping { payload } => {
                turn.send(ServerMessage::Pong { id, payload });
                Ok(())
            }
            Body::Pong => Ok(()),
            Body::History => Err(unsupported(id, "`history`")),
            Body::Presence => Err(unsupported(id, "`presence`")),
            Body::Unknown => {
                let why = "no client message has this `type`";
                Err(Stop::Refuse(refusal(ErrorCode::UnknownType, id, why)))
            }
        }
    }

    /// Judges a text that is no message. What is no JSON was never parsed and counts to no rate.
    fn fault<'a>(&mut self, turn: &Turn<'_, 'a>, fault: DecodeFault<'a>) -> Result<(), Stop<'a>> {
        let (kind, id, code, why) = match fault {
            DecodeFault::Json(fault) => {
                let why = format!("the text is not acceptable: {fault}");
                return Err(Stop::Bug(refusal(ErrorCode::BadMessage, None, why)));
            }
            DecodeFault::Frame { id, why } => (Kind::Other, id, ErrorCode::BadMessage, why),
            DecodeFault::Member { id, auth, why } => {
                let kind = if auth { Kind::Refresh } else { Kind::Other };
                (kind, id, ErrorCode::BadMessage, why)
            }
            DecodeFault::Room { id } => {
                let why = "a room name is 1 to 128 bytes of A-Z a-z 0-9 . _ : | @ -";
                (Kind::Other, id, ErrorCode::BadRoom, why)
            }
        };
        let id = self.within_rate(turn, kind, echo(id))?;
        let error = refusal(code, id, why);
        Err(if code == ErrorCode::BadMessage { Stop::Bug(error) } else { Stop::Refuse(error) })
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
                let mut error = refusal(ErrorCode::RateLimited, id, "too many requests: wait");
                error.retry_after_ms = Some(after_ms);
                Err(Stop::Refuse(error))
            }
            Err(End::Verdict(verdict)) => Err(End::Verdict(verdict.answering(id)).into()),
            Err(end @ (End::Echo(_) | End::Gone)) => Err(end.into()),
        }
    }

    fn awaits(&self, id: &str) -> bool {
        let refresh = self.refresh.as_ref().and_then(|pending| pending.id.as_deref());
        refresh == Some(id) || self.in_flight.holds_id(id)
    }

    fn join<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        id: Echo<'a>,
        room: RoomText<'a>,
        since: Option<Since<'a>>,
    ) -> Result<(), Stop<'a>> {
        let held = self.rooms.wanted(room.as_str()).is_some();
        if !held && self.rooms.count() >= self.limits(turn.about).rooms as usize {
            let why = "no further room fits into `limits.rooms`: leave one first";
            return Err(in_room(ErrorCode::TooManyRooms, id, room, why));
        }
        if !self.may(turn.about, Permission::Join, room.borrowed()) {
            let why = "the token does not grant `join` for this room";
            return Err(in_room(ErrorCode::Forbidden, id, room, why));
        }
        let since_lost = since.is_some() && !turn.about.offers("recovery");
        let since = since.filter(|_| !since_lost);
        let room = self.rooms.join(room.borrowed());
        let key = self.in_flight.open(id, room.clone(), Ask::Join { since_lost });
        turn.act(Action::Join { key, room, since });
        Ok(())
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
        let Some(room) = self.rooms.wanted(post.room.as_str()).cloned() else {
            let why = "only members publish: join the room first";
            return Err(in_room(ErrorCode::NotJoined, id, post.room, why));
        };
        if !self.may(turn.about, Permission::Send, room.borrowed()) {
            let why = "the token does not grant `send` for this room";
            return Err(in_room(ErrorCode::Forbidden, id, post.room, why));
        }
        let Post { payload, idempotency_key, .. } = post;
        let key = self.in_flight.open(id, room.clone(), Ask::Publish);
        turn.act(Action::Publish { key, room, payload, idempotency_key });
        Ok(())
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
        | Body::History
        | Body::Presence
        | Body::Unknown => Kind::Other,
    }
}

fn unsupported<'a>(id: Echo<'a>, what: &str) -> Stop<'a> {
    let why = format!("this server does not offer {what}: see `features` of `auth_ok`");
    Stop::Refuse(refusal(ErrorCode::Unsupported, id, why))
}

fn in_room<'a>(code: ErrorCode, id: Echo<'a>, room: RoomText<'a>, why: &'static str) -> Stop<'a> {
    let room: Option<Cow<'a, str>> = Some(room.into_text());
    Stop::Refuse(ErrorMessage { room, ..refusal(code, id, why) })
}
