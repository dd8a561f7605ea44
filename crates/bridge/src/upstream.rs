//! The client of the upstream: one request out, and what its answer means.

#![allow(clippy::disallowed_methods, reason = "calls the core, with its own time limits")]

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName};
use ureq::http;

use super::fact::{Outcome, ReceiptId};

/// Answers longer than this are not passed on; what they mean still counts.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// What is read through the bridge may be longer.
const READ_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Who does not even take the call in this time is gone; senders should not wait for longer.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// A connection that idled longer is not used again: the other side may be closing it at this moment.
const IDLE_MAX: Duration = Duration::from_secs(1);

pub const RECEIPT_HEADER: &str = "blackstart-receipt";
pub const REPLAY_HEADER: &str = "blackstart-replay";
pub const OUTSIDE_HEADER: &str = "blackstart-outside";
pub const SAME_BUSINESS_HEADER: &str = "blackstart-same-business-as";

/// Not passed on: they belong to one connection, or only the bridge may say them.
fn passes(name: &HeaderName) -> bool {
    const OF_THE_CONNECTION: [&str; 13] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "expect",
        "accept-encoding",
    ];
    !OF_THE_CONNECTION.contains(&name.as_str()) && !name.as_str().starts_with("blackstart-")
}

/// Who asks the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The sender itself, through the bridge, with the credentials it sent along.
    Sender,
    /// The tenant's hand-back, with its own.
    HandBack,
}

/// What an answer says about a submission. Everything that is not one of these says nothing.
///
/// A no to the sender's own request is a no: kept as pending it would be offered again by somebody whom the core
/// believes, and what was refused to a stranger would be done. To hand-back, "you may not" says something about hand-back
/// and nothing about the submission. 404 and 405 may come from whatever stands in front of the core, 408, 425 and 429 ask
/// to come again.
pub fn meaning(status: u16, asker: Asker) -> Option<Outcome> {
    match (status, asker) {
        (200 | 201, _) => Some(Outcome::Applied),
        (208, _) => Some(Outcome::AlreadyThere),
        (409, _) => Some(Outcome::Conflict),
        (400 | 410 | 413..=415 | 422 | 451, _) | (401..=403, Asker::Sender) => Some(Outcome::Refused),
        _ => None,
    }
}

#[derive(Debug)]
pub struct UpstreamAnswer {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody takes the call.
    NotThere(String),
    /// Somebody took the call and did not answer in time.
    Late(String),
    /// The connection broke on the way; somebody was there.
    Broken(String),
}

#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
}

impl Client {
    pub fn new(timeout: Duration) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout.min(CONNECT_MAX)))
            .max_idle_age(IDLE_MAX)
            .max_idle_connections(512)
            .max_idle_connections_per_host(256)
            .build();
        Client { agent: config.new_agent() }
    }

    /// Blocks. `extra` are the bridge's own headers.
    pub fn post(
        &self,
        url: &str,
        from: &HeaderMap,
        extra: &[(&str, String)],
        body: &Bytes,
    ) -> Result<UpstreamAnswer, NoAnswer> {
        let mut request = http::Request::builder().method("POST").uri(url);
        for (name, value) in from.iter().filter(|(name, _)| passes(name)) {
            request = request.header(name, value);
        }
        for (name, value) in extra {
            request = request.header(*name, value);
        }
        let request = request.body(&body[..]).map_err(|error| NoAnswer::Broken(error.to_string()))?;
        // The status says what happened; a body that is too long is only left out of the receipt.
        read(self.agent.run(request).map_err(no_answer)?, ANSWER_BYTES_MAX).map(|(answer, _)| answer)
    }

    /// Blocks.
    pub fn get(&self, url: &str, from: &HeaderMap) -> Result<UpstreamAnswer, NoAnswer> {
        let mut request = http::Request::builder().method("GET").uri(url);
        for (name, value) in from.iter().filter(|(name, _)| passes(name)) {
            request = request.header(name, value);
        }
        let request = request.body(()).map_err(|error| NoAnswer::Broken(error.to_string()))?;
        match read(self.agent.run(request).map_err(no_answer)?, READ_BYTES_MAX)? {
            (answer, Length::Whole) => Ok(answer),
            (_, Length::TooLong) => {
                let body = format!("the answer is longer than {READ_BYTES_MAX} bytes: read it in parts\n");
                Ok(UpstreamAnswer {
                    status: 502,
                    content_type: Some("text/plain".to_owned()),
                    body: body.into_bytes(),
                })
            }
        }
    }
}

/// The headers that tell the core which submission this is.
pub fn submission_headers(
    receipt: &ReceiptId,
    same_business_as: Option<&ReceiptId>,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![(RECEIPT_HEADER, receipt.to_string())];
    headers.extend(same_business_as.map(|earlier| (SAME_BUSINESS_HEADER, earlier.to_string())));
    headers
}

fn read(answer: http::Response<ureq::Body>, bytes_max: u64) -> Result<(UpstreamAnswer, Length), NoAnswer> {
    let status = answer.status().as_u16();
    let content_type = answer.headers().get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    match answer.into_body().into_with_config().limit(bytes_max).read_to_vec() {
        Ok(body) => Ok((UpstreamAnswer { status, content_type, body }, Length::Whole)),
        Err(ureq::Error::BodyExceedsLimit(_)) => {
            Ok((UpstreamAnswer { status, content_type: None, body: Vec::new() }, Length::TooLong))
        }
        Err(error) => Err(no_answer(error)),
    }
}

enum Length {
    Whole,
    TooLong,
}

fn no_answer(error: ureq::Error) -> NoAnswer {
    use std::io::ErrorKind;
    match error {
        ureq::Error::ConnectionFailed
        | ureq::Error::HostNotFound
        | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
            NoAnswer::NotThere(error.to_string())
        }
        ureq::Error::Timeout(_) => NoAnswer::Late(error.to_string()),
        ureq::Error::Io(ref cause) => match cause.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable => NoAnswer::NotThere(cause.to_string()),
            ErrorKind::TimedOut => NoAnswer::Late(cause.to_string()),
            _ => NoAnswer::Broken(cause.to_string()),
        },
        other => NoAnswer::Broken(other.to_string()),
    }
}
