//! Bytes written as text: in hexadecimal digits, in letters of a small alphabet, as numbers from 0 to 255.
//!
//! A cipher's output stays as even when it is written down: every digit or letter is as frequent as every other, which
//! no language and no table is. Lists of passwords, tokens and digests are as even; they are told by their lines: what
//! writes a file down fills lines of one length that is worth the paper, or makes none.

use std::collections::HashMap;

use crate::source::Source;
use crate::statistics::{self, Statistics};
use crate::text::TextWatch;

/// Fewer say nothing about evenness.
const SIGNS_MIN: u64 = 512;
const START_MAX: usize = 1 << 20;

/// Lines of passwords, tokens and digests are shorter; of what was written down 60, 64 or 76 letters are usual.
const LINE_MIN: usize = 48;

/// In words, if the text is such.
pub(super) fn random_in_text(
    source: &mut dyn Source,
    statistics: &Statistics,
    text: &TextWatch,
) -> std::io::Result<Option<String>> {
    // Evenness says little about so many letters; the entropy does.
    if text.is_all_base64() && statistics.entropy() >= 5.5 {
        let found = "consists only of base64 letters".to_owned();
        return Ok(is_written_down(&start(source)?).then_some(found));
    }
    let histogram = statistics.histogram();
    let is_sign = |byte: usize| matches!(byte, 0x21..=0x7e);
    let blank: u64 = [9, 10, 13, 32].iter().map(|byte| histogram[*byte]).sum();
    let signs: u64 = (0..256).filter(|byte| is_sign(*byte)).map(|byte| histogram[byte]).sum();
    let all: u64 = histogram.iter().sum();
    if signs < SIGNS_MIN || signs + blank != all {
        return Ok(None);
    }
    if let Some(letters) = even_letters(histogram)
        && is_written_down(&start(source)?)
    {
        return Ok(Some(format!("consists of {letters} letters or digits, each as frequent as every other")));
    }
    let numeric = |byte: usize| matches!(byte, 0x30..=0x39 | 9 | 10 | 13 | 32 | 0x2c | 0x3b | 0x5b | 0x5d);
    if (0..256).any(|byte| histogram[byte] > 0 && !numeric(byte)) {
        return Ok(None);
    }
    let numbers = numbers(&start(source)?);
    let mut counts = [0; 256];
    numbers.iter().for_each(|number| counts[usize::from(*number)] += 1);
    let random = numbers.len() as u64 >= SIGNS_MIN && statistics::even(&counts) && !is_ordered(&numbers);
    Ok(random.then(|| "consists of numbers from 0 to 255, each as frequent as every other".to_owned()))
}

fn start(source: &mut dyn Source) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; START_MAX.min(usize::try_from(source.length()).unwrap_or(usize::MAX))];
    let read = source.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Whether the letters stand in groups of one length, as a program writes bytes down, and not in words or in a list of
/// something short.
fn is_written_down(text: &[u8]) -> bool {
    let groups = |between: fn(&u8) -> bool| {
        let mut lengths: HashMap<usize, usize> = HashMap::new();
        let all = text.split(between).map(<[u8]>::len).filter(|length| *length > 0);
        all.for_each(|length| *lengths.entry(length).or_default() += 1);
        let number: usize = lengths.values().sum();
        let (length, often) = lengths.into_iter().max_by_key(|(_, often)| *often).unwrap_or_default();
        // The last one is as long as what was left.
        (number, length, often * 10 >= number.saturating_sub(1) * 9)
    };
    let (lines, line, lines_agree) = groups(|byte| matches!(byte, b'\n' | b'\r'));
    let (words, _, words_agree) = groups(|byte| is_separator(*byte));
    let one_word_a_line = words == lines;
    words_agree && (lines <= 2 || !one_word_a_line || lines_agree && line >= LINE_MIN)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, 9 | 10 | 13 | 32 | b',' | b':' | b'-')
}

/// How many letters there are, if they are spread evenly. Separators of one kind are no letters.
fn even_letters(histogram: &[u64; 256]) -> Option<u64> {
    let counts: Vec<u64> = (0..=u8::MAX)
        .filter(|byte| !is_separator(*byte) && *byte != b'=')
        .map(|byte| histogram[usize::from(byte)])
        .filter(|count| *count > 0)
        .collect();
    let (kinds, total) = (counts.len() as u64, counts.iter().sum::<u64>());
    // That would be base64.
    if kinds < 16 || (62..=66).contains(&kinds) || total < SIGNS_MIN.max(kinds * 16) {
        return None;
    }
    let squares: u128 = counts.iter().map(|count| u128::from(*count) * u128::from(*count)).sum();
    let scaled = u64::try_from(squares * u128::from(kinds) / u128::from(total)).unwrap_or(u64::MAX);
    // Pearson's chi-square has the mean `kinds` - 1 and the variance twice that: five deviations are chance no more.
    let chance = kinds + 5 * (2 * kinds).isqrt();
    (scaled.saturating_sub(total) <= chance).then_some(kinds)
}

/// Tables of colours run through all values one after the other: neighbours, in the row or in the column, are near
/// each other. Of random numbers one in eight is that near.
fn is_ordered(numbers: &[u8]) -> bool {
    (1..=4).any(|distance| {
        let pairs = numbers.iter().zip(&numbers[distance.min(numbers.len())..]);
        let near = pairs.filter(|(first, second)| first.abs_diff(**second) <= 16).count();
        near * 2 > numbers.len()
    })
}

/// The numbers; none at all if one is above 255.
fn numbers(text: &[u8]) -> Vec<u8> {
    let mut numbers = Vec::new();
    let between = |byte: &u8| !byte.is_ascii_digit();
    for number in text.split(between).filter(|digits| !digits.is_empty()) {
        let value = number.iter().fold(0_usize, |sum, digit| (sum * 10 + usize::from(digit - b'0')).min(999));
        match u8::try_from(value) {
            Ok(value) => numbers.push(value),
            Err(_) => return Vec::new(),
        }
    }
    numbers
}
