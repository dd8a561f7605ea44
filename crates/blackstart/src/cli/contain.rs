//! `blackstart contain`: what to cut off, at which price; with --apply, cut it off.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::folder::{self, By};
use super::plan::ids;
use super::{Answer, Failure, read_estate, talk};
use crate::contain::decide::Blocked;
use crate::contain::view::{Cut, CutState};
use crate::contain::{self, Proposal, Refusal, authority, perform};
use crate::estate::{Estate, Id, canonical};
use crate::incident::event::CutAct;
use crate::plan::explain::some;
use crate::plan::page::grouped;
use crate::world::real::Real;

/// Says what to cut off when something is infected, what it costs and whom, and what else an infection could
/// reach. Touches nothing unless --apply is given: then it asks, acts, and knocks on the result from outside.
/// Exit 1 if anything is not known to be cut off. Called again after a crash it goes on where it was.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with the estate's *.toml files, or one such file.
    pub estate: PathBuf,
    /// Sites, hosts, services and stores that are infected, as `kind:name`.
    #[arg(long, value_name = "ID", num_args = 1.., required = true)]
    pub infected: Vec<String>,
    /// Things, tenants and capabilities that must not be touched; a cut that would is refused.
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub protect: Vec<String>,
    /// Incident folder: what is decided and done is recorded there.
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Cut it off, after asking.
    #[arg(long, requires = "journal")]
    pub apply: bool,
    /// Do not ask; what would be asked is shown all the same.
    #[arg(long)]
    pub yes: bool,
    /// Print the answer as JSON instead of a page.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let (infected, protect) = (ids(&args.infected)?, ids(&args.protect)?);
    let estate = read_estate::read(&args.estate)?;
    let proposal = contain::propose(&estate, &infected, &protect).map_err(|refusal| refused(&refusal))?;
    let journal = args.journal.as_deref().filter(|_| args.apply);
    let Some(journal) = journal else {
        if args.json {
            talk::json(&answer(&proposal, None));
        } else {
            talk::data(page(&estate, &proposal));
        }
        return Ok(Answer::Done);
    };
    talk::say(page(&estate, &proposal));
    if !talk::agreed("Cut this off now?", args.yes) {
        return Err(Failure::refused(
            "the cut was not agreed to",
            "nothing was recorded, and nothing was stopped or closed",
            "call again with --yes, or answer y, when it shall be done",
        ));
    }
    let cuts = apply(args, journal, &estate, &proposal)?;
    let holds = cuts.iter().all(|cut| cut.state == CutState::Holds);
    if args.json {
        talk::json(&answer(&proposal, Some(&cuts)));
    } else {
        for cut in &cuts {
            talk::data(line(cut));
        }
    }
    if !holds {
        talk::say("NOT EVERYTHING IS CUT OFF. Close by hand what is named above, then call this again: it goes on where it was.");
    }
    Ok(if holds { Answer::Done } else { Answer::No })
}

fn apply(args: &Args, journal: &Path, estate: &Estate, proposal: &Proposal) -> Result<Vec<Cut>, Failure> {
    let estate_hash = canonical::hash(estate);
    let mut incident = folder::open(journal, &args.by)?;
    if incident.view().command.estate_hash.as_ref() != Some(&estate_hash) {
        talk::say("note: this is not the estate that is in force in the incident");
    }
    let world = Real::new(&journal.join("output")).map_err(|fault| {
        Failure::fault(
            fault.to_string(),
            "nothing was stopped or closed",
            "look at the incident folder, its permissions and the free space, then call again",
        )
    })?;
    let mut watch = |cut: &Cut| talk::say(line(cut));
    perform::apply(&mut incident, &world, estate, &estate_hash, proposal, &mut watch)
        .map_err(|fault| folder::failure(journal, &fault))?
        .map_err(|blocked| held(&blocked, journal))
}

fn refused(refusal: &Refusal) -> Failure {
    Failure::refused(refusal.to_string(), refusal.means(), refusal.to_do())
}

fn held(blocked: &Blocked, journal: &Path) -> Failure {
    let journal = journal.display();
    let to_do = match blocked {
        Blocked::Held { id, .. } => format!("lift the hold: blackstart resume {journal} {id} --reason TEXT"),
        Blocked::Unread { .. } => format!("look at the entry: blackstart journal show {journal}"),
    };
    Failure::refused(blocked.to_string(), "nothing was stopped or closed", to_do)
}

#[derive(Serialize)]
struct Output<'a> {
    cut: Vec<Item<'a>>,
    cost_insured: u64,
    bound: u64,
    optimal: bool,
    tenants: Vec<&'a Id>,
    already_lost_insured: u64,
    already_lost_tenants: Vec<&'a Id>,
    infected: Vec<&'a Id>,
    exposed: Vec<Exposed<'a>>,
    /// Only after --apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<&'a [Cut]>,
}

#[derive(Serialize)]
struct Item<'a> {
    kind: &'static str,
    id: &'a Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    door: Option<&'a str>,
}

#[derive(Serialize)]
struct Exposed<'a> {
    id: &'a Id,
    /// The neighbour it would come from.
    from: &'a Id,
}

fn answer<'a>(proposal: &'a Proposal, applied: Option<&'a [Cut]>) -> Output<'a> {
    let item = |act: &'a CutAct| {
        let door = match act {
            CutAct::CloseDoor { door, .. } => Some(door.as_str()),
            CutAct::StopService { .. } => None,
        };
        Item { kind: authority::word(act), id: act.target(), door }
    };
    Output {
        cut: proposal.acts.iter().map(item).collect(),
        cost_insured: proposal.cost_insured,
        bound: proposal.bound,
        optimal: proposal.optimal,
        tenants: proposal.tenants.iter().collect(),
        already_lost_insured: proposal.already_lost_insured,
        already_lost_tenants: proposal.already_lost_tenants.iter().collect(),
        infected: proposal.infected.iter().collect(),
        exposed: proposal.exposed.iter().map(|(id, from)| Exposed { id, from }).collect(),
        applied,
    }
}

fn page(estate: &Estate, proposal: &Proposal) -> String {
    let mut lines = vec!["Cut off".to_owned()];
    for act in &proposal.acts {
        let grant = authority::granted(estate, act);
        let grant = grant.map_or(String::new(), |grant| format!("  (may be done without asking: {})", grant.granted_by));
        lines.push(format!("  {}{grant}", name(act)));
    }
    if proposal.acts.is_empty() {
        lines.push("  nothing: no service runs there, and no door is known".to_owned());
    }
    let already: Vec<&Id> = proposal.already_lost_tenants.iter().collect();
    let hit: Vec<&Id> = proposal.tenants.iter().collect();
    lines.push(String::new());
    lines.push(format!(
        "The infection has already taken something from {} insured{}",
        grouped(proposal.already_lost_insured.into()),
        of(&already)
    ));
    lines.push(format!("The cut takes something from {} more{}", grouped(proposal.cost_insured.into()), of(&hit)));
    lines.push(if proposal.optimal {
        "No cut costs less.".to_owned()
    } else {
        "Other cuts were not compared; a cheaper one may exist.".to_owned()
    });
    lines.push(String::new());
    lines.push("Could be reached by the infection, and is not cut off (watch and scan these)".to_owned());
    for (id, from) in &proposal.exposed {
        lines.push(format!("  {id} (from {from})"));
    }
    if proposal.exposed.is_empty() {
        lines.push("  nothing that is known of".to_owned());
    }
    lines.join("\n")
}

fn of(tenants: &[&Id]) -> String {
    if tenants.is_empty() { String::new() } else { format!(" of {}", some(tenants)) }
}

fn name(act: &CutAct) -> String {
    match act {
        CutAct::StopService { service } => format!("stop {service}"),
        CutAct::CloseDoor { site, door } => format!("close the door {door} of {site}"),
    }
}

fn line(cut: &Cut) -> String {
    let state = match cut.state {
        CutState::Decided | CutState::Intended => "not done yet",
        CutState::Done => "done, not probed",
        CutState::Failed => "FAILED",
        CutState::Holds => "holds",
        CutState::Leaks => "LEAKS",
        CutState::Lifted => "lifted",
    };
    format!("{state}: {} ({})", name(&cut.act), cut.detail)
}
