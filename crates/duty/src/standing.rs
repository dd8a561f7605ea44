//! How each clock stands at a moment, and which duties nobody has started a clock for.

use estate::{Estate, Id};
use incident::View;
use incident::duty::{Corrected, Duty, Filed};
use serde::Serialize;

use crate::clock::{self, Due};
use crate::rule::{self, Owed, Rule};

/// Warnings come this long before the end.
const SOON_MS: i64 = 12 * 3_600_000;

/// One step of one clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    pub duty: String,
    pub tenant: Option<Id>,
    /// Entry that started it.
    pub entry: u64,
    pub law: String,
    pub step: String,
    pub title: String,
    pub to: String,
    pub zone: String,
    pub aware_since_ms: i64,
    /// Earlier times from which it was said to run.
    pub corrected: Vec<Corrected>,
    pub state: State,
    pub due_ms: Option<i64>,
    /// Later than `due_ms`, where Regulation 1182/71 gives more; nobody should wait for it without a lawyer's word.
    pub by_regulation_ms: Option<i64>,
    /// Of the first filing, and the entry that says so.
    pub filed_at_ms: Option<i64>,
    pub filed_entry: Option<u64>,
    pub receipt: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its end has passed, and nothing was filed.
    Overdue,
    /// Less than twelve hours are left.
    Soon,
    /// The rule cannot be read here, or its end lies outside of all calendars: how long is left is not known.
    NotKnown,
    /// Without undue delay: there is no hour.
    AtOnce,
    Running,
    /// Its period begins with the filing of a step that was not filed.
    Waits,
    FiledLate,
    Filed,
}

impl State {
    /// Whether somebody still has to file.
    pub fn is_open(self) -> bool {
        match self {
            State::Overdue
            | State::Soon
            | State::NotKnown
            | State::AtOnce
            | State::Running
            | State::Waits => true,
            State::FiledLate | State::Filed => false,
        }
    }
}

/// Every step of every clock, the most urgent first.
pub fn lines(view: &View, now_ms: i64) -> Vec<Line> {
    let mut all: Vec<Line> = view.duty.duties.iter().flat_map(|duty| of(duty, now_ms)).collect();
    all.sort_by_key(|line| (line.state, line.due_ms, line.entry));
    all
}

fn of(duty: &Duty, now_ms: i64) -> Vec<Line> {
    match Rule::read(&duty.rule) {
        Ok(rule) => rule.steps.iter().map(|step| line(duty, &rule, step, now_ms)).collect(),
        Err(_) => vec![Line {
            duty: duty.duty.clone(),
            tenant: duty.tenant.clone(),
            entry: duty.sequence,
            law: "not known: its rule cannot be read by this version".to_owned(),
            step: "?".to_owned(),
            title: "?".to_owned(),
            to: "?".to_owned(),
            zone: "UTC".to_owned(),
            aware_since_ms: duty.aware_since_ms,
            corrected: duty.corrected.clone(),
            state: State::NotKnown,
            due_ms: None,
            by_regulation_ms: None,
            filed_at_ms: None,
            filed_entry: None,
            receipt: None,
        }],
    }
}

fn first_filed<'d>(duty: &'d Duty, step: &str) -> Option<&'d Filed> {
    duty.filed.iter().filter(|filed| filed.step == step).min_by_key(|filed| filed.filed_at_ms)
}

fn line(duty: &Duty, rule: &Rule, step: &rule::Step, now_ms: i64) -> Line {
    let from = match step.from.as_str() {
        "aware" => Some(duty.aware_since_ms),
        // Of reports that were given in phases the last one counts for what follows it.
        before => duty.filed.iter().filter(|filed| filed.step == before).map(|filed| filed.filed_at_ms).max(),
    };
    let end: Option<Result<Option<Due>, _>> = from.map(|from| clock::due(rule, step, from));
    let due = end.and_then(Result::ok).flatten();
    let filed = first_filed(duty, &step.name);
    let state = match (filed, end) {
        (Some(filed), _) if due.is_some_and(|due| filed.filed_at_ms > due.at_ms) => State::FiledLate,
        (Some(_), _) => State::Filed,
        (None, None) => State::Waits,
        (None, Some(Err(_))) => State::NotKnown,
        (None, Some(Ok(None))) => State::AtOnce,
        (None, Some(Ok(Some(due)))) if due.at_ms < now_ms => State::Overdue,
        (None, Some(Ok(Some(due)))) if due.at_ms - now_ms <= SOON_MS => State::Soon,
        (None, Some(Ok(Some(_)))) => State::Running,
    };
    Line {
        duty: duty.duty.clone(),
        tenant: duty.tenant.clone(),
        entry: duty.sequence,
        law: rule.law.clone(),
        step: step.name.clone(),
        title: step.title.en.clone(),
        to: rule.to.en.clone(),
        zone: rule.zone.clone(),
        aware_since_ms: duty.aware_since_ms,
        corrected: duty.corrected.clone(),
        state,
        due_ms: due.map(|due| due.at_ms),
        by_regulation_ms: due.and_then(|due| due.by_regulation_ms),
        filed_at_ms: filed.map(|filed| filed.filed_at_ms),
        filed_entry: filed.map(|filed| filed.sequence),
        receipt: filed.map(|filed| filed.receipt.clone()),
    }
}

/// A duty for which clocks are missing, and what nobody has said about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    pub duty: String,
    pub law: String,
    pub title: String,
    pub to: String,
    /// Who would owe it.
    pub owed_by: String,
    /// How many clocks could still be started: one for each tenant, or one.
    pub clocks: usize,
    /// What has to be known to say whether it is owed.
    pub not_known: Vec<String>,
}

/// Every duty of our rules that not everybody has a clock for. That it is here does not mean that it is owed; that it is not
/// owed is never said.
pub fn missing(estate: &Estate, view: &View) -> Vec<Missing> {
    let all = rule::ours().into_iter().map(|(rule, _)| rule);
    all.filter_map(|rule| {
        let open: Vec<&Id> = estate
            .tenants
            .keys()
            .filter(|tenant| view.duty.find(&rule.id, Some(*tenant)).is_none())
            .collect();
        let (owed_by, clocks) = match rule.owed_by {
            Owed::Provider => {
                ("the provider".to_owned(), usize::from(view.duty.find(&rule.id, None).is_none()))
            }
            Owed::ProviderToTenant => ("the provider, to each tenant".to_owned(), open.len()),
            Owed::Tenant => ("each tenant".to_owned(), open.len()),
        };
        // With no tenant in the estate nobody knows whom it would be owed to.
        let is_nobody = estate.tenants.is_empty() && rule.owed_by != Owed::Provider;
        let mut not_known = rule.facts.clone();
        if is_nobody {
            not_known.push("whom it concerns: the estate names no tenant".to_owned());
        }
        let unsupervised = open.iter().filter(|id| estate.tenants[**id].supervisor.is_none()).count();
        if rule.owed_by == Owed::Tenant && unsupervised > 0 {
            not_known.push(format!(
                "the supervisor of {unsupervised} of {} tenants: not in the estate",
                open.len()
            ));
        }
        (clocks > 0 || is_nobody).then(|| Missing {
            duty: rule.id.clone(),
            law: rule.law.clone(),
            title: rule.title.en.clone(),
            to: rule.to.en.clone(),
            owed_by,
            clocks,
            not_known,
        })
    })
    .collect()
}
