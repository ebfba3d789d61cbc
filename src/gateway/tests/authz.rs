//! What gateways are told.

use super::client::{self, Answer, connect, request};
use super::house::{HOST, House, Plan, ada, change_rules, root, site};
use crate::access::{Access, PathPattern, Rule, Term};
use crate::headers::HeaderPlan;
use crate::identity::Identity;
use crate::login::refused::NOTE_HEADER;
use crate::site::Face;
use std::io::Write;

const NAVIGATION: [&str; 2] = ["Sec-Fetch-Mode: navigate", "Accept: text/html"];
const NGINX: &str = "/vestibule/authz/auth-request";
const TRAEFIK: &str = "/vestibule/authz/forward-auth";

fn house() -> House {
    Plan::forward_auth().start()
}

/// nginx's question about a request to the first site.
fn nginx(house: &House, method: &str, target: &str, also: &[&str]) -> Answer {
    let url = format!("X-Original-URL: http://{HOST}{target}");
    let method = format!("X-Original-Method: {method}");
    let first = format!("GET {NGINX}");
    ask(house, &[&[first.as_str(), &url, &method], also].concat())
}

/// Traefik's question about a request to the first site.
fn traefik(house: &House, method: &str, target: &str, also: &[&str]) -> Answer {
    let uri = format!("X-Forwarded-Uri: {target}");
    let method = format!("X-Forwarded-Method: {method}");
    let host = format!("X-Forwarded-Host: {HOST}");
    let first = format!("GET {TRAEFIK}");
    ask(house, &[&[first.as_str(), &uri, &method, &host, "X-Forwarded-Proto: http"], also].concat())
}

fn ask(house: &House, lines: &[&str]) -> Answer {
    client::ask(house.authz(), &request("127.0.0.1:4181", lines, b""))
}

#[test]
fn allow_is_exactly_200_without_a_body_and_with_every_header_once() {
    let house = house();
    let cookie = house.signed_in(&ada());
    for answer in [nginx(&house, "GET", "/a", &[&cookie]), traefik(&house, "GET", "/a", &[&cookie])] {
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(answer.header("content-length"), Some("0"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        for name in HeaderPlan::default_set().names() {
            assert_eq!(answer.all(name.as_str()).len(), 1, "{name}");
        }
        assert_eq!(answer.header("x-forwarded-user"), Some("ada"));
        assert_eq!(answer.header("x-forwarded-groups"), Some("dev,ops%2C all"));
        assert_eq!(answer.header("x-vestibule-roles"), Some(""));
    }
    let anonymous = nginx(&house, "GET", "/public/a", &["X-Forwarded-User: root"]);
    assert_eq!(anonymous.status, 200);
    for name in HeaderPlan::default_set().names() {
        assert_eq!(anonymous.all(name.as_str()), [""], "{name}");
    }
}

#[test]
fn nginx_is_told_where_to_sign_in_by_401_for_navigations_only() {
    let house = house();
    let sign_in = "https://app.example.com/vestibule/sign-in?rd=/a%3Fb%3Dc";
    for method in ["GET", "POST"] {
        let answer = nginx(&house, method, "/a?b=c", &NAVIGATION);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("location"), Some(sign_in));
        assert_eq!(answer.header("x-vestibule-sign-in"), Some(sign_in));
        assert_eq!(answer.json()["sign_in_url"], sign_in);
    }
    let script = nginx(&house, "GET", "/a?b=c", &["Sec-Fetch-Mode: cors", "Accept: text/html"]);
    assert_eq!((script.status, script.header("location")), (401, None));
    assert_eq!(script.header("x-vestibule-sign-in"), None);
    assert_eq!(script.json()["error"], "session-missing");
    assert_eq!(script.header("cache-control"), Some("no-store"));
}

#[test]
fn traefik_redirects_navigations_and_tells_others_401() {
    let house = house();
    for (method, status) in [("GET", 302), ("HEAD", 302), ("POST", 303)] {
        let answer = traefik(&house, method, "/a", &NAVIGATION);
        assert_eq!(answer.status, status, "{method}");
        assert_eq!(answer.header("location"), Some("https://app.example.com/vestibule/sign-in?rd=/a"));
    }
    let script = traefik(&house, "GET", "/a", &["X-Requested-With: XMLHttpRequest"]);
    assert_eq!((script.status, script.header("location")), (401, None));
}

#[test]
fn a_handshake_is_never_redirected_however_little_of_it_the_gateway_passes_on() {
    let house = house();
    for sign in [
        &["Upgrade: websocket", "Connection: Upgrade"][..],
        &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
        &["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"],
    ] {
        let lines = [sign, &NAVIGATION].concat();
        for answer in [nginx(&house, "GET", "/a", &lines), traefik(&house, "GET", "/a", &lines)] {
            assert_eq!((answer.status, answer.header("location")), (401, None), "{sign:?}");
        }
    }
    let cookie = house.signed_in(&ada());
    let allowed = traefik(&house, "GET", "/a", &["Connection: Upgrade", "Upgrade: websocket", &cookie]);
    assert_eq!(allowed.status, 200);
}

#[test]
fn an_upgrade_that_names_nothing_is_no_handshake() {
    let house = house();
    let lines = ["Upgrade: ", NAVIGATION[0], NAVIGATION[1]];
    assert_eq!(traefik(&house, "GET", "/a", &lines).status, 302);
    assert!(nginx(&house, "GET", "/a", &lines).header("location").is_some());
}

#[test]
fn what_the_proxy_never_forwards_no_gateway_forwards_either() {
    let house = house();
    for method in ["TRACE", "CONNECT"] {
        assert_eq!(nginx(&house, method, "/public/a", &[]).status, 403, "{method}");
        assert_eq!(traefik(&house, method, "/public/a", &[]).status, 403, "{method}");
    }
    let long = format!("X-Long: {}", "x".repeat(70 * 1024));
    assert_eq!(nginx(&house, "GET", "/public/a", &[&long]).status, 403);
    assert_eq!(house.metric(&["requests_total", "site=\"\"", "auth_request", "\"malformed\""]), Some(3.0));
}

#[test]
fn not_allowed_is_403_with_a_reference_and_never_a_loop() {
    let house = house();
    let cookie = house.signed_in(&ada());
    for lines in [&[cookie.as_str()][..], &[&cookie, NAVIGATION[0], NAVIGATION[1]]] {
        for answer in [nginx(&house, "GET", "/admin/a", lines), traefik(&house, "GET", "/admin/a", lines)] {
            assert_eq!((answer.status, answer.header("location")), (403, None));
            assert!(answer.header(NOTE_HEADER).is_some());
            assert_eq!(answer.header("x-forwarded-user"), None);
        }
    }
    assert_eq!(nginx(&house, "GET", "/admin/a", &[&house.signed_in(&root())]).status, 200);
    assert!(nginx(&house, "GET", "/admin/a", &[&cookie]).json()["reference"].is_string());
}

#[test]
fn the_page_behind_a_403_shows_the_reference_of_the_refusal() {
    let house = house();
    let cookie = house.signed_in(&ada());
    let refused = traefik(&house, "GET", "/admin/a", &[&cookie, NAVIGATION[0], NAVIGATION[1]]);
    let note = format!("{NOTE_HEADER}: {}", refused.header(NOTE_HEADER).unwrap());
    let page = house.ask(&["GET /vestibule/refused", &cookie, &note, "Accept: text/html"]);
    let reference = |page: &str| {
        let at = page.find("<code").or_else(|| page.find("Reference")).unwrap_or_default();
        page[at..].chars().filter(|c| c.is_ascii_hexdigit() || *c == '-').take(200).collect::<String>()
    };
    assert_eq!(page.status, 403);
    assert_eq!(reference(&page.text()), reference(&refused.text()));
}

#[test]
fn only_trusted_gateways_may_ask() {
    let house = Plan::forward_auth().with(|config| config.trusted_proxies.clear()).start();
    let cookie = house.signed_in(&ada());
    for answer in [nginx(&house, "GET", "/a", &[&cookie]), traefik(&house, "GET", "/public/a", &[])] {
        assert_eq!((answer.status, answer.header("x-forwarded-user")), (403, None));
    }
}

#[test]
fn a_question_that_is_missing_doubled_or_respelled_is_403() {
    let house = house();
    let cookie = house.signed_in(&root());
    let cookie = cookie.as_str();
    let url = "X-Original-URL: https://app.example.com/public/a";
    for lines in [
        &[url][..],
        &["X-Original-Method: GET"],
        &[],
        &[url, "X-Original-Method: GET", "X-Original-URL: https://app.example.com/public/b"],
        &[url, "X-Original-Method: GET", "X_Original_URL: https://app.example.com/public/b"],
        &[url, "X-Original-Method: GET", "X.Original.Method: POST"],
        &["X-Original-URL: /public/a", "X-Original-Method: GET"],
        &["X-Original-URL: https://other.example.com/public/a", "X-Original-Method: GET"],
        &["X-Forwarded-Uri: /public/a", "X-Forwarded-Method: GET", "X-Forwarded-Host: app.example.com"],
    ] {
        let first = format!("GET {NGINX}");
        let lines = [&[first.as_str(), cookie][..], lines].concat();
        assert_eq!(ask(&house, &lines).status, 403, "{lines:?}");
    }
    for also in ["X-Forwarded-Uri: /public/b", "X_Forwarded_Uri: /public/b", "X.Forwarded.Host: x"] {
        assert_eq!(traefik(&house, "GET", "/public/a", &[also]).status, 403, "{also}");
    }
}

#[test]
fn a_path_that_cannot_be_read_in_one_way_is_403_and_other_spellings_are_judged() {
    let house = house();
    let cookie = house.signed_in(&ada());
    for target in ["/a%2Fb", "/a\\b", "/a%00", "/a/..;/b", "/%252e", "/a%ff"] {
        assert_eq!(nginx(&house, "GET", target, &[&cookie]).status, 403, "{target}");
    }
    for target in ["/%61dmin/x", "//admin/x", "/public/../admin/x", "/x/%2e%2e/admin/x"] {
        assert_eq!(nginx(&house, "GET", target, &[&cookie]).status, 403, "{target}");
        assert_ne!(traefik(&house, "GET", target, &[]).status, 200, "{target}");
    }
}

#[test]
fn the_gates_own_endpoints_are_not_the_applications() {
    let house = house();
    for target in
        ["/vestibule/sign-in", "/vestibule/saml/acs", "//vestibule/x", "/.well-known/vestibule/jwks.json"]
    {
        let answer = traefik(&house, "GET", target, &NAVIGATION);
        assert_eq!((answer.status, answer.header("location")), (403, None), "{target}");
    }
}

#[test]
fn the_questions_own_method_query_and_conditions_do_not_matter() {
    let house = house();
    let cookie = house.signed_in(&ada());
    let url = "X-Original-URL: https://app.example.com/a";
    for first in [
        format!("GET {NGINX}?q=1&rd=https://evil.example/"),
        format!("HEAD {NGINX}"),
        format!("POST {NGINX}"),
        format!("DELETE {NGINX}"),
    ] {
        let answer = ask(&house, &[&first, &cookie, url, "X-Original-Method: GET", "Content-Length: 0"]);
        assert_eq!(answer.status, 200, "{first}");
    }
    for condition in
        ["If-None-Match: *", "If-Modified-Since: Wed, 21 Oct 2065 07:28:00 GMT", "Range: bytes=0-0"]
    {
        assert_eq!(nginx(&house, "GET", "/a", &[&cookie, condition]).status, 200, "{condition}");
    }
}

#[test]
fn a_method_that_the_client_claims_does_not_reach_the_rules() {
    let only_get = |config: &mut crate::config::Config| {
        change_rules(&mut config.sites[0], |rules| rules[0].methods = vec![http::Method::GET]);
    };
    let house = Plan::forward_auth().with(only_get).start();
    assert_eq!(nginx(&house, "GET", "/public/a", &[]).status, 200);
    assert_eq!(nginx(&house, "POST", "/public/a", &["X-Forwarded-Method: GET"]).status, 401);
    assert_eq!(traefik(&house, "POST", "/public/a", &["X-Original-Method: GET"]).status, 401);
}

#[test]
fn the_client_is_whom_the_gateway_names() {
    let inside = |config: &mut crate::config::Config| {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.0/8".parse().unwrap()];
        change_rules(&mut config.sites[0], |rules| rules[0].networks = networks);
    };
    let house = Plan::forward_auth().with(inside).start();
    let status = |hops: &[&str]| nginx(&house, "GET", "/public/a", hops).status;
    assert_eq!(status(&["X-Forwarded-For: 10.1.2.3"]), 200);
    assert_eq!(status(&["X-Forwarded-For: 10.1.2.3, 192.0.2.7"]), 401);
    assert_eq!(status(&[]), 401, "the gateway's own address is nobody's");
    assert_eq!(status(&["X-Real-IP: 10.1.2.3"]), 401);
}

#[test]
fn several_sites_are_told_apart_by_the_host_that_was_asked_for_or_pinned() {
    let sites = |config: &mut crate::config::Config| {
        config.sites.push(site(1, "wiki.example.com", Face::ForwardAuth));
        change_rules(&mut config.sites[1], Vec::clear);
    };
    let house = Plan::forward_auth().with(sites).start();
    let about = |path: &str, host: &str| {
        let url = format!("X-Original-URL: https://{host}/public/a");
        ask(&house, &[&format!("GET {path}"), &url, "X-Original-Method: GET"]).status
    };
    assert_eq!(about(NGINX, "app.example.com"), 200);
    assert_eq!(about(NGINX, "wiki.example.com"), 401);
    assert_eq!(about(NGINX, "other.example.com"), 403);
    assert_eq!(about("/vestibule/authz/sites/wiki/auth-request", "wiki.example.com"), 401);
    assert_eq!(about("/vestibule/authz/sites/wiki/auth-request", "internal.test"), 401);
    assert_eq!(about("/vestibule/authz/sites/wiki/auth-request", "app.example.com"), 403);
    assert_eq!(about("/vestibule/authz/sites/app/auth-request", "127.0.0.1:8080"), 200);
    assert_eq!(about("/vestibule/authz/sites/other/auth-request", "app.example.com"), 404);
    // A session of one site is none on another.
    let cookie = house.signed_in(&ada());
    let url = "X-Original-URL: https://wiki.example.com/a";
    assert_eq!(ask(&house, &[&format!("GET {NGINX}"), url, "X-Original-Method: GET", &cookie]).status, 401);
}

#[test]
fn one_connection_carries_many_questions() {
    let house = house();
    let cookie = house.signed_in(&ada());
    let mut stream = connect(house.authz());
    for (cookie, status) in [("X-None: x", 401), (cookie.as_str(), 200), ("X-None: x", 401), (&cookie, 200)] {
        write!(
            stream,
            "GET {NGINX} HTTP/1.1\r\nHost: x\r\nX-Original-URL: https://{HOST}/a\r\nX-Original-Method: GET\r\n{cookie}\r\n\r\n"
        )
        .unwrap();
        assert_eq!(client::answer(&mut stream).status, status);
    }
    assert_eq!(house.metric(&["requests_total", "auth_request", "\"allowed\""]), Some(2.0));
    assert_eq!(house.metric(&["requests_total", "auth_request", "\"unauthenticated\""]), Some(2.0));
}

#[test]
fn there_is_nothing_else_on_the_authz_listener() {
    let house = house();
    let cookie = house.signed_in(&ada());
    for path in ["/", "/vestibule/sign-in", "/vestibule/whoami", "/metrics", "/vestibule/authz/", "/admin/x"]
    {
        assert_eq!(ask(&house, &[&format!("GET {path}"), &cookie]).status, 404, "{path}");
    }
    assert_eq!(house.metric(&["requests_total", "site=\"\"", "auth_request", "\"malformed\""]), Some(6.0));
}

#[test]
fn a_sign_in_that_a_rule_asks_for_is_told_in_each_dialect() {
    let fresh = Rule {
        paths: vec![PathPattern::parse("/fresh/*").unwrap()],
        methods: Vec::new(),
        networks: Vec::new(),
        access: Access::When(Term::Fresh(std::time::Duration::from_secs(300))),
    };
    let house = Plan::forward_auth()
        .with(|config| change_rules(&mut config.sites[0], |rules| rules.push(fresh)))
        .start();
    let sign_in = "https://app.example.com/vestibule/sign-in?rd=/fresh/a&step_up=3";
    let cookie = house.signed_in(&ada());
    for (session, code) in [(Some(cookie.as_str()), "step-up-needed"), (None, "session-missing")] {
        let also = |kind: &[&'static str]| [kind, &session.map(|own| vec![own]).unwrap_or_default()].concat();
        let answer = nginx(&house, "GET", "/fresh/a", &also(&NAVIGATION));
        assert_eq!((answer.status, answer.header("location")), (401, Some(sign_in)));
        assert_eq!(answer.header("x-vestibule-sign-in"), Some(sign_in));
        let answer = traefik(&house, "GET", "/fresh/a", &also(&NAVIGATION));
        assert_eq!((answer.status, answer.header("location")), (302, Some(sign_in)));
        for answer in [
            nginx(&house, "GET", "/fresh/a", &also(&["Sec-Fetch-Mode: cors"])),
            traefik(&house, "POST", "/fresh/a", &also(&["Sec-Fetch-Mode: cors"])),
        ] {
            assert_eq!((answer.status, answer.header("location")), (401, None));
            assert_eq!(
                (&answer.json()["error"], &answer.json()["sign_in_url"]),
                (&code.into(), &sign_in.into())
            );
        }
    }
    let forced = house.signed_in(&Identity { forced: true, ..ada() });
    assert_eq!(nginx(&house, "GET", "/fresh/a", &[&forced]).status, 200);
}
