//! Attempts that end otherwise: too late, before a restart, elsewhere, tampered with.

use crate::browser::{Browser, From};
use crate::idp::FakeIdp;
use crate::world::{Plan, START, site, world};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use vestibule::clock::ManualClock;
use vestibule::seal::KeyRing;
use vestibule::secret::Secret;

#[tokio::test]
async fn after_fifteen_minutes_an_attempt_has_expired() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x?y=1").await;
    world.advance(Duration::from_secs(15 * 60) - Duration::from_millis(1));
    let mut copy = Browser::of(&world);
    copy.jar = browser.jar.clone();
    for name in browser.attempts() {
        copy.remember(name);
    }
    assert_eq!(
        copy.bring(&asked, &idp.answer(&asked, "ada", world.now())).await.status,
        StatusCode::SEE_OTHER
    );
    world.advance(Duration::from_millis(1));
    let refused = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    world.audit.refused(&refused, "attempt-expired");
    assert!(
        refused.links().iter().any(|link| link.ends_with("sign-in?rd=/x%3Fy%3D1")),
        "{:?}",
        refused.links()
    );
}

#[tokio::test]
async fn an_attempt_from_before_a_restart_begins_again() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let secret = || KeyRing::new(&[Secret::from("a secret that outlives the process".to_owned())]).unwrap();
    let new_site = || site(0, "app", "https://app.example.com", &[("corp", &idp)]);
    let (jar, asked, names) = {
        let world = Plan { keys: secret(), ..Plan::new(vec![new_site()]) }.build();
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/x").await;
        let names: Vec<String> = browser.attempts().into_iter().map(str::to_owned).collect();
        (browser.jar.clone(), asked, names)
    };
    let clock = Arc::new(ManualClock::at(START.plus(Duration::from_secs(10))));
    let world = Plan { keys: secret(), clock, ..Plan::new(vec![new_site()]) }.build();
    let mut browser = Browser::of(&world);
    browser.jar = jar;
    names.iter().for_each(|name| browser.remember(name));

    let refused = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    world.audit.refused(&refused, "attempt-before-start");
    let link =
        refused.links().into_iter().find(|link| link.contains("sign-in?rd=")).expect("a link to start again");
    let asked = browser.begin(&link).await;
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn an_attempt_of_another_site_is_foreign() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let sites = vec![
        site(0, "wiki", "https://wiki.example.com", &[("corp", &idp)]),
        site(1, "shop", "https://shop.example.com", &[("corp", &idp)]),
    ];
    let world = Plan::new(sites).build();
    let mut at_wiki = Browser::on(&world, 0);
    let mut asked = at_wiki.leave_for_the_idp("/x").await;
    let mut at_shop = Browser::on(&world, 1);
    at_shop.jar = at_wiki.jar.clone();
    for name in at_wiki.attempts() {
        at_shop.remember(name);
    }
    asked.acs_url = "https://shop.example.com/vestibule/saml/acs".into();
    asked.issuer = "https://shop.example.com/vestibule/saml/metadata".into();
    let refused = at_shop.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    world.audit.refused(&refused, "attempt-foreign");
}

#[tokio::test]
async fn a_session_of_another_site_is_none() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let sites = vec![
        site(0, "wiki", "https://wiki.example.com", &[("corp", &idp)]),
        site(1, "shop", "https://shop.example.com", &[("corp", &idp)]),
    ];
    let world = Plan::new(sites).build();
    let mut at_wiki = Browser::on(&world, 0);
    at_wiki.sign_in(&idp, "/x", "ada").await;
    assert_eq!(at_wiki.get("/x", From::SameSite).await.status, StatusCode::OK);
    let mut at_shop = Browser::on(&world, 1);
    at_shop.jar = at_wiki.jar.clone();
    at_shop.remember("__Host-vestibule");
    assert_eq!(at_shop.get("/x", From::SameSite).await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn the_identity_provider_in_the_path_is_the_one_that_was_asked() {
    let (corp, partner) =
        (FakeIdp::new("https://idp.test/metadata"), FakeIdp::new("https://partner.test/metadata"));
    let idps = [("corp", &corp), ("partner", &partner)];
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &idps)]).build();
    for wrong in ["partner", "Corp", "CORP", "nobody"] {
        let mut browser = Browser::of(&world);
        let mut asked = browser.begin("/vestibule/sign-in?idp=corp").await;
        asked.acs_url = format!("{}/{wrong}", asked.acs_url);
        let refused = browser.bring(&asked, &corp.answer(&asked, "ada", world.now())).await;
        world.audit.refused(&refused, "attempt-foreign");
    }
}

#[tokio::test]
async fn an_answer_is_for_the_address_where_it_was_delivered() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let mut answer = idp.answer(&asked, "ada", world.now());
    let mut elsewhere = asked.clone();
    elsewhere.acs_url += "/corp";
    let refused = browser.bring(&elsewhere, &answer).await;
    world.audit.refused(&refused, "destination-mismatch");
    answer.destination.clone_from(&elsewhere.acs_url);
    let refused = browser.bring(&elsewhere, &answer).await;
    world.audit.refused(&refused, "recipient-mismatch");
}

#[tokio::test]
async fn an_identity_provider_that_is_gone_cannot_answer() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let secret = || KeyRing::new(&[Secret::from("a secret that outlives the process".to_owned())]).unwrap();
    let with = |id: &str| Plan {
        keys: secret(),
        ..Plan::new(vec![site(0, "app", "https://app.example.com", &[(id, &idp)])])
    };
    let before = with("old").build();
    let mut browser = Browser::of(&before);
    let asked = browser.leave_for_the_idp("/x").await;
    let (jar, names) =
        (browser.jar.clone(), browser.attempts().into_iter().map(str::to_owned).collect::<Vec<_>>());
    drop(browser);
    drop(before);
    let after = with("new").build();
    let mut browser = Browser::of(&after);
    browser.jar = jar;
    names.iter().for_each(|name| browser.remember(name));
    let refused = browser.bring(&asked, &idp.answer(&asked, "ada", after.now())).await;
    after.audit.refused(&refused, "idp-unknown");
}

#[tokio::test]
async fn a_cookie_that_was_tampered_with_is_none() {
    let (world, idp) = world();
    let asked_by = |name: &str| name.rsplit('-').next().unwrap().to_owned();
    for (what, change) in [
        ("a flipped character", (|value| flipped(value, value.len() / 2)) as fn(&str) -> String),
        ("a flipped first character", |value| flipped(value, 0)),
        ("a flipped last character", |value| flipped(value, value.len() - 2)),
        ("cut short", |value| value[..value.len() - 4].to_owned()),
        ("made longer", |value| format!("{value}AAAA")),
        ("emptied", |_| String::new()),
        ("made up", |_| "eyJ2IjoxfQ".repeat(20)),
    ] {
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/x").await;
        let name = browser.attempts()[0].to_owned();
        let (value, same_site) = browser.jar[&name].clone();
        browser.jar.insert(name.clone(), (change(&value), same_site));
        let page = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
        let refused = browser.post_again(&page).await;
        world.audit.refused(&refused, "attempt-missing");
        assert!(!browser.has_session(), "{what}");
        // The next sign-in clears what cannot be read.
        browser.leave_for_the_idp("/x").await;
        assert!(!browser.jar.contains_key(&name), "{what}: {}", asked_by(&name));
        assert_eq!(browser.attempts().len(), 1);
    }
}

#[tokio::test]
async fn an_attempt_under_another_name_is_none() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let name = browser.attempts()[0].to_owned();
    let value = browser.jar.remove(&name).unwrap();
    let other = format!("{}{}", &name[..name.len() - 11], "AAAAAAAAAAA");
    browser.jar.insert(other.clone(), value);
    browser.remember(&other);
    let page = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    let refused = browser.post_again(&page).await;
    world.audit.refused(&refused, "attempt-missing");
}

#[tokio::test]
async fn a_sealed_value_does_not_serve_as_another() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    let answered = browser.cookie("__Host-vestibule-answered").unwrap().to_owned();
    let asked = browser.leave_after_losing_the_session().await;
    let name = browser.attempts()[0].to_owned();
    browser.jar.insert(name, (answered, "None".into()));
    let page = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    let refused = browser.post_again(&page).await;
    world.audit.refused(&refused, "attempt-missing");
}

#[tokio::test]
async fn a_refusal_changes_nothing() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    let asked = browser.begin("/vestibule/sign-in?rd=/y").await;
    let before = browser.jar.clone();
    let mut answer = idp.answer(&asked, "grace", world.now());
    answer.audience = "https://elsewhere.test".into();

    let refused = browser.bring(&asked, &answer).await;

    world.audit.refused(&refused, "audience-mismatch");
    let event = world.audit.last("sign-in-refused");
    assert_eq!((&event["idp"], &event["client"]), (&"corp".into(), &"192.0.2.7".into()));
    assert_eq!(browser.jar, before);
    assert_eq!(browser.get("/x", From::SameSite).await.status, StatusCode::OK);
    // And the right answer is still welcome.
    let answered = browser.bring(&asked, &idp.answer(&asked, "grace", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/y");
}

#[tokio::test]
async fn when_the_idp_says_no_the_link_still_leads_to_the_page() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/deep?x=1").await;
    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.status = "urn:oasis:names:tc:SAML:2.0:status:Responder".into();
    let xml = answer.xml();
    let (head, rest) = xml.split_once("<saml:Assertion").unwrap();
    let tail = rest.split_once("</saml:Assertion>").unwrap().1;
    let refused = browser.bring_value(&asked, &base64_of(&format!("{head}{tail}"))).await;
    world.audit.refused(&refused, "status-not-success");
    assert!(
        refused.links().iter().any(|link| link.ends_with("sign-in?rd=/deep%3Fx%3D1")),
        "{:?}",
        refused.links()
    );
}

fn flipped(value: &str, at: usize) -> String {
    let other = if &value[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &value[..at], &value[at + 1..])
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
