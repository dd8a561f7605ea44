//! `blackstart import`: from what people have to an estate.

mod csv;
mod kubernetes;
mod systemd;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Answer, Failure, folder, named, talk};
use estate::files::RawFile;
use estate::model::{EdgeKind, Proposed};
use estate::{Grade, Id};
use import::draft::Draft;
use import::folder::{BASES, Existing, FolderFault, look, replace};
use import::login::Login;
use import::merge::{Difference, Sort};
use import::update::{self, Former, Refusal, Update};
use import::{Unreadable, compose, json, score, sources};
use message::{Command, counted, harmless};

/// Make an estate from descriptions that exist already. What they state becomes a dependency; what only hints at one
/// (an address in a setting, a shared volume) is proposed and counts for nothing until it is confirmed. Importing
/// again keeps what was changed by hand and shows what differs.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, clap::Subcommand)]
enum Source {
    /// Compose files (docker, podman): services, dependencies, health checks, volumes.
    Compose(ComposeArgs),
    /// Copied systemd units, or what `systemctl show '*'` said: services, dependencies, mounts.
    Systemd(systemd::Args),
    /// Kubernetes manifests, or a dump of a cluster: workloads, probes, claims.
    Kubernetes(kubernetes::Args),
    /// Tables exported from a CMDB or a spreadsheet: services, relations, tenants, stores, hosts.
    Csv(csv::Args),
    /// Make proposed dependencies real ones. Without a choice: list what is proposed.
    Confirm(ChoiceArgs),
    /// Keep proposals from ever being made again.
    Reject(ChoiceArgs),
}

/// Which proposals are meant.
#[derive(Debug, clap::Args)]
struct ChoiceArgs {
    /// Folder of the estate.
    estate: PathBuf,
    /// Dependent and provider of one proposal, for example service:cart service:redis (or cart redis).
    #[arg(num_args = 2, value_names = ["FROM", "TO"], conflicts_with_all = ["above", "all"])]
    ends: Vec<String>,
    /// All with at least this confidence, for example 0.8.
    #[arg(long, value_name = "CONFIDENCE", conflicts_with = "all")]
    above: Option<f64>,
    /// All that are proposed.
    #[arg(long)]
    all: bool,
    /// The kind of dependency, instead of the proposed one: hard, soft, start_only, data or order.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

#[derive(Debug, clap::Args)]
struct ComposeArgs {
    /// Compose files, in the order in which they are laid over each other.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// File of variables, instead of the .env beside the first file; may be given several times.
    #[arg(long, value_name = "F")]
    env_file: Vec<String>,
    /// Profile in use; may be given several times.
    #[arg(long, value_name = "P")]
    profile: Vec<String>,
    /// Services of all profiles.
    #[arg(long, conflicts_with = "profile")]
    all_profiles: bool,
    /// The host on which the containers run: they are started and stopped there. Without it: by compose, on this
    /// machine.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// What the project is called there, if its files do not say so: `docker compose ls` shows it.
    #[arg(long, value_name = "NAME", requires = "host")]
    project: Option<String>,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    out: Output,
}

/// How a named host is reached. `check` says what is missing, `reach` whether it works.
#[derive(Debug, clap::Args)]
pub struct LoginArgs {
    /// Its address, in numbers if possible. Without it: its name.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "here")]
    address: Option<String>,
    /// The user to log in as.
    #[arg(long, value_name = "USER", conflicts_with = "here")]
    user: Option<String>,
    /// That user changes something only by way of sudo.
    #[arg(long, conflicts_with = "here")]
    sudo: bool,
    /// File on this machine with the private key that opens it. Without it: the agent, or the usual files.
    #[arg(long, value_name = "FILE", conflicts_with = "here")]
    identity: Option<String>,
    /// It is this machine.
    #[arg(long)]
    here: bool,
}

impl LoginArgs {
    fn login(&self) -> Result<Login, Failure> {
        let (address, user) = (self.address.clone(), self.user.clone());
        let identity = self.identity.as_deref().map(absolute);
        let said = Login { address, user, sudo: self.sudo, identity, here: self.here }.checked();
        said.map_err(|unfit| {
            Failure::usage(
                unfit.to_string(),
                "nothing was imported and nothing was written",
                "write an address in numbers such as 192.0.2.7, a user of letters, digits, dots and dashes, a path of letters, digits and plain signs",
            )
        })
    }

    fn is_said(&self) -> bool {
        self.address.is_some() || self.user.is_some() || self.identity.is_some() || self.sudo || self.here
    }
}

/// Where the estate goes and what is printed: the same for every source.
#[derive(Debug, clap::Args)]
pub struct Output {
    /// Folder of the estate; made if it is not there, merged into if it is.
    #[arg(short = 'o', long = "output", value_name = "ESTATE")]
    estate: PathBuf,
    /// Name under which the last import is remembered, if one estate has several sources of one sort.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Also print what is not known, and what to ask whom.
    #[arg(long)]
    report: bool,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.source {
        Source::Compose(args) => compose(args),
        Source::Systemd(args) => systemd::run(args),
        Source::Kubernetes(args) => kubernetes::run(args),
        Source::Csv(args) => csv::run(args),
        Source::Confirm(args) => choose(args, |files, chosen, kind| update::confirm(files, chosen, kind)),
        Source::Reject(args) => choose(args, |files, chosen, _| update::reject(files, chosen)),
    }
}

/// Changes the proposals that are meant, and shows them first.
fn choose(
    args: &ChoiceArgs,
    change: impl Fn(&[RawFile], &dyn Fn(&Proposed) -> bool, Option<EdgeKind>) -> Result<Update, Refusal>,
) -> Result<Answer, Failure> {
    let kind = args.kind.as_deref().map(kind).transpose()?;
    let found = look(&args.estate).map_err(|fault| failed(&fault))?;
    let waiting = update::proposals_in(&found.files);
    let ends = ends(&args.ends, &waiting)?;
    let least = args.above.map(least).transpose()?;
    let chosen = |proposed: &Proposed| match (&ends, least) {
        (Some((from, to)), _) => proposed.from == *from && proposed.to == *to,
        (None, Some(least)) => proposed.confidence >= least,
        (None, None) => args.all,
    };
    let listed = ends.is_none() && least.is_none() && !args.all;
    let open = || waiting.iter().filter(|proposed| !proposed.rejected);
    let shown: Vec<&Proposed> = open().filter(|proposed| listed || chosen(proposed)).collect();
    for proposed in &shown {
        talk::data(proposal_line(proposed, kind));
    }
    if listed {
        talk::say(format!("{} proposed; choose with FROM TO, --above CONFIDENCE or --all", shown.len()));
        return Ok(Answer::Done);
    }
    if shown.is_empty() {
        let surest = open().map(|proposed| proposed.confidence).max();
        let why = match &ends {
            Some((from, to)) => update::why_not_proposed(&found.files, from, to),
            None => none_fits(args, surest),
        };
        return Err(refused(&Refusal::NoSuchProposal(why)));
    }
    let update = change(&found.files, &chosen, kind).map_err(|refusal| refused(&refusal))?;
    replace(&args.estate, &found, &update.files).map_err(|fault| failed(&fault))?;
    let check = Command::new("check").with(args.estate.display()).line(None);
    talk::say(format!("{} changed; next: {check}", shown.len()));
    Ok(Answer::Done)
}

/// The least confidence in thousandths.
fn least(share: f64) -> Result<u16, Failure> {
    if (0.0..=1.0).contains(&share) {
        return Ok((share * 1000.0).round() as u16);
    }
    Err(Failure::usage(
        format!("--above {share}: a confidence goes from 0 to 1"),
        "nothing was changed",
        "write for example --above 0.9; without a choice the command lists what is proposed, with its confidence",
    ))
}

/// Why nothing was chosen.
fn none_fits(args: &ChoiceArgs, surest: Option<u16>) -> String {
    let shown = |thousandths: u16| f64::from(thousandths) / 1000.0;
    match (surest, args.above) {
        (Some(surest), Some(above)) => {
            format!("none has a confidence of {above} or more; the surest has {}", shown(surest))
        }
        (None, _) | (Some(_), None) => "nothing is proposed in this estate".to_owned(),
    }
}

/// `becomes`: the kind that a person chose in place of the proposed one.
fn proposal_line(proposed: &Proposed, becomes: Option<EdgeKind>) -> String {
    let Proposed { from, to, kind, evidence, confidence, instead_of, .. } = proposed;
    let chosen = match becomes {
        Some(becomes) if becomes != *kind => format!("{} (proposed as {})", becomes.word(), kind.word()),
        Some(_) | None => kind.word().to_owned(),
    };
    let instead = instead_of.map_or_else(String::new, |kind| format!(" instead of {}", kind.word()));
    let (whole, thousandths) = (confidence / 1000, confidence % 1000);
    format!("{whole}.{thousandths:03}  {from} needs {to} {chosen}{instead}: {}", harmless(evidence))
}

fn kind(word: &str) -> Result<EdgeKind, Failure> {
    EdgeKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| {
        Failure::usage(
            format!("`{}` is not a kind of dependency", harmless(word)),
            "nothing was changed",
            "write hard, soft, start_only, data or order; docs/guide/02-estate.md says which",
        )
    })
}

/// Two ids. A plain name is what is proposed under that name; if nothing is, it is a service.
fn ends(typed: &[String], waiting: &[Proposed]) -> Result<Option<(Id, Id)>, Failure> {
    let [from, to] = typed else { return Ok(None) };
    let from = end(from, waiting.iter().map(|proposed| &proposed.from))?;
    let to = end(to, waiting.iter().map(|proposed| &proposed.to))?;
    Ok(Some((from, to)))
}

fn end<'p>(typed: &str, known: impl Iterator<Item = &'p Id>) -> Result<Id, Failure> {
    let known: BTreeSet<&Id> = known.collect();
    let named = known.iter().any(|id| id.name() == typed);
    if named || typed.contains(':') {
        return named::among(known.into_iter(), typed, "thing that is proposed");
    }
    named::whole(&format!("service:{typed}"))
}

fn compose(args: &ComposeArgs) -> Result<Answer, Failure> {
    let first = absolute(&args.files[0]);
    let mut words = vec!["docker".to_owned(), "compose".to_owned()];
    for file in &args.files {
        words.extend(["-f".to_owned(), absolute(file)]);
    }
    for file in &args.env_file {
        words.extend(["--env-file".to_owned(), absolute(file)]);
    }
    let folder = Path::new(&first).parent().and_then(Path::file_name);
    let project = folder.map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned());
    let options = compose::Options {
        on: on_host(args, &project)?,
        files: args.files.clone(),
        env_files: args.env_file.clone(),
        profiles: args.profile.clone(),
        all_profiles: args.all_profiles,
        shell: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        compose: words,
    };
    let draft = compose::read(&options, &sources::fetch).map_err(|fault| unreadable(&fault))?;
    finish(&draft, "compose", &project, &first, &args.out)
}

fn on_host(args: &ComposeArgs, folder: &str) -> Result<Option<compose::OnHost>, Failure> {
    let Some(name) = args.host.clone() else {
        if args.login.is_said() {
            return Err(Failure::usage(
                "it is said how a host is reached, and not which",
                "nothing was imported and nothing was written",
                "name it with --host NAME",
            ));
        }
        return Ok(None);
    };
    let login = args.login.login()?;
    // As compose itself calls a project after its folder.
    let lower = folder.to_lowercase();
    let usual = lower.chars().filter(|letter| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '_')
    });
    let usual: String = usual.collect();
    let project = args.project.clone().unwrap_or_else(|| usual.trim_start_matches(['-', '_']).to_owned());
    // Where it lies on another host nobody has said; several files are not one.
    let file = match args.files.as_slice() {
        [one] if login.here => Some(absolute(one)),
        _ => None,
    };
    Ok(Some(compose::OnHost { name, login, project, file }))
}

/// A path that still leads there from another folder, and is the same from everywhere.
fn absolute(path: &str) -> String {
    let whole = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    whole.map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// What every source ends with: the draft goes into the folder, whole or not at all, and is reported. `sort` is the
/// word of the command, `usual` the name of this source, `from` where it lies on this machine.
pub fn finish(draft: &Draft, sort: &str, usual: &str, from: &str, out: &Output) -> Result<Answer, Failure> {
    let name = out.name.as_deref().unwrap_or(usual);
    let key = format!("{sort}-{}", import::names::single(estate::Kind::Resource, name).name());
    let found = look(&out.estate).map_err(|fault| failed(&fault))?;
    let base = base(&found, &key, from, out)?;
    let draft = &with_what_is_shared(draft, &found, &key, sort);
    let others =
        found.bases.iter().filter(|(file, _)| **file != format!("{key}.toml")).map(|(_, text)| text.as_str());
    let former = Former { own: base, others: others.collect() };
    let update = update::import(&found.files, &former, draft, &format!("{key}.toml"))
        .map_err(|refusal| refused(&refusal))?;
    let mut files = update.files.clone();
    files.insert(format!("{BASES}/{key}.toml"), format!("{FROM_LINE}{from}\n{}", update::base(draft)));
    replace(&out.estate, &found, &files).map_err(|fault| failed(&fault))?;
    show(draft, &update, out);
    Ok(Answer::Done)
}

/// Two projects of one sort that both have a `db` rarely mean the same one, and under one name they are one thing.
fn with_what_is_shared(draft: &Draft, found: &Existing, key: &str, sort: &str) -> Draft {
    let mut draft = draft.clone();
    let is_other = |file: &str| file.starts_with(&format!("{sort}-")) && file != format!("{key}.toml");
    for (file, text) in found.bases.iter().filter(|(file, _)| is_other(file)) {
        let theirs = Former { own: None, others: vec![text] }.elsewhere();
        let shared: Vec<String> = draft
            .estate
            .services
            .keys()
            .chain(draft.estate.stores.keys())
            .filter(|id| theirs.contains(*id))
            .map(Id::to_string)
            .collect();
        if !shared.is_empty() {
            draft.note(
                Grade::Serious,
                "same-name-elsewhere",
                None,
                format!("{} are also in {}, which was imported before", shared.join(", "), file.trim_end_matches(".toml")),
                "under one name they are one thing: a plan or a cut treats both projects as if they shared it",
                "if they are different, rename them in one of the sources, or import it into an estate of its own",
            );
        }
    }
    draft
}

/// First line of a remembered import.
const FROM_LINE: &str = "# from ";

/// The last import under this name, if it was of the same source.
fn base<'f>(found: &'f Existing, key: &str, from: &str, out: &Output) -> Result<Option<&'f str>, Failure> {
    let Some(base) = found.bases.get(&format!("{key}.toml")) else { return Ok(None) };
    let before = base.lines().next().and_then(|line| line.strip_prefix(FROM_LINE)).unwrap_or_default();
    if before == from || out.name.is_some() {
        return Ok(Some(base));
    }
    Err(Failure::refused(
        format!("this estate has an import called {key}, and it came from {before}, not from {from}"),
        "taken for the same source, everything that is only in the other one would be removed; nothing was written",
        format!(
            "if it only moved: --as {}; if it is another one: --as with a new name",
            key.split_once('-').map_or(key, |(_, name)| name)
        ),
    ))
}

pub(super) fn unreadable(fault: &Unreadable) -> Failure {
    Failure::fault(fault.to_string(), "nothing was imported and nothing was written", fault.to_do.clone())
}

fn refused(refusal: &Refusal) -> Failure {
    Failure::refused(refusal.to_string(), "nothing was written", refusal.to_do())
}

fn failed(fault: &FolderFault) -> Failure {
    let to_do = match fault {
        FolderFault::NotAFolder(_) | FolderFault::NotAnEstate(_) => {
            "name a new folder, an empty one or an estate"
        }
        FolderFault::StandingInside(_) => "go to another folder and name it from there",
        FolderFault::ChangedMeanwhile(_) => "check who is working on it, then import again",
        FolderFault::Estate(_) | FolderFault::Disk { .. } => {
            "look at the path, its permissions and the free space, then import again"
        }
    };
    Failure::fault(folder::chain(fault), "the estate is as it was before; nothing was written", to_do)
}

fn show(draft: &Draft, update: &Update, out: &Output) {
    let score = out.report.then(|| score::score(&update.estate, &update.proposed));
    if out.json {
        talk::json(&json::document(draft, update, score.as_ref()));
        return;
    }
    if let Some(score) = score {
        talk::data(score::page(&score));
    }
    for (id, name) in &draft.renamed {
        talk::say(format!("  called {id} here: {}", harmless(name)));
    }
    for noted in draft.findings.iter().chain(&update.findings) {
        let at = noted.origin.as_ref().map_or_else(String::new, |origin| format!("{origin}: "));
        let finding = &noted.finding;
        talk::say(format!("{}: {at}{}", finding.grade, harmless(&finding.message.what)));
        talk::say(format!(
            "  this means: {}\n  what to do: {}",
            harmless(&finding.message.means),
            harmless(&finding.message.to_do.to_string())
        ));
    }
    for difference in update.differences.iter().filter(|difference| shown(difference)) {
        talk::say(format!("  {}", difference_line(difference)));
    }
    for id in &update.kept {
        talk::say(format!("  stays as it is, its lines cannot be changed by a program: {id}"));
    }
    summary(draft, update, &out.estate);
}

/// Everything that is new in an estate that was empty before is no news.
fn shown(difference: &Difference) -> bool {
    !(difference.sort == Sort::Added && difference.field.is_none())
}

fn difference_line(difference: &Difference) -> String {
    let field = difference.field.as_deref().unwrap_or("all of it");
    let value = |value: &Option<String>| value.as_deref().map_or("nothing", |value| value).to_owned();
    let (before, source) = (value(&difference.before), value(&difference.source));
    let said = match difference.sort {
        Sort::Added | Sort::Changed => format!("{before} is now {source}"),
        Sort::Removed if difference.field.is_none() => {
            "the source no longer has it, so it was taken out of the estate".to_owned()
        }
        Sort::Removed => format!("{before} is gone from the source, so it was taken out here"),
        Sort::Conflict => format!("yours stays: {before}; the source says {source}"),
        Sort::StaysRemoved => "you removed it and it stays removed; the source still has it".to_owned(),
        Sort::Stays => {
            "the source no longer has it; you changed it, or something that stays needs it: it stays"
                .to_owned()
        }
    };
    format!("{:<14} {} {field}: {}", difference.sort.word(), difference.id, harmless(&said))
}

fn summary(draft: &Draft, update: &Update, path: &Path) {
    let kinds = score::Edges::of(draft.edges.iter().map(|stated| stated.edge.kind));
    let alone = json::without_edges(draft);
    let services = draft.estate.services.len();
    let share = (alone.len() * 100).checked_div(services).unwrap_or(0);
    talk::data(format!(
        "{}, {}; dependencies: {} hard, {} soft, {} start_only, {} data, {} order; {}.",
        counted(services, "service"),
        counted(draft.estate.stores.len(), "store"),
        kinds.hard,
        kinds.soft,
        kinds.start_only,
        kinds.data,
        kinds.order,
        proposed(draft, update),
    ));
    talk::data(format!(
        "{} of {} ({share} %) {} no known dependency on another service or from one; volumes do not count.",
        alone.len(),
        counted(services, "service"),
        if alone.len() == 1 { "has" } else { "have" }
    ));
    let check = Command::new("check").with(path.display()).line(None);
    talk::data(format!("Written to {}; next: {check}", path.display()));
    if update.proposed.iter().any(|proposed| !proposed.rejected) {
        talk::data(format!("To look at what is proposed: {}/{}", path.display(), update::PROPOSED));
    }
}

/// What the source hints at and nobody has decided yet.
fn proposed(draft: &Draft, update: &Update) -> String {
    let waits = |hinted: &&Proposed| {
        let mut open = update.proposed.iter().filter(|open| !open.rejected);
        open.any(|open| open.from == hinted.from && open.to == hinted.to)
    };
    let waiting = draft.proposed.iter().filter(waits).count();
    match draft.proposed.len() - waiting {
        0 => format!("{waiting} proposed"),
        decided => format!("{waiting} proposed, {decided} decided before"),
    }
}
