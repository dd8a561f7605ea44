//! How sure is it? Draws the durations again and again, keeps the plan's order, and looks when things are back.
//!
//! Estates give one number for how long something takes. It is taken as the middle: half of the draws are shorter and
//! half are longer, within the factors below, which are assumptions and printed as such. Half of each draw is common to
//! all steps of a kind, because a slow repository is slow for everybody; without that, errors would cancel out and
//! the ranges would be far too narrow. Whole numbers only: every machine draws the same.

use super::generate::{self, Schedule};
use super::instance::{Activity, Instance, What};

/// Most draws for one plan.
pub const SAMPLES_MAX: u64 = 200;
/// Activities placed at most for the ranges of one plan: large estates get fewer draws, so that nobody waits.
const PLACED_MAX: u64 = 400_000;

/// The shortest and the longest that is drawn, in percent of what the estate says.
pub fn factors_percent(what: What) -> (u64, u64) {
    match what {
        What::Verify => (70, 180),
        What::Restore => (80, 200),
        What::BringUp => (60, 300),
    }
}

/// The assumption behind the ranges, in words.
pub fn assumption(samples: u64) -> String {
    let words = |what: What, name: &str| {
        let (low, high) = factors_percent(what);
        format!("{name} {}.{} to {}.{} times", low / 100, low / 10 % 10, high / 100, high / 10 % 10)
    };
    format!(
        "the ranges rest on {samples} draws in which each duration is {}, {} or {} what the estate says \
         (assumed: the estate knows no ranges)",
        words(What::Verify, "judging a copy takes"),
        words(What::Restore, "restoring"),
        words(What::BringUp, "starting"),
    )
}

/// When each activity ends, in one of ten and in nine of ten draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranges {
    pub samples: u64,
    /// By activity; empty without draws.
    ends_s: Vec<(u64, u64)>,
    /// The price, likewise, in insured × urgency × seconds.
    pub cost: (u128, u128),
}

impl Ranges {
    /// Early and late end of an activity. Without draws: when it is planned to end.
    pub fn of(&self, at: usize, planned_s: u64) -> (u64, u64) {
        self.ends_s.get(at).copied().unwrap_or((planned_s, planned_s))
    }
}

/// The draws that a problem of this size gets when `wanted` are wanted.
pub fn draws(instance: &Instance, wanted: u64) -> u64 {
    let activities = u64::try_from(instance.activities.len()).unwrap_or(u64::MAX).max(1);
    wanted.min(SAMPLES_MAX).min((PLACED_MAX / activities).max(10))
}

/// Draws `wanted` times (fewer for a large problem), keeping the order of `schedule`.
pub fn ranges(instance: &Instance, schedule: &Schedule, wanted: u64, seed: u64) -> Ranges {
    if wanted == 0 || instance.activities.is_empty() {
        return Ranges::default();
    }
    let samples = draws(instance, wanted);
    let rank = order_of(instance, schedule);
    let mut ends_s: Vec<Vec<u64>> = vec![Vec::new(); instance.activities.len()];
    let mut costs = Vec::new();
    for sample in 0..samples {
        let drawn = drawn(instance, seed, sample);
        let schedule = generate::schedule(&drawn, &rank);
        for (at, ends_s) in ends_s.iter_mut().enumerate() {
            ends_s.push(schedule.end_s(&drawn, at));
        }
        costs.push(super::generate::price_seconds(&drawn, &schedule));
    }
    costs.sort_unstable();
    let ends_s = ends_s.into_iter().map(|mut ends_s| {
        ends_s.sort_unstable();
        (tenth(&ends_s, 1), tenth(&ends_s, 9))
    });
    Ranges { samples, ends_s: ends_s.collect(), cost: (tenth(&costs, 1), tenth(&costs, 9)) }
}

/// The order in which a schedule begins its activities, as ranks that give the same order again. Placing them anew in
/// it, with the same durations or shorter ones, ends none of them later.
pub fn order_of(instance: &Instance, schedule: &Schedule) -> Vec<u64> {
    let mut order = super::priority::order_of_needs(instance);
    order.sort_by_key(|&at| schedule.start_s[at]);
    let mut rank = vec![0; order.len()];
    for (&at, place) in order.iter().zip(0..) {
        rank[at] = place;
    }
    rank
}

/// The value below which so many tenths of the sorted values lie.
fn tenth<T: Copy>(sorted: &[T], tenths: usize) -> T {
    let at = (sorted.len() * tenths).div_ceil(10).saturating_sub(1);
    sorted[at.min(sorted.len() - 1)]
}

fn drawn(instance: &Instance, seed: u64, sample: u64) -> Instance {
    let common = [What::Verify, What::Restore, What::BringUp]
        .map(|what| draw(seed, sample, u64::MAX - u64::from(what as u8)));
    let activities = instance.activities.iter().zip(0..).map(|(activity, number)| {
        let own = draw(seed, sample, number);
        let chance = u32::midpoint(common[activity.what as usize], own);
        stretched(activity, chance)
    });
    Instance { activities: activities.collect(), ..instance.clone() }
}

/// The activity with its duration drawn, and its demands drawn out with it.
fn stretched(activity: &Activity, chance: u32) -> Activity {
    let percent_hundredths = percent_hundredths(factors_percent(activity.what), chance);
    let stretch = |seconds: u64| {
        u64::try_from(u128::from(seconds) * u128::from(percent_hundredths) / 10_000).unwrap_or(u64::MAX)
    };
    let mut drawn = activity.clone();
    drawn.duration_s = stretch(activity.duration_s);
    for demand in &mut drawn.demands {
        demand.from_s = stretch(demand.from_s);
        demand.until_s = demand.until_s.map(stretch);
    }
    drawn
}

/// The middle of the chances is the estate's number; below it the factor falls to the least, above it rises to the most.
fn percent_hundredths((low, high): (u64, u64), chance: u32) -> u64 {
    const MIDDLE: u64 = 1 << 31;
    let chance = u64::from(chance);
    if chance < MIDDLE {
        low * 100 + (100 - low) * 100 * chance / MIDDLE
    } else {
        10_000 + (high - 100) * 100 * (chance - MIDDLE) / MIDDLE
    }
}

/// A number that depends only on these three, each bit as likely as not (splitmix64).
fn draw(seed: u64, sample: u64, number: u64) -> u32 {
    let mut mixed = seed
        .wrapping_add(sample.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .wrapping_add(number.wrapping_mul(0xD1B5_4A32_D192_ED03));
    for _ in 0..2 {
        mixed = mixed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
    }
    u32::try_from(mixed >> 32).expect("the upper half of 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_chances_is_what_the_estate_says_and_the_ends_are_the_factors() {
        for what in [What::Verify, What::Restore, What::BringUp] {
            let (low, high) = factors_percent(what);
            assert_eq!(percent_hundredths((low, high), 0), low * 100);
            assert_eq!(percent_hundredths((low, high), 1 << 31), 10_000);
            assert!((high * 100 - 1..=high * 100).contains(&percent_hundredths((low, high), u32::MAX)));
        }
    }

    #[test]
    fn draws_are_the_same_on_every_machine_and_spread_evenly() {
        assert_eq!(draw(0, 0, 0), draw(0, 0, 0));
        assert_eq!(
            [draw(7, 1, 2), draw(7, 2, 1), draw(8, 1, 2)],
            [1_413_339_491, 2_694_484_727, 3_961_090_262]
        );
        let low = (0..1000).filter(|&number| draw(1, 0, number) < 1 << 31).count();
        assert!((430..570).contains(&low), "{low} of 1000 in the lower half");
    }
}
