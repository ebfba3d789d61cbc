//! What we ask: `samlp:AuthnRequest` (Core 3.4.1, Profiles 4.1.4.1), by Redirect (Bindings 3.4) or by POST (3.5).
//!
//! The request asks for as little as possible: no format of the NameID, no class of authentication. What is not asked
//! for cannot be refused, and the owner configures the rest at the identity provider.

use super::instant;
use super::parties::{Binding, IdentityProvider, ServiceProvider};
use super::redirect::{self, Carries};
use super::signature;
use super::xml::{ASSERTION, PROTOCOL, escape};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::{self, Write as _};

/// The ID of a request: 192 random bits as an xs:ID (Core 1.3.4 asks for 128 to 160).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A new one.
    ///
    /// # Errors
    /// `internal`, when the system gives no random octets.
    pub fn random() -> Result<Self, Refusal> {
        let mut octets = [0; 24];
        rand::fill(&mut octets).map_err(|_| Refusal::new(Reason::Internal, "there are no random octets"))?;
        // An xs:ID must not begin with a digit.
        let mut text = String::from("_");
        for octet in octets {
            // Writing to a String cannot fail.
            let _ = write!(text, "{octet:02x}");
        }
        Ok(Self(text))
    }

    /// As it stands in the message.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From a sealed attempt, where we put it ourselves.
    pub const fn from_sealed(text: String) -> Self {
        Self(text)
    }
}

/// How to send the browser to the IdP.
#[derive(Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// 302 or 303 to this URL (DEFLATE, signed query when a key is configured).
    Redirect {
        /// The IdP's address with our query.
        url: String,
    },
    /// A page that posts `SAMLRequest` and `RelayState` to `action`.
    Post {
        /// The IdP's address.
        action: String,
        /// The value of the field `SAMLRequest`.
        saml_request: String,
        /// The value of the field `RelayState`; leave the field out when it is empty.
        relay_state: String,
    },
}

/// Says how, not what: the relay state may hold an address inside the application.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redirect { .. } => "Outgoing::Redirect",
            Self::Post { .. } => "Outgoing::Post",
        })
    }
}

/// Makes the request. `prefer` decides where the IdP offers both bindings; without it Redirect is taken. Signed when
/// `sp.signing_keys` is not empty. `acs_url` is where the answer shall be posted.
///
/// # Errors
/// A sentence for the owner: the IdP offers no binding, or signing failed.
pub fn authn_request(
    sp: &ServiceProvider,
    idp: &IdentityProvider,
    id: &RequestId,
    relay_state: &str,
    now: Moment,
    prefer: Option<Binding>,
    acs_url: &str,
) -> Result<Outgoing, String> {
    let offered = |binding: Binding| idp.single_sign_on.iter().find(|(offered, _)| *offered == binding);
    let (binding, location) = prefer
        .and_then(offered)
        .or_else(|| offered(Binding::Redirect))
        .or_else(|| offered(Binding::Post))
        .ok_or("the identity provider offers no binding for requests")?;

    let (xml, issuer_ends) = message(sp, id, now, location, acs_url);
    match binding {
        Binding::Redirect => {
            let key = sp.signing_keys.first();
            Ok(Outgoing::Redirect {
                url: redirect::address(location, Carries::Request, &xml, relay_state, key)?,
            })
        }
        Binding::Post => {
            let xml = match sp.signing_keys.first() {
                Some(key) => signature::envelop(&xml, issuer_ends, id.as_str(), key)?,
                None => xml,
            };
            Ok(Outgoing::Post {
                action: location.clone(),
                saml_request: STANDARD.encode(xml),
                relay_state: relay_state.to_owned(),
            })
        }
    }
}

/// The message, and where its issuer ends.
fn message(
    sp: &ServiceProvider,
    id: &RequestId,
    now: Moment,
    destination: &str,
    acs_url: &str,
) -> (String, usize) {
    let mut xml = format!(
        "<samlp:AuthnRequest xmlns:samlp=\"{PROTOCOL}\" xmlns:saml=\"{ASSERTION}\" ID=\"{}\" Version=\"2.0\" \
         IssueInstant=\"{}\" Destination=\"{}\" ProtocolBinding=\"{}\" AssertionConsumerServiceURL=\"{}\">\
         <saml:Issuer>{}</saml:Issuer>",
        escape(id.as_str()),
        instant::write(now),
        escape(destination),
        Binding::Post.uri(),
        escape(acs_url),
        escape(sp.entity_id.as_str()),
    );
    let issuer_ends = xml.len();
    // Core 3.4.1.1: the IdP may make a name for somebody whom it has not named to us before.
    xml.push_str("<samlp:NameIDPolicy AllowCreate=\"true\"/></samlp:AuthnRequest>");
    (xml, issuer_ends)
}

#[cfg(test)]
#[path = "authn_request_tests.rs"]
mod tests;
