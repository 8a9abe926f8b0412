//! The text of values that passed the scan, and what can be read from it.

use super::{
    JsonFault,
    scan::{Numbers, Scanner},
};
use crate::protocol::limits::INTEGER_MAX;
use std::{borrow::Cow, str::Chars};

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
    /// Scans `text` as one value of any kind.
    ///
    /// # Errors
    /// The first [`JsonFault`] met.
    pub fn parse(text: &'a str) -> Result<Self, JsonFault> {
        Scanner::new(text, Numbers::Any).outer_value()
    }

    /// Text that the scanner has just passed.
    pub(super) const fn scanned(text: &'a str) -> Self {
        Self(text)
    }

    /// The text as it stood.
    pub const fn text(self) -> &'a str {
        self.0
    }

    /// What kind of value it is.
    pub const fn kind(self) -> Kind {
        match self.0.as_bytes() {
            [b'{', ..] => Kind::Object,
            [b'[', ..] => Kind::Array,
            [b'"', ..] => Kind::String,
            [b't' | b'f', ..] => Kind::Bool,
            [b'n', ..] => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// The string, borrowed if it has no escapes; `None` if it is no string.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.0.strip_prefix('"')?.strip_suffix('"').map(unescape)
    }

    /// The boolean, `None` if it is none.
    pub fn as_bool(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A whole number from 0 to 2^53 - 1 written without fraction or exponent.
    pub fn as_integer(self) -> Option<u64> {
        if !self.0.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0.parse().ok().filter(|&number| number <= INTEGER_MAX)
    }

    /// The number as a double, rounded to the nearest; `None` if it is no number or is beyond a
    /// double.
    pub fn as_number(self) -> Option<f64> {
        if self.kind() != Kind::Number {
            return None;
        }
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The values of an array, in order; `None` if it is no array.
    pub fn elements(self) -> Option<Elements<'a>> {
        let inner = self.0.strip_prefix('[')?.strip_suffix(']')?;
        Some(Elements { rest: inner })
    }

    /// The members of an object, in order; `None` if it is no object.
    pub fn members(self) -> Option<Members<'a>> {
        (self.kind() == Kind::Object).then(|| Members::new(self.0))
    }
}

/// The values of an array, see [`Raw::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        split_value(&mut self.rest)
    }
}

/// The members of an object, see [`members`](super::members) and [`Raw::members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: &'a str,
}

impl<'a> Members<'a> {
    /// `text` is an object that passed the scan, perhaps with white space around it.
    pub(super) fn new(text: &'a str) -> Self {
        let inner = text.trim_matches(is_space);
        let inner = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        Self { rest: inner.unwrap_or_default() }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = split_value(&mut self.rest)?.as_str()?;
        let value = split_value(&mut self.rest)?;
        Some((name, value))
    }
}

/// Takes the next value off the inside of an array or object that passed the scan.
fn split_value<'a>(rest: &mut &'a str) -> Option<Raw<'a>> {
    let text = rest.trim_start_matches(|c| is_space(c) || c == ',' || c == ':');
    let (value, tail) = text.split_at_checked(value_len(text.as_bytes()))?;
    *rest = tail;
    (!value.is_empty()).then_some(Raw(value))
}

/// The length of the value at the start of text that passed the scan.
fn value_len(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at += string_len(bytes.get(at..).unwrap_or_default()),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => break,
            _ => at += 1,
        }
    }
    at
}

/// The length of the string literal at the start of `bytes`, quotes included.
fn string_len(bytes: &[u8]) -> usize {
    let mut escaped = false;
    let inside = bytes.iter().skip(1).take_while(|&&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        !ends
    });
    (inside.count() + 2).min(bytes.len())
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// What the contents of a literal mean.
fn unescape(contents: &str) -> Cow<'_, str> {
    if contents.contains('\\') {
        Cow::Owned(Unescaped::new(contents).collect())
    } else {
        Cow::Borrowed(contents)
    }
}

/// The characters that the contents of a literal mean; the literal has passed the scan.
#[derive(Clone, Debug)]
pub(super) struct Unescaped<'a>(Chars<'a>);

impl<'a> Unescaped<'a> {
    pub(super) fn new(contents: &'a str) -> Self {
        Self(contents.chars())
    }

    fn unit(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some(unit * 16 + self.0.next()?.to_digit(16)?))
    }

    /// What follows `\u`: one unit, or a pair of surrogates.
    fn code_point(&mut self) -> Option<char> {
        let high = self.unit()?;
        if !(0xD800..=0xDBFF).contains(&high) {
            return char::from_u32(high);
        }
        self.0.next()?;
        self.0.next()?;
        let low = self.unit()?;
        char::from_u32(0x1_0000 + ((high & 0x3FF) << 10) + (low & 0x3FF))
    }
}

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.0.next()? {
            '\\' => match self.0.next()? {
                'b' => Some('\u{8}'),
                'f' => Some('\u{C}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'u' => self.code_point(),
                itself => Some(itself),
            },
            plain => Some(plain),
        }
    }
}
