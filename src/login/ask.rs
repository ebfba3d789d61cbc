//! A request that needs a session and has none: what the browser or the script is told.
//!
//! Only a navigation is sent to sign in. A background request that was redirected to an identity provider would fail
//! in the browser with an error about CORS that tells nobody what happened, and each would leave an attempt behind;
//! it gets a 401 that a script can read.

use super::answers::{json, redirect, with_manners};
use super::return_to::ReturnTo;
use crate::reason::Reason;
use crate::site::Site;
use bytes::Bytes;
use http::header::{ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// Whether somebody waits in front of the answer as a page. Asked in the order of reliability: a script can set
/// `Accept`, but not `Sec-Fetch-Mode`.
pub fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    if !(method == Method::GET || method == Method::HEAD || method == Method::POST) {
        return false;
    }
    // A redirect in answer to a handshake is an error that no script can read; browsers say so before anything else.
    // (A gateway may pass an empty Upgrade with every request.)
    if headers.get(UPGRADE).is_some_and(|to| !to.is_empty()) || headers.contains_key(SEC_WEBSOCKET_KEY) {
        return false;
    }
    // Fetched ahead, perhaps never looked at: refused, the browser asks again when somebody clicks.
    if text(headers, "sec-purpose").is_some_and(|purpose| purpose.starts_with("prefetch")) {
        return false;
    }
    if let Some(mode) = text(headers, FETCH_MODE) {
        let into_a_page =
            text(headers, "sec-fetch-dest").is_none_or(|dest| PAGE_DESTINATIONS.contains(&dest));
        return mode == "navigate" && into_a_page;
    }
    if headers.contains_key("x-requested-with") {
        return false;
    }
    headers.get_all(ACCEPT).iter().any(|accept| {
        let accept = accept.as_bytes().to_ascii_lowercase();
        PAGE_TYPES.iter().any(|page| accept.windows(page.len()).any(|part| part == *page))
    })
}

/// Whether the browser itself says that nobody waits for a page. What is no browser says nothing. A frame in another
/// site's page counts too: it could not hold a session (the cookie is Lax), and hidden frames would push the attempts
/// of a sign-in under way out of the browser.
pub(super) fn is_surely_background(headers: &HeaderMap) -> bool {
    let framed_elsewhere = text(headers, "sec-fetch-site") == Some("cross-site")
        && text(headers, "sec-fetch-dest").is_some_and(|dest| dest != "document");
    headers.contains_key(FETCH_MODE) && (framed_elsewhere || !is_navigation(&Method::GET, headers))
}

/// The absolute address that begins a sign-in and leads back to `return_to`.
pub fn sign_in_url(site: &Site, return_to: &ReturnTo) -> String {
    let rd = utf8_percent_encode(return_to.as_str(), QUERY_VALUE);
    format!("{}{}/sign-in?rd={rd}", site.public_url.origin(), site.path_prefix)
}

/// The same address for a sign-in that must bring what a rule asks for.
pub fn stepping_up(sign_in_url: &str, rule: u16) -> String {
    format!("{sign_in_url}&step_up={rule}")
}

/// The return address of a request for `target` (path and query as the client wrote them). What cannot be one leads
/// to the start page: the sign-in matters more than the address.
pub fn return_address(site: &Site, target: &str) -> ReturnTo {
    // `//x` on our own host is a path to us and another host to a browser.
    let collapsed = match target.strip_prefix("//") {
        Some(rest) => format!("/{}", rest.trim_start_matches('/')),
        None => target.to_owned(),
    };
    ReturnTo::parse(&collapsed, &site.public_url).unwrap_or_else(|_| ReturnTo::root())
}

/// The proxy's answer to a request without a session: to the sign-in, or 401 with JSON. After a form that was posted,
/// the browser comes back to the same address with GET: the form itself is lost, the way is not.
pub fn for_proxy(site: &Site, method: &Method, headers: &HeaderMap, target: &str) -> Response<Bytes> {
    let sign_in = sign_in_url(site, &return_address(site, target));
    sent_or_told(method, headers, &sign_in, Reason::SessionMissing)
}

/// The proxy's answer where a rule asks for a sign-in of another kind: the same, for that rule.
pub fn for_step_up(
    site: &Site,
    method: &Method,
    headers: &HeaderMap,
    target: &str,
    rule: u16,
    because: Reason,
) -> Response<Bytes> {
    let sign_in = stepping_up(&sign_in_url(site, &return_address(site, target)), rule);
    sent_or_told(method, headers, &sign_in, because)
}

fn sent_or_told(method: &Method, headers: &HeaderMap, sign_in: &str, because: Reason) -> Response<Bytes> {
    let response = if is_navigation(method, headers) {
        let status = if method == Method::POST { StatusCode::SEE_OTHER } else { StatusCode::FOUND };
        redirect(status, sign_in)
    } else {
        unauthenticated(sign_in, because)
    };
    with_manners(response)
}

/// 401 as JSON, for scripts.
pub(super) fn unauthenticated(sign_in: &str, because: Reason) -> Response<Bytes> {
    json(StatusCode::UNAUTHORIZED, &Unauthenticated { error: because.code(), sign_in_url: sign_in })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

const FETCH_MODE: &str = "sec-fetch-mode";

/// `Sec-Fetch-Dest` of navigations.
const PAGE_DESTINATIONS: &[&str] = &["document", "iframe", "frame", "fencedframe", "embed", "object"];

const PAGE_TYPES: &[&[u8]] = &[b"text/html", b"application/xhtml+xml"];

/// Everything that could end a query value or be changed on the way is encoded.
const QUERY_VALUE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

#[derive(Serialize)]
struct Unauthenticated<'a> {
    error: &'static str,
    sign_in_url: &'a str,
}
