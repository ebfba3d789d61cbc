//! The smaller endpoints, and what all of them have in common.

use crate::browser::{Answered, Browser, From};
use crate::idp::FakeIdp;
use crate::world::{Plan, World, site, world};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use std::sync::Arc;
use vestibule::access::{Cors, RequestPath};
use vestibule::gate::Resumed;
use vestibule::login::{ask, endpoints, refused};
use vestibule::observe::audit::Reference;
use vestibule::reason::Reason;
use vestibule::session::Session;

#[tokio::test]
async fn whoami_tells_the_page_who_is_signed_in() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let nobody = browser.get("/vestibule/whoami", From::SameSite).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let body: serde_json::Value = serde_json::from_str(&nobody.body).unwrap();
    assert_eq!(body["error"], "session-missing");
    assert_eq!(body["sign_in_url"], "https://app.example.com/vestibule/sign-in?rd=/");

    let asked = browser.leave_for_the_idp("/").await;
    let answer = idp
        .answer(&asked, "ada@example.com", world.now())
        .with("displayName", &["Ada Lovelace"])
        .with("groups", &["ops", "a, b"]);
    browser.bring(&asked, &answer).await;
    let whoami = browser.get("/vestibule/whoami", From::SameSite).await;

    assert_eq!(whoami.status, StatusCode::OK);
    let body: serde_json::Value = serde_json::from_str(&whoami.body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "user": "ada@example.com", "email": "ada@example.com", "name": "Ada Lovelace", "groups": ["ops", "a, b"],
            "roles": [], "idp": "corp", "expiry": "2027-01-15T09:00:00.000Z",
        })
    );
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(whoami.header(name), Some(value), "{name}");
    }
    assert!(whoami.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn whoami_names_the_tenant_and_a_listed_origin_may_read_its_401() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let mut acme = site(0, "app/acme", "https://acme.app.example.com", &[("corp", &idp)]);
    acme.organization = Some("acme".into());
    acme.cors = Cors::new(vec![HeaderValue::from_static("https://spa.example.com")], false);
    let world = Plan::new(vec![acme]).build();
    let mut browser = Browser::of(&world);
    let from = |origin: &'static str, cookie: Option<String>| {
        let mut request = Request::get("/vestibule/whoami").header("origin", origin);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        world.handle(&world.gate.sites[0], request.body(Bytes::new()).unwrap())
    };
    for (origin, may) in [("https://spa.example.com", true), ("https://evil.test", false)] {
        let told = from(origin, None).await;
        assert_eq!(told.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(told.headers().contains_key("access-control-allow-origin"), may, "{origin}");
        assert_eq!(told.headers()["vary"], "Origin");
    }
    browser.sign_in(&idp, "/", "ada").await;
    let name = browser.site.cookies.session_name.clone();
    let cookie = format!("{name}={}", browser.cookie(&name).unwrap());
    let told = from("https://spa.example.com", Some(cookie)).await;
    assert_eq!(told.status(), StatusCode::OK);
    assert!(!told.headers().contains_key("access-control-allow-origin"), "who it is, is not theirs to read");
    let body: serde_json::Value = serde_json::from_slice(told.body()).unwrap();
    assert_eq!(body["organization"], "acme");
}

#[tokio::test]
async fn groups_that_nobody_knows_are_null() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/", "ada").await;
    let whoami = browser.get("/vestibule/whoami", From::SameSite).await;
    let body: serde_json::Value = serde_json::from_str(&whoami.body).unwrap();
    assert_eq!(body["groups"], serde_json::Value::Null);
    assert_eq!(body["email"], serde_json::Value::Null);
}

#[tokio::test]
async fn metadata_and_keys_are_there_for_everybody() {
    let (world, _idp) = world();
    let mut browser = Browser::of(&world);
    let metadata = browser.get("/vestibule/saml/metadata", From::SameSite).await;
    assert_eq!(metadata.header("content-type"), Some("application/samlmetadata+xml"));
    assert!(
        metadata.body.contains("Location=\"https://app.example.com/vestibule/saml/acs\""),
        "{}",
        metadata.body
    );
    for path in ["/vestibule/jwks.json", "/.well-known/vestibule/jwks.json"] {
        let keys = browser.get(path, From::SameSite).await;
        assert_eq!(keys.body, world.gate.jwt_keys.jwks(), "{path}");
        assert_eq!(keys.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(keys.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn the_refused_page_says_who_is_signed_in_and_how_to_leave() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/", "ada").await;
    let page = browser.get("/vestibule/refused", From::SameSite).await;
    world.audit.refused(&page, "access-denied");
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("ada"), "{}", page.body);
    assert!(page.links().iter().any(|link| link.ends_with("/vestibule/sign-out")), "{:?}", page.links());
}

#[tokio::test]
async fn the_refused_page_carries_the_reference_of_the_gateways_403() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/", "ada").await;
    let events = world.audit.events().len();
    let reference = Reference::random();
    let note = refused::note(&world.gate, world.site(), Reason::AccessDenied, &reference, world.now());
    let show = async |note: &str| {
        let request =
            Request::get("/vestibule/refused").header(refused::NOTE_HEADER, note).body(Bytes::new()).unwrap();
        Answered::of(world.handle(&browser.site, request).await)
    };
    let page = show(&note).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains(reference.as_str()));
    assert_eq!(world.audit.events().len(), events, "it has been audited already");

    let made_up = show(&format!("{note}A")).await;
    assert!(!made_up.body.contains(reference.as_str()));
    world.audit.refused(&made_up, "access-denied");
    world.advance(std::time::Duration::from_secs(301));
    assert!(!show(&note).await.body.contains(reference.as_str()), "a note is for now");
}

#[tokio::test]
async fn what_is_under_the_prefix_is_ours_and_nothing_else() {
    let (world, _idp) = world();
    for (path, own) in [
        ("/vestibule", true),
        ("/vestibule/", true),
        ("/vestibule/whoami", true),
        ("/vestibule/authz/auth-request", true),
        ("/%76estibule/whoami", true),
        ("/a/../vestibule/whoami", true),
        ("/.well-known/vestibule/jwks.json", true),
        ("/vestibules", false),
        ("/Vestibule/whoami", false),
        ("/x/vestibule/whoami", false),
        ("/.well-known/vestibule", false),
        ("/", false),
    ] {
        let parsed = RequestPath::parse(path, false).unwrap();
        assert_eq!(endpoints::is_own(world.site(), &parsed), own, "{path}");
    }
}

#[tokio::test]
async fn unknown_addresses_and_wrong_methods_say_so() {
    let (world, _idp) = world();
    let mut browser = Browser::of(&world);
    for path in [
        "/vestibule",
        "/vestibule/",
        "/vestibule/sign-in/",
        "/vestibule/nothing",
        "/vestibule/saml/slo/",
        "/vestibule/saml/acs/",
        "/vestibule/saml/acs/corp/x",
        "/vestibule/authz/auth-request",
        "/vestibule/authz/forward-auth",
    ] {
        assert_eq!(browser.get(path, From::SameSite).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (method, path, allow) in [
        (Method::GET, "/vestibule/saml/acs", "POST"),
        (Method::GET, "/vestibule/saml/acs/corp", "POST"),
        (Method::HEAD, "/vestibule/saml/acs", "POST"),
        (Method::HEAD, "/vestibule/saml/slo", "GET, POST"),
        (Method::PUT, "/vestibule/sign-in", "GET, HEAD, POST"),
        (Method::POST, "/vestibule/logo", "GET, HEAD"),
        (Method::POST, "/vestibule/whoami", "GET, HEAD"),
        (Method::PUT, "/vestibule/sign-out", "GET, HEAD, POST"),
        (Method::DELETE, "/vestibule/jwks.json", "GET, HEAD"),
        (Method::OPTIONS, "/vestibule/whoami", "GET, HEAD"),
    ] {
        let answer = browser.send(method.clone(), path, From::SameSite, None).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[tokio::test]
async fn head_works_where_get_does() {
    let (world, _idp) = world();
    let mut browser = Browser::of(&world);
    for path in
        ["/vestibule/whoami", "/vestibule/saml/metadata", "/vestibule/jwks.json", "/vestibule/sign-out"]
    {
        let get = browser.get(path, From::SameSite).await;
        let head = browser.send(Method::HEAD, path, From::SameSite, None).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.headers.get("content-type"), get.headers.get("content-type"), "{path}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn only_a_navigation_is_sent_to_sign_in() {
    let (world, _idp) = world();
    let site = Arc::clone(&world.gate.sites[0]);
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    for (method, headers, navigation) in [
        (Method::GET, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")][..], true),
        (Method::GET, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], true),
        (Method::GET, &[("sec-fetch-mode", "navigate")], true),
        (Method::POST, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")], true),
        (Method::GET, &[html], true),
        (Method::HEAD, &[html], true),
        (Method::POST, &[html], true),
        (Method::GET, &[("accept", "TEXT/HTML")], true),
        (Method::GET, &[("sec-fetch-mode", "cors"), html], false),
        (Method::GET, &[("sec-fetch-mode", "no-cors"), html], false),
        (Method::GET, &[("sec-fetch-mode", "same-origin"), html], false),
        (Method::GET, &[("sec-fetch-mode", "websocket"), html], false),
        (Method::GET, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "empty")], false),
        (Method::GET, &[("sec-fetch-mode", "navigate"), ("sec-purpose", "prefetch;prerender")], false),
        (Method::GET, &[("x-requested-with", "XMLHttpRequest"), html], false),
        (Method::GET, &[("x-requested-with", "com.example.app"), ("sec-fetch-mode", "navigate")], true),
        (Method::GET, &[("upgrade", "websocket"), html], false),
        (Method::GET, &[("sec-websocket-key", "x"), html], false),
        (Method::GET, &[("accept", "*/*")], false),
        (Method::GET, &[("accept", "application/json")], false),
        (Method::GET, &[], false),
        (Method::PUT, &[html], false),
        (Method::DELETE, &[html], false),
        (Method::OPTIONS, &[html], false),
    ] {
        let mut request = Request::builder().method(method.clone()).uri("/x?y=1&z=a%20b");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answered::of(world.handle(&site, request.body(Bytes::new()).unwrap()).await);
        let sign_in = "https://app.example.com/vestibule/sign-in?rd=/x%3Fy%3D1%26z%3Da%2520b";
        if navigation {
            let status = if method == Method::POST { StatusCode::SEE_OTHER } else { StatusCode::FOUND };
            assert_eq!(answer.status, status, "{method} {headers:?}");
            assert_eq!(answer.location(), sign_in);
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {headers:?}");
            assert!(!answer.headers.contains_key("location"));
            let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(body, serde_json::json!({ "error": "session-missing", "sign_in_url": sign_in }));
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(!answer.headers.contains_key("set-cookie"), "attempts are made by sign-in only");
    }
}

#[tokio::test]
async fn the_sign_in_begins_nothing_for_a_script_or_a_picture() {
    let (world, _idp) = world();
    let site = Arc::clone(&world.gate.sites[0]);
    for (headers, begins) in [
        (&[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")][..], false),
        (
            &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), ("sec-fetch-site", "cross-site")],
            false,
        ),
        (&[("sec-fetch-mode", "navigate"), ("sec-purpose", "prefetch")], false),
        (
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), ("sec-fetch-site", "cross-site")],
            false,
        ),
        (
            &[
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
                ("sec-fetch-site", "same-origin"),
            ],
            true,
        ),
        (
            &[
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
                ("sec-fetch-site", "cross-site"),
            ],
            true,
        ),
        (&[], true),
    ] {
        let mut request = Request::get("/vestibule/sign-in?rd=/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answered::of(world.handle(&site, request.body(Bytes::new()).unwrap()).await);
        assert_eq!(answer.status == StatusCode::FOUND, begins, "{headers:?}");
        assert_eq!(answer.headers.contains_key("set-cookie"), begins, "{headers:?}");
        if !begins {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert!(
                answer.body.contains("https://app.example.com/vestibule/sign-in?rd=/x"),
                "{}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn a_target_that_cannot_be_a_return_address_leads_to_the_start_page() {
    let (world, _idp) = world();
    for (target, address) in [
        ("/x?y=1", "/x?y=1"),
        ("//evil.test/x", "/evil.test/x"),
        ("///evil.test/x", "/evil.test/x"),
        ("/\\evil.test", "/"),
        ("*", "/"),
        ("https://evil.test/", "/"),
    ] {
        assert_eq!(ask::return_address(world.site(), target).as_str(), address, "{target}");
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let (world, _idp) = world();
    let limit = |path: &str| {
        endpoints::body_limit(&world.gate, world.site(), &RequestPath::parse(path, false).unwrap())
    };
    // The largest message of 256 KiB fits, as base64 in a form.
    assert!(limit("/vestibule/saml/acs") > 256 * 1024 * 4 / 3);
    assert!(limit("/vestibule/saml/acs/corp") < 1024 * 1024);
    assert_eq!(limit("/vestibule/sign-out"), 8 * 1024);
}

#[tokio::test]
async fn the_site_is_found_by_its_host() {
    let (world, _idp) = world();
    for (host, found) in [
        ("app.example.com", true),
        ("APP.example.COM", true),
        ("app.example.com:443", true),
        ("App.Example.Com:443", true),
        ("app.example.com:80", false),
        ("app.example.com:8443", false),
        ("app.example.com:443:443", false),
        ("app.example.com.", false),
        ("xapp.example.com", false),
        ("example.com", false),
        ("", false),
    ] {
        assert_eq!(world.gate.site_for_authority(host).is_some(), found, "{host:?}");
    }
}

/// As the gate finds it by the browser's cookie.
async fn session_of(world: &World, browser: &Browser<'_>) -> Arc<Session> {
    let mut headers = http::HeaderMap::new();
    let cookie = format!("__Host-vestibule={}", browser.cookie("__Host-vestibule").unwrap());
    headers.insert("cookie", cookie.parse().unwrap());
    world.gate.resume(world.site(), &headers, world.now()).await.unwrap().unwrap()
}

#[tokio::test]
async fn identity_headers_are_made_once_and_renewed_at_half_life() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/", "ada").await;
    let session = session_of(&world, &browser).await;
    let first = world.gate.identity_headers(world.site(), &session, world.now());
    assert!(first.headers.iter().any(|(name, value)| name == "x-forwarded-user" && value == "ada"));
    world.advance(std::time::Duration::from_secs(149));
    assert!(Arc::ptr_eq(&first, &world.gate.identity_headers(world.site(), &session, world.now())));
    world.advance(std::time::Duration::from_secs(1));
    let second = world.gate.identity_headers(world.site(), &session, world.now());
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, &world.gate.identity_headers(world.site(), &session, world.now())));
}

#[tokio::test]
async fn requests_that_renew_at_the_same_moment_sign_once() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/", "ada").await;
    let session = session_of(&world, &browser).await;
    let (gate, now) = (&world.gate, world.now());
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| gate.identity_headers(&gate.sites[0], &session, now))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(made.iter().all(|rendered| Arc::ptr_eq(rendered, &made[0])));
}

#[tokio::test]
async fn the_check_of_a_known_session_allocates_nothing() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/", "ada").await;
    let mut headers = http::HeaderMap::new();
    headers.insert(
        "cookie",
        format!("a=b; __Host-vestibule={}", browser.cookie("__Host-vestibule").unwrap()).parse().unwrap(),
    );
    let (gate, now) = (&world.gate, world.now());
    let mut checks = 0;
    let mut check = || {
        let site = gate.site_for_authority("app.example.com").unwrap();
        let Resumed::Live(session) = gate.resume_now(site, &headers, now) else { panic!("no session") };
        checks += gate.identity_headers(site, &session, now).headers.len();
    };
    // The first one makes the headers; the store keeps its books now and then.
    check();
    let least = (0..50).map(|_| allocation_counter::measure(&mut check).count_total).min();
    assert_eq!(least, Some(0));
    assert!(checks > 50);
}
