//! What people must decide: conflicts and refusals, opened with the tenant's key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use super::HandbackFault;
use super::config::Config;
use super::link::{HeldSubmission, Link};
use crate::fact::ReceiptId;

/// One submission that no program decides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    pub receipt: ReceiptId,
    pub operation: String,
    pub accepted_at: String,
    /// `conflict` or `refused`.
    pub state: String,
    pub status: Option<u16>,
    pub content: Value,
    /// What the core said.
    pub reason: Value,
}

pub fn cases(config: &Config, link: &Link<'_>) -> Result<Vec<Case>, HandbackFault> {
    let mut cases = Vec::new();
    let mut after = None;
    loop {
        let page = link.page("for-people", after)?;
        let Some(last) = page.items.last() else { return Ok(cases) };
        after = Some(last.sequence);
        cases.extend(page.items.iter().map(|item| case(config, item)));
        if !page.more {
            return Ok(cases);
        }
    }
}

/// What cannot be opened is shown as such: a case is never left out of the list.
fn case(config: &Config, item: &HeldSubmission) -> Case {
    let decoded = STANDARD.decode(&item.sealed).map_err(|error| error.to_string());
    let content = decoded.and_then(|sealed| {
        let opened = config.identity.open_submission(&item.receipt, &sealed);
        opened.map(|(_, body)| body).map_err(|error| error.to_string())
    });
    let reason = STANDARD.decode(item.sealed_reason.as_deref().unwrap_or_default());
    let reason = reason.map_err(|error| error.to_string()).and_then(|sealed| {
        if sealed.is_empty() {
            return Ok(Vec::new());
        }
        config.identity.open(&sealed).map_err(|error| error.to_string())
    });
    Case {
        receipt: item.receipt,
        operation: item.operation.clone(),
        accepted_at: item.accepted_at.clone(),
        state: item.state.clone().unwrap_or_default(),
        status: item.status,
        content: readable(content),
        reason: readable(reason),
    }
}

fn readable(bytes: Result<Vec<u8>, String>) -> Value {
    match bytes {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned())),
        Err(why) => Value::String(format!("(cannot be opened: {why})")),
    }
}
