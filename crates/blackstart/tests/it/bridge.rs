//! The bridge and hand-back as senders, operators and tenants meet them: the built binary, real sockets, real
//! kills.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::bridge_rig::{Mood, Rig, blackstart, note, output, path, until};

fn state(receipt: &Value) -> &str {
    receipt["state"].as_str().unwrap_or("none")
}

#[test]
fn on_a_normal_day_business_passes_through_and_everybody_gets_a_receipt() {
    let rig = Rig::started();
    let (status, receipt) = rig.submit("a", &note("p1", "2023-04-24", "i1"));
    assert_eq!((status, state(&receipt)), (201, "applied"), "{receipt}");
    assert_eq!(receipt["answer"], json!({ "stored": "i1" }));
    assert_eq!(rig.ess.books().done[0].receipt, receipt["receipt"].as_str().unwrap());
    assert!(!rig.ess.books().seen[0].replay);

    let (status, text) = rig.get("/t/a/eau?person=p1");
    assert_eq!((status, text.as_str()), (200, r#"{"read":"/eau?person=p1"}"#));
    let (status, text) = rig.get("/t/c/eau/2023/p1");
    assert_eq!((status, text.as_str()), (200, r#"{"read":"/eau/2023/p1"}"#));
    assert_eq!(rig.account("a")["applied"], 1);
}

#[test]
fn a_receipt_can_be_checked_without_the_bridge_and_a_changed_one_is_found() {
    let mut rig = Rig::started();
    let (_, receipt) = rig.submit("a", &note("p1", "1", "i1"));
    rig.kill();
    let file = rig.path("receipt.json");
    let key = rig.path("bridge/public-key");
    let check = |receipt: &Value| {
        std::fs::write(&file, receipt.to_string()).unwrap();
        output(&["bridge", "verify-receipt", path(&file), "--public-key", path(&key)]).status.code()
    };
    assert_eq!(check(&receipt), Some(0));
    let mut changed = receipt.clone();
    changed["accepted_at"] = "2020-01-01T00:00:00.000Z".into();
    assert_eq!(check(&changed), Some(1));
    assert_eq!(check(&json!("no receipt")), Some(1));
}

#[test]
fn when_the_core_is_gone_senders_get_a_receipt_until_somebody_releases() {
    let rig = Rig::started();
    rig.ess.die();
    let (status, receipt) = rig.submit("a", &note("p1", "1", "i1"));
    assert_eq!((status, state(&receipt)), (202, "held"), "{receipt}");
    assert_eq!(rig.get("/t/a/eau").0, 503);
    let account = rig.account("b");
    assert_eq!(account["route"]["state"], "holding", "all tenants of the site are held: {account}");
    assert_eq!(rig.account("c")["route"]["state"], "passing");
    assert_eq!(rig.submit("c", &note("p1", "1", "i1")).0, 201);

    // The core is back, but only a person may say so.
    rig.ess.revive();
    assert_eq!(rig.submit("b", &note("p2", "1", "i2")).0, 202);
    assert!(rig.ess.books().done.is_empty());
    assert_eq!(rig.control("release", &json!({ "site": "ess" })), json!({ "released": ["a", "b"] }));
    assert_eq!(rig.submit("b", &note("p3", "1", "i3")).0, 201);
    // Who has something pending does not overtake it.
    assert_eq!(rig.submit("b", &note("p2", "2", "i4")).0, 202);
    assert_eq!(rig.handback("b").0, 0);
    assert_eq!(rig.submit("b", &note("p2", "3", "i5")).0, 201);
    let order: Vec<String> = rig
        .ess
        .books()
        .done
        .iter()
        .filter(|done| done.person == "p2")
        .map(|done| done.item.clone())
        .collect();
    assert_eq!(order, ["i2", "i4", "i5"]);
}

#[test]
fn an_unknown_outcome_is_pending_and_hand_back_finds_out() {
    let rig = Rig::started();
    for (mood, person) in [(Mood::Fails, "p1"), (Mood::DoesAndBreaksOff, "p2"), (Mood::Silent, "p3")] {
        rig.ess.mood(mood);
        let (status, receipt) = rig.submit("a", &note(person, "1", person));
        assert_eq!((status, state(&receipt)), (202, "held"), "{mood:?}: {receipt}");
    }
    rig.ess.mood(Mood::Works);
    let (code, tally) = rig.handback("a");
    assert_eq!((code, &tally["applied"], &tally["already_there"]), (0, &json!(2), &json!(1)), "{tally}");
    rig.ess.assert_each_once(["p1", "p2", "p3"].map(str::to_owned));
    assert_eq!(rig.account("a")["pending"], 0);
}

#[test]
fn three_failures_of_the_core_let_it_rest_and_hold_nobody() {
    let rig = Rig::started();
    rig.ess.mood(Mood::Fails);
    for person in ["p1", "p2", "p3"] {
        assert_eq!(rig.submit("a", &note(person, "1", person)).0, 202);
        assert_eq!(rig.account("a")["route"]["state"], "passing");
    }
    let asked = rig.ess.books().seen.len();
    let said = output(&["bridge", "account", &rig.config()]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("resting: http://") && said.contains("500"), "{said}");
    // Meanwhile nothing is offered to it; what comes is on disk, and the sender does not wait for a core that fails.
    rig.ess.mood(Mood::Works);
    assert_eq!(rig.submit("b", &note("p4", "1", "p4")).0, 202);
    assert_eq!(rig.ess.books().seen.len(), asked);
    let mut persons = vec![];
    until("the rest is over", || {
        let person = format!("later {}", persons.len());
        persons.push(person.clone());
        rig.submit("b", &note(&person, "1", &person)).0 == 201
    });
    assert_eq!(rig.handback("a").0, 0);
    assert_eq!(rig.handback("b").0, 0);
    persons.extend(["p1", "p2", "p3", "p4"].map(str::to_owned));
    rig.ess.assert_each_once(persons);
}

#[test]
fn a_core_that_says_it_is_well_is_not_held_for_slow_answers_and_one_that_says_it_is_not_is() {
    let rig = Rig::started_with_health();
    let three = |mood, round: &str| {
        rig.ess.mood(mood);
        for person in ["p1", "p2", "p3"] {
            let person = format!("{round} {person}");
            assert_eq!(rig.submit("a", &note(&person, "1", &person)).0, 202);
        }
        rig.account("b")["route"].clone()
    };
    assert_eq!(three(Mood::Silent, "slow, well")["state"], "passing");
    rig.control("hold", &json!({ "site": "ess", "why": "so that what was remembered is old" }));
    rig.control("release", &json!({ "site": "ess" }));
    rig.ess.health(503);
    let route = three(Mood::Silent, "slow, not well");
    assert_eq!(route["state"], "holding");
    assert!(route["why"].as_str().unwrap().contains("health address: status 503"), "{route}");
    assert_eq!(rig.account("c")["route"]["state"], "passing", "the other site");
}

#[test]
fn three_answers_that_never_come_hold_the_site_where_nobody_can_say_how_the_core_is() {
    let rig = Rig::started();
    let log = std::fs::read_to_string(rig.path("bridge.log")).unwrap();
    assert!(log.contains("[site.ess] health"), "{log}");
    rig.ess.mood(Mood::Silent);
    for person in ["p1", "p2", "p3"] {
        assert_eq!(rig.account("a")["route"]["state"], "passing");
        assert_eq!(rig.submit("a", &note(person, "1", person)).0, 202);
    }
    assert_eq!(rig.account("b")["route"]["state"], "holding");
}

#[test]
fn submissions_of_one_person_go_one_after_the_other_in_order_of_acceptance() {
    let rig = Rig::started();
    rig.ess.mood(Mood::Waits);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let rig = &rig;
            let before = rig.account("a")["accepted"].as_u64().unwrap();
            scope.spawn(move || {
                let (status, receipt) =
                    rig.submit("a", &note("p1", &number.to_string(), &format!("i{number}")));
                assert_eq!(status, 201, "{receipt}");
            });
            until("it is accepted", || rig.account("a")["accepted"] == before + 1);
        }
        assert_eq!(rig.ess.books().seen.len(), 1, "the others wait");
        rig.ess.mood(Mood::Works);
    });
    let books = rig.ess.books();
    let order: Vec<&str> = books.done.iter().map(|done| done.item.as_str()).collect();
    assert_eq!(order, ["i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"]);
    assert!(!books.overlapped);
}

#[test]
fn a_sender_that_goes_away_leaves_its_submission_behind() {
    use std::io::Write;
    let rig = Rig::started();
    rig.ess.mood(Mood::Waits);
    let body = note("p1", "1", "i1").to_string();
    let mut stream = std::net::TcpStream::connect(rig.address().unwrap()).unwrap();
    write!(stream, "POST /t/a/eau HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    until("it is accepted", || rig.account("a")["accepted"] == 1);
    drop(stream);
    rig.ess.mood(Mood::Works);
    until("its outcome is recorded", || rig.account("a")["applied"] == 1);
    assert_eq!(rig.submit("a", &note("p1", "2", "i2")).0, 201, "nobody waits for the one that is gone");
}

#[test]
fn the_same_idempotency_key_gives_the_same_receipt_and_never_a_second_submission() {
    let mut rig = Rig::started();
    let body = note("p1", "1", "i1").to_string();
    let send = |rig: &Rig, key: &str, body: &str| rig.post("/t/a/eau", &[("idempotency-key", key)], body);
    let (status, first) = send(&rig, "k1", &body);
    assert_eq!(status, 201);
    let (status, again) = send(&rig, "k1", &body);
    assert_eq!((status, &again["receipt"], state(&again)), (201, &first["receipt"], "applied"));
    assert_eq!(again["signature"], first["signature"], "the same statement, the same signature");
    let (status, other) = send(&rig, "k1", &note("p1", "1", "i2").to_string());
    assert_eq!(status, 422, "{other}");
    assert!(other["receipt"].is_null());

    rig.kill();
    rig.start();
    assert_eq!(send(&rig, "k1", &body).1["receipt"], first["receipt"], "also after a kill");
    assert_eq!(
        rig.post("/t/b/eau", &[("idempotency-key", "k1")], &body).0,
        208,
        "another tenant's key is its own"
    );
    assert_eq!(rig.account("a")["accepted"], 1);
    for bad in ["", &"x".repeat(256)] {
        assert_eq!(send(&rig, bad, &body).0, 400);
    }
}

#[test]
fn many_at_once_with_one_idempotency_key_are_one_submission() {
    let rig = Rig::started();
    let body = note("p1", "1", "i1").to_string();
    let receipts = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                until("there is a receipt", || {
                    let (status, receipt) = rig.post("/t/a/eau", &[("idempotency-key", "k")], &body);
                    assert!(matches!(status, 201 | 202 | 409), "{receipt}");
                    status != 409 && receipts.lock().unwrap().insert(receipt["receipt"].to_string()) | true
                });
            });
        }
    });
    assert_eq!(receipts.lock().unwrap().len(), 1);
    assert_eq!(rig.account("a")["accepted"], 1);
}

#[test]
fn what_cannot_be_understood_is_refused_with_a_reason_and_not_recorded() {
    let rig = Rig::started();
    let cases = [
        ("{", "not JSON"),
        ("{}", "`/person`"),
        (r#"{"person":null,"from":"1"}"#, "`/person`"),
        (r#"{"person":["p"],"from":"1"}"#, "`/person`"),
        (r#"{"person":"p"}"#, "`/from`"),
        ("", "not JSON"),
    ];
    for (body, expected) in cases {
        let (status, answer) = rig.post("/t/a/eau", &[], body);
        assert_eq!(status, 400);
        assert!(answer["what"].as_str().unwrap().contains(expected), "{answer}");
    }
    assert_eq!(rig.account("a")["accepted"], 0);
}

#[test]
fn hand_back_killed_midway_and_run_again_brings_everything_exactly_once() {
    let rig = Rig::started();
    rig.ess.die();
    let mut items = Vec::new();
    for number in 0..60 {
        let item = format!("i{number:02}");
        let (status, _) = rig.submit("a", &note(&format!("p{}", number % 7), &number.to_string(), &item));
        assert_eq!(status, 202);
        items.push(item);
    }
    rig.ess.revive();
    let config = rig.handback_config("a", "workers = 3\n");
    let config = {
        // `workers` stands before the tables.
        let text = std::fs::read_to_string(&config).unwrap().replace("workers = 3\n", "");
        std::fs::write(&config, format!("workers = 3\n{text}")).unwrap();
        config
    };
    for kill_after in [1, 5, 17, 18, 40] {
        let mut child =
            blackstart(&["handback", "run", &config]).stderr(std::process::Stdio::null()).spawn().unwrap();
        until("so many are done", || {
            rig.ess.books().done.len() >= kill_after || child.try_wait().unwrap().is_some()
        });
        drop(child.kill());
        child.wait().unwrap();
    }
    let (code, tally) = rig.handback("a");
    assert_eq!(code, 0, "{tally}");
    assert_eq!(rig.handback("a").1["pulled"], 0, "nothing is left for a second run");
    rig.ess.assert_each_once(items.clone());
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for done in &rig.ess.books().done {
        let before = last.insert(done.person.clone(), done.item.clone());
        assert!(before.is_none_or(|before| before < done.item), "order of {}", done.person);
    }
    let account = rig.account("a");
    assert_eq!(account["pending"], 0);
    assert_eq!(account["applied"].as_u64().unwrap() + account["already_there"].as_u64().unwrap(), 60);
    assert!(rig.ess.books().seen.iter().all(|seen| seen.replay));
}

#[test]
fn conflicts_and_refusals_are_shown_to_people_and_never_decided() {
    let rig = Rig::started();
    assert_eq!(rig.submit("a", &note("p1", "1", "first")).0, 201);
    let (status, receipt) = rig.submit("a", &note("p1", "1", "second"));
    assert_eq!((status, state(&receipt)), (409, "conflict"));
    let mut wrong = note("p2", "1", "wrong");
    wrong["wish"] = "refuse".into();
    assert_eq!(rig.submit("a", &wrong).0, 422);
    rig.control("hold", &json!({ "tenants": ["a"], "why": "test" }));
    assert_eq!(rig.submit("a", &note("p1", "1", "third")).0, 202);
    let (code, tally) = rig.handback("a");
    assert_eq!((code, &tally["conflict"]), (0, &json!(1)), "{tally}");
    assert_eq!(rig.handback("a").1["pulled"], 0);

    let config = rig.handback_config("a", "");
    let listed = output(&["handback", "list", &config, "--json"]);
    let cases: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let shown: Vec<(&str, &str)> =
        cases.iter().map(|case| (state(case), case["content"]["item"].as_str().unwrap())).collect();
    assert_eq!(shown, [("conflict", "second"), ("refused", "wrong"), ("conflict", "third")]);
    assert!(cases.iter().all(|case| case["reason"]["reason"].as_str().unwrap().starts_with("SECRETREASON")));
    assert_eq!(rig.ess.times().len(), 1);
    let account = rig.account("a");
    assert_eq!(
        (&account["conflict"], &account["refused"], &account["pending"]),
        (&json!(2), &json!(1), &json!(0))
    );
}

#[test]
fn the_same_business_sent_twice_is_told_to_the_core_and_done_once() {
    let rig = Rig::started();
    rig.control("hold", &json!({ "site": "ess", "why": "test" }));
    let (_, first) = rig.submit("a", &note("p1", "1", "i1"));
    let (_, second) = rig.submit("a", &note("p1", "1", "i1"));
    assert_ne!(first["receipt"], second["receipt"], "nothing is thrown away unseen: each has its receipt");
    rig.submit("b", &note("p1", "1", "i1"));
    let (code, tally) = rig.handback("a");
    assert_eq!((code, &tally["applied"], &tally["already_there"]), (0, &json!(1), &json!(1)), "{tally}");
    let told: Vec<Option<String>> =
        rig.ess.books().seen.iter().map(|seen| seen.same_business_as.clone()).collect();
    assert_eq!(told, [None, first["receipt"].as_str().map(str::to_owned)]);
    rig.handback("b");
    assert_eq!(rig.ess.books().seen[2].same_business_as, None, "tenants know nothing of each other");
}

#[test]
fn what_a_restore_has_thrown_back_is_offered_again() {
    let rig = Rig::started();
    assert_eq!(rig.submit("a", &note("p1", "1", "before")).0, 201);
    let snapshot = rig.ess.books().done.clone();
    // Entries carry milliseconds: what was taken in within the same one is offered again too, to be safe.
    let last_ms = jiff::Timestamp::now().as_millisecond();
    until("time passes", || jiff::Timestamp::now().as_millisecond() > last_ms);
    let since = jiff::Timestamp::now().to_string();
    for number in 0..5 {
        assert_eq!(rig.submit("a", &note("p1", &format!("2{number}"), &format!("gap{number}"))).0, 201);
    }
    assert_eq!(rig.submit("c", &note("p1", "1", "elsewhere")).0, 201);
    // The attack, and the restore of a state from before.
    rig.ess.die();
    rig.submit("a", &note("p1", "3", "held"));
    rig.ess.books().done = snapshot;
    rig.ess.revive();

    let answer = rig.control("reopen", &json!({ "site": "ess", "since": since }));
    assert_eq!(answer, json!({ "reopened": { "a": 5, "b": 0 } }));
    assert_eq!(rig.account("a")["pending"], 6);
    assert_eq!(rig.submit("a", &note("p9", "1", "during")).0, 202, "reopening holds");
    let (code, tally) = rig.handback("a");
    assert_eq!((code, &tally["applied"]), (0, &json!(7)), "{tally}");
    rig.control("release", &json!({ "site": "ess" }));
    let order: Vec<String> =
        rig.ess.books().done.iter().map(|done| done.item.clone()).filter(|item| item != "during").collect();
    assert_eq!(order, ["before", "gap0", "gap1", "gap2", "gap3", "gap4", "held"]);
    assert_eq!(rig.account("c")["pending"], 0);

    // Reopening far too early costs time and nothing else.
    rig.control("reopen", &json!({ "tenants": ["a"], "since": "1970-01-01T00:00:00Z" }));
    let (code, tally) = rig.handback("a");
    assert_eq!((code, &tally["already_there"]), (0, &json!(8)), "{tally}");
    assert!(rig.ess.times().values().all(|times| *times == 1));
}

#[test]
fn hand_back_asks_outside_before_it_repeats_what_has_left_the_house() {
    let rig = Rig::started();
    rig.control("hold", &json!({ "site": "ess", "why": "test" }));
    rig.submit("a", &note("p1", "1", "paid"));
    rig.submit("a", &note("p2", "1", "unpaid"));
    rig.submit("a", &note("p3", "1", ""));
    rig.ess.pay("paid");
    let probe = format!("outside_probe = \"http://{}/paid/{{/item}}\"\n", rig.ess.address);
    let config = rig.handback_config("a", &probe);
    let ran = output(&["handback", "run", &config, "--json"]);
    assert_eq!(ran.status.code(), Some(1), "one cannot be asked about, so it stays");
    let tally: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&tally["applied"], &tally["still_pending"]), (&json!(2), &json!(1)), "{tally}");
    let outside: BTreeMap<String, Option<String>> =
        rig.ess.books().done.iter().map(|done| (done.item.clone(), done.outside.clone())).collect();
    assert_eq!(outside["paid"].as_deref(), Some("done"));
    assert_eq!(outside["unpaid"].as_deref(), Some("not-done"));
    assert_eq!(rig.account("a")["pending"], 1);
}

#[test]
fn a_core_that_is_gone_during_hand_back_loses_nothing() {
    let rig = Rig::started();
    rig.ess.die();
    for number in 0..5 {
        rig.submit("a", &note(&format!("p{number}"), "1", &format!("i{number}")));
    }
    let (code, tally) = rig.handback("a");
    assert_eq!((code, &tally["still_pending"]), (1, &json!(5)), "{tally}");
    assert_eq!(rig.account("a")["pending"], 5);
    rig.ess.revive();
    rig.ess.mood(Mood::Fails);
    assert_eq!(rig.handback("a").0, 1);
    rig.ess.mood(Mood::Works);
    assert_eq!(rig.handback("a").0, 0);
    assert_eq!(rig.account("a")["applied"], 5);
}

#[test]
fn whatever_moment_the_bridge_is_killed_every_receipt_is_on_its_disk() {
    let mut rig = Rig::started();
    let receipts: Mutex<Vec<(String, String)>> = Mutex::default();
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    for round in 0..8_u64 {
        stop.store(false, Ordering::SeqCst);
        let target = sent.load(Ordering::SeqCst) + 7 + round * 5;
        let address = rig.address();
        std::thread::scope(|scope| {
            for worker in 0..6 {
                let (receipts, stop, sent) = (&receipts, &stop, &sent);
                scope.spawn(move || {
                    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
                    while !stop.load(Ordering::SeqCst) {
                        let number = sent.fetch_add(1, Ordering::SeqCst);
                        let item = format!("i{number}");
                        let body = note(&format!("p{worker}"), &number.to_string(), &item).to_string();
                        let (status, receipt) =
                            crate::bridge_rig::post(&agent, address, "/t/a/eau", &[], &body);
                        if matches!(status, 201 | 202) {
                            let receipt = receipt["receipt"].as_str().unwrap().to_owned();
                            receipts.lock().unwrap().push((receipt, item));
                        }
                    }
                });
            }
            until("enough is sent", || sent.load(Ordering::SeqCst) >= target);
            rig.kill();
            stop.store(true, Ordering::SeqCst);
        });
        // Odd rounds: the core is gone too, so that later rounds mix held and passed.
        if round == 3 {
            rig.ess.die();
        }
        if round == 5 {
            rig.ess.revive();
        }
        rig.start();
        if round == 6 {
            rig.control("release", &json!({ "site": "ess" }));
        }
    }
    let receipts = receipts.into_inner().unwrap();
    assert!(receipts.len() > 20, "only {} receipts: the test shows nothing", receipts.len());
    let mut on_disk = HashSet::new();
    let mut reader = journal::Reader::open(&rig.path("bridge/journal")).unwrap();
    for record in reader.read(0) {
        let record = record.unwrap();
        if let journal::Payload::Present(payload) = record.payload
            && record.kind == "item.accepted"
        {
            let line = payload.split(|byte| *byte == b'\n').next().unwrap();
            let value: Value = serde_json::from_slice(line).unwrap();
            on_disk.insert(value["receipt"].as_str().unwrap().to_owned());
        }
    }
    for (receipt, item) in &receipts {
        assert!(on_disk.contains(receipt), "{item} has a receipt and is not on disk");
    }
    let (code, tally) = rig.handback("a");
    assert_eq!(code, 0, "{tally}");
    rig.ess.assert_each_once(receipts.into_iter().map(|(_, item)| item));
    assert!(rig.ess.times().values().all(|times| *times == 1), "nothing is doubled");
    assert_eq!(rig.account("a")["accepted"], on_disk.len() as u64);
    assert_eq!(rig.account("a")["pending"], 0);
    rig.terminate();
}

#[test]
fn a_bridge_whose_disk_fails_says_so_accepts_nothing_more_and_ends() {
    let mut rig = Rig::started();
    rig.control("hold", &json!({ "site": "ess", "why": "test" }));
    let mut receipts = Vec::new();
    for person in ["p2", "p3"] {
        let (_, receipt) = rig.submit("a", &note(person, "1", person));
        receipts.push(receipt["receipt"].as_str().unwrap().to_owned());
    }
    // The disk is taken away under the running bridge: what is open goes on for a while, a new file cannot be made.
    let (journal, away) = (rig.path("bridge/journal"), rig.path("away"));
    std::fs::rename(&journal, &away).unwrap();
    let mut refused = None;
    let filler = "x".repeat(200_000);
    for number in 0..500 {
        let mut body = note("p1", &number.to_string(), &format!("i{number}"));
        body["filler"] = filler.as_str().into();
        let (status, answer) = rig.submit("a", &body);
        if status != 202 {
            refused = Some((status, answer));
            break;
        }
        receipts.push(answer["receipt"].as_str().unwrap().to_owned());
    }
    let (status, answer) = refused.expect("the disk must fail at some point");
    assert_eq!(status, 503, "{answer}");
    assert!(answer["means"].as_str().unwrap().contains("not accepted"), "{answer}");
    assert_eq!(rig.ended().code(), Some(2));
    let told = std::fs::read_to_string(rig.path("bridge.log")).unwrap();
    assert!(told.contains("journal stopped"), "{told}");

    if journal.exists() {
        std::fs::remove_dir_all(&journal).unwrap();
    }
    std::fs::rename(&away, &journal).unwrap();
    rig.start();
    assert!(rig.account("a")["accepted"].as_u64().unwrap() >= receipts.len() as u64);
    rig.control("release", &json!({ "site": "ess" }));
    assert_eq!(rig.handback("a").0, 0);
    let done: HashSet<String> = rig.ess.books().done.iter().map(|done| done.receipt.clone()).collect();
    assert!(
        receipts.iter().all(|receipt| done.contains(receipt)),
        "every receipt that was given out was kept"
    );
}

#[test]
fn two_bridges_never_serve_one_folder() {
    let rig = Rig::started();
    let second = output(&["bridge", &rig.config()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another bridge"));
    assert_eq!(rig.submit("a", &note("p1", "1", "i1")).0, 201);
}

#[test]
fn the_account_is_recorded_in_the_incident_with_the_checkpoint_that_proves_it() {
    let rig = Rig::started();
    rig.submit("a", &note("p1", "1", "i1"));
    let folder = rig.path("incident");
    let first = incident::store::opening("test", "0", "");
    incident::store::create(&folder, &rig.path("incident.key"), "test", "me", &first, 1).unwrap();
    let config = rig.config();
    let ran = output(&["bridge", "account", &config, "--journal", path(&folder), "--by", "me", "--json"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let view = incident::store::read(&folder).unwrap();
    let account = &view.bridge.accounts[&"tenant:a".parse().unwrap()];
    assert_eq!((account.accepted, account.applied), (1, 1));

    for (call, expected) in [
        (vec!["hold", &config, "--tenant", "a", "--why", "drill"], r#"{"held":["a"]}"#),
        (
            vec!["reopen", &config, "--site", "ess", "--since", "1970-01-01T00:00:00Z"],
            r#"{"reopened":{"a":1,"b":0}}"#,
        ),
        (vec!["release", &config, "--site", "ess"], r#"{"released":["a","b"]}"#),
    ] {
        let ran = output(&[vec!["bridge"], call].concat());
        assert_eq!(String::from_utf8(ran.stdout).unwrap().trim(), expected);
    }
    // A second reason is kept beside the first, which goes on being the one that is shown.
    rig.control("hold", &json!({ "site": "ess", "why": "first" }));
    for _ in 0..2 {
        let ran = output(&["bridge", "hold", &config, "--site", "site:ess", "--why", "second"]);
        assert_eq!(String::from_utf8(ran.stdout).unwrap().trim(), r#"{"held":[],"held_before":["a","b"]}"#);
        assert!(String::from_utf8(ran.stderr).unwrap().contains("held before already"));
    }
    assert_eq!(rig.account("a")["route"]["why"], "first");
    let shown = output(&["journal", "show", path(&rig.path("bridge")), "--json"]);
    assert_eq!(String::from_utf8(shown.stdout).unwrap().matches(r#""why":"second""#).count(), 2);
    // The journal of a bridge is found from inside its folder, as that of an incident is.
    let mut inside = std::process::Command::new(env!("CARGO_BIN_EXE_blackstart"));
    let verified = inside.args(["journal", "verify"]).current_dir(rig.path("bridge")).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let ran = output(&["bridge", "hold", &config, "--site", "nowhere"]);
    assert_eq!(ran.status.code(), Some(1));
}

#[test]
fn nothing_that_people_wrote_is_readable_on_the_bridges_disk() {
    let mut rig = Rig::started();
    rig.submit("a", &note("p1", "1", "i1"));
    rig.submit("a", &note("p1", "1", "i2"));
    rig.control("hold", &json!({ "site": "ess", "why": "test" }));
    rig.submit("a", &note("p1", "1", "i3"));
    let (code, _) = rig.handback("a");
    assert_eq!(code, 0);
    rig.kill();
    let mut searched = 0;
    let mut folders = vec![rig.path("bridge")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let Ok(bytes) = std::fs::read(&entry) else { continue };
            searched += bytes.len();
            for marker in [&b"PLAINMARKER"[..], b"SECRETREASON", b"\"p1\"", b"stored"] {
                let found = bytes.windows(marker.len()).any(|window| window == marker);
                assert!(!found, "{} is in {}", String::from_utf8_lossy(marker), entry.display());
            }
        }
    }
    assert!(searched > 3_000, "only {searched} bytes: the search shows nothing");
    let identity = std::fs::read_to_string(rig.path("a.identity")).unwrap();
    assert!(identity.contains("AGE-SECRET-KEY-"));
}
