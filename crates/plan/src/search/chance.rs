//! Seeded chance: the same seed makes the same choices on every machine.

/// SplitMix64. Small, well known, and good enough to choose between orders; nothing secret depends on it.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to `bound - 1`. `bound` 0 counts as 1.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let scaled = u128::from(self.bits()) * bound.max(1) as u128;
        usize::try_from(scaled >> 64).expect("less than the bound")
    }

    /// Yes in `percent` of a hundred cases.
    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A position, each as likely as its share of all weights. All weights zero: the first.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> usize {
        let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
        let mut drawn = (u128::from(self.bits()) * sum) >> 64;
        for (position, &weight) in weights.iter().enumerate() {
            if drawn < u128::from(weight) {
                return position;
            }
            drawn -= u128::from(weight);
        }
        0
    }
}
