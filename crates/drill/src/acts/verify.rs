//! Act 10: can it be proven? Both journals are verified, and damaged copies must be found out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::fault::During;
use crate::product::{ended, said};
use crate::stage::{Stage, of, text};
use crate::story::{Act, Kind};
use crate::world::Finished;

use super::clean_point::copy_journal;

/// Copies with one flipped bit, for each journal.
const COPIES: u64 = 6;

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    rest(stage)?;
    let (incident, bridge) = (stage.incident.clone(), stage.layout.bridge.folder.clone());
    let whole = verified(stage, act, "incident journal", &incident)?
        & verified(stage, act, "bridge's journal", &bridge)?;
    stage.report.journal_verified = whole;
    for (name, folder) in [("incident journal", &incident), ("bridge's journal", &bridge)] {
        stage.say(&format!("flipping bits in copies of the {name}"));
        flipped(stage, act, name, folder)?;
    }
    cut_off(stage, act, &incident)?;
    older(stage, act, &incident)?;
    stage.happened(Kind::Step, "both journals are verified");
    Ok(())
}

/// Ends bridge and watch as an operator would, so that they sign what they have written.
fn rest(stage: &mut Stage) -> Result<()> {
    for mut running in [stage.bridge.take(), stage.watch.take()].into_iter().flatten() {
        if running.finished()?.is_none() {
            running.stop()?;
        }
        running.wait(Duration::from_secs(20))?;
    }
    let incident = stage.incident();
    stage.must(&["note", &incident, "The drill is over.", "--by", "drill"])?;
    Ok(())
}

fn verify(stage: &Stage, folder: &Path, more: &[&str]) -> Result<Finished> {
    let folder = text(folder);
    let mut args = vec!["journal", "verify", folder.as_str()];
    args.extend(more);
    stage.run(&args)
}

fn verified(stage: &Stage, act: &mut Act, name: &str, folder: &Path) -> Result<bool> {
    let answer = verify(stage, folder, &[])?;
    Ok(stage.promise(
        act,
        &format!("The {name} is whole, by its public key alone"),
        answer.code == Some(0),
        format!("{}: {}", ended(&answer), crate::product::short(&answer.stdout)),
    ))
}

/// A copy in which one bit is another one.
fn flipped(stage: &mut Stage, act: &mut Act, name: &str, folder: &Path) -> Result<()> {
    let (mut found, mut missed, mut example) = (0, Vec::new(), String::new());
    for number in 0..COPIES {
        let copy = stage.folder.join("flipped");
        fresh(&copy)?;
        copy_journal(folder, &copy)?;
        let segments = segments(&copy)?;
        let what = format!("flip {number} in {name}");
        let Some(segment) = stage.choices.one(&what, &segments).cloned() else { continue };
        let mut bytes = std::fs::read(&segment).during(|| format!("reading {}", segment.display()))?;
        // What follows the last record is zero and belongs to nobody yet.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let offset = stage.choices.below(&format!("{what}: byte"), u64::try_from(end).unwrap_or(1));
        let bit = stage.choices.below(&format!("{what}: bit"), 8);
        if let Some(byte) = usize::try_from(offset).ok().and_then(|at| bytes.get_mut(at)) {
            *byte ^= 1 << bit;
        }
        std::fs::write(&segment, &bytes).during(|| format!("writing {}", segment.display()))?;
        let file = segment.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let answer = verify(stage, &copy, &["--json"])?;
        let place = located(&answer.stdout, &file, offset);
        match (answer.code, place) {
            (Some(1), Some(place)) => {
                found += 1;
                example = format!("bit {bit} of byte {offset} of {file} was flipped; verify says {place}");
            }
            (code, _) => missed.push(format!("byte {offset} of {file}: exit {code:?}: {}", said(&answer))),
        }
    }
    stage.promise(
        act,
        &format!("One flipped bit in a copy of the {name} is found and located"),
        missed.is_empty() && found > 0,
        format!("{} copies; {}{example}", of(found, found + missed.len()), missed.join("; ")),
    );
    Ok(())
}

/// The finding that stands in this file at or before the flipped byte: sequence number and offset.
fn located(answer: &str, file: &str, flipped: u64) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    let findings = ["findings", "damage", "problems"].iter().find_map(|name| answer[name].as_array())?;
    findings
        .iter()
        .filter_map(|finding| {
            let place = finding.get("place").unwrap_or(finding);
            let offset = place["offset"].as_u64()?;
            (place["file"].as_str()? == file && offset <= flipped).then_some(())?;
            Some(format!("record {}, byte {offset}", place["sequence"].as_u64()?))
        })
        .next()
}

/// A copy whose end is gone: the signed checkpoint beside it says that there was more.
fn cut_off(stage: &mut Stage, act: &mut Act, folder: &Path) -> Result<()> {
    let copy = stage.folder.join("cut-off");
    fresh(&copy)?;
    copy_journal(folder, &copy)?;
    if let Some(last) = segments(&copy)?.pop() {
        let bytes = std::fs::read(&last).during(|| format!("reading {}", last.display()))?;
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let keep = end / 2 + stage.choices.below("cut", u64::try_from(end / 4 + 1).unwrap_or(1)) as usize;
        std::fs::write(&last, &bytes[..keep.min(bytes.len())])
            .during(|| format!("cutting {}", last.display()))?;
    }
    let answer = verify(stage, &copy, &[])?;
    stage.promise(
        act,
        "A copy with its end cut off is found out",
        answer.code == Some(1),
        format!("{}: {}", ended(&answer), crate::product::short(&answer.stdout)),
    );
    Ok(())
}

/// An older copy of the folder is whole in itself; who remembers one checkpoint finds out all the same.
fn older(stage: &mut Stage, act: &mut Act, folder: &Path) -> Result<()> {
    let Some(copy) = stage.seen.early_copy.clone() else {
        stage.promise(
            act,
            "An older copy passed off as the journal is found out",
            false,
            "no older copy was made",
        );
        return Ok(());
    };
    let remembered = stage.folder.join("remembered-checkpoint");
    let checkpoint = folder.join("journal").join("checkpoint");
    std::fs::copy(&checkpoint, &remembered).during(|| format!("copying {}", checkpoint.display()))?;
    let alone = verify(stage, &copy, &[])?;
    let compared = verify(stage, &copy, &["--remembered", &text(&remembered)])?;
    stage.promise(
        act,
        "An older copy passed off as the journal is found out by whoever remembers one checkpoint",
        alone.code == Some(0) && compared.code == Some(1),
        format!(
            "without the checkpoint {}, with it {}: {}",
            ended(&alone),
            ended(&compared),
            crate::product::short(&compared.stdout)
        ),
    );
    Ok(())
}

fn fresh(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(cause).during(|| format!("removing {}", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The files that hold the records, in order. Which they are is said in the journal's format.
fn segments(folder: &Path) -> Result<Vec<PathBuf>> {
    let journal = folder.join("journal");
    let doing = || format!("listing {}", journal.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&journal).during(doing)? {
        let path = entry.during(doing)?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("segment-")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
