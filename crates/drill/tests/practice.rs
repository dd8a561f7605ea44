//! The practice world as it runs: real processes on real ports.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets something unforeseen has failed, helpers included"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drill::estate::{Layout, Settings};
use drill::practice::{bank, book};
use drill::snapshot;
use drill::wire::{Caller, Reply};
use drill::world::{World, wait_until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_blackstart-drill"))
}

struct Scene {
    // Dropped first: it ends the processes before their folder goes.
    world: World,
    layout: Layout,
    caller: Caller,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let world = World::create(&folder.path().join("drill"), &program()).unwrap();
        let layout = Layout::choose(Settings {
            root: world.root().to_owned(),
            seed: 1,
            funds: 2,
            persons_per_fund: 4,
            documents_per_store: 12,
            program: program(),
        })
        .unwrap();
        layout.make().unwrap();
        Scene { world, layout, caller: Caller::new(PATIENCE), _folder: folder }
    }

    fn running() -> Scene {
        let scene = Scene::new();
        scene.world.start_all(&scene.layout).unwrap();
        scene
    }

    /// Asks a unit at muc, past the door.
    fn ask(&self, unit: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let unit = self.layout.unit(unit).unwrap();
        self.caller.post(&format!("{}{path}", unit.url()), headers, &body.to_string()).unwrap()
    }

    fn business(&self, item: &str, more: &Value) -> Value {
        let fund = self.layout.funds.iter().find(|fund| fund.site == "muc").unwrap();
        let mut body = json!({ "item": item, "tenant": fund.id, "person": format!("{}-00001", fund.id) });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    }

    fn note(&self, item: &str) -> Value {
        self.business(item, &json!({ "from": "2026-03-01", "until": "2026-03-05" }))
    }

    fn payment(&self, item: &str) -> Value {
        self.business(item, &json!({ "iban": "DE00", "amount_cents": 120 }))
    }

    fn address(&self, item: &str, version: u64) -> Value {
        self.business(item, &json!({ "street": "Weg 1", "city": "1 Ort", "if_version": version }))
    }

    fn effects(&self, item: &str) -> usize {
        let effects = book::effects(&self.layout.store("core-muc").unwrap().database).unwrap();
        effects.iter().filter(|effect| effect.item == item).count()
    }

    fn paid(&self, item: &str) -> u64 {
        bank::paid(&self.layout.bank_book).unwrap().get(item).copied().unwrap_or(0)
    }

    fn restart(&self, name: &str) {
        let unit = self.layout.unit(name).unwrap();
        self.world.kill(unit).unwrap();
        self.world.start(unit).unwrap();
    }
}

#[test]
fn the_core_keeps_its_contract_also_after_a_restart() {
    let scene = Scene::running();
    let receipt = [("Blackstart-Receipt", "r-1")];
    assert_eq!(scene.ask("intake-muc", "/sick-note", &receipt, &scene.note("n1")).status, 201);
    let other_content = scene.business("n1", &json!({ "from": "2026-03-01", "until": "2026-03-09" }));
    let check = |scene: &Scene| {
        assert_eq!(scene.ask("intake-muc", "/sick-note", &receipt, &scene.note("n1")).status, 208);
        assert_eq!(
            scene.ask("intake-muc", "/sick-note", &[("Blackstart-Receipt", "r-2")], &scene.note("n1")).status,
            208
        );
        let conflict =
            scene.ask("intake-muc", "/sick-note", &[("Blackstart-Receipt", "r-3")], &other_content);
        assert_eq!(conflict.status, 409);
        assert!(conflict.body["reason"].as_str().unwrap().contains("other content"));
    };
    check(&scene);

    let backwards = scene.business("n2", &json!({ "from": "2026-03-09", "until": "2026-03-01" }));
    let refused = scene.ask("core-muc", "/sick-note", &[], &backwards);
    assert!(refused.status == 422 && refused.body["reason"].as_str().unwrap().contains("ends before"));
    let mut stranger = scene.note("n3");
    stranger["person"] = json!("nobody-00001");
    assert_eq!(scene.ask("core-muc", "/sick-note", &[], &stranger).status, 422);

    assert_eq!(scene.ask("core-muc", "/address", &[], &scene.address("a1", 1)).status, 201);
    assert_eq!(scene.ask("core-muc", "/address", &[], &scene.address("a2", 1)).status, 409);
    assert_eq!(scene.ask("core-muc", "/address", &[], &scene.address("a1", 1)).status, 208);
    assert_eq!(scene.ask("core-muc", "/address", &[], &scene.address("a3", 2)).status, 201);

    let letter = scene.business("l1", &json!({ "subject": "s", "text": "t" }));
    assert_eq!(scene.ask("core-muc", "/letter", &[], &letter).status, 201);
    let file = scene.layout.store("core-muc").unwrap().folder.join("docs/letters/l1.txt");
    assert!(fs::read_to_string(file).unwrap().contains("Subject: s"));

    scene.restart("core-muc");
    // Healthy, but it takes nothing before load is let in.
    assert_eq!(scene.ask("core-muc", "/sick-note", &[], &scene.note("n4")).status, 503);
    scene.world.admit(scene.layout.unit("core-muc").unwrap()).unwrap();
    check(&scene);
    assert_eq!((scene.effects("n1"), scene.effects("n2"), scene.effects("n4")), (1, 0, 0));
    assert_eq!((scene.effects("a1"), scene.effects("a2"), scene.effects("a3")), (1, 0, 1));
}

#[test]
fn the_bank_pays_once_also_when_payments_has_forgotten() {
    let scene = Scene::running();
    let pay = |item: &str, headers: &[(&str, &str)]| {
        scene.ask("payments-muc", "/payment-order", headers, &scene.payment(item)).status
    };
    assert_eq!(pay("p1", &[]), 201);
    assert_eq!(pay("p1", &[]), 208);
    assert_eq!(scene.paid("p1"), 1);
    let store = scene.layout.store("payments-muc").unwrap();
    let before = scene.world.snapshot(&scene.layout, store).unwrap();
    assert_eq!(pay("p2", &[]), 201);

    // The books of both go back to before p2; the bank is outside and remembers.
    let unit = scene.layout.unit("payments-muc").unwrap();
    scene.world.kill(unit).unwrap();
    fs::remove_dir_all(&store.folder).unwrap();
    snapshot::restore(&store.repository, &store.password, &before.id, &store.folder, &store.folder).unwrap();
    scene.world.start(unit).unwrap();
    scene.world.admit(unit).unwrap();
    assert_eq!(pay("p2", &[("Blackstart-Outside", "done")]), 208, "the core has it still, the bank paid it");
    assert_eq!(pay("p2", &[]), 208);
    assert_eq!(pay("p3", &[("Blackstart-Outside", "not-done")]), 201);
    assert_eq!((scene.paid("p1"), scene.paid("p2"), scene.paid("p3")), (1, 1, 1));

    // The bank is away: nobody knows, so it is not tried again blindly.
    scene.world.kill(&scene.layout.bank).unwrap();
    assert_eq!(pay("p4", &[]), 503);
    scene.world.start(&scene.layout.bank).unwrap();
    assert_eq!(pay("p4", &[]), 503);
    assert_eq!(scene.paid("p4"), 0);
    assert_eq!(pay("p4", &[("Blackstart-Outside", "not-done")]), 201);
    assert_eq!((scene.paid("p1"), scene.paid("p4"), scene.effects("p4")), (1, 1, 1));
    // Naive: told twice, it pays twice. This is what everything else is there to prevent.
    let told = json!({ "reference": "x", "amount_cents": 1 });
    scene.ask("bank", "/pay", &[], &told);
    scene.ask("bank", "/pay", &[], &told);
    assert_eq!(scene.paid("x"), 2);
}

#[test]
fn everything_needs_identity_to_start_and_to_run() {
    let scene = Scene::running();
    let (identity, core) =
        (scene.layout.unit("identity-muc").unwrap(), scene.layout.unit("core-muc").unwrap());
    scene.world.stop(identity).unwrap();
    wait_until("the core notices", PATIENCE, || {
        scene.ask("core-muc", "/sick-note", &[], &scene.note("i1")).status == 503
    })
    .unwrap();
    scene.world.start(identity).unwrap();
    // Identity has forgotten the old token; the core logs in again by itself.
    assert_eq!(scene.ask("core-muc", "/sick-note", &[], &scene.note("i2")).status, 201);
    scene.world.stop(identity).unwrap();
    scene.world.stop(core).unwrap();
    let why = scene.world.start(core).unwrap_err().to_string();
    assert!(why.contains("start identity first"), "{why}");
    assert!(!scene.world.is_running(core));

    scene.world.start(identity).unwrap();
    fs::write(&core.fail_gate, "").unwrap();
    let mut starting = scene.world.spawn("core", &core.start, &[]).unwrap();
    let health = format!("{}/health", core.url());
    wait_until("it fails its self-test", PATIENCE, || {
        scene.caller.get(&health).is_ok_and(|reply| reply.status == 500)
    })
    .unwrap();
    fs::remove_file(&core.fail_gate).unwrap();
    assert_eq!(scene.caller.get(&health).unwrap().status, 200);
    starting.stop().unwrap();
}

#[test]
fn a_closed_door_refuses_and_drops_who_is_in() {
    let scene = Scene::running();
    let door = scene.layout.door("muc").unwrap();
    let public = format!("http://127.0.0.1:{}", door.public["intake-muc"]);
    let body = scene.note("d1").to_string();
    assert_eq!(scene.caller.post(&format!("{public}/sick-note"), &[], &body).unwrap().status, 201);
    let mut inside = std::net::TcpStream::connect(&door.probe).unwrap();
    scene.world.close(door).unwrap();
    assert!(std::net::TcpStream::connect(&door.probe).is_err());
    inside.set_read_timeout(Some(PATIENCE)).unwrap();
    let ended = std::io::Read::read(&mut inside, &mut [0; 1]);
    assert!(
        matches!(&ended, Ok(0))
            || ended.is_err_and(|cause| cause.kind() == std::io::ErrorKind::ConnectionReset)
    );
    assert!(Caller::new(PATIENCE).post(&format!("{public}/sick-note"), &[], &body).is_err());
    // It stays closed when the door itself is started again.
    scene.world.kill(&door.unit).unwrap();
    scene.world.start(&door.unit).unwrap();
    assert!(std::net::TcpStream::connect(&door.probe).is_err());
    scene.world.open(door).unwrap();
    assert_eq!(Caller::new(PATIENCE).post(&format!("{public}/sick-note"), &[], &body).unwrap().status, 208);
    // The other site was never touched.
    assert!(std::net::TcpStream::connect(&scene.layout.door("ess").unwrap().probe).is_ok());
}

#[test]
fn a_snapshot_under_load_is_one_consistent_moment() {
    let scene = Scene::running();
    let store = scene.layout.store("core-muc").unwrap().clone();
    let made = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for number in 0..60 {
                let letter = scene.business(&format!("s{number}"), &json!({ "subject": "s", "text": "t" }));
                assert_eq!(scene.ask("core-muc", "/letter", &[], &letter).status, 201);
            }
        });
        wait_until("the sender is at work", PATIENCE, || scene.effects("s3") == 1).unwrap();
        let made = scene.world.snapshot(&scene.layout, &store).unwrap();
        sender.join().unwrap();
        made
    });
    let back = scene.world.root().join("back");
    snapshot::restore(&store.repository, &store.password, &made.id, &store.folder, &back).unwrap();
    let restored = book::effects(&back.join("core.db")).unwrap();
    let letters = fs::read_dir(back.join("docs/letters")).unwrap().count();
    assert!(restored.len() >= 4, "it was taken while business went on");
    assert_eq!(
        letters,
        restored.len(),
        "each letter in the folder stands in the book and the other way round"
    );
    assert!(!back.join("core.db-journal").exists());
    assert_eq!(scene.effects("s59"), 1, "nothing was lost by the pause");
}

#[test]
fn a_taken_port_is_said_and_nothing_is_left_running() {
    let scene = Scene::new();
    let bank = scene.layout.bank.clone();
    let taken = std::net::TcpListener::bind(("127.0.0.1", bank.port)).unwrap();
    let why = scene.world.start(&bank).unwrap_err().to_string();
    assert!(why.contains(&format!("port {} is taken", bank.port)), "{why}");
    drop(taken);
    scene.world.start(&bank).unwrap();
    let pid: u32 = fs::read_to_string(&bank.pid_file).unwrap().trim().parse().unwrap();
    let Scene { world, layout: _, caller: _, _folder } = scene;
    drop(world);
    assert!(!Path::new(&format!("/proc/{pid}/cmdline")).exists());
}

/// A process that does not outlive its test.
struct Child(std::process::Child);

impl Child {
    fn new(program: &Path, words: &[&str]) -> Child {
        let null = std::process::Stdio::null;
        let mut command = std::process::Command::new(program);
        Child(command.args(words).stdin(null()).stdout(null()).stderr(null()).spawn().unwrap())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn when_the_drill_is_killed_its_processes_end() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["run", "log"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    // Somebody stands in for the drill, so that it can be killed.
    let mut drill = Child::new(Path::new("sleep"), &["600"]);
    let mut product = Child::new(Path::new("sleep"), &["600"]);
    let line = |child: &Child| drill::process::ProcessId::now(child.0.id()).unwrap().line();
    fs::write(root.join("owner"), line(&drill)).unwrap();
    fs::write(root.join("run/spawned"), format!("{}\n", line(&product))).unwrap();
    let root_text = root.display().to_string();
    let mut keeper = Child::new(&program(), &["practice", "keeper", "--root", &root_text]);
    let port = drill::estate::Ports::new().free().unwrap().to_string();
    let words = ["practice", "identity", "--root", &root_text, "--name", "identity-x", "--port", &port];
    let mut identity = Child::new(&program(), &words);
    wait_until("it runs", PATIENCE, || root.join("run/identity-x.pid").exists()).unwrap();
    assert!(identity.0.try_wait().unwrap().is_none() && product.0.try_wait().unwrap().is_none());
    drill.0.kill().unwrap();
    drill.0.wait().unwrap();
    for child in [&mut keeper, &mut identity, &mut product] {
        wait_until("it has ended", PATIENCE, || child.0.try_wait().unwrap().is_some()).unwrap();
    }
}

#[test]
fn a_drill_takes_no_folder_that_holds_other_things() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let why = World::create(folder.path(), &program()).err().unwrap().to_string();
    assert!(why.contains("choose an empty one"), "{why}");
    assert!(folder.path().join("thesis.txt").exists());
    assert!(!folder.path().join(".blackstart-drill").exists());
}

#[test]
fn the_month_end_job_runs_to_its_end_and_leaves_a_line_each_time() {
    let scene = Scene::new();
    let job = scene.layout.jobs.iter().find(|job| job.name == "month-end-ess").unwrap();
    assert_eq!(scene.layout.month_ends("ess"), 0);
    scene.world.start(job).unwrap();
    assert_eq!(scene.layout.month_ends("ess"), 1);
    scene.world.start(job).unwrap();
    assert_eq!((scene.layout.month_ends("ess"), scene.layout.month_ends("muc")), (2, 0));
}
