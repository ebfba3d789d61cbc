//! Logout messages that must end nobody's session, each with its exact code; the honest twin is
//! `single_logout::the_identity_provider_ends_a_session_without_its_cookie`.

use crate::browser::{Answered, Browser, From};
use crate::idp::FakeIdp;
use crate::logout::{Content, Message, Received};
use crate::single_logout::{SLO, idp_with, is_signed_in, sign_in, with_key, world_where, world_with};
use crate::world::{Plan, World, site};
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// Ada is signed in; what is brought must be refused with this code and leave her so.
struct Scene {
    world: World,
    idp: FakeIdp,
}

impl Scene {
    fn new() -> Self {
        let (world, idp) = world_with(&["HTTP-Redirect", "HTTP-POST"]);
        // The gate remembers from the start; what is issued from here on is not from before it.
        world.advance(Duration::from_secs(3600));
        Self { world, idp }
    }

    async fn refuses(&self, query: &str, code: &str) {
        let mut ada = Browser::of(&self.world);
        sign_in(&mut ada, &self.world, &self.idp, "ada").await;
        let refused = Browser::of(&self.world).get(&format!("{SLO}?{query}"), From::CrossSite).await;
        self.world.audit.refused(&refused, code);
        assert_eq!(self.world.audit.last("logout-refused")["code"], code);
        assert!(is_signed_in(&mut ada).await, "{code}: she was signed out");
        assert!(!refused.headers.contains_key("set-cookie"), "{code}");
    }

    fn request(&self) -> Message<'_> {
        Message::request(&self.idp, "ada", self.world.now())
    }
}

#[tokio::test]
async fn forged_requests_end_nothing() {
    let scene = Scene::new();
    let request = scene.request();
    scene.refuses(&request.unsigned_query(None), "logout-unsigned").await;

    let evil = FakeIdp::new(&scene.idp.entity_id);
    let forged = Message::request(&evil, "ada", scene.world.now());
    scene.refuses(&forged.query(None), "signature-invalid").await;

    let stranger = FakeIdp::new("https://stranger.test/metadata");
    let strangers = Message::request(&stranger, "ada", scene.world.now());
    scene.refuses(&strangers.query(None), "logout-issuer-unknown").await;

    let grace = Message::request(&scene.idp, "grace", scene.world.now());
    let (theirs, ours) = (grace.query(None), request.query(None));
    let tail = |query: &str| query[query.find("&SigAlg=").unwrap()..].to_owned();
    let head = |query: &str| query[..query.find("&SigAlg=").unwrap()].to_owned();
    scene.refuses(&format!("{}{}", head(&ours), tail(&theirs)), "signature-invalid").await;
    let misordered = scene.idp.signed_query(&format!("RelayState=a&{}", request.unsigned_query(None)));
    scene.refuses(&misordered, "signature-invalid").await;
    scene
        .refuses(&request.query(Some("a")).replace("RelayState=a", "RelayState=b"), "signature-invalid")
        .await;

    let with_algorithm = |name: &str| {
        let algorithm = utf8_percent_encode(name, NON_ALPHANUMERIC);
        format!("{}&SigAlg={algorithm}&Signature=AAAA", request.unsigned_query(None))
    };
    for name in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "",
    ] {
        scene.refuses(&with_algorithm(name), "signature-algorithm").await;
    }
    scene
        .refuses(&format!("{}&Signature=AAAA", request.unsigned_query(None)), "query-signature-incomplete")
        .await;
    scene.refuses(&head(&ours), "logout-unsigned").await;
}

#[tokio::test]
async fn queries_that_can_be_read_in_two_ways_end_nothing() {
    let scene = Scene::new();
    let good = scene.request().query(Some("a"));
    let message = scene.request().unsigned_query(None);
    for (query, code) in [
        (String::new(), "query-malformed"),
        (format!("{good}&{message}"), "query-malformed"),
        (format!("{message}&{good}"), "query-malformed"),
        (format!("{good}&RelayState=b"), "query-malformed"),
        (format!("{good}&SigAlg=x"), "query-malformed"),
        (format!("{good}&{}", message.replace("SAMLRequest", "SAMLResponse")), "query-malformed"),
        (good.replace("SAMLRequest=", "%53AMLRequest="), "query-malformed"),
        ("SAMLRequest=AAAA".into(), "deflate-invalid"),
        ("SAMLRequest=%3C".into(), "base64-invalid"),
        (message.replace("SAMLRequest", "SAMLResponse"), "not-a-logout-message"),
    ] {
        if query.starts_with("SAMLResponse") {
            let refused = Browser::of(&scene.world).get(&format!("{SLO}?{query}"), From::CrossSite).await;
            scene.world.audit.refused(&refused, code);
        } else {
            scene.refuses(&query, code).await;
        }
    }
}

#[tokio::test]
async fn a_message_that_inflates_beyond_the_limit_is_refused() {
    use base64::Engine as _;
    use std::io::Write as _;
    let scene = Scene::new();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 20 << 20]).unwrap();
    let bomb = base64::engine::general_purpose::STANDARD.encode(encoder.finish().unwrap());
    let query =
        scene.idp.signed_query(&format!("SAMLRequest={}", utf8_percent_encode(&bomb, NON_ALPHANUMERIC)));
    scene.refuses(&query, "message-too-large").await;
}

#[tokio::test]
async fn signed_requests_that_are_not_for_here_and_now_end_nothing() {
    let scene = Scene::new();
    let now = scene.world.now();
    let minutes = |n: u64| Duration::from_secs(60 * n);
    type Change = Box<dyn Fn(&mut Message<'_>)>;
    let changes: Vec<(Change, &str)> = vec![
        (Box::new(|m| m.destination = Some("https://other.test/slo".into())), "logout-destination-mismatch"),
        (Box::new(|m| m.destination = None), "logout-destination-missing"),
        (Box::new(|m| m.issuer = "https://stranger.test".into()), "logout-issuer-unknown"),
        (Box::new(move |m| m.issued = now.minus(minutes(7))), "logout-expired"),
        (Box::new(move |m| m.issued = now.plus(minutes(2))), "issue-instant-future"),
        (
            Box::new(move |m| {
                if let Content::Request { not_on_or_after, .. } = &mut m.content {
                    *not_on_or_after = Some(now.minus(minutes(2)));
                }
            }),
            "logout-expired",
        ),
        (
            Box::new(|m| {
                if let Content::Request { name_id, .. } = &mut m.content {
                    name_id.clear();
                }
            }),
            "nameid-missing",
        ),
    ];
    for (change, code) in changes {
        let mut request = scene.request();
        change(&mut request);
        scene.refuses(&request.query(None), code).await;
    }
}

#[tokio::test]
async fn a_request_is_carried_out_once() {
    let scene = Scene::new();
    let mut ada = Browser::of(&scene.world);
    sign_in(&mut ada, &scene.world, &scene.idp, "ada").await;
    let request = scene.request();
    let first = ada.get(&request.address(None), From::CrossSite).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER);
    // By the same binding, and the same request by the other one: whatever carries it, it is spent.
    scene.refuses(&request.query(None), "logout-replayed").await;
    let mut again = Browser::of(&scene.world);
    sign_in(&mut again, &scene.world, &scene.idp, "ada").await;
    let fields = [("SAMLRequest", request.form_value())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let refused = Browser::of(&scene.world).post(SLO, From::CrossSite, &fields).await;
    scene.world.audit.refused(&refused, "logout-replayed");
    assert!(is_signed_in(&mut again).await);
    // And until it would be refused as late.
    scene.world.advance(Duration::from_secs(359));
    scene.refuses(&request.query(None), "logout-replayed").await;
    scene.world.advance(Duration::from_secs(2));
    scene.refuses(&request.query(None), "logout-expired").await;
}

#[tokio::test]
async fn posted_requests_that_were_forged_or_wrapped_end_nothing() {
    use base64::Engine as _;
    let scene = Scene::new();
    let encode = |xml: String| base64::engine::general_purpose::STANDARD.encode(xml);
    let grace = Message::request(&scene.idp, "grace", scene.world.now());
    let decoded = base64::engine::general_purpose::STANDARD.decode(grace.form_value()).unwrap();
    let signed = String::from_utf8(decoded).unwrap();
    let mut evil = scene.request();
    evil.id = "_evil".into();
    let inside = format!("<samlp:Extensions>{signed}</samlp:Extensions>");
    let foreign = FakeIdp::new(&scene.idp.entity_id);
    for (value, code) in [
        (encode(scene.request().xml("")), "logout-unsigned"),
        (encode(signed.replace(">grace<", ">ada<")), "digest-mismatch"),
        (encode(evil.xml(&inside)), "signature-misplaced"),
        (Message::request(&foreign, "ada", scene.world.now()).form_value(), "signature-invalid"),
        (encode(format!("<!DOCTYPE a>{signed}")), "xml-doctype"),
    ] {
        let mut ada = Browser::of(&scene.world);
        sign_in(&mut ada, &scene.world, &scene.idp, "ada").await;
        let refused = Browser::of(&scene.world).post(SLO, From::CrossSite, &[("SAMLRequest", &value)]).await;
        scene.world.audit.refused(&refused, code);
        assert!(is_signed_in(&mut ada).await, "{code}");
    }
}

#[tokio::test]
async fn forms_that_can_be_read_in_two_ways_end_nothing() {
    let scene = Scene::new();
    let value = scene.request().form_value();
    for fields in [
        vec![],
        vec![("RelayState", "a")],
        vec![("SAMLRequest", value.as_str()), ("SAMLRequest", value.as_str())],
        vec![("SAMLRequest", value.as_str()), ("SAMLResponse", value.as_str())],
        vec![("SAMLRequest", value.as_str()), ("RelayState", "a"), ("RelayState", "a")],
    ] {
        let refused = Browser::of(&scene.world).post(SLO, From::CrossSite, &fields).await;
        scene.world.audit.refused(&refused, "form-malformed");
    }
    let head = Browser::of(&scene.world).send(Method::HEAD, SLO, From::CrossSite, None).await;
    assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn one_identity_provider_cannot_end_the_sessions_of_another() {
    let (corp, other) = (idp_with(&["HTTP-Redirect"]), FakeIdp::new("https://other.test/metadata"));
    let site = with_key(site(0, "app", "https://app.example.com", &[("corp", &corp), ("other", &other)]));
    let world = Plan::new(vec![site]).build();
    let mut ada = Browser::of(&world);
    let asked = ada.begin("/vestibule/sign-in?rd=/&idp=corp").await;
    ada.bring(&asked, &corp.answer(&asked, "ada", world.now())).await;
    assert!(is_signed_in(&mut ada).await);

    // A good request of its own, for the same name.
    let theirs = Message::request(&other, "ada", world.now());
    let answered = Browser::of(&world).get(&theirs.address(None), From::CrossSite).await;
    assert_eq!(world.audit.last("logout-request")["sessions"], 0, "{}", answered.body);
    assert!(is_signed_in(&mut ada).await);
    // In the name of the other, under its own key.
    let mut forged = Message::request(&other, "ada", world.now());
    forged.issuer.clone_from(&corp.entity_id);
    let refused = Browser::of(&world).get(&forged.address(None), From::CrossSite).await;
    world.audit.refused(&refused, "signature-invalid");
    assert!(is_signed_in(&mut ada).await);
}

#[tokio::test]
async fn switched_off_it_takes_no_message() {
    let (world, idp) = world_where(|known| known.logout.single_logout = false);
    let mut ada = Browser::of(&world);
    sign_in(&mut ada, &world, &idp, "ada").await;
    let request = Message::request(&idp, "ada", world.now());
    let refused = Browser::of(&world).get(&request.address(None), From::CrossSite).await;
    world.audit.refused(&refused, "logout-switched-off");
    assert!(is_signed_in(&mut ada).await);
    let ended = ada.post("/vestibule/sign-out", From::SameSite, &[]).await;
    assert_eq!(ended.status, StatusCode::OK, "it is not asked either");
}

/// Signs out and waits for the identity provider's answer; the ID of the request.
async fn left(browser: &mut Browser<'_>) -> String {
    let sent = browser.post("/vestibule/sign-out", From::SameSite, &[("rd", "/bye")]).await;
    Received::from(&sent).attribute("ID").unwrap().to_owned()
}

/// The page says that this application was left, and not more.
fn says_no_more_than_here(world: &World, page: &Answered, code: &str) {
    world.audit.refused(page, code);
    assert!(page.body.contains("You are signed out") && page.body.contains("is not known"), "{}", page.body);
}

#[tokio::test]
async fn forged_and_foreign_answers_change_nothing_and_the_page_says_what_is_true() {
    let scene = Scene::new();
    let (world, idp) = (&scene.world, &scene.idp);
    let mut browser = Browser::of(world);
    sign_in(&mut browser, world, idp, "ada").await;
    let id = left(&mut browser).await;
    let honest = Message::response(idp, &id, world.now());

    let evil = FakeIdp::new(&idp.entity_id);
    let mut elsewhere = honest.clone();
    elsewhere.destination = Some("https://other.test/slo".into());
    let mut late = honest.clone();
    late.issued = world.now().minus(Duration::from_secs(600));
    for (query, code) in [
        (honest.unsigned_query(None), "logout-unsigned"),
        (Message::response(&evil, &id, world.now()).query(None), "signature-invalid"),
        (elsewhere.query(None), "logout-destination-mismatch"),
        (late.query(None), "logout-expired"),
        (Message::response(idp, "_another", world.now()).query(None), "logout-unsolicited"),
        (honest.query(Some("a")).replace("RelayState=a", "RelayState=b"), "signature-invalid"),
    ] {
        let page = browser.get(&format!("{SLO}?{query}"), From::CrossSite).await;
        says_no_more_than_here(world, &page, code);
        assert!(
            browser.jar.contains_key("__Host-vestibule-leaving"),
            "{code}: the honest answer may still come"
        );
    }
    // A RelayState leads nowhere.
    let back = browser.get(&honest.address(Some("https://evil.test/")), From::CrossSite).await;
    assert_eq!(back.location(), "https://app.example.com/bye");
    // The answer is spent with the cookie.
    let page = browser.get(&honest.address(None), From::CrossSite).await;
    says_no_more_than_here(world, &page, "logout-unsolicited");
}

#[tokio::test]
async fn an_answer_under_another_name_of_the_identity_provider_counts_where_it_is_listed() {
    let other = "https://login.idp.test/tenant/";
    for listed in [false, true] {
        let (world, idp) = world_where(|idp| {
            idp.logout.issuers = listed.then(|| other.to_owned()).into_iter().collect();
        });
        let mut browser = Browser::of(&world);
        sign_in(&mut browser, &world, &idp, "ada").await;
        let id = left(&mut browser).await;
        let mut answer = Message::response(&idp, &id, world.now());
        answer.issuer = other.to_owned();
        let page = browser.get(&answer.address(None), From::CrossSite).await;
        match listed {
            true => assert_eq!(page.location(), "https://app.example.com/bye"),
            false => says_no_more_than_here(&world, &page, "logout-issuer-unknown"),
        }
    }
}

#[tokio::test]
async fn an_answer_in_a_browser_that_did_not_ask_is_refused_and_its_session_stays() {
    let scene = Scene::new();
    let (world, idp) = (&scene.world, &scene.idp);
    let (mut left_here, mut victim) = (Browser::of(world), Browser::of(world));
    sign_in(&mut left_here, world, idp, "mallory").await;
    sign_in(&mut victim, world, idp, "ada").await;
    let id = left(&mut left_here).await;
    let response = Message::response(idp, &id, world.now());
    let page = victim.get(&response.address(None), From::CrossSite).await;
    world.audit.refused(&page, "logout-unsolicited");
    assert!(!page.body.contains("You are signed out"), "{}", page.body);
    assert!(is_signed_in(&mut victim).await);
    // By a form the cookies come with the second post.
    let page = victim.post(SLO, From::CrossSite, &[("SAMLResponse", &response.form_value())]).await;
    let page = victim.post_again(&page).await;
    world.audit.refused(&page, "logout-unsolicited");
    assert!(!page.body.contains("You are signed out"), "{}", page.body);
}

#[tokio::test]
async fn a_sign_out_of_another_site_is_not_finished_here() {
    let idp = idp_with(&["HTTP-Redirect"]);
    let sites = vec![
        with_key(site(0, "app", "https://app.example.com", &[("corp", &idp)])),
        with_key(site(1, "shop", "https://shop.example.com", &[("corp", &idp)])),
    ];
    let world = Plan::new(sites).build();
    let mut at_shop = Browser::on(&world, 1);
    at_shop.sign_in(&idp, "/x", "ada").await;
    let id = left(&mut at_shop).await;
    // Two sites on one host share a cookie jar; the cookie says where it belongs.
    let mut at_app = Browser::on(&world, 0);
    at_app.jar = at_shop.jar.clone();
    at_app.remember("__Host-vestibule-leaving");
    let page = at_app.get(&Message::response(&idp, &id, world.now()).address(None), From::CrossSite).await;
    says_no_more_than_here(&world, &page, "logout-unsolicited");
}

#[tokio::test]
async fn an_answer_after_a_quarter_of_an_hour_is_too_late() {
    let scene = Scene::new();
    let mut browser = Browser::of(&scene.world);
    sign_in(&mut browser, &scene.world, &scene.idp, "ada").await;
    let id = left(&mut browser).await;
    scene.world.advance(Duration::from_secs(15 * 60));
    let response = Message::response(&scene.idp, &id, scene.world.now());
    let page = browser.get(&response.address(None), From::CrossSite).await;
    says_no_more_than_here(&scene.world, &page, "logout-unsolicited");
}

#[tokio::test]
async fn a_sealed_value_of_another_kind_is_no_sign_out_under_way() {
    let scene = Scene::new();
    let mut browser = Browser::of(&scene.world);
    sign_in(&mut browser, &scene.world, &scene.idp, "ada").await;
    let asked = browser.begin("/vestibule/sign-in?rd=/").await;
    let attempt = browser.attempts()[0].to_owned();
    let sealed = browser.jar[&attempt].clone();
    browser.jar.insert("__Host-vestibule-leaving".into(), sealed);
    browser.remember("__Host-vestibule-leaving");
    browser.jar.remove("__Host-vestibule");
    let response = Message::response(&scene.idp, &asked.id, scene.world.now());
    let page = browser.get(&response.address(None), From::CrossSite).await;
    says_no_more_than_here(&scene.world, &page, "logout-unsolicited");
}

#[tokio::test]
async fn a_request_for_one_site_ends_nothing_at_another() {
    let idp = idp_with(&["HTTP-Redirect"]);
    let app = with_key(site(0, "app", "https://app.example.com", &[("corp", &idp)]));
    let wiki = with_key(site(1, "wiki", "https://wiki.example.com", &[("corp", &idp)]));
    let world = Plan::new(vec![app, wiki]).build();
    let (mut at_app, mut at_wiki) = (Browser::on(&world, 0), Browser::on(&world, 1));
    for browser in [&mut at_app, &mut at_wiki] {
        let asked = browser.leave_for_the_idp("/x").await;
        browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
        assert!(is_signed_in(browser).await);
    }
    // A good request for the application, brought to the wiki.
    let request = Message::request(&idp, "ada", world.now());
    let address = request.address(None).replace("app.example.com", "wiki.example.com");
    let refused = Browser::on(&world, 1).get(&address, From::CrossSite).await;
    world.audit.refused(&refused, "logout-destination-mismatch");
    assert!(is_signed_in(&mut at_wiki).await);
    // Brought where it belongs it ends the session there, and no other of the same name.
    Browser::on(&world, 0).get(&request.address(None), From::CrossSite).await;
    assert_eq!(world.audit.last("logout-request")["sessions"], 1);
    assert!(!is_signed_in(&mut at_app).await);
    assert!(is_signed_in(&mut at_wiki).await);
}
