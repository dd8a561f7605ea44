//! Which part of a contact can be called or written to? Pure.
//!
//! Contacts are free text (`Hotline 0800 23125 (8-18), hilfe@kasse.example`). What is surely a number or an address becomes
//! a link; everything else stays the text it is. A date or an opening time is not one to call.

/// A piece of a contact, in its order. Together the texts are the contact, letter by letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// `to` is a whole `tel:` or `mailto:`.
    Link {
        text: &'a str,
        to: String,
    },
}

/// ITU-T E.164 allows no more.
const DIGITS_MAX: usize = 15;
/// A postal code has five.
const DIGITS_MIN: usize = 6;

/// The contact in pieces.
pub fn pieces(contact: &str) -> Vec<Piece<'_>> {
    // `115`, `112`: a short number is one if nothing else stands there.
    let is_short = (3..=6).contains(&contact.len()) && contact.bytes().all(|byte| byte.is_ascii_digit());
    if is_short {
        return vec![Piece::Link { text: contact, to: format!("tel:{contact}") }];
    }
    let mut pieces = Vec::new();
    let mut rest = contact;
    while let Some((from, until, to)) = first_link(rest) {
        if from > 0 {
            pieces.push(Piece::Text(&rest[..from]));
        }
        pieces.push(Piece::Link { text: &rest[from..until], to });
        rest = &rest[until..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn first_link(text: &str) -> Option<(usize, usize, String)> {
    let address = first_address(text);
    let number = first_number(text);
    match (address, number) {
        (Some(address), Some(number)) => Some(if number.1 <= address.0 { number } else { address }),
        (address, number) => address.or(number),
    }
}

/// The first word that is an address for mail.
fn first_address(text: &str) -> Option<(usize, usize, String)> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "@._+-".contains(letter);
    words(text, is_part).find_map(|(from, word)| {
        let trimmed = word.trim_start_matches(['.', '-', '+']);
        let from = from + word.len() - trimmed.len();
        let address = trimmed.trim_end_matches(['.', '-', '+', '_']);
        let (name, domain) = address.split_once('@')?;
        let is_label = |label: &str| !label.is_empty() && !label.contains(['@', '_', '+']);
        let is_one = !name.is_empty() && domain.contains('.') && domain.split('.').all(is_label);
        is_one.then(|| (from, from + address.len(), format!("mailto:{address}")))
    })
}

/// The first run of digits that is long enough, begins as numbers do, and is no part of a word.
fn first_number(text: &str) -> Option<(usize, usize, String)> {
    let is_part = |letter: char| letter.is_ascii_digit() || "+()/- \u{a0}\u{202f}–".contains(letter);
    words(text, is_part).find_map(|(start, run)| {
        let trimmed = run.trim_start_matches(|letter: char| !"+(0123456789".contains(letter));
        let from = start + run.len() - trimmed.len();
        // A bracket behind a number begins something else, `(8-18)`; only `+49 (0)30` has one inside.
        let brackets = trimmed.match_indices('(').map(|(at, _)| at);
        let end = brackets.filter(|at| *at > 0).find(|at| !trimmed[*at..].starts_with("(0)"));
        let trimmed = &trimmed[..end.unwrap_or(trimmed.len())];
        let trimmed = trimmed.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        let begins = trimmed.trim_start_matches('(').starts_with(['+', '0']);
        let until = from + trimmed.len();
        let follows = text[until..].chars().next();
        // `0800-KASSE`, `02.03.2026` and `08:00` go on.
        let goes_on = follows.is_some_and(|next| next.is_alphanumeric() || ":@".contains(next));
        let is_in_word = text[..from]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || ".:@_".contains(before));
        // `(0)` is dialled inside the country only.
        let national = if trimmed.starts_with('+') { trimmed.replace("(0)", "") } else { trimmed.to_owned() };
        let digits: String =
            national.chars().filter(|letter| letter.is_ascii_digit() || *letter == '+').collect();
        let count = digits.trim_start_matches('+').len();
        let is_one = begins
            && !goes_on
            && !is_in_word
            && (DIGITS_MIN..=DIGITS_MAX).contains(&count)
            && !digits.trim_start_matches('+').contains('+');
        is_one.then(|| (from, until, format!("tel:{digits}")))
    })
}

/// Runs of letters that belong together, with where they begin.
fn words(text: &str, is_part: impl Fn(char) -> bool + Copy) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let from = at + rest.find(is_part)?;
        let run = &text[from..];
        let until = from + run.find(|letter| !is_part(letter)).unwrap_or(run.len());
        at = until;
        Some((from, &text[from..until]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(contact: &str) -> Vec<String> {
        let all = pieces(contact);
        let text: String = all
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) | Piece::Link { text, .. } => *text,
            })
            .collect();
        assert_eq!(text, contact, "no letter is lost");
        all.into_iter()
            .filter_map(|piece| match piece {
                Piece::Link { to, .. } => Some(to),
                Piece::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn numbers_and_addresses_become_links() {
        assert_eq!(links("Notruf 030 23125 100"), ["tel:03023125100"]);
        assert_eq!(links("+49 (0)30 / 23125-100 (8-18 Uhr)"), ["tel:+493023125100"]);
        assert_eq!(links("(030) 231251"), ["tel:030231251"]);
        assert_eq!(links("115"), ["tel:115"]);
        assert_eq!(
            links("Krisenstab@auenrode.example, 0800 123456."),
            ["mailto:Krisenstab@auenrode.example", "tel:0800123456"]
        );
        assert_eq!(links("Mail: a.b+c@x-y.example."), ["mailto:a.b+c@x-y.example"]);
    }

    #[test]
    fn what_is_neither_stays_text() {
        for text in [
            "01067 Dresden",
            "08:00-18:00",
            "am 01.02.2026",
            "ab 2026-12-01 08:00",
            "",
            "0800-KASSE",
            "Zimmer 12",
            "a@b",
            "@x.example",
            "a@@x.example",
            "javascript:alert(1)@",
            "0123456789012345678",
            "id7 x0123456789",
            "ä@ü.example",
            "+ + + 1 + 2 + 3 + 4 + 5 + 6",
        ] {
            assert_eq!(links(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn nothing_that_could_be_more_than_a_number_or_an_address_comes_into_a_link() {
        let hostile = "x\"onclick=a@b.example?subject=<script>&bcc=all@c.example 0800 123456;isub=1\u{202e}";
        for link in links(hostile) {
            let rest = link.trim_start_matches("mailto:").trim_start_matches("tel:");
            assert!(
                rest.chars().all(|letter| letter.is_ascii_alphanumeric() || "@.+-_".contains(letter)),
                "{link}"
            );
        }
    }
}
