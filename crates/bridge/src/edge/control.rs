//! Control: hold, reopen, release, account. For the operator, with the token in the control file.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Edge, Problem, Shared, answer, bearer, body};
use crate::books::Route;
use crate::core_health::Resting;
use crate::desk::{Line, Whom};
use crate::fact::Mark;
use crate::keys::same_secret;
use crate::receipt::time_text;
use estate::{Id, Kind};

const CONTROL_BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlCall {
    site: Option<String>,
    tenants: Option<Vec<String>>,
    why: Option<String>,
    since: Option<jiff::Timestamp>,
}

async fn call(
    edge: &Edge,
    headers: &HeaderMap,
    content: Body,
) -> Result<(BTreeSet<Id>, ControlCall), Problem> {
    authorised(edge, headers)?;
    let content = body(edge, headers, content, CONTROL_BYTES_MAX).await?;
    let call: ControlCall = serde_json::from_slice(&content.bytes)
        .map_err(|error| Problem::wrong(format!("this is not a control call: {error}")))?;
    let whom = match (&call.site, &call.tenants) {
        (Some(site), None) => Whom::Site(site.clone()),
        (None, Some(names)) => {
            let ids = names.iter().map(|name| Id::new(Kind::Tenant, name)).collect::<Result<_, _>>();
            Whom::Tenants(ids.map_err(|error| Problem::wrong(error.to_string()))?)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::wrong("name either `site` or `tenants`"));
        }
    };
    Ok((edge.desk.resolve(&whom).map_err(Problem::wrong)?, call))
}

fn authorised(edge: &Edge, headers: &HeaderMap) -> Result<(), Problem> {
    let expected = Mark(edge.control_token).to_string();
    match bearer(headers) {
        Some(token) if same_secret(token.as_bytes(), expected.as_bytes()) => Ok(()),
        _ => Err(Problem::not_allowed()),
    }
}

fn names(tenants: &BTreeSet<Id>) -> Vec<&str> {
    tenants.iter().map(Id::name).collect()
}

pub async fn hold(State(edge): Shared, headers: HeaderMap, content: Body) -> Result<Response, Problem> {
    let (tenants, call) = call(&edge, &headers, content).await?;
    let why = call.why.filter(|why| !why.trim().is_empty());
    let why = why.ok_or_else(|| Problem::wrong("say in `why` what the reason is; it is recorded"))?;
    let decided = edge.desk.hold_by_hand(tenants, why).await;
    let (held, before) = decided.map_err(|fault| Problem::write(&fault))?;
    let mut said = json!({ "held": names(&held) });
    if !before.is_empty() {
        said["held_before"] = json!(names(&before));
    }
    Ok(answer(StatusCode::OK, &said))
}

pub async fn release(State(edge): Shared, headers: HeaderMap, content: Body) -> Result<Response, Problem> {
    let (tenants, _) = call(&edge, &headers, content).await?;
    let released = edge.desk.release(tenants).await.map_err(|fault| Problem::write(&fault))?;
    Ok(answer(StatusCode::OK, &json!({ "released": names(&released) })))
}

pub async fn reopen(State(edge): Shared, headers: HeaderMap, content: Body) -> Result<Response, Problem> {
    let (tenants, call) = call(&edge, &headers, content).await?;
    let since = call.since.ok_or_else(|| {
        Problem::wrong(
            "say in `since` (RFC 3339) the time from which the restored upstream has lost submissions",
        )
    })?;
    let reopened =
        edge.desk.reopen(tenants, since.as_millisecond()).await.map_err(|fault| Problem::write(&fault))?;
    let reopened: Map<String, Value> =
        reopened.into_iter().map(|(id, count)| (id.name().to_owned(), count.into())).collect();
    Ok(answer(StatusCode::OK, &json!({ "reopened": reopened })))
}

pub async fn account(State(edge): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    authorised(&edge, &headers)?;
    let statement = edge.desk.statement().await.map_err(|fault| Problem::write(&fault))?;
    let tenants: Map<String, Value> =
        statement.lines.iter().map(|(id, line)| (id.name().to_owned(), line_json(line))).collect();
    let body = json!({
        "tenants": tenants,
        "checkpoint": statement.checkpoint,
        "unknown_entries": statement.unknown_entries,
        "strange_entries": statement.illegal_entries,
        "resting": edge.desk.resting().iter().map(resting_json).collect::<Vec<_>>(),
    });
    Ok(answer(StatusCode::OK, &body))
}

/// An upstream to which nothing is offered for a while: what comes for it is pending, though its tenants are not held.
fn resting_json(resting: &Resting) -> Value {
    json!({ "upstream": resting.upstream, "for_ms": resting.for_ms, "why": resting.why })
}

fn line_json(line: &Line) -> Value {
    let account = &line.account;
    let mut value = json!({
        "accepted": account.accepted,
        "applied": account.applied,
        "already_there": account.already_there,
        "conflict": account.conflict,
        "refused": account.refused,
        "pending": account.pending,
    });
    value["route"] = match &line.route {
        Route::Passing => json!({ "state": "passing" }),
        Route::Holding { since_ms, why } => {
            json!({ "state": "holding", "since": time_text(*since_ms), "why": why })
        }
    };
    value
}
