//! Everything that a person is shown as a refusal has its event: exactly one, under the same reference.

use crate::browser::{Answered, Browser, From};
use crate::idp::FakeIdp;
use crate::world::{Plan, START, World, site, world};
use http::{Method, Request, StatusCode};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use vestibule::session::MemoryStore;

/// The one event of this page.
fn event_of(world: &World, page: &Answered) -> serde_json::Value {
    let events = world.audit.events();
    let shown = |event: &&serde_json::Value| {
        event["reference"].as_str().is_some_and(|reference| page.body.contains(reference))
    };
    let found: Vec<_> = events.iter().filter(shown).collect();
    assert_eq!(found.len(), 1, "{} {}: {found:#?}", page.status, page.body);
    found[0].clone()
}

#[tokio::test]
async fn each_page_of_a_refusal_has_exactly_one_event_under_its_reference() {
    let (world, idp) = world();
    let stranger = FakeIdp::new("https://stranger.test/metadata");
    let mut pages = Vec::new();
    let mut codes = BTreeSet::new();

    for target in [
        "/vestibule/sign-in?idp=nobody",
        "/vestibule/sign-in?rd=https%3A%2F%2Fevil.test%2F",
        "/vestibule/refused",
        "/vestibule/saml/slo?SAMLRequest=AAAA",
        "/vestibule/saml/slo?SAMLResponse=%25",
    ] {
        pages.push(Browser::of(&world).get(target, From::CrossSite).await);
    }
    for form in ["", "SAMLResponse=%21", "SAMLResponse=bm90IFhNTA%3D%3D", "SAMLResponse=a&SAMLResponse=b"] {
        let mut browser = Browser::of(&world);
        pages.push(
            browser.send(Method::POST, "/vestibule/saml/acs", From::CrossSite, Some(form.into())).await,
        );
    }
    pages.push(Browser::of(&world).post("/vestibule/sign-out", From::CrossSite, &[]).await);
    // Signed by somebody else; for another audience; too late; the same once more; to a browser that did not ask.
    for (signer, audience, late) in
        [(&stranger, None, 0), (&idp, Some("https://other.test"), 0), (&idp, None, 7200)]
    {
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/x").await;
        let mut answer = signer.answer(&asked, "ada", world.now());
        if let Some(audience) = audience {
            answer.audience = audience.into();
        }
        world.advance(Duration::from_secs(late));
        pages.push(browser.bring(&asked, &answer).await);
    }
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let answer = idp.answer(&asked, "ada", world.now());
    let page = Browser::of(&world).bring(&asked, &answer).await;
    pages.push(Browser::of(&world).post_again(&page).await);

    for page in &pages {
        assert!(page.status.is_client_error(), "{page:?}");
        let event = event_of(&world, page);
        assert_eq!(event["status"], page.status.as_u16(), "{event}");
        codes.insert(event["code"].as_str().unwrap().to_owned());
    }
    let refusals = world.audit.events().iter().filter(|event| event.get("reference").is_some()).count();
    assert_eq!(refusals, pages.len(), "an event that nobody was shown");
    assert!(codes.len() >= 10, "{codes:?}");
}

#[tokio::test]
async fn a_script_that_is_refused_is_told_the_reference_too() {
    let (world, _idp) = world();
    let site = Arc::clone(&world.gate.sites[0]);
    let request = Request::builder().method(Method::GET).uri("/vestibule/whoami").body(bytes::Bytes::new());
    let answer = Answered::of(world.handle(&site, request.unwrap()).await);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let events = world.audit.events();
    // Somebody who has not signed in yet is no refusal.
    assert!(
        events.is_empty() || answer.body.contains(events[0]["reference"].as_str().unwrap()),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_sign_in_and_its_refusals_name_the_request_that_was_answered() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let mut wrong = idp.answer(&asked, "ada", world.now());
    wrong.audience = "https://other.test".into();
    browser.bring(&asked, &wrong).await;
    let refused = world.audit.last("sign-in-refused");
    assert_eq!(refused["authn_request"], asked.id.as_str());
    assert!(refused.get("name_id_hash").is_none(), "nobody vouches for the name: {refused}");

    browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    let came = world.audit.last("sign-in");
    assert_eq!(came["authn_request"], asked.id.as_str());
    assert_eq!(came["signed_by"].as_array().unwrap().len(), 1);
    assert_eq!(came["schema"], 1);

    let strange = Browser::of(&world).bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    let lost = Browser::of(&world).post_again(&strange).await;
    world.audit.refused(&lost, "attempt-missing");
    assert_eq!(world.audit.last("sign-in-refused")["authn_request"], asked.id.as_str());
}

#[tokio::test]
async fn whoever_is_named_and_not_let_in_is_named_in_the_event() {
    let (world, idp) = crate::world::world_with(|idp| {
        idp.email_domains = Some(vec![vestibule::identity::Domain::parse("example.com").unwrap()])
    });
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let page = browser.bring(&asked, &idp.answer(&asked, "ada@elsewhere.test", world.now())).await;
    let event = event_of(&world, &page);
    assert_eq!(event["name_id_hash"].as_str().map(str::len), Some(32), "{event}");
}

#[tokio::test]
async fn every_session_that_ends_by_itself_is_told_of_once_and_why() {
    let (world, idp) = world();
    let mut ada = Browser::of(&world);
    ada.sign_in(&idp, "/x", "ada").await;
    let session = world.audit.last("sign-in")["session"].clone();
    // An hour of silence, and all parts of the store looked through.
    let tidy = |seconds: u64| {
        world.advance(Duration::from_secs(seconds));
        for _ in 0..64 {
            world.gate.tidy(world.now());
        }
    };
    tidy(3599);
    assert_eq!(world.audit.last("sign-in")["session"], session, "it lives");
    tidy(2);
    let ended = world.audit.last("session-ended");
    assert_eq!((&ended["session"], &ended["why"]), (&session, &"idle".into()));
    assert_eq!((&ended["user"], &ended["site"]), (&"ada".into(), &"app".into()));

    let mut bob = Browser::of(&world);
    bob.sign_in(&idp, "/x", "bob").await;
    for _ in 0..13 {
        bob.get("/x", From::SameSite).await;
        tidy(3500);
    }
    let ended = world.audit.last("session-ended");
    assert_eq!((&ended["user"], &ended["why"]), (&"bob".into(), &"max-age".into()));

    let before = world.audit.events().len();
    bob.sign_in(&idp, "/x", "eve").await;
    let page = bob.get("/vestibule/sign-out", From::SameSite).await;
    bob.post(&page.action(), From::SameSite, &[]).await;
    tidy(60);
    let kinds: Vec<_> = world.audit.events()[before..].iter().map(|event| event["event"].clone()).collect();
    assert_eq!(kinds, ["sign-in", "sign-out"], "who signs out is not told of again");
}

#[tokio::test]
async fn whoever_has_to_make_room_is_told_of() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let sites = vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])];
    let plan = Plan::new(sites);
    let store = Arc::new(MemoryStore::new(2000, START));
    let world = Plan { store: Some(store), ..plan }.build();
    for n in 0..6 {
        Browser::of(&world).sign_in(&idp, "/x", &format!("user{n}")).await;
    }
    world.gate.tidy(world.now());
    let events = world.audit.events();
    let evicted: Vec<_> = events.iter().filter(|event| event["why"] == "no-room").collect();
    assert!(!evicted.is_empty(), "{events:#?}");
    assert_eq!(evicted[0]["user"], "user0", "the one who was here longest ago");
}
