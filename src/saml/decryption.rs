//! Opens what is encrypted for us.
//!
//! [`Decryption::open`] goes from a [`Ciphertext`] to a [`Plaintext`], about which nothing is known to be true: it has
//! to pass the structural check and be signed like anything else from outside, unless the ciphertext was signed. It
//! is read as a document of its own, with the namespaces of the place where it stood declared around it; the two
//! documents are never joined to one text, so that no plaintext can reach out of its place.
//!
//! Every key of ours may open: while keys change, the old one does until the last identity provider has the new one.

use super::ciphertext::{Ciphertext, WrappedKey};
use super::encryption::{ContentCipher, Oaep, OaepHash};
use super::markup;
use super::parties::{Cbc, CryptographyPolicy, ServiceProvider, SigningKey};
use super::structure::{self, Kind, Structure};
use super::xml::{self, Element, shown};
use crate::reason::{Reason, Refusal};
use openssl::md::{Md, MdRef};
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use std::cmp::Reverse;
use uppsala::{Document, NodeId};
use zeroize::Zeroizing;

/// Encrypted keys of one element that are tried, with each key of ours.
const MAX_TRIED: usize = 2;
/// Operations with a private key for one element.
const MAX_OPERATIONS: usize = 4;

/// A private RSA key that opens what was encrypted with its certificate.
pub(super) struct DecryptionKey {
    /// OpenSSL's, because no other maintained library opens OAEP whose two hash functions differ.
    key: PKey<Private>,
}

impl DecryptionKey {
    /// An operation with a longer key takes so long that a stranger could keep us busy with it.
    pub(super) const MAX_BITS: usize = 4096;

    /// From the DER form of an RSA private key, PKCS #8 or PKCS #1.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        PKey::private_key_from_der(der).ok().filter(|key| key.rsa().is_ok()).map(|key| Self { key })
    }

    /// The content's key, when it was encrypted for this key of ours.
    fn open(&self, wrapped: &WrappedKey, length: usize) -> Option<Zeroizing<Vec<u8>>> {
        if wrapped.octets.len() != self.key.size() {
            return None;
        }
        let Oaep { digest, mask } = wrapped.transport;
        let mut context = PkeyCtx::new(&self.key).ok()?;
        context.decrypt_init().ok()?;
        context.set_rsa_padding(Padding::PKCS1_OAEP).ok()?;
        context.set_rsa_oaep_md(message_digest(digest)).ok()?;
        context.set_rsa_mgf1_md(message_digest(mask)).ok()?;
        let mut opened = Zeroizing::new(Vec::new());
        context.decrypt_to_vec(&wrapped.octets, &mut opened).ok()?;
        (opened.len() == length).then_some(opened)
    }
}

fn message_digest(hash: OaepHash) -> &'static MdRef {
    match hash {
        OaepHash::Sha1 => Md::sha1(),
        OaepHash::Sha256 => Md::sha256(),
        OaepHash::Sha384 => Md::sha384(),
        OaepHash::Sha512 => Md::sha512(),
    }
}

/// What is needed to open, and what the owner wants opened.
#[derive(Clone, Copy)]
pub(super) struct Decryption<'a> {
    ours: &'a ServiceProvider,
    policy: &'a CryptographyPolicy,
    max_depth: u32,
}

impl<'a> Decryption<'a> {
    pub(super) const fn new(
        ours: &'a ServiceProvider,
        policy: &'a CryptographyPolicy,
        max_depth: u32,
    ) -> Self {
        Self { ours, policy, max_depth }
    }

    /// How deep a plaintext may be nested.
    pub(super) const fn max_depth(self) -> u32 {
        self.max_depth
    }

    /// Whether there is a key that could open anything.
    pub(super) fn has_key(self) -> bool {
        self.keys().next().is_some()
    }

    fn keys(self) -> impl Iterator<Item = &'a DecryptionKey> {
        self.ours.signing_keys.iter().filter_map(SigningKey::decryption)
    }

    /// Whether the owner's policy takes this cipher here; `signed`: a signature over the ciphertext has been verified,
    /// or will be before it is opened.
    pub(super) fn admit(self, cipher: ContentCipher, signed: bool) -> Result<(), Refusal> {
        match self.policy.cbc {
            _ if !cipher.is_cbc() => Ok(()),
            Cbc::Accept => Ok(()),
            Cbc::RequireSignedResponse if signed => Ok(()),
            Cbc::RequireSignedResponse => {
                let detail = format!("{}, and the response is not signed", cipher.name());
                Err(Refusal::new(Reason::EncryptionCbc, detail))
            }
            Cbc::Refuse => Err(Refusal::new(Reason::EncryptionCbc, cipher.name())),
        }
    }

    /// Opens it with whichever of our keys fits.
    pub(super) fn open(self, ciphertext: &Ciphertext) -> Result<Plaintext, Refusal> {
        let key = self.content_key(ciphertext)?;
        let octets = ciphertext
            .cipher
            .open(&key, &ciphertext.octets)
            .ok_or_else(|| Refusal::new(Reason::DecryptionContent, ciphertext.cipher.name()))?;
        let text = String::from_utf8(octets)
            .map_err(|_| Refusal::new(Reason::DecryptionPlaintext, "it is not UTF-8"))?;
        let context = &ciphertext.context;
        let in_its_place = |text: &str| format!("<{PLACE}{context}>{text}</{PLACE}>");
        Ok(Plaintext {
            #[cfg(feature = "second-opinion")]
            opened: in_its_place(&text),
            text: in_its_place(&markup::normalize_attributes(text)),
        })
    }

    /// Those that name us come first, those that name somebody else last: names help to find the key and decide
    /// nothing, and what our key opens was meant for us.
    fn content_key(self, ciphertext: &Ciphertext) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let us = self.ours.entity_id.as_str();
        let mut wrapped: Vec<_> = ciphertext.keys.iter().collect();
        wrapped
            .sort_by_key(|key| Reverse(key.recipient.as_deref().map_or(1, |name| 2 * u8::from(name == us))));
        let length = ciphertext.cipher.key_length();
        let pairs = wrapped
            .into_iter()
            .take(MAX_TRIED)
            .flat_map(|wrapped| self.keys().map(move |key| (wrapped, key)));
        pairs
            .take(MAX_OPERATIONS)
            .find_map(|(wrapped, key)| key.open(wrapped, length))
            .ok_or_else(|| Refusal::new(Reason::DecryptionKey, self.tried(ciphertext)))
    }

    fn tried(self, ciphertext: &Ciphertext) -> String {
        let named: Vec<_> =
            ciphertext.keys.iter().filter_map(|key| key.recipient.as_deref()).take(4).map(shown).collect();
        let ours = self.keys().count();
        let sent = ciphertext.keys.iter().count();
        if named.is_empty() {
            format!("{sent} encrypted for us, {ours} keys of ours")
        } else {
            format!("{sent} encrypted, for {}; {ours} keys of ours", named.join(", "))
        }
    }

    /// The content of an encrypted element whose ciphertext was signed, when it is an element of that name.
    pub(super) fn open_signed<T>(
        self,
        place: Element<'_>,
        namespace: &'static str,
        local: &'static str,
        read: impl FnOnce(Element<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let ciphertext = Ciphertext::parse(place)?;
        self.admit(ciphertext.cipher, true)?;
        let plaintext = self.open(&ciphertext)?;
        let document = plaintext.document(self.max_depth)?;
        let element = structure::sole_element(&document)?;
        if !element.is(namespace, local) {
            return Err(another(element));
        }
        read(element)
    }

    /// The assertion in a plaintext, with its signature if it has one; `place` is where it stood in `outside`.
    pub(super) fn assertion(
        self,
        document: &Document<'_>,
        (outside, place): (&Document<'_>, NodeId),
    ) -> Result<(NodeId, Option<NodeId>), Refusal> {
        let element = Element::root(document)?.only_child().ok_or(Reason::DecryptionPlaintext)?;
        if !element.is(xml::ASSERTION, "Assertion") {
            return Err(another(element));
        }
        let structure = Structure::inspect(document, Kind::Decrypted)?;
        structure::refuse_shared_ids(outside, place, document)?;
        Ok((structure.assertion, structure.assertion_signature))
    }
}

/// What was in a ciphertext, in the place where that stood. Nothing is known to be true of it.
pub(super) struct Plaintext {
    text: String,
    /// The same before anything was done to it, for who reads with another parser.
    #[cfg(feature = "second-opinion")]
    opened: String,
}

impl Plaintext {
    /// Parsed under the rules for every document from outside. A plaintext that closes the element around it leaves a
    /// text that is not well-formed.
    pub(super) fn document(&self, max_depth: u32) -> Result<Document<'_>, Refusal> {
        xml::parse(&self.text, max_depth).map_err(|refusal| match refusal.reason {
            Reason::XmlMalformed => {
                Refusal::new(Reason::DecryptionPlaintext, "it is not well-formed XML with namespaces")
            }
            _ => refusal,
        })
    }

    /// The text as it was opened, in its place.
    #[cfg(feature = "second-opinion")]
    pub(super) fn as_opened(&self) -> String {
        self.opened.clone()
    }
}

fn another(element: Element<'_>) -> Refusal {
    Refusal::new(Reason::DecryptionPlaintext, format!("it is {}", shown(element.local_name())))
}

/// The element that stands for the place around a plaintext.
const PLACE: &str = "decrypted";
