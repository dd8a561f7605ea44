//! Changes a list in one place, such that it still respects what waits for what.
//!
//! What matters for a sum is who comes before whom among those who serve somebody. A service comes earlier only if what it
//! waits for comes earlier too, and takes the place of what somebody else waits for. So that is how things move here.

use super::breed::Marks;
use super::chance::Chance;
use super::compact::Compact;

/// Percent of changes that exchange two who serve somebody. The others move anything.
const EXCHANGE_PERCENT: usize = 50;
/// Percent of these in which the later one comes forward. Else the earlier one goes back.
const FORWARD_PERCENT: usize = 60;
/// Percent of changes that are followed by one or two more before the schedule is built.
const MORE_PERCENT: usize = 30;
/// Percent of steps from a service to what it waits for at which the way ends.
const STAY_PERCENT: usize = 40;

impl Marks {
    /// One change, or a few at once.
    pub(super) fn rearrange(&mut self, compact: &Compact, list: &mut [u32], chance: &mut Chance) {
        let more = if chance.percent(MORE_PERCENT) { 1 + chance.below(2) } else { 0 };
        for _ in 0..=more {
            if compact.weights.len() >= 2 && chance.percent(EXCHANGE_PERCENT) {
                self.exchange_two(compact, list, chance);
            } else {
                self.move_anything(compact, list, chance);
            }
        }
    }

    /// Of two who serve somebody, the later one comes before the earlier one, or before something that one waits for; or
    /// the earlier one goes behind the later one in the same way.
    fn exchange_two(&mut self, compact: &Compact, list: &mut [u32], chance: &mut Chance) {
        let side = &compact.sides[0];
        let mut place = vec![0; list.len()];
        for (position, &at) in list.iter().enumerate() {
            place[at as usize] = position;
        }
        let mut serving: Vec<usize> = compact.weights.iter().map(|&(at, _)| place[at]).collect();
        serving.sort_unstable();
        let (one, other) = pair(serving.len(), chance);
        let (one, other) = (serving[one], serving[other]);
        let mut needed_by = |position: usize| {
            let mut at = list[position] as usize;
            while !side.before.of(at).is_empty() && !chance.percent(STAY_PERCENT) {
                at = side.before.of(at)[chance.below(side.before.of(at).len())] as usize;
            }
            place[at]
        };
        let early = needed_by(one);
        let late = needed_by(other);
        if chance.percent(FORWARD_PERCENT) {
            if early < other {
                self.advance(side, list, early, other);
            }
        } else if early < late {
            self.postpone(side, list, early, late);
        }
    }

    /// Something and all it waits for comes earlier, or something and all that waits for it comes later.
    fn move_anything(&mut self, compact: &Compact, list: &mut [u32], chance: &mut Chance) {
        let (early, late) = pair(list.len(), chance);
        if chance.percent(50) {
            self.advance(&compact.sides[0], list, early, late);
        } else {
            self.postpone(&compact.sides[0], list, early, late);
        }
    }
}

/// Two different positions of `count`, the lower one first. Near ones are as likely as far ones: the distance doubles from
/// one case to the next. `count` is at least two.
fn pair(count: usize, chance: &mut Chance) -> (usize, usize) {
    let doublings = usize::BITS - (count - 1).leading_zeros();
    let reach = 1_usize << chance.below(doublings as usize);
    let distance = 1 + chance.below(reach.min(count - 1));
    let lower = chance.below(count - distance);
    (lower, lower + distance)
}
