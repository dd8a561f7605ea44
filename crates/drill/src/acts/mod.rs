//! The ten acts of the drill, what is asked afterwards, and the report.

use std::path::PathBuf;
use std::process::ExitCode;

/// Plays the whole incident on this machine and writes `DIR/report.json`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Repeats a run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for the report, the journal and the public key.
    #[arg(long, default_value = "target/drill")]
    pub out: PathBuf,
    /// Number of funds, taken from both sites.
    #[arg(long, default_value_t = 3)]
    pub funds: usize,
    /// How the attacker encrypts.
    #[arg(long, default_value = "full")]
    pub attack: String,
    /// The product's binary. Default: the sibling of this one.
    #[arg(long)]
    pub blackstart: Option<PathBuf>,
}

/// Plays all acts.
pub fn run(_: &Args) -> ExitCode {
    todo!("the acts")
}
