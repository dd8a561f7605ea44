//! How long may a better plan be searched for, if nobody says how many schedules to try?
//!
//! The clock is the caller's. The plan does not depend on it: the number of schedules that fitted into the time is written
//! into the plan, and with that number the same plan is made again.

use std::time::Duration;

use super::bound::Effort;
use super::search::{Progress, Then};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Once prices are found.
    pub after_prices: Duration,
    pub in_all: Duration,
    /// How much work prices and the bound are worth.
    pub bound: Effort,
}

impl Budget {
    /// For a plan from the beginning.
    pub const FIRST: Budget = Budget {
        after_prices: Duration::from_secs(2),
        in_all: Duration::from_secs(6),
        bound: Effort::Thorough,
    };
    /// For a plan that goes on with a run, which waits for it. The order of the plan in force is nearly right.
    pub const AGAIN: Budget = Budget {
        after_prices: Duration::from_millis(300),
        in_all: Duration::from_millis(500),
        bound: Effort::Brief,
    };
    /// For one of the two plans of a comparison: both together are there within a second.
    pub const COMPARED: Budget = Budget {
        after_prices: Duration::from_millis(200),
        in_all: Duration::from_millis(350),
        bound: Effort::Brief,
    };

    pub fn begin(self) -> Meter {
        Meter { budget: self, priced: Duration::ZERO }
    }
}

/// The budget of a search that is under way.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    budget: Budget,
    /// When prices were last being found, counted from the beginning.
    priced: Duration,
}

impl Meter {
    /// To be told of everything that the search tells, and how long it has taken so far.
    pub fn told(&mut self, progress: Progress, elapsed: Duration) -> Then {
        if progress.pricing {
            self.priced = elapsed;
        }
        let enough =
            elapsed >= self.budget.in_all || elapsed.saturating_sub(self.priced) >= self.budget.after_prices;
        if enough { Then::Stop } else { Then::Continue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_search_begins_when_prices_are_found_and_ends_in_any_case() {
        let mut meter = Budget::FIRST.begin();
        let mut told = |pricing: bool, elapsed_ms: u64| {
            let progress = Progress { schedules: 1, pricing, cost: 1 };
            meter.told(progress, Duration::from_millis(elapsed_ms)) == Then::Stop
        };
        assert!(!told(true, 0) && !told(true, 2500), "prices take their time");
        assert!(!told(false, 4400) && told(false, 4500), "two seconds after that");
        assert!(told(true, 6000), "whatever prices take");
    }
}
