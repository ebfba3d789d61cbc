//! Health and metrics, on a listener of their own.

use super::live::Live;
use super::serve::Answer;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

/// The admin listener's endpoints.
pub(super) struct Admin {
    pub(super) live: Arc<Live>,
    /// Set when the gate is about to go: it is not ready for more.
    pub(super) leaving: Arc<AtomicBool>,
    /// Set once the store of sessions has been reached.
    pub(super) store_reached: Arc<AtomicBool>,
}

#[async_trait]
impl Answer for Admin {
    type Peer = ();
    type Body = Full<Bytes>;

    fn meet(&self, _peer: IpAddr) {}

    fn answer_now(
        &self,
        request: &Request<Incoming>,
        (): (),
        _began: Instant,
    ) -> Option<Response<Full<Bytes>>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Some(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n"));
        }
        Some(match request.uri().path() {
            "/healthz" | "/ping" => plain(StatusCode::OK, "alive\n"),
            "/readyz" | "/ready" if self.leaving.load(Ordering::Relaxed) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
            }
            "/readyz" | "/ready" if !self.store_reached.load(Ordering::Relaxed) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "the session store has not been reached yet\n")
            }
            "/readyz" | "/ready" => plain(StatusCode::OK, "ready\n"),
            "/metrics" => {
                let gate = &self.live.look().gate;
                super::background::refresh_figures(gate);
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                let text = match wants_exemplars(request.headers()) {
                    true => gate.metrics.encode_with_exemplars(),
                    false => gate.metrics.encode(),
                };
                answer(StatusCode::OK, kind, text.into())
            }
            _ => plain(StatusCode::NOT_FOUND, "/healthz /readyz /metrics\n"),
        })
    }

    async fn answer_later(
        &self,
        _request: Request<Incoming>,
        (): (),
        _began: Instant,
    ) -> Response<Full<Bytes>> {
        plain(StatusCode::NOT_FOUND, "")
    }
}

/// Traces are named beside figures only for who asks for the format that has a place for them: others read the older one, in
/// which such a line is an error.
fn wants_exemplars(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    kinds.any(|line| {
        line.split(',').any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/openmetrics-text")
        })
    })
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    answer(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
