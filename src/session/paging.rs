//! Looking back: a `history` request on its way, and what comes of it.
//!
//! Nothing is read while one has no answer: what is asked of a room keeps its order, and one answer
//! at a time waits for space.

use super::{
    Action, RequestKey, RoomRefusal,
    in_flight::{Ask, Request},
    outcomes::{code_of, in_room, text},
    passes::Pause,
    ready::{Ready, refuse},
    requests::Stop,
    turn::{Echo, End, Turn, recall, refusal},
};
use crate::protocol::{
    client_message::Range, error_code::ErrorCode, grant::Permission, room_name::RoomText,
    server_message::ServerMessage, time::Time,
};
use std::borrow::Cow;

/// How long an answer waits for space in the outbox, in milliseconds.
pub(super) const PATIENCE_MS: u64 = 10_000;

impl Ready {
    /// A join on its way is membership enough: the room takes requests in the order sent.
    pub(super) fn look_back<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        id: Echo<'a>,
        room: &RoomText<'a>,
        range: Range,
    ) -> Result<(), Stop<'a>> {
        let Some((room, member)) = self.rooms.wanted(room.as_str()) else {
            return Err(Stop::Refuse(refusal(ErrorCode::NotJoined, id)));
        };
        if !member.may(Permission::History) {
            return Err(Stop::Refuse(refusal(ErrorCode::Forbidden, id)));
        }
        let room = room.clone();
        let key = self.in_flight.open(id, room.clone(), Ask::History);
        let hold_until = turn.now.time + PATIENCE_MS;
        self.pause = Some(Box::new(Pause::Page { key, hold_until }));
        turn.act(Action::History { key, room, range });
        Ok(())
    }

    /// A part of the history of a room. The right to it is judged again: a refresh may have come
    /// in between, or the end of a room token.
    pub(super) fn history<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        key: RequestKey,
        epoch: &'a str,
        (messages, more): (Vec<Cow<'a, str>>, bool),
    ) -> Result<(), End<'a>> {
        let Some(Request { id, room, .. }) = self.turn_page(key) else { return Ok(()) };
        let member = self.rooms.wanted(room.as_str()).map(|(_, member)| member);
        if !member.is_some_and(|member| member.may(Permission::History)) {
            return refuse(turn, in_room(ErrorCode::Forbidden, id, &room));
        }
        let (id, room, epoch) = (recall(id), text(&room), Cow::Borrowed(epoch));
        turn.send(ServerMessage::History { id, room, epoch, messages, more });
        Ok(())
    }

    pub(super) fn history_refused<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        key: RequestKey,
        why: RoomRefusal,
    ) -> Result<(), End<'a>> {
        let Some(Request { id, room, .. }) = self.turn_page(key) else { return Ok(()) };
        refuse(turn, in_room(code_of(why), id, &room))
    }

    /// Gives up an answer that found no space for too long.
    pub(super) fn give_up_page<'a>(&mut self, turn: &mut Turn<'_, 'a>) -> Result<(), End<'a>> {
        match self.page() {
            Some((key, hold_until)) if turn.now.time >= hold_until => {
                self.history_refused(turn, key, RoomRefusal::Overloaded)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a `history` has no answer.
    pub(super) fn looks_back(&self) -> bool {
        self.page().is_some()
    }

    fn page(&self) -> Option<(RequestKey, Time)> {
        match self.pause.as_deref() {
            Some(&Pause::Page { key, hold_until }) => Some((key, hold_until)),
            Some(Pause::Pass(_)) | None => None,
        }
    }

    fn turn_page(&mut self, key: RequestKey) -> Option<Request> {
        let request = self.in_flight.settle(key, |ask| ask == Ask::History)?;
        if self.looks_back() {
            self.pause = None;
        }
        Some(request)
    }
}
