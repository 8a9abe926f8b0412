//! Who is this? Strict parse and claim rules (pure); signatures behind a trait.

pub mod algorithm;
pub mod claims;
pub mod compact;
mod figures;
#[cfg(feature = "server")]
pub mod generate;
pub mod header;
pub mod issuers;
#[cfg(feature = "server")]
mod jwk;
#[cfg(feature = "server")]
pub mod key;
#[cfg(feature = "server")]
pub mod mint;
mod numeric_date;
#[cfg(feature = "server")]
mod pem;
pub mod rejection;
#[cfg(feature = "server")]
pub mod ring;
#[cfg(feature = "server")]
pub mod source;
pub mod verifier;

pub use algorithm::{Algorithm, Family};
pub use claims::{IssuerRules, NameFault};
pub use compact::{Compact, TOKEN_BYTES};
pub use figures::{DirectoryFigures, Figures, SourceFigures};
pub use header::TypePolicy;
pub use issuers::{IssuerConflict, Issuers};
#[cfg(feature = "server")]
pub use key::{Key, KeyFault};
#[cfg(feature = "server")]
pub use mint::{Mint, SigningKey};
pub use rejection::{
    ClaimFault, ClaimName, Class, FormFault, HeaderFault, KeyRefusal, Part, Rejection, TicketFault,
};
#[cfg(feature = "server")]
pub use ring::KeyRing;
pub use verifier::{Consultation, Keys, Signatures};

use crate::protocol::{
    client_message::Token,
    credential::{Credential, Presentation},
    identity::{Login, Pass, Principal, Signer},
    time::Wall,
};
use std::{
    fmt,
    future::{self, Future},
    pin::Pin,
    sync::Arc,
};

/// The longest subject, in bytes.
pub const SUBJECT_BYTES: usize = 255;

/// Turns credentials into logins and passes. The server calls [`judge`](Self::judge) once for each
/// `auth` and for each credential of a handshake, and [`verify_pass`](Self::verify_pass) once for
/// each `join` with a room token.
///
/// Implement it to bring a verifier of your own; [`Verification::Done`] costs no task.
pub trait Verifier: Send + Sync + 'static {
    /// Judges a token that was shown to sign in, at wall-clock time `now`.
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification<Box<Login>>;

    /// Judges whatever was shown to sign in, whichever way it came, at wall-clock time `now`.
    ///
    /// Unless it is implemented tokens are verified, and tickets and passwords are refused.
    fn judge(&self, shown: Presentation<'_>, now: Wall) -> Verification<Box<Login>> {
        match shown.credential {
            Credential::Token(token) => self.verify(token, now),
            Credential::Ticket(_) => Verification::Done(Err(TicketFault::Unknown.into())),
            Credential::Unreadable(fault) => Verification::Done(Err(Rejection::Unreadable(fault))),
            Credential::Password(_) => Verification::Done(Err(Rejection::Password)),
        }
    }

    /// Judges the token of a `join` at wall-clock time `now`. Whether it speaks for the session's
    /// principal, and for the room of the `join`, is for the session to judge.
    ///
    /// Unless it is implemented no token is one for a room.
    fn verify_pass(&self, _token: Token<'_>, _now: Wall) -> Verification<Box<Pass>> {
        Verification::Done(Err(ClaimFault::NotForRoom.into()))
    }

    /// What it tells of itself, for the metrics of its server; nothing unless it is implemented.
    fn figures(&self) -> Figures {
        Figures::default()
    }

    /// What there is to do beside the judging, such as fetching keys, for as long as the server
    /// runs. It must say when sessions can be opened: [`House::ready`].
    fn upkeep(self: Arc<Self>, house: Arc<dyn House>) -> Upkeep {
        house.ready();
        Box::pin(future::pending())
    }
}

/// The work of a verifier beside the judging. It runs as a task of its own, ends with its server
/// and never before: if it returns or panics, the server ends too, because its keys would grow
/// stale unnoticed.
pub type Upkeep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The server as the upkeep of its verifier sees it.
pub trait House: Send + Sync {
    /// Credentials can be judged from now on: `/readyz` may say so. There is no way back: a source
    /// that fails later is for each credential to meet.
    fn ready(&self);

    /// A key is no longer one of its issuer's: ends the sessions whose token it signed, and the
    /// memberships that rest on a room token of it. Call it when no verdict is reached with that
    /// key any more.
    fn key_removed(&self, signer: Signer);

    /// The users that are signed in and that `wanted` picks; nobody unless it is implemented.
    fn users(&self, _wanted: &dyn Fn(&Principal) -> bool) -> Vec<Principal> {
        Vec::new()
    }

    /// Whether a user is signed in; nobody is unless it is implemented.
    fn is_here(&self, _user: &Principal) -> bool {
        false
    }

    /// A user may not stay: ends all of its sessions (4410). Call it when no verdict lets it in
    /// any more.
    fn revoke(&self, _user: &Principal) {}
}

/// The answer of a [`Verifier`].
pub enum Verification<T = Box<Login>> {
    /// Judged on the spot.
    Done(Result<T, Rejection>),
    /// The answer takes a lookup; it counts to the deadline.
    Pending(Pin<Box<dyn Future<Output = Result<T, Rejection>> + Send>>),
}

impl<T> fmt::Debug for Verification<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(Ok(_)) => "Done(Ok)",
            Self::Done(Err(_)) => "Done(Err)",
            Self::Pending(_) => "Pending",
        })
    }
}

#[cfg(test)]
#[cfg(feature = "server")]
mod fixtures;
#[cfg(test)]
#[cfg(feature = "server")]
mod hostile;
#[cfg(test)]
#[cfg(feature = "server")]
mod tests;
