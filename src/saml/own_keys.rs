//! Our own key pairs: what signs our messages and opens what was encrypted for us.

use super::algorithms::{Hash, SignatureAlgorithm};
use super::decryption::DecryptionKey;
use super::keys::{KeyKind, SigningCertificate, parse_certificate};
use crate::secret::Secret;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};
use std::fmt;
use std::sync::Arc;
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

/// A private key of ours with its certificate: it signs, and an RSA key of at most 4096 bits also opens what was
/// encrypted with its certificate. Cloning is cheap; the key is never shown.
#[derive(Clone)]
pub struct SigningKey {
    key: Arc<PrivateKey>,
    decryption: Option<Arc<DecryptionKey>>,
    certificate: Arc<[u8]>,
    shown: Arc<SigningCertificate>,
}

enum PrivateKey {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, Hash),
}

impl SigningKey {
    /// From a PEM private key (PKCS#8, PKCS#1 or SEC1, not encrypted) and a PEM certificate. RSA of 2048 to 8192 bits
    /// or P-256, P-384, P-521; the two must belong together.
    ///
    /// # Errors
    /// A sentence for the owner.
    pub fn from_pem(private_key: &Secret, certificate: &[u8]) -> Result<Self, String> {
        let certificate = pem_blocks(certificate)?
            .into_iter()
            .find(|pem| pem.label == "CERTIFICATE")
            .ok_or("the certificate is not PEM with BEGIN CERTIFICATE")?
            .contents;
        let parsed = parse_certificate(&certificate)?;
        let kind = KeyKind::of(&parsed)?;

        let mut der = None;
        for pem in pem_blocks(private_key.expose())? {
            let Pem { label, contents } = pem;
            let contents = Zeroizing::new(contents);
            match label.as_str() {
                "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => der = der.or(Some(contents)),
                "ENCRYPTED PRIVATE KEY" => {
                    return Err("the private key is encrypted; store it decrypted".to_owned());
                }
                _ => {}
            }
        }
        let der = der.ok_or("the private key is not PEM with BEGIN PRIVATE KEY")?;

        let wrong = |_| format!("the private key is not a valid {kind} key, as its certificate says");
        let ec = |algorithm, hash| {
            EcdsaKeyPair::from_private_key_der(algorithm, &der)
                .map(|pair| PrivateKey::Ec(pair, hash))
                .map_err(wrong)
        };
        let key = match kind {
            KeyKind::Rsa { .. } => RsaKeyPair::from_pkcs8(&der)
                .or_else(|_| RsaKeyPair::from_der(&der))
                .map(PrivateKey::Rsa)
                .map_err(wrong)?,
            KeyKind::P256 => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, Hash::Sha256)?,
            KeyKind::P384 => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, Hash::Sha384)?,
            KeyKind::P521 => ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, Hash::Sha512)?,
        };
        if key.public() != &*parsed.public_key().subject_public_key.data {
            return Err("the private key and the certificate do not belong together".to_owned());
        }
        let decryption = match kind {
            KeyKind::Rsa { bits } if bits <= DecryptionKey::MAX_BITS => Some(
                DecryptionKey::from_der(&der)
                    .ok_or_else(|| format!("the private key is not a valid {kind} key"))?,
            ),
            _ => None,
        };
        let shown = Arc::new(SigningCertificate::of(&certificate, &parsed, kind.to_string()));
        let decryption = decryption.map(Arc::new);
        Ok(Self { key: Arc::new(key), decryption, certificate: certificate.into(), shown })
    }

    /// Its certificate, for `check`, metrics and explanations.
    pub fn certificate(&self) -> &SigningCertificate {
        &self.shown
    }

    /// The certificate in DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// Whether it can open what was encrypted with its certificate.
    pub fn decrypts(&self) -> bool {
        self.decryption.is_some()
    }

    /// The same key as an opener.
    pub(super) fn decryption(&self) -> Option<&DecryptionKey> {
        self.decryption.as_deref()
    }

    /// What [`Self::sign`] makes.
    pub(super) fn algorithm(&self) -> SignatureAlgorithm {
        match &*self.key {
            PrivateKey::Rsa(_) => SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
            PrivateKey::Ec(_, hash) => SignatureAlgorithm::Ecdsa(*hash),
        }
    }

    /// Signs the octets, in the form that XML Signature and the Redirect binding want.
    pub(super) fn sign(&self, octets: &[u8]) -> Result<Vec<u8>, String> {
        let failed = |_| "signing failed".to_owned();
        match &*self.key {
            PrivateKey::Rsa(pair) => {
                let mut value = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut value)
                    .map_err(failed)?;
                Ok(value)
            }
            PrivateKey::Ec(pair, _) => {
                pair.sign(&SystemRandom::new(), octets).map(|value| value.as_ref().to_vec()).map_err(failed)
            }
        }
    }
}

impl PrivateKey {
    /// The public half as a certificate holds it.
    fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::Ec(pair, _) => pair.public_key().as_ref(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("subject", &self.shown.subject).finish_non_exhaustive()
    }
}

fn pem_blocks(text: &[u8]) -> Result<Vec<Pem>, String> {
    Pem::iter_from_buffer(text).collect::<Result<_, _>>().map_err(|e| format!("it is not PEM: {e}"))
}
