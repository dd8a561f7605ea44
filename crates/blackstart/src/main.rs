//! The one binary. What it does is in `cli`, one file per command.

fn main() -> std::process::ExitCode {
    blackstart::cli::main()
}
