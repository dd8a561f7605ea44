//! The pages as text. Pure: the same facts give the same bytes.
//!
//! HTML by hand, because a page is one table: everything that comes from outside goes through `escape`. Meant for
//! WCAG 2.2 AA: language and landmarks are marked, a state is a word and a sign and never only a colour, contrast is
//! above 7:1, the table becomes a list on a phone, and it prints.

use std::fmt::Write;

use super::public::{Offer, Public};
use super::words::{Language, Words};
use incident::standing::Standing;

const STYLE: &str = "\
:root{color-scheme:light}body{font:1.05rem/1.5 system-ui,sans-serif;margin:0;color:#1a1a1a;background:#fff}\
header,main,footer,nav{max-width:46rem;margin:0 auto;padding:.8rem 1rem}header{border-top:.5rem solid var(--c,#234)}\
h1{font-size:1.5rem;margin:.2rem 0}nav a{margin-right:1rem}a{color:#0b3d91}a:focus{outline:3px solid #0b3d91}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.6rem .5rem;\
border-bottom:1px solid #999}.s{white-space:nowrap;font-weight:700}.lead{font-size:1.15rem}\
footer{font-size:.9rem;color:#333;overflow-wrap:anywhere}\
@media(max-width:34rem){thead{position:absolute;left:-99rem}tr{display:block;padding:.6rem 0;border-bottom:1px solid #999}\
th,td{display:block;border:0;padding:.15rem 0}}@media print{nav{display:none}}";

/// The page of one tenant. `root` is the hash of the journal it was made from, if there is a checkpoint.
pub fn tenant(public: &Public, language: Language, root: Option<&str>) -> String {
    let words = language.words();
    let mut rows = String::new();
    for offer in &public.offers {
        row(&mut rows, offer, language, words);
    }
    let held =
        public.held.map_or_else(String::new, |held| paragraph(&fill(words.held, &[&held.to_string()])));
    let contacts = if public.contacts.is_empty() {
        String::new()
    } else {
        let lines: Vec<String> = public.contacts.iter().map(|contact| escape(contact)).collect();
        format!("<h2>{}</h2><p>{}</p>\n", words.contact, lines.join("<br>"))
    };
    let body = format!(
        "<p class=\"lead\">{lead}</p>\n<table>\n<thead><tr><th scope=\"col\">{offer}</th><th scope=\"col\">{state}</th>\
         <th scope=\"col\">{now}</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n{held}{contacts}",
        lead = lead(public, words),
        offer = words.offer,
        state = words.state,
        now = words.now,
    );
    let others: Vec<Language> = public.languages.clone();
    let colour = public.colour.as_deref().filter(|colour| is_colour(colour));
    page(
        &public.name,
        language,
        &others,
        "",
        &body,
        &foot(public.as_of_ms, public.entry, words, root),
        colour,
    )
}

/// The list of all tenants.
pub fn index(all: &[Public], language: Language, root: Option<&str>) -> String {
    let words = language.words();
    let mut list = String::new();
    for public in all {
        let tag = language.tag();
        let _ = writeln!(
            list,
            "<li><a href=\"{}/{tag}.html\">{}</a></li>",
            public.tenant.name(),
            escape(&public.name)
        );
    }
    let body = format!("{}<ul>\n{list}</ul>\n", paragraph(words.choose));
    let (as_of_ms, entry) = all.first().map_or((0, 0), |public| (public.as_of_ms, public.entry));
    page(words.all_funds, language, &Language::ALL, "", &body, &foot(as_of_ms, entry, words, root), None)
}

fn lead(public: &Public, words: &Words) -> &'static str {
    let worst = public.offers.iter().map(|offer| &offer.standing).max();
    match worst {
        None | Some(Standing::Works) => words.all_works,
        Some(Standing::Emergency) => words.some_emergency,
        Some(Standing::Diverted(_) | Standing::Down { .. }) => words.some_down,
    }
}

fn row(rows: &mut String, offer: &Offer, language: Language, words: &Words) {
    let (sign, state, word, advice) = match &offer.standing {
        Standing::Works => ("✔", "works", words.works, words.do_works.to_owned()),
        Standing::Emergency => ("◐", "emergency", words.emergency, words.do_emergency.to_owned()),
        Standing::Diverted(to) => ("➜", "diverted", words.diverted, fill(words.do_diverted, &[to])),
        Standing::Down { reason } => {
            ("✘", "down", words.down, fill(words.do_down, &[reason.as_deref().unwrap_or("")]))
        }
    };
    let name = match language {
        Language::De => Some(&offer.name.de),
        Language::Fr => offer.name.fr.as_ref(),
        Language::En => offer.name.en.as_ref(),
    };
    let name = match name {
        Some(name) => escape(name),
        None => format!("<span lang=\"de\">{}</span> ({})", escape(&offer.name.de), words.only_german),
    };
    let _ = writeln!(
        rows,
        "<tr data-capability=\"{}\" data-standing=\"{state}\"><th scope=\"row\">{name}</th>\
         <td class=\"s\"><span aria-hidden=\"true\">{sign}</span> {word}</td><td>{}</td></tr>",
        offer.capability.name(),
        escape(advice.trim_end()),
    );
}

fn foot(as_of_ms: i64, entry: u64, words: &Words, root: Option<&str>) -> String {
    let time = jiff::Timestamp::from_millisecond(as_of_ms)
        .map_or_else(|_| as_of_ms.to_string(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let proof = root.map_or_else(String::new, |root| paragraph(&format!("{}: {root}", words.proof)));
    format!(
        "{}{}{proof}",
        paragraph(&fill(words.as_of, &[&time, &entry.to_string()])),
        paragraph(words.how_current)
    )
}

fn page(
    name: &str,
    language: Language,
    others: &[Language],
    folder: &str,
    body: &str,
    foot: &str,
    colour: Option<&str>,
) -> String {
    let words = language.words();
    let mut links = String::new();
    for other in others {
        let (tag, label) = (other.tag(), other.words().language);
        let current = if *other == language { " aria-current=\"page\"" } else { "" };
        let _ = write!(
            links,
            "<a href=\"{folder}{tag}.html\" lang=\"{tag}\" hreflang=\"{tag}\"{current}>{label}</a>"
        );
    }
    let colour = colour.map_or_else(String::new, |colour| format!(" style=\"--c:{colour}\""));
    format!(
        "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{name}: {title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header{colour}><h1>{name}</h1><p>{title}</p></header>\n\
         <nav aria-label=\"{language}\">{links}</nav>\n<main>\n{body}</main>\n<footer>\n{foot}</footer>\n</body>\n</html>\n",
        tag = language.tag(),
        name = escape(name),
        title = words.title,
        language = words.language,
    )
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// Puts the values, in order, where the `{}` are.
fn fill(sentence: &str, values: &[&str]) -> String {
    let mut pieces = sentence.split("{}");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for (piece, value) in pieces.zip(values.iter().chain(std::iter::repeat(&""))) {
        filled.push_str(value);
        filled.push_str(piece);
    }
    filled
}

/// `#rgb` or `#rrggbb`; anything else could be more than a colour.
fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Text for HTML, in elements and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
