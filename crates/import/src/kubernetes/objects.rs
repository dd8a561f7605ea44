//! From documents to the objects of a cluster, by kind.

use std::collections::{BTreeMap, HashMap};

use super::super::yaml::{self, Node, Value};
use super::super::{Draft, Origin, Unreadable};
use super::Options;
use super::gather::Text;
use estate::finding::Grade;
use estate::shown;

/// Something that runs pods.
pub(super) struct Workload {
    pub(super) sort: Sort,
    pub(super) name: String,
    pub(super) namespace: String,
    /// The namespace of what names none is left out of names.
    pub(super) usual_namespace: bool,
    /// Another workload of the namespace has this name too.
    pub(super) twin: bool,
    pub(super) node: Node,
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Job,
    CronJob,
    Pod,
}

impl Sort {
    const ALL: [(&str, Sort); 8] = [
        ("Deployment", Sort::Deployment),
        ("StatefulSet", Sort::StatefulSet),
        ("DaemonSet", Sort::DaemonSet),
        ("ReplicaSet", Sort::ReplicaSet),
        ("ReplicationController", Sort::ReplicationController),
        ("Job", Sort::Job),
        ("CronJob", Sort::CronJob),
        ("Pod", Sort::Pod),
    ];

    /// As `kubectl` calls it.
    pub(super) fn word(self) -> String {
        Sort::ALL.iter().find(|(_, sort)| *sort == self).map_or("", |(word, _)| word).to_lowercase()
    }
}

impl Workload {
    /// What it is called in the estate: `web`, `web.shop`, and `web.shop job` beside a Deployment of that name.
    pub(super) fn called(&self) -> String {
        let mut name = self.name.clone();
        if !self.usual_namespace {
            name = format!("{name}.{}", self.namespace);
        }
        if self.twin { format!("{name} {}", self.sort.word()) } else { name }
    }

    /// The pod's part of the object.
    pub(super) fn pod(&self) -> Option<&Node> {
        match self.sort {
            Sort::Pod => self.node.get("spec"),
            Sort::CronJob => self.node.at(&["spec", "jobTemplate", "spec", "template", "spec"]),
            _ => self.node.at(&["spec", "template", "spec"]),
        }
    }

    fn pod_labels(&self) -> Vec<(&str, &str)> {
        let labels = match self.sort {
            Sort::Pod => self.node.at(&["metadata", "labels"]),
            Sort::CronJob => self.node.at(&["spec", "jobTemplate", "spec", "template", "metadata", "labels"]),
            _ => self.node.at(&["spec", "template", "metadata", "labels"]),
        };
        pairs(labels)
    }

    /// How many it has when it is up. In an export that was made after it was stopped it is scaled to 0: then what was applied
    /// last counts, or one.
    pub(super) fn replicas(&self) -> u64 {
        let up = self.stated_replicas().filter(|replicas| *replicas > 0);
        up.or_else(|| self.applied_replicas()).unwrap_or(1).min(100_000)
    }

    /// As the export says.
    pub(super) fn is_scaled_to_zero(&self) -> bool {
        self.stated_replicas() == Some(0)
    }

    fn stated_replicas(&self) -> Option<u64> {
        self.node.at(&["spec", "replicas"]).and_then(Node::as_text).and_then(|text| text.parse().ok())
    }

    /// By `kubectl apply`, which writes down what it was given.
    pub(super) fn applied_replicas(&self) -> Option<u64> {
        let annotations = pairs(self.node.at(&["metadata", "annotations"]));
        let (_, text) = annotations
            .into_iter()
            .find(|(key, _)| *key == "kubectl.kubernetes.io/last-applied-configuration")?;
        let applied: serde_json::Value = serde_json::from_str(text).ok()?;
        applied["spec"]["replicas"].as_u64().filter(|replicas| *replicas > 0)
    }

    /// Containers with their kind: those that have to end first, then those that stay.
    pub(super) fn containers(&self) -> impl Iterator<Item = (Stage, &Node)> {
        let of = |field: &'static str, stage: Stage| {
            let list = self.pod().and_then(|pod| pod.get(field)).and_then(Node::as_list).unwrap_or_default();
            list.iter().map(move |node| (stage, node))
        };
        of("initContainers", Stage::Before).chain(of("containers", Stage::Running))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Before,
    Running,
}

/// A Service object: a name under which pods are reached.
pub(super) struct Reached {
    pub(super) name: String,
    pub(super) namespace: String,
    /// The workloads behind it.
    pub(super) workloads: Vec<usize>,
    pub(super) node: Node,
    pub(super) origin: Origin,
}

/// Everything of a cluster that says something about an estate.
#[derive(Default)]
pub(super) struct Cluster {
    pub(super) workloads: Vec<Workload>,
    pub(super) services: Vec<Reached>,
    /// By namespace and name.
    pub(super) config_maps: HashMap<(String, String), Node>,
    pub(super) claims: HashMap<(String, String), Node>,
    /// Value of a priority class by name, and the class of what names none.
    pub(super) priorities: BTreeMap<String, i64>,
    pub(super) usual_priority: Option<String>,
    pub(super) ingresses: Vec<(String, Node)>,
    /// For every workload the Services that lead to it.
    pub(super) reached_by: Vec<Vec<usize>>,
}

/// Kinds that say nothing about who needs whom. Their content is not looked at.
const SILENT: [&str; 34] = [
    "Namespace",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "Secret",
    "Event",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "LimitRange",
    "ResourceQuota",
    "StorageClass",
    "PersistentVolume",
    "VolumeAttachment",
    "CSIDriver",
    "CSINode",
    "CSIStorageCapacity",
    "Endpoints",
    "EndpointSlice",
    "Lease",
    "Node",
    "ControllerRevision",
    "PodTemplate",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "APIService",
    "IngressClass",
    "RuntimeClass",
    "PodSecurityPolicy",
    "ValidatingAdmissionPolicy",
    "ComponentStatus",
];

/// Most values of one file: ten thousand workloads as `kubectl get -o yaml` prints them have a fifth of it.
const VALUES_MAX: usize = 20_000_000;

/// Reads every document of every file.
pub(super) fn read(texts: &[Text], options: &Options, draft: &mut Draft) -> Result<Cluster, Unreadable> {
    let mut sorted =
        Sorted { cluster: Cluster::default(), owned: Vec::new(), unknown: BTreeMap::new(), options };
    for text in texts {
        for document in documents(text)? {
            sorted.document(document)?;
        }
    }
    sorted.take_orphans();
    let mut cluster = sorted.cluster;
    if !sorted.unknown.is_empty() {
        let kinds: Vec<String> =
            sorted.unknown.iter().map(|(kind, (count, _))| format!("{count} {}", shown(kind))).collect();
        let origin = sorted.unknown.values().next().map(|(_, origin)| origin.clone());
        draft.note(
            Grade::Serious,
            "kubernetes-unknown-kind",
            origin.as_ref(),
            format!("objects of kinds that are not known here: {}", kinds.join(", ")),
            "if an operator turns them into workloads (databases often are), those are missing",
            "import what `kubectl get all -A -o yaml` prints: there the workloads stand themselves",
        );
    }
    if cluster.workloads.is_empty() {
        let origin = Origin::file(texts.first().map_or("", |text| &text.name));
        return Err(Unreadable::new(
            &origin,
            "no workload is in these manifests (Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod)",
            "name the manifests of workloads, or what `kubectl get all -A -o yaml` prints",
        ));
    }
    tell_twins_apart(&mut cluster, draft);
    connect(&mut cluster);
    Ok(cluster)
}

fn documents(text: &Text) -> Result<Vec<Node>, Unreadable> {
    yaml::read_up_to(&text.name, &text.text, VALUES_MAX).map_err(|fault| template(text).unwrap_or(fault))
}

/// A template that was not rendered is no YAML; that is the thing to say about it.
fn template(text: &Text) -> Option<Unreadable> {
    let line = text.text.lines().position(|line| line.contains("{{"))?;
    Some(unrendered(&Origin::new(&text.name, line + 1)))
}

fn unrendered(origin: &Origin) -> Unreadable {
    Unreadable::new(
        origin,
        "this is a template (`{{`), not a manifest: what would run is not known yet",
        "render it first: `helm template CHART > all.yaml` or `kubectl kustomize FOLDER > all.yaml`, then import that",
    )
}

struct Sorted<'w> {
    cluster: Cluster,
    /// Made by a controller, with the kind and name of their owner.
    owned: Vec<(Workload, (Sort, String))>,
    unknown: BTreeMap<String, (usize, Origin)>,
    options: &'w Options,
}

impl Sorted<'_> {
    fn document(&mut self, node: Node) -> Result<(), Unreadable> {
        let kind = node.get("kind").and_then(Node::as_text).unwrap_or_default().to_owned();
        let holds_items = kind.ends_with("List") && node.get("items").and_then(Node::as_list).is_some();
        if node.is_null() || node.as_list().is_some() || holds_items {
            return items(node).into_iter().try_for_each(|item| self.document(item));
        }
        let text = |path: &[&str]| node.at(path).and_then(Node::as_text).unwrap_or_default().to_owned();
        let (name, namespace) = (text(&["metadata", "name"]), text(&["metadata", "namespace"]));
        if [&kind, &name, &namespace].into_iter().any(|text| text.contains("{{")) {
            return Err(unrendered(&node.origin));
        }
        if kind == "Kustomization" {
            return Err(Unreadable::new(
                &node.origin,
                "this is a kustomization, not a manifest: what would run is not known yet",
                "render it first: `kubectl kustomize FOLDER > all.yaml`, then import that",
            ));
        }
        let namespace = if namespace.is_empty() { self.options.namespace.clone() } else { namespace };
        self.object(kind, name, namespace, node);
        Ok(())
    }

    fn object(&mut self, kind: String, name: String, namespace: String, node: Node) {
        if let Some((_, sort)) = Sort::ALL.iter().find(|(word, _)| *word == kind) {
            let usual_namespace = namespace == self.options.namespace;
            let (owner, origin) = (owner(&node), node.origin.clone());
            let workload =
                Workload { sort: *sort, name, namespace, usual_namespace, twin: false, node, origin };
            match owner {
                _ if workload.name.is_empty() => {}
                Some(owner) => self.owned.push((workload, owner)),
                None => self.cluster.workloads.push(workload),
            }
            return;
        }
        let cluster = &mut self.cluster;
        match kind.as_str() {
            "Service" => {
                let origin = node.origin.clone();
                cluster.services.push(Reached { name, namespace, workloads: Vec::new(), node, origin });
            }
            "ConfigMap" => drop(cluster.config_maps.insert((namespace, name), node)),
            "PersistentVolumeClaim" => drop(cluster.claims.insert((namespace, name), node)),
            "PriorityClass" => {
                let value =
                    node.get("value").and_then(Node::as_text).and_then(|text| text.parse().ok()).unwrap_or(0);
                if node.get("globalDefault").and_then(Node::as_text) == Some("true") {
                    cluster.usual_priority = Some(name.clone());
                }
                cluster.priorities.insert(name, value);
            }
            "Ingress" => cluster.ingresses.push((namespace, node)),
            silent if SILENT.contains(&silent) => {}
            _ => {
                let kind = if kind.is_empty() { "without `kind`".to_owned() } else { kind };
                let known = self.unknown.entry(kind).or_insert_with(|| (0, node.origin.clone()));
                known.0 += 1;
            }
        }
    }
}

impl Sorted<'_> {
    /// What a controller made is a workload of its own only if its owner is not here, as in a dump of pods alone:
    /// then one of them stands for all, under the owner's name.
    fn take_orphans(&mut self) {
        let all = self.cluster.workloads.iter().chain(self.owned.iter().map(|(workload, _)| workload));
        let mut here: std::collections::BTreeSet<(String, Sort, String)> =
            all.map(|workload| (workload.namespace.clone(), workload.sort, workload.name.clone())).collect();
        for (mut workload, (sort, owner)) in std::mem::take(&mut self.owned) {
            if here.insert((workload.namespace.clone(), sort, owner.clone())) {
                workload.name = owner;
                self.cluster.workloads.push(workload);
            }
        }
    }
}

/// What a list holds.
fn items(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(list) => list,
        Value::Map(mut map) => map.remove("items").map(items).unwrap_or_default(),
        Value::Text { .. } => Vec::new(),
    }
}

/// The workload that made this one. Owners of other kinds (operators) do not count: what they make is kept.
fn owner(node: &Node) -> Option<(Sort, String)> {
    let owners = node.at(&["metadata", "ownerReferences"])?.as_list()?;
    owners.iter().find_map(|owner| {
        let kind = owner.get("kind")?.as_text()?;
        let (_, sort) = Sort::ALL.iter().find(|(word, _)| *word == kind)?;
        Some((*sort, owner.get("name")?.as_text()?.to_owned()))
    })
}

/// The same object twice (an overlay, a second dump): the last one counts, as `kubectl apply` would have it.
fn tell_twins_apart(cluster: &mut Cluster, draft: &mut Draft) {
    let mut last: BTreeMap<(String, String, Sort), usize> = BTreeMap::new();
    for (at, workload) in cluster.workloads.iter().enumerate() {
        let key = (workload.namespace.clone(), workload.name.clone(), workload.sort);
        if let Some(before) = last.insert(key, at) {
            let before = &cluster.workloads[before];
            draft.note(
                Grade::Serious,
                "kubernetes-twice",
                Some(&workload.origin),
                format!(
                    "{} {} is at {} and again at {}",
                    workload.sort.word(),
                    shown(&workload.name),
                    before.origin,
                    workload.origin
                ),
                "the later one was taken",
                "import one overlay at a time",
            );
        }
    }
    let kept: std::collections::BTreeSet<usize> = last.into_values().collect();
    let mut at = 0;
    cluster.workloads.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
    let mut sorts: BTreeMap<(String, String), Vec<Sort>> = BTreeMap::new();
    for workload in &cluster.workloads {
        sorts.entry((workload.namespace.clone(), workload.name.clone())).or_default().push(workload.sort);
    }
    for workload in &mut cluster.workloads {
        let sorts = &sorts[&(workload.namespace.clone(), workload.name.clone())];
        workload.twin = sorts.iter().min() != Some(&workload.sort);
    }
}

/// Labels that no template states: the controller of a StatefulSet gives them to each of its pods (Kubernetes documentation,
/// StatefulSet, "Pod name label").
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The StatefulSet whose pod is called so: `cache-server-2` is one of `cache-server`.
fn set_of_pod(workloads: &[Workload], namespace: &str, pod: &str) -> Vec<usize> {
    let is_ordinal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((set, _)) = pod.rsplit_once('-').filter(|(_, ordinal)| is_ordinal(ordinal)) else {
        return Vec::new();
    };
    let is_it = |workload: &Workload| {
        workload.sort == Sort::StatefulSet && workload.namespace == namespace && workload.name == set
    };
    workloads.iter().enumerate().filter(|(_, workload)| is_it(workload)).map(|(at, _)| at).collect()
}

/// Finds the workloads behind every Service object by its selector.
fn connect(cluster: &mut Cluster) {
    let mut by_label: HashMap<(&str, &str, &str), Vec<usize>> = HashMap::new();
    for (at, workload) in cluster.workloads.iter().enumerate() {
        for (key, value) in workload.pod_labels() {
            by_label.entry((&workload.namespace, key, value)).or_default().push(at);
        }
    }
    let found: Vec<Vec<usize>> = cluster
        .services
        .iter()
        .map(|service| {
            let namespace = service.namespace.as_str();
            let selector = pairs(service.node.at(&["spec", "selector"]));
            // The ordinal selects one pod of a set; whose set it is, the others say.
            let mut sets =
                selector.iter().filter(|(key, _)| *key != POD_INDEX).map(|(key, value)| match *key {
                    POD_NAME => set_of_pod(&cluster.workloads, namespace, value),
                    key => by_label.get(&(namespace, key, *value)).cloned().unwrap_or_default(),
                });
            let Some(first) = sets.next() else { return Vec::new() };
            let rest: Vec<Vec<usize>> = sets.collect();
            first.into_iter().filter(|at| rest.iter().all(|set| set.binary_search(at).is_ok())).collect()
        })
        .collect();
    cluster.reached_by = vec![Vec::new(); cluster.workloads.len()];
    for (at, (service, workloads)) in cluster.services.iter_mut().zip(found).enumerate() {
        workloads.iter().for_each(|workload| cluster.reached_by[*workload].push(at));
        service.workloads = workloads;
    }
}

/// The texts of a map.
pub(super) fn pairs(node: Option<&Node>) -> Vec<(&str, &str)> {
    let map = node.and_then(Node::as_map);
    map.into_iter()
        .flat_map(|map| map.iter())
        .filter_map(|entry| Some((entry.key.as_str(), entry.node.as_text()?)))
        .collect()
}
