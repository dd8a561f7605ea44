//! `blackstart import`: from compose files to a folder that checks and plans, whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SHOP: &str = "services:
  web:
    image: shop/web:${TAG:-1}
    ports: ['80:8080']
    depends_on:
      cart: {condition: service_healthy}
      jaeger: {condition: service_started}
  cart:
    image: shop/cart
    environment: [CACHE_URL=redis://cache:6379, MAIL_HOST=mail]
    healthcheck: {test: [CMD, curl, -f, http://localhost], interval: 5s}
  cache: {image: redis, ports: ['6379'], volumes: ['cache:/data']}
  jaeger: {image: jaegertracing/all-in-one}
  Mail Relay: {image: postfix, hostname: mail}
  batch: {image: shop/batch, profiles: [night]}
volumes: {cache: }
";

fn blackstart(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_blackstart"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn talk(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder `shop` with a compose file in it.
fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("shop")).unwrap();
    fs::write(folder.path().join("shop/compose.yaml"), SHOP).unwrap();
    folder
}

fn import(folder: &Path, more: &[&str]) -> Output {
    blackstart(folder, &[&["import", "compose", "shop/compose.yaml", "-o", "estate"], more].concat())
}

fn texts(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.is_file())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn an_import_as_json() {
    let folder = shop();
    let output = import(folder.path(), &["--json", "--report"]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn an_imported_project_checks_plans_and_is_the_same_every_time() {
    let folder = shop();
    let output = import(folder.path(), &["--all-profiles"]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert!(out(&output).contains("6 services, 1 store; dependencies: 1 hard"), "{}", out(&output));
    let first = texts(&folder.path().join("estate"));
    let check = blackstart(folder.path(), &["check", "estate", "--map", "map.svg"]);
    assert_eq!(check.status.code(), Some(0), "{}", out(&check));
    assert!(out(&check).contains("proposals-wait"), "{}", out(&check));
    let plan = blackstart(folder.path(), &["plan", "estate", "--json"]);
    assert_eq!(plan.status.code(), Some(0), "{}", talk(&plan));
    let map = fs::read_to_string(folder.path().join("map.svg")).unwrap();
    for word in
        ["Mail Relay", "class=\"edge hard\"", "class=\"edge data\"", "start_only", "no known dependency: 2"]
    {
        assert!(map.contains(word), "{word} is not in the map");
    }
    let other = shop();
    import(other.path(), &["--all-profiles"]);
    let again = texts(&other.path().join("estate"));
    let without_paths = |texts: &BTreeMap<String, String>, at: &Path| -> String {
        texts
            .values()
            .map(|text| text.replace(&at.canonicalize().unwrap().display().to_string(), ""))
            .collect()
    };
    assert_eq!(without_paths(&first, folder.path()), without_paths(&again, other.path()));
}

#[test]
fn importing_again_keeps_hands_work_and_all_other_files() {
    let folder = shop();
    import(folder.path(), &[]);
    let estate = folder.path().join("estate");
    let own = estate.join("compose-shop.toml");
    let text = fs::read_to_string(&own).unwrap();
    fs::write(&own, text.replace("name = \"web\"", "name = \"Web shop\"\ntier = 1 # agreed in May")).unwrap();
    fs::write(estate.join("sites.toml"), "[site.north]\n").unwrap();
    fs::create_dir(estate.join(".git")).unwrap();
    fs::write(estate.join(".git/HEAD"), "ref").unwrap();
    fs::write(folder.path().join("shop/compose.yaml"), SHOP.replace("shop/cart", "shop/cart:2")).unwrap();
    let output = import(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert!(talk(&output).contains("service:cart image"), "{}", talk(&output));
    let text = fs::read_to_string(&own).unwrap();
    for kept in ["Web shop", "tier = 1 # agreed in May", "shop/cart:2"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert_eq!(fs::read_to_string(estate.join(".git/HEAD")).unwrap(), "ref");
    assert!(estate.join("sites.toml").exists());
    let beside: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "nothing is left beside the estate: {beside:?}");
}

#[test]
fn what_cannot_be_read_writes_nothing_and_names_its_place() {
    let bad: [(&str, &[u8], &str); 8] = [
        (
            "twice",
            b"services:\n  a: {image: a}\n  a: {image: b}\n",
            "compose.yaml:3: the key `a` stands twice",
        ),
        ("tab", b"services:\n\ta: 1\n", "compose.yaml:2"),
        ("ring", b"services:\n  a: &a\n    x: *a\n", "compose.yaml:3"),
        ("binary", b"services:\n\x00\x01", "compose.yaml:2: is not a text"),
        ("latin", b"services:\n  a: {image: caf\xe9}\n", "compose.yaml:2: is not UTF-8"),
        (
            "include",
            b"include: [gone.yaml]\nservices: {a: {image: a}}\n",
            "compose.yaml:1: there is no file shop/gone.yaml",
        ),
        ("extends", b"services:\n  a: {extends: a}\n", "compose.yaml:2"),
        ("variable", b"services:\n  a: {image: '${A'}\n", "compose.yaml:2"),
    ];
    for (name, bytes, said) in bad {
        let folder = shop();
        fs::write(folder.path().join("shop/compose.yaml"), bytes).unwrap();
        let output = import(folder.path(), &[]);
        assert_eq!((output.status.code(), out(&output)), (Some(2), String::new()), "{name}");
        assert!(talk(&output).contains(said), "{name}: {}", talk(&output));
        assert!(talk(&output).contains("what to do: "), "{name}: {}", talk(&output));
        assert!(!folder.path().join("estate").exists(), "{name}");
    }
}

#[test]
fn a_required_variable_that_the_environment_file_lacks_is_a_serious_finding_and_the_import_goes_on() {
    let folder = shop();
    let required = "services:\n  a: {image: '${IMAGE:?name the image}'}\n  b: {image: b}\n";
    fs::write(folder.path().join("shop/compose.yaml"), required).unwrap();
    fs::write(folder.path().join("env"), "OTHER=1\n").unwrap();
    let output = import(folder.path(), &["--env-file", "env"]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert!(out(&output).contains("2 services, 0 stores;"), "{}", out(&output));
    let said = "serious: shop/compose.yaml:2: required variables are not set: IMAGE at shop/compose.yaml:2 (name the image)";
    assert!(talk(&output).contains(said), "{}", talk(&output));
    assert!(talk(&output).contains("compose does not start without"), "{}", talk(&output));
}

#[test]
fn an_import_goes_only_into_an_estate_and_another_source_needs_a_name() {
    let folder = shop();
    fs::create_dir(folder.path().join("photos")).unwrap();
    fs::write(folder.path().join("photos/a.jpg"), "x").unwrap();
    let output = blackstart(folder.path(), &["import", "compose", "shop/compose.yaml", "-o", "photos"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("no estate"), "{}", talk(&output));
    import(folder.path(), &[]);
    fs::create_dir_all(folder.path().join("other/shop")).unwrap();
    fs::write(folder.path().join("other/shop/compose.yaml"), "services: {mail: {image: m}}\n").unwrap();
    let other = ["import", "compose", "other/shop/compose.yaml", "-o", "estate"];
    let output = blackstart(folder.path(), &other);
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    assert!(talk(&output).contains("--as"), "{}", talk(&output));
    let output = blackstart(folder.path(), &[&other[..], &["--as", "mail"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    let check = blackstart(folder.path(), &["check", "estate"]);
    assert!(out(&check).contains("6 services"), "{}", out(&check));
}

#[test]
fn a_link_to_an_estate_stays_a_link_and_nobody_is_left_standing_in_a_folder_that_is_gone() {
    let folder = shop();
    import(folder.path(), &[]);
    fs::rename(folder.path().join("estate"), folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("estate")).unwrap();
    let output = import(folder.path(), &["--all-profiles"]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert!(fs::symlink_metadata(folder.path().join("estate")).unwrap().is_symlink());
    assert!(fs::read_to_string(folder.path().join("real/compose-shop.toml")).unwrap().contains("batch"));
    let inside =
        blackstart(&folder.path().join("real"), &["import", "compose", "../shop/compose.yaml", "-o", "."]);
    assert_eq!(inside.status.code(), Some(2));
    assert!(talk(&inside).contains("this shell is inside"), "{}", talk(&inside));
}

#[test]
fn proposals_are_listed_confirmed_and_rejected() {
    let folder = shop();
    import(folder.path(), &[]);
    let call = |arguments: &[&str]| blackstart(folder.path(), &[&["import"], arguments].concat());
    let listed = call(&["confirm", "estate"]);
    assert_eq!(out(&listed).lines().count(), 3, "{}", out(&listed));
    assert!(
        out(&listed).contains("service:web needs service:jaeger soft instead of start_only"),
        "{}",
        out(&listed)
    );
    let done = call(&["confirm", "estate", "cart", "cache", "--kind", "data"]);
    assert_eq!(done.status.code(), Some(0), "{}", talk(&done));
    let rejected = call(&["reject", "estate", "--above", "0.86"]);
    assert_eq!(rejected.status.code(), Some(0), "{}", talk(&rejected));
    assert_eq!(out(&call(&["confirm", "estate"])).lines().count(), 1);
    assert_eq!(call(&["confirm", "estate", "a", "b"]).status.code(), Some(1));
    assert_eq!(call(&["confirm", "estate", "--all", "--kind", "firm"]).status.code(), Some(2));
    let text = fs::read_to_string(folder.path().join("estate/compose-shop.toml")).unwrap();
    assert!(text.contains("needs.data = [\n    { on = \"service:cache\""), "{text}");
    import(folder.path(), &[]);
    assert_eq!(out(&call(&["confirm", "estate"])).lines().count(), 1, "neither comes back");
}

#[test]
fn nothing_is_recovered_on_an_estate_of_which_next_to_nothing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let alone: String = (0..6).map(|at| format!("[service.s{at}]\n")).collect();
    fs::write(folder.path().join("estate.toml"), alone).unwrap();
    let recover = |more: &[&str]| {
        let call = ["recover", "estate.toml", "--plan", "no-plan", "--journal", "no-journal"];
        blackstart(folder.path(), &[&call[..], more].concat())
    };
    let refused = recover(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        talk(&refused).contains("6 of 6 services (100 %) have no known dependency"),
        "{}",
        talk(&refused)
    );
    let told = recover(&["--despite-ignorance"]);
    assert!(talk(&told).contains("cannot read the plan"), "{}", talk(&told));
}

/// `docker` as the test knows it: a service is up while its file is there; each call is written down.
const DOCKER: &str = "#!/bin/sh
root=$(dirname \"$0\")
echo \"$@\" >> $root/calls
for last in \"$@\"; do :; done
case \" $* \" in
*' exec -T cart '*) test -e $root/up.cart ;;
*' up '*) touch $root/up.$last ;;
*' stop '*) rm -f $root/up.$last ;;
esac
";

#[test]
fn an_imported_project_is_recovered_on_the_first_day() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let compose = "services:
  web: {image: w, depends_on: {cart: {condition: service_healthy}}}
  cart: {image: c, healthcheck: {test: [CMD, ok], interval: 10ms, retries: 20}, depends_on: {db: {condition: service_started}}}
  db: {image: d, volumes: ['data:/var/lib']}
volumes: {data: }
";
    fs::create_dir(root.join("bin")).unwrap();
    fs::create_dir(root.join("shop")).unwrap();
    fs::write(root.join("shop/compose.yaml"), compose).unwrap();
    fs::write(root.join("bin/docker"), DOCKER).unwrap();
    let docker = root.join("bin/docker");
    fs::set_permissions(&docker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", root.join("bin").display(), std::env::var("PATH").unwrap());
    let call = |words: &[&str], expected: i32| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_blackstart"));
        command.args(words).current_dir(root).env("PATH", &path).env_remove("BLACKSTART_DIR");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{words:?}: {}{}", out(&output), talk(&output));
        out(&output) + &talk(&output)
    };
    call(&["import", "compose", "shop/compose.yaml", "-o", "estate"], 0);
    call(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"], 0);
    call(&["plan", "--journal", "incident", "-o", "plan", "--schedules", "20", "--by", "anna"], 0);
    call(&["approve", "incident", "plan", "--yes", "--by", "bert"], 0);
    let told = call(&["recover", "--journal", "incident", "--by", "anna"], 1);
    assert!(told.contains("store:data waits for a person who brings its data back"), "{told}");
    let said =
        ["resume", "incident", "store:data", "--found", "done", "--reason", "from tape", "--by", "anna"];
    call(&said, 0);
    call(&["recover", "--journal", "incident", "--by", "anna"], 0);
    let calls = fs::read_to_string(root.join("bin/calls")).unwrap();
    let up: Vec<&str> = calls
        .lines()
        .filter(|line| line.contains(" up "))
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(up, ["db", "cart", "web"], "in the order of what they need");
}
