//! What the application gets to see: the client's request without anything that only we may say, and what we say.
//!
//! Removed first, set afterwards, and after pingora took away what the client's Connection header names: nothing in
//! the client's request can add to our headers, and nothing in it can take one away.

use super::request::{X_FORWARDED_FOR, folds_to, starts_like};
use super::upstream::Application;
use crate::access::Permit;
use crate::session::Rendered;
use crate::site::{Face, Route, Site};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use std::net::IpAddr;
use std::sync::Arc;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Headers by which a client could make an application believe in another address, host or path than was judged.
const OURS_TO_SAY: [&str; 6] =
    ["forwarded", "x-real-ip", "x-original-url", "x-original-uri", "x-original-method", "x-rewrite-url"];

/// The same, a whole family.
const FORWARDED_FAMILY: &str = "x-forwarded-";

/// What a site says to its application in every request; made once.
#[derive(Debug)]
pub(super) struct Edge {
    proto: HeaderValue,
    host: HeaderValue,
    port: HeaderValue,
    /// The application, in the order of the site's routes; empty: a site of the forward-auth face.
    pub(super) parts: Vec<Part>,
}

/// A part of the application.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) application: Application,
    /// Its own host, where it is not to see the browser's.
    direct_host: Option<HeaderValue>,
}

impl Edge {
    /// Errors name the key of the configuration.
    pub(super) fn new(site: &Site) -> Result<Self, String> {
        let authority = site.public_url.authority();
        let after_address = authority.rsplit_once(']').map_or(authority, |(_, port)| port);
        let port = match after_address.rsplit_once(':') {
            Some((_, port)) => port,
            None if site.public_url.is_secure() => "443",
            None => "80",
        };
        let value = |text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| format!("site {}: {text} cannot stand in a header", site.name))
        };
        let part = |(number, route): (usize, &Route)| {
            let application = Application::new((&site.name, number), &route.upstream)?;
            let direct = || value(&application.authority());
            let direct_host = if application.preserves_host() { None } else { Some(direct()?) };
            Ok(Part { application, direct_host })
        };
        let routes = match &site.face {
            Face::Proxy(routes) => routes.as_slice(),
            Face::ForwardAuth | Face::SignOn => &[],
        };
        Ok(Self {
            proto: HeaderValue::from_static(if site.public_url.is_secure() { "https" } else { "http" }),
            host: value(authority)?,
            port: value(port)?,
            parts: routes.iter().enumerate().map(part).collect::<Result<_, String>>()?,
        })
    }

    /// Whether anything is forwarded at all.
    pub(super) fn forwards(&self) -> bool {
        !self.parts.is_empty()
    }
}

/// A request that may pass, and everything the application is to be told about it. Holds the permit: without one
/// there is nothing to forward with.
pub(super) struct Passenger {
    permit: Permit,
    /// Made exactly when the permit is for somebody.
    identity: Option<Arc<Rendered>>,
    hops: Hops,
    /// Which part of the application.
    part: usize,
}

impl Passenger {
    /// `identity` is asked for only when the permit lets an identity through.
    pub(super) fn new(
        permit: Permit,
        identity: impl FnOnce() -> Option<Arc<Rendered>>,
        hops: Hops,
        part: usize,
    ) -> Self {
        let identity = if permit.identified() { identity() } else { None };
        Self { permit, identity, hops, part }
    }

    /// Where it goes.
    pub(super) fn part<'e>(&self, edge: &'e Edge) -> Option<&'e Part> {
        edge.parts.get(self.part)
    }

    /// Whether the application is told who it is.
    pub(super) fn is_identified(&self) -> bool {
        self.permit.identified()
    }

    /// Turns the client's request into the one for the application.
    pub(super) fn dress(&self, request: &mut RequestHeader, site: &Site, edge: &Edge) {
        with_parts(request, |parts| self.rewrite(&mut parts.headers, site, edge));
    }

    fn rewrite(&self, headers: &mut HeaderMap, site: &Site, edge: &Edge) {
        let hops = self.forwarded_for(headers);
        remove_spellings(headers);
        site.headers.strip(headers);
        match &self.identity {
            Some(identity) => {
                for (name, value) in &identity.headers {
                    headers.insert(name.clone(), value.clone());
                }
            }
            None => {
                for (name, value) in site.headers.anonymous() {
                    headers.insert(name.clone(), value.clone());
                }
            }
        }
        site.cookies.strip_ours(headers);
        if let Some(hops) = hops {
            headers.insert(X_FORWARDED_FOR, hops);
        }
        if let Ok(client) = HeaderValue::from_str(&self.hops.client.to_string()) {
            headers.insert(X_REAL_IP, client);
        }
        headers.insert(X_FORWARDED_PROTO, edge.proto.clone());
        headers.insert(X_FORWARDED_HOST, edge.host.clone());
        headers.insert(X_FORWARDED_PORT, edge.port.clone());
        if let Some(host) = self.part(edge).and_then(|part| part.direct_host.as_ref()) {
            headers.insert(header::HOST, host.clone());
        }
    }

    /// X-Forwarded-For: the peer, after what a trusted peer said itself.
    fn forwarded_for(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut hops = String::new();
        if self.hops.peer_is_trusted {
            for line in headers.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()) {
                hops.push_str(line);
                hops.push_str(", ");
            }
        }
        hops.push_str(&self.hops.peer.to_canonical().to_string());
        HeaderValue::from_str(&hops).ok()
    }
}

/// Between whom a request travelled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hops {
    /// Who sent it to us.
    pub(super) peer: IpAddr,
    /// Whether it is a gateway, by its address or by the gateways' secret: its account of the hops before it is passed on.
    pub(super) peer_is_trusted: bool,
    /// Who it comes from.
    pub(super) client: IpAddr,
}

/// Forgets how the client wrote the names of its headers in upper and lower case. pingora keeps a second map for it,
/// which would be copied for every attempt to reach the application.
pub(super) fn forget_case(request: &mut RequestHeader) {
    if request.has_case() {
        with_parts(request, |_| {});
    }
}

/// Takes a request apart, lets it be changed, and puts it together without the map of cases: the two maps must not
/// differ, and only pingora's own methods keep them alike.
fn with_parts(request: &mut RequestHeader, change: impl FnOnce(&mut http::request::Parts)) {
    let (empty, ()) = http::Request::new(()).into_parts();
    let mut parts: http::request::Parts = std::mem::replace(request, RequestHeader::from(empty)).into();
    change(&mut parts);
    *request = RequestHeader::from(parts);
}

fn remove_spellings(headers: &mut HeaderMap) {
    let spoken: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            starts_like(name, FORWARDED_FAMILY) || OURS_TO_SAY.iter().any(|ours| folds_to(name, ours))
        })
        .cloned()
        .collect();
    for name in spoken {
        headers.remove(name);
    }
}
