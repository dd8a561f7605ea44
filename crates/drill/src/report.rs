//! What a run leaves for those who were not there: `report.json`. Scripts rely on its first fields.

use std::path::Path;

use serde::Serialize;

use crate::curve::Curve;
use crate::fault::During;
use crate::oracle::{FundLine, Judgement};
use crate::story::{Act, Happening};
use crate::{Fault, Result};

/// Everything that is reported. A number that was not measured is `null`, never 0.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Every promise of every act held.
    pub ok: bool,
    pub accepted: Option<u64>,
    pub applied: Option<u64>,
    pub already_there: Option<u64>,
    pub conflict: Option<u64>,
    pub refused: Option<u64>,
    pub pending: Option<u64>,
    /// Receipts that are neither in a core nor on a list for people.
    pub lost: Option<u64>,
    /// Rows in a core and transfers of the bank that are one too many.
    pub doubled: Option<u64>,
    /// Measured: insured × urgency × hours without an answer of the core, in this run's minutes.
    pub insured_hours: Option<u64>,
    /// Measured: the same without even a receipt.
    pub insured_hours_turned_away: Option<u64>,
    /// What the plan that was run costs, computed by `blackstart plan`.
    pub planned_insured_hours: Option<u64>,
    /// What restarting in first-come order would have cost, computed by `blackstart plan`.
    pub first_come_insured_hours: Option<u64>,
    /// The same for tier by tier, and for the smallest store first.
    pub tier_insured_hours: Option<u64>,
    pub size_insured_hours: Option<u64>,
    /// How far the plan may be from the best there is, as a share of its price; computed by `blackstart plan`.
    pub plan_gap: Option<f64>,
    /// When each service passed its gate, as planned and as it was.
    pub restart: Vec<RestartLine>,
    /// From the attacker's first file to the alarm.
    pub detect_seconds: Option<f64>,
    pub files_lost_before_alarm: Option<u64>,
    /// Files the attacker had encrypted when he was stopped.
    pub files_lost: Option<u64>,
    /// Acknowledged submissions since the recovery point, which only the bridge could bring back.
    pub recovery_point_submissions: Option<u64>,
    /// Which processes of the product were ended with SIGKILL, in order.
    pub killed: Vec<String>,
    pub acts: Vec<Act>,
    pub journal_verified: bool,
    pub seed: u64,
    pub funds: usize,
    pub insured: u64,
    pub attack: String,
    /// RFC 3339.
    pub began: String,
    pub seconds: f64,
    pub versions: Vec<(String, String)>,
    pub machine: Machine,
    /// Choices the seed has made, in words.
    pub choices: Vec<(String, String)>,
    pub happenings: Vec<Happening>,
    pub curve: Curve,
    pub account: Vec<FundReport>,
}

/// One service in the restart, in seconds from the moment the plan was first run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RestartLine {
    pub service: String,
    pub planned_s: u64,
    /// From the journal; `null` if it says nothing.
    pub measured_s: Option<u64>,
}

/// A row of the account, with what a reader needs to know which fund it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FundReport {
    pub name: String,
    pub site: String,
    pub insured: u64,
    #[serde(flatten)]
    pub line: FundLine,
}

/// What the run ran on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Machine {
    pub system: String,
    pub cores: usize,
    pub memory_mib: Option<u64>,
}

impl Machine {
    /// Reads it from `/proc`; what cannot be read is left out.
    pub fn of_this() -> Machine {
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = kib.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            system: format!("{} {} {}", std::env::consts::OS, release.trim(), std::env::consts::ARCH),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: kib.map(|kib| kib / 1024),
        }
    }
}

impl Report {
    /// What first-come, tier and size order would have cost; `None` unless all three are known.
    pub fn usual_insured_hours(&self) -> Option<[u64; 3]> {
        Some([self.first_come_insured_hours?, self.tier_insured_hours?, self.size_insured_hours?])
    }

    /// Takes over what the oracle found.
    pub fn judged(&mut self, judgement: &Judgement) {
        let total = judgement.total();
        self.accepted = Some(total.accepted);
        self.applied = Some(total.applied);
        self.already_there = Some(total.already_there);
        self.conflict = Some(total.conflict);
        self.refused = Some(total.refused);
        self.pending = Some(total.pending);
        self.lost = Some(judgement.lost());
        self.doubled = Some(judgement.doubled());
    }

    /// Takes over the acts: the run is well if all of them are.
    pub fn played(&mut self, acts: Vec<Act>) {
        self.ok = acts.len() == crate::story::ACTS.len() && acts.iter().all(|act| act.ok);
        self.acts = acts;
    }

    /// Writes `report.json` into `folder`, and `page`, which shows the same to people, as `report.html`.
    pub fn write(&self, folder: &Path, page: &str) -> Result<()> {
        let json = serde_json::to_string_pretty(self)
            .map_err(|cause| Fault::new(format!("the report cannot be written as JSON: {cause}")))?;
        write(&folder.join("report.json"), &(json + "\n"))?;
        write(&folder.join("report.html"), page)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).during(|| {
        format!("writing {}: without it nobody sees the result; free the disk and run again", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::ACTS;

    fn acts(broken: Option<&str>) -> Vec<Act> {
        ACTS.iter()
            .map(|(name, title)| {
                let mut act = Act::new(name, title);
                act.began_s = Some(0.0);
                act.promise("it is so", broken != Some(*name), "seen");
                act.end(1.0);
                act
            })
            .collect()
    }

    #[test]
    fn one_broken_promise_in_any_act_makes_the_run_fail() {
        let mut report = Report::default();
        report.played(acts(None));
        assert!(report.ok);
        for (name, _) in ACTS {
            report.played(acts(Some(name)));
            assert!(!report.ok, "{name} was broken and the run was called well");
        }
    }

    #[test]
    fn a_run_with_an_act_missing_is_not_well() {
        let mut report = Report::default();
        report.played(acts(None).into_iter().skip(1).collect());
        assert!(!report.ok);
    }

    #[test]
    fn what_was_not_measured_is_null_and_not_zero() {
        let json = serde_json::to_value(Report::default()).expect("a report is plain data");
        assert!(json["lost"].is_null() && json["detect_seconds"].is_null());
        assert_eq!(json["journal_verified"], false);
    }

    #[test]
    fn the_fields_scripts_rely_on_are_there() {
        let mut report = Report::default();
        report.played(acts(None));
        report.judged(&Judgement::default());
        let json = serde_json::to_value(&report).expect("a report is plain data");
        for field in [
            "accepted",
            "applied",
            "already_there",
            "conflict",
            "refused",
            "pending",
            "lost",
            "doubled",
            "insured_hours",
            "detect_seconds",
            "files_lost_before_alarm",
            "acts",
            "journal_verified",
            "seed",
            "funds",
            "attack",
            "first_come_insured_hours",
            "tier_insured_hours",
            "size_insured_hours",
            "versions",
            "machine",
        ] {
            assert!(json.get(field).is_some(), "{field} is missing");
        }
        for act in json["acts"].as_array().expect("acts is a list") {
            assert!(act["name"].is_string() && act["ok"].is_boolean() && act["seconds"].is_number());
        }
    }
}
