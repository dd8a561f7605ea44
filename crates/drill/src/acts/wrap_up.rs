//! The edges of a run: room on the disk before it, signals during it, the report and the tidying after it.

use std::path::Path;

use crate::curve::{Answer, measure};
use crate::fault::During;
use crate::stage::{Stage, text};
use crate::story::Act;
use crate::traffic::Operation;
use crate::{Fault, Result};

/// What a run needs on the disk at most.
const ROOM: u64 = 1024 * 1024 * 1024;
/// Step of the curve.
const STEP_MS: u64 = 250;
/// The bridge's folder, as it is called once the bridge is gone.
const BRIDGE_JOURNAL: &str = "bridge-journal";
/// What stays in the folder: the report, the journals, the public keys, the drill's own book, the marker of the folder.
const STAYS: [&str; 9] = [
    "report.json",
    "report.html",
    "incident",
    BRIDGE_JOURNAL,
    "ledger.jsonl",
    "plan.json",
    "notices",
    "remembered-checkpoint",
    crate::attack::attacker::MARKER,
];

/// Talks to the person at the terminal.
#[expect(clippy::print_stderr, reason = "the drill talks to the person who started it")]
pub(super) fn tell(text: &str) {
    eprintln!("{text}");
}

/// Refuses to begin on a disk that will be full before the end.
pub(super) fn room(folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let disk = rustix::fs::statvfs(there).during(|| format!("looking at the disk of {}", there.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < ROOM {
        return Err(Fault::new(format!(
            "the disk of {} has {} MiB left and a drill needs up to {}; nothing was started. Free some room or choose \
             another folder with --out.",
            there.display(),
            free / 1024 / 1024,
            ROOM / 1024 / 1024
        )));
    }
    Ok(())
}

/// Ctrl-C and SIGTERM end the run at once. Every process of the practice world ends itself when the drill is gone, and
/// the keeper ends those of the product.
pub(super) fn end_on_signal(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .during(|| "preparing for Ctrl-C".to_owned())?;
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        let name = runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return std::future::pending().await;
            };
            tokio::select! {
                _ = interrupt.recv() => "Ctrl-C",
                _ = terminate.recv() => "SIGTERM",
            }
        });
        tell(&format!(
            "{}\nThe drill was ended by {name}. There is no report. Its processes are ending; its files are in {} and \
             the next drill there clears them away.",
            wrapping_again(),
            folder.display()
        ));
        std::process::exit(130);
    });
    Ok(())
}

/// The display draws without wrapping lines; a terminal that is left behind must wrap them again.
fn wrapping_again() -> &'static str {
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) { "\x1b[?7h" } else { "" }
}

/// Writes the report, ends every process, and leaves what is worth keeping. Returns whether every promise held.
pub(super) fn finish(mut stage: Stage, acts: Vec<Act>, keep: bool) -> Result<bool> {
    stage.report.seconds = stage.clock.seconds();
    stage.report.played(acts);
    curve(&mut stage);
    for (name, binary) in
        [("blackstart", stage.product.binary().to_owned()), ("drill", stage.layout.settings.program.clone())]
    {
        stage.report.versions.push((name.to_owned(), super::version(&binary)));
    }
    stage.report.write(&stage.folder, &crate::report_html::render(&stage.report))?;
    stage.display.end();
    let Stage { report, folder, world, traffic, bridge, watch, layout, .. } = stage;
    drop((traffic, bridge, watch));
    drop(world);
    if !keep && report.ok {
        clear(&folder, &layout.bridge.folder)?;
    }
    last_words(&report, &folder);
    Ok(report.ok)
}

/// Insured × urgency of every fund and operation, and every answer, in the order of the pairs.
fn curve(stage: &mut Stage) {
    let operations = [Operation::Eau, Operation::Payment, Operation::Address, Operation::Letter];
    let mut weights = Vec::new();
    for fund in &stage.layout.funds {
        weights.extend(operations.iter().map(|operation| fund.insured * urgency(*operation)));
    }
    let answers: Vec<Answer> = stage
        .submissions()
        .iter()
        .filter_map(|sent| {
            let fund = stage.layout.funds.iter().position(|fund| fund.id == sent.tenant)?;
            let operation = operations.iter().position(|operation| *operation == sent.operation)?;
            let how = super::looking::how(sent)?;
            Some(Answer { at_ms: sent.answered_ms?, pair: fund * operations.len() + operation, how })
        })
        .collect();
    let curve = measure(&weights, &answers, stage.clock.began_ms(), STEP_MS);
    if !curve.points.is_empty() {
        stage.report.insured_hours = format!("{:.0}", curve.insured_hours).parse().ok();
        stage.report.insured_hours_turned_away =
            format!("{:.0}", curve.insured_hours_turned_away).parse().ok();
    }
    stage.report.curve = curve;
}

/// As in the estate the drill writes.
fn urgency(operation: Operation) -> u64 {
    match operation {
        Operation::Eau => 5,
        Operation::Payment => 8,
        Operation::Address => 1,
        Operation::Letter => 2,
    }
}

/// Removes stores, repositories, logs and secret keys. Only what lies in the drill's own marked folder.
fn clear(folder: &Path, bridge: &Path) -> Result<()> {
    let kept = folder.join(BRIDGE_JOURNAL);
    std::fs::rename(bridge, &kept)
        .during(|| format!("keeping the bridge's journal in {}", kept.display()))?;
    for entry in std::fs::read_dir(folder).during(|| format!("tidying {}", folder.display()))? {
        let entry = entry.during(|| format!("tidying {}", folder.display()))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if STAYS.contains(&name.as_str()) {
            continue;
        }
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.during(|| format!("removing {}", path.display()))?;
    }
    Ok(())
}

fn last_words(report: &crate::report::Report, folder: &Path) {
    let promises = report.acts.iter().map(|act| act.promises.len()).sum::<usize>();
    let broken: Vec<_> =
        report.acts.iter().flat_map(|act| act.broken().map(move |promise| (act.name, promise))).collect();
    let number = |value: Option<u64>| {
        value.map_or_else(|| "?".to_owned(), |number| page::words::grouped(number.into()))
    };
    tell("");
    if report.ok {
        tell(&format!(
            "All {promises} promises held, in {:.0} s. {} submissions taken in, {} lost, {} doubled.",
            report.seconds,
            number(report.accepted),
            number(report.lost),
            number(report.doubled)
        ));
    } else {
        tell(&format!("{} of {promises} promises did not hold, in {:.0} s:", broken.len(), report.seconds));
        for (act, promise) in broken {
            tell(&format!("  {act}: {}\n      {}", promise.text, promise.evidence));
        }
        tell(&format!("Everything is kept in {} for a look: logs in log/, data in place.", folder.display()));
    }
    tell(&format!("Report: {}", text(&folder.join("report.html"))));
}
