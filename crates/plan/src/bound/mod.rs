//! What can no plan beat?
//!
//! Three answers, and the largest one counts. [`each_alone`] looks at each service as if it had the estate to itself: quick,
//! and weak where many want the same. [`queue`] lets all of them wait for one limit: quick, and close where one limit
//! decides. [`prices`] lets a limit that is wanted by many cost something while it is wanted, and asks what everything costs
//! at least at these prices: slower, and much closer; [`apart`] gives it more limits, for what can never run side by side,
//! which prices on single limits do not see. All are true of every plan of the instance, whoever makes it. A gap against
//! the bound says how much is not proven, not how much could be saved.

use super::instance::Instance;

mod apart;
mod costs;
mod each_alone;
mod prices;
mod queue;
mod relaxed;
mod slots;

pub(super) use prices::Pricing;

#[cfg(test)]
mod tests;

/// How much work the bound may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Milliseconds, also for thousands of services.
    Quick,
    /// Some tenths of a second.
    Brief,
    /// Up to some seconds.
    Thorough,
}

impl Effort {
    /// Elementary steps that prices may take. A second has about 400 million of them.
    pub fn steps(self) -> u64 {
        match self {
            Effort::Quick => 0,
            Effort::Brief => 60_000_000,
            Effort::Thorough => 400_000_000,
        }
    }
}

/// Prices to be found in about so many elementary steps; none where that is not worth it.
pub(super) fn pricing(instance: &Instance, steps: u64) -> Option<Pricing> {
    let counts = instance.activities.iter().any(|activity| activity.weight > 0);
    if counts && steps > 0 { Pricing::new(apart::with_groups(instance), steps) } else { None }
}

/// Σ weight × seconds until served that every plan costs at least.
pub fn lower_bound_seconds(instance: &Instance, effort: Effort) -> u128 {
    let quick = each_alone::lower_bound_seconds(instance)
        .max(queue::lower_bound_seconds(instance, &each_alone::chains(instance)));
    let Some(mut pricing) = pricing(instance, effort.steps()) else { return quick };
    while pricing.round() {}
    quick.max(pricing.bound())
}
