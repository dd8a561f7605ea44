//! What may be said, what may not, and where it is read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;

use super::public::{Public, public};
use super::say::{Contradiction, Refusal, TEXT_BYTES_MAX, lagging, overtaken, say};
use super::words::Language;
use super::{page, site};
use estate::{Estate, Id, canonical};
use incident::event::{BridgeEvent, ContainEvent, CutAct, Event, NoticeEvent};
use incident::memory::follow;
use incident::notice::{Audience, Claim, Statement};
use incident::view::View;

const ESTATE: &str = r#"
provider = "P"
[site.muc]
name = "M"
[service.app]
name = "app"
site = "muc"
[capability.app]
name = { de = "App", fr = "App", en = "App" }
urgency = 1
cut = { reject = "zu" }
[[capability.app.served_by]]
service = "app"
site = "muc"
[tenant.alpha]
name = "Alpha"
insured = 100
site = "muc"
[tenant.beta]
name = "Beta"
insured = 200
site = "muc"
languages = ["de"]
"#;

const NOW_MS: i64 = 1_682_373_600_000;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn estate() -> Estate {
    canonical::from_text(ESTATE).unwrap()
}

fn texts(text: &str) -> BTreeMap<String, String> {
    ["de", "fr", "en"].map(|tag| (tag.to_owned(), format!("{text} ({tag})"))).into()
}

fn statement(claim: Claim, text: &str) -> Statement {
    Statement {
        claim,
        capabilities: Vec::new(),
        tenants: Vec::new(),
        audiences: Vec::new(),
        texts: texts(text),
        as_of_entry: 0,
        basis: Vec::new(),
        next_update_ms: None,
        corrects: None,
        despite: None,
    }
}

/// A view with one entry, in which everything works.
fn works() -> View {
    let mut view = View::default();
    let account = BridgeEvent::AccountReceived { accounts: BTreeMap::new(), checkpoint: String::new() };
    follow(&mut view, &Event::Bridge(account));
    view
}

fn cut(view: &mut View) {
    let decided = ContainEvent::CutDecided {
        infected: Vec::new(),
        acts: vec![CutAct::StopService { service: id("service:app") }],
        cost_insured: 0,
        tenants: Vec::new(),
        estate_hash: String::new(),
    };
    follow(view, &Event::Contain(decided));
}

fn ask(view: &View, statement: &Statement) -> Result<NoticeEvent, Refusal> {
    say(&estate(), view, statement, NOW_MS)
}

/// Says it, and gives its entry.
fn tell(view: &mut View, statement: &Statement) -> u64 {
    let event = ask(view, statement).unwrap();
    follow(view, &Event::Notice(event));
    view.notice.said.last().unwrap().sequence
}

fn page_of(view: &View, tenant: &str, language: Language) -> String {
    let facts: Vec<Public> = public(&estate(), view);
    page::tenant(facts.iter().find(|public| public.tenant == id(tenant)).unwrap(), language, None)
}

#[test]
fn one_fact_is_entered_once_and_read_in_every_language_by_those_it_is_for() {
    let mut view = works();
    let mut only_beta = statement(Claim::News, "nur beta");
    only_beta.tenants = vec![id("tenant:beta")];
    only_beta.audiences = vec![Audience::Practice, Audience::Press];
    tell(&mut view, &only_beta);
    let mut to_all = statement(Claim::News, "an alle");
    to_all.next_update_ms = Some(NOW_MS + 3_600_000);
    tell(&mut view, &to_all);
    for language in Language::ALL {
        let alpha = page_of(&view, "tenant:alpha", language);
        assert!(alpha.contains(&format!("an alle ({})", language.tag())), "{alpha}");
        assert!(alpha.contains("2023-04-24 23:00 UTC") && !alpha.contains("nur beta"), "{alpha}");
    }
    let beta = page_of(&view, "tenant:beta", Language::De);
    assert!(beta.contains("nur beta (de)") && beta.contains("Für: Praxen, Presse."), "{beta}");
    assert!(beta.find("an alle") < beta.find("nur beta"), "the newest first");
    assert_eq!(::page::form::fault(&beta), None, "{beta}");
}

#[test]
fn nothing_is_said_while_a_language_lags_behind_that_somebody_reads() {
    let view = works();
    let mut lacks = statement(Claim::News, "x");
    lacks.texts.insert("fr".to_owned(), "  ".to_owned());
    assert_eq!(ask(&view, &lacks), Err(Refusal::Lags("fr")));
    lacks.tenants = vec![id("tenant:beta")];
    assert!(ask(&view, &lacks).is_ok(), "beta reads German only");
    lacks.texts.clear();
    assert_eq!(ask(&view, &lacks), Err(Refusal::Lags("de")));
}

#[test]
fn an_estate_in_which_a_language_is_new_cannot_be_built_until_it_is_said_in_it() {
    let mut view = works();
    let mut only_german = statement(Claim::News, "x");
    only_german.tenants = vec![id("tenant:beta")];
    only_german.texts.retain(|tag, _| tag == "de");
    let entry = tell(&mut view, &only_german);
    let mut estate = estate();
    assert!(lagging(&estate, &view).is_none());
    estate.tenants.get_mut(&id("tenant:beta")).unwrap().languages.push("en".to_owned());
    assert_eq!(
        lagging(&estate, &view).map(|(said, language)| (said.sequence, language)),
        Some((entry, Language::En))
    );
    let mut again = statement(Claim::News, "x");
    again.corrects = Some(entry);
    tell(&mut view, &again);
    assert!(lagging(&estate, &view).is_none(), "what was taken back lags no more");
}

#[test]
fn what_does_not_agree_with_the_journal_is_refused_and_said_only_with_a_reason() {
    let mut view = works();
    let down = Refusal::Contradicts(
        ["alpha", "beta"]
            .map(|name| Contradiction::Journal {
                tenant: id(&format!("tenant:{name}")),
                capability: id("capability:app"),
                standing: "works",
            })
            .into(),
    );
    assert_eq!(ask(&view, &statement(Claim::Down, "x")), Err(down));
    assert!(ask(&view, &statement(Claim::Works, "x")).is_ok());
    cut(&mut view);
    assert!(matches!(ask(&view, &statement(Claim::Works, "x")), Err(Refusal::Contradicts(_))));
    let mut with_reason = statement(Claim::Works, "x");
    with_reason.despite = Some("seen with my own eyes".to_owned());
    assert!(matches!(ask(&view, &with_reason), Ok(NoticeEvent::Said(said)) if said.as_of_entry == 1));
}

#[test]
fn nobody_says_that_no_data_has_left_while_nobody_has_assessed_it() {
    let view = works();
    let mut none = statement(Claim::NoOutflow, "x");
    assert_eq!(ask(&view, &none), Err(Refusal::NoBasis));
    none.basis = vec![9];
    assert_eq!(ask(&view, &none), Err(Refusal::NotInJournal(9)));
    none.basis = vec![0];
    assert_eq!(ask(&view, &none), Err(Refusal::Contradicts(vec![Contradiction::NotAssessed])));
    none.despite = Some("the examiners' report".to_owned());
    assert!(ask(&view, &none).is_ok());
}

#[test]
fn a_claim_against_one_that_stands_is_refused_until_it_corrects_it_and_both_are_linked() {
    let mut view = works();
    let mut outflow = statement(Claim::Outflow, "Daten fehlen");
    outflow.basis = vec![0];
    let entry = tell(&mut view, &outflow);
    let mut none = statement(Claim::NoOutflow, "doch keine");
    (none.basis, none.despite) = (vec![0], Some("report".to_owned()));
    none.despite = None;
    let refused = ask(&view, &none);
    assert!(
        matches!(&refused, Err(Refusal::Contradicts(all)) if all.iter().any(|one| matches!(one, Contradiction::Statement { sequence, .. } if *sequence == entry))),
        "{refused:?}"
    );
    (none.corrects, none.despite) = (Some(entry), Some("report".to_owned()));
    none.tenants = vec![id("tenant:alpha")];
    assert_eq!(ask(&view, &none), Err(Refusal::CorrectsFewer(entry)), "beta would keep what is wrong");
    none.tenants.clear();
    let correction = tell(&mut view, &none);
    assert_eq!(ask(&view, &none), Err(Refusal::NothingToCorrect(entry)), "once");
    let text = page_of(&view, "tenant:alpha", Language::En);
    assert!(
        text.contains(&format!("id=\"e{entry}\"")) && text.contains(&format!("href=\"#e{correction}\"")),
        "{text}"
    );
    assert!(text.contains("<s lang=\"en\">Daten fehlen (en)</s>") && text.contains("Corrected at"), "{text}");
    assert!(text.contains("Corrects what we said at"), "{text}");
}

#[test]
fn a_statement_that_events_have_overtaken_is_not_repeated() {
    let mut view = works();
    let entry = tell(&mut view, &statement(Claim::Works, "alles geht"));
    assert!(page_of(&view, "tenant:alpha", Language::De).contains("alles geht"));
    cut(&mut view);
    assert_eq!(overtaken(&estate(), &view).iter().map(|said| said.sequence).collect::<Vec<_>>(), [entry]);
    for (path, text) in site::files(&public(&estate(), &view), None) {
        assert!(!text.contains("alles geht"), "{path}");
    }
}

#[test]
fn a_promise_that_cannot_be_kept_and_what_is_not_there_are_refused() {
    let view = works();
    let mut late = statement(Claim::News, "x");
    late.next_update_ms = Some(NOW_MS);
    assert_eq!(ask(&view, &late), Err(Refusal::UpdatePassed));
    let mut nobody = statement(Claim::News, "x");
    nobody.tenants = vec![id("tenant:gamma")];
    assert_eq!(ask(&view, &nobody), Err(Refusal::NotInEstate(id("tenant:gamma"))));
    nobody.tenants = vec![id("capability:app")];
    assert_eq!(ask(&view, &nobody), Err(Refusal::NotInEstate(id("capability:app"))), "no tenant");
    let long = statement(Claim::News, &"ä".repeat(TEXT_BYTES_MAX));
    assert!(matches!(ask(&view, &long), Err(Refusal::TooLong { .. })));
}

#[test]
fn where_something_does_not_work_it_is_said_that_nobody_knows_when_there_is_news() {
    let mut view = works();
    assert!(!page_of(&view, "tenant:alpha", Language::En).contains("not known yet"));
    cut(&mut view);
    assert!(
        page_of(&view, "tenant:alpha", Language::En).contains("When there will be news is not known yet.")
    );
}

#[test]
fn hostile_text_in_a_statement_stays_text_and_many_fit() {
    let mut view = works();
    for number in 0..20 {
        tell(
            &mut view,
            &statement(Claim::News, &format!("</p><script>x({number})</script>\u{202e}'\"ü \u{1b}[2J שלום")),
        );
    }
    for (path, text) in site::files(&public(&estate(), &view), None) {
        let is_json = path.ends_with(".json");
        if is_json {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
        assert!(is_json || (!text.contains('\u{202e}') && !text.contains('\u{1b}')), "{path}");
        if path.ends_with(".html") {
            assert!(!text.contains("<script"), "{path}");
            assert_eq!(::page::form::fault(&text), None, "{path}: {text}");
        }
        if path == "alpha/en.html" {
            assert!(text.contains("x(19)") && !text.contains("x(11)"), "the newest eight");
            assert!(text.contains("not shown here: 12"), "{text}");
        }
    }
}

#[test]
fn a_second_correction_that_a_journal_holds_all_the_same_is_kept_and_marked() {
    let mut view = works();
    let entry = tell(&mut view, &statement(Claim::News, "x"));
    let mut correction = statement(Claim::News, "y");
    correction.corrects = Some(entry);
    let first = tell(&mut view, &correction);
    follow(&mut view, &Event::Notice(NoticeEvent::Said(correction)));
    assert_eq!(view.illegal.len(), 1);
    assert_eq!(view.notice.said[0].corrected_by, Some(first), "the first one counts");
    assert_eq!(view.notice.said.len(), 3);
}
