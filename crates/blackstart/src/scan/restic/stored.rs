//! A repository as the archive that a history reads from: folders from its trees, verdicts from the ledger, and
//! what is not there yet from the packs.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use rustic_core::repofile::{self, NodeType};
use rustic_core::{DataId, TreeId};

use super::reading::{self, Blobs, Found, Judging, Pair, Single, Spread};
use super::vault::{Opener, Place, Vault, short};
use super::{Opened, plain_name};
use crate::scan::history::{Archive, Change, Entries, Node};
use crate::scan::judge::{Beside, Facts, Judgement, Verdict};
use crate::scan::ledger::{Key, Ledger};
use crate::scan::rules::Rules;
use crate::scan::{history, shown};

/// Compared in one go; what each needs is in memory.
const PAIRS_AT_ONCE: usize = 1000;

/// Different judgements of which one copy is kept. After an attack on everything there are millions of files and a
/// few hundred ways in which they are bad.
const SHARED_MAX: usize = 50_000;

/// The blobs of a file. Nearly every file has one, and there are millions of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Content {
    One(DataId),
    Several(Arc<[DataId]>),
}

pub(super) type Version = history::Version<Content>;

impl Content {
    fn new(ids: Vec<DataId>) -> Content {
        match ids[..] {
            [id] => Content::One(id),
            _ => Content::Several(ids.into()),
        }
    }

    fn ids(&self) -> &[DataId] {
        match self {
            Content::One(id) => std::slice::from_ref(id),
            Content::Several(ids) => ids,
        }
    }
}

/// What of a version its verdict depends on.
struct Held {
    content: Content,
    bytes: u64,
    beside: Beside,
}

impl Held {
    fn of(version: &Version) -> Held {
        Held { content: version.content.clone(), bytes: version.bytes, beside: version.beside }
    }
}

/// A file that changed, to be compared with its previous version.
struct Changed {
    name: u32,
    now: Held,
    before: Held,
}

/// What has to be read.
#[derive(Default)]
pub(super) struct Plan {
    wanted: HashSet<Key>,
    pub(super) singles: Vec<Single>,
    pub(super) spread: Vec<Spread>,
    changed: Vec<Changed>,
    /// Of content, of all of them.
    pub(super) bytes: u64,
}

/// The kinds of names files are judged under, each once.
#[derive(Default)]
struct Names {
    all: Vec<String>,
    numbers: HashMap<String, u32>,
}

pub(super) struct Stored<'a> {
    opened: &'a Opened,
    vault: RefCell<Vault>,
    ledger: RefCell<&'a mut Ledger>,
    /// What cannot be read in this scan; the ledger never hears of it.
    unread: RefCell<HashMap<Key, Rc<Judgement>>>,
    names: RefCell<Names>,
    rules: Option<&'a Rules>,
    /// One judgement for all that are clean: there is nothing to tell of them.
    clean: Rc<Judgement>,
    clean_unverified: Rc<Judgement>,
    shared: RefCell<HashSet<Shared>>,
}

/// A judgement that is told apart by its verdict and reasons; the facts of those that come out of here are left out.
struct Shared(Rc<Judgement>);

impl PartialEq for Shared {
    fn eq(&self, other: &Shared) -> bool {
        self.0.verdict == other.0.verdict && self.0.reasons == other.0.reasons
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0.verdict, &self.0.reasons).hash(state);
    }
}

impl<'a> Stored<'a> {
    pub(super) fn new(
        opened: &'a Opened,
        ledger: &'a mut Ledger,
        rules: Option<&'a Rules>,
    ) -> Result<Stored<'a>, String> {
        let vault = Vault::new(opened.door.clone(), &opened.repository.key())?;
        let plain = |verdict| Rc::new(Judgement { verdict, ..Judgement::unread("") });
        Ok(Stored {
            opened,
            vault: RefCell::new(vault),
            ledger: RefCell::new(ledger),
            unread: RefCell::default(),
            names: RefCell::default(),
            rules,
            clean: plain(Verdict::Clean),
            clean_unverified: plain(Verdict::CleanUnverified),
            shared: RefCell::default(),
        })
    }

    /// Notes what has to be read for a difference. What the ledger knows has not, but it has to be there.
    pub(super) fn plan(&self, plan: &mut Plan, change: &Change<Content>) {
        match change {
            Change::Added { path, now } | Change::Same { path, now } => {
                self.want(plan, &judged_name(path.file_name().unwrap_or_default()), &Held::of(now));
            }
            Change::Changed { path, before, now } => {
                let name = judged_name(path.file_name().unwrap_or_default());
                let (now, before) = (Held::of(now), Held::of(before));
                let key_now = self.want(plan, &name, &now);
                let key_before = self.want(plan, &name, &before);
                let is_known = self.ledger.borrow().knows(&Key::of_both(&key_now, &key_before));
                if now.content != before.content && !is_known {
                    plan.changed.push(Changed { name: self.names.borrow_mut().number(name), now, before });
                }
            }
            Change::Removed { .. } | Change::Unread { .. } | Change::Renewed { .. } => {}
        }
    }

    fn want(&self, plan: &mut Plan, name: &str, held: &Held) -> Key {
        let key = key(name, held);
        if !plan.wanted.insert(key) {
            return key;
        }
        match self.places(held) {
            Err(why) => self.is_unread(key, Judgement::unread(format!("could not be read: {why}"))),
            Ok(_) if self.ledger.borrow().knows(&key) => {}
            Ok(places) => {
                plan.bytes += held.bytes;
                let (name, beside) = (self.names.borrow_mut().number(name.to_owned()), held.beside);
                match places[..] {
                    [place] => plan.singles.push(Single { place, name, beside, key }),
                    _ => plan.spread.push(Spread { places, name, beside, key }),
                }
            }
        }
        key
    }

    /// Where the blobs of a file lie; an error if not all of them can be there.
    fn places(&self, held: &Held) -> Result<Vec<Place>, String> {
        let ids = held.content.ids();
        let mut places = Vec::with_capacity(ids.len());
        let mut bytes = 0;
        for id in ids {
            let entry = self
                .opened
                .repository
                .get_index_entry(id)
                .map_err(|_| format!("blob {} is in no index", short(id)))?;
            let at = entry.location;
            let mut vault = self.vault.borrow_mut();
            let place = vault.place(*id, *entry.pack, at.offset, at.length, at.uncompressed_length)?;
            bytes += place.bytes();
            places.push(place);
        }
        if bytes != held.bytes {
            return Err(format!("the repository holds {bytes} bytes of it, its entry says {}", held.bytes));
        }
        Ok(places)
    }

    /// Reads and judges everything that is planned. `done` gets the bytes of content that were judged.
    pub(super) fn read(&self, plan: &mut Plan, done: &mut dyn FnMut(u64, u64)) {
        plan.wanted = HashSet::new();
        let (vault, names) = (self.vault.borrow(), self.names.borrow());
        let mut keep = |found: Vec<Found>| {
            let (files, bytes) = (found.len() as u64, found.iter().map(|one| one.bytes).sum());
            for one in found {
                self.keep(one.key, one.judgement);
            }
            self.ledger.borrow_mut().settle();
            done(files, bytes);
        };
        let how = Judging { names: &names.all, rules: self.rules };
        reading::singles(&vault, &mut plan.singles, how, &mut keep);
        plan.singles = Vec::new();
        reading::spread(&vault, &mut plan.spread, how, &mut keep);
        plan.spread = Vec::new();
        drop(vault);
        self.compare_all(&std::mem::take(&mut plan.changed), &names.all);
    }

    /// Compares what changed with its previous version, some at a time.
    fn compare_all(&self, changed: &[Changed], names: &[String]) {
        for some in changed.chunks(PAIRS_AT_ONCE) {
            let pair = |one: &Changed| {
                let name = &names[one.name as usize];
                self.pair(name, &one.now, name, &one.before)
            };
            let pairs: Vec<Pair> = some.iter().filter_map(pair).collect();
            reading::pairs(&self.vault.borrow(), &pairs, &mut |found| {
                found.into_iter().for_each(|one| self.keep(one.key, one.judgement));
            });
            self.ledger.borrow_mut().settle();
        }
    }

    /// What is needed for a comparison; `None` if it would say nothing new or was made already.
    fn pair(&self, name: &str, now: &Held, name_before: &str, before: &Held) -> Option<Pair> {
        let (key_now, key_before) = (key(name, now), key(name_before, before));
        let both = Key::of_both(&key_now, &key_before);
        let ledger = self.ledger.borrow();
        if ledger.knows(&both) || self.unread.borrow().contains_key(&both) {
            return None;
        }
        // Most of what was attacked is told by its verdict alone; only the rest is worth reading what was kept of it.
        let settled = |verdict| matches!(verdict, Verdict::Encrypted | Verdict::Malware | Verdict::Unread);
        if ledger.verdict(&key_now).is_none_or(settled) || !ledger.verdict(&key_before)?.is_clean() {
            return None;
        }
        let (judgement, previous) = (ledger.get(&key_now)?, ledger.get(&key_before)?);
        drop(ledger);
        let (now, before) = (self.places(now).ok()?, self.places(before).ok()?);
        Some(Pair { now, judgement, before, facts: previous.facts, name: name.to_owned(), key: both })
    }

    fn keep(&self, key: Key, judgement: Judgement) {
        if judgement.verdict == Verdict::Unread {
            self.is_unread(key, judgement);
        } else {
            self.ledger.borrow_mut().put(key, &judgement);
        }
    }

    fn is_unread(&self, key: Key, judgement: Judgement) {
        self.unread.borrow_mut().insert(key, Rc::new(judgement));
    }

    fn known(&self, key: &Key) -> Option<Rc<Judgement>> {
        if let Some(unread) = self.unread.borrow().get(key) {
            return Some(unread.clone());
        }
        let ledger = self.ledger.borrow();
        match ledger.verdict(key)? {
            Verdict::Clean => Some(self.clean.clone()),
            Verdict::CleanUnverified => Some(self.clean_unverified.clone()),
            _ => ledger.get(key).map(|judgement| self.shared(judgement)),
        }
    }

    /// One copy of equal judgements.
    fn shared(&self, judgement: Judgement) -> Rc<Judgement> {
        let judgement = Shared(Rc::new(Judgement { facts: Facts::default(), ..judgement }));
        let mut shared = self.shared.borrow_mut();
        if let Some(known) = shared.get(&judgement) {
            return known.0.clone();
        }
        let copy = judgement.0.clone();
        if shared.len() < SHARED_MAX {
            shared.insert(judgement);
        }
        copy
    }

    /// A file that was not foreseen, such as one found in a snapshot that is not judged itself.
    fn judge_now(&self, name: &str, held: &Held, key: Key) -> Rc<Judgement> {
        let judgement = match self.places(held) {
            Err(why) => Judgement::unread(format!("could not be read: {why}")),
            Ok(places) => {
                let vault = self.vault.borrow();
                let mut opener = Opener::new(&vault);
                let how = Judging { names: &[], rules: self.rules };
                how.judged(name, &mut Blobs::new(&mut opener, &places), held.beside)
            }
        };
        self.keep(key, judgement.clone());
        self.shared(judgement)
    }
}

impl Archive for Stored<'_> {
    type Tree = TreeId;
    type Content = Content;

    fn folder(&self, tree: TreeId) -> Result<Entries<TreeId, Content>, String> {
        let nodes = self.opened.tree(tree).map_err(|unreadable| unreadable.0)?.nodes;
        let names: BTreeSet<OsString> =
            nodes.iter().filter(|node| node.meta.size > 0).map(|node| node.name().into_owned()).collect();
        Ok(nodes.into_iter().filter_map(|node| entry(node, &names)).collect())
    }

    fn judged(&self, name: &OsStr, version: &Version) -> Rc<Judgement> {
        let (name, held) = (judged_name(name), Held::of(version));
        let key = key(&name, &held);
        self.known(&key).unwrap_or_else(|| self.judge_now(&name, &held, key))
    }

    fn compared(&self, name: &OsStr, now: &Version, before: (&OsStr, &Version)) -> Rc<Judgement> {
        // Both have to be judged before they can be compared.
        let alone = self.judged(name, now);
        self.judged(before.0, before.1);
        let (name, name_before) = (judged_name(name), judged_name(before.0));
        let (now, before) = (Held::of(now), Held::of(before.1));
        if let Some(pair) = self.pair(&name, &now, &name_before, &before) {
            let vault = self.vault.borrow();
            let found = reading::compared(&mut Opener::new(&vault), &pair);
            self.keep(found.key, found.judgement);
        }
        let both = Key::of_both(&key(&name, &now), &key(&name_before, &before));
        self.known(&both).unwrap_or(alone)
    }
}

/// Links, devices, pipes and sockets hold no content that could be restored.
fn entry(node: repofile::Node, names: &BTreeSet<OsString>) -> Option<(OsString, Node<TreeId, Content>)> {
    let Some(name) = plain_name(&node) else {
        // Shown, never joined to a path as it stands.
        let shown = node.name().to_string_lossy().replace('/', "\u{2215}");
        let shown = if shown.trim_matches('.').is_empty() { format!("\u{2215}{shown}") } else { shown };
        return Some((shown.into(), Node::Unread("an entry whose name is no file name".to_owned())));
    };
    let what = match (&node.node_type, node.subtree) {
        (NodeType::Dir, Some(subtree)) => Node::Folder(subtree),
        (NodeType::Dir, None) => Node::Unread("the entry is a folder without content".to_owned()),
        (NodeType::File, _) => {
            let has = |ending: &str| {
                let mut other = name.clone();
                other.push(ending);
                names.contains(&other)
            };
            let beside = if has("-journal") || has("-wal") { Beside::Journal } else { Beside::Nothing };
            Node::File(Version {
                bytes: node.meta.size,
                modified_ns: node.meta.mtime.and_then(|time| i64::try_from(time.as_nanosecond()).ok()),
                content: Content::new(node.content.unwrap_or_default()),
                beside,
            })
        }
        _ => return None,
    };
    Some((name, what))
}

/// Names that end alike are judged alike, so the same content need not be read twice.
fn judged_name(name: &OsStr) -> String {
    let name = shown::path(name);
    let ending = name.trim_start_matches('.').split_once('.').map_or("", |(_, ending)| ending);
    if ending.is_empty() { "_".to_owned() } else { format!("_.{}", ending.to_lowercase()) }
}

fn key(name: &str, held: &Held) -> Key {
    let beside = [u8::from(held.beside == Beside::Journal)];
    let bytes = held.bytes.to_le_bytes();
    let ids: Vec<_> = held.content.ids().iter().map(|id| id.to_hex()).collect();
    let head = [name.as_bytes(), &beside, &bytes];
    Key::of(head.into_iter().chain(ids.iter().map(|id| id.as_str().as_bytes())))
}

impl Names {
    fn number(&mut self, name: String) -> u32 {
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).expect("there are fewer kinds of names than files");
        self.all.push(name.clone());
        self.numbers.insert(name, number);
        number
    }
}
