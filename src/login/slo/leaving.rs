//! Somebody leaves here, and the identity provider is asked to end its session too.
//!
//! The session here has ended before anything is asked. What must be remembered until the answer is one sealed cookie,
//! as with attempts: the server remembers nothing.

pub(in crate::login) use super::ending::name_id;
use super::sent;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::Gate;
use crate::identity::Person as _;
use crate::login::answers::redirect;
use crate::login::ask;
use crate::login::hand_over;
use crate::login::return_to::ReturnTo;
use crate::reason::{Reason, Refusal};
use crate::saml::authn_request::RequestId;
use crate::saml::logout::{Asks, logout_request};
use crate::saml::response::NameId;
use crate::seal::{KeyRing, Purpose};
use crate::session::Session;
use crate::site::{Idp, Site};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Where a sign-out goes on.
pub(in crate::login) struct Departure {
    pub(in crate::login) response: Response<Bytes>,
    /// For the audit: `asked`, `sign-out-url` or `sign-on-host`.
    pub(in crate::login) at_idp: &'static str,
}

/// Where the browser goes whose session has just ended here: to the identity provider with a LogoutRequest, or to its
/// own sign-out page. None: nowhere, this is all.
pub(in crate::login) fn depart(
    gate: &Gate,
    site: &Site,
    session: &Session,
    return_to: Option<&ReturnTo>,
    headers: &HeaderMap,
    now: Moment,
) -> Option<Departure> {
    // A script that was redirected to another origin would see an error instead of a sign-out.
    if ask::is_surely_background(headers) {
        return None;
    }
    if let Some(host) = gate.sign_on_of(site) {
        let response = hand_over::leave(gate, (site, host), session, return_to, now)?;
        return Some(Departure { response, at_idp: "sign-on-host" });
    }
    let idp = site.identity_providers.iter().find(|idp| idp.id == session.idp())?;
    let name_id = name_id(session);
    let gone = Gone {
        idp,
        name_id: &name_id,
        session_index: session.session_index(),
        session: session.key().public_name(),
    };
    depart_with(gate, site, &gone, return_to, now)
}

/// The same for somebody of whom only this is known.
pub(in crate::login) struct Gone<'a> {
    /// Who signed them in.
    pub(in crate::login) idp: &'a Idp,
    /// As whom.
    pub(in crate::login) name_id: &'a NameId,
    /// In which of its sessions.
    pub(in crate::login) session_index: Option<&'a str>,
    /// The public name of the session that has ended.
    pub(in crate::login) session: String,
}

/// See [`depart`].
pub(in crate::login) fn depart_with(
    gate: &Gate,
    site: &Site,
    gone: &Gone<'_>,
    return_to: Option<&ReturnTo>,
    now: Moment,
) -> Option<Departure> {
    let idp = gone.idp;
    if idp.ends_there_too(&site.service_provider) {
        match asked(gate, site, gone, return_to, now) {
            Ok(response) => return Some(Departure { response, at_idp: "asked" }),
            Err(problem) => {
                tracing::warn!(site = site.name, idp = idp.id, problem, "single logout could not be begun");
            }
        }
    }
    let url = idp.logout.sign_out_url.as_deref()?;
    Some(Departure { response: redirect(StatusCode::SEE_OTHER, url), at_idp: "sign-out-url" })
}

fn asked(
    gate: &Gate,
    site: &Site,
    gone: &Gone<'_>,
    return_to: Option<&ReturnTo>,
    now: Moment,
) -> Result<Response<Bytes>, String> {
    let leaving = Leaving {
        site: site.name.clone(),
        idp: gone.idp.id.clone(),
        session: gone.session.clone(),
        request_id: RequestId::random().map_err(|refusal| refusal.to_string())?,
        created: now,
        return_to: return_to.cloned(),
    };
    let asks = Asks { id: &leaving.request_id, name_id: gone.name_id, session_index: gone.session_index };
    let delivery = logout_request(&site.service_provider, &gone.idp.logout_endpoints(), &asks, now)?;
    let mut response = sent(site, delivery, &[]);
    response.headers_mut().append(SET_COOKIE, leaving.cookie(&gate.keys, site));
    Ok(response)
}

/// How long somebody may take at the identity provider.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A sign-out under way. There is one for each browser: a second one ends where the first did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaving {
    /// The site's name.
    site: String,
    /// The identity provider that was asked, by its `id`.
    pub(super) idp: String,
    /// The public name of the session that ended.
    pub(super) session: String,
    /// What the answer must be in response to.
    pub(super) request_id: RequestId,
    /// When the request was made.
    pub(super) created: Moment,
    /// Where the person wanted to go afterwards.
    pub(super) return_to: Option<ReturnTo>,
}

impl Leaving {
    /// Whether this sign-out may be finished here and now, and with whom.
    ///
    /// # Errors
    /// `logout-unsolicited`.
    pub(super) fn redeem(&self, site: &Site, now: Moment) -> Result<Arc<Idp>, Refusal> {
        let refused = |detail: String| Refusal::new(Reason::LogoutUnsolicited, detail);
        if self.site != site.name {
            return Err(refused(format!("the sign-out began at {}", self.site)));
        }
        if now >= self.created.plus(LIFETIME) {
            return Err(refused(format!("the sign-out began at {}", self.created)));
        }
        let idp = site.identity_providers.iter().find(|idp| idp.id == self.idp);
        idp.cloned().ok_or_else(|| refused(format!("the sign-out asked {:?}, which is gone", self.idp)))
    }

    /// The Set-Cookie value.
    fn cookie(&self, keys: &KeyRing, site: &Site) -> HeaderValue {
        let wire = Wire {
            v: VERSION,
            s: self.site.clone(),
            i: self.idp.clone(),
            k: self.session.clone(),
            r: self.request_id.as_str().to_owned(),
            c: self.created.millis(),
            t: self.return_to.as_ref().map(|rd| rd.as_str().to_owned()),
        };
        // Strings and numbers only: cannot fail, and an empty value would not open again.
        let bytes = serde_json::to_vec(&wire).unwrap_or_default();
        site.cookies.set(&Kind::Leaving, &keys.seal(Purpose::Leaving, CONTEXT, &bytes), Some(LIFETIME))
    }

    /// From the request's cookies; none when it is missing or cannot be opened.
    pub(super) fn read(keys: &KeyRing, site: &Site, headers: &HeaderMap) -> Option<Self> {
        let sealed = site.cookies.leaving(headers)?;
        let wire: Wire = serde_json::from_slice(&keys.open(Purpose::Leaving, CONTEXT, sealed)?).ok()?;
        if wire.v != VERSION {
            return None;
        }
        let return_to = match wire.t {
            Some(text) => Some(ReturnTo::parse(&text, &site.public_url).ok()?),
            None => None,
        };
        Some(Self {
            site: wire.s,
            idp: wire.i,
            session: wire.k,
            request_id: RequestId::from_sealed(wire.r),
            created: Moment::from_millis(wire.c),
            return_to,
        })
    }
}

/// The same for every site, as with attempts: sites that share a host share a cookie jar.
const CONTEXT: &[u8] = b"";

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    s: String,
    i: String,
    k: String,
    r: String,
    c: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
}
