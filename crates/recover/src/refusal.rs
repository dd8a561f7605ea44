//! Why something is not done now, and what would allow it.

use estate::Id;

/// One reason. `Display` says what is so; `to_do` what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this plan ({plan}) is not approved{}", other_approved(.approved.as_deref()))]
    NotApproved { plan: String, approved: Option<String> },
    #[error("this plan goes on with run {planned}, {}", other_run(.current.as_deref()))]
    OtherRun { planned: String, current: Option<String> },
    #[error("entry {sequence} about {target} cannot be read by this version")]
    Unread { target: Id, sequence: u64 },
    #[error("{target}: {on} is on hold since entry {sequence}, by {by}: {reason}")]
    OnHold { target: Id, on: Id, sequence: u64, by: String, reason: String },
    #[error("{target}: the estate was changed here after the plan was made")]
    PartChanged { target: Id },
    #[error("{step} failed: {detail}")]
    Failed { step: String, target: Id, detail: String },
    #[error("{step}: nobody knows whether it happened, and it must not happen twice: {detail}")]
    InDoubt { step: String, target: Id, detail: String },
    #[error("{step} is not begun: {provider} is not healthy: {why}")]
    ProviderUnhealthy { step: String, provider: Id, why: String },
    #[error("{step} is not begun: {provider} is lost, and this plan does not bring it back")]
    ProviderNotPlanned { step: String, provider: Id },
    #[error("{store} is not restored: {why}")]
    NotClean { store: Id, why: String },
    #[error(
        "{store} is not restored: it has clean snapshots, but many files vanished before the newest of them was made, and nobody has chosen one"
    )]
    NotChosen { store: Id },
    #[error("{service} is parked: it cannot work without {waits_for}")]
    Parked { service: Id, waits_for: Id },
    #[error("{service} needs a second person; {by} began this run")]
    SecondPerson { service: Id, by: String },
    #[error("{service} should be stopped, but it cannot be: {why}")]
    CannotStop { service: Id, why: String },
    #[error("{step} waits for {after}")]
    After { step: String, after: String },
}

fn other_approved(approved: Option<&str>) -> String {
    approved.map_or_else(|| "; no plan is".to_owned(), |hash| format!("; the approved one is {hash}"))
}

fn other_run(current: Option<&str>) -> String {
    current
        .map_or_else(|| "but nothing has been run".to_owned(), |run| format!("but {run} is the current one"))
}

impl Refusal {
    /// What would allow it. `folder` is the incident folder, as the person typed it.
    pub fn to_do(&self, folder: &str) -> String {
        match self {
            Refusal::NotApproved { plan, .. } => format!("blackstart approve {folder} {plan}"),
            Refusal::OtherRun { .. } => {
                format!("plan again from where it stands now: blackstart plan ESTATE --continue --journal {folder}")
            }
            Refusal::Unread { .. } => {
                "use the newer program that wrote it; or look at it in `blackstart journal show` and accept it"
                    .to_owned()
            }
            Refusal::OnHold { on, .. } => {
                format!("when the reason is gone: blackstart resume {folder} {on} --reason TEXT")
            }
            Refusal::PartChanged { .. } => {
                "plan again on the estate as it is now, approve that plan, and run it".to_owned()
            }
            Refusal::Failed { target, .. } => {
                format!("deal with the cause, then: blackstart resume {folder} {target} --reason TEXT")
            }
            Refusal::InDoubt { target, .. } => format!(
                "check whether it happened, then: blackstart resume {folder} {target} --found done|not-done --reason TEXT"
            ),
            Refusal::ProviderUnhealthy { provider, .. } => {
                format!("bring {provider} to health, then run again; or plan again with {provider} as lost")
            }
            Refusal::ProviderNotPlanned { provider, .. } => {
                format!("plan again with a way to bring {provider} back (a source for a store)")
            }
            Refusal::NotClean { store, .. } => {
                format!("judge its snapshots: blackstart scan restic:REPO --journal {folder} --store {store}")
            }
            Refusal::NotChosen { store } => {
                format!("choose one as the scan advised: blackstart choose {folder} {store} SNAPSHOT")
            }
            Refusal::Parked { waits_for, .. } => format!("it continues by itself when {waits_for} is healthy"),
            Refusal::SecondPerson { service, .. } => format!(
                "somebody else allows it: blackstart resume {folder} {service} --by NAME --reason TEXT"
            ),
            Refusal::CannotStop { service, .. } => {
                format!("stop {service} by hand, then run again")
            }
            Refusal::After { .. } => "nothing: it continues by itself".to_owned(),
        }
    }

    /// It follows from another reason that is shown anyway.
    pub fn follows_from_another(&self) -> bool {
        match self {
            Refusal::After { .. } | Refusal::Parked { .. } => true,
            Refusal::NotApproved { .. }
            | Refusal::OtherRun { .. }
            | Refusal::Unread { .. }
            | Refusal::OnHold { .. }
            | Refusal::PartChanged { .. }
            | Refusal::Failed { .. }
            | Refusal::InDoubt { .. }
            | Refusal::ProviderUnhealthy { .. }
            | Refusal::ProviderNotPlanned { .. }
            | Refusal::NotClean { .. }
            | Refusal::NotChosen { .. }
            | Refusal::SecondPerson { .. }
            | Refusal::CannotStop { .. } => false,
        }
    }
}
