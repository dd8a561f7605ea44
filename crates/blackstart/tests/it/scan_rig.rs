//! What the tests of `scan` stand on: the binary, an estate with one store, an incident, and a folder that is backed up.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, KeyOptions, PathList, Repository, RepositoryOptions,
    SnapshotOptions,
};
use serde_json::Value;

pub(crate) const PASSWORD: &str = "it is a test";

pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

pub(crate) fn blackstart(args: &[&str], password: Option<&str>) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
    command.args(args).env_remove("RESTIC_PASSWORD");
    if let Some(password) = password {
        command.env("RESTIC_PASSWORD", password);
    }
    let output = command.output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
}

impl Stage {
    /// An estate with one store, an incident, and a folder of letters.
    pub(crate) fn new() -> Stage {
        let stage = Stage { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(stage.at("estate")).unwrap();
        fs::create_dir_all(stage.at("live")).unwrap();
        let estate = format!(
            "provider = \"Test\"\n[site.muc]\nname = \"Munich\"\n[store.core-muc]\nname = \"Core\"\nsite = \"muc\"\nsize = 1\npath = {:?}\n",
            stage.at("live")
        );
        fs::write(stage.at("estate/estate.toml"), estate).unwrap();
        for number in 0..6 {
            stage.letter(number, b"");
        }
        let (incident, estate, key) = (stage.at("incident"), stage.at("estate"), stage.at("key"));
        let opened =
            blackstart(&["init", text(&incident), "--estate", text(&estate), "--key", text(&key)], None);
        assert_eq!(opened.code, 0, "{}", opened.err);
        stage
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A letter, or what is left of it.
    pub(crate) fn letter(&self, number: u8, encrypted_with: &[u8]) {
        let plain = format!("Sehr geehrte Frau Beispiel {number}, Ihre Krankmeldung ist da.\n").repeat(80);
        let mut state = u64::from(number) + 77;
        let bytes: Vec<u8> = plain
            .bytes()
            .map(|byte| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if encrypted_with.is_empty() { byte } else { byte ^ (state >> 56) as u8 ^ encrypted_with[0] }
            })
            .collect();
        fs::write(self.at("live").join(format!("letter-{number}.txt")), bytes).unwrap();
    }

    pub(crate) fn closed(&self) -> Repository<()> {
        fs::create_dir_all(self.at("repository")).unwrap();
        let backends = rustic_backend::BackendOptions::default()
            .repository(format!("local:{}", self.at("repository").display()))
            .to_backends()
            .unwrap();
        Repository::new(&RepositoryOptions::default().no_cache(true), &backends).unwrap()
    }

    pub(crate) fn snapshot(&self) -> String {
        self.snapshot_by("core")
    }

    /// By another host.
    pub(crate) fn snapshot_by(&self, host: &str) -> String {
        let credentials = Credentials::password(PASSWORD);
        let opened = if self.at("repository/config").exists() {
            self.closed().open(&credentials).unwrap()
        } else {
            self.closed().init(&credentials, &KeyOptions::default(), &ConfigOptions::default()).unwrap()
        };
        let source = PathList::from_string(text(&self.at("live"))).unwrap();
        let mut snapshot = SnapshotOptions::default().to_snapshot().unwrap();
        host.clone_into(&mut snapshot.hostname);
        let indexed = opened.to_indexed_ids().unwrap();
        indexed.backup(&BackupOptions::default(), &source, snapshot).unwrap().id.to_hex().as_str().to_owned()
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        let shown = blackstart(&["journal", "show", text(&self.at("incident")), "--json"], None);
        assert_eq!(shown.code, 0, "{}", shown.err);
        shown.out.lines().map(str::to_owned).collect()
    }

    /// As `scan` wants it named.
    pub(crate) fn repository(&self) -> String {
        format!("restic:{}", self.at("repository").display())
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        self.entries().iter().filter(|line| line.contains(kind)).count()
    }
}

/// Every entry below a folder with its bytes and its time of change, to see that nothing was touched.
pub(crate) fn state(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            all.extend(state(&path));
        }
        let bytes = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        all.insert(path, (bytes, metadata.modified().unwrap()));
    }
    all
}

/// Plain files below a folder.
pub(crate) fn files_in(folder: &Path) -> Vec<PathBuf> {
    state(folder).into_keys().filter(|path| path.is_file()).collect()
}
