//! Every store of an estate, one after the other: what each copy came to, and what could not be looked at.
//!
//! One store that cannot be judged stops none of the others. The last column never says more than was seen: a store without a
//! source, without a secret, or whose repository could not be opened is not judged, and that is not clean.

use std::path::Path;

use message::{Command, Remedy, counted, harmless};
use serde_json::{Value, json};

use super::super::folder;
use super::super::{Answer, Failure, place, read_estate, talk};
use super::repository::{self, Judged, Whose};
use super::{Args, by_scan};
use estate::model::{Store, shown_address};
use estate::{Estate, Id};
use scan::decide::Copies;
use scan::report::{self, Whole};
use scan::restic;
use scan::snapshots::short;

/// One line of the table.
struct Row {
    store: Id,
    outcome: Outcome,
}

enum Outcome {
    /// It has been judged. `refused`: why no recovery point could be recorded.
    Judged {
        newest: String,
        /// Why the newest is not called clean.
        reason: Option<String>,
        last_clean: Option<String>,
        not_looked_at: Option<String>,
        refused: Option<Problem>,
    },
    /// Not one byte of it was judged.
    NotJudged(Problem),
}

struct Problem {
    what: String,
    to_do: String,
}

impl Problem {
    fn new(what: impl Into<String>, to_do: impl Into<String>) -> Problem {
        Problem { what: what.into(), to_do: to_do.into() }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        let folder = failure.incident.as_ref().map(|folder| folder.display().to_string());
        Problem::new(failure.message.what.clone(), failure.message.to_do.shown(folder.as_deref()))
    }
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    let journal =
        place::to_record(args.journal.as_deref(), args.record, "blackstart scan --all --journal DIR")?;
    let estate = estate(args, journal.as_deref())?;
    let mut rows = Vec::with_capacity(estate.stores.len());
    for (at, (id, store)) in estate.stores.iter().enumerate() {
        talk::say(format!("{} of {}: {id}", at + 1, estate.stores.len()));
        let outcome = match one(args, &estate, id, store, journal.as_deref()) {
            Ok(judged) => outcome(judged),
            Err(why) => Outcome::NotJudged(why),
        };
        rows.push(Row { store: id.clone(), outcome });
    }
    if args.json {
        talk::json(&json!({ "stores": rows.iter().map(json_row).collect::<Vec<_>>() }));
    } else {
        show(&rows);
    }
    answer(&rows)
}

/// The estate that was named, or the one that is in force in the incident.
fn estate(args: &Args, journal: Option<&Path>) -> Result<Estate, Failure> {
    if let Some(what) = &args.what {
        return read_estate::read(Path::new(what));
    }
    let in_force = journal.map(folder::read).transpose()?.and_then(|view| view.estate_in_force());
    in_force.ok_or_else(|| {
        Failure::usage(
            "no estate was named, and no incident that has one",
            "there is nothing to look at",
            Remedy::run(Command::new("scan --all").open("ESTATE")),
        )
    })
}

fn one(
    args: &Args,
    estate: &Estate,
    id: &Id,
    store: &Store,
    journal: Option<&Path>,
) -> Result<Judged, Problem> {
    let Some(source) = &store.source else {
        let to_do = format!("write its `source` into [store.{}]", id.name());
        return Err(Problem::new("the estate names no source for it", to_do));
    };
    let password = restic::secret(&source.secret).map_err(|why| {
        let what = format!("the password for {} is not there: {why}", shown_address(&source.repository));
        Problem::new(what, "put it where the estate says, or correct that")
    })?;
    repository::keeps_out(args, journal, &source.repository)?;
    let whose = match journal {
        Some(journal) => Whose::Recorded(id.clone(), Box::new(folder::open(journal, &by_scan())?)),
        None => Whose::OfAStore(Copies::of(id, Some(estate))),
    };
    Ok(repository::judged(args, &source.repository, &password, whose)?)
}

fn outcome(judged: Judged) -> Outcome {
    let Judged { report, refused } = judged;
    let Some(newest) = report.snapshots.last() else {
        let why = report.unread.first().or_else(|| report.notes.first()).cloned();
        let why = why.unwrap_or_else(|| "the repository holds no snapshot of it".to_owned());
        return Outcome::NotJudged(Problem::new(why, "see that its backups go where the estate says"));
    };
    let verdict = match newest.verdict() {
        Whole::Clean => "clean",
        Whole::NotKnown => "NOT KNOWN",
        Whole::NotClean => "NOT CLEAN",
    };
    Outcome::Judged {
        newest: format!("{} {verdict}", short(&newest.id)),
        reason: (newest.verdict() != Whole::Clean).then(|| newest.reasons.first().cloned()).flatten(),
        last_clean: report.last_clean.clone(),
        not_looked_at: report::not_looked_at(&newest.not_looked_at),
        refused: refused.map(Problem::from),
    }
}

impl Row {
    fn problem(&self) -> Option<&Problem> {
        match &self.outcome {
            Outcome::Judged { refused, .. } => refused.as_ref(),
            Outcome::NotJudged(problem) => Some(problem),
        }
    }
}

fn json_row(row: &Row) -> Value {
    match &row.outcome {
        Outcome::Judged { newest, reason, last_clean, not_looked_at, refused } => json!({
            "store": row.store,
            "newest": newest,
            "reason": reason,
            "last_clean": last_clean,
            "not_looked_at": not_looked_at,
            "problem": refused.as_ref().map(|problem| &problem.what),
        }),
        Outcome::NotJudged(problem) => {
            json!({ "store": row.store, "last_clean": Value::Null, "problem": problem.what })
        }
    }
}

fn show(rows: &[Row]) {
    let width = rows.iter().map(|row| row.store.to_string().len()).max().unwrap_or(0).max("store".len());
    talk::data(format!("{:<width$}  {:<18}  {:<10}  what else", "store", "newest", "last clean"));
    for row in rows {
        let store = row.store.to_string();
        let line = match &row.outcome {
            Outcome::Judged { newest, reason, last_clean, not_looked_at, refused } => {
                let last_clean = last_clean.as_deref().map_or("NONE", short);
                let refused = refused.as_ref().map(|problem| &problem.what);
                let more = reason.iter().chain(not_looked_at).chain(refused);
                let more: Vec<&str> = more.map(String::as_str).collect();
                format!("{store:<width$}  {newest:<18}  {last_clean:<10}  {}", more.join("; "))
            }
            Outcome::NotJudged(problem) => {
                format!("{store:<width$}  {:<18}  {:<10}  {}", "NOT JUDGED", "NONE", problem.what)
            }
        };
        talk::data(harmless(line.trim_end()));
    }
    for row in rows {
        if let Some(problem) = row.problem() {
            talk::data(harmless(&format!("{}: {}", row.store, problem.to_do)));
        }
    }
    let count = |wanted: fn(&Outcome) -> bool| rows.iter().filter(|row| wanted(&row.outcome)).count();
    let clean = count(|outcome| matches!(outcome, Outcome::Judged { last_clean: Some(_), .. }));
    let none = count(|outcome| matches!(outcome, Outcome::Judged { last_clean: None, .. }));
    let not_judged = count(|outcome| matches!(outcome, Outcome::NotJudged(_)));
    talk::data(format!(
        "{}: {clean} with a clean snapshot, {none} without, {not_judged} NOT JUDGED",
        counted(rows.len(), "store")
    ));
}

/// The worst of all: whoever runs this at night reads one number.
fn answer(rows: &[Row]) -> Result<Answer, Failure> {
    let not_judged = rows.iter().filter(|row| matches!(row.outcome, Outcome::NotJudged(_))).count();
    if rows.is_empty() {
        return Err(Failure::usage(
            "the estate names no store",
            "nothing was judged",
            "name the stores of the estate, each with its `source`",
        ));
    }
    if not_judged > 0 {
        return Err(Failure::fault(
            format!("{} could not be judged", counted(not_judged, "store")),
            "nothing is known about their copies, so none of them can be called clean",
            "remove each cause that the table names, and scan again: what was judged is kept with --journal, and with --ledger \
             costs next to nothing the second time",
        ));
    }
    let all_clean = rows
        .iter()
        .all(|row| matches!(&row.outcome, Outcome::Judged { last_clean: Some(_), refused: None, .. }));
    Ok(if all_clean { Answer::Done } else { Answer::No })
}
