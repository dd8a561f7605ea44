//! What is measured: the folder, and which of its sources.

use std::path::{Path, PathBuf};

pub(super) const USE: &str = "\
call `eval-scan FOLDER [--json] [--seed N] [--holdout SOURCE,..] [--except SOURCE,..] [--patterns NAME,..] [--max-bytes N]
[--misses N] [--keep DIR]`; a source is a folder directly below FOLDER; --holdout measures only these, --except all others;
--keep writes the attacked files that were missed into DIR, to look at them";

#[derive(Debug)]
pub(super) struct Options {
    pub(super) folder: PathBuf,
    pub(super) json: bool,
    pub(super) seed: u64,
    pub(super) holdout: Vec<String>,
    pub(super) except: Vec<String>,
    pub(super) patterns: Vec<String>,
    pub(super) bytes_max: u64,
    /// Names printed of each kind of miss.
    pub(super) misses: usize,
    /// Where attacked files that were missed are written, if anywhere.
    pub(super) keep: Option<PathBuf>,
}

impl Options {
    pub(super) fn parse(args: &[String]) -> Result<Options, String> {
        let mut options = Options {
            folder: PathBuf::new(),
            json: false,
            seed: 1,
            holdout: Vec::new(),
            except: Vec::new(),
            patterns: Vec::new(),
            bytes_max: 64 << 20,
            misses: 12,
            keep: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value; {USE}"));
            match arg.as_str() {
                "--json" => options.json = true,
                "--seed" => options.seed = number(value()?)?,
                "--holdout" => options.holdout = list(value()?),
                "--except" => options.except = list(value()?),
                "--patterns" => options.patterns = list(value()?),
                "--max-bytes" => options.bytes_max = number(value()?)?,
                "--misses" => options.misses = usize::try_from(number(value()?)?).unwrap_or(usize::MAX),
                "--keep" => options.keep = Some(PathBuf::from(value()?)),
                flag if flag.starts_with("--") => return Err(format!("{flag} is unknown; {USE}")),
                folder if options.folder.as_os_str().is_empty() => options.folder = PathBuf::from(folder),
                more => return Err(format!("{more} is one folder too many; {USE}")),
            }
        }
        if options.folder.as_os_str().is_empty() { Err(USE.to_owned()) } else { Ok(options) }
    }

    /// Plain files, sorted, of the sources that are asked for.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, String> {
        let mut files = Vec::new();
        walk(&self.folder, &mut files)?;
        files.retain(|path| {
            let source = self.source(path);
            let named = |list: &[String]| list.contains(&source);
            (self.holdout.is_empty() || named(&self.holdout)) && !named(&self.except)
        });
        files.retain(|path| path.metadata().is_ok_and(|metadata| metadata.len() <= self.bytes_max));
        files.sort();
        Ok(files)
    }

    fn source(&self, path: &Path) -> String {
        let inner = path.strip_prefix(&self.folder).unwrap_or(path);
        inner
            .components()
            .next()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .unwrap_or_default()
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number; {USE}"))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("cannot list {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let kind = entry.file_type().map_err(wrong)?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
