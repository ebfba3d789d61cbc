//! What we ask: AuthnRequest by Redirect and POST (SKELETON).

use super::parties::{Binding, IdentityProvider, ServiceProvider};
use crate::clock::Moment;

/// 160 or more random bits as an xs:ID (starts with `_`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    pub fn random() -> Self {
        todo!()
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// From a sealed attempt.
    pub fn from_sealed(text: String) -> Self {
        Self(text)
    }
}

/// How to send the browser to the IdP.
pub enum Outgoing {
    /// 302/303 to this URL (DEFLATE, signed query when a key is configured).
    Redirect { url: String },
    /// A page that posts `SAMLRequest` and `RelayState` to `action`.
    Post { action: String, saml_request: String, relay_state: String },
}

/// Makes the request; Redirect is preferred unless the IdP offers only POST. Signed when `sp.signing_keys` is not empty.
pub fn authn_request(
    _sp: &ServiceProvider,
    _idp: &IdentityProvider,
    _id: &RequestId,
    _relay_state: &str,
    _now: Moment,
    _prefer: Option<Binding>,
    _acs_url: &str,
) -> Result<Outgoing, String> {
    todo!()
}
