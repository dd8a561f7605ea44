//! Evaluations and benchmarks, one module each. Never shipped.

pub mod import_compose;
pub mod journal_appends;
