//! What the tests from outside share: programs that end with the test, ports, a client that keeps cookies.
#![allow(dead_code, reason = "each test program uses its own part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking"
)]

pub mod chromium;
pub mod demo_idp;
pub mod gallery;
pub mod gate;
pub mod json_schema;
pub mod marionette;
pub mod program;
pub mod visitor;
pub mod window;
