//! What the tests of the bridge stand on: a small core on a real socket that can be made to fail, and the built
//! binary between it and the senders.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Everything that is waited for must come within this, or the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// Polls until the condition holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How the core treats what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Works,
    /// Status 500, without doing anything.
    Fails,
    /// Does it, then breaks the connection in the middle of the answer.
    DoesAndBreaksOff,
    /// Takes the request and never answers.
    Silent,
    /// Does it, but answers only when told to go on.
    Waits,
    /// This status, without doing anything.
    Says(u16),
}

/// One thing done by the core.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Done {
    pub(crate) receipt: String,
    pub(crate) tenant_path: String,
    pub(crate) person: String,
    pub(crate) from: String,
    pub(crate) item: String,
    pub(crate) outside: Option<String>,
}

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) done: Vec<Done>,
    /// Every request in the order of arrival.
    pub(crate) seen: Vec<Seen>,
    pub(crate) at_once: HashMap<String, usize>,
    pub(crate) overlapped: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) receipt: String,
    pub(crate) replay: bool,
    pub(crate) same_business_as: Option<String>,
    pub(crate) outside: Option<String>,
}

struct Inside {
    /// What the health address answers.
    health: Mutex<u16>,
    books: Mutex<Books>,
    mood: Mutex<Mood>,
    alive: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    /// Payments that the bank knows: answered at `/paid/ID`.
    paid: Mutex<Vec<String>>,
}

/// A core that knows receipts and business keys, as the contract asks.
pub(crate) struct Core {
    inside: Arc<Inside>,
    pub(crate) address: SocketAddr,
}

impl Core {
    pub(crate) fn start() -> Core {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Inside {
            books: Mutex::default(),
            mood: Mutex::new(Mood::Works),
            health: Mutex::new(200),
            alive: AtomicBool::new(true),
            connections: Mutex::default(),
            paid: Mutex::default(),
        });
        let core = Core { inside, address };
        core.listen(listener);
        core
    }

    fn listen(&self, listener: TcpListener) {
        let inside = Arc::clone(&self.inside);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if !inside.alive.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                inside.connections.lock().unwrap().push(stream.try_clone().unwrap());
                let inside = Arc::clone(&inside);
                std::thread::spawn(move || drop(serve(&inside, &stream)));
            }
        });
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.inside.books.lock().unwrap()
    }

    pub(crate) fn mood(&self, mood: Mood) {
        *self.inside.mood.lock().unwrap() = mood;
    }

    pub(crate) fn pay(&self, payment: &str) {
        self.inside.paid.lock().unwrap().push(payment.to_owned());
    }

    /// Nobody listens any more, and every connection is cut.
    pub(crate) fn die(&self) {
        self.inside.alive.store(false, Ordering::SeqCst);
        // Wakes the listener, which then goes away.
        drop(TcpStream::connect(self.address));
        until("the core's port is closed", || TcpStream::connect(self.address).is_err());
        for stream in self.inside.connections.lock().unwrap().drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Listens again at the same address, with what it knew.
    pub(crate) fn revive(&self) {
        self.inside.alive.store(true, Ordering::SeqCst);
        let mut listener = None;
        until("the core's port is free", || {
            listener = TcpListener::bind(self.address).ok();
            listener.is_some()
        });
        self.listen(listener.unwrap());
    }

    /// How often each item was done.
    /// What the health address answers from now on.
    pub(crate) fn health(&self, status: u16) {
        *self.inside.health.lock().unwrap() = status;
    }

    pub(crate) fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for done in &self.books().done {
            *times.entry(done.item.clone()).or_default() += 1;
        }
        times
    }

    pub(crate) fn assert_each_once(&self, items: impl IntoIterator<Item = String>) {
        let times = self.times();
        for item in items {
            assert_eq!(times.get(&item), Some(&1), "{item} must be in the core exactly once");
        }
    }
}

fn serve(inside: &Inside, stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("").to_owned());
        let mood = *inside.mood.lock().unwrap();
        let (status, text) = match (method, mood) {
            ("GET", _) if path == "/health" => (*inside.health.lock().unwrap(), "{}".to_owned()),
            ("GET", Mood::Works | Mood::Waits | Mood::Says(_)) => read(inside, &path),
            (_, Mood::Says(status)) => (status, json!({ "reason": "said by the core" }).to_string()),
            (_, Mood::Fails) => (500, "out of order".to_owned()),
            (_, Mood::Silent) => {
                until("the test ends the silence", || *inside.mood.lock().unwrap() != Mood::Silent);
                return Ok(());
            }
            (_, Mood::Works | Mood::DoesAndBreaksOff | Mood::Waits) => work(inside, &path, &headers, &body),
        };
        let mut out = stream;
        if mood == Mood::DoesAndBreaksOff {
            out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhal")?;
            return stream.shutdown(Shutdown::Both);
        }
        write!(
            out,
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )?;
    }
}

fn read(inside: &Inside, path: &str) -> (u16, String) {
    match path.strip_prefix("/paid/") {
        Some(payment) if inside.paid.lock().unwrap().iter().any(|paid| paid == payment) => {
            (200, "{}".to_owned())
        }
        Some(_) => (404, "{}".to_owned()),
        None => (200, json!({ "read": path }).to_string()),
    }
}

fn work(inside: &Inside, path: &str, headers: &HashMap<String, String>, body: &[u8]) -> (u16, String) {
    let body: Value = serde_json::from_slice(body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let seen = Seen {
        receipt: headers["blackstart-receipt"].clone(),
        replay: headers.contains_key("blackstart-replay"),
        same_business_as: headers.get("blackstart-same-business-as").cloned(),
        outside: headers.get("blackstart-outside").cloned(),
    };
    {
        let mut books = inside.books.lock().unwrap();
        books.seen.push(seen.clone());
        let count = books.at_once.entry(text("person")).or_default();
        *count += 1;
        let overlapped = *count > 1;
        books.overlapped |= overlapped;
    }
    until("the core goes on", || *inside.mood.lock().unwrap() != Mood::Waits);
    let mut books = inside.books.lock().unwrap();
    *books.at_once.entry(text("person")).or_default() -= 1;
    if books.done.iter().any(|done| done.receipt == seen.receipt) {
        return (208, "{}".to_owned());
    }
    if text("wish") == "refuse" {
        return (422, json!({ "reason": "SECRETREASON not insured here" }).to_string());
    }
    let same = books
        .done
        .iter()
        .find(|d| d.tenant_path == path && d.person == text("person") && d.from == text("from"));
    match same {
        Some(done) if done.item == text("item") => return (208, "{}".to_owned()),
        Some(_) => return (409, json!({ "reason": "SECRETREASON another one is there" }).to_string()),
        None => {}
    }
    books.done.push(Done {
        receipt: seen.receipt,
        tenant_path: path.to_owned(),
        person: text("person"),
        from: text("from"),
        item: text("item"),
        outside: seen.outside,
    });
    (201, json!({ "stored": text("item") }).to_string())
}

/// The built binary.
pub(crate) fn blackstart(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
    command.args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn output(arguments: &[&str]) -> Output {
    blackstart(arguments).output().unwrap()
}

/// A bridge for three tenants at two sites, each site with its core.
pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) ess: Core,
    pub(crate) muc: Core,
    child: Option<Child>,
    agent: ureq::Agent,
}

/// `a` and `b` are at `ess`, `c` is at `muc`.
pub(crate) const TENANTS: [(&str, &str); 3] = [("a", "ess"), ("b", "ess"), ("c", "muc")];

impl Rig {
    pub(crate) fn new() -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let (ess, muc) = (Core::start(), Core::start());
        let mut config = format!(
            "folder = \"bridge\"\nlisten = \"127.0.0.1:0\"\nkey = \"bridge.key\"\n\
             control_token_file = \"token\"\nupstream_timeout_ms = 1500\n\
             [operation.eau]\nupstream = {{ ess = \"http://{e}/eau\", muc = \"http://{m}/eau\" }}\n\
             person = \"/person\"\nbusiness_key = [\"/person\", \"/from\"]\n",
            e = ess.address,
            m = muc.address
        );
        for (tenant, site) in TENANTS {
            let identity = folder.path().join(format!("{tenant}.identity"));
            let made = output(&["handback", "keygen", "-o", path(&identity), "--tenant", tenant]);
            assert!(made.status.success());
            let recipient = String::from_utf8(made.stdout).unwrap();
            config.push_str(&format!(
                "[tenant.{tenant}]\nsite = \"{site}\"\nrecipient = \"{}\"\n",
                recipient.trim()
            ));
        }
        std::fs::write(folder.path().join("bridge.toml"), config).unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .max_idle_connections_per_host(0)
            .build()
            .new_agent();
        Rig { folder, ess, muc, child: None, agent }
    }

    /// The same, whose sites have health addresses.
    pub(crate) fn started_with_health() -> Rig {
        let mut rig = Rig::new();
        let mut config = std::fs::read_to_string(rig.config()).unwrap();
        for (site, core) in [("ess", &rig.ess), ("muc", &rig.muc)] {
            config.push_str(&format!("[site.{site}]\nhealth = \"http://{}/health\"\n", core.address));
        }
        std::fs::write(rig.config(), config).unwrap();
        rig.start();
        rig
    }

    pub(crate) fn started() -> Rig {
        let mut rig = Rig::new();
        rig.start();
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> String {
        self.path("bridge.toml").to_str().unwrap().to_owned()
    }

    pub(crate) fn start(&mut self) {
        let config = self.config();
        self.start_with(blackstart(&["bridge", &config]));
    }

    pub(crate) fn start_with(&mut self, mut command: Command) {
        drop(std::fs::remove_file(self.path("bridge/address")));
        let log = std::fs::File::create(self.path("bridge.log")).unwrap();
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        until("the bridge accepts", || {
            let child = self.child.as_mut().unwrap();
            assert!(
                child.try_wait().unwrap().is_none(),
                "{}",
                std::fs::read_to_string(self.folder.path().join("bridge.log")).unwrap()
            );
            self.folder.path().join("bridge/address").exists() && self.get("/alive").0 == 200
        });
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits until the bridge has ended by itself.
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        let mut status = None;
        until("the bridge ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub(crate) fn terminate(&mut self) {
        let child = self.child.as_ref().unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.ended().success());
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        std::fs::read_to_string(self.path("bridge/address")).ok()?.trim().parse().ok()
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let Some(address) = self.address() else { return (0, String::new()) };
        match self.agent.get(format!("http://{address}{path}")).call() {
            Ok(mut answer) => {
                (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
            }
            Err(error) => (0, error.to_string()),
        }
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        post(&self.agent, self.address(), path, headers, body)
    }

    pub(crate) fn post_control(&self, verb: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        post(&self.agent, self.control_address(), &format!("/control/{verb}"), headers, body)
    }

    pub(crate) fn submit(&self, tenant: &str, body: &Value) -> (u16, Value) {
        self.post(&format!("/t/{tenant}/eau"), &[], &body.to_string())
    }

    /// Where the operator's calls are taken.
    pub(crate) fn control_address(&self) -> Option<SocketAddr> {
        std::fs::read_to_string(self.path("bridge/control-address")).ok()?.trim().parse().ok()
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", std::fs::read_to_string(self.path("token")).unwrap().trim())
    }

    pub(crate) fn control(&self, verb: &str, wish: &Value) -> Value {
        let (status, answer) =
            self.post_control(verb, &[("authorization", &self.bearer())], &wish.to_string());
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The account of one tenant, after checking that it adds up.
    pub(crate) fn account(&self, tenant: &str) -> Value {
        let answer = self
            .agent
            .get(format!("http://{}/control/account", self.control_address().unwrap()))
            .header("authorization", self.bearer())
            .call();
        let answer: Value =
            serde_json::from_str(&answer.unwrap().body_mut().read_to_string().unwrap()).unwrap();
        for (name, line) in answer["tenants"].as_object().unwrap() {
            let count = |field: &str| line[field].as_u64().unwrap();
            let parts = ["applied", "already_there", "conflict", "refused", "pending"];
            assert_eq!(
                count("accepted"),
                parts.iter().map(|part| count(part)).sum::<u64>(),
                "{name}: {line}"
            );
        }
        assert_eq!((&answer["unknown_entries"], &answer["strange_entries"]), (&json!(0), &json!(0)));
        answer["tenants"][tenant].clone()
    }

    /// Writes the hand-back configuration of a tenant and returns its path.
    pub(crate) fn handback_config(&self, tenant: &str, extra: &str) -> String {
        let core = if tenant == "c" { self.muc.address } else { self.ess.address };
        let file = self.path(&format!("handback-{tenant}.toml"));
        let text = format!(
            "bridge = \"http://{}\"\nbridge_key_file = \"bridge/public-key\"\ntenant = \"{tenant}\"\nidentity = \"{tenant}.identity\"\ntimeout_ms = 5000\n\
             [operation.eau]\ntarget = \"http://{core}/eau\"\n{extra}",
            self.address().unwrap()
        );
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Runs hand-back to its end; exit code and the result.
    pub(crate) fn handback(&self, tenant: &str) -> (i32, Value) {
        let config = self.handback_config(tenant, "");
        let ran = output(&["handback", "run", &config, "--json"]);
        let text = String::from_utf8(ran.stdout).unwrap();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{told}"));
        (ran.status.code().unwrap(), value)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.kill();
        self.ess.mood(Mood::Works);
        self.muc.mood(Mood::Works);
    }
}

pub(crate) fn post(
    agent: &ureq::Agent,
    address: Option<SocketAddr>,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value) {
    let Some(address) = address else { return (0, Value::Null) };
    let mut request = agent.post(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match request.send(body) {
        Ok(mut answer) => {
            let text = answer.body_mut().read_to_string().unwrap_or_default();
            (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
        }
        Err(_) => (0, Value::Null),
    }
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A sick note.
pub(crate) fn note(person: &str, from: &str, item: &str) -> Value {
    json!({ "person": person, "from": from, "item": item, "text": "PLAINMARKER of a person" })
}
