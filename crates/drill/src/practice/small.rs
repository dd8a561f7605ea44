//! Small helpers that are processes of their own: letting load in, starting something in its own session, and the
//! keeper that tidies up after a drill that was killed.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::post::{leave_the_session, owner};
use crate::process::ProcessId;
use crate::wire::Caller;
use crate::{Fault, Result};

/// Lets load into a service.
#[derive(Clone, Debug, clap::Args)]
pub struct Admit {
    /// Port of the service on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
}

/// Asks the service to take load from now on. May be repeated.
pub fn admit(args: &Admit) -> Result<()> {
    let url = format!("http://127.0.0.1:{}/admin/admit", args.port);
    match Caller::new(Duration::from_secs(5)).post(&url, &[], "{}") {
        Ok(reply) if reply.status == 200 => Ok(()),
        Ok(reply) => {
            Err(Fault::new(format!("the service on port {} answered {} to `admit`", args.port, reply.status)))
        }
        Err(why) => Err(Fault::new(format!("no service on port {} to admit load to: {why}", args.port))),
    }
}

/// Becomes another program, in a session of its own and under the same process id.
#[derive(Clone, Debug, clap::Args)]
pub struct Exec {
    /// Program and arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub command: Vec<String>,
}

/// Returns only if the program cannot be started.
pub fn exec(args: &Exec) -> Result<()> {
    leave_the_session();
    let (program, rest) = args.command.split_first().ok_or_else(|| Fault::new("no program given"))?;
    let cause = Command::new(program).args(rest).exec();
    Err(Fault::new(format!("cannot start {program}: {cause}")))
}

/// Waits for the end of the drill and then ends what it started.
#[derive(Clone, Debug, clap::Args)]
pub struct Keeper {
    /// The marked drill folder.
    #[arg(long)]
    pub root: PathBuf,
}

/// Practice services watch the drill themselves. Programs of the product do not, so somebody must do it for them:
/// they are listed in `run/spawned` with the moment they began, so that nobody else is ended in their place.
pub fn keep(args: &Keeper) -> Result<()> {
    leave_the_session();
    let Some(owner) = owner(&args.root) else {
        return Err(Fault::new(format!("{} has no owner to wait for", args.root.display())));
    };
    while owner.runs() {
        std::thread::sleep(Duration::from_millis(100));
    }
    let spawned = fs::read_to_string(args.root.join("run").join("spawned")).unwrap_or_default();
    for process in spawned.lines().filter_map(ProcessId::parse) {
        process.signal(Signal::KILL);
    }
    Ok(())
}
