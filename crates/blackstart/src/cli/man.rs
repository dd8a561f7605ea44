//! `blackstart man`: the manual, from the same words as `--help`.

use std::path::{Path, PathBuf};

use clap_mangen::Man;

use super::{Answer, Failure, talk, whole_file};

/// Print the manual page of this program or of a command, or write all of them into a folder. To read one:
/// `blackstart man plan | man -l -`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command, for example `plan` or `plan show`.
    #[arg(conflicts_with = "out")]
    command: Vec<String>,
    /// Write every page into this folder, which is made if it is not there: blackstart.1, blackstart-plan.1 and so on.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let pages = pages();
    if let Some(folder) = &args.out {
        return write(folder, &pages);
    }
    let name = [&["blackstart".to_owned()], args.command.as_slice()].concat().join("-");
    let page = pages.iter().find(|(page, _)| *page == name).ok_or_else(|| {
        Failure::usage(
            format!("there is no command `{}`", args.command.join(" ").escape_debug()),
            "there is no manual page of it",
            "blackstart --help names the commands",
        )
    })?;
    talk::data(page.1.trim_end());
    Ok(Answer::Done)
}

fn write(folder: &Path, pages: &[(String, String)]) -> Result<Answer, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::fault(
            format!("cannot make {}: {error}", folder.display()),
            "no page was written",
            "name a folder that can be made",
        )
    })?;
    for (name, page) in pages {
        whole_file::write(&folder.join(format!("{name}.1")), page)?;
    }
    talk::say(format!("{} pages are in {}", pages.len(), folder.display()));
    Ok(Answer::Done)
}

/// Every page with its name, the program's own first.
fn pages() -> Vec<(String, String)> {
    let mut line = super::line().disable_help_subcommand(true);
    line.build();
    let mut pages = Vec::new();
    collect(&line, "blackstart", &mut pages);
    pages
}

fn collect(command: &clap::Command, name: &str, pages: &mut Vec<(String, String)>) {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).title(name).section("1").date("");
    let man = man.manual("Blackstart").source(concat!("blackstart ", env!("CARGO_PKG_VERSION")));
    man.render(&mut page).expect("writing to memory cannot fail");
    pages.push((name.to_owned(), String::from_utf8_lossy(&page).into_owned()));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        collect(below, &format!("{name}-{}", below.get_name()), pages);
    }
}
