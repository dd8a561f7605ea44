//! What does an evidence bundle prove, and what not?
//!
//! A bundle is one archive in which everything can be opened without Blackstart (`docs/formats/bundle.md`). Here is its
//! form, shared by whoever writes one (`evidence`) and whoever checks one, and the checking itself. It knows the format of
//! the journal and nothing else of ours, so that an auditor can read all that stands between a bundle and the sentence
//! "this is proven": `archive`, `seal`, `line`, `tiles`, `check`. `blackstart-verify` is this as a program.

pub mod archive;
pub mod check;
pub mod line;
pub mod seal;
pub mod texts;
pub mod tiles;

pub use check::{Report, Unreadable, check, check_in};
pub use seal::{Member, Scope, Seal};

/// The entries, one JSON object a line.
pub const ENTRIES: &str = "entries.jsonl";
/// The page for people.
pub const PAGE: &str = "index.html";
/// What this is, for whoever opens the archive.
pub const README: &str = "README.txt";
/// The signed list of all the other members; the last one.
pub const SEAL: &str = "seal.txt";
/// The newest checkpoint that proves the entries.
pub const CHECKPOINT: &str = "log/checkpoint";
/// Folder of the older checkpoints, named by their size.
pub const OLDER: &str = "log/older/";
/// Folder of the proofs of single entries, in a tenant's bundle.
pub const PROOFS: &str = "proofs/";
/// Folder of the estates that were in force, named by their hash.
pub const ESTATES: &str = "estates/";
/// Folder of the recorded plans, named by their hash.
pub const PLANS: &str = "plans/";

/// Where the proof of one entry lies.
pub fn proof_path(sequence: u64) -> String {
    format!("{PROOFS}{sequence}.tlog-proof")
}

/// The proof of one entry, as C2SP tlog-proof lays it out.
pub fn proof_text(sequence: u64, path: &[journal::Hash], checkpoint: &journal::Checkpoint) -> String {
    let mut text = format!("c2sp.org/tlog-proof@v1\nindex {sequence}\n");
    for hash in path {
        text.push_str(&journal::base64::encode(hash));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&checkpoint.text);
    text
}

/// SHA-256 in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
