//! Clocks against worked examples: of Regulation 1182/71, of changed clocks, of leap years.

use estate::Estate;
use estate::model::Tenant;
use incident::event::DutyEvent;
use incident::memory::Memory;
use incident::{Event, View};
use jiff::tz::TimeZone;

use super::clock::{due, easter, is_working, moment, shown};
use super::decide::{Filing, Refusal, Start, file, start};
use super::rule::{Rule, ours};
use super::standing::{State, lines, missing};

fn rule(id: &str) -> (Rule, &'static str) {
    ours().into_iter().find(|(rule, _)| rule.id == id).unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn at(text: &str) -> i64 {
    moment(text, &berlin()).unwrap()
}

/// Strict end and end by the regulation, in Berlin.
fn ends(id: &str, step: &str, from: &str) -> (String, Option<String>) {
    let (rule, _) = rule(id);
    let due = due(&rule, rule.step(step).unwrap(), at(from)).unwrap().unwrap();
    (shown(due.at_ms, &berlin()), due.by_regulation_ms.map(|ms| shown(ms, &berlin())))
}

#[test]
fn every_rule_that_comes_with_the_program_is_read() {
    assert_eq!(ours().len(), 7);
    for (rule, text) in ours() {
        assert!(text.starts_with(&format!("id = \"{}\"", rule.id)));
        assert!(rule.source.starts_with("https://") && !rule.text.de.is_empty() && !rule.facts.is_empty());
    }
}

#[test]
fn hours_are_hours_also_when_clocks_are_changed() {
    // Clocks go back on 25 October 2026 and forward on 29 March 2026: 72 hours are 71 or 73 on the wall.
    assert_eq!(ends("nis2-de", "report", "2026-10-23T12:00").0, "Mon 2026-10-26 11:00 CET");
    assert_eq!(ends("nis2-de", "report", "2026-03-27T12:00").0, "Mon 2026-03-30 13:00 CEST");
    assert_eq!(ends("nis2-de", "early", "2026-12-01T05:00").0, "Wed 2026-12-02 05:00 CET");
    assert_eq!(ends("nis2-de", "report", "2026-12-24T23:30"), ("Sun 2026-12-27 23:30 CET".to_owned(), None));
}

#[test]
fn a_month_ends_with_its_day_or_with_the_last_day_there_is() {
    assert_eq!(ends("nis2-de", "final", "2026-12-04T10:00").0, "Tue 2027-01-05 00:00 CET");
    assert_eq!(ends("nis2-de", "final", "2026-01-31T10:00").0, "Sun 2026-03-01 00:00 CET");
    assert_eq!(ends("nis2-de", "final", "2028-01-31T10:00").0, "Wed 2028-03-01 00:00 CET");
    // The day is that of the zone: half past midnight in Berlin is the day before in UTC.
    assert_eq!(ends("nis2-de", "final", "2026-05-10T00:30").0, "Thu 2026-06-11 00:00 CEST");
}

#[test]
fn regulation_1182_71_leaves_out_the_hour_of_the_moment_and_gives_two_working_days() {
    // Tuesday: only the begun hour is given.
    assert_eq!(
        ends("gdpr-33-1", "notice", "2026-12-01T10:20"),
        ("Fri 2026-12-04 10:20 CET".to_owned(), Some("Fri 2026-12-04 11:00 CET".to_owned()))
    );
    // On the full hour nothing is begun.
    assert_eq!(ends("gdpr-33-1", "notice", "2026-12-01T10:00").1, None);
    // Known on Thursday before Easter at noon: Good Friday, Saturday, Sunday are free; Thursday is the only working day
    // before the end on Sunday, and Easter Monday is free, too. The second working day is Tuesday.
    assert_eq!(
        ends("gdpr-33-1", "notice", "2026-04-02T12:00"),
        ("Sun 2026-04-05 12:00 CEST".to_owned(), Some("Wed 2026-04-08 00:00 CEST".to_owned()))
    );
    // Friday afternoon to Monday: Friday and Monday are two working days.
    assert_eq!(ends("gdpr-33-1", "notice", "2026-11-27T15:00").1, None);
}

#[test]
fn holidays_are_those_of_all_of_germany() {
    let easters = [
        (2024, "2024-03-31"),
        (2025, "2025-04-20"),
        (2026, "2026-04-05"),
        (2038, "2038-04-25"),
        (2285, "2285-03-22"),
    ];
    for (year, day) in easters {
        assert_eq!(easter(year).unwrap(), day.parse().unwrap());
    }
    let free = [
        "2026-01-01",
        "2026-04-03",
        "2026-04-06",
        "2026-05-01",
        "2026-05-14",
        "2026-05-25",
        "2026-12-25",
        "2026-11-28",
    ];
    assert!(free.iter().all(|day| !is_working(day.parse().unwrap())));
    // Corpus Christi and Epiphany are holidays of some Länder only.
    assert!(["2026-06-04", "2026-01-06", "2026-12-24"].iter().all(|day| is_working(day.parse().unwrap())));
}

#[test]
fn a_time_that_was_twice_or_never_is_asked_for_again() {
    assert!(moment("2026-10-25T02:30", &berlin()).unwrap_err().contains("twice or never"));
    assert!(moment("2026-03-29T02:30", &berlin()).is_err());
    assert_eq!(moment("2026-10-25T02:30+01:00", &berlin()), moment("2026-10-25T01:30Z", &berlin()));
    assert!(moment("yesterday", &berlin()).unwrap_err().contains("write 2026"));
}

fn estate() -> Estate {
    let mut estate = Estate { provider: "P".to_owned(), ..Estate::default() };
    for name in ["north", "south"] {
        let tenant = Tenant { name: name.to_owned(), ..Tenant::default() };
        estate.tenants.insert(format!("tenant:{name}").parse().unwrap(), tenant);
    }
    estate
}

fn view(events: &[Event]) -> View {
    let mut memory = Memory::new(&std::sync::Arc::default());
    for event in events {
        memory.put(event);
    }
    incident::log::Log::view(&memory).clone()
}

fn started(id: &str, aware: &str) -> Vec<Event> {
    let (rule, text) = rule(id);
    let wish = Start { rule: &rule, text, tenants: &[], aware_since_ms: at(aware), reason: "seen" };
    start(&View::default(), &estate(), &wish, at(aware)).unwrap()
}

fn states(view: &View, now: &str) -> Vec<(String, State)> {
    lines(view, at(now)).into_iter().map(|line| (line.step, line.state)).collect()
}

#[test]
fn a_clock_warns_ahead_runs_out_and_stops_only_when_it_is_filed() {
    let mut events = started("nis2-de", "2026-12-01T05:00");
    let known = |events: &[Event], now| states(&view(events), now)[0].clone();
    assert_eq!(known(&events, "2026-12-01T06:00"), ("early".to_owned(), State::Running));
    assert_eq!(known(&events, "2026-12-01T17:00"), ("early".to_owned(), State::Soon));
    assert_eq!(known(&events, "2026-12-02T05:01"), ("early".to_owned(), State::Overdue));
    let filing = Filing {
        duty: "nis2-de",
        tenant: None,
        step: "early",
        receipt: "BSI-4711",
        filed_at_ms: at("2026-12-01T20:00"),
    };
    events.extend(file(&view(&events), &filing, at("2026-12-01T20:01")).unwrap());
    let after = states(&view(&events), "2026-12-02T05:01");
    assert_eq!(after[0], ("report".to_owned(), State::Running));
    assert!(after.contains(&("final".to_owned(), State::Waits)));
    assert!(after.contains(&("early".to_owned(), State::Filed)));
    let late = Filing { step: "report", filed_at_ms: at("2026-12-05T05:00"), ..filing };
    events.extend(file(&view(&events), &late, at("2026-12-05T05:00")).unwrap());
    let after = states(&view(&events), "2026-12-05T06:00");
    assert_eq!(after[0], ("final".to_owned(), State::Running), "a month from the report on");
    assert!(after.contains(&("report".to_owned(), State::FiledLate)));
}

#[test]
fn without_undue_delay_no_hour_is_made_up() {
    let events = started("sgb5-329", "2026-12-01T05:00");
    assert_eq!(states(&view(&events), "2027-12-01T05:00"), [("report".to_owned(), State::AtOnce)]);
}

#[test]
fn a_rule_that_cannot_be_read_is_never_shown_as_running_or_filed() {
    let event = DutyEvent::Started {
        duty: "later".to_owned(),
        tenant: None,
        rule: "of = \"a later version\"".to_owned(),
        aware_since_ms: 0,
        reason: "x".to_owned(),
    };
    let view = view(&[Event::Duty(event)]);
    assert_eq!(lines(&view, 5)[0].state, State::NotKnown);
    let filing = Filing { duty: "later", tenant: None, step: "x", receipt: "r", filed_at_ms: 1 };
    assert_eq!(file(&view, &filing, 5), Err(Refusal::RuleNotRead("later".to_owned())));
}

#[test]
fn what_would_make_a_clock_wrong_is_refused() {
    let (own, text) = rule("nis2-de");
    let (theirs, their_text) = rule("gdpr-33-1");
    let now = at("2026-12-01T05:00");
    let north = ["tenant:north".parse().unwrap()];
    let west = ["tenant:west".parse().unwrap()];
    let known = view(&started("nis2-de", "2026-12-01T04:00"));
    let ask = |view: &View, rule: &Rule, text, tenants, aware_since_ms, reason| {
        start(view, &estate(), &Start { rule, text, tenants, aware_since_ms, reason }, now).unwrap_err()
    };
    let none = View::default();
    assert_eq!(ask(&none, &own, text, &[], now + 1, "x"), Refusal::AwareInFuture);
    assert_eq!(ask(&none, &own, text, &[], now, " "), Refusal::NoReason);
    assert_eq!(ask(&none, &own, text, &north, now, "x"), Refusal::NotATenants("nis2-de".to_owned()));
    assert_eq!(ask(&none, &theirs, their_text, &[], now, "x"), Refusal::WhichTenant("gdpr-33-1".to_owned()));
    assert!(matches!(ask(&none, &theirs, their_text, &west, now, "x"), Refusal::NotInEstate(_)));
    assert!(matches!(ask(&known, &own, text, &[], now, "x"), Refusal::Runs(..)));
    let filed = |step, receipt, filed_at_ms| {
        file(&known, &Filing { duty: "nis2-de", tenant: None, step, receipt, filed_at_ms }, now).unwrap_err()
    };
    assert_eq!(filed("early", "", now), Refusal::NoReceipt);
    assert_eq!(filed("early", "r", now + 1), Refusal::FiledInFuture);
    assert_eq!(filed("early", "r", at("2026-12-01T03:59")), Refusal::FiledBefore);
    assert!(matches!(filed("late", "r", now), Refusal::NoStep { .. }));
    let filing = Filing { duty: "dora", tenant: None, step: "initial", receipt: "r", filed_at_ms: now };
    assert!(matches!(file(&known, &filing, now), Err(Refusal::NotStarted(_))));
}

#[test]
fn what_nobody_has_started_is_listed_with_what_is_not_known() {
    let all = missing(&estate(), &View::default());
    assert_eq!(all.len(), 7);
    let notice = all.iter().find(|missing| missing.duty == "gdpr-33-1").unwrap();
    assert_eq!(notice.clocks, 2);
    assert!(notice.not_known.iter().any(|fact| fact.contains("supervisor of 2 of 2 tenants")));
    // An estate without tenants is no estate without duties.
    let nobody = missing(&Estate::default(), &View::default());
    assert_eq!(nobody.len(), 7);
    assert!(
        nobody.iter().any(|missing| missing.not_known.iter().any(|fact| fact.contains("names no tenant")))
    );
    let after = missing(&estate(), &view(&started("nis2-de", "2026-12-01T05:00")));
    assert!(after.iter().all(|missing| missing.duty != "nis2-de"));
}

#[test]
fn a_rule_that_says_nonsense_is_refused() {
    let (_, text) = rule("nis2-de");
    for (from, to) in [
        ("Europe/Berlin", "Europe/Atlantis"),
        ("from = \"report\"", "from = \"reprot\""),
        ("months = 1", "months = 1\nhours = 2"),
        ("id = \"nis2-de\"", "id = \"../etc\""),
        ("version = 1", "version = -1"),
        ("counted = \"calendar\"", "counted = \"by hand\""),
        ("name = \"report\"", "name = \"early\""),
    ] {
        assert!(Rule::read(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn a_wrong_time_is_corrected_once_it_is_said_why_and_never_past_what_was_filed() {
    use crate::decide::{Refusal, correct};
    use incident::event::DutyEvent;
    let (rule, text) = crate::rule::ours().into_iter().find(|(rule, _)| rule.id == "nis2-de").unwrap();
    let mut view = incident::View::default();
    let put = |view: &mut incident::View, event: DutyEvent| {
        incident::memory::follow(view, &incident::Event::Duty(event));
    };
    let none = correct(&view, &rule.id, None, 1, "x", 10);
    assert!(matches!(none, Err(Refusal::NotStarted(_))), "{none:?}");
    put(
        &mut view,
        DutyEvent::Started {
            duty: rule.id.clone(),
            tenant: None,
            rule: text.to_owned(),
            aware_since_ms: 7_200_000,
            reason: "alarm".to_owned(),
        },
    );
    let now_ms = 100_000_000;
    assert_eq!(correct(&view, &rule.id, None, 3_600_000, " ", now_ms), Err(Refusal::NoReason));
    assert_eq!(correct(&view, &rule.id, None, now_ms + 1, "x", now_ms), Err(Refusal::AwareInFuture));
    assert!(matches!(correct(&view, &rule.id, None, 7_200_000, "x", now_ms), Err(Refusal::SameTime(_))));
    let before = crate::standing::lines(&view, now_ms)[0].due_ms.unwrap();
    let events = correct(&view, &rule.id, None, 3_600_000, "an hour earlier", now_ms).unwrap();
    events.iter().for_each(|event| incident::memory::follow(&mut view, event));
    let line = &crate::standing::lines(&view, now_ms)[0];
    assert_eq!(before - line.due_ms.unwrap(), 3_600_000);
    assert_eq!((line.corrected.len(), line.corrected[0].was_ms), (1, 7_200_000));
    put(
        &mut view,
        DutyEvent::Filed {
            duty: rule.id.clone(),
            tenant: None,
            step: rule.steps[0].name.clone(),
            receipt: "r".to_owned(),
            filed_at_ms: 50_000_000,
        },
    );
    assert_eq!(correct(&view, &rule.id, None, 60_000_000, "x", now_ms), Err(Refusal::FiledBefore));
    assert_eq!(view.illegal, []);
}
