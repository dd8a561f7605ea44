//! `blackstart check ESTATE`: what is wrong with this estate, worst first, with the place in the file.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode, ThemeStyles,
};
use serde::Serialize;

use super::color::{self, Tone};
use super::{Answer, Failure, folder, talk, whole_file};
use estate::check::{self, Summary};
use estate::files::ReadFault;
use estate::place::{Place, Sources};
use estate::{Finding, Grade, Id, Reading, canonical};
use message::{counted, counted_as, spaced, steers};
use situation::map;

/// What is wrong with this estate? Findings, worst first: blocking (no plan can be made, or it would be
/// wrong), serious (a restart will hurt here), note. Exit 1 only if something is blocking.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with *.toml (and tenants.csv), or one TOML file.
    estate: PathBuf,
    /// One JSON object instead of text; docs/formats/estate.md describes it.
    #[arg(long)]
    json: bool,
    /// Show only findings of this grade (blocking, serious, note) or with this code. The exit code and the counts are of
    /// all.
    #[arg(long, value_name = "GRADE|CODE")]
    only: Option<String>,
    /// Also draw the estate into this file (SVG): layers, kinds of dependencies, findings. To print or to open in a
    /// browser.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let reading = read(&args.estate)?;
    let findings = check::judge(&reading);
    if let Some(path) = &args.map {
        draw(path, &reading, &findings)?;
    }
    let shown: Vec<&Finding> = match &args.only {
        Some(only) => chosen(&findings, only)?,
        None => findings.iter().collect(),
    };
    if args.json {
        talk::json(&report(&reading, &findings, &shown));
    } else {
        talk::data(page(&reading, &findings, &shown).trim_end());
    }
    if let Some(only) = args.only.as_ref().filter(|_| shown.is_empty()) {
        talk::say(format!("no finding has the grade or the code {only}"));
    }
    let blocking = findings.iter().any(|finding| finding.grade == Grade::Blocking);
    Ok(if blocking { Answer::No } else { Answer::Done })
}

/// The findings of one grade or with one code. A code that no finding has is no mistake: it is what a script asks for.
fn chosen<'f>(findings: &'f [Finding], only: &str) -> Result<Vec<&'f Finding>, Failure> {
    let is_code = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if only.is_empty() || !only.chars().all(is_code) {
        return Err(Failure::usage(
            format!("--only {} is neither a grade nor a code", message::quoted(only)),
            "nothing was checked",
            "write --only blocking, --only serious, --only note, or a code as printed before a finding",
        ));
    }
    Ok(findings.iter().filter(|finding| finding.grade.word() == only || finding.code == only).collect())
}

fn draw(path: &Path, reading: &Reading, findings: &[Finding]) -> Result<(), Failure> {
    whole_file::write(path, &map::svg(&reading.estate, findings))
}

fn read(path: &Path) -> Result<Reading, Failure> {
    estate::read(path).map_err(|fault| {
        let to_do = match &fault {
            ReadFault::Missing(_) => "name the folder that holds the estate's TOML files",
            ReadFault::Empty(_) => "name another folder, or begin one as docs/guide/02-estate.md shows",
            ReadFault::TooMany(_) => "name the folder of the estate itself, not one above it",
            ReadFault::Unreadable { .. } => "look at its permissions and whether the disk answers",
        };
        Failure::fault(folder::chain(&fault), "nothing is known about the estate", to_do)
    })
}

/// `file:line:column`.
fn place(sources: &Sources, finding: &Finding) -> Option<String> {
    let (name, line, column) = sources.line(finding.place.as_ref()?)?;
    Some(format!("{name}:{line}:{column}"))
}

#[derive(Serialize)]
struct Report<'r> {
    /// Null unless every file could be read.
    estate_hash: Option<String>,
    #[serde(flatten)]
    summary: Summary,
    blocking: usize,
    serious: usize,
    notes: usize,
    findings: Vec<Shown<'r>>,
}

#[derive(Serialize)]
struct Shown<'r> {
    grade: &'static str,
    code: &'static str,
    what: &'r str,
    means: &'r str,
    to_do: String,
    ids: &'r [Id],
    place: Option<ShownPlace<'r>>,
}

#[derive(Serialize)]
struct ShownPlace<'r> {
    file: &'r str,
    line: usize,
    column: usize,
    /// Bytes from the beginning of the file, a byte order mark not counted.
    start: usize,
    end: usize,
}

fn count(findings: &[Finding], grade: Grade) -> usize {
    findings.iter().filter(|finding| finding.grade == grade).count()
}

fn report<'r>(reading: &'r Reading, findings: &[Finding], of: &[&'r Finding]) -> Report<'r> {
    let place = |place: &Place| {
        let (file, line, column) = reading.sources.line(place)?;
        Some(ShownPlace { file, line, column, start: place.bytes.start, end: place.bytes.end })
    };
    let shown = |finding: &'r Finding| Shown {
        grade: finding.grade.word(),
        code: finding.code,
        what: &finding.message.what,
        means: &finding.message.means,
        to_do: finding.message.to_do.to_string(),
        ids: &finding.ids,
        place: finding.place.as_ref().and_then(place),
    };
    Report {
        estate_hash: (!reading.incomplete).then(|| canonical::hash(&reading.estate)),
        summary: check::summary(&reading.estate),
        blocking: count(findings, Grade::Blocking),
        serious: count(findings, Grade::Serious),
        notes: count(findings, Grade::Note),
        findings: of.iter().copied().map(shown).collect(),
    }
}

/// Everything as text: each finding with a picture of its place, then one line of numbers.
fn page(reading: &Reading, findings: &[Finding], shown: &[&Finding]) -> String {
    let files: Vec<Arc<String>> =
        reading.sources.files.iter().map(|file| Arc::new(harmless(&file.text))).collect();
    // Letters and signs of a typewriter only: this is also read over a serial line.
    let mut theme = GraphicalTheme::none();
    if color::on_stdout() {
        theme.styles = ThemeStyles::ansi();
    }
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
    let mut page = String::new();
    for finding in shown {
        let picture = Picture::new(reading, finding, &files);
        if handler.render_report(&mut page, &picture).is_err() {
            let _ = write!(page, "{} {}: {}", finding.grade, finding.code, finding.message.what);
        }
        page.push('\n');
    }
    page.push_str(&blocking_again(reading, findings, shown));
    page.push_str(&last_line(reading, findings));
    page
}

/// Findings on a screen before the first of them scrolls away.
const SCREEN_MAX: usize = 3;
/// Blocking findings that are repeated at the end.
const AGAIN_MAX: usize = 10;

/// The worst stands first, and has scrolled away when there are many: it stands at the end once more, one line each.
fn blocking_again(reading: &Reading, findings: &[Finding], shown: &[&Finding]) -> String {
    let mut lines = String::new();
    let count = count(findings, Grade::Blocking);
    if shown.len() <= SCREEN_MAX || count == 0 {
        return lines;
    }
    for finding in findings.iter().filter(|finding| finding.grade == Grade::Blocking).take(AGAIN_MAX) {
        let at = place(&reading.sources, finding).map_or_else(String::new, |place| format!("{place}: "));
        let grade = color::painted(finding.grade.word(), Tone::Bad, color::on_stdout());
        let _ = writeln!(lines, "{grade} {}: {at}{}", finding.code, harmless(&finding.message.what));
    }
    if count > AGAIN_MAX {
        let _ = writeln!(lines, "and {} more that block: --only blocking", count - AGAIN_MAX);
    }
    lines.push('\n');
    lines
}

fn last_line(reading: &Reading, findings: &[Finding]) -> String {
    let summary = check::summary(&reading.estate);
    let things = [
        counted(summary.sites, "site"),
        counted(summary.hosts, "host"),
        counted(summary.services, "service"),
        counted(summary.stores, "store"),
        counted_as(summary.capabilities, "capability", "capabilities"),
        counted(summary.tenants, "tenant"),
        format!("{} insured", spaced(summary.insured)),
        counted_as(summary.edges, "dependency", "dependencies"),
    ];
    let share = (summary.without_edges * 100).checked_div(summary.services).unwrap_or(0);
    format!(
        "{}.\n{} of {} services ({share} %) have no known dependency in either direction.\n{} blocking, {} serious, {}.\n",
        things.join(", "),
        summary.without_edges,
        summary.services,
        count(findings, Grade::Blocking),
        count(findings, Grade::Serious),
        counted(count(findings, Grade::Note), "note"),
    )
}

/// The text with everything that could steer a terminal replaced, byte for byte, so that places still fit.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) && !matches!(letter, '\n' | '\t') {
            harmless.extend(std::iter::repeat_n('?', letter.len_utf8()));
        } else {
            harmless.push(letter);
        }
    }
    harmless
}

/// A finding as the library that draws places wants it.
#[derive(Debug)]
struct Picture<'f> {
    finding: &'f Finding,
    /// Name of the file with its text, and the bytes to mark. None: there is no place, or no room for it.
    source: Option<(NamedSource<Arc<String>>, Place)>,
    /// In words, where there is no picture.
    place: Option<String>,
}

/// Longer lines are named, not drawn.
const LINE_BYTES_MAX: usize = 400;

impl<'f> Picture<'f> {
    fn new(reading: &Reading, finding: &'f Finding, files: &[Arc<String>]) -> Picture<'f> {
        let drawn = finding.place.as_ref().and_then(|at| {
            let text = files.get(at.file)?;
            let before = text.get(..at.bytes.start)?.rfind('\n').map_or(0, |at| at + 1);
            let line = text.get(before..)?.lines().next().unwrap_or_default();
            let end = at.bytes.end.min(before + line.len()).max(at.bytes.start);
            let bytes = at.bytes.start..end;
            let name = &reading.sources.files.get(at.file)?.name;
            let fits = !text.is_empty() && line.len() <= LINE_BYTES_MAX;
            fits.then(|| (NamedSource::new(name, Arc::clone(text)), Place { file: at.file, bytes }))
        });
        let words = if drawn.is_none() { place(&reading.sources, finding) } else { None };
        Picture { finding, source: drawn, place: words }
    }
}

impl std::fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.finding.message.what)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

impl std::error::Error for Picture<'_> {}

impl miette::Diagnostic for Picture<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(format!("{}: {}", self.finding.grade, self.finding.code)))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.finding.grade {
            Grade::Blocking => Severity::Error,
            Grade::Serious => Severity::Warning,
            Grade::Note => Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(format!(
            "this means: {}\nto do: {}",
            self.finding.message.means, self.finding.message.to_do
        )))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|(source, _)| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, place) = self.source.as_ref()?;
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), place.bytes.clone());
        Some(Box::new(std::iter::once(label)))
    }
}
