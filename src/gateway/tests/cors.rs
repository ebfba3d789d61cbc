//! Scripts of other origins, at both faces.

use super::client::{self, Answer, request};
use super::house::{HOST, House, Plan, ada};
use super::origin::{Origin, Seen};
use crate::access::Cors;
use bytes::Bytes;
use http::HeaderValue;
use hyper::body::{Body, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

const SPA: &str = "Origin: https://spa.example.com";
const EVIL: &str = "Origin: https://evil.test";
const SCRIPT: &str = "Sec-Fetch-Mode: cors";
const ASKS: &str = "Access-Control-Request-Method: PUT";

fn lets(mut plan: Plan, preflight: bool) -> House {
    let spa = HeaderValue::from_static("https://spa.example.com");
    plan.config.sites[0].cors = Cors::new(vec![spa], preflight);
    plan.start()
}

fn may_be_read(answer: &Answer) -> bool {
    assert_eq!(answer.all("vary"), ["Origin"]);
    let allowed = answer.all("access-control-allow-origin");
    assert_eq!(answer.all("access-control-allow-credentials").len(), allowed.len());
    assert!(allowed.iter().all(|origin| *origin == "https://spa.example.com"), "{allowed:?}");
    !allowed.is_empty()
}

#[test]
fn a_listed_origin_may_read_what_is_refused_and_no_other() {
    let origin = Origin::start();
    let house = lets(Plan::before(origin.address), false);
    let cookie = house.signed_in(&ada());
    for (line, status) in [("GET /a", 401), ("GET /admin/x", 401), ("GET /a/%2e%2e%2fx%00", 400)] {
        let told = house.ask(&[line, SPA, SCRIPT]);
        assert_eq!((told.status, may_be_read(&told)), (status, true), "{line}");
        let told = house.ask(&[line, EVIL, SCRIPT]);
        assert_eq!((told.status, may_be_read(&told)), (status, false), "{line}");
        assert!(!may_be_read(&house.ask(&[line, SCRIPT])), "{line}");
    }
    let refused = house.ask(&["GET /admin/x", &cookie, SPA, SCRIPT]);
    assert_eq!((refused.status, may_be_read(&refused)), (403, true));
    // What the application answers is the application's.
    let passed = house.ask(&["GET /a", &cookie, SPA, SCRIPT]);
    assert_eq!((passed.status, passed.header("access-control-allow-origin")), (200, None));
}

#[test]
fn without_the_setting_nothing_is_said_about_origins() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let told = house.ask(&["GET /a", SPA, SCRIPT]);
    assert_eq!(
        (told.status, told.header("access-control-allow-origin"), told.header("vary")),
        (401, None, None)
    );
    assert_eq!(house.ask(&["OPTIONS /a", SPA, ASKS]).status, 401);
}

#[test]
fn a_preflight_passes_as_nobody_and_nothing_else_does() {
    let origin = Origin::start();
    let house = lets(Plan::before(origin.address), true);
    let seen = Seen::in_answer(&house.ask(&["OPTIONS /a", SPA, ASKS, "X-Forwarded-User: root"]));
    assert_eq!(seen.line, "OPTIONS /a HTTP/1.1");
    assert_eq!(seen.only("x-forwarded-user"), "");
    assert_eq!(seen.only("x-vestibule-jwt-assertion"), "");
    assert_eq!(
        house.ask(&["OPTIONS /admin/x", SPA, ASKS]).status,
        200,
        "what needs a role needs a session first"
    );
    for lines in [
        &["OPTIONS /a", EVIL, ASKS][..],
        &["OPTIONS /a", SPA],
        &["OPTIONS /a", ASKS],
        &["PUT /a", SPA, ASKS, "Content-Length: 0"],
        &["GET /a", SPA, ASKS],
        &["OPTIONS /a", SPA, EVIL, ASKS],
        &["options /a", SPA, ASKS],
        &["GET /a", SPA, ASKS, "X-HTTP-Method-Override: OPTIONS"],
        &["OPTIONS /a", SPA, ASKS, "Upgrade: websocket"],
    ] {
        let status = house.ask(lines).status;
        assert!(status == 401 || status == 400, "{lines:?}: {status}");
    }
    let kept = lets(Plan::before(origin.address), false);
    assert_eq!(kept.ask(&["OPTIONS /a", SPA, ASKS]).status, 401);
}

#[test]
fn gateways_are_told_the_same() {
    let house = lets(Plan::forward_auth(), true);
    let url = format!("X-Original-URL: https://{HOST}/a");
    let uri = ["X-Forwarded-Uri: /a", "X-Forwarded-Proto: https"];
    let host = format!("X-Forwarded-Host: {HOST}");
    let cookie = house.signed_in(&ada());
    let nginx = |method: &str, also: &[&str]| {
        let method = format!("X-Original-Method: {method}");
        let lines = [&["GET /vestibule/authz/auth-request", url.as_str(), &method], also].concat();
        client::ask(house.authz(), &request("authz", &lines, b""))
    };
    let traefik = |method: &str, also: &[&str]| {
        let method = format!("X-Forwarded-Method: {method}");
        let lines = [&["GET /vestibule/authz/forward-auth", &method, &host, uri[0], uri[1]], also].concat();
        client::ask(house.authz(), &request("authz", &lines, b""))
    };
    for told in [nginx("GET", &[SPA, SCRIPT]), traefik("GET", &[SPA, SCRIPT])] {
        assert_eq!((told.status, may_be_read(&told)), (401, true));
    }
    for told in [nginx("GET", &[EVIL, SCRIPT]), traefik("GET", &[EVIL, SCRIPT])] {
        assert_eq!((told.status, may_be_read(&told)), (401, false));
    }
    for passed in [nginx("OPTIONS", &[SPA, ASKS]), traefik("OPTIONS", &[SPA, ASKS])] {
        assert_eq!((passed.status, passed.header("x-forwarded-user")), (200, Some("")));
    }
    for refused in [nginx("OPTIONS", &[EVIL, ASKS]), traefik("OPTIONS", &[SPA])] {
        assert_eq!(refused.status, 401);
    }
    let known = nginx("GET", &[SPA, SCRIPT, &cookie]);
    assert_eq!((known.status, known.header("access-control-allow-origin")), (200, None));
}

/// A body whose length no header tells.
struct Unannounced(Option<Bytes>);

impl Body for Unannounced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().0.take().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

/// The status of a preflight over HTTP/2 without TLS.
async fn preflight_over_h2(to: SocketAddr, body: Option<&'static [u8]>) -> u16 {
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::options(format!("https://{HOST}/a"))
        .header("origin", "https://spa.example.com")
        .header("access-control-request-method", "PUT")
        .body(Unannounced(body.map(Bytes::from_static)));
    sender.send_request(request.unwrap()).await.unwrap().status().as_u16()
}

#[test]
fn over_http_2_a_body_that_no_header_announces_makes_it_no_preflight() {
    let origin = Origin::start();
    let house = lets(Plan::before(origin.address), true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = |body| runtime.block_on(preflight_over_h2(house.public(), body));
    assert_eq!(status(None), 200);
    assert_eq!(status(Some(b"{}".as_slice())), 401);
}
