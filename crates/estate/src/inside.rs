//! Do the paths of a store's backups and the folder it lives in say one thing: what belongs to it, and where each part goes?
//!
//! | `source.paths` and `path` | what belongs to the store | where it goes |
//! |---|---|---|
//! | one path, and it is the folder | that | it is the folder's content |
//! | one path, the folder lies below it | the folder, and nothing beside it | it is the folder's content |
//! | one path, and it lies below the folder | *not said*: the rest of the folder would be gone | |
//! | several, all at or below the folder | those | where they lie below the folder |
//! | some at, above or below the folder, others elsewhere | *not said* | |
//! | none has to do with the folder: it is restored to another place | those | below their common folder, which becomes the folder |
//!
//! Read wrongly, a restore brings the right files to a wrong depth, or a neighbour's files with them, and nothing looks amiss.
//! So what can be read in two ways is not read.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::canonical::source_inside;

/// A path inside the backups that belongs to the store, and where below the store's folder it goes (empty: it is the content
/// of that folder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub path: String,
    pub to: PathBuf,
}

/// Why that is not said, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSaid {
    pub why: String,
    /// What would say it.
    pub write: String,
}

/// The names of a path, without root and without drive letter's colon.
pub fn names(path: &str) -> Vec<OsString> {
    let bytes = path.as_bytes();
    let has_drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == b":\\";
    if has_drive {
        let parts = path[..1].to_owned() + &path[2..];
        return parts.split('\\').filter(|part| !part.is_empty()).map(OsString::from).collect();
    }
    let normal = |part: Component<'_>| match part {
        Component::Normal(part) => Some(part.to_owned()),
        _ => None,
    };
    Path::new(path).components().filter_map(normal).collect()
}

pub fn is_at_or_below(path: &str, above: &str) -> bool {
    names(path).starts_with(&names(above))
}

/// What belongs to a store whose estate names these paths, and where it goes.
pub fn parts(paths: &[String], folder: Option<&str>) -> Result<Vec<Part>, NotSaid> {
    if let Some(path) = paths.iter().find(|path| path.split(['/', '\\']).any(|name| name == "..")) {
        return Err(NotSaid {
            why: format!("{path} holds `..`, and where that leads only the machine of the backup knows"),
            write: "every path whole, without `..`".to_owned(),
        });
    }
    let paths = outermost(paths);
    let whole = |path: &str| vec![Part { path: path.to_owned(), to: PathBuf::new() }];
    let Some(folder) = folder else { return Ok(below(&paths, common(&paths))) };
    let within: Vec<&str> = paths.iter().copied().filter(|path| is_at_or_below(path, folder)).collect();
    let is_above = paths.iter().any(|path| is_at_or_below(folder, path));
    match (paths.as_slice(), within.as_slice()) {
        ([_], _) if is_above => Ok(whole(folder)),
        ([path], [_]) => Err(NotSaid {
            why: format!("{path} is a part of {folder}; restored as a whole, the rest would be gone"),
            write: format!("`path = {path:?}` if that is the store, else {}", written(&[folder])),
        }),
        (_, []) if !is_above => Ok(below(&paths, common(&paths))),
        (_, _) if within.len() == paths.len() => Ok(below(&paths, names(folder).len())),
        _ => {
            let own = if is_above { vec![folder] } else { within };
            Err(NotSaid {
                why: format!(
                    "the store is at {folder}, and of {} not all lie below it: where the others go is not said",
                    paths.join(", ")
                ),
                write: format!("{}, and a store of its own for the others", written(&own)),
            })
        }
    }
}

/// Without those that lie in another one.
fn outermost(paths: &[String]) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::with_capacity(paths.len());
    for (at, path) in paths.iter().enumerate() {
        let is_inside = |(other_at, other): (usize, &String)| {
            other_at != at && is_at_or_below(path, other) && (!is_at_or_below(other, path) || other_at < at)
        };
        if !paths.iter().enumerate().any(is_inside) {
            all.push(path);
        }
    }
    all
}

fn written(paths: &[&str]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    format!("`{}`", source_inside(None, &paths).trim_end_matches(", "))
}

/// Each where it lies below the first `base` names.
fn below(paths: &[&str], base: usize) -> Vec<Part> {
    let to = |path: &str| {
        let mut all = names(path);
        all.split_off(base.min(all.len())).into_iter().collect()
    };
    paths.iter().map(|path| Part { path: (*path).to_owned(), to: to(path) }).collect()
}

/// How many names all have in common; of a single one all, because its content is the store.
fn common(paths: &[&str]) -> usize {
    let mut all = paths.iter().map(|path| names(path));
    let Some(first) = all.next() else { return 0 };
    all.fold(first.len(), |common, path| {
        let same = first.iter().zip(&path).take_while(|(a, b)| a == b).count();
        common.min(same)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `path -> to` for each part, or why not and what to write.
    fn said(paths: &[&str], folder: Option<&str>) -> Result<Vec<String>, String> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let parts = parts(&paths, folder).map_err(|not| format!("{}: {}", not.why, not.write))?;
        Ok(parts.iter().map(|part| format!("{} -> {}", part.path, part.to.display())).collect())
    }

    #[test]
    fn every_row_of_the_table() {
        let is = |parts: &[&str]| Ok(parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!(said(&["/srv/a"], Some("/srv/a/")), is(&["/srv/a/ -> "]));
        assert_eq!(said(&["/srv"], Some("/srv/deep/in/store")), is(&["/srv/deep/in/store -> "]));
        assert_eq!(said(&["/"], Some("/srv/a")), is(&["/srv/a -> "]));
        assert_eq!(
            said(&["/srv/x/a", "/srv/x/b"], Some("/srv")),
            is(&["/srv/x/a -> x/a", "/srv/x/b -> x/b"])
        );
        assert_eq!(said(&["/srv/a"], Some("/new")), is(&["/srv/a -> "]));
        assert_eq!(said(&["/srv/a", "/srv/b/c"], Some("/new")), is(&["/srv/a -> a", "/srv/b/c -> b/c"]));
        assert_eq!(said(&["/srv/a", "/etc"], None), is(&["/srv/a -> srv/a", "/etc -> etc"]));
        assert_eq!(said(&["/srv/ab"], Some("/srv/a")), is(&["/srv/ab -> "]), "a name that only begins alike");
        // A path in another one adds nothing.
        assert_eq!(said(&["/srv", "/srv/a", "/srv"], Some("/srv/a")), is(&["/srv/a -> "]));

        let part = said(&["/srv/a"], Some("/srv")).unwrap_err();
        assert!(part.contains("a part of /srv") && part.contains("`paths = [\"/srv\"]`"), "{part}");
        let beside = said(&["/srv/app", "/etc"], Some("/srv/app")).unwrap_err();
        assert!(beside.contains("`paths = [\"/srv/app\"]`"), "{beside}");
        let above = said(&["/srv", "/etc"], Some("/srv/app")).unwrap_err();
        assert!(above.contains("`paths = [\"/srv/app\"]`"), "{above}");
        let within = said(&["/srv/app/a", "/srv/app/b", "/etc"], Some("/srv/app")).unwrap_err();
        assert!(within.contains("`paths = [\"/srv/app/a\", \"/srv/app/b\"]`"), "{within}");
        assert!(said(&["/srv/../etc"], None).unwrap_err().contains("`..`"));
    }
}
