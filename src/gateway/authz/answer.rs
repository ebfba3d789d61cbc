//! What a gateway is told, in the few statuses that its dialect knows.

use super::dialect::Dialect;
use crate::gate::Gate;
use crate::identity::Person as _;
use crate::login::{ask, refused};
use crate::observe::audit::{self, Event, Reference};
use crate::pages::{self, RefusalPage};
use crate::reason::Refusal;
use crate::session::{Rendered, Session};
use crate::site::Site;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;
use std::net::IpAddr;

/// The sign-in address for gateways that do not let a variable hold Location.
const X_VESTIBULE_SIGN_IN: HeaderName = HeaderName::from_static("x-vestibule-sign-in");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Exactly 200, without a body, with every header that the site has, so that the gateway can replace the client's.
pub(super) fn allow(site: &Site, identity: Option<&Rendered>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    match identity {
        Some(identity) => *response.headers_mut() = identity.map.clone(),
        None => response.headers_mut().extend(site.headers.anonymous().iter().cloned()),
    }
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// Nobody is signed in. Only a navigation is told where to sign in by a header that browsers and gateways follow.
pub(super) fn sign_in(
    dialect: Dialect,
    site: &Site,
    method: &Method,
    headers: &HeaderMap,
    target: &str,
) -> Response<Full<Bytes>> {
    let navigates = super::navigates(method, headers);
    let url = ask::sign_in_url(site, &ask::return_address(site, target));
    let location = HeaderValue::from_str(&url).ok().filter(|_| navigates);
    let idempotent = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let status = match (dialect, &location) {
        (Dialect::ForwardAuth, Some(_)) if idempotent => StatusCode::FOUND,
        (Dialect::ForwardAuth, Some(_)) => StatusCode::SEE_OTHER,
        (Dialect::AuthRequest, _) | (_, None) => StatusCode::UNAUTHORIZED,
    };
    let told = serde_json::json!({ "error": "session-missing", "sign_in_url": url }).to_string();
    let mut response = Response::new(Full::new(told.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, NO_STORE);
    if let Some(location) = location {
        if dialect == Dialect::AuthRequest {
            headers.insert(X_VESTIBULE_SIGN_IN, location.clone());
        }
        headers.insert(LOCATION, location);
    }
    response
}

/// What is refused, and to whom.
pub(super) struct Refused<'a> {
    pub(super) site: Option<&'a Site>,
    pub(super) refusal: &'a Refusal,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) client: IpAddr,
    pub(super) session: Option<&'a Session>,
    /// Whether somebody waits in front of a page.
    pub(super) navigates: bool,
}

/// A refusal, audited under the reference that its page shows. No dialect knows more than 403 for it: anything else
/// would be an error of the gateway's, or worse, be tried again. nginx throws the page away; with the note that it
/// can pass on, our own page for refusals shows the same reference.
pub(super) fn refuse(gate: &Gate, refused: &Refused<'_>) -> Response<Full<Bytes>> {
    let reference = Reference::random();
    let reason = refused.refusal.reason;
    let user = refused.session.map(Session::user);
    audit::record(&Event::RequestRefused {
        site: refused.site.map_or("", |site| &site.name),
        reference: reference.as_str(),
        refusal: refused.refusal,
        client: Some(refused.client),
        method: refused.method.as_str(),
        path: refused.path,
        user,
    });
    let told = if refused.navigates {
        let sign_out =
            refused.site.map(|site| format!("{}{}/sign-out", site.public_url.origin(), site.path_prefix));
        let page = RefusalPage {
            reason,
            reference: reference.as_str(),
            start_again: None,
            sign_out: sign_out.as_deref().filter(|_| user.is_some()),
            signed_in_as: user,
        };
        pages::refusal(&gate.branding, &page)
    } else {
        pages::refusal_json(reason, reference.as_str())
    };
    let mut response = told.map(Full::new);
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    if let Some(site) = refused.site {
        let note = refused::note(gate, site, reason, &reference, gate.clock.now());
        if let Ok(note) = HeaderValue::from_str(&note) {
            response.headers_mut().insert(refused::NOTE_HEADER, note);
        }
    }
    response
}

/// An address that is no question.
pub(super) fn not_found(gate: &Gate) -> Response<Full<Bytes>> {
    let prefix = gate.sites.first().map_or("", |site| &site.path_prefix);
    let told = format!("{prefix}/authz/auth-request {prefix}/authz/forward-auth\n");
    let mut response = Response::new(Full::new(told.into()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
