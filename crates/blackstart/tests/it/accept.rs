//! A store that always held files that are not clean: what a person accepts of it, and what stays news.

use std::fs;

use serde_json::Value;

use crate::scan_rig::{PASSWORD, Stage, blackstart, text};

/// 190 letters and 10 broken old files: one in twenty.
fn stage() -> Stage {
    let stage = Stage::new();
    (0..190).for_each(|number| stage.letter(number, b""));
    for number in 0..10 {
        let broken =
            format!("%PDF-1.4\n1 0 obj\n<< /Length {} >>\nstream\nhalf of a form", number * 1_000 + 50);
        fs::write(stage.at("live").join(format!("old-{number}.pdf")), broken).unwrap();
    }
    let estate = stage.at("estate/estate.toml");
    fs::write(stage.at("secret"), PASSWORD).unwrap();
    let source = format!(
        "source = {{ repository = {:?}, secret_file = {:?} }}\n",
        stage.repository(),
        stage.at("secret")
    );
    fs::write(&estate, fs::read_to_string(&estate).unwrap() + &source).unwrap();
    let (incident, folder) = (stage.at("incident"), stage.at("estate"));
    let adopted = ["adopt", text(&incident), text(&folder), "--reason", "its source", "--yes"];
    assert_eq!(blackstart(&adopted, None).code, 0);
    stage
}

fn last_clean(stage: &Stage) -> Value {
    let (repository, incident) = (stage.repository(), stage.at("incident"));
    let args = ["scan", &repository, "--journal", text(&incident), "--store", "store:core-muc", "--json"];
    blackstart(&args, Some(PASSWORD)).json()["last_clean"].clone()
}

#[test]
fn what_was_always_odd_and_is_accepted_hides_no_attack_and_no_clean_snapshot() {
    let stage = stage();
    let first = stage.snapshot();
    assert_eq!(last_clean(&stage), Value::Null, "ten broken files among two hundred are not tolerated");

    let incident = stage.at("incident");
    let accept = |options: &[&str]| {
        let call = [&["accept", text(&incident), "store:core-muc", &first[..8]], options].concat();
        blackstart(&call, None)
    };
    let without_reason = accept(&["--yes"]);
    assert!(
        without_reason.code == 1 && without_reason.err.contains("needs a reason"),
        "{}",
        without_reason.err
    );
    assert!(
        without_reason.err.contains("10 files damaged"),
        "what is odd is shown all the same: {}",
        without_reason.err
    );
    let unasked = accept(&["--reason", "opened three of them"]);
    assert!(unasked.code == 1 && unasked.err.contains("--yes"), "{}", unasked.err);
    assert_eq!(stage.count("scan.contents_accepted"), 0);
    let accepted = accept(&["--reason", "opened three of them", "--yes"]);
    assert_eq!(accepted.code, 0, "{}", accepted.err);
    assert_eq!(stage.count("scan.contents_accepted"), 1);
    assert_eq!(last_clean(&stage), Value::String(first.clone()));

    // Another name is no news; other content is, and so is an attack: the exact snapshot before it is named.
    fs::rename(stage.at("live/old-0.pdf"), stage.at("live/older-0.pdf")).unwrap();
    let renamed = stage.snapshot();
    assert_eq!(last_clean(&stage), Value::String(renamed.clone()));
    fs::write(stage.at("live/old-1.pdf"), "%PDF-1.4\n1 0 obj\n<< /Length 9 >>\nstream\nanother half")
        .unwrap();
    stage.snapshot();
    assert_eq!(last_clean(&stage), Value::String(renamed.clone()), "an accepted file that changed");
    (0..40).for_each(|number| stage.letter(number, b"k"));
    let attacked = stage.snapshot();
    assert_eq!(last_clean(&stage), Value::String(renamed.clone()));

    // What an attack did cannot be accepted along with the rest: the exact snapshot before it is still the last clean one.
    let accept_all = |snapshot: &str| {
        let call =
            ["accept", text(&incident), "store:core-muc", &snapshot[..8], "--reason", "all of it", "--yes"];
        blackstart(&call, None)
    };
    let told = accept_all(&attacked);
    assert!(told.err.contains("NOT to be accepted: 40 files"), "{}", told.err);
    assert_eq!(last_clean(&stage), Value::String(renamed.clone()));
    // Attacks that only leave what is odd: archives with a password in place of letters, and nothing but zeros.
    let live = stage.at("live");
    (0..40).for_each(|number| stage.letter(number, b""));
    for number in 40..100_u8 {
        let letter = live.join(format!("letter-{number}.txt"));
        let length = fs::metadata(&letter).unwrap().len();
        if number % 2 == 0 {
            let mut sealed = b"Salted__".to_vec();
            let mut state = u64::from(number);
            sealed.extend((0..length).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            }));
            fs::remove_file(&letter).unwrap();
            fs::write(live.join(format!("letter-{number}.txt.enc")), sealed).unwrap();
        } else {
            fs::write(&letter, vec![0; usize::try_from(length).unwrap()]).unwrap();
        }
    }
    let odd_attack = stage.snapshot();
    let told = accept_all(&odd_attack);
    assert!(told.err.contains("NOT to be accepted: 6"), "{}", told.err);
    assert_eq!(last_clean(&stage), Value::String(renamed));
    // One of them by its name, and it alone.
    let named = live.join("letter-41.txt");
    let call = ["accept", text(&incident), "store:core-muc", &odd_attack[..8], "--file", text(&named)];
    let told = blackstart(&[&call[..], &["--reason", "emptied by the crew", "--yes"]].concat(), None);
    assert!(told.code == 0 && told.out.contains("accepted 1 content"), "{}{}", told.out, told.err);
}
