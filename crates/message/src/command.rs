//! A command of this program, as a value that can be printed and pasted.

use std::fmt;

use crate::steers;

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Fixed(String),
    /// The folder of the incident that the message is about. Whoever shows it knows where it is.
    Incident,
    /// What the person has to put in, for example `TEXT`.
    Open(&'static str),
}

/// `blackstart` with its arguments. Words are quoted for a shell where that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    words: Vec<Word>,
}

impl Command {
    /// The verbs, for example `journal show`.
    pub fn new(verbs: &str) -> Command {
        Command { words: verbs.split(' ').map(|verb| Word::Fixed(verb.to_owned())).collect() }
    }

    /// `resume DIR WHAT --reason TEXT`: what lets work go on.
    pub fn resume(what: impl fmt::Display) -> Command {
        Command::new("resume").incident().with(what).reason()
    }

    /// `resume DIR WHAT --lift-hold --reason TEXT`: what lifts a hold and changes nothing else.
    pub fn lift_hold(what: impl fmt::Display) -> Command {
        Command::new("resume").incident().with(what).with("--lift-hold").reason()
    }

    /// `resume DIR entry:N --reason TEXT`: what accepts an entry that cannot be read.
    pub fn accept_entry(sequence: u64) -> Command {
        Command::resume(format_args!("entry:{sequence}"))
    }

    /// `journal succeed DIR DIR-2 --reason TEXT`: what goes on in a new folder beside a damaged journal. `incident`:
    /// its folder, because the new one is named after it.
    pub fn succeed(incident: impl fmt::Display) -> Command {
        Command::new("journal succeed").incident().with(format_args!("{incident}-2")).reason()
    }

    /// An argument, or an option with its dashes.
    pub fn with(mut self, word: impl fmt::Display) -> Command {
        self.words.push(Word::Fixed(word.to_string()));
        self
    }

    /// The folder of the incident.
    pub fn incident(mut self) -> Command {
        self.words.push(Word::Incident);
        self
    }

    /// An option and its value.
    pub fn option(self, name: &str, value: impl fmt::Display) -> Command {
        self.with(name).with(value)
    }

    /// What the person has to put in; written in capitals, as the help has it.
    pub fn open(mut self, what: &'static str) -> Command {
        self.words.push(Word::Open(what));
        self
    }

    /// `--reason TEXT`: what every decision asks for.
    pub fn reason(self) -> Command {
        self.with("--reason").open("TEXT")
    }

    /// Nothing is left for the person to put in: it can be pasted, or become a button, as it is.
    pub fn is_complete(&self) -> bool {
        self.words.iter().all(|word| match word {
            Word::Fixed(_) | Word::Incident => true,
            Word::Open(_) => false,
        })
    }

    /// The arguments, without the program's name; `None` where the person has to put something in.
    pub fn arguments(&self, incident: &str) -> Vec<Option<String>> {
        self.words
            .iter()
            .map(|word| match word {
                Word::Fixed(word) => Some(word.clone()),
                Word::Incident => Some(incident.to_owned()),
                Word::Open(_) => None,
            })
            .collect()
    }

    /// The line to paste. `incident`: the folder; `None` where the reader does not look at one folder.
    pub fn line(&self, incident: Option<&str>) -> String {
        let mut line = "blackstart".to_owned();
        for word in &self.words {
            line.push(' ');
            match (word, incident) {
                (Word::Fixed(word), _) => line.push_str(&quoted(word)),
                (Word::Incident, Some(folder)) => line.push_str(&quoted(folder)),
                (Word::Incident, None) => line.push_str("DIR"),
                (Word::Open(what), _) => line.push_str(what),
            }
        }
        line
    }
}

/// As a POSIX shell reads it back (XCU 2.2.2: nothing is special between single quotes). What a terminal would
/// obey is written as `$'\x1b'` (POSIX.1-2024, XCU 2.2.4).
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.chars().any(steers) {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    let mut text = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\'' => text.push_str("\\'"),
            '\\' => text.push_str("\\\\"),
            c if steers(c) => {
                for byte in c.to_string().bytes() {
                    text.push_str(&format!("\\x{byte:02x}"));
                }
            }
            c => text.push(c),
        }
    }
    text + "'"
}
