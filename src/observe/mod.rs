//! Logging, audit events, metrics (SKELETON).

pub mod audit;
pub mod log;
pub mod metrics;
