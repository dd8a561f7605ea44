//! The incident folder: the one place through which every part reads the journal and appends to it.
//!
//! A folder holds the journal (and in it every estate that was decided on), the public key and the output of
//! started processes. The signing key lies elsewhere; the folder only says where.

use std::path::{Path, PathBuf};

use journal::{Appender, Draft, Expect, Options, Reader};

use super::continued::Succession;
use super::event::{CommandEvent, Event};
pub use super::fault::StoreFault;
use super::log::{self, Append, Basis, Log, LogFault};
use super::record;
use super::view::View;

/// File in the folder that says where the signing key lies. Never the key itself.
const KEY_LOCATION: &str = "signing-key-location";
const PUBLIC_KEY: &str = "public-key";
const JOURNAL: &str = "journal";

/// In the folder of a journal that was ended: where it goes on.
pub(super) const SUCCEEDED_BY: &str = "succeeded-by";

/// An incident that can be written to.
pub struct Incident {
    folder: PathBuf,
    actor: String,
    appender: Appender,
    reader: Reader,
    view: View,
}

/// What is known now, without touching anything.
pub fn read(folder: &Path) -> Result<View, StoreFault> {
    let mut view = View::default();
    each_entry(folder, 0, |entry| view.apply(&entry))?;
    Ok(view)
}

/// Calls `visit` with every durable entry from `from` on.
pub fn each_entry(folder: &Path, from: u64, mut visit: impl FnMut(super::Entry)) -> Result<(), StoreFault> {
    each_record(folder, from, |record| visit(record::entry(record)))
}

/// The same, as the journal keeps it.
pub fn each_record(
    folder: &Path,
    from: u64,
    mut visit: impl FnMut(journal::Record),
) -> Result<(), StoreFault> {
    if !folder.join(JOURNAL).is_dir() {
        return Err(StoreFault::NoIncident(folder.to_owned()));
    }
    let mut reader = Reader::open(&folder.join(JOURNAL)).map_err(StoreFault::Read)?;
    for record in reader.read(from) {
        visit(record.map_err(StoreFault::Read)?);
    }
    Ok(())
}

/// Where the journal in this folder goes on, if it was ended. A file in the folder says so, and whoever owns the disk can
/// write one: it is believed only if the journal there says that it continues this one, by a checkpoint that the key of
/// this one has signed.
pub fn succeeded_by(folder: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(folder.join(SUCCEEDED_BY)).ok()?;
    let next = PathBuf::from(text.trim_end_matches('\n'));
    let continues = continues(&next)?;
    let key = std::fs::read_to_string(public_key_path(folder)).ok()?;
    let key = journal::PublicKey::parse(key.trim()).ok()?;
    let proven = match &continues.checkpoint {
        Some(signed) => journal::Checkpoint::parse(signed).ok()?.verify(&key).is_ok(),
        // Nothing of the old one was signed any more: then at least the folder has to be the one that is named.
        None => std::path::absolute(folder).is_ok_and(|here| here == Path::new(&continues.folder)),
    };
    proven.then_some(next)
}

/// What the journal in this folder says it continues.
pub fn continues(folder: &Path) -> Option<Succession> {
    let mut reader = Reader::open(&journal_path(folder)).ok()?;
    let first = reader.read(0).next()?.ok()?;
    match record::entry(first).content {
        record::Content::Known(Event::Command(CommandEvent::JournalSucceeded(succession))) => {
            Some(succession)
        }
        record::Content::Known(_) | record::Content::Unknown(_) => None,
    }
}

/// Makes the folder, its key and its first entries.
pub fn create(
    folder: &Path,
    key: &Path,
    origin: &str,
    actor: &str,
    first: &[Event],
    now_ms: i64,
) -> Result<Incident, StoreFault> {
    if folder.join(JOURNAL).exists() {
        return Err(StoreFault::AlreadyThere(folder.to_owned()));
    }
    lay_out(folder, key, origin)?;
    let mut incident = Incident::open_or_begin(folder, actor)?;
    incident.append_on(first, Basis::View(0), now_ms)?;
    Ok(incident)
}

/// Makes the folder with everything but its first entries, and the key if there is none yet.
pub(super) fn lay_out(folder: &Path, key: &Path, origin: &str) -> Result<journal::SecretKey, StoreFault> {
    let secret = if key.exists() {
        journal::key::SecretKey::load(key)
    } else {
        journal::key::SecretKey::generate(origin).and_then(|secret| secret.save(key).map(|()| secret))
    }
    .map_err(|source| StoreFault::Key { path: key.to_owned(), source })?;
    std::fs::create_dir_all(folder.join(JOURNAL)).map_err(|source| StoreFault::File {
        doing: "make",
        path: folder.join(JOURNAL),
        source,
    })?;
    write(&folder.join(PUBLIC_KEY), &format!("{}\n", secret.public()))?;
    let absolute = std::path::absolute(key).map_err(|source| StoreFault::File {
        doing: "find",
        path: key.to_owned(),
        source,
    })?;
    write(&key_location_path(folder), &format!("{}\n", absolute.display()))?;
    Ok(secret)
}

fn write(path: &Path, text: &str) -> Result<(), StoreFault> {
    std::fs::write(path, text).map_err(|source| StoreFault::File {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}

/// The public key of the incident in this folder, in the text form of a note verifier key.
pub fn public_key_path(folder: &Path) -> PathBuf {
    folder.join(PUBLIC_KEY)
}

/// The public key of the incident in this folder.
pub fn public_key(folder: &Path) -> Result<journal::PublicKey, StoreFault> {
    let path = public_key_path(folder);
    let text = std::fs::read_to_string(&path).map_err(|source| StoreFault::File {
        doing: "read",
        path: path.clone(),
        source,
    })?;
    journal::PublicKey::parse(&text).map_err(|source| StoreFault::Key { path, source })
}

/// The signing key of the incident in this folder, from where the folder says that it lies.
pub fn signing_key(folder: &Path) -> Result<journal::SecretKey, StoreFault> {
    if !folder.join(JOURNAL).is_dir() {
        return Err(StoreFault::NoIncident(folder.to_owned()));
    }
    let location = key_location_path(folder);
    let key = std::fs::read_to_string(&location).map_err(|source| StoreFault::File {
        doing: "read",
        path: location,
        source,
    })?;
    let key = PathBuf::from(key.trim_end());
    journal::key::SecretKey::load(&key).map_err(|source| StoreFault::Key { path: key, source })
}

/// The file in the folder that says where the signing key lies. Only an incident has one.
pub fn key_location_path(folder: &Path) -> PathBuf {
    folder.join(KEY_LOCATION)
}

pub fn journal_path(folder: &Path) -> PathBuf {
    folder.join(JOURNAL)
}

impl Incident {
    /// Opens an existing folder for writing. `actor` is who is written beside each entry. A journal without a single
    /// record is not begun here: an incident has entries from its first moment on.
    pub fn open(folder: &Path, actor: &str) -> Result<Incident, StoreFault> {
        let journal = folder.join(JOURNAL);
        if !journal.is_dir() {
            return Err(StoreFault::NoIncident(folder.to_owned()));
        }
        if let Some(next) = succeeded_by(folder) {
            return Err(StoreFault::Succeeded(folder.to_owned(), next));
        }
        if matches!(Reader::open(&journal), Err(journal::ReadError::NoJournal { .. })) {
            return Err(StoreFault::Emptied(folder.to_owned()));
        }
        Incident::open_or_begin(folder, actor)
    }

    fn open_or_begin(folder: &Path, actor: &str) -> Result<Incident, StoreFault> {
        let journal = folder.join(JOURNAL);
        let secret = signing_key(folder)?;
        let origin = secret.public().name().to_owned();
        let appender = Appender::open(&journal, Options::new(secret, origin)).map_err(StoreFault::Open)?;
        let reader = Reader::open(&journal).map_err(StoreFault::Read)?;
        let mut incident = Incident {
            folder: folder.to_owned(),
            actor: actor.to_owned(),
            appender,
            reader,
            view: View::default(),
        };
        incident.refresh()?;
        Ok(incident)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn view(&self) -> &View {
        &self.view
    }

    /// Applies what others have appended meanwhile.
    pub fn refresh(&mut self) -> Result<&View, StoreFault> {
        for record in self.reader.read(self.view.entries) {
            self.view.apply(&record::entry(record.map_err(StoreFault::Read)?));
        }
        Ok(&self.view)
    }

    /// Appends, and returns once it is on disk and in the view. Everybody else comes through `Log`.
    pub(crate) fn append_on(
        &mut self,
        events: &[Event],
        basis: Basis,
        now_ms: i64,
    ) -> Result<(), StoreFault> {
        if events.is_empty() {
            return Ok(());
        }
        let drafts = events
            .iter()
            .map(|event| {
                let (kind, version, payload) = record::encode(event);
                Draft { time_ms: now_ms, actor: self.actor.clone(), kind, version, payload }
            })
            .collect();
        let expect = match basis {
            Basis::Fact => Expect::Anything,
            Basis::View(entries) => Expect::NothingSince(entries),
        };
        self.appender.append(drafts, expect).map_err(StoreFault::Append)?;
        self.refresh()?;
        Ok(())
    }

    /// Appends a fact that depends on nothing: an observation, an outcome, a note.
    pub fn record(&mut self, events: &[Event], now_ms: i64) -> Result<(), StoreFault> {
        self.append_on(events, Basis::Fact, now_ms)
    }

    /// Decides on the newest view and appends; if anything came in between, looks and decides again.
    /// `Ok(Err(refusal))` is an answer, not a fault.
    pub fn decide<R>(
        &mut self,
        now_ms: i64,
        decide: impl Fn(&View) -> Result<Vec<Event>, R>,
    ) -> Result<Result<Vec<Event>, R>, StoreFault> {
        match log::decide(self, now_ms, decide) {
            Ok(decided) => Ok(decided),
            Err(LogFault::Store(fault)) => Err(fault),
            Err(LogFault::Gone) => unreachable!("only a simulated journal is ever gone"),
        }
    }
}

impl Log for Incident {
    fn view(&self) -> &View {
        Incident::view(self)
    }

    fn refresh(&mut self) -> Result<(), LogFault> {
        Incident::refresh(self).map(|_| ()).map_err(LogFault::Store)
    }

    fn append(&mut self, events: &[Event], basis: Basis, now_ms: i64) -> Result<Append, LogFault> {
        match self.append_on(events, basis, now_ms) {
            Ok(()) => Ok(Append::Done),
            Err(fault) if fault.is_outdated() => Ok(Append::Outdated),
            Err(fault) => Err(LogFault::Store(fault)),
        }
    }
}

/// Entries that no signed checkpoint covers yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The first of them.
    pub from: u64,
    pub count: u64,
}

/// Every program that ends in order signs what it wrote, and one at work does so every second. What is not signed was written a
/// moment ago, or by one that was killed, or by somebody who has the disk and not the key. `entries`: so many were read.
pub fn unsigned(folder: &Path, entries: u64) -> Option<Unsigned> {
    let text = std::fs::read_to_string(journal_path(folder).join("checkpoint")).ok()?;
    let from = journal::Checkpoint::parse(&text).ok()?.size;
    (from < entries).then(|| Unsigned { from, count: entries - from })
}

/// The first entries of every incident.
pub fn opening(name: &str, estate_hash: &str, estate_text: &str) -> Vec<Event> {
    vec![
        Event::Command(CommandEvent::IncidentOpened { name: name.to_owned() }),
        Event::Command(CommandEvent::EstateAdopted {
            hash: estate_hash.to_owned(),
            text: estate_text.to_owned(),
        }),
    ]
}

/// The newest signed checkpoint, for people to remember elsewhere. `None` if there is none yet, or it cannot be read:
/// `verify` says more about that.
pub fn newest_checkpoint(folder: &Path) -> Option<journal::Checkpoint> {
    let text = std::fs::read_to_string(folder.join(JOURNAL).join("checkpoint")).ok()?;
    journal::Checkpoint::parse(&text).ok()
}
