//! Is it the bridge that answers, and the tenant that asks? What both sides of hand-back prove to each other, over a line that
//! anybody may sit on.
//!
//! The tenant knows the bridge's public key. It asks for a session with a fresh number; the bridge draws a secret, seals it to the
//! tenant's recipient and signs what it sealed together with that number. Only the tenant can open it, and only the bridge can have
//! made it. From then on every request and every answer carries a keyed hash under that secret (HMAC-SHA-256) over all of
//! it, an answer also over the number of its request. So an outcome that somebody else reports is not recorded, an answer
//! that somebody else gives is not believed, and nobody can put one answer in the place of another. What is handed
//! back was sealed long before; who sits on the line sees how much there is, and when.

use crate::fact::Mark;
use crate::keys::keyed_hash;

/// Header: which session.
pub const SESSION: &str = "blackstart-session";
/// Header: a number that is drawn for each request.
pub const REQUEST: &str = "blackstart-request";
/// Header: the keyed hash.
pub const PROOF: &str = "blackstart-proof";

/// What the bridge signs when it opens a session.
pub fn session_text(tenant: &str, request: &str, sealed_token: &str, valid_s: u64) -> String {
    format!(
        "blackstart hand-back session 1\ntenant {tenant}\nrequest {request}\nvalid_s {valid_s}\nsealed_token {sealed_token}\n"
    )
}

pub fn of_request(secret: &str, method: &str, path: &str, request: &str, body: &[u8]) -> Mark {
    let parts: [&[u8]; 5] = [b"request", method.as_bytes(), path.as_bytes(), request.as_bytes(), body];
    Mark(keyed_hash(secret.as_bytes(), &parts))
}

pub fn of_answer(secret: &str, request: &str, status: u16, body: &[u8]) -> Mark {
    let parts: [&[u8]; 4] = [b"answer", request.as_bytes(), &status.to_be_bytes(), body];
    Mark(keyed_hash(secret.as_bytes(), &parts))
}

/// Which session a token is of: what may be said in the open.
pub fn session_of(token: &str) -> &str {
    token.rsplit_once('.').map_or("", |(session, _)| session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_a_request_is_no_answer() {
        let of = |method, path, request, body: &str| of_request("s", method, path, request, body.as_bytes());
        let all = [
            of("GET", "/p", "1", ""),
            of("POST", "/p", "1", ""),
            of("GET", "/q", "1", ""),
            of("GET", "/p", "2", ""),
            of("GET", "/p", "1", "x"),
            of("GET", "/p1", "", ""),
            of_request("t", "GET", "/p", "1", b""),
            of_answer("s", "1", 200, b""),
            of_answer("s", "1", 409, b""),
            of_answer("s", "2", 200, b""),
            of_answer("s", "1", 200, b"x"),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(session_of("17.ab.cd"), "17.ab");
    }
}
