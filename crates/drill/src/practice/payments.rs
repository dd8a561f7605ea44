//! Payments: books an order in the core, then tells the bank outside to pay it, once.
//!
//! It never asks the bank what was paid; it only knows what it wrote down itself. After a restore of its own
//! database it would therefore pay again, unless whoever offers the order says that the outside has happened.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post as post_route;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};

use super::desk::{Desk, Rest};
use super::identity::Login;
use super::intake::hand_on;
use super::post::{Post, answer, blocking};
use crate::Result;
use crate::wire::{Caller, Reply};

/// Payments of a site.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub post: super::post::Args,
    /// Folder with `payments.db`.
    #[arg(long)]
    pub store: PathBuf,
    #[arg(long)]
    pub identity: String,
    /// Where the core answers.
    #[arg(long)]
    pub core: String,
    /// Where the bank answers.
    #[arg(long)]
    pub bank: String,
}

/// Table of the payments. `state`: `asking` (the bank is about to be told), `paid`, `booked` (paid outside before).
pub const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS payment (
        item TEXT PRIMARY KEY, tenant TEXT NOT NULL, amount_cents INTEGER NOT NULL, state TEXT NOT NULL);";

struct Payments {
    post: Arc<Post>,
    desk: Desk,
    login: Login,
    caller: Caller,
    core: String,
    bank: String,
    rest: Rest,
    under_way: Mutex<HashSet<String>>,
}

/// Serves until SIGTERM.
pub fn run(args: &Args) -> Result<()> {
    let post = Post::take(&args.post)?;
    let login = Login::fetch(&args.identity, &post.name).map_err(|why| post.give_up(&why))?;
    let desk =
        Desk::open(&args.store.join("payments.db"), SCHEMA).map_err(|why| post.give_up(&why.to_string()))?;
    let payments = Arc::new(Payments {
        post: post.clone(),
        desk,
        login,
        caller: Caller::new(Duration::from_secs(10)),
        core: format!("{}/payment-order", args.core),
        bank: format!("{}/pay", args.bank),
        rest: Rest::default(),
        under_way: Mutex::new(HashSet::new()),
    });
    let (quiesce, resume) = (payments.clone(), payments.clone());
    let take = async move |headers: HeaderMap, body: Bytes| {
        let payments = payments.clone();
        blocking(move || payments.take(&headers, &body)).await
    };
    let router = Router::new()
        .route("/payment-order", post_route(take))
        .route(
            "/admin/quiesce",
            post_route(async move || blocking(move || quiesce.rest.quiesce(&quiesce.desk)).await),
        )
        .route("/admin/resume", post_route(async move || answer(resume.rest.resume())));
    post.serve(router)
}

/// What the offerer knows about the outside world (`Blackstart-Outside`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    NotSaid,
    Done,
    NotDone,
}

struct Order {
    item: String,
    tenant: String,
    amount_cents: u64,
    iban: String,
}

impl Order {
    fn read(body: &[u8]) -> Option<Order> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Some(Order {
            item: text("item")?,
            tenant: text("tenant")?,
            amount_cents: body["amount_cents"].as_u64()?,
            iban: text("iban")?,
        })
    }
}

impl Payments {
    fn take(&self, headers: &HeaderMap, body: &[u8]) -> Reply {
        if let Some(closed) = self.post.closed() {
            return closed;
        }
        if let Err(why) = self.login.check() {
            return Reply::because(503, why);
        }
        let Some(order) = Order::read(body) else {
            return Reply::because(422, "a payment order needs `item`, `tenant`, `iban` and `amount_cents`");
        };
        let outside = match headers.get("blackstart-outside").map(|value| value.as_bytes()) {
            Some(b"done") => Outside::Done,
            Some(b"not-done") => Outside::NotDone,
            _ => Outside::NotSaid,
        };
        // The same order on two channels at the same moment: the second comer is told to ask later.
        let Ok(true) = self.under_way.lock().map(|mut items| items.insert(order.item.clone())) else {
            return Reply::because(503, "this order is being worked on right now; ask again");
        };
        let reply = self.pay_once(&order, outside, headers, body);
        if let Ok(mut items) = self.under_way.lock() {
            items.remove(&order.item);
        }
        reply
    }

    fn pay_once(&self, order: &Order, outside: Outside, headers: &HeaderMap, body: &[u8]) -> Reply {
        let item = order.item.clone();
        let state = match self.desk.with(move |table| state(table, &item)) {
            Ok(state) => state,
            Err(why) => return Reply::because(500, why),
        };
        let booked = hand_on(&self.caller, &self.core, headers, body);
        if !matches!(booked.status, 200 | 201 | 208) {
            return booked;
        }
        match (state.as_deref(), outside) {
            (Some("paid" | "booked"), Outside::NotDone) => Reply::because(
                409,
                "our books say it was paid, but the bank has not seen it: a person must look at it",
            ),
            (Some("paid" | "booked"), Outside::NotSaid | Outside::Done) => booked,
            (_, Outside::Done) => self.write(order, "booked", booked),
            (Some(_), Outside::NotSaid) => Reply::because(
                503,
                "nobody knows whether the bank was told before: offer it again with what the bank says",
            ),
            (None, Outside::NotSaid) | (_, Outside::NotDone) => self.tell_the_bank(order),
        }
    }

    /// The intent is on disk before the bank is told, so that a crash between leaves a doubt and not a second payment.
    fn tell_the_bank(&self, order: &Order) -> Reply {
        let intent = self.write(order, "asking", Reply::new(201, Value::Null));
        if intent.status != 201 {
            return intent;
        }
        let told = json!({ "reference": order.item, "amount_cents": order.amount_cents, "iban": order.iban });
        match self.caller.post(&self.bank, &[], &told.to_string()) {
            Ok(reply) if reply.status == 201 => {
                let answer = Reply::new(201, json!({ "item": order.item, "paid": order.amount_cents }));
                self.write(order, "paid", answer)
            }
            Ok(reply) => {
                Reply::because(503, format!("the bank answered {}: not known whether it pays", reply.status))
            }
            Err(why) => {
                Reply::because(503, format!("no answer from the bank: not known whether it pays ({why})"))
            }
        }
    }

    fn write(&self, order: &Order, state: &'static str, then: Reply) -> Reply {
        let (item, tenant) = (order.item.clone(), order.tenant.clone());
        let amount = i64::try_from(order.amount_cents).unwrap_or(i64::MAX);
        let written = self.desk.with(move |table| {
            table.execute(
                "INSERT INTO payment (item, tenant, amount_cents, state) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (item) DO UPDATE SET state = ?4",
                params![item, tenant, amount, state],
            )
        });
        match written {
            Ok(_) => then,
            Err(why) => Reply::because(500, why),
        }
    }
}

fn state(table: &Connection, item: &str) -> rusqlite::Result<Option<String>> {
    table.query_row("SELECT state FROM payment WHERE item = ?1", [item], |row| row.get(0)).optional()
}

/// Makes an empty payments database.
pub fn seed(database: &Path) -> Result<()> {
    Desk::open(database, SCHEMA).map(drop)
}
