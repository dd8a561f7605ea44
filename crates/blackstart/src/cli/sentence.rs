//! Entries as sentences, for people who read the journal at night: who did what to which thing, and why.

use journal::{Payload, Record};
use message::{counted, spaced};

use super::folder::time;
use super::succeed;
use bridge::fact::{self, Fact, Outcome, Witness};
use estate::Id;
use incident::Event;
use incident::duty::named;
use incident::event::{
    BridgeEvent, CommandEvent, ContainEvent, CutAct, DutyEvent, EvidenceEvent, Found, HandsEvent,
    NoticeEvent, PlanEvent, RecoverEvent, ScanEvent,
};
use incident::record::{self, Content};

/// What a record says, and what it is about.
pub struct Reading {
    pub sentence: String,
    /// `None`: not known, so it may be about anything.
    pub about: Option<Vec<Id>>,
}

/// Any record, of an incident's journal or a bridge's.
pub fn of(record: &Record) -> Reading {
    if let Payload::Present(payload) = &record.payload
        && let Ok((fact, sealed)) = fact::decode(&record.kind, record.version, payload)
    {
        return Reading { sentence: of_fact(&fact, sealed.len()), about: Some(tenants(&fact)) };
    }
    if journal::is_own(&record.kind) {
        return Reading { sentence: of_journal(record), about: Some(Vec::new()) };
    }
    match record::entry(record.clone()).content {
        Content::Known(event) => Reading { sentence: of_event(&event), about: Some(event.about()) },
        Content::Unknown(unknown) => Reading {
            sentence: format!("NOT READ: `{}` version {}: {}", unknown.kind, unknown.version, unknown.why),
            about: unknown.about,
        },
    }
}

fn of_journal(record: &Record) -> String {
    match record.kind.as_str() {
        journal::KIND_TAIL_CUT => {
            "an interrupted write at the end of the journal was cut off; nothing acknowledged was in it"
                .to_owned()
        }
        journal::KIND_ERASED => "the contents of entries were erased by decision".to_owned(),
        other => format!("the journal's own entry `{other}`"),
    }
}

fn of_event(event: &Event) -> String {
    match event {
        Event::Command(event) => of_command(event),
        Event::Scan(event) => of_scan(event),
        Event::Contain(event) => of_contain(event),
        Event::Plan(event) => of_plan(event),
        Event::Recover(event) => of_recover(event),
        Event::Bridge(BridgeEvent::AccountReceived { accounts, .. }) => {
            let pending: u64 = accounts.values().map(|account| account.pending).sum();
            let accepted: u64 = accounts.values().map(|account| account.accepted).sum();
            let whom = match accounts.keys().next() {
                Some(tenant) if accounts.len() == 1 => tenant.to_string(),
                Some(_) | None => counted(accounts.len(), "tenant"),
            };
            format!("the bridge counts {accepted} accepted and {pending} pending for {whom}")
        }
        Event::Hands(event) => of_hands(event),
        Event::Duty(event) => of_duty(event),
        Event::Evidence(EvidenceEvent::Attached { name, sha256, bytes, origin, custody, tenant }) => format!(
            "vouched for {name} ({}, SHA-256 {sha256}){}; from: {origin}; held by: {custody}",
            counted(*bytes, "byte"),
            tenant.as_ref().map(|tenant| format!(" of {tenant}")).unwrap_or_default()
        ),
        Event::Notice(NoticeEvent::Published { site, pages, as_of_entry, .. }) => {
            format!("published {pages} pages to {site}, as of entry {as_of_entry}")
        }
        Event::Notice(NoticeEvent::Said(statement)) => {
            let text = statement.texts.get("en").or_else(|| statement.texts.values().next());
            let corrects =
                statement.corrects.map_or_else(String::new, |entry| format!(", correcting entry {entry}"));
            let despite = statement
                .despite
                .as_ref()
                .map_or_else(String::new, |reason| format!(" (in spite of what is known: {reason})"));
            format!("said to the public{corrects}: {}{despite}", text.map_or("", String::as_str))
        }
    }
}

fn of_hands(event: &HandsEvent) -> String {
    let place = |host: &Option<Id>| host.as_ref().map_or_else(|| "this machine".to_owned(), Id::to_string);
    match event {
        HandsEvent::Sent { target, host, driver, verb, sha256, .. } => {
            format!("sends to {}: {verb} {target} by {driver}, script {}", place(host), short(sha256))
        }
        HandsEvent::Answered(answer) => {
            let code = match (answer.code, answer.may_have_begun) {
                (Some(code), _) => format!("ended with {code}"),
                (None, true) => "no end was seen: what was done is not known".to_owned(),
                (None, false) => "nothing was begun".to_owned(),
            };
            format!("{} on {} {}: {code}: {}", answer.verb, place(&answer.host), answer.target, answer.detail)
        }
    }
}

fn of_duty(event: &DutyEvent) -> String {
    match event {
        DutyEvent::Started { duty, tenant, aware_since_ms, reason, .. } => format!(
            "started the clock of {}: aware since {}: {reason}",
            named(duty, tenant.as_ref()),
            time(*aware_since_ms)
        ),
        DutyEvent::Corrected { duty, tenant, aware_since_ms, reason } => format!(
            "corrected the clock of {}: aware since {}: {reason}",
            incident::duty::named(duty, tenant.as_ref()),
            time(*aware_since_ms)
        ),
        DutyEvent::Filed { duty, tenant, step, receipt, filed_at_ms } => format!(
            "filed `{step}` of {} at {}, receipt: {receipt}",
            named(duty, tenant.as_ref()),
            time(*filed_at_ms)
        ),
    }
}

fn of_command(event: &CommandEvent) -> String {
    match event {
        CommandEvent::IncidentOpened { name } => format!("opened the incident `{name}`"),
        CommandEvent::EstateAdopted { hash, .. } => {
            format!("decisions are made on the estate {} from here on", short(hash))
        }
        CommandEvent::NoteWritten { text } => format!("note: {text}"),
        CommandEvent::HoldPlaced { on, reason } => format!("put {on} on hold: {reason}"),
        CommandEvent::HoldLifted { on, reason } => format!("lifted the hold on {on}: {reason}"),
        CommandEvent::EntryAccepted { sequence, reason } => {
            format!("let work go on in spite of entry {sequence}, which cannot be read: {reason}")
        }
        CommandEvent::JournalSucceeded(succession) => format!(
            "this journal continues {} ({}), of which {} signed and whole; {} carried over{}: {}",
            succession.folder,
            succession.origin,
            succeed::first(succession.trusted_size),
            spaced(succession.carried_count()),
            succession.missed().map(|missed| format!("; {missed}")).unwrap_or_default(),
            succession.reason
        ),
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one sentence for each kind of event")]
fn of_scan(event: &ScanEvent) -> String {
    match event {
        ScanEvent::AlarmRaised { store, suspicion, files, examples, seconds_observed } => {
            let what = suspicion.word();
            let files = counted(*files, "file");
            format!(
                "ALARM: {files} in {store} became {what} within {seconds_observed} s{}",
                such_as(examples)
            )
        }
        ScanEvent::FilesVanished { store, files, of_files, examples, seconds_observed } => format!(
            "ALARM: {} of {} in {store} vanished within {seconds_observed} s{}",
            spaced(*files),
            counted(*of_files, "file"),
            such_as(examples)
        ),
        ScanEvent::AlarmGrew { store, alarm, files, examples } => {
            format!("ALARM {alarm} of {store} has grown to {}{}", counted(*files, "file"), such_as(examples))
        }
        ScanEvent::AlarmNotHeard { store, alarm, why } => {
            format!("nobody was woken by alarm {alarm} of {store}: {why}")
        }
        ScanEvent::ContentsAccepted { store, snapshot, reason, contents } => format!(
            "accepted {} of snapshot {} of {store} as they are: {reason}",
            counted(contents.len(), "odd content"),
            short(snapshot)
        ),
        ScanEvent::NotWatched { store, why } => format!("{store} is NOT WATCHED: {why}"),
        ScanEvent::WatchedAgain { store } => format!("{store} is watched again"),
        ScanEvent::AlarmDismissed { store, reason } => format!("dismissed the alarms of {store}: {reason}"),
        ScanEvent::OneAlarmDismissed { store, alarm, reason } => {
            format!("dismissed the alarm of entry {alarm} for {store}: {reason}")
        }
        ScanEvent::AlarmTraced { store, alarm, writers, not_traced, why_not } => {
            let who: Vec<String> =
                writers.iter().map(|writer| format!("{} files by {}", writer.files, writer.line())).collect();
            let unknown = why_not.clone().or_else(|| {
                (*not_traced > 0).then(|| format!("of {not_traced} files nobody knows who wrote them"))
            });
            let all: Vec<String> = who.into_iter().chain(unknown).collect();
            format!("who wrote the files of alarm {alarm} of {store}: {}", all.join("; "))
        }
        ScanEvent::FreezeIntended { store, alarm, who, granted_by, .. } => {
            format!(
                "is about to freeze {who}, which wrote to {store} (alarm {alarm}; granted by {granted_by})"
            )
        }
        ScanEvent::FreezeEnded { target, ok, detail, .. } => {
            let not = if *ok { "" } else { "NOT frozen: " };
            format!("process {}: {not}{detail}", target.pid)
        }
        ScanEvent::ThawDecided { target, reason, .. } => {
            format!("lets process {} go on: {reason}", target.pid)
        }
        ScanEvent::ThawEnded { target, ok, detail, .. } => {
            let not = if *ok { "" } else { "NOT let go on: " };
            format!("process {}: {not}{detail}", target.pid)
        }
        ScanEvent::AlarmAtStart { store, alarm, .. } => {
            format!("the alarm of entry {alarm} for {store} is about what lay there when the watch began")
        }
        ScanEvent::SnapshotFirstSeen { store, snapshot, claims_time } => {
            format!(
                "saw snapshot {} of {store} for the first time; it claims to be of {claims_time}",
                short(snapshot)
            )
        }
        ScanEvent::SnapshotJudged { store, snapshot, clean, counts, reasons } => {
            let files: u64 = counts.values().sum();
            let verdict = if *clean { "clean" } else { "NOT clean" };
            let why = reasons.first().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!(
                "judged snapshot {} of {store}: {verdict}, {}{why}",
                short(snapshot),
                counted(files, "file")
            )
        }
        ScanEvent::InsideNotLookedAt { store, snapshot, not_looked_at } => {
            let inside = scan::report::not_looked_at(not_looked_at)
                .unwrap_or_else(|| "everything in it was looked at".to_owned());
            format!("said of snapshot {} of {store}: {inside}", short(snapshot))
        }
        ScanEvent::RecoveryPointChosen { store, snapshot: Some(snapshot) } => {
            format!("the scan proposes snapshot {} for restoring {store}", short(snapshot))
        }
        ScanEvent::RecoveryPointChosen { store, snapshot: None } => {
            format!("the scan found NO clean snapshot to restore {store} from")
        }
        ScanEvent::RecoveryPointDecided { store, snapshot, reason } => {
            format!("chose snapshot {} for restoring {store}: {reason}", short(snapshot))
        }
    }
}

fn of_act(act: &CutAct) -> String {
    match act {
        CutAct::StopService { service } => format!("stopping {service}"),
        CutAct::CloseDoor { site, door } => format!("closing the door `{door}` of {site}"),
    }
}

fn of_contain(event: &ContainEvent) -> String {
    match event {
        ContainEvent::CutDecided { infected, acts, cost_insured, tenants, .. } => format!(
            "decided to cut off {}: {}; {} without something while it holds; {cost_insured} insured people lose something that \
             the infection had not taken",
            list(infected),
            counted(acts.len(), "act"),
            counted(tenants.len(), "tenant")
        ),
        ContainEvent::ActIntended { act } => format!("is {}", of_act(act)),
        ContainEvent::ActFinished { act, ok, detail } => {
            let how = if *ok { "done" } else { "FAILED" };
            format!("{}: {how}{}", of_act(act), because(detail))
        }
        ContainEvent::CutProbed { act, holds, detail } => {
            let how = if *holds { "it holds" } else { "it does NOT hold" };
            format!("knocked after {}: {how}{}", of_act(act), because(detail))
        }
        ContainEvent::CutUnproven { act, detail } => {
            format!("knocked after {}: it is NOT known whether it holds{}", of_act(act), because(detail))
        }
        ContainEvent::Answered { act, knocks } => {
            format!("knocked before {}: {} answered", of_act(act), counted(knocks.len(), "thing"))
        }
        ContainEvent::LiftBegun { act, reason } => format!("decided to take back {}: {reason}", of_act(act)),
        ContainEvent::LiftFailed { act, detail } => {
            format!(
                "takes back {}, and what it cut off is not known to be there again{}",
                of_act(act),
                because(detail)
            )
        }
        ContainEvent::CutLifted { act, reason } => format!("took back {}: {reason}", of_act(act)),
    }
}

fn of_plan(event: &PlanEvent) -> String {
    match event {
        PlanEvent::Recorded { hash, estate_hash, .. } => {
            format!("recorded the plan {} for the estate {}", short(hash), short(estate_hash))
        }
        PlanEvent::Approved { hash } => format!("approved the plan {}", short(hash)),
        PlanEvent::Withdrawn { hash, reason } => format!("withdrew the plan {}: {reason}", short(hash)),
    }
}

fn of_recover(event: &RecoverEvent) -> String {
    match event {
        RecoverEvent::RunBegun { plan, .. } => format!("began to run the plan {}", short(plan)),
        RecoverEvent::StepIntended { step, attempt: 1, .. } => format!("begins {step}"),
        RecoverEvent::StepIntended { step, attempt, .. } => format!("begins {step}, attempt {attempt}"),
        RecoverEvent::StepDone { step, detail, process, .. } => {
            let said = |pid: u32| detail.contains(&format!("process {pid}"));
            let process = process.as_ref().filter(|mark| !said(mark.pid));
            let process = process.map(|mark| format!(", process {}", mark.pid)).unwrap_or_default();
            format!("{step} is done{}{process}", because(detail))
        }
        RecoverEvent::StepFailed { step, detail, .. } => format!("{step} FAILED{}", because(detail)),
        RecoverEvent::StepProbed { step, found, detail, .. } => {
            let found = match found {
                Found::Done => "it had happened",
                Found::NotDone => "it had not happened",
                Found::Unknown => "it is not known whether it happened",
            };
            format!("looked after {step}: {found}{}", because(detail))
        }
        RecoverEvent::ServiceStopped { service, why } => format!("{service} stopped: {why}"),
        RecoverEvent::ServiceParked { service, waits_for } => format!("{service} waits for {waits_for}"),
        RecoverEvent::ServiceUnparked { service } => format!("{service} no longer waits"),
        RecoverEvent::TargetResumed { target, reason } => format!("{target} may go on: {reason}"),
        RecoverEvent::RunEnded { complete: true, .. } => {
            "the run ended: everything in the plan is done".to_owned()
        }
        RecoverEvent::RunEnded { waiting_for, .. } => {
            format!("the run ended and is NOT complete; it waits for {}", waiting_for.join(", "))
        }
    }
}

fn of_fact(fact: &Fact, sealed_bytes: usize) -> String {
    match fact {
        Fact::Started { program, recipients } => {
            format!(
                "the bridge started (version {program}) and seals to {}",
                counted(recipients.len(), "tenant")
            )
        }
        Fact::Accepted(item) => format!(
            "took in `{}` for {}, receipt {}, {sealed_bytes} bytes sealed",
            item.operation, item.tenant, item.receipt
        ),
        Fact::Settled(settled) => {
            let outcome = match settled.outcome {
                Outcome::Applied => "was applied",
                Outcome::AlreadyThere => "was already there",
                Outcome::Conflict => "is in CONFLICT with what the core has",
                Outcome::Refused => "was REFUSED",
            };
            let by = match settled.seen_by {
                Witness::Bridge => "",
                Witness::HandBack => ", reported by the hand-back",
            };
            format!("entry {} of {} {outcome} (status {}){by}", settled.item, settled.tenant, settled.status)
        }
        Fact::Held { tenants, why } => format!("nothing of {} is forwarded: {why}", list(tenants)),
        Fact::Released { tenants } => format!("business of {} is forwarded again", list(tenants)),
        Fact::Reopened { tenants, from, since_ms } => format!(
            "what was behind {} was restored: everything since {} (from entry {from} on) is pending again",
            list(tenants),
            time(*since_ms)
        ),
        Fact::ClockJumped { ahead_ms } => format!("the clock jumped ahead by {ahead_ms} ms"),
        Fact::ClockBehind { behind_ms } => {
            format!("the clock shows {behind_ms} ms less than the newest entry: times are in doubt")
        }
        Fact::ClockCaughtUp {} => "the clock caught up: times are right again".to_owned(),
    }
}

fn tenants(fact: &Fact) -> Vec<Id> {
    match fact {
        Fact::Started { recipients, .. } => recipients.keys().cloned().collect(),
        Fact::Accepted(item) => vec![item.tenant.clone()],
        Fact::Settled(settled) => vec![settled.tenant.clone()],
        Fact::Held { tenants, .. } | Fact::Released { tenants } | Fact::Reopened { tenants, .. } => {
            tenants.iter().cloned().collect()
        }
        Fact::ClockJumped { .. } | Fact::ClockBehind { .. } | Fact::ClockCaughtUp {} => Vec::new(),
    }
}

fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

fn because(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

fn list<'a>(ids: impl IntoIterator<Item = &'a Id>) -> String {
    let ids: Vec<String> = ids.into_iter().map(ToString::to_string).collect();
    match ids.len() {
        0 => "nobody".to_owned(),
        1..=4 => ids.join(", "),
        more => format!("{} and {} more", ids[..3].join(", "), more - 3),
    }
}

fn such_as(examples: &[String]) -> String {
    examples.first().map(|path| format!(", such as {path}")).unwrap_or_default()
}
