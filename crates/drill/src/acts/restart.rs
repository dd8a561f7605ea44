//! Act 7: the lost site comes back in order. One service fails its gate; Blackstart is killed twice on the way.

use std::time::Duration;

use serde_json::Value;

use super::restart_times;
use crate::Result;
use crate::estate::Unit;
use crate::fault::During;
use crate::process::from_pid_file;
use crate::product::{ended, said};
use crate::stage::{LOST, Stage, of, text};
use crate::story::{Act, Kind};
use crate::world::{Running, wait_until};

/// Longest time one run of the plan may take.
const RUN: Duration = Duration::from_secs(90);

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let plan = plan(stage, act)?;
    let failing = ["identity", "core"];
    let failing = stage.choices.one("failing gate", &failing).map_or("core", |name| name);
    let unit = stage.layout.unit(&format!("{failing}-{LOST}"))?.clone();
    stage.chose("service that fails its gate", unit.name.clone());
    std::fs::write(&unit.fail_gate, "broken on purpose\n").during(|| format!("breaking {}", unit.name))?;
    killed_run(stage, act, &plan, "first", 3)?;
    lift(stage, act, &plan)?;
    failed_gate(stage, act, &plan, &unit)?;
    repair(stage, act, &unit)?;
    killed_run(stage, act, &plan, "second", 3)?;
    completed(stage, act, &plan)?;
    as_it_was(stage, act, &plan)?;
    order(stage, act)?;
    once(stage, act);
    open_door(stage, act)
}

/// Plan, price, approval.
fn plan(stage: &mut Stage, act: &mut Act) -> Result<String> {
    stage.say("planning the restart of Munich");
    let (estate, incident) = (stage.estate(), stage.incident());
    let file = text(&stage.folder.join("plan.json"));
    let lost = format!("site:{LOST}");
    let (answer, _) =
        stage.ask(&["plan", &estate, "--lost", &lost, "--journal", &incident, "-o", &file, "--json"])?;
    stage.report.planned_insured_hours = whole(&answer["insured_hours"]);
    stage.report.first_come_insured_hours = whole(&answer["baselines"]["fifo"]);
    stage.report.tier_insured_hours = whole(&answer["baselines"]["tier"]);
    stage.report.size_insured_hours = whole(&answer["baselines"]["size"]);
    stage.report.plan_gap = answer["gap"].as_f64();
    let written = std::fs::read_to_string(&file).during(|| format!("reading the plan {file}"))?;
    let written: Value = serde_json::from_str(&written).during(|| format!("reading the plan {file}"))?;
    let hash = written["hash"].as_str().unwrap_or_default().to_owned();
    let unapproved = stage.run(&["recover", &estate, "--plan", &file, "--journal", &incident])?;
    stage.promise(
        act,
        "A plan that nobody approved is not run",
        unapproved.code == Some(1),
        format!("{}: {}", ended(&unapproved), said(&unapproved)),
    );
    stage.must(&["approve", &incident, &hash, "--by", "drill", "--yes"])?;
    stage.happened(Kind::Step, "the plan is approved");
    stage.promise(
        act,
        "The plan says how many insured-hours it costs, and what the usual orders would: first come, tier, size",
        stage.report.usual_insured_hours().is_some() && stage.report.planned_insured_hours.is_some(),
        format!("{} against {}", answer["insured_hours"], answer["baselines"]),
    );
    Ok(file)
}

/// What was cut off is not started before somebody has decided that the cut ends. The door stays closed until the end.
fn lift(stage: &mut Stage, act: &mut Act, plan: &str) -> Result<()> {
    let (estate, incident, site) = (stage.estate(), stage.incident(), format!("site:{LOST}"));
    let kept = stage.run(&["recover", &estate, "--plan", plan, "--journal", &incident])?;
    stage.promise(
        act,
        "What is cut off is not started while the cut is in force",
        kept.code == Some(1) && kept.stdout.contains("is cut off since entry"),
        format!("{}: {}", ended(&kept), said(&kept)),
    );
    let reason = ["--reason", "the clean copies are judged", "--by", "drill", "--yes"];
    let lift = ["contain", "lift", &incident, &site, "--services"];
    stage.must(&[lift.as_slice(), reason.as_slice()].concat())?;
    stage.happened(Kind::Step, "the cut of Munich's services is lifted");
    Ok(())
}

/// Whole hours of a number that may be written with or without a fraction.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
}

fn recover(stage: &Stage, name: &str, plan: &str) -> Result<Running> {
    let (estate, incident) = (stage.estate(), stage.incident());
    stage.spawn(name, &["recover", &estate, "--plan", plan, "--journal", &incident])
}

/// Steps of the plan that were begun so far, as the journal shows them.
fn steps_begun(stage: &Stage) -> Result<usize> {
    let incident = stage.incident();
    let shown = stage.must(&["journal", "show", &incident, "--json"])?;
    Ok(shown.stdout.matches("\"recover.step_intended\"").count())
}

/// Runs the plan and kills Blackstart in the middle, after a number of steps that the seed chooses.
fn killed_run(stage: &mut Stage, act: &mut Act, plan: &str, round: &str, most: u64) -> Result<()> {
    let steps = 1 + stage.choices.below(&format!("recover kill {round}"), most);
    stage.chose(&format!("{round} kill of recover"), format!("when it begins its step number {steps}"));
    let before = steps_begun(stage)?;
    stage.say(&format!("Blackstart restarts Munich, and is killed at step {steps}"));
    let mut running = recover(stage, &format!("recover-{round}"), plan)?;
    let goal = before + usize::try_from(steps).unwrap_or(1);
    let mut over = None;
    let reached = wait_until("the step at which it is killed", RUN, || {
        over = running.finished().ok().flatten();
        over.is_some() || steps_begun(stage).is_ok_and(|begun| begun >= goal)
    });
    if over.is_none() {
        running.kill()?;
        stage.killed("recover");
    }
    stage.promise(
        act,
        &format!("The {round} kill hits Blackstart in the middle of the restart"),
        reached.is_ok() && over.is_none(),
        over.map_or_else(
            || format!("killed after {} steps were begun", steps_begun(stage).unwrap_or(goal)),
            |finished| format!("it had already ended with {}: {}", ended(&finished), said(&finished)),
        ),
    );
    Ok(())
}

/// The service that fails is stopped again, what needs it stays parked, the rest goes on.
fn failed_gate(stage: &mut Stage, act: &mut Act, plan: &str, failing: &Unit) -> Result<()> {
    stage.say(&format!("the restart goes on; {} will fail its gate", failing.name));
    let finished = recover(stage, "recover-failing", plan)?.wait(RUN)?;
    stage.happened(Kind::Step, format!("{} fails its gate and is stopped again", failing.name));
    let told = format!("{} {}", finished.stdout, finished.stderr);
    stage.promise(
        act,
        "When a gate fails Blackstart ends with 1 and says what it waits for",
        finished.code == Some(1) && told.contains(&failing.name),
        format!("{}: {}", ended(&finished), said(&finished)),
    );
    let (dependents, others) = relatives(&failing.name);
    let runs = |name: &str| {
        stage.layout.unit(&format!("{name}-{LOST}")).is_ok_and(|unit| stage.world.is_running(unit))
    };
    stage.promise(
        act,
        "The service that failed its gate is stopped again",
        !stage.world.is_running(failing),
        format!("{} {}", failing.name, if stage.world.is_running(failing) { "runs" } else { "does not run" }),
    );
    let awake: Vec<&&str> = dependents.iter().filter(|name| runs(name)).collect();
    stage.promise(
        act,
        "What needs it stays parked",
        awake.is_empty(),
        format!("{dependents:?} looked at; running: {awake:?}"),
    );
    let up: Vec<&&str> = others.iter().filter(|name| runs(name)).collect();
    stage.promise(
        act,
        "What does not need it goes on",
        up.len() == others.len(),
        format!("{} of {others:?} run", up.len()),
    );
    let incident = stage.incident();
    let status = stage.run(&["status", &incident])?;
    stage.promise(
        act,
        "`status` names what failed",
        status.code == Some(0) && status.stdout.contains(&failing.name),
        crate::product::short(&status.stdout),
    );
    Ok(())
}

/// Who needs a service to run, and who does not, as the practice provider is built.
fn relatives(failing: &str) -> (&'static [&'static str], &'static [&'static str]) {
    if failing.starts_with("identity") {
        (&["core", "intake", "payments"], &["mail"])
    } else {
        (&["intake", "payments"], &["identity", "mail"])
    }
}

fn repair(stage: &mut Stage, act: &mut Act, failing: &Unit) -> Result<()> {
    std::fs::remove_file(&failing.fail_gate).during(|| format!("repairing {}", failing.name))?;
    let (incident, id) = (stage.incident(), format!("service:{}", failing.name));
    let resumed = stage.run(&["resume", &incident, &id, "--reason", "repaired", "--by", "drill"])?;
    stage.happened(Kind::Step, format!("{} is repaired", failing.name));
    stage.promise(
        act,
        "After the repair a person lets it try again (resume)",
        resumed.code == Some(0),
        format!("{}: {}", ended(&resumed), said(&resumed)),
    );
    Ok(())
}

fn completed(stage: &mut Stage, act: &mut Act, plan: &str) -> Result<()> {
    stage.say("Blackstart goes on where it was killed");
    let finished = recover(stage, "recover-last", plan)?.wait(RUN)?;
    stage.happened(Kind::Step, "the restart is complete");
    stage.promise(
        act,
        "Blackstart goes on where it was killed and completes the plan",
        finished.code == Some(0),
        format!("{}: {}", ended(&finished), said(&finished)),
    );
    let units = services(stage);
    let running = units.iter().filter(|unit| stage.world.is_running(unit)).count();
    stage.promise(
        act,
        "Every service of Munich runs",
        running == units.len() && !units.is_empty(),
        of(running, units.len()),
    );
    Ok(())
}

/// Plan and reality, for the report.
fn as_it_was(stage: &mut Stage, act: &mut Act, plan: &str) -> Result<()> {
    let lines = restart_times::measured(stage, plan)?;
    let known = lines.iter().filter(|line| line.measured_s.is_some()).count();
    stage.promise(
        act,
        "The journal says of every service in the plan when it passed its gate",
        known == lines.len() && !lines.is_empty(),
        of(known, lines.len()),
    );
    let (estate, checked) = (stage.estate(), plan.to_owned());
    let check = stage.run(&["plan", "check", &checked, &estate])?;
    stage.promise(
        act,
        "The plan that was run keeps every dependency and limit, says a check that shares no code with the planner",
        check.code == Some(0),
        crate::product::short(&check.stdout),
    );
    stage.report.restart = lines;
    Ok(())
}

fn services(stage: &Stage) -> Vec<Unit> {
    let door = stage.layout.door(LOST).map(|door| door.unit.name.clone()).unwrap_or_default();
    stage
        .layout
        .units
        .iter()
        .filter(|unit| unit.site.as_deref() == Some(LOST) && !unit.job && unit.name != door)
        .cloned()
        .collect()
}

/// By the moments at which the kernel says the processes began.
fn order(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let began = |name: &str| -> Result<Option<u64>> {
        let unit = stage.layout.unit(&format!("{name}-{LOST}"))?;
        Ok(from_pid_file(&unit.pid_file, &[]).map(|known| known.began))
    };
    let pairs = [("identity", "core"), ("core", "intake"), ("core", "payments")];
    let mut wrong = Vec::new();
    for (first, then) in pairs {
        match (began(first)?, began(then)?) {
            (Some(one), Some(other)) if one <= other => {}
            (one, other) => wrong.push(format!("{first} {one:?}, {then} {other:?}")),
        }
    }
    stage.promise(
        act,
        "Everything was started after what it needs",
        wrong.is_empty(),
        if wrong.is_empty() {
            "identity, core, then intake and payments, by the kernel's clock".to_owned()
        } else {
            wrong.join("; ")
        },
    );
    Ok(())
}

/// The month-end job of the lost site: each execution leaves a line.
fn once(stage: &mut Stage, act: &mut Act) {
    let times = stage.layout.month_ends(LOST);
    stage.promise(
        act,
        "The job that must run only once ran exactly once, in spite of the kills",
        times == 1,
        format!("{times} executions"),
    );
}

fn open_door(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let door = stage.layout.door(LOST)?.clone();
    let (incident, site) = (stage.incident(), format!("site:{LOST}"));
    let lifted = stage.run(&[
        "contain",
        "lift",
        &incident,
        &site,
        "--reason",
        "Munich is back",
        "--by",
        "drill",
        "--yes",
    ])?;
    let open = wait_until("the door is open", Duration::from_secs(10), || Stage::knocks(&door.probe));
    stage.happened(Kind::Step, "Munich's door is open again");
    stage.promise(
        act,
        "Munich's door is open again",
        lifted.code == Some(0) && open.is_ok(),
        format!("{}: {}", ended(&lifted), said(&lifted)),
    );
    Ok(())
}
