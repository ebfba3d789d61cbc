//! Slow and silent clients, dead and slow applications.

use super::client::{self, connect};
use super::house::{HOST, House, Plan, ada, patience, upstream};
use super::origin::{Origin, nobody};
use crate::gateway::Patience;
use crate::site::{Face, Upstream};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(150);

fn impatient() -> Patience {
    Patience { header: SHORT, idle: SHORT, ..patience() }
}

/// Reads until the other side ends the connection, and tells how long it took.
fn until_cut(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    let mut sink = Vec::new();
    let _ = stream.read_to_end(&mut sink);
    began.elapsed()
}

#[test]
fn a_header_that_trickles_is_cut() {
    let origin = Origin::start();
    let house = Plan::before(origin.address).patient(impatient()).start();
    let mut stream = connect(house.public());
    write!(stream, "GET /public/a HTTP/1.1\r\nHost: {HOST}\r\n").unwrap();
    let mut trickle = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        while trickle.write_all(b"X: y\r\n").is_ok() {
            std::thread::park_timeout(SHORT / 8);
        }
    });
    assert!(until_cut(&mut stream) < Duration::from_secs(20));
    stream.shutdown(std::net::Shutdown::Both).ok();
    writer.join().unwrap();
}

#[test]
fn an_idle_connection_is_cut_also_after_a_request() {
    let origin = Origin::start();
    let house = Plan::before(origin.address).patient(impatient()).start();
    let mut fresh = connect(house.public());
    assert!(until_cut(&mut fresh) < Duration::from_secs(20));
    let mut used = connect(house.public());
    write!(used, "GET /public/a HTTP/1.1\r\nHost: {HOST}\r\n\r\n").unwrap();
    assert_eq!(client::answer(&mut used).status, 200);
    assert!(until_cut(&mut used) < Duration::from_secs(20));
}

#[test]
fn a_request_that_takes_long_is_not_cut() {
    let origin = Origin::start();
    let house = Plan::before(origin.address).patient(impatient()).start();
    let mut stream = connect(house.public());
    stream.write_all(&client::request(HOST, &["GET /public/hold"], b"")).unwrap();
    origin.report();
    stream.set_read_timeout(Some(4 * SHORT)).unwrap();
    assert!(stream.read(&mut [0]).is_err(), "nothing comes and nothing ends");
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    origin.go.send(()).unwrap();
    assert_eq!(client::answer(&mut stream).status, 200);
}

#[test]
fn questions_have_the_same_manners() {
    let house = Plan::forward_auth().patient(impatient()).start();
    let mut idle = connect(house.authz());
    assert!(until_cut(&mut idle) < Duration::from_secs(20));
    let mut slow = connect(house.authz());
    write!(slow, "GET /vestibule/authz/auth-request HTTP/1.1\r\n").unwrap();
    assert!(until_cut(&mut slow) < Duration::from_secs(20));
}

#[test]
fn a_dead_application_is_a_page_with_502_and_a_reference() {
    for house in [
        Plan::before(nobody()).start(),
        Plan::before(nobody())
            .with(|config| {
                let unknown = Upstream { host: "no-such-application.invalid".into(), ..upstream(nobody()) };
                config.sites[0].face = Face::from(unknown);
            })
            .start(),
    ] {
        let answer = house.ask(&["GET /public/a", "Accept: text/html"]);
        assert_eq!(answer.status, 502);
        assert!(answer.header("content-type").unwrap().starts_with("text/html"));
        let script = house.ask(&["POST /a", &house.signed_in(&ada()), "Content-Length: 3", "Accept: */*"]);
        assert_eq!(script.status, 502);
    }
}

#[test]
fn an_application_is_found_by_its_name_on_whichever_address_it_listens() {
    let origin = Origin::start();
    let named = Upstream { host: "localhost".into(), ..upstream(origin.address) };
    let house = Plan::before(origin.address).with(|config| config.sites[0].face = Face::from(named)).start();
    assert_eq!(house.ask(&["GET /public/a"]).status, 200);
}

#[test]
fn an_application_that_hangs_up_is_502_and_one_that_says_nothing_is_504() {
    let origin = Origin::start();
    let hasty = Upstream { read_timeout: Some(SHORT), ..upstream(origin.address) };
    let house = Plan::before(origin.address).with(|config| config.sites[0].face = Face::from(hasty)).start();
    assert_eq!(house.ask(&["GET /public/nothing"]).status, 502);
    assert_eq!(house.ask(&["GET /public/hold"]).status, 504);
}

#[test]
fn the_gate_outlives_an_application_and_finds_it_again() {
    let house = {
        let origin = Origin::start();
        let house = House::before(&origin);
        assert_eq!(house.ask(&["GET /public/a"]).status, 200);
        house
    };
    assert_eq!(house.ask(&["GET /public/nothing"]).status, 502);
    assert_eq!(house.ask(&["GET /public/a"]).status, 200);
}
