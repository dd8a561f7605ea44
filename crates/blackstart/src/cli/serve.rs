//! `blackstart serve`: the incident in a browser.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::folder::{self, chain};
use super::{Answer, Failure, place, read_estate, sentence, talk};
use console::{Access, Console, Current, ServeFault};
use message::Remedy;

/// Shows the incident in a browser on this machine: what works for whom, what waits for a person, cuts, plan, run, journal.
///
/// Only reads: commands and runs go on beside it. A code is printed; whoever has it sees everything. The pages need no
/// script, and with one they renew themselves. What is shown is what `blackstart status` says. Ctrl-C ends it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The estate, to be told whether it is the one in force; the journal's is shown. May be left out.
    #[arg(value_name = "ESTATE")]
    estate: Option<PathBuf>,
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Where to listen. Only addresses of this machine: what is sent is not encrypted. From elsewhere: `ssh -L`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_read(args.journal.as_deref(), "blackstart serve --journal DIR")?;
    if let Some(path) = &args.estate {
        let estate = read_estate::read(path)?;
        read_estate::say_if_other(&folder::read(&folder)?, &estate, "the console shows the one in force");
    }
    let current = Current::begin(&folder, |record| sentence::of(record).sentence)
        .map_err(|fault| folder::failure(&folder, &fault))?;
    let (access, code) = Access::new();
    let console = Console::new(current, access, super::duty::for_status);
    let start = |error: &dyn std::error::Error| {
        let what = format!("the console did not start: {}", chain(error));
        Failure::fault(
            what,
            "nothing is shown; the journal is not touched",
            "remove the cause and start it again",
        )
        .of(&folder)
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| start(&error))?;
    let served = runtime.block_on(async {
        let listener = console::bind(args.listen).await.map_err(|fault| not_bound(&folder, &fault))?;
        let address = listener.local_addr().map_err(|error| start(&error))?;
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|error| start(&error))?;
        let (set, shutdown) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            set.send_replace(true);
        });
        talk::data(format!("http://{address}"));
        talk::data(format!("code {code}"));
        talk::say("open the address in a browser on this machine and give the code; Ctrl-C ends the console, and nothing else");
        console::serve(listener, console, shutdown).await;
        Ok(Answer::Done)
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    served
}

fn not_bound(folder: &Path, fault: &ServeFault) -> Failure {
    let failure = match fault {
        ServeFault::NotLoopback(_) => Failure::usage(
            fault.to_string(),
            "the console was not started: whoever listens on the way would read all that is known of the incident",
            Remedy::from(
                "listen on 127.0.0.1 or [::1], and from elsewhere come through a tunnel: ssh -L 8443:127.0.0.1:8443 MACHINE",
            ),
        ),
        ServeFault::Listen { .. } => Failure::fault(
            chain(fault),
            "the console was not started; the journal is not touched",
            Remedy::from(
                "end what listens there, or name another address with --listen (port 0: any that is free)",
            ),
        ),
    };
    failure.of(folder)
}
