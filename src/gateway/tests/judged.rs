//! Who passes the proxy face, and what those are told who do not.

use super::client::{self, connect};
use super::house::{HOST, House, Plan, ada, change_rules, root};
use super::origin::{Origin, Seen, nobody};
use crate::access::{Access, PathPattern, Rule, Term};
use crate::gateway::decide::{Front, Trip};
use crate::identity::Identity;
use pingora::http::RequestHeader;
use pingora::proxy::{ProxyHttp, Session};
use std::io::Write;
use std::sync::Arc;

const NAVIGATION: [&str; 2] = ["Sec-Fetch-Mode: navigate", "Accept: text/html"];

#[test]
fn without_a_session_a_navigation_is_sent_to_sign_in_and_a_script_gets_401() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let navigation = house.ask(&["GET /a/b?c=d", NAVIGATION[0], NAVIGATION[1]]);
    assert_eq!(navigation.status, 302);
    assert_eq!(
        navigation.header("location"),
        Some("https://app.example.com/vestibule/sign-in?rd=/a/b%3Fc%3Dd")
    );
    assert!(navigation.header("cache-control").unwrap().contains("no-store"));
    let posted = house.ask(&["POST /a", NAVIGATION[0], NAVIGATION[1], "Content-Length: 0"]);
    assert_eq!(posted.status, 303);
    let script = house.ask(&["GET /a", "Sec-Fetch-Mode: cors", "Accept: */*"]);
    assert_eq!((script.status, script.header("location")), (401, None));
    assert_eq!(script.json()["error"], "session-missing");
    assert!(script.json()["sign_in_url"].as_str().unwrap().starts_with("https://app.example.com/vestibule/"));
}

#[test]
fn with_a_session_a_request_passes_and_carries_the_identity() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let seen = Seen::in_answer(&house.ask(&["GET /a?b=c", &house.signed_in(&ada())]));
    assert_eq!(seen.line, "GET /a?b=c HTTP/1.1");
    assert_eq!(seen.only("x-forwarded-user"), "ada");
    assert_eq!(seen.only("x-forwarded-email"), "ada@example.com");
    assert_eq!(seen.only("x-forwarded-groups"), "dev,ops%2C all");
    assert_eq!(seen.only("x-vestibule-jwt-assertion").split('.').count(), 3);
    assert_eq!(seen.only("x-vestibule-roles"), "");
}

#[test]
fn a_role_is_asked_for_and_found() {
    let origin = Origin::start();
    let house = House::before(&origin);
    assert_eq!(house.ask(&["GET /admin/x", &house.signed_in(&root())]).status, 200);
    let refused = house.ask(&["GET /admin/x", &house.signed_in(&ada()), NAVIGATION[0], NAVIGATION[1]]);
    assert_eq!((refused.status, refused.header("location")), (403, None));
    assert!(refused.header("content-type").unwrap().starts_with("text/html"));
    let script = house.ask(&["GET /admin/x", &house.signed_in(&ada()), "Sec-Fetch-Mode: cors"]);
    assert_eq!(script.status, 403);
    assert!(script.json()["reference"].is_string());
}

#[test]
fn a_path_under_another_spelling_is_judged_as_the_path_it_is() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    for path in [
        "/%61dmin/x",
        "/%61%64%6Din/x",
        "//admin/x",
        "/x/../admin/x",
        "/x/%2e%2e/admin/x",
        "/public/../admin/x",
        "/public/..%2fadmin/x",
        "/admin//x",
        "/./admin/x",
        "/admin/",
    ] {
        let status = house.ask(&[&format!("GET {path}"), &cookie]).status;
        assert!(status == 403 || status == 400, "{path}: {status}");
    }
    for path in ["/public/..", "/public/../a", "/public/%2e%2e/a", "/public/..%2fa", "/public%2f..%2fa"] {
        let status = house.ask(&[&format!("GET {path}")]).status;
        assert!(status == 401 || status == 400, "{path}: {status}");
    }
    for path in ["/a%2Fb", "/a%5cb", "/a%00b", "/a/%252e%252e/b", "/a/..;/b", "/a%ffb"] {
        assert_eq!(house.ask(&[&format!("GET {path}"), &cookie]).status, 400, "{path}");
    }
}

#[test]
fn the_application_gets_the_target_as_the_client_wrote_it() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    for target in ["/a%20b?c=%2F..%2f", "/%C3%BC//x", "/?a=/../b", "/a;b=c?http://x", "/a?"] {
        let seen = Seen::in_answer(&house.ask(&[&format!("GET {target}"), &cookie]));
        assert_eq!(seen.line, format!("GET {target} HTTP/1.1"));
    }
}

#[test]
fn anonymous_passage_carries_every_identity_header_empty() {
    let origin = Origin::start();
    let house = House::before(&origin);
    for path in ["/public/a", "/optional/a"] {
        let seen = Seen::in_answer(&house.ask(&[&format!("GET {path}"), "X-Forwarded-User: root"]));
        for name in
            ["x-forwarded-user", "x-forwarded-groups", "x-vestibule-roles", "x-vestibule-jwt-assertion"]
        {
            assert_eq!(seen.only(name), "", "{path} {name}");
        }
    }
    let seen = Seen::in_answer(&house.ask(&["GET /optional/a", &house.signed_in(&ada())]));
    assert_eq!(seen.only("x-forwarded-user"), "ada");
}

#[test]
fn our_own_endpoints_are_answered_here_and_never_forwarded() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    let who = house.ask(&["GET /vestibule/whoami", &cookie]);
    assert_eq!((who.status, who.json()["user"].as_str()), (200, Some("ada")));
    assert_eq!(house.ask(&["GET /vestibule/whoami"]).status, 401);
    assert_eq!(house.ask(&["GET /vestibule/jwks.json"]).status, 200);
    assert_eq!(house.ask(&["GET /.well-known/vestibule/jwks.json"]).status, 200);
    for path in ["/vestibule", "/vestibule/", "/vestibule/else", "/%76estibule/else", "//vestibule/else"] {
        let answer = house.ask(&[&format!("GET {path}"), &cookie]);
        assert_ne!(answer.status, 200, "{path}: {}", answer.text());
    }
}

#[test]
fn a_body_for_our_own_endpoint_is_read_within_its_limit() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let long = vec![b'x'; 4 << 20];
    let lines = ["POST /vestibule/saml/acs", "Content-Length: 4194304"];
    let refused = client::ask(house.public(), &client::request(HOST, &lines, &long));
    assert_eq!(refused.status, 400);
    let chunked = ["POST /vestibule/saml/acs", "Transfer-Encoding: chunked"];
    let body = [b"400000\r\n", &long[..], b"\r\n0\r\n\r\n"].concat();
    let refused = client::ask(house.public(), &client::request(HOST, &chunked, &body));
    assert_eq!(refused.status, 400);
}

/// It was once audited as a defect of ours, which filled the log with false alarms.
#[test]
fn a_body_that_breaks_off_is_the_clients_doing() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let chunked = ["POST /vestibule/saml/acs", "Transfer-Encoding: chunked"];
    let refused = client::ask(house.public(), &client::request(HOST, &chunked, b"zz\r\nabc\r\n"));
    assert_eq!(refused.status, 400);
}

#[test]
fn a_form_for_our_own_endpoint_is_asked_for_when_its_sender_waits() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let mut stream = connect(house.public());
    let lines = ["POST /vestibule/saml/acs", "Content-Length: 3", "Expect: 100-continue"];
    stream.write_all(&client::request(HOST, &lines, b"")).unwrap();
    assert_eq!(client::parse(&client::head(&mut stream)).status, 100);
    stream.write_all(b"a=b").unwrap();
    assert_eq!(client::answer(&mut stream).status, 400);
}

#[test]
fn exactly_one_host_and_one_that_a_site_has() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let ask = |text: &str| client::ask(house.public(), text.as_bytes()).status;
    assert_eq!(ask("GET /public/a HTTP/1.1\r\nConnection: close\r\n\r\n"), 400);
    assert_eq!(ask("GET /public/a HTTP/1.0\r\n\r\n"), 400);
    assert_eq!(ask("GET /public/a HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"), 400);
    assert_eq!(
        ask(
            "GET /public/a HTTP/1.1\r\nHost: app.example.com\r\nHost: app.example.com\r\nConnection: close\r\n\r\n"
        ),
        400
    );
    assert_eq!(ask("GET /public/a HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n\r\n"), 403);
    for host in ["app.example.com", "APP.example.com", "app.example.com:443"] {
        assert_eq!(ask(&format!("GET /public/a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")), 200);
    }
    assert_eq!(ask("GET /public/a HTTP/1.0\r\nHost: app.example.com\r\n\r\n"), 200);
}

#[test]
fn absolute_form_is_judged_and_forwarded_as_its_path() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let ask = |target: &str| {
        let text = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        client::ask(house.public(), text.as_bytes())
    };
    let seen = Seen::in_answer(&ask("http://app.example.com/public/a?b"));
    assert_eq!(seen.line, "GET /public/a?b HTTP/1.1");
    assert_eq!(ask("http://app.example.com/a").status, 401);
    assert_eq!(ask("http://other.example.com/public/a").status, 400);
    assert_eq!(ask("ftp://app.example.com/public/a").status, 400);
    assert_eq!(ask("*").status, 400);
}

#[test]
fn methods_that_would_turn_the_gate_into_a_tunnel_or_a_mirror_are_refused() {
    let origin = Origin::start();
    let house = House::before(&origin);
    assert_eq!(house.ask(&["TRACE /public/a"]).status, 405);
    let connect = "CONNECT app.example.com:443 HTTP/1.1\r\nHost: app.example.com:443\r\n\r\n";
    assert_eq!(client::ask(house.public(), connect.as_bytes()).status, 405);
}

#[test]
fn a_header_beyond_the_limits_gets_431() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let long = format!("X-Long: {}", "x".repeat(70 * 1024));
    assert_eq!(house.ask(&["GET /public/a", &long]).status, 431);
    let mut many = vec!["GET /public/a"];
    many.extend(std::iter::repeat_n("X-Many: x", 120));
    assert_eq!(house.ask(&many).status, 431);
    let fits = format!("X-Long: {}", "x".repeat(40 * 1024));
    assert_eq!(house.ask(&["GET /public/a", &fits]).status, 200);
}

#[test]
fn a_site_behind_a_gateway_serves_nothing_but_its_own_endpoints() {
    let house = Plan::forward_auth().start();
    assert_eq!(house.ask(&["GET /public/a"]).status, 404);
    assert_eq!(house.ask(&["GET /a", &house.signed_in(&ada())]).status, 404);
    assert_eq!(house.ask(&["GET /vestibule/whoami", &house.signed_in(&ada())]).status, 200);
}

#[test]
fn questions_of_gateways_are_not_answered_on_the_public_listener() {
    let house = Plan::forward_auth().start();
    let cookie = house.signed_in(&ada());
    for path in ["/vestibule/authz/auth-request", "/vestibule/authz/forward-auth"] {
        let url = "X-Original-URL: https://app.example.com/a";
        let answer = house.ask(&[&format!("GET {path}"), &cookie, url, "X-Original-Method: GET"]);
        assert_eq!(answer.status, 404);
        assert!(answer.header("x-forwarded-user").is_none());
    }
}

#[test]
fn every_verdict_is_counted_for_its_site() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    house.ask(&["GET /a", &cookie]);
    house.ask(&["GET /public/a"]);
    house.ask(&["GET /a"]);
    house.ask(&["GET /a", NAVIGATION[0], NAVIGATION[1]]);
    house.ask(&["GET /admin/a", &cookie]);
    house.ask(&["GET /a%2Fb"]);
    house.ask(&["GET /vestibule/whoami"]);
    for verdict in ["allowed", "anonymous", "unauthenticated", "sign_in", "forbidden", "malformed", "own"] {
        let words = ["vestibule_requests_total", "site=\"app\"", "face=\"proxy\"", &format!("\"{verdict}\"")];
        // A request is counted after its answer has been sent.
        let mut counted = house.metric(&words);
        for _ in 0..500 {
            if counted == Some(1.0) {
                break;
            }
            std::thread::yield_now();
            counted = house.metric(&words);
        }
        assert_eq!(counted, Some(1.0), "{verdict}");
    }
}

#[test]
fn one_connection_serves_many_and_each_is_judged_for_itself() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    let mut stream = connect(house.public());
    for (cookie, status) in [("X-None: x", 401), (cookie.as_str(), 200), ("X-None: x", 401)] {
        write!(stream, "GET /a HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\n\r\n").unwrap();
        assert_eq!(client::answer(&mut stream).status, status);
    }
}

#[tokio::test]
async fn what_nobody_judged_is_not_forwarded() {
    let house = Plan::before(nobody()).start();
    let gate = house.gateway.gate();
    let live = super::house::live(gate);
    let front = Front {
        live: live.clone(),
        patience: super::house::patience(),
        leaving: Arc::default(),
        seats: Arc::default(),
    };
    let (near, mut far) = tokio::io::duplex(4096);
    tokio::io::AsyncWriteExt::write_all(&mut far, b"GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
        .await
        .unwrap();
    let mut session = Session::new_h1(Box::new(near));
    session.read_request().await.unwrap();
    let mut trip = Trip::new(live.load());
    trip.site = Some(0);
    assert!(front.upstream_peer(&mut session, &mut trip).await.is_err());
    let mut request = RequestHeader::build("GET", b"/", None).unwrap();
    assert!(front.upstream_request_filter(&mut session, &mut request, &mut trip).await.is_err());
    tokio::task::spawn_blocking(move || drop(house)).await.unwrap();
}

#[test]
fn a_session_that_falls_short_is_sent_to_sign_in_once_more() {
    let mfa = "https://refeds.org/profile/mfa";
    let strong = Rule {
        paths: vec![PathPattern::parse("/mfa/*").unwrap()],
        methods: Vec::new(),
        networks: Vec::new(),
        access: Access::When(Term::AuthnContext(vec![mfa.to_owned()])),
    };
    let origin = Origin::start();
    let house = Plan::before(origin.address)
        .with(|config| change_rules(&mut config.sites[0], |rules| rules.push(strong)))
        .start();
    let sign_in = "https://app.example.com/vestibule/sign-in?rd=/mfa/a&step_up=3";
    let cookie = house.signed_in(&ada());
    let navigation = house.ask(&["GET /mfa/a", &cookie, NAVIGATION[0], NAVIGATION[1]]);
    assert_eq!((navigation.status, navigation.header("location")), (302, Some(sign_in)));
    let script = house.ask(&["GET /mfa/a", &cookie, "Sec-Fetch-Mode: cors"]);
    assert_eq!((script.status, script.header("location")), (401, None));
    assert_eq!(script.json()["error"], "step-up-needed");
    assert_eq!(script.json()["sign_in_url"], sign_in);
    let strong = house.signed_in(&Identity { authn_context_class: Some(mfa.to_owned()), ..ada() });
    assert_eq!(house.ask(&["GET /mfa/a", &strong]).status, 200);
    assert_eq!(house.ask(&["GET /a", &cookie]).status, 200);
}
