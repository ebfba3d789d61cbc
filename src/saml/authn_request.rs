//! What we ask: `samlp:AuthnRequest` (Core 3.4.1, Profiles 4.1.4.1), by Redirect (Bindings 3.4) or by POST (3.5).
//!
//! The request asks for what the owner demands and nothing else: by default for no format of the NameID and no class of
//! authentication, because what is not asked for cannot be refused. `Scoping` (Core 3.4.1.2) is never sent: which
//! identity providers stand behind the one that we ask is its own affair.

use super::demand::{Demand, SignRequests};
use super::enveloping;
use super::instant;
use super::parties::{Binding, IdentityProvider, ServiceProvider, SigningKey};
use super::redirect::{self, Carries};
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

/// Everything that a request is made of.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks: us.
    pub service_provider: &'a ServiceProvider,
    /// Who is asked.
    pub identity_provider: &'a IdentityProvider,
    /// What for.
    pub demand: &'a Demand,
    /// To sign in anew, although the demand does not force everybody to: what somebody brought was too old.
    pub anew: bool,
    /// The request's own ID.
    pub id: &'a RequestId,
    /// Comes back as it is; empty: none.
    pub relay_state: &'a str,
    /// Where the answer shall be posted.
    pub acs_url: &'a str,
    /// Decides where the IdP offers both bindings; without it Redirect is taken.
    pub prefer: Option<Binding>,
}

/// Makes the request. Signed as the demand says, with the first of our keys.
///
/// # Errors
/// A sentence for the owner: the IdP offers no binding, there is no key to sign with, or signing failed.
pub fn authn_request(question: &Question<'_>, now: Moment) -> Result<Outgoing, String> {
    let (binding, location) = question.service()?;
    let key = question.key()?;
    let (xml, issuer_ends) = question.message(location, now);
    match binding {
        Binding::Redirect => Ok(Outgoing::Redirect {
            url: redirect::address(location, Carries::Request, &xml, question.relay_state, key)?,
        }),
        Binding::Post => {
            let xml = match key {
                Some(key) => enveloping::envelop(&xml, issuer_ends, question.id.as_str(), key)?,
                None => xml,
            };
            Ok(Outgoing::Post {
                action: location.clone(),
                saml_request: STANDARD.encode(xml),
                relay_state: question.relay_state.to_owned(),
            })
        }
    }
}

/// A request as it would be made, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// By which binding it goes.
    pub binding: Binding,
    /// To which address.
    pub location: String,
    /// The message, before it is signed and encoded.
    pub xml: String,
    /// Whether it would be signed.
    pub signed: bool,
}

/// Says what [`authn_request`] would make, and makes nothing that could be sent.
///
/// # Errors
/// As [`authn_request`].
pub fn preview(question: &Question<'_>, now: Moment) -> Result<Preview, String> {
    let (binding, location) = question.service()?;
    let signed = question.key()?.is_some();
    let (xml, _) = question.message(location, now);
    Ok(Preview { binding: *binding, location: location.clone(), xml, signed })
}

impl<'a> Question<'a> {
    /// How and where the identity provider takes requests.
    fn service(&self) -> Result<&'a (Binding, String), String> {
        let services = &self.identity_provider.single_sign_on;
        let offered = |binding: Binding| services.iter().find(|(offered, _)| *offered == binding);
        let chosen = self
            .prefer
            .and_then(offered)
            .or_else(|| offered(Binding::Redirect))
            .or_else(|| offered(Binding::Post));
        chosen.ok_or_else(|| "the identity provider offers no binding for requests".to_owned())
    }

    /// The key that signs; none: the request is not signed.
    fn key(&self) -> Result<Option<&'a SigningKey>, String> {
        let first = self.service_provider.signing_keys.first();
        match self.demand.sign_requests {
            SignRequests::Never => Ok(None),
            SignRequests::Auto => Ok(first),
            SignRequests::Always if first.is_none() => {
                Err("requests are to be signed, and there is no key".to_owned())
            }
            SignRequests::Always => Ok(first),
        }
    }

    /// The message, and where its issuer ends.
    fn message(&self, destination: &str, now: Moment) -> (String, usize) {
        let demand = self.demand;
        let mut xml = format!(
            "<samlp:AuthnRequest xmlns:samlp=\"{PROTOCOL}\" xmlns:saml=\"{ASSERTION}\" ID=\"{}\" Version=\"2.0\" \
             IssueInstant=\"{}\" Destination=\"{}\"",
            escape(self.id.as_str()),
            instant::write(now),
            escape(destination),
        );
        // Writing to a String cannot fail. What is false is left out: that is its meaning (Core 3.4.1).
        if demand.force_authn || self.anew {
            xml.push_str(" ForceAuthn=\"true\"");
        }
        if demand.is_passive {
            xml.push_str(" IsPassive=\"true\"");
        }
        let _ = write!(
            xml,
            " ProtocolBinding=\"{}\" AssertionConsumerServiceURL=\"{}\"",
            Binding::Post.uri(),
            escape(self.acs_url),
        );
        if let Some(name) = &demand.provider_name {
            let _ = write!(xml, " ProviderName=\"{}\"", escape(name));
        }
        let issuer = escape(self.service_provider.entity_id.as_str());
        let _ = write!(xml, "><saml:Issuer>{issuer}</saml:Issuer>");
        let issuer_ends = xml.len();
        xml.push_str(&name_id_policy(demand));
        xml.push_str(&requested_authn_context(demand));
        xml.push_str("</samlp:AuthnRequest>");
        (xml, issuer_ends)
    }
}

/// Core 3.4.1.1. With AllowCreate the IdP may make a name for somebody whom it has not named to us before; "requesters
/// that do not make specific use of this attribute SHOULD generally set it to true" (Errata E14).
fn name_id_policy(demand: &Demand) -> String {
    let format = demand.name_id_format.as_ref();
    let format = format.map(|format| format!(" Format=\"{}\"", escape(format))).unwrap_or_default();
    format!("<samlp:NameIDPolicy{format} AllowCreate=\"true\"/>")
}

/// Core 3.3.2.2.1; nothing when nothing is asked. A default class is the known trap: it locks out whoever signs in in a
/// better way than by password.
fn requested_authn_context(demand: &Demand) -> String {
    if demand.authn_context.is_empty() {
        return String::new();
    }
    let comparison = demand.authn_context_comparison.as_str();
    let mut xml = format!("<samlp:RequestedAuthnContext Comparison=\"{comparison}\">");
    for class in &demand.authn_context {
        let _ = write!(xml, "<saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef>", escape(class));
    }
    xml.push_str("</samlp:RequestedAuthnContext>");
    xml
}

#[cfg(test)]
#[path = "authn_request_tests.rs"]
mod tests;
