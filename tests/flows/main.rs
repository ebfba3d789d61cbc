//! What a browser lives through between "not signed in" and the page it wanted.
//!
//! The gate is the real one, the identity provider and the browser are the tests' own (`tests/support`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]

#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/idp.rs"]
mod idp;
#[path = "../support/logout.rs"]
mod logout;
#[path = "../support/sealing.rs"]
mod sealing;
#[path = "../support/town.rs"]
mod town;
#[path = "../support/world.rs"]
mod world;

mod accounted;
mod admission;
mod chooser;
mod configured;
mod demands;
mod encrypted;
mod endings;
mod endpoints;
mod front_page;
mod hand_over_race;
mod loops;
mod own_sessions;
mod people;
mod repost;
mod revoked;
#[cfg(feature = "second-opinion")]
mod second_opinion;
mod session_limit;
mod sign_in;
mod sign_on;
mod sign_out;
mod single_logout;
mod single_logout_attacks;
mod sites;
mod step_up;
mod strangers;
mod trial;
mod unsolicited;
