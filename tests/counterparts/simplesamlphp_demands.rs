//! What we ask, as SimpleSAMLphp understands it, and what it sends when nobody asks.

use crate::simplesamlphp::{World, read_log, world_demanding};
use crate::support::visitor::{Answer, Visitor};
use http::StatusCode;

/// The class that SimpleSAMLphp reports over plain http, whatever it is asked for.
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";

/// Sees the login page, types, and comes back with the answer of the assertion consumer service.
async fn signs_in(world: &World, browser: &mut Visitor, login: &Answer) -> Answer {
    assert!(login.body.contains("password"), "{login:?}\n{}", read_log(world));
    let posted = browser.submit(login, &[("username", "alice"), ("password", "secret")]).await;
    let posted = browser.follow(posted).await;
    brings(world, browser, &posted).await
}

/// Posts what SimpleSAMLphp's page posts by itself.
async fn brings(world: &World, browser: &mut Visitor, page: &Answer) -> Answer {
    assert!(page.body.contains("SAMLResponse"), "{page:?}\n{}", read_log(world));
    let mut answer = browser.submit(page, &[]).await;
    if answer.status == StatusCode::OK {
        // As browsers say of a post from our own page.
        browser.headers.insert("origin", world.public.parse().unwrap());
        answer = browser.submit(&answer, &[]).await;
        browser.headers.remove("origin");
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simplesamlphp_takes_everything_that_we_can_ask_for() {
    let keys = format!(
        ", name_id_format: persistent, force_authn: true, provider_name: Reports, authn_context: [\"{PASSWORD}\"], \
         single_logout: false"
    );
    let world = world_demanding("localhost", &keys, "60s").await;
    let mut browser = Visitor::new();
    let start = format!("{}/wiki/Start", world.public);
    for round in 0..2 {
        // The second time it knows who we are, and lets us type all the same.
        let away = browser.get(&start).await;
        let login = browser.follow(away).await;
        let answer = signs_in(&world, &mut browser, &login).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{round}: {}", world.gate.program.log());
        let landed = browser.follow(answer).await;
        // The persistent name of its making: a hash, where an unasked one is the e-mail address.
        let user = landed.body.lines().find_map(|line| line.strip_prefix("x-forwarded-user: ")).unwrap();
        assert!(user.len() == 40 && user.bytes().all(|b| b.is_ascii_hexdigit()), "{user}");
        let out = browser.post_form(&format!("{}/vestibule/sign-out", world.public), &[]).await;
        assert_eq!(out.status, StatusCode::OK, "{out:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_simplesamlphp_does_not_listen_to_is_found_out() {
    // It ignores RequestedAuthnContext and reports a password; the answer is held to what was asked.
    let keys = ", authn_context: [\"https://refeds.org/profile/mfa\"]";
    let world = world_demanding("localhost", keys, "60s").await;
    let mut browser = Visitor::new();
    let away = browser.get(&format!("{}/wiki/Start", world.public)).await;
    let login = browser.follow(away).await;
    let refused = signs_in(&world, &mut browser, &login).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    assert!(world.gate.program.says("authn-context-mismatch"), "{}", world.gate.program.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simplesamlphp_that_must_not_show_a_page_says_no() {
    let world = world_demanding("localhost", ", is_passive: true", "60s").await;
    let mut browser = Visitor::new();
    let away = browser.get(&format!("{}/wiki/Start", world.public)).await;
    let page = browser.follow(away).await;
    let refused = brings(&world, &mut browser, &page).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    assert!(world.gate.program.says("no-passive"), "{}", world.gate.program.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simplesamlphp_sends_somebody_whom_nobody_asked_for() {
    for allowed in [true, false] {
        // Right after its start the gate cannot tell what was used before; with little skew that is over soon.
        let keys = format!(", allow_unsolicited: {allowed}");
        let world = world_demanding("localhost", &keys, "1s").await;
        let mut browser = Visitor::new();
        let tile = format!(
            "{}saml2/idp/SSOService.php?spentityid={}/vestibule/saml/metadata&RelayState=/wiki/Start",
            world.idp, world.public
        );
        let login = browser.get(&tile).await;
        let login = browser.follow(login).await;
        let mut answer = signs_in(&world, &mut browser, &login).await;
        if !allowed {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
            let gate = &world.gate.program;
            let told = gate.says("in-response-to-missing") && gate.says("sign-in?rd=/&idp=ssp");
            assert!(told, "{}", gate.log());
            continue;
        }
        // Its clock, not a number of tries: on a fast machine hundreds of tries pass within the skew.
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while answer.status != StatusCode::SEE_OTHER && std::time::Instant::now() < patience {
            assert!(world.gate.program.says("attempt-before-start"), "{}", world.gate.program.log());
            let page = browser.get(&tile).await;
            answer = brings(&world, &mut browser, &page).await;
        }
        assert_eq!(answer.location().as_deref(), Some(&*format!("{}/wiki/Start", world.public)));
        let landed = browser.follow(answer).await;
        assert!(landed.body.contains("\nx-forwarded-email: alice@example.com\n"), "{}", landed.body);
    }
}
