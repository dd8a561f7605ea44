//! The core system of a site: insured persons, cases and letters, in a folder of documents and a database.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path as Segment;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use rusqlite::OptionalExtension as _;
use serde_json::{Value, json};

use super::book::{self, Business, Offer};
use super::desk::{Desk, Rest};
use super::identity::Login;
use super::post::{Post, answer, blocking};
use crate::Result;
use crate::wire::Reply;

/// The core system of a site.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub post: super::post::Args,
    /// Folder with `docs/` and `core.db`.
    #[arg(long)]
    pub store: PathBuf,
    /// Where identity answers: `http://127.0.0.1:PORT`.
    #[arg(long)]
    pub identity: String,
}

struct Core {
    post: Arc<Post>,
    desk: Desk,
    login: Login,
    letters: PathBuf,
    rest: Rest,
}

/// Serves until SIGTERM.
pub fn run(args: &Args) -> Result<()> {
    let post = Post::take(&args.post)?;
    let login = Login::fetch(&args.identity, &post.name).map_err(|why| post.give_up(&why))?;
    let desk = Desk::open(&args.store.join("core.db"), book::SCHEMA)
        .map_err(|why| post.give_up(&why.to_string()))?;
    let letters = args.store.join("docs").join("letters");
    fs::create_dir_all(&letters).map_err(|why| post.give_up(&why.to_string()))?;
    let core = Arc::new(Core { post: post.clone(), desk, login, letters, rest: Rest::default() });
    let mut router = Router::new();
    for business in Business::ALL {
        let core = core.clone();
        let take = async move |headers: HeaderMap, body: Bytes| {
            let core = core.clone();
            blocking(move || core.take(business, &headers, &body)).await
        };
        router = router.route(&format!("/{}", business.word()), post_route(take));
    }
    let (one, count, quiesce, resume) = (core.clone(), core.clone(), core.clone(), core);
    let router = router
        .route(
            "/person/{id}",
            get(async move |Segment(id): Segment<String>| blocking(move || one.person(id)).await),
        )
        .route("/effects", get(async move || blocking(move || count.count()).await))
        .route(
            "/admin/quiesce",
            post_route(async move || blocking(move || quiesce.rest.quiesce(&quiesce.desk)).await),
        )
        .route("/admin/resume", post_route(async move || answer(resume.rest.resume())));
    post.serve(router)
}

use post as post_route;

impl Core {
    fn take(&self, business: Business, headers: &HeaderMap, body: &[u8]) -> Reply {
        if let Some(closed) = self.post.closed() {
            return closed;
        }
        if let Err(why) = self.login.check() {
            return Reply::because(503, why);
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return Reply::because(422, "the body is not JSON");
        };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let receipt = header("blackstart-receipt");
        let offer = Offer { business, receipt, replay: header("blackstart-replay").is_some(), body };
        let letters = self.letters.clone();
        let done = self.desk.with(move |tables| {
            let reply = book::book(tables, &offer)?;
            if reply.status == 201 && offer.business == Business::Letter {
                write_letter(&letters, &offer.body)
                    .map_err(|cause| rusqlite::Error::ToSqlConversionFailure(cause.into()))?;
            }
            Ok(reply)
        });
        done.unwrap_or_else(|why| {
            self.post.say(&why);
            Reply::because(500, why)
        })
    }

    fn person(&self, id: String) -> Reply {
        let found = self.desk.with(move |tables| {
            let query = "SELECT tenant, name, street, city, version FROM person WHERE id = ?1";
            tables
                .query_row(query, [&id], |row| {
                    Ok(json!({
                        "person": id, "tenant": row.get::<_, String>(0)?, "name": row.get::<_, String>(1)?,
                        "street": row.get::<_, String>(2)?, "city": row.get::<_, String>(3)?,
                        "version": row.get::<_, i64>(4)?
                    }))
                })
                .optional()
        });
        match found {
            Ok(Some(person)) => Reply::new(200, person),
            Ok(None) => Reply::because(404, "nobody of that id is insured here"),
            Err(why) => Reply::because(500, why),
        }
    }

    fn count(&self) -> Reply {
        let query = "SELECT count(*) FROM effect";
        match self.desk.with(move |tables| tables.query_row(query, [], |row| row.get::<_, i64>(0))) {
            Ok(effects) => Reply::new(200, json!({ "effects": effects })),
            Err(why) => Reply::because(500, why),
        }
    }
}

/// The document comes before the commit: a letter without its line in the book is written again under the same name,
/// a line without its letter would never be repaired.
fn write_letter(folder: &std::path::Path, body: &Value) -> std::io::Result<()> {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let safe = |text: &str| {
        text.chars().filter(|sign| sign.is_ascii_alphanumeric() || "-_".contains(*sign)).collect::<String>()
    };
    let name = safe(text("item"));
    let draft = folder.join(format!(".{name}.part"));
    let letter = format!(
        "To: {} ({})\nRef: {}\nSubject: {}\n\n{}\n",
        text("person"),
        text("tenant"),
        text("item"),
        text("subject"),
        text("text")
    );
    fs::write(&draft, letter)?;
    fs::rename(&draft, folder.join(format!("{name}.txt")))
}
