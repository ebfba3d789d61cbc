//! An RSA key pair of the gate's own, and what an identity provider encrypts with its certificate: by aws-lc, where the
//! gate opens by OpenSSL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part")]

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::PublicKeyData as _;
use vestibule::saml::parties::SigningKey;
use vestibule::secret::Secret;

/// The gate's key pair, as its metadata shows it to identity providers.
pub struct OurKey {
    pub pair: SigningKey,
    public: Vec<u8>,
}

/// How the content is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Gcm,
    Cbc,
    /// CBC whose last octet is this instead of the length of the padding.
    CbcPadded(u8),
}

impl OurKey {
    pub fn rsa() -> Self {
        let pair =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["app.test".into()]).unwrap().self_signed(&pair).unwrap();
        let private = Secret::from(pair.serialize_pem());
        Self {
            pair: SigningKey::from_pem(&private, certificate.pem().as_bytes()).unwrap(),
            public: pair.subject_public_key_info(),
        }
    }

    /// The response with its assertion encrypted.
    pub fn encrypt(&self, response: &str, mode: Mode) -> String {
        let start = response.find("<saml:Assertion ").unwrap();
        let end = response.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
        let sealed = self.sealed(response[start..end].as_bytes(), mode);
        format!("{}{sealed}{}", &response[..start], &response[end..])
    }

    /// The response with something else in the place of its assertion.
    pub fn encrypt_instead(&self, response: &str, content: &[u8], mode: Mode) -> String {
        let start = response.find("<saml:Assertion ").unwrap();
        let end = response.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
        format!("{}{}{}", &response[..start], self.sealed(content, mode), &response[end..])
    }

    fn sealed(&self, content: &[u8], mode: Mode) -> String {
        let mut key = [0; 16];
        aws_lc_rs::rand::fill(&mut key).unwrap();
        let cipher = if mode == Mode::Gcm {
            "http://www.w3.org/2009/xmlenc11#aes128-gcm"
        } else {
            "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
        };
        let octets = match mode {
            Mode::Gcm => gcm(&key, content),
            Mode::Cbc => cbc(&key, content, None),
            Mode::CbcPadded(last) => cbc(&key, content, Some(last)),
        };
        let wrapping =
            OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&self.public).unwrap()).unwrap();
        let mut wrapped = vec![0; wrapping.ciphertext_size()];
        wrapping.encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut wrapped, None).unwrap();
        format!(
            "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"><xenc:EncryptedData \
             xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" Type=\"http://www.w3.org/2001/04/xmlenc#Element\">\
             <xenc:EncryptionMethod Algorithm=\"{cipher}\"/><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
             <xenc:EncryptedKey><xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\"/>\
             <xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>\
             <xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>\
             </saml:EncryptedAssertion>",
            STANDARD.encode(&wrapped),
            STANDARD.encode(octets),
        )
    }
}

fn gcm(key: &[u8], content: &[u8]) -> Vec<u8> {
    let nonce = [9; 12];
    let sealing = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).unwrap());
    let mut octets = content.to_vec();
    let unique = Nonce::assume_unique_for_key(nonce);
    sealing.seal_in_place_append_tag(unique, Aad::empty(), &mut octets).unwrap();
    [&nonce[..], &octets].concat()
}

fn cbc(key: &[u8], content: &[u8], last: Option<u8>) -> Vec<u8> {
    let vector = [7; 16];
    let missing = 16 - content.len() % 16;
    let mut octets = content.to_vec();
    octets.resize(content.len() + missing, 0);
    *octets.last_mut().unwrap() = last.unwrap_or(u8::try_from(missing).unwrap());
    let sealing = EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, key).unwrap()).unwrap();
    let context = EncryptionContext::Iv128(FixedLength::from(vector));
    let _ = sealing.less_safe_encrypt(&mut octets, context).unwrap();
    [&vector[..], &octets].concat()
}
