//! YAML as a tree in which every value knows its line.
//!
//! Only events come from the library; the tree is ours, because three things must hold on hostile files: an
//! anchor that contains itself is an error and no endless tree, aliases of aliases ("a billion laughs") stop at a
//! limit before they fill the memory, and a key that stands twice is an error that names both lines. Values stay
//! texts: whether `yes` or `1.10` is more than that, the reader of the field decides. Merge keys (`<<`) are
//! resolved here.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::brackets;
use super::fault::Unreadable;
use super::origin::Origin;

/// Deepest nesting. Real files have ten levels; walking a tree uses the stack.
const DEPTH_MAX: usize = 64;
/// Most values in one file with all aliases written out; 32 bytes of text weigh as much as one value.
const WEIGHT_MAX: usize = 2_000_000;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub origin: Origin,
    /// A tag other than those of YAML itself, for example `!reset`.
    pub tag: Option<Box<str>>,
    /// Variables that the text refers to and that nobody has set. Filled where variables are resolved.
    pub unset: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `plain`: without quotes, so that `null` and `true` may mean more than their letters.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Map),
}

/// Keys in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    entries: Vec<Entry>,
    /// Only of large maps: position by key.
    index: Option<HashMap<String, usize>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    /// Where the key stands.
    pub origin: Origin,
    pub node: Node,
}

impl Node {
    pub fn text(text: impl Into<String>, origin: &Origin) -> Node {
        let value = Value::Text { text: text.into(), plain: false };
        Node { value, origin: origin.clone(), tag: None, unset: Vec::new() }
    }

    pub fn null(origin: &Origin) -> Node {
        let value = Value::Text { text: String::new(), plain: true };
        Node { value, origin: origin.clone(), tag: None, unset: Vec::new() }
    }

    pub fn map(map: Map, origin: &Origin) -> Node {
        Node { value: Value::Map(map), origin: origin.clone(), tag: None, unset: Vec::new() }
    }

    pub fn is_null(&self) -> bool {
        match &self.value {
            Value::Text { text, plain } => {
                *plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Value::List(_) | Value::Map(_) => false,
        }
    }

    /// The letters of a text, a number, a truth value. `None`: null, a list or a map.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } if !self.is_null() => Some(text),
            Value::Text { .. } | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(list) => Some(list),
            Value::Text { .. } | Value::Map(_) => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            Value::Text { .. } | Value::List(_) => None,
        }
    }

    /// The value under a key; `None` also if this is no map or the value is null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key).filter(|node| !node.is_null())
    }

    /// `get` for each of several keys in turn.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// What it is, for messages.
    pub fn sort(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "empty",
            Value::Text { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

const INDEXED_FROM: usize = 16;

impl Map {
    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|entry| entry.key == key),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        Some(&self.entries[self.position(key)?])
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let at = self.position(key)?;
        Some(&mut self.entries[at].node)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.entries.into_iter()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.entries.iter_mut().map(|entry| &mut entry.node)
    }

    /// The values with their keys.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.entries.iter_mut().map(|entry| (entry.key.as_str(), &mut entry.node))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a key; one that is there keeps its place in the order.
    pub fn insert(&mut self, key: impl Into<String>, origin: &Origin, node: Node) {
        let key = key.into();
        if let Some(at) = self.position(&key) {
            self.entries[at].node = node;
            return;
        }
        if let Some(index) = &mut self.index {
            index.insert(key.clone(), self.entries.len());
        }
        self.entries.push(Entry { key, origin: origin.clone(), node });
        if self.index.is_none() && self.entries.len() >= INDEXED_FROM {
            self.reindex();
        }
    }

    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.position(key)?;
        let entry = self.entries.remove(at);
        self.index = None;
        if self.entries.len() >= INDEXED_FROM {
            self.reindex();
        }
        Some(entry.node)
    }

    /// Leaves only the entries that fit.
    pub fn retain(&mut self, fits: impl FnMut(&Entry) -> bool) {
        self.entries.retain(fits);
        self.index = None;
        if self.entries.len() >= INDEXED_FROM {
            self.reindex();
        }
    }

    fn reindex(&mut self) {
        let positions = self.entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at));
        self.index = Some(positions.collect());
    }
}

/// Every document of a file. An empty file has none.
pub fn read(name: &str, text: &str) -> Result<Vec<Node>, Unreadable> {
    read_up_to(name, text, WEIGHT_MAX)
}

/// The same for files that may hold more: the dump of a large cluster.
pub fn read_up_to(name: &str, text: &str, weight_max: usize) -> Result<Vec<Node>, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match documents(name, text, weight_max) {
        Err(fault) if fault.what.contains("indentation") => {
            documents(name, &brackets::indented(text), weight_max).or(Err(fault))
        }
        done => done,
    }
}

fn documents(name: &str, text: &str, weight_max: usize) -> Result<Vec<Node>, Unreadable> {
    let mut tree =
        Tree { file: name.into(), open: Vec::new(), anchors: HashMap::new(), weight: 0, weight_max };
    let mut documents = Vec::new();
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|error| tree.not_yaml(text, error.marker().line(), error.info()))?;
        if let Some(document) = tree.take(event, span.start.line())? {
            documents.push(document);
        }
    }
    Ok(documents)
}

/// A list or map that is not closed yet.
struct Open {
    node: Node,
    /// The key that waits for its value, with its origin.
    key: Option<(String, Origin)>,
    /// Maps that merge keys bring in, in their order.
    merged: Vec<Map>,
    anchor: usize,
    weight_before: usize,
}

struct Tree {
    file: Arc<str>,
    open: Vec<Open>,
    /// Value and weight of what was anchored; `None` while it is still open.
    anchors: HashMap<usize, Option<(Node, usize)>>,
    weight: usize,
    weight_max: usize,
}

impl Tree {
    fn origin(&self, line: usize) -> Origin {
        Origin { file: Arc::clone(&self.file), line }
    }

    fn not_yaml(&self, text: &str, line: usize, info: &str) -> Unreadable {
        let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let tab = shown.chars().take_while(|letter| letter.is_whitespace()).any(|letter| letter == '\t');
        let to_do = if tab {
            "this line is indented with a tab, which YAML forbids: use spaces"
        } else {
            "fix this place; `docker compose config` or any YAML checker shows it too"
        };
        Unreadable::new(&self.origin(line), format!("this is not YAML: {info}"), to_do)
    }

    /// One event; a document when one is complete.
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<Option<Node>, Unreadable> {
        let origin = self.origin(line);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let before = self.weight;
                self.weigh(1 + text.len() / 32, &origin)?;
                let tag = tag.and_then(|tag| own_tag(&tag.handle, &tag.suffix));
                let node = Node {
                    value: Value::Text { text: text.into_owned(), plain },
                    origin,
                    tag,
                    unset: Vec::new(),
                };
                self.close(node, anchor, before)
            }
            Event::SequenceStart(anchor, tag) => {
                let tag = tag.and_then(|tag| own_tag(&tag.handle, &tag.suffix));
                self.begin(Node { value: Value::List(Vec::new()), origin, tag, unset: Vec::new() }, anchor)
                    .map(|()| None)
            }
            Event::MappingStart(anchor, tag) => {
                let tag = tag.and_then(|tag| own_tag(&tag.handle, &tag.suffix));
                self.begin(Node { value: Value::Map(Map::default()), origin, tag, unset: Vec::new() }, anchor)
                    .map(|()| None)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(mut open) = self.open.pop() else { return Ok(None) };
                if let Value::Map(map) = &mut open.node.value {
                    for entry in open.merged.into_iter().flat_map(|merged| merged.entries) {
                        if map.position(&entry.key).is_none() {
                            map.insert(entry.key, &entry.origin, entry.node);
                        }
                    }
                }
                self.close(open.node, open.anchor, open.weight_before)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(Some((node, weight))) => {
                    let (node, weight, before) = (node.clone(), *weight, self.weight);
                    self.weigh(weight, &origin)?;
                    self.close(node, 0, before)
                }
                _ => Err(Unreadable::new(
                    &origin,
                    "this alias is inside its own anchor, so it would never end",
                    "remove it, or name the anchor of something else",
                )),
            },
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(None)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(None),
        }
    }

    fn weigh(&mut self, weight: usize, origin: &Origin) -> Result<(), Unreadable> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight <= self.weight_max {
            return Ok(());
        }
        Err(Unreadable::new(
            origin,
            format!("with its aliases written out this file has more than {} values", self.weight_max),
            "check whether it is the right file; aliases of aliases of aliases are how a file is made to fill memory",
        ))
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<(), Unreadable> {
        let weight_before = self.weight;
        self.weigh(1, &node.origin)?;
        if self.open.len() >= DEPTH_MAX {
            let what = format!("more than {DEPTH_MAX} levels of lists and maps inside each other");
            return Err(Unreadable::new(&node.origin, what, "check whether this is the right file"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open { node, key: None, merged: Vec::new(), anchor, weight_before });
        Ok(())
    }

    /// A value is complete: it goes into what is open, or is a document.
    fn close(&mut self, node: Node, anchor: usize, weight_before: usize) -> Result<Option<Node>, Unreadable> {
        if anchor > 0 {
            self.anchors.insert(anchor, Some((node.clone(), self.weight - weight_before)));
        }
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        match &mut open.node.value {
            Value::List(list) => list.push(node),
            Value::Map(map) => match open.key.take() {
                None => open.key = Some(key(map, node)?),
                Some((key, _)) if key == "<<" => open.merged.extend(merged(node)?),
                Some((key, origin)) => map.insert(key, &origin, node),
            },
            Value::Text { .. } => unreachable!("only lists and maps are opened"),
        }
        Ok(None)
    }
}

/// A value that stands where a key is expected.
fn key(map: &Map, node: Node) -> Result<(String, Origin), Unreadable> {
    let Value::Text { text, .. } = node.value else {
        return Err(Unreadable::new(
            &node.origin,
            "a list or map stands where a key should be",
            "write a simple name before the colon; a text that begins with `{` or `[` needs quotes",
        ));
    };
    if let Some(first) = map.entry(&text) {
        let shown: String = text.chars().take(80).filter(|letter| !message::steers(*letter)).collect();
        return Err(Unreadable::new(
            &node.origin,
            format!("the key `{shown}` stands twice, first at {}", first.origin),
            "keep one of the two: nobody can know which was meant",
        ));
    }
    Ok((text, node.origin))
}

/// What `<<` names: a map, a list of maps, or nothing.
fn merged(node: Node) -> Result<Vec<Map>, Unreadable> {
    let wrong = |origin: &Origin| {
        Unreadable::new(
            origin,
            "`<<` takes in something that is not a map",
            "name the anchor of a map, or a list of such anchors",
        )
    };
    if node.is_null() {
        return Ok(Vec::new());
    }
    match node.value {
        Value::Map(map) => Ok(vec![map]),
        Value::List(list) => list
            .into_iter()
            .map(|node| match node.value {
                Value::Map(map) => Ok(map),
                Value::Text { .. } | Value::List(_) => Err(wrong(&node.origin)),
            })
            .collect(),
        Value::Text { .. } => Err(wrong(&node.origin)),
    }
}

/// Tags of YAML itself say nothing that the reader of a field does not know.
fn own_tag(handle: &str, suffix: &str) -> Option<Box<str>> {
    let core = handle.starts_with("tag:yaml.org") || handle == "!!";
    (!core).then(|| format!("{handle}{suffix}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        let mut documents = read("a.yaml", text).unwrap();
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    fn fault(text: &str) -> String {
        let fault = read("a.yaml", text).unwrap_err();
        assert!(!fault.to_do.to_string().is_empty());
        fault.to_string()
    }

    #[test]
    fn every_value_knows_its_line() {
        let node = one("a: 1\nb:\n  - x\n  - {c: 'null', d: null}\n");
        let list = node.get("b").unwrap().as_list().unwrap();
        assert_eq!((list[1].origin.line, list[0].as_text()), (4, Some("x")));
        assert_eq!(list[1].get("c").unwrap().as_text(), Some("null"), "quoted, so it is a text");
        assert!(list[1].get("d").is_none());
        assert_eq!(node.as_map().unwrap().entry("b").unwrap().origin.to_string(), "a.yaml:2");
    }

    #[test]
    fn merge_keys_give_way_to_what_is_written_out_and_to_earlier_ones() {
        let text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 5\n";
        let z = one(text);
        let of = |key: &str| z.at(&["z", key]).unwrap().as_text().unwrap().to_owned();
        assert_eq!([of("a"), of("b"), of("c")], ["5", "2", "4"].map(str::to_owned));
        assert!(one("a:\n  <<:\n  b: 1\n").at(&["a", "b"]).is_some());
    }

    #[test]
    fn a_key_that_stands_twice_is_named_with_both_lines() {
        assert_eq!(fault("a: 1\nb: 2\na: 3\n"), "a.yaml:3: the key `a` stands twice, first at a.yaml:1");
    }

    #[test]
    fn an_anchor_that_contains_itself_is_refused_with_its_line() {
        assert!(fault("a:\n  &x\n  - 1\n  - *x\n").starts_with("a.yaml:4: this alias is inside"));
        assert!(fault("a: &x\n  <<: *x\n").contains("a.yaml:2"));
        assert!(fault("a: *nobody\n").starts_with("a.yaml:1: this is not YAML"));
    }

    #[test]
    fn a_billion_laughs_stop_at_a_limit() {
        let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..12 {
            let before = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        assert!(fault(&text).contains("values"));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 1000].join(","));
        assert!(fault(&long).contains("a.yaml:2"), "long texts weigh too");
    }

    #[test]
    fn tabs_depth_and_keys_that_are_none_are_faults_with_a_line() {
        assert!(read("a.yaml", "a:\n\tb: 1\n").unwrap_err().to_do.to_string().contains("tab"));
        assert!(fault(&"- ".repeat(500)).contains("levels"));
        assert!(fault(&"[".repeat(500)).starts_with("a.yaml:1"));
        assert!(fault("? [a]\n: b\n").contains("key"));
        assert!(fault("a: b: c\n").starts_with("a.yaml:1"));
        assert_eq!(read("a.yaml", "").unwrap(), vec![]);
        assert_eq!(read("a.yaml", "# nothing\n").unwrap(), vec![]);
    }

    #[test]
    fn a_closing_bracket_may_stand_at_the_beginning_of_its_line() {
        let node = one("a:\n  command: [\n    x,\n    y\n  ]\n  test: {\n  }\nb: |\n  {\n  }\nc: 1\n");
        assert_eq!(node.at(&["a", "command"]).unwrap().as_list().unwrap().len(), 2);
        assert_eq!(
            node.as_map().unwrap().entry("c").unwrap().origin.line,
            11,
            "lines are still those of the file"
        );
        let node = one("a:\n  b: [\n  x,\ny\n  ]\n  c: 1\n");
        assert_eq!(node.at(&["a", "c"]).unwrap().origin.line, 6);
        assert!(fault("a: [\n  1\n]]\n").starts_with("a.yaml:3"));
    }

    #[test]
    fn own_tags_are_kept_and_those_of_yaml_are_not() {
        let node = one("a: !reset null\nb: !!str 5\nc: !override [1]\n");
        let tag = |key: &str| node.as_map().unwrap().get(key).unwrap().tag.clone();
        assert_eq!(tag("a").as_deref(), Some("!reset"));
        assert_eq!((tag("b"), tag("c").as_deref()), (None, Some("!override")));
    }

    #[test]
    fn large_maps_are_found_by_key_after_removing_too() {
        let text: String = (0..100).map(|n| format!("k{n}: {n}\n")).collect();
        let Value::Map(mut map) = one(&text).value else { panic!("a map") };
        map.remove("k3");
        map.retain(|entry| entry.key != "k5");
        map.insert("new", &Origin::file("b"), Node::null(&Origin::file("b")));
        assert!(map.get("k3").is_none() && map.get("k5").is_none() && map.get("new").is_some());
        assert_eq!((map.len(), map.get("k99").unwrap().as_text()), (99, Some("99")));
    }
}
