//! The last moment of a step.
//!
//! | period | strict end, by which everything warns | end by Regulation 1182/71, where the rule is counted by it |
//! |---|---|---|
//! | hours | so many hours after the moment, whatever the clocks of the zone do | the hour of the moment is not counted (art. 3(1)); a period of two days or more has at least two working days (art. 3(5)) |
//! | months | end of the day of the same number, or of the last day of the month | if that is a Saturday, Sunday or holiday: end of the next working day (art. 3(4)) |
//! | neither | "without undue delay": there is no hour, and none is made up | – |
//!
//! The later end is shown, and nobody is told to wait for it: whether it may be used is for a lawyer to say. Holidays are those of
//! all of Germany; those of single Länder are left out, so that no end is said to be later than it is.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};

use crate::rule::{Counted, Rule, Step};

/// Until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub at_ms: i64,
    /// Later, if the regulation gives more.
    pub by_regulation_ms: Option<i64>,
}

/// The end of a step whose period began at `from_ms`. `Ok(None)`: without undue delay. `Err`: outside of all calendars.
pub fn due(rule: &Rule, step: &Step, from_ms: i64) -> Result<Option<Due>, OutOfTime> {
    let zone = rule.time_zone();
    let from = Timestamp::from_millisecond(from_ms).map_err(|_| OutOfTime)?;
    let (strict, later) = match (step.hours, step.months) {
        (Some(hours), _) => {
            let length = SignedDuration::from_hours(i64::from(hours));
            let strict = from.checked_add(length).map_err(|_| OutOfTime)?;
            (strict, after_full_hours(from, length, hours >= 48, &zone)?)
        }
        (None, Some(months)) => {
            let day = from.to_zoned(zone.clone()).date();
            let last = day.checked_add(Span::new().months(months)).map_err(|_| OutOfTime)?;
            (end_of(last, &zone)?, end_of(next_working_day(last)?, &zone)?)
        }
        (None, None) => return Ok(None),
    };
    let by_regulation = match rule.counted {
        Counted::Eu118271 => Some(later).filter(|later| *later > strict),
        Counted::Calendar => None,
    };
    Ok(Some(Due {
        at_ms: strict.as_millisecond(),
        by_regulation_ms: by_regulation.map(Timestamp::as_millisecond),
    }))
}

/// A moment so far away that no calendar has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfTime;

/// Article 3(1), (2)(a) and (5): whole hours after the hour of the moment, and two working days in it.
fn after_full_hours(
    from: Timestamp,
    length: SignedDuration,
    is_two_days: bool,
    zone: &TimeZone,
) -> Result<Timestamp, OutOfTime> {
    let seconds = from.as_second();
    let over = seconds.rem_euclid(3600) != 0 || from.subsec_nanosecond() != 0;
    // Zones that concern us are whole hours from UTC, so their hours begin together.
    let next_hour = if over { (seconds.div_euclid(3600) + 1) * 3600 } else { seconds };
    let begin = Timestamp::from_second(next_hour).map_err(|_| OutOfTime)?;
    let end = begin.checked_add(length).map_err(|_| OutOfTime)?;
    if !is_two_days {
        return Ok(end);
    }
    let mut day = begin.to_zoned(zone.clone()).date();
    let last = end.to_zoned(zone.clone()).date();
    let mut working = 0;
    while day < last {
        working += u32::from(is_working(day));
        day = day.tomorrow().map_err(|_| OutOfTime)?;
    }
    // A working day counts if any hour of it lies in the period: of all readings the one that ends first.
    working += u32::from(is_working(last));
    if working >= 2 {
        return Ok(end);
    }
    while working < 2 {
        day = day.tomorrow().map_err(|_| OutOfTime)?;
        working += u32::from(is_working(day));
    }
    end_of(day, zone)
}

fn end_of(day: Date, zone: &TimeZone) -> Result<Timestamp, OutOfTime> {
    let next: Zoned = day.tomorrow().and_then(|day| day.to_zoned(zone.clone())).map_err(|_| OutOfTime)?;
    Ok(next.timestamp())
}

fn next_working_day(mut day: Date) -> Result<Date, OutOfTime> {
    while !is_working(day) {
        day = day.tomorrow().map_err(|_| OutOfTime)?;
    }
    Ok(day)
}

/// Neither Saturday nor Sunday nor a holiday in all of Germany.
pub fn is_working(day: Date) -> bool {
    let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    !is_weekend && !is_holiday(day)
}

fn is_holiday(day: Date) -> bool {
    // New Year, Labour Day, Unity Day, Christmas.
    const FIXED: [(i8, i8); 5] = [(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)];
    // Good Friday, Easter Monday, Ascension, Whit Monday.
    const FROM_EASTER: [i32; 4] = [-2, 1, 39, 50];
    let since_easter =
        easter(day.year()).and_then(|easter| easter.until(day).ok()).map(|span| span.get_days());
    FIXED.contains(&(day.month(), day.day())) || since_easter.is_some_and(|days| FROM_EASTER.contains(&days))
}

/// Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher).
pub fn easter(year: i16) -> Option<Date> {
    let year_i = i32::from(year);
    let (a, b, c) = (year_i.rem_euclid(19), year_i.div_euclid(100), year_i.rem_euclid(100));
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let sum = h + l - 7 * m + 114;
    let (month, day) = (i8::try_from(sum / 31).ok()?, i8::try_from(sum % 31 + 1).ok()?);
    Date::new(year, month, day).ok()
}

/// A moment as people type it: with its offset, or as the clocks of the zone show it.
pub fn moment(text: &str, zone: &TimeZone) -> Result<i64, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let local: jiff::civil::DateTime = text.parse().map_err(|_| {
        format!(
            "`{text}` is not a time; write 2026-10-25T06:30 (as clocks there show it) or 2026-10-25T04:30Z"
        )
    })?;
    let known = zone.to_ambiguous_zoned(local).unambiguous();
    known.map(|time| time.timestamp().as_millisecond()).map_err(|_| {
        format!("clocks were changed at `{text}`: that time was twice or never; write it with its offset, as in {text}+01:00")
    })
}

/// `Sun 2026-10-25 06:30 CET`.
pub fn shown(ms: i64, zone: &TimeZone) -> String {
    written("%a %Y-%m-%d %H:%M %Z", ms, zone)
}

/// `2026-10-25 06:30 CET`: the same in every language.
pub fn dated(ms: i64, zone: &TimeZone) -> String {
    written("%Y-%m-%d %H:%M %Z", ms, zone)
}

fn written(form: &str, ms: i64, zone: &TimeZone) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| format!("{ms} ms since 1970"),
        |time| time.to_zoned(zone.clone()).strftime(form).to_string(),
    )
}
