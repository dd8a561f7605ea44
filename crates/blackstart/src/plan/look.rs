//! For how long is looked for a better plan, if nobody says how many schedules to try?
//!
//! The only place near the planner that reads a clock. The plan itself does not depend on it: the number of schedules that
//! fitted into the time is written into the plan, and with that number the same plan is made again.

use std::time::{Duration, Instant};

use super::bound::Effort;
use super::search::{Progress, Then};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Once prices are found.
    pub after_prices: Duration,
    pub in_all: Duration,
    /// How much work prices and the bound are worth.
    pub bound: Effort,
}

impl Look {
    /// For a plan from the beginning.
    pub const FIRST: Look = Look {
        after_prices: Duration::from_secs(2),
        in_all: Duration::from_secs(6),
        bound: Effort::Thorough,
    };
    /// For a plan that goes on with a run, which waits for it. The order of the plan in force is nearly right.
    pub const AGAIN: Look = Look {
        after_prices: Duration::from_millis(300),
        in_all: Duration::from_millis(500),
        bound: Effort::Brief,
    };
    /// For one of the two plans of a comparison: both together are there within a second.
    pub const COMPARED: Look = Look {
        after_prices: Duration::from_millis(200),
        in_all: Duration::from_millis(350),
        bound: Effort::Brief,
    };

    pub fn begin(self) -> Looking {
        let now = Instant::now();
        Looking { look: self, begun: now, priced: now }
    }
}

/// A look that is under way.
#[derive(Clone, Copy, Debug)]
pub struct Looking {
    look: Look,
    begun: Instant,
    priced: Instant,
}

impl Looking {
    /// To be told of everything that the search tells.
    pub fn told(&mut self, progress: Progress) -> Then {
        if progress.pricing {
            self.priced = Instant::now();
        }
        let enough =
            self.begun.elapsed() >= self.look.in_all || self.priced.elapsed() >= self.look.after_prices;
        if enough { Then::Stop } else { Then::Continue }
    }
}
