//! `blackstart journal show|verify DIR`: look into the journal, and prove that it is whole.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::folder;
use super::place::{self, Sought};
use super::{Answer, Failure, talk};
use incident::record::{self, Content, Entry};
use incident::store;

/// Look into a journal, and prove that it is whole. DIR is an incident folder or a bridge folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The entries, oldest first: number, time, who, what.
    Show(Show),
    /// Every record against the newest signed checkpoint, with nothing but the public key.
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Folder of the incident or of the bridge. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// First entry to show.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
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
    /// The answer as JSON on stdout.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.what {
        What::Show(args) => show(args),
        What::Verify(args) => verify(args),
    }
}

fn place(named: Option<&Path>, form: &str) -> Result<PathBuf, Failure> {
    named.map_or_else(|| place::found(Sought::Journal, form), |named| Ok(named.to_owned()))
}

fn show(args: &Show) -> Result<Answer, Failure> {
    let folder = place(args.folder.as_deref(), "blackstart journal show DIR")?;
    let print = |record: journal::Record| {
        if args.json {
            talk::json(&as_json(&record));
        } else {
            talk::data(as_line(&record::entry(record)));
        }
    };
    store::each_record(&folder, args.from, print).map_err(|fault| folder::failure(&folder, &fault))?;
    Ok(Answer::Done)
}

fn as_json(record: &journal::Record) -> Value {
    let content = match &record.payload {
        journal::Payload::Present(payload) => serde_json::from_slice::<Value>(payload)
            .unwrap_or_else(|_| json!({ "unreadable": String::from_utf8_lossy(payload) })),
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

/// Long values are cut: the whole stands in `--json`.
const SHOWN_CHARS_MAX: usize = 160;

fn as_line(entry: &Entry) -> String {
    let what = match &entry.content {
        Content::Known(event) => {
            let (kind, _, payload) = record::encode(event);
            let data: Value = serde_json::from_slice(&payload).unwrap_or_default();
            let data: String = data["data"].to_string().chars().take(SHOWN_CHARS_MAX).collect();
            format!("{kind} {data}")
        }
        Content::Unknown(unknown) => {
            format!("{} v{}: NOT READ: {}", unknown.kind, unknown.version, unknown.why)
        }
    };
    format!("{:>6}  {}  {:<14} {what}", entry.sequence, folder::time(entry.time_ms), entry.actor)
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
    if args.json {
        talk::json(&verification_as_json(&found));
    } else {
        print(&found);
    }
    Ok(if found.intact() { Answer::Done } else { Answer::No })
}

fn print(found: &journal::Verification) {
    for finding in &found.findings {
        talk::data(finding.to_string());
    }
    let signed = match &found.checkpoint {
        Some(checkpoint) => format!("{} of them signed, root {}", found.covered, hex(&checkpoint.root)),
        None => "none of them signed".to_owned(),
    };
    let erased =
        if found.erased > 0 { format!(", {} erased by decision", found.erased) } else { String::new() };
    talk::data(format!("{} records, {signed}{erased}", found.records));
    talk::data(if found.intact() {
        "The journal is whole."
    } else {
        "The journal is NOT whole: do not rely on the places named above, keep a copy of it as it is, and compare with other copies."
    });
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
        "root": found.checkpoint.as_ref().map(|checkpoint| hex(&checkpoint.root)),
        "checkpoint": found.checkpoint.as_ref().map(|checkpoint| checkpoint.text.clone()),
        "findings": findings,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
