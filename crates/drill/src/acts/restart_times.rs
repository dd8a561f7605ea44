//! The restart once more, as it was planned and as it was: when each service passed its gate.
//!
//! The plan is read from its file, the reality from the journal's entries. Both are counted from the moment the plan was
//! first run. What first-come order would have cost is the planner's own figure; the drill runs only one order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Result;
use crate::fault::During;
use crate::report::RestartLine;
use crate::stage::Stage;

/// Reads both, the first to be planned first.
pub fn measured(stage: &Stage, plan: &str) -> Result<Vec<RestartLine>> {
    let text = std::fs::read_to_string(plan).during(|| format!("reading the plan {plan}"))?;
    let plan: Value = serde_json::from_str(&text).during(|| format!("reading the plan {plan}"))?;
    let incident = stage.incident();
    let shown = stage.must(&["journal", "show", &incident, "--json"])?;
    Ok(lines(&plan["plan"], &shown.stdout))
}

fn lines(plan: &Value, journal: &str) -> Vec<RestartLine> {
    let back = passed(journal);
    let gates = plan["steps"].as_array().into_iter().flatten().filter(|step| step["kind"] == "gate");
    let mut lines: Vec<RestartLine> = gates
        .filter_map(|step| {
            let service = step["service"].as_str()?;
            Some(RestartLine {
                service: service.strip_prefix("service:").unwrap_or(service).to_owned(),
                planned_s: step["end_s"].as_u64()?,
                measured_s: back.get(step["id"].as_str()?).copied(),
            })
        })
        .collect();
    lines.sort_by(|a, b| a.planned_s.cmp(&b.planned_s).then_with(|| a.service.cmp(&b.service)));
    lines
}

/// For each step that was done the seconds from the first run of the plan until it was done for the last time.
fn passed(journal: &str) -> BTreeMap<String, u64> {
    let mut begun = None;
    let mut passed = BTreeMap::new();
    for entry in journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(at_s) = entry["time"].as_str().and_then(second_of_the_day) else { continue };
        let data = &entry["content"]["data"];
        match entry["kind"].as_str() {
            Some("recover.run_begun") => drop(begun.get_or_insert(at_s)),
            Some("recover.step_done") => {
                if let (Some(step), Some(begun)) = (data["step"].as_str(), begun) {
                    passed.insert(step.to_owned(), since(begun, at_s));
                }
            }
            Some("recover.step_probed") if data["found"] == "done" => {
                if let (Some(step), Some(begun)) = (data["step"].as_str(), begun) {
                    passed.insert(step.to_owned(), since(begun, at_s));
                }
            }
            _ => {}
        }
    }
    passed
}

/// A drill takes minutes; it may go past midnight once.
fn since(begun: u64, at_s: u64) -> u64 {
    const DAY_S: u64 = 24 * 3600;
    (at_s + DAY_S - begun) % DAY_S
}

/// Of `2026-03-01T08:15:30Z`.
fn second_of_the_day(time: &str) -> Option<u64> {
    let clock = time.split_once('T')?.1;
    let mut parts = clock.trim_end_matches('Z').split(':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let seconds: u64 = parts.next()?.split('.').next()?.parse().ok()?;
    Some(hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plan_and_reality_stand_side_by_side_also_past_midnight() {
        let step = |kind: &str, service: &str, end_s: u64| json!({ "id": format!("{kind}:service:{service}"), "kind": kind, "service": format!("service:{service}"), "end_s": end_s });
        let plan = json!({ "steps": [step("gate", "core", 40), step("start", "core", 30), step("gate", "mail", 5)] });
        let entry = |time: &str, kind: &str, step: &str| {
            json!({ "time": format!("2026-11-25T{time}Z"), "kind": kind, "content": { "data": { "step": step, "found": "done" } } }).to_string()
        };
        let journal = [
            entry("23:59:50", "recover.run_begun", ""),
            entry("23:59:58", "recover.step_done", "gate:service:core"),
            entry("00:00:01", "recover.run_begun", ""),
            entry("00:00:05", "recover.step_probed", "gate:service:core"),
        ]
        .join("\n");
        let lines = lines(&plan, &journal);
        let shown: Vec<(&str, u64, Option<u64>)> =
            lines.iter().map(|line| (line.service.as_str(), line.planned_s, line.measured_s)).collect();
        assert_eq!(shown, [("mail", 5, None), ("core", 40, Some(15))]);
    }
}
