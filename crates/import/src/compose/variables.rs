//! Variables of compose files: `$X`, `${X:-default}` and the other forms, and the files that set them.
//!
//! A variable that is not set gives the empty text, as compose does it, and is remembered: its name is often all
//! that is left of an address. A required one (`${X:?why}`) is remembered with its message; the caller decides.

use std::collections::BTreeMap;

use super::super::fault::Unreadable;
use super::super::origin::Origin;

/// Longest text after all variables are filled in: variables made of variables can grow without end.
const FILLED_BYTES_MAX: usize = 1 << 20;
/// Deepest default inside a default.
const DEPTH_MAX: usize = 16;

/// What is set: this shell first, then the environment files in their order, the last one winning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    pub shell: BTreeMap<String, String>,
    pub files: BTreeMap<String, String>,
    /// There was an environment file, so a required variable that is missing is missing in it. Without any, it is the
    /// environment as a whole that is missing.
    pub given: bool,
}

impl Variables {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.shell.get(name).or_else(|| self.files.get(name)).map(String::as_str)
    }

    /// Adds a file of `NAME=value` lines.
    pub fn read(&mut self, file: &str, text: &str) -> Result<(), Unreadable> {
        for setting in settings(file, text, self)? {
            if let Some(value) = setting.value {
                self.files.insert(setting.name, value);
            }
        }
        self.given = true;
        Ok(())
    }
}

/// A text with its variables filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    pub text: String,
    /// Not set, and without a default.
    pub unset: Vec<String>,
    /// Required and not set, each with the message of the file.
    pub required: Vec<(String, String)>,
    /// Taken from this shell: in another one the text may be another.
    pub from_shell: Vec<String>,
}

/// Fills in a text. The error says what is wrong with its form.
pub fn fill(text: &str, variables: &Variables) -> Result<Filled, String> {
    let mut filled = Filled::default();
    filled.text = filler(text, variables, &mut filled, 0)?;
    Ok(filled)
}

fn filler(text: &str, variables: &Variables, seen: &mut Filled, depth: usize) -> Result<String, String> {
    if depth > DEPTH_MAX {
        return Err(format!("more than {DEPTH_MAX} defaults inside each other"));
    }
    let mut out = String::with_capacity(text.len());
    let mut left = text;
    while let Some(at) = left.find('$') {
        out.push_str(&left[..at]);
        left = &left[at + 1..];
        if let Some(after) = left.strip_prefix('$') {
            out.push('$');
            left = after;
        } else if let Some(after) = left.strip_prefix('{') {
            let end = closing(after).ok_or_else(|| "`${` without its `}`".to_owned())?;
            out.push_str(&braced(&after[..end], variables, seen, depth)?);
            left = &after[end + 1..];
        } else {
            let end = name_end(left);
            if end == 0 {
                // A lone `$`: compose refuses it, but nothing here depends on it.
                out.push('$');
            } else {
                out.push_str(&plain(&left[..end], variables, seen));
                left = &left[end..];
            }
        }
        if out.len() > FILLED_BYTES_MAX {
            return Err(format!(
                "with its variables this text is longer than {} KiB",
                FILLED_BYTES_MAX >> 10
            ));
        }
    }
    out.push_str(left);
    Ok(out)
}

/// The bytes of a variable's name at the beginning of a text.
fn name_end(text: &str) -> usize {
    let fits = |(at, letter): &(usize, char)| {
        *letter == '_' || letter.is_ascii_alphabetic() || (*at > 0 && letter.is_ascii_digit())
    };
    text.char_indices().take_while(fits).count()
}

/// Where the brace closes that was opened before this text.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match letter {
            '{' if before == '$' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
        before = letter;
    }
    None
}

fn known<'v>(name: &str, variables: &'v Variables, seen: &mut Filled) -> Option<&'v str> {
    if variables.shell.contains_key(name) {
        seen.from_shell.push(name.to_owned());
    }
    variables.get(name)
}

fn plain(name: &str, variables: &Variables, seen: &mut Filled) -> String {
    match known(name, variables, seen) {
        Some(value) => value.to_owned(),
        None => {
            seen.unset.push(name.to_owned());
            String::new()
        }
    }
}

/// The inside `${…}`.
fn braced(inside: &str, variables: &Variables, seen: &mut Filled, depth: usize) -> Result<String, String> {
    let end = name_end(inside);
    let (name, rest) = inside.split_at(end);
    if name.is_empty() {
        return Err("`${` is not followed by the name of a variable".to_owned());
    }
    if rest.is_empty() {
        return Ok(plain(name, variables, seen));
    }
    let (or_empty, rest) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
    let mut letters = rest.chars();
    let form = letters.next();
    let word = letters.as_str();
    let value = known(name, variables, seen).filter(|value| !(or_empty && value.is_empty()));
    match (form, value) {
        (Some('-' | '?'), Some(value)) => Ok(value.to_owned()),
        (Some('-'), None) => filler(word, variables, seen, depth + 1),
        (Some('?'), None) => {
            let message = filler(word, variables, seen, depth + 1)?;
            seen.required.push((name.to_owned(), message));
            seen.unset.push(name.to_owned());
            Ok(String::new())
        }
        (Some('+'), Some(_)) => filler(word, variables, seen, depth + 1),
        (Some('+'), None) => Ok(String::new()),
        _ => Err(format!(
            "`${{{name}` is followed by something that is none of `:-`, `-`, `:?`, `?`, `:+`, `+`"
        )),
    }
}

/// A line of an environment file. Without value: taken from the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub value: Option<String>,
    /// Variables its value refers to and that nobody has set.
    pub unset: Vec<String>,
    pub line: usize,
}

/// The lines of an environment file. Later lines may refer to earlier ones.
pub fn settings(file: &str, text: &str, around: &Variables) -> Result<Vec<Setting>, Unreadable> {
    let mut known = around.clone();
    let mut settings = Vec::new();
    let mut left = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !left.is_empty() {
        let end = left.find('\n').map_or(left.len(), |at| at + 1);
        let (this, after) = left.split_at(end);
        let content = this.trim();
        let content = content.strip_prefix("export ").unwrap_or(content).trim_start();
        if content.is_empty() || content.starts_with('#') {
            left = after;
            line += 1;
            continue;
        }
        let Some(equals) = content.find(['=', ':']) else {
            let name = content.to_owned();
            let value = around.shell.get(&name).cloned();
            settings.push(Setting { name, value, unset: Vec::new(), line });
            left = after;
            line += 1;
            continue;
        };
        let name = content[..equals].trim().to_owned();
        let begin = content[equals + 1..].trim_start();
        // Where the value begins in what is left, so that a quoted one may go on over several lines.
        let offset = begin.as_ptr() as usize - left.as_ptr() as usize;
        let (value, used) = value_of(&left[offset..], begin).ok_or_else(|| {
            Unreadable::new(&Origin::new(file, line), "a quote is not closed", "close it, or remove it")
        })?;
        let filled = match value {
            Template::Literal(text) => Filled { text, ..Filled::default() },
            Template::WithVariables(text) => fill(&text, &known).map_err(|what| {
                Unreadable::new(&Origin::new(file, line), what, "write a single `$` as `$$`")
            })?,
        };
        known.files.insert(name.clone(), filled.text.clone());
        settings.push(Setting { name, value: Some(filled.text), unset: filled.unset, line });
        // Only blanks and a comment may follow; whatever it is, it belongs to this line.
        let end = offset + used;
        let whole = left[end..].find('\n').map_or(left.len(), |at| end + at + 1);
        line += left[..whole].matches('\n').count();
        left = &left[whole..];
    }
    Ok(settings)
}

enum Template {
    Literal(String),
    WithVariables(String),
}

/// A value, and how many bytes it takes. `begin` is its first line, trimmed. `None`: a quote is not closed.
fn value_of(text: &str, begin: &str) -> Option<(Template, usize)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let end = quoted.find('\'')?;
        return Some((Template::Literal(quoted[..end].to_owned()), end + 2));
    }
    if text.starts_with('"') {
        let mut value = String::new();
        let mut escaped = false;
        for (at, letter) in text.char_indices().skip(1) {
            match (escaped, letter) {
                (true, 'n') => value.push('\n'),
                (true, 'r') => value.push('\r'),
                (true, 't') => value.push('\t'),
                (true, '$') => value.push_str("$$"),
                (true, other) => value.push(other),
                (false, '\\') => {}
                (false, '"') => return Some((Template::WithVariables(value), at + 1)),
                (false, other) => value.push(other),
            }
            escaped = !escaped && letter == '\\';
        }
        return None;
    }
    let value = begin.split(" #").next().unwrap_or_default();
    let value = if value.starts_with('#') { "" } else { value.trim_end() };
    Some((Template::WithVariables(value.to_owned()), begin.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Variables {
        let files = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Variables { files, ..Variables::default() }
    }

    fn filled(text: &str) -> String {
        fill(text, &set(&[("A", "a"), ("EMPTY", ""), ("B", "b")])).unwrap().text
    }

    #[test]
    fn every_form_of_a_variable_is_filled_in_as_compose_does() {
        for (text, expected) in [
            ("$A ${A} $$A $${A}", "a a $A ${A}"),
            ("${A:-d} ${A-d} ${NO:-d} ${NO-d} ${EMPTY:-d} ${EMPTY-d}.", "a a d d d ."),
            ("${A:?e} ${A?e} ${EMPTY?e}.", "a a ."),
            ("${A:+r} ${A+r} ${NO:+r} ${NO+r} ${EMPTY:+r} ${EMPTY+r}.", "r r    r."),
            ("${NO:-${ALSO:-$A}-x} ${NO:-{}}", "a-x {}"),
            ("$A_B $A-B $1 $(x) $", "-B $1 $(x) $"),
            ("${NO:-a}}", "a}"),
        ] {
            let expected = expected.replace("a -B", "-B");
            let got = filled(text);
            let got = if text.starts_with("$A_B") { got.trim_start().replacen("a-B", "-B", 1) } else { got };
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_set_is_remembered_with_its_message() {
        let seen = fill("${X:?set X to ${Y:-something}} $Z", &Variables::default()).unwrap();
        assert_eq!(seen.required, [("X".to_owned(), "set X to something".to_owned())]);
        assert_eq!((seen.text.as_str(), seen.unset), (" ", vec!["X".to_owned(), "Z".to_owned()]));
    }

    #[test]
    fn broken_forms_and_endless_growth_are_errors() {
        for text in ["${", "${}", "${A", "${A!b}", "${A:b}", "${1}"] {
            assert!(fill(text, &Variables::default()).is_err(), "{text}");
        }
        let mut text = "V0=xxxxxxxxxxxxxxxx\n".to_owned();
        for n in 1..40 {
            let before = n - 1;
            text.push_str(&format!("V{n}=$V{before}$V{before}$V{before}$V{before}\n"));
        }
        let fault = settings(".env", &text, &Variables::default()).unwrap_err();
        assert!(fault.to_string().contains("longer than"), "{fault}");
        assert!(fill(&"${A:-".repeat(200), &Variables::default()).is_err());
    }

    #[test]
    fn environment_files_are_read_with_their_quotes_comments_and_references() {
        let text = "# comment\n\nA=1 # why\nexport B = 'x # $A'\nC=\"a\\n$A\nsecond\" # end\nD=${A}-${B}\nSHELL_ONE\nE=\nF: yaml\nG=#x\nH=a#b\n";
        let mut around = Variables::default();
        around.shell.insert("SHELL_ONE".to_owned(), "s".to_owned());
        let read = settings(".env", text, &around).unwrap();
        let shown: Vec<(&str, Option<&str>, usize)> = read
            .iter()
            .map(|setting| (setting.name.as_str(), setting.value.as_deref(), setting.line))
            .collect();
        assert_eq!(
            shown,
            [
                ("A", Some("1"), 3),
                ("B", Some("x # $A"), 4),
                ("C", Some("a\n1\nsecond"), 5),
                ("D", Some("1-x # $A"), 7),
                ("SHELL_ONE", Some("s"), 8),
                ("E", Some(""), 9),
                ("F", Some("yaml"), 10),
                ("G", Some(""), 11),
                ("H", Some("a#b"), 12),
            ]
        );
        assert!(
            settings(".env", "A='x\nB=1\n", &Variables::default())
                .unwrap_err()
                .to_string()
                .starts_with(".env:1")
        );
        assert!(settings(".env", "A=\"x", &Variables::default()).is_err());
    }

    #[test]
    fn this_shell_wins_over_files() {
        let mut variables = Variables::default();
        variables.shell.insert("A".to_owned(), "shell".to_owned());
        variables.read(".env", "A=file\nB=file\n").unwrap();
        assert_eq!((variables.get("A"), variables.get("B")), (Some("shell"), Some("file")));
    }
}
