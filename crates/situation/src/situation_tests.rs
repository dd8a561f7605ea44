//! A share is said only where there is one, and what is not known is in no sum of what works.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use crate::situation::{Situation, situation};
use estate::model::{CutBehaviour, Run};
use estate::{Estate, Id, canonical};
use incident::event::{BridgeEvent, ContainEvent, CutAct, Event, RecoverEvent, ScanEvent, Suspicion};
use incident::memory::follow;
use incident::standing::{NotKnown, Standing};
use incident::view::{UnknownEntry, View};

const ESTATE: &str = r#"
provider = "P"
[store.data]
[service.core]
needs.data = ["store:data"]
[service.phone]
[capability.eau]
name = { de = "AU" }
urgency = 1
[[capability.eau.served_by]]
service = "core"
tenants = ["alpha"]
[capability.call]
name = { de = "Anruf" }
urgency = 2
[[capability.call.served_by]]
service = "phone"
tenants = ["alpha"]
[tenant.alpha]
name = "Alpha"
insured = 100
"#;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn estate(insured: u64) -> Estate {
    let mut estate = canonical::from_text(ESTATE).unwrap();
    estate.tenants.get_mut(&id("tenant:alpha")).unwrap().insured = insured;
    estate
}

fn after(events: &[Event]) -> View {
    let mut view = View::default();
    events.iter().for_each(|event| follow(&mut view, event));
    view
}

fn alarm() -> Event {
    let (suspicion, examples) = (Suspicion::Encrypted, Vec::new());
    let store = id("store:data");
    Event::Scan(ScanEvent::AlarmRaised { store, suspicion, files: 20, examples, seconds_observed: 1 })
}

fn stopped(service: &str) -> Event {
    Event::Contain(ContainEvent::CutDecided {
        infected: Vec::new(),
        acts: vec![CutAct::StopService { service: id(service) }],
        cost_insured: 0,
        tenants: Vec::new(),
        estate_hash: String::new(),
    })
}

/// A bridge has told what it holds.
fn bridge() -> Event {
    let accounts = std::collections::BTreeMap::new();
    Event::Bridge(BridgeEvent::AccountReceived { accounts, checkpoint: String::new() })
}

fn share(now: &Situation) -> (u64, u64, bool) {
    (now.served_thousandths, now.not_known_thousandths, now.served_known)
}

#[test]
fn what_is_not_known_counts_as_not_served_and_is_listed_with_the_reason() {
    let quiet = situation(&estate(100), &View::default(), "i");
    assert_eq!((share(&quiet), quiet.not_known()), ((1000, 0, true), None));
    let now = situation(&estate(100), &after(&[alarm()]), "i");
    assert_eq!(share(&now), (666, 334, true));
    assert_eq!((now.not_served[0].standing, now.not_served[0].because), ("not_known", Some("alarm")));
    assert_eq!(now.not_known(), Some(NotKnown::Alarm.sentence()));
}

#[test]
fn an_entry_that_may_be_about_anything_leaves_no_share() {
    let (kind, why) = ("x.y".to_owned(), "newer".to_owned());
    let mut view = View::default();
    view.unknown.push(UnknownEntry { sequence: 0, kind, version: 9, about: None, why, accepted: false });
    let now = situation(&estate(100), &view, "i");
    assert_eq!(share(&now), (0, 1000, false));
    assert_eq!(now.not_served.len(), 2);
    // It may have been an alarm, a cut or a clock: nothing that is not listed is known not to be.
    assert!(now.incomplete.is_some());
    view.unknown[0].accepted = true;
    assert_eq!(situation(&estate(100), &view, "i").incomplete, None);
    let mut whole = situation(&estate(100), &View::default(), "i");
    whole.mark_damaged("i");
    assert_eq!(whole.incomplete, Some("the journal is damaged"));
}

#[test]
fn a_share_of_nothing_is_not_all_of_it() {
    for events in [vec![], vec![stopped("service:core")]] {
        let now = situation(&estate(0), &after(&events), "i");
        assert_eq!(share(&now), (0, 0, false));
        assert!(now.not_known().is_some());
    }
    // One fund has no insured, and just that one has nothing any more.
    let mut mixed = estate(0);
    let mut beta = mixed.tenants[&id("tenant:alpha")].clone();
    beta.insured = 100;
    mixed.tenants.insert(id("tenant:beta"), beta);
    for serving in &mut mixed.capabilities.get_mut(&id("capability:call")).unwrap().served_by {
        serving.to = estate::model::Tenants::All;
    }
    let view = after(&[stopped("service:core")]);
    assert_eq!(share(&situation(&mixed, &view, "i")), (0, 0, false));
    assert_eq!(share(&situation(&mixed, &View::default(), "i")), (1000, 0, true));
}

#[test]
fn for_whom_nothing_is_described_is_named_and_nothing_is_whole() {
    let mut estate = estate(100);
    let beta = estate.tenants[&id("tenant:alpha")].clone();
    estate.tenants.insert(id("tenant:beta"), beta);
    let now = situation(&estate, &View::default(), "i");
    assert_eq!((share(&now), &now.not_described[..]), ((0, 0, false), &[id("tenant:beta")][..]));
    assert!(now.not_known().is_some());
}

#[test]
fn every_state_stands_in_the_list_as_the_table_of_states_says() {
    let table = include_str!("../../incident/src/standing.rs");
    let table = table.lines().skip_while(|line| *line != "//! ```text").skip(2);
    let rows = table.take_while(|line| *line != "//! ```").map(|line| line.trim_start_matches("//! "));
    let rows: Vec<Vec<&str>> = rows.map(|line| line.split_whitespace().collect()).collect();
    let standing = |cut: CutBehaviour, view: &View| {
        let mut estate = estate(100);
        estate.capabilities.get_mut(&id("capability:eau")).unwrap().cut = cut;
        let listed = situation(&estate, view, "i").not_served.first().map_or("-", |line| line.standing);
        let all = incident::standing::standings(&estate, view);
        let of_it: Standing = all.into_iter().find(|(_, known, _)| *known == id("capability:eau")).unwrap().2;
        vec![of_it.word(), listed, if listed == "-" { "-" } else { of_it.word() }]
    };
    let stop = after(&[bridge(), stopped("service:core")]);
    let reject = CutBehaviour::Reject { reason: "call".to_owned() };
    let met = [
        standing(CutBehaviour::Hold, &View::default()),
        standing(CutBehaviour::Hold, &stop),
        standing(CutBehaviour::Divert("mail".to_owned()), &stop),
        standing(CutBehaviour::Hold, &after(&[alarm()])),
        standing(reject, &stop),
    ];
    let written: Vec<Vec<&str>> = rows.iter().map(|row| row[..3].to_vec()).collect();
    assert_eq!(written, met);
}

/// Every reason for which something is not known, with the record that brings it about: in no output is it good.
#[test]
#[allow(clippy::too_many_lines, reason = "one table, read as one")]
fn every_reason_for_not_knowing_is_told_in_every_output_and_none_is_good() {
    let closed = CutAct::CloseDoor { site: id("site:here"), door: "front".to_owned() };
    let stop = CutAct::StopService { service: id("service:core") };
    let decided = |infected: &[&str], acts: &[CutAct]| {
        Event::Contain(ContainEvent::CutDecided {
            infected: infected.iter().map(|text| id(text)).collect(),
            acts: acts.to_vec(),
            cost_insured: 0,
            tenants: Vec::new(),
            estate_hash: String::new(),
        })
    };
    let step = |kind: &str, of: &str| {
        let (step, target) = (format!("{kind}:{of}"), id(of));
        let intended = RecoverEvent::StepIntended { step: step.clone(), target: target.clone(), attempt: 1 };
        let done = RecoverEvent::StepDone { step, target, detail: String::new(), process: None };
        [Event::Recover(intended), Event::Recover(done)]
    };
    let seen = |clean| {
        let (store, snapshot) = (id("store:data"), "s".to_owned());
        let first = ScanEvent::SnapshotFirstSeen {
            store: store.clone(),
            snapshot: snapshot.clone(),
            claims_time: String::new(),
        };
        let (counts, reasons) = (std::collections::BTreeMap::new(), Vec::new());
        [
            Event::Scan(first),
            Event::Scan(ScanEvent::SnapshotJudged { store, snapshot, clean, counts, reasons }),
        ]
    };
    for why in NotKnown::ALL {
        let mut estate = canonical::from_text(
            &ESTATE
                .replace("[service.core]", "[site.here]\ndoors = [{ name = \"front\", probe = \"192.0.2.1:1\" }]\n[service.core]\nsite = \"here\""),
        )
        .unwrap();
        let mut view = match why {
            NotKnown::Unread => View::default(),
            NotKnown::Alarm => after(&[alarm()]),
            NotKnown::NotWatched => {
                let (store, why) = (id("store:data"), "/srv/data is not there".to_owned());
                after(&[Event::Scan(ScanEvent::NotWatched { store, why })])
            }
            NotKnown::DirtyCopy => after(&seen(false)),
            // Decided, and what it stops is up again since; the data it uses is not restored.
            NotKnown::Infected => after(&[decided(&["store:data"], &[])]),
            NotKnown::ClosedDoor => {
                let up = [step("start", "service:core"), step("gate", "service:core")].concat();
                after(&[vec![decided(&[], std::slice::from_ref(&closed))], up].concat())
            }
            NotKnown::FailedCut => {
                let act = stop.clone();
                let failed = ContainEvent::ActFinished { act: act.clone(), ok: false, detail: String::new() };
                let begun = Event::Contain(ContainEvent::ActIntended { act });
                after(&[decided(&[], std::slice::from_ref(&stop)), begun, Event::Contain(failed)])
            }
            NotKnown::NoGate => {
                let run = Run { start: vec!["/bin/core".to_owned()], ..Run::default() };
                estate.services.get_mut(&id("service:core")).unwrap().run = Some(run);
                after(&[step("start", "service:core"), step("gate", "service:core")].concat())
            }
            NotKnown::NothingServes => {
                estate.capabilities.get_mut(&id("capability:eau")).unwrap().served_by.clear();
                View::default()
            }
        };
        if why == NotKnown::Unread {
            let (kind, text) = ("x.y".to_owned(), "newer".to_owned());
            let about = Some(vec![id("capability:eau")]);
            view.unknown.push(UnknownEntry {
                sequence: 0,
                kind,
                version: 9,
                about,
                why: text,
                accepted: false,
            });
        }
        let now = situation(&estate, &view, "i");
        let line = now.not_served.iter().find(|line| line.capability == id("capability:eau"));
        let line = line.unwrap_or_else(|| panic!("{} is not listed", why.word()));
        assert_eq!((line.standing, line.because), ("not_known", Some(why.word())));
        assert_eq!(now.not_known(), Some(why.sentence()), "what `status` says instead of `nothing waits`");
        assert!(now.served_thousandths < 1000 && now.not_known_thousandths > 0, "{}", why.word());
        // What somebody has found in a store waits for a person, with what answers it.
        if matches!(why, NotKnown::Alarm | NotKnown::NotWatched | NotKnown::DirtyCopy) {
            let asked = now.decide_next.iter().find(|next| next.what.contains("store:data"));
            assert!(asked.is_some_and(|next| next.command.contains("blackstart contain")), "{}", why.word());
        }
        let json = serde_json::to_value(&now).unwrap();
        assert_eq!(json["not_served"][0]["because"], why.word());
        let all = incident::standing::standings(&estate, &view);
        assert!(all.iter().all(|(_, capability, standing)| {
            *capability != id("capability:eau") || standing.word() == "not_known"
        }));
    }
}
