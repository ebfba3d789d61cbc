//! Single logout in both directions, as a browser and an identity provider live through it.

use crate::browser::{Answered, Browser, From};
use crate::idp::FakeIdp;
use crate::logout::{Content, Message, PARTIAL, RESPONDER, Received, SUCCESS};
use crate::world::{Plan, World, site};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vestibule::saml::parties::SigningKey;
use vestibule::secret::Secret;
use vestibule::site::{Idp, RequireSignedLogout, Site};

pub(crate) const SLO: &str = "https://app.example.com/vestibule/saml/slo";

/// A key of ours, so that single logout can be done.
pub(crate) fn with_key(mut site: Site) -> Site {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/files");
    let key = Secret::new(std::fs::read(files.join("sp-key.pem")).unwrap());
    let key = SigningKey::from_pem(&key, &std::fs::read(files.join("sp.pem")).unwrap()).unwrap();
    site.service_provider.signing_keys = vec![key];
    site
}

pub(crate) fn idp_with(bindings: &[&'static str]) -> FakeIdp {
    let mut idp = FakeIdp::new("https://idp.test/metadata");
    idp.logout_bindings = bindings.to_vec();
    idp
}

/// One https site whose identity provider does single logout.
pub(crate) fn world_with(bindings: &[&'static str]) -> (World, FakeIdp) {
    let idp = idp_with(bindings);
    let site = with_key(site(0, "app", "https://app.example.com", &[("corp", &idp)]));
    (Plan::new(vec![site]).build(), idp)
}

/// The same after a change of what the owner decided.
pub(crate) fn world_where(change: impl Fn(&mut Idp)) -> (World, FakeIdp) {
    let idp = idp_with(&["HTTP-Redirect"]);
    let mut site = with_key(site(0, "app", "https://app.example.com", &[("corp", &idp)]));
    for known in &mut site.identity_providers {
        change(Arc::get_mut(known).unwrap());
    }
    (Plan::new(vec![site]).build(), idp)
}

/// Signs in; the SessionIndex that the identity provider gave.
pub(crate) async fn sign_in(browser: &mut Browser<'_>, world: &World, idp: &FakeIdp, user: &str) -> String {
    let asked = browser.leave_for_the_idp("/x").await;
    let answer = idp.answer(&asked, user, world.now());
    let answered = browser.bring(&asked, &answer).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
    answer.session_index.clone().unwrap()
}

pub(crate) async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/vestibule/whoami", From::SameSite).await.status == StatusCode::OK
}

/// The identity provider's own request, carried by a browser that knows nothing of the session.
async fn ask(world: &World, message: &Message<'_>, relay_state: Option<&str>) -> Answered {
    Browser::of(world).get(&message.address(relay_state), From::CrossSite).await
}

#[tokio::test]
async fn the_identity_provider_ends_a_session_without_its_cookie() {
    let (world, idp) = world_with(&["HTTP-Redirect", "HTTP-POST"]);
    let (mut ada, mut grace) = (Browser::of(&world), Browser::of(&world));
    sign_in(&mut ada, &world, &idp, "ada").await;
    sign_in(&mut grace, &world, &idp, "grace").await;

    let request = Message::request(&idp, "ada", world.now());
    let answered = ask(&world, &request, Some("state & more")).await;

    assert!(!is_signed_in(&mut ada).await);
    assert!(is_signed_in(&mut grace).await, "nobody else");
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    let response = Received::from(&answered);
    assert_eq!((response.to.as_str(), response.field), ("https://idp.test/slo/done", "SAMLResponse"));
    assert_eq!(response.attribute("InResponseTo"), Some(request.id.as_str()));
    assert_eq!(response.attribute("Destination"), Some("https://idp.test/slo/done"));
    assert_eq!(response.text_of("saml:Issuer"), Some("https://app.example.com/vestibule/saml/metadata"));
    assert_eq!(response.status(), [SUCCESS]);
    assert_eq!(response.relay_state.as_deref(), Some("state & more"));
    assert!(response.signed);

    let events = world.audit.events();
    let ended = events.iter().find(|event| event["event"] == "sign-out").unwrap();
    assert_eq!(
        (&ended["user"], &ended["way"], &ended["idp"]),
        (&"ada".into(), &"idp".into(), &"corp".into())
    );
    let asked = world.audit.last("logout-request");
    assert_eq!((&asked["sessions"], &asked["outcome"]), (&1.into(), &"ended".into()));
    let figures = world.gate.metrics.encode();
    assert!(
        figures.contains(
            r#"vestibule_single_logouts_total{site="app",begun_by="idp",outcome="ended",code=""} 1"#
        ),
        "{figures}"
    );
}

#[tokio::test]
async fn a_posted_request_is_answered_by_a_page_that_posts_and_may_stand_in_the_providers_frame() {
    let (world, idp) = world_with(&["HTTP-Redirect", "HTTP-POST"]);
    let mut ada = Browser::of(&world);
    sign_in(&mut ada, &world, &idp, "ada").await;
    let request = Message::request(&idp, "ada", world.now());
    let fields = [("SAMLRequest", request.form_value()), ("RelayState", "\"><script>".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let page = ada.post(SLO, From::CrossSite, &fields).await;

    assert_eq!(page.status, StatusCode::OK);
    assert!(!is_signed_in(&mut ada).await);
    let response = Received::from(&page);
    assert_eq!((response.to.as_str(), response.field), ("https://idp.test/slo/done", "SAMLResponse"));
    assert_eq!(response.status(), [SUCCESS]);
    assert_eq!(response.relay_state.as_deref(), Some("\"><script>"));
    assert!(!page.body.contains("\"><script>"), "{}", page.body);
    assert!(response.signed);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.ends_with("frame-ancestors https://idp.test"), "{policy}");
    assert_eq!(page.header("x-frame-options"), None);
}

#[tokio::test]
async fn a_session_index_ends_that_session_and_no_index_ends_all_of_the_name() {
    let (world, idp) = world_with(&["HTTP-Redirect"]);
    let (mut one, mut two, mut three) = (Browser::of(&world), Browser::of(&world), Browser::of(&world));
    let first = sign_in(&mut one, &world, &idp, "ada").await;
    sign_in(&mut two, &world, &idp, "ada").await;
    sign_in(&mut three, &world, &idp, "ada").await;

    let some = Message::request(&idp, "ada", world.now()).of_session(&first).of_session("_unknown");
    assert_eq!(Received::from(&ask(&world, &some, None).await).status(), [SUCCESS]);
    assert!(!is_signed_in(&mut one).await);
    assert!(is_signed_in(&mut two).await && is_signed_in(&mut three).await);

    let all = Message::request(&idp, "ada", world.now());
    ask(&world, &all, None).await;
    assert_eq!(world.audit.last("logout-request")["sessions"], 2);
    assert!(!is_signed_in(&mut two).await && !is_signed_in(&mut three).await);
    // Nobody of that name is left: that is what was asked for.
    let again = Message::request(&idp, "ada", world.now());
    assert_eq!(Received::from(&ask(&world, &again, None).await).status(), [SUCCESS]);
    assert_eq!(world.audit.last("logout-request")["sessions"], 0);
}

#[tokio::test]
async fn the_browser_that_brings_the_request_forgets_its_own_ended_session_and_no_other() {
    let (world, idp) = world_with(&["HTTP-Redirect"]);
    let (mut ada, mut grace) = (Browser::of(&world), Browser::of(&world));
    sign_in(&mut ada, &world, &idp, "ada").await;
    sign_in(&mut grace, &world, &idp, "grace").await;
    let request = Message::request(&idp, "ada", world.now());
    grace.get(&request.address(None), From::CrossSite).await;
    assert!(grace.has_session() && is_signed_in(&mut grace).await);

    sign_in(&mut ada, &world, &idp, "ada").await;
    let request = Message::request(&idp, "ada", world.now());
    ada.get(&request.address(None), From::CrossSite).await;
    assert!(!ada.has_session());
}

#[tokio::test]
async fn the_whole_name_is_compared() {
    let (world, idp) = world_with(&["HTTP-Redirect"]);
    let mut ada = Browser::of(&world);
    sign_in(&mut ada, &world, &idp, "ada").await;
    for (value, qualifiers) in [
        ("Ada", vec![]),
        ("ada", vec![("NameQualifier", "https://other.test".to_owned())]),
        ("ada", vec![("SPNameQualifier", "urn:another-service".to_owned())]),
    ] {
        let mut request = Message::request(&idp, value, world.now());
        if let Content::Request { qualifiers: place, .. } = &mut request.content {
            *place = qualifiers;
        }
        ask(&world, &request, None).await;
        assert!(is_signed_in(&mut ada).await, "{value}");
    }
}

/// Signs out and is sent on to the identity provider; the request as it gets there.
async fn leave(browser: &mut Browser<'_>, rd: Option<&str>) -> Received {
    let fields: Vec<(&str, &str)> = rd.iter().map(|rd| ("rd", *rd)).collect();
    let sent = browser.post("/vestibule/sign-out", From::SameSite, &fields).await;
    Received::from(&sent)
}

#[tokio::test]
async fn signing_out_ends_the_session_here_and_then_asks_the_identity_provider() {
    let (world, idp) = world_with(&["HTTP-POST", "HTTP-Redirect"]);
    let mut browser = Browser::of(&world);
    let index = sign_in(&mut browser, &world, &idp, "ada").await;
    let request = leave(&mut browser, Some("/bye?x=1")).await;

    // Whatever comes of the rest, this much has happened.
    assert!(!browser.has_session());
    assert_eq!(world.gate.store.size().sessions, 0);
    let event = world.audit.last("sign-out");
    assert_eq!((&event["way"], &event["at_idp"]), (&"user".into(), &"asked".into()));
    assert_eq!((request.to.as_str(), request.field), ("https://idp.test/slo", "SAMLRequest"));
    assert_eq!(request.text_of("saml:NameID"), Some("ada"));
    assert_eq!(request.text_of("samlp:SessionIndex"), Some(index.as_str()));
    assert_eq!(request.attribute("Format"), Some("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"));
    assert!(request.signed);
    assert_eq!(browser.jar["__Host-vestibule-leaving"].1, "None");

    let id = request.attribute("ID").unwrap();
    let response = Message::response(&idp, id, world.now());
    let back = browser.get(&response.address(None), From::CrossSite).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.body);
    assert_eq!(back.location(), "https://app.example.com/bye?x=1");
    assert!(browser.jar.is_empty(), "{:?}", browser.jar);
    assert_eq!(world.audit.last("logout-response")["outcome"], "ended");
}

#[tokio::test]
async fn the_page_says_what_ended_and_what_did_not() {
    for (codes, outcome, said) in [
        (&[SUCCESS][..], "ended", "has ended your sign-in there too"),
        (&[SUCCESS, PARTIAL], "partly", "could not reach every other application"),
        (&[RESPONDER, PARTIAL], "partly", "could not reach every other application"),
        (&[RESPONDER], "failed", "did not end your sign-in there"),
    ] {
        let (world, idp) = world_with(&["HTTP-Redirect"]);
        let mut browser = Browser::of(&world);
        sign_in(&mut browser, &world, &idp, "ada").await;
        let request = leave(&mut browser, None).await;
        let response = Message::response(&idp, request.attribute("ID").unwrap(), world.now()).saying(codes);
        let value = response.form_value();
        // By a form this time: the leaving cookie comes along, the session's would not.
        let page = browser.post(SLO, From::CrossSite, &[("SAMLResponse", &value)]).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("You are signed out") && page.body.contains(said), "{}", page.body);
        assert_eq!(world.audit.last("logout-response")["outcome"], outcome);
    }
}

#[tokio::test]
async fn what_is_not_all_well_is_told_before_going_on() {
    let (world, idp) = world_with(&["HTTP-Redirect"]);
    let mut browser = Browser::of(&world);
    sign_in(&mut browser, &world, &idp, "ada").await;
    let request = leave(&mut browser, Some("/bye")).await;
    let id = request.attribute("ID").unwrap();
    let response = Message::response(&idp, id, world.now()).saying(&[RESPONDER]);
    let page = browser.get(&response.address(None), From::CrossSite).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.links().contains(&"https://app.example.com/bye".to_owned()), "{:?}", page.links());
}

#[tokio::test]
async fn a_post_only_provider_is_asked_by_post() {
    let (world, idp) = world_with(&["HTTP-POST"]);
    let mut browser = Browser::of(&world);
    sign_in(&mut browser, &world, &idp, "ada").await;
    let request = leave(&mut browser, None).await;
    assert!(!browser.has_session());
    assert_eq!(
        (request.to.as_str(), request.field, request.signed),
        ("https://idp.test/slo", "SAMLRequest", true)
    );
}

#[tokio::test]
async fn on_loopback_http_the_answer_is_posted_once_more_from_our_own_site() {
    let idp = idp_with(&["HTTP-Redirect"]);
    let site = with_key(site(0, "app", "http://localhost:4180", &[("corp", &idp)]));
    let slo = site.service_provider.slo_url.clone();
    let world = Plan::new(vec![site]).build();
    let mut browser = Browser::of(&world);
    assert_eq!(browser.sign_in(&idp, "/x", "ada").await.status, StatusCode::SEE_OTHER);
    let request = leave(&mut browser, None).await;
    let mut response = Message::response(&idp, request.attribute("ID").unwrap(), world.now());
    response.destination = Some(slo.clone());
    let page = browser.post(&slo, From::CrossSite, &[("SAMLResponse", &response.form_value())]).await;
    assert_eq!(page.action(), slo);
    let ended = browser.post_again(&page).await;
    assert!(ended.body.contains("has ended your sign-in there too"), "{}", ended.body);
    assert!(browser.jar.is_empty(), "{:?}", browser.jar);
}

#[tokio::test]
async fn a_script_that_signs_out_is_not_sent_to_another_origin() {
    let (world, idp) = world_with(&["HTTP-Redirect"]);
    let mut browser = Browser::of(&world);
    sign_in(&mut browser, &world, &idp, "ada").await;
    let session = browser.cookie("__Host-vestibule").unwrap();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/vestibule/sign-out")
        .header("cookie", format!("__Host-vestibule={session}"))
        .header("sec-fetch-site", "same-origin")
        .header("sec-fetch-mode", "cors")
        .header("sec-fetch-dest", "empty");
    let answer = world.handle(&browser.site, request.body(Bytes::new()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(world.audit.last("sign-out")["at_idp"], "not-asked");
    assert!(!is_signed_in(&mut browser).await);
}

#[tokio::test]
async fn without_single_logout_the_sign_out_page_of_the_provider_is_the_way() {
    for (single_logout, key) in [(false, true), (true, false)] {
        let idp = idp_with(&["HTTP-Redirect"]);
        let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
        if key {
            site = with_key(site);
        }
        let known = Arc::get_mut(&mut site.identity_providers[0]).unwrap();
        known.logout.single_logout = single_logout;
        known.logout.sign_out_url = Some("https://idp.test/bye".into());
        let world = Plan::new(vec![site]).build();
        let mut browser = Browser::of(&world);
        sign_in(&mut browser, &world, &idp, "ada").await;
        let answered = browser.post("/vestibule/sign-out", From::SameSite, &[]).await;
        assert_eq!(answered.location(), "https://idp.test/bye");
        assert!(browser.jar.is_empty());
        assert_eq!(world.audit.last("sign-out")["at_idp"], "sign-out-url");
    }
}

#[tokio::test]
async fn addresses_of_the_configuration_count_instead_of_those_in_the_metadata() {
    let (world, idp) = world_where(|known| {
        known.logout.endpoints = Some(vec![vestibule::saml::parties::SloEndpoint {
            binding: vestibule::saml::parties::Binding::Redirect,
            location: "https://idp.test/configured".into(),
            response_location: None,
        }]);
    });
    let mut browser = Browser::of(&world);
    sign_in(&mut browser, &world, &idp, "ada").await;
    assert_eq!(leave(&mut browser, None).await.to, "https://idp.test/configured");
    let request = Message::request(&idp, "ada", world.now());
    assert_eq!(Received::from(&ask(&world, &request, None).await).to, "https://idp.test/configured");
}

#[tokio::test]
async fn metadata_publishes_the_service_only_with_a_key() {
    let (world, _idp) = world_with(&["HTTP-Redirect"]);
    let published = Browser::of(&world).get("/vestibule/saml/metadata", From::SameSite).await.body;
    for binding in ["HTTP-Redirect", "HTTP-POST"] {
        let service = format!(
            "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{SLO}\"/>"
        );
        assert!(published.contains(&service), "{published}");
    }
    assert!(
        published.find("SingleLogoutService") < published.find("AssertionConsumerService"),
        "the schema's order"
    );
    let (world, _idp) = crate::world::world();
    let published = Browser::of(&world).get("/vestibule/saml/metadata", From::SameSite).await.body;
    assert!(!published.contains("SingleLogoutService"), "{published}");
}

#[tokio::test]
async fn what_is_not_signed_counts_only_where_the_owner_says_so() {
    use RequireSignedLogout::{All, Nothing, Requests};
    for (require_signed, request_counts, answer_counts) in
        [(All, false, false), (Requests, false, true), (Nothing, true, true)]
    {
        let (world, idp) = world_where(|known| known.logout.require_signed = require_signed);
        let mut ada = Browser::of(&world);
        sign_in(&mut ada, &world, &idp, "ada").await;
        let request = Message::request(&idp, "ada", world.now());
        let address = format!("{SLO}?{}", request.unsigned_query(None));
        Browser::of(&world).get(&address, From::CrossSite).await;
        assert_eq!(is_signed_in(&mut ada).await, !request_counts, "{require_signed:?}");
        // The sign-in's two: what anybody can make takes no memory.
        assert_eq!(world.gate.store.size().claims, 2);

        let mut ada = Browser::of(&world);
        sign_in(&mut ada, &world, &idp, "ada").await;
        let asked = leave(&mut ada, None).await;
        let response = Message::response(&idp, asked.attribute("ID").unwrap(), world.now());
        // A signature that is there must be good, whatever is required.
        let evil = FakeIdp::new(&idp.entity_id);
        let forged = Message::response(&evil, asked.attribute("ID").unwrap(), world.now());
        let refused = ada.get(&forged.address(None), From::CrossSite).await;
        world.audit.refused(&refused, "signature-invalid");
        let page = ada.get(&format!("{SLO}?{}", response.unsigned_query(None)), From::CrossSite).await;
        let told = page.body.contains("has ended your sign-in there too");
        assert_eq!(told, answer_counts, "{require_signed:?}: {}", page.body);
    }
}

#[tokio::test]
async fn a_restart_does_not_make_an_old_request_good_again() {
    let (world, idp) = world_with(&["HTTP-Redirect"]);
    let mut ada = Browser::of(&world);
    sign_in(&mut ada, &world, &idp, "ada").await;
    // Issued within the five minutes, by a clock within the skew, and before this gate began to remember.
    let request = Message::request(&idp, "ada", world.now().minus(Duration::from_secs(30)));
    let refused = ask(&world, &request, None).await;
    world.audit.refused(&refused, "logout-expired");
    assert!(is_signed_in(&mut ada).await);
}
