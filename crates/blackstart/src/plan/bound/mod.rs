//! What can no plan beat?
//!
//! Three answers, and the largest one counts. [`alone`] looks at each service as if it had the estate to itself: quick,
//! and weak where many want the same. [`queue`] lets all of them wait for one limit: quick, and close where one limit
//! decides. [`prices`] lets a limit that is wanted by many cost something while it is
//! wanted, and asks what everything costs at least at these prices: slower, and much closer. [`apart`] adds limits for what
//! can never run side by side, which prices on single limits do not see. Both are true of every
//! plan of the instance, whoever makes it. A gap against the bound says how much is not proven, not how much could be
//! saved.

use super::instance::Instance;

mod alone;
mod apart;
mod costs;
mod prices;
mod queue;
mod relaxed;
mod slots;

#[cfg(test)]
mod tests;

/// How much work the bound may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Milliseconds, also for thousands of services.
    Quick,
    /// Up to some seconds.
    Thorough,
}

/// Elementary steps that `Thorough` spends: about a second. All rounds of a problem with 120 activities fit into it.
const STEPS_MAX: u64 = 600_000_000;

/// Σ weight × seconds until served that every plan costs at least.
pub fn lower_bound_seconds(instance: &Instance, effort: Effort) -> u128 {
    let quick = alone::lower_bound_seconds(instance)
        .max(queue::lower_bound_seconds(instance, &alone::chains(instance)));
    match effort {
        Effort::Quick => quick,
        Effort::Thorough => quick.max(prices::lower_bound_seconds(&apart::with_groups(instance), STEPS_MAX)),
    }
}
