//! `blackstart-drill`: plays the incident (`run`), and is itself every process of the practice world (`practice`).

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "blackstart-drill", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(drill::acts::Args),
    /// One process of the practice world.
    #[command(subcommand)]
    Practice(drill::practice::Command),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => drill::acts::run(&args),
        Command::Practice(command) => drill::practice::run(&command),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn every_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
