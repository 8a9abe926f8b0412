//! How many faults a sliding window forgives.

use crate::protocol::time::Time;
use std::collections::VecDeque;

/// The faults of the last window. It owns memory, and more than a pointer, only once there is a
/// fault: few sessions ever make one.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "a pointer for the many that never need it")]
pub(super) struct Budget(Option<Box<VecDeque<Time>>>);

impl Budget {
    /// Counts a fault. Fails with the milliseconds until the window forgives one if this is number
    /// `limit` within `window_ms`; a limit of 0 fails as 1 does.
    pub(super) fn spend(&mut self, now: Time, window_ms: u64, limit: u32) -> Result<(), u64> {
        let faults = self.0.get_or_insert_default();
        while faults.front().is_some_and(|&fault| now.since(fault) >= window_ms) {
            faults.pop_front();
        }
        faults.push_back(now);
        if faults.len() < limit as usize {
            return Ok(());
        }
        let oldest = faults.pop_front().unwrap_or(now);
        Err(window_ms.saturating_sub(now.since(oldest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fault_of_a_window_fails_and_older_ones_are_forgiven() {
        let mut budget = Budget::default();
        let at = Time::from_ms;
        assert_eq!(budget.spend(at(0), 60, 3), Ok(()));
        assert_eq!(budget.spend(at(10), 60, 3), Ok(()));
        assert_eq!(budget.spend(at(60), 60, 3), Ok(()), "the first one is 60 ms old");
        assert_eq!(budget.spend(at(69), 60, 3), Err(1));
    }

    #[test]
    fn memory_is_bounded_by_the_limit() {
        let mut budget = Budget::default();
        for ms in 0..100 {
            let _ = budget.spend(Time::from_ms(ms), 1_000, 5);
        }
        assert!(budget.0.unwrap().len() < 5);
    }
}
