//! Single logout with SimpleSAMLphp in both directions: it verifies our signatures and refuses what is not signed, and
//! we do the same with its messages.

use crate::simplesamlphp::{World, read_log, world_with};
use crate::support::chromium::Chromium;
use crate::support::visitor::{Answer, Visitor};
use http::StatusCode;

async fn signed_in(world: &World) -> Visitor {
    let mut browser = Visitor::new();
    let away = browser.get(&format!("{}/start", world.public)).await;
    let login = browser.follow(away).await;
    let posted = browser.submit(&login, &[("username", "alice"), ("password", "secret")]).await;
    let mut answer = browser.follow(posted).await;
    while answer.status == StatusCode::OK && answer.body.contains("SAMLResponse") {
        answer = browser.submit(&answer, &[]).await;
    }
    let landed = browser.follow(answer).await;
    assert!(landed.body.starts_with("GET /start\n"), "{landed:?}\n{}", read_log(world));
    browser
}

/// Goes where redirects and pages that post themselves lead, as a browser does.
async fn go_on(browser: &mut Visitor, mut answer: Answer) -> Answer {
    for _ in 0..12 {
        let posts_itself = answer.body.contains("SAMLRequest\"") || answer.body.contains("SAMLResponse\"");
        if answer.location().is_some() {
            answer = browser.follow(answer).await;
        } else if answer.status == StatusCode::OK && posts_itself {
            answer = browser.submit(&answer, &[]).await;
        } else {
            return answer;
        }
    }
    panic!("round and round: {answer:?}");
}

async fn is_signed_in_here(browser: &mut Visitor, world: &World) -> bool {
    browser.get(&format!("{}/vestibule/whoami", world.public)).await.status == StatusCode::OK
}

/// Whether the identity provider asks for the password again.
async fn is_signed_in_there(browser: &mut Visitor, world: &World) -> bool {
    let away = browser.get(&format!("{}/vestibule/sign-in?rd=/again", world.public)).await;
    let page = browser.follow(away).await;
    assert!(page.body.contains("password") || page.body.contains("SAMLResponse"), "{page:?}");
    !page.body.contains("password")
}

async fn leaving_here_ends_both(slo: &str) {
    let world = world_with("localhost", slo, "traditional").await;
    let mut browser = signed_in(&world).await;
    assert!(is_signed_in_there(&mut browser, &world).await);
    let sign_out = format!("{}/vestibule/sign-out", world.public);
    let asks = browser.get(&sign_out).await;
    let sent = browser.submit(&asks, &[]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{sent:?}");
    assert!(sent.location().unwrap().starts_with(&world.idp), "{sent:?}");
    // Whatever the identity provider does with it.
    assert!(!is_signed_in_here(&mut browser, &world).await);

    let ended = go_on(&mut browser, sent).await;
    assert!(ended.url.starts_with(&world.public), "{ended:?}\n{}", read_log(&world));
    assert!(ended.body.contains("has ended your sign-in there too"), "{ended:?}\n{}", read_log(&world));
    assert!(!is_signed_in_there(&mut browser, &world).await);
    let gate = &world.gate.program;
    let told = gate.says("\"event\":\"logout-response\"") && gate.says("\"outcome\":\"ended\"");
    assert!(told, "{}", gate.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_here_ends_the_session_at_simplesamlphp_by_redirect() {
    leaving_here_ends_both("HTTP-Redirect").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_here_ends_the_session_at_simplesamlphp_which_answers_by_post() {
    leaving_here_ends_both("HTTP-POST").await;
}

async fn leaving_there_ends_both(slo: &str) {
    let world = world_with("localhost", slo, "traditional").await;
    let mut browser = signed_in(&world).await;
    let back = format!("{}saml2/idp/metadata.php", world.idp);
    let mut start = url::Url::parse(&format!("{}saml2/idp/initSLO.php", world.idp)).unwrap();
    start.query_pairs_mut().append_pair("RelayState", &back);

    // The browser that carries the messages does not even have our cookies.
    let ours = "127.0.0.1";
    let kept = browser.jar.remove(ours).unwrap();
    let begun = browser.get(start.as_str()).await;
    let ended = go_on(&mut browser, begun).await;
    assert!(ended.url.starts_with(&world.idp), "{ended:?}\n{}", world.gate.program.log());
    browser.jar.insert(ours.to_owned(), kept);

    assert!(
        !is_signed_in_here(&mut browser, &world).await,
        "{}\n{}",
        world.gate.program.log(),
        read_log(&world)
    );
    assert!(!is_signed_in_there(&mut browser, &world).await);
    let gate = &world.gate.program;
    let told = gate.says("\"event\":\"logout-request\"") && gate.says("\"sessions\":1");
    assert!(told, "{}", gate.log());
    // It understood our answer.
    let theirs = read_log(&world);
    assert!(theirs.contains("Received SAML 2.0 LogoutResponse"), "{theirs}");
    assert!(!theirs.contains("Unsuccessful logout"), "{theirs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_simplesamlphp_ends_the_session_here_by_redirect() {
    leaving_there_ends_both("HTTP-Redirect").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_simplesamlphp_ends_the_session_here_by_post() {
    leaving_there_ends_both("HTTP-POST").await;
}

/// Between two sites on plain http a browser brings no cookie of ours with the posted answer: it is posted once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_brings_the_answer_back_by_post_from_another_site() {
    let host = "login.idp.test";
    let world = world_with(host, "HTTP-POST", "traditional").await;
    let browser = Chromium::start(world.folder.path(), &[host]).await;
    browser.open(&format!("{}/start", world.public)).await;
    browser.type_into("input[name=username]", "alice").await;
    browser.type_into("input[name=password]", "secret").await;
    browser.click("[type=submit], button").await;
    browser.sees("x-forwarded-email: alice@example.com").await;
    browser.open(&format!("{}/vestibule/sign-out", world.public)).await;
    browser.click("button").await;
    browser.sees("has ended your sign-in there too").await;
    browser.screenshot("simplesamlphp-signed-out").await;
    browser.open(&format!("{}/start", world.public)).await;
    browser.sees("password").await;
    browser.close().await;
}

/// The identity provider shows us in a frame and lets its own page watch over it: the content security policy and the
/// browser's rules about frames must let that through.
async fn in_a_frame_of_chromium(slo: &str) {
    let host = "login.idp.test";
    let world = world_with(host, slo, "iframe").await;
    let browser = Chromium::start(world.folder.path(), &[host]).await;
    browser.open(&format!("{}/start", world.public)).await;
    browser.type_into("input[name=username]", "alice").await;
    browser.type_into("input[name=password]", "secret").await;
    browser.click("[type=submit], button").await;
    browser.sees("x-forwarded-email: alice@example.com").await;
    browser.open(&format!("{}saml2/idp/initSLO.php?RelayState=/simplesaml/", world.idp)).await;
    browser.sees("the application").await;
    browser.screenshot(&format!("simplesamlphp-logout-{slo}")).await;
    browser.click("[name=all], #btn-all, [type=submit]").await;
    let patience = std::time::Instant::now();
    while !world.gate.program.log().contains("\"event\":\"logout-request\"") {
        assert!(patience.elapsed().as_secs() < 30, "{}\n{}", world.gate.program.log(), read_log(&world));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    browser.open(&format!("{}/again", world.public)).await;
    browser.sees("password").await;
    let theirs = read_log(&world);
    assert!(theirs.contains("Received SAML 2.0 LogoutResponse"), "{theirs}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_carries_logout_through_a_frame_by_redirect() {
    in_a_frame_of_chromium("HTTP-Redirect").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_carries_logout_through_a_frame_by_post() {
    in_a_frame_of_chromium("HTTP-POST").await;
}
