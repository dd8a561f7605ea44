//! What follows from a failure: which services are parked, which are stopped, which limits are shared.
//!
//! The other half of `decide`, and as pure. Parking follows hard dependencies only: what needs a provider
//! just to start keeps running when the provider fails later.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Act, Ground, Next, Stop};
use super::refusal::Refusal;
use estate::Id;
use estate::model::EdgeKind;
use incident::Event;
use incident::event::RecoverEvent;
use incident::plan::file::{Step, StepKind};
use incident::recover::step::State;

impl Ground<'_> {
    /// Things that a person has to deal with before anything can rest on them.
    fn failed(&self) -> BTreeSet<&Id> {
        let stuck = |step: &&Step| match step.kind {
            StepKind::Verify | StepKind::Restore | StepKind::Start | StepKind::Gate => {
                let state = self.view.recover.state_of(&step.id);
                // What waits for a person who starts it has not failed: its dependents wait, and are not parked.
                state == State::Failed || (state == State::Held && !self.is_by_hand(step))
            }
            // What is healthy but could not be let in still carries what depends on it.
            StepKind::Admit => false,
        };
        self.plan.steps.iter().filter(stuck).map(|step| &step.service).collect()
    }

    /// For each service that cannot work because something failed: what failed.
    fn shadow(&self) -> BTreeMap<&Id, &Id> {
        let failed = self.failed();
        let mut shadow: BTreeMap<&Id, &Id> = BTreeMap::new();
        for root in &failed {
            let mut open = vec![*root];
            while let Some(provider) = open.pop() {
                let edges = self.estate.edges.iter().filter(|edge| edge.to == *provider);
                for edge in edges.filter(|edge| edge.kind.parks_dependent()) {
                    let dependent = &edge.from;
                    if !failed.contains(dependent)
                        && !shadow.contains_key(dependent)
                        && self.can_be_parked(dependent)
                    {
                        shadow.insert(dependent, root);
                        open.push(dependent);
                    }
                }
            }
        }
        shadow
    }

    /// A job that is done has nothing left to park; what is not in the plan is not ours to touch.
    fn can_be_parked(&self, service: &Id) -> bool {
        let start =
            self.plan.steps.iter().find(|step| step.service == *service && step.kind == StepKind::Start);
        start.is_some_and(|start| self.runs(service) || self.view.recover.state_of(&start.id) != State::Done)
    }

    /// A step before this one that failed, or waits for what failed, and is only an order: it is better to come late than
    /// not at all.
    pub(super) fn goes_on_without(&self, step: &Step, before: &str) -> bool {
        let Some(before) = self.plan.step(before) else { return false };
        step.kind == StepKind::Start
            && self.is_only_order(&step.service, &before.service)
            && self.has_failed(&before.service)
    }

    /// What a start goes on without.
    pub(super) fn without(&self, step: &Step) -> Vec<Id> {
        let open = step.after.iter().filter(|before| self.goes_on_without(step, before));
        let mut without: Vec<Id> =
            open.filter_map(|before| Some(self.plan.step(before)?.service.clone())).collect();
        without.dedup();
        without
    }

    fn is_only_order(&self, dependent: &Id, provider: &Id) -> bool {
        let mut edges = self.estate.needs(dependent).filter(|edge| edge.to == *provider).peekable();
        edges.peek().is_some() && edges.all(|edge| edge.kind == EdgeKind::Order)
    }

    /// It failed, is parked, or waits for something that has failed. What waits for a person who starts it has not.
    pub(super) fn has_failed(&self, target: &Id) -> bool {
        let (mut open, mut seen) = (vec![target], BTreeSet::new());
        while let Some(target) = open.pop() {
            if !seen.insert(target) {
                continue;
            }
            if self.view.recover.parked.contains_key(target) {
                return true;
            }
            for step in self.plan.steps.iter().filter(|step| step.service == *target) {
                match self.view.recover.state_of(&step.id) {
                    State::Failed => return true,
                    State::Held if !self.is_by_hand(step) => return true,
                    State::Waiting => {
                        let before = step.after.iter().filter_map(|id| self.plan.step(id));
                        let before = before.filter(|before| !self.is_only_order(target, &before.service));
                        open.extend(before.map(|before| &before.service));
                    }
                    State::Held | State::Intended | State::Done => {}
                }
            }
        }
        false
    }

    /// What this plan has no step for (it was left out because it failed) is not healthy again by it.
    fn is_healthy_again(&self, target: &Id) -> bool {
        let mut of_it = self
            .plan
            .steps
            .iter()
            .filter(|step| step.service == *target && step.kind != StepKind::Admit)
            .peekable();
        of_it.peek().is_some() && of_it.all(|step| self.view.recover.state_of(&step.id) == State::Done)
    }

    /// Parks and lets go on, as the view says they must be.
    pub(super) fn parking(&self) -> Vec<Event> {
        let shadow = self.shadow();
        let mut events = Vec::new();
        for (service, waits_for) in &self.view.recover.parked {
            if !shadow.contains_key(service) && self.is_healthy_again(waits_for) {
                events.push(Event::Recover(RecoverEvent::ServiceUnparked { service: service.clone() }));
            }
        }
        for (service, root) in shadow {
            let known = self.view.recover.parked.get(service);
            if known.is_none_or(|known| known != root && !self.failed().contains(known)) {
                let (service, waits_for) = (service.clone(), root.clone());
                events.push(Event::Recover(RecoverEvent::ServiceParked { service, waits_for }));
            }
        }
        events
    }

    /// Stops what must not run, dependents before what they depend on.
    pub(super) fn stops(&self, next: &mut Next) {
        let due: BTreeMap<&Id, String> = self
            .view
            .recover
            .services
            .iter()
            .filter(|(id, _)| self.runs(id))
            .filter_map(|(id, _)| Some((id, self.must_stop(id)?)))
            .collect();
        for (service, why) in &due {
            // A parked service may be in the middle of a start or a gate.
            next.interrupt.insert((*service).clone());
            let busy = self.now.busy.values().any(|task| task.step.service == **service);
            if busy || self.now.stopping.contains(*service) || self.carries_one_of(service, &due) {
                continue;
            }
            if let Some(why) = self.now.not_stopped.get(*service) {
                let (service, why) = ((*service).clone(), why.clone());
                next.refusals.push(Refusal::CannotStop { service, why });
            } else if let Some(refusal) = self.forbidden(service) {
                next.refusals.push(refusal);
            } else {
                let process = self.view.recover.process_of(service).cloned();
                let (service, why) = ((*service).clone(), why.clone());
                next.acts.push(Act::Stop(Stop { service, process, why }));
            }
        }
        for service in self.view.recover.parked.keys() {
            next.interrupt.insert(service.clone());
        }
    }

    /// Why this running service must not run.
    fn must_stop(&self, service: &Id) -> Option<String> {
        let recover = &self.view.recover;
        if let Some(waits_for) = recover.parked.get(service) {
            return Some(format!("it cannot work without {waits_for}, which failed"));
        }
        let stuck = |kind| {
            let step = self.plan.steps.iter().find(|step| step.service == *service && step.kind == kind)?;
            matches!(recover.state_of(&step.id), State::Failed | State::Held).then_some(&step.id)
        };
        if stuck(StepKind::Gate).is_some() {
            return Some("its gate was not passed".to_owned());
        }
        let restored_later = |provider: &Id| {
            let restore = self
                .plan
                .steps
                .iter()
                .find(|step| step.service == *provider && step.kind == StepKind::Restore);
            restore.is_some_and(|restore| recover.state_of(&restore.id) != State::Done)
        };
        // Only data its start waits for: else it would be started again at once, and stopped again.
        let mut data =
            self.estate.needs(service).filter(|edge| edge.kind.blocks_start()).map(|edge| &edge.to);
        let store = data.find(|provider| restored_later(provider))?;
        Some(format!("the data it works on ({store}) is about to be restored"))
    }

    pub(super) fn is_to_be_stopped(&self, service: &Id, next: &Next) -> bool {
        self.runs(service) && next.interrupt.contains(service)
    }

    fn carries_one_of(&self, provider: &Id, due: &BTreeMap<&Id, String>) -> bool {
        self.estate.edges.iter().any(|edge| {
            edge.to == *provider
                && edge.kind.parks_dependent()
                && due.contains_key(&edge.from)
                && !self.now.not_stopped.contains_key(&edge.from)
                && self.forbidden(&edge.from).is_none()
        })
    }

    /// Whether the step fits beside those being worked on, under the limits the plan was made with. One
    /// that is larger than the limit itself may run alone.
    pub(super) fn has_room(&self, step: &Step, working: &[&Step]) -> bool {
        self.uses(step).into_iter().all(|(resource, amount, capacity)| {
            let used: u64 = working
                .iter()
                .flat_map(|other| self.uses(other))
                .filter(|(other, _, _)| *other == resource)
                .fold(0, |sum, (_, amount, _)| sum.saturating_add(amount));
            amount == 0 || used == 0 || used.saturating_add(amount) <= capacity
        })
    }

    /// (resource or host, how much of it, how much there is).
    fn uses(&self, step: &Step) -> Vec<(&Id, u64, u64)> {
        match step.kind {
            StepKind::Verify | StepKind::Admit => Vec::new(),
            StepKind::Restore => self.bandwidth(&step.service).into_iter().collect(),
            StepKind::Start | StepKind::Gate => self.hands(&step.service),
        }
    }

    fn bandwidth(&self, store: &Id) -> Option<(&Id, u64, u64)> {
        let store = self.estate.stores.get(store)?;
        let resource = store.source.as_ref()?.resource.as_ref()?;
        let capacity = self.estate.resources.get(resource)?.capacity;
        Some((resource, store.restore_rate.unwrap_or(capacity), capacity))
    }

    fn hands(&self, service: &Id) -> Vec<(&Id, u64, u64)> {
        let Some(service) = self.estate.services.get(service) else { return Vec::new() };
        let crew = service.crew.iter().filter_map(|crew| {
            let crew_there = self.estate.resources.get_key_value(crew)?;
            Some((crew_there.0, 1, crew_there.1.capacity))
        });
        let host = service.host.as_ref().and_then(|host| {
            let (host, limits) = self.estate.hosts.get_key_value(host)?;
            Some((host, service.cpu_boot, limits.cpu?))
        });
        crew.chain(host).collect()
    }
}
