//! How the watch is, for whoever watches the watch: `/health` for people and load balancers, `/metrics` for Prometheus.
//!
//! Both say how long ago every file of each store was looked at. A watch that hangs goes on answering, and its age grows: that is
//! what an alerting rule has to look at (`blackstart_watch_look_age_seconds > 60`).

#![allow(clippy::disallowed_methods, reason = "listens, and measures the age of a look")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::Failure;
use estate::Id;
use scan::decide::is_same_reason;

/// A store that was not looked at for so long after it should have been is not healthy.
const LATE_MAX: Duration = Duration::from_secs(60);
/// So many changes of whether, and why not, a store is watched are told within `TOLD_WITHIN`; what then stands, after it.
const TOLD_MAX: usize = 6;
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// Who asks slowly, or in crowds, is turned away.
const TIME_MAX: Duration = Duration::from_secs(2);
const CALLERS_MAX: usize = 16;

#[derive(Default)]
struct Store {
    looked: Option<Instant>,
    files: usize,
    not_watched: Option<String>,
    /// What was told of it last, and when it was told lately.
    said: Option<Option<String>>,
    told: VecDeque<Instant>,
    alarms: u64,
}

pub(super) struct Health {
    stores: Mutex<BTreeMap<Id, Store>>,
    /// From one look to the next, as the operator asked for.
    every: Duration,
}

impl Health {
    pub(super) fn new(stores: impl Iterator<Item = Id>, every: Duration) -> Arc<Health> {
        let stores = stores.map(|id| (id, Store::default())).collect();
        Arc::new(Health { stores: Mutex::new(stores), every })
    }

    fn stores(&self) -> MutexGuard<'_, BTreeMap<Id, Store>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has to be told that, or why, the store is not watched: it is other than what was told last, and that did not
    /// change all the time.
    pub(super) fn looked(&self, store: &Id, files: usize, not_watched: Option<&str>) -> bool {
        let mut stores = self.stores();
        let known = stores.entry(store.clone()).or_default();
        known.looked = Some(Instant::now());
        known.files = files;
        known.not_watched = not_watched.map(str::to_owned);
        let is_said = match (&known.said, not_watched) {
            (Some(None), None) => true,
            (Some(Some(said)), Some(why)) => is_same_reason(said, why),
            _ => false,
        };
        known.told.retain(|told| told.elapsed() < TOLD_WITHIN);
        let is_new = !is_said && known.told.len() < TOLD_MAX;
        if is_new {
            known.told.push_back(Instant::now());
            known.said = Some(known.not_watched.clone());
        }
        is_new
    }

    /// What was to be recorded could not be.
    pub(super) fn say_again(&self, store: &Id) {
        if let Some(known) = self.stores().get_mut(store) {
            known.looked = None;
            known.said = None;
        }
    }

    pub(super) fn alarmed(&self, store: &Id) {
        if let Some(known) = self.stores().get_mut(store) {
            known.alarms += 1;
        }
    }

    /// Status, and text.
    fn health(&self) -> (u16, String) {
        let (mut well, mut text) = (true, String::new());
        for (id, store) in self.stores().iter() {
            let age = store.looked.map(|looked| looked.elapsed());
            let line = match (&store.not_watched, age) {
                (Some(why), _) => format!("{id}: NOT WATCHED: {why}"),
                (None, None) => format!("{id}: not looked at yet"),
                (None, Some(age)) if age > self.every + LATE_MAX => {
                    format!("{id}: not looked at for {} s", age.as_secs())
                }
                (None, Some(age)) => {
                    let _ =
                        writeln!(text, "{id}: {} files, looked at {} ms ago", store.files, age.as_millis());
                    continue;
                }
            };
            well = false;
            let _ = writeln!(text, "{line}");
        }
        (if well { 200 } else { 503 }, text)
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        let mut all = |name: &str, what: &str, of: &dyn Fn(&Store) -> Option<f64>| {
            let _ = writeln!(text, "# HELP {name} {what}\n# TYPE {name} gauge");
            for (id, store) in self.stores().iter() {
                if let Some(value) = of(store) {
                    let _ = writeln!(text, "{name}{{store=\"{id}\"}} {value}");
                }
            }
        };
        all(
            "blackstart_watch_look_age_seconds",
            "Seconds since every file of the store was last looked at.",
            &|store| store.looked.map(|looked| looked.elapsed().as_secs_f64()),
        );
        all("blackstart_watch_files", "Files seen at the last look.", &|store| Some(store.files as f64));
        all("blackstart_watch_watched", "1 if everything of the store can be looked at.", &|store| {
            Some(if store.not_watched.is_none() && store.looked.is_some() { 1.0 } else { 0.0 })
        });
        all("blackstart_watch_alarms", "Alarms since the watch began.", &|store| Some(store.alarms as f64));
        text
    }
}

/// Answers until the process ends.
pub(super) fn serve(address: SocketAddr, health: Arc<Health>) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).map_err(|error| {
        Failure::usage(
            format!("cannot listen on {address}: {error}"),
            "nothing is watched yet",
            "name an address of this machine that is free: --listen 127.0.0.1:9184",
        )
    })?;
    if let Ok(address) = listener.local_addr() {
        super::super::talk::say(format!("health and metrics on http://{address}"));
    }
    let callers = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            let (health, callers) = (Arc::clone(&health), Arc::clone(&callers));
            if callers.fetch_add(1, Ordering::Relaxed) >= CALLERS_MAX {
                callers.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            std::thread::spawn(move || {
                // A caller that breaks off is its own affair.
                drop(answer(stream, &health));
                callers.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream, health: &Health) -> std::io::Result<()> {
    stream.set_read_timeout(Some(TIME_MAX))?;
    stream.set_write_timeout(Some(TIME_MAX))?;
    let mut head = [0; 1024];
    let mut length = 0;
    let begun = Instant::now();
    while length < head.len() && !head[..length].windows(2).any(|two| two == b"\r\n") {
        match stream.read(&mut head[length..])? {
            0 => break,
            read => length += read,
        }
        if begun.elapsed() > TIME_MAX {
            return Ok(());
        }
    }
    let first = String::from_utf8_lossy(&head[..length]).into_owned();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, text) = match path {
        "/health" => health.health(),
        "/metrics" => (200, health.metrics()),
        _ => (404, "ask for /health or /metrics\n".to_owned()),
    };
    let length = text.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {length}\r\nConnection: \
         close\r\n\r\n{text}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_reason_is_told_and_one_that_flaps_is_not_told_without_end() {
        let store: Id = "store:core".parse().unwrap();
        let health = Health::new([store.clone()].into_iter(), Duration::from_secs(3600));
        assert_eq!(health.health().0, 503, "not before the first look");
        assert!(health.looked(&store, 3, None));
        assert!(health.health().0 == 200 && !health.looked(&store, 3, None));
        assert!(health.looked(&store, 3, Some("1 part cannot be read, such as /srv/a")));
        assert!(!health.looked(&store, 3, Some("1 part cannot be read, such as /srv/b")));
        assert!(health.looked(&store, 0, Some("/srv was replaced by a link")));
        let told = (0..50).filter(|turn| health.looked(&store, 3, (turn % 2 == 0).then_some("x"))).count();
        assert_eq!(told, TOLD_MAX - 3);
    }
}
