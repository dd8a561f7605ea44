//! `blackstart notice say` and `blackstart notice ledger`: what is told to the public, and what it rests on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::folder::{self, By, time};
use crate::cli::{Answer, Failure, FailureKind, named, place, read_estate, talk};
use estate::Kind;
use incident::Event;
use incident::notice::{Audience, Claim, Statement, StatementView};
use message::Command;
use notice::say;

#[derive(Debug, clap::Args)]
pub(super) struct Say {
    /// The estate: tenants, their languages, capabilities.
    estate: PathBuf,
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// What is said, in German.
    #[arg(long, value_name = "TEXT")]
    de: Option<String>,
    /// What is said, in French.
    #[arg(long, value_name = "TEXT")]
    fr: Option<String>,
    /// What is said, in English.
    #[arg(long, value_name = "TEXT")]
    en: Option<String>,
    /// What it claims, if that can be held against what is known.
    #[arg(long, value_enum, default_value = "news")]
    claim: ClaimWord,
    /// Capabilities that it is about. Without it: all.
    #[arg(long, value_name = "CAPABILITY", num_args = 1..)]
    about: Vec<String>,
    /// Tenants to whose people it is said. Without it: to all.
    #[arg(long, value_name = "TENANT", num_args = 1..)]
    tenant: Vec<String>,
    /// For whom it is. Without it: for all.
    #[arg(long = "for", value_name = "AUDIENCE", value_enum, num_args = 1..)]
    audiences: Vec<AudienceWord>,
    /// Entries of the journal that it rests on.
    #[arg(long, value_name = "ENTRY", num_args = 1..)]
    basis: Vec<u64>,
    /// When people hear more, at the latest: 2026-12-01T18:00:00Z.
    #[arg(long, value_name = "RFC3339")]
    next_update: Option<jiff::Timestamp>,
    /// The entry of an earlier statement that this one takes back.
    #[arg(long, value_name = "ENTRY")]
    corrects: Option<u64>,
    /// Why it is said although it does not agree with what is known. Recorded with it.
    #[arg(long, value_name = "REASON")]
    despite: Option<String>,
    #[command(flatten)]
    by: By,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ClaimWord {
    /// Nothing that could be compared.
    News,
    /// The capabilities work.
    Works,
    /// They are not available.
    Down,
    /// No data has left.
    NoOutflow,
    /// Data has left.
    Outflow,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum AudienceWord {
    Insured,
    Practice,
    Pharmacy,
    Hospital,
    Employer,
    Press,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatementList {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// All of it as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn say(args: &Say) -> Result<Answer, Failure> {
    let estate = read_estate::read(&args.estate)?;
    let statement = Statement {
        claim: claim(args.claim),
        capabilities: named::several(&estate, &args.about, &[Kind::Capability])?,
        tenants: named::several(&estate, &args.tenant, &[Kind::Tenant])?,
        audiences: args.audiences.iter().map(|word| audience(*word)).collect(),
        texts: texts(args),
        as_of_entry: 0,
        basis: args.basis.clone(),
        next_update_ms: args.next_update.map(jiff::Timestamp::as_millisecond),
        corrects: args.corrects,
        despite: args.despite.clone().filter(|reason| !reason.trim().is_empty()),
    };
    let folder =
        place::to_write(args.journal.as_deref(), "blackstart notice say ESTATE --journal DIR --de TEXT")?;
    let mut incident = folder::open(&folder, &args.by)?;
    let now_ms = folder::now_ms();
    folder::decide(&mut incident, |view| {
        say::say(&estate, view, &statement, now_ms).map(|event| vec![Event::Notice(event)])
    })?
    .map_err(|refusal| Failure::says(FailureKind::Refused, refusal.message()).of(&folder))?;
    let view = incident.view();
    read_estate::say_if_other(view, &estate, "tenants and languages are from this one");
    talk::say(format!("entry {} written", view.entries.saturating_sub(1)));
    let build =
        Command::new("notice build").open("ESTATE").with("--journal").incident().with("-o").open("SITE");
    talk::say(format!("it is on no page yet: {}", build.line(Some(&folder.display().to_string()))));
    Ok(Answer::Done)
}

fn texts(args: &Say) -> BTreeMap<String, String> {
    let all = [("de", &args.de), ("fr", &args.fr), ("en", &args.en)];
    all.into_iter().filter_map(|(tag, text)| Some((tag.to_owned(), text.clone()?))).collect()
}

fn claim(word: ClaimWord) -> Claim {
    match word {
        ClaimWord::News => Claim::News,
        ClaimWord::Works => Claim::Works,
        ClaimWord::Down => Claim::Down,
        ClaimWord::NoOutflow => Claim::NoOutflow,
        ClaimWord::Outflow => Claim::Outflow,
    }
}

fn audience(word: AudienceWord) -> Audience {
    match word {
        AudienceWord::Insured => Audience::Insured,
        AudienceWord::Practice => Audience::Practice,
        AudienceWord::Pharmacy => Audience::Pharmacy,
        AudienceWord::Hospital => Audience::Hospital,
        AudienceWord::Employer => Audience::Employer,
        AudienceWord::Press => Audience::Press,
    }
}

/// Every statement, the oldest first, with what it rests on.
pub(super) fn ledger(args: &StatementList) -> Result<Answer, Failure> {
    let folder = place::to_read(args.journal.as_deref(), "blackstart notice ledger --journal DIR")?;
    let view = folder::read(&folder)?;
    if args.json {
        talk::json(&serde_json::json!({ "said": view.notice.said }));
        return Ok(Answer::Done);
    }
    if view.notice.said.is_empty() {
        talk::say("nothing was said yet");
    }
    for said in &view.notice.said {
        talk::data(shown(said));
    }
    Ok(Answer::Done)
}

fn shown(said: &StatementView) -> String {
    let Statement { as_of_entry, basis, texts, corrects, despite, .. } = &said.statement;
    let basis: Vec<String> = basis.iter().map(u64::to_string).collect();
    let rests = if basis.is_empty() {
        "rests on no entry".to_owned()
    } else {
        format!("rests on {}", basis.join(", "))
    };
    let mut lines = vec![format!(
        "{}  entry {}  {}  {}, as known at entry {as_of_entry}, {rests}",
        time(said.time_ms),
        said.sequence,
        said.by,
        word(said.statement.claim)
    )];
    lines.extend(corrects.map(|entry| format!("    corrects entry {entry}")));
    lines.extend(said.corrected_by.map(|entry| format!("    CORRECTED by entry {entry}")));
    lines.extend(despite.iter().map(|reason| format!("    said in spite of what is known: {reason}")));
    lines.extend(said.statement.next_update_ms.map(|next| format!("    next update by {}", time(next))));
    lines.extend(texts.iter().map(|(tag, text)| format!("    {tag}  {text}")));
    lines.join("\n")
}

fn word(claim: Claim) -> &'static str {
    match claim {
        Claim::News => "news",
        Claim::Works => "claims: works",
        Claim::Down => "claims: not available",
        Claim::NoOutflow => "claims: no data has left",
        Claim::Outflow => "claims: data has left",
    }
}
