//! A request that may not pass or could not be served: what is recorded and what is shown, under one reference; and
//! the page behind a gateway's 403.
//!
//! nginx drops the body of a 403 and shows what `error_page` names: our `refused` endpoint. So that page and audit
//! event carry the same reference, the gateway's answer holds a sealed note ([`note`], header [`NOTE_HEADER`]), which
//! the recipe hands to the page as the request header of the same name. Without a note the page still says who is
//! signed in and how to sign out, under a reference and an event of its own.

use super::answers::with_manners;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::identity::Person as _;
use crate::observe::audit::{self, Event, Reference, Visitor};
use crate::observe::metrics::FaceLabel;
use crate::pages::{self, RefusalPage};
use crate::reason::{Reason, Refusal};
use crate::seal::Purpose;
use crate::session::Session;
use crate::site::Site;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use std::net::IpAddr;
use std::time::Duration;

/// Carries the note from the gate's 403 to the page.
pub const NOTE_HEADER: &str = "x-vestibule-refusal";

/// A refused request.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// Where it belongs, as far as that is known.
    pub site: Option<&'a Site>,
    /// Why.
    pub refusal: &'a Refusal,
    /// How it came.
    pub face: FaceLabel,
    /// The request's method.
    pub method: &'a Method,
    /// The request's path.
    pub path: &'a str,
    /// From where.
    pub client: IpAddr,
    /// Whoever is signed in.
    pub session: Option<&'a Session>,
    /// Whether somebody waits in front of a page; others get JSON.
    pub html: bool,
}

impl Refused<'_> {
    /// Recorded in the audit under a reference, which the page or the JSON shows.
    pub fn answer(&self, gate: &Gate) -> Response<Bytes> {
        self.told(gate, &self.recorded(), None)
    }

    /// The same, with a button that leads on.
    pub(super) fn answer_leading_to(&self, gate: &Gate, url: &str) -> Response<Bytes> {
        self.told(gate, &self.recorded(), Some(url))
    }

    /// The same as an answer to a gateway's question. No dialect knows more than 403 for it: anything else would be
    /// an error of the gateway's, or worse, be tried again. nginx throws the page away; with the note that it can
    /// pass on, our own page shows the same reference.
    pub fn answer_to_gateway(&self, gate: &Gate) -> Response<Bytes> {
        let reference = self.recorded();
        let mut response = self.told(gate, &reference, None);
        *response.status_mut() = StatusCode::FORBIDDEN;
        if let Some(site) = self.site {
            let note = note(gate, site, self.refusal.reason, &reference, gate.clock.now());
            if let Ok(note) = HeaderValue::from_str(&note) {
                response.headers_mut().insert(NOTE_HEADER, note);
            }
        }
        response
    }

    fn recorded(&self) -> Reference {
        let reference = Reference::random();
        let session = self.session.map(|session| session.key().public_name());
        let visitor = self.session.zip(session.as_deref());
        audit::record(&Event::RequestRefused {
            site: self.site.map_or("", |site| &site.name),
            reference: reference.as_str(),
            refusal: self.refusal,
            client: Some(self.client),
            face: self.face.as_str(),
            method: self.method.as_str(),
            path: self.path,
            visitor: visitor.map(|(person, session)| Visitor {
                idp: person.idp(),
                user: person.user(),
                session,
            }),
        });
        reference
    }

    fn told(&self, gate: &Gate, reference: &Reference, way_on: Option<&str>) -> Response<Bytes> {
        let reason = self.refusal.reason;
        with_manners(if self.html {
            refusal_page(gate, self.site, reason, reference.as_str(), self.session, way_on)
        } else {
            pages::refusal_json(reason, reference.as_str())
        })
    }
}

/// The page for somebody who is signed in, perhaps, and not allowed.
fn refusal_page(
    gate: &Gate,
    site: Option<&Site>,
    reason: Reason,
    reference: &str,
    session: Option<&Session>,
    way_on: Option<&str>,
) -> Response<Bytes> {
    let sign_out = site
        .filter(|_| session.is_some())
        .map(|site| format!("{}{}/sign-out", site.public_url.origin(), site.path_prefix));
    let page = RefusalPage {
        reason,
        reference,
        start_again: way_on,
        sign_out: sign_out.as_deref(),
        signed_in_as: session.map(Session::user),
    };
    pages::refusal(site.map_or(&gate.branding, |site| &site.branding), &page)
}

/// A sealed note of a refusal that has been audited under this reference.
pub fn note(gate: &Gate, site: &Site, reason: Reason, reference: &Reference, now: Moment) -> String {
    let plain = format!("{} {} {}", now.millis(), reason.code(), reference.as_str());
    gate.keys.seal(Purpose::Refusal, site.name.as_bytes(), plain.as_bytes())
}

/// Answers `GET refused`, with 403 as everywhere.
///
/// # Errors
/// `store-unavailable`.
pub(super) async fn page(
    gate: &Gate,
    site: &Site,
    request: &http::Request<Bytes>,
    client: IpAddr,
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    let session = gate.resume(site, request.headers(), now).await?;
    if let Some(noted) = Noted::read(gate, site, request.headers(), now) {
        return Ok(refusal_page(gate, Some(site), noted.reason, &noted.reference, session.as_deref(), None));
    }
    let refusal =
        Refusal::new(Reason::AccessDenied, "the page of refusals was shown without a note of the gate's own");
    let refused = Refused {
        site: Some(site),
        refusal: &refusal,
        face: FaceLabel::Proxy,
        method: request.method(),
        path: request.uri().path(),
        client,
        session: session.as_deref(),
        html: true,
    };
    Ok(refused.answer(gate))
}

struct Noted {
    reason: Reason,
    reference: String,
}

impl Noted {
    fn read(gate: &Gate, site: &Site, headers: &HeaderMap, now: Moment) -> Option<Self> {
        let sealed = headers.get(NOTE_HEADER)?.to_str().ok()?;
        let plain = gate.keys.open(Purpose::Refusal, site.name.as_bytes(), sealed)?;
        let mut words = std::str::from_utf8(&plain).ok()?.splitn(3, ' ');
        let at = Moment::from_millis(words.next()?.parse().ok()?);
        let code = words.next()?;
        let reason = Reason::ALL.iter().copied().find(|reason| reason.code() == code)?;
        let reference = words.next()?.to_owned();
        (now.since(at) < NOTE_LIFETIME).then_some(Self { reason, reference })
    }
}

/// The gateway shows the page at once.
const NOTE_LIFETIME: Duration = Duration::from_secs(5 * 60);
