//! Repositories on another machine, with the feature `remote`: served by rclone on this one. `cargo xtask remote` runs it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::scan_rig::{Answer, PASSWORD, Stage, blackstart, text};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves the stage's repository; the port is what rclone says it took.
fn serve(stage: &Stage) -> (Server, String) {
    let repository = stage.at("repository");
    let mut server = Command::new("rclone")
        .args([
            "serve",
            "restic",
            text(&repository),
            "--addr",
            "127.0.0.1:0",
            "--user",
            "u",
            "--pass",
            "s3cret",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .expect("rclone is needed: apt-get install rclone");
    let said = BufReader::new(server.stderr.take().unwrap()).lines();
    let place = said.map_while(Result::ok).find_map(|line| Some(line.split_once("http://")?.1.to_owned()));
    let port = place.and_then(|place| Some(place.trim_end_matches('/').rsplit_once(':')?.1.to_owned()));
    (Server(server), port.expect("rclone says where it serves"))
}

fn all_files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn a_repository_behind_a_server_is_judged_as_in_its_folder_and_nothing_is_written() {
    let stage = Stage::new();
    stage.snapshot();
    stage.letter(0, b"k");
    stage.snapshot();
    let before = all_files(&stage.at("repository"));
    let local = blackstart(
        &["scan", &format!("restic:{}", stage.at("repository").display()), "--json"],
        Some(PASSWORD),
    );
    let (server, port) = serve(&stage);
    let same = |answer: &Answer| {
        let (mut one, mut other) = (local.json(), answer.json());
        for answer in [&mut one, &mut other] {
            answer["notes"] = Value::Null;
            let snapshots = answer["snapshots"].as_array_mut().unwrap();
            snapshots.iter_mut().for_each(|snapshot| snapshot["first_seen"] = Value::Null);
        }
        assert_eq!((local.code, one), (answer.code, other));
        assert!(answer.out.contains("lies on another machine"));
    };
    let address = |secret: &str| format!("restic:rest:http://u:{secret}@127.0.0.1:{port}/");
    same(&blackstart(&["scan", &address("s3cret"), "--json"], Some(PASSWORD)));
    same(&blackstart(
        &["scan", &format!("restic:rclone::local:{}", stage.at("repository").display()), "--json"],
        Some(PASSWORD),
    ));
    assert_eq!(all_files(&stage.at("repository")), before);

    let wrong = blackstart(&["scan", &address("s3cret")], Some("wrong"));
    assert!(wrong.code == 2 && wrong.err.contains("does not fit any key"), "{}", wrong.err);
    assert!(!wrong.err.contains("s3cret"), "{}", wrong.err);
    let refused = blackstart(&["scan", &address("tell-no-one")], Some(PASSWORD));
    assert!(refused.code == 2 && refused.err.contains("user and password"), "{}", refused.err);
    assert!(!refused.err.contains("tell-no-one"), "{}", refused.err);
    drop(server);
    let gone = blackstart(&["scan", &address("s3cret")], Some(PASSWORD));
    assert!(gone.code == 2 && gone.err.contains("refused") && !gone.err.contains("s3cret"), "{}", gone.err);
}
