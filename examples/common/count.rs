//! What bots count together: numbers, and times.

use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest time told apart, in microseconds.
const LONGEST_US: u64 = 120_000_000;

/// A counter that all bots share.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The sum so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Microseconds, three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "the bounds are constants that the library accepts")]
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("valid bounds")
}
