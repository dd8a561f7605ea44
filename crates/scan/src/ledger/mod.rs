//! What was judged before need not be read again: verdicts by content, kept between scans.
//!
//! A cache and nothing more: it may be deleted at any time, and a scan without it answers the same, only later.
//! One file for each repository, version of the judge and set of rules. Records are only appended, each with
//! its own seal, keyed by the repository's master key: a record that was damaged, cut off, made for another
//! repository or written by somebody who cannot open this one does not count. The first such record ends the
//! reading, and the file is cut there. A pack that was half judged when the scan was stopped costs at most
//! the stretch that was under way.
//!
//! First sight of a snapshot is not kept here but in the journal: this file proves nothing to anybody else.
//!
//! | part | bytes |
//! |---|---|
//! | head | `BLACKSTART LEDGER 1\n`, 32 bytes identity (repository, version of the judge, rules), 8 bytes seal |
//! | record | 2 length of the body, body, 8 seal over both |
//! | body | 20 key (content, kind of name, what lay beside), 1 verdict, 2 length of the facts, facts, reasons each with 2 bytes of length before it |

mod memory;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use memory::Records;

use judge::{Facts, Judgement, State, Verdict};

const MAGIC: &[u8] = b"BLACKSTART LEDGER 1\n";
const IDENTITY_BYTES: usize = 32;
const SEAL_BYTES: usize = 8;
const HEAD_BYTES: usize = MAGIC.len() + IDENTITY_BYTES + SEAL_BYTES;
const KEY_BYTES: usize = 20;
/// Key and verdict.
const HEAD_OF_BODY_BYTES: usize = KEY_BYTES + 1;
/// Numbers that the facts begin with.
const FACT_NUMBERS: usize = 7;
/// Reasons are for people; a parser that talks without end is cut off here.
const BODY_BYTES_MAX: usize = 4096;

/// Names of types are ours and short.
const KIND_BYTES_MAX: usize = 200;
const STATES: [State; 6] =
    [State::Whole, State::Partly, State::Unchecked, State::Broken, State::Declared, State::Sealed];

/// Names what was judged: content, kind of name, and what lay beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// From everything the verdict depends on; the parts are told apart by their lengths.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&hash.finalize()[..KEY_BYTES]);
        Key(key)
    }

    fn start(&self) -> usize {
        usize::from(u16::from_be_bytes([self.0[0], self.0[1]]))
    }

    /// Of the comparison of two versions.
    pub fn of_both(now: &Key, before: &Key) -> Key {
        Key::of([&b"compared"[..], &now.0, &before.0])
    }
}

/// For whom the verdicts count.
pub struct Identity {
    /// Name of the file in the folder.
    name: String,
    hash: [u8; IDENTITY_BYTES],
    seal: Hmac<Sha256>,
}

impl Identity {
    /// `secret`: known only to those who can open the repository.
    pub fn new(repository: &str, judge: &str, rules: &str, secret: &[u8]) -> Identity {
        let mut hash = Sha256::new();
        for part in [repository, judge, rules] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash: [u8; IDENTITY_BYTES] = hash.finalize().into();
        let start: String = repository.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        let version = estate::hex(&hash[..4]);
        let seal = Hmac::new_from_slice(&Sha256::digest(secret)).expect("a key of any length is taken");
        Identity { name: format!("{start}-{version}.ledger"), hash, seal }
    }

    fn seal(&self, parts: &[&[u8]]) -> [u8; SEAL_BYTES] {
        let mut seal = self.seal.clone();
        for part in parts {
            seal.update(part);
        }
        let mut short = [0; SEAL_BYTES];
        short.copy_from_slice(&seal.finalize().into_bytes()[..SEAL_BYTES]);
        short
    }

    fn head(&self) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend(self.hash);
        let seal = self.seal(&[&head]);
        head.extend(seal);
        head
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path}")]
pub struct LedgerFault {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Where the body of a record lies: 5 bytes, because there are millions of them.
#[derive(Clone, Copy)]
struct At {
    verdict: Verdict,
    low: u32,
    high: u8,
}

impl At {
    fn new(verdict: Verdict, at: u64) -> At {
        let low = u32::try_from(at & u64::from(u32::MAX)).expect("masked");
        let high = u8::try_from(at >> 32).expect("a ledger stays below a terabyte");
        At { verdict, low, high }
    }

    fn place(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

/// By key: takes half the room of a map, and there may be a million.
#[derive(Default)]
struct Sorted {
    all: Vec<(Key, At)>,
    /// Where the keys of each first two bytes begin, and where the last of them end.
    starts: Vec<u32>,
}

impl Sorted {
    /// Of several records with the same key the last one counts.
    fn new(mut all: Vec<(Key, At)>) -> Sorted {
        all.sort_by_key(|(key, _)| *key);
        all.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                *earlier = *later;
            }
            same
        });
        let mut starts = Vec::with_capacity((1 << 16) + 1);
        for (at, (key, _)) in (0..).zip(&all) {
            starts.resize(key.start() + 1, at);
        }
        let end = u32::try_from(all.len()).expect("memory ends before four thousand million records");
        starts.resize((1 << 16) + 1, end);
        Sorted { all, starts }
    }

    fn get(&self, key: &Key) -> Option<At> {
        let from = *self.starts.get(key.start())?;
        let to = *self.starts.get(key.start() + 1)?;
        let near = self.all.get(from as usize..to as usize)?;
        near.binary_search_by_key(key, |(key, _)| *key).ok().map(|at| near[at].1)
    }
}

/// Where the bodies are.
enum Keep {
    /// Nothing is kept beyond this scan.
    Memory(Records),
    File {
        file: File,
        path: PathBuf,
        /// Bytes on disk; what follows is in `unwritten`.
        written: u64,
        unwritten: Vec<u8>,
        identity: Identity,
        trouble: Option<String>,
    },
}

pub struct Ledger {
    sorted: Sorted,
    /// What came since it was sorted.
    recent: HashMap<Key, At>,
    keep: Keep,
    /// How many records were there when it was opened.
    found: usize,
}

impl Ledger {
    /// For a scan that keeps nothing.
    pub fn in_memory() -> Ledger {
        Ledger {
            sorted: Sorted::default(),
            recent: HashMap::new(),
            keep: Keep::Memory(Records::default()),
            found: 0,
        }
    }

    /// Opens or makes the file in `folder`. The note says what could not be used, if anything.
    pub fn open(folder: &Path, identity: Identity) -> Result<(Ledger, Option<String>), LedgerFault> {
        let fault = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| LedgerFault { doing, path, source }
        };
        fs::create_dir_all(folder).map_err(fault("make the folder", folder))?;
        let path = folder.join(&identity.name);
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(fault("open", &path))?;
        // Two scans at once: the second one would tear the records of the first.
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            let note = format!(
                "another scan uses the ledger {}; this one goes on without it and keeps nothing",
                path.display()
            );
            return Ok((Ledger::in_memory(), Some(note)));
        }
        let length = file.metadata().map_err(fault("look at", &path))?.len();
        let (known, good, mut note) = if length == 0 {
            (Vec::new(), 0, None)
        } else {
            read(&file, length, &identity, &path).map_err(fault("read", &path))?
        };
        let mut written = good;
        if good == 0 {
            file.set_len(0).map_err(fault("empty", &path))?;
            file.write_all_at(&identity.head(), 0).map_err(fault("write to", &path))?;
            written = HEAD_BYTES as u64;
        } else if good < length {
            file.set_len(good).map_err(fault("cut", &path))?;
            note.get_or_insert_with(|| {
                format!(
                    "the ledger {} ends in {} bytes that do not count (a scan was stopped, or it was damaged); they were cut off",
                    path.display(),
                    length - good
                )
            });
        }
        let sorted = Sorted::new(known);
        let found = sorted.all.len();
        let keep = Keep::File { file, path, written, unwritten: Vec::new(), identity, trouble: None };
        Ok((Ledger { sorted, recent: HashMap::new(), keep, found }, note))
    }

    /// How many verdicts were there when it was opened.
    pub fn found(&self) -> usize {
        self.found
    }

    pub fn knows(&self, key: &Key) -> bool {
        self.at(key).is_some()
    }

    pub fn verdict(&self, key: &Key) -> Option<Verdict> {
        self.at(key).map(|at| at.verdict)
    }

    fn at(&self, key: &Key) -> Option<At> {
        self.recent.get(key).copied().or_else(|| self.sorted.get(key))
    }

    /// Once most of what there is has been judged: makes what is kept in memory small.
    pub fn pack(&mut self) {
        let mut all = std::mem::take(&mut self.sorted).all;
        all.reserve_exact(self.recent.len());
        all.extend(std::mem::take(&mut self.recent));
        self.sorted = Sorted::new(all);
    }

    /// The whole judgement. `None` also if the file can no longer be read: then it is judged once more.
    pub fn get(&self, key: &Key) -> Option<Judgement> {
        let body = self.body(key, self.at(key)?)?;
        parse(&body).filter(|(found, _)| found == key).map(|(_, judgement)| judgement)
    }

    fn body(&self, key: &Key, at: At) -> Option<Vec<u8>> {
        let (verdict, at) = (at.verdict, at.place());
        match &self.keep {
            Keep::Memory(records) => records.body(key, verdict, at),
            Keep::File { written, unwritten, .. } if at >= *written => {
                let mut rest = unwritten.get(usize::try_from(at - *written).ok()?..)?;
                Some(piece(&mut rest)?.to_vec())
            }
            Keep::File { file, .. } => {
                let mut length = [0; 2];
                file.read_exact_at(&mut length, at).ok()?;
                let mut body = vec![0; usize::from(u16::from_le_bytes(length))];
                file.read_exact_at(&mut body, at + 2).ok()?;
                Some(body)
            }
        }
    }

    /// Keeps a verdict. What could not be read must not come here: it may be readable the next time.
    pub fn put(&mut self, key: Key, judgement: &Judgement) {
        debug_assert!(judgement.verdict != Verdict::Unread, "unread is no verdict to be kept");
        let body = body(&key, judgement);
        let length = u16::try_from(body.len()).expect("bodies are limited").to_le_bytes();
        let place = match &mut self.keep {
            Keep::Memory(records) => records.put(&body),
            Keep::File { written, unwritten, identity, .. } => {
                let place = *written + unwritten.len() as u64;
                let seal = identity.seal(&[&length, &body]);
                unwritten.extend(length);
                unwritten.extend(body);
                unwritten.extend(seal);
                place
            }
        };
        self.recent.insert(key, At::new(judgement.verdict, place));
    }

    /// Hands everything to the operating system. Not to the disk: what a power cut takes is judged again. A disk that
    /// is full costs the cache and not the scan: the rest stays in memory.
    pub fn flush(&mut self) {
        if let Keep::File { file, path, written, unwritten, trouble, .. } = &mut self.keep
            && trouble.is_none()
        {
            match file.write_all_at(unwritten, *written) {
                Ok(()) => {
                    *written += unwritten.len() as u64;
                    unwritten.clear();
                }
                Err(error) => {
                    *trouble = Some(format!(
                        "the ledger {} can no longer be written ({error}): what was judged since is kept for this scan only",
                        path.display()
                    ));
                }
            }
        }
    }

    /// Why not everything will be there the next time.
    pub fn trouble(&self) -> Option<&str> {
        match &self.keep {
            Keep::Memory(_) => None,
            Keep::File { trouble, .. } => trouble.as_deref(),
        }
    }
}

/// What was read: the records that count, where they end (0: nothing counts), and what to say.
type Found = (Vec<(Key, At)>, u64, Option<String>);

fn read(file: &File, length: u64, identity: &Identity, path: &Path) -> io::Result<Found> {
    let mut known = Vec::new();
    let mut input = BufReader::with_capacity(1 << 20, file);
    let mut head = vec![0; HEAD_BYTES];
    let whole = length >= HEAD_BYTES as u64;
    if !whole || input.read_exact(&mut head).is_err() || head != identity.head() {
        let note = format!(
            "the ledger {} is damaged, or was made for another repository, version or set of rules; it was discarded and everything is judged anew",
            path.display()
        );
        return Ok((known, 0, Some(note)));
    }
    let mut good = HEAD_BYTES as u64;
    loop {
        let mut size = [0; 2];
        if !fill(&mut input, &mut size)? {
            return Ok((known, good, None));
        }
        let mut rest = vec![0; usize::from(u16::from_le_bytes(size)) + SEAL_BYTES];
        if !fill(&mut input, &mut rest)? {
            return Ok((known, good, None));
        }
        let (body, seal) = rest.split_at(rest.len() - SEAL_BYTES);
        if identity.seal(&[&size, body]) != *seal {
            return Ok((known, good, None));
        }
        let Some((key, verdict)) = key_and_verdict(body) else {
            return Ok((known, good, None));
        };
        known.push((key, At::new(verdict, good)));
        good += (2 + rest.len()) as u64;
    }
}

/// `false`: there are no more bytes, or too few.
fn fill(input: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// What every body begins with.
fn head(key: &Key, verdict: Verdict) -> Vec<u8> {
    let mut head = key.0.to_vec();
    let place = Verdict::ALL.iter().position(|one| *one == verdict);
    head.push(place.and_then(|at| u8::try_from(at).ok()).expect("every verdict has its place"));
    head
}

fn body(key: &Key, judgement: &Judgement) -> Vec<u8> {
    let mut body = head(key, judgement.verdict);
    let facts = facts(judgement);
    body.extend(u16::try_from(facts.len()).expect("facts are short").to_le_bytes());
    body.extend(facts);
    // Nobody reads why a file is clean; it is the reasons of the others that are asked for.
    let reasons = if judgement.verdict.is_clean() { &[][..] } else { &judgement.reasons[..] };
    for reason in reasons {
        let left = BODY_BYTES_MAX.saturating_sub(body.len() + 2);
        let mut end = reason.len().min(left);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        if end == 0 {
            break;
        }
        body.extend(u16::try_from(end).expect("limited").to_le_bytes());
        body.extend(&reason.as_bytes()[..end]);
    }
    body
}

fn key_and_verdict(body: &[u8]) -> Option<(Key, Verdict)> {
    let key: [u8; KEY_BYTES] = body.get(..KEY_BYTES)?.try_into().ok()?;
    let verdict = *Verdict::ALL.get(usize::from(*body.get(KEY_BYTES)?))?;
    Some((Key(key), verdict))
}

fn parse(body: &[u8]) -> Option<(Key, Judgement)> {
    let (key, verdict) = key_and_verdict(body)?;
    let mut rest = &body[HEAD_OF_BODY_BYTES..];
    let facts = piece(&mut rest)?;
    let mut reasons = Vec::new();
    while !rest.is_empty() {
        reasons.push(String::from_utf8(piece(&mut rest)?.to_vec()).ok()?);
    }
    Some((key, judgement(verdict, reasons, facts)?))
}

/// The next piece with its length before it.
fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_at_checked(2)?;
    let (piece, after) = after.split_at_checked(usize::from(u16::from_le_bytes([length[0], length[1]])))?;
    *rest = after;
    Some(piece)
}

/// Facts in few bytes: numbers in groups of seven bits, lowest first.
fn facts(judgement: &Judgement) -> Vec<u8> {
    let facts = &judgement.facts;
    let mut bytes = Vec::with_capacity(48);
    let state = STATES.iter().position(|state| *state == facts.state).expect("every state has its place");
    let entropy = u64::from(facts.entropy);
    let numbers: [u64; FACT_NUMBERS] =
        [state as u64, facts.length, facts.windows, facts.even, facts.run, entropy, facts.zeros];
    for mut number in numbers {
        while number >= 0x80 {
            bytes.push(u8::try_from(number & 0x7f).expect("masked") | 0x80);
            number >>= 7;
        }
        bytes.push(u8::try_from(number).expect("below 128"));
    }
    bytes.extend(facts.kind.bytes().take(KIND_BYTES_MAX));
    bytes
}

fn judgement(verdict: Verdict, reasons: Vec<String>, mut facts: &[u8]) -> Option<Judgement> {
    let mut number = || {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, after) = facts.split_first()?;
            facts = after;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    };
    let state = *STATES.get(usize::try_from(number()?).ok()?)?;
    let (length, windows, even, run) = (number()?, number()?, number()?, number()?);
    let (entropy, zeros) = (u16::try_from(number()?).ok()?, number()?);
    let kind = String::from_utf8(facts.to_vec()).ok()?;
    Some(Judgement {
        verdict,
        reasons,
        facts: Facts { kind, state, length, windows, even, run, entropy, zeros },
    })
}
