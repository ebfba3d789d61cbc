//! Every cookie of ours: names and attributes in one table (SKELETON).

use http::{HeaderMap, HeaderValue};
use std::time::Duration;

/// How cookies are made for a site. https: `__Host-` names, Secure, HttpOnly, Path=/; loopback http: no prefix, no Secure,
/// SameSite=Lax everywhere.
#[derive(Debug, Clone)]
pub struct CookiePolicy {
    pub secure: bool,
    /// as sent, e.g. `__Host-vestibule` or `vestibule`
    pub session_name: String,
}

/// The kinds: session (Lax), attempt (None; several, name + suffix), answered (Lax).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Session,
    Attempt(String),
    Answered,
}

impl CookiePolicy {
    pub fn new(_secure: bool, _configured_name: &str) -> Self {
        todo!()
    }
    pub fn name(&self, _kind: &Kind) -> String {
        todo!()
    }
    /// A Set-Cookie value. `max_age` None: until the browser closes.
    pub fn set(&self, _kind: &Kind, _value: &str, _max_age: Option<Duration>) -> HeaderValue {
        todo!()
    }
    pub fn clear(&self, _kind: &Kind) -> HeaderValue {
        todo!()
    }
    /// The session cookie's value; over several Cookie lines; doubled with different values: the first that parses wins
    /// nothing: answers None (ambiguity is refused). Hot path: no allocation.
    pub fn session<'a>(&self, _headers: &'a HeaderMap) -> Option<&'a [u8]> {
        todo!()
    }
    pub fn attempts<'a>(&self, _headers: &'a HeaderMap) -> Vec<(String, &'a str)> {
        todo!()
    }
    pub fn answered<'a>(&self, _headers: &'a HeaderMap) -> Option<&'a str> {
        todo!()
    }
    /// Rewrites the Cookie header for the upstream: lines joined into one, ours removed, absent when nothing is left.
    pub fn strip_ours(&self, _headers: &mut HeaderMap) {
        todo!()
    }
}
