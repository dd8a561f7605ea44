//! Builds a schedule from a list of activities, looking a little ahead.
//!
//! The plain way places the first of the list, then the next, each as early as it can. Here the first few that wait
//! for nothing unplaced are looked at together, and the first of the list is passed over in favour of a later one only
//! where it would leave a gap: where that one can begin early, measured between the earliest beginning and the earliest
//! end among those looked at. Any schedule that comes of it can also be had the plain way, from the order of its
//! beginnings; that is how it leaves the search.

use super::compact::Side;
use super::room::Room;

/// How far ahead to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ahead {
    /// Activities that are looked at together. One: the plain way.
    pub(super) among: usize,
    /// How late a beginning may be not to count as a gap: percent of the way from the earliest beginning to the
    /// earliest end.
    pub(super) late_percent: u64,
}

impl Ahead {
    pub(super) const PLAIN: Ahead = Ahead { among: 1, late_percent: 0 };
}

/// An activity that waits for nothing unplaced.
#[derive(Clone, Copy, Debug)]
struct Open {
    place: u32,
    at: u32,
    /// It cannot begin before. Room only ever gets less, so this stays true.
    from_s: u64,
}

/// What building needs besides the room, kept from one schedule to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Bench {
    place: Vec<u32>,
    waiting: Vec<u32>,
    ready_s: Vec<u64>,
    /// The first of the list last: there they are taken away and put in.
    open: Vec<Open>,
}

impl Bench {
    /// Fills in when each activity ends; the end of all is returned. `list` need not respect what waits for what: a
    /// later activity is passed over until it waits for nothing.
    pub(super) fn build(
        &mut self,
        (side, duration_s): (&Side, &[u64]),
        room: &mut impl Room,
        list: &[u32],
        ahead: Ahead,
        end_s: &mut [u64],
    ) -> u64 {
        room.clear();
        self.lay_out(side, list);
        let mut last_s = 0;
        while !self.open.is_empty() {
            let chosen = self.choose(room, duration_s, ahead);
            let Open { at, from_s, .. } = self.open.remove(chosen);
            let at = at as usize;
            room.take(at, from_s);
            end_s[at] = from_s + duration_s[at];
            last_s = last_s.max(end_s[at]);
            for &next in &side.after[at] {
                self.release(next, end_s[at]);
            }
        }
        last_s
    }

    fn lay_out(&mut self, side: &Side, list: &[u32]) {
        self.place.resize(list.len(), 0);
        self.waiting.clear();
        self.waiting.extend(side.before.iter().map(|before| u32::try_from(before.len()).expect("few")));
        self.ready_s.clone_from(&side.not_before_s);
        self.open.clear();
        for (&at, place) in list.iter().zip(0..) {
            self.place[at as usize] = place;
        }
        for &at in list.iter().rev() {
            let place = self.place[at as usize];
            if self.waiting[at as usize] == 0 {
                self.open.push(Open { place, at, from_s: self.ready_s[at as usize] });
            }
        }
    }

    /// One thing less to wait for. Those that are open stay in the order of the list.
    fn release(&mut self, at: u32, end_s: u64) {
        let index = at as usize;
        self.ready_s[index] = self.ready_s[index].max(end_s);
        self.waiting[index] -= 1;
        if self.waiting[index] == 0 {
            let place = self.place[index];
            let position = self.open.partition_point(|open| open.place > place);
            self.open.insert(position, Open { place, at, from_s: self.ready_s[index] });
        }
    }

    /// Position in `open` of what is placed next; its `from_s` is when it begins.
    fn choose(&mut self, room: &impl Room, duration_s: &[u64], ahead: Ahead) -> usize {
        let among = ahead.among.min(self.open.len());
        let (mut first_begin_s, mut first_end_s) = (u64::MAX, u64::MAX);
        let looked_at = self.open.len() - among..;
        for open in &mut self.open[looked_at.clone()] {
            open.from_s = room.earliest(open.at as usize, open.from_s);
            first_begin_s = first_begin_s.min(open.from_s);
            first_end_s = first_end_s.min(open.from_s + duration_s[open.at as usize]);
        }
        let latest_s = first_begin_s + (first_end_s - first_begin_s) * ahead.late_percent / 100;
        let chosen = self.open[looked_at].iter().rposition(|open| open.from_s <= latest_s);
        self.open.len() - among + chosen.expect("the earliest of them begins at the earliest")
    }
}
