//! What people see, in a real Chromium: every page in light and dark, on a phone and on a desk, by axe-core's measure; and
//! what only browsers do: the `#fragment` of an address, and scripts of other origins.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod background;
mod fragments;
mod pages;
#[path = "../support/mod.rs"]
mod support;
#[path = "../counterparts/tls.rs"]
mod tls;
#[path = "../counterparts/upstream.rs"]
mod upstream;
