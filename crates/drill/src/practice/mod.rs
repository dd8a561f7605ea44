//! The practice services: small, but real processes with real files and databases.
//!
//! | process | needs | keeps |
//! |---|---|---|
//! | identity | nothing | tokens, in memory |
//! | core | identity, at start and for every change | `docs/` and `core.db` |
//! | intake | identity, core | nothing |
//! | payments | identity, core, bank | `payments.db` |
//! | mail | nothing | a file of messages |
//! | bank | nothing; it is outside and never restored | its book |
//! | door | nothing; the way from outside to a site | whether it is closed |
//! | month-end | nothing; a job that must not run twice | a line for each execution |

use std::process::ExitCode;

pub mod bank;
pub mod book;
pub mod core;
pub mod desk;
pub mod documents;
pub mod door;
pub mod identity;
pub mod intake;
pub mod mail;
pub mod month_end;
pub mod payments;
pub mod post;
pub mod small;

/// `blackstart-drill practice …`
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    Identity(identity::Args),
    Core(core::Args),
    Intake(intake::Args),
    Payments(payments::Args),
    Mail(mail::Args),
    Bank(bank::Args),
    MonthEnd(month_end::Args),
    #[command(subcommand)]
    Door(door::Command),
    Admit(small::Admit),
    Exec(small::Exec),
    Keeper(small::Keeper),
    Attacker(crate::attack::attacker::Args),
}

/// Runs one practice process to its end. Exit code 0: ended as asked; 2: could not do what it is for.
pub fn run(command: &Command) -> ExitCode {
    let ended = match command {
        Command::Identity(args) => identity::run(args),
        Command::Core(args) => core::run(args),
        Command::Intake(args) => intake::run(args),
        Command::Payments(args) => payments::run(args),
        Command::Mail(args) => mail::run(args),
        Command::Bank(args) => bank::run(args),
        Command::MonthEnd(args) => month_end::run(args),
        Command::Door(command) => door::run(command),
        Command::Admit(args) => small::admit(args),
        Command::Exec(args) => small::exec(args),
        Command::Keeper(args) => small::keep(args),
        Command::Attacker(args) => crate::attack::attacker::run(args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            complain(&fault);
            ExitCode::from(2)
        }
    }
}

/// The one place where a practice process talks to whoever started it.
#[expect(clippy::print_stderr, reason = "a message to the person or program that started this process")]
fn complain(fault: &crate::Fault) {
    eprintln!("blackstart-drill: {fault}");
}
