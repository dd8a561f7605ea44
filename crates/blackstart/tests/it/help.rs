//! The words of the command line: the whole help as one golden file, completions and manual pages made of it.

use std::fmt::Write;
use std::fs;
use std::process::Command;

fn printed(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_blackstart")).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every command and what stands below it, as its words; without the `help` that the parser adds.
fn commands(of: &clap::Command, before: &str, found: &mut Vec<String>) {
    for below in of.get_subcommands().filter(|below| below.get_name() != "help") {
        let words = format!("{before}{} ", below.get_name());
        found.push(words.trim_end().to_owned());
        commands(below, &words, found);
    }
}

/// The form in which terminals and paper show it. A change of a word is a change of this file.
#[test]
fn the_whole_help_is_what_was_read_and_agreed() {
    let mut line = blackstart::cli::line().term_width(100).disable_help_subcommand(true);
    line.build();
    let mut page = String::new();
    write_help(&mut line, "blackstart", &mut page);
    insta::assert_snapshot!(page);
}

fn write_help(command: &mut clap::Command, words: &str, page: &mut String) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(page, "==== {words}\n\n{}\n\n", lines.join("\n"));
    for below in command.get_subcommands_mut() {
        let words = format!("{words} {}", below.get_name());
        write_help(below, &words, page);
    }
}

#[test]
fn every_option_says_what_it_does() {
    fn look(command: &clap::Command, words: &str, silent: &mut Vec<String>) {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            if argument.get_help().is_none() {
                silent.push(format!("{words} {}", argument.get_id()));
            }
        }
        for below in command.get_subcommands() {
            look(below, &format!("{words} {}", below.get_name()), silent);
        }
    }
    let mut silent = Vec::new();
    look(&blackstart::cli::line(), "blackstart", &mut silent);
    assert!(silent.is_empty(), "these have no words:\n{}", silent.join("\n"));
}

#[test]
fn completions_for_each_shell_know_every_command() {
    let mut found = Vec::new();
    commands(&blackstart::cli::line(), "", &mut found);
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for command in found.iter().filter(|words| !words.contains(' ')) {
            assert!(script.contains(command.as_str()), "{shell} does not know {command}");
        }
        assert!(script.contains("despite-ignorance"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let mut found = Vec::new();
    commands(&blackstart::cli::line(), "", &mut found);
    let folder = tempfile::tempdir().unwrap();
    printed(&["man", "--out", &folder.path().join("man1").display().to_string()]);
    for command in found.iter().map(String::as_str).chain([""]) {
        let name = format!("blackstart {command}").trim_end().replace(' ', "-");
        let page = fs::read_to_string(folder.path().join(format!("man1/{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")) && page.contains(".SH SYNOPSIS"), "{name}: {page}");
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(printed(&[&["man"], words.as_slice()].concat()).trim_end(), page.trim_end(), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path().join("man1")).unwrap().count(), found.len() + 1);
}
