//! A provider's folder through the days, kept in memory, and judged by the product's own code.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::rc::Rc;

use judge::{Beside, Facts, Judgement, Verdict, compare, judge};
use scan::history::{Archive, Node, Version};

use super::files::Base;

/// Number of a content: first those of the base, then what was made in this history.
pub(super) type Content = usize;
type Tree = usize;
type Entries = Vec<(OsString, Node<Tree, Content>)>;

/// A file as it stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) content: Content,
    pub(super) modified: i128,
    /// An attacker has changed these bytes.
    pub(super) is_hit: bool,
}

/// All contents, and what was said of them.
pub(super) struct Provider<'a> {
    base: &'a [Base],
    /// Verdicts on the base, which all histories share.
    shared: &'a RefCell<HashMap<(Content, String), Rc<Judgement>>>,
    made: Vec<Vec<u8>>,
    own: RefCell<HashMap<(Content, String), Rc<Judgement>>>,
    both: RefCell<HashMap<(Content, Content, String), Rc<Judgement>>>,
    trees: Vec<Entries>,
    numbers: HashMap<Vec<(String, usize, i128)>, Tree>,
}

pub(super) type Shared = RefCell<HashMap<(Content, String), Rc<Judgement>>>;

/// Folder and name to what is there.
pub(super) type Files = BTreeMap<(String, String), Held>;

impl<'a> Provider<'a> {
    pub(super) fn new(base: &'a [Base], shared: &'a Shared) -> Provider<'a> {
        Provider {
            base,
            shared,
            made: Vec::new(),
            own: RefCell::default(),
            both: RefCell::default(),
            trees: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    pub(super) fn bytes(&self, content: Content) -> &[u8] {
        match content.checked_sub(self.base.len()) {
            None => &self.base[content].bytes,
            Some(made) => &self.made[made],
        }
    }

    pub(super) fn make(&mut self, bytes: Vec<u8>) -> Content {
        self.made.push(bytes);
        self.base.len() + self.made.len() - 1
    }

    /// The tree of a snapshot. The same folder gives the same number, as its hash would.
    pub(super) fn snapshot(&mut self, files: &Files) -> Tree {
        let mut folders: BTreeMap<&str, Vec<(&str, &Held)>> = BTreeMap::new();
        for ((folder, name), held) in files {
            folders.entry(folder).or_default().push((name, held));
        }
        let mut root = Vec::new();
        for (folder, files) in folders {
            let key: Vec<(String, usize, i128)> =
                files.iter().map(|(name, held)| ((*name).to_owned(), held.content, held.modified)).collect();
            let entries = || {
                let version = |held: &Held| Version {
                    content: held.content,
                    bytes: self.bytes(held.content).len() as u64,
                    modified_ns: i64::try_from(held.modified).ok(),
                    beside: Beside::Nothing,
                };
                files
                    .iter()
                    .map(|(name, held)| ((*name).into(), Node::File(version(held))))
                    .collect::<Entries>()
            };
            let tree = match self.numbers.get(&key) {
                Some(tree) => *tree,
                None => {
                    let entries = entries();
                    self.trees.push(entries);
                    self.numbers.insert(key, self.trees.len() - 1);
                    self.trees.len() - 1
                }
            };
            root.push((folder.into(), Node::Folder(tree)));
        }
        // Roots are compared by number too; two that are equal are rare enough to be read twice.
        self.trees.push(root);
        self.trees.len() - 1
    }

    fn ending(name: &OsStr) -> String {
        let name = name.to_string_lossy().to_lowercase();
        name.split_once('.').map_or_else(String::new, |(_, ending)| ending.to_owned())
    }

    fn memory(&self, content: Content) -> &RefCell<HashMap<(Content, String), Rc<Judgement>>> {
        if content < self.base.len() { self.shared } else { &self.own }
    }
}

impl Archive for Provider<'_> {
    type Tree = Tree;
    type Content = Content;

    fn folder(&self, tree: Tree) -> Result<Entries, String> {
        self.trees.get(tree).cloned().ok_or_else(|| "no such tree".to_owned())
    }

    fn digest(&self, _: &Content) -> [u8; 32] {
        // Nobody accepts anything here.
        [0; 32]
    }

    fn judged(&self, name: &OsStr, version: &Version<Content>) -> Rc<Judgement> {
        let key = (version.content, Provider::ending(name));
        if let Some(known) = self.memory(version.content).borrow().get(&key) {
            return known.clone();
        }
        let name = format!("_.{}", key.1);
        let judgement = Rc::new(judge(&name, &mut self.bytes(version.content), Beside::Nothing));
        self.memory(version.content).borrow_mut().insert(key, judgement.clone());
        judgement
    }

    /// As the product's repositories do: what is settled alone is not compared, nor beside what was not clean.
    fn compared(
        &self,
        name: &OsStr,
        now: &Version<Content>,
        before: (&OsStr, &Version<Content>),
    ) -> Rc<Judgement> {
        let (alone, previous) = (self.judged(name, now), self.judged(before.0, before.1));
        let settled = matches!(alone.verdict, Verdict::Encrypted | Verdict::Malware | Verdict::Unread);
        if settled || !previous.verdict.is_measure() {
            return alone;
        }
        let key = (now.content, before.1.content, Provider::ending(name));
        if let Some(known) = self.both.borrow().get(&key) {
            return known.clone();
        }
        let facts: &Facts = &previous.facts;
        let name = format!("_.{}", key.2);
        let judgement =
            compare(&name, &mut self.bytes(now.content), &alone, &mut self.bytes(before.1.content), facts);
        let judgement = Rc::new(judgement);
        self.both.borrow_mut().insert(key, judgement.clone());
        judgement
    }
}
