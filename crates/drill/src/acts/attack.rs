//! Act 2: somebody encrypts the stores of one site, file by file, in place. Does the watch notice, and how soon?
//!
//! Seconds and files are taken from the attacker's own log and from the moment the alarm was printed, not from what the
//! product says about itself. The backup that the provider makes every night is made tonight too; it is dirty.

use std::path::PathBuf;
use std::time::Duration;

use crate::Result;
use crate::attack::{Hit, hits};
use crate::clock::now_ms;
use crate::rng::Rng;
use crate::snapshot;
use crate::stage::{LOST, Stage, text};
use crate::story::{Act, Kind};
use crate::world::{Running, wait_until};

/// Files a second each attacker encrypts.
const RATE: u64 = 40;
/// Files that are encrypted at least before the attackers are stopped.
const LOSS: u64 = 80;

/// One attacker per store of the site.
struct Attackers {
    running: Vec<Running>,
    logs: Vec<PathBuf>,
}

impl Attackers {
    fn hits(&self) -> Result<Vec<Hit>> {
        let mut all = Vec::new();
        for log in &self.logs {
            all.extend(hits(log)?);
        }
        all.sort_by_key(|hit| hit.at_ms);
        Ok(all)
    }
}

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    let mut attackers = begin(stage)?;
    alarm(stage, act, &attackers)?;
    let goal = LOSS + stage.choices.below("attack length", 80);
    stage.chose("files encrypted before the attackers are stopped", format!("at least {goal}"));
    stage.say("the attack goes on");
    // A store has as many files as it has: when nothing is left to encrypt, that is enough, too.
    let _ = wait_until("the attack goes on", Duration::from_secs(20), || {
        let enough = attackers.hits().is_ok_and(|hits| u64::try_from(hits.len()).is_ok_and(|n| n >= goal));
        enough || attackers.running.iter_mut().all(|one| matches!(one.finished(), Ok(Some(_))))
    });
    for attacker in &mut attackers.running {
        attacker.kill()?;
    }
    let lost = attackers.hits()?.len();
    stage.report.files_lost = u64::try_from(lost).ok();
    stage.happened(Kind::Attack, format!("{lost} files are encrypted"));
    nightly_backup(stage, act)
}

fn begin(stage: &mut Stage) -> Result<Attackers> {
    let seed = stage.layout.settings.seed;
    let mut rng = Rng::named(seed, "attacker's key");
    let key: String = (0..4).map(|_| format!("{:016x}", rng.next())).collect();
    let program = text(&stage.layout.settings.program);
    let mut attackers = Attackers { running: Vec::new(), logs: Vec::new() };
    for store in stage.stores_of(LOST) {
        // Attackers stop a database before they encrypt it: a running one would write its pages over theirs.
        stage.world.kill(stage.layout.unit(&store.unit)?)?;
        let log = stage.folder.join(format!("attack-{}.jsonl", store.name));
        let words = [
            program.as_str(),
            "practice",
            "attacker",
            "--store",
            &text(&store.folder),
            "--pattern",
            &stage.report.attack,
            "--key",
            &key,
            "--seed",
            &seed.to_string(),
            "--rate",
            &RATE.to_string(),
            "--log",
            &text(&log),
        ];
        let line: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        attackers.running.push(stage.world.spawn(&format!("attacker-{}", store.name), &line, &[])?);
        attackers.logs.push(log);
    }
    stage.happened(
        Kind::Attack,
        format!("an attacker begins to encrypt Munich (pattern {})", stage.report.attack),
    );
    Ok(attackers)
}

fn alarm(stage: &mut Stage, act: &mut Act, attackers: &Attackers) -> Result<()> {
    stage.say("somebody encrypts Munich; waiting for the alarm");
    let mut first_line = None;
    let waited = wait_until("the alarm", Duration::from_secs(30), || {
        let printed = stage.watch.as_ref().and_then(|watch| watch.stdout().ok()).unwrap_or_default();
        first_line = printed.split_once('\n').map(|(line, _)| line.to_owned());
        first_line.is_some()
    });
    let alarm_ms = now_ms();
    let hits = attackers.hits()?;
    stage.seen.attacked_ms = hits.first().map(|hit| hit.at_ms);
    let Some(line) = first_line.filter(|_| waited.is_ok()) else {
        stage.promise(
            act,
            "The watch raises an alarm",
            false,
            format!("no alarm within 30 s; {} files were encrypted meanwhile", hits.len()),
        );
        return Ok(());
    };
    let before = hits.iter().filter(|hit| hit.at_ms <= alarm_ms).count();
    let seconds = stage.seen.attacked_ms.map(|first| alarm_ms.saturating_sub(first));
    stage.report.detect_seconds = seconds.map(|ms| Duration::from_millis(ms).as_secs_f64());
    stage.report.files_lost_before_alarm = u64::try_from(before).ok();
    stage.happened(Kind::Alarm, format!("alarm after {before} files"));
    stage.promise(
        act,
        "The watch raises an alarm while the attack is going on",
        !hits.is_empty(),
        format!("after {:.1} s and {before} files", stage.report.detect_seconds.unwrap_or(0.0)),
    );
    let named = stage.stores_of(LOST).iter().any(|store| line.contains(&format!("store:{}", store.name)));
    stage.promise(act, "The alarm names a store of the attacked site", named, line);
    Ok(())
}

/// Made as on every night, by somebody who has not heard of the attack yet. It must never be called clean.
fn nightly_backup(stage: &mut Stage, act: &mut Act) -> Result<()> {
    stage.say("the nightly backup runs, as every night");
    let mut made = Vec::new();
    for store in stage.stores_of(LOST) {
        // Nobody is there to be asked to rest: the folder is backed up as it lies, as backups do.
        let snapshot = snapshot::backup(&store.repository, &store.password, &store.folder)?;
        made.push(format!(
            "{} {}",
            store.name,
            crate::product::short(&snapshot.id[..8.min(snapshot.id.len())])
        ));
        stage.seen.backups.entry(store.name).or_default().push((snapshot, false));
    }
    stage.happened(Kind::Attack, "the nightly backup takes the encrypted files along");
    stage.promise(
        act,
        "The newest backup of every store of Munich is a dirty one",
        !made.is_empty(),
        made.join(", "),
    );
    Ok(())
}
