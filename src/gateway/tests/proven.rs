//! A gateway that no network of the configuration holds, and that knows the gateways' secret: what it says of its client
//! counts on the public listener too.

use super::client;
use super::house::{HOST, House, Plan, ada, change_rules, site, upstream};
use super::origin::{Origin, Seen};
use crate::config::Config;
use crate::limits::{Limits, Rate, RateLimits, Rates};
use crate::site::Face;
use std::time::Duration;

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const SAID: &str = "X-Vestibule-Gateway-Secret: 0123456789abcdefghijklmnopqrstuvwxyz";

fn nobody_by_address(config: &mut Config) {
    config.trusted_proxies.clear();
    config.gateways.secrets =
        vec!["another secret that is thirty-two bytes".to_owned().into(), SECRET.to_owned().into()];
}

fn wary(origin: &Origin) -> Plan {
    Plan::before(origin.address).with(nobody_by_address)
}

fn sign_in(house: &House, lines: &[&str]) -> client::Answer {
    house.ask(&[&["GET /vestibule/sign-in?rd=/", "Sec-Fetch-Mode: navigate"], lines].concat())
}

#[test]
fn who_says_the_secret_is_believed_about_its_client_and_the_application_never_sees_it() {
    let origin = Origin::start();
    let inside = |config: &mut Config| {
        change_rules(&mut config.sites[0], |rules| rules[0].networks = vec!["10.0.0.0/8".parse().unwrap()]);
    };
    let house = wary(&origin).with(inside).start();
    let hops = "X-Forwarded-For: 192.0.2.7, 10.1.2.3";
    assert_eq!(house.ask(&["GET /public/a", hops]).status, 401, "a stranger is at its own address");
    let answer = house.ask(&["GET /public/a", hops, SAID]);
    assert_eq!(answer.status, 200);
    let seen = Seen::in_answer(&answer);
    assert_eq!(seen.only("x-real-ip"), "10.1.2.3", "the last hop: what the gateway itself saw");
    assert_eq!(seen.only("x-forwarded-for"), "192.0.2.7, 10.1.2.3, 127.0.0.1");
    assert!(!format!("{seen:?}").contains(SECRET));
    let signed_in = Seen::in_answer(&house.ask(&["GET /a", &house.signed_in(&ada()), hops, SAID]));
    assert_eq!((signed_in.only("x-forwarded-user"), signed_in.only("x-real-ip")), ("ada", "10.1.2.3"));
    assert!(!format!("{signed_in:?}").contains(SECRET));
}

#[test]
fn a_secret_that_is_wrong_doubled_or_respelled_is_refused_on_the_public_listener() {
    let origin = Origin::start();
    let house = wary(&origin).start();
    let trusting =
        wary(&origin).with(|config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).start();
    let respelled = SAID.replace("X-Vestibule-Gateway", "X_Vestibule_Gateway");
    let dotted = SAID.replace("X-Vestibule-Gateway", "X-Vestibule.Gateway");
    for lines in [
        &["X-Vestibule-Gateway-Secret: wrong"][..],
        &["X-Vestibule-Gateway-Secret: "],
        &[SAID, SAID],
        &["X-Vestibule-Gateway-Secret: wrong", SAID],
        &[SAID, &respelled],
        &[&respelled],
        &[&dotted],
    ] {
        for (house, who) in [(&house, "a stranger"), (&trusting, "a trusted proxy")] {
            for path in ["GET /public/a", "GET /vestibule/whoami", "GET /vestibule/saml/metadata"] {
                let answer = house.ask(&[&[path], lines].concat());
                assert_eq!(answer.status, 403, "{who}: {path} {lines:?}");
                assert!(!answer.text().contains(SECRET));
            }
        }
    }
    for house in [house, trusting] {
        assert_eq!(house.ask(&["GET /public/a", SAID]).status, 200);
        assert_eq!(house.ask(&["GET /public/a"]).status, 200, "nobody has to say it here");
    }
}

#[test]
fn sign_ins_are_counted_for_the_client_of_a_gateway_that_says_the_secret() {
    let origin = Origin::start();
    let few = Rates { per_address: Some(Rate { count: 3, per: Duration::from_secs(60) }), per_idp: None };
    let rates = RateLimits { sign_ins: few, answers: few };
    let house = wary(&origin).with(|config| config.bounds = Limits { rates, ..Limits::default() }).start();
    let of = |client: &str| sign_in(&house, &[SAID, &format!("X-Forwarded-For: {client}")]).status;
    for _ in 0..3 {
        assert_ne!(of("192.0.2.7"), 429);
    }
    assert_eq!(of("192.0.2.7"), 429);
    assert_ne!(of("192.0.2.8"), 429, "another client of the same gateway");
    // A gateway that names nobody is not itself everybody.
    for _ in 0..10 {
        assert_ne!(sign_in(&house, &[SAID]).status, 429);
    }
    // A stranger who makes addresses up is one stranger.
    for n in 0..3 {
        assert_ne!(sign_in(&house, &[&format!("X-Forwarded-For: 198.51.100.{n}")]).status, 429);
    }
    assert_eq!(sign_in(&house, &["X-Forwarded-For: 198.51.100.9"]).status, 429);
}

#[test]
fn without_a_configured_secret_the_header_changes_nothing() {
    let origin = Origin::start();
    let face = Face::from(upstream(origin.address));
    let house = Plan::before(origin.address)
        .with(|config| {
            config.trusted_proxies.clear();
            config.sites = vec![site(0, HOST, face)];
        })
        .start();
    let seen = Seen::in_answer(&house.ask(&["GET /public/a", "X-Forwarded-For: 10.1.2.3", SAID]));
    assert_eq!(seen.only("x-real-ip"), "127.0.0.1");
    assert!(!format!("{seen:?}").contains(SECRET));
}
