//! What will hurt when things are cut off, restored and started: limits that nothing fits into, health
//! nobody can see, stores nobody can restore, doors nobody can close.

use std::collections::{BTreeMap, BTreeSet};

use super::{Look, some};
use crate::canonical::source_inside;
use crate::finding::{Finding, Grade};
use crate::id::Id;
use crate::inside;
use crate::model::{EdgeKind, ResourceKind, Service, Store};
use message::spaced;

pub(super) fn all(look: &Look<'_>) -> Vec<Finding> {
    let mut found = hosts(look);
    found.extend(crews(look));
    found.extend(bandwidth(look));
    found.extend(starts(look));
    found.extend(stores(look));
    found.extend(doors(look));
    found.extend(across_sites(look));
    found.extend(knowledge(look));
    found.extend(authority(look));
    found
}

/// Things at the place of one of their fields.
fn at(look: &Look<'_>, finding: Finding, id: &Id, field: &str) -> Finding {
    finding.about([id.clone()]).at(look.sources.place(id, field).cloned())
}

fn hosts(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, host) in &look.estate.hosts {
        let on = || look.estate.services.iter().filter(|(_, service)| service.host.as_ref() == Some(id));
        let memory = on().map(|(_, service)| service.memory).fold(0, u64::saturating_add);
        if let Some(limit) = host.memory.filter(|limit| memory > *limit) {
            let what = format!("the services of {id} keep {} MiB, it has {}", spaced(memory), spaced(limit));
            let means = "not all of them can run at once, so a full restart cannot succeed here";
            let finding = Finding::new(
                Grade::Blocking,
                "host-too-small",
                what,
                means,
                "move a service, or correct the sizes",
            );
            found.push(at(look, finding, id, "memory").about(on().map(|(service, _)| service.clone())));
        }
        for (service, stated) in on() {
            if let Some(limit) = host.cpu.filter(|limit| stated.cpu_boot > *limit) {
                let what = format!("{service} boots on {} cores, {id} has {limit}", stated.cpu_boot);
                let means = "it can never be started there";
                let finding = Finding::new(
                    Grade::Blocking,
                    "host-too-small",
                    what,
                    means,
                    "move it, or correct the numbers",
                );
                found.push(at(look, finding, service, "cpu_boot").about([id.clone()]));
            }
        }
    }
    found
}

fn crews(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, service) in &look.estate.services {
        for crew in &service.crew {
            let Some(resource) = look.estate.resources.get(crew) else { continue };
            let (what, to_do) = if resource.kind != ResourceKind::Crew {
                (format!("{crew}, the crew of {id}, is not of kind crew"), "name a resource of kind `crew`")
            } else if resource.capacity == 0 {
                (format!("{id} needs {crew}, of which there are none"), "write how many people there are")
            } else {
                continue;
            };
            let finding = Finding::new(
                Grade::Blocking,
                "no-crew",
                what,
                "nobody can start it, so it is never planned",
                to_do,
            );
            found.push(at(look, finding, id, &format!("crew {crew}")).about([crew.clone()]));
        }
    }
    found
}

fn bandwidth(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, store) in &look.estate.stores {
        let Some(shared) = store.source.as_ref().and_then(|source| source.resource.as_ref()) else {
            continue;
        };
        let Some(resource) = look.estate.resources.get(shared) else { continue };
        let rate = store.restore_rate.unwrap_or(0);
        let (grade, code, what, means, to_do) = if resource.kind != ResourceKind::RestoreBandwidth {
            (
                Grade::Blocking,
                "no-bandwidth",
                format!("{shared}, over which {id} is restored, is not of kind restore_bandwidth"),
                "its restore cannot be planned",
                "name a resource of kind `restore_bandwidth`",
            )
        } else if resource.capacity == 0 {
            (
                Grade::Blocking,
                "no-bandwidth",
                format!("{id} is restored over {shared}, which carries nothing"),
                "its restore would never end",
                "measure the bandwidth and write it down in MiB a second",
            )
        } else if rate > resource.capacity {
            (
                Grade::Serious,
                "rate-above-bandwidth",
                format!("{id} takes in {rate} MiB/s, {shared} carries {}", resource.capacity),
                "it cannot be restored as fast as it says",
                "lower `restore_rate` to what was measured",
            )
        } else {
            continue;
        };
        found.push(
            at(look, Finding::new(grade, code, what, means, to_do), id, "restore_rate")
                .about([shared.clone()]),
        );
    }
    found
}

fn starts(look: &Look<'_>) -> Vec<Finding> {
    let pick = |fits: &dyn Fn(&Service) -> bool| -> Vec<Id> {
        look.estate.services.iter().filter(|(_, service)| fits(service)).map(|(id, _)| id.clone()).collect()
    };
    let starts = |service: &Service| {
        service.run.as_ref().is_some_and(|run| !run.start.is_empty() || run.driver.is_some())
    };
    let keeps_running = |service: &Service| service.run.as_ref().is_some_and(|run| !run.job);
    let without_start = pick(&|service| service.run.is_some() && !starts(service));
    let blind = pick(&|service| starts(service) && keeps_running(service) && service.gates.is_empty());
    let ungated = pick(&|service| service.run.is_none() && service.gates.is_empty());
    let by_hand = pick(&|service| service.run.is_none() && !service.gates.is_empty());
    [
        look.group(without_start, "run", |names| {
            Finding::new(
                Grade::Serious,
                "run-without-start",
                format!("{names}: `run` names no `start` command"),
                "Blackstart cannot start it; the step will fail",
                "give the command, or remove `run` if people start it",
            )
        }),
        look.group(blind, "run", |names| {
            Finding::new(
                Grade::Serious,
                "run-without-gate",
                format!("{names}: started, but no gate says whether it is healthy"),
                "its dependents would be started on top of something that may be broken",
                "add a gate: a port, a URL or a command that carries out one real piece of business",
            )
        }),
        look.group(ungated, "", |names| {
            Finding::new(
                Grade::Note,
                "service-without-gate",
                format!("no gate and no start command: {names}"),
                "a person has to start each of them and say that it is healthy",
                "add `run` and `gates` where Blackstart should do it",
            )
        }),
        look.group(by_hand, "", |names| {
            Finding::new(
                Grade::Note,
                "start-by-hand",
                format!("a gate but no start command: {names}"),
                "a person starts it, the gate says when it is healthy",
                "add `run` where Blackstart should do it",
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn stores(look: &Look<'_>) -> Vec<Finding> {
    let pick = |fits: &dyn Fn(&Id, &Store) -> bool| -> Vec<Id> {
        look.estate.stores.iter().filter(|(id, store)| fits(id, store)).map(|(id, _)| id.clone()).collect()
    };
    let without_source = pick(&|_, store| store.source.is_none());
    let without_path = pick(&|_, store| store.source.is_some() && store.path.is_none());
    let without_size = pick(&|_, store| store.size == 0);
    let unneeded = pick(&|id, _| look.links.needed_by(id).is_empty());
    let mut findings = not_said(look);
    findings.extend(sharing(look));
    let others = [
        look.group(without_source, "", |names| {
            Finding::new(
                Grade::Serious,
                "store-without-source",
                format!("no backup is known for {names}"),
                "if it is encrypted it is gone, and everything that waits for its data stays down",
                "name the repository in `source`, and where its password is found",
            )
        }),
        look.group(without_path, "source", |names| {
            Finding::new(
                Grade::Serious,
                "store-without-path",
                format!("there is a backup but no place to restore it to: {names}"),
                "the restore step will fail",
                "write the folder in `path`",
            )
        }),
        look.group(without_size, "", |names| {
            Finding::new(
                Grade::Note,
                "store-without-size",
                format!("the size is not known: {names}"),
                "plans take its restore for instantaneous and promise too early a time",
                "write `size` in MiB",
            )
        }),
        look.group(unneeded, "", |names| {
            Finding::new(
                Grade::Note,
                "store-unneeded",
                format!("no service needs {names}"),
                "it is restored late or never, or a dependency is missing here",
                "ask who reads it, and add `needs.data` there",
            )
        }),
    ];
    findings.extend(others.into_iter().flatten());
    findings
}

/// Stores that share a repository and leave it to their folder which part of it is theirs.
fn sharing(look: &Look<'_>) -> Vec<Finding> {
    let mut by_place: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for (id, store) in &look.estate.stores {
        if let Some(source) = &store.source {
            by_place.entry(source.place()).or_default().push(id.clone());
        }
    }
    let of_store = |(id, store): (&Id, &Store)| {
        let source = store.source.as_ref().filter(|source| source.paths.is_empty())?;
        let others: Vec<Id> = by_place[source.place()].iter().filter(|other| *other != id).cloned().collect();
        if others.is_empty() {
            return None;
        }
        let to_do = match &store.path {
            Some(path) => {
                let line = source_inside(None, std::slice::from_ref(path));
                format!("in `source` of [store.{}] write {}", id.name(), line.trim_end_matches(", "))
            }
            None => format!("say in `paths` in `source` of [store.{}] where in them it lies", id.name()),
        };
        let finding = Finding::new(
            Grade::Serious,
            "store-shares-copies",
            format!("{id} has its copies in the same repository as {}, and says no `paths`", some(&others)),
            "unless its folder lies in what is backed up, nothing of it can be restored: the backups may be another store's",
            to_do,
        );
        Some(at(look, finding, id, "source"))
    };
    look.estate.stores.iter().filter_map(of_store).collect()
}

/// Stores whose paths and folder do not say which part of the backups goes where.
fn not_said(look: &Look<'_>) -> Vec<Finding> {
    let of_store = |(id, store): (&Id, &Store)| {
        let source = store.source.as_ref().filter(|source| !source.paths.is_empty())?;
        let not_said = inside::parts(&source.paths, store.path.as_deref()).err()?;
        let finding = Finding::new(
            Grade::Blocking,
            "store-paths",
            format!("{id}: {}", not_said.why),
            "nothing of it can be restored: it would arrive at a wrong depth, or without what else lies there",
            format!("in [store.{}] write {}", id.name(), not_said.write),
        );
        Some(at(look, finding, id, "source"))
    };
    look.estate.stores.iter().filter_map(of_store).collect()
}

fn doors(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, site) in &look.estate.sites {
        if site.doors.is_empty() {
            let what = format!("{id} has no door");
            let means = "it cannot be cut off from here; what is infected there stays connected";
            let to_do =
                "add the commands that close and open its way to the outside, and an address that shows it";
            found.push(at(
                look,
                Finding::new(Grade::Serious, "site-without-door", what, means, to_do),
                id,
                "",
            ));
        }
        for door in &site.doors {
            let (code, lack, means) = if door.close.is_empty() {
                ("door-without-close", "no command that closes it", "it stays open")
            } else if door.probe.is_empty() {
                ("door-without-probe", "no `probe`", "nobody can see whether it is really closed")
            } else if door.open.is_empty() {
                ("door-without-open", "no command that opens it", "the site stays cut off after it is clean")
            } else {
                continue;
            };
            let what = format!("the door `{}` of {id} has {lack}", door.name);
            let finding = Finding::new(Grade::Serious, code, what, means, "add it");
            found.push(at(look, finding, id, &format!("doors {}", door.name)));
        }
    }
    found
}

/// Dependencies that tie sites together, so that cutting one off takes the other down.
fn across_sites(look: &Look<'_>) -> Option<Finding> {
    let crossing = look.estate.edges.iter().filter(|edge| {
        let provider = look.estate.stores.get(&edge.to).and_then(|store| store.site.as_ref());
        let (from, to) = (look.estate.site_of(&edge.from), look.estate.site_of(&edge.to).or(provider));
        edge.kind == EdgeKind::Hard && matches!((from, to), (Some(from), Some(to)) if from != to)
    });
    let crossing: Vec<_> = crossing.collect();
    let first = crossing.first()?;
    let pairs: Vec<String> =
        crossing.iter().take(5).map(|edge| format!("{} needs {}", edge.from, edge.to)).collect();
    let more = crossing.len().saturating_sub(pairs.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let field = format!("needs.hard {}", first.to);
    let ids: BTreeSet<Id> = crossing.iter().flat_map(|edge| [edge.from.clone(), edge.to.clone()]).collect();
    Some(
        Finding::new(
            Grade::Note,
            "crosses-sites",
            format!("hard dependencies run from site to site: {}{more}", pairs.join(", ")),
            "whoever cuts off one site stops part of the other",
            "give the dependent's site an instance of its own, or make the need `soft`",
        )
        .about(ids)
        .at(look.sources.place(&first.from, &field).cloned()),
    )
}

/// How well the dependencies themselves are known.
fn knowledge(look: &Look<'_>) -> Vec<Finding> {
    let estate = look.estate;
    let isolated: Vec<Id> = super::alone(estate).into_iter().cloned().collect();
    let count = isolated.len();
    let all = estate.services.len();
    let share = super::percent(count as u128, all as u128);
    let mut found: Vec<Finding> = look
        .group(isolated, "", |names| {
            Finding::new(
                Grade::Serious,
                "no-known-dependency",
                format!(
                    "no known dependency in either direction: {names} ({count} of {all} services, {share} %)"
                ),
                "hardly anything works on its own; what is not written down is found out during the restart",
                "ask what breaks when it stops and what it cannot start without",
            )
        })
        .into_iter()
        .collect();
    let doubtful = estate.edges.iter().filter(|edge| edge.kind.blocks_start() && edge.confidence < 700);
    let doubtful: Vec<String> = doubtful.map(|edge| format!("{} on {}", edge.from, edge.to)).collect();
    if let Some(edge) = estate.edges.iter().find(|edge| edge.kind.blocks_start() && edge.confidence < 700) {
        let shown: Vec<&str> = doubtful.iter().take(5).map(String::as_str).collect();
        let what =
            format!("uncertain dependencies hold up a start ({}): {}", doubtful.len(), shown.join(", "));
        let to_do = "ask the people who run the dependent, and write down who said it";
        let field = format!("needs.{} {}", edge.kind.word(), edge.to);
        found.push(
            Finding::new(
                Grade::Note,
                "uncertain-need",
                what,
                "the order may be stricter than it has to be",
                to_do,
            )
            .about([edge.from.clone(), edge.to.clone()])
            .at(look.sources.place(&edge.from, &field).cloned()),
        );
    }
    found.extend(tiers(look));
    found
}

/// Tiers that contradict the dependencies.
fn tiers(look: &Look<'_>) -> Option<Finding> {
    let tier = |id: &Id| look.estate.services.get(id).and_then(|service| service.tier);
    let upside_down = look.estate.edges.iter().filter(|edge| {
        edge.kind.blocks_start()
            && matches!((tier(&edge.from), tier(&edge.to)), (Some(from), Some(to)) if from < to)
    });
    let mut ids: Vec<Id> = upside_down.map(|edge| edge.from.clone()).collect();
    ids.dedup();
    look.group(ids, "tier", |names| {
        Finding::new(
            Grade::Note,
            "tier-upside-down",
            format!("{names}: cannot start before something of a later tier"),
            "a restart by tiers alone would get stuck here; Blackstart follows the dependencies",
            "correct the tier, or the dependency",
        )
    })
}

fn authority(look: &Look<'_>) -> Option<Finding> {
    let granted = |word: &str| look.estate.authority.iter().any(|authority| authority.may == word);
    let lacking: Vec<&str> = crate::things::CUTTING_ACTS.into_iter().filter(|act| !granted(act)).collect();
    if lacking.is_empty() || look.estate.services.is_empty() {
        return None;
    }
    let sites: Vec<Id> = look.estate.sites.keys().cloned().collect();
    let place = if sites.is_empty() { String::new() } else { format!(" ({})", some(&sites)) };
    Some(
        Finding::new(
            Grade::Note,
            "no-authority",
            format!("nobody may {} at an alarm without asking{place}", lacking.join(" or ")),
            "somebody with the right to decide has to be reached first, at any hour",
            "agree on it beforehand and write it down as [[authority]] with who granted it",
        )
        .about(sites),
    )
}
