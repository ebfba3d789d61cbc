//! With several identity providers: buttons, addresses, the last choice, a search; and with one, none of it.

use crate::browser::{Answered, Browser, From};
use crate::idp::FakeIdp;
use crate::world::{Plan, World, site};
use http::StatusCode;
use std::sync::Arc;
use vestibule::identity::Domain;
use vestibule::pages::{Logo, Picture};
use vestibule::site::{Idp, Site};

/// Of each its id and the domains that it may speak for.
fn world(idps: &[(&str, &[&str])]) -> World {
    Plan::new(vec![site_of("app", "https://app.example.com", idps)]).build()
}

fn site_of(name: &str, url: &str, idps: &[(&str, &[&str])]) -> Site {
    let fakes: Vec<FakeIdp> =
        idps.iter().map(|(id, _)| FakeIdp::new(&format!("https://{id}.test/metadata"))).collect();
    let pairs: Vec<(&str, &FakeIdp)> = idps.iter().map(|(id, _)| *id).zip(&fakes).collect();
    let mut site = site(0, name, url, &pairs);
    for (idp, (_, domains)) in site.identity_providers.iter_mut().zip(idps) {
        let idp: &mut Idp = Arc::get_mut(idp).unwrap();
        let domains: Vec<Domain> = domains.iter().map(|domain| Domain::parse(domain).unwrap()).collect();
        idp.email_domains = Some(domains).filter(|domains| !domains.is_empty());
    }
    site
}

const COMPANIES: &[(&str, &[&str])] =
    &[("corp", &["example.com", "*.example.com"]), ("partner", &["partner.example"]), ("open", &[])];

async fn ask(browser: &mut Browser<'_>, email: &str) -> Answered {
    browser.post("/vestibule/sign-in", From::SameSite, &[("rd", "/x?y=1"), ("email", email)]).await
}

/// The ids of the buttons, in their order.
fn buttons(page: &Answered) -> Vec<String> {
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let links = page.links().into_iter();
    links.filter_map(|link| Some(link.split_once("&idp=")?.1.split('&').next()?.to_owned())).collect()
}

#[tokio::test]
async fn an_address_finds_who_speaks_for_its_domain() {
    let world = world(COMPANIES);
    let mut browser = Browser::of(&world);
    for (email, id) in [
        ("ada@example.com", "corp"),
        ("Ada@EXAMPLE.com", "corp"),
        (" ada@example.com ", "corp"),
        ("ada@mail.example.com", "corp"),
        ("ada@a.b.example.com", "corp"),
        ("bob@partner.example", "partner"),
    ] {
        let found = ask(&mut browser, email).await;
        assert_eq!(found.status, StatusCode::SEE_OTHER, "{email}");
        let next = format!("https://app.example.com/vestibule/sign-in?rd=/x%3Fy%3D1&idp={id}");
        assert_eq!(found.location(), next, "{email}");
        assert!(browser.attempts().is_empty(), "attempts are made by GET");
    }
    let asked = browser.begin(&ask(&mut Browser::of(&world), "ada@example.com").await.location()).await;
    assert!(asked.acs_url.ends_with("/vestibule/saml/acs"));
}

#[tokio::test]
async fn an_unknown_domain_is_told_and_no_domain_is() {
    let world = world(COMPANIES);
    let mut browser = Browser::of(&world);
    for email in [
        "ada@elsewhere.example",
        "ada@notexample.com",
        "ada@example.com.evil.test",
        "ada@mail.partner.example",
        "ada@open.test",
        "ada@xn--exampe-2ib.com",
    ] {
        let page = ask(&mut browser, email).await;
        assert!(page.body.contains("No sign-in page is set up here for that e-mail address"), "{email}");
        assert_eq!(buttons(&page), ["corp", "partner", "open"], "{email}");
        for secret in ["partner.example", "example.com<", email] {
            assert!(!page.body.contains(secret), "{email} is told {secret}");
        }
        assert!(page.body.contains("aria-invalid=\"true\" aria-describedby=\"notice\""));
    }
    for none in ["", "ada", "example.com", "@example.com", "ada@"] {
        let page = ask(&mut browser, none).await;
        assert!(page.body.contains("Please write your whole e-mail address"), "{none}");
    }
}

#[tokio::test]
async fn a_domain_of_several_shows_those() {
    let world =
        world(&[("a", &["example.com"]), ("b", &["*.example.com", "example.com"]), ("c", &["c.example"])]);
    let mut browser = Browser::of(&world);
    let page = ask(&mut browser, "ada@example.com").await;
    assert_eq!(buttons(&page), ["a", "b"]);
    assert!(page.body.contains("More than one sign-in page serves"));
}

#[tokio::test]
async fn an_address_is_read_from_a_form_of_ordinary_size_and_leads_home() {
    let world = world(COMPANIES);
    let mut browser = Browser::of(&world);
    let foreign = [("rd", "https://evil.test/"), ("email", "ada@example.com")];
    let refused = browser.post("/vestibule/sign-in", From::SameSite, &foreign).await;
    world.audit.refused(&refused, "return-address-foreign");
    let long = "a".repeat(9000);
    let refused = browser.post("/vestibule/sign-in", From::SameSite, &[("email", &long)]).await;
    world.audit.refused(&refused, "message-too-large");
    let long = format!("{}@example.com", "a".repeat(300));
    assert!(ask(&mut browser, &long).await.body.contains("Please write your whole"));
    // An address in a query is not looked at: it would stand in logs.
    let page = browser.get("/vestibule/sign-in?rd=/x&email=ada%40example.com", From::SameSite).await;
    assert_eq!(buttons(&page), ["corp", "partner", "open"]);
}

#[tokio::test]
async fn without_domains_nobody_is_asked_for_an_address() {
    let world = world(&[("a", &[]), ("b", &[])]);
    let page = Browser::of(&world).get("/vestibule/sign-in", From::SameSite).await;
    assert_eq!(buttons(&page), ["a", "b"]);
    assert!(!page.body.contains("name=\"email\"") && !page.body.contains("name=\"q\""));
}

#[tokio::test]
async fn the_last_choice_stands_first() {
    let world = world(COMPANIES);
    let mut browser = Browser::of(&world);
    browser.begin("/vestibule/sign-in?idp=partner").await;
    let page = browser.get("/vestibule/sign-in?rd=/x", From::SameSite).await;
    assert_eq!(buttons(&page), ["partner", "corp", "open"]);
    assert!(page.body.contains("Continue with partner login"));
    browser.begin("/vestibule/sign-in?idp=open").await;
    assert_eq!(
        buttons(&browser.get("/vestibule/sign-in", From::SameSite).await),
        ["open", "corp", "partner"]
    );
    assert_eq!(browser.jar["__Host-vestibule-choice"].1, "Lax");
    let max_age = "Max-Age=15552000";
    let again = browser.get("/vestibule/sign-in?idp=open", From::SameSite).await;
    let lines: Vec<_> =
        again.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(
        lines.iter().any(|line| line.starts_with("__Host-vestibule-choice=") && line.contains(max_age)),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_made_up_choice_is_none() {
    let world = world(COMPANIES);
    let mut browser = Browser::of(&world);
    for made_up in ["partner", "x.y", ""] {
        let name = "__Host-vestibule-choice";
        browser.jar.insert(name.into(), (made_up.into(), "Lax".into()));
        browser.remember(name);
        let page = browser.get("/vestibule/sign-in", From::SameSite).await;
        assert_eq!(buttons(&page), ["corp", "partner", "open"], "{made_up}");
    }
}

#[tokio::test]
async fn one_identity_provider_is_no_choice_and_leaves_no_mark() {
    let world = world(&[("corp", &["example.com"])]);
    let mut browser = Browser::of(&world);
    browser.begin("/vestibule/sign-in?rd=/x").await;
    assert!(!browser.jar.contains_key("__Host-vestibule-choice"));
}

#[tokio::test]
async fn more_than_eight_can_be_searched_without_a_script() {
    const NAMES: [&str; 9] = ["amber", "birch", "cedar", "dune", "elm", "fern", "grove", "harbour", "isle"];
    let many: Vec<(&str, &[&str])> = NAMES.iter().map(|name| (*name, &[] as &[&str])).collect();
    let world = world(&many);
    let mut browser = Browser::of(&world);
    let page = browser.get("/vestibule/sign-in?rd=/x", From::SameSite).await;
    assert_eq!(buttons(&page).len(), 9);
    assert!(page.body.contains("name=\"q\"") && page.body.contains("9 of 9 sign-in pages"));
    let page = browser.get("/vestibule/sign-in?rd=/x&q=+R+", From::SameSite).await;
    assert_eq!(buttons(&page), ["amber", "birch", "cedar", "fern", "grove", "harbour"]);
    assert!(page.body.contains("6 of 9 sign-in pages"));
    assert!(page.links().iter().all(|link| !link.contains("idp=") || link.contains("rd=/x&idp=")));
    assert!(page.links().iter().any(|link| link.ends_with("/vestibule/sign-in?rd=/x")), "a way back to all");
    let page = browser.get("/vestibule/sign-in?q=%22%3E%3Cscript%3E", From::SameSite).await;
    assert_eq!(buttons(&page), Vec::<String>::new());
    assert!(page.body.contains("No sign-in page has that name.") && !page.body.contains("\"><script>"));
    let eight = self::world(&many[..8]);
    assert!(!Browser::of(&eight).get("/vestibule/sign-in", From::SameSite).await.body.contains("name=\"q\""));
}

#[tokio::test]
async fn a_browser_that_shows_pages_is_led_by_one_and_comes_back_with_what_it_kept() {
    let idp = FakeIdp::new("https://corp.test/metadata");
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]).build();
    let mut browser = Browser::of(&world);
    browser.shows_pages = true;
    let page = browser.get("/vestibule/sign-in?rd=/x", From::SameSite).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.links()[0].starts_with("https://corp.test/sso?SAMLRequest="), "{:?}", page.links());
    let first = browser.attempts()[0].to_owned();
    let kept = crate::browser::between(&page.body, "data-kept=\"", "\"").unwrap().replace("&#38;", "&");
    assert!(
        kept.ends_with(&format!("&idp=corp&kept={}", first.rsplit_once("-attempt-").unwrap().1)),
        "{kept}"
    );

    // With a fragment: a second attempt in the place of the first, by a plain redirect, and a page at the end.
    let asked = browser.begin(&kept).await;
    assert_eq!(browser.attempts().len(), 1);
    assert_ne!(browser.attempts()[0], first);
    let landed = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(landed.status, StatusCode::OK);
    assert_eq!(landed.links(), ["https://app.example.com/x"]);
    assert!(landed.body.contains("sessionStorage") && browser.has_session());
    assert_eq!(landed.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn nothing_is_kept_that_was_not_asked_for() {
    let idp = FakeIdp::new("https://corp.test/metadata");
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]).build();
    for strange in ["", "x", "\"><script>", "AAAAAAAAAAAA"] {
        let mut browser = Browser::of(&world);
        let value: String = url::form_urlencoded::byte_serialize(strange.as_bytes()).collect();
        let asked = browser.begin(&format!("/vestibule/sign-in?rd=/x&kept={value}")).await;
        let landed = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
        assert_eq!(landed.location(), "https://app.example.com/x", "{strange}");
    }
    // Who names an attempt that is not in this browser gives up none.
    let mut browser = Browser::of(&world);
    let before = browser.begin("/vestibule/sign-in?rd=/a").await;
    browser.begin("/vestibule/sign-in?rd=/b&kept=AAAAAAAAAAA").await;
    assert_eq!(browser.attempts().len(), 2);
    assert_eq!(
        browser.bring(&before, &idp.answer(&before, "ada", world.now())).await.location(),
        "https://app.example.com/a"
    );
}

#[tokio::test]
async fn an_address_with_a_fragment_of_its_own_keeps_that() {
    let idp = FakeIdp::new("https://corp.test/metadata");
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]).build();
    let mut browser = Browser::of(&world);
    browser.shows_pages = true;
    let asked = browser.begin("/vestibule/sign-in?rd=/x%23part").await;
    let landed = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(landed.location(), "https://app.example.com/x#part");
}

#[tokio::test]
async fn what_was_asked_for_beside_goes_along() {
    let (idp, other) =
        (FakeIdp::new("https://corp.test/metadata"), FakeIdp::new("https://other.test/metadata"));
    let idps = [("corp", &idp), ("other", &other)];
    let world = Plan::new(vec![site(0, "app", "https://app.example.com", &idps)]).build();
    let mut browser = Browser::of(&world);
    browser.shows_pages = true;
    let page = browser.get("/vestibule/sign-in?rd=/x&again=1&anew=1", From::SameSite).await;
    let link = page.links().into_iter().find(|link| link.contains("idp=corp")).unwrap();
    assert!(link.ends_with("&idp=corp&again=1&anew=1"), "{link}");
    let page = browser.get(&link, From::SameSite).await;
    let kept = crate::browser::between(&page.body, "data-kept=\"", "\"").unwrap().replace("&#38;", "&");
    assert!(kept.contains("&kept=") && kept.ends_with("&again=1&anew=1"), "{kept}");
}

#[tokio::test]
async fn logos_are_served_in_a_sandbox_and_only_where_there_are_some() {
    let picture = |svg: &str| Picture::read(svg.as_bytes().to_vec()).unwrap();
    let mut site = site_of("app", "https://app.example.com", COMPANIES);
    site.branding.logo = Some(Logo { picture: picture("<svg id='a'/>"), path: "/vestibule/logo?v=1".into() });
    let corp = Arc::get_mut(&mut site.identity_providers[0]).unwrap();
    corp.logo = Some(picture("<svg id='corp'><script>alert(1)</script></svg>"));
    let tag = corp.logo.as_ref().unwrap().tag().to_owned();
    let world = Plan::new(vec![site]).build();
    let mut browser = Browser::of(&world);

    let page = browser.get("/vestibule/sign-in", From::SameSite).await;
    assert!(page.body.contains(&format!("src=\"/vestibule/logo/corp?v={tag}\"")), "{}", page.body);
    assert!(page.body.contains("src=\"/vestibule/logo?v=1\""), "{}", page.body);
    assert!(!page.body.contains("<svg id"), "a picture stands in the page");
    for (path, body) in
        [("/vestibule/logo?v=1", "<svg id='a'/>"), ("/vestibule/logo/corp", "<svg id='corp'>")]
    {
        let logo = browser.get(path, From::SameSite).await;
        assert_eq!(
            (logo.status, logo.header("content-type")),
            (StatusCode::OK, Some("image/svg+xml")),
            "{path}"
        );
        assert!(logo.body.starts_with(body), "{}", logo.body);
        assert!(logo.header("content-security-policy").unwrap().ends_with("; sandbox"));
        assert_eq!(logo.header("cache-control"), Some("public, max-age=86400"));
        assert_eq!(logo.header("x-content-type-options"), Some("nosniff"));
    }
    for path in
        ["/vestibule/logo/partner", "/vestibule/logo/nobody", "/vestibule/logo/", "/vestibule/logo/corp/x"]
    {
        assert_eq!(browser.get(path, From::SameSite).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
