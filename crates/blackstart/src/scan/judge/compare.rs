//! What does the previous version of a file say about the present one?
//!
//! Alone, a file of a format without checksums can hide a good deal; beside its previous version it cannot.
//! Attackers change bytes in place: the length stays, or a footer is added, and what stands in the changed
//! places is as even as a cipher's output, which before it was not. Programs do not write like that: they
//! move what follows a change, they change a table here and a date there, and what they write has structure.
//!
//! A file whose content its own checksums cover and which fits them needs no comparison: it is what it says.
//! A file that was broken before and still is says nothing new.

use std::io;

use super::difference::Difference;
use super::verdict::{Leaning, Vote, vote};
use super::{Facts, Judgement, Source, State, Verdict, kind};

/// A footer of an attacker is at most this long.
const FOOTER_MAX: u64 = 4096;
/// Wiped pieces below this are what programs do themselves.
const WIPED_MIN: u64 = 2048;
/// Bytes around where a shifted piece is looked for.
const SHIFT_MAX: u64 = 32 * 1024;
const PROBE: usize = 48;

/// Types whose content is covered from end to end by what their checker verified.
const SEALED: &[&str] = &[
    kind::ZIP,
    "PNG picture",
    "gzip file",
    "xz file",
    "bzip2 file",
    "Zstandard file",
    "SQLite database",
    "Ogg sound",
    "lzip file",
    "text",
    "JSON",
    "XML",
];

/// Types that are rewritten in place by their nature: content of others comes and goes inside them.
const REWRITTEN: &[&str] = &["disk image", "disk image (QCOW2)", ""];

/// Judges the present version once more, with its previous one beside it. `judgement` is what `judge` said of
/// it, `facts` what it said of the previous one. The verdict never gets better by this, only worse.
pub fn compare(
    name: &str,
    now: &mut dyn Source,
    judgement: &Judgement,
    before: &mut dyn Source,
    facts: &Facts,
) -> Judgement {
    let settled = matches!(judgement.verdict, Verdict::Unread | Verdict::Encrypted | Verdict::Malware)
        || !facts.was_good();
    if settled || facts.length == 0 {
        return judgement.clone();
    }
    match votes(name, now, judgement, before, facts) {
        Ok(votes) => weigh(judgement, votes, facts),
        Err(error) => {
            let mut same = judgement.clone();
            same.reasons.push(format!("could not be compared with its previous version: {error}"));
            same
        }
    }
}

fn weigh(judgement: &Judgement, votes: Vec<Vote>, facts: &Facts) -> Judgement {
    let has = |leaning| votes.iter().any(|vote| vote.leaning == leaning);
    let verdict = match judgement.verdict {
        Verdict::Damaged if has(Leaning::Random) => Verdict::Encrypted,
        Verdict::Suspicious if has(Leaning::Random) || has(Leaning::TypeLost) => Verdict::Encrypted,
        Verdict::Clean | Verdict::CleanUnverified if has(Leaning::Random) => Verdict::Encrypted,
        Verdict::Clean | Verdict::CleanUnverified if has(Leaning::Broken) => Verdict::Damaged,
        Verdict::Clean | Verdict::CleanUnverified if has(Leaning::Odd) || has(Leaning::TypeLost) => {
            Verdict::Suspicious
        }
        same => same,
    };
    let mut reasons = judgement.reasons.clone();
    reasons.extend(votes.into_iter().map(|vote| vote.reason));
    if !verdict.is_clean() && facts.state == State::Whole {
        reasons.push(format!("its previous version was a valid {}", facts.kind));
    }
    Judgement { verdict, reasons, facts: judgement.facts.clone() }
}

fn votes(
    name: &str,
    now: &mut dyn Source,
    judgement: &Judgement,
    before: &mut dyn Source,
    facts: &Facts,
) -> io::Result<Vec<Vote>> {
    let mut votes = Vec::new();
    let present = &judgement.facts;
    if now.length() == 0 {
        votes.extend(emptied(facts));
        return Ok(votes);
    }
    votes.extend(other_type(name, present, facts));
    let sealed = present.state == State::Whole && SEALED.contains(&present.kind.as_str());
    if sealed {
        return Ok(votes);
    }
    if present.state == State::Declared {
        if facts.state != State::Declared {
            votes.push(vote(Leaning::Partly, "its previous version was not encrypted"));
        }
        return Ok(votes);
    }
    let difference = Difference::between(now, before)?;
    votes.extend(replaced(&difference, now.length(), before.length(), present, facts));
    votes.extend(wiped(&difference, now.length(), before.length(), present));
    if present.state != State::Whole {
        votes.extend(cut_off(&difference, now, before.length(), present)?);
        votes.extend(shifted(now, before, present, facts)?);
    }
    Ok(votes)
}

/// Logs and locks are emptied as a matter of course; documents are not.
fn emptied(facts: &Facts) -> Option<Vote> {
    let document = !facts.kind.is_empty() && !facts.kind.starts_with("text") && facts.kind != "JSON";
    document.then(|| {
        vote(
            Leaning::Broken,
            format!("is empty; its previous version was a {} of {} bytes", facts.kind, facts.length),
        )
    })
}

/// Another type under the same name.
fn other_type(name: &str, present: &Facts, facts: &Facts) -> Option<Vote> {
    if facts.kind.is_empty() || facts.kind == present.kind {
        let invalid = facts.state == State::Whole && present.state == State::Partly;
        return (invalid && matches!(facts.kind.as_str(), "JSON" | "XML" | "SQLite database")).then(|| {
            vote(Leaning::Odd, format!("is no longer a valid {}, which its previous version was", facts.kind))
        });
    }
    let random = present.even * 2 >= present.windows.max(1) && present.even > 0;
    if present.kind.is_empty() {
        return random.then(|| {
            let lost =
                format!("its previous version was a {}, this is nothing known and looks random", facts.kind);
            vote(Leaning::Random, lost)
        });
    }
    let promised = kind::by_name(name).kind.filter(|(_, strict)| *strict).map(|(kind, _)| kind.word());
    (promised == Some(facts.kind.as_str())).then(|| {
        let reason =
            format!("is a {} now; its previous version was a {}, as its name says", present.kind, facts.kind);
        vote(Leaning::Odd, reason)
    })
}

/// Changed in place, and what stands there now looks random.
fn replaced(
    difference: &Difference,
    length: u64,
    previous: u64,
    present: &Facts,
    facts: &Facts,
) -> Option<Vote> {
    if !difference.is_random_now() || (facts.is_nameless_random() && present.is_nameless_random()) {
        return None;
    }
    let in_place = length >= previous && length - previous <= FOOTER_MAX;
    let bytes = difference.dense_bytes();
    let first = difference.first.unwrap_or(0);
    let share = bytes * 100 / difference.common.max(1);
    let rewritten = REWRITTEN.contains(&present.kind.as_str()) && share == 0;
    if !in_place || rewritten {
        // Elsewhere programs write compressed parts into documents; that is no sign.
        return None;
    }
    if difference.was_not_random() {
        let where_to = difference.first_newly_random.map_or_else(String::new, |at| {
            format!(
                "; {} windows of 4 KiB, the first at byte {at}, look random and did not",
                difference.newly_random
            )
        });
        let reason = format!(
            "compared with its previous version {bytes} bytes ({share} %) from byte {first} on were replaced in place \
by bytes that look random{where_to}"
        );
        return Some(vote(Leaning::Random, reason));
    }
    if let Some((pieces, on, off)) = difference.rhythm() {
        let reason = format!(
            "compared with its previous version {pieces} pieces of {on} bytes, {off} apart, were replaced in place by \
bytes that look random: intermittent encryption"
        );
        return Some(vote(Leaning::Random, reason));
    }
    (bytes >= 2048).then(|| {
        let reason = format!(
            "has the length of its previous version, but {bytes} bytes ({share} %) from byte {first} on were replaced \
by bytes that look random"
        );
        vote(Leaning::Odd, reason)
    })
}

fn wiped(difference: &Difference, length: u64, previous: u64, present: &Facts) -> Option<Vote> {
    let only = difference.zeroed * 10 >= difference.changed_units * 16 * 9;
    let in_place = length >= previous && length - previous <= FOOTER_MAX;
    let disk = present.kind.starts_with("disk image");
    (only && in_place && !disk && difference.longest_zeroed >= WIPED_MIN.min(length / 4).max(256)).then(|| {
        let reason = format!(
            "{} bytes that held data in its previous version are zero now, {} of them in a row, and nothing else changed",
            difference.zeroed, difference.longest_zeroed
        );
        vote(Leaning::Broken, reason)
    })
}

fn cut_off(
    difference: &Difference,
    now: &mut dyn Source,
    previous: u64,
    present: &Facts,
) -> io::Result<Option<Vote>> {
    let length = now.length();
    if difference.changed_units > 0 || length >= previous {
        return Ok(None);
    }
    let mut last = [0];
    now.read_at(length - 1, &mut last)?;
    // Lines are removed from the end of texts; half a line is not.
    if present.kind.is_empty() || present.kind.starts_with("text") && last == *b"\n" {
        let odd = present.kind.is_empty();
        return Ok(odd.then(|| {
            vote(
                Leaning::Odd,
                format!("is the beginning of its previous version: {length} of {previous} bytes"),
            )
        }));
    }
    let reason = format!("is the beginning of its previous version, cut off: {length} of {previous} bytes");
    Ok(Some(vote(Leaning::Broken, reason)))
}

/// The previous content stands in it, moved by some bytes, where the type has no place for that.
fn shifted(
    now: &mut dyn Source,
    before: &mut dyn Source,
    present: &Facts,
    facts: &Facts,
) -> io::Result<Option<Vote>> {
    let textual = |kind: &str| kind.starts_with("text") || kind == "JSON" || kind == "XML";
    if textual(&present.kind) || textual(&facts.kind) || now.length().abs_diff(before.length()) > SHIFT_MAX {
        return Ok(None);
    }
    let length = before.length().min(now.length());
    let Some(by) = moved_by(now, before, length / 4)? else { return Ok(None) };
    let mut fitting = 0;
    for place in [length / 8, length / 2, length / 4 * 3] {
        let (mut old, mut new) = ([0; PROBE], [0; PROBE]);
        let read = before.read_at(place, &mut old)?;
        let other = now.read_at(place.saturating_add_signed(by), &mut new)?;
        fitting += usize::from(read == PROBE && other == PROBE && old == new);
    }
    Ok((by != 0 && fitting >= 2).then(|| {
        let reason = format!("holds what its previous version held, moved by {by} bytes");
        vote(Leaning::Broken, reason)
    }))
}

/// By how much a piece of the previous version, taken near `place`, moved.
fn moved_by(now: &mut dyn Source, before: &mut dyn Source, place: u64) -> io::Result<Option<i64>> {
    let mut old = [0; PROBE];
    let mut from = place;
    // A piece that says something: not zeros, not a pattern.
    for _ in 0..64 {
        let read = before.read_at(from, &mut old)?;
        let mut seen = [false; 256];
        old.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        if read == PROBE && seen.iter().filter(|seen| **seen).count() >= 16 {
            break;
        }
        from += 512;
    }
    let start = from.saturating_sub(SHIFT_MAX);
    let mut around = vec![0; usize::try_from(2 * SHIFT_MAX).expect("64 KiB")];
    let read = now.read_at(start, &mut around)?;
    let found = around[..read].windows(PROBE).position(|found| found == old);
    Ok(found.and_then(|at| i64::try_from(start + at as u64).ok()?.checked_sub(i64::try_from(from).ok()?)))
}
