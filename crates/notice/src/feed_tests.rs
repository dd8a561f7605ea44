//! The feed and the warning hold what their forms ask for, in its order, and say what the page says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;

use super::public::{Offer, Public, PublicStatement};
use super::words::Language;
use super::{feed, page, told};
use estate::model::Translated;
use incident::notice::Audience;
use incident::standing::{NotKnown, Standing};

const HOSTILE: &str = "]]></content><script>\u{fffe}\u{ffff}\u{1b}\u{202e} & ' \" ü";

fn facts(standing: Standing, text: &str) -> Public {
    let name =
        Translated { de: format!("App {text}"), fr: Some("App".to_owned()), en: Some("App".to_owned()) };
    Public {
        tenant: "tenant:alpha".parse().unwrap(),
        called: estate::words::Words::default(),
        name: format!("Alpha {text}"),
        colour: None,
        contacts: vec![format!("030 231251 {text}")],
        languages: Language::ALL.to_vec(),
        offers: vec![Offer { capability: "capability:app".parse().unwrap(), name, standing, back: None }],
        held: None,
        told: vec![PublicStatement {
            entry: 4,
            time_ms: 1_682_373_600_000,
            as_of_entry: 3,
            audiences: vec![Audience::Press],
            texts: ["de", "fr", "en"].map(|tag| (tag.to_owned(), format!("said {tag} {text}"))).into(),
            corrects: None,
            corrected: None,
        }],
        next_update_ms: None,
        as_of_ms: 1_682_377_200_000,
        entry: 5,
    }
}

/// The elements in their order, each with the text directly in it. Panics on what is not closed in its turn and on what no
/// XML may hold.
fn elements(xml: &str) -> Vec<(String, String)> {
    let legal =
        |letter: char| matches!(letter, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(legal), "{xml}");
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap();
    let (mut found, mut open) = (Vec::<(String, String)>::new(), Vec::new());
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>') && text.split('&').skip(1).all(|entity| entity.contains(';')), "{text}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{xml}");
        } else {
            let name = tag.split(' ').next().unwrap().to_owned();
            open.push(name.clone());
            found.push((name, text.trim().to_owned()));
        }
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

fn texts<'e>(elements: &'e [(String, String)], name: &str) -> Vec<&'e str> {
    elements.iter().filter(|(found, _)| found == name).map(|(_, text)| text.as_str()).collect()
}

#[test]
fn the_feed_has_an_entry_for_how_it_stands_and_one_for_each_statement_under_names_that_stay() {
    let alpha = facts(Standing::Down { reason: None }, "x");
    for language in Language::ALL {
        let all = elements(&feed::atom(&alpha, language));
        assert_eq!(
            texts(&all, "updated"),
            ["2023-04-24T23:00:00Z", "2023-04-24T23:00:00Z", "2023-04-24T22:00:00Z"]
        );
        let (said, page) = (texts(&all, "content"), page::tenant(&alpha, language, None));
        assert!(said[0].starts_with(told::lead(&alpha, language.words())), "{said:?}");
        assert!(
            said[1].contains(&format!("said {} x", language.tag())) && page.contains("x</p>"),
            "{said:?}"
        );
        let ids = texts(&all, "id");
        assert!(ids.iter().all(|id| id.len() == 45 && id.starts_with("urn:uuid:")), "{ids:?}");
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "each its own");
        let mut later = alpha.clone();
        (later.entry, later.as_of_ms) = (9, later.as_of_ms + 1);
        let later = elements(&feed::atom(&later, language));
        assert_eq!(texts(&later, "id")[2], ids[2], "a statement is not read twice");
        assert_ne!(texts(&later, "id")[1], ids[1], "how it stands now is news");
    }
}

/// CAP 1.2, section 3.2: what an alert and an info hold, in this order.
const INFO: [&str; 13] = [
    "info",
    "language",
    "category",
    "event",
    "urgency",
    "severity",
    "certainty",
    "senderName",
    "headline",
    "description",
    "instruction",
    "contact",
    "area",
];

#[test]
fn the_warning_holds_what_its_form_asks_for_in_its_order_for_each_language() {
    let alert = feed::cap(&facts(Standing::Down { reason: None }, "x")).unwrap();
    let all = elements(&alert);
    let names: Vec<&str> =
        all.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "areaDesc").collect();
    let mut wanted = vec!["alert", "identifier", "sender", "sent", "status", "msgType", "scope"];
    wanted.extend([INFO, INFO, INFO].concat());
    assert_eq!(names, wanted);
    assert_eq!(texts(&all, "sent"), ["2023-04-24T23:00:00-00:00"]);
    assert_eq!(texts(&all, "language"), ["de", "fr", "en"]);
    assert!(!texts(&all, "identifier")[0].contains([' ', ',']));
    assert!(alert.contains("xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\""));
    for (text, language) in texts(&all, "description").iter().zip(Language::ALL) {
        assert!(
            text.contains(&format!("said {} x", language.tag())) && text.contains(language.words().down),
            "{text}"
        );
    }
}

#[test]
fn a_warning_knows_how_sure_it_is_and_is_none_where_nothing_is_to_be_warned_of() {
    let sure = |standing| {
        let all = elements(&feed::cap(&facts(standing, "x")).unwrap());
        ["urgency", "severity", "certainty"].map(|name| texts(&all, name)[0].to_owned())
    };
    assert_eq!(sure(Standing::NotKnown(NotKnown::Alarm)), ["Unknown", "Unknown", "Unknown"]);
    assert_eq!(sure(Standing::Down { reason: None }), ["Expected", "Moderate", "Observed"]);
    let mut quiet = facts(Standing::Works, "x");
    quiet.told.clear();
    assert_eq!(feed::cap(&quiet), None);
    quiet.offers.clear();
    assert!(feed::cap(&quiet).unwrap().contains("<certainty>Unknown<"), "nothing described: nothing known");
}

#[test]
fn hostile_text_stays_text_in_both() {
    let hostile = facts(Standing::Diverted(HOSTILE.to_owned()), HOSTILE);
    let (mut all, mut count) = (BTreeMap::new(), BTreeMap::new());
    for (which, text) in [("x", "x"), ("hostile", HOSTILE)] {
        let facts =
            if which == "x" { facts(Standing::Diverted("x".to_owned()), text) } else { hostile.clone() };
        let xml = feed::atom(&facts, Language::De) + "\n";
        count.insert(which, (elements(xml.trim_end()).len(), elements(&feed::cap(&facts).unwrap()).len()));
        all.insert(which, xml);
    }
    assert_eq!(count["x"], count["hostile"], "no element comes in: {}", all["hostile"]);
}
