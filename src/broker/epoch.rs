//! The name of one incarnation of a room's history, and where such names come from.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Tells one incarnation of a room's history from every other: opaque, 32 characters of
/// `[0-9a-f]`. A clone shares the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({})", self.0)
    }
}

/// A source of epochs: 128 random bits of the start, mixed anew for each one.
///
/// Epochs of one source never repeat, and those of two starts meet by a chance of 2^-128 or so.
/// They are no secret: a join is authorised whatever it names.
#[derive(Debug)]
pub struct Epochs {
    seed: [u64; 2],
    drawn: AtomicU64,
}

impl Epochs {
    /// A source that differs at every start.
    ///
    /// # Errors
    /// When the operating system has no random bytes to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self::with_seed([getrandom::u64()?, getrandom::u64()?]))
    }

    /// The same epochs for the same `seed`: for tests and simulations.
    pub const fn seeded(seed: u64) -> Self {
        Self::with_seed([seed, !seed])
    }

    /// The next epoch.
    pub fn draw(&self) -> Epoch {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let [high, low] = self.seed.map(|seed| mix(seed, drawn));
        Epoch(format!("{high:016x}{low:016x}").into())
    }

    const fn with_seed(seed: [u64; 2]) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

/// The `index`th output of SplitMix64: a permutation, so that no two indexes share a value.
const fn mix(seed: u64, index: u64) -> u64 {
    let z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits::EPOCH_CHARS;
    use std::collections::HashSet;

    #[test]
    fn the_mixer_is_splitmix64() {
        assert_eq!(mix(1_234_567, 0), 6_457_827_717_110_365_317);
        assert_eq!(mix(1_234_567, 1), 3_203_168_211_198_807_973);
    }

    #[test]
    fn epochs_differ_and_fit() {
        let epochs = Epochs::random().unwrap();
        let drawn: HashSet<Epoch> = (0..1_000).map(|_| epochs.draw()).collect();
        assert_eq!(drawn.len(), 1_000);
        assert!(drawn.iter().all(|epoch| (1..=EPOCH_CHARS).contains(&epoch.as_str().len())));
    }

    #[test]
    fn two_starts_have_different_epochs() {
        assert_ne!(Epochs::random().unwrap().draw(), Epochs::random().unwrap().draw());
    }

    #[test]
    fn a_seed_gives_the_same_epochs_again() {
        let [one, two] = [Epochs::seeded(7), Epochs::seeded(7)];
        assert_eq!([one.draw(), one.draw()], [two.draw(), two.draw()]);
        assert_ne!(Epochs::seeded(8).draw(), Epochs::seeded(7).draw());
    }
}
