//! A remedy reads as a person would write it, and a command can be pasted whatever stands in it.

#![allow(clippy::disallowed_methods, reason = "a shell has to read what is pasted")]

use super::{Command, Remedy, counted, counted_as, harmless, spaced};

#[test]
fn a_command_is_pasted_as_it_was_meant_whatever_its_words_hold() {
    let hostile = [
        "a b",
        "it's",
        "$(reboot)",
        "",
        "`x`",
        "é",
        "\u{1b}[2J",
        "tab\there",
        "back\\slash\n'",
        "gpj\u{202e}exe",
    ];
    for word in hostile {
        let line = Command::new("note").with(word).line(None);
        let script = format!("blackstart() {{ shift; printf %s \"$1\"; }}; {line}");
        let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), word, "{line}");
        assert!(!line.chars().any(super::steers), "{line:?} could steer a terminal");
    }
}

#[test]
fn the_folder_of_the_incident_is_put_in_where_it_is_known() {
    let command = Command::new("resume").incident().with("service:core").reason();
    let remedy = Remedy::run_to("when the reason is gone", command.clone());
    let line = "when the reason is gone: blackstart resume '/srv/night shift' service:core --reason TEXT";
    assert_eq!(remedy.shown(Some("/srv/night shift")), line);
    assert_eq!(
        remedy.to_string(),
        "when the reason is gone: blackstart resume DIR service:core --reason TEXT"
    );
    assert!(!command.is_complete(), "the reason is the person's");
    let arguments = command.arguments("/srv/i");
    assert_eq!(arguments[1].as_deref(), Some("/srv/i"));
    assert_eq!(arguments.last(), Some(&None));
}

#[test]
fn a_question_shows_every_answer_with_what_it_asks_for() {
    let found = |found: &str| {
        Remedy::run(Command::new("resume").incident().with("service:pay").option("--found", found).reason())
    };
    let remedy = Remedy::ask(
        "check whether it happened.",
        [("it did", found("done")), ("it did not", found("not-done"))],
    );
    assert_eq!(
        remedy.shown(Some("/i")),
        "check whether it happened. it did: blackstart resume /i service:pay --found done --reason TEXT; or it did not: \
         blackstart resume /i service:pay --found not-done --reason TEXT"
    );
    assert_eq!(remedy.commands().len(), 2);
}

#[test]
fn an_edit_names_its_place_where_it_is_known() {
    let edit = |file: Option<&str>, line| Remedy::Edit {
        file: file.map(str::to_owned),
        line,
        text: "write gate = …".to_owned(),
    };
    assert_eq!(edit(Some("a.toml"), Some(3)).to_string(), "a.toml:3: write gate = …");
    assert_eq!(edit(Some("a.toml"), None).to_string(), "in a.toml: write gate = …");
    assert_eq!(edit(None, None).to_string(), "write gate = …");
}

#[test]
fn no_name_steers_what_is_shown() {
    assert_eq!(harmless("a\u{1b}[2Jclean\nb \u{e4}"), "a\\u{1b}[2Jclean\\nb \u{e4}", "an escape");
    assert_eq!(harmless("\u{9b}2J\u{7f}\u{85}"), "\\u{9b}2J\\u{7f}\\u{85}", "C1 controls and delete");
    assert_eq!(harmless("gpj\u{202e}exe\u{2066}\u{200f}"), "gpj\\u{202e}exe\\u{2066}\\u{200f}", "direction");
    assert_eq!(
        harmless("\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f512} back\\slash"),
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f512} back\\slash"
    );
}

#[test]
fn counts_are_read_as_a_person_says_them() {
    assert_eq!((spaced(0_u64), spaced(25_000_000_u64)), ("0".to_owned(), "25 000 000".to_owned()));
    assert_eq!(counted(1_usize, "tenant"), "1 tenant");
    assert_eq!(counted(12_000_u64, "tenant"), "12 000 tenants");
    assert_eq!(counted_as(0_usize, "entry", "entries"), "0 entries");
}
