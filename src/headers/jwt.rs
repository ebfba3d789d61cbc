//! The identity JWT: ES256, five minutes (SKELETON).

use crate::clock::Moment;
use crate::session::Session;

/// Signing key (current) and further published keys (next, previous).
#[derive(Debug)]
pub struct JwtKeys {}
impl JwtKeys {
    pub fn generate() -> Self {
        todo!()
    }
    /// PEM P-256 private keys: the first signs, all are published.
    pub fn from_pem(
        _current: &crate::secret::Secret,
        _others: &[crate::secret::Secret],
    ) -> Result<Self, String> {
        todo!()
    }
    /// The JWKS document.
    pub fn jwks(&self) -> &str {
        todo!()
    }
    /// Signs; returns the compact JWT and when to renew it (half-life).
    pub fn sign(
        &self,
        _issuer: &str,
        _audience: &str,
        _session: &Session,
        _with_groups: bool,
        _now: Moment,
    ) -> (String, Moment) {
        todo!()
    }
}
