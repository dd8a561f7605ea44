//! The attacker: how files are encrypted, and the process that does it.

use std::path::Path;

use crate::Result;

/// How the bytes of one file are changed. Names are what `--attack` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    Full,
    Head4k,
    KeepHead,
    Alternate16,
    Alternate64,
    Percent,
    SkipStep,
    Base64,
    FooterRename,
    Slow,
}

impl Pattern {
    pub const ALL: [Pattern; 10] = [
        Pattern::Full,
        Pattern::Head4k,
        Pattern::KeepHead,
        Pattern::Alternate16,
        Pattern::Alternate64,
        Pattern::Percent,
        Pattern::SkipStep,
        Pattern::Base64,
        Pattern::FooterRename,
        Pattern::Slow,
    ];
    pub fn name(self) -> &'static str {
        todo!()
    }
    pub fn parse(_name: &str) -> Option<Pattern> {
        todo!()
    }
}

/// 32 bytes; whoever has it can undo the attack.
pub type Key = [u8; 32];

/// Changes `bytes` as the attacker would.
pub fn apply(_pattern: Pattern, _bytes: &mut Vec<u8>, _key: &Key, _seed: u64) {
    todo!()
}

/// Takes `apply` back.
pub fn undo(_pattern: Pattern, _bytes: &mut Vec<u8>, _key: &Key, _seed: u64) -> Result<()> {
    todo!()
}

/// One line of the attacker's own log.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Hit {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Path of the file as it was before.
    pub file: String,
    pub bytes: u64,
}

/// Reads the log of an attacker, finished or not.
pub fn hits(_log: &Path) -> Result<Vec<Hit>> {
    todo!()
}
