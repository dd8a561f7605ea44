//! An artefact outside of the journal: its hash, and what a person says of it.
//!
//! The bytes stay where they are: a disk image does not fit into a journal, and must not be copied by the way. What is recorded
//! proves later that a file is the one that was there then.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use estate::{Estate, Id};
use incident::Event;
use incident::event::EvidenceEvent;
use message::Message;
use sha2::{Digest, Sha256};

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    pub name: String,
    pub sha256: String,
    pub bytes: u64,
}

/// Why it was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("nobody says where it is from")]
    NoOrigin,
    #[error("nobody says who has it")]
    NoCustody,
    #[error("{0} is not in the estate of this incident")]
    NotInEstate(Id),
}

impl Refusal {
    pub fn message(&self) -> Message {
        let to_do = match self {
            Refusal::NoOrigin => "say where it is from and how it was made, with --origin",
            Refusal::NoCustody => "say who has it and where, with --custody",
            Refusal::NotInEstate(_) => "write the tenant as the estate does, for example tenant:north",
        };
        Message::new(self.to_string(), "it would prove nothing later; nothing was recorded", to_do)
    }
}

/// Reads the whole file. A file that is changed meanwhile has no hash.
pub fn read(path: &Path) -> io::Result<Artefact> {
    // Nobody waits for the other end of a pipe.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a file; pack a folder into one first",
        ));
    }
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 * 1024]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        bytes += count as u64;
    }
    let after = file.metadata()?;
    let state = |meta: &std::fs::Metadata| {
        let changed = (meta.ctime(), meta.ctime_nsec());
        (meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec(), changed)
    };
    if state(&before) != state(&after) || bytes != after.len() {
        return Err(io::Error::other("it was changed while it was read"));
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(Artefact { name, sha256: proof::hex(&hash.finalize()), bytes })
}

/// What a person says of an artefact.
pub struct Provenance<'a> {
    pub artefact: &'a Artefact,
    pub origin: &'a str,
    pub custody: &'a str,
    pub tenant: Option<&'a Id>,
}

pub fn decide(estate: Option<&Estate>, wish: &Provenance<'_>) -> Result<Vec<Event>, Refusal> {
    if wish.origin.trim().is_empty() {
        return Err(Refusal::NoOrigin);
    }
    if wish.custody.trim().is_empty() {
        return Err(Refusal::NoCustody);
    }
    let is_unknown = |tenant: &&Id| !estate.is_some_and(|estate| estate.tenants.contains_key(*tenant));
    if let Some(tenant) = wish.tenant.filter(is_unknown) {
        return Err(Refusal::NotInEstate(tenant.clone()));
    }
    let Artefact { name, sha256, bytes } = wish.artefact.clone();
    Ok(vec![Event::Evidence(EvidenceEvent::Attached {
        name,
        sha256,
        bytes,
        origin: wish.origin.to_owned(),
        custody: wish.custody.to_owned(),
        tenant: wish.tenant.cloned(),
    })])
}
