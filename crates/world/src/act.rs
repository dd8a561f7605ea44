//! An order carried out: sent, its answer read, and looked at again over a new connection where the answer has no end.
//! Here the pure orders of `hands` meet the events of `incident`.

use std::collections::BTreeMap;

use estate::{Estate, Id};
use hands::reach::Heard;
use hands::{NoOrder, Order, OrderOutcome, Verb, reading};
use incident::event::HandsEvent;
use incident::hands::Answer;

use super::World;

/// A look gets this long.
const LOOK_MS: u64 = 30_000;
/// What is on its way up or down is looked at again after this.
const AGAIN_MS: u64 = 500;

/// What came of it, and what is to be recorded of that.
#[derive(Clone, Debug, PartialEq)]
pub struct Acted {
    pub came: OrderOutcome,
    pub answers: Vec<HandsEvent>,
}

/// What is on disk before the order leaves.
pub fn sent(order: &Order) -> HandsEvent {
    HandsEvent::Sent {
        target: order.target.clone(),
        host: order.host.clone(),
        driver: order.driver.word().to_owned(),
        verb: order.script.verb.word().to_owned(),
        sha256: order.script.hash(),
        script: order.script.text.clone(),
    }
}

/// What is recorded where something came before that: it never left.
pub fn not_sent(order: &Order) -> HandsEvent {
    HandsEvent::Answered(Answer {
        target: order.target.clone(),
        host: order.host.clone(),
        verb: order.script.verb.word().to_owned(),
        sha256: order.script.hash(),
        code: None,
        may_have_begun: false,
        before: BTreeMap::new(),
        after: BTreeMap::new(),
        mark: String::new(),
        boot: String::new(),
        detail: "it was not sent".to_owned(),
        took_ms: 0,
    })
}

/// Carries it out. `sent` has been recorded if it changes anything.
pub fn carried_out(world: &dyn World, estate: &Estate, order: &Order, deadline_ms: u64) -> Acted {
    let began_ms = world.elapsed_ms();
    let heard = match world.carry(&order.way, &order.script, deadline_ms) {
        Ok(heard) => heard,
        Err(fault) => Heard { said: fault.to_string(), ..Heard::default() },
    };
    let mut came = order.came(&heard);
    let mut answers = vec![answer(world, order, &heard, &came, began_ms)];
    if let OrderOutcome::InDoubt(doubt) = &came
        && !order.script.verb.only_looks()
        && let Ok(look) = hands::order(estate, &order.target, Verb::Probe)
    {
        let began_ms = world.elapsed_ms();
        let heard = world.carry(&look.way, &look.script, LOOK_MS);
        let heard = heard.unwrap_or_else(|fault| Heard { said: fault.to_string(), ..Heard::default() });
        came = order.settled(doubt, &heard);
        answers.push(answer(world, &look, &heard, &came, began_ms));
    }
    Acted { came, answers }
}

/// How it stands, as its host says; asked again while it is on its way, at most for `patience_ms`. `Err`: nobody can say.
pub fn looked_at(
    world: &dyn World,
    estate: &Estate,
    target: &Id,
    patience_ms: u64,
) -> Result<(hands::Reading, String), String> {
    let order = hands::order(estate, target, Verb::Probe).map_err(|no: NoOrder| no.to_string())?;
    let began_ms = world.elapsed_ms();
    loop {
        let heard = world.carry(&order.way, &order.script, LOOK_MS).map_err(|fault| fault.to_string())?;
        match order.came(&heard) {
            OrderOutcome::Done(said) => {
                let read = reading(&order.driver, &heard.output);
                let waits = world.elapsed_ms().saturating_sub(began_ms) < patience_ms;
                if read.standing != hands::UnitState::Moving || !waits {
                    return Ok((read, said));
                }
                world.wait_ms(AGAIN_MS);
            }
            OrderOutcome::Failed(why) | OrderOutcome::NotBegun(why) | OrderOutcome::InDoubt(why) => {
                return Err(why);
            }
        }
    }
}

fn answer(world: &dyn World, order: &Order, heard: &Heard, came: &OrderOutcome, began_ms: u64) -> HandsEvent {
    let read = reading(&order.driver, &heard.output);
    let (OrderOutcome::Done(detail)
    | OrderOutcome::Failed(detail)
    | OrderOutcome::NotBegun(detail)
    | OrderOutcome::InDoubt(detail)) = came;
    HandsEvent::Answered(Answer {
        target: order.target.clone(),
        host: order.host.clone(),
        verb: order.script.verb.word().to_owned(),
        sha256: order.script.hash(),
        code: heard.code,
        may_have_begun: heard.may_have_begun,
        before: read.before.values,
        after: read.after.values,
        mark: read.mark,
        boot: read.boot,
        detail: detail.clone(),
        took_ms: world.elapsed_ms().saturating_sub(began_ms),
    })
}
