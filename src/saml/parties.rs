//! Who talks: the service provider (us) and the identity providers (them), and what their owner decided about them.

use super::algorithms::Allowed;
use crate::clock::Moment;
use std::fmt;
use std::time::Duration;

pub use super::algorithms::{Hash, SignatureAlgorithm};
pub use super::keys::{SigningCertificate, TrustedKeys};
pub use super::own_keys::SigningKey;

/// An entity identifier, compared octet by octet (Core 8.3.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntityId(pub String);

impl EntityId {
    /// The identifier as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bindings that carry an AuthnRequest (Bindings 3.4 and 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// HTTP-Redirect.
    Redirect,
    /// HTTP-POST.
    Post,
}

impl Binding {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Redirect, Self::Post];

    /// Its name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redirect => "HTTP-Redirect",
            Self::Post => "HTTP-POST",
        }
    }

    /// The URI that metadata and messages name it by.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Redirect => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            Self::Post => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        }
    }
}

/// Which parts an IdP must sign; every signature that is present must verify whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequireSigned {
    /// The response or the assertion.
    #[default]
    Either,
    /// The assertion, whether or not the response is signed too.
    Assertion,
    /// The response, whether or not the assertion is signed too.
    Response,
    /// Both.
    Both,
}

/// What to do with content that is encrypted in a mode that does not notice tampering (CBC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cbc {
    /// Open it: Entra ID and ADFS send it, with a signature inside. Three tries and answers that all look alike and
    /// take equally long leave an attacker nothing to measure.
    #[default]
    Accept,
    /// Open it only when the response around it is signed: then nobody can have tampered with it.
    RequireSignedResponse,
    /// Refuse it.
    Refuse,
}

/// What an identity provider's owner decided about its cryptography.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CryptographyPolicy {
    /// What to do with CBC.
    pub cbc: Cbc,
    /// Whether an assertion that is not encrypted is refused.
    pub require_encrypted: bool,
    /// The signature algorithms that it may use; none: all that are accepted.
    pub algorithms: Option<Vec<SignatureAlgorithm>>,
    /// The moment at which signatures with SHA-1 end to be accepted; none: they never are.
    pub sha1_until: Option<Moment>,
}

impl CryptographyPolicy {
    /// The algorithms that its signatures may use at this moment.
    pub(super) fn at(&self, now: Moment) -> Allowed<'_> {
        Allowed::by(self.algorithms.as_deref(), self.sha1_until.is_some_and(|until| now < until))
    }

    /// What a logout message may be signed with: the exception for SHA-1 is for sign-ins only.
    pub(super) fn for_logout(&self) -> Allowed<'_> {
        Allowed::by(self.algorithms.as_deref(), false)
    }
}

/// An identity provider as its metadata or the configuration describes it.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    /// Its name; the issuer of its messages must be exactly this.
    pub entity_id: EntityId,
    /// Where it takes requests: at least one, absolute http(s) URLs.
    pub single_sign_on: Vec<(Binding, String)>,
    /// The keys that may sign for it.
    pub keys: TrustedKeys,
    /// Which parts of its answers must be signed.
    pub require_signed: RequireSigned,
    /// What of cryptography it may use.
    pub cryptography: CryptographyPolicy,
    /// Whether it says that it refuses requests that are not signed.
    pub want_authn_requests_signed: bool,
    /// Where it takes logout messages; empty when it offers no single logout.
    pub single_logout: Vec<SloEndpoint>,
    /// The scopes (`example.org` of `ada@example.org`) that it may speak for; empty when its metadata names none.
    pub scopes: Vec<Scope>,
}

impl IdentityProvider {
    /// Whether one of its keys could make a signature that its list of algorithms admits, now or under the exception for
    /// SHA-1. Otherwise nobody can sign in by it.
    pub fn has_a_key_that_fits(&self) -> bool {
        let CryptographyPolicy { algorithms, sha1_until, .. } = &self.cryptography;
        let Some(listed) = algorithms else { return true };
        let sha1 = SignatureAlgorithm::RsaPkcs1(Hash::Sha1);
        self.keys
            .any_for(|algorithm| listed.contains(&algorithm) || sha1_until.is_some() && algorithm == sha1)
    }
}

/// Where an identity provider takes logout messages (Metadata 2.4.1.2, SingleLogoutService).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SloEndpoint {
    /// How messages get there.
    pub binding: Binding,
    /// Takes requests, and responses too unless there is another address for them.
    pub location: String,
    /// Takes responses, where that is another address (Metadata 2.2.2).
    pub response_location: Option<String>,
}

/// What stands after the `@` of a scoped attribute (shibmd:Scope), compared octet by octet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope(pub String);

/// Our side.
#[derive(Debug, Clone)]
pub struct ServiceProvider {
    /// Our name; the audience of every assertion must name exactly this.
    pub entity_id: EntityId,
    /// The assertion consumer service's URL that we publish first and ask with.
    pub acs_url: String,
    /// Further URLs at which answers are taken; published behind the first.
    pub further_acs_urls: Vec<String>,
    /// The single logout service's URL; published only where there is a key to sign with.
    pub slo_url: String,
    /// First signs; all are published, and every RSA key opens what is encrypted for us. Empty: requests are not
    /// signed, and nothing encrypted can be opened.
    pub signing_keys: Vec<SigningKey>,
}

impl ServiceProvider {
    /// Whether anything that is encrypted for us can be opened.
    pub fn can_decrypt(&self) -> bool {
        self.signing_keys.iter().any(SigningKey::decrypts)
    }

    /// Every URL at which answers are taken, the first as we ask with it.
    pub fn acs_urls(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.acs_url).chain(&self.further_acs_urls).map(String::as_str)
    }
}

/// What the profile's rules are told by the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How far two clocks may differ. More than [`Policy::MAX_CLOCK_SKEW`] counts as that.
    pub clock_skew: Duration,
}

impl Policy {
    /// The most that any configuration can allow.
    pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);
}

/// Limits on messages.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Octets of XML.
    pub max_decoded_bytes: usize,
    /// Nested elements.
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_decoded_bytes: 256 * 1024, max_depth: 64 }
    }
}
