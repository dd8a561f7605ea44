//! Which incident is meant? The one that is named; otherwise the one in which the call is made, as git finds its
//! repository; otherwise the one that BLACKSTART_DIR names. Two different answers are none: the call is refused.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{Failure, talk};
use incident::store;

/// The variable that names the incident's folder for calls from elsewhere.
pub const VARIABLE: &str = "BLACKSTART_DIR";

/// What may be found without being named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    Incident,
    /// An incident folder or a bridge folder: whatever keeps a journal of ours.
    Journal,
}

impl Sought {
    fn word(self) -> &'static str {
        match self {
            Sought::Incident => "an incident folder",
            Sought::Journal => "an incident folder or a bridge folder",
        }
    }

    /// Both keep a folder `journal` with their public key beside it; that alone could be anybody's. Only an incident says
    /// where its signing key lies.
    fn is(self, folder: &Path) -> bool {
        let own = match self {
            Sought::Incident => store::key_location_path(folder),
            Sought::Journal => store::public_key_path(folder),
        };
        is_named(folder) && own.is_file()
    }
}

/// Whether a folder that somebody names is taken for an incident: the rule of every command that opens one.
pub fn is_named(folder: &Path) -> bool {
    store::journal_path(folder).is_dir()
}

/// The incident to read: the named one, or the one that is found. `form` is the whole call, for whoever has to name it.
pub fn to_read(named: Option<&Path>, form: &str) -> Result<PathBuf, Failure> {
    named.map_or_else(|| found(Sought::Incident, form), |named| Ok(named.to_owned()))
}

/// The incident to write to. One that nobody named is said first.
pub fn to_write(named: Option<&Path>, form: &str) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let folder = found(Sought::Incident, form)?;
    talk::say(format!("incident {}", folder.display()));
    Ok(folder)
}

/// The incident of a command that records only if it is asked to: by naming one, or with --record.
pub fn to_record(named: Option<&Path>, record: bool, form: &str) -> Result<Option<PathBuf>, Failure> {
    if named.is_none() && !record { Ok(None) } else { to_write(named, form).map(Some) }
}

/// Whether an incident would be found without being named.
pub fn is_found() -> Result<bool, Failure> {
    Ok(among(Sought::Incident, &here()?, variable().as_deref())?.is_some())
}

/// What is found without being named.
pub fn found(sought: Sought, form: &str) -> Result<PathBuf, Failure> {
    let here = here()?;
    among(sought, &here, variable().as_deref())?.ok_or_else(|| {
        Failure::usage(
            format!(
                "no incident is named, and none was found: neither {} nor a folder above it is {}, and {VARIABLE} is not set",
                here.display(),
                sought.word()
            ),
            "it is not clear which incident is meant; nothing was done",
            format!("go into its folder, or name it: {form}"),
        )
    })
}

fn here() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| {
        Failure::fault(
            format!("the working folder cannot be read: {error}"),
            "no incident could be looked for in it; nothing was done",
            "go to a folder that is there, then call again",
        )
    })
}

fn variable() -> Option<OsString> {
    std::env::var_os(VARIABLE).filter(|value| !value.is_empty())
}

/// What nobody named must not be somebody else's: whoever may write into a folder above the working folder could put an
/// incident there, and have us sign into it, restore from it, and run its commands (git's `safe.directory` is the same
/// rule). What root has made is taken too; root may do anything anyway.
fn ours(folder: &Path, sought: Sought) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    // With sudo the folder may well be of the one who called it.
    let sudo = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse::<u32>().ok()).filter(|_| me == 0);
    let owner = |path: &Path| std::fs::symlink_metadata(path).map(|about| about.uid());
    for path in [folder.to_owned(), store::journal_path(folder)] {
        match owner(&path) {
            Ok(uid) if is_trusted(uid, me, sudo) => {}
            Ok(uid) => {
                return Err(Failure::refused(
                    format!(
                        "{} was found above the working folder, and {} belongs to user {uid}, not to you ({me})",
                        folder.display(),
                        path.display()
                    ),
                    format!(
                        "somebody may have put {} there for you to find; nothing was read and nothing was done",
                        sought.word()
                    ),
                    format!(
                        "if it is the one you mean, name it as DIR in the call, or: export {VARIABLE}={}",
                        message::quoted(&folder.display().to_string())
                    ),
                ));
            }
            Err(error) => {
                return Err(Failure::fault(
                    format!("it cannot be told whose {} is: {error}", path.display()),
                    "it was not taken without being named; nothing was done",
                    "name the incident in the call",
                ));
            }
        }
    }
    Ok(())
}

fn is_trusted(owner: u32, me: u32, sudo: Option<u32>) -> bool {
    owner == me || owner == 0 || sudo == Some(owner)
}

/// What the working folder and the variable say together; `None`: nothing.
fn among(sought: Sought, here: &Path, variable: Option<&OsStr>) -> Result<Option<PathBuf>, Failure> {
    let around = here.ancestors().find(|folder| sought.is(folder)).map(Path::to_owned);
    let Some(variable) = variable else {
        if let Some(around) = &around {
            ours(around, sought)?;
        }
        return Ok(around);
    };
    let set = here.join(variable);
    if !sought.is(&set) {
        return Err(Failure::usage(
            format!("{VARIABLE} is {}, and that is not {}", Path::new(variable).display(), sought.word()),
            "it is not clear which incident is meant; nothing was done",
            format!(
                "set it to the incident's folder (export {VARIABLE}=DIR), or unset it (unset {VARIABLE})"
            ),
        ));
    }
    let real = |folder: &Path| std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    match around {
        Some(around) if real(&around) != real(&set) => Err(Failure::usage(
            format!(
                "{VARIABLE} is {}, but the working folder lies in the incident {}",
                set.display(),
                around.display()
            ),
            "it is not clear which of the two is meant; nothing was done",
            format!("name the incident in the call, or forget the other one (unset {VARIABLE})"),
        )),
        Some(_) | None => Ok(Some(set)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_or_roots_is_taken_without_being_named() {
        assert!(is_trusted(1000, 1000, None) && is_trusted(0, 1000, None) && is_trusted(0, 0, None));
        assert!(!is_trusted(1001, 1000, None) && !is_trusted(1001, 0, None));
        assert!(is_trusted(1001, 0, Some(1001)) && !is_trusted(1002, 0, Some(1001)));
    }
}
