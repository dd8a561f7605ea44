//! Evaluations and benchmarks, one module each. Never shipped.

pub mod import_speed;
pub mod journal_appends;
pub mod made_estate;
pub mod plan_bench;
pub mod psplib;
pub mod scan_histories;
pub mod scan_rates;
pub mod scan_speed;
pub mod watch_bench;
