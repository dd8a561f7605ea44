//! Is a page whole, and does it need nothing else? For the tests of everybody who writes one.

/// Elements that have no end.
const VOID: [&str; 3] = ["meta", "br", "wbr"];
/// What would load something or run something.
const FROM_ELSEWHERE: [&str; 12] = [
    "http://",
    "https://",
    "<script",
    "<link",
    "<img",
    "<iframe",
    "<object",
    "<form",
    "url(h",
    "url(\"",
    "@import",
    "javascript:",
];

/// What is wrong with a page that was written, in words; `None` if nothing is.
pub fn fault(html: &str) -> Option<String> {
    let from_elsewhere = FROM_ELSEWHERE.iter().find(|part| html.contains(**part));
    if let Some(part) = from_elsewhere {
        return Some(format!("it holds {part}"));
    }
    if let Some(letter) = html.chars().find(|letter| letter.is_control() && *letter != '\n') {
        return Some(format!("it holds the control character {}", letter.escape_unicode()));
    }
    unclosed(html).or_else(|| headings(html))
}

/// The first element that is not closed in its turn.
fn unclosed(html: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for part in html.split('<').skip(1) {
        let tag = part.split('>').next().unwrap_or_default();
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default();
        if tag.starts_with('/') {
            let expected = open.pop();
            if expected != Some(name) {
                return Some(format!("</{name}> where {expected:?} is open"));
            }
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    open.last().map(|name| format!("<{name}> is never closed"))
}

/// One first heading, and none that is more than one step below the one before.
fn headings(html: &str) -> Option<String> {
    let levels = html.match_indices("<h").filter_map(|(at, _)| html[at + 2..].chars().next()?.to_digit(10));
    let levels: Vec<u32> = levels.collect();
    let is_one = levels.iter().filter(|level| **level == 1).count() == 1 && levels.first() == Some(&1);
    let in_order = levels.windows(2).all(|pair| pair[1] <= pair[0] + 1);
    (!is_one || !in_order).then(|| format!("its headings are {levels:?}"))
}
