//! Who talks: the service provider (us) and the identity providers (them).

use crate::reason::Refusal;
use crate::secret::Secret;
use std::time::Duration;

/// An entity identifier, compared octet by octet (Core 8.3.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntityId(pub String);

/// The bindings that carry an AuthnRequest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    Redirect,
    Post,
}

/// Which parts an IdP must sign; every signature that is present must verify whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequireSigned {
    #[default]
    Either,
    Assertion,
    Response,
    Both,
}

/// Keys that may sign for an IdP: at least one, and only suitable ones.
#[derive(Debug, Clone)]
pub struct TrustedKeys {/* private: first + rest, prepared for verification */}

/// One signing certificate of an IdP, for `check`, metrics (days left) and explanations.
#[derive(Debug, Clone)]
pub struct SigningCertificate {
    pub sha256: [u8; 32],
    pub subject: String,
    pub not_after: crate::clock::Moment,
}

impl TrustedKeys {
    /// From DER certificates. Unsuitable keys (RSA < 2048, DSA, unknown curve) are skipped and returned as warnings;
    /// an error only when none is left.
    pub fn from_certificates(_der: &[Vec<u8>]) -> Result<(Self, Vec<String>), String> {
        todo!()
    }
    pub fn certificates(&self) -> &[SigningCertificate] {
        todo!()
    }
}

/// An identity provider as its metadata or the configuration describes it.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    pub entity_id: EntityId,
    /// At least one; absolute http(s) URLs.
    pub single_sign_on: Vec<(Binding, String)>,
    pub keys: TrustedKeys,
    pub require_signed: RequireSigned,
    pub want_authn_requests_signed: bool,
}

/// Our side.
#[derive(Debug, Clone)]
pub struct ServiceProvider {
    pub entity_id: EntityId,
    /// The assertion consumer service's URL that we publish and ask with.
    pub acs_url: String,
    /// First signs; all are published. Empty: requests are not signed.
    pub signing_keys: Vec<SigningKey>,
}

/// A private key with its certificate.
#[derive(Debug, Clone)]
pub struct SigningKey {/* private */}

impl SigningKey {
    /// From PEM (PKCS#8, PKCS#1 or SEC1) and a PEM certificate; RSA >= 2048 or P-256/384/521; they must belong together.
    pub fn from_pem(_private_key: &Secret, _certificate: &[u8]) -> Result<Self, String> {
        todo!()
    }
    pub fn certificate_der(&self) -> &[u8] {
        todo!()
    }
}

/// What the profile's rules are told by the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub clock_skew: Duration,
}

/// Limits on messages.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub max_decoded_bytes: usize,
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_decoded_bytes: 256 * 1024, max_depth: 64 }
    }
}

#[allow(dead_code)]
type R<T> = Result<T, Refusal>;
