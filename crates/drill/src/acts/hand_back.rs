//! Act 8: what was held, and everything since the recovery point, comes back to the funds, while business goes on.
//!
//! Each fund runs its own hand-back, with its own key. Some of these processes are killed on the way and run again.

use std::time::Duration;

use super::books::{RUN, SIDE_BY_SIDE, accounts, finish, listed, run_handback};
use crate::Result;
use crate::clock::rfc3339;
use crate::oracle::Account;
use crate::product::{ended, said};
use crate::stage::{LOST, Stage, of};
use crate::story::{Act, Kind};
use crate::world::Running;

/// How far before the recovery point the offers begin: clocks of machines differ, and a duplicate is found.
const MARGIN_MS: u64 = 1_000;
/// Ends as soon as every fund was answered; long, because a busy machine must not decide whether a promise held.
const SERVED: Duration = Duration::from_secs(150);

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let before = stage.traffic()?.counts();
    reopen(stage, act)?;
    each_fund(stage, act)?;
    release(stage, act)?;
    settled(stage, act)?;
    let after = stage.traffic()?.counts();
    stage.promise(
        act,
        "Business goes on during the hand-back, and nobody is turned away",
        after.answered > before.answered && after.turned_away == 0,
        format!(
            "{} submissions answered meanwhile, {} turned away",
            after.answered - before.answered,
            after.turned_away
        ),
    );
    duplicates_and_conflicts(stage, act)
}

/// Everything of Munich since the recovery point is offered again.
fn reopen(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let oldest = stage
        .stores_of(LOST)
        .iter()
        .filter_map(|store| stage.seen.backups.get(&store.name)?.iter().rev().find(|(_, clean)| *clean))
        .map(|(snapshot, _)| snapshot.at_ms)
        .min()
        .unwrap_or(0);
    let since = rfc3339(oldest.saturating_sub(MARGIN_MS));
    let config = stage.bridge_config();
    let opened = stage.run(&["bridge", "reopen", &config, "--site", LOST, "--since", &since])?;
    stage.happened(Kind::Step, "the gap since the backup is opened for hand-back");
    stage.promise(
        act,
        "The gap since the recovery point is opened for hand-back",
        opened.code == Some(0),
        format!("since {since}; {}: {}", ended(&opened), said(&opened)),
    );
    Ok(())
}

/// Every fund of the site, some side by side; some are killed and started again.
fn each_fund(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let funds = stage.funds_of(LOST);
    let victims = (funds.len() / 6).max(1);
    let mut killed = 0;
    let (mut failed, mut done) = (Vec::new(), 0);
    for (round, group) in funds.chunks(SIDE_BY_SIDE).enumerate() {
        stage.say(&format!("hand-back: {} funds", of(done, funds.len())));
        let mut running: Vec<(String, Running)> = Vec::new();
        for fund in group {
            running.push((fund.id.clone(), run_handback(stage, &fund.id, "handback")?));
        }
        if killed < victims
            && let Some((fund, process)) = running.first_mut()
        {
            // A fund with a handful of items may be done before it is hit; then the next group is tried.
            let pause = 5 + stage.choices.below(&format!("handback kill {round}"), 40);
            std::thread::sleep(Duration::from_millis(pause));
            if process.finished()?.is_none() {
                process.kill()?;
                killed += 1;
                let fund = fund.clone();
                stage.killed(&format!("hand-back of {fund}"));
                running[0].1 = run_handback(stage, &fund, "handback-again")?;
            }
        }
        for (fund, mut process) in running {
            let finished = process.wait(RUN)?;
            // 1: something is on the list for people. That is an answer, not a failure.
            if matches!(finished.code, Some(0 | 1)) {
                done += 1;
            } else {
                failed.push(format!("{fund}: {}: {}", ended(&finished), said(&finished)));
            }
        }
    }
    stage.promise(
        act,
        "Every fund of Munich runs its hand-back to the end, although some were killed on the way",
        failed.is_empty() && killed > 0,
        format!("{}, {killed} killed and run again {}", of(done, funds.len()), failed.join("; ")),
    );
    Ok(())
}

/// From here on business goes straight to the core again.
fn release(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let config = stage.bridge_config();
    let released = stage.run(&["bridge", "release", &config, "--site", LOST])?;
    stage.happened(Kind::Step, "Munich is released: normal operation");
    stage.say("do the funds of Munich reach their core again?");
    let (served, funds) = stage.wait_until_served(LOST, SERVED);
    stage.promise(
        act,
        "After the release every fund of Munich is answered by its core again",
        released.code == Some(0) && served == funds,
        format!("{}: {}; {} funds", ended(&released), said(&released), of(served, funds)),
    );
    Ok(())
}

/// A person who sends in something while something of the same person is still pending is held, too. So business rests
/// for a moment: then nothing may be left.
fn settled(stage: &mut Stage, act: &mut Act) -> Result<()> {
    stage.say("business rests for a moment: is anything left?");
    let rest = stage.traffic()?.pause(Duration::from_secs(20));
    let left = finish(stage)?;
    stage.traffic()?.go_on();
    stage.promise(
        act,
        "Nothing is pending once the funds have run their hand-back",
        left == 0 && rest.is_ok(),
        format!("{left} submissions pending after business rested for a moment"),
    );
    Ok(())
}

fn duplicates_and_conflicts(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let accounts = accounts(stage)?;
    let of_lost: Vec<Account> =
        stage.funds_of(LOST).iter().filter_map(|fund| accounts.get(&fund.id).copied()).collect();
    let duplicates: u64 = of_lost.iter().map(|account| account.already_there).sum();
    stage.promise(
        act,
        "What the core knew already was found and not entered again",
        duplicates > 0,
        format!("{duplicates} submissions of Munich's funds were there already"),
    );
    let mut on_lists = 0;
    let mut wrong = Vec::new();
    for fund in stage.funds_of(LOST) {
        let found = listed(stage, &fund.id)?.len();
        let account = accounts.get(&fund.id).copied().unwrap_or_default();
        on_lists += found;
        // Live traffic goes on, so the list, read later, may be longer than the account.
        if u64::try_from(found).unwrap_or(0) < account.conflict + account.refused {
            wrong.push(format!(
                "{}: {found} listed, account says {}",
                fund.id,
                account.conflict + account.refused
            ));
        }
    }
    stage.promise(
        act,
        "Conflicts and refusals are listed for people, fund by fund",
        wrong.is_empty() && on_lists > 0,
        format!("{on_lists} on the lists of Munich's funds {}", wrong.join("; ")),
    );
    Ok(())
}
