//! What an attacker does to file after file, without a pause.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use drill::attack::{self, Pattern};

use super::watching::PATIENCE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    Full,
    Head4k,
    Intermittent,
    NewAndDelete,
    Renamed,
    Deleted,
}

impl Attack {
    pub const ALL: [Attack; 6] = [
        Attack::Full,
        Attack::Head4k,
        Attack::Intermittent,
        Attack::NewAndDelete,
        Attack::Renamed,
        Attack::Deleted,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Attack::Full => "every byte, in place",
            Attack::Head4k => "the first 4 KiB, in place",
            Attack::Intermittent => "64 bytes of every 192, in place",
            Attack::NewAndDelete => "encrypted copy written, original deleted",
            Attack::Renamed => "every byte and a footer, then a new ending",
            Attack::Deleted => "deleted",
        }
    }
}

/// Goes on until an alarm is printed, or everything is done and none came in a good while. How many files were reached when it
/// was printed.
pub(super) fn until_told(
    attack: Attack,
    targets: &[PathBuf],
    seed: u64,
    alarms: &Receiver<String>,
) -> Result<Option<u64>, String> {
    let mut reached = 0;
    for (number, path) in targets.iter().enumerate() {
        match alarms.try_recv() {
            Ok(_) => return Ok(Some(reached)),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Err("the watch ended during the attack".to_owned()),
        }
        hit(attack, path, seed + number as u64)?;
        reached += 1;
    }
    // Nobody speaks at the other end in a test of the attack alone.
    let patience = if cfg!(test) { Duration::ZERO } else { PATIENCE };
    match alarms.recv_timeout(patience) {
        Ok(_) => Ok(Some(reached)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err("the watch ended after the attack".to_owned()),
    }
}

fn hit(attack: Attack, path: &Path, seed: u64) -> Result<(), String> {
    match attack {
        Attack::Full => encrypt(Pattern::Full, path, seed),
        Attack::Head4k => encrypt(Pattern::Head4k, path, seed),
        Attack::Intermittent => encrypt(Pattern::Alternate64, path, seed),
        Attack::NewAndDelete => {
            let bytes = changed(Pattern::Full, path, seed)?;
            let copy = with_ending(path);
            let wrong = |error: std::io::Error| format!("cannot attack {}: {error}", path.display());
            File::create_new(&copy).and_then(|mut file| file.write_all(&bytes)).map_err(wrong)?;
            fs::remove_file(path).map_err(wrong)
        }
        Attack::Renamed => {
            encrypt(Pattern::FooterRename, path, seed)?;
            fs::rename(path, with_ending(path))
                .map_err(|error| format!("cannot rename {}: {error}", path.display()))
        }
        Attack::Deleted => {
            fs::remove_file(path).map_err(|error| format!("cannot delete {}: {error}", path.display()))
        }
    }
}

fn with_ending(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".kqzx7");
    PathBuf::from(name)
}

fn changed(pattern: Pattern, path: &Path, seed: u64) -> Result<Vec<u8>, String> {
    let mut bytes = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    attack::apply(pattern, &mut bytes, &[7; 32], seed);
    Ok(bytes)
}

/// In place: the same file, not a new one of that name.
pub(super) fn encrypt(pattern: Pattern, path: &Path, seed: u64) -> Result<(), String> {
    let bytes = changed(pattern, path, seed)?;
    let write = || {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&bytes)
    };
    write().map_err(|error: std::io::Error| format!("cannot attack {}: {error}", path.display()))
}
