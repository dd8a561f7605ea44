//! A checkpoint: "the first `size` records hash to `root`", signed. Who remembers one can tell if the journal was
//! changed or cut behind it.
//!
//! The text is a C2SP tlog-checkpoint inside a C2SP signed note, so that witnesses and auditors of other logs can
//! read it without our code:
//!
//! ```text
//! provider.example/incident
//! 42
//! <root, base64>
//!
//! — provider.example/incident <key id and signature, base64>
//! ```

use thiserror::Error;

use crate::base64;
use crate::key::{PublicKey, SecretKey};
use crate::tree::Hash;

/// A checkpoint enters the history when it covers this many records more than the last one there.
pub(crate) const HISTORY_STEP: u64 = 256;

/// A checkpoint is a few hundred bytes; a note with many witnesses' signatures is still far below this.
pub(crate) const CHECKPOINT_BYTES_MAX: usize = 64 * 1024;
/// Signed notes must be accepted with at least 16 signatures; we stop looking well above it.
const SIGNATURES_MAX: usize = 64;

/// What a checkpoint says, and the signed text that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which journal this is about: a name, unique in the world.
    pub origin: String,
    /// How many records it covers, from the first.
    pub size: u64,
    /// The root of the hash tree over them.
    pub root: Hash,
    /// The whole signed note.
    pub text: String,
}

/// Why a text is not a checkpoint to be relied on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// The text does not have the form of a checkpoint.
    #[error("this is not a checkpoint: {0}")]
    Form(&'static str),
    /// No signature by this key.
    #[error("the checkpoint carries no signature by the key {name}")]
    Unsigned {
        /// The name of the key that was looked for.
        name: String,
    },
    /// A signature that claims to be by this key and is not.
    #[error("the checkpoint's signature in the name of {name} is not by that key: its text was changed")]
    Forged {
        /// The name of the key.
        name: String,
    },
}

impl Checkpoint {
    /// States and signs.
    pub fn sign(origin: &str, size: u64, root: Hash, key: &SecretKey) -> Checkpoint {
        let body = format!("{origin}\n{size}\n{}\n", base64::encode(&root));
        let public = key.public();
        let mut signature = public.id().to_vec();
        signature.extend_from_slice(&key.sign(body.as_bytes()));
        let text = format!("{body}\n\u{2014} {} {}\n", public.name(), base64::encode(&signature));
        Checkpoint { origin: origin.to_owned(), size, root, text }
    }

    /// Reads the form without looking at signatures. [`Checkpoint::verify`] is what makes it worth anything.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointError> {
        use CheckpointError::Form;
        if text.len() > CHECKPOINT_BYTES_MAX {
            return Err(Form("it is too long"));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Form("it contains control characters"));
        }
        let (body, _) = split(text)?;
        let mut lines = body.lines();
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(Form("the first line is empty"))?;
        let digits = lines.next().ok_or(Form("the line with the size is missing"))?;
        let size: u64 = digits.parse().map_err(|_| Form("the second line is not a number of records"))?;
        if size.to_string() != digits {
            return Err(Form("the number of records is not plainly written"));
        }
        let root = lines.next().and_then(base64::decode).ok_or(Form("the third line is not a root"))?;
        let root = root.try_into().map_err(|_| Form("the root is not 32 bytes long"))?;
        Ok(Checkpoint { origin: origin.to_owned(), size, root, text: text.to_owned() })
    }

    /// Whether this very text was signed by this key, and says what the fields say.
    pub fn verify(&self, key: &PublicKey) -> Result<(), CheckpointError> {
        let said = Checkpoint::parse(&self.text)?;
        if &said != self {
            return Err(CheckpointError::Form("its fields are not those of its text"));
        }
        let (body, signatures) = split(&self.text)?;
        for line in signatures.lines().take(SIGNATURES_MAX) {
            let Some((name, data)) = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' '))
            else {
                return Err(CheckpointError::Form("a signature line is damaged"));
            };
            let data = base64::decode(data).unwrap_or_default();
            let Some((id, signature)) = data.split_first_chunk::<4>() else { continue };
            if name != key.name() || *id != key.id() {
                continue;
            }
            let forged = CheckpointError::Forged { name: key.name().to_owned() };
            let Ok(signature) = <&[u8; 64]>::try_from(signature) else { return Err(forged) };
            return if key.accepts(body.as_bytes(), signature) { Ok(()) } else { Err(forged) };
        }
        Err(CheckpointError::Unsigned { name: key.name().to_owned() })
    }
}

/// The signed body (with its final newline) and the signature lines.
fn split(text: &str) -> Result<(&str, &str), CheckpointError> {
    let at =
        text.rfind("\n\n").ok_or(CheckpointError::Form("the empty line before the signatures is missing"))?;
    let (body, signatures) = (&text[..=at], &text[at + 2..]);
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(CheckpointError::Form("the signature lines are missing or cut"));
    }
    Ok((body, signatures))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> SecretKey {
        SecretKey::from_seed("example/log", &[3; 32]).unwrap()
    }

    #[test]
    fn a_signed_checkpoint_is_accepted_by_its_key_and_by_no_other() {
        let checkpoint = Checkpoint::sign("example/log", 42, [9; 32], &key());
        assert_eq!(Checkpoint::parse(&checkpoint.text).unwrap(), checkpoint);
        checkpoint.verify(&key().public()).unwrap();
        let other = SecretKey::from_seed("example/log", &[4; 32]).unwrap().public();
        assert_eq!(checkpoint.verify(&other), Err(CheckpointError::Unsigned { name: "example/log".into() }));
    }

    #[test]
    fn a_checkpoint_whose_text_was_changed_is_refused() {
        let checkpoint = Checkpoint::sign("example/log", 42, [9; 32], &key());
        let changed = Checkpoint::parse(&checkpoint.text.replacen("42", "41", 1)).unwrap();
        assert_eq!(
            changed.verify(&key().public()),
            Err(CheckpointError::Forged { name: "example/log".into() })
        );
        let relabelled = Checkpoint { size: 41, ..checkpoint };
        assert!(matches!(relabelled.verify(&key().public()), Err(CheckpointError::Form(_))));
    }

    proptest! {
        #[test]
        fn any_changed_byte_of_a_checkpoint_is_noticed(at in 0_usize..190, flip in 1_u8..=255) {
            let checkpoint = Checkpoint::sign("example/log", 42, [9; 32], &key());
            let mut bytes = checkpoint.text.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            if let Ok(text) = String::from_utf8(bytes)
                && let Ok(read) = Checkpoint::parse(&text)
            {
                prop_assert!(read.verify(&key().public()).is_err());
            }
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,40}(\n\\PC{0,40}){0,6}\n?") {
            if let Ok(read) = Checkpoint::parse(&text) {
                prop_assert!(read.verify(&key().public()).is_err());
            }
        }
    }
}
