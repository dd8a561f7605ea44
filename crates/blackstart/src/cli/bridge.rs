//! `blackstart bridge`: accept, seal and hold business; and the operator's calls to a running bridge.

#![allow(clippy::disallowed_methods, reason = "an edge: it listens, and calls its own control port")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use message::{Command, Reason, Remedy};
use serde_json::{Value, json};

use super::folder::{self, By, chain};
use super::{Answer, Failure, FailureKind, place, talk};
use bridge::account::received;
use bridge::config::{Config, ConfigFault};
use bridge::edge::BLOCKING_THREADS;
use bridge::fact::Mark;
use bridge::keys;
use bridge::receipt::{Receipt, ReceiptFault};
use bridge::run::{self, Bridge, RunFault};
use bridge::writer::Clocks;
use estate::{Id, Kind};
use incident::event::Account;

/// Stands in the path of business from the normal day on: what changes anything is sealed to its tenant and on
/// disk before it is forwarded. When the upstream system is gone, senders get a receipt instead of an error.
///
/// `blackstart bridge CONFIG` runs it until it is stopped (SIGTERM); nothing accepted is lost by stopping or
/// killing it. The other forms speak to the running bridge.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    call: Option<Call>,
    /// The bridge's configuration (TOML).
    #[arg(required = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Call {
    /// Run the bridge: the same as `blackstart bridge CONFIG`.
    Run {
        /// The bridge's configuration (TOML).
        config: PathBuf,
    },
    /// Forward nothing for these tenants until they are released; go on accepting.
    Hold {
        #[command(flatten)]
        whom: Whom,
        /// Recorded, and shown to whoever asks why.
        #[arg(long, visible_alias = "reason", default_value = "decided by the operator")]
        why: Reason,
    },
    /// The upstream system was restored: everything applied since then becomes pending again. Holds the tenants.
    Reopen {
        #[command(flatten)]
        whom: Whom,
        /// When the restored state was made. Too early only offers more again; too late loses what lies between.
        #[arg(long, value_name = "RFC3339")]
        since: jiff::Timestamp,
    },
    /// Forward again. What is pending stays pending until it is handed back.
    Release {
        #[command(flatten)]
        whom: Whom,
    },
    /// Per tenant: accepted = applied + already there + conflict + refused + pending.
    Account {
        /// The bridge's configuration (TOML).
        config: PathBuf,
        /// Also record the account in this incident's journal.
        #[arg(long, value_name = "DIR")]
        journal: Option<PathBuf>,
        /// The same in the incident you are in, or the one in BLACKSTART_DIR.
        #[arg(long, conflicts_with = "journal")]
        record: bool,
        #[command(flatten)]
        by: By,
        /// The account as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Is this receipt good? Needs only the public key, no bridge.
    VerifyReceipt {
        /// The receipt (JSON), as the sender got it.
        file: PathBuf,
        /// The bridge's public key: the file `public-key` in its folder.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// The answer as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Whom {
    /// The bridge's configuration (TOML).
    config: PathBuf,
    /// All tenants of this site.
    #[arg(long, required_unless_present = "tenant", conflicts_with = "tenant")]
    site: Option<String>,
    /// This tenant; may be given more than once.
    #[arg(long, value_name = "ID")]
    tenant: Vec<String>,
}

impl Whom {
    fn wish(&self) -> Value {
        match &self.site {
            Some(site) => json!({ "site": site.strip_prefix("site:").unwrap_or(site) }),
            None => {
                let bare = |name: &String| name.strip_prefix("tenant:").unwrap_or(name).to_owned();
                json!({ "tenants": self.tenant.iter().map(bare).collect::<Vec<_>>() })
            }
        }
    }
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match (&args.call, &args.config) {
        (Some(Call::Run { config }), _) | (None, Some(config)) => serve(config),
        (Some(Call::Hold { whom, why }), _) => {
            let mut wish = whom.wish();
            wish["why"] = why.to_string().into();
            let answer = control(&whom.config, "hold", Some(&wish))?;
            let before: Vec<&str> =
                answer["held_before"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if !before.is_empty() {
                talk::say(format!(
                    "held before already, and shown with the first reason: {}; yours is in the bridge's journal too",
                    before.join(", ")
                ));
            }
            said(&answer)
        }
        (Some(Call::Reopen { whom, since }), _) => {
            let mut wish = whom.wish();
            wish["since"] = since.to_string().into();
            said(&control(&whom.config, "reopen", Some(&wish))?)
        }
        (Some(Call::Release { whom }), _) => said(&control(&whom.config, "release", Some(&whom.wish()))?),
        (Some(Call::Account { config, journal, record, by, json }), _) => {
            let form = "blackstart bridge account CONFIG --journal DIR";
            let journal = place::to_record(journal.as_deref(), *record, form)?;
            account(config, journal.as_deref(), by, *json)
        }
        (Some(Call::VerifyReceipt { file, public_key, json }), _) => verify_receipt(file, public_key, *json),
        (None, None) => Err(Failure::usage(
            "no configuration was named",
            "there is nothing to run",
            Command::new("bridge").open("CONFIG"),
        )),
    }
}

fn said(answer: &Value) -> Result<Answer, Failure> {
    talk::json(answer);
    Ok(Answer::Done)
}

fn load(path: &Path) -> Result<Config, Failure> {
    Config::load(path).map_err(|fault| {
        let what = chain(&fault);
        match fault {
            ConfigFault::File { .. } => Failure::usage(what, "nothing was started", "name the bridge's TOML file"),
            ConfigFault::Form { .. } => Failure::usage(
                what,
                "nothing was started, because part of the business might not be accepted or not reach its tenant",
                "correct the file and call again",
            ),
        }
    })
}

fn serve(path: &Path) -> Result<Answer, Failure> {
    let config = load(path)?;
    let (folder, listen, control_listen) = (config.folder.clone(), config.listen, config.control_listen);
    let unnamed = config.sites_without_health();
    if !unnamed.is_empty() {
        talk::say(format!(
            "no health address is named for {}: a core there that is only slow cannot be told from one that is gone, and three \
             answers that do not come in time hold its tenants. Name one: [site.{}] health = \"http://...\"",
            unnamed.join(", "),
            unnamed[0]
        ));
    }
    let bridge = Bridge::open(config, Clocks::real()).map_err(|fault| run_failure(&folder, &fault))?;
    let start = |error: std::io::Error| run_failure(&folder, &RunFault::Start(format!("{listen}: {error}")));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(start)?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(start)?;
        let start = |error: std::io::Error| {
            run_failure(&folder, &RunFault::Start(format!("control_listen {control_listen}: {error}")))
        };
        let control = tokio::net::TcpListener::bind(control_listen).await.map_err(start)?;
        let address = listener.local_addr().map_err(start)?;
        let control_address = control.local_addr().map_err(start)?;
        run::write_addresses(&folder, &address, &control_address)
            .map_err(|fault| run_failure(&folder, &fault))?;
        let (set, shutdown) = tokio::sync::watch::channel(false);
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(start)?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            set.send_replace(true);
        });
        talk::say(format!("the bridge accepts on http://{address}"));
        bridge.serve(listener, control, shutdown).await.map_err(|fault| run_failure(&folder, &fault))
    });
    // A request that still waits for the upstream would keep us here; it is pending on disk.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served.map(|()| Answer::Done)
}

fn run_failure(folder: &Path, fault: &RunFault) -> Failure {
    let what = chain(fault);
    match fault {
        RunFault::InUse(_) => Failure::refused(
            what,
            "two bridges on one folder would give two orders to the same business",
            "stop the other one first, or name another folder",
        ),
        RunFault::Stopped(_) => Failure::fault(
            what,
            "everything with a receipt is on disk; what had no answer yet may or may not be",
            "look at the disk and make room, then start again: it reads what is really there",
        ),
        RunFault::Open(_) | RunFault::Read(_) => Failure::fault(
            what,
            "the bridge accepts nothing; what it took in can still be read",
            Remedy::ask(
                "To take in business meanwhile, start the bridge with a configuration that names a new folder, and keep this \
                 one as it is.",
                [
                    (
                        "To see every place",
                        Remedy::run(Command::new("journal verify").with(folder.display())),
                    ),
                    ("to see what is left", Remedy::run(Command::new("journal show").with(folder.display()))),
                ],
            ),
        ),
        RunFault::File { .. } | RunFault::Key { .. } | RunFault::Secret(_) | RunFault::Start(_) => {
            Failure::fault(
                what,
                "the bridge did not start and accepts nothing",
                "remove the cause and start again",
            )
        }
    }
}

/// One call to the running bridge, with the token from the control file.
fn control(path: &Path, verb: &str, wish: Option<&Value>) -> Result<Value, Failure> {
    let config = load(path)?;
    let token = keys::load(&config.control_token_file).map_err(|fault| {
        Failure::fault(
            chain(&fault),
            "without the token the bridge takes no orders; nothing was changed",
            "call on the bridge's machine, as the user it runs as; the bridge makes the file when it starts",
        )
    })?;
    let address = run::read_control_address(&config);
    let unreachable = |why: String| {
        Failure::fault(
            format!("the bridge cannot be reached at http://{address}: {why}"),
            "it is not known whether the bridge runs; this call may not have changed anything",
            Remedy::run_to(
                "see that the bridge is running, then call again (repeating is harmless); it is started by",
                Command::new("bridge").open("CONFIG"),
            ),
        )
    };
    let settings = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_millis(config.upstream_timeout_ms + 30_000)))
        .build();
    let agent = settings.new_agent();
    let url = format!("http://{address}/control/{verb}");
    let bearer = format!("Bearer {}", Mark(token));
    let answer = match wish {
        Some(wish) => agent
            .post(&url)
            .header("authorization", &bearer)
            .header("content-type", "application/json")
            .send(wish.to_string()),
        None => agent.get(&url).header("authorization", &bearer).call(),
    };
    let mut answer = answer.map_err(|error| unreachable(error.to_string()))?;
    let text = answer.body_mut().read_to_string().map_err(|error| unreachable(error.to_string()))?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|_| unreachable("what answers there is not a bridge".to_owned()))?;
    if answer.status().as_u16() == 200 {
        return Ok(value);
    }
    let part = |name: &str| value[name].as_str().unwrap_or("it did not say").to_owned();
    Err(Failure::refused(part("what"), part("means"), part("to_do")))
}

fn account(path: &Path, journal: Option<&Path>, by: &By, as_json: bool) -> Result<Answer, Failure> {
    let answer = control(path, "account", None)?;
    let accounts = accounts(&answer).map_err(|why| {
        Failure::fault(why, "nothing was recorded", "use the same version of this program for both")
    })?;
    if let Some(folder) = journal {
        let recorded = received(&accounts, answer["checkpoint"].as_str().unwrap_or_default())
            .map_err(|refusal| Failure::says(FailureKind::Fault, refusal.message()))?;
        let mut incident = folder::open(folder, by)?;
        folder::record(&mut incident, &recorded)?;
    }
    if as_json {
        talk::json(&answer);
        return Ok(Answer::Done);
    }
    let head = ["tenant", "accepted", "applied", "already there", "conflict", "refused", "pending", "route"];
    talk::data(format!(
        "{:<20} {:>9} {:>9} {:>13} {:>9} {:>8} {:>8}  {}",
        head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]
    ));
    for (id, account) in &accounts {
        let Account { accepted, applied, already_there, conflict, refused, pending } = account;
        let route = answer["tenants"][id.name()]["route"]["state"].as_str().unwrap_or("?");
        talk::data(format!(
            "{:<20} {accepted:>9} {applied:>9} {already_there:>13} {conflict:>9} {refused:>8} {pending:>8}  {route}",
            id.name()
        ));
    }
    for resting in answer["resting"].as_array().into_iter().flatten() {
        talk::data(format!(
            "resting: {} {}; what comes for it is pending, and it is tried again in {} s",
            resting["upstream"].as_str().map_or_else(|| "?".to_owned(), message::harmless),
            resting["why"].as_str().map_or_else(|| "?".to_owned(), message::harmless),
            resting["for_ms"].as_u64().unwrap_or(0).div_ceil(1000)
        ));
    }
    Ok(Answer::Done)
}

fn accounts(answer: &Value) -> Result<BTreeMap<Id, Account>, String> {
    let lines = answer["tenants"].as_object().ok_or("the bridge's answer holds no accounts")?;
    lines
        .iter()
        .map(|(name, line)| {
            let id = Id::new(Kind::Tenant, name).map_err(|error| error.to_string())?;
            let account: Account = serde_json::from_value(line.clone()).map_err(|error| error.to_string())?;
            Ok((id, account))
        })
        .collect()
}

fn verify_receipt(file: &Path, public_key: &Path, as_json: bool) -> Result<Answer, Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(
                format!("cannot read {}: {error}", path.display()),
                "nothing was checked",
                "name a file that can be read",
            )
        })
    };
    let key = journal::key::PublicKey::parse(&read(public_key)?).map_err(|error| {
        Failure::usage(
            error.to_string(),
            "nothing was checked",
            "name the file `public-key` of the bridge's folder",
        )
    })?;
    let verdict =
        Receipt::parse(&read(file)?).and_then(|receipt| receipt.verify(&key).map(|covers| (receipt, covers)));
    match verdict {
        Ok((receipt, checkpoint_covers)) => {
            if as_json {
                talk::json(
                    &json!({ "good": true, "receipt": receipt, "checkpoint_covers": checkpoint_covers }),
                );
            } else {
                talk::data(format!(
                    "good: {} of {} was accepted at {} (entry {}), then {}",
                    receipt.operation, receipt.tenant, receipt.accepted_at, receipt.sequence, receipt.state
                ));
            }
            Ok(Answer::Done)
        }
        Err(fault) => {
            if as_json {
                talk::json(&json!({ "good": false, "why": fault.to_string() }));
            } else {
                talk::data(format!("not good: {fault}"));
                match fault {
                    ReceiptFault::Form(_) => talk::say("give the receipt exactly as it was received"),
                    ReceiptFault::OtherKey { .. } => {
                        talk::say("get the public key of the bridge that is named in it");
                    }
                    ReceiptFault::Forged | ReceiptFault::Checkpoint(_) => {
                        talk::say("rely on nothing in it; ask whoever gave it to you for the original");
                    }
                }
            }
            Ok(Answer::No)
        }
    }
}
