//! A strict pass over JSON text (RFC 8259): what `RawValue` lets through is refused here.
//!
//! Duplicate member names at any level (after unescaping), nesting deeper than
//! [`JSON_DEPTH`](super::limits::JSON_DEPTH), lone surrogates and a byte-order mark are faults.
//! The pass keeps the text of the members that the caller names and copies nothing.

use std::fmt;

/// Why a text is not acceptable JSON. The offset is in bytes from the start of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where, in bytes from the start.
    pub at: usize,
}

/// The kinds of [`JsonFault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Not JSON: a byte where the grammar has no place for it, or the text ends early.
    Syntax,
    /// A string has an invalid escape, a control character or a lone surrogate.
    String,
    /// Nested deeper than the limit.
    Depth,
    /// A member name stands twice in one object.
    Duplicate,
    /// The outer value is no object.
    NotAnObject,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FaultKind::Syntax => "not JSON",
            FaultKind::String => "invalid escape, control character or lone surrogate in a string",
            FaultKind::Depth => "nested too deep",
            FaultKind::Duplicate => "duplicate member name",
            FaultKind::NotAnObject => "not a JSON object",
        };
        write!(f, "{what} at byte {}", self.at)
    }
}

impl std::error::Error for JsonFault {}

/// The kind of a JSON value, from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{..}`
    Object,
    /// `[..]`
    Array,
    /// `".."`
    String,
    /// a number
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// The text of one value that passed the strict scan, without white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The text as it stood.
    pub const fn text(self) -> &'a str {
        self.0
    }

    /// What kind of value it is.
    pub fn kind(self) -> Kind {
        todo!()
    }

    /// The string, borrowed if it has no escapes; `None` if it is no string.
    pub fn as_str(self) -> Option<std::borrow::Cow<'a, str>> {
        todo!()
    }

    /// The boolean, `None` if it is none.
    pub fn as_bool(self) -> Option<bool> {
        todo!()
    }

    /// A whole number from 0 to 2^53 - 1 written without fraction or exponent.
    pub fn as_integer(self) -> Option<u64> {
        todo!()
    }
}

/// Scans `text` as one JSON object and returns the members called `names`, in that order.
///
/// # Errors
/// The first [`JsonFault`] met.
pub fn object<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Option<Raw<'a>>; N], JsonFault> {
    todo!("{text} {names:?}")
}
