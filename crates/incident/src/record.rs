//! Between an event and the bytes in the journal. Writing knows one version; reading knows every one.
//!
//! A payload is JSON, `{"about": [ids], "data": {...}}`; kind and version stand in the record's header.
//! What cannot be read is not an error: it is kept as `Entry::Unknown`, counted, shown, and blocks
//! decisions about the things it names (or about everything, if not even that can be read).

use serde::Deserialize;
use serde_json::{Value, json};

use super::event::{
    BridgeEvent, CommandEvent, ContainEvent, DutyEvent, Event, EvidenceEvent, HandsEvent, NoticeEvent,
    PlanEvent, RecoverEvent, ScanEvent,
};
use super::stamp::Stamp;
use estate::Id;

/// Every kind of event that this program knows, with the version in which it writes it. Kinds go up one by one, each when
/// its own form changes; the form of the version named here is the one in the file of its part.
fn versions() -> impl Iterator<Item = (&'static str, u16)> {
    let parts = [
        crate::command::VERSIONS,
        crate::scan::VERSIONS,
        crate::contain::VERSIONS,
        crate::plan::VERSIONS,
        crate::recover::VERSIONS,
        crate::bridge::VERSIONS,
        crate::hands::VERSIONS,
        crate::notice::VERSIONS,
        crate::duty::VERSIONS,
        crate::evidence::VERSIONS,
    ];
    parts.into_iter().flatten().copied()
}

/// The version in which this kind is written; `None`: this program does not know the kind.
fn version_of(kind: &str) -> Option<u16> {
    versions().find(|(known, _)| *known == kind).map(|(_, version)| version)
}

/// A journal record as the views see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub sequence: u64,
    /// UTC milliseconds since 1970, for people. Order is `sequence`.
    pub time_ms: i64,
    pub actor: String,
    pub content: Content,
}

impl Entry {
    pub fn stamp(&self) -> Stamp<'_> {
        Stamp { sequence: self.sequence, time_ms: self.time_ms, actor: &self.actor }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Known(Event),
    Unknown(Unknown),
}

/// An entry that this version cannot read.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    pub kind: String,
    pub version: u16,
    /// `None`: not even what it is about could be read, so it is about everything.
    pub about: Option<Vec<Id>>,
    pub why: String,
}

/// Kind, version and payload for the journal.
pub fn encode(event: &Event) -> (String, u16, Vec<u8>) {
    let tagged = match event {
        Event::Command(event) => serde_json::to_value(event),
        Event::Scan(event) => serde_json::to_value(event),
        Event::Contain(event) => serde_json::to_value(event),
        Event::Plan(event) => serde_json::to_value(event),
        Event::Recover(event) => serde_json::to_value(event),
        Event::Bridge(event) => serde_json::to_value(event),
        Event::Hands(event) => serde_json::to_value(event),
        Event::Notice(event) => serde_json::to_value(event),
        Event::Duty(event) => serde_json::to_value(event),
        Event::Evidence(event) => serde_json::to_value(event),
    }
    .expect("events hold only strings, numbers, lists and maps with string keys");
    let kind = tagged["kind"].as_str().expect("every event group is tagged with its kind").to_owned();
    let version = version_of(&kind).expect("every kind stands in the table of its part");
    let payload = json!({ "about": event.about(), "data": tagged["data"] });
    (kind, version, payload.to_string().into_bytes())
}

/// Never fails: what is not understood comes back as `Unknown`.
pub fn decode(kind: &str, version: u16, payload: &[u8]) -> Content {
    match read(kind, version, payload) {
        Ok(event) => Content::Known(event),
        Err(why) => {
            Content::Unknown(Unknown { kind: kind.to_owned(), version, about: read_about(payload), why })
        }
    }
}

#[derive(Deserialize)]
struct Payload {
    data: Value,
}

#[derive(Deserialize)]
struct About {
    about: Vec<Id>,
}

fn read_about(payload: &[u8]) -> Option<Vec<Id>> {
    serde_json::from_slice::<About>(payload).ok().map(|about| about.about)
}

fn read(kind: &str, version: u16, payload: &[u8]) -> Result<Event, String> {
    let known =
        version_of(kind).ok_or_else(|| format!("`{kind}` is not a kind of event that this program knows"))?;
    if version > known {
        return Err(format!("version {version} of `{kind}` was written by a newer program"));
    }
    let Payload { data } = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    let data = if version == known { data } else { older(kind, version, data)? };
    let tagged = json!({ "kind": kind, "data": data });
    let (group, _) = kind.split_once('.').ok_or_else(|| format!("`{kind}` has no group"))?;
    fn group_of<T: for<'a> Deserialize<'a>>(tagged: Value) -> Result<T, String> {
        serde_json::from_value(tagged).map_err(|error| error.to_string())
    }
    match group {
        "command" => group_of::<CommandEvent>(tagged).map(Event::Command),
        "scan" => group_of::<ScanEvent>(tagged).map(Event::Scan),
        "contain" => group_of::<ContainEvent>(tagged).map(Event::Contain),
        "plan" => group_of::<PlanEvent>(tagged).map(Event::Plan),
        "recover" => group_of::<RecoverEvent>(tagged).map(Event::Recover),
        "bridge" => group_of::<BridgeEvent>(tagged).map(Event::Bridge),
        "hands" => group_of::<HandsEvent>(tagged).map(Event::Hands),
        "notice" => group_of::<NoticeEvent>(tagged).map(Event::Notice),
        "duty" => group_of::<DutyEvent>(tagged).map(Event::Duty),
        "evidence" => group_of::<EvidenceEvent>(tagged).map(Event::Evidence),
        _ => Err(format!("`{group}` is not a group of events that this program knows")),
    }
}

/// What was written in a released version, in the form of today. A kind that goes up to version 2 gets an arm for its
/// version 1 here, in the same commit; until then no kind has an older version.
fn older(kind: &str, version: u16, _data: Value) -> Result<Value, String> {
    match (kind, version) {
        (kind, 0) => Err(format!("version 0 of `{kind}` cannot be: versions begin with 1")),
        (kind, version) => Err(format!("version {version} of `{kind}` was never released")),
    }
}

/// The entry that stands in a journal record. An erased payload is an entry that cannot be read any more.
pub fn entry(record: journal::Record) -> Entry {
    let content = match &record.payload {
        // About nothing of the incident: a power cut must not stand in the way of decisions.
        _ if journal::is_own(&record.kind) => Content::Unknown(Unknown {
            kind: record.kind.clone(),
            version: record.version,
            about: Some(Vec::new()),
            why: "it is the journal's own".to_owned(),
        }),
        journal::Payload::Present(payload) => decode(&record.kind, record.version, payload),
        journal::Payload::Erased => Content::Unknown(Unknown {
            kind: record.kind.clone(),
            version: record.version,
            about: Some(Vec::new()),
            why: "its content was erased by a recorded decision".to_owned(),
        }),
    };
    Entry { sequence: record.sequence, time_ms: record.time_ms, actor: record.actor, content }
}
