//! The real ssh and the real sshd, on this machine, with keys and settings of their own in a folder of the test.
//!
//! Without sshd (Debian: `apt-get install openssh-server`) these tests are left out, and say so.

#![allow(
    clippy::disallowed_methods,
    reason = "the other side is a program that the test itself starts and ends"
)]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use estate::hands::{Become, Ssh};

use crate::reach::{Heard, Reach};
use crate::way::{Hop, Way};
use crate::{Script, Verb};

struct Sshd {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn key(path: &Path) -> String {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path).status();
    assert!(made.unwrap().success());
    fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned()
}

impl Sshd {
    /// `None`: there is no sshd on this machine.
    fn start() -> Option<Sshd> {
        let program = Path::new("/usr/sbin/sshd");
        if !program.exists() {
            eprintln!("LEFT OUT: {} is not installed, so nothing was tried over ssh", program.display());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        key(&at("host"));
        let allowed = key(&at("user"));
        fs::write(at("allowed"), allowed).unwrap();
        key(&at("authority"));
        let signed = Command::new("ssh-keygen")
            .args(["-q", "-s"])
            .arg(at("authority"))
            .args(["-I", "host", "-h", "-n", "127.0.0.1"])
            .arg(at("host.pub"))
            .status();
        assert!(signed.unwrap().success());
        // Made by the system at its start, where it starts services.
        let _ = fs::create_dir("/run/sshd");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {host}\nHostCertificate {host}-cert.pub\nAuthorizedKeysFile {allowed}\n\
             StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             MaxStartups 100\nAllowTcpForwarding yes\n",
            host = at("host").display(),
            allowed = at("allowed").display(),
        );
        fs::write(at("sshd_config"), settings).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let child = Command::new(program)
            .arg("-D")
            .arg("-e")
            .arg("-f")
            .arg(at("sshd_config"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn();
        let sshd = Sshd { child: child.unwrap(), port, folder };
        for _ in 0..1_000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(sshd);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("sshd does not listen: {}", fs::read_to_string(sshd.at("log")).unwrap());
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn hop(&self, name: &str) -> Hop {
        let host_key = fs::read_to_string(self.at("host.pub")).unwrap().trim().to_owned();
        let ssh = Ssh {
            address: "127.0.0.1".to_owned(),
            port: Some(self.port),
            user: Some(user()),
            becomes: Become::Nobody,
            jump: None,
            host_key: vec![host_key],
            identity: Some(self.at("user").display().to_string()),
        };
        Hop { host: format!("host:{name}").parse().unwrap(), ssh }
    }

    fn door(&self) -> Reach {
        Reach::new(&self.at("door"))
    }

    fn carry(&self, hops: Vec<Hop>, text: &str) -> Heard {
        self.door().carry(&Way::Ssh(hops), &of(text), 60_000).unwrap()
    }
}

fn user() -> String {
    let said = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

fn of(text: &str) -> Script {
    Script { verb: Verb::Start, text: text.to_owned() }
}

const OTHER_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHaUqLRdzXPCHsHxQUwhqSyVhGYcvpAB8N3PuTWVeXJG";

#[test]
fn a_script_is_carried_out_with_a_clean_environment_and_ends_with_its_code() {
    let Some(sshd) = Sshd::start() else { return };
    let heard =
        sshd.carry(vec![sshd.hop("web")], "env | cut -d= -f1 | sort | tr '\\n' ' '\necho oh >&2\nexit 3");
    assert_eq!((heard.code, heard.may_have_begun, heard.said.as_str()), (Some(3), true, "oh"), "{heard:?}");
    let names: Vec<&str> = heard.output.split_whitespace().collect();
    assert!(
        names.iter().all(|name| ["HOME", "LC_ALL", "PATH", "PWD", "OLDPWD", "_"].contains(name)),
        "{names:?}"
    );
}

#[test]
fn a_host_with_another_key_is_not_spoken_to_and_nothing_is_learned_from_it() {
    let Some(sshd) = Sshd::start() else { return };
    let mut hop = sshd.hop("web");
    hop.ssh.host_key = vec![OTHER_KEY.to_owned()];
    let heard = sshd.carry(vec![hop.clone()], "touch /should-not-be");
    assert_eq!((heard.may_have_begun, heard.code), (false, None), "{heard:?}");
    assert!(heard.said.contains("verification failed"), "{heard:?}");
    let again = sshd.carry(vec![hop], "true");
    assert!(!again.may_have_begun, "the first time must not have taught it the key: {again:?}");
}

#[test]
fn a_key_of_one_host_is_not_good_for_another() {
    let Some(sshd) = Sshd::start() else { return };
    let (known, mut other) = (sshd.hop("known"), sshd.hop("other"));
    other.ssh.host_key = vec![OTHER_KEY.to_owned()];
    assert_eq!(sshd.carry(vec![known], "true").code, Some(0));
    assert!(!sshd.carry(vec![other], "true").may_have_begun);
}

#[test]
fn an_authority_for_host_keys_vouches_for_an_address() {
    let Some(sshd) = Sshd::start() else { return };
    let mut hop = sshd.hop("web");
    let authority = fs::read_to_string(sshd.at("authority.pub")).unwrap();
    hop.ssh.host_key = vec![format!("@cert-authority {}", authority.trim())];
    let heard = sshd.carry(vec![hop.clone()], "true");
    assert_eq!(heard.code, Some(0), "{heard:?}");
    hop.ssh.host_key = vec![format!("@cert-authority {OTHER_KEY}")];
    assert!(!sshd.carry(vec![hop], "true").may_have_begun);
}

#[test]
fn the_way_through_another_host_asks_both_for_their_keys() {
    let Some(sshd) = Sshd::start() else { return };
    let heard = sshd.carry(vec![sshd.hop("gate"), sshd.hop("web")], "echo there");
    assert_eq!((heard.code, heard.output.trim()), (Some(0), "there"), "{heard:?}");
    let mut gate = sshd.hop("gate");
    gate.ssh.host_key = vec![OTHER_KEY.to_owned()];
    let heard = sshd.carry(vec![gate, sshd.hop("web")], "true");
    assert!(!heard.may_have_begun, "{heard:?}");
}

#[test]
fn nobody_there_means_that_nothing_has_begun() {
    let Some(sshd) = Sshd::start() else { return };
    let mut hop = sshd.hop("web");
    hop.ssh.port = Some(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let heard = sshd.carry(vec![hop], "true");
    assert!(!heard.may_have_begun && heard.said.contains("refused"), "{heard:?}");
}

#[test]
fn a_login_that_is_refused_means_that_nothing_has_begun() {
    let Some(sshd) = Sshd::start() else { return };
    fs::write(sshd.at("allowed"), "").unwrap();
    let heard = sshd.carry(vec![sshd.hop("web")], "true");
    assert!(!heard.may_have_begun && heard.said.contains("Permission denied"), "{heard:?}");
}

#[test]
fn a_connection_that_breaks_in_the_middle_is_in_doubt() {
    let Some(sshd) = Sshd::start() else { return };
    let file = sshd.at("done");
    let heard =
        sshd.carry(vec![sshd.hop("web")], &format!("kill -9 $PPID\necho done > {}\nexit 0", file.display()));
    assert_eq!((heard.code, heard.may_have_begun), (None, true), "{heard:?}");
    assert!(!heard.broke_off.is_empty());
}

#[test]
fn hosts_that_hang_hold_up_nobody_else() {
    let Some(sshd) = Sshd::start() else { return };
    let door = Arc::new(sshd.door());
    let gone_on = sshd.at("go-on");
    let hangs = format!("until [ -e {} ]; do sleep 0.1; done", gone_on.display());
    let hanging: Vec<_> = (0..12)
        .map(|_| {
            let (door, way, script) = (Arc::clone(&door), Way::Ssh(vec![sshd.hop("hangs")]), of(&hangs));
            std::thread::spawn(move || door.carry(&way, &script, 600_000).unwrap())
        })
        .collect();
    let heard = door.carry(&Way::Ssh(vec![sshd.hop("well")]), &of("true"), 600_000).unwrap();
    assert_eq!(heard.code, Some(0), "{heard:?}");
    assert!(hanging.iter().all(|waits| !waits.is_finished()), "they were to hang until now");
    fs::write(gone_on, "").unwrap();
    for waits in hanging {
        assert_eq!(waits.join().unwrap().code, Some(0));
    }
}
