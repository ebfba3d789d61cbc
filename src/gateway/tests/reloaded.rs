//! Another configuration while people are signed in and requests are under way.

use super::client::{self, connect};
use super::house::{HOST, Plan, ada, change_rules, config, root, site, upstream};
use super::origin::{Origin, Seen};
use crate::access::{Access, PathPattern, Rule, Rules};
use crate::config::Config;
use crate::gateway::Reloaded;
use crate::headers::{HeaderPlan, HeaderSpec, Source};
use crate::saml::demand::Demand;
use crate::site::{Face, Idp, Live, Logout, Site, Status};
use http::HeaderName;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const WIKI: &str = "wiki.example.com";

fn corp(status: Status) -> Arc<Idp> {
    Arc::new(Idp {
        id: "corp".into(),
        label: "Corporate login".into(),
        logo: None,
        status,
        metadata: Live::unknown(),
        email_domains: None,
        demand: Demand::default(),
        allow_unsolicited: false,
        logout: Logout::default(),
    })
}

fn admitting(id: u16, host: &str, application: SocketAddr, status: Status) -> Site {
    let face = Face::from(upstream(application));
    Site { identity_providers: vec![corp(status)], ..site(id, host, face) }
}

fn two(application: SocketAddr) -> Vec<Site> {
    let live = |id, host| admitting(id, host, application, Status::Live);
    vec![live(0, HOST), live(1, WIKI)]
}

/// As it is written by somebody who says nothing of keys, once more.
fn with(sites: Vec<Site>) -> Config {
    config(sites)
}

fn plan(origin: &Origin) -> Plan {
    Plan::before(origin.address).with(|config| config.sites = two(origin.address))
}

#[test]
fn a_session_stays_when_its_site_has_another_place_in_the_list() {
    let origin = Origin::start();
    let house = plan(&origin).start();
    let cookie = house.signed_in(&ada());
    assert_eq!(house.ask(&["GET /a", &cookie]).status, 200);
    let mut sites = two(origin.address);
    sites.reverse();
    sites.iter_mut().zip(0..).for_each(|(site, id)| site.id = id);
    assert_eq!(house.gateway.reloader().reload(with(sites)), Ok(Reloaded::default()));
    assert_eq!(house.ask(&["GET /a", &cookie]).status, 200);
    let wiki = client::ask(house.public(), &client::request(WIKI, &["GET /a", &cookie], b""));
    assert_eq!(wiki.status, 401, "and is good for no other");
    let count =
        |site: &str| house.metric(&["vestibule_requests_total", site, r#"face="proxy",verdict="allowed""#]);
    assert_eq!((count(r#"site="app""#), count(r#"site="wiki""#)), (Some(2.0), Some(0.0)));
    assert_eq!(house.metric(&["vestibule_in_flight"]), Some(0.0));
}

#[test]
fn rules_and_headers_count_at_once_for_who_is_signed_in() {
    let origin = Origin::start();
    let house = plan(&origin).start();
    let (ada, root) = (house.signed_in(&ada()), house.signed_in(&root()));
    assert_eq!(house.ask(&["GET /reports", &ada]).status, 200);
    let seen = Seen::in_answer(&house.ask(&["GET /admin/a", &root]));
    let token = seen.only("x-vestibule-jwt-assertion").to_owned();

    let mut sites = two(origin.address);
    change_rules(&mut sites[0], |rules| {
        rules.insert(
            0,
            Rule {
                paths: vec![PathPattern::parse("/reports").unwrap()],
                methods: Vec::new(),
                networks: Vec::new(),
                access: Access::Deny,
            },
        );
    });
    let who = HeaderSpec::new(HeaderName::from_static("x-who"), Source::User);
    let jwt = HeaderSpec::new(HeaderName::from_static("x-vestibule-jwt-assertion"), Source::Jwt);
    sites[0].headers = HeaderPlan::new(vec![who, jwt], HeaderPlan::DEFAULT_BUDGET).unwrap();
    sites[0].audience = "reports".into();
    house.gateway.reloader().reload(with(sites)).unwrap();

    assert_eq!(house.ask(&["GET /reports", &ada]).status, 403);
    let seen = Seen::in_answer(&house.ask(&["GET /admin/a", &root]));
    assert_eq!((seen.only("x-who"), seen.folded("x-forwarded-user").len()), ("root", 0));
    assert_ne!(seen.only("x-vestibule-jwt-assertion"), token, "it is for another audience");
}

#[test]
fn keys_that_nobody_configured_are_those_of_the_start() {
    let origin = Origin::start();
    let house = plan(&origin).start();
    let before = house.gateway.gate();
    house.gateway.reloader().reload(with(two(origin.address))).unwrap();
    let after = house.gateway.gate();
    assert!(Arc::ptr_eq(&before.keys, &after.keys) && Arc::ptr_eq(&before.jwt_keys, &after.jwt_keys));
    let configured =
        Config { keys_are_ephemeral: false, jwt_keys_are_ephemeral: false, ..with(two(origin.address)) };
    house.gateway.reloader().reload(configured).unwrap();
    let own = house.gateway.gate();
    assert!(!Arc::ptr_eq(&own.keys, &after.keys) && !Arc::ptr_eq(&own.jwt_keys, &after.jwt_keys));
}

#[test]
fn sessions_end_with_their_site_and_do_not_come_back_with_it() {
    let origin = Origin::start();
    let house = plan(&origin).start();
    let cookie = house.signed_in(&ada());
    let mut socket = connect(house.public());
    // Somebody holds the old configuration for as long as they may.
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade";
    write!(socket, "GET /socket HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}\r\n{cookie}\r\n\r\n").unwrap();
    assert!(String::from_utf8(client::head(&mut socket)).unwrap().contains(" 101 "));

    let alone = vec![admitting(0, WIKI, origin.address, Status::Live)];
    house.gateway.reloader().reload(with(alone)).unwrap();
    assert_eq!(house.gateway.gate().store.size().sessions, 0);
    assert_eq!(house.ask(&["GET /a", &cookie]).status, 403, "nobody's host");
    assert!(client::is_closed(&mut socket), "what was opened with it ends");
    house.gateway.reloader().reload(with(two(origin.address))).unwrap();
    assert_eq!(house.ask(&["GET /a", &cookie]).status, 401);
}

#[test]
fn sessions_end_with_their_identity_provider() {
    for status in [Some(Status::Retired), None] {
        let origin = Origin::start();
        let house = plan(&origin).start();
        let cookie = house.signed_in(&ada());
        let mut socket = connect(house.public());
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade";
        write!(socket, "GET /socket HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}\r\n{cookie}\r\n\r\n").unwrap();
        assert!(String::from_utf8(client::head(&mut socket)).unwrap().contains(" 101 "));
        let staged = house.gateway.reloader();
        let live = |status| vec![admitting(0, HOST, origin.address, status)];
        staged.reload(with(live(Status::Staged))).unwrap();
        assert_eq!(house.ask(&["GET /a", &cookie]).status, 200, "it only admits nobody new");
        let mut sites = live(status.unwrap_or_default());
        if status.is_none() {
            sites[0].identity_providers.clear();
        }
        house.gateway.reloader().reload(with(sites)).unwrap();
        assert_eq!(house.ask(&["GET /a", &cookie]).status, 401, "{status:?}");
        assert!(client::is_closed(&mut socket), "{status:?}");
    }
}

#[test]
fn what_is_under_way_ends_by_what_it_began_with() {
    let (origin, other) = (Origin::start(), Origin::start());
    let house = plan(&origin).start();
    let cookie = house.signed_in(&ada());
    let mut held = connect(house.public());
    held.write_all(&client::request(HOST, &["GET /hold", &cookie], b"")).unwrap();
    origin.report();
    let mut sites = two(other.address);
    sites[0].rules = Rules::new(Vec::new(), Access::Deny);
    house.gateway.reloader().reload(with(sites)).unwrap();
    origin.go.send(()).unwrap();
    let answer = client::answer_to_the_end(&mut held);
    assert_eq!((answer.status, answer.text()), (200, "held".into()));
    assert_eq!(house.ask(&["GET /a", &cookie]).status, 403);
}

#[test]
fn a_gateway_that_is_trusted_no_longer_is_not_on_the_connection_that_it_has_either() {
    let house = Plan::forward_auth().start();
    let question = format!(
        "GET /vestibule/authz/auth-request HTTP/1.1\r\nHost: gateway\r\nX-Original-URL: https://{HOST}/public/a\r\n\
         X-Original-Method: GET\r\n\r\n"
    );
    let mut gateway = connect(house.authz());
    let mut ask = || {
        gateway.write_all(question.as_bytes()).unwrap();
        client::answer(&mut gateway).status
    };
    assert_eq!(ask(), 200);
    let face = || vec![site(0, HOST, Face::ForwardAuth)];
    house.gateway.reloader().reload(Config { trusted_proxies: Vec::new(), ..with(face()) }).unwrap();
    assert_eq!(ask(), 403);
    house.gateway.reloader().reload(with(face())).unwrap();
    assert_eq!(ask(), 200);
}

#[test]
fn what_cannot_be_served_is_refused_and_changes_nothing() {
    let origin = Origin::start();
    let house = plan(&origin).start();
    let cookie = house.signed_in(&ada());
    let mut sites = two(origin.address);
    sites[0].rules = Rules::new(Vec::new(), Access::Deny);
    let Face::Proxy(routes) = &mut sites[1].face else { unreachable!() };
    routes[0].upstream.tls = true;
    routes[0].upstream.ca_file = Some("/nowhere/ca.pem".into());
    let problem = house.gateway.reloader().reload(with(sites)).unwrap_err();
    assert!(problem.contains("/nowhere/ca.pem"), "{problem}");
    assert_eq!(house.ask(&["GET /a", &cookie]).status, 200);
}

/// The whole of it is `make reloads`: a thousand, from outside, with the memory looked at.
#[test]
fn no_request_fails_while_the_configuration_changes_under_load() {
    const RELOADS: usize = 100;
    let origin = Origin::start();
    let house = plan(&origin).start();
    let (cookie, public) = (house.signed_in(&ada()), house.public());
    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut stream = connect(public);
                while !done.load(Ordering::Relaxed) {
                    write!(stream, "GET /a HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\n\r\n").unwrap();
                    assert_eq!(client::answer(&mut stream).status, 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 0..RELOADS {
            let mut sites = two(origin.address);
            if number.is_multiple_of(2) {
                sites.reverse();
                sites.iter_mut().zip(0..).for_each(|(site, id)| site.id = id);
            }
            let broken = number % 10 == 0;
            if broken && let Face::Proxy(routes) = &mut sites[0].face {
                routes[0].upstream.tls = true;
                routes[0].upstream.ca_file = Some("/nowhere/ca.pem".into());
            }
            // At least one request by each configuration.
            let before = served.load(Ordering::Relaxed);
            assert_eq!(house.gateway.reloader().reload(with(sites)).is_err(), broken);
            while served.load(Ordering::Relaxed) == before {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let failed = house.metric(&["vestibule_requests_total", r#"site="app",face="proxy",verdict="failed""#]);
    assert_eq!(failed, Some(0.0));
    assert!(served.into_inner() >= RELOADS);
}
