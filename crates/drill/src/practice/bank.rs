//! The bank: outside, never restored, and naive. It pays what it is told, every time it is told, and remembers.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path as Segment;
use axum::routing::{get, post as post_route};
use serde_json::{Value, json};

use super::post::{Post, answer, blocking};
use crate::fault::During as _;
use crate::wire::Reply;
use crate::{Fault, Result};

/// The bank outside.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub post: super::post::Args,
    /// Its book, one JSON line for each payment made.
    #[arg(long)]
    pub book: PathBuf,
}

struct Bank {
    book: File,
    paid: BTreeMap<String, u64>,
}

/// Serves until SIGTERM.
pub fn run(args: &Args) -> Result<()> {
    let post = Post::take(&args.post)?;
    let paid = if args.book.exists() { paid(&args.book)? } else { BTreeMap::new() };
    let book = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&args.book)
        .during(|| format!("the bank cannot open its book {}", args.book.display()))?;
    let bank = Arc::new(Mutex::new(Bank { book, paid }));
    let teller = bank.clone();
    let pay = async move |body: Bytes| {
        let teller = teller.clone();
        blocking(move || pay(&teller, &body)).await
    };
    let look = async move |Segment(reference): Segment<String>| answer(look(&bank, &reference));
    post.serve(Router::new().route("/pay", post_route(pay)).route("/paid/{reference}", get(look)))
}

fn pay(bank: &Mutex<Bank>, body: &[u8]) -> Reply {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let (Some(reference), Some(amount)) = (body["reference"].as_str(), body["amount_cents"].as_u64()) else {
        return Reply::because(422, "a payment needs `reference` and `amount_cents`");
    };
    let Ok(mut bank) = bank.lock() else { return Reply::because(500, "the bank is broken") };
    let line = format!("{}\n", json!({ "reference": reference, "amount_cents": amount }));
    if let Err(cause) = bank.book.write_all(line.as_bytes()).and_then(|()| bank.book.sync_data()) {
        return Reply::because(500, format!("the bank cannot write: {cause}"));
    }
    *bank.paid.entry(reference.to_owned()).or_default() += 1;
    Reply::new(201, json!({ "reference": reference }))
}

fn look(bank: &Mutex<Bank>, reference: &str) -> Reply {
    match bank.lock().map(|bank| bank.paid.get(reference).copied()) {
        Ok(Some(times)) => Reply::new(200, json!({ "reference": reference, "times": times })),
        Ok(None) => Reply::because(404, "nothing was paid under this reference"),
        Err(_) => Reply::because(500, "the bank is broken"),
    }
}

/// How often the bank has paid each reference, from its book.
pub fn paid(book: &Path) -> Result<BTreeMap<String, u64>> {
    let text =
        fs::read_to_string(book).during(|| format!("cannot read the bank's book {}", book.display()))?;
    let mut paid = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).map_err(|cause| {
            Fault::new(format!("the bank's book {} has a broken line: {cause}", book.display()))
        })?;
        *paid.entry(line["reference"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    Ok(paid)
}
