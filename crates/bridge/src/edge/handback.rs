//! Hand-back: a tenant pulls what is pending for it, still sealed, and reports what became of it.
//!
//! Whoever can open a token that was sealed to the tenant's recipient is the tenant. A token names its tenant
//! and its end inside a keyed hash, so nothing about sessions is kept, nobody can use them up, and a token of
//! one tenant is worth nothing for another. It never travels: what it proves, and how, says `line`.

#![allow(clippy::disallowed_methods, reason = "a session has an end by the clock of this machine")]

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use journal::{Payload, ReadError, Reader, Record};
use message::{Command, Remedy};
use serde::Deserialize;
use serde_json::{Value, json};

use super::connections::Place;
use super::{Edge, Problem, Shared, answer, body, tenant_named};
use crate::books::{Item, NotSettled, State as ItemState};
use crate::fact::{self, Mark, Outcome, ReceiptId};
use crate::keys::{keyed_hash, random, same_secret};
use crate::line;
use crate::receipt::time_text;
use crate::writer::WriteFault;
use estate::Id;

const SESSION_S: u64 = 3_600;
const PAGE_ITEMS_MAX: usize = 500;
/// A page ends after the item that passes this.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
const OUTCOME_BYTES_MAX: usize = 512 * 1024;
/// Further apart than this, finding the next record is quicker than reading over those between.
const GAP_MAX: u64 = 64;

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn token(edge: &Edge, tenant: &Id, ends_s: u64, nonce: &str) -> String {
    let parts: [&[u8]; 4] =
        [b"hand-back 1", tenant.name().as_bytes(), &ends_s.to_be_bytes(), nonce.as_bytes()];
    format!("{ends_s}.{nonce}.{}", Mark(keyed_hash(&edge.session_key, &parts)))
}

/// Who asks, proven, and what the answer has to be proven with.
struct Asker {
    tenant: Id,
    token: String,
    request: String,
}

/// The tenant in the path, if whoever asks holds its token and it is in force. A wrong proof and a tenant that does not exist are
/// answered alike, and without proof.
fn authorised(
    edge: &Edge,
    name: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Asker, Problem> {
    let tenant = tenant_named(edge, name).map_err(|_| Problem::not_allowed())?;
    let given = |name: &str| headers.get(name)?.to_str().ok();
    let parts = || Some((given(line::SESSION)?.split_once('.')?, given(line::REQUEST)?, given(line::PROOF)?));
    let ((ends_s, nonce), request, proof) = parts().ok_or_else(Problem::not_allowed)?;
    let ends_s: u64 = ends_s.parse().map_err(|_| Problem::not_allowed())?;
    let token = token(edge, &tenant, ends_s, nonce);
    // Not what stands before it: a proxy may serve the bridge under a path of its own.
    let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
    let path = path.split_once("/handback/").map_or(path, |(_, path)| path);
    let expected = line::of_request(&token, method.as_str(), path, request, body).to_string();
    if same_secret(proof.as_bytes(), expected.as_bytes()) && now_s() < ends_s {
        Ok(Asker { tenant, token, request: request.to_owned() })
    } else {
        Err(Problem::not_allowed())
    }
}

impl Asker {
    /// Also a refusal is proven: otherwise somebody on the line could say no in our name.
    fn answer(&self, answered: Result<(StatusCode, Value), Problem>) -> Response {
        let (status, body) = answered.unwrap_or_else(Problem::parts);
        let mut response = answer(status, &body);
        let proof =
            line::of_answer(&self.token, &self.request, status.as_u16(), format!("{body}\n").as_bytes());
        if let Ok(proof) = HeaderValue::from_str(&proof.to_string()) {
            response.headers_mut().insert(line::PROOF, proof);
        }
        response
    }
}

/// Opens a session. Anybody may ask; only the tenant can read the answer, and it can tell that the bridge gave it.
pub async fn session(
    State(edge): Shared,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = tenant_named(&edge, &name)?;
    let request = headers.get(line::REQUEST).and_then(|value| value.to_str().ok());
    let request = request.filter(|request| (16..=64).contains(&request.len()));
    let request = request.ok_or_else(|| {
        Problem::wrong(format!("a session is asked for with a fresh number in `{}`", line::REQUEST))
    })?;
    let fault = |why: String| Problem::write(&WriteFault::Stopped(why));
    let nonce = ReceiptId(random::<16>().map_err(|error| fault(error.to_string()))?).to_string();
    let ends_s = now_s() + SESSION_S;
    let token = token(&edge, &tenant, ends_s, &nonce);
    let recipient = &edge.config.tenants.get(&tenant).ok_or_else(Problem::nowhere)?.recipient;
    let sealed = recipient.seal(token.as_bytes()).map_err(|error| fault(error.to_string()))?;
    let sealed = STANDARD.encode(sealed);
    let signed = edge.key.sign(line::session_text(tenant.name(), request, &sealed, SESSION_S).as_bytes());
    let body = json!({
        "sealed_token": sealed,
        "valid_s": SESSION_S,
        "bridge": edge.key.public().name(),
        "signature": STANDARD.encode(signed),
    });
    Ok(answer(StatusCode::OK, &body))
}

/// Which part of a list is asked for: `?after=SEQUENCE&limit=COUNT`.
struct Page {
    from: u64,
    limit: usize,
}

fn page(query: Option<&str>) -> Result<Page, Problem> {
    let mut page = Page { from: 0, limit: PAGE_ITEMS_MAX };
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').map(|(name, value)| (name, value.parse::<u64>())) {
            Some(("after", Ok(after))) => page.from = after.saturating_add(1),
            Some(("limit", Ok(limit))) => {
                page.limit = usize::try_from(limit).unwrap_or(PAGE_ITEMS_MAX).clamp(1, PAGE_ITEMS_MAX);
            }
            _ => return Err(Problem::wrong("ask for ?after=SEQUENCE&limit=COUNT")),
        }
    }
    Ok(page)
}

pub async fn pending(
    State(edge): Shared,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asker = authorised(&edge, &name, &Method::GET, &uri, &headers, b"")?;
    let answered = async {
        let page = page(query.as_deref())?;
        let (generation, items) = edge.desk.offerable(&asker.tenant, page.from, page.limit);
        let full = items.len() == page.limit;
        let (items, whole) = with_sealed(&edge, items, false).await?;
        let more = full || !whole;
        Ok((StatusCode::OK, json!({ "generation": generation, "items": items, "more": more })))
    };
    Ok(asker.answer(answered.await))
}

pub async fn for_people(
    State(edge): Shared,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asker = authorised(&edge, &name, &Method::GET, &uri, &headers, b"")?;
    let answered = async {
        let page = page(query.as_deref())?;
        let items: Vec<Item> = edge.desk.with(|shared| {
            let book = shared.books.book(&asker.tenant);
            book.into_iter().flat_map(|book| book.for_people(page.from)).take(page.limit).cloned().collect()
        });
        let full = items.len() == page.limit;
        let (items, whole) = with_sealed(&edge, items, true).await?;
        Ok((StatusCode::OK, json!({ "items": items, "more": full || !whole })))
    };
    Ok(asker.answer(answered.await))
}

/// The items with their sealed bytes read back from the journal; `false` if the page became too large and
/// was cut, never before its first item. With `reasons` also what the core said.
async fn with_sealed(
    edge: &Arc<Edge>,
    items: Vec<Item>,
    reasons: bool,
) -> Result<(Vec<Value>, bool), Problem> {
    let journal = edge.journal.clone();
    let read = tokio::task::spawn_blocking(move || read_page(&journal, &items, reasons)).await;
    read.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string())).map_err(
        |why| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("what was sealed cannot be read back: {why}"),
                "the journal may be damaged; nothing was changed",
                Remedy::run_to(
                    "the operator must look into the bridge's journal",
                    Command::new("journal verify").open("FOLDER"),
                ),
            )
        },
    )
}

fn read_page(journal: &FilePath, items: &[Item], reasons: bool) -> Result<(Vec<Value>, bool), ReadError> {
    let sequences: Vec<u64> = items.iter().map(|item| item.sequence).collect();
    let mut contents = read_sealed(journal, &sequences)?;
    let mut reader = Reader::open(journal)?;
    let (mut values, mut bytes) = (Vec::new(), 0);
    for item in items {
        let Some(content) = contents.remove(&item.sequence) else { break };
        if bytes > PAGE_BYTES_MAX {
            break;
        }
        let reason = match item.settled_at.filter(|_| reasons) {
            Some(at) => reader.read(at).next().transpose()?.map(|record| sealed_in(&record)),
            None => None,
        };
        bytes += reason.as_ref().map_or(0, Vec::len);
        values.push(item_json(item, &content, reason));
    }
    let whole = values.len() == items.len();
    Ok((values, whole))
}

fn sealed_in(record: &Record) -> Vec<u8> {
    match &record.payload {
        Payload::Present(payload) => fact::decode(&record.kind, record.version, payload)
            .map(|(_, sealed)| sealed.to_vec())
            .unwrap_or_default(),
        Payload::Erased => Vec::new(),
    }
}

/// The sealed bytes of these entries, which must ascend, until the page is full; at least one.
fn read_sealed(journal: &FilePath, sequences: &[u64]) -> Result<BTreeMap<u64, Vec<u8>>, ReadError> {
    let mut reader = Reader::open(journal)?;
    let mut found = BTreeMap::new();
    let mut bytes = 0;
    let mut wanted = sequences.iter().copied().peekable();
    while let Some(from) = wanted.peek().copied() {
        for record in reader.read(from) {
            let record = record?;
            match wanted.peek() {
                Some(next) if *next == record.sequence => {}
                Some(next) if *next - record.sequence <= GAP_MAX => continue,
                Some(_) => break,
                None => return Ok(found),
            }
            wanted.next();
            let sealed = sealed_in(&record);
            bytes += sealed.len();
            found.insert(record.sequence, sealed);
            if bytes > PAGE_BYTES_MAX {
                return Ok(found);
            }
        }
        if wanted.peek() == Some(&from) {
            // What is in the books is published, so it is there; if not, the page ends before it.
            return Ok(found);
        }
    }
    Ok(found)
}

fn item_json(item: &Item, content: &[u8], reason: Option<Vec<u8>>) -> Value {
    let mut value = json!({
        "sequence": item.sequence,
        "receipt": item.receipt,
        "operation": item.operation.as_ref(),
        "person": item.person,
        "accepted_at": time_text(item.accepted_ms),
        "same_business_as": item.same_business_as,
        "sealed": STANDARD.encode(content),
    });
    if let Some(reason) = reason {
        value["state"] = item.state.word().into();
        value["status"] = item.status.into();
        value["sealed_reason"] = STANDARD.encode(reason).into();
    }
    value
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    receipt: ReceiptId,
    generation: u64,
    state: Outcome,
    status: u16,
    /// The core's reason, sealed by the tenant to itself; base64.
    sealed_reason: Option<String>,
}

pub(super) async fn outcome(
    State(edge): Shared,
    Path(name): Path<String>,
    uri: Uri,
    Extension(place): Extension<Arc<Place>>,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Problem> {
    // The proof is over the body, so that comes first; it is bounded, and counts as waiting until it is here.
    let content = body(&edge, &headers, content, OUTCOME_BYTES_MAX).await?;
    let asker = authorised(&edge, &name, &Method::POST, &uri, &headers, &content.bytes)?;
    place.works();
    Ok(asker.answer(settle(&edge, asker.tenant.clone(), &content.bytes).await))
}

async fn settle(edge: &Edge, tenant: Id, content: &[u8]) -> Result<(StatusCode, Value), Problem> {
    let report: Report = serde_json::from_slice(content)
        .map_err(|error| Problem::wrong(format!("this is not an outcome: {error}")))?;
    let reason = STANDARD
        .decode(report.sealed_reason.unwrap_or_default())
        .map_err(|error| Problem::wrong(format!("sealed_reason is not base64: {error}")))?;
    let Report { receipt, generation, state, status, .. } = report;
    let settled = edge.desk.report(tenant, receipt, generation, state, status, reason).await;
    match settled.map_err(|fault| Problem::write(&fault))? {
        Ok(()) | Err(NotSettled::Same) => {
            let word = ItemState::Settled(state).word();
            Ok((StatusCode::OK, json!({ "receipt": receipt, "state": word })))
        }
        Err(NotSettled::Unknown) => Err(Problem::nowhere()),
        Err(
            why @ (NotSettled::Otherwise(_)
            | NotSettled::Outdated
            | NotSettled::OutOfOrder
            | NotSettled::Busy),
        ) => Err(Problem::new(
            StatusCode::CONFLICT,
            why.to_string(),
            "this outcome was not recorded; what the bridge has stays as it is",
            "pull again and go by what is pending now",
        )),
    }
}
