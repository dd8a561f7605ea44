//! Damage that is no encryption: what wipers, faulty disks and broken programs leave. It cannot be taken back.

use crate::rng::Rng;

/// How a file is damaged. The names are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A range of 4 KiB to 64 KiB, at most a quarter of the file, filled with zeros.
    Zeroed,
    /// Cut off somewhere between a tenth and nine tenths.
    Truncated,
    /// 1 to 512 bytes lost at the beginning, everything else moved up.
    Shifted,
    /// Another file's content.
    Swapped,
}

impl Damage {
    pub const ALL: [Damage; 4] = [Damage::Zeroed, Damage::Truncated, Damage::Shifted, Damage::Swapped];

    pub fn name(self) -> &'static str {
        match self {
            Damage::Zeroed => "zeroed",
            Damage::Truncated => "truncated",
            Damage::Shifted => "shifted",
            Damage::Swapped => "swapped",
        }
    }
}

/// The damaged bytes; `other` is what stands in a file that this one is swapped with.
pub fn apply(damage: Damage, bytes: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let length = bytes.len();
    match damage {
        Damage::Zeroed => {
            let hole = (4096 << rng.below(5)).min(length.div_ceil(4));
            let from = below(&mut rng, length - hole + 1);
            let mut bytes = bytes.to_vec();
            bytes[from..from + hole].fill(0);
            bytes
        }
        Damage::Truncated => bytes[..length / 10 + below(&mut rng, length * 8 / 10 + 1)].to_vec(),
        Damage::Shifted => bytes[(1 + below(&mut rng, 512)).min(length)..].to_vec(),
        Damage::Swapped => other.to_vec(),
    }
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).expect("below a usize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_changes_what_it_says_and_is_the_same_each_time() {
        let clean: Vec<u8> = (0..100_000_u32).map(|at| u8::try_from(at % 251 + 1).unwrap()).collect();
        for seed in 0..50 {
            for damage in Damage::ALL {
                let bytes = apply(damage, &clean, b"other", seed);
                assert_eq!(bytes, apply(damage, &clean, b"other", seed));
                assert_ne!(bytes, clean, "{} with seed {seed}", damage.name());
            }
            let zeroed = apply(Damage::Zeroed, &clean, b"", seed);
            assert_eq!(zeroed.len(), clean.len());
            let wiped = zeroed.iter().filter(|byte| **byte == 0).count();
            assert!(wiped >= 4096, "{wiped}");
            let shifted = apply(Damage::Shifted, &clean, b"", seed);
            assert!(clean.ends_with(&shifted) && clean.len() - shifted.len() <= 512);
        }
        for length in 0..3 {
            for damage in Damage::ALL {
                apply(damage, &clean[..length], b"", 1);
            }
        }
    }
}
