//! Going in good order.

use super::client::{self, connect};
use super::house::{HOST, Plan, patience};
use super::origin::Origin;
use crate::gateway::Patience;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Nothing takes so long unless it is broken.
const LONG: Duration = Duration::from_secs(60);

fn asked(stream: &mut TcpStream, path: &str) -> client::Answer {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").unwrap();
    client::answer(stream)
}

/// Waits until nobody listens at `at` any more.
fn until_closed(at: SocketAddr) {
    let began = Instant::now();
    while TcpStream::connect(at).is_ok() {
        assert!(began.elapsed() < LONG, "still listening");
        // Not at once: every connection takes a port for a while.
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_under_way_is_finished_and_nothing_new_begins() {
    let origin = Origin::start();
    let house = Plan::before(origin.address).start();
    let (public, gateway) = (house.public(), house.gateway);
    let mut held = connect(public);
    held.write_all(&client::request(HOST, &["GET /public/hold"], b"")).unwrap();
    origin.report();
    let mut streaming = connect(public);
    streaming.write_all(&client::request(HOST, &["GET /public/stream"], b"")).unwrap();
    client::head(&mut streaming);
    let mut idle = connect(public);
    assert_eq!(asked(&mut idle, "/public/a").status, 200);

    let stopping = std::thread::spawn(move || gateway.stop());
    until_closed(public);
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0, "idle connections end soon");
    assert!(!stopping.is_finished(), "it waits for what is under way");
    for _ in 0..4 {
        origin.go.send(()).unwrap();
    }
    let answer = client::answer(&mut held);
    assert_eq!((answer.status, answer.text()), (200, "held".into()));
    let mut rest = String::new();
    streaming.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("data: three"), "{rest}");
    stopping.join().unwrap();
}

#[test]
fn who_has_just_connected_is_answered_still() {
    let origin = Origin::start();
    let plan = Plan::before(origin.address).patient(Patience { farewell: LONG, ..patience() });
    let house = plan.with(|config| config.shutdown.drain = LONG).start();
    let (public, gateway) = (house.public(), house.gateway);
    let fresh = connect(public);
    // Asked and answered by then: the other one is accepted.
    let mut kept = connect(public);
    assert_eq!(asked(&mut kept, "/public/a").status, 200);
    let stopping = std::thread::spawn(move || gateway.stop());
    until_closed(public);
    for mut stream in [fresh, kept] {
        let answer = asked(&mut stream, "/public/a");
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
    stopping.join().unwrap();
}

#[test]
fn a_gateway_that_has_just_connected_is_answered_still() {
    let house = Plan::forward_auth().patient(Patience { farewell: LONG, ..patience() });
    let house = house.with(|config| config.shutdown.drain = LONG).start();
    let (authz, gateway) = (house.authz(), house.gateway);
    let fresh = connect(authz);
    let mut kept = connect(authz);
    assert_eq!(asked(&mut kept, "/nothing").status, 404);
    let stopping = std::thread::spawn(move || gateway.stop());
    until_closed(authz);
    for mut stream in [fresh, kept] {
        assert_eq!(asked(&mut stream, "/nothing").status, 404);
    }
    stopping.join().unwrap();
}

#[test]
fn readiness_fails_before_the_listeners_close_and_life_goes_on_meanwhile() {
    let origin = Origin::start();
    // What is done meanwhile takes some milliseconds; on a busy machine, some hundred times as long.
    let delay = Duration::from_secs(3);
    let house = Plan::before(origin.address).with(|config| config.shutdown.delay = delay).start();
    let (public, admin) = (house.public(), house.admin());
    for path in ["/healthz", "/readyz", "/ping", "/ready"] {
        assert_eq!(client::get(admin, path).status, 200, "{path}");
    }
    let gateway = house.gateway;
    let began = Instant::now();
    let stopping = std::thread::spawn(move || gateway.stop());
    while client::get(admin, "/readyz").status != 503 {
        assert!(began.elapsed() < delay, "readiness did not fail in time");
    }
    assert_eq!(client::get(admin, "/healthz").status, 200);
    let mut stream = connect(public);
    write!(stream, "GET /public/a HTTP/1.1\r\nHost: {HOST}\r\n\r\n").unwrap();
    let answer = client::answer(&mut stream);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    until_closed(public);
    assert!(began.elapsed() >= delay);
    stopping.join().unwrap();
    assert!(TcpStream::connect(admin).is_err(), "the admin listener goes last, and goes");
}

#[test]
fn gateways_that_ask_are_told_to_come_back_on_another_connection_before_the_listener_closes() {
    let delay = Duration::from_secs(3);
    let house = Plan::forward_auth().with(|config| config.shutdown.delay = delay).start();
    let (authz, gateway) = (house.authz(), house.gateway);
    let ask = |stream: &mut TcpStream| {
        write!(stream, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        client::answer(stream)
    };
    let mut kept = connect(authz);
    assert_eq!(ask(&mut kept).header("connection"), None);
    let began = Instant::now();
    let stopping = std::thread::spawn(move || gateway.stop());
    while ask(&mut kept).header("connection") != Some("close") {
        assert!(began.elapsed() < delay, "nobody was told in time");
    }
    assert_eq!(kept.read(&mut [0]).unwrap_or(0), 0, "and it is closed");
    stopping.join().unwrap();
}

#[test]
fn a_stream_without_an_end_is_cut_when_the_drain_is_over() {
    let origin = Origin::start();
    let drain = Duration::from_millis(300);
    let house = Plan::before(origin.address).with(|config| config.shutdown.drain = drain).start();
    let mut socket = connect(house.public());
    let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    write!(socket, "GET /public/socket HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n\r\n").unwrap();
    assert_eq!(client::parse(&client::head(&mut socket)).status, 101);
    let began = Instant::now();
    house.gateway.stop();
    assert!(began.elapsed() >= drain && began.elapsed() < Duration::from_secs(15));
    assert_eq!(socket.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn nothing_under_way_means_no_waiting() {
    let house = Plan::forward_auth().start();
    let mut idle = connect(house.authz());
    write!(idle, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(client::answer(&mut idle).status, 404);
    let began = Instant::now();
    house.gateway.stop();
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_the_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let plan = Plan::forward_auth().with(|config| config.listeners.authz = Some(address));
    let clock = std::sync::Arc::new(crate::clock::ManualClock::at(super::house::NOW));
    let problem = crate::gateway::Gateway::start(plan.config, clock).err().expect("an error");
    assert!(problem.contains("listen.authz") && problem.contains(&address.to_string()), "{problem}");
}
