//! How does a later layer (another `-f` file, an extending service) change an earlier one?
//!
//! Single values are replaced, maps are merged, lists appended; commands and health checks are replaced whole;
//! volumes are one for each target, and lists of `NAME=value` count as maps. `!reset` takes something away,
//! `!override` replaces it whole. Forms that mean the same are brought into one first (`normal`).

use std::collections::BTreeSet;

use super::super::origin::Origin;
use super::super::yaml::{Map, Node, Value};

/// Fields that may be lists of `NAME=value` (or `name:value`) and mean maps.
const PAIRS: [&str; 6] = ["environment", "labels", "annotations", "sysctls", "extra_hosts", "args"];
/// Lists that are replaced, not appended.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// Tag of a condition that only the short form of `depends_on` implies. No file can write it: tags begin with `!`.
pub const IMPLIED: &str = "implied";

/// Brings a service into the one form in which layers can be merged. Answers with the entries that fit into none, by
/// the name of their field.
pub fn normal(service: &mut Map) -> Vec<(&'static str, Origin)> {
    let mut lost = Vec::new();
    for name in PAIRS {
        if let Some(node) = service.get_mut(name) {
            lost.extend(pairs(node, name == "extra_hosts").into_iter().map(|origin| (name, origin)));
        }
    }
    for (name, field, value) in [("depends_on", "condition", Some("service_started")), ("networks", "", None)]
    {
        if let Some(node) = service.get_mut(name) {
            lost.extend(by_name(node, field, value).into_iter().map(|origin| (name, origin)));
        }
    }
    for name in ["env_file", "profiles", "tmpfs", "dns", "links", "volumes", "ports", "expose"] {
        if let Some(node) = service.get_mut(name) {
            listed(node);
        }
    }
    lost
}

/// `[A=1, B]` as `{A: 1, B: null}`.
fn pairs(node: &mut Node, colon: bool) -> Vec<Origin> {
    let Value::List(list) = &node.value else { return Vec::new() };
    let (mut map, mut lost) = (Map::default(), Vec::new());
    for entry in list {
        let Some(text) = entry.as_text() else {
            lost.push(entry.origin.clone());
            continue;
        };
        let split = text.split_once('=').or_else(|| if colon { text.split_once(':') } else { None });
        let mut value = match split {
            Some((_, value)) => Node::text(value, &entry.origin),
            None => Node::null(&entry.origin),
        };
        value.unset.clone_from(&entry.unset);
        map.insert(split.map_or(text, |(name, _)| name).trim(), &entry.origin, value);
    }
    node.value = Value::Map(map);
    lost
}

/// `[a, b]` as `{a: {field: value}, b: …}`, with empty values where there is no field.
fn by_name(node: &mut Node, field: &str, value: Option<&str>) -> Vec<Origin> {
    let Value::List(list) = &node.value else { return Vec::new() };
    let (mut map, mut lost) = (Map::default(), Vec::new());
    for entry in list {
        let Some(name) = entry.as_text() else {
            lost.push(entry.origin.clone());
            continue;
        };
        let inner = match value {
            Some(value) => {
                let mut inner = Map::default();
                let value = Node { tag: Some(IMPLIED.into()), ..Node::text(value, &entry.origin) };
                inner.insert(field, &entry.origin, value);
                Node::map(inner, &entry.origin)
            }
            None => Node::null(&entry.origin),
        };
        map.insert(name, &entry.origin, inner);
    }
    node.value = Value::Map(map);
    lost
}

/// A single text as a list of one.
fn listed(node: &mut Node) {
    if matches!(node.value, Value::Text { .. }) && !node.is_null() {
        let alone = Node { tag: None, ..node.clone() };
        node.value = Value::List(vec![alone]);
    }
}

/// `over` on top of `base`.
pub fn merge(base: &mut Map, over: Map) {
    for entry in over.into_entries() {
        let (key, origin, mut node) = (entry.key, entry.origin, entry.node);
        match node.tag.as_deref() {
            Some("!reset") => {
                base.remove(&key);
                continue;
            }
            Some("!override") => {
                node.tag = None;
                base.insert(key, &origin, node);
                continue;
            }
            _ => {}
        }
        match base.get_mut(&key) {
            Some(below) => one(&key, below, node),
            None => base.insert(key, &origin, node),
        }
    }
}

fn one(key: &str, below: &mut Node, over: Node) {
    if below.tag.take().as_deref() == Some("!reset") {
        below.value = Node::null(&below.origin).value;
    }
    if over.is_null() && !below.is_null() && !matches!(below.value, Value::Text { .. }) {
        return;
    }
    let same_driver = |a: &Map, b: &Map| match (a.get("driver"), b.get("driver")) {
        (Some(a), Some(b)) => a.as_text() == b.as_text(),
        _ => true,
    };
    let Node { value, origin, tag, unset } = over;
    match (&mut below.value, value) {
        (Value::Map(a), Value::Map(b)) if key != "logging" || same_driver(a, &b) => merge(a, b),
        (Value::List(a), Value::List(b)) if !REPLACED.contains(&key) => append(key, a, b),
        (_, value) => *below = Node { value, origin, tag, unset },
    }
}

fn append(key: &str, below: &mut Vec<Node>, over: Vec<Node>) {
    below.extend(over);
    let mut seen = BTreeSet::new();
    // The last of those that mean the same counts, at the place of the last.
    let mut kept: Vec<Node> = Vec::with_capacity(below.len());
    for node in below.drain(..).rev() {
        let name = identity(key, &node);
        if name.is_none_or(|name| seen.insert(name)) {
            kept.push(node);
        }
    }
    kept.reverse();
    *below = kept;
}

/// What makes two entries of a list the same one.
fn identity(key: &str, node: &Node) -> Option<String> {
    let text = node.as_text();
    let field = |name: &str| node.get(name).and_then(Node::as_text).map(str::to_owned);
    match key {
        "volumes" => text.map(|text| volume_target(text).to_owned()).or_else(|| field("target")),
        "configs" | "secrets" => {
            text.map(str::to_owned).or_else(|| field("target")).or_else(|| field("source"))
        }
        "env_file" => text.map(str::to_owned).or_else(|| field("path")),
        _ => text.map(str::to_owned),
    }
}

/// The path inside the container in `source:target:mode`.
pub fn volume_target(text: &str) -> &str {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [target] | [_, target] | [_, target, _] => target,
        // `C:\data:/data`
        [_, _, target, ..] => target,
        [] => text,
    }
}

/// Takes away what is left of `!reset` where there was nothing to reset. Done once, when all layers are merged.
pub fn clear(map: &mut Map) {
    map.retain(|entry| entry.node.tag.as_deref() != Some("!reset"));
    for inner in map.values_mut() {
        match &mut inner.value {
            Value::Map(map) => clear(map),
            Value::List(list) => list.retain(|inner| inner.tag.as_deref() != Some("!reset")),
            Value::Text { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::yaml;
    use super::*;

    fn map(text: &str) -> Map {
        let node = yaml::read("a", text).unwrap().remove(0);
        let Value::Map(mut map) = node.value else { panic!("a map") };
        normal(&mut map);
        map
    }

    fn merged(base: &str, over: &str) -> Node {
        let mut below = map(base);
        merge(&mut below, map(over));
        clear(&mut below);
        Node::map(below, &Origin::file("a"))
    }

    fn list(node: &Node, key: &str) -> Vec<String> {
        let list = node.get(key).and_then(Node::as_list).unwrap_or_default();
        list.iter().map(|entry| entry.as_text().unwrap_or("-").to_owned()).collect()
    }

    #[test]
    fn values_are_replaced_maps_merged_and_lists_appended() {
        let node = merged(
            "image: a\nenvironment: [A=1, B=2]\nports: ['80']\ncommand: [x, y]\ndepends_on: [a]\n",
            "image: b\nenvironment: {B: 3, C: }\nports: ['80', '81']\ncommand: [z]\ndepends_on: {b: {condition: service_healthy}}\n",
        );
        assert_eq!(node.get("image").unwrap().as_text(), Some("b"));
        assert_eq!(node.at(&["environment", "A"]).unwrap().as_text(), Some("1"));
        assert_eq!(node.at(&["environment", "B"]).unwrap().as_text(), Some("3"));
        assert_eq!(list(&node, "ports"), ["80", "81"]);
        assert_eq!(list(&node, "command"), ["z"]);
        assert_eq!(node.at(&["depends_on", "a", "condition"]).unwrap().as_text(), Some("service_started"));
        assert!(node.at(&["depends_on", "b"]).is_some());
    }

    #[test]
    fn volumes_are_one_for_each_target() {
        let node = merged("volumes: [a:/data, b:/logs:ro]\n", "volumes: [c:/data]\n");
        assert_eq!(list(&node, "volumes"), ["b:/logs:ro", "c:/data"]);
    }

    #[test]
    fn reset_takes_away_and_override_replaces() {
        let node = merged(
            "ports: ['80']\nvolumes: [a:/a]\nenvironment: {A: 1, B: 2}\n",
            "ports: !reset []\nvolumes: !override [b:/b]\nenvironment: {A: !reset null}\nexpose: !reset ['1']\n",
        );
        assert!(node.get("ports").is_none() && node.get("expose").is_none());
        assert_eq!(list(&node, "volumes"), ["b:/b"]);
        assert!(node.at(&["environment", "A"]).is_none() && node.at(&["environment", "B"]).is_some());
    }

    #[test]
    fn an_empty_layer_changes_nothing() {
        let node = merged("healthcheck: {test: x}\nenvironment: {A: 1}\n", "healthcheck:\nenvironment:\n");
        assert!(node.at(&["healthcheck", "test"]).is_some() && node.at(&["environment", "A"]).is_some());
    }
}
