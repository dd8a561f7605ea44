//! Which incident and which thing is meant, where they are not named in full; and calls whose words are in another order.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::restart::Provider;

/// A provider with an open incident, `deep` a folder below it.
struct Opened {
    provider: Provider,
    deep: PathBuf,
}

impl Opened {
    fn new() -> Opened {
        let provider = Provider::new();
        provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
        let deep = provider.root().join("incident/runs/today");
        fs::create_dir_all(&deep).unwrap();
        Opened { provider, deep }
    }

    /// A call from inside the incident.
    fn inside(&self, words: &[&str]) -> Command {
        let mut command = self.provider.command(words);
        command.current_dir(&self.deep);
        command
    }

    fn journal(&self) -> String {
        self.provider.works(&["journal", "show", "incident"])
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn done(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    told(&output)
}

#[test]
fn every_command_finds_the_incident_that_it_is_called_in() {
    let opened = Opened::new();
    assert!(done(opened.inside(&["status"])).contains("INCIDENT  incident"));
    let said = done(opened.inside(&["hold", "service:mail", "--reason", "forensics"]));
    assert!(said.contains("on hold") && said.contains("incident /"), "which one is said: {said}");
    done(opened.inside(&["resume", "service:mail", "--reason", "images taken"]));
    done(opened.inside(&["journal", "verify"]));
    let estate = opened.provider.root().join("estate").display().to_string();
    done(opened.inside(&["plan", &estate, "--record", "-o", "plan", "--by", "anna"]));
    done(opened.inside(&["approve", "plan", "--yes"]));
    done(opened.inside(&["notice", "build", &estate, "-o", "site"]));
    let shown = done(opened.inside(&["journal", "show"]));
    assert!(
        ["forensics", "images taken", "plan", "published"].iter().all(|word| shown.contains(word)),
        "{shown}"
    );
}

#[test]
fn the_name_of_the_program_alone_shows_the_status_inside_of_an_incident_and_the_help_outside() {
    let opened = Opened::new();
    assert!(done(opened.inside(&[])).contains("DECIDE NEXT"));
    let output = opened.provider.call(&[]);
    let help = told(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(help.contains("Usage: blackstart") && help.contains("status"), "{help}");
}

#[test]
fn the_environment_names_the_incident_from_anywhere() {
    let opened = Opened::new();
    let with = |words: &[&str], value: &str| {
        let mut command = opened.provider.command(words);
        command.env("BLACKSTART_DIR", value);
        command
    };
    let incident = opened.provider.root().join("incident").display().to_string();
    assert!(done(with(&["status"], &incident)).contains("INCIDENT  incident"));
    // What is named in the call counts more.
    let output = with(&["status", "nowhere"], &incident).output().unwrap();
    assert!(told(&output).contains("nowhere is not an incident folder"), "{}", told(&output));
    let output = with(&["status"], "nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("BLACKSTART_DIR is nowhere"), "{}", told(&output));
}

#[test]
fn two_incidents_that_could_be_meant_are_none() {
    let opened = Opened::new();
    opened.provider.works(&["init", "second", "--estate", "estate", "--key", "key2", "--by", "anna"]);
    let mut command = opened.inside(&["note", "the phones work"]);
    command.env("BLACKSTART_DIR", opened.provider.root().join("second"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = told(&output);
    assert!(
        said.contains("second") && said.contains("incident") && said.contains("unset BLACKSTART_DIR"),
        "{said}"
    );
    assert!(!opened.journal().contains("phones"));
}

#[test]
fn without_an_incident_it_is_said_where_it_was_looked_for_and_how_to_name_it() {
    let provider = Provider::new();
    let output = provider.call(&["hold", "service:mail", "--reason", "x"]);
    let said = told(&output);
    assert_eq!(output.status.code(), Some(2));
    let here = provider.root().display().to_string();
    for part in [here.as_str(), "BLACKSTART_DIR is not set", "blackstart hold DIR ID --reason TEXT"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_first_word_of_a_note_is_the_incident_only_if_it_is_one() {
    let opened = Opened::new();
    opened.provider.works(&["note", "incident", "first", "form"]);
    done(opened.inside(&["note", "second", "form"]));
    done(opened.inside(&["note", "third"]));
    let journal = opened.journal();
    for text in ["note: first form", "note: second form", "note: third"] {
        assert!(journal.contains(text), "{text}: {journal}");
    }
    // A mistyped folder does not become a part of the note.
    let output = opened.inside(&["note", "../runs", "text"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("blackstart note '../runs text'"), "{}", told(&output));
    let output = opened.provider.call(&["note", "incidnet", "text"]);
    assert!(told(&output).contains("incidnet is not an incident folder"), "{}", told(&output));
    let output = opened.provider.call(&["note", "incident"]);
    assert!(told(&output).contains("the note is empty"), "{}", told(&output));
    assert_eq!(opened.journal(), journal);
}

#[test]
fn an_incident_where_a_plan_is_expected_is_told_apart() {
    let opened = Opened::new();
    let mut command = opened.provider.command(&["approve", "incident"]);
    command.env("BLACKSTART_DIR", opened.provider.root().join("incident"));
    let output = command.output().unwrap();
    assert!(told(&output).contains("incident is an incident, not a plan"), "{}", told(&output));
}

#[test]
fn a_name_alone_is_understood_wherever_only_one_thing_has_it() {
    let opened = Opened::new();
    let provider = &opened.provider;
    provider.works(&["hold", "incident", "mail", "--reason", "x"]);
    assert!(opened.journal().contains("service:mail"));
    provider.works(&["resume", "incident", "mail", "--reason", "x"]);
    let contained = provider.works(&["contain", "estate", "--infected", "mail", "--json"]);
    assert!(contained.contains("service:mail"), "{contained}");
    let planned = provider.works(&["plan", "estate", "--lost", "mail", "--schedules", "1", "--json"]);
    assert!(planned.contains("service:mail"), "{planned}");
    let output = provider.call(&["hold", "incident", "mai", "--reason", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("similar names: service:mail"), "{}", told(&output));
}

#[test]
fn a_name_that_two_things_have_is_asked_for_in_full() {
    let opened = Opened::new();
    let provider = &opened.provider;
    let more = provider.root().join("estate/more.toml");
    fs::write(more, "[host.mail]\nsite = \"here\"\n").unwrap();
    let output = provider.call(&["contain", "estate", "--infected", "mail"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("`mail` could be host:mail, service:mail"), "{}", told(&output));
}

#[test]
fn a_cut_without_an_incident_to_record_it_in_is_not_even_shown() {
    let provider = Provider::new();
    let output = provider.call(&["contain", "estate", "--infected", "portal", "--apply", "--yes"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(told(&output).contains("--apply --journal DIR"), "{}", told(&output));
}

#[test]
fn one_is_said_as_one() {
    let provider = Provider::new();
    let page = provider.works(&["plan", "estate", "--lost", "month-end", "--schedules", "1"]);
    assert!(page.contains("1 thing is lost; 2 steps; ") && page.contains("1 schedule tried"), "{page}");
    let cut = provider.works(&["contain", "estate", "--infected", "portal"]);
    assert!(cut.contains("1 of 1 fund without something while this holds (1 000 insured people)"), "{cut}");
}

#[test]
fn names_before_the_estate_do_not_take_it_along() {
    let provider = Provider::new();
    let plan = |words: &[&str]| {
        let output = provider.call(&[&["plan", "--schedules", "1", "--json"], words].concat());
        (output.status.code(), told(&output))
    };
    let usual = plan(&["estate", "--lost", "service:core", "service:mail"]);
    assert_eq!(usual.0, Some(0), "{}", usual.1);
    for order in [
        &["--lost", "service:core", "service:mail", "estate"][..],
        &["--lost", "service:core", "estate", "--lost", "service:mail"],
        &["--lost", "core", "mail", "--", "estate"],
    ] {
        assert_eq!(plan(order), usual, "{order:?}");
    }
    assert!(provider.works(&["contain", "--infected", "mail", "estate"]).contains("stop service:mail"));
}

#[test]
fn an_estate_that_could_be_a_name_is_not_guessed() {
    let provider = Provider::new();
    fs::create_dir(provider.root().join("mail")).unwrap();
    for (words, why) in [
        (&["plan", "--lost", "estate"][..], "estate after --lost is the only value there"),
        (&["plan", "--lost", "mail", "estate"], "mail and estate could both be the estate"),
        (&["plan", "--lost", "service:mail"], "no estate is named"),
        (&["contain", "--infected", "service:mail"], "no estate is named"),
        (&["plan"], "no estate is named"),
    ] {
        let output = provider.call(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said = told(&output);
        assert!(said.contains(why) && said.contains("ESTATE --"), "{words:?}: {said}");
    }
}

#[test]
fn an_incident_that_somebody_else_put_there_is_not_taken_without_being_named() {
    // Only root can give a folder away; the rule itself is tested beside `place`.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let opened = Opened::new();
    let folder = opened.provider.root().join("incident");
    std::os::unix::fs::chown(&folder, Some(65_534), None).unwrap();
    let found = opened.inside(&["status"]).env_remove("SUDO_UID").output().unwrap();
    assert_eq!((found.status.code(), found.stdout.len()), (Some(1), 0), "{}", told(&found));
    assert!(told(&found).contains("belongs to user 65534, not to you (0)"), "{}", told(&found));
    assert!(told(&found).contains("export BLACKSTART_DIR="), "{}", told(&found));
    // Named, it is the caller's decision.
    done(opened.inside(&["status", &folder.display().to_string()]));
    let mut set = opened.inside(&["status"]);
    set.env("BLACKSTART_DIR", &folder);
    done(set);
}
