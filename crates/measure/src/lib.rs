//! Evaluations and benchmarks, one module each. Never shipped.

pub mod journal_appends;
pub mod made_estate;
pub mod plan_bench;
pub mod psplib;
