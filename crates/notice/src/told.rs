//! What is told of one tenant in one language, in words, whatever it is written into? Pure.
//!
//! The page, the feed, the text for a telephone and the files for programs are written from this, so that none can say
//! what the others do not.

use ::page::words as numbers;
use incident::notice::Audience;
use incident::standing::Standing;

use super::public::{Offer, Public, PublicStatement};
use super::words::{Language, Words};

/// Statements in one place: whoever wants all has the ledger.
pub const TOLD_MAX: usize = 8;

/// The worst decides.
pub fn lead(public: &Public, words: &Words) -> &'static str {
    match public.offers.iter().map(|offer| &offer.standing).max() {
        None => words.nothing_described,
        Some(Standing::Works) => words.all_works,
        Some(Standing::Emergency) => words.some_emergency,
        Some(Standing::NotKnown(_)) => words.some_not_known,
        Some(Standing::Diverted(_) | Standing::Down { .. }) => words.some_down,
    }
}

/// Empty where nothing was announced and all works: nobody waits for news of nothing.
pub fn next_update(public: &Public, words: &Words) -> String {
    let all_works = public.offers.iter().all(|offer| offer.standing == Standing::Works);
    match public.next_update_ms {
        Some(next_ms) => fill(words.next_update, &[&numbers::utc(next_ms)]),
        None if all_works && public.told.is_empty() => String::new(),
        None => words.next_update_not_known.to_owned(),
    }
}

/// What the tenant calls it, and whether that is in the language.
pub fn name(offer: &Offer, language: Language) -> (&str, bool) {
    let name = match language {
        Language::De => Some(&offer.name.de),
        Language::Fr => offer.name.fr.as_ref(),
        Language::En => offer.name.en.as_ref(),
    };
    (name.unwrap_or(&offer.name.de), name.is_some())
}

pub fn state(standing: &Standing, words: &Words) -> &'static str {
    match standing {
        Standing::Works => words.works,
        Standing::Emergency => words.emergency,
        Standing::Diverted(_) => words.diverted,
        Standing::NotKnown(_) => words.not_known,
        Standing::Down { .. } => words.down,
    }
}

/// What people can do now, and when it is expected back.
pub fn advice(offer: &Offer, words: &Words) -> String {
    let advice = match &offer.standing {
        Standing::Works => words.do_works.to_owned(),
        Standing::Emergency => words.do_emergency.to_owned(),
        Standing::Diverted(to) => fill(words.do_diverted, &[to]),
        // Why is nothing for the public: it would say what was attacked.
        Standing::NotKnown(_) => words.do_not_known.to_owned(),
        Standing::Down { reason } => fill(words.do_down, &[reason.as_deref().unwrap_or("")]),
    };
    format!("{} {}", advice.trim_end(), back(offer, words)).trim_end().to_owned()
}

/// Of what works, or may work, nobody says when it is back.
fn back(offer: &Offer, words: &Words) -> String {
    match (&offer.standing, offer.back) {
        (Standing::Works | Standing::NotKnown(_), _) => String::new(),
        (Standing::Emergency | Standing::Diverted(_) | Standing::Down { .. }, Some(back)) => {
            fill(words.back, &[&numbers::utc(back.early_ms), &numbers::utc(back.late_ms)])
        }
        (Standing::Emergency | Standing::Diverted(_) | Standing::Down { .. }, None) => {
            words.back_not_known.to_owned()
        }
    }
}

/// Language tag and text. No page is built while a language lags behind; should one ever be, it says in which language
/// it speaks.
pub fn text(told: &PublicStatement, language: Language) -> (&str, &str) {
    let own = told.texts.get_key_value(language.tag());
    own.or_else(|| told.texts.first_key_value()).map_or(("", ""), |(tag, text)| (tag, text))
}

/// A statement that was taken back says so before it says anything else.
pub fn said(told: &PublicStatement, public: &Public, language: Language) -> String {
    let words = language.words();
    let at =
        |sentence: &str, when: Option<(u64, i64)>| when.map(|(_, ms)| fill(sentence, &[&numbers::utc(ms)]));
    let corrected = at(words.corrected, told.corrected);
    let corrects = at(words.corrects, told.corrects);
    let whom = to(told, public, language);
    let mut parts: Vec<String> =
        [corrected, whom, corrects].into_iter().flatten().map(|part| part + ".").collect();
    parts.push(text(told, language).1.to_owned());
    parts.join(" ")
}

/// For whom it is; `None`: for all.
pub fn to(told: &PublicStatement, public: &Public, language: Language) -> Option<String> {
    let audiences: Vec<String> =
        told.audiences.iter().map(|audience| called(*audience, public, language)).collect();
    (!audiences.is_empty()).then(|| fill(language.words().said_to, &[&audiences.join(", ")]))
}

/// An audience in words; the people of a tenant are called what the estate calls them.
fn called(audience: Audience, public: &Public, language: Language) -> String {
    let [insured, practice, pharmacy, hospital, employer, press] = language.words().audiences;
    let word = match audience {
        Audience::Insured => public.called.people_in(language.tag()).unwrap_or(insured),
        Audience::Practice => practice,
        Audience::Pharmacy => pharmacy,
        Audience::Hospital => hospital,
        Audience::Employer => employer,
        Audience::Press => press,
    };
    capitalised(word)
}

pub fn as_of(as_of_ms: i64, entry: u64, words: &Words) -> String {
    fill(words.as_of, &[&numbers::utc(as_of_ms), &entry.to_string()])
}

pub fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Puts the values, in order, where the `{}` are.
pub fn fill(sentence: &str, values: &[&str]) -> String {
    let mut pieces = sentence.split("{}");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for (piece, value) in pieces.zip(values.iter().chain(std::iter::repeat(&""))) {
        filled.push_str(value);
        filled.push_str(piece);
    }
    filled
}
