//! What the operator says about rooms, by pattern: who enters, what is remembered, what may be sent.

use super::{grant::Pattern, room_name::RoomRef};

/// Who may join and send where the token says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody who is signed in.
    Open,
    /// Only those whose token grants it.
    Granted,
}

/// How much of a room is remembered; the first bound that is met counts. A 0 anywhere means
/// nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryBounds {
    /// Messages.
    pub count: usize,
    /// The age of a message, in milliseconds: at this age it is forgotten.
    pub age_ms: u64,
    /// Bytes of all frames of a room.
    pub bytes: usize,
}

impl Default for HistoryBounds {
    fn default() -> Self {
        Self { count: 256, age_ms: 300_000, bytes: 1024 * 1024 }
    }
}

/// How fast one member may publish in one room, beside the rate of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomRate {
    /// Messages in a second, at least 1.
    pub messages_per_s: u32,
    /// Messages at once, at least 1.
    pub burst: u32,
}

/// What becomes of a member that reads more slowly than the room speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SlowConsumer {
    /// It reads from the history when it can; 4420 once that no longer reaches back far enough.
    #[default]
    CatchUp,
    /// 4420 as soon as its queue has no space.
    Close,
}

/// Everything that holds in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomTerms {
    /// Who may enter.
    pub access: Access,
    /// What is remembered.
    pub history: HistoryBounds,
    /// Whether messages may be sent that nobody remembers.
    pub ephemeral: bool,
    /// The largest message that may be published, in bytes of its whole text; `None` leaves it to
    /// the limits of the session, which hold in any case.
    pub message_bytes: Option<u32>,
    /// How fast one member may publish here; `None` leaves it to the rate of its connection, which
    /// holds in any case.
    pub rate: Option<RoomRate>,
    /// What becomes of those who do not keep up.
    pub slow_consumer: SlowConsumer,
    /// The least time between two writes of what the room says, in milliseconds: what comes
    /// meanwhile goes together. 0 holds nothing back.
    pub coalesce_ms: u16,
}

impl RoomTerms {
    /// The defaults for rooms with this access.
    pub fn new(access: Access) -> Self {
        Self {
            access,
            history: HistoryBounds::default(),
            ephemeral: true,
            message_bytes: None,
            rate: None,
            slow_consumer: SlowConsumer::default(),
            coalesce_ms: 0,
        }
    }

    /// The same, with these bounds of history.
    #[must_use]
    pub fn with_history(self, history: HistoryBounds) -> Self {
        Self { history, ..self }
    }
}

/// What holds in the rooms of one pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRule {
    /// Which rooms.
    pub pattern: Pattern,
    /// What holds there.
    pub terms: RoomTerms,
}

/// Which rule counts in a room: quicker to keep than to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleNumber(u8);

impl Default for RuleNumber {
    /// No rule matches.
    fn default() -> Self {
        Self(u8::MAX)
    }
}

/// All rules: the first one whose pattern matches counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRules {
    rules: Box<[RoomRule]>,
    /// Where no rule matches.
    default: RoomTerms,
}

impl RoomRules {
    /// The most rules of a server.
    pub const MAX: usize = u8::MAX as usize;

    /// These rules in this order, of which the first [`MAX`](Self::MAX) count; `default` where none
    /// matches.
    pub fn new(rules: Vec<RoomRule>, default: RoomTerms) -> Self {
        Self { rules: rules.into(), default }
    }

    /// The same everywhere.
    pub fn everywhere(terms: RoomTerms) -> Self {
        Self::new(Vec::new(), terms)
    }

    /// Every room is open to whoever is signed in.
    pub fn open() -> Self {
        Self::everywhere(RoomTerms::new(Access::Open))
    }

    /// Every room needs a grant.
    pub fn granted() -> Self {
        Self::everywhere(RoomTerms::new(Access::Granted))
    }

    /// The rules, the first one first.
    pub fn rules(&self) -> &[RoomRule] {
        &self.rules
    }

    /// What holds where no rule matches.
    pub const fn otherwise(&self) -> &RoomTerms {
        &self.default
    }

    /// What holds in `room`.
    pub fn terms(&self, room: RoomRef<'_>) -> &RoomTerms {
        self.numbered(self.number(room))
    }

    /// Which rule counts in `room`.
    pub fn number(&self, room: RoomRef<'_>) -> RuleNumber {
        let counting = self.rules.iter().take(Self::MAX);
        let mut numbers = (0..u8::MAX).zip(counting);
        let found = numbers.find(|(_, rule)| rule.pattern.matches(room));
        found.map_or(RuleNumber::default(), |(number, _)| RuleNumber(number))
    }

    /// What holds where the rule of this number counts; it was found in these rules.
    pub fn numbered(&self, number: RuleNumber) -> &RoomTerms {
        self.rules.get(usize::from(number.0)).map_or(&self.default, |rule| &rule.terms)
    }

    /// Who may enter `room`.
    pub fn access(&self, room: RoomRef<'_>) -> Access {
        self.terms(room).access
    }

    /// The same rules, with these bounds of history everywhere.
    #[must_use]
    pub fn with_history(mut self, history: HistoryBounds) -> Self {
        self.default.history = history;
        for rule in &mut self.rules {
            rule.terms.history = history;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rule = |pattern, access| RoomRule {
            pattern: Pattern::parse(pattern).unwrap(),
            terms: RoomTerms::new(access),
        };
        let rules = RoomRules::new(
            vec![rule("team:lobby", Access::Open), rule("team:**", Access::Granted)],
            RoomTerms::new(Access::Open),
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
