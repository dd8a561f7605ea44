//! Who may look? Whoever has the code that was printed when the console started.
//!
//! No directory is asked: in an incident there may be none. The code is as long as a key, lives as long as the process, and is
//! shown on the terminal of whoever started it. A browser that has given it gets a session in a cookie; the server keeps
//! only the digest of either.

#![allow(
    clippy::disallowed_methods,
    reason = "codes and sessions are secrets: they must not be repeated by a seed, and they end by the clock"
)]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Bytes of randomness in a code and in a session.
const SECRET_BYTES: usize = 20;
/// A session ends after this, used or not.
const SESSION_LASTS: Duration = Duration::from_secs(12 * 3600);
/// More sessions than this are not kept: the oldest goes.
const SESSIONS_MAX: usize = 1000;
/// So many wrong codes in a minute are said to be wrong; then it is said to wait. The right one always opens: it is too long
/// to be guessed, and a crowd that guesses must not keep out whoever commands.
const WRONG_MAX: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// What is printed. It is not kept in this form.
pub struct Code(String);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What became of a code that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// The secret of the new session.
    Yes(String),
    Wrong,
    /// Too many were wrong just now.
    Later,
}

#[derive(Default)]
struct State {
    /// Digest of the secret, and when the session began.
    sessions: BTreeMap<[u8; 32], Instant>,
    wrong: Option<(Instant, u32)>,
}

/// The door of one console.
pub struct Access {
    code: [u8; 32],
    state: Mutex<State>,
}

impl Access {
    /// A new code, and the door it opens.
    pub fn new() -> (Access, Code) {
        let code = secret();
        (Access { code: digest(&code), state: Mutex::default() }, Code(code))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, given: &str) -> Entered {
        let now = Instant::now();
        let mut state = self.state();
        if state.wrong.is_some_and(|(since, _)| now.duration_since(since) >= MINUTE) {
            state.wrong = None;
        }
        // Digests are compared, so the time it takes says nothing about the code.
        if digest(given.trim()) != self.code {
            let (since, count) = state.wrong.unwrap_or((now, 0));
            state.wrong = Some((since, count.saturating_add(1)));
            return if count < WRONG_MAX { Entered::Wrong } else { Entered::Later };
        }
        if state.sessions.len() >= SESSIONS_MAX {
            let oldest = state.sessions.iter().min_by_key(|(_, since)| **since).map(|(key, _)| *key);
            oldest.map(|key| state.sessions.remove(&key));
        }
        let session = secret();
        state.sessions.insert(digest(&session), now);
        Entered::Yes(session)
    }

    pub(crate) fn is_in(&self, session: &str) -> bool {
        let key = digest(session);
        let mut state = self.state();
        let begun = state.sessions.get(&key).copied();
        let is_over = begun.is_some_and(|begun| begun.elapsed() >= SESSION_LASTS);
        if is_over {
            state.sessions.remove(&key);
        }
        begun.is_some() && !is_over
    }

    pub(crate) fn leave(&self, session: &str) {
        self.state().sessions.remove(&digest(session));
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).expect("a system without randomness cannot keep a secret");
    estate::hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_printed_code_opens_a_session_and_leaving_ends_it() {
        let (access, code) = Access::new();
        assert_eq!(access.enter(""), Entered::Wrong);
        assert_eq!(access.enter(&code.to_string()[1..]), Entered::Wrong);
        let Entered::Yes(session) = access.enter(&format!(" {code}\n")) else { panic!("the code opens") };
        assert!(access.is_in(&session) && !access.is_in("") && !access.is_in(&code.to_string()));
        access.leave(&session);
        assert!(!access.is_in(&session));
    }

    #[test]
    fn whoever_guesses_is_told_to_wait_and_keeps_nobody_out() {
        let (access, code) = Access::new();
        for _ in 0..WRONG_MAX {
            assert_eq!(access.enter("guess"), Entered::Wrong);
        }
        assert_eq!(access.enter("guess"), Entered::Later);
        let right = access.enter(&code.to_string());
        assert!(matches!(right, Entered::Yes(_)), "nobody who guesses keeps out whoever has the code");
    }

    #[test]
    fn sessions_are_bounded() {
        let (access, code) = Access::new();
        let code = code.to_string();
        for _ in 0..SESSIONS_MAX + 5 {
            assert!(matches!(access.enter(&code), Entered::Yes(_)));
        }
        assert_eq!(access.state().sessions.len(), SESSIONS_MAX);
    }
}
