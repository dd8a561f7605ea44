//! Which funds, sites, services, stores and ports the practice provider has, and the estate and bridge files that
//! describe it to the product.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Result;

/// A health fund served by the provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Fund {
    pub id: String,
    pub name: String,
    pub insured: u64,
    /// `ess` or `muc`.
    pub site: String,
    /// Of `de`, `fr`, `en`.
    pub languages: Vec<String>,
}

/// `count` funds, alternately from both sites, largest first within a site.
pub fn funds(_count: usize) -> Result<Vec<Fund>> {
    todo!()
}

/// What is chosen for one drill.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The marked folder everything lives in.
    pub root: PathBuf,
    pub seed: u64,
    pub funds: usize,
    pub persons_per_fund: u32,
    pub documents_per_store: u32,
    /// Absolute path of `blackstart-drill`.
    pub program: PathBuf,
}

/// A practice process: how it is started and where it leaves its traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// `core-muc`; the same name as `service:core-muc` in the estate.
    pub name: String,
    /// `ess`, `muc`, or `None` for the bank, which is outside.
    pub site: Option<String>,
    pub start: Vec<String>,
    /// Lets load in; empty when there is nothing to let in.
    pub admit: Vec<String>,
    pub port: u16,
    pub pid_file: PathBuf,
    pub log: PathBuf,
    /// While this file exists, `/health` answers 500.
    pub fail_gate: PathBuf,
    /// Runs to its end instead of staying.
    pub job: bool,
}

/// A store: a folder, its database, its backups.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreAt {
    /// `core-muc`.
    pub name: String,
    pub site: String,
    pub folder: PathBuf,
    pub database: PathBuf,
    pub repository: PathBuf,
    pub password: String,
    pub password_file: PathBuf,
    /// The unit that writes to it.
    pub unit: String,
}

/// The door of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct DoorAt {
    pub site: String,
    pub unit: Unit,
    /// `127.0.0.1:PORT` that refuses once the door is closed.
    pub probe: String,
    pub close: Vec<String>,
    pub open: Vec<String>,
}

/// Where everything is. Chosen once, before anything starts.
#[derive(Clone, Debug)]
pub struct Layout {
    pub settings: Settings,
    pub funds: Vec<Fund>,
    /// In an order in which they can be started.
    pub units: Vec<Unit>,
    pub stores: Vec<StoreAt>,
    pub doors: Vec<DoorAt>,
    pub bank: Unit,
    /// The jobs that must run once: one per site.
    pub jobs: Vec<Unit>,
    pub estate: PathBuf,
    pub bridge: BridgeAt,
}

/// Where the bridge lives and what it answers to.
#[derive(Clone, Debug)]
pub struct BridgeAt {
    pub config: PathBuf,
    pub folder: PathBuf,
    pub key: PathBuf,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    pub control_token_file: PathBuf,
}

impl Layout {
    /// Chooses ports and paths; makes nothing yet.
    pub fn choose(_settings: Settings) -> Result<Layout> {
        todo!()
    }
    /// Folders, stores with their documents and databases, repositories, the estate folder.
    pub fn make(&self) -> Result<()> {
        todo!()
    }
    /// Writes the bridge's config. `recipients`: fund id to `age1…` line.
    pub fn write_bridge(&self, _recipients: &BTreeMap<String, String>) -> Result<()> {
        todo!()
    }
    /// Writes the hand-back config of a fund and says where it is.
    pub fn write_handback(&self, _fund: &str, _identity: &Path) -> Result<PathBuf> {
        todo!()
    }
    pub fn unit(&self, _name: &str) -> Result<&Unit> {
        todo!()
    }
    pub fn store(&self, _name: &str) -> Result<&StoreAt> {
        todo!()
    }
    pub fn door(&self, _site: &str) -> Result<&DoorAt> {
        todo!()
    }
}
