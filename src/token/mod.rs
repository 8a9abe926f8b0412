//! Who is this? Strict parse and claim rules (pure); signatures behind a trait.

pub mod algorithm;
pub mod claims;
pub mod compact;
#[cfg(feature = "server")]
pub mod generate;
pub mod header;
#[cfg(feature = "server")]
pub mod key;
#[cfg(feature = "server")]
pub mod mint;
mod numeric_date;
#[cfg(feature = "server")]
mod pem;
pub mod rejection;
pub mod verifier;

pub use algorithm::{Algorithm, Family};
pub use claims::IssuerRules;
pub use compact::{Compact, TOKEN_BYTES};
#[cfg(feature = "server")]
pub use key::{Key, KeyFault};
#[cfg(feature = "server")]
pub use mint::{Mint, SigningKey};
pub use rejection::{ClaimFault, ClaimName, Class, FormFault, HeaderFault, Part, Rejection};
pub use verifier::{IssuerVerifier, Signatures};

use crate::protocol::{client_message::Token, identity::Login, time::Wall};
use std::{fmt, future::Future, pin::Pin};

/// The longest subject, in bytes.
pub const SUBJECT_BYTES: usize = 255;

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

#[cfg(test)]
#[cfg(feature = "server")]
mod fixtures;
#[cfg(test)]
#[cfg(feature = "server")]
mod tests;
