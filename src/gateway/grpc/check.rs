//! `envoy.service.auth.v3.CheckRequest`: the request that is asked about.
//!
//! | message | fields that are read |
//! |---|---|
//! | `CheckRequest` | `attributes` 1 |
//! | `AttributeContext` | `source` 1, `request` 4, `context_extensions` 10 |
//! | `Peer`, `Address`, `SocketAddress` | `address` 1, `socket_address` 1, `address` 2 |
//! | `Request` | `http` 2 |
//! | `HttpRequest` | `method` 2, `headers` 3, `path` 4, `host` 5, `header_map` 13 |
//! | `HeaderMap`, `HeaderValue` | `headers` 1; `key` 1, `value` 2, `raw_value` 3 |
//!
//! Nothing else is: not the scheme, not the body. Whatever belongs there once and is there twice is refused.

use super::wire::{Content, Fields, Malformed};
use crate::gateway::authz::{Asked, parse_method};
use crate::reason::{Reason, Refusal};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;

/// What the gateway's question says.
#[derive(Debug)]
pub(super) struct Check<'a> {
    pub(super) asked: Asked<'a>,
    /// The client's headers, as far as the gateway passes them on.
    pub(super) headers: HeaderMap,
    /// `context_extensions.site`: the gateway's own word for the site.
    pub(super) site: Option<&'a str>,
    /// Who was connected to the gateway.
    pub(super) connected: Option<IpAddr>,
}

/// The context extension that names a site.
const SITE: &[u8] = b"site";

/// Most requests have fewer headers.
const USUAL_HEADERS: usize = 32;

impl<'a> Check<'a> {
    /// Reads a message. Values of headers share its memory.
    pub(super) fn read(message: &'a Bytes) -> Result<Self, Refusal> {
        let attributes = required(only(message, 1, "attributes")?, "no attributes")?;
        let (mut source, mut request, mut site) = (None, None, None);
        for field in Fields::of(attributes) {
            match field? {
                (1, Content::Octets(octets)) => once(&mut source, octets, "source")?,
                (4, Content::Octets(octets)) => once(&mut request, octets, "request")?,
                (10, Content::Octets(octets)) => {
                    let (key, value) = entry(octets)?;
                    if key == SITE {
                        once(&mut site, value, "context_extensions.site")?;
                    }
                }
                (1 | 4 | 10, _) => return Err(Malformed.into()),
                _ => {}
            }
        }
        let http = only(required(request, "no request")?, 2, "http")?;
        let http = Http::read(message, required(http, "no HTTP request")?)?;
        Ok(Self {
            asked: http.asked()?,
            headers: http.headers,
            site: site.map(text).transpose()?,
            connected: source.map(address).transpose()?.flatten(),
        })
    }
}

/// The request itself.
#[derive(Default)]
struct Http<'a> {
    method: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    headers: HeaderMap,
    /// Whether headers came as texts, one value a name, and as octets.
    as_texts: bool,
    as_octets: bool,
    /// What the pseudo-headers among the headers say of the same.
    pseudo: [Option<&'a [u8]>; 3],
}

/// The names of [`Http::pseudo`].
const PSEUDO: [&[u8]; 3] = [b":method", b":path", b":authority"];

impl<'a> Http<'a> {
    fn read(message: &Bytes, http: &'a [u8]) -> Result<Self, Refusal> {
        let mut read = Self { headers: HeaderMap::with_capacity(USUAL_HEADERS), ..Self::default() };
        for field in Fields::of(http) {
            match field? {
                (2, Content::Octets(octets)) => once(&mut read.method, octets, "method")?,
                (3, Content::Octets(octets)) => {
                    let (name, value) = entry(octets)?;
                    read.as_texts = true;
                    if read.header(message, name, value)? {
                        return Err(doubled("a header of the map"));
                    }
                }
                (4, Content::Octets(octets)) => once(&mut read.path, octets, "path")?,
                (5, Content::Octets(octets)) => once(&mut read.host, octets, "host")?,
                (13, Content::Octets(map)) => {
                    for field in Fields::of(map) {
                        if let (1, content) = field? {
                            let Content::Octets(octets) = content else { return Err(Malformed.into()) };
                            let (name, value) = header_value(octets)?;
                            read.as_octets = true;
                            read.header(message, name, value)?;
                        }
                    }
                }
                (2..=5 | 13, _) => return Err(Malformed.into()),
                _ => {}
            }
        }
        if read.as_texts && read.as_octets {
            return Err(doubled("the headers, as headers and as header_map"));
        }
        Ok(read)
    }

    /// Takes a header up; says whether there was one of this name.
    fn header(&mut self, message: &Bytes, name: &'a [u8], value: &'a [u8]) -> Result<bool, Refusal> {
        if name.first() == Some(&b':') {
            for (pseudo, said) in PSEUDO.iter().zip(&mut self.pseudo) {
                if name == *pseudo {
                    once(said, value, "a pseudo-header")?;
                }
            }
            return Ok(false);
        }
        let malformed = || malformed("a header that is none");
        let name = HeaderName::from_bytes(name).map_err(|_| malformed())?;
        let value = HeaderValue::from_maybe_shared(message.slice_ref(value)).map_err(|_| malformed())?;
        let too_many = |_| Refusal::new(Reason::HeaderTooLarge, "more headers than anybody counts");
        self.headers.try_append(name, value).map_err(too_many)
    }

    fn asked(&self) -> Result<Asked<'a>, Refusal> {
        let [method, path, host] = [self.method, self.path, self.host]
            .map(|said| said.map(text).transpose().map(Option::unwrap_or_default));
        let (method, path, host) = (method?, path?, host?);
        if method.is_empty() {
            return Err(Refusal::new(Reason::OriginalUrlMissing, "no method"));
        }
        let said = [method, path, host].map(str::as_bytes);
        if self.pseudo.iter().zip(said).any(|(pseudo, said)| pseudo.is_some_and(|pseudo| pseudo != said)) {
            return Err(doubled("method, path or host, and another one among the headers"));
        }
        Asked::of_parts(parse_method(method)?, host, path)
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        malformed("the message is no CheckRequest")
    }
}

fn malformed(detail: &'static str) -> Refusal {
    Refusal::new(Reason::OriginalUrlMalformed, detail)
}

fn doubled(what: &str) -> Refusal {
    Refusal::new(Reason::OriginalUrlDoubled, format!("{what} twice"))
}

fn required<'a>(found: Option<&'a [u8]>, missing: &'static str) -> Result<&'a [u8], Refusal> {
    found.ok_or_else(|| Refusal::new(Reason::OriginalUrlMissing, missing))
}

fn once<'a>(place: &mut Option<&'a [u8]>, found: &'a [u8], what: &str) -> Result<(), Refusal> {
    match place.replace(found) {
        None => Ok(()),
        Some(_) => Err(doubled(what)),
    }
}

/// The only field of this number in a message.
fn only<'a>(message: &'a [u8], number: u64, what: &str) -> Result<Option<&'a [u8]>, Refusal> {
    let mut found = None;
    for field in Fields::of(message) {
        match field? {
            (this, Content::Octets(octets)) if this == number => once(&mut found, octets, what)?,
            (this, _) if this == number => return Err(Malformed.into()),
            _ => {}
        }
    }
    Ok(found)
}

/// Key and value of a map's entry; what is left out is empty.
fn entry(octets: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let (mut key, mut value) = (None, None);
    for field in Fields::of(octets) {
        match field? {
            (1, Content::Octets(octets)) => once(&mut key, octets, "the key of an entry")?,
            (2, Content::Octets(octets)) => once(&mut value, octets, "the value of an entry")?,
            _ => return Err(Malformed.into()),
        }
    }
    Ok((key.unwrap_or_default(), value.unwrap_or_default()))
}

/// Name and value of a `HeaderValue`, of which one of two forms is there.
fn header_value(octets: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let (mut key, mut value) = (None, None);
    for field in Fields::of(octets) {
        match field? {
            (1, Content::Octets(octets)) => once(&mut key, octets, "the name of a header")?,
            (2 | 3, Content::Octets(octets)) => once(&mut value, octets, "the value of a header")?,
            (1..=3, _) => return Err(Malformed.into()),
            _ => {}
        }
    }
    Ok((key.unwrap_or_default(), value.unwrap_or_default()))
}

/// The address of a `Peer`; none where it is no IP address, as of a pipe.
fn address(peer: &[u8]) -> Result<Option<IpAddr>, Refusal> {
    let inner = |message, what| only(message, 1, what);
    let Some(address) = inner(peer, "source.address")? else { return Ok(None) };
    let Some(socket) = inner(address, "source.address.socket_address")? else { return Ok(None) };
    let Some(address) = only(socket, 2, "source.address.socket_address.address")? else { return Ok(None) };
    Ok(text(address)?.parse().ok())
}

fn text(octets: &[u8]) -> Result<&str, Refusal> {
    str::from_utf8(octets).map_err(|_| malformed("not UTF-8"))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
