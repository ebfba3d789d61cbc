//! Only so many sessions of one person on a site.

use crate::browser::{Browser, From};
use crate::idp::FakeIdp;
use crate::town::{Application, Town, Visitor};
use crate::world::{Plan, World, site};
use http::StatusCode;
use std::num::NonZeroU32;
use std::time::Duration;
use vestibule::login::verifier::Verifier;
use vestibule::session::{OnLimit, PerUser};

fn world(most: u32, on_limit: OnLimit) -> (World, FakeIdp) {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
    site.sessions_per_user = Some(PerUser { most: NonZeroU32::new(most).unwrap(), on_limit });
    let mut plan = Plan::new(vec![site]);
    plan.verifier = Some(Verifier::with(2, 64).unwrap());
    (plan.build(), idp)
}

async fn signed_in<'w>(world: &'w World, idp: &FakeIdp, user: &str) -> Browser<'w> {
    let mut browser = Browser::of(world);
    let landed = browser.sign_in(idp, "/x", user).await;
    assert_eq!(landed.status, StatusCode::SEE_OTHER, "{}", landed.body);
    browser
}

async fn is_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/vestibule/whoami", From::SameSite).await.status == StatusCode::OK
}

#[tokio::test]
async fn one_too_many_is_refused_and_has_lost_nothing() {
    let (world, idp) = world(2, OnLimit::Refuse);
    let mut first = signed_in(&world, &idp, "ada").await;
    let mut second = signed_in(&world, &idp, "ada").await;
    let mut third = Browser::of(&world);
    let asked = third.leave_for_the_idp("/x").await;
    let answer = idp.answer(&asked, "ada", world.now());
    let page = third.bring(&asked, &answer).await;
    let refused = third.post_again(&page).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    world.audit.refused(&refused, "session-limit");
    let event = world.audit.last("sign-in-refused");
    assert!(event["detail"].as_str().unwrap().contains("2 living sessions"), "{event}");
    assert!(!third.has_session() && is_in(&mut first).await && is_in(&mut second).await);
    assert!(signed_in(&world, &idp, "eve").await.has_session(), "others are others");
    // Nothing was claimed: once there is room, the very same answer is good.
    second.post("/vestibule/sign-out", From::SameSite, &[]).await;
    let landed = third.bring(&asked, &answer).await;
    assert_eq!(landed.location(), "https://app.example.com/x");
    assert!(is_in(&mut third).await);
}

#[tokio::test]
async fn sessions_that_are_over_do_not_count() {
    let (world, idp) = world(1, OnLimit::Refuse);
    let mut left = signed_in(&world, &idp, "ada").await;
    world.advance(Duration::from_secs(3600));
    let mut next = signed_in(&world, &idp, "ada").await;
    assert!(is_in(&mut next).await && !is_in(&mut left).await);
}

#[tokio::test]
async fn who_signs_in_anew_in_the_same_browser_counts_once() {
    for on_limit in [OnLimit::Refuse, OnLimit::EndOldest] {
        let (world, idp) = world(1, on_limit);
        let mut browser = signed_in(&world, &idp, "ada").await;
        for _ in 0..3 {
            let asked = browser.begin("/vestibule/sign-in?rd=/x&again=1").await;
            let landed = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
            assert_eq!(landed.status, StatusCode::SEE_OTHER, "{}", landed.body);
            assert!(is_in(&mut browser).await);
        }
        // Two tabs that began when nobody was signed in: the second brings its session along once it is asked.
        browser.post("/vestibule/sign-out", From::SameSite, &[]).await;
        let one = browser.begin("/vestibule/sign-in?rd=/one").await;
        let two = browser.begin("/vestibule/sign-in?rd=/two").await;
        browser.bring(&one, &idp.answer(&one, "ada", world.now())).await;
        let mut landed = browser.bring(&two, &idp.answer(&two, "ada", world.now())).await;
        if landed.status == StatusCode::OK {
            landed = browser.post_again(&landed).await;
        }
        assert_eq!(landed.location(), "https://app.example.com/two");
        assert_eq!(world.gate.store.size().sessions, 1, "{on_limit:?}");
    }
}

#[tokio::test]
async fn the_oldest_ends_for_one_too_many() {
    let (world, idp) = world(2, OnLimit::EndOldest);
    let mut first = signed_in(&world, &idp, "ada").await;
    world.advance(Duration::from_secs(10));
    let mut second = signed_in(&world, &idp, "ada").await;
    world.advance(Duration::from_secs(10));
    // Used last, and still the oldest.
    assert!(is_in(&mut first).await);
    let mut third = signed_in(&world, &idp, "ada").await;
    assert!(!is_in(&mut first).await && is_in(&mut second).await && is_in(&mut third).await);
    let events = world.audit.events();
    let ended: Vec<_> = events.iter().filter(|event| event["event"] == "session-ended").collect();
    assert_eq!(ended.len(), 1, "{events:?}");
    assert_eq!(ended[0]["why"], "session-limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_sign_in_at_once_as_many_are_in_as_may() {
    for (on_limit, expected) in [(OnLimit::Refuse, 1), (OnLimit::EndOldest, 12)] {
        let (world, idp) = world(1, on_limit);
        let sign_ins = (0..12).map(|_| async {
            let mut browser = Browser::of(&world);
            let asked = browser.leave_for_the_idp("/x").await;
            let mut landed = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
            if landed.status == StatusCode::OK {
                landed = browser.post_again(&landed).await;
            }
            (landed.status == StatusCode::SEE_OTHER, browser)
        });
        let mut all = futures_util::future::join_all(sign_ins).await;
        assert_eq!(all.iter().filter(|(landed, _)| *landed).count(), expected, "{on_limit:?}");
        let mut living = 0;
        for (_, browser) in &mut all {
            living += usize::from(is_in(browser).await);
        }
        assert_eq!((living, world.gate.store.size().sessions), (1, 1), "{on_limit:?}");
    }
}

const SITES: &str = "\
identity_providers:
  - {id: corp, metadata_file: corp.xml}
sign_on:
  - {name: hall, public_url: https://auth.example.com}
sites:
  - name: wiki
    public_url: https://wiki.example.com
    upstream: http://APP0
    sign_on: hall
    session: {limit_per_user: 1, on_limit: ON_LIMIT}
  - {name: shop, public_url: https://shop.example.com, upstream: http://APP0, sign_on: hall}
  - {name: own, public_url: https://own.example.com, upstream: http://APP0}
";
const WIKI: &str = "https://wiki.example.com";
const SHOP: &str = "https://shop.example.com";
const OWN: &str = "https://own.example.com";

/// Through the sign-on host to this site; the last answer.
pub(crate) fn comes_by_the_hall(
    town: &Town,
    corp: &FakeIdp,
    visitor: &mut Visitor,
    site: &str,
) -> crate::browser::Answered {
    comes_as(town, corp, visitor, site, ("ada", "ada"))
}

/// The same, with this NameID and this `uid`.
pub(crate) fn comes_as(
    town: &Town,
    corp: &FakeIdp,
    visitor: &mut Visitor,
    site: &str,
    (name_id, uid): (&str, &str),
) -> crate::browser::Answered {
    let mut at = format!("{site}/page");
    for _ in 0..10 {
        let answer = visitor.get(town, &at);
        if !answer.status.is_redirection() {
            return answer;
        }
        at = answer.location();
        if at.starts_with("https://corp.test") {
            let asked = crate::idp::Asked::from_redirect(&at);
            let answer = corp.answer(&asked, name_id, town.now()).with("uid", &[uid]);
            at = visitor.bring(town, &asked.acs_url, &asked, &answer).location();
        }
    }
    panic!("round and round from {site}");
}

fn is_known(town: &Town, visitor: &mut Visitor, site: &str) -> bool {
    visitor.get(town, &format!("{site}/vestibule/whoami")).status == StatusCode::OK
}

#[test]
fn a_hand_over_counts_at_its_site_and_a_reload_changes_the_limit_for_the_next() {
    let corp = FakeIdp::new("https://corp.test/metadata");
    let app = Application::named("the application");
    let with = |on_limit: &str| SITES.replace("ON_LIMIT", on_limit);
    let town = Town::open(&with("refuse"), &[("corp", &corp)], &[&app]);
    let (mut ada, mut elsewhere) = (Visitor::default(), Visitor::default());
    assert_eq!(comes_by_the_hall(&town, &corp, &mut ada, WIKI).status, StatusCode::OK);
    assert_eq!(comes_by_the_hall(&town, &corp, &mut ada, SHOP).status, StatusCode::OK);
    let refused = comes_by_the_hall(&town, &corp, &mut elsewhere, WIKI);
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    assert_eq!(town.code(&refused), "session-limit");
    assert_eq!(
        comes_by_the_hall(&town, &corp, &mut elsewhere, SHOP).status,
        StatusCode::OK,
        "no limit there"
    );
    assert_eq!(comes_by_the_hall(&town, &corp, &mut ada, WIKI).status, StatusCode::OK, "nothing ended");

    town.reload(&with("end_oldest"), &[("corp", &corp)], &[&app]);
    assert!(is_known(&town, &mut ada, WIKI), "a reload ends nobody");
    assert_eq!(comes_by_the_hall(&town, &corp, &mut elsewhere, WIKI).status, StatusCode::OK);
    // With its whole sign-in, or the next click would bring it back and end the other one.
    assert!(!is_known(&town, &mut ada, WIKI) && !is_known(&town, &mut ada, SHOP));
    assert!(is_known(&town, &mut elsewhere, WIKI) && is_known(&town, &mut elsewhere, SHOP));

    for visitor in [&mut ada, &mut elsewhere] {
        visitor.sign_in(&town, OWN, ("corp", &corp), "ada");
    }
    assert!(is_known(&town, &mut ada, OWN) && is_known(&town, &mut elsewhere, OWN), "no limit there");
}
