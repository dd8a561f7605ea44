//! Judges the newest snapshots of a repository, oldest of them first.
//!
//! Each distinct content under one kind of name is read and judged once, however many snapshots hold it.
//! What cannot be read becomes `unread`, and the scan goes on: the answer says what it does not know.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use rustic_core::repofile::{Node, NodeType};
use rustic_core::{DataId, TreeId};

use super::{Opened, Snapshot, plain_name};
use crate::scan::judge::kind::name_before;
use crate::scan::judge::{Beside, Judgement, Source, Verdict, judge};
use crate::scan::report::{self, File, RepositoryReport, SnapshotReport};
use crate::scan::shown;
use crate::scan::snapshots::{self, Found, Past, Seen, Tally, rfc3339};

/// How far back versions of a file are looked for beyond the judged snapshots.
const OLDER_SNAPSHOTS_MAX: usize = 50;

/// How far the reading has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub bytes_done: u64,
    pub bytes_total: u64,
    pub files_done: u64,
}

/// What to judge.
pub struct Wish<'a> {
    /// All snapshots, oldest first by first sight.
    pub order: &'a [Seen],
    /// How many of them, from the newest.
    pub newest: usize,
    /// Bad files without a good version before that are let pass; `None`: by the size of the snapshot.
    pub tolerate: Option<u64>,
}

impl Opened {
    /// For ordering by `snapshots`.
    pub fn found(&self) -> Vec<Found> {
        let found = |snapshot: &Snapshot| Found {
            id: snapshot.id.clone(),
            claims_ms: snapshot.claims_ms,
            arrived_ms: snapshot.arrived_ms,
        };
        self.snapshots.iter().map(found).collect()
    }
}

type Content = Rc<[DataId]>;

/// A plain file of a snapshot.
struct Entry {
    content: Content,
    bytes: u64,
    beside: Beside,
}

/// The files of a snapshot, and what of its folders could not be read.
struct Listing {
    files: BTreeMap<PathBuf, Entry>,
    unread: Vec<(PathBuf, String)>,
}

/// Judges the newest snapshots. `progress` is called between files.
pub fn scan(opened: &Opened, wish: &Wish<'_>, progress: &mut dyn FnMut(Progress)) -> RepositoryReport {
    let from = wish.order.len().saturating_sub(wish.newest);
    let chosen: Vec<(usize, &Seen, &Snapshot)> = (from..wish.order.len())
        .filter_map(|at| {
            let seen = &wish.order[at];
            Some((at, seen, opened.snapshots.iter().find(|snapshot| snapshot.id == seen.id)?))
        })
        .collect();
    let listings: Vec<Listing> =
        chosen.iter().map(|(_, _, snapshot)| opened.listing(snapshot.tree)).collect();
    let mut judged = Judged { opened, done: HashMap::new(), progress: Progress::default() };
    judged.progress.bytes_total = bytes_to_read(&listings);
    let mut report = RepositoryReport { form: report::FORM, ..RepositoryReport::default() };
    let mut total = BTreeMap::new();
    let mut pasts: BTreeMap<&(String, Vec<String>), Memory> = BTreeMap::new();
    for ((at, seen, snapshot), listing) in chosen.iter().zip(&listings) {
        let older = older(opened, &wish.order[..*at], snapshot);
        let memory = pasts.entry(&snapshot.series).or_default();
        let mut one =
            One { judged: &mut judged, older: &older, memory, files: Vec::new(), tally: Tally::default() };
        one.judge(&snapshot.id, listing, progress);
        let (files, tally) = (one.files, one.tally);
        for (verdict, count) in &tally.counts {
            *total.entry(*verdict).or_default() += count;
        }
        let answer = answer(seen, &tally, wish.tolerate);
        if answer.is_clean {
            report.last_clean = Some(answer.id.clone());
        }
        report.snapshots.push(answer);
        report.files.extend(files);
    }
    report.counts = report::counts(&total);
    report.unread = opened.unread();
    report.notes = notes(opened, wish);
    report
}

fn notes(opened: &Opened, wish: &Wish<'_>) -> Vec<String> {
    let mut notes = snapshots::disagreements(wish.order);
    if wish.order.len() > wish.newest {
        notes.push(format!(
            "judged the newest {} of {} snapshots; --newest N judges more",
            wish.newest,
            wish.order.len()
        ));
    }
    if !opened.writers().is_empty() {
        notes.push(format!(
            "{} locks lie in the repository: somebody may be writing to it, or was stopped while writing",
            opened.writers().len()
        ));
    }
    notes
}

fn answer(seen: &Seen, tally: &Tally, tolerate: Option<u64>) -> SnapshotReport {
    let mut reasons = tally.complaints(tolerate);
    let is_clean = reasons.is_empty();
    reasons.extend(tally.tolerated(tolerate));
    SnapshotReport {
        id: seen.id.clone(),
        time: rfc3339(seen.claims_ms),
        first_seen: rfc3339(seen.first_seen_ms),
        clean: tally.clean(),
        not_clean: tally.files() - tally.clean() + tally.unread_parts,
        is_clean,
        reasons,
        counts: report::counts(&tally.counts),
    }
}

/// Older snapshots of the same series, newest first.
fn older<'a>(opened: &'a Opened, before: &[Seen], snapshot: &Snapshot) -> Vec<&'a Snapshot> {
    before
        .iter()
        .rev()
        .filter_map(|seen| opened.snapshots.iter().find(|other| other.id == seen.id))
        .filter(|other| other.series == snapshot.series)
        .take(OLDER_SNAPSHOTS_MAX)
        .collect()
}

/// Names that end alike are judged alike, so the same content need not be read twice.
fn ending_of(path: &Path) -> String {
    let name = path.file_name().map(shown::path).unwrap_or_default();
    let ending = name.trim_start_matches('.').split_once('.').map_or("", |(_, ending)| ending);
    ending.to_lowercase()
}

fn bytes_to_read(listings: &[Listing]) -> u64 {
    let mut known = BTreeSet::new();
    listings
        .iter()
        .flat_map(|listing| &listing.files)
        .filter(|(path, entry)| known.insert((entry.content.clone(), ending_of(path))))
        .map(|(_, entry)| entry.bytes)
        .sum()
}

impl Opened {
    fn listing(&self, tree: TreeId) -> Listing {
        let mut listing = Listing { files: BTreeMap::new(), unread: Vec::new() };
        let mut open = vec![(PathBuf::from("/"), tree)];
        while let Some((folder, tree)) = open.pop() {
            let nodes = match self.tree(tree) {
                Ok(tree) => tree.nodes,
                Err(unreadable) => {
                    listing.unread.push((folder, format!("this folder could not be read: {unreadable}")));
                    continue;
                }
            };
            let names: BTreeSet<OsString> =
                nodes.iter().filter(|node| node.meta.size > 0).map(|node| node.name().into_owned()).collect();
            for node in nodes {
                let Some(name) = plain_name(&node) else {
                    let odd = folder.join(node.name().to_string_lossy().replace('/', "\u{2215}"));
                    listing.unread.push((odd, "an entry whose name is no file name".to_owned()));
                    continue;
                };
                let path = folder.join(&name);
                match (&node.node_type, node.subtree) {
                    (NodeType::Dir, Some(subtree)) => open.push((path, subtree)),
                    (NodeType::Dir, None) => {
                        listing.unread.push((path, "the entry is a folder without content".to_owned()));
                    }
                    (NodeType::File, _) => {
                        listing.files.insert(path, entry(node, &name, &names));
                    }
                    _ => {}
                }
            }
        }
        listing
    }

    /// The content of a path in a snapshot, if it is a file there and can be read.
    fn version(&self, snapshot: &Snapshot, path: &Path) -> Option<Content> {
        let mut tree = snapshot.tree;
        let mut parts = path.components().filter_map(|part| match part {
            std::path::Component::Normal(part) => Some(part),
            _ => None,
        });
        let mut part = parts.next()?;
        loop {
            let node = self.tree(tree).ok()?.nodes.into_iter().find(|node| node.name() == part)?;
            match (parts.next(), node.subtree) {
                (Some(next), Some(subtree)) => (part, tree) = (next, subtree),
                (None, None) if node.is_file() => return Some(node.content.unwrap_or_default().into()),
                _ => return None,
            }
        }
    }
}

fn entry(node: Node, name: &OsString, names: &BTreeSet<OsString>) -> Entry {
    let has = |ending: &str| {
        let mut other = name.clone();
        other.push(ending);
        names.contains(&other)
    };
    let beside = if has("-journal") || has("-wal") { Beside::Journal } else { Beside::Nothing };
    Entry { bytes: node.meta.size, content: node.content.unwrap_or_default().into(), beside }
}

/// Every content judged once.
struct Judged<'a> {
    opened: &'a Opened,
    done: HashMap<(Content, String, bool), Rc<Judgement>>,
    progress: Progress,
}

impl Judged<'_> {
    fn file(&mut self, path: &Path, entry: &Entry) -> Rc<Judgement> {
        let key = (entry.content.clone(), ending_of(path), entry.beside == Beside::Journal);
        if let Some(known) = self.done.get(&key) {
            return known.clone();
        }
        let name = path.file_name().map(shown::path).unwrap_or_default();
        let judgement = match Stored::new(self.opened, &entry.content) {
            Ok(stored) if stored.length != entry.bytes => Judgement::unread(format!(
                "the repository holds {} bytes of it, its entry says {}",
                stored.length, entry.bytes
            )),
            Ok(mut stored) => judge(&name, &mut stored, entry.beside),
            Err(error) => Judgement::unread(format!("could not be read: {error}")),
        };
        self.progress.bytes_done += entry.bytes;
        let judgement = Rc::new(judgement);
        self.done.insert(key, judgement.clone());
        judgement
    }
}

/// What is remembered of a series of snapshots from one to the next.
#[derive(Default)]
struct Memory {
    paths: BTreeMap<PathBuf, Past>,
    /// By content, of the last snapshot: a file that was only moved keeps its past.
    contents: HashMap<Content, Past>,
    begun: bool,
}

/// One snapshot being judged.
struct One<'a, 'b> {
    judged: &'a mut Judged<'b>,
    older: &'a [&'b Snapshot],
    memory: &'a mut Memory,
    files: Vec<File>,
    tally: Tally,
}

impl One<'_, '_> {
    fn judge(&mut self, id: &str, listing: &Listing, progress: &mut dyn FnMut(Progress)) {
        for (path, why) in &listing.unread {
            self.tally.unread_parts += 1;
            self.files.push(File::new(shown::path(path), &Judgement::unread(why.clone()), Some(id)));
        }
        let mut pasts = BTreeMap::new();
        let mut contents = HashMap::new();
        for (path, entry) in &listing.files {
            let judgement = self.judged.file(path, entry);
            let past = if judgement.verdict.is_clean() { None } else { self.past(path, entry, listing) };
            let (weight, past) = snapshots::weigh(judgement.verdict, past);
            self.tally.add(judgement.verdict, weight);
            if !judgement.verdict.is_clean() {
                self.files.push(File::new(shown::path(path), &judgement, Some(id)));
            }
            contents.insert(entry.content.clone(), past);
            pasts.insert(path.clone(), past);
            self.judged.progress.files_done += 1;
            progress(self.judged.progress);
        }
        // Paths that are gone are remembered: what is put there later is compared with what was there.
        self.memory.paths.extend(pasts);
        self.memory.contents = contents;
        self.memory.begun = true;
    }

    /// What is known of this file from before: by its path, by the path it had before an ending was
    /// appended, by its content (it was only moved), or from snapshots that are not judged themselves.
    fn past(&mut self, path: &Path, entry: &Entry, listing: &Listing) -> Option<Past> {
        let renamed = without_appended(path).filter(|before| !listing.files.contains_key(before));
        let by_path = |path: &PathBuf| self.memory.paths.get(path).copied();
        by_path(&path.to_owned())
            .or_else(|| renamed.as_ref().and_then(by_path))
            .or_else(|| self.memory.contents.get(&entry.content).copied())
            .or_else(|| {
                if self.memory.begun { None } else { self.past_in_older(path, renamed.as_deref(), entry) }
            })
    }

    /// The last version with another content in snapshots before those that are judged.
    fn past_in_older(&mut self, path: &Path, renamed: Option<&Path>, entry: &Entry) -> Option<Past> {
        let opened = self.judged.opened;
        for snapshot in self.older {
            let paths = std::iter::once(path).chain(renamed);
            for path in paths {
                let Some(content) = opened.version(snapshot, path) else { continue };
                if content == entry.content {
                    continue;
                }
                let bytes = Stored::new(opened, &content).map_or(0, |stored| stored.length);
                let before = Entry { content, bytes, beside: entry.beside };
                let verdict = self.judged.file(path, &before).verdict;
                return Some(if verdict.is_clean() {
                    Past::Good
                } else if verdict == Verdict::Encrypted {
                    Past::WentBad
                } else {
                    Past::AlwaysBad(verdict)
                });
            }
        }
        None
    }
}

/// `letter.docx.locked` as `letter.docx`, if `.locked` is no ending that anybody uses.
fn without_appended(path: &Path) -> Option<PathBuf> {
    Some(path.with_file_name(name_before(path.file_name()?.to_str()?)?))
}

/// A file in the repository, one blob of it in memory at a time.
struct Stored<'a> {
    opened: &'a Opened,
    /// Where each blob begins, and its id.
    blobs: Vec<(u64, DataId)>,
    length: u64,
    current: Option<(usize, Bytes)>,
}

impl<'a> Stored<'a> {
    fn new(opened: &'a Opened, content: &[DataId]) -> io::Result<Stored<'a>> {
        let mut length = 0;
        let mut blobs = Vec::with_capacity(content.len());
        for id in content {
            let entry = opened
                .repository
                .get_index_entry(id)
                .map_err(|error| io::Error::other(super::brief(&error)))?;
            blobs.push((length, *id));
            length += u64::from(entry.data_length());
        }
        Ok(Stored { opened, blobs, length, current: None })
    }

    fn blob(&mut self, at: usize) -> io::Result<&Bytes> {
        if self.current.as_ref().is_none_or(|(current, _)| *current != at) {
            let bytes = self.opened.data(self.blobs[at].1).map_err(|error| io::Error::other(error.0))?;
            let expected = self.blobs.get(at + 1).map_or(self.length, |(next, _)| *next) - self.blobs[at].0;
            if bytes.len() as u64 != expected {
                return Err(io::Error::other("a blob has another length than the index says"));
            }
            self.current = Some((at, bytes));
        }
        let (_, bytes) = self.current.as_ref().expect("just put there");
        Ok(bytes)
    }
}

impl Source for Stored<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() && offset + (done as u64) < self.length {
            let at = offset + done as u64;
            let blob = self.blobs.partition_point(|(start, _)| *start <= at) - 1;
            let start = self.blobs[blob].0;
            let bytes = self.blob(blob)?;
            let from = usize::try_from(at - start).map_err(io::Error::other)?;
            let count = (into.len() - done).min(bytes.len() - from);
            into[done..done + count].copy_from_slice(&bytes[from..from + count]);
            done += count;
        }
        Ok(done)
    }
}
