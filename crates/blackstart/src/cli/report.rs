//! `blackstart report KIND`: a report, filled in as far as the journal knows.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use duty::facts::ReportFacts;
use duty::report::{Language, Report, ReportRequest, report};
use duty::rule::{Owed, Rule, Step, ours};
use estate::Id;
use estate::id::Kind;
use incident::duty::Duty;
use incident::{View, store};
use message::{Command, Remedy, counted, harmless};
use rustix::fs::{CWD, RenameFlags};

use super::{Answer, Failure, folder, named, place, talk};

/// A report, filled in as far as the journal knows, for a person who checks and completes it. Every statement names the entries that it
/// is from; what nobody has recorded stands there as not known. A tenant's report holds only its own data: free texts that name another
/// tenant are left out, and that is said.
///
/// Without -o it is printed as text. With -o a folder is written with the report as a page and as text, in German and in English;
/// with --every-tenant a folder for each tenant. The folder must not exist, and is there whole or not at all.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Which duty; `duty list` names them.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Which step of it. Without it: the first that was not filed.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Whose report, where each tenant has its own.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// The report of every tenant of the estate; needs -o.
    #[arg(long, conflicts_with = "tenant", requires = "out")]
    every_tenant: bool,
    /// In which language it is printed.
    #[arg(long, value_enum, default_value = "en", conflicts_with = "out")]
    language: Tongue,
    /// The folder to write.
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The answer as JSON on stdout.
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tongue {
    De,
    En,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let incident = place::to_read(args.folder.as_deref(), "blackstart report DIR KIND")?;
    let view = folder::read(&incident)?;
    let mut facts = ReportFacts::default();
    store::each_entry(&incident, 0, |entry| facts.learn(&entry))
        .map_err(|fault| folder::failure(&incident, &fault))?;
    let whose = whose(args, &view, &facts)?;
    let now_ms = folder::now_ms();
    let mut folders = Vec::new();
    for tenant in &whose {
        let tenant = tenant.as_ref();
        let clock = view.duty.find(&args.kind, tenant);
        let rule = rule(&args.kind, clock)?;
        fits(&rule, tenant, args.every_tenant)?;
        let step = step(&rule, clock, args.step.as_deref())?;
        // Names of ids are small letters, digits and `-`.
        let below = tenant.filter(|_| args.every_tenant).map(|tenant| tenant.name().to_owned());
        let wish = ReportRequest { facts: &facts, rule: &rule, step, tenant, clock, now_ms };
        folders.push((below, Language::ALL.map(|language| report(&wish, language))));
    }
    match &args.out {
        Some(out) => {
            placed(out, &folders)?;
            let many = counted(folders.len(), "report");
            talk::say(format!(
                "{many} in {}: check, complete and send, then `blackstart duty filed`",
                out.display()
            ));
        }
        None => {
            for (_, [german, english]) in &folders {
                let report = match args.language {
                    Tongue::De => german,
                    Tongue::En => english,
                };
                if args.json {
                    talk::json(report);
                } else {
                    talk::data(report.text().trim_end());
                }
            }
        }
    }
    Ok(Answer::Done)
}

fn whose(args: &Args, view: &View, facts: &ReportFacts) -> Result<Vec<Option<Id>>, Failure> {
    if let Some(typed) = &args.tenant {
        return Ok(vec![Some(named::in_incident(view, typed, &[Kind::Tenant])?)]);
    }
    if !args.every_tenant {
        return Ok(vec![None]);
    }
    let estate = facts.estate.as_ref().map(|(estate, _)| estate);
    let all: Vec<Option<Id>> =
        estate.into_iter().flat_map(|estate| estate.tenants.keys().cloned().map(Some)).collect();
    if all.is_empty() {
        return Err(Failure::fault(
            "the estate in this journal names no tenant, or cannot be read",
            "it is not known whose reports these would be; nothing was written",
            Remedy::run_to("put the estate in force", Command::new("adopt").incident().open("ESTATE")),
        ));
    }
    Ok(all)
}

/// The rule that the clock was started by; without a clock, ours.
fn rule(kind: &str, clock: Option<&Duty>) -> Result<Rule, Failure> {
    if let Some(clock) = clock {
        return Rule::read(&clock.rule).map_err(|fault| {
            Failure::fault(
                format!(
                    "the rule that this clock was started by (entry {}) cannot be read: {fault}",
                    clock.sequence
                ),
                "what has to be reported is not known here; nothing was written",
                "use the version of this program that started it",
            )
        });
    }
    ours().into_iter().map(|(rule, _)| rule).find(|rule| rule.id == kind).ok_or_else(|| {
        let known: Vec<String> = ours().into_iter().map(|(rule, _)| rule.id).collect();
        Failure::usage(
            format!("no duty that is known here is called `{}`, and no clock of that name runs for whom you named", harmless(kind)),
            "nothing was written",
            format!("name one of {}, or one whose clock was started", known.join(", ")),
        )
    })
}

fn fits(rule: &Rule, tenant: Option<&Id>, every_tenant: bool) -> Result<(), Failure> {
    let means = "nothing was written";
    match (rule.owed_by, tenant) {
        (Owed::Provider, Some(_)) => Err(Failure::usage(
            format!("{} is the provider's own report", rule.id),
            means,
            if every_tenant { "leave out --every-tenant" } else { "leave out --tenant" },
        )),
        (Owed::Tenant | Owed::ProviderToTenant, None) => Err(Failure::usage(
            format!("{} is a report of its own for each tenant", rule.id),
            means,
            "name the tenant with --tenant, or write all with --every-tenant -o FOLDER",
        )),
        (Owed::Provider, None) | (Owed::Tenant | Owed::ProviderToTenant, Some(_)) => Ok(()),
    }
}

fn step<'r>(rule: &'r Rule, clock: Option<&Duty>, wanted: Option<&str>) -> Result<&'r Step, Failure> {
    let filed = ReportFacts::filed(clock);
    let found = match wanted {
        Some(name) => rule.step(name),
        None => {
            let open = rule.steps.iter().find(|step| filed.iter().all(|filed| filed.step != step.name));
            open.or(rule.steps.last())
        }
    };
    found.ok_or_else(|| {
        let steps: Vec<&str> = rule.steps.iter().map(|step| step.name.as_str()).collect();
        Failure::usage(
            format!("{} has no step `{}`", rule.id, harmless(wanted.unwrap_or_default())),
            "nothing was written",
            format!("its steps are {}", steps.join(", ")),
        )
    })
}

/// Writes the folder beside its place, and moves it there when all of it is on disk; never over another.
fn placed(out: &Path, reports: &[(Option<String>, [Report; 2])]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let means = "there is no such folder, not even a part of one";
        if error.kind() == io::ErrorKind::AlreadyExists {
            return Failure::refused(
                format!("{} is there already", out.display()),
                "what somebody may have completed by hand is never replaced; nothing was written",
                "name another folder",
            );
        }
        Failure::fault(
            format!("cannot write {}: {error}", out.display()),
            means,
            "look at the path, its permissions and the free space, then call again",
        )
    };
    if out.symlink_metadata().is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let above = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = out.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let beside = above.join(name);
    fs::create_dir(&beside).map_err(failed)?;
    let done = written(&beside, reports)
        .and_then(|()| Ok(rustix::fs::renameat_with(CWD, &beside, CWD, out, RenameFlags::NOREPLACE)?))
        .and_then(|()| File::open(above)?.sync_all());
    if done.is_err() {
        // The first error is the one to report; a leftover has a name that says what it is.
        let _ = fs::remove_dir_all(&beside);
    }
    done.map_err(failed)
}

fn written(folder: &Path, reports: &[(Option<String>, [Report; 2])]) -> io::Result<()> {
    for (below, languages) in reports {
        let own = below.as_ref().map_or_else(|| folder.to_owned(), |below| folder.join(below));
        fs::create_dir_all(&own)?;
        for report in languages {
            for (ending, text) in [("html", report.html()), ("txt", report.text())] {
                let mut file = File::create_new(own.join(format!("report.{}.{ending}", report.language)))?;
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
            }
        }
        File::open(&own)?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}
