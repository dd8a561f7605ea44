//! Why there is no plan: what was found, what it means, what would make one possible.

use message::{Command, Message, Remedy};

use super::limit::LimitName;
use estate::Id;
use estate::model::{Edge, EdgeKind, Evidence};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("{} not in this estate", named(ids))]
    NotInEstate { ids: Vec<Id> },
    #[error("{id} cannot be lost: only sites, hosts, services and stores can")]
    CannotBeLost { id: Id },
    #[error("{id} cannot be done without: only sites, hosts, services, stores and resources can")]
    CannotBeWithout { id: Id },
    #[error("{id} is not among what is lost, so the plan does not use it")]
    NotLost { id: Id },
    #[error("{id} cannot be put first: only tenants can")]
    CannotBeFirst { id: Id },
    #[error("{from} refers to {to}, which is not in this estate")]
    UnknownReference { from: Id, to: Id },
    #[error("these wait for each other in a circle: {}", chain(ids))]
    Cycle { ids: Vec<Id>, softest: Option<Edge> },
    #[error("{who} needs {needs} of {limit}, which has {has}")]
    DemandAboveCapacity { who: Id, limit: LimitName, needs: u64, has: u64 },
    #[error(
        "what has to run needs {needs} of {limit}; {has} is free, {others} is kept by services that still run"
    )]
    DoesNotFit { limit: LimitName, needs: u64, has: u64, others: u64 },
    #[error("{store} has data to restore, and a restore rate of 0")]
    NoRate { store: Id },
    #[error(
        "the work adds up to more than a hundred years; the longest piece, {target}, alone takes {seconds} seconds"
    )]
    TooLong { target: Id, seconds: u64 },
}

impl Refusal {
    pub fn message(&self) -> Message {
        Message::new(self.to_string(), self.means(), self.to_do())
    }

    /// What it means for the person who asked.
    fn means(&self) -> &'static str {
        match self {
            Refusal::NotInEstate { .. } => {
                "nothing is planned for a thing that is not known: it may be misspelt"
            }
            Refusal::CannotBeLost { .. } => {
                "a plan brings back machines, services and data; people and parties outside are not restored by us"
            }
            Refusal::CannotBeWithout { .. } | Refusal::NotLost { .. } | Refusal::CannotBeFirst { .. } => {
                "the wish says nothing about this plan, so no price can be given for it"
            }
            Refusal::UnknownReference { .. } => {
                "a plan that passes over it would start things too early, or call something served that is not"
            }
            Refusal::Cycle { .. } => "no order satisfies this estate, so any plan would hang at this place",
            Refusal::DemandAboveCapacity { .. } | Refusal::DoesNotFit { .. } => {
                "it could never start within the limits of this estate, so no plan is printed that pretends it can"
            }
            Refusal::NoRate { .. } => "the restore would never end",
            Refusal::TooLong { .. } => "a size or a rate is almost certainly mistyped",
        }
    }

    /// What would make it possible.
    fn to_do(&self) -> Remedy {
        match self {
            Refusal::NotInEstate { ids } => {
                let add = Remedy::Do(format!("add {} to the estate", chain_plain(ids)));
                let look = Remedy::run(Command::new("check").open("ESTATE"));
                Remedy::ask("", [("if it is misspelt, look it up", look), ("if it is missing", add)])
            }
            Refusal::CannotBeLost { .. } => {
                "name the site, host, service or store that is down; with no --lost everything is taken as lost"
                    .into()
            }
            Refusal::CannotBeWithout { .. } => {
                "name the store whose copy cannot be used, or the host, site or resource that is unavailable".into()
            }
            Refusal::NotLost { id } => format!("name {id} with --lost too, or omit the wish").into(),
            Refusal::CannotBeFirst { .. } => "name a tenant, as tenant:NAME".into(),
            Refusal::UnknownReference { from, .. } => format!("correct the entry of {from} in the estate").into(),
            Refusal::Cycle { softest: None, .. } => {
                "a gate asks something that is brought back only later: let its probe use something else (`uses`)"
                    .into()
            }
            Refusal::Cycle { softest: Some(edge), .. } => cut(edge).into(),
            Refusal::DemandAboveCapacity { who, limit, .. } => {
                format!("raise the capacity of {limit} in the estate, or lower what {who} needs").into()
            }
            Refusal::DoesNotFit { limit, .. } => {
                format!("move services away, stop something, or correct {limit} in the estate").into()
            }
            Refusal::NoRate { store } => format!("correct `restore_rate` of {store}").into(),
            Refusal::TooLong { target, .. } => {
                format!("look at the size, the rate and the boot time of {target} in the estate").into()
            }
        }
    }
}

/// Which link of a ring to doubt first, and how.
fn cut(edge: &Edge) -> String {
    let how = match edge.kind {
        EdgeKind::Order => "it is only a wish: drop it",
        EdgeKind::StartOnly => {
            "if the dependent can start in a reduced form and fetch it later, make it `soft`"
        }
        EdgeKind::Data | EdgeKind::Hard | EdgeKind::Soft => {
            "if the dependent can start degraded, make it `soft`; otherwise split one of the two"
        }
    };
    let evidence = match edge.evidence {
        Evidence::Declared => "declared",
        Evidence::Observed => "observed",
        Evidence::Inferred => "inferred",
    };
    format!(
        "cut the softest link, `{}` from {} to {} ({evidence}, confidence {}.{:03}): {how}",
        edge.kind.word(),
        edge.from,
        edge.to,
        edge.confidence / 1000,
        edge.confidence % 1000,
    )
}

fn named(ids: &[Id]) -> String {
    format!("{} {}", chain_plain(ids), if ids.len() == 1 { "is" } else { "are" })
}

fn chain_plain(ids: &[Id]) -> String {
    ids.iter().map(Id::to_string).collect::<Vec<_>>().join(", ")
}

fn chain(ids: &[Id]) -> String {
    ids.iter().map(Id::to_string).collect::<Vec<_>>().join(" waits for ")
}
