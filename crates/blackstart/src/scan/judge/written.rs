//! Bytes written as text: in hexadecimal digits, in letters of a small alphabet, as numbers from 0 to 255.
//!
//! A cipher's output stays as even when it is written down: every digit or letter is as frequent as every other, which
//! no language and no table is. (Base64 is looked at in `verdict`.)

use super::Source;
use super::statistics;

/// Fewer say nothing about evenness.
const SIGNS_MIN: u64 = 512;
const NUMBERS_MAX: usize = 1 << 20;

/// In words, if the text is such.
pub(super) fn random_in_text(
    source: &mut dyn Source,
    histogram: &[u64; 256],
) -> std::io::Result<Option<String>> {
    let is_sign = |byte: usize| matches!(byte, 0x21..=0x7e);
    let blank: u64 = [9, 10, 13, 32].iter().map(|byte| histogram[*byte]).sum();
    let signs: u64 = (0..256).filter(|byte| is_sign(*byte)).map(|byte| histogram[byte]).sum();
    let all: u64 = histogram.iter().sum();
    if signs < SIGNS_MIN || signs + blank != all {
        return Ok(None);
    }
    if let Some(letters) = even_letters(histogram) {
        return Ok(Some(format!("consists of {letters} letters or digits, each as frequent as every other")));
    }
    let numeric = |byte: usize| matches!(byte, 0x30..=0x39 | 9 | 10 | 13 | 32 | 0x2c | 0x3b | 0x5b | 0x5d);
    if (0..256).any(|byte| histogram[byte] > 0 && !numeric(byte)) {
        return Ok(None);
    }
    let numbers = numbers(source)?;
    let mut counts = [0; 256];
    numbers.iter().for_each(|number| counts[usize::from(*number)] += 1);
    let random = numbers.len() as u64 >= SIGNS_MIN && statistics::even(&counts) && !is_ordered(&numbers);
    Ok(random.then(|| "consists of numbers from 0 to 255, each as frequent as every other".to_owned()))
}

/// How many letters there are, if they are spread evenly. Separators of one kind are no letters.
fn even_letters(histogram: &[u64; 256]) -> Option<u64> {
    let is_letter = |byte: usize| !matches!(byte, 9 | 10 | 13 | 32 | 0x2c | 0x3a | 0x2d | 0x3d);
    let counts: Vec<u64> = (0..256)
        .filter(|byte| is_letter(*byte))
        .map(|byte| histogram[byte])
        .filter(|count| *count > 0)
        .collect();
    let (kinds, total) = (counts.len() as u64, counts.iter().sum::<u64>());
    // Base64 is looked at elsewhere, where keys and certificates in text are told from it.
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
fn numbers(source: &mut dyn Source) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; NUMBERS_MAX.min(usize::try_from(source.length()).unwrap_or(usize::MAX))];
    let read = source.read_at(0, &mut bytes)?;
    let mut numbers = Vec::new();
    let between = |byte: &u8| !byte.is_ascii_digit();
    for number in bytes[..read].split(between).filter(|digits| !digits.is_empty()) {
        let value = number.iter().fold(0_usize, |sum, digit| (sum * 10 + usize::from(digit - b'0')).min(999));
        match u8::try_from(value) {
            Ok(value) => numbers.push(value),
            Err(_) => return Ok(Vec::new()),
        }
    }
    Ok(numbers)
}
