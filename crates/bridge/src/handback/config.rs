//! What a tenant's hand-back must know: its bridge, its key, its cores.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use journal::key::PublicKey;
use serde::Deserialize;
use serde_json::Value;

use super::HandbackFault;
use crate::config::{Upstream, check_pointer};
use crate::seal::Identity;
use estate::{Id, Kind};

const WORKERS: usize = 16;
const TIMEOUT_MS: u64 = 30_000;

pub struct Config {
    pub bridge: String,
    /// Whatever does not prove to hold the other half is not the bridge.
    pub bridge_key: PublicKey,
    pub tenant: Id,
    pub identity: Identity,
    pub operations: BTreeMap<String, Target>,
    /// Persons worked on at the same time.
    pub workers: usize,
    pub timeout_ms: u64,
}

pub struct Target {
    pub url: String,
    pub outside: Option<Probe>,
}

/// An address with parts of the submission in it, which knows whether something outside has already happened.
#[derive(Debug, PartialEq, Eq)]
pub struct Probe(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// JSON pointer into the opened body.
    From(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    bridge: String,
    bridge_key: Option<String>,
    bridge_key_file: Option<PathBuf>,
    tenant: String,
    identity: PathBuf,
    workers: Option<usize>,
    timeout_ms: Option<u64>,
    #[serde(default)]
    operation: BTreeMap<String, OperationFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationFile {
    target: String,
    outside_probe: Option<String>,
}

impl Config {
    /// Relative paths in the file start at the folder of the file.
    pub fn load(path: &Path) -> Result<Config, HandbackFault> {
        let text = read(path)?;
        let form = |why: String| HandbackFault::Config { path: path.to_owned(), why };
        let file: ConfigFile = toml::from_str(&text).map_err(|error| form(error.to_string()))?;
        let bridge = Upstream::parse(&file.bridge).map_err(|why| form(format!("bridge: {why}")))?;
        let tenant = Id::new(Kind::Tenant, &file.tenant).map_err(|error| form(format!("tenant: {error}")))?;
        let mut operations = BTreeMap::new();
        for (name, operation) in file.operation {
            let target = target(&operation).map_err(|why| form(format!("operation {name}: {why}")))?;
            operations.insert(name, target);
        }
        if operations.is_empty() {
            return Err(form("it names no operation, so nothing could be offered to anybody".to_owned()));
        }
        let base = path.parent().unwrap_or(Path::new(""));
        let key = match (&file.bridge_key, &file.bridge_key_file) {
            (Some(key), None) => key.clone(),
            (None, Some(file)) => read(&base.join(file))?,
            (Some(_), Some(_)) => return Err(form("name either bridge_key or bridge_key_file".to_owned())),
            (None, None) => {
                return Err(form(
                    "it names no bridge_key (or bridge_key_file): without the bridge's public key nobody can tell the bridge from \
                     whoever sits on the line. It is the file `public-key` in the bridge's folder; get it from the provider by \
                     another way than this line"
                        .to_owned(),
                ));
            }
        };
        let bridge_key = PublicKey::parse(&key).map_err(|error| form(format!("bridge_key: {error}")))?;
        Ok(Config {
            bridge: bridge.as_str().to_owned(),
            bridge_key,
            tenant,
            identity: identity(&base.join(file.identity))?,
            operations,
            workers: file.workers.unwrap_or(WORKERS).clamp(1, 64),
            timeout_ms: file.timeout_ms.unwrap_or(TIMEOUT_MS).clamp(50, 600_000),
        })
    }
}

fn read(path: &Path) -> Result<String, HandbackFault> {
    std::fs::read_to_string(path).map_err(|source| HandbackFault::File { path: path.to_owned(), source })
}

fn identity(path: &Path) -> Result<Identity, HandbackFault> {
    let text = read(path)?;
    let mode = std::fs::metadata(path)
        .map_err(|source| HandbackFault::File { path: path.to_owned(), source })?
        .mode();
    if mode & 0o077 != 0 {
        let why = format!(
            "the identity {} can be read by others (mode {:o}); run `chmod 600` on it if nobody has",
            path.display(),
            mode & 0o7777
        );
        return Err(HandbackFault::Config { path: path.to_owned(), why });
    }
    Identity::parse(&text).map_err(|source| HandbackFault::Identity { path: path.to_owned(), source })
}

fn target(file: &OperationFile) -> Result<Target, String> {
    let url = Upstream::parse(&file.target)?.as_str().to_owned();
    let outside = file.outside_probe.as_deref().map(Probe::parse).transpose()?;
    Ok(Target { url, outside })
}

impl Probe {
    /// `http://bank/paid/{/payment_id}`: each pair of braces holds a JSON pointer.
    pub fn parse(text: &str) -> Result<Probe, String> {
        let wrong = |why: &str| format!("outside_probe `{text}`: {why}");
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (pointer, after) = after.split_once('}').ok_or_else(|| wrong("a `{` is not closed"))?;
            check_pointer(pointer)?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::From(pointer.to_owned()));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let fixed: String = pieces
            .iter()
            .filter_map(|piece| if let Piece::Text(t) = piece { Some(t.as_str()) } else { None })
            .collect();
        let authority_is_fixed = matches!(pieces.first(), Some(Piece::Text(first)) if first
            .strip_prefix("http://")
            .is_some_and(|rest| rest.find('/').is_some_and(|at| at > 0)));
        if !authority_is_fixed || fixed.contains(['}', ' ']) {
            return Err(wrong("write it like http://bank:8080/paid/{/payment_id}"));
        }
        Ok(Probe(pieces))
    }

    /// The address for this submission; `None` if it lacks something that belongs into it.
    pub fn address(&self, body: &Value) -> Option<String> {
        let mut address = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => address.push_str(text),
                Piece::From(pointer) => {
                    let value = match body.pointer(pointer)? {
                        Value::String(text) if !text.is_empty() => text.clone(),
                        Value::Number(number) => number.to_string(),
                        _ => return None,
                    };
                    push_escaped(&mut address, &value);
                }
            }
        }
        Some(address)
    }
}

/// Everything but plain letters and digits as `%XX`: a submission must not choose another address. A value
/// of dots alone would be a step up in a path, and a dot cannot be escaped away, so it becomes no address.
fn push_escaped(address: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => address.push(char::from(byte)),
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_probe_asks_about_exactly_this_submission() {
        let probe = Probe::parse("http://bank:1/paid/{/payment/id}?year={/year}").unwrap();
        let body = json!({ "payment": { "id": "a/../b?c" }, "year": 2023 });
        assert_eq!(probe.address(&body).unwrap(), "http://bank:1/paid/a%2F%2E%2E%2Fb%3Fc?year=2023");
        assert_eq!(probe.address(&json!({ "year": 1 })), None);
        assert_eq!(probe.address(&json!({ "payment": { "id": [] }, "year": 1 })), None);
    }

    #[test]
    fn a_probe_whose_host_comes_from_the_submission_is_refused() {
        for text in [
            "{/a}",
            "http://{/host}/x",
            "http://bank/{/a",
            "http://bank/{a}",
            "https://bank/x",
            "http:///x",
            "http://bank/}",
        ] {
            assert!(Probe::parse(text).is_err(), "{text}");
        }
    }
}
