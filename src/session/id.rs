//! The secret of a session and the name that everybody but the browser knows it by.

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::hash::{Hash, Hasher};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The secret in the cookie: 256 random bits, wiped when dropped. The store never sees it, only its [`SessionKey`], so
/// whoever reads the store cannot take over a session.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// A new secret from AWS-LC, which ends the process itself rather than return without randomness.
    pub fn random() -> Self {
        let mut id = Self([0; 32]);
        if rand::fill(&mut id.0).is_err() {
            // A session that could be guessed is worse than no gate.
            std::process::abort();
        }
        id
    }

    /// Reads the cookie's value: 43 base64url characters without padding, in their one spelling.
    pub fn from_cookie(value: &[u8]) -> Option<Self> {
        if value.len() != COOKIE_LENGTH {
            return None;
        }
        // One byte more than needed, as the decoder estimates before it knows.
        let mut bytes = Zeroizing::new([0; 33]);
        let length = URL_SAFE_NO_PAD.decode_slice(value, bytes.as_mut_slice()).ok()?;
        bytes.get(..length)?.try_into().ok().map(Self)
    }

    /// The cookie's value.
    pub fn to_cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The hash under which the store keeps the session.
    pub fn key(&self) -> SessionKey {
        let mut key = [0; 32];
        let hash = digest::digest(&digest::SHA256, &self.0);
        key.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        SessionKey(key)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// What sessions, claims and counters know a site by: made of its name, so that it means the same site after the
/// configuration has changed. Sites of one gate have different ones, for which the configuration is checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SiteKey(u32);

impl SiteKey {
    /// The beginning of SHA-256 of the name.
    pub fn of(name: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, name.as_bytes());
        Self(hash.as_ref().iter().take(4).fold(0, |sum, octet| sum << 8 | u32::from(*octet)))
    }

    /// For hashing it together with something else.
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Debug for SiteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// 32 octets in base64url without padding.
const COOKIE_LENGTH: usize = 43;

/// SHA-256 of the [`SessionId`]: what the store knows. No secret, but not printed in full either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionKey(pub [u8; 32]);

impl SessionKey {
    /// The JWT's `sid` and the audit log's session: the first 16 octets, base64url, 22 characters.
    pub fn public_name(&self) -> String {
        let (name, _) = self.0.split_at(16);
        URL_SAFE_NO_PAD.encode(name)
    }
}

impl Hash for SessionKey {
    /// Eight octets of a SHA-256 are hash enough.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({})", self.public_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_leads_back_to_its_session() {
        let id = SessionId::random();
        let cookie = id.to_cookie();
        assert_eq!(cookie.len(), COOKIE_LENGTH);
        assert_eq!(SessionId::from_cookie(cookie.as_bytes()).unwrap().key(), id.key());
        assert_ne!(SessionId::random().key(), id.key());
    }

    #[test]
    fn the_key_is_the_sha_256_of_the_octets() {
        let id = SessionId::from_cookie(&[b'A'; 43]).unwrap();
        assert_eq!(id.key().0[..4], [0x66, 0x68, 0x7a, 0xad], "SHA-256 of 32 zero octets");
        assert_eq!(id.key().public_name(), "Zmh6rfhivXdsj8GLjp-OIA");
    }

    #[test]
    fn other_spellings_are_no_session() {
        let cookie = SessionId::random().to_cookie();
        let mut loose_bits = cookie.clone().into_bytes();
        // 43 characters carry 258 bits; the two last ones must be zero.
        loose_bits[42] = b'B';
        let same_length = |text: String| text.into_bytes();
        for value in [
            b"".to_vec(),
            cookie.as_bytes()[..42].to_vec(),
            format!("{cookie}A").into_bytes(),
            format!("{cookie}=").into_bytes(),
            same_length(format!("{}=", &cookie[..42])),
            same_length(format!("{} ", &cookie[..42])),
            same_length(format!("+{}", &cookie[1..])),
            same_length(format!("/{}", &cookie[1..])),
            same_length(format!("\"{}\"", &cookie[..41])),
            loose_bits,
            vec![0xff; 43],
        ] {
            assert!(SessionId::from_cookie(&value).is_none(), "{value:?}");
        }
    }

    #[test]
    fn debug_output_says_nothing_of_the_secret() {
        let id = SessionId::random();
        assert_eq!(format!("{id:?}"), "SessionId(…)");
        assert_eq!(format!("{:?}", id.key()), format!("SessionKey({})", id.key().public_name()));
    }
}
