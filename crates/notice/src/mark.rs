//! Which folder is ours? One that holds our mark, and nothing that the mark does not name.
//!
//! The mark is a file in the site. It is written before any other file, so that a half-made site carries it as well, and
//! it names every file that belongs to the site: what it does not name is somebody else's, is never deleted, and keeps
//! the folder from being replaced. It also says which version from which journal the site is, so that a version that was
//! published and not recorded, because the machine stopped in between, is found.

use std::collections::BTreeSet;
use std::path::{Component, Path};

/// Its name in the site.
pub const NAME: &str = ".blackstart-site";
const FIRST_LINE: &str = "blackstart site 1";
const EXPLANATION: &str = "# Written by `blackstart notice build`, which replaces this folder as a whole. Keep nothing of yours in it.";

/// What a mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// 32 hexadecimal digits that no other publication has.
    pub nonce: String,
    pub about: About,
    /// Every other file of the site, by its path in it.
    pub files: BTreeSet<String>,
}

/// Which version a site is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The origin of the journal: a name that is unique in the world. Empty: there is no checkpoint yet.
    pub journal: String,
    /// The newest entry that it is based on.
    pub as_of_entry: u64,
    pub digest: String,
}

impl Mark {
    pub fn to_text(&self) -> String {
        let About { journal, as_of_entry, digest } = &self.about;
        let mut text = format!(
            "{FIRST_LINE}\n{EXPLANATION}\nnonce {}\njournal {journal}\nas_of_entry {as_of_entry}\ndigest {digest}\n",
            self.nonce
        );
        for path in &self.files {
            text.push_str("file ");
            text.push_str(path);
            text.push('\n');
        }
        text.push_str("end\n");
        text
    }

    /// `None` if it is not a whole mark of ours. A path that leads out of the site makes it none.
    pub fn read(text: &str) -> Option<Mark> {
        let mut lines = text.strip_suffix("end\n")?.lines().filter(|line| !line.starts_with('#'));
        let mut next = |name: &str| lines.next()?.strip_prefix(name).map(str::to_owned);
        if !next(FIRST_LINE)?.is_empty() {
            return None;
        }
        let nonce = next("nonce ").filter(|nonce| is_nonce(nonce))?;
        let journal = next("journal ")?;
        let as_of_entry = next("as_of_entry ")?.parse().ok()?;
        let digest = next("digest ")?;
        let mut files = BTreeSet::new();
        for line in lines {
            files.insert(line.strip_prefix("file ").filter(|path| stays_inside(path))?.to_owned());
        }
        Some(Mark { nonce, about: About { journal, as_of_entry, digest }, files })
    }
}

pub(crate) fn is_nonce(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Folders of a site that lie in each other, with the file in them: `fund/api/v2/summary.json`.
const DEPTH_MAX: usize = 4;

/// `name`, or `folder/name` with a few more folders between, as every path of a site is.
pub(crate) fn stays_inside(path: &str) -> bool {
    let parts: Vec<Component<'_>> = Path::new(path).components().collect();
    let is_plain = parts.iter().all(|part| matches!(part, Component::Normal(_)));
    is_plain && (1..=DEPTH_MAX).contains(&parts.len()) && !path.ends_with('/') && !path.contains("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let about = About { journal: "blackstart/x+1".to_owned(), as_of_entry: 7, digest: "d".repeat(64) };
        let files = ["index.html", "alpha/de.html"].map(str::to_owned).into();
        Mark { nonce: "0f".repeat(16), about, files }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        assert_eq!(Mark::read(&mark().to_text()), Some(mark()));
    }

    #[test]
    fn a_torn_mark_is_none_wherever_it_was_torn() {
        let text = mark().to_text();
        for end in 0..text.len() {
            assert_eq!(Mark::read(&text[..end]), None, "torn at {end}");
        }
    }

    #[test]
    fn a_mark_cannot_name_what_lies_outside_of_its_site() {
        for path in
            ["../x", "/etc/passwd", "a/../../x", "", "a//b", "a/", "./a", "a/b/c/d/e", "a/..", "a/b/../../.."]
        {
            let text = mark().to_text().replace("alpha/de.html", path);
            assert_eq!(Mark::read(&text), None, "{path:?}");
        }
    }
}
