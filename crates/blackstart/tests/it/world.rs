//! The real machine, asked what the simulation only claims: sessions, marks, signals, probes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use estate::model::{Probe, Run};
use world::real::Real;
use world::{Answer, Launch, ProcessMark, World};

fn machine(folder: &Path) -> Real {
    Real::with_doorstep(
        &folder.join("probes"),
        scan::restic::read_repository,
        env!("CARGO_BIN_EXE_blackstart").into(),
    )
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// A run id that no other test and no earlier run of this one uses.
fn label(folder: &Path, name: &str) -> String {
    format!("{}/{name}", folder.display())
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start(world: &Real, folder: &Path, run: &str, script: &str) -> ProcessMark {
    let settings = Run {
        directory: Some(folder.display().to_string()),
        environment: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
        ..Run::default()
    };
    let output = folder.join("out").join("service.out");
    world.start(&Launch { run, command: &shell(script), settings: &settings, output: &output }).unwrap()
}

#[test]
fn a_started_process_leads_its_own_session_and_writes_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let run = label(folder.path(), "a");
    let mark = start(&world, folder.path(), &run, "echo $GREETING; pwd; exec sleep 600");
    let stat = fs::read_to_string(format!("/proc/{}/stat", mark.pid)).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(session, mark.pid.to_string());
    let output = folder.path().join("out/service.out");
    let expected = format!("hello\n{}\n", folder.path().display());
    eventually("its output", || fs::read_to_string(&output).unwrap() == expected);
    assert!(world.trace(&output).unwrap().begun);
    assert_eq!(world.find(&run).unwrap(), Some(mark.clone()), "another Blackstart finds it by its run id");
    assert!(world.is_alive(&mark));
    world.stop(&mark, 1_000).unwrap();
    assert!(!world.is_alive(&mark));
    assert_eq!(world.find(&run).unwrap(), None);
}

#[test]
fn nothing_of_our_own_environment_is_handed_on_but_what_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let settings =
        Run { environment: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]), ..Run::default() };
    let output = folder.path().join("out");
    let run = label(folder.path(), "environment");
    let command = ["/usr/bin/env".to_owned()];
    let launch = Launch { run: &run, command: &command, settings: &settings, output: &output };
    // `cargo` sets many variables for a test, such as `CARGO_MANIFEST_DIR`.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(world.run(&launch, 60_000).unwrap().code, Some(0));
    let printed = fs::read_to_string(&output).unwrap();
    let mut names: Vec<&str> = printed.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.retain(|name| !["PATH", "HOME", "LANG", "TZ"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["BLACKSTART_RUN", "GREETING"]);
}

/// Its label may have become known, for instance from the journal.
#[test]
fn a_process_of_another_user_is_not_taken_for_one_that_we_started() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let run = label(folder.path(), "planted");
    let mut planted = Command::new("/bin/sleep");
    planted.arg("600").env("BLACKSTART_RUN", &run).uid(65_534);
    // Only root can be somebody else, and see the environment of others.
    let Ok(mut planted) = planted.spawn() else { return };
    let path = format!("/proc/{}/environ", planted.id());
    eventually("its environment", || fs::read_to_string(&path).is_ok_and(|text| text.contains(&run)));
    let fault = world.find(&run).unwrap_err().to_string();
    assert!(fault.contains(&planted.id().to_string()) && fault.contains("another user"), "{fault}");
    let mark = start(&world, folder.path(), &run, "exec sleep 600");
    assert_eq!(world.find(&run).unwrap(), Some(mark.clone()), "ours is told from it");
    planted.kill().unwrap();
    planted.wait().unwrap();
    world.stop(&mark, 1_000).unwrap();
}

#[test]
fn a_process_never_began_before_the_number_of_its_attempt_was_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let before = start(&world, folder.path(), &label(folder.path(), "before"), "exec sleep 600");
    std::thread::sleep(Duration::from_millis(30));
    let nonce = world.draw(&folder.path().join("a.nonce"), "r", 1).unwrap();
    let after = start(&world, folder.path(), &label(folder.path(), "after"), "exec sleep 600");
    assert!(before.start_ticks < nonce.since_ticks && nonce.since_ticks <= after.start_ticks);
    world.stop(&before, 1_000).unwrap();
    world.stop(&after, 1_000).unwrap();
}

#[test]
fn a_process_number_that_was_used_again_is_not_mistaken() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let mark = start(&world, folder.path(), &label(folder.path(), "b"), "exec sleep 600");
    let earlier = ProcessMark { start_ticks: mark.start_ticks - 1, run: "gone".to_owned(), ..mark.clone() };
    assert!(!world.is_alive(&earlier));
    world.stop(&earlier, 1_000).unwrap();
    assert!(world.is_alive(&mark), "stopping the process of the same number did not touch it");

    // A pid file that is older than the process that has its number now.
    let file = folder.path().join("service.pid");
    fs::write(&file, format!("{}\n", mark.pid)).unwrap();
    let path = file.to_str().unwrap();
    assert!(world.find_by_pid_file(path).unwrap().is_some());
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(world.find_by_pid_file(path).unwrap(), None);
    world.stop(&mark, 1_000).unwrap();
}

#[test]
fn stopping_takes_the_whole_session_and_does_not_ask_twice() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let run = label(folder.path(), "c");
    // The parent refuses to end, and its child would outlive it.
    let mark =
        start(&world, folder.path(), &run, "trap '' TERM; sleep 600 & echo $! > child; wait; sleep 600");
    let child = folder.path().join("child");
    eventually("the child", || fs::read_to_string(&child).is_ok_and(|text| text.ends_with('\n')));
    world.stop(&mark, 200).unwrap();
    assert!(!world.is_alive(&mark));
    assert_eq!(world.find(&run).unwrap(), None, "nothing that carries the run id lives");
}

#[test]
fn what_cannot_be_started_is_a_fault_that_names_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let command = vec!["/no/such/program".to_owned()];
    let output = folder.path().join("out");
    let settings = Run::default();
    let run = label(folder.path(), "d");
    let launch = Launch { run: &run, command: &command, settings: &settings, output: &output };
    // While it ends it is neither its command nor a zombie, for a moment.
    for _ in 0..30 {
        let fault = world.start(&launch).unwrap_err().to_string();
        assert!(fault.contains("/no/such/program"), "{fault}");
    }
}

#[test]
fn a_command_leaves_its_code_behind_and_is_ended_at_its_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let settings = Run::default();
    let run = |name: &str, script: &str, deadline_ms: u64| {
        let (output, id) = (folder.path().join(name), label(folder.path(), name));
        let launch = Launch { run: &id, command: &shell(script), settings: &settings, output: &output };
        let ended = world.run(&launch, deadline_ms).unwrap();
        (ended, world.trace(&output).unwrap())
    };
    let (ended, trace) = run("good", "echo fine", 60_000);
    assert_eq!((ended.code, ended.tail.as_str()), (Some(0), "fine"));
    assert_eq!(trace.ended, Some(ended));
    let (ended, trace) = run("bad", "echo why >&2; exit 3", 60_000);
    assert_eq!((ended.code, ended.tail.as_str()), (Some(3), "why"));
    assert_eq!(trace.ended.unwrap().code, Some(3));
    let (ended, trace) = run("endless", "echo begun; exec sleep 600", 300);
    assert_eq!(ended.code, None);
    assert!(trace.begun && trace.ended.is_none(), "nothing says that it ended: it was cut off");
    assert_eq!(world.find(&label(folder.path(), "endless")).unwrap(), None);
    let nothing = world.trace(&folder.path().join("never")).unwrap();
    assert!(!nothing.begun && nothing.ended.is_none());
}

#[test]
fn probes_say_yes_only_when_the_condition_holds() {
    let folder = tempfile::tempdir().unwrap();
    let world = machine(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 1024];
            let length = connection.read(&mut request).unwrap_or(0);
            let moved = String::from_utf8_lossy(&request[..length]).contains("/moved");
            let status = if moved { "302 Found\r\nLocation: /healthy" } else { "200 OK" };
            let _ = write!(connection, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let http = |path: &str, status| Probe::Http { url: format!("http://{address}{path}"), status };
    assert_eq!(world.probe(&Probe::Tcp(address.clone()), 5_000), Answer::Yes);
    assert_eq!(world.probe(&http("/healthy", 200), 5_000), Answer::Yes);
    assert!(matches!(world.probe(&http("/healthy", 204), 5_000), Answer::No(_)));
    assert!(matches!(world.probe(&http("/moved", 200), 5_000), Answer::No(_)), "a redirect is not health");
    assert_eq!(world.probe(&http("/moved", 302), 5_000), Answer::Yes);

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert!(matches!(world.probe(&Probe::Tcp(closed), 5_000), Answer::No(_)));
    assert!(matches!(world.probe(&Probe::Tcp("no address".to_owned()), 5_000), Answer::No(_)));
    assert_eq!(world.probe(&Probe::Command(shell("exit 0")), 60_000), Answer::Yes);
    assert!(
        matches!(world.probe(&Probe::Command(shell("echo ill; exit 1")), 60_000), Answer::No(why) if why.contains("ill"))
    );
    assert!(matches!(world.probe(&Probe::Command(shell("exec sleep 600")), 200), Answer::No(_)));
    assert!(fs::read_dir(folder.path().join("probes")).unwrap().next().is_none(), "probes leave nothing");
}

/// A rescue host has the C library and little else.
#[test]
fn the_binary_needs_nothing_but_the_c_library() {
    let listed = std::process::Command::new("ldd").arg(env!("CARGO_BIN_EXE_blackstart")).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let named = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    let allowed = ["linux-vdso.so", "ld-linux", "libc.so", "libm.so", "libgcc_s.so"];
    let of_the_c_library = |line: &&str| !allowed.iter().any(|library| line.contains(library));
    let others: Vec<String> = listed.lines().filter(of_the_c_library).map(named).collect();
    assert!(listed.contains("libc.so"), "ldd says: {listed}");
    assert_eq!(others, Vec::<String>::new());
}
