//! Room names: 1 to 128 bytes of `[A-Za-z0-9._:|@-]`, parsed once.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    sync::Arc,
};

/// The longest room name, in bytes (`limits.room_name_bytes`).
pub const ROOM_NAME_BYTES: usize = 128;

/// A text that is no room name (`bad_room`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRoomName;

impl fmt::Display for BadRoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a room name is 1 to {ROOM_NAME_BYTES} bytes of A-Z a-z 0-9 . _ : | @ -")
    }
}

impl std::error::Error for BadRoomName {}

/// A borrowed room name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoomRef<'a>(&'a str);

impl<'a> RoomRef<'a> {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`BadRoomName`] if it is empty, too long or has a byte outside the alphabet.
    pub fn parse(text: &'a str) -> Result<Self, BadRoomName> {
        let fits = (1..=ROOM_NAME_BYTES).contains(&text.len());
        if fits && text.bytes().all(is_room_byte) { Ok(Self(text)) } else { Err(BadRoomName) }
    }

    /// The name as text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// An owned copy.
    pub fn to_name(self) -> RoomName {
        RoomName(self.0.into())
    }
}

/// A room name as it stands in a message: borrowed, unless it was written with escapes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomText<'a>(Cow<'a, str>);

impl<'a> RoomText<'a> {
    /// Parses `text`.
    ///
    /// # Errors
    /// See [`RoomRef::parse`].
    pub fn parse(text: impl Into<Cow<'a, str>>) -> Result<Self, BadRoomName> {
        let text = text.into();
        RoomRef::parse(&text)?;
        Ok(Self(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, borrowed.
    pub fn borrowed(&self) -> RoomRef<'_> {
        RoomRef(&self.0)
    }

    /// An owned copy.
    pub fn to_name(&self) -> RoomName {
        self.borrowed().to_name()
    }

    /// The name as text, to be echoed.
    pub fn into_text(self) -> Cow<'a, str> {
        self.0
    }
}

/// Whether `byte` may stand in a room name.
pub(crate) const fn is_room_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'|' | b'@' | b'-')
}

/// An owned room name; a clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// Parses `text`.
    ///
    /// # Errors
    /// See [`RoomRef::parse`].
    pub fn parse(text: &str) -> Result<Self, BadRoomName> {
        RoomRef::parse(text).map(RoomRef::to_name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, borrowed.
    pub fn borrowed(&self) -> RoomRef<'_> {
        RoomRef(&self.0)
    }
}

impl Borrow<str> for RoomName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_alphabet_and_the_length_are_the_rule() {
        for byte in 0..=u8::MAX {
            let text = char::from(byte).to_string();
            let expected = text.is_ascii()
                && "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:|@-"
                    .contains(&text);
            assert_eq!(RoomRef::parse(&text).is_ok(), expected, "{text:?}");
        }
        for (bytes, expected) in [(0, false), (1, true), (128, true), (129, false)] {
            assert_eq!(RoomName::parse(&"x".repeat(bytes)).is_ok(), expected, "{bytes}");
        }
    }

    #[test]
    fn the_three_forms_are_one_name() {
        let text = RoomText::parse("team:1".to_owned()).unwrap();
        assert_eq!(text.to_name().borrowed(), text.borrowed());
        assert_eq!(text.to_name().to_string(), text.into_text());
        assert_eq!(RoomText::parse("a b"), Err(BadRoomName));
    }

    #[test]
    fn a_table_is_asked_by_text() {
        let table = HashMap::from([(RoomName::parse("a").unwrap(), 1)]);
        assert_eq!(table.get("a"), Some(&1));
        assert_eq!(table.get("b"), None);
    }
}
