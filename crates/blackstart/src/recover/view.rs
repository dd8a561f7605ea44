//! How far each step and each service has come, as the journal says.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::estate::Id;
use crate::incident::Entry;
use crate::incident::event::RecoverEvent;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub runs: BTreeMap<String, String>,
    pub parked: BTreeMap<Id, Id>,
}

impl View {
    /// `Err` says which move the table does not allow; the view is left as it was.
    pub(crate) fn apply(&mut self, _entry: &Entry, event: &RecoverEvent) -> Result<(), String> {
        if let RecoverEvent::RunBegun { run, plan, .. } = event {
            self.runs.insert(run.clone(), plan.clone());
        }
        Ok(())
    }
}
