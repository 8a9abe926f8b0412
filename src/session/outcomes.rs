//! What became of requests that went to a room.

use super::{
    Action, RequestKey, RoomRefusal,
    in_flight::{Ask, Basis, Request},
    ready::{Ready, refuse},
    turn::{End, Turn, recall, refusal},
};
use crate::protocol::{
    error_code::ErrorCode,
    room_name::RoomName,
    server_message::{ErrorMessage, Position, ServerMessage},
};
use std::borrow::Cow;

impl Ready {
    /// A join took effect at `(epoch, seq)`. A refresh may have come in between, or the end of its
    /// room token, so the right is judged again.
    pub(super) fn joined<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        key: RequestKey,
        (epoch, seq): (&'a str, u64),
        recovered: Option<bool>,
    ) -> Result<(), End<'a>> {
        let is_join = |ask| matches!(ask, Ask::Join { .. });
        let Some(Request { id, room, ask, .. }) = self.in_flight.settle(key, is_join) else {
            return Ok(());
        };
        if let Some(code) = lost_basis(ask).filter(|_| self.rooms.is_joined(&room)) {
            // An earlier join, by the login, took effect meanwhile: that membership stands.
            self.rooms.join_refused(&room);
            return refuse(turn, in_room(code, id, &room));
        }
        let lost =
            lost_basis(ask).or_else(|| (!self.rooms.stays(&room)).then_some(ErrorCode::Forbidden));
        self.rooms.joined(&room, lost.is_none());
        if let Some(code) = lost {
            let error = in_room(code, id, &room);
            turn.act(Action::Evict { room });
            return refuse(turn, error);
        }
        let since_lost = matches!(ask, Ask::Join { since_lost: true, .. });
        let recovered = if since_lost { Some(false) } else { recovered };
        let epoch = Cow::Borrowed(epoch);
        let message =
            ServerMessage::Joined { id: recall(id), room: text(&room), epoch, seq, recovered };
        turn.send(message);
        Ok(())
    }

    pub(super) fn join_refused<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        key: RequestKey,
        why: RoomRefusal,
    ) -> Result<(), End<'a>> {
        let is_join = |ask| matches!(ask, Ask::Join { .. });
        let Some(Request { id, room, ask, .. }) = self.in_flight.settle(key, is_join) else {
            return Ok(());
        };
        self.rooms.join_refused(&room);
        refuse(turn, in_room(lost_basis(ask).unwrap_or(code_of(why)), id, &room))
    }

    pub(super) fn left<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        key: RequestKey,
    ) -> Result<(), End<'a>> {
        let settled = self.in_flight.settle(key, |ask| ask == Ask::Leave);
        if let Some(Request { id, room, .. }) = settled {
            self.rooms.left(&room);
            turn.send(ServerMessage::Left { id: recall(id), room: text(&room), code: None });
        }
        Ok(())
    }

    /// A message is committed at `(epoch, seq)`, `(at_ms, duplicate)`; only an `id` asks for the
    /// `ack`.
    pub(super) fn published<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        key: RequestKey,
        (epoch, seq): (&'a str, u64),
        (at_ms, duplicate): (u64, bool),
    ) -> Result<(), End<'a>> {
        let settled = self.in_flight.settle(key, |ask| ask == Ask::Publish);
        if let Some(Request { id: Some(id), room, .. }) = settled {
            let position = Some(Position { epoch: Cow::Borrowed(epoch), seq });
            let id = Cow::Owned(id.into_string());
            turn.send(ServerMessage::Ack { id, room: text(&room), position, at_ms, duplicate });
        }
        Ok(())
    }

    /// An ephemeral message is on its way; only an `id` asks for the `ack`.
    pub(super) fn emitted<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        key: RequestKey,
        at_ms: u64,
    ) -> Result<(), End<'a>> {
        let settled = self.in_flight.settle(key, |ask| ask == Ask::Publish);
        if let Some(Request { id: Some(id), room, .. }) = settled {
            let (id, room) = (Cow::Owned(id.into_string()), text(&room));
            turn.send(ServerMessage::Ack { id, room, position: None, at_ms, duplicate: false });
        }
        Ok(())
    }

    pub(super) fn publish_failed<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        key: RequestKey,
        why: RoomRefusal,
    ) -> Result<(), End<'a>> {
        let settled = self.in_flight.settle(key, |ask| ask == Ask::Publish);
        let Some(Request { id, room, .. }) = settled else { return Ok(()) };
        refuse(turn, in_room(code_of(why), id, &room))
    }
}

/// Why the room token of a join is no more, if that is so.
const fn lost_basis(ask: Ask) -> Option<ErrorCode> {
    match ask {
        Ask::Join { basis: Basis::Lost(code), .. } => Some(code),
        Ask::Join { basis: Basis::Login | Basis::Pass, .. }
        | Ask::Leave
        | Ask::Publish
        | Ask::History => None,
    }
}

pub(super) const fn code_of(why: RoomRefusal) -> ErrorCode {
    match why {
        RoomRefusal::NotJoined => ErrorCode::NotJoined,
        RoomRefusal::Overloaded => ErrorCode::Overloaded,
        RoomRefusal::Internal => ErrorCode::Internal,
    }
}

/// The answer to a kept request about `room`.
pub(super) fn in_room<'a>(
    code: ErrorCode,
    id: Option<Box<str>>,
    room: &RoomName,
) -> ErrorMessage<'a> {
    ErrorMessage { room: Some(text(room)), ..refusal(code, recall(id)) }
}

pub(super) fn text(room: &RoomName) -> Cow<'static, str> {
    Cow::Owned(room.as_str().to_owned())
}
