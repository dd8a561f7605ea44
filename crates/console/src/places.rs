//! Who stays connected when there is no more room?
//!
//! A place costs nothing until it is needed. Beyond the limit the oldest connection goes that nobody is being worked for:
//! first of those that have never shown a session, then of those that have. So a crowd that only holds connections open
//! keeps nobody out, and a reader that never reads loses its place to the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

struct Open {
    is_known: bool,
    is_working: bool,
    go: Arc<Notify>,
}

#[derive(Default)]
struct All {
    next: u64,
    /// Oldest first.
    open: BTreeMap<u64, Open>,
}

impl All {
    fn make_room(&mut self) -> Option<()> {
        let waiting = self.open.iter().filter(|(_, open)| !open.is_working);
        let number = *waiting.min_by_key(|(number, open)| (open.is_known, **number))?.0;
        self.open.remove(&number)?.go.notify_one();
        Some(())
    }
}

pub(crate) struct Places {
    all: Mutex<All>,
    max: usize,
}

impl Places {
    pub(crate) fn new(max: usize) -> Arc<Places> {
        Arc::new(Places { all: Mutex::default(), max })
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody goes although the limit was not reached: the machine has no more room.
    pub(crate) fn make_room(&self) {
        self.all().make_room();
    }

    /// `None`: everybody here is being worked for.
    pub(crate) fn admit(self: &Arc<Places>) -> Option<Place> {
        let mut all = self.all();
        if all.open.len() >= self.max {
            all.make_room()?;
        }
        let number = all.next;
        all.next += 1;
        let go = Arc::new(Notify::new());
        all.open.insert(number, Open { is_known: false, is_working: false, go: Arc::clone(&go) });
        Some(Place { number, go, places: Arc::clone(self) })
    }
}

/// A place that a connection has; given back when dropped.
pub(crate) struct Place {
    number: u64,
    go: Arc<Notify>,
    places: Arc<Places>,
}

impl Place {
    /// Returns when somebody else needs it.
    pub(crate) async fn to_go(&self) {
        self.go.notified().await;
    }

    fn set(&self, change: impl FnOnce(&mut Open)) {
        if let Some(open) = self.places.all().open.get_mut(&self.number) {
            change(open);
        }
    }

    /// A request is here as a whole.
    pub(crate) fn works(&self) {
        self.set(|open| open.is_working = true);
    }

    pub(crate) fn waits(&self) {
        self.set(|open| open.is_working = false);
    }

    /// Somebody whom the console knows is at the other end.
    pub(crate) fn is_known(&self) {
        self.set(|open| open.is_known = true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.all().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_only_holds_a_connection_open_goes_first_and_whoever_is_worked_for_never() {
        let places = Places::new(3);
        let known = places.admit().unwrap();
        known.is_known();
        let idle: Vec<Place> = (0..2).map(|_| places.admit().unwrap()).collect();
        let late = places.admit().unwrap();
        assert!(!places.all().open.contains_key(&idle[0].number), "the oldest that is not known goes");
        assert!(places.all().open.contains_key(&known.number));
        for place in [&idle[1], &late, &known] {
            place.works();
        }
        assert!(places.admit().is_none(), "nobody may be cut off");
        known.waits();
        assert!(places.admit().is_some());
        drop(idle);
        drop(late);
        assert!(places.all().open.is_empty(), "places are given back");
    }
}
