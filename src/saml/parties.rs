//! Who talks: the service provider (us) and the identity providers (them), and what their owner decided about them.

use std::fmt;
use std::time::Duration;

pub use super::keys::{SigningCertificate, SigningKey, TrustedKeys};

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
    /// Whether it says that it refuses requests that are not signed.
    pub want_authn_requests_signed: bool,
    /// Where it takes logout messages; empty when it offers no single logout.
    pub single_logout: Vec<SloEndpoint>,
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

/// Our side.
#[derive(Debug, Clone)]
pub struct ServiceProvider {
    /// Our name; the audience of every assertion must name exactly this.
    pub entity_id: EntityId,
    /// The assertion consumer service's URL that we publish and ask with.
    pub acs_url: String,
    /// The single logout service's URL; published only where there is a key to sign with.
    pub slo_url: String,
    /// First signs; all are published. Empty: requests are not signed.
    pub signing_keys: Vec<SigningKey>,
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
