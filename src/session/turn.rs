//! One turn of the machine: what a state sees of the session around it, and how a turn can end.

use super::{Action, Actions, Refusal, Rules, State, TransportFault};
use crate::protocol::{
    client_message::RequestId,
    close_code::CloseCode,
    error_code::ErrorCode,
    server_message::{ErrorMessage, ServerMessage},
    time::Now,
};
use std::{borrow::Cow, sync::Arc};

/// The `id` that an answer echoes.
pub(super) type Echo<'a> = Option<Cow<'a, str>>;

/// What a state makes of an event: the state to go on in (`None`: the same), or the end.
pub(super) type Step<'a> = Result<Option<State>, End<'a>>;

/// What stays the same for the whole life of a session, but for what its rules say about rooms.
#[derive(Debug)]
pub(super) struct About {
    pub(super) rules: Arc<Rules>,
    pub(super) connection: Box<str>,
    pub(super) seed: u32,
}

impl About {
    /// Whether `auth_ok` lists `feature`.
    pub(super) fn offers(&self, feature: &str) -> bool {
        self.rules.features.contains(&feature)
    }
}

/// The surroundings of one event.
pub(super) struct Turn<'s, 'a> {
    pub(super) now: Now,
    pub(super) about: &'s About,
    pub(super) out: Actions<'a>,
}

impl<'a> Turn<'_, 'a> {
    pub(super) fn act(&mut self, action: Action<'a>) {
        self.out.push(action);
    }

    pub(super) fn send(&mut self, message: ServerMessage<'a>) {
        self.act(Action::Send(message));
    }
}

/// Why a session ends.
#[derive(Debug)]
pub(super) enum End<'a> {
    /// The server closes.
    Verdict(Verdict<'a>),
    /// The peer closed; its code is echoed.
    Echo(Option<u16>),
    /// The peer is gone.
    Gone,
}

/// A close of the server's: said in the `error`, in the code and in the reason.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    /// The request that it answers, if it answers one.
    pub(super) id: Echo<'a>,
    pub(super) code: CloseCode,
    pub(super) retry_after_ms: Option<u64>,
}

impl<'a> Verdict<'a> {
    /// The same verdict as the answer to the request `id`.
    pub(super) fn answering(self, id: Echo<'a>) -> Self {
        Self { id, ..self }
    }
}

impl<'a> End<'a> {
    /// A verdict that answers no request.
    pub(super) const fn verdict(code: CloseCode) -> Self {
        Self::answer(None, code)
    }

    /// The verdict on the request `id`.
    pub(super) const fn answer(id: Echo<'a>, code: CloseCode) -> Self {
        Self::Verdict(Verdict { id, code, retry_after_ms: None })
    }

    /// The server restarts.
    pub(super) const fn restart(after_ms: u64) -> Self {
        let code = CloseCode::Restart;
        Self::Verdict(Verdict { id: None, code, retry_after_ms: Some(after_ms) })
    }

    /// Gives the actions of the end and the state after it: nothing is sent behind a Close.
    pub(super) fn carry_out(self, out: &mut Actions<'a>) -> State {
        match self {
            Self::Verdict(Verdict { id, code, retry_after_ms }) => {
                if code == CloseCode::SlowConsumer {
                    out.push(Action::Cut);
                }
                if code.has_error() {
                    out.push(Action::Send(ServerMessage::Fatal { id, code, retry_after_ms }));
                }
                out.push(Action::Close { code, retry_after_ms });
                State::Closing
            }
            Self::Echo(code) => {
                out.push(Action::EchoClose(code));
                State::Closing
            }
            Self::Gone => {
                out.push(Action::Abandon);
                State::Closed
            }
        }
    }
}

/// An `error` that does not close, in the words of its code.
pub(super) fn refusal(code: ErrorCode, id: Echo<'_>) -> ErrorMessage<'_> {
    refusal_because(code, id, code.message())
}

/// An `error` that does not close, where there is more to say than its code says.
pub(super) fn refusal_because<'a>(
    code: ErrorCode,
    id: Echo<'a>,
    why: impl Into<Cow<'a, str>>,
) -> ErrorMessage<'a> {
    ErrorMessage { id, room: None, code, message: why.into(), retry_after_ms: None }
}

/// The text of a request's id, to be echoed.
pub(super) fn echo(id: Option<RequestId<'_>>) -> Echo<'_> {
    id.map(RequestId::into_text)
}

/// An id that waits for its answer.
pub(super) fn keep(id: Echo<'_>) -> Option<Box<str>> {
    id.map(|id| id.into_owned().into_boxed_str())
}

/// A kept id, to be echoed.
pub(super) fn recall(id: Option<Box<str>>) -> Echo<'static> {
    id.map(|id| Cow::Owned(id.into_string()))
}

impl TransportFault {
    pub(super) const fn close_code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::Protocol,
            Self::Binary => CloseCode::Binary,
            Self::Utf8 => CloseCode::Utf8,
            Self::TooBig => CloseCode::TooBig,
        }
    }
}

impl Refusal {
    pub(super) const fn close_code(self) -> CloseCode {
        match self {
            Self::Invalid => CloseCode::TokenInvalid,
            Self::Expired => CloseCode::TokenExpired,
            Self::NotYetValid => CloseCode::TokenNotYetValid,
            Self::Forbidden => CloseCode::Forbidden,
            Self::Revoked => CloseCode::Revoked,
            Self::TooManyConnections => CloseCode::TooManyConnections,
        }
    }
}
