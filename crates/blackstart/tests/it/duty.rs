//! `blackstart duty`: from "somebody is aware" to the receipt, and what is said meanwhile.

use super::restart::Provider;

fn provider() -> Provider {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider
}

fn start(provider: &Provider, words: &[&str]) -> String {
    let all = [&["duty", "start", "incident"], words, &["--reason", "the forensic report", "--by", "anna"]]
        .concat();
    let output = provider.call(&all);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

fn list(provider: &Provider, code: i32) -> String {
    let output = provider.call(&["duty", "list", "incident"]);
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn without_any_clock_nothing_is_called_not_owed() {
    let provider = provider();
    let said = list(&provider, 0);
    assert!(said.starts_with("No clock was started. That does not mean that nothing is owed:"), "{said}");
    for duty in ["nis2-de", "gdpr-33-1", "gdpr-33-2", "gdpr-34", "sgb10-83a", "sgb5-329", "dora"] {
        assert!(said.contains(&format!("\n{duty}: ")), "{duty}: {said}");
    }
    assert!(said.contains("not known: the supervisor of 1 of 1 tenants: not in the estate"), "{said}");
    let status = provider.works(&["status", "incident"]);
    assert!(status.contains("TO BE REPORTED\n  no clock was started"), "{status}");
}

#[test]
fn a_clock_runs_out_is_shown_everywhere_and_stops_with_a_receipt() {
    let provider = provider();
    let said = start(&provider, &["nis2-de", "--aware-since", "2026-01-05T05:00"]);
    assert!(said.contains("1 clock started: § 32 BSIG"), "{said}");
    let said = list(&provider, 1);
    assert!(said.contains("nis2-de, early: OVERDUE since Tue 2026-01-06 05:00 CET"), "{said}");
    assert!(said.contains("nis2-de, final: begins when the step before it is filed"), "{said}");
    let status = provider.works(&["status", "incident"]);
    assert!(status.contains("nis2-de, early: OVERDUE"), "{status}");
    let filed = ["duty", "filed", "incident", "nis2-de", "--by", "anna", "--receipt", "BSI-4711"];
    provider.works(&[&filed[..], &["--step", "early", "--at", "2026-01-05T20:00"]].concat());
    provider.works(&[&filed[..], &["--step", "report", "--at", "2026-01-09T05:00"]].concat());
    let said = list(&provider, 1);
    assert!(said.contains("early: filed Mon 2026-01-05 20:00 CET, receipt BSI-4711"), "{said}");
    assert!(
        said.contains("report: filed LATE, Fri 2026-01-09 05:00 CET (it was due Thu 2026-01-08 05:00 CET)")
    );
    assert!(said.contains("final: OVERDUE since Tue 2026-02-10 00:00 CET"), "{said}");
    let shown = provider.works(&["journal", "show", "incident"]);
    assert!(
        shown.contains("started the clock of nis2-de: aware since 2026-01-05T04:00:00Z: the forensic report")
    );
    assert!(shown.contains("filed `early` of nis2-de"), "{shown}");
}

#[test]
fn each_tenant_has_a_clock_of_its_own_and_its_bundle_proves_it() {
    let provider = provider();
    let said = start(&provider, &["gdpr-33-1", "--aware-since", "2026-01-05T05:20", "--every-tenant"]);
    assert!(said.contains("gdpr-33-1 of tenant:a, notice: OVERDUE"), "{said}");
    let json = provider.call(&["duty", "list", "incident", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let clock = &json["clocks"][0];
    assert_eq!((&clock["tenant"], &clock["state"]), (&"tenant:a".into(), &"overdue".into()));
    assert_eq!(clock["by_regulation_ms"].as_i64().unwrap() - clock["due_ms"].as_i64().unwrap(), 40 * 60_000);
    provider.works(&["evidence", "bundle", "incident", "--tenant", "a", "-o", "a.tar"]);
    let said = provider.works(&["evidence", "verify", "a.tar", "--key", "incident/public-key"]);
    assert!(said.contains("Entry 2 is about tenant:a"), "{said}");
}

#[test]
fn a_rule_can_be_changed_and_what_cannot_be_started_or_filed_says_why() {
    let provider = provider();
    let rule = provider.works(&["duty", "rule", "gdpr-33-2"]);
    let own =
        rule.replace("from = \"aware\"", "from = \"aware\"\nhours = 12").replace("gdpr-33-2", "contract-12h");
    std::fs::write(provider.root().join("own.toml"), own).unwrap();
    start(&provider, &["own.toml", "--aware-since", "2026-01-05T05:00Z", "--tenant", "a"]);
    // The file may change or go: the clock carries the rule it was started by.
    std::fs::remove_file(provider.root().join("own.toml")).unwrap();
    assert!(
        list(&provider, 1)
            .contains("contract-12h of tenant:a, notice: OVERDUE since Mon 2026-01-05 18:00 CET")
    );
    let refused = |words: &[&str], code: i32, part: &str| {
        let output = provider.call(&[&["duty"], words, &["--by", "anna"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(part), "{words:?}: {said}");
    };
    let since = ["--aware-since", "2026-01-05T05:00", "--reason", "x"];
    let start =
        |kind: &'static str, more: &[&'static str]| [&["start", "incident", kind], &since[..], more].concat();
    refused(&start("nis3", &[]), 2, "no duty that is known here");
    refused(&start("gdpr-34", &[]), 1, "owed for each tenant");
    refused(&start("own.toml", &["--tenant", "a"]), 2, "no file");
    refused(
        &["start", "incident", "nis2-de", "--aware-since", "2026-03-29T02:30", "--reason", "x"],
        2,
        "twice or never",
    );
    refused(
        &["start", "incident", "nis2-de", "--aware-since", "2999-01-01T02:30", "--reason", "x"],
        1,
        "not come yet",
    );
    refused(&["filed", "incident", "nis2-de", "--step", "early", "--receipt", "x"], 1, "never started");
    refused(&["filed", "incident", "contract-12h", "--tenant", "a", "--receipt", " "], 1, "no receipt");
}

#[test]
fn a_report_is_filled_in_from_the_journal_and_never_written_over_another() {
    let provider = provider();
    let said = provider.works(&["report", "incident", "nis2-de"]);
    assert!(said.starts_with("Report of a significant incident: Early warning\n"), "{said}");
    assert!(
        said.contains("Aware since: NOT KNOWN") && said.contains("1000 of 1 tenants [entry 1]"),
        "{said}"
    );
    start(&provider, &["gdpr-33-1", "--aware-since", "2026-01-05T05:20", "--tenant", "a"]);
    let said = provider.works(&["report", "incident", "gdpr-33-1", "--tenant", "a", "--language", "de"]);
    assert!(said.contains("Kenntnis seit: 2026-01-05 05:20 CET [Eintrag 2]"), "{said}");
    provider.works(&["report", "incident", "gdpr-33-1", "--every-tenant", "-o", "reports"]);
    let mut files: Vec<String> = std::fs::read_dir(provider.root().join("reports/a"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["report.de.html", "report.de.txt", "report.en.html", "report.en.txt"]);
    let again = provider.call(&["report", "incident", "gdpr-33-1", "--every-tenant", "-o", "reports"]);
    assert_eq!(again.status.code(), Some(1), "{}", String::from_utf8_lossy(&again.stderr));
    for (words, part) in [
        (&["nis2-de", "--tenant", "a"][..], "provider's own report"),
        (&["gdpr-33-1"], "for each tenant"),
        (&["nis2-de", "--step", "later"], "its steps are early, report, final"),
        (&["nis3"], "no duty that is known here"),
    ] {
        let output = provider.call(&[&["report", "incident"], words].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(part), "{words:?}: {said}");
    }
}

#[test]
fn many_tenants_with_one_clock_each_do_not_hide_another_clock_in_status() {
    let provider = Provider::new();
    let tenants: String = (0..30).map(|n| format!("[tenant.t{n}]\nname = \"T{n}\"\ninsured = 1\n")).collect();
    std::fs::write(provider.root().join("estate/tenants.toml"), tenants).unwrap();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    start(&provider, &["gdpr-33-2", "--aware-since", "2026-01-05T05:00", "--every-tenant"]);
    start(&provider, &["sgb5-329", "--aware-since", "2026-01-05T05:00"]);
    let status = provider.works(&["status", "incident"]);
    let duties = status.split("TO BE REPORTED").nth(1).unwrap();
    assert!(duties.contains("gdpr-33-2 of 31 tenants, notice: AT ONCE"), "{status}");
    assert!(duties.contains("sgb5-329, report: AT ONCE"), "{status}");
}
