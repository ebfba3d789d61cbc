//! Sealing: what we hand to a browser or put into a file, and take back so that nobody else can have read, made or moved
//! it.
//!
//! A sealed value is AES-256-GCM under a key that is derived for this one message:
//!
//! ```text
//! secret --HKDF-extract--> ring key --HKDF-expand(purpose, salt)--> message key --AES-256-GCM(nonce)--> sealed
//! base64url( version | key id (4) | salt (12) | nonce (12) | ciphertext | tag (16) )
//! ```
//!
//! Salt and nonce are 192 random bits together, so that the number of values sealed under one secret needs no counting:
//! anybody may start a sign-in, and each one seals. The purpose is part of the key; version, key id and the caller's
//! context are authenticated beside the ciphertext. The key id says which secret of the ring to try; a secret has the
//! same id in every process.

use crate::secret::Secret;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroize as _;

/// What a sealed value is for; a value sealed for one purpose does not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The state of one sign-in under way.
    Attempt,
    /// The mark that an attempt was answered, by which a loop is known.
    Answered,
    /// What the page behind a gateway's 403 says.
    Refusal,
    /// What lies in the folder `state_dir`.
    State,
    /// The state of one sign-out under way at an identity provider.
    Leaving,
    /// What a site asks of its sign-on host, by way of the browser.
    Errand,
    /// What a sign-on host hands over to a site, by way of the browser.
    HandOver,
    /// Which identity provider a browser chose last.
    Choice,
    /// The permission to try an identity provider.
    TestLink,
    /// A session in a store on another machine.
    Session,
    /// What the list of somebody's own sessions names.
    OwnSessions,
}

/// Why something did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// No key of the ring sealed it.
    UnknownKey,
    /// It is damaged, belongs elsewhere, or was never sealed.
    Damaged,
}

impl Purpose {
    /// Part of the derived key: a change makes every sealed value of the purpose unreadable.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Attempt => b"attempt",
            Self::Answered => b"answered",
            Self::Refusal => b"refusal",
            Self::State => b"state",
            Self::Leaving => b"leaving",
            Self::Errand => b"errand",
            Self::HandOver => b"hand-over",
            Self::Choice => b"choice",
            Self::TestLink => b"test link",
            Self::Session => b"session",
            Self::OwnSessions => b"own sessions",
        }
    }
}

/// The keys: the first seals, all open. Made from `session.secret` and its predecessors, or from `state_key_file`.
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<[RingKey]>,
}

impl KeyRing {
    /// A ring of these secrets, each of at least 32 bytes; the first seals.
    ///
    /// # Errors
    /// Says in words which secret is too short, or that there is none.
    pub fn new(secrets: &[Secret]) -> Result<Self, String> {
        if secrets.is_empty() {
            return Err("at least one secret is needed".into());
        }
        let mut keys = Vec::with_capacity(secrets.len());
        for (index, secret) in secrets.iter().enumerate() {
            let length = secret.expose().len();
            if length < MIN_SECRET {
                return Err(format!(
                    "secret {} has {length} bytes, at least {MIN_SECRET} are needed",
                    index + 1
                ));
            }
            let key = RingKey::derive(secret).ok_or("the secret cannot be used as a key")?;
            keys.push(key);
        }
        Ok(Self { keys: keys.into() })
    }

    /// A ring with one random key, which dies with the process.
    pub fn random() -> Self {
        let mut bytes = random_bytes::<32>();
        let secret = Secret::new(bytes.to_vec());
        bytes.zeroize();
        Self { keys: RingKey::derive(&secret).into_iter().collect() }
    }

    /// Seals under the first key: base64url without padding, `4/3 * (45 + plaintext)` characters. `context` (such as
    /// the site's name) is not in the result, and must be the same at opening.
    ///
    /// Only plaintexts up to [`MAX_PLAINTEXT`] open again; beyond that the result is empty, which opens as nothing.
    pub fn seal(&self, purpose: Purpose, context: &[u8], plaintext: &[u8]) -> String {
        if plaintext.len() > MAX_PLAINTEXT {
            return String::new();
        }
        self.seal_octets(purpose, context, plaintext)
            .map(|message| URL_SAFE_NO_PAD.encode(message))
            .unwrap_or_default()
    }

    /// Seals what goes into a file: octets, of any size, 45 more than the plaintext. `None` when it cannot be done.
    pub fn seal_file(&self, context: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        self.seal_octets(Purpose::State, context, plaintext)
    }

    /// Opens what [`Self::seal_file`] of any key of the ring made in this context.
    pub fn open_file(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.open_octets(Purpose::State, context, sealed)
    }

    /// A key for hashes of names, made from the first secret: the same in every process that has it.
    pub fn derived_for_hashes(&self) -> Option<Secret> {
        let mut bytes = [0; 32];
        let key = self.keys.first()?;
        let derived = key.root.expand(&[b"name hash"], Length(32)).and_then(|okm| okm.fill(&mut bytes));
        let secret = derived.ok().map(|()| Secret::new(bytes.to_vec()));
        bytes.zeroize();
        secret
    }

    /// Seals what is kept in a store: octets, 45 more than the plaintext. `None` when it cannot be done.
    pub fn seal_kept(&self, purpose: Purpose, context: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        self.seal_octets(purpose, context, plaintext)
    }

    /// Opens what [`Self::seal_kept`] of any key of the ring made for this purpose and in this context.
    ///
    /// # Errors
    /// Why not, for the figures; whoever asks learns nothing by it.
    pub fn open_kept(&self, purpose: Purpose, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (header, _) = Header::parse(sealed).ok_or(Unopened::Damaged)?;
        if !self.keys.iter().any(|key| key.id == header.key_id) {
            return Err(Unopened::UnknownKey);
        }
        self.open_octets(purpose, context, sealed).ok_or(Unopened::Damaged)
    }

    /// Keys under which names are hashed in a store, one of each secret of the ring; the first is for what is written.
    /// The same in every process that has the secrets.
    pub fn keys_for_names(&self) -> Vec<Secret> {
        let derive = |key: &RingKey| {
            let mut bytes = [0; 32];
            let derived = key.root.expand(&[b"store name"], Length(32)).and_then(|okm| okm.fill(&mut bytes));
            let secret = derived.ok().map(|()| Secret::new(bytes.to_vec()));
            bytes.zeroize();
            secret
        };
        self.keys.iter().filter_map(derive).collect()
    }

    fn seal_octets(&self, purpose: Purpose, context: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        let header = Header { key_id: key.id, salt: random_bytes(), nonce: random_bytes() };
        let mut message = header.to_bytes();
        message.reserve_exact(plaintext.len() + TAG);
        message.extend_from_slice(plaintext);
        let sealed = key.message_key(purpose, &header.salt).and_then(|message_key| {
            let body = message.get_mut(HEADER..)?;
            let nonce = Nonce::assume_unique_for_key(header.nonce);
            message_key.seal_in_place_separate_tag(nonce, header.bound_to(context), body).ok()
        });
        let Some(tag) = sealed else {
            message.zeroize();
            return None;
        };
        message.extend_from_slice(tag.as_ref());
        Some(message)
    }

    /// Opens what any key of the ring sealed for this purpose and context. `None` says nothing about why.
    pub fn open(&self, purpose: Purpose, context: &[u8], sealed: &str) -> Option<Vec<u8>> {
        if sealed.len() > MAX_SEALED {
            return None;
        }
        self.open_octets(purpose, context, &URL_SAFE_NO_PAD.decode(sealed).ok()?)
    }

    fn open_octets(&self, purpose: Purpose, context: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let (header, body) = Header::parse(message)?;
        // Two secrets may share an id by chance, once in four thousand million.
        self.keys.iter().filter(|key| key.id == header.key_id).find_map(|key| {
            let message_key = key.message_key(purpose, &header.salt)?;
            let nonce = Nonce::assume_unique_for_key(header.nonce);
            let mut body = body.to_vec();
            let plaintext = message_key.open_in_place(nonce, header.bound_to(context), &mut body).ok()?.len();
            body.truncate(plaintext);
            Some(body)
        })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.keys.len())
    }
}

/// The largest plaintext that is sealed: a cookie could not carry more.
pub const MAX_PLAINTEXT: usize = 6000;

/// The longest text that is looked at, in characters: more than any sealed plaintext of the largest size.
pub const MAX_SEALED: usize = 8192;

/// The shortest secret, in bytes: as long as the key that is made of it.
pub const MIN_SECRET: usize = 32;

/// One secret of the ring: what message keys are expanded from. The pseudorandom key is wiped by its own `Drop`.
struct RingKey {
    id: [u8; KEY_ID],
    root: hkdf::Prk,
}

impl RingKey {
    fn derive(secret: &Secret) -> Option<Self> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vestibule seal 1").extract(secret.expose());
        let mut id = [0; KEY_ID];
        root.expand(&[b"key id"], Length(KEY_ID)).and_then(|okm| okm.fill(&mut id)).ok()?;
        Some(Self { id, root })
    }

    fn message_key(&self, purpose: Purpose, salt: &[u8; SALT]) -> Option<LessSafeKey> {
        // Label and salt cannot run into each other: the salt is last and always of one length.
        let info = [b"message key".as_slice(), purpose.label(), salt];
        let mut bytes = [0; 32];
        let derived = self
            .root
            .expand(&info, Length(32))
            .and_then(|okm| okm.fill(&mut bytes))
            .and_then(|()| UnboundKey::new(&AES_256_GCM, &bytes));
        bytes.zeroize();
        derived.ok().map(LessSafeKey::new)
    }
}

/// What stands in the clear before the ciphertext.
struct Header {
    key_id: [u8; KEY_ID],
    salt: [u8; SALT],
    nonce: [u8; NONCE_LEN],
}

impl Header {
    fn parse(message: &[u8]) -> Option<(Self, &[u8])> {
        let (version, rest) = message.split_first()?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (nonce, body) = rest.split_first_chunk()?;
        (*version == VERSION).then_some((Self { key_id: *key_id, salt: *salt, nonce: *nonce }, body))
    }

    fn to_bytes(&self) -> Vec<u8> {
        [&[VERSION], self.key_id.as_slice(), &self.salt, &self.nonce].concat()
    }

    /// Salt and nonce need no mention: a change of either changes key or keystream.
    fn bound_to(&self, context: &[u8]) -> Aad<Vec<u8>> {
        Aad::from([&[VERSION], self.key_id.as_slice(), context].concat())
    }
}

/// The first byte of every sealed value.
const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const SALT: usize = 12;
const TAG: usize = 16;
const HEADER: usize = 1 + KEY_ID + SALT + NONCE_LEN;

/// How many bytes to expand.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Random bytes from AWS-LC, which ends the process itself rather than return without them.
fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if rand::fill(&mut bytes).is_err() {
        // Nothing may be sealed with a nonce that is not random.
        std::process::abort();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(fill: u8) -> Secret {
        Secret::new(vec![fill; 32])
    }

    fn ring(fills: &[u8]) -> KeyRing {
        KeyRing::new(&fills.iter().map(|fill| secret(*fill)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_again() {
        let ring = KeyRing::random();
        for plaintext in [b"".as_slice(), b"x", &[0; MAX_PLAINTEXT]] {
            let sealed = ring.seal(Purpose::Attempt, b"app", plaintext);
            assert!(sealed.len() <= MAX_SEALED);
            assert_eq!(ring.open(Purpose::Attempt, b"app", &sealed).as_deref(), Some(plaintext));
        }
    }

    #[test]
    fn the_same_plaintext_never_seals_alike() {
        let ring = ring(&[1]);
        assert_ne!(ring.seal(Purpose::Attempt, b"app", b"x"), ring.seal(Purpose::Attempt, b"app", b"x"));
    }

    #[test]
    fn another_purpose_does_not_open() {
        let ring = ring(&[1]);
        let sealed = ring.seal(Purpose::Attempt, b"app", b"x");
        assert_eq!(ring.open(Purpose::Answered, b"app", &sealed), None);
        assert_eq!(ring.open(Purpose::Refusal, b"app", &sealed), None);
    }

    #[test]
    fn another_context_does_not_open() {
        let ring = ring(&[1]);
        let sealed = ring.seal(Purpose::Attempt, b"app", b"x");
        for context in [b"".as_slice(), b"ap", b"appx", b"App", b"other"] {
            assert_eq!(ring.open(Purpose::Attempt, context, &sealed), None);
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_does_not_open() {
        let ring = ring(&[1]);
        let message = URL_SAFE_NO_PAD.decode(ring.seal(Purpose::Attempt, b"app", b"hello")).unwrap();
        for at in 0..message.len() {
            for bit in 0..8 {
                let mut tampered = message.clone();
                tampered[at] ^= 1 << bit;
                let tampered = URL_SAFE_NO_PAD.encode(tampered);
                assert_eq!(ring.open(Purpose::Attempt, b"app", &tampered), None, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn another_character_anywhere_does_not_open() {
        // The text has one spelling: no padding, no other alphabet, no loose bits in the last character.
        let ring = ring(&[1]);
        let sealed = ring.seal(Purpose::Attempt, b"app", b"hello");
        for at in 0..sealed.len() {
            for other in "AQgw059_-+/= ".chars().filter(|c| !sealed[at..].starts_with(*c)) {
                let mut tampered = sealed.clone();
                tampered.replace_range(at..=at, &other.to_string());
                assert_eq!(ring.open(Purpose::Attempt, b"app", &tampered), None, "{other:?} at {at}");
            }
        }
        assert_eq!(ring.open(Purpose::Attempt, b"app", &format!("{sealed}=")), None);
    }

    #[test]
    fn a_truncated_or_lengthened_value_does_not_open() {
        let ring = ring(&[1]);
        let message = URL_SAFE_NO_PAD.decode(ring.seal(Purpose::Attempt, b"app", b"hello")).unwrap();
        for length in 0..message.len() {
            let truncated = URL_SAFE_NO_PAD.encode(&message[..length]);
            assert_eq!(ring.open(Purpose::Attempt, b"app", &truncated), None, "{length} bytes");
        }
        let longer = URL_SAFE_NO_PAD.encode([&message[..], &[0]].concat());
        assert_eq!(ring.open(Purpose::Attempt, b"app", &longer), None);
    }

    #[test]
    fn an_old_key_opens_and_a_removed_one_does_not() {
        let by_old = ring(&[1]).seal(Purpose::Attempt, b"app", b"x");
        let rolled = ring(&[2, 1]);
        assert_eq!(rolled.open(Purpose::Attempt, b"app", &by_old).as_deref(), Some(b"x".as_slice()));
        assert_eq!(ring(&[2]).open(Purpose::Attempt, b"app", &by_old), None);

        let by_new = rolled.seal(Purpose::Attempt, b"app", b"y");
        assert!(ring(&[2]).open(Purpose::Attempt, b"app", &by_new).is_some(), "the first key seals");
        assert_eq!(ring(&[1]).open(Purpose::Attempt, b"app", &by_new), None);
    }

    #[test]
    fn every_process_with_the_secret_opens() {
        let sealed = ring(&[7]).seal(Purpose::Refusal, b"", b"x");
        assert!(ring(&[7]).open(Purpose::Refusal, b"", &sealed).is_some());
    }

    #[test]
    fn endless_input_is_not_looked_at() {
        let ring = ring(&[1]);
        assert_eq!(ring.open(Purpose::Attempt, b"", &"A".repeat(MAX_SEALED + 1)), None);
        assert_eq!(ring.open(Purpose::Attempt, b"", &"A".repeat(MAX_SEALED)), None);
        assert_eq!(ring.open(Purpose::Attempt, b"", ""), None);
        assert_eq!(ring.seal(Purpose::Attempt, b"", &[0; MAX_PLAINTEXT + 1]), "");
    }

    #[test]
    fn short_secrets_and_empty_rings_are_refused() {
        assert_eq!(KeyRing::new(&[]).unwrap_err(), "at least one secret is needed");
        let short = Secret::new(vec![1; 31]);
        assert_eq!(
            KeyRing::new(&[secret(1), short]).unwrap_err(),
            "secret 2 has 31 bytes, at least 32 are needed"
        );
    }

    #[test]
    fn debug_output_says_nothing() {
        assert_eq!(format!("{:?}", ring(&[1, 2])), "KeyRing(2 keys)");
    }
}
