//! Paths that name a room: `/ws/{room}`.

use super::room_name::{BadRoomName, RoomName};
use std::fmt;

/// What stands for the room.
const ROOM: &str = "{room}";
/// The longest template, in bytes.
pub const ROOM_PATH_BYTES: usize = 256;

/// A path with one segment that names the room, below `/ws/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomPath {
    before: Box<str>,
    behind: Box<str>,
}

/// Why a text is no template of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRoomPath;

impl fmt::Display for BadRoomPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a path for rooms begins with /ws/, has {ROOM} once as a whole segment, and letters, \
             digits and -._~ in the others, such as /ws/{ROOM} or /ws/chat/{ROOM}/"
        )
    }
}

impl std::error::Error for BadRoomPath {}

impl RoomPath {
    /// Parses a template such as `/ws/chat/{room}`.
    ///
    /// # Errors
    /// [`BadRoomPath`].
    pub fn parse(text: &str) -> Result<Self, BadRoomPath> {
        let (before, behind) = text.split_once(ROOM).ok_or(BadRoomPath)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let sound = text.len() <= ROOM_PATH_BYTES
            && before.starts_with("/ws/")
            && before.ends_with('/')
            && (behind.is_empty() || behind.starts_with('/'))
            && before.bytes().chain(behind.bytes()).all(plain)
            && !text.contains("//");
        sound.then(|| Self { before: before.into(), behind: behind.into() }).ok_or(BadRoomPath)
    }

    /// The segment of `path` that names the room, as it stands there; `None`: it is another path.
    pub fn segment<'p>(&self, path: &'p str) -> Option<&'p str> {
        let segment = path.strip_prefix(&*self.before)?.strip_suffix(&*self.behind)?;
        (!segment.is_empty() && !segment.contains('/')).then_some(segment)
    }
}

impl fmt::Display for RoomPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{ROOM}{}", self.before, self.behind)
    }
}

/// The room of a segment that was decoded: any bytes.
///
/// # Errors
/// [`BadRoomName`].
pub fn room_of(decoded: &[u8]) -> Result<RoomName, BadRoomName> {
    RoomName::parse(str::from_utf8(decoded).map_err(|_| BadRoomName)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_one_room_below_the_endpoint() {
        for good in ["/ws/{room}", "/ws/chat/{room}", "/ws/{room}/live", "/ws/chat/{room}/"] {
            assert_eq!(RoomPath::parse(good).map(|it| it.to_string()), Ok(good.to_owned()));
        }
        let long = format!("/ws/{}/{{room}}", "a".repeat(ROOM_PATH_BYTES));
        let bad = [
            "",
            "/ws",
            "/ws/",
            "/ws/room",
            "ws/{room}",
            "/{room}",
            "/chat/{room}",
            "/ws/{room}/{room}",
            "/ws/a{room}",
            "/ws/{room}b",
            "/ws//{room}",
            "/ws/{room}?a",
            "/ws/a b/{room}",
            "/ws{room}",
            &long,
        ];
        for bad in bad {
            assert_eq!(RoomPath::parse(bad), Err(BadRoomPath), "{bad}");
        }
    }

    #[test]
    fn one_segment_is_the_room() {
        let path = RoomPath::parse("/ws/chat/{room}/").unwrap();
        assert_eq!(path.segment("/ws/chat/a%3Ab/"), Some("a%3Ab"));
        for other in ["/ws/chat//", "/ws/chat/a", "/ws/chat/a/b/", "/ws/", "/ws/chat/"] {
            assert_eq!(path.segment(other), None, "{other}");
        }
        let bare = RoomPath::parse("/ws/{room}").unwrap();
        assert_eq!(bare.segment("/ws/lobby"), Some("lobby"));
        assert_eq!((bare.segment("/ws"), bare.segment("/ws/")), (None, None));
    }

    #[test]
    fn a_room_is_text() {
        assert_eq!(room_of(b"team:1"), RoomName::parse("team:1"));
        assert_eq!((room_of(b"a b"), room_of(&[0xFF])), (Err(BadRoomName), Err(BadRoomName)));
    }
}
