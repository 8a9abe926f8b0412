//! Room tokens in a running session: the `join` that brings one, its verdict, and its end.

use super::{
    Action, Refusal, RequestKey,
    outcomes::{in_room, text},
    ready::{Ready, refuse},
    refresh::same_principal,
    requests::Entry,
    rooms::{Held, Lost},
    turn::{End, Turn, keep, recall},
};
use crate::protocol::{
    client_message::{Since, Token},
    error_code::ErrorCode,
    grant::Permission,
    identity::Pass,
    room_name::RoomName,
    server_message::ServerMessage,
    time::Time,
};

/// A `join` whose room token has no verdict. Nothing else is read meanwhile, so that what the
/// client asks of a room keeps its order.
#[derive(Debug)]
pub(super) struct Entering {
    /// The `id` of the `join`.
    id: Option<Box<str>>,
    room: RoomName,
    since: Option<Since<'static>>,
    /// Until when it waits.
    pub(super) hold_until: Time,
}

/// Why nothing is read for a while.
#[derive(Debug)]
pub(super) enum Pause {
    /// A join waits for the verdict on its room token.
    Pass(Entering),
    /// The answer to this `history` waits for its turn and for space.
    Page {
        key: RequestKey,
        /// Until when.
        hold_until: Time,
    },
}

impl Pause {
    /// Until when it lasts at most.
    pub(super) const fn hold_until(&self) -> Time {
        match self {
            Self::Pass(Entering { hold_until, .. }) | Self::Page { hold_until, .. } => *hold_until,
        }
    }

    const fn is_pass(&self) -> bool {
        match self {
            Self::Pass(_) => true,
            Self::Page { .. } => false,
        }
    }
}

impl Ready {
    /// Takes a `join` with a room token, which nothing but the token can refuse any more.
    pub(super) fn show_pass<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        entry: Entry<'a, '_>,
        token: Token<'a>,
    ) {
        let Entry { id, room, since } = entry;
        let hold_until = turn.now.time + turn.about.rules.session.refresh_grace_ms;
        let (room, since) = (room.to_name(), since.map(Since::into_owned));
        let entering = Entering { id: keep(id), room, since, hold_until };
        self.pause = Some(Box::new(Pause::Pass(entering)));
        turn.act(Action::VerifyPass(token));
    }

    /// The room token is good: what it says is compared with who asks for what.
    pub(super) fn pass_verified<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        pass: &Pass,
    ) -> Result<(), End<'a>> {
        let Some(entering) = self.conclude() else { return Ok(()) };
        let Entering { id, room, since, .. } = entering;
        let fits = same_principal(&self.login.identity, &pass.identity)
            && pass.room == room
            && pass.allow.contains(Permission::Join);
        // It may have expired since, and then it is no valid one, whatever it allows.
        let refused = if turn.now.wall >= pass.expires_at + pass.leeway_ms {
            ErrorCode::TokenExpired
        } else if !fits {
            ErrorCode::Forbidden
        } else {
            let entry = Entry { id: recall(id), room: room.borrowed(), since };
            self.enter(turn, entry, Some(pass));
            return Ok(());
        };
        refuse(turn, in_room(refused, id, &room))
    }

    /// The room token is refused: the session goes on, and so does a membership that there was.
    pub(super) fn pass_refused<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        why: Refusal,
    ) -> Result<(), End<'a>> {
        let Some(entering) = self.conclude() else { return Ok(()) };
        let code = match why {
            // What is revoked here is this token.
            Refusal::Invalid | Refusal::Revoked => ErrorCode::TokenInvalid,
            Refusal::Expired => ErrorCode::TokenExpired,
            Refusal::NotYetValid => ErrorCode::TokenNotYetValid,
            Refusal::Forbidden => ErrorCode::Forbidden,
            Refusal::TooManyConnections => ErrorCode::Overloaded,
        };
        refuse(turn, in_room(code, entering.id, &entering.room))
    }

    /// Nobody could judge the room token.
    pub(super) fn pass_undecided<'a>(&mut self, turn: &mut Turn<'_, 'a>) -> Result<(), End<'a>> {
        let Some(entering) = self.conclude() else { return Ok(()) };
        refuse(turn, in_room(ErrorCode::Internal, entering.id, &entering.room))
    }

    /// Gives up a room token without a verdict: the connection must not stay deaf for it.
    pub(super) fn give_up_pass<'a>(&mut self, turn: &mut Turn<'_, 'a>) -> Result<(), End<'a>> {
        if self.entering().is_none_or(|it| turn.now.time < it.hold_until) {
            return Ok(());
        }
        turn.act(Action::CancelVerifyPass);
        self.pass_undecided(turn)
    }

    /// Whether the join that waits has this `id`.
    pub(super) fn enters_with(&self, id: &str) -> bool {
        self.entering().is_some_and(|entering| entering.id.as_deref() == Some(id))
    }

    fn entering(&self) -> Option<&Entering> {
        match self.pause.as_deref() {
            Some(Pause::Pass(entering)) => Some(entering),
            Some(Pause::Page { .. }) | None => None,
        }
    }

    /// Reading goes on; that nothing was heard meanwhile says nothing about the peer.
    fn conclude(&mut self) -> Option<Entering> {
        let Pause::Pass(entering) = *self.pause.take_if(|pause| pause.is_pass())? else {
            return None;
        };
        self.heartbeat.life();
        Some(entering)
    }

    /// Ends the room tokens whose time has come.
    pub(super) fn end_expired_passes(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.now.wall;
        if now >= self.rooms.next_end() {
            self.end_passes(turn, ErrorCode::TokenExpired, |held| now >= held.ends_at);
        }
    }

    /// Ends the room tokens that are `over`, with the memberships that rest on them.
    pub(super) fn end_passes(
        &mut self,
        turn: &mut Turn<'_, '_>,
        code: ErrorCode,
        over: impl Fn(&Held) -> bool,
    ) {
        let lost = self.rooms.end_passes(over);
        for Lost { room, .. } in &lost {
            self.in_flight.end_basis(room, code);
        }
        dismiss(turn, lost, code);
    }
}

/// Carries out the end of memberships: nothing of a room follows its `left`.
pub(super) fn dismiss(turn: &mut Turn<'_, '_>, lost: Vec<Lost>, code: ErrorCode) {
    for Lost { room, joined, tell } in lost {
        let name = text(&room);
        if joined {
            turn.act(Action::Evict { room });
        }
        if tell {
            turn.send(ServerMessage::Left { id: None, room: name, code: Some(code) });
        }
    }
}
