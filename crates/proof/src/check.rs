//! Checking a bundle: with the public key alone, and sentence by sentence.
//!
//! What is proven and what is not are both said: a bundle that holds proves that nothing was changed since it was signed,
//! and no more. One thing that does not fit, and nothing of the bundle is called proven.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use journal::tree::{Levels, Tree, leaf_hash, root_by_path};
use journal::{Checkpoint, Hash, PublicKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::archive::{self, Found};
use crate::line::{self, Line};
use crate::seal::{self, Scope, Seal};
use crate::{
    CHECKPOINT, ENTRIES, ESTATES, OLDER, PAGE, PLANS, PROOFS, SEAL, proof_path, proof_text, texts, tiles,
};

/// No line is longer: the largest payload, every byte of it written as six.
const LINE_BYTES_MAX: u64 = 6 * journal::PAYLOAD_BYTES_MAX as u64 + 64 * 1024;
const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// More than this help nobody.
const BROKEN_MAX: usize = 50;

/// What a bundle proves.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Empty if anything is broken.
    pub proven: Vec<String>,
    pub not_proven: Vec<String>,
    /// What does not fit.
    pub broken: Vec<String>,
}

impl Report {
    /// Whether the bundle is as it was signed and every proof in it holds.
    pub fn holds(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.holds() {
            writeln!(f, "The bundle holds.")?;
        } else {
            writeln!(f, "THE BUNDLE DOES NOT HOLD.")?;
        }
        let parts =
            [("Does not fit", &self.broken), ("Proven", &self.proven), ("Not proven", &self.not_proven)];
        for (title, sentences) in parts.iter().filter(|(_, sentences)| !sentences.is_empty()) {
            writeln!(f, "\n{title}")?;
            for sentence in *sentences {
                writeln!(f, "- {sentence}")?;
            }
        }
        Ok(())
    }
}

/// The bundle could not be read at all.
#[derive(Debug, Error)]
#[error("could not read {path}")]
pub struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// Reads every byte of the bundle at `path`.
pub fn check(path: &Path, key: &PublicKey) -> Result<Report, Unreadable> {
    let unreadable = |source| Unreadable { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    check_in(&mut file, key).map_err(unreadable)
}

/// The same, wherever the bundle lies.
pub fn check_in(bundle: &mut (impl Read + Seek), key: &PublicKey) -> io::Result<Report> {
    let mut checking = Checking { key, broken: Vec::new(), found: BTreeMap::new() };
    let report = checking.whole(bundle)?;
    Ok(report.filter(|_| checking.broken.is_empty()).unwrap_or_else(|| {
        checking.broken.truncate(BROKEN_MAX);
        let nothing =
            "Nothing of this bundle is called proven: what was changed in one place may have been changed in another.";
        Report { proven: Vec::new(), not_proven: vec![nothing.to_owned()], broken: checking.broken }
    }))
}

struct Checking<'a> {
    key: &'a PublicKey,
    broken: Vec<String>,
    found: BTreeMap<String, Found>,
}

/// What the entries turned out to be.
#[derive(Default)]
struct Entries {
    count: u64,
    first_ms: i64,
    last_ms: i64,
    erased: u64,
    /// Numbers of those above the checkpoint.
    unsigned: Vec<u64>,
    /// Leaf hashes by number.
    hashes: Vec<(u64, Hash)>,
    /// The hash of each bundle of leaves.
    bundles: BTreeMap<String, Hash>,
    /// The hash of each estate and plan in them, by its path.
    texts: BTreeMap<String, Hash>,
}

impl Checking<'_> {
    fn broken(&mut self, what: impl Into<String>) {
        if self.broken.len() <= BROKEN_MAX {
            self.broken.push(what.into());
        }
    }

    fn whole(&mut self, file: &mut (impl Read + Seek)) -> io::Result<Option<Report>> {
        let found = match archive::list(file)? {
            Ok(found) => found,
            Err(what) => {
                self.broken(format!("The archive was changed or is not an evidence bundle: {what}."));
                return Ok(None);
            }
        };
        let Some(seal) = self.seal(file, &found)? else { return Ok(None) };
        self.found = found.into_iter().map(|found| (found.member.path.clone(), found)).collect();
        let Some(checkpoint) = self.checkpoint(file, &seal)? else { return Ok(None) };
        let older = self.older(file)?;
        let mut roots: BTreeMap<u64, (Hash, String)> = older;
        roots.insert(checkpoint.size, (checkpoint.root, CHECKPOINT.to_owned()));
        let entries = self.entries(file, &seal, &roots)?;
        match &seal.scope {
            Scope::Whole => self.tree(&seal, &entries),
            Scope::Tenant { .. } => self.proofs(file, &checkpoint, &entries)?,
        }
        let texts = self.texts(&entries);
        Ok(Some(report(&seal, &checkpoint, &entries, texts, roots.len() - 1, self.key)))
    }

    /// The seal, if it is signed and lists exactly what is there.
    fn seal(&mut self, file: &mut (impl Read + Seek), found: &[Found]) -> io::Result<Option<Seal>> {
        let Some((last, others)) = found.split_last().filter(|(last, _)| last.member.path == SEAL) else {
            self.broken(format!("There is no {SEAL} at the end: nobody has signed for this archive."));
            return Ok(None);
        };
        let text = text(file, last, seal::BYTES_MAX)?;
        let seal = match text.as_deref().map(|text| Seal::read(text, self.key)) {
            Some(Ok(seal)) => seal,
            Some(Err(why)) => {
                self.broken(format!("The seal does not hold with the key {}: {why}.", self.key.name()));
                return Ok(None);
            }
            None => {
                self.broken("The seal is not text.");
                return Ok(None);
            }
        };
        for (at, member) in seal.members.iter().enumerate() {
            match others.get(at).map(|found| &found.member) {
                Some(found) if found == member => {}
                Some(found) if found.path == member.path => {
                    self.broken(format!("{} was changed: it is not what was sealed.", member.path));
                }
                Some(found) => {
                    self.broken(format!("{} stands where {} was sealed.", found.path, member.path));
                }
                None => self.broken(format!("{} was sealed and is missing.", member.path)),
            }
        }
        for found in others.iter().skip(seal.members.len()) {
            self.broken(format!("{} was put in: it was not sealed.", found.member.path));
        }
        Ok(Some(seal))
    }

    fn member(&mut self, path: &str) -> Option<Found> {
        let found = self.found.get(path).cloned();
        if found.is_none() {
            self.broken(format!("{path} is missing."));
        }
        found
    }

    fn checkpoint(&mut self, file: &mut (impl Read + Seek), seal: &Seal) -> io::Result<Option<Checkpoint>> {
        let Some(found) = self.member(CHECKPOINT) else { return Ok(None) };
        let text = text(file, &found, TEXT_BYTES_MAX)?;
        match self.read_checkpoint(CHECKPOINT, text.as_deref()) {
            Some(checkpoint) if seal.fits(&checkpoint) => Ok(Some(checkpoint)),
            Some(_) => {
                self.broken("The checkpoint is not the one that the seal speaks of.");
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn read_checkpoint(&mut self, path: &str, text: Option<&str>) -> Option<Checkpoint> {
        let read =
            text.map(|text| Checkpoint::parse(text).and_then(|one| one.verify(self.key).map(|()| one)));
        match read {
            Some(Ok(checkpoint)) => return Some(checkpoint),
            Some(Err(error)) => self.broken(format!("{path}: {error}.")),
            None => self.broken(format!("{path} is not text.")),
        }
        None
    }

    /// The older checkpoints by size, with the path of each.
    fn older(&mut self, file: &mut (impl Read + Seek)) -> io::Result<BTreeMap<u64, (Hash, String)>> {
        let paths: Vec<Found> =
            self.found.values().filter(|found| found.member.path.starts_with(OLDER)).cloned().collect();
        let mut roots = BTreeMap::new();
        for found in paths {
            let text = text(file, &found, TEXT_BYTES_MAX)?;
            let path = &found.member.path;
            if let Some(one) = self.read_checkpoint(path, text.as_deref()) {
                roots.insert(one.size, (one.root, path.clone()));
            }
        }
        Ok(roots)
    }

    fn entries(
        &mut self,
        file: &mut (impl Read + Seek),
        seal: &Seal,
        roots: &BTreeMap<u64, (Hash, String)>,
    ) -> io::Result<Entries> {
        let mut entries = Entries::default();
        let Some(found) = self.member(ENTRIES) else { return Ok(entries) };
        let is_whole = seal.scope == Scope::Whole;
        let (mut tree, mut bundles) = (Tree::default(), tiles::Bundles::default());
        file.seek(SeekFrom::Start(found.at))?;
        let mut lines = BufReader::with_capacity(256 * 1024, file.take(found.member.size));
        let mut bytes = Vec::new();
        let mut number = 0_u64;
        if is_whole {
            self.root(&tree, roots);
        }
        loop {
            bytes.clear();
            if (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            number += 1;
            let text = bytes.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
            let line = match text.ok_or("it is not a line of text").and_then(line::read) {
                Ok(line) => line,
                Err(why) => {
                    self.broken(format!("Line {number} of {ENTRIES}: {why}."));
                    // What follows cannot be counted on any more; one place is enough.
                    break;
                }
            };
            let hash = leaf_hash(&line.leaf_bytes);
            self.place(&mut entries, &line, hash, seal, is_whole);
            if is_whole && line.leaf.sequence < seal.covered {
                tree.push(hash);
                self.root(&tree, roots);
                let mut carried = BTreeMap::new();
                if let Some(payload) = &line.payload {
                    texts::gather(&line.leaf.kind, payload, &mut carried);
                }
                for (path, text) in carried {
                    entries.texts.entry(path).or_insert_with(|| hash_of(text.as_bytes()));
                }
                match bundles.push(&line.leaf_bytes) {
                    Some(full) => entries.bundles.extend(full.map(|(path, bytes)| (path, hash_of(&bytes)))),
                    None => self.broken(format!("Entry {} is too long.", line.leaf.sequence)),
                }
            }
        }
        entries.bundles.extend(bundles.rest().map(|(path, bytes)| (path, hash_of(&bytes))));
        if entries.count != seal.entries || (is_whole && tree.size() != seal.covered) {
            self.broken(format!(
                "The seal speaks of {} entries, the first {} of them signed for; here are {}.",
                seal.entries, seal.covered, entries.count
            ));
        }
        Ok(entries)
    }

    /// Whether the entry belongs here, after the one before.
    fn place(&mut self, entries: &mut Entries, line: &Line, hash: Hash, seal: &Seal, is_whole: bool) {
        let sequence = line.leaf.sequence;
        let before = entries.hashes.last().map(|(before, _)| *before);
        let fits = match before {
            _ if is_whole => sequence == entries.count,
            Some(before) => sequence > before,
            None => true,
        };
        if !fits || sequence >= seal.journal_entries {
            self.broken(format!("Entry {sequence} does not belong where it stands."));
        }
        if entries.count == 0 {
            entries.first_ms = line.leaf.time_ms;
        }
        entries.count += 1;
        entries.last_ms = line.leaf.time_ms;
        entries.erased += u64::from(line.payload.is_none());
        if sequence >= seal.covered {
            entries.unsigned.push(sequence);
        }
        entries.hashes.push((sequence, hash));
    }

    /// Whether a checkpoint of this size agrees with the entries so far.
    fn root(&mut self, tree: &Tree, roots: &BTreeMap<u64, (Hash, String)>) {
        if let Some((root, path)) = roots.get(&tree.size())
            && *root != tree.root()
        {
            self.broken(format!(
                "The first {} entries are not those that {path} was signed over.",
                tree.size()
            ));
        }
    }

    /// Whether the tiles are those of the entries.
    fn tree(&mut self, seal: &Seal, entries: &Entries) {
        let covered = entries.hashes.iter().take_while(|(sequence, _)| *sequence < seal.covered);
        let levels = Levels::over(covered.map(|(_, hash)| *hash).collect());
        let tiles = tiles::hashes(&levels).map(|(path, bytes)| (path, hash_of(&bytes)));
        let expected: BTreeMap<String, Hash> = tiles.chain(entries.bundles.clone()).collect();
        for (path, hash) in &expected {
            if let Some(found) = self.member(path)
                && found.member.sha256 != *hash
            {
                self.broken(format!("{path} is not of the entries in {ENTRIES}."));
            }
        }
        let strange: Vec<String> = self
            .found
            .keys()
            .filter(|path| path.starts_with("log/tile/") && !expected.contains_key(*path))
            .cloned()
            .collect();
        for path in strange {
            self.broken(format!("{path} is not of the entries in {ENTRIES}."));
        }
    }

    /// Whether each entry's own proof leads to the checkpoint.
    fn proofs(
        &mut self,
        file: &mut (impl Read + Seek),
        checkpoint: &Checkpoint,
        entries: &Entries,
    ) -> io::Result<()> {
        let mut count = 0;
        for (sequence, hash) in entries.hashes.iter().filter(|(sequence, _)| *sequence < checkpoint.size) {
            count += 1;
            let path = proof_path(*sequence);
            let Some(found) = self.member(&path) else { continue };
            let text = text(file, &found, TEXT_BYTES_MAX)?;
            let holds = text.and_then(|text| {
                let beside = path_of(&text, *sequence, checkpoint)?;
                root_by_path(*hash, *sequence, checkpoint.size, &beside)
            });
            if holds != Some(checkpoint.root) {
                self.broken(format!(
                    "Entry {sequence} is not proven: {path} does not lead to the checkpoint."
                ));
            }
        }
        if self.found.keys().filter(|path| path.starts_with(PROOFS)).count() != count {
            self.broken(format!("{PROOFS} holds proofs of entries that are not here."));
        }
        Ok(())
    }

    /// Whether the estates and plans are those that stand in the entries. How many there are of each.
    fn texts(&mut self, entries: &Entries) -> (usize, usize) {
        for (path, hash) in &entries.texts {
            if let Some(found) = self.member(path)
                && found.member.sha256 != *hash
            {
                self.broken(format!("{path} is not the text that stands in an entry."));
            }
        }
        let is_text = |path: &&String| path.starts_with(ESTATES) || path.starts_with(PLANS);
        let strange = self.found.keys().filter(is_text).filter(|path| !entries.texts.contains_key(*path));
        for path in strange.cloned().collect::<Vec<_>>() {
            self.broken(format!("{path} does not stand in an entry."));
        }
        let count = |folder: &str| entries.texts.keys().filter(|path| path.starts_with(folder)).count();
        (count(ESTATES), count(PLANS))
    }
}

fn hash_of(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// The path in the text of a proof, if it is spelled as we spell it and carries this checkpoint.
fn path_of(text: &str, sequence: u64, checkpoint: &Checkpoint) -> Option<Vec<Hash>> {
    let (head, _) = text.split_once("\n\n")?;
    let hash = |line: &str| journal::base64::decode(line)?.try_into().ok();
    let beside: Vec<Hash> = head.lines().skip(2).map(hash).collect::<Option<_>>()?;
    (proof_text(sequence, &beside, checkpoint) == text).then_some(beside)
}

fn text(file: &mut (impl Read + Seek), found: &Found, max: u64) -> io::Result<Option<String>> {
    if found.member.size > max {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(found.at))?;
    let mut bytes = Vec::new();
    file.take(found.member.size).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).ok())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// `Entry 8 was`, `Entries 7 to 9 were`.
fn entries_that(all: &[u64], does: &str, they_do: &str) -> String {
    match all {
        [one] => format!("Entry {one} {does}"),
        all => format!("Entries {} {they_do}", numbers(all)),
    }
}

/// Numbers, as ranges where they follow each other.
fn numbers(all: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in all {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let said = ranges
        .iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") });
    said.collect::<Vec<_>>().join(", ")
}

fn report(
    seal: &Seal,
    checkpoint: &Checkpoint,
    entries: &Entries,
    (estates, plans): (usize, usize),
    older: usize,
    key: &PublicKey,
) -> Report {
    let signed = entries.count - entries.unsigned.len() as u64;
    let root = journal::base64::encode(&checkpoint.root);
    let name = key.name();
    let mut proven = vec![format!(
        "The archive is byte for byte what whoever holds the key {name} sealed: {} files.",
        seal.members.len()
    )];
    match &seal.scope {
        Scope::Whole => {
            proven.push(format!(
                "{} ({} to {}) of the journal {} are whole, in their order, and are those that the key signed for \
                 (checkpoint over {}, root {root}).",
                counted(signed, "entry", "entries"),
                0,
                signed.saturating_sub(1),
                seal.origin,
                checkpoint.size
            ));
            if older > 0 {
                proven.push(format!(
                    "{} the same entries: the journal was only added to between them.",
                    counted(older as u64, "older signed checkpoint agrees with", "older signed checkpoints agree with")
                ));
            }
            if estates + plans > 0 {
                proven.push(format!(
                    "{} and {} are the texts that stand in these entries.",
                    counted(estates as u64, "estate", "estates"),
                    counted(plans as u64, "plan", "plans")
                ));
            }
        }
        Scope::Tenant { id, .. } if signed == 0 => proven.push(format!(
            "No entry about {id} that anybody had signed for is in here (checkpoint over {}, root {root}).",
            checkpoint.size
        )),
        Scope::Tenant { id, .. } => proven.push(format!(
            "{} about {id}, and stood at that place in the journal {} when it was signed (checkpoint over {}, root {root}).",
            entries_that(&signed_numbers(entries, checkpoint.size), "is", "are"),
            seal.origin,
            checkpoint.size
        )),
    }
    Report { proven, not_proven: not_proven(seal, checkpoint, entries, key), broken: Vec::new() }
}

fn signed_numbers(entries: &Entries, covered: u64) -> Vec<u64> {
    entries.hashes.iter().map(|(sequence, _)| *sequence).filter(|sequence| *sequence < covered).collect()
}

fn not_proven(seal: &Seal, checkpoint: &Checkpoint, entries: &Entries, key: &PublicKey) -> Vec<String> {
    let mut not = Vec::new();
    if !entries.unsigned.is_empty() {
        not.push(format!(
            "{} recorded after the newest checkpoint: until this bundle was sealed nobody had signed for that.",
            entries_that(&entries.unsigned, "was", "were")
        ));
    }
    for damage in &seal.damage {
        not.push(format!("The journal was not whole when this was packed: {damage}."));
    }
    match &seal.scope {
        Scope::Whole if seal.entries < seal.journal_entries => not.push(format!(
            "{} of the journal are not in here.",
            counted(seal.journal_entries - seal.entries, "entry", "entries")
        )),
        Scope::Whole => {}
        Scope::Tenant { id, withheld } => {
            if !withheld.is_empty() {
                not.push(format!(
                    "{} {id} together with others, or others by name, and therefore left out.",
                    entries_that(withheld, "concerns", "concern")
                ));
            }
            not.push(format!(
                "That these are all entries about {id}: the choice among {} was made by whoever packed the bundle.",
                counted(seal.journal_entries, "entry", "entries")
            ));
        }
    }
    if entries.erased > 0 {
        not.push(format!(
            "What stood in {}: erased by a recorded decision; that something stood there is proven.",
            counted(entries.erased, "entry", "entries")
        ));
    }
    if entries.count > 0 {
        not.push(format!(
            "The times ({} to {}): they are what the recording machines' clocks said.",
            line::utc(entries.first_ms),
            line::utc(entries.last_ms)
        ));
    }
    not.push(format!(
        "That {PAGE} says what the entries say: it is for reading, and only sealed. What is proven stands in {ENTRIES}."
    ));
    not.push(format!(
        "That nobody was shown another history: no witness has signed the checkpoint over {}. Compare it with one that was \
         kept elsewhere (a receipt, a public page).",
        checkpoint.size
    ));
    not.push(format!(
        "That {} is the key of whom you think: take the key from them, not from the archive.",
        key.name()
    ));
    not.push("That what was recorded is true, complete, and by the persons named: a journal shows what was written down, \
              and when in its order."
        .to_owned());
    not
}
