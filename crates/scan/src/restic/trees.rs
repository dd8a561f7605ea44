//! Folders out of the trees of a repository: each entry is taken as it is read, so that a folder of a million files
//! costs what is kept of it and not what the library would make of it.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use rustic_core::repofile;
use rustic_core::{DataId, TreeId};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::content::{Content, Version};
use super::plain_name;
use crate::history::{Entries, Node};
use judge::Beside;

/// What a snapshot and its successor have in common is read twice, and soon after the first time.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Trees that were read last, as they came.
#[derive(Default)]
pub(super) struct RecentTrees {
    /// Newest last.
    trees: VecDeque<(TreeId, Rc<Vec<u8>>)>,
    bytes: usize,
}

impl RecentTrees {
    pub(super) fn get(&mut self, id: TreeId) -> Option<Rc<Vec<u8>>> {
        let at = self.trees.iter().rposition(|(kept, _)| *kept == id)?;
        Some(self.trees[at].1.clone())
    }

    pub(super) fn put(&mut self, id: TreeId, tree: Rc<Vec<u8>>) {
        self.bytes += tree.len();
        self.trees.push_back((id, tree));
        while self.bytes > KEPT_BYTES_MAX
            && let Some((_, oldest)) = self.trees.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }
}

/// What a scan needs of an entry; the rest of it is passed over.
#[derive(Default)]
struct Entry<'a> {
    name: Cow<'a, str>,
    kind: Cow<'a, str>,
    size: u64,
    mtime: Option<Cow<'a, str>>,
    content: Option<Vec<DataId>>,
    subtree: Option<TreeId>,
}

/// What lies in a folder.
pub(super) fn entries(tree: &[u8]) -> Result<Entries<TreeId, Content>, String> {
    let mut found = Vec::new();
    let mut journals = HashSet::new();
    let mut reader = serde_json::Deserializer::from_slice(tree);
    let mut take = |entry: Entry<'_>| {
        let name = entry.name();
        if entry.size > 0
            && let Some(database) = database_of(&name)
        {
            journals.insert(database);
        }
        found.extend(entry.node(&name));
    };
    Tree(&mut take)
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| error.to_string())?;
    for (name, node) in &mut found {
        if let Node::File(version) = node
            && journals.contains(name)
        {
            version.beside = Beside::Journal;
        }
    }
    Ok(found)
}

/// The database that a journal of this name belongs to.
fn database_of(name: &OsStr) -> Option<OsString> {
    let name = name.as_bytes();
    let database = [&b"-journal"[..], b"-wal"].iter().find_map(|ending| name.strip_suffix(*ending))?;
    Some(OsStr::from_bytes(database).to_owned())
}

impl Entry<'_> {
    /// Bytes that are no UTF-8 are written behind a backslash; the library knows how.
    fn name(&self) -> OsString {
        if self.name.contains('\\') {
            let node = repofile::Node { name: self.name.clone().into_owned(), ..repofile::Node::default() };
            return node.name().into_owned();
        }
        OsString::from(&*self.name)
    }

    /// Links, devices, pipes and sockets hold no content that could be restored.
    fn node(self, name: &OsStr) -> Option<(OsString, Node<TreeId, Content>)> {
        let Some(name) = plain_name(name.to_owned()) else {
            // Shown, never joined to a path as it stands.
            let shown = name.to_string_lossy().replace('/', "\u{2215}");
            let shown = if shown.trim_matches('.').is_empty() { format!("\u{2215}{shown}") } else { shown };
            return Some((shown.into(), Node::Unread("an entry whose name is not a file name".to_owned())));
        };
        let what = match (&*self.kind, self.subtree) {
            ("dir", Some(subtree)) => Node::Folder(subtree),
            ("dir", None) => Node::Unread("the entry is a folder without content".to_owned()),
            ("file", _) => Node::File(Version {
                bytes: self.size,
                modified_ns: self.mtime.as_deref().and_then(nanoseconds),
                content: Content::new(self.content.unwrap_or_default()),
                beside: Beside::Nothing,
            }),
            ("symlink" | "dev" | "chardev" | "fifo" | "socket" | "irregular", _) => return None,
            (other, _) => Node::Unread(format!("an entry of the unknown type `{other}`")),
        };
        Some((name, what))
    }
}

/// A time that cannot be read is none: it is a sign at most.
fn nanoseconds(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().and_then(|time| i64::try_from(time.as_nanosecond()).ok())
}

/// `{"nodes": [...]}`, or `null` in place of the list; each node is handed on and dropped.
struct Tree<'a>(&'a mut dyn FnMut(Entry<'_>));

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a tree with its nodes")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut has_nodes = false;
        while let Some(name) = map.next_key::<String>()? {
            if reads_as(&name, "nodes") {
                if has_nodes || name != "nodes" {
                    return Err(serde::de::Error::custom(
                        "its entries are given twice, or under a name that some programs read otherwise",
                    ));
                }
                has_nodes = true;
                map.next_value_seed(Nodes(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_nodes { Ok(()) } else { Err(serde::de::Error::missing_field("nodes")) }
    }
}

struct Nodes<'a>(&'a mut dyn FnMut(Entry<'_>));

impl<'de> DeserializeSeed<'de> for Nodes<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nodes<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of nodes")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut nodes: S) -> Result<(), S::Error> {
        while let Some(entry) = nodes.next_element()? {
            (self.0)(entry);
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entry<'a>, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an entry of a folder")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entry<'de>, M::Error> {
        let mut entry = Entry::default();
        let mut met = [false; FIELDS.len()];
        while let Some(Text(field)) = map.next_key()? {
            if let Some(at) = FIELDS.iter().position(|known| **known == *field)
                && std::mem::replace(&mut met[at], true)
            {
                return Err(serde::de::Error::custom(format!("the entry says its `{field}` twice")));
            }
            match &*field {
                "name" => entry.name = map.next_value::<Text<'de>>()?.0,
                "type" => entry.kind = map.next_value::<Text<'de>>()?.0,
                "size" => entry.size = map.next_value()?,
                "mtime" => entry.mtime = map.next_value::<Option<Text<'de>>>()?.map(|text| text.0),
                "content" => entry.content = map.next_value()?,
                "subtree" => entry.subtree = map.next_value()?,
                other if reads_as_another(other) => {
                    let why = format!("the entry holds `{other}`, which some programs read as another field");
                    return Err(serde::de::Error::custom(why));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match met {
            [false, ..] => Err(serde::de::Error::missing_field("name")),
            [_, false, ..] => Err(serde::de::Error::missing_field("type")),
            _ => Ok(entry),
        }
    }
}

const FIELDS: [&str; 6] = ["name", "type", "size", "mtime", "content", "subtree"];

/// Go, in which restic is written, reads `Content` and `\u{17f}ize` for `content` and `size`. A folder of which a scan reads one
/// thing and a restore another was made by nobody who is honest.
fn reads_as_another(field: &str) -> bool {
    FIELDS.iter().any(|known| reads_as(field, known))
}

fn reads_as(field: &str, known: &str) -> bool {
    // Nearly every name is plain, and there are millions of them.
    let plain = if field.is_ascii() { Cow::Borrowed(field) } else { field.replace('\u{17f}', "s").into() };
    plain.eq_ignore_ascii_case(known)
}

/// Borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64) -> String {
        format!("{{\"name\":{name:?},\"type\":\"file\",\"size\":{size},\"content\":[]}}")
    }

    #[test]
    fn a_journal_is_noticed_wherever_it_stands_and_only_if_it_holds_anything() {
        let names = ["a.db-wal", "a.db", "b.db", "b.db-journal", "c.db", "c.db-wal", "-wal"];
        let size = |name: &&str| file(name, u64::from(*name != "c.db-wal"));
        let tree = format!("{{\"nodes\":[{}]}}", names.iter().map(size).collect::<Vec<_>>().join(","));
        let beside = |(name, node): (OsString, Node<TreeId, Content>)| match node {
            Node::File(version) => (version.beside == Beside::Journal).then_some(name),
            Node::Folder(_) | Node::Unread(_) => panic!("{name:?} is a file"),
        };
        let with_journal: Vec<OsString> =
            entries(tree.as_bytes()).unwrap().into_iter().filter_map(beside).collect();
        assert_eq!(with_journal, ["a.db", "b.db"]);
    }

    #[test]
    fn an_empty_folder_may_be_written_in_two_ways_and_everything_else_is_an_error() {
        for empty in ["{\"nodes\":null}", "{\"nodes\":[]}", "{\"more\":{},\"nodes\":[]}\n"] {
            assert_eq!(entries(empty.as_bytes()), Ok(Vec::new()), "{empty}");
        }
        let one = format!("{{\"nodes\":[{}]}}", file("a", 1));
        assert_eq!(entries(one.as_bytes()).map(|all| all.len()), Ok(1));
        for cut in 0..one.len() {
            assert!(entries(&one.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
        for broken in [
            "{\"nodes\":[],\"nodes\":[]}",
            "{\"nodes\":[],\"Nodes\":[]}",
            "{}",
            "[]",
            "{\"nodes\":7}",
            "{\"nodes\":[7]}",
            "{\"nodes\":[]}x",
        ] {
            assert!(entries(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn entries_are_told_apart_by_type_and_names_are_unescaped() {
        let id = "0123456789abcdef".repeat(4);
        let nodes = [
            format!(
                r#"{{"name":"m\\xe4rz","type":"file","mtime":"1970-01-01T01:00:01.5+01:00","uid":0,"size":7,"content":["{id}"]}}"#
            ),
            format!(r#"{{"name":"d","type":"dir","content":null,"subtree":"{id}"}}"#),
            r#"{"name":"e","type":"dir"}"#.to_owned(),
            r#"{"name":"l","type":"symlink","linktarget":"/etc"}"#.to_owned(),
            r#"{"name":"..","type":"file","size":1}"#.to_owned(),
            r#"{"name":"x","type":"door","size":1}"#.to_owned(),
        ];
        let all = entries(format!("{{\"nodes\":[{}]}}", nodes.join(",")).as_bytes()).unwrap();
        let names: Vec<&[u8]> = all.iter().map(|(name, _)| name.as_bytes()).collect();
        assert_eq!(names, [&b"m\xe4rz"[..], b"d", b"e", "\u{2215}..".as_bytes(), b"x"]);
        let content = Content::new(vec![id.parse().unwrap()]);
        let file = Version { content, bytes: 7, modified_ns: Some(1_500_000_000), beside: Beside::Nothing };
        assert_eq!(all[0].1, Node::File(file));
        assert_eq!(all[1].1, Node::Folder(id.parse().unwrap()));
        assert!(all[2..].iter().all(|(_, node)| matches!(node, Node::Unread(_))), "{all:?}");
    }

    #[test]
    fn an_entry_that_another_program_would_read_otherwise_is_an_error() {
        let id = "0123456789abcdef".repeat(4);
        let tree = |more: &str| {
            format!(
                r#"{{"nodes":[{{"name":"a","type":"file","size":1,"content":["{id}"],"inode":7{more}}}]}}"#
            )
        };
        assert!(entries(tree("").as_bytes()).is_ok());
        assert!(
            entries(
                tree(r#","links":1,"extended_attributes":[{"name":"user.a","value":"AA=="}]"#).as_bytes()
            )
            .is_ok()
        );
        for more in
            [r#","Content":[]"#, r#","CONTENT":[]"#, ",\"\u{17f}ize\":2", r#","\u017fize":2"#, r#","size":2"#]
        {
            let refused = entries(tree(more).as_bytes()).unwrap_err();
            assert!(refused.contains("read as another") || refused.contains("twice"), "{more}: {refused}");
        }
        assert!(entries(r#"{"nodes":[{"name":"a","size":1}]}"#.as_bytes()).is_err(), "without a type");
    }
}
