//! Act 4: emergency operation. Business goes on, nobody is turned away; the watch and the bridge are killed and go on.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Result;
use crate::clock::now_ms;
use crate::fault::During;
use crate::stage::{Stage, of};
use crate::story::{Act, Kind};
use crate::traffic::Submission;
use crate::wire::Caller;
use crate::world::wait_until;

/// How many receipts from before the kill are asked for again afterwards.
const SAMPLE: usize = 60;

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    kill_watch(stage, act)?;
    for round in ["first", "second"] {
        kill_bridge(stage, act, round)?;
    }
    receipts_survive(stage, act)?;
    nobody_turned_away(stage, act)
}

fn kill_watch(stage: &mut Stage, act: &mut Act) -> Result<()> {
    stage.say("killing the watch");
    if let Some(mut watch) = stage.watch.take() {
        watch.kill()?;
        stage.killed("watch");
    }
    stage.start_watch()?;
    let incident = stage.incident();
    let note = stage.run(&["note", &incident, "The watch was killed and started again.", "--by", "drill"])?;
    let verified = stage.run(&["journal", "verify", &incident])?;
    let watch_runs = match stage.watch.as_mut() {
        Some(watch) => watch.finished()?.is_none(),
        None => false,
    };
    stage.promise(
        act,
        "After the kill the watch runs again, the journal takes entries and is whole",
        note.code == Some(0) && verified.code == Some(0) && watch_runs,
        format!(
            "note: {}; verify: {}; watch {}",
            crate::product::ended(&note),
            crate::product::ended(&verified),
            if watch_runs { "runs" } else { "does not run" }
        ),
    );
    Ok(())
}

/// At a moment the seed chooses, while requests are under way.
fn kill_bridge(stage: &mut Stage, act: &mut Act, round: &str) -> Result<()> {
    let more = 20 + stage.choices.below(&format!("bridge kill {round}"), 60);
    stage.chose(&format!("{round} kill of the bridge"), format!("after {more} more submissions"));
    let goal = stage.traffic()?.counts().sent + more;
    wait_until("business goes on", Duration::from_secs(30), || {
        stage.traffic().is_ok_and(|traffic| traffic.counts().sent >= goal)
    })?;
    stage.say(&format!("killing the bridge for the {round} time, in the middle of business"));
    if let Some(mut bridge) = stage.bridge.take() {
        bridge.kill()?;
        stage.killed("bridge");
    }
    let down = now_ms();
    stage.start_bridge()?;
    let up = now_ms();
    stage.happened(Kind::Step, "the bridge is back");
    let sent = stage.traffic()?.counts().answered;
    let goes_on = wait_until("the bridge answers after the kill", Duration::from_secs(20), || {
        stage.traffic().is_ok_and(|traffic| traffic.counts().answered >= sent + 20)
    });
    stage.promise(
        act,
        &format!("The bridge goes on after its {round} kill"),
        goes_on.is_ok(),
        format!("it accepted connections again after {} ms", up.saturating_sub(down)),
    );
    Ok(())
}

/// A sender who asks again with the same key gets the receipt from before the kill, not a second one.
fn receipts_survive(stage: &mut Stage, act: &mut Act) -> Result<()> {
    stage.say("are the receipts from before the kills still there?");
    let sent = stage.submissions();
    let with_receipt: Vec<&Submission> =
        sent.iter().filter(|sent| sent.receipt.is_some() && sent.status == Some(202)).collect();
    let step = (with_receipt.len() / SAMPLE).max(1);
    let caller = Caller::new(Duration::from_secs(10));
    let (mut asked, mut same, mut other) = (0, 0, Vec::new());
    for held in with_receipt.iter().step_by(step).take(SAMPLE) {
        let url = format!("{}/t/{}/{}", stage.layout.bridge.url, held.tenant, held.operation.word());
        let answer = caller
            .post(&url, &[("Idempotency-Key", &held.key)], &held.body)
            .during(|| format!("asking the bridge again for {}", held.key))?;
        asked += 1;
        let receipt = answer.body["receipt"].as_str();
        if receipt == held.receipt.as_deref() {
            same += 1;
        } else {
            other.push(format!("{} had {:?}, now {receipt:?} ({})", held.key, held.receipt, answer.status));
        }
    }
    stage.promise(
        act,
        "Receipts given before the kills are still there afterwards",
        asked > 0 && same == asked,
        format!("asked again with the same key: {} the same receipt {}", of(same, asked), other.join("; ")),
    );
    Ok(())
}

/// Everything sent before now has an answer that takes it in (or a reasoned no of the core) with a receipt.
fn nobody_turned_away(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let until = now_ms();
    let mut open = usize::MAX;
    let _ = wait_until("everybody has an answer", Duration::from_secs(30), || {
        open = stage.look_at_sent(|sent| {
            sent.iter().filter(|sent| sent.sent_ms < until && sent.receipt.is_none()).count()
        });
        open == 0
    });
    let counts = stage.traffic()?.counts();
    let mut by_status: BTreeMap<u16, usize> = BTreeMap::new();
    for sent in stage.submissions() {
        if let Some(status) = sent.status {
            *by_status.entry(status).or_default() += 1;
        }
    }
    stage.happened(Kind::Step, format!("{} submissions so far, {} held", counts.sent, counts.held));
    stage.promise(
        act,
        "Nobody is turned away: every submission of every fund gets an answer with a receipt",
        open == 0 && counts.turned_away == 0,
        format!(
            "{} sent, {open} without a receipt, {} turned away, {} tries without an answer while the bridge was dead were \
             repeated by their senders; by status: {by_status:?}",
            counts.sent, counts.turned_away, counts.no_answer
        ),
    );
    Ok(())
}
