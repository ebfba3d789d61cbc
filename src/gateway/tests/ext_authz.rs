//! What Envoy is told over HTTP: its question is the client's own request, under a prefix.

use super::client::{self, Answer, connect, request};
use super::house::{HOST, House, Plan, ada, change_rules, root, site};
use crate::headers::HeaderPlan;
use crate::site::Face;
use std::io::Write;

const NAVIGATION: [&str; 2] = ["Sec-Fetch-Mode: navigate", "Accept: text/html"];
const ENVOY: &str = "/vestibule/authz/ext-authz";
const SECRET: &str = "0123456789abcdefghijklmnopqrstuv";

fn house() -> House {
    Plan::forward_auth().start()
}

/// Envoy's question about a request to the first site.
fn envoy(house: &House, method: &str, target: &str, also: &[&str]) -> Answer {
    envoy_of(house, HOST, method, target, also)
}

fn envoy_of(house: &House, host: &str, method: &str, target: &str, also: &[&str]) -> Answer {
    let first = format!("{method} {ENVOY}{target}");
    client::ask(house.authz(), &request(host, &[&[first.as_str()], also].concat(), b""))
}

#[test]
fn allow_is_exactly_200_with_every_header_and_what_is_to_be_removed() {
    let house = house();
    let cookie = house.signed_in(&ada());
    for conditions in [
        &[][..],
        &["If-None-Match: *", "If-Modified-Since: Wed, 21 Oct 2065 07:28:00 GMT"],
        &["Range: bytes=0-0", "If-Range: \"a\""],
        &["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: x"],
    ] {
        let answer = envoy(&house, "GET", "/a?b=c", &[&[cookie.as_str()], conditions].concat());
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{conditions:?}");
        for name in HeaderPlan::default_set().names() {
            assert_eq!(answer.all(name.as_str()).len(), 1, "{name}");
        }
        assert_eq!(answer.header("x-forwarded-user"), Some("ada"));
    }
    let anonymous = envoy(&house, "GET", "/public/a", &["X-Forwarded-User: root"]);
    assert_eq!(anonymous.status, 200);
    for name in HeaderPlan::default_set().names() {
        assert_eq!(anonymous.all(name.as_str()), [""], "{name}");
    }
}

#[test]
fn every_spelling_that_an_application_may_fold_to_ours_is_removed_and_ours_is_not() {
    let house = house();
    for answer in [
        envoy(&house, "GET", "/public/a", &["X~Forwarded-User: root", "X-Vestibule-New: root"]),
        envoy(
            &house,
            "GET",
            "/a",
            &[&house.signed_in(&ada()), "x~forwarded-user: root", "X-Vestibule-New: x"],
        ),
    ] {
        let removed = answer.header("x-envoy-auth-headers-to-remove").unwrap();
        let removed: Vec<&str> = removed.split(',').collect();
        for alias in [
            "x_forwarded_user",
            "x.forwarded.groups",
            "x-forwarded_preferred.username",
            "x_vestibule_jwt_assertion",
            "x-vestibule-refusal",
            "x-vestibule-gateway-secret",
            "x~forwarded-user",
            "x-vestibule-new",
        ] {
            assert!(removed.contains(&alias), "{alias} in {removed:?}");
        }
        for name in HeaderPlan::default_set().names() {
            assert!(!removed.contains(&name.as_str()), "{name}");
        }
    }
    let refused = envoy(&house, "GET", "/a", &[]);
    assert_eq!(refused.header("x-envoy-auth-headers-to-remove"), None);
}

#[test]
fn navigations_are_redirected_and_others_told_401() {
    let house = house();
    for (method, status) in [("GET", 302), ("HEAD", 302), ("POST", 303)] {
        let answer = envoy(&house, method, "/a?b=c", &[NAVIGATION[0], NAVIGATION[1], "Content-Length: 0"]);
        assert_eq!(answer.status, status, "{method}");
        let sign_in = "https://app.example.com/vestibule/sign-in?rd=/a%3Fb%3Dc";
        assert_eq!(answer.header("location"), Some(sign_in));
    }
    for also in [&["Sec-Fetch-Mode: cors"][..], &[NAVIGATION[0], NAVIGATION[1], "Upgrade: websocket"]] {
        let answer = envoy(&house, "GET", "/a", also);
        assert_eq!((answer.status, answer.header("location")), (401, None), "{also:?}");
        assert_eq!(answer.json()["error"], "session-missing");
    }
    let refused = envoy(&house, "GET", "/admin/a", &[&house.signed_in(&ada()), NAVIGATION[0], NAVIGATION[1]]);
    assert_eq!((refused.status, refused.header("location")), (403, None));
}

#[test]
fn method_path_and_host_are_those_of_the_question_and_no_header_changes_them() {
    let only_get = |config: &mut crate::config::Config| {
        change_rules(&mut config.sites[0], |rules| rules[0].methods = vec![http::Method::GET]);
    };
    let house = Plan::forward_auth().with(only_get).start();
    assert_eq!(envoy(&house, "GET", "/public/a", &[]).status, 200);
    assert_eq!(
        envoy(&house, "POST", "/public/a", &["X-Forwarded-Method: GET", "Content-Length: 0"]).status,
        401
    );
    let claims = [
        "X-Original-URL: https://app.example.com/public/a",
        "X-Original-Method: GET",
        "X-Forwarded-Uri: /public/a",
        "X-Forwarded-Host: app.example.com",
        "X-Envoy-Original-Path: /public/a",
    ];
    assert_eq!(envoy(&house, "GET", "/a", &claims).status, 401);
    assert_eq!(envoy_of(&house, "other.example.com", "GET", "/public/a", &claims).status, 403);
}

#[test]
fn the_path_is_judged_as_it_was_written() {
    let house = house();
    let cookie = house.signed_in(&ada());
    for target in
        ["/a%2Fb", "/a\\b", "/a%00", "/a/..;/b", "/%252e", "/a%ff", "/../a", "/public/a#/../../admin/a"]
    {
        let status = envoy(&house, "GET", target, &[&cookie]).status;
        assert!(status == 403 || status == 400, "{target}: {status}");
    }
    for target in ["/%61dmin/x", "//admin/x", "/public/../admin/x", "/x/%2e%2e/admin/x"] {
        assert_eq!(envoy(&house, "GET", target, &[&cookie]).status, 403, "{target}");
    }
    for target in ["/public/%2e%2e/a", "//x", "/vestibules", "/?a=/../public"] {
        assert_eq!(envoy(&house, "GET", target, &[]).status, 401, "{target}");
    }
    for target in
        ["/vestibule/sign-in", "//vestibule/authz/ext-authz/public/a", "/.well-known/vestibule/jwks.json"]
    {
        assert_eq!(envoy(&house, "GET", target, &[&cookie]).status, 403, "{target}");
    }
    // What follows the dialect is the client's, however much it looks like an address of ours.
    assert_eq!(envoy(&house, "GET", "/public/vestibule/authz/ext-authz/admin", &[]).status, 200);
    for target in ["", "?a=b", "*", "public/a"] {
        assert_eq!(envoy(&house, "GET", target, &[&cookie]).status, 403, "{target}");
    }
}

#[test]
fn a_missing_or_doubled_host_is_403() {
    let house = house();
    let cookie = house.signed_in(&ada());
    let ask = |host: &str| {
        let text = format!("GET {ENVOY}/public/a HTTP/1.1\r\n{host}Connection: close\r\n{cookie}\r\n\r\n");
        client::ask(house.authz(), text.as_bytes()).status
    };
    assert_eq!(ask("Host: app.example.com\r\n"), 200);
    for host in ["", "Host: \r\n", "Host: app.example.com\r\nHost: app.example.com\r\n"] {
        assert!(matches!(ask(host), 400 | 403), "{host}");
    }
    let absolute = format!(
        "GET http://app.example.com{ENVOY}/public/a HTTP/1.1\r\nHost: wiki.example.com\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(client::ask(house.authz(), absolute.as_bytes()).status, 403);
}

#[test]
fn a_site_can_be_pinned_by_the_path() {
    let sites = |config: &mut crate::config::Config| {
        config.sites.push(site(1, "wiki.example.com", Face::ForwardAuth));
        change_rules(&mut config.sites[1], Vec::clear);
    };
    let house = Plan::forward_auth().with(sites).start();
    let ask = |name: &str, host: &str| {
        let first = format!("GET /vestibule/authz/sites/{name}/ext-authz/public/a");
        client::ask(house.authz(), &request(host, &[&first], b"")).status
    };
    assert_eq!(envoy_of(&house, "wiki.example.com", "GET", "/public/a", &[]).status, 401);
    assert_eq!(ask("app", "app.example.com"), 200);
    assert_eq!(ask("app", "internal.test"), 200);
    assert_eq!(ask("wiki", "internal.test"), 401);
    assert_eq!(ask("wiki", "app.example.com"), 403);
    assert_eq!(ask("other", "app.example.com"), 404);
}

#[test]
fn a_body_that_envoy_passes_on_is_read_within_a_bound_and_the_connection_goes_on() {
    let house = house();
    let cookie = house.signed_in(&ada());
    let mut stream = connect(house.authz());
    for length in [10, 20_000] {
        let head = format!(
            "POST {ENVOY}/a HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; length]).unwrap();
        assert_eq!(client::answer(&mut stream).status, 200);
    }
    // Far more than anybody reads: the answer comes all the same.
    let mut stream = connect(house.authz());
    let head = format!(
        "POST {ENVOY}/admin HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\nContent-Length: 1000000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; 70_000]).unwrap();
    assert_eq!(client::answer(&mut stream).status, 403);
}

#[test]
fn a_gateway_that_knows_the_secret_may_ask_from_anywhere_and_a_wrong_one_is_refused_everywhere() {
    let with_secret = |config: &mut crate::config::Config| {
        config.gateways.secrets = vec![SECRET.to_owned().into(), "the old one".to_owned().into()];
    };
    let anywhere = |config: &mut crate::config::Config| config.trusted_proxies.clear();
    let (inside, outside) = (
        Plan::forward_auth().with(with_secret).start(),
        Plan::forward_auth().with(with_secret).with(anywhere).start(),
    );
    let right = format!("X-Vestibule-Gateway-Secret: {SECRET}");
    let status = |house: &House, lines: &[&str]| envoy(house, "GET", "/public/a", lines).status;
    assert_eq!((status(&inside, &[]), status(&outside, &[])), (200, 403));
    for house in [&inside, &outside] {
        assert_eq!(status(house, &[&right]), 200);
        assert_eq!(status(house, &["X-Vestibule-Gateway-Secret: the old one"]), 200);
        assert_eq!(status(house, &["X-Vestibule-Gateway-Secret: a guess"]), 403);
        assert_eq!(status(house, &[&right, &right]), 403);
        assert_eq!(status(house, &[&right, "X_Vestibule_Gateway_Secret: a guess"]), 403);
    }
    let answer = envoy(&outside, "GET", "/public/a", &[&right]);
    assert!(answer.headers.iter().all(|(_, value)| !value.contains(SECRET)));
}

#[test]
fn the_client_of_a_gateway_with_the_secret_is_whom_it_names() {
    let change = |config: &mut crate::config::Config| {
        config.gateways.secrets = vec![SECRET.to_owned().into()];
        config.trusted_proxies.clear();
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.0/8".parse().unwrap()];
        change_rules(&mut config.sites[0], |rules| rules[0].networks = networks);
    };
    let house = Plan::forward_auth().with(change).start();
    let right = format!("X-Vestibule-Gateway-Secret: {SECRET}");
    let status = |hops: &str| envoy(&house, "GET", "/public/a", &[&right, hops]).status;
    assert_eq!(status("X-Forwarded-For: 192.0.2.7, 10.1.2.3"), 200);
    assert_eq!(status("X-Forwarded-For: 10.1.2.3, 192.0.2.7"), 401);
    assert_eq!(status("X-None: x"), 401, "the gateway's own address is nobody's");
}

#[test]
fn it_is_counted_under_a_face_of_its_own() {
    let house = house();
    assert_eq!(envoy(&house, "GET", "/a", &[&house.signed_in(&root())]).status, 200);
    assert_eq!(envoy(&house, "GET", "/a", &[]).status, 401);
    assert_eq!(house.metric(&["requests_total", "\"ext_authz\"", "\"allowed\""]), Some(1.0));
    assert_eq!(house.metric(&["requests_total", "\"ext_authz\"", "\"unauthenticated\""]), Some(1.0));
}
