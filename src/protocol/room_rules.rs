//! What the operator says about rooms, by pattern: which ones need a grant.

use super::{grant::Pattern, room_name::RoomRef};

/// Who may join and send where the token says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody who is signed in.
    Open,
    /// Only those whose token grants it.
    Granted,
}

/// What holds in the rooms of one pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRule {
    /// Which rooms.
    pub pattern: Pattern,
    /// Who may enter them.
    pub access: Access,
}

/// All rules: the first one whose pattern matches counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRules {
    rules: Box<[RoomRule]>,
    /// Where no rule matches.
    default: Access,
}

impl RoomRules {
    /// The most rules of a server.
    pub const MAX: usize = 256;

    /// These rules in this order; `default` where none matches.
    pub fn new(rules: Vec<RoomRule>, default: Access) -> Self {
        Self { rules: rules.into(), default }
    }

    /// Every room is open to whoever is signed in.
    pub fn open() -> Self {
        Self::new(Vec::new(), Access::Open)
    }

    /// Every room needs a grant.
    pub fn granted() -> Self {
        Self::new(Vec::new(), Access::Granted)
    }

    /// Who may enter `room`.
    pub fn access(&self, room: RoomRef<'_>) -> Access {
        let rule = self.rules.iter().find(|rule| rule.pattern.matches(room));
        rule.map_or(self.default, |rule| rule.access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rule = |pattern, access| RoomRule { pattern: Pattern::parse(pattern).unwrap(), access };
        let rules = RoomRules::new(
            vec![rule("team:lobby", Access::Open), rule("team:**", Access::Granted)],
            Access::Open,
        );
        for (room, access) in [
            ("team:lobby", Access::Open),
            ("team:1", Access::Granted),
            ("team:1:a", Access::Granted),
            ("team", Access::Open),
            ("other", Access::Open),
        ] {
            assert_eq!(rules.access(RoomRef::parse(room).unwrap()), access, "{room}");
        }
        assert_eq!(RoomRules::granted().access(RoomRef::parse("a").unwrap()), Access::Granted);
    }
}
