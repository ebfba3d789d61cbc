//! The proxy face: pingora's phases, each handing over in a few lines.
//!
//! pingora forwards what nobody stopped. So nothing is forwarded here without the [`Passenger`](super::forward) that
//! the decision made and that holds the permit of the rules: both phases that lead to the application ask for it and
//! refuse without.

use super::decide::{Decision, Front, Passage, Trip};
use super::forward::{Edge, Passenger, forget_case};
use super::limits::MAX_CONNECT_ATTEMPTS;
use super::record::{Record, server};
use super::upstream::Application;
use super::{reply, watch};
use crate::observe::metrics::{FaceLabel, VerdictLabel};
use crate::observe::traces::{self, Kind, Step, TRACEPARENT, TRACESTATE};
use crate::reason::{Reason, Refusal};
use crate::site::Site;
use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::{HttpPeer, Peer as _};
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::sync::atomic::Ordering;
use std::time::Duration;

#[async_trait]
impl ProxyHttp for Front {
    type CTX = Trip;

    fn new_ctx(&self) -> Trip {
        Trip::new(self.live.load())
    }

    /// No modules: the default one, compression, costs each request an allocation even when it is off.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, _trip: &mut Trip) -> Result<()> {
        watch::current_header_complete();
        session.set_write_timeout(Some(self.patience.write));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, trip: &mut Trip) -> Result<bool> {
        match self.decide(session, trip).await? {
            Decision::Forward(passenger) => {
                trip.verdict =
                    if passenger.is_identified() { VerdictLabel::Allowed } else { VerdictLabel::Anonymous };
                trip.passage = Passage::Permitted(passenger);
                forget_case(session.req_header_mut());
                Ok(false)
            }
            Decision::Answer(verdict, response) => {
                trip.verdict = verdict;
                trip.passage = Passage::Answered;
                self.say_goodbye(session);
                reply::send(session, response).await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(&self, session: &mut Session, trip: &mut Trip) -> Result<Box<HttpPeer>> {
        if trip.asked.is_none() {
            trip.asked =
                traces::during(trip.trace.clone(), || traces::step("ask the application", Kind::Client));
        }
        let application = application(trip)?;
        let first = if trip.failed_attempts == 0 { application.preferred() } else { trip.first_place };
        let peer = application.peer(first + trip.failed_attempts, session.is_upgrade_req());
        trip.first_place = first;
        trip.application = peer.as_ref().and_then(|peer| peer.address().as_inet().copied());
        peer.ok_or_else(|| Error::new_up(ErrorType::ConnectNoRoute))
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        trip: &mut Trip,
    ) -> Result<()> {
        let (passenger, site, edge) = permitted(trip)?;
        passenger.dress(request, site, edge);
        if let Some(trace) = &trip.trace {
            let context = trip.asked.as_ref().map_or_else(|| trace.context(), Step::context);
            if !trip.sender_traces {
                request.remove_header(&TRACESTATE);
            }
            request.insert_header(TRACEPARENT, context.header())?;
        }
        Ok(())
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        _reused: bool,
        _peer: &HttpPeer,
        _fd: std::os::fd::RawFd,
        _digest: Option<&Digest>,
        trip: &mut Trip,
    ) -> Result<()> {
        if trip.failed_attempts > 0 {
            application(trip)?.prefer(trip.first_place + trip.failed_attempts);
        }
        Ok(())
    }

    /// Nothing of the request was sent: another address of the application can be tried, whatever the method.
    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        trip: &mut Trip,
        mut problem: Box<Error>,
    ) -> Box<Error> {
        trip.failed_attempts += 1;
        let addresses = application(trip).ok().map(Application::addresses);
        problem.set_retry(trip.failed_attempts < addresses.unwrap_or(0).min(MAX_CONNECT_ATTEMPTS));
        problem
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        _trip: &mut Trip,
    ) -> Result<()> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            // A WebSocket may be silent for as long as it likes; TCP keepalive notices when its client is gone.
            session.set_read_timeout(None);
            watch::current_lasts();
        } else if is_event_stream(response) {
            watch::current_lasts();
        }
        self.say_goodbye(session);
        Ok(())
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        _end_of_stream: bool,
        _trip: &mut Trip,
    ) -> Result<Option<Duration>> {
        watch::current_is_used();
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, problem: &Error, trip: &mut Trip) -> FailToProxy {
        let gone = FailToProxy { error_code: 0, can_reuse_downstream: false };
        if session.response_written().is_some_and(|written| !written.status.is_informational()) {
            tracing::debug!(problem = problem.etype().as_str(), "an answer broke off");
            return gone;
        }
        let Some(refusal) = refusal_for(problem, || application_of(trip)) else { return gone };
        trip.verdict = match refusal.reason {
            Reason::PathMalformed => VerdictLabel::Malformed,
            _ => VerdictLabel::Failed,
        };
        if let Some(step) = &mut trip.asked {
            step.failed(refusal.reason.code());
        }
        let gate = &trip.plan.gate;
        let site = trip.site.and_then(|site| gate.sites.get(usize::from(site))).map(std::sync::Arc::as_ref);
        let refuse = || trip.plan.refusal(session.req_header(), site, &refusal, trip.client, None);
        let response = traces::during(trip.trace.clone(), refuse);
        session.set_keepalive(None);
        let _ = reply::send(session, response).await;
        FailToProxy { error_code: refusal.reason.status(), can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _problem: Option<&Error>, trip: &mut Trip) {
        watch::current_between_requests();
        if let Some(mut step) = trip.asked.take() {
            told_of_application(&mut step, session, trip);
        }
        let header = session.req_header();
        let record = Record {
            site: trip.site,
            face: FaceLabel::Proxy,
            verdict: trip.verdict,
            method: &header.method,
            target: header.uri.path(),
            status: session.response_written().map_or(0, |written| written.status.as_u16()),
            octets: session.body_bytes_sent(),
            client: trip.client,
            began: trip.began,
        };
        let write = || record.write(&trip.plan.gate, trip.plan.log_requests);
        traces::during(trip.trace.clone(), write);
    }

    /// For pingora's own log lines: without the query, in which applications and identity providers put tokens.
    fn request_summary(&self, session: &Session, _trip: &Trip) -> String {
        let header = session.req_header();
        format!("{} {}", header.method, header.uri.path())
    }

    /// pingora's error lines quote what an application sent, cookies included; ours are the audit events.
    fn suppress_error_log(&self, _session: &Session, _trip: &Trip, _problem: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _trip: &Trip,
        _problem: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

impl Front {
    /// Asks the client to come back on a new connection, which will find another gate.
    fn say_goodbye(&self, session: &mut Session) {
        if self.leaving.load(Ordering::Relaxed) {
            session.set_keepalive(None);
        }
    }
}

/// What is known at the end of the application's part: its address as configured, and what it answered.
fn told_of_application(step: &mut Step, session: &Session, trip: &Trip) {
    if let Ok(application) = application(trip) {
        for (key, value) in server(&application.authority()) {
            step.say(key, value);
        }
    }
    if trip.failed_attempts > 0 {
        step.say("http.request.resend_count", u16::try_from(trip.failed_attempts).unwrap_or(u16::MAX));
    }
    if trip.verdict != VerdictLabel::Failed
        && let Some(answer) = session.response_written()
    {
        step.say("http.response.status_code", answer.status.as_u16());
        if answer.status.is_server_error() {
            step.failed("5xx");
        }
    }
}

/// The passenger and where it goes; an error for a request that nobody let through.
fn permitted(trip: &Trip) -> Result<(&Passenger, &Site, &Edge)> {
    let (Passage::Permitted(passenger), Some(site)) = (&trip.passage, trip.site) else {
        return Err(unjudged());
    };
    let place = usize::from(site);
    match (trip.plan.gate.sites.get(place), trip.plan.edges.get(place)) {
        (Some(site), Some(edge)) => Ok((passenger, site, edge)),
        _ => Err(unjudged()),
    }
}

/// Where the passenger goes.
fn application(trip: &Trip) -> Result<&Application> {
    let (passenger, _, edge) = permitted(trip)?;
    passenger.part(edge).map(|part| &part.application).ok_or_else(unjudged)
}

/// Where a request went, for the owner: host and port of the configuration, and the address behind a name.
fn application_of(trip: &Trip) -> String {
    let Ok(application) = application(trip) else { return "no application".to_owned() };
    let authority = application.authority();
    match trip.application {
        _ if !application.is_named() => authority,
        Some(address) => format!("{authority} ({address})"),
        None => format!("{authority} (no address is known)"),
    }
}

/// Server-sent events: an answer that has no end.
fn is_event_stream(response: &ResponseHeader) -> bool {
    let value = response.headers.get(http::header::CONTENT_TYPE);
    let essence = value.map(|value| value.as_bytes().split(|b| *b == b';').next().unwrap_or_default());
    essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

fn unjudged() -> Box<Error> {
    Error::explain(ErrorType::InternalError, "a request that nobody judged was about to be forwarded")
}

/// How a failure on the way to the application is told; none when there is nobody left to tell. Only the kind of
/// failure and the application's address go into the detail: pingora's own description can quote whole headers.
fn refusal_for(problem: &Error, application: impl Fn() -> String) -> Option<Refusal> {
    let kind = problem.etype().as_str();
    let cause = problem
        .root_cause()
        .downcast_ref::<std::io::Error>()
        .map(|cause| format!("{kind}: {cause}"))
        .unwrap_or_else(|| kind.to_owned());
    match (problem.esource(), problem.etype()) {
        (
            ErrorSource::Upstream,
            ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout,
        )
        | (ErrorSource::Upstream, ErrorType::TLSHandshakeTimedout) => {
            Some(Refusal::new(Reason::UpstreamTimeout, format!("{cause}, at {}", application())))
        }
        (ErrorSource::Upstream, _) => {
            Some(Refusal::new(Reason::UpstreamUnreachable, format!("{cause}, at {}", application())))
        }
        (ErrorSource::Downstream, ErrorType::InvalidHTTPHeader) => Some(Refusal::new(
            Reason::PathMalformed,
            "the request's framing or Connection header is malformed",
        )),
        (ErrorSource::Downstream, _) => None,
        _ => Some(Refusal::new(Reason::Internal, cause)),
    }
}
