//! What does the name of a file promise?
//!
//! Encryption usually leaves the name, also when it appends an ending of its own (`letter.docx.locked` still promises
//! a .docx).

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::endings::{DECLARED, DECLARED_MARKED, ENDINGS, FORMLESS};
use crate::kinds::Kind;

/// What a name promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    /// The type, if the ending is known, and whether other types are unusual under it.
    pub(super) kind: Option<(Kind, bool)>,
    /// The ending that promises it, for people.
    pub(super) ending: String,
    /// An unknown ending that hangs behind the known one.
    pub(super) appended: Option<String>,
    /// The name says that the content is encrypted on purpose.
    pub(super) declares_encryption: bool,
    /// It says so of a format that nothing at its beginning shows.
    pub(super) declares_without_mark: bool,
    /// One of several files that are one archive when they are joined.
    pub(super) piece: bool,
    /// The name says compressed, in a format that cannot be recognised: even bytes are normal.
    pub(super) formless: bool,
}

/// Every file and every member of an archive is looked up, so the table is made once.
static BY_ENDING: LazyLock<HashMap<&str, (Kind, bool)>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for (kind, strict, endings) in ENDINGS {
        for ending in endings.split_ascii_whitespace() {
            // The first line of the table that names an ending counts.
            all.entry(ending).or_insert((*kind, *strict));
        }
    }
    all
});

fn is_office_lock(lower: &str) -> bool {
    lower.starts_with(".~lock.") && lower.ends_with('#')
}

pub(super) fn by_name(name: &str) -> Promise {
    let lower = name.to_lowercase();
    if is_office_lock(&lower) {
        // `.~lock.letter.docx#` is no .docx: LibreOffice writes into it who has the document open.
        return Promise::of(None, "");
    }
    // A leading dot begins a hidden name, not an ending.
    let mut parts: Vec<&str> = lower.trim_start_matches('.').split('.').collect();
    let stem_only = parts.len() < 2;
    parts.reverse();
    let last = if stem_only { "" } else { parts[0] };
    let found = |ending: &str| BY_ENDING.get(ending).copied();
    if let Some(kind) = found(last) {
        return Promise::of(Some(kind), last);
    }
    if !stem_only && is_numbered_volume(last) {
        return Promise { piece: true, ..Promise::of(Some((PIECE, false)), last) };
    }
    let promise = Promise::of(None, last);
    // `letter.docx.locked`, `letter.docx.id-1.[mail@example].ext`: the first known ending from behind.
    let inner = (1..parts.len().saturating_sub(1)).find_map(|at| found(parts[at]).map(|kind| (at, kind)));
    match inner {
        Some((at, kind)) if !promise.declares_encryption && !promise.formless => {
            let appended: Vec<&str> = parts[..at].iter().rev().copied().collect();
            let appended = appended.join(".");
            // `letter.docx.001` is no piece of anything.
            let whole = kind.0.is_archive() && (kind.0 != Kind::Zip || parts[at] == "zip");
            let piece = whole && is_piece(&appended);
            Promise { appended: Some(appended), piece, ..Promise::of(Some(kind), parts[at]) }
        }
        _ => promise,
    }
}

impl Promise {
    fn of(kind: Option<(Kind, bool)>, ending: &str) -> Promise {
        let declares_without_mark = DECLARED.contains(&ending);
        Promise {
            kind,
            ending: ending.to_owned(),
            appended: None,
            declares_encryption: declares_without_mark || DECLARED_MARKED.contains(&ending),
            declares_without_mark,
            piece: false,
            formless: FORMLESS.contains(&ending),
        }
    }
}

const PIECE: Kind = Kind::Packed("piece of an archive");

/// `letters.z01` (PKWARE, APPNOTE 8.3.5), `letters.r00` (WinRAR).
fn is_numbered_volume(ending: &str) -> bool {
    matches!(ending.as_bytes(), [b'z' | b'r', one, two] if one.is_ascii_digit() && two.is_ascii_digit())
}

/// `.001` (7-Zip), `.aa`, `.aaab` (split), `.part3`, `.part-aaab`.
fn is_piece(appended: &str) -> bool {
    let (named, rest) = match appended.strip_prefix("part") {
        Some(rest) => (true, rest.trim_start_matches(['-', '_'])),
        None => (false, appended),
    };
    let digits = rest.bytes().all(|byte| byte.is_ascii_digit());
    let letters = rest.bytes().all(|byte| byte.is_ascii_lowercase());
    match rest.len() {
        1 => named && digits,
        // Without a word before them only the first letters that `split` uses: others are somebody's own ending.
        2 => digits || (letters && (named || rest.as_bytes()[0] <= b'f')),
        3..=5 => digits || (letters && (named || rest.starts_with("aa"))),
        _ => false,
    }
}

/// How people and programs rename: words for older copies, for sums and for packed files.
const KEPT: &[&str] = &[
    "bak", "old", "orig", "tmp", "part", "swp", "new", "save", "lock", "gz", "xz", "zst", "bz2", "z", "sig",
    "sha256", "md5",
];

/// The appended ending, if it is one that nobody uses for anything known. Numbers and the usual words
/// for older copies are how people and programs rename; endings that declare encryption are no secret.
pub fn unknown_ending(name: &str) -> Option<String> {
    let promise = by_name(name);
    promise.appended.filter(|ending| !promise.piece && !is_usual(ending))
}

fn is_usual(ending: &str) -> bool {
    KEPT.contains(&ending) || ending.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// The name a file had before an ending was appended to it that hides or encrypts it, if there was such a file.
pub fn name_before(name: &str) -> Option<&str> {
    let declared = || {
        let (kept, last) = name.rsplit_once('.')?;
        (Promise::of(None, &last.to_lowercase()).declares_encryption && by_name(kept).kind.is_some())
            .then_some(kept)
    };
    let unknown = || name.get(..name.len().checked_sub(unknown_ending(name)?.len() + 1)?);
    declared().or_else(unknown).or_else(|| without_last(name))
}

/// The same for files whose own ending nobody knows either.
fn without_last(name: &str) -> Option<&str> {
    let (kept, last) = name.rsplit_once('.').filter(|(kept, last)| !kept.is_empty() && !last.is_empty())?;
    let promise = by_name(name);
    let known = promise.kind.is_some() || promise.declares_encryption || promise.formless;
    (!known && !is_usual(&last.to_lowercase())).then_some(kept)
}
