//! What cannot become part of the estate is said, with its line. Nothing vanishes without a word.

use super::{codes, edges, fault, of, one, project, proposals};
use crate::draft::Draft;

/// Findings of one code, with their places.
fn said(draft: &Draft, code: &str) -> Vec<String> {
    let fits = draft.findings.iter().filter(|noted| noted.finding.code == code);
    let place = |noted: &crate::Noted| noted.origin.as_ref().map_or_else(String::new, ToString::to_string);
    fits.map(|noted| format!("{} {}", place(noted), noted.finding.message.what)).collect()
}

#[test]
fn a_service_that_needs_itself_is_named_with_its_line() {
    let draft = one("services:\n  a:\n    image: a\n    depends_on: [a, b]\n  b: {image: b}\n");
    assert_eq!(edges(&draft), ["a start_only b"]);
    assert_eq!(
        said(&draft, "needs-itself"),
        ["compose.yaml:4 service:a is said to need itself (compose: depends_on)"]
    );
}

#[test]
fn entries_in_a_form_that_means_nothing_are_named_with_their_line() {
    let draft = one("services:
  a:
    image: a
    depends_on:
      - b
      - c: {condition: service_healthy}
    links:
      b: x
    volumes_from: [[b]]
    environment:
      - DB: b
    volumes: ['a:', {type: bind}]
  b: {image: b}
  c: {image: c}
");
    assert_eq!(edges(&draft), ["a start_only b"]);
    let lines: Vec<String> = said(&draft, "entry-not-read")
        .into_iter()
        .map(|said| said.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(lines, ["compose.yaml:11", "compose.yaml:6", "compose.yaml:8", "compose.yaml:9"]);
    let unread = said(&draft, "value-not-read");
    assert_eq!(
        unread[0],
        "compose.yaml:12 an entry in `volumes` of a is written `a:`, and that cannot be read"
    );
    assert_eq!((unread.len(), draft.estate.stores.len()), (2, 0));
}

#[test]
fn containers_that_belong_to_nobody_here_are_external_parties() {
    let draft = one("services:
  a: {image: a, external_links: ['Legacy_DB:db'], network_mode: 'container:vpn'}
  b: {image: b, pid: 'container:agent', volumes_from: ['container:vpn:ro'], external_links: [a-1]}
  c: {image: c, container_name: a-1}
");
    assert_eq!(
        edges(&draft),
        ["a start_only legacy_db", "a hard vpn", "b start_only c", "b hard agent", "b start_only vpn"]
    );
    let outside: Vec<&str> = draft.estate.externals.values().map(|external| external.name.as_str()).collect();
    assert_eq!(outside, ["agent", "Legacy_DB", "vpn"]);
    assert!(draft.renamed.values().any(|name| name == "Legacy_DB"));
}

#[test]
fn sizes_and_times_that_cannot_be_read_are_named_before_something_else_counts() {
    let draft = one("services:
  a:
    image: a
    mem_limit: lots
    cpus: [1]
    healthcheck:
      test: [curl, localhost]
  b:
    image: b
    mem_limit: ${NOT_SET}
    healthcheck:
      test: curl localhost
      interval: 5 seconds
      retries: many
  c: {image: c, healthcheck: {test: [NONE]}}
");
    let lines: Vec<String> = said(&draft, "value-not-read");
    let starts =
        ["compose.yaml:7 ", "compose.yaml:4 ", "compose.yaml:5 ", "compose.yaml:13 ", "compose.yaml:14 "];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    assert!(lines.iter().zip(starts).all(|(said, start)| said.starts_with(start)), "{lines:?}");
    let gates: Vec<usize> = draft.estate.services.values().map(|service| service.gates.len()).collect();
    assert_eq!(gates, [0, 1, 0]);
}

#[test]
fn volumes_of_hidden_services_and_folders_of_the_host_are_named() {
    let draft = one("services:
  a:
    image: a
    volumes: [shared:/s, ./data:/var/lib/a, ./conf/a.yaml:/etc/a.yaml, /var/run/docker.sock:/s, ./ro:/ro:ro]
  b: {image: b, profiles: [extra], volumes: [shared:/s, alone:/b]}
volumes: {shared: , alone: }
");
    assert_eq!(
        said(&draft, "stores-behind-profiles"),
        ["compose.yaml:5 only services behind profiles use these volumes: alone (b, compose.yaml:5)"]
    );
    assert_eq!(
        said(&draft, "host-folder"),
        ["compose.yaml:4 folders of the host are mounted and may be written: ./data in a (compose.yaml:4)"]
    );
}

#[test]
fn the_evidence_says_in_which_form_the_condition_that_counts_was_written() {
    let files = [
        ("a.yaml", "services:\n  a: {image: a, depends_on: [b, c]}\n  b: {image: b}\n  c: {image: c}\n"),
        ("b.yaml", "services:\n  a: {depends_on: {b: {condition: service_healthy}}}\n"),
    ];
    let draft = project(&files, &of(&["a.yaml", "b.yaml"])).unwrap();
    let by: Vec<&str> = draft.edges.iter().filter_map(|stated| stated.edge.by.as_deref()).collect();
    assert_eq!(by, ["compose: depends_on, service_healthy", "compose: depends_on"]);
    assert_eq!(draft.edges[0].origin.to_string(), "b.yaml:2", "the file with the last word");
    let turned = project(&files, &of(&["b.yaml", "a.yaml"])).unwrap();
    assert_eq!(turned.edges[0].edge.by.as_deref(), Some("compose: depends_on"));
}

#[test]
fn the_first_form_of_compose_files_is_recognised() {
    let said = fault("web:\n  build: .\n  links: [db]\ndb:\n  image: postgres\n");
    assert!(said.starts_with("compose.yaml:1: the service web is at the top level"), "{said}");
    assert!(codes(&one("services: {a: {image: a}}\n")).is_empty());
}

#[test]
fn environment_files_count_from_the_project_that_names_them_and_its_includer_has_the_last_word() {
    let files = [
        (
            "compose.yaml",
            "include: [{path: sub/a.yaml, project_directory: sub/own, env_file: sub/a.env}]\nservices:\n  \
             web: {image: 'web:${TAG}', extends: {file: common/base.yaml, service: base}}\n",
        ),
        ("sub/a.yaml", "services:\n  cache: {image: 'cache:${TAG}-${MORE}', env_file: cache.env}\n"),
        ("common/base.yaml", "services:\n  base: {env_file: [{path: base.env}]}\n"),
        (".env", "TAG=outer\n"),
        ("sub/a.env", "TAG=inner\nMORE=inner\n"),
        ("sub/own/cache.env", "UPSTREAM_HOST=web\n"),
        ("common/base.env", "CACHE_HOST=cache\n"),
    ];
    let draft = project(&files, &of(&["compose.yaml"])).unwrap();
    assert!(!codes(&draft).contains("env-file-missing"), "{:?}", draft.findings);
    assert_eq!(proposals(&draft), ["cache soft web 850", "web soft cache 850"]);
    let images: Vec<&str> =
        draft.estate.services.values().filter_map(|service| service.image.as_deref()).collect();
    assert_eq!(images, ["cache:outer-inner", "web:outer"]);
}

#[test]
fn a_configuration_file_in_one_variable_is_looked_through_line_by_line() {
    let draft = one(
        "services:\n  git:\n    image: g\n    environment:\n      CONFIG: |\n        # old: redis\n        rails['db_host'] = 'pg'\n        url 'https://git.example.com'\n        [cache]\n        server: cache:6379\n  pg: {image: postgres}\n  cache: {image: redis}\n  redis: {image: redis}\n",
    );
    assert_eq!(crate::draft_lines::proposed(&draft), ["git hard cache 900", "git hard pg 850"]);
}
