//! The algorithms that are accepted, as types: a weak or unknown name does not parse, so nothing later has to
//! remember to check it. MD5, HMAC and DSA have no value here.
//!
//! SHA-1 has one, for identity providers whose owner allows it until a day of their own choice: only a signature on a
//! message can be read as one ([`SignatureAlgorithm::or_sha1_from_uri`]), and it cannot be verified without asking
//! [`Allowed`], which knows the owner's decision and the time.

use crate::reason::{Reason, Refusal};
use aws_lc_rs::digest::{self, Algorithm, Context, Digest};
use bergshamra_c14n::C14nMode;
use std::fmt;

/// The hash functions under signatures and for digests. SHA-1 is only accepted by an exception with an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// Only where `danger_allow_sha1_until` allows it. Not among [`Self::ALL`].
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    pub(super) const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// From the `Algorithm` of a `ds:DigestMethod` (XML Encryption 5.7, RFC 9231 2.1).
    pub(super) fn from_digest_method(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.digest_method() == uri)
    }

    /// The same, and SHA-1 too: whoever asks must ask [`Allowed`] before the digest counts.
    pub(super) fn or_sha1_from_digest_method(uri: &str) -> Option<Self> {
        Self::from_digest_method(uri).or((uri == Self::Sha1.digest_method()).then_some(Self::Sha1))
    }

    /// The `Algorithm` of a `ds:DigestMethod`.
    pub(super) const fn digest_method(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
            Self::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        }
    }

    /// The digest of the octets.
    pub(super) fn of(self, octets: &[u8]) -> Digest {
        digest::digest(self.algorithm(), octets)
    }

    /// A digest of octets that come piece by piece.
    pub(super) fn running(self) -> Context {
        Context::new(self.algorithm())
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// The signature algorithms that are accepted. ECDSA does not name its curve: that is the key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS with MGF1 over the same hash and a salt as long as the hash (RFC 9231 2.3.10).
    RsaPss(Hash),
    /// ECDSA; the value is r and s, each as long as the curve's field (XML Signature 6.4.3).
    Ecdsa(Hash),
}

/// As the configuration names it.
impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::RsaPkcs1(_) => "rsa",
            Self::RsaPss(_) => "rsa-pss",
            Self::Ecdsa(_) => "ecdsa",
        };
        let hash = match self.hash() {
            Hash::Sha1 => "sha1",
            Hash::Sha256 => "sha256",
            Hash::Sha384 => "sha384",
            Hash::Sha512 => "sha512",
        };
        write!(f, "{kind}-{hash}")
    }
}

impl SignatureAlgorithm {
    /// From the `Algorithm` of a `ds:SignatureMethod` (RFC 9231 2.3) or of a `SigAlg` (Bindings 3.4.4.1).
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        Hash::ALL
            .into_iter()
            .flat_map(|hash| [Self::RsaPkcs1(hash), Self::RsaPss(hash), Self::Ecdsa(hash)])
            .find(|algorithm| algorithm.uri() == uri)
    }

    /// The same, and RSA with SHA-1 too: whoever asks must ask [`Allowed`] before the signature counts.
    pub(super) fn or_sha1_from_uri(uri: &str) -> Option<Self> {
        let weak = Self::RsaPkcs1(Hash::Sha1);
        Self::from_uri(uri).or((uri == weak.uri()).then_some(weak))
    }

    /// The hash function under it.
    pub(super) const fn hash(self) -> Hash {
        match self {
            Self::RsaPkcs1(hash) | Self::RsaPss(hash) | Self::Ecdsa(hash) => hash,
        }
    }

    /// The `Algorithm` of a `ds:SignatureMethod`. (The last two names belong to algorithms that are never read.)
    pub(super) const fn uri(self) -> &'static str {
        match self {
            Self::RsaPkcs1(Hash::Sha1) => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::RsaPkcs1(Hash::Sha256) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaPkcs1(Hash::Sha384) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::RsaPkcs1(Hash::Sha512) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::RsaPss(Hash::Sha256) => "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
            Self::RsaPss(Hash::Sha384) => "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
            Self::RsaPss(Hash::Sha512) => "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
            Self::Ecdsa(Hash::Sha256) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::Ecdsa(Hash::Sha384) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            Self::Ecdsa(Hash::Sha512) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
            Self::RsaPss(Hash::Sha1) => "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
            Self::Ecdsa(Hash::Sha1) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        }
    }
}

/// Which of the accepted algorithms one identity provider may use at one moment.
///
/// [`Allowed::strong`] is the rule; the owner may narrow it to a list, and may widen it by SHA-1 until a day of their
/// choice. Both are asked before any cryptography.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed<'a> {
    narrowed: Option<&'a [SignatureAlgorithm]>,
    sha1: bool,
}

impl<'a> Allowed<'a> {
    /// Every accepted algorithm, and never SHA-1.
    pub(super) const fn strong() -> Self {
        Self { narrowed: None, sha1: false }
    }

    /// As an identity provider's owner decided.
    pub(super) const fn by(narrowed: Option<&'a [SignatureAlgorithm]>, sha1: bool) -> Self {
        Self { narrowed, sha1 }
    }

    /// Whether this algorithm may be verified.
    pub(super) fn signature(&self, algorithm: SignatureAlgorithm) -> Result<(), Refusal> {
        let refuse =
            |why: &str| Refusal::new(Reason::SignatureAlgorithm, format!("{}{why}", algorithm.uri()));
        if algorithm.hash() == Hash::Sha1 {
            // A list of strong algorithms does not take back the exception that stands beside it.
            return if self.sha1 { Ok(()) } else { Err(refuse("")) };
        }
        match self.narrowed {
            Some(listed) if !listed.contains(&algorithm) => Err(refuse(" is not in this IdP's `algorithms`")),
            _ => Ok(()),
        }
    }

    /// Whether a reference may be digested so.
    pub(super) fn digest(&self, hash: Hash) -> Result<(), Refusal> {
        if hash == Hash::Sha1 && !self.sha1 {
            return Err(Refusal::new(Reason::DigestAlgorithm, hash.digest_method()));
        }
        Ok(())
    }
}

/// Exclusive canonicalisation, the one that SAML wants (Core 5.4.3).
pub(super) const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const EXCLUSIVE_WITH_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
/// The transform that takes the signature out of what it signs (XML Signature 6.6.4).
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// The canonicalisations that are accepted. With or without comments is the same here: a reference by ID leaves
/// comments out before it is canonicalised (XML Signature 4.4.3.3), and inside a signature they are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Canonicalization {
    Exclusive,
    /// Canonical XML 1.0. For SignedInfo only; what is signed is always canonicalised exclusively.
    Inclusive,
}

impl Canonicalization {
    /// From the `Algorithm` of a `ds:CanonicalizationMethod` or `ds:Transform`.
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            EXCLUSIVE | EXCLUSIVE_WITH_COMMENTS => Some(Self::Exclusive),
            INCLUSIVE => Some(Self::Inclusive),
            _ => None,
        }
    }

    pub(super) const fn mode(self) -> C14nMode {
        match self {
            Self::Exclusive => C14nMode::Exclusive,
            Self::Inclusive => C14nMode::Inclusive,
        }
    }
}

/// The SHA-1 of a name, in hexadecimal, where a protocol names things so. Nothing is proven by it.
pub(super) fn sha1_name(name: &str) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, name.as_bytes());
    digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_name_is_read_back() {
        for hash in Hash::ALL {
            assert_eq!(Hash::from_digest_method(hash.digest_method()), Some(hash));
            for algorithm in [
                SignatureAlgorithm::RsaPkcs1(hash),
                SignatureAlgorithm::RsaPss(hash),
                SignatureAlgorithm::Ecdsa(hash),
            ] {
                assert_eq!(SignatureAlgorithm::from_uri(algorithm.uri()), Some(algorithm));
            }
        }
    }

    #[test]
    fn sha_1_is_read_only_where_it_is_asked_for_and_counts_only_where_it_is_allowed() {
        let weak = SignatureAlgorithm::RsaPkcs1(Hash::Sha1);
        assert_eq!(SignatureAlgorithm::from_uri(weak.uri()), None);
        assert_eq!(SignatureAlgorithm::or_sha1_from_uri(weak.uri()), Some(weak));
        assert_eq!(Hash::from_digest_method(Hash::Sha1.digest_method()), None);
        assert_eq!(Hash::or_sha1_from_digest_method(Hash::Sha1.digest_method()), Some(Hash::Sha1));
        for other in [SignatureAlgorithm::RsaPss(Hash::Sha1), SignatureAlgorithm::Ecdsa(Hash::Sha1)] {
            assert_eq!(SignatureAlgorithm::or_sha1_from_uri(other.uri()), None);
        }
        let strong = [SignatureAlgorithm::Ecdsa(Hash::Sha256)];
        for (allowed, signature, digest) in [
            (Allowed::strong(), false, false),
            (Allowed::by(Some(&strong), false), false, false),
            (Allowed::by(None, true), true, true),
            (Allowed::by(Some(&strong), true), true, true),
        ] {
            assert_eq!(allowed.signature(weak).is_ok(), signature, "{allowed:?}");
            assert_eq!(allowed.digest(Hash::Sha1).is_ok(), digest, "{allowed:?}");
            assert!(allowed.digest(Hash::Sha256).is_ok());
            assert!(allowed.signature(strong[0]).is_ok());
        }
        let others = SignatureAlgorithm::RsaPkcs1(Hash::Sha256);
        assert!(Allowed::strong().signature(others).is_ok());
        let refusal = Allowed::by(Some(&strong), false).signature(others).unwrap_err();
        assert_eq!(refusal.reason, Reason::SignatureAlgorithm);
        assert!(refusal.detail.contains("`algorithms`"), "{refusal}");
    }

    #[test]
    fn weak_and_unknown_names_do_not_parse() {
        for uri in [
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
            "http://www.w3.org/2009/xmldsig11#dsa-sha256",
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
            "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
            "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256",
            "http://www.w3.org/2001/04/xmldsig-more#none",
            "",
        ] {
            assert_eq!(SignatureAlgorithm::from_uri(uri), None, "{uri}");
        }
        for uri in [
            "http://www.w3.org/2000/09/xmldsig#sha1",
            "http://www.w3.org/2001/04/xmldsig-more#md5",
            "http://www.w3.org/2001/04/xmldsig-more#sha224",
            "http://www.w3.org/2001/04/xmlenc#SHA256",
            "",
        ] {
            assert_eq!(Hash::from_digest_method(uri), None, "{uri}");
        }
        for uri in [
            "http://www.w3.org/2006/12/xml-c14n11",
            "http://www.w3.org/TR/1999/REC-xslt-19991116",
            ENVELOPED,
            "",
        ] {
            assert_eq!(Canonicalization::from_uri(uri), None, "{uri}");
        }
    }
}
