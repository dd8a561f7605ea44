//! `blackstart import kubernetes PATH...`: from manifests, or a dump of a cluster, to an estate.

use std::path::{Path, PathBuf};

use super::{Output, absolute, finish, unreadable};
use crate::cli::{Answer, Failure};
use import::kubernetes::{Options, StartBy, gather, read};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Manifests (YAML or JSON), folders with manifests, or what `kubectl get all,cm,pvc,ingress -A -o yaml` prints.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The namespace of what names none; its name is left out of ids.
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// How workloads are to be started: by kubectl on this machine, or by hand.
    #[arg(long, value_enum, value_name = "HOW", default_value = "kubectl")]
    start_by: How,
    #[command(flatten)]
    out: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum How {
    Kubectl,
    Hand,
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    let texts = gather::gather(&args.paths).map_err(|fault| unreadable(&fault))?;
    let start_by = match args.start_by {
        How::Kubectl => StartBy::Kubectl,
        How::Hand => StartBy::Hand,
    };
    let options = Options { namespace: args.namespace.clone(), start_by };
    let draft = read(&texts, &options).map_err(|fault| unreadable(&fault))?;
    let from = absolute(&args.paths[0].to_string_lossy());
    let stem = Path::new(&from).file_stem();
    let stem = stem.map_or_else(|| "cluster".to_owned(), |name| name.to_string_lossy().into_owned());
    finish(&draft, "kubernetes", &stem, &from, &args.out)
}
