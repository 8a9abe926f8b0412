//! A strict pass over JSON text (RFC 8259): what `RawValue` lets through is refused here.
//!
//! Duplicate member names at any level (after unescaping), nesting deeper than
//! [`JSON_DEPTH`](super::limits::JSON_DEPTH), lone surrogates and a byte-order mark are faults.
//! The pass keeps the text of the members that the caller names and copies nothing. It takes
//! time in proportion to the text (the names of one object are sorted), and memory for the
//! names of open objects only.

mod raw;
mod scan;

#[cfg(test)]
mod tests;

pub use raw::{Elements, Kind, Members, Raw};

use scan::{Numbers, Scanner};
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
    /// A number is beyond a double, where doubles are asked for.
    Number,
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
            FaultKind::Number => "a number beyond a double",
            FaultKind::Depth => "nested too deep",
            FaultKind::Duplicate => "duplicate member name",
            FaultKind::NotAnObject => "not a JSON object",
        };
        write!(f, "{what} at byte {}", self.at)
    }
}

impl std::error::Error for JsonFault {}

/// Scans `text` as one JSON object and returns the members called `names`, in that order.
///
/// A member is `None` if it is absent; a member that is `null` is there.
///
/// # Errors
/// The first [`JsonFault`] met.
pub fn object<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Option<Raw<'a>>; N], JsonFault> {
    pick(text, names, Numbers::Any)
}

/// Like [`object`], and every number at any level must fit a double.
///
/// # Errors
/// The first [`JsonFault`] met.
pub fn object_of_doubles<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Option<Raw<'a>>; N], JsonFault> {
    pick(text, names, Numbers::Doubles)
}

fn pick<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
    numbers: Numbers,
) -> Result<[Option<Raw<'a>>; N], JsonFault> {
    let mut found = [None; N];
    Scanner::new(text, numbers).outer_object(&mut |key, value| {
        for (slot, name) in found.iter_mut().zip(names) {
            if key.is(text, name) {
                *slot = Some(value);
            }
        }
    })?;
    Ok(found)
}

/// Scans `text` as one JSON object and iterates over its members in the order of the text, for
/// objects whose member names are data.
///
/// # Errors
/// The first [`JsonFault`] met, anywhere in the text.
pub fn members(text: &str) -> Result<Members<'_>, JsonFault> {
    Scanner::new(text, Numbers::Any).outer_object(&mut |_, _| ())?;
    Ok(Members::new(text))
}
