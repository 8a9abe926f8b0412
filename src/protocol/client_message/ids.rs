//! The texts by which a client names what it asks: `id` and `idempotency_key`.

use crate::protocol::limits::ID_CHARS;
use std::{borrow::Cow, fmt};

/// A text that is no `id` and no `idempotency_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadId;

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an id is 1 to {ID_CHARS} characters from 0x20 to 0x7E")
    }
}

impl std::error::Error for BadId {}

/// A request's `id`: 1 to 64 characters 0x20 to 0x7E.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId<'a>(Cow<'a, str>);

impl<'a> RequestId<'a> {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`BadId`] if it has not the form of an id.
    pub fn parse(text: impl Into<Cow<'a, str>>) -> Result<Self, BadId> {
        printable(text.into()).map(Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as text, to be echoed.
    pub fn into_text(self) -> Cow<'a, str> {
        self.0
    }

    /// An id that outlives its frame.
    pub fn into_owned(self) -> RequestId<'static> {
        RequestId(Cow::Owned(self.0.into_owned()))
    }
}

/// An `idempotency_key`; it has the form of an `id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey<'a>(Cow<'a, str>);

impl<'a> IdempotencyKey<'a> {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`BadId`] if it has not the form of an id.
    pub fn parse(text: impl Into<Cow<'a, str>>) -> Result<Self, BadId> {
        printable(text.into()).map(Self)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key that outlives its frame.
    pub fn into_owned(self) -> IdempotencyKey<'static> {
        IdempotencyKey(Cow::Owned(self.0.into_owned()))
    }
}

fn printable(text: Cow<'_, str>) -> Result<Cow<'_, str>, BadId> {
    let fits = (1..=ID_CHARS).contains(&text.len());
    if fits && text.bytes().all(|byte| matches!(byte, 0x20..=0x7E)) { Ok(text) } else { Err(BadId) }
}
