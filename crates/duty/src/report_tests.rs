//! Reports: every number with its entry, what is not known said, and nobody's data in another's report.

use std::collections::BTreeMap;

use estate::model::{Estate, Tenant};
use estate::{Id, canonical};
use incident::event::{Account, BridgeEvent, CommandEvent, ContainEvent, DutyEvent, ScanEvent, Suspicion};
use incident::memory::Memory;
use incident::{Event, View};

use super::facts::ReportFacts;
use super::report::{Language, Report, ReportRequest, report};
use super::rule::{Rule, ours};

const NAMES: [(&str, &str, u64); 3] = [
    ("north", "Nordkasse", 111_111),
    ("south", "Müller's \"Süd\" <Kasse>", 222_222),
    ("north-2", "Nordkasse Zwei", 333_333),
];

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn estate() -> Estate {
    let mut estate = Estate { provider: "Provider & Söhne".to_owned(), ..Estate::default() };
    for (name, called, insured) in NAMES {
        let tenant = Tenant {
            name: called.to_owned(),
            insured,
            contacts: vec![format!("desk@{name}.example")],
            supervisor: Some(format!("Aufsicht {name}")),
            ..Tenant::default()
        };
        estate.tenants.insert(id(&format!("tenant:{name}")), tenant);
    }
    estate
}

fn account(accepted: u64) -> Account {
    Account { accepted, pending: accepted, ..Account::default() }
}

/// A journal in which everybody is mentioned wherever a person can mention somebody.
fn told() -> Vec<Event> {
    let estate = estate();
    let mut all = vec![
        Event::Command(CommandEvent::IncidentOpened { name: "storm at Nordkasse Zwei".to_owned() }),
        Event::Command(CommandEvent::EstateAdopted {
            hash: canonical::hash(&estate),
            text: canonical::text(&estate),
        }),
        Event::Scan(ScanEvent::AlarmRaised {
            store: id("store:south-files"),
            suspicion: Suspicion::Encrypted,
            files: 98_765,
            examples: vec!["south/letter.doc".to_owned()],
            seconds_observed: 5,
        }),
        Event::Contain(ContainEvent::CutDecided {
            infected: vec![id("store:south-files")],
            acts: Vec::new(),
            cost_insured: 54_321,
            tenants: vec![id("tenant:south")],
            estate_hash: "x".to_owned(),
        }),
        Event::Command(CommandEvent::NoteWritten { text: "south called".to_owned() }),
    ];
    let accounts = NAMES
        .iter()
        .enumerate()
        .map(|(at, (name, ..))| (id(&format!("tenant:{name}")), account(7_000 + at as u64)));
    // All in one entry, as a journal of an earlier version has it.
    all.push(Event::Bridge(BridgeEvent::AccountReceived {
        accounts: accounts.collect::<BTreeMap<_, _>>(),
        checkpoint: "b\n1\n".to_owned(),
    }));
    for rule in ["gdpr-33-1", "gdpr-33-2"] {
        for (name, ..) in NAMES {
            let (_, text) = rule_of(rule);
            all.push(Event::Duty(DutyEvent::Started {
                duty: rule.to_owned(),
                tenant: Some(id(&format!("tenant:{name}"))),
                rule: text.to_owned(),
                aware_since_ms: 1_700_000_000_000,
                reason: if name == "south" {
                    "asked by their officer"
                } else {
                    "as at MÜLLER'S \"SÜD\" <KASSE>"
                }
                .to_owned(),
            }));
            all.push(Event::Duty(DutyEvent::Filed {
                duty: rule.to_owned(),
                tenant: Some(id(&format!("tenant:{name}"))),
                step: "notice".to_owned(),
                receipt: format!("AZ-{name}"),
                filed_at_ms: 1_700_000_500_000,
            }));
        }
    }
    all
}

fn rule_of(wanted: &str) -> (Rule, &'static str) {
    ours().into_iter().find(|(rule, _)| rule.id == wanted).unwrap()
}

fn written(events: &[Event], duty: &str, tenant: Option<&str>) -> Vec<Report> {
    let mut memory = Memory::new(&std::sync::Arc::default());
    for event in events {
        memory.put(event);
    }
    let mut facts = ReportFacts::default();
    memory.entries.iter().for_each(|entry| facts.learn(entry));
    let view: View = incident::log::Log::view(&memory).clone();
    let (rule, _) = rule_of(duty);
    let tenant = tenant.map(id);
    let clock = view.duty.find(duty, tenant.as_ref());
    let now_ms = 1_700_001_000_000;
    let mut all = Vec::new();
    for step in &rule.steps {
        let wish = ReportRequest { facts: &facts, rule: &rule, step, tenant: tenant.as_ref(), clock, now_ms };
        all.extend(Language::ALL.map(|language| report(&wish, language)));
    }
    all
}

#[test]
fn a_tenants_report_holds_nothing_of_another_in_any_form() {
    for duty in ["gdpr-33-1", "gdpr-33-2", "gdpr-34", "sgb10-83a", "dora"] {
        for (own, _, insured) in NAMES {
            for report in written(&told(), duty, Some(&format!("tenant:{own}"))) {
                let json = serde_json::to_string(&report).unwrap();
                for form in [report.text(), report.html(), json] {
                    let lower = form.to_lowercase();
                    assert!(form.contains(&insured.to_string()), "its own: {form}");
                    for (other, called, theirs) in NAMES.iter().filter(|(name, ..)| *name != own) {
                        let at = NAMES.iter().position(|(name, ..)| name == other).unwrap();
                        let mut secrets = vec![
                            theirs.to_string(),
                            format!("desk@{other}.example"),
                            (7_000 + at).to_string(),
                        ];
                        // What begins like its own cannot be told from it; the numbers and the address can.
                        if !own.contains(other) {
                            secrets.extend([(*called).to_owned(), (*other).to_owned(), "müller".to_owned()]);
                            secrets.extend([format!("AZ-{other}"), format!("Aufsicht {other}")]);
                        }
                        if own == "south" {
                            secrets.retain(|secret| secret != "müller");
                        }
                        for secret in secrets {
                            assert!(
                                !lower.contains(&secret.to_lowercase()),
                                "{secret} in {own}'s {duty}: {form}"
                            );
                        }
                    }
                    for shared in ["98765", "54321", "letter.doc", "files)", "called"] {
                        assert!(!form.contains(shared), "{shared} in {own}'s {duty}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_alarm_that_was_dismissed_was_raised_all_the_same() {
    let mut events = told();
    let dismissed = ScanEvent::OneAlarmDismissed {
        store: id("store:south-files"),
        alarm: 2,
        reason: "our own migration".to_owned(),
    };
    let entry = events.len();
    events.push(Event::Scan(dismissed));
    let text = written(&events, "nis2-de", None)[1].text();
    assert!(!text.contains("no alarm stands in the journal"), "{text}");
    assert!(text.contains("every alarm was dismissed: 1"), "{text}");
    let shown = format!("south-files (98765; dismissed: our own migration) [entries 2, {entry}]");
    assert!(text.contains(&shown), "{text}");
    // A second word, or one for another store, is not allowed and changes nothing.
    for store in ["store:south-files", "store:other"] {
        let (store, reason) = (id(store), "nothing happened".to_owned());
        events.push(Event::Scan(ScanEvent::OneAlarmDismissed { store, alarm: 2, reason }));
    }
    assert!(written(&events, "nis2-de", None)[1].text().contains(&shown));
    let mut only_other = told();
    let (store, reason) = (id("store:other"), "nothing happened".to_owned());
    only_other.push(Event::Scan(ScanEvent::OneAlarmDismissed { store, alarm: 2, reason }));
    assert!(!written(&only_other, "nis2-de", None)[1].text().contains("dismissed"));
    // Another one that nobody dismissed is the first.
    events.push(Event::Scan(ScanEvent::FilesVanished {
        store: id("store:south-files"),
        files: 400,
        of_files: 500,
        examples: Vec::new(),
        seconds_observed: 1,
    }));
    let text = written(&events, "nis2-de", None)[1].text();
    assert!(!text.contains("every alarm was dismissed"), "{text}");
    assert!(text.contains("south-files (400)"), "{text}");
    // And without any alarm nobody says that there was no sign.
    let none: Vec<Event> = told()
        .into_iter()
        .filter(|event| !matches!(event, Event::Scan(ScanEvent::AlarmRaised { .. })))
        .collect();
    let text = written(&none, "nis2-de", None)[1].text();
    assert!(text.contains("First alarm: NOT KNOWN: no alarm stands in the journal"), "{text}");
}

#[test]
fn a_corrected_time_stands_beside_the_one_that_was_said_first() {
    let mut events = told();
    let corrected = |since_ms: i64, reason: &str| {
        Event::Duty(DutyEvent::Corrected {
            duty: "gdpr-33-1".to_owned(),
            tenant: Some(id("tenant:south")),
            aware_since_ms: since_ms,
            reason: reason.to_owned(),
        })
    };
    events.push(corrected(1_699_990_000_000, "the alarm was earlier"));
    let entry = events.len() - 1;
    let reports = written(&events, "gdpr-33-1", Some("tenant:south"));
    let english =
        reports.iter().map(Report::text).find(|text| text.contains("Said before, corrected")).unwrap();
    assert!(english.contains(&format!("[entry {entry}]")), "{english}");
    assert!(english.contains("the alarm was earlier"), "{english}");
    assert!(reports.iter().any(|report| report.text().contains("Zuvor angegeben, berichtigt")));
    // Whose name stands in the reason is not told to another.
    events.push(corrected(1_699_980_000_000, "Nordkasse Zwei said so"));
    let reports = written(&events, "gdpr-33-1", Some("tenant:south"));
    assert!(reports.iter().all(|report| !report.text().contains("Nordkasse")));
}

#[test]
fn every_number_names_its_entry_and_what_is_not_known_is_said() {
    let report = &written(&told(), "nis2-de", None)[1];
    let text = report.text();
    for part in [
        "Incident: storm at Nordkasse Zwei [entry 0]",
        "Reported by: Provider & Söhne [entry 1]",
        "Insured people (upper bound of those concerned): 666666 of 3 tenants [entry 1]",
        "Number of persons concerned: NOT KNOWN",
        "south-files (98765) [entry 2]",
        "not handed back yet: 21003, 21003 [entry 5]",
        "Aware since: NOT KNOWN: nobody has recorded",
        "Unlawful or malicious act: NOT KNOWN",
        "Restart begun: NOT KNOWN",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let with_numbers = report.rows.iter().filter(|row| {
        row.known.as_ref().is_some_and(|known| known.chars().any(|letter| letter.is_ascii_digit()))
    });
    assert!(with_numbers.into_iter().all(|row| !row.entries.is_empty()), "{:?}", report.rows);
}

#[test]
fn a_report_of_an_empty_journal_is_all_questions() {
    for duty in ["nis2-de", "gdpr-33-1"] {
        let tenant = (duty == "gdpr-33-1").then_some("tenant:north");
        for report in written(&[], duty, tenant) {
            let known: Vec<_> = report.rows.iter().filter(|row| row.known.is_some()).collect();
            assert!(known.iter().all(|row| ["An", "To"].contains(&row.label.as_str())), "{known:?}");
        }
    }
}

#[test]
fn pages_are_whole_in_both_languages_and_text_stays_text() {
    for (name, ..) in NAMES {
        for report in written(&told(), "gdpr-33-1", Some(&format!("tenant:{name}"))) {
            let html = report.html();
            assert_eq!(page::form::fault(&html.replace("https://", "")), None, "{html}");
            assert!(!html.contains("<Kasse>") && html.contains(&format!("lang=\"{}\"", report.language)));
        }
    }
}

#[test]
fn where_an_estate_cannot_be_read_no_free_text_reaches_a_tenant() {
    let mut events = told();
    events.insert(
        1,
        Event::Command(CommandEvent::EstateAdopted { hash: "x".to_owned(), text: "of later".to_owned() }),
    );
    let report = &written(&events, "gdpr-33-1", Some("tenant:south"))[1];
    assert!(!report.text().contains("asked by their officer"), "{}", report.text());
}
