//! Does a file hold what somebody's rules describe? YARA rules, applied to whole files.
//!
//! Rules come from a folder: every `.yar` and `.yara` in it and below, in the order of their paths. A rule
//! that cannot be read refuses the folder, with file and line: whoever scans with half of the rules believes
//! more than was looked at. `include` is not followed, because all files of the folder are read anyway and
//! what lies outside would be missing from the hash under which verdicts are kept.
//!
//! Files up to 64 MiB are in memory once. Larger ones are looked at in pieces that overlap by one
//! mebibyte: `filesize` then is the size of the piece, and a rule whose parts lie further apart does not
//! match. A file for which the rules take longer than ten seconds is said to be unfinished.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use boreal::Compiler;
use boreal::compiler::{CompilerParams, generate_description};
use boreal::scanner::{ScanError, ScanParams, ScanResult, Scanner};
use sha2::{Digest, Sha256};

use super::shown;
use judge::{Judgement, Source, Verdict};

const PIECE: u64 = 64 << 20;
const OVERLAP: u64 = 1 << 20;
const TIME_MAX: Duration = Duration::from_secs(10);
/// Rule files larger than this are no rule files.
const RULE_FILE_MAX: u64 = 64 << 20;
/// Matches named in a reason.
const NAMED_MAX: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum RulesFault {
    #[error("the folder of rules {} cannot be read", shown::path(.path))]
    Folder { path: PathBuf, source: io::Error },
    #[error("{} holds no rules: no file in it ends in .yar or .yara", shown::path(.0))]
    Empty(PathBuf),
    #[error("the rule file {} cannot be read", shown::path(.path))]
    File { path: PathBuf, source: io::Error },
    /// File, line, column and what is wrong there.
    #[error("{0}")]
    Rule(String),
}

/// A compiled set of rules.
pub struct Rules {
    /// Only whether a rule matches: quick.
    scanner: Scanner,
    /// And where: only asked of files in which something was found.
    locator: Scanner,
    hash: String,
    files: usize,
}

/// A rule that matched, and where the first of its strings stands (a rule may have none).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    pub rule: String,
    pub offset: u64,
}

/// What the rules say of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// By rule; the first place of each.
    pub found: Vec<Match>,
    /// The time was over before all of it was looked at.
    pub unfinished: bool,
}

impl Rules {
    pub fn load(folder: &Path) -> Result<Rules, RulesFault> {
        let mut paths = Vec::new();
        collect(folder, &mut paths)
            .map_err(|source| RulesFault::Folder { path: folder.to_owned(), source })?;
        paths.sort();
        if paths.is_empty() {
            return Err(RulesFault::Empty(folder.to_owned()));
        }
        let mut compiler = Compiler::new();
        compiler.set_params(CompilerParams::default().disable_includes(true));
        let mut hash = Sha256::new();
        for path in &paths {
            let text = read(path).map_err(|source| RulesFault::File { path: path.clone(), source })?;
            let name = shown::path(path.strip_prefix(folder).unwrap_or(path));
            for part in [name.as_bytes(), text.as_bytes()] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            compiler.add_rules_str_in_namespace(&text, &name).map_err(|error| {
                RulesFault::Rule(generate_description(&error.to_diagnostic(), &shown::path(path), &text))
            })?;
        }
        let scanner = with(compiler.finalize(), false);
        let locator = with(scanner.clone(), true);
        let hash = estate::hex(&hash.finalize());
        Ok(Rules { scanner, locator, hash, files: paths.len() })
    }

    /// Changes whenever a rule does. Hexadecimal SHA-256 over names and contents of the rule files.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// How many files the rules came from.
    pub fn files(&self) -> usize {
        self.files
    }

    pub fn matches(&self, source: &mut dyn Source) -> io::Result<Matches> {
        let length = source.length();
        let mut matches = Matches::default();
        let mut piece = Vec::new();
        let mut from = 0;
        loop {
            let to = length.min(from + PIECE);
            fill(source, from, to, &mut piece)?;
            self.piece(from, &piece, &mut matches);
            if to == length || matches.unfinished {
                break;
            }
            from = to - OVERLAP;
        }
        matches.found.sort();
        matches.found.dedup_by(|later, first| later.rule == first.rule);
        Ok(matches)
    }

    fn piece(&self, from: u64, bytes: &[u8], matches: &mut Matches) {
        let unfinished = |result: Result<ScanResult<'_>, (ScanError, ScanResult<'_>)>| match result {
            Ok(result) => (result.rules.is_empty(), false),
            Err((_, result)) => (result.rules.is_empty(), true),
        };
        let (empty, stopped) = unfinished(self.scanner.scan_mem(bytes));
        matches.unfinished |= stopped;
        if empty {
            return;
        }
        let result = self.locator.scan_mem(bytes).unwrap_or_else(|(_, result)| result);
        for rule in result.rules {
            let first =
                rule.matches.iter().flat_map(|string| &string.matches).map(|found| found.offset).min();
            let offset = from + first.unwrap_or(0) as u64;
            matches.found.push(Match { rule: rule.name.to_owned(), offset });
        }
    }

    /// The judgement with what the rules say added: a match makes it `malware`, whatever else it is.
    pub fn judge(&self, source: &mut dyn Source, mut judgement: Judgement) -> Judgement {
        match self.matches(source) {
            Ok(matches) => matches.add_to(judgement),
            Err(error) => {
                judgement.verdict = Verdict::Unread;
                judgement.reasons.push(format!("the rules could not read it: {error}"));
                judgement
            }
        }
    }
}

impl Matches {
    fn add_to(self, mut judgement: Judgement) -> Judgement {
        if self.unfinished {
            judgement.reasons.push(format!(
                "the rules were stopped after {} seconds, so not all of it was checked with them",
                TIME_MAX.as_secs()
            ));
        }
        if self.found.is_empty() {
            return judgement;
        }
        let named: Vec<String> = self
            .found
            .iter()
            .take(NAMED_MAX)
            .map(|found| format!("rule {} matches at byte {}", found.rule, found.offset))
            .collect();
        let more = self.found.len() - named.len();
        let more = if more > 0 { format!(", and {more} more rules") } else { String::new() };
        judgement.reasons.insert(0, format!("{}{more}", named.join(", ")));
        judgement.verdict = Verdict::Malware;
        judgement
    }
}

fn with(mut scanner: Scanner, full_matches: bool) -> Scanner {
    let params = ScanParams::default()
        .timeout_duration(Some(TIME_MAX))
        .compute_full_matches(full_matches)
        .string_max_nb_matches(1000)
        .match_max_length(16);
    scanner.set_scan_params(params);
    scanner
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let is_rule = path.extension().is_some_and(|ending| ending == "yar" || ending == "yara");
        if kind.is_dir() {
            collect(&path, paths)?;
        } else if is_rule && fs::metadata(&path)?.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > RULE_FILE_MAX {
        return Err(io::Error::other("is too large for a rule file"));
    }
    fs::read_to_string(path)
}

fn fill(source: &mut dyn Source, from: u64, to: u64, piece: &mut Vec<u8>) -> io::Result<()> {
    let wanted = usize::try_from(to - from).map_err(io::Error::other)?;
    piece.resize(wanted, 0);
    let mut done = 0;
    while done < wanted {
        let read = source.read_at(from + done as u64, &mut piece[done..])?;
        if read == 0 {
            return Err(io::Error::other("it ends earlier than its length says"));
        }
        done += read;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use judge::judge_bytes;

    const RULE: &str = r#"
rule practice_note { strings: $a = "YOUR FILES ARE PRACTICE" condition: $a }
rule practice_big { condition: filesize > 1MB }
"#;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_match_is_malware_with_the_rule_and_its_place() {
        let folder =
            folder(&[("a.yar", RULE), ("inner/b.yara", "rule other { condition: false }"), ("c.txt", "no")]);
        let rules = Rules::load(folder.path()).unwrap();
        assert_eq!(rules.files(), 2);
        let bytes = b"read this\n\nYOUR FILES ARE PRACTICE\n";
        let judgement = rules.judge(&mut &bytes[..], judge_bytes("note.txt", bytes));
        assert_eq!(judgement.verdict, Verdict::Malware);
        assert_eq!(judgement.reasons[0], "rule practice_note matches at byte 11");
        let clean = judge_bytes("note.txt", b"nothing");
        assert_eq!(rules.judge(&mut &b"nothing"[..], clean.clone()), clean);
    }

    #[test]
    fn a_large_file_is_looked_at_in_pieces_that_overlap() {
        let folder = folder(&[("a.yar", RULE)]);
        let rules = Rules::load(folder.path()).unwrap();
        let mut bytes = vec![b'.'; usize::try_from(PIECE).unwrap() + 5000];
        let at = usize::try_from(PIECE).unwrap() - 10;
        bytes[at..at + 23].copy_from_slice(b"YOUR FILES ARE PRACTICE");
        let matches = rules.matches(&mut bytes.as_slice()).unwrap();
        let note = matches.found.iter().find(|found| found.rule == "practice_note").unwrap();
        assert_eq!(note.offset, at as u64, "it lies across the border of two pieces");
    }

    #[test]
    fn a_rule_that_cannot_be_read_refuses_the_folder_with_file_and_line() {
        let broken = folder(&[
            ("a.yar", RULE),
            ("b.yar", "rule fine { condition: true }\nrule broken { condition }\n"),
        ]);
        let message = Rules::load(broken.path()).err().unwrap().to_string();
        assert!(message.contains("b.yar:2:"), "{message}");
        let including = folder(&[("a.yar", "include \"/etc/passwd\"\n")]);
        let message = Rules::load(including.path()).err().unwrap().to_string();
        assert!(message.contains("a.yar:1:") && message.contains("include"), "{message}");
        assert!(matches!(Rules::load(folder(&[]).path()), Err(RulesFault::Empty(_))));
        assert!(matches!(Rules::load(Path::new("/nowhere")), Err(RulesFault::Folder { .. })));
    }

    #[test]
    fn the_hash_changes_with_every_rule_and_every_name() {
        let hash = |files: &[(&str, &str)]| Rules::load(folder(files).path()).unwrap().hash().to_owned();
        let one = hash(&[("a.yar", RULE)]);
        assert_eq!(one, hash(&[("a.yar", RULE)]));
        assert_ne!(one, hash(&[("b.yar", RULE)]));
        assert_ne!(one, hash(&[("a.yar", &format!("{RULE} "))]));
    }
}
