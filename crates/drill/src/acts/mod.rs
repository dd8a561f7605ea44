//! The ten acts of the drill, in order, and what a run is from its first check to its report.
//!
//! A broken promise does not end the run: the acts after it show what else holds. If an act cannot be played to its end
//! (a process does not start, a command answers nothing), the acts that build on it are not played, but the account
//! and the verification are tried, because what happened until then must add up all the same.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::attack::Pattern;
use crate::clock::rfc3339;
use crate::display::Display;
use crate::estate::{Layout, Settings};
use crate::product::Product;
use crate::report::{Machine, Report};
use crate::stage::{Discoveries, Stage};
use crate::story::{ACTS, Act, Clock};
use crate::world::World;
use crate::{Fault, Result};

pub mod account;
pub mod attack;
mod books;
pub mod clean_point;
pub mod containment;
pub mod emergency;
pub mod hand_back;
pub mod looking;
pub mod normal_day;
pub mod notices;
pub mod restart;
pub mod restart_times;
pub mod verify;
mod wrap_up;

/// Submissions a second over all funds.
pub const PER_SECOND: u32 = 60;

/// Plays the whole incident on this machine and writes `DIR/report.json` and `DIR/report.html`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The same seed repeats the same choices.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for the report, the journals and the public keys; absent, empty or a former drill's.
    #[arg(long, default_value = "target/drill")]
    pub out: PathBuf,
    /// Number of funds, taken from both sites.
    #[arg(long, default_value_t = 86)]
    pub funds: usize,
    /// How the attacker encrypts.
    #[arg(long, default_value = "full")]
    pub attack: String,
    /// Keep stores, repositories and logs too.
    #[arg(long)]
    pub keep: bool,
    /// The product's binary. Default: the sibling of this one.
    #[arg(long)]
    pub blackstart: Option<PathBuf>,
}

/// Plays all acts. Exit code 0: every promise held; 1: not; 2: the drill could not be played.
pub fn run(args: &Args) -> ExitCode {
    match play(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(fault) => {
            wrap_up::tell(&format!("The drill could not be played: {fault}"));
            ExitCode::from(2)
        }
    }
}

fn play(args: &Args) -> Result<bool> {
    let mut stage = set(args)?;
    wrap_up::end_on_signal(&stage.folder)?;
    let mut acts = Vec::new();
    let mut stuck = false;
    for (name, title) in ACTS {
        let act = play_act(&mut stage, name, title, stuck);
        // The last two are tried in any case.
        stuck |= act.promises.iter().any(|promise| promise.text == UNPLAYABLE);
        acts.push(act);
    }
    wrap_up::finish(stage, acts, args.keep)
}

/// What is recorded of an act that could not be played to its end.
const UNPLAYABLE: &str = "The act can be played to its end";

fn play_act(stage: &mut Stage, name: &'static str, title: &'static str, stuck: bool) -> Act {
    let mut act = Act::new(name, title);
    if stuck && !matches!(name, "account" | "verify") {
        act.promise("An earlier act got as far as this one needs", false, "not played");
        stage.display.act_ends(&act);
        return act;
    }
    let began = stage.clock.seconds();
    act.began_s = Some(began);
    stage.display.act_begins(name);
    let played = match name {
        "normal_day" => normal_day::play(stage, &mut act),
        "attack" => attack::play(stage, &mut act),
        "containment" => containment::play(stage, &mut act),
        "emergency" => emergency::play(stage, &mut act),
        "notices" => notices::play(stage, &mut act),
        "clean_point" => clean_point::play(stage, &mut act),
        "restart" => restart::play(stage, &mut act),
        "hand_back" => hand_back::play(stage, &mut act),
        "account" => account::play(stage, &mut act),
        "verify" => verify::play(stage, &mut act),
        other => Err(Fault::new(format!("there is no act {other}"))),
    };
    if let Err(fault) = played {
        stage.promise(&mut act, UNPLAYABLE, false, fault.to_string());
    }
    act.end(stage.clock.seconds() - began);
    stage.display.act_ends(&act);
    act
}

/// Checks what is needed, takes the folder, chooses ports and paths. Starts nothing.
fn set(args: &Args) -> Result<Stage> {
    let pattern = Pattern::parse(&args.attack).map_err(Fault::new)?;
    // Asked before the folder is taken, because taking it clears away the report of an earlier drill.
    crate::estate::funds(args.funds)?;
    let product = Product::find(args.blackstart.as_deref())?;
    let folder = std::path::absolute(&args.out)
        .map_err(|cause| Fault::new(format!("{} cannot hold a drill: {cause}", args.out.display())))?;
    wrap_up::room(&folder)?;
    let program = std::env::current_exe()
        .map_err(|cause| Fault::new(format!("this program cannot find its own place: {cause}")))?;
    let world = World::create(&folder, &program)?;
    let folder = world.root().to_owned();
    let layout = Layout::choose(Settings {
        root: folder.clone(),
        seed: args.seed,
        funds: args.funds,
        persons_per_fund: persons(args.funds),
        documents_per_store: 400,
        program,
    })?;
    let clock = Clock::start();
    let insured: u64 = layout.funds.iter().map(|fund| fund.insured).sum();
    let title = format!(
        "Blackstart drill: {} funds, {} insured people, seed {}, attack {}",
        layout.funds.len(),
        page::words::grouped(insured.into()),
        args.seed,
        pattern.name()
    );
    let report = Report {
        seed: args.seed,
        funds: layout.funds.len(),
        insured,
        attack: pattern.name().to_owned(),
        began: rfc3339(clock.began_ms()),
        machine: Machine::of_this(),
        ..Report::default()
    };
    Ok(Stage {
        clock,
        display: Display::begin(title, clock),
        choices: crate::choice::Choices::new(args.seed),
        incident: folder.join("incident"),
        layout,
        product,
        folder,
        report,
        seen: Discoveries::default(),
        traffic: None,
        ledger: None,
        bridge: None,
        watch: None,
        world,
    })
}

/// Persons per fund: about as many in all however many funds there are, so that one person's business rarely waits for
/// another piece of the same person's.
fn persons(funds: usize) -> u32 {
    u32::try_from(2_000 / funds.max(1)).unwrap_or(0).clamp(20, 400)
}

/// The first line a program says about itself.
fn version(binary: &Path) -> String {
    let output = std::process::Command::new(binary).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("says no version").to_owned()
}
