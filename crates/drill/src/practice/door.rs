//! The door of a site: the only way from outside to its services. Closed, it has no listeners and no connections,
//! so that whoever knocks is refused.
//!
//! It is controlled by two files: `ask` says what is wanted, `is` says what is the case. Files survive a restart of
//! the door, so a closed door stays closed.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::post::watch_the_owner;
use crate::fault::During as _;
use crate::process::{ProcessId, from_pid_file};
use crate::{Fault, Result};

/// The door of a site.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Forwards until SIGTERM.
    Run(Args),
    /// Drops all listeners and connections; returns when that is done.
    Close(Which),
    /// Listens again; returns when that is done.
    Open(Which),
}

/// Which door.
#[derive(Clone, Debug, clap::Args)]
pub struct Which {
    /// The marked drill folder.
    #[arg(long)]
    pub root: PathBuf,
    /// Name of the door, for example `door-muc`.
    #[arg(long)]
    pub name: String,
}

/// How a door forwards.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub which: Which,
    /// PUBLIC=INNER, both ports on 127.0.0.1; may be given several times.
    #[arg(long = "forward", required = true)]
    pub forward: Vec<String>,
}

impl Which {
    fn ask(&self) -> PathBuf {
        self.root.join("run").join(format!("{}.ask", self.name))
    }
    fn is(&self) -> PathBuf {
        self.root.join("run").join(format!("{}.is", self.name))
    }
    fn pid_file(&self) -> PathBuf {
        self.root.join("run").join(format!("{}.pid", self.name))
    }
}

/// Runs the wanted command.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Run(args) => forward(args),
        Command::Close(which) => command_and_wait(which, "closed"),
        Command::Open(which) => command_and_wait(which, "open"),
    }
}

/// Longest time a door may take to obey.
const OBEY: Duration = Duration::from_secs(5);

fn command_and_wait(which: &Which, wanted: &str) -> Result<()> {
    let ask = which.ask();
    write_whole(&ask, wanted).during(|| format!("cannot tell {} to be {wanted}", which.name))?;
    let until = Instant::now() + OBEY;
    loop {
        let stands = from_pid_file(&which.pid_file(), &["door", &which.name]).is_some();
        let is = fs::read_to_string(which.is()).unwrap_or_default();
        match (stands, wanted) {
            (true, _) if is == wanted => return Ok(()),
            // Nobody listens where no door stands; when it comes up again it reads that it must stay closed.
            (false, "closed") => return Ok(()),
            _ if Instant::now() > until => {
                let name = &which.name;
                return Err(Fault::new(format!(
                    "{name} is not {wanted} after {} s (it says {is:?}, running: {stands}). Look into its log \
                     log/{name}.log; until then treat the door as open.",
                    OBEY.as_secs()
                )));
            }
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Readers see the old text or the new one, nothing between.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&draft, text)?;
    fs::rename(draft, path)
}

fn forward(args: &Args) -> Result<()> {
    super::post::leave_the_session();
    let pairs = args.forward.iter().map(|pair| ports(pair)).collect::<Result<Vec<_>>>()?;
    let which = &args.which;
    let me = ProcessId::this();
    if from_pid_file(&which.pid_file(), &["door", &which.name]).is_some_and(|other| other.pid != me.pid) {
        return Err(Fault::new(format!("{} stands already; a second one would share its ports", which.name)));
    }
    fs::write(which.pid_file(), format!("{}\n", me.pid))
        .during(|| format!("{} has no pid file", which.name))?;
    watch_the_owner(&which.root);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .during(|| format!("cannot start {}", which.name))?;
    let ended = runtime.block_on(obey(which, &pairs));
    let _ = fs::remove_file(which.pid_file());
    let _ = fs::remove_file(which.is());
    runtime.shutdown_background();
    ended
}

fn ports(pair: &str) -> Result<(u16, u16)> {
    let parsed =
        pair.split_once('=').and_then(|(outer, inner)| Some((outer.parse().ok()?, inner.parse().ok()?)));
    parsed.ok_or_else(|| Fault::new(format!("--forward {pair}: write PUBLIC=INNER with two port numbers")))
}

/// Makes what `is` into what is asked, again and again. Everything that is open lives in one set of tasks, and
/// closing is dropping that set.
async fn obey(which: &Which, pairs: &[(u16, u16)]) -> Result<()> {
    let doing = || format!("{} cannot go on", which.name);
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).during(doing)?;
    let mut open: Option<JoinSet<()>> = None;
    // Each connection holds a copy; when only this one is left, all connections are gone.
    let live = Arc::new(());
    let mut told = String::new();
    loop {
        let closed = fs::read_to_string(which.ask()).is_ok_and(|asked| asked == "closed");
        if closed && let Some(mut tasks) = open.take() {
            tasks.shutdown().await;
            while Arc::strong_count(&live) > 1 {
                tokio::task::yield_now().await;
            }
        }
        if !closed && open.is_none() {
            match listen(pairs, &live).await {
                Ok(tasks) => open = Some(tasks),
                Err(why) => told = why,
            }
        }
        let is = if open.is_some() {
            "open"
        } else if closed {
            "closed"
        } else {
            told.as_str()
        };
        if fs::read_to_string(which.is()).unwrap_or_default() != is {
            write_whole(&which.is(), is).during(doing)?;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
            _ = term.recv() => return Ok(()),
        }
    }
}

/// All public ports, or none.
async fn listen(pairs: &[(u16, u16)], live: &Arc<()>) -> std::result::Result<JoinSet<()>, String> {
    let mut tasks = JoinSet::new();
    for (outer, inner) in pairs {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *outer))
            .await
            .map_err(|cause| format!("port {outer} cannot be opened: {cause}"))?;
        tasks.spawn(accept(listener, *inner, live.clone()));
    }
    Ok(tasks)
}

/// The connections of a listener end with it, because their set is dropped with it.
async fn accept(listener: TcpListener, inner: u16, live: Arc<()>) {
    let mut passing = JoinSet::new();
    loop {
        tokio::select! {
            Ok((outside, _)) = listener.accept() => {
                passing.spawn(pass(outside, inner, live.clone()));
            }
            Some(_) = passing.join_next() => {}
            // The machine has no more handles: wait for a connection to end instead of spinning.
            else => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn pass(mut outside: TcpStream, inner: u16, _live: Arc<()>) {
    if let Ok(mut inside) = TcpStream::connect((Ipv4Addr::LOCALHOST, inner)).await {
        let _ = outside.set_nodelay(true);
        let _ = inside.set_nodelay(true);
        let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
    }
}
