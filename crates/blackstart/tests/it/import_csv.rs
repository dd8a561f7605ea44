//! `blackstart import csv`: the golden JSON, what is refused, and that the estate can be used.

use crate::import_rig::{Rig, text};

fn cmdb() -> Rig {
    let rig = Rig::new(&[
        (
            "in/cmdb_ci.csv",
            "\u{feff}name,sys_class_name,u_busines_criticality,location,u_owner\r\nPortal,cmdb_ci_service,1 - most critical,Essen,a\r\nClaims,cmdb_ci_appl,2 - somewhat critical,Essen,b\r\ness-a,cmdb_ci_linux_server,,Essen,\r\nClaims Data,cmdb_ci_storage_volume,,Essen,\r\nLonely,cmdb_ci_service,sometimes,Essen,\r\n",
        ),
        (
            "in/cmdb_rel_ci.csv",
            "parent,type,child\r\nPortal,Depends on::Used by,Claims\r\nClaims,Runs on::Runs,ess-a\r\nClaims,Depends on::Used by,Claims Data\r\nPortal,Whispers to::Hears,Lonely\r\nPortal,Depends on::Used by,Gone\r\n",
        ),
        (
            "in/leistungen.csv",
            "Leistung;name_fr;name_en;Dringlichkeit;Dienst\nKrankmeldung;arrêt de travail;sick note;8;Portal\n",
        ),
    ]);
    rig.write("in/mandanten.csv", b"Mandant;Versicherte;Standort\nBKK S\xfcd;1.234.567;Essen\n");
    rig
}

#[test]
fn tables_of_a_cmdb_as_json() {
    let rig = cmdb();
    insta::assert_snapshot!(rig.answer("csv", "in", &[]));
    rig.is_usable();
}

#[test]
fn a_broken_quote_is_refused_with_the_line_on_which_it_opened() {
    let rig = cmdb();
    rig.write("in/cmdb_ci.csv", b"name,tier\na,1\n\"b,2\nc,3\n");
    rig.is_refused("csv", "in", &["cmdb_ci.csv:3", "a quote opens here and is never closed"]);
    rig.write("in/cmdb_ci.csv", b"PK\x03\x04");
    rig.is_refused("csv", "in", &["cmdb_ci.csv", "spreadsheet"]);
}

#[test]
fn a_relation_that_is_gone_from_the_export_goes_and_one_made_by_hand_stays() {
    let rig = cmdb();
    rig.answer("csv", "in", &[]);
    let file = rig.path("estate/csv-in.toml");
    let by_hand = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, by_hand + "\n[service.extra]\nneeds.hard = [\"portal\"]\n").unwrap();
    rig.write("in/cmdb_rel_ci.csv", b"parent,type,child\nClaims,Runs on::Runs,ess-a\n");
    let output = rig.import("csv", "in", &[]);
    assert_eq!(output.status.code(), Some(0));
    let estate = std::fs::read_to_string(&file).unwrap();
    assert!(estate.contains("[service.extra]") && !estate.contains("service:claims\""), "{estate}");
    assert!(text(&output.stdout).contains("3 services"), "{}", text(&output.stdout));
}
