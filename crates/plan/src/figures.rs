//! Figures as people read them in a plan: times of a schedule, hours, large numbers.

/// `12:34:56`; from one hundred hours on `4 d 04:00:00`.
pub fn clock(seconds: u64) -> String {
    let hours = seconds / 3600;
    let rest = format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    if hours < 100 { format!("{hours}:{rest}") } else { format!("{} d {:02}:{rest}", hours / 24, hours % 24) }
}

/// Hours with one digit after the point, thousands apart.
pub fn hours(seconds: u64) -> String {
    let tenths = u128::from(seconds) * 10 / 3600;
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

/// `25 000 000`.
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

/// `1 schedule`, `25 000 schedules`.
pub fn many(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number.into()), if number == 1 { "" } else { "s" })
}
