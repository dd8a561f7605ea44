//! Act 1: a normal day. The provider is built, described, watched; business flows; backups are made.
//!
//! Everything the later acts rely on is made here, by the product's own commands where an operator would use them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::now_ms;
use crate::fault::During;
use crate::stage::{KEPT, LOST, Stage, of, text};
use crate::story::{Act, Kind};
use crate::traffic::{Settings, Traffic};
use crate::world::wait_until;
use crate::{Fault, Result};

/// Acknowledged submissions the newest clean backup must be short of when the attack comes, with some to spare.
pub const GAP: usize = 200;
const GAP_SPARE: usize = 40;

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    build(stage, act)?;
    open_incident(stage)?;
    start(stage)?;
    flow(stage, act)?;
    back_up(stage, act)?;
    quiet_so_far(stage, act)
}

/// Folders, documents, databases, repositories; a key pair for every fund; the estate and the bridge's config.
fn build(stage: &mut Stage, act: &mut Act) -> Result<()> {
    stage.say("building two data centres");
    stage.layout.make()?;
    stage.say("every fund makes its own key");
    let keys = stage.folder.join("identities");
    std::fs::create_dir_all(&keys).during(|| format!("making {}", keys.display()))?;
    let mut recipients = BTreeMap::new();
    for fund in stage.layout.funds.clone() {
        let identity = keys.join(format!("{}.age", fund.id));
        let made = stage.must(&["handback", "keygen", "-o", &text(&identity), "--tenant", &fund.id])?;
        let recipient =
            made.stdout.split_whitespace().find(|word| word.starts_with("age1")).ok_or_else(|| {
                Fault::new(format!(
                    "`handback keygen` printed no recipient that begins with age1: {}",
                    made.stdout
                ))
            })?;
        recipients.insert(fund.id.clone(), recipient.to_owned());
        let config = stage.layout.write_handback(&fund.id, &identity)?;
        stage.seen.handback.insert(fund.id, config);
    }
    stage.layout.write_bridge(&recipients)?;
    let estate = stage.estate();
    let checked = stage.run(&["check", &estate, "--json"])?;
    stage.promise(
        act,
        "The description of the provider has no blocking finding (check)",
        checked.code == Some(0),
        format!("{}; {} findings in all", crate::product::ended(&checked), findings(&checked.stdout)),
    );
    Ok(())
}

fn findings(text: &str) -> usize {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let list = value.get("findings").unwrap_or(&value);
    list.as_array().map_or(0, Vec::len)
}

fn open_incident(stage: &mut Stage) -> Result<()> {
    stage.say("opening the incident folder");
    let (incident, estate) = (stage.incident(), stage.estate());
    let key = stage.folder.join("incident.key");
    stage.must(&[
        "init",
        &incident,
        "--estate",
        &estate,
        "--key",
        &text(&key),
        "--name",
        "Drill",
        "--by",
        "drill",
    ])?;
    Ok(())
}

fn start(stage: &mut Stage) -> Result<()> {
    stage.say("starting bank, doors and services of both data centres");
    stage.world.start_all(&stage.layout)?;
    stage.say("starting the bridge and the watch");
    stage.start_bridge()?;
    stage.start_watch()
}

/// Business of all funds, until each of them was answered by a core.
fn flow(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let settings = Settings {
        bridge: stage.layout.bridge.url.clone(),
        funds: stage.layout.funds.clone(),
        persons_per_fund: stage.layout.settings.persons_per_fund,
        seed: stage.layout.settings.seed,
        per_second: super::PER_SECOND,
        threads: 8,
        ledger: stage.folder.join("ledger.jsonl"),
    };
    let traffic = Traffic::start(settings)?;
    traffic.resend(true);
    stage.ledger = Some(traffic.ledger());
    stage.traffic = Some(traffic);
    super::looking::look(stage);
    stage.happened(Kind::Step, "business of all funds flows through the bridge");
    stage.say("waiting until every fund was answered by a core");
    let (ess, all_ess) = stage.wait_until_served(KEPT, Duration::from_secs(30));
    let (muc, all_muc) = stage.wait_until_served(LOST, Duration::from_secs(30));
    stage.promise(
        act,
        "Every fund is served through the bridge on a normal day",
        ess == all_ess && muc == all_muc,
        format!("Essen {}, Munich {} funds", of(ess, all_ess), of(muc, all_muc)),
    );
    Ok(())
}

/// Two clean backups of every store, then enough business that only the bridge has it.
fn back_up(stage: &mut Stage, act: &mut Act) -> Result<()> {
    for round in ["first", "second"] {
        stage.say(&format!("the {round} backup of every store"));
        for store in stage.layout.stores.clone() {
            let begun = now_ms();
            let snapshot = stage.world.snapshot(&stage.layout, &store)?;
            stage.seen.clean_ms = Some(begun.max(stage.seen.clean_ms.unwrap_or(0)));
            stage.seen.backups.entry(store.name).or_default().push((snapshot, true));
        }
        stage.happened(Kind::Step, format!("the {round} backup of all stores is made"));
    }
    let since = stage.seen.clean_ms.unwrap_or(0);
    stage.say("business goes on: more than the backup will know of");
    let mut gap = 0;
    let waited = wait_until("enough business since the backup", Duration::from_secs(60), || {
        gap = stage.acknowledged(LOST, since, u64::MAX);
        gap >= GAP + GAP_SPARE
    });
    stage.promise(
        act,
        "Business goes on after the last clean backup",
        waited.is_ok(),
        format!("{gap} submissions of Munich funds were acknowledged since it was made"),
    );
    Ok(())
}

fn quiet_so_far(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let counts = stage.traffic()?.counts();
    stage.promise(
        act,
        "Nobody is turned away",
        counts.turned_away == 0,
        format!("{} sent, {} turned away", counts.sent, counts.turned_away),
    );
    let alarms = stage.watch.as_ref().map(|watch| watch.stdout()).transpose()?.unwrap_or_default();
    stage.promise(
        act,
        "The watch raises no alarm on a normal day",
        alarms.trim().is_empty(),
        if alarms.trim().is_empty() {
            "it printed nothing".to_owned()
        } else {
            crate::product::short(&alarms)
        },
    );
    Ok(())
}
