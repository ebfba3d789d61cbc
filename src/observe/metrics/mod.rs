//! Figures for Prometheus.
//!
//! Everything that a request touches is an array of atomics indexed by site, face and verdict: no label is hashed and
//! no lock is taken on the path of a known session. Names and labels are put to the figures when somebody scrapes.
//!
//! | metric | labels | what |
//! |---|---|---|
//! | `vestibule_requests_total` | site, face, verdict | requests by verdict |
//! | `vestibule_request_duration_seconds` | face | from the request's head to the end of our answer, or of the application's |
//! | `vestibule_site_request_duration_seconds` | site | the same by site, unless `metrics.sites: false` |
//! | `vestibule_sign_ins_started_total` | site | browsers sent to an IdP |
//! | `vestibule_sign_ins_total` | site, outcome, code | sign-ins that ended; `code` is the reason of a refusal |
//! | `vestibule_danger_used_total` | site, danger | answers that only a `danger_` key let in; `danger` is `sha1` |
//! | `vestibule_second_opinions_total` | opinion | accepted answers that were judged once more: `agrees`, `not_comparable`, `disagrees` |
//! | `vestibule_sign_outs_total` | site | sessions ended by their owner, here or at the IdP |
//! | `vestibule_single_logouts_total` | site, begun_by, outcome, code | logout messages of IdPs: `begun_by` is `idp` (requests) or `user` (answers to ours); `outcome` is `ended`, `partly`, `failed` or `refused`; `code` is the reason of a refusal |
//! | `vestibule_sessions`, `vestibule_session_bytes` | | what the store holds |
//! | `vestibule_sessions_evicted_total` | | sessions that had to make room |
//! | `vestibule_claims` | | answered requests and assertions that are remembered |
//! | `vestibule_store_duration_seconds` | operation, outcome | with `store: redis`: from a question to its answer (`answered`), or until nobody waited for one any more (`failed`) |
//! | `vestibule_store_errors_total` | kind | questions that were not answered: `timeout`, `connection`, `open` (not asked, the breaker is open), `busy`, `read_only`, `full`, `unacknowledged`, `forgetful`, `forbidden`, `other` |
//! | `vestibule_store_unreadable_total` | reason | entries that are no session: `garbage`, `unknown_key`, `future_version` |
//! | `vestibule_store_lookups_total` | from | who knew a session: `memory` or `store` |
//! | `vestibule_store_breaker_open`, `vestibule_store_listening` | | whether the store is not asked; whether we hear of what ends elsewhere |
//! | `vestibule_store_connects_total`, `vestibule_store_ended_elsewhere_total` | | how often it could be asked again; sessions that another process ended |
//! | `vestibule_idp_certificate_days_left` | site, idp, fingerprint | negative once it has ended |
//! | `vestibule_sp_certificate_days_left` | site, fingerprint | of our own signing certificates; negative once it has ended |
//! | `vestibule_idp_metadata_read_total` | site, idp, outcome | readings of a metadata source: `unchanged`, `changed`, `held`, `refused`, `unreachable` |
//! | `vestibule_idp_metadata_confirmed_timestamp_seconds` | site, idp | when the source last confirmed what is in use; `time() -` this is the age of the metadata |
//! | `vestibule_idp_metadata_valid_until_timestamp_seconds` | site, idp | where the metadata says so; after it sign-ins are refused |
//! | `vestibule_idp_metadata_held` | site, idp | 1 while a change waits for `vestibule metadata apply` |
//! | `vestibule_audit_dropped_total`, `vestibule_log_dropped_total` | | audit events and lines of the log that could not be written |
//! | `vestibule_in_flight` | | requests being served |
//! | `vestibule_limits_reached_total` | limit | what was refused or cut because it was too much or too slow |
//! | `vestibule_connections_closed_total` | | WebSockets and the like that were closed because their session had ended |
//! | `vestibule_connections` | listener | open connections of clients; `listener` is `public`, `authz`, `grpc` or `admin` |
//! | `vestibule_connections_refused_total` | listener | connections that were closed at once, because `limits.connections` were open |
//! | `vestibule_reloads_total` | outcome | readings of the configuration while the gate ran: `applied`, `unchanged`, `refused` |
//! | `vestibule_config_loaded_timestamp_seconds` | | when the configuration that is in use was taken over |
//! | `vestibule_session_files_total` | outcome | files of sessions of the process before, at the start: `taken_up`, `refused` |
//! | `vestibule_spans_total` | outcome | with `tracing`: spans that were `sent`, `no_room` (more than the queue holds), `not_taken` (the collector did not answer, or refused them) |
//! | `vestibule_build_info` | version | always 1 |
//!
//! Requests whose host names no site are counted under an empty `site`, and so are figures of an identity provider that
//! several sites admit.

mod durations;
mod limits;
mod metadata;
mod reload;
mod scrape;
mod store;
mod traces;

pub use limits::LimitLabel;
pub use metadata::{MetadataFigures, MetadataOutcome};
pub use reload::{ReloadOutcome, SessionFileOutcome};
pub use store::{StoreFigures, StoreOperation, StoreTrouble, UnreadableEntry};
pub use traces::TraceFigures;

use super::traces::TraceId;
use crate::clock::Moment;
use crate::reason::Reason;
use durations::{Durations, Exemplars};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use scrape::gauge;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The site of a request whose host names none.
pub const NO_SITE: u16 = u16::MAX;

/// How a judged request went, for the counter `vestibule_requests_total{site,face,verdict}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerdictLabel {
    /// Passed, with a session.
    Allowed,
    /// Passed, without one, because a rule says so.
    Anonymous,
    /// Sent to sign in.
    SignIn,
    /// 401: needs a session, and is no navigation.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// 400: cannot be read in one way only.
    Malformed,
    /// For one of our own endpoints.
    Own,
    /// We or the application failed.
    Failed,
}

impl VerdictLabel {
    const ALL: [Self; 8] = [
        Self::Allowed,
        Self::Anonymous,
        Self::SignIn,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Malformed,
        Self::Own,
        Self::Failed,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Anonymous => "anonymous",
            Self::SignIn => "sign_in",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Malformed => "malformed",
            Self::Own => "own",
            Self::Failed => "failed",
        }
    }
}

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaceLabel {
    /// The reverse proxy.
    Proxy,
    /// nginx's question.
    AuthRequest,
    /// Traefik's, Caddy's and HAProxy's question.
    ForwardAuth,
    /// Envoy's question over HTTP.
    ExtAuthz,
    /// Envoy's question over gRPC.
    Grpc,
}

impl FaceLabel {
    const ALL: [Self; 5] = [Self::Proxy, Self::AuthRequest, Self::ForwardAuth, Self::ExtAuthz, Self::Grpc];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::AuthRequest => "auth_request",
            Self::ForwardAuth => "forward_auth",
            Self::ExtAuthz => "ext_authz",
            Self::Grpc => "grpc",
        }
    }
}

/// Which listener a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListenerLabel {
    /// Browsers, or the gateway before them.
    Public,
    /// Questions of gateways.
    Authz,
    /// The same over gRPC.
    Grpc,
    /// Health and metrics.
    Admin,
}

impl ListenerLabel {
    const ALL: [Self; 4] = [Self::Public, Self::Authz, Self::Grpc, Self::Admin];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authz => "authz",
            Self::Grpc => "grpc",
            Self::Admin => "admin",
        }
    }
}

/// What a second opinion was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpinionLabel {
    /// The same as ours.
    Agrees,
    /// None: such a message cannot be judged by it.
    NotComparable,
    /// Another.
    Disagrees,
}

impl OpinionLabel {
    const ALL: [Self; 3] = [Self::Agrees, Self::NotComparable, Self::Disagrees];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::NotComparable => "not_comparable",
            Self::Disagrees => "disagrees",
        }
    }
}

/// All metrics of one process, as one configuration numbers its sites.
#[derive(Debug)]
pub struct Metrics {
    figures: Arc<Figures>,
    registry: Arc<Registry>,
    /// By `Site::id`.
    sites: Box<[Arc<SiteFigures>]>,
    /// Of requests without a site.
    nameless: Arc<SiteFigures>,
}

impl Metrics {
    /// `sites`: their names in the order of `Site::id`; equal ones are one site under several addresses. Every counter
    /// exists from the start, at zero.
    pub fn new(sites: &[&str]) -> Self {
        let figures = Arc::new(Figures::default());
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&figures)));
        Self::numbered(figures, Arc::new(registry), Arc::new(SiteFigures::named("")), sites)
    }

    /// From now on: whether times are counted for each site, and whether recorded traces are named beside times.
    pub fn choose(&self, by_site: bool, exemplars: bool) {
        self.figures.not_by_site.store(!by_site, Ordering::Relaxed);
        self.figures.no_exemplars.store(!exemplars, Ordering::Relaxed);
    }

    /// The same figures under other numbers: those of the sites of another configuration. A site that was there before goes
    /// on counting; one that is gone is scraped no longer.
    pub fn renumbered(&self, sites: &[&str]) -> Self {
        Self::numbered(self.figures.clone(), self.registry.clone(), self.nameless.clone(), sites)
    }

    fn numbered(
        figures: Arc<Figures>,
        registry: Arc<Registry>,
        nameless: Arc<SiteFigures>,
        names: &[&str],
    ) -> Self {
        let mut scraped = figures.sites.lock();
        let before = std::mem::take(&mut *scraped);
        let mut sites = Vec::with_capacity(names.len());
        for name in names {
            let of_this_name = |figures: &&Arc<SiteFigures>| figures.name == *name;
            let figures = scraped.iter().find(of_this_name).cloned().unwrap_or_else(|| {
                let known = before.iter().find(of_this_name).cloned();
                let figures = known.unwrap_or_else(|| Arc::new(SiteFigures::named(name)));
                scraped.push(Arc::clone(&figures));
                figures
            });
            sites.push(figures);
        }
        scraped.push(Arc::clone(&nameless));
        drop(scraped);
        Self { figures, registry, sites: sites.into(), nameless }
    }

    fn site(&self, id: u16) -> &SiteFigures {
        self.sites.get(usize::from(id)).unwrap_or(&self.nameless)
    }

    /// One request is done. `site` is `Site::id`, or [`NO_SITE`].
    pub fn request(&self, site: u16, face: FaceLabel, verdict: VerdictLabel, seconds: f64) {
        self.traced_request(site, face, verdict, seconds, None);
    }

    /// The same of one that was traced, and when it ended, if it was recorded.
    pub fn traced_request(
        &self,
        site: u16,
        face: FaceLabel,
        verdict: VerdictLabel,
        seconds: f64,
        trace: Option<(TraceId, Moment)>,
    ) {
        let site = self.site(site);
        count(&site.requests[face as usize][verdict as usize]);
        let bucket = self.figures.durations[face as usize].observe(seconds);
        let by_site = !self.figures.not_by_site.load(Ordering::Relaxed);
        if by_site {
            site.durations.observe_at(bucket, seconds);
        }
        if let Some((trace, at)) = trace.filter(|_| !self.figures.no_exemplars.load(Ordering::Relaxed)) {
            self.figures.exemplars[face as usize].put(bucket, trace, seconds, at);
            if by_site {
                site.exemplars.put(bucket, trace, seconds, at);
            }
        }
    }

    /// A browser was sent to an IdP.
    pub fn sign_in_started(&self, site: u16) {
        count(&self.site(site).sign_ins_started);
    }

    /// A sign-in ended: accepted, or refused by a reason.
    pub fn sign_in_finished(&self, site: u16, refused: Option<Reason>) {
        let site = self.site(site);
        match refused {
            None => count(&site.sign_ins_accepted),
            Some(reason) => *site.sign_ins_refused.lock().entry(reason.code()).or_default() += 1,
        }
    }

    /// An answer rested on SHA-1, which the configuration allows until a day.
    pub fn danger_used(&self, site: u16) {
        count(&self.site(site).danger_sha1);
    }

    /// An accepted answer was judged once more.
    pub fn second_opinion(&self, opinion: OpinionLabel) {
        count(&self.figures.second_opinions[opinion as usize]);
    }

    /// A session was ended by its owner, here or at the IdP.
    pub fn sign_out(&self, site: u16) {
        count(&self.site(site).sign_outs);
    }

    /// A logout message of an IdP was answered or, with the reason, refused.
    pub fn single_logout(
        &self,
        site: u16,
        begun_by: &'static str,
        outcome: &'static str,
        code: &'static str,
    ) {
        *self.site(site).single_logouts.lock().entry([begun_by, outcome, code]).or_default() += 1;
    }

    /// Days until a certificate of an IdP ends, computed at scrape time by the caller; below zero after it.
    /// `fingerprint` is the beginning of its SHA-256 in hex.
    pub fn set_certificate_days_left(&self, site: &str, idp: &str, fingerprint: &str, days: f64) {
        let key = [site.to_string(), idp.to_string(), fingerprint.to_string()];
        self.figures.certificates.lock().insert(key, days);
    }

    /// The same of a signing certificate of our own.
    pub fn set_own_certificate_days_left(&self, site: &str, fingerprint: &str, days: f64) {
        self.figures.own_certificates.lock().insert([site.to_string(), fingerprint.to_string()], days);
    }

    /// Forgets all certificates, before the ones of today are set: those that were replaced go.
    pub fn clear_certificates(&self) {
        self.figures.certificates.lock().clear();
        self.figures.own_certificates.lock().clear();
    }

    /// What the store holds now.
    pub fn set_store(&self, sessions: u64, bytes: u64, evicted: u64, claims: u64) {
        let store = &self.figures.store;
        for (figure, now) in store.iter().zip([sessions, bytes, evicted, claims]) {
            figure.store(now, Ordering::Relaxed);
        }
    }

    /// Requests being served: add one at the head, take one away at the end.
    pub fn in_flight(&self) -> &AtomicU64 {
        &self.figures.in_flight
    }

    /// Open connections of a listener: add one when it is accepted, take one away at its end.
    pub fn connections(&self, listener: ListenerLabel) -> &AtomicU64 {
        &self.figures.connections[listener as usize]
    }

    /// A connection was closed at once, because too many are open.
    pub fn connection_refused(&self, listener: ListenerLabel) {
        count(&self.figures.connections_refused[listener as usize]);
    }

    /// The text of a scrape, as `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a String does not fail; half a scrape must not be taken for a whole one.
            Err(_) => String::new(),
        }
    }

    /// The same with the traces that are named beside the times, for who understands them (OpenMetrics, exemplars).
    pub fn encode_with_exemplars(&self) -> String {
        self.figures.with_exemplars(self.encode())
    }
}

#[derive(Debug, Default)]
struct Figures {
    /// Each site once; the last is for requests without one.
    sites: Mutex<Vec<Arc<SiteFigures>>>,
    durations: [Durations; FaceLabel::ALL.len()],
    exemplars: [Exemplars; FaceLabel::ALL.len()],
    not_by_site: AtomicBool,
    no_exemplars: AtomicBool,
    traces: OnceLock<Arc<TraceFigures>>,
    /// Sessions, bytes, evicted, claims.
    store: [AtomicU64; 4],
    shared_store: OnceLock<Arc<StoreFigures>>,
    second_opinions: [AtomicU64; OpinionLabel::ALL.len()],
    in_flight: AtomicU64,
    connections: [AtomicU64; ListenerLabel::ALL.len()],
    connections_refused: [AtomicU64; ListenerLabel::ALL.len()],
    /// (site, idp, fingerprint) to days left.
    certificates: Mutex<BTreeMap<[String; 3], f64>>,
    /// (site, fingerprint) to days left.
    own_certificates: Mutex<BTreeMap<[String; 2], f64>>,
    metadata: metadata::OfMetadata,
    limits: limits::OfLimits,
    reload: reload::OfReloads,
}

#[derive(Debug, Default)]
struct SiteFigures {
    name: String,
    requests: [[AtomicU64; VerdictLabel::ALL.len()]; FaceLabel::ALL.len()],
    durations: Durations,
    exemplars: Exemplars,
    sign_ins_started: AtomicU64,
    sign_ins_accepted: AtomicU64,
    /// By code; refusals are rare and expensive, a lock does not matter.
    sign_ins_refused: Mutex<BTreeMap<&'static str, u64>>,
    sign_outs: AtomicU64,
    danger_sha1: AtomicU64,
    /// By who began it, outcome and code.
    single_logouts: Mutex<BTreeMap<[&'static str; 3], u64>>,
}

impl SiteFigures {
    fn named(name: &str) -> Self {
        Self { name: name.to_string(), ..Self::default() }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(metrics: &Metrics, line: &str) {
        let text = metrics.encode();
        assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
    }

    #[test]
    fn every_counter_exists_from_the_start() {
        let metrics = Metrics::new(&["wiki"]);
        has(&metrics, r#"vestibule_requests_total{site="wiki",face="proxy",verdict="allowed"} 0"#);
        has(&metrics, r#"vestibule_sign_ins_total{site="wiki",outcome="accepted",code=""} 0"#);
        has(&metrics, r#"vestibule_sign_ins_started_total{site="wiki"} 0"#);
        has(&metrics, "vestibule_in_flight 0");
        has(&metrics, &format!(r#"vestibule_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn requests_are_counted_by_site_face_and_verdict() {
        let metrics = Metrics::new(&["wiki", "shop"]);
        metrics.request(1, FaceLabel::AuthRequest, VerdictLabel::Forbidden, 0.000_2);
        metrics.request(1, FaceLabel::AuthRequest, VerdictLabel::Forbidden, 2.0);
        metrics.request(0, FaceLabel::ForwardAuth, VerdictLabel::Failed, 90.0);
        has(&metrics, r#"vestibule_requests_total{site="shop",face="auth_request",verdict="forbidden"} 2"#);
        has(&metrics, r#"vestibule_requests_total{site="wiki",face="auth_request",verdict="forbidden"} 0"#);
        has(&metrics, r#"vestibule_requests_total{site="wiki",face="forward_auth",verdict="failed"} 1"#);
        has(&metrics, r#"vestibule_request_duration_seconds_bucket{le="0.0001",face="auth_request"} 0"#);
        has(&metrics, r#"vestibule_request_duration_seconds_bucket{le="0.00025",face="auth_request"} 1"#);
        has(&metrics, r#"vestibule_request_duration_seconds_bucket{le="+Inf",face="auth_request"} 2"#);
        has(&metrics, r#"vestibule_request_duration_seconds_bucket{le="+Inf",face="forward_auth"} 1"#);
        has(&metrics, r#"vestibule_request_duration_seconds_count{face="auth_request"} 2"#);
        has(&metrics, r#"vestibule_request_duration_seconds_sum{face="auth_request"} 2.0002"#);
    }

    #[test]
    fn a_time_names_the_trace_that_shows_it_where_that_is_wanted() {
        let metrics = Metrics::new(&["wi\"ki"]);
        let trace = TraceId::random();
        let record = |seconds, at| {
            let trace = Some((trace, Moment::from_millis(at)));
            metrics.traced_request(0, FaceLabel::Proxy, VerdictLabel::Allowed, seconds, trace);
        };
        record(0.3, 1_700_000_000_000);
        record(0.4, 1_700_000_000_250);
        record(90.0, 1_700_000_000_500);
        metrics.request(0, FaceLabel::Proxy, VerdictLabel::Allowed, 0.02);
        let text = metrics.encode_with_exemplars();
        let named: Vec<&str> = text.lines().filter(|line| line.contains(" # {")).collect();
        let exemplar = |rest: &str| format!("# {{trace_id=\"{trace}\"}} {rest}");
        let expected = [
            format!(
                r#"vestibule_request_duration_seconds_bucket{{le="0.5",face="proxy"}} 3 {}"#,
                exemplar("0.4 1700000000.25")
            ),
            format!(
                r#"vestibule_request_duration_seconds_bucket{{le="+Inf",face="proxy"}} 4 {}"#,
                exemplar("90 1700000000.5")
            ),
            format!(
                r#"vestibule_site_request_duration_seconds_bucket{{le="0.5",site="wi\"ki"}} 3 {}"#,
                exemplar("0.4 1700000000.25")
            ),
            format!(
                r#"vestibule_site_request_duration_seconds_bucket{{le="+Inf",site="wi\"ki"}} 4 {}"#,
                exemplar("90 1700000000.5")
            ),
        ];
        assert_eq!(named, expected);
        assert!(text.ends_with("# EOF\n") && !metrics.encode().contains("trace_id"));
        metrics.choose(false, false);
        record(0.02, 0);
        assert!(!metrics.encode_with_exemplars().contains("trace_id"), "nor those of before");
        assert!(!metrics.encode().contains("vestibule_site_"));
        // What was not wanted was not noted either.
        metrics.choose(true, true);
        let text = metrics.encode_with_exemplars();
        assert_eq!(text.lines().filter(|line| line.contains(" # {")).count(), expected.len(), "{text}");
    }

    #[test]
    fn a_site_under_several_addresses_is_counted_once() {
        let metrics = Metrics::new(&["wiki", "shop", "wiki"]);
        metrics.sign_in_started(0);
        metrics.sign_in_started(2);
        has(&metrics, r#"vestibule_sign_ins_started_total{site="wiki"} 2"#);
        has(&metrics, r#"vestibule_sign_ins_started_total{site="shop"} 0"#);
        assert_eq!(metrics.encode().matches(r#"vestibule_sign_ins_started_total{site="wiki"}"#).count(), 1);
    }

    #[test]
    fn a_site_counts_on_under_another_number_and_one_that_is_gone_is_scraped_no_longer() {
        let before = Metrics::new(&["wiki", "shop"]);
        before.sign_in_started(0);
        before.sign_in_started(1);
        before.request(NO_SITE, FaceLabel::Proxy, VerdictLabel::Failed, 0.1);
        let after = before.renumbered(&["docs", "shop"]);
        after.sign_in_started(1);
        // A request that began before.
        before.sign_in_started(1);
        before.sign_in_started(0);
        for metrics in [&before, &after] {
            has(metrics, r#"vestibule_sign_ins_started_total{site="shop"} 3"#);
            has(metrics, r#"vestibule_sign_ins_started_total{site="docs"} 0"#);
            has(metrics, r#"vestibule_requests_total{site="",face="proxy",verdict="failed"} 1"#);
            assert!(!metrics.encode().contains(r#"site="wiki""#));
        }
    }

    #[test]
    fn a_site_that_does_not_exist_is_the_nameless_one() {
        let metrics = Metrics::new(&["wiki"]);
        for site in [1, 7, NO_SITE] {
            metrics.request(site, FaceLabel::Proxy, VerdictLabel::Forbidden, f64::NAN);
        }
        has(&metrics, r#"vestibule_requests_total{site="",face="proxy",verdict="forbidden"} 3"#);
        has(&metrics, r#"vestibule_request_duration_seconds_sum{face="proxy"} 0.0"#);
    }

    #[test]
    fn sign_ins_are_counted_by_outcome_and_code() {
        let metrics = Metrics::new(&["wiki"]);
        metrics.sign_in_started(0);
        metrics.sign_in_finished(0, None);
        metrics.sign_in_finished(0, Some(Reason::SignatureInvalid));
        metrics.sign_in_finished(0, Some(Reason::SignatureInvalid));
        metrics.sign_out(0);
        metrics.danger_used(0);
        has(&metrics, r#"vestibule_danger_used_total{site="wiki",danger="sha1"} 1"#);
        has(&metrics, r#"vestibule_sign_ins_started_total{site="wiki"} 1"#);
        has(&metrics, r#"vestibule_sign_ins_total{site="wiki",outcome="accepted",code=""} 1"#);
        has(
            &metrics,
            r#"vestibule_sign_ins_total{site="wiki",outcome="refused",code="signature-invalid"} 2"#,
        );
        has(&metrics, r#"vestibule_sign_outs_total{site="wiki"} 1"#);
        metrics.single_logout(0, "idp", "ended", "");
        has(
            &metrics,
            r#"vestibule_single_logouts_total{site="wiki",begun_by="idp",outcome="ended",code=""} 1"#,
        );
    }

    #[test]
    fn second_opinions_are_counted() {
        let metrics = Metrics::new(&["wiki"]);
        has(&metrics, r#"vestibule_second_opinions_total{opinion="disagrees"} 0"#);
        metrics.second_opinion(OpinionLabel::NotComparable);
        has(&metrics, r#"vestibule_second_opinions_total{opinion="not_comparable"} 1"#);
        for (at, opinion) in OpinionLabel::ALL.iter().enumerate() {
            assert_eq!(*opinion as usize, at);
        }
    }

    #[test]
    fn the_store_and_certificates_are_as_last_set() {
        let metrics = Metrics::new(&[]);
        metrics.set_store(2, 1200, 1, 4);
        metrics.set_certificate_days_left("wiki", "co\"rp", "ab12", -1.5);
        metrics.in_flight().fetch_add(3, Ordering::Relaxed);
        has(&metrics, "vestibule_sessions 2");
        has(&metrics, "vestibule_session_bytes 1200");
        has(&metrics, "vestibule_sessions_evicted_total 1");
        has(&metrics, "vestibule_claims 4");
        has(&metrics, "vestibule_in_flight 3");
        has(
            &metrics,
            r#"vestibule_idp_certificate_days_left{site="wiki",idp="co\"rp",fingerprint="ab12"} -1.5"#,
        );
        metrics.clear_certificates();
        assert!(!metrics.encode().contains("ab12"));
    }

    #[test]
    fn a_scrape_is_complete() {
        assert!(Metrics::new(&["wiki"]).encode().ends_with("# EOF\n"));
    }

    #[test]
    fn labels_and_places_agree() {
        for (at, verdict) in VerdictLabel::ALL.iter().enumerate() {
            assert_eq!(*verdict as usize, at);
        }
        for (at, face) in FaceLabel::ALL.iter().enumerate() {
            assert_eq!(*face as usize, at);
        }
    }
}
