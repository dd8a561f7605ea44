//! The run sheet: the plan on paper, for the night when nothing else works.
//!
//! Plain text, 80 columns, a form feed between pages, the hash on each page so that nobody mixes sheets of two plans.
//! Who does what when, what must be done before, how to see that it worked, and a box to tick.

use std::collections::{BTreeMap, BTreeSet};

use super::by_hand;
use super::explain::some;
use super::page::{capability_name, clock, grouped, hours, insured, whom};
use super::times::{Time, Times};
use estate::model::{Gate, Probe, ResourceKind, Run};
use estate::{Estate, Id};
use incident::plan::file::{Plan, Step, StepKind};
use message::{counted, counted_as};

pub const COLUMNS: usize = 80;
const LINES_A_PAGE: usize = 58;

/// The whole sheet. `estate` gives names, commands, gates and contacts; what it does not know is left out.
pub fn sheet(estate: &Estate, plan: &Plan) -> String {
    let mut blocks = vec![cover(estate, plan)];
    blocks.extend(crew(estate, plan));
    blocks.push(vec!["THE STEPS, IN THEIR ORDER".to_owned(), String::new()]);
    let opens = opens(estate, plan);
    let open = plan.steps.iter().filter(|step| !is_done(plan, step));
    blocks.extend(open.map(|step| step_block(estate, plan, step, opens.get(step.id.as_str()))));
    blocks.extend(not_back(estate, plan));
    blocks.push(vec![String::new(), "WHOM TO TELL WHEN IT IS BACK".to_owned(), String::new()]);
    blocks.extend(funds(estate, plan));
    paged(&plan.hash(), &blocks)
}

fn is_done(plan: &Plan, step: &Step) -> bool {
    plan.continues.as_ref().is_some_and(|continues| continues.done.contains(&step.id))
}

/// Puts blocks on pages; a block is never torn apart unless it is longer than a page.
fn paged(hash: &str, blocks: &[Vec<String>]) -> String {
    let room = LINES_A_PAGE - 4;
    let mut pages: Vec<Vec<String>> = vec![Vec::new()];
    for block in blocks {
        for part in block.chunks(room) {
            let page = pages.last_mut().expect("there is always a page");
            if !page.is_empty() && page.len() + part.len() > room {
                pages.push(part.to_vec());
            } else {
                page.extend_from_slice(part);
            }
        }
    }
    let count = pages.len();
    let page = |(number, lines): (usize, &Vec<String>)| {
        let right = format!("page {} of {count}", number + 1);
        let left = "BLACKSTART RUN SHEET";
        let head = format!("{left}{right:>width$}", width = COLUMNS - left.len());
        format!("{head}\nplan {hash}\n{}\n\n{}\n", "-".repeat(COLUMNS), lines.join("\n"))
    };
    pages.iter().enumerate().map(page).collect::<Vec<_>>().join("\u{c}")
}

fn cover(estate: &Estate, plan: &Plan) -> Vec<String> {
    let end_s = plan.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut say = |text: &str| lines.extend(wrapped("", text));
    if !estate.provider.is_empty() {
        say(&estate.provider);
    }
    say(&format!("for estate {}", plan.estate_hash));
    say(&format!(
        "{} lost, {}, all done after {} if everything takes as long as written.",
        counted_as(plan.lost.len(), "thing is", "things are"),
        counted(plan.steps.len(), "step"),
        clock(end_s)
    ));
    match Times::of(estate, plan).unknown.as_slice() {
        [] => say(&format!("Price: {} {}.", hours(plan.insured_seconds), estate.words.hours())),
        unknown => say(&format!(
            "It takes longer: nobody has written how long it takes to bring back {}. Price: at least {} {}.",
            some(unknown),
            hours(plan.insured_seconds),
            estate.words.hours()
        )),
    }
    say(
        "Times are hours:minutes:seconds from the beginning. They say in which order to work, not when to stop: a step \
         begins when the steps it names are ticked, whatever the clock says. Where a gate is not passed: stop that \
         service again, leave what needs it, go on with the rest.",
    );
    lines.push(String::new());
    lines.push("Begin: date __________  time ________  by ______________________________".to_owned());
    lines.push("Allowed by ______________________________  signature ____________________".to_owned());
    lines.push(String::new());
    lines
}

/// The skills that are needed, with room for names and numbers: an estate keeps none for crews.
fn crew(estate: &Estate, plan: &Plan) -> Vec<Vec<String>> {
    let mut needed: BTreeMap<&Id, usize> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.kind == StepKind::Start) {
        for skill in estate.services.get(&step.service).into_iter().flat_map(|service| &service.crew) {
            *needed.entry(skill).or_default() += 1;
        }
    }
    if needed.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![vec!["WHO IS NEEDED".to_owned(), String::new()]];
    for (id, steps) in needed {
        let known = estate.resources.get(id);
        let name = known.map_or("", |resource| resource.name.as_str());
        let people =
            known.filter(|resource| resource.kind == ResourceKind::Crew).map_or(0, |known| known.capacity);
        let mut lines = wrapped(
            "",
            &format!(
                "{id} {name}: {}, {} to start",
                counted_as(people, "person", "people"),
                counted(steps, "service")
            ),
        );
        for _ in 0..people.clamp(1, 8) {
            lines.push("   name ____________________  phone ____________________  here [ ]".to_owned());
        }
        lines.push(String::new());
        blocks.push(lines);
    }
    blocks
}

fn step_block(estate: &Estate, plan: &Plan, step: &Step, opens: Option<&Opens<'_>>) -> Vec<String> {
    let name = name_of(estate, &step.service);
    let word = match step.kind {
        StepKind::Verify => "JUDGE THE COPY OF",
        StepKind::Restore => "RESTORE",
        StepKind::Start => "START",
        StepKind::Gate => "GATE",
        StepKind::Admit => "LET LOAD IN",
    };
    let mut lines = wrapped(
        "     ",
        &format!("[ ]  {} to {}  {word} {}{name}", clock(step.start_s), clock(step.end_s), step.service),
    );
    let mut detail = |label: &str, text: &str| {
        if !text.is_empty() {
            lines.extend(wrapped("             ", &format!("     {label:<8}{text}")));
        }
    };
    detail("first", &step.after.join(", "));
    if let Some(elapsed_s) = plan.continues.as_ref().and_then(|continues| continues.running.get(&step.id)) {
        detail("runs", &format!("begun already, {} ago", clock(*elapsed_s)));
    }
    match step.kind {
        StepKind::Verify | StepKind::Restore => restore_details(estate, step, &mut detail),
        StepKind::Start => start_details(estate, &step.service, &mut detail),
        StepKind::Gate => {
            for gate in estate.services.get(&step.service).into_iter().flat_map(|service| &service.gates) {
                detail("passed", &gate_words(gate));
            }
        }
        StepKind::Admit => {
            let run = estate.services.get(&step.service).and_then(|service| service.run.as_ref());
            let line =
                |run: &estate::model::Run| format!("{}{}", by_hand::place(run), by_hand::line(&run.admit));
            detail("command", &run.map(line).unwrap_or_default());
        }
    }
    for (capability, tenants) in opens.into_iter().flatten() {
        let people = grouped(insured(estate, tenants));
        let (capability, whom) = (capability_name(estate, capability), whom(estate, tenants));
        detail("back", &format!("{capability} for {people} {} of {whom}", estate.words.people()));
    }
    lines.push("     begun ________  done ________  by ____________________".to_owned());
    lines.push(String::new());
    lines
}

fn restore_details(estate: &Estate, step: &Step, detail: &mut impl FnMut(&str, &str)) {
    let Some(store) = estate.stores.get(&step.service) else { return };
    if let Some(source) = &store.source {
        detail("from", &estate::model::shown_address(&source.repository));
    }
    let point =
        step.recovery_point.as_deref().unwrap_or("the newest that was judged clean; write it here: ________");
    detail("copy", point);
    if step.kind == StepKind::Restore {
        detail("into", store.path.as_deref().unwrap_or_default());
        let commands = by_hand::restore(store, step.recovery_point.as_deref());
        if commands.is_empty() {
            detail("command", "none is known: the estate names no repository, or no path");
        }
        commands.iter().for_each(|command| detail("command", command));
    }
    let size =
        if store.size == 0 { "not known".to_owned() } else { format!("{} MiB", grouped(store.size.into())) };
    detail("size", &size);
}

fn start_details(estate: &Estate, id: &Id, detail: &mut impl FnMut(&str, &str)) {
    let Some(service) = estate.services.get(id) else { return };
    let crew: Vec<&str> = service.crew.iter().map(Id::name).collect();
    detail("who", &crew.join(", "));
    if let Some(host) = &service.host {
        detail("on", &host.to_string());
    }
    if service.second_person {
        detail("allowed", "by a second person: ______________________________");
    }
    match &service.run {
        Some(run) if !run.start.is_empty() => {
            let as_user = format!("{}{}", by_hand::place(run), by_hand::line(&run.start));
            detail("command", &as_user);
        }
        Some(Run { driver: Some(driver), .. }) => {
            let ssh = service.host.as_ref().and_then(|host| estate.hosts.get(host)?.ssh.as_ref());
            let at = ssh.map(|ssh| match &ssh.user {
                Some(user) => format!("{user}@{}", ssh.address),
                None => ssh.address.clone(),
            });
            detail("at", &at.unwrap_or_default());
            detail("command", &by_hand::driven(driver));
        }
        Some(_) | None => detail("command", "none is written down: start it as you know it"),
    }
}

fn gate_words(gate: &Gate) -> String {
    let probe = match &gate.probe {
        Probe::Tcp(address) => format!("{address} accepts a connection"),
        Probe::Http { url, status } => format!("{url} answers {status}"),
        Probe::Command(command) => format!("`{}` exits 0", by_hand::line(command)),
    };
    let seconds = |ms: u64| ms.div_ceil(1000);
    format!(
        "when {probe} for {} s without a break, within {} s",
        seconds(gate.hold_ms),
        seconds(gate.deadline_ms)
    )
}

/// Which capability is back for whom.
type Opens<'a> = BTreeMap<&'a Id, Vec<&'a Id>>;

/// Who is served again when a step has ended, by the step: the last one of what serves it.
fn opens<'a>(estate: &'a Estate, plan: &'a Plan) -> BTreeMap<&'a str, Opens<'a>> {
    let mut last: BTreeMap<&Id, &Step> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| matches!(step.kind, StepKind::Gate | StepKind::Admit)) {
        let known = last.entry(&step.service).or_insert(step);
        if step.kind > known.kind {
            *known = step;
        }
    }
    let mut opens: BTreeMap<&str, Opens> = BTreeMap::new();
    for served in &plan.served {
        let by = estate.serving(&served.capability, &served.tenant).and_then(|service| last.get(service));
        if let Some(step) = by.filter(|step| step.end_s == served.at_s) {
            let opens = opens.entry(&step.id).or_default();
            opens.entry(&served.capability).or_default().push(&served.tenant);
        }
    }
    opens
}

fn not_back(estate: &Estate, plan: &Plan) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<(&Id, &Id), Vec<&Id>> = BTreeMap::new();
    for never in &plan.never {
        groups.entry((&never.capability, &never.because)).or_default().push(&never.tenant);
    }
    if groups.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "NOT BACK BY THIS PLAN".to_owned(), String::new()];
    for ((capability, because), tenants) in groups {
        let name = capability_name(estate, capability);
        lines
            .extend(wrapped("     ", &format!("{name} of {}, because of {because}", whom(estate, &tenants))));
    }
    vec![lines]
}

/// Per fund: when the last of what it lost is back, and how it is reached.
fn funds(estate: &Estate, plan: &Plan) -> Vec<Vec<String>> {
    let mut back: BTreeMap<&Id, (u64, u64)> = BTreeMap::new();
    let times = Times::of(estate, plan);
    let mut late: BTreeSet<&Id> = BTreeSet::new();
    for served in plan.served.iter().filter(|served| times.when(served) != Time::NotLost) {
        if times.when(served) == Time::AtLeast {
            late.insert(&served.tenant);
        }
        let (first_s, last_s) = back.entry(&served.tenant).or_insert((u64::MAX, 0));
        (*first_s, *last_s) = ((*first_s).min(served.at_s), (*last_s).max(served.at_s));
    }
    let mut funds: Vec<(&Id, (u64, u64))> = back.into_iter().collect();
    funds.sort_by_key(|(_, times)| *times);
    funds
        .into_iter()
        .map(|(id, (first_s, last_s))| {
            let tenant = estate.tenants.get(id);
            let name = tenant.map(|tenant| tenant.name.clone()).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| id.to_string());
            let later = if late.contains(id) { " at least (not all times are known)" } else { "" };
            let times = format!("[ ]  from {} to {}{later}  {name}", clock(first_s), clock(last_s));
            let mut lines = wrapped("     ", &times);
            if let Some(tenant) = tenant.filter(|tenant| !tenant.contacts.is_empty()) {
                lines.extend(wrapped("     ", &format!("     {}", tenant.contacts.join(" | "))));
            }
            lines
        })
        .collect()
}

fn name_of(estate: &Estate, id: &Id) -> String {
    let name = estate
        .services
        .get(id)
        .map(|service| &service.name)
        .or_else(|| estate.stores.get(id).map(|store| &store.name));
    name.filter(|name| !name.is_empty()).map_or_else(String::new, |name| format!(" “{name}”"))
}

/// Lines of at most `COLUMNS`, broken between words; those after the first begin with `indent`. A word that is longer
/// than a line is broken where the line ends. What could steer a printer is shown as a question mark.
fn wrapped(indent: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let own = text.len() - text.trim_start().len();
    let mut line = " ".repeat(own);
    let mut begun = false;
    for word in text.trim_start().split(' ') {
        let mut letters: Vec<char> =
            word.chars().map(|letter| if message::steers(letter) { '?' } else { letter }).collect();
        if begun && line.chars().count() + 1 + letters.len() > COLUMNS {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            begun = false;
        }
        if begun {
            line.push(' ');
        }
        while line.chars().count() + letters.len() > COLUMNS {
            let room = COLUMNS - line.chars().count();
            line.extend(letters.drain(..room));
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        }
        line.extend(letters);
        begun = true;
    }
    lines.push(line);
    lines
}
