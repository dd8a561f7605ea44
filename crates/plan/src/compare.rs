//! What does a wish cost? Two plans for the same loss, with it and without, by the same number of schedules.

use std::collections::BTreeMap;

use serde::Serialize;

use super::page::{capability_name, clock, grouped, hours, insured, line, list, price_head, whom};
use super::{Effort, Made, Question, Refusal, make};
use estate::{Estate, Id};
use incident::plan::file;

#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub base: Made,
    pub wish: Made,
    /// The wishes in words.
    pub wishes: Vec<String>,
    /// What is back at another time, most insured × urgency × time first.
    pub moved: Vec<Moved>,
}

/// A capability that is back at another time by the wish, for tenants that move together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    pub capability: Id,
    pub tenants: Vec<Id>,
    /// `None`: not at all.
    pub base_s: Option<u64>,
    pub wish_s: Option<u64>,
}

/// What is wished: another question, perhaps about an estate with other capacities.
pub struct Wished<'a> {
    pub estate: &'a Estate,
    pub question: Question,
    pub words: Vec<String>,
}

/// Plans without the wish, then with it. The second search begins with the order the first has found, and gets as
/// many schedules as the first has tried: more of something is therefore never priced as worse than less of it.
pub fn compare(
    estate: &Estate,
    estate_hash: &str,
    question: &Question,
    wished: &Wished<'_>,
    effort: &mut Effort<'_>,
) -> Result<Comparison, Refusal> {
    let base = make(estate, estate_hash, question, effort)?;
    let schedules = base.plan.schedules;
    let order = order_of(&base.plan);
    let mut again = Effort {
        schedules,
        seed: effort.seed,
        samples: effort.samples,
        bound: effort.bound,
        advice: effort.advice,
        watch: &mut |_| super::search::Then::Continue,
    };
    let wish_question = Question { order, ..wished.question.clone() };
    let wish = make(wished.estate, estate_hash, &wish_question, &mut again)?;
    let base = no_dearer(estate, estate_hash, question, (base, &wish), wished, effort)?;
    let moved = moved(estate, &base.plan, &wish.plan);
    Ok(Comparison { base, wish, wishes: wished.words.clone(), moved })
}

/// A plan made for a wish that only binds (somebody comes first, something cannot be used) may be cheaper than the one
/// without it, because more schedules were tried. Then its order is the better plan without the wish as well, and nobody
/// is told that a wish saves what it cannot.
fn no_dearer(
    estate: &Estate,
    estate_hash: &str,
    question: &Question,
    (base, wish): (Made, &Made),
    wished: &Wished<'_>,
    effort: &Effort<'_>,
) -> Result<Made, Refusal> {
    if wish.plan.insured_seconds >= base.plan.insured_seconds || wished.estate != estate {
        return Ok(base);
    }
    let mut again = Effort {
        // The order itself is tried first, and what the generator makes of the best one last.
        schedules: 2,
        seed: effort.seed,
        samples: effort.samples,
        bound: effort.bound,
        advice: effort.advice,
        watch: &mut |_| super::search::Then::Continue,
    };
    let question = Question { order: order_of(&wish.plan), ..question.clone() };
    let mut made = make(estate, estate_hash, &question, &mut again)?;
    made.plan.schedules = base.plan.schedules;
    Ok(if made.plan.insured_seconds < base.plan.insured_seconds { made } else { base })
}

/// The order of a plan, to begin another search with.
pub fn order_of(plan: &file::Plan) -> BTreeMap<String, u64> {
    plan.steps.iter().map(|step| (step.id.clone(), step.start_s)).collect()
}

/// What each pair has in one plan and in the other.
pub fn moved(estate: &Estate, base: &file::Plan, wish: &file::Plan) -> Vec<Moved> {
    let times = |plan: &file::Plan| -> BTreeMap<(Id, Id), Option<u64>> {
        let served = plan
            .served
            .iter()
            .map(|served| ((served.capability.clone(), served.tenant.clone()), Some(served.at_s)));
        let never = plan.never.iter().map(|never| ((never.capability.clone(), never.tenant.clone()), None));
        served.chain(never).collect()
    };
    let wish = times(wish);
    let mut groups: BTreeMap<(Id, Option<u64>, Option<u64>), Vec<Id>> = BTreeMap::new();
    for ((capability, tenant), base_s) in times(base) {
        if let Some(wish_s) = wish.get(&(capability.clone(), tenant.clone()))
            && *wish_s != base_s
        {
            groups.entry((capability, base_s, *wish_s)).or_default().push(tenant);
        }
    }
    let mut moved: Vec<Moved> = groups
        .into_iter()
        .map(|((capability, base_s, wish_s), tenants)| Moved { capability, tenants, base_s, wish_s })
        .collect();
    moved.sort_by_key(|moved| std::cmp::Reverse(worth(estate, moved)));
    moved
}

fn worth(estate: &Estate, moved: &Moved) -> u128 {
    let urgency = estate.capabilities.get(&moved.capability).map_or(0, |known| u128::from(known.urgency));
    let far = |at_s: Option<u64>| at_s.unwrap_or(file::HORIZON_S);
    let seconds = far(moved.base_s).abs_diff(far(moved.wish_s));
    let tenants: Vec<&Id> = moved.tenants.iter().collect();
    insured(estate, &tenants).saturating_mul(urgency).saturating_mul(u128::from(seconds))
}

/// Lines of what moves before the rest is only counted.
const LINES_MAX: usize = 15;

/// The comparison, for a person.
pub fn page(estate: &Estate, comparison: &Comparison) -> String {
    let (base, wish) = (&comparison.base.plan, &comparison.wish.plan);
    let mut text = String::from("What if\n");
    list(&mut text, LINES_MAX, comparison.wishes.iter().cloned());
    text.push_str(&price_head(estate));
    line(&mut text, format!("  {:>18}  as it is", hours(base.insured_seconds)));
    line(&mut text, format!("  {:>18}  with the wish", hours(wish.insured_seconds)));
    let (word, difference) = if wish.insured_seconds <= base.insured_seconds {
        ("saved", base.insured_seconds - wish.insured_seconds)
    } else {
        ("LOST", wish.insured_seconds - base.insured_seconds)
    };
    let share = u128::from(difference) * 1000 / u128::from(base.insured_seconds.max(1));
    line(&mut text, format!("  {:>18}  {word} by it, {}.{} %", hours(difference), share / 10, share % 10));
    line(
        &mut text,
        format!("  both plans from {} schedules, seed {}", grouped(base.schedules.into()), base.seed),
    );
    if !wish.never.is_empty() {
        let days = wish.horizon_s / 86_400;
        line(&mut text, format!("  what never comes back is priced as missing for {days} days"));
    }
    text.push_str("\nWhat is back at another time (as it is, then with the wish)\n");
    if comparison.moved.is_empty() {
        line(&mut text, "  nothing: nobody is served earlier or later by it");
    }
    list(&mut text, LINES_MAX, comparison.moved.iter().map(|moved| moved_line(estate, moved)));
    not_back(&comparison.wish, &mut text);
    text
}

fn not_back(wish: &Made, text: &mut String) {
    if wish.explanation.never.is_empty() {
        return;
    }
    text.push_str("\nWhat does not come back\n");
    let lines = wish.explanation.never.iter().map(|(id, because)| {
        if id == because { format!("{id} cannot be used") } else { format!("{id}, because of {because}") }
    });
    list(text, LINES_MAX, lines);
}

/// One line of what moves: `0:10:00 → 0:05:00 capability:x of all funds`.
pub fn moved_line(estate: &Estate, moved: &Moved) -> String {
    let time = |at_s: Option<u64>| match at_s {
        None => "never".to_owned(),
        // Not lost, or by steps of which nobody has written how long they take.
        Some(0) => "at once".to_owned(),
        Some(at_s) => clock(at_s),
    };
    let tenants: Vec<&Id> = moved.tenants.iter().collect();
    format!(
        "{:>10} → {:<10} {}: {} {} of {}",
        time(moved.base_s),
        time(moved.wish_s),
        capability_name(estate, &moved.capability),
        grouped(insured(estate, &tenants)),
        estate.words.people(),
        whom(estate, &tenants)
    )
}
