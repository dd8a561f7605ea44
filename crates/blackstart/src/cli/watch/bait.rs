//! Decoys in the stores, for as long as the watch runs.

use std::path::{Path, PathBuf};

use estate::{Estate, Id};
use message::counted;
use scan::decoys::{self, Decoy, Removed};

use super::super::talk;

/// Takes away what an earlier watch left, and puts new ones where that is asked for. All that are there now.
pub(super) fn lay(estate: &Estate, journal: &Path, wanted: bool) -> Vec<Decoy> {
    // A list that somebody broke must not keep the stores from being watched.
    let listed = decoys::listed(journal).unwrap_or_else(|error| {
        talk::say(format!(
            "the list of decoys in {} cannot be read ({error}): what an earlier watch laid is taken for files of the stores",
            journal.display()
        ));
        Vec::new()
    });
    let stores: Vec<(Id, PathBuf)> = estate
        .stores
        .iter()
        .filter_map(|(id, store)| Some((id.clone(), PathBuf::from(store.path.as_ref()?))))
        .collect();
    let roots: Vec<PathBuf> = stores.iter().map(|(_, root)| root.clone()).collect();
    let (before, strange): (Vec<Decoy>, Vec<Decoy>) =
        listed.into_iter().partition(|decoy| decoys::may_be_ours(decoy, &roots));
    for decoy in &strange {
        talk::say(format!(
            "{} stands in the list of decoys and is none of this estate: it is left as it is",
            shown(&decoy.path)
        ));
    }
    let (kept, touched) = take_away(&before);
    for decoy in &touched {
        talk::say(format!(
            "the decoy {} was touched while nobody watched; it stays as it is",
            shown(&decoy.path)
        ));
    }
    if !wanted {
        if !before.is_empty() || !strange.is_empty() {
            write_list(journal, &kept);
        }
        return Vec::new();
    }
    let planned: Vec<(Decoy, Vec<u8>)> = stores
        .iter()
        .filter(|(_, root)| root.is_dir())
        .flat_map(|(id, root)| decoys::planned(id, root))
        .collect();
    let all: Vec<Decoy> =
        kept.iter().cloned().chain(planned.iter().map(|(decoy, _)| decoy.clone())).collect();
    if !write_list(journal, &all) {
        return kept;
    }
    // What could not be taken away is still one that nobody has reason to touch.
    let mut laid = kept;
    for (decoy, bytes) in planned {
        match decoys::put(&decoy, &bytes) {
            Ok(()) => laid.push(decoy),
            Err(error) => talk::say(format!("no decoy at {}: {error}", shown(&decoy.path))),
        }
    }
    talk::say(format!(
        "{} in {}; they are taken away when the watch ends",
        counted(laid.len(), "decoy"),
        counted(stores.len(), "store")
    ));
    laid
}

/// Without it none is laid: nobody would know of them.
fn write_list(journal: &Path, all: &[Decoy]) -> bool {
    let written = decoys::list(journal, all);
    if let Err(error) = &written {
        talk::say(format!("NO DECOYS: their list cannot be written to {}: {error}", journal.display()));
    }
    written.is_ok()
}

/// When the watch ends in order. What was touched stays: it shows what was done to it.
/// `laid`: those of this watch; its list is not read again, because others may have written it since.
pub(super) fn clear(journal: &Path, laid: &[Decoy]) {
    if laid.is_empty() {
        return;
    }
    let (kept, _) = take_away(laid);
    if let Err(error) = decoys::list(journal, &kept) {
        talk::say(format!(
            "the list of decoys could not be written: {error}; the next watch takes away the rest"
        ));
    }
}

/// Those that are to be tried again, and those that somebody touched.
fn take_away(all: &[Decoy]) -> (Vec<Decoy>, Vec<Decoy>) {
    let (mut kept, mut touched) = (Vec::new(), Vec::new());
    for decoy in all {
        match decoys::remove(decoy) {
            Ok(Removed::Removed | Removed::WasGone) => {}
            Ok(Removed::WasTouched) => touched.push(decoy.clone()),
            Err(error) => {
                talk::say(format!("the decoy {} could not be taken away: {error}", shown(&decoy.path)));
                kept.push(decoy.clone());
            }
        }
    }
    (kept, touched)
}

fn shown(path: &Path) -> String {
    scan::shown::path(path)
}
