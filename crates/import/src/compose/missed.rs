//! What was missed while the files of a project were read: variables that nobody set, and what could not be read.

use std::collections::BTreeMap;

use super::super::draft::Noted;
use super::super::fault::Unreadable;
use super::super::origin::Origin;
use super::variables::Variables;
use estate::finding::{Finding, Grade};

/// Variables that are named when they are missing; the rest is counted.
const VARIABLES_SHOWN: usize = 12;

/// Variables that were missed, with the first place.
#[derive(Default)]
pub(super) struct MissedVariables {
    pub(super) unset: BTreeMap<String, Origin>,
    pub(super) required: BTreeMap<String, (Origin, String)>,
    pub(super) from_shell: BTreeMap<String, Origin>,
    pub(super) notes: Vec<Noted>,
    /// Why there are no services, if it turns out that there are none.
    pub(super) first_form: Option<Unreadable>,
}

impl MissedVariables {
    pub(super) fn findings(mut self, variables: &Variables, first: &str) -> Vec<Noted> {
        let mut findings = std::mem::take(&mut self.notes);
        findings.extend(self.required(variables, first));
        findings.extend(self.borrowed());
        findings.extend(self.empty());
        findings
    }

    /// Variables without which the project does not start. What the files say without them is imported all the same:
    /// half an estate with the gap named is worth more than none.
    fn required(&self, variables: &Variables, first: &str) -> Option<Noted> {
        let (_, (origin, _)) = self.required.iter().next()?;
        let why = |message: &str| if message.is_empty() { String::new() } else { format!(" ({message})") };
        let places = self
            .required
            .iter()
            .map(|(name, (origin, message))| format!("{name} at {origin}{}", why(message)));
        let (means, to_do) = if variables.given {
            (
                "the environment files do not set them, and compose does not start without; their values are empty here, so addresses in them propose nothing".to_owned(),
                "set them in the environment file or in this shell, and import again",
            )
        } else {
            (
                format!(
                    "there is no .env beside {first} and none was named; their values are empty here, so addresses in them propose nothing"
                ),
                "import again with --env-file and the file that the running system uses",
            )
        };
        let what = format!("required variables are not set: {}", listed(places));
        let finding = Finding::new(Grade::Serious, "required-variable", what, means, to_do);
        Some(Noted { origin: Some(origin.clone()), finding })
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
