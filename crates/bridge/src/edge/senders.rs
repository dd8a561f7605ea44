//! Senders: a submission is put on disk, forwarded if its turn comes, and answered with a receipt.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::connections::Place;
use super::{Content, Edge, Problem, Shared, answer, body, tenant_named};
use crate::books::State as ItemState;
use crate::config::Operation;
use crate::core_health::{Health, Trouble};
use crate::desk::{InFlight, NotAccepted, Taken, Turn};
use crate::fact::{Accepted, Mark, Outcome, ReceiptId, Settled, Witness};
use crate::keys::{MarkKey, random};
use crate::receipt::{Receipt, time_text};
use crate::seal::{Envelope, Recipient};
use crate::upstream::{Asker, NoAnswer, UpstreamAnswer, meaning, submission_headers};
use crate::writer::WriteFault;
use estate::Id;

/// The longest submission.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A submission, read and sealed, not yet on disk.
struct Prepared {
    accepted: Accepted,
    sealed: Vec<u8>,
}

/// What is needed to prepare, detached from the request.
struct Preparation {
    tenant: Id,
    operation: String,
    person: String,
    business_key: Vec<String>,
    marks: MarkKey,
    recipient: Recipient,
    idempotency: Option<Vec<u8>>,
}

pub(super) async fn submit(
    State(edge): Shared,
    Path((tenant, operation)): Path<(String, String)>,
    Extension(place): Extension<Arc<Place>>,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Problem> {
    let tenant = tenant_named(&edge, &tenant)?;
    let form = edge.config.operations.get(&operation).ok_or_else(Problem::nowhere)?;
    if let Some(cause) = edge.desk.stopped() {
        return Err(Problem::write(&WriteFault::Stopped(cause)));
    }
    let preparation = preparation(&edge, tenant, operation, form, idempotency_key(&headers)?)?;
    // The request is carried on even if its sender goes away: it may be on disk already, and its turn
    // must come and pass, or everybody behind it would wait.
    let carried = tokio::spawn(async move {
        let content = body(&edge, &headers, content, BODY_BYTES_MAX).await?;
        place.works();
        carry(&edge, preparation, headers, content).await
    });
    carried.await.map_err(|_| ended())?
}

fn ended() -> Problem {
    Problem::write(&WriteFault::Stopped("the bridge is ending".to_owned()))
}

fn preparation(
    edge: &Edge,
    tenant: Id,
    operation: String,
    form: &Operation,
    idempotency: Option<Vec<u8>>,
) -> Result<Preparation, Problem> {
    let marks = edge.marks.get(&tenant).ok_or_else(Problem::nowhere)?.clone();
    let recipient = edge.config.tenants.get(&tenant).ok_or_else(Problem::nowhere)?.recipient.clone();
    let (person, business_key) = (form.person.clone(), form.business_key.clone());
    Ok(Preparation { tenant, operation, person, business_key, marks, recipient, idempotency })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.as_bytes();
    let plain = key.iter().all(|byte| matches!(byte, 0x20..=0x7e));
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX || !plain || keys.next().is_some() {
        return Err(Problem::wrong(format!(
            "there must be one Idempotency-Key of 1 to {IDEMPOTENCY_KEY_BYTES_MAX} printable characters"
        )));
    }
    Ok(Some(key.to_vec()))
}

/// Everything that takes computing: reading, marking, sealing.
fn prepare(preparation: Preparation, content: &[u8]) -> Result<Prepared, Problem> {
    let Preparation { tenant, operation, person, business_key, marks, recipient, idempotency } = preparation;
    let json: Value = serde_json::from_slice(content)
        .map_err(|error| Problem::wrong(format!("the body is not JSON: {error}")))?;
    let person = scalar(&json, &person)?;
    let business = business_key
        .iter()
        .map(|pointer| scalar(&json, pointer))
        .collect::<Result<Vec<String>, Problem>>()?;
    let fault = |why: String| Problem::write(&WriteFault::Stopped(why));
    let receipt = ReceiptId(random::<16>().map_err(|error| fault(error.to_string()))?);
    let envelope =
        Envelope { receipt, tenant: tenant.clone(), operation: operation.clone(), length: content.len() };
    let sealed = recipient.seal_submission(&envelope, content).map_err(|error| fault(error.to_string()))?;
    let accepted = Accepted {
        receipt,
        person: marks.person(&person),
        business: marks.business(&operation, &business),
        body: marks.body(&operation, content),
        idempotency: idempotency.map(|key| marks.idempotency(&operation, &key)),
        tenant,
        operation,
    };
    Ok(Prepared { accepted, sealed })
}

/// A text or number at this place. `"7"` and `7` are the same person.
fn scalar(json: &Value, pointer: &str) -> Result<String, Problem> {
    match json.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Bool(value)) => Ok(value.to_string()),
        Some(Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_)) => {
            Err(Problem::wrong(format!("the body has no text or number at `{pointer}`")))
        }
        None => Err(Problem::wrong(format!("the body has nothing at `{pointer}`"))),
    }
}

/// From the disk to the receipt.
async fn carry(
    edge: &Arc<Edge>,
    preparation: Preparation,
    headers: HeaderMap,
    content: Content,
) -> Result<Response, Problem> {
    let copy = content.bytes.clone();
    let tenant = preparation.tenant.clone();
    let prepared =
        tokio::task::spawn_blocking(move || prepare(preparation, &copy)).await.map_err(|_| ended())??;
    let body_sha256 = Mark(Sha256::digest(&content.bytes).into());
    let sequence = match edge.desk.accept(prepared.accepted, prepared.sealed).await {
        Ok(Taken::New(sequence)) => sequence,
        Ok(Taken::Before(sequence)) => return Ok(receipt(edge, &tenant, sequence, body_sha256, None)),
        Err(not_accepted) => return Err(refusal(&not_accepted)),
    };
    let in_flight = InFlight::new(Arc::clone(&edge.desk), sequence);
    let answered = if my_turn(edge, &tenant, sequence).await {
        forward(edge, &tenant, sequence, headers, content.bytes.clone()).await
    } else {
        None
    };
    drop(in_flight);
    Ok(receipt(edge, &tenant, sequence, body_sha256, answered.as_ref()))
}

fn refusal(not_accepted: &NotAccepted) -> Problem {
    match not_accepted {
        NotAccepted::OtherBody => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "this Idempotency-Key was used before with another body",
            "nothing was accepted and nothing was recorded",
            "use a new key for a new submission",
        ),
        NotAccepted::InFlight => Problem::new(
            StatusCode::CONFLICT,
            "the same Idempotency-Key is being worked on at this moment",
            "nothing was accepted by this request; the other one may be",
            "send it again with the same key in a moment: you will get the receipt",
        ),
        NotAccepted::Fault(fault) => Problem::write(fault),
    }
}

async fn my_turn(edge: &Edge, tenant: &Id, sequence: u64) -> bool {
    loop {
        match edge.desk.turn(tenant, sequence) {
            Turn::Forward => return true,
            Turn::Hold => return false,
            // Bounded: the one before ends by its own time limit. If its request died, look again too.
            Turn::Wait(told) => drop(told.await),
        }
    }
}

/// Offers it to the core. `None`: no outcome is known, so it stays pending.
async fn forward(
    edge: &Arc<Edge>,
    tenant: &Id,
    sequence: u64,
    headers: HeaderMap,
    content: Bytes,
) -> Option<UpstreamAnswer> {
    let (operation, own) = edge.desk.with(|shared| {
        let item = shared.books.book(tenant)?.item(sequence)?;
        let own = submission_headers(&item.receipt, item.same_business_as.as_ref());
        Some((Arc::clone(&item.operation), own))
    })?;
    let home = edge.config.tenants.get(tenant)?;
    let url = edge.config.operations.get(&*operation)?.upstream.get(&home.site)?.as_str().to_owned();
    if edge.desk.rests(&url) {
        return None;
    }
    let answered = {
        let _permit = edge.forwarded.acquire().await.ok()?;
        let (client, url) = (edge.client.clone(), url.clone());
        tokio::task::spawn_blocking(move || client.post(&url, &headers, &own, &content)).await.ok()?
    };
    let (why, trouble) = match answered {
        Ok(answer) => match meaning(answer.status, Asker::Sender) {
            Some(outcome) => {
                edge.desk.upstream_answered(&url);
                return settle(edge, tenant, sequence, outcome, answer).await;
            }
            None if answer.status < 500 => {
                // It answers, but not as agreed: this one waits for people, the others may go on.
                edge.desk.upstream_answered(&url);
                return None;
            }
            None => (format!("answers with status {}", answer.status), Trouble::Fails),
        },
        Err(NoAnswer::NotThere(why)) => (why, Trouble::NotThere),
        Err(NoAnswer::Late(why) | NoAnswer::Broken(why)) => (why, Trouble::Silent),
    };
    if edge.desk.upstream_failed(&url, trouble) {
        let health = health(edge, &home.site).await;
        edge.desk.upstream_judged(&home.site, &url, trouble, &why, &health).await;
    }
    None
}

/// What the health address of the site's core says.
async fn health(edge: &Edge, site: &str) -> Health {
    let Some(address) = edge.config.sites.get(site).and_then(|site| site.health.clone()) else {
        return Health::NotNamed;
    };
    let client = edge.health_client.clone();
    let asked = tokio::task::spawn_blocking(move || client.get(address.as_str(), &HeaderMap::new())).await;
    match asked {
        Ok(Ok(answer)) if (200..300).contains(&answer.status) => Health::Well,
        Ok(Ok(answer)) => Health::Unwell(format!("status {}", answer.status)),
        Ok(Err(NoAnswer::NotThere(why) | NoAnswer::Late(why) | NoAnswer::Broken(why))) => Health::Unwell(why),
        // The bridge is ending: nothing is known, and nothing more will be offered anyway.
        Err(_) => Health::NotNamed,
    }
}

async fn settle(
    edge: &Edge,
    tenant: &Id,
    sequence: u64,
    outcome: Outcome,
    answer: UpstreamAnswer,
) -> Option<UpstreamAnswer> {
    let reason = match outcome {
        Outcome::Applied | Outcome::AlreadyThere => Vec::new(),
        // What the core says about a person is for the tenant only.
        Outcome::Conflict | Outcome::Refused => {
            edge.config.tenants.get(tenant)?.recipient.seal(&answer.body).ok()?
        }
    };
    let settled = Settled {
        tenant: tenant.clone(),
        item: sequence,
        outcome,
        status: answer.status,
        seen_by: Witness::Bridge,
    };
    // Not recorded means pending, whatever the core said: hand-back will ask it again.
    edge.desk.settle(settled, reason).await.ok().map(|()| answer)
}

/// The answer to the sender. It says what is on disk, never more.
fn receipt(
    edge: &Edge,
    tenant: &Id,
    sequence: u64,
    body_sha256: Mark,
    answered: Option<&UpstreamAnswer>,
) -> Response {
    let written = edge.desk.with(|shared| {
        let item = shared.books.book(tenant)?.item(sequence)?;
        Some((item.clone(), shared.checkpoint.clone()))
    });
    let Some((item, checkpoint)) = written else { return ended().into_response() };
    let content = answered.filter(|answer| !answer.body.is_empty()).map(|answer| {
        serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()))
    });
    let receipt = Receipt {
        receipt: item.receipt,
        tenant: tenant.name().to_owned(),
        operation: item.operation.to_string(),
        accepted_at: time_text(item.accepted_ms),
        state: item.state.word().to_owned(),
        body_sha256,
        sequence,
        bridge: String::new(),
        signature: String::new(),
        checkpoint,
        answer: content,
    };
    let status = match item.state {
        ItemState::Pending => StatusCode::ACCEPTED,
        ItemState::Settled(_) => {
            item.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK)
        }
    };
    match serde_json::to_value(receipt.sign(&edge.key)) {
        Ok(body) => answer(status, &body),
        Err(_) => ended().into_response(),
    }
}

pub async fn read(
    State(edge): Shared,
    Path((tenant, operation)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    pass(edge, &tenant, &operation, "", query, headers).await
}

pub async fn read_below(
    State(edge): Shared,
    Path((tenant, operation, rest)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    pass(edge, &tenant, &operation, &rest, query, headers).await
}

/// Only plain names: nothing that a server behind could read as another place.
fn plain_path(rest: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    rest.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain))
}

/// Reading changes nothing, so it is passed through and never kept.
async fn pass(
    edge: Arc<Edge>,
    tenant: &str,
    operation: &str,
    rest: &str,
    query: Option<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = tenant_named(&edge, tenant)?;
    let form = edge.config.operations.get(operation).ok_or_else(Problem::nowhere)?;
    let home = edge.config.tenants.get(&tenant).ok_or_else(Problem::nowhere)?;
    let upstream = form.upstream.get(&home.site).ok_or_else(Problem::nowhere)?.as_str();
    if !rest.is_empty() && !plain_path(rest) {
        return Err(Problem::nowhere());
    }
    let away = || {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the upstream cannot be reached at the moment",
            "nothing can be read now; submissions are still accepted and kept",
            "read again later",
        )
    };
    let passing = edge.desk.with(|shared| {
        shared.books.book(&tenant).is_some_and(|book| book.route == crate::books::Route::Passing)
    });
    if !passing {
        return Err(away());
    }
    let mut url = upstream.to_owned();
    if !rest.is_empty() {
        url.push('/');
        url.push_str(rest);
    }
    if let Some(query) = query {
        url.push('?');
        url.push_str(&query);
    }
    let answered = {
        let _permit = edge.reads.acquire().await.map_err(|_| away())?;
        let client = edge.client.clone();
        tokio::task::spawn_blocking(move || client.get(&url, &headers)).await.map_err(|_| away())?
    };
    match answered {
        Ok(answer) => Ok(passed_on(answer)),
        // A reader says nothing about the core: anybody may ask for what takes too long, and nobody is held for it.
        Err(NoAnswer::NotThere(_) | NoAnswer::Late(_) | NoAnswer::Broken(_)) => Err(away()),
    }
}

fn passed_on(answer: UpstreamAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = (status, answer.body).into_response();
    let kind = answer.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    response
}
