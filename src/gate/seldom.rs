//! A log line that is written at most once an interval, with how many were not.

use crate::protocol::time::Time;
use std::sync::atomic::{AtomicU64, Ordering};

/// Between two lines of one kind, in milliseconds.
const INTERVAL_MS: u64 = 60_000;

/// One kind of line. Shared by all workers; a race between two of them costs a line's count, or
/// writes none of it twice.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    /// When the next line is due, in milliseconds.
    due: AtomicU64,
    /// Lines that were not written since the last one.
    missed: AtomicU64,
}

impl Seldom {
    /// Whether a line is to be written now, and how many were left out since the last one.
    pub(crate) fn line(&self, now: Time) -> Option<u64> {
        let (now, due) = (now.as_ms(), self.due.load(Ordering::Relaxed));
        let next = now.saturating_add(INTERVAL_MS);
        let order = Ordering::Relaxed;
        if now < due || self.due.compare_exchange(due, next, order, order).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.missed.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_an_interval_and_the_count_of_the_others() {
        let seldom = Seldom::default();
        let line = |ms| seldom.line(Time::from_ms(ms));
        assert_eq!(line(0), Some(0));
        assert_eq!(line(0), None);
        assert_eq!(line(INTERVAL_MS - 1), None);
        assert_eq!(line(INTERVAL_MS), Some(2));
        assert_eq!(line(INTERVAL_MS + 1), None);
        assert_eq!(line(3 * INTERVAL_MS), Some(1));
    }
}
