//! `blackstart contain lift DIR WHAT --reason TEXT`: a cut ends by a decision, with what becomes reachable shown first.

use std::path::PathBuf;

use super::super::folder::{self, By};
use super::super::{Answer, Failure, named, place, talk};
use super::{Talking, line, refused};
use contain::lift::{self, Agreed, Lift};
use contain::run::{self, Place};
use estate::model::Service;
use estate::{Estate, Id};
use incident::View;
use incident::event::CutAct;
use message::{Command, Reason, Remedy, counted, counted_as, spaced};
use world::real::Real;

/// End a cut: shows what becomes reachable again and what of it is infected, asks, opens the doors by the estate's own
/// commands, knocks until they answer, and lets what was stopped be started again. It starts nothing: that is the
/// restart's, or a person's. Cutting off again is `contain --apply`.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(super) struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A service, or a site or host with all that is cut off at it; `all`: every cut.
    what: String,
    /// Why it may end: what was cleaned, who said so.
    #[arg(long)]
    reason: Reason,
    /// Only what was stopped: doors stay closed.
    #[arg(long)]
    services: bool,
    /// You have seen that it is there again: the door is open, the service runs. Nothing is done to it.
    #[arg(long)]
    seen: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    by: By,
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), "blackstart contain lift DIR WHAT --reason TEXT")?;
    let mut incident = folder::open(&folder, &args.by)?;
    let what = match args.what.as_str() {
        "all" => None,
        typed => Some(named::in_incident(incident.view(), typed, named::PLACES_AND_PARTS)?),
    };
    let estate = incident.view().estate_in_force().ok_or_else(|| no_estate().of(&folder))?;
    let refused = |refusal| refused(&refusal, Some(&folder));
    let price = lift::lift(&estate, incident.view(), what.as_ref(), doors(args)).map_err(refused)?;
    show(&estate, incident.view(), &price);
    let question = if args.seen { "Is all of that there again?" } else { "End this cut?" };
    if !talk::agreed(question, args.yes) {
        return Err(Failure::refused("nobody agreed", "the cut is as it was", "call again with --yes"));
    }
    let agreed = Agreed {
        what: what.as_ref(),
        doors: doors(args),
        seen: args.seen,
        shown: &price,
        reason: &args.reason,
    };
    folder::decide(&mut incident, |view| lift::decide(&estate, view, agreed))?.map_err(refused)?;
    if args.seen {
        talk::say(format!("lifted: {} seen there again", counted(price.acts.len(), "thing")));
        return Ok(Answer::Done);
    }
    let world = Real::new(&folder.join("runs"), scan::restic::read_repository).map_err(|fault| {
        Failure::fault(fault.to_string(), "no door was opened", "look at the folder and call again")
    })?;
    let place = Place { world: &world, estate: &estate, folder: &folder };
    let opened = run::lift(&mut incident, place, &price.acts, &mut Talking::default())
        .map_err(|fault| folder::log_failure(&folder, fault))?;
    say_next(args, &estate, &price, opened, &folder.display().to_string());
    Ok(if opened { Answer::Done } else { Answer::No })
}

fn doors(args: &Args) -> lift::Doors {
    if args.services { lift::Doors::StayClosed } else { lift::Doors::Open }
}

fn show(estate: &Estate, view: &View, price: &Lift) {
    for act in &price.acts {
        talk::data(format!("end: {} ({})", line(act), view.contain.state_of(act).word()));
    }
    let names = |ids: &[Id]| ids.iter().map(Id::to_string).collect::<Vec<_>>().join(", ");
    talk::data(format!("reachable again: {}", names(&price.reachable)));
    match price.infected.as_slice() {
        [] => talk::data("nothing of that is known to be infected still"),
        infected => talk::data(format!(
            "INFECTED, and neither restored nor started anew since: {}. The infection can go on from there",
            names(infected)
        )),
    }
    talk::data(format!(
        "{} of {} can have something again ({} {})",
        price.tenants.len(),
        counted_as(estate.tenants.len(), estate.words.tenant(), estate.words.tenants()),
        spaced(price.insured),
        estate.words.people()
    ));
}

fn say_next(args: &Args, estate: &Estate, price: &Lift, opened: bool, folder: &str) {
    let again = |what: &Id| {
        Command::new("contain lift").incident().with(what).with("--seen").reason().line(Some(folder))
    };
    for act in &price.acts {
        if let (CutAct::CloseDoor { site, .. }, false) = (act, opened) {
            talk::say(format!("open it by hand, try it from outside, then say so: {}", again(site)));
        }
    }
    let is_driven = |act: &CutAct| estate.services.get(act.target()).is_some_and(Service::is_driven);
    if !opened && price.acts.iter().any(is_driven) {
        talk::say(format!(
            "what is still kept from being started on its host stands above, with the reason; deal with that and call again: {}",
            Command::new("contain lift").incident().with(&args.what).reason().line(Some(folder))
        ));
    }
    if price.acts.iter().any(|act| matches!(act, CutAct::StopService { .. })) {
        talk::say(format!(
            "what was stopped may be started now: {}; or by hand, then say so: {}",
            Command::new("recover").with("--journal").incident().line(Some(folder)),
            Command::new("contain lift")
                .incident()
                .with(&args.what)
                .reason()
                .with("--seen")
                .line(Some(folder))
        ));
    }
}

fn no_estate() -> Failure {
    Failure::fault(
        "the journal names no estate that can be read",
        "nobody can say what would be reachable again; nothing was done",
        Remedy::run_to("look at the first entries", Command::new("journal show").incident()),
    )
}
