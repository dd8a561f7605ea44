//! A number drawn for one attempt at a step, by which what the attempt leaves in the world is known again.
//!
//! Everything else that could name an attempt (the incident, the run, the step) stands in the journal and on pages, so
//! an attacker can write it into data or into the environment of a process of his own. The nonce is on disk before the
//! attempt begins, in a file of the incident folder that only we can read; nobody can have planted it earlier.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::{Nonce, WorldFault};

const WORD_BYTES: usize = 16;
/// More than any nonce file has.
const FILE_BYTES_MAX: u64 = 4_096;

pub(super) fn drawn(path: &Path) -> Result<Option<Nonce>, WorldFault> {
    let fault = |cause: &dyn std::fmt::Display| {
        WorldFault::new(format!("reading the number of an attempt in {}", path.display()), cause)
    };
    let flags = i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits())
        .expect("both are small numbers on Linux");
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(&error)),
    };
    let metadata = file.metadata().map_err(|error| fault(&error))?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !ours || metadata.mode() & 0o077 != 0 {
        return Err(fault(&"it is not a file that only we can read, so nothing in it is believed"));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| fault(&error))?;
    parse(&text).map(Some).map_err(|error| fault(&error))
}

fn parse(text: &str) -> Result<Nonce, Error> {
    let [run, attempt, word, boot, ticks] = text.lines().collect::<Vec<_>>()[..] else {
        return Err(Error::other("it does not have five lines"));
    };
    let number = |_| Error::other("a number in it cannot be read");
    let since_ticks = ticks.parse().map_err(number)?;
    // Ticks are counted from the boot. Nothing that was begun before another one lives.
    let since_ticks = if boot == boot_id()? { since_ticks } else { u64::MAX };
    let attempt = attempt.parse().map_err(number)?;
    Ok(Nonce { run: run.to_owned(), attempt, word: word.to_owned(), since_ticks })
}

/// On disk when it returns, and never half there.
pub(super) fn draw(path: &Path, run: &str, attempt: u32) -> Result<Nonce, WorldFault> {
    let draw = || -> std::io::Result<Nonce> {
        let mut bytes = [0; WORD_BYTES];
        #[allow(clippy::disallowed_methods, reason = "a door of the world: nobody may foresee this one")]
        getrandom::fill(&mut bytes).map_err(|error| Error::other(error.to_string()))?;
        let word = estate::hex(&bytes);
        let (boot, since_ticks) = (boot_id()?, ticks_now()?);
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).create(folder)?;
        let new = path.with_extension("nonce.new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // `create_new` opens nothing that exists, and follows no link.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(format!("{run}\n{attempt}\n{word}\n{boot}\n{since_ticks}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()?;
        Ok(Nonce { run: run.to_owned(), attempt, word, since_ticks })
    };
    draw().map_err(|error| {
        WorldFault::new(format!("writing down the number of an attempt in {}", path.display()), error)
    })
}

fn boot_id() -> std::io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The same clock, cut off the same way, as the start tick of a process that begins now.
fn ticks_now() -> std::io::Result<u64> {
    let text = fs::read_to_string("/proc/uptime")?;
    let parsed =
        text.split_whitespace().next().and_then(|up| up.split_once('.')).and_then(|(whole, part)| {
            Some((whole.parse::<u64>().ok()?, part.get(..2)?.parse::<u64>().ok()?))
        });
    let (seconds, hundredths) = parsed.ok_or_else(|| Error::other("/proc/uptime holds no time"))?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(seconds.saturating_mul(per_second).saturating_add(hundredths.saturating_mul(per_second) / 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_nonce_is_new_each_time_and_only_ours_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output/start.service.a.nonce");
        assert_eq!(drawn(&path).unwrap(), None);
        let first = draw(&path, "r", 1).unwrap();
        assert_eq!(drawn(&path).unwrap().as_ref(), Some(&first));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let second = draw(&path, "r", 2).unwrap();
        assert_ne!(first.word, second.word);
        assert_eq!(drawn(&path).unwrap(), Some(second));
    }

    #[test]
    fn what_somebody_else_could_have_written_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nonce");
        draw(&path, "r", 1).unwrap();
        let link = folder.path().join("b.nonce");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(drawn(&link).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(drawn(&path).is_err());
    }

    #[test]
    fn after_another_boot_nothing_of_the_attempt_can_live() {
        let other = parse("r\n1\nword\nanother-boot\n5\n").unwrap();
        assert_eq!(other.since_ticks, u64::MAX);
    }
}
