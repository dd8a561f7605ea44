//! Tests of `traffic`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;

use super::*;
use crate::practice::post::answer;
use crate::wire::Reply;

type Taken = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A bridge that remembers by key. One that hangs takes every third submission and never answers it.
struct Stand {
    runtime: tokio::runtime::Runtime,
    port: u16,
}

fn stand(port: u16, taken: &Taken, hangs: bool) -> Stand {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let taken = taken.clone();
    let take = async move |headers: HeaderMap, body: Bytes| {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        let (first, count) = {
            let mut taken = taken.lock().unwrap();
            let first = !taken.contains_key(&key);
            let before = taken.entry(key.clone()).or_insert_with(|| body.to_vec());
            assert_eq!(before[..], body[..], "asked again under {key} with another body");
            (first, taken.len())
        };
        if hangs && first && count % 3 == 0 {
            // Taken, but the answer never arrives: the connection dies with this process.
            std::future::pending::<()>().await;
        }
        answer(Reply::new(202, serde_json::json!({ "receipt": format!("r-{key}"), "state": "held" })))
    };
    let router = Router::new().route("/t/{tenant}/{operation}", post(take));
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    Stand { runtime, port }
}

fn settings(folder: &std::path::Path, port: u16) -> Settings {
    Settings {
        bridge: format!("http://127.0.0.1:{port}"),
        funds: crate::estate::funds(3).unwrap(),
        persons_per_fund: 8,
        seed: 5,
        per_second: 400,
        threads: 4,
        ledger: folder.join("ledger.jsonl"),
    }
}

#[test]
fn the_ledger_survives_a_bridge_that_dies_and_everything_is_answered_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let taken = Taken::default();
    let first = stand(0, &taken, true);
    let port = first.port;
    let traffic = Traffic::start(settings(folder.path(), port)).unwrap();
    traffic.resend(true);
    let patient = Duration::from_secs(20);
    wait_until("some are answered and one is left hanging", patient, || {
        traffic.counts().answered > 3 && taken.lock().unwrap().len() >= 6
    })
    .unwrap();
    first.runtime.shutdown_timeout(Duration::from_secs(5));
    wait_until("senders see that nobody answers", patient, || traffic.counts().no_answer > 8).unwrap();

    let unanswered = traffic.ledger().states().get("unanswered").copied().unwrap_or(0);
    assert!(unanswered > 0, "those without an answer stand in the ledger");
    let again = stand(port, &taken, false);
    wait_until("many more are answered", patient, || traffic.counts().answered > 40).unwrap();
    traffic.pause(patient).unwrap();
    let ledger = traffic.ledger();
    let counts = traffic.stop(patient);

    let book = ledger.submissions();
    assert_eq!(book.len() as u64, counts.sent);
    assert_eq!(counts.answered, counts.sent);
    assert_eq!(book, Ledger::load(&folder.path().join("ledger.jsonl")).unwrap());
    let taken = taken.lock().unwrap();
    for line in &book {
        assert_eq!(line.receipt.as_deref(), Some(format!("r-{}", line.key).as_str()));
        assert_eq!(taken[&line.key], line.body.as_bytes());
    }
    assert!(book.iter().any(|line| line.attempts > 1), "somebody had to ask again");
    let resent = book.iter().find(|line| line.intent == Intent::Resend).expect("some send twice");
    let first = book.iter().find(|line| line.item == resent.item).unwrap();
    assert!(first.key != resent.key && first.body == resent.body);
    drop(again);
}

#[test]
fn a_ledger_is_not_continued_under_the_same_items() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), 1);
    drop(Traffic::start(settings.clone()).unwrap());
    assert!(Traffic::start(settings).is_err());
}
