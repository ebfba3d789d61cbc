//! Leaving: one click on a page of ours, or a POST from a page of the application.
//!
//! GET ends nothing, for links and pictures of strangers are GETs; it asks. POST ends the session in the store, not
//! only in the browser, and only then goes on: to the identity provider, where it can end its session too
//! ([`super::slo`]), or to where the person wanted to go.

use super::answers::{Stopped, redirect};
use super::form::is_form;
use super::hand_over::{self, together};
use super::refused::Refused;
use super::return_to::ReturnTo;
use super::slo::leaving;
use super::{ask, own_sessions, start};
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::{Gate, presented_key, unavailable};
use crate::identity::Person as _;
use crate::observe::audit::{self, Event};
use crate::observe::metrics::FaceLabel;
use crate::pages;
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use crate::site::Site;
use bytes::Bytes;
use http::header::{ORIGIN, SET_COOKIE};
use http::{HeaderMap, Response, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

/// Answers `GET sign-out`: asks whether, and says so when there is nothing to end.
///
/// # Errors
/// `store-unavailable`.
pub(super) async fn confirm(
    gate: &Gate,
    site: &Site,
    query: &str,
    headers: &HeaderMap,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    let Some(session) = gate.resume(site, headers, now).await? else {
        let rd = wanted(gate, site, query.as_bytes());
        // Whoever comes from the host has been asked.
        let at_host = match hand_over::parameter(query, hand_over::OVER) {
            Some(_) => None,
            None => nothing_to_end(gate, site, rd.as_ref()),
        };
        return Ok(at_host.unwrap_or_else(|| signed_out_page(site)));
    };
    let action = format!("{}{}/sign-out", site.public_url.origin(), site.path_prefix);
    let rd = wanted(gate, site, query.as_bytes());
    let sessions = own_sessions::url(site);
    Ok(pages::sign_out_confirm(
        &site.branding,
        (&action, &sessions),
        rd.as_ref().map(ReturnTo::as_str),
        session.user(),
    ))
}

/// Answers `POST sign-out`: the session ends, here and for every copy of its cookie.
///
/// # Errors
/// `cross-site-request`.
pub(super) async fn end(
    gate: &Gate,
    site: &Site,
    request: &http::Request<Bytes>,
    client: IpAddr,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    let headers = request.headers();
    if !is_own_page(site, headers) {
        return Err(
            Refusal::new(Reason::CrossSiteRequest, "the sign-out was posted by another site's page").into()
        );
    }
    let mut response = match ended_in_store(gate, site, headers).await {
        Ok(ended) => {
            let in_form = if is_form(headers) { wanted(gate, site, request.body()) } else { None };
            let rd =
                in_form.or_else(|| wanted(gate, site, request.uri().query().unwrap_or_default().as_bytes()));
            let onwards = ended
                .as_ref()
                .and_then(|session| leaving::depart(gate, site, session, rd.as_ref(), headers, now));
            if let Some(session) = &ended {
                together::end_with(gate, site, session, client).await;
                record(gate, site, session, onwards.as_ref().map_or("not-asked", |on| on.at_idp), client);
            }
            match (onwards, rd) {
                (Some(onwards), _) => onwards.response,
                (None, rd) if ended.is_none() && site.sign_on.is_some() => {
                    nothing_to_end(gate, site, rd.as_ref()).unwrap_or_else(|| signed_out_page(site))
                }
                (None, Some(rd)) => redirect(StatusCode::SEE_OTHER, &rd.absolute(&site.public_url)),
                (None, None) => signed_out_page(site),
            }
        }
        // The session lives on in the store, and the page says that it did not work. This browser forgets it anyway.
        Err(refusal) => {
            let refused = Refused {
                site: Some(site),
                refusal: &refusal,
                face: FaceLabel::Proxy,
                method: request.method(),
                path: request.uri().path(),
                client,
                session: None,
                html: true,
            };
            refused.answer(gate)
        }
    };
    for kind in [Kind::Session, Kind::Answered] {
        response.headers_mut().append(SET_COOKIE, site.cookies.clear(&kind));
    }
    Ok(response)
}

async fn ended_in_store(
    gate: &Gate,
    site: &Site,
    headers: &HeaderMap,
) -> Result<Option<Arc<Session>>, Refusal> {
    let Some(key) = presented_key(site, headers) else { return Ok(None) };
    gate.store.remove(&key).await.map_err(unavailable)
}

fn record(gate: &Gate, site: &Site, session: &Session, at_idp: &'static str, client: IpAddr) {
    audit::record(&Event::SignedOut {
        site: &site.name,
        idp: session.idp(),
        user: session.user(),
        name_id: session.name_id(),
        session: &session.key().public_name(),
        way: "user",
        at_idp: Some(at_idp),
        client: Some(client),
    });
    gate.metrics.sign_out(site.id);
}

/// Where to go afterwards, from a query or a form. A foreign address is none: the sign-out matters more.
fn wanted(gate: &Gate, site: &Site, pairs: &[u8]) -> Option<ReturnTo> {
    let (_, rd) =
        url::form_urlencoded::parse(pairs).find(|(name, value)| name == "rd" && !value.is_empty())?;
    hand_over::back_to_a_site(gate, site, &rd).or_else(|| start::wanted(site, &rd).ok())
}

/// Whether the POST comes from a page of this site. Browsers say so in Sec-Fetch-Site, which no page can forge; older
/// ones at least in Origin. What says neither is no browser, and no browser's cookies are at stake.
pub(super) fn is_own_page(site: &Site, headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN).map(|origin| origin.as_bytes());
    let origin_is_ours =
        origin.is_none_or(|origin| origin.eq_ignore_ascii_case(site.public_url.origin().as_bytes()));
    match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
        // `null` is what a page with a strict referrer policy sends; the browser vouches for it here.
        Some(b"same-origin" | b"none") => origin_is_ours || origin == Some(b"null"),
        Some(_) => false,
        None => origin_is_ours,
    }
}

/// At a site that signs on elsewhere, whose own session has run out: the host is asked, whose session would let the same
/// person in again unasked.
fn nothing_to_end(gate: &Gate, site: &Site, rd: Option<&ReturnTo>) -> Option<Response<Bytes>> {
    let url = hand_over::to_sign_out_at_host(gate, site, rd)?;
    Some(redirect(StatusCode::SEE_OTHER, &url))
}

fn signed_out_page(site: &Site) -> Response<Bytes> {
    pages::signed_out(&site.branding, &ask::sign_in_url(site, &ReturnTo::root()))
}
