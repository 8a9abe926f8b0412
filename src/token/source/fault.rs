//! Why a source brought no keys, in words for people.

use super::location::DiscoveryFault;
use crate::{
    fetch::{FetchError, TrustFault},
    token::ring::SetFault,
};
use std::fmt;

/// Why a source brought no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFault {
    /// Nothing was fetched.
    Fetch(FetchError),
    /// There is nobody to trust.
    Trust(TrustFault),
    /// The issuer's description of itself cannot be used.
    Discovery(DiscoveryFault),
    /// The file cannot be read.
    File(Box<str>),
    /// The disk did not answer in time.
    Late,
    /// What was read is not UTF-8.
    NotUtf8,
    /// What was read is no set of keys that can be used.
    Set(SetFault),
}

impl fmt::Display for SourceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Trust(fault) => fault.fmt(f),
            Self::Discovery(fault) => fault.fmt(f),
            Self::File(why) => write!(f, "the file cannot be read: {why}"),
            Self::Late => f.write_str("reading a file takes too long"),
            Self::NotUtf8 => f.write_str("the key set is not UTF-8"),
            Self::Set(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for SourceFault {}

impl From<FetchError> for SourceFault {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}
