//! Fetches copied unit folders from disk. The only file of this reader that touches the world.
//!
//! The copy may be hostile or broken: a link is read as a text and never followed, so nothing outside of the named
//! folder is opened; pipes, devices and sockets are not opened either. A link is enough for systemd's own purposes:
//! it says which unit is meant.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{Origin, Unreadable};
use super::name;

/// Where systemd looks, the strongest first.
const LAYERS: [(&str, UnitAuthor); 12] = [
    ("etc/systemd/system.control", UnitAuthor::Here),
    ("run/systemd/system.control", UnitAuthor::Here),
    ("run/systemd/transient", UnitAuthor::Here),
    ("run/systemd/generator.early", UnitAuthor::Generated),
    ("etc/systemd/system", UnitAuthor::Here),
    ("run/systemd/system", UnitAuthor::Here),
    ("run/systemd/generator", UnitAuthor::Generated),
    ("usr/local/lib/systemd/system", UnitAuthor::Here),
    ("opt/systemd/system", UnitAuthor::Here),
    ("usr/lib/systemd/system", UnitAuthor::Vendor),
    ("lib/systemd/system", UnitAuthor::Vendor),
    ("run/systemd/generator.late", UnitAuthor::Generated),
];

/// Longest unit file read, and longest output of `systemctl show`.
const UNIT_BYTES_MAX: u64 = 1 << 20;
const DUMP_BYTES_MAX: u64 = 256 << 20;
/// Most files of one import, so that a call on the wrong folder ends.
const ENTRIES_MAX: usize = 200_000;
/// Most hosts of one import.
const HOSTS_MAX: usize = 10_000;

/// Who wrote a unit: the people of this host, a program at boot, or the package it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitAuthor {
    Here,
    Generated,
    Vendor,
}

/// What a name in a unit folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// A link, by its target's text.
    Link(String),
}

/// A file or link of a unit folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position of its folder among those systemd looks into: smaller is stronger.
    pub layer: usize,
    pub written: UnitAuthor,
    /// `x.service.d`, `x.target.wants`; `None`: directly in the unit folder.
    pub folder: Option<String>,
    pub name: String,
    /// As people know it, from the named folder on.
    pub shown: Arc<str>,
    pub content: Content,
}

/// The output of `systemctl show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    pub shown: Arc<str>,
    pub text: String,
}

/// What was copied from one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostCopy {
    /// From the folder's or file's name, or the copy's `etc/hostname`; `None`: nobody said.
    pub name: Option<String>,
    pub entries: Vec<Entry>,
    pub dumps: Vec<Dump>,
    /// The copy of a whole host without what programs generate at boot (`run/systemd/generator`).
    pub without_generated: bool,
    /// Its public keys for ssh, as its own files have them, without the comment.
    pub host_keys: Vec<String>,
}

/// Everything below the named folder that can be understood as units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitSources {
    pub hosts: Vec<HostCopy>,
    /// What was left alone, and why.
    pub skipped: Vec<(Origin, String)>,
}

/// Reads a folder (or one file) as described in the guide.
pub fn gather(path: &Path) -> Result<UnitSources, Unreadable> {
    let here = Origin::file(&path.to_string_lossy());
    let kind = fs::metadata(path).map_err(|error| {
        Unreadable::new(
            &here,
            format!("it cannot be read: {error}"),
            "name the folder with the copied units, or the file with the output of `systemctl show '*'`",
        )
    })?;
    let mut walk = Walk { base: path.to_owned(), root: None, gathered: UnitSources::default(), entries: 0 };
    if kind.is_dir() {
        walk.folder_of_hosts()?;
    } else {
        walk.base = path.parent().unwrap_or(Path::new("")).to_owned();
        let dump = kind.is_file().then(|| walk.dump(path)).flatten();
        let host = HostCopy { name: stem(path), dumps: dump.into_iter().collect(), ..HostCopy::default() };
        walk.gathered.hosts.push(host);
    }
    walk.gathered.hosts.retain(|host| !host.entries.is_empty() || !host.dumps.is_empty());
    if walk.gathered.hosts.is_empty() {
        return Err(Unreadable::new(
            &here,
            "no unit file and no output of `systemctl show` was found here",
            "name a folder that holds *.service files, or etc/systemd/system, or a folder for each host, or the output of `systemctl show '*'`",
        ));
    }
    Ok(walk.gathered)
}

struct Walk {
    /// Names are shown from here on.
    base: PathBuf,
    /// The folder that stands for `/` of the host at hand, where the copy has one.
    root: Option<PathBuf>,
    gathered: UnitSources,
    entries: usize,
}

impl Walk {
    fn folder_of_hosts(&mut self) -> Result<(), Unreadable> {
        let base = self.base.clone();
        if let Some(host) = self.host(&base)? {
            self.gathered.hosts.push(host);
            return Ok(());
        }
        for (name, path) in self.listed(&base) {
            if is_folder(&path) {
                if let Some(mut host) = self.host(&path)? {
                    host.name = Some(name);
                    self.gathered.hosts.push(host);
                }
            } else if let Some(dump) = self.dump(&path) {
                let host = HostCopy { name: stem(&path), dumps: vec![dump], ..HostCopy::default() };
                self.gathered.hosts.push(host);
            }
            if self.gathered.hosts.len() > HOSTS_MAX {
                return Err(self.too_much());
            }
        }
        Ok(())
    }

    /// A folder that is the copy of one host: with systemd's folders in it, or itself a folder of units.
    fn host(&mut self, folder: &Path) -> Result<Option<HostCopy>, Unreadable> {
        let mut host = HostCopy::default();
        let mut found = false;
        self.root = Some(folder.to_owned());
        for (layer, (below, written)) in LAYERS.into_iter().enumerate() {
            if let Some(path) = plain_folder(folder, below) {
                found = true;
                self.units(&path, layer, written, &mut host)?;
            }
        }
        if found {
            host.name = self.hostname(folder).or_else(|| file_name(folder));
            host.host_keys = self.host_keys(folder);
            host.without_generated = plain_folder(folder, "run/systemd/generator").is_none();
            if host.without_generated {
                self.fstab(folder, &mut host);
            }
            self.dumps_in(folder, &mut host);
            return Ok(Some(host));
        }
        self.root = None;
        if self.listed(folder).iter().any(|(name, path)| name::kind(name).is_some() && !is_folder(path)) {
            found = true;
            self.units(folder, 0, UnitAuthor::Here, &mut host)?;
            self.dumps_in(folder, &mut host);
        } else if folder != self.base {
            self.dumps_in(folder, &mut host);
            found = !host.dumps.is_empty();
        }
        Ok(found.then_some(host))
    }

    fn hostname(&self, folder: &Path) -> Option<String> {
        let path = plain_folder(folder, "etc")?.join("hostname");
        let text = self.text(&path, UNIT_BYTES_MAX).ok()?;
        let name = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
        (name.len() <= 64 && !name.contains(char::is_whitespace)).then(|| name.to_owned())
    }

    /// Public ones: they say by what the host is known again, and are no secret.
    fn host_keys(&self, folder: &Path) -> Vec<String> {
        let Some(ssh) = plain_folder(folder, "etc/ssh") else { return Vec::new() };
        let names = ["ssh_host_ed25519_key.pub", "ssh_host_ecdsa_key.pub", "ssh_host_rsa_key.pub"];
        let texts = names.iter().filter_map(|name| self.text(&ssh.join(name), UNIT_BYTES_MAX).ok());
        texts.map(|text| text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
    }

    /// Mounts as systemd makes them of `etc/fstab` at boot.
    fn fstab(&self, folder: &Path, host: &mut HostCopy) {
        let Some(path) = plain_folder(folder, "etc").map(|etc| etc.join("fstab")) else { return };
        let Ok(text) = self.text(&path, UNIT_BYTES_MAX) else { return };
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let mut fields = line.split_whitespace();
            let (Some(what), Some(at), Some(kind)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            if !at.starts_with('/') {
                continue;
            }
            host.entries.push(Entry {
                layer: LAYERS.len(),
                written: UnitAuthor::Generated,
                folder: None,
                name: name::mount_of(at),
                shown: self.shown(&path).into(),
                content: Content::Text(format!("[Mount]\nWhat={what}\nWhere={at}\nType={kind}\n")),
            });
        }
    }

    fn units(
        &mut self,
        folder: &Path,
        layer: usize,
        written: UnitAuthor,
        host: &mut HostCopy,
    ) -> Result<(), Unreadable> {
        for (name, path) in self.listed(folder) {
            if is_folder(&path) {
                if is_beside_a_unit(&name) {
                    for (inner, path) in self.listed(&path) {
                        self.entry(&path, (layer, written), Some(&name), inner, host)?;
                    }
                }
            } else if name::kind(&name).is_some() {
                self.entry(&path, (layer, written), None, name, host)?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        (layer, written): (usize, UnitAuthor),
        folder: Option<&str>,
        name: String,
        host: &mut HostCopy,
    ) -> Result<(), Unreadable> {
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            return Err(self.too_much());
        }
        let shown: Arc<str> = self.shown(path).into();
        let is_link = fs::symlink_metadata(path).is_ok_and(|kind| kind.file_type().is_symlink());
        let content = if is_link {
            fs::read_link(path)
                .map(|target| {
                    self.linked(&target, &name)
                        .map_or_else(|| Content::Link(target.to_string_lossy().into_owned()), Content::Text)
                })
                .map_err(|error| error.to_string())
        } else {
            self.text(path, UNIT_BYTES_MAX).map(Content::Text)
        };
        match content {
            Ok(content) => {
                let folder = folder.map(str::to_owned);
                host.entries.push(Entry { layer, written, folder, name, shown, content });
            }
            Err(why) => self.gathered.skipped.push((Origin { file: shown, line: 0 }, why)),
        }
        Ok(())
    }

    /// A unit that people keep elsewhere on the host and linked in (`/opt/app/app.service`), if that place was copied
    /// too. The way there must not lead over another link.
    fn linked(&self, target: &Path, name: &str) -> Option<String> {
        let below = target.strip_prefix("/").ok()?;
        let is_straight = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let in_a_layer = LAYERS.iter().any(|(layer, _)| below.starts_with(layer));
        if !is_straight || in_a_layer || below.file_name()? != name {
            return None;
        }
        let folder = plain_folder(self.root.as_ref()?, &below.parent()?.to_string_lossy())?;
        self.text(&folder.join(name), UNIT_BYTES_MAX).ok()
    }

    fn dumps_in(&mut self, folder: &Path, host: &mut HostCopy) {
        for (name, path) in self.listed(folder) {
            if name::kind(&name).is_none() && !is_folder(&path) {
                host.dumps.extend(self.dump(&path));
            }
        }
    }

    /// The file, if it looks like the output of `systemctl show`.
    fn dump(&mut self, path: &Path) -> Option<Dump> {
        let start = bytes(path, 64 << 10).ok().map(|(start, _)| start)?;
        if !looks_like_a_dump(&String::from_utf8_lossy(&start)) {
            return None;
        }
        let shown: Arc<str> = self.shown(path).into();
        match self.text(path, DUMP_BYTES_MAX) {
            Ok(text) => Some(Dump { shown, text }),
            Err(why) => {
                self.gathered.skipped.push((Origin { file: shown, line: 0 }, why));
                None
            }
        }
    }

    /// The whole text of a plain file, bytes that are no UTF-8 replaced.
    fn text(&self, path: &Path, bytes_max: u64) -> Result<String, String> {
        match bytes(path, bytes_max) {
            Ok((_, More::Left)) => {
                Err(format!("it is larger than {} MiB, so it was not read", bytes_max >> 20))
            }
            Ok((bytes, More::Nothing)) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(why) => Err(why),
        }
    }

    /// What stands in a folder, by name.
    fn listed(&mut self, folder: &Path) -> Vec<(String, PathBuf)> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let origin = Origin::file(&self.shown(folder));
                self.gathered.skipped.push((origin, error.to_string()));
                return Vec::new();
            }
        };
        let mut listed: Vec<(String, PathBuf)> = entries
            .flatten()
            .take(ENTRIES_MAX + 1)
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
            .filter(|(name, _)| !name.starts_with('.'))
            .collect();
        listed.sort();
        listed
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.base).unwrap_or(path).to_string_lossy().into_owned()
    }

    fn too_much(&self) -> Unreadable {
        Unreadable::new(
            &Origin::file(&self.base.to_string_lossy()),
            format!("more than {ENTRIES_MAX} unit files or {HOSTS_MAX} hosts are here"),
            "name the folder with the copied units itself, or import it in parts",
        )
    }
}

/// Folders that say something about the unit they are named after.
fn is_beside_a_unit(name: &str) -> bool {
    [".d", ".wants", ".requires", ".upholds"].iter().any(|end| name.ends_with(end))
}

/// Properties of several units, one `Key=Value` a line.
fn looks_like_a_dump(start: &str) -> bool {
    let mut keys = start.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key);
    let is_unit_file = start.lines().any(|line| line.starts_with("[Unit]") || line.starts_with("[Service]"));
    !is_unit_file && !start.contains('\0') && keys.any(|key| key == "Id" || key == "Names")
}

fn stem(path: &Path) -> Option<String> {
    Some(path.file_stem()?.to_string_lossy().into_owned())
}

fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// A folder itself, not a link to one.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|kind| kind.is_dir())
}

/// `below` in `folder`, if every part on the way is a folder and none a link.
fn plain_folder(folder: &Path, below: &str) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for part in below.split('/') {
        path.push(part);
        if !is_folder(&path) {
            return None;
        }
    }
    Some(path)
}

/// Whether there was more than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    Nothing,
    Left,
}

/// Up to `bytes_max` bytes of a plain file. Looks at the kind first: opening a pipe would wait for ever, and opening
/// a device may do something.
fn bytes(path: &Path, bytes_max: u64) -> Result<(Vec<u8>, More), String> {
    let plain = |kind: std::io::Result<fs::Metadata>| match kind {
        Ok(kind) if kind.is_file() => Ok(()),
        Ok(_) => Err("it is not a plain file, so it was not opened".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    plain(fs::symlink_metadata(path))?;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("the flags of open fit its argument");
    let file: File =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| error.to_string())?;
    plain(file.metadata())?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let more = if bytes.len() as u64 > bytes_max { More::Left } else { More::Nothing };
    bytes.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    Ok((bytes, more))
}
