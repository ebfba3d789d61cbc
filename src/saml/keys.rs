//! Keys: theirs, which may sign for an identity provider, and ours, which sign our requests and open what is encrypted
//! for us.
//!
//! A key is judged once, when the configuration or the metadata is read: RSA of 2048 to 8192 bits or one of the NIST
//! curves. It is prepared for every algorithm that it may be used with, and for no other, so that a message that
//! names an algorithm only picks among what the key's owner's kind allows (an RSA key is never an HMAC secret).
//! Certificates are envelopes for keys here: metadata is the root of trust, their chain and dates are not
//! (Metadata Interoperability 2.6); the dates are shown to the owner.

use super::algorithms::{Hash, SignatureAlgorithm};
use super::one_or_more::OneOrMore;
use super::xml;
use crate::clock::Moment;
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use std::fmt;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// More signing keys than any IdP publishes. Each may cost one verification for each forged message.
const MAX_KEYS: usize = 16;

/// The keys that may sign for an identity provider: at least one, only suitable ones, prepared for verification.
/// Cloning is cheap.
#[derive(Clone)]
pub struct TrustedKeys {
    keys: Arc<OneOrMore<TrustedKey>>,
    certificates: Arc<[SigningCertificate]>,
}

/// One signing certificate, theirs or ours, for `check`, metrics (days left) and explanations.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningCertificate {
    /// SHA-256 of the DER form, as browsers and `openssl x509 -fingerprint -sha256` show it.
    pub sha256: [u8; 32],
    /// The subject, for people.
    pub subject: String,
    /// What kind of key it holds, for people: `RSA 2048`, `P-256`.
    pub key: String,
    /// SHA-256 of the public key (SubjectPublicKeyInfo): the same when a certificate is renewed for its key.
    pub key_sha256: [u8; 32],
    /// When it begins. Nothing is refused by it.
    pub not_before: Moment,
    /// When it ends. Nothing is refused by it.
    pub not_after: Moment,
    der: Arc<[u8]>,
}

impl SigningCertificate {
    /// The certificate itself, in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 of the certificate as browsers and openssl print it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        let octets: Vec<_> = self.sha256.iter().map(|octet| format!("{octet:02X}")).collect();
        octets.join(":")
    }

    /// What is to be known of a certificate whose key is of that kind.
    pub(super) fn of(der: &[u8], certificate: &X509Certificate<'_>, kind: String) -> Self {
        let validity = certificate.validity();
        Self {
            sha256: sha256(der),
            subject: xml::tame(&certificate.subject().to_string()),
            key: kind,
            key_sha256: sha256(certificate.public_key().raw),
            not_before: Moment::from_seconds(validity.not_before.timestamp()),
            not_after: Moment::from_seconds(validity.not_after.timestamp()),
            der: der.into(),
        }
    }
}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningCertificate")
            .field("sha256", &self.sha256)
            .field("subject", &self.subject)
            .field("key", &self.key)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl TrustedKeys {
    /// From DER certificates. Unsuitable keys (RSA under 2048 bits, DSA, unknown curves) are skipped and come back as
    /// warnings.
    ///
    /// # Errors
    /// A sentence for the owner when no suitable key is left.
    pub fn from_certificates(der: &[Vec<u8>]) -> Result<(Self, Vec<String>), String> {
        let mut warnings = Vec::new();
        let mut keys: Vec<TrustedKey> = Vec::new();
        let mut certificates: Vec<SigningCertificate> = Vec::new();
        for (number, der) in der.iter().enumerate() {
            match TrustedKey::from_certificate(der) {
                // The same certificate, or another one for the same key, adds nothing to try.
                Ok((key, _)) if keys.iter().any(|known| known.spki == key.spki) => {}
                Ok(_) if keys.len() == MAX_KEYS => {
                    warnings.push(format!("more than {MAX_KEYS} signing keys: the rest is skipped"));
                    break;
                }
                Ok((key, certificate)) => {
                    keys.push(key);
                    certificates.push(certificate);
                }
                Err(why) => warnings.push(format!("signing certificate {} is skipped: {why}", number + 1)),
            }
        }
        match OneOrMore::new(keys) {
            Some(keys) => Ok((Self { keys: Arc::new(keys), certificates: certificates.into() }, warnings)),
            None if warnings.is_empty() => Err("there is no signing certificate".to_owned()),
            None => Err(format!("there is no suitable signing key: {}", warnings.join("; "))),
        }
    }

    /// The certificates of these keys, in the order in which they were given.
    pub fn certificates(&self) -> &[SigningCertificate] {
        &self.certificates
    }

    /// Whether one of these keys can be used with one of these algorithms.
    pub(super) fn any_for(&self, wanted: impl Fn(SignatureAlgorithm) -> bool) -> bool {
        self.keys.iter().any(|key| key.prepared.iter().any(|(algorithm, _)| wanted(*algorithm)))
    }

    /// The same keys in other envelopes, one for each, for tests of what is shown.
    #[cfg(test)]
    pub(super) fn showing(&self, certificates: Vec<SigningCertificate>) -> Self {
        Self { keys: Arc::clone(&self.keys), certificates: certificates.into() }
    }

    /// The certificate of the one of these keys that made the signature over these octets.
    pub(super) fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        octets: &[u8],
        value: &[u8],
    ) -> Result<&SigningCertificate, NoKeyVerifies> {
        // Each key has its certificate at the same place.
        self.keys
            .iter()
            .zip(self.certificates.iter())
            .find_map(|(key, certificate)| key.verify(algorithm, octets, value).map(|()| certificate))
            .ok_or(NoKeyVerifies)
    }
}

/// No key of the identity provider made the signature.
#[derive(Debug)]
pub(super) struct NoKeyVerifies;

impl fmt::Debug for TrustedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.certificates()).finish()
    }
}

/// One key, prepared once for each algorithm that it can be used with.
struct TrustedKey {
    spki: Vec<u8>,
    prepared: Vec<(SignatureAlgorithm, ParsedPublicKey)>,
    /// For ECDSA: how many octets r and s have each.
    field: Option<usize>,
}

impl TrustedKey {
    fn from_certificate(der: &[u8]) -> Result<(Self, SigningCertificate), String> {
        let certificate = parse_certificate(der)?;
        let kind = KeyKind::of(&certificate)?;
        let spki = certificate.public_key().raw;
        let prepared = kind
            .algorithms()
            .into_iter()
            .map(|(algorithm, verification)| Ok((algorithm, ParsedPublicKey::new(verification, spki)?)))
            .collect::<Result<_, aws_lc_rs::error::KeyRejected>>()
            .map_err(|_| "its public key is not a valid one".to_owned())?;
        let shown = SigningCertificate::of(der, &certificate, kind.to_string());
        Ok((Self { spki: spki.to_vec(), prepared, field: kind.field() }, shown))
    }

    fn verify(&self, algorithm: SignatureAlgorithm, octets: &[u8], value: &[u8]) -> Option<()> {
        let (_, key) = self.prepared.iter().find(|(prepared, _)| *prepared == algorithm)?;
        match self.field {
            Some(field) => key.verify_sig(octets, &asn1_of_fixed(value, field)?).ok(),
            None => key.verify_sig(octets, value).ok(),
        }
    }
}

/// The kinds of keys that may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa { bits: usize },
    P256,
    P384,
    P521,
}

impl KeyKind {
    /// Judges the certificate's key.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Result<Self, String> {
        let spki = certificate.public_key();
        match spki.parsed() {
            Ok(PublicKey::RSA(rsa)) => {
                let bits = bit_length(rsa.modulus);
                if !(2048..=8192).contains(&bits) {
                    return Err(format!("RSA with {bits} bits; 2048 to 8192 are accepted"));
                }
                match rsa.try_exponent() {
                    Ok(exponent) if exponent >= 3 && exponent % 2 == 1 => Ok(Self::Rsa { bits }),
                    _ => Err("its RSA exponent is not acceptable".to_owned()),
                }
            }
            Ok(PublicKey::EC(_)) => {
                let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
                match curve.map(|oid| oid.to_id_string()).as_deref() {
                    Some("1.2.840.10045.3.1.7") => Ok(Self::P256),
                    Some("1.3.132.0.34") => Ok(Self::P384),
                    Some("1.3.132.0.35") => Ok(Self::P521),
                    _ => Err("its curve is not P-256, P-384 or P-521".to_owned()),
                }
            }
            _ => Err(format!("its key is neither RSA nor ECDSA ({})", spki.algorithm.algorithm)),
        }
    }

    const fn field(self) -> Option<usize> {
        match self {
            Self::Rsa { .. } => None,
            Self::P256 => Some(32),
            Self::P384 => Some(48),
            Self::P521 => Some(66),
        }
    }

    /// Everything that such a key may verify.
    fn algorithms(self) -> Vec<(SignatureAlgorithm, &'static dyn VerificationAlgorithm)> {
        use Hash::{Sha1, Sha256, Sha384, Sha512};
        use SignatureAlgorithm::{Ecdsa, RsaPkcs1, RsaPss};
        match self {
            Self::Rsa { .. } => vec![
                (RsaPkcs1(Sha256), &signature::RSA_PKCS1_2048_8192_SHA256),
                (RsaPkcs1(Sha384), &signature::RSA_PKCS1_2048_8192_SHA384),
                (RsaPkcs1(Sha512), &signature::RSA_PKCS1_2048_8192_SHA512),
                (RsaPss(Sha256), &signature::RSA_PSS_2048_8192_SHA256),
                (RsaPss(Sha384), &signature::RSA_PSS_2048_8192_SHA384),
                (RsaPss(Sha512), &signature::RSA_PSS_2048_8192_SHA512),
                // Nobody reaches it without [`super::algorithms::Allowed`].
                (RsaPkcs1(Sha1), &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
            ],
            Self::P256 => vec![
                (Ecdsa(Sha256), &signature::ECDSA_P256_SHA256_ASN1),
                (Ecdsa(Sha384), &signature::ECDSA_P256_SHA384_ASN1),
                (Ecdsa(Sha512), &signature::ECDSA_P256_SHA512_ASN1),
            ],
            Self::P384 => vec![
                (Ecdsa(Sha256), &signature::ECDSA_P384_SHA256_ASN1),
                (Ecdsa(Sha384), &signature::ECDSA_P384_SHA384_ASN1),
                (Ecdsa(Sha512), &signature::ECDSA_P384_SHA512_ASN1),
            ],
            Self::P521 => vec![
                (Ecdsa(Sha256), &signature::ECDSA_P521_SHA256_ASN1),
                (Ecdsa(Sha384), &signature::ECDSA_P521_SHA384_ASN1),
                (Ecdsa(Sha512), &signature::ECDSA_P521_SHA512_ASN1),
            ],
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
        }
    }
}

/// Of the certificates of one `ds:X509Data`, those that do not stand there only because they issued another one
/// (XML Signature 4.5.4 allows the chain): the key of an authority signs nothing for an identity provider.
pub(super) fn without_issuers(certificates: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let parsed: Vec<_> = certificates.iter().map(|der| parse_certificate(der).ok()).collect();
    let issued = |authority: &X509Certificate<'_>| {
        parsed.iter().flatten().any(|other| {
            other.issuer().as_raw() == authority.subject().as_raw()
                && other.subject().as_raw() != authority.subject().as_raw()
        })
    };
    let keep: Vec<bool> =
        parsed.iter().map(|certificate| !certificate.as_ref().is_some_and(issued)).collect();
    certificates.into_iter().zip(keep).filter_map(|(der, keep)| keep.then_some(der)).collect()
}

pub(super) fn parse_certificate(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err("something follows the certificate".to_owned()),
        Err(_) => Err("it is not an X.509 certificate".to_owned()),
    }
}

pub(super) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(Hash::Sha256.of(octets).as_ref());
    out
}

/// The length of a big-endian number in bits, whatever zeros lead it.
fn bit_length(number: &[u8]) -> usize {
    let significant = number.iter().position(|b| *b != 0).map_or(&[][..], |at| &number[at..]);
    match significant.first() {
        Some(first) => significant.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

/// XML Signature writes an ECDSA value as r and s, each as long as the field; aws-lc verifies every pair of curve and
/// hash in ASN.1 only. `None` when the length is not the curve's.
fn asn1_of_fixed(value: &[u8], field: usize) -> Option<Vec<u8>> {
    if value.len() != 2 * field {
        return None;
    }
    let (r, s) = value.split_at(field);
    let mut integers = Vec::with_capacity(2 * field + 8);
    for number in [r, s] {
        let significant = number.iter().position(|b| *b != 0).map_or(&[0][..], |at| &number[at..]);
        let sign = significant.first().is_some_and(|first| first & 0x80 != 0);
        // At most 67 octets: the short form of the length holds it.
        integers.extend([0x02, u8::try_from(significant.len() + usize::from(sign)).ok()?]);
        integers.extend(sign.then_some(0));
        integers.extend(significant);
    }
    let mut out = vec![0x30];
    let length = u8::try_from(integers.len()).ok()?;
    out.extend((length >= 0x80).then_some(0x81));
    out.push(length);
    out.extend(integers);
    Some(out)
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
