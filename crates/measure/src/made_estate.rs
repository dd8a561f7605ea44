//! Estates that are made up, of several shapes: what a shared provider for 80 funds may look like.

use estate::Id;
use estate::model::{
    Capability, Edge, EdgeKind, Estate, Evidence, Gate, Host, Probe, Resource, ResourceKind, Secret, Service,
    Serving, Site, Source, Store, Tenant, Tenants,
};

/// What makes estates differ.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub name: &'static str,
    pub funds: u64,
    /// Services and stores of each fund's own.
    pub per_fund: u64,
    /// Layers of shared services, each waiting for the one before, and services in each.
    pub layers: u64,
    pub per_layer: u64,
    /// How unequal the funds are: 0 all alike, 1 as funds are, 2 a few giants.
    pub skew: u32,
    /// Percent of the fund's services that wait for another one of the same fund.
    pub chained_percent: u64,
    /// MiB a second of each site's restore path, people of each skill, cores of each machine, judges of copies.
    pub restore: u64,
    pub people: u64,
    pub cores: u64,
    pub scanners: u64,
}

const USUAL: Shape = Shape {
    name: "two sites, shared identity",
    funds: 80,
    per_fund: 3,
    layers: 3,
    per_layer: 4,
    skew: 1,
    chained_percent: 30,
    restore: 1000,
    people: 4,
    cores: 16,
    scanners: 6,
};

pub const SHAPES: [Shape; 8] = [
    USUAL,
    Shape { name: "funds all of a size", skew: 0, ..USUAL },
    Shape { name: "few giants", skew: 2, ..USUAL },
    Shape { name: "deep chains", layers: 10, per_layer: 2, chained_percent: 90, ..USUAL },
    Shape { name: "wide and flat", layers: 1, per_layer: 2, per_fund: 6, chained_percent: 0, ..USUAL },
    Shape { name: "restore paths scarce", restore: 250, people: 20, scanners: 40, ..USUAL },
    Shape { name: "people scarce", restore: 20_000, people: 1, scanners: 40, ..USUAL },
    Shape { name: "cores and judges scarce", restore: 20_000, people: 20, cores: 4, scanners: 2, ..USUAL },
];

/// Many services of 86 funds, for how long a plan takes.
pub fn large(services: u64) -> Shape {
    Shape {
        name: "large",
        funds: 86,
        per_fund: services / 86,
        per_layer: 5,
        restore: 20_000,
        people: 30,
        cores: 64,
        scanners: 60,
        ..USUAL
    }
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }
}

const SITES: [&str; 2] = ["north", "south"];
const SKILLS: [&str; 3] = ["database", "platform", "application"];
/// What people need, and how urgently.
const CAPABILITIES: [(&str, u64); 6] =
    [("sick-pay", 10), ("sick-note", 8), ("telephone", 7), ("billing", 5), ("app", 3), ("archive", 1)];

fn id(text: &str) -> Id {
    text.parse().expect("a valid id")
}

fn edge(from: &Id, to: &Id, kind: EdgeKind) -> Edge {
    Edge {
        from: from.clone(),
        to: to.clone(),
        kind,
        evidence: Evidence::Declared,
        by: None,
        confidence: 1000,
    }
}

struct Making {
    estate: Estate,
    chance: Chance,
    machines: u64,
}

/// The estate of a shape and a seed.
pub fn estate(shape: &Shape, seed: u64) -> Estate {
    let mut making = Making { estate: Estate::default(), chance: Chance(seed), machines: 0 };
    making.grounds(shape);
    let shared = making.shared(shape);
    for fund in 0..shape.funds {
        making.fund(shape, fund, &shared);
    }
    making.estate
}

impl Making {
    fn grounds(&mut self, shape: &Shape) {
        let resource = |kind, capacity| Resource { kind, capacity, ..Resource::default() };
        let resources = &mut self.estate.resources;
        for site in SITES {
            self.estate.sites.insert(id(&format!("site:{site}")), Site::default());
            let path = resource(ResourceKind::RestoreBandwidth, shape.restore);
            resources.insert(id(&format!("resource:restore-{site}")), path);
        }
        for skill in SKILLS {
            resources.insert(id(&format!("resource:{skill}")), resource(ResourceKind::Crew, shape.people));
        }
        resources.insert(id("resource:scanners"), resource(ResourceKind::ScanSlots, shape.scanners));
        self.machines = 4 + shape.funds * shape.per_fund / 30;
        for machine in 0..self.machines {
            for site in SITES {
                let site_id = Some(id(&format!("site:{site}")));
                let host = Host { site: site_id, cpu: Some(shape.cores), ..Host::default() };
                self.estate.hosts.insert(id(&format!("host:{site}-{machine}")), host);
            }
        }
    }

    /// The layers of each site that every fund stands on; the last layer of each site is returned.
    fn shared(&mut self, shape: &Shape) -> [Vec<Id>; 2] {
        SITES.map(|site| {
            let mut below: Vec<Id> = Vec::new();
            for layer in 0..shape.layers {
                let made = (0..shape.per_layer).map(|number| {
                    let service = self.service(&format!("shared-{site}-{layer}-{number}"), site, layer);
                    let size_max = 400_000;
                    self.store(&service, site, size_max);
                    for provider in &below {
                        self.estate.edges.push(edge(&service, provider, EdgeKind::Hard));
                    }
                    service
                });
                let made: Vec<Id> = made.collect();
                below = made;
            }
            below
        })
    }

    fn fund(&mut self, shape: &Shape, fund: u64, shared: &[Vec<Id>; 2]) {
        let site = usize::try_from(self.chance.between(0, 1)).expect("zero or one");
        // Where it stands in the order of sizes has nothing to do with its name.
        let place = self.chance.between(1, shape.funds);
        let insured = 12_000_000 / (4 * place).pow(shape.skew).max(1);
        let insured = insured.clamp(2_000, 12_000_000);
        let tenant_id = id(&format!("tenant:fund-{fund:02}"));
        let tenant =
            Tenant { insured, site: Some(id(&format!("site:{}", SITES[site]))), ..Tenant::default() };
        self.estate.tenants.insert(tenant_id.clone(), tenant);
        let mut own: Vec<Id> = Vec::new();
        for number in 0..shape.per_fund {
            let drawn = self.chance.between(0, CAPABILITIES.len() as u64 - 1);
            let (capability, urgency) = CAPABILITIES[usize::try_from(drawn).expect("a few")];
            // Tiers as they are given in practice: by how urgent the service is for people, two steps below the ground.
            let tier = shape.layers + 10 - urgency;
            let service = self.service(&format!("fund-{fund:02}-{number}"), SITES[site], tier);
            // A larger fund has more data, though not in proportion.
            self.store(&service, SITES[site], 20_000 + 1_000 * insured.isqrt());
            let below = &shared[site];
            let chosen = self.chance.between(0, below.len() as u64 - 1);
            self.estate.edges.push(edge(
                &service,
                &below[usize::try_from(chosen).expect("few")],
                EdgeKind::Hard,
            ));
            if let (Some(other), true) = (own.last(), self.chance.between(1, 100) <= shape.chained_percent) {
                self.estate.edges.push(edge(&service, other, EdgeKind::Hard));
            }
            let entry = self.estate.capabilities.entry(id(&format!("capability:{capability}"))).or_default();
            let to = Tenants::Listed(vec![tenant_id.clone()]);
            *entry = Capability { urgency, ..std::mem::take(entry) };
            entry.served_by.push(Serving { service: service.clone(), to });
            own.push(service);
        }
    }

    fn service(&mut self, name: &str, site: &str, tier: u64) -> Id {
        let skill = SKILLS[usize::try_from(self.chance.between(0, 2)).expect("three")];
        let gate = Gate {
            probe: Probe::Tcp("127.0.0.1:1".to_owned()),
            hold_ms: self.chance.between(5, 120) * 1000,
            deadline_ms: 600_000,
            every_ms: 1000,
            uses: Vec::new(),
        };
        let machine = self.chance.between(0, self.machines - 1);
        let service = Service {
            site: Some(id(&format!("site:{site}"))),
            host: Some(id(&format!("host:{site}-{machine}"))),
            tier: Some(tier),
            cpu_boot: self.chance.between(1, 4),
            crew: vec![id(&format!("resource:{skill}"))],
            boot_s: self.chance.between(60, 1800),
            gates: vec![gate],
            ..Service::default()
        };
        let service_id = id(&format!("service:{name}"));
        self.estate.services.insert(service_id.clone(), service);
        service_id
    }

    /// The data of a service, up to `size_max` MiB.
    fn store(&mut self, service: &Id, site: &str, size_max: u64) {
        let store_id = id(&format!("store:{}", service.name()));
        let source = Source {
            host: None,
            paths: Vec::new(),
            repository: "restic:/backup".to_owned(),
            secret: Secret::Environment("RESTIC_PASSWORD".to_owned()),
            resource: Some(id(&format!("resource:restore-{site}"))),
        };
        let store = Store {
            site: Some(id(&format!("site:{site}"))),
            size: self.chance.between(size_max / 20, size_max),
            restore_rate: Some(self.chance.between(50, 250)),
            source: Some(source),
            ..Store::default()
        };
        self.estate.edges.push(edge(service, &store_id, EdgeKind::Data));
        self.estate.stores.insert(store_id, store);
    }
}
