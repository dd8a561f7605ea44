//! Is this one file clean? Bytes in, a verdict with its reasons out.
//!
//! It reads every byte once: statistics in windows and text as text. Then the type by first bytes and by name,
//! encryption that says what it is, and the structure of the types that have a checker here. What has none is at best
//! `clean-unverified`. A second version of the same file says more than any checker.
//!
//! Evidence becomes votes, each with its reason, and the votes together a verdict. There is no score: whoever doubts a
//! verdict reads the reasons.
//!
//! ```
//! use judge::{Verdict, compare, judge_bytes};
//!
//! let letter = b"To all insured: your letters of last week have arrived, every single one.\n".repeat(90);
//! let yesterday = judge_bytes("letter.txt", &letter);
//! assert_eq!(yesterday.verdict, Verdict::Clean);
//!
//! // What a cipher leaves in its place.
//! let mut state = 1_u64;
//! let cipher: Vec<u8> = letter
//!     .iter()
//!     .map(|_| {
//!         state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
//!         state.to_be_bytes()[0]
//!     })
//!     .collect();
//! let today = judge_bytes("letter.txt.locked", &cipher);
//! assert_eq!(today.verdict, Verdict::Encrypted);
//! assert!(today.reasons[0].contains("should be text"), "{:?}", today.reasons);
//!
//! // Half a page in a file that nobody knows is no proof alone, and is one beside the version of yesterday.
//! let program_data: Vec<u8> = (0_u32..9000).flat_map(|number| (number % 700).to_le_bytes()).collect();
//! let mut hit = program_data.clone();
//! hit[10_000..12_000].copy_from_slice(&cipher[..2000]);
//! let alone = judge_bytes("state.bin", &hit);
//! assert_eq!(alone.verdict, Verdict::CleanUnverified);
//! let before = judge_bytes("state.bin", &program_data).facts;
//! let beside = compare("state.bin", &mut &*hit, &alone, &mut &*program_data, &before);
//! assert_eq!(beside.verdict, Verdict::Encrypted);
//! ```
//!
//! What it promises, and the file that keeps the promise:
//!
//! | promise | file |
//! |---|---|
//! | every byte is looked at, whatever the type | `judging`, on `statistics` and `text` |
//! | evidence becomes a verdict in one place only | `votes` |
//! | a name must not promise what the content does not keep | `name` (what is promised), `shown` (what is there), on the tables `endings`, `magic`, `kinds` |
//! | encryption that says what it is, is named | `declared` |
//! | a type with a checker is looked into to its end | `checkers` (which one), and a file for each |
//! | what is packed is what it is called | `inner`, for `zip` and `packed` |
//! | covered means that a sum covers every byte of content | `structure` (`Sealed`), `summed`; tried for all types in `tests/coverage` |
//! | a change in place by random bytes is seen beside the previous version | `compare`, on `difference`; `decoded` for pictures; `values` and `kept_pages` for databases, `members` for ZIP |
//! | what was not looked at is said | `facts` (`bytes_not_looked_at`), `partitions` |
//! | a hostile file costs no more than its share, and stops nothing else | `work`, `checkers` |
//! | the same bytes give the same verdict everywhere; another verdict is another version | `judgement` |
//!
//! What it does not know: malware (no signatures are looked for), whether content is *right* (a changed number in a
//! table is none of its business), who the file belongs to, where it lies, what happened to others. It opens no files,
//! reads no clock, and keeps nothing between two calls.

mod appended;
mod beside;
mod boxes;
mod checkers;
mod compare;
mod crc32c;
mod declared;
mod decoded;
mod der;
mod difference;
mod ending;
mod endings;
mod facts;
mod font;
mod frames;
mod gzip;
mod hole;
mod inflate;
mod inner;
mod innodb;
mod jpeg;
mod judgement;
mod judging;
mod kept_pages;
mod kinds;
mod lzw;
mod magic;
mod mail;
mod markup;
mod matroska;
mod members;
mod metafile;
mod name;
mod ole2;
mod openpgp;
mod packed;
mod partitions;
mod pdf;
mod peek;
mod picture;
mod postgres;
mod program;
mod quoted;
mod rar;
mod resp;
mod rtf;
mod seven;
mod shown;
mod sound;
mod source;
mod sqlite;
mod statistics;
mod stretch;
mod structure;
mod summed;
mod tar;
mod text;
mod tiff;
mod transport;
mod values;
mod votes;
mod work;
mod written;
mod zip;
mod zlib_head;

#[cfg(any(test, feature = "specimens"))]
mod tests;

#[cfg(any(test, feature = "specimens"))]
pub use tests::specimens;

pub use beside::Beside;
pub use compare::compare;
pub use facts::{Facts, State};
pub use judgement::{Judgement, VERSION, Verdict};
pub use judging::{judge, judge_bytes, judge_within};
pub use name::{name_before, unknown_ending};
pub use source::Source;
