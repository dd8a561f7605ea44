//! How does an incident go on when its journal is damaged?
//!
//! Reads: what is left of the old journal. Records: in a new folder with a key of its own, first that it continues
//! the old one, from which signed state, what was damaged and what is not carried over; then every entry that is
//! carried, as it was, with its own time and actor. The old folder is not touched but for a note that says where it goes
//! on; nothing is appended to it any more.
//!
//! The numbers of the carried entries are new. Where an entry names another by its number, `Origin::here` translates.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::continued::{Cause, LeftOut, Succession};
use super::damaged::{self, Harm, Look, Passage};
use super::event::{CommandEvent, Event};
use super::fault::StoreFault;
use super::record;
use super::store;
use journal::{Appender, Draft, Expect, Options, Record};

/// What would be carried over, and what is said about it. Nothing is written yet.
pub struct Prepared {
    pub succession: Succession,
    pub harm: Harm,
    drafts: Vec<Draft>,
}

/// Reads what is left of the journal in `old`. `None`: nothing is wrong with it. `unproven`: a person decides to carry
/// over also what can be read and is not proven.
pub fn prepare(old: &Path, unproven: bool, reason: &str) -> Result<Option<Prepared>, StoreFault> {
    let look = Look::at(old)?;
    let Some(harm) = look.harm.clone() else { return Ok(None) };
    let absolute = std::path::absolute(old).unwrap_or_else(|_| old.to_owned());
    let mut succession = Succession {
        folder: absolute.display().to_string(),
        origin: harm.trusted.as_ref().map(|trusted| trusted.origin.clone()).unwrap_or_default(),
        trusted_size: harm.trusted.as_ref().map_or(0, |trusted| trusted.size),
        root: harm.trusted.as_ref().map(|trusted| estate::hex(&trusted.root)).unwrap_or_default(),
        checkpoint: harm.trusted.as_ref().map(|trusted| trusted.text.clone()),
        damage: harm.findings.iter().take(20).cloned().collect(),
        carried: Vec::new(),
        left_out: Vec::new(),
        reason: reason.to_owned(),
    };
    let mut drafts = Vec::new();
    look.each(old, &mut |met| match met {
        Passage::Lost(gap) => {
            let cause = if gap.readable { Cause::NotProven } else { Cause::Damaged };
            leave_out(&mut succession.left_out, gap.entries, cause, &gap.why);
        }
        Passage::Record { record, proven } => {
            let entries = record.sequence..record.sequence + 1;
            if journal::is_own(&record.kind) {
                return leave_out(&mut succession.left_out, entries, Cause::JournalsOwn, &record.kind);
            }
            let Some(payload) = damaged::payload(&record) else {
                return leave_out(
                    &mut succession.left_out,
                    entries,
                    Cause::Erased,
                    "erased by a recorded decision",
                );
            };
            if !proven && !unproven {
                let why = "no checkpoint had signed for it";
                return leave_out(&mut succession.left_out, entries, Cause::NotProven, why);
            }
            match succession.carried.last_mut() {
                Some((_, until)) if *until == record.sequence => *until += 1,
                _ => succession.carried.push((entries.start, entries.end)),
            }
            let payload = payload.to_vec();
            let Record { time_ms, actor, kind, version, .. } = record;
            drafts.push(Draft { time_ms, actor, kind, version, payload });
        }
    })?;
    Ok(Some(Prepared { succession, harm, drafts }))
}

fn leave_out(left_out: &mut Vec<LeftOut>, entries: Range<u64>, cause: Cause, detail: &str) {
    match left_out.last_mut() {
        Some(last) if last.until == entries.start && last.cause == cause && last.detail == detail => {
            last.until = entries.end;
        }
        _ => left_out.push(LeftOut {
            from: entries.start,
            until: entries.end,
            cause,
            detail: detail.to_owned(),
        }),
    }
}

impl Prepared {
    /// The kinds of the entries that would be carried over.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.drafts.iter().map(|draft| draft.kind.as_str())
    }

    /// Makes the new folder with all that is carried over, at once: a crash before leaves no incident there.
    pub fn begin(
        self,
        new: &Path,
        key: &Path,
        origin: &str,
        actor: &str,
        now_ms: i64,
    ) -> Result<(), StoreFault> {
        if new.exists() {
            return Err(StoreFault::AlreadyThere(new.to_owned()));
        }
        // A name that nobody else has: what a killed attempt left, or somebody else put there, is left alone.
        let mut staged = new.as_os_str().to_owned();
        staged.push(format!(".being-made-{now_ms}-{}", std::process::id()));
        let staged = PathBuf::from(staged);
        if staged.exists() {
            return Err(StoreFault::AlreadyThere(staged));
        }
        let secret = store::lay_out(&staged, key, origin)?;
        let name = secret.public().name().to_owned();
        let journal = store::journal_path(&staged);
        let appender = Appender::open(&journal, Options::new(secret, name)).map_err(StoreFault::Open)?;
        let event = Event::Command(CommandEvent::JournalSucceeded(self.succession.clone()));
        let (kind, version, payload) = record::encode(&event);
        let first = Draft { time_ms: now_ms, actor: actor.to_owned(), kind, version, payload };
        for batch in batches(std::iter::once(first).chain(self.drafts)) {
            appender.append(batch, Expect::Anything).map_err(StoreFault::Append)?;
        }
        appender.checkpoint().map_err(StoreFault::Append)?;
        appender.close();
        std::fs::rename(&staged, new).map_err(file("name", new))?;
        let parent = new.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(file("sync", parent))
    }
}

/// Says in the old folder where it goes on, so that nothing is appended to it any more.
pub fn close_old(old: &Path, new: &Path) -> Result<(), StoreFault> {
    let new = std::path::absolute(new).unwrap_or_else(|_| new.to_owned());
    let path = old.join(store::SUCCEEDED_BY);
    std::fs::write(&path, format!("{}\n", new.display())).map_err(file("write", &path))
}

/// Compares what was carried over with the old journal: every difference, for people. Empty: it is the same.
pub fn compare(new: &Path, succession: &Succession, old: &Path) -> Result<Vec<String>, StoreFault> {
    let mut differences = Vec::new();
    let look = Look::at(old)?;
    let trusted = look.harm.as_ref().and_then(|harm| harm.trusted.as_ref());
    let trusted =
        (trusted.map_or(0, |one| one.size), trusted.map(|one| estate::hex(&one.root)).unwrap_or_default());
    if trusted != (succession.trusted_size, succession.root.clone()) {
        differences.push(format!(
            "the old journal is whole and signed up to {} entries (root {}), not up to {} (root {})",
            trusted.0, trusted.1, succession.trusted_size, succession.root
        ));
    }
    let mut carried = Vec::new();
    store::each_record(new, 1, |record| {
        if (carried.len() as u64) < succession.carried_count() {
            carried.push(record);
        }
    })?;
    let mut carried = carried.into_iter();
    look.each(old, &mut |met| {
        let Passage::Record { record: was, .. } = met else { return };
        if succession.index(was.sequence).is_none() {
            return;
        }
        let same = carried.next().is_some_and(|now| {
            (now.time_ms, &now.actor, &now.kind, now.version, &now.payload)
                == (was.time_ms, &was.actor, &was.kind, was.version, &was.payload)
        });
        if !same && differences.len() < 20 {
            differences
                .push(format!("entry {} of the old journal is not what was carried over", was.sequence));
        }
    })?;
    if carried.next().is_some() {
        differences.push("entries were carried over that the old journal does not have".to_owned());
    }
    Ok(differences)
}

fn batches(drafts: impl Iterator<Item = Draft>) -> Vec<Vec<Draft>> {
    let (mut batches, mut bytes) = (vec![Vec::new()], 0);
    for draft in drafts {
        let length = draft.payload.len() + draft.actor.len() + draft.kind.len() + 1024;
        let current: &Vec<Draft> = batches.last().expect("there is always one");
        if bytes + length > journal::BATCH_BYTES_MAX || current.len() >= journal::BATCH_RECORDS_MAX {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += length;
        batches.last_mut().expect("there is always one").push(draft);
    }
    batches
}

fn file<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> StoreFault + 'a {
    move |source| StoreFault::File { doing, path: path.to_owned(), source }
}
