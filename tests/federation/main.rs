//! Identity providers' metadata over the years: what happens to sign-ins and sessions when its source is down, slow, cut
//! off, wrong, old, forged, or has something new to say.
//!
//! The reading is the real one, over TLS from a server of the tests (`tests/support/metadata_server.rs`); the gate is the
//! real one too, as in `tests/flows`. Only the time is moved by hand. `whole.rs` does it with the program itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "what the tests share is used in parts")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]

#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/idp.rs"]
mod idp;
#[path = "../support/metadata_server.rs"]
mod metadata_server;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/visitor.rs"]
mod visitor;
#[path = "../support/world.rs"]
mod world;

mod ages;
mod documents;
mod endings;
mod federations;
mod fetching;
mod held;
mod names;
mod outages;
mod scene;
mod whole;
