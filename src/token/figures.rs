//! What a verifier tells of itself, in numbers.

/// Of a verifier; the server shows them among its metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Tokens that brought or named a key of their own, which was ignored; `None` if nobody
    /// counts them.
    pub brought_keys: Option<u64>,
    /// Of its sources of keys, all together; `None` if it has none.
    pub sources: Option<SourceFigures>,
    /// Of its directory of users, if it has one.
    pub directory: Option<DirectoryFigures>,
}

/// Of a directory of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryFigures {
    /// Lookups that found a user who may come in.
    pub active: u64,
    /// Lookups that found a user who may not.
    pub disabled: u64,
    /// Lookups that found nobody, or the wrong password.
    pub unknown: u64,
    /// Lookups without an answer of use.
    pub failed: u64,
    /// Questions that an answer of a moment ago settled.
    pub cached: u64,
    /// Questions that waited for the answer to somebody else's.
    pub shared: u64,
    /// Lookups under way.
    pub running: u64,
    /// Looks at users who were signed in.
    pub rechecked: u64,
    /// Users whose sessions such a look ended.
    pub revoked: u64,
}

/// Of sources of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceFigures {
    /// Sources whose keys count.
    pub usable: u64,
    /// Sources without keys that count: tokens of their issuers get 1011.
    pub down: u64,
    /// Keys that count.
    pub keys: u64,
    /// Looks that brought a set.
    pub good_looks: u64,
    /// Looks that brought nothing of use.
    pub failed_looks: u64,
    /// How long ago the last good look was, at the source where that is longest; in milliseconds.
    pub age_ms: Option<u64>,
}

impl SourceFigures {
    /// The figures of two sources together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            usable: self.usable + other.usable,
            down: self.down + other.down,
            keys: self.keys + other.keys,
            good_looks: self.good_looks + other.good_looks,
            failed_looks: self.failed_looks + other.failed_looks,
            age_ms: self.age_ms.max(other.age_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_set_counts_and_the_rest_adds_up() {
        let fresh = SourceFigures { usable: 1, keys: 2, age_ms: Some(5), ..Default::default() };
        let old = SourceFigures { usable: 1, keys: 3, age_ms: Some(90), ..Default::default() };
        let down = SourceFigures { down: 1, failed_looks: 4, ..Default::default() };
        let all = fresh.and(old).and(down);
        assert_eq!((all.usable, all.down, all.keys, all.failed_looks), (2, 1, 5, 4));
        assert_eq!(all.age_ms, Some(90));
    }
}
