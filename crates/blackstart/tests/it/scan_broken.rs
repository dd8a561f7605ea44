//! Repositories and folders in the state in which they are found after an attack: damaged, cut off, with things in
//! them that are no files, or with somebody still writing. Each gets an answer, and none is changed by being looked at.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mkfifoat, mknodat};
use serde_json::Value;

use crate::scan_rig::{Answer, PASSWORD, Stage, blackstart, files_in, state, text};

/// Scans, and sees to it that this changed nothing.
fn scan(stage: &Stage) -> Answer {
    let before = state(&stage.at("repository"));
    let answer = blackstart(&["scan", &stage.repository(), "--json"], Some(PASSWORD));
    assert!(state(&stage.at("repository")) == before, "a repository is only read");
    answer
}

fn says(answer: &Answer, words: &[&str]) {
    for word in words {
        assert!(answer.err.contains(word) && answer.err.contains("what to do"), "{word}: {}", answer.err);
    }
}

fn list(json: &Value) -> Vec<String> {
    json.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
}

fn pipe_instead_of(path: &Path) {
    fs::remove_file(path).unwrap();
    mkfifoat(CWD, path, Mode::RWXU).unwrap();
}

#[test]
fn after_a_mass_deletion_the_snapshot_that_still_has_the_files_is_named() {
    let stage = Stage::new();
    (6..30).for_each(|number| stage.letter(number, b""));
    let whole = stage.snapshot();
    (0..20).for_each(|number| fs::remove_file(stage.at(&format!("live/letter-{number}.txt"))).unwrap());
    let rest = stage.snapshot();
    let answer = scan(&stage);
    let json = answer.json();
    assert_eq!((answer.code, &json["last_clean"]), (0, &Value::from(rest)));
    assert_eq!(json["before_loss"], Value::from(whole.clone()));
    assert_eq!(json["snapshots"][1]["before_loss"], Value::from(whole.clone()));
    assert_eq!(json["gone"].as_array().unwrap().len(), 20);
    let reasons = list(&json["snapshots"][1]["reasons"]);
    assert!(reasons[0].starts_with("20 of 30 files vanished"), "{reasons:?}");
    let spoken = blackstart(&["scan", &stage.repository()], Some(PASSWORD));
    assert!(spoken.out.contains("BUT MANY FILES VANISHED") && spoken.out.contains(&whole), "{}", spoken.out);
}

#[test]
fn after_a_mass_deletion_a_person_chooses_what_is_restored_and_the_scan_says_how() {
    let stage = Stage::new();
    (6..30).for_each(|number| stage.letter(number, b""));
    let whole = stage.snapshot();
    let incident = stage.at("incident");
    let (incident, repository) = (text(&incident), stage.repository());
    let args = ["scan", &repository, "--journal", incident, "--store", "store:core-muc", "--json"];
    assert_eq!(blackstart(&args, Some(PASSWORD)).code, 0);
    let choices = |stage: &Stage| {
        let all = stage.entries();
        all.into_iter().filter(|line| line.contains("scan.recovery_point")).collect::<Vec<_>>()
    };
    assert!(choices(&stage)[0].contains(&whole), "{:?}", choices(&stage));

    (0..20).for_each(|number| fs::remove_file(stage.at(&format!("live/letter-{number}.txt"))).unwrap());
    let rest = stage.snapshot();
    let advice = |answer: &Answer| {
        let notes = list(&answer.json()["notes"]);
        notes.into_iter().find(|note| note.contains("blackstart choose")).unwrap_or_default()
    };
    let scanned = blackstart(&args, Some(PASSWORD));
    assert_eq!((scanned.code, &scanned.json()["last_clean"]), (0, &Value::from(rest.clone())));
    let commands: Vec<String> = [&whole, &rest]
        .iter()
        .map(|snapshot| format!("blackstart choose {incident} store:core-muc {snapshot}"))
        .collect();
    assert!(commands.iter().all(|command| advice(&scanned).contains(command)), "{}", advice(&scanned));
    assert!(!choices(&stage)[1].contains(&whole) && !choices(&stage)[1].contains(&rest), "none is chosen");
    let status = blackstart(&["status", incident], None);
    assert!(status.out.contains("choose") && status.out.contains("store:core-muc"), "{}", status.out);

    // The very command that was advised, without and with the answer to its question.
    let mut words: Vec<&str> = commands[0].split(' ').skip(1).collect();
    let unanswered = blackstart(&words, None);
    assert_eq!(unanswered.code, 1);
    says(&unanswered, &["no snapshot was chosen", "--yes"]);
    words.extend(["--yes", "--by", "anna", "--reason", "the letters are wanted"]);
    let chosen = blackstart(&words, None);
    assert_eq!((chosen.code, chosen.out.trim()), (0, format!("chosen {whole}").as_str()), "{}", chosen.err);
    assert!(!blackstart(&["status", incident], None).out.contains("blackstart choose"));
    // It stands, whatever is scanned later, and that is said.
    let again = blackstart(&args, Some(PASSWORD));
    assert!(advice(&again).starts_with("anna chose"), "{}", again.out);
    assert_eq!(choices(&stage).len(), 3, "{:?}", choices(&stage));
    let dirty = blackstart(&["choose", incident, "store:core-muc", "ffff"], None);
    assert_eq!(dirty.code, 1);
    says(&dirty, &["no snapshot whose id begins with"]);
    assert_eq!(blackstart(&["choose", incident, "nothing", "ffff"], None).code, 2);
    // What a refusal suggests keeps the reason, and can be pasted.
    let reason = "it's the last before the deletion";
    let unsure = blackstart(&["choose", incident, "core-muc", "ffff", "--reason", reason], None);
    let again = format!(
        "blackstart choose {incident} store:core-muc SNAPSHOT --reason 'it'\\''s the last before the deletion'"
    );
    assert!(unsure.err.contains(&again), "{}", unsure.err);
}

#[test]
fn a_config_or_key_that_is_damaged_or_gone_is_told_from_a_wrong_password() {
    let stage = Stage::new();
    stage.snapshot();
    let config = stage.at("repository/config");
    let whole = fs::read(&config).unwrap();
    for bytes in [&whole[..20], &whole[..0], &[whole.as_slice(), b"x"].concat()] {
        fs::write(&config, bytes).unwrap();
        let answer = scan(&stage);
        assert_eq!(answer.code, 2);
        says(&answer, &["`config` is damaged", "another copy"]);
    }
    pipe_instead_of(&config);
    assert_eq!(scan(&stage).code, 2);
    fs::remove_file(&config).unwrap();
    fs::write(&config, whole).unwrap();

    let key = files_in(&stage.at("repository/keys")).remove(0);
    let whole = fs::read(&key).unwrap();
    fs::write(&key, &whole[..30]).unwrap();
    says(&scan(&stage), &["key file"]);
    pipe_instead_of(&key);
    says(&scan(&stage), &["key file", "pipe"]);
    fs::remove_file(&key).unwrap();
    says(&scan(&stage), &["holds no key file"]);
    fs::write(&key, whole).unwrap();
    assert_eq!(scan(&stage).code, 0);
    let wrong = blackstart(&["scan", &stage.repository()], Some(""));
    says(&wrong, &["password does not fit"]);
}

#[test]
fn what_a_damaged_or_missing_index_hides_is_unread_and_a_way_to_make_a_new_one_is_named() {
    let stage = Stage::new();
    let first = stage.snapshot();
    let before = files_in(&stage.at("repository/index"));
    stage.letter(9, b"");
    let second = stage.snapshot();
    let of_second =
        files_in(&stage.at("repository/index")).into_iter().find(|path| !before.contains(path)).unwrap();
    let whole = fs::read(&of_second).unwrap();
    let is_partial = |answer: &Answer| {
        let json = answer.json();
        assert_eq!((answer.code, &json["last_clean"]), (0, &Value::from(first.clone())), "{}", answer.err);
        assert_eq!(json["snapshots"][1]["id"], Value::from(second.clone()));
        assert_eq!(json["snapshots"][1]["is_clean"], false);
        assert_eq!(list(&json["snapshots"][1]["reasons"]), ["a part of it could not be read"]);
        assert!(list(&json["notes"]).iter().any(|note| note.contains("restic repair index")), "{json}");
        assert!(list(&json["unread"])[0].contains("index file"), "{json}");
    };
    for bytes in [&whole[..50], b"".as_slice(), &[0x5a; 400]] {
        fs::write(&of_second, bytes).unwrap();
        is_partial(&scan(&stage));
    }
    pipe_instead_of(&of_second);
    is_partial(&scan(&stage));
    for index in fs::read_dir(stage.at("repository/index")).unwrap() {
        fs::remove_file(index.unwrap().path()).unwrap();
    }
    let none = scan(&stage);
    assert_eq!((none.code, &none.json()["last_clean"]), (1, &Value::Null));
    assert!(list(&none.json()["unread"])[0].contains("no index file"), "{}", none.out);
}

#[test]
fn a_pack_that_is_missing_damaged_or_a_pipe_costs_what_is_in_it_and_nothing_waits() {
    let stage = Stage::new();
    stage.snapshot();
    for pack in files_in(&stage.at("repository/data")) {
        let whole = fs::read(&pack).unwrap();
        let is_said = |word: &str| {
            let answer = scan(&stage);
            assert_eq!((answer.code, &answer.json()["last_clean"]), (1, &Value::Null), "{}", answer.err);
            let files = answer.json()["files"].as_array().unwrap().clone();
            assert!(!files.is_empty() && files.iter().all(|file| file["verdict"] == "unread"), "{files:?}");
            let reasons = files[0]["reasons"].to_string();
            assert!(reasons.contains(word), "{word}: {reasons}");
        };
        let mut flipped = whole.clone();
        flipped.iter_mut().step_by(16).for_each(|byte| *byte ^= 1);
        fs::write(&pack, flipped).unwrap();
        is_said("");
        fs::write(&pack, &whole[..whole.len() / 3]).unwrap();
        is_said("");
        pipe_instead_of(&pack);
        is_said("p");
        fs::remove_file(&pack).unwrap();
        is_said("");
        fs::write(&pack, whole).unwrap();
    }
    assert_eq!(scan(&stage).code, 0, "everything is back");
}

#[test]
fn snapshots_that_cannot_be_read_are_named_and_none_at_all_is_said_as_well() {
    let stage = Stage::new();
    let id = stage.snapshot();
    let path = stage.at("repository/snapshots").join(&id);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, b"").unwrap();
    let answer = scan(&stage);
    assert_eq!((answer.code, &answer.json()["last_clean"]), (1, &Value::Null));
    assert!(list(&answer.json()["unread"])[0].contains(&id), "{}", answer.out);
    assert_eq!(list(&answer.json()["notes"]), Vec::<String>::new(), "not called empty");
    pipe_instead_of(&path);
    assert!(list(&scan(&stage).json()["unread"])[0].contains("pipe"));
    fs::remove_file(&path).unwrap();
    let empty = scan(&stage);
    assert_eq!((empty.code, &empty.json()["last_clean"]), (1, &Value::Null));
    assert!(list(&empty.json()["notes"])[0].contains("no snapshots"), "{}", empty.out);
    fs::write(&path, whole).unwrap();
    assert_eq!(scan(&stage).code, 0);
}

#[test]
fn nothing_that_a_scan_writes_may_lie_in_the_repository() {
    let stage = Stage::new();
    stage.snapshot();
    let (repository, incident) = (stage.at("repository"), stage.at("incident"));
    let before = state(&repository);
    let (inside, link) = (repository.join("data/x"), stage.at("link"));
    std::os::unix::fs::symlink(&repository, &link).unwrap();
    let by_link = link.join("picture.html");
    let by_dots = stage.at("live/../repository/locks/l");
    for path in [&inside, &by_link, &by_dots] {
        for option in ["--ledger", "--html"] {
            let answer = blackstart(&["scan", &stage.repository(), option, text(path)], Some(PASSWORD));
            assert_eq!(answer.code, 2);
            says(&answer, &[option, "inside the repository"]);
        }
        let args = ["scan", &stage.repository(), "--journal", text(path), "--store", "store:core-muc"];
        says(&blackstart(&args, Some(PASSWORD)), &["--journal", "inside the repository"]);
    }
    let args = ["scan", &stage.repository(), "--journal", text(&incident), "--store", "store:core-muc"];
    assert_eq!(blackstart(&args, Some(PASSWORD)).code, 0);
    assert!(state(&repository) == before, "no byte, no time, no lock");
}

#[test]
fn a_repository_that_is_written_meanwhile_is_judged_as_far_as_it_has_arrived_and_its_locks_stay() {
    let stage = Stage::new();
    let whole = stage.snapshot();
    let packs = files_in(&stage.at("repository/data"));
    let index = files_in(&stage.at("repository/index"));
    stage.letter(9, b"");
    let half = stage.snapshot();
    fs::create_dir_all(stage.at("repository/locks")).unwrap();
    let lock = stage.at("repository/locks").join("ab".repeat(32));
    fs::write(&lock, "somebody's").unwrap();
    // A copy that arrives: packs without an index, and no snapshot yet.
    let snapshot = stage.at("repository/snapshots").join(&half);
    let snapshot_bytes = fs::read(&snapshot).unwrap();
    let new_index: Vec<_> =
        files_in(&stage.at("repository/index")).into_iter().filter(|path| !index.contains(path)).collect();
    let index_bytes: Vec<Vec<u8>> = new_index.iter().map(|path| fs::read(path).unwrap()).collect();
    fs::remove_file(&snapshot).unwrap();
    new_index.iter().for_each(|path| fs::remove_file(path).unwrap());
    let answer = scan(&stage);
    assert_eq!((answer.code, &answer.json()["last_clean"]), (0, &Value::from(whole.clone())));
    assert!(list(&answer.json()["notes"])[0].contains("locks"), "{}", answer.out);
    // In the wrong order: the snapshot is there before its index; then the index is, and its packs are not.
    fs::write(&snapshot, &snapshot_bytes).unwrap();
    let no_index = scan(&stage);
    for (path, bytes) in new_index.iter().zip(&index_bytes) {
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(scan(&stage).json()["last_clean"], Value::from(half.clone()));
    for pack in files_in(&stage.at("repository/data")).into_iter().filter(|path| !packs.contains(path)) {
        fs::rename(&pack, pack.with_extension("part")).unwrap();
    }
    for answer in [no_index, scan(&stage)] {
        let json = answer.json();
        assert_eq!((answer.code, &json["last_clean"]), (0, &Value::from(whole.clone())));
        let half = json["snapshots"].as_array().unwrap().iter().find(|one| one["id"] == *half).unwrap();
        assert_eq!(half["is_clean"], false);
    }
    assert_eq!(fs::read(&lock).unwrap(), b"somebody's");
}

#[test]
fn pipes_sockets_and_devices_are_neither_opened_nor_waited_for() {
    let stage = Stage::new();
    let live = stage.at("live");
    mkfifoat(CWD, live.join("pipe.txt"), Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(live.join("socket.txt")).unwrap();
    // Only root may make devices.
    let _ = mknodat(CWD, live.join("null.txt"), FileType::CharacterDevice, Mode::RWXU, 0x103);
    std::os::unix::fs::symlink("/dev/zero", live.join("zero.txt")).unwrap();
    let answer = blackstart(&["scan", text(&live), "--json"], None);
    assert_eq!((answer.code, &answer.json()["counts"]["clean"]), (0, &Value::from(6)), "{}", answer.out);
    for path in [live.join("pipe.txt"), live.join("socket.txt"), live.join("zero.txt"), "/dev/null".into()] {
        let answer = blackstart(&["scan", text(&path)], None);
        assert_eq!(answer.code, 2);
        says(&answer, &["device, a pipe or a socket"]);
        let answer = blackstart(&["scan", &format!("restic:{}", path.display())], Some(PASSWORD));
        assert_eq!(answer.code, 2);
        says(&answer, &["is not a folder"]);
    }
    // A backup holds their names and no content.
    stage.snapshot();
    assert_eq!(scan(&stage).json()["counts"]["clean"], 6);
}

#[test]
fn a_path_that_is_no_utf8_is_judged_and_shown_with_its_bytes_escaped() {
    let stage = Stage::new();
    let odd = stage.at("live").join(std::ffi::OsStr::from_bytes(b"m\xe4rz"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join(std::ffi::OsStr::from_bytes(b"b\xfcro.docx")), "no document\n").unwrap();
    let run = |what: &std::ffi::OsStr| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
        command.arg("scan").arg(what).arg("--json").env("RESTIC_PASSWORD", PASSWORD).output().unwrap()
    };
    let folder = run(odd.as_os_str());
    assert_eq!(folder.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&folder.stdout).unwrap();
    assert!(json["files"][0]["path"].as_str().unwrap().ends_with("/m\\xe4rz/b\\xfcro.docx"), "{json}");
    stage.snapshot();
    let json = scan(&stage).json();
    assert!(json["files"][0]["path"].as_str().unwrap().ends_with("/m\\xe4rz/b\\xfcro.docx"), "{json}");
    let repository = run(std::ffi::OsStr::from_bytes(b"restic:/nowhere/r\xff"));
    let said = String::from_utf8(repository.stderr).unwrap();
    assert_eq!(repository.status.code(), Some(2));
    assert!(said.contains("r\\xff") && said.contains("UTF-8") && said.contains("ln -s"), "{said}");
}
