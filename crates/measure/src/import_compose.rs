//! How long does the import of a large project take, beside merely reading its YAML?
//!
//! The project is made up: ten thousand services (or as many as asked for) with what real ones have: an anchor, a
//! health check, settings with addresses, dependencies, a volume. Everything is measured in the same run: reading the
//! YAML alone, the draft, the first import into a new folder, and the same import again.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Instant;

use blackstart::estate::import::sources::Fetched;
use blackstart::estate::import::update::Former;
use blackstart::estate::import::{compose, folder, update, yaml};

pub fn run(args: &[String], out: &mut dyn Write) -> Result<(), String> {
    let services: usize = match args {
        [] => 10_000,
        [flag, count] if flag == "--services" => {
            count.parse().map_err(|_| "--services wants a number".to_owned())?
        }
        _ => return Err("call `measure import [--services N]`".to_owned()),
    };
    let text = project(services);
    let place = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let estate = place.path().join("estate");
    let options = compose::Options { files: vec!["compose.yaml".to_owned()], ..compose::Options::default() };
    let fetch =
        |name: &str| Ok(if name == "compose.yaml" { Fetched::Text(text.clone()) } else { Fetched::Missing });
    let begun = Instant::now();
    yaml::read("compose.yaml", &text).map_err(|fault| fault.to_string())?;
    let yaml_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let draft = compose::read(&options, &fetch).map_err(|fault| fault.to_string())?;
    let draft_s = begun.elapsed().as_secs_f64();
    let write = || -> Result<f64, String> {
        let begun = Instant::now();
        let found = folder::look(&estate).map_err(|fault| fault.to_string())?;
        let base = found.bases.get("compose-bench.toml").map(String::as_str);
        let update = update::import(
            &found.files,
            &Former { own: base, others: Vec::new() },
            &draft,
            "compose-bench.toml",
        )
        .map_err(|refusal| refusal.to_string())?;
        let mut files = update.files;
        files.insert(format!("{}/compose-bench.toml", folder::BASES), update::base(&draft));
        folder::replace(&estate, &found, &files).map_err(|fault| fault.to_string())?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let (first_s, again_s) = (write()?, write()?);
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| format!("cannot print: {error}"));
    say(format!(
        "{} services, {} dependencies, {} proposed, {} KiB of YAML",
        draft.estate.services.len(),
        draft.edges.len(),
        draft.proposed.len(),
        text.len() / 1024
    ))?;
    say(format!("reading the YAML alone     {yaml_s:.2} s"))?;
    say(format!("to a draft                 {draft_s:.2} s   {:.1} times the YAML", draft_s / yaml_s))?;
    say(format!("into a new folder          {first_s:.2} s"))?;
    say(format!("into the same folder again {again_s:.2} s"))?;
    say(format!("first import in all        {:.2} s", draft_s + first_s))
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
