//! More connections than are served at once.

use super::client::{self, connect};
use super::house::{HOST, House, Plan};
use super::origin::Origin;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const MOST: u32 = 3;

/// A connection on which a request was answered, and which is kept.
fn kept(to: SocketAddr, path: &str) -> Option<TcpStream> {
    answered(connect(to), path)
}

/// The same from another address of this machine.
fn kept_from(address: &str, to: SocketAddr) -> Option<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    answered(stream, "/vestibule/saml/metadata")
}

fn answered(mut stream: TcpStream, path: &str) -> Option<TcpStream> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").ok()?;
    let mut first = [0];
    // Closed at once: nothing comes, or a reset.
    if stream.read(&mut first).ok()? == 0 {
        return None;
    }
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut first).ok()?;
        head.push(first[0]);
    }
    Some(stream)
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::yield_now();
    }
}

/// As many as may, one more is closed, and the end of one makes room. `ask` is answered without an application.
fn bounds(house: &House, to: SocketAddr, ask: &str, listener: &str) {
    let label = format!("listener=\"{listener}\"");
    let open = || house.metric(&["vestibule_connections{", &label]).unwrap();
    let refused = || house.metric(&["vestibule_connections_refused_total", &label]).unwrap();
    let mut served: Vec<TcpStream> = (0..MOST).map(|_| kept(to, ask).expect("there is room")).collect();
    assert_eq!((open(), refused()), (f64::from(MOST), 0.0));
    assert!(kept(to, ask).is_none() && kept(to, ask).is_none(), "one too many was served");
    assert_eq!((open(), refused()), (f64::from(MOST), 2.0));
    drop(served.pop());
    until("its end made no room", || open() < f64::from(MOST));
    assert!(kept(to, ask).is_some());
    drop(served);
    until("they never end", || open() == 0.0);
}

#[test]
fn a_listener_serves_so_many_connections_and_no_more() {
    let origin = Origin::start();
    let house = Plan::before(origin.address).with(|config| config.connections = MOST).start();
    bounds(&house, house.public(), "/vestibule/saml/metadata", "public");
    let house = Plan::forward_auth().with(|config| config.connections = MOST).start();
    bounds(&house, house.authz(), "/vestibule/authz/nothing", "authz");
    // The others have their own.
    assert_eq!(client::get(house.admin(), "/healthz").status, 200);
}

#[test]
fn one_address_has_a_part_of_the_connections_and_leaves_the_others_room() {
    let origin = Origin::start();
    let limited =
        |house: &House| house.metric(&["vestibule_limits_reached_total", "\"connections_per_address\""]);
    let plan = || {
        Plan::before(origin.address).with(|config| {
            config.trusted_proxies.clear();
            config.bounds.connections_per_address = Some(2);
        })
    };
    let house = plan().start();
    let greedy = "127.0.0.2";
    let mut held: Vec<TcpStream> =
        (0..2).map(|_| kept_from(greedy, house.public()).expect("there is room")).collect();
    assert!(kept_from(greedy, house.public()).is_none() && kept_from(greedy, house.public()).is_none());
    assert_eq!(limited(&house), Some(2.0));
    assert_eq!(house.metric(&["vestibule_connections_refused_total", "public"]), Some(2.0));
    assert!(kept_from("127.0.0.3", house.public()).is_some(), "another address");
    drop(held.pop());
    until("its end made no room", || kept_from(greedy, house.public()).is_some());
    drop(held);

    // Who is behind a trusted proxy is everybody.
    let house = plan().with(|config| config.trusted_proxies = vec!["127.0.0.2/32".parse().unwrap()]).start();
    let held: Vec<TcpStream> =
        (0..9).map(|_| kept_from(greedy, house.public()).expect("a proxy is not counted")).collect();
    assert_eq!(limited(&house), Some(0.0));
    drop(held);

    let free = plan().with(|config| config.bounds.connections_per_address = None).start();
    let held: Vec<TcpStream> = (0..9).map(|_| kept_from(greedy, free.public()).expect("no limit")).collect();
    assert_eq!(limited(&free), Some(0.0));
    drop(held);
}
