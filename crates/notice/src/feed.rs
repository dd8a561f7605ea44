//! What do feed readers and warning systems read? Pure.
//!
//! `FUND/de.atom` (RFC 4287): an entry for how things stand and one for each statement, the newest first. `FUND/cap.xml` (OASIS
//! CAP 1.2): one alert with an `info` for each language, there as long as something does not work or was announced, so
//! that an authority can take it over. Both say what the page says, in its words.

use askama::Template;
use sha2::{Digest, Sha256};

use ::page::words as numbers;
use incident::standing::Standing;

use super::public::Public;
use super::told;
use super::words::Language;

#[derive(Template)]
#[template(path = "atom.xml")]
struct Atom {
    language: &'static str,
    id: String,
    title: String,
    updated: String,
    entries: Vec<Entry>,
}

struct Entry {
    id: String,
    title: String,
    at: String,
    text: String,
}

/// The feed of one tenant in one language.
pub fn atom(public: &Public, language: Language) -> String {
    let words = language.words();
    let name = legal(&public.name);
    let now = format!("{} {}", told::lead(public, words), told::next_update(public, words));
    let mut entries = vec![Entry {
        id: urn(public, language, &format!("state {}", public.entry)),
        title: words.title.to_owned(),
        at: rfc3339(public.as_of_ms),
        text: now.trim_end().to_owned(),
    }];
    entries.extend(public.told.iter().take(told::TOLD_MAX).map(|told| Entry {
        id: urn(public, language, &format!("said {} {}", told.entry, told.time_ms)),
        title: words.said.to_owned(),
        at: rfc3339(told.time_ms),
        text: legal(&told::said(told, public, language)),
    }));
    let title = format!("{name}: {}", words.title);
    let id = urn(public, language, "feed");
    let sheet = Atom { language: language.tag(), id, title, updated: rfc3339(public.as_of_ms), entries };
    page::filled(&sheet).as_str().to_owned() + "\n"
}

/// The same for the same thing for ever, and for nothing else: a reader shows an entry once.
fn urn(public: &Public, language: Language, what: &str) -> String {
    let hash = Sha256::digest(format!("{} {} {what}", public.tenant, language.tag()));
    let hash = estate::hex(&hash);
    // Version 8 of RFC 9562: what the other digits are made of is ours to say.
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        &hash[..8],
        &hash[8..12],
        &hash[12..15],
        &hash[15..18],
        &hash[18..30]
    )
}

#[derive(Template)]
#[template(path = "cap.xml")]
struct Cap<'a> {
    identifier: String,
    sender: &'a str,
    sent: String,
    infos: Vec<Info>,
}

struct Info {
    language: &'static str,
    event: &'static str,
    urgency: &'static str,
    severity: &'static str,
    certainty: &'static str,
    sender_name: String,
    headline: String,
    description: String,
    instruction: String,
    contact: String,
}

/// The alert; `None`: all works and nothing was announced.
pub fn cap(public: &Public) -> Option<String> {
    let worst = public.offers.iter().map(|offer| &offer.standing).max();
    if worst == Some(&Standing::Works) && public.told.is_empty() {
        return None;
    }
    // CAP has a word for what is not known, and this is where it is used.
    let (urgency, severity, certainty) = match worst {
        Some(Standing::Works | Standing::Emergency) => ("Expected", "Minor", "Observed"),
        Some(Standing::Diverted(_) | Standing::Down { .. }) => ("Expected", "Moderate", "Observed"),
        Some(Standing::NotKnown(_)) | None => ("Unknown", "Unknown", "Unknown"),
    };
    let info = |language: &Language| {
        let words = language.words();
        let standing: Vec<_> =
            public.offers.iter().filter(|offer| offer.standing != Standing::Works).collect();
        let name = |offer| told::name(offer, *language).0;
        let mut lines = vec![told::next_update(public, words)];
        lines.extend(
            standing.iter().map(|offer| format!("{}: {}.", name(offer), told::state(&offer.standing, words))),
        );
        lines.extend(public.told.iter().take(told::TOLD_MAX).map(|told| told::said(told, public, *language)));
        lines.push(told::as_of(public.as_of_ms, public.entry, words));
        let advice = standing.iter().map(|offer| format!("{}: {}", name(offer), told::advice(offer, words)));
        Info {
            language: language.tag(),
            event: words.title,
            urgency,
            severity,
            certainty,
            sender_name: legal(&public.name),
            headline: told::lead(public, words).to_owned(),
            description: legal(lines.join("\n").trim()),
            instruction: legal(&advice.collect::<Vec<_>>().join("\n")),
            contact: legal(&public.contacts.join("; ")),
        }
    };
    let sheet = Cap {
        identifier: format!("{}-{}-{}", public.tenant.name(), public.entry, public.as_of_ms),
        sender: public.tenant.name(),
        // CAP 1.2 does not allow `Z`.
        sent: rfc3339(public.as_of_ms).replace('Z', "-00:00"),
        infos: public.languages.iter().map(info).collect(),
    };
    Some(page::filled(&sheet).as_str().to_owned() + "\n")
}

/// XML has no way to write these two.
fn legal(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn rfc3339(ms: i64) -> String {
    numbers::utc(ms).replace(" UTC", ":00Z").replace(' ', "T")
}
