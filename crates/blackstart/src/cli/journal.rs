//! `blackstart journal show|verify|succeed DIR`: look into the journal, prove that it is whole, go on where it is not.

#![allow(
    clippy::disallowed_methods,
    reason = "`--follow` waits for entries of others, and `--since 2h` counts from the time of this machine"
)]

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use message::{Command, counted, counted_as, harmless};
use serde_json::{Value, json};

use super::place::{self, Sought};
use super::sentence::{self, Reading};
use super::{Answer, Failure, talk};
use super::{folder, harm, succeed};
use estate::Id;
use incident::damaged::{Look, Passage};
use incident::store::{self, StoreFault};

/// Look into a journal, prove that it is whole, go on where it is damaged. DIR is an incident folder or a bridge folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The entries, oldest first: number, time, who, what.
    Show(Show),
    /// Every record against every signed checkpoint, with nothing but the public key.
    Verify(Verify),
    /// Go on in a new folder where a damaged journal cannot.
    Succeed(succeed::Args),
}

/// The entries as sentences, oldest first. A damaged journal is shown as far as it can be read, with every gap named; then
/// the answer is no (exit 1).
#[derive(Debug, clap::Args)]
struct Show {
    /// Folder of the incident or of the bridge. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// First entry to show.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only the last N of what would be shown.
    #[arg(short = 'n', long, value_name = "N")]
    last: Option<usize>,
    /// Only what is about this thing: `kind:name`, or the name alone for all things of that name. What cannot be read may be
    /// about it too, and is shown.
    #[arg(long, value_name = "ID", value_parser = about)]
    about: Option<About>,
    /// Only entries from this time on: 2023-04-24T22:00:00Z, or how long ago: 30m, 2h, 3d. Times are what clocks said.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// Stay and show what comes, until Ctrl-C.
    #[arg(short = 'f', long)]
    follow: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Which thing is asked about. A journal need not have an estate that says what a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    Thing(Id),
    AnyCalled(String),
}

impl About {
    fn is(&self, id: &Id) -> bool {
        match self {
            About::Thing(thing) => thing == id,
            About::AnyCalled(name) => id.name() == name,
        }
    }
}

fn about(typed: &str) -> Result<About, String> {
    match typed.contains(':') {
        true => typed.parse().map(About::Thing).map_err(|error: estate::id::IdError| error.to_string()),
        false if typed.is_empty() => Err("a name is needed".to_owned()),
        false => Ok(About::AnyCalled(typed.to_owned())),
    }
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// Folder of the incident or of the bridge. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The public key, if you do not want to rely on the one in the folder.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere: it finds an end that was cut off.
    #[arg(long, value_name = "FILE")]
    remembered: Option<PathBuf>,
    /// The journal that this one continues, if it no longer lies where it did: compares what was carried over.
    #[arg(long, value_name = "DIR")]
    old: Option<PathBuf>,
    /// The answer as JSON on stdout.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.what {
        What::Show(args) => show(args),
        What::Verify(args) => verify(args),
        What::Succeed(args) => succeed::run(args),
    }
}

fn place(named: Option<&Path>, form: &str) -> Result<PathBuf, Failure> {
    named.map_or_else(|| place::found(Sought::Journal, form), |named| Ok(named.to_owned()))
}

/// How often a followed journal is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

fn show(args: &Show) -> Result<Answer, Failure> {
    let folder = place(args.folder.as_deref(), "blackstart journal show DIR")?;
    let fault = |fault| folder::failure(&folder, &fault);
    let look = Look::at(&folder).map_err(fault)?;
    let mut shown = Shown { args, kept: VecDeque::new(), next: args.from, not_allowed: BTreeMap::new() };
    if let Some(ended) = harm::ended(&folder).filter(|_| !args.json && look.harm.is_none()) {
        talk::data(ended);
    }
    let Some(harm) = &look.harm else {
        let read = |error| fault(StoreFault::Read(error));
        let mut reader = journal::Reader::open(&store::journal_path(&folder)).map_err(read)?;
        loop {
            let fresh = reader.read(shown.next).collect::<Result<Vec<_>, _>>().map_err(read)?;
            if fresh.iter().any(|record| !bridge::fact::is_own_kind(&record.kind)) {
                shown.not_allowed = not_allowed(&folder);
            }
            fresh.iter().for_each(|record| shown.record(record));
            shown.print();
            if !args.follow || talk::is_cut_off() {
                return Ok(Answer::Done);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    };
    match args.json {
        true => talk::json(&json!({ "journal_damage": harm::as_json(harm) })),
        false => harm::lines(&folder, harm).iter().for_each(talk::data),
    }
    look.each(&folder, &mut |met| match met {
        Passage::Record { record, proven } if record.sequence >= args.from => {
            shown.damaged_record(&record, proven);
        }
        Passage::Lost(gap) if gap.entries.end > args.from => {
            let (from, until) = (gap.entries.start, gap.entries.end);
            shown.keep(match args.json {
                true => json!({ "sequence": from, "until": until, "lost": gap.why }).to_string(),
                false => {
                    let up_to =
                        if until - from == 1 { String::new() } else { format!(" up to {}", until - 1) };
                    format!("{from:>6}  {:<20}  {:<14} NOT RELIED ON{up_to}: {}", "?", "?", gap.why)
                }
            });
        }
        Passage::Record { .. } | Passage::Lost(_) => {}
    })
    .map_err(fault)?;
    shown.print();
    Ok(Answer::No)
}

/// What is shown of a journal: the last `-n` of what the other options let through.
struct Shown<'a> {
    args: &'a Show,
    kept: VecDeque<String>,
    next: u64,
    /// Entries that do not fit what was recorded before them, and why: they were kept, and changed nothing.
    not_allowed: BTreeMap<u64, String>,
}

fn not_allowed(folder: &Path) -> BTreeMap<u64, String> {
    match store::read(folder) {
        Ok(view) => view.illegal.into_iter().map(|entry| (entry.sequence, entry.what)).collect(),
        Err(fault) => {
            talk::say(format!(
                "NOT KNOWN which of these entries nothing allowed, because the journal cannot be read as a whole: {}",
                folder::chain(&fault)
            ));
            BTreeMap::new()
        }
    }
}

impl Shown<'_> {
    fn wanted(&self, record: &journal::Record, said: &Reading) -> bool {
        let about = self.args.about.as_ref();
        let about = about.is_none_or(|wanted| {
            said.about.as_ref().is_none_or(|about| about.iter().any(|id| wanted.is(id)))
        });
        about && self.args.since.is_none_or(|since| record.time_ms >= since)
    }

    fn record(&mut self, record: &journal::Record) {
        self.next = record.sequence + 1;
        let said = sentence::of(record);
        if self.wanted(record, &said) {
            let not_allowed = self.not_allowed.get(&record.sequence);
            self.keep(match (self.args.json, not_allowed) {
                (true, None) => as_json(record).to_string(),
                (true, Some(why)) => {
                    let mut value = as_json(record);
                    value["not_allowed"] = json!(why);
                    value.to_string()
                }
                (false, None) => as_line(record, &said),
                (false, Some(why)) => {
                    format!(
                        "{}  (NOT ALLOWED, and changed nothing: {})",
                        as_line(record, &said),
                        harmless(why)
                    )
                }
            });
        }
    }

    fn damaged_record(&mut self, record: &journal::Record, proven: bool) {
        let said = sentence::of(record);
        if self.wanted(record, &said) {
            let mut value = as_json(record);
            value["proven"] = json!(proven);
            let mark = if proven { "" } else { "  (no signature proves this entry)" };
            self.keep(match self.args.json {
                true => value.to_string(),
                false => format!("{}{mark}", as_line(record, &said)),
            });
        }
    }

    fn keep(&mut self, line: String) {
        match self.args.last {
            None => talk::data(line),
            Some(last) => {
                self.kept.push_back(line);
                if self.kept.len() > last {
                    self.kept.pop_front();
                }
            }
        }
    }

    fn print(&mut self) {
        self.kept.drain(..).for_each(talk::data);
    }
}

/// A time, or how long ago.
fn since(text: &str) -> Result<i64, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let wrong =
        || format!("{text:?} is neither a time (2023-04-24T22:00:00Z) nor how long ago (30m, 2h, 3d)");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let ago = number.checked_mul(seconds * 1000).filter(|ago| *ago >= 0).ok_or_else(wrong)?;
    Ok(folder::now_ms().saturating_sub(ago))
}

fn as_json(record: &journal::Record) -> Value {
    let content = match &record.payload {
        journal::Payload::Present(payload) => content(payload),
        journal::Payload::Erased => json!({ "erased": true }),
    };
    json!({
        "sequence": record.sequence,
        "time": folder::time(record.time_ms),
        "actor": record.actor,
        "kind": record.kind,
        "version": record.version,
        "content": content,
    })
}

/// JSON as it is; of a bridge's entry its line of JSON. What follows that line is sealed and nobody here can open it.
fn content(payload: &[u8]) -> Value {
    let line = payload.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Value>(payload)
        .or_else(|_| serde_json::from_slice(line))
        .unwrap_or_else(|_| json!({ "unreadable": String::from_utf8_lossy(payload) }))
}

/// Longer sentences are cut, but for notes: the whole stands in `--json`.
const SHOWN_CHARS_MAX: usize = 240;

fn as_line(record: &journal::Record, said: &Reading) -> String {
    // An entry is one line, whatever people typed into it.
    let mut sentence = said.sentence.replace(['\n', '\r'], " ");
    if !sentence.starts_with("note: ") && sentence.chars().count() > SHOWN_CHARS_MAX {
        sentence = sentence.chars().take(SHOWN_CHARS_MAX).chain("...".chars()).collect();
    }
    let sentence: String = sentence.chars().map(|c| if message::steers(c) { '?' } else { c }).collect();
    format!("{:>6}  {}  {:<14} {sentence}", record.sequence, folder::time(record.time_ms), record.actor)
}

fn verify(args: &Verify) -> Result<Answer, Failure> {
    let folder = place(args.folder.as_deref(), "blackstart journal verify DIR")?;
    let place = args.public_key.clone().unwrap_or_else(|| store::public_key_path(&folder));
    let key = read(&place, "public key")?;
    let key =
        journal::PublicKey::parse(key.trim()).map_err(|error| unusable(&place, "a public key", &error))?;
    let remembered = match &args.remembered {
        None => None,
        Some(path) => Some(
            journal::Checkpoint::parse(&read(path, "remembered checkpoint")?)
                .map_err(|error| unusable(path, "a checkpoint", &error))?,
        ),
    };
    let found = journal::verify(&store::journal_path(&folder), &key, remembered.as_ref());
    let continues = succeed::told(&folder, args.old.as_deref())?;
    let same = continues.as_ref().is_none_or(|(_, same)| *same);
    if args.json {
        let mut value = verification_as_json(&found);
        value["continues"] =
            json!(continues.as_ref().map(|(lines, same)| json!({ "told": lines, "agrees": same })));
        value["continued_in"] = json!(incident::store::succeeded_by(&folder));
        talk::json(&value);
    } else {
        print(&folder, &found);
        continues.iter().flat_map(|(lines, _)| lines).for_each(talk::data);
    }
    Ok(if found.intact() && same { Answer::Done } else { Answer::No })
}

fn print(folder: &Path, found: &journal::Verification) {
    for finding in &found.findings {
        talk::data(finding.to_string());
    }
    let signed = match &found.checkpoint {
        Some(checkpoint) => {
            format!("{} of them signed, root {}", found.covered, estate::hex(&checkpoint.root))
        }
        None => "none of them signed".to_owned(),
    };
    let erased =
        if found.erased > 0 { format!(", {} erased by decision", found.erased) } else { String::new() };
    talk::data(format!("{}, {signed}{erased}", counted(found.records, "record")));
    if found.intact() {
        talk::data("The journal is whole.");
    } else {
        let trusted = found.trusted.as_ref().map_or(0, |trusted| trusted.size);
        talk::data(
            "The journal is NOT whole: do not rely on the places named above, and keep a copy of the folder as it is.",
        );
        talk::data(format!(
            "The newest signed state that is whole has {}.",
            counted_as(trusted, "entry", "entries")
        ));
    }
    if let Some(ended) = harm::ended(folder) {
        talk::data(ended);
    } else if !found.intact() {
        let show = Command::new("journal show").with(folder.display()).line(None);
        talk::data(format!(
            "See what is left: {show}\nTo go on in a new folder with all that is proven:\n  {}",
            harm::succeed(folder)
        ));
    }
}

fn verification_as_json(found: &journal::Verification) -> Value {
    let findings: Vec<Value> = found
        .findings
        .iter()
        .map(|finding| {
            json!({
                "grade": match finding.grade { journal::Grade::Damage => "damage", journal::Grade::Note => "note" },
                "sequence": finding.place.sequence,
                "file": finding.place.file,
                "offset": finding.place.offset,
                "problem": finding.problem.to_string(),
            })
        })
        .collect();
    json!({
        "intact": found.intact(),
        "records": found.records,
        "covered": found.covered,
        "erased": found.erased,
        "root": found.checkpoint.as_ref().map(|checkpoint| estate::hex(&checkpoint.root)),
        "checkpoint": found.checkpoint.as_ref().map(|checkpoint| checkpoint.text.clone()),
        "findings": findings,
        "trusted_size": found.trusted.as_ref().map(|trusted| trusted.size),
    })
}

fn read(path: &Path, what: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(
            format!("cannot read the {what} {}: {error}", path.display()),
            "nothing was verified",
            "name an incident folder or a bridge folder, or the file itself (--public-key, --remembered)",
        )
    })
}

fn unusable(path: &Path, what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::usage(
        format!("{} is not {what}: {}", path.display(), folder::chain(error)),
        "nothing was verified",
        "name the file as Blackstart wrote it",
    )
}
