//! What may steer a terminal: signs in other people's names and texts that change what is shown instead of being shown.

/// Control characters of both ranges (C0 and C1), which a terminal obeys, and the marks that turn the direction of
/// writing (Unicode Annex 9), which make a name read as another.
pub fn steers(letter: char) -> bool {
    let turns = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    letter.is_control() || turns
}

/// One line of text in which nothing steers: `\u{1b}` stands for an escape, `\n` for the end of a line.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}
