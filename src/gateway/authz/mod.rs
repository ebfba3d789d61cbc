//! The forward-auth face: the questions of gateways, on the authz listener only.
//!
//! On the public listener a page's own script could ask, and read the signed identity out of the answer. A question
//! is judged as the request itself would be in the proxy face; the answer is exactly 200 or a refusal.

mod answer;
mod dialect;

use super::record::{InFlight, Record, verdict_of};
use super::request::{self, TrustedProxies};
use super::serve::Answer;
use crate::access::{Question, RequestPath, Verdict};
use crate::clock::Moment;
use crate::gate::{Gate, Resumed};
use crate::login::{ask, endpoints};
use crate::observe::metrics::{FaceLabel, NO_SITE, VerdictLabel};
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use crate::site::Site;
use answer::Refused;
use async_trait::async_trait;
use bytes::Bytes;
use dialect::{Asked, Dialect};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// Answers questions.
pub(super) struct Authz {
    gate: Arc<Gate>,
    routes: HashMap<String, Route>,
    trusted: TrustedProxies,
    log_requests: bool,
}

/// What the path of a question says.
#[derive(Debug, Clone, Copy)]
struct Route {
    dialect: Dialect,
    /// The site, where the path and not the host names it.
    pinned: Option<u16>,
}

/// What is known about everybody who asks on a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    address: IpAddr,
    trusted: bool,
}

/// A question whose answer is found, but for the session.
struct Judgeable<'a> {
    dialect: Dialect,
    site: &'a Site,
    asked: Asked<'a>,
    path: RequestPath,
    client: IpAddr,
}

/// An answer and what is to be recorded about it.
type Told = (VerdictLabel, Response<Full<Bytes>>);

impl Authz {
    pub(super) fn new(gate: Arc<Gate>, trusted: TrustedProxies, log_requests: bool) -> Self {
        let mut routes = HashMap::new();
        for site in &gate.sites {
            for dialect in Dialect::ALL {
                let (prefix, last) = (&site.path_prefix, dialect.path());
                routes.insert(format!("{prefix}/authz/{last}"), Route { dialect, pinned: None });
                let pinned = format!("{prefix}/authz/sites/{}/{last}", site.name);
                routes.insert(pinned, Route { dialect, pinned: Some(site.id) });
            }
        }
        Self { gate, routes, trusted, log_requests }
    }
}

#[async_trait]
impl Answer for Authz {
    type Peer = Peer;

    fn meet(&self, peer: Option<IpAddr>) -> Peer {
        let address = peer.unwrap_or(request::UNKNOWN_CLIENT);
        Peer { address, trusted: peer.is_some_and(|peer| self.trusted.include(peer)) }
    }

    fn answer_now(&self, request: &Request<Incoming>, peer: Peer) -> Option<Response<Full<Bytes>>> {
        let began = Instant::now();
        let _in_flight = InFlight::enter(&*self.gate);
        let headers = request.headers();
        let question = match self.question(request.uri().path(), headers, peer) {
            Ok(Some(question)) => question,
            Ok(None) => return Some(answer::not_found(&self.gate)),
            Err(refused) => return Some(*refused),
        };
        let now = self.gate.clock.now();
        let session = match self.gate.resume_now(question.site, headers, now) {
            Resumed::Live(session) => Some(session),
            Resumed::Absent => None,
            Resumed::Ask(_) => return None,
        };
        let told = self.judge(&question, headers, session.as_ref(), now);
        Some(self.record(&question, told, began))
    }

    async fn answer_later(&self, request: Request<Incoming>, peer: Peer) -> Response<Full<Bytes>> {
        let began = Instant::now();
        let _in_flight = InFlight::enter(&*self.gate);
        let headers = request.headers();
        let question = match self.question(request.uri().path(), headers, peer) {
            Ok(Some(question)) => question,
            Ok(None) => return answer::not_found(&self.gate),
            Err(refused) => return *refused,
        };
        let now = self.gate.clock.now();
        let told = match self.gate.resume(question.site, headers, now).await {
            Ok(session) => self.judge(&question, headers, session.as_ref(), now),
            Err(refusal) => self.refuse(&question, headers, &refusal, None),
        };
        self.record(&question, told, began)
    }
}

impl Authz {
    /// Reads a question. None: there is nothing at this path. The error is the answer: it is given before anything is
    /// known for which it could be recorded.
    fn question<'a>(
        &'a self,
        path: &str,
        headers: &'a HeaderMap,
        peer: Peer,
    ) -> Result<Option<Judgeable<'a>>, Box<Response<Full<Bytes>>>> {
        let Some(route) = self.routes.get(path) else { return Ok(None) };
        let client = self.trusted.client_of_question(peer.address, headers);
        self.read(*route, headers, peer, client).map(Some).map_err(|(site, refusal)| {
            let asked = Asked::read(route.dialect, headers).ok();
            let method = asked.as_ref().map_or(Method::GET, |asked| asked.method.clone());
            let path = asked.map_or("-", |asked| request::path_of(asked.target));
            let id = site.map_or(NO_SITE, |site| site.id);
            self.gate.metrics.request(id, face(route.dialect), verdict_of(refusal.reason), 0.0);
            let navigates = navigates(&method, headers);
            let (refusal, method) = (&refusal, &method);
            let refused = Refused { site, refusal, method, path, client, session: None, navigates };
            Box::new(answer::refuse(&self.gate, &refused))
        })
    }

    fn read<'a>(
        &'a self,
        route: Route,
        headers: &'a HeaderMap,
        peer: Peer,
        client: IpAddr,
    ) -> Result<Judgeable<'a>, (Option<&'a Site>, Refusal)> {
        let nowhere = |refusal| (None, refusal);
        if !peer.trusted {
            let detail = format!("the question came from {}", peer.address);
            return Err(nowhere(Refusal::new(Reason::GatewayUntrusted, detail)));
        }
        let asked = Asked::read(route.dialect, headers).map_err(nowhere)?;
        let site = match route.pinned {
            Some(site) => self.gate.sites.get(usize::from(site)).map(Arc::as_ref),
            None => self.gate.site_for_authority(asked.authority),
        };
        let site = site.ok_or_else(|| {
            nowhere(Refusal::new(Reason::SiteUnknown, format!("the host is {:?}", asked.authority)))
        })?;
        let here = |refusal| (Some(site), refusal);
        let path =
            RequestPath::parse(request::path_of(asked.target), site.allow_encoded_slash).map_err(here)?;
        if endpoints::is_own(site, &path) {
            let detail = "the gate's own endpoints must bypass the question and reach the public listener";
            return Err(here(Refusal::new(Reason::AccessDenied, detail)));
        }
        Ok(Judgeable { dialect: route.dialect, site, asked, path, client })
    }

    fn judge(
        &self,
        question: &Judgeable<'_>,
        headers: &HeaderMap,
        session: Option<&Arc<Session>>,
        now: Moment,
    ) -> Told {
        let Judgeable { dialect, site, asked, path, client } = question;
        let judged = Question { method: &asked.method, path, client: *client };
        match site.rules.judge(&judged, session.map(Arc::as_ref)) {
            Verdict::Allow(permit) => {
                let identity = session
                    .filter(|_| permit.identified())
                    .map(|session| self.gate.identity_headers(site, session, now));
                let verdict =
                    if identity.is_some() { VerdictLabel::Allowed } else { VerdictLabel::Anonymous };
                (verdict, answer::allow(site, identity.as_deref()))
            }
            Verdict::NeedsSession => {
                let response = answer::sign_in(*dialect, site, &asked.method, headers, asked.target);
                let sent = response.headers().contains_key(http::header::LOCATION);
                (if sent { VerdictLabel::SignIn } else { VerdictLabel::Unauthenticated }, response)
            }
            Verdict::Forbidden(refusal) => self.refuse(question, headers, &refusal, session.map(Arc::as_ref)),
        }
    }

    fn refuse(
        &self,
        question: &Judgeable<'_>,
        headers: &HeaderMap,
        refusal: &Refusal,
        session: Option<&Session>,
    ) -> Told {
        let Judgeable { site, asked, client, .. } = question;
        let refused = Refused {
            site: Some(site),
            refusal,
            method: &asked.method,
            path: request::path_of(asked.target),
            client: *client,
            session,
            navigates: navigates(&asked.method, headers),
        };
        (verdict_of(refusal.reason), answer::refuse(&self.gate, &refused))
    }

    fn record(&self, question: &Judgeable<'_>, told: Told, began: Instant) -> Response<Full<Bytes>> {
        let (verdict, response) = told;
        let record = Record {
            site: Some(question.site.id),
            face: face(question.dialect),
            verdict,
            method: &question.asked.method,
            path: request::path_of(question.asked.target),
            status: response.status().as_u16(),
            octets: 0,
            client: question.client,
            began,
        };
        record.write(&self.gate, self.log_requests);
        response
    }
}

/// Whether a browser waits in front of a page. A handshake for a WebSocket never does, also where only one of its
/// headers came through the gateway.
fn navigates(method: &Method, headers: &HeaderMap) -> bool {
    !request::is_upgrade(headers) && ask::is_navigation(method, headers)
}

const fn face(dialect: Dialect) -> FaceLabel {
    match dialect {
        Dialect::AuthRequest => FaceLabel::AuthRequest,
        Dialect::ForwardAuth => FaceLabel::ForwardAuth,
    }
}
