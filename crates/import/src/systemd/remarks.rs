//! What a person should know about the units of a host: what was left out and why, what is a guess, what is missing.

use std::collections::BTreeMap;

use super::super::{Draft, Noted, Origin};
use super::basic;
use super::boot::{Boot, Width};
use super::describe::NotTaken;
use super::gather::UnitSources;
use super::name::UnitKind;
use super::needs::Needs;
use super::unit::{Remark, Unit, Units};
use estate::finding::{Finding, Grade};
use estate::id::Id;

/// Findings of one sort shown one by one; the rest is counted.
const SHOWN_MAX: usize = 20;
/// Names in one sentence.
const NAMED_MAX: usize = 8;

/// Names in one sentence, and how many more there are.
fn some<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(NAMED_MAX).map(|name| estate::shown(name)).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(super) fn skipped(gathered: &UnitSources, draft: &mut Draft) {
    for (origin, why) in gathered.skipped.iter().take(SHOWN_MAX) {
        draft.note(
            Grade::Serious,
            "unit-unread",
            Some(origin),
            format!("{origin} was left out: {why}"),
            "what it says about dependencies is missing here",
            "copy the file itself if it matters, then import again",
        );
    }
    more(gathered.skipped.len(), "unit-unread", draft);
}

fn more(count: usize, code: &'static str, draft: &mut Draft) {
    if count > SHOWN_MAX {
        let what = format!("{} more findings like the ones before are not shown", count - SHOWN_MAX);
        draft.note(
            Grade::Note,
            code,
            None,
            what,
            "the list is not complete",
            "fix those that are shown, then import again",
        );
    }
}

fn on(host: Option<&str>) -> String {
    host.map_or_else(String::new, |host| format!(" on {host}"))
}

pub(super) fn host(host: Option<&str>, units: &Units<'_>, boot: &Boot, width: Width, draft: &mut Draft) {
    left_out(host, units, boot, width, draft);
    conditions(host, units, boot, draft);
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for remark in &units.remarks {
        let (code, origin, what, means, to_do) = words(remark);
        let count = counts.entry(code).or_default();
        *count += 1;
        if *count <= SHOWN_MAX {
            draft.note(Grade::Note, code, Some(origin), what, means, to_do);
        }
    }
    for (code, count) in counts {
        more(count, code, draft);
    }
}

pub(super) fn without_generated(host: Option<&str>, draft: &mut Draft) {
    draft.note(
        Grade::Note,
        "units-no-generated",
        None,
        format!("the copy{} holds no units that programs make at boot", host.map_or_else(String::new, |host| format!(" of {host}"))),
        "some services have their instances only there (PostgreSQL clusters on Debian), and old init scripts too; mounts were taken from etc/fstab",
        "copy run/systemd/generator* from the running host as well, or import what `systemctl show '*'` says there",
    );
}

fn words(remark: &Remark) -> (&'static str, &Origin, String, &'static str, &'static str) {
    let names = |text: &str| estate::shown(text);
    match remark {
        Remark::Unclear(unclear) => (
            "unit-line",
            &unclear.at,
            format!("{} is not understood: {}", unclear.at, unclear.what),
            "systemd passes over such a line too",
            "check whether something was meant by it",
        ),
        Remark::AliasRing(at, ring) => (
            "unit-alias-ring",
            at,
            format!("these names stand for each other in a ring: {}", names(ring)),
            "there is no unit for them; what refers to them refers to nothing",
            "look at the links on the host",
        ),
        Remark::Elsewhere(at, target) => (
            "unit-elsewhere",
            at,
            format!("{at} is a link to {}, which is not in the copy", names(target)),
            "the unit is missing here",
            "copy that file to the place of the link, then import again",
        ),
        Remark::NoReset(at, key) => (
            "unit-no-reset",
            at,
            format!("an empty `{}=` takes no dependency away ({at})", names(key)),
            "systemd only adds to dependencies, and so does this import",
            "to remove one, write the whole unit anew",
        ),
        Remark::InstanceChain(at, name) => (
            "unit-instance-chain",
            at,
            format!("{at} begins a chain of instances without end, at {}", names(name)),
            "the chain was cut there",
            "look at the template: an instance should not name a further one of itself",
        ),
        Remark::NotText(at) => (
            "unit-not-text",
            at,
            format!("{at} holds bytes that are not text"),
            "they were replaced; names with them fit nothing",
            "check whether the file is damaged",
        ),
        Remark::OpenQuote(at) => (
            "unit-quote",
            at,
            format!("a quotation mark is not closed ({at})"),
            "the whole setting was left out",
            "close it",
        ),
    }
}

fn left_out(host: Option<&str>, units: &Units<'_>, boot: &Boot, width: Width, draft: &mut Draft) {
    let on = on(host);
    let mut note = |code, count: usize, what: &str, names: String, means: &str, to_do: &str| {
        if count > 0 {
            draft.note(Grade::Note, code, None, format!("{count} {what}: {names}"), means, to_do);
        }
    };
    let started = units.units.iter().enumerate().filter(|(at, _)| boot.started[*at]).map(|(_, unit)| unit);
    let started = started.filter(|unit| unit.kind == UnitKind::Service).map(|unit| unit.name.as_str());
    let basic: Vec<&str> = started.filter(|name| width == Width::Services && basic::is_basic(name)).collect();
    note(
        "units-basic",
        basic.len(),
        &format!("services of the operating system{on} are not things of their own"),
        some(basic.iter().copied()),
        "they come back with the host",
        "use --all-units if one of them matters by itself",
    );
    let idle = boot.idle.iter().map(String::as_str);
    let idle: Vec<&str> = idle.filter(|name| width == Width::AllUnits || !basic::is_basic(name)).collect();
    note(
        "units-idle",
        idle.len(),
        &format!("services{on} are installed, and no boot starts them"),
        some(idle.iter().copied()),
        "they were left out",
        "use --all-units if one of them is started in another way",
    );
    note(
        "units-masked",
        boot.masked.len(),
        &format!("units{on} are masked"),
        some(boot.masked.iter().map(String::as_str)),
        "systemd never starts them, so they were left out",
        "nothing, if that is meant",
    );
    let handmade = boot.not_enabled.iter().map(|at| units.units[*at].name.as_str());
    let handmade: Vec<&str> = handmade.filter(|name| !basic::is_basic(name)).collect();
    note(
        "units-not-enabled",
        handmade.len(),
        &format!("services{on} were written for this host and nothing starts them"),
        some(handmade.iter().copied()),
        "they were taken anyway: somebody starts them by hand, or the links were not copied",
        "delete those that are out of use",
    );
}

fn conditions(host: Option<&str>, units: &Units<'_>, boot: &Boot, draft: &mut Draft) {
    let conditional: Vec<&str> = units
        .units
        .iter()
        .enumerate()
        .filter(|(at, unit)| {
            unit.kind == UnitKind::Service && boot.started[*at] && !basic::is_basic(&unit.name)
        })
        .filter(|(_, unit)| {
            unit.settings
                .iter()
                .any(|setting| setting.key.starts_with("Condition") || setting.key.starts_with("Assert"))
        })
        // `systemctl show` has these keys for every unit, as results.
        .filter(|(_, unit)| unit.started.is_none())
        .map(|(_, unit)| unit.name.as_str())
        .collect();
    if !conditional.is_empty() {
        let what = format!(
            "{} services{} start only under conditions: {}",
            conditional.len(),
            on(host),
            some(conditional.iter().copied())
        );
        draft.note(
            Grade::Note,
            "units-conditional",
            None,
            what,
            "conditions were not judged: the host is not asked",
            "delete those that do not run there",
        );
    }
}

pub(super) fn needs(host: Option<&str>, units: &Units<'_>, needs: &Needs, draft: &mut Draft) {
    let name = |at: usize| units.units[at].name.as_str();
    for (missing, by) in needs.missing.iter().take(SHOWN_MAX) {
        let who = some(by.iter().map(|(at, _)| name(*at)));
        draft.note(
            Grade::Serious,
            "unit-missing",
            by.first().map(|(_, origin)| origin),
            format!("{} is required by {who}{}, and there is no such unit", estate::shown(missing), on(host)),
            "on the host such a service does not start; here the dependency is missing",
            "copy the unit too, or correct the name",
        );
    }
    more(needs.missing.len(), "unit-missing", draft);
    let pairs = |list: &[(usize, usize, Origin)]| {
        let pairs: Vec<String> =
            list.iter().map(|(from, to, _)| format!("{} -> {}", name(*from), name(*to))).collect();
        some(pairs.iter().map(String::as_str))
    };
    if let Some((_, _, origin)) = needs.together.first() {
        draft.note(
            Grade::Note,
            "units-together",
            Some(origin),
            format!("{} requirements{} have no `After=`: {}", needs.together.len(), on(host), pairs(&needs.together)),
            "systemd starts both at once; here the one waits for the other (`hard`), except in a ring (`soft`)",
            "add `After=`, or say in the estate what is true",
        );
    }
    if let Some((_, _, origin)) = needs.dropped_orders.first() {
        draft.note(
            Grade::Serious,
            "units-order-ring",
            Some(origin),
            format!(
                "{} orders{} form a ring: {}",
                needs.dropped_orders.len(),
                on(host),
                pairs(&needs.dropped_orders)
            ),
            "systemd breaks such a ring at boot, wherever it likes; these orders were left out here",
            "decide which of them is wrong",
        );
    }
    if needs.tangled {
        draft.note(
            Grade::Serious,
            "units-tangled",
            None,
            format!("the targets{} are so entangled that not all of them were looked through", on(host)),
            "some orders through targets are missing",
            "import a part of the host, or name dependencies directly",
        );
    }
}

/// What could not be taken over from a unit.
pub(super) fn left(unit: &Unit, left: &[NotTaken<'_>], draft: &mut Draft) {
    for one in left {
        match one {
            NotTaken::Secret => secret(&unit.name, &unit.origin, draft),
            NotTaken::Unread(key, said) => {
                let called = format!("`{key}` of {}", estate::shown(&unit.name));
                draft.unread(&said.at, &called, &said.value, "it is taken not to be set");
            }
        }
    }
}

/// A unit that names itself: systemd ignores that, and what was meant is not known.
pub(super) fn own_needs(unit: &Unit, draft: &mut Draft) {
    for own in unit.references.iter().filter(|own| own.to == unit.name && own.relation.pulls()) {
        draft.note(
            Grade::Serious,
            "needs-itself",
            Some(&own.origin),
            format!("{} is said to need itself ({})", estate::shown(&unit.name), own.word),
            "systemd ignores it: this was left out, and what was meant is not in the estate",
            "remove it, or name the unit that was meant",
        );
    }
}

fn secret(unit: &str, origin: &Origin, draft: &mut Draft) {
    draft.note(
        Grade::Note,
        "unit-secret",
        Some(origin),
        format!("the command of {} seems to hold a password, so it was not copied", estate::shown(unit)),
        "it is started by `systemctl` instead",
        "keep secrets in a file that the service reads",
    );
}

/// One finding about all of them, because nobody reads the same sentence fifty times.
pub(super) fn once(id: &Id, draft: &mut Draft) {
    const CODE: &str = "units-once";
    if let Some(noted) = draft.findings.iter_mut().find(|noted| noted.finding.code == CODE) {
        noted.finding.ids.push(id.clone());
        return;
    }
    let finding = Finding::new(
        Grade::Note,
        CODE,
        "units of type `oneshot` that leave no trace were taken as `once`",
        "if nobody knows whether such a job ran, it is held for a person",
        "write `start_class = \"repeatable\"` where running twice does no harm",
    );
    draft.findings.push(Noted { origin: None, finding: finding.about([id.clone()]) });
}

pub(super) fn remote_store(id: &Id, server: &str, origin: &Origin, draft: &mut Draft) {
    let server = estate::shown(server);
    draft.note(
        Grade::Note,
        "store-remote",
        Some(origin),
        format!("{id} lies on {server}"),
        "who mounts it needs that machine as well",
        format!("write down which service on {server} gives it out"),
    );
    if let Some(noted) = draft.findings.last_mut() {
        noted.finding.ids.push(id.clone());
    }
}
