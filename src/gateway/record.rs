//! What is counted and told about each request: metrics, and one line in the log.

use super::live::Plan;
use super::request::path_of;
use crate::access::RequestPath;
use crate::gate::Gate;
use crate::login::endpoints;
use crate::observe::log::REQUESTS;
use crate::observe::metrics::{FaceLabel, NO_SITE, VerdictLabel};
use crate::observe::traces::{self, Served, Value};
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
    /// Counts it, ends its trace, and writes the request line when somebody wants to read it.
    pub(super) fn write(&self, gate: &Gate, line: bool) {
        let took = self.began.elapsed().as_secs_f64();
        let trace = traces::finish(|| self.served(gate)).map(|trace| (trace, gate.clock.now()));
        let site = self.site.unwrap_or(NO_SITE);
        gate.metrics.traced_request(site, self.face, self.verdict, took, trace);
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

    /// For its span: the words of OpenTelemetry's conventions for HTTP, and ours. Of what the client sent only the method, and
    /// that only where everybody knows it.
    fn served(&self, gate: &Gate) -> Served {
        let site = self.site.and_then(|site| gate.sites.get(usize::from(site)));
        let method = known_method(self.method);
        let route = match (self.face, self.verdict, site) {
            (FaceLabel::Proxy, VerdictLabel::Own, Some(site)) => {
                RequestPath::parse(path_of(self.target), site.allow_encoded_slash)
                    .map_or("", |path| endpoints::route(site, &path))
            }
            (FaceLabel::Proxy, ..) => "",
            (FaceLabel::AuthRequest, ..) => "/vestibule/authz/auth-request",
            (FaceLabel::ForwardAuth, ..) => "/vestibule/authz/forward-auth",
            (FaceLabel::ExtAuthz, ..) => "/vestibule/authz/ext-authz",
            (FaceLabel::Grpc, ..) => "envoy.service.auth.v3.Authorization/Check",
        };
        let mut attributes: Vec<(&'static str, Value)> = vec![
            ("http.request.method", method.into()),
            ("http.response.status_code", self.status.into()),
            ("vestibule.face", self.face.as_str().into()),
            ("vestibule.verdict", self.verdict.as_str().into()),
        ];
        if !route.is_empty() {
            attributes.push(("http.route", route.into()));
        }
        if let Some(site) = site {
            let scheme = if site.public_url.is_secure() { "https" } else { "http" };
            attributes.push(("vestibule.site", site.name.clone().into()));
            attributes.push(("url.scheme", scheme.into()));
            attributes.extend(server(site.public_url.authority()));
        }
        let name = if route.is_empty() { method.to_owned() } else { format!("{method} {route}") };
        Served { name, failed: self.status >= 500 || self.status == 0, attributes }
    }
}

/// Host and port of the configuration, as the conventions name them.
pub(super) fn server(authority: &str) -> impl Iterator<Item = (&'static str, Value)> {
    let after_address = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    let port = after_address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let host = match port {
        Some(_) => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
        None => authority,
    };
    let address = ("server.address", host.trim_matches(['[', ']']).to_owned().into());
    [address].into_iter().chain(port.map(|port| ("server.port", port.into())))
}

/// The methods of RFC 9110 and PATCH; any other has one name, as the conventions want it.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
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
