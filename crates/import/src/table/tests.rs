//! What the reader of tables promises, one sentence per test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use super::gather::{Raw, gather};
use super::meaning::{self, Decimal, Meaning};
use super::{Draft, read};
use crate::draft_lines::{codes, proposed, said, stated};
use estate::model::{EdgeKind, Tenants};

fn raw(name: &str, bytes: impl Into<Vec<u8>>) -> Raw {
    Raw { name: name.to_owned(), bytes: bytes.into() }
}

fn draft(files: &[(&str, &str)]) -> Draft {
    let files: Vec<Raw> = files.iter().map(|(name, text)| raw(name, *text)).collect();
    read(&files).unwrap()
}

#[test]
fn a_servicenow_export_is_read_by_its_own_names() {
    let ci = "\u{feff}\"name\",\"sys_id\",\"sys_class_name\",\"u_busines_criticality\",\"location\",\"install_status\",\"u_owner\"\r\n\
        \"Portal\",\"0123456789abcdef0123456789abcdef\",\"cmdb_ci_service\",\"1 - most critical\",\"Essen\",\"Installed\",\"x\"\r\n\
        \"Claims DB\",\"1123456789abcdef0123456789abcdef\",\"cmdb_ci_db_instance\",\"2 - somewhat critical\",\"Essen\",\"Installed\",\"\"\r\n\
        \"ess-a\",\"2123456789abcdef0123456789abcdef\",\"cmdb_ci_linux_server\",\"\",\"Essen\",\"Installed\",\"\"\r\n\
        \"Claims Data\",\"3123456789abcdef0123456789abcdef\",\"cmdb_ci_storage_volume\",\"\",\"Essen\",\"Installed\",\"\"\r\n\
        \"Old\",\"4123456789abcdef0123456789abcdef\",\"cmdb_ci_service\",\"\",\"Essen\",\"Retired\",\"\"\r\n";
    let rel = "parent,type,child\r\n\
        Portal,Depends on::Used by,Claims DB\r\n\
        Claims DB,Used by::Depends on,Portal\r\n\
        claims db ,Runs on::Runs,ESS-A\r\n\
        1123456789abcdef0123456789abcdef,Depends on::Used by,Claims Data\r\n\
        Portal,Smells like::Smelt by,Claims DB\r\n\
        Old,Depends on::Used by,Portal\r\n";
    let draft = draft(&[("cmdb_ci.csv", ci), ("cmdb_rel_ci.csv", rel)]);
    assert_eq!(
        stated(&draft),
        ["claims-db data store:claims-data cmdb_rel_ci.csv:5", "portal hard claims-db cmdb_rel_ci.csv:2"]
    );
    let estate = &draft.estate;
    assert_eq!(
        (estate.services.len(), estate.hosts.len(), estate.stores.len(), estate.sites.len()),
        (2, 1, 1, 1)
    );
    let database = &estate.services[&"service:claims-db".parse().unwrap()];
    assert_eq!(
        (database.tier, database.host.as_ref().unwrap().name(), database.name.as_str()),
        (Some(2), "ess-a", "Claims DB")
    );
    assert_eq!(draft.renamed[&"service:claims-db".parse().unwrap()], "Claims DB");
    assert!(said(&draft, "relation-type").contains("Smells like::Smelt by"));
    assert!(said(&draft, "relation-reference").contains("Old at cmdb_rel_ci.csv:7"));
    assert!(said(&draft, "table-columns").contains("u_owner"));
    assert!(codes(&draft).contains(&"table-retired"));
}

#[test]
fn german_tables_with_semicolons_and_latin_letters_are_read_and_it_is_said() {
    let services = "Dienst;Abhängig von;Kritikalität;Standort;Läuft auf;Arbeitsspeicher (GB)\n\
        Pförtner;;sehr hoch;München;muc-1;0,5\n\
        Fälle;\"Pförtner, Verzeichnis\";hoch;München;muc-1;8\n\
        Verzeichnis;;1 - kritisch;München;muc-2;\n";
    let latin: Vec<u8> = services.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let tenants = "Mandant;Versicherte;Standort\nBKK Süd;1.234.567;München\nAOK \u{2013} Nord;86 000;München\nKasse;viele;München\n";
    let stores = "Datenbestand;Größe (TB)\nFalldaten;1,5\n";
    let draft =
        read(&[raw("dienste.csv", latin), raw("mandanten.csv", tenants), raw("daten.csv", stores)]).unwrap();
    assert_eq!(
        stated(&draft),
        ["faelle hard pfoertner dienste.csv:3", "faelle hard verzeichnis dienste.csv:3"]
    );
    let estate = &draft.estate;
    let door = &estate.services[&"service:pfoertner".parse().unwrap()];
    assert_eq!((door.tier, door.memory, door.name.as_str()), (Some(1), 512, "Pförtner"));
    assert_eq!(door.site.as_ref().unwrap().name(), "muenchen");
    let insured: Vec<u64> = estate.tenants.values().map(|tenant| tenant.insured).collect();
    assert_eq!(insured, [86_000, 1_234_567, 0]);
    assert_eq!(estate.stores.values().next().unwrap().size, 1_572_864);
    assert!(said(&draft, "table-encoding").contains("Windows-1252"));
    assert!(said(&draft, "table-number").contains("viele at mandanten.csv:4"));
}

#[test]
fn both_directions_and_every_known_type_are_understood() {
    for (word, expected) in [
        ("Depends on::Used by", Meaning::Needs(EdgeKind::Hard)),
        ("Used by::Depends on", Meaning::NeededBy(EdgeKind::Hard)),
        ("Uses::Used by", Meaning::Needs(EdgeKind::Soft)),
        ("Used by::Uses", Meaning::NeededBy(EdgeKind::Soft)),
        ("hängt ab von", Meaning::Needs(EdgeKind::Hard)),
        ("abhängig von", Meaning::Needs(EdgeKind::Hard)),
        ("wird benötigt von", Meaning::NeededBy(EdgeKind::Hard)),
        ("start_only", Meaning::Needs(EdgeKind::StartOnly)),
        ("läuft auf", Meaning::RunsOn),
        ("Hosted on::Hosts", Meaning::RunsOn),
        ("Hosts::Hosted on", Meaning::Runs),
        ("Connects to::Connected by", Meaning::Vague),
        ("Managed by::Manages", Meaning::Nothing),
        ("?", Meaning::Unknown),
    ] {
        assert_eq!(meaning::relation(word), expected, "{word}");
    }
}

#[test]
fn a_table_without_types_is_a_proposal_unless_its_columns_tell() {
    let services = "name\na\nb\n";
    let draft = |text: &str| draft(&[("services.csv", services), ("rel.csv", text)]);
    let side_by_side = draft("parent,child\na,b\n");
    assert_eq!((stated(&side_by_side).len(), proposed(&side_by_side)), (0, vec!["a soft b 400".to_owned()]));
    assert_eq!(stated(&draft("service;depends_on;type\na;b;soft\n")), ["a soft b rel.csv:2"]);
    assert_eq!(stated(&draft("dependent\tprovider\na\tb\n")), ["a hard b rel.csv:2"]);
    let guessed = draft("from,to,type,evidence,confidence\na,b,hard,vermutet,\"0,8\"\n");
    assert_eq!(proposed(&guessed), ["a hard b 800"]);
}

#[test]
fn a_broken_quote_is_refused_with_the_line_on_which_it_opened() {
    let open = read(&[raw("a.csv", "name,tier\nx,1\n\"y,2\nz,3\n")]).unwrap_err();
    assert_eq!(
        (open.origin.to_string().as_str(), open.what.as_str()),
        ("a.csv:3", "a quote opens here and is never closed")
    );
    let behind = read(&[raw("a.csv", "name,tier\n\"y\nz\" x,3\n")]).unwrap_err();
    assert_eq!(behind.origin.line, 2);
    assert!(behind.what.contains("line 3"), "{}", behind.what);
}

#[test]
fn quotes_hold_line_breaks_separators_and_quotes() {
    let draft =
        draft(&[("a.csv", "sep=;\r\nname;depends_on\r\n\"a;\r\nb\";\r\n\"say \"\"x\"\"\";\"a;\r\nb\"\r\n")]);
    let names: Vec<&str> = draft.estate.services.values().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["a;\nb", "say \"x\""]);
    assert_eq!(stated(&draft), ["say-x- hard a-b a.csv:5"]);
}

#[test]
fn capabilities_name_who_serves_whom() {
    let draft = draft(&[
        ("services.csv", "name,site\nclaims,ess\n"),
        ("tenants.csv", "id,name,insured\nbkk,BKK,10\n"),
        (
            "capabilities.csv",
            "name,name_fr,urgency,service,tenants,rto_h\nKrankmeldung,arrêt,8,claims,bkk,4\nAuskunft,,1,claims,,\n",
        ),
    ]);
    let sick = &draft.estate.capabilities[&"capability:krankmeldung".parse().unwrap()];
    assert_eq!((sick.urgency, sick.rto_s, sick.name.fr.as_deref()), (8, Some(14_400), Some("arrêt")));
    assert_eq!(sick.served_by[0].to, Tenants::Listed(vec!["tenant:bkk".parse().unwrap()]));
    assert_eq!(
        draft.estate.capabilities[&"capability:auskunft".parse().unwrap()].served_by[0].to,
        Tenants::All
    );
}

#[test]
fn rows_that_cannot_be_meant_are_named_with_their_line() {
    let draft = draft(&[
        ("services.csv", "name,host,tier\na,h1,1\na,h1,1\n,h1,1\nb,h1,soon,too much\nc,nowhere,\n"),
        ("hosts.csv", "host,cpu\nh1,8\n"),
        ("rel.csv", "from,to,type\na,,hard\na,zz,hard\n"),
    ]);
    for (code, line) in [
        ("table-twice", "services.csv:3"),
        ("table-nameless", "services.csv:4"),
        ("table-number", "services.csv:5"),
        ("table-row", "services.csv:5"),
        ("table-reference", "services.csv:6"),
        ("relation-half", "rel.csv:2"),
        ("relation-reference", "rel.csv:3"),
    ] {
        assert!(said(&draft, code).contains(line), "{code}: {}", said(&draft, code));
    }
}

#[test]
fn what_is_no_table_is_refused() {
    for (bytes, says) in [
        (b"\0\x01\x02".to_vec(), "zero byte"),
        (b"PK\x03\x04rest".to_vec(), "spreadsheet"),
        (Vec::new(), "no table here"),
        (b"colour,taste\nred,sweet\n".to_vec(), "names no column that is known: colour, taste"),
    ] {
        let fault = read(&[raw("a.csv", bytes)]).unwrap_err();
        assert!(fault.what.contains(says), "{}", fault.what);
        assert!(!fault.to_do.to_string().is_empty());
    }
}

#[test]
fn a_table_in_utf_16_is_read() {
    let text = "name\tStandort\nPortal\tMünchen\n";
    let mut bytes = b"\xff\xfe".to_vec();
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let draft = read(&[raw("dienste.csv", bytes)]).unwrap();
    assert_eq!(draft.estate.sites.keys().next().unwrap().name(), "muenchen");
}

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, number) in [
        ("1.234.567", Some(1_234_567)),
        ("1,234,567", Some(1_234_567)),
        ("1 234 567", Some(1_234_567)),
        ("1'234'567", Some(1_234_567)),
        ("1.234", Some(1_234)),
        ("1234567.0", Some(1_234_567)),
        ("12.34", None),
        ("-1", None),
        ("", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(meaning::whole(text), number, "{text}");
    }
    assert_eq!(meaning::mebibytes("1,5 TB", "", Decimal::Point), Some(1_572_864));
    assert_eq!(meaning::mebibytes("1.5", "gb", Decimal::Comma), Some(1536));
    assert_eq!(meaning::mebibytes("1.536", "mb", Decimal::Comma), Some(1536));
    assert_eq!(meaning::mebibytes("1.536", "gb", Decimal::Point), Some(1573));
    assert_eq!(meaning::seconds("1:30", "", Decimal::Point), Some(5400));
    assert_eq!(meaning::seconds("4 Stunden", "", Decimal::Point), Some(14_400));
    assert_eq!(meaning::share("80 %", Decimal::Point), Some(800));
    assert_eq!(meaning::share("80", Decimal::Point), Some(800));
    assert_eq!(meaning::share("170", Decimal::Point), None);
    assert_eq!(meaning::tier("Tier 2"), Some(2));
    assert_eq!(meaning::tier("whenever"), None);
}

#[test]
fn only_plain_files_of_the_folder_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let fault = gather(folder.path()).unwrap_err();
    assert!(fault.what.contains("no table is in this folder"));
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("services.csv")).unwrap();
    assert!(gather(folder.path()).unwrap_err().what.contains("link"));
    std::fs::remove_file(folder.path().join("services.csv")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("pipe.csv"), 0o600.into()).unwrap();
    assert!(gather(folder.path()).unwrap_err().what.contains("no plain file"));
}

#[test]
fn whatever_the_bytes_are_there_is_a_draft_or_a_fault_with_its_file() {
    let seed =
        "name;id;site;host;tier;depends_on;size;insured\n\"a\"\"\";1;x;h;1;b|c;1,5 GB;1.000\nb;;;;;a;;\n";
    let relations = "parent,type,child\na,Depends on::Used by,b\nb,?,a\n";
    let pieces = [
        "\"",
        ";",
        ",",
        "\n",
        "\r",
        "\t",
        "\u{0}",
        "é",
        "::",
        "a",
        "service:a",
        "999999999999999999999",
        "|",
        "sep=",
        "-1,5 TB",
        "%",
    ];
    let mut state: u64 = 0x5eed_0bad_cafe_0002;
    let mut dice = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (limit.max(1) as u64)).unwrap()
    };
    for round in 0..1500 {
        let mut texts = [seed.as_bytes().to_vec(), relations.as_bytes().to_vec()];
        for text in &mut texts {
            for _ in 0..dice(8) {
                let at = dice(text.len() + 1);
                match dice(4) {
                    0 => text.truncate(at),
                    1 => text.insert(at, u8::try_from(dice(256)).unwrap()),
                    _ => drop(text.splice(at..at, pieces[dice(pieces.len())].bytes())),
                }
            }
        }
        let [first, second] = texts;
        let files = [raw("services.csv", first), raw("rel.csv", second)];
        if let Ok(draft) = read(&files) {
            let estate = draft.whole();
            for edge in &estate.edges {
                assert!(estate.contains(&edge.from) && estate.contains(&edge.to), "round {round}: {edge:?}");
            }
            assert_eq!(draft, read(&files).unwrap());
        }
    }
}

#[test]
fn a_name_that_holds_a_comma_is_one_name() {
    let draft = draft(&[
        (
            "services.csv",
            "name;depends_on\n\"Claims, old\";\nPortal;\"Claims, old\"\nDesk;Portal, Claims, old\n",
        ),
        ("rel.csv", "from;to;type\nDesk;Claims, old;hard\n"),
    ]);
    let lines = stated(&draft);
    assert!(lines.contains(&"portal hard claims-old services.csv:3".to_owned()), "{lines:?}");
    assert!(lines.contains(&"desk hard claims-old rel.csv:2".to_owned()), "{lines:?}");
}
