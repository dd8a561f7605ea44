//! Hosts that are real: systemd, sshd and sudo of Debian, booted by `systemd-nspawn` on a copy of this machine's own
//! files, in network namespaces of the test. Nothing of them is in this machine's own mounts or networks.
//!
//! Needed: root, `systemd-container`, `openssh-server`, `sudo`, `iproute2`, `python3`. Without them the tests are left
//! out, and say so.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The host as it is seen from the namespace of the crew.
pub(crate) const HOST: &str = "10.77.1.20";

const BOOT: &str = r#"
set -eu
mount -t tmpfs -o size=512m "$NAME" "$DIR/disk"
mkdir "$DIR/disk/up" "$DIR/disk/wk" "$DIR/disk/root"
mount -t overlay -o lowerdir=/,upperdir="$DIR/disk/up",workdir="$DIR/disk/wk" "$NAME" "$DIR/disk/root"
r=$DIR/disk/root
rm -f "$r"/etc/systemd/system/*.wants/*
ln -sf /dev/null "$r/etc/systemd/system/systemd-networkd-wait-online.service"
mkdir -p "$r/etc/systemd/system/multi-user.target.wants" "$r/etc/systemd/system/sockets.target.wants"
ln -s /lib/systemd/system/ssh.service "$r/etc/systemd/system/multi-user.target.wants/"
od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > "$r/etc/machine-id"
echo web > "$r/etc/hostname"; : > "$r/etc/fstab"
rm -f "$r/etc/resolv.conf"; : > "$r/etc/resolv.conf"
cp -r "$DIR/files/." "$r/"
rm -f "$r"/etc/ssh/ssh_host_*_key*
ssh-keygen -q -t ed25519 -N '' -C '' -f "$r/etc/ssh/ssh_host_ed25519_key"
cp "$r/etc/ssh/ssh_host_ed25519_key.pub" "$DIR/host.pub"
chroot "$r" useradd -m -s /bin/bash ops
for u in root home/ops; do mkdir -p -m 700 "$r/$u/.ssh"; cp "$DIR/user.pub" "$r/$u/.ssh/authorized_keys"; done
chroot "$r" chown -R ops /home/ops/.ssh
chroot "$r" sh -c 'chown -R root:root /etc/sudoers.d; chmod 440 /etc/sudoers.d/* 2>/dev/null; systemctl enable web.service late.socket' >/dev/null 2>&1 || true
for c in systemd unified; do d=/sys/fs/cgroup/$c/$NAME; if mkdir -p "$d" 2>/dev/null; then echo $$ > "$d/cgroup.procs" || true; fi; done
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
  code=0
  systemd-nspawn -q -D "$r" -M "$NAME" --register=no --keep-unit --network-namespace-path="/run/netns/$NAME" --capability=all --system-call-filter=bpf --link-journal=no --console=pipe -b </dev/null >>"$DIR/console" 2>&1 || code=$?
  # 133: it asks to be booted again.
  [ "$code" = 133 ] || exit "$code"
done
"#;

pub(crate) struct Host {
    name: String,
    crew: String,
    folder: tempfile::TempDir,
    boot: Option<Child>,
}

fn ran(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn works(line: &str) {
    let mut words = line.split(' ');
    let output = ran(Command::new(words.next().unwrap()).args(words));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Why no host can be booted here.
fn missing() -> Option<String> {
    let is_root = rustix::process::geteuid().is_root();
    let programs = [
        "/usr/bin/systemd-nspawn",
        "/usr/sbin/sshd",
        "/usr/bin/sudo",
        "/usr/sbin/ip",
        "/usr/bin/python3",
        "/usr/bin/unshare",
        "/lib/systemd/systemd-socket-proxyd",
    ];
    let lacks: Vec<&str> = programs.into_iter().filter(|program| !Path::new(program).exists()).collect();
    match (is_root, lacks.as_slice()) {
        (true, []) => None,
        (false, _) => Some("this is not run by root".to_owned()),
        (true, lacks) => Some(format!("there is no {}", lacks.join(", no "))),
    }
}

impl Host {
    #[allow(clippy::print_stderr, reason = "a test that is left out says so")]
    /// `files` lies over the host's own files. `None`: no host can be booted here, and it was said.
    pub(crate) fn boot(files: &[(&str, &str)]) -> Option<Host> {
        if let Some(why) = missing() {
            eprintln!("NOT TESTED: no real host was tried: {why}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join("files").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(folder.path().join("files")).unwrap();
        fs::create_dir(folder.path().join("disk")).unwrap();
        let key = folder.path().join("user");
        works(&format!("ssh-keygen -q -t ed25519 -N  -C x -f {}", key.display()));
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bs{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let crew = format!("{name}c");
        let mut host = Host { name, crew, folder, boot: None };
        for line in host.network() {
            works(&line);
        }
        // In a group of its own, so that all of it can be ended.
        let boot = Command::new("unshare")
            .args(["-m", "--propagation", "private", "bash", "-c", BOOT])
            .env("NAME", &host.name)
            .env("DIR", host.folder.path())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(host.folder.path().join("boot.log")).unwrap())
            .spawn();
        host.boot = Some(boot.unwrap());
        host.answers("its sshd", 22);
        Some(host)
    }

    /// The crew's namespace and the host's, with one line between them.
    fn network(&self) -> Vec<String> {
        let (host, crew) = (&self.name, &self.crew);
        vec![
            format!("ip netns add {host}"),
            format!("ip netns add {crew}"),
            format!("ip link add e0 netns {host} type veth peer name e0 netns {crew}"),
            format!("ip -n {host} addr add {HOST}/24 dev e0"),
            format!("ip -n {crew} addr add 10.77.1.10/24 dev e0"),
            format!("ip -n {host} link set e0 up"),
            format!("ip -n {crew} link set e0 up"),
            format!("ip -n {host} link set lo up"),
            format!("ip -n {crew} link set lo up"),
        ]
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("user")
    }

    pub(crate) fn host_key(&self) -> String {
        fs::read_to_string(self.folder.path().join("host.pub")).unwrap().trim().to_owned()
    }

    /// A program where the crew sits.
    pub(crate) fn at_the_crew(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.crew, program]).current_dir(self.root());
        command.env_remove("BLACKSTART_DIR").stdin(Stdio::null());
        command
    }

    /// Asked of the host itself, past the product.
    pub(crate) fn as_root(&self, line: &str) -> Output {
        let mut ssh = self.at_the_crew("ssh");
        ssh.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        ssh.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR", "-i"]);
        ran(ssh.arg(self.key()).arg(format!("root@{HOST}")).arg(line))
    }

    pub(crate) fn said(&self, line: &str) -> String {
        String::from_utf8(self.as_root(line).stdout).unwrap().trim().to_owned()
    }

    /// Whether something takes a connection there, as the crew sees it.
    pub(crate) fn is_open(&self, port: u16) -> bool {
        let line = format!("exec 3<>/dev/tcp/{HOST}/{port}");
        ran(self.at_the_crew("timeout").args(["2", "bash", "-c", &line])).status.success()
    }

    pub(crate) fn answers(&self, what: &str, port: u16) {
        let until = Instant::now() + Duration::from_secs(90);
        while !self.is_open(port) {
            let console = || fs::read_to_string(self.root().join("console")).unwrap_or_default();
            let log = || fs::read_to_string(self.root().join("boot.log")).unwrap_or_default();
            assert!(Instant::now() < until, "{what} does not answer:\n{}\n{}", log(), console());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn reboot(&self) {
        let boot = "cat /proc/sys/kernel/random/boot_id";
        let before = self.said(boot);
        self.as_root("systemctl reboot");
        let until = Instant::now() + Duration::from_secs(90);
        loop {
            let now = self.said(boot);
            if !now.is_empty() && now != before {
                return;
            }
            assert!(Instant::now() < until, "it does not come back");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut boot) = self.boot.take() {
            let _ = self.as_root("systemctl poweroff --force --force");
            let until = Instant::now() + Duration::from_secs(10);
            while matches!(boot.try_wait(), Ok(None)) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(50));
            }
            if let Some(group) = i32::try_from(boot.id()).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _ = boot.wait();
        }
        for name in [&self.name, &self.crew] {
            ran(Command::new("ip").args(["netns", "del", name]));
        }
        for kind in ["systemd", "unified"] {
            let folder = format!("/sys/fs/cgroup/{kind}/{}", self.name);
            ran(Command::new("find").args([&folder, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]));
        }
    }
}
