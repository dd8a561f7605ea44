//! Which promised times does the plan miss? The recovery-time objective (`rto_s`) of each capability, held against
//! when each tenant has it back. Reported, not optimised: the price already says who waits how long.

use std::collections::BTreeMap;

use super::Plan;
use estate::{Estate, Id};

/// A capability that is back later than promised, for tenants that are served together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    pub capability: Id,
    pub tenants: Vec<Id>,
    pub rto_s: u64,
    /// `None`: this plan does not bring it back.
    pub at_s: Option<u64>,
    /// insured × urgency × seconds beyond what was promised.
    pub beyond_seconds: u128,
}

impl Missed {
    /// Seconds too late; for what never comes back, up to the plan's horizon.
    pub fn by_s(&self, plan: &Plan) -> u64 {
        self.at_s.unwrap_or(plan.horizon_s).saturating_sub(self.rto_s)
    }
}

/// All of them, most insured × urgency × time beyond the promise first.
pub fn missed(estate: &Estate, plan: &Plan) -> Vec<Missed> {
    let mut groups: BTreeMap<(&Id, Option<u64>), Vec<&Id>> = BTreeMap::new();
    for served in &plan.served {
        groups.entry((&served.capability, Some(served.at_s))).or_default().push(&served.tenant);
    }
    for never in &plan.never {
        groups.entry((&never.capability, None)).or_default().push(&never.tenant);
    }
    let mut missed: Vec<Missed> = groups
        .into_iter()
        .filter_map(|((id, at_s), tenants)| {
            let capability = estate.capabilities.get(id)?;
            let rto_s = capability.rto_s?;
            let late_s = at_s.unwrap_or(plan.horizon_s).checked_sub(rto_s).filter(|late_s| *late_s > 0)?;
            let insured = |id: &&Id| estate.tenants.get(*id).map_or(0, |tenant| u128::from(tenant.insured));
            let people = tenants.iter().map(insured).fold(0, u128::saturating_add);
            let weight = people.saturating_mul(u128::from(capability.urgency));
            Some(Missed {
                capability: id.clone(),
                tenants: tenants.into_iter().cloned().collect(),
                rto_s,
                at_s,
                beyond_seconds: weight.saturating_mul(u128::from(late_s)),
            })
        })
        .collect();
    missed.sort_by(|a, b| {
        b.beyond_seconds.cmp(&a.beyond_seconds).then_with(|| a.capability.cmp(&b.capability))
    });
    missed
}
