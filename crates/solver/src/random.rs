//! Seeded randomness: PCG by name, so that a seed keeps its meaning.

use rand_pcg::{Pcg64Mcg, rand_core::Rng};

/// A generator for one group in one round.
pub(crate) struct Random(Pcg64Mcg, u32);

/// One position in so many is skipped, on average (blinks).
const BLINK_EVERY: usize = 100;

impl Random {
    /// Seeds from a job seed, a round and a group.
    pub(crate) fn new(seed: u64, round: u32, group: u32) -> Self {
        let mixed = mix(seed ^ mix(u64::from(round) << 32 | u64::from(group)));
        Self(Pcg64Mcg::new(u128::from(mixed) << 64 | u128::from(mix(mixed)) | 1), BLINK_EVERY as u32)
    }

    /// Uniform in `0..n`; 0 for an empty range. Multiply-shift (Lemire 2019) without rejection: the bias is below n / 2^32.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// True with probability `per_mille` / 1000.
    pub(crate) fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }

    /// True now and then: draws the gap to the next time, not one number each time.
    #[inline]
    pub(crate) fn blink(&mut self) -> bool {
        if self.1 > 0 {
            self.1 -= 1;
            return false;
        }
        self.1 = self.below(2 * BLINK_EVERY - 1) as u32;
        true
    }

    /// Uniform in `0..4096`: an index into the table of logarithms.
    pub(crate) fn cell(&mut self) -> usize {
        (self.0.next_u32() >> 20) as usize
    }
}

/// `SplitMix64`'s finisher.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
