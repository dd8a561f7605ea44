//! How commands read an estate that they are going to act on: what cannot be understood stops them.

use std::path::{Path, PathBuf};

use super::folder::{self, chain};
use super::{Failure, talk};
use estate::{self, Estate, Grade, Id, canonical};
use incident::View;
use message::{Command, Remedy, quoted};

/// The estate, if its form has no blocking finding. `check` judges the content and shows all findings.
pub fn read(path: &Path) -> Result<Estate, Failure> {
    let shown = path.display();
    let reading = estate::read(path).map_err(|fault| {
        Failure::fault(
            chain(&fault),
            "without the estate nothing can be decided; nothing was done",
            "name the folder that holds the estate's *.toml files, or one such file",
        )
    })?;
    match reading.findings.iter().find(|finding| finding.grade == Grade::Blocking) {
        None => Ok(reading.estate),
        Some(finding) => Err(Failure::refused(
            finding.message.what.clone(),
            format!(
                "{}; acting on half an estate could start or stop the wrong thing",
                finding.message.means
            ),
            Remedy::Steps(vec![
                finding.message.to_do.clone(),
                Remedy::run_to("see every finding with its place", Command::new("check").with(shown)),
            ]),
        )),
    }
}

/// The estate that is named; without one the estate in force in this incident.
pub fn named_or_in_force(
    named: Option<&Path>,
    options: &mut [(&str, &mut Vec<String>)],
    incident: Option<&Path>,
    form: &str,
) -> Result<Estate, Failure> {
    match (path(named, options, form), incident) {
        (Ok(path), _) => read(&path),
        (Err(_), Some(incident)) if no_path(named, options) => in_force(incident),
        (Err(failure), Some(_) | None) => Err(failure),
    }
}

fn no_path(named: Option<&Path>, options: &[(&str, &mut Vec<String>)]) -> bool {
    named.is_none() && !options.iter().any(|(_, values)| values.iter().any(is_path))
}

/// The estate that was put in force last, as the journal keeps it.
pub fn in_force(incident: &Path) -> Result<Estate, Failure> {
    folder::read(incident)?.estate_in_force().ok_or_else(|| {
        Failure::fault(
            "the journal names no estate that can be read",
            "without the estate nothing can be decided; nothing was done",
            "name its folder in the call",
        )
        .of(incident)
    })
}

/// An incident goes by the estate that was put in force; a command that was given another one says what goes by which.
pub fn say_if_other(view: &View, estate: &Estate, means: &str) {
    if view.command.estate_hash.as_ref().is_some_and(|hash| *hash != canonical::hash(estate)) {
        talk::say(format!(
            "note: this is not the estate in force in this incident: {means}, and `blackstart status` goes by the other. \
             `blackstart adopt DIR ESTATE` puts an edited one in force"
        ));
    }
}

fn is_path(value: &String) -> bool {
    value.parse::<Id>().is_err() && Path::new(value).exists()
}

/// Which estate is meant. An option that takes several values takes an estate behind them along (`--lost site:muc
/// ESTATE`): it is taken back out of `options`, if it is the only value that is a file or folder and no id.
pub fn path(
    named: Option<&Path>,
    options: &mut [(&str, &mut Vec<String>)],
    form: &str,
) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let places: Vec<(usize, usize)> = options
        .iter()
        .enumerate()
        .flat_map(|(option, (_, values))| {
            values.iter().enumerate().filter(|(_, value)| is_path(value)).map(move |(at, _)| (option, at))
        })
        .collect();
    let value = |(option, at): (usize, usize)| quoted(&options[option].1[at]);
    match places.as_slice() {
        [(option, at)] if options[*option].1.len() > 1 => Ok(PathBuf::from(options[*option].1.remove(*at))),
        [] => Err(Failure::usage(
            "no estate is named",
            "nothing was done: it is not known what the names stand for",
            format!("name its folder, before the options: {form}"),
        )),
        [only] => Err(Failure::usage(
            format!(
                "{} after {} is the only value there, so no estate is named",
                value(*only),
                options[only.0].0
            ),
            "nothing was done: it is not clear whether it is the estate or a name",
            format!("name the estate before the options: {form}"),
        )),
        [first, second, ..] => Err(Failure::usage(
            format!("{} and {} could both be the estate", value(*first), value(*second)),
            "nothing was done: it is not clear which of them is a name",
            format!("name the estate before the options: {form}"),
        )),
    }
}
