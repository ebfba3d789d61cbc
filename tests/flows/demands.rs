//! What the owner demands of the identity provider: in the request, and of the answer.

use crate::browser::{Browser, From};
use crate::idp::Asked;
use crate::world::world_with;
use http::StatusCode;
use std::time::Duration;
use vestibule::clock::Moment;
use vestibule::saml::demand::{Comparison, Demand};
use vestibule::site::Idp;

const HOUR: Duration = Duration::from_secs(3600);
const MFA: &str = "https://refeds.org/profile/mfa";

fn at_most_eight_hours(idp: &mut Idp) {
    idp.demand.max_authn_age = Some(8 * HOUR);
}

fn forces(asked: &Asked) -> bool {
    asked.xml.contains(" ForceAuthn=\"true\"")
}

#[tokio::test]
async fn whoever_signed_in_too_long_ago_is_asked_once_to_do_it_anew() {
    let (world, idp) = world_with(at_most_eight_hours);
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/deep?x=1").await;
    assert!(!forces(&asked));
    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.authn_instant = world.now().minus(9 * HOUR);

    let again = browser.bring(&asked, &answer).await;

    assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.body);
    assert!(!browser.has_session() && browser.attempts().is_empty());
    let sign_in = again.location();
    assert!(sign_in.starts_with("https://app.example.com/vestibule/sign-in?rd="), "{sign_in}");
    let anew = browser.begin(&sign_in).await;
    assert!(forces(&anew) && anew.id != asked.id, "{}", anew.xml);
    let answered = browser.bring(&anew, &idp.answer(&anew, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/deep?x=1");
    assert!(browser.has_session());
}

#[tokio::test]
async fn an_idp_that_does_not_do_what_it_is_told_is_not_asked_for_ever() {
    let (world, idp) = world_with(at_most_eight_hours);
    let mut browser = Browser::of(&world);
    let signed_in = world.now().minus(9 * HOUR);
    let old = |asked: &Asked, now: Moment| {
        let mut answer = idp.answer(asked, "ada", now);
        answer.authn_instant = signed_in;
        answer
    };
    let asked = browser.leave_for_the_idp("/x").await;
    let again = browser.bring(&asked, &old(&asked, world.now())).await;
    let anew = browser.begin(&again.location()).await;

    let refused = browser.bring(&anew, &old(&anew, world.now())).await;

    world.audit.refused(&refused, "authn-too-old");
    let event = world.audit.last("sign-in-refused");
    assert_eq!(event["idp"], "corp");
    assert!(event["detail"].as_str().unwrap().contains("`max_authn_age` is 28800 s"), "{event}");
    assert!(refused.links().iter().any(|link| link.contains("/vestibule/sign-in?rd=/x")));
    assert!(!browser.has_session());
}

#[tokio::test]
async fn a_sign_in_of_the_right_age_goes_through_at_once() {
    let (world, idp) = world_with(at_most_eight_hours);
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.authn_instant = world.now().minus(8 * HOUR);
    assert_eq!(browser.bring(&asked, &answer).await.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn an_old_answer_can_be_brought_only_by_the_browser_that_asked() {
    let (world, idp) = world_with(at_most_eight_hours);
    let asked = Browser::of(&world).leave_for_the_idp("/x").await;
    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.authn_instant = world.now().minus(9 * HOUR);
    let mut other = Browser::of(&world);
    let page = other.bring(&asked, &answer).await;
    let refused = other.post_again(&page).await;
    world.audit.refused(&refused, "attempt-missing");
}

#[tokio::test]
async fn nobody_can_be_forced_where_no_age_is_demanded() {
    let (world, _) = world_with(|_| {});
    let mut browser = Browser::of(&world);
    assert!(!forces(&browser.begin("/vestibule/sign-in?rd=/x&anew=1").await));
}

#[tokio::test]
async fn a_forced_sign_in_must_have_happened_after_the_request() {
    let (world, idp) = world_with(|idp| idp.demand.force_authn = true);
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    assert!(forces(&asked));
    world.advance(Duration::from_secs(20));
    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.authn_instant = world.now().minus(Duration::from_secs(90));
    let refused = browser.bring(&asked, &answer).await;
    // It was told already: to ask once more would change nothing.
    world.audit.refused(&refused, "authn-too-old");
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn a_class_that_is_demanded_is_asked_for_and_must_come_back() {
    let (world, idp) = world_with(|idp| {
        idp.demand = Demand { authn_context: vec![MFA.to_owned()], ..Demand::default() };
    });
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    assert!(asked.xml.contains("<samlp:RequestedAuthnContext Comparison=\"exact\">"), "{}", asked.xml);
    let refused = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    world.audit.refused(&refused, "authn-context-mismatch");
    let detail = world.audit.last("sign-in-refused")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("PasswordProtectedTransport") && detail.contains(MFA), "{detail}");

    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.authn_context_class = MFA.to_owned();
    assert_eq!(browser.bring(&asked, &answer).await.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn a_comparison_is_enforced_by_the_list_of_what_will_do() {
    let (world, idp) = world_with(|idp| {
        idp.demand.authn_context = vec![MFA.to_owned()];
        idp.demand.authn_context_comparison = Comparison::Minimum;
        idp.demand.authn_context_accepted = vec![MFA.to_owned(), "urn:example:smartcard".to_owned()];
    });
    for (class, lets_in) in [("urn:example:smartcard", true), ("urn:example:password", false)] {
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/x").await;
        let mut answer = idp.answer(&asked, "ada", world.now());
        answer.authn_context_class = class.to_owned();
        browser.bring(&asked, &answer).await;
        assert_eq!(browser.has_session(), lets_in, "{class}");
    }
}

#[tokio::test]
async fn somebody_whom_the_idp_does_not_know_yet_is_told_so_and_not_sent_round() {
    let (world, idp) = world_with(|idp| idp.demand.is_passive = true);
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    assert!(asked.xml.contains(" IsPassive=\"true\""), "{}", asked.xml);
    let status = "urn:oasis:names:tc:SAML:2.0:status:Responder\"><samlp:StatusCode \
                  Value=\"urn:oasis:names:tc:SAML:2.0:status:NoPassive\"/></samlp:StatusCode></samlp:Status></samlp:Response>";
    let answer = idp.answer(&asked, "ada", world.now());
    let xml = answer.xml();
    let (head, _) = xml.split_once("urn:oasis:names:tc:SAML:2.0:status:Success").unwrap();
    let failure =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{head}{status}"));

    let refused = browser.bring_value(&asked, &failure).await;

    world.audit.refused(&refused, "no-passive");
    let page = browser.get("/vestibule/whoami", From::SameSite).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
}
