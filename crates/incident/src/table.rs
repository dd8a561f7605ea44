//! The tables of states as they stand in the heads of files, so that tests can hold them against those that run.

/// The table as it is written: one line for the head, one for each state with what follows on each move.
pub(crate) fn printed(moves: &[&str], rows: &[(&str, Vec<&str>)], widths: &[usize]) -> String {
    let line = |cells: &[&str]| {
        let line: String = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line.trim_end().to_owned()
    };
    let head = line(&[&["state"], moves].concat());
    let rows = rows.iter().map(|(state, cells)| line(&[&[*state], &cells[..]].concat()));
    std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
}

/// The table in the head of a source file.
pub(crate) fn documented(source: &str) -> String {
    let lines = source.lines().skip_while(|line| *line != "//! ```text").skip(1);
    let table: Vec<&str> =
        lines.take_while(|line| *line != "//! ```").map(|line| line.trim_start_matches("//! ")).collect();
    table.join("\n")
}
