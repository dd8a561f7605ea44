//! Act 3: the infected site is cut off; the other goes on. The drill knocks at every door by itself.

use std::time::Duration;

use crate::Result;
use crate::clock::now_ms;
use crate::stage::{KEPT, LOST, Stage, of};
use crate::story::{Act, Kind};
use crate::world::wait_until;

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    cut(stage, act)?;
    hold(stage, act)?;
    probe(stage, act)?;
    others_go_on(stage, act)
}

fn cut(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let (estate, incident, infected) = (stage.estate(), stage.incident(), format!("site:{LOST}"));
    stage.say("what would the cut cost?");
    let (price, _) = stage.ask(&["contain", &estate, "--infected", &infected, "--json"])?;
    let acts = price["cut"].as_array().map_or(0, Vec::len);
    stage.promise(
        act,
        "The cut is shown with its price before anything is touched",
        acts > 0 && price["cost_insured"].is_u64(),
        format!("{acts} acts, {} insured people lose something", price["cost_insured"]),
    );
    stage.say("cutting Munich off");
    let done = stage.run(&[
        "contain",
        &estate,
        "--infected",
        &infected,
        "--journal",
        &incident,
        "--apply",
        "--yes",
    ])?;
    stage.seen.contained_ms = Some(now_ms());
    stage.happened(Kind::Step, "Munich is cut off");
    stage.promise(
        act,
        "The cut is carried out and probed: nothing leaks, and what had died before is not called held",
        done.code == Some(0) || is_done_and_in_part_not_known(&done),
        format!("{}; {}", crate::product::ended(&done), crate::product::said(&done)),
    );
    Ok(())
}

/// Services that the attack had brought down answered nobody before the cut, so their silence proves nothing. The drill
/// looks for itself below whether they are gone.
fn is_done_and_in_part_not_known(done: &crate::world::Finished) -> bool {
    let says = |words: &str| done.stderr.contains(words);
    done.code == Some(1)
        && says("every act was done")
        && says("nothing answered before the cut either")
        && !says("DOES NOT HOLD")
}

/// The bridge stops trying its upstream behind the cut and takes in what comes.
fn hold(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let config = stage.bridge_config();
    let held = stage.run(&["bridge", "hold", &config, "--site", LOST, "--why", "site is cut off"])?;
    stage.promise(
        act,
        "The bridge takes in business for Munich and holds it",
        held.code == Some(0),
        format!("{}; {}", crate::product::ended(&held), crate::product::said(&held)),
    );
    Ok(())
}

/// From outside and by process number, without asking the product.
fn probe(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let door = stage.layout.door(LOST)?.clone();
    let open = Stage::knocks(&door.probe);
    stage.promise(
        act,
        "Whoever knocks at Munich's door from outside is refused",
        !open,
        format!("{} {}", door.probe, if open { "accepts connections" } else { "refuses" }),
    );
    let units = stage.layout.units.clone();
    let of_lost: Vec<_> =
        units.iter().filter(|unit| unit.site.as_deref() == Some(LOST) && !unit.job).collect();
    let services: Vec<_> = of_lost.into_iter().filter(|unit| unit.name != door.unit.name).collect();
    let still: Vec<&str> = services
        .iter()
        .filter(|unit| stage.world.is_running(unit) || Stage::knocks(&format!("127.0.0.1:{}", unit.port)))
        .map(|unit| unit.name.as_str())
        .collect();
    stage.promise(
        act,
        "No service of Munich runs any more",
        still.is_empty() && !services.is_empty(),
        format!("{} services looked at by process and port; still there: {still:?}", services.len()),
    );
    Ok(())
}

fn others_go_on(stage: &mut Stage, act: &mut Act) -> Result<()> {
    stage.say("does Essen go on?");
    let since = now_ms();
    let (served, funds) = stage.wait_until_served(KEPT, Duration::from_secs(20));
    stage.promise(
        act,
        "Essen serves every one of its funds on",
        served == funds,
        format!("{} funds had new business answered by their core after the cut", of(served, funds)),
    );
    let funds = stage.funds_of(LOST).len();
    let mut held = 0;
    let _ = wait_until("Munich's funds get receipts", Duration::from_secs(20), || {
        held = stage.answered_since(LOST, since, |status| status == 202);
        held == funds
    });
    stage.promise(
        act,
        "Every fund of Munich gets receipts for what is held",
        held == funds,
        format!("{} funds", of(held, funds)),
    );
    Ok(())
}
