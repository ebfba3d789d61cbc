//! Answers that nobody asked for: refused by default, and where they are allowed, what they cannot do.

use crate::browser::{Answered, Browser, From};
use crate::idp::{Answer, FakeIdp};
use crate::world::{Plan, START, World, site, world, world_with};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

const ACS: &str = "https://app.example.com/vestibule/saml/acs";
const SP: &str = "https://app.example.com/vestibule/saml/metadata";

/// A world that allows them, old enough to know what was used.
fn allowing() -> (World, FakeIdp) {
    let (world, idp) = world_with(|idp| idp.allow_unsolicited = true);
    world.advance(Duration::from_secs(3600));
    (world, idp)
}

fn tile<'a>(world: &World, idp: &'a FakeIdp, user: &str) -> Answer<'a> {
    idp.unsolicited(ACS, SP, user, world.now())
}

async fn post(browser: &mut Browser<'_>, answer: &Answer<'_>, relay_state: Option<&str>) -> Answered {
    let value = answer.form_value();
    let mut fields = vec![("SAMLResponse", value.as_str())];
    fields.extend(relay_state.map(|state| ("RelayState", state)));
    browser.post(ACS, From::CrossSite, &fields).await
}

async fn whoami(browser: &mut Browser<'_>) -> String {
    browser.get("/vestibule/whoami", From::SameSite).await.body
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_refused_and_the_owner_is_told_the_safe_way() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let refused = post(&mut browser, &tile(&world, &idp, "ada"), None).await;
    world.audit.refused(&refused, "in-response-to-missing");
    assert!(!browser.has_session());
    let event = world.audit.last("sign-in-refused");
    let detail = event["detail"].as_str().unwrap();
    assert!(detail.contains("https://app.example.com/vestibule/sign-in?rd=/&idp=corp"), "{detail}");
    // And the person has a button that begins here.
    assert!(refused.body.contains("Please start here"), "{}", refused.body);
    let link = refused.links().into_iter().find(|link| link.contains("/sign-in?rd=")).unwrap();
    let asked = browser.begin(&link).await;
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/");
}

#[tokio::test]
async fn where_it_is_allowed_somebody_comes_in_by_a_tile() {
    let (world, idp) = allowing();
    let mut browser = Browser::of(&world);
    let page = post(&mut browser, &tile(&world, &idp, "ada"), None).await;
    // First from our own page, so that a living session would be seen.
    assert_eq!(page.status, StatusCode::OK);
    assert!(!browser.has_session());
    let answered = browser.post_again(&page).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{:?}", world.audit.events());
    assert_eq!(answered.location(), "https://app.example.com/");
    let event = world.audit.last("sign-in");
    assert_eq!((&event["user"], &event["unsolicited"]), (&"ada".into(), &true.into()));
    assert!(whoami(&mut browser).await.contains("\"ada\""));
}

#[tokio::test]
async fn an_ordinary_sign_in_is_not_called_unsolicited() {
    let (world, idp) = allowing();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    assert_eq!(world.audit.last("sign-in").get("unsolicited"), None);
}

#[tokio::test]
async fn the_relay_state_leads_to_a_page_of_the_site_or_to_its_start() {
    for (relay_state, target) in [
        ("/reports?month=7", "/reports?month=7"),
        ("https://app.example.com/reports", "/reports"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("cookie:12345", "/"),
        ("/vestibule/sign-out", "/"),
    ] {
        let (world, idp) = allowing();
        let mut browser = Browser::of(&world);
        let page = post(&mut browser, &tile(&world, &idp, "ada"), Some(relay_state)).await;
        let answered = browser.post_again(&page).await;
        assert_eq!(answered.location(), format!("https://app.example.com{target}"), "{relay_state}");
    }
}

#[tokio::test]
async fn it_is_accepted_once() {
    let (world, idp) = allowing();
    let answer = tile(&world, &idp, "ada");
    let mut browser = Browser::of(&world);
    let page = post(&mut browser, &answer, None).await;
    browser.post_again(&page).await;
    assert!(browser.has_session());

    let mut thief = Browser::of(&world);
    let page = post(&mut thief, &answer, None).await;
    let refused = thief.post_again(&page).await;
    world.audit.refused(&refused, "assertion-replayed");
    assert!(!thief.has_session());
    // The back button of the one who came in leads to the page.
    let page = post(&mut browser, &answer, Some("/x")).await;
    assert_eq!(browser.post_again(&page).await.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn what_may_have_been_used_before_a_restart_is_refused() {
    let (world, idp) = world_with(|idp| idp.allow_unsolicited = true);
    let cases = [(0, Some("attempt-before-start")), (59, Some("attempt-before-start")), (60, None)];
    for (seconds, code) in cases {
        world.clock.set(START.plus(Duration::from_secs(seconds)));
        let mut browser = Browser::of(&world);
        let page = post(&mut browser, &tile(&world, &idp, "ada"), None).await;
        let answered = browser.post_again(&page).await;
        match code {
            Some(code) => world.audit.refused(&answered, code),
            None => assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body),
        }
    }
}

#[tokio::test]
async fn an_answer_to_another_browsers_request_is_not_let_in_as_unsolicited() {
    let (world, idp) = allowing();
    let mut victim = Browser::of(&world);
    let asked = victim.leave_for_the_idp("/x").await;
    let mut thief = Browser::of(&world);
    // As it is: it names a request that this browser does not have.
    let page = thief.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    let refused = thief.post_again(&page).await;
    world.audit.refused(&refused, "attempt-missing");
    // With the request cut out of the envelope, which nobody signed.
    let xml = idp.answer(&asked, "ada", world.now()).xml();
    let stripped = xml.replacen(&format!(" InResponseTo=\"{}\"", asked.id), "", 1);
    assert_ne!(stripped, xml);
    let value = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, stripped);
    let page = thief.bring_value(&asked, &value).await;
    let refused = thief.post_again(&page).await;
    world.audit.refused(&refused, "confirmation-in-response-to-mismatch");
    assert!(!thief.has_session());
}

#[tokio::test]
async fn only_an_identity_provider_that_may_is_believed() {
    let (corp, partner) =
        (FakeIdp::new("https://idp.test/metadata"), FakeIdp::new("https://partner.test/metadata"));
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &corp), ("partner", &partner)]);
    Arc::get_mut(&mut site.identity_providers[1]).unwrap().allow_unsolicited = true;
    let world = Plan::new(vec![site]).build();
    world.advance(Duration::from_secs(3600));
    let stranger = FakeIdp::new("https://stranger.test/metadata");
    for (idp, code) in [(&corp, "in-response-to-missing"), (&stranger, "in-response-to-missing")] {
        let mut browser = Browser::of(&world);
        let refused = post(&mut browser, &tile(&world, idp, "ada"), None).await;
        world.audit.refused(&refused, code);
    }
    // Who calls itself the one that may is held to its keys.
    let liar = FakeIdp::new("https://partner.test/metadata");
    let mut browser = Browser::of(&world);
    let page = post(&mut browser, &tile(&world, &liar, "ada"), None).await;
    let refused = browser.post_again(&page).await;
    world.audit.refused(&refused, "signature-invalid");
    assert_eq!(world.audit.last("sign-in-refused")["idp"], "partner");

    let mut browser = Browser::of(&world);
    let page = post(&mut browser, &tile(&world, &partner, "ada"), None).await;
    assert_eq!(browser.post_again(&page).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.audit.last("sign-in")["idp"], "partner");
}

#[tokio::test]
async fn the_address_of_one_identity_provider_takes_only_its_own() {
    let (corp, partner) =
        (FakeIdp::new("https://idp.test/metadata"), FakeIdp::new("https://partner.test/metadata"));
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &corp), ("partner", &partner)]);
    for idp in &mut site.identity_providers {
        Arc::get_mut(idp).unwrap().allow_unsolicited = true;
    }
    let world = Plan::new(vec![site]).build();
    world.advance(Duration::from_secs(3600));
    let address = format!("{ACS}/corp");
    for (idp, code) in [(&corp, None), (&partner, Some("signature-invalid"))] {
        let mut browser = Browser::of(&world);
        let value = idp.unsolicited(&address, SP, "ada", world.now()).form_value();
        let page = browser.post(&address, From::CrossSite, &[("SAMLResponse", &value)]).await;
        let answered = browser.post_again(&page).await;
        match code {
            Some(code) => world.audit.refused(&answered, code),
            None => assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body),
        }
    }
}

#[tokio::test]
async fn somebody_who_is_signed_in_is_asked_before_they_become_somebody_else() {
    let (world, idp) = allowing();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    let session = browser.cookie("__Host-vestibule").unwrap().to_owned();
    let answer = tile(&world, &idp, "mallory");
    let page = post(&mut browser, &answer, Some("/inbox")).await;

    let question = browser.post_again(&page).await;

    assert_eq!(question.status, StatusCode::OK);
    assert!(question.body.contains("ada") && question.body.contains("mallory"), "{}", question.body);
    assert!(!question.body.contains("<script"), "it must not answer itself: {}", question.body);
    assert!(question.links().contains(&"https://app.example.com/inbox".to_owned()), "{:?}", question.links());
    assert_eq!(browser.cookie("__Host-vestibule"), Some(session.as_str()));
    assert!(whoami(&mut browser).await.contains("\"ada\""));

    // Whoever wants to may: the assertion has not been used by the question.
    let answered = browser.post_again(&question).await;
    assert_eq!(answered.location(), "https://app.example.com/inbox");
    assert!(whoami(&mut browser).await.contains("\"mallory\""));
    let replaced = world.audit.events().iter().filter(|event| event["event"] == "session-replaced").count();
    assert_eq!(replaced, 1);
}

#[tokio::test]
async fn the_same_person_is_not_asked() {
    let (world, idp) = allowing();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    let page = post(&mut browser, &tile(&world, &idp, "ada"), Some("/inbox")).await;
    assert_eq!(browser.post_again(&page).await.location(), "https://app.example.com/inbox");
}

#[tokio::test]
async fn a_strangers_page_cannot_pretend_to_be_ours() {
    let (world, idp) = allowing();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    let session = browser.cookie("__Host-vestibule").unwrap().to_owned();
    let value = tile(&world, &idp, "mallory").form_value();
    let fields = [("SAMLResponse", value.as_str()), ("repost", "1"), ("confirmed", "1")];
    let refused = browser.post(ACS, From::CrossSite, &fields).await;
    world.audit.refused(&refused, "cross-site-request");
    assert_eq!(browser.cookie("__Host-vestibule"), Some(session.as_str()));
    // Nor can it say in advance that somebody agrees.
    let page = browser.post(ACS, From::CrossSite, &[("SAMLResponse", &value), ("confirmed", "1")]).await;
    assert!(page.fields().iter().all(|(name, _)| name != "confirmed"), "{}", page.body);
    let question = browser.post_again(&page).await;
    assert_eq!(question.status, StatusCode::OK);
    assert_eq!(browser.cookie("__Host-vestibule"), Some(session.as_str()));
}

#[tokio::test]
async fn a_post_that_does_not_say_where_it_comes_from_is_not_ours() {
    let (world, idp) = allowing();
    let value = tile(&world, &idp, "mallory").form_value();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("SAMLResponse", value.as_str()), ("repost", "1")])
        .finish();
    let request = |origin: Option<&str>| {
        let request = http::Request::post("/vestibule/saml/acs")
            .header("content-type", "application/x-www-form-urlencoded");
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        request.body(form.clone().into()).unwrap()
    };
    for origin in [None, Some("null"), Some("https://evil.test")] {
        let refused = Answered::of(world.handle(world.site(), request(origin)).await);
        world.audit.refused(&refused, "cross-site-request");
    }
    let answered = Answered::of(world.handle(world.site(), request(Some("https://app.example.com"))).await);
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
}

#[tokio::test]
async fn an_old_answer_that_nobody_asked_for_is_refused() {
    let (world, idp) = allowing();
    let mut answer = tile(&world, &idp, "ada");
    answer.not_on_or_after = world.now().plus(Duration::from_secs(86_400));
    for (seconds, lets_in) in [(360, false), (359, true)] {
        let mut answer = answer.clone();
        answer.issued = world.now().minus(Duration::from_secs(seconds));
        answer.not_before = answer.issued;
        let mut browser = Browser::of(&world);
        let page = post(&mut browser, &answer, None).await;
        let answered = browser.post_again(&page).await;
        assert_eq!(browser.has_session(), lets_in, "{seconds}");
        if !lets_in {
            world.audit.refused(&answered, "issue-instant-old");
        }
    }
}

#[tokio::test]
async fn the_page_of_the_question_escapes_names() {
    let (world, idp) = allowing();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    let page = post(&mut browser, &tile(&world, &idp, "<img src=x onerror=alert(1)>"), None).await;
    let question = browser.post_again(&page).await;
    assert!(!question.body.contains("<img"), "{}", question.body);
}

#[tokio::test]
async fn whoever_signed_in_too_long_ago_at_the_tile_is_asked_to_do_it_anew() {
    let (world, idp) = world_with(|idp| {
        idp.allow_unsolicited = true;
        idp.demand.max_authn_age = Some(Duration::from_secs(8 * 3600));
    });
    world.advance(Duration::from_secs(3600));
    let mut browser = Browser::of(&world);
    let mut answer = tile(&world, &idp, "ada");
    answer.authn_instant = world.now().minus(Duration::from_secs(9 * 3600));
    let page = post(&mut browser, &answer, Some("/x")).await;
    let again = browser.post_again(&page).await;
    let asked = browser.begin(&again.location()).await;
    assert!(asked.xml.contains(" ForceAuthn=\"true\""), "{}", asked.xml);
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn on_a_loopback_site_it_works_as_well() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let mut site = site(0, "app", "http://localhost:4180", &[("corp", &idp)]);
    Arc::get_mut(&mut site.identity_providers[0]).unwrap().allow_unsolicited = true;
    let world = Plan::new(vec![site]).build();
    world.advance(Duration::from_secs(3600));
    let mut browser = Browser::of(&world);
    let base = "http://localhost:4180/vestibule/saml";
    let value =
        idp.unsolicited(&format!("{base}/acs"), &format!("{base}/metadata"), "ada", world.now()).form_value();
    let page = browser.post(&format!("{base}/acs"), From::CrossSite, &[("SAMLResponse", &value)]).await;
    let answered = browser.post_again(&page).await;
    assert_eq!(answered.location(), "http://localhost:4180/", "{}", answered.body);
}
