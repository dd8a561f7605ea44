//! `blackstart init DIR --estate ESTATE`: opens an incident.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::folder::{self, By};
use super::{Answer, Failure, read_estate, talk};
use estate::canonical;
use incident::store::{self, StoreFault};

/// Open an incident: makes the folder, its journal and its signing key. Nothing else is touched.
///
/// The key lies outside the folder, so that whoever copies the folder cannot sign in its name: at --key, or under
/// the user's state directory. Keep a copy of it on another medium.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to make.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The estate that decisions are made on: a folder of TOML files.
    #[arg(long)]
    estate: PathBuf,
    /// Where the signing key lies; made if it is not there yet.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Name of the incident, for people.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let estate = read_estate::read(&args.estate)?;
    let name = args.name.clone().unwrap_or_else(|| file_name(&args.folder));
    let now_ms = folder::now_ms();
    let origin = format!("blackstart/{}/{now_ms}", slug(&name));
    let key = match &args.key {
        Some(key) => key.clone(),
        None => default_key(&origin)?,
    };
    outside(&key, &args.folder)?;
    if args.key.is_none() {
        make_home(&key)?;
    }
    let text = canonical::text(&estate);
    let hash = canonical::hash(&estate);
    let first = store::opening(&name, &hash, &text);
    store::create(&args.folder, &key, &origin, &args.by.name(), &first, now_ms)
        .map_err(|fault| failure(&args.folder, &fault))?;
    talk::say(format!("incident `{name}` opened in {}", args.folder.display()));
    talk::say(format!("estate {}", &hash[..12]));
    talk::say(format!("signing key {}: keep a copy on another medium", key.display()));
    talk::say(format!(
        "public key {}: give it to whoever wants to check",
        store::public_key_path(&args.folder).display()
    ));
    Ok(Answer::Done)
}

pub(super) fn file_name(folder: &Path) -> String {
    folder.file_name().map_or_else(|| "incident".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Letters and digits of a name, for a place in a signature where spaces are not allowed.
pub(super) fn slug(name: &str) -> String {
    let slug: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(40)
        .collect();
    if slug.is_empty() { "incident".to_owned() } else { slug }
}

/// `$XDG_STATE_HOME/blackstart/ORIGIN.key`, or the same under `~/.local/state`.
pub(super) fn default_key(origin: &str) -> Result<PathBuf, Failure> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .ok_or_else(|| {
            Failure::usage(
                "there is no home directory to put the signing key into",
                "nothing was made",
                "say where to put it: --key FILE",
            )
        })?;
    Ok(state.join("blackstart").join(format!("{}.key", origin.replace('/', "_"))))
}

/// The folder of the default place, for its owner alone. A place named by a person is not made: if the stick that it
/// is on is not plugged in, the key would silently come to lie somewhere else.
pub(super) fn make_home(key: &Path) -> Result<(), Failure> {
    let home = key.parent().unwrap_or(key);
    DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(|error| {
        Failure::fault(
            format!("cannot make the folder {} for the signing key: {error}", home.display()),
            "nothing was made",
            "say where to put the key: --key FILE",
        )
    })
}

/// Before there is an incident there is no key to bring back.
fn failure(folder: &Path, fault: &StoreFault) -> Failure {
    match fault {
        StoreFault::Key { .. } => Failure::fault(
            folder::chain(fault),
            "the incident was not opened, nothing was made",
            "make the folder for the key (is its medium plugged in?), or name another place: --key FILE",
        ),
        _ => folder::failure(folder, fault),
    }
}

/// A key inside the folder would go wherever the folder is copied.
pub(super) fn outside(key: &Path, folder: &Path) -> Result<(), Failure> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if absolute(key).starts_with(absolute(folder)) {
        return Err(Failure::refused(
            format!("the signing key {} would be inside the incident folder", key.display()),
            "whoever gets a copy of the folder could sign in its name",
            "choose a place outside the folder, ideally on another medium",
        ));
    }
    Ok(())
}
