//! The door on this machine: ends, deadlines, and what is left running.

use std::sync::Arc;

use crate::reach::{Heard, Reach};
use crate::way::Way;
use crate::{Script, Verb};

fn door() -> (tempfile::TempDir, Arc<Reach>) {
    let folder = tempfile::tempdir().unwrap();
    let door = Arc::new(Reach::new(&folder.path().join("ssh")));
    (folder, door)
}

fn carried(text: &str, deadline_ms: u64) -> Heard {
    let script = Script { verb: Verb::Start, text: text.to_owned() };
    door().1.carry(&Way::Here, &script, deadline_ms).unwrap()
}

#[test]
fn a_script_ends_with_its_own_code_and_says_what_it_said() {
    let heard = carried("echo out\necho err >&2\nexit 7", 20_000);
    assert_eq!((heard.code, heard.output.trim(), heard.said.as_str()), (Some(7), "out", "err"));
    assert!(heard.may_have_begun && heard.broke_off.is_empty());
}

#[test]
fn an_end_that_is_not_seen_is_in_doubt_whatever_the_exit_code_is() {
    // The shell itself ends well; its last line never comes.
    let heard = carried("kill -9 $$", 20_000);
    assert_eq!(heard.code, None);
    assert!(heard.may_have_begun && !heard.broke_off.is_empty(), "{heard:?}");
}

#[test]
fn what_does_not_end_is_ended_at_its_deadline_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let heard = carried(&format!("sleep 1000 &\necho $! > {}\nwait", file.display()), 1_500);
    assert_eq!((heard.code, heard.may_have_begun), (None, true));
    assert!(heard.broke_off.contains("1500 ms"), "{heard:?}");
    let pid = std::fs::read_to_string(file).unwrap();
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "it still runs: {state}");
}

#[test]
fn whoever_says_too_much_is_not_heard_to_the_end() {
    let heard = carried("while :; do echo 0123456789012345678901234567890123456789; done", 60_000);
    assert_eq!(heard.code, None);
    assert!(heard.broke_off.contains("KiB"), "{heard:?}");
}

#[test]
fn a_process_that_keeps_the_line_open_holds_nobody_up() {
    let heard = carried("sleep 1000 &\necho $!", 60_000);
    assert_eq!(heard.code, Some(0));
    // What a script leaves on purpose is left.
    let pid = rustix::process::Pid::from_raw(heard.output.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_script_gets_nothing_of_our_environment_and_none_of_its_own_text_as_input() {
    let heard = carried("env | cut -d= -f1 | sort | tr '\\n' ' '; cat", 20_000);
    let names: Vec<&str> = heard.output.split_whitespace().collect();
    let known = ["HOME", "KUBECONFIG", "LC_ALL", "OLDPWD", "PATH", "PWD", "SSH_AUTH_SOCK", "_"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    assert_eq!(heard.code, Some(0));
}
