//! The algorithms that are accepted, as types: a weak or unknown name does not parse, so nothing later has to
//! remember to check it. SHA-1, MD5, HMAC and DSA have no value here.

use aws_lc_rs::digest::{self, Algorithm, Context, Digest};
use bergshamra_c14n::C14nMode;

/// The hash functions that are accepted, for digests and under signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// From the `Algorithm` of a `ds:DigestMethod` (XML Encryption 5.7, RFC 9231 2.1).
    pub(super) fn from_digest_method(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.digest_method() == uri)
    }

    /// The `Algorithm` of a `ds:DigestMethod`.
    pub(super) const fn digest_method(self) -> &'static str {
        match self {
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
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// The signature algorithms that are accepted. ECDSA does not name its curve: that is the key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS with MGF1 over the same hash and a salt as long as the hash (RFC 9231 2.3.10).
    RsaPss(Hash),
    /// ECDSA; the value is r and s, each as long as the curve's field (XML Signature 6.4.3).
    Ecdsa(Hash),
}

impl SignatureAlgorithm {
    /// From the `Algorithm` of a `ds:SignatureMethod` (RFC 9231 2.3) or of a `SigAlg` (Bindings 3.4.4.1).
    pub(super) fn from_uri(uri: &str) -> Option<Self> {
        Hash::ALL
            .into_iter()
            .flat_map(|hash| [Self::RsaPkcs1(hash), Self::RsaPss(hash), Self::Ecdsa(hash)])
            .find(|algorithm| algorithm.uri() == uri)
    }

    /// The `Algorithm` of a `ds:SignatureMethod`.
    pub(super) const fn uri(self) -> &'static str {
        match self {
            Self::RsaPkcs1(Hash::Sha256) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaPkcs1(Hash::Sha384) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::RsaPkcs1(Hash::Sha512) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::RsaPss(Hash::Sha256) => "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
            Self::RsaPss(Hash::Sha384) => "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
            Self::RsaPss(Hash::Sha512) => "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
            Self::Ecdsa(Hash::Sha256) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::Ecdsa(Hash::Sha384) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            Self::Ecdsa(Hash::Sha512) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
        }
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
