//! Act 6: which backup is the last clean one? The drill knows, because it made them; the product must find out.

use serde_json::Value;

use crate::Result;
use crate::clock::now_ms;
use crate::fault::During;
use crate::stage::{LOST, Stage, text};
use crate::story::{Act, Kind};

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    for store in stage.stores_of(LOST) {
        stage.say(&format!("judging the backups of {}", store.name));
        let incident = stage.incident();
        let (repository, id) =
            (format!("restic:{}", text(&store.repository)), format!("store:{}", store.name));
        let picture = stage.folder.join(format!("clean-point-{}.html", store.name));
        let picture = text(&picture);
        let args =
            ["scan", &repository, "--journal", &incident, "--store", &id, "--html", &picture, "--json"];
        let (answer, clean_found) =
            stage.product.ask(&stage.world, &args, &[("RESTIC_PASSWORD", &store.password)])?;
        judged(stage, act, &store.name, &answer, clean_found);
        file_by_file(stage, act, &store.name, &answer);
    }
    stage.happened(Kind::Step, "the last clean backup of every store is known");
    gap(stage, act);
    let copy = stage.folder.join("early-copy");
    copy_journal(&stage.incident, &copy)?;
    stage.seen.early_copy = Some(copy);
    Ok(())
}

fn judged(stage: &Stage, act: &mut Act, store: &str, answer: &Value, clean_found: bool) {
    let made = stage.seen.backups.get(store).cloned().unwrap_or_default();
    let newest_clean = made.iter().rev().find(|(_, clean)| *clean).map(|(snapshot, _)| snapshot.id.clone());
    let dirty: Vec<&str> =
        made.iter().filter(|(_, clean)| !clean).map(|(snapshot, _)| snapshot.id.as_str()).collect();
    let said = answer["last_clean"].as_str().map(str::to_owned);
    // Restic shows ids shortened; either form names the same snapshot.
    let same = |one: &str, other: &str| !one.is_empty() && (one.starts_with(other) || other.starts_with(one));
    let right = match (&said, &newest_clean) {
        (Some(said), Some(known)) => same(said, known),
        (None, _) | (_, None) => false,
    };
    let short = |id: Option<&str>| id.map_or_else(|| "none".to_owned(), |id| id.chars().take(8).collect());
    stage.promise(
        act,
        &format!(
            "{store}: the backup called the last clean one is the newest that was made before the attack"
        ),
        right && clean_found,
        format!("scan says {}, the drill knows {}", short(said.as_deref()), short(newest_clean.as_deref())),
    );
    let called_clean: Vec<&str> = answer["snapshots"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|snapshot| snapshot["not_clean"].as_u64() == Some(0))
        .filter_map(|snapshot| snapshot["id"].as_str())
        .filter(|id| dirty.iter().any(|dirty| same(id, dirty)))
        .collect();
    let listed = answer["snapshots"].as_array().map_or(0, Vec::len);
    stage.promise(
        act,
        &format!("{store}: a dirty backup is never called clean"),
        called_clean.is_empty()
            && said.as_deref().is_none_or(|said| !dirty.iter().any(|id| same(said, id)))
            && listed > 0,
        format!(
            "{listed} backups judged, {} of them dirty; called clean by mistake: {called_clean:?}",
            dirty.len()
        ),
    );
}

/// Files that were there before the attack can be had one by one, too. A file that came between the last clean backup
/// and the attack has no clean version anywhere.
fn file_by_file(stage: &Stage, act: &mut Act, store: &str, answer: &Value) {
    let made = stage.seen.backups.get(store).cloned().unwrap_or_default();
    let clean = made.iter().rev().find(|(_, clean)| *clean).map(|(snapshot, _)| snapshot.id.clone());
    let named: Vec<&str> = answer["files"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|file| {
            made.iter().any(|(snapshot, clean)| !clean && file["snapshot"] == snapshot.id.as_str())
        })
        .filter_map(|file| file["last_clean"].as_str())
        .collect();
    stage.promise(
        act,
        &format!("{store}: attacked files name the last clean backup as the one to bring them back from"),
        !named.is_empty() && named.iter().all(|id| Some(*id) == clean.as_deref()),
        format!("{} attacked files name a backup", named.len()),
    );
}

/// What was acknowledged after the backup is in no backup: only the bridge can bring it back.
fn gap(stage: &mut Stage, act: &mut Act) {
    let (from, to) =
        (stage.seen.clean_ms.unwrap_or_else(now_ms), stage.seen.attacked_ms.unwrap_or_else(now_ms));
    let gap = stage.acknowledged(LOST, from, to);
    stage.report.recovery_point_submissions = u64::try_from(gap).ok();
    stage.promise(
        act,
        "The recovery point is at least 200 acknowledged submissions old",
        gap >= super::normal_day::GAP,
        format!("{gap} submissions of Munich's funds had a receipt and are in no clean backup"),
    );
}

/// A copy of what a verifier needs: the journal and the public key.
pub fn copy_journal(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    let doing = || format!("copying the journal of {} to {}", from.display(), to.display());
    std::fs::create_dir_all(to.join("journal")).during(doing)?;
    std::fs::copy(from.join("public-key"), to.join("public-key")).during(doing)?;
    for entry in std::fs::read_dir(from.join("journal")).during(doing)? {
        let entry = entry.during(doing)?;
        // Sockets and folders are no part of it.
        if entry.file_type().during(doing)?.is_file() {
            std::fs::copy(entry.path(), to.join("journal").join(entry.file_name())).during(doing)?;
        }
    }
    Ok(())
}
