//! The secret of a session and the name that everybody but the browser knows it by.

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::hash::{Hash, Hasher};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The secret in the cookie: 256 random bits, as the text that the browser holds, wiped when dropped. The store never sees
/// it, only its [`SessionKey`], so whoever reads the store cannot take over a session.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SessionId([u8; COOKIE_LENGTH]);

impl SessionId {
    /// A new secret from AWS-LC, which ends the process itself rather than return without randomness.
    pub fn random() -> Self {
        let mut bits = Zeroizing::new([0; 32]);
        let mut id = Self([0; COOKIE_LENGTH]);
        let random = rand::fill(bits.as_mut_slice()).is_ok();
        if !random || URL_SAFE_NO_PAD.encode_slice(bits.as_slice(), &mut id.0) != Ok(COOKIE_LENGTH) {
            // A session that could be guessed is worse than no gate.
            std::process::abort();
        }
        id
    }

    /// The cookie's value: 43 base64url characters without padding.
    pub fn to_cookie(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The hash under which the store keeps the session.
    pub fn key(&self) -> SessionKey {
        SessionKey::hashed(&self.0)
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

    /// What [`Self::to_bytes`] gave.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
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

/// SHA-256 of the [`SessionId`]'s text: what the store knows. No secret, but not printed in full either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionKey(pub [u8; 32]);

impl SessionKey {
    /// The key of the session whose cookie has this value. Of a value that no session has, a key that no session has:
    /// another spelling of the same bits is another text.
    pub fn of_cookie(value: &[u8]) -> Option<Self> {
        value.try_into().ok().map(Self::hashed)
    }

    fn hashed(text: &[u8; COOKIE_LENGTH]) -> Self {
        let mut key = [0; 32];
        let hash = digest::digest(&digest::SHA256, text);
        key.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        Self(key)
    }

    /// The JWT's `sid` and the audit log's session: the first 16 octets, base64url, 22 characters. A hyphen in the first place
    /// is written as a dot, because on a command line it would begin an option.
    pub fn public_name(&self) -> String {
        let (name, _) = self.0.split_at(16);
        let name = URL_SAFE_NO_PAD.encode(name);
        match name.strip_prefix('-') {
            Some(rest) => format!(".{rest}"),
            None => name,
        }
    }

    /// Whether this is its public name, also in the spelling of old logs, which began some of them with a hyphen.
    pub fn is_called(&self, name: &str) -> bool {
        let ours = self.public_name();
        ours == name || ours.strip_prefix('.').is_some_and(|rest| name.strip_prefix('-') == Some(rest))
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
        assert_eq!(URL_SAFE_NO_PAD.decode(&cookie).unwrap().len(), 32);
        assert_eq!(SessionKey::of_cookie(cookie.as_bytes()), Some(id.key()));
        assert_ne!(SessionId::random().key(), id.key());
    }

    #[test]
    fn the_key_is_the_sha_256_of_the_text() {
        let key = SessionKey::of_cookie(&[b'A'; 43]).unwrap();
        let known = digest::digest(&digest::SHA256, "A".repeat(43).as_bytes());
        assert_eq!(key.0, known.as_ref());
        assert_eq!(key.public_name(), URL_SAFE_NO_PAD.encode(&known.as_ref()[..16]));
    }

    #[test]
    fn no_name_looks_like_an_option_and_old_spellings_are_understood() {
        let mut octets = [0x5a; 32];
        // The first six bits say the first character: 62 is the hyphen.
        octets[0] = 62 << 2;
        let old = URL_SAFE_NO_PAD.encode(&octets[..16]);
        let key = SessionKey(octets);
        assert!(old.starts_with('-'));
        assert_eq!(key.public_name(), format!(".{}", &old[1..]));
        assert!(key.is_called(&key.public_name()) && key.is_called(&old));
        assert!(!key.is_called(&old[1..]) && !key.is_called(&format!("_{}", &old[1..])));
        let usual = SessionKey([0x5a; 32]);
        let name = usual.public_name();
        assert_eq!(name, URL_SAFE_NO_PAD.encode([0x5a; 16]));
        assert!(usual.is_called(&name) && !usual.is_called(&format!("-{}", &name[1..])));
    }

    #[test]
    fn other_spellings_are_no_session() {
        let id = SessionId::random();
        let cookie = id.to_cookie();
        let mut loose_bits = cookie.clone().into_bytes();
        // 43 characters carry 258 bits; a tolerant decoder drops the two last ones.
        loose_bits[42] ^= 1;
        for value in [
            b"".to_vec(),
            cookie.as_bytes()[..42].to_vec(),
            format!("{cookie}A").into_bytes(),
            format!("{cookie}=").into_bytes(),
            format!("{}=", &cookie[..42]).into_bytes(),
            format!("{} ", &cookie[..42]).into_bytes(),
            format!("\"{}\"", &cookie[..41]).into_bytes(),
            loose_bits,
            vec![0xff; 43],
        ] {
            assert_ne!(SessionKey::of_cookie(&value), Some(id.key()), "{value:?}");
        }
    }

    #[test]
    fn debug_output_says_nothing_of_the_secret() {
        let id = SessionId::random();
        assert_eq!(format!("{id:?}"), "SessionId(…)");
        assert_eq!(format!("{:?}", id.key()), format!("SessionKey({})", id.key().public_name()));
    }
}
