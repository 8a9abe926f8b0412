//! Carries out what the session wants done.

use super::{Connection, Desk};
use crate::{
    broker::Draft,
    metrics::{Count, End, Level},
    outbox::{Frame, Refused},
    protocol::{close_code::CloseCode, server_message::ServerMessage},
    relay::Caller,
    session::{Action, Actions, Event, Refusal, RequestKey, RoomRefusal},
    token::{Class, Rejection},
};

/// What the peer learns of a refused token is the class, the log has the rule. `None` if nobody
/// could judge it.
pub(super) fn refusal(rejection: &Rejection) -> Option<Refusal> {
    match rejection.class() {
        Class::Invalid => Some(Refusal::Invalid),
        Class::Expired => Some(Refusal::Expired),
        Class::NotYetValid => Some(Refusal::NotYetValid),
        Class::Forbidden => Some(Refusal::Forbidden),
        Class::Revoked => Some(Refusal::Revoked),
        Class::Unavailable => None,
    }
}

impl Connection {
    /// Carries out actions in order. An outcome that is there at once goes back to the session
    /// before the next action.
    pub(super) fn perform(&mut self, actions: Actions<'_>, desk: &mut Desk) {
        for action in actions {
            self.act(action, desk);
        }
    }

    fn act(&mut self, action: Action<'_>, desk: &mut Desk) {
        match action {
            Action::Verify(credential) => self.verify(credential, desk),
            Action::CancelVerify => self.cancel_verify(),
            Action::VerifyPass(token) => self.verify_pass(token, desk),
            Action::CancelVerifyPass => self.cancel_verify_pass(),
            Action::Send(message) => self.send(&message, desk),
            Action::Pong(payload) => self.push(Frame::pong(payload), desk),
            Action::Ping { text } => {
                self.push(Frame::ping(&[]), desk);
                if text {
                    self.send(&ServerMessage::Ping, desk);
                }
            }
            Action::Join { key, room, since } => {
                let caller = self.caller(key, desk);
                if let Some(joined) = self.seats.room(room.borrowed()) {
                    return desk.shared.relay.rejoin(caller, joined, since.as_ref());
                }
                match desk.shared.relay.join(caller, &room, since.as_ref()) {
                    Ok(room) => {
                        desk.recorder.raise(Level::Member);
                        self.seats.enter(room, key);
                    }
                    Err(why) => self.step(Event::JoinRefused { key, why }, desk),
                }
            }
            Action::Leave { key, room } => {
                let caller = self.caller(key, desk);
                match self.seats.begin_leave(room.borrowed(), key) {
                    Some(room) => desk.shared.relay.leave(caller, &room),
                    None => self.step(Event::Left { key }, desk),
                }
            }
            Action::Evict { room } => self.seats.evict(room.borrowed(), self.key, desk),
            Action::Publish { .. } => self.publish(&action, desk),
            Action::History { key, room, range } => self.look_back(key, &room, range, desk),
            Action::Cut => self.transport.cut(),
            Action::Close { code, retry_after_ms } => self.close(code, retry_after_ms, desk),
            Action::EchoClose(code) => {
                self.note_end(End::Client, desk);
                self.shut(Frame::close(code, ""), desk);
            }
            Action::Abandon => {
                self.note_end(End::Lost, desk);
                self.transport.abandon();
                self.seats.vacate(self.key, desk);
                self.wake();
            }
        }
    }

    fn publish(&mut self, action: &Action<'_>, desk: &mut Desk) {
        let Action::Publish { key, room, payload, idempotency_key, ephemeral } = action else {
            return;
        };
        let key = *key;
        let (Some(shared), Some(login)) = (self.seats.room(room.borrowed()), self.session.login())
        else {
            let why = RoomRefusal::NotJoined;
            return self.step(Event::PublishFailed { key, why }, desk);
        };
        let draft = Draft {
            room: room.borrowed(),
            user: &login.identity.user,
            info: login.info.as_ref().map(|info| info.get()),
            payload: payload.text(),
            idempotency_key: idempotency_key.as_ref().map(|key| key.as_str()),
        };
        if *ephemeral {
            let event = match desk.shared.relay.emit(shared, &draft, desk.now.wall) {
                Ok(at) => {
                    desk.recorder.count(Count::Ephemeral);
                    Event::Emitted { key, at_ms: at.as_ms() }
                }
                Err(why) => Event::PublishFailed { key, why },
            };
            return self.step(event, desk);
        }
        match desk.shared.relay.publish(shared, &draft, desk.now.wall) {
            Ok(published) => {
                desk.recorder.count(match published.duplicate {
                    true => Count::Duplicate,
                    false => Count::Published,
                });
                let event = Event::Published {
                    key,
                    epoch: published.epoch.as_str(),
                    seq: published.seq,
                    at_ms: published.at.as_ms(),
                    duplicate: published.duplicate,
                };
                self.step(event, desk);
            }
            Err(why) => self.step(Event::PublishFailed { key, why }, desk),
        }
    }

    fn send(&mut self, message: &ServerMessage<'_>, desk: &mut Desk) {
        self.note_message(message, desk);
        let pushed = self.transport.push_data(Frame::text(message), desk.now.time);
        self.after_push(pushed, desk);
    }

    fn push(&mut self, frame: Frame, desk: &mut Desk) {
        let pushed = self.transport.push(frame);
        self.after_push(pushed, desk);
    }

    /// A full outbox is a slow consumer; a sealed one swallows what comes after the Close.
    fn after_push(&mut self, pushed: Result<(), Refused>, desk: &mut Desk) {
        match pushed {
            Ok(()) | Err(Refused::Sealed) => {}
            Err(Refused::Full) => self.step(Event::Slow, desk),
        }
    }

    fn close(&mut self, code: CloseCode, retry_after_ms: Option<u64>, desk: &mut Desk) {
        let connection = self.session.connection();
        tracing::debug!(connection, code = code.code(), name = code.name(), "closing");
        self.note_end(End::Server(code), desk);
        if let Some(guest) = self.guest.as_ref().filter(|_| is_failed_attempt(code)) {
            guest.failed(desk.now.time);
        }
        self.shut(Frame::close(Some(code.code()), &code.reason(retry_after_ms)), desk);
    }

    fn shut(&mut self, frame: Frame, desk: &mut Desk) {
        self.lookups = None;
        if let Some(guest) = &self.guest {
            guest.closing();
        }
        let identity = self.admitted.take();
        self.transport.close(frame, desk.now.time, identity.is_some());
        self.seats.vacate(self.key, desk);
        // The session is over, even if its peer takes long to hang up: the user may come back.
        if let Some(identity) = identity {
            desk.leave(self.key, &identity);
        }
        self.wake();
    }

    pub(super) fn caller(&self, request: RequestKey, desk: &Desk) -> Caller {
        Caller { worker: desk.worker, connection: self.key, request, now: desk.now.wall }
    }
}

/// Whether a verdict before the sign-in speaks against its address: not where the fault is ours,
/// or a lack of places.
const fn is_failed_attempt(code: CloseCode) -> bool {
    match code {
        CloseCode::Protocol
        | CloseCode::Binary
        | CloseCode::Utf8
        | CloseCode::TooBig
        | CloseCode::BadMessage
        | CloseCode::UnsupportedProtocol
        | CloseCode::AuthRequired
        | CloseCode::Forbidden
        | CloseCode::AuthTimeout
        | CloseCode::PrincipalMismatch
        | CloseCode::Revoked
        | CloseCode::TokenInvalid
        | CloseCode::TokenExpired
        | CloseCode::TokenNotYetValid
        | CloseCode::SlowConsumer
        | CloseCode::HeartbeatTimeout
        | CloseCode::RateLimited => true,
        CloseCode::Normal
        | CloseCode::GoingAway
        | CloseCode::Internal
        | CloseCode::Restart
        | CloseCode::Overloaded
        | CloseCode::Replaced
        | CloseCode::TooManyConnections => false,
    }
}
