//! Answers that come without their attempt, or a second time.

use crate::browser::{Browser, From};
use crate::idp::FakeIdp;
use crate::world::{Plan, site, world};
use http::StatusCode;
use std::time::Duration;

#[tokio::test]
async fn a_browser_without_the_attempt_is_asked_once_more_and_then_refused() {
    let (world, idp) = world();
    let asked = Browser::of(&world).leave_for_the_idp("/x").await;
    let mut other = Browser::of(&world);

    let page = other.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.action(), asked.acs_url);
    let refused = other.post_again(&page).await;

    world.audit.refused(&refused, "attempt-missing");
    assert!(other.jar.is_empty());
    let start_again =
        refused.links().into_iter().find(|link| link.contains("/vestibule/sign-in")).expect("a link");
    assert!(start_again.starts_with("https://app.example.com/vestibule/sign-in?rd="), "{start_again}");
}

#[tokio::test]
async fn the_attempt_of_another_browser_is_of_no_use() {
    let (world, idp) = world();
    let (mut victim, mut attacker) = (Browser::of(&world), Browser::of(&world));
    let victims = victim.leave_for_the_idp("/x").await;
    let attackers = attacker.leave_for_the_idp("/x").await;
    // The attacker's answer, posted by the victim's browser, which holds an attempt of its own.
    let page = victim.bring(&attackers, &idp.answer(&attackers, "mallory", world.now())).await;
    let refused = victim.post_again(&page).await;
    world.audit.refused(&refused, "attempt-missing");
    assert!(!victim.has_session());
    // The victim's own sign-in is still there.
    let answered = victim.bring(&victims, &idp.answer(&victims, "ada", world.now())).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_back_button_with_a_session_leads_to_the_page() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/deep?x=1").await;
    let answer = idp.answer(&asked, "ada", world.now());
    browser.bring(&asked, &answer).await;
    let session = browser.cookie("__Host-vestibule").unwrap().to_owned();
    let events = world.audit.events().len();

    let page = browser.bring(&asked, &answer).await;
    let answered = browser.post_again(&page).await;

    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert_eq!(answered.location(), "https://app.example.com/deep?x=1");
    assert_eq!(browser.cookie("__Host-vestibule"), Some(session.as_str()));
    assert_eq!(world.audit.events().len(), events);
}

#[tokio::test]
async fn an_unknown_answer_with_a_session_leads_to_the_start_page() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/deep", "ada").await;
    let foreign = Browser::of(&world).leave_for_the_idp("/elsewhere").await;
    let page = browser.bring(&foreign, &idp.answer(&foreign, "mallory", world.now())).await;
    let answered = browser.post_again(&page).await;
    assert_eq!(answered.location(), "https://app.example.com/");
    let whoami = browser.get("/vestibule/whoami", From::SameSite).await;
    assert!(whoami.body.contains("\"ada\""), "{}", whoami.body);
}

#[tokio::test]
async fn the_back_button_after_the_session_starts_again() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/deep?x=1").await;
    let answer = idp.answer(&asked, "ada", world.now());
    browser.bring(&asked, &answer).await;
    browser.jar.remove("__Host-vestibule");

    let page = browser.bring(&asked, &answer).await;
    let refused = browser.post_again(&page).await;

    world.audit.refused(&refused, "attempt-missing");
    // The link leads to the page that was wanted then.
    let links = refused.links();
    assert!(links.iter().any(|link| link.ends_with("sign-in?rd=/deep%3Fx%3D1")), "{links:?}");
}

#[tokio::test]
async fn a_request_is_answered_once_even_if_the_attempt_stays() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let mut thief = Browser::of(&world);
    thief.jar = browser.jar.clone();
    for name in browser.attempts() {
        thief.remember(name);
    }
    let answer = idp.answer(&asked, "ada", world.now());
    browser.bring(&asked, &answer).await;

    // The same cookies, another assertion for the same request.
    let page = thief.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    let refused = thief.post_again(&page).await;
    world.audit.refused(&refused, "request-answered");
    assert_eq!(world.audit.last("sign-in-refused")["idp"], "corp");
    assert!(!thief.has_session());
}

#[tokio::test]
async fn an_assertion_is_accepted_once_whatever_carries_it() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let first = browser.leave_for_the_idp("/one").await;
    let second = browser.leave_for_the_idp("/two").await;
    let answer = idp.answer(&first, "ada", world.now());
    browser.bring(&first, &answer).await;

    // An identity provider that uses an ID again, or somebody who can sign: same ID for another request.
    let mut again = idp.answer(&second, "ada", world.now());
    again.assertion_id.clone_from(&answer.assertion_id);
    browser.jar.remove("__Host-vestibule");
    let page = browser.bring(&second, &again).await;
    let refused = browser.post_again(&page).await;
    world.audit.refused(&refused, "assertion-replayed");
    assert!(!browser.has_session());
    // Nothing was claimed by the refused one: the request can still be answered.
    let answered = browser.bring(&second, &idp.answer(&second, "ada", world.now())).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn two_posts_at_once_make_one_session() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let answer = idp.answer(&asked, "ada", world.now());
    let mut twin = Browser::of(&world);
    twin.jar = browser.jar.clone();
    for name in browser.attempts() {
        twin.remember(name);
    }
    let (one, other) = tokio::join!(browser.bring(&asked, &answer), twin.bring(&asked, &answer));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 303]);
    assert_eq!(world.gate.store.size().sessions, 1);
}

#[tokio::test]
async fn a_claim_outlives_the_assertion() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let mut thief = Browser::of(&world);
    thief.jar = browser.jar.clone();
    for name in browser.attempts() {
        thief.remember(name);
    }
    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.not_on_or_after = world.now().plus(Duration::from_secs(2));
    browser.bring(&asked, &answer).await;
    // The assertion is long dead, the attempt is not: another assertion for it must not be accepted.
    world.advance(Duration::from_secs(14 * 60));
    let page = thief.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    let refused = thief.post_again(&page).await;
    world.audit.refused(&refused, "request-answered");
}

#[tokio::test]
async fn a_re_post_happens_once() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]).build();
    let asked = Browser::of(&world).leave_for_the_idp("/x").await;
    let value = idp.answer(&asked, "ada", world.now()).form_value();
    let mut browser = Browser::of(&world);
    let refused =
        browser.post(&asked.acs_url, From::CrossSite, &[("SAMLResponse", &value), ("repost", "1")]).await;
    world.audit.refused(&refused, "attempt-missing");
}

#[tokio::test]
async fn the_page_that_posts_again_escapes_what_it_carries() {
    let (world, idp) = world();
    let mut asked = Browser::of(&world).leave_for_the_idp("/x").await;
    asked.relay_state = Some("\"><script>alert(1)</script>".into());
    let page = Browser::of(&world).bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
    assert!(
        page.fields().iter().any(|(name, value)| name == "RelayState" && value.starts_with("\"><script>"))
    );
}
