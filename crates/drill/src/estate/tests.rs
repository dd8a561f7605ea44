//! Tests of `estate`.

use std::collections::BTreeSet;

use super::*;

fn layout(root: &Path) -> Layout {
    Layout::choose(Settings {
        root: root.to_owned(),
        seed: 1,
        funds: 3,
        persons_per_fund: 2,
        documents_per_store: 6,
        program: "/bin/blackstart-drill".into(),
    })
    .unwrap()
}

#[test]
fn two_layouts_share_no_port() {
    let (one, two) = (layout(Path::new("/drill/one")), layout(Path::new("/drill/two")));
    let ports = |layout: &Layout| {
        let inner = layout.units.iter().chain([&layout.bank]).map(|unit| unit.port);
        let public = layout.doors.iter().flat_map(|door| door.public.values().copied());
        inner.chain(public).collect::<Vec<u16>>()
    };
    let all: Vec<u16> = [ports(&one), ports(&two)].concat();
    assert_eq!(all.len(), 2 * 17);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn the_estate_names_every_unit_and_store_and_the_bridge_every_fund() {
    let root = tempfile::tempdir().unwrap();
    let layout = layout(root.path());
    layout.make().unwrap();
    let read = |name: &str| fs::read_to_string(layout.estate.join(name)).unwrap();
    let (ess, muc) = (read("site-ess.toml"), read("site-muc.toml"));
    for unit in layout.units.iter().chain(&layout.jobs) {
        let file = if unit.site.as_deref() == Some("ess") { &ess } else { &muc };
        assert!(file.contains(&format!("[service.{}]\n", unit.name)), "{} is missing", unit.name);
    }
    for store in &layout.stores {
        let file = if store.site == "ess" { &ess } else { &muc };
        assert!(file.contains(&format!("[store.{}]\n", store.name)));
        // The secret is in a file of its own and only named here.
        assert!(!file.contains(&store.password) && file.contains(&text(&store.password_file)));
    }
    assert_eq!(read("tenants.csv").lines().count(), 4);

    assert!(layout.write_bridge(&BTreeMap::new()).unwrap_err().to_string().contains("keygen"));
    let recipients = layout.funds.iter().map(|fund| (fund.id.clone(), "age1x".to_owned())).collect();
    layout.write_bridge(&recipients).unwrap();
    let bridge = fs::read_to_string(&layout.bridge.config).unwrap();
    assert!(layout.funds.iter().all(|fund| bridge.contains(&format!("[tenant.{}]\n", fund.id))));
    // Only the hand-back, on the fund's side, asks what happened outside, and only at the fund's own site.
    assert!(!bridge.contains("outside"));
    let fund = layout.funds.iter().find(|fund| fund.site == "muc").unwrap();
    let config = layout.write_handback(&fund.id, Path::new("/keys/x")).unwrap();
    let handback = fs::read_to_string(config).unwrap();
    let at =
        |site: &str| format!("127.0.0.1:{}/", layout.door(site).unwrap().public[&format!("core-{site}")]);
    assert!(
        handback.contains("/paid/{/item}") && handback.contains(&at("muc")) && !handback.contains(&at("ess"))
    );
}
