//! In which order do people look for a name? Pure.
//!
//! As in a telephone book: capitals and accents make no difference (DIN 5007, variant 1: ä as a, ß as ss), what is no
//! letter and no digit parts words, and `Kasse 2` comes before `Kasse 10`. Names that are the same so far keep an order of
//! their own, so that the same names always stand the same way.

/// A word or a number of a name. Numbers come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Its digits without leading zeros, the shorter one first: no number is too long.
    Number(usize, String),
    Word(String),
}

/// What a name is sorted by.
pub fn key(name: &str) -> (Vec<Part>, String) {
    let mut parts: Vec<Part> = Vec::new();
    let mut word = String::new();
    let mut is_number = false;
    for letter in name.chars() {
        let digit = letter.is_ascii_digit();
        if (digit != is_number || !letter.is_alphanumeric()) && !word.is_empty() {
            parts.push(part(std::mem::take(&mut word), is_number));
        }
        if letter.is_alphanumeric() {
            is_number = digit;
            fold(letter, &mut word);
        }
    }
    if !word.is_empty() {
        parts.push(part(word, is_number));
    }
    (parts, name.to_owned())
}

fn part(word: String, is_number: bool) -> Part {
    if is_number {
        let digits = word.trim_start_matches('0').to_owned();
        Part::Number(digits.len(), digits)
    } else {
        Part::Word(word)
    }
}

fn fold(letter: char, word: &mut String) {
    for letter in letter.to_lowercase() {
        let plain = match letter {
            'ä' | 'à' | 'á' | 'â' | 'ã' | 'å' => "a",
            'ç' => "c",
            'è' | 'é' | 'ê' | 'ë' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ñ' => "n",
            'ö' | 'ò' | 'ó' | 'ô' | 'õ' | 'ø' => "o",
            'ü' | 'ù' | 'ú' | 'û' => "u",
            'æ' => "ae",
            'œ' => "oe",
            'ß' => "ss",
            other => {
                word.push(other);
                continue;
            }
        };
        word.push_str(plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_people_look_for_them() {
        let mut names = vec![
            "Zebra",
            "Kasse 10",
            "Öko",
            "kasse 2",
            "Oper",
            "Ähre",
            "Apfel",
            "St. Élise",
            "Straße",
            "Strasse",
            "(Beta)",
            "Kasse 02 b",
        ];
        names.sort_by_key(|name| key(name));
        assert_eq!(
            names,
            [
                "Ähre",
                "Apfel",
                "(Beta)",
                "kasse 2",
                "Kasse 02 b",
                "Kasse 10",
                "Öko",
                "Oper",
                "St. Élise",
                "Strasse",
                "Straße",
                "Zebra"
            ]
        );
    }
}
