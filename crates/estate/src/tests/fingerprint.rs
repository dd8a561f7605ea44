//! What one thing rests on, as a hash: which edits change it, and that nothing in this program's own words does.

use super::super::canonical;
use super::super::fingerprint::{hash, hashes, text};
use super::super::model::Evidence;
use super::{Id, estate, id};

const ESTATE: &str = include_str!("../../../../docs/formats/golden/parts-estate.toml");
const PARTS: &str = include_str!("../../../../docs/formats/golden/parts.txt");

fn known() -> [Id; 4] {
    ["service:core", "service:identity", "store:core", "service:gone"].map(id)
}

/// The golden file says the texts in full. They are canonical, so no name of a type or field of this program stands in
/// them, and renaming one cannot change a hash: plans that were approved before an upgrade stay as they are.
#[test]
fn the_parts_of_an_estate_have_the_texts_and_hashes_they_always_had() {
    let estate = estate(ESTATE);
    let parts: Vec<String> =
        known().iter().map(|id| format!("{}\n{}", hash(&estate, id), text(&estate, id))).collect();
    assert_eq!(parts.join("\n"), PARTS);
}

#[test]
fn many_at_once_have_the_hashes_they_have_alone() {
    let estate = estate(ESTATE);
    for (id, many) in hashes(&estate, known().iter()) {
        assert_eq!(many, hash(&estate, &id), "{id}");
    }
}

#[test]
fn an_edit_elsewhere_changes_no_part_and_an_edit_of_what_it_rests_on_does() {
    let was = estate(ESTATE);
    let changed = |from: &str, to: &str| -> Vec<String> {
        assert_eq!(ESTATE.matches(from).count(), 1, "{from}");
        let now = estate(&ESTATE.replace(from, to));
        known().iter().filter(|id| hash(&was, id) != hash(&now, id)).map(ToString::to_string).collect()
    };
    assert_eq!(changed("name = \"Munich\"", "name = \"Munich, old town\""), [""; 0]);
    assert_eq!(changed("[service.mail]", "[service.mail]\nboot_s = 7"), [""; 0]);
    assert_eq!(changed("cpu = 16", "cpu = 8"), ["service:core"]);
    assert_eq!(changed("status = 200", "status = 204"), ["service:core"]);
    assert_eq!(changed("\"identity\", ", ""), ["service:core"]);
    assert_eq!(changed("size = 6000", "size = 6001"), ["store:core"]);
    assert_eq!(changed("[service.mail]", "[service.mail]\n[service.gone]"), ["service:gone"]);
}

/// Somebody who confirms a dependency holds nothing up by it.
#[test]
fn how_a_dependency_is_known_changes_no_part() {
    let was = estate(ESTATE);
    let mut now = was.clone();
    for edge in &mut now.edges {
        (edge.evidence, edge.by, edge.confidence) = (Evidence::Inferred, None, 10);
    }
    assert_ne!(canonical::hash(&was), canonical::hash(&now));
    assert!(known().iter().all(|id| hash(&was, id) == hash(&now, id)));
}
