//! Reading on past damage: for people who must see what is left, and for a successor that carries it over.
//!
//! A reader (`read`) stops at the first thing that is wrong, so that nobody builds on what follows. Here everything
//! that is readable is handed out, and every gap is named. Whether a record is the one that was signed is not looked
//! at: `verify` says which are proven.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::disk::{Disk, RealDisk};
use crate::record::KIND_ERASED;
use crate::record::{Body, Payload, Record};
use crate::recover::decided;
use crate::segment::{Damage, WalkItem, walk};

/// What stands in a damaged journal, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Salvaged {
    /// It is there, and its payload is the one that its digest names.
    Record(Record),
    /// These records are not there, or cannot be read.
    Lost {
        /// Which.
        records: Range<u64>,
        /// Why.
        why: String,
    },
}

/// Hands out all that can be read of the journal in `folder`, and the gaps, in the order of their numbers. `promised` is
/// how many records there must be: what is missing at the end is a gap too.
pub fn salvage(folder: &Path, promised: u64, visit: &mut dyn FnMut(Salvaged)) -> io::Result<()> {
    salvage_on(&RealDisk, folder, promised, visit)
}

/// The same on another disk.
pub(crate) fn salvage_on(
    disk: &dyn Disk,
    folder: &Path,
    promised: u64,
    visit: &mut dyn FnMut(Salvaged),
) -> io::Result<()> {
    let mut erased = BTreeSet::new();
    walk(disk, folder, &mut |seen| {
        if let WalkItem::Record { frame, bytes, .. } = seen
            && frame.header.kind == KIND_ERASED
            && let Body::Present(payload) = frame.body(bytes)
        {
            erased.extend(decided(payload));
        }
    })?;
    let (mut next, mut why) = (0, None);
    walk(disk, folder, &mut |seen| match seen {
        WalkItem::Segment { .. } => {}
        WalkItem::Damage { damage, .. } => {
            why.get_or_insert(damage.to_string());
        }
        WalkItem::Unreadable { error, .. } => {
            why.get_or_insert(format!("the file could not be read: {error}"));
        }
        WalkItem::Record { place, frame, bytes } => {
            let sequence = place.sequence;
            // Moved or doubled: whatever it is, it does not belong here.
            if sequence < next {
                return;
            }
            let reason = why.take();
            if sequence > next {
                let why = reason.unwrap_or_else(|| "they are not there".to_owned());
                visit(Salvaged::Lost { records: next..sequence, why });
            }
            next = sequence + 1;
            let payload = match frame.body(bytes) {
                Body::Present(payload) => Payload::Present(payload.to_vec()),
                Body::Erased => Payload::Erased,
                Body::HalfErased | Body::Damaged if erased.contains(&sequence) => Payload::Erased,
                Body::HalfErased | Body::Damaged => {
                    let why =
                        format!("`{}` by {}: {}", frame.header.kind, frame.header.actor, Damage::Payload);
                    return visit(Salvaged::Lost { records: sequence..next, why });
                }
            };
            visit(Salvaged::Record(frame.into_record(payload)));
        }
    })?;
    if next < promised {
        let why = why.unwrap_or_else(|| "the end was cut off".to_owned());
        visit(Salvaged::Lost { records: next..promised, why });
    }
    Ok(())
}
