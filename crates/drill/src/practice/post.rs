//! What every practice process does alike: its port, pid file, log, health, admission, and its end.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::process::ProcessId;
use crate::wire::Reply;
use crate::{Fault, Result, clock};

/// Given to every service on its command line.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The marked drill folder.
    #[arg(long)]
    pub root: PathBuf,
    /// Name of the process, for example `core-muc`; names its pid file and log.
    #[arg(long)]
    pub name: String,
    /// Port on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
    /// While this file exists, /health answers 500. Default: ROOT/run/NAME.fail.
    #[arg(long)]
    pub fail_gate_file: Option<PathBuf>,
    /// Take load from the start on, instead of waiting for `practice admit`.
    #[arg(long)]
    pub admitted: bool,
}

/// A started practice process: it has its port and its pid file.
pub struct Post {
    pub name: String,
    pub port: u16,
    pub root: PathBuf,
    pid_file: PathBuf,
    fail_gate: PathBuf,
    admitted: AtomicBool,
    log: Mutex<File>,
    listener: TcpListener,
}

impl Post {
    /// Takes the port first and writes the pid file second: of two that are started, only the one that has the port
    /// is known by the pid file.
    pub fn take(args: &Args) -> Result<Arc<Post>> {
        leave_the_session();
        let run = args.root.join("run");
        let log = args.root.join("log").join(format!("{}.log", args.name));
        let log = OpenOptions::new().create(true).append(true).open(&log).map_err(|cause| {
            Fault::new(format!(
                "{} cannot write its log {}: {cause}. Is --root a drill folder?",
                args.name,
                log.display()
            ))
        })?;
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).map_err(|cause| taken(args, &cause))?;
        let pid_file = run.join(format!("{}.pid", args.name));
        fs::write(&pid_file, format!("{}\n", std::process::id()))
            .map_err(|cause| Fault::new(format!("cannot write {}: {cause}", pid_file.display())))?;
        watch_the_owner(&args.root);
        let fail_gate =
            args.fail_gate_file.clone().unwrap_or_else(|| run.join(format!("{}.fail", args.name)));
        let post = Post {
            name: args.name.clone(),
            port: args.port,
            root: args.root.clone(),
            pid_file,
            fail_gate,
            admitted: AtomicBool::new(args.admitted),
            log: Mutex::new(log),
            listener,
        };
        post.say(&format!("listens on 127.0.0.1:{}", args.port));
        Ok(Arc::new(post))
    }

    /// A line in the log. A log that cannot be written does not stop a service.
    pub fn say(&self, text: &str) {
        if let Ok(mut log) = self.log.lock() {
            let _ = writeln!(log, "{} {} {text}", clock::rfc3339(clock::now_ms()), self.name);
        }
    }

    /// The refusal to change anything before load is admitted, if that is so.
    pub fn closed(&self) -> Option<Reply> {
        let text = "started, but load is not admitted yet";
        (!self.admitted.load(Ordering::SeqCst)).then(|| Reply::because(503, text))
    }

    /// Serves until SIGTERM, then ends at once: whatever was answered is on disk already.
    pub fn serve(self: &Arc<Post>, router: Router) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(96)
            .enable_all()
            .build()
            .map_err(|cause| Fault::new(format!("cannot start {}: {cause}", self.name)))?;
        let served = runtime.block_on(self.serve_on(router));
        let _ = fs::remove_file(&self.pid_file);
        self.say("ends");
        runtime.shutdown_background();
        served.map_err(|cause| Fault::new(format!("{} stopped serving: {cause}", self.name)))
    }

    async fn serve_on(self: &Arc<Post>, router: Router) -> std::io::Result<()> {
        self.listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(self.listener.try_clone()?)?;
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let (health, admit) = (self.clone(), self.clone());
        let router = router
            .route("/health", get(async move || health.health()))
            .route("/admin/admit", post(async move || admit.admit()));
        tokio::select! {
            ended = axum::serve(listener, router) => ended,
            _ = term.recv() => Ok(()),
        }
    }

    fn health(&self) -> Response {
        if self.fail_gate.exists() {
            return answer(Reply::because(500, "the self-test of this service fails"));
        }
        let admitted = self.admitted.load(Ordering::SeqCst);
        answer(Reply::new(200, serde_json::json!({ "name": self.name, "admitted": admitted })))
    }

    fn admit(&self) -> Response {
        self.admitted.store(true, Ordering::SeqCst);
        self.say("load is admitted");
        answer(Reply::new(200, serde_json::json!({ "admitted": true })))
    }

    /// Leaves no pid file behind when the service could not come up.
    pub fn give_up(&self, why: &str) -> Fault {
        let _ = fs::remove_file(&self.pid_file);
        self.say(why);
        Fault::new(format!("{} does not start: {why}", self.name))
    }
}

/// As an answer of axum.
pub fn answer(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(reply.body)).into_response()
}

/// Runs `work`, which may block, and answers with what it says.
pub async fn blocking(work: impl FnOnce() -> Reply + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(reply) => answer(reply),
        Err(_) => answer(Reply::because(500, "this request broke the service; see its log")),
    }
}

/// A session of its own, so that a signal to whoever started it does not reach it. It fails only where the process
/// leads a group already, and then it is separate enough.
pub fn leave_the_session() {
    let _ = rustix::process::setsid();
}

fn taken(args: &Args, cause: &std::io::Error) -> Fault {
    let port = args.port;
    if cause.kind() == ErrorKind::AddrInUse {
        return Fault::new(format!(
            "{} cannot start: port {port} is taken by another process. End that process (`ss -ltnp` shows it), or \
             start the drill again: it then chooses other ports.",
            args.name
        ));
    }
    Fault::new(format!("{} cannot listen on 127.0.0.1:{port}: {cause}", args.name))
}

/// Ends this process soon after the drill that owns the folder has ended, however it ended. Without an owner in
/// the folder the process stands for itself.
pub fn watch_the_owner(root: &std::path::Path) {
    let Some(owner) = owner(root) else { return };
    std::thread::spawn(move || {
        while owner.runs() {
            std::thread::sleep(Duration::from_millis(200));
        }
        std::process::exit(3);
    });
}

/// The drill that owns the folder.
pub fn owner(root: &std::path::Path) -> Option<ProcessId> {
    ProcessId::parse(&fs::read_to_string(root.join("owner")).ok()?)
}
