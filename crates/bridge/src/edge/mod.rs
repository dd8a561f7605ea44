//! The bridge's HTTP edge: senders, control, hand-back. What each may do stands in `desk`; here is only how
//! they ask, and what a hostile one cannot do: no endless headers or bodies, no endless number of either.
//! The operator has a listener of its own, which no sender can fill.

#![allow(clippy::disallowed_methods, reason = "an edge: it listens, and rests when nothing can be accepted")]

mod connections;
pub mod control;
pub mod handback;
pub mod senders;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use connections::{Connections, Place};
use http_body_util::BodyExt;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use journal::key::SecretKey;
use message::{Message, Remedy};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::config::Config;
use super::desk::Desk;
use super::keys::MarkKey;
use super::upstream::Client;
use super::writer::WriteFault;
use estate::{Id, Kind};

/// Open connections of senders and hand-back, if the file limit allows as many.
const CONNECTIONS_MAX: usize = 2_048;
/// Fewer are not worth starting for.
const CONNECTIONS_MIN: usize = 64;
/// Of the operator.
const CONTROL_CONNECTIONS_MAX: usize = 32;
/// Files that something else needs: the journal, its readers, the listeners, the runtime.
const OTHER_FILES: usize = 128;
/// What all bodies in memory may take up together, counted in units of `SHARE_BYTES`.
const MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;
const SHARE_BYTES: usize = 1024;
/// Of a body that is too long, this much is read and thrown away before the answer.
const DISCARDED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Requests to the upstream at once; each takes a thread while it waits.
const FORWARDED_MAX: usize = 256;
const READS_MAX: usize = 64;
/// Threads for everything that blocks: forwarding, reading, sealing.
pub const BLOCKING_THREADS: usize = FORWARDED_MAX + READS_MAX + 64;
const HEADERS_TIMEOUT: Duration = Duration::from_secs(15);
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const HEADER_BYTES_MAX: usize = 32 * 1024;
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// What all requests share.
pub struct Edge {
    pub desk: Arc<Desk>,
    pub config: Arc<Config>,
    pub client: Client,
    /// Asks health addresses; less patient.
    pub health_client: Client,
    pub key: SecretKey,
    pub marks: std::collections::BTreeMap<Id, MarkKey>,
    pub control_token: [u8; 32],
    /// Hand-back tokens are derived from this and die with the process.
    pub session_key: [u8; 32],
    pub journal: std::path::PathBuf,
    pub memory: Arc<Semaphore>,
    pub forwarded: Semaphore,
    pub reads: Semaphore,
}

impl Edge {
    /// Of memory for bodies, of forwarded requests, of reads.
    pub fn limits() -> (Arc<Semaphore>, Semaphore, Semaphore) {
        let memory = Arc::new(Semaphore::new(MEMORY_BYTES_MAX / SHARE_BYTES));
        (memory, Semaphore::new(FORWARDED_MAX), Semaphore::new(READS_MAX))
    }
}

/// How many connections fit below this limit of open files, so that neither the journal nor a forwarded request is ever
/// without one. `Err`: how many files there must be at least.
pub fn connections_below(files: usize) -> Result<usize, usize> {
    let others = FORWARDED_MAX + READS_MAX + CONTROL_CONNECTIONS_MAX + OTHER_FILES;
    match files.saturating_sub(others) {
        left if left < CONNECTIONS_MIN => Err(others + CONNECTIONS_MIN),
        left => Ok(left.min(CONNECTIONS_MAX)),
    }
}

pub type Shared = axum::extract::State<Arc<Edge>>;

pub fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/t/{tenant}/{operation}", post(senders::submit).get(senders::read))
        .route("/t/{tenant}/{operation}/{*rest}", get(senders::read_below))
        .route("/handback/{tenant}/session", post(handback::session))
        .route("/handback/{tenant}/pending", get(handback::pending))
        .route("/handback/{tenant}/for-people", get(handback::for_people))
        .route("/handback/{tenant}/outcome", post(handback::outcome))
        .route("/alive", get(|| async { "the bridge is accepting\n" }))
        .fallback(async || Problem::nowhere())
        .method_not_allowed_fallback(async || Problem::method())
        .with_state(edge)
}

fn control_router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/control/hold", post(control::hold))
        .route("/control/reopen", post(control::reopen))
        .route("/control/release", post(control::release))
        .route("/control/account", get(control::account))
        .route("/alive", get(|| async { "the bridge is accepting\n" }))
        .fallback(async || Problem::nowhere())
        .method_not_allowed_fallback(async || Problem::method())
        .with_state(edge)
}

/// What happened, what it means, what to do: the body of every answer that is a no.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    message: Box<Message>,
}

impl Problem {
    pub fn new(
        status: StatusCode,
        what: impl Into<String>,
        means: &'static str,
        to_do: impl Into<Remedy>,
    ) -> Problem {
        Problem { status, message: Box::new(Message::new(what, means, to_do)) }
    }

    /// The same for a path, tenant or operation that does not exist: the answer reveals nothing.
    pub fn nowhere() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "there is nothing at this address",
            "nothing was accepted",
            "check the address with the provider",
        )
    }

    fn method() -> Problem {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this address does not take that method",
            "nothing was accepted",
            "send submissions with POST, read with GET",
        )
    }

    pub fn wrong(what: impl Into<String>) -> Problem {
        Problem::new(
            StatusCode::BAD_REQUEST,
            what,
            "nothing was accepted and nothing was recorded",
            "correct the request and send it again",
        )
    }

    pub fn not_allowed() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "the token is missing, wrong or out of date",
            "nothing was read and nothing was changed",
            "send `Authorization: Bearer TOKEN` with a token that is in force",
        )
    }

    pub fn write(fault: &WriteFault) -> Problem {
        let to_do = match fault {
            WriteFault::Full => "send it again later; the operator must make room on the bridge's disk",
            WriteFault::Unproven(_) => {
                "ask again in a moment; if it stays so, the operator must look at the bridge's disk and at its limit of open files"
            }
            WriteFault::Stopped(_) => "send it again later; the operator must look at the bridge's disk",
        };
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            fault.to_string(),
            "this request was not accepted and there is no receipt for it",
            to_do,
        )
    }
}

impl Problem {
    /// As it is answered.
    pub fn parts(self) -> (StatusCode, serde_json::Value) {
        let Message { what, means, to_do } = *self.message;
        (self.status, json!({ "what": what, "means": means, "to_do": to_do.shown(None) }))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, body) = self.parts();
        answer(status, &body)
    }
}

/// A JSON answer that no cache keeps.
pub fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{body}\n")).into_response()
}

/// A tenant of this bridge by the name in a path.
pub fn tenant_named(edge: &Edge, name: &str) -> Result<Id, Problem> {
    let id = Id::new(Kind::Tenant, name).map_err(|_| Problem::nowhere())?;
    if edge.config.tenants.contains_key(&id) { Ok(id) } else { Err(Problem::nowhere()) }
}

/// The token after `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::trim)
}

/// A body in memory, and its share of what bodies may take up together.
pub struct Content {
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// The whole body, if it comes in time and is not longer than this.
pub async fn body(
    edge: &Edge,
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Content, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max + DISCARDED_BYTES_MAX) {
        return Err(too_long(bytes_max));
    }
    match tokio::time::timeout(BODY_TIMEOUT, collect(edge, body, bytes_max)).await {
        Ok(collected) => collected,
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
            "nothing was accepted and nothing was recorded",
            "send it again",
        )),
    }
}

async fn collect(edge: &Edge, mut body: Body, bytes_max: usize) -> Result<Content, Problem> {
    let mut bytes = Vec::new();
    let mut share: Option<OwnedSemaphorePermit> = None;
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::wrong("the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if discarded > 0 || bytes.len() + data.len() > bytes_max {
            // What is only a little too long is read to its end, because a sender that is still writing does
            // not see the answer.
            discarded += data.len().max(1);
            if discarded > DISCARDED_BYTES_MAX {
                break;
            }
            continue;
        }
        // Memory is taken as bytes come, not as they are announced: who sends nothing takes nothing.
        let units = u32::try_from(data.len().div_ceil(SHARE_BYTES)).unwrap_or(u32::MAX);
        let more = Arc::clone(&edge.memory).acquire_many_owned(units).await;
        let more = more.map_err(|_| Problem::wrong("the bridge is ending"))?;
        match &mut share {
            Some(share) => share.merge(more),
            None => share = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    if discarded > 0 { Err(too_long(bytes_max)) } else { Ok(Content { bytes: bytes.into(), _share: share }) }
}

fn too_long(bytes_max: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is longer than {bytes_max} bytes"),
        "nothing was accepted and nothing was recorded",
        "send it in smaller parts",
    )
}

/// Serves senders and hand-back, and the operator beside them, until `stop` holds a reason or `shutdown` fires; then no new
/// connection is taken.
pub async fn serve(
    listener: TcpListener,
    control: TcpListener,
    edge: Arc<Edge>,
    connections_max: usize,
    stop: watch::Receiver<Option<String>>,
    shutdown: watch::Receiver<bool>,
) {
    let (senders, operator) = (router(Arc::clone(&edge)), control_router(edge));
    tokio::join!(
        accept(listener, senders, Connections::new(connections_max), stop.clone(), shutdown.clone()),
        accept(control, operator, Connections::new(CONTROL_CONNECTIONS_MAX), stop, shutdown),
    );
}

async fn accept(
    listener: TcpListener,
    router: Router,
    connections: Arc<Connections>,
    mut stop: watch::Receiver<Option<String>>,
    mut shutdown: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(Option::is_some) => return,
            _ = shutdown.wait_for(|on| *on) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, or the peer is gone already: others may still be served.
            tokio::time::sleep(TRY_AGAIN).await;
            continue;
        };
        let place = loop {
            if let Some(place) = connections.admit(peer.ip()) {
                break place;
            }
            // Everybody is being worked for, and each of them ends by its own time limit.
            tokio::time::sleep(TRY_AGAIN).await;
        };
        tokio::spawn(converse(stream, Arc::new(place), router.clone(), shutdown.clone()));
    }
}

/// One connection, until it ends, somebody else needs its place, or the bridge ends.
async fn converse(stream: TcpStream, place: Arc<Place>, router: Router, mut ending: watch::Receiver<bool>) {
    // Answers are small; waiting to fill a packet only delays a receipt.
    drop(stream.set_nodelay(true));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    let (inner, at) = (TowerToHyperService::new(router), Arc::clone(&place));
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Arc::clone(&at));
        let (answer, at) = (inner.call(request), Arc::clone(&at));
        async move {
            let answer = answer.await;
            at.waits();
            answer
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A peer that breaks off is its own affair.
        ended = connection.as_mut() => drop(ended),
        () = place.to_go() => {}
        () = async { drop(ending.wait_for(|on| *on).await) } => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}
