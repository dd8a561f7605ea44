//! The tree of files that becomes the package, and what is said about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::said;
use crate::{cargo, root};

const DOC: &str = "usr/share/doc/blackstart";

/// Puts every file where Debian expects it. Returns what the program needs, as dpkg names it.
pub(super) fn stage(binary: &Path, tree: &Path) -> Result<String, String> {
    if tree.exists() {
        fs::remove_dir_all(tree).map_err(|error| format!("cannot empty {}: {error}", tree.display()))?;
    }
    let program = tree.join("usr/bin/blackstart");
    copy(binary, &program)?;
    said(Command::new("strip").arg("--strip-unneeded").arg(&program))?;
    mode(&program, 0o755)?;
    for (shell, place) in [
        ("bash", "usr/share/bash-completion/completions/blackstart"),
        ("zsh", "usr/share/zsh/vendor-completions/_blackstart"),
        ("fish", "usr/share/fish/vendor_completions.d/blackstart.fish"),
    ] {
        write(&tree.join(place), &said(Command::new(binary).args(["completions", shell]))?)?;
    }
    let pages = tree.join("usr/share/man/man1");
    said(Command::new(binary).args(["man", "--out"]).arg(&pages))?;
    for page in listed(&pages)? {
        mode(&page, 0o644)?;
        said(Command::new("gzip").args(["-9", "--no-name"]).arg(&page))?;
    }
    let packaging = root().join("packaging");
    for unit in ["blackstart-watch@.service", "blackstart-bridge.service"] {
        copy(&packaging.join(unit), &tree.join("usr/lib/systemd/system").join(unit))?;
    }
    copy(&packaging.join("bridge.toml"), &tree.join(DOC).join("examples/bridge.toml"))?;
    copy(&packaging.join("copyright"), &tree.join(DOC).join("copyright"))?;
    write(&tree.join(DOC).join("crates.txt"), &crates()?)?;
    for (from, to) in [("estates/gkv", "examples/gkv"), ("docs/guide", "guide"), ("docs/formats", "formats")]
    {
        for file in listed(&root().join(from))?.iter().filter(|file| file.is_file()) {
            copy(file, &tree.join(DOC).join(to).join(file.file_name().unwrap_or_default()))?;
        }
    }
    depends(&program, tree)
}

/// Every crate that is linked in, with its licence.
fn crates() -> Result<String, String> {
    let form = ["--edges", "normal", "--prefix", "none", "--format", "{p}: {l}"];
    let listed = said(cargo(&["tree", "--package", "blackstart", "--locked"]).args(form))?;
    let mut lines: Vec<String> = listed
        .lines()
        .filter(|line| !line.contains(&root().display().to_string()))
        .map(|line| line.replace(" (*)", "").replace(" (proc-macro)", ""))
        .collect();
    lines.sort();
    lines.dedup();
    Ok(lines.join("\n") + "\n")
}

/// The libraries of the system, as names and versions of packages. The tool reads a source package, so it gets one.
fn depends(program: &Path, tree: &Path) -> Result<String, String> {
    let beside = tree.with_file_name("shlibdeps");
    write(&beside.join("debian/control"), "Source: blackstart\n\nPackage: blackstart\nArchitecture: any\n")?;
    let found = said(Command::new("dpkg-shlibdeps").arg("-O").arg(program).current_dir(&beside))?;
    let line = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    line.map(str::to_owned).ok_or(format!("dpkg-shlibdeps said nothing of libraries: {found}"))
}

pub(super) fn control(tree: &Path, version: &str, depends: &str, architecture: &str) -> Result<(), String> {
    let kibibytes = size(tree)?.div_ceil(1024);
    let by = |name: &str| std::env::var(name).ok();
    let maintainer = match (by("DEBFULLNAME"), by("DEBEMAIL")) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        _ => "The Blackstart authors".to_owned(),
    };
    let text = format!(
        "\
Package: blackstart
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {kibibytes}
Depends: {depends}
Recommends: openssh-client
Suggests: restic, man-db, bash-completion
Section: admin
Priority: optional
Description: bring a shared IT provider through a cyberattack
 Knows what there is, finds what is not clean, cuts off what is infected, finds the
 last clean recovery point, computes and runs the restart, keeps business going
 meanwhile, and proves all of it from one journal. One program, one folder; it runs
 when identity, DNS, mail, databases and the internet are down.
"
    );
    write(&tree.join("DEBIAN/control"), &text)
}

fn size(folder: &Path) -> Result<u64, String> {
    let mut sum = 0;
    for path in listed(folder)? {
        let metadata = fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        sum += if metadata.is_dir() { size(&path)? } else { metadata.len() };
    }
    Ok(sum)
}

/// What lies in a folder, in the order of names.
fn listed(folder: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).map_err(cannot)?.collect();
    let mut paths: Vec<_> = entries.map_err(cannot)?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let text = fs::read(from).map_err(|error| format!("cannot read {}: {error}", from.display()))?;
    put(to, &text)
}

fn write(to: &Path, text: &str) -> Result<(), String> {
    put(to, text.as_bytes())
}

/// Readable by everybody, whatever this machine's umask is.
fn put(to: &Path, bytes: &[u8]) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("cannot write {}: {error}", to.display());
    fs::create_dir_all(to.parent().unwrap_or(Path::new("/"))).map_err(cannot)?;
    fs::write(to, bytes).map_err(cannot)?;
    mode(to, 0o644)
}

fn mode(path: &Path, mode: u32) -> Result<(), String> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| format!("cannot set the mode of {}: {error}", path.display()))
}
