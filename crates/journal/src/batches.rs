//! Which batches were recorded lately, so that one offered again after a lost answer is not recorded twice.

use std::collections::VecDeque;

use crate::Appended;
use crate::record::BatchId;

/// A client offers again at once; this is far more than can come in between, at about 2 MB.
const BATCHES_MAX: usize = 65_536;

/// In the order of the journal. Every append enters here and hardly any is ever looked up, so there is no index:
/// looking through all of it takes about a millisecond.
#[derive(Default)]
pub(crate) struct Recent {
    batches: VecDeque<(BatchId, Appended)>,
    /// All batches that start at or after this record are known.
    complete_from: u64,
}

/// What is known about a batch that is offered again.
pub(crate) enum BatchFate {
    Recorded(Appended),
    NotRecorded,
    /// It may have been recorded and forgotten.
    Forgotten,
}

impl Recent {
    pub(crate) fn insert(&mut self, batch: BatchId, first: u64, next: u64) {
        self.batches.push_back((batch, Appended { first, next }));
        if self.batches.len() > BATCHES_MAX
            && let Some((_, place)) = self.batches.pop_front()
        {
            self.complete_from = self.complete_from.max(place.next);
        }
    }

    /// `since`: how many records there were when the batch was first offered.
    pub(crate) fn find(&self, batch: &BatchId, since: u64) -> BatchFate {
        match self.batches.iter().rev().find(|(known, _)| known == batch) {
            Some((_, place)) => BatchFate::Recorded(*place),
            None if since >= self.complete_from => BatchFate::NotRecorded,
            None => BatchFate::Forgotten,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_batch_is_never_called_unrecorded() {
        let mut recent = Recent::default();
        for number in 0..BATCHES_MAX as u64 + 10 {
            let mut id = BatchId::default();
            id[..8].copy_from_slice(&number.to_be_bytes());
            recent.insert(id, number, number + 1);
        }
        let id_of = |number: u64| {
            let mut id = BatchId::default();
            id[..8].copy_from_slice(&number.to_be_bytes());
            id
        };
        assert!(matches!(recent.find(&id_of(5), 5), BatchFate::Forgotten));
        assert!(matches!(recent.find(&id_of(10), 10), BatchFate::Recorded(Appended { first: 10, next: 11 })));
        assert!(matches!(recent.find(&[255; 16], 10), BatchFate::NotRecorded));
        assert!(matches!(recent.find(&[255; 16], 9), BatchFate::Forgotten));
    }
}
