//! What the application sees of a request.

use super::client::{self, connect};
use super::house::{HOST, House, Plan, SESSION_COOKIE, ada, change_rules, upstream};
use super::origin::{Origin, Seen};
use crate::cookies::Kind;
use crate::site::{Face, Upstream};
use std::io::Write;

#[test]
fn a_client_cannot_name_itself_in_any_spelling() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    for spelling in [
        "X-Forwarded-User",
        "x-forwarded-user",
        "X_Forwarded_User",
        "X.Forwarded.User",
        "X-Forwarded_User",
        "X_FORWARDED-USER",
    ] {
        let spoofed = format!("{spelling}: root");
        let seen = Seen::in_answer(&house.ask(&["GET /a", &cookie, &spoofed]));
        assert_eq!(seen.only("x-forwarded-user"), "ada", "{spelling}");
        let anonymous = Seen::in_answer(&house.ask(&["GET /public/a", &spoofed]));
        assert_eq!(anonymous.only("x-forwarded-user"), "", "{spelling}");
    }
    for name in
        ["X-Vestibule-Jwt-Assertion", "X_Vestibule_Roles", "X-Vestibule-Anything", "X-Vestibule.Roles"]
    {
        let seen = Seen::in_answer(&house.ask(&["GET /a", &cookie, &format!("{name}: spoofed")]));
        assert!(!format!("{seen:?}").contains("spoofed"), "{name}");
    }
}

#[test]
fn a_client_cannot_take_our_headers_away_by_naming_them_in_connection() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    for named in [
        "X-Forwarded-User",
        "X-Forwarded-User, X-Vestibule-Jwt-Assertion, close",
        "close, x-forwarded-groups",
        "keep-alive, Upgrade, X-Forwarded-Email",
    ] {
        let mut stream = connect(house.public());
        write!(stream, "GET /a HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\nConnection: {named}\r\n\r\n").unwrap();
        let seen = Seen::in_answer(&client::answer(&mut stream));
        assert_eq!(seen.only("x-forwarded-user"), "ada", "{named}");
        assert_eq!(seen.only("x-forwarded-email"), "ada@example.com", "{named}");
        assert!(seen.only("x-vestibule-jwt-assertion").len() > 100, "{named}");
        assert!(!seen.folded("connection").concat().to_lowercase().contains("x-"), "{named}");
    }
    for named in ["X-Forwarded-For", "Host", "X-Forwarded-Proto"] {
        let text =
            format!("GET /a HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\nConnection: {named}, close\r\n\r\n");
        assert_eq!(client::ask(house.public(), text.as_bytes()).status, 400, "{named}");
    }
}

#[test]
fn our_cookies_stay_here_and_the_others_go_on_in_one_line() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let session = house.session_cookie(&ada());
    let attempt = house.gateway.gate().sites[0].cookies.name(&Kind::Attempt("0123456789abcdef".into()));
    let lines = [
        "GET /a",
        "Cookie: theme=dark",
        &format!("Cookie: {session}; lang=de"),
        &format!("Cookie: {attempt}=1"),
    ];
    let seen = Seen::in_answer(&house.ask(&lines));
    assert_eq!(seen.only("cookie"), "theme=dark; lang=de");
    assert!(!format!("{seen:?}").contains(SESSION_COOKIE));
    let alone = Seen::in_answer(&house.ask(&["GET /a", &format!("Cookie: {session}")]));
    assert!(alone.folded("cookie").is_empty());
}

#[test]
fn where_the_request_came_from_is_ours_to_say() {
    let origin = Origin::start();
    let lines = [
        "GET /public/a",
        "X-Forwarded-For: 198.51.100.9, 192.0.2.7",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Port: 1",
        "X-Forwarded-Prefix: /evil",
        "X_Forwarded_For: 203.0.113.1",
        "X-Real-IP: 203.0.113.1",
        "Forwarded: for=203.0.113.1;host=evil.example",
        "X-Original-URL: /admin",
        "X-Rewrite-URL: /admin",
    ];
    let trusting = House::before(&origin);
    let seen = Seen::in_answer(&trusting.ask(&lines));
    assert_eq!(seen.only("x-forwarded-for"), "198.51.100.9, 192.0.2.7, 127.0.0.1");
    assert_eq!(seen.only("x-real-ip"), "192.0.2.7");

    let wary = Plan::before(origin.address).with(|config| config.trusted_proxies.clear()).start();
    let seen_by_wary = Seen::in_answer(&wary.ask(&lines));
    assert_eq!(seen_by_wary.only("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen_by_wary.only("x-real-ip"), "127.0.0.1");

    for seen in [seen, seen_by_wary] {
        assert_eq!(seen.only("x-forwarded-proto"), "https");
        assert_eq!(seen.only("x-forwarded-host"), HOST);
        assert_eq!(seen.only("x-forwarded-port"), "443");
        for gone in ["forwarded", "x-original-url", "x-rewrite-url", "x-forwarded-prefix"] {
            assert!(seen.folded(gone).is_empty(), "{gone}");
        }
        assert!(!format!("{seen:?}").contains("evil") && !format!("{seen:?}").contains("203.0.113.1"));
    }
}

#[test]
fn a_rule_about_networks_believes_trusted_proxies_and_nobody_else() {
    let origin = Origin::start();
    let inside = |config: &mut crate::config::Config| {
        change_rules(&mut config.sites[0], |rules| rules[0].networks = vec!["10.0.0.0/8".parse().unwrap()]);
    };
    let trusting = Plan::before(origin.address).with(inside).start();
    let wary = Plan::before(origin.address).with(inside).with(|c| c.trusted_proxies.clear()).start();
    let ask =
        |house: &House, hops: &str| house.ask(&["GET /public/a", &format!("X-Forwarded-For: {hops}")]).status;
    assert_eq!(ask(&trusting, "10.1.2.3"), 200);
    assert_eq!(ask(&trusting, "10.1.2.3, 192.0.2.7"), 401);
    assert_eq!(ask(&wary, "10.1.2.3"), 401);
}

#[test]
fn the_application_sees_the_browsers_host_or_its_own() {
    let origin = Origin::start();
    let house = House::before(&origin);
    assert_eq!(Seen::in_answer(&house.ask(&["GET /public/a"])).only("host"), HOST);
    let own = Upstream { preserve_host: false, ..upstream(origin.address) };
    let house = Plan::before(origin.address).with(|config| config.sites[0].face = Face::from(own)).start();
    let seen = Seen::in_answer(&house.ask(&["GET /public/a"]));
    assert_eq!(seen.only("host"), origin.address.to_string());
    assert_eq!(seen.only("x-forwarded-host"), HOST);
}

#[test]
fn what_belongs_to_one_connection_ends_here() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let seen = Seen::in_answer(&house.ask(&[
        "GET /public/a",
        "Keep-Alive: timeout=9",
        "Proxy-Authorization: Basic eDp5",
        "Proxy-Connection: keep-alive",
        "TE: gzip",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
        "Authorization: Bearer kept",
        "X-Kept: kept",
    ]));
    for gone in ["keep-alive", "proxy-authorization", "proxy-connection", "te", "upgrade", "http2-settings"] {
        assert!(seen.folded(gone).is_empty(), "{gone}");
    }
    assert_eq!((seen.only("authorization"), seen.only("x-kept")), ("Bearer kept", "kept"));
}

#[test]
fn ambiguous_framing_is_refused_or_has_one_meaning() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let ask = |lines: &str, body: &str| {
        let text =
            format!("POST /public/a HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{lines}\r\n\r\n{body}");
        client::ask(house.public(), text.as_bytes())
    };
    assert_eq!(ask("Content-Length: 1\r\nContent-Length: 2", "xy").status, 400);
    assert_eq!(ask("Content-Length: +1", "x").status, 400);
    assert_eq!(ask("Transfer-Encoding: gzip", "x").status, 400);
    assert_eq!(ask("Transfer-Encoding: chunked, identity", "x").status, 400);
    // RFC 9112 section 6.3: the encoding counts, the length goes, the connection ends.
    let both = ask("Content-Length: 99\r\nTransfer-Encoding: chunked", "0\r\n\r\n");
    let seen = Seen::in_answer(&both);
    assert!(seen.folded("content-length").is_empty());
    assert_eq!(seen.only("transfer-encoding"), "chunked");
}
