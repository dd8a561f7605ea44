//! Asking over HTTP, blocking, with a deadline on everything.

use std::time::Duration;

use serde_json::Value;

/// A status with the body that came with it; a body that is not JSON is kept as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

impl Reply {
    pub fn new(status: u16, body: Value) -> Reply {
        Reply { status, body }
    }

    /// The one form in which services say why not.
    pub fn because(status: u16, reason: impl Into<String>) -> Reply {
        Reply { status, body: serde_json::json!({ "reason": reason.into() }) }
    }
}

/// Keeps connections open between calls. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Caller(ureq::Agent);

impl Caller {
    /// `deadline` is for one whole call.
    pub fn new(deadline: Duration) -> Caller {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(deadline.min(Duration::from_secs(2))))
            .timeout_global(Some(deadline))
            .build();
        Caller(config.into())
    }

    /// The error says that no answer came; whether the request was acted on is then not known.
    pub fn get(&self, url: &str) -> Result<Reply, String> {
        read(self.0.get(url).call())
    }

    /// As `get`. `body` is sent as JSON.
    pub fn post(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Reply, String> {
        let mut request = self.0.post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send(body))
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Reply, String> {
    let mut answer = answer.map_err(|cause| cause.to_string())?;
    let text = answer.body_mut().read_to_string().map_err(|cause| cause.to_string())?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Reply { status: answer.status().as_u16(), body })
}
