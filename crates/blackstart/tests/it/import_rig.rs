//! What the tests of `blackstart import` share: a folder with sources in it, and the binary run on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) struct Rig {
    folder: tempfile::TempDir,
}

impl Rig {
    /// A folder with these files; `-> target` is a link.
    pub(crate) fn new(files: &[(&str, &str)]) -> Rig {
        let rig = Rig { folder: tempfile::tempdir().unwrap() };
        files.iter().for_each(|(path, text)| rig.write(path, text.as_bytes()));
        rig
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match bytes.strip_prefix(b"-> ") {
            Some(target) => {
                std::os::unix::fs::symlink(String::from_utf8_lossy(target).as_ref(), path).unwrap();
            }
            None => std::fs::write(path, bytes).unwrap(),
        }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// `blackstart import SORT in… -o estate …`.
    pub(crate) fn import(&self, sort: &str, source: &str, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
        command.args(["import", sort]).arg(self.path(source)).arg("-o").arg(self.path("estate")).args(more);
        command.output().unwrap()
    }

    /// The answer as JSON, pretty, for golden files.
    pub(crate) fn answer(&self, sort: &str, source: &str, more: &[&str]) -> String {
        let more: Vec<&str> = more.iter().copied().chain(["--json"]).collect();
        let output = self.import(sort, source, &more);
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    }

    /// The estate can be judged and planned, and nothing in it is blocking.
    pub(crate) fn is_usable(&self) {
        for command in ["check", "plan"] {
            let output = Command::new(env!("CARGO_BIN_EXE_blackstart"))
                .arg(command)
                .arg(self.path("estate"))
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(0), "{command}: {}{}", text(&output.stdout), talk(&output));
        }
    }

    /// A source that is refused: exit 2, the place named, something to do, and nothing written.
    pub(crate) fn is_refused(&self, sort: &str, source: &str, says: &[&str]) {
        let output = self.import(sort, source, &[]);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{}", talk(&output));
        for part in says.iter().chain(&["what to do: "]) {
            assert!(talk(&output).contains(part), "{part} is not in: {}", talk(&output));
        }
        assert!(!exists(&self.path("estate")), "nothing half written");
    }
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn talk(output: &Output) -> String {
    text(&output.stderr)
}
