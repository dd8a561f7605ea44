//! Events keep their bytes for ever, reading never fails, and a view is nothing but its entries.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::continued::{Cause, LeftOut, Succession};
use super::event::*;
use super::notice::{Audience, Claim, Statement};
use super::record::{Content, Entry, decode, encode};
use super::view::View;
use estate::Id;

const GOLDEN: &str = include_str!("../../../docs/formats/golden/events-v1.txt");

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// One of every kind; `no_kind_of_event_is_missing_here` counts them.
#[expect(clippy::too_many_lines, reason = "a list with one entry for each kind of event")]
fn samples() -> Vec<Event> {
    let frozen = crate::frozen::Target {
        pid: 4711,
        started: 99,
        cgroup: Some("/system.slice/web.service".to_owned()),
        boot: "b".to_owned(),
    };
    let mark = ProcessMark { pid: 4711, start_ticks: 99, run: "run-1/start:service:core-muc".to_owned() };
    let stop = CutAct::StopService { service: id("service:core-muc") };
    let close = CutAct::CloseDoor { site: id("site:muc"), door: "front".to_owned() };
    let account = Account { accepted: 5, applied: 1, already_there: 1, conflict: 1, refused: 1, pending: 1 };
    let (step, target) = ("start:service:core-muc".to_owned(), id("service:core-muc"));
    vec![
        Event::Command(CommandEvent::IncidentOpened { name: "Übung".to_owned() }),
        Event::Command(CommandEvent::EstateAdopted {
            hash: "ab12".to_owned(),
            text: "provider = \"P\"\n".to_owned(),
        }),
        Event::Command(CommandEvent::NoteWritten { text: "called the authority".to_owned() }),
        Event::Command(CommandEvent::HoldPlaced { on: target.clone(), reason: "forensics".to_owned() }),
        Event::Command(CommandEvent::HoldLifted { on: target.clone(), reason: "done".to_owned() }),
        Event::Command(CommandEvent::EntryAccepted { sequence: 7, reason: "harmless".to_owned() }),
        Event::Command(CommandEvent::JournalSucceeded(Succession {
            folder: "/incident".to_owned(),
            origin: "blackstart/muc/1".to_owned(),
            trusted_size: 4,
            root: "ab12".to_owned(),
            checkpoint: Some("blackstart/muc/1\n4\n".to_owned()),
            damage: vec!["damage at record 5".to_owned()],
            carried: vec![(0, 5), (6, 9)],
            left_out: vec![LeftOut {
                from: 5,
                until: 6,
                cause: Cause::Damaged,
                detail: "changed".to_owned(),
            }],
            reason: "disk failed".to_owned(),
        })),
        Event::Scan(ScanEvent::AlarmRaised {
            store: id("store:core-muc"),
            suspicion: Suspicion::Encrypted,
            files: 12,
            examples: vec!["docs/a.txt".to_owned()],
            seconds_observed: 2,
        }),
        Event::Scan(ScanEvent::AlarmDismissed { store: id("store:core-muc"), reason: "test".to_owned() }),
        Event::Scan(ScanEvent::SnapshotFirstSeen {
            store: id("store:core-muc"),
            snapshot: "5f3c".to_owned(),
            claims_time: "2023-04-24T22:00:00Z".to_owned(),
        }),
        Event::Scan(ScanEvent::SnapshotJudged {
            store: id("store:core-muc"),
            snapshot: "5f3c".to_owned(),
            clean: false,
            counts: BTreeMap::from([("clean".to_owned(), 3), ("encrypted".to_owned(), 1)]),
            reasons: vec!["docs/a.txt: encrypted".to_owned()],
        }),
        Event::Scan(ScanEvent::RecoveryPointChosen { store: id("store:core-muc"), snapshot: None }),
        Event::Scan(ScanEvent::RecoveryPointDecided {
            store: id("store:core-muc"),
            snapshot: "5f3c".to_owned(),
            reason: "the letters are wanted".to_owned(),
        }),
        Event::Scan(ScanEvent::InsideNotLookedAt {
            store: id("store:core-muc"),
            snapshot: "5f3c".to_owned(),
            not_looked_at: crate::scan::NotLookedAt { files: 3, bytes: 900, of_bytes: 1_000 },
        }),
        Event::Scan(ScanEvent::FilesVanished {
            store: id("store:core-muc"),
            files: 40,
            of_files: 60,
            examples: vec!["docs/b.txt".to_owned()],
            seconds_observed: 3,
        }),
        Event::Scan(ScanEvent::AlarmGrew {
            store: id("store:core-muc"),
            alarm: 7,
            files: 400,
            examples: vec!["docs/c.txt".to_owned()],
        }),
        Event::Scan(ScanEvent::AlarmNotHeard {
            store: id("store:core-muc"),
            alarm: 7,
            why: "exit code 1".to_owned(),
        }),
        Event::Scan(ScanEvent::NotWatched { store: id("store:core-muc"), why: "it is gone".to_owned() }),
        Event::Scan(ScanEvent::WatchedAgain { store: id("store:core-muc") }),
        Event::Scan(ScanEvent::ContentsAccepted {
            store: id("store:core-muc"),
            snapshot: "5f3c".to_owned(),
            reason: "old forms with a password".to_owned(),
            contents: vec!["ab12".to_owned()],
        }),
        Event::Scan(ScanEvent::OneAlarmDismissed {
            store: id("store:core-muc"),
            alarm: 7,
            reason: "test".to_owned(),
        }),
        Event::Scan(ScanEvent::AlarmTraced {
            store: id("store:core-muc"),
            alarm: 7,
            writers: vec![crate::scan::Writer {
                pid: 4711,
                started: Some(99),
                uid: Some(33),
                user: Some("www-data".to_owned()),
                program: Some("/tmp/x".to_owned()),
                command: Some("/tmp/x --all".to_owned()),
                cgroup: Some("/system.slice/web.service".to_owned()),
                files: 12,
            }],
            not_traced: 3,
            why_not: None,
        }),
        Event::Scan(ScanEvent::FreezeIntended {
            store: id("store:core-muc"),
            alarm: 7,
            target: frozen.clone(),
            who: "process 4711 of www-data: /tmp/x".to_owned(),
            granted_by: "the board".to_owned(),
        }),
        Event::Scan(ScanEvent::FreezeEnded {
            store: id("store:core-muc"),
            target: frozen.clone(),
            ok: true,
            detail: "frozen".to_owned(),
        }),
        Event::Scan(ScanEvent::ThawDecided {
            store: id("store:core-muc"),
            target: frozen.clone(),
            reason: "a backup".to_owned(),
        }),
        Event::Scan(ScanEvent::ThawEnded {
            store: id("store:core-muc"),
            target: frozen,
            ok: false,
            detail: "gone".to_owned(),
        }),
        Event::Scan(ScanEvent::AlarmAtStart {
            store: id("store:core-muc"),
            alarm: 7,
            digest: "ab12".to_owned(),
        }),
        Event::Contain(ContainEvent::CutDecided {
            infected: vec![id("site:muc")],
            acts: vec![stop.clone(), close.clone()],
            cost_insured: 8_000_000,
            tenants: vec![id("tenant:alpha")],
            estate_hash: "ab12".to_owned(),
        }),
        Event::Contain(ContainEvent::ActIntended { act: stop.clone() }),
        Event::Contain(ContainEvent::ActFinished { act: stop.clone(), ok: true, detail: String::new() }),
        Event::Contain(ContainEvent::CutProbed {
            act: close.clone(),
            holds: true,
            detail: "refused".to_owned(),
        }),
        Event::Contain(ContainEvent::CutLifted { act: close.clone(), reason: "restart".to_owned() }),
        Event::Contain(ContainEvent::CutUnproven {
            act: close.clone(),
            detail: "nothing answered before".to_owned(),
        }),
        Event::Contain(ContainEvent::Answered {
            act: stop.clone(),
            knocks: vec![
                Knocked::Tcp { address: "192.0.2.7:443".to_owned() },
                Knocked::Http { url: "http://192.0.2.7/".to_owned() },
                Knocked::Process { mark: mark.clone() },
            ],
        }),
        Event::Contain(ContainEvent::LiftBegun { act: close.clone(), reason: "cleaned".to_owned() }),
        Event::Contain(ContainEvent::LiftFailed { act: close, detail: "refused".to_owned() }),
        Event::Plan(PlanEvent::Recorded {
            hash: "cd".to_owned(),
            estate_hash: "ab12".to_owned(),
            text: "{}".to_owned(),
        }),
        Event::Plan(PlanEvent::Approved { hash: "cd".to_owned() }),
        Event::Plan(PlanEvent::Withdrawn { hash: "cd".to_owned(), reason: "estate changed".to_owned() }),
        Event::Recover(RecoverEvent::RunBegun {
            run: "run-1".to_owned(),
            plan: "cd".to_owned(),
            estate_hash: "ab12".to_owned(),
        }),
        Event::Recover(RecoverEvent::StepIntended { step: step.clone(), target: target.clone(), attempt: 1 }),
        Event::Recover(RecoverEvent::StepDone {
            step: step.clone(),
            target: target.clone(),
            detail: "listening".to_owned(),
            process: Some(mark.clone()),
        }),
        Event::Recover(RecoverEvent::StepFailed {
            step: step.clone(),
            target: target.clone(),
            detail: "HTTP 500".to_owned(),
        }),
        Event::Recover(RecoverEvent::StepProbed {
            step,
            target: target.clone(),
            found: Found::Done,
            detail: "runs".to_owned(),
            process: Some(mark),
        }),
        Event::Recover(RecoverEvent::ServiceStopped {
            service: target.clone(),
            why: "gate failed".to_owned(),
        }),
        Event::Recover(RecoverEvent::ServiceParked {
            service: id("service:portal"),
            waits_for: target.clone(),
        }),
        Event::Recover(RecoverEvent::ServiceUnparked { service: id("service:portal") }),
        Event::Recover(RecoverEvent::TargetResumed { target, reason: "repaired".to_owned() }),
        Event::Recover(RecoverEvent::RunEnded {
            run: "run-1".to_owned(),
            complete: false,
            waiting_for: vec!["gate:service:core-muc".to_owned()],
        }),
        Event::Bridge(BridgeEvent::AccountReceived {
            accounts: BTreeMap::from([(id("tenant:alpha"), account)]),
            checkpoint: "blackstart\n5\n".to_owned(),
        }),
        Event::Notice(NoticeEvent::Published {
            site: "public".to_owned(),
            digest: "ef".to_owned(),
            pages: 258,
            as_of_entry: 40,
        }),
        Event::Hands(HandsEvent::Sent {
            target: id("service:portal"),
            host: Some(id("host:web-1")),
            driver: "systemd".to_owned(),
            verb: "start".to_owned(),
            sha256: "ab".repeat(32),
            script: "root systemctl start nginx.service\n".to_owned(),
        }),
        Event::Hands(HandsEvent::Answered(crate::hands::Answer {
            target: id("service:portal"),
            host: Some(id("host:web-1")),
            verb: "start".to_owned(),
            sha256: "ab".repeat(32),
            code: Some(0),
            may_have_begun: true,
            before: BTreeMap::from([("ActiveState".to_owned(), "inactive".to_owned())]),
            after: BTreeMap::from([("ActiveState".to_owned(), "active".to_owned())]),
            mark: "5b8d0c7f4b5d4e0a8d1b3b6c8a7d2f10".to_owned(),
            boot: "8c2c9b6f-8a4e-4f2c-9d3e-1f5b1c6a7d10".to_owned(),
            detail: "the unit nginx.service on host:web-1 runs".to_owned(),
            took_ms: 412,
        })),
        Event::Duty(DutyEvent::Started {
            duty: "gdpr-33-1".to_owned(),
            tenant: Some(id("tenant:alpha")),
            rule: "id = \"gdpr-33-1\"\n".to_owned(),
            aware_since_ms: 1_682_373_600_000,
            reason: "the forensic report".to_owned(),
        }),
        Event::Duty(DutyEvent::Corrected {
            duty: "gdpr-33-1".to_owned(),
            tenant: Some(id("tenant:alpha")),
            aware_since_ms: 1_682_300_000_000,
            reason: "an hour too late".to_owned(),
        }),
        Event::Duty(DutyEvent::Filed {
            duty: "gdpr-33-1".to_owned(),
            tenant: Some(id("tenant:alpha")),
            step: "notice".to_owned(),
            receipt: "AZ 47/11".to_owned(),
            filed_at_ms: 1_682_400_000_000,
        }),
        Event::Evidence(EvidenceEvent::Attached {
            name: "core.img".to_owned(),
            sha256: "ab".to_owned(),
            bytes: 4096,
            origin: "disk of core-muc".to_owned(),
            custody: "anna, safe 2".to_owned(),
            tenant: None,
        }),
        Event::Notice(NoticeEvent::Said(Statement {
            claim: Claim::NoOutflow,
            capabilities: vec![id("capability:eau")],
            tenants: vec![id("tenant:alpha")],
            audiences: vec![Audience::Insured, Audience::Press],
            texts: BTreeMap::from([("de".to_owned(), "Keine Daten sind abgeflossen.".to_owned())]),
            as_of_entry: 41,
            basis: vec![7, 9],
            next_update_ms: Some(1_682_373_600_000),
            corrects: Some(12),
            despite: Some("the examiners said so".to_owned()),
        })),
    ]
}

fn line(event: &Event) -> String {
    let (kind, version, payload) = encode(event);
    format!("{kind} {version} {}", String::from_utf8(payload).unwrap())
}

#[test]
fn every_kind_of_event_has_a_golden_line_that_never_changes() {
    let written: Vec<String> = samples().iter().map(line).collect();
    let golden: Vec<&str> = GOLDEN.lines().collect();
    assert_eq!(written, golden, "a released event changed its bytes: add a variant or a version instead");
}

#[test]
fn no_kind_of_event_is_missing_here() {
    let files = [
        include_str!("bridge.rs"),
        include_str!("command.rs"),
        include_str!("contain/mod.rs"),
        include_str!("hands.rs"),
        include_str!("duty.rs"),
        include_str!("evidence.rs"),
        include_str!("notice.rs"),
        include_str!("plan/mod.rs"),
        include_str!("recover/mod.rs"),
        include_str!("scan.rs"),
    ];
    let declared: usize = files.iter().map(|text| text.matches("#[serde(rename = \"").count()).sum();
    let kinds: std::collections::BTreeSet<String> = samples().iter().map(|event| encode(event).0).collect();
    assert_eq!(kinds.len(), declared);
}

#[test]
fn every_golden_line_is_read_as_the_event_it_was() {
    for (line, event) in GOLDEN.lines().zip(samples()) {
        let mut parts = line.splitn(3, ' ');
        let (kind, version) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
        assert_eq!(decode(kind, version, parts.next().unwrap().as_bytes()), Content::Known(event));
    }
}

#[test]
fn what_a_newer_program_wrote_is_kept_shown_and_blocks_the_thing_it_names() {
    let mut view = View::default();
    let payload = br#"{"about":["service:core-muc"],"data":{"colour":"red"}}"#;
    view.apply(&entry(0, decode("recover.service_painted", 1, payload)));
    view.apply(&entry(1, decode("recover.step_done", 2, payload)));

    assert_eq!(view.unknown.len(), 2);
    assert!(view.blocked_by(&id("service:core-muc")).is_some());
    assert!(view.blocked_by(&id("service:portal")).is_none());

    for sequence in 0..2 {
        let accepted = CommandEvent::EntryAccepted { sequence, reason: "read by hand".to_owned() };
        view.apply(&entry(2 + sequence, Content::Known(Event::Command(accepted))));
    }
    assert!(view.blocked_by(&id("service:core-muc")).is_none(), "a person said otherwise");
    assert_eq!(view.unknown.len(), 2, "and it is still shown");
}

#[test]
fn an_entry_that_does_not_even_say_what_it_is_about_blocks_everything() {
    let mut view = View::default();
    view.apply(&entry(0, decode("future.thing", 9, b"\xff\xfe")));
    assert!(view.blocked_by(&id("service:anything")).is_some());
}

#[test]
fn a_write_that_a_power_cut_interrupted_stands_in_the_way_of_nothing() {
    let record = |kind: &str, payload: &[u8]| journal::Record {
        sequence: 3,
        time_ms: 1,
        actor: "journal".to_owned(),
        kind: kind.to_owned(),
        version: 1,
        payload: journal::Payload::Present(payload.to_vec()),
        digest: [0; 32],
    };
    let mut view = View::default();
    view.apply(&super::record::entry(record(
        journal::KIND_TAIL_CUT,
        br#"{"file":"s","offset":1,"bytes":2}"#,
    )));
    view.apply(&super::record::entry(record(journal::KIND_ERASED, &[0, 0, 0, 0])));
    assert_eq!((view.unknown.len(), view.entries), (0, 4));
    assert!(view.blocked_by(&id("service:anything")).is_none());
}

#[test]
fn what_a_successor_could_not_carry_over_blocks_everything_until_a_person_accepts_it() {
    let succession = |left_out: Vec<LeftOut>| Succession {
        folder: "/old".to_owned(),
        origin: "o".to_owned(),
        trusted_size: 2,
        root: String::new(),
        checkpoint: None,
        damage: Vec::new(),
        carried: vec![(0, 3), (4, 6)],
        left_out,
        reason: "r".to_owned(),
    };
    let lost = LeftOut { from: 3, until: 4, cause: Cause::Damaged, detail: "changed".to_owned() };
    let own = LeftOut { from: 6, until: 7, cause: Cause::JournalsOwn, detail: "cut".to_owned() };
    let succeeded =
        |left_out| Content::Known(Event::Command(CommandEvent::JournalSucceeded(succession(left_out))));
    let mut view = View::default();
    view.apply(&entry(0, succeeded(vec![lost, own.clone()])));
    let blocked = view.blocked_by(&id("service:anything")).unwrap();
    assert!(blocked.why.contains("1 entry") && blocked.why.contains("number 3"), "{}", blocked.why);
    // Carried over: old entry 5 accepted old entry 1, which is 2 here.
    view.apply(&entry(2, decode("future.thing", 9, b"{}")));
    view.apply(&entry(
        5,
        Content::Known(Event::Command(CommandEvent::EntryAccepted { sequence: 1, reason: "r".to_owned() })),
    ));
    assert_eq!(view.unknown.iter().map(|unknown| unknown.accepted).collect::<Vec<_>>(), [false, true]);
    let accepted = CommandEvent::EntryAccepted { sequence: 0, reason: "asked everybody".to_owned() };
    view.apply(&entry(6, Content::Known(Event::Command(accepted))));
    assert!(view.blocked_by(&id("service:anything")).is_none());

    let mut view = View::default();
    view.apply(&entry(0, succeeded(vec![own])));
    assert!(view.blocked_by(&id("service:anything")).is_none(), "nothing is missed");
}

fn entry(sequence: u64, content: Content) -> Entry {
    Entry { sequence, time_ms: 1_682_373_600_000, actor: "test".to_owned(), content }
}

proptest! {
    #[test]
    fn no_bytes_make_reading_or_applying_panic(
        kind in prop_oneof!["[a-z.]{0,20}", Just("recover.step_done".to_owned()), Just("scan.alarm_raised".to_owned())],
        version in any::<u16>(),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut view = View::default();
        view.apply(&entry(u64::MAX, decode(&kind, version, &payload)));
        view.apply(&entry(0, decode(&kind, 1, &payload)));
    }

    /// Any order, any repetition: illegal moves included.
    #[test]
    fn applying_events_in_any_order_gives_the_same_bytes_twice(picks in proptest::collection::vec(0usize..36, 0..60)) {
        let samples = samples();
        let fold = || {
            let mut view = View::default();
            for (sequence, pick) in picks.iter().enumerate() {
                let event = samples[pick % samples.len()].clone();
                let (kind, version, payload) = encode(&event);
                view.apply(&entry(sequence as u64, decode(&kind, version, &payload)));
            }
            serde_json::to_vec(&view).unwrap()
        };
        prop_assert_eq!(fold(), fold());
    }
}
