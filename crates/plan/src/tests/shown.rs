//! What people get to see: page, drawing, run sheet, difference; and the file as it was in version 1.

use super::*;
use crate::objectives::missed;
use crate::page::clock;
use crate::{Plan, diff, html, sheet};

fn assert_whole(html: &str) {
    assert_eq!(::page::form::fault(html), None, "{html}");
}

/// The estate of the other tests with names, contacts and commands, some of them hostile.
fn named() -> Estate {
    let mut estate = estate();
    estate.provider = "Provider <& Sons>".to_owned();
    let core = estate.services.get_mut(&id("service:core-muc")).expect("it is there");
    core.name = "Core \u{1b}[31m <script>alert(1)</script>".to_owned();
    core.second_person = true;
    core.run = Some(Run {
        start: vec![
            "/usr/bin/start".to_owned(),
            "--with=a-very-long-argument-that-does-not-fit-on-a-line-of-paper-at-all-and-goes-on".to_owned(),
        ],
        admit: vec!["open-door".to_owned()],
        ..Run::default()
    });
    core.crew = vec![id("resource:dba")];
    let dba = Resource { kind: ResourceKind::Crew, capacity: 2, name: "Databases".to_owned() };
    estate.resources.insert(id("resource:dba"), dba);
    estate.tenants.get_mut(&id("tenant:fund-muc")).expect("it is there").contacts =
        vec!["089 12345".to_owned()];
    estate.capabilities.get_mut(&id("capability:eau")).expect("it is there").rto_s = Some(100);
    estate
}

#[test]
fn the_drawing_is_well_formed_and_needs_nothing_from_elsewhere() {
    let estate = named();
    let made = asked_with(&estate, &lost(&["site:muc"]), 40, 30).expect("a plan");
    for html in [
        html::of_made(&estate, &made),
        html::of_plan(&estate, &made.plan),
        html::of_plan(&Estate::default(), &made.plan),
    ] {
        assert_whole(&html);
        let hash = made.plan.hash();
        assert!(
            hash.as_bytes().chunks(16).all(|piece| html.contains(str::from_utf8(piece).expect("digits")))
        );
        assert!(html.matches("role=\"img\" aria-labelledby=").count() >= 2);
        assert!(
            html.matches("<svg").count() >= 2
                && html.contains("The curve as a table")
                && html.contains("Every step")
        );
    }
    let html = html::of_made(&estate, &made);
    assert!(html.contains("Provider &lt;&amp; Sons&gt;") && html.contains("first come, first served"));
    assert!(html.contains("Later than promised"));
}

#[test]
fn hostile_text_in_any_field_stays_text() {
    let hostile =
        format!("</td><script>x('1')</script>\" onload=\"\u{202e}gnp \u{1b}[2J {}", "sehr-lang".repeat(40));
    let mut estate = named();
    estate.provider.clone_from(&hostile);
    estate.services.values_mut().for_each(|service| service.name.clone_from(&hostile));
    estate.stores.values_mut().for_each(|store| store.name.clone_from(&hostile));
    estate.resources.values_mut().for_each(|resource| resource.name.clone_from(&hostile));
    estate.capabilities.values_mut().for_each(|capability| capability.name.de.clone_from(&hostile));
    estate.tenants.values_mut().for_each(|tenant| tenant.name.clone_from(&hostile));
    let mut made = asked_with(&estate, &lost(&["site:muc"]), 40, 30).expect("a plan");
    made.explanation.not_known.push(hostile.clone());
    made.explanation.usage.iter_mut().for_each(|limit| limit.name.clone_from(&hostile));
    made.plan.estate_hash.clone_from(&hostile);
    let running = incident::plan::file::Continues { run: hostile.clone(), ..Default::default() };
    made.plan.continues = Some(running);
    let html = html::of_made(&estate, &made);
    assert_whole(&html);
    assert!(
        !html.contains('\u{202e}')
            && !html.contains("\" onload")
            && html.matches("&lt;script&gt;").count() > 5
    );
}

#[test]
fn a_plan_with_nothing_in_it_can_still_be_shown() {
    let plan = Plan { version: incident::plan::file::VERSION, ..Plan::default() };
    assert_whole(&html::of_plan(&Estate::default(), &plan));
    assert!(sheet::sheet(&Estate::default(), &plan).contains("page 1 of 1"));
    assert!(page::summary(&Estate::default(), &plan).contains("0 steps"));
}

#[test]
fn the_drawing_stays_readable_with_hundreds_of_services() {
    let estate = random_estate(5, 300);
    let made = asked_with(&estate, &lost(&[]), 8, 0).expect("a plan");
    let html = html::of_made(&estate, &made);
    assert_whole(&html);
    assert!(html.contains("rows that serve fewest people are left out"));
    assert!(html.matches("class=\"name").count() <= crate::drawing::ROWS_MAX + 10);
}

#[test]
fn the_run_sheet_fits_on_paper_and_carries_the_hash_on_every_page() {
    let estate = named();
    let made = asked(&estate, &lost(&["site:muc"])).expect("a plan");
    let sheet = sheet::sheet(&estate, &made.plan);
    for line in sheet.split(['\n', '\u{c}']) {
        assert!(line.chars().count() <= sheet::COLUMNS, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let hash = made.plan.hash();
    for page in sheet.split('\u{c}') {
        assert!(page.contains(&hash) && page.lines().count() <= 62, "{page}");
    }
    let boxes = sheet.matches("[ ]  0:").count() + sheet.matches("[ ]  from").count();
    assert_eq!(boxes, made.plan.steps.len() + 1);
    insta::assert_snapshot!("sheet", sheet.replace(&hash, "HASH"));
}

#[test]
fn a_long_run_sheet_has_many_pages_and_each_step_once() {
    let estate = random_estate(9, 60);
    let made = asked(&estate, &lost(&[])).expect("a plan");
    let sheet = sheet::sheet(&estate, &made.plan);
    assert!(sheet.matches('\u{c}').count() > 5);
    assert_eq!(sheet.matches("     begun ________").count(), made.plan.steps.len());
}

#[test]
fn promised_times_that_are_missed_are_reported_with_by_how_much() {
    let estate = named();
    let made = asked(&estate, &lost(&["site:muc"])).expect("a plan");
    let missed = missed(&estate, &made.plan);
    assert_eq!(missed.len(), 1);
    assert_eq!((missed[0].at_s, missed[0].by_s(&made.plan)), (Some(215), 115));
    assert_eq!(missed[0].beyond_seconds, 5 * 9_000_000 * 115);
    let page = page::page(&estate, &made);
    assert!(page.contains("promised within 0:01:40, 0:01:55 late for tenant:fund-muc"), "{page}");
    let json = serde_json::to_value(json::of_made(&estate, &made)).expect("plain data");
    assert_eq!(json["late"][0]["by_s"], 115);
}

#[test]
fn two_plans_are_compared_for_people() {
    let estate = estate();
    let one = planned(&estate, &[]).plan;
    let wish = Question { first: ids(&["tenant:fund-ess"]), ..lost(&[]) };
    let other = asked(&estate, &wish).expect("a plan").plan;
    let difference = diff::difference(&estate, &one, &other);
    assert!(difference.reordered && !difference.same);
    assert_eq!(difference.moved.len(), 2);
    let page = diff::page(&estate, &difference);
    insta::assert_snapshot!("difference", page.replace(&one.hash(), "ONE").replace(&other.hash(), "OTHER"));
    let same = diff::difference(&estate, &one, &one);
    assert!(same.same && same.moved.is_empty() && same.steps.is_empty() && !same.reordered);
}

#[test]
fn plans_that_have_nothing_in_common_are_not_compared_line_by_line() {
    let estate = estate();
    let (one, mut other) = (planned(&estate, &["site:muc"]).plan, planned(&estate, &["site:ess"]).plan);
    assert!(
        diff::page(&estate, &diff::difference(&estate, &one, &other))
            .contains("steps stand only in the first")
    );
    other.estate_hash = "another".to_owned();
    let page = diff::page(&estate, &diff::difference(&estate, &one, &other));
    assert!(page.contains("different estates") && page.contains("nothing to compare"), "{page}");
    assert!(page.lines().count() < 8, "{page}");
}

#[test]
fn ranges_hold_the_planned_time_between_them_and_come_from_the_seed() {
    let estate = estate();
    let made = |seed| {
        let mut effort = Effort {
            schedules: 20,
            seed,
            samples: 200,
            bound: Bound::Quick,
            advice: 3,
            watch: &mut |_| Then::Continue,
        };
        make(&estate, "", &lost(&[]), &mut effort).expect("a plan").plan
    };
    let plan = made(1);
    assert!(plan.served.iter().all(|served| served.early_s < served.at_s && served.at_s < served.late_s));
    assert_eq!(made(1), plan);
    assert_ne!(made(2).served, plan.served);
}

#[test]
fn a_plan_of_version_1_is_still_read_with_its_own_hash() {
    let text = include_str!("../../../../docs/formats/golden/plan-v1.json");
    let plan = Plan::read(text).expect("version 1 is readable");
    assert_eq!((plan.version, plan.samples, plan.continues.as_ref()), (1, 0, None));
    assert_eq!(plan.to_text(), text);
    assert_eq!(check::faults(&estate(), &plan), Vec::<String>::new());
    let changed = text.replacen("\"start_s\": 30", "\"start_s\": 31", 1);
    assert!(matches!(Plan::read(&changed), Err(incident::plan::text::PlanFault::Changed { .. })));
}

#[test]
fn a_plan_of_version_2_is_written_as_it_always_was() {
    let text = include_str!("../../../../docs/formats/golden/plan-v2.json");
    assert_eq!(Plan::read(text).expect("version 2 is readable").to_text(), text);
}

/// Its parts must be those that today's program finds in the same estate, or an upgrade would hold every approved step.
#[test]
fn a_plan_of_version_3_is_written_as_it_always_was_and_its_parts_are_found_unchanged() {
    let text = include_str!("../../../../docs/formats/golden/plan-v3.json");
    let plan = Plan::read(text).expect("version 3 is readable");
    assert_eq!(plan.to_text(), text);
    assert_eq!(check::estate_faults(&estate(), &plan.estate_hash, &plan), Vec::<String>::new());
    let mut edited = estate();
    edited.services.get_mut(&id("service:core-muc")).expect("it is there").boot_s += 1;
    assert_eq!(
        check::estate_faults(&edited, &plan.estate_hash, &plan),
        ["service:core-muc is not as it was when the plan was made"]
    );
}

/// Which build made them decided what their hashes of parts are.
#[test]
fn plans_before_version_3_fit_the_estate_they_were_made_for_and_are_not_checked_against_another() {
    let text = include_str!("../../../../docs/formats/golden/plan-v2.json");
    let mut plan = Plan::read(text).expect("version 2 is readable");
    plan.estate_hash = estate::canonical::hash(&estate());
    assert_eq!(check::estate_faults(&estate(), &plan.estate_hash, &plan), Vec::<String>::new());
    let mut edited = estate();
    edited.provider = "another".to_owned();
    let faults = check::estate_faults(&edited, &plan.estate_hash, &plan);
    assert!(matches!(&faults[..], [fault] if fault.contains("cannot be told")), "{faults:?}");
}

#[test]
fn times_are_written_so_that_people_can_read_them() {
    let shown = [0, 59, 3600, 359_999, 360_000, 1_000_000_000].map(clock);
    assert_eq!(shown, ["0:00:00", "0:00:59", "1:00:00", "99:59:59", "4 d 04:00:00", "11574 d 01:46:40"]);
}

#[test]
fn what_is_lost_and_has_no_times_is_never_called_not_lost() {
    let mut estate = estate();
    for service in estate.services.values_mut() {
        (service.boot_s, service.gates) = (0, Vec::new());
    }
    for store in estate.stores.values_mut() {
        store.size = 0;
    }
    let made = asked(&estate, &lost(&["site:muc"])).expect("a plan");
    assert_eq!(at_s(&made, "tenant:fund-muc"), 0, "the plan file says no more than this");
    let text = page::page(&estate, &made);
    assert!(text.contains(">0:00:00 lost, time not known:  capability:eau"), "{text}");
    assert!(text.contains("this plan, at least: how long it takes is not known of"), "{text}");
    assert!(text.contains("all done after 0:00:00 at least"), "{text}");
    let json = serde_json::to_value(crate::json::of_made(&estate, &made)).expect("it is JSON");
    assert_eq!(json["times_not_known"][0]["tenant"], "tenant:fund-muc", "{json}");
    let sheet = sheet::sheet(&estate, &made.plan);
    assert!(sheet.contains("at least (not all times are known)"), "{sheet}");
    assert!(html::of_made(&estate, &made).contains("time not known"));
    // Only what is on the way of something unknown.
    let known = asked(&super::estate(), &lost(&["site:muc"])).expect("a plan");
    assert!(!page::page(&super::estate(), &known).contains("time not known"));
}

#[test]
fn what_has_no_site_is_named_and_not_called_not_lost() {
    let mut estate = estate();
    estate.services.get_mut(&id("service:core-ess")).expect("it is there").site = None;
    let made = asked(&estate, &lost(&["site:muc"])).expect("a plan");
    let text = page::page(&estate, &made);
    assert!(
        text.contains("service:core-ess: no site is known, so nobody can say whether it is lost too"),
        "{text}"
    );
    assert!(text.contains("not known  whether it is lost, see below: eau"), "{text}");
    let named = asked(&estate, &lost(&["service:core-muc"])).expect("a plan");
    assert!(!page::page(&estate, &named).contains("no site is known"), "no site is lost");
}

#[test]
fn what_works_on_lost_data_is_not_called_not_lost() {
    let estate = estate();
    let store =
        estate.edges.iter().find(|edge| edge.kind == EdgeKind::Data).expect("there is one").to.clone();
    let made = asked(&estate, &lost(&[&store.to_string()])).expect("a plan");
    assert!(!made.explanation.doubtful.is_empty());
    assert!(page::page(&estate, &made).contains("not known  whether it is lost"));
}

/// The table at the head of `times`: each state once, and what each output says of it.
#[test]
fn every_state_of_a_capability_stands_in_every_output_as_the_table_says() {
    let table = include_str!("../times.rs").lines().skip_while(|line| *line != "//! ```text").skip(2);
    let rows = table.take_while(|line| *line != "//! ```").map(|line| line.trim_start_matches("//! "));
    let rows: Vec<Vec<String>> = rows
        .map(|line| line.split_whitespace().map(|word| word.replace('_', " ")).collect::<Vec<String>>())
        .collect();
    let states: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(states, ["not lost", "known", "at least", "not known", "never"]);
    for row in &rows {
        let (mut estate, mut question) = (estate(), lost(&["site:muc"]));
        // What is asked about: the large fund where it is lost, the small one where it is not.
        let tenant = match row[0].as_str() {
            "not lost" => "tenant:fund-ess",
            "known" => "tenant:fund-muc",
            "at least" => {
                estate.services.get_mut(&id("service:core-muc")).expect("it is there").boot_s = 0;
                "tenant:fund-muc"
            }
            "not known" => {
                estate.services.get_mut(&id("service:core-ess")).expect("it is there").site = None;
                "tenant:fund-ess"
            }
            "never" => {
                question.without = ids(&["service:identity-muc"]);
                "tenant:fund-muc"
            }
            other => panic!("no such state: {other}"),
        };
        let made = asked(&estate, &question).expect("a plan");
        let page = page::page(&estate, &made);
        let json = serde_json::to_value(crate::json::of_made(&estate, &made)).expect("it is JSON");
        let (html, sheet) = (html::of_made(&estate, &made), sheet::sheet(&estate, &made.plan));
        let of = |list: &str| -> bool {
            json[list]
                .as_array()
                .expect("a list")
                .iter()
                .any(|one| one["tenant"] == tenant || (one.is_string() && one == "capability:eau"))
        };
        let served = json["served"].as_array().expect("a list").iter().find(|one| one["tenant"] == tenant);
        let at_s = served.and_then(|served| served["at_s"].as_u64());
        let cells = html.split("<h2>Every fund</h2>").nth(1).expect("the table").to_owned();
        let met = [
            match row[0].as_str() {
                "known" => page.contains("0:0") && !page.contains("time not known"),
                _ => page.contains(row[1].as_str()),
            },
            match row[2].as_str() {
                "at s=0" => at_s == Some(0) && !of("times_not_known") && !of("lost_not_known"),
                "at s" => at_s.is_some_and(|at_s| at_s > 0) && !of("times_not_known"),
                list => of(&list.replace(' ', "_")),
            },
            match row[0].as_str() {
                "known" => !cells.contains("time not known") && !cells.contains("<b>never</b>"),
                _ => cells.contains(row[3].as_str()),
            },
            match row[4].as_str() {
                "-" => true,
                "from to" => sheet.contains("from ") && !sheet.contains("at least ("),
                words => sheet.contains(words),
            },
        ];
        assert_eq!(met, [true; 4], "{}: {page}\n{cells}\n{sheet}", row[0]);
        // And none that is better than it is.
        let is_kept = row[0] == "not lost";
        assert_eq!(page.contains("not lost  for all"), is_kept || tenant == "tenant:fund-muc", "{page}");
    }
}

#[test]
fn a_plan_for_clinics_speaks_of_no_funds() {
    let mut estate = estate();
    for (word, text) in [("tenant", "clinic"), ("tenants", "clinics"), ("people", "patients")] {
        let of = match word {
            "tenant" => &mut estate.words.tenant,
            "tenants" => &mut estate.words.tenants,
            _ => &mut estate.words.people,
        };
        of.insert("en".to_owned(), text.to_owned());
    }
    // Without ids that are called so in this test.
    let tenants = std::mem::take(&mut estate.tenants);
    for (at, (_, tenant)) in tenants.into_iter().enumerate() {
        estate.tenants.insert(id(&format!("tenant:c{at}")), tenant);
    }
    let made = asked_with(&estate, &lost(&["site:muc"]), 40, 20).expect("a plan");
    let html = html::of_made(&estate, &made);
    for text in [page::page(&estate, &made), sheet::sheet(&estate, &made.plan)] {
        assert!(text.contains("patients") && text.contains("person-hours"), "{text}");
        assert!(!text.contains("fund") && !text.contains("insured"), "{text}");
    }
    assert!(html.contains("patients") && html.contains("person-hours"));
}
