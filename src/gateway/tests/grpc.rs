//! What Envoy is told over gRPC. Codes are those that a script is told; the exact ones are in check_tests.rs.

use super::client;
use super::envoy::{self, CHECK, Checked, Question, call, call_on, check, checked, field, framed};
use super::house::{HOST, House, Plan, ada, any_port, change_rules, config, patience, site};
use crate::config::Config;
use crate::gateway::Patience;
use crate::headers::HeaderPlan;
use crate::site::Face;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const NAVIGATION: [&str; 2] = ["Sec-Fetch-Mode: navigate", "Accept: text/html"];
const SECRET: &str = "0123456789abcdefghijklmnopqrstuv";

fn plan() -> Plan {
    Plan::forward_auth().with(|config| config.listeners.grpc = Some(any_port()))
}

fn at(house: &House) -> SocketAddr {
    house.gateway.bound().grpc.unwrap()
}

fn question<'a>(method: &'a str, target: &'a str, lines: &'a [&'a str]) -> Question<'a> {
    Question { method, target, host: HOST, lines, raw: false, site: None, source: Some("192.0.2.7") }
}

fn ask(house: &House, method: &str, target: &str, lines: &[&str]) -> Checked {
    check(at(house), &question(method, target, lines), &[])
}

#[test]
fn allow_sets_every_header_and_names_what_is_to_be_removed() {
    let house = plan().start();
    let cookie = house.signed_in(&ada());
    for raw in [false, true] {
        let lines =
            [cookie.as_str(), "X~Forwarded-User: root", "X-Forwarded-User: root", "Accept: a", "Accept: b"];
        let answer = check(at(&house), &Question { raw, ..question("GET", "/a?b=c", &lines) }, &[]);
        assert_eq!(answer.status, 200);
        let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
        let plan = HeaderPlan::default_set();
        assert_eq!(names, plan.names().map(http::HeaderName::as_str).collect::<Vec<_>>());
        assert_eq!(answer.header("x-forwarded-user"), Some("ada"));
        assert_eq!(answer.header("x-vestibule-roles"), Some(""));
        for alias in
            ["x_forwarded_user", "x-vestibule.jwt_assertion", "x~forwarded-user", "x-vestibule-refusal"]
        {
            assert!(answer.removed.iter().any(|name| name == alias), "{alias}");
        }
        assert!(!answer.removed.iter().any(|name| names.contains(&name.as_str())));
    }
    let anonymous = ask(&house, "GET", "/public/a", &["X-Forwarded-User: root"]);
    assert_eq!(anonymous.status, 200);
    assert_eq!(anonymous.headers.len(), HeaderPlan::default_set().specs().len());
    assert!(anonymous.headers.iter().all(|(_, value)| value.is_empty()));
}

#[test]
fn navigations_are_redirected_and_others_told_401() {
    let house = plan().start();
    for (method, status) in [("GET", 302), ("POST", 303)] {
        let answer = ask(&house, method, "/a?b=c", &NAVIGATION);
        assert_eq!(answer.status, status);
        let sign_in = "https://app.example.com/vestibule/sign-in?rd=/a%3Fb%3Dc";
        assert_eq!(answer.header("location"), Some(sign_in));
    }
    let script = ask(&house, "GET", "/a", &["Sec-Fetch-Mode: cors"]);
    assert_eq!((script.status, script.header("location")), (401, None));
    assert_eq!(script.header("content-type"), Some("application/json"));
    assert_eq!(script.json()["error"], "session-missing");
    let refused = ask(&house, "GET", "/admin/a", &[&house.signed_in(&ada())]);
    assert_eq!((refused.status, &refused.json()["error"]), (403, &"access-denied".into()));
}

#[test]
fn the_gateways_own_word_for_the_site_comes_first() {
    let sites = |config: &mut Config| {
        config.sites.push(site(1, "wiki.example.com", Face::ForwardAuth));
        change_rules(&mut config.sites[1], Vec::clear);
    };
    let house = plan().with(sites).start();
    let ask = |site, host| {
        let question = Question { site, host, ..question("GET", "/public/a", &[]) };
        let answer = check(at(&house), &question, &[]);
        (answer.status, if answer.status == 403 { answer.json()["error"].to_string() } else { String::new() })
    };
    let unknown = (403, "\"site-unknown\"".to_owned());
    assert_eq!(ask(None, "app.example.com").0, 200);
    assert_eq!(ask(None, "wiki.example.com").0, 401);
    assert_eq!(ask(None, "internal.test"), unknown);
    assert_eq!(ask(Some("app"), "internal.test").0, 200);
    assert_eq!(ask(Some("wiki"), "internal.test").0, 401);
    assert_eq!(ask(Some("wiki"), "app.example.com"), unknown);
    assert_eq!(ask(Some("other"), "app.example.com"), unknown);
    assert_eq!(ask(Some(""), "app.example.com"), unknown);
}

#[test]
fn only_who_may_ask_is_listened_to() {
    let strangers = |config: &mut Config| config.trusted_proxies.clear();
    let with_secret = |config: &mut Config| config.gateways.secrets = vec![SECRET.to_owned().into()];
    let public = question("GET", "/public/a", &[]);
    let untrusted = |house: &House, metadata: &[(&str, &str)]| {
        let answer = check(at(house), &public, metadata);
        (answer.status == 403).then(|| answer.json()["error"] == "bad-request")
    };
    let (nobody, secret) = (plan().with(strangers).start(), plan().with(strangers).with(with_secret).start());
    let both = plan().with(with_secret).start();
    let own = "x-vestibule-gateway-secret";
    assert_eq!(untrusted(&nobody, &[]), Some(true));
    assert_eq!(untrusted(&secret, &[]), Some(true));
    assert_eq!(untrusted(&secret, &[(own, SECRET)]), None);
    assert_eq!(untrusted(&both, &[]), None);
    for metadata in
        [&[(own, "wrong")][..], &[(own, SECRET), (own, SECRET)], &[("x_vestibule-gateway.secret", SECRET)]]
    {
        assert_eq!(untrusted(&secret, metadata), Some(true), "{metadata:?}");
        assert_eq!(untrusted(&both, metadata), Some(true), "{metadata:?}");
    }
    // The client's own copy is not the gateway's word.
    let line = format!("{own}: {SECRET}");
    let claimed = check(at(&secret), &question("GET", "/public/a", &[&line]), &[]);
    assert_eq!(claimed.status, 403);
}

#[test]
fn another_configuration_says_who_may_ask() {
    let house = plan().start();
    let with = |secret: &str| {
        let mut config = config(vec![site(0, HOST, Face::ForwardAuth)]);
        config.trusted_proxies.clear();
        config.gateways.secrets = vec![secret.to_owned().into()];
        house.gateway.reloader().reload(config).unwrap();
        let said = [("x-vestibule-gateway-secret", SECRET)];
        check(at(&house), &question("GET", "/public/a", &[]), &said).status
    };
    assert_eq!(check(at(&house), &question("GET", "/public/a", &[]), &[]).status, 200);
    assert_eq!(with("vutsrqponmlkjihgfedcba9876543210"), 403);
    assert_eq!(with(SECRET), 200);
}

#[test]
fn the_client_is_who_was_connected_unless_that_is_a_proxy() {
    let inside = |config: &mut Config| {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.0/8".parse().unwrap()];
        change_rules(&mut config.sites[0], |rules| rules[0].networks = networks);
    };
    let house = plan().with(inside).start();
    let status = |source, lines: &[&str]| {
        check(at(&house), &Question { source, ..question("GET", "/public/a", lines) }, &[]).status
    };
    let inside = "X-Forwarded-For: 10.1.2.3";
    assert_eq!(status(Some("10.1.2.3"), &[]), 200);
    assert_eq!(status(Some("192.0.2.7"), &[inside]), 401);
    assert_eq!(status(Some("127.0.0.1"), &[inside]), 200);
    assert_eq!(status(Some("127.0.0.1"), &["X-Forwarded-For: 10.1.2.3, 192.0.2.7"]), 401);
    assert_eq!(status(Some("127.0.0.1"), &[]), 401, "a proxy that names nobody is not the client");
    assert_eq!(status(None, &[inside]), 200);
    assert_eq!(status(None, &[]), 401);
}

#[test]
fn what_cannot_be_read_is_denied_by_a_code_and_never_a_failed_call() {
    let house = plan().start();
    let whole = question("GET", "/public/a", &[]).message();
    let twice = [framed(&whole), framed(&whole)].concat();
    let mut compressed = framed(&whole);
    compressed[0] = 1;
    let mut short = framed(&whole);
    short.pop();
    let large = framed(&[&whole[..], &field(15, &vec![b'x'; 300_000])].concat());
    for (body, code) in [
        (Vec::new(), "bad-request"),
        (vec![0, 0, 0], "bad-request"),
        (framed(&[]), "bad-request"),
        (framed(b"\xff\xff"), "bad-request"),
        (framed(&[&whole[..], &whole[..]].concat()), "bad-request"),
        (twice, "bad-request"),
        (compressed, "bad-request"),
        (short, "bad-request"),
        (large, "bad-request"),
    ] {
        let answer = checked(&call(at(&house), CHECK, &[], &body));
        assert_eq!((answer.status, &answer.json()["error"]), (403, &code.into()));
    }
    assert_eq!(house.metric(&["limits_reached", "\"body_size\""]), Some(1.0), "the large one is counted");
    let question = Question { host: "", ..question("GET", "/public/a", &[]) };
    assert_eq!(check(at(&house), &question, &[]).json()["error"], "bad-request");
    assert_eq!(house.metric(&["requests_total", "site=\"\"", "\"grpc\"", "\"forbidden\""]), Some(10.0));
}

#[test]
fn a_message_that_does_not_arrive_is_denied_in_time_and_counted() {
    let house = plan().patient(Patience { body: Duration::from_millis(200), ..patience() }).start();
    let answer = checked(&envoy::call_that_never_ends(at(&house), CHECK));
    assert_eq!((answer.status, &answer.json()["error"]), (403, &"bad-request".into()));
    assert_eq!(house.metric(&["limits_reached", "\"body_time\""]), Some(1.0));
}

#[test]
fn metadata_is_read_up_to_the_limits_of_the_configuration() {
    let with =
        |header_octets: usize| plan().with(move |config| config.bounds.header_octets = header_octets).start();
    let body = framed(&question("GET", "/public/a", &[]).message());
    let large = "x".repeat(90 << 10);
    let status = |house: &House| call(at(house), CHECK, &[("x-large", &large)], &body).status;
    assert_eq!(status(&with(128 << 10)), 200);
    assert_ne!(status(&with(16 << 10)), 200);
}

#[test]
fn other_calls_and_what_is_no_call_are_turned_away() {
    let house = plan().start();
    for path in ["/", "/envoy.service.auth.v2.Authorization/Check", "/vestibule/authz/auth-request"] {
        assert_eq!(call(at(&house), path, &[], &framed(b"")).headers["grpc-status"], "12", "{path}");
    }
    for kind in [
        "text/plain",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc+json",
        "application/grpcx",
        "",
    ] {
        let body = framed(&question("GET", "/public/a", &[]).message());
        assert_eq!(call(at(&house), CHECK, &[("content-type", kind)], &body).status, 415, "{kind}");
    }
    for kind in ["application/grpc", "application/grpc+proto", "Application/grpc; charset=utf-8"] {
        let body = framed(&question("GET", "/public/a", &[]).message());
        assert_eq!(checked(&call(at(&house), CHECK, &[("content-type", kind)], &body)).status, 200, "{kind}");
    }
    let http1 = client::ask(at(&house), &client::request(HOST, &["GET /vestibule/whoami"], b""));
    assert_eq!(http1.status, 505);
}

#[test]
fn its_health_can_be_asked_by_anybody() {
    let house = plan().with(|config| config.trusted_proxies.clear()).start();
    let health = |message: &[u8]| call(at(&house), "/grpc.health.v1.Health/Check", &[], &framed(message));
    for service in [&b""[..], b"\x0a\x23envoy.service.auth.v3.Authorization"] {
        let called = health(service);
        assert_eq!(
            (&called.trailers["grpc-status"], &called.message[5..]),
            (&"0".parse().unwrap(), &[8, 1][..])
        );
    }
    assert_eq!(health(b"\x0a\x05other").headers["grpc-status"], "5");
}

#[test]
fn one_connection_carries_many_questions_and_ends_in_good_order() {
    let house = plan().start();
    let address = at(&house);
    let cookie = house.signed_in(&ada());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut sender, connection) = runtime.block_on(envoy::connect(address));
    let connection = runtime.spawn(connection);
    for (lines, status) in [(&[][..], 401), (&[cookie.as_str()], 200), (&[], 401), (&[&cookie], 200)] {
        let body = framed(&question("GET", "/a", lines).message());
        let called = runtime.block_on(call_on(&mut sender, CHECK, &[], &body));
        assert_eq!(checked(&called).status, status);
    }
    assert_eq!(house.metric(&["requests_total", "\"grpc\"", "\"allowed\""]), Some(2.0));
    assert_eq!(house.metric(&["requests_total", "\"grpc\"", "\"unauthenticated\""]), Some(2.0));
    // Drained for far longer than the connection takes to end.
    let began = Instant::now();
    let stopping = std::thread::spawn(move || house.gateway.stop());
    let ended = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(15), connection).await });
    assert!(ended.unwrap().unwrap().is_ok(), "the gate says that it goes");
    stopping.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(15));
}
