//! The surface of the journal that the other crates build on.
#![allow(missing_docs, clippy::todo, reason = "surface only")]
use std::path::Path;

pub struct Draft {
    pub time_ms: i64,
    pub actor: String,
    pub kind: String,
    pub version: u16,
    pub payload: Vec<u8>,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    Present(Vec<u8>),
    Erased,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub sequence: u64,
    pub time_ms: i64,
    pub actor: String,
    pub kind: String,
    pub version: u16,
    pub payload: Payload,
    pub digest: [u8; 32],
}
pub enum Expect {
    Anything,
    NothingSince(u64),
    NoneOfSince { at: u64, kinds: Vec<String> },
}
pub struct Appended {
    pub first: u64,
    pub next: u64,
}
#[derive(Clone)]
pub struct Appender;
pub struct Options;
impl Options {
    pub fn new(_key: key::SecretKey) -> Options {
        todo!()
    }
}
pub struct Reader;
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: [u8; 32],
    pub text: String,
}
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("open")]
    Open,
}
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error("outdated")]
    Outdated { at: u64, found: u64 },
}
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("read")]
    Read,
}
impl Appender {
    pub fn open(_dir: &Path, _options: Options) -> Result<Appender, OpenError> {
        todo!()
    }
    pub fn append(&self, _drafts: Vec<Draft>, _expect: Expect) -> Result<Appended, AppendError> {
        todo!()
    }
    pub fn checkpoint(&self) -> Result<Checkpoint, AppendError> {
        todo!()
    }
}
impl Reader {
    pub fn open(_dir: &Path) -> Result<Reader, ReadError> {
        todo!()
    }
    pub fn durable_length(&self) -> Result<u64, ReadError> {
        todo!()
    }
    pub fn read(&mut self, _from: u64) -> std::vec::IntoIter<Result<Record, ReadError>> {
        todo!()
    }
}
pub mod key {
    #[derive(Debug, thiserror::Error)]
    pub enum KeyError {
        #[error("key")]
        Key,
    }
    pub struct SecretKey;
    pub struct PublicKey;
    impl SecretKey {
        pub fn generate(_name: &str) -> Result<SecretKey, KeyError> {
            todo!()
        }
        pub fn load(_path: &std::path::Path) -> Result<SecretKey, KeyError> {
            todo!()
        }
        pub fn save(&self, _path: &std::path::Path) -> Result<(), KeyError> {
            todo!()
        }
        pub fn public(&self) -> PublicKey {
            todo!()
        }
    }
    impl std::fmt::Display for PublicKey {
        fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            todo!()
        }
    }
}
