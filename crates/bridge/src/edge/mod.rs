//! The bridge's HTTP edge: senders, control, hand-back. What each may do stands in `desk`; here is only how
//! they ask, and what a hostile one cannot do: no endless headers or bodies, no endless number of either.

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
use http_body_util::BodyExt;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use journal::key::SecretKey;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::config::Config;
use super::desk::Desk;
use super::keys::MarkKey;
use super::upstream::Client;
use super::writer::WriteFault;
use estate::{Id, Kind};

/// Open connections. Beyond them new ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 2_048;
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

/// What all requests share.
pub struct Edge {
    pub desk: Arc<Desk>,
    pub config: Arc<Config>,
    pub client: Client,
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

pub type Shared = axum::extract::State<Arc<Edge>>;

pub fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/t/{tenant}/{operation}", post(senders::submit).get(senders::read))
        .route("/t/{tenant}/{operation}/{*rest}", get(senders::read_below))
        .route("/control/hold", post(control::hold))
        .route("/control/reopen", post(control::reopen))
        .route("/control/release", post(control::release))
        .route("/control/account", get(control::account))
        .route("/handback/{tenant}/session", post(handback::session))
        .route("/handback/{tenant}/pending", get(handback::pending))
        .route("/handback/{tenant}/for-people", get(handback::for_people))
        .route("/handback/{tenant}/outcome", post(handback::outcome))
        .route("/alive", get(|| async { "the bridge is accepting\n" }))
        .fallback(async || Problem::nowhere())
        .method_not_allowed_fallback(async || Problem::method())
        .with_state(edge)
}

/// What happened, what it means, what to do: the body of every answer that is a no.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    what: String,
    means: &'static str,
    to_do: &'static str,
}

impl Problem {
    pub fn new(
        status: StatusCode,
        what: impl Into<String>,
        means: &'static str,
        to_do: &'static str,
    ) -> Problem {
        Problem { status, what: what.into(), means, to_do }
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "what": self.what, "means": self.means, "to_do": self.to_do });
        answer(self.status, &body)
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

/// Serves until `stop` holds a reason or `shutdown` fires; then no new connection is taken.
pub async fn serve(
    listener: TcpListener,
    edge: Arc<Edge>,
    mut stop: watch::Receiver<Option<String>>,
    mut shutdown: watch::Receiver<bool>,
) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let router = router(edge);
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let stream = tokio::select! {
            _ = stop.wait_for(Option::is_some) => return,
            _ = shutdown.wait_for(|on| *on) => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of file descriptors, or the peer is gone already: others may still be served.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
        };
        // Answers are small; waiting to fill a packet only delays a receipt.
        drop(stream.set_nodelay(true));
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut ending = shutdown.clone();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                // A peer that breaks off is its own affair.
                ended = connection.as_mut() => drop(ended),
                () = async { drop(ending.wait_for(|on| *on).await) } => {
                    connection.as_mut().graceful_shutdown();
                    drop(connection.await);
                }
            }
            drop(permit);
        });
    }
}
