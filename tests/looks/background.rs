//! Scripts of another origin, as a real Chromium lets them: what they may read of a refusal, and the question that the
//! browser asks before.

use crate::support::gate::{GateProcess, Ports};
use crate::support::window::{Make, Window};
use crate::tls;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;

const HOSTS: [&str; 3] = ["api.gate.test", "spa.test", "other.test"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listed_origin_reads_the_401_and_others_do_not() {
    let scene = Scene::set("preflight: false").await;
    let told = scene.fetched(1, "GET").await;
    assert_eq!(told["status"], 401, "{told}");
    assert_eq!(told["body"]["error"], "session-missing", "{told}");
    assert!(told["body"]["sign_in_url"].as_str().unwrap().starts_with(&scene.public), "{told}");
    assert_eq!(scene.fetched(2, "GET").await, json!("TypeError"), "another origin read it");
    // The question is refused like everything, so the browser asks no further.
    assert_eq!(scene.fetched(1, "PUT").await, json!("TypeError"));
    scene.browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_passes_to_the_application_and_what_it_announces_does_not() {
    let scene = Scene::set("preflight: true").await;
    // The application answers the question; the request itself needs a session, and the script may read that.
    let told = scene.fetched(1, "PUT").await;
    assert_eq!(told["status"], 401, "{told}");
    assert_eq!(scene.fetched(2, "PUT").await, json!("TypeError"));
    scene.browser.close().await;
}

struct Scene {
    browser: Window,
    pages: SocketAddr,
    public: String,
    _gate: GateProcess,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn set(preflight: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = tls::certificate(folder.path(), &HOSTS[..1]);
        let (ports, app) = (Ports::choose(), application().await);
        let public = format!("https://{}:{}", HOSTS[0], ports.public);
        let metadata = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/files/idp-metadata.xml");
        let config = format!(
            "public_url: {public}\nupstream: http://{app}\ncors: {{origins: [\"http://{}:{}\"], {preflight}}}\n\
             tls: {{certificate_file: {}, private_key_file: {}}}\n\
             identity_providers:\n  - {{id: corp, metadata_file: {metadata}}}\n",
            HOSTS[1],
            app.port(),
            certificate.display(),
            key.display()
        );
        let gate = GateProcess::start(folder.path(), &ports, &config);
        let browser = Make::Chromium.open(folder.path(), &HOSTS).await;
        Self { browser, pages: app, public, _gate: gate, _folder: folder }
    }

    /// What a script on the host of this number gets to see: status and body, or the name of the error.
    async fn fetched(&self, host: usize, method: &str) -> Value {
        self.browser.open(&format!("http://{}:{}/page", HOSTS[host], self.pages.port())).await;
        let script = "const [url, method, done] = arguments;\
                      fetch(url, {method, credentials: 'include'})\
                      .then(async r => done({status: r.status, body: await r.json()}), e => done(e.name))";
        self.browser
            .run_later(script, vec![json!(format!("{}/api/things", self.public)), json!(method)])
            .await
    }
}

/// Pages for scripts, and an interface that lets every origin ask; nobody gets as far as to use it.
async fn application() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new().serve_connection(
                    TokioIo::new(stream),
                    service_fn(|request| async move { Ok::<_, Infallible>(answer(&request)) }),
                );
                drop(connection.await);
            });
        }
    });
    address
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from("<!doctype html><title>A page</title>")));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("text/html"));
    if *request.method() == Method::OPTIONS {
        let origin = request.headers().get("origin").cloned().unwrap_or(HeaderValue::from_static("null"));
        headers.insert("access-control-allow-origin", origin);
        headers.insert("access-control-allow-credentials", HeaderValue::from_static("true"));
        headers.insert("access-control-allow-methods", HeaderValue::from_static("PUT"));
    }
    response
}
