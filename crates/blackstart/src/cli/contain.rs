//! `blackstart contain ESTATE --infected ID...`: the cut, its price, and with --apply the acts. `contain lift`: its end.

mod lift;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, named, place, read_estate, talk};
use contain::decide::{self, Cut, Refusal};
use contain::knocking::Proof;
use contain::run::{self, Place, Watcher};
use estate::{Estate, Id, canonical};
use incident::event::{ContainEvent, CutAct};
use message::{counted, counted_as, spaced};
use world::real::Real;

/// What to cut off and what it costs. Touches nothing; with --apply it is done, recorded and probed from outside.
///
/// The price counts the insured people of tenants who lose something by the cut that the infection had not taken already. May
/// be run again at any time: what holds is only probed.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "blackstart contain [OPTIONS] [ESTATE] --infected <ID>...\n       blackstart contain lift [OPTIONS] [DIR] <WHAT> --reason <REASON>",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Args {
    #[command(subcommand)]
    end: Option<End>,
    /// Folder with the estate's *.toml files, or one such file. With --apply it may be left out: then the estate in force in
    /// the incident counts.
    estate: Option<PathBuf>,
    /// What is infected: sites, hosts, services or stores, as `kind:name`, or the name alone where only one has it.
    #[arg(long, required = true, num_args = 1.., value_name = "ID")]
    infected: Vec<String>,
    /// What must not be cut: if it would be, the cut is refused.
    #[arg(long, num_args = 1.., value_name = "ID")]
    protect: Vec<String>,
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR", requires = "apply")]
    journal: Option<PathBuf>,
    /// Do it.
    #[arg(long)]
    apply: bool,
    /// Do not ask. What the estate's authority covers is never asked.
    #[arg(long)]
    yes: bool,
    /// The answer as JSON on stdout.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, clap::Subcommand)]
enum End {
    /// End a cut: open its door, let what it stopped be started again.
    Lift(lift::Args),
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    if let Some(End::Lift(args)) = &args.end {
        return lift::run(args);
    }
    let (mut infected, mut protect) = (args.infected.clone(), args.protect.clone());
    let recording_form = "blackstart contain ESTATE --infected ID... --apply --journal DIR";
    let journal = place::to_record(args.journal.as_deref(), args.apply, recording_form)?;
    let form = "blackstart contain ESTATE --infected ID...";
    let estate = read_estate::named_or_in_force(
        args.estate.as_deref(),
        &mut [("--infected", &mut infected), ("--protect", &mut protect)],
        journal.as_deref(),
        form,
    )?;
    let infected = named::several(&estate, &infected, named::PLACES_AND_PARTS)?;
    let protect = named::several(&estate, &protect, named::PLACES_AND_PARTS)?;
    let cut = decide::cut(&estate, &infected, &protect)
        .map_err(|refusal| refused(&refusal, args.journal.as_deref()))?;
    if args.json {
        talk::json(&as_json(&cut));
    } else {
        show(&estate, &cut);
    }
    match &journal {
        Some(journal) => apply(args, &estate, &cut, journal),
        None => Ok(Answer::Done),
    }
}

fn apply(args: &Args, estate: &Estate, cut: &Cut, journal: &std::path::Path) -> Result<Answer, Failure> {
    let granted = cut.acts.iter().all(|act| decide::authority(estate, act).is_some());
    if !granted && !talk::agreed("Cut this off?", args.yes) {
        return Err(Failure::refused(
            "nobody agreed to the cut",
            "nothing was cut off",
            "call again with --yes",
        ));
    }
    let mut incident = folder::open(journal, &args.by)?;
    let world = Real::new(&journal.join("runs"), scan::restic::read_repository).map_err(|fault| {
        Failure::fault(fault.to_string(), "nothing was cut off", "look at the folder and call again")
    })?;
    read_estate::say_if_other(incident.view(), estate, "the cut is made as this one says");
    let hash = canonical::hash(estate);
    folder::decide(&mut incident, |view| decide::decide(cut, estate, &hash, view))?
        .map_err(|refusal| refused(&refusal, Some(journal)))?;
    let place = Place { world: &world, estate, folder: journal };
    let mut talking = Talking::default();
    let holds = run::run(&mut incident, place, &cut.acts, &mut talking)
        .map_err(|fault| folder::log_failure(journal, fault))?;
    if holds {
        talk::say("every act was done, and nothing behind the cut answers any longer");
        return Ok(Answer::Done);
    }
    if talking.leaking == 0 {
        talk::say(format!(
            "every act was done; of {} it is NOT known whether it holds: see above why. Try by hand to get through from outside",
            counted(talking.not_known, "act")
        ));
        return Ok(Answer::No);
    }
    talk::say(
        "the cut does NOT hold: see above what still answers or failed. Deal with it, then call again; what holds is only probed",
    );
    Ok(Answer::No)
}

#[derive(Default)]
struct Talking {
    leaking: usize,
    not_known: usize,
}

impl Watcher for Talking {
    fn begun(&mut self, act: &CutAct) {
        talk::say(format!("  {} ...", line(act)));
    }

    fn probed(&mut self, act: &CutAct, proof: Proof, detail: &str) {
        let how = match proof {
            Proof::Holds => "holds",
            Proof::Leaks => "DOES NOT HOLD",
            Proof::NotKnown => "NOT KNOWN whether it holds",
        };
        self.leaking += usize::from(proof == Proof::Leaks);
        self.not_known += usize::from(proof == Proof::NotKnown);
        talk::say(format!("  {}: {how}, {detail}", line(act)));
    }

    fn lifted(&mut self, _: &ContainEvent, is_back: bool, detail: &str) {
        let how = if is_back { "lifted" } else { "lifted, NOT known to be there again" };
        talk::say(format!("    {how}: {detail}"));
    }
}

fn line(act: &CutAct) -> String {
    match act {
        CutAct::StopService { service } => format!("stop {service}"),
        CutAct::CloseDoor { site, door } => format!("close door {door} of {site}"),
    }
}

fn show(estate: &Estate, cut: &Cut) {
    for act in &cut.acts {
        talk::data(line(act));
    }
    let people = estate.words.people();
    talk::data(format!(
        "{} of {} without something while this holds ({} {people}); {} {people} lose something that the infection had not taken",
        cut.tenants.len(),
        counted_as(estate.tenants.len(), estate.words.tenant(), estate.words.tenants()),
        spaced(cut.lost_insured),
        spaced(cut.cost_insured)
    ));
    if !cut.exposed.is_empty() {
        let exposed: Vec<String> = cut.exposed.iter().map(Id::to_string).collect();
        talk::data(format!("the infection can have passed to: {}", exposed.join(", ")));
    }
    if !cut.optimal {
        talk::data("this form stops everything infected; it does not prove that no cheaper cut exists");
    }
}

fn as_json(cut: &Cut) -> Value {
    let acts: Vec<Value> = cut
        .acts
        .iter()
        .map(|act| match act {
            CutAct::StopService { service } => json!({ "kind": "stop_service", "id": service }),
            CutAct::CloseDoor { site, door } => json!({ "kind": "close_door", "id": site, "door": door }),
        })
        .collect();
    json!({
        "cut": acts,
        "cost_insured": cut.cost_insured,
        "lost_insured": cut.lost_insured,
        "bound": cut.bound,
        "optimal": cut.optimal,
        "tenants": cut.tenants,
        "infected": cut.infected,
        "exposed": cut.exposed,
    })
}

fn refused(refusal: &Refusal, journal: Option<&Path>) -> Failure {
    let kind = match refusal {
        Refusal::Unknown(_) | Refusal::NotInfectable(_) => FailureKind::Usage,
        Refusal::Protected { .. }
        | Refusal::NotRead { .. }
        | Refusal::OnHold { .. }
        | Refusal::NothingToCut
        | Refusal::NotCut(_)
        | Refusal::NotAsShown(_)
        | Refusal::NotNow { .. } => FailureKind::Refused,
    };
    let failure = Failure::says(kind, refusal.message());
    match journal {
        Some(journal) => failure.of(journal),
        None => failure,
    }
}
