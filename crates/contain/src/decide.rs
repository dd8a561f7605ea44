//! The cut as a value: what would be done, what it costs, and why it is not allowed. Pure.

use std::collections::BTreeSet;

use message::{Command, Message, Remedy};

use estate::model::{Authority, EdgeKind, Estate};
use estate::{Id, Kind, graph};
use incident::View;
use incident::contain::CutMove;
use incident::event::{ContainEvent, CutAct, Event};

/// What would be cut, and what that means for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    pub infected: Vec<Id>,
    /// In the order in which they are done: doors first, then services, dependents before what they need.
    pub acts: Vec<CutAct>,
    /// Healthy services that the infection can pass to along an edge: to be looked at next.
    pub exposed: Vec<Id>,
    /// Every tenant that lacks something while the cut holds, also by the infection itself.
    pub tenants: Vec<Id>,
    /// Insured of those tenants.
    pub lost_insured: u64,
    /// The price: insured of tenants that lose something *by the cut* which the infection had not taken already.
    pub cost_insured: u64,
    /// No cut that stops the infected can cost less.
    pub bound: u64,
    pub optimal: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0} is not in the estate")]
    Unknown(Id),
    #[error("{0} cannot be infected: name a site, host, service or store")]
    NotInfectable(Id),
    #[error("the cut would hit {hit}, and {protected} is to be protected")]
    Protected { protected: Id, hit: Id },
    #[error("entry {sequence} of the journal cannot be read and concerns {about}")]
    NotRead { sequence: u64, about: Id },
    #[error("{target}: {on} is on hold since entry {sequence}: {reason}")]
    OnHold { target: Id, on: Id, sequence: u64, reason: String },
    #[error("nothing can be cut: no door and no service of what is infected is known")]
    NothingToCut,
    #[error("the cut of {target} is {state}: it may not be begun now")]
    NotNow { target: Id, state: &'static str },
    #[error("nothing of {0} is cut off")]
    NotCut(String),
    #[error("what would happen is not what was shown: {0}")]
    NotAsShown(String),
}

impl Refusal {
    pub fn message(&self) -> Message {
        let (means, to_do) = match self {
            Refusal::Unknown(_) | Refusal::NotInfectable(_) => (
                "nothing was cut off",
                Remedy::run_to(
                    "use ids as the estate has them, such as site:muc or service:portal; it is listed by",
                    Command::new("check").open("ESTATE"),
                ),
            ),
            Refusal::Protected { .. } => (
                "nothing was cut off",
                Remedy::from("omit --protect for it, or name more precisely what is infected"),
            ),
            Refusal::NotRead { sequence, .. } => {
                ("nothing was cut off: that entry may forbid it", Remedy::unread_entry(*sequence))
            }
            Refusal::NothingToCut => (
                "nothing was cut off, and what is infected goes on as it did",
                Remedy::from(
                    "cut it off by hand at the next switch or power outlet; then write its doors and services into the estate",
                ),
            ),
            Refusal::NotNow { .. } => (
                "it was not touched by this call: somebody else is at it, or has lifted it",
                Remedy::run_to("see how it stands, then call again", Command::new("status").incident()),
            ),
            Refusal::NotCut(_) => (
                "there is nothing to lift; nothing was changed",
                Remedy::run_to("what is cut off is listed by", Command::new("status").incident()),
            ),
            Refusal::NotAsShown(_) => (
                "nothing was changed: somebody decided meanwhile, and nobody has agreed to what would happen now",
                Remedy::from("call again: it shows what would happen now"),
            ),
            Refusal::OnHold { on, .. } => (
                "nothing was done to it",
                Remedy::run_to("ask who placed the hold, then lift it", Command::lift_hold(on)),
            ),
        };
        Message::new(self.to_string(), means, to_do)
    }
}

/// The cut for what is infected.
pub fn cut(estate: &Estate, infected: &[Id], protect: &[Id]) -> Result<Cut, Refusal> {
    for id in infected.iter().chain(protect) {
        if !estate.contains(id) {
            return Err(Refusal::Unknown(id.clone()));
        }
    }
    if let Some(id) = infected.iter().find(|id| !infectable(id)) {
        return Err(Refusal::NotInfectable(id.clone()));
    }
    let sick = graph::expand(estate, infected);
    let stopped = stopped(estate, &sick);
    let taken_already = graph::lost_when_down(estate, &sick);
    let lost = graph::lost_when_down(estate, &stopped.union(&sick).cloned().collect());
    let by_the_cut: BTreeSet<(Id, Id)> = lost.difference(&taken_already).cloned().collect();
    protected(estate, protect, infected, &stopped, &lost)?;
    let cost_insured = graph::loss(estate, &by_the_cut).insured;
    let mut infected: Vec<Id> = infected.to_vec();
    infected.sort();
    infected.dedup();
    Ok(Cut {
        acts: acts(estate, &infected, &stopped),
        exposed: exposed(estate, &sick, &stopped),
        tenants: lost.iter().map(|(tenant, _)| tenant.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        lost_insured: graph::loss(estate, &lost).insured,
        cost_insured,
        // Nothing costs less than nothing; for everything else this form proves nothing.
        bound: 0,
        optimal: cost_insured == 0,
        infected,
    })
}

fn infectable(id: &Id) -> bool {
    match id.kind() {
        Kind::Site | Kind::Host | Kind::Service | Kind::Store => true,
        Kind::Capability | Kind::Tenant | Kind::External | Kind::Resource => false,
    }
}

/// Infected services, and those that read or write an infected store.
fn stopped(estate: &Estate, sick: &BTreeSet<Id>) -> BTreeSet<Id> {
    let uses = |edge: &&estate::model::Edge| match edge.kind {
        EdgeKind::Hard | EdgeKind::Data => edge.to.kind() == Kind::Store && sick.contains(&edge.to),
        EdgeKind::Soft | EdgeKind::StartOnly | EdgeKind::Order => false,
    };
    let users = estate.edges.iter().filter(uses).map(|edge| edge.from.clone());
    sick.iter().filter(|id| id.kind() == Kind::Service).cloned().chain(users).collect()
}

fn acts(estate: &Estate, infected: &[Id], stopped: &BTreeSet<Id>) -> Vec<CutAct> {
    let mut acts = Vec::new();
    for site in infected.iter().filter(|id| id.kind() == Kind::Site) {
        for door in estate.sites.get(site).into_iter().flat_map(|site| &site.doors) {
            acts.push(CutAct::CloseDoor { site: site.clone(), door: door.name.clone() });
        }
    }
    // A ring of dependencies has no order; then any order is as good.
    let order = graph::start_order_of(estate, stopped).unwrap_or_else(|_| stopped.iter().cloned().collect());
    acts.extend(order.into_iter().rev().map(|service| CutAct::StopService { service }));
    acts
}

fn exposed(estate: &Estate, sick: &BTreeSet<Id>, stopped: &BTreeSet<Id>) -> Vec<Id> {
    let near = |a: &Id, b: &Id| sick.contains(a) && !sick.contains(b) && !stopped.contains(b);
    let mut exposed = BTreeSet::new();
    for edge in estate.edges.iter().filter(|edge| edge.kind.passes_infection()) {
        if near(&edge.from, &edge.to) {
            exposed.insert(edge.to.clone());
        }
        if near(&edge.to, &edge.from) {
            exposed.insert(edge.from.clone());
        }
    }
    exposed.retain(|id| id.kind() != Kind::External);
    exposed.into_iter().collect()
}

fn protected(
    estate: &Estate,
    protect: &[Id],
    closed: &[Id],
    stopped: &BTreeSet<Id>,
    lost: &BTreeSet<(Id, Id)>,
) -> Result<(), Refusal> {
    for id in protect {
        let hit = match id.kind() {
            Kind::Tenant => {
                lost.iter().find(|(tenant, _)| tenant == id).map(|(_, capability)| capability.clone())
            }
            Kind::Capability => {
                lost.iter().find(|(_, capability)| capability == id).map(|(tenant, _)| tenant.clone())
            }
            Kind::Site | Kind::Host | Kind::Service | Kind::Store | Kind::External | Kind::Resource => {
                let inside = graph::expand(estate, [id]);
                let closed = closed.iter().find(|site| *site == id).cloned();
                inside.intersection(stopped).next().cloned().or(closed)
            }
        };
        if let Some(hit) = hit {
            return Err(Refusal::Protected { protected: id.clone(), hit });
        }
    }
    Ok(())
}

/// The events that put the cut in force, or why it may not be made now.
pub fn decide(cut: &Cut, estate: &Estate, estate_hash: &str, view: &View) -> Result<Vec<Event>, Refusal> {
    if cut.acts.is_empty() {
        return Err(Refusal::NothingToCut);
    }
    for target in cut.acts.iter().map(CutAct::target).chain(&cut.infected) {
        forbidden(estate, view, target)?;
    }
    let known =
        |act: &CutAct| view.contain.cuts.iter().any(|cut| cut.act == *act && cut.state.forbids_start());
    let fresh: Vec<CutAct> = cut.acts.iter().filter(|act| !known(act)).cloned().collect();
    let nothing_new = fresh.is_empty() && cut.infected.iter().all(|id| view.contain.infected.contains(id));
    if nothing_new {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Contain(ContainEvent::CutDecided {
        infected: cut.infected.clone(),
        acts: fresh,
        cost_insured: cut.cost_insured,
        tenants: cut.tenants.clone(),
        estate_hash: estate_hash.to_owned(),
    })])
}

/// What may not be touched: an entry that nobody can read, a hold on it, on its host or on its site.
pub(crate) fn forbidden(estate: &Estate, view: &View, target: &Id) -> Result<(), Refusal> {
    if let Some(unknown) = view.blocked_by(target) {
        return Err(Refusal::NotRead { sequence: unknown.sequence, about: target.clone() });
    }
    view.held(estate, target).map_or(Ok(()), |(on, hold)| {
        let (target, on, reason) = (target.clone(), on.clone(), hold.reason.clone());
        Err(Refusal::OnHold { target, on, sequence: hold.sequence, reason })
    })
}

/// The intent to do one act of the cut, on what is known at this instant: a hold, a lift or somebody else's intent may
/// have come since the cut was decided.
pub fn begin(estate: &Estate, act: &CutAct, view: &View) -> Result<Vec<Event>, Refusal> {
    forbidden(estate, view, act.target())?;
    let state = view.contain.state_of(act);
    if state.after(CutMove::Intended).is_none() {
        return Err(Refusal::NotNow { target: act.target().clone(), state: state.word() });
    }
    Ok(vec![Event::Contain(ContainEvent::ActIntended { act: act.clone() })])
}

/// Who granted that this may be done without asking, if anybody did.
pub fn authority<'e>(estate: &'e Estate, act: &CutAct) -> Option<&'e Authority> {
    let may = match act {
        CutAct::StopService { .. } => "stop-service",
        CutAct::CloseDoor { .. } => "close-door",
    };
    let covers = |authority: &&Authority| {
        authority.may == may
            && (authority.on.is_empty()
                || authority.on.contains(act.target())
                || graph::expand(estate, &authority.on).contains(act.target()))
    };
    estate.authority.iter().find(covers)
}
