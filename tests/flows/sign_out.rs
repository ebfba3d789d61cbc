//! Leaving.

use crate::browser::{Answered, Browser, From};
use crate::idp::FakeIdp;
use crate::world::{World, world};
use bytes::Bytes;
use http::{Method, Request, StatusCode};

async fn signed_in<'w>(world: &'w World, idp: &FakeIdp) -> Browser<'w> {
    let mut browser = Browser::of(world);
    browser.sign_in(idp, "/x", "ada").await;
    assert!(browser.has_session());
    browser
}

#[tokio::test]
async fn one_click_ends_the_session_for_every_copy() {
    let (world, idp) = world();
    let mut browser = signed_in(&world, &idp).await;
    let mut copy = Browser::of(&world);
    copy.jar = browser.jar.clone();
    copy.remember("__Host-vestibule");

    let asks = browser.get("/vestibule/sign-out?rd=%2Fbye%3Fx%3D1", From::CrossSite).await;
    assert_eq!(asks.status, StatusCode::OK);
    assert!(asks.body.contains("ada"));
    assert!(browser.has_session(), "a link ends nothing");
    let fields = asks.fields();
    let pairs: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let ended = browser.post(&asks.action(), From::SameSite, &pairs).await;

    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    assert_eq!(ended.location(), "https://app.example.com/bye?x=1");
    assert!(browser.jar.is_empty(), "{:?}", browser.jar);
    assert_eq!(copy.get("/x", From::SameSite).await.status, StatusCode::FOUND);
    assert_eq!(world.gate.store.size().sessions, 0);
    let event = world.audit.last("sign-out");
    assert_eq!((&event["user"], &event["idp"]), (&"ada".into(), &"corp".into()));
}

#[tokio::test]
async fn without_an_address_it_ends_on_the_page_that_says_so() {
    let (world, idp) = world();
    let mut browser = signed_in(&world, &idp).await;
    let ended = browser.post("/vestibule/sign-out", From::SameSite, &[]).await;
    assert_eq!(ended.status, StatusCode::OK);
    assert!(ended.links().iter().any(|link| link.contains("/vestibule/sign-in")), "{:?}", ended.links());
    assert!(!browser.has_session());
}

#[tokio::test]
async fn a_foreign_address_is_not_followed_but_the_session_ends() {
    let (world, idp) = world();
    for rd in ["https://evil.test/", "//evil.test", "/\\evil.test"] {
        let mut browser = signed_in(&world, &idp).await;
        let ended = browser.post("/vestibule/sign-out", From::SameSite, &[("rd", rd)]).await;
        assert_eq!(ended.status, StatusCode::OK, "{rd}");
        assert!(!browser.has_session(), "{rd}");
        assert!(!ended.body.contains("evil"), "{rd}");
    }
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_ask() {
    let (world, _idp) = world();
    let mut browser = Browser::of(&world);
    let page = browser.get("/vestibule/sign-out", From::SameSite).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("<form"), "{}", page.body);
    assert_eq!(browser.post("/vestibule/sign-out", From::SameSite, &[]).await.status, StatusCode::OK);
    assert!(world.audit.events().is_empty());
}

#[tokio::test]
async fn another_sites_page_cannot_sign_anybody_out() {
    let (world, idp) = world();
    for (headers, refused) in [
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")][..], true),
        (&[("sec-fetch-site", "same-site"), ("origin", "https://sibling.example.com")], true),
        (&[("sec-fetch-site", "cross-site")], true),
        (&[("sec-fetch-site", "nonsense")], true),
        (&[("origin", "https://evil.test")], true),
        (&[("origin", "null")], true),
        (&[("origin", "http://app.example.com")], true),
        (&[("origin", "https://app.example.com.evil.test")], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.test")], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://app.example.com")], false),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], false),
        (&[("sec-fetch-site", "same-origin")], false),
        (&[("sec-fetch-site", "none")], false),
        (&[("origin", "https://app.example.com")], false),
        (&[], false),
    ] {
        let browser = signed_in(&world, &idp).await;
        let session = browser.cookie("__Host-vestibule").unwrap();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/vestibule/sign-out")
            .header("cookie", format!("__Host-vestibule={session}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answered::of(world.handle(&browser.site, request.body(Bytes::new()).unwrap()).await);
        assert_eq!(answer.status == StatusCode::FORBIDDEN, refused, "{headers:?}");
        assert_eq!(answer.headers.contains_key("set-cookie"), !refused, "{headers:?}");
        if refused {
            world.audit.refused(&answer, "cross-site-request");
        }
    }
}

#[tokio::test]
async fn attempts_of_other_tabs_survive_a_sign_out() {
    let (world, idp) = world();
    let mut browser = signed_in(&world, &idp).await;
    let asked = browser.begin("/vestibule/sign-in?rd=/y").await;
    browser.post("/vestibule/sign-out", From::SameSite, &[]).await;
    let answered = browser.bring(&asked, &idp.answer(&asked, "grace", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/y");
}
