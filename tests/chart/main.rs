//! The chart in helm/vestibule: what helm says of it, what it renders to, and what the gate says of the configuration in it.
//!
//! `scripts/counterparts.sh` installs who judges: helm 3 and 4, the schemas of Kubernetes, the definitions of other people's
//! resources, and Kubernetes' own Pod Security admission.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod configuration;
mod helm;
mod metrics;
mod pages;
mod pods;
mod refusals;
mod rendered;
#[path = "../support/mod.rs"]
mod support;
