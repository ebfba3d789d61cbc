//! XML Encryption's algorithms as types: what is not accepted does not parse, and is refused by name before any key of
//! ours is used.
//!
//! Accepted is what identity providers send: AES in GCM and in CBC for the content, RSA-OAEP for the key. 3DES and
//! PKCS #1 v1.5 have no value here: the one has blocks of 64 bits (Sweet32), the other cannot be opened without
//! telling an attacker something (Bleichenbacher 1998, again in XML Encryption by Jager, Schinzel and Somorovsky 2012).

use super::xml::shown;
use crate::reason::{Reason, Refusal};
use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

pub(super) const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
pub(super) const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";

/// The ciphers that are accepted for content (XML Encryption 1.1, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentCipher {
    Aes128Gcm,
    Aes192Gcm,
    Aes256Gcm,
    Aes128Cbc,
    Aes192Cbc,
    Aes256Cbc,
}

impl ContentCipher {
    /// All of them, in the order in which we publish them: those that notice tampering first.
    pub(super) const ALL: [Self; 6] = [
        Self::Aes128Gcm,
        Self::Aes256Gcm,
        Self::Aes192Gcm,
        Self::Aes128Cbc,
        Self::Aes256Cbc,
        Self::Aes192Cbc,
    ];

    /// From the `Algorithm` of an `xenc:EncryptionMethod`.
    pub(super) fn from_uri(uri: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|cipher| cipher.uri() == uri)
            .ok_or_else(|| Refusal::new(Reason::EncryptionAlgorithm, named(uri)))
    }

    /// The `Algorithm` of an `xenc:EncryptionMethod`.
    pub(super) const fn uri(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "http://www.w3.org/2009/xmlenc11#aes128-gcm",
            Self::Aes192Gcm => "http://www.w3.org/2009/xmlenc11#aes192-gcm",
            Self::Aes256Gcm => "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            Self::Aes128Cbc => "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
            Self::Aes192Cbc => "http://www.w3.org/2001/04/xmlenc#aes192-cbc",
            Self::Aes256Cbc => "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
        }
    }

    /// For people: `aes128-gcm`.
    pub(super) fn name(self) -> &'static str {
        self.uri().rsplit('#').next().unwrap_or_default()
    }

    /// Whether it is a mode that does not notice tampering.
    pub(super) const fn is_cbc(self) -> bool {
        matches!(self, Self::Aes128Cbc | Self::Aes192Cbc | Self::Aes256Cbc)
    }

    /// How many octets its key has.
    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Cbc => 16,
            Self::Aes192Gcm | Self::Aes192Cbc => 24,
            Self::Aes256Gcm | Self::Aes256Cbc => 32,
        }
    }

    /// The plaintext of a CipherValue; none when it does not open.
    pub(super) fn open(self, key: &[u8], octets: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Aes128Gcm => open_gcm(&aead::AES_128_GCM, key, octets),
            Self::Aes192Gcm => open_gcm(&aead::AES_192_GCM, key, octets),
            Self::Aes256Gcm => open_gcm(&aead::AES_256_GCM, key, octets),
            Self::Aes128Cbc => open_cbc(&cipher::AES_128, key, octets),
            Self::Aes192Cbc => open_cbc(&cipher::AES_192, key, octets),
            Self::Aes256Cbc => open_cbc(&cipher::AES_256, key, octets),
        }
    }
}

/// XML Encryption 1.1, 5.2.4: a nonce of 96 bits, the ciphertext, a tag of 128 bits.
fn open_gcm(algorithm: &'static aead::Algorithm, key: &[u8], octets: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = octets.split_at_checked(aead::NONCE_LEN)?;
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
    let mut sealed = sealed.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length = key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

/// XML Encryption 1.1, 5.2.2 and 5.2.1: a vector of one block, then blocks; the last octet says how many are padding,
/// and the others of the padding are arbitrary.
fn open_cbc(algorithm: &'static cipher::Algorithm, key: &[u8], octets: &[u8]) -> Option<Vec<u8>> {
    let (vector, blocks) = octets.split_first_chunk::<BLOCK>()?;
    if blocks.is_empty() || blocks.len() % BLOCK != 0 {
        return None;
    }
    let key = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let mut plain = blocks.to_vec();
    key.decrypt(&mut plain, DecryptionContext::Iv128(FixedLength::from(vector))).ok()?;
    let padding = usize::from(*plain.last()?);
    if !(1..=BLOCK).contains(&padding) {
        return None;
    }
    plain.truncate(plain.len() - padding);
    Some(plain)
}

const BLOCK: usize = 16;

/// The two names of RSA-OAEP (XML Encryption 1.1, 5.5.2).
pub(super) const OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
pub(super) const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";

/// RSA-OAEP with its two hash functions, which need not be the same. SHA-1 is no weakness in either place: what
/// OAEP asks of a hash function is not that it resists collisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Oaep {
    pub(super) digest: OaepHash,
    pub(super) mask: OaepHash,
}

/// A hash function within RSA-OAEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OaepHash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Oaep {
    /// From the `Algorithm`s of an `xenc:EncryptionMethod`, of the `ds:DigestMethod` and of the `xenc11:MGF` in it.
    /// What is left out is SHA-1 (XML Encryption 1.1, 5.5.2); the older name knows no other mask.
    pub(super) fn from_uris(uri: &str, digest: Option<&str>, mask: Option<&str>) -> Result<Self, Refusal> {
        let refuse = |detail: String| Refusal::new(Reason::EncryptionKeyTransport, detail);
        if uri != OAEP && uri != OAEP_MGF1P {
            return Err(refuse(named(uri)));
        }
        let digest = match digest {
            None => OaepHash::Sha1,
            Some(uri) => OaepHash::from_digest_method(uri).ok_or_else(|| refuse(named(uri)))?,
        };
        let mask = match mask {
            None => OaepHash::Sha1,
            Some(uri) => OaepHash::from_mask(uri).ok_or_else(|| refuse(named(uri)))?,
        };
        Ok(Self { digest, mask })
    }
}

impl OaepHash {
    fn from_digest_method(uri: &str) -> Option<Self> {
        Some(match uri {
            "http://www.w3.org/2000/09/xmldsig#sha1" => Self::Sha1,
            "http://www.w3.org/2001/04/xmlenc#sha256" => Self::Sha256,
            // XML Encryption gives SHA-384 two names; software writes either.
            "http://www.w3.org/2001/04/xmldsig-more#sha384" | "http://www.w3.org/2001/04/xmlenc#sha384" => {
                Self::Sha384
            }
            "http://www.w3.org/2001/04/xmlenc#sha512" => Self::Sha512,
            _ => return None,
        })
    }

    fn from_mask(uri: &str) -> Option<Self> {
        Some(match uri.strip_prefix(ENCRYPTION_11)? {
            "mgf1sha1" => Self::Sha1,
            "mgf1sha256" => Self::Sha256,
            "mgf1sha384" => Self::Sha384,
            "mgf1sha512" => Self::Sha512,
            _ => return None,
        })
    }
}

/// A refused algorithm, with the name that the settings of identity providers give it.
fn named(uri: &str) -> String {
    let name = match uri {
        "http://www.w3.org/2001/04/xmlenc#tripledes-cbc" => " is 3DES",
        "http://www.w3.org/2001/04/xmlenc#rsa-1_5" => " is RSA with PKCS #1 v1.5",
        "http://www.w3.org/2001/04/xmlenc#kw-aes128"
        | "http://www.w3.org/2001/04/xmlenc#kw-aes192"
        | "http://www.w3.org/2001/04/xmlenc#kw-aes256"
        | "http://www.w3.org/2001/04/xmlenc#kw-tripledes" => " wraps with a key that both sides know",
        "http://www.w3.org/2009/xmlenc11#ECDH-ES" => " is key agreement",
        _ => "",
    };
    format!("{}{name}", shown(uri))
}

#[cfg(test)]
#[path = "encryption_tests.rs"]
mod tests;
