//! Which snapshots of a repository are a store's own, and where inside one does its content lie?
//!
//! A backup names its paths as absolute ones, however it was called, and lays its content out as it was called:
//!
//! | call, in `/srv` | paths it says | what lies at its root |
//! |---|---|---|
//! | `restic backup /srv/data` | `/srv/data` | `srv/data/…` |
//! | `restic backup data` | `/srv/data` | `data/…` |
//! | `cd data; restic backup .` | `/srv/data` | `…` |
//! | `restic backup /srv/data /etc` | both | `srv/data/…`, `etc/…` |
//!
//! So the place is looked for, and what is found has to be the only reading of the layout: a chain of folders that leads to
//! the path and to nothing beside it, as far as the paths of the backup go. Where that does not say one thing, nothing is
//! guessed: a wrong place restores the wrong files under the right name.
//!
//! One reading is preferred to another only here: at the root of `restic backup .`, called in `data`, may lie nothing but a
//! folder `data`. That looks like `restic backup data`, which people call every day, and is read as it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use estate::inside::{Part, is_at_or_below, names, parts};

/// An entry of a folder, as far as finding needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<T> {
    Folder(T),
    File,
    /// A link, a pipe, a device: nothing leads through it.
    Other,
}

/// What lies in a folder, by name.
pub type Listing<T> = Vec<(OsString, Entry<T>)>;

/// Folders of a snapshot.
pub trait Folders {
    type Tree: Copy;
    /// By name; or why that cannot be read.
    fn entries(&self, tree: Self::Tree) -> Result<Listing<Self::Tree>, String>;
}

/// What a store says about its copies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own<'a> {
    /// Of its backups.
    pub host: Option<&'a str>,
    /// Where it lies in them. Empty: not said.
    pub paths: &'a [String],
    /// The folder it lives in, into which it is restored.
    pub folder: Option<&'a str>,
    /// Another store has its copies in the same repository, so that a backup of another place need not be this one's.
    pub is_shared: bool,
}

/// Host and paths that a snapshot says.
pub type SeriesName = (String, Vec<String>);

/// Something of a snapshot that belongs to the store: where it lies in the snapshot, and where below the store's folder it goes
/// (empty: it is the content of that folder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub inside: PathBuf,
    pub to: PathBuf,
}

impl Own<'_> {
    /// Whether a snapshot may be one of this store's, by what is said about both.
    pub fn may_be(&self, (host, paths): &SeriesName) -> bool {
        let covered = |path: &String| paths.iter().any(|of_backup| is_at_or_below(path, of_backup));
        self.host.is_none_or(|own| own == host) && self.paths.iter().all(covered)
    }

    /// Whether it is said which snapshots are its own, as far as it has to be: `of_repository` are all there are. `Err`: those
    /// it could be.
    pub fn chosen<'s>(
        &self,
        of_repository: impl Iterator<Item = &'s SeriesName>,
    ) -> Result<(), BTreeSet<&'s SeriesName>> {
        let own: BTreeSet<&SeriesName> = of_repository.filter(|series| self.may_be(series)).collect();
        let hosts: BTreeSet<&String> = own.iter().map(|(host, _)| host).collect();
        // The paths of a backup may change while the store stays where it is.
        let is_said = own.len() <= 1 || (hosts.len() == 1 && !self.paths.is_empty());
        if is_said { Ok(()) } else { Err(own) }
    }

    /// Where in a snapshot with these paths the store lies. `Err` says why nothing can be restored from it.
    pub fn pieces<F: Folders>(
        &self,
        folders: &F,
        root: F::Tree,
        of_backup: &[String],
    ) -> Result<Vec<Piece>, String> {
        let wanted = self.wanted(of_backup)?;
        let at_root = folders.entries(root)?;
        let mut pieces = Vec::with_capacity(wanted.len());
        for Part { path, to } in &wanted {
            let above = of_backup.iter().filter(|above| is_at_or_below(path, above));
            let Some(above) = above.max_by_key(|above| names(above).len()) else {
                return Err(format!("the backup is of {}, and {path} is not below it", of_backup.join(", ")));
            };
            let start = layout(folders, &at_root, &names(above), of_backup)?;
            let inside: Vec<OsString> =
                start.into_iter().chain(names(path).split_off(names(above).len())).collect();
            let end = walk(folders, root, &inside, path)?;
            if matches!(end, Entry::File) && wanted.len() == 1 && self.folder.is_some() {
                return Err(format!(
                    "{path} is a single file in it, and a store is restored as a folder: give the store the folder that holds the file \
                     as its `path`"
                ));
            }
            pieces.push(Piece { inside: inside.into_iter().collect(), to: to.clone() });
        }
        Ok(pieces)
    }

    /// The paths that make up the store, and where below its folder each goes.
    fn wanted(&self, of_backup: &[String]) -> Result<Vec<Part>, String> {
        if !self.paths.is_empty() {
            return parts(self.paths, self.folder)
                .map_err(|not_said| format!("{}; in its `source` write {}", not_said.why, not_said.write));
        }
        let whole = |path: &str| vec![Part { path: path.to_owned(), to: PathBuf::new() }];
        let Some(folder) = self.folder else {
            return match of_backup {
                [one] => Ok(whole(one)),
                _ => Err(format!(
                    "the backup is of {}: which of them is the store is not said",
                    of_backup.join(", ")
                )),
            };
        };
        // The store lives in (a part of) what was backed up: that part it is.
        if of_backup.iter().any(|path| is_at_or_below(folder, path)) {
            return Ok(whole(folder));
        }
        let below = of_backup.iter().filter(|path| is_at_or_below(path, folder)).count();
        match (of_backup.len(), below) {
            // Made of another place than the one it goes to: all of it is meant.
            (1, 0) if !self.is_shared => Ok(whole(&of_backup[0])),
            (_, 0) => Err(format!(
                "the backup is of {}, and the store is at {folder}: which of them it is, is not said",
                of_backup.join(", ")
            )),
            (_, _) => Err(format!(
                "the backup holds only {}, a part of {folder}; restored as a whole, the rest would be gone",
                of_backup.join(", ")
            )),
        }
    }
}

/// The chain of names that leads from the root of the snapshot to `path`, one of the paths of the backup.
fn layout<F: Folders>(
    folders: &F,
    at_root: &[(OsString, Entry<F::Tree>)],
    path: &[OsString],
    of_backup: &[String],
) -> Result<Vec<OsString>, String> {
    let there: BTreeSet<&OsStr> = at_root.iter().map(|(name, _)| name.as_os_str()).collect();
    // With `cut` names left out at the front, every path of the backup begins with one of what lies at the root, and nothing
    // else lies there.
    for cut in 0..path.len() {
        let heads: Option<BTreeSet<OsString>> = of_backup
            .iter()
            .map(|other| {
                let other = names(other);
                // Of several relative paths each is laid out by its own last names.
                let skip = if cut == 0 { 0 } else { other.len().checked_sub(path.len() - cut)? };
                other.get(skip).cloned()
            })
            .collect();
        let is_so = heads.is_some_and(|heads| {
            heads.len() == there.len() && heads.iter().all(|head| there.contains(head.as_os_str()))
        });
        let chain = &path[cut..];
        if is_so && leads(folders, at_root, chain, of_backup.len() == 1)? {
            return Ok(chain.to_vec());
        }
    }
    match of_backup {
        [_] => Ok(Vec::new()),
        _ => Err(format!(
            "what lies at the root of the snapshot ({}) does not say where each of {} is",
            there.iter().map(crate::shown::path).collect::<Vec<_>>().join(", "),
            of_backup.join(", ")
        )),
    }
}

/// Whether this chain of names exists; of a backup of one path nothing lies beside it on the way.
fn leads<F: Folders>(
    folders: &F,
    at_root: &[(OsString, Entry<F::Tree>)],
    chain: &[OsString],
    alone: bool,
) -> Result<bool, String> {
    let mut entries = at_root.to_vec();
    for (at, name) in chain.iter().enumerate() {
        if alone && entries.len() != 1 {
            return Ok(false);
        }
        match entries.iter().find(|(found, _)| found == name) {
            Some((_, Entry::Folder(tree))) if at + 1 < chain.len() => entries = folders.entries(*tree)?,
            Some((_, Entry::Folder(_) | Entry::File)) => return Ok(at + 1 == chain.len()),
            Some((_, Entry::Other)) | None => return Ok(false),
        }
    }
    Ok(true)
}

/// Everything on the way is a folder, and the end is there.
fn walk<F: Folders>(
    folders: &F,
    root: F::Tree,
    inside: &[OsString],
    path: &str,
) -> Result<Entry<F::Tree>, String> {
    let mut tree = root;
    for (at, name) in inside.iter().enumerate() {
        let entry =
            folders.entries(tree)?.into_iter().find(|(found, _)| found == name).map(|(_, entry)| entry);
        let shown = crate::shown::path(name);
        match entry {
            Some(Entry::Folder(subtree)) => tree = subtree,
            Some(Entry::File) if at + 1 == inside.len() => return Ok(Entry::File),
            Some(Entry::File | Entry::Other) => {
                return Err(format!("{path} is not in it: `{shown}` on the way is not a folder"));
            }
            None => return Err(format!("{path} is not in it: there is no `{shown}`")),
        }
    }
    Ok(Entry::Folder(tree))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Folders by their whole path; a name that ends in `@` is a link.
    struct Made(BTreeMap<String, Vec<(OsString, Entry<usize>)>>, Vec<String>);

    impl Made {
        fn of(files: &[&str]) -> Made {
            let mut made = Made(BTreeMap::new(), vec![String::new()]);
            made.0.insert(String::new(), Vec::new());
            for file in files {
                let mut at = String::new();
                let parts: Vec<&str> = file.split('/').collect();
                for (number, part) in parts.iter().enumerate() {
                    let whole = format!("{at}/{part}");
                    let last = number + 1 == parts.len();
                    let entry = match (last, part.ends_with('@')) {
                        (true, true) => Entry::Other,
                        (true, false) => Entry::File,
                        (false, _) => {
                            let known = made.1.iter().position(|path| *path == whole);
                            Entry::Folder(known.unwrap_or_else(|| {
                                made.1.push(whole.clone());
                                made.0.insert(whole.clone(), Vec::new());
                                made.1.len() - 1
                            }))
                        }
                    };
                    let entries = made.0.get_mut(&at).unwrap();
                    let name = OsString::from(part.trim_end_matches('@'));
                    if !entries.iter().any(|(found, _)| *found == name) {
                        entries.push((name, entry));
                    }
                    at = whole;
                }
            }
            made
        }
    }

    impl Folders for Made {
        type Tree = usize;
        fn entries(&self, tree: usize) -> Result<Vec<(OsString, Entry<usize>)>, String> {
            Ok(self.0[&self.1[tree]].clone())
        }
    }

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    /// `inside -> to` for each piece.
    fn found(
        files: &[&str],
        of_backup: &[&str],
        paths: &[&str],
        folder: Option<&str>,
    ) -> Result<Vec<String>, String> {
        let paths = texts(paths);
        let own = Own { paths: &paths, folder, ..Own::default() };
        let pieces = own.pieces(&Made::of(files), 0, &texts(of_backup))?;
        Ok(pieces
            .iter()
            .map(|piece| format!("{} -> {}", piece.inside.display(), piece.to.display()))
            .collect())
    }

    #[test]
    fn however_a_backup_was_called_its_content_is_found() {
        let one = |inside: &str| Ok(vec![format!("{inside} -> ")]);
        let of = &["/srv/data"][..];
        assert_eq!(found(&["srv/data/a", "srv/data/b/c"], of, &[], None), one("srv/data"));
        assert_eq!(found(&["data/a", "data/b/c"], of, &[], None), one("data"));
        assert_eq!(found(&["a", "b/c"], of, &[], None), one(""));
        assert_eq!(found(&["a", "data/c"], of, &[], None), one(""), "a folder of the same name inside");
        assert_eq!(
            found(&["srv/data/x", "readme"], of, &[], None),
            one(""),
            "and a whole path of the same names"
        );
        assert_eq!(
            found(&["srv/data/a"], of, &[], Some("/elsewhere")),
            one("srv/data"),
            "goes to another place"
        );
        assert_eq!(found(&["C/srv/data/a"], &["C:\\srv\\data"], &[], None), one("C/srv/data"));
        assert_eq!(found(&["srv/dump.sql"], &["/srv/dump.sql"], &[], None), one("srv/dump.sql"));
        let file = found(&["srv/dump.sql"], &["/srv/dump.sql"], &[], Some("/srv/dump.sql")).unwrap_err();
        assert!(file.contains("is a single file"), "a folder must not take the place of a file: {file}");
    }

    #[test]
    fn a_store_in_a_larger_backup_is_that_part_and_no_more() {
        let files = &["srv/app/data/a", "srv/app/bin/b", "srv/appendix/c"][..];
        let one = |inside: &str| Ok(vec![format!("{inside} -> ")]);
        assert_eq!(found(files, &["/srv"], &[], Some("/srv/app/data")), one("srv/app/data"));
        assert_eq!(found(files, &["/srv"], &["/srv/app/data"], Some("/new/place")), one("srv/app/data"));
        assert_eq!(found(files, &["/"], &[], Some("/srv/app/data")), one("srv/app/data"));
        // The root that was backed up is named as the store's path: the store is still only what lies in its folder.
        assert_eq!(found(files, &["/srv"], &["/srv"], Some("/srv/app/data")), one("srv/app/data"));
        // Relative: the root is what was in /srv.
        assert_eq!(found(&["app/data/a", "appendix/c"], &["/srv"], &[], Some("/srv/app")), one("app"));
        let missing = found(files, &["/srv"], &[], Some("/srv/app/gone")).unwrap_err();
        assert!(missing.contains("there is no `gone`"), "{missing}");
        let trap = found(files, &["/srv/app"], &["/srv/appendix"], None).unwrap_err();
        assert!(trap.contains("/srv/appendix is not below it"), "{trap}");
        let link = found(&["srv/app@"], &["/srv"], &["/srv/app/data"], None).unwrap_err();
        assert!(link.contains("not a folder"), "{link}");
    }

    #[test]
    fn of_several_paths_it_must_be_known_which() {
        let files = &["srv/a/1", "srv/b/2", "etc/3"][..];
        let of = &["/srv/a", "/srv/b", "/etc"][..];
        assert_eq!(found(files, of, &[], Some("/srv/b")), Ok(vec!["srv/b -> ".to_owned()]));
        assert_eq!(
            found(files, of, &["/srv/a", "/srv/b"], Some("/srv")),
            Ok(vec!["srv/a -> a".to_owned(), "srv/b -> b".to_owned()])
        );
        assert!(found(files, of, &[], Some("/other")).unwrap_err().contains("is not said"));
        assert!(found(files, of, &[], None).unwrap_err().contains("not said"));
        let part = found(files, &["/srv/a"], &["/srv/a"], Some("/srv")).unwrap_err();
        assert!(part.contains("in its `source` write"), "{part}");
        assert!(found(files, &["/srv/a"], &[], Some("/srv")).unwrap_err().contains("a part of /srv"));
        let shared = Own { folder: Some("/other"), is_shared: true, ..Own::default() };
        let not_said = shared.pieces(&Made::of(&["srv/a/1"]), 0, &texts(&["/srv/a"])).unwrap_err();
        assert!(not_said.contains("is not said"), "of another store in the same repository: {not_said}");
        // Called with relative names.
        assert_eq!(
            found(&["a/1", "b/2"], &["/srv/a", "/srv/b"], &["/srv/a"], None),
            Ok(vec!["a -> ".to_owned()])
        );
        assert!(
            found(&["a/1", "x/2"], &["/srv/a", "/srv/b"], &["/srv/a"], None).is_err(),
            "neither reading fits"
        );
    }

    #[test]
    fn which_snapshots_are_its_own_must_be_said_as_soon_as_there_are_several_kinds() {
        let series = |host: &str, paths: &[&str]| (host.to_owned(), texts(paths));
        let two_hosts = [series("h1", &["/etc"]), series("h2", &["/etc"])];
        let two_paths = [series("h1", &["/srv/a"]), series("h1", &["/srv/a", "/srv/b"])];
        let etc = texts(&["/etc"]);
        let a = texts(&["/srv/a"]);
        let chosen = |own: Own<'_>, all: &[SeriesName]| own.chosen(all.iter()).is_ok();
        assert!(chosen(Own::default(), &two_hosts[..1]));
        assert!(
            !chosen(Own::default(), &two_hosts) && !chosen(Own { paths: &etc, ..Own::default() }, &two_hosts)
        );
        assert!(chosen(Own { host: Some("h2"), ..Own::default() }, &two_hosts));
        assert!(!chosen(Own { host: Some("h1"), ..Own::default() }, &two_paths));
        assert!(
            chosen(Own { host: Some("h1"), paths: &a, ..Own::default() }, &two_paths),
            "what else is backed up may change"
        );
        let own = Own { host: Some("h2"), paths: &etc, ..Own::default() };
        assert!(own.may_be(&two_hosts[1]) && !own.may_be(&two_hosts[0]) && !own.may_be(&two_paths[0]));
        let trap = texts(&["/srv/ab"]);
        assert!(
            !Own { paths: &trap, ..Own::default() }.may_be(&two_paths[0]),
            "a name that only begins alike"
        );
    }
}
