//! `cargo xtask package`: a Debian package of the program, and the proof that it works where nothing else is.
//!
//! Stages a tree and hands it to `dpkg-deb`, which every Debian has; docs/decisions/0006-package.md says why. The package
//! has no scripts: nothing of it runs while it is installed, and it can as well be unpacked by hand on a rescue host.

mod empty_root;
mod stage;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, root, say, step, target_folder};

/// What is packed, from where, to where.
struct Wish {
    /// A program that is built already; without it the release build.
    binary: Option<PathBuf>,
    /// Folder of the package; made if it is not there.
    out: PathBuf,
    /// Hardly compressed: for tests.
    quick: bool,
}

const USAGE: &str = "call `cargo xtask package [--binary FILE] [--out DIR] [--quick]`";

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let wish = wish(args)?;
    missing_tools()?;
    let binary = match &wish.binary {
        Some(binary) => binary.clone(),
        None => {
            step("build", cargo(&["build", "--release", "--package", "blackstart"]))?;
            target_folder().join("release/blackstart")
        }
    };
    let tree = wish.out.join("tree");
    let version = version(&binary)?;
    let depends = stage::stage(&binary, &tree)?;
    stage::control(&tree, &version, &depends, &architecture()?)?;
    let package = wish.out.join(format!("blackstart_{version}_{}.deb", architecture()?));
    let mut build = Command::new("dpkg-deb");
    build.args(if wish.quick { &["-Zgzip", "-z1"][..] } else { &["-Zxz"] });
    build.args(["--root-owner-group", "--build"]).arg(&tree).arg(&package);
    build.env("SOURCE_DATE_EPOCH", date());
    step("dpkg-deb", build)?;
    empty_root::prove(&package, &wish.out.join("empty-root"), &version)?;
    say(&format!("{}\ninstall it: apt-get install {0}", package.display()));
    Ok(())
}

fn wish(args: &[String]) -> Result<Wish, String> {
    let mut wish = Wish { binary: None, out: target_folder().join("package"), quick: false };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut path = || args.next().map(PathBuf::from).ok_or(USAGE);
        match arg.as_str() {
            "--binary" => wish.binary = Some(path()?),
            "--out" => wish.out = path()?,
            "--quick" => wish.quick = true,
            unknown => return Err(format!("`{unknown}` is not understood: {USAGE}")),
        }
    }
    // Tools are called from other folders.
    let absolute =
        |path: &Path| std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()));
    wish.out = absolute(&wish.out)?;
    wish.binary = wish.binary.as_deref().map(absolute).transpose()?;
    Ok(wish)
}

/// Everything that is missing, at once, with the one command that brings it.
fn missing_tools() -> Result<(), String> {
    const NEEDED: &[(&str, &str)] =
        &[("dpkg-deb", "dpkg"), ("dpkg-shlibdeps", "dpkg-dev"), ("strip", "binutils"), ("gzip", "gzip")];
    let is_missing = |tool: &str| Command::new(tool).arg("--version").output().is_err();
    let missing: Vec<&(&str, &str)> = NEEDED.iter().filter(|(tool, _)| is_missing(tool)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let tools: Vec<&str> = missing.iter().map(|(tool, _)| *tool).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    Err(format!(
        "no package was made, because {} is missing. On Debian and its kin: apt-get install {}",
        tools.join(", "),
        packages.join(" ")
    ))
}

/// What the program itself says, so that package and program never differ.
fn version(binary: &Path) -> Result<String, String> {
    let said = said(Command::new(binary).arg("--version"))?;
    said.trim().strip_prefix("blackstart ").map(str::to_owned).ok_or(format!("`{said}` is not a version"))
}

fn architecture() -> Result<String, String> {
    said(Command::new("dpkg").arg("--print-architecture")).map(|said| said.trim().to_owned())
}

/// The time of the newest commit: the same source gives the same package. Seconds since 1970.
fn date() -> String {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    given
        .or_else(|| said(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root())).ok())
        .map_or_else(|| "0".to_owned(), |seconds| seconds.trim().to_owned())
}

/// What a command prints on stdout.
fn said(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("cannot start {shown}: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{shown} ended with {}: {}", output.status, why.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
