//! At the site: somebody is sent to the sign-on host.

use super::errand::SignIn;
use super::{ERRAND, handoff_url};
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::{Gate, presented_key};
use crate::login::answers::redirect;
use crate::login::attempt::{Attempt, Held};
use crate::login::return_to::ReturnTo;
use crate::observe::traces;
use crate::reason::{Reason, Refusal};
use crate::saml::authn_request::RequestId;
use crate::site::Site;
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What is known of the sign-in.
pub(in crate::login) struct Way<'a> {
    /// Where it leads.
    pub(in crate::login) return_to: &'a ReturnTo,
    /// Which round it is.
    pub(in crate::login) rounds: u8,
    /// The person asked to begin anew after a loop was stopped.
    pub(in crate::login) again: bool,
    /// The rule that asks for it.
    pub(in crate::login) step_up: Option<u16>,
    /// HEAD: nobody goes anywhere.
    pub(in crate::login) looks_only: bool,
}

/// Makes an attempt of this site, whose answer will be a hand-over, and sends the browser to the host. `idp` was asked for
/// by name.
///
/// # Errors
/// `idp-unknown`.
pub(in crate::login) fn depart(
    gate: &Gate,
    (site, host): (&Site, &Site),
    (held, headers): (Held, &HeaderMap),
    idp: Option<&str>,
    way: &Way<'_>,
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    if idp.is_some_and(|idp| !site.identity_providers.iter().any(|admitted| admitted.id == idp)) {
        let detail = "the sign-in link names an identity provider that this site does not admit";
        return Err(Refusal::new(Reason::IdpUnknown, detail));
    }
    let attempt = Attempt {
        site: site.name.clone(),
        idp: idp.unwrap_or_default().to_owned(),
        // No address of an assertion consumer service: no answer of an identity provider redeems it.
        acs_url: handoff_url(site),
        request_id: RequestId::random()?,
        created: now,
        return_to: way.return_to.clone(),
        rounds: way.rounds,
        replaces: presented_key(site, headers),
        anew: false,
        is_trial: false,
        kept: None,
        step_up: way.step_up,
        raised: None,
        trace: traces::current().map(Box::new),
    };
    let errand = SignIn {
        site: site.public_url.authority().to_owned(),
        attempt: attempt.request_id.as_str().to_owned(),
        created: now,
        step_up: way.step_up,
        trace: attempt.trace.as_deref().copied(),
    };
    let mut to = format!(
        "{}{}/sign-in?{ERRAND}={}",
        host.public_url.origin(),
        host.path_prefix,
        errand.seal(&gate.keys, host)
    );
    if let Some(idp) = idp {
        to.push_str(&format!("&idp={}", utf8_percent_encode(idp, NON_ALPHANUMERIC)));
    }
    let mut response = redirect(StatusCode::FOUND, &to);
    let forgotten = way.again.then(|| site.cookies.clear(&Kind::Answered));
    for cookie in held.admit(&attempt, &gate.keys, site, now).into_iter().chain(forgotten) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    if !way.looks_only {
        gate.metrics.sign_in_started(site.id);
    }
    Ok(response)
}
