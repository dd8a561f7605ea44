//! A repository as the archive that a history reads from: folders from its trees, verdicts from the ledger, and
//! what is not there yet from the packs.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::rc::Rc;

use rustic_core::repofile::BlobType;
use rustic_core::{BlobId, PackedId, TreeId};

use super::Opened;
use super::content::{Content, Version};
use super::reading::{self, Blobs, Found, Judging, Kind, Pair, Single, Spread};
use super::trees::{self, RecentTrees};
use super::vault::{DATA_BYTES_MAX, Opener, Place, TREE_BYTES_MAX, Vault, short};
use crate::history::{Archive, Change, Digest, Entries, digest_at};
use crate::ledger::{Key, Ledger};
use crate::rules::Rules;
use crate::shown;
use judge::{Beside, Facts, Judgement, Verdict};

/// Compared in one go; what each needs is in memory.
const PAIRS_AT_ONCE: usize = 1000;

/// Different judgements of which one copy is kept. After an attack on everything there are millions of files and a
/// few hundred ways in which they are bad.
const SHARED_MAX: usize = 50_000;

/// What of a version its verdict depends on.
struct VerdictBasis {
    content: Content,
    bytes: u64,
    beside: Beside,
}

impl VerdictBasis {
    fn of(version: &Version) -> VerdictBasis {
        VerdictBasis { content: version.content.clone(), bytes: version.bytes, beside: version.beside }
    }

    fn key(&self, name: &str) -> Key {
        reading::key(name, self.beside, self.bytes, self.content.ids())
    }
}

/// Files of one blob that were noted before those among them that are the same are dropped.
const NOTED_MIN: usize = 1 << 18;

/// What has to be read.
#[derive(Default)]
pub(super) struct ReadingList {
    singles: Vec<Single>,
    /// How many of them there may be before they are looked through again.
    noted_max: usize,
    spread: HashMap<Key, Spread>,
    /// Whether any file has to be compared with its previous version.
    pub(super) has_changes: bool,
}

impl ReadingList {
    fn note(&mut self, single: Single) {
        if self.singles.len() >= self.noted_max.max(NOTED_MIN) {
            self.drop_the_same();
            self.noted_max = self.singles.len() * 2;
        }
        self.singles.push(single);
    }

    /// Puts them into the order of the disk. The same content under the same kind of name is the same file.
    fn drop_the_same(&mut self) {
        let place = |single: &Single| (single.place.pack, single.place.offset, single.kind);
        self.singles.sort_unstable_by_key(place);
        self.singles.dedup_by_key(|single| place(single));
    }

    /// Bytes of content in everything that was noted.
    pub(super) fn bytes(&mut self) -> u64 {
        self.drop_the_same();
        let singles = self.singles.iter().map(|single| single.place.bytes());
        let spread = self.spread.values().flat_map(|file| &file.places).map(Place::bytes);
        singles.chain(spread).sum()
    }
}

/// The kinds of names files are judged under, each once.
#[derive(Default)]
struct Kinds {
    all: Vec<Kind>,
    numbers: HashMap<Kind, u32>,
}

pub(super) struct Stored<'a> {
    opened: &'a Opened,
    vault: RefCell<Vault>,
    ledger: RefCell<&'a mut Ledger>,
    /// What cannot be read in this scan; the ledger never hears of it.
    unread: RefCell<HashMap<Key, Rc<Judgement>>>,
    kinds: RefCell<Kinds>,
    trees: RefCell<RecentTrees>,
    rules: Option<&'a Rules>,
    accepted: &'a BTreeSet<Digest>,
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
        accepted: &'a BTreeSet<Digest>,
    ) -> Result<Stored<'a>, String> {
        let vault = Vault::new(opened.door.clone(), &opened.repository.key())?;
        let plain = |verdict| Rc::new(Judgement { verdict, ..Judgement::unread("") });
        Ok(Stored {
            opened,
            vault: RefCell::new(vault),
            ledger: RefCell::new(ledger),
            unread: RefCell::default(),
            kinds: RefCell::default(),
            trees: RefCell::default(),
            rules,
            accepted,
            clean: plain(Verdict::Clean),
            clean_unverified: plain(Verdict::CleanUnverified),
            shared: RefCell::default(),
        })
    }

    /// Notes what has to be read for a difference. What the ledger knows has not, but it has to be there.
    pub(super) fn plan(&self, plan: &mut ReadingList, change: &Change<Content>) {
        match change {
            Change::Added { path, now } | Change::Same { path, now } => {
                self.want(plan, &judged_name(path.file_name().unwrap_or_default()), &VerdictBasis::of(now));
            }
            Change::Changed { path, before, now } => {
                let name = judged_name(path.file_name().unwrap_or_default());
                let key = self.want(plan, &name, &VerdictBasis::of(now));
                let key_before = self.want(plan, &name, &VerdictBasis::of(before));
                plan.has_changes |= now.content != before.content && self.is_open(&key, &key_before);
            }
            // The former version was judged when it came.
            Change::Renamed { former, before, path, now } => {
                let [name, former] =
                    [path, former].map(|path| judged_name(path.file_name().unwrap_or_default()));
                let key = self.want(plan, &name, &VerdictBasis::of(now));
                let key_before = VerdictBasis::of(before).key(&former);
                plan.has_changes |= now.content != before.content && self.is_open(&key, &key_before);
            }
            Change::Removed { .. } | Change::Unread { .. } | Change::Renewed { .. } => {}
        }
    }

    /// Whether two versions have yet to be compared.
    fn is_open(&self, key: &Key, key_before: &Key) -> bool {
        let ledger = self.ledger.borrow();
        match ledger.verdict(key) {
            None => true,
            Some(verdict) => {
                !is_settled(verdict)
                    && ledger.verdict(key_before).is_none_or(Verdict::is_measure)
                    && !ledger.knows(&Key::of_both(key, key_before))
            }
        }
    }

    fn want(&self, plan: &mut ReadingList, name: &str, held: &VerdictBasis) -> Key {
        let kind = Kind { name: name.to_owned(), beside: held.beside };
        let key = held.key(name);
        match self.places(held) {
            Err(why) => self.is_unread(key, Judgement::unread(format!("could not be read: {why}"))),
            Ok(_) if self.ledger.borrow().knows(&key) => {}
            Ok(places) => {
                let kind = self.kinds.borrow_mut().number(kind);
                match places[..] {
                    [place] => plan.note(Single { place, kind }),
                    _ => {
                        plan.spread.insert(key, Spread { places, kind, key });
                    }
                }
            }
        }
        key
    }

    /// Where the blobs of a file lie; an error if not all of them can be there.
    fn places(&self, held: &VerdictBasis) -> Result<Vec<Place>, String> {
        let ids = held.content.ids();
        let mut places = Vec::with_capacity(ids.len());
        let mut bytes = 0;
        for id in ids {
            let place = self.place(id, DATA_BYTES_MAX)?;
            bytes += place.bytes();
            places.push(place);
        }
        if bytes != held.bytes {
            return Err(format!("the repository holds {bytes} bytes of it, its entry says {}", held.bytes));
        }
        Ok(places)
    }

    fn place<T: PackedId>(&self, id: &T, bytes_max: u64) -> Result<Place, String> {
        let blob: BlobId = (*id).into();
        let what = if T::TYPE == BlobType::Tree { "tree" } else { "blob" };
        let at = self.opened.location(id);
        let at = at.ok_or_else(|| format!("{what} {} is in no index", short(&blob)))?;
        let mut vault = self.vault.borrow_mut();
        vault.place(blob, bytes_max, at.pack, at.offset, at.length, at.unpacked)
    }

    /// A tree as it was written.
    fn tree(&self, id: TreeId) -> Result<Rc<Vec<u8>>, String> {
        if let Some(tree) = self.trees.borrow_mut().get(id) {
            return Ok(tree);
        }
        let place = self.place(&id, TREE_BYTES_MAX)?;
        let mut tree = Vec::new();
        Opener::new(&self.vault.borrow()).blob(&place, &mut tree)?;
        let tree = Rc::new(tree);
        self.trees.borrow_mut().put(id, tree.clone());
        Ok(tree)
    }

    /// Reads and judges everything that is planned. `done` gets the number of files and the bytes that were judged.
    pub(super) fn read(&self, mut plan: ReadingList, done: &mut dyn FnMut(u64, u64)) {
        plan.drop_the_same();
        let (vault, kinds) = (self.vault.borrow(), self.kinds.borrow());
        let mut keep = |found: Vec<Found>| {
            let (files, bytes) = (found.len() as u64, found.iter().map(|one| one.bytes).sum());
            for one in found {
                self.keep(one.key, one.judgement);
            }
            self.ledger.borrow_mut().flush();
            done(files, bytes);
        };
        let how = Judging { kinds: &kinds.all, rules: self.rules };
        reading::singles(&vault, &plan.singles, how, &mut keep);
        drop(plan.singles);
        reading::spread(&vault, plan.spread.into_values().collect(), how, &mut keep);
        self.ledger.borrow_mut().pack();
    }

    /// Once both versions of a file were judged: notes that they have to be compared, and compares when there is enough
    /// to do for every core. Of an attack on everything nothing is noted: it is told by its verdicts alone.
    pub(super) fn compare(&self, noted: &mut Vec<Pair>, change: &Change<Content>) {
        let (former, before, path, now) = match change {
            Change::Changed { path, before, now } => (path, before, path, now),
            Change::Renamed { former, before, path, now } => (former, before, path, now),
            Change::Added { .. }
            | Change::Removed { .. }
            | Change::Same { .. }
            | Change::Unread { .. }
            | Change::Renewed { .. } => return,
        };
        if now.content != before.content {
            let [name, former] = [path, former].map(|path| judged_name(path.file_name().unwrap_or_default()));
            noted.extend(self.pair(&name, &VerdictBasis::of(now), &former, &VerdictBasis::of(before)));
        }
        if noted.len() >= PAIRS_AT_ONCE {
            self.compare_all(noted);
        }
    }

    pub(super) fn compare_all(&self, noted: &mut Vec<Pair>) {
        reading::pairs(&self.vault.borrow(), noted, &mut |found| {
            found.into_iter().for_each(|one| self.keep(one.key, one.judgement));
        });
        noted.clear();
        self.ledger.borrow_mut().flush();
    }

    /// What is needed for a comparison; `None` if it would say nothing new or was made already.
    fn pair(&self, name: &str, now: &VerdictBasis, name_before: &str, before: &VerdictBasis) -> Option<Pair> {
        let (key_now, key_before) = (now.key(name), before.key(name_before));
        let both = Key::of_both(&key_now, &key_before);
        let ledger = self.ledger.borrow();
        if ledger.knows(&both) || self.unread.borrow().contains_key(&both) {
            return None;
        }
        // Only what is not settled is worth reading what was kept of it.
        if ledger.verdict(&key_now).is_none_or(is_settled) || !ledger.verdict(&key_before)?.is_measure() {
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
        // A pack that is missing may hold thousands of files.
        let judgement = self.shared(judgement);
        self.unread.borrow_mut().insert(key, judgement);
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
    fn judge_now(&self, name: &str, held: &VerdictBasis, key: Key) -> Rc<Judgement> {
        let judgement = match self.places(held) {
            Err(why) => Judgement::unread(format!("could not be read: {why}")),
            Ok(places) => {
                let vault = self.vault.borrow();
                let mut opener = Opener::new(&vault);
                let how = Judging { kinds: &[], rules: self.rules };
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
        let bytes = self.tree(tree)?;
        trees::entries(&bytes).map_err(|why| format!("tree {}: {why}", short(&tree)))
    }

    fn judged(&self, name: &OsStr, version: &Version) -> Rc<Judgement> {
        let (name, held) = (judged_name(name), VerdictBasis::of(version));
        let key = held.key(&name);
        self.known(&key).unwrap_or_else(|| self.judge_now(&name, &held, key))
    }

    fn digest(&self, content: &Content) -> Digest {
        content.digest()
    }

    fn is_accepted(&self, content: &Content) -> bool {
        !self.accepted.is_empty() && self.accepted.contains(&content.digest())
    }

    fn is_accepted_at(&self, content: &Content, path: &Path) -> bool {
        !self.accepted.is_empty() && self.accepted.contains(&digest_at(&content.digest(), path))
    }

    /// What is kept of a verdict for the history holds no facts, so the ledger is asked.
    fn not_looked_at(&self, name: &OsStr, version: &Version) -> u64 {
        match self.judged(name, version).verdict {
            // Verified from end to end, or not read at all: neither is a disk of which only the frame was looked at.
            Verdict::Clean | Verdict::Unread => 0,
            Verdict::CleanUnverified
            | Verdict::DeclaredEncrypted
            | Verdict::Suspicious
            | Verdict::Encrypted
            | Verdict::Damaged
            | Verdict::Malware => {
                let key = VerdictBasis::of(version).key(&judged_name(name));
                let judgement = self.ledger.borrow().get(&key);
                judgement.map_or(0, |judgement| judgement.bytes_not_looked_at())
            }
        }
    }

    fn compared(&self, name: &OsStr, now: &Version, before: (&OsStr, &Version)) -> Rc<Judgement> {
        // Both have to be judged before they can be compared.
        let alone = self.judged(name, now);
        self.judged(before.0, before.1);
        let (name, name_before) = (judged_name(name), judged_name(before.0));
        let (now, before) = (VerdictBasis::of(now), VerdictBasis::of(before.1));
        if let Some(pair) = self.pair(&name, &now, &name_before, &before) {
            let vault = self.vault.borrow();
            let found = reading::compared(&mut Opener::new(&vault), &pair);
            self.keep(found.key, found.judgement);
        }
        let both = Key::of_both(&now.key(&name), &before.key(&name_before));
        self.known(&both).unwrap_or(alone)
    }
}

/// Most of what was attacked is told by its verdict alone.
fn is_settled(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Encrypted | Verdict::Malware | Verdict::Unread)
}

/// Names that end alike are judged alike, so the same content need not be read twice.
fn judged_name(name: &OsStr) -> String {
    let name = shown::path(name);
    let ending = name.trim_start_matches('.').split_once('.').map_or("", |(_, ending)| ending);
    if ending.is_empty() { "_".to_owned() } else { format!("_.{}", ending.to_lowercase()) }
}

impl Kinds {
    fn number(&mut self, kind: Kind) -> u32 {
        if let Some(number) = self.numbers.get(&kind) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).expect("there are fewer kinds of names than files");
        self.all.push(kind.clone());
        self.numbers.insert(kind, number);
        number
    }
}
