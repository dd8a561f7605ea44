//! Compose projects as people write them, and as an enemy would.

mod said;

use std::collections::{BTreeMap, BTreeSet};

use super::super::draft::Draft;
use super::super::fault::Unreadable;
use super::super::login::Login;
use super::super::sources::Fetched;
use super::{OnHost, Options, read};
use estate::finding::Grade;
use estate::hands::Driver;
use estate::model::{EdgeKind, Evidence, Probe};

fn project(files: &[(&str, &str)], options: &Options) -> Result<Draft, Unreadable> {
    let texts: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let fetch = |name: &str| Ok(texts.get(name).cloned().map_or(Fetched::Missing, Fetched::Text));
    read(options, &fetch)
}

fn of(names: &[&str]) -> Options {
    Options {
        files: names.iter().map(|name| (*name).to_owned()).collect(),
        compose: ["docker", "compose"].map(str::to_owned).to_vec(),
        ..Options::default()
    }
}

/// A project of one file.
fn one(text: &str) -> Draft {
    project(&[("compose.yaml", text)], &of(&["compose.yaml"])).unwrap()
}

fn fault(text: &str) -> String {
    let fault = project(&[("compose.yaml", text)], &of(&["compose.yaml"])).unwrap_err();
    assert!(!fault.to_do.to_string().is_empty());
    fault.to_string()
}

fn edges(draft: &Draft) -> Vec<String> {
    let shown = draft.edges.iter().map(|stated| {
        let edge = &stated.edge;
        format!("{} {} {}", edge.from.name(), edge.kind.word(), edge.to.name())
    });
    shown.collect()
}

fn proposals(draft: &Draft) -> Vec<String> {
    let shown = draft.proposed.iter().map(|proposed| {
        format!(
            "{} {} {} {}",
            proposed.from.name(),
            proposed.kind.word(),
            proposed.to.name(),
            proposed.confidence
        )
    });
    shown.collect()
}

fn codes(draft: &Draft) -> BTreeSet<&'static str> {
    draft.findings.iter().map(|noted| noted.finding.code).collect()
}

#[test]
fn conditions_links_and_shared_spaces_become_kinds_of_dependencies() {
    let draft = one("services:
  a: {image: a, depends_on: [b, c]}
  b: {image: b, depends_on: {c: {condition: service_healthy}, d: {condition: service_completed_successfully}}}
  c: {image: c, links: ['d:db'], network_mode: 'service:e', pid: host}
  d: {image: d, volumes_from: ['e:ro'], depends_on: {e: {condition: service_started, required: false}}}
  e: {image: e, ipc: 'container:f-1'}
  f: {image: f, container_name: f-1}
");
    assert_eq!(
        edges(&draft),
        [
            "a start_only b",
            "a start_only c",
            "b hard c",
            "b hard d",
            "c start_only d",
            "c hard e",
            "d start_only e",
            "e hard f",
        ]
    );
    let first = &draft.edges[0];
    assert_eq!(first.edge.evidence, Evidence::Declared);
    assert_eq!(first.edge.by.as_deref(), Some("compose: depends_on"));
    assert_eq!(first.origin.to_string(), "compose.yaml:2");
}

#[test]
fn a_dependency_that_is_not_required_is_soft() {
    let draft = one("services:
  a: {image: a, depends_on: {b: {condition: service_healthy, required: false}, gone: {condition: service_started, required: false}}}
  b: {image: b}
");
    assert_eq!(edges(&draft), ["a soft b"]);
    assert!(codes(&draft).is_empty());
}

#[test]
fn a_provider_that_is_not_there_is_a_finding_and_no_dependency() {
    let draft = one("services:
  a: {image: a, depends_on: [nobody, hidden]}
  hidden: {image: b, profiles: [extra]}
");
    assert_eq!(edges(&draft), Vec::<String>::new());
    let missing: Vec<&str> = draft
        .findings
        .iter()
        .filter(|noted| noted.finding.code == "provider-missing")
        .map(|noted| noted.finding.message.what.as_str())
        .collect();
    assert_eq!(missing.len(), 2);
    assert!(missing[0].contains("in none of the files") && missing[1].contains("profile"));
}

#[test]
fn profiles_choose_and_what_is_left_out_is_said() {
    let text = "services:
  a: {image: a}
  b: {image: b, profiles: [x, y]}
  c: {image: c, profiles: [z]}
";
    let names = |options: Options| -> Vec<String> {
        let draft = project(&[("compose.yaml", text)], &options).unwrap();
        draft.estate.services.keys().map(|id| id.name().to_owned()).collect()
    };
    assert_eq!(names(of(&["compose.yaml"])), ["a"]);
    assert_eq!(names(Options { profiles: vec!["y".to_owned()], ..of(&["compose.yaml"]) }), ["a", "b"]);
    assert_eq!(names(Options { all_profiles: true, ..of(&["compose.yaml"]) }), ["a", "b", "c"]);
    let shell = BTreeMap::from([("COMPOSE_PROFILES".to_owned(), "x,z".to_owned())]);
    assert_eq!(names(Options { shell, ..of(&["compose.yaml"]) }), ["a", "b", "c"]);
    assert!(codes(&one(text)).contains("behind-profiles"));
}

#[test]
fn several_files_are_laid_over_each_other() {
    let files = [
        ("compose.yaml", "services:\n  a:\n    image: a:1\n    depends_on: [b]\n  b: {image: b}\n"),
        (
            "more.yaml",
            "services:\n  a:\n    image: a:2\n    depends_on:\n      c: {condition: service_healthy}\n  c: {image: c}\n",
        ),
        ("last.yaml", "services:\n  a:\n    depends_on:\n      b: !reset null\n  b: !reset null\n"),
    ];
    let draft = project(&files, &of(&["compose.yaml", "more.yaml"])).unwrap();
    assert_eq!(edges(&draft), ["a start_only b", "a hard c"]);
    assert_eq!(draft.edges[1].origin.to_string(), "more.yaml:5");
    assert_eq!(draft.estate.services[&"service:a".parse().unwrap()].image.as_deref(), Some("a:2"));
    let draft = project(&files, &of(&["compose.yaml", "more.yaml", "last.yaml"])).unwrap();
    assert_eq!(edges(&draft), ["a hard c"]);
    assert_eq!(draft.estate.services.len(), 2);
}

#[test]
fn extends_takes_over_what_is_not_said_again() {
    let files = [
        (
            "p/compose.yaml",
            "services:
  base: {image: base, environment: {A: 1, URL: 'http://other:80'}, depends_on: [other]}
  a: {extends: base, image: mine}
  b: {extends: {service: far, file: sub/far.yaml}}
  other: {image: o}
",
        ),
        (
            "p/sub/far.yaml",
            "services:
  far: {extends: {service: farther}, environment: [B=2]}
  farther: {image: f, healthcheck: {test: [CMD, ok]}}
",
        ),
    ];
    let draft = project(&files, &of(&["p/compose.yaml"])).unwrap();
    assert_eq!(edges(&draft), ["a start_only other", "base start_only other"]);
    let service = |name: &str| draft.estate.services[&format!("service:{name}").parse().unwrap()].clone();
    assert_eq!((service("a").image.as_deref(), service("b").image.as_deref()), (Some("mine"), Some("f")));
    assert_eq!(service("b").gates.len(), 1);
}

#[test]
fn includes_are_read_from_their_own_folder_with_their_own_variables() {
    let files = [
        (
            "compose.yaml",
            "include:\n  - sub/one.yaml\n  - path: [sub/two.yaml]\n    env_file: sub/two.env\nservices:\n  a: {image: a, depends_on: [one, two]}\n",
        ),
        (
            "sub/one.yaml",
            "services:\n  one: {image: '${TAG:-none}', extends: {service: base, file: base.yaml}}\n",
        ),
        ("sub/base.yaml", "services:\n  base: {mem_limit: 1g}\n"),
        ("sub/.env", "TAG=one\n"),
        ("sub/two.yaml", "services:\n  two: {image: '${TAG}'}\n"),
        ("sub/two.env", "TAG=two\n"),
    ];
    let draft = project(&files, &of(&["compose.yaml"])).unwrap();
    assert_eq!(edges(&draft), ["a start_only one", "a start_only two"]);
    let service = |name: &str| draft.estate.services[&format!("service:{name}").parse().unwrap()].clone();
    assert_eq!((service("one").image.as_deref(), service("one").memory), (Some("one"), 1024));
    assert_eq!(service("two").image.as_deref(), Some("two"));
}

#[test]
fn rings_of_extends_and_include_and_missing_files_are_faults_with_their_line() {
    assert!(fault("services:\n  a: {extends: b}\n  b: {extends: a}\n").contains("comes back to itself"));
    assert!(fault("services:\n  a: {extends: a}\n").starts_with("compose.yaml:2"));
    assert!(
        fault("services:\n  a: {extends: nobody}\n")
            .starts_with("compose.yaml:2: there is no service nobody")
    );
    assert!(
        fault("include: [gone.yaml]\nservices: {a: {image: a}}\n")
            .starts_with("compose.yaml:1: there is no file gone.yaml")
    );
    assert!(
        fault("services:\n  a: {extends: {service: x, file: gone.yaml}}\n")
            .contains("there is no file gone.yaml")
    );
    assert!(fault("include: [compose.yaml]\nservices: {a: {image: a}}\n").contains("comes back to itself"));
    let chain: String = (0..50).map(|at| format!("  s{at}: {{extends: s{}}}\n", at + 1)).collect();
    assert!(fault(&format!("services:\n{chain}  s50: {{image: x}}\n")).contains("more than 32"));
    let said = fault("include: [\"\\e]0;owned\\a.yaml\"]\nservices: {a: {image: a}}\n");
    assert!(said.chars().all(|letter| !letter.is_control()), "{said:?}");
    let missing = project(&[], &of(&["compose.yaml"])).unwrap_err();
    assert_eq!(missing.to_string(), "compose.yaml: there is no file compose.yaml");
}

#[test]
fn files_that_are_no_compose_files_are_faults() {
    for text in
        ["", "a: 1\n", "[1]\n", "services:\n", "services: [a]\n", "services: {a: text}\n", "just text\n"]
    {
        let said = fault(text);
        assert!(said.starts_with("compose.yaml"), "{said}");
    }
}

#[test]
fn a_required_variable_that_nobody_sets_is_a_serious_finding_and_the_rest_is_imported() {
    let text = "services:\n  a:\n    image: 'x:${TAG:?say which}'\n    environment: {OTHER: '${OTHER}'}\n  b: {image: b}\n";
    let draft = one(text);
    assert_eq!(draft.estate.services.len(), 2);
    let required = draft.findings.iter().find(|noted| noted.finding.code == "required-variable").unwrap();
    assert_eq!(required.finding.grade, Grade::Serious);
    assert!(
        required.finding.message.what.contains("TAG at compose.yaml:3 (say which)"),
        "{}",
        required.finding.message.what
    );
    assert!(codes(&draft).contains("unset-variable"));
    let with = |env: &str| project(&[("compose.yaml", text), (".env", env)], &of(&["compose.yaml"]));
    let draft = with("OTHER=1\n").unwrap();
    let required = draft.findings.iter().find(|noted| noted.finding.code == "required-variable").unwrap();
    assert_eq!((draft.estate.services.len(), required.finding.grade), (2, Grade::Serious));
    assert_eq!(required.origin.as_ref().unwrap().to_string(), "compose.yaml:3");
    assert!(required.finding.message.means.contains("environment files do not set them"), "{required:?}");
    assert!(codes(&with("TAG=1\nOTHER=1\n").unwrap()).is_empty());
    let shell = BTreeMap::from([("TAG".to_owned(), "1".to_owned()), ("OTHER".to_owned(), "2".to_owned())]);
    let options = Options { shell, ..of(&["compose.yaml"]) };
    let draft = project(&[("compose.yaml", text)], &options).unwrap();
    assert_eq!(codes(&draft), BTreeSet::from(["from-shell"]), "another shell may give another estate");
    let named = Options { env_files: vec!["gone.env".to_owned()], ..of(&["compose.yaml"]) };
    assert!(project(&[("compose.yaml", text)], &named).unwrap_err().to_string().starts_with("gone.env"));
}

#[test]
fn health_checks_become_gates_inside_of_the_container() {
    let draft = one("services:
  a: {image: a, healthcheck: {test: [CMD, pg_isready, -U, x], interval: 5s, timeout: 2s, retries: 4, start_period: 1m}}
  b: {image: b, healthcheck: {test: 'curl -f http://localhost || exit 1'}}
  c: {image: c, healthcheck: {disable: yes}}
  d: {image: d, healthcheck: {test: [NONE]}}
  e: {image: e, healthcheck: {test: [CMD-SHELL, 'echo $$HOME']}}
");
    let gates = |name: &str| draft.estate.services[&format!("service:{name}").parse().unwrap()].gates.clone();
    let command = |name: &str| match &gates(name)[0].probe {
        Probe::Command(words) => words.join(" "),
        other => panic!("{other:?}"),
    };
    assert_eq!(command("a"), "docker compose exec -T a pg_isready -U x");
    assert_eq!(command("b"), "docker compose exec -T b sh -c curl -f http://localhost || exit 1");
    assert_eq!(command("e"), "docker compose exec -T e sh -c echo $HOME");
    let gate = &gates("a")[0];
    assert_eq!((gate.every_ms, gate.hold_ms, gate.deadline_ms), (5_000, 5_000, 60_000 + 4 * 7_000 + 5_000));
    assert!(gates("c").is_empty() && gates("d").is_empty());
    assert!(codes(&draft).contains("old-truth"), "`yes` is understood, and said");
}

#[test]
fn named_volumes_become_stores_and_ports_images_and_limits_are_kept() {
    let draft = one("services:
  a:
    image: a:1
    volumes: ['data:/var/lib', './conf:/etc/a', 'cache:/c:ro', {type: volume, source: long, target: /l}, /anonymous]
    ports: ['127.0.0.1:80:8080', {target: 443, published: '8443', protocol: udp}, 90]
    deploy: {resources: {limits: {memory: 300M, cpus: '1.5'}}}
  b: {image: b, mem_limit: 64m, cpus: 2}
volumes: {data: , cache: {driver_opts: {type: none, o: bind, device: /srv/cache}}, unused: }
");
    let stores: Vec<&str> = draft.estate.stores.keys().map(|id| id.name()).collect();
    assert_eq!(stores, ["cache", "data", "long", "unused"]);
    assert_eq!(draft.estate.stores[&"store:cache".parse().unwrap()].path.as_deref(), Some("/srv/cache"));
    assert_eq!(edges(&draft), ["a data cache", "a data data", "a data long"]);
    let a = &draft.estate.services[&"service:a".parse().unwrap()];
    assert_eq!(a.ports, ["127.0.0.1:80:8080", "8443:443/udp", "90"]);
    assert_eq!((a.memory, a.cpu_boot, a.image.as_deref()), (300, 2, Some("a:1")));
    let b = &draft.estate.services[&"service:b".parse().unwrap()];
    assert_eq!((b.memory, b.cpu_boot), (64, 2));
}

#[test]
fn addresses_are_proposed_with_their_place_and_never_added() {
    let files = [
        (
            "compose.yaml",
            "services:
  app:
    image: app
    environment: [DB_URL=postgres://u:geheim@db:5432/x, CACHE_HOST=cache1, 'QUEUE=${QUEUE_HOST}', SELF=app:80]
    env_file: [app.env, {path: gone.env, required: false}]
    command: [run, --broker, 'amqp://rabbit:5672']
  db: {image: 'postgres:15', ports: ['5432']}
  cache: {image: redis, networks: {default: {aliases: [cache1]}}}
  queue: {image: q}
  rabbit: {image: rabbitmq}
  search: {image: s, container_name: finder}
  old: {image: o, env_file: nowhere.env}
",
        ),
        ("app.env", "SEARCH_URL=http://finder:9200/\n"),
    ];
    let draft = project(&files, &of(&["compose.yaml"])).unwrap();
    assert_eq!(
        proposals(&draft),
        [
            "app hard cache 850",
            "app hard db 950",
            "app soft queue 500",
            "app hard rabbit 850",
            "app soft search 900",
        ]
    );
    assert_eq!(edges(&draft), Vec::<String>::new());
    let all: String = draft.proposed.iter().map(|proposed| proposed.evidence.clone() + "\n").collect();
    assert!(all.contains("environment DB_URL names db (compose.yaml:4)"), "{all}");
    assert!(all.contains("env_file SEARCH_URL names finder (app.env:1)"), "{all}");
    assert!(!all.contains("geheim"), "no secret is repeated");
    assert!(codes(&draft).contains("env-file-missing"));
}

#[test]
fn what_only_watches_is_proposed_soft_whether_it_is_stated_or_guessed() {
    let draft = one("services:
  app: {image: app, environment: {OTEL_ENDPOINT: 'http://otel-collector:4317'}}
  web: {image: web, depends_on: [jaeger]}
  jaeger: {image: jaegertracing/all-in-one}
  otel-collector: {image: otel/opentelemetry-collector, depends_on: [jaeger]}
  logs: {image: fluent/fluentd}
  shop: {image: shop, logging: {driver: fluentd}}
");
    let declared: Vec<String> = edges(&draft);
    assert_eq!(declared, ["otel-collector start_only jaeger", "web start_only jaeger"]);
    assert_eq!(
        proposals(&draft),
        ["app soft otel-collector 900", "shop soft logs 600", "web soft jaeger 900"]
    );
    let web = draft.proposed.iter().find(|proposed| proposed.from.name() == "web").unwrap();
    assert_eq!(web.instead_of, Some(EdgeKind::StartOnly));
}

#[test]
fn shared_volumes_and_secrets_are_proposed_weakly_towards_their_owner() {
    let draft = one("services:
  reader: {image: r, volumes: ['files:/f:ro']}
  writer: {image: w, volumes: ['files:/f']}
  app: {image: a, secrets: [db_password]}
  db: {image: postgres, secrets: [{source: db_password}], volumes: ['dbdata:/d']}
  tool: {image: t, volumes: ['dbdata:/d']}
");
    assert_eq!(proposals(&draft), ["app hard db 300", "reader soft writer 400", "tool hard db 300"]);
}

#[test]
fn names_that_are_no_ids_are_mapped_and_kept() {
    let draft = one("services:\n  Web_App: {image: a, depends_on: [web_app]}\n  web_app: {image: b}\n");
    assert_eq!(draft.estate.services.len(), 2);
    assert_eq!(draft.renamed.len(), 1);
    let (id, name) = draft.renamed.iter().next().unwrap();
    assert!(id.name().starts_with("web_app-"), "{id}");
    assert_eq!(name, "Web_App");
    assert_eq!(draft.estate.services[id].name, "Web_App");
}

#[test]
fn anchors_merge_keys_and_extensions_are_nothing_special() {
    let draft = one("x-base: &base
  image: base
  environment: &env {A: 1}
services:
  a:
    <<: *base
    environment: {<<: *env, B: 'http://b:80'}
    depends_on: &needs [b]
  b: {<<: *base, x-note: nothing, develop: {watch: []}, deploy: {replicas: 2}}
  c:
    <<: [*base]
    depends_on: *needs
");
    assert_eq!(edges(&draft), ["a start_only b", "c start_only b"]);
}

#[test]
fn whatever_is_written_where_it_does_not_belong_is_passed_over() {
    let draft = one("version: 3
services:
  a: {image: [1], ports: {a: b}, volumes: text, environment: 5, depends_on: b, healthcheck: x, deploy: 1, links: {a: b}}
  b: {image: 5, command: {a: b}, networks: [1, [2]], env_file: {path: x}, extra_hosts: [a], secrets: 7, logging: y}
  c:
");
    assert_eq!(draft.estate.services.len(), 3);
    let said =
        draft.findings.iter().any(|noted| noted.finding.code == "not-a-list" && noted.origin.is_some());
    assert!(said, "a dependency that cannot be read is said: {:?}", draft.findings);
}

#[test]
fn the_same_files_give_the_same_draft() {
    let text =
        "services:\n  b: {image: b, depends_on: [a]}\n  a: {image: a, environment: {X: 'http://b:1000'}}\n";
    assert_eq!(one(text), one(text));
}

/// A seeded slice of the long campaign: files cut, repeated and mixed must give a draft or a fault, never a panic.
#[test]
fn damaged_files_are_read_without_panic() {
    let seed_text = "x: &x {a: 1}\ninclude: [other.yaml]\nservices:\n  a: &a\n    <<: *x\n    image: 'i:${V:-${W:?no}}'\n    extends: {service: b}\n    depends_on: {b: {condition: service_healthy, required: false}}\n    ports: ['1-3:4-6/udp', {target: 5}]\n    volumes: ['v:/d:ro', {type: volume, source: w, target: /e}]\n    healthcheck: {test: [CMD, x], interval: 1m2s}\n    environment: [A=$B, C, 'D=jdbc:x://b:80/']\n  b: {image: b, network_mode: 'service:a', logging: {driver: loki, options: {u: 'http://a:80'}}}\nvolumes: {v: {driver_opts: {device: /x}}}\n";
    let mut state: u64 = 20_261_125;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let pieces = [
        "$",
        "${",
        "}",
        ":",
        "- ",
        "\n",
        "  ",
        "*a",
        "&a ",
        "<<: ",
        "!reset ",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "#",
        "|",
        "\t",
        "é",
        "services:",
        "extends: a",
    ];
    for _ in 0..250 {
        let mut text: Vec<char> = seed_text.chars().collect();
        for _ in 0..=next(4) {
            let at = next(text.len());
            match next(4) {
                0 => drop(text.drain(at..(at + next(20)).min(text.len()))),
                1 => drop(text.splice(at..at, pieces[next(pieces.len())].chars())),
                2 => {
                    let copy: Vec<char> = text[at..(at + next(60)).min(text.len())].to_vec();
                    let to = next(text.len());
                    drop(text.splice(to..to, copy));
                }
                _ => text[at] = pieces[next(pieces.len())].chars().next().unwrap(),
            }
            if text.is_empty() {
                text.push('\n');
            }
        }
        let text: String = text.into_iter().collect();
        let files = [
            ("compose.yaml", text.as_str()),
            ("other.yaml", "services: {o: {image: o}}\n"),
            (".env", text.as_str()),
        ];
        match project(&files, &Options { all_profiles: true, ..of(&["compose.yaml"]) }) {
            Ok(draft) => {
                let estate = draft.whole();
                let again = estate::canonical::from_text(&estate::canonical::text(&estate)).unwrap();
                assert_eq!(again, estate, "{text}");
            }
            Err(fault) => assert!(!fault.to_string().is_empty()),
        }
        let _ = project(&files[..2], &of(&["compose.yaml"]));
    }
}

#[test]
fn every_service_can_be_started_and_stopped_on_the_first_day() {
    let draft = one("services:
  web: {image: w, ports: ['8080:80'], depends_on: {seed: {condition: service_completed_successfully}}}
  dns: {image: d, ports: ['53:53/udp', '90']}
  seed: {image: s}
");
    let service = |name: &str| draft.estate.services[&format!("service:{name}").parse().unwrap()].clone();
    let run = |name: &str| service(name).run.unwrap();
    assert_eq!(run("web").start.join(" "), "docker compose up --detach --no-deps web");
    assert_eq!(run("web").stop.join(" "), "docker compose stop web");
    assert!(run("web").job && service("web").leaves_something_running());
    assert_eq!(service("web").gates[0].probe, Probe::Tcp("127.0.0.1:8080".to_owned()));
    assert!(service("dns").gates.is_empty(), "neither UDP nor a port that is not fixed can be knocked on");
    assert_eq!(run("seed").start.join(" "), "docker compose up --no-deps --exit-code-from seed seed");
    assert!(run("seed").stop.is_empty(), "it ends by itself");
}

#[test]
fn a_password_in_a_health_check_is_left_out_and_that_is_said() {
    let files = [
        (
            "compose.yaml",
            "services:
  a: {image: a, healthcheck: {test: 'mysqladmin ping -uroot -p${DB_PASSWORD}'}}
  b: {image: b, environment: {ROOT_PASSWORD: hunter2}, healthcheck: {test: [CMD, ping, hunter2]}}
  c: {image: c, healthcheck: {test: [CMD-SHELL, 'mysqladmin ping -p$$ROOT_PASSWORD']}}
",
        ),
        (".env", "DB_PASSWORD=geheim\n"),
    ];
    let draft = project(&files, &of(&["compose.yaml"])).unwrap();
    let text = estate::canonical::text(&draft.estate);
    assert!(!text.contains("geheim") && !text.contains("hunter2"), "{text}");
    let left_out = draft.findings.iter().filter(|noted| noted.finding.code == "check-with-secret").count();
    assert_eq!(left_out, 2);
    let service = |name: &str| draft.estate.services[&format!("service:{name}").parse().unwrap()].clone();
    let start = service("a").run.unwrap().start.join(" ");
    assert_eq!(start, "docker compose up --detach --no-deps --wait a", "the check stays where it is");
    assert_eq!(service("c").gates.len(), 1, "a variable inside the container is no password");
}

#[test]
fn on_a_named_host_containers_are_driven_there_and_checks_inside_of_them_are_not_asked_from_here() {
    let text = "name: shop\nservices:\n  web:\n    image: w\n    ports: ['8080:80']\n    healthcheck: {test: [CMD, 'true']}\n    depends_on: {seed: {condition: service_completed_successfully}}\n  local:\n    image: l\n    ports: ['127.0.0.1:9000:90']\n  seed: {image: s}\n";
    let login = Login { address: Some("192.0.2.8".to_owned()), sudo: true, ..Login::default() };
    let on = OnHost { name: "dock1".to_owned(), login, project: "folder".to_owned(), file: None };
    let options = Options { on: Some(on.clone()), ..of(&["compose.yaml"]) };
    let fetch = |name: &str| match name {
        "compose.yaml" => Ok(Fetched::Text(text.to_owned())),
        _ => Ok(Fetched::Missing),
    };
    let draft = read(&options, &fetch).unwrap();
    let made = |name: &str| draft.estate.services[&format!("service:{name}").parse().unwrap()].clone();
    let driver = |name: &str| {
        Some(Driver::Compose { project: "shop".to_owned(), service: name.to_owned(), file: None })
    };
    assert_eq!(made("web").run.unwrap().driver, driver("web"));
    assert_eq!(made("web").gates[0].probe, Probe::Tcp("192.0.2.8:8080".to_owned()));
    assert!(made("local").gates.is_empty(), "only its own machine may knock there");
    assert!(made("seed").run.unwrap().job && !made("web").run.unwrap().job);
    let host = draft.estate.hosts.values().next().unwrap();
    assert_eq!(host.ssh.as_ref().unwrap().becomes, estate::hands::Become::Sudo);
    assert!(made("web").host.is_some());
    let here = OnHost { login: Login { here: true, ..Login::default() }, ..on };
    let draft = read(&Options { on: Some(here), ..options }, &fetch).unwrap();
    let web = &draft.estate.services[&"service:web".parse().unwrap()];
    assert!(matches!(&web.gates[0].probe, Probe::Command(_)), "its check, where its host is this machine");
}
