//! `blackstart reach ESTATE`: would it work tonight?

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::color::{self, Tone};
use super::{Answer, Failure, read_estate, talk};
use estate::hands::Become;
use estate::model::{Run, Service};
use estate::{Estate, Finding, Grade, Id};
use hands::rehearsal::{self, HostReport};
use hands::{Verb, side_by_side};
use message::{counted, quoted};
use world::World;
use world::real::Real;

/// Is every host reached, does it know what it is to start, and would it allow what the restart and the cut would ask
/// for? Asks all hosts side by side and changes nothing. Exit 1 if something serious is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with *.toml (and tenants.csv), or one TOML file.
    estate: PathBuf,
    /// Ask only this host. May be given several times.
    #[arg(long, value_name = "ID")]
    host: Vec<String>,
    /// Connect to nobody: print what recover and contain would do, host by host and line by line.
    #[arg(long, conflicts_with = "json")]
    print: bool,
    /// One JSON object instead of text; docs/formats/answers.md describes it.
    #[arg(long)]
    json: bool,
}

/// A host that takes longer to say how something stands would not be waited for in the incident either.
const ANSWER_MS: u64 = 30_000;

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let estate = read_estate::read(&args.estate)?;
    let hosts = chosen(&estate, &args.host)?;
    if hosts.is_empty() && !args.print {
        return Err(Failure::refused(
            "no host says how it is reached, and no service has a driver",
            "nobody was asked, so nothing is known of whether a restart would work tonight",
            "write `ssh` or `local` into hosts and `run.systemd` or its like into services, as docs/guide/02-estate.md shows",
        ));
    }
    if args.print {
        talk::data(printed(&estate, &hosts).trim_end());
        return Ok(Answer::Done);
    }
    let reports = asked(&estate, &hosts)?;
    let findings = rehearsal::findings(&estate, &reports);
    if args.json {
        talk::json(&report(&reports, &findings));
    } else {
        findings.iter().for_each(show);
        talk::data(summary(&estate, &reports, &findings, args.host.is_empty()));
    }
    let is_serious = findings.iter().any(|finding| finding.grade != Grade::Note);
    Ok(if is_serious { Answer::No } else { Answer::Done })
}

fn chosen(estate: &Estate, named: &[String]) -> Result<Vec<Option<Id>>, Failure> {
    let all = rehearsal::hosts(estate);
    if named.is_empty() {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for name in named {
        let whole = if name.contains(':') { name.clone() } else { format!("host:{name}") };
        let known = all.iter().find(|host| host.as_ref().is_some_and(|id| id.to_string() == whole));
        let known = known.ok_or_else(|| {
            let names: Vec<String> = all.iter().flatten().map(Id::to_string).collect();
            let to_do = match names.as_slice() {
                [] => "say in the estate how its hosts are reached: `ssh` or `local` of a host".to_owned(),
                names => format!("name one of: {}", names.join(", ")),
            };
            Failure::usage(format!("there is nothing to ask of {}", quoted(name)), "nobody was asked", to_do)
        })?;
        chosen.push(known.clone());
    }
    Ok(chosen)
}

/// Asks every host, and says of each what came of it as soon as it is known.
fn asked(estate: &Estate, hosts: &[Option<Id>]) -> Result<Vec<HostReport>, Failure> {
    let folder = private_folder()?;
    let world = Real::new(folder.path(), scan::restic::read_repository).map_err(|fault| {
        Failure::fault(fault.to_string(), "nobody was asked", "look at the machine and call again")
    })?;
    let carry = |way: &_, script: &_| world.carry(way, script, ANSWER_MS).map_err(|fault| fault.to_string());
    let ask = |at: usize| rehearsal::asked(estate, hosts[at].as_ref(), &carry);
    let mut reports = Vec::new();
    let took: Result<(), Failure> = side_by_side(hosts.len(), ask, |at, report| {
        let came = match &report.silence {
            Some(_) => "not reached".to_owned(),
            None => format!("reached, {}", counted(report.services.len(), "service")),
        };
        talk::say(format!("{}/{} {}: {came}", reports.len() + 1, hosts.len(), called(hosts[at].as_ref())));
        reports.push(report);
        Ok(())
    });
    took?;
    reports.sort_by(|one, other| one.host.cmp(&other.host));
    Ok(reports)
}

fn called(host: Option<&Id>) -> String {
    host.map_or_else(|| "this machine".to_owned(), Id::to_string)
}

/// What ssh is told lies in it: nobody else may have made it before us.
struct Private(PathBuf);

impl Private {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // Settings and public keys: of no use to anybody, and no loss if they stay.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn private_folder() -> Result<Private, Failure> {
    let path = std::env::temp_dir().join(format!("blackstart-reach-{}", std::process::id()));
    let made = DirBuilder::new().mode(0o700).create(&path);
    made.map_err(|error| {
        Failure::fault(
            format!("cannot make {}: {error}", path.display()),
            "nobody was asked",
            "if it is there already, look whose it is and remove it; else make room, or set TMPDIR",
        )
    })?;
    Ok(Private(path))
}

fn show(finding: &Finding) {
    let tone = if finding.grade == Grade::Note { Tone::Doubtful } else { Tone::Bad };
    let grade = color::painted(finding.grade.word(), tone, color::on_stdout());
    let message = &finding.message;
    talk::data(format!(
        "{grade} {}: {}\n  this means: {}\n  to do: {}\n",
        finding.code, message.what, message.means, message.to_do
    ));
}

fn summary(estate: &Estate, reports: &[HostReport], findings: &[Finding], is_whole: bool) -> String {
    let of_hosts: Vec<&HostReport> = reports.iter().filter(|report| report.host.is_some()).collect();
    let silent = of_hosts.iter().filter(|report| report.silence.is_some()).count();
    let serious =
        |id: &Id| findings.iter().any(|finding| finding.grade != Grade::Note && finding.ids.contains(id));
    let of_reports = |service: &Service| reports.iter().any(|report| report.host == service.host);
    let driven = rehearsal::driven(estate).filter(|(_, service, _)| of_reports(service)).count();
    let asked = reports.iter().flat_map(|report| &report.services);
    let ready = asked.filter(|asked| !serious(&asked.service)).count();
    let mut lines = vec![format!(
        "{}, {silent} not reached; {} with a driver, {ready} of them can be started, cut off and let go on.",
        counted(of_hosts.len(), "host"),
        counted(driven, "service"),
    )];
    if is_whole {
        let count =
            |fits: &dyn Fn(&Service) -> bool| estate.services.values().filter(|one| fits(one)).count();
        let by_hand = count(&Service::is_started_by_hand);
        let commands = count(&|service| !service.is_driven() && !service.is_started_by_hand());
        lines.push(format!(
            "Not asked about: {} with commands of this machine, {by_hand} that people start.",
            counted(commands, "service")
        ));
    }
    lines.join("\n")
}

#[derive(Serialize)]
struct Report<'r> {
    hosts: Vec<ShownHost<'r>>,
    findings: Vec<ShownFinding<'r>>,
}

#[derive(Serialize)]
struct ShownHost<'r> {
    /// Null: this machine.
    host: Option<&'r Id>,
    is_reached: bool,
    services: Vec<ShownService<'r>>,
}

#[derive(Serialize)]
struct ShownService<'r> {
    service: &'r Id,
    /// Null: it was not said.
    stands: Option<&'static str>,
    is_held: bool,
    may: &'r [String],
    may_not: &'r [String],
    why: Option<&'r str>,
}

#[derive(Serialize)]
struct ShownFinding<'r> {
    grade: &'static str,
    code: &'static str,
    what: &'r str,
    means: &'r str,
    to_do: String,
    ids: &'r [Id],
}

fn report<'r>(reports: &'r [HostReport], findings: &'r [Finding]) -> Report<'r> {
    let service = |report: &'r rehearsal::ServiceReport| match &report.answer {
        Ok(read) => ShownService {
            service: &report.service,
            stands: Some(read.standing.word()),
            is_held: read.is_held,
            may: &read.may,
            may_not: &read.may_not,
            why: None,
        },
        Err(why) => ShownService {
            service: &report.service,
            stands: None,
            is_held: false,
            may: &[],
            may_not: &[],
            why: Some(why),
        },
    };
    let host = |report: &'r HostReport| ShownHost {
        host: report.host.as_ref(),
        is_reached: report.silence.is_none(),
        services: report.services.iter().map(service).collect(),
    };
    let finding = |finding: &'r Finding| ShownFinding {
        grade: finding.grade.word(),
        code: finding.code,
        what: &finding.message.what,
        means: &finding.message.means,
        to_do: finding.message.to_do.to_string(),
        ids: &finding.ids,
    };
    Report { hosts: reports.iter().map(host).collect(), findings: findings.iter().map(finding).collect() }
}

/// What would be carried out where, for each thing that the restart or the cut may do.
const DEEDS: [(&str, Verb); 4] = [
    ("recover starts it", Verb::Start),
    ("recover stops it again, if its gate fails", Verb::Stop),
    ("contain cuts it off", Verb::Hold),
    ("contain lift lets it go on", Verb::Release),
];

fn printed(estate: &Estate, hosts: &[Option<Id>]) -> String {
    let mut page = String::new();
    let mut line = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    for host in hosts {
        let on_it = rehearsal::driven(estate).filter(|(_, service, _)| service.host == *host);
        let on_it: Vec<&Id> = on_it.map(|(id, ..)| id).collect();
        line(&format!("{} ({})", called(host.as_ref()), how(estate, host.as_ref())));
        if on_it.is_empty() {
            line("  nothing is started there by Blackstart");
        }
        for id in on_it {
            for (deed, verb) in DEEDS {
                line(&format!("  {id}: {deed}"));
                match hands::order(estate, id, verb) {
                    Ok(order) => order.script.text.lines().for_each(|text| line(&format!("    | {text}"))),
                    Err(no) => line(&format!("    nothing can be done: {no}")),
                }
            }
        }
        line("");
    }
    let by_command = estate.services.iter().filter_map(|(id, service)| {
        service.run.as_ref().filter(|run| run.driver.is_none() && !run.start.is_empty()).map(|run| (id, run))
    });
    for (id, run) in by_command {
        line(&format!("this machine: {id}"));
        commands(run).iter().for_each(|(deed, text)| line(&format!("  {deed}: {text}")));
    }
    page
}

fn commands(run: &Run) -> Vec<(&'static str, String)> {
    let shown = |words: &[String]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let all = [("start", &run.start), ("stop", &run.stop), ("let load in", &run.admit)];
    all.into_iter().filter(|(_, words)| !words.is_empty()).map(|(deed, words)| (deed, shown(words))).collect()
}

fn how(estate: &Estate, host: Option<&Id>) -> String {
    let Some(id) = host else { return "no host is needed".to_owned() };
    if let Err(no) = hands::way::to(estate, id) {
        return format!("it is not reached: {no}");
    }
    let Some(ssh) = estate.hosts.get(id).and_then(|host| host.ssh.as_ref()) else {
        return "here, as the user who calls Blackstart".to_owned();
    };
    let user = ssh.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
    let jump = ssh.jump.as_ref().map_or_else(String::new, |jump| format!(" through {jump}"));
    let becomes = match ssh.becomes {
        Become::Nobody => "",
        Become::Sudo => ", with sudo",
    };
    format!("ssh {user}{} port {}{jump}{becomes}", ssh.address, ssh.port.unwrap_or(22))
}
