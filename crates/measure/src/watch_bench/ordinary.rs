//! What people and programs do to many files at once, without meaning harm.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use drill::rng::Rng;

use super::tree::{Tree, walk};
use crate::scan_histories::files;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordinary {
    Unpack,
    GitCheckout,
    PackageUpgrade,
    PhotoImport,
    LogRotation,
    DatabaseLoad,
    BackupCopy,
    VirusScan,
    ChangeModes,
}

/// Of each: enough that it would be an alarm if it were taken for one.
const MANY: usize = 200;

type Done = Result<(), String>;

impl Ordinary {
    pub const ALL: [Ordinary; 9] = [
        Ordinary::Unpack,
        Ordinary::GitCheckout,
        Ordinary::PackageUpgrade,
        Ordinary::PhotoImport,
        Ordinary::LogRotation,
        Ordinary::DatabaseLoad,
        Ordinary::BackupCopy,
        Ordinary::VirusScan,
        Ordinary::ChangeModes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Ordinary::Unpack => "an archive is unpacked (tar)",
            Ordinary::GitCheckout => "another branch is checked out (git)",
            Ordinary::PackageUpgrade => "a package is upgraded: new files renamed over old ones",
            Ordinary::PhotoImport => "photos are imported",
            Ordinary::LogRotation => "logs are rotated and compressed",
            Ordinary::DatabaseLoad => "a database is loaded (SQLite)",
            Ordinary::BackupCopy => "a backup is written beside the files, as a copy and packed",
            Ordinary::VirusScan => "a virus scanner reads every file",
            Ordinary::ChangeModes => "chmod -R",
        }
    }

    /// What has to be there before the watch begins.
    pub(super) fn prepare(self, tree: &Tree) -> Done {
        let place = place(tree);
        make(&place)?;
        match self {
            Ordinary::Unpack => {
                // Beside the tree: only the unpacking is watched.
                let packed = packed(tree);
                ran(Command::new("tar")
                    .arg("-czf")
                    .arg(packed)
                    .arg("-C")
                    .arg(tree.root())
                    .args(["d0000", "d0001"]))
            }
            Ordinary::GitCheckout => two_branches(tree, &place),
            Ordinary::LogRotation => (0..20).try_for_each(|number| {
                let log = files::text(&mut Rng::named(number, "log"), 20_000, '\n');
                write(&place.join(format!("app-{number}.log")), &log)
            }),
            Ordinary::DatabaseLoad => {
                sql(&place.join("shop.sqlite"), "create table sold (what text, price integer);")
            }
            Ordinary::PackageUpgrade
            | Ordinary::PhotoImport
            | Ordinary::BackupCopy
            | Ordinary::VirusScan
            | Ordinary::ChangeModes => Ok(()),
        }
    }

    pub(super) fn happen(self, tree: &Tree) -> Done {
        let place = place(tree);
        match self {
            Ordinary::Unpack => ran(Command::new("tar").arg("-xzf").arg(packed(tree)).arg("-C").arg(&place)),
            Ordinary::GitCheckout => git(&place, &["checkout", "--quiet", "other"]),
            Ordinary::PackageUpgrade => upgrade(tree),
            Ordinary::PhotoImport => (0..MANY).try_for_each(|number| {
                write(&place.join(format!("DSC{number:05}.JPG")), &photo(number as u64))
            }),
            Ordinary::LogRotation => {
                (0..20).try_for_each(|number| rotate(&place.join(format!("app-{number}.log"))))
            }
            Ordinary::DatabaseLoad => {
                let rows: String = (0..20_000)
                    .map(|number| {
                        format!("insert into sold values ('item {number}', {});", number * 7 % 1009)
                    })
                    .collect();
                sql(&place.join("shop.sqlite"), &format!("begin;{rows}commit;"))
            }
            Ordinary::BackupCopy => {
                ran(Command::new("cp").arg("-a").arg(tree.root().join("d0000")).arg(&place))?;
                let to = place.join("backup.tar.gz");
                ran(Command::new("tar").arg("-czf").arg(to).arg("-C").arg(tree.root()).arg("d0001"))
            }
            Ordinary::VirusScan => tree.files().iter().try_for_each(|path| read(path).map(drop)),
            Ordinary::ChangeModes => modes(tree, 0o640),
        }
    }

    /// Whatever is left that the tree itself would not take back.
    pub(super) fn take_back(self, tree: &Tree) -> Done {
        let place = place(tree);
        fs::remove_dir_all(&place).map_err(wrong(&place))?;
        match self {
            Ordinary::Unpack => fs::remove_file(packed(tree)).map_err(wrong(&packed(tree))),
            Ordinary::ChangeModes => modes(tree, 0o644),
            Ordinary::GitCheckout
            | Ordinary::PackageUpgrade
            | Ordinary::PhotoImport
            | Ordinary::LogRotation
            | Ordinary::DatabaseLoad
            | Ordinary::BackupCopy
            | Ordinary::VirusScan => Ok(()),
        }
    }
}

/// A folder among the watched ones, for what is new.
fn place(tree: &Tree) -> PathBuf {
    tree.root().join("elsewhere")
}

fn packed(tree: &Tree) -> PathBuf {
    tree.root().with_extension("tar.gz")
}

/// A third of two folders gets the content of another file of its type, as dpkg does it.
fn upgrade(tree: &Tree) -> Done {
    let contents = tree.contents();
    for (number, path) in tree.files().iter().take(MANY).enumerate().filter(|(number, _)| number % 3 == 0) {
        // The contents repeat their six types in turn.
        let other = &contents[(number + 6) % contents.len()].bytes;
        let fresh = path.with_extension("dpkg-new");
        write(&fresh, other)?;
        fs::rename(&fresh, path).map_err(wrong(path))?;
    }
    Ok(())
}

fn two_branches(tree: &Tree, place: &Path) -> Done {
    git(place, &["init", "--quiet", "--initial-branch", "main"])?;
    for (branch, shift) in [("other", 6), ("main", 0)] {
        git(place, &["checkout", "--quiet", "--orphan", branch])?;
        let contents = tree.contents();
        for number in 0..MANY {
            let content = &contents[(number + shift) % contents.len()];
            let ending = &contents[number % contents.len()].ending;
            write(&place.join(format!("part-{number}.{ending}")), &content.bytes)?;
        }
        git(place, &["add", "--all"])?;
        git(
            place,
            &["-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "-m", branch],
        )?;
    }
    Ok(())
}

fn git(place: &Path, args: &[&str]) -> Done {
    ran(Command::new("git").arg("-C").arg(place).args(["-c", "gc.auto=0"]).args(args))
}

/// As logrotate does it: renamed, a new one begun, the old one compressed.
fn rotate(log: &Path) -> Done {
    let (old, packed) = (log.with_extension("log.1"), log.with_extension("log.2.gz"));
    let bytes = read(log)?;
    fs::rename(log, &old).map_err(wrong(log))?;
    write(log, b"")?;
    write(&packed, &files::gzip(&bytes))?;
    fs::remove_file(&old).map_err(wrong(&old))
}

fn sql(database: &Path, text: &str) -> Done {
    let database = database.to_owned();
    rusqlite::Connection::open(&database)
        .and_then(|connection| connection.execute_batch(text))
        .map_err(|error| format!("cannot write {}: {error}", database.display()))
}

/// The frame of a JPEG with what looks like a picture's data: random, and every 0xff escaped.
fn photo(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 16];
    bytes.extend(b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    bytes.extend([0xff, 0xdb, 0, 67, 0]);
    bytes.extend(std::iter::repeat_n(16, 64));
    bytes.extend([0xff, 0xc0, 0, 11, 8, 0, 64, 0, 64, 1, 1, 0x11, 0]);
    bytes.extend([0xff, 0xc4, 0, 20, 0, 1]);
    bytes.extend([0; 16]);
    bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    for byte in files::random(&mut Rng::named(seed, "photo"), 40_000) {
        bytes.push(byte);
        if byte == 0xff {
            bytes.push(0);
        }
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

fn modes(tree: &Tree, mode: u32) -> Done {
    let mut all = Vec::new();
    walk(tree.root(), &mut |path, _| all.push(path))?;
    all.iter()
        .try_for_each(|path| fs::set_permissions(path, Permissions::from_mode(mode)).map_err(wrong(path)))
}

fn make(folder: &Path) -> Done {
    fs::create_dir_all(folder).map_err(wrong(folder))
}

fn write(path: &Path, bytes: &[u8]) -> Done {
    fs::write(path, bytes).map_err(wrong(path))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn wrong(path: &Path) -> impl Fn(std::io::Error) -> String + '_ {
    move |error| format!("cannot change {}: {error}", path.display())
}

fn ran(command: &mut Command) -> Done {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
