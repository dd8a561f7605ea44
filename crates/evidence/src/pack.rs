//! Packing: one archive, whole or not at all, beside what was asked for and then moved there in one step.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use estate::Id;
use incident::store;
use journal::tree::{Levels, leaf_hash};
use journal::{Checkpoint, Exhibit, Leaf, Payload, Record, SecretKey};
use proof::archive::Writer;
use proof::{Scope, Seal, line, texts, tiles};
use rustix::fs::{CWD, RenameFlags};

use crate::page::{self, Row, Rows};
use crate::refusal::PackFault;
use crate::whose::{Served, Whose};

const README: &str = include_str!("readme.txt");

/// What is to be packed.
pub struct Request<'a> {
    /// The incident.
    pub folder: &'a Path,
    /// Whose bundle; `None`: the whole journal.
    pub tenant: Option<&'a Id>,
    pub out: &'a Path,
    pub now_ms: i64,
    /// An entry as a sentence, for the page.
    pub sentence: &'a dyn Fn(&Record) -> String,
}

/// What was packed.
pub struct Packed {
    pub seal: Seal,
    /// Numbers of the entries in it for which nobody had signed.
    pub unsigned: u64,
}

/// Writes the bundle. Changes nothing in the incident.
pub fn pack(request: &Request<'_>) -> Result<Packed, PackFault> {
    let journal = store::journal_path(request.folder);
    if request.out.symlink_metadata().is_ok() {
        return Err(PackFault::AlreadyThere(request.out.to_owned()));
    }
    let key = store::signing_key(request.folder)?;
    let public = store::public_key(request.folder)?;
    if key.public() != public {
        return Err(PackFault::OtherKey(request.folder.to_owned()));
    }
    let known = journal::verify(&journal, &public, None);
    let checkpoint =
        known.trusted.clone().ok_or_else(|| PackFault::NothingSigned(request.folder.to_owned()))?;
    let older = journal::checkpoints(&journal, &public).map_err(|source| read_fault(&journal, source))?;
    let older = older.into_iter().filter(|one| one.size < checkpoint.size).collect();
    let published = journal::Reader::open(&journal).and_then(|reader| reader.durable_length());
    let published = published.map_err(|error| PackFault::Store(store::StoreFault::Read(error)))?;
    let damage = known.damages().map(|one| format!("{}: {}", one.place, one.problem)).collect();
    let until = published.max(checkpoint.size);
    let mut served = Served::default();
    if let Some(tenant) = request.tenant {
        each(&journal, until, &mut |leaf, _, exhibit| {
            if let Some((_, payload)) = exhibit.body {
                served.learn(&leaf.kind, leaf.version, payload);
            }
            Ok(())
        })?;
        if served.is_incomplete {
            return Err(PackFault::EstateNotRead);
        }
        if !served.knows(tenant) {
            return Err(PackFault::NoSuchTenant(tenant.to_string()));
        }
    }
    let work = Work { request, journal, key, checkpoint, older, until, served, damage };
    placed(request.out, |file| work.write(file))
}

struct Work<'a> {
    request: &'a Request<'a>,
    journal: PathBuf,
    key: SecretKey,
    checkpoint: Checkpoint,
    older: Vec<Checkpoint>,
    until: u64,
    served: Served,
    damage: Vec<String>,
}

/// What was gathered while the entries were written.
#[derive(Default)]
struct Contents {
    hashes: Vec<journal::Hash>,
    bundles: tiles::Bundles,
    /// Full bundles of leaves: written after the entries.
    full: Vec<(String, Vec<u8>)>,
    texts: BTreeMap<String, String>,
    rows: Rows,
    entries: u64,
    unsigned: u64,
    withheld: Vec<u64>,
    /// The signed ones that are in the bundle.
    shown: Vec<u64>,
}

impl Work<'_> {
    fn write(&self, file: File) -> Result<(File, Packed), PackFault> {
        let fault = |source| PackFault::File { doing: "write", path: self.request.out.to_owned(), source };
        let mut archive = Writer::new(BufWriter::with_capacity(256 * 1024, file));
        archive.add(proof::README, README.as_bytes()).map_err(fault)?;
        archive.begin(proof::ENTRIES).map_err(fault)?;
        let mut gathered = Contents::default();
        each(&self.journal, self.until, &mut |leaf, hash, exhibit| {
            self.entry(&mut archive, &mut gathered, &leaf, hash, exhibit)
        })
        .map_err(|error| match error {
            PackFault::File { doing: "write", source, .. } => fault(source),
            other => other,
        })?;
        let covered = usize::try_from(self.checkpoint.size).unwrap_or(usize::MAX);
        gathered.hashes.truncate(covered);
        let levels = Levels::over(std::mem::take(&mut gathered.hashes));
        archive.add(proof::CHECKPOINT, self.checkpoint.text.as_bytes()).map_err(fault)?;
        match self.request.tenant {
            None => self.tree(&mut archive, &mut gathered, &levels),
            Some(_) => self.proofs(&mut archive, &gathered, &levels),
        }
        .map_err(fault)?;
        let mut seal = self.seal(&mut gathered);
        let root = proof::hex(&self.checkpoint.root);
        let page = page::written(&seal, &root, &line::utc(self.request.now_ms), gathered.rows);
        archive.add(proof::PAGE, page.as_bytes()).map_err(fault)?;
        seal.members = archive.members().map_err(fault)?.to_vec();
        archive.add(proof::SEAL, seal.sign(&self.key).as_bytes()).map_err(fault)?;
        let file =
            archive.finish().map_err(fault)?.into_inner().map_err(|error| fault(error.into_error()))?;
        Ok((file, Packed { seal, unsigned: gathered.unsigned }))
    }

    fn seal(&self, gathered: &mut Contents) -> Seal {
        let withheld = std::mem::take(&mut gathered.withheld);
        let scope = match self.request.tenant {
            None => Scope::Whole,
            Some(tenant) => Scope::Tenant { id: tenant.to_string(), withheld },
        };
        Seal {
            origin: self.checkpoint.origin.clone(),
            scope,
            entries: gathered.entries,
            journal_entries: self.until,
            covered: self.checkpoint.size,
            // Of a damaged journal a tenant gets to know that it is damaged, and nothing of what stood there.
            damage: match self.request.tenant {
                Some(_) if !self.damage.is_empty() => vec!["the whole journal says where".to_owned()],
                Some(_) | None => self.damage.clone(),
            },
            members: Vec::new(),
        }
    }

    fn entry(
        &self,
        archive: &mut Writer<BufWriter<File>>,
        gathered: &mut Contents,
        leaf: &Leaf,
        hash: journal::Hash,
        exhibit: Exhibit<'_>,
    ) -> Result<(), PackFault> {
        let is_signed = leaf.sequence < self.checkpoint.size;
        let payload = exhibit.body.map(|(_, payload)| payload);
        gathered.hashes.push(hash);
        match self.request.tenant {
            None if is_signed => {
                let full = gathered
                    .bundles
                    .push(exhibit.leaf)
                    .ok_or_else(|| written_fault(io::ErrorKind::InvalidData))?;
                gathered.full.extend(full);
                if let Some(payload) = payload {
                    texts::gather(&leaf.kind, payload, &mut gathered.texts);
                }
            }
            None => {}
            Some(tenant) => match self.served.whose(tenant, &leaf.actor, &leaf.kind, leaf.version, payload) {
                Whose::Own => {}
                Whose::Shared => {
                    gathered.withheld.push(leaf.sequence);
                    return Ok(());
                }
                Whose::NotTheirs => return Ok(()),
            },
        }
        let line = line::write(exhibit).ok_or_else(|| written_fault(io::ErrorKind::InvalidData))?;
        archive.write_all(line.as_bytes()).and_then(|()| archive.write_all(b"\n")).map_err(written_fault)?;
        let record = record_of(leaf, payload);
        gathered.rows.push(Row::new(&record, &(self.request.sentence)(&record), self.checkpoint.size));
        gathered.entries += 1;
        if is_signed {
            gathered.shown.push(leaf.sequence);
        } else {
            gathered.unsigned += 1;
        }
        Ok(())
    }

    fn tree(
        &self,
        archive: &mut Writer<BufWriter<File>>,
        gathered: &mut Contents,
        levels: &Levels,
    ) -> io::Result<()> {
        for older in &self.older {
            archive.add(format!("{}{}", proof::OLDER, older.size), older.text.as_bytes())?;
        }
        for (path, bytes) in tiles::hashes(levels) {
            archive.add(path, &bytes)?;
        }
        gathered.full.extend(std::mem::take(&mut gathered.bundles).rest());
        for (path, bytes) in &gathered.full {
            archive.add(path.as_str(), bytes)?;
        }
        for (path, text) in &gathered.texts {
            archive.add(path.as_str(), text.as_bytes())?;
        }
        Ok(())
    }

    fn proofs(
        &self,
        archive: &mut Writer<BufWriter<File>>,
        gathered: &Contents,
        levels: &Levels,
    ) -> io::Result<()> {
        for sequence in &gathered.shown {
            let path = levels.path(*sequence, self.checkpoint.size).ok_or(io::ErrorKind::InvalidData)?;
            let text = proof::proof_text(*sequence, &path, &self.checkpoint);
            archive.add(proof::proof_path(*sequence), text.as_bytes())?;
        }
        Ok(())
    }
}

fn read_fault(path: &Path, source: io::Error) -> PackFault {
    PackFault::File { doing: "read", path: path.to_owned(), source }
}

/// The path is put in where it is known.
fn written_fault(source: impl Into<io::Error>) -> PackFault {
    PackFault::File { doing: "write", path: PathBuf::new(), source: source.into() }
}

/// Every entry up to the first that is damaged, with its leaf hash.
pub(crate) fn each(
    journal: &Path,
    until: u64,
    visit: &mut dyn FnMut(Leaf, journal::Hash, Exhibit<'_>) -> Result<(), PackFault>,
) -> Result<(), PackFault> {
    let mut ended = Ok(());
    journal::exhibits(journal, until, &mut |exhibit| {
        if ended.is_ok()
            && let Some(leaf) = Leaf::read(exhibit.leaf)
        {
            ended = visit(leaf, leaf_hash(exhibit.leaf), exhibit);
        }
    })
    .map_err(|source| read_fault(journal, source))?;
    ended
}

pub(crate) fn record_of(leaf: &Leaf, payload: Option<&[u8]>) -> Record {
    Record {
        sequence: leaf.sequence,
        time_ms: leaf.time_ms,
        actor: leaf.actor.clone(),
        kind: leaf.kind.clone(),
        version: leaf.version,
        payload: payload.map_or(Payload::Erased, |payload| Payload::Present(payload.to_vec())),
        digest: leaf.digest,
    }
}

/// Makes the file beside its place, and moves it there only when all of it is on disk; never over another.
pub(crate) fn placed<T>(
    out: &Path,
    write: impl FnOnce(File) -> Result<(File, T), PackFault>,
) -> Result<T, PackFault> {
    let fault = |doing| move |source| PackFault::File { doing, path: out.to_owned(), source };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = out.file_name().ok_or_else(|| fault("write")(io::ErrorKind::InvalidInput.into()))?;
    let mut beside = name.to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = folder.join(beside);
    let file =
        OpenOptions::new().read(true).write(true).create_new(true).open(&beside).map_err(fault("write"))?;
    let done = write(file).and_then(|(file, done)| {
        file.sync_all().map_err(fault("write"))?;
        let moved = rustix::fs::renameat_with(CWD, &beside, CWD, out, RenameFlags::NOREPLACE);
        moved.map_err(|error| match error {
            rustix::io::Errno::EXIST => PackFault::AlreadyThere(out.to_owned()),
            error => fault("place")(error.into()),
        })?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault("sync the folder of"))?;
        Ok(done)
    });
    if done.is_err() {
        // The first error is the one to report; a leftover has a name that says what it is.
        let _ = std::fs::remove_file(&beside);
    }
    done
}
