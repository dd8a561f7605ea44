//! The bridge's configuration, checked as a whole before anything is listened to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::seal::Recipient;
use estate::{Id, Kind};

/// How long the upstream may take to answer, unless the file says otherwise.
const UPSTREAM_TIMEOUT_MS: u64 = 10_000;
/// Only from the bridge's own machine, on whatever port is free.
const CONTROL_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// A business key of more parts than this is a mistake.
const KEY_PARTS_MAX: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum ConfigFault {
    #[error("cannot read {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a bridge configuration: {why}")]
    Form { path: PathBuf, why: String },
}

/// Where requests of one operation go for one site: an address without TLS, inside the provider's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream(String);

impl Upstream {
    pub fn parse(text: &str) -> Result<Upstream, String> {
        let rest = text.strip_prefix("http://").ok_or_else(|| format!("`{text}` must start with http://"))?;
        let host = rest.split('/').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@' | '"' | '<' | '>' | '\\');
        if host.is_empty() || host.starts_with(':') || !text.chars().all(plain) {
            return Err(format!("`{text}` is not a plain address like http://10.0.0.1:8080/path"));
        }
        Ok(Upstream(text.trim_end_matches('/').to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub struct Tenant {
    pub site: String,
    pub recipient: Recipient,
}

/// A site whose core business goes to.
#[derive(Debug, Default)]
pub struct Site {
    /// Answers 2xx while the core is well. Without it a core that is only slow cannot be told from one that is gone.
    pub health: Option<Upstream>,
}

/// Something that can be sent in.
#[derive(Debug)]
pub struct Operation {
    /// By site.
    pub upstream: BTreeMap<String, Upstream>,
    /// JSON pointer to the person it concerns.
    pub person: String,
    /// JSON pointers to what makes two submissions the same business.
    pub business_key: Vec<String>,
}

pub struct Config {
    /// Under which the bridge signs, if a key has to be made.
    pub name: String,
    pub folder: PathBuf,
    pub listen: SocketAddr,
    /// Where the operator's calls are taken, and nothing else: senders that fill `listen` do not reach it.
    pub control_listen: SocketAddr,
    pub key: PathBuf,
    pub control_token_file: PathBuf,
    pub upstream_timeout_ms: u64,
    pub sites: BTreeMap<String, Site>,
    pub tenants: BTreeMap<Id, Tenant>,
    pub operations: BTreeMap<String, Operation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    name: Option<String>,
    folder: PathBuf,
    listen: SocketAddr,
    control_listen: Option<SocketAddr>,
    key: PathBuf,
    control_token_file: PathBuf,
    upstream_timeout_ms: Option<u64>,
    #[serde(default)]
    site: BTreeMap<String, SiteFile>,
    #[serde(default)]
    tenant: BTreeMap<String, TenantFile>,
    #[serde(default)]
    operation: BTreeMap<String, OperationFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteFile {
    health: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantFile {
    site: String,
    recipient: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationFile {
    upstream: BTreeMap<String, String>,
    person: String,
    business_key: Vec<String>,
}

impl Config {
    /// Reads and checks. Relative paths in the file start at the folder of the file.
    pub fn load(path: &Path) -> Result<Config, ConfigFault> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigFault::File { path: path.to_owned(), source })?;
        let form = |why: String| ConfigFault::Form { path: path.to_owned(), why };
        let file: ConfigFile = toml::from_str(&text).map_err(|error| form(error.to_string()))?;
        Config::check(file, path.parent().unwrap_or(Path::new(""))).map_err(form)
    }

    fn check(file: ConfigFile, base: &Path) -> Result<Config, String> {
        let tenants = check_tenants(file.tenant)?;
        let sites = check_sites(file.site, &tenants)?;
        let mut operations = BTreeMap::new();
        for (name, operation) in file.operation {
            let checked =
                check_operation(operation, &tenants).map_err(|why| format!("operation {name}: {why}"))?;
            Id::new(Kind::Capability, &name).map_err(|error| format!("operation: {error}"))?;
            operations.insert(name, checked);
        }
        if tenants.is_empty() || operations.is_empty() {
            return Err("it names no tenant or no operation, so nothing could be accepted".to_owned());
        }
        let timeout = file.upstream_timeout_ms.unwrap_or(UPSTREAM_TIMEOUT_MS);
        if !(50..=120_000).contains(&timeout) {
            return Err("upstream_timeout_ms must lie between 50 and 120000".to_owned());
        }
        Ok(Config {
            name: file.name.unwrap_or_else(|| "blackstart-bridge".to_owned()),
            folder: base.join(file.folder),
            listen: file.listen,
            control_listen: file.control_listen.unwrap_or(CONTROL_LISTEN),
            key: base.join(file.key),
            control_token_file: base.join(file.control_token_file),
            upstream_timeout_ms: timeout,
            sites,
            tenants,
            operations,
        })
    }

    /// Sites with tenants whose core's health cannot be asked for.
    pub fn sites_without_health(&self) -> Vec<&str> {
        let sites: BTreeSet<&str> = self.tenants.values().map(|tenant| tenant.site.as_str()).collect();
        let is_named = |site: &&str| self.sites.get(*site).is_some_and(|site| site.health.is_some());
        sites.into_iter().filter(|site| !is_named(site)).collect()
    }

    /// Tenants of this site.
    pub fn tenants_at(&self, site: &str) -> impl Iterator<Item = &Id> {
        self.tenants.iter().filter(move |(_, tenant)| tenant.site == site).map(|(id, _)| id)
    }
}

/// Two tenants with one recipient would be one to the seal: each could open what is the other's.
fn check_tenants(file: BTreeMap<String, TenantFile>) -> Result<BTreeMap<Id, Tenant>, String> {
    let mut tenants: BTreeMap<Id, Tenant> = BTreeMap::new();
    for (name, tenant) in file {
        let id = Id::new(Kind::Tenant, &name).map_err(|error| format!("tenant: {error}"))?;
        let recipient =
            Recipient::parse(&tenant.recipient).map_err(|error| format!("tenant {name}: {error}"))?;
        Id::new(Kind::Site, &tenant.site).map_err(|error| format!("tenant {name}: site: {error}"))?;
        let same = |(_, other): &(&Id, &Tenant)| other.recipient.to_string() == recipient.to_string();
        if let Some((other, _)) = tenants.iter().find(same) {
            return Err(format!(
                "tenant {name} has the same recipient as {other}, so each could open what belongs to the other: every tenant makes its own with `blackstart handback keygen`"
            ));
        }
        tenants.insert(id, Tenant { site: tenant.site, recipient });
    }
    Ok(tenants)
}

fn check_sites(
    file: BTreeMap<String, SiteFile>,
    tenants: &BTreeMap<Id, Tenant>,
) -> Result<BTreeMap<String, Site>, String> {
    let mut sites = BTreeMap::new();
    for (name, site) in file {
        if !tenants.values().any(|tenant| tenant.site == name) {
            return Err(format!(
                "site {name}: no tenant is there; is its name spelled as the tenants spell it?"
            ));
        }
        let health = Upstream::parse(&site.health).map_err(|why| format!("site {name}: health: {why}"))?;
        sites.insert(name, Site { health: Some(health) });
    }
    Ok(sites)
}

fn check_operation(file: OperationFile, tenants: &BTreeMap<Id, Tenant>) -> Result<Operation, String> {
    let mut upstream = BTreeMap::new();
    for (site, address) in file.upstream {
        upstream.insert(site, Upstream::parse(&address)?);
    }
    if let Some((id, tenant)) = tenants.iter().find(|(_, tenant)| !upstream.contains_key(&tenant.site)) {
        return Err(format!("it has no upstream for the site {} of {id}", tenant.site));
    }
    if file.business_key.is_empty() || file.business_key.len() > KEY_PARTS_MAX {
        return Err(format!("business_key must hold 1 to {KEY_PARTS_MAX} JSON pointers"));
    }
    for pointer in std::iter::once(&file.person).chain(&file.business_key) {
        check_pointer(pointer)?;
    }
    Ok(Operation { upstream, person: file.person, business_key: file.business_key })
}

/// RFC 6901: the pointer to the whole document is allowed there and is no key of anything here.
pub fn check_pointer(pointer: &str) -> Result<(), String> {
    let escapes_whole = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if pointer.starts_with('/') && escapes_whole {
        Ok(())
    } else {
        Err(format!("`{pointer}` is not a JSON pointer; write for example `/person`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Identity;

    fn example() -> String {
        let recipient = Identity::generate().recipient();
        format!(
            r#"
            folder = "b"
            listen = "127.0.0.1:0"
            key = "/k/bridge.key"
            control_token_file = "token"
            [tenant.x]
            site = "ess"
            recipient = "{recipient}"
            [operation.eau]
            upstream = {{ ess = "http://127.0.0.1:1/eau/" }}
            person = "/person"
            business_key = ["/person", "/from"]
            "#
        )
    }

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_whole_configuration_is_read() {
        let config = load(&example()).unwrap();
        assert!(config.folder.is_absolute() && config.folder.ends_with("b"), "beside the file");
        assert_eq!(config.key, Path::new("/k/bridge.key"));
        assert_eq!(config.operations["eau"].upstream["ess"].as_str(), "http://127.0.0.1:1/eau");
        assert_eq!(config.tenants_at("ess").count(), 1);
        assert_eq!(config.tenants_at("muc").count(), 0);
    }

    #[test]
    fn two_tenants_with_one_recipient_are_refused() {
        let text = example();
        let recipient = text.lines().find(|line| line.contains("recipient")).unwrap();
        let twice = text
            .replace("[operation.eau]", &format!("[tenant.y]\nsite = \"ess\"\n{recipient}\n[operation.eau]"));
        let why = load(&twice).err().unwrap();
        assert!(why.contains("tenant y has the same recipient as tenant:x"), "{why}");
    }

    #[test]
    fn what_could_not_work_is_refused_before_anything_is_listened_to() {
        let cases = [
            ("site = \"ess\"", "site = \"muc\"", "no upstream for the site muc"),
            ("age1", "age2", "not a recipient"),
            ("tenant.x", "tenant.\"X Y\"", "is not a name"),
            ("http://127.0.0.1:1/eau/", "https://127.0.0.1:1/eau", "must start with http://"),
            ("http://127.0.0.1:1/eau/", "http:///eau", "not a plain address"),
            ("\"/person\",", "\"person\",", "not a JSON pointer"),
            ("[\"/person\", \"/from\"]", "[]", "1 to 16"),
            ("listen =", "lisen =", "unknown field"),
            (
                "[operation.eau]",
                "[site.muc]\nhealth = \"http://127.0.0.1:1/\"\n[operation.eau]",
                "no tenant is there",
            ),
            (
                "[operation.eau]",
                "[site.ess]\nhealth = \"https://x\"\n[operation.eau]",
                "must start with http://",
            ),
            ("127.0.0.1:0", "nowhere", "socket address"),
        ];
        for (from, to, expected) in cases {
            let changed = example().replace(from, to);
            assert_ne!(changed, example());
            let why = load(&changed).err().unwrap_or_else(|| panic!("{to} was taken"));
            assert!(why.contains(expected), "{why}");
        }
    }
}
