//! The seal: what is in a bundle, member by member, and for whom; signed with the journal's key as a C2SP signed-note.
//!
//! The journal's own signatures prove entries. The seal proves the rest: that the page, the plans and the choice of entries
//! are those that whoever has the key packed together. It has one spelling: a changed byte is another seal.

use std::fmt::Write as _;

use journal::{Checkpoint, Hash, PublicKey, SecretKey, base64};

use crate::hex;

/// A seal of a version that is not this one is not read.
const TITLE: &str = "Blackstart evidence bundle 1";
/// Longer than any list of members that fits into an archive we would write.
pub(crate) const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub path: String,
    pub size: u64,
    pub sha256: Hash,
}

/// What was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole journal.
    Whole,
    /// What concerns one tenant and nobody else.
    Tenant {
        /// Its id, as in the estate.
        id: String,
        /// Entries that concern it together with others, and are therefore not in here.
        withheld: Vec<u64>,
    },
}

/// What whoever packed the bundle says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Which journal.
    pub origin: String,
    pub scope: Scope,
    /// How many entries are in the bundle.
    pub entries: u64,
    /// How many entries the journal had.
    pub journal_entries: u64,
    /// How many of them the checkpoint in the bundle covers.
    pub covered: u64,
    /// What was wrong with the journal when it was packed, one line each.
    pub damage: Vec<String>,
    pub members: Vec<Member>,
}

impl Seal {
    fn body(&self) -> String {
        let mut text = format!("{TITLE}\norigin {}\n", self.origin);
        // Writing into a text cannot fail.
        let _ = match &self.scope {
            Scope::Whole => writeln!(text, "scope whole"),
            Scope::Tenant { id, .. } => writeln!(text, "scope {id}"),
        };
        let _ = writeln!(text, "entries {}", self.entries);
        let _ = writeln!(text, "journal-entries {}", self.journal_entries);
        let _ = writeln!(text, "covered {}", self.covered);
        if let Scope::Tenant { withheld, .. } = &self.scope {
            for sequence in withheld {
                let _ = writeln!(text, "withheld {sequence}");
            }
        }
        for line in &self.damage {
            let _ = writeln!(text, "damage {}", one_line(line));
        }
        for Member { path, size, sha256 } in &self.members {
            let _ = writeln!(text, "file {} {size} {path}", hex(sha256));
        }
        text
    }

    /// The text of the seal, signed.
    pub fn sign(&self, key: &SecretKey) -> String {
        let body = self.body();
        let mut signature = key.public().id().to_vec();
        signature.extend_from_slice(&key.sign(body.as_bytes()));
        format!("{body}\n\u{2014} {} {}\n", key.public().name(), base64::encode(&signature))
    }

    /// Reads a seal and checks its signature. `Err` says what is wrong.
    pub fn read(text: &str, key: &PublicKey) -> Result<Seal, &'static str> {
        let (body, signature) = text.rsplit_once("\n\n").ok_or("it has no signature")?;
        let body = &text[..=body.len()];
        let line = signature.strip_suffix('\n').and_then(|line| line.strip_prefix("\u{2014} "));
        let (name, data) = line.and_then(|line| line.split_once(' ')).ok_or("its signature is damaged")?;
        let data = base64::decode(data).ok_or("its signature is damaged")?;
        let (id, signature) = data.split_first_chunk::<4>().ok_or("its signature is damaged")?;
        if name != key.name() || *id != key.id() {
            return Err("it was signed with another key");
        }
        let signature = signature.try_into().map_err(|_| "its signature is damaged")?;
        if !key.accepts(body.as_bytes(), signature) {
            return Err("it was changed: its signature does not fit");
        }
        let seal = Seal::read_body(body).ok_or("it is not in a form that this version reads")?;
        if seal.body() == body { Ok(seal) } else { Err("it is not in a form that this version reads") }
    }

    fn read_body(body: &str) -> Option<Seal> {
        let mut lines = body.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let mut after = |word: &str| lines.next()?.strip_prefix(word)?.strip_prefix(' ').map(str::to_owned);
        let (origin, scope) = (after("origin")?, after("scope")?);
        let entries = after("entries")?.parse().ok()?;
        let journal_entries = after("journal-entries")?.parse().ok()?;
        let covered = after("covered")?.parse().ok()?;
        let (mut withheld, mut damage, mut members) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines {
            let (word, rest) = line.split_once(' ')?;
            match word {
                "withheld" => withheld.push(rest.parse().ok()?),
                "damage" => damage.push(rest.to_owned()),
                "file" => members.push(read_member(rest)?),
                _ => return None,
            }
        }
        let scope = match scope.as_str() {
            "whole" => Scope::Whole,
            _ => Scope::Tenant { id: scope, withheld },
        };
        Some(Seal { origin, scope, entries, journal_entries, covered, damage, members })
    }

    /// Whether the checkpoint is the one that the seal speaks of.
    pub(crate) fn fits(&self, checkpoint: &Checkpoint) -> bool {
        checkpoint.origin == self.origin && checkpoint.size == self.covered
    }
}

fn read_member(text: &str) -> Option<Member> {
    let mut parts = text.splitn(3, ' ');
    let (digits, size, path) = (parts.next()?, parts.next()?, parts.next()?);
    let mut sha256 = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (at, byte) in sha256.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(Member { path: path.to_owned(), size: size.parse().ok()?, sha256 })
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
