//! The gate against programs that none of us wrote: browsers, nginx, identity providers.
//!
//! Each test starts the programs that it needs on ports of its own and ends them. `make test` installs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod browser_scenes;
mod browsers_sign_in;
mod demo;
mod folding;
mod identity_providers;
mod idps;
mod nginx_auth_request;
mod scenarios;
mod sign_on_hosts;
mod simplesamlphp;
mod simplesamlphp_demands;
mod simplesamlphp_logout;
#[path = "../support/mod.rs"]
mod support;
mod telemetry;
mod three_sites;
mod tls;
mod uploads;
mod upstream;
