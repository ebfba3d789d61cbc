//! The answers of our own endpoints as values, and what they all have in common.

use super::ask;
use super::attempt::Attempt;
use super::return_to::ReturnTo;
use super::trial::{self, Trial};
use crate::gate::Gate;
use crate::observe::audit::{self, Event, Reference};
use crate::pages::{self, RefusalPage};
use crate::reason::{Reason, Refusal};
use crate::site::Site;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use std::net::IpAddr;

/// A refused sign-in, with what is known of it by then.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) refusal: Refusal,
    /// The identity provider that was asked.
    pub(super) idp: Option<Box<str>>,
    /// The ID of the request that was answered, or that the answer says it answers.
    pub(super) authn_request: Option<Box<str>>,
    /// Who it would have been, once the mapping has said so.
    pub(super) user: Option<Box<str>>,
    /// Whom the identity provider named, once its word has been accepted.
    pub(super) name_id: Option<Box<str>>,
    /// Where it was to lead; a link on the page begins again there.
    pub(super) return_to: Option<Box<ReturnTo>>,
    /// Further parameters of that link.
    pub(super) again: bool,
    /// Somebody signed in at the sign-on host, and this site refuses them: the session there goes on.
    pub(super) handed_over: bool,
    /// It was a test sign-in: whoever began it is shown everything.
    pub(super) trial: Option<Box<Trial>>,
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            idp: None,
            authn_request: None,
            user: None,
            name_id: None,
            return_to: None,
            again: false,
            handed_over: false,
            trial: None,
        }
    }
}

impl Stopped {
    /// Says which sign-in it was, unless that is known already.
    pub(super) fn or_about(mut self, attempt: Option<&Attempt>) -> Self {
        if let (None, Some(attempt)) = (&self.return_to, attempt) {
            self.return_to = Some(Box::new(attempt.return_to.clone()));
            self.idp = Some(attempt.idp.as_str().into());
            self.authn_request = Some(attempt.request_id.as_str().into());
            self.trial = Trial::of(attempt);
        }
        self
    }

    /// SAML has accepted the answer, and something else refuses: a trial may be told all about it.
    pub(super) fn after_saml(mut self) -> Self {
        if let Some(trial) = &mut self.trial {
            trial.is_past_saml();
        }
        self
    }

    /// Why the page is shown is one thing, where its link leads another.
    pub(super) fn leading_to(mut self, return_to: &ReturnTo) -> Self {
        self.return_to = Some(Box::new(return_to.clone()));
        self
    }
}

/// The page of a refused sign-in: audited and counted, nothing else changes.
pub(super) async fn sign_in_refused(
    gate: &Gate,
    site: &Site,
    client: IpAddr,
    stopped: &Stopped,
) -> Response<Bytes> {
    if let Some(tried) = &stopped.trial {
        return trial::refused(gate, site, stopped, tried, client).await;
    }
    let reference = Reference::random();
    let told = with_what_is_held(site, stopped);
    audit::record(&Event::SignInRefused {
        site: &site.name,
        idp: stopped.idp.as_deref(),
        authn_request: stopped.authn_request.as_deref(),
        user: stopped.user.as_deref(),
        name_id: stopped.name_id.as_deref(),
        reference: reference.as_str(),
        refusal: told.as_ref().unwrap_or(&stopped.refusal),
        client: Some(client),
    });
    gate.metrics.sign_in_finished(site.id, Some(stopped.refusal.reason));
    let root = ReturnTo::root();
    let mut start_again = ask::sign_in_url(site, stopped.return_to.as_deref().unwrap_or(&root));
    if stopped.again {
        start_again.push_str("&again=1");
    }
    // Whoever is signed in at the sign-on host comes back as the same person, however often they sign in again.
    let host = gate.sign_on_of(site).filter(|_| stopped.handed_over);
    let leave_host = host.map(|host| format!("{}{}/sign-out", host.public_url.origin(), host.path_prefix));
    let page = RefusalPage {
        reason: stopped.refusal.public_reason(),
        reference: reference.as_str(),
        start_again: Some(&start_again),
        sign_out: leave_host.as_deref(),
        signed_in_as: None,
    };
    pages::refusal(&site.branding, &page)
}

/// The refusal for the owner's eyes when its likely cause is a change of keys that waits for them.
fn with_what_is_held(site: &Site, stopped: &Stopped) -> Option<Refusal> {
    let id = stopped.idp.as_deref().filter(|_| stopped.refusal.reason == Reason::SignatureInvalid)?;
    site.identity_providers.iter().find(|idp| idp.id == id && idp.metadata.is_change_held())?;
    let mut told = stopped.refusal.clone();
    let held = format!(
        "a change of its metadata is held: see `vestibule metadata diff`, then `vestibule metadata apply --idp {id}`"
    );
    told.detail = match told.detail.as_ref() {
        "" => held,
        detail => format!("{detail}; {held}"),
    }
    .into();
    Some(told)
}

/// A redirect. An address that cannot stand in a header (a configured one; ours are visible ASCII) gives an empty 500.
pub(super) fn redirect(status: StatusCode, location: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    match HeaderValue::from_str(location) {
        Ok(location) => {
            *response.status_mut() = status;
            response.headers_mut().insert(LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

/// A small JSON document.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // Our own structs of strings: serialising them cannot fail.
    let mut response = Response::new(Bytes::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A document of another type.
pub(super) fn document(content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// What every answer of ours carries unless it says otherwise: kept by nobody, taken for nothing else than it is,
/// embedded nowhere, telling nobody where the browser came from.
pub(super) fn with_manners(mut response: Response<Bytes>) -> Response<Bytes> {
    let manners = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: browsers then send `Origin: null` with our own forms, which sign-out could not tell from
        // a stranger's. Other origins learn nothing either way.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in manners {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
