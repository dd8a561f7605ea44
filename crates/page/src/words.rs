//! How numbers, times, durations, shares, states and marks of identity are written, on pages and in terminals.
//!
//! Thousands stand apart by a space, because a comma is a decimal sign to half of our readers and a point to the other
//! half. In text for a terminal it is an ordinary space; on a page a narrow one that does not break: [`unbroken`].

use askama::Template;

use crate::{Html, filled};

const NARROW: char = '\u{202f}';

/// `25 000 000`, for a terminal and for paper in fixed columns.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// The same text with spaces at which no line is broken: for numbers, times and what belongs to them.
pub fn unbroken(text: &str) -> String {
    text.replace(' ', &NARROW.to_string())
}

/// `25 000 000`, for a page.
pub fn number(number: impl Into<u128>) -> String {
    unbroken(&grouped(number.into()))
}

/// `1 file`, `2 files`, `2 000 files`.
pub fn counted(count: impl Into<u128>, one: &str, many: &str) -> String {
    let count = count.into();
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// `12.3 %` of thousandths.
pub fn percent(thousandths: impl Into<u128>) -> String {
    let thousandths = thousandths.into();
    format!("{}.{} %", grouped(thousandths / 10), thousandths % 10)
}

/// Thousandths of the whole; of nothing everything.
pub fn share(part: u128, whole: u128) -> u128 {
    part.saturating_mul(1000).checked_div(whole).unwrap_or(1000)
}

/// Cut in the middle to so many letters: names often differ at their end.
pub fn shortened(name: &str, letters_max: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= letters_max {
        return name.to_owned();
    }
    let (left, right) = (letters_max / 2, letters_max.saturating_sub(letters_max / 2 + 1));
    letters[..left].iter().chain(&['…']).chain(&letters[letters.len() - right..]).collect()
}

/// A duration: `12:34:56`; from one hundred hours on `4 d 04:00:00`.
pub fn clock(seconds: u64) -> String {
    let hours = seconds / 3600;
    let rest = format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    if hours < 100 { format!("{hours}:{rest}") } else { format!("{} d {:02}:{rest}", hours / 24, hours % 24) }
}

/// `1:30`, hours and minutes; below an hour `0:05:30` if there are seconds.
pub fn short_clock(seconds: u64) -> String {
    let whole = clock(seconds);
    if seconds >= 3600 || seconds.is_multiple_of(60) {
        whole.strip_suffix(":00").map_or(whole.clone(), str::to_owned)
    } else {
        whole
    }
}

/// Hours with one digit after the point, thousands apart.
pub fn hours(seconds: u64) -> String {
    let tenths = u128::from(seconds) * 10 / 3600;
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

/// Measured seconds: `0.5 s`.
pub fn seconds(seconds: f64) -> String {
    format!("{seconds:.1} s")
}

/// A moment in milliseconds since 1970, in UTC, to the minute: `2023-04-24 22:00 UTC`. What no calendar holds is
/// written as the number it is.
pub fn utc(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 60_000);
    let Some((year, month, day)) = date(days) else { return format!("{ms} ms") };
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", of_day / 60, of_day % 60)
}

/// Year, month and day, counted from the first of March of the year 0, which puts the day that leap years have at the
/// end. `None` outside the years 0 to 9999.
fn date(days_since_1970: i64) -> Option<(i64, i64, i64)> {
    let days = days_since_1970.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (0..=9999).contains(&year).then_some((year, month, day))
}

/// How something stands: a sign, a word and a colour, the colour never alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Good,
    /// It goes on by another way.
    Otherwise,
    Bad,
    /// Not known is never good.
    Unknown,
}

impl State {
    pub fn sign(self) -> &'static str {
        match self {
            State::Good => "✔",
            State::Otherwise => "◐",
            State::Bad => "✘",
            State::Unknown => "?",
        }
    }

    /// Its name in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Otherwise | State::Unknown => "warn",
            State::Bad => "bad",
        }
    }
}

#[derive(Template)]
#[template(path = "hash.html")]
struct Pieces<'a> {
    pieces: Vec<&'a str>,
}

/// A hash, which may be broken after every sixteenth sign and nowhere else.
pub fn hash(text: &str) -> Html {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(16).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    filled(&Pieces { pieces })
}

#[derive(Template)]
#[template(path = "id.html")]
struct Parts<'a> {
    parts: Vec<&'a str>,
}

/// An id or a path, which is broken after one of `:`, `/`, `-`, `_` and `.` if that is enough.
pub fn id(text: &str) -> Html {
    filled(&Parts { parts: text.split_inclusive([':', '/', '-', '_', '.']).collect() })
}

#[derive(Template)]
#[template(path = "sentence.html")]
struct Sentence<'a> {
    /// Words, whether each is held together, and the space after it.
    words: Vec<(&'a str, bool, &'static str)>,
}

/// Longer words are broken like any other: they would not fit on a phone.
const HELD_MAX: usize = 30;

/// Prose with ids, options, paths and dates in it: these are not broken at their signs, as browsers would.
pub fn sentence(text: &str) -> Html {
    let is_held = |word: &str| word.contains(['-', ':', '/']) && word.chars().count() <= HELD_MAX;
    let mut words: Vec<_> = text.split(' ').map(|word| (word, is_held(word), " ")).collect();
    if let Some((_, _, space)) = words.last_mut() {
        *space = "";
    }
    filled(&Sentence { words })
}

#[derive(Template)]
#[template(path = "moment.html")]
struct Moment<'a> {
    machine: &'a str,
    date: &'a str,
    time: String,
}

/// A moment in RFC 3339 as people write it, `2023-04-24 22:00:07 UTC`, broken between date and time at most. Anything
/// else stands as it is.
pub fn moment(rfc3339: &str) -> Html {
    match rfc3339.split_once('T') {
        Some((date, time)) if is_made_of(date, "-") && is_made_of(time, ":.+-Z") => {
            let time = without_fraction(time);
            let time = time.strip_suffix('Z').map_or_else(|| time.clone(), |time| format!("{time} UTC"));
            filled(&Moment { machine: rfc3339, date, time })
        }
        _ => Html::escaped(rfc3339),
    }
}

/// Nobody reads milliseconds; they stay where programs read.
fn without_fraction(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, rest)) => {
            format!("{whole}{}", rest.trim_start_matches(|letter: char| letter.is_ascii_digit()))
        }
        None => time.to_owned(),
    }
}

fn is_made_of(text: &str, signs: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|letter| letter.is_ascii_digit() || signs.contains(letter))
}
