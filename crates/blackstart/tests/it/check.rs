//! `blackstart check`: the golden text and JSON, and what the exit code says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_blackstart")).arg("check").args(arguments).output().unwrap()
}

fn here(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn talk(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_broken_estate_is_shown_worst_first_with_the_place_of_each_finding() {
    let output = check(&[&here("../estate/fuzz/estate/findings.toml")]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(out(&output));
}

#[test]
fn a_broken_estate_as_json() {
    let output = check(&[&here("../estate/fuzz/estate/findings.toml"), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn the_example_estate_is_not_refused() {
    let output = check(&[&here("../../estates/gkv")]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    let last: Vec<String> = out(&output).lines().rev().take(3).map(str::to_owned).collect();
    assert!(last[2].contains("86 tenants, 25 000 000 insured"), "{last:?}");
    assert!(last[0].starts_with("0 blocking, "), "{last:?}");
    assert!(!out(&output).contains('\u{1b}'), "readable without colour");
}

#[test]
fn what_blocks_stands_at_the_end_again_when_it_has_scrolled_away() {
    let broken = here("../estate/fuzz/estate/findings.toml");
    let all = out(&check(&[&broken]));
    let lines: Vec<&str> = all.lines().collect();
    let again = lines.iter().filter(|line| line.starts_with("blocking ")).count();
    assert!(again > 0 && all.lines().last().unwrap().starts_with(&format!("{again} blocking, ")), "{all}");
    assert!(lines.iter().rev().take(again + 6).any(|line| line.starts_with("blocking ")), "{all}");
}

#[test]
fn only_findings_of_one_grade_or_code_are_shown_if_that_is_asked_and_the_answer_stays() {
    let broken = here("../estate/fuzz/estate/findings.toml");
    let json = |more: &[&str]| {
        let output = check(&[&[broken.as_str(), "--json"], more].concat());
        assert_eq!(output.status.code(), Some(1));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let (all, notes) = (json(&[]), json(&["--only", "note"]));
    let shown = notes["findings"].as_array().unwrap();
    assert_eq!((shown.len() as u64, &notes["blocking"]), (all["notes"].as_u64().unwrap(), &all["blocking"]));
    assert!(!shown.is_empty() && shown.iter().all(|finding| finding["grade"] == "note"));
    let code = all["findings"][0]["code"].as_str().unwrap().to_owned();
    let of_code = json(&["--only", &code]);
    assert!(of_code["findings"].as_array().unwrap().iter().all(|finding| finding["code"] == code.as_str()));
    assert_eq!(json(&["--only", "no-such-code"])["findings"].as_array().unwrap().len(), 0);
    assert_eq!(check(&[&broken, "--only", "Blocking!"]).status.code(), Some(2));
}

#[test]
fn colour_is_for_terminals_unless_somebody_asks_for_it() {
    let broken = here("../estate/fuzz/estate/findings.toml");
    let coloured = |words: &[&str], variable: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
        command.env_remove("NO_COLOR").args(words);
        command.envs(variable.map(|value| ("NO_COLOR", value)));
        let output = command.output().unwrap();
        (out(&output).contains('\u{1b}'), talk(&output).contains('\u{1b}'))
    };
    let check = ["check", broken.as_str()];
    assert_eq!(coloured(&check, None), (false, false));
    assert_eq!(coloured(&[&check[..], &["--color", "always"]].concat(), Some("1")), (true, false));
    assert_eq!(coloured(&["--color=never", "check", &broken], None), (false, false));
    // Refusals, help and usage errors as well.
    assert_eq!(coloured(&["--color=always", "check", "/nowhere"], None), (false, true));
    assert_eq!(coloured(&["check", "/nowhere"], None), (false, false));
    assert_eq!(coloured(&["--color=always", "plan", "--help"], None), (true, false));
    assert_eq!(coloured(&["plan", "--help"], None), (false, false));
    assert_eq!(coloured(&["check", "--color", "always", "--nonsense"], None), (false, true));
    assert_eq!(coloured(&["check", "--nonsense"], None), (false, false));
    // Also between a command and what stands below it, and not in what is only said.
    assert_eq!(coloured(&["plan", "--color", "always", "show", "/nowhere"], None), (false, true));
    assert_eq!(coloured(&["note", "/nowhere", "--", "--color=always"], None), (false, false));
}

#[test]
fn what_cannot_be_read_is_a_fault_with_something_to_do() {
    let empty = tempfile::tempdir().unwrap();
    for path in [empty.path(), Path::new("/nowhere/at/all")] {
        let output = check(&[&path.display().to_string()]);
        assert_eq!((output.status.code(), out(&output)), (Some(2), String::new()));
        assert!(talk(&output).contains("what to do: "), "{}", talk(&output));
    }
    assert_eq!(check(&[]).status.code(), Some(2));
}

#[test]
fn a_file_that_steers_the_terminal_is_shown_harmless() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), "[site.a]\n\u{1b}]0;owned\u{7} = \u{9b}31m\n").unwrap();
    let output = check(&[&folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).chars().all(|letter| letter == '\n' || !letter.is_control()), "{:?}", out(&output));
}

#[test]
fn a_line_without_end_is_named_and_not_drawn() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), format!("a = [{}", "1,".repeat(50_000))).unwrap();
    let output = check(&[&folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).len() < 2000, "{} bytes", out(&output).len());
    assert!(out(&output).contains("(a.toml:1:"), "{}", out(&output));
}

/// Who finds half an answer in a file must not take it for the whole.
#[test]
fn an_answer_that_finds_no_room_is_a_fault_and_not_a_result() {
    for more in [&[][..], &["--json"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_blackstart"))
            .args(["check", &here("../../estates/gkv")])
            .args(more)
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(talk(&output).contains("could not be written to the standard output"), "{}", talk(&output));
    }
}
