//! How a service stands after what was recorded of it: the one table. Three kinds of entries move it: a step of its own, a stop, and
//! a person who lets a failed one be tried again.
//!
//! | moved by | from | to |
//! |---|---|---|
//! | start waits, is begun, is done | any | stopped, starting, running |
//! | gate waits or is begun, is passed | any | running, healthy |
//! | start or gate fails, or a person has to say | any | failed, held |
//! | admission waits, is begun, fails or is held; is done | any | healthy; admitted |
//! | stopped | any but stopped | stopped |
//! | stopped | stopped | not allowed |
//! | let be tried again | failed | running, where a process of it is known, else stopped |
//! | let be tried again | any other | the same |
//!
//! Which step may move when is the table of `step`; a move that it forbids never comes here.

use serde::Serialize;

use super::step::State;
use crate::plan::file::StepKind;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    #[default]
    Stopped,
    Starting,
    /// Its process is there (or its job has ended well); not known to be healthy.
    Running,
    /// Its gate was passed.
    Healthy,
    /// Load is let in.
    Admitted,
    /// Its start or gate failed; if it still runs it is about to be stopped.
    Failed,
    /// A person has to say whether it was started.
    Held,
}

/// What moves a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceMove {
    /// A step of this kind has come to this state.
    Step(StepKind, State),
    Stopped,
    /// `runs`: a process of it is known.
    LetTryAgain {
        runs: bool,
    },
}

impl ServiceState {
    /// `None`: what moved says nothing about a service, as a step of a store; or it is not allowed, as the stop of one that
    /// nothing has started.
    pub(super) fn after(self, moved: ServiceMove) -> Option<ServiceState> {
        let (kind, state) = match moved {
            ServiceMove::Stopped if self == ServiceState::Stopped => return None,
            ServiceMove::Stopped => return Some(ServiceState::Stopped),
            ServiceMove::LetTryAgain { runs } => {
                return Some(match (self, runs) {
                    (ServiceState::Failed, true) => ServiceState::Running,
                    (ServiceState::Failed, false) => ServiceState::Stopped,
                    (same, _) => same,
                });
            }
            ServiceMove::Step(kind, state) => (kind, state),
        };
        match (kind, state) {
            (StepKind::Verify | StepKind::Restore, _) => None,
            (StepKind::Start, State::Waiting) => Some(ServiceState::Stopped),
            (StepKind::Start, State::Intended) => Some(ServiceState::Starting),
            (StepKind::Start, State::Done) => Some(ServiceState::Running),
            (StepKind::Gate, State::Waiting | State::Intended) => Some(ServiceState::Running),
            (StepKind::Gate, State::Done) => Some(ServiceState::Healthy),
            (StepKind::Start | StepKind::Gate, State::Failed) => Some(ServiceState::Failed),
            (StepKind::Start | StepKind::Gate, State::Held) => Some(ServiceState::Held),
            (StepKind::Admit, State::Waiting | State::Intended | State::Failed | State::Held) => {
                Some(ServiceState::Healthy)
            }
            (StepKind::Admit, State::Done) => Some(ServiceState::Admitted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failed_service_is_moved_by_being_let_go_on_and_a_stop_stops_what_was_started() {
        let all = [
            ServiceState::Stopped,
            ServiceState::Starting,
            ServiceState::Running,
            ServiceState::Healthy,
            ServiceState::Admitted,
            ServiceState::Failed,
            ServiceState::Held,
        ];
        for state in all {
            let stopped = (state != ServiceState::Stopped).then_some(ServiceState::Stopped);
            assert_eq!(state.after(ServiceMove::Stopped), stopped);
            for runs in [false, true] {
                let expected = match (state, runs) {
                    (ServiceState::Failed, true) => ServiceState::Running,
                    (ServiceState::Failed, false) => ServiceState::Stopped,
                    _ => state,
                };
                assert_eq!(state.after(ServiceMove::LetTryAgain { runs }), Some(expected));
            }
            assert_eq!(state.after(ServiceMove::Step(StepKind::Restore, State::Done)), None);
        }
    }
}
