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

use crate::decoded::{FOOTER_MAX, codes_replaced, to_the_end};
use crate::difference::Difference;
use crate::facts::{Facts, State};
use crate::judgement::{Judgement, Verdict};
use crate::kinds;
use crate::members;
use crate::name;
use crate::source::Source;
use crate::values;
use crate::votes::{Leaning, Vote, vote};
use crate::zip;

/// What a disk loses at least, and a wiper writes at least. Smaller pieces are emptied by programs themselves.
const SECTOR: u64 = 512;
/// Bytes in a range that became zero: below, there was next to nothing in it.
const WIPED_MIN: u64 = 16;
/// A file written anew by its program differs within so many bytes; one that was encrypted there is not known.
const KEPT_HEAD: u64 = 64;
/// The same for packed types, of which two may share more.
const KEPT_HEAD_PACKED: u64 = 512;
/// Attackers who leave the head of a file leave so much.
const LEFT_HEAD: u64 = 4096;
/// Bytes around where a shifted piece is looked for.
const SHIFT_MAX: u64 = 32 * 1024;
const PROBE: usize = 48;
/// Sectors looked at for one that holds something.
const PROBES_MAX: u64 = 64;

/// Types that are rewritten in place by their nature: content of others comes and goes inside them.
const REWRITTEN: &[&str] = &[
    "disk image",
    "database",
    "Access database",
    "Outlook store",
    "file encrypted with LUKS",
    "file encrypted with BitLocker",
    "file encrypted with encrypted disk",
];

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
    let decoded = to_the_end(name, now, judgement);
    match votes(name, now, &decoded, before, facts) {
        Ok(votes) => {
            let beside = weigh(&decoded, votes, facts);
            // That it could be decoded after all makes its verdict no better: alone it would be another.
            if beside.verdict.is_clean() { judgement.clone() } else { beside }
        }
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
        Verdict::Clean | Verdict::CleanUnverified | Verdict::DeclaredEncrypted if has(Leaning::Random) => {
            Verdict::Encrypted
        }
        Verdict::Clean | Verdict::CleanUnverified if has(Leaning::Broken) => Verdict::Damaged,
        Verdict::Clean | Verdict::CleanUnverified if has(Leaning::Odd) || has(Leaning::TypeLost) => {
            Verdict::Suspicious
        }
        same => same,
    };
    let mut reasons = judgement.reasons.clone();
    reasons.extend(votes.into_iter().map(|vote| vote.reason));
    if !verdict.is_clean() && facts.is_valid() {
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
    if votes.is_empty() {
        votes.extend(
            lost_its_type(now, present, before, facts)?.or_else(|| no_longer_declared(name, present, facts)),
        );
    }
    if no_longer_reads(present, facts) {
        votes.extend(spoiled_text(now, before, &facts.kind)?);
    }
    let archives = present.kind == kinds::ZIP && facts.kind == kinds::ZIP && facts.is_valid();
    if archives && matches!(present.state, State::Whole | State::Sealed | State::Partly) {
        votes.extend(members::exchanged(zip::is_document(name), now, before)?);
    }
    let sealed = present.is_sealed();
    let textual = is_textual(&present.kind) && is_textual(&facts.kind);
    if sealed && textual {
        votes.extend(torn_text(now, before)?);
    }
    if sealed {
        return Ok(votes);
    }
    if present.state == State::Declared {
        if facts.state != State::Declared {
            votes.push(vote(Leaning::Partly, "its previous version was not encrypted"));
        } else if now.length() == before.length() {
            // Random bytes in place of random bytes; but no program writes them in a rhythm.
            votes.extend(in_a_rhythm(&Difference::between(now, before)?));
        }
        return Ok(votes);
    }
    let promise = name::by_name(name);
    if present.kind.is_empty() && promise.declares_without_mark {
        return Ok(votes);
    }
    if let Some(kept) = values::in_kept_pages(now, before, present, facts)? {
        votes.extend(values::replaced(&kept));
        votes.extend(values::became_random(present, facts));
        return Ok(votes);
    }
    let difference = Difference::between(now, before)?;
    votes.extend(codes_replaced(&difference, now.length(), before.length(), present, facts));
    votes.extend(replaced(&difference, now.length(), before.length(), present, facts));
    votes.extend(wiped(&difference, now, before.length(), present)?);
    // A log that is no text begins anew whenever its server does.
    if promise.ending != "log" || !present.kind.is_empty() {
        votes.extend(cut_off(&difference, now.length(), before.length(), present));
    }
    if !present.is_valid() {
        let moved = match beheaded(now, before, present)? {
            Some(vote) => Some(vote),
            // What stands in front of the rest fits its type: somebody put something there, or took it away.
            None if present.state == State::Partly => None,
            None => shifted(now, before, present, facts)?,
        };
        votes.extend(moved);
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
        let invalid = facts.is_valid() && present.state == State::Partly;
        return (invalid && facts.kind == "SQLite database").then(|| no_longer(&facts.kind));
    }
    let random = present.even * 2 >= present.windows.max(1) && present.even > 0;
    if present.kind.is_empty() {
        // Too short for windows that could look random; but text does not become something else of its own length.
        let kept_length = (facts.length..=facts.length.saturating_add(FOOTER_MAX)).contains(&present.length);
        if !random && kept_length && is_textual(&facts.kind) && facts.is_valid() {
            let lost = format!(
                "its previous version was {} of this length, and this is no text any more",
                facts.kind
            );
            return Some(vote(Leaning::Odd, lost));
        }
        return random.then(|| {
            let lost =
                format!("its previous version was a {}, this is nothing known and looks random", facts.kind);
            vote(Leaning::Random, lost)
        });
    }
    let promised = name::by_name(name).kind.filter(|(_, strict)| *strict).map(|(kind, _)| kind.word());
    // A few first bytes of some type are soon put in front of anything.
    let only_begins = present.state == State::Unchecked && random && present.even * 10 >= present.windows * 9;
    let length = present.length.abs_diff(facts.length);
    if only_begins && facts.is_valid() && length <= FOOTER_MAX {
        let reason = format!(
            "begins as a {} now and looks random behind that; its previous version was a valid {}",
            present.kind, facts.kind
        );
        return Some(vote(Leaning::Random, reason));
    }
    (promised == Some(facts.kind.as_str())).then(|| {
        let reason =
            format!("is a {} now; its previous version was a {}, as its name says", present.kind, facts.kind);
        vote(Leaning::Odd, reason)
    })
}

/// Too short to look random, or hit in too few places: but what was of a known type does not become something else of just
/// its own length, and two random bytes may begin some type by chance. With a footer behind it, much of it must stand where
/// it stood. Databases empty the heads of their journals so, and stores are written over as they are used.
fn lost_its_type(
    now: &mut dyn Source,
    present: &Facts,
    before: &mut dyn Source,
    facts: &Facts,
) -> io::Result<Option<Vote>> {
    let used = REWRITTEN.iter().chain(&["SQLite", "PostgreSQL"]).any(|kind| facts.kind.starts_with(kind));
    let same = present.kind == facts.kind || (is_textual(&present.kind) && is_textual(&facts.kind));
    let footer = present.length.checked_sub(facts.length).filter(|footer| *footer <= FOOTER_MAX);
    let Some(footer) = footer.filter(|_| !facts.kind.is_empty() && !same && !used) else { return Ok(None) };
    if footer > 0 && !Difference::between(now, before)?.is_partly_the_same() {
        return Ok(None);
    }
    let mut head = [0; 16];
    now.read_at(0, &mut head)?;
    Ok((head != [0; 16]).then(|| {
        let now = if present.kind.is_empty() { "nothing known" } else { &present.kind };
        let reason = format!(
            "its previous version was a {} of {} bytes, and this is {now} of {} that stands in its place",
            facts.kind, facts.length, present.length
        );
        vote(Leaning::Odd, reason)
    }))
}

/// It was encrypted, or in a form that is called so, and now it is neither that nor anything that a program could have
/// made of it.
fn no_longer_declared(name: &str, present: &Facts, facts: &Facts) -> Option<Vote> {
    let was = facts.state == State::Declared && present.state != State::Declared;
    let now_text = is_textual(&present.kind) && !is_textual(&facts.kind) && !facts.kind.is_empty();
    if was && (present.kind.is_empty() || is_textual(&present.kind)) {
        // Its own mark is gone and what stands there looks random: it was encrypted once more.
        let again =
            present.kind.is_empty() && facts.kind.starts_with("file encrypted with") && present.even > 0;
        return Some(vote(
            if again { Leaning::Random } else { Leaning::Odd },
            "its previous version was encrypted and said so, and this does not say so any more",
        ));
    }
    (now_text && name::by_name(name).declares_encryption)
        .then(|| vote(Leaning::Odd, format!("its previous version was a {}, and this is text", facts.kind)))
}

fn no_longer(kind: &str) -> Vote {
    vote(Leaning::Odd, format!("is no longer a valid {kind}, which its previous version was"))
}

/// It was valid JSON or XML, and is text that is not.
fn no_longer_reads(present: &Facts, facts: &Facts) -> bool {
    let reads = facts.is_valid() && matches!(facts.kind.as_str(), "JSON" | "XML");
    reads && present.kind == facts.kind && present.state == State::Partly
}

/// Another text in its place need not be valid: settings with comments are not. But where a piece was taken out of it, and
/// nothing else happened, that spoiled it.
fn spoiled_text(now: &mut dyn Source, before: &mut dyn Source, kind: &str) -> io::Result<Option<Vote>> {
    let (length, previous) = (now.length(), before.length());
    if length >= previous {
        return Ok(None);
    }
    let head = same_at_start(now, before)?;
    let is_rest = same(now, head, before, head + previous - length, length - head)?;
    Ok(is_rest.then(|| no_longer(kind)))
}

/// Changed in place, and what stands there now looks random.
fn replaced(
    difference: &Difference,
    length: u64,
    previous: u64,
    present: &Facts,
    facts: &Facts,
) -> Option<Vote> {
    if let Some(places) = difference.repeated_key() {
        let reason =
            format!("one and the same piece of key was laid over its previous version at {places} places");
        return Some(vote(Leaning::Random, reason));
    }
    if !difference.is_random_now() {
        return None;
    }
    let first = difference.first.unwrap_or(0);
    // What fits its type from end to end has no footer; it may be another file of that type, which shares its head and has
    // by chance nearly its length.
    let may_be_another = present.is_valid() && !present.kind.is_empty() && first < LEFT_HEAD;
    let footer_max = if may_be_another { 0 } else { FOOTER_MAX };
    let in_place = length >= previous && length - previous <= footer_max;
    let bytes = difference.dense_bytes();
    let share = bytes * 100 / difference.common.max(1);
    if facts.is_nameless_random() && present.is_nameless_random() {
        // A volume without a mark changes piece by piece; all of it at once in the same length is another thing.
        let all = in_place && share >= 95 && bytes >= 4096;
        return all.then(|| {
            vote(Leaning::Odd, "has the length of its previous version, but all of its bytes are others")
        });
    }
    let store = present.kind.is_empty() || REWRITTEN.iter().any(|store| present.kind.starts_with(store));
    let rewritten = store && share == 0;
    let anew = first < KEPT_HEAD && !present.kind.is_empty() && present.kind == facts.kind;
    let all = length == previous && share >= 90 && bytes >= 1024 && first < KEPT_HEAD_PACKED;
    let news = !store || difference.was_not_random();
    if all && news && !present.kind.is_empty() && present.kind == facts.kind && !present.is_valid() {
        // Another file of its type has just this length once in a while; one that looks random where this one did not, never.
        let leaning = if difference.was_not_random() { Leaning::Random } else { Leaning::Odd };
        let reason = format!(
            "has the length of its previous version, and {share} % of its bytes are others that look random"
        );
        return Some(vote(leaning, reason));
    }
    if !in_place || rewritten || anew {
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
    if let Some(vote) = in_a_rhythm(difference) {
        return Some(vote);
    }
    (bytes >= 2048 && first >= KEPT_HEAD_PACKED.min(length / 4)).then(|| {
        let reason = format!(
            "has the length of its previous version, but {bytes} bytes ({share} %) from byte {first} on were replaced \
by bytes that look random"
        );
        vote(Leaning::Odd, reason)
    })
}

fn in_a_rhythm(difference: &Difference) -> Option<Vote> {
    let (pieces, on, off) = difference.rhythm().filter(|_| difference.is_random_now())?;
    let reason = format!(
        "compared with its previous version {pieces} pieces of {on} bytes, {off} apart, were replaced in place by \
bytes that look random: intermittent encryption"
    );
    Some(vote(Leaning::Random, reason))
}

/// Whoever changes a file with a program changes something else beside it, if only a time or a sum. So what became zero
/// counts where nothing else changed: one range of at least a sector, with the zeros around it of at least two, or several of as much.
fn wiped(
    difference: &Difference,
    now: &mut dyn Source,
    previous: u64,
    present: &Facts,
) -> io::Result<Option<Vote>> {
    let length = now.length();
    let in_place = length >= previous && length - previous <= FOOTER_MAX;
    let disk = present.kind.starts_with("disk image");
    if disk || !in_place || difference.not_zeroed > 0 {
        return Ok(None);
    }
    let one = match difference.one_wiped_range() {
        Some((from, to)) => to - from >= SECTOR || zeros_around(now, from, to)? >= 2 * SECTOR,
        None => false,
    };
    Ok((difference.zeroed >= SECTOR || (one && difference.zeroed >= WIPED_MIN)).then(|| {
        let reason = format!(
            "{} bytes that held data in its previous version are zero now, up to {} in a row, and nothing else changed",
            difference.zeroed, difference.longest_zeroed
        );
        vote(Leaning::Broken, reason)
    }))
}

/// How long the row of zeros is in which these lie, as far as that is of interest.
fn zeros_around(source: &mut dyn Source, from: u64, to: u64) -> io::Result<u64> {
    let mut bytes = vec![0; usize::try_from(2 * SECTOR).expect("a kibibyte")];
    let start = from.saturating_sub(2 * SECTOR);
    let wanted = usize::try_from(from - start).expect("at most a kibibyte");
    let read = source.read_at(start, &mut bytes[..wanted])?;
    let before = bytes[..read].iter().rev().take_while(|byte| **byte == 0).count();
    let read = source.read_at(to, &mut bytes)?;
    let behind = bytes[..read].iter().take_while(|byte| **byte == 0).count();
    Ok(to - from + (before + behind) as u64)
}

/// The end of its previous version, byte for byte, without what stood in front of it.
fn beheaded(now: &mut dyn Source, before: &mut dyn Source, present: &Facts) -> io::Result<Option<Vote>> {
    let Some(lost) = before.length().checked_sub(now.length()).filter(|lost| *lost > 0) else {
        return Ok(None);
    };
    let length = now.length();
    if !same(now, 0, before, lost, length)? {
        return Ok(None);
    }
    let leaning = if present.kind.is_empty() { Leaning::Odd } else { Leaning::Broken };
    let reason = format!("is the end of its previous version, whose first {lost} bytes are gone");
    Ok(Some(vote(leaning, reason)))
}

fn cut_off(difference: &Difference, length: u64, previous: u64, present: &Facts) -> Option<Vote> {
    // A PDF grows by a new end; without it, it is whole and an older state of itself.
    let is_older = present.was_good() && present.kind == "PDF";
    if difference.changed_units > 0 || length >= previous || is_older {
        return None;
    }
    let leaning = if present.kind.is_empty() { Leaning::Odd } else { Leaning::Broken };
    Some(vote(
        leaning,
        format!("is the beginning of its previous version, cut off: {length} of {previous} bytes"),
    ))
}

fn is_textual(kind: &str) -> bool {
    kind.starts_with("text") || kind == "JSON" || kind == "XML"
}

/// Lines go from the beginning and the end of texts every day; parts of a line, with all the rest unchanged, do
/// not.
fn torn_text(now: &mut dyn Source, before: &mut dyn Source) -> io::Result<Option<Vote>> {
    let (length, previous) = (now.length(), before.length());
    let Some(lost) = previous.checked_sub(length).filter(|lost| *lost > 0) else { return Ok(None) };
    let mut byte = |at: u64| -> io::Result<u8> {
        let mut one = [0];
        before.read_at(at, &mut one)?;
        Ok(one[0])
    };
    let (cut, torn) = (byte(length - 1)?, byte(lost - 1)?);
    // Whoever edits the end of a text changes its last line; damage ends anywhere, and whole lines are gone with it.
    let in_a_line = cut != b'\n' && cut != b'\r' && holds_line_end(before, length)?;
    if in_a_line && same(now, 0, before, 0, length)? {
        let why = format!(
            "is the beginning of its previous version, cut off in a line: {length} of {previous} bytes"
        );
        return Ok(Some(vote(Leaning::Broken, why)));
    }
    // Editors take away the mark of UTF-8, and put it there.
    let mut head = [0; 3];
    let marked = lost == 3 && before.read_at(0, &mut head)? == 3 && head == *b"\xef\xbb\xbf";
    if torn != b'\n' && torn != b'\r' && !marked && same(now, 0, before, lost, length)? {
        let why = format!("lost the first {lost} bytes of its previous version, up to the middle of a line");
        return Ok(Some(vote(Leaning::Odd, why)));
    }
    Ok(None)
}

/// Whether a line ends between `from` and the last byte.
fn holds_line_end(source: &mut dyn Source, from: u64) -> io::Result<bool> {
    let mut piece = vec![0; 4096];
    let read = source.read_at(from, &mut piece)?;
    Ok(piece[..read].iter().rev().skip(1).any(|byte| *byte == b'\n'))
}

/// How many bytes both begin with.
fn same_at_start(now: &mut dyn Source, before: &mut dyn Source) -> io::Result<u64> {
    let (mut left, mut right) = (vec![0; 32 * 1024], vec![0; 32 * 1024]);
    let mut done = 0;
    loop {
        let read = now.read_at(done, &mut left)?;
        let also = before.read_at(done, &mut right)?;
        let both = left[..read].iter().zip(&right[..also]);
        let alike = both.take_while(|(left, right)| left == right).count();
        done += alike as u64;
        if alike < left.len() {
            return Ok(done);
        }
    }
}

fn same(now: &mut dyn Source, at: u64, before: &mut dyn Source, other: u64, length: u64) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; 32 * 1024], vec![0; 32 * 1024]);
    let mut done = 0;
    while done < length {
        let count = usize::try_from(length - done).unwrap_or(usize::MAX).min(left.len());
        let read = now.read_at(at + done, &mut left[..count])?;
        let also = before.read_at(other + done, &mut right[..count])?;
        if read != count || also != count || left[..count] != right[..count] {
            return Ok(false);
        }
        done += count as u64;
    }
    Ok(true)
}

/// The previous content stands in it, moved by some bytes, where the type has no place for that.
fn shifted(
    now: &mut dyn Source,
    before: &mut dyn Source,
    present: &Facts,
    facts: &Facts,
) -> io::Result<Option<Vote>> {
    let certificate = facts.kind.contains("DER");
    if certificate
        || is_textual(&present.kind)
        || is_textual(&facts.kind)
        || now.length().abs_diff(before.length()) > SHIFT_MAX
    {
        return Ok(None);
    }
    let length = before.length().min(now.length());
    let Some(by) = moved_by(now, before, length / 4)? else { return Ok(None) };
    let mut fitting = 0;
    for place in [length / 8, length / 2, length / 4 * 3] {
        let Some((place, old)) = varied_piece(before, place)? else { return Ok(None) };
        let mut new = [0; PROBE];
        let other = now.read_at(place.saturating_add_signed(by), &mut new)?;
        fitting += usize::from(other == PROBE && old == new);
    }
    Ok((by != 0 && fitting == 3).then(|| {
        let reason = format!("holds what its previous version held, moved by {by} bytes");
        vote(Leaning::Broken, reason)
    }))
}

/// A piece that says something, at `place` or not far behind it: not zeros, not a pattern, which fit anywhere.
fn varied_piece(source: &mut dyn Source, place: u64) -> io::Result<Option<(u64, [u8; PROBE])>> {
    let mut piece = [0; PROBE];
    for step in 0..PROBES_MAX {
        let from = place + step * SECTOR;
        if source.read_at(from, &mut piece)? < PROBE {
            break;
        }
        let mut seen = [false; 256];
        piece.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        if seen.iter().filter(|seen| **seen).count() >= 16 {
            return Ok(Some((from, piece)));
        }
    }
    Ok(None)
}

/// By how much a piece of the previous version, taken near `place`, moved.
fn moved_by(now: &mut dyn Source, before: &mut dyn Source, place: u64) -> io::Result<Option<i64>> {
    let Some((from, old)) = varied_piece(before, place)? else { return Ok(None) };
    let start = from.saturating_sub(SHIFT_MAX);
    let mut around = vec![0; usize::try_from(2 * SHIFT_MAX).expect("64 KiB")];
    let read = now.read_at(start, &mut around)?;
    let found = around[..read].windows(PROBE).position(|found| found == old);
    Ok(found.and_then(|at| i64::try_from(start + at as u64).ok()?.checked_sub(i64::try_from(from).ok()?)))
}
