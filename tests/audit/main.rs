//! What a running gate leaves behind: its log on standard output and its audit in a file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "nobody but tests reads this")]

#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/idp.rs"]
mod idp;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/visitor.rs"]
mod visitor;

mod configured;
mod house;
mod kept;
mod stalled;
