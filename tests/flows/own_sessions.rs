//! Somebody looks at their own sessions and ends those in other browsers.

use crate::browser::{Answered, Browser, From};
use crate::idp::FakeIdp;
use crate::session_limit::{comes_as, comes_by_the_hall};
use crate::town::{Application, Town, Visitor};
use crate::world::{Plan, World, site, world};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use std::time::Duration;

const LIST: &str = "/vestibule/sessions";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.5 Mobile/15E148 Safari/604.1";

async fn signed_in<'w>(world: &'w World, idp: &FakeIdp, user: &str, agent: &'static str) -> Browser<'w> {
    let mut browser = Browser::of(world);
    browser.user_agent = Some(agent);
    browser.sign_in(idp, "/x", user).await;
    assert!(browser.has_session());
    browser
}

async fn is_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/vestibule/whoami", From::SameSite).await.status == StatusCode::OK
}

/// The values of the page's forms, in its order: one for each other session, then the one for all others.
fn named(page: &Answered) -> Vec<String> {
    let fields = page.fields().into_iter().filter(|(name, _)| name == "session");
    fields.map(|(_, value)| value).collect()
}

#[tokio::test]
async fn the_list_says_which_browsers_and_ends_another_one() {
    let (world, idp) = world();
    let mut phone = signed_in(&world, &idp, "ada", PHONE).await;
    world.advance(Duration::from_secs(1200));
    let mut desk = signed_in(&world, &idp, "ada", FIREFOX).await;
    let mut eve = signed_in(&world, &idp, "mallory", FIREFOX).await;
    world.advance(Duration::from_secs(300));

    let page = desk.get(LIST, From::SameSite).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    for words in ["Firefox on Linux", "This browser", "Safari on iPhone", "25 minutes ago", "ada"] {
        assert!(page.body.contains(words), "no {words}: {}", page.body);
    }
    assert!(!page.body.contains("mallory"), "{}", page.body);
    for browser in [&desk, &phone] {
        let secret = browser.cookie("__Host-vestibule").unwrap();
        assert!(!page.body.contains(secret), "the page shows a secret");
    }
    let values = named(&page);
    assert_eq!(values.len(), 2, "{}", page.body);

    let ended = desk.post(LIST, From::SameSite, &[("session", &values[0])]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.body);
    let events = world.audit.events();
    let [one, all] = &events[events.len() - 2..] else { panic!("{events:?}") };
    assert_eq!((&one["event"], &one["why"]), (&"session-ended".into(), &"ended-by-user".into()));
    assert_eq!((&all["event"], &all["sessions"]), (&"sessions-revoked".into(), &1.into()));
    assert!(all["by"].as_str().unwrap().starts_with("self, in session "), "{all}");
    assert!(
        all["client"].is_string()
            && all["detail"].as_str().unwrap().contains(one["session"].as_str().unwrap())
    );
    assert!(!is_in(&mut phone).await && is_in(&mut desk).await && is_in(&mut eve).await);

    let after = desk.get(&ended.location(), From::SameSite).await;
    assert!(after.body.contains("One other sign-in has ended."), "{}", after.body);
    assert!(after.body.contains("No other browser is signed in here.") && named(&after).is_empty());
    // A page that was left open: what it names is over, and nothing is said against pressing its button.
    let again = desk.post(LIST, From::SameSite, &[("session", &values[0])]).await;
    let after = desk.get(&again.location(), From::SameSite).await;
    assert!(after.body.contains("It had ended already."), "{}", after.body);
}

#[tokio::test]
async fn all_others_end_and_this_one_stays() {
    let (world, idp) = world();
    let mut others = Vec::new();
    for _ in 0..60 {
        others.push(signed_in(&world, &idp, "ada", PHONE).await);
    }
    let mut eve = signed_in(&world, &idp, "eve", FIREFOX).await;
    let mut desk = signed_in(&world, &idp, "ada", FIREFOX).await;
    let page = desk.get(LIST, From::SameSite).await;
    assert!(page.body.contains("11 more are not shown"), "{}", page.body);
    let all = named(&page).pop().unwrap();
    let ended = desk.post(LIST, From::SameSite, &[("session", &all)]).await;
    assert_eq!(world.audit.last("sessions-revoked")["sessions"], 60);
    for other in &mut others {
        assert!(!is_in(other).await);
    }
    assert!(is_in(&mut desk).await && is_in(&mut eve).await);
    let after = desk.get(&ended.location(), From::SameSite).await;
    assert!(after.body.contains("60 other sign-ins have ended."), "{}", after.body);
}

#[tokio::test]
async fn without_a_session_it_leads_to_the_sign_in_and_back() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let away = browser.get(LIST, From::SameSite).await;
    assert_eq!(away.status, StatusCode::FOUND);
    assert!(away.location().ends_with("/vestibule/sign-in?rd=/vestibule/sessions"), "{}", away.location());
    let posted = browser.post(LIST, From::SameSite, &[("session", "x")]).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER, "{}", posted.body);
    let asked = browser.begin(&away.location()).await;
    let back = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(back.location(), "https://app.example.com/vestibule/sessions");
    assert_eq!(browser.get(LIST, From::SameSite).await.status, StatusCode::OK);
    // A script is told so, and nothing else.
    let request = Request::get(LIST).header("accept", "application/json").body(Bytes::new()).unwrap();
    let told = Answered::of(world.handle(&browser.site, request).await);
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
    assert!(told.body.contains("session-missing"), "{}", told.body);
}

#[tokio::test]
async fn nothing_but_a_post_ends_anything() {
    let (world, idp) = world();
    let mut phone = signed_in(&world, &idp, "ada", PHONE).await;
    let mut desk = signed_in(&world, &idp, "ada", FIREFOX).await;
    let values = named(&desk.get(LIST, From::SameSite).await);
    let known = world.gate.store.size().sessions;
    for target in
        [LIST.to_owned(), format!("{LIST}?session={}", values[0]), format!("{LIST}?done={}", values[1])]
    {
        for method in [Method::GET, Method::HEAD] {
            let page = desk.send(method.clone(), &target, From::SameSite, None).await;
            assert_eq!(page.status, StatusCode::OK, "{method} {target}");
            assert_eq!(page.body.is_empty(), method == Method::HEAD);
            assert!(!page.body.contains("ended"), "{}", page.body);
        }
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let page = desk.send(method, LIST, From::SameSite, Some(format!("session={}", values[0]))).await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(world.gate.store.size().sessions, known);
    assert!(is_in(&mut phone).await);
}

#[tokio::test]
async fn a_post_that_is_not_of_our_own_page_ends_nothing() {
    let (world, idp) = world();
    let mut phone = signed_in(&world, &idp, "ada", PHONE).await;
    let mut desk = signed_in(&world, &idp, "ada", FIREFOX).await;
    let value = named(&desk.get(LIST, From::SameSite).await)[1].clone();
    let cookie = format!("__Host-vestibule={}", desk.cookie("__Host-vestibule").unwrap());
    for (headers, refused) in [
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")][..], true),
        (&[("sec-fetch-site", "same-site"), ("origin", "https://sibling.example.com")], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.test")], true),
        (&[("origin", "https://evil.test")], true),
        (&[("origin", "null")], true),
        // Every browser says where a form comes from.
        (&[], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://app.example.com")], false),
    ] {
        let mut request = Request::post(LIST)
            .header("cookie", &cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = format!("session={value}");
        let answer = Answered::of(world.handle(&desk.site, request.body(body.into()).unwrap()).await);
        if refused {
            world.audit.refused(&answer, "cross-site-request");
        }
        assert_eq!(is_in(&mut phone).await, refused, "{headers:?}");
    }
}

#[tokio::test]
async fn nobody_ends_the_sessions_of_another() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let other = FakeIdp::new("https://other.test/metadata");
    let site = site(0, "app", "https://app.example.com", &[("corp", &idp), ("other", &other)]);
    let world = Plan::new(vec![site]).build();
    let sign_in = async |idp: &FakeIdp, id: &str, user: &str| {
        let mut browser = Browser::of(&world);
        let asked = browser.begin(&format!("/vestibule/sign-in?rd=/x&idp={id}")).await;
        browser.bring(&asked, &idp.answer(&asked, user, world.now())).await;
        assert!(browser.has_session());
        browser
    };
    let mut ada = sign_in(&idp, "corp", "ada").await;
    let mut phone = sign_in(&idp, "corp", "ada").await;
    // Called the same, and somebody else.
    let mut namesake = sign_in(&other, "other", "ada").await;
    let mut eve = sign_in(&idp, "corp", "eve").await;
    let mut eves_phone = sign_in(&idp, "corp", "eve").await;

    let hers = named(&ada.get(LIST, From::SameSite).await);
    assert_eq!(hers.len(), 2, "her own, and not those of who is called the same");
    let own = named(&eve.get(LIST, From::SameSite).await);
    let public_name = world.audit.events()[0]["session"].as_str().unwrap().to_owned();
    let mut tampered = own[0].clone().into_bytes();
    let at = tampered.len() / 2;
    tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let done = eve.post(LIST, From::SameSite, &[("session", &own[0])]).await.location();
    let done = done.split("done=").nth(1).unwrap().to_owned();
    assert!(!is_in(&mut eves_phone).await);
    for (what, value) in [
        ("another's", hers[0].as_str()),
        ("another's for all", &hers[1]),
        ("a public name", &public_name),
        ("a secret", phone.cookie("__Host-vestibule").unwrap()),
        ("a tampered one", &tampered),
        ("what the page after says", &done),
        ("nothing", ""),
        ("a star", "*"),
    ] {
        let refused = eve.post(LIST, From::SameSite, &[("session", value)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{what}");
        world.audit.refused(&refused, "sessions-form-invalid");
        assert!(refused.links().iter().any(|link| link.ends_with(LIST)), "{what}: {:?}", refused.links());
    }
    let missing = eve.post(LIST, From::SameSite, &[]).await;
    world.audit.refused(&missing, "sessions-form-invalid");
    let doubled = eve.post(LIST, From::SameSite, &[("session", &own[1]), ("session", &own[1])]).await;
    world.audit.refused(&doubled, "form-malformed");
    for browser in [&mut ada, &mut phone, &mut namesake, &mut eve] {
        assert!(is_in(browser).await);
    }
    // Made for the session that she had before she signed in anew.
    let before = named(&ada.get(LIST, From::SameSite).await);
    let asked = ada.begin("/vestibule/sign-in?rd=/x&idp=corp&again=1").await;
    ada.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    let refused = ada.post(LIST, From::SameSite, &[("session", &before[1])]).await;
    world.audit.refused(&refused, "sessions-form-invalid");
    let anew = named(&ada.get(LIST, From::SameSite).await);
    let ended = ada.post(LIST, From::SameSite, &[("session", &anew[1])]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    assert!(!is_in(&mut phone).await && is_in(&mut namesake).await);
}

#[tokio::test]
async fn a_session_that_is_over_is_not_shown() {
    let (world, idp) = world();
    let _left = signed_in(&world, &idp, "ada", PHONE).await;
    world.advance(Duration::from_secs(3599));
    let mut desk = signed_in(&world, &idp, "ada", FIREFOX).await;
    assert_eq!(named(&desk.get(LIST, From::SameSite).await).len(), 2);
    world.advance(Duration::from_secs(1));
    assert!(named(&desk.get(LIST, From::SameSite).await).is_empty());
}

const SITES: &str = "\
identity_providers:
  - {id: corp, label: Corporate login, metadata_file: corp.xml}
sign_on:
  - {name: hall, public_url: https://auth.example.com}
sites:
  - {name: wiki, public_url: https://wiki.example.com, upstream: http://APP0, sign_on: hall}
  - {name: shop, public_url: https://shop.example.com, upstream: http://APP0, sign_on: hall, branding: {name: The shop}}
  - {name: own, public_url: https://own.example.com, upstream: http://APP0}
";
const WIKI: &str = "https://wiki.example.com";
const SHOP: &str = "https://shop.example.com";
const HALL: &str = "https://auth.example.com";
const OWN: &str = "https://own.example.com";

fn press(town: &Town, visitor: &mut Visitor, site: &str, value: &str) {
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("session", value).finish();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", site),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = visitor.send(town, "POST", &format!("{site}{LIST}"), &headers, &body);
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

#[test]
fn a_site_shows_its_own_and_the_sign_on_host_all_of_them_which_end_together() {
    let corp = FakeIdp::new("https://corp.test/metadata");
    let app = Application::named("the application");
    let town = Town::open(SITES, &[("corp", &corp)], &[&app]);
    let (mut ada, mut elsewhere) = (Visitor::default(), Visitor::default());
    for visitor in [&mut ada, &mut elsewhere] {
        comes_by_the_hall(&town, &corp, visitor, WIKI);
        comes_by_the_hall(&town, &corp, visitor, SHOP);
        visitor.sign_in(&town, OWN, ("corp", &corp), "ada");
    }
    let known = |visitor: &mut Visitor, site: &str| {
        visitor.get(&town, &format!("{site}/vestibule/whoami")).status == StatusCode::OK
    };
    let at = |visitor: &mut Visitor, site: &str| visitor.get(&town, &format!("{site}{LIST}"));

    // At a site: this site's, and nothing of where else.
    let page = at(&mut ada, WIKI);
    assert_eq!(named(&page).len(), 2, "{}", page.body);
    assert!(!page.body.contains("shop") && !page.body.contains("own.example.com"), "{}", page.body);
    assert!(page.links().contains(&format!("{HALL}{LIST}")), "{:?}", page.links());
    assert_eq!(named(&at(&mut ada, OWN)).len(), 2);
    // At the host: each sign-in, with the sites it is for.
    let page = at(&mut ada, HALL);
    assert_eq!(named(&page).len(), 2, "{}", page.body);
    for words in ["wiki", "The shop", "Corporate login"] {
        assert_eq!(page.body.matches(words).count(), 2, "{words}: {}", page.body);
    }
    // The page of sign-out and the front page lead there.
    assert!(
        visitor_links(&town, &mut ada, &format!("{WIKI}/vestibule/sign-out"))
            .contains(&format!("{WIKI}{LIST}"))
    );
    assert!(visitor_links(&town, &mut ada, HALL).contains(&format!("{HALL}{LIST}")));

    // Ended at one site, the other browser's whole sign-in ends: the host would give it back at once.
    let value = named(&at(&mut ada, WIKI))[0].clone();
    press(&town, &mut ada, WIKI, &value);
    for site in [WIKI, SHOP, HALL] {
        assert!(!known(&mut elsewhere, site) && known(&mut ada, site), "{site}");
    }
    assert!(known(&mut elsewhere, OWN), "another site's, and a sign-in of its own");

    comes_by_the_hall(&town, &corp, &mut elsewhere, SHOP);
    let value = named(&at(&mut ada, HALL))[0].clone();
    press(&town, &mut ada, HALL, &value);
    assert!(!known(&mut elsewhere, SHOP) && !known(&mut elsewhere, HALL) && known(&mut ada, WIKI));
}

#[test]
fn whom_the_identity_provider_calls_the_same_is_shown_nothing_of_the_other() {
    let corp = FakeIdp::new("https://corp.test/metadata");
    let app = Application::named("the application");
    let town = Town::open(&format!("identity: {{user: [uid]}}\n{SITES}"), &[("corp", &corp)], &[&app]);
    let mut ada = Visitor::default();
    comes_as(&town, &corp, &mut ada, WIKI, ("office", "ada"));
    let whoami = |visitor: &mut Visitor| visitor.get(&town, &format!("{WIKI}/vestibule/whoami")).status;
    // Her session at the host runs out for want of use, and the one at the site goes on.
    for _ in 0..2 {
        town.clock.advance(Duration::from_secs(2400));
        assert_eq!(whoami(&mut ada), StatusCode::OK);
    }
    let list = |visitor: &mut Visitor| named(&visitor.get(&town, &format!("{HALL}{LIST}")));
    let (mut eve, mut desk) = (Visitor::default(), Visitor::default());
    comes_as(&town, &corp, &mut eve, WIKI, ("office", "eve"));
    assert!(list(&mut eve).is_empty(), "somebody else's session is hers to end");
    comes_as(&town, &corp, &mut desk, WIKI, ("office", "ada"));
    assert_eq!(list(&mut desk).len(), 2, "her own is shown, and ends with all others");
    assert_eq!(whoami(&mut ada), StatusCode::OK);
}

fn visitor_links(town: &Town, visitor: &mut Visitor, url: &str) -> Vec<String> {
    visitor.get(town, url).links()
}
