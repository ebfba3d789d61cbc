//! Prometheus metrics (SKELETON).

use crate::reason::Reason;

/// How a judged request went, for the counter `vestibule_requests_total{site,face,verdict}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerdictLabel {
    Allowed,
    Anonymous,
    SignIn,
    Unauthenticated,
    Forbidden,
    Malformed,
    Own,
    Failed,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaceLabel {
    Proxy,
    AuthRequest,
    ForwardAuth,
}

/// All metrics; cheap handles, no label look-up on the hot path (pre-resolved per site).
#[derive(Debug)]
pub struct Metrics {}
impl Metrics {
    /// `sites`: names; counters are made beforehand.
    pub fn new(_sites: &[&str]) -> Self {
        todo!()
    }
    pub fn request(&self, _site: u16, _face: FaceLabel, _verdict: VerdictLabel, _seconds: f64) {
        todo!()
    }
    pub fn sign_in_started(&self, _site: u16) {
        todo!()
    }
    /// Outcome "accepted" or the reason's code.
    pub fn sign_in_finished(&self, _site: u16, _refused: Option<Reason>) {
        todo!()
    }
    pub fn sign_out(&self, _site: u16) {
        todo!()
    }
    /// Seconds until a certificate ends are computed at scrape time by the caller.
    pub fn set_certificate_days_left(&self, _site: &str, _idp: &str, _fingerprint: &str, _days: f64) {
        todo!()
    }
    pub fn set_store(&self, _sessions: u64, _bytes: u64, _evicted: u64, _claims: u64) {
        todo!()
    }
    pub fn in_flight(&self) -> &std::sync::atomic::AtomicU64 {
        todo!()
    }
    /// OpenMetrics text.
    pub fn encode(&self) -> String {
        todo!()
    }
}
