//! `blackstart completions SHELL`: what the shell needs to complete commands and options.

use clap_complete::Shell;

use super::{Answer, Failure, talk};

/// Print the completions of this program for a shell. The Debian package brings them along; otherwise for example:
///
/// bash: blackstart completions bash > ~/.local/share/bash-completion/completions/blackstart
///
/// fish: blackstart completions fish > ~/.config/fish/completions/blackstart.fish
///
/// zsh: write them as `_blackstart` into a folder of $fpath
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell that completes.
    #[arg(value_parser = clap::builder::EnumValueParser::<Shell>::new())]
    shell: Shell,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::line(), "blackstart", &mut script);
    talk::data(String::from_utf8_lossy(&script).trim_end());
    Ok(Answer::Done)
}
