//! What can go wrong: a few words for the peer, and for whoever reads the log what happened.

use crate::clock::Seconds;
use std::fmt;

/// Why something was not done.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// User, password, code or token are wrong, over, or used: which of them is not said.
    SignIn,
    /// Too many tries: come back in so many seconds.
    TooMany(Seconds),
    /// The request cannot be understood; what is wrong with it.
    BadRequest(&'static str),
    /// The request comes from a page of somebody else's, or without its key.
    Forbidden,
    /// More is under way than the service does at a time.
    Busy,
    /// Vestibule gave no ticket; why, for the log.
    NoTicket(String),
    /// A fault of ours; what, for the log.
    Internal(String),
}

impl Error {
    /// A fault of ours.
    pub fn internal(why: impl Into<String>) -> Self {
        Self::Internal(why.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn => f.write_str("sign in again"),
            Self::TooMany(after) => write!(f, "too many tries: come back in {after} s"),
            Self::BadRequest(what) => f.write_str(what),
            Self::Forbidden => f.write_str("not from here"),
            Self::Busy => f.write_str("too much at a time"),
            Self::NoTicket(why) => write!(f, "no ticket from Vestibule: {why}"),
            Self::Internal(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(why: rusqlite::Error) -> Self {
        Self::Internal(format!("database: {why}"))
    }
}
