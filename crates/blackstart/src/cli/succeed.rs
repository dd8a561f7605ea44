//! `blackstart journal succeed OLD NEW --reason TEXT`: an incident whose journal is damaged goes on in a new folder.

use std::path::{Path, PathBuf};

use message::{Command, Reason, Remedy, counted_as, spaced};

use super::folder::{self, By};
use super::{Answer, Failure, harm, init, talk};
use incident::continued::LeftOut;
use incident::store::{self, StoreFault};
use incident::succession::{self, Prepared};

/// Go on in a new folder where a damaged journal cannot. The new journal begins with what it continues: the origin, size
/// and root of the last state that was signed and is whole, what was damaged, and who decided it. Then follow all entries that
/// are proven, as they were. What could not be carried over is said, and is in the way of every decision until somebody has
/// looked and accepts it. Nothing is recorded in the old folder any more.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the incident whose journal is damaged.
    old: PathBuf,
    /// Folder to make.
    new: PathBuf,
    /// Why: stands in the first entry of the new journal.
    #[arg(long)]
    reason: Reason,
    /// Carry over also what can be read and no signature proves: the last second before a kill, or everything if the
    /// checkpoints are gone. You answer for it; it is recorded.
    #[arg(long)]
    unproven: bool,
    /// Where the signing key of the new journal lies; made if it is not there yet.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    by: By,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let fault = |fault: StoreFault| folder::failure(&args.old, &fault);
    if let Some(next) = store::succeeded_by(&args.old) {
        return Err(fault(StoreFault::Succeeded(args.old.clone(), next)));
    }
    if args.reason.trim().is_empty() {
        return Err(Failure::usage("the reason is empty", "nothing was made", "say why: --reason TEXT"));
    }
    let prepared = succession::prepare(&args.old, args.unproven, &args.reason).map_err(fault)?;
    let prepared = prepared.ok_or_else(|| {
        Failure::refused(
            format!("the journal in {} is whole", args.old.display()),
            "there is nothing to continue elsewhere",
            Remedy::run_to("go on in it", Command::new("status").with(args.old.display())),
        )
    })?;
    is_of_an_incident(args, &prepared)?;
    if args.new.exists() {
        return Err(folder::failure(&args.new, &StoreFault::AlreadyThere(args.new.clone())));
    }
    show(args, &prepared);
    if !talk::agreed("Go on in the new folder?", args.yes) {
        talk::say("nothing was made");
        return Ok(Answer::No);
    }
    make(args, prepared)
}

fn is_of_an_incident(args: &Args, prepared: &Prepared) -> Result<(), Failure> {
    if !prepared.kinds().any(bridge::fact::is_own_kind) {
        return Ok(());
    }
    Err(Failure::refused(
        format!("{} is a bridge's folder", args.old.display()),
        "its items name each other by number and cannot be carried into another journal; nothing was made",
        Remedy::Steps(vec![
            Remedy::run_to("see what is left", Command::new("journal show").with(args.old.display())),
            "hand back what can be read, and begin the bridge in a new folder".into(),
        ]),
    ))
}

fn show(args: &Args, prepared: &Prepared) {
    for line in harm::damage(&args.old, &prepared.harm) {
        talk::data(line);
    }
    let succession = &prepared.succession;
    talk::data(format!("carried over: {}", counted_as(succession.carried_count(), "entry", "entries")));
    for LeftOut { from, until, cause, detail } in &succession.left_out {
        let which = if until - from == 1 { format!("{from}") } else { format!("{from} to {}", until - 1) };
        let missed = if cause.is_missed() { "NOT carried over" } else { "not carried over" };
        talk::data(format!("{missed}: {which}: {detail}"));
    }
}

fn make(args: &Args, prepared: Prepared) -> Result<Answer, Failure> {
    let now_ms = folder::now_ms();
    let origin = format!("blackstart/{}/{now_ms}", init::slug(&init::file_name(&args.new)));
    let key = match &args.key {
        Some(key) => key.clone(),
        None => init::default_key(&origin)?,
    };
    init::outside(&key, &args.new)?;
    if args.key.is_none() {
        init::make_home(&key)?;
    }
    let missed = prepared.succession.missed();
    prepared
        .begin(&args.new, &key, &origin, &args.by.name(), now_ms)
        .map_err(|fault| folder::failure(&args.new, &fault))?;
    let new = args.new.display().to_string();
    talk::say(format!("the incident goes on in {new}"));
    talk::say(format!("signing key {}: keep a copy on another medium", key.display()));
    talk::say(format!(
        "public key {}: give it to whoever wants to check",
        store::public_key_path(&args.new).display()
    ));
    if let Err(fault) = succession::close_old(&args.old, &args.new) {
        talk::say(format!(
            "the old folder could not be marked as ended ({}): nobody may record in it any more, tell them",
            folder::chain(&fault)
        ));
    }
    if let Some(missed) = missed {
        talk::say(format!("{missed}. Nothing is decided until somebody has looked:"));
        talk::say(format!("  {}", Command::accept_entry(0).line(Some(&new))));
    }
    talk::say(format!("next: {}", Command::new("status").incident().line(Some(&new))));
    Ok(Answer::Done)
}

/// What `journal verify` says about a journal that continues another. The answer is no if the two contradict.
pub fn told(folder: &Path, old: Option<&Path>) -> Result<Option<(Vec<String>, bool)>, Failure> {
    let Some(succession) = incident::store::continues(folder) else { return Ok(None) };
    let mut lines = vec![format!(
        "It continues {} ({}), of which {} signed and whole{}.",
        succession.folder,
        if succession.origin.is_empty() { "no signed origin" } else { &succession.origin },
        first(succession.trusted_size),
        if succession.root.is_empty() { String::new() } else { format!(", root {}", succession.root) }
    )];
    lines.push(format!(
        "{} carried over from there.",
        counted_as(succession.carried_count(), "entry was", "entries were")
    ));
    lines.extend(succession.missed().map(|missed| format!("{missed}.")));
    let recorded = PathBuf::from(&succession.folder);
    let old = match old {
        Some(old) => old,
        None if store::journal_path(&recorded).is_dir() => &recorded,
        None => {
            lines
                .push("The old folder is not at hand: not compared with it (--old DIR compares).".to_owned());
            return Ok(Some((lines, true)));
        }
    };
    let differences =
        succession::compare(folder, &succession, old).map_err(|fault| folder::failure(old, &fault))?;
    let same = differences.is_empty();
    lines.push(match same {
        true => format!("Compared with {}: what was carried over is what stands there.", old.display()),
        false => format!("Compared with {}: it is NOT the same:", old.display()),
    });
    lines.extend(differences);
    Ok(Some((lines, same)))
}

/// `the first 7 entries are`.
pub fn first(entries: u64) -> String {
    if entries == 1 {
        "the first entry is".to_owned()
    } else {
        format!("the first {} entries are", spaced(entries))
    }
}
