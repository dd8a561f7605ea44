//! The pages say what is so, to those it concerns, and give nothing else away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use super::public::{Back, Forecasts, Public, expected, public};
use super::site::{self, Proof, digest, files};
use super::words::Language;
use super::{page, told, words};
use estate::{Estate, Id, canonical};
use incident::event::{BridgeEvent, ContainEvent, CutAct, Event};
use incident::memory::view_of;
use incident::record::{Content, Entry};
use incident::standing::{NotKnown, Standing};
use incident::view::{UnknownEntry, View};

const ESTATE: &str = r##"
provider = "P"
[site.ess]
name = "Essen"
[site.muc]
name = "Muenchen"
[service.intake-ess]
name = "secret-name-of-intake"
site = "ess"
[service.intake-muc]
name = "secret-name-of-intake"
site = "muc"
[service.app-muc]
name = "app"
site = "muc"
[capability.eau]
name = { de = "Krankmeldung & mehr", fr = "Arrêt de travail", en = "Sick note" }
urgency = 5
cut = "hold"
[[capability.eau.served_by]]
service = "intake-ess"
site = "ess"
[[capability.eau.served_by]]
service = "intake-muc"
site = "muc"
[capability.app]
name = { de = "App" }
urgency = 1
cut = { reject = "Rufen Sie an: <0800>" }
[[capability.app.served_by]]
service = "app-muc"
site = "muc"
[tenant.alpha]
name = "Kasse Alpha"
insured = 100
site = "ess"
[tenant.beta]
name = "Kasse \"Beta\""
insured = 200
site = "muc"
colour = "#a00000"
"##;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn estate() -> Estate {
    canonical::from_text(ESTATE).unwrap()
}

fn cut_off_muc() -> View {
    let stop = |name: &str| CutAct::StopService { service: id(name) };
    let decided = ContainEvent::CutDecided {
        infected: vec![id("site:muc")],
        acts: vec![stop("service:intake-muc"), stop("service:app-muc")],
        cost_insured: 200,
        tenants: vec![id("tenant:beta")],
        estate_hash: String::new(),
    };
    let accounts = std::collections::BTreeMap::new();
    let account = BridgeEvent::AccountReceived { accounts, checkpoint: String::new() };
    let entry = |(sequence, event): (u64, Event)| Entry {
        sequence,
        time_ms: 1_682_373_600_000,
        actor: "test".to_owned(),
        content: Content::Known(event),
    };
    let entries = [(0, Event::Bridge(account)), (1, Event::Contain(decided))];
    view_of(&entries.map(entry))
}

#[test]
fn without_a_bridge_nobody_is_promised_a_receipt() {
    let stop = CutAct::StopService { service: id("service:intake-muc") };
    let decided = ContainEvent::CutDecided {
        infected: Vec::new(),
        acts: vec![stop],
        cost_insured: 0,
        tenants: Vec::new(),
        estate_hash: String::new(),
    };
    let mut view = View::default();
    incident::memory::follow(&mut view, &Event::Contain(decided));
    let text = page::tenant(&facts(&view, "tenant:beta"), Language::En, None);
    assert!(text.contains("data-capability=\"eau\" data-standing=\"down\""), "{text}");
    assert!(!text.to_lowercase().contains("receipt"), "{text}");
}

fn facts(view: &View, tenant: &str) -> Public {
    public(&estate(), view).into_iter().find(|public| public.tenant == id(tenant)).unwrap()
}

#[test]
fn a_fund_that_is_not_touched_reads_that_all_works() {
    for language in Language::ALL {
        let text = page::tenant(&facts(&cut_off_muc(), "tenant:alpha"), language, None);
        assert!(text.contains(language.words().all_works), "{text}");
        assert!(!text.contains("data-standing=\"emergency\""));
    }
}

#[test]
fn a_fund_that_is_cut_off_reads_that_we_go_on_accepting_and_what_to_do() {
    let beta = facts(&cut_off_muc(), "tenant:beta");
    let text = page::tenant(&beta, Language::En, None);
    assert!(text.contains("data-capability=\"eau\" data-standing=\"emergency\""), "{text}");
    assert!(text.contains("data-capability=\"app\" data-standing=\"down\""));
    assert!(text.contains(words::Language::En.words().some_down));
    assert!(text.contains("available in German only"), "a missing translation is said, not hidden");
}

#[test]
fn what_comes_from_the_estate_cannot_become_markup() {
    let text = page::tenant(&facts(&cut_off_muc(), "tenant:beta"), Language::De, None);
    assert!(
        text.contains("Kasse &quot;Beta&quot;")
            && text.contains("&lt;0800&gt;")
            && text.contains("&amp; mehr")
    );
    let mut hostile = facts(&cut_off_muc(), "tenant:beta");
    hostile.colour = Some("red;}</style><script>".to_owned());
    assert!(!page::tenant(&hostile, Language::De, None).contains("<script"));
}

#[test]
fn a_page_names_no_service_no_site_and_no_other_fund() {
    for (path, text) in files(&public(&estate(), &cut_off_muc()), None) {
        for secret in ["secret-name", "intake", "Muenchen", "service:", "site:"] {
            assert!(!text.contains(secret), "{path} gives away {secret}");
        }
        if path.starts_with("alpha/") {
            assert!(!text.contains("Beta"), "{path} names another fund");
        }
        // The name of a form: nobody goes there.
        let text = text.replace("\"http://www.w3.org/2005/Atom\"", "");
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("<script"), "{path}");
        assert!(text.len() < 14 * 1024, "{path} is {} bytes", text.len());
    }
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let before = files(&public(&estate(), &View::default()), None);
    let after = files(&public(&estate(), &cut_off_muc()), None);
    assert_ne!(digest(&before), digest(&after));
    assert_eq!(digest(&after), digest(&files(&public(&estate(), &cut_off_muc()), None)));
}

#[test]
fn every_page_is_whole_and_needs_nothing_else_whatever_stands_in_the_estate() {
    let hostile =
        format!("</th><script>x('1')</script>\" onload=\"\u{202e}gnp \u{1b}[2J {}", "sehr-lang".repeat(40));
    let mut public = facts(&cut_off_muc(), "tenant:beta");
    public.name.clone_from(&hostile);
    public.colour = Some(hostile.clone());
    public.contacts = vec![hostile.clone(), hostile.clone()];
    public.held = Some(1_234_567);
    for offer in &mut public.offers {
        offer.name.de.clone_from(&hostile);
        offer.name.en = Some(hostile.clone());
        offer.standing = Standing::Down { reason: Some(hostile.clone()) };
    }
    public.offers[0].standing = Standing::Diverted(hostile.clone());
    let proof = Proof { root: [7; 32], text: "note".to_owned() };
    for (path, text) in files(&[public], Some(&proof)) {
        if path.ends_with(".html") {
            assert_eq!(::page::form::fault(&text), None, "{path}: {text}");
            assert!(!text.contains('\u{202e}') && !text.contains("\" onload"), "{path}");
            assert!(path.contains('/') == text.contains("1\u{202f}234\u{202f}567"), "{path}");
        }
    }
}

/// The rows of the table in the head of the file of standings.
fn table() -> Vec<Vec<&'static str>> {
    rows(include_str!("../../incident/src/standing.rs"))
}

fn rows(file: &'static str) -> Vec<Vec<&'static str>> {
    let lines = file.lines();
    let lines = lines.skip_while(|line| *line != "//! ```text").skip(2).take_while(|line| *line != "//! ```");
    lines.map(|line| line.trim_start_matches("//! ").split_whitespace().collect()).collect()
}

#[test]
fn page_and_its_json_say_of_every_state_what_the_table_of_states_says() {
    let states = [
        Standing::Works,
        Standing::Emergency,
        Standing::Diverted("by mail".to_owned()),
        Standing::NotKnown(NotKnown::Alarm),
        Standing::Down { reason: None },
    ];
    for (row, state) in table().iter().zip(&states) {
        let mut alpha = facts(&View::default(), "tenant:alpha");
        alpha.offers[0].standing = state.clone();
        for language in Language::ALL {
            let words = language.words();
            let (lead, word) = match row[3] {
                "all_works" => (words.all_works, words.works),
                "some_emergency" => (words.some_emergency, words.emergency),
                "some_not_known" => (words.some_not_known, words.not_known),
                "some_down" if row[4] == "diverted" => (words.some_down, words.diverted),
                "some_down" => (words.some_down, words.down),
                other => panic!("{other} is no lead"),
            };
            let text = page::tenant(&alpha, language, None);
            let all = [words.all_works, words.some_emergency, words.some_not_known, words.some_down];
            for other in all {
                assert_eq!(text.contains(other), other == lead, "{other} in {text}");
            }
            assert!(text.contains(&format!("data-standing=\"{}\"", row[4])) && text.contains(word), "{text}");
        }
        let json = &files(&[alpha], None)["alpha/status.json"];
        assert!(json.contains(&format!("\"standing\":\"{}\"", row[5])), "{json}");
    }
    assert_eq!(table().len(), states.len());
}

#[test]
fn a_fund_of_which_something_is_not_known_does_not_read_that_all_works() {
    let mut view = View::default();
    let (kind, why) = ("command.journal_succeeded".to_owned(), "entry 4 was not carried over".to_owned());
    view.unknown.push(UnknownEntry { sequence: 0, kind, version: 1, about: None, why, accepted: false });
    for (path, text) in files(&public(&estate(), &view), None) {
        for language in Language::ALL {
            assert!(!text.contains(language.words().all_works), "{path}");
        }
        assert!(!text.contains("\"works\"") && !text.contains("carried over"), "{path}: {text}");
    }
}

#[test]
fn a_fund_for_which_nothing_is_described_reads_just_that() {
    let mut estate = estate();
    estate.tenants.get_mut(&id("tenant:alpha")).unwrap().site = None;
    let all = public(&estate, &View::default());
    for language in Language::ALL {
        let text = page::tenant(&all[0], language, None);
        assert!(text.contains(language.words().nothing_described) && !text.contains("<table"), "{text}");
        assert!(!text.contains(language.words().all_works));
        assert_eq!(::page::form::fault(&text), None);
    }
}

#[test]
fn a_tenant_that_names_its_languages_has_pages_in_those_and_every_list_leads_to_one() {
    let mut estate = estate();
    estate.tenants.get_mut(&id("tenant:beta")).unwrap().languages = vec!["de".to_owned()];
    estate.tenants.get_mut(&id("tenant:alpha")).unwrap().languages = Vec::new();
    let files = files(&public(&estate, &View::default()), None);
    assert!(files.contains_key("beta/de.html") && !files.contains_key("beta/fr.html"));
    assert!(files.contains_key("alpha/fr.html") && files.contains_key("alpha/en.html"), "none named: all");
    assert!(files["fr.html"].contains("beta/de.html") && files["fr.html"].contains("alpha/fr.html"));
    assert!(!files["beta/de.html"].contains("fr.html"), "it leads to no page that is not there");
}

#[test]
fn the_list_speaks_of_those_whom_the_provider_serves() {
    let mut estate = estate();
    estate.words.tenants.insert("de".to_owned(), "Kliniken".to_owned());
    let files = files(&public(&estate, &View::default()), None);
    assert!(files["de.html"].contains("Kliniken") && !files["de.html"].contains("Kasse wählen"));
    assert!(!files["de.html"].contains("Alle Kassen"), "{}", files["de.html"]);
    assert!(
        files["en.html"].contains("All organisations"),
        "no word is given in English, and clinics are no funds"
    );
    assert!(!files["en.html"].to_lowercase().contains("fund"), "{}", files["en.html"]);
}

#[test]
fn nobody_but_a_fund_is_called_one_in_any_language() {
    let text =
        ESTATE.replacen("[site.ess]", "[words]\nset = \"hospitals\"\n[site.ess]", 1).replace("Kasse", "Haus");
    let estate = canonical::from_text(&text).unwrap();
    for (path, text) in files(&public(&estate, &cut_off_muc()), None) {
        let text = text.to_lowercase();
        for word in ["kasse", "caisse", "fund", "insured", "versichert", "assuré"] {
            assert!(!text.contains(word), "{path} says {word}");
        }
    }
}

#[test]
fn the_list_is_sorted_as_people_sort_and_says_how_each_stands() {
    let mut estate = estate();
    estate.tenants.get_mut(&id("tenant:alpha")).unwrap().name = "Öko 10".to_owned();
    estate.tenants.get_mut(&id("tenant:beta")).unwrap().name = "öko 9".to_owned();
    let list = files(&public(&estate, &cut_off_muc()), None)["en.html"].clone();
    let at = |text: &str| list.find(text).unwrap_or_else(|| panic!("{text} in {list}"));
    assert!(at("öko 9") < at("Öko 10"), "{list}");
    assert!(at("öko 9") < at("Not available") && at("Öko 10") < at("> Works<"), "{list}");
    assert_eq!(::page::form::fault(&list), None);
}

#[test]
fn the_list_exists_in_no_language_in_which_nobody_has_a_page() {
    let mut estate = estate();
    estate.tenants.values_mut().for_each(|tenant| tenant.languages = vec!["fr".to_owned()]);
    let files = files(&public(&estate, &View::default()), None);
    assert!(
        files.contains_key("fr.html") && !files.contains_key("de.html") && !files.contains_key("en.html")
    );
    assert!(files["index.html"].contains("lang=\"fr\"") && !files["index.html"].contains("de.html"));
}

#[test]
fn numbers_and_addresses_on_a_page_can_be_touched() {
    let mut beta = facts(&View::default(), "tenant:beta");
    beta.contacts = vec!["Notruf 030 23125 100".to_owned(), "<b> hilfe@kasse.example".to_owned()];
    let text = page::tenant(&beta, Language::De, None);
    assert!(text.contains("<a href=\"tel:03023125100\">030 23125 100</a>"), "{text}");
    assert!(
        text.contains("&lt;b&gt; <a href=\"mailto:hilfe@kasse.example\">hilfe@kasse.example</a>"),
        "{text}"
    );
}

fn json(files: &site::Files, path: &str) -> serde_json::Value {
    serde_json::from_str(&files[path]).unwrap()
}

#[test]
fn page_telephone_and_programs_say_the_same_of_every_state() {
    let states = [
        Standing::Works,
        Standing::Emergency,
        Standing::Diverted("by mail".to_owned()),
        Standing::NotKnown(NotKnown::Alarm),
        Standing::Down { reason: Some("flood".to_owned()) },
    ];
    let table = rows(include_str!("statuspage.rs"));
    assert_eq!(table.len(), states.len());
    for (row, state) in table.iter().zip(&states) {
        assert_eq!(row[0], state.word());
        let mut alpha = facts(&View::default(), "tenant:alpha");
        alpha.offers.truncate(1);
        alpha.offers[0].standing = state.clone();
        let files = files(&[alpha.clone()], None);
        for language in Language::ALL {
            let words = language.words();
            let (lead, advice) = (told::lead(&alpha, words), told::advice(&alpha.offers[0], words));
            let (page, text) = (
                &files[&format!("alpha/{}.html", language.tag())],
                &files[&format!("alpha/{}.txt", language.tag())],
            );
            for part in [lead, told::state(state, words), &advice, &told::next_update(&alpha, words)] {
                assert!(page.contains(part) && text.contains(part), "{part} in {page} and {text}");
            }
        }
        let summary = json(&files, "alpha/api/v2/summary.json");
        let status = json(&files, "alpha/api/v2/status.json");
        let words = Language::De.words();
        assert_eq!(summary["components"][0]["status"], row[1]);
        assert!(
            summary["components"][0]["description"].as_str().unwrap().starts_with(told::state(state, words))
        );
        assert_eq!((&summary["status"], &summary["page"]), (&status["status"], &status["page"]));
        assert_eq!(status["status"]["indicator"], row[2]);
        assert_eq!(status["status"]["description"], told::lead(&alpha, words));
        assert_eq!(json(&files, "alpha/status.json")["capabilities"][0]["standing"], row[0]);
        let incidents = &json(&files, "alpha/api/v2/incidents.json")["incidents"];
        assert_eq!(&summary["incidents"], incidents);
        assert_eq!(incidents.as_array().unwrap().is_empty(), *state == Standing::Works);
    }
}

#[test]
fn programs_are_told_nothing_good_of_a_fund_for_which_nothing_is_described() {
    let mut alpha = facts(&View::default(), "tenant:alpha");
    alpha.offers.clear();
    let files = files(&[alpha], None);
    assert_eq!(json(&files, "alpha/api/v2/status.json")["status"]["indicator"], "major");
    assert!(files["alpha/en.txt"].contains(Language::En.words().nothing_described));
}

#[test]
fn what_has_to_stand_in_the_form_of_statuspage_stands_there() {
    let files = files(&public(&estate(), &cut_off_muc()), None);
    let summary = json(&files, "beta/api/v2/summary.json");
    let holds = |value: &serde_json::Value, names: &[&str]| {
        for name in names {
            assert!(value.get(name).is_some(), "{name} is missing in {value}");
        }
    };
    holds(&summary, &["page", "status", "components", "incidents", "scheduled_maintenances"]);
    holds(&summary["page"], &["id", "name", "url", "time_zone", "updated_at"]);
    assert_eq!(summary["page"]["updated_at"], "2023-04-24T22:00:00Z");
    holds(
        &summary["components"][0],
        &[
            "id",
            "name",
            "status",
            "created_at",
            "updated_at",
            "position",
            "description",
            "showcase",
            "group_id",
            "page_id",
            "group",
            "only_show_if_degraded",
        ],
    );
    let incident = &summary["incidents"][0];
    holds(
        incident,
        &[
            "id",
            "name",
            "status",
            "created_at",
            "updated_at",
            "monitoring_at",
            "resolved_at",
            "impact",
            "shortlink",
            "started_at",
            "page_id",
            "incident_updates",
            "components",
        ],
    );
    holds(
        &incident["incident_updates"][0],
        &["id", "status", "body", "incident_id", "created_at", "updated_at", "display_at"],
    );
}

#[test]
fn what_is_read_out_is_a_line_for_each_sentence_whatever_stands_in_the_estate() {
    let mut beta = facts(&cut_off_muc(), "tenant:beta");
    let lines = files(&[beta.clone()], None)["beta/de.txt"].lines().count();
    beta.name = "Beta\n\u{202e}Alle Leistungen stehen zur Verfügung.\r\n".to_owned();
    beta.contacts = vec!["\u{1b}[2J".to_owned()];
    let text = files(&[beta], None)["beta/de.txt"].clone();
    assert_eq!(text.lines().count(), lines + 1, "only the contact is one more: {text}");
    assert!(!text.contains(['\u{202e}', '\u{1b}', '\r']), "{text}");
}

#[test]
fn a_forecast_is_said_with_its_range_and_where_there_is_none_that_is_said() {
    let now_ms = 1_682_373_600_000;
    let key = |name: &str| (id("tenant:beta"), id(&format!("capability:{name}")));
    let back = |from_h: i64, until_h: i64| Back {
        early_ms: now_ms + from_h * 3_600_000,
        late_ms: now_ms + until_h * 3_600_000,
    };
    let said = |forecasts: Forecasts| {
        let all = expected(public(&estate(), &cut_off_muc()), &forecasts, now_ms);
        let files = files(&all, None);
        assert!(!files["alpha/en.html"].contains("xpected back"), "what works is not awaited");
        files["beta/en.html"].clone()
    };
    let both = said([(key("eau"), back(1, 3)), (key("app"), back(2, 26))].into());
    assert!(both.contains("Expected back: between 2023-04-24 23:00 UTC and 2023-04-25 01:00 UTC."), "{both}");
    assert!(!both.contains("When it will be back is not known yet."));
    // A range that has ended and a range that is none are no forecasts.
    let none = said([(key("eau"), back(-3, 0)), (key("app"), back(5, 4))].into());
    assert_eq!(none.matches("When it will be back is not known yet.").count(), 2, "{none}");
    assert!(!none.contains("Expected back"));
}
