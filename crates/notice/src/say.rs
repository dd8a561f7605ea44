//! May this be said? Pure: estate, view and what somebody wants to say to a statement, or a refusal.
//!
//! A statement is refused when a language lags behind, and when it does not agree with what is known: with how a capability
//! stands, with another statement that stands, or with the fact that nobody has assessed whether data left. Whoever says it
//! all the same gives the reason, which is recorded with it.

use std::collections::BTreeSet;

use estate::model::Estate;
use estate::{Id, Kind};
use incident::View;
use incident::event::NoticeEvent;
use incident::notice::{Claim, Statement, StatementView};
use incident::standing::{Standing, standings};
use message::{Command, Message, Remedy};

use super::words::Language;

/// A page has to fit into the first answer of a server, also with several statements.
pub const TEXT_BYTES_MAX: usize = 1_200;

/// Why it was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("nothing is said in {0}")]
    Lags(&'static str),
    #[error("the text in {language} has {bytes} bytes; {TEXT_BYTES_MAX} fit on a page")]
    TooLong { language: String, bytes: usize },
    #[error("{0} is not in the estate")]
    NotInEstate(Id),
    #[error("nobody of those is served with any of these")]
    ConcernsNobody,
    #[error("entry {0} is not in the journal")]
    NotInJournal(u64),
    #[error("whether data has left is claimed, and nothing is named that this rests on")]
    NoBasis,
    #[error("the time of the next update has passed")]
    UpdatePassed,
    #[error("entry {0} is not a statement that stands")]
    NothingToCorrect(u64),
    #[error("the statement in entry {0} was made to more people than its correction")]
    CorrectsFewer(u64),
    #[error("it does not agree with what is known: {}", listed(.0))]
    Contradicts(Vec<Contradiction>),
}

/// What a claim does not agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    Journal {
        tenant: Id,
        capability: Id,
        standing: &'static str,
    },
    /// Nobody has assessed whether data left.
    NotAssessed,
    Statement {
        sequence: u64,
        by: String,
    },
}

/// More of the same say nothing more.
const SHOWN_MAX: usize = 3;

fn listed(all: &[Contradiction]) -> String {
    let one = |contradiction: &Contradiction| match contradiction {
        Contradiction::Journal { tenant, capability, standing } => {
            format!("{capability} of {tenant} is `{standing}`")
        }
        Contradiction::NotAssessed => "nobody has assessed whether data has left".to_owned(),
        Contradiction::Statement { sequence, by } => format!("{by} said the contrary in entry {sequence}"),
    };
    let mut texts: Vec<String> = all.iter().take(SHOWN_MAX).map(one).collect();
    if all.len() > SHOWN_MAX {
        texts.push(format!("and {} more", all.len() - SHOWN_MAX));
    }
    texts.join("; ")
}

impl Refusal {
    pub fn message(&self) -> Message {
        let ledger = || {
            Remedy::run_to("see what was said", Command::new("notice ledger").with("--journal").incident())
        };
        let (means, to_do) = match self {
            Refusal::Lags(language) => (
                "some would read less than others, so nobody was told anything",
                Remedy::from(format!("give the text in this language as well: --{language} TEXT")),
            ),
            Refusal::TooLong { .. } => {
                ("nothing was said", Remedy::from("say it in fewer words, or in two statements"))
            }
            Refusal::NotInEstate(_) => (
                "nothing was said",
                Remedy::from("use the id as the estate has it; `blackstart status` names them"),
            ),
            Refusal::ConcernsNobody => (
                "nothing was said: nobody could read it",
                Remedy::from("name a capability that these tenants have, or leave out --about or --tenant"),
            ),
            Refusal::NotInJournal(_) => (
                "nothing was said: a statement that rests on nothing cannot be defended later",
                Remedy::run_to("find the entry", Command::new("journal show").incident()),
            ),
            Refusal::NoBasis => (
                "nothing was said: this is what examiners ask for first",
                Remedy::from(
                    "write down what was found (`blackstart note`), and name that entry: --basis ENTRY",
                ),
            ),
            Refusal::UpdatePassed => (
                "nothing was said: nobody can keep this promise",
                Remedy::from("give a time that is still to come"),
            ),
            Refusal::NothingToCorrect(_) => ("nothing was said", ledger()),
            Refusal::CorrectsFewer(_) => (
                "nothing was said: some would keep what is wrong",
                Remedy::from(
                    "name the same tenants and audiences as the statement that is corrected, or leave them out",
                ),
            ),
            Refusal::Contradicts(_) => (
                "nothing was said: the public would read two things that cannot both be so",
                Remedy::Steps(vec![
                    ledger(),
                    Remedy::from(
                        "correct the earlier statement (--corrects ENTRY) or record what has changed; if it is right all the same, say why: \
                         --despite REASON",
                    ),
                ]),
            ),
        };
        Message::new(self.to_string(), means, to_do)
    }
}

/// The statement, if it may be made now. `wanted` is as somebody has entered it; as of which entry it is, is filled in.
pub fn say(estate: &Estate, view: &View, wanted: &Statement, now_ms: i64) -> Result<NoticeEvent, Refusal> {
    let mut statement = wanted.clone();
    statement.as_of_entry = view.entries.saturating_sub(1);
    statement.texts.retain(|_, text| !text.trim().is_empty());
    if let Some(id) = unknown(estate, &statement) {
        return Err(Refusal::NotInEstate(id));
    }
    if let Some(language) = lags(estate, &statement) {
        return Err(Refusal::Lags(language.tag()));
    }
    if let Some((language, text)) = statement.texts.iter().find(|(_, text)| text.len() > TEXT_BYTES_MAX) {
        return Err(Refusal::TooLong { language: language.clone(), bytes: text.len() });
    }
    if let Some(entry) = statement.basis.iter().find(|entry| **entry >= view.entries) {
        return Err(Refusal::NotInJournal(*entry));
    }
    if matches!(statement.claim, Claim::Outflow | Claim::NoOutflow) && statement.basis.is_empty() {
        return Err(Refusal::NoBasis);
    }
    if statement.next_update_ms.is_some_and(|next| next <= now_ms) {
        return Err(Refusal::UpdatePassed);
    }
    if let Some(sequence) = statement.corrects {
        let earlier = view.notice.in_force().find(|said| said.sequence == sequence);
        let earlier = earlier.ok_or(Refusal::NothingToCorrect(sequence))?;
        if !reaches(&statement, &earlier.statement) {
            return Err(Refusal::CorrectsFewer(sequence));
        }
    }
    let is_about_capabilities = matches!(statement.claim, Claim::Works | Claim::Down);
    if is_about_capabilities && concerned(estate, view, &statement).is_empty() {
        return Err(Refusal::ConcernsNobody);
    }
    let contradictions = contradictions(estate, view, &statement);
    if !contradictions.is_empty() && statement.despite.is_none() {
        return Err(Refusal::Contradicts(contradictions));
    }
    Ok(NoticeEvent::Said(statement))
}

fn unknown(estate: &Estate, statement: &Statement) -> Option<Id> {
    let is_of = |id: &&Id, kind: Kind| id.kind() != kind || !estate.contains(id);
    let tenant = statement.tenants.iter().find(|id| is_of(id, Kind::Tenant));
    tenant.or_else(|| statement.capabilities.iter().find(|id| is_of(id, Kind::Capability))).cloned()
}

/// The first language in which somebody to whom it is said has a page, and in which it says nothing.
pub fn lags(estate: &Estate, statement: &Statement) -> Option<Language> {
    let read: BTreeSet<Language> = estate
        .tenants
        .iter()
        .filter(|(id, _)| is_to(statement, id))
        .flat_map(|(_, tenant)| Language::order(&tenant.languages))
        .collect();
    // Without a tenant nobody reads it, and an empty one says nothing anyway.
    let wanted = if read.is_empty() { Language::ALL.into() } else { read };
    let has =
        |language: &Language| statement.texts.get(language.tag()).is_some_and(|text| !text.trim().is_empty());
    wanted.into_iter().find(|language| !has(language))
}

/// Statements that stand, and that a page cannot show as it is, because a language lags behind: the estate has changed.
pub fn lagging<'v>(estate: &Estate, view: &'v View) -> Option<(&'v StatementView, Language)> {
    view.notice.in_force().find_map(|said| Some((said, lags(estate, &said.statement)?)))
}

/// Statements that stood when they were made, and that what is known now says otherwise of.
pub fn overtaken<'v>(estate: &Estate, view: &'v View) -> Vec<&'v StatementView> {
    let is_overtaken = |said: &&StatementView| {
        said.statement.despite.is_none() && !against_journal(estate, view, &said.statement).is_empty()
    };
    view.notice.in_force().filter(is_overtaken).collect()
}

pub fn is_to(statement: &Statement, tenant: &Id) -> bool {
    statement.tenants.is_empty() || statement.tenants.contains(tenant)
}

/// Whether everybody who has read `earlier` reads this.
fn reaches(statement: &Statement, earlier: &Statement) -> bool {
    fn holds<T: PartialEq>(all: &[T], some: &[T]) -> bool {
        all.is_empty() || (!some.is_empty() && some.iter().all(|one| all.contains(one)))
    }
    holds(&statement.tenants, &earlier.tenants) && holds(&statement.audiences, &earlier.audiences)
}

/// All that the statement does not agree with.
pub fn contradictions(estate: &Estate, view: &View, statement: &Statement) -> Vec<Contradiction> {
    let mut found = against_journal(estate, view, statement);
    let opposite = match statement.claim {
        Claim::Works => Some(Claim::Down),
        Claim::Down => Some(Claim::Works),
        Claim::NoOutflow => Some(Claim::Outflow),
        Claim::Outflow => Some(Claim::NoOutflow),
        Claim::News => None,
    };
    let others = view.notice.in_force().filter(|said| {
        Some(said.statement.claim) == opposite
            && Some(said.sequence) != statement.corrects
            && meets(&said.statement.tenants, &statement.tenants)
            && meets(&said.statement.capabilities, &statement.capabilities)
    });
    found
        .extend(others.map(|said| Contradiction::Statement { sequence: said.sequence, by: said.by.clone() }));
    found
}

/// Whether two lists, of which an empty one means all, have something in common.
fn meets(one: &[Id], other: &[Id]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|id| other.contains(id))
}

fn against_journal(estate: &Estate, view: &View, statement: &Statement) -> Vec<Contradiction> {
    let is_contrary: fn(&Standing) -> bool = match statement.claim {
        Claim::Works => |standing| *standing != Standing::Works,
        // Where it is not known, a person may know more.
        Claim::Down => |standing| !matches!(standing, Standing::Down { .. } | Standing::NotKnown(_)),
        // No entry of a journal says today that somebody has looked for an outflow and found none.
        Claim::NoOutflow => return vec![Contradiction::NotAssessed],
        Claim::Outflow | Claim::News => return Vec::new(),
    };
    let concerned = concerned(estate, view, statement).into_iter();
    concerned
        .filter(|(_, _, standing)| is_contrary(standing))
        .map(|(tenant, capability, standing)| Contradiction::Journal {
            tenant,
            capability,
            standing: standing.word(),
        })
        .collect()
}

fn concerned(estate: &Estate, view: &View, statement: &Statement) -> Vec<(Id, Id, Standing)> {
    let is_about =
        |capability: &Id| statement.capabilities.is_empty() || statement.capabilities.contains(capability);
    let all = standings(estate, view).into_iter();
    all.filter(|(tenant, capability, _)| is_to(statement, tenant) && is_about(capability)).collect()
}
