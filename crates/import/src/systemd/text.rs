//! A unit file as systemd reads it: sections, assignments, comments, continued lines. Says nothing about what
//! a setting means.
//!
//! Lines that are not understood are left out and reported, as systemd does; nothing here can fail.

use std::sync::Arc;

use super::super::Origin;

/// `Key=Value` in a section of a unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `Unit`, `Service`, `Install`…
    pub section: Arc<str>,
    pub key: String,
    pub value: String,
    pub at: Origin,
}

/// A line that could not be understood, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    pub at: Origin,
    pub what: String,
}

/// Reads a unit file or drop-in.
pub fn settings(file: &Arc<str>, text: &str) -> (Vec<Setting>, Vec<Unclear>) {
    let mut settings = Vec::new();
    let mut unclear = Vec::new();
    let mut section: Option<Arc<str>> = None;
    for (line, text) in logical_lines(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let at = Origin { file: Arc::clone(file), line };
        let mut not_understood = |what: &str| unclear.push(Unclear { at: at.clone(), what: what.to_owned() });
        if let Some(name) = text.strip_prefix('[') {
            match name.strip_suffix(']') {
                Some(name) => section = Some(Arc::from(name)),
                None => not_understood("a section begins with `[` and does not end with `]`"),
            }
            continue;
        }
        let Some((key, value)) = text.split_once('=') else {
            not_understood("a line without `=`");
            continue;
        };
        match &section {
            None => not_understood("an assignment before the first section"),
            Some(section) => settings.push(Setting {
                section: Arc::clone(section),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
                at,
            }),
        }
    }
    (settings, unclear)
}

/// Lines with their number, continued ones joined by a space. Comments are left out, also between the parts of
/// a continued line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.split('\n').enumerate() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        let (start, mut whole) = open.take().unwrap_or((number + 1, String::new()));
        if continues(line) {
            whole.push_str(&line[..line.len() - 1]);
            whole.push(' ');
            open = Some((start, whole));
        } else {
            whole.push_str(line);
            if !whole.trim().is_empty() {
                lines.push((start, whole.trim().to_owned()));
            }
        }
    }
    lines.extend(
        open.filter(|(_, whole)| !whole.trim().is_empty()).map(|(at, whole)| (at, whole.trim().to_owned())),
    );
    lines
}

/// Ends with a backslash that is not itself escaped.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}
