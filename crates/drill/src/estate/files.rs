//! Writes what the product reads: the estate folder and the configs of bridge and hand-back, in its TOML form.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Layout, SITES, StoreAt, Unit, funds};
use crate::fault::During as _;
use crate::{Fault, Result};

/// Operation, what the service behind it is called, and its path there.
const OPERATIONS: [(&str, &str, &str); 4] = [
    ("eau", "intake", "/sick-note"),
    ("payment", "payments", "/payment-order"),
    ("address", "core", "/address"),
    ("letter", "core", "/letter"),
];

/// A text as TOML writes it. JSON strings are TOML strings.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text can be written")
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).during(|| format!("cannot write {}", path.display()))
}

/// `provider.toml`, one file for each site, `capabilities.toml`, `tenants.csv`.
pub(super) fn write_estate(layout: &Layout) -> Result<()> {
    let estate = &layout.estate;
    fs::create_dir_all(estate).during(|| format!("cannot make {}", estate.display()))?;
    write(&estate.join("provider.toml"), PROVIDER)?;
    for (site, name) in SITES {
        write(&estate.join(format!("site-{site}.toml")), &site_file(layout, site, name)?)?;
    }
    write(&estate.join("capabilities.toml"), &capabilities())?;
    let mut tenants = format!("{}\n", funds::head());
    for fund in &layout.funds {
        tenants.push_str(&fund.line);
        tenants.push('\n');
    }
    write(&estate.join("tenants.csv"), &tenants)
}

const PROVIDER: &str = r#"provider = "Practice provider of a Blackstart drill"

[external.bank]
name = "Bank of the funds"

[resource.crew]
kind = "crew"
capacity = 4

[resource.restore-ess]
kind = "restore_bandwidth"
capacity = 500

[resource.restore-muc]
kind = "restore_bandwidth"
capacity = 500

[[authority]]
may = "stop-service"
granted_by = "standing order of the practice provider"

[[authority]]
may = "close-door"
granted_by = "standing order of the practice provider"
"#;

fn site_file(layout: &Layout, site: &str, name: &str) -> Result<String> {
    let door = layout.door(site)?;
    let mut file = format!("[site.{site}]\nname = {}\n\n", quoted(name));
    let _ = writeln!(
        file,
        "[[site.{site}.doors]]\nname = {}\nprobe = {}\nclose = {}\nopen = {}\n",
        quoted(&door.unit.name),
        quoted(&door.probe),
        list(&door.close),
        list(&door.open)
    );
    let _ =
        writeln!(file, "[host.{site}-a]\nname = \"{site}-a\"\nsite = \"{site}\"\ncpu = 16\nmemory = 65536\n");
    let here = |unit: &&Unit| unit.site.as_deref() == Some(site);
    for unit in layout.units.iter().chain(&layout.jobs).filter(here) {
        file.push_str(&service(unit, site));
    }
    for store in layout.stores.iter().filter(|store| store.site == site) {
        file.push_str(&store_table(store));
    }
    Ok(file)
}

/// What each kind of service is to the others.
struct Role {
    kind: &'static str,
    tier: u8,
    hard: &'static [&'static str],
    soft: &'static [&'static str],
    data: bool,
    order: &'static [&'static str],
}

const ROLES: [Role; 6] = [
    Role { kind: "identity", tier: 0, hard: &[], soft: &[], data: false, order: &[] },
    Role { kind: "mail", tier: 3, hard: &[], soft: &[], data: false, order: &[] },
    Role { kind: "core", tier: 1, hard: &["identity"], soft: &["mail"], data: true, order: &[] },
    Role { kind: "intake", tier: 2, hard: &["identity", "core"], soft: &[], data: false, order: &[] },
    Role { kind: "payments", tier: 1, hard: &["identity", "core"], soft: &[], data: true, order: &[] },
    Role { kind: "month-end", tier: 3, hard: &[], soft: &[], data: false, order: &["core", "payments"] },
];

fn service(unit: &Unit, site: &str) -> String {
    let name = &unit.name;
    let role =
        ROLES.iter().find(|role| format!("{}-{site}", role.kind) == *name).expect("every unit has a role");
    let at_site =
        |kinds: &[&str]| list(&kinds.iter().map(|kind| format!("{kind}-{site}")).collect::<Vec<_>>());
    let mut hard: Vec<String> = role.hard.iter().map(|kind| format!("{kind}-{site}")).collect();
    if role.kind == "payments" {
        hard.push("external:bank".to_owned());
    }
    let mut table = format!(
        "[service.{name}]\nname = {}\nhost = \"{site}-a\"\ntier = {}\nmemory = 512\ncpu_boot = 1\ncrew = [\"crew\"]\n\
         boot_s = 1\nstart_class = \"{}\"\nneeds.hard = {}\nneeds.soft = {}\n",
        quoted(name),
        role.tier,
        if unit.job { "once" } else { "probe" },
        list(&hard),
        at_site(role.soft),
    );
    if role.data {
        let _ = writeln!(table, "needs.data = [\"store:{name}\"]");
    }
    if !role.order.is_empty() {
        let _ = writeln!(table, "needs.order = {}", at_site(role.order));
    }
    let _ = write!(table, "\n[service.{name}.run]\nstart = {}\n", list(&unit.start));
    if unit.job {
        // Whoever must stop the site looks here to see whether the job is running at that moment.
        let _ = writeln!(table, "job = true\npid_file = {}\n", quoted_path(&unit.pid_file));
        return table;
    }
    let _ = writeln!(table, "admit = {}\npid_file = {}\n", list(&unit.admit), quoted_path(&unit.pid_file));
    let _ = writeln!(
        table,
        "[[service.{name}.gates]]\nhttp = \"{}/health\"\nstatus = 200\nhold_ms = 300\ndeadline_ms = 5000\n\
         every_ms = 50\nuses = [\"service:{name}\"]\n",
        unit.url()
    );
    table
}

fn store_table(store: &StoreAt) -> String {
    format!(
        "[store.{}]\nname = {}\nsite = \"{}\"\nsize = 16\nrestore_rate = 100\npath = {}\n\
         source = {{ repository = {}, secret_file = {}, resource = \"restore-{}\" }}\n\n",
        store.name,
        quoted(&store.name),
        store.site,
        quoted_path(&store.folder),
        quoted(&format!("restic:{}", store.repository.display())),
        quoted_path(&store.password_file),
        store.site,
    )
}

/// What people need, with its urgency and the service that gives it.
const CAPABILITIES: [(&str, &str, [&str; 3]); 4] = [
    (
        "eau",
        "urgency = 5\nrto_s = 14400",
        ["Krankmeldung einreichen", "Transmettre un arrêt de travail", "Send a sick note"],
    ),
    (
        "payment",
        "urgency = 8\nrto_s = 28800",
        ["Krankengeld auszahlen", "Verser les indemnités journalières", "Pay sick pay"],
    ),
    ("address", "urgency = 1\nrto_s = 259200", ["Adresse ändern", "Changer d’adresse", "Change an address"]),
    (
        "letter",
        "urgency = 2\nrto_s = 86400",
        ["Schreiben einreichen", "Envoyer un courrier", "Send a letter"],
    ),
];

fn capabilities() -> String {
    let mut file = String::new();
    for (id, numbers, [de, fr, en]) in CAPABILITIES {
        let (_, kind, _) =
            OPERATIONS.iter().find(|(name, ..)| *name == id).expect("capabilities are operations");
        let _ = writeln!(
            file,
            "[capability.{id}]\nname = {{ de = {}, fr = {}, en = {} }}\n{numbers}\ncut = \"hold\"\n",
            quoted(de),
            quoted(fr),
            quoted(en)
        );
        for (site, _) in SITES {
            let _ = writeln!(
                file,
                "[[capability.{id}.served_by]]\nservice = \"{kind}-{site}\"\nsite = \"{site}\"\n"
            );
        }
    }
    file
}

/// Where an operation is taken at a site, through the site's door.
fn upstream(layout: &Layout, site: &str, kind: &str, path: &str) -> Result<String> {
    let unit = format!("{kind}-{site}");
    let port = layout.door(site)?.public.get(&unit).copied();
    let port = port.ok_or_else(|| Fault::new(format!("{unit} has no public port")))?;
    Ok(format!("http://127.0.0.1:{port}{path}"))
}

/// One `[operation.X]` table for each operation, with its upstream at both sites.
fn operations(layout: &Layout) -> Result<String> {
    let mut file = String::new();
    for (operation, kind, path) in OPERATIONS {
        let mut upstreams = Vec::new();
        for (site, _) in SITES {
            upstreams.push(format!("{site} = {}", quoted(&upstream(layout, site, kind, path)?)));
        }
        let _ = writeln!(
            file,
            "[operation.{operation}]\nupstream = {{ {} }}\nperson = \"/person\"\nbusiness_key = [\"/item\"]\n",
            upstreams.join(", ")
        );
    }
    Ok(file)
}

/// The bridge's config.
pub(super) fn write_bridge(layout: &Layout, recipients: &BTreeMap<String, String>) -> Result<()> {
    let bridge = &layout.bridge;
    let listen = bridge.url.trim_start_matches("http://");
    let mut file = format!(
        "folder = {}\nlisten = {}\nkey = {}\ncontrol_token_file = {}\n\n",
        quoted_path(&bridge.folder),
        quoted(listen),
        quoted_path(&bridge.key),
        quoted_path(&bridge.control_token_file)
    );
    for fund in &layout.funds {
        let recipient = recipients.get(&fund.id).ok_or_else(|| {
            Fault::new(format!(
                "fund {} has no recipient: run `blackstart handback keygen` for it first",
                fund.id
            ))
        })?;
        let _ = writeln!(
            file,
            "[tenant.{}]\nsite = \"{}\"\nrecipient = {}\n",
            fund.id,
            fund.site,
            quoted(recipient)
        );
    }
    file.push_str(&operations(layout)?);
    write(&bridge.config, &file)
}

/// The config of one fund's hand-back process.
pub(super) fn write_handback(layout: &Layout, fund: &str, identity: &Path) -> Result<PathBuf> {
    let found = layout.funds.iter().find(|known| known.id == fund);
    let found = found.ok_or_else(|| Fault::new(format!("the drill has no fund {fund}")))?;
    let folder = layout.settings.root.join("handback");
    let config = folder.join(format!("{fund}.toml"));
    let mut file = format!(
        "tenant = {}\nbridge = {}\nbridge_key_file = {}\nidentity = {}\n\n",
        quoted(fund),
        quoted(&layout.bridge.url),
        quoted_path(&layout.bridge.folder.join("public-key")),
        quoted_path(identity)
    );
    for (operation, kind, path) in OPERATIONS {
        let target = upstream(layout, &found.site, kind, path)?;
        let _ = writeln!(file, "[operation.{operation}]\ntarget = {}", quoted(&target));
        if operation == "payment" {
            // Only the bank knows what it has paid; the books behind may have been set back to before that.
            let _ = writeln!(
                file,
                "outside_probe = {}",
                quoted(&format!("{}/paid/{{/item}}", layout.bank.url()))
            );
        }
        file.push('\n');
    }
    write(&config, &file)?;
    Ok(config)
}
