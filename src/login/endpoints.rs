//! Our own endpoints: which there are, what they take, who answers.
//!
//! All under the site's prefix, so that a gateway needs one bypass rule, and the keys at a well-known address too.

use super::answers::{Stopped, document, sign_in_refused, with_manners};
use super::{ask, finish, refused, sign_out, start, whoami};
use crate::access::RequestPath;
use crate::gate::Gate;
use crate::reason::{Reason, Refusal};
use crate::saml::metadata::write_service_provider;
use crate::site::Site;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// Whether the path is one of ours: under the prefix, or the well-known address of the keys.
pub fn is_own(site: &Site, path: &RequestPath) -> bool {
    below_prefix(site, path).is_some() || path.as_str() == WELL_KNOWN_KEYS
}

/// How many bytes of a body [`answer`] is willing to take at this path.
pub fn body_limit(gate: &Gate, site: &Site, path: &RequestPath) -> usize {
    match Endpoint::at(site, path) {
        Some(Endpoint::AssertionConsumerService(_)) => form_limit(gate),
        _ => SMALL_BODY,
    }
}

/// Answers a request to one of our endpoints. The body is whole and within [`body_limit`]; a longer one is refused.
pub async fn answer(
    gate: &Gate,
    site: &Arc<Site>,
    request: Request<Bytes>,
    path: &RequestPath,
    client: IpAddr,
) -> Response<Bytes> {
    let asked_for_head = request.method() == Method::HEAD;
    let endpoint = Endpoint::at(site, path);
    let mut response = match &endpoint {
        Some(endpoint) if !endpoint.methods().contains(&normal(request.method())) => {
            let refusal = Refusal::new(Reason::MethodNotAllowed, "");
            let mut response = ask_refused(gate, site, &refusal, &request, path, client);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow()));
            response
        }
        Some(endpoint) => match dispatch(gate, site, endpoint, &request, client).await {
            Ok(response) => response,
            Err(stopped) if endpoint.is_of_sign_in() => sign_in_refused(gate, site, client, &stopped),
            Err(stopped) => ask_refused(gate, site, &stopped.refusal, &request, path, client),
        },
        None => ask_refused(gate, site, &Reason::EndpointUnknown.into(), &request, path, client),
    };
    if asked_for_head {
        *response.body_mut() = Bytes::new();
    }
    with_manners(response)
}

async fn dispatch(
    gate: &Gate,
    site: &Arc<Site>,
    endpoint: &Endpoint<'_>,
    request: &Request<Bytes>,
    client: IpAddr,
) -> Result<Response<Bytes>, Stopped> {
    let now = gate.clock.now();
    let headers = request.headers();
    let query = request.uri().query().unwrap_or_default();
    Ok(match endpoint {
        Endpoint::SignIn => start::start(gate, site, query, headers, now).await?,
        Endpoint::SignOut if request.method() == Method::POST => sign_out::end(gate, site, request, client).await?,
        Endpoint::SignOut => sign_out::confirm(gate, site, query, headers, now).await?,
        Endpoint::AssertionConsumerService(idp) => {
            within(request.body(), form_limit(gate))?;
            finish::finish(gate, site, *idp, request, client, now).await?
        }
        Endpoint::Metadata => document("application/samlmetadata+xml", write_service_provider(&site.service_provider)),
        Endpoint::WhoAmI => whoami::whoami(gate, site, headers, now).await?,
        Endpoint::Refused => refused::page(gate, site, request, client, now).await?,
        Endpoint::Keys => {
            let mut response = document("application/jwk-set+json", gate.jwt_keys.jwks().to_owned());
            // As long as a JWT lives: a key is published at least that long before it signs.
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Endpoint<'a> {
    SignIn,
    SignOut,
    AssertionConsumerService(Option<&'a str>),
    Metadata,
    WhoAmI,
    Refused,
    Keys,
}

impl<'a> Endpoint<'a> {
    fn at(site: &Site, path: &'a RequestPath) -> Option<Self> {
        if path.as_str() == WELL_KNOWN_KEYS {
            return Some(Self::Keys);
        }
        Some(match below_prefix(site, path)? {
            "/sign-in" => Self::SignIn,
            "/sign-out" => Self::SignOut,
            "/saml/acs" => Self::AssertionConsumerService(None),
            "/saml/metadata" => Self::Metadata,
            "/whoami" => Self::WhoAmI,
            "/refused" => Self::Refused,
            "/jwks.json" => Self::Keys,
            other => {
                let idp = other.strip_prefix("/saml/acs/")?;
                (!idp.is_empty() && !idp.contains('/')).then_some(Self::AssertionConsumerService(Some(idp)))?
            }
        })
    }

    const fn methods(&self) -> &'static [Method] {
        match self {
            Self::AssertionConsumerService(_) => &[Method::POST],
            Self::SignOut => &[Method::GET, Method::POST],
            Self::SignIn | Self::Metadata | Self::WhoAmI | Self::Refused | Self::Keys => &[Method::GET],
        }
    }

    const fn allow(&self) -> &'static str {
        match self {
            Self::AssertionConsumerService(_) => "POST",
            Self::SignOut => "GET, HEAD, POST",
            Self::SignIn | Self::Metadata | Self::WhoAmI | Self::Refused | Self::Keys => "GET, HEAD",
        }
    }

    /// Whether a refusal here is a sign-in refused, with a link to begin again.
    const fn is_of_sign_in(&self) -> bool {
        matches!(self, Self::SignIn | Self::AssertionConsumerService(_))
    }
}

const WELL_KNOWN_KEYS: &str = "/.well-known/vestibule/jwks.json";

/// Enough for a form with a return address.
const SMALL_BODY: usize = 8 * 1024;

/// Base64 makes three bytes four; `+`, `/` and line ends are three bytes each in a form, and rare in base64 of XML;
/// then there is room for a RelayState and other fields.
fn form_limit(gate: &Gate) -> usize {
    gate.message_limits.max_decoded_bytes.saturating_mul(5) / 3 + SMALL_BODY
}

fn below_prefix<'a>(site: &Site, path: &'a RequestPath) -> Option<&'a str> {
    let below = path.as_str().strip_prefix(site.path_prefix.as_str())?;
    (below.is_empty() || below.starts_with('/')).then_some(below)
}

/// HEAD is answered wherever GET is.
fn normal(method: &Method) -> Method {
    if method == Method::HEAD { Method::GET } else { method.clone() }
}

fn within(body: &Bytes, limit: usize) -> Result<(), Refusal> {
    if body.len() > limit {
        return Err(Refusal::new(Reason::MessageTooLarge, format!("the form has {} bytes, {limit} are taken", body.len())));
    }
    Ok(())
}

fn ask_refused(
    gate: &Gate,
    site: &Site,
    refusal: &Refusal,
    request: &Request<Bytes>,
    path: &RequestPath,
    client: IpAddr,
) -> Response<Bytes> {
    let html = wants_page(request.method(), request.headers());
    ask::refused(gate, site, refusal, request.method(), path.as_str(), client, None, html)
}

/// A page unless the client is plainly a script: these addresses are typed, linked and bookmarked.
fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    ask::is_navigation(method, headers) || !headers.contains_key("sec-fetch-mode")
}
