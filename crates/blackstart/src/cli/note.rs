//! NOT BUILT YET: `blackstart note`.

use super::{Answer, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: &Args) -> Result<Answer, Failure> {
    Err(Failure::fault("this command is not built yet", "nothing was done", "use a later version"))
}
