//! Who is this? Strict parse and claim rules (pure); signatures behind a trait.

use crate::protocol::{client_message::Token, identity::Login, time::Wall};
use std::{fmt, future::Future, pin::Pin};

/// Turns a credential into a login. The server calls it once for each `auth`.
///
/// Implement it to bring a verifier of your own; [`Verification::Done`] costs no task.
pub trait Verifier: Send + Sync + 'static {
    /// Judges `token` at wall-clock time `now`.
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification;
}

/// The answer of a [`Verifier`].
pub enum Verification {
    /// Judged on the spot.
    Done(Result<Box<Login>, Rejection>),
    /// The answer takes a lookup; it counts to the deadline.
    Pending(Pin<Box<dyn Future<Output = Result<Box<Login>, Rejection>> + Send>>),
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(Ok(_)) => "Done(Ok)",
            Self::Done(Err(_)) => "Done(Err)",
            Self::Pending(_) => "Pending",
        })
    }
}

/// Why a credential is refused: one variant per broken rule, for the log and `token check`.
/// The peer sees only its class.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The key source or directory cannot answer (1011, not the client's fault).
    Unavailable,
    /// The user or the token is revoked.
    Revoked,
    /// Valid, not allowed here.
    Forbidden,
}
