//! Which things of a plan rest on a part of the estate that is not the one it was made for?
//!
//! A plan of version 3 notes each part by a hash of its canonical text, and that hash is taken again. Versions 1 and 2
//! noted a hash of how one build of this program printed its own types, which no other build comes to again; they would
//! hold every step for ever. So for them the two estates are compared: the journal keeps the text of every estate that was
//! in force, by its hash, and an approved plan was made for one of them. Only if that text is gone as well nothing is
//! known; then nothing is run.

use std::collections::BTreeSet;

use super::file::Plan;
use estate::{Estate, Id, canonical, fingerprint};

/// The first version that notes parts by their canonical text.
const COMPARABLE: u32 = 3;

/// Nobody can say what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this plan has the form of version {version}, and the estate was edited after it was made: which steps that concerns \
     cannot be told"
)]
pub struct NotComparable {
    pub version: u32,
}

/// `planned` is the text of the estate that the plan was made for, if anybody still has it.
pub fn changed(plan: &Plan, estate: &Estate, planned: Option<&str>) -> Result<BTreeSet<Id>, NotComparable> {
    let now = fingerprint::hashes(estate, plan.parts.keys());
    let then = if plan.version >= COMPARABLE {
        plan.parts.clone()
    } else if canonical::hash(estate) == plan.estate_hash {
        now.clone()
    } else {
        let planned = planned.filter(|text| canonical::hash_of_text(text) == plan.estate_hash);
        let planned = planned.and_then(|text| canonical::from_text(text).ok());
        let planned = planned.ok_or(NotComparable { version: plan.version })?;
        fingerprint::hashes(&planned, plan.parts.keys())
    };
    Ok(then.into_iter().filter(|(id, hash)| now.get(id) != Some(hash)).map(|(id, _)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESTATE: &str =
        "[service.core]\nneeds.data = [\"store:core\"]\n[service.mail]\n[store.core]\nsize = 7\n";

    fn estate(text: &str) -> Estate {
        canonical::from_text(text).expect("an estate")
    }

    fn plan(version: u32) -> Plan {
        let estate = estate(ESTATE);
        let ids = ["service:core", "service:mail", "store:core"].map(|id| id.parse().expect("an id"));
        // Before version 3 the hashes say nothing that can still be read.
        let parts = match version {
            3 => fingerprint::hashes(&estate, ids.iter()),
            _ => ids.into_iter().map(|id| (id, "0".repeat(64))).collect(),
        };
        Plan { version, estate_hash: canonical::hash(&estate), parts, ..Plan::default() }
    }

    /// What is changed, as text; `planned` is kept in canonical form, as the journal does.
    fn changes(version: u32, now: &str, planned: Option<&str>) -> Result<Vec<String>, NotComparable> {
        let planned = planned.map(|text| canonical::text(&estate(text)));
        let changed = changed(&plan(version), &estate(now), planned.as_deref())?;
        Ok(changed.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn on_the_estate_it_was_made_for_no_plan_of_any_version_is_held() {
        for version in 1..=3 {
            assert_eq!(changes(version, ESTATE, None), Ok(vec![]), "version {version}");
        }
    }

    #[test]
    fn an_edit_holds_what_it_concerns_and_nothing_else_whatever_the_version() {
        let elsewhere = format!("provider = \"Example\"\n{ESTATE}[service.new]\n");
        let of_mail = ESTATE.replace("[service.mail]", "[service.mail]\nboot_s = 3");
        let without_store =
            ESTATE.replace("needs.data = [\"store:core\"]\n", "").replace("size = 7", "size = 8");
        for version in 1..=3 {
            assert_eq!(changes(version, &elsewhere, Some(ESTATE)), Ok(vec![]));
            assert_eq!(changes(version, &of_mail, Some(ESTATE)), Ok(vec!["service:mail".to_owned()]));
            let both = vec!["service:core".to_owned(), "store:core".to_owned()];
            assert_eq!(changes(version, &without_store, Some(ESTATE)), Ok(both));
        }
    }

    #[test]
    fn an_old_plan_for_an_estate_that_nobody_has_any_more_is_not_run_on_another() {
        let edited = format!("{ESTATE}[service.new]\n");
        for version in 1..=2 {
            let refused = Err(NotComparable { version });
            assert_eq!(changes(version, &edited, None), refused);
            assert_eq!(
                changes(version, &edited, Some(&edited)),
                refused,
                "a text of another estate proves nothing"
            );
        }
        assert_eq!(changes(3, &edited, None), Ok(vec![]), "a new one says it by itself");
    }
}
