//! `blackstart handback`: the tenant's side of the return to normal work.

#![allow(clippy::disallowed_methods, reason = "progress for people is shown at a pace")]

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::folder::chain;
use super::{Answer, Failure, talk};
use bridge::handback::HandbackFault;
use bridge::handback::config::Config;
use bridge::handback::link::Link;
use bridge::handback::offer::{Tally, offer_all};
use bridge::handback::show::cases;
use bridge::seal::Identity;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Runs where the tenant's key is: pulls what the bridge holds for the tenant, opens it, offers it to the core
/// in order, and reports what became of it. May be killed and run again at any time.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    call: Call,
}

#[derive(Debug, clap::Subcommand)]
enum Call {
    /// Make the tenant's key. Prints the public line `age1...` for the bridge's configuration.
    Keygen {
        /// The new secret file. Whoever has it can read everything sealed to this tenant; without it nobody can.
        #[arg(short, long, value_name = "IDENTITY")]
        output: PathBuf,
        /// Written into the file as a remark.
        #[arg(long, value_name = "ID")]
        tenant: Option<String>,
    },
    /// Offer everything pending to the core. Exit 1 if something stays pending.
    Run {
        /// The hand-back configuration (TOML).
        config: PathBuf,
        /// Only what was accepted at or after this time; a person with something older is left out.
        #[arg(long, value_name = "RFC3339")]
        since: Option<jiff::Timestamp>,
        /// The result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Conflicts and refusals, opened, for people to decide.
    List {
        /// The hand-back configuration (TOML).
        config: PathBuf,
        /// The list as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.call {
        Call::Keygen { output, tenant } => keygen(output, tenant.as_deref()),
        Call::Run { config, since, json } => offer(config, *since, *json),
        Call::List { config, json } => list(config, *json),
    }
}

fn keygen(output: &Path, tenant: Option<&str>) -> Result<Answer, Failure> {
    let identity = Identity::generate();
    let recipient = identity.recipient();
    let mut text = String::from("# secret key of hand-back; keep a copy in a safe\n");
    if let Some(tenant) = tenant {
        text.push_str(&format!("# tenant: {}\n", tenant.escape_debug()));
    }
    text.push_str(&format!("# public: {recipient}\n{}\n", identity.secret_line()));
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(output);
    made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())).map_err(|error| {
        Failure::fault(
            format!("cannot make {}: {error}", output.display()),
            "no key was made; an existing file is never replaced, because what is sealed to it could not be opened again",
            "name a new file in a folder that can be written",
        )
    })?;
    talk::data(recipient.to_string());
    talk::say(format!("the secret key is in {}; the bridge needs only the line above", output.display()));
    Ok(Answer::Done)
}

fn offer(path: &Path, since: Option<jiff::Timestamp>, as_json: bool) -> Result<Answer, Failure> {
    let config = Config::load(path).map_err(|fault| failure(&fault))?;
    let link = Link::open(&config).map_err(|fault| failure(&fault))?;
    let told = Mutex::new(Instant::now());
    let progress = |tally: &Tally| {
        let Ok(mut told) = told.lock() else { return };
        if told.elapsed() >= TELL_EVERY {
            *told = Instant::now();
            talk::say(sentence(tally));
        }
    };
    let since_ms = since.map(jiff::Timestamp::as_millisecond);
    let tally = offer_all(&config, &link, since_ms, &progress).map_err(|fault| failure(&fault))?;
    talk::say(sentence(&tally));
    for waiting in &tally.waiting {
        talk::say(format!("  pending: {} {}: {}", waiting.operation, waiting.receipt, waiting.why));
    }
    if tally.conflict + tally.refused > 0 {
        let list = message::Command::new("handback list").with(path.display()).line(None);
        talk::say(format!("people must decide: {list}"));
    }
    if as_json {
        talk::json(&tally);
    } else {
        talk::data(sentence(&tally));
    }
    Ok(if tally.still_pending == 0 { Answer::Done } else { Answer::No })
}

fn sentence(tally: &Tally) -> String {
    let Tally { tenant, pulled, applied, already_there, conflict, refused, still_pending, waiting: _ } =
        tally;
    format!(
        "{tenant}: {pulled} pulled = {applied} applied, {already_there} already there, {conflict} in conflict, \
         {refused} refused, {still_pending} still pending"
    )
}

fn list(path: &Path, as_json: bool) -> Result<Answer, Failure> {
    let config = Config::load(path).map_err(|fault| failure(&fault))?;
    let link = Link::open(&config).map_err(|fault| failure(&fault))?;
    let cases = cases(&config, &link).map_err(|fault| failure(&fault))?;
    if as_json {
        talk::json(&cases);
        return Ok(Answer::Done);
    }
    for case in &cases {
        talk::data(format!("{} {} {} ({})", case.state, case.operation, case.accepted_at, case.receipt));
        talk::data(format!("  sent:   {}", case.content));
        talk::data(format!("  reason: {}", case.reason));
    }
    talk::say(format!("{} for people to decide", cases.len()));
    Ok(Answer::Done)
}

fn failure(fault: &HandbackFault) -> Failure {
    let what = chain(fault);
    match fault {
        HandbackFault::File { .. } | HandbackFault::Config { .. } | HandbackFault::Identity { .. } => {
            Failure::usage(
                what,
                "nothing was pulled and nothing was offered",
                "correct the configuration or the identity file, then call again",
            )
        }
        HandbackFault::Bridge { .. } => Failure::fault(
            what,
            "what was offered and not reported stays pending; offering it again does not repeat it",
            "see that the bridge runs, then call again",
        ),
        HandbackFault::NotTheBridge { .. } => Failure::fault(
            what,
            "somebody else may answer in its name: nothing was offered on its word, and what was offered stays pending at the bridge",
            "get the bridge's public key from the provider by another way than this line, compare it with bridge_key, and find out \
             who answers at that address",
        ),
        HandbackFault::Declined { .. } | HandbackFault::Form(_) => Failure::fault(
            what,
            "what the bridge holds stays as it is",
            "check that tenant and identity belong together and that both sides have the same version",
        ),
    }
}
