//! From a draft into a folder, again and again, with people at work in between.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::merge::Sort;
use super::origin::Origin;
use super::update::{self, Former, PROPOSED, Refusal, Update};
use estate::files::{Content, RawFile};
use estate::model::{EdgeKind, Estate};
use estate::read::read_files;
use estate::{Id, canonical};

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// The folder as texts, and what the source gave last time.
#[derive(Default)]
struct Folder {
    files: BTreeMap<String, String>,
    base: Option<String>,
}

impl Folder {
    fn raw(&self) -> Vec<RawFile> {
        let raw = |(name, text): (&String, &String)| RawFile {
            name: name.clone(),
            content: Content::Bytes(text.clone().into_bytes()),
        };
        self.files.iter().map(raw).collect()
    }

    fn import(&mut self, draft: &Draft) -> Update {
        let update = update::import(
            &self.raw(),
            &Former { own: self.base.as_deref(), others: vec![] },
            draft,
            "compose-shop.toml",
        )
        .unwrap();
        self.base = Some(update::base(draft));
        self.take(&update);
        update
    }

    fn take(&mut self, update: &Update) {
        self.files.extend(update.files.clone());
    }

    fn estate(&self) -> Estate {
        let reading = read_files(&self.raw());
        assert_eq!(reading.findings, vec![]);
        reading.estate
    }

    fn edit(&mut self, file: &str, from: &str, to: &str) {
        let text = self.files.get_mut(file).unwrap();
        assert!(text.contains(from), "{text}");
        *text = text.replacen(from, to, 1);
    }
}

/// web needs cart and cache, cart needs db.
fn draft(line: usize) -> Draft {
    let mut draft = Draft::default();
    let at = |more: usize| Origin::new("compose.yaml", line + more);
    for (more, name) in ["web", "cart", "cache", "db"].into_iter().enumerate() {
        draft.service(&id(&format!("service:{name}")), name, &at(more)).memory = 100;
    }
    draft.declare(&id("service:web"), &id("service:cart"), EdgeKind::Hard, "compose: depends_on", &at(10));
    draft.declare(
        &id("service:web"),
        &id("service:cache"),
        EdgeKind::StartOnly,
        "compose: depends_on",
        &at(11),
    );
    draft.propose(
        &id("service:cart"),
        &id("service:db"),
        EdgeKind::Hard,
        format!("environment DB ({})", at(12)),
        900,
    );
    draft.propose(&id("service:web"), &id("service:db"), EdgeKind::Soft, "shared volume", 300);
    draft.normalise();
    draft
}

const OWN: &str = "compose-shop.toml";

#[test]
fn a_first_import_says_where_everything_came_from_and_the_estate_does_not_know() {
    let mut folder = Folder::default();
    let update = folder.import(&draft(1));
    assert_eq!(update.differences, vec![], "all of it is new, and that is no news");
    let text = &folder.files[OWN];
    assert!(text.contains("#< compose.yaml:1\n[service.\"web\"]"), "{text}");
    assert!(text.contains("confidence = 1.000 },  #< compose.yaml:11"), "{text}");
    assert_eq!(folder.estate(), draft(1).whole());
    assert_eq!(
        canonical::hash(&folder.estate()),
        canonical::hash(&draft(500).whole()),
        "lines are no part of it"
    );
    assert_eq!(read_files(&folder.raw()).proposed.len(), 2);
    assert!(
        folder.estate().edges.iter().all(|edge| edge.to != id("service:db")),
        "proposals count for nothing"
    );
}

#[test]
fn importing_the_same_again_changes_nothing_and_moved_lines_only_comments() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    let before = folder.files.clone();
    let update = folder.import(&draft(1));
    assert_eq!((update.files.len(), update.differences.len()), (0, 0));
    assert_eq!(folder.files, before);
    let update = folder.import(&draft(51));
    assert_eq!(update.differences, vec![]);
    assert!(folder.files[OWN].contains("#< compose.yaml:51\n[service.\"web\"]"));
    assert!(folder.files[PROPOSED].contains("compose.yaml:63"));
}

#[test]
fn what_people_changed_stays_and_what_the_source_changed_comes() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    folder.edit(
        OWN,
        "[service.\"cart\"]\nname = \"cart\"\nmemory = 100",
        "# asked Eva\n[service.\"cart\"]\nname = \"Cart\"\nmemory = 700 # measured\ntier = 1",
    );
    folder.edit(OWN, "needs.start_only", "needs.soft");
    folder.files.insert("sites.toml".to_owned(), "[site.north]\n".to_owned());
    let mut new = draft(1);
    new.service(&id("service:cart"), "cart", &Origin::file("x")).memory = 200;
    new.service(&id("service:web"), "web", &Origin::file("x")).cpu_boot = 2;
    new.service(&id("service:mail"), "mail", &Origin::new("compose.yaml", 99));
    new.declare(
        &id("service:cart"),
        &id("service:mail"),
        EdgeKind::Hard,
        "compose: depends_on",
        &Origin::file("x"),
    );
    new.normalise();
    let update = folder.import(&new);
    let estate = folder.estate();
    let cart = &estate.services[&id("service:cart")];
    assert_eq!((cart.name.as_str(), cart.memory, cart.tier), ("Cart", 700, Some(1)));
    assert_eq!(estate.services[&id("service:web")].cpu_boot, 2);
    assert!(estate.services.contains_key(&id("service:mail")));
    let kind = |from: &str, to: &str| {
        estate.edges.iter().find(|edge| edge.from == id(from) && edge.to == id(to)).map(|edge| edge.kind)
    };
    assert_eq!(kind("service:web", "service:cache"), Some(EdgeKind::Soft), "changed by hand");
    assert_eq!(kind("service:cart", "service:mail"), Some(EdgeKind::Hard), "new in the source");
    assert!(folder.files[OWN].contains("# asked Eva"), "comments stay");
    assert_eq!(folder.files["sites.toml"], "[site.north]\n");
    let conflicts: Vec<String> = update
        .differences
        .iter()
        .filter(|difference| difference.sort == Sort::Conflict)
        .map(|difference| format!("{} {}", difference.id, difference.field.clone().unwrap_or_default()))
        .collect();
    assert_eq!(conflicts, ["service:cart memory"]);
}

#[test]
fn an_untouched_file_layout_and_foreign_files_are_kept_byte_for_byte() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    let hand = "# by hand\n[service.db]   # the big one\nname = \"db\"\nmemory = 100\n\n[[authority]]\nmay = \"stop-service\"\ngranted_by = \"board\"\n";
    let text = folder.files[OWN].clone();
    let begin = text.find("#< compose.yaml:4").unwrap();
    let end = text[begin..].find("\n\n").map_or(text.len(), |at| begin + at + 2);
    folder.files.insert(OWN.to_owned(), format!("{}{}", &text[..begin], &text[end.min(text.len())..]));
    folder.files.insert("db.toml".to_owned(), hand.to_owned());
    folder.import(&draft(30));
    assert_eq!(folder.files["db.toml"], hand);
    let mut new = draft(30);
    new.service(&id("service:db"), "db", &Origin::file("x")).memory = 900;
    folder.import(&new);
    assert!(
        folder.files["db.toml"].contains("# by hand") && folder.files["db.toml"].contains("memory = 900")
    );
    assert!(folder.files["db.toml"].contains("granted_by = \"board\""));
}

#[test]
fn what_the_source_dropped_goes_unless_a_person_changed_it() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    folder.edit(OWN, "[service.\"db\"]\nname = \"db\"", "[service.\"db\"]\nname = \"Database\"");
    let mut less = Draft::default();
    less.service(&id("service:web"), "web", &Origin::new("compose.yaml", 1)).memory = 100;
    less.normalise();
    let update = folder.import(&less);
    let estate = folder.estate();
    let left: Vec<&str> = estate.services.keys().map(|id| id.name()).collect();
    assert_eq!(left, ["db", "web"]);
    assert!(update.differences.iter().any(|difference| difference.sort == Sort::Stays));
    assert!(estate.edges.is_empty());
    assert!(read_files(&folder.raw()).proposed.is_empty(), "proposals of the source went with it");
}

#[test]
fn what_a_person_removed_stays_removed() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    let text = folder.files[OWN].clone();
    let begin = text.find("#< compose.yaml:3").unwrap();
    let end = begin + text[begin..].find("\n\n").unwrap() + 2;
    folder.files.insert(OWN.to_owned(), format!("{}{}", &text[..begin], &text[end..]));
    folder.edit(OWN, "needs.start_only = [\n    { on = \"service:cache\", evidence = \"declared\", by = \"compose: depends_on\", confidence = 1.000 },  #< compose.yaml:12\n]\n", "");
    let update = folder.import(&draft(1));
    assert!(!folder.estate().services.contains_key(&id("service:cache")));
    assert_eq!(update.differences.len(), 1, "{:?}", update.differences);
    assert_eq!(update.differences[0].sort, Sort::StaysRemoved);
}

#[test]
fn two_sources_meet_in_one_estate() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    let mut other = Draft::default();
    other.service(&id("service:cart"), "cart", &Origin::new("units", 1)).boot_s = 20;
    other.service(&id("service:backup"), "backup", &Origin::new("units", 2));
    other.declare(
        &id("service:cart"),
        &id("service:backup"),
        EdgeKind::Order,
        "systemd: After",
        &Origin::new("units", 3),
    );
    other.normalise();
    let update = update::import(&folder.raw(), &Former::default(), &other, "systemd-host.toml").unwrap();
    folder.take(&update);
    let estate = folder.estate();
    let cart = &estate.services[&id("service:cart")];
    assert_eq!((cart.memory, cart.boot_s), (100, 20));
    assert_eq!(estate.edges.len(), 3);
    assert!(folder.files["systemd-host.toml"].contains("[service.\"backup\"]"));
    let text = &folder.files[OWN];
    assert!(text.contains("boot_s = 20"), "a thing stays in the file where it stands");
    assert!(
        text.contains("#< compose.yaml:2\n#< units:1\n[service.\"cart\"]"),
        "both sources are named: {text}"
    );
    folder.import(&draft(40));
    let text = &folder.files[OWN];
    assert!(text.contains("#< units:1\n#< compose.yaml:41\n[service.\"cart\"]"), "{text}");
    assert!(text.contains("systemd: After\", confidence = 1.000 },  #< units:3"), "{text}");
}

#[test]
fn a_confirmed_proposal_is_a_dependency_and_is_not_proposed_again() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    let update = update::confirm(&folder.raw(), |proposed| proposed.confidence >= 800, None).unwrap();
    folder.take(&update);
    let estate = folder.estate();
    let edge = estate.edges.iter().find(|edge| edge.to == id("service:db")).unwrap();
    assert_eq!((edge.from.name(), edge.kind, edge.confidence), ("cart", EdgeKind::Hard, 1000));
    assert!(edge.by.as_deref().unwrap().starts_with("confirmed: environment DB"));
    let update = update::reject(&folder.raw(), |proposed| proposed.from.name() == "web").unwrap();
    folder.take(&update);
    let update = folder.import(&draft(80));
    assert_eq!(update.proposed.len(), 1);
    assert!(update.proposed[0].rejected);
    assert_eq!(folder.estate().edges.len(), 3, "the confirmed one stays");
}

#[test]
fn a_softer_kind_can_be_confirmed_for_a_stated_dependency() {
    let mut draft = Draft::default();
    for name in ["web", "jaeger"] {
        draft.service(&id(&format!("service:{name}")), name, &Origin::new("c", 1));
    }
    draft.declare(
        &id("service:web"),
        &id("service:jaeger"),
        EdgeKind::StartOnly,
        "compose: depends_on",
        &Origin::new("c", 2),
    );
    draft.normalise();
    let mut folder = Folder::default();
    folder.import(&draft);
    let update = update::confirm(&folder.raw(), |_| true, None).unwrap();
    folder.take(&update);
    let kinds = |folder: &Folder| folder.estate().edges.iter().map(|edge| edge.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&folder), [EdgeKind::Soft]);
    let update = folder.import(&draft);
    assert_eq!((kinds(&folder), update.proposed.len()), (vec![EdgeKind::Soft], 0));
}

#[test]
fn a_folder_that_cannot_be_understood_is_not_written_into() {
    let mut folder = Folder::default();
    folder.files.insert("a.toml".to_owned(), "[service.a]\nmemory = \"x\"\n".to_owned());
    let refusal = update::import(&folder.raw(), &Former::default(), &draft(1), OWN).unwrap_err();
    assert!(matches!(refusal, Refusal::Broken(_)) && !refusal.to_do().is_empty());
}

#[test]
fn lines_that_no_program_can_change_are_left_and_said() {
    let mut folder = Folder::default();
    folder.files.insert("a.toml".to_owned(), "service = { web = { memory = 5 } }\n".to_owned());
    let update = update::import(&folder.raw(), &Former::default(), &draft(1), OWN).unwrap();
    assert_eq!(update.kept, [id("service:web")]);
    assert_eq!(update.estate.services[&id("service:web")].memory, 5);
    assert!(update.estate.services.contains_key(&id("service:db")));
}

#[test]
fn an_estate_goes_through_its_canonical_form_byte_for_byte() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    let text = canonical::text(&folder.estate());
    let again = canonical::text(&canonical::from_text(&text).unwrap());
    assert_eq!(again, text);
    let mut alone = Folder::default();
    alone.files.insert("estate.toml".to_owned(), text.clone());
    assert_eq!(canonical::text(&alone.estate()), text);
}

#[test]
fn what_one_source_no_longer_states_stays_while_another_states_it() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    let theirs = update::base(&draft(1));
    let nothing = Draft::default();
    let own = folder.base.clone();
    let former = Former { own: own.as_deref(), others: vec![&theirs] };
    let shared = update::import(&folder.raw(), &former, &nothing, OWN).unwrap();
    assert_eq!(shared.estate.services.len(), draft(1).estate.services.len(), "{:?}", shared.differences);
    let alone = Former { own: own.as_deref(), others: vec![] };
    let removed = update::import(&folder.raw(), &alone, &nothing, OWN).unwrap();
    assert_eq!(removed.estate.services.len(), 0);
}

#[test]
fn what_the_source_dropped_stays_and_is_said_while_something_written_by_hand_needs_it() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    folder.files.insert("billing.toml".to_owned(), "[service.billing]\nneeds.hard = [\"cart\"]\n".to_owned());
    folder.edit(OWN, "[service.\"cart\"]", "[service.\"cart\"]\nneeds.hard = [\"db\"]");
    let text = folder.files[OWN].replace("needs.hard = [\"db\"]\n", "");
    folder.files.insert(OWN.to_owned(), text);
    let mut less = Draft::default();
    less.service(&id("service:web"), "web", &Origin::new("compose.yaml", 1)).memory = 100;
    less.normalise();
    let update = folder.import(&less);
    let left: Vec<String> = folder.estate().services.keys().map(|id| id.name().to_owned()).collect();
    assert_eq!(left, ["billing", "cart", "web"], "cart is needed by hand, cache and db are not");
    let said: Vec<(&str, String)> = update
        .findings
        .iter()
        .map(|noted| (noted.finding.code, noted.origin.as_ref().unwrap().to_string()))
        .collect();
    assert_eq!(said, [("gone-but-named", "billing.toml:2".to_owned())]);
    let sort = |name: &str| {
        update
            .differences
            .iter()
            .find(|difference| difference.id == id(name))
            .map(|difference| difference.sort)
    };
    assert_eq!((sort("service:cart"), sort("service:db")), (Some(Sort::Stays), Some(Sort::Removed)));
}

#[test]
fn a_reference_to_nothing_after_an_import_is_said_with_its_line() {
    let mut folder = Folder::default();
    folder.files.insert("a.toml".to_owned(), "[service.a]\nneeds.hard = [\"nobody\"]\n".to_owned());
    let update = folder.import(&draft(1));
    let noted = &update.findings[0];
    assert_eq!(noted.finding.code, "unknown-reference");
    assert_eq!(noted.origin.as_ref().unwrap().to_string(), "a.toml:2");
}

#[test]
fn a_folder_that_cannot_be_understood_is_refused_with_file_and_line() {
    let mut folder = Folder::default();
    folder.files.insert("a.toml".to_owned(), "[service.a]\nmemory = \"x\"\n".to_owned());
    let refusal = update::import(&folder.raw(), &Former::default(), &draft(1), OWN).unwrap_err();
    assert!(refusal.to_string().contains("a.toml:2: "), "{refusal}");
}

#[test]
fn a_merge_of_many_fields_at_once_is_the_estate_that_is_read_back() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    folder.edit(
        OWN,
        "[service.\"db\"]\nname = \"db\"",
        "[service.\"db\"]\nname = \"Database \\\"main\\\"\"\ntier = 3",
    );
    folder.edit(OWN, "[service.\"web\"]\nname = \"web\"", "[service.\"web\"]\nname = \"Web\"\nboot_s = 4");
    let mut new = draft(1);
    for name in ["web", "db"] {
        new.service(&id(&format!("service:{name}")), name, &Origin::file("x")).memory = 7;
    }
    let update = folder.import(&new);
    assert_eq!(update.estate, folder.estate());
    let db = &update.estate.services[&id("service:db")];
    assert_eq!((db.name.as_str(), db.memory, db.tier), ("Database \"main\"", 7, Some(3)));
    assert_eq!(update.estate.services[&id("service:web")].boot_s, 4);
    assert_eq!(update.estate.edges.len(), 2);
}

#[test]
fn a_dependency_that_is_gone_from_the_source_is_told_in_words() {
    let mut folder = Folder::default();
    folder.import(&draft(1));
    let mut less = draft(1);
    less.edges.retain(|stated| stated.edge.from != id("service:web"));
    let update = folder.import(&less);
    let told: Vec<String> = update
        .differences
        .iter()
        .map(|one| {
            format!(
                "{} {} {}",
                one.sort.word(),
                one.field.as_deref().unwrap(),
                one.before.as_deref().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "removed needs service:cache start_only (compose: depends_on)",
            "removed needs service:cart hard (compose: depends_on)"
        ]
    );
}

#[test]
fn a_proposal_that_cannot_be_chosen_is_refused_with_the_place_where_it_stands_otherwise() {
    let estate = "provider = \"P\"\n[service.a]\nname = \"A\"\n[service.b]\nname = \"B\"\nneeds.hard = [\"service:a\"]\n[service.c]\nname = \"C\"\n";
    let proposed = "# hints\n\n[[proposed]]\nfrom = \"service:a\"\nto = \"service:c\"\nkind = \"hard\"\nevidence = \"x\"\nconfidence = 0.9\nrejected = true\n";
    let file = |name: &str, text: &str| RawFile {
        name: name.to_owned(),
        content: estate::files::Content::Bytes(text.as_bytes().to_vec()),
    };
    let files = [file("a.toml", estate), file(update::PROPOSED, proposed)];
    let why =
        |from: &str, to: &str| update::why_not_proposed(&files, &from.parse().unwrap(), &to.parse().unwrap());
    assert_eq!(why("service:a", "service:c"), "proposed.toml:3: service:a service:c was rejected before");
    assert_eq!(
        why("service:c", "service:a"),
        "proposed.toml:3: only the other way round: service:a service:c"
    );
    assert_eq!(why("service:b", "service:a"), "a.toml:6: service:b service:a is a dependency already (hard)");
    assert_eq!(why("service:a", "service:z"), "service:z is not in this estate");
    assert_eq!(why("service:b", "service:c"), "nothing in proposed.toml proposes service:b service:c");
}
