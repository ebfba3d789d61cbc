//! Several replicas of the program with one Redis, each in a network of its own, behind nginx as docs/operations.md says:
//! restarted one after the other, killed, cut off from the store, all the while asked as much as four fifths of what they
//! can answer. And how soon a session that is revoked at one of them is over at the others.
//!
//! `make replicas` runs all of it. It needs to be root, because networks are made (`ip netns`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part of what is shared")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures"
)]

#[path = "../support/idp.rs"]
mod idp;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/visitor.rs"]
mod visitor;

mod application;
mod balancer;
mod caller;
mod console;
mod load;
mod losses;
mod network;
mod people;
mod revoked;
mod rolling;
mod scene;
#[path = "../../benches/soak/tally.rs"]
mod tally;

use std::time::Duration;

/// Nothing takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `make soak` would be content with a run in which nobody ever signed in.
#[test]
fn a_soak_in_which_a_kind_of_work_was_never_done_has_failed() {
    let (whole, part) = (tally::Tally::default(), tally::Tally::default());
    for (place, kind) in tally::KINDS.into_iter().enumerate() {
        whole.done(kind);
        if place != 2 {
            part.done(kind);
        }
    }
    whole.judge();
    let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| part.judge())).unwrap_err();
    assert!(judged.downcast_ref::<String>().is_some_and(|said| said.contains("sign-ins")));
}
