//! What a token allows: room patterns to permissions (the `rooms` claim).

use super::{
    json::{self, Raw},
    room_name::{ROOM_NAME_BYTES, RoomRef, is_room_byte},
};
use std::{fmt, ops::BitOr};

/// One thing a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Join, and stay.
    Join,
    /// Publish.
    Send,
    /// Read history.
    History,
    /// See who is there.
    Presence,
}

impl Permission {
    /// Every permission, in the order of the claim's table.
    pub const ALL: &'static [Self] = &[Self::Join, Self::Send, Self::History, Self::Presence];

    /// The word in a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Send => "send",
            Self::History => "history",
            Self::Presence => "presence",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of [`Permission`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// Every permission.
    pub const ALL: Self = Self(
        Permission::Join.bit()
            | Permission::Send.bit()
            | Permission::History.bit()
            | Permission::Presence.bit(),
    );

    /// Parses `"*"`, `["*"]` or a list of permissions (`allow` of a room token, a value of
    /// `rooms`).
    ///
    /// # Errors
    /// [`BadGrant`] if it is anything else.
    pub fn parse(value: Raw<'_>) -> Result<Self, BadGrant> {
        if is_star(value) {
            return Ok(Self::ALL);
        }
        let mut words = value.elements().ok_or(BadGrant)?;
        if words.clone().next().is_some_and(is_star) && words.clone().nth(1).is_none() {
            return Ok(Self::ALL);
        }
        words.try_fold(Self::NONE, |set, word| {
            let word = word.as_str().ok_or(BadGrant)?;
            let known = Permission::ALL.iter().find(|known| known.as_str() == word);
            Ok(set | Self(known.ok_or(BadGrant)?.bit()))
        })
    }

    /// Whether `permission` is in the set.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

fn is_star(value: Raw<'_>) -> bool {
    value.as_str().is_some_and(|word| word == "*")
}

/// The rooms that a token opens. It grants; it never joins by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    permissions: Permissions,
}

/// Why a `rooms` claim is malformed (4411).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadGrant;

impl fmt::Display for BadGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a grant is an object of room patterns, each with \"*\" or a list of join, send, \
             history, presence",
        )
    }
}

impl std::error::Error for BadGrant {}

impl Grant {
    /// Parses the text of a `rooms` claim: an object of pattern to `"*"` or a list of permissions.
    ///
    /// # Errors
    /// [`BadGrant`] if anything in it is malformed, a pattern that is none included.
    pub fn parse(claim: &str) -> Result<Self, BadGrant> {
        let rules = json::members(claim).map_err(|_| BadGrant)?.map(|(pattern, value)| {
            Ok(Rule { pattern: Pattern::parse(&pattern)?, permissions: Permissions::parse(value)? })
        });
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// What is granted in one room alone (a room token).
    pub fn of_room(room: RoomRef<'_>, permissions: Permissions) -> Self {
        Self { rules: vec![Rule { pattern: Pattern(room.as_str().into()), permissions }] }
    }

    /// What both grant, together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { rules: self.rules.iter().chain(&other.rules).cloned().collect() }
    }

    /// Everything that is granted in `room`; overlapping patterns add up.
    pub fn permissions(&self, room: RoomRef<'_>) -> Permissions {
        let matching = self.rules.iter().filter(|rule| rule.pattern.matches(room));
        matching.fold(Permissions::NONE, |set, rule| set | rule.permissions)
    }

    /// Whether `permission` is granted in `room`; overlapping patterns add up.
    pub fn allows(&self, room: RoomRef<'_>, permission: Permission) -> bool {
        let mut granting = self.rules.iter().filter(|rule| rule.permissions.contains(permission));
        granting.any(|rule| rule.pattern.matches(room))
    }
}

/// A room name whose `:`-separated segments may be `*` or, last, `**`: in a grant, in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`BadGrant`] if it is none.
    pub fn parse(text: &str) -> Result<Self, BadGrant> {
        if !(1..=ROOM_NAME_BYTES).contains(&text.len()) {
            return Err(BadGrant);
        }
        let mut segments = text.split(':').peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            let good =
                segment == "*" || (segment == "**" && last) || segment.bytes().all(is_room_byte);
            if !good {
                return Err(BadGrant);
            }
        }
        Ok(Self(text.into()))
    }

    /// Whether the pattern covers `room`. Neither wildcard matches an empty segment.
    pub fn matches(&self, room: RoomRef<'_>) -> bool {
        let mut segments = room.as_str().split(':');
        for pattern in self.0.split(':') {
            if pattern == "**" {
                // `**` stands last and takes one segment or more.
                return !segments.clone().any(str::is_empty) && segments.next().is_some();
            }
            match segments.next() {
                Some(segment) if pattern == "*" && !segment.is_empty() => {}
                Some(segment) if pattern == segment => {}
                Some(_) | None => return false,
            }
        }
        segments.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, room: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(RoomRef::parse(room).unwrap())
    }

    #[test]
    fn patterns_match_by_segment() {
        for (pattern, room, expected) in [
            ("lobby", "lobby", true),
            ("lobby", "lobby:a", false),
            ("lobby", "Lobby", false),
            ("*", "lobby", true),
            ("*", "a:b", false),
            ("**", "a:b", true),
            ("**", "a", true),
            ("**", "a::b", false),
            ("**", ":", false),
            ("team:*", "team:1", true),
            ("team:*", "team", false),
            ("team:*", "team:", false),
            ("team:*", "team:1:x", false),
            ("team:**", "team:1:x", true),
            ("team:**", "team", false),
            ("team:**", "team:", false),
            ("team:**", "team:1:", false),
            ("*:chat", "a:chat", true),
            ("*:chat", ":chat", false),
            ("*:*:z", "a:b:z", true),
            ("*:*:z", "a:b", false),
            ("a::b", "a::b", true),
            ("a::b", "a:x:b", false),
        ] {
            assert_eq!(matches(pattern, room), expected, "{pattern} {room}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = "x".repeat(ROOM_NAME_BYTES + 1);
        for pattern in ["", "a*", "***", "**:a", "a b", "a/b", "é", &long] {
            assert_eq!(Pattern::parse(pattern), Err(BadGrant), "{pattern}");
        }
        assert!(Pattern::parse(&"x".repeat(ROOM_NAME_BYTES)).is_ok());
    }

    #[test]
    fn overlapping_patterns_add_up() {
        let grant = Grant::parse(r#"{"a:*":["join"],"a:1":["send","send"],"b":"*","c":[]}"#);
        let grant = grant.unwrap();
        let room = RoomRef::parse("a:1").unwrap();
        assert!(grant.allows(room, Permission::Join) && grant.allows(room, Permission::Send));
        assert!(!grant.allows(room, Permission::History));
        assert_eq!(grant.permissions(RoomRef::parse("b").unwrap()), Permissions::ALL);
        assert_eq!(grant.permissions(RoomRef::parse("c").unwrap()), Permissions::NONE);
        assert_eq!(grant.permissions(RoomRef::parse("d").unwrap()), Permissions::NONE);
    }

    #[test]
    fn grants_of_two_sources_add_up() {
        let one = Grant::parse(r#"{"a":["join"],"b":["send"]}"#).unwrap();
        let both = one.and(&Grant::parse(r#"{"a":["send"],"c:*":"*"}"#).unwrap());
        let all = |room| both.permissions(RoomRef::parse(room).unwrap());
        assert!(all("a").contains(Permission::Join) && all("a").contains(Permission::Send));
        assert!(!all("b").contains(Permission::Join) && all("c:1") == Permissions::ALL);
        assert_eq!(one.and(&Grant::default()), one);
    }

    #[test]
    fn a_star_may_stand_alone_or_in_a_list() {
        for claim in [r#"{"a":"*"}"#, r#"{"a":["*"]}"#, r#"{ "a" : [ "\u002a" ] }"#] {
            let grant = Grant::parse(claim).unwrap();
            assert_eq!(grant.permissions(RoomRef::parse("a").unwrap()), Permissions::ALL);
        }
    }

    #[test]
    fn an_empty_claim_grants_nothing() {
        assert_eq!(Grant::parse("{}").unwrap(), Grant::default());
    }

    #[test]
    fn malformed_claims_are_refused() {
        for claim in [
            "[]",
            "null",
            "\"*\"",
            r#"{"a":"join"}"#,
            r#"{"a":null}"#,
            r#"{"a":true}"#,
            r#"{"a":{}}"#,
            r#"{"a":["admin"]}"#,
            r#"{"a":["join",1]}"#,
            r#"{"a":["*","join"]}"#,
            r#"{"a":["join","*"]}"#,
            r#"{"a b":"*"}"#,
            r#"{"":"*"}"#,
            r#"{"a":"*","a":["join"]}"#,
            r#"{"a":"*","\u0061":["join"]}"#,
        ] {
            assert_eq!(Grant::parse(claim), Err(BadGrant), "{claim}");
        }
    }

    #[test]
    fn a_room_token_opens_one_room() {
        let room = RoomRef::parse("a:b").unwrap();
        let allow = Permissions::parse(Raw::parse(r#"["join"]"#).unwrap()).unwrap();
        let grant = Grant::of_room(room, allow);
        assert!(grant.allows(room, Permission::Join));
        assert!(!grant.allows(room, Permission::Send));
        assert!(!grant.allows(RoomRef::parse("a:c").unwrap(), Permission::Join));
    }

    proptest! {
        #[test]
        fn every_room_matches_itself_and_its_stars(segments in
            prop::collection::vec("[a-z0-9._|@-]{1,6}", 1..8), stars in any::<u8>(),
        ) {
            let room = segments.join(":");
            let starred: Vec<_> = segments.iter().enumerate().map(|(at, segment)| {
                if stars >> at & 1 == 1 { "*" } else { segment.as_str() }
            }).collect();
            prop_assert!(matches(&room, &room));
            prop_assert!(matches(&starred.join(":"), &room));
            prop_assert!(matches("**", &room));
            let longer = room.clone() + ":x";
            prop_assert!(!matches(&starred.join(":"), &longer));
        }

        #[test]
        fn no_claim_panics(claim in ".{0,64}") {
            let _ = Grant::parse(&claim);
        }
    }
}
