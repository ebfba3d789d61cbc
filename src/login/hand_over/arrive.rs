//! At the site: a hand-over arrives and becomes a session.

use super::ticket::Ticket;
use super::{TICKET, address_of_user, handoff_url, parameter};
use crate::admission::Admitted;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::{Gate, unavailable};
use crate::identity::Person as _;
use crate::login::admitted::{browser, remembered, replace, replaced};
use crate::login::answers::{Stopped, redirect};
use crate::login::attempt::{Attempt, Held};
use crate::login::evidence::Evidence;
use crate::login::return_to::ReturnTo;
use crate::login::rounds::Answered;
use crate::observe::audit_is_kept;
use crate::reason::{Reason, Refusal};
use crate::session::{Claim, ClaimKey, HandedOver, Session, SessionId};
use crate::site::{Face, Site};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Response, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

/// Answers `GET handoff`: a hand-over at a site; at a sign-on host, the way on to one of its sites.
///
/// # Errors
/// `handoff-invalid`, `handoff-foreign`, `handoff-expired`, `handoff-replayed`, `handoff-unasked`, `handoff-ended`,
/// `attempt-expired`, `attempt-before-start`, `idp-unknown`, `session-limit`, `store-unavailable`, `audit-unavailable`, and what the
/// site's mapping and admission say.
pub(in crate::login) async fn arrive(
    gate: &Gate,
    site: &Site,
    query: &str,
    headers: &HeaderMap,
    client: IpAddr,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    if matches!(site.face, Face::SignOn) {
        return Ok(lead_on(gate, site, query)?);
    }
    let sealed = parameter(query, TICKET).unwrap_or_default();
    let Some(ticket) = Ticket::open(&gate.keys, &sealed) else {
        let detail =
            "it was not sealed by this gate, was sealed under a key that is gone, or was changed on its way";
        return Err(Refusal::new(Reason::HandoffInvalid, detail).into());
    };
    if now >= ticket.expires_at() {
        let detail = format!("it was made at {}", ticket.created);
        return Err(about(&held(gate, site, &ticket, headers), Refusal::new(Reason::HandoffExpired, detail)));
    }
    // Whoever brings it spends it: what a wrong browser has brought is of no use to a right one, nor the other way round.
    let once = ClaimKey::hand_over(sealed.as_bytes());
    if let Claim::Taken { .. } =
        gate.store.claim_once(&[once], now, ticket.expires_at()).await.map_err(unavailable)?
    {
        return brought_again(gate, site, &ticket, headers, now).await;
    }
    let (Some(host), true) = (gate.sign_on_of(site), ticket.site == site.public_url.authority()) else {
        let detail = format!("it is for {}", ticket.site);
        return Err(Refusal::new(Reason::HandoffForeign, detail).into());
    };
    let Some(attempt) = held(gate, site, &ticket, headers) else {
        let detail = "no sign-in in the browser's cookies is the one that it answers";
        return Err(Refusal::new(Reason::HandoffUnasked, detail).into());
    };
    attempt.goes_on();
    let stopped = |refusal| about(&Some(attempt.clone()), refusal);
    in_time(gate, &attempt, now).map_err(stopped)?;
    let at_host = living_at(host, gate, &ticket, now).await.map_err(stopped)?;
    let stopped = |refusal| Stopped {
        idp: Some(at_host.idp().into()),
        name_id: Some(at_host.name_id().into()),
        handed_over: true,
        ..about(&Some(attempt.clone()), refusal)
    };
    if !audit_is_kept() {
        return Err(stopped(Reason::AuditUnavailable.into()));
    }
    let (id, session, admitted) = established(site, &at_host, headers, now).map_err(stopped)?;
    let replaced = replaced(site, headers, Some(&attempt));
    gate.has_place(site, &session, &replaced, now).await.map_err(stopped)?;
    // Whom the site refuses has not answered the attempt: trying again would look like a sign-in that goes round in circles.
    let answered = ClaimKey::request(site.key, attempt.request_id.as_str());
    if let Claim::Taken { .. } = gate
        .store
        .claim_once(&[answered], now, attempt.expires_at())
        .await
        .map_err(unavailable)
        .map_err(stopped)?
    {
        return brought_again(gate, site, &ticket, headers, now).await;
    }
    remembered(gate, site, admitted).await.map_err(stopped)?;
    gate.let_in(site, &session, &replaced, now).await.map_err(stopped)?;
    // A sign-out since the first look has found no session of this site to end: either it finds this one, or it is seen here.
    if let Err(refusal) = living_at(host, gate, &ticket, now).await {
        // Nobody has its cookie, and the refusal is certain: what becomes of it in the store does not matter any more.
        let _ = gate.store.remove(session.key()).await;
        return Err(stopped(refusal));
    }
    // Only now: without a new session the old one stays.
    for old in &replaced {
        replace(gate, site, old, client).await;
    }
    // The attempt is what the hand-over answers, as an answer of an identity provider answers a request.
    let authn_request = Some(attempt.request_id.as_str());
    Evidence::handed_over().record(gate, (site, &session), authn_request, None, client);

    let mut response = redirect(StatusCode::SEE_OTHER, &attempt.return_to.absolute(&site.public_url));
    for cookie in [
        site.cookies.set(&Kind::Session, &id.to_cookie(), None),
        site.cookies.clear(&Kind::Attempt(attempt.suffix())),
        Answered::from_attempt(&attempt, now).cookie(&gate.keys, site),
    ] {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// On to a site of this host: the end of a sign-out that went by here.
fn lead_on(gate: &Gate, host: &Site, query: &str) -> Result<Response<Bytes>, Refusal> {
    let rd = parameter(query, "rd").unwrap_or_default();
    let Some((site, return_to)) = address_of_user(gate, host, &rd) else {
        let detail = "the return address is on no site that signs on here";
        return Err(Refusal::new(Reason::ReturnAddressForeign, detail));
    };
    Ok(redirect(StatusCode::SEE_OTHER, &return_to.absolute(&site.public_url)))
}

/// The attempt of this browser, for an answer at this very address, that the ticket answers.
fn held(gate: &Gate, site: &Site, ticket: &Ticket, headers: &HeaderMap) -> Option<Attempt> {
    let here = handoff_url(site);
    let held = Held::read(&gate.keys, site, headers);
    let mut own = held.iter().filter(|attempt| attempt.site == site.name && attempt.acs_url == here);
    own.find(|attempt| ticket.answers(&attempt.request_id)).cloned()
}

fn in_time(gate: &Gate, attempt: &Attempt, now: Moment) -> Result<(), Refusal> {
    if now >= attempt.expires_at() {
        let detail = format!("the sign-in began at {}", attempt.created);
        return Err(Refusal::new(Reason::AttemptExpired, detail));
    }
    let remembers_since = gate.store.remembers_since();
    if attempt.created < remembers_since {
        let detail = format!(
            "the sign-in began at {}, answers are remembered since {remembers_since}",
            attempt.created
        );
        return Err(Refusal::new(Reason::AttemptBeforeStart, detail));
    }
    Ok(())
}

/// The session at the host that the ticket stands for.
async fn living_at(host: &Site, gate: &Gate, ticket: &Ticket, now: Moment) -> Result<Arc<Session>, Refusal> {
    let session = gate.store.load(&ticket.session).await.map_err(unavailable)?;
    session
        .filter(|session| session.site() == host.key && session.is_alive(now))
        .ok_or_else(|| Refusal::new(Reason::HandoffEnded, "the session at the sign-on host has ended since"))
}

/// From what the host's session keeps for this site, and from nothing else.
fn established(
    site: &Site,
    at_host: &Session,
    headers: &HeaderMap,
    now: Moment,
) -> Result<(SessionId, Arc<Session>, Admitted), Refusal> {
    let (HandedOver { identity, origin }, admitted) = as_known_to(site, at_host)?;
    let id = SessionId::random();
    let session = Session::establish_from(&origin, &identity, site.key, id.key(), &site.session_limits, now);
    if !session.is_alive(now) {
        let detail = format!("the session would end at {}", session.ends_at());
        return Err(Refusal::new(Reason::SessionExpired, detail));
    }
    Ok((id, Arc::new(session.in_browser(browser(headers))), admitted))
}

/// Who somebody at the host is at this site, if the site lets them in. Changes nothing.
///
/// # Errors
/// `idp-unknown`, `handoff-ended`, and what the site's mapping and admission say.
pub(super) fn as_known_to(site: &Site, at_host: &Session) -> Result<(HandedOver, Admitted), Refusal> {
    if !site.identity_providers.iter().any(|idp| idp.id == at_host.idp()) {
        let detail = format!("the person signed in by {:?}, which this site does not admit", at_host.idp());
        return Err(Refusal::new(Reason::IdpUnknown, detail));
    }
    let handed = at_host.hand_over(site.key).ok_or_else(|| {
        Refusal::new(Reason::HandoffEnded, "the session at the sign-on host knows nothing of this site")
    })?;
    let HandedOver { identity, origin } = handed?;
    let identity = identity.held_to(site.email_domains.as_deref())?;
    let (identity, admitted) = site.admission.admit(identity)?;
    Ok((HandedOver { identity, origin }, admitted))
}

/// The back button, a reload, or somebody else's copy: whoever has a session needs no other.
async fn brought_again(
    gate: &Gate,
    site: &Site,
    ticket: &Ticket,
    headers: &HeaderMap,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    if gate.resume(site, headers, now).await?.is_some() {
        let target =
            Answered::read(&gate.keys, site, headers).map_or_else(ReturnTo::root, |last| last.return_to);
        return Ok(redirect(StatusCode::SEE_OTHER, &target.absolute(&site.public_url)));
    }
    Err(about(&held(gate, site, ticket, headers), Reason::HandoffReplayed.into()))
}

fn about(attempt: &Option<Attempt>, refusal: Refusal) -> Stopped {
    let stopped = Stopped::from(refusal);
    match attempt {
        Some(attempt) => stopped.leading_to(&attempt.return_to),
        None => stopped,
    }
}
