//! Builds a schedule from a list of activities, looking a little ahead.
//!
//! The plain way places the first of the list, then the next, each as early as it can. Here the first few that wait
//! for nothing unplaced are looked at together, and the first of the list is passed over in favour of a later one only
//! where it would leave a gap: where that one can begin early, measured between the earliest beginning and the earliest
//! end among those looked at. Any schedule that comes of it can also be had the plain way, from the order of its
//! beginnings; that is how it leaves the search.

use super::capacity::Capacity;
use super::compact::Side;

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

/// No more than this are looked at together.
pub(super) const AMONG_MAX: usize = 8;

/// What building needs besides the capacity, kept from one schedule to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Bench {
    place: Vec<u32>,
    waiting: Vec<u32>,
    /// The activity cannot begin before. Capacity only ever gets less, so this stays true.
    from_s: Vec<u64>,
    /// A bit per place in the list: what stands there waits for nothing unplaced, and is not placed itself.
    open: Vec<u64>,
    /// No bit is set in any word before this one.
    first: usize,
}

impl Bench {
    /// Fills in when each activity ends; the end of all is returned. `list` need not respect what waits for what: a
    /// later activity is passed over until it waits for nothing.
    pub(super) fn build(
        &mut self,
        (side, duration_s): (&Side, &[u64]),
        capacity: &mut impl Capacity,
        list: &[u32],
        ahead: Ahead,
        end_s: &mut [u64],
    ) -> u64 {
        capacity.clear();
        self.lay_out(side, list);
        let mut last_s = 0;
        for _ in 0..list.len() {
            let (place, begin_s) = self.choose(capacity, duration_s, list, ahead);
            self.open[place / WORD] &= !(1 << (place % WORD));
            let at = list[place] as usize;
            capacity.take(at, begin_s);
            end_s[at] = begin_s + duration_s[at];
            last_s = last_s.max(end_s[at]);
            for &next in side.after.of(at) {
                self.release(next as usize, end_s[at]);
            }
        }
        last_s
    }

    fn lay_out(&mut self, side: &Side, list: &[u32]) {
        self.place.resize(list.len(), 0);
        self.waiting.clear();
        self.waiting.extend(side.before.counts());
        self.from_s.clone_from(&side.not_before_s);
        self.open.clear();
        self.open.resize(list.len().div_ceil(WORD), 0);
        self.first = 0;
        for (&at, place) in list.iter().zip(0..) {
            self.place[at as usize] = place;
            self.set_open_if(self.waiting[at as usize] == 0, place as usize);
        }
    }

    /// One thing less to wait for.
    fn release(&mut self, at: usize, end_s: u64) {
        self.from_s[at] = self.from_s[at].max(end_s);
        self.waiting[at] -= 1;
        self.set_open_if(self.waiting[at] == 0, self.place[at] as usize);
    }

    /// Without a branch: whether something still waits cannot be foretold, and a wrong guess costs more than the work.
    fn set_open_if(&mut self, opens: bool, place: usize) {
        self.open[place / WORD] |= u64::from(opens) << (place % WORD);
        self.first = self.first.min(if opens { place / WORD } else { usize::MAX });
    }

    /// Place in the list of what is placed next, and when it begins.
    fn choose(
        &mut self,
        capacity: &impl Capacity,
        duration_s: &[u64],
        list: &[u32],
        ahead: Ahead,
    ) -> (usize, u64) {
        let mut looked_at = [(0, 0); AMONG_MAX];
        let among = ahead.among.min(AMONG_MAX);
        let mut count = 0;
        let (mut first_begin_s, mut first_end_s) = (u64::MAX, u64::MAX);
        while self.open[self.first] == 0 {
            self.first += 1;
        }
        'all: for word in self.first..self.open.len() {
            let mut bits = self.open[word];
            while bits > 0 {
                let place = word * WORD + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let at = list[place] as usize;
                let begin_s = capacity.earliest(at, self.from_s[at]);
                self.from_s[at] = begin_s;
                first_begin_s = first_begin_s.min(begin_s);
                first_end_s = first_end_s.min(begin_s + duration_s[at]);
                looked_at[count] = (place, begin_s);
                count += 1;
                if count >= among {
                    break 'all;
                }
            }
        }
        let latest_s = first_begin_s + (first_end_s - first_begin_s) * ahead.late_percent / 100;
        let chosen = looked_at[..count].iter().find(|(_, begin_s)| *begin_s <= latest_s);
        *chosen.expect("the earliest of them begins at the earliest")
    }
}

/// Places per word.
const WORD: usize = u64::BITS as usize;
