//! The one binary. What it does is in `cli`, one file per command.

fn main() -> std::process::ExitCode {
    // A copy of this program that was called to become a service leaves here.
    world::session::enter().unwrap_or_else(blackstart::cli::main)
}
