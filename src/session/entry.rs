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
    identity::Login,
    time::{Now, Time},
};

/// Waits for the first message.
#[derive(Debug)]
pub(super) struct AwaitingAuth {
    /// When there must be a verdict. It spans both states and nothing moves it.
    pub(super) deadline: Time,
}

impl AwaitingAuth {
    pub(super) fn handle<'a>(&self, turn: &mut Turn<'_, 'a>, event: Event<'a>) -> Step<'a> {
        if turn.now.time >= self.deadline && !event.is_departure() {
            return Err(End::verdict(CloseCode::AuthTimeout));
        }
        match event {
            Event::Text(text) => {
                let (id, token) = first_message(text)?;
                verify(turn, self.deadline, id, token)
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
}

/// Hands the one credential of a connection to the verifier.
pub(super) fn verify<'a>(
    turn: &mut Turn<'_, 'a>,
    deadline: Time,
    id: Echo<'a>,
    token: Token<'a>,
) -> Step<'a> {
    if token.reveal().len() > turn.about.rules.auth.token_bytes {
        return Err(End::answer(id, CloseCode::TokenInvalid));
    }
    turn.act(Action::Verify(token));
    Ok(Some(State::Verifying(Verifying { deadline, id: keep(id) })))
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
    /// The `id` of the `auth`.
    pub(super) id: Option<Box<str>>,
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
            // A verdict that comes later was reached without the key.
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
        let ready = Ready::begin(turn, recall(self.id.take()), login);
        Ok(Some(State::Ready(Box::new(ready))))
    }

    fn refuse<'a>(&mut self, code: CloseCode) -> Step<'a> {
        Err(End::answer(recall(self.id.take()), code))
    }
}
