//! What a seed decides: which service fails, when a process is killed, which bit is flipped.
//!
//! Each choice has a name and is computed from seed and name alone, so one more choice in one act changes no other, and
//! the same seed makes the same choices on every machine. Not for secrets.

use crate::rng::Rng;

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
        Rng::named(self.seed, what).below(bound)
    }

    /// One of several.
    pub fn one<'a, T>(&self, what: &str, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).ok().filter(|count| *count > 0)?;
        of.get(usize::try_from(self.below(what, count)).ok()?)
    }
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
