//! Who got what: the order and the completeness of the deliveries to each connection.

use std::collections::HashSet;

/// Gaps that are remembered; beyond it a late delivery counts as a duplicate.
const MAX_MISSING: usize = 1 << 20;

/// What arrived, over all connections.
#[derive(Debug, Default)]
pub struct Tally {
    /// All that arrived, duplicates included.
    pub arrived: u64,
    /// Arrived before.
    pub duplicates: u64,
    /// Arrived after a later one of the same author.
    pub reordered: u64,
    missing: HashSet<(u32, u32, u32)>,
}

impl Tally {
    /// Counts the delivery of publication `number` of `author` to `connection`, which expected
    /// `next` of this author.
    #[inline]
    pub fn see(&mut self, (connection, author): (u32, u32), next: &mut u32, number: u32) {
        self.arrived += 1;
        if number == *next {
            *next += 1;
            return;
        }
        self.see_odd((connection, author), next, number);
    }

    #[cold]
    fn see_odd(&mut self, (connection, author): (u32, u32), next: &mut u32, number: u32) {
        if number > *next {
            let room = MAX_MISSING.saturating_sub(self.missing.len());
            self.missing
                .extend((*next..number).take(room).map(|number| (connection, author, number)));
            *next = number + 1;
        } else if self.missing.remove(&(connection, author, number)) {
            self.reordered += 1;
        } else {
            self.duplicates += 1;
        }
    }

    /// Different deliveries that arrived.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.arrived - self.duplicates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(numbers: &[u32]) -> (u64, u64, u64) {
        let (mut tally, mut next) = (Tally::default(), 0);
        for number in numbers {
            tally.see((7, 0), &mut next, *number);
        }
        (tally.distinct(), tally.duplicates, tally.reordered)
    }

    #[test]
    fn order_and_gaps_are_told() {
        assert_eq!(seen(&[0, 1, 2]), (3, 0, 0));
        assert_eq!(seen(&[0, 2, 3]), (3, 0, 0), "one is missing");
        assert_eq!(seen(&[0, 2, 1, 3]), (4, 0, 1), "one came late");
        assert_eq!(seen(&[0, 1, 1, 0]), (2, 2, 0), "two came twice");
        assert_eq!(seen(&[1, 0, 0]), (2, 1, 1), "late, and then once more");
    }

    #[test]
    fn authors_and_connections_are_apart() {
        let mut tally = Tally::default();
        let (mut one, mut other) = (0, 0);
        tally.see((1, 0), &mut one, 1);
        tally.see((2, 0), &mut other, 0);
        tally.see((2, 0), &mut other, 0);
        assert_eq!((tally.distinct(), tally.duplicates), (2, 1));
        tally.see((1, 0), &mut one, 0);
        assert_eq!((tally.distinct(), tally.reordered), (3, 1));
    }
}
