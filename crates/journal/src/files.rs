//! The small files beside the segments. None of them holds a record: `durable` and `leaves` can be made again from the
//! segments. `checkpoint` and `checkpoints` cannot: they are what was signed, and `signed` says what must be there.

use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint, CheckpointError};
use crate::disk::{Access, Disk, DiskFile, read_up_to, read_whole};
use crate::tree::Hash;

/// The newest checkpoint, replaced whole.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// Checkpoints end to end, from the one over no records, then about one for every 256 records and one at each close.
/// They bracket a change that the newest one only proves to be somewhere, and none may contradict the records.
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// 32 bytes per record: its leaf hash. Proven as a whole by any checkpoint, so each entry pins down one record.
pub(crate) const LEAVES: &str = "leaves";
/// How many records readers may see.
pub(crate) const DURABLE: &str = "durable";

const DURABLE_MAGIC: &[u8; 8] = b"BSdurb01";
const DURABLE_BYTES: usize = 24;

pub(crate) fn encode_durable(length: u64) -> [u8; DURABLE_BYTES] {
    let mut bytes = [0; DURABLE_BYTES];
    bytes[..8].copy_from_slice(DURABLE_MAGIC);
    bytes[8..16].copy_from_slice(&length.to_be_bytes());
    let check: [u8; 32] = Sha256::digest(&bytes[..16]).into();
    bytes[16..].copy_from_slice(&check[..8]);
    bytes
}

/// The published length; `None` when the file does not say.
pub(crate) fn read_durable(file: &dyn DiskFile) -> io::Result<Option<u64>> {
    // A reader may meet the 24 bytes half replaced; looking again is enough. After a power cut they may stay so.
    for _ in 0..100 {
        let mut bytes = [0; DURABLE_BYTES];
        let count = read_up_to(file, &mut bytes, 0)?;
        let length = u64::from_be_bytes(bytes[8..16].try_into().expect("eight bytes"));
        if count == DURABLE_BYTES && bytes == encode_durable(length) {
            return Ok(Some(length));
        }
        std::thread::yield_now();
    }
    Ok(None)
}

/// What stands in the file `checkpoint`, read but not yet believed.
pub(crate) fn read_checkpoint(
    disk: &dyn Disk,
    folder: &Path,
) -> io::Result<Option<Result<Checkpoint, CheckpointError>>> {
    match read_whole(disk, &folder.join(CHECKPOINT), CHECKPOINT_BYTES_MAX as u64) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| CheckpointError::Form("it is not text"));
            Ok(Some(text.and_then(|text| Checkpoint::parse(&text))))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Ok(Some(Err(CheckpointError::Form("it is too long"))))
        }
        Err(error) => Err(error),
    }
}

/// Adds a checkpoint to the history, `at` the end of what is there. Returns when it survives a power cut: only then may
/// it become the newest.
pub(crate) fn append_history(
    disk: &dyn Disk,
    folder: &Path,
    checkpoint: &Checkpoint,
    at: u64,
) -> io::Result<()> {
    let path = folder.join(CHECKPOINTS);
    let file = open_or_create(disk, &path)?;
    let written = file.write_at(format!("{}\n", checkpoint.text).as_bytes(), at).and_then(|()| file.sync());
    if written.is_err() {
        // Best effort: what a full disk left of it is also told from a checkpoint when the journal is next opened.
        let _ = file.set_length(at);
    }
    written?;
    if at == 0 { disk.sync_folder(folder) } else { Ok(()) }
}

/// Takes away what an interrupted write left behind the last whole checkpoint of the history.
pub(crate) fn trim_history(disk: &dyn Disk, folder: &Path, end: u64) -> io::Result<()> {
    let file = match disk.open(&folder.join(CHECKPOINTS), Access::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if file.length()? > end {
        file.set_length(end)?;
        file.sync()?;
    }
    Ok(())
}

/// The leaf hashes as the file `leaves` has them; fewer or none when it is short or missing.
pub(crate) fn read_leaves(disk: &dyn Disk, folder: &Path, records: u64) -> Vec<Hash> {
    let limit = records.saturating_mul(32).saturating_add(1024 * 1024);
    let bytes = read_whole(disk, &folder.join(LEAVES), limit).unwrap_or_default();
    bytes.as_chunks::<32>().0.to_vec()
}

pub(crate) fn open_or_create(disk: &dyn Disk, path: &Path) -> io::Result<Box<dyn DiskFile>> {
    match disk.open(path, Access::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => disk.open(path, Access::Create),
        other => other,
    }
}
