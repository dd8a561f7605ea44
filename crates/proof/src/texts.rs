//! The estates and plans that entries carry: whole texts, laid out as files of their own so that people can open them.
//!
//! Both kinds of entry have said since their first version what the text is and by which hash it is known.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{ESTATES, PLANS};

/// Takes in the text that this entry carries, if it carries one: under the path that its hash gives it.
pub fn gather(kind: &str, payload: &[u8], texts: &mut BTreeMap<String, String>) {
    let (folder, ending) = match kind {
        "command.estate_adopted" => (ESTATES, "txt"),
        "plan.recorded" => (PLANS, "json"),
        _ => return,
    };
    let Ok(payload) = serde_json::from_slice::<Value>(payload) else { return };
    let (Some(hash), Some(text)) = (payload["data"]["hash"].as_str(), payload["data"]["text"].as_str())
    else {
        return;
    };
    // It becomes a path: only what is a hash.
    if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        texts.entry(format!("{folder}{hash}.{ending}")).or_insert_with(|| text.to_owned());
    }
}
