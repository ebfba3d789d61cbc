//! A store that several gates share, on real servers of Redis (or Valkey, see `servers.rs`): what every store must do,
//! bad entries, outages, several gates at one store, Sentinel and Cluster while a server dies.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part of what is shared")]

#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/idp.rs"]
mod idp;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/town.rs"]
mod town;
#[path = "../support/world.rs"]
mod world;

mod entries;
mod failover;
mod gates;
mod outages;
mod persons;
mod replicas;
mod single;

use servers::PATIENCE;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vestibule::clock::{ManualClock, Moment};
use vestibule::seal::KeyRing;
use vestibule::secret::Secret;
use vestibule::store::{RedisStore, Settings};

pub const NOW: Moment = Moment::from_seconds(1_800_000_000);

/// A ring of secrets that are these octets over and over.
pub fn ring(fills: &[u8]) -> KeyRing {
    let secrets: Vec<_> = fills.iter().map(|fill| Secret::new(vec![*fill; 32])).collect();
    KeyRing::new(&secrets).unwrap()
}

/// A store that works, kept until the test ends.
pub async fn store(settings: &Settings, keys: KeyRing, now: Moment) -> Arc<RedisStore> {
    let store = unready(settings, keys, now);
    until("the store answers", || store.is_connected()).await;
    store
}

/// A store that is kept, whether it can be asked or not.
pub fn unready(settings: &Settings, keys: KeyRing, now: Moment) -> Arc<RedisStore> {
    let store = RedisStore::new(settings, keys, Arc::new(ManualClock::at(now))).unwrap();
    let store = Arc::new(store);
    tokio::spawn(Arc::clone(&store).keep());
    store
}

/// Waits until it is so.
pub async fn until(what: &str, so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
