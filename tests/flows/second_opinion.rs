//! What the second opinion does to a sign-in. Both stacks accept nearly everything that the other accepts; an ID that is
//! no name of XML, where nobody signed it, is on what they differ.

use crate::browser::{Answered, Browser, From};
use crate::idp::{FakeIdp, Signed};
use crate::sealing::{Mode, OurKey};
use crate::world::{Plan, World, site, world_with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use std::time::Duration;
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

#[tokio::test]
async fn what_was_encrypted_is_judged_too() {
    let (idp, key) = (FakeIdp::new("https://idp.test/metadata"), OurKey::rsa());
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
    site.service_provider.signing_keys = vec![key.pair.clone()];
    let world = Plan::new(vec![site]).build();
    for mode in [Mode::Gcm, Mode::Cbc] {
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/").await;
        let answer = key.encrypt(&idp.answer(&asked, "ada", world.now()).xml(), mode);
        let answered = browser.bring_value(&asked, &STANDARD.encode(answer)).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
        let event = world.audit.last("sign-in");
        assert_eq!(event["second_opinion"], "agrees");
        assert!(event["encrypted"].is_string(), "{event}");
    }
}

#[tokio::test]
async fn what_nobody_asked_for_is_judged_too() {
    for (odd, status) in [(false, StatusCode::SEE_OTHER), (true, StatusCode::FORBIDDEN)] {
        let (world, idp) = world_with(|idp| idp.allow_unsolicited = true);
        world.advance(Duration::from_secs(3600));
        let acs = "https://app.example.com/vestibule/saml/acs";
        let sp = "https://app.example.com/vestibule/saml/metadata";
        let mut answer = idp.unsolicited(acs, sp, "ada", world.now());
        if odd {
            answer.signed = Signed::Assertion;
            answer.response_id = "1-is-no-name".to_owned();
        }
        let mut browser = Browser::of(&world);
        let page = browser.post(acs, From::CrossSite, &[("SAMLResponse", &answer.form_value())]).await;
        let answered = browser.post_again(&page).await;
        assert_eq!(answered.status, status, "{}", answered.body);
        match odd {
            false => assert_eq!(world.audit.last("sign-in")["second_opinion"], "agrees"),
            true => assert_eq!(world.audit.last("sign-in-refused")["code"], "second-opinion-disagrees"),
        }
    }
}

#[tokio::test]
async fn a_test_sign_in_shows_what_other_code_says() {
    for (odd, said) in [(false, "The second opinion (xmlsec1 and samael) agrees."), (true, "disagrees: ")] {
        let idp = FakeIdp::new("https://idp.test/metadata");
        let sites = vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])];
        let world = Plan { second_opinion: Weight::Enforce, ..Plan::new(sites) }.build();
        let until = world.now().plus(Duration::from_secs(600));
        let corp = &world.site().identity_providers[0];
        let link = vestibule::test_link::address(world.site(), corp, until, &world.gate.keys);
        let mut browser = Browser::of(&world);
        let page = browser.get(&link, From::SameSite).await;
        let fields = page.fields();
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let away = browser.post(&page.action(), From::SameSite, &pairs).await;
        let asked = crate::idp::Asked::from_redirect(&away.location());
        let mut answer = idp.answer(&asked, "ada", world.now());
        if odd {
            answer.response_id = "1-is-no-name".to_owned();
        }
        let shown = browser.bring(&asked, &answer).await;
        assert!(shown.body.contains(said), "{}", shown.body);
        let event = world.audit.last("test-sign-in");
        let code = odd.then_some("second-opinion-disagrees");
        assert_eq!(event.get("code").and_then(|code| code.as_str()), code);
        assert!(!browser.has_session());
    }
}
