//! Which services do Kubernetes manifests describe, and what do they say about each other?
//!
//! Reads manifests (several documents, lists, JSON) and what `kubectl get -o yaml` prints. Kubernetes has no field
//! for "needs", so every dependency between services is a proposal, with where it was seen; only volumes are stated.
//! Of secrets nothing is read but their names. Answers with a draft. Records nothing.
//!
//! - `gather`: the texts, from disk; the only part that touches the world.
//! - `objects`: from documents to objects, by kind. `quantity`: sizes, cores.
//! - `workloads`: what a workload becomes. `gates`: its probes. `volumes`: its stores.
//! - `hints`: who is named in settings, commands and waiting loops.

mod gates;
pub mod gather;
mod hints;
mod objects;
mod quantity;
#[cfg(test)]
mod tests;
mod volumes;
mod workloads;

use super::names::Names;
use super::{Draft, Unreadable};
use estate::finding::Grade;
use estate::id::Kind;
use gather::Text;
use objects::Workload;

/// What the person who imports decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespace of what names none.
    pub namespace: String,
    pub start_by: StartBy,
}

impl Default for Options {
    fn default() -> Options {
        Options { namespace: "default".to_owned(), start_by: StartBy::Kubectl }
    }
}

/// How workloads are to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartBy {
    /// `kubectl scale`, from the machine on which Blackstart runs.
    Kubectl,
    /// By hand: no command is written.
    Hand,
}

/// From the texts of all files to a draft. Pure.
pub fn read(texts: &[Text], options: &Options) -> Result<Draft, Unreadable> {
    let mut draft = Draft::default();
    let cluster = objects::read(texts, options, &mut draft)?;
    let called: Vec<String> = cluster.workloads.iter().map(Workload::called).collect();
    let names = Names::new(Kind::Service, called.iter().map(String::as_str));
    let mut ids = Vec::with_capacity(called.len());
    for name in &called {
        ids.push(names.id(name).cloned().expect("every workload was given a name"));
    }
    workloads::enter(&cluster, &ids, options, &mut draft);
    volumes::enter(&cluster, &ids, &mut draft);
    hints::propose(&cluster, &ids, &mut draft);
    draft.note(
        Grade::Note,
        "kubernetes-no-needs",
        None,
        "manifests do not say who needs whom",
        "dependencies between services are proposed only, from addresses and waiting loops",
        "look through what is proposed and confirm what is true",
    );
    draft.normalise();
    Ok(draft)
}
