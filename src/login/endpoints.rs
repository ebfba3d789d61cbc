//! Our own endpoints: which there are, what they take, who answers.
//!
//! All under the site's prefix, so that a gateway needs one bypass rule, and the keys at a well-known address too.

use super::answers::{Stopped, document, sign_in_refused, with_manners};
use super::at::At;
use super::refused::Refused;
use super::{
    choose, finish, hand_over, own_sessions, refused, sign_out, slo, start, too_many, trial, tries, whoami,
};
use crate::access::RequestPath;
use crate::gate::Gate;
use crate::observe::metrics::FaceLabel;
use crate::pages;
use crate::reason::{Reason, Refusal};
use crate::saml::metadata::write_service_provider;
use crate::site::{Face, Site, WELL_KNOWN_KEYS};
use crate::test_link;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderValue, Method, Request, Response};
use std::net::IpAddr;
use tokio::time::Instant;

/// Whether the path is one of ours: under the prefix, the well-known address of the keys, or an old address of the
/// assertion consumer service.
pub fn is_own(site: &Site, path: &RequestPath) -> bool {
    below_prefix(site, path).is_some()
        || path.as_str() == WELL_KNOWN_KEYS
        || is_acs_alias(site, path)
        // Where there is no application the front page is ours. For the icon browsers ask every host of their own accord:
        // that is no refusal to tell of.
        || (matches!(path.as_str(), "/" | "/favicon.ico") && matches!(site.face, Face::SignOn))
}

pub(super) fn is_acs_alias(site: &Site, path: &RequestPath) -> bool {
    site.acs_aliases.iter().any(|alias| alias == path.as_str())
}

/// How many bytes of a body [`answer`] is willing to take at this path.
pub fn body_limit(gate: &Gate, site: &Site, path: &RequestPath) -> usize {
    match Endpoint::at(site, path) {
        Some(Endpoint::AssertionConsumerService(_) | Endpoint::SingleLogout) => form_limit(gate),
        _ => SMALL_BODY,
    }
}

/// Which of our endpoints a path leads to, without what varies: for who counts or traces. Empty: none.
pub fn route(site: &Site, path: &RequestPath) -> &'static str {
    match Endpoint::at(site, path) {
        None => "",
        Some(Endpoint::FrontPage) => "/",
        Some(Endpoint::SignIn) => "/vestibule/sign-in",
        Some(Endpoint::TestSignIn) => "/vestibule/test-sign-in",
        Some(Endpoint::SignOut) => "/vestibule/sign-out",
        Some(Endpoint::HandOff) => "/vestibule/handoff",
        Some(Endpoint::AssertionConsumerService(_)) => "/vestibule/saml/acs",
        Some(Endpoint::SingleLogout) => "/vestibule/saml/slo",
        Some(Endpoint::Metadata) => "/vestibule/saml/metadata",
        Some(Endpoint::WhoAmI) => "/vestibule/whoami",
        Some(Endpoint::OwnSessions) => "/vestibule/sessions",
        Some(Endpoint::Refused) => "/vestibule/refused",
        Some(Endpoint::Keys) => "/vestibule/jwks.json",
        Some(Endpoint::Logo(_)) => "/vestibule/logo",
    }
}

/// What is counted because it costs somebody something: an identity provider, or us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Costs {
    /// The beginning of a sign-in.
    SignIn,
    /// A message of an identity provider, which is to be verified.
    Answer,
}

impl Costs {
    /// The key of the limits.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::SignIn => "rate_limits.sign_ins",
            Self::Answer => "rate_limits.answers",
        }
    }
}

/// What a request to this path costs; nothing: it is answered at once, or refused as it is.
pub(super) fn costs(site: &Site, path: &RequestPath, method: &Method) -> Option<Costs> {
    Endpoint::at(site, path).filter(|endpoint| endpoint.takes(method))?.costs()
}

/// Answers a request to one of our endpoints. The body is whole and within [`body_limit`]; a longer one is refused.
pub async fn answer(
    gate: &Gate,
    site: &Site,
    request: Request<Bytes>,
    path: &RequestPath,
    client: IpAddr,
) -> Response<Bytes> {
    let came = Instant::now();
    let asked_for_head = request.method() == Method::HEAD;
    let mut response = match &Endpoint::at(site, path) {
        None => pages::not_found(&site.branding),
        Some(endpoint) if !endpoint.takes(request.method()) => {
            pages::method_not_allowed(&site.branding, endpoint.allow())
        }
        Some(Endpoint::SignOut) if asked_for_head && brings_an_errand(&request) => {
            pages::method_not_allowed(&site.branding, "GET")
        }
        Some(endpoint) => match dispatch(gate, site, endpoint, &request, client).await {
            Ok(response) => response,
            Err(stopped) if stopped.refusal.reason == Reason::RateLimited => {
                let costs = endpoint.costs().unwrap_or(Costs::SignIn);
                let asked = (request.method(), path.as_str());
                too_many::page(gate, site, asked, client, &stopped.refusal, costs)
            }
            Err(stopped) if endpoint.is_of_sign_in() => {
                let page = sign_in_refused(gate, site, client, &stopped).await;
                if stopped.refusal.is_behind_decryption() {
                    // The message need not wait with us.
                    drop(request);
                    tries::hold(came).await;
                }
                page
            }
            Err(Stopped { refusal, .. }) => {
                let html = !endpoint.is_for_scripts();
                let refused = Refused {
                    site: Some(site),
                    refusal: &refusal,
                    face: FaceLabel::Proxy,
                    method: request.method(),
                    path: path.as_str(),
                    client,
                    session: None,
                    html,
                };
                refused.answer(gate)
            }
        },
    };
    if asked_for_head {
        // Who only looks begins nothing: a new attempt could push out the one of a sign-in under way.
        response.headers_mut().remove(SET_COOKIE);
        *response.body_mut() = Bytes::new();
    }
    with_manners(response)
}

async fn dispatch(
    gate: &Gate,
    site: &Site,
    endpoint: &Endpoint<'_>,
    request: &Request<Bytes>,
    client: IpAddr,
) -> Result<Response<Bytes>, Stopped> {
    let now = gate.clock.now();
    let headers = request.headers();
    let query = request.uri().query().unwrap_or_default();
    Ok(match endpoint {
        Endpoint::SignIn if request.method() == Method::POST => {
            within(request.body(), SMALL_BODY)?;
            choose::by_address(gate, site, request, now)?
        }
        Endpoint::SignIn => start::start(gate, site, request, now).await?,
        Endpoint::Logo(idp) => choose::logo(site, *idp),
        Endpoint::TestSignIn if request.method() == Method::POST => trial::begin(gate, site, request, now)?,
        Endpoint::TestSignIn => trial::ask(gate, site, query, now)?,
        Endpoint::SignOut if request.method() == Method::POST => {
            sign_out::end(gate, site, request, client, now).await?
        }
        Endpoint::OwnSessions if request.method() == Method::POST => {
            within(request.body(), SMALL_BODY)?;
            own_sessions::end(gate, site, request, client, now).await?
        }
        Endpoint::OwnSessions => own_sessions::show(gate, site, request, now).await?,
        Endpoint::SignOut => match hand_over::parameter(query, hand_over::ERRAND) {
            Some(errand) => hand_over::arrived_to_leave(gate, site, &errand, headers, client, now).await?,
            None => sign_out::confirm(gate, site, query, headers, now).await?,
        },
        Endpoint::FrontPage => hand_over::places(gate, site, headers, now).await?,
        Endpoint::HandOff => hand_over::arrive(gate, site, query, headers, client, now).await?,
        Endpoint::AssertionConsumerService(at) => {
            within(request.body(), form_limit(gate))?;
            finish::finish(gate, site, *at, request, client, now).await?
        }
        Endpoint::SingleLogout => {
            within(request.body(), form_limit(gate))?;
            slo::receive(gate, site, request, client, now).await
        }
        Endpoint::Metadata => {
            document("application/samlmetadata+xml", write_service_provider(&site.service_provider))
        }
        Endpoint::WhoAmI => whoami::whoami(gate, site, headers, now).await?,
        Endpoint::Refused => {
            let mut response = refused::page(gate, site, request, client, now).await?;
            site.cors.let_read(headers, response.headers_mut());
            response
        }
        Endpoint::Keys => {
            let mut response = document("application/jwk-set+json", gate.jwt_keys_of(site).jwks().to_owned());
            // As long as a JWT lives: a key is published at least that long before it signs.
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Endpoint<'a> {
    /// Of a sign-on host.
    FrontPage,
    SignIn,
    TestSignIn,
    SignOut,
    OwnSessions,
    HandOff,
    AssertionConsumerService(At<'a>),
    SingleLogout,
    Metadata,
    WhoAmI,
    Refused,
    Keys,
    Logo(Option<&'a str>),
}

impl<'a> Endpoint<'a> {
    fn at(site: &Site, path: &'a RequestPath) -> Option<Self> {
        if path.as_str() == WELL_KNOWN_KEYS {
            return Some(Self::Keys);
        }
        if path.as_str() == "/" && matches!(site.face, Face::SignOn) {
            return Some(Self::FrontPage);
        }
        if is_acs_alias(site, path) {
            return Some(Self::AssertionConsumerService(At::Alias(path.as_str())));
        }
        Some(match below_prefix(site, path)? {
            "/sign-in" => Self::SignIn,
            test_link::PATH => Self::TestSignIn,
            "/sign-out" => Self::SignOut,
            own_sessions::PATH => Self::OwnSessions,
            "/handoff" => Self::HandOff,
            // Its sign-on host is the service provider.
            "/saml/slo" if site.sign_on.is_some() => None?,
            other if site.sign_on.is_some() && other.starts_with("/saml/acs") => None?,
            "/saml/acs" => Self::AssertionConsumerService(At::Own),
            "/saml/slo" => Self::SingleLogout,
            "/saml/metadata" => Self::Metadata,
            "/whoami" => Self::WhoAmI,
            "/refused" => Self::Refused,
            "/jwks.json" => Self::Keys,
            "/logo" => Self::Logo(None),
            other if other.starts_with("/logo/") => Self::Logo(other.strip_prefix("/logo/")),
            other => {
                let idp = other.strip_prefix("/saml/acs/")?;
                (!idp.is_empty() && !idp.contains('/'))
                    .then_some(Self::AssertionConsumerService(At::OfIdp(idp)))?
            }
        })
    }

    /// HEAD is answered wherever GET changes nothing but the browser's own cookies, which it then leaves alone.
    fn takes(&self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    const fn allow(&self) -> &'static str {
        match self {
            Self::AssertionConsumerService(_) => "POST",
            // A GET that ends sessions is not to be tried out with HEAD.
            Self::SingleLogout => "GET, POST",
            // HEAD would spend what it brings.
            Self::HandOff => "GET",
            Self::SignIn | Self::SignOut | Self::OwnSessions | Self::TestSignIn => "GET, HEAD, POST",
            Self::FrontPage | Self::Metadata | Self::WhoAmI | Self::Refused | Self::Keys | Self::Logo(_) => {
                "GET, HEAD"
            }
        }
    }

    /// Whether a refusal here is a sign-in refused, with a link to begin again.
    const fn is_of_sign_in(&self) -> bool {
        matches!(self, Self::SignIn | Self::HandOff | Self::AssertionConsumerService(_))
    }

    const fn costs(&self) -> Option<Costs> {
        match self {
            Self::SignIn | Self::TestSignIn => Some(Costs::SignIn),
            Self::AssertionConsumerService(_) | Self::SingleLogout => Some(Costs::Answer),
            // Sealed by the sign-on host: opened at once, or refused.
            Self::HandOff => None,
            Self::SignOut
            | Self::OwnSessions
            | Self::Metadata
            | Self::WhoAmI
            | Self::Refused
            | Self::Keys
            | Self::Logo(_)
            | Self::FrontPage => None,
        }
    }

    /// Whether nobody reads the answer as a page.
    const fn is_for_scripts(&self) -> bool {
        matches!(self, Self::WhoAmI | Self::Keys | Self::Metadata)
    }
}

/// A sign-out that was begun at a site is carried out by whoever brings it: HEAD would spend it.
fn brings_an_errand(request: &Request<Bytes>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    hand_over::parameter(query, hand_over::ERRAND).is_some()
}

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

fn within(body: &Bytes, limit: usize) -> Result<(), Refusal> {
    if body.len() > limit {
        return Err(Refusal::new(
            Reason::MessageTooLarge,
            format!("the form has {} bytes, {limit} are taken", body.len()),
        ));
    }
    Ok(())
}
