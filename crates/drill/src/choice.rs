//! What a seed decides: which service fails, when a process is killed, which bit is flipped.
//!
//! Each choice has a name and is computed from seed and name alone, so one more choice in one act changes no other, and
//! the same seed makes the same choices on every machine. Not for secrets.

/// The choices of one run.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    seed: u64,
}

impl Choices {
    /// The choices this seed makes.
    pub fn new(seed: u64) -> Choices {
        Choices { seed }
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&self, what: &str, bound: u64) -> u64 {
        assert!(bound > 0, "there is nothing to choose from");
        let named =
            what.bytes().fold(self.seed ^ 0x9e37_79b9_7f4a_7c15, |state, byte| mix(state ^ u64::from(byte)));
        mix(named) % bound
    }

    /// One of several.
    pub fn one<'a, T>(&self, what: &str, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).ok().filter(|count| *count > 0)?;
        of.get(usize::try_from(self.below(what, count)).ok()?)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): every bit of the input changes half of the output.
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_and_another_seed_others() {
        let all = |seed| {
            (0..50).map(|i| Choices::new(seed).below(&format!("choice {i}"), 1000)).collect::<Vec<_>>()
        };
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }

    #[test]
    fn every_one_of_several_is_chosen_by_some_seed() {
        let of = ["core", "identity", "mail"];
        let chosen: std::collections::BTreeSet<_> =
            (0..40).filter_map(|seed| Choices::new(seed).one("which", &of)).collect();
        assert_eq!(chosen.len(), 3);
        assert_eq!(Choices::new(1).one::<u8>("which", &[]), None);
    }
}
