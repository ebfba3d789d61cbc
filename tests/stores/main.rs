//! Two stores go through one suite: the memory store, and a store of the tests' own that is as slow and as unreliable as
//! a store on another machine may be.

mod slow;

use slow::SlowStore;
use vestibule::session::{MemoryStore, suite};

/// The time is tokio's and stands still until everybody waits, so the five milliseconds of each answer cost nothing.
#[tokio::test(start_paused = true)]
async fn a_slow_and_unreliable_store_does_what_a_store_must_do() {
    // Begun at another question each time, so that the failures fall on other ones.
    for phase in (0..200).step_by(8) {
        let asked = slow::Tally::from(phase);
        suite::run(|room| SlowStore::new(room, &asked)).await;
        let failures = asked.failures();
        assert!(failures >= 15, "the store was hardly tried: {failures} failures");
    }
}

#[tokio::test]
async fn the_memory_store_does_what_a_store_must_do() {
    suite::run(|room| MemoryStore::with_max_claims(room.max_bytes, room.max_claims, room.now)).await;
}
