//! Services that a driver starts and stops on their hosts. Which script is sent is decided before and stands in the
//! journal with the intent; here it leaves, and what comes back is judged. What nobody can know is held for a person,
//! never taken for done.

use super::decide::{Act, Stop, Task};
use super::perform::{Outcome, Place, without};
use std::convert::Infallible;

use estate::model::{Service, StartClass};
use estate::{Estate, Id};
use hands::{Order, OrderOutcome, UnitState, Verb, side_by_side};
use incident::event::Found;
use incident::plan::file::{StepKind, step_id};
use incident::recover::View;
use incident::recover::step::State;
use world::World;
use world::act::{self, Acted};

/// What is on its way up or down when a run is taken up gets this long.
const SETTLE_MS: u64 = 60_000;
/// A stop may take this long: systemd itself gives most units a minute and a half.
const STOP_MS: u64 = 180_000;

/// The script that an act sends to a host, if it sends one. Pure: it is on disk before the act begins.
pub(super) fn order(estate: &Estate, act: &Act) -> Option<Order> {
    let (target, verb) = match act {
        Act::Perform(task) if task.step.kind == StepKind::Start => (&task.step.service, Verb::Start),
        Act::Stop(stop) => (&stop.service, Verb::Stop),
        Act::Perform(_) | Act::Look(_) | Act::Settle(_) | Act::Ask(_) => return None,
    };
    estate
        .services
        .get(target)
        .is_some_and(Service::is_driven)
        .then(|| hands::order(estate, target, verb).ok())
        .flatten()
}

/// What was started on hosts, and is down there now as they say: after a reboot, or because somebody stopped it. All hosts
/// are asked side by side. Of one that is not reached nothing follows: its gates will tell.
pub(super) fn down(world: &dyn World, estate: &Estate, view: &View) -> Vec<(Id, String)> {
    let is_up = |id: &Id| {
        let leaves = |service: &Service| service.is_driven() && service.leaves_something_running();
        estate.services.get(id).is_some_and(leaves)
            && view.state_of(&step_id(StepKind::Start, id)) == State::Done
    };
    let started: Vec<&Id> = view.services.keys().filter(|id| is_up(id)).collect();
    let mut down = Vec::new();
    let look = |at: usize| act::looked_at(world, estate, started[at], 0);
    let took: Result<(), Infallible> = side_by_side(started.len(), look, |at, looked| {
        if let Ok((read, said)) = looked
            && matches!(read.standing, UnitState::Down | UnitState::Failed | UnitState::Missing)
        {
            down.push((started[at].clone(), format!("{said}, when the run was taken up")));
        }
        Ok(())
    });
    let Ok(()) = took;
    down.sort();
    down
}

impl Place<'_> {
    fn carried_out(&self, target: &Id, verb: Verb, deadline_ms: u64) -> OrderOutcome {
        let order = match hands::order(self.estate, target, verb) {
            Ok(order) => order,
            Err(no) => return OrderOutcome::NotBegun(no.to_string()),
        };
        let Acted { came, answers } = act::carried_out(self.world, self.estate, &order, deadline_ms);
        self.answers.borrow_mut().extend(answers);
        came
    }

    pub(super) fn start_driven(&self, task: &Task, service: &Service, deadline_ms: u64) -> Outcome {
        if let Some((provider, why)) = self.unhealthy(&task.providers) {
            return Outcome::NotBegun { provider, why };
        }
        if service.start_class == StartClass::Once {
            // The journal may have lost its end while the world went on: then this very attempt has drawn its number.
            match self.is_drawn(task) {
                Ok(false) => {}
                Ok(true) => return self.doubt_once(task),
                Err(fault) => return Outcome::failed(fault.to_string()),
            }
        }
        if let Err(fault) = self.draw(task) {
            return Outcome::failed(fault.to_string());
        }
        match self.carried_out(&task.step.service, Verb::Start, deadline_ms) {
            OrderOutcome::Done(detail) => Outcome::done(format!("{detail}{}", without(&task.without))),
            OrderOutcome::Failed(why) => Outcome::failed(why),
            OrderOutcome::NotBegun(why) => Outcome::failed(format!("nothing was begun: {why}")),
            OrderOutcome::InDoubt(why) => Outcome::found(Found::Unknown, why),
        }
    }

    /// It was begun, and its outcome is not on disk.
    pub(super) fn settle_driven(&self, task: &Task, service: &Service) -> Outcome {
        if service.start_class == StartClass::Once {
            return match self.is_drawn(task) {
                // The number is drawn before anything leaves.
                Ok(false) => Outcome::found(Found::NotDone, "it has not begun"),
                Ok(true) => self.doubt_once(task),
                Err(fault) => Outcome::failed(fault.to_string()),
            };
        }
        match act::looked_at(self.world, self.estate, &task.step.service, SETTLE_MS) {
            Err(why) => {
                Outcome::found(Found::Unknown, format!("it may have begun, and nobody can look: {why}"))
            }
            Ok((read, said)) => match read.standing {
                UnitState::Up => Outcome::found(Found::Done, said),
                UnitState::Down | UnitState::Failed => Outcome::found(Found::NotDone, said),
                UnitState::Moving | UnitState::Missing | UnitState::NotKnown => {
                    Outcome::found(Found::Unknown, said)
                }
            },
        }
    }

    fn doubt_once(&self, task: &Task) -> Outcome {
        let is_job = self.estate.services.get(&task.step.service).is_some_and(Service::is_job);
        match act::looked_at(self.world, self.estate, &task.step.service, SETTLE_MS) {
            Ok((read, said)) if read.standing == UnitState::Up && !is_job => {
                Outcome::found(Found::Done, said)
            }
            Ok((_, said)) => Outcome::found(Found::Unknown, format!("it may have begun; {said}")),
            Err(why) => {
                Outcome::found(Found::Unknown, format!("it may have begun, and nobody can look: {why}"))
            }
        }
    }

    pub(super) fn stop_driven(&self, stop: &Stop) -> Outcome {
        match self.carried_out(&stop.service, Verb::Stop, STOP_MS) {
            OrderOutcome::Done(_) => Outcome::Stopped,
            OrderOutcome::Failed(why) | OrderOutcome::NotBegun(why) | OrderOutcome::InDoubt(why) => {
                Outcome::NotStopped { why }
            }
        }
    }

    /// Why it does not run as far as its host says, which is all that is known of it where it has no gate.
    pub(super) fn driven_is_down(&self, id: &Id) -> Option<String> {
        match act::looked_at(self.world, self.estate, id, 0) {
            Ok((read, _)) if read.standing == UnitState::Up => None,
            Ok((_, said)) => Some(said),
            Err(why) => Some(why),
        }
    }

    /// It runs, or may run for all that is known: what it works on must not be swapped under it.
    pub(super) fn driven_may_run(&self, id: &Id) -> Option<String> {
        match act::looked_at(self.world, self.estate, id, 0) {
            Ok((read, said)) => match read.standing {
                UnitState::Down | UnitState::Failed | UnitState::Missing => None,
                UnitState::Up | UnitState::Moving | UnitState::NotKnown => {
                    Some(format!("{said}; stop it first"))
                }
            },
            Err(why) => Some(format!("whether it runs is not known: {why}")),
        }
    }
}
