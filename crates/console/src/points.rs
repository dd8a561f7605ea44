//! Which copies are there, what was judged of them, and which is restored?

use askama::Template;
use estate::Id;
use incident::scan::SnapshotView;
use page::words::{moment, utc};
use page::{Html, filled, filters};

use crate::as_of::AsOf;
use crate::frame::suffix;

/// Newest snapshots of a store that are listed; the scan lists all.
const SNAPSHOTS_MAX: usize = 30;

#[derive(Template)]
#[template(path = "points.html")]
struct Sheet<'a> {
    suffix: String,
    stores: Vec<Store<'a>>,
    /// Stores of the estate of which no snapshot was ever seen.
    unseen: Vec<&'a Id>,
}

struct Store<'a> {
    id: &'a Id,
    chosen: Option<&'a str>,
    chosen_by: Option<&'a str>,
    waits: bool,
    restored: Option<u64>,
    rows: Vec<Row<'a>>,
    left_out: usize,
}

struct Row<'a> {
    id: String,
    claims: Html,
    first_seen: String,
    word: &'static str,
    class: &'static str,
    is_chosen: bool,
    reasons: &'a [String],
}

pub(crate) fn body(seen: &AsOf) -> Html {
    let known = &seen.view.scan.stores;
    let stores = known.iter().filter(|(_, store)| !store.snapshots.is_empty()).map(|(id, store)| {
        let chosen = store.recovery_point.as_deref();
        let rows = store.snapshots.iter().rev().take(SNAPSHOTS_MAX);
        Store {
            id,
            chosen,
            chosen_by: store.chosen_by.as_deref(),
            waits: store.waits_for_a_choice(),
            restored: seen.view.recover.restored.get(id).copied(),
            rows: rows.map(|snapshot| row(snapshot, chosen)).collect(),
            left_out: store.snapshots.len().saturating_sub(SNAPSHOTS_MAX),
        }
    });
    let has_none = |id: &&Id| known.get(*id).is_none_or(|store| store.snapshots.is_empty());
    filled(&Sheet {
        suffix: suffix(seen),
        stores: stores.collect(),
        unseen: seen.estate.stores.keys().filter(has_none).collect(),
    })
}

fn row<'a>(snapshot: &'a SnapshotView, chosen: Option<&str>) -> Row<'a> {
    let (word, class) = match snapshot.clean {
        None => ("not judged, so not clean", "warn"),
        Some(true) if snapshot.needs_a_word() => {
            ("nothing found; its disk images were not looked into", "warn")
        }
        Some(true) => ("clean", "good"),
        Some(false) => ("not clean", "bad"),
    };
    Row {
        id: snapshot.id.chars().take(12).collect(),
        claims: moment(&snapshot.claims_time),
        first_seen: utc(snapshot.first_seen_ms),
        word,
        class,
        is_chosen: chosen == Some(snapshot.id.as_str()),
        reasons: &snapshot.reasons,
    }
}
