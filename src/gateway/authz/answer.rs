//! What a gateway is told, in the few statuses that its dialect knows.

use super::dialect::Dialect;
use crate::gate::Gate;
use crate::login::ask;
use crate::reason::Reason;
use crate::session::Rendered;
use crate::site::Site;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Method, Response, StatusCode};

/// The sign-in address for gateways that do not let a variable hold Location.
const X_VESTIBULE_SIGN_IN: HeaderName = HeaderName::from_static("x-vestibule-sign-in");

/// What Envoy removes of the client's headers before it forwards.
pub(super) const HEADERS_TO_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Exactly 200, without a body, with every header that the site has, so that the gateway can replace the client's.
pub(super) fn allow(identity: &Rendered) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.headers_mut() = identity.answer.clone();
    response
}

/// Like [`allow`], where a rule lets everybody through: every header empty.
pub(super) fn allow_anonymous(site: &Site) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    response.headers_mut().extend(site.headers.anonymous().iter().cloned());
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// Nobody is signed in, or not as the rule wants it (`step_up`: which, and why). Only a navigation is told where to sign in
/// by a header that browsers and gateways follow.
pub(super) fn sign_in(
    dialect: Dialect,
    site: &Site,
    method: &Method,
    headers: &HeaderMap,
    target: &str,
    step_up: Option<(u16, Reason)>,
) -> Response<Bytes> {
    let navigates = ask::is_navigation(method, headers);
    let ordinary = ask::sign_in_url(site, &ask::return_address(site, target));
    let (url, because) = match step_up {
        Some((rule, because)) => (ask::stepping_up(&ordinary, rule), because),
        None => (ordinary, Reason::SessionMissing),
    };
    let location = HeaderValue::from_str(&url).ok().filter(|_| navigates);
    let idempotent = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let status = match (dialect, &location) {
        (Dialect::AuthRequest, _) | (_, None) => StatusCode::UNAUTHORIZED,
        (Dialect::ForwardAuth | Dialect::ExtAuthz | Dialect::Grpc, Some(_)) if idempotent => {
            StatusCode::FOUND
        }
        (Dialect::ForwardAuth | Dialect::ExtAuthz | Dialect::Grpc, Some(_)) => StatusCode::SEE_OTHER,
    };
    let told = serde_json::json!({ "error": because.code(), "sign_in_url": url }).to_string();
    let mut response = Response::new(Bytes::from(told));
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

/// An address that is no question.
pub(super) fn not_found(gate: &Gate) -> Response<Bytes> {
    let prefix = gate.sites.first().map_or("", |site| &site.path_prefix);
    let told = format!("{prefix}/authz/auth-request {prefix}/authz/forward-auth {prefix}/authz/ext-authz/\n");
    let mut response = Response::new(Bytes::from(told));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
