//! Sign-ins that go round in circles, and where they stop.

use crate::browser::{Answered, Browser, From};
use crate::idp::FakeIdp;
use crate::world::{Gateway, World, world};
use http::StatusCode;
use std::time::Duration;

/// The browser follows every redirect; the identity provider answers at once. How often it was asked, and the page
/// at which it ended.
async fn followed(world: &World, browser: &mut Browser<'_>, idp: &FakeIdp, from: &str) -> (usize, Answered) {
    let mut target = from.to_owned();
    for asked_so_far in 0..10 {
        let mut answer = browser.get(&target, From::SameSite).await;
        if answer.status == StatusCode::FOUND && answer.location().contains("/vestibule/sign-in") {
            answer = browser.get(&answer.location(), From::SameSite).await;
        }
        if answer.status != StatusCode::FOUND {
            return (asked_so_far, answer);
        }
        let asked = crate::idp::Asked::from_redirect(&answer.location());
        world.advance(Duration::from_millis(700));
        let mut back = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
        if back.status == StatusCode::OK {
            back = browser.post_again(&back).await;
        }
        assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.body);
        target = back.location();
    }
    panic!("the loop was not stopped");
}

#[tokio::test]
async fn a_gateway_that_does_not_pass_cookies_is_found_out_at_the_third_round() {
    let (world, idp) = world();
    world.gateway.lock().unwrap().drops_cookie_of_the_application = true;
    let mut browser = Browser::of(&world);
    let (asked, page) = followed(&world, &mut browser, &idp, "/x?y=1").await;
    assert_eq!(asked, 2);
    world.audit.refused(&page, "sign-in-loop");
}

#[tokio::test]
async fn a_gateway_that_drops_set_cookie_is_found_out_at_the_third_round() {
    let (world, idp) = world();
    world.gateway.lock().unwrap().drops_set_cookie_at_acs = true;
    let mut browser = Browser::of(&world);
    let (asked, page) = followed(&world, &mut browser, &idp, "/x?y=1").await;
    assert_eq!(asked, 2);
    world.audit.refused(&page, "sign-in-loop");
    assert!(!browser.has_session());
}

#[tokio::test]
async fn the_loop_page_offers_to_start_over_and_that_works_once_it_is_repaired() {
    for broken in [
        Gateway { drops_set_cookie_at_acs: true, ..Gateway::default() },
        Gateway { drops_cookie_of_the_application: true, ..Gateway::default() },
    ] {
        let (world, idp) = world();
        *world.gateway.lock().unwrap() = broken;
        let mut browser = Browser::of(&world);
        let (_, page) = followed(&world, &mut browser, &idp, "/x?y=1").await;
        let link =
            page.links().into_iter().find(|link| link.contains("again=1")).expect("a link that starts over");
        // Still broken: two more rounds, then the page again.
        let (asked, page) = followed(&world, &mut browser, &idp, &link).await;
        assert_eq!(asked, 2, "{broken:?}");
        world.audit.refused(&page, "sign-in-loop");

        *world.gateway.lock().unwrap() = Gateway::default();
        let (asked, page) = followed(&world, &mut browser, &idp, &link).await;
        assert_eq!((asked, page.status), (1, StatusCode::OK), "{broken:?}");
        assert!(page.body.contains("/x?y=1"), "{}", page.body);
    }
}

#[tokio::test]
async fn a_loop_does_not_stand_in_the_way_of_another_page() {
    let (world, idp) = world();
    world.gateway.lock().unwrap().drops_cookie_of_the_application = true;
    let mut browser = Browser::of(&world);
    followed(&world, &mut browser, &idp, "/x").await;
    let (asked, _) = followed(&world, &mut browser, &idp, "/other").await;
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn signing_in_and_out_is_no_loop() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    for _ in 0..5 {
        let (asked, page) = followed(&world, &mut browser, &idp, "/x").await;
        assert_eq!((asked, page.status), (1, StatusCode::OK));
        browser.post("/vestibule/sign-out", From::SameSite, &[]).await;
        world.advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn coming_back_later_is_no_loop() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    for _ in 0..5 {
        let (asked, page) = followed(&world, &mut browser, &idp, "/x").await;
        assert_eq!((asked, page.status), (1, StatusCode::OK));
        browser.jar.remove("__Host-vestibule");
        world.advance(Duration::from_secs(121));
    }
}

#[tokio::test]
async fn refused_sign_ins_are_no_rounds() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    for _ in 0..5 {
        let asked = browser.leave_for_the_idp("/x").await;
        let mut answer = idp.answer(&asked, "ada", world.now());
        answer.audience = "https://elsewhere.test".into();
        let refused = browser.bring(&asked, &answer).await;
        world.audit.refused(&refused, "audience-mismatch");
        world.advance(Duration::from_secs(1));
    }
    let answered = browser.sign_in(&idp, "/x", "ada").await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
}
