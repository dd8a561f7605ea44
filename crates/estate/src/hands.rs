//! How a host is reached, and who starts and stops a service there: the fields, and which names may stand in them.
//!
//! A name from here becomes a word of a command on another machine. The drivers quote every one; that no name can hold
//! a blank, a quote, a line end or begin with a dash is the second lock, and makes that a person can read a script.

use super::fields::{Fields, Out, shown};
use super::id::{Id, Kind};
use super::model::Host;
use std::fmt::Write;

use super::canonical::quoted;

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

impl Host {
    /// The estate says how commands get there.
    pub fn is_reached(&self) -> bool {
        self.local || self.ssh.is_some()
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

/// A path on a machine: absolute, on one line.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(char::is_control) && text.len() <= 4096
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

/// A text that fits, or a finding and nothing.
fn fitting(
    fields: &mut Fields<'_>,
    name: &'static str,
    fits: fn(&str) -> bool,
    expected: &str,
    out: &mut Out,
) -> Option<String> {
    let text = fields.text(name, out)?;
    if fits(&text) {
        return Some(text);
    }
    fields.unfit(name, &text, expected, out);
    None
}

pub(super) fn ssh(mut fields: Fields<'_>, out: &mut Out) -> Option<Ssh> {
    let number = "an address in numbers such as 192.0.2.7, or a name of letters, digits, dots and dashes";
    if fields.lacks("address") {
        fields.missing("address", number, out);
    }
    let address = fitting(&mut fields, "address", is_address, number, out);
    let port = match fields.number("port", out).map(u16::try_from) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => {
            fields.unfit("port", "no port", "a number from 1 to 65535", out);
            None
        }
    };
    let user = fitting(&mut fields, "user", is_user, "a user name of letters, digits, dots, dashes", out);
    let becomes = fields.word("become", &BECOMES, out).unwrap_or_default();
    let jump = fields.id("jump", Kind::Host, out);
    let is_single = fields.is_text("host_key");
    let given = if is_single {
        fields.text("host_key", out).into_iter().collect()
    } else {
        fields.texts("host_key", out)
    };
    let mut host_key = Vec::new();
    for key in given {
        // The comment at the end of a `.pub` file says nothing about the key.
        let skipped = usize::from(key.starts_with("@cert-authority"));
        let key = key.split_whitespace().take(2 + skipped).collect::<Vec<_>>().join(" ");
        if is_host_key(&key) {
            host_key.push(key);
        } else {
            let expected =
                "the content of the host's /etc/ssh/ssh_host_ed25519_key.pub, such as \"ssh-ed25519 AAAA…\"";
            fields.unfit("host_key", &key, expected, out);
        }
    }
    let expected = "the absolute path of a file with a private key, never the key";
    let identity = fitting(&mut fields, "identity", is_path, expected, out);
    // As another user, on another port or with another key it would be another way.
    let is_meant = (fields.lacks("user") || user.is_some())
        && (fields.lacks("port") || port.is_some())
        && (fields.lacks("identity") || identity.is_some());
    fields.finish(out);
    if !is_meant {
        return None;
    }
    Some(Ssh { address: address?, port, user, becomes, jump, host_key, identity })
}

/// The one driver that `run` names, if it names one. Taken from `fields`, which is finished by the caller.
pub(super) fn driver(fields: &mut Fields<'_>, out: &mut Out) -> Option<Driver> {
    let unit = "the name of a unit, such as \"nginx.service\"";
    let systemd = fields.text("systemd", out).and_then(|text| {
        // systemctl itself takes a bare name for a service.
        let name = if text.contains('.') { text.clone() } else { format!("{text}.service") };
        if !is_unit(&name) {
            fields.unfit("systemd", &text, unit, out);
            return None;
        }
        Some(Driver::Systemd(name))
    });
    let compose = fields.table("compose", out).and_then(|table| compose(table, out));
    let kubernetes = fields.table("kubernetes", out).and_then(|table| kubernetes(table, out));
    let domain = "the name of a domain as `virsh list` shows it, of letters, digits, dots and dashes";
    let libvirt = fitting(fields, "libvirt", is_name, domain, out).map(Driver::Libvirt);
    let mut drivers = [systemd, compose, kubernetes, libvirt].into_iter().flatten();
    let (first, second) = (drivers.next(), drivers.next());
    let driver = first?;
    let commands = ["start", "stop", "directory", "environment", "pid_file"].into_iter();
    let others = second.iter().map(Driver::word).chain(commands.filter(|other| !fields.lacks(other)));
    let others: Vec<&str> = others.collect();
    others.iter().for_each(|other| fields.twice(driver.word(), other, out));
    others.is_empty().then_some(driver)
}

fn compose(mut fields: Fields<'_>, out: &mut Out) -> Option<Driver> {
    for name in ["project", "service"] {
        if fields.lacks(name) {
            fields.missing(name, "as `docker compose ls` and `docker compose ps` show it", out);
        }
    }
    let expected = "letters, digits, dots, dashes and underscores, as compose writes it";
    let project = fitting(&mut fields, "project", is_name, expected, out);
    let service = fitting(&mut fields, "service", is_name, expected, out);
    let file =
        fitting(&mut fields, "file", is_path, "the absolute path of the compose file on its host", out);
    fields.finish(out);
    Some(Driver::Compose { project: project?, service: service?, file })
}

fn kubernetes(mut fields: Fields<'_>, out: &mut Out) -> Option<Driver> {
    for name in ["namespace", "kind", "name"] {
        if fields.lacks(name) {
            fields.missing(name, "as the cluster calls it", out);
        }
    }
    let expected = "letters, digits, dots and dashes, as the cluster writes it";
    let context = "a context as `kubectl config get-contexts` shows it";
    let context = fitting(&mut fields, "context", is_context, context, out);
    let namespace = fitting(&mut fields, "namespace", is_name, expected, out);
    let kinds = [("deployment", "deployment"), ("statefulset", "statefulset")];
    let kind = fields.word("kind", &kinds, out);
    let name = fitting(&mut fields, "name", is_name, expected, out);
    let replicas = fields.number("replicas", out).unwrap_or(1);
    // Without the context that was meant it would be done in whatever cluster is in use there.
    let is_meant = fields.lacks("context") || context.is_some();
    fields.finish(out);
    if !is_meant {
        return None;
    }
    let workload = Workload { context, namespace: namespace?, kind: kind?.to_owned(), name: name?, replicas };
    Some(Driver::Kubernetes(workload))
}

/// As it stands in the canonical text, without the name of the field.
pub(super) fn ssh_line(ssh: &Ssh) -> String {
    let mut line = format!("{{ address = {}", quoted(&ssh.address));
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(line, ", {name} = {value}");
        }
    };
    put("port", ssh.port.map(|port| port.to_string()));
    put("user", ssh.user.as_deref().map(quoted));
    let word = BECOMES.iter().find(|(_, meaning)| *meaning == ssh.becomes);
    put("become", word.map(|(word, _)| quoted(word)));
    put("jump", ssh.jump.as_ref().map(|jump| quoted(&jump.to_string())));
    let keys: Vec<String> = ssh.host_key.iter().map(|key| quoted(key)).collect();
    put("host_key", Some(format!("[{}]", keys.join(", "))).filter(|_| !keys.is_empty()));
    put("identity", ssh.identity.as_deref().map(quoted));
    line + " }"
}

/// The whole line of a driver in the table `run`.
pub(super) fn driver_line(driver: &Driver) -> String {
    let word = driver.word();
    match driver {
        Driver::Systemd(name) | Driver::Libvirt(name) => format!("{word} = {}", quoted(name)),
        Driver::Compose { project, service, file } => {
            let file = file.as_ref().map_or_else(String::new, |file| format!(", file = {}", quoted(file)));
            format!("{word} = {{ project = {}, service = {}{file} }}", quoted(project), quoted(service))
        }
        Driver::Kubernetes(workload) => {
            let context = workload.context.as_ref();
            let context = context.map_or_else(String::new, |name| format!("context = {}, ", quoted(name)));
            format!(
                "{word} = {{ {context}namespace = {}, kind = {}, name = {}, replicas = {} }}",
                quoted(&workload.namespace),
                quoted(&workload.kind),
                quoted(&workload.name),
                workload.replicas
            )
        }
    }
}

impl Fields<'_> {
    /// Text that is there and may not be: it would not be the name of one thing.
    fn unfit(&self, name: &str, text: &str, expected: &str, out: &mut Out) {
        out.broken(
            "unfit-name",
            format!("`{name}` of {} is `{}`", self.called(), shown(text)),
            format!("write {expected}"),
            Some(self.place()),
            self.owner.as_ref(),
        );
    }

    /// Two ways of starting: whichever is meant, the other one would be left out without a word.
    fn twice(&self, first: &str, second: &str, out: &mut Out) {
        out.broken(
            "run-said-twice",
            format!("`run` of {} names both `{first}` and `{second}`", self.called()),
            format!("keep the one by which it is really started; {first} needs nothing besides it but `admit` and `job`"),
            Some(self.place()),
            self.owner.as_ref(),
        );
    }
}
