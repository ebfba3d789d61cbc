//! The test sign-in: what it shows, to whom, and what it never does.

use crate::browser::{Answered, Browser, From};
use crate::idp::{Answer, Asked, FakeIdp};
use crate::logout::{Message, Received};
use crate::sealing::{Mode, OurKey};
use crate::strangers::Failing;
use crate::world::{Plan, World, site};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Duration;
use vestibule::access::{Access, PathPattern, Rule, Rules, Term};
use vestibule::clock::Moment;
use vestibule::seal::KeyRing;
use vestibule::secret::Secret;
use vestibule::session::{MemoryStore, Store};
use vestibule::site::{Face, Idp, Site, Status};
use vestibule::test_link;

const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

fn ring() -> KeyRing {
    KeyRing::new(&[Secret::new(vec![7; 32])]).unwrap()
}

/// One site; `live` is live, `corp` has this status.
fn world_of(status: Status) -> (World, FakeIdp, FakeIdp) {
    world_with(status, |_| {})
}

fn world_with(status: Status, change: impl FnOnce(&mut Site)) -> (World, FakeIdp, FakeIdp) {
    let (idp, live) = (FakeIdp::new("https://idp.test/metadata"), FakeIdp::new("https://live.test/metadata"));
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp), ("live", &live)]);
    idp_of(&mut site, 0).status = status;
    change(&mut site);
    let plan = Plan { keys: ring(), ..Plan::new(vec![site]) };
    (plan.build(), idp, live)
}

fn idp_of(site: &mut Site, at: usize) -> &mut Idp {
    Arc::get_mut(&mut site.identity_providers[at]).unwrap()
}

fn link(world: &World) -> String {
    link_until(world, world.now().plus(HALF_AN_HOUR))
}

fn link_until(world: &World, until: Moment) -> String {
    test_link::address(world.site(), &world.site().identity_providers[0], until, &ring())
}

/// Opens the link, presses the button, and arrives at the identity provider.
async fn begin(browser: &mut Browser<'_>, link: &str) -> Asked {
    let page = browser.get(link, From::SameSite).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    Asked::from_redirect(&press(browser, &page).await.location())
}

async fn press(browser: &mut Browser<'_>, page: &Answered) -> Answered {
    let fields = page.fields();
    let pairs: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    browser.post(&page.action(), From::SameSite, &pairs).await
}

async fn tried(browser: &mut Browser<'_>, link: &str, answer: impl FnOnce(&Asked) -> String) -> Answered {
    let asked = begin(browser, link).await;
    let value = answer(&asked);
    browser.bring_value(&asked, &value).await
}

/// What a page shows, without its markup.
fn text(page: &Answered) -> String {
    let mut text = String::new();
    let mut inside = true;
    for c in page.body.split("<body>").nth(1).unwrap_or_default().chars() {
        match c {
            '<' => inside = false,
            '>' => {
                inside = true;
                text.push(' ');
            }
            c if inside => text.push(c),
            _ => {}
        }
    }
    for (entity, plain) in [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")] {
        text = text.replace(entity, plain);
    }
    text
}

fn shows(page: &Answered, parts: &[&str]) {
    let text = text(page);
    for part in parts {
        assert!(text.contains(part), "the page does not show {part:?}: {text}");
    }
}

/// A test that was carried out and refused, with this code first on its page and in the audit.
fn refused(world: &World, page: &Answered, code: &str) {
    let event = world.audit.last("test-sign-in");
    assert_eq!((&event["outcome"], &event["code"]), (&"refused".into(), &code.into()), "{event}");
    assert_eq!(page.status, StatusCode::OK);
    shows(page, &[&format!("Refused: {code}"), event["reference"].as_str().unwrap(), "What to change"]);
}

/// Nobody became anybody.
fn nobody_is_signed_in(world: &World, browser: &Browser<'_>) {
    assert!(!browser.has_session());
    assert_eq!(world.gate.store.size().sessions, 0);
    assert!(world.audit.events().iter().all(|event| event["event"] != "sign-in"));
}

#[tokio::test]
async fn the_page_before_says_what_will_be_asked_and_changes_nothing() {
    let (world, idp, _) = world_of(Status::Staged);
    let mut browser = Browser::of(&world);
    let page = browser.get(&link(&world), From::CrossSite).await;
    shows(
        &page,
        &[
            &idp.entity_id,
            &idp.sso_url,
            "HTTP-Redirect",
            "https://app.example.com/vestibule/saml/metadata",
            "https://app.example.com/vestibule/saml/acs",
            "NameIDPolicy",
            "staged",
            "<samlp:AuthnRequest",
            "days left",
        ],
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert!(browser.jar.is_empty(), "a link may be fetched by a chat program");
    assert!(world.audit.events().is_empty());
}

#[tokio::test]
async fn a_staged_identity_provider_is_tried_and_everything_is_shown() {
    let (world, idp, _) = world_with(Status::Staged, |site| {
        site.mapping.roles = vec![("ops".into(), "admin".into()), ("board".into(), "chair".into())];
        let rule = |path: &str, role: &str| Rule {
            paths: vec![PathPattern::parse(path).unwrap()],
            methods: Vec::new(),
            networks: Vec::new(),
            access: Access::When(Term::Role(role.into())),
        };
        site.rules =
            Rules::new(vec![rule("/admin/*", "admin"), rule("/board/*", "chair")], Access::Authenticated);
    });
    let mut browser = Browser::of(&world);
    let now = world.now();
    let page = tried(&mut browser, &link(&world), |asked| {
        let answer = idp.answer(asked, "ada", now).with("mail", &["Ada@Example.com"]);
        answer.with("groups", &["ops", "staff"]).with("shoe-size", &["38"]).form_value()
    })
    .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    shows(
        &page,
        &[
            "\"ada\" would have been signed in",
            "ada@example.com",
            "Ada@Example.com",
            "ada, NameID format unspecified",
            "shoe-size",
            "not used",
            "admin",
            "gives it",
            "not in this group",
            "lets them in",
            "refuses them",
            "x-forwarded-user",
            "x-vestibule-roles",
            "\"aud\": \"app\"",
            "\"email\": \"ada@example.com\"",
            "ecdsa-sha256",
            "days left",
            "audience-mismatch",
            "pass",
            "clock_skew",
            "because the identity provider vouches for them",
            "Nothing is encrypted.",
            "assertion-replayed",
        ],
    );
    assert!(!page.body.contains("eyJ"), "the token itself is shown");
    assert!(!text(&page).contains("FAIL"), "{}", text(&page));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    nobody_is_signed_in(&world, &browser);
    assert!(browser.jar.is_empty(), "{:?}", browser.jar);
    let event = world.audit.last("test-sign-in");
    assert_eq!((&event["outcome"], &event["idp"]), (&"accepted".into(), &"corp".into()));
    assert!(!world.audit.events().iter().any(|event| event.to_string().contains("ada")), "a value is logged");
    assert!(!world.gate.metrics.encode().contains("outcome=\"accepted\"} 1"));
}

#[tokio::test]
async fn its_pages_bear_the_name_of_the_site_and_a_default_role_is_told_as_one() {
    let (world, idp, _) = world_with(Status::Staged, |site| {
        site.branding.name = Some("The Wiki".to_owned());
        site.mapping.default_role = Some("reader".to_owned());
        site.mapping.default_role_of = vec![("corp".to_owned(), "guest".to_owned())];
    });
    let mut browser = Browser::of(&world);
    let now = world.now();
    let page = tried(&mut browser, &link(&world), |asked| idp.answer(asked, "ada", now).form_value()).await;
    shows(&page, &["The Wiki", "Accepted", "guest, the default role: no row gave one"]);
    let page = tried(&mut browser, &link(&world), |asked| {
        let mut answer = idp.answer(asked, "ada", now);
        answer.audience = "https://other.test".into();
        answer.form_value()
    })
    .await;
    refused(&world, &page, "audience-mismatch");
    shows(&page, &["The Wiki"]);
}

#[tokio::test]
async fn the_result_bears_the_name_of_its_site_and_a_sign_on_host_does_not_speak_for_its_sites() {
    let (world, idp, _) = world_with(Status::Staged, |site| {
        site.branding.name = Some("The Hall".to_owned());
        site.face = Face::SignOn;
    });
    let mut browser = Browser::of(&world);
    let now = world.now();
    let page = tried(&mut browser, &link(&world), |asked| idp.answer(asked, "ada", now).form_value()).await;
    shows(
        &page,
        &[
            "\"ada\" would have been signed in",
            "The Hall",
            "What the sites make of it",
            "What each rule said",
        ],
    );
    for not_its_own in ["What admission said", "Where the access rules", "x-forwarded-user", "\"aud\""] {
        assert!(!text(&page).contains(not_its_own), "{not_its_own}: {}", text(&page));
    }
}

#[tokio::test]
async fn a_test_goes_by_post_and_on_loopback_http_too() {
    let mut idp = FakeIdp::new("https://idp.test/metadata");
    idp.bindings = vec!["HTTP-POST"];
    let site = site(0, "app", "http://localhost:4180", &[("corp", &idp)]);
    let world = Plan { keys: ring(), ..Plan::new(vec![site]) }.build();
    let mut browser = Browser::of(&world);
    let page = browser.get(&link(&world), From::SameSite).await;
    shows(&page, &["HTTP-POST"]);
    let form = press(&mut browser, &page).await;
    assert_eq!((form.status, form.action()), (StatusCode::OK, idp.sso_url.clone()));
    let asked = Asked::from_form(&form.fields());
    // There the attempt's cookie is Lax, and comes with the second post only.
    let again = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    shows(&browser.post_again(&again).await, &["\"ada\" would have been signed in"]);
    nobody_is_signed_in(&world, &browser);
}

#[tokio::test]
async fn one_that_cannot_be_asked_says_why_and_offers_no_button() {
    let (world, _, _) = world_with(Status::Staged, |site| {
        idp_of(site, 0).metadata = vestibule::site::Live::unknown();
    });
    let mut browser = Browser::of(&world);
    let link = link(&world);
    let page = browser.get(&link, From::SameSite).await;
    shows(&page, &["It cannot be asked", "metadata-unavailable"]);
    assert!(!page.body.contains("<form"));
    let sealed = link.split("?link=").nth(1).unwrap();
    let action = "https://app.example.com/vestibule/test-sign-in";
    let refused = browser.post(action, From::SameSite, &[("link", sealed)]).await;
    world.audit.refused(&refused, "metadata-unavailable");
}

#[tokio::test]
async fn a_live_one_can_be_tried_and_whoever_is_signed_in_stays_so() {
    let (world, idp, _) = world_of(Status::Live);
    let mut browser = Browser::of(&world);
    let sign_in = "https://app.example.com/vestibule/sign-in?rd=/&idp=corp";
    let asked = browser.begin(sign_in).await;
    browser.bring(&asked, &idp.answer(&asked, "grace", world.now())).await;
    let before = browser.jar.clone();
    let now = world.now();
    let page = tried(&mut browser, &link(&world), |asked| idp.answer(asked, "ada", now).form_value()).await;
    shows(&page, &["\"ada\" would have been signed in"]);
    assert_eq!(browser.jar, before);
    let whoami = browser.get("/vestibule/whoami", From::SameSite).await;
    assert!(whoami.body.contains("\"grace\""), "{}", whoami.body);
}

#[tokio::test]
async fn a_refused_answer_is_shown_with_the_refusing_rule_first() {
    let (world, idp, _) = world_of(Status::Staged);
    let now = world.now();
    type Change = fn(&mut Answer<'_>);
    let cases: [(&str, &str, Change); 4] = [
        ("audience-mismatch", "https://other.test", |answer| answer.audience = "https://other.test".into()),
        ("confirmation-expired", "before", |answer| {
            answer.not_on_or_after = answer.issued.minus(Duration::from_secs(100));
        }),
        ("nameid-transient", "transient", |answer| {
            answer.name_id_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient".into();
        }),
        ("status-not-success", "AuthnFailed", |answer| {
            answer.status = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed".into();
        }),
    ];
    for (code, shown, change) in cases {
        let mut browser = Browser::of(&world);
        let page = tried(&mut browser, &link(&world), |asked| {
            let mut answer = idp.answer(asked, "ada", now).with("mail", &["ada@example.com"]);
            change(&mut answer);
            answer.form_value()
        })
        .await;
        refused(&world, &page, code);
        shows(&page, &[shown, "FAIL", "ada@example.com"]);
        nobody_is_signed_in(&world, &browser);
    }
    assert!(!world.audit.events().iter().any(|event| event.to_string().contains("ada@example.com")));
}

#[tokio::test]
async fn rubbish_that_comes_back_with_the_attempt_is_explained_too() {
    let (world, _, _) = world_of(Status::Staged);
    let mut browser = Browser::of(&world);
    let page = tried(&mut browser, &link(&world), |_| STANDARD.encode("<a>")).await;
    refused(&world, &page, "xml-malformed");
    let page = tried(&mut browser, &link(&world), |_| "?".to_owned()).await;
    refused(&world, &page, "base64-invalid");
}

#[tokio::test]
async fn markup_that_was_sent_is_text_on_the_page() {
    let (world, idp, _) = world_of(Status::Staged);
    let mut browser = Browser::of(&world);
    let now = world.now();
    let page = tried(&mut browser, &link(&world), |asked| {
        idp.answer(asked, "ada", now)
            .with("name", &["&lt;/textarea&gt;&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;"])
            .form_value()
    })
    .await;
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
    assert!(page.body.contains("alert(1)"), "{}", page.body);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_test_is_answered_once_and_only_in_the_browser_that_began_it() {
    let (world, idp, _) = world_of(Status::Staged);
    let mut browser = Browser::of(&world);
    let now = world.now();
    let asked = begin(&mut browser, &link(&world)).await;
    let answer = idp.answer(&asked, "ada", now).form_value();

    let mut other = Browser::of(&world);
    let page = other.bring_value(&asked, &answer).await;
    let lost = other.post_again(&page).await;
    world.audit.refused(&lost, "attempt-missing");
    assert!(!lost.body.contains("ada"), "{}", lost.body);

    let attempt = browser.attempts()[0].to_owned();
    let cookie = browser.jar[&attempt].clone();
    shows(&browser.bring_value(&asked, &answer).await, &["would have been signed in"]);
    // Somebody who kept the cookie and the answer sees that it was answered, and becomes nobody.
    browser.jar.insert(attempt.clone(), cookie);
    browser.remember(&attempt);
    let again = browser.bring_value(&asked, &answer).await;
    refused(&world, &again, "request-answered");
    nobody_is_signed_in(&world, &browser);
}

#[tokio::test]
async fn a_link_that_is_over_tampered_or_made_elsewhere_does_nothing() {
    let (world, idp, _) = world_of(Status::Staged);
    let site = world.site();
    let corp = &site.identity_providers[0];
    let until = world.now().plus(HALF_AN_HOUR);
    let good = link(&world);
    let foreign = KeyRing::new(&[Secret::new(vec![8; 32])]).unwrap();
    let other_site = crate::world::site(0, "other", "https://app.example.com", &[("corp", &idp)]);
    let mut tampered = good.clone();
    let last = if tampered.pop() == Some('A') { 'B' } else { 'A' };
    tampered.push(last);
    let unknown = crate::world::site(0, "app", "https://app.example.com", &[("gone", &idp)]);
    for (code, link) in [
        ("test-link-expired", link_until(&world, world.now())),
        ("test-link-invalid", tampered),
        ("test-link-invalid", good.split("?link=").next().unwrap().to_owned()),
        ("test-link-invalid", good[..good.len() - 8].to_owned()),
        ("test-link-invalid", test_link::address(site, corp, until, &foreign)),
        ("test-link-invalid", test_link::address(&other_site, corp, until, &ring())),
        ("idp-unknown", test_link::address(&unknown, &unknown.identity_providers[0], until, &ring())),
    ] {
        let mut browser = Browser::of(&world);
        world.audit.refused(&browser.get(&link, From::SameSite).await, code);
        let sealed = link.split("?link=").nth(1).unwrap_or_default();
        let action = "https://app.example.com/vestibule/test-sign-in";
        let page = browser.post(action, From::SameSite, &[("link", sealed)]).await;
        world.audit.refused(&page, code);
        assert!(browser.jar.is_empty());
    }
    // A link goes by its seal, whatever stands beside it.
    let asked = begin(&mut Browser::of(&world), &format!("{good}&idp=live")).await;
    assert!(asked.xml.contains(&idp.sso_url), "{}", asked.xml);
}

#[tokio::test]
async fn nothing_that_was_sealed_for_something_else_is_a_link() {
    let (world, _, _) = world_of(Status::Live);
    let mut browser = Browser::of(&world);
    browser.begin("https://app.example.com/vestibule/sign-in?rd=/&idp=corp").await;
    let attempt = browser.attempts()[0].to_owned();
    let sealed = browser.cookie(&attempt).unwrap().to_owned();
    let page = browser.get(&format!("/vestibule/test-sign-in?link={sealed}"), From::SameSite).await;
    world.audit.refused(&page, "test-link-invalid");
}

#[tokio::test]
async fn another_sites_page_begins_no_test() {
    let (world, _, _) = world_of(Status::Staged);
    let link = link(&world);
    let mut browser = Browser::of(&world);
    let sealed = link.split("?link=").nth(1).unwrap();
    let action = "https://app.example.com/vestibule/test-sign-in";
    let page = browser.post(action, From::CrossSite, &[("link", sealed)]).await;
    world.audit.refused(&page, "cross-site-request");
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn an_answer_to_a_sign_in_is_no_test_and_the_other_way_round() {
    let (world, idp, _) = world_of(Status::Live);
    let mut browser = Browser::of(&world);
    let test = begin(&mut browser, &link(&world)).await;
    let sign_in = browser.begin("https://app.example.com/vestibule/sign-in?rd=/x&idp=corp").await;
    // With the other's RelayState: what counts is the request that is answered.
    let crossed = Asked { relay_state: test.relay_state.clone(), ..sign_in.clone() };
    let answered = browser.bring(&crossed, &idp.answer(&sign_in, "ada", world.now())).await;
    assert_eq!(answered.location(), "https://app.example.com/x");
    assert_eq!(world.gate.store.size().sessions, 1);
    let crossed = Asked { relay_state: sign_in.relay_state.clone(), ..test.clone() };
    let tested = browser.bring(&crossed, &idp.answer(&test, "eve", world.now())).await;
    shows(&tested, &["\"eve\" would have been signed in"]);
    assert_eq!(world.gate.store.size().sessions, 1);
}

#[tokio::test]
async fn the_identity_provider_that_was_asked_must_answer_a_test() {
    let (world, _, live) = world_of(Status::Staged);
    let mut browser = Browser::of(&world);
    let now = world.now();
    let page = tried(&mut browser, &link(&world), |asked| live.answer(asked, "ada", now).form_value()).await;
    let event = world.audit.last("test-sign-in");
    assert_eq!(event["outcome"], "refused");
    refused(&world, &page, event["code"].as_str().unwrap());
    let asked = begin(&mut browser, &link(&world)).await;
    let elsewhere = Asked { acs_url: format!("{}/live", asked.acs_url), ..asked.clone() };
    let page = browser.bring(&elsewhere, &live.answer(&elsewhere, "ada", now)).await;
    refused(&world, &page, "attempt-foreign");
}

#[tokio::test]
async fn without_a_link_a_staged_or_retired_one_is_no_choice() {
    for (status, code) in [(Status::Staged, "idp-staged"), (Status::Retired, "idp-retired")] {
        let (world, _, live) = world_of(status);
        let mut browser = Browser::of(&world);
        let page = browser.get("/vestibule/sign-in?rd=/&idp=corp", From::SameSite).await;
        world.audit.refused(&page, code);
        assert!(browser.jar.is_empty());
        // One is left to choose from, so nobody is asked.
        let asked = browser.leave_for_the_idp("/x").await;
        assert!(asked.xml.contains(&live.sso_url));
    }
}

#[tokio::test]
async fn nobody_comes_in_where_none_is_live() {
    let (world, _, _) = world_with(Status::Retired, |site| idp_of(site, 1).status = Status::Staged);
    let mut browser = Browser::of(&world);
    let page = browser.get("/vestibule/sign-in?rd=/", From::SameSite).await;
    world.audit.refused(&page, "no-idp-live");
    // The person is told that it is nothing of theirs, the owner who there is.
    assert!(page.body.contains("Sign-in is not open here"), "{}", page.body);
    assert_eq!(world.audit.last("sign-in-refused")["detail"], "corp is retired, live is staged");
    let typed = [("rd", "/"), ("email", "ada@example.com")];
    let page = browser.post("/vestibule/sign-in", From::SameSite, &typed).await;
    world.audit.refused(&page, "no-idp-live");
}

#[tokio::test]
async fn an_unasked_answer_of_a_staged_or_retired_one_is_refused_though_it_may_send_them() {
    for (status, code) in [(Status::Staged, "idp-staged"), (Status::Retired, "idp-retired")] {
        let (world, idp, _) = world_with(status, |site| idp_of(site, 0).allow_unsolicited = true);
        world.advance(Duration::from_secs(3600));
        let mut browser = Browser::of(&world);
        let sp = &world.site().service_provider;
        let answer = idp.unsolicited(&sp.acs_url, sp.entity_id.as_str(), "ada", world.now()).form_value();
        for repost in [None, Some(("repost", "1"))] {
            let fields: Vec<_> = [("SAMLResponse", answer.as_str())].into_iter().chain(repost).collect();
            let page = browser.post(&sp.acs_url, From::SameSite, &fields).await;
            world.audit.refused(&page, code);
        }
        assert!(!browser.has_session());
    }
}

#[tokio::test]
async fn a_sign_in_that_was_begun_before_its_identity_provider_was_staged_or_retired_is_refused() {
    let (before, idp, _) = world_of(Status::Live);
    let mut browser = Browser::of(&before);
    let asked = browser.begin("https://app.example.com/vestibule/sign-in?rd=/&idp=corp").await;
    let jar = browser.jar.clone();
    let answer = idp.answer(&asked, "ada", before.now()).form_value();
    for (status, code) in [(Status::Staged, "idp-staged"), (Status::Retired, "idp-retired")] {
        let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
        idp_of(&mut site, 0).status = status;
        let world = Plan { keys: ring(), ..Plan::new(vec![site]) }.build();
        let mut browser = Browser::of(&world);
        jar.iter().for_each(|(name, cookie)| {
            browser.jar.insert(name.clone(), cookie.clone());
            browser.remember(name);
        });
        world.audit.refused(&browser.bring_value(&asked, &answer).await, code);
    }
}

#[tokio::test]
async fn a_retired_one_cannot_be_tried() {
    let (world, _, _) = world_of(Status::Retired);
    let page = Browser::of(&world).get(&link(&world), From::SameSite).await;
    world.audit.refused(&page, "idp-retired");
}

#[tokio::test]
async fn a_retired_one_still_signs_people_out() {
    let (world, idp, _) = world_of(Status::Live);
    let mut browser = Browser::of(&world);
    let asked = browser.begin("https://app.example.com/vestibule/sign-in?rd=/&idp=corp").await;
    browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(world.gate.store.size().sessions, 1);

    let mut idp = FakeIdp::new("https://idp.test/metadata");
    idp.logout_bindings = vec!["HTTP-Redirect"];
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
    site.service_provider.signing_keys = vec![OurKey::rsa().pair];
    idp_of(&mut site, 0).status = Status::Retired;
    let world = Plan::new(vec![site]).build();
    let request = Message::request(&idp, "ada", world.now());
    let page = Browser::of(&world).get(&request.address(None), From::CrossSite).await;
    assert_eq!(Received::from(&page).status(), ["urn:oasis:names:tc:SAML:2.0:status:Success"]);
    assert_eq!(world.audit.last("logout-request")["sessions"], 0);
}

#[tokio::test]
async fn the_sessions_of_a_retired_one_end_and_no_others() {
    let (before, idp, live) = world_of(Status::Live);
    let mut browsers = [Browser::of(&before), Browser::of(&before)];
    for (browser, (id, idp)) in browsers.iter_mut().zip([("corp", &idp), ("live", &live)]) {
        let asked = browser.begin(&format!("https://app.example.com/vestibule/sign-in?rd=/&idp={id}")).await;
        browser.bring(&asked, &idp.answer(&asked, "ada", before.now())).await;
        assert!(browser.has_session());
    }
    assert_eq!(before.gate.end_sessions_of_retired().await, Ok(0));

    // The same store, the next configuration.
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp), ("live", &live)]);
    idp_of(&mut site, 0).status = Status::Retired;
    let store = Some(Arc::clone(&before.gate.store));
    let after = Plan { keys: ring(), store, ..Plan::new(vec![site]) }.build();
    assert_eq!(after.gate.end_sessions_of_retired().await, Ok(1));
    let ended = after.audit.last("session-ended");
    assert_eq!((&ended["idp"], &ended["why"]), (&"corp".into(), &"retired".into()));
    for (browser, status) in browsers.iter_mut().zip([StatusCode::UNAUTHORIZED, StatusCode::OK]) {
        assert_eq!(browser.get("/vestibule/whoami", From::SameSite).await.status, status);
    }
}

#[tokio::test]
async fn a_session_from_another_machine_ends_when_it_is_looked_at() {
    let idps = [FakeIdp::new("https://idp.test/metadata"), FakeIdp::new("https://live.test/metadata")];
    for (admitted, retired) in [(vec!["corp", "live"], true), (vec!["live"], false)] {
        let all = [("corp", &idps[0]), ("live", &idps[1])];
        let inner = MemoryStore::new(1 << 20, crate::world::START);
        let store: Arc<dyn Store> = Arc::new(Failing { inner, at: AtomicU8::new(0) });
        let before = site(0, "app", "https://app.example.com", &all);
        let plan = Plan { keys: ring(), store: Some(Arc::clone(&store)), ..Plan::new(vec![before]) };
        let before = plan.build();
        let mut browsers = [Browser::of(&before), Browser::of(&before)];
        for (browser, (id, idp)) in browsers.iter_mut().zip(all) {
            let asked =
                browser.begin(&format!("https://app.example.com/vestibule/sign-in?rd=/&idp={id}")).await;
            browser.bring(&asked, &idp.answer(&asked, "ada", before.now())).await;
        }
        let jars = browsers.map(|browser| browser.jar);

        let left: Vec<_> = all.into_iter().filter(|(id, _)| admitted.contains(id)).collect();
        let mut after = site(0, "app", "https://app.example.com", &left);
        if retired {
            idp_of(&mut after, 0).status = Status::Retired;
        }
        let plan = Plan { keys: ring(), store: Some(Arc::clone(&store)), ..Plan::new(vec![after]) };
        let after = plan.build();
        for (jar, status) in jars.into_iter().zip([StatusCode::UNAUTHORIZED, StatusCode::OK]) {
            let mut browser = Browser::of(&after);
            jar.keys().for_each(|name| browser.remember(name));
            browser.jar = jar;
            assert_eq!(browser.get("/vestibule/whoami", From::SameSite).await.status, status);
        }
        assert_eq!(store.size().sessions, 1);
    }
}

#[tokio::test]
async fn a_test_is_no_round_of_a_loop() {
    let (world, idp, _) = world_of(Status::Live);
    let mut browser = Browser::of(&world);
    for _ in 0..5 {
        let now = world.now();
        tried(&mut browser, &link(&world), |asked| idp.answer(asked, "ada", now).form_value()).await;
    }
    browser.begin("https://app.example.com/vestibule/sign-in?rd=/&idp=corp").await;
}

#[tokio::test]
async fn too_old_a_sign_in_is_told_and_not_sent_round() {
    let (world, idp, _) = world_with(Status::Live, |site| {
        idp_of(site, 0).demand.max_authn_age = Some(Duration::from_secs(600));
    });
    let mut browser = Browser::of(&world);
    let now = world.now();
    let page = tried(&mut browser, &link(&world), |asked| {
        let mut answer = idp.answer(asked, "ada", now);
        answer.authn_instant = now.minus(Duration::from_secs(3600));
        answer.form_value()
    })
    .await;
    refused(&world, &page, "authn-too-old");
}

fn encrypted_world() -> (World, FakeIdp, OurKey) {
    let (idp, key) = (FakeIdp::new("https://idp.test/metadata"), OurKey::rsa());
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
    site.service_provider.signing_keys = vec![key.pair.clone()];
    idp_of(&mut site, 0).status = Status::Staged;
    (Plan { keys: ring(), ..Plan::new(vec![site]) }.build(), idp, key)
}

#[tokio::test]
async fn what_was_encrypted_is_shown_once_it_is_accepted() {
    let (world, idp, key) = encrypted_world();
    let mut browser = Browser::of(&world);
    let now = world.now();
    for mode in [Mode::Gcm, Mode::Cbc] {
        let page = tried(&mut browser, &link(&world), |asked| {
            let answer = idp.answer(asked, "ada", now).with("mail", &["ada@example.com"]);
            STANDARD.encode(key.encrypt(&answer.xml(), mode))
        })
        .await;
        shows(&page, &["\"ada\" would have been signed in", "ada@example.com", "opened with a key of ours"]);
    }
    nobody_is_signed_in(&world, &browser);
}

#[tokio::test(start_paused = true)]
async fn a_test_answers_no_questions_about_decryption() {
    let (world, idp, key) = encrypted_world();
    let stranger = FakeIdp::new("https://idp.test/metadata");
    let mut pages = Vec::new();
    for what in ["padding", "a stranger's", "unsigned"] {
        let mut browser = Browser::of(&world);
        let now = world.now();
        let asked = begin(&mut browser, &link(&world)).await;
        let (xml, mode) = match what {
            "padding" => (idp.answer(&asked, "ada", now).xml(), Mode::CbcPadded(0)),
            "a stranger's" => (stranger.answer(&asked, "ada", now).xml(), Mode::Cbc),
            _ => {
                let mut unsigned = idp.answer(&asked, "ada", now);
                unsigned.signed = crate::idp::Signed::Nothing;
                (unsigned.xml(), Mode::Cbc)
            }
        };
        let began = tokio::time::Instant::now();
        let page = browser.bring_value(&asked, &STANDARD.encode(key.encrypt(&xml, mode))).await;
        assert_eq!(began.elapsed().as_millis(), 1000, "{what}");
        let event = world.audit.last("test-sign-in");
        let code = event["code"].as_str().unwrap();
        assert!(code == "decryption-content" || !page.body.contains(code), "{code}: {}", page.body);
        pages.push(page.body.replace(event["reference"].as_str().unwrap(), "REFERENCE"));
    }
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]), "{pages:#?}");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_ciphertext_is_not_read_to_whoever_holds_a_link() {
    let (world, idp, key) = encrypted_world();
    let now = world.now();
    // Made for another sign-in, and over by now: whichever rule refuses first, nothing of it is shown.
    let mut victim = Browser::of(&world);
    let other = begin(&mut victim, &link(&world)).await;
    let mut theirs = idp.answer(&other, "victim-of-theft", now).with("mail", &["secret@example.com"]);
    for (audience, late) in [(None, false), (Some("https://other.test"), false), (None, true)] {
        if let Some(audience) = audience {
            theirs.audience = audience.into();
        }
        if late {
            theirs.not_on_or_after = now.minus(Duration::from_secs(1000));
        }
        for mode in [Mode::Gcm, Mode::Cbc] {
            let mut thief = Browser::of(&world);
            let asked = begin(&mut thief, &link(&world)).await;
            let copied = key.encrypt(&theirs.xml(), mode).replace(&other.id, &asked.id);
            let page = thief.bring_value(&asked, &STANDARD.encode(copied)).await;
            assert_eq!(world.audit.last("test-sign-in")["outcome"], "refused");
            assert!(
                !page.body.contains("victim-of-theft") && !page.body.contains("secret@"),
                "{}",
                page.body
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_tries_of_a_test_are_counted_like_any_others() {
    let (world, idp, key) = encrypted_world();
    let mut browser = Browser::of(&world);
    let asked = begin(&mut browser, &link(&world)).await;
    let answer = idp.answer(&asked, "ada", world.now()).xml();
    for _ in 0..3 {
        browser.bring_value(&asked, &STANDARD.encode(key.encrypt(&answer, Mode::CbcPadded(0)))).await;
    }
    let page = browser.bring_value(&asked, &STANDARD.encode(key.encrypt(&answer, Mode::Cbc))).await;
    refused(&world, &page, "decryption-tries");
    assert!(!page.body.contains("opened with"), "{}", page.body);
}
