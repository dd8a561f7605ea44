//! The bridge's own secrets: one file of random bytes from which each tenant's marking key is derived, and
//! the comparison of secrets in a time that does not depend on them.

#![allow(clippy::disallowed_methods, reason = "keys and tokens are drawn here")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::fact::Mark;
use estate::Id;

#[derive(Debug, thiserror::Error)]
pub enum SecretFault {
    #[error("cannot {doing} {path}")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} can be read by others (mode {mode:o}); run `chmod 600 {path}` if nobody has read it")]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{path} does not hold a secret of 64 hex digits; it was damaged or is another file")]
    Form { path: PathBuf },
    #[error("the system gave no random bytes: {0}")]
    Random(String),
}

/// `N` bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], SecretFault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| SecretFault::Random(error.to_string()))?;
    Ok(bytes)
}

/// Reads the 32 secret bytes in this file, or makes the file (0600, synced) if there is none.
pub fn load_or_make(path: &Path) -> Result<[u8; 32], SecretFault> {
    let fault = |doing| move |source| SecretFault::File { doing, path: path.to_owned(), source };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let secret = random::<32>()?;
            writeln!(file, "{}", Mark(secret)).map_err(fault("write"))?;
            file.sync_all().map_err(fault("write"))?;
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault("keep"))?;
            }
            Ok(secret)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load(path),
        Err(source) => Err(fault("make")(source)),
    }
}

/// Reads the 32 secret bytes in this file. Refuses a file that others may read.
pub fn load(path: &Path) -> Result<[u8; 32], SecretFault> {
    let fault = |source| SecretFault::File { doing: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretFault::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(200).read_to_string(&mut text).map_err(fault)?;
    Mark::parse(text.trim()).map(|mark| mark.0).ok_or_else(|| SecretFault::Form { path: path.to_owned() })
}

/// HMAC-SHA-256 over parts whose lengths are part of what is hashed, so that no two lists of parts collide.
pub fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The same time whether the first byte differs or the last: both sides are hashed under a fresh key first.
pub fn same_secret(left: &[u8], right: &[u8]) -> bool {
    let Ok(key) = random::<32>() else { return false };
    let (left, right) = (keyed_hash(&key, &[left]), keyed_hash(&key, &[right]));
    left.iter().zip(right).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

/// A tenant's marking key. Without it the marks in the journal cannot be tested against guesses.
#[derive(Clone)]
pub struct MarkKey([u8; 32]);

impl MarkKey {
    pub fn of(secret: &[u8; 32], tenant: &Id) -> MarkKey {
        MarkKey(keyed_hash(secret, &[b"blackstart tenant marks 1", tenant.name().as_bytes()]))
    }

    pub fn person(&self, person: &str) -> Mark {
        Mark(keyed_hash(&self.0, &[b"person", person.as_bytes()]))
    }

    pub fn business(&self, operation: &str, key: &[String]) -> Mark {
        let mut parts: Vec<&[u8]> = vec![b"business", operation.as_bytes()];
        parts.extend(key.iter().map(|value| value.as_bytes()));
        Mark(keyed_hash(&self.0, &parts))
    }

    pub fn body(&self, operation: &str, body: &[u8]) -> Mark {
        Mark(keyed_hash(&self.0, &[b"body", operation.as_bytes(), body]))
    }

    pub fn idempotency(&self, operation: &str, key: &[u8]) -> Mark {
        Mark(keyed_hash(&self.0, &[b"idempotency", operation.as_bytes(), key]))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let made = load_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load_or_make(&path).unwrap(), made);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load_or_make(&path), Err(SecretFault::Exposed { .. })));
    }

    #[test]
    fn a_cut_secret_is_refused_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        load_or_make(&path).unwrap();
        std::fs::write(&path, "abc").unwrap();
        assert!(matches!(load_or_make(&path), Err(SecretFault::Form { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc");
    }

    #[test]
    fn marks_of_two_tenants_or_two_operations_never_match() {
        let (a, b) = ("tenant:a".parse().unwrap(), "tenant:b".parse().unwrap());
        let (a, b) = (MarkKey::of(&[7; 32], &a), MarkKey::of(&[7; 32], &b));
        assert_ne!(a.person("1"), b.person("1"));
        assert_ne!(a.body("eau", b"x"), a.body("letter", b"x"));
        let split = ["ab".to_owned(), "c".to_owned()];
        let other = ["a".to_owned(), "bc".to_owned()];
        assert_ne!(a.business("eau", &split), a.business("eau", &other), "the cut between values counts");
        assert_eq!(a.business("eau", &split), a.business("eau", &split));
    }

    #[test]
    fn equal_secrets_are_equal_and_nothing_else_is() {
        assert!(same_secret(b"token", b"token"));
        for other in [&b"tokem"[..], b"toke", b"token1", b""] {
            assert!(!same_secret(b"token", other));
        }
    }
}
