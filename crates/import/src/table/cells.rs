//! From the bytes of a table to cells: the encoding, the separator, quotes. Says nothing about what a cell means.
//!
//! Tables come from spreadsheets and from CMDBs of the last twenty years: UTF-8 with and without a byte order mark,
//! UTF-16, Windows-1252; comma, semicolon, tab or bar; line breaks inside quotes. What was found is said.

use std::sync::Arc;

use super::super::{Origin, Unreadable};

/// Most rows of one file.
const ROWS_MAX: usize = 2_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
    /// Windows-1252, of which Latin-1 is a part. Taken for what is not UTF-8.
    Windows1252,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line of its first cell, from 1.
    pub line: usize,
    pub cells: Vec<String>,
}

/// A table with its first row apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    pub file: Arc<str>,
    pub encoding: Encoding,
    pub separator: char,
    pub header: Row,
    pub rows: Vec<Row>,
}

impl Cells {
    pub fn at(&self, line: usize) -> Origin {
        Origin { file: Arc::clone(&self.file), line }
    }
}

/// Reads a table. `None`: there is nothing in it.
pub fn read(file: &str, bytes: &[u8]) -> Result<Option<Cells>, Unreadable> {
    let file: Arc<str> = Arc::from(file);
    let (text, encoding) = decoded(bytes);
    let (said, body, first_line) = separator_line(&text);
    let whole = Origin { file: Arc::clone(&file), line: 0 };
    if let Some(at) = body.find('\0') {
        let line = first_line + body[..at].matches('\n').count();
        return Err(Unreadable::new(
            &Origin { file, line },
            "this is not a text table: it holds a zero byte",
            "export the table as CSV; a spreadsheet file itself (.xlsx, .ods) cannot be read",
        ));
    }
    if body.starts_with("PK\u{3}\u{4}") {
        return Err(Unreadable::new(&whole, "this is a spreadsheet file and no CSV", "export it as CSV"));
    }
    let separator = said.unwrap_or_else(|| separator(body));
    let mut rows = rows(body, separator, first_line).map_err(|broken| broken.said(&file))?;
    rows.retain(|row| row.cells.iter().any(|cell| !cell.is_empty()));
    if rows.is_empty() {
        return Ok(None);
    }
    if rows.len() > ROWS_MAX {
        return Err(Unreadable::new(
            &whole,
            format!("it has more than {ROWS_MAX} rows"),
            "import it in parts",
        ));
    }
    let header = rows.remove(0);
    Ok(Some(Cells { file, encoding, separator, header, rows }))
}

fn decoded(bytes: &[u8]) -> (String, Encoding) {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')).collect::<String>()
    };
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return (wide(rest, u16::from_le_bytes), Encoding::Utf16);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return (wide(rest, u16::from_be_bytes), Encoding::Utf16);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), Encoding::Utf8),
        Err(_) => (bytes.iter().map(|byte| windows_1252(*byte)).collect(), Encoding::Windows1252),
    }
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// `sep=;` in the first line, as Excel writes it. The separator, the rest, and the line on which the rest begins.
fn separator_line(text: &str) -> (Option<char>, &str, usize) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let first = first.trim_end_matches('\r').trim_matches('"');
    match first.strip_prefix("sep=").map(|separator| separator.chars().collect::<Vec<char>>()) {
        Some(separator) if separator.len() == 1 => (Some(separator[0]), rest, 2),
        _ => (None, text, 1),
    }
}

/// Of comma, semicolon, tab and bar the one that the first line has most of, outside of quotes.
fn separator(text: &str) -> char {
    let mut counts = [(';', 0_usize), (',', 0), ('\t', 0), ('|', 0)];
    let mut quoted = false;
    let mut seen = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            '\n' | '\r' if !quoted && seen => break,
            _ if !quoted => {
                seen |= !letter.is_whitespace();
                if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == letter) {
                    *count += 1;
                }
            }
            _ => {}
        }
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(',', |(letter, _)| letter)
}

/// A quote that is wrong, and the line on which it was opened.
struct Broken {
    line: usize,
    what: String,
}

impl Broken {
    fn said(self, file: &Arc<str>) -> Unreadable {
        let origin = Origin { file: Arc::clone(file), line: self.line };
        Unreadable::new(
            &origin,
            self.what,
            "close the quote; a quotation mark inside a cell is written twice (\"\")",
        )
    }
}

/// Where a cell stands with its quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    /// Since this line.
    Open(usize),
    /// It was opened on this line and is closed: now only the separator may follow.
    Closed(usize),
}

fn rows(text: &str, separator: char, first_line: usize) -> Result<Vec<Row>, Broken> {
    let mut rows = Vec::new();
    let mut row = Row { line: first_line, cells: Vec::new() };
    let mut cell = String::new();
    let mut quote = Quote::None;
    let mut line = first_line;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let ends_line = letter == '\n' || (letter == '\r' && letters.peek() != Some(&'\n'));
        match quote {
            Quote::Open(since) if letter == '"' => {
                if letters.peek() == Some(&'"') {
                    letters.next();
                    cell.push('"');
                } else {
                    quote = Quote::Closed(since);
                }
            }
            Quote::Open(_) => {
                if letter != '\r' || letters.peek() != Some(&'\n') {
                    cell.push(letter);
                }
            }
            Quote::None | Quote::Closed(_) if ends_line || letter == separator => {
                row.cells.push(cell.trim().to_owned());
                cell.clear();
                quote = Quote::None;
                if ends_line {
                    rows.push(std::mem::replace(&mut row, Row { line: line + 1, cells: Vec::new() }));
                }
            }
            Quote::None | Quote::Closed(_) if letter.is_whitespace() => cell.push(letter),
            Quote::None if letter == '"' && cell.trim().is_empty() => {
                cell.clear();
                quote = Quote::Open(line);
            }
            Quote::None => cell.push(letter),
            Quote::Closed(since) => {
                let what =
                    format!("a quoted cell that begins here goes on after its closing quote on line {line}");
                return Err(Broken { line: since, what });
            }
        }
        line += usize::from(ends_line);
    }
    if let Quote::Open(since) = quote {
        return Err(Broken { line: since, what: "a quote opens here and is never closed".to_owned() });
    }
    row.cells.push(cell.trim().to_owned());
    rows.push(row);
    Ok(rows)
}
