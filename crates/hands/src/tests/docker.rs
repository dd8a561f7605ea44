//! The scripts for containers, carried out by a real docker in namespaces of the test.
//!
//! Without root and docker (Debian: `apt-get install docker.io iptables`) this is left out, and says so.

#![allow(
    clippy::disallowed_methods,
    reason = "the other side is a program that the test itself starts and ends"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use estate::hands::{Become, Driver};

use crate::{Reading, UnitState, Verb, envelope, reading, script};

/// In a mount and network namespace of its own; ends docker whatever happens, and with it everything that it runs.
const HARNESS: &str = r#"
set -u
mount -t tmpfs t /run
mkdir "$DIR/data" "$DIR/image"
mount -t tmpfs -o size=800m t "$DIR/data"
ip link set lo up
dockerd -H unix:///var/run/docker.sock --data-root "$DIR/data" --exec-root /run/dk --pidfile /run/dk.pid >"$DIR/log" 2>&1 &
daemon=$!
trap 'docker kill $(docker ps -q) >/dev/null 2>&1; kill $daemon; wait $daemon' EXIT
for i in $(seq 300); do docker ps >/dev/null 2>&1 && break; sleep 0.1; done
cp --parents /bin/sleep $(ldd /bin/sleep | grep -o '/[^ ]*') "$DIR/image/"
tar -C "$DIR/image" -c . | docker import - tiny >/dev/null || exit 1
docker create --restart=always --stop-timeout 1 --label com.docker.compose.project=shop --label com.docker.compose.service=cart tiny /bin/sleep 1000 >/dev/null || exit 1
for script in "$DIR"/*.sh; do sh -s <"$script" >"$script.out" 2>"$script.err"; done
"#;

fn cart() -> Driver {
    Driver::Compose { project: "shop".to_owned(), service: "cart".to_owned(), file: None }
}

fn carried(verbs: &[Verb]) -> Option<Vec<(Option<i32>, Reading)>> {
    let programs = ["/usr/sbin/dockerd", "/usr/bin/unshare", "/usr/sbin/iptables", "/usr/sbin/ip"];
    let lacks: Vec<&str> = programs.into_iter().filter(|program| !Path::new(program).exists()).collect();
    if !rustix::process::geteuid().is_root() || !lacks.is_empty() {
        eprintln!("LEFT OUT: no real docker was tried: this needs root and {}", programs.join(", "));
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |at: usize, verb: &Verb| folder.path().join(format!("{at}-{}.sh", verb.word()));
    for (at, verb) in verbs.iter().enumerate() {
        let script = script(*verb, &cart(), Become::Nobody, false).unwrap();
        fs::write(path(at, verb), envelope::sealed(&script, "m1")).unwrap();
    }
    let ran = Command::new("unshare")
        .args(["-m", "-n", "-p", "-f", "--kill-child", "--mount-proc", "--propagation", "private"])
        .args(["bash", "-c", HARNESS])
        .env("DIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    assert!(ran.status.success(), "{}\n{}", String::from_utf8_lossy(&ran.stderr), log());
    let read = |(at, verb): (usize, &Verb)| {
        let printed = fs::read(format!("{}.out", path(at, verb).display())).unwrap();
        let opened = envelope::opened(&printed, "m1");
        (opened.code, reading(&cart(), &opened.output))
    };
    Some(verbs.iter().enumerate().map(read).collect())
}

fn policy(read: &Reading) -> String {
    let of = read.after.values.iter().find(|(name, _)| name.starts_with("container:"));
    of.unwrap().1.rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn a_container_is_started_held_so_that_docker_leaves_it_and_released_as_it_was() {
    use Verb::{Hold, Probe, Release, Start, Stop};
    let Some(came) = carried(&[Probe, Start, Start, Hold, Hold, Release, Start, Stop]) else { return };
    assert!(came.iter().all(|(code, _)| *code == Some(0)), "{came:?}");
    let stands: Vec<UnitState> = came.iter().map(|(_, read)| read.standing).collect();
    use UnitState::{Down, Up};
    assert_eq!(stands, [Down, Up, Up, Down, Down, Down, Up, Down]);
    let held: Vec<bool> = came.iter().map(|(_, read)| read.is_held).collect();
    assert_eq!(held, [false, false, false, true, true, false, false, false]);
    let policies: Vec<String> = came.iter().map(|(_, read)| policy(read)).collect();
    assert_eq!(policies, ["always", "always", "always", "no", "no", "always", "always", "always"]);
    assert_eq!(came[1].1.mark, came[2].1.mark, "a second start changes nothing");
    assert_ne!(came[1].1.mark, came[6].1.mark, "what was started anew is known to be new");
    assert!(came[7].1.mark.is_empty());
}
