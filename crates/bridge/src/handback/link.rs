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
use crate::keys::{random, same_secret};
use crate::line;

const PAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A submission as the bridge holds it.
#[derive(Clone, Debug, Deserialize)]
pub struct HeldSubmission {
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
    pub items: Vec<HeldSubmission>,
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
        let Config { bridge, bridge_key, tenant, .. } = self.config;
        let not_it = |why| HandbackFault::NotTheBridge { address: bridge.clone(), why };
        let request = fresh()?;
        let headers = [(line::REQUEST, request.clone())];
        let Answer { status, bytes, .. } = self.send("POST", "session", &headers, b"")?;
        let session = accepted("a session", status, &bytes)?;
        let text = |name: &str| session[name].as_str().unwrap_or_default();
        let sealed = text("sealed_token");
        let signature = STANDARD.decode(text("signature")).ok();
        let signature = signature.and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        let signature = signature.ok_or_else(|| not_it("its session is not signed"))?;
        let valid_s = session["valid_s"].as_u64().unwrap_or(0);
        let signed = line::session_text(tenant.name(), &request, sealed, valid_s);
        if !bridge_key.accepts(signed.as_bytes(), &signature) {
            return Err(not_it(
                "its session is signed by another key than the bridge_key of the configuration",
            ));
        }
        let sealed = STANDARD
            .decode(sealed)
            .map_err(|_| HandbackFault::Form("the sealed token is not base64".to_owned()))?;
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

    /// A session ends after an hour, and with the bridge's process: then one more is opened. Only an answer that is proven is
    /// an answer, whatever its status.
    fn authorised(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Vec<u8>), HandbackFault> {
        let content = body.map(Value::to_string).unwrap_or_default();
        for attempt in 0..2 {
            let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let request = fresh()?;
            let whole = format!("{}/{path}", self.config.tenant.name());
            let proof = line::of_request(&token, method, &whole, &request, content.as_bytes());
            let headers = [
                (line::SESSION, line::session_of(&token).to_owned()),
                (line::REQUEST, request.clone()),
                (line::PROOF, proof.to_string()),
            ];
            let answer = self.send(method, path, &headers, content.as_bytes())?;
            let expected = line::of_answer(&token, &request, answer.status, &answer.bytes).to_string();
            if answer.proof.is_some_and(|proof| same_secret(proof.as_bytes(), expected.as_bytes())) {
                return Ok((answer.status, answer.bytes));
            }
            if answer.status != 401 || attempt > 0 {
                break;
            }
            self.renew()?;
        }
        let address = self.config.bridge.clone();
        Err(HandbackFault::NotTheBridge { address, why: "its answer is not proven by the session" })
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        content: &[u8],
    ) -> Result<Answer, HandbackFault> {
        let Config { bridge, tenant, .. } = self.config;
        let unreachable = |why: String| HandbackFault::Bridge { address: bridge.clone(), why };
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{bridge}/handback/{}/{path}", tenant.name()));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = match method {
            "GET" => request.body(()).map(|request| self.agent.run(request)),
            _ => request.body(content).map(|request| self.agent.run(request)),
        };
        let answer = answer.map_err(|error| unreachable(error.to_string()))?;
        let answer = answer.map_err(|error| unreachable(error.to_string()))?;
        let status = answer.status().as_u16();
        let proof =
            answer.headers().get(line::PROOF).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = answer.into_body().into_with_config().limit(PAGE_BYTES_MAX).read_to_vec();
        bytes.map(|bytes| Answer { status, bytes, proof }).map_err(|error| unreachable(error.to_string()))
    }
}

/// As it came.
struct Answer {
    status: u16,
    bytes: Vec<u8>,
    proof: Option<String>,
}

fn fresh() -> Result<String, HandbackFault> {
    let number = random::<16>().map_err(|error| HandbackFault::Form(format!("no random number: {error}")))?;
    Ok(ReceiptId(number).to_string())
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
