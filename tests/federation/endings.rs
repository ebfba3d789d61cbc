//! Certificates that end are told of in time, theirs as they are swapped.

use crate::idp::FakeIdp;
use crate::world::{Plan, START, World, site};
use std::time::Duration;
use vestibule::federation::Endings;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn told(world: &World) -> Vec<(String, i64)> {
    let events = world.audit.events();
    let ending = events.iter().filter(|event| event["event"] == "certificate-ending");
    ending
        .map(|event| {
            assert_eq!(event["idp"], "corp");
            assert_eq!(event["fingerprint"].as_str().unwrap().len(), 32 * 3 - 1);
            (event["certificate"].as_str().unwrap().to_owned(), event["days_left"].as_i64().unwrap())
        })
        .collect()
}

/// START is 2027-01-15; the certificate ends on 2027-02-20.
#[test]
fn it_is_told_at_thirty_days_at_seven_and_then_every_day() {
    let idp = FakeIdp::until("https://idp.test/metadata", 2027, 2, 20);
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]).build();
    let mut endings = Endings::default();
    let mut days = Vec::new();
    let mut now = START;
    for _ in 0..(40 * 24) {
        let before = told(&world).len();
        endings.look(&world.gate.sites, now);
        days.extend(told(&world)[before..].iter().map(|(_, days)| *days));
        now = now.plus(DAY / 24);
    }
    assert_eq!(days, [30, 7, 6, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4]);
}

#[test]
fn a_certificate_that_was_swapped_is_not_told_of_again() {
    let (old, new) = (
        FakeIdp::until("https://idp.test/metadata", 2027, 1, 18),
        FakeIdp::until("https://idp.test/metadata", 2030, 1, 1),
    );
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &old)])]).build();
    let mut endings = Endings::default();
    endings.look(&world.gate.sites, START);
    endings.look(&world.gate.sites, START.plus(DAY / 2));
    assert_eq!(told(&world).len(), 1);
    world.site().identity_providers[0].metadata.replace(new.identity_provider(START).into());
    endings.look(&world.gate.sites, START.plus(2 * DAY));
    assert_eq!(told(&world).len(), 1);
}
