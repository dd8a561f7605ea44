//! What can no plan beat?
//!
//! Two answers, and the larger one counts. [`alone`] looks at each service as if it had the estate to itself: quick,
//! and weak where many want the same. [`prices`] lets a limit that is wanted by many cost something while it is
//! wanted, and asks what everything costs at least at these prices: slower, and much closer. Both are true of every
//! plan of the instance, whoever makes it. A gap against the bound says how much is not proven, not how much could be
//! saved.

use super::instance::Instance;

mod alone;
mod costs;
mod prices;
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
    let alone = alone::lower_bound_seconds(instance);
    match effort {
        Effort::Quick => alone,
        Effort::Thorough => alone.max(prices::lower_bound_seconds(instance, STEPS_MAX)),
    }
}
