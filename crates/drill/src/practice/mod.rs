//! The practice services: small, but real processes with real files and databases.

/// `blackstart-drill practice …`
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {}

/// Runs one practice process to its end.
pub fn run(command: Command) -> std::process::ExitCode {
    match command {}
}
