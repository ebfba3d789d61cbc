//! Somebody's own sessions: the list of them, and the end of those in other browsers.
//!
//! GET shows and ends nothing. What the forms name is sealed for the session that they were shown to: a name that was made up,
//! that belongs to somebody else, or that was shown to another sign-in opens as nothing, and whoever it names is looked up
//! among the sessions of the same person once more. A post must say that it comes from a page of ours, as every browser
//! does; one that says nothing is no browser's, and has no button here.

use super::answers::redirect;
use super::ask;
use super::form::{is_form, says_where_from};
use super::hand_over::parameter;
use super::refused::Refused;
use super::sign_out::is_own_page;
use crate::clock::Moment;
use crate::gate::{Gate, OwnSignIn, unavailable};
use crate::identity::Person as _;
use crate::observe::audit::{self, Event};
use crate::observe::metrics::FaceLabel;
use crate::pages::{self, OwnSession, OwnSessions, Since};
use crate::reason::{Reason, Refusal};
use crate::seal::Purpose;
use crate::session::{Session, SessionKey};
use crate::site::{Face, Site};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use std::net::IpAddr;

/// Where it is, below the prefix.
pub(super) const PATH: &str = "/sessions";

/// The field of the forms.
const FIELD: &str = "session";

/// The parameter of the page after one of them.
const DONE: &str = "done";

/// More are not shown, and end with all others.
const MOST_SHOWN: usize = 50;

/// The address of the list.
pub(super) fn url(site: &Site) -> String {
    format!("{}{}{PATH}", site.public_url.origin(), site.path_prefix)
}

/// Answers `GET sessions`.
///
/// # Errors
/// `store-unavailable`.
pub(super) async fn show(
    gate: &Gate,
    site: &Site,
    request: &http::Request<Bytes>,
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    let headers = request.headers();
    let Some(session) = gate.resume(site, headers, now).await? else {
        return Ok(to_sign_in(site, request.method(), headers));
    };
    let done = parameter(request.uri().query().unwrap_or_default(), DONE);
    let ended = match done.and_then(|sealed| Sealed::open(gate, &session, &sealed)) {
        Some(Sealed::Ended(ended)) => Some(ended),
        _ => None,
    };
    let own = gate.own_sign_ins(site, &session, now).await.map_err(unavailable)?;
    Ok(page(gate, site, &session, &own, ended, now))
}

/// Answers `POST sessions`: ends what the form names, and shows what is left.
///
/// # Errors
/// `cross-site-request`, `form-malformed`, `store-unavailable`.
pub(super) async fn end(
    gate: &Gate,
    site: &Site,
    request: &http::Request<Bytes>,
    client: IpAddr,
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    let headers = request.headers();
    if !says_where_from(headers) || !is_own_page(site, headers) {
        let detail = "the form was not posted by the page of the sessions";
        return Err(Refusal::new(Reason::CrossSiteRequest, detail));
    }
    let Some(session) = gate.resume(site, headers, now).await? else {
        return Ok(to_sign_in(site, request.method(), headers));
    };
    let named = match sealed_in(request) {
        Ok(sealed) => Sealed::open(gate, &session, &sealed),
        Err(refusal) => return Err(refusal),
    };
    let mut own = gate.own_sign_ins(site, &session, now).await.map_err(unavailable)?;
    let (only, detail) = match named {
        Some(Sealed::One(key)) => (Some(key), format!("the sign-in of session {}", key.public_name())),
        Some(Sealed::Others) => (None, "all other sign-ins".to_owned()),
        Some(Sealed::Ended(_)) | None => return Ok(refused(gate, site, request, client, &session)),
    };
    let mut ended = 0;
    let problem = loop {
        let mut problem = None;
        let before = ended;
        // It may have ended meanwhile: then there is nothing to do, and nothing to say against it.
        for one in own.iter().filter(|one| !one.is_asking() && only.is_none_or(|key| key == *one.root())) {
            match gate.end_own(one, &session).await {
                Ok(did) => ended += usize::from(did),
                Err(why) => problem = Some(why),
            }
        }
        // Of very many not all are found at once.
        if only.is_some() || problem.is_some() || ended == before {
            break problem;
        }
        match gate.own_sign_ins(site, &session, now).await {
            Ok(left) => own = left,
            Err(why) => break Some(why),
        }
    };
    let by = format!("self, in session {}", session.key().public_name());
    let detail = format!("{detail} of the same person at {}", site.name);
    audit::record(&Event::SessionsRevoked {
        detail: &detail,
        sessions: ended,
        by: &by,
        client: Some(client),
    });
    if let Some(problem) = problem {
        return Err(unavailable(problem));
    }
    let done = Sealed::Ended(u32::try_from(ended).unwrap_or(u32::MAX)).seal(gate, &session);
    Ok(redirect(StatusCode::SEE_OTHER, &format!("{}?{DONE}={done}", url(site))))
}

fn to_sign_in(site: &Site, method: &http::Method, headers: &HeaderMap) -> Response<Bytes> {
    ask::for_proxy(site, method, headers, &format!("{}{PATH}", site.path_prefix))
}

/// The one value of the form.
fn sealed_in(request: &http::Request<Bytes>) -> Result<String, Refusal> {
    if !is_form(request.headers()) {
        return Err(Refusal::new(Reason::FormMalformed, "the content type is not that of a form"));
    }
    let mut fields = url::form_urlencoded::parse(request.body()).filter(|(name, _)| name == FIELD);
    let first = fields.next().map(|(_, value)| value.into_owned());
    if fields.next().is_some() {
        return Err(Refusal::new(Reason::FormMalformed, "a field of the form is doubled"));
    }
    Ok(first.unwrap_or_default())
}

fn refused(
    gate: &Gate,
    site: &Site,
    request: &http::Request<Bytes>,
    client: IpAddr,
    session: &Session,
) -> Response<Bytes> {
    let detail = "what the form names was not sealed for this session";
    let refusal = Refusal::new(Reason::SessionsFormInvalid, detail);
    let refused = Refused {
        site: Some(site),
        refusal: &refusal,
        face: FaceLabel::Proxy,
        method: request.method(),
        path: request.uri().path(),
        client,
        session: Some(session),
        html: true,
    };
    refused.answer_leading_to(gate, &url(site))
}

fn page(
    gate: &Gate,
    site: &Site,
    session: &Session,
    own: &[OwnSignIn],
    ended: Option<u32>,
    now: Moment,
) -> Response<Bytes> {
    let is_host = matches!(site.face, Face::SignOn);
    let listed = own.get(..MOST_SHOWN).unwrap_or(own);
    let places: Vec<Vec<&str>> =
        listed.iter().map(|one| if is_host { sites_of(gate, site, one) } else { Vec::new() }).collect();
    let names: Vec<String> = listed.iter().map(|one| Sealed::One(*one.root()).seal(gate, session)).collect();
    let shown = listed.iter().zip(&places).zip(&names).filter_map(|((one, places), name)| {
        let first = one.sessions().first()?;
        let browser = first.browser();
        let used = one.sessions().iter().map(|session| session.last_use()).max();
        Some(OwnSession {
            name: Some(name.as_str()).filter(|_| !one.is_asking()),
            browser: browser.name.as_str(),
            system: browser.system.as_str(),
            is_handheld: browser.system.is_handheld(),
            by: label(site, first),
            places,
            signed_in: since(first.established_at(), now),
            used: since(used.unwrap_or(now), now),
        })
    });
    let shown: Vec<OwnSession<'_>> = shown.collect();
    let others = own.iter().any(|one| !one.is_asking()).then(|| Sealed::Others.seal(gate, session));
    // What the person may see everywhere is shown where no application can read it.
    let host = gate.sign_on_of(site).map(|host| (host.public_url.authority(), url(host)));
    let page = OwnSessions {
        sessions: &shown,
        more: own.len().saturating_sub(shown.len()),
        others: others.as_deref(),
        ended,
        user: session.user(),
        place: site.branding.name.as_deref().unwrap_or(site.public_url.authority()),
        action: &url(site),
        sign_out: &format!("{}{}/sign-out", site.public_url.origin(), site.path_prefix),
        everywhere: host.as_ref().map(|(name, url)| (*name, url.as_str())),
    };
    pages::own_sessions(&site.branding, &page)
}

/// The sites that a sign-in at their host was handed over to, each once.
fn sites_of<'g>(gate: &'g Gate, host: &Site, one: &OwnSignIn) -> Vec<&'g str> {
    let at = |site: &&Site| one.sessions().iter().any(|session| session.site() == site.key);
    let sites = gate.sites_signing_on_at(host).filter(at);
    sites.map(|site| site.branding.name.as_deref().unwrap_or(&site.name)).collect()
}

fn label<'s>(site: &'s Site, session: &'s Session) -> &'s str {
    let by = site.identity_providers.iter().find(|idp| idp.id == session.idp());
    by.map_or(session.idp(), |idp| &idp.label)
}

fn since(then: Moment, now: Moment) -> Since {
    Since { seconds: now.since(then).as_secs(), at: then.to_string() }
}

/// What a form, or the address after it, says.
#[derive(Debug, PartialEq, Eq)]
enum Sealed {
    /// This sign-in is to end.
    One(SessionKey),
    /// All but this one.
    Others,
    /// So many have ended.
    Ended(u32),
}

impl Sealed {
    /// For this session and no other.
    fn seal(&self, gate: &Gate, session: &Session) -> String {
        let mut plain = Vec::new();
        match self {
            Self::One(key) => {
                plain.push(b'1');
                plain.extend_from_slice(&key.0);
            }
            Self::Others => plain.push(b'*'),
            Self::Ended(ended) => {
                plain.push(b'=');
                plain.extend_from_slice(&ended.to_be_bytes());
            }
        }
        gate.keys.seal(Purpose::OwnSessions, &session.key().0, &plain)
    }

    fn open(gate: &Gate, session: &Session, sealed: &str) -> Option<Self> {
        let plain = gate.keys.open(Purpose::OwnSessions, &session.key().0, sealed)?;
        let (kind, rest) = plain.split_first()?;
        Some(match kind {
            b'1' => Self::One(SessionKey(rest.try_into().ok()?)),
            b'*' if rest.is_empty() => Self::Others,
            b'=' => Self::Ended(u32::from_be_bytes(rest.try_into().ok()?)),
            _ => return None,
        })
    }
}
