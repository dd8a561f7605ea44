//! Names from a hostile estate, and words from a hostile host.

use estate::Estate;
use estate::hands::{Become, Driver, Workload};
use estate::model::{Run, Service};

use crate::envelope::{opened, sealed};
use crate::{Script, Verb, facts, script, shell};

/// An estate from its text; what cannot be read fails the test.
pub(super) fn estate(text: &str) -> Estate {
    let mut estate = estate::canonical::from_text(text).unwrap();
    // Hosts alone are an estate, too.
    estate
        .services
        .entry("service:none".parse().unwrap())
        .or_insert_with(|| Service { run: Some(Run::default()), ..Service::default() });
    estate
}

const NASTY: [&str; 12] = [
    "a; touch /tmp/x",
    "$(touch /tmp/x)",
    "`touch /tmp/x`",
    "a' b",
    "a\nb",
    "-rf",
    "a b",
    "../../x",
    "a\"b",
    "*",
    "",
    "a\0b",
];

fn workload() -> Workload {
    Workload {
        context: None,
        namespace: "shop".to_owned(),
        kind: "deployment".to_owned(),
        name: "cart".to_owned(),
        replicas: 3,
    }
}

#[test]
fn no_script_is_written_for_what_could_be_more_than_a_name() {
    for name in NASTY {
        for verb in Verb::ALL {
            for driver in [
                Driver::Systemd(format!("{name}.service")),
                Driver::Systemd(name.to_owned()),
                Driver::Compose { project: name.to_owned(), service: "s".to_owned(), file: None },
                Driver::Compose { project: "p".to_owned(), service: name.to_owned(), file: None },
                Driver::Libvirt(name.to_owned()),
                Driver::Kubernetes(Workload { name: name.to_owned(), ..workload() }),
                Driver::Kubernetes(Workload { namespace: name.to_owned(), ..workload() }),
                Driver::Kubernetes(Workload { kind: name.to_owned(), ..workload() }),
                Driver::Kubernetes(Workload { context: Some(format!("{name}'")), ..workload() }),
                Driver::Compose {
                    project: "p".to_owned(),
                    service: "s".to_owned(),
                    file: Some(name.to_owned()),
                },
            ] {
                assert!(script(verb, &driver, Become::Sudo, false).is_err(), "{driver:?}");
            }
        }
    }
}

/// Asks the shell of this machine what it makes of them.
#[test]
#[allow(clippy::disallowed_methods, reason = "the real shell has the last word on what it takes for a word")]
fn a_shell_takes_every_quoted_text_for_one_word_as_it_is() {
    for text in NASTY.into_iter().chain(["'", "''", "\\", "a\\'b", "ä", "\t", "${x}", "!!", "~"]) {
        let line = format!("printf '%s|' {}", shell::words([text, "next"]));
        let ran = std::process::Command::new("/bin/sh").arg("-c").arg(line).output().unwrap();
        let expected = format!("{}|next|", text.replace('\0', ""));
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
    }
}

#[test]
fn an_end_counts_only_with_the_mark_of_this_time_and_after_its_begin() {
    let seen = |text: &str| opened(text.as_bytes(), "m1");
    assert_eq!(seen("hello\nBLACKSTART-BEGIN m1\nout\n\nBLACKSTART-END m1 3\nmore").code, Some(3));
    assert_eq!(seen("BLACKSTART-BEGIN m1\nBLACKSTART-END m2 0\n").code, None);
    assert_eq!(seen("BLACKSTART-END m1 0\n"), opened(b"", "m1"));
    assert_eq!(seen("BLACKSTART-BEGIN m1\nBLACKSTART-END m1 \n").code, None);
    assert_eq!(seen("BLACKSTART-BEGIN m1\nBLACKSTART-END m1 x\n").code, None);
    assert!(seen("BLACKSTART-BEGIN m1\n").has_begun);
    assert_eq!(opened(b"BLACKSTART-BEGIN m1\n\xff\n\nBLACKSTART-END m1 0\n", "m1").code, Some(0));
}

/// A connection can break after every byte.
#[test]
#[allow(clippy::disallowed_methods, reason = "the real shell has the last word on what it carries out")]
fn a_script_of_which_only_a_part_arrives_does_nothing() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("done");
    let text = format!("touch {}\ntrue", shell::word(file.to_str().unwrap()));
    let whole = sealed(&Script { verb: Verb::Start, text }, "m1");
    let given = |part: &str| {
        let mut child = std::process::Command::new("/bin/sh")
            .arg("-s")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(part.as_bytes()).unwrap();
        child.wait().unwrap();
    };
    // The last sign is the line end after the closing bracket, without which it is as whole.
    for length in (0..whole.len() - 2).step_by(3) {
        given(&whole[..length]);
        assert!(!file.exists(), "{length} bytes of {} did it", whole.len());
    }
    given(&whole);
    assert!(file.exists());
}

#[test]
fn what_a_host_says_stays_one_line_and_has_an_end() {
    assert_eq!(facts::plain("a\u{1b}[2Jb\r\nc", 100), "a / [2Jb / c");
    assert!(facts::plain(&"x".repeat(5_000), 10).chars().count() < 20);
}
