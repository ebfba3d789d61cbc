//! What happens while nobody comes, and what has not happened yet.

use super::house::{self, HOST, NOW, ada, config, site};
use crate::clock::ManualClock;
use crate::gateway::background;
use crate::session::{MemoryStore, Session, SessionId};
use crate::site::Face;
use std::sync::Arc;
use std::time::Duration;

/// tokio's time stands still until everybody waits, so the minute takes none.
#[tokio::test(start_paused = true)]
async fn what_has_ended_is_forgotten() {
    let clock = Arc::new(ManualClock::at(NOW));
    let store = Arc::new(MemoryStore::new(1 << 20, NOW));
    let gate = house::gate(config(vec![site(0, HOST, Face::ForwardAuth)]), store, clock.clone());
    let site = &gate.sites[0];
    let session = Session::establish(&ada(), site.key, SessionId::random().key(), &site.session_limits, NOW);
    gate.store.insert(Arc::new(session)).await.unwrap();
    clock.advance(site.session_limits.max_age * 2);
    assert_eq!(gate.store.size().sessions, 1);

    let tidying = tokio::spawn(background::keep_tidy(house::live(gate.clone())));
    tokio::time::sleep(Duration::from_secs(60)).await;
    tidying.abort();

    assert_eq!(gate.store.size().sessions, 0);
}

/// The figures are those of all configurations: whoever is still served by the old one is counted as that says.
#[test]
fn a_configuration_that_is_not_in_use_yet_changes_nothing_that_is_counted() {
    let store = Arc::new(MemoryStore::new(1 << 20, NOW));
    let gate =
        house::gate(config(vec![site(0, HOST, Face::ForwardAuth)]), store, Arc::new(ManualClock::at(NOW)));
    let live = house::live(gate.clone());
    let by_site = || gate.metrics.encode().contains("vestibule_site_request_duration_seconds");
    assert!(by_site());
    let next = house::served(gate.clone(), false);
    assert!(by_site(), "it has only been made");
    live.swap(next);
    assert!(!by_site());
}
