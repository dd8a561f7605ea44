//! What is not known is not known to work, for each reason, until it is dealt with.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;

use crate::event::{
    BridgeEvent, CommandEvent, ContainEvent, CutAct, Event, RecoverEvent, ScanEvent, Suspicion,
};
use crate::memory::{follow, view_of};
use crate::record::{Content, Entry, Unknown};
use crate::standing::{NotKnown, Standing, not_described, standings};
use crate::view::View;
use estate::{Estate, Id, canonical};

/// The portal needs the core, which reads its data; the phone stands alone at another site.
const ESTATE: &str = r#"
provider = "P"
[site.muc]
name = "Munich"
[site.ess]
name = "Essen"
[store.data]
site = "muc"
[store.lonely]
site = "ess"
[service.core]
site = "muc"
needs.data = ["store:data"]
[service.portal]
site = "ess"
needs.hard = ["core"]
[service.phone]
[capability.eau]
name = { de = "AU" }
urgency = 5
cut = "hold"
[[capability.eau.served_by]]
service = "portal"
tenants = ["alpha"]
[capability.call]
name = { de = "Anruf" }
urgency = 1
[[capability.call.served_by]]
service = "phone"
tenants = ["alpha"]
[tenant.alpha]
name = "Alpha"
insured = 100
[tenant.beta]
name = "Beta"
insured = 100
"#;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn estate() -> Estate {
    canonical::from_text(ESTATE).unwrap()
}

fn standing(view: &View, capability: &str) -> Standing {
    let all = standings(&estate(), view);
    all.into_iter().find(|(_, known, _)| *known == id(capability)).unwrap().2
}

fn alarm(store: &str) -> Event {
    Event::Scan(ScanEvent::AlarmRaised {
        store: id(store),
        suspicion: Suspicion::Encrypted,
        files: 20,
        examples: Vec::new(),
        seconds_observed: 1,
    })
}

fn cut(infected: &str, acts: &[CutAct]) -> Event {
    Event::Contain(ContainEvent::CutDecided {
        infected: vec![id(infected)],
        acts: acts.to_vec(),
        cost_insured: 0,
        tenants: Vec::new(),
        estate_hash: String::new(),
    })
}

fn after(events: &[Event]) -> View {
    let mut view = View::default();
    events.iter().for_each(|event| follow(&mut view, event));
    assert_eq!(view.illegal, []);
    view
}

fn done(step: &str, target: &str) -> [Event; 2] {
    let (step, target) = (format!("{step}:{target}"), id(target));
    [
        Event::Recover(RecoverEvent::StepIntended { step: step.clone(), target: target.clone(), attempt: 1 }),
        Event::Recover(RecoverEvent::StepDone { step, target, detail: String::new(), process: None }),
    ]
}

fn brought_up(service: &str) -> Vec<Event> {
    ["start", "gate", "admit"].iter().flat_map(|step| done(step, service)).collect()
}

const WORKS: Standing = Standing::Works;

#[test]
fn an_open_alarm_makes_what_uses_the_store_not_known_until_it_is_dismissed_or_the_store_restored() {
    let open = after(&[alarm("store:data")]);
    assert_eq!(standing(&open, "capability:eau"), Standing::NotKnown(NotKnown::Alarm));
    assert_eq!(standing(&open, "capability:call"), WORKS, "it uses no store");
    let dismissed = ScanEvent::AlarmDismissed { store: id("store:data"), reason: "test".to_owned() };
    let view = after(&[alarm("store:data"), Event::Scan(dismissed)]);
    assert_eq!(standing(&view, "capability:eau"), WORKS);
    let mut events = vec![alarm("store:data")];
    events.extend(done("restore", "store:data"));
    assert_eq!(standing(&after(&events), "capability:eau"), WORKS);
    events.push(alarm("store:data"));
    assert_eq!(standing(&after(&events), "capability:eau"), Standing::NotKnown(NotKnown::Alarm));
}

/// What an import of compose files gives: services without a place, and a store that nobody is said to use.
#[test]
fn what_is_found_in_a_store_that_nobody_is_said_to_use_leaves_what_runs_anywhere_not_known() {
    let phone = "capability:call";
    for (found, why) in [
        (alarm("store:lonely"), NotKnown::Alarm),
        (
            Event::Scan(ScanEvent::NotWatched {
                store: id("store:lonely"),
                why: "/srv is not there".to_owned(),
            }),
            NotKnown::NotWatched,
        ),
    ] {
        let view = after(&[found]);
        assert_eq!(standing(&view, phone), Standing::NotKnown(why), "nobody says where the phone runs");
    }
    assert_eq!(standing(&after(&[alarm("store:data")]), phone), WORKS, "of that one the users are known");
}

#[test]
fn a_store_that_cannot_be_looked_at_is_not_known_and_one_of_which_a_part_cannot_be_read_is_watched() {
    let not_watched =
        |why: &str| Event::Scan(ScanEvent::NotWatched { store: id("store:data"), why: why.to_owned() });
    let away = not_watched("/srv/data is not there");
    assert_eq!(
        standing(&after(std::slice::from_ref(&away)), "capability:eau"),
        Standing::NotKnown(NotKnown::NotWatched)
    );
    let back = Event::Scan(ScanEvent::WatchedAgain { store: id("store:data") });
    assert_eq!(standing(&after(&[away, back]), "capability:eau"), WORKS);
    let part = format!("1 part {} /srv/data/lost+found", crate::scan::PARTLY_READ);
    assert_eq!(standing(&after(&[not_watched(&part)]), "capability:eau"), WORKS);
}

#[test]
fn a_newest_copy_that_is_not_clean_makes_what_uses_the_store_not_known_until_it_is_restored() {
    let store = id("store:data");
    let seen = |snapshot: &str, clean: bool| {
        let (store, snapshot) = (store.clone(), snapshot.to_owned());
        let seen = ScanEvent::SnapshotFirstSeen {
            store: store.clone(),
            snapshot: snapshot.clone(),
            claims_time: String::new(),
        };
        let (counts, reasons) = (BTreeMap::new(), Vec::new());
        let judged = ScanEvent::SnapshotJudged { store, snapshot, clean, counts, reasons };
        [Event::Scan(seen), Event::Scan(judged)]
    };
    let mut events: Vec<Event> = seen("a", true).into();
    assert_eq!(standing(&after(&events), "capability:eau"), WORKS);
    events.extend(seen("b", false));
    assert_eq!(standing(&after(&events), "capability:eau"), Standing::NotKnown(NotKnown::DirtyCopy));
    assert_eq!(standing(&after(&events), "capability:call"), WORKS, "it uses no store");
    events.extend(done("restore", "store:data"));
    assert_eq!(standing(&after(&events), "capability:eau"), WORKS);
}

#[test]
fn a_store_of_which_nobody_is_known_to_use_it_may_be_used_by_all_at_its_site_and_by_all_without_one() {
    let view = after(&[alarm("store:lonely")]);
    assert_eq!(standing(&view, "capability:eau"), Standing::NotKnown(NotKnown::Alarm));
    assert_eq!(standing(&view, "capability:call"), Standing::NotKnown(NotKnown::Alarm), "it may run there");
    let view = after(&[alarm("store:not-in-the-estate")]);
    assert_eq!(standing(&view, "capability:call"), Standing::NotKnown(NotKnown::Alarm));
}

fn unread(about: Option<Vec<Id>>) -> View {
    let why = "written by a newer version".to_owned();
    let content = Content::Unknown(Unknown { kind: "x.y".to_owned(), version: 9, about, why });
    view_of(&[Entry { sequence: 0, time_ms: 0, actor: "anna".to_owned(), content }])
}

#[test]
fn an_entry_that_was_not_read_makes_what_it_is_about_not_known_until_a_person_accepts_it() {
    const UNREAD: Standing = Standing::NotKnown(NotKnown::Unread);
    let mut all = unread(None);
    assert_eq!(standings(&estate(), &all).iter().filter(|(_, _, standing)| *standing == UNREAD).count(), 2);
    for about in ["service:core", "site:muc", "tenant:alpha", "capability:eau"] {
        assert_eq!(standing(&unread(Some(vec![id(about)])), "capability:eau"), UNREAD, "{about}");
    }
    assert_eq!(standing(&unread(Some(vec![id("site:muc")])), "capability:call"), WORKS);
    let accepted = CommandEvent::EntryAccepted { sequence: 0, reason: "harmless".to_owned() };
    follow(&mut all, &Event::Command(accepted));
    assert_eq!(standing(&all, "capability:eau"), WORKS);
}

#[test]
fn what_is_behind_a_closed_door_is_not_known_to_work_because_it_was_started() {
    let door = CutAct::CloseDoor { site: id("site:muc"), door: "front".to_owned() };
    let mut events = vec![cut("site:muc", std::slice::from_ref(&door))];
    let down = Standing::Down { reason: None };
    assert_eq!(standing(&after(&events), "capability:eau"), down, "what is lost is known; no bridge is");
    let account = BridgeEvent::AccountReceived { accounts: BTreeMap::new(), checkpoint: String::new() };
    events.push(Event::Bridge(account));
    assert_eq!(standing(&after(&events), "capability:eau"), Standing::Emergency, "a bridge takes it in");
    events.extend(done("restore", "store:data"));
    events.extend(brought_up("service:core"));
    assert_eq!(standing(&after(&events), "capability:eau"), Standing::NotKnown(NotKnown::ClosedDoor));
    events.push(Event::Contain(ContainEvent::CutLifted { act: door, reason: "clean".to_owned() }));
    assert_eq!(standing(&after(&events), "capability:eau"), WORKS);
}

#[test]
fn what_is_infected_is_not_known_to_work_until_store_and_service_are_new() {
    const INFECTED: Standing = Standing::NotKnown(NotKnown::Infected);
    let mut events: Vec<Event> = done("restore", "store:data").into();
    events.push(cut("site:muc", &[]));
    assert_eq!(standing(&after(&events), "capability:eau"), INFECTED, "it was restored before");
    assert_eq!(standing(&after(&events), "capability:call"), WORKS);
    events.extend(brought_up("service:core"));
    assert_eq!(standing(&after(&events), "capability:eau"), INFECTED, "its data is as it was");
    let run =
        RecoverEvent::RunBegun { run: "next".to_owned(), plan: String::new(), estate_hash: String::new() };
    events.push(Event::Recover(run));
    events.extend(done("restore", "store:data"));
    assert_eq!(standing(&after(&events), "capability:eau"), WORKS);
}

#[test]
fn a_cut_that_failed_leaves_it_open_whether_the_service_runs() {
    let stop = CutAct::StopService { service: id("service:phone") };
    let failed = |act| ContainEvent::ActFinished { act, ok: false, detail: "no answer".to_owned() };
    let mut events = vec![
        cut("store:data", std::slice::from_ref(&stop)),
        Event::Contain(ContainEvent::ActIntended { act: stop.clone() }),
        Event::Contain(failed(stop)),
    ];
    assert_eq!(standing(&after(&events), "capability:call"), Standing::NotKnown(NotKnown::FailedCut));
    events.extend(brought_up("service:phone"));
    assert_eq!(standing(&after(&events), "capability:call"), WORKS);
}

#[test]
fn what_nothing_serves_is_not_known_and_who_has_nothing_is_named() {
    let mut estate = estate();
    let view = View::default();
    assert_eq!(not_described(&estate, &standings(&estate, &view)), [id("tenant:beta")]);
    estate.capabilities.get_mut(&id("capability:call")).unwrap().served_by.clear();
    let all = standings(&estate, &view);
    let nothing = Standing::NotKnown(NotKnown::NothingServes);
    assert_eq!(all.iter().filter(|(_, _, standing)| *standing == nothing).count(), 2, "{all:?}");
    assert_eq!(not_described(&estate, &all), Vec::<Id>::new());
}

#[test]
fn the_table_at_the_head_of_the_file_has_every_state_in_its_order() {
    let states = [
        Standing::Works,
        Standing::Emergency,
        Standing::Diverted(String::new()),
        Standing::NotKnown(NotKnown::Unread),
        Standing::Down { reason: None },
    ];
    assert!(states.is_sorted());
    let table = crate::table::documented(include_str!("standing.rs"));
    let first: Vec<&str> = table.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(first, states.map(|state| state.word()));
}
