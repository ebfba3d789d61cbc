//! Sites that sign on at a host of their own: many applications, one registration at the identity provider.
//!
//! ```text
//! site: sign-in?rd=       attempt cookie of the site, as for an identity provider (depart.rs)
//!   └▶ host: sign-in?for=ERRAND      a living session that will do, or a sign-in as everywhere (host.rs)
//!        └▶ site: handoff?ticket=TICKET   claimed once, and answers an attempt of this browser (arrive.rs)
//!             └▶ 303 to rd, with a session of the site
//! ```
//!
//! An errand says which site asks for which of its attempts; a ticket says which attempt it answers and which session of
//! the host it stands for. Both are sealed, and neither says anything about a person: who somebody is at the site was read
//! from the accepted assertion by the site's own mapping when they signed in ([`crate::session::Readings`]), and goes
//! from session to session in the store.
//!
//! The ticket goes by GET. That is fair, because it is worth nothing to who reads it in a log or a history: it is good in
//! the one browser that holds the attempt, once, for a minute, and whoever brings it first spends it, with the right browser
//! or with a wrong one. (A form that posts itself would come without the attempt where cookies are Lax, and would need a
//! click where there are no scripts.)
//!
//! Sessions end together, too (`together.rs`): a sign-out at a site goes on at its host (`leave.rs`), which asks the
//! identity provider.

mod arrive;
mod depart;
mod errand;
mod host;
mod leave;
mod places;
mod ticket;
pub(super) mod together;

pub(super) use arrive::arrive;
pub(super) use depart::{Way, depart};
pub(super) use host::{Errand, Wished, read, wished};
pub(super) use leave::{arrived_to_leave, leave};
pub(super) use places::places;

use super::return_to::ReturnTo;
use crate::gate::Gate;
use crate::site::{Face, Site};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The parameter that carries an errand.
pub(super) const ERRAND: &str = "for";
/// The parameter of a site's page after a sign-out that went by the host.
pub(super) const OVER: &str = "over";
/// The parameter that carries a ticket.
const TICKET: &str = "ticket";

/// A parameter of a query; of a doubled one the first.
pub(super) fn parameter(query: &str, wanted: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
        .filter(|value| !value.is_empty())
}

/// Where hand-overs to a site arrive; what its attempts name as the address of the answer.
fn handoff_url(site: &Site) -> String {
    format!("{}{}/handoff", site.public_url.origin(), site.path_prefix)
}

/// The site with this host and port, if it signs on at this host.
fn user_of<'g>(gate: &'g Gate, host: &Site, authority: &str) -> Option<&'g Site> {
    let site = gate.site_for_authority(authority)?;
    (matches!(host.face, Face::SignOn) && site.sign_on == Some(host.key)).then_some(site)
}

/// An address of a site that signs on at this host. What is none is nothing.
fn address_of_user<'g>(gate: &'g Gate, host: &Site, address: &str) -> Option<(&'g Site, ReturnTo)> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let site = user_of(gate, host, authority)?;
    Some((site, ReturnTo::parse(address, &site.public_url).ok()?))
}

/// At a sign-on host: the path that begins a sign-in at an address of one of its sites. Whether it is one, that path
/// decides.
pub(super) fn to_begin_at(host: &Site, address: &str) -> Option<ReturnTo> {
    if !matches!(host.face, Face::SignOn) || !address.contains("://") {
        return None;
    }
    let rd = utf8_percent_encode(address, NON_ALPHANUMERIC);
    ReturnTo::parse(&format!("{}/sign-in?rd={rd}", host.path_prefix), &host.public_url).ok()
}

/// A path of the host that leads on to an address of one of its sites.
fn onwards(host: &Site, site: &Site, return_to: &ReturnTo) -> Option<ReturnTo> {
    let address = return_to.absolute(&site.public_url);
    let rd = utf8_percent_encode(&address, NON_ALPHANUMERIC);
    ReturnTo::parse(&format!("{}/handoff?rd={rd}", host.path_prefix), &host.public_url).ok()
}

/// At a site: where its sign-on host asks whether to sign out, and leads back from. None: the site is its own.
pub(super) fn to_sign_out_at_host(gate: &Gate, site: &Site, return_to: Option<&ReturnTo>) -> Option<String> {
    let host = gate.sign_on_of(site)?;
    let root = ReturnTo::root();
    let back = return_to.unwrap_or(&root).absolute(&site.public_url);
    let (origin, prefix) = (host.public_url.origin(), &host.path_prefix);
    Some(format!("{origin}{prefix}/sign-out?rd={}", utf8_percent_encode(&back, NON_ALPHANUMERIC)))
}

/// At a sign-on host: the path that leads on to this address of one of its sites, or that path itself.
pub(super) fn back_to_a_site(gate: &Gate, host: &Site, rd: &str) -> Option<ReturnTo> {
    let within = || {
        let own = ReturnTo::parse(rd, &host.public_url).ok()?;
        let query = own.as_str().strip_prefix(host.path_prefix.as_str())?.strip_prefix("/handoff?")?;
        parameter(query, "rd")
    };
    let (site, return_to) =
        address_of_user(gate, host, rd).or_else(|| address_of_user(gate, host, &within()?))?;
    onwards(host, site, &return_to)
}
