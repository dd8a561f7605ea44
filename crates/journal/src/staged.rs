//! What will the next write hold, and what is answered to whom?

use std::borrow::Cow;
use std::collections::HashMap;

use crate::batches::BatchFate;
use crate::lead::{Caller, Core};
use crate::offer::{Answer, AppendError, Appended, Expect, Offer};
use crate::record::{BatchId, Header, encode};
use crate::tree::Hash;

/// What the next write will hold. Nothing of it counts before the sync.
#[derive(Default)]
pub(crate) struct Staged {
    pub(crate) bytes: Vec<u8>,
    pub(crate) next: u64,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) kinds: HashMap<String, u64>,
    pub(crate) batches: Vec<(BatchId, Appended)>,
    pub(crate) answers: Vec<Answer>,
}

impl Staged {
    /// The answer, if it can be given without writing.
    pub(crate) fn examine(&self, core: &Core, offer: &Offer) -> Option<Answer> {
        if let Some(since) = offer.again_since {
            if let Some((_, place)) = self.batches.iter().find(|(batch, _)| *batch == offer.batch) {
                return Some(Ok(*place));
            }
            match core.recent.find(&offer.batch, since) {
                BatchFate::Recorded(place) => return Some(Ok(place)),
                BatchFate::NotRecorded => {}
                BatchFate::Forgotten => {
                    let why = "the connection to the writer was lost, and too many others have come since"
                        .to_owned();
                    return Some(Err(AppendError::InDoubt { why }));
                }
            }
        }
        if let Some(refusal) = self.contradiction(core, &offer.expect) {
            return Some(Err(refusal));
        }
        offer.drafts.is_empty().then_some(Ok(Appended { first: self.next, next: self.next }))
    }

    fn contradiction(&self, core: &Core, expect: &Expect) -> Option<AppendError> {
        let (at, kinds) = match expect {
            Expect::Anything => return None,
            Expect::NothingSince(at) => (*at, &[][..]),
            Expect::NoneOfSince { at, kinds } => (*at, &kinds[..]),
        };
        if at > self.next {
            return Some(AppendError::Ahead { decided_at: at, length: self.next });
        }
        if matches!(expect, Expect::NothingSince(_)) {
            return (at < self.next).then_some(AppendError::Refused {
                decided_at: at,
                sequence: at,
                kind: None,
            });
        }
        kinds.iter().find_map(|kind| {
            let last = self.kinds.get(kind).or_else(|| core.kinds.get(kind)).copied();
            let sequence = last.filter(|last| *last >= at)?;
            Some(AppendError::Refused { decided_at: at, sequence, kind: Some(kind.clone()) })
        })
    }

    pub(crate) fn add(&mut self, core: &Core, one: &Caller) {
        let first = self.next;
        let count = one.offer.drafts.len();
        for (index, (draft, (salt, digest))) in one.offer.drafts.iter().zip(&one.sealed).enumerate() {
            let header = Header {
                sequence: self.next,
                time_ms: draft.time_ms,
                written_at: core.next,
                batch: one.offer.batch,
                batch_left: u32::try_from(count - 1 - index).expect("a batch is bounded"),
                payload_length: u32::try_from(draft.payload.len()).expect("a payload is bounded"),
                version: draft.version,
                actor: Cow::Borrowed(&draft.actor),
                kind: Cow::Borrowed(&draft.kind),
            };
            let leaf = encode(&mut self.bytes, &core.journal, &header, digest, salt, &draft.payload);
            self.leaves.push(leaf);
            match self.kinds.get_mut(&draft.kind) {
                Some(last) => *last = self.next,
                None => {
                    self.kinds.insert(draft.kind.clone(), self.next);
                }
            }
            self.next += 1;
        }
        let place = Appended { first, next: self.next };
        self.batches.push((one.offer.batch, place));
        self.answers.push(Ok(place));
    }
}
