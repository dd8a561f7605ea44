//! Names of units: parts, templates, escapes, specifiers, and the quoting of words in a value.

/// What sort of unit a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitKind {
    Service,
    Socket,
    Target,
    Timer,
    Path,
    Mount,
    /// Device, slice, scope, swap, automount: nothing that is started for people.
    Other,
}

/// Longest name systemd accepts.
const UNIT_NAME_BYTES_MAX: usize = 255;

const SUFFIXES: [(&str, UnitKind); 11] = [
    ("service", UnitKind::Service),
    ("socket", UnitKind::Socket),
    ("target", UnitKind::Target),
    ("timer", UnitKind::Timer),
    ("path", UnitKind::Path),
    ("mount", UnitKind::Mount),
    ("automount", UnitKind::Other),
    ("device", UnitKind::Other),
    ("swap", UnitKind::Other),
    ("slice", UnitKind::Other),
    ("scope", UnitKind::Other),
];

/// The kind of a unit's name; `None` if it is none.
pub fn kind(name: &str) -> Option<UnitKind> {
    let (stem, suffix) = name.rsplit_once('.')?;
    let fits = !stem.is_empty()
        && name.len() <= UNIT_NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte));
    if !fits {
        return None;
    }
    SUFFIXES.iter().find(|(word, _)| *word == suffix).map(|(_, kind)| *kind)
}

/// A name in its parts: `prefix@instance.suffix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'n> {
    pub prefix: &'n str,
    /// `None`: neither template nor instance. Empty: a template.
    pub instance: Option<&'n str>,
    pub suffix: &'n str,
}

pub fn parts(name: &str) -> Parts<'_> {
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
    match stem.split_once('@') {
        Some((prefix, instance)) => Parts { prefix, instance: Some(instance), suffix },
        None => Parts { prefix: stem, instance: None, suffix },
    }
}

pub fn is_template(name: &str) -> bool {
    parts(name).instance == Some("")
}

/// `a@b.service` comes from `a@.service`.
pub fn template_of(name: &str) -> Option<String> {
    let parts = parts(name);
    let instance = parts.instance?;
    (!instance.is_empty()).then(|| format!("{}@.{}", parts.prefix, parts.suffix))
}

/// `a@.service` for `b` is `a@b.service`; anything else stays.
pub fn instantiate(name: &str, instance: &str) -> String {
    let parts = parts(name);
    match parts.instance {
        Some("") => format!("{}@{instance}.{}", parts.prefix, parts.suffix),
        _ => name.to_owned(),
    }
}

/// The unit that carries this path: `/srv/data` is mounted by `srv-data.mount`.
pub fn mount_of(path: &str) -> String {
    let parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(escaped).collect();
    if parts.is_empty() { "-.mount".to_owned() } else { format!("{}.mount", parts.join("-")) }
}

/// `/srv/data` and the folders above it, the nearest first, without the root.
pub fn folders_up(path: &str) -> Vec<&str> {
    let mut folders = Vec::new();
    let mut rest = path.trim_end_matches('/');
    while rest.len() > 1 && rest.starts_with('/') {
        folders.push(rest);
        rest = rest.rsplit_once('/').map_or("", |(above, _)| above);
    }
    folders
}

fn escaped(part: &str) -> String {
    let mut name = String::new();
    for (at, byte) in part.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b":_".contains(&byte) || (byte == b'.' && at > 0);
        if plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("\\x{byte:02x}"));
        }
    }
    name
}

/// The way back from an escaped name: `-` is `/`, `\x2d` a byte.
pub fn unescaped(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let coded = bytes[at..].starts_with(b"\\x").then(|| name.get(at + 2..at + 4)).flatten();
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 4;
            }
            None => {
                plain.push(if bytes[at] == b'-' { b'/' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Puts in what is known for `%` specifiers; what only the running machine knows (`%m`, `%b`…) stays as it is.
pub fn expanded(value: &str, unit: &str, host: &str) -> String {
    if !value.contains('%') {
        return value.to_owned();
    }
    let parts = parts(unit);
    let instance = parts.instance.unwrap_or_default();
    let last = parts.prefix.rsplit('-').next().unwrap_or_default();
    let mut out = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('%') => out.push('%'),
            Some('i') => out.push_str(instance),
            Some('I') => out.push_str(&unescaped(instance)),
            Some('n') => out.push_str(unit),
            Some('N') => out.push_str(unit.rsplit_once('.').map_or(unit, |(stem, _)| stem)),
            Some('p') => out.push_str(parts.prefix),
            Some('P') => out.push_str(&unescaped(parts.prefix)),
            Some('j') => out.push_str(last),
            Some('J') => out.push_str(&unescaped(last)),
            Some('f') => {
                out.push('/');
                let from = if instance.is_empty() { parts.prefix } else { instance };
                out.push_str(unescaped(from).trim_start_matches('/'));
            }
            Some('H') if !host.is_empty() => out.push_str(host),
            Some('l') if !host.is_empty() => out.push_str(host.split('.').next().unwrap_or(host)),
            Some('t') => out.push_str("/run"),
            Some('S') => out.push_str("/var/lib"),
            Some('C') => out.push_str("/var/cache"),
            Some('L') => out.push_str("/var/log"),
            Some('E') => out.push_str("/etc"),
            Some('T') => out.push_str("/tmp"),
            Some('V') => out.push_str("/var/tmp"),
            Some('h') => out.push_str("/root"),
            Some('u' | 'g') => out.push_str("root"),
            Some('U' | 'G') => out.push('0'),
            Some(other) => out.extend(['%', other]),
            None => out.push('%'),
        }
    }
    out
}

/// Whether a backslash in a word is taken for what it stands for (commands) or kept (names of units).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backslash {
    Kept,
    Meant,
}

/// Splits a value at blanks; quotes hold a word together. `None`: a quote is not closed.
pub fn words(value: &str, backslash: Backslash) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, '\\') => {
                let word = word.get_or_insert_default();
                match (letters.next(), backslash) {
                    (Some(next), Backslash::Kept) => word.extend(['\\', next]),
                    (Some(next), Backslash::Meant) => meant(next, &mut letters, word),
                    (None, _) => word.push('\\'),
                }
            }
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn meant(letter: char, rest: &mut std::str::Chars<'_>, word: &mut String) {
    match letter {
        'n' => word.push('\n'),
        't' => word.push('\t'),
        'r' => word.push('\r'),
        's' => word.push(' '),
        'x' => {
            let digits: String = rest.clone().take(2).collect();
            match u8::from_str_radix(&digits, 16) {
                Ok(byte) if byte.is_ascii() && byte != 0 && digits.len() == 2 => {
                    word.push(char::from(byte));
                    rest.nth(1);
                }
                _ => word.push_str("\\x"),
            }
        }
        other => word.push(other),
    }
}
