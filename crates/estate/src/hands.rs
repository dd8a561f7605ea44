//! How a host is reached, and who starts and stops a service there: the fields, and which names may stand in them.
//!
//! A name from here becomes a word of a command on another machine. The drivers quote every one; that no name can hold
//! a blank, a quote, a line end or begin with a dash is the second lock, and makes that a person can read a script.

use super::id::Id;

/// Who becomes the one that may: what stands before the commands that change something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Become {
    /// The user who logs in may do it.
    #[default]
    Nobody,
    /// `sudo -n`: never a question, a refusal instead.
    Sudo,
}

pub(super) const BECOMES: [(&str, Become); 1] = [("sudo", Become::Sudo)];

/// How a host is reached by ssh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssh {
    pub address: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub becomes: Become,
    /// The host through which the way leads.
    pub jump: Option<Id>,
    /// Lines without the name: `ssh-ed25519 AAAA…`, or `@cert-authority ssh-ed25519 AAAA…`.
    pub host_key: Vec<String>,
    /// File on this machine with the key that opens it; never the key. `None`: the agent, or the usual files.
    pub identity: Option<String>,
}

/// What starts and stops a service on its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driver {
    /// The name of its unit, with its suffix.
    Systemd(String),
    /// `file`: needed only to make containers that are gone; those that exist are found by their labels.
    Compose {
        project: String,
        service: String,
        file: Option<String>,
    },
    Kubernetes(Workload),
    /// The name of its domain.
    Libvirt(String),
}

/// What is scaled in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Of the configuration of kubectl; `None`: the one that is in use there.
    pub context: Option<String>,
    pub namespace: String,
    /// `deployment` or `statefulset`: only these have a number of copies.
    pub kind: String,
    pub name: String,
    /// How many there are when it runs.
    pub replicas: u64,
}

impl Driver {
    /// What the field is called.
    pub fn word(&self) -> &'static str {
        match self {
            Driver::Systemd(_) => "systemd",
            Driver::Compose { .. } => "compose",
            Driver::Kubernetes(_) => "kubernetes",
            Driver::Libvirt(_) => "libvirt",
        }
    }

    /// As people say it: `the unit nginx.service`.
    pub fn said(&self) -> String {
        match self {
            Driver::Systemd(unit) => format!("the unit {unit}"),
            Driver::Compose { project, service, .. } => {
                format!("the containers of {service} in the project {project}")
            }
            Driver::Kubernetes(workload) => {
                format!("the {} {} in {}", workload.kind, workload.name, workload.namespace)
            }
            Driver::Libvirt(domain) => format!("the virtual machine {domain}"),
        }
    }
}

const NAME_LETTERS_MAX: usize = 255;

/// Letters, digits and the few signs that are given: nothing that any shell, ssh or systemd gives a meaning.
fn is_plain(name: &str, signs: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || signs.contains(letter);
    (1..=NAME_LETTERS_MAX).contains(&name.len()) && !name.starts_with('-') && name.chars().all(fits)
}

/// A name or number of a host: no user, no port, no pattern.
pub fn is_address(text: &str) -> bool {
    is_plain(text, ".:-_") && text.contains(|letter: char| letter.is_ascii_alphanumeric())
}

pub fn is_user(text: &str) -> bool {
    is_plain(text, ".-_")
}

/// systemd's own letters, and a suffix that says what it is.
pub fn is_unit(text: &str) -> bool {
    const SUFFIXES: [&str; 8] =
        [".service", ".socket", ".timer", ".path", ".target", ".mount", ".scope", ".slice"];
    is_plain(text, ":_.\\@-")
        && SUFFIXES.iter().any(|suffix| text.ends_with(suffix) && text.len() > suffix.len())
}

/// Projects and services of compose, things of a cluster, domains, contexts.
pub fn is_name(text: &str) -> bool {
    is_plain(text, "._-")
}

/// Contexts of kubectl are called after users and addresses.
pub fn is_context(text: &str) -> bool {
    is_plain(text, "._-@:/")
}

/// A path on a machine: absolute, of letters, digits and signs that mean nothing to ssh or a shell.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/') && is_plain(text, "/._-+@:,= ")
}

/// Kind and key as they stand in a `.pub` file, without the comment; before it perhaps `@cert-authority`.
pub fn is_host_key(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let words = words.strip_prefix(&["@cert-authority"]).unwrap_or(&words);
    let [kind, key] = words else { return false };
    let is_kind = kind.starts_with("ssh-") || kind.starts_with("ecdsa-sha2-") || kind.starts_with("sk-");
    let is_key = |letter: char| letter.is_ascii_alphanumeric() || "+/=".contains(letter);
    is_kind && is_plain(kind, "-@.") && key.len() >= 16 && key.chars().all(is_key)
}
