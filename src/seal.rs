//! Sealing: AES-256-GCM under a key ring, one derived key for each purpose (SKELETON).

use crate::secret::Secret;

/// What a sealed value is for; a value sealed for one purpose does not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    Attempt,
    Answered,
    Refusal,
}

/// The keys: the first seals, all open. Made from `session.secret` (any length >= 32 bytes) by HKDF-SHA-256.
#[derive(Debug)]
pub struct KeyRing {}

impl KeyRing {
    pub fn new(_secrets: &[Secret]) -> Result<Self, String> {
        todo!()
    }
    /// A ring with one random key.
    pub fn random() -> Self {
        todo!()
    }
    /// base64url without padding; `context` (e.g. the site's name) must be the same at opening.
    pub fn seal(&self, _purpose: Purpose, _context: &[u8], _plaintext: &[u8]) -> String {
        todo!()
    }
    pub fn open(&self, _purpose: Purpose, _context: &[u8], _sealed: &str) -> Option<Vec<u8>> {
        todo!()
    }
}
