//! What a script printed, line by line: `before NAME VALUE` and `after NAME VALUE` are facts, `may` and `not` answer
//! whether something would be allowed. Everything else is talk, and is shown to people.

use std::collections::BTreeMap;

/// How something stands on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitState {
    Up,
    /// On its way up or down: ask again.
    Moving,
    Down,
    /// It tried and gave up, or its end was not a good one.
    Failed,
    /// The host knows nothing of that name.
    Missing,
    /// Nothing was said of it.
    NotKnown,
}

impl UnitState {
    pub fn word(self) -> &'static str {
        match self {
            UnitState::Up => "runs",
            UnitState::Moving => "is on its way",
            UnitState::Down => "is down",
            UnitState::Failed => "has failed",
            UnitState::Missing => "is not there",
            UnitState::NotKnown => "is not known",
        }
    }
}

/// What was said of it at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    pub values: BTreeMap<String, String>,
}

impl HostFacts {
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }
}

/// What a script says about its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub standing: UnitState,
    /// Before anything was done.
    pub stood: UnitState,
    /// By what the running thing is known again: drawn by the host, new with every start. Empty: it does not run.
    pub mark: String,
    /// The same before anything was done.
    pub marked: String,
    /// The host's number for the time since it was switched on last.
    pub boot: String,
    /// Something of ours keeps it from being started.
    pub is_held: bool,
    pub before: HostFacts,
    pub after: HostFacts,
    /// Commands that would be allowed, and those that would not.
    pub may: Vec<String>,
    pub may_not: Vec<String>,
    /// What it said besides, as one line.
    pub talk: String,
}

const TALK_MAX: usize = 400;
const FACTS_MAX: usize = 200;
const VALUE_MAX: usize = 1_000;

/// Everything that was printed, taken apart. What a host says is cut to a size that can be kept and shown.
pub(crate) fn taken_apart(output: &str) -> (HostFacts, HostFacts, Vec<String>, Vec<String>, String) {
    let (mut before, mut after) = (HostFacts::default(), HostFacts::default());
    let (mut may, mut may_not, mut talk) = (Vec::new(), Vec::new(), Vec::new());
    for line in output.lines() {
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        let facts = match head {
            "before" => &mut before,
            "after" => &mut after,
            "may" => {
                may.push(plain(rest, VALUE_MAX));
                continue;
            }
            "not" => {
                may_not.push(plain(rest, VALUE_MAX));
                continue;
            }
            _ => {
                talk.push(line);
                continue;
            }
        };
        let (name, value) = rest.split_once([' ', '=']).unwrap_or((rest, ""));
        if facts.values.len() < FACTS_MAX {
            facts.values.insert(plain(name, VALUE_MAX), plain(value, VALUE_MAX));
        }
    }
    (before, after, may, may_not, plain(&talk.join("\n"), TALK_MAX))
}

/// As one line without anything that a terminal obeys, its end where it is too long: what went wrong stands there.
pub(crate) fn plain(text: &str, letters_max: usize) -> String {
    let lines: Vec<&str> =
        text.split(char::is_control).map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = lines.join(" / ");
    let skipped = line.chars().count().saturating_sub(letters_max);
    if skipped == 0 { line } else { format!("… {}", line.chars().skip(skipped).collect::<String>()) }
}
