//! What does somebody read out: at a telephone, on an announcement tape, over a loudspeaker? Pure.
//!
//! Plain text, a sentence a line, the most important first, so that whoever has to stop has said what matters.

use super::public::Public;
use super::told;
use super::words::Language;
use message::harmless;

/// The text for one tenant.
pub fn spoken(public: &Public, language: Language) -> String {
    let words = language.words();
    let mut lines =
        vec![format!("{}. {}", public.name, told::lead(public, words)), told::next_update(public, words)];
    for told in public.told.iter().filter(|told| told.corrected.is_none()).take(told::TOLD_MAX) {
        let (_, text) = told::text(told, language);
        let to = told::to(told, public, language).map_or_else(String::new, |to| format!("{to}. "));
        lines.push(format!("{to}{text}"));
    }
    for offer in &public.offers {
        let (name, is_own) = told::name(offer, language);
        let only = if is_own { String::new() } else { format!(" ({})", words.only_german) };
        let (state, advice) = (told::state(&offer.standing, words), told::advice(offer, words));
        lines.push(format!("{name}{only}: {state}. {advice}"));
    }
    if !public.contacts.is_empty() {
        lines.push(format!("{}: {}", words.contact, public.contacts.join("; ")));
    }
    lines.push(told::as_of(public.as_of_ms, public.entry, words));
    // One line is one sentence of ours: no text of others begins a new one.
    let lines = lines.iter().filter(|line| !line.is_empty());
    lines.map(|line| harmless(&line.split_whitespace().collect::<Vec<_>>().join(" ")) + "\n").collect()
}
