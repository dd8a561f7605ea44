//! What a journal says about the damaged one that it continues, and which number there is which here.

use serde::{Deserialize, Serialize};

/// What a new journal says about the one that it continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succession {
    /// Where the old one lay, when this was recorded.
    pub folder: String,
    /// What the old one calls itself in its checkpoints; empty if none could be believed.
    pub origin: String,
    /// How many of its entries the newest state that was signed and is whole covers, and the root of their hash tree.
    pub trusted_size: u64,
    pub root: String,
    /// The signed checkpoint that says so.
    pub checkpoint: Option<String>,
    /// What was wrong, and where.
    pub damage: Vec<String>,
    /// Entries of the old journal that follow here, in this order: (first, first after the last).
    pub carried: Vec<(u64, u64)>,
    /// Entries that do not.
    pub left_out: Vec<LeftOut>,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub from: u64,
    pub until: u64,
    pub cause: Cause,
    pub detail: String,
}

/// Why an entry does not follow in the new journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It could not be read.
    Damaged,
    /// It could be read, and no signature proves that it is what was written.
    NotProven,
    /// Its content was erased by a recorded decision.
    Erased,
    /// The old journal's own: a cut-off write, a decision to erase.
    JournalsOwn,
}

impl Cause {
    /// Whether something may have been in it that decisions depend on.
    pub fn is_missed(self) -> bool {
        matches!(self, Cause::Damaged | Cause::NotProven)
    }
}

impl Succession {
    /// What nobody knows any more, in one sentence; `None` if nothing is missed.
    pub fn missed(&self) -> Option<String> {
        let missed: Vec<&LeftOut> = self.left_out.iter().filter(|one| one.cause.is_missed()).collect();
        let count: u64 = missed.iter().map(|one| one.until - one.from).sum();
        let first = missed.first()?;
        let entries = if count == 1 { "1 entry" } else { &format!("{count} entries") };
        Some(format!(
            "{entries} of the journal before could not be carried over, from number {}: {}",
            first.from, first.detail
        ))
    }

    pub fn carried_count(&self) -> u64 {
        self.carried.iter().map(|(from, until)| until.saturating_sub(*from)).fold(0, u64::saturating_add)
    }

    /// The old number of the `index`th carried entry.
    fn old(&self, index: u64) -> Option<u64> {
        let mut rest = index;
        for (from, until) in &self.carried {
            let count = until.saturating_sub(*from);
            if rest < count {
                return from.checked_add(rest);
            }
            rest -= count;
        }
        None
    }

    /// Its inverse.
    pub(crate) fn index(&self, old: u64) -> Option<u64> {
        let mut before = 0_u64;
        for (from, until) in &self.carried {
            if (*from..*until).contains(&old) {
                return before.checked_add(old - from);
            }
            before = before.checked_add(until.saturating_sub(*from))?;
        }
        None
    }
}

/// The journals that this one continues, the newest first: each begins with the succession of the one before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Origin {
    pub successions: Vec<Succession>,
}

impl Origin {
    /// The number here of the entry that `entry`, carried over or not, calls `named`. `None`: it was not carried over.
    pub fn here(&self, entry: u64, named: u64) -> Option<u64> {
        translate(&self.successions, entry, named)
    }
}

fn translate(successions: &[Succession], entry: u64, named: u64) -> Option<u64> {
    let Some((succession, before)) = successions.split_first() else { return Some(named) };
    // The first entry of a journal says what it continues; what is carried over stands behind it.
    let Some(old) = entry.checked_sub(1).and_then(|index| succession.old(index)) else { return Some(named) };
    let named = translate(before, old, named)?;
    succession.index(named).and_then(|index| index.checked_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(carried: &[(u64, u64)]) -> Succession {
        Succession {
            folder: String::new(),
            origin: String::new(),
            trusted_size: 0,
            root: String::new(),
            checkpoint: None,
            damage: Vec::new(),
            carried: carried.to_vec(),
            left_out: Vec::new(),
            reason: String::new(),
        }
    }

    #[test]
    fn a_number_inside_a_carried_entry_means_the_entry_that_it_meant() {
        // The old journal has 0 to 9, and 5 was lost. The next: 0 says so, 1 to 9 are carried, 10 is its own.
        let origin = Origin { successions: vec![of(&[(0, 5), (6, 10)])] };
        assert_eq!(origin.here(8, 2), Some(3), "old entry 8 names old entry 2, which is now 3");
        assert_eq!(origin.here(9, 7), Some(7), "behind the gap the two numbers are the same");
        assert_eq!(origin.here(8, 5), None, "what was lost is nowhere");
        assert_eq!(origin.here(10, 3), Some(3), "an entry of the new journal means its own numbers");

        // And once more: of that journal 3 was lost, so its 0 to 2 and 4 to 10 follow.
        let again = Origin { successions: vec![of(&[(0, 3), (4, 11)]), of(&[(0, 5), (6, 10)])] };
        // Old 8 was 8 there and is 8 here; it names old 3, which was 4 there and is 4 here.
        assert_eq!(again.here(8, 3), Some(4));
        assert_eq!(again.here(8, 2), None, "it was 3 in between, and lost there");
        assert_eq!(again.here(10, 10), Some(10), "the second journal's own entry 10 names itself");
        assert_eq!(again.here(11, 11), Some(11));
    }

    proptest::proptest! {
        #[test]
        fn any_numbers_are_translated_without_panic(
            ranges: Vec<(u64, u64)>, more: Vec<(u64, u64)>, entry: u64, named: u64,
        ) {
            let _ = Origin { successions: vec![of(&ranges), of(&more)] }.here(entry, named);
        }
    }
}
