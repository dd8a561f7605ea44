//! Judges one file: everything is looked at once, and what it shows becomes votes.

use std::io;

use crate::beside::Beside;
use crate::checkers::guarded;
use crate::ending;
use crate::facts::{Facts, State};
use crate::hole;
use crate::judgement::Judgement;
use crate::kinds::{self, Kind};
use crate::name;
use crate::partitions;
use crate::shown;
use crate::source::Source;
use crate::statistics::{Statistics, WINDOW, count, is_even};
use crate::structure::Structure;
use crate::text::TextWatch;
use crate::votes::{self, Leaning, Vote};
use crate::work::Work;
use crate::written;

/// Bytes at the beginning by which a type shows itself.
const HEAD: usize = 2048;
/// Bytes of which it is asked whether they look random where a structure breaks.
const SAMPLE: usize = 1024;

/// Judges one file. Never panics, on any bytes; a source that cannot be read gives `unread`.
pub fn judge(name: &str, source: &mut dyn Source, beside: Beside) -> Judgement {
    judge_within(name, source, beside, u64::MAX)
}

/// As `judge`, but checkers unpack and follow at most `work_bytes` (never more than the size of the file
/// deserves). What could not be checked within that is said, and is at best `clean-unverified`.
pub fn judge_within(name: &str, source: &mut dyn Source, beside: Beside, work_bytes: u64) -> Judgement {
    let mut work = Work::for_length(source.length()).at_most(work_bytes);
    match look(name, source, beside, &mut work) {
        Ok((votes, facts)) => votes::weigh(votes, facts),
        Err(error) => Judgement::unread(format!("could not be read: {error}")),
    }
}

/// As `judge`, of a file that changed: picture data is decoded however long it is.
pub(super) fn judge_to_the_end(name: &str, source: &mut dyn Source, beside: Beside) -> Judgement {
    let mut work = Work::for_length(source.length()).decoding_all();
    match look(name, source, beside, &mut work) {
        Ok((votes, facts)) => votes::weigh(votes, facts),
        Err(error) => Judgement::unread(format!("could not be read: {error}")),
    }
}

/// Random to its last byte, where its type has nothing like that at its end. Of a file of no known type more must be so:
/// its own head may stand in front of data that is packed.
fn ends_random(source: &mut dyn Source, shown: Option<Kind>) -> io::Result<Option<Vote>> {
    let least = match shown {
        Some(kind) if kind.never_ends_random() => 2048,
        None => (source.length() / 8 * 3).max(WINDOW as u64),
        Some(_) => return Ok(None),
    };
    let reason = |from| {
        format!(
            "begins with what is not random, and looks random from byte {from} to its end, as where only the beginning \
was left"
        )
    };
    Ok(ending::random_end(source, least)?.map(|from| votes::vote(Leaning::Odd, reason(from))))
}

/// Read at once: a multiple of windows.
fn piece_bytes(length: u64) -> usize {
    let windows = length.div_ceil(WINDOW as u64).clamp(1, 16);
    usize::try_from(windows).expect("at most 16") * WINDOW
}

/// For whoever has the bytes at hand.
pub fn judge_bytes(name: &str, bytes: &[u8]) -> Judgement {
    judge(name, &mut &*bytes, Beside::Nothing)
}

/// Every byte once, in windows; returns the bytes at the beginning.
fn look_at_all(
    source: &mut dyn Source,
    statistics: &mut Statistics,
    text: &mut TextWatch,
) -> io::Result<Vec<u8>> {
    let mut windows = |bytes: &[u8]| {
        for window in bytes.chunks(WINDOW) {
            let counts = count(window);
            statistics.window(window, &counts);
            text.window(window, &counts);
        }
    };
    if let Some(whole) = source.whole() {
        windows(whole);
        return Ok(whole[..whole.len().min(HEAD)].to_vec());
    }
    let mut piece = vec![0; piece_bytes(source.length())];
    let (mut head, mut at) = (Vec::new(), 0);
    loop {
        let read = source.read_at(at, &mut piece)?;
        if read == 0 {
            break;
        }
        if at == 0 {
            head = piece[..read.min(HEAD)].to_vec();
        }
        windows(&piece[..read]);
        at += read as u64;
    }
    if at != source.length() {
        return Err(io::Error::other(format!("{at} bytes could be read of {}", source.length())));
    }
    Ok(head)
}

fn look(
    name: &str,
    source: &mut dyn Source,
    beside: Beside,
    work: &mut Work,
) -> io::Result<(Vec<Vote>, Facts)> {
    let (mut statistics, mut text) = (Statistics::new(), TextWatch::new(source.length()));
    let head = look_at_all(source, &mut statistics, &mut text)?;
    text.end(statistics.histogram());
    let promise = name::by_name(name);
    let shown = if shown::is_owner_file(name, &head, statistics.length) {
        Some(kinds::OWNER)
    } else {
        shown::kind_of(&head, &text, &promise)
    };
    let shown = match shown {
        None => shown::late_kind(name, &promise, source)?,
        shown => shown,
    };
    let mut votes = votes::from_bytes(&promise, shown, &head, &statistics, &text);
    if votes.is_empty() && statistics.may_end_random() {
        votes.extend(ends_random(source, shown)?);
    }
    if votes.is_empty()
        && shown.is_none()
        && promise.kind.is_none()
        && !promise.formless
        && text.text_until() >= 256
    {
        votes.extend(hole::in_text(source)?.map(|why| votes::vote(Leaning::Odd, why)));
    }
    let mut facts = facts_of(shown, &statistics);
    if shown.is_some_and(Kind::is_text)
        && !promise.declares_encryption
        && let Some(why) = written::random_in_text(source, &statistics, &text)?
    {
        votes.push(votes::vote(Leaning::Odd, format!("{why}: a way to carry encrypted bytes as text")));
    }
    let image = promise.kind.is_some_and(|(kind, _)| kind.word().starts_with("disk image"));
    if shown.is_none() && image && votes.is_empty() {
        facts.kind = "disk image".to_owned();
    }
    let settled = votes.iter().any(|vote| vote.leaning == Leaning::Declared);
    if settled {
        facts.state = State::Declared;
        // Whether it says so itself, or only its name does, is what a later version is asked.
        let tool = votes::declared_tool(&head, statistics.length, shown);
        if let Some(tool) = tool.filter(|_| shown.is_none_or(Kind::is_only_a_beginning)) {
            facts.kind = format!("file encrypted with {}", tool.word());
        }
    } else if let Some(kind) = shown
        && let Some(structure) = guarded(name, kind, source, &statistics, beside, work)?
    {
        let structure = match structure {
            Structure::Cut { .. } if promise.piece => Structure::Partly(
                "is the first piece of an archive, by its name, and right as far as it goes".to_owned(),
            ),
            structure => structure,
        };
        facts.state = structure.state();
        let random_there = structure.place().map_or(Ok(false), |at| looks_random_at(source, at))?;
        votes.push(votes::from_structure(structure, kind, &statistics, random_there));
    }
    if facts.bytes_not_looked_at() > 0 {
        inside_of_image(source, &mut votes, &facts)?;
    }
    Ok((votes, facts))
}

/// Only the frame of a disk image is known here. Of its partitions those are named that say that they are encrypted.
fn inside_of_image(source: &mut dyn Source, votes: &mut Vec<Vote>, facts: &Facts) -> io::Result<()> {
    let encrypted = partitions::encrypted(source)?;
    if !encrypted.is_empty() {
        // Then most of it may look random.
        votes.retain(|vote| vote.leaning != Leaning::Odd);
    }
    for (number, tool) in encrypted {
        votes.push(votes::vote(
            Leaning::Declared,
            format!("partition {number} of this disk image is a {tool}"),
        ));
    }
    let why =
        format!("the content of this disk image was not looked at ({} bytes)", facts.bytes_not_looked_at());
    votes.push(votes::vote(Leaning::Partly, why));
    Ok(())
}

/// Whether the bytes at this place look random: three of the next four kilobytes, or of all there are.
/// That something is wrong somewhere, and something else in the file is compressed, is no sign of encryption.
fn looks_random_at(source: &mut dyn Source, at: u64) -> io::Result<bool> {
    let mut bytes = [0; 4 * SAMPLE];
    let last = source.length().saturating_sub(bytes.len() as u64);
    // Where a file says that something lies may be any number.
    let near_end = at.saturating_add(SAMPLE as u64) > source.length();
    let read = source.read_at(if near_end { last } else { at }, &mut bytes)?;
    let pieces = || bytes[..read].chunks(SAMPLE);
    let random = pieces().filter(|piece| is_even(&count(piece))).count();
    Ok(random > 0 && random * 4 >= pieces().count() * 3)
}

fn facts_of(shown: Option<Kind>, statistics: &Statistics) -> Facts {
    Facts {
        kind: shown.map(|kind| kind.word().to_owned()).unwrap_or_default(),
        state: State::Unchecked,
        length: statistics.length,
        windows: statistics.windows,
        even: statistics.even_windows,
        run: statistics.longest_even_run,
        entropy: hundredths(statistics.entropy()),
        zeros: statistics.zero_bytes_in_a_row(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "entropy lies between 0 and 8")]
fn hundredths(entropy: f64) -> u16 {
    (entropy.clamp(0.0, 8.0) * 100.0) as u16
}
