//! Which thing of the estate is meant by what was typed? `kind:name`, or the name alone where only one thing that can be
//! meant has it. The same for every command.

use super::Failure;
use super::folder::chain;
use estate::{Estate, Id, Kind};
use incident::View;

/// What a plan, a cut or a hold can be about: whatever runs, keeps data or holds both.
pub const PLACES_AND_PARTS: &[Kind] = &[Kind::Site, Kind::Host, Kind::Service, Kind::Store];

/// The id that is meant, among the things of these kinds. Whether a whole id exists is judged by whoever asked: each
/// has a message of its own for that.
pub fn one(estate: &Estate, typed: &str, kinds: &[Kind]) -> Result<Id, Failure> {
    let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
    among(kinds.iter().flat_map(|kind| all(estate, *kind)), typed, &words.join(", "))
}

/// The same among any things; `called` says what they are.
pub fn among<'a>(known: impl Iterator<Item = &'a Id>, typed: &str, called: &str) -> Result<Id, Failure> {
    if typed.contains(':') {
        return whole(typed);
    }
    let (same, others): (Vec<&Id>, Vec<&Id>) = known.partition(|id| id.name() == typed);
    match same.as_slice() {
        [id] => Ok((*id).clone()),
        [] => Err(unknown(&others, typed, called)),
        several => Err(Failure::usage(
            format!("`{typed}` could be {}", words(several)),
            "nothing was done: it is not clear which is meant",
            format!("write the kind before the name, for example {}", several[0]),
        )),
    }
}

/// Several, in the order in which they were typed; what is typed twice is meant once.
pub fn several(estate: &Estate, typed: &[String], kinds: &[Kind]) -> Result<Vec<Id>, Failure> {
    let mut ids: Vec<Id> = Vec::new();
    for typed in typed {
        let id = one(estate, typed, kinds)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// The same in an incident, whose estate stands in its journal. Without a readable one only whole ids are understood.
pub fn in_incident(view: &View, typed: &str, kinds: &[Kind]) -> Result<Id, Failure> {
    match view.estate_in_force() {
        Some(estate) => one(&estate, typed, kinds),
        None => whole(typed),
    }
}

/// `kind:name`.
pub fn whole(typed: &str) -> Result<Id, Failure> {
    typed.parse::<Id>().map_err(|error| {
        Failure::usage(chain(&error), "nothing was done: it is not clear what is meant", AS_IN_THE_ESTATE)
    })
}

const AS_IN_THE_ESTATE: &str = "write it as the estate does, for example site:muc or service:identity-muc";

fn unknown(known: &[&Id], typed: &str, called: &str) -> Failure {
    let is_near = |id: &&&Id| !typed.is_empty() && (id.name().contains(typed) || typed.contains(id.name()));
    let near: Vec<&Id> = known.iter().filter(is_near).take(NEAR_MAX).copied().collect();
    let to_do = match near.as_slice() {
        [] => AS_IN_THE_ESTATE.to_owned(),
        near => format!("write it as the estate does; similar names: {}", words(near)),
    };
    Failure::usage(
        format!("no {called} is called `{}`", typed.escape_debug()),
        "nothing was done: it is not clear what is meant",
        to_do,
    )
}

/// Similar names before a list helps nobody.
const NEAR_MAX: usize = 6;

fn words(ids: &[&Id]) -> String {
    ids.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", ")
}

fn all(estate: &Estate, kind: Kind) -> Box<dyn Iterator<Item = &Id> + '_> {
    match kind {
        Kind::Site => Box::new(estate.sites.keys()),
        Kind::Host => Box::new(estate.hosts.keys()),
        Kind::Service => Box::new(estate.services.keys()),
        Kind::Store => Box::new(estate.stores.keys()),
        Kind::Capability => Box::new(estate.capabilities.keys()),
        Kind::Tenant => Box::new(estate.tenants.keys()),
        Kind::External => Box::new(estate.externals.keys()),
        Kind::Resource => Box::new(estate.resources.keys()),
    }
}
