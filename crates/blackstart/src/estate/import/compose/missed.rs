//! What was missed while the files of a project were read: variables that nobody set, and what could not be read.

use std::collections::BTreeMap;

use super::super::draft::{Noted, Origin};
use super::super::fault::Unreadable;
use super::variables::Variables;
use crate::estate::finding::{Finding, Grade};

/// Variables that are named when they are missing; the rest is counted.
const VARIABLES_SHOWN: usize = 12;

/// Variables that were missed, with the first place.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) unset: BTreeMap<String, Origin>,
    pub(super) required: BTreeMap<String, (Origin, String)>,
    pub(super) from_shell: BTreeMap<String, Origin>,
    pub(super) notes: Vec<Noted>,
    /// Why there are no services, if it turns out that there are none.
    pub(super) first_form: Option<Unreadable>,
}

impl Seen {
    pub(super) fn findings(mut self, variables: &Variables, first: &str) -> Result<Vec<Noted>, Unreadable> {
        let mut findings = std::mem::take(&mut self.notes);
        if let Some((name, (origin, message))) = self.required.iter().next().filter(|_| variables.given) {
            let why = if message.is_empty() { String::new() } else { format!(": {message}") };
            return Err(Unreadable::new(
                origin,
                format!("the required variable {name} is not set{why}"),
                "set it in the environment file, or in this shell",
            ));
        }
        if let Some((_, (origin, _))) = self.required.iter().next() {
            let why =
                |message: &str| if message.is_empty() { String::new() } else { format!(" ({message})") };
            let places = self
                .required
                .iter()
                .map(|(name, (origin, message))| format!("{name} at {origin}{}", why(message)));
            findings.push(Noted {
                origin: Some(origin.clone()),
                finding: Finding::new(
                    Grade::Serious,
                    "required-variable",
                    format!("required variables are not set: {}", listed(places)),
                    format!("there is no .env beside {first} and none was named; their values are empty here, so addresses in them propose nothing"),
                    "import again with --env-file and the file that the running system uses",
                ),
            });
        }
        findings.extend(self.borrowed());
        findings.extend(self.empty());
        Ok(findings)
    }

    /// Variables of this shell that made it into the estate.
    fn borrowed(&self) -> Option<Noted> {
        let places = self.from_shell.iter().map(|(name, origin)| format!("{name} at {origin}"));
        let finding = Finding::new(
            Grade::Note,
            "from-shell",
            format!("variables were taken from this shell: {}", listed(places)),
            "compose does so too; from another shell the same files may give another estate",
            "set them in the environment file, or import from the shell that starts the project",
        );
        (!self.from_shell.is_empty()).then_some(Noted { origin: None, finding })
    }

    /// Variables that nobody set.
    fn empty(&self) -> Option<Noted> {
        let unset: Vec<String> = self
            .unset
            .iter()
            .filter(|(name, _)| !self.required.contains_key(*name))
            .map(|(name, origin)| format!("{name} at {origin}"))
            .collect();
        let none = unset.is_empty();
        let finding = Finding::new(
            Grade::Note,
            "unset-variable",
            format!("variables are not set: {}", listed(unset.into_iter())),
            "their values are empty, as compose does it; addresses in them propose nothing",
            "import again with --env-file and the file that the running system uses",
        );
        (!none).then_some(Noted { origin: None, finding })
    }
}

/// The first few, and how many more there are.
pub(super) fn listed(places: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = places.collect();
    let shown = all[..all.len().min(VARIABLES_SHOWN)].join(", ");
    match all.len().saturating_sub(VARIABLES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
