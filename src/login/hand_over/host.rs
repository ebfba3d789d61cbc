//! At the sign-on host: what a site asks for, and whether the session that is there will do.

use super::errand::SignIn;
use super::ticket::Ticket;
use super::{ERRAND, TICKET, address_of_user, handoff_url, parameter, user_of};
use crate::access::StepUp;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::identity::{Identity, Person as _};
use crate::login::answers::{Stopped, redirect};
use crate::login::ask;
use crate::login::attempt::LIFETIME;
use crate::login::return_to::ReturnTo;
use crate::login::rounds::Answered;
use crate::observe::traces;
use crate::reason::{Reason, Refusal};
use crate::saml::response::AcceptedAssertion;
use crate::session::{Reading, Readings, Session};
use crate::site::{Face, Idp, Site};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;

/// What an address that begins a sign-in asks for.
pub(in crate::login) enum Wished<'g> {
    /// To sign in here.
    Here,
    /// To sign in for a site that signs on here.
    Errand(Errand<'g>),
    /// To begin at another address.
    Elsewhere(String),
}

/// A site's wish.
pub(in crate::login) struct Errand<'g> {
    /// This host, with those identity providers only that the site admits.
    pub(in crate::login) host: &'g Arc<Site>,
    /// This very errand once more: where a sign-in leads that is begun for it.
    pub(in crate::login) return_to: ReturnTo,
    asking: &'g Site,
    attempt: String,
    step_up: Option<u16>,
}

/// Reads what is asked for of a sign-on host; anywhere else it is [`Wished::Here`].
///
/// # Errors
/// `handoff-invalid`, `handoff-foreign`.
pub(in crate::login) fn wished<'g>(
    gate: &'g Gate,
    site: &Site,
    (rd, errand, idp): (&str, Option<&str>, Option<&str>),
    now: Moment,
) -> Result<Wished<'g>, Refusal> {
    if !matches!(site.face, Face::SignOn) {
        return Ok(Wished::Here);
    }
    let Some(sealed) = errand.map(str::to_owned).or_else(|| within(site, rd)) else {
        let begins_there = |(user, return_to): (&Site, ReturnTo)| {
            let idp = idp.map(|idp| format!("&idp={}", utf8_percent_encode(idp, NON_ALPHANUMERIC)));
            Wished::Elsewhere(format!("{}{}", ask::sign_in_url(user, &return_to), idp.unwrap_or_default()))
        };
        return Ok(address_of_user(gate, site, rd).map_or(Wished::Here, begins_there));
    };
    let Some(asked) = SignIn::open(&gate.keys, site, &sealed) else {
        return Err(Refusal::new(
            Reason::HandoffInvalid,
            "what the site asks for was not sealed by this gate, or is meant for another sign-on host",
        ));
    };
    if let Some(trace) = asked.trace {
        traces::continues(trace);
    }
    let found = user_of(gate, site, &asked.site).and_then(|asking| Some((asking, gate.sign_on_of(asking)?)));
    let Some((asking, host)) = found else {
        let detail = format!("no site at {} signs on at {} any more", asked.site, site.name);
        return Err(Refusal::new(Reason::HandoffForeign, detail));
    };
    if now >= asked.created.plus(LIFETIME) {
        // The browser has forgotten the attempt by now: it begins anew.
        return Ok(Wished::Elsewhere(ask::sign_in_url(asking, &ReturnTo::root())));
    }
    let return_to =
        ReturnTo::parse(&format!("{}/sign-in?{ERRAND}={sealed}", site.path_prefix), &site.public_url)?;
    Ok(Wished::Errand(Errand { host, return_to, asking, attempt: asked.attempt, step_up: asked.step_up }))
}

/// The errand in a return address: whoever begins a sign-in anew comes back with it.
fn within(host: &Site, rd: &str) -> Option<String> {
    let return_to = ReturnTo::parse(rd, &host.public_url).ok()?;
    let (path, query) = return_to.as_str().split_once('?')?;
    if path.strip_prefix(host.path_prefix.as_str())? != "/sign-in" {
        return None;
    }
    parameter(query, ERRAND)
}

impl Errand<'_> {
    /// What a rule of the site asks for.
    pub(in crate::login) fn raised(&self) -> Option<StepUp> {
        self.step_up.and_then(|rule| self.asking.rules.step_up(rule))
    }

    /// The hand-over, when the session that is there will do. `idp` was asked for by name.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(in crate::login) async fn handed_over(
        &self,
        gate: &Gate,
        headers: &HeaderMap,
        idp: Option<&str>,
        now: Moment,
    ) -> Result<Option<Response<Bytes>>, Stopped> {
        let Some(session) = gate.resume(self.host, headers, now).await? else { return Ok(None) };
        let own = Answered::read(&gate.keys, self.host, headers)
            .is_some_and(|answered| answered.return_to == self.return_to);
        if !self.will_do(&session, idp, own, now) {
            return Ok(None);
        }
        let ticket = Ticket::new(self.asking.public_url.authority(), &self.attempt, *session.key(), now);
        let to = format!("{}?{TICKET}={}", handoff_url(self.asking), ticket.seal(&gate.keys));
        Ok(Some(redirect(StatusCode::SEE_OTHER, &to)))
    }

    /// Whether nobody need be asked. `own`: the sign-in of this session was begun for this very errand.
    fn will_do(&self, session: &Session, named: Option<&str>, own: bool, now: Moment) -> bool {
        let by = self.host.identity_providers.iter().find(|idp| idp.id == session.idp());
        let (Some(idp), Some(signed_in)) = (by, session.known_to(self.asking.key)) else { return false };
        let fresh = || {
            let demand = &idp.demand;
            self.step_up.is_none()
                && !demand.force_authn
                && demand.max_authn_age.is_none_or(|age| now < session.authn_instant().plus(age))
                && now < signed_in.plus(self.asking.session_limits.max_age)
        };
        idp.admits_sign_ins().is_ok() && (own || fresh()) && named.is_none_or(|named| named == session.idp())
    }
}

/// Who an accepted assertion is about: at this site and, where it is a sign-on host, at each of its sites.
///
/// # Errors
/// As `Identity::from_accepted`, of this site's own mapping, and `email-domain-foreign` where it is for some domains.
pub(in crate::login) fn read(
    gate: &Gate,
    site: &Site,
    assertion: AcceptedAssertion,
    idp: &Idp,
) -> Result<(Identity, Option<Readings>), Refusal> {
    let domains = idp.email_domains.as_deref();
    if !matches!(site.face, Face::SignOn) {
        let identity = Identity::from_accepted(assertion, &idp.id, domains, &site.mapping)?;
        return Ok((identity.held_to(site.email_domains.as_deref())?, None));
    }
    let readers = gate.readers_of(site);
    let mappings: Vec<_> =
        std::iter::once(&site.mapping).chain(readers.iter().map(|reader| &reader.one.mapping)).collect();
    let mut read = Identity::each_from_accepted(assertion, &idp.id, domains, &mappings).into_iter();
    let own = read
        .next()
        .unwrap_or_else(|| Err(Refusal::new(Reason::Internal, "no mapping has read the assertion")))?;
    let readings =
        readers.iter().zip(read).map(|(reader, read)| Reading { sites: Arc::clone(&reader.sites), read });
    Ok((own, Some(Readings::new(readings.collect()))))
}
