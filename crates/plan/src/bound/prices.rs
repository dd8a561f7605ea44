//! What everything costs at least when limits have prices.
//!
//! Each limit gets a price for every slot of time. Whoever uses it pays, and all that is free is paid back: no plan
//! costs more under prices than without, since no plan uses more than is free. So the least that anything can cost
//! under prices, with the limits themselves forgotten, is a bound, whatever the prices are. Good prices are found by
//! trial: dearer where more is wanted than there is, cheaper where less. (The Lagrangian relaxation of the resources;
//! Moehring, Schulz, Stork, Uetz 2003. Steps after Polyak, with the direction smoothed after Camerini.)
//!
//! Prices are first found on a coarse clock, where a round costs little, and then on finer and finer ones, each of which
//! begins with what the one before has found. On the way everything has a second at which it would be cheapest; in the
//! order of these, smoothed over the rounds, everything also makes a good plan (Moehring and others, the same paper).

use super::super::instance::Instance;
use super::costs::{Costs, Prices, Weights, signed};
use super::relaxed::Relaxed;
use super::slots::{Slots, some_plan};

/// Slots that a horizon is divided into, if it has that many seconds: on the first clock, and twice as many on each
/// further one.
const SLOTS_MIN: u64 = 48;
const CLOCKS_MAX: u64 = 5;
/// Rounds that there has to be time for on the first clock before there is a second one.
const ROUNDS_BEFORE_FINER: u64 = 100;
/// Fewer rounds prove nothing.
const ROUNDS_MIN: u64 = 20;
/// Rounds on one clock. More are wasted.
const ROUNDS_MAX: u64 = 400;
/// The first steps on the first clock, in parts of `WHOLE`; on each further clock half as long.
const FIRST_STEP: i128 = 1024;
/// Rounds without a better bound before the steps are shortened.
const PATIENCE: u64 = 15;
/// Shares of a limit are counted in these parts.
const WHOLE: i128 = 1024;

/// Prices being found, round by round.
pub(in super::super) struct Pricing {
    instance: Instance,
    /// The end of some plan, and the least cost of a plan that is known.
    end_s: u64,
    cost: u128,
    /// Elementary steps that may still be spent, and the clocks they are for: the one in use and those to come.
    steps_left: u64,
    clocks_left: u64,
    rounds_left: u64,
    /// Clocks that have been used up.
    finer: u32,
    market: Market,
    /// On this clock, in units of the market.
    best: i64,
    step: i128,
    waited: u64,
    /// On all clocks, in weight-seconds.
    bound: u128,
    /// Per activity of the instance: the middle of where it would be cheapest, smoothed over the rounds, in parts of a second.
    middle: Vec<u64>,
}

/// Parts of a second that smoothed middles are counted in, and rounds that they are smoothed over.
const SMOOTHED: u64 = 16;

impl Pricing {
    /// Spends at most about `steps_max` elementary steps, if all rounds are asked for. None if that is too little for anything.
    /// The instance may have more limits than the one in question, if every plan of that keeps them.
    pub(in super::super) fn new(instance: Instance, steps_max: u64) -> Option<Pricing> {
        let (end_s, cost) = some_plan(&instance);
        let coarse = Slots::new(&instance, end_s, SLOTS_MIN);
        let rounds = steps_max / coarse.steps(&instance).max(1);
        if rounds < ROUNDS_MIN {
            return None;
        }
        // The finest clock that makes sense is the first that counts single seconds.
        let seconds = (1..CLOCKS_MAX).find(|clocks| end_s <= SLOTS_MIN << (clocks - 1)).unwrap_or(CLOCKS_MAX);
        let mut pricing = Pricing {
            clocks_left: (rounds / ROUNDS_BEFORE_FINER).clamp(1, seconds),
            middle: vec![0; coarse.activity.len()],
            market: Market::new(&instance, coarse),
            instance,
            end_s,
            cost,
            steps_left: steps_max,
            rounds_left: 0,
            finer: 0,
            best: i64::MIN,
            step: FIRST_STEP,
            waited: 0,
            bound: 0,
        };
        pricing.begin_clock();
        Some(pricing)
    }

    /// Σ weight × seconds that every plan costs at least.
    pub(in super::super) fn bound(&self) -> u128 {
        self.bound
    }

    /// A plan that costs so much is known: there is no need to prove more, and prices are changed less the nearer they are.
    pub(in super::super) fn known(&mut self, cost: u128) {
        self.cost = self.cost.min(cost);
    }

    /// Changes prices once. False: there is nothing more to be had.
    pub(in super::super) fn round(&mut self) -> bool {
        if self.bound >= self.cost {
            return false;
        }
        if self.rounds_left == 0 || self.step == 0 {
            return self.finer();
        }
        self.rounds_left -= 1;
        self.steps_left = self.steps_left.saturating_sub(self.market.slots.steps(&self.instance));
        let aim = self.market.weights.units(self.cost);
        self.market.change_prices(&self.instance, self.step, aim);
        self.look();
        true
    }

    /// Ranks: what would be cheapest early comes first.
    pub(in super::super) fn order(&self) -> Vec<u64> {
        self.middle.clone()
    }

    /// The bound at the present prices, and where everything would be cheapest.
    fn look(&mut self) {
        let bound = self.market.bound(&self.instance);
        if bound > self.best {
            (self.best, self.waited) = (bound, 0);
        } else {
            self.waited += 1;
        }
        if self.waited > PATIENCE {
            (self.step, self.waited) = (self.step * 3 / 4, 0);
        }
        self.bound = self.bound.max(self.market.weights.seconds(self.best));
        let slots = &self.market.slots;
        for (place, &at) in slots.activity.iter().enumerate() {
            let begin_s = self.market.start_s(place);
            let middle = begin_s * SMOOTHED + self.instance.activities[at].duration_s * SMOOTHED / 2;
            self.middle[at] = (self.middle[at] * (SMOOTHED - 1) + middle) / SMOOTHED;
        }
    }

    /// Goes on with a clock that is twice as fine.
    fn finer(&mut self) -> bool {
        if self.clocks_left <= 1 {
            return false;
        }
        self.clocks_left -= 1;
        self.finer += 1;
        let slots = Slots::new(&self.instance, self.end_s, SLOTS_MIN << self.finer);
        let mut market = Market::new(&self.instance, slots);
        market.take_over(&self.instance, &self.market);
        self.market = market;
        self.begin_clock();
        true
    }

    fn begin_clock(&mut self) {
        let steps = self.steps_left / self.clocks_left;
        self.rounds_left = (steps / self.market.slots.steps(&self.instance).max(1)).min(ROUNDS_MAX);
        (self.best, self.step, self.waited) = (i64::MIN, FIRST_STEP >> self.finer, 0);
        self.look();
    }
}

/// Prices, and what everything costs at them, on one clock.
struct Market {
    slots: Slots,
    weights: Weights,
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
    /// All that each takes was free of charge when its cost was last asked for.
    free: Vec<bool>,
    /// What is held by others, per limit and slot, in units times seconds.
    held: Vec<Vec<i64>>,
    trial: Vec<i64>,
}

impl Market {
    fn new(instance: &Instance, slots: Slots) -> Market {
        let weights = Weights::new(instance, &slots);
        let mut held = vec![vec![0; slots.priced]; instance.limits.len()];
        for taken in &instance.held {
            add_use(&mut held[taken.limit], slots.slot_s, 0, taken.until_s.unwrap_or(u64::MAX), taken.amount);
        }
        let mut relaxed = Relaxed::new(&slots);
        let costs = Costs::new(instance, &slots);
        let prices = Prices::none(instance, &slots);
        let mut cheapest_s: Vec<Vec<u64>> = slots.width.iter().map(|&width| vec![0; width]).collect();
        let mut trial = Vec::new();
        for (at, (cost, second)) in relaxed.at.iter_mut().zip(&mut cheapest_s).enumerate() {
            let what = (at, weights.of[at], instance.activities[slots.activity[at]].duration_s);
            costs.cheapest((&slots, &prices), what, (cost, second), &mut trial);
        }
        Market {
            cost: relaxed.at.clone(),
            chosen: vec![0; slots.width.len()],
            last_bound: 0,
            direction: vec![vec![0; slots.priced]; instance.limits.len()],
            free: vec![true; slots.width.len()],
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

    /// Begins where a coarser clock has ended: with its prices, and with what was moved between activities there.
    fn take_over(&mut self, instance: &Instance, coarse: &Market) {
        for limit in 0..self.prices.price.len() {
            for slot in 0..self.slots.priced {
                let middle_s = slot as u64 * self.slots.slot_s + self.slots.slot_s / 2;
                let was = usize::try_from(middle_s / coarse.slots.slot_s).unwrap_or(usize::MAX);
                let price = coarse.prices.price[limit].get(was).copied().unwrap_or(0);
                let price = self.weights.from(&coarse.weights, price);
                self.prices.price[limit][slot] = price.min(self.prices.most[limit]);
            }
            self.prices.add_up(limit, self.slots.slot_s);
        }
        self.apply_prices(instance);
        let units = |units: i64| self.weights.from(&coarse.weights, units);
        self.relaxed.take_over(&self.slots, (&coarse.relaxed, &coarse.slots), units);
    }

    /// Where an activity would be cheapest, of those places that what it waits for allows.
    fn start_s(&self, at: usize) -> u64 {
        self.cheapest_s[at][self.chosen[at] - self.slots.first[at]]
    }

    /// The bound at the present prices. What was moved between activities for the last prices is kept: it is nearly
    /// right for these.
    fn bound(&mut self, instance: &Instance) -> i64 {
        self.relaxed.sweep_back(&self.slots);
        self.relaxed.sweep_forth(&self.slots, &mut self.chosen);
        let paid_back = self.prices.of_all_free(instance, self.slots.slot_s);
        self.last_bound = self.relaxed.bound() - paid_back;
        self.last_bound
    }

    /// Dearer where what was chosen takes more than is free, cheaper where less. `step` is in parts of `WHOLE`.
    fn change_prices(&mut self, instance: &Instance, step: i128, aim: i64) {
        self.find_direction(instance);
        let squares: i128 =
            self.direction.iter().flatten().map(|&part| i128::from(part) * i128::from(part)).sum();
        if squares == 0 {
            return;
        }
        let missing = i128::from((aim - self.last_bound).max(1));
        for limit in 0..self.direction.len() {
            let whole = i128::from(instance.limits[limit].capacity.max(1)) * i128::from(self.slots.slot_s);
            for slot in 0..self.slots.priced {
                // Parts times (parts of) units, over squared parts: the price of the whole limit for this slot.
                let change = step * missing * i128::from(self.direction[limit][slot]) / squares / whole;
                let price = i128::from(self.prices.price[limit][slot]) + change;
                let price = price.clamp(0, i128::from(self.prices.most[limit]));
                self.prices.price[limit][slot] = i64::try_from(price).expect("between zero and the most");
            }
            self.prices.add_up(limit, self.slots.slot_s);
        }
        self.apply_prices(instance);
    }

    fn find_direction(&mut self, instance: &Instance) {
        let slots = &self.slots;
        let mut wanted = self.held.clone();
        for at in 0..self.chosen.len() {
            let start_s = self.start_s(at);
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
            let whole = i128::from(instance.limits[limit].capacity.max(1)) * i128::from(slots.slot_s);
            for (slot, &wanted) in wanted.iter().enumerate() {
                let parts = i64::try_from(i128::from(wanted) * WHOLE / whole - WHOLE).unwrap_or(i64::MAX);
                let smoothed = (self.direction[limit][slot] * 3 / 4).saturating_add(parts);
                // What is free of charge and not wanted cannot get cheaper.
                let idle = smoothed < 0 && self.prices.price[limit][slot] == 0;
                self.direction[limit][slot] = if idle { 0 } else { smoothed };
            }
        }
    }

    fn apply_prices(&mut self, instance: &Instance) {
        for at in 0..self.cost.len() {
            let free = self.costs.demands(at).iter().all(|demand| self.prices.is_free(demand.limit));
            if std::mem::replace(&mut self.free[at], free) && free {
                continue;
            }
            let duration_s = instance.activities[self.slots.activity[at]].duration_s;
            let what = (at, self.weights.of[at], duration_s);
            // What was moved between activities stays moved: only the change of the cost is put in.
            let (relaxed, cost) = (&mut self.relaxed.at[at], &mut self.cost[at]);
            relaxed.iter_mut().zip(&*cost).for_each(|(relaxed, cost)| *relaxed -= cost);
            let cheapest_s = &mut self.cheapest_s[at];
            self.costs.cheapest((&self.slots, &self.prices), what, (cost, cheapest_s), &mut self.trial);
            relaxed.iter_mut().zip(&*cost).for_each(|(relaxed, cost)| *relaxed += cost);
        }
    }
}

/// Adds `amount` times the seconds that fall into each slot; none, if it ends before it begins.
fn add_use(per_slot: &mut [i64], slot_s: u64, from_s: u64, until_s: u64, amount: u64) {
    let first = usize::try_from(from_s / slot_s).unwrap_or(usize::MAX);
    for (slot, used) in per_slot.iter_mut().enumerate().skip(first) {
        let begin_s = slot as u64 * slot_s;
        if begin_s >= until_s {
            break;
        }
        let seconds = until_s.min(begin_s + slot_s).saturating_sub(from_s.max(begin_s));
        *used = used.saturating_add(signed(amount.saturating_mul(seconds)));
    }
}
