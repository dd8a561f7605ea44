//! Cuts on a small estate, and a run that is killed at every door it goes through.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::decide::{self, Cut, Refusal};
use super::knocking::Proof;
use super::lift::{self, Agreed, Doors};
use super::run::{self, Place, Watcher};
use estate::Id;
use estate::hands::Driver;
use estate::model::{
    Authority, Capability, Door, Edge, EdgeKind, Estate, Evidence, External, Gate, Host, Probe, Run, Service,
    Serving, Site, Source, Store, Tenant, Tenants,
};
use hands::reach::Heard;
use hands::way::Way;
use hands::{Script, Verb};
use incident::contain::CutState;
use incident::event::{CommandEvent, ContainEvent, CutAct, Event, ProcessMark};
use incident::log::{self, Append, Basis, Log, LogFault};
use incident::record::Content;
use incident::store::{self, Incident};
use world::{Answer, Ended, Knock, Launch, Nonce, Restored, Trace, World, WorldFault};

fn id(text: &str) -> Id {
    text.parse().expect("a valid id")
}

fn edge(estate: &mut Estate, from: &str, to: &str, kind: EdgeKind) {
    let edge =
        Edge { from: id(from), to: id(to), kind, evidence: Evidence::Declared, by: None, confidence: 1000 };
    estate.edges.push(edge);
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn service(site: &str, port: u16) -> Service {
    let gate = Gate {
        probe: Probe::Tcp(format!("127.0.0.1:{port}")),
        hold_ms: 0,
        deadline_ms: 1000,
        every_ms: 100,
        uses: Vec::new(),
    };
    let run = Run { pid_file: Some(format!("/run/{port}.pid")), ..Run::default() };
    Service { site: Some(id(site)), gates: vec![gate], run: Some(run), ..Service::default() }
}

/// Two sites; the core of each serves its own fund; reporting in Essen reads the store in Munich.
fn estate() -> Estate {
    let mut estate = Estate::default();
    let mut eau = Capability { urgency: 5, ..Capability::default() };
    for (site, port, insured) in [("ess", 10, 1_000), ("muc", 20, 9_000_000)] {
        let at = format!("site:{site}");
        let door = Door {
            name: "front".to_owned(),
            close: words(&format!("close {}", port + 9)),
            open: Vec::new(),
            probe: format!("127.0.0.1:{}", port + 9),
        };
        estate.sites.insert(id(&at), Site { doors: vec![door], ..Site::default() });
        for host in ["a", "b"] {
            let known = Host { site: Some(id(&at)), ..Host::default() };
            estate.hosts.insert(id(&format!("host:{site}-{host}")), known);
        }
        let mut identity = service(&at, port);
        (identity.site, identity.host) = (None, Some(id(&format!("host:{site}-a"))));
        estate.services.insert(id(&format!("service:identity-{site}")), identity);
        let core = format!("service:core-{site}");
        let mut serving = service(&at, port + 1);
        serving.host = Some(id(&format!("host:{site}-b")));
        estate.services.insert(id(&core), serving);
        estate
            .stores
            .insert(id(&format!("store:core-{site}")), Store { site: Some(id(&at)), ..Store::default() });
        edge(&mut estate, &core, &format!("service:identity-{site}"), EdgeKind::Hard);
        edge(&mut estate, &core, &format!("store:core-{site}"), EdgeKind::Data);
        edge(&mut estate, &core, "external:bank", EdgeKind::Soft);
        eau.served_by.push(Serving { service: id(&core), to: Tenants::Site(id(&at)) });
        let tenant = Tenant { insured, site: Some(id(&at)), ..Tenant::default() };
        estate.tenants.insert(id(&format!("tenant:{site}")), tenant);
    }
    estate.externals.insert(id("external:bank"), External::default());
    estate.services.insert(id("service:report"), service("site:ess", 15));
    estate.services.insert(id("service:clock"), service("site:ess", 16));
    edge(&mut estate, "service:report", "store:core-muc", EdgeKind::Soft);
    edge(&mut estate, "service:report", "service:clock", EdgeKind::Order);
    estate.capabilities.insert(id("capability:eau"), eau);
    estate
}

fn proposed(infected: &[&str], protect: &[&str]) -> Result<Cut, Refusal> {
    let all = |texts: &[&str]| texts.iter().map(|text| id(text)).collect::<Vec<Id>>();
    decide::cut(&estate(), &all(infected), &all(protect))
}

fn stopped(proposal: &Cut) -> Vec<&str> {
    let stop = |act: &'_ CutAct| matches!(act, CutAct::StopService { .. });
    proposal.acts.iter().filter(|act| stop(act)).map(|act| act.target().name()).collect()
}

fn names(ids: &[Id]) -> Vec<&str> {
    ids.iter().map(Id::name).collect()
}

#[test]
fn an_infected_site_is_closed_first_and_all_that_runs_there_is_stopped_dependents_first() {
    let cut = proposed(&["site:muc"], &[]).expect("a cut");
    assert_eq!(cut.acts[0], CutAct::CloseDoor { site: id("site:muc"), door: "front".to_owned() });
    // Reporting in Essen reads a store in Munich, but serves without it: it is not stopped.
    assert_eq!(stopped(&cut), ["core-muc", "identity-muc"]);
    // What is infected is lost already: the cut itself takes nothing more, and nothing is less than nothing.
    assert_eq!((cut.cost_insured, cut.bound, cut.optimal), (0, 0, true));
    assert_eq!((cut.lost_insured, names(&cut.tenants)), (9_000_000, vec!["muc"]));
    // Through the store in Munich; not over the bank, and not along an edge that only says an order.
    assert_eq!(names(&cut.exposed), ["report"]);
}

#[test]
fn what_falls_with_an_infected_provider_is_lost_already_and_is_not_stopped() {
    let cut = proposed(&["host:muc-a"], &[]).expect("a cut");
    assert_eq!(cut.acts.len(), 1, "no door is closed where only a host is infected");
    assert_eq!(stopped(&cut), ["identity-muc"]);
    assert_eq!((cut.cost_insured, cut.lost_insured), (0, 9_000_000));
    assert_eq!(names(&cut.exposed), ["core-muc"]);
}

#[test]
fn stopping_what_stands_on_an_infected_store_has_a_price_and_no_proof() {
    let cut = proposed(&["store:core-muc"], &[]).expect("a cut");
    assert_eq!(stopped(&cut), ["core-muc"]);
    assert_eq!((cut.cost_insured, names(&cut.tenants)), (9_000_000, vec!["muc"]));
    assert_eq!((cut.bound, cut.optimal), (0, false));
}

#[test]
fn the_price_counts_each_person_once_over_all_that_is_lost() {
    let cut = proposed(&["store:core-muc", "store:core-ess", "service:identity-ess"], &[]).expect("a cut");
    assert_eq!((cut.cost_insured, cut.lost_insured), (9_000_000, 9_001_000));
}

#[test]
fn what_is_protected_is_named_when_it_would_be_cut() {
    for (infected, protect, says) in [
        (
            "site:muc",
            "service:core-muc",
            "the cut would hit service:core-muc, and service:core-muc is to be protected",
        ),
        ("site:muc", "site:muc", "the cut would hit service:core-muc, and site:muc is to be protected"),
        (
            "store:core-muc",
            "host:muc-b",
            "the cut would hit service:core-muc, and host:muc-b is to be protected",
        ),
        (
            "store:core-muc",
            "tenant:muc",
            "the cut would hit capability:eau, and tenant:muc is to be protected",
        ),
        (
            "store:core-muc",
            "capability:eau",
            "the cut would hit tenant:muc, and capability:eau is to be protected",
        ),
    ] {
        assert_eq!(proposed(&[infected], &[protect]).expect_err("refused").to_string(), says);
    }
    proposed(&["site:muc"], &["site:ess", "tenant:ess"]).expect("they are not touched");
}

#[test]
fn a_protected_site_is_not_closed_even_if_nothing_runs_there() {
    let mut estate = estate();
    let door = estate.sites[&id("site:muc")].doors.clone();
    estate.sites.insert(id("site:bln"), Site { doors: door, ..Site::default() });
    let bln = [id("site:bln")];
    assert!(matches!(decide::cut(&estate, &bln, &bln), Err(Refusal::Protected { .. })));
}

#[test]
fn names_that_mean_nothing_are_refused() {
    assert_eq!(proposed(&["site:bln"], &[]), Err(Refusal::Unknown(id("site:bln"))));
    assert_eq!(proposed(&["site:muc"], &["site:bln"]), Err(Refusal::Unknown(id("site:bln"))));
    assert_eq!(proposed(&["external:bank"], &[]), Err(Refusal::NotInfectable(id("external:bank"))));
}

#[test]
fn only_what_was_granted_may_be_done_without_asking() {
    let mut estate = estate();
    let grant = |may: &str, on: &[&str]| Authority {
        may: may.to_owned(),
        on: on.iter().map(|text| id(text)).collect(),
        granted_by: "board".to_owned(),
    };
    let stop = |name: &str| CutAct::StopService { service: id(name) };
    let close = CutAct::CloseDoor { site: id("site:muc"), door: "front".to_owned() };
    assert!(decide::authority(&estate, &stop("service:core-muc")).is_none());
    estate.authority = vec![grant("stop-service", &["site:muc"])];
    assert!(decide::authority(&estate, &stop("service:core-muc")).is_some());
    assert!(decide::authority(&estate, &stop("service:identity-muc")).is_some(), "its host is at the site");
    assert!(decide::authority(&estate, &stop("service:core-ess")).is_none());
    assert!(decide::authority(&estate, &close).is_none(), "stopping is not closing");
    estate.authority = vec![grant("close-door", &[])];
    assert!(decide::authority(&estate, &close).is_some());
    estate.authority = vec![grant("stop-service", &["host:muc-a", "service:report"])];
    assert!(decide::authority(&estate, &stop("service:identity-muc")).is_some());
    assert!(decide::authority(&estate, &stop("service:report")).is_some());
    assert!(decide::authority(&estate, &stop("service:core-muc")).is_none());
}

/// What really is, apart from what the journal says. Killed when `acts_left` is used up: before the effect of
/// that act, or after it.
struct Fake {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By pid file.
    processes: BTreeMap<String, u32>,
    /// Addresses that answer.
    open: BTreeSet<String>,
    /// Processes that do not end, and doors that stay open whatever is done.
    stubborn: BTreeSet<String>,
    /// Closed doors say nothing instead of refusing.
    silent: bool,
    no_network: bool,
    /// What closing a door of another machine does.
    on_close: Option<fn(&mut State)>,
    clock_ms: u64,
    acts: u64,
    kill: Option<(u64, bool)>,
    outputs: Vec<PathBuf>,
    /// What hosts do with scripts, by the first line of the script.
    hosts: BTreeMap<String, HostDoes>,
    /// Those lines, as they came.
    carried: Vec<String>,
    /// Units that run, and units that are held.
    units: BTreeSet<String>,
    held: BTreeSet<String>,
}

/// What a host does with a script. Without one it does what it is told and says so.
#[derive(Clone, Copy)]
enum HostDoes {
    /// It does it, and its answer never comes.
    FallsSilent,
    IsNotReached,
    /// It says that it did it, and did not.
    Refuses,
}

struct Killed;

impl Fake {
    fn new() -> Fake {
        let mut state = State::default();
        for port in [10, 11, 15, 16, 20, 21] {
            state.processes.insert(format!("/run/{port}.pid"), 1000 + port);
            state.open.insert(format!("127.0.0.1:{port}"));
        }
        state.open.extend(["127.0.0.1:19".to_owned(), "127.0.0.1:29".to_owned()]);
        Fake { state: Mutex::new(state) }
    }

    /// Takes its own lock for the whole effect, and gives it back before the program is killed.
    fn act(&self, effect: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().expect("nobody is killed while holding it");
        let now = state.acts;
        state.acts += 1;
        let kill = state.kill.filter(|(at, _)| *at == now);
        if kill.is_none_or(|(_, after)| after) {
            effect(&mut state);
        }
        drop(state);
        if kill.is_some() {
            std::panic::resume_unwind(Box::new(Killed));
        }
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().expect("nobody is killed while holding it"))
    }
}

impl World for Fake {
    fn now_ms(&self) -> i64 {
        1_000
    }
    fn elapsed_ms(&self) -> u64 {
        self.state(|state| state.clock_ms)
    }
    fn wait_ms(&self, ms: u64) {
        self.state(|state| state.clock_ms += ms);
    }
    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
    fn draw(&self, _: &Path, _: &str, _: u32) -> Result<Nonce, WorldFault> {
        unreachable!("containment begins no step")
    }
    fn drawn(&self, _: &Path) -> Result<Option<Nonce>, WorldFault> {
        Ok(None)
    }
    fn start(&self, _: &Launch<'_>) -> Result<ProcessMark, WorldFault> {
        unreachable!("containment starts nothing that stays")
    }
    fn run(&self, launch: &Launch<'_>, _: u64) -> Result<Ended, WorldFault> {
        let text = launch.command.join(" ");
        self.act(|state| {
            state.outputs.push(launch.output.to_owned());
            if let Some(port) = text.strip_prefix("close ") {
                let address = format!("127.0.0.1:{port}");
                if !state.stubborn.contains(&address) {
                    state.open.remove(&address);
                }
            }
            if let Some(close) = state.on_close.filter(|_| text.starts_with("close-far ")) {
                close(state);
            }
            if let Some(address) = text.strip_prefix("open ") {
                state.open.insert(address.to_owned());
            }
        });
        let code = if text == "fails" { 3 } else { 0 };
        Ok(Ended { code: Some(code), tail: String::new() })
    }
    fn carry(&self, _: &Way, script: &Script, _: u64) -> Result<Heard, WorldFault> {
        let line = script.text.lines().next().expect("a script has a first line").to_owned();
        let unit = line.rsplit(' ').next().expect("it names a unit").to_owned();
        let port = unit.trim_end_matches(".service").to_owned();
        let does = self.state(|state| {
            state.carried.push(line.clone());
            state.hosts.get(&line).copied()
        });
        let look = |when: &str| {
            self.state(|state| {
                let active = if state.units.contains(&unit) { "active" } else { "inactive" };
                let held =
                    if state.held.contains(&unit) { format!("{when} held yes\n") } else { String::new() };
                format!("{held}{when} boot 1\n{when} LoadState=loaded\n{when} ActiveState={active}\n")
            })
        };
        let before = look("before");
        match does {
            Some(HostDoes::IsNotReached) => {
                return Ok(Heard { said: "Connection refused".to_owned(), ..Heard::default() });
            }
            Some(HostDoes::Refuses) => {}
            Some(HostDoes::FallsSilent) | None if script.verb.only_looks() => {}
            Some(HostDoes::FallsSilent) | None => self.act(|state| match script.verb {
                Verb::Hold => {
                    state.units.remove(&unit);
                    state.held.insert(unit.clone());
                    state.open.remove(&format!("127.0.0.1:{port}"));
                }
                Verb::Release => drop(state.held.remove(&unit)),
                Verb::Start | Verb::Stop | Verb::Probe | Verb::Rehearse => {
                    unreachable!("a cut does not do that")
                }
            }),
        }
        if matches!(does, Some(HostDoes::FallsSilent)) {
            return Ok(Heard { may_have_begun: true, broke_off: "no end".to_owned(), ..Heard::default() });
        }
        let code = Some(if matches!(does, Some(HostDoes::Refuses)) { 1 } else { 0 });
        Ok(Heard { may_have_begun: true, code, output: before + &look("after"), ..Heard::default() })
    }
    fn trace(&self, _: &Path) -> Result<Trace, WorldFault> {
        Ok(Trace::default())
    }
    fn find(&self, _: &str) -> Result<Option<ProcessMark>, WorldFault> {
        Ok(None)
    }
    fn find_by_pid_file(&self, path: &str) -> Result<Option<ProcessMark>, WorldFault> {
        let pid = self.state(|state| state.processes.get(path).copied());
        Ok(pid.map(|pid| ProcessMark { pid, start_ticks: 1, run: String::new() }))
    }
    fn is_alive(&self, mark: &ProcessMark) -> bool {
        self.state(|state| state.processes.values().any(|pid| *pid == mark.pid))
    }
    fn stop(&self, mark: &ProcessMark, _: u64) -> Result<(), WorldFault> {
        self.act(|state| {
            let port = mark.pid - 1000;
            if !state.stubborn.contains(&format!("/run/{port}.pid")) {
                state.processes.remove(&format!("/run/{port}.pid"));
                state.open.remove(&format!("127.0.0.1:{port}"));
            }
        });
        Ok(())
    }
    fn probe(&self, probe: &Probe, _: u64) -> Answer {
        match probe {
            Probe::Tcp(address) if self.state(|state| state.open.contains(address)) => Answer::Yes,
            Probe::Tcp(_) => Answer::No("refused".to_owned()),
            Probe::Command(words) if *words == ["passes"] => Answer::Yes,
            Probe::Http { .. } | Probe::Command(_) => Answer::No("not in this world".to_owned()),
        }
    }
    fn knock(&self, probe: &Probe, _: u64) -> Knock {
        let at = match probe {
            Probe::Tcp(address) => address.clone(),
            Probe::Http { url, .. } => world::authority(url).expect("an address"),
            Probe::Command(_) => return Knock::NotTried("from inside".to_owned()),
        };
        self.state(|state| match () {
            () if state.no_network => Knock::NotTried("network is unreachable".to_owned()),
            () if state.open.contains(&at) => Knock::Answered(format!("{at} accepts connections")),
            () if state.silent => Knock::Silent("timed out".to_owned()),
            () => Knock::Refused("connection refused".to_owned()),
        })
    }
    fn restore(&self, _: &Source, _: &str, _: &str, _: &str) -> Result<Vec<PathBuf>, WorldFault> {
        unreachable!("containment restores nothing")
    }
    fn restored_from(&self, _: &str) -> Result<Option<Restored>, WorldFault> {
        Ok(None)
    }
}

fn incident(folder: &Path) -> Incident {
    store::create(
        &folder.join("incident"),
        &folder.join("key"),
        "test",
        "test",
        &store::opening("test", "hash", "text"),
        0,
    )
    .expect("an incident")
}

struct Silent;

impl Watcher for Silent {
    fn begun(&mut self, _: &CutAct) {}
    fn probed(&mut self, _: &CutAct, _: Proof, _: &str) {}
    fn lifted(&mut self, _: &ContainEvent, _: bool, _: &str) {}
}

/// Decides, acts and probes as the command does; then how each act stands.
fn applied(
    incident: &mut Incident,
    world: &Fake,
    estate: &Estate,
    infected: &str,
) -> Vec<(CutState, String)> {
    let cut = decide::cut(estate, &[id(infected)], &[]).expect("a cut");
    incident
        .decide(0, |view| decide::decide(&cut, estate, "hash", view))
        .expect("the journal works")
        .expect("not held");
    let folder = incident.folder().to_owned();
    let place = Place { world, estate, folder: &folder };
    let holds = run::run(incident, place, &cut.acts, &mut Silent).expect("the journal works");
    let known = &incident.view().contain.cuts;
    let of = |act: &CutAct| known.iter().find(|cut| cut.act == *act).expect("it was decided");
    let all: Vec<_> = cut.acts.iter().map(|act| (of(act).state, of(act).detail.clone())).collect();
    assert_eq!(holds, all.iter().all(|(state, _)| *state == CutState::Holds));
    all
}

fn states(cuts: &[(CutState, String)]) -> Vec<CutState> {
    cuts.iter().map(|(state, _)| *state).collect()
}

#[test]
fn a_cut_is_done_probed_and_recorded_and_a_second_call_does_nothing_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let world = Fake::new();
    let cuts = applied(&mut incident, &world, &estate(), "site:muc");
    assert_eq!(states(&cuts), [CutState::Holds; 3]);
    assert_eq!(world.state(|state| state.open.clone()).len(), 5, "Munich's three ports are closed");
    let acts = world.state(|state| state.acts);
    assert_eq!(acts, 3);
    let cuts = applied(&mut incident, &world, &estate(), "site:muc");
    assert_eq!(states(&cuts), [CutState::Holds; 3]);
    assert_eq!(world.state(|state| state.acts), acts);
    assert_eq!(decisions(&folder.path().join("incident")), 1);
}

/// How often a cut was decided.
fn decisions(folder: &Path) -> usize {
    let mut count = 0;
    store::each_entry(folder, 0, |entry| {
        if matches!(entry.content, Content::Known(Event::Contain(ContainEvent::CutDecided { .. }))) {
            count += 1;
        }
    })
    .expect("readable");
    count
}

#[test]
fn killed_at_any_act_it_goes_on_and_ends_the_same() {
    let mut killed = 0;
    for at in 0..3 {
        for after in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut first = incident(folder.path());
            let world = Fake::new();
            world.state(|state| state.kill = Some((at, after)));
            let run = catch_unwind(AssertUnwindSafe(|| applied(&mut first, &world, &estate(), "site:muc")));
            assert!(run.is_err_and(|cause| cause.is::<Killed>()));
            killed += 1;
            drop(first);
            let before = store::read(&folder.path().join("incident")).expect("readable");
            assert!(
                before.contain.cuts.iter().any(|cut| cut.state == CutState::Intended),
                "the intent was first"
            );
            world.state(|state| state.kill = None);
            let mut second = Incident::open(&folder.path().join("incident"), "test").expect("opens again");
            let cuts = applied(&mut second, &world, &estate(), "site:muc");
            assert_eq!(states(&cuts), [CutState::Holds; 3]);
            assert_eq!(world.state(|state| (state.open.len(), state.processes.len())), (5, 4));
            // Nobody knows whether an act that was cut off was done: it is done again, once. Stopping what is gone already
            // takes no act.
            let again = world.state(|state| state.acts);
            assert!(again == 4 || (after && again == 3), "{again} acts");
            assert_eq!(decisions(&folder.path().join("incident")), 1);
        }
    }
    assert_eq!(killed, 6);
}

#[test]
fn what_stays_open_leaks_and_is_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let world = Fake::new();
    let stubborn = ["127.0.0.1:29".to_owned(), "/run/21.pid".to_owned()];
    world.state(|state| state.stubborn.extend(stubborn));
    let cuts = applied(&mut incident, &world, &estate(), "site:muc");
    assert_eq!(states(&cuts), [CutState::Leaks, CutState::Leaks, CutState::Holds], "{cuts:?}");
    world.state(|state| state.stubborn.clear());
    let cuts = applied(&mut incident, &world, &estate(), "site:muc");
    assert_eq!(states(&cuts), [CutState::Holds; 3]);
}

#[test]
fn a_door_that_nobody_can_knock_on_is_not_called_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let mut estate = estate();
    estate.sites.get_mut(&id("site:muc")).expect("it is there").doors[0].probe = "front gate".to_owned();
    let cuts = applied(&mut incident, &Fake::new(), &estate, "site:muc");
    assert_eq!(cuts[0].0, CutState::Done);
    assert!(cuts[0].1.contains("not an address"), "{}", cuts[0].1);
}

#[test]
fn what_nobody_can_look_at_is_not_called_stopped_and_keeps_nothing_else_from_being_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let mut estate = estate();
    let core = estate.services.get_mut(&id("service:core-muc")).expect("it is there");
    // It says how it is started, but was not started by us, and there is nothing to knock on.
    core.run = Some(Run { start: words("serve"), ..Run::default() });
    core.gates.clear();
    estate.sites.get_mut(&id("site:muc")).expect("it is there").doors[0].close = words("fails");
    let cuts = applied(&mut incident, &Fake::new(), &estate, "site:muc");
    assert_eq!(states(&cuts), [CutState::Failed, CutState::Failed, CutState::Holds]);
    assert!(cuts[0].1.contains("`fails` ended with"), "{}", cuts[0].1);
    assert!(cuts[1].1.contains("does not say how to stop it"), "{}", cuts[1].1);
}

#[test]
fn the_output_of_a_command_stays_in_the_incident_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let mut estate = estate();
    estate.sites.get_mut(&id("site:muc")).expect("it is there").doors[0].name = "x/../../../front".to_owned();
    let world = Fake::new();
    applied(&mut incident, &world, &estate, "site:muc");
    let outputs = world.state(|state| state.outputs.clone());
    assert_eq!(outputs.len(), 1);
    assert_eq!(outputs[0].parent(), Some(folder.path().join("incident").join("runs").as_path()));
}

#[test]
fn nothing_is_done_to_what_is_held() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let hold = CommandEvent::HoldPlaced { on: id("service:core-muc"), reason: "evidence".to_owned() };
    incident.record(&[Event::Command(hold)], 0).expect("recorded");
    let cut = proposed(&["site:muc"], &[]).expect("a cut");
    let refused = decide::decide(&cut, &estate(), "hash", incident.view()).expect_err("it is held");
    assert!(matches!(refused, Refusal::OnHold { on, .. } if on == id("service:core-muc")));
}

#[test]
fn a_hold_on_the_site_or_the_host_holds_what_stands_there() {
    for on in ["site:muc", "host:muc-b"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut incident = incident(folder.path());
        let hold = CommandEvent::HoldPlaced { on: id(on), reason: "evidence".to_owned() };
        incident.record(&[Event::Command(hold)], 0).expect("recorded");
        let cut = proposed(&["service:core-muc"], &[]).expect("a cut");
        let refused = decide::decide(&cut, &estate(), "hash", incident.view()).expect_err("it is held");
        assert!(matches!(&refused, Refusal::OnHold { on: held, .. } if *held == id(on)), "{refused}");
    }
}

#[test]
fn a_cut_of_nothing_is_refused_and_not_called_done() {
    let mut estate = estate();
    estate.hosts.insert(id("host:alone"), Host::default());
    let cut = decide::cut(&estate, &[id("host:alone")], &[]).expect("a cut");
    let refused = decide::decide(&cut, &estate, "hash", &incident::View::default()).expect_err("empty");
    assert_eq!(refused, Refusal::NothingToCut);
}

#[test]
fn an_act_that_failed_never_holds_whatever_has_fallen_silent_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let mut estate = estate();
    estate.sites.get_mut(&id("site:muc")).expect("it is there").doors[0].close = words("fails");
    let world = Fake::new();
    let cuts = applied(&mut incident, &world, &estate, "site:muc");
    assert_eq!(cuts[0].0, CutState::Failed);
    // Somebody has pulled the plug: nothing answers, and still nobody has closed the door.
    world.state(|state| state.open.clear());
    let cuts = applied(&mut incident, &world, &estate, "site:muc");
    assert_eq!(cuts[0].0, CutState::Failed);
}

/// Somebody else places a hold just before an intent is recorded.
struct Intruded<'a> {
    incident: &'a mut Incident,
    hold: Option<Id>,
}

impl Log for Intruded<'_> {
    fn view(&self) -> &incident::View {
        self.incident.view()
    }

    fn refresh(&mut self) -> Result<(), LogFault> {
        Log::refresh(self.incident)
    }

    fn append(&mut self, events: &[Event], basis: Basis, now_ms: i64) -> Result<Append, LogFault> {
        let is_intent = matches!(events, [Event::Contain(ContainEvent::ActIntended { .. })]);
        if let Some(on) = self.hold.take_if(|_| is_intent) {
            let hold = CommandEvent::HoldPlaced { on, reason: "evidence".to_owned() };
            log::record(self.incident, &[Event::Command(hold)], now_ms)?;
        }
        self.incident.append(events, basis, now_ms)
    }
}

#[test]
fn a_hold_that_comes_while_the_cut_is_made_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let (estate, world) = (estate(), Fake::new());
    let cut = decide::cut(&estate, &[id("service:core-muc")], &[]).expect("a cut");
    incident
        .decide(0, |view| decide::decide(&cut, &estate, "hash", view))
        .expect("the journal works")
        .expect("not held yet");
    let place = Place { world: &world, estate: &estate, folder: folder.path() };
    let mut log = Intruded { incident: &mut incident, hold: Some(id("service:core-muc")) };
    let holds = run::run(&mut log, place, &cut.acts, &mut Silent).expect("the journal works");
    assert!(!holds);
    assert_eq!(world.state(|state| state.acts), 0, "nothing was done to it");
    assert_eq!(incident.view().contain.state_of(&cut.acts[0]), CutState::Decided);
}

/// Every door and port is one of another machine.
fn far(mut estate: Estate) -> Estate {
    let there = |at: &str| at.replace("127.0.0.1", "192.0.2.1");
    for door in estate.sites.values_mut().flat_map(|site| &mut site.doors) {
        door.probe = there(&door.probe);
        door.close = vec!["close-far".to_owned(), door.probe.clone()];
        door.open = vec!["open".to_owned(), door.probe.clone()];
    }
    for gate in estate.services.values_mut().flat_map(|service| &mut service.gates) {
        if let Probe::Tcp(at) = &mut gate.probe {
            *at = there(at);
        }
    }
    estate
}

fn far_world() -> Fake {
    let world = Fake::new();
    world.state(|state| {
        state.open = state.open.iter().map(|at| at.replace("127.0.0.1", "192.0.2.1")).collect();
        state.silent = true;
    });
    world
}

/// What the world does to each probe after the act, and what may be said of the cut then.
#[test]
fn silence_proves_a_cut_only_where_something_answered_before_and_somebody_else_still_does() {
    type Change = fn(&mut State);
    let nothing: Change = |_| {};
    let closed: Change = |state| state.open.retain(|at| at != "192.0.2.1:29");
    let all_closed: Change = |state| state.open.clear();
    let no_network: Change = |state| state.no_network = true;
    for (before, after, expected, says) in [
        (nothing, closed, CutState::Holds, "is silent now; 192.0.2.1:19 answers"),
        (nothing, nothing, CutState::Leaks, "accepts connections"),
        (nothing, all_closed, CutState::Done, "it may be we who are cut off"),
        (nothing, no_network, CutState::Done, "network is unreachable"),
        (closed, nothing, CutState::Done, "nothing answered before the cut either"),
        (no_network, nothing, CutState::Done, "nothing answered before the cut either"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut incident = incident(folder.path());
        let (world, mut estate) = (far_world(), far(estate()));
        world.state(before);
        world.state(|state| state.on_close = Some(after));
        estate.services.clear();
        let cut = decide::cut(&estate, &[id("site:muc")], &[]).expect("a cut");
        let decided = decide::decide(&cut, &estate, "hash", incident.view()).expect("not held");
        incident.record(&decided, 0).expect("recorded");
        let place = Place { world: &world, estate: &estate, folder: folder.path() };
        run::run(&mut incident, place, &cut.acts, &mut Silent).expect("the journal works");
        let known = &incident.view().contain.cuts[0];
        assert_eq!(known.state, expected, "{}", known.detail);
        assert!(known.detail.contains(says), "{}", known.detail);
    }
}

#[test]
fn an_error_page_and_a_gate_that_passes_are_answers() {
    for (gate, says) in [
        (Probe::Http { url: "http://127.0.0.1:29/health".to_owned(), status: 200 }, "accepts connections"),
        (Probe::Command(words("passes")), "its gate still passes"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut incident = incident(folder.path());
        let mut estate = estate();
        let core = estate.services.get_mut(&id("service:core-muc")).expect("it is there");
        if matches!(gate, Probe::Command(_)) {
            core.run = Some(Run { job: true, stop: words("systemctl stop core"), ..Run::default() });
        }
        core.gates[0].probe = gate;
        let cuts = applied(&mut incident, &Fake::new(), &estate, "service:core-muc");
        assert_eq!(cuts[0].0, CutState::Leaks);
        assert!(cuts[0].1.contains(says), "{}", cuts[0].1);
    }
}

#[test]
fn a_service_whose_stop_command_fails_is_signalled_all_the_same_and_never_called_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let mut estate = estate();
    let core = estate.services.get_mut(&id("service:core-muc")).expect("it is there");
    core.run.as_mut().expect("it has one").stop = words("fails");
    let world = Fake::new();
    let cuts = applied(&mut incident, &world, &estate, "service:core-muc");
    assert_eq!(cuts[0].0, CutState::Failed);
    assert!(!world.state(|state| state.processes.contains_key("/run/21.pid")), "it was signalled");
    assert!(cuts[0].1.contains("`fails` ended with 3") && cuts[0].1.contains("stopped"), "{}", cuts[0].1);
}

#[test]
fn a_missing_pid_file_is_not_known_to_be_a_stopped_service() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let mut estate = estate();
    let core = estate.services.get_mut(&id("service:core-muc")).expect("it is there");
    core.gates.clear();
    core.run.as_mut().expect("it has one").pid_file = Some("/run/elsewhere.pid".to_owned());
    let cuts = applied(&mut incident, &Fake::new(), &estate, "service:core-muc");
    assert_eq!(cuts[0].0, CutState::Done);
    assert!(cuts[0].1.contains("nothing answered before"), "{}", cuts[0].1);
}

#[test]
fn lifting_shows_its_price_opens_the_door_and_ends_only_what_is_there_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let mut estate = estate();
    let (world, site, core) = (Fake::new(), id("site:muc"), id("service:core-muc"));
    assert!(matches!(
        lift::lift(&estate, incident.view(), Some(&site), Doors::Open),
        Err(Refusal::NotCut(_))
    ));
    applied(&mut incident, &world, &estate, "site:muc");
    let price = lift::lift(&estate, incident.view(), Some(&site), Doors::Open).expect("it is cut off");
    assert_eq!((price.acts.len(), price.insured, names(&price.tenants)), (3, 9_000_000, vec!["muc"]));
    assert!(price.infected.contains(&core), "it was not restored: {:?}", price.infected);
    let but_doors = lift::lift(&estate, incident.view(), Some(&site), Doors::StayClosed).expect("cut off");
    assert_eq!(but_doors.acts.len(), 2);
    let states_after = |incident: &mut Incident, estate: &Estate, seen: bool| {
        adopted(incident, estate);
        let shown = lift::lift(estate, incident.view(), Some(&site), Doors::Open).expect("it is cut off");
        let agreed = Agreed { what: Some(&site), doors: Doors::Open, seen, shown: &shown, reason: "clean" };
        let events = lift::decide(estate, incident.view(), agreed).expect("not held");
        incident.record(&events, 0).expect("recorded");
        let place = Place { world: &world, estate, folder: folder.path() };
        let done = seen || run::lift(incident, place, &shown.acts, &mut Silent).expect("the journal works");
        let cuts = incident.view().contain.cuts.iter();
        (done, cuts.map(|cut| cut.state).collect::<Vec<_>>())
    };
    // The estate does not say how the door is opened, and nothing runs.
    assert_eq!(states_after(&mut incident, &estate, false), (false, vec![CutState::Lifting; 3]));
    assert!(incident.view().contain.forbids_start(&core).is_none(), "it may be started");
    estate.sites.get_mut(&site).expect("it is there").doors[0].open = words("open 127.0.0.1:29");
    let (opened, states) = states_after(&mut incident, &estate, false);
    assert_eq!((opened, states), (true, vec![CutState::Lifted, CutState::Lifting, CutState::Lifting]));
    // A person has seen them run.
    let shown = lift::lift(&estate, incident.view(), Some(&core), Doors::Open).expect("it is cut off");
    let agreed = Agreed { what: Some(&core), doors: Doors::Open, seen: true, shown: &shown, reason: "seen" };
    let events = lift::decide(&estate, incident.view(), agreed).expect("not held");
    incident.record(&events, 0).expect("recorded");
    assert_eq!(incident.view().contain.cuts[1].state, CutState::Lifted);
    // What was lifted and is cut off again has to be proven again.
    applied(&mut incident, &world, &estate, "site:muc");
    assert_eq!(incident.view().contain.cuts[0].state, CutState::Holds);
    assert_eq!(incident.view().contain.cuts[1].state, CutState::Done, "it does not run since the first cut");
}

/// The estate is the one in force.
fn adopted(incident: &mut Incident, estate: &Estate) {
    let (hash, text) = (estate::canonical::hash(estate), estate::canonical::text(estate));
    let adopted = Event::Command(CommandEvent::EstateAdopted { hash, text });
    incident.record(&[adopted], 0).expect("recorded");
}

#[test]
fn a_lift_ends_what_was_shown_and_agreed_to_and_nothing_that_was_cut_off_or_found_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let (estate, world) = (estate(), Fake::new());
    adopted(&mut incident, &estate);
    applied(&mut incident, &world, &estate, "service:core-muc");
    let shown = lift::lift(&estate, incident.view(), None, Doors::Open).expect("it is cut off");
    let all = Agreed { what: None, doors: Doors::Open, seen: false, shown: &shown, reason: "clean" };
    // While somebody reads it, somebody else cuts off more.
    applied(&mut incident, &world, &estate, "site:muc");
    let refused = lift::decide(&estate, incident.view(), all).expect_err("nobody has agreed to that");
    assert!(matches!(&refused, Refusal::NotAsShown(what) if what.contains("also the cut of")), "{refused:?}");
    let now = lift::lift(&estate, incident.view(), None, Doors::Open).expect("it is cut off");
    assert!(lift::decide(&estate, incident.view(), Agreed { shown: &now, ..all }).is_ok());
    // Or puts another estate in force.
    let mut edited = estate.clone();
    edited.sites.get_mut(&id("site:muc")).expect("it is there").doors[0].open = words("open it");
    adopted(&mut incident, &edited);
    let refused =
        lift::decide(&estate, incident.view(), Agreed { shown: &now, ..all }).expect_err("old estate");
    assert!(matches!(refused, Refusal::NotAsShown(_)), "{refused:?}");
}

#[test]
fn a_cut_on_what_is_held_is_not_lifted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    applied(&mut incident, &Fake::new(), &estate(), "site:muc");
    let hold = CommandEvent::HoldPlaced { on: id("service:core-muc"), reason: "evidence".to_owned() };
    incident.record(&[Event::Command(hold)], 0).expect("recorded");
    let refused =
        lift::lift(&estate(), incident.view(), Some(&id("site:muc")), Doors::Open).expect_err("it is held");
    assert!(matches!(refused, Refusal::OnHold { .. }));
}

/// The services in Munich are units on hosts.
fn on_hosts() -> (Estate, Fake) {
    let (mut estate, world) = (estate(), Fake::new());
    for (name, port) in [("identity-muc", 20), ("core-muc", 21)] {
        let service = estate.services.get_mut(&id(&format!("service:{name}"))).expect("it is there");
        let unit = format!("{port}.service");
        service.run = Some(Run { driver: Some(Driver::Systemd(unit.clone())), ..Run::default() });
        let host = service.host.clone().expect("it has a host");
        estate.hosts.get_mut(&host).expect("it is there").local = true;
        world.state(|state| state.units.insert(unit));
    }
    (estate, world)
}

const HOLD_CORE: &str = "# Blackstart: hold 21.service";

#[test]
fn units_on_hosts_are_held_and_proven_and_a_lift_lets_them_start_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let (estate, world) = on_hosts();
    let cuts = applied(&mut incident, &world, &estate, "site:muc");
    assert_eq!(states(&cuts), [CutState::Holds; 3], "{cuts:?}");
    assert_eq!(world.state(|state| state.held.len()), 2);
    let last = incident.view().hands.last[&id("service:core-muc")].clone();
    let answer = last.answer.expect("it answered");
    assert_eq!((last.verb.as_str(), answer.code), ("hold", Some(0)));
    assert_eq!(answer.before["ActiveState"], "active");
    assert_eq!((answer.after["ActiveState"].as_str(), answer.after["held"].as_str()), ("inactive", "yes"));
    // Once more changes nothing.
    let sent = world.state(|state| state.acts);
    assert_eq!(states(&applied(&mut incident, &world, &estate, "site:muc")), [CutState::Holds; 3]);
    assert_eq!(world.state(|state| state.acts), sent);

    let core = id("service:core-muc");
    adopted(&mut incident, &estate);
    let price = lift::lift(&estate, incident.view(), Some(&core), Doors::Open).expect("a lift");
    let agreed =
        Agreed { what: Some(&core), doors: Doors::Open, seen: false, shown: &price, reason: "clean" };
    incident
        .decide(0, |view| lift::decide(&estate, view, agreed))
        .expect("the journal works")
        .expect("not held");
    let place_folder = incident.folder().to_owned();
    let place = Place { world: &world, estate: &estate, folder: &place_folder };
    // A host that refuses, or is not reached: the lift is not called done, and may be called again.
    for does in [HostDoes::Refuses, HostDoes::IsNotReached] {
        world.state(|state| state.hosts.insert("# Blackstart: release 21.service".to_owned(), does));
        assert!(!run::lift(&mut incident, place, &price.acts, &mut Silent).expect("the journal works"));
        assert!(world.state(|state| state.held.contains("21.service")));
        let cut = incident.view().contain.cuts.iter().find(|cut| cut.act.target() == &core).expect("a cut");
        assert!(cut.detail.contains("was not taken away"), "{}", cut.detail);
    }
    world.state(|state| state.hosts.clear());
    assert!(run::lift(&mut incident, place, &price.acts, &mut Silent).expect("the journal works"));
    assert!(!world.state(|state| state.held.contains("21.service")));
    assert!(!world.state(|state| state.units.contains("21.service")), "a lift starts nothing");
}

#[test]
fn a_host_that_is_not_reached_or_refuses_leaves_its_own_cut_open_and_no_other() {
    for (does, says) in
        [(HostDoes::IsNotReached, "was not reached"), (HostDoes::Refuses, "it was not stopped")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let mut incident = incident(folder.path());
        let (estate, world) = on_hosts();
        world.state(|state| state.hosts.insert(HOLD_CORE.to_owned(), does));
        let cuts = applied(&mut incident, &world, &estate, "site:muc");
        assert_eq!(states(&cuts), [CutState::Holds, CutState::Failed, CutState::Holds], "{cuts:?}");
        assert!(cuts[1].1.contains(says), "{cuts:?}");
    }
}

#[test]
fn an_answer_without_an_end_is_looked_at_over_a_new_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let (estate, world) = on_hosts();
    world.state(|state| state.hosts.insert(HOLD_CORE.to_owned(), HostDoes::FallsSilent));
    let cuts = applied(&mut incident, &world, &estate, "site:muc");
    // The second look says that it is down and held, and nothing answers where something did before.
    assert_eq!(states(&cuts), [CutState::Holds; 3], "{cuts:?}");
    let looks = world.state(|state| state.carried.iter().filter(|line| line.contains("probe 21")).count());
    assert!(looks > 0);
}

#[test]
fn a_host_of_which_nothing_is_known_any_more_is_not_shown_as_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut incident = incident(folder.path());
    let (estate, world) = on_hosts();
    world.state(|state| {
        state.hosts.insert(HOLD_CORE.to_owned(), HostDoes::FallsSilent);
        state.hosts.insert("# Blackstart: probe 21.service".to_owned(), HostDoes::IsNotReached);
    });
    let cuts = applied(&mut incident, &world, &estate, "site:muc");
    assert_ne!(cuts[1].0, CutState::Holds, "{cuts:?}");
    let answer = incident.view().hands.last[&id("service:core-muc")].answer.clone();
    assert_eq!(answer.expect("a look").code, None);
}

/// Between the intent on disk and the outcome: the script is sent again, which changes nothing twice.
#[test]
fn a_cut_of_units_killed_at_any_act_is_finished_by_a_second_call() {
    for kill in 0..3 {
        for after in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let (estate, world) = on_hosts();
            world.state(|state| state.kill = Some((kill, after)));
            let mut first = incident(folder.path());
            let died = catch_unwind(AssertUnwindSafe(|| applied(&mut first, &world, &estate, "site:muc")));
            assert!(died.is_err(), "it was to be killed at act {kill}");
            drop(first);
            world.state(|state| state.kill = None);
            let mut again =
                Incident::open(&folder.path().join("incident"), "test").expect("the journal opens");
            let cuts = applied(&mut again, &world, &estate, "site:muc");
            assert_eq!(states(&cuts), [CutState::Holds; 3], "{kill} {after} {cuts:?}");
            assert_eq!(world.state(|state| state.held.len()), 2);
        }
    }
}
