//! Identity: hands out tokens and says whether they are good. Everything else needs it, to start and while it runs.

use std::collections::HashSet;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use serde_json::{Value, json};

use super::post::{Post, answer};
use crate::Result;
use crate::wire::{Caller, Reply};

/// Identity of a site.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub post: super::post::Args,
}

/// Serves until SIGTERM. Tokens live in memory: after a restart everybody has to log in again.
pub fn run(args: &Args) -> Result<()> {
    let post = Post::take(&args.post)?;
    let tokens = Arc::new(Mutex::new(HashSet::<String>::new()));
    let known = tokens.clone();
    let issue = async move |body: Bytes| answer(issue(&tokens, &body));
    let validate = async move |body: Bytes| answer(validate(&known, &body));
    post.serve(Router::new().route("/token", post_route(issue)).route("/validate", post_route(validate)))
}

use post as post_route;

fn issue(tokens: &Mutex<HashSet<String>>, body: &[u8]) -> Reply {
    let service = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| Some(body["service"].as_str()?.to_owned()));
    let Some(service) = service else { return Reply::because(422, "say which `service` you are") };
    let mut secret = [0; 16];
    if std::fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut secret)).is_err() {
        return Reply::because(500, "no randomness for a token");
    }
    let token = format!("{service}.{:032x}", u128::from_le_bytes(secret));
    match tokens.lock() {
        Ok(mut tokens) => {
            tokens.insert(token.clone());
            Reply::new(201, json!({ "token": token }))
        }
        Err(_) => Reply::because(500, "identity is broken"),
    }
}

fn validate(tokens: &Mutex<HashSet<String>>, body: &[u8]) -> Reply {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let good =
        body["token"].as_str().is_some_and(|token| tokens.lock().is_ok_and(|known| known.contains(token)));
    if good { Reply::new(200, json!({ "good": true })) } else { Reply::because(401, "not a token of ours") }
}

/// How long a checked token is believed. Short, so that a dead identity is noticed at once.
const BELIEVED: Duration = Duration::from_millis(100);
/// How long a starting service waits for identity before it gives up.
const PATIENCE: Duration = Duration::from_secs(2);

/// A service's own login.
pub struct Login {
    caller: Caller,
    identity: String,
    service: String,
    held: Mutex<(String, Instant)>,
}

impl Login {
    /// Fetches the token without which a service does not come up.
    pub fn fetch(identity: &str, service: &str) -> std::result::Result<Login, String> {
        let caller = Caller::new(Duration::from_millis(800));
        let until = Instant::now() + PATIENCE;
        loop {
            match token(&caller, identity, service) {
                Ok(token) => {
                    let held = Mutex::new((token, Instant::now()));
                    return Ok(Login { caller, identity: identity.into(), service: service.into(), held });
                }
                Err(why) if Instant::now() > until => {
                    return Err(format!(
                        "no token from identity at {identity} ({why}); start identity first"
                    ));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Whether identity says, now, that the token is good; logs in again where identity has forgotten it.
    pub fn check(&self) -> std::result::Result<(), String> {
        let mut held = self.held.lock().map_err(|_| "the login is broken".to_owned())?;
        if held.1.elapsed() < BELIEVED {
            return Ok(());
        }
        let body = json!({ "token": held.0 }).to_string();
        match self.caller.post(&format!("{}/validate", self.identity), &[], &body) {
            Ok(reply) if reply.status == 200 => held.1 = Instant::now(),
            Ok(_) => *held = (token(&self.caller, &self.identity, &self.service)?, Instant::now()),
            Err(why) => return Err(format!("identity does not answer: {why}")),
        }
        Ok(())
    }
}

fn token(caller: &Caller, identity: &str, service: &str) -> std::result::Result<String, String> {
    let reply = caller.post(&format!("{identity}/token"), &[], &json!({ "service": service }).to_string())?;
    let token = reply.body["token"].as_str().map(str::to_owned);
    token.ok_or_else(|| format!("identity answered {} without a token", reply.status))
}
