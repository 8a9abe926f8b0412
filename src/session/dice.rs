//! Numbers that spread what must not happen to all sessions at once; they guard nothing.

/// Thrown again and again, from a seed of the shell's.
#[derive(Debug)]
pub(super) struct Dice(u32);

impl Dice {
    pub(super) const fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// A number from 0 to `most`.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        u64::from(self.roll()) % most.saturating_add(1)
    }

    /// The next number of PCG-RXS-M-XS 32.
    fn roll(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let word = ((self.0 >> ((self.0 >> 28) + 4)) ^ self.0).wrapping_mul(277_803_737);
        (word >> 22) ^ word
    }
}
