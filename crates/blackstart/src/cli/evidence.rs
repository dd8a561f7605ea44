//! `blackstart evidence bundle|verify`: hand the proof to others, and check what was handed over.

use std::path::{Path, PathBuf};

use estate::id::Kind;
use evidence::export::{Form, Wanted};
use evidence::{PackFault, Request};
use journal::PublicKey;
use message::{Command, Remedy, counted_as};
use proof::Scope;
use serde_json::json;

use super::{Answer, Failure, FailureKind, folder, named, place, sentence, talk};

/// Hand the proof to others, and check what was handed over.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Pack the journal and its proofs into one archive that opens without Blackstart.
    Bundle(Bundle),
    /// What such an archive proves, and what it does not.
    Verify(Verify),
    /// Write the journal as a time line for the tools that you have.
    Export(Export),
}

/// Write the journal as a time line: one line for each entry, with when, who and what as a sentence. Proves nothing (that is
/// `evidence bundle`); records nothing, and never replaces a file. With --tenant only entries that are about this tenant and about no
/// other. Exit 1: the journal is damaged; then the time line ends there, and its last line says so.
#[derive(Debug, clap::Args)]
struct Export {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// As what: JSON Lines as Timesketch imports them, or a table (CSV) that it and spreadsheets open.
    #[arg(long, value_enum)]
    form: ExportForm,
    /// The file to write. It must not exist.
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Only what concerns this tenant and nobody else.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ExportForm {
    Timesketch,
    Csv,
}

/// Pack the journal and its proofs into one archive (tar) of plain files: the entries as JSON Lines and as a page, the signed
/// checkpoints, the hash tree, the estates and plans. The archive is sealed with the journal's key: one byte changed anywhere,
/// and it does not verify. Records nothing, and never replaces a file.
///
/// With --tenant it holds only entries that are about this tenant and about no other, and name no other. Each proves its
/// place in the journal; of all the others there is nothing but hashes that nobody can guess. Entries that concern the tenant
/// together with others are counted, and left out.
#[derive(Debug, clap::Args)]
struct Bundle {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The archive to write. It must not exist.
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Only what concerns this tenant and nobody else.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

/// What an archive of `evidence bundle` proves, and what it does not, sentence by sentence. Nothing but the archive and the
/// public key is needed. Exit 0: it holds. Exit 1: something was changed, and what. `blackstart-verify FILE KEY` is a
/// program of its own that does the same.
#[derive(Debug, clap::Args)]
struct Verify {
    /// The archive.
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// The journal's public key (name+id+base64), or a file that holds it, such as `public-key` of the incident's folder. Take
    /// it from whoever keeps the journal, not from whoever gave you the archive.
    #[arg(long, value_name = "KEY")]
    key: String,
    #[arg(long, help = "For programs.")]
    json: bool,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.what {
        What::Bundle(args) => bundle(args),
        What::Verify(args) => verify(args),
        What::Export(args) => export(args),
    }
}

fn export(args: &Export) -> Result<Answer, Failure> {
    let incident =
        place::to_read(args.folder.as_deref(), "blackstart evidence export DIR --form FORM -o FILE")?;
    let tenant = match &args.tenant {
        None => None,
        Some(typed) => Some(tenant(&incident, typed)?),
    };
    let wanted = Wanted {
        folder: &incident,
        tenant: tenant.as_ref(),
        form: match args.form {
            ExportForm::Timesketch => Form::Timesketch,
            ExportForm::Csv => Form::Csv,
        },
        out: &args.out,
        sentence: &|record| sentence::of(record).sentence,
    };
    let done = evidence::export::export(&wanted).map_err(|fault| failure(&incident, &fault))?;
    let entries = |count: u64| counted_as(count, "entry", "entries");
    talk::data(format!("{}: {}", args.out.display(), entries(done.entries)));
    if done.withheld > 0 {
        talk::say(format!("note: {} about others as well are left out", entries(done.withheld)));
    }
    if done.unsigned > 0 {
        talk::say(format!("note: nobody has signed for {} of them yet; `signed` says which", done.unsigned));
    }
    for damage in &done.damage {
        talk::say(format!("THE JOURNAL IS DAMAGED, and the time line ends there: {damage}"));
    }
    Ok(if done.damage.is_empty() { Answer::Done } else { Answer::No })
}

fn bundle(args: &Bundle) -> Result<Answer, Failure> {
    let form = "blackstart evidence bundle DIR -o FILE";
    let incident = place::to_read(args.folder.as_deref(), form)?;
    let tenant = match &args.tenant {
        None => None,
        Some(typed) => Some(tenant(&incident, typed)?),
    };
    let request = Request {
        folder: &incident,
        tenant: tenant.as_ref(),
        out: &args.out,
        now_ms: folder::now_ms(),
        sentence: &|record| sentence::of(record).sentence,
    };
    let packed = evidence::pack(&request).map_err(|fault| failure(&incident, &fault))?;
    let seal = &packed.seal;
    let entries = |count: u64| counted_as(count, "entry", "entries");
    talk::data(format!(
        "{}: {} of {}, signed for up to entry {}",
        args.out.display(),
        entries(seal.entries),
        seal.journal_entries,
        seal.covered.saturating_sub(1)
    ));
    if packed.unsigned > 0 {
        talk::say(format!(
            "note: {} newer than the newest checkpoint: nobody had signed for them, and the bundle says so",
            entries(packed.unsigned)
        ));
    }
    for damage in &seal.damage {
        talk::say(format!("note: the journal is not whole, and the bundle says so: {damage}"));
    }
    if let Scope::Tenant { id, withheld } = &seal.scope
        && !withheld.is_empty()
    {
        talk::say(format!(
            "note: {} about {id} concern or name others, too, and are not in the bundle: {}",
            entries(withheld.len() as u64),
            withheld.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
    let check = Command::new("evidence verify")
        .with(args.out.display())
        .option("--key", incident::store::public_key_path(&incident).display());
    talk::say(format!("whoever gets it checks it with: {}", check.line(None)));
    Ok(Answer::Done)
}

/// By its full id, also of a tenant that an earlier estate knew; otherwise by a name in the estate in force.
fn tenant(incident: &Path, typed: &str) -> Result<estate::Id, Failure> {
    match typed.parse::<estate::Id>() {
        Ok(id) if id.kind() == Kind::Tenant => Ok(id),
        Ok(_) | Err(_) => named::in_incident(&folder::read(incident)?, typed, &[Kind::Tenant]),
    }
}

fn failure(incident: &Path, fault: &PackFault) -> Failure {
    if let PackFault::Store(fault) = fault {
        return folder::failure(incident, fault);
    }
    let kind = if fault.is_refusal() { FailureKind::Refused } else { FailureKind::Fault };
    Failure::says(kind, fault.message()).of(incident)
}

fn verify(args: &Verify) -> Result<Answer, Failure> {
    let key = key(&args.key)?;
    let report = proof::check(&args.bundle, &key).map_err(|error| {
        Failure::usage(folder::chain(&error), "nothing was verified", "name the archive that was handed over")
    })?;
    if args.json {
        talk::json(&json!({
            "holds": report.holds(),
            "broken": report.broken,
            "proven": report.proven,
            "not_proven": report.not_proven,
        }));
    } else {
        talk::data(report.to_string().trim_end());
    }
    Ok(if report.holds() { Answer::Done } else { Answer::No })
}

/// The key itself, or the file that holds it.
fn key(typed: &str) -> Result<PublicKey, Failure> {
    if let Ok(key) = PublicKey::parse(typed) {
        return Ok(key);
    }
    let unusable = |why: String| {
        Failure::usage(
            why,
            "without the public key nothing can be verified",
            Remedy::from("name the file `public-key` that whoever keeps the journal gives away"),
        )
    };
    let text = std::fs::read_to_string(typed).map_err(|error| {
        unusable(format!("{typed} is neither a public key nor a file that can be read: {error}"))
    })?;
    PublicKey::parse(&text).map_err(|error| unusable(format!("{typed} holds no public key: {error}")))
}
