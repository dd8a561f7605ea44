//! What everything costs at least when limits have prices.
//!
//! Each limit gets a price for every slot of time. Whoever uses it pays, and all that is free is paid back: no plan
//! costs more under prices than without, since no plan uses more than is free. So the least that anything can cost
//! under prices, with the limits themselves forgotten, is a bound, whatever the prices are. Good prices are found by
//! trial: dearer where more is wanted than there is, cheaper where less. (The Lagrangian relaxation of the resources;
//! Moehring, Schulz, Stork, Uetz 2003. Steps after Polyak, with the direction smoothed after Camerini.)

use super::super::instance::Instance;
use super::costs::{Costs, Prices, Weights, signed};
use super::relaxed::Relaxed;
use super::slots::{Slots, some_plan};

/// Slots that a horizon is divided into, if it has that many seconds; as few as the least for large problems.
const SLOTS_MAX: u64 = 192;
const SLOTS_MIN: u64 = 48;
/// Rounds of prices. Fewer prove little; more are wasted.
const ROUNDS_MIN: u64 = 150;
const ROUNDS_MAX: u64 = 1500;
/// Rounds without a better bound before the steps are halved.
const PATIENCE: u64 = 15;
/// Shares of a limit are counted in these parts.
const WHOLE: i128 = 1024;

/// Spends about `steps_max` elementary steps.
pub(super) fn lower_bound_seconds(instance: &Instance, steps_max: u64) -> u128 {
    if instance.activities.iter().all(|activity| activity.weight == 0) {
        return 0;
    }
    let (end_s, cost) = some_plan(instance);
    let (slots, rounds) = divide(instance, end_s, steps_max);
    let weights = Weights::new(instance, &slots);
    let mut market = Market::new(instance, &slots, &weights);
    let aim = weights.units(cost);
    let mut best = market.bound();
    let (mut step, mut waited) = (1 << 10, 0);
    for _ in 0..rounds {
        market.change_prices(step, aim);
        let bound = market.bound();
        if bound > best {
            (best, waited) = (bound, 0);
        } else {
            waited += 1;
        }
        if waited > PATIENCE {
            (step, waited) = (step * 3 / 4, 0);
        }
        if step == 0 || best >= aim {
            break;
        }
    }
    weights.seconds(best)
}

/// As many slots as leave enough rounds, and the rounds that there is time for.
fn divide(instance: &Instance, end_s: u64, steps_max: u64) -> (Slots, u64) {
    let mut wanted = SLOTS_MAX;
    loop {
        let slots = Slots::new(instance, end_s, wanted);
        let rounds = steps_max / slots.steps(instance).max(1);
        if rounds >= ROUNDS_MIN || wanted <= SLOTS_MIN {
            return (slots, rounds.min(ROUNDS_MAX));
        }
        wanted = (wanted * 2 / 3).max(SLOTS_MIN);
    }
}

struct Market<'a> {
    instance: &'a Instance,
    slots: &'a Slots,
    weights: &'a Weights,
    costs: Costs,
    prices: Prices,
    relaxed: Relaxed,
    /// Cost and cheapest second per activity and slot, at the present prices.
    cost: Vec<Vec<i64>>,
    cheapest_s: Vec<Vec<u64>>,
    chosen: Vec<usize>,
    last_bound: i64,
    /// How much more than there is was wanted, per limit and slot, in parts of the whole limit, smoothed.
    direction: Vec<Vec<i64>>,
    /// What is held by others, per limit and slot, in units times seconds.
    held: Vec<Vec<i64>>,
    trial: Vec<i64>,
}

impl<'a> Market<'a> {
    fn new(instance: &'a Instance, slots: &'a Slots, weights: &'a Weights) -> Market<'a> {
        let mut held = vec![vec![0; slots.priced]; instance.limits.len()];
        for taken in &instance.held {
            add_use(&mut held[taken.limit], slots.slot_s, 0, taken.until_s.unwrap_or(u64::MAX), taken.amount);
        }
        let mut relaxed = Relaxed::new(slots);
        let costs = Costs::new(instance, slots);
        let prices = Prices::none(instance, slots);
        let mut cheapest_s: Vec<Vec<u64>> = slots.width.iter().map(|&width| vec![0; width]).collect();
        let mut trial = Vec::new();
        for (at, (cost, second)) in relaxed.at.iter_mut().zip(&mut cheapest_s).enumerate() {
            let what = (at, weights.of[at], instance.activities[slots.activity[at]].duration_s);
            costs.cheapest((slots, &prices), what, (cost, second), &mut trial);
        }
        Market {
            cost: relaxed.at.clone(),
            chosen: vec![0; slots.width.len()],
            last_bound: 0,
            direction: vec![vec![0; slots.priced]; instance.limits.len()],
            instance,
            slots,
            weights,
            costs,
            prices,
            relaxed,
            cheapest_s,
            held,
            trial,
        }
    }

    /// The bound at the present prices. What was moved between activities for the last prices is kept: it is nearly
    /// right for these.
    fn bound(&mut self) -> i64 {
        self.relaxed.sweep_back(self.slots);
        self.relaxed.sweep_forth(self.slots, &mut self.chosen);
        let paid_back = self.prices.of_all_free(self.instance, self.slots.slot_s);
        self.last_bound = self.relaxed.bound(self.slots) - paid_back;
        self.last_bound
    }

    /// Dearer where what was chosen takes more than is free, cheaper where less. `step` is in parts of `WHOLE`.
    fn change_prices(&mut self, step: i128, aim: i64) {
        self.find_direction();
        let squares: i128 =
            self.direction.iter().flatten().map(|&part| i128::from(part) * i128::from(part)).sum();
        if squares == 0 {
            return;
        }
        let missing = i128::from((aim - self.last_bound).max(1));
        for limit in 0..self.direction.len() {
            let whole =
                i128::from(self.instance.limits[limit].capacity.max(1)) * i128::from(self.slots.slot_s);
            for slot in 0..self.slots.priced {
                // Parts times (parts of) units, over squared parts: the price of the whole limit for this slot.
                let change = step * missing * i128::from(self.direction[limit][slot]) / squares / whole;
                let price = i128::from(self.prices.price[limit][slot]) + change;
                let price = price.clamp(0, i128::from(self.prices.most[limit]));
                self.prices.price[limit][slot] = i64::try_from(price).expect("between zero and the most");
            }
            self.prices.add_up(limit, self.slots.slot_s);
        }
        self.apply_prices();
    }

    fn find_direction(&mut self) {
        let slots = self.slots;
        let mut wanted = self.held.clone();
        for at in 0..self.chosen.len() {
            let start_s = self.cheapest_s[at][self.chosen[at] - slots.first[at]];
            for demand in self.costs.demands(at) {
                let until_s = demand.until_s.map_or(u64::MAX, |until_s| start_s + until_s);
                add_use(
                    &mut wanted[demand.limit],
                    slots.slot_s,
                    start_s + demand.from_s,
                    until_s,
                    demand.amount,
                );
            }
        }
        for (limit, wanted) in wanted.iter().enumerate() {
            let whole = i128::from(self.instance.limits[limit].capacity.max(1)) * i128::from(slots.slot_s);
            for (slot, &wanted) in wanted.iter().enumerate() {
                let parts = i64::try_from(i128::from(wanted) * WHOLE / whole - WHOLE).unwrap_or(i64::MAX);
                let smoothed = (self.direction[limit][slot] * 3 / 4).saturating_add(parts);
                // What is free of charge and not wanted cannot get cheaper.
                let idle = smoothed < 0 && self.prices.price[limit][slot] == 0;
                self.direction[limit][slot] = if idle { 0 } else { smoothed };
            }
        }
    }

    fn apply_prices(&mut self) {
        for at in 0..self.cost.len() {
            if self.costs.demands(at).is_empty() {
                continue;
            }
            let duration_s = self.instance.activities[self.slots.activity[at]].duration_s;
            let what = (at, self.weights.of[at], duration_s);
            // What was moved between activities stays moved: only the change of the cost is put in.
            let (relaxed, cost) = (&mut self.relaxed.at[at], &mut self.cost[at]);
            relaxed.iter_mut().zip(&*cost).for_each(|(relaxed, cost)| *relaxed -= cost);
            let cheapest_s = &mut self.cheapest_s[at];
            self.costs.cheapest((self.slots, &self.prices), what, (cost, cheapest_s), &mut self.trial);
            relaxed.iter_mut().zip(&*cost).for_each(|(relaxed, cost)| *relaxed += cost);
        }
    }
}

/// Adds `amount` times the seconds that fall into each slot.
fn add_use(per_slot: &mut [i64], slot_s: u64, from_s: u64, until_s: u64, amount: u64) {
    let first = usize::try_from(from_s / slot_s).unwrap_or(usize::MAX);
    for (slot, used) in per_slot.iter_mut().enumerate().skip(first) {
        let begin_s = slot as u64 * slot_s;
        if begin_s >= until_s {
            break;
        }
        let seconds = until_s.min(begin_s + slot_s) - from_s.max(begin_s);
        *used = used.saturating_add(signed(amount.saturating_mul(seconds)));
    }
}
