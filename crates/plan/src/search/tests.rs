//! The search on random problems, looked at by a checker that knows nothing of how schedules are made.

use super::super::instance::{Activity, Demand, Instance, Limit, Reservation, What};
use super::super::limit::LimitName;
use super::super::priority::first_orders;
use super::super::{bound, generate};
use super::*;

/// Numbers for made-up problems.
pub(in super::super) struct Rolls(pub(in super::super) u64);

impl Rolls {
    pub(in super::super) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

pub(in super::super) fn activity(number: usize, duration_s: u64, weight: u128) -> Activity {
    let target = format!("service:n{number}").parse().expect("a valid id");
    Activity { target, what: What::BringUp, duration_s, demands: Vec::new(), weight }
}

pub(in super::super) fn limit(number: usize, capacity: u64) -> Limit {
    let id = format!("resource:n{number}").parse().expect("a valid id");
    Limit { name: LimitName::Resource(id), capacity }
}

/// A problem of `seed`. Plain: demands take the whole of their activity, and nothing waits for the clock.
pub(in super::super) fn random(seed: u64, activities: usize, plain: bool) -> Instance {
    let mut rolls = Rolls(seed);
    let limits: Vec<Limit> = (0..1 + rolls.roll(3) as usize).map(|at| limit(at, 2 + rolls.roll(6))).collect();
    let mut instance = Instance { limits, ..Instance::default() };
    for number in 0..activities {
        let duration_s = rolls.roll(9);
        let mut made = activity(number, duration_s, u128::from(rolls.roll(3) * rolls.roll(20)));
        for at in 0..instance.limits.len() {
            let amount = rolls.roll(instance.limits[at].capacity + 1);
            let (from_s, until_s) =
                if plain { (0, duration_s) } else { (rolls.roll(3), rolls.roll(duration_s + 3)) };
            if rolls.roll(2) == 0 {
                made.demands.push(Demand { limit: at, amount, from_s, until_s: Some(until_s) });
            }
        }
        instance.activities.push(made);
        let before = (0..rolls.roll(3)).filter(|_| number > 0).map(|_| rolls.roll(number as u64) as usize);
        let mut before: Vec<usize> = before.collect();
        before.sort_unstable();
        before.dedup();
        instance.before.push(before);
    }
    if !plain {
        instance.not_before_s = (0..activities).map(|_| rolls.roll(2) * rolls.roll(20)).collect();
        let held =
            Reservation { limit: 0, amount: instance.limits[0].capacity, until_s: Some(rolls.roll(15)) };
        instance.held.push(held);
        // Kept for good, on a limit of its own that has capacity for all of it and for the largest passing demand.
        instance.limits.push(limit(9, 2 * activities as u64 + 3));
        let kept = instance.limits.len() - 1;
        for activity in &mut instance.activities {
            let from_s = rolls.roll(2);
            activity.demands.push(Demand { limit: kept, amount: 1, from_s, until_s: None });
            activity.demands.push(Demand { limit: kept, amount: rolls.roll(4), from_s: 0, until_s: Some(4) });
        }
        instance.held.push(Reservation { limit: kept, amount: activities as u64, until_s: None });
    }
    instance
}

/// Everything that is wrong with a schedule, second by second.
pub(in super::super) fn faults(instance: &Instance, schedule: &Schedule) -> Vec<String> {
    let mut faults = Vec::new();
    let start = &schedule.start_s;
    let end = |at: usize| start[at] + instance.activities[at].duration_s;
    for (at, &start_s) in start.iter().enumerate() {
        if instance.before[at].iter().any(|&provider| start_s < end(provider)) {
            faults.push(format!("{at} does not wait"));
        }
        if instance.not_before_s.get(at).is_some_and(|&second| start_s < second) {
            faults.push(format!("{at} begins before its time"));
        }
    }
    let last = (0..start.len()).map(end).max().unwrap_or(0) + 5;
    for second in 0..last {
        for (number, limit) in instance.limits.iter().enumerate() {
            let inside = |from_s: u64, until_s: Option<u64>| {
                from_s <= second && until_s.is_none_or(|until_s| second < until_s)
            };
            let held = instance.held.iter().filter(|held| held.limit == number && inside(0, held.until_s));
            let mut used: u64 = held.map(|held| held.amount).sum();
            for (activity, &start_s) in instance.activities.iter().zip(start) {
                for demand in activity.demands.iter().filter(|demand| demand.limit == number) {
                    let until_s = demand.until_s.map(|until_s| start_s + until_s);
                    used += if inside(start_s + demand.from_s, until_s) { demand.amount } else { 0 };
                }
            }
            if used > limit.capacity {
                faults.push(format!("limit {number} is overdrawn in second {second}"));
            }
        }
    }
    faults
}

fn found(instance: &Instance, starts: &[Vec<u64>], schedules: u64, seed: u64) -> Found {
    search(instance, starts, &Settings { schedules, seed, prove: false, price_steps: 0 }, &mut |_| {
        Then::Continue
    })
}

#[test]
fn every_schedule_keeps_all_limits_and_is_no_worse_than_its_starts_nor_better_than_the_bound() {
    for seed in 0..120 {
        let instance = random(seed, 1 + seed as usize % 14, seed % 2 == 0);
        let starts = first_orders(&instance);
        let found = found(&instance, &starts, 60, seed);
        assert_eq!(faults(&instance, &found.schedule), Vec::<String>::new(), "seed {seed}");
        assert_eq!(found.cost, price_seconds(&instance, &found.schedule));
        assert!(found.schedules <= 60);
        for start in &starts {
            let plain = generate::schedule(&instance, start);
            assert!(found.cost <= price_seconds(&instance, &plain), "seed {seed}");
        }
        assert!(bound::lower_bound_seconds(&instance, bound::Effort::Quick) <= found.cost, "seed {seed}");
    }
}

/// One thing at the end that alone counts: then schedules are also built from the end.
#[test]
fn where_only_the_end_counts_schedules_from_the_end_keep_all_limits_too() {
    for seed in 0..80 {
        let mut instance = random(seed, 2 + seed as usize % 14, seed % 3 > 0);
        let count = instance.activities.len();
        instance.activities.iter_mut().for_each(|activity| activity.weight = 0);
        instance.activities.push(activity(count, 0, 7));
        instance.before.push((0..count).collect());
        let found = found(&instance, &[], 80, seed);
        assert_eq!(faults(&instance, &found.schedule), Vec::<String>::new(), "seed {seed}");
        assert_eq!(found.cost, 7 * u128::from(found.schedule.start_s[count]));
        assert!(bound::lower_bound_seconds(&instance, bound::Effort::Quick) <= found.cost);
    }
}

/// Prices on the way: a bound that holds, schedules that keep all limits, and the same answer when stopped and asked again.
#[test]
fn with_prices_the_bound_holds_and_a_stopped_search_can_be_had_again() {
    let mut priced = 0;
    for seed in 0..30 {
        let mut instance = stretched(random(seed, 3 + seed as usize % 9, seed % 2 == 0), 1 + 40 * (seed % 3));
        if seed % 5 == 0 {
            // Only the end counts.
            instance.activities.iter_mut().for_each(|activity| activity.weight = 0);
            let count = instance.activities.len();
            instance.activities.push(activity(count, 0, 7));
            instance.before.push((0..count).collect());
        }
        let settings = Settings { schedules: 300, seed, prove: true, price_steps: 600_000 };
        let mut pricing = 0;
        let mut calls = 0;
        let stop_at = 1 + seed * 7;
        let stopped = search(&instance, &[], &settings, &mut |progress| {
            calls += 1;
            pricing += u64::from(progress.pricing);
            if calls >= stop_at { Then::Stop } else { Then::Continue }
        });
        priced += u64::from(pricing > 0);
        assert_eq!(faults(&instance, &stopped.schedule), Vec::<String>::new(), "seed {seed}");
        assert!(stopped.bound <= stopped.cost, "seed {seed}: {} {}", stopped.bound, stopped.cost);
        let again = Settings { schedules: stopped.schedules, ..settings };
        assert_eq!(search(&instance, &[], &again, &mut |_| Then::Continue), stopped, "seed {seed}");
        let longer = search(&instance, &[], &settings, &mut |_| Then::Continue);
        assert!(stopped.bound <= longer.cost && longer.bound <= longer.cost, "seed {seed}");
        assert!(longer.cost <= stopped.cost, "seed {seed}");
    }
    assert!(priced > 20, "prices were worth the while in {priced} of 30");
}

#[test]
fn a_search_stopped_by_the_clock_can_be_had_again_by_its_number_of_schedules() {
    let instance = random(5, 14, true);
    for stop_at in [1, 2, 7, 130] {
        let mut calls = 0;
        let settings = Settings { schedules: 1_000_000, seed: 3, prove: false, price_steps: 0 };
        let stopped = search(&instance, &[], &settings, &mut |progress| {
            calls += 1;
            assert_eq!(progress.schedules, calls);
            if calls >= stop_at { Then::Stop } else { Then::Continue }
        });
        assert_eq!(found(&instance, &[], stopped.schedules, 3), stopped);
    }
}

#[test]
fn more_schedules_are_never_worse_and_another_seed_may_find_another_way() {
    let instance = random(11, 30, true);
    let costs: Vec<u128> =
        [1, 10, 100, 1000].map(|schedules| found(&instance, &[], schedules, 1).cost).to_vec();
    assert!(costs.is_sorted_by(|before, after| before >= after), "{costs:?}");
    assert!(costs[3] < costs[0], "a thousand schedules find something better than the first");
}

/// Whom people wait for is back at once in every order; the others end after 7 in the order as it stands, and after 6 at best.
#[test]
fn among_plans_of_equal_cost_the_one_that_ends_first_is_found() {
    let mut instance = Instance { limits: vec![limit(0, 2)], ..Instance::default() };
    for (number, duration_s) in [1, 2, 2, 2, 3, 3].into_iter().enumerate() {
        let mut made = activity(number, duration_s, if number == 0 { 5 } else { 0 });
        if number > 0 {
            made.demands.push(Demand { limit: 0, amount: 1, from_s: 0, until_s: Some(duration_s) });
        }
        instance.activities.push(made);
        instance.before.push(Vec::new());
    }
    let found = search(
        &instance,
        &[],
        &Settings { schedules: 5000, seed: 1, prove: true, price_steps: 0 },
        &mut |_| Then::Continue,
    );
    let end_s = (0..6).map(|at| found.schedule.end_s(&instance, at)).max();
    assert_eq!((found.cost, end_s), (5, Some(6)));
    assert!(found.schedules < 2000, "it is not looked for much longer: {}", found.schedules);
}

#[test]
fn a_large_problem_is_climbed_first_and_keeps_all_limits() {
    let instance = random(8, evolve::CLIMBED_MIN + 10, true);
    let starts = first_orders(&instance);
    let plain = starts.iter().map(|start| price_seconds(&instance, &generate::schedule(&instance, start)));
    let found = found(&instance, &starts, 300, 1);
    assert_eq!(faults(&instance, &found.schedule), Vec::<String>::new());
    assert!(found.cost < plain.min().expect("there are starts"));
}

#[test]
fn a_rearranged_list_still_respects_what_waits_for_what() {
    for seed in 0..40 {
        let compact = Compact::new(&random(seed, 2 + seed as usize, true));
        let (mut marks, mut chance) = (breed::Marks::default(), chance::Chance::new(seed));
        let mut list: Vec<u32> = (0..).take(compact.count()).collect();
        for _ in 0..50 {
            marks.rearrange(&compact, &mut list, &mut chance);
            for (position, &at) in list.iter().enumerate() {
                let before = compact.sides[0].before.of(at as usize);
                assert!(before.iter().all(|provider| list[..position].contains(provider)), "seed {seed}");
            }
        }
    }
}

#[test]
fn a_child_of_two_lists_has_everything_once_and_respects_what_waits_for_what() {
    for seed in 0..60 {
        let count = 2 + seed as usize;
        let compact = Compact::new(&random(seed, count, true));
        let (mut marks, mut chance) = (breed::Marks::default(), chance::Chance::new(seed));
        let mut parents = [(); 2].map(|()| (0..).take(count).collect::<Vec<u32>>());
        for _ in 0..20 {
            for parent in &mut parents {
                marks.rearrange(&compact, parent, &mut chance);
            }
            let begin = chance.below(count);
            let end = begin + chance.below(count - begin + 1);
            let mut child = vec![7; 3];
            marks.cross(&compact.sides[0], &parents[0], &parents[1], (begin, end), &mut child);
            assert_eq!(child[begin..end], parents[0][begin..end], "seed {seed}");
            for (position, &at) in child.iter().enumerate() {
                let before = compact.sides[0].before.of(at as usize);
                assert!(before.iter().all(|provider| child[..position].contains(provider)), "seed {seed}");
            }
            child.sort_unstable();
            assert!(child.into_iter().eq(0..count as u32), "seed {seed}");
        }
    }
}

/// The same problem, everything so many times as long.
fn stretched(mut instance: Instance, times: u64) -> Instance {
    for activity in &mut instance.activities {
        activity.duration_s *= times;
        for demand in &mut activity.demands {
            demand.until_s = demand.until_s.map(|until_s| until_s * times);
        }
    }
    instance
}

#[test]
fn both_kinds_of_room_agree() {
    for seed in 0..120 {
        let count = if seed % 4 == 0 { 90 } else { 12 };
        let instance = stretched(random(seed, count, true), [1, 2, 5, 9][seed as usize % 4]);
        let compact = Compact::new(&instance);
        let mut rows = Rows::new(&instance, &compact).expect("few limits, short");
        let mut levels = [0, 1].map(|side| Levels::new(&instance, &compact.sides[side], true));
        for side in 0..2 {
            let mut list: Vec<u32> = (0..).take(count).collect();
            if side == 1 {
                list.reverse();
            }
            let ahead = build::Ahead { among: 1 + seed as usize % 8, late_percent: 50 };
            let what = (&compact.sides[side], &compact.duration_s[..]);
            let mut ends = [vec![0; count], vec![0; count]];
            let mut bench = build::Bench::default();
            bench.build(what, &mut rows[side], &list, ahead, &mut ends[0]);
            bench.build(what, &mut levels[side], &list, ahead, &mut ends[1]);
            assert_eq!(ends[0], ends[1], "seed {seed} side {side}");
        }
    }
}

#[test]
fn a_limit_too_large_for_a_byte_gets_the_other_kind_of_room() {
    let mut instance = random(4, 12, true);
    for (capacity, fits) in [(127, true), (128, false), (u64::MAX, false)] {
        instance.limits[0].capacity = capacity;
        assert_eq!(Rows::new(&instance, &Compact::new(&instance)).is_some(), fits, "{capacity}");
    }
}

/// Without looking ahead a list means the same to the search as to the generator, also where it lists things before what
/// they wait for.
#[test]
fn building_the_plain_way_is_what_the_generator_does() {
    for seed in 0..60 {
        let count = 1 + (seed as usize * 5) % 150;
        let instance = random(seed, count, seed % 2 == 0);
        let compact = Compact::new(&instance);
        let mut chance = chance::Chance::new(seed);
        let mut list: Vec<u32> = (0..).take(count).collect();
        for place in 0..count {
            list.swap(place, chance.below(count));
        }
        let mut rank = vec![0; count];
        for (&at, place) in list.iter().zip(0..) {
            rank[compact.activity[at as usize]] = place;
        }
        let mut end_s = vec![0; count];
        let mut capacity = Levels::new(&instance, &compact.sides[0], true);
        let what = (&compact.sides[0], &compact.duration_s[..]);
        build::Bench::default().build(what, &mut capacity, &list, build::Ahead::PLAIN, &mut end_s);
        let schedule = generate::schedule(&instance, &rank);
        for (at, end_s) in end_s.into_iter().enumerate() {
            assert_eq!(end_s, schedule.end_s(&instance, compact.activity[at]), "seed {seed}");
        }
    }
}

#[test]
fn strange_problems_have_schedules_too() {
    let nothing = Instance::default();
    assert_eq!(found(&nothing, &[], 10, 1).cost, 0);
    // No weight anywhere: then the end of all is early.
    let mut idle = random(3, 9, true);
    idle.activities.iter_mut().for_each(|activity| activity.weight = 0);
    let plan = found(&idle, &[], 50, 1);
    assert_eq!((faults(&idle, &plan.schedule), plan.cost), (Vec::new(), 0));
    // A thousand million seconds, a demand as large as the limit, no duration at all.
    let mut long = Instance { limits: vec![limit(0, u64::MAX / 4)], ..Instance::default() };
    for (number, duration_s) in [1_000_000_000, 0, 1_000_000_000].into_iter().enumerate() {
        let mut made = activity(number, duration_s, u128::from(u64::MAX));
        made.demands.push(Demand { limit: 0, amount: u64::MAX / 4, from_s: 0, until_s: Some(duration_s) });
        long.activities.push(made);
        long.before.push(Vec::new());
    }
    let plan = found(&long, &[], 50, 1);
    assert_eq!(plan.cost, 3_000_000_000 * u128::from(u64::MAX));
    let bound = bound::lower_bound_seconds(&long, bound::Effort::Thorough);
    assert!(bound <= plan.cost && bound >= 2_000_000_000 * u128::from(u64::MAX));
}
