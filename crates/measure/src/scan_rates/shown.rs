//! The figures, for people and as JSON.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::options::Options;
use super::{Calm, Rate, Row, SIZES};

pub(super) fn text(options: &Options, calm: &Calm, rows: &[Row], out: &mut dyn Write) -> Result<(), String> {
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| format!("cannot print: {error}"));
    say(format!(
        "{} files, {} MiB, from {} (seed {})",
        calm.files,
        calm.bytes >> 20,
        options.folder.display(),
        options.seed
    ))?;
    say("\nfiles that nobody attacked, by type".to_owned())?;
    for (kind, verdicts) in &calm.verdicts {
        say(format!("  {kind:34} {}", words(verdicts)))?;
    }
    for word in ["encrypted", "malware", "suspicious", "damaged", "declared-encrypted"] {
        let rate = accused(calm, word);
        say(format!("  called {word}: {}", shown(rate)))?;
        let of_word = calm.accused.iter().filter(|(_, verdict, _)| *verdict == word);
        for (path, _, reasons) in of_word.take(options.misses) {
            say(format!("      {path}: {}", reasons.join("; ")))?;
        }
    }
    say("\nordinary changes beside the previous version, called anything but clean".to_owned())?;
    for (what, rate) in &calm.transitions {
        say(format!("  {what:34} {}", shown(*rate)))?;
    }
    for alarm in calm.transition_alarms.iter().take(options.misses) {
        say(format!("      {alarm}"))?;
    }
    say("\nattacked files of 4 KiB and more that were clean before: found (not clean)".to_owned())?;
    for row in rows {
        say(format!(
            "  {:14} alone {} (called encrypted {:.1} %)   beside the previous version {} (encrypted {:.1} %)",
            row.name,
            shown(row.alone),
            row.encrypted.percent(),
            shown(row.beside),
            row.beside_encrypted.percent()
        ))?;
        for (kind, (alone, beside)) in &row.kinds {
            if alone.found < alone.all || beside.found < beside.all {
                say(format!("      {kind:34} alone {}   beside {}", shown(*alone), shown(*beside)))?;
            }
        }
        let sizes = SIZES.iter().zip(&row.sizes).filter(|(_, (alone, _))| alone.all > 0);
        let sizes: Vec<String> = sizes
            .map(|((_, name), (alone, beside))| {
                format!("{name}: {:.1}/{:.1} % of {}", alone.percent(), beside.percent(), alone.all)
            })
            .collect();
        say(format!("      by size, alone/beside: {}", sizes.join(", ")))?;
        for path in row.misses_alone.iter().filter(|path| !row.misses.contains(path)).take(options.misses) {
            say(format!("      missed alone: {path}"))?;
        }
        for path in row.misses.iter().take(options.misses) {
            say(format!("      missed: {path}"))?;
        }
    }
    Ok(())
}

fn words(verdicts: &BTreeMap<&'static str, u64>) -> String {
    let words: Vec<String> = verdicts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    words.join(", ")
}

fn accused(calm: &Calm, word: &str) -> Rate {
    let found = calm.accused.iter().filter(|(_, verdict, _)| *verdict == word).count() as u64;
    Rate { found, all: calm.files }
}

fn shown(rate: Rate) -> String {
    let (low, high) = rate.wilson();
    format!("{:.2} % [{low:.2}, {high:.2}] ({}/{})", rate.percent(), rate.found, rate.all)
}

pub(super) fn json(options: &Options, calm: &Calm, rows: &[Row], out: &mut dyn Write) -> Result<(), String> {
    let kinds = |row: &Row| -> BTreeMap<String, Value> {
        let both =
            |(alone, beside): &(Rate, Rate)| json!({ "alone": value(*alone), "beside": value(*beside) });
        row.kinds.iter().map(|(kind, rates)| (kind.clone(), both(rates))).collect()
    };
    let sizes = |row: &Row| -> BTreeMap<&str, Value> {
        let both =
            |(alone, beside): &(Rate, Rate)| json!({ "alone": value(*alone), "beside": value(*beside) });
        SIZES.iter().zip(&row.sizes).map(|((_, name), rates)| (*name, both(rates))).collect()
    };
    let patterns: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "alone": value(row.alone),
                "called_encrypted": value(row.encrypted),
                "beside": value(row.beside),
                "beside_called_encrypted": value(row.beside_encrypted),
                "types": kinds(row),
                "sizes": sizes(row),
                "misses_alone": row.misses_alone,
                "misses": row.misses,
            })
        })
        .collect();
    let accused_files: Vec<Value> = calm
        .accused
        .iter()
        .map(|(path, verdict, reasons)| json!({ "path": path, "verdict": verdict, "reasons": reasons }))
        .collect();
    let transitions: BTreeMap<&str, Value> =
        calm.transitions.iter().map(|(what, rate)| (*what, value(*rate))).collect();
    let answer = json!({
        "files": calm.files,
        "bytes": calm.bytes,
        "seed": options.seed,
        "clean": {
            "types": calm.verdicts,
            "encrypted": value(accused(calm, "encrypted")),
            "malware": value(accused(calm, "malware")),
            "suspicious": value(accused(calm, "suspicious")),
            "damaged": value(accused(calm, "damaged")),
            "declared_encrypted": value(accused(calm, "declared-encrypted")),
            "accused": accused_files,
            "transitions": transitions,
            "transition_alarms": calm.transition_alarms,
        },
        "patterns": patterns,
    });
    writeln!(out, "{answer}").map_err(|error| format!("cannot print: {error}"))
}

fn value(rate: Rate) -> Value {
    let (low, high) = rate.wilson();
    json!({ "found": rate.found, "of": rate.all, "percent": rate.percent(), "low": low, "high": high })
}
