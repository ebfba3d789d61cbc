//! An identity provider asks us to end sessions: they are found by its name for the person, without any cookie.

use super::{Visit, sent};
use crate::cookies::Kind;
use crate::gate::presented_key;
use crate::identity::Person as _;
use crate::observe::audit::{self, Event};
use crate::pages::There;
use crate::reason::{Reason, Refusal};
use crate::saml::logout::{AcceptedLogoutRequest, Outcome, logout_response};
use crate::saml::parties::Binding;
use crate::saml::response::NameId;
use crate::session::{Claim, ClaimKey, Session, SessionKey, StoreError};
use crate::site::Idp;
use bytes::Bytes;
use http::Response;
use http::header::SET_COOKIE;

/// Ends what the request means, once, and answers what became of it.
///
/// # Errors
/// `logout-replayed`, `logout-expired`; `store-unavailable`, when there is nowhere to say so.
pub(super) async fn carry_out(
    visit: &Visit<'_>,
    idp: &Idp,
    request: &AcceptedLogoutRequest,
    relay_state: &str,
    came_by: Binding,
) -> Result<Response<Bytes>, Refusal> {
    let Visit { gate, site, client, now, .. } = *visit;
    // In whole seconds, because that is how most identity providers write their times.
    if request.issued().seconds() < gate.store.remembers_since().seconds() {
        let detail = format!("issued {}, before this gate was started", request.issued());
        return Err(Refusal::new(Reason::LogoutExpired, detail));
    }
    let ended = match claimed(visit, request).await {
        Ok(Claim::Taken { .. }) => return Err(Reason::LogoutReplayed.into()),
        Ok(Claim::First) => end_sessions(visit, idp, request).await,
        Err(problem) => Ended::not_at_all(&problem),
    };

    let (outcome, said) = ended.outcome();
    audit::record(&Event::LogoutRequested {
        site: &site.name,
        idp: &idp.id,
        sessions: ended.keys.len(),
        outcome: said,
        client: Some(client),
    });
    gate.metrics.single_logout(site.id, "idp", said, "");

    let endpoints = idp.logout_endpoints();
    let (sp, id) = (&site.service_provider, request.id());
    let mut response = match logout_response(sp, &endpoints, came_by, id, outcome, relay_state, now) {
        Ok(delivery) => sent(site, delivery, &origins(idp)),
        Err(problem) => {
            tracing::warn!(site = site.name, idp = idp.id, problem, "a logout request cannot be answered");
            if outcome != Outcome::Ended {
                return Err(Refusal::new(Reason::StoreUnavailable, "not every session could be ended"));
            }
            visit.signed_out(There::Ended, None)
        }
    };
    // Its session has ended, whoever asked. A cookie of another session is none of this identity provider's business.
    if presented_key(site, visit.headers).is_some_and(|key| ended.keys.contains(&key)) {
        for kind in [Kind::Session, Kind::Answered] {
            response.headers_mut().append(SET_COOKIE, site.cookies.clear(&kind));
        }
    }
    Ok(response)
}

/// A request is carried out once. One that nobody signed takes no memory: whoever can replay it can make a new one.
async fn claimed(visit: &Visit<'_>, request: &AcceptedLogoutRequest) -> Result<Claim, StoreError> {
    if !request.is_signed() {
        return Ok(Claim::First);
    }
    let claim = ClaimKey::logout(request.issuer(), request.id());
    visit.gate.store.claim_once(&[claim], visit.now, request.acceptable_until()).await
}

/// What became of the sessions that were meant.
#[derive(Default)]
struct Ended {
    keys: Vec<SessionKey>,
    failures: usize,
}

impl Ended {
    fn not_at_all(problem: &StoreError) -> Self {
        let mut ended = Self::default();
        ended.failed(problem);
        ended
    }

    fn failed(&mut self, problem: &StoreError) {
        tracing::warn!(%problem, "a session could not be ended for its identity provider");
        self.failures += 1;
    }

    fn outcome(&self) -> (Outcome, &'static str) {
        match (self.keys.len(), self.failures) {
            (_, 0) => (Outcome::Ended, "ended"),
            (0, _) => (Outcome::Failed, "failed"),
            _ => (Outcome::Partly, "partly"),
        }
    }
}

async fn end_sessions(visit: &Visit<'_>, idp: &Idp, request: &AcceptedLogoutRequest) -> Ended {
    let Visit { gate, site, .. } = *visit;
    // All of the name: the index of sessions compares the value alone, the request the whole name.
    let mut found = Vec::new();
    for key in gate.keys_under(site) {
        match gate.store.by_name_id(key, &idp.id, &request.name_id().value, None).await {
            Ok(more) => found.extend(more),
            Err(problem) => return Ended::not_at_all(&problem),
        }
    }
    let mut ended = Ended::default();
    for key in found {
        match end_if_meant(visit, &key, request).await {
            Ok(true) => ended.keys.push(key),
            Ok(false) => {}
            Err(problem) => ended.failed(&problem),
        }
    }
    ended
}

async fn end_if_meant(
    visit: &Visit<'_>,
    key: &SessionKey,
    request: &AcceptedLogoutRequest,
) -> Result<bool, StoreError> {
    let Visit { gate, site, client, .. } = *visit;
    let meant = |session: &Session| request.means(&name_id(session), session.session_index());
    if !gate.store.load(key).await?.is_some_and(|session| meant(&session)) {
        return Ok(false);
    }
    let Some(session) = gate.store.remove(key).await? else { return Ok(false) };
    let own = gate.sites.iter().find(|own| own.key == session.site()).map_or(site, |own| own);
    audit::record(&Event::SignedOut {
        site: &own.name,
        idp: session.idp(),
        user: session.user(),
        name_id: session.name_id(),
        session: &session.key().public_name(),
        way: "idp",
        at_idp: None,
        client: Some(client),
    });
    gate.metrics.sign_out(own.id);
    Ok(true)
}

/// The name that a session began with.
pub(in crate::login) fn name_id(session: &Session) -> NameId {
    NameId {
        value: session.name_id().to_owned(),
        format: session.name_id_format().map(str::to_owned),
        name_qualifier: session.name_qualifier().map(|text| text.to_string()),
        sp_name_qualifier: session.sp_name_qualifier().map(|text| text.to_string()),
    }
}

/// Where the identity provider's pages are, which may show our answer in a frame.
fn origins(idp: &Idp) -> Vec<String> {
    let known = idp.known();
    let sign_on = known.iter().flat_map(|saml| &saml.single_sign_on).map(|(_, location)| location.clone());
    let logout = idp.logout_endpoints().into_iter().map(|endpoint| endpoint.location);
    let mut origins: Vec<String> = sign_on
        .chain(logout)
        .filter_map(|location| url::Url::parse(&location).ok())
        .map(|url| url.origin().ascii_serialization())
        .filter(|origin| origin != "null")
        .collect();
    origins.sort_unstable();
    origins.dedup();
    origins
}
