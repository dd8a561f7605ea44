//! The line to the bridge: proves who we are, pulls, reports.

#![allow(clippy::disallowed_methods, reason = "calls the bridge, with its own time limits")]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http;

use super::HandbackFault;
use super::config::Config;
use crate::fact::{Mark, Outcome, ReceiptId};

const PAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A submission as the bridge holds it.
#[derive(Clone, Debug, Deserialize)]
pub struct Held {
    pub sequence: u64,
    pub receipt: ReceiptId,
    pub operation: String,
    pub person: Mark,
    pub accepted_at: String,
    pub same_business_as: Option<ReceiptId>,
    pub sealed: String,
    /// Only in the list for people.
    pub state: Option<String>,
    pub status: Option<u16>,
    pub sealed_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Page {
    #[serde(default)]
    pub generation: u64,
    pub items: Vec<Held>,
    pub more: bool,
}

/// What the bridge said to an outcome.
#[derive(Debug, PartialEq, Eq)]
pub enum Reported {
    Recorded,
    /// The bridge knows something newer; this submission is to be pulled again.
    Outdated(String),
}

pub struct Link<'a> {
    config: &'a Config,
    agent: ureq::Agent,
    token: Mutex<String>,
}

impl<'a> Link<'a> {
    /// Opens a session: only who holds the tenant's key can read the token.
    pub fn open(config: &'a Config) -> Result<Link<'a>, HandbackFault> {
        let settings = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(Duration::from_millis(config.timeout_ms)))
            .max_idle_age(Duration::from_secs(5))
            .max_idle_connections_per_host(config.workers)
            .build();
        let link = Link { config, agent: settings.new_agent(), token: Mutex::default() };
        link.renew()?;
        Ok(link)
    }

    fn renew(&self) -> Result<(), HandbackFault> {
        let (status, answer) = self.call("POST", "session", None)?;
        let session = accepted("a session", status, &answer)?;
        let sealed = session["sealed_token"].as_str().and_then(|text| STANDARD.decode(text).ok());
        let sealed =
            sealed.ok_or_else(|| HandbackFault::Form("there is no sealed token in it".to_owned()))?;
        let token = self.config.identity.open(&sealed).map_err(|error| {
            HandbackFault::Form(format!(
                "the token {error}: the bridge seals to another recipient than this identity's"
            ))
        })?;
        let token =
            String::from_utf8(token).map_err(|_| HandbackFault::Form("the token is not text".to_owned()))?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }

    /// `list` is `pending` or `for-people`.
    pub fn page(&self, list: &str, after: Option<u64>) -> Result<Page, HandbackFault> {
        let what = after.map_or_else(|| list.to_owned(), |after| format!("{list}?after={after}"));
        let (status, answer) = self.authorised("GET", &what, None)?;
        let page = accepted("a page", status, &answer)?;
        serde_json::from_value(page).map_err(|error| HandbackFault::Form(error.to_string()))
    }

    /// Returns once the bridge has it on disk.
    pub fn report(
        &self,
        receipt: &ReceiptId,
        generation: u64,
        outcome: Outcome,
        status: u16,
        sealed_reason: Option<Vec<u8>>,
    ) -> Result<Reported, HandbackFault> {
        let report = json!({
            "receipt": receipt,
            "generation": generation,
            "state": outcome,
            "status": status,
            "sealed_reason": sealed_reason.map(|bytes| STANDARD.encode(bytes)),
        });
        let (status, answer) = self.authorised("POST", "outcome", Some(&report))?;
        if status == 409 {
            return Ok(Reported::Outdated(said(&answer)));
        }
        accepted("an outcome", status, &answer).map(|_| Reported::Recorded)
    }

    /// A session ends after an hour, and with the bridge's process: then one more is opened.
    fn authorised(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Vec<u8>), HandbackFault> {
        let first = self.call(method, path, body)?;
        if first.0 != 401 {
            return Ok(first);
        }
        self.renew()?;
        self.call(method, path, body)
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), HandbackFault> {
        let Config { bridge, tenant, .. } = self.config;
        let unreachable = |why: String| HandbackFault::Bridge { address: bridge.clone(), why };
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{bridge}/handback/{}/{path}", tenant.name()))
            .header("authorization", format!("Bearer {token}"));
        let content = body.map(Value::to_string).unwrap_or_default();
        let answer = match method {
            "GET" => request.body(()).map(|request| self.agent.run(request)),
            _ => request.body(content).map(|request| self.agent.run(request)),
        };
        let answer = answer.map_err(|error| unreachable(error.to_string()))?;
        let answer = answer.map_err(|error| unreachable(error.to_string()))?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().into_with_config().limit(PAGE_BYTES_MAX).read_to_vec();
        bytes.map(|bytes| (status, bytes)).map_err(|error| unreachable(error.to_string()))
    }
}

fn accepted(what: &'static str, status: u16, answer: &[u8]) -> Result<Value, HandbackFault> {
    if status != 200 {
        return Err(HandbackFault::Declined { what, status, why: said(answer) });
    }
    serde_json::from_slice(answer).map_err(|error| HandbackFault::Form(error.to_string()))
}

fn said(answer: &[u8]) -> String {
    let problem: Option<Value> = serde_json::from_slice(answer).ok();
    problem
        .and_then(|problem| problem["what"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "it gave no reason".to_owned())
}
