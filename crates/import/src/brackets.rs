//! Lists and maps in brackets whose lines are not indented as far as the standard wants.
//!
//! Everybody writes them so, compose reads them, and the library does not. When it refuses an indentation, the text
//! is read once more with every line that lies inside brackets indented further. Lines keep their numbers. This
//! looks at letters, not at YAML, and may be wrong about exotic texts; then the first fault stands.

/// Deeper than any real file is nested.
const INDENT: usize = 64;

/// The text with every line that begins inside brackets indented further.
pub(super) fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut state = State::default();
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let blank = line.trim().is_empty();
        if state.block.is_some_and(|above| blank || indent > above) {
            out.push_str(line);
            continue;
        }
        state.block = None;
        if state.depth > 0 && !blank && state.quote.is_none() {
            out.push_str(&" ".repeat(INDENT));
        }
        out.push_str(line);
        state.line(line.trim_end());
        if state.depth == 0 && state.quote.is_none() && begins_block(line) {
            state.block = Some(indent);
        }
    }
    out
}

#[derive(Default)]
struct State {
    /// Open brackets.
    depth: usize,
    quote: Option<char>,
    /// Indentation of the line above a text of many lines (`|`, `>`).
    block: Option<usize>,
}

impl State {
    fn line(&mut self, line: &str) {
        let mut before = ' ';
        // Whether a value could begin here: only there do brackets and quotes mean something outside of brackets.
        let mut fresh = true;
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            if let Some(quote) = self.quote {
                let doubled = letter == '\'' && letters.peek() == Some(&'\'');
                if (quote == '"' && letter == '\\') || (quote == '\'' && doubled) {
                    letters.next();
                } else if letter == quote {
                    self.quote = None;
                }
                continue;
            }
            match letter {
                '#' if before.is_whitespace() => return,
                '"' | '\'' if fresh => self.quote = Some(letter),
                '[' | '{' if fresh || self.depth > 0 => self.depth += 1,
                ']' | '}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            fresh = match letter {
                ' ' => fresh || matches!(before, ':' | '-' | '?'),
                '[' | '{' | ',' => self.depth > 0,
                ':' => self.depth > 0,
                _ => false,
            };
            before = letter;
        }
    }
}

/// `key: |` and its like: what follows is a text, whatever stands in it.
fn begins_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or_default().trim_end();
    let sign = line.trim_end_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '+' | '-'));
    let Some(head) = sign.strip_suffix(['|', '>']) else { return false };
    head.ends_with(": ") || head.ends_with("- ") || head.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(text: &str) -> Vec<usize> {
        let lines = indented(text);
        let moved = lines.lines().enumerate().filter(|(_, line)| line.starts_with(&" ".repeat(INDENT)));
        moved.map(|(at, _)| at + 1).collect()
    }

    #[test]
    fn only_lines_inside_of_brackets_are_moved() {
        assert_eq!(inside("a: [\nb,\n{c: d,\ne: 'f]'}\n]\ng: h\n"), [2, 3, 4, 5]);
        assert_eq!(inside("a: b[c\nd: \"[\"\ne: it's [\nf: # [\ng: h\n"), Vec::<usize>::new());
        assert_eq!(inside("a: |\n  [\n  x\nb: >-\n  {\n\n  y\nc: [\n]\n"), [9]);
        assert_eq!(inside("a: [\"x\ny\", # ]\nz]\nb: 1\n"), [3]);
    }
}
