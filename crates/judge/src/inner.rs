//! What lies in an archive or a compressed file: the beginning of every part, judged by its name as a file would be.
//!
//! Checksums only say that a part is what was packed. Whoever packs random bytes under the name of a document gets
//! right checksums, so the parts have to be what they are called as well. The first 64 KiB of each are enough for that.

use crate::facts::Facts;
use crate::judgement::Verdict;
use crate::kinds::Kind;
use crate::name::{self, Promise};
use crate::shown;
use crate::statistics::{Statistics, WINDOW, count, is_nearly_even};
use crate::structure::Structure;
use crate::text::TextWatch;
use crate::votes;

/// So much of a part is looked at.
pub(super) const HEAD: usize = 64 * 1024;
/// Parts that look random and are of no known type are of interest if next to nothing else is in it.
const NEARLY_ALL_PERCENT: u64 = 95;

/// So little may be a key, or chance.
const NAMELESS_MIN: u64 = 8192;
/// The same in a document, into which nothing of the kind belongs.
const NAMELESS_IN_DOCUMENT_MIN: u64 = 2048;
/// Of one part.
const NAMELESS_PART_MIN: u64 = 1024;

/// The beginning of one part while it is unpacked.
pub(super) struct Part {
    name: String,
    head: Vec<u8>,
    length: u64,
}

/// What a part's beginning shows.
pub(super) enum Beginning {
    Nothing,
    /// Not what its name says, and random; why.
    Encrypted(String),
    /// Random and of no known type.
    Nameless,
}

impl Part {
    pub(super) fn new(name: &str) -> Part {
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        Part { name, head: Vec::new(), length: 0 }
    }

    /// What a compressed file holds is called as it is, without its last ending: `app.log` in `app.log.gz`.
    pub(super) fn of_packed(name: &str) -> Part {
        let promise = name::by_name(name);
        let packed =
            promise.appended.is_none() && promise.kind.is_some_and(|(kind, _)| kind.holds_one_file());
        Part::new(name.rsplit_once('.').filter(|_| packed).map_or("", |(stem, _)| stem))
    }

    /// The next bytes of it.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// More of it, which is not looked at.
    pub(super) fn passes(&mut self, bytes: u64) {
        self.length += bytes;
    }

    pub(super) fn shown(&self) -> Beginning {
        if self.is_as_usual() {
            return Beginning::Nothing;
        }
        let (mut statistics, mut text) = (Statistics::new(), TextWatch::new(self.head.len() as u64));
        for window in self.head.chunks(WINDOW) {
            let counts = count(window);
            statistics.window(window, &counts);
            text.window(window, &counts);
        }
        text.end(statistics.histogram());
        let promise = name::by_name(&self.name);
        let shown = shown::kind_of(&self.head, &text, &promise);
        let votes = votes::from_bytes(&promise, shown, &self.head, &statistics, &text);
        let judgement = votes::weigh(votes, Facts::default());
        let strict = promise.kind.is_some_and(|(_, strict)| strict);
        if strict && judgement.verdict == Verdict::Encrypted {
            return Beginning::Encrypted(judgement.reasons.join("; "));
        }
        let nameless = shown.is_none() && is_unknown(&promise);
        let random = statistics.even_windows == statistics.windows && self.length >= NAMELESS_PART_MIN;
        if nameless && random { Beginning::Nameless } else { Beginning::Nothing }
    }

    /// Random from end to end, and of no known type, whatever it is called.
    pub(super) fn is_random(&self) -> bool {
        if self.is_as_usual() || self.length < NAMELESS_PART_MIN {
            return false;
        }
        let promise = name::by_name(&self.name);
        let even = self
            .head
            .chunks(WINDOW)
            .filter(|window| window.len() >= 256)
            .all(|window| is_nearly_even(&count(window)));
        let known =
            shown::by_magic(&self.head).is_some() || promise.declares_without_mark || promise.formless;
        even && !known
    }

    /// Text, or a packed type by its first bytes: most parts are, and nothing is to be found in them.
    fn is_as_usual(&self) -> bool {
        let promised = name::by_name(&self.name).kind.map(|(kind, _)| kind);
        let text = || {
            let is_plain = |byte: &u8| (*byte >= 0x20) | matches!(byte, b'\n' | b'\r' | b'\t');
            // Counted to the end, because a loop that may stop early is slower by far.
            let odd = self.head.iter().filter(|byte| !is_plain(byte)).count();
            odd == 0 && std::str::from_utf8(&self.head).is_ok()
        };
        match shown::by_magic(&self.head) {
            Some(kind) => kind.is_packed() && promised.is_none_or(|promised| promised == kind),
            None => promised.is_none_or(Kind::is_text) && text(),
        }
    }

    /// For a file that holds this one part: what its checker found, and what the part shows.
    pub(super) fn weighed(&self, found: Structure) -> Structure {
        if !matches!(
            found,
            Structure::Whole(_) | Structure::Framed(_) | Structure::Sealed(_) | Structure::Partly(_)
        ) {
            return found;
        }
        match self.shown() {
            Beginning::Nothing => found,
            Beginning::Encrypted(why) => Structure::Random { at: 0, why: format!("what it holds {why}") },
            Beginning::Nameless => odd(),
        }
    }
}

fn is_unknown(promise: &Promise) -> bool {
    promise.kind.is_none() && !promise.declares_without_mark && !promise.formless
}

fn odd() -> Structure {
    Structure::Odd("what it holds looks random and is of no known type: packing it saved nothing".to_owned())
}

/// How much of an archive looks random under no known type, in packed bytes: what it unpacks to can be made as large as
/// anybody likes.
#[derive(Default)]
pub(super) struct Sum {
    all: u64,
    nameless: u64,
}

impl Sum {
    /// Adds a part; says why if it is not what its name promises.
    pub(super) fn add(&mut self, part: &Part, packed: u64) -> Option<String> {
        self.all += packed;
        match part.shown() {
            Beginning::Nothing => None,
            Beginning::Nameless => {
                self.nameless += packed;
                None
            }
            Beginning::Encrypted(why) => Some(why),
        }
    }

    /// `document`: nothing of the kind belongs into it, and half of it is more than an odd attachment.
    pub(super) fn complaint(&self, document: bool) -> Option<Structure> {
        if document && self.nameless >= NAMELESS_IN_DOCUMENT_MIN && self.nameless * 2 >= self.all {
            let why = format!(
                "{} of its {} packed bytes lie in members that look random and are of no known type",
                self.nameless, self.all
            );
            return Some(Structure::Random { at: 0, why });
        }
        (self.nameless >= NAMELESS_MIN && self.nameless * 100 >= self.all * NEARLY_ALL_PERCENT).then(odd)
    }
}
