//! What lasts ends with its session, and what is used keeps it.

use super::super::seats::Seats;
use super::super::watch::Watch;
use super::client::{self, connect, is_closed};
use super::house::{HOST, House, NOW, Plan, ada};
use super::origin::Origin;
use crate::clock::Moment;
use crate::identity::Identity;
use crate::session::{Session, SessionKey};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nothing here takes so long unless it is broken.
const NEVER: Duration = Duration::from_secs(60);

const HOUR: Duration = Duration::from_secs(3600);

/// A WebSocket with a session, open: its 101 has come.
fn websocket(house: &House, cookie: &str) -> TcpStream {
    websocket_at("/socket", house, cookie)
}

fn websocket_at(path: &str, house: &House, cookie: &str) -> TcpStream {
    let lines = [
        &format!("GET {path} HTTP/1.1"),
        &format!("Host: {HOST}"),
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        cookie,
    ]
    .join("\r\n");
    let mut socket = connect(house.public());
    socket.write_all(format!("{lines}\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(client::parse(&client::head(&mut socket)).status, 101);
    socket
}

/// A masked text frame (RFC 6455, 5.2) goes to the application and comes back as it was.
fn echo(socket: &mut TcpStream) {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let text = b"hello";
    let mut frame = vec![0x81, 0x80 | text.len() as u8];
    frame.extend(key);
    frame.extend(text.iter().zip(key.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    socket.write_all(&frame).unwrap();
    let mut back = vec![0; frame.len()];
    socket.read_exact(&mut back).unwrap();
    assert_eq!(back, frame);
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < NEVER, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The session of a Cookie line.
fn session_of(house: &House, cookie: &str) -> Arc<Session> {
    let key = key_of(cookie);
    match house.gateway.gate().store.peek(&key) {
        crate::session::Peek::Live(session) => session,
        other => panic!("{other:?}"),
    }
}

fn key_of(cookie: &str) -> SessionKey {
    SessionKey::of_cookie(cookie.rsplit_once('=').unwrap().1.as_bytes()).unwrap()
}

fn remove(house: &House, cookie: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let removed = runtime.block_on(house.gateway.gate().store.remove(&key_of(cookie))).unwrap();
    assert!(removed.is_some());
}

#[test]
fn a_websocket_ends_when_its_session_is_removed_and_no_other_does() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let (cookie, other) = (house.signed_in(&ada()), house.signed_in(&ada()));
    let (mut socket, mut stays) = (websocket(&house, &cookie), websocket(&house, &other));
    echo(&mut socket);
    echo(&mut stays);
    // What a sign-out, a logout request and a revocation all do.
    remove(&house, &cookie);
    assert!(is_closed(&mut socket));
    echo(&mut stays);
    wait_until("it is counted", || house.metric(&["vestibule_connections_closed_total"]) == Some(1.0));
}

#[test]
fn a_websocket_ends_when_somebody_signs_out_in_another_tab() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    let mut socket = websocket(&house, &cookie);
    echo(&mut socket);
    let lines = ["POST /vestibule/sign-out", &cookie, "Origin: https://app.example.com", "Content-Length: 0"];
    let answer = house.ask(&lines);
    assert!(matches!(answer.status, 200 | 303), "{}: {}", answer.status, answer.text());
    assert!(is_closed(&mut socket));
}

#[test]
fn a_websocket_ends_when_the_identity_provider_said_that_it_should() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let end = NOW.plus(Duration::from_secs(600));
    let cookie = house.signed_in(&Identity { session_not_on_or_after: Some(end), ..ada() });
    let mut socket = websocket(&house, &cookie);
    house.clock.advance(Duration::from_secs(599));
    echo(&mut socket);
    house.clock.set(end);
    assert!(is_closed(&mut socket));
}

#[test]
fn a_websocket_ends_when_nobody_used_it_for_too_long_and_at_max_age() {
    let origin = Origin::start();
    for (steps, step) in [(1, HOUR), (14, Duration::from_secs(3300))] {
        let house = House::before(&origin);
        let cookie = house.signed_in(&ada());
        let mut socket = websocket(&house, &cookie);
        let session = session_of(&house, &cookie);
        for _ in 1..steps {
            let before = session.expires_at();
            house.clock.advance(step);
            // Used within the idle time: the session goes on, by nothing but what goes over its WebSocket.
            echo(&mut socket);
            wait_until("a use was noted", || {
                session.expires_at() > before || session.expires_at() == session.ends_at()
            });
        }
        assert_eq!(steps > 1, session.expires_at() == session.ends_at(), "max_age holds all the same");
        house.clock.set(session.expires_at());
        assert!(is_closed(&mut socket));
    }
}

#[test]
fn silence_is_no_use() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    let mut socket = websocket(&house, &cookie);
    echo(&mut socket);
    let session = session_of(&house, &cookie);
    let was = session.expires_at();
    house.clock.set(Moment::from_millis(was.millis() - 1));
    house.clock.set(was);
    assert!(is_closed(&mut socket));
    assert_eq!(session.expires_at(), was);
}

#[test]
fn a_site_may_give_it_some_time() {
    let grace = Duration::from_secs(600);
    // Nobody but the test looks at the seats of a gate that forwards nothing.
    let house = Plan::forward_auth().with(|config| config.sites[0].close_connections_after = grace).start();
    let gate = house.gateway.gate();
    let session = session_of(&house, &house.signed_in(&ada()));
    let another = session_of(&house, &house.signed_in(&ada()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (seats, watch) = (Seats::default(), Watch::of_stream(super::house::patience()));
        seats.take(&watch, session.clone(), 0, NOW);
        watch.seat.lasts();
        let mut is_cut = std::pin::pin!(watch.seat.is_cut());
        gate.store.remove(session.key()).await.unwrap();
        let found_at = NOW.plus(Duration::from_secs(5));
        for (later, cut) in [(0, false), (599, false), (600, true)] {
            seats.look(&gate, found_at.plus(Duration::from_secs(later))).await;
            assert_eq!(futures_util::poll!(is_cut.as_mut()).is_ready(), cut, "after {later} s");
        }
        // Who sits there next is another.
        seats.take(&watch, another, 0, NOW);
        seats.look(&gate, found_at.plus(grace)).await;
        let mut is_cut = std::pin::pin!(watch.seat.is_cut());
        assert!(futures_util::poll!(is_cut.as_mut()).is_pending());
    });
}

#[test]
fn an_event_stream_ends_with_its_session_though_the_application_is_silent() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    let mut stream = connect(house.public());
    stream.write_all(&client::request(HOST, &["GET /stream", &cookie], b"")).unwrap();
    assert_eq!(client::parse(&client::head(&mut stream)).status, 200);
    origin.go.send(()).unwrap();
    let mut octet = [0];
    while octet != [b'e'] {
        stream.read_exact(&mut octet).unwrap();
    }
    remove(&house, &cookie);
    assert!(is_closed(&mut stream));
}

#[test]
fn a_long_poll_ends_with_its_session_and_a_short_request_comes_to_its_end() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let (cookie, other) = (house.signed_in(&ada()), house.signed_in(&ada()));
    let mut poll = connect(house.public());
    poll.write_all(&client::request(HOST, &["GET /hold", &cookie], b"")).unwrap();
    origin.report();
    house.clock.advance(Duration::from_secs(9));
    // A later request of somebody whose session ends while it is under way.
    let mut short = connect(house.public());
    short.write_all(&client::request(HOST, &["GET /hold", &other], b"")).unwrap();
    origin.report();
    remove(&house, &cookie);
    remove(&house, &other);
    house.clock.advance(Duration::from_secs(1));
    assert!(is_closed(&mut poll));
    // The one that was cut no longer waits for the other's turn.
    for _ in 0..2 {
        origin.go.send(()).unwrap();
    }
    assert_eq!(client::answer_to_the_end(&mut short).text(), "held");
}

#[test]
fn what_nobody_signed_in_for_lasts() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    let mut nobodys = websocket_at("/public/socket", &house, "X-None: x");
    // The application is told who it is there too, when somebody is signed in.
    let mut somebodys = websocket_at("/public/socket", &house, &cookie);
    remove(&house, &cookie);
    house.clock.advance(24 * HOUR);
    assert!(is_closed(&mut somebodys));
    echo(&mut nobodys);
}

#[test]
fn the_next_request_on_a_connection_is_not_taken_for_the_one_before() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let (gone, stays) = (house.signed_in(&ada()), house.signed_in(&ada()));
    let mut stream = connect(house.public());
    let mut ask = |cookie: &str| {
        write!(stream, "GET /a HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\n\r\n").unwrap();
        client::answer(&mut stream).status
    };
    assert_eq!(ask(&gone), 200);
    remove(&house, &gone);
    for _ in 0..3 {
        // Longer than a request may take that is looked at.
        house.clock.advance(Duration::from_secs(60));
        assert_eq!(ask(&stays), 200);
        assert_eq!(ask(&gone), 401);
    }
}

#[test]
fn a_stream_of_http_2_ends_alone() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let (cookie, other) = (house.session_cookie(&ada()), house.session_cookie(&ada()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut sender = over_http_2(house.public()).await;
        let mut stream = |cookie: &str| {
            let request = http::Request::get(format!("http://{HOST}/stream"))
                .header("cookie", cookie)
                .body(Empty::<Bytes>::new())
                .unwrap();
            sender.send_request(request)
        };
        let (first, second) = (stream(&cookie), stream(&other));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
        let key = key_of(&cookie);
        assert!(house.gateway.gate().store.remove(&key).await.unwrap().is_some());
        let ended = tokio::time::timeout(NEVER, first.into_body().collect()).await.unwrap();
        assert!(ended.is_err(), "reset, and not taken for a whole answer");
        // The other stream of the connection goes on to its end.
        for _ in 0..6 {
            let _ = origin.go.send(());
        }
        let whole = tokio::time::timeout(NEVER, second.into_body().collect()).await.unwrap();
        assert!(whole.is_ok());
    });
}

async fn over_http_2(to: SocketAddr) -> hyper::client::conn::http2::SendRequest<Empty<Bytes>> {
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}
