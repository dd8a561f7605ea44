//! How numbers and plurals are written in text: thousands apart, and one thing never as several.
//!
//! Pages have words of their own in `page`, with spaces at which no line breaks.

/// `25 000 000`: large numbers are read at night.
pub fn spaced(number: impl TryInto<u128>) -> String {
    let digits = number.try_into().unwrap_or(u128::MAX).to_string();
    let mut spaced = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}

/// `1 tenant`, `2 tenants`, `12 000 tenants`: every count that people read.
pub fn counted(number: impl TryInto<u128>, one: &str) -> String {
    counted_as(number, one, &format!("{one}s"))
}

/// The same for words whose plural is not an `s` more.
pub fn counted_as(number: impl TryInto<u128>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u128::MAX);
    format!("{} {}", spaced(number), if number == 1 { one } else { many })
}
