//! From compose files to a draft.
//!
//! `project` brings the files together as compose does: variables, layers, `extends`, `include`, profiles.
//! `services` turns what results into services, stores, gates and stated dependencies. `hints` proposes those that
//! are stated nowhere. Names of services become ids; aliases, host names and container names are names under which
//! others reach them.
//!
//! What becomes which kind of dependency:
//!
//! | compose | kind | because |
//! |---|---|---|
//! | `depends_on` with `service_healthy`, `service_completed_successfully` | hard | its author waits for more than a process |
//! | `depends_on` with `service_started`, short form, `links`, `volumes_from` | start_only | compose promises only the order |
//! | `depends_on` with `required: false` | soft | compose goes on without it |
//! | `network_mode`, `pid`, `ipc`, `uts` of `service:x` | hard | they live inside the other |
//! | a named volume | data, to a store | the data has to be there first |

mod health;
mod hints;
pub mod layers;
mod missed;
mod project;
mod services;
pub mod variables;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::draft::Draft;
use super::fault::Unreadable;
use super::login::Login;
use super::sources::Fetched;

/// What the command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// In the order in which they are laid over each other.
    pub files: Vec<String>,
    /// Instead of the `.env` beside the first file.
    pub env_files: Vec<String>,
    pub profiles: Vec<String>,
    pub all_profiles: bool,
    /// The variables of this shell.
    pub shell: BTreeMap<String, String>,
    /// Words before `exec` in the commands of gates: `docker compose -f …`.
    pub compose: Vec<String>,
    /// The host on which its containers run. `None`: commands of compose, on the machine on which Blackstart runs.
    pub on: Option<OnHost>,
}

/// Where the containers of a project run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnHost {
    pub name: String,
    pub login: Login,
    /// What the project is called there, if its files do not say so.
    pub project: String,
    /// The compose file there.
    pub file: Option<String>,
}

/// How a reader asks for a file, by the name that stands in another one (already brought to the folder it means).
pub type Fetch<'f> = dyn Fn(&str) -> Result<Fetched, Unreadable> + 'f;

/// Reads a project. Pure but for what `fetch` does.
pub fn read(options: &Options, fetch: &Fetch<'_>) -> Result<Draft, Unreadable> {
    let project = project::load(options, fetch)?;
    let mut draft = Draft { findings: project.findings.clone(), ..Draft::default() };
    let made = services::make(&project, options, &mut draft);
    hints::propose(&project, &made, fetch, &mut draft)?;
    draft.normalise();
    Ok(draft)
}
