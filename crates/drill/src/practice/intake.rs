//! Sick-note intake: takes notes from practices and portals and hands each to the core. Keeps nothing itself.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post as post_route;

use super::identity::Login;
use super::post::{Post, blocking};
use crate::Result;
use crate::wire::{Caller, Reply};

/// Sick-note intake of a site.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub post: super::post::Args,
    /// Where identity answers.
    #[arg(long)]
    pub identity: String,
    /// Where the core answers.
    #[arg(long)]
    pub core: String,
}

/// Serves until SIGTERM.
pub fn run(args: &Args) -> Result<()> {
    let post = Post::take(&args.post)?;
    let login = Login::fetch(&args.identity, &post.name).map_err(|why| post.give_up(&why))?;
    let core = format!("{}/sick-note", args.core);
    let intake = Arc::new((post.clone(), login, Caller::new(Duration::from_secs(10)), core));
    let take = async move |headers: HeaderMap, body: Bytes| {
        let intake = intake.clone();
        blocking(move || {
            let (post, login, caller, core) = &*intake;
            if let Some(closed) = post.closed() {
                return closed;
            }
            if let Err(why) = login.check() {
                return Reply::because(503, why);
            }
            hand_on(caller, core, &headers, &body)
        })
        .await
    };
    post.serve(Router::new().route("/sick-note", post_route(take)))
}

/// Asks the core under the same receipt. No answer is 503: whether the core took it is then not known.
pub fn hand_on(caller: &Caller, url: &str, headers: &HeaderMap, body: &[u8]) -> Reply {
    let Ok(body) = std::str::from_utf8(body) else { return Reply::because(422, "the body is not text") };
    let mut passed = Vec::new();
    for name in ["blackstart-receipt", "blackstart-replay"] {
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
            passed.push((name, value));
        }
    }
    caller
        .post(url, &passed, body)
        .unwrap_or_else(|why| Reply::because(503, format!("no answer from the core: {why}")))
}
