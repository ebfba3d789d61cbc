//! A logout message as a browser brings it: in a query or in a form.

use crate::login::form::is_form;
use crate::pages::{self, SignOutPost};
use crate::reason::{Reason, Refusal};
use crate::saml::logout::{Carries, LogoutText};
use crate::saml::parties::{Binding, Limits};
use crate::site::Site;
use bytes::Bytes;
use http::{Method, Response};
use std::sync::Arc;

/// What came, not decoded yet.
#[derive(Debug, Clone)]
pub(super) enum Arrived {
    /// The query exactly as it came: its octets are what is signed.
    Query(Arc<str>),
    /// A posted form.
    Form {
        carries: Carries,
        /// Still base64.
        value: Arc<str>,
        relay_state: Option<Arc<str>>,
        /// This is the second time: the browser came from our own page, all cookies are there.
        is_repost: bool,
    },
}

impl Arrived {
    /// Exactly one message, at most one RelayState. A query is looked at where it is verified.
    ///
    /// # Errors
    /// `form-malformed`.
    pub(super) fn read(request: &http::Request<Bytes>) -> Result<Self, Refusal> {
        if request.method() != Method::POST {
            return Ok(Self::Query(request.uri().query().unwrap_or_default().into()));
        }
        if !is_form(request.headers()) {
            return Err(malformed("the content type is not that of a form"));
        }
        let (mut message, mut relay_state, mut is_repost) = (None, None, false);
        for (number, (name, value)) in url::form_urlencoded::parse(request.body()).enumerate() {
            if number >= MAX_FIELDS {
                return Err(malformed("the form has too many fields"));
            }
            let carried =
                [Carries::Request, Carries::Response].into_iter().find(|carries| carries.field() == name);
            let first_time = match (&*name, carried) {
                (_, Some(carries)) => message.replace((carries, value)).is_none(),
                (RELAY_STATE, None) => relay_state.replace(value).is_none(),
                (REPOST, None) => !std::mem::replace(&mut is_repost, true),
                _ => true,
            };
            if !first_time {
                return Err(malformed("a field of the form is doubled, or it carries two messages"));
            }
        }
        let Some((carries, value)) = message else {
            return Err(malformed("the form has neither SAMLRequest nor SAMLResponse"));
        };
        // Bindings 3.5.3 allows 80 octets; identity providers write more, and want it back as it was.
        if relay_state.as_ref().is_some_and(|state| state.len() > LONGEST_RELAY_STATE) {
            return Err(malformed("the RelayState is too long"));
        }
        Ok(Self::Form { carries, value: value.into(), relay_state: relay_state.map(Into::into), is_repost })
    }

    /// Decoded.
    ///
    /// # Errors
    /// Every reason about queries, base64 and the message's size.
    pub(super) fn text(&self, limits: &Limits) -> Result<LogoutText, Refusal> {
        match self {
            Self::Query(raw) => {
                let text = LogoutText::from_query(raw, limits)?;
                if text.relay_state().is_some_and(|state| state.len() > LONGEST_RELAY_STATE) {
                    return Err(Refusal::new(Reason::QueryMalformed, "the RelayState is too long"));
                }
                Ok(text)
            }
            Self::Form { carries, value, relay_state, .. } => {
                LogoutText::from_form(*carries, value, relay_state.as_deref().map(str::to_owned), limits)
            }
        }
    }

    /// What it claims to carry; of a query that cannot be read a guess, good for choosing a page.
    pub(super) fn carries(&self) -> Carries {
        match self {
            Self::Form { carries, .. } => *carries,
            Self::Query(raw) if raw.split('&').any(|pair| pair.starts_with("SAMLResponse=")) => {
                Carries::Response
            }
            Self::Query(_) => Carries::Request,
        }
    }

    /// How it came.
    pub(super) const fn binding(&self) -> Binding {
        match self {
            Self::Query(_) => Binding::Redirect,
            Self::Form { .. } => Binding::Post,
        }
    }

    /// The page that posts the same to the same address, now from our own site and marked, so that it happens once.
    /// None where that would bring nothing: a GET carries the cookies already.
    pub(super) fn page_that_posts_again(&self, site: &Site) -> Option<Response<Bytes>> {
        let Self::Form { carries, value, relay_state, is_repost: false } = self else { return None };
        let mut fields = vec![(carries.field(), &**value), (REPOST, "1")];
        fields.extend(relay_state.as_deref().map(|state| (RELAY_STATE, state)));
        Some(pages::post_sign_out(
            &site.branding,
            &site.service_provider.slo_url,
            &fields,
            &SignOutPost::ToSelf,
        ))
    }
}

fn malformed(what: &'static str) -> Refusal {
    Refusal::new(Reason::FormMalformed, what)
}

const RELAY_STATE: &str = "RelayState";
const REPOST: &str = "repost";

/// It goes back in a query, beside a signed message.
const LONGEST_RELAY_STATE: usize = 1024;

/// Some identity providers post a few fields of their own.
const MAX_FIELDS: usize = 16;
