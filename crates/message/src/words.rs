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

/// `900 bytes`, `4.1 kB`, `5.3 GB`: decimal, as disks and networks are sold.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return counted(bytes, "byte");
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// The same for words whose plural is not an `s` more.
pub fn counted_as(number: impl TryInto<u128>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u128::MAX);
    format!("{} {}", spaced(number), if number == 1 { one } else { many })
}
