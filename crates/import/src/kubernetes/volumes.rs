//! Claims as stores: who mounts one waits for its data.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Origin;
use super::super::draft::Draft;
use super::super::names::Names;
use super::super::yaml::Node;
use super::objects::{Cluster, Workload};
use super::quantity;
use estate::finding::Grade;
use estate::id::{Id, Kind};
use estate::model::EdgeKind;

/// Of more workloads that share something, nothing follows any more.
const SHARERS_MAX: usize = 5;

struct Claim<'c> {
    /// The claim itself, with how many of it there are; not everything that is mounted is among the manifests.
    object: Option<(&'c Node, u64)>,
    origin: Origin,
    users: Vec<(usize, Origin, String)>,
}

pub(super) fn enter(cluster: &Cluster, ids: &[Id], draft: &mut Draft) {
    let mut claims: BTreeMap<String, Claim<'_>> = BTreeMap::new();
    let mut host_paths: Vec<String> = Vec::new();
    for (at, workload) in cluster.workloads.iter().enumerate() {
        mounted(cluster, at, workload, &mut claims, &mut host_paths);
        templates(at, workload, &mut claims);
    }
    let names = Names::new(Kind::Store, claims.keys().map(String::as_str));
    for (name, claim) in &claims {
        let Some(id) = names.id(name) else { continue };
        let size = claim.object.map_or(0, |(object, count)| size(name, object, draft).saturating_mul(count));
        let size = size.min(estate::NUMBER_MAX);
        let store = draft.store(id, name, &claim.origin);
        store.size = size;
        for (at, origin, by) in &claim.users {
            draft.declare(&ids[*at], id, EdgeKind::Data, by, origin);
        }
        let users: BTreeSet<usize> = claim.users.iter().map(|(at, ..)| *at).collect();
        let users: Vec<&Id> = users.into_iter().map(|at| &ids[at]).collect();
        shared(&format!("volume claim {name}"), &users, draft);
    }
    if !host_paths.is_empty() {
        let some: Vec<&str> = host_paths.iter().take(8).map(String::as_str).collect();
        draft.note(
            Grade::Serious,
            "kubernetes-host-path",
            None,
            format!("{} mounts are folders of the node itself: {}", host_paths.len(), some.join(", ")),
            "what lies there is not a store in the estate, so nobody restores it",
            "write down a store if it is data that must come back",
        );
    }
}

/// Two that use the same thing often depend on the one it belongs to; which that is, is a guess.
pub(super) fn shared(what: &str, users: &[&Id], draft: &mut Draft) {
    if users.len() < 2 || users.len() > SHARERS_MAX {
        return;
    }
    let keeps = |id: &Id| {
        let service = draft.estate.services.get(id);
        service.is_some_and(|service| {
            use crate::roles::{Role, role};
            role(&service.name, service.image.as_deref()) == Role::Keeps
        })
    };
    let owner = users.iter().find(|id| keeps(id)).copied();
    let (owner, confidence) = owner.map_or((users[0], 150), |owner| (owner, 250));
    for user in users.iter().filter(|user| **user != owner) {
        draft.propose(user, owner, EdgeKind::Soft, format!("both use the {what}"), confidence);
    }
}

fn full(name: &str, workload: &Workload) -> String {
    if workload.usual_namespace { name.to_owned() } else { format!("{name}.{}", workload.namespace) }
}

fn mounted<'c>(
    cluster: &'c Cluster,
    at: usize,
    workload: &Workload,
    claims: &mut BTreeMap<String, Claim<'c>>,
    host_paths: &mut Vec<String>,
) {
    let volumes =
        workload.pod().and_then(|pod| pod.get("volumes")).and_then(Node::as_list).unwrap_or_default();
    for volume in volumes {
        if let Some(path) = volume.at(&["hostPath", "path"]).and_then(Node::as_text) {
            // Sockets and the system's own folders are no data.
            let system = [
                "/var/run",
                "/run",
                "/proc",
                "/sys",
                "/dev",
                "/etc",
                "/lib",
                "/usr",
                "/var/log",
                "/var/lib/docker",
                "/var/lib/kubelet",
            ];
            if path != "/" && !system.iter().any(|folder| path.starts_with(folder)) {
                host_paths.push(format!("{path} ({})", volume.origin));
            }
        }
        let Some(name) = volume.at(&["persistentVolumeClaim", "claimName"]).and_then(Node::as_text) else {
            continue;
        };
        let object = cluster.claims.get(&(workload.namespace.clone(), name.to_owned()));
        let claim = claims.entry(full(name, workload)).or_insert_with(|| Claim {
            object: object.map(|object| (object, 1)),
            origin: object.map_or_else(|| volume.origin.clone(), |node| node.origin.clone()),
            users: Vec::new(),
        });
        claim.users.push((at, volume.origin.clone(), "persistentVolumeClaim".to_owned()));
    }
}

fn size(name: &str, claim: &Node, draft: &mut Draft) -> u64 {
    let asked = claim.at(&["spec", "resources", "requests", "storage"]);
    let called = format!("the size of the claim {name}");
    draft.read(asked, &called, "its size is taken to be unknown", quantity::mebibytes).unwrap_or(0)
}

/// A StatefulSet has a claim for each replica; together they are one store, because they are restored together.
fn templates<'c>(at: usize, workload: &'c Workload, claims: &mut BTreeMap<String, Claim<'c>>) {
    let templates =
        workload.node.at(&["spec", "volumeClaimTemplates"]).and_then(Node::as_list).unwrap_or_default();
    for template in templates {
        let Some(name) = template.at(&["metadata", "name"]).and_then(Node::as_text) else { continue };
        let claim =
            claims.entry(full(&format!("{name}-{}", workload.name), workload)).or_insert_with(|| Claim {
                object: Some((template, workload.replicas().max(1))),
                origin: template.origin.clone(),
                users: Vec::new(),
            });
        claim.users.push((at, template.origin.clone(), "volumeClaimTemplates".to_owned()));
    }
}
