//! What all acts play with: the practice world, the product, the traffic, and what earlier acts have seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::choice::Choices;
use crate::clock::now_ms;
use crate::display::Display;
use crate::estate::{Fund, Layout, StoreAt};
use crate::oracle::Judgement;
use crate::product::Product;
use crate::report::Report;
use crate::snapshot::Snapshot;
use crate::story::{Act, Clock, Happening, Kind};
use crate::traffic::{Ledger, Submission, Traffic};
use crate::world::{Finished, Running, World, wait_until};
use crate::{Fault, Result};

/// The site that is attacked.
pub const LOST: &str = "muc";
/// The site that goes on.
pub const KEPT: &str = "ess";

/// Senders write side by side, so the ledger's order and the moments of sending may differ by this much.
const REACH_BACK_MS: u64 = 2_000;

/// Everything on stage.
pub struct Stage {
    pub clock: Clock,
    pub display: Display,
    pub choices: Choices,
    pub layout: Layout,
    pub product: Product,
    /// The incident folder.
    pub incident: PathBuf,
    /// The marked folder the run happens in.
    pub folder: PathBuf,
    pub report: Report,
    pub seen: Discoveries,
    pub traffic: Option<Traffic>,
    pub ledger: Option<Arc<Ledger>>,
    pub bridge: Option<Running>,
    pub watch: Option<Running>,
    /// Dropped last: it ends every process.
    pub world: World,
}

/// What earlier acts have found out and later acts need.
#[derive(Default)]
pub struct Discoveries {
    /// Hand-back config of each fund.
    pub handback: BTreeMap<String, PathBuf>,
    /// Backups of each store, oldest first, with whether the drill made them before the attack.
    pub backups: BTreeMap<String, Vec<(Snapshot, bool)>>,
    /// First encrypted file, milliseconds since 1970.
    pub attacked_ms: Option<u64>,
    /// When the newest clean backup of each store was begun.
    pub clean_ms: Option<u64>,
    /// The lost site's doors were closed.
    pub contained_ms: Option<u64>,
    /// Copy of the incident folder as it was early on.
    pub early_copy: Option<PathBuf>,
    pub judgement: Option<Judgement>,
}

impl Stage {
    /// Says what is being done.
    pub fn say(&self, text: &str) {
        self.display.say(text);
    }

    /// Puts a mark on the time line.
    pub fn happened(&mut self, kind: Kind, text: impl Into<String>) {
        let at_s = self.clock.seconds();
        self.report.happenings.push(Happening { at_s, text: text.into(), kind });
    }

    /// Records a promise, shows it, and says whether it held.
    pub fn promise(&self, act: &mut Act, text: &str, held: bool, evidence: impl Into<String>) -> bool {
        act.promise(text, held, evidence);
        if let Some(promise) = act.promises.last() {
            self.display.promise(promise);
        }
        held
    }

    /// A choice of the seed, written into the report.
    pub fn chose(&mut self, what: &str, choice: impl Into<String>) {
        self.report.choices.push((what.to_owned(), choice.into()));
    }

    /// Runs a command of the product, whatever its exit code.
    pub fn run(&self, args: &[&str]) -> Result<Finished> {
        self.product.run(&self.world, args, &[])
    }

    /// Runs a command of the product that must end with exit code 0.
    pub fn must(&self, args: &[&str]) -> Result<Finished> {
        self.product.must(&self.world, args)
    }

    /// Runs a command that answers with JSON. The second value is whether it said yes.
    pub fn ask(&self, args: &[&str]) -> Result<(Value, bool)> {
        self.product.ask(&self.world, args, &[])
    }

    /// Starts a command of the product that stays.
    pub fn spawn(&self, name: &str, args: &[&str]) -> Result<Running> {
        self.world.spawn(name, &self.product.line(args), &[])
    }

    /// The incident folder as an argument.
    pub fn incident(&self) -> String {
        text(&self.incident)
    }

    /// The estate folder as an argument.
    pub fn estate(&self) -> String {
        text(&self.layout.estate)
    }

    /// The bridge's config as an argument.
    pub fn bridge_config(&self) -> String {
        text(&self.layout.bridge.config)
    }

    /// Funds of a site.
    pub fn funds_of(&self, site: &str) -> Vec<Fund> {
        self.layout.funds.iter().filter(|fund| fund.site == site).cloned().collect()
    }

    /// Stores of a site.
    pub fn stores_of(&self, site: &str) -> Vec<StoreAt> {
        self.layout.stores.iter().filter(|store| store.site == site).cloned().collect()
    }

    /// Running traffic, or why there is none.
    pub fn traffic(&self) -> Result<&Traffic> {
        self.traffic
            .as_ref()
            .ok_or_else(|| Fault::new("no business flows: an earlier act did not get that far"))
    }

    /// Everything sent so far.
    pub fn submissions(&self) -> Vec<Submission> {
        self.ledger.as_ref().map(|ledger| ledger.submissions()).unwrap_or_default()
    }

    /// Looks at everything sent so far without copying it.
    pub fn look_at_sent<T: Default>(&self, at: impl FnOnce(&[Submission]) -> T) -> T {
        self.ledger.as_ref().map(|ledger| ledger.look(at)).unwrap_or_default()
    }

    /// Submissions with a receipt that were answered between two moments, of funds of this site.
    pub fn acknowledged(&self, site: &str, after_ms: u64, before_ms: u64) -> usize {
        let funds = self.ids_of(site);
        self.look_at_sent(|sent| {
            sent.iter()
                .filter(|sent| sent.receipt.is_some() && funds.contains(sent.tenant.as_str()))
                .filter(|sent| sent.answered_ms.is_some_and(|at| at > after_ms && at < before_ms))
                .count()
        })
    }

    /// How many funds of `site` got an answer with such a status to something sent after this moment.
    pub fn answered_since(&self, site: &str, since_ms: u64, status: impl Fn(u16) -> bool) -> usize {
        let funds = self.ids_of(site);
        self.look_at_sent(|sent| {
            sent.iter()
                .rev()
                .take_while(|sent| sent.sent_ms + REACH_BACK_MS >= since_ms)
                .filter(|sent| sent.sent_ms >= since_ms && sent.status.is_some_and(&status))
                .filter(|sent| funds.contains(sent.tenant.as_str()))
                .map(|sent| sent.tenant.as_str())
                .collect::<BTreeSet<_>>()
                .len()
        })
    }

    fn ids_of(&self, site: &str) -> BTreeSet<&str> {
        self.layout.funds.iter().filter(|fund| fund.site == site).map(|fund| fund.id.as_str()).collect()
    }

    /// Waits until every fund of a site is served by a core again; says how many are.
    pub fn wait_until_served(&self, site: &str, deadline: Duration) -> (usize, usize) {
        let (since, funds, mut served) = (now_ms(), self.ids_of(site).len(), 0);
        // The number is the evidence; whether it is enough is for the promise to say.
        let _ = wait_until("every fund is served", deadline, || {
            served = self.answered_since(site, since, |status| matches!(status, 200 | 201));
            served >= funds
        });
        (served, funds)
    }

    /// Whether something accepts connections there.
    pub fn knocks(address: &str) -> bool {
        let Ok(address) = address.parse() else { return false };
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
    }

    /// Starts the bridge and waits until it answers.
    pub fn start_bridge(&mut self) -> Result<()> {
        let config = self.bridge_config();
        self.bridge = Some(self.spawn("bridge", &["bridge", &config])?);
        let address = self.layout.bridge.url.trim_start_matches("http://").to_owned();
        wait_until("the bridge answers", Duration::from_secs(20), || Stage::knocks(&address))
    }

    /// Starts the watch over the live stores.
    pub fn start_watch(&mut self) -> Result<()> {
        let (estate, incident) = (self.estate(), self.incident());
        self.watch =
            Some(self.spawn("watch", &["watch", &estate, "--journal", &incident, "--every-ms", "200"])?);
        Ok(())
    }

    /// SIGKILL for a process of the product, with a mark on the time line.
    pub fn killed(&mut self, what: &str) {
        self.report.killed.push(what.to_owned());
        self.happened(Kind::Kill, format!("{what} is killed (SIGKILL)"));
    }
}

/// A path as an argument. The drill chooses its own paths; only the folder it is given could be no text.
pub fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// `3 of 4`, with what is missing.
pub fn of(found: usize, all: usize) -> String {
    format!("{found} of {all}")
}
