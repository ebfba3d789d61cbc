//! At the sign-on host: its front page, where nothing is but a list of its sites.

use super::arrive::as_known_to;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::identity::Person as _;
use crate::login::ask;
use crate::login::own_sessions;
use crate::login::return_to::ReturnTo;
use crate::pages::{self, Place, Places};
use crate::reason::Refusal;
use crate::session::Session;
use crate::site::Site;
use bytes::Bytes;
use http::{HeaderMap, Response};

/// Answers `GET /` of a sign-on host: where somebody who signed in without a destination arrives. Lists the sites that let
/// them in; a stranger learns of none, and nothing is begun.
///
/// # Errors
/// `store-unavailable`.
pub(in crate::login) async fn places(
    gate: &Gate,
    host: &Site,
    headers: &HeaderMap,
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    let sign_in = ask::sign_in_url(host, &ReturnTo::root());
    let Some(session) = gate.resume(host, headers, now).await? else {
        return Ok(pages::nobody_here(&host.branding, &sign_in));
    };
    let open: Vec<&Site> =
        gate.sites_signing_on_at(host).filter(|site| as_known_to(site, &session).is_ok()).collect();
    let addresses: Vec<String> =
        open.iter().map(|site| format!("{}/", site.canonical_url.origin())).collect();
    let listed: Vec<Place<'_>> = open
        .iter()
        .zip(&addresses)
        .map(|(site, href)| Place { name: name(site, &open), address: site.canonical_url.authority(), href })
        .collect();
    let sign_out = format!("{}{}/sign-out", host.public_url.origin(), host.path_prefix);
    let sessions = own_sessions::url(host);
    let page =
        Places { places: &listed, user: Session::user(&session), sign_out: &sign_out, sessions: &sessions };
    Ok(pages::places(&host.branding, &page))
}

/// What its own pages call it, unless others are called the same; else its name in the configuration.
fn name<'s>(site: &'s Site, all: &[&Site]) -> &'s str {
    let shown = site.branding.name.as_deref();
    let is_shared = all.iter().any(|other| other.key != site.key && other.branding.name.as_deref() == shown);
    shown.filter(|_| !is_shared).unwrap_or(&site.name)
}
