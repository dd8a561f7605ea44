//! How long does the import of ten thousand services take, from each kind of source?
//!
//! The sources are made up: each service with what real ones have (a health check, settings with addresses, a limit),
//! two dependencies on earlier ones and, where that is how it is written, two that are only hinted at. Measured for each: to a draft, into a new folder,
//! and the same import again. Compose is measured beside merely reading its YAML. Times are of the processor, because
//! the clock of a shared machine says more about its other users; the clock stands beside them.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use estate::{check, read};
use import::sources::Fetched;
use import::update::Former;
use import::{Draft, compose, folder, kubernetes, systemd, table, update, yaml};

type Out<'o> = &'o mut dyn Write;

pub fn run(args: &[String], out: Out<'_>) -> Result<(), String> {
    let services: usize = match args {
        [] => 10_000,
        [flag, count] if flag == "--services" => {
            count.parse().map_err(|_| "--services wants a number".to_owned())?
        }
        _ => return Err("call `measure import [--services N]`".to_owned()),
    };
    let place = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let text = project(services);
    say(out, &format!("{services} services from each source; seconds of the processor (of the clock)"))?;
    measured(out, "compose: reading the YAML alone", || yaml::read("compose.yaml", &text).map_err(told))?;
    source(out, "compose", place.path(), || {
        let options =
            compose::Options { files: vec!["compose.yaml".to_owned()], ..compose::Options::default() };
        let fetch = |name: &str| {
            Ok(if name == "compose.yaml" { Fetched::Text(text.clone()) } else { Fetched::Missing })
        };
        compose::read(&options, &fetch).map_err(told)
    })?;
    let units = place.path().join("units");
    write_units(&units, services)?;
    source(out, "systemd units", place.path(), || {
        let gathered = systemd::gather::gather(&units).map_err(told)?;
        Ok(systemd::read(
            &gathered,
            &systemd::Options { host: Some("web1".to_owned()), ..systemd::Options::default() },
        ))
    })?;
    let dump = shown(services);
    source(out, "systemctl show", place.path(), || {
        let dump = systemd::gather::Dump { shown: "web1.txt".into(), text: dump.clone() };
        let host = systemd::gather::HostCopy { dumps: vec![dump], ..systemd::gather::HostCopy::default() };
        let gathered =
            systemd::gather::UnitSources { hosts: vec![host], ..systemd::gather::UnitSources::default() };
        Ok(systemd::read(
            &gathered,
            &systemd::Options { host: Some("web1".to_owned()), ..systemd::Options::default() },
        ))
    })?;
    let manifests = manifests(services);
    source(out, "kubernetes", place.path(), || {
        let text = kubernetes::gather::Text { name: "all.yaml".to_owned(), text: manifests.clone() };
        kubernetes::read(&[text], &kubernetes::Options::default()).map_err(told)
    })?;
    let [things, relations] = tables(services);
    source(out, "csv", place.path(), || {
        let raw = |name: &str, text: &str| table::gather::Raw {
            name: name.to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        table::read(&[raw("services.csv", &things), raw("relations.csv", &relations)]).map_err(told)
    })
}

fn told(fault: impl std::fmt::Display) -> String {
    fault.to_string()
}

fn say(out: Out<'_>, line: &str) -> Result<(), String> {
    writeln!(out, "{line}").map_err(|error| format!("cannot print: {error}"))
}

/// What this process has used of the processor, in seconds; fields 14 and 15 of its line in /proc.
fn used_s() -> Result<f64, String> {
    let line = std::fs::read_to_string("/proc/self/stat").map_err(told)?;
    let after_name = line.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Runs a part, and says how long it took.
fn measured<T>(
    out: Out<'_>,
    what: &str,
    part: impl FnOnce() -> Result<T, String>,
) -> Result<(T, f64), String> {
    let (used, begun) = (used_s()?, Instant::now());
    let done = part()?;
    let (used, elapsed) = (used_s()? - used, begun.elapsed().as_secs_f64());
    say(out, &format!("  {what:<34} {used:>6.2} ({elapsed:.2})"))?;
    Ok((done, used))
}

/// One source: to a draft, into a new folder, into the same again, and a check of what came out.
fn source(
    out: Out<'_>,
    name: &str,
    place: &Path,
    read_source: impl Fn() -> Result<Draft, String>,
) -> Result<(), String> {
    let estate = place.join(format!("estate-{}", name.replace(' ', "-")));
    let (draft, draft_s) = measured(out, &format!("{name}: to a draft"), &read_source)?;
    say(
        out,
        &format!(
            "    {} services, {} dependencies, {} proposed",
            draft.estate.services.len(),
            draft.edges.len(),
            draft.proposed.len()
        ),
    )?;
    let ((), first_s) = measured(out, &format!("{name}: into a new folder"), || write(&estate, &draft))?;
    let ((), again_s) = measured(out, &format!("{name}: into the same folder"), || write(&estate, &draft))?;
    measured(out, &format!("{name}: check"), || Ok(check::judge(&read(&estate).map_err(told)?)))?;
    say(out, &format!("  {name}: first import {:.2}, again {:.2}", draft_s + first_s, draft_s + again_s))
}

fn write(estate: &Path, draft: &Draft) -> Result<(), String> {
    let found = folder::look(estate).map_err(told)?;
    let base = found.bases.get("bench.toml").map(String::as_str);
    let former = Former { own: base, others: Vec::new() };
    let update = update::import(&found.files, &former, draft, "bench.toml").map_err(told)?;
    let mut files = update.files;
    files.insert(format!("{}/bench.toml", folder::BASES), update::base(draft));
    folder::replace(estate, &found, &files).map_err(told)
}

/// An earlier service, always the same one for the same factor.
fn earlier(at: usize, factor: usize) -> usize {
    (at * factor + factor) % at.max(1)
}

/// The two earlier services that a service depends on.
fn needs(at: usize) -> Vec<usize> {
    let mut needs = vec![at.saturating_sub(1), earlier(at, 3)];
    needs.retain(|other| *other != at);
    needs.dedup();
    needs
}

fn write_units(folder: &Path, services: usize) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(told)?;
    for at in 0..services {
        let needs: Vec<String> = needs(at).iter().map(|other| format!("service-{other}.service")).collect();
        let needs = needs.join(" ");
        let unit = format!(
            "[Unit]\nRequires={needs}\nAfter={needs}\n[Service]\nExecStart=/usr/bin/service-{at} --db service-{}:8080\n\
             Environment=QUEUE_HOST=service-{}\nMemoryMax=256M\n[Install]\nWantedBy=multi-user.target\n",
            earlier(at, 7),
            earlier(at, 11)
        );
        std::fs::write(folder.join(format!("service-{at}.service")), unit).map_err(told)?;
    }
    Ok(())
}

fn shown(services: usize) -> String {
    let mut text = String::new();
    for at in 0..services {
        let needs: Vec<String> = needs(at).iter().map(|other| format!("service-{other}.service")).collect();
        let needs = needs.join(" ");
        let _ = write!(
            text,
            "Type=simple\nExecStart={{ path=/usr/bin/service-{at} ; argv[]=/usr/bin/service-{at} --x ; ignore_errors=no }}\n\
             MemoryMax=268435456\nId=service-{at}.service\nNames=service-{at}.service\nRequires={needs} sysinit.target\n\
             WantedBy=multi-user.target\nAfter={needs} sysinit.target basic.target\nLoadState=loaded\nActiveState=active\n\
             FragmentPath=/etc/systemd/system/service-{at}.service\nUnitFileState=enabled\n\n"
        );
    }
    text
}

fn manifests(services: usize) -> String {
    let mut text = String::new();
    for at in 0..services {
        let _ = write!(
            text,
            "---\nkind: Deployment\nmetadata: {{name: service-{at}}}\nspec:\n  replicas: 2\n  template:\n    metadata: \
             {{labels: {{app: service-{at}}}}}\n    spec:\n      containers:\n      - name: main\n        image: example/service-{at}:1\n        \
             env:\n        - {{name: DB_HOST, value: service-{}}}\n        - {{name: QUEUE_URL, value: 'http://service-{}:8080/'}}\n        \
             ports: [{{containerPort: 8080}}]\n        resources: {{requests: {{memory: 128Mi, cpu: 100m}}}}\n        \
             readinessProbe: {{httpGet: {{path: /health, port: 8080}}}}\n---\nkind: Service\nmetadata: {{name: service-{at}}}\n\
             spec: {{selector: {{app: service-{at}}}, ports: [{{port: 8080}}]}}\n",
            earlier(at, 7),
            earlier(at, 11)
        );
    }
    text
}

/// Services, and their relations.
fn tables(services: usize) -> [String; 2] {
    let mut things = "name;host;business_criticality\n".to_owned();
    let mut relations = "parent;type;child\n".to_owned();
    for at in 0..services {
        let _ = writeln!(things, "service-{at};host-{};2 - high", at % 300);
        for other in needs(at) {
            let _ = writeln!(relations, "service-{at};Depends on::Used by;service-{other}");
        }
    }
    [things, relations]
}

/// Each service depends on two earlier ones and names two more in its settings.
fn project(services: usize) -> String {
    let mut text = String::from(
        "x-logging: &logging {driver: json-file, options: {max-size: 5m, max-file: '2'}}\nservices:\n",
    );
    for at in 0..services {
        let other = |factor: usize| (at * factor + factor) % at.max(1);
        let _ = write!(
            text,
            "  service-{at}:\n    image: registry.example/group/service-{at}:${{TAG:-1.{at}}}\n    logging: *logging\n    \
             ports: ['{}']\n    mem_limit: 256m\n    volumes: ['data-{}:/var/lib/data']\n    \
             environment:\n      DB_HOST: service-{}\n      QUEUE_URL: amqp://user:secret@service-{}:5672/queue\n      \
             LOG_LEVEL: info\n    healthcheck: {{test: [CMD, curl, -f, 'http://localhost/health'], interval: 5s, retries: 10}}\n",
            1024 + at % 60_000,
            at % 1000,
            other(7),
            other(11),
        );
        if at > 0 {
            let (first, second) = (at - 1, other(3));
            let _ = write!(text, "    depends_on:\n      service-{first}: {{condition: service_started}}\n");
            if first != second {
                let _ = writeln!(text, "      service-{second}: {{condition: service_healthy}}");
            }
        }
    }
    text
}
