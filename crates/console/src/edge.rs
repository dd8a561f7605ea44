//! Addresses, headers, limits: everything between a browser and the pages.
//!
//! Only this machine is listened to, because nothing here is encrypted; whoever is elsewhere comes through a tunnel of their
//! own (`ssh -L`). A request that names another host than this machine is refused, so that no page elsewhere can be led here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::access::{Access, Entered};
use crate::as_of::AsOf;
use crate::as_of::Owed;
use crate::current::{Current, chain, now_ms};
use crate::entries::{self, Wanted};
use crate::frame::{self, Clock, Tab};
use crate::places::{Place, Places};
use crate::{bridge, cuts, door, findings, live, points, run, screen, tenants};

/// Headers, and their time.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// A code and its field.
const FORM_BYTES_MAX: usize = 4096;
/// Connections, and those of them on which browsers listen for what is new.
const CONNECTIONS_MAX: usize = 768;
const LISTENERS_MAX: usize = 512;
const TRY_AGAIN: Duration = Duration::from_millis(10);
/// Pages made at one time that read the journal or draw durations.
const HEAVY_MAX: usize = 2;
const COOKIE: &str = "blackstart";

/// Nothing is loaded but the style and the script of this server, nothing is sent elsewhere, nobody puts a frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("../style/console.css");
const SCRIPT: &str = include_str!("../style/live.js");

#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    #[error("{0} is not an address of this machine alone")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
}

/// What is served.
pub struct Console {
    current: Current,
    access: Access,
    owed: Owed,
    heavy: Semaphore,
    listeners: Arc<Semaphore>,
}

impl Console {
    pub fn new(current: Current, access: Access, owed: Owed) -> Arc<Console> {
        Arc::new(Console {
            current,
            access,
            owed,
            heavy: Semaphore::new(HEAVY_MAX),
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
        })
    }

    fn clock(&self) -> Clock {
        Clock { now_ms: now_ms(), looked_ms: self.current.looked_ms() }
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        session(headers).is_some_and(|session| self.access.is_in(session))
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct At {
    at: Option<u64>,
}

type Shared = State<Arc<Console>>;
type Answer = Result<Response, Problem>;

/// Why a page is not shown.
enum Problem {
    NotIn,
    Nowhere,
    NoSuchEntry { asked: u64, newest: Option<u64> },
    Fault(String),
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Problem::NotIn => (StatusCode::UNAUTHORIZED, door::enter(None)),
            Problem::Nowhere => (
                StatusCode::NOT_FOUND,
                door::problem(
                    "There is nothing at this address",
                    "Nothing was changed.",
                    "Go back to the first page.",
                ),
            ),
            Problem::NoSuchEntry { asked, newest } => {
                let what = format!("There is no entry {asked}");
                let newest =
                    newest.map_or("there is none yet".to_owned(), |newest| format!("the newest is {newest}"));
                let means = format!("What was known after it cannot be shown; {newest}.");
                (StatusCode::NOT_FOUND, door::problem(&what, &means, "Choose an entry in the journal."))
            }
            Problem::Fault(what) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                door::problem(
                    &what,
                    "This page cannot be shown. That says nothing about what works.",
                    "Look at the disk and at the path, then load the page again.",
                ),
            ),
        };
        html(status, body)
    }
}

fn html(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}

fn router(console: Arc<Console>) -> Router {
    Router::new()
        .route("/", get(|state, headers, at| tab(Tab::Screen, state, headers, at)))
        .route("/tenants", get(|state, headers, at| tab(Tab::Tenants, state, headers, at)))
        .route("/tenants/{key}", get(tenant))
        .route("/plan", get(|state, headers, at| tab(Tab::Plan, state, headers, at)))
        .route("/run", get(|state, headers, at| tab(Tab::Run, state, headers, at)))
        .route("/cuts", get(|state, headers, at| tab(Tab::Cuts, state, headers, at)))
        .route("/findings", get(|state, headers, at| tab(Tab::Findings, state, headers, at)))
        .route("/points", get(|state, headers, at| tab(Tab::Points, state, headers, at)))
        .route("/bridge", get(|state, headers, at| tab(Tab::Bridge, state, headers, at)))
        .route("/journal", get(journal))
        .route("/entry/{entry}", get(entry))
        .route("/live", get(listen))
        .route("/enter", post(enter))
        .route("/leave", post(leave))
        .route("/console.css", get(|| async { file("text/css; charset=utf-8", style()) }))
        .route("/live.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT.to_owned()) }))
        .fallback(|| async { Problem::Nowhere })
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(console)
}

fn style() -> String {
    page::sheet::style(page::Style::Text) + STYLE
}

fn file(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// What is known now, or was known at the entry that is asked for; only for whoever is in.
async fn seen(console: &Arc<Console>, headers: &HeaderMap, at: Option<u64>) -> Result<Arc<AsOf>, Problem> {
    if !console.is_in(headers) {
        return Err(Problem::NotIn);
    }
    let newest = console.current.newest();
    let Some(at) = at else { return Ok(newest) };
    if at >= newest.view.entries {
        return Err(Problem::NoSuchEntry { asked: at, newest: newest.newest_entry() });
    }
    let earlier = heavy(console, move |console| console.current.earlier(at)).await?;
    earlier.map(Arc::new).map_err(|fault| Problem::Fault(chain(&fault)))
}

/// What takes long is done beside the server, and never by many at once.
async fn heavy<T: Send + 'static>(
    console: &Arc<Console>,
    work: impl FnOnce(&Console) -> T + Send + 'static,
) -> Result<T, Problem> {
    let ended = || Problem::Fault("the console is ending".to_owned());
    let _turn = console.heavy.acquire().await.map_err(|_| ended())?;
    let own = Arc::clone(console);
    tokio::task::spawn_blocking(move || work(&own))
        .await
        .map_err(|_| Problem::Fault("this page could not be made".to_owned()))
}

async fn tab(tab: Tab, State(console): Shared, headers: HeaderMap, Query(at): Query<At>) -> Answer {
    let seen = seen(&console, &headers, at.at).await?;
    let page = heavy(&console, move |console| {
        let clock = console.clock();
        let (title, body) = match tab {
            Tab::Screen => ("Now", screen::body(&seen, clock, console.owed)),
            Tab::Tenants => ("Who is served", tenants::all(&seen)),
            Tab::Plan => ("Plan and reality", run::plan(&seen, clock)),
            Tab::Run => ("Run", run::run(&seen)),
            Tab::Cuts => ("Cuts", cuts::body(&seen)),
            Tab::Findings => ("Findings", findings::body(&seen)),
            Tab::Points => ("Recovery points", points::body(&seen)),
            Tab::Bridge => ("Bridge", bridge::body(&seen, clock)),
            Tab::Journal => unreachable!("the journal has a page of its own"),
        };
        frame::page(&seen, clock, tab, title, &body)
    });
    Ok(html(StatusCode::OK, page.await?))
}

async fn tenant(
    State(console): Shared,
    Path(key): Path<String>,
    headers: HeaderMap,
    Query(at): Query<At>,
) -> Answer {
    let seen = seen(&console, &headers, at.at).await?;
    let body = tenants::one(&seen, &key).ok_or(Problem::Nowhere)?;
    Ok(html(StatusCode::OK, frame::page(&seen, console.clock(), Tab::Tenants, &key, &body)))
}

async fn journal(
    State(console): Shared,
    headers: HeaderMap,
    Query(at): Query<At>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let seen = seen(&console, &headers, at.at).await?;
    let page = heavy(&console, move |console| {
        let current = &console.current;
        let found = entries::find(current.folder(), current.say(), &wanted, seen.view.entries);
        let found = found.map_err(|fault| chain(&fault));
        let body = entries::list(&seen, &wanted, found.as_ref().map_err(String::as_str));
        frame::page(&seen, console.clock(), Tab::Journal, "Journal", &body)
    });
    Ok(html(StatusCode::OK, page.await?))
}

async fn entry(
    State(console): Shared,
    Path(sequence): Path<u64>,
    headers: HeaderMap,
    Query(at): Query<At>,
) -> Answer {
    let seen = seen(&console, &headers, at.at).await?;
    let newest = seen.newest_entry();
    let none = Problem::NoSuchEntry { asked: sequence, newest };
    if newest.is_none_or(|newest| sequence > newest) {
        return Err(none);
    }
    let record = heavy(&console, move |console| entries::record(console.current.folder(), sequence)).await?;
    let record = record.map_err(|fault| Problem::Fault(chain(&fault)))?.ok_or(none)?;
    let body = entries::one(&seen, &record, console.current.say());
    let title = format!("Entry {sequence}");
    Ok(html(StatusCode::OK, frame::page(&seen, console.clock(), Tab::Journal, &title, &body)))
}

async fn listen(State(console): Shared, headers: HeaderMap) -> Answer {
    if !console.is_in(&headers) {
        return Err(Problem::NotIn);
    }
    // A browser without a line loads the page again by itself.
    let Ok(permit) = Arc::clone(&console.listeners).try_acquire_owned() else {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, "too many are listening").into_response());
    };
    let body: Body = live::body(console.current.changes(), permit);
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    code: String,
}

async fn enter(State(console): Shared, headers: HeaderMap, Form(given): Form<Given>) -> Response {
    if !is_from_here(&headers) {
        return html(
            StatusCode::FORBIDDEN,
            door::enter(Some("This came from another page. Give the code here.")),
        );
    }
    match console.access.enter(&given.code) {
        Entered::Yes(session) => {
            let cookie = format!("{COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/");
            ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Entered::Wrong => html(StatusCode::FORBIDDEN, door::enter(Some("This is not the code."))),
        Entered::Later => html(
            StatusCode::TOO_MANY_REQUESTS,
            door::enter(Some("Too many codes were wrong. Copy the right one from the terminal.")),
        ),
    }
}

async fn leave(State(console): Shared, headers: HeaderMap) -> Response {
    if is_from_here(&headers)
        && let Some(session) = session(&headers)
    {
        console.access.leave(session);
    }
    Redirect::to("/").into_response()
}

/// A form that is sent by a page elsewhere says so: browsers name where it came from.
fn is_from_here(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => {
            let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            origin.is_some() && origin == host
        }
    }
}

/// Whoever leads a name of their own to this machine is refused: then a page of theirs cannot read what is here.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "[::1]")
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Listens on an address of this machine. Nothing else is listened on: what is sent here is not encrypted.
#[expect(clippy::disallowed_methods, reason = "the edge is where the console listens")]
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeFault> {
    if !address.ip().is_loopback() {
        return Err(ServeFault::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|source| ServeFault::Listen { address, source })
}

/// Serves until `shutdown` fires.
#[expect(clippy::disallowed_methods, reason = "whoever has no room waits a moment for it")]
pub async fn serve(listener: TcpListener, console: Arc<Console>, mut shutdown: watch::Receiver<bool>) {
    let (router, places) = (router(Arc::clone(&console)), Places::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            _ = shutdown.wait_for(|on| *on) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, or the browser is gone already.
            places.make_room();
            tokio::time::sleep(TRY_AGAIN).await;
            continue;
        };
        let place = loop {
            if let Some(place) = places.admit() {
                break place;
            }
            // Everybody is being worked for, and that ends.
            tokio::time::sleep(TRY_AGAIN).await;
        };
        tokio::spawn(converse(stream, Arc::new(place), router.clone(), Arc::clone(&console)));
    }
}

async fn converse(stream: TcpStream, place: Arc<Place>, router: Router, console: Arc<Console>) {
    drop(stream.set_nodelay(true));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    let (inner, at) = (TowerToHyperService::new(router), Arc::clone(&place));
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (inner, at, console) = (inner.clone(), Arc::clone(&at), Arc::clone(&console));
        async move {
            let headers = request.headers();
            if !names_this_machine(headers) {
                let body = door::problem(
                    "This is not a name of this machine",
                    "Nothing is shown.",
                    "Use the printed address.",
                );
                return Ok(guarded(html(StatusCode::MISDIRECTED_REQUEST, body)));
            }
            if console.is_in(headers) {
                at.is_known();
            }
            // Until a body is here its sender is waited for, and may lose the place.
            if request.body().is_end_stream() {
                at.works();
            }
            let answer = hyper::service::Service::call(&inner, request).await;
            at.waits();
            answer.map(guarded)
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A browser that breaks off is its own affair.
        ended = connection => drop(ended),
        () = place.to_go() => {}
    }
}

/// What holds for every answer. What the router itself could not read is said as everything else is.
fn guarded(mut answer: Response) -> Response {
    let kind = answer.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if answer.status().is_client_error() && !kind.is_some_and(|kind| kind.starts_with(b"text/html")) {
        answer = html(
            answer.status(),
            door::problem(
                "This cannot be understood",
                "Nothing was changed.",
                "Entries are whole numbers, as in ?at=17. Go back to the first page.",
            ),
        );
    }
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    answer
}
