//! File by file into a new place: what comes from where, what has no clean version, and what a kill in the middle leaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::scan_rig::{PASSWORD, Stage, blackstart, text};

fn stage(letters: u8) -> Stage {
    let stage = Stage::new();
    (0..letters).for_each(|number| stage.letter(number, b""));
    let estate = stage.at("estate/estate.toml");
    fs::write(stage.at("secret"), PASSWORD).unwrap();
    let source = format!(
        "source = {{ repository = {:?}, secret_file = {:?} }}\n",
        stage.repository(),
        stage.at("secret")
    );
    fs::write(&estate, fs::read_to_string(&estate).unwrap() + &source).unwrap();
    let (incident, folder) = (stage.at("incident"), stage.at("estate"));
    let adopted = ["adopt", text(&incident), text(&folder), "--reason", "its source", "--yes"];
    assert_eq!(blackstart(&adopted, None).code, 0);
    stage
}

fn restore(stage: &Stage, to: &Path, options: &[&str]) -> crate::scan_rig::Answer {
    let incident = stage.at("incident");
    let call = ["restore", "core-muc", "--to", text(to), "--journal", text(&incident), "--json"];
    blackstart(&[&call[..], options].concat(), None)
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| (name.clone(), fs::read(folder.join(&name)).unwrap())).collect()
}

#[test]
fn every_file_comes_from_where_it_was_last_clean_and_what_never_was_is_named() {
    let stage = stage(12);
    let first = stage.snapshot();
    // Three letters change, then an attack takes four, and one file was never clean.
    for number in 0..3 {
        let text = format!("Sehr geehrte Frau Neu {number}, alles Gute.\n").repeat(70);
        fs::write(stage.at("live").join(format!("letter-{number}.txt")), text).unwrap();
    }
    let second = stage.snapshot();
    let clean = contents(&stage.at("live"));
    (2..6).for_each(|number| stage.letter(number, b"k"));
    let dice: Vec<u8> = (0..9_000_u64)
        .map(|at| (at.wrapping_mul(6_364_136_223_846_793_005).rotate_left(29) >> 23) as u8)
        .collect();
    fs::write(stage.at("live/stranger.docx"), dice).unwrap();
    let attacked = stage.snapshot();

    let to = stage.at("mixed");
    let told = restore(&stage, &to, &["--mix"]);
    let account = told.json();
    assert_eq!(told.code, 1, "one has no clean version: {}{}", told.out, told.err);
    assert_eq!(
        account["named"],
        serde_json::json!([stage.at("live/stranger.docx").strip_prefix("/").unwrap()])
    );
    assert_eq!(contents(&to), clean);
    let from = |id: &str| account["from"][id].as_u64().unwrap_or(0);
    assert_eq!((from(&attacked), from(&second) + from(&first)), (8, 4), "{account}");
    assert_eq!(account["read_back"], true);

    // Of one point: the clean files of the attacked snapshot, and no others.
    let told = restore(&stage, &stage.at("one"), &["--point", &attacked[..10]]);
    assert_eq!((told.code, &told.json()["not_brought"]), (1, &Value::from(5)), "{}", told.err);
    assert_eq!(contents(&stage.at("one")).len(), 8);
    // Without a word: the last clean snapshot, whole.
    let told = restore(&stage, &stage.at("whole"), &[]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(contents(&stage.at("whole")), clean);
}

#[test]
fn a_place_that_holds_something_else_is_not_written_to() {
    let stage = stage(6);
    stage.snapshot();
    let to = stage.at("mine");
    fs::create_dir(&to).unwrap();
    fs::write(to.join("the only copy"), "x").unwrap();
    let refused = restore(&stage, &to, &[]);
    assert!(refused.code == 1 && refused.err.contains("already holds files"), "{}", refused.err);
    assert_eq!(contents(&to).len(), 1);
    let outside = stage.at("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, stage.at("link")).unwrap();
    let refused = restore(&stage, &stage.at("link"), &[]);
    assert!(refused.code == 1 && contents(&outside).is_empty(), "{}", refused.err);
}

#[test]
fn one_that_was_killed_goes_on_and_believes_nothing_that_it_finds() {
    let stage = stage(6);
    for number in 0..300 {
        fs::write(stage.at("live").join(format!("{number}.txt")), format!("Akte {number}\n").repeat(4_000))
            .unwrap();
    }
    stage.snapshot();
    let whole = contents(&stage.at("live"));
    let to = stage.at("to");
    let incident = stage.at("incident");
    let ledger = stage.at("ledger");
    for pause in [400, 700, 1_000] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_blackstart"))
            .args([
                "restore",
                "core-muc",
                "--to",
                text(&to),
                "--journal",
                text(&incident),
                "--ledger",
                text(&ledger),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Somebody changes what is there: the same length, other bytes.
    if to.join("7.txt").exists() && to.join(".blackstart-restore").exists() {
        let mut bytes = fs::read(to.join("7.txt")).unwrap();
        if let Some(byte) = bytes.first_mut() {
            *byte ^= 1;
        }
        fs::write(to.join("7.txt"), bytes).unwrap();
    }
    if to.exists() && !to.join(".blackstart-restore").exists() {
        // It was finished before it was killed.
        assert_eq!(contents(&to), whole);
        return;
    }
    let told = restore(&stage, &to, &["--ledger", text(&ledger)]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(contents(&to), whole);
}
