//! The test sign-in: somebody with a test link tries an identity provider, and nobody becomes anybody by it.
//!
//! ```text
//! GET test-sign-in?link=…    what would be asked            (before.rs; changes nothing: a link may be fetched by anybody)
//! POST test-sign-in          an attempt, marked as a trial -> the identity provider
//! POST saml/acs              judged like every answer, claimed like every answer -> the result (after.rs)
//! ```
//!
//! The attempt is what makes it a trial: it is sealed, so that no sign-in can be made a trial and no trial a sign-in. It
//! lies in the browser that began, so that nobody else is shown anything. On its way the answer meets the same code as any
//! other; only at the end, where a session would be made, it turns off. Values are shown on that one page and nowhere
//! else: the audit hears that a test took place, and the code by which it was refused.

mod admission;
mod after;
mod before;
mod sheet;

pub(super) use admission::{Admission, admission};
pub(super) use after::{Outcome, accepted, refused};

use super::answers::Stopped;
use super::attempt::{Attempt, Held};
use super::form::is_form;
use super::return_to::ReturnTo;
use super::sign_out::is_own_page;
use super::start;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::observe::traces;
use crate::pages;
use crate::reason::{Reason, Refusal};
use crate::saml::authn_request::RequestId;
use crate::site::Site;
use crate::test_link::{PARAMETER, PATH, TestLink};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{Response, StatusCode};
use std::sync::Arc;

/// A trial that ends.
#[derive(Debug)]
pub(super) struct Trial {
    /// How it began.
    attempt: Attempt,
    /// What was answered, once that is at hand.
    answer: Option<Answer>,
    /// Whether SAML has accepted the answer, to this very attempt: only then what is encrypted in it is opened once more,
    /// to be shown. Whoever holds a test link and somebody else's ciphertext could have it read to them otherwise.
    is_past_saml: bool,
}

/// What came to the assertion consumer service.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) saml_response: Arc<str>,
    /// Where it came.
    pub(super) acs_url: String,
}

impl Trial {
    /// None: the attempt is an ordinary one.
    pub(super) fn of(attempt: &Attempt) -> Option<Box<Self>> {
        attempt
            .is_trial
            .then(|| Box::new(Self { attempt: attempt.clone(), answer: None, is_past_saml: false }))
    }

    /// The same, with what was answered.
    pub(super) fn with_answer(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }

    /// Whatever refuses it is not SAML.
    pub(super) fn is_past_saml(&mut self) {
        self.is_past_saml = true;
    }
}

/// Answers `GET test-sign-in`: says what would be asked.
///
/// # Errors
/// `test-link-invalid`, `test-link-expired`, `idp-unknown`, `idp-retired`.
pub(super) fn ask(gate: &Gate, site: &Site, query: &str, now: Moment) -> Result<Response<Bytes>, Stopped> {
    let sealed = link_in(query.as_bytes());
    let link = TestLink::open(&sealed, site, &gate.keys, now)?;
    let (sheet, can_be_asked) = before::sheet(site, &link, now);
    let action = format!("{}{}{PATH}", site.public_url.origin(), site.path_prefix);
    Ok(pages::trial_ask(&site.branding, &sheet, &action, can_be_asked.then_some(&*sealed)))
}

/// Answers `POST test-sign-in`: makes the attempt and sends the browser to the identity provider.
///
/// # Errors
/// Those of [`ask`]; `cross-site-request`, `form-malformed`, `metadata-unavailable`, `metadata-expired`.
pub(super) fn begin(
    gate: &Gate,
    site: &Site,
    request: &http::Request<Bytes>,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    let headers = request.headers();
    if !is_own_page(site, headers) {
        let detail = "the test sign-in was posted by another site's page";
        return Err(Refusal::new(Reason::CrossSiteRequest, detail).into());
    }
    if !is_form(headers) {
        return Err(Refusal::new(Reason::FormMalformed, "the content type is not that of a form").into());
    }
    let link = TestLink::open(&link_in(request.body()), site, &gate.keys, now)?;
    let saml = link.idp.saml(now)?;
    let attempt = Attempt {
        site: site.name.clone(),
        idp: link.idp.id.clone(),
        acs_url: site.service_provider.acs_url.clone(),
        request_id: RequestId::random()?,
        created: now,
        return_to: ReturnTo::root(),
        rounds: 0,
        replaces: None,
        anew: false,
        kept: None,
        is_trial: true,
        raised: None,
        trace: traces::current().map(Box::new),
        step_up: None,
    };
    let mut response = start::to_identity_provider(site, &link.idp, &saml, &attempt, None, now)?;
    if response.status() == StatusCode::FOUND {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    for cookie in Held::read(&gate.keys, site, headers).admit(&attempt, &gate.keys, site, now) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The link in a query or a form; empty, which opens as nothing, where there is none.
fn link_in(pairs: &[u8]) -> String {
    let found = url::form_urlencoded::parse(pairs).find(|(name, _)| name == PARAMETER);
    found.map(|(_, link)| link.into_owned()).unwrap_or_default()
}
