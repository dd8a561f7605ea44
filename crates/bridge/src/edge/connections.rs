//! Who is connected, and who has to go when there is no more room?
//!
//! A place costs nothing until it is needed: up to the limit everybody may idle. Beyond it, room is made at the cost of
//! whoever has most connections open (an address; of IPv6 a network of 64 bits, which is what one customer gets): the
//! oldest of them that waits for its sender goes. A request whose body is here is never cut off for another.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// One side of the line, as far as places are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Peer(IpAddr);

impl Peer {
    fn of(address: IpAddr) -> Peer {
        match address.to_canonical() {
            IpAddr::V4(address) => Peer(address.into()),
            IpAddr::V6(address) => Peer(Ipv6Addr::from_bits(address.to_bits() & !0 << 64).into()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For a request, for the rest of one, or for the answer to be taken.
    Waiting,
    /// The request is here as a whole.
    Working,
}

struct Open {
    peer: Peer,
    phase: Phase,
    go: Arc<Notify>,
}

#[derive(Default)]
struct All {
    next: u64,
    /// Oldest first.
    open: BTreeMap<u64, Open>,
}

impl All {
    /// Of whoever has most, the oldest that waits.
    fn to_go(&self) -> Option<u64> {
        let mut held: HashMap<Peer, usize> = HashMap::new();
        for open in self.open.values() {
            *held.entry(open.peer).or_default() += 1;
        }
        let waiting = self.open.iter().filter(|(_, open)| open.phase == Phase::Waiting);
        waiting
            .max_by_key(|(number, open)| (held[&open.peer], std::cmp::Reverse(**number)))
            .map(|(number, _)| *number)
    }
}

pub(super) struct Connections {
    all: Mutex<All>,
    max: usize,
}

impl Connections {
    pub(super) fn new(max: usize) -> Arc<Connections> {
        Arc::new(Connections { all: Mutex::default(), max })
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for this one, if need be at the cost of another. `None`: everybody here is being worked for.
    pub(super) fn admit(self: &Arc<Connections>, address: IpAddr) -> Option<Place> {
        let mut all = self.all();
        if all.open.len() >= self.max {
            let number = all.to_go()?;
            if let Some(open) = all.open.remove(&number) {
                open.go.notify_one();
            }
        }
        let number = all.next;
        all.next += 1;
        let go = Arc::new(Notify::new());
        let open = Open { peer: Peer::of(address), phase: Phase::Waiting, go: Arc::clone(&go) };
        all.open.insert(number, open);
        Some(Place { number, go, connections: Arc::clone(self) })
    }
}

/// A place that a connection has; given back when dropped.
pub(super) struct Place {
    number: u64,
    go: Arc<Notify>,
    connections: Arc<Connections>,
}

impl Place {
    /// Returns when somebody else needs it.
    pub(super) async fn to_go(&self) {
        self.go.notified().await;
    }

    fn set(&self, phase: Phase) {
        if let Some(open) = self.connections.all().open.get_mut(&self.number) {
            open.phase = phase;
        }
    }

    /// The request is here as a whole: from now on it is carried to its end.
    pub(super) fn works(&self) {
        self.set(Phase::Working);
    }

    pub(super) fn waits(&self) {
        self.set(Phase::Waiting);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.all().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn numbers(connections: &Connections) -> Vec<u64> {
        connections.all().open.keys().copied().collect()
    }

    #[test]
    fn room_is_made_at_the_cost_of_whoever_has_most_and_never_of_one_that_is_worked_for() {
        let connections = Connections::new(5);
        let quiet = connections.admit(address("192.0.2.1")).unwrap();
        let greedy: Vec<Place> = (0..4).map(|_| connections.admit(address("192.0.2.66")).unwrap()).collect();
        greedy[0].works();
        let late = connections.admit(address("192.0.2.2")).unwrap();
        assert_eq!(
            numbers(&connections),
            [quiet.number, greedy[0].number, greedy[2].number, greedy[3].number, late.number]
        );
        // The greedy one that comes again takes from itself.
        let again = connections.admit(address("192.0.2.66")).unwrap();
        assert!(!numbers(&connections).contains(&greedy[2].number));
        for place in [&quiet, &greedy[3], &late, &again] {
            place.works();
        }
        assert!(connections.admit(address("192.0.2.3")).is_none(), "nobody may be cut off");
        greedy[0].waits();
        assert!(connections.admit(address("192.0.2.3")).is_some());
        drop(greedy);
        assert!(numbers(&connections).contains(&quiet.number));
    }

    #[test]
    fn a_customer_of_ipv6_is_one_peer_and_a_mapped_address_is_its_own() {
        assert_eq!(Peer::of(address("2001:db8::1")), Peer::of(address("2001:db8::ffff:2")));
        assert_ne!(Peer::of(address("2001:db8::1")), Peer::of(address("2001:db8:0:1::1")));
        assert_eq!(Peer::of(address("::ffff:192.0.2.1")), Peer::of(address("192.0.2.1")));
    }

    #[test]
    fn a_place_that_is_left_is_free_and_whoever_must_go_is_told() {
        let connections = Connections::new(1);
        let first = connections.admit(address("192.0.2.1")).unwrap();
        let second = connections.admit(address("192.0.2.2")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(first.to_go());
        drop(first);
        assert_eq!(numbers(&connections), [second.number], "its place was given away already");
        drop(second);
        assert_eq!(numbers(&connections), [] as [u64; 0]);
    }
}
