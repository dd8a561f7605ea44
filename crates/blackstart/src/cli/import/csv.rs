//! `blackstart import csv PATH`: from exported tables to an estate.

use std::path::{Path, PathBuf};

use super::{Output, absolute, finish, unreadable};
use crate::cli::{Answer, Failure};
use import::table::{gather, read};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder with tables (*.csv, *.tsv): services, relations, tenants, stores, hosts, sites, capabilities, told apart
    /// by the names of their columns; or one such file.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    #[command(flatten)]
    out: Output,
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    let files = gather::gather(&args.path).map_err(|fault| unreadable(&fault))?;
    let draft = read(&files).map_err(|fault| unreadable(&fault))?;
    let from = absolute(&args.path.to_string_lossy());
    let folder = Path::new(&from).file_stem();
    let folder = folder.map_or_else(|| "tables".to_owned(), |name| name.to_string_lossy().into_owned());
    finish(&draft, "csv", &folder, &from, &args.out)
}
