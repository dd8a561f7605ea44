//! Makes a new list out of old ones. Every list respects what waits for what before, and so it does after.

use super::chance::Chance;
use super::compact::Side;

/// What an activity is to the stretch that is handed down whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Other,
    Stretch,
    /// The stretch waits for it.
    Before,
    /// It waits for the stretch.
    After,
    /// Chosen to stand before the stretch, though it need not.
    Filled,
}

/// Marks kept from one list to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    part: Vec<Part>,
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
        let needed = self.part.iter().filter(|&&part| part == Part::Before).count();
        let mut to_fill = begin - needed;
        child.clear();
        for &at in other {
            let part = &mut self.part[at as usize];
            if *part == Part::Other && to_fill > 0 {
                to_fill -= 1;
                *part = Part::Filled;
            }
            if matches!(part, Part::Before | Part::Filled) {
                child.push(at);
            }
        }
        child.extend_from_slice(&one[begin..end]);
        child.extend(other.iter().filter(|&&at| matches!(self.part[at as usize], Part::Other | Part::After)));
    }

    fn mark(&mut self, side: &Side, one: &[u32], begin: usize, end: usize) {
        self.part.clear();
        self.part.resize(one.len(), Part::Other);
        for &at in &one[begin..end] {
            self.part[at as usize] = Part::Stretch;
        }
        for &at in one[..end].iter().rev() {
            if matches!(self.part[at as usize], Part::Stretch | Part::Before) {
                self.spread(&side.before[at as usize], Part::Before);
            }
        }
        for &at in &one[begin..] {
            if matches!(self.part[at as usize], Part::Stretch | Part::After) {
                self.spread(&side.after[at as usize], Part::After);
            }
        }
    }

    fn spread(&mut self, to: &[u32], part: Part) {
        for &next in to {
            if self.part[next as usize] == Part::Other {
                self.part[next as usize] = part;
            }
        }
    }

    /// The activity at `late` moves forward to `early`, and what it waits for in between moves with it.
    pub(super) fn advance(&mut self, side: &Side, list: &mut [u32], early: usize, late: usize) {
        self.begin_moving(list.len(), list[late]);
        for &at in list[early..=late].iter().rev() {
            if self.moved[at as usize] {
                side.before[at as usize].iter().for_each(|&next| self.moved[next as usize] = true);
            }
        }
        self.split(list, early, late, true);
    }

    /// The activity at `early` moves back to `late`, and what waits for it in between moves with it.
    pub(super) fn postpone(&mut self, side: &Side, list: &mut [u32], early: usize, late: usize) {
        self.begin_moving(list.len(), list[early]);
        for &at in &list[early..=late] {
            if self.moved[at as usize] {
                side.after[at as usize].iter().for_each(|&next| self.moved[next as usize] = true);
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
    let (before, after) = (&side.before[at as usize], &side.after[at as usize]);
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
    if !side.before[list[place + 1] as usize].contains(&list[place]) {
        list.swap(place, place + 1);
    }
}
