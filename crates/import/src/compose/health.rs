//! From the health checks of a project, and from what it publishes, to gates.

use std::collections::BTreeMap;

use super::super::draft::Draft;
use super::super::secrets;
use super::super::yaml::Node;
use super::Options;
use super::project::Project;
use estate::finding::Grade;
use estate::model::{Gate, Probe};

/// What the files say about a health check that names no times.
const INTERVAL_MS: u64 = 30_000;
const TIMEOUT_MS: u64 = 30_000;
const RETRIES: u64 = 3;

/// `1m30s`, `500ms`, `10` (seconds) in milliseconds.
pub(super) fn duration_ms(text: &str) -> Option<u64> {
    let mut total = 0.0;
    let mut left = text.trim();
    if left.is_empty() {
        return None;
    }
    while !left.is_empty() {
        let end = left.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(left.len());
        let (number, rest) = left.split_at(end);
        let number: f64 = number.parse().ok()?;
        let unit_end = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        total += number
            * match unit.trim() {
                "us" | "µs" => 0.001,
                "ms" => 1.0,
                "s" | "" => 1_000.0,
                "m" => 60_000.0,
                "h" => 3_600_000.0,
                _ => return None,
            };
        left = rest;
    }
    (total.is_finite() && (0.0..1e12).contains(&total)).then_some(total as u64)
}

/// What a health check runs.
enum Tested {
    Words(Vec<String>),
    /// It is switched off.
    Nothing,
    Unclear,
}

fn test_words(test: &Node) -> Tested {
    if let Some(script) = test.as_text() {
        return Tested::Words(["sh", "-c", script].map(str::to_owned).to_vec());
    }
    let words: Vec<&str> = test.as_list().unwrap_or_default().iter().filter_map(Node::as_text).collect();
    match words.as_slice() {
        ["CMD", words @ ..] if !words.is_empty() => {
            Tested::Words(words.iter().map(|word| (*word).to_owned()).collect())
        }
        ["CMD-SHELL", script @ ..] if !script.is_empty() => {
            Tested::Words(vec!["sh".to_owned(), "-c".to_owned(), script.join(" ")])
        }
        ["NONE"] => Tested::Nothing,
        _ => Tested::Unclear,
    }
}

/// What the files say about the health of a service.
pub(super) enum Checked {
    By(Gate),
    /// There is a check that is not taken over.
    LeftOut,
    Nothing,
}

/// A health check runs inside the container, so the gate runs it there too.
pub(super) fn gate(
    name: &str,
    node: &Node,
    project: &Project,
    options: &Options,
    draft: &mut Draft,
) -> Checked {
    let Some(check) = node.get("healthcheck") else { return Checked::Nothing };
    if check.get("disable").and_then(|node| truth(node, draft)) == Some(true) {
        return Checked::Nothing;
    }
    let Some(test) = check.get("test") else { return Checked::Nothing };
    let words = match test_words(test) {
        Tested::Words(words) => words,
        Tested::Nothing => return Checked::Nothing,
        Tested::Unclear => {
            draft.unread(&test.origin, &format!("the health check of {name}"), test.sort(), "it has no gate");
            return Checked::LeftOut;
        }
    };
    if secrets::are_in(&words, &passwords(project, node)) {
        draft.note(
            Grade::Note,
            "check-with-secret",
            Some(&test.origin),
            format!("the health check of {name} holds a password, so it was not copied"),
            "it has no gate of its own; `docker compose up --wait` waits for the check where it is",
            "let the check read a variable inside the container ($$NAME in a compose file), then import again",
        );
        return Checked::LeftOut;
    }
    let mut time = |field: &str, usual: u64| {
        let called = format!("`{field}` of the health check of {name}");
        let instead = format!("{} s are taken", usual / 1000);
        let found = draft.read(check.get(field), &called, &instead, duration_ms);
        found.filter(|time| *time > 0).unwrap_or(usual)
    };
    let every_ms = time("interval", INTERVAL_MS);
    let (timeout_ms, start_ms) = (time("timeout", TIMEOUT_MS), time("start_period", 0));
    let called = format!("`retries` of the health check of {name}");
    let instead = format!("{RETRIES} are taken");
    let retries = draft.read(check.get("retries"), &called, &instead, |text| text.trim().parse().ok());
    let round = every_ms.saturating_add(timeout_ms);
    let patience = round.saturating_mul(retries.unwrap_or(RETRIES).max(1)).saturating_add(start_ms);
    let command = options.compose.iter().cloned().chain(["exec", "-T", name].map(str::to_owned)).chain(words);
    Checked::By(Gate {
        probe: Probe::Command(command.collect()),
        // Healthy twice in a row: one good answer may be the last one before it falls over.
        hold_ms: every_ms,
        deadline_ms: patience.saturating_add(every_ms).min(1_000_000_000_000),
        every_ms,
        uses: Vec::new(),
    })
}

/// The values that are passwords by the names of their variables: of the project, and of this service.
fn passwords<'p>(project: &'p Project, node: &'p Node) -> BTreeMap<&'p str, &'p str> {
    let variables = project.variables.shell.iter().chain(&project.variables.files);
    let variables = variables.map(|(name, value)| (name.as_str(), value.as_str()));
    let own = node.get("environment").and_then(Node::as_map);
    let own = own.into_iter().flat_map(|map| map.iter());
    let own = own.filter_map(|entry| Some((entry.key.as_str(), entry.node.as_text()?)));
    secrets::values(variables.chain(own))
}

/// A truth value, also in the words of YAML 1.1, which are then noted.
pub(super) fn truth(node: &Node, draft: &mut Draft) -> Option<bool> {
    let text = node.as_text()?.to_ascii_lowercase();
    let value = match text.as_str() {
        "true" | "1" | "t" | "y" | "yes" | "on" => true,
        "false" | "0" | "f" | "n" | "no" | "off" => false,
        _ => return None,
    };
    if !matches!(text.as_str(), "true" | "false") {
        draft.note(
            Grade::Note,
            "old-truth",
            Some(&node.origin),
            format!("`{text}` stands for {value}"),
            "YAML 1.2 knows only true and false; other programs may read it as a text",
            format!("write {value}"),
        );
    }
    Some(value)
}

/// Where nothing says whether it is healthy, a port that it publishes says at least that it is there.
pub(super) fn published(ports: &[String], host: Option<&str>) -> Option<Gate> {
    let address = ports.iter().find_map(|port| knocked_at(port, host))?;
    Some(Gate {
        probe: Probe::Tcp(address),
        hold_ms: 2_000,
        deadline_ms: 120_000,
        every_ms: 500,
        uses: Vec::new(),
    })
}

/// `127.0.0.1:8080:80` is knocked on at `127.0.0.1:8080`; without an address at this machine. A port that is not fixed,
/// or not TCP, gives nothing; on another host neither does one that only its own machine may knock on.
fn knocked_at(port: &str, elsewhere: Option<&str>) -> Option<String> {
    let outside = port.strip_suffix("/tcp").unwrap_or(port).rsplit_once(':')?.0;
    if port.contains('/') && !port.ends_with("/tcp") {
        return None;
    }
    let (host, number) = outside.rsplit_once(':').unwrap_or(("", outside));
    let number: u16 = number.parse().ok()?;
    let is_loopback = host.starts_with("127.") || host == "[::1]" || host == "localhost";
    match host {
        "" | "0.0.0.0" | "[::]" => Some(format!("{}:{number}", elsewhere.unwrap_or("127.0.0.1"))),
        _ if is_loopback && elsewhere.is_some() => None,
        host => Some(format!("{host}:{number}")),
    }
}
