//! The pages as text. Pure: the same facts give the same bytes.
//!
//! How they are written stands in `templates/`; this says what. Meant for WCAG 2.2 AA: language and landmarks are marked,
//! a state is a word and a sign and never only a colour, the table becomes a list on a phone, and it prints.

use ::page::words::{self as numbers, State};
use ::page::{Colour, Html, Page, Style, filled, filters};
use askama::Template;

use super::contact::{Piece, pieces};
use super::order;
use super::public::{Offer, Public, PublicStatement};
use super::told::{self, TOLD_MAX, as_of, capitalised, fill, lead, next_update};
use super::words::{Language, Words};
use incident::standing::Standing;

#[derive(Template)]
#[template(path = "tenant.html")]
struct TenantSheet<'a> {
    frame: Frame<'a>,
    lead: &'static str,
    words: &'static Words,
    rows: Vec<Row<'a>>,
    /// What the bridge holds, in words.
    held: Option<String>,
    contacts: Vec<Vec<Piece<'a>>>,
    next_update: String,
    told: Vec<Statement<'a>>,
    /// How many more were made, in words.
    older: Option<String>,
}

/// What was said.
struct Statement<'a> {
    entry: u64,
    /// When, and as known when.
    when: String,
    /// For whom, if not for all.
    to: Option<String>,
    language: &'a str,
    text: &'a str,
    /// What it takes back, and what took it back: entry and words.
    corrects: Option<(u64, String)>,
    corrected: Option<(u64, String)>,
}

#[derive(Template)]
#[template(path = "index.html")]
struct IndexSheet<'a> {
    frame: Frame<'a>,
    choose: String,
    words: &'static Words,
    tenants: Vec<Entry<'a>>,
}

/// A tenant in the list.
struct Entry<'a> {
    folder: &'a str,
    name: &'a str,
    /// The language of the page that is led to.
    tag: &'static str,
    state: State,
    word: &'static str,
}

/// What stands above and below every page.
struct Frame<'a> {
    name: &'a str,
    words: &'static Words,
    colour: Option<Colour>,
    links: Vec<Link>,
    as_of: String,
    root: Option<Html>,
}

struct Link {
    tag: &'static str,
    label: &'static str,
    is_this: bool,
}

struct Row<'a> {
    capability: &'a str,
    standing: &'static str,
    name: &'a str,
    /// It has no name in the page's language.
    only_german: bool,
    state: State,
    word: &'static str,
    advice: String,
}

/// The page of one tenant. `root` is the hash of the journal it was made from, if there is a checkpoint.
pub fn tenant(public: &Public, language: Language, root: Option<&str>) -> String {
    let words = language.words();
    let older = public.told.len().saturating_sub(TOLD_MAX);
    let held = public.held.map(|held| fill(words.held, &[&numbers::number(held)]));
    let sheet = TenantSheet {
        frame: Frame {
            name: &public.name,
            words,
            colour: public.colour.as_deref().and_then(Colour::read),
            links: links(language, &public.languages),
            as_of: as_of(public.as_of_ms, public.entry, words),
            root: root.map(numbers::hash),
        },
        lead: lead(public, words),
        words,
        rows: public.offers.iter().map(|offer| row(offer, language)).collect(),
        held,
        contacts: public.contacts.iter().map(|contact| pieces(contact)).collect(),
        next_update: next_update(public, words),
        told: public.told.iter().take(TOLD_MAX).map(|told| statement(told, public, language)).collect(),
        older: (older > 0).then(|| fill(words.older, &[&older.to_string()])),
    };
    written(&public.name, language, &filled(&sheet))
}

fn statement<'a>(told: &'a PublicStatement, public: &Public, language: Language) -> Statement<'a> {
    let words = language.words();
    let (tag, text) = told::text(told, language);
    let at = |sentence: &str, when: &Option<(u64, i64)>| {
        when.map(|(entry, ms)| (entry, fill(sentence, &[&numbers::utc(ms)])))
    };
    Statement {
        entry: told.entry,
        when: fill(words.said_at, &[&numbers::utc(told.time_ms), &told.as_of_entry.to_string()]),
        to: told::to(told, public, language),
        language: tag,
        text,
        corrects: at(words.corrects, &told.corrects),
        corrected: at(words.corrected, &told.corrected),
    }
}

/// The list of all tenants, as people look for them.
pub fn index(all: &[Public], language: Language, root: Option<&str>) -> String {
    let words = language.words();
    let (name, choose) = whom(all, language);
    let (as_of_ms, entry) = all.first().map_or((0, 0), |public| (public.as_of_ms, public.entry));
    let mut sorted: Vec<&Public> = all.iter().collect();
    sorted.sort_by_cached_key(|public| order::key(&public.name));
    let sheet = IndexSheet {
        frame: Frame {
            name: &name,
            words,
            colour: None,
            links: links(language, &languages(all)),
            as_of: as_of(as_of_ms, entry, words),
            root: root.map(numbers::hash),
        },
        choose,
        words,
        tenants: sorted.into_iter().map(|public| listed(public, language)).collect(),
    };
    written(&name, language, &filled(&sheet))
}

/// The languages in which somebody has a page, in the order in which they are always offered.
pub fn languages(all: &[Public]) -> Vec<Language> {
    let has = |language: &Language| all.iter().any(|public| public.languages.contains(language));
    let languages: Vec<Language> = Language::ALL.into_iter().filter(has).collect();
    if languages.is_empty() { Language::ALL.to_vec() } else { languages }
}

/// What the list is called, and what is asked for. A provider that has words of its own for its tenants is not one of
/// funds: in a language in which it has none, nobody is called a fund.
fn whom(all: &[Public], language: Language) -> (String, String) {
    let words = language.words();
    let called = all.first().map(|public| &public.called);
    match called.and_then(|called| called.tenants_in(language.tag())) {
        Some(own) => (capitalised(own), format!("{}:", capitalised(own))),
        None if called.is_none_or(estate::words::Words::is_usual) => {
            (words.all_funds.to_owned(), words.choose.to_owned())
        }
        None => (words.all_organisations.to_owned(), words.choose_organisation.to_owned()),
    }
}

/// Leads to the page in this language; a tenant without one is led to in its own first.
fn listed(public: &Public, language: Language) -> Entry<'_> {
    let words = language.words();
    let has = public.languages.contains(&language);
    let to = if has { language } else { public.languages.first().copied().unwrap_or(language) };
    let worst = public.offers.iter().map(|offer| &offer.standing).max();
    let (state, word) = worst.map_or((State::Unknown, words.not_known), |standing| shown(standing, words));
    Entry { folder: public.tenant.name(), name: &public.name, tag: to.tag(), state, word }
}

fn written(name: &str, language: Language, body: &Html) -> String {
    let title = format!("{name}: {}", language.words().title);
    Page { language: language.tag(), title: &title, style: Style::Text, body }.written()
}

fn links(language: Language, all: &[Language]) -> Vec<Link> {
    let link = |other: &Language| Link {
        tag: other.tag(),
        label: other.words().language,
        is_this: *other == language,
    };
    all.iter().map(link).collect()
}

fn row(offer: &Offer, language: Language) -> Row<'_> {
    let words = language.words();
    let (state, word) = shown(&offer.standing, words);
    let (name, is_own) = told::name(offer, language);
    Row {
        capability: offer.capability.name(),
        standing: offer.standing.word(),
        name,
        only_german: !is_own,
        state,
        word,
        advice: told::advice(offer, words),
    }
}

fn shown(standing: &Standing, words: &Words) -> (State, &'static str) {
    let state = match standing {
        Standing::Works => State::Good,
        Standing::Emergency | Standing::Diverted(_) => State::Otherwise,
        Standing::NotKnown(_) => State::Unknown,
        Standing::Down { .. } => State::Bad,
    };
    (state, told::state(standing, words))
}
