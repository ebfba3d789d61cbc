//! What the second opinion does to a sign-in. Both stacks accept nearly everything that the other accepts; an ID that is
//! no name of XML, where nobody signed it, is on what they differ.

use crate::browser::{Answered, Browser};
use crate::idp::{FakeIdp, Signed};
use crate::world::{Plan, World, site};
use http::StatusCode;
use vestibule::saml::second_opinion::Weight;

async fn signed_in_with_an_odd_id(weight: Weight) -> (World, Answered) {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let sites = vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])];
    let world = Plan { second_opinion: weight, ..Plan::new(sites) }.build();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/").await;
    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.signed = Signed::Assertion;
    answer.response_id = "1-is-no-name".to_owned();
    let answered = browser.bring(&asked, &answer).await;
    (world, answered)
}

#[tokio::test]
async fn an_answer_about_which_both_agree_is_let_in_and_the_audit_says_so() {
    let (world, idp) = crate::world::world();
    let answered = Browser::of(&world).sign_in(&idp, "/", "ada").await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert_eq!(world.audit.last("sign-in")["second_opinion"], "agrees");
    assert!(world.gate.metrics.encode().contains("vestibule_second_opinions_total{opinion=\"agrees\"} 1\n"));
}

#[tokio::test]
async fn whom_the_second_opinion_does_not_let_in_is_refused_when_it_is_enforced() {
    let (world, answered) = signed_in_with_an_odd_id(Weight::Enforce).await;
    assert_eq!(answered.status, StatusCode::FORBIDDEN);
    let event = world.audit.last("sign-in-refused");
    assert_eq!(event["code"], "second-opinion-disagrees");
    assert!(event["detail"].as_str().is_some_and(|detail| detail.contains("1-is-no-name")), "{event}");
    assert!(
        world.gate.metrics.encode().contains("vestibule_second_opinions_total{opinion=\"disagrees\"} 1\n")
    );
}

#[tokio::test]
async fn when_it_is_only_reported_the_sign_in_is_recorded_with_it() {
    let (world, answered) = signed_in_with_an_odd_id(Weight::Report).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    let said = world.audit.last("sign-in")["second_opinion"].clone();
    assert!(said.as_str().is_some_and(|said| said.starts_with("disagrees: ")), "{said}");
}

#[tokio::test]
async fn when_it_is_off_nobody_is_asked() {
    let (world, answered) = signed_in_with_an_odd_id(Weight::Off).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert!(world.audit.last("sign-in").get("second_opinion").is_none());
}
