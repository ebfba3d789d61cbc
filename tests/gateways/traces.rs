//! A stranger's `traceparent`: the gate follows the trace that its gateway sends, so that a gateway which passes a client's own on
//! would let anybody decide what is recorded, and lead applications into traces of theirs.

use crate::programs::Kind;
use crate::support::program::loopback;
use crate::wire;
use crate::world::{World, cookie_line};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a stranger asks to be recorded as.
const STRANGERS: [u8; 16] = *b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36";
/// What the gate is told to record by somebody whom it trusts.
const WITNESS: [u8; 16] = *b"\x5c\x0a\x3f\x46\x88\xc4\x5e\xb7\xb4\xdf\xa3\xae\x1f\x1f\x58\x47";

fn parent(trace: [u8; 16]) -> String {
    format!("00-{}-00f067aa0ba902b7-01", hex(trace))
}

fn hex(trace: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(trace))
}

/// Whatever was sent to a collector, one batch after the other. Names of traces stand in it as they are.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<u8>>>);

impl Collector {
    async fn start() -> (Self, u16) {
        let (collector, listener) =
            (Self::default(), tokio::net::TcpListener::bind(loopback(0)).await.unwrap());
        let (port, taking) = (listener.local_addr().unwrap().port(), collector.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let taking = taking.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let taking = taking.clone();
                    async move {
                        let octets = request.into_body().collect().await.unwrap().to_bytes();
                        taking.0.lock().unwrap().extend_from_slice(&octets);
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
                    }
                });
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
            }
        });
        (collector, port)
    }

    fn has(&self, trace: [u8; 16]) -> bool {
        self.0.lock().unwrap().windows(trace.len()).any(|window| window == trace)
    }

    async fn until(&self, trace: [u8; 16]) {
        let began = Instant::now();
        while !self.has(trace) {
            assert!(began.elapsed() < Duration::from_secs(60), "{} is not recorded", hex(trace));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Asks for everything that leads to the gate or to the application, with a trace of one's own. Answers what of it arrived there.
async fn strangers_ask(kind: Kind, alter: &dyn Fn(String) -> String) -> (World, Collector, String) {
    let (collector, port) = Collector::start().await;
    let more = format!("tracing: {{otlp_endpoint: \"http://127.0.0.1:{port}\", sample: 0}}\n");
    let world = World::configured(kind, &more, alter).await;
    let grace = world.signed_in("grace").await;
    let mut application = String::new();
    for (path, cookies) in [
        ("/page", cookie_line(&grace)),
        ("/page", String::new()),
        ("/public/page", String::new()),
        ("/admin/page", cookie_line(&grace)),
        ("/vestibule/saml/metadata", String::new()),
        ("/vestibule", String::new()),
    ] {
        for name in ["traceparent", "Traceparent"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{cookies}{name}: {}\r\nTracestate: evil=1\r\n\
                 Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
                world.port,
                parent(STRANGERS)
            );
            let (_, told) = wire::whole(world.port, request.as_bytes()).await;
            if told.contains(&format!("GET {path}\n")) {
                application.push_str(&told);
            }
        }
    }
    assert!(
        application.contains("GET /page\n") && application.contains("GET /public/page\n"),
        "{application}"
    );
    (world, collector, application)
}

async fn keeps_strangers_out(kind: Kind) {
    let (world, collector, application) = strangers_ask(kind, &|text| text).await;
    assert!(!application.contains(&hex(STRANGERS)), "{kind:?}: {application}");
    assert!(!application.contains("evil"), "{kind:?}: {application}");
    // Whoever is trusted is followed, and comes after all of these.
    let request = format!(
        "GET /vestibule/saml/metadata HTTP/1.1\r\nHost: 127.0.0.1:{}\r\ntraceparent: {}\r\nConnection: close\r\n\r\n",
        world.port,
        parent(WITNESS)
    );
    let (status, told) = wire::whole(world.gate.as_ref().unwrap().port, request.as_bytes()).await;
    assert_eq!(status, 200, "{told}");
    collector.until(WITNESS).await;
    assert!(!collector.has(STRANGERS), "{kind:?}: a stranger has decided what is recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_passes_no_strangers_trace_on() {
    keeps_strangers_out(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_passes_no_strangers_trace_on() {
    keeps_strangers_out(Kind::Caddy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_passes_no_strangers_trace_on() {
    keeps_strangers_out(Kind::Traefik).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_passes_no_strangers_trace_on() {
    keeps_strangers_out(Kind::Envoy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_over_grpc_passes_no_strangers_trace_on() {
    keeps_strangers_out(Kind::EnvoyGrpc).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_passes_no_strangers_trace_on() {
    keeps_strangers_out(Kind::Haproxy).await;
}

/// The twin: without the lines for it, it arrives everywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lines_for_it_nginx_would_let_strangers_decide() {
    let without = |text: String| {
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("proxy_set_header Trace")).collect();
        assert!(kept.len() < text.lines().count());
        kept.join("\n")
    };
    let (_world, collector, application) = strangers_ask(Kind::Nginx, &without).await;
    assert!(application.contains(&hex(STRANGERS)) && application.contains("evil=1"), "{application}");
    collector.until(STRANGERS).await;
}
