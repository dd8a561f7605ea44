//! What if there were more, or less, of something? Reads wishes as people type them (`crew=2`, `host:ess-a=64`,
//! `restore-muc=+300`) and gives the estate as it would be. The estate itself stays as it is.

use message::Message;

use std::collections::BTreeMap;

use estate::model::ResourceKind;
use estate::{Estate, Id, Kind};

/// Why a wish says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishFault {
    #[error("`{0}` is not a wish")]
    NotAWish(String),
    #[error("`{value}` in `{wish}` is not a whole number from 0 to {MOST}")]
    NotANumber { wish: String, value: String },
    #[error("`{wish}` would leave less than nothing of {id}, which has {has}")]
    LessThanNothing { wish: String, id: Id, has: u64 },
    #[error("nothing that is limited is called `{name}`")]
    Unknown { name: String, known: Vec<String> },
    #[error("`{name}` could be {}", found.join(" or "))]
    NotUnique { name: String, found: Vec<String> },
    #[error("{0} is wished twice")]
    Twice(String),
}

/// Largest capacity that is believed.
pub const MOST: u64 = 1_000_000_000_000;

impl WishFault {
    pub fn message(&self) -> Message {
        Message::new(self.to_string(), "it is not clear what is wanted; nothing was planned", self.to_do())
    }

    fn to_do(&self) -> String {
        match self {
            WishFault::NotAWish(_) | WishFault::NotANumber { .. } | WishFault::LessThanNothing { .. } => {
                "write NAME=NUMBER, NAME=+NUMBER or NAME=-NUMBER, for example database-people=6 or restore-muc=+300"
                    .to_owned()
            }
            WishFault::Unknown { known, .. } => {
                format!("name something that has a size; there are: {}", known.join(", "))
            }
            WishFault::NotUnique { .. } => "write the whole id".to_owned(),
            WishFault::Twice(_) => "say each only once".to_owned(),
        }
    }
}

/// Something whose size can be wished.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Size {
    Resource(Id),
    HostCpu(Id),
    HostMemory(Id),
}

impl Size {
    fn id(&self) -> &Id {
        match self {
            Size::Resource(id) | Size::HostCpu(id) | Size::HostMemory(id) => id,
        }
    }

    fn words(&self) -> String {
        match self {
            Size::Resource(id) => id.to_string(),
            Size::HostCpu(id) => format!("the cores of {id}"),
            Size::HostMemory(id) => format!("the memory of {id}"),
        }
    }

    /// `None`: not limited.
    fn of(&self, estate: &Estate) -> Option<u64> {
        match self {
            Size::Resource(id) => estate.resources.get(id).map(|resource| resource.capacity),
            Size::HostCpu(id) => estate.hosts.get(id)?.cpu,
            Size::HostMemory(id) => estate.hosts.get(id)?.memory,
        }
    }

    fn set(&self, estate: &mut Estate, to: u64) {
        match self {
            Size::Resource(id) => {
                if let Some(resource) = estate.resources.get_mut(id) {
                    resource.capacity = to;
                }
            }
            Size::HostCpu(id) => {
                if let Some(host) = estate.hosts.get_mut(id) {
                    host.cpu = Some(to);
                }
            }
            Size::HostMemory(id) => {
                if let Some(host) = estate.hosts.get_mut(id) {
                    host.memory = Some(to);
                }
            }
        }
    }
}

/// The estate as it would be, and each wish in words.
pub fn granted(estate: &Estate, typed: &[String]) -> Result<(Estate, Vec<String>), WishFault> {
    let mut changed = estate.clone();
    let mut words = Vec::new();
    let mut seen: BTreeMap<Size, ()> = BTreeMap::new();
    for wish in typed.iter().flat_map(|typed| typed.split(',')).map(str::trim) {
        let (name, value) = wish.split_once('=').ok_or_else(|| WishFault::NotAWish(wish.to_owned()))?;
        let sizes = meant(estate, name.trim())?;
        for size in &sizes {
            if seen.insert(size.clone(), ()).is_some() {
                return Err(WishFault::Twice(size.words()));
            }
            let now = size.of(estate);
            let to = number(wish, value.trim(), size, now)?;
            size.set(&mut changed, to);
            if size.of(estate) == Some(to) && sizes.len() > 1 {
                continue;
            }
            let now = now.map_or_else(|| "no limit".to_owned(), |now| now.to_string());
            words.push(format!("{} is {to} instead of {now}", size.words()));
        }
    }
    Ok((changed, words))
}

fn number(wish: &str, value: &str, size: &Size, now: Option<u64>) -> Result<u64, WishFault> {
    let (sign, digits) = match value.as_bytes().first() {
        Some(b'+') => (Some(true), &value[1..]),
        Some(b'-') => (Some(false), &value[1..]),
        Some(_) | None => (None, value),
    };
    let not_a_number = || WishFault::NotANumber { wish: wish.to_owned(), value: value.to_owned() };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_number());
    }
    let amount = digits.parse::<u64>().ok().filter(|amount| *amount <= MOST).ok_or_else(not_a_number)?;
    let now = now.unwrap_or(0);
    match sign {
        None => Ok(amount),
        Some(true) => Ok(now.saturating_add(amount)),
        Some(false) => now.checked_sub(amount).ok_or_else(|| WishFault::LessThanNothing {
            wish: wish.to_owned(),
            id: size.id().clone(),
            has: now,
        }),
    }
}

/// What a name means: an id, the name of one thing, a kind of things, or a part of exactly one name.
fn meant(estate: &Estate, name: &str) -> Result<Vec<Size>, WishFault> {
    if let Some(sizes) =
        by_id(estate, name).or_else(|| by_name(estate, name)).or_else(|| by_kind(estate, name))
    {
        return Ok(sizes);
    }
    let holds = |id: &&Id| !name.is_empty() && id.name().contains(name);
    let resources: Vec<Size> = estate.resources.keys().filter(holds).cloned().map(Size::Resource).collect();
    let hosts = || estate.hosts.keys().filter(holds).cloned().map(Size::HostCpu).collect();
    let found: Vec<Size> = if resources.is_empty() { hosts() } else { resources };
    match found.as_slice() {
        [] => Err(WishFault::Unknown { name: name.to_owned(), known: all_names(estate) }),
        [_] => Ok(found),
        _ => Err(WishFault::NotUnique {
            name: name.to_owned(),
            found: found.iter().map(|size| size.id().to_string()).collect(),
        }),
    }
}

fn all_names(estate: &Estate) -> Vec<String> {
    estate.resources.keys().chain(estate.hosts.keys()).chain(estate.sites.keys()).map(Id::to_string).collect()
}

/// `resource:x`; `host:x` and `site:x` mean cores, with `.memory` behind it memory.
fn by_id(estate: &Estate, name: &str) -> Option<Vec<Size>> {
    let known = |text: &str| text.parse::<Id>().ok().filter(|id| estate.contains(id));
    let (id, memory) = match known(name) {
        Some(id) => (id, false),
        None => match name.rsplit_once('.')? {
            (whole, "cpu") => (known(whole)?, false),
            (whole, "memory") => (known(whole)?, true),
            _ => return None,
        },
    };
    let of_host =
        |host: &Id| if memory { Size::HostMemory(host.clone()) } else { Size::HostCpu(host.clone()) };
    match id.kind() {
        Kind::Resource => Some(vec![Size::Resource(id)]),
        Kind::Host => Some(vec![of_host(&id)]),
        Kind::Site => {
            let there = estate.hosts.iter().filter(|(_, host)| host.site.as_ref() == Some(&id));
            any(there.map(|(host, _)| of_host(host)))
        }
        Kind::Service | Kind::Store | Kind::Capability | Kind::Tenant | Kind::External => None,
    }
}

fn by_name(estate: &Estate, name: &str) -> Option<Vec<Size>> {
    ["resource", "host", "site"].iter().find_map(|kind| by_id(estate, &format!("{kind}:{name}")))
}

/// `crew` means every resource of that kind, `cpu` and `memory` those of every host.
fn by_kind(estate: &Estate, name: &str) -> Option<Vec<Size>> {
    let kind = match name.replace('-', "_").as_str() {
        "crew" | "crews" => ResourceKind::Crew,
        "scan_slots" | "scan" => ResourceKind::ScanSlots,
        "restore_bandwidth" | "bandwidth" => ResourceKind::RestoreBandwidth,
        "cpu" => return any(estate.hosts.keys().cloned().map(Size::HostCpu)),
        "memory" => return any(estate.hosts.keys().cloned().map(Size::HostMemory)),
        _ => return None,
    };
    let of_kind = estate.resources.iter().filter(|(_, resource)| resource.kind == kind);
    any(of_kind.map(|(id, _)| Size::Resource(id.clone())))
}

fn any(sizes: impl Iterator<Item = Size>) -> Option<Vec<Size>> {
    let sizes: Vec<Size> = sizes.collect();
    (!sizes.is_empty()).then_some(sizes)
}
