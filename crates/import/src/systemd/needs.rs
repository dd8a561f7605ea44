//! Who needs whom: from what units say about each other to dependencies between services and stores.
//!
//! | in the units | in the estate |
//! |---|---|
//! | `Requires`, `BindsTo`, `Requisite`, with `After` | `hard` |
//! | the same without any order | `hard`; inside a ring `soft`, because systemd starts both at once |
//! | the same, but ordered the other way round | `soft` |
//! | `Wants`, `Upholds`, with or without `After` | `soft` |
//! | `After` or `Before` alone | `order` (inside a ring: left out, and said) |
//! | `PartOf` | with `After`: `order`; in both cases `hard` is proposed |
//! | `RequiresMountsFor`, `WorkingDirectory`… or `Requires` of a mount | `data` on its store |
//!
//! Targets are not services: what is said about a target is said about what belongs to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::super::Origin;
use super::basic;
use super::boot::Boot;
use super::name::UnitKind;
use super::unit::{Relation, Unit, Units};
use estate::model::EdgeKind;

/// Above this many dependencies through one target the target itself becomes a thing of the estate.
const THROUGH_MAX: usize = 400;
/// Steps along units before it is given up to look through targets.
const STEPS_MAX: usize = 50_000_000;

/// What a unit is in the estate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Service,
    /// A target that many wait for and many belong to.
    Gathering,
    Store,
    /// Targets, and what comes back with the host: looked through.
    Through,
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certainty {
    StatedEdge,
    Proposed(u16),
}

/// A dependency between two units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub from: usize,
    pub to: usize,
    pub kind: EdgeKind,
    pub certainty: Certainty,
    /// In the words of the unit file.
    pub by: String,
    pub origin: Origin,
}

/// The dependencies of a host.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    pub needs: Vec<Need>,
    /// Started together by systemd, so it is a guess that the one has to wait for the other.
    pub together: Vec<(usize, usize, Origin)>,
    /// Orders that would close a ring.
    pub dropped_orders: Vec<(usize, usize, Origin)>,
    /// Required, and not there: by whom.
    pub missing: BTreeMap<String, Vec<(usize, Origin)>>,
    pub tangled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Strength {
    Wants,
    Requires,
}

/// What one unit says about another.
#[derive(Clone, Debug)]
struct Link {
    to: usize,
    strength: Strength,
    word: &'static str,
    origin: Origin,
}

/// The units of a host as a graph.
pub struct Graph<'u> {
    all: &'u Units<'u>,
    units: &'u [Unit],
    parts: Vec<Part>,
    /// The unit that stands for this one: a service for its socket.
    stands_for: Vec<usize>,
    after: Vec<Vec<(usize, Origin, &'static str)>>,
    pulls: Vec<Vec<Link>>,
    missing: BTreeMap<String, Vec<(usize, Origin)>>,
    steps: usize,
    ordered_before: HashMap<usize, Rc<BTreeSet<usize>>>,
    pulled_before: HashMap<usize, Rc<BTreeMap<usize, Strength>>>,
}

impl<'u> Graph<'u> {
    pub fn new(units: &'u Units<'u>, boot: &Boot, parts: Vec<Part>) -> Graph<'u> {
        let count = units.units.len();
        let stands_for = (0..count)
            .map(|at| match (units.units[at].kind, boot.activates[at]) {
                (UnitKind::Socket | UnitKind::Path, Some(service)) => service,
                _ => at,
            })
            .collect();
        let mut graph = Graph {
            all: units,
            units: &units.units,
            parts,
            stands_for,
            after: vec![Vec::new(); count],
            pulls: vec![Vec::new(); count],
            missing: BTreeMap::new(),
            steps: 0,
            ordered_before: HashMap::new(),
            pulled_before: HashMap::new(),
        };
        for from in (0..count).filter(|at| boot.started[*at]) {
            for reference in &units.units[from].references {
                graph.add(units, from, reference);
            }
        }
        graph.complete_targets();
        graph
    }

    fn add(&mut self, units: &Units<'_>, from: usize, reference: &super::unit::Reference) {
        let required =
            matches!(reference.relation, Relation::Requires | Relation::BindsTo | Relation::Requisite);
        let Some(to) = units.at(&reference.to) else {
            let is_part = !matches!(super::name::kind(&reference.to), None | Some(UnitKind::Other));
            if required && is_part && self.parts[from] == Part::Service && !basic::is_basic(&reference.to) {
                self.missing.entry(reference.to.clone()).or_default().push((from, reference.origin.clone()));
            }
            return;
        };
        let origin = reference.origin.clone();
        let strength = match reference.relation {
            Relation::Requires | Relation::BindsTo | Relation::Requisite | Relation::MountsFor => {
                Strength::Requires
            }
            Relation::Wants | Relation::Upholds => Strength::Wants,
            Relation::After => return self.after[from].push((to, origin, "After")),
            Relation::Before => return self.after[to].push((from, origin, "Before")),
            Relation::PartOf => return,
        };
        if reference.relation == Relation::MountsFor {
            self.after[from].push((to, origin.clone(), reference.word));
        }
        self.pulls[from].push(Link { to, strength, word: reference.word, origin });
    }

    /// A target waits for what it pulls in, unless one of the two says otherwise, as systemd completes it.
    fn complete_targets(&mut self) {
        let plain = |unit: &Unit| unit.is("Unit", "DefaultDependencies", true);
        for target in 0..self.units.len() {
            if self.units[target].kind != UnitKind::Target || !plain(&self.units[target]) {
                continue;
            }
            for link in self.pulls[target].clone() {
                let other_way = self.after[link.to].iter().any(|(to, ..)| *to == target);
                if plain(&self.units[link.to]) && !other_way {
                    self.after[target].push((link.to, link.origin, link.word));
                }
            }
        }
    }

    /// What a unit is in the estate, and which one.
    fn part(&self, at: usize) -> (usize, Part) {
        let stands = self.stands_for[at];
        (stands, self.parts[stands])
    }

    fn is_passed(&self, at: usize) -> bool {
        let unit = &self.units[at];
        match self.parts[at] {
            Part::Through | Part::Store => !basic::is_whole_system(&unit.name),
            Part::Service | Part::Gathering | Part::Nothing => false,
        }
    }

    /// What has to be up before `from`, seen through targets.
    fn ordered(&mut self, from: usize) -> Rc<BTreeSet<usize>> {
        if let Some(known) = self.ordered_before.get(&from) {
            return Rc::clone(known);
        }
        let mut seen: HashSet<usize> = HashSet::from([from]);
        let mut waiting = VecDeque::from([from]);
        let mut reached = BTreeSet::new();
        while let Some(at) = waiting.pop_front() {
            for (to, ..) in &self.after[at] {
                self.steps += 1;
                let (stands, part) = self.part(*to);
                if matches!(part, Part::Service | Part::Gathering) {
                    reached.insert(stands);
                } else if self.is_passed(*to) && self.steps < STEPS_MAX && seen.insert(*to) {
                    waiting.push_back(*to);
                }
            }
        }
        let reached = Rc::new(reached);
        self.ordered_before.insert(from, Rc::clone(&reached));
        reached
    }

    /// What is pulled in with `from`, seen through targets and mounts, each with the strongest way there.
    fn pulled(&mut self, from: usize) -> Rc<BTreeMap<usize, Strength>> {
        if let Some(known) = self.pulled_before.get(&from) {
            return Rc::clone(known);
        }
        let mut seen: HashSet<(usize, Strength)> = HashSet::new();
        let mut waiting = VecDeque::from([(from, Strength::Requires)]);
        let mut reached: BTreeMap<usize, Strength> = BTreeMap::new();
        while let Some((at, so_far)) = waiting.pop_front() {
            for link in &self.pulls[at] {
                self.steps += 1;
                let strength = so_far.min(link.strength);
                let (stands, part) = self.part(link.to);
                let counts = matches!(part, Part::Service | Part::Gathering | Part::Store);
                if counts {
                    let known = reached.entry(stands).or_insert(strength);
                    *known = strength.max(*known);
                }
                let through = matches!(self.units[link.to].kind, UnitKind::Target | UnitKind::Mount);
                if through
                    && self.is_passed(link.to)
                    && self.steps < STEPS_MAX
                    && seen.insert((link.to, strength))
                {
                    waiting.push_back((link.to, strength));
                }
            }
        }
        let reached = Rc::new(reached);
        self.pulled_before.insert(from, Rc::clone(&reached));
        reached
    }

    /// Targets through which too many would see too many. They are to be things of the estate themselves.
    pub fn gathering(&mut self) -> Vec<usize> {
        let mut dependents: HashMap<usize, usize> = HashMap::new();
        for from in (0..self.units.len()).filter(|at| self.parts[*at] == Part::Service) {
            let to: BTreeSet<usize> = self.after[from]
                .iter()
                .map(|(to, ..)| *to)
                .chain(self.pulls[from].iter().map(|link| link.to))
                .collect();
            for to in to {
                *dependents.entry(to).or_default() += 1;
            }
        }
        let targets: Vec<usize> = (0..self.units.len())
            .filter(|at| self.units[*at].kind == UnitKind::Target && self.is_passed(*at))
            .collect();
        let mut gathering = Vec::new();
        for target in targets {
            let before = dependents.get(&target).copied().unwrap_or_default();
            if before == 0 {
                continue;
            }
            let behind = self.ordered(target).len().max(self.pulled(target).len());
            if before.saturating_mul(behind) > THROUGH_MAX {
                gathering.push(target);
            }
        }
        gathering
    }

    pub fn needs(mut self) -> Needs {
        let mut found = Pairs::default();
        let members: Vec<usize> = (0..self.units.len())
            .filter(|at| matches!(self.parts[*at], Part::Service | Part::Gathering))
            .collect();
        for from in &members {
            self.orders(*from, &mut found);
        }
        for from in &members {
            self.requirements(*from, &mut found);
        }
        let mut needs = found.into_needs(&self);
        needs.missing = self.missing;
        needs.tangled = self.steps >= STEPS_MAX;
        needs
    }

    fn orders(&mut self, from: usize, found: &mut Pairs) {
        let direct = self.after[from].clone();
        for (to, origin, word) in direct {
            let (stands, part) = self.part(to);
            let by = self.words(word, to, from, None);
            match part {
                Part::Service | Part::Gathering => found.order(from, stands, by, origin),
                Part::Store if !matches!(word, "After" | "Before") => {}
                Part::Store => found.near_store.push((from, stands, by, origin)),
                Part::Through => {
                    if self.is_passed(to) {
                        for behind in self.ordered(to).iter() {
                            let by = self.words(word, to, from, Some(*behind));
                            found.order(from, *behind, by, origin.clone());
                        }
                    }
                }
                Part::Nothing => {}
            }
        }
    }

    fn requirements(&mut self, from: usize, found: &mut Pairs) {
        for link in self.pulls[from].clone() {
            let (stands, part) = self.part(link.to);
            let by = self.words(link.word, link.to, from, None);
            if matches!(part, Part::Service | Part::Gathering | Part::Store) {
                found.pull(from, stands, link.strength, by, link.origin.clone());
            }
            let through = matches!(self.units[link.to].kind, UnitKind::Target | UnitKind::Mount);
            if through && self.is_passed(link.to) {
                for (behind, strength) in self.pulled(link.to).iter() {
                    let by = self.words(link.word, link.to, from, Some(*behind));
                    found.pull(from, *behind, (*strength).min(link.strength), by, link.origin.clone());
                }
            }
        }
        for reference in self.units[from].refers(Relation::PartOf) {
            let to = self.all.at(&reference.to);
            if let Some((stands, Part::Service)) = to.map(|to| self.part(to)) {
                let by = format!("PartOf={}", reference.to);
                found.part_of.push((from, stands, by, reference.origin.clone()));
            }
        }
    }

    /// `After=b.service`, or `Wants=app.target (b.service belongs to it)`.
    fn words(&self, word: &str, to: usize, from: usize, behind: Option<usize>) -> String {
        let said = match word {
            "Before" => format!("Before={} in {}", self.units[from].name, self.units[to].name),
            "After" | "Requires" | "Requisite" | "BindsTo" | "Wants" | "Upholds" => {
                format!("{word}={}", self.units[to].name)
            }
            "WantedBy" | "RequiredBy" | "UpheldBy" => {
                format!("{word}={} in {}", self.units[from].name, self.units[to].name)
            }
            path => format!("{path}= below {}", self.units[to].name),
        };
        match behind {
            Some(behind) => format!("{said}, which stands for {}", self.units[behind].name),
            None => said,
        }
    }
}

#[derive(Clone, Debug)]
struct Statement {
    by: String,
    origin: Origin,
}

/// What was found about pairs of units, before it is decided what kind of dependency that is.
#[derive(Default)]
struct Pairs {
    orders: BTreeMap<(usize, usize), Statement>,
    pulls: BTreeMap<(usize, usize), (Strength, Statement)>,
    near_store: Vec<(usize, usize, String, Origin)>,
    part_of: Vec<(usize, usize, String, Origin)>,
}

impl Pairs {
    fn order(&mut self, from: usize, to: usize, by: String, origin: Origin) {
        if from != to {
            self.orders.entry((from, to)).or_insert(Statement { by, origin });
        }
    }

    fn pull(&mut self, from: usize, to: usize, strength: Strength, by: String, origin: Origin) {
        if from == to {
            return;
        }
        let said = (strength, Statement { by, origin });
        let known = self.pulls.entry((from, to)).or_insert_with(|| said.clone());
        if known.0 < strength {
            *known = said;
        }
    }

    fn into_needs(self, graph: &Graph<'_>) -> Needs {
        let mut needs = Needs::default();
        // Pairs that systemd starts at once; they count as hard unless that closes a ring.
        let mut together: BTreeMap<(usize, usize), Statement> = BTreeMap::new();
        for ((from, to), (strength, said)) in &self.pulls {
            let (after, before) = (self.orders.get(&(*from, *to)), self.orders.contains_key(&(*to, *from)));
            let is_store = graph.parts[*to] == Part::Store;
            let kind = match strength {
                Strength::Wants => EdgeKind::Soft,
                Strength::Requires if is_store => EdgeKind::Data,
                Strength::Requires if after.is_some() => EdgeKind::Hard,
                Strength::Requires if before => EdgeKind::Soft,
                Strength::Requires => {
                    together.insert((*from, *to), said.clone());
                    continue;
                }
            };
            let by = match (kind, after) {
                (EdgeKind::Hard, Some(after)) if after.by != said.by => format!("{}, {}", said.by, after.by),
                _ => said.by.clone(),
            };
            needs.needs.push(stated(*from, *to, kind, by, said.origin.clone()));
        }
        self.start_together(together, &mut needs);
        self.order_alone(graph, &mut needs);
        let proposals = self.near_store.iter().map(|said| (said, EdgeKind::Data, 500));
        let proposals = proposals.chain(self.part_of.iter().map(|said| (said, EdgeKind::Hard, 600)));
        for ((from, to, by, origin), kind, confidence) in proposals {
            let certainty = Certainty::Proposed(confidence);
            let (by, origin) = (by.clone(), origin.clone());
            needs.needs.push(Need { from: *from, to: *to, kind, certainty, by, origin });
        }
        needs
    }

    fn start_together(&self, together: BTreeMap<(usize, usize), Statement>, needs: &mut Needs) {
        let blocking =
            needs.needs.iter().filter(|need| need.kind.blocks_start()).map(|need| (need.from, need.to));
        let rings = rings(blocking.chain(together.keys().copied()).chain(self.orders.keys().copied()));
        for ((from, to), said) in together {
            let in_ring = rings.get(&from).is_some_and(|ring| rings.get(&to) == Some(ring));
            let kind = if in_ring { EdgeKind::Soft } else { EdgeKind::Hard };
            needs.together.push((from, to, said.origin.clone()));
            needs.needs.push(stated(from, to, kind, format!("{}, started together", said.by), said.origin));
        }
    }

    fn order_alone(&self, graph: &Graph<'_>, needs: &mut Needs) {
        let blocking: BTreeSet<(usize, usize)> = needs
            .needs
            .iter()
            .filter(|need| need.kind.blocks_start())
            .map(|need| (need.from, need.to))
            .collect();
        let rings = rings(blocking.iter().copied().chain(self.orders.keys().copied()));
        for ((from, to), said) in &self.orders {
            // A gathering point waits for its members; everywhere else a pull says more than an order.
            let says_more = self.pulls.contains_key(&(*from, *to)) && graph.parts[*from] != Part::Gathering;
            if says_more || blocking.contains(&(*from, *to)) {
                continue;
            }
            if rings.get(from).is_some_and(|ring| rings.get(to) == Some(ring)) {
                needs.dropped_orders.push((*from, *to, said.origin.clone()));
            } else {
                needs.needs.push(stated(*from, *to, EdgeKind::Order, said.by.clone(), said.origin.clone()));
            }
        }
        needs.needs.retain(|need| {
            let gathers = graph.parts[need.from] == Part::Gathering && need.kind == EdgeKind::Soft;
            !gathers || !self.orders.contains_key(&(need.from, need.to))
        });
    }
}

fn stated(from: usize, to: usize, kind: EdgeKind, by: String, origin: Origin) -> Need {
    Need { from, to, kind, certainty: Certainty::StatedEdge, by, origin }
}

/// For every unit in a ring the ring it is in (the smallest unit of it). Tarjan's way, without recursion.
fn rings(pairs: impl Iterator<Item = (usize, usize)>) -> HashMap<usize, usize> {
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to) in pairs {
        next.entry(from).or_default().push(to);
        next.entry(to).or_default();
    }
    let mut rings = HashMap::new();
    let mut index: HashMap<usize, usize> = HashMap::new();
    let mut low: HashMap<usize, usize> = HashMap::new();
    let mut stack: Vec<usize> = Vec::new();
    let mut on_stack: HashSet<usize> = HashSet::new();
    for root in next.keys() {
        if index.contains_key(root) {
            continue;
        }
        let mut work: Vec<(usize, usize)> = vec![(*root, 0)];
        while let Some((at, child)) = work.pop() {
            if child == 0 {
                index.insert(at, index.len());
                low.insert(at, index[&at]);
                stack.push(at);
                on_stack.insert(at);
            }
            if let Some(to) = next[&at].get(child) {
                work.push((at, child + 1));
                if !index.contains_key(to) {
                    work.push((*to, 0));
                } else if on_stack.contains(to) {
                    low.insert(at, low[&at].min(index[to]));
                }
                continue;
            }
            if let Some((above, _)) = work.last() {
                low.insert(*above, low[above].min(low[&at]));
            }
            if low[&at] == index[&at] {
                let mut ring = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack.remove(&member);
                    ring.push(member);
                    if member == at {
                        break;
                    }
                }
                if ring.len() > 1 {
                    let name = ring.iter().copied().min().unwrap_or(at);
                    rings.extend(ring.into_iter().map(|member| (member, name)));
                }
            }
        }
    }
    rings
}
