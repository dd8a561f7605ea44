//! Mail: takes messages and puts them in a file. Nothing leaves the machine.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post as post_route;
use serde_json::{Value, json};

use super::post::{Post, blocking};
use crate::Result;
use crate::fault::During as _;
use crate::wire::Reply;

/// Mail stub of a site.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub post: super::post::Args,
    /// Where messages are put, one JSON line each.
    #[arg(long)]
    pub outbox: PathBuf,
}

/// Serves until SIGTERM.
pub fn run(args: &Args) -> Result<()> {
    let post = Post::take(&args.post)?;
    let outbox = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&args.outbox)
        .during(|| format!("mail cannot open {}", args.outbox.display()))?;
    let outbox = Arc::new(Mutex::new(outbox));
    let door = post.clone();
    let take = async move |body: Bytes| {
        let (outbox, door) = (outbox.clone(), door.clone());
        blocking(move || door.closed().unwrap_or_else(|| put(&outbox, &body))).await
    };
    post.serve(Router::new().route("/messages", post_route(take)))
}

fn put(outbox: &Mutex<File>, body: &[u8]) -> Reply {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return Reply::because(422, "the body is not JSON");
    };
    let written = outbox.lock().map(|mut outbox| outbox.write_all(format!("{message}\n").as_bytes()));
    match written {
        Ok(Ok(())) => Reply::new(201, json!({ "taken": true })),
        Ok(Err(cause)) => Reply::because(500, format!("mail cannot write: {cause}")),
        Err(_) => Reply::because(500, "mail is broken"),
    }
}
