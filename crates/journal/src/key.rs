//! The key that signs checkpoints, and the public key that is all an auditor needs.
//!
//! Both have the text forms of the Go checksum database and of C2SP signed-note, so that other people's tools
//! read them: `name+keyid+base64` for the public key, `PRIVATE+KEY+name+keyid+base64` for the secret one.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::base64;

/// C2SP signed-note's number for Ed25519.
const ED25519: u8 = 1;
const SECRET_PREFIX: &str = "PRIVATE+KEY+";
/// A key file is one line; anything much longer is not one.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// Why a key could not be made, read or kept.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The name cannot stand in a signed note.
    #[error("{0:?} cannot name a key: use 1 to 255 printable characters without spaces and without '+'")]
    Name(String),
    /// The text is not a key of this form.
    #[error("this is not a {expected} key: {problem}")]
    Text {
        /// "public" or "secret".
        expected: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Somebody else can read the secret key, so it may no longer be secret.
    #[error(
        "{path} can be read by others (mode {mode:o}), so signatures made with it prove little; \
         if nobody has read it run `chmod 600 {path}`, otherwise make a new key"
    )]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file could not be read or written.
    #[error("could not {doing} the key file {path}")]
    File {
        /// What we were doing.
        doing: &'static str,
        /// The key file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes to make a key from: {0}")]
    Random(String),
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let printable = name.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '+');
    if name.is_empty() || name.len() > 255 || !printable {
        return Err(KeyError::Name(name.to_owned()));
    }
    Ok(())
}

/// The public half: a name and a key, enough to verify a journal.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl PublicKey {
    /// The name the key signs under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four bytes that tell keys of the same name apart.
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Reads the form `name+keyid+base64`.
    pub fn parse(text: &str) -> Result<PublicKey, KeyError> {
        let Parts { name, id, key } = parse_parts(text.trim(), "public")?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Text {
            expected: "public",
            problem: "its bytes are no point of the curve",
        })?;
        let public = PublicKey { name, key };
        if public.id() != id {
            return Err(KeyError::Text {
                expected: "public",
                problem: "its id does not belong to its bytes",
            });
        }
        Ok(public)
    }

    /// Whether this key signed exactly this message. For messages of our own that are no checkpoints: the caller
    /// sees to it that they cannot be taken for one.
    pub fn accepts(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(f, &self.name, self.id(), self.key.as_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// The secret half. It is never printed; `Debug` shows the public half.
#[derive(Clone)]
pub struct SecretKey {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

impl SecretKey {
    /// Makes a new key under this name from the system's random bytes.
    pub fn generate(name: &str) -> Result<SecretKey, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Random(error.to_string()))?;
        SecretKey::from_seed(name, &seed)
    }

    /// The key that belongs to these 32 secret bytes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<SecretKey, KeyError> {
        check_name(name)?;
        Ok(SecretKey { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Reads a key file. Refuses one that others may read.
    pub fn load(path: &Path) -> Result<SecretKey, KeyError> {
        let fault = |source| KeyError::File { doing: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(fault)?;
        let mode = file.metadata().map_err(fault)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(fault)?;
        let problem = |problem| KeyError::Text { expected: "secret", problem };
        let rest = text.trim().strip_prefix(SECRET_PREFIX).ok_or(problem("it does not start as one"))?;
        let Parts { name, id, key } = parse_parts(rest, "secret")?;
        let secret = SecretKey::from_seed(&name, &key)?;
        if secret.public().id() != id {
            return Err(problem("its id does not belong to its bytes"));
        }
        Ok(secret)
    }

    /// Writes a new key file that only its owner may read. Never replaces an existing one: a lost key cannot be
    /// made again.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        let fault = |source| KeyError::File { doing: "write", path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fault)?;
        writeln!(file, "{}", SecretText(self)).map_err(fault)?;
        file.sync_all().map_err(fault)
    }

    /// Signs a message, for instance a receipt. It must not have the form of a checkpoint (a second line that is a
    /// number), or it could be shown around as one.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

struct SecretText<'a>(&'a SecretKey);

impl fmt::Display for SecretText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECRET_PREFIX)?;
        write_parts(f, &self.0.name, self.0.public().id(), self.0.key.as_bytes())
    }
}

fn write_parts(f: &mut fmt::Formatter<'_>, name: &str, id: [u8; 4], key: &[u8; 32]) -> fmt::Result {
    let mut typed = vec![ED25519];
    typed.extend_from_slice(key);
    write!(f, "{name}+{:08x}+{}", u32::from_be_bytes(id), base64::encode(&typed))
}

/// What `name+keyid+base64` consists of.
struct Parts {
    name: String,
    id: [u8; 4],
    key: [u8; 32],
}

fn parse_parts(text: &str, expected: &'static str) -> Result<Parts, KeyError> {
    let problem = |problem| KeyError::Text { expected, problem };
    // The base64 part may itself contain '+', the name and the id may not.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(problem("it does not have the form name+id+base64"));
    };
    check_name(name)?;
    let hex = id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let id = u32::from_str_radix(id, 16).ok().filter(|_| hex);
    let id = id.ok_or(problem("its id is not 8 hexadecimal digits"))?;
    let data = base64::decode(data).ok_or(problem("its last part is not base64"))?;
    match data.split_first() {
        Some((&ED25519, key)) => {
            let key = key.try_into().map_err(|_| problem("it is not 32 bytes long"))?;
            Ok(Parts { name: name.to_owned(), id: id.to_be_bytes(), key })
        }
        _ => Err(problem("it is not an Ed25519 key")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_read_back_what_they_print() {
        let secret = SecretKey::generate("provider.example/incident").unwrap();
        let public = secret.public();
        assert_eq!(PublicKey::parse(&public.to_string()).unwrap(), public);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        secret.save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(SecretKey::load(&path).unwrap().public(), public);
    }

    #[test]
    fn the_public_form_of_the_go_checksum_database_is_read_and_printed() {
        // The key of sum.golang.org, published by Google, is a known answer for the key id.
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        assert_eq!(PublicKey::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn a_secret_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        SecretKey::generate("a").unwrap().save(&path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(SecretKey::load(&path), Err(KeyError::Exposed { .. })), "mode {mode:o}");
        }
    }

    #[test]
    fn an_existing_key_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = SecretKey::generate("a").unwrap();
        first.save(&path).unwrap();
        assert!(SecretKey::generate("a").unwrap().save(&path).is_err());
        assert_eq!(SecretKey::load(&path).unwrap().public(), first.public());
    }

    #[test]
    fn text_that_is_no_key_is_refused() {
        let good = SecretKey::from_seed("name", &[7; 32]).unwrap().public().to_string();
        let flipped_id = good.replacen(&good[5..6], if &good[5..6] == "0" { "1" } else { "0" }, 1);
        for text in [
            "",
            "name",
            "name+00000000",
            "name+0000000g+AAAA",
            "a b+00000000+AAAA",
            &good[..good.len() - 1],
            &flipped_id,
        ] {
            assert!(PublicKey::parse(text).is_err(), "{text:?}");
        }
        for name in ["", "a b", "a+b", "a\nb"] {
            assert!(SecretKey::generate(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn printing_a_secret_key_for_debugging_does_not_show_it() {
        let secret = SecretKey::from_seed("name", &[7; 32]).unwrap();
        assert!(!format!("{secret:?}").contains(&base64::encode(&[7; 32])[..10]));
    }
}
