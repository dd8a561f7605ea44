//! What is to be done to one service, whole: the script, where it goes, and what it has to come to. Pure.

use estate::hands::Driver;
use estate::{Estate, Id};

use crate::drive::{self, NoScript};
use crate::facts::{Reading, UnitState};
use crate::reach::Heard;
use crate::way::{self, NoWay, Way};
use crate::{Script, Verb};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub target: Id,
    /// `None`: a cluster, spoken to from this machine.
    pub host: Option<Id>,
    pub driver: Driver,
    pub script: Script,
    pub way: Way,
    /// Its start ends by itself, and nothing of it stays.
    pub is_job: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOrder {
    #[error("{0} is not in the estate")]
    Unknown(Id),
    #[error("the estate names no driver for {0}")]
    NoDriver(Id),
    #[error(transparent)]
    NoWay(#[from] NoWay),
    #[error(transparent)]
    NoScript(#[from] NoScript),
}

/// What is to be done to it, as the estate stands.
pub fn order(estate: &Estate, target: &Id, verb: Verb) -> Result<Order, NoOrder> {
    let service = estate.services.get(target).ok_or_else(|| NoOrder::Unknown(target.clone()))?;
    let run = service.run.as_ref();
    let driver = run.and_then(|run| run.driver.clone()).ok_or_else(|| NoOrder::NoDriver(target.clone()))?;
    let way = match (&service.host, &driver) {
        (Some(host), _) => way::to(estate, host)?,
        (None, Driver::Kubernetes(_)) => Way::Here,
        (None, Driver::Systemd(_) | Driver::Compose { .. } | Driver::Libvirt(_)) => {
            return Err(NoWay::NoHost(target.clone()).into());
        }
    };
    let becomes = service.host.as_ref().map(|host| way::becomes(estate, host)).unwrap_or_default();
    let is_job = run.is_some_and(|run| run.job);
    let script = drive::script(verb, &driver, becomes, is_job)?;
    Ok(Order { target: target.clone(), host: service.host.clone(), driver, script, way, is_job })
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderOutcome {
    /// It is as it was wanted, as the host says.
    Done(String),
    /// The host has answered, and it is not.
    Failed(String),
    /// Certainly nothing was begun.
    NotBegun(String),
    /// Nobody knows.
    InDoubt(String),
}

impl Order {
    /// Where it is carried out, for people.
    pub fn place(&self) -> String {
        self.host.as_ref().map_or_else(|| "this machine".to_owned(), Id::to_string)
    }

    /// What the answer says. Nothing is taken for done because of an exit code alone.
    pub fn came(&self, heard: &Heard) -> OrderOutcome {
        let said = |text: &str| if text.is_empty() { String::new() } else { format!(": {text}") };
        let place = self.place();
        match heard.code {
            None if !heard.may_have_begun => {
                OrderOutcome::NotBegun(format!("{place} was not reached{}", said(&heard.said)))
            }
            None => OrderOutcome::InDoubt(format!(
                "the answer of {place} has no end, so nobody knows what was done: {}{}",
                heard.broke_off,
                said(&heard.said)
            )),
            Some(code) => {
                let reading = drive::reading(&self.driver, &heard.output);
                let talk = [reading.talk.as_str(), heard.said.as_str()];
                let talk: Vec<&str> = talk.into_iter().filter(|text| !text.is_empty()).collect();
                self.judged(code, &reading, &said(&talk.join(" / ")))
            }
        }
    }

    fn judged(&self, code: i32, reading: &Reading, talk: &str) -> OrderOutcome {
        let now = self.stands(reading);
        let failed = |what: &str| {
            let code = if code == 0 { String::new() } else { format!(", exit {code}") };
            OrderOutcome::Failed(format!("{what}: {now}{code}{talk}"))
        };
        if reading.standing == UnitState::NotKnown {
            return match (self.script.verb.only_looks(), code) {
                (false, 0) => OrderOutcome::InDoubt(format!("the host does not say how it stands now{talk}")),
                _ => failed("it could not be looked at"),
            };
        }
        let is_down = matches!(reading.standing, UnitState::Down | UnitState::Failed);
        match self.script.verb {
            Verb::Probe | Verb::Rehearse => OrderOutcome::Done(now),
            Verb::Start => match reading.standing {
                UnitState::Up if reading.stood == UnitState::Up && reading.mark == reading.marked => {
                    OrderOutcome::Done(format!("{now}; it ran already, and this start changed nothing"))
                }
                UnitState::Up | UnitState::Moving if code == 0 => OrderOutcome::Done(now),
                // Whatever else was to be started with it was not.
                UnitState::Up => failed("it runs, but not all of it was started"),
                UnitState::Down if self.is_job && code == 0 => {
                    OrderOutcome::Done(format!("it ran to its end: {now}"))
                }
                UnitState::Moving
                | UnitState::Down
                | UnitState::Failed
                | UnitState::Missing
                | UnitState::NotKnown => failed("it was not started"),
            },
            Verb::Stop if is_down => OrderOutcome::Done(now),
            Verb::Hold if is_down && reading.is_held => OrderOutcome::Done(now),
            Verb::Hold if is_down => failed("it is down, and nothing keeps it so"),
            Verb::Release if !reading.is_held && code == 0 => OrderOutcome::Done(now),
            Verb::Release => failed("what holds it was not taken away"),
            // A name that the host does not know is rather a wrong name than something that was stopped.
            Verb::Stop | Verb::Hold => failed("it was not stopped"),
        }
    }

    /// How it stands, for people: `unit nginx.service on host:web runs (held)`.
    pub fn stands(&self, reading: &Reading) -> String {
        let held = if reading.is_held { ", and is kept from being started" } else { "" };
        format!("{} on {} {}{held}", self.driver.said(), self.place(), reading.standing.word())
    }

    /// What an answer without an end came to, as a look over a new connection shows it.
    pub fn settled(&self, doubt: &str, look: &Heard) -> OrderOutcome {
        let doubt = |why: &str| OrderOutcome::InDoubt(format!("{doubt}; {why}"));
        if look.code != Some(0) {
            return doubt("and it could not be looked at afterwards");
        }
        let reading = drive::reading(&self.driver, &look.output);
        let now = self.stands(&reading);
        let is_down = matches!(reading.standing, UnitState::Down | UnitState::Failed);
        let is_as_wanted = match self.script.verb {
            Verb::Probe | Verb::Rehearse => true,
            // What the lost script may still be about to do is known only when it is done.
            Verb::Start => reading.standing == UnitState::Up && !self.is_job,
            Verb::Stop => is_down,
            Verb::Hold => is_down && reading.is_held,
            Verb::Release => !reading.is_held && reading.standing != UnitState::NotKnown,
        };
        if is_as_wanted {
            OrderOutcome::Done(format!("{now}, as a second look shows; the first answer had no end"))
        } else {
            doubt(&format!("a second look shows: {now}"))
        }
    }
}
