//! A rule: who owes what to whom, within which time, by which law.

use jiff::tz::TimeZone;
use serde::Deserialize;
use thiserror::Error;

/// The rules that come with the program.
const OURS: &[&str] = &[
    include_str!("../rules/nis2-de.toml"),
    include_str!("../rules/gdpr-33-2.toml"),
    include_str!("../rules/gdpr-33-1.toml"),
    include_str!("../rules/sgb10-83a.toml"),
    include_str!("../rules/gdpr-34.toml"),
    include_str!("../rules/sgb5-329.toml"),
    include_str!("../rules/dora.toml"),
];

/// Who owes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owed {
    /// The provider, to an authority: one clock.
    Provider,
    /// The provider, to each tenant: a clock for each.
    ProviderToTenant,
    /// Each tenant, to an authority or to people: a clock for each.
    Tenant,
}

/// By which law a period is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// From the moment on; free days prolong nothing.
    Calendar,
    /// Regulation (EEC, Euratom) 1182/71: beside the strict end there may be a later one.
    #[serde(rename = "eu-1182-71")]
    Eu118271,
}

/// A text in two languages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub de: String,
    pub en: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    pub version: u32,
    pub as_of: String,
    pub law: String,
    pub source: String,
    pub owed_by: Owed,
    /// IANA name of the zone in which months and days are counted and times shown.
    pub zone: String,
    pub counted: Counted,
    /// What has to be known to say whether it is owed, and stands in no estate.
    pub facts: Vec<String>,
    pub title: Words,
    pub to: Words,
    pub text: Words,
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub name: String,
    /// `aware`, or the step whose filing begins this period.
    pub from: String,
    pub hours: Option<u32>,
    pub months: Option<u32>,
    pub title: Words,
    /// What the report has to answer and no journal knows.
    #[serde(default)]
    pub ask: Vec<String>,
}

/// Why a text is no rule.
#[derive(Debug, Error)]
pub enum RuleFault {
    #[error("it is not a rule: {0}")]
    Form(String),
    #[error("there is no zone {0:?}")]
    Zone(String),
    #[error("step {0:?} begins with {1:?}, which is neither `aware` nor a step before it")]
    From(String, String),
    #[error("step {0:?} has hours and months")]
    Period(String),
    #[error("{0}")]
    Name(&'static str),
}

impl Rule {
    /// Reads a rule file.
    pub fn read(text: &str) -> Result<Rule, RuleFault> {
        let rule: Rule = toml::from_str(text).map_err(|error| RuleFault::Form(error.message().to_owned()))?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if !is_name(&rule.id) || rule.steps.iter().any(|step| !is_name(&step.name)) {
            return Err(RuleFault::Name("ids and names of steps are small letters, digits and `-`"));
        }
        if rule.steps.is_empty() {
            return Err(RuleFault::Name("it has no step"));
        }
        TimeZone::get(&rule.zone).map_err(|_| RuleFault::Zone(rule.zone.clone()))?;
        for (at, step) in rule.steps.iter().enumerate() {
            let before = rule.steps[..at].iter().any(|before| before.name == step.from);
            if step.from != "aware" && !before {
                return Err(RuleFault::From(step.name.clone(), step.from.clone()));
            }
            if rule.steps[..at].iter().any(|before| before.name == step.name) {
                return Err(RuleFault::Name("two steps have one name"));
            }
            if step.hours.is_some() && step.months.is_some() {
                return Err(RuleFault::Period(step.name.clone()));
            }
        }
        Ok(rule)
    }

    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Checked when the rule was read.
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }
}

/// The rules that come with the program, each with its text.
pub fn ours() -> Vec<(Rule, &'static str)> {
    OURS.iter().filter_map(|text| Rule::read(text).ok().map(|rule| (rule, *text))).collect()
}
