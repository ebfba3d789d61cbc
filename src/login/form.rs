//! The form that an identity provider lets the browser post, and the page that posts it once more.

use super::trial::Answer;
use crate::pages::{self, Exchange};
use crate::reason::{Reason, Refusal};
use crate::site::Site;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, Response};
use std::sync::Arc;

/// A posted SAMLResponse (Bindings 3.5.4).
#[derive(Debug)]
pub(super) struct PostedResponse {
    /// Still base64; shared with the verifier's thread.
    pub(super) saml_response: Arc<str>,
    /// Comes back as it is in the re-post; else a hint at most.
    pub(super) relay_state: Option<String>,
    /// This is the second time: the browser came from our own page, all cookies are there.
    pub(super) is_repost: bool,
    /// Somebody who is signed in said on our page that they want to be the other person.
    pub(super) is_confirmed: bool,
}

impl PostedResponse {
    /// Exactly one SAMLResponse, at most one RelayState.
    ///
    /// # Errors
    /// `form-malformed`.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        if !is_form(headers) {
            return Err(Refusal::new(Reason::FormMalformed, "the content type is not that of a form"));
        }
        let (mut response, mut relay_state) = (None, None);
        let (mut is_repost, mut is_confirmed) = (false, false);
        for (number, (name, value)) in url::form_urlencoded::parse(body).enumerate() {
            if number >= MAX_FIELDS {
                return Err(Refusal::new(Reason::FormMalformed, "the form has too many fields"));
            }
            let first_time = match &*name {
                RESPONSE => response.replace(value).is_none(),
                RELAY_STATE => relay_state.replace(value).is_none(),
                REPOST => !std::mem::replace(&mut is_repost, true),
                CONFIRMED => !std::mem::replace(&mut is_confirmed, true),
                _ => true,
            };
            if !first_time {
                return Err(Refusal::new(Reason::FormMalformed, "a field of the form is doubled"));
            }
        }
        let Some(response) = response else {
            return Err(Refusal::new(Reason::FormMalformed, "the form has no SAMLResponse"));
        };
        Ok(Self {
            saml_response: response.into(),
            // Bindings 3.5.3 allows 80 bytes; what is longer is not ours.
            relay_state: relay_state.filter(|state| state.len() <= 80).map(std::borrow::Cow::into_owned),
            is_repost,
            is_confirmed,
        })
    }

    /// What came to this address, to be explained.
    pub(super) fn at(&self, acs_url: String) -> Answer {
        Answer { saml_response: Arc::clone(&self.saml_response), acs_url }
    }

    /// The page that posts the same to the same address, now from our own site and marked, so that it happens once.
    pub(super) fn page_that_posts_again(&self, site: &Site, acs_url: &str) -> Response<Bytes> {
        pages::auto_post(&site.branding, acs_url, &self.fields(), false)
    }

    /// The page that asks somebody who is signed in whether to become the other person, and posts the same once more
    /// if so.
    pub(super) fn page_that_asks(&self, site: &Site, acs_url: &str, who: &Exchange<'_>) -> Response<Bytes> {
        let mut fields = self.fields();
        fields.push((CONFIRMED, "1"));
        pages::exchange(&site.branding, acs_url, &fields, who)
    }

    fn fields(&self) -> Vec<(&str, &str)> {
        let mut fields = vec![(RESPONSE, &*self.saml_response), (REPOST, "1")];
        fields.extend(self.relay_state.as_deref().map(|state| (RELAY_STATE, state)));
        fields
    }
}

/// Whether the body says that it is an ordinary form; parameters of the type do not matter.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether the request tells at all which page posted it. Every browser does; a gateway that takes both headers out
/// would let every page pass for ours.
pub(super) fn says_where_from(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}

const RESPONSE: &str = "SAMLResponse";
const RELAY_STATE: &str = "RelayState";
const REPOST: &str = "repost";
const CONFIRMED: &str = "confirmed";

/// Some identity providers post a few fields of their own.
const MAX_FIELDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(content_type: &'static str, body: &str) -> Result<PostedResponse, Reason> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        PostedResponse::read(&headers, body.as_bytes()).map_err(|refusal| refusal.reason)
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn one_response_and_perhaps_a_relay_state() {
        let posted = read(FORM, "SAMLResponse=a%2Bb%3D&RelayState=x%20y").unwrap();
        assert_eq!(&*posted.saml_response, "a+b=");
        assert_eq!(posted.relay_state.as_deref(), Some("x y"));
        assert!(!posted.is_repost && !posted.is_confirmed);
        assert!(read(FORM, "SAMLResponse=a&repost=1&confirmed=1").unwrap().is_confirmed);
        assert!(
            read("Application/X-WWW-Form-Urlencoded; charset=UTF-8", "SAMLResponse=a&repost=1")
                .unwrap()
                .is_repost
        );
        assert!(read(FORM, "submit=Continue&SAMLResponse=a").is_ok());
    }

    #[test]
    fn anything_else_is_malformed() {
        for (content_type, body) in [
            (FORM, ""),
            (FORM, "RelayState=x"),
            (FORM, "samlresponse=a"),
            (FORM, "SAMLResponse=a&SAMLResponse=a"),
            (FORM, "SAMLResponse=a&SAMLResponse=b"),
            (FORM, "SAMLResponse=a&RelayState=x&RelayState=x"),
            (FORM, "SAMLResponse=a&confirmed=1&confirmed=1"),
            (FORM, "SAMLResponse=a&repost=1&repost=1"),
            ("text/plain", "SAMLResponse=a"),
            ("multipart/form-data; boundary=x", "SAMLResponse=a"),
            ("application/x-www-form-urlencodedx", "SAMLResponse=a"),
            ("", "SAMLResponse=a"),
        ] {
            assert_eq!(read(content_type, body).unwrap_err(), Reason::FormMalformed, "{content_type} {body}");
        }
        let many = (0..20).map(|n| format!("f{n}=x&")).collect::<String>() + "SAMLResponse=a";
        assert_eq!(read(FORM, &many).unwrap_err(), Reason::FormMalformed);
    }

    #[test]
    fn a_relay_state_beyond_the_standard_is_not_carried_on() {
        let posted = read(FORM, &format!("SAMLResponse=a&RelayState={}", "x".repeat(81))).unwrap();
        assert_eq!(posted.relay_state, None);
    }
}
