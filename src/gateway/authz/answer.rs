//! What a gateway is told, in the few statuses that its dialect knows.

use super::dialect::Dialect;
use crate::gate::Gate;
use crate::gateway::request;
use crate::login::ask;
use crate::login::return_to::ReturnTo;
use crate::session::Rendered;
use crate::site::Site;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;

/// The sign-in address for gateways that do not let a variable hold Location.
const X_VESTIBULE_SIGN_IN: HeaderName = HeaderName::from_static("x-vestibule-sign-in");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Exactly 200, without a body, with every header that the site has, so that the gateway can replace the client's.
pub(super) fn allow(site: &Site, identity: Option<&Rendered>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    let headers = response.headers_mut();
    let said: &[(HeaderName, HeaderValue)] = match identity {
        Some(identity) => &identity.headers,
        None => site.headers.anonymous(),
    };
    headers.reserve(said.len() + 3);
    for (name, value) in said {
        headers.insert(name.clone(), value.clone());
    }
    headers.insert(CACHE_CONTROL, NO_STORE);
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
    let navigates = !request::is_upgrade(headers) && ask::is_navigation(method, headers);
    // What a POST sent is lost on the way through the identity provider: its page is asked for again with GET.
    let return_to = ReturnTo::parse(target, &site.public_url).unwrap_or_else(|_| ReturnTo::root());
    let url = ask::sign_in_url(site, &return_to);
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

/// A refusal, with the page or JSON that was made for it. No dialect knows more than 403 for it: anything else would
/// be an error of the gateway's, or worse, be tried again.
pub(super) fn refusal(made: Response<Bytes>) -> Response<Full<Bytes>> {
    let mut response = made.map(Full::new);
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
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
