//! The gate against programs that none of us wrote: Chromium, nginx, SimpleSAMLphp.
//!
//! Each test starts the programs that it needs on ports of its own and ends them. `make test` installs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod chromium_signs_in;
mod demo;
mod nginx_auth_request;
mod simplesamlphp;
mod simplesamlphp_demands;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod upstream;
