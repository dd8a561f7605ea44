//! What is owed to whom, and until when?
//!
//! Reads: the clocks in the view, and the rules. Records: that a clock was started (since when somebody was aware, who says
//! so, why) and that something was filed, with its receipt; nothing else stops a clock. The rules are files
//! (`rules/*.toml`) that a lawyer can read and change: each has its text, its source, its version and its date. A clock carries the rule
//! it was started by.
//!
//! - `rule`: reading a rule; those that come with the program.
//! - `clock`: the last moment, in the zone of the rule.
//! - `decide`: starting and filing, or why not.
//! - `standing`: how each clock stands at a moment, and what nobody has started.
//! - `facts`, `report`: what the journal knows for a report, each with its entry, and the report filled in with it.
//!
//! It leaves out to say whether a duty applies: that is a question of law and of facts, and is said as a question.

pub mod clock;
pub mod decide;
pub mod facts;
pub mod report;
pub mod rule;
pub mod standing;

pub use rule::{Owed, Rule, Step};

#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod tests;
