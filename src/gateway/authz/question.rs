//! From a question, in whatever dialect, to its answer and the record of it.

use super::answer;
use super::dialect::{Asked, Dialect};
use super::routes::Pinned;
use super::trust::Peer;
use super::{Authz, Removals};
use crate::access::{Question, RequestPath};
use crate::clock::Moment;
use crate::gate::Resumed;
use crate::gateway::judge::{Case, Judged, judge};
use crate::gateway::record::{Record, verdict_of};
use crate::gateway::request;
use crate::login::refused::Refused;
use crate::login::{ask, endpoints};
use crate::observe::metrics::{FaceLabel, LimitLabel, VerdictLabel};
use crate::observe::traces::{self, Tracer};
use crate::reason::{Reason, Refusal};
use crate::session::{Rendered, Session};
use crate::site::Site;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// A question as it came, in any dialect.
pub(in crate::gateway) struct Posed<'a> {
    pub(in crate::gateway) dialect: Dialect,
    pub(in crate::gateway) peer: Peer,
    /// Whether the peer may ask.
    pub(in crate::gateway) admitted: Result<(), Refusal>,
    pub(in crate::gateway) pinned: Pinned,
    pub(in crate::gateway) asked: Result<Asked<'a>, Refusal>,
    /// The gateway's own request, told of where the question does not say more.
    pub(in crate::gateway) own: (&'a Method, &'a str),
    /// The client's, as the gateway passes them on.
    pub(in crate::gateway) headers: &'a HeaderMap,
    /// Those of the gateway's own request, which may say which trace it belongs to.
    pub(in crate::gateway) own_headers: &'a HeaderMap,
    /// Who was connected to the gateway, in dialects that say so.
    pub(in crate::gateway) connected: Option<IpAddr>,
    pub(in crate::gateway) began: Instant,
}

/// A question whose answer is found, but for the session.
struct Judgeable<'a> {
    posed: &'a Posed<'a>,
    asked: &'a Asked<'a>,
    site: &'a Site,
    path: RequestPath,
}

/// An answer, and the site that it is about.
pub(in crate::gateway) struct Answered {
    pub(in crate::gateway) response: Response<Bytes>,
    pub(in crate::gateway) site: Option<u16>,
}

impl Posed<'_> {
    /// Who may ask may also say which trace its question belongs to.
    fn trace(&self, tracer: &Arc<Tracer>) -> traces::Current {
        tracer.begin(self.own_headers, self.admitted.is_ok(), self.began, false)
    }
}

impl Authz {
    /// The answer, unless the store must be asked for the session.
    pub(in crate::gateway) fn at_once(&self, posed: &Posed<'_>) -> Option<Answered> {
        match &self.tracer {
            None => self.answered_at_once(posed),
            Some(tracer) => traces::during(Some(posed.trace(tracer)), || self.answered_at_once(posed)),
        }
    }

    fn answered_at_once(&self, posed: &Posed<'_>) -> Option<Answered> {
        let question = match self.question(posed) {
            Ok(question) => question,
            Err(refused) => return Some(*refused),
        };
        let now = self.gate.clock.now();
        let session = match self.gate.resume_now(question.site, posed.headers, now) {
            Resumed::Live(session) => Some(session),
            Resumed::Absent => None,
            Resumed::Ask(_) => return None,
        };
        Some(self.judged(&question, Ok(session), now))
    }

    /// The answer, wherever the session is.
    pub(in crate::gateway) async fn with_the_store(&self, posed: &Posed<'_>) -> Answered {
        let trace = self.tracer.as_ref().map(|tracer| posed.trace(tracer));
        traces::within(trace, self.answered_with_the_store(posed)).await
    }

    async fn answered_with_the_store(&self, posed: &Posed<'_>) -> Answered {
        let question = match self.question(posed) {
            Ok(question) => question,
            Err(refused) => return *refused,
        };
        let now = self.gate.clock.now();
        let session = self.gate.resume(question.site, posed.headers, now).await;
        self.judged(&question, session, now)
    }

    /// Reads a question. The error is the answer, recorded already.
    fn question<'a>(&'a self, posed: &'a Posed<'a>) -> Result<Judgeable<'a>, Box<Answered>> {
        self.read(posed).map_err(|(site, refusal)| Box::new(self.unreadable(posed, site, &refusal)))
    }

    fn read<'a>(&'a self, posed: &'a Posed<'a>) -> Result<Judgeable<'a>, (Option<&'a Site>, Refusal)> {
        let nowhere = |refusal| (None, refusal);
        posed.admitted.clone().map_err(nowhere)?;
        request::within_limits(posed.headers, &self.gate.bounds).map_err(nowhere)?;
        let asked = posed.asked.as_ref().map_err(|refusal| nowhere(refusal.clone()))?;
        request::forwardable(&asked.method).map_err(nowhere)?;
        let site = self.routes.site(&self.gate, &posed.pinned, asked.authority).map_err(nowhere)?;
        let here = |refusal| (Some(site), refusal);
        let path =
            RequestPath::parse(request::path_of(asked.target), site.allow_encoded_slash).map_err(here)?;
        if endpoints::is_own(site, &path) {
            let detail = "the gate's own endpoints must bypass the question and reach the public listener";
            return Err(here(Refusal::new(Reason::AccessDenied, detail)));
        }
        Ok(Judgeable { posed, asked, site, path })
    }

    /// The answer, recorded. `found` is what the store said.
    fn judged(
        &self,
        question: &Judgeable<'_>,
        found: Result<Option<Arc<Session>>, Refusal>,
        now: Moment,
    ) -> Answered {
        let Judgeable { posed, asked, site, path } = question;
        let headers = posed.headers;
        let where_it_matters = self.asks_where.get(usize::from(site.id)).is_none_or(|asks| *asks);
        let client = if where_it_matters { self.client(posed) } else { request::UNKNOWN_CLIENT };
        let asks = Question { method: &asked.method, path, client, now };
        let (judged, session) = judge(&Case { site, question: asks, headers, bodiless: true }, found);
        let (verdict, mut response) = match judged {
            Judged::Pass(permit) => {
                let (verdict, mut response) = match session.as_ref().filter(|_| permit.identified()) {
                    Some(session) => {
                        let allow = |identity: &Rendered| answer::allow(identity);
                        let response = self.gate.read_identity_headers(site, session, now, allow);
                        (VerdictLabel::Allowed, response)
                    }
                    None => (VerdictLabel::Anonymous, answer::allow_anonymous(site)),
                };
                if posed.dialect == Dialect::ExtAuthz
                    && let Some(removals) = self.removals_at(site.id)
                {
                    let joined = removals.joined(site, headers);
                    response.headers_mut().insert(answer::HEADERS_TO_REMOVE, joined);
                }
                (verdict, response)
            }
            Judged::SignIn(step_up) => {
                let response =
                    answer::sign_in(posed.dialect, site, &asked.method, headers, asked.target, step_up);
                let sent = response.headers().contains_key(http::header::LOCATION);
                (if sent { VerdictLabel::SignIn } else { VerdictLabel::Unauthenticated }, response)
            }
            Judged::Refused(refusal) => {
                let refused = Refused {
                    site: Some(site),
                    refusal: &refusal,
                    face: posed.dialect.face(),
                    method: &asked.method,
                    path: request::path_of(asked.target),
                    client: self.seen(posed),
                    session: session.as_deref(),
                    html: ask::is_navigation(&asked.method, headers),
                };
                (verdict_of(refusal.reason), refused.answer_to_gateway(&self.gate))
            }
        };
        if response.status() != http::StatusCode::OK {
            // In an answer that allows, every header is the gateway's to take.
            site.cors.let_read(headers, response.headers_mut());
        }
        let client = if self.log_requests { self.seen(posed) } else { request::UNKNOWN_CLIENT };
        self.record(posed, (&asked.method, asked.target), Some(site.id), verdict, &response, client);
        Answered { response, site: Some(site.id) }
    }

    /// A question that cannot be judged.
    fn unreadable(&self, posed: &Posed<'_>, site: Option<&Site>, refusal: &Refusal) -> Answered {
        if refusal.reason == Reason::HeaderTooLarge {
            self.gate.metrics.limit_reached(LimitLabel::HeaderSize);
        }
        let (method, target) = match &posed.asked {
            Ok(asked) => (&asked.method, asked.target),
            Err(_) => posed.own,
        };
        let client = self.seen(posed);
        let html = ask::is_navigation(method, posed.headers);
        let path = request::path_of(target);
        let face = posed.dialect.face();
        let refused = Refused { site, refusal, face, method, path, client, session: None, html };
        let response = refused.answer_to_gateway(&self.gate);
        let site = site.map(|site| site.id);
        self.record(posed, (method, target), site, verdict_of(refusal.reason), &response, client);
        Answered { response, site }
    }

    fn record(
        &self,
        posed: &Posed<'_>,
        (method, target): (&Method, &str),
        site: Option<u16>,
        verdict: VerdictLabel,
        response: &Response<Bytes>,
        client: IpAddr,
    ) {
        let record = Record {
            site,
            face: posed.dialect.face(),
            verdict,
            method,
            target,
            status: response.status().as_u16(),
            octets: 0,
            client,
            began: posed.began,
        };
        record.write(&self.gate, self.log_requests);
    }

    /// An address at which nothing is asked.
    pub(super) fn nothing_here(
        &self,
        face: FaceLabel,
        (method, path): (&Method, &str),
        peer: Peer,
        began: Instant,
    ) -> Response<Bytes> {
        let response = answer::not_found(&self.gate);
        let record = Record {
            site: None,
            face,
            verdict: VerdictLabel::Malformed,
            method,
            target: path,
            status: response.status().as_u16(),
            octets: 0,
            client: peer.address,
            began,
        };
        record.write(&self.gate, self.log_requests);
        response
    }

    /// What the gateway is to take away of the client's headers, at this site.
    pub(in crate::gateway) fn removals_at(&self, site: u16) -> Option<&Removals> {
        self.removals.get(usize::from(site))
    }

    /// The client that the gateway names. Who may not ask names nobody.
    fn client(&self, posed: &Posed<'_>) -> IpAddr {
        let proxies = self.keeper.proxies();
        match (&posed.admitted, posed.connected) {
            (Err(_), _) => posed.peer.address,
            (Ok(()), Some(connected)) => proxies.client_behind(connected, posed.headers),
            (Ok(()), None) => proxies.client_of_question(posed.headers),
        }
    }

    /// Whom the records name: the gateway itself, where it named nobody.
    fn seen(&self, posed: &Posed<'_>) -> IpAddr {
        let client = self.client(posed);
        if client == request::UNKNOWN_CLIENT { posed.peer.address } else { client }
    }
}

impl Dialect {
    const fn face(self) -> FaceLabel {
        match self {
            Self::AuthRequest => FaceLabel::AuthRequest,
            Self::ForwardAuth => FaceLabel::ForwardAuth,
            Self::ExtAuthz => FaceLabel::ExtAuthz,
            Self::Grpc => FaceLabel::Grpc,
        }
    }
}
