//! What a person can do about something.

use std::fmt;

use crate::Command;

/// What to do. `Display` reads it as one text; `shown` puts in the folder of the incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Something that only a person can do, or decide how to do.
    Do(String),
    /// A command of this program. `why` leads up to it, and may be empty.
    Run { why: String, command: Command },
    /// Something to write into a file. `file` with its line, if it is known where.
    Edit { file: Option<String>, line: Option<usize>, text: String },
    /// One of several; which one is the person's decision.
    Ask { question: String, answers: Vec<Answer> },
    /// One after the other.
    Steps(Vec<Remedy>),
}

/// An answer to a question, and what it asks to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub answer: String,
    pub then: Remedy,
}

impl Remedy {
    /// Run this.
    pub fn run(command: Command) -> Remedy {
        Remedy::Run { why: String::new(), command }
    }

    /// `why`, then the command: "when the reason is gone: blackstart resume …".
    pub fn run_to(why: impl Into<String>, command: Command) -> Remedy {
        Remedy::Run { why: why.into(), command }
    }

    /// Ask a person, who decides by what is done.
    pub fn ask<A: Into<String>>(
        question: impl Into<String>,
        answers: impl IntoIterator<Item = (A, Remedy)>,
    ) -> Remedy {
        let answers =
            answers.into_iter().map(|(answer, then)| Answer { answer: answer.into(), then }).collect();
        Remedy::Ask { question: question.into(), answers }
    }

    /// What an entry asks for that this program cannot read: it may forbid what is refused.
    pub fn unread_entry(sequence: u64) -> Remedy {
        Remedy::Steps(vec![
            Remedy::run_to("look at it", Command::new("journal show").incident()),
            Remedy::run_to(
                "use the newer program that wrote it, or accept it, if work may go on without it",
                Command::accept_entry(sequence),
            ),
        ])
    }

    /// Every command in it, in the order in which they are read.
    pub fn commands(&self) -> Vec<&Command> {
        match self {
            Remedy::Do(_) | Remedy::Edit { .. } => Vec::new(),
            Remedy::Run { command, .. } => vec![command],
            Remedy::Ask { answers, .. } => answers.iter().flat_map(|answer| answer.then.commands()).collect(),
            Remedy::Steps(steps) => steps.iter().flat_map(Remedy::commands).collect(),
        }
    }

    /// As one text. `incident`: the folder that commands name; `None`: they say `DIR`.
    pub fn shown(&self, incident: Option<&str>) -> String {
        match self {
            Remedy::Do(text) => text.clone(),
            Remedy::Run { why, command } if why.is_empty() => command.line(incident),
            Remedy::Run { why, command } => format!("{why}: {}", command.line(incident)),
            Remedy::Edit { file: None, text, .. } => text.clone(),
            Remedy::Edit { file: Some(file), line: None, text } => format!("in {file}: {text}"),
            Remedy::Edit { file: Some(file), line: Some(line), text } => format!("{file}:{line}: {text}"),
            Remedy::Ask { question, answers } => {
                let answers: Vec<String> = answers
                    .iter()
                    .map(|answer| format!("{}: {}", answer.answer, answer.then.shown(incident)))
                    .collect();
                match question.as_str() {
                    "" => answers.join("; or "),
                    question => format!("{question} {}", answers.join("; or ")),
                }
            }
            Remedy::Steps(steps) => {
                steps.iter().map(|step| step.shown(incident)).collect::<Vec<_>>().join("; then ")
            }
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(None))
    }
}

impl From<String> for Remedy {
    fn from(text: String) -> Remedy {
        Remedy::Do(text)
    }
}

impl From<&str> for Remedy {
    fn from(text: &str) -> Remedy {
        Remedy::Do(text.to_owned())
    }
}

impl From<&String> for Remedy {
    fn from(text: &String) -> Remedy {
        Remedy::Do(text.clone())
    }
}

impl From<Command> for Remedy {
    fn from(command: Command) -> Remedy {
        Remedy::run(command)
    }
}
