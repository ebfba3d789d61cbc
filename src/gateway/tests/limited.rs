//! What is too much, too often or too slow.

use super::client::{self, connect, request};
use super::house::{HOST, House, Plan, ada, config, patience, site, upstream};
use super::origin::Origin;
use crate::config::Config;
use crate::gateway::Patience;
use crate::limits::{Limits, Rate, RateLimits, Rates};
use crate::site::Face;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

const FEW: Rate = Rate { count: 3, per: Duration::from_secs(60) };

/// A gate that lets an address begin three sign-ins, and bring three answers, a minute.
fn strict(origin: &Origin) -> House {
    let few = Rates { per_address: Some(FEW), per_idp: None };
    let rates = RateLimits { sign_ins: few, answers: few };
    Plan::before(origin.address)
        .with(|config| config.bounds = Limits { rates, header_lines: 30, ..Limits::default() })
        .start()
}

#[test]
fn another_configuration_forgives_nobody_unless_it_says_another_rate() {
    let origin = Origin::start();
    let house = strict(&origin);
    while sign_in(&house, "192.0.2.7").status != 429 {}
    let with = |rate| {
        let rates = Rates { per_address: Some(rate), per_idp: None };
        let rates = RateLimits { sign_ins: rates, answers: rates };
        let site = site(0, HOST, Face::from(upstream(origin.address)));
        Config { bounds: Limits { rates, header_lines: 50, ..Limits::default() }, ..config(vec![site]) }
    };
    house.gateway.reloader().reload(with(FEW)).unwrap();
    assert_eq!(sign_in(&house, "192.0.2.7").status, 429);
    let many: Vec<String> = (0..40).map(|n| format!("X-Line-{n}: x")).collect();
    let lines: Vec<&str> = ["GET /public/a"].into_iter().chain(many.iter().map(String::as_str)).collect();
    assert_eq!(house.ask(&lines).status, 200, "other limits count at once");
    house.gateway.reloader().reload(with(Rate { count: 4, ..FEW })).unwrap();
    assert_ne!(sign_in(&house, "192.0.2.7").status, 429);
}

fn sign_in(house: &House, client: &str) -> client::Answer {
    let client = format!("X-Forwarded-For: {client}");
    house.ask(&["GET /vestibule/sign-in?rd=/", &client, "Sec-Fetch-Mode: navigate"])
}

fn forgery(house: &House, client: &str) -> client::Answer {
    let body = b"SAMLResponse=PHg%2BPC94Pg%3D%3D";
    let lines = [
        "POST /vestibule/saml/acs",
        &format!("X-Forwarded-For: {client}"),
        "Content-Type: application/x-www-form-urlencoded",
        &format!("Content-Length: {}", body.len()),
    ];
    client::ask(house.public(), &request(HOST, &lines, body))
}

#[test]
fn who_asks_too_often_is_told_to_wait_and_nobody_else_is() {
    let origin = Origin::start();
    let house = strict(&origin);
    for ask in [sign_in, forgery] {
        for _ in 0..3 {
            assert_ne!(ask(&house, "192.0.2.7").status, 429);
        }
        let refused = ask(&house, "192.0.2.7");
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("21")));
        assert_eq!(refused.header("cache-control"), Some("no-store"));
        assert!(refused.text().contains("Too many sign-ins from here"), "a page for a person");
        assert_ne!(ask(&house, "192.0.2.8").status, 429, "another address");
        house.clock.advance(Duration::from_secs(20));
        assert_ne!(ask(&house, "192.0.2.7").status, 429, "a third of a minute later");
        assert_eq!(ask(&house, "192.0.2.7").status, 429);
    }
    assert_eq!(house.metric(&["vestibule_limits_reached_total", "\"sign_ins\""]), Some(2.0));
    assert_eq!(house.metric(&["vestibule_limits_reached_total", "\"answers\""]), Some(2.0));
    // The application, and who is signed in there, know nothing of it.
    assert_eq!(house.ask(&["GET /a", &house.signed_in(&ada()), "X-Forwarded-For: 192.0.2.7"]).status, 200);
    assert_eq!(house.ask(&["GET /vestibule/whoami", "X-Forwarded-For: 192.0.2.7"]).status, 401);
}

#[test]
fn all_addresses_of_one_ipv6_customer_are_one() {
    let origin = Origin::start();
    let house = strict(&origin);
    for host in 0..3 {
        assert_ne!(sign_in(&house, &format!("2001:db8:1:2::{host}")).status, 429);
    }
    assert_eq!(sign_in(&house, "2001:db8:1:2:dead:beef::1").status, 429);
    assert_ne!(sign_in(&house, "2001:db8:1:3::1").status, 429);
}

#[test]
fn a_proxy_that_names_nobody_is_not_taken_for_everybody() {
    let origin = Origin::start();
    let house = strict(&origin);
    for _ in 0..10 {
        let answer = house.ask(&["GET /vestibule/sign-in?rd=/", "Sec-Fetch-Mode: navigate"]);
        assert_ne!(answer.status, 429);
    }
    // One that says that it does not know is one too.
    for _ in 0..10 {
        assert_ne!(sign_in(&house, "unknown").status, 429);
    }
}

#[test]
fn what_is_not_a_beginning_is_not_counted() {
    let origin = Origin::start();
    let house = strict(&origin);
    let client = "X-Forwarded-For: 192.0.2.7";
    for _ in 0..10 {
        assert_eq!(house.ask(&["GET /vestibule/saml/metadata", client]).status, 200);
        assert_eq!(house.ask(&["DELETE /vestibule/sign-in", client]).status, 405);
        assert_eq!(house.ask(&["GET /vestibule/saml/acs", client]).status, 405);
    }
    assert_ne!(sign_in(&house, "192.0.2.7").status, 429);
}

#[test]
fn a_refused_answer_is_not_read() {
    let origin = Origin::start();
    let house = strict(&origin);
    for _ in 0..3 {
        forgery(&house, "192.0.2.7");
    }
    // A body that never comes: who is refused need not send it.
    let mut stream = connect(house.public());
    let lines = [
        "POST /vestibule/saml/acs",
        "X-Forwarded-For: 192.0.2.7",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: 1000",
        "Expect: 100-continue",
    ];
    stream.write_all(&request(HOST, &lines, b"")).unwrap();
    assert_eq!(client::answer(&mut stream).status, 429);
}

#[test]
fn a_header_with_too_many_lines_is_refused_and_counted() {
    let origin = Origin::start();
    let house = strict(&origin);
    let many: Vec<String> = (0..40).map(|n| format!("X-{n}: 1")).collect();
    let lines: Vec<&str> = std::iter::once("GET /public/a").chain(many.iter().map(String::as_str)).collect();
    assert_eq!(house.ask(&lines).status, 431);
    assert_eq!(house.ask(&lines[..20]).status, 200);
    assert_eq!(house.metric(&["vestibule_limits_reached_total", "\"header_size\""]), Some(1.0));
}

#[test]
fn a_question_with_too_many_lines_is_refused_and_counted_too() {
    let house = Plan::forward_auth()
        .with(|config| config.bounds = Limits { header_lines: 30, ..Limits::default() })
        .start();
    let many: Vec<String> = (0..40).map(|n| format!("X-{n}: 1")).collect();
    let first = "GET /vestibule/authz/ext-authz/public/a";
    let lines: Vec<&str> = std::iter::once(first).chain(many.iter().map(String::as_str)).collect();
    let ask = |lines: &[&str]| client::ask(house.authz(), &request(HOST, lines, b"")).status;
    assert_ne!(ask(&lines), 200);
    assert_eq!(ask(&lines[..20]), 200);
    assert_eq!(house.metric(&["vestibule_limits_reached_total", "\"header_size\""]), Some(1.0));
}

#[test]
fn as_many_lines_as_the_owner_allows_are_read_on_both_listeners() {
    let bounds = Limits { header_lines: 200, ..Limits::default() };
    let at_once = Plan::forward_auth().with(|config| config.bounds = bounds.clone()).start();
    let later = Plan::forward_auth().start();
    let config = Config { bounds, ..config(vec![site(0, HOST, Face::ForwardAuth)]) };
    later.gateway.reloader().reload(config).unwrap();
    for house in [at_once, later] {
        reads_many_lines(&house);
    }
}

fn reads_many_lines(house: &House) {
    let many: Vec<String> = (0..150).map(|n| format!("X-{n}: 1")).collect();
    for (address, first) in [
        (house.public(), "GET /vestibule/saml/metadata"),
        (house.authz(), "GET /vestibule/authz/ext-authz/public/a"),
    ] {
        let lines: Vec<&str> = std::iter::once(first).chain(many.iter().map(String::as_str)).collect();
        assert_eq!(client::ask(address, &request(HOST, &lines, b"")).status, 200, "{first}");
    }
}

#[test]
fn a_body_that_is_too_large_or_too_slow_is_counted() {
    let origin = Origin::start();
    let body = Duration::from_millis(50);
    let house = Plan::before(origin.address).patient(Patience { body, ..patience() }).start();
    let slow = ["POST /vestibule/saml/acs", "Content-Length: 1000"];
    assert_eq!(client::ask(house.public(), &request(HOST, &slow, b"SAML")).status, 400);
    assert_eq!(house.metric(&["vestibule_limits_reached_total", "\"body_time\""]), Some(1.0));
    let large = ["POST /vestibule/saml/acs", "Content-Length: 100000000"];
    assert_eq!(client::ask(house.public(), &request(HOST, &large, b"SAML")).status, 400);
    assert_eq!(house.metric(&["vestibule_limits_reached_total", "\"body_size\""]), Some(1.0));
}

#[test]
fn a_header_that_never_ends_is_cut_and_counted() {
    let origin = Origin::start();
    let header = Duration::from_millis(50);
    let before = Plan::before(origin.address).patient(Patience { header, ..patience() }).start();
    let beside = Plan::forward_auth().patient(Patience { header, ..patience() }).start();
    for (house, address) in [(&before, before.public()), (&beside, beside.authz())] {
        let mut stream = connect(address);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a").unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
        // The connection may be gone before it is counted.
        let began = Instant::now();
        let counted = || house.metric(&["vestibule_limits_reached_total", "\"header_time\""]);
        while counted().is_none_or(|times| times < 1.0) {
            assert!(began.elapsed() < Duration::from_secs(60));
        }
    }
}
