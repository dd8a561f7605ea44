//! The Debian package, made of the program that the other tests have built, works where nothing else is.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on may panic, and says what it skips"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The debug build of `cargo test --workspace`; none is built here, because that would take minutes.
fn built() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("blackstart");
    beside.is_file().then_some(beside)
}

fn package(binary: &Path, out: &Path, path: Option<&Path>) -> (Output, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["package", "--quick", "--binary"]).arg(binary).arg("--out").arg(out);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[test]
fn the_package_installs_into_an_empty_root_and_works_there() {
    let Some(binary) = built() else {
        return eprintln!("SKIPPED: no blackstart is built beside xtask (cargo build --package blackstart)");
    };
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        return eprintln!("SKIPPED: dpkg-deb is missing; packages are made on Debian and its kin");
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
    let (output, said) = package(&binary, &out, None);
    assert!(output.status.success(), "{said}");
    if said.contains("SKIPPED") {
        return eprintln!("{said}");
    }
    assert!(
        said.contains("version, check and plan work") && said.contains("the units start, starts"),
        "{said}"
    );
    let inside = |path: &str| out.join("empty-root").join(path).exists();
    for path in [
        "usr/share/man/man1/blackstart.1.gz",
        "usr/share/man/man1/blackstart-plan-show.1.gz",
        "usr/share/bash-completion/completions/blackstart",
        "usr/share/zsh/vendor-completions/_blackstart",
        "usr/share/fish/vendor_completions.d/blackstart.fish",
        "usr/share/doc/blackstart/copyright",
        "usr/share/doc/blackstart/examples/gkv/services.toml",
        "usr/lib/systemd/system/blackstart-watch@.service",
    ] {
        assert!(inside(path), "{path} was not installed");
    }
}

#[test]
fn a_missing_tool_is_named_with_the_command_that_brings_it() {
    let nothing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-tools");
    std::fs::create_dir_all(&nothing).unwrap();
    let (output, said) = package(Path::new("/bin/true"), &nothing.join("out"), Some(&nothing));
    assert!(!output.status.success());
    assert!(
        said.contains("dpkg-shlibdeps") && said.contains("apt-get install dpkg dpkg-dev binutils"),
        "{said}"
    );
}

/// systemd itself reads the units, where it is there.
#[test]
fn systemd_understands_the_units() {
    let Some(program) = built() else { return eprintln!("SKIPPED: no blackstart is built beside xtask") };
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return eprintln!("NOT TESTED: the units, because systemd-analyze is missing");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("units");
    std::fs::create_dir_all(&folder).unwrap();
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("packaging");
    for (unit, name) in [
        ("blackstart-bridge.service", "blackstart-bridge.service"),
        ("blackstart-watch@.service", "blackstart-watch@test.service"),
    ] {
        // It checks that the program is there.
        let text = std::fs::read_to_string(packaging.join(unit)).unwrap();
        let text = text.replace("/usr/bin/blackstart", &program.display().to_string());
        std::fs::write(folder.join(name), text).unwrap();
        let mut verify = Command::new("systemd-analyze");
        let output = verify.args(["verify", "--man=no"]).arg(folder.join(name)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("blackstart")).collect();
        assert!(output.status.success() && ours.is_empty(), "{unit}: {said}");
    }
}

/// A program that calls what its unit does not let through is killed at once, unless the unit says otherwise; the watch calls
/// fanotify at every start.
#[test]
fn the_unit_of_the_watch_lets_it_hear_who_writes_and_never_kills_it_for_asking() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("packaging");
    let text = std::fs::read_to_string(packaging.join("blackstart-watch@.service")).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start));
    let closed = at("SystemCallFilter=~@resources @privileged").unwrap();
    let opened = at("SystemCallFilter=fanotify_init fanotify_mark").unwrap();
    assert!(closed < opened, "what comes later counts");
    assert!(at("SystemCallErrorNumber=EPERM").is_some());
    let rights = lines.iter().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).unwrap();
    assert!(rights.split(' ').any(|right| right == "CAP_SYS_ADMIN"), "{rights}");
    assert!(at("ProtectProc=invisible").is_none(), "then it could not see who wrote");
}
