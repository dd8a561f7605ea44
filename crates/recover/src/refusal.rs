//! Why something is not done now, and what would allow it.

use message::{Command, Message, Remedy};

use estate::Id;

/// One reason. `Display` says what is so; `message` also what it means and what to do.
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
    #[error("{service} waits for a person who starts it: the estate names no command for that{}", not_yet(.why))]
    ByHand { service: Id, why: String },
    #[error("{store} waits for a person who brings its data back: the estate names no copy of it")]
    BroughtBack { store: Id },
    #[error("{step} is not begun: {provider} is not healthy: {why}")]
    ProviderUnhealthy { step: String, provider: Id, why: String },
    #[error("{step} is not begun: {provider} is lost, and this plan does not bring it back")]
    ProviderNotPlanned { step: String, provider: Id },
    #[error("{store} is not restored: {why}")]
    NotClean { store: Id, why: String, repository: Option<String> },
    #[error(
        "{store} is not restored: it has clean snapshots, but many files vanished before the newest of them was made, and nobody has chosen one"
    )]
    NotChosen { store: Id },
    #[error("{service} is parked: it cannot work without {waits_for}")]
    Parked { service: Id, waits_for: Id },
    #[error("{service} needs a second person; {by} began this run")]
    SecondPerson { service: Id, by: String },
    #[error("{service} is not started: it is cut off since entry {sequence}, and nobody has lifted that")]
    CutOff { service: Id, sequence: u64 },
    #[error("{service} should be stopped, but it cannot be: {why}")]
    CannotStop { service: Id, why: String },
    #[error("{step} waits for {after}")]
    After { step: String, after: String },
    #[error("{alone} of {services} services ({percent} %) have no known dependency in either direction")]
    TooLittleKnown { alone: usize, services: usize, percent: usize },
}

fn other_approved(approved: Option<&str>) -> String {
    approved.map_or_else(|| "; no plan is".to_owned(), |hash| format!("; the approved one is {hash}"))
}

fn not_yet(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" (its gate says: {why})") }
}

fn other_run(current: Option<&str>) -> String {
    current
        .map_or_else(|| "but nothing has been run".to_owned(), |run| format!("but {run} is the current one"))
}

/// `repository`: where the estate says that its copies lie.
fn judge(store: &Id, repository: Option<&str>) -> Remedy {
    let scan = Command::new("scan");
    let scan = match repository {
        Some(repository) => scan.with(repository),
        None => scan.open("restic:REPO"),
    };
    Remedy::run_to("judge its snapshots", scan.with("--journal").incident().option("--store", store))
}

fn by_hand(service: &Id, why: &str) -> Remedy {
    let to_do = match why {
        "" => "start it, check that it works, then say so",
        _ => "start it; recover goes on when its gate passes, or say so",
    };
    Remedy::run_to(to_do, Command::new("resume").incident().with(service).option("--found", "done").reason())
}

/// A plan from where the run stands now; its hash is printed with the way to approve it.
fn plan_again() -> Remedy {
    Remedy::run_to(
        "plan again from where it stands now",
        Command::new("plan").open("ESTATE").with("--continue").with("--journal").incident(),
    )
}

fn in_doubt(target: &Id) -> Remedy {
    let resume = || Command::new("resume").incident().with(target);
    let found = |found: &str| Remedy::run(resume().option("--found", found).reason());
    Remedy::ask(
        "check whether it happened.",
        [("if it did", found("done")), ("if it did not", found("not-done"))],
    )
}

/// How more becomes known; or a person says that it is to go on all the same.
fn learn_more() -> Remedy {
    Remedy::ask(
        "",
        [
            (
                "find out what they need; they are listed by",
                Remedy::run(Command::new("check").open("ESTATE")),
            ),
            ("what is proposed is shown by", Remedy::run(Command::new("import confirm").open("ESTATE"))),
            ("go on all the same", Remedy::from("call again with --despite-ignorance")),
        ],
    )
}

impl Refusal {
    pub fn message(&self) -> Message {
        Message::new(self.to_string(), self.means(), self.to_do())
    }

    fn means(&self) -> &'static str {
        match self {
            Refusal::NotApproved { .. } | Refusal::OtherRun { .. } => "nothing was begun",
            Refusal::TooLittleKnown { .. } => {
                "the plan starts them in any order, and what they really need shows only when they fail; nothing was begun"
            }
            Refusal::Unread { .. }
            | Refusal::OnHold { .. }
            | Refusal::PartChanged { .. }
            | Refusal::Failed { .. }
            | Refusal::InDoubt { .. }
            | Refusal::ByHand { .. }
            | Refusal::BroughtBack { .. }
            | Refusal::ProviderUnhealthy { .. }
            | Refusal::ProviderNotPlanned { .. }
            | Refusal::NotClean { .. }
            | Refusal::NotChosen { .. }
            | Refusal::CutOff { .. }
            | Refusal::SecondPerson { .. } => "it and what depends on it wait; everything else goes on",
            Refusal::CannotStop { .. } => {
                "it may still run although it is not healthy; what depends on it waits"
            }
            Refusal::Parked { .. } | Refusal::After { .. } => "it waits; nobody has to do anything about it",
        }
    }

    /// What would allow it.
    fn to_do(&self) -> Remedy {
        let resume = |id: &Id| Command::new("resume").incident().with(id);
        match self {
            Refusal::NotApproved { plan, .. } => Remedy::run(Command::new("approve").incident().with(plan)),
            Refusal::OtherRun { .. } => plan_again(),
            Refusal::Unread { sequence, .. } => Remedy::unread_entry(*sequence),
            Refusal::OnHold { on, .. } => Remedy::run_to("when the reason is gone", Command::lift_hold(on)),
            Refusal::PartChanged { .. } => plan_again(),
            Refusal::Failed { target, .. } => {
                Remedy::run_to("deal with the cause, then", resume(target).reason())
            }
            Refusal::InDoubt { target, .. } => in_doubt(target),
            Refusal::ByHand { service, why } => by_hand(service, why),
            Refusal::BroughtBack { store } => Remedy::run_to(
                "put clean data in its place, look at it, then say so; or write a `source` into the estate and plan again",
                resume(store).option("--found", "done").reason(),
            ),
            Refusal::ProviderUnhealthy { provider, .. } => Remedy::Do(format!(
                "bring {provider} to health, then run again; or plan again with {provider} as lost"
            )),
            Refusal::ProviderNotPlanned { provider, .. } => {
                Remedy::Do(format!("plan again with a way to bring {provider} back (a source for a store)"))
            }
            Refusal::NotClean { store, repository, .. } => judge(store, repository.as_deref()),
            Refusal::NotChosen { store } => Remedy::run_to(
                "choose one as the scan advised",
                Command::new("choose").incident().with(store).open("SNAPSHOT"),
            ),
            Refusal::Parked { waits_for, .. } => {
                Remedy::Do(format!("it continues by itself when {waits_for} is healthy"))
            }
            Refusal::SecondPerson { service, .. } => {
                let why =
                    "somebody else allows it; the name is as it is typed, nothing here proves who that is";
                Remedy::run_to(why, resume(service).with("--by").open("NAME").reason())
            }
            Refusal::CutOff { service, .. } => Remedy::run_to(
                "when what it starts from is clean, lift the cut, then run again",
                Command::new("contain lift").incident().with(service).reason(),
            ),
            Refusal::CannotStop { service, .. } => {
                Remedy::Do(format!("stop {service} by hand, then run again"))
            }
            Refusal::After { .. } => Remedy::from("nothing: it continues by itself"),
            Refusal::TooLittleKnown { .. } => learn_more(),
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
            | Refusal::ByHand { .. }
            | Refusal::BroughtBack { .. }
            | Refusal::ProviderUnhealthy { .. }
            | Refusal::ProviderNotPlanned { .. }
            | Refusal::NotClean { .. }
            | Refusal::NotChosen { .. }
            | Refusal::SecondPerson { .. }
            | Refusal::CutOff { .. }
            | Refusal::TooLittleKnown { .. }
            | Refusal::CannotStop { .. } => false,
        }
    }
}
