//! A sign-out at a site goes by its sign-on host: what the browser holds there ends too, and the host, which is the
//! service provider, asks the identity provider.

use super::errand::SignOut;
use super::{ERRAND, OVER, onwards, together, user_of};
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::{Gate, unavailable};
use crate::identity::Person as _;
use crate::login::answers::{Stopped, redirect};
use crate::login::return_to::ReturnTo;
use crate::login::slo::leaving::{self, Gone};
use crate::reason::{Reason, Refusal};
use crate::session::{Claim, ClaimKey, Session};
use crate::site::Site;
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Response, StatusCode};
use std::net::IpAddr;
use std::time::Duration;

/// How long the browser may take to the host.
const LIFETIME: Duration = Duration::from_secs(60);

/// At the site, whose session has just ended: on to the host. None: the names are too long for an address.
pub(in crate::login) fn leave(
    gate: &Gate,
    (site, host): (&Site, &Site),
    session: &Session,
    return_to: Option<&ReturnTo>,
    now: Moment,
) -> Option<Response<Bytes>> {
    let back = return_to.map(|rd| rd.as_str().to_owned());
    let errand = SignOut::of(session, leaving::name_id(session), site, back, now).seal(&gate.keys, host);
    if errand.is_empty() || errand.len() > LONGEST {
        tracing::warn!(site = site.name, "the NameID is too long to sign out at the sign-on host");
        return None;
    }
    let (origin, prefix) = (host.public_url.origin(), &host.path_prefix);
    Some(redirect(StatusCode::SEE_OTHER, &format!("{origin}{prefix}/sign-out?{ERRAND}={errand}")))
}

/// Servers take addresses of 8 KiB; nobody has names that long.
const LONGEST: usize = 6000;

/// At the host: somebody comes from a site where they have signed out.
///
/// # Errors
/// `handoff-invalid`, `handoff-foreign`, `handoff-expired`, `handoff-replayed`, `store-unavailable`.
pub(in crate::login) async fn arrived_to_leave(
    gate: &Gate,
    host: &Site,
    errand: &str,
    headers: &HeaderMap,
    client: IpAddr,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    let Some(gone) = SignOut::open(&gate.keys, host, errand) else {
        let detail = "the sign-out was not sealed by this gate, or is meant for another sign-on host";
        return Err(Refusal::new(Reason::HandoffInvalid, detail).into());
    };
    let Some(site) = user_of(gate, host, &gone.site) else {
        let detail = format!("no site at {} signs on at {}", gone.site, host.name);
        return Err(Refusal::new(Reason::HandoffForeign, detail).into());
    };
    let until = gone.created.plus(LIFETIME);
    if now >= until {
        let detail = format!("the sign-out was begun at {}", gone.created);
        return Err(Refusal::new(Reason::HandoffExpired, detail).into());
    }
    let once = ClaimKey::hand_over(errand.as_bytes());
    if let Claim::Taken { .. } = gate.store.claim_once(&[once], now, until).await.map_err(unavailable)? {
        return Err(Refusal::from(Reason::HandoffReplayed).into());
    }
    let mut forget = Vec::new();
    // The session that it came from has ended. A newer one of the same person in this browser goes too: it would let them
    // in again unasked. That of anybody else is nobody's business here.
    if let Some(session) = gate.resume(host, headers, now).await?
        && (session.idp(), session.name_id()) == (gone.idp.as_str(), gone.name_id.value.as_str())
    {
        gate.store.remove(session.key()).await.map_err(unavailable)?;
        together::end_with(gate, host, &session, client).await;
    }
    if gate.resume(host, headers, now).await?.is_none() {
        forget.extend([Kind::Session, Kind::Answered].map(|kind| host.cookies.clear(&kind)));
    }
    let back = match &gone.return_to {
        Some(path) => ReturnTo::parse(path, &site.public_url),
        // The page there that says so.
        None => ReturnTo::parse(&format!("{}/sign-out?{OVER}=1", site.path_prefix), &site.public_url),
    }?;
    let at_idp = host.identity_providers.iter().find(|idp| idp.id == gone.idp).and_then(|idp| {
        let onwards = onwards(host, site, &back);
        let gone = Gone {
            idp,
            name_id: &gone.name_id,
            session_index: gone.session_index.as_deref(),
            session: gone.session.clone(),
        };
        leaving::depart_with(gate, host, &gone, onwards.as_ref(), now)
    });
    let mut response = match at_idp {
        Some(departure) => departure.response,
        None => redirect(StatusCode::SEE_OTHER, &back.absolute(&site.public_url)),
    };
    for cookie in forget {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
