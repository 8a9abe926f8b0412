//! How long to wait before the next connection: full jitter under a growing ceiling.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// The ceiling of the first delay.
pub const BASE: Duration = Duration::from_secs(1);
/// The ceiling never grows beyond this.
pub const CAP: Duration = Duration::from_secs(30);
/// A connection that lasted this long starts the ceiling over.
pub const STABLE: Duration = Duration::from_secs(10);

/// Delays drawn evenly from zero up to a ceiling that doubles with each try.
///
/// ```
/// use vestibule::client::Backoff;
///
/// let mut backoff = Backoff::default();
/// assert!(backoff.delay().as_secs_f64() <= 1.0);
/// assert!(backoff.delay().as_secs_f64() <= 2.0);
/// assert_eq!(backoff.tries(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next delay.
    pub fn delay(&mut self) -> Duration {
        let ceiling = ceiling(self.tries);
        self.tries = self.tries.saturating_add(1);
        spread(Duration::ZERO, ceiling)
    }

    /// Delays drawn since the last reset.
    pub const fn tries(&self) -> u32 {
        self.tries
    }

    /// Starts over: the connection was stable for [`STABLE`].
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

/// The ceiling of the delay after `tries` earlier ones.
fn ceiling(tries: u32) -> Duration {
    2u32.checked_pow(tries).and_then(|factor| BASE.checked_mul(factor)).map_or(CAP, |d| d.min(CAP))
}

/// A duration drawn evenly from `low` to `high`.
pub(super) fn spread(low: Duration, high: Duration) -> Duration {
    low + high.saturating_sub(low).mul_f64(random_fraction())
}

/// From 0 to 1. The seeds of `RandomState` are random: fine for jitter, never for secrets.
fn random_fraction() -> f64 {
    const BITS: u32 = 32;
    let high_bits = random() >> (u64::BITS - BITS);
    high_bits as f64 / f64::from(u32::MAX)
}

/// 64 bits that differ from call to call.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_doubles_up_to_the_cap() {
        let seconds: Vec<u64> = (0..7).map(|tries| ceiling(tries).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(ceiling(u32::MAX), CAP);
    }

    #[test]
    fn delays_use_the_whole_range_and_start_over_after_a_reset() {
        let draws: Vec<Duration> = (0..1_000).map(|_| Backoff::default().delay()).collect();
        assert!(draws.iter().all(|delay| *delay <= BASE));
        assert!(draws.iter().any(|delay| *delay < BASE / 4));
        assert!(draws.iter().any(|delay| *delay > BASE * 3 / 4));
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            assert!(backoff.delay() <= CAP);
        }
        backoff.reset();
        assert_eq!(backoff.tries(), 0);
        assert!(backoff.delay() <= BASE);
    }

    #[test]
    fn spread_stays_between_its_bounds() {
        let (low, high) = (Duration::from_secs(5), Duration::from_secs(30));
        assert!((0..1_000).all(|_| (low..=high).contains(&spread(low, high))));
        assert_eq!(spread(high, low), high);
    }
}
