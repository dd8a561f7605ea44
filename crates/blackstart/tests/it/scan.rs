//! `scan` and `watch` as people run them: exit codes, JSON, and what stands in the journal afterwards.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::scan_rig::{PASSWORD, Stage, blackstart, text};

#[test]
fn a_repository_is_judged_recorded_once_and_its_last_clean_snapshot_is_named() {
    let stage = Stage::new();
    let first = stage.snapshot();
    stage.letter(0, b"k");
    let second = stage.snapshot();
    let repository = format!("restic:{}", stage.at("repository").display());
    let incident = stage.at("incident");
    let args = ["scan", &repository, "--journal", text(&incident), "--store", "store:core-muc", "--json"];
    let answer = blackstart(&args, Some(PASSWORD));
    assert_eq!(answer.code, 0, "{}", answer.err);
    let json = answer.json();
    assert_eq!(json["last_clean"], Value::String(first.clone()));
    assert_eq!(json["snapshots"][0]["id"], Value::String(first));
    assert_eq!(json["snapshots"][0]["not_clean"], 0);
    assert_eq!(json["snapshots"][1]["clean"], 5);
    assert_eq!(json["snapshots"][1]["not_clean"], 1);
    assert_eq!(json["files"][0]["verdict"], "encrypted");
    assert_eq!(json["files"][0]["snapshot"], Value::String(second));
    assert_eq!(json["counts"]["clean"], 11);
    for time in ["time", "first_seen"] {
        assert!(json["snapshots"][0][time].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }
    assert_eq!(stage.count("scan.snapshot_first_seen"), 2);
    assert_eq!(stage.count("scan.snapshot_judged"), 2);
    assert_eq!(stage.count("scan.recovery_point_chosen"), 1);

    // The second time nothing is new. The key of the order is the journal now, not the files' times.
    let again = blackstart(&args, Some(PASSWORD));
    assert_eq!(again.json()["last_clean"], json["last_clean"]);
    assert_eq!(stage.count("scan."), 5);

    let only_dirty = blackstart(&["scan", &repository, "--newest", "1", "--json"], Some(PASSWORD));
    assert_eq!((only_dirty.code, &only_dirty.json()["last_clean"]), (1, &Value::Null));
    let wrong = blackstart(&["scan", &repository], Some("wrong"));
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("password") && wrong.err.contains("what to do"), "{}", wrong.err);
    let none = blackstart(&["scan", &repository], None);
    assert!(none.code == 2 && none.err.contains("RESTIC_PASSWORD"), "{}", none.err);
}

#[test]
fn that_there_is_no_clean_snapshot_is_recorded_once() {
    let stage = Stage::new();
    for number in 0..6 {
        stage.letter(number, b"k");
    }
    stage.snapshot();
    let (repository, incident) = (stage.repository(), stage.at("incident"));
    let args = ["scan", &repository, "--journal", text(&incident), "--store", "store:core-muc"];
    for _ in 0..3 {
        let answer = blackstart(&args, Some(PASSWORD));
        assert!(
            answer.code == 1 && answer.out.contains("NO CLEAN SNAPSHOT"),
            "{} {}",
            answer.out,
            answer.err
        );
    }
    assert_eq!(stage.count("scan.recovery_point_chosen"), 1);
}

#[test]
fn the_whole_answer_is_as_the_golden_one_and_the_picture_and_the_ledger_are_written() {
    let stage = Stage::new();
    let first = stage.snapshot();
    stage.letter(0, b"k");
    let second = stage.snapshot();
    let repository = format!("restic:{}", stage.at("repository").display());
    let (ledger, html) = (stage.at("ledger"), stage.at("picture.html"));
    let args = ["scan", &repository, "--json", "--ledger", text(&ledger), "--html", text(&html)];
    let answer = blackstart(&args, Some(PASSWORD));
    let mut json = answer.json();
    for snapshot in json["snapshots"].as_array_mut().unwrap() {
        for differs in ["time", "first_seen", "host"] {
            assert!(snapshot[differs].is_string());
            snapshot[differs] = Value::from(format!("({differs})"));
        }
    }
    json["series"][0]["host"] = Value::from("(host)");
    for file in json["files"].as_array_mut().unwrap() {
        assert!(file["reasons"][0].is_string());
        file["reasons"] = Value::from(vec!["(why)"]);
    }
    json["form"] = Value::from("(what it can and cannot see)");
    let answered = json
        .to_string()
        .replace(&first, "(first)")
        .replace(&second, "(second)")
        .replace(text(stage.folder.path()), "/tmp/stage");
    let answered: Value = serde_json::from_str(&answered).unwrap();
    let golden: Value =
        serde_json::from_str(include_str!("../../../../docs/formats/golden/scan-repository.json")).unwrap();
    assert_eq!(answered, golden);

    let page = fs::read_to_string(&html).unwrap();
    // As people read it: ids may be broken into pieces so that they fit on a phone.
    let read: String =
        page.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text).collect();
    assert!(
        read.contains(&format!("Last clean snapshot: {first}")) && read.contains("letter-0.txt"),
        "{read}"
    );
    assert!(
        !page.contains("<script") && !page.contains("http:") && !page.contains("https:"),
        "nothing from elsewhere"
    );
    let again = blackstart(&args, Some(PASSWORD));
    assert_eq!(again.json(), answer.json());
    assert!(again.err.contains("verdicts of earlier scans"), "{}", again.err);
    let inside = format!("{}/x", repository.trim_start_matches("restic:"));
    for option in ["--ledger", "--html"] {
        let refused = blackstart(&["scan", &repository, option, &inside], Some(PASSWORD));
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains("inside the repository"), "{}", refused.err);
    }
    assert!(!std::path::Path::new(&inside).exists(), "a repository is only read");
    assert_eq!(blackstart(&["scan", &repository, "--newest", "0"], Some(PASSWORD)).code, 2);
    let nowhere = blackstart(&["scan", &repository, "--html", "/nonexistent/x.html"], Some(PASSWORD));
    assert!(nowhere.code == 2 && nowhere.err.contains("what to do"), "{}", nowhere.err);
}

#[test]
fn rules_of_ones_own_make_malware_of_what_they_match() {
    let stage = Stage::new();
    stage.snapshot();
    fs::create_dir_all(stage.at("rules")).unwrap();
    let rule = "rule practice_word { strings: $a = \"Krankmeldung\" condition: $a }";
    fs::write(stage.at("rules/a.yar"), rule).unwrap();
    let (repository, rules, live) =
        (format!("restic:{}", stage.at("repository").display()), stage.at("rules"), stage.at("live"));
    let answer = blackstart(&["scan", &repository, "--rules", text(&rules), "--json"], Some(PASSWORD));
    assert_eq!((answer.code, &answer.json()["counts"]["malware"]), (1, &Value::from(6)), "{}", answer.err);
    let reason = answer.json()["files"][0]["reasons"][0].as_str().unwrap().to_owned();
    assert!(reason.contains("practice_word"), "{reason}");
    let folder = blackstart(&["scan", text(&live), "--rules", text(&rules), "--json"], None);
    assert_eq!((folder.code, &folder.json()["counts"]["malware"]), (1, &Value::from(6)));
    fs::write(stage.at("rules/b.yar"), "rule broken {").unwrap();
    let broken = blackstart(&["scan", text(&live), "--rules", text(&rules)], None);
    assert!(broken.code == 2 && broken.err.contains("b.yar"), "{}", broken.err);
    let useless = blackstart(&["scan", text(&live), "--html", "x.html"], None);
    assert!(useless.code == 2 && useless.err.contains("--html"), "{}", useless.err);
}

#[test]
fn a_folder_is_judged_with_reasons() {
    let stage = Stage::new();
    let live = stage.at("live");
    let clean = blackstart(&["scan", text(&live), "--json"], None);
    assert_eq!((clean.code, &clean.json()["counts"]["clean"]), (0, &Value::from(6)));
    stage.letter(3, b"k");
    use std::os::unix::ffi::OsStrExt;
    let odd = live.join(std::ffi::OsStr::from_bytes(b"m\xe4rz.docx"));
    fs::write(&odd, fs::read(live.join("letter-3.txt")).unwrap()).unwrap();
    let dirty = blackstart(&["scan", text(&live), "--json"], None);
    assert_eq!(dirty.code, 1);
    let files = dirty.json()["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| file["verdict"] == "encrypted" && file["reasons"][0].is_string()));
    assert!(files[1]["path"].as_str().unwrap().ends_with("m\\xe4rz.docx"));
    let spoken = blackstart(&["scan", text(&live)], None);
    assert!(spoken.out.contains("NOT CLEAN") && spoken.err.contains("Not seen:"), "{}", spoken.out);
    assert_eq!(blackstart(&["scan", "/nonexistent"], None).code, 2);
    let device = blackstart(&["scan", "/dev/zero"], None);
    assert_eq!(device.code, 2);
    assert!(device.err.contains("device"), "{}", device.err);
    assert_eq!(blackstart(&["scan", text(&live), "--tolerate", "3"], None).code, 2);
}

#[test]
fn a_folder_without_files_is_not_called_clean_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let answer = blackstart(&["scan", text(folder.path())], None);
    assert!(answer.out.contains("NOTHING TO JUDGE"), "{}", answer.out);
    assert_eq!(answer.code, 0, "the exit code is a contract: nothing in it is not clean");
}

/// A disk with a file system's mark and text inside; `number` makes another one of it.
fn disk(number: u8) -> Vec<u8> {
    let mut bytes = vec![0; 70_000];
    bytes[..4].copy_from_slice(b"QFI\xfb");
    bytes.extend(
        format!("Sehr geehrte Frau Beispiel {number}, Ihre Krankmeldung ist da.\n").repeat(3_000).bytes(),
    );
    bytes
}

#[test]
fn a_store_of_disks_has_no_clean_snapshot_until_somebody_has_looked_inside_and_says_so() {
    let stage = Stage::new();
    let with_letters_only = stage.snapshot();
    fs::write(stage.at("live/mail.qcow2"), disk(1)).unwrap();
    let with_disk = stage.snapshot();
    let (repository, incident) = (stage.repository(), stage.at("incident"));
    let args = ["scan", &repository, "--journal", text(&incident), "--store", "store:core-muc"];
    let answer = blackstart(&[&args[..], &["--json"]].concat(), Some(PASSWORD));
    let json = answer.json();
    assert_eq!(json["last_clean"], Value::String(with_letters_only.clone()), "{json}");
    assert_eq!(json["last_not_known"], Value::String(with_disk.clone()));
    let inside = &json["snapshots"][1]["not_looked_at"];
    assert_eq!((&inside["files"], &inside["bytes"]), (&Value::from(1), &Value::from(disk(1).len())));
    assert_eq!(json["snapshots"][0]["not_looked_at"]["files"], 0);
    let said = blackstart(&args, Some(PASSWORD));
    assert!(said.out.contains("NOT KNOWN whether snapshot") && said.out.contains("choose"), "{}", said.out);
    assert_eq!(stage.count("scan.inside_not_looked_at"), 1, "recorded once");

    // Once nothing else is there, nothing is proposed, and status asks.
    let disks_only =
        ["scan", &repository, "--journal", text(&incident), "--store", "store:core-muc", "--newest", "1"];
    let only = blackstart(&disks_only, Some(PASSWORD));
    assert_eq!(only.code, 1, "{}", only.out);
    assert!(only.out.contains("NO CLEAN SNAPSHOT") && only.out.contains("--reason"), "{}", only.out);
    let status = blackstart(&["status", text(&incident)], None);
    assert!(status.out.contains("images was not looked at"), "{}", status.out);
    let choose = ["choose", text(&incident), "store:core-muc", &with_disk[..8], "--yes"];
    let refused = blackstart(&choose, None);
    assert!(refused.code != 0 && refused.err.contains("without a reason"), "{}", refused.err);
    let chosen = blackstart(&[&choose[..], &["--reason", "started on a bench, files open"]].concat(), None);
    assert_eq!(chosen.code, 0, "{}", chosen.err);
    let again = blackstart(&args, Some(PASSWORD));
    assert!(again.out.contains("stands on that word"), "{}", again.out);
}

#[test]
fn a_folder_of_disks_is_not_called_clean() {
    let stage = Stage::new();
    let folder = stage.at("live");
    fs::write(folder.join("small.img"), &disk(2)[..300]).unwrap();
    let little = blackstart(&["scan", text(&folder)], None);
    assert_eq!(little.code, 0, "{}{}", little.out, little.err);
    fs::write(folder.join("mail.qcow2"), disk(1)).unwrap();
    let mostly = blackstart(&["scan", text(&folder)], None);
    assert_eq!(mostly.code, 1, "{}", mostly.out);
    assert!(
        mostly.out.contains("NOT KNOWN, and the content of 2 disk images was not looked at"),
        "{}",
        mostly.out
    );
}

#[test]
fn a_repository_of_several_hosts_is_recorded_only_once_it_is_said_whose_copies_are_the_stores_own() {
    let stage = Stage::new();
    stage.snapshot_by("h1");
    let other = stage.snapshot_by("h2");
    let (repository, incident) = (stage.repository(), stage.at("incident"));
    let args = ["scan", &repository, "--journal", text(&incident), "--store", "store:core-muc"];
    let refused = blackstart(&args, Some(PASSWORD));
    assert!(refused.code != 0 && refused.err.contains("2 kinds"), "{}", refused.err);
    assert!(
        refused.err.contains("host = \"h2\"") && refused.err.contains("blackstart adopt"),
        "{}",
        refused.err
    );
    assert_eq!(stage.count("scan."), 0, "nothing was recorded");

    // What the remedy says to write.
    let estate = stage.at("estate/estate.toml");
    let mut written = fs::read_to_string(&estate).unwrap();
    written.push_str(&format!(
        "source = {{ repository = {repository:?}, host = \"h2\", paths = [{:?}], secret_env = \"RESTIC_PASSWORD\" }}\n",
        stage.at("live")
    ));
    fs::write(&estate, written).unwrap();
    let adopted = blackstart(
        &["adopt", text(&incident), text(&stage.at("estate")), "--reason", "whose copies", "--yes"],
        None,
    );
    assert_eq!(adopted.code, 0, "{}", adopted.err);
    let said = blackstart(&[&args[..], &["--json"]].concat(), Some(PASSWORD));
    assert_eq!(said.json()["last_clean"], Value::String(other), "{}", said.err);
    assert_eq!(said.json()["snapshots"].as_array().unwrap().len(), 1);
    assert_eq!(stage.count("scan.snapshot_first_seen"), 1);
}

fn with_environment(args: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
    for name in ["RESTIC_PASSWORD", "RESTIC_REPOSITORY", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"] {
        command.env_remove(name);
    }
    let output = command.args(args).envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_repository_named_as_a_folder_is_told_from_a_folder_of_damaged_files() {
    let stage = Stage::new();
    stage.snapshot();
    let (code, out, err) =
        with_environment(&["scan", text(&stage.at("repository"))], &[("RESTIC_PASSWORD", PASSWORD)]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains(&format!("blackstart scan restic:{}", stage.at("repository").display())), "{err}");
}

#[test]
fn a_shell_in_which_restic_works_needs_nothing_more() {
    let stage = Stage::new();
    let id = stage.snapshot();
    let repository = stage.at("repository");
    let file = stage.at("password file");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let command = format!("cat '{}'", file.display());
    for password in [
        ("RESTIC_PASSWORD", PASSWORD),
        ("RESTIC_PASSWORD_FILE", text(&file)),
        ("RESTIC_PASSWORD_COMMAND", command.as_str()),
    ] {
        let (code, out, err) =
            with_environment(&["scan", "--json"], &[("RESTIC_REPOSITORY", text(&repository)), password]);
        assert_eq!(code, 0, "{password:?}: {err}");
        assert!(out.contains(&id), "{password:?}");
    }
    let both = [("RESTIC_PASSWORD_FILE", text(&file)), ("RESTIC_PASSWORD_COMMAND", command.as_str())];
    let (code, _, err) = with_environment(&["scan", &stage.repository()], &both);
    assert!(code == 2 && err.contains("both set"), "{err}");
    let (code, _, err) =
        with_environment(&["scan", &stage.repository()], &[("RESTIC_PASSWORD_COMMAND", "false")]);
    assert!(code == 2 && err.contains("gave no password"), "{err}");
    let (code, _, err) = with_environment(&["scan"], &[]);
    assert!(code == 2 && err.contains("RESTIC_REPOSITORY") && err.contains("--all"), "{err}");
}

#[test]
fn all_stores_are_judged_and_one_that_cannot_be_stops_none_of_the_others() {
    let stage = Stage::new();
    let id = stage.snapshot();
    let estate = stage.at("estate/estate.toml");
    let mut written = fs::read_to_string(&estate).unwrap();
    fs::write(stage.at("secret"), PASSWORD).unwrap();
    let source = |repository: &str| {
        format!(
            "source = {{ repository = \"restic:{repository}\", secret_file = {:?} }}\n",
            stage.at("secret")
        )
    };
    written.push_str(&source(text(&stage.at("repository"))));
    fs::write(&estate, &written).unwrap();
    let all = ["scan", "--all", text(&stage.at("estate"))].map(str::to_owned);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let (code, out, err) = with_environment(&all, &[]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("1 store: 1 with a clean snapshot, 0 without, 0 NOT JUDGED"), "{out}");

    written.push_str("[store.lost]\nname = \"Lost\"\nsite = \"muc\"\nsize = 1\npath = \"/srv/lost\"\n");
    written.push_str(&source("/nowhere"));
    written.push_str("[store.bare]\nname = \"Bare\"\nsite = \"muc\"\nsize = 1\npath = \"/srv/bare\"\n");
    fs::write(&estate, &written).unwrap();
    let (incident, folder) = (stage.at("incident"), stage.at("estate"));
    let adopted = ["adopt", text(&incident), text(&folder), "--reason", "more", "--yes"];
    assert_eq!(blackstart(&adopted, None).code, 0);
    let (code, out, err) =
        with_environment(&["scan", "--all", "--journal", text(&stage.at("incident"))], &[]);
    assert_eq!(code, 2, "{out}{err}");
    assert!(out.contains("1 with a clean snapshot, 0 without, 2 NOT JUDGED"), "{out}");
    assert!(out.contains("names no source for it") && out.contains("there is no folder /nowhere"), "{out}");
    assert!(
        stage.entries().iter().any(|line| line.contains("scan.recovery_point_chosen") && line.contains(&id))
    );
}

/// A table that says NOT CLEAN and not why sends somebody to search at night.
#[test]
fn the_table_of_all_stores_says_why_and_never_takes_one_backup_for_two_stores() {
    let stage = Stage::new();
    stage.snapshot();
    fs::write(stage.at("secret"), PASSWORD).unwrap();
    let written = fs::read_to_string(stage.at("estate/estate.toml")).unwrap();
    let source = format!(
        "source = {{ repository = {:?}, secret_file = {:?} }}\n",
        stage.repository(),
        stage.at("secret")
    );
    let scan = |estate: &str| {
        fs::write(stage.at("estate/estate.toml"), estate).unwrap();
        with_environment(&["scan", "--all", text(&stage.at("estate"))], &[])
    };
    let of = |id: &str, path: &std::path::Path| {
        format!("[store.{id}]\nname = \"N\"\nsite = \"muc\"\nsize = 1\npath = {path:?}\n{source}")
    };
    let live = stage.at("live");
    let (code, out, err) = scan(&format!("{written}{source}{}", of("gone", &live.join("gone"))));
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("there is no `gone`"), "{out}");
    // What is backed up is one store's; whose, nobody says of the other.
    let (code, out, err) =
        scan(&format!("{written}{source}{}", of("other", std::path::Path::new("/srv/other"))));
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("1 with a clean snapshot, 1 without") && out.contains("is not said"), "{out}");
    // None of its snapshots is its own.
    let of_host = source.replace("source = {", "source = { host = \"h9\",");
    let (code, out, err) = scan(&format!("{written}{of_host}"));
    assert_eq!(code, 2, "{out}{err}");
    assert!(out.contains("1 NOT JUDGED"), "{out}");
    let none = "provider = \"Test\"\n[site.muc]\nname = \"Munich\"\n";
    assert_eq!(scan(none).0, 2);
}
