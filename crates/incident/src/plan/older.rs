//! Plans of older forms as the plan of today, and back: how a released form is read and comes to the hash it had.
//!
//! Stands above the forms and the plan, so that neither knows the other.

use super::file::{self, HORIZON_S, Plan};
use super::{version_1, version_2};

/// What version 1 did not know is as it was meant then: nobody was named, nothing was drawn.
pub(super) fn from_version_1(plan: version_1::Plan) -> Plan {
    let served = |served: version_1::Served| file::Served {
        tenant: served.tenant,
        capability: served.capability,
        at_s: served.at_s,
        early_s: served.at_s,
        late_s: served.at_s,
    };
    let step = |step: version_1::Step| file::Step {
        id: step.id,
        service: step.service,
        kind: from_kind_1(step.kind),
        start_s: step.start_s,
        end_s: step.end_s,
        after: step.after,
        recovery_point: step.recovery_point,
    };
    let end_s = plan.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
    let version_1::Baselines { fifo, tier, size } = plan.baselines;
    Plan {
        version: plan.version,
        estate_hash: plan.estate_hash,
        parts: plan.parts,
        lost: plan.lost,
        without: Vec::new(),
        first: Vec::new(),
        continues: None,
        seed: plan.seed,
        schedules: plan.schedules,
        steps: plan.steps.into_iter().map(step).collect(),
        served: plan.served.into_iter().map(served).collect(),
        never: Vec::new(),
        horizon_s: HORIZON_S.max(end_s),
        samples: 0,
        insured_seconds: plan.insured_seconds,
        lower_bound: plan.lower_bound,
        baselines: file::Baselines { fifo, tier, size },
    }
}

pub(super) fn to_version_1(plan: &Plan) -> version_1::Plan {
    let served = |served: &file::Served| version_1::Served {
        tenant: served.tenant.clone(),
        capability: served.capability.clone(),
        at_s: served.at_s,
    };
    let step = |step: &file::Step| version_1::Step {
        id: step.id.clone(),
        service: step.service.clone(),
        kind: to_kind_1(step.kind),
        start_s: step.start_s,
        end_s: step.end_s,
        after: step.after.clone(),
        recovery_point: step.recovery_point.clone(),
    };
    let file::Baselines { fifo, tier, size } = plan.baselines;
    version_1::Plan {
        version: plan.version,
        estate_hash: plan.estate_hash.clone(),
        parts: plan.parts.clone(),
        lost: plan.lost.clone(),
        seed: plan.seed,
        schedules: plan.schedules,
        steps: plan.steps.iter().map(step).collect(),
        served: plan.served.iter().map(served).collect(),
        insured_seconds: plan.insured_seconds,
        lower_bound: plan.lower_bound,
        baselines: version_1::Baselines { fifo, tier, size },
    }
}

fn from_kind_1(kind: version_1::StepKind) -> file::StepKind {
    match kind {
        version_1::StepKind::Verify => file::StepKind::Verify,
        version_1::StepKind::Restore => file::StepKind::Restore,
        version_1::StepKind::Start => file::StepKind::Start,
        version_1::StepKind::Gate => file::StepKind::Gate,
        version_1::StepKind::Admit => file::StepKind::Admit,
    }
}

fn to_kind_1(kind: file::StepKind) -> version_1::StepKind {
    match kind {
        file::StepKind::Verify => version_1::StepKind::Verify,
        file::StepKind::Restore => version_1::StepKind::Restore,
        file::StepKind::Start => version_1::StepKind::Start,
        file::StepKind::Gate => version_1::StepKind::Gate,
        file::StepKind::Admit => version_1::StepKind::Admit,
    }
}

pub(super) fn from_version_2(plan: version_2::Plan) -> Plan {
    let continues = |continues: version_2::Continues| file::Continues {
        run: continues.run,
        entries: continues.entries,
        done: continues.done,
        running: continues.running,
        stuck: continues.stuck,
    };
    let step = |step: version_2::Step| file::Step {
        id: step.id,
        service: step.service,
        kind: from_kind_2(step.kind),
        start_s: step.start_s,
        end_s: step.end_s,
        after: step.after,
        recovery_point: step.recovery_point,
    };
    let served = |served: version_2::Served| {
        let version_2::Served { tenant, capability, at_s, early_s, late_s } = served;
        file::Served { tenant, capability, at_s, early_s, late_s }
    };
    let never = |never: version_2::Never| {
        let version_2::Never { tenant, capability, because } = never;
        file::Never { tenant, capability, because }
    };
    let version_2::Baselines { fifo, tier, size } = plan.baselines;
    Plan {
        version: plan.version,
        estate_hash: plan.estate_hash,
        parts: plan.parts,
        lost: plan.lost,
        without: plan.without,
        first: plan.first,
        continues: plan.continues.map(continues),
        seed: plan.seed,
        schedules: plan.schedules,
        steps: plan.steps.into_iter().map(step).collect(),
        served: plan.served.into_iter().map(served).collect(),
        never: plan.never.into_iter().map(never).collect(),
        horizon_s: plan.horizon_s,
        samples: plan.samples,
        insured_seconds: plan.insured_seconds,
        lower_bound: plan.lower_bound,
        baselines: file::Baselines { fifo, tier, size },
    }
}

pub(super) fn to_version_2(plan: &Plan) -> version_2::Plan {
    let continues = |continues: file::Continues| version_2::Continues {
        run: continues.run,
        entries: continues.entries,
        done: continues.done,
        running: continues.running,
        stuck: continues.stuck,
    };
    let step = |step: &file::Step| version_2::Step {
        id: step.id.clone(),
        service: step.service.clone(),
        kind: to_kind_2(step.kind),
        start_s: step.start_s,
        end_s: step.end_s,
        after: step.after.clone(),
        recovery_point: step.recovery_point.clone(),
    };
    let served = |served: &file::Served| {
        let file::Served { tenant, capability, at_s, early_s, late_s } = served.clone();
        version_2::Served { tenant, capability, at_s, early_s, late_s }
    };
    let never = |never: &file::Never| {
        let file::Never { tenant, capability, because } = never.clone();
        version_2::Never { tenant, capability, because }
    };
    let file::Baselines { fifo, tier, size } = plan.baselines;
    version_2::Plan {
        version: plan.version,
        estate_hash: plan.estate_hash.clone(),
        parts: plan.parts.clone(),
        lost: plan.lost.clone(),
        without: plan.without.clone(),
        first: plan.first.clone(),
        continues: plan.continues.clone().map(continues),
        seed: plan.seed,
        schedules: plan.schedules,
        steps: plan.steps.iter().map(step).collect(),
        served: plan.served.iter().map(served).collect(),
        never: plan.never.iter().map(never).collect(),
        horizon_s: plan.horizon_s,
        samples: plan.samples,
        insured_seconds: plan.insured_seconds,
        lower_bound: plan.lower_bound,
        baselines: version_2::Baselines { fifo, tier, size },
    }
}

fn from_kind_2(kind: version_2::StepKind) -> file::StepKind {
    match kind {
        version_2::StepKind::Verify => file::StepKind::Verify,
        version_2::StepKind::Restore => file::StepKind::Restore,
        version_2::StepKind::Start => file::StepKind::Start,
        version_2::StepKind::Gate => file::StepKind::Gate,
        version_2::StepKind::Admit => file::StepKind::Admit,
    }
}

fn to_kind_2(kind: file::StepKind) -> version_2::StepKind {
    match kind {
        file::StepKind::Verify => version_2::StepKind::Verify,
        file::StepKind::Restore => version_2::StepKind::Restore,
        file::StepKind::Start => version_2::StepKind::Start,
        file::StepKind::Gate => version_2::StepKind::Gate,
        file::StepKind::Admit => version_2::StepKind::Admit,
    }
}
