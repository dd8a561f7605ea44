//! Starting a clock, and filing. Pure: view and wish to events, or a refusal.

use estate::{Estate, Id};
use incident::duty::named;
use incident::event::DutyEvent;
use incident::{Event, View};
use message::{Command, Message, Remedy};

use crate::rule::{Owed, Rule};

/// Why it was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0} runs already, since entry {1}")]
    Runs(String, u64),
    #[error("{0} is owed for each tenant: say for whom")]
    WhichTenant(String),
    #[error("{0} is the provider's own: it is owed once, not for a tenant")]
    NotATenants(String),
    #[error("{0} is not in the estate of this incident")]
    NotInEstate(Id),
    #[error("nobody can have been aware of it since a time that has not come yet")]
    AwareInFuture,
    #[error("nothing can be filed at a time that has not come yet")]
    FiledInFuture,
    #[error("it cannot have been filed before anybody was aware of it")]
    FiledBefore,
    #[error("{0} runs from that time already")]
    SameTime(String),
    #[error("the clock of {0} was never started")]
    NotStarted(String),
    #[error("{duty} has no step `{step}`; it has {steps}")]
    NoStep { duty: String, step: String, steps: String },
    #[error("the rule that {0} was started by cannot be read by this version")]
    RuleNotRead(String),
    #[error("there is no reason given")]
    NoReason,
    #[error("there is no receipt given")]
    NoReceipt,
}

impl Refusal {
    pub fn message(&self) -> Message {
        let list = || Remedy::run_to("see every clock", Command::new("duty list").incident());
        let (means, to_do) = match self {
            Refusal::Runs(..) => (
                "it is counted from what was said; nothing was recorded",
                Remedy::run_to(
                    "if that time was wrong",
                    Command::new("duty correct").incident().open("KIND").with("--aware-since").open("TIME").reason(),
                ),
            ),
            Refusal::SameTime(_) => ("nothing was recorded", list()),
            Refusal::WhichTenant(_) => (
                "each tenant has a clock of its own; nothing was started",
                "name them with --tenant, or all with --every-tenant".into(),
            ),
            Refusal::NotATenants(_) => ("nothing was started", "leave out --tenant".into()),
            Refusal::NotInEstate(_) => {
                ("nothing was recorded", "write the tenant as the estate does, for example tenant:north".into())
            }
            Refusal::AwareInFuture | Refusal::FiledInFuture | Refusal::FiledBefore => (
                "a clock counted from there would be wrong; nothing was recorded",
                "write the time as clocks there show it, or with its offset; and look at this machine's clock".into(),
            ),
            Refusal::NotStarted(_) => (
                "nobody has said since when somebody was aware of it, so nothing can be filed in time; nothing was recorded",
                Remedy::run_to(
                    "start it first",
                    Command::new("duty start").incident().open("KIND").with("--aware-since").open("TIME").reason(),
                ),
            ),
            Refusal::NoStep { .. } => ("nothing was recorded", list()),
            Refusal::RuleNotRead(_) => (
                "what is owed by it is not known here; nothing was recorded",
                "use the version of this program that started it".into(),
            ),
            Refusal::NoReason => (
                "why a clock began is asked later; nothing was recorded",
                "say how it is known, with --reason".into(),
            ),
            Refusal::NoReceipt => (
                "a clock stops only with what the other side gave back; nothing was recorded",
                "name the number, the time stamp or the file name of the receipt, with --receipt".into(),
            ),
        };
        Message::new(self.to_string(), means, to_do)
    }
}

/// What a person says when a clock is started.
pub struct Start<'a> {
    pub rule: &'a Rule,
    /// The file, as it is.
    pub text: &'a str,
    /// Empty: the provider's own.
    pub tenants: &'a [Id],
    pub aware_since_ms: i64,
    pub reason: &'a str,
}

/// All of the clocks that are asked for, or none.
pub fn start(view: &View, estate: &Estate, wish: &Start<'_>, now_ms: i64) -> Result<Vec<Event>, Refusal> {
    let id = wish.rule.id.clone();
    if wish.reason.trim().is_empty() {
        return Err(Refusal::NoReason);
    }
    if wish.aware_since_ms > now_ms {
        return Err(Refusal::AwareInFuture);
    }
    let whose: Vec<Option<Id>> = match (wish.rule.owed_by, wish.tenants) {
        (Owed::Provider, []) => vec![None],
        (Owed::Provider, _) => return Err(Refusal::NotATenants(id)),
        (Owed::Tenant | Owed::ProviderToTenant, []) => return Err(Refusal::WhichTenant(id)),
        (Owed::Tenant | Owed::ProviderToTenant, tenants) => tenants.iter().cloned().map(Some).collect(),
    };
    let mut events: Vec<Event> = Vec::new();
    for tenant in whose {
        if let Some(tenant) = tenant.as_ref().filter(|tenant| !estate.tenants.contains_key(*tenant)) {
            return Err(Refusal::NotInEstate(tenant.clone()));
        }
        if let Some(runs) = view.duty.find(&id, tenant.as_ref()) {
            return Err(Refusal::Runs(named(&id, tenant.as_ref()), runs.sequence));
        }
        events.push(Event::Duty(DutyEvent::Started {
            duty: id.clone(),
            tenant,
            rule: wish.text.to_owned(),
            aware_since_ms: wish.aware_since_ms,
            reason: wish.reason.to_owned(),
        }));
    }
    Ok(events)
}

/// The time from which a clock runs was wrong. What was said before stays, with who corrected it and why: a later time gives
/// more time, and somebody will ask.
pub fn correct(
    view: &View,
    duty: &str,
    tenant: Option<&Id>,
    aware_since_ms: i64,
    reason: &str,
    now_ms: i64,
) -> Result<Vec<Event>, Refusal> {
    let name = named(duty, tenant);
    let runs = view.duty.find(duty, tenant).ok_or_else(|| Refusal::NotStarted(name.clone()))?;
    if reason.trim().is_empty() {
        return Err(Refusal::NoReason);
    }
    if aware_since_ms > now_ms {
        return Err(Refusal::AwareInFuture);
    }
    if runs.aware_since_ms == aware_since_ms {
        return Err(Refusal::SameTime(name));
    }
    if runs.filed.iter().any(|filed| filed.filed_at_ms < aware_since_ms) {
        return Err(Refusal::FiledBefore);
    }
    let (duty, tenant, reason) = (duty.to_owned(), tenant.cloned(), reason.to_owned());
    Ok(vec![Event::Duty(DutyEvent::Corrected { duty, tenant, aware_since_ms, reason })])
}

/// What a person says when something was filed.
pub struct Filing<'a> {
    pub duty: &'a str,
    pub tenant: Option<&'a Id>,
    pub step: &'a str,
    pub receipt: &'a str,
    pub filed_at_ms: i64,
}

/// A step that was filed already may be filed again: reports are given in phases.
pub fn file(view: &View, filing: &Filing<'_>, now_ms: i64) -> Result<Vec<Event>, Refusal> {
    let name = named(filing.duty, filing.tenant);
    let runs = view.duty.find(filing.duty, filing.tenant).ok_or_else(|| Refusal::NotStarted(name.clone()))?;
    let rule = Rule::read(&runs.rule).map_err(|_| Refusal::RuleNotRead(name.clone()))?;
    if rule.step(filing.step).is_none() {
        let steps: Vec<&str> = rule.steps.iter().map(|step| step.name.as_str()).collect();
        return Err(Refusal::NoStep { duty: name, step: filing.step.to_owned(), steps: steps.join(", ") });
    }
    if filing.receipt.trim().is_empty() {
        return Err(Refusal::NoReceipt);
    }
    if filing.filed_at_ms > now_ms {
        return Err(Refusal::FiledInFuture);
    }
    if filing.filed_at_ms < runs.aware_since_ms {
        return Err(Refusal::FiledBefore);
    }
    Ok(vec![Event::Duty(DutyEvent::Filed {
        duty: filing.duty.to_owned(),
        tenant: filing.tenant.cloned(),
        step: filing.step.to_owned(),
        receipt: filing.receipt.to_owned(),
        filed_at_ms: filing.filed_at_ms,
    })])
}
