//! Each text of `vestibule gateway`, run by the real program that it is for, with real sign-ins through the demo's
//! identity provider.
//!
//! `scenes.rs` holds what is played, the same at every gateway; `programs.rs` how each is started; `matrix.rs` keeps the
//! table of docs/gateways/README.md, which says what each answered: after a change `UPDATE=1 cargo test --test gateways`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod cluster;
mod columns;
mod grants;
mod hosts;
mod labels;
mod matrix;
mod neighbours;
mod own_pages;
mod pages;
mod programs;
mod proven;
mod scenes;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod traces;
#[path = "../counterparts/upstream.rs"]
mod upstream;
mod wire;
mod world;
mod yaml;
