//! The bridge on a simulated disk that fills up, fails and loses power, at every step of a random history:
//! what was acknowledged must be there afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use journal::faulty::FaultyDisk;
use journal::key::SecretKey;
use journal::{Appender, Options, Reader};
use proptest::prelude::*;
use tokio::sync::watch;

use super::books::{NotSettled, Route, State, adds_up};
use super::config::Config;
use super::desk::{Desk, NotAccepted, Taken, Turn};
use super::fact::{Accepted, Mark, Outcome, ReceiptId, Settled, Witness};
use super::seal::Identity;
use super::writer::{Clocks, WriteFault, Writer};
use estate::Id;

const FOLDER: &str = "/bridge/journal";

fn config() -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bridge.toml");
    let tenant = |name: &str| {
        let recipient = Identity::generate().recipient();
        format!("[tenant.{name}]\nsite = \"ess\"\nrecipient = \"{recipient}\"\n")
    };
    let text = format!(
        "folder = \"b\"\nlisten = \"127.0.0.1:0\"\nkey = \"k\"\ncontrol_token_file = \"t\"\n{}{}[operation.eau]\n\
         upstream = {{ ess = \"http://127.0.0.1:1\" }}\nperson = \"/p\"\nbusiness_key = [\"/p\"]\n",
        tenant("a"),
        tenant("b")
    );
    std::fs::write(&path, text).unwrap();
    Config::load(&path).unwrap()
}

/// A running desk on a disk. Dropping it ends the writer.
struct Running {
    desk: Option<Arc<Desk>>,
    writer: Option<JoinHandle<()>>,
    stop: watch::Receiver<Option<String>>,
    wall_ms: Arc<AtomicI64>,
    elapsed_ms: Arc<AtomicU64>,
}

fn options(disk: &FaultyDisk) -> Options {
    let key = SecretKey::from_seed("test/bridge", &[1; 32]).unwrap();
    Options {
        disk: Arc::new(disk.clone()),
        checkpoint_every: None,
        segment_bytes: 16 * 1024,
        ..Options::new(key, "test/bridge")
    }
}

impl Running {
    /// `None`: the disk did not even let it begin.
    fn start(disk: &FaultyDisk, wall_ms: i64) -> Option<Running> {
        let appender = Appender::open(Path::new(FOLDER), options(disk)).ok()?;
        let reader = Reader::open_on(Arc::new(disk.clone()), Path::new(FOLDER)).ok()?;
        let (wall, elapsed) = (Arc::new(AtomicI64::new(wall_ms)), Arc::new(AtomicU64::new(0)));
        let clocks = Clocks {
            wall_ms: Arc::new({
                let wall = Arc::clone(&wall);
                move || wall.load(Ordering::SeqCst)
            }),
            elapsed_ms: Arc::new({
                let elapsed = Arc::clone(&elapsed);
                move || elapsed.load(Ordering::SeqCst)
            }),
        };
        let config = Arc::new(config());
        let (sender, stop) = watch::channel(None);
        let tenants = config.tenants.keys().cloned();
        let (writer, shared) = Writer::open(appender, reader, tenants, clocks, sender).ok()?;
        let (jobs, taken) = mpsc::channel();
        let writer = std::thread::spawn(move || writer.run(&taken));
        let desk = Arc::new(Desk::new(config, shared, jobs, Arc::new(|| 0), stop.clone()));
        Some(Running { desk: Some(desk), writer: Some(writer), stop, wall_ms: wall, elapsed_ms: elapsed })
    }

    fn desk(&self) -> &Arc<Desk> {
        self.desk.as_ref().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.desk.take());
        drop(self.writer.take().map(JoinHandle::join));
    }
}

fn tenant(name: &str) -> Id {
    format!("tenant:{name}").parse().unwrap()
}

fn submission(number: u64, name: &str, person: u8) -> Accepted {
    let mut receipt = [0; 16];
    receipt[..8].copy_from_slice(&number.to_be_bytes());
    Accepted {
        tenant: tenant(name),
        operation: "eau".into(),
        receipt: ReceiptId(receipt),
        person: Mark([person; 32]),
        business: Mark([1; 32]),
        body: Mark([2; 32]),
        idempotency: None,
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn take(desk: &Desk, number: u64, name: &str, person: u8) -> Result<u64, WriteFault> {
    match desk.accept(submission(number, name, person), vec![7; 300]).await {
        Ok(Taken::New(sequence)) => Ok(sequence),
        Ok(Taken::Before(_)) => panic!("it has no Idempotency-Key"),
        Err(NotAccepted::Fault(fault)) => Err(fault),
        Err(other) => panic!("{other:?}"),
    }
}

fn settled(name: &str, item: u64, outcome: Outcome) -> Settled {
    Settled { tenant: tenant(name), item, outcome, status: 200, seen_by: Witness::Bridge }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room_again() {
    let disk = FaultyDisk::new(1);
    let running = Running::start(&disk, 1_000).unwrap();
    disk.set_capacity(Some(20_000));
    let mut taken = 0;
    let fault = wait(async {
        loop {
            match take(running.desk(), taken, "a", 1).await {
                Ok(_) => taken += 1,
                Err(fault) => return fault,
            }
            assert!(taken < 10_000, "the disk must fill up");
        }
    });
    assert_eq!(fault, WriteFault::Full);
    assert_eq!(*running.stop.borrow(), None, "a full disk is no broken disk");
    disk.set_capacity(None);
    wait(take(running.desk(), taken, "a", 1)).unwrap();
    let account = running.desk().with(|shared| shared.books.book(&tenant("a")).unwrap().account.clone());
    assert_eq!(account.accepted, taken + 1, "what was refused is not counted");
}

#[test]
fn after_a_failed_sync_nothing_is_accepted_any_more_and_what_was_is_there() {
    let disk = FaultyDisk::new(2);
    let running = Running::start(&disk, 1_000).unwrap();
    let kept = wait(take(running.desk(), 0, "a", 1)).unwrap();
    disk.fail_sync_after(0);
    for number in 1..4 {
        assert!(matches!(wait(take(running.desk(), number, "a", 1)), Err(WriteFault::Stopped(_))));
    }
    assert!(running.desk().stopped().is_some());
    drop(running);
    disk.cut_power();
    let again = Running::start(&disk, 2_000).unwrap();
    assert!(again.desk().with(|shared| shared.books.book(&tenant("a")).unwrap().item(kept).is_some()));
}

#[test]
fn a_clock_that_was_set_back_loses_nothing_at_a_reopening() {
    let disk = FaultyDisk::new(3);
    let mut expected = Vec::new();
    {
        let running = Running::start(&disk, 1_000_000).unwrap();
        let old = wait(take(running.desk(), 0, "a", 0)).unwrap();
        wait(running.desk().settle(settled("a", old, Outcome::Applied), Vec::new())).unwrap();
        running.desk().let_go(old);
        // An hour passes; the clock is set back by two. This one really comes after the recovery point.
        running.elapsed_ms.fetch_add(3_600_000, Ordering::SeqCst);
        running.wall_ms.fetch_sub(3_600_000, Ordering::SeqCst);
        expected.push(wait(take(running.desk(), 1, "a", 1)).unwrap());
    }
    {
        // The next start finds the clock behind the journal.
        let running = Running::start(&disk, 500_000).unwrap();
        expected.push(wait(take(running.desk(), 2, "a", 2)).unwrap());
    }
    let running = Running::start(&disk, 9_000_000).unwrap();
    expected.push(wait(take(running.desk(), 3, "a", 3)).unwrap());
    for sequence in &expected {
        wait(running.desk().settle(settled("a", *sequence, Outcome::Applied), Vec::new())).unwrap();
        running.desk().let_go(*sequence);
    }
    let reopened = wait(running.desk().reopen([tenant("a")].into(), 1_000_000 + 1_800_000)).unwrap();
    assert_eq!(reopened[&tenant("a")], 3);
    let (_, pending) = running.desk().offerable(&tenant("a"), 0, 10);
    assert_eq!(pending.iter().map(|item| item.sequence).collect::<Vec<_>>(), expected);
}

#[test]
fn the_turn_of_each_person_comes_in_order_and_never_past_something_pending() {
    let disk = FaultyDisk::new(4);
    let running = Running::start(&disk, 1_000).unwrap();
    let desk = running.desk();
    let a = tenant("a");
    let first = wait(take(desk, 0, "a", 1)).unwrap();
    let second = wait(take(desk, 1, "a", 1)).unwrap();
    let other = wait(take(desk, 2, "a", 2)).unwrap();
    let elsewhere = wait(take(desk, 3, "b", 1)).unwrap();
    assert!(matches!(desk.turn(&a, first), Turn::Forward));
    assert!(matches!(desk.turn(&a, other), Turn::Forward));
    assert!(
        matches!(desk.turn(&tenant("b"), elsewhere), Turn::Forward),
        "tenants do not wait for each other"
    );
    let Turn::Wait(mut told) = desk.turn(&a, second) else { panic!("it must wait") };
    assert!(told.try_recv().is_err());
    assert_eq!(desk.offerable(&a, 0, 10).1, [], "what a request is busy with is not handed back");
    let busy = wait(desk.report(
        a.clone(),
        ReceiptId(submission(0, "a", 1).receipt.0),
        0,
        Outcome::Applied,
        200,
        Vec::new(),
    ));
    assert_eq!(busy.unwrap(), Err(NotSettled::Busy));
    // The first ends without an outcome: it is pending, and the second must not pass it.
    desk.let_go(first);
    assert!(told.try_recv().is_ok());
    assert!(matches!(desk.turn(&a, second), Turn::Hold));
    let offered: Vec<u64> = desk.offerable(&a, 0, 10).1.iter().map(|item| item.sequence).collect();
    assert_eq!(offered, [first], "and neither may be handed back after something in flight");
}

/// One thing that is asked of the desk.
#[derive(Clone, Debug)]
enum Call {
    Take { b: bool, person: u8 },
    Settle { which: prop::sample::Index, conflict: bool },
    Hold,
    Release,
    Reopen,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        5 => (any::<bool>(), 0..3_u8).prop_map(|(b, person)| Call::Take { b, person }),
        5 => (any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(which, conflict)| Call::Settle { which, conflict }),
        1 => Just(Call::Hold),
        1 => Just(Call::Release),
        1 => Just(Call::Reopen),
    ];
    proptest::collection::vec(call, 1..40)
}

/// What the desk has acknowledged.
#[derive(Default)]
struct Promised {
    items: BTreeMap<u64, (&'static str, ReceiptId, State)>,
    held: BTreeMap<&'static str, bool>,
    /// What was asked last without an answer: it may be there or not.
    in_doubt: Option<Call>,
}

async fn play(desk: &Desk, calls: &[Call], promised: &mut Promised) {
    for (number, call) in (0..).zip(calls) {
        promised.in_doubt = Some(call.clone());
        let kept = match call {
            Call::Take { b, person } => {
                let name = if *b { "b" } else { "a" };
                let taken = take(desk, number, name, *person).await;
                taken.map(|sequence| {
                    desk.let_go(sequence);
                    let receipt = submission(number, name, *person).receipt;
                    promised.items.insert(sequence, (name, receipt, State::Pending));
                })
            }
            Call::Settle { which, conflict } => {
                let pending: Vec<u64> = promised
                    .items
                    .iter()
                    .filter(|(_, item)| item.2 == State::Pending)
                    .map(|(at, _)| *at)
                    .collect();
                if pending.is_empty() {
                    continue;
                }
                let at = *which.get(&pending);
                let outcome = if *conflict { Outcome::Conflict } else { Outcome::Applied };
                let name = promised.items[&at].0;
                desk.settle(settled(name, at, outcome), vec![1; 20])
                    .await
                    .map(|()| promised.items.get_mut(&at).unwrap().2 = State::Settled(outcome))
            }
            Call::Hold => desk.hold([tenant("a")].into(), "x".into()).await.map(|_| {
                promised.held.insert("a", true);
            }),
            Call::Release => desk.release([tenant("a")].into()).await.map(|_| {
                promised.held.insert("a", false);
            }),
            Call::Reopen => desk.reopen([tenant("a")].into(), 0).await.map(|_| {
                promised.held.insert("a", true);
                for item in promised.items.values_mut() {
                    if item.0 == "a" && item.2 == State::Settled(Outcome::Applied) {
                        item.2 = State::Pending;
                    }
                }
            }),
        };
        match kept {
            Ok(()) => promised.in_doubt = None,
            Err(_) => return,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whenever_the_power_goes_what_was_acknowledged_is_there_and_adds_up(
        calls in calls(), changes in 0..400_u64, seed: u64
    ) {
        let disk = FaultyDisk::new(seed);
        let mut promised = Promised::default();
        disk.lose_power_after(changes);
        if let Some(running) = Running::start(&disk, 1_000) {
            wait(play(running.desk(), &calls, &mut promised));
        }
        disk.cut_power();
        let again = Running::start(&disk, 2_000).expect("a disk with power again can be read");
        let outcome: Result<(), TestCaseError> = again.desk().with(|shared| {
            for (id, book) in shared.books.by_tenant() {
                prop_assert!(adds_up(&book.account));
                prop_assert_eq!(&book.recount(), &book.account, "{}", id);
            }
            prop_assert_eq!((shared.books.unknown, shared.books.illegal), (0, 0));
            for (sequence, (name, receipt, state)) in &promised.items {
                let item = shared.books.book(&tenant(name)).unwrap().item(*sequence);
                prop_assert!(item.is_some(), "{} has a receipt and is gone", sequence);
                let item = item.unwrap();
                prop_assert_eq!(&item.receipt, receipt);
                if promised.in_doubt.is_none() {
                    prop_assert_eq!(item.state, *state);
                }
            }
            if let (Some(held), None) = (promised.held.get("a"), &promised.in_doubt) {
                let holding = shared.books.book(&tenant("a")).unwrap().route != Route::Passing;
                prop_assert_eq!(holding, *held);
            }
            Ok(())
        });
        outcome?;
    }
}
