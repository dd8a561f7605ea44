//! A `blackstart watch` that runs on one folder, in an incident of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// No alarm in this time is none.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The first look judges every file.
const START_MAX: Duration = Duration::from_secs(900);

pub(super) struct Watching {
    child: Child,
    alarms: Receiver<String>,
    _stage: tempfile::TempDir,
}

impl Watching {
    /// Returns once everything was looked at.
    pub(super) fn start(program: &Path, every_ms: u64, live: &Path) -> Result<Watching, String> {
        let stage = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let (estate, incident) = (stage.path().join("estate"), stage.path().join("incident"));
        let text = format!(
            "provider = \"Test\"\n[site.muc]\nname = \"Munich\"\n[store.live]\nname = \"Live\"\nsite = \"muc\"\nsize = 1\npath = {live:?}\n"
        );
        std::fs::create_dir_all(&estate)
            .and_then(|()| std::fs::write(estate.join("estate.toml"), text))
            .map_err(|error| format!("cannot write the estate: {error}"))?;
        let init = Command::new(program)
            .arg("init")
            .arg(&incident)
            .arg("--estate")
            .arg(&estate)
            .arg("--key")
            .arg(stage.path().join("key"))
            .output()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        if !init.status.success() {
            return Err(format!("no incident: {}", String::from_utf8_lossy(&init.stderr)));
        }
        let mut child = Command::new(program)
            .arg("watch")
            .arg(&estate)
            .arg("--journal")
            .arg(&incident)
            .args(["--every-ms", &every_ms.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let (said, alarms) = (lines_of(child.stderr.take()), lines_of(child.stdout.take()));
        let watching = Watching { child, alarms, _stage: stage };
        let (begun, mut all) = (Instant::now(), Vec::new());
        while let Ok(line) = said.recv_timeout(START_MAX.saturating_sub(begun.elapsed())) {
            if line.starts_with("watching") {
                // It goes on talking; whoever does not read would stop it.
                std::thread::spawn(move || said.iter().for_each(drop));
                return Ok(watching);
            }
            all.push(line);
        }
        Err(format!("the watch did not begin: {}", all.join("; ")))
    }

    pub(super) fn alarms(&self) -> &Receiver<String> {
        &self.alarms
    }

    pub(super) fn alarm_within(&self, time: Duration) -> Option<String> {
        self.alarms.recv_timeout(time).ok()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines_of(from: Option<impl std::io::Read + Send + 'static>) -> Receiver<String> {
    let (send, lines) = mpsc::channel();
    if let Some(from) = from {
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
    }
    lines
}
