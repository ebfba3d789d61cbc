//! What is counted and told about each request: metrics, and one line in the log.

use crate::gate::Gate;
use crate::observe::metrics::{FaceLabel, VerdictLabel};
use http::Method;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// Targets whose talk below `warn` repeats whole headers, cookies and signed tokens. Whoever installs the log must
/// hold them to warnings, whatever level is configured for everything else.
pub const CONFIDENTIAL_TARGETS: &[&str] = &[
    "pingora",
    "pingora_core",
    "pingora_proxy",
    "pingora_http",
    "pingora_pool",
    "pingora_cache",
    "h2",
    "hyper",
    "hyper_util",
    "rustls",
    "tokio_rustls",
];

/// Counts a request as under way until it is dropped.
pub(super) struct InFlight(Arc<Gate>);

impl InFlight {
    pub(super) fn enter(gate: &Arc<Gate>) -> Self {
        gate.metrics.in_flight().fetch_add(1, Ordering::Relaxed);
        Self(gate.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.metrics.in_flight().fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is known about a request when it is done.
pub(super) struct Record<'a> {
    pub(super) site: Option<u16>,
    pub(super) face: FaceLabel,
    pub(super) verdict: VerdictLabel,
    pub(super) method: &'a Method,
    /// Without its query: queries carry tokens.
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) octets: usize,
    pub(super) client: IpAddr,
    pub(super) began: Instant,
}

impl Record<'_> {
    /// Counts it, and writes the request line when somebody wants to read it.
    pub(super) fn write(&self, gate: &Gate, line: bool) {
        let took = self.began.elapsed();
        if let Some(site) = self.site {
            gate.metrics.request(site, self.face, self.verdict, took.as_secs_f64());
        }
        if line {
            tracing::info!(
                target: "vestibule::request",
                site = self.site.and_then(|site| gate.sites.get(usize::from(site))).map_or("-", |site| &site.name),
                face = ?self.face,
                method = %self.method,
                path = self.path,
                status = self.status,
                verdict = ?self.verdict,
                milliseconds = took.as_secs_f64() * 1000.0,
                octets = self.octets,
                client = %self.client,
                "request"
            );
        }
    }
}
