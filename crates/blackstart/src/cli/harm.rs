//! How a damaged journal is told: first, loud, and with the way on.

use std::path::Path;

use message::{Command, counted_as};
use serde_json::{Value, json};

use incident::damaged::Harm;
use incident::store;

/// So many findings and gaps are told; `journal verify` has all.
const TOLD_MAX: usize = 3;

/// What is damaged, where, what it means, what to do. For the top of whatever is shown of this journal.
pub fn lines(folder: &Path, harm: &Harm) -> Vec<String> {
    let mut lines = damage(folder, harm);
    match store::succeeded_by(folder) {
        Some(next) => lines.push(format!("   It goes on in {}: {}", next.display(), status(&next))),
        None => {
            lines.push("   To go on in a new folder, with all that is proven:".to_owned());
            lines.push(format!("   {}", succeed(folder)));
        }
    }
    lines
}

/// The same without what to do.
pub fn damage(folder: &Path, harm: &Harm) -> Vec<String> {
    let mut lines = vec!["!! THE JOURNAL IS DAMAGED. Nothing can be recorded in it.".to_owned()];
    lines.extend(harm.findings.iter().take(TOLD_MAX).map(|finding| format!("   {finding}")));
    if harm.findings.len() > TOLD_MAX {
        let more = harm.findings.len() - TOLD_MAX;
        let verify = Command::new("journal verify").with(folder.display()).line(None);
        lines.push(format!("   and {more} more: {verify}"));
    }
    lines.push(match harm.lost.is_empty() {
        true => {
            format!("   All of it can be read ({}); the damage is in what proves it.", entries(harm.entries))
        }
        false => format!(
            "   Of {} these were not read, or are not what was signed: {}.",
            entries(harm.entries),
            gaps(harm)
        ),
    });
    lines.push("   Nothing below that sounds good may be relied on.".to_owned());
    let proven = harm.trusted.as_ref().map_or(0, |trusted| trusted.size);
    lines.push(format!("   The newest signed state that is whole has {}.", entries(proven)));
    lines
}

/// A journal that was ended although, or before, it was read here.
pub fn ended(folder: &Path) -> Option<String> {
    let next = store::succeeded_by(folder)?;
    Some(format!("!! ENDED. This incident goes on in {}: {}", next.display(), status(&next)))
}

/// The line that continues this folder in another.
pub fn succeed(folder: &Path) -> String {
    let shown = folder.display().to_string();
    Command::succeed(&shown).line(Some(&shown))
}

fn status(folder: &Path) -> String {
    Command::new("status").with(folder.display()).line(None)
}

pub fn as_json(harm: &Harm) -> Value {
    let gaps: Vec<Value> = harm
        .lost
        .iter()
        .map(|gap| json!({ "from": gap.entries.start, "until": gap.entries.end, "readable": gap.readable, "why": gap.why }))
        .collect();
    json!({
        "findings": harm.findings,
        "entries": harm.entries,
        "not_relied_on": gaps,
        "trusted_size": harm.trusted.as_ref().map(|trusted| trusted.size),
    })
}

fn entries(count: u64) -> String {
    counted_as(count, "entry", "entries")
}

/// `5, 7 to 9`.
fn gaps(harm: &Harm) -> String {
    let mut gaps: Vec<String> = harm
        .lost
        .iter()
        .take(TOLD_MAX)
        .map(|gap| match gap.entries.end - gap.entries.start {
            1 => gap.entries.start.to_string(),
            _ => format!("{} to {}", gap.entries.start, gap.entries.end - 1),
        })
        .collect();
    if harm.lost.len() > TOLD_MAX {
        gaps.push("...".to_owned());
    }
    gaps.join(", ")
}
