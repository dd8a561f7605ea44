//! Words for a POSIX shell. Everything that comes from an estate passes through here, also what is plain already.

/// In single quotes, in which nothing means anything. What a shell cannot be given at all (a zero byte) is left out; no
/// name of an estate holds one.
pub fn word(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "'\\''"))
}

/// Several words, each quoted.
pub fn words<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    texts.into_iter().map(word).collect::<Vec<_>>().join(" ")
}
