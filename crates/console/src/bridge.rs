//! What does the bridge hold, and for whom?
//!
//! The incident's journal knows the counts that the bridge has sent, and when; the items stand in the bridge's own journal.

use askama::Template;
use page::words::number;
use page::{Html, filled};

use crate::as_of::AsOf;
use crate::frame::{Clock, age, suffix};

#[derive(Template)]
#[template(path = "bridge.html")]
struct Sheet<'a> {
    suffix: String,
    called: &'a str,
    counted: Option<(String, Option<u64>)>,
    oldest: &'static str,
    all: Row,
    rows: Vec<Row>,
}

struct Row {
    key: String,
    name: String,
    cells: [String; 6],
    has_conflicts: bool,
    adds_up: bool,
}

pub(crate) fn body(seen: &AsOf, clock: Clock) -> Html {
    let bridge = &seen.view.bridge;
    let mut sums = [0_u128; 6];
    let mut all_add_up = true;
    let rows: Vec<Row> = bridge
        .accounts
        .iter()
        .map(|(id, account)| {
            let counts = [
                account.accepted,
                account.applied,
                account.already_there,
                account.pending,
                account.conflict,
                account.refused,
            ];
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u128::from(count));
            all_add_up &= account.adds_up();
            let name = seen.estate.tenants.get(id).map_or("", |tenant| tenant.name.as_str());
            Row {
                key: id.name().to_owned(),
                name: if name.is_empty() { id.name() } else { name }.to_owned(),
                cells: counts.map(number),
                has_conflicts: account.conflict > 0,
                adds_up: account.adds_up(),
            }
        })
        .collect();
    let entry = seen.beside.newest.get("bridge.account_received").map(|mark| mark.sequence);
    filled(&Sheet {
        suffix: suffix(seen),
        called: seen.estate.words.tenant(),
        counted: bridge.as_of_ms.map(|ms| (age(clock.now_ms, ms), entry)),
        oldest: oldest(),
        all: Row {
            key: String::new(),
            name: "all".to_owned(),
            cells: sums.map(number),
            has_conflicts: sums[4] > 0,
            adds_up: all_add_up,
        },
        rows,
    })
}

/// The bridge's account has counts and no times.
pub(crate) fn oldest() -> &'static str {
    "not known: the bridge's account has counts, no times"
}
