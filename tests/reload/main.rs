//! The program itself, while its configuration changes under it and when it is started again: what goes on, what ends, and
//! what it says of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "what the tests share is used in parts")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]

#[path = "../support/idp.rs"]
mod idp;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/visitor.rs"]
mod visitor;

mod application;
mod changes;
mod load;
mod restart;
mod scene;
mod sockets;
