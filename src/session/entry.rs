//! The two states before the verdict: one deadline, one attempt, nothing of a room.

use super::{
    Action, Event, State,
    life::ends_at,
    ready::Ready,
    turn::{Echo, End, Step, Turn, echo, keep, recall},
};
use crate::protocol::{
    client_message::{Body, DecodeFault, MemberOf, Token, decode},
    close_code::CloseCode,
    credential::Credential,
    identity::Login,
    room_name::{BadRoomName, RoomName},
    time::{Now, Time},
};

/// Waits for the first message.
#[derive(Debug)]
pub(super) struct AwaitingAuth {
    /// When there must be a verdict. It spans both states and nothing moves it.
    pub(super) deadline: Time,
    /// The room that the handshake asked for, joined behind a good verdict.
    pub(super) room: Option<Box<Result<RoomName, BadRoomName>>>,
}

impl AwaitingAuth {
    pub(super) fn handle<'a>(&mut self, turn: &mut Turn<'_, 'a>, event: Event<'a>) -> Step<'a> {
        if turn.now.time >= self.deadline && !event.is_departure() {
            return Err(End::verdict(CloseCode::AuthTimeout));
        }
        match event {
            Event::Text(text) => {
                let (id, token) = first_message(text)?;
                self.verify(turn, id, token.into())
            }
            Event::TooBig => Err(End::verdict(CloseCode::TooBig)),
            Event::Fault(fault) => Err(End::verdict(fault.close_code())),
            Event::UnsupportedProtocol => Err(End::verdict(CloseCode::UnsupportedProtocol)),
            Event::Ping(payload) => {
                turn.act(Action::Pong(payload));
                Ok(None)
            }
            Event::PeerClose(code) => Err(End::Echo(code)),
            Event::Eof => Err(End::Gone),
            Event::Revoked => Err(End::verdict(CloseCode::Revoked)),
            Event::Replaced => Err(End::verdict(CloseCode::Replaced)),
            Event::Draining { after_ms } | Event::Shutdown { after_ms } => {
                Err(End::restart(after_ms))
            }
            Event::Slow => Err(End::verdict(CloseCode::SlowConsumer)),
            Event::Evicted(code) => Err(End::verdict(code)),
            Event::Pong
            | Event::Timer(_)
            | Event::KeyRemoved(_)
            // They are taken over before any state hears of it.
            | Event::RulesChanged(_)
            | Event::Verified(_)
            | Event::Refused(_)
            | Event::VerifierDown
            | Event::PassVerified(_)
            | Event::PassRefused(_)
            | Event::PassUndecided
            | Event::Delivery
            | Event::Joined { .. }
            | Event::JoinRefused { .. }
            | Event::Left { .. }
            | Event::Published { .. }
            | Event::PublishFailed { .. }
            | Event::Emitted { .. }
            | Event::History { .. }
            | Event::HistoryRefused { .. } => Ok(None),
        }
    }

    /// Hands the one credential of a connection to the verifier.
    pub(super) fn verify<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        id: Echo<'a>,
        credential: Credential<'a>,
    ) -> Step<'a> {
        if credential.bytes() > turn.about.rules.auth.token_bytes {
            return Err(End::answer(id, CloseCode::TokenInvalid));
        }
        turn.act(Action::Verify(credential));
        Ok(Some(self.wait(keep(id))))
    }

    /// From here on there is nothing but the verdict.
    pub(super) fn wait(&mut self, id: Option<Box<str>>) -> State {
        let asked = Asked { id, room: self.room.take() };
        let asked = (asked.id.is_some() || asked.room.is_some()).then(|| Box::new(asked));
        State::Verifying(Verifying { deadline: self.deadline, asked })
    }
}

/// Judges the first message: JSON and the frame's shape, then the type, then its members.
fn first_message(text: &str) -> Result<(Echo<'_>, Token<'_>), End<'_>> {
    let refuse = |id, code| Err(End::answer(echo(id), code));
    match decode(text) {
        Ok(message) => match message.body {
            Body::Auth { token } => Ok((echo(message.id), token)),
            Body::Join { .. }
            | Body::Leave { .. }
            | Body::Message { .. }
            | Body::Ping { .. }
            | Body::Pong
            | Body::History { .. }
            | Body::Presence
            | Body::Unknown => refuse(message.id, CloseCode::AuthRequired),
        },
        Err(DecodeFault::Json(_)) => refuse(None, CloseCode::BadMessage),
        Err(DecodeFault::Frame { id, .. }) => refuse(id, CloseCode::BadMessage),
        Err(DecodeFault::Member { id, of, .. } | DecodeFault::Room { id, of }) => match of {
            MemberOf::Auth => refuse(id, CloseCode::BadMessage),
            MemberOf::Join
            | MemberOf::Leave
            | MemberOf::Message
            | MemberOf::Ping
            | MemberOf::History => refuse(id, CloseCode::AuthRequired),
        },
    }
}

/// Waits for the verdict; the driver reads nothing meanwhile.
#[derive(Debug)]
pub(super) struct Verifying {
    pub(super) deadline: Time,
    /// Boxed: most ask for nothing, and ten thousand may wait.
    asked: Option<Box<Asked>>,
}

/// What comes with a credential.
#[derive(Debug, Default)]
struct Asked {
    /// The `id` of the `auth`.
    id: Option<Box<str>>,
    room: Option<Box<Result<RoomName, BadRoomName>>>,
}

impl Verifying {
    pub(super) fn handle<'a>(&mut self, turn: &mut Turn<'_, 'a>, event: Event<'a>) -> Step<'a> {
        // A signature check on the spot never hangs: this is our key source.
        if self.is_late(turn.now) && !event.is_departure() {
            return self.refuse(CloseCode::Internal);
        }
        match event {
            Event::Verified(login) => self.admit(turn, login),
            Event::Refused(refusal) => self.refuse(refusal.close_code()),
            Event::VerifierDown => self.refuse(CloseCode::Internal),
            // Whoever reads against `wants_input` would lose the message: that is our fault.
            Event::Text(_) | Event::TooBig => self.refuse(CloseCode::Internal),
            Event::Fault(fault) => self.refuse(fault.close_code()),
            Event::UnsupportedProtocol => self.refuse(CloseCode::UnsupportedProtocol),
            Event::Ping(payload) => {
                turn.act(Action::Pong(payload));
                Ok(None)
            }
            Event::PeerClose(code) => Err(End::Echo(code)),
            Event::Eof => Err(End::Gone),
            Event::Revoked => self.refuse(CloseCode::Revoked),
            Event::Replaced => self.refuse(CloseCode::Replaced),
            Event::Draining { after_ms } | Event::Shutdown { after_ms } => {
                Err(End::restart(after_ms))
            }
            Event::Slow => self.refuse(CloseCode::SlowConsumer),
            Event::Evicted(code) => self.refuse(code),
            Event::Pong
            | Event::Timer(_)
            // The driver refuses a verdict that rests on it.
            | Event::KeyRemoved(_)
            // They are taken over before any state hears of it.
            | Event::RulesChanged(_)
            | Event::PassVerified(_)
            | Event::PassRefused(_)
            | Event::PassUndecided
            | Event::Delivery
            | Event::Joined { .. }
            | Event::JoinRefused { .. }
            | Event::Left { .. }
            | Event::Published { .. }
            | Event::PublishFailed { .. }
            | Event::Emitted { .. }
            | Event::History { .. }
            | Event::HistoryRefused { .. } => Ok(None),
        }
    }

    /// Whether the credential's verdict is `auth_ok` if `login` is what it says.
    pub(super) fn admits(&self, now: Now, login: &Login) -> bool {
        !self.is_late(now) && now.wall < ends_at(login)
    }

    fn is_late(&self, now: Now) -> bool {
        now.time >= self.deadline
    }

    fn admit<'a>(&mut self, turn: &mut Turn<'_, 'a>, login: Box<Login>) -> Step<'a> {
        if !self.admits(turn.now, &login) {
            return self.refuse(CloseCode::TokenExpired);
        }
        let Asked { id, room } = self.asked.take().map(|asked| *asked).unwrap_or_default();
        let mut ready = Ready::begin(turn, recall(id), login);
        if let Some(room) = room {
            ready.enter_by_path(turn, *room)?;
        }
        Ok(Some(State::Ready(Box::new(ready))))
    }

    fn refuse<'a>(&mut self, code: CloseCode) -> Step<'a> {
        Err(End::answer(recall(self.asked.take().and_then(|asked| asked.id)), code))
    }
}
