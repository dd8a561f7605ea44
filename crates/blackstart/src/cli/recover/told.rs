//! What is said while the plan is run: each step with its time and how far the run is; where a failed one can be looked
//! into; and on Ctrl-C what goes on running.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::{Failure, folder, talk};
use incident::event::{Found, RecoverEvent};
use incident::recover::step::State;
use incident::{Event, View, record};
use message::{Command, harmless};
use recover::perform;

/// Lines of an output that are shown where a step has failed.
const LINES_MAX: usize = 10;
/// From so far before its end.
const TAIL_BYTES: u64 = 4_000;

pub(super) fn as_json(event: &Event) {
    let (kind, _, payload) = record::encode(event);
    let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap_or_default();
    talk::json(&json!({ "kind": kind, "data": payload["data"] }));
}

/// One line, and for a failure the end of what the command has written.
pub(super) fn say(folder: &Path, steps: &BTreeSet<String>, view: &View, event: &Event) {
    let Event::Recover(event) = event else { return };
    let Some(text) = words(event) else { return };
    let now = folder::time(folder::now_ms());
    let now = now.split('T').nth(1).unwrap_or_default().trim_end_matches('Z').to_owned();
    let done = steps.iter().filter(|step| view.recover.state_of(step) == State::Done).count();
    let width = steps.len().to_string().len();
    talk::say(format!("{now}  {done:>width$}/{}  {text}", steps.len()));
    if let RecoverEvent::StepFailed { step, .. } = event
        && let Some(path) = log_of(folder, view, step)
    {
        show_end(&path);
    }
}

fn words(event: &RecoverEvent) -> Option<String> {
    Some(match event {
        RecoverEvent::RunBegun { plan, .. } => format!("running plan {}", &plan[..plan.len().min(12)]),
        RecoverEvent::StepIntended { step, attempt: 1, .. } => format!("begin   {step}"),
        RecoverEvent::StepIntended { step, attempt, .. } => format!("begin   {step}, attempt {attempt}"),
        RecoverEvent::StepDone { step, detail, .. } => format!("done    {step}: {detail}"),
        RecoverEvent::StepFailed { step, detail, .. } => format!("FAILED  {step}: {detail}"),
        RecoverEvent::StepProbed { step, found: Found::Unknown, detail, .. } => {
            format!("waits   {step}: {detail}")
        }
        RecoverEvent::StepProbed { step, found, detail, .. } => {
            let found = match found {
                Found::Done => "it had happened",
                Found::NotDone => "it had not happened",
                Found::Unknown => "nobody knows",
            };
            format!("looked  {step}: {found}, {detail}")
        }
        RecoverEvent::ServiceStopped { service, why } => format!("stopped {service}: {why}"),
        RecoverEvent::ServiceParked { service, waits_for } => {
            format!("parked  {service}: it cannot work without {waits_for}")
        }
        RecoverEvent::ServiceUnparked { service } => format!("goes on {service}"),
        RecoverEvent::TargetResumed { target, reason } => format!("resumed {target}: {reason}"),
        RecoverEvent::RunEnded { .. } => return None,
    })
}

/// Where the output of a failed step lies. A gate writes nothing: then what it asked about has.
fn log_of(folder: &Path, view: &View, step: &str) -> Option<PathBuf> {
    let run = view.recover.run.as_ref()?;
    let own = step.strip_prefix("gate:").map_or_else(|| step.to_owned(), |of| format!("start:{of}"));
    let attempt = view.recover.steps.get(&own)?.attempt;
    let path = perform::output_path(folder, &run.run, &own, attempt);
    path.is_file().then_some(path)
}

fn show_end(path: &Path) {
    let end = end_of(path);
    match end.as_slice() {
        [] => talk::say(format!("    its output, {}, is empty", path.display())),
        lines => {
            talk::say(format!("    its output ends so ({}):", path.display()));
            for line in lines {
                talk::say(format!("    | {}", harmless(line)));
            }
        }
    }
}

/// The last lines. What cannot be read is only for people.
fn end_of(path: &Path) -> Vec<String> {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = read().map_or_else(
        |error| format!("(it cannot be read: {error})"),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    );
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Ctrl-C ends this program as a kill would: nothing is lost, and the next call finds out what had happened. It says what
/// goes on without it.
pub(super) fn at_an_interrupt(folder: &Path) -> Result<(), Failure> {
    let fault = |error: std::io::Error| {
        Failure::fault(
            format!("cannot listen for signals: {error}"),
            "nothing was begun",
            "look at the limits of this machine, then call again",
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(fault)?;
    let signal = runtime
        .block_on(async { tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()) })
        .map_err(fault)?;
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        let mut signal = signal;
        runtime.block_on(async {
            if signal.recv().await.is_some() {
                say_what_goes_on(&folder);
                #[expect(
                    clippy::disallowed_methods,
                    reason = "as a kill: the run must begin nothing more, and what was begun is found out by the next"
                )]
                std::process::exit(INTERRUPTED);
            }
        });
    });
    Ok(())
}

/// As shells count a program that SIGINT has ended.
const INTERRUPTED: i32 = 130;

fn say_what_goes_on(folder: &Path) {
    let shown = folder.display().to_string();
    let again = Command::new("recover").with("--journal").incident().line(Some(&shown));
    talk::say("interrupted: no further step is begun");
    match folder::read(folder) {
        Ok(view) => {
            let begun: Vec<&String> = view
                .recover
                .steps
                .iter()
                .filter(|(_, step)| step.state == State::Intended)
                .map(|(id, _)| id)
                .collect();
            if !begun.is_empty() {
                let begun = begun.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ");
                talk::say(format!("  begun and not finished: {begun}"));
            }
            let running = view.recover.services.values().filter(|service| service.process.is_some()).count();
            talk::say(format!(
                "  what was started does not end with this program: {} on running",
                message::counted_as(running, "service goes", "services go")
            ));
        }
        Err(_) => talk::say("  what was started goes on running"),
    }
    talk::say(format!("  to go on: {again}; what was begun is looked at first"));
}
