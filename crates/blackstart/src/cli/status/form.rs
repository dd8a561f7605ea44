//! How the page of `status` keeps to 80 columns: text is broken between words, commands never are.

use message::Remedy;

/// A serial line.
const COLUMNS: usize = 80;

/// Lines of a list before it says how many more there are; `--json` has all.
const LINES_MAX: usize = 12;

/// A headed list. Without lines: the sentence, or nothing at all.
pub(super) fn section(page: &mut String, head: &str, lines: impl Iterator<Item = String>, without: &str) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() && without.is_empty() {
        return;
    }
    page.push_str(&format!("\n{head}\n"));
    if lines.is_empty() {
        page.push_str(&folded(&format!("  {without}"), "  "));
        page.push('\n');
    }
    for line in lines.iter().take(LINES_MAX) {
        let mut parts = line.split('\n');
        page.push_str(&folded(&format!("  {}", parts.next().unwrap_or_default()), "             "));
        page.push('\n');
        for part in parts {
            page.push_str(part);
            page.push('\n');
        }
    }
    if lines.len() > LINES_MAX {
        page.push_str(&format!("  and {} more: --json has all\n", lines.len() - LINES_MAX));
    }
}

/// Broken between words; lines after the first begin with `indent`. A word that is longer stays whole.
pub(super) fn folded(text: &str, indent: &str) -> String {
    let mut lines = Vec::new();
    let own = text.len() - text.trim_start().len();
    let mut line = " ".repeat(own);
    let mut is_empty = true;
    for word in text.trim_start().split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

/// The remedy below what is to be decided: what is said is broken, what is pasted stands on a line of its own.
pub(super) fn pasted(remedy: &Remedy, whole: &str) -> String {
    match remedy {
        Remedy::Run { why, command } if !why.is_empty() => {
            let verbs = command.line(None);
            // The command stands at the end of the whole text, with the folder in it.
            let first = verbs.split(' ').take(2).collect::<Vec<_>>().join(" ");
            match whole.find(&first) {
                Some(at) => {
                    format!("{}\n     {}", folded(&format!("     {why}:"), "     "), &whole[at..])
                }
                None => format!("     {whole}"),
            }
        }
        Remedy::Run { .. } => format!("     {whole}"),
        Remedy::Ask { question, .. } => {
            let rest = whole.strip_prefix(question.as_str()).unwrap_or(whole).trim_start();
            let mut lines = Vec::new();
            if !question.is_empty() {
                lines.push(folded(&format!("     {question}"), "     "));
            }
            lines.extend(rest.split("; or ").map(|answer| match answer.split_once(": ") {
                Some((said, command)) => format!("     - {said}:\n       {command}"),
                None => format!("     - {answer}"),
            }));
            lines.join("\n")
        }
        Remedy::Do(_) | Remedy::Edit { .. } | Remedy::Steps(_) => folded(&format!("     {whole}"), "     "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::Command;

    #[test]
    fn text_is_broken_at_80_columns_and_a_command_stays_whole() {
        let long = "word ".repeat(40);
        let text = folded(&format!("  1. {long}"), "     ");
        assert!(text.lines().all(|line| line.chars().count() <= 80) && text.lines().count() > 2, "{text}");
        let command = Command::new("contain lift").incident().with("service:core").reason();
        let remedy = Remedy::run_to(long.trim(), command.clone());
        let folder = format!("/{}", "incident".repeat(12));
        let shown = pasted(&remedy, &remedy.shown(Some(&folder)));
        let last = shown.lines().last().unwrap_or_default();
        assert_eq!(last.trim(), command.line(Some(&folder)));
        assert!(shown.lines().all(|line| line.chars().count() <= 80 || line == last), "{shown}");
    }
}
