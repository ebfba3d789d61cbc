//! What is counted and told about each request: metrics, and one line in the log.

use super::live::Plan;
use super::request::path_of;
use crate::gate::Gate;
use crate::observe::log::REQUESTS;
use crate::observe::metrics::{FaceLabel, NO_SITE, VerdictLabel};
use crate::reason::{Reason, Refusal};
use crate::site::Site;
use http::Method;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// Counts a request as under way until it is dropped, and holds what it began with.
pub(super) struct InFlight(Arc<Plan>);

impl InFlight {
    pub(super) fn enter(plan: Arc<Plan>) -> Self {
        plan.gate.metrics.in_flight().fetch_add(1, Ordering::Relaxed);
        Self(plan)
    }
}

impl Deref for InFlight {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.gate.metrics.in_flight().fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is known about a request when it is done.
pub(super) struct Record<'a> {
    pub(super) site: Option<u16>,
    pub(super) face: FaceLabel,
    pub(super) verdict: VerdictLabel,
    pub(super) method: &'a Method,
    /// As it was asked for; its query is never written, because queries carry tokens.
    pub(super) target: &'a str,
    pub(super) status: u16,
    pub(super) octets: usize,
    pub(super) client: IpAddr,
    pub(super) began: Instant,
}

impl Record<'_> {
    /// Counts it, and writes the request line when somebody wants to read it.
    pub(super) fn write(&self, gate: &Gate, line: bool) {
        let took = self.began.elapsed().as_secs_f64();
        gate.metrics.request(self.site.unwrap_or(NO_SITE), self.face, self.verdict, took);
        if line {
            tracing::info!(
                target: REQUESTS,
                site = self.site.and_then(|site| gate.sites.get(usize::from(site))).map_or("", |site| site.name.as_str()),
                face = self.face.as_str(),
                method = %self.method,
                path = path_of(self.target),
                status = self.status,
                verdict = self.verdict.as_str(),
                milliseconds = (took * 1e6).round() / 1e3,
                octets = self.octets,
                client = %self.client,
                "request"
            );
        }
    }
}

/// The store could not be asked who sent a request, and it passes as anybody's would.
#[cold]
pub(super) fn passes_unknown(site: &Site, problem: &Refusal) {
    tracing::warn!(site = site.name, %problem, "passed without looking for a session");
}

/// How a request that was refused for this reason went.
pub(super) const fn verdict_of(reason: Reason) -> VerdictLabel {
    match reason.status() {
        401 => VerdictLabel::Unauthenticated,
        403 => VerdictLabel::Forbidden,
        500.. => VerdictLabel::Failed,
        _ => VerdictLabel::Malformed,
    }
}
