//! Breeds better orders: a population of schedules, of which two at a time hand down parts to a new one.
//!
//! Where the end of all counts there are two populations, one built from the beginning and one from the end. The child
//! of two schedules from one end is a list for the other end, sorted by when things end; so every schedule is a cross
//! and a tightening (forward-backward improvement) in one. (Bi-population, after Debels and Vanhoucke 2005.) Among
//! schedules that end together the one whose activities end earlier on average is the better one: it leaves more
//! room at the end. Where a sum counts there is one population, built from the beginning.
//!
//! Nothing here depends on how many schedules are wished for, so that a search that was stopped can be repeated up to
//! the same schedule.

use super::super::bound;
use super::super::instance::Instance;
use super::breed::{Marks, exchange, shift};
use super::build::{Ahead, Bench};
use super::capacity::Capacity;
use super::chance::Chance;
use super::compact::{Aim, Compact};
use super::{Progress, Settings, Then};

/// What a schedule costs, and what decides between equals.
pub(super) type Cost = (u128, u128);

/// A schedule, and the list that its children are made of.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) list: Vec<u32>,
    pub(super) cost: Cost,
}

/// The best schedule from the beginning: when each activity ends.
#[derive(Clone, Debug)]
pub(super) struct Best {
    pub(super) end_s: Vec<u64>,
    pub(super) cost: Cost,
}

pub(super) struct Evolution<'a, R: Capacity> {
    pub(super) compact: &'a Compact,
    capacities: [R; 2],
    bench: Bench,
    pub(super) marks: Marks,
    pub(super) chance: Chance,
    /// By the end that they are built from.
    populations: [Vec<Member>; 2],
    best: Option<Best>,
    pub(super) schedules: u64,
    settings: Settings,
    /// No schedule costs less; 0: that says nothing.
    least: u128,
    /// The schedule that was the best so far when it was built.
    better_at: u64,
    stopped: bool,
    /// Prices are being found.
    pub(super) pricing: bool,
    /// Number of the population, from zero.
    age: usize,
    progress: &'a mut dyn FnMut(Progress) -> Then,
    child: Vec<u32>,
    keys: Vec<u64>,
    end_s: Vec<u64>,
}

/// With so many activities climbing comes first. Below, a population alone finds better schedules.
pub(super) const CLIMBED_MIN: usize = 300;
/// Schedules in a population, and until which schedule it lives. A large one finds better schedules in the end, a small
/// one finds good ones sooner: so the small one comes first, and each begins afresh. (A population that grew slowly
/// instead was worse: what comes late and is let in weak dilutes it.)
const AGES: [(usize, u64); 3] = [(60, 6_000), (200, 60_000), (600, u64::MAX)];
/// The larger the problem, the fewer schedules there is time for.
const MEMBERS_TIMES_ACTIVITIES: usize = 100_000;
const MEMBERS_MIN: usize = 6;
/// Children per member without a better schedule before a population for a sum gives way to a new one.
const PATIENCE: u64 = 16;
/// Schedules after the last better one that are tried for an earlier end of all, when nothing can cost less.
const TRIED_FOR_THE_END: u64 = 1000;
/// Of this many drawn at random the worst makes room for a child that is no worse.
const LOSERS: usize = 4;
/// Percent of children that are only tightened, or only changed, without a second parent.
const SINGLE_PERCENT: usize = 10;
/// Percent of exchanged neighbours, of the number of activities.
const EXCHANGES_PERCENT: usize = 1;

impl<'a, R: Capacity> Evolution<'a, R> {
    pub(super) fn new(
        compact: &'a Compact,
        capacities: [R; 2],
        settings: Settings,
        progress: &'a mut dyn FnMut(Progress) -> Then,
    ) -> Evolution<'a, R> {
        Evolution {
            compact,
            capacities,
            bench: Bench::default(),
            marks: Marks::default(),
            chance: Chance::new(settings.seed),
            populations: [Vec::new(), Vec::new()],
            best: None,
            schedules: 0,
            settings: Settings { schedules: settings.schedules.max(1), ..settings },
            least: 0,
            better_at: 0,
            stopped: false,
            pricing: false,
            age: 0,
            progress,
            child: Vec::new(),
            keys: Vec::new(),
            end_s: Vec::new(),
        }
    }

    /// `starts` are lists that respect what waits for what. What no schedule can cost less than is returned, as far as
    /// that was asked for.
    pub(super) fn run(&mut self, instance: &Instance, starts: &[Vec<u32>]) -> u128 {
        let mut starts = starts.to_vec();
        if self.settings.prove {
            // Something to go by is there at once, whatever bounds take.
            self.pricing = true;
            self.build(0, &starts[0], Ahead::PLAIN);
            self.least = bound::lower_bound_seconds(instance, bound::Effort::Quick);
            if !self.is_proven()
                && let Some(mut pricing) = bound::pricing(instance, self.settings.price_steps)
            {
                starts.splice(0..0, self.suggested(&mut pricing));
            }
            self.pricing = false;
        }
        if self.compact.aim == Aim::Sum && self.compact.count() >= CLIMBED_MIN {
            starts.extend(self.climb(&starts));
        }
        for (age, (_, until)) in AGES.into_iter().enumerate() {
            self.age = age;
            loop {
                self.populations = [Vec::new(), Vec::new()];
                self.found(&starts);
                self.live(until);
                if self.schedules >= until || self.is_over() || self.compact.count() < 2 {
                    break;
                }
            }
        }
        self.least
    }

    /// Children, until the age ends, or the search, or nothing better comes any more.
    fn live(&mut self, until: u64) {
        let begun = self.schedules;
        let patience = match self.compact.aim {
            Aim::End { .. } => u64::MAX,
            Aim::Sum => PATIENCE * self.members() as u64,
        };
        let mut side = 0;
        while self.schedules < until && !self.is_over() && self.compact.count() >= 2 {
            if self.schedules - self.better_at.max(begun) >= patience {
                return;
            }
            self.make_child(side);
            if self.both_ends() {
                side = 1 - side;
            }
            let ahead = self.ahead();
            let list = std::mem::take(&mut self.child);
            let member = self.build(side, &list, ahead);
            self.child = list;
            self.admit(side, member);
        }
    }

    pub(super) fn best(self) -> Best {
        self.best.expect("the first schedule is always built")
    }

    pub(super) fn least_cost(&self) -> Option<u128> {
        self.best.as_ref().map(|best| self.in_full(best.cost.0))
    }

    pub(super) fn cannot_cost_less_than(&mut self, cost: u128) {
        self.least = self.least.max(cost);
    }

    /// Nothing can cost less than the best that was found.
    pub(super) fn is_proven(&self) -> bool {
        self.least_cost().is_some_and(|cost| cost <= self.least)
    }

    pub(super) fn is_over(&self) -> bool {
        self.stopped
            || self.schedules >= self.settings.schedules
            || self.best.as_ref().is_some_and(|best| self.is_least(best.cost))
    }

    /// Nothing costs less, and of what costs as much nothing ends earlier, or it was looked for long enough.
    fn is_least(&self, cost: Cost) -> bool {
        if cost.0 > self.compact.least() && (self.least == 0 || self.in_full(cost.0) > self.least) {
            return false;
        }
        self.both_ends()
            || cost.1 <= u128::from(self.compact.longest_chain_s())
            || self.schedules - self.better_at >= TRIED_FOR_THE_END
    }

    fn both_ends(&self) -> bool {
        matches!(self.compact.aim, Aim::End { .. })
    }

    fn members(&self) -> usize {
        let room = (MEMBERS_TIMES_ACTIVITIES / self.compact.count().max(1)).max(MEMBERS_MIN);
        AGES[self.age].0.min(room)
    }

    /// The starts as they are, then as many again as there is room for, drawn at random with the urgent ones first.
    fn found(&mut self, starts: &[Vec<u32>]) {
        for start in starts {
            if self.is_over() {
                return;
            }
            self.enter(start, Ahead::PLAIN);
        }
        for _ in 0..2 * self.members() {
            if self.is_over() {
                break;
            }
            let list = match self.compact.aim {
                Aim::End { .. } => self.draw(),
                Aim::Sum => {
                    let start = &starts[self.chance.below(starts.len())];
                    self.vary(start)
                }
            };
            let ahead = self.ahead();
            self.enter(&list, ahead);
        }
        let members = self.members();
        for population in &mut self.populations {
            population.sort_by_key(|member| member.cost);
            population.dedup_by_key(|member| member.cost);
            population.truncate(members);
        }
    }

    /// Builds a list from the beginning and, where both ends are used, what comes of it from the end.
    fn enter(&mut self, list: &[u32], ahead: Ahead) {
        let first = self.build(0, list, ahead);
        if self.both_ends() && !self.is_over() {
            let second = self.build(1, &first.list, ahead);
            self.populations[1].push(second);
        }
        self.populations[0].push(first);
    }

    /// A list drawn activity by activity: what has a long chain behind it is likely to come early.
    fn draw(&mut self) -> Vec<u32> {
        let side = &self.compact.sides[0];
        let mut waiting: Vec<u32> = side.before.counts().collect();
        let mut open: Vec<u32> =
            (0..).zip(&waiting).filter(|(_, waiting)| **waiting == 0).map(|(at, _)| at).collect();
        let mut list = Vec::with_capacity(waiting.len());
        while !open.is_empty() {
            let chain_s = |at: &u32| side.chain_s[*at as usize] - self.compact.duration_s[*at as usize];
            let shortest_s = open.iter().map(chain_s).min().unwrap_or(0);
            let odds: Vec<u64> = open
                .iter()
                .map(|at| (chain_s(at) - shortest_s).min(1 << 20) + 1)
                .map(|odds| odds * odds)
                .collect();
            let at = open.swap_remove(self.chance.weighted(&odds));
            list.push(at);
            for &next in side.after.of(at as usize) {
                waiting[next as usize] -= 1;
                if waiting[next as usize] == 0 {
                    open.push(next);
                }
            }
        }
        list
    }

    /// A start with some of it moved.
    fn vary(&mut self, start: &[u32]) -> Vec<u32> {
        let mut list = start.to_vec();
        for _ in 0..1 + self.chance.below(4) {
            self.move_some(0, &mut list);
        }
        list
    }

    /// Something and all it waits for comes earlier, or something and all that waits for it comes later.
    fn move_some(&mut self, side: usize, list: &mut [u32]) {
        let (one, other) = (self.chance.below(list.len()), self.chance.below(list.len()));
        let (early, late) = (one.min(other), one.max(other));
        let side = &self.compact.sides[side];
        if self.chance.percent(50) {
            self.marks.advance(side, list, early, late);
        } else {
            self.marks.postpone(side, list, early, late);
        }
    }

    /// Looks ahead less often where the sum counts: who is urgent there stands first for a reason.
    fn ahead(&mut self) -> Ahead {
        match self.compact.aim {
            Aim::End { .. } => Ahead { among: 2 + self.chance.below(7), late_percent: 50 },
            Aim::Sum if self.chance.percent(50) => Ahead::PLAIN,
            Aim::Sum => self.ahead_a_little(),
        }
    }

    pub(super) fn ahead_a_little(&mut self) -> Ahead {
        Ahead { among: 2 + self.chance.below(3), late_percent: 50 }
    }

    pub(super) fn build(&mut self, side: usize, list: &[u32], ahead: Ahead) -> Member {
        let mut end_s = std::mem::take(&mut self.end_s);
        end_s.resize(list.len(), 0);
        let what = (&self.compact.sides[side], &self.compact.duration_s[..]);
        let last_s = self.bench.build(what, &mut self.capacities[side], list, ahead, &mut end_s);
        self.schedules += 1;
        let cost = self.price(&end_s, last_s);
        if (side == 0 || self.compact.mirrored) && self.best.as_ref().is_none_or(|best| cost < best.cost) {
            let end_s = if side == 0 { end_s.clone() } else { self.turn(&end_s, last_s) };
            self.best = Some(Best { end_s, cost });
            self.better_at = self.schedules;
        }
        let now = self.best.as_ref().map_or(cost, |best| best.cost);
        let progress =
            Progress { schedules: self.schedules, pricing: self.pricing, cost: self.in_full(now.0) };
        self.stopped |= (self.progress)(progress) == Then::Stop;
        let member = Member { list: self.sort(side, &end_s), cost };
        self.end_s = end_s;
        member
    }

    fn price(&self, end_s: &[u64], last_s: u64) -> Cost {
        match self.compact.aim {
            Aim::End { .. } => (u128::from(last_s), end_s.iter().map(|&end_s| u128::from(end_s)).sum()),
            Aim::Sum => {
                let paid = |&(at, weight): &(usize, u128)| weight.saturating_mul(u128::from(end_s[at]));
                (self.compact.weights.iter().map(paid).fold(0, u128::saturating_add), u128::from(last_s))
            }
        }
    }

    /// Weight times seconds.
    fn in_full(&self, cost: u128) -> u128 {
        match self.compact.aim {
            Aim::End { weight } => weight.saturating_mul(cost),
            Aim::Sum => cost,
        }
    }

    /// A schedule built from the end, as it looks from the beginning.
    fn turn(&self, end_s: &[u64], last_s: u64) -> Vec<u64> {
        end_s
            .iter()
            .zip(&self.compact.duration_s)
            .map(|(end_s, duration_s)| last_s - end_s + duration_s)
            .collect()
    }

    /// The list for the children: for the other end, the last to end first; for the same end, the first to begin first.
    /// What takes no time keeps its place among what waits for what, read from the end that the list is for.
    fn sort(&mut self, side: usize, end_s: &[u64]) -> Vec<u32> {
        let both_ends = self.both_ends();
        let count = u32::try_from(end_s.len()).expect("positions are 32 bits");
        let last_s = end_s.iter().copied().max().unwrap_or(0);
        let second = |at: u32| {
            let (end_s, duration_s) = (end_s[at as usize], self.compact.duration_s[at as usize]);
            if both_ends { last_s - end_s } else { end_s - duration_s }
        };
        let for_the_end = both_ends && side == 0;
        let activity = |place: u32| if for_the_end { count - 1 - place } else { place };
        // Second and place in one number are sorted fastest. Where they do not fit into one, a sort that keeps places.
        let bits = u32::BITS - count.leading_zeros();
        if last_s.leading_zeros() < bits {
            let mut list: Vec<u32> = (0..count).map(activity).collect();
            list.sort_by_key(|&at| second(at));
            return list;
        }
        self.keys.clear();
        self.keys.extend((0..count).map(|place| second(activity(place)) << bits | u64::from(place)));
        self.keys.sort_unstable();
        let place = |key: u64| u32::try_from(key & ((1 << bits) - 1)).expect("a position");
        self.keys.iter().map(|&key| activity(place(key))).collect()
    }

    /// Fills `child` with a list made of the population of `side`.
    fn make_child(&mut self, side: usize) {
        let (one, other) = (self.draw_parent(side), self.draw_parent(side));
        let to = if self.both_ends() { 1 - side } else { side };
        let target = &self.compact.sides[to];
        let population = &self.populations[side];
        let mut child = std::mem::take(&mut self.child);
        if one == other || self.chance.percent(SINGLE_PERCENT) {
            child.clear();
            child.extend_from_slice(&population[one].list);
            if !self.both_ends() {
                self.marks.rearrange(self.compact, &mut child, &mut self.chance);
            } else if one == other {
                shift(target, &mut child, &mut self.chance);
            }
        } else {
            let stretch = self.stretch(self.compact.count());
            let population = &self.populations[side];
            self.marks.cross(target, &population[one].list, &population[other].list, stretch, &mut child);
        }
        for _ in
            0..child.len() * EXCHANGES_PERCENT / 100 + usize::from(self.chance.percent(child.len() % 100))
        {
            exchange(target, &mut child, &mut self.chance);
        }
        shift(target, &mut child, &mut self.chance);
        self.child = child;
    }

    fn draw_parent(&mut self, side: usize) -> usize {
        let count = self.populations[side].len();
        let (one, other) = (self.chance.below(count), self.chance.below(count));
        if self.populations[side][other].cost < self.populations[side][one].cost { other } else { one }
    }

    /// A tenth to a half of the list.
    fn stretch(&mut self, count: usize) -> (usize, usize) {
        let (shortest, longest) = (count / 10, count / 2);
        let length = shortest + self.chance.below(longest - shortest + 1);
        let begin = self.chance.below(count - length + 1);
        (begin, begin + length)
    }

    /// Takes a child in, unless there is one like it already or it is worse than the worst of a few.
    fn admit(&mut self, side: usize, member: Member) {
        if self.populations[side].iter().any(|other| other.cost == member.cost) {
            return;
        }
        let count = self.populations[side].len();
        if count < self.members() {
            self.populations[side].push(member);
            return;
        }
        let mut loser = self.chance.below(count);
        for _ in 1..LOSERS {
            let other = self.chance.below(count);
            if self.populations[side][other].cost > self.populations[side][loser].cost {
                loser = other;
            }
        }
        if member.cost.0 <= self.populations[side][loser].cost.0 {
            self.populations[side][loser] = member;
        }
    }
}
