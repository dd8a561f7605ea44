//! A cut by the built binary on real processes: what is cut off stays off until somebody lifts it.

use crate::restart::Provider;

fn out(output: &std::process::Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

#[test]
fn what_is_cut_off_is_not_started_until_the_cut_is_lifted_and_status_follows() {
    let provider = Provider::new();
    provider.prepare();
    assert!(provider.recover().status.success(), "everything runs");
    let cut = ["contain", "estate", "--infected", "mail", "--apply", "--yes", "--journal", "incident"];
    let cut = provider.call(&cut);
    assert_eq!(cut.status.code(), Some(0), "{}", out(&cut));
    assert!(out(&cut).contains("holds, its process"), "{}", out(&cut));
    let status = provider.works(&["status", "incident"]);
    assert!(status.contains("stop service:mail: holds"), "{status}");
    assert!(status.contains("there is no plan to bring them back"), "the first plan is done: {status}");

    let replan = ["plan", "estate", "--lost", "service:mail", "--journal", "incident", "-o", "plan", "--yes"];
    let replan = provider.call(&replan[..replan.len() - 1]);
    assert!(replan.status.success(), "{}", out(&replan));
    let text = std::fs::read_to_string(provider.root().join("plan")).unwrap();
    let hash = incident::plan::file::Plan::read(&text).unwrap().hash();
    provider.works(&["approve", "incident", &hash, "--yes", "--by", "bert"]);
    let refused = provider.recover();
    assert_eq!(refused.status.code(), Some(1));
    assert!(out(&refused).contains("it is cut off since entry"), "{}", out(&refused));
    let status = provider.works(&["status", "incident"]);
    let remedy = "blackstart contain lift incident service:mail --reason TEXT";
    assert!(status.contains(remedy) && out(&refused).contains(remedy), "{status}");

    let lift = ["contain", "lift", "incident", "mail", "--reason", "cleaned", "--by", "bert"];
    let asked = provider.call(&lift);
    assert_eq!(asked.status.code(), Some(1), "nobody agreed");
    assert!(out(&asked).contains("INFECTED, and neither restored nor started anew since: service:mail"));
    provider.works(&[lift.as_slice(), &["--yes"]].concat());
    let status = provider.works(&["status", "incident"]);
    assert!(status.contains("stop service:mail: to be there again, not seen yet"), "{status}");
    assert!(!status.contains("there is no plan"), "it is in the approved one: {status}");
    let done = provider.recover();
    assert_eq!(done.status.code(), Some(0), "{}", out(&done));
    let status = provider.works(&["status", "incident"]);
    assert!(status.contains("stop service:mail: lifted: service:mail serves since entry"), "{status}");
    assert!(status.contains("nothing waits for a decision"), "{status}");
    let nothing = provider.call(&["contain", "lift", "incident", "core", "--reason", "x", "--yes"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(out(&nothing).contains("nothing of service:core is cut off"), "{}", out(&nothing));
}

#[test]
fn a_cut_that_proves_nothing_ends_with_one_and_says_so() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    let file = provider.root().join("estate/estate.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("[service.old]\nsite = \"here\"\n[service.old.run]\nstop = [\"/bin/true\"]\nstart = [\"/bin/true\"]\n[[service.old.gates]]\nhttp = \"http://no-such-name.invalid/\"\n");
    std::fs::write(&file, text).unwrap();
    let cut = ["contain", "estate", "--infected", "old", "--apply", "--yes", "--journal", "incident"];
    let cut = provider.call(&cut);
    assert_eq!(cut.status.code(), Some(1), "{}", out(&cut));
    assert!(out(&cut).contains("NOT KNOWN whether it holds"), "{}", out(&cut));
    assert!(out(&cut).contains("not the estate in force"), "{}", out(&cut));
}
