//! Chance that a seed repeats: SplitMix64, good enough to spread bots, never for secrets.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// A sequence of numbers that its seed decides.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of one bot: each has its own, so that no bot's luck hangs on the others' pace.
    pub(crate) fn new(seed: u64, bot: u32) -> Self {
        let mut dice = Self(seed ^ (u64::from(bot) << 32));
        dice.0 = dice.roll();
        dice
    }

    /// The next number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to `n`, without `n`; 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        // The remainder favours small numbers by 2^-40 and less: nobody will notice.
        self.roll().checked_rem(n as u64).unwrap_or(0) as usize
    }

    /// Whether it happens, once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Drawn evenly from `low` to `high`.
    pub(crate) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let share = (self.roll() >> 32) as f64 / f64::from(u32::MAX);
        low + high.saturating_sub(low).mul_f64(share)
    }
}

/// A seed for a run that was given none.
pub(crate) fn any_seed() -> u64 {
    // 32 bits are easier to type again.
    RandomState::new().hash_one(0u8) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers_and_bots_differ() {
        let rolls = |seed, bot| {
            let mut dice = Dice::new(seed, bot);
            [dice.roll(), dice.roll(), dice.roll()]
        };
        assert_eq!(rolls(7, 1), rolls(7, 1));
        assert_ne!(rolls(7, 1), rolls(7, 2));
        assert_ne!(rolls(7, 1), rolls(8, 1));
    }

    #[test]
    fn draws_use_their_whole_range() {
        let mut dice = Dice::new(1, 0);
        let (low, high) = (Duration::from_millis(500), Duration::from_secs(15));
        let drawn: Vec<_> = (0..1_000).map(|_| dice.between(low, high)).collect();
        assert!(drawn.iter().all(|span| (low..=high).contains(span)));
        assert!(drawn.iter().any(|span| *span < Duration::from_secs(2)));
        assert!(drawn.iter().any(|span| *span > Duration::from_secs(13)));
        assert_eq!(dice.below(0), 0);
        let faces: std::collections::BTreeSet<_> = (0..100).map(|_| dice.below(5)).collect();
        assert_eq!(faces.len(), 5);
    }
}
