//! Who signed what: for the audit, for explanations, and for those who verify once more.

use super::algorithms::{Hash, SignatureAlgorithm};
use super::keys::SigningCertificate;
use std::fmt;

/// What a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The response with everything in it.
    Response,
    /// The assertion.
    Assertion,
}

/// A signature that verified: what it covers, and whose key made it.
#[derive(Clone)]
pub struct SignedBy {
    pub(super) part: Part,
    /// The ID of what it covers.
    #[cfg_attr(not(feature = "second-opinion"), allow(dead_code, reason = "asked by the second opinion"))]
    pub(super) id: String,
    pub(super) certificate: SigningCertificate,
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) digest: Hash,
    #[cfg_attr(not(feature = "second-opinion"), allow(dead_code, reason = "asked by the second opinion"))]
    pub(super) digest_value: Vec<u8>,
}

impl SignedBy {
    /// What it covers.
    pub const fn part(&self) -> Part {
        self.part
    }

    /// The certificate, of those that are trusted, whose key verified it.
    pub const fn certificate(&self) -> &SigningCertificate {
        &self.certificate
    }

    /// The algorithm by its URI (RFC 9231 2.3).
    pub const fn algorithm(&self) -> &'static str {
        self.algorithm.uri()
    }

    /// The algorithm of the digest by its URI (XML Encryption 5.7, RFC 9231 2.1).
    pub const fn digest_method(&self) -> &'static str {
        self.digest.digest_method()
    }

    /// Whether these are the octets that it covers.
    #[cfg(feature = "second-opinion")]
    pub(super) fn covers(&self, octets: &[u8]) -> bool {
        self.digest.of(octets).as_ref() == self.digest_value
    }
}

impl fmt::Debug for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedBy")
            .field("part", &self.part)
            .field("algorithm", &self.algorithm)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}
