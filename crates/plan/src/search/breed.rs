//! Makes a new list out of old ones. Every list respects what waits for what before, and so it does after.

use super::chance::Chance;
use super::compact::Side;

// What an activity is to the stretch that is handed down whole. Bits, so that many can be asked at once: the stretch is
// needed by what stands before it and waited for by what stands behind, so it has both.
const OTHER: u8 = 0;
/// The stretch waits for it.
const NEEDED: u8 = 1;
/// It waits for the stretch.
const WAITS: u8 = 2;
const STRETCH: u8 = NEEDED | WAITS;

/// Marks kept from one list to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    part: Vec<u8>,
    moved: Vec<bool>,
    block: Vec<u32>,
    rest: Vec<u32>,
}

impl Marks {
    /// The stretch of `one` from `begin` to `end` stays together and in its place; around it everything stands in the
    /// order of `other`. (Peak crossover, after Valls, Ballestín and Quintanilla 2008.)
    pub(super) fn cross(
        &mut self,
        side: &Side,
        one: &[u32],
        other: &[u32],
        (begin, end): (usize, usize),
        child: &mut Vec<u32>,
    ) {
        self.mark(side, one, begin, end);
        let needed = one[..begin].iter().filter(|&&at| self.part[at as usize] == NEEDED).count();
        // Before the stretch stands what it waits for, and as many of those that may stand there as there is room for.
        let mut to_fill = begin - needed;
        child.resize(one.len(), 0);
        child[begin..end].copy_from_slice(&one[begin..end]);
        let (mut early, mut late) = (0, end);
        for &at in other {
            let part = self.part[at as usize];
            let fills = part == OTHER && to_fill > 0;
            to_fill -= usize::from(fills);
            if part == NEEDED || fills {
                child[early] = at;
                early += 1;
            } else if part != STRETCH {
                child[late] = at;
                late += 1;
            }
        }
    }

    fn mark(&mut self, side: &Side, one: &[u32], begin: usize, end: usize) {
        self.part.clear();
        self.part.resize(one.len(), OTHER);
        for &at in &one[begin..end] {
            self.part[at as usize] = STRETCH;
        }
        for &at in one[..begin].iter().rev() {
            self.part[at as usize] = self.all_of(side.after.of(at as usize)) & NEEDED;
        }
        for &at in &one[end..] {
            self.part[at as usize] = self.all_of(side.before.of(at as usize)) & WAITS;
        }
    }

    /// Every bit that any of them has.
    fn all_of(&self, links: &[u32]) -> u8 {
        links.iter().fold(OTHER, |all, &next| all | self.part[next as usize])
    }

    /// The activity at `late` moves forward to `early`, and what it waits for in between moves with it.
    pub(super) fn advance(&mut self, side: &Side, list: &mut [u32], early: usize, late: usize) {
        self.begin_moving(list.len(), list[late]);
        for &at in list[early..=late].iter().rev() {
            if self.moved[at as usize] {
                side.before.of(at as usize).iter().for_each(|&next| self.moved[next as usize] = true);
            }
        }
        self.split(list, early, late, true);
    }

    /// The activity at `early` moves back to `late`, and what waits for it in between moves with it.
    pub(super) fn postpone(&mut self, side: &Side, list: &mut [u32], early: usize, late: usize) {
        self.begin_moving(list.len(), list[early]);
        for &at in &list[early..=late] {
            if self.moved[at as usize] {
                side.after.of(at as usize).iter().for_each(|&next| self.moved[next as usize] = true);
            }
        }
        self.split(list, early, late, false);
    }

    fn begin_moving(&mut self, count: usize, at: u32) {
        self.moved.clear();
        self.moved.resize(count, false);
        self.moved[at as usize] = true;
    }

    /// In the stretch, those that move first, then the others; or the other way round.
    fn split(&mut self, list: &mut [u32], early: usize, late: usize, moved_first: bool) {
        self.block.clear();
        self.rest.clear();
        for &at in &list[early..=late] {
            if self.moved[at as usize] == moved_first {
                self.block.push(at);
            } else {
                self.rest.push(at);
            }
        }
        let middle = early + self.block.len();
        list[early..middle].copy_from_slice(&self.block);
        list[middle..=late].copy_from_slice(&self.rest);
    }
}

/// Moves one activity to another place that what waits for what allows.
pub(super) fn shift(side: &Side, list: &mut [u32], chance: &mut Chance) {
    let from = chance.below(list.len());
    let at = list[from];
    let (before, after) = (side.before.of(at as usize), side.after.of(at as usize));
    let lowest = list[..from].iter().rposition(|other| before.contains(other)).map_or(0, |place| place + 1);
    let highest = list[from + 1..].iter().position(|other| after.contains(other));
    let highest = highest.map_or(list.len() - 1, |distance| from + distance);
    let to = lowest + chance.below(highest - lowest + 1);
    if to < from {
        list[to..=from].rotate_right(1);
    } else {
        list[from..=to].rotate_left(1);
    }
}

/// Exchanges two neighbours if neither waits for the other.
pub(super) fn exchange(side: &Side, list: &mut [u32], chance: &mut Chance) {
    if list.len() < 2 {
        return;
    }
    let place = chance.below(list.len() - 1);
    if !side.before.of(list[place + 1] as usize).contains(&list[place]) {
        list.swap(place, place + 1);
    }
}
