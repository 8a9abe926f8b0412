//! The user behind the token: whether there is one, and whether it may come in.
//!
//! A [`Directory`] is asked behind the signature, and again while the user is connected. A
//! [`Register`] stands in front of it and keeps the questions few: one at a time for each user,
//! some at a time in all, and an answer counts for a moment. [`Checked`] is the verifier that
//! asks.

mod agenda;
mod cache;
mod checked;
mod http;
mod profile;
mod register;
mod rounds;
mod seats;
#[cfg(feature = "sql")]
mod sql;
#[cfg(test)]
mod tests;
pub use agenda::EARLY;
pub use checked::{Checked, Checks, Passwords};
pub use http::{BODY_BYTES, HttpDirectory};
pub use profile::{Profile, ProfileFault};
pub use register::{Bounds, NEGATIVE_MS, Register};
pub use seats::{PASSWORD_SHARE, PASSWORDS};
#[cfg(feature = "sql")]
pub use sql::{SqlDirectory, SqlFault, SqlSettings};

use crate::protocol::{credential::Password, identity::Identity};
use std::{borrow::Cow, fmt, future::Future, pin::Pin, sync::Arc};

/// A list of users that somebody else keeps.
///
/// Nothing is remembered, bounded or timed here: all that is the [`Register`]'s.
pub trait Directory: Send + Sync + 'static {
    /// What there is about the user of a token.
    fn find(&self, user: Arc<Identity>) -> Lookup;

    /// Whose user and password these are: [`Standing::Unknown`] unless both are right, whatever is
    /// wrong. Nobody's unless it is implemented.
    fn check(&self, _password: Password) -> Lookup {
        Box::pin(std::future::ready(Ok(Standing::Unknown)))
    }
}

/// A question under way. Dropping it gives it up.
pub type Lookup = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// How a question ended.
pub type Outcome = Result<Standing, Unavailable>;

/// What a directory says of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may come in.
    Active(Arc<Profile>),
    /// It may not, and what runs ends (4410).
    Disabled,
    /// There is no such user, or the password is wrong (4411).
    Unknown,
}

/// The directory gave no answer of use (1011). The words are for the log: they say nothing of the
/// user, and no byte of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(Cow<'static, str>);

impl Unavailable {
    /// Why there is no answer.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}
