//! `blackstart import systemd PATH`: from copied unit folders, or the output of `systemctl show`, to an estate.

use std::path::{Path, PathBuf};

use super::{LoginArgs, Output, absolute, finish, unreadable};
use crate::cli::{Answer, Failure};
use import::systemd::boot::Width;
use import::systemd::describe::StartBy;
use import::systemd::{Options, gather, read};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder of units, the copy of a host (with etc/systemd/system in it), a folder with one of these for each
    /// host, or the output of `systemctl show '*'`. Links in it are never followed.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Name of the host, if the copy is of one host.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Also what belongs to the operating system, and what no boot starts.
    #[arg(long)]
    all_units: bool,
    /// How services are to be started: by systemd on their host (the default where the host has a name), by systemctl
    /// on this machine (the default where it has none), by commands of ssh, by the unit's own command, or by hand.
    #[arg(long, value_enum, value_name = "HOW")]
    start_by: Option<How>,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    out: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum How {
    Host,
    Systemctl,
    Ssh,
    Exec,
    Hand,
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    let gathered = gather::gather(&args.path).map_err(|fault| unreadable(&fault))?;
    if args.host.is_some() && gathered.hosts.len() > 1 {
        return Err(Failure::usage(
            format!("{} hosts were found, so --host cannot name them", gathered.hosts.len()),
            "nothing was imported and nothing was written",
            "omit --host: each host is called after its folder or file",
        ));
    }
    let login = args.login.login()?;
    if gathered.hosts.len() > 1 && (args.login.address.is_some() || args.login.here) {
        return Err(Failure::usage(
            format!("{} hosts were found, so one address cannot be that of all", gathered.hosts.len()),
            "nothing was imported and nothing was written",
            "omit --address and --here, and write the addresses into the estate afterwards",
        ));
    }
    let start_by = match args.start_by {
        Some(How::Host) => Some(StartBy::Driver),
        Some(How::Systemctl) => Some(StartBy::Local),
        Some(How::Ssh) => Some(StartBy::Ssh),
        Some(How::Exec) => Some(StartBy::Exec),
        Some(How::Hand) => Some(StartBy::Hand),
        None => None,
    };
    let width = if args.all_units { Width::AllUnits } else { Width::Services };
    let draft = read(&gathered, &Options { host: args.host.clone(), width, start_by, login });
    let from = absolute(&args.path.to_string_lossy());
    let folder = Path::new(&from).file_stem();
    let folder = folder.map_or_else(|| "host".to_owned(), |name| name.to_string_lossy().into_owned());
    finish(&draft, "systemd", args.host.as_deref().unwrap_or(&folder), &from, &args.out)
}
