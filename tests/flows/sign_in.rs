//! Sign-ins that work.

use crate::browser::{Browser, From};
use crate::idp::{Asked, FakeIdp, Signed};
use crate::world::{Plan, START, site, world};
use http::StatusCode;
use std::time::Duration;
use vestibule::gate::Resumed;

#[tokio::test]
async fn somebody_signs_in_and_comes_to_the_page_with_its_query() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let target = "/reports/2027?month=7&name=a%20b&next=%2Fx%3Fy%3D1";

    let answered = browser.sign_in(&idp, target, "ada").await;

    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert_eq!(answered.location(), format!("https://app.example.com{target}"));
    assert_eq!(answered.header("cache-control"), Some("no-store"));
    assert!(browser.has_session());
    assert_eq!(browser.attempts(), Vec::<&str>::new());
    // The redirect still counts as cross-site: the session must be Lax, not Strict.
    let page = browser.get(&answered.location(), From::CrossSite).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(target));
    let event = world.audit.last("sign-in");
    assert_eq!(
        (&event["user"], &event["idp"], &event["site"]),
        (&"ada".into(), &"corp".into(), &"app".into())
    );
}

#[tokio::test]
async fn every_way_of_signing_is_taken() {
    for (idp, signed) in [
        (FakeIdp::new("https://idp.test/metadata"), Signed::Assertion),
        (FakeIdp::new("https://idp.test/metadata"), Signed::Response),
        (FakeIdp::new("https://idp.test/metadata"), Signed::Both),
        (FakeIdp::rsa("https://idp.test/metadata"), Signed::Both),
    ] {
        let world = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]).build();
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/").await;
        let mut answer = idp.answer(&asked, "ada", world.now());
        answer.signed = signed;
        let answered = browser.bring(&asked, &answer).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{signed:?}: {:?}", world.audit.events());
    }
}

#[tokio::test]
async fn the_post_binding_takes_the_browser_there_by_a_form() {
    let mut idp = FakeIdp::new("https://idp.test/metadata");
    idp.bindings = vec!["HTTP-POST"];
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]).build();
    let mut browser = Browser::of(&world);

    let page = browser.get("/vestibule/sign-in?rd=%2Fx", From::SameSite).await;

    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.action(), idp.sso_url);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let asked = Asked::from_form(&page.fields());
    assert_eq!(asked.relay_state.as_deref().map(str::len), Some(11));
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn the_request_names_nothing_that_the_idp_need_not_know() {
    let (world, _idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/secret/plans?for=2028").await;
    assert_eq!(asked.acs_url, "https://app.example.com/vestibule/saml/acs");
    assert_eq!(asked.issuer, "https://app.example.com/vestibule/saml/metadata");
    let relay_state = asked.relay_state.unwrap();
    assert!(!asked.xml.contains("secret") && !relay_state.contains("secret"));
    // 160 random bits at least: 40 hexadecimal digits or 27 of base64.
    assert!(asked.id.len() > 27, "{}", asked.id);
}

#[tokio::test]
async fn a_new_session_ends_the_one_before_and_the_audit_says_so() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    let mut copy = Browser::of(&world);
    copy.jar = browser.jar.clone();
    copy.remember("__Host-vestibule");
    let old = world.audit.last("sign-in")["session"].clone();

    let asked = browser.begin("/vestibule/sign-in?rd=%2Fx&again=1").await;
    browser.bring(&asked, &idp.answer(&asked, "bob", world.now())).await;

    assert_eq!(copy.get("/vestibule/whoami", From::SameSite).await.status, StatusCode::UNAUTHORIZED);
    let events = world.audit.events();
    let replaced: Vec<_> = events.iter().filter(|event| event["event"] == "session-replaced").collect();
    assert_eq!(replaced.len(), 1);
    assert_eq!((&replaced[0]["user"], &replaced[0]["session"]), (&"ada".into(), &old));
    assert_eq!(world.audit.last("sign-in")["user"], "bob");
}

#[tokio::test]
async fn several_tabs_sign_in_each_to_its_own_page() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let first = browser.leave_for_the_idp("/one").await;
    let second = browser.leave_for_the_idp("/two").await;
    let third = browser.leave_for_the_idp("/three").await;
    assert_eq!(browser.attempts().len(), 3);

    for (asked, page) in [(&second, "/two"), (&first, "/one"), (&third, "/three")] {
        let answered = browser.bring(asked, &idp.answer(asked, "ada", world.now())).await;
        assert_eq!(answered.location(), format!("https://app.example.com{page}"));
    }
    assert_eq!(browser.attempts(), Vec::<&str>::new());
}

#[tokio::test]
async fn five_attempts_are_kept_and_the_oldest_goes() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let mut asked = Vec::new();
    for page in ["/1", "/2", "/3", "/4", "/5", "/6"] {
        asked.push(browser.leave_for_the_idp(page).await);
        world.advance(Duration::from_secs(1));
    }
    assert_eq!(browser.attempts().len(), 5);
    let lost = browser.bring(&asked[0], &idp.answer(&asked[0], "ada", world.now())).await;
    let lost = browser.post_again(&lost).await;
    world.audit.refused(&lost, "attempt-missing");
    for kept in &asked[1..] {
        let answered = browser.bring(kept, &idp.answer(kept, "ada", world.now())).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn attempts_stay_within_four_kibibytes() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let mut last = None;
    for page in 0..5 {
        let long = format!("/{page}?{}", "x".repeat(1400));
        last = Some((browser.leave_for_the_idp(&long).await, long));
        world.advance(Duration::from_secs(1));
    }
    let size: usize =
        browser.attempts().iter().map(|name| name.len() + 1 + browser.cookie(name).unwrap().len()).sum();
    assert!(size <= 4096, "{size} bytes in {} attempts", browser.attempts().len());
    let (asked, long) = last.unwrap();
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), format!("https://app.example.com{long}"));
}

#[tokio::test]
async fn a_new_session_has_a_new_secret_and_ends_the_old_one() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/", "ada").await;
    let name = browser.site.cookies.session_name.clone();
    let (old_cookie, mut old_browser) = (browser.cookie(&name).unwrap().to_owned(), Browser::of(&world));
    old_browser.jar = browser.jar.clone();

    // Somebody wants to be somebody else: the sign-in address works with a live session too.
    let asked = browser.begin("/vestibule/sign-in?rd=/").await;
    let answered = browser.bring(&asked, &idp.answer(&asked, "grace", world.now())).await;

    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    let new_cookie = browser.cookie(&name).unwrap();
    assert_ne!(new_cookie, old_cookie);
    let mut headers = http::HeaderMap::new();
    headers.insert("cookie", format!("{name}={old_cookie}").parse().unwrap());
    assert!(matches!(world.gate.resume_now(world.site(), &headers, world.now()), Resumed::Absent));
    headers.insert("cookie", format!("{name}={new_cookie}").parse().unwrap());
    assert!(matches!(world.gate.resume_now(world.site(), &headers, world.now()), Resumed::Live(_)));
}

#[tokio::test]
async fn a_planted_session_cookie_does_not_become_the_session() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/").await;
    let name = browser.site.cookies.session_name.clone();
    let planted = "A".repeat(43);
    browser.jar.insert(name.clone(), (planted.clone(), "None".into()));
    browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_ne!(browser.cookie(&name), Some(planted.as_str()));
    let mut headers = http::HeaderMap::new();
    headers.insert("cookie", format!("{name}={planted}").parse().unwrap());
    assert!(matches!(world.gate.resume_now(world.site(), &headers, world.now()), Resumed::Absent));
}

#[tokio::test]
async fn with_several_identity_providers_somebody_chooses() {
    let (corp, partner) =
        (FakeIdp::new("https://idp.test/metadata"), FakeIdp::new("https://partner.test/metadata"));
    let idps = [("corp", &corp), ("Partner", &partner)];
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &idps)]).build();
    let mut browser = Browser::of(&world);

    let page = browser.get("/vestibule/sign-in?rd=%2Fx%3Fy%3D1", From::SameSite).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(browser.attempts(), Vec::<&str>::new());
    let link = page.links().into_iter().find(|link| link.ends_with("idp=Partner")).expect("a link for each");
    let asked = browser.begin(&link).await;
    let answered = browser.bring(&asked, &partner.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/x?y=1");
    assert_eq!(world.audit.last("sign-in")["idp"], "Partner");

    // The other one cannot answer for it.
    let asked = browser.begin(&link).await;
    let refused = browser.bring(&asked, &corp.answer(&asked, "ada", world.now())).await;
    world.audit.refused(&refused, "signature-invalid");
    for unknown in ["partner", "PARTNER", "nobody", "corp%20"] {
        let refused = browser.get(&format!("/vestibule/sign-in?idp={unknown}"), From::SameSite).await;
        world.audit.refused(&refused, "idp-unknown");
    }
}

#[tokio::test]
async fn an_answer_may_be_delivered_at_the_address_of_its_identity_provider() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let mut asked = browser.leave_for_the_idp("/x").await;
    asked.acs_url += "/corp";
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn on_loopback_http_the_answer_is_posted_twice() {
    let idp = FakeIdp::new("http://localhost:8080/metadata");
    let world = Plan::new(vec![site(0, "app", "http://localhost:4180", &[("corp", &idp)])]).build();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x?y=1").await;

    let page = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.action(), asked.acs_url);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let answered = browser.post_again(&page).await;
    assert_eq!(answered.location(), "http://localhost:4180/x?y=1");
    assert_eq!(browser.get("/x?y=1", From::CrossSite).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_return_address_is_at_home_or_refused() {
    let (world, idp) = world();
    for (rd, home) in [
        ("/x", "/x"),
        ("https%3A%2F%2Fapp.example.com%2Fx%3Fy%3D1%262", "/x?y=1&2"),
        ("", "/"),
        ("%2Fvestibule%2Fsign-in", "/"),
        ("%2Fvestibule%2Fsign-in%3Frd%3D%2Fx", "/"),
        ("%2Fvestibule%2Fsign-out%3Frd%3D%2F", "/"),
        ("%2Fvestibule%2F.%2Fsign-out", "/"),
        ("%2F%76estibule%2Fsign-out", "/"),
        ("%2Fvestibule%2Fsaml%2Facs%2Fcorp", "/"),
        ("%2Fvestibule%2Fwhoami", "/vestibule/whoami"),
        ("%2Fvestibule-app%2Fsign-in", "/vestibule-app/sign-in"),
    ] {
        let mut browser = Browser::of(&world);
        let asked = browser.begin(&format!("/vestibule/sign-in?rd={rd}")).await;
        let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
        assert_eq!(answered.location(), format!("https://app.example.com{home}"), "{rd}");
    }
    for rd in [
        "%2F%2Fevil.test",
        "https%3A%2F%2Fevil.test%2F",
        "%2F%5Cevil.test",
        "javascript%3Aalert(1)",
        "//evil.test",
    ] {
        let mut browser = Browser::of(&world);
        let refused = browser.get(&format!("/vestibule/sign-in?rd={rd}"), From::CrossSite).await;
        world.audit.refused(&refused, "return-address-foreign");
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(browser.jar.is_empty());
    }
}

#[tokio::test]
async fn a_relay_state_leads_nowhere() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let mut asked = browser.leave_for_the_idp("/x").await;
    asked.relay_state = Some("https://evil.test/".into());
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/x");
    // Nor when the answer comes again.
    let page = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(browser.post_again(&page).await.location(), "https://app.example.com/x");
}

#[tokio::test]
async fn an_idp_session_that_ends_sooner_ends_ours() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let mut answer = idp.answer(&asked, "ada", world.now());
    answer.session_not_on_or_after = Some(START.plus(Duration::from_secs(600)));
    browser.bring(&asked, &answer).await;
    world.advance(Duration::from_secs(590));
    assert_eq!(browser.get("/x", From::SameSite).await.status, StatusCode::OK);
    world.advance(Duration::from_secs(10));
    assert_eq!(browser.get("/x", From::SameSite).await.status, StatusCode::FOUND);
}
