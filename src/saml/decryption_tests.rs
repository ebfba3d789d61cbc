//! What the corpus in tests/attacks cannot ask from outside: the seams of a decryption.

use super::ciphertext::Ciphertext;
use super::decryption::Decryption;
use super::parties::{Cbc, CryptographyPolicy, IdentityProvider, RequireSigned};
use super::testing::{NOW, idp, outcome, outcome_with, replaced, sign, signing_key, sp, xml};
use super::xml::{Element, parse};
use crate::clock::Moment;
use crate::reason::Reason;
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::encrypt::Encrypter;
use openssl::hash::MessageDigest;
use openssl::rsa::Padding;
use openssl::symm::{Cipher, encrypt};
use openssl::x509::X509;

/// The element of that name with the content encrypted for a key of the fixtures.
pub(super) fn encrypted(content: &str, name: &str, to: &str) -> String {
    encrypted_with(content, name, to, false)
}

fn encrypted_with(content: &str, name: &str, to: &str, cbc: bool) -> String {
    let key = [4; 16];
    let sealing = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    let mut octets = content.as_bytes().to_vec();
    sealing
        .seal_in_place_append_tag(Nonce::assume_unique_for_key([1; 12]), Aad::empty(), &mut octets)
        .unwrap();
    let mut octets = [&[1; 12][..], &octets].concat();
    if cbc {
        octets = encrypt(Cipher::aes_128_cbc(), &key, Some(&[2; 16]), content.as_bytes()).unwrap();
        octets.splice(..0, [2; 16]);
    }
    let cipher = if cbc { "2001/04/xmlenc#aes128-cbc" } else { "2009/xmlenc11#aes128-gcm" };

    let certificate = X509::from_der(signing_key(to).certificate_der()).unwrap();
    let public = certificate.public_key().unwrap();
    let mut encrypter = Encrypter::new(&public).unwrap();
    encrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    encrypter.set_rsa_oaep_md(MessageDigest::sha256()).unwrap();
    encrypter.set_rsa_mgf1_md(MessageDigest::sha1()).unwrap();
    let mut wrapped = vec![0; encrypter.encrypt_len(&key).unwrap()];
    let length = encrypter.encrypt(&key, &mut wrapped).unwrap();
    wrapped.truncate(length);

    format!(
        "<saml:{name}><e:EncryptedData xmlns:e=\"http://www.w3.org/2001/04/xmlenc#\"><e:EncryptionMethod \
         Algorithm=\"http://www.w3.org/{cipher}\"/><d:KeyInfo \
         xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\"><e:EncryptedKey><e:EncryptionMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\"><d:DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/></e:EncryptionMethod><e:CipherData><e:CipherValue>{}\
         </e:CipherValue></e:CipherData></e:EncryptedKey></d:KeyInfo><e:CipherData><e:CipherValue>{}</e:CipherValue>\
         </e:CipherData></e:EncryptedData></saml:{name}>",
        STANDARD.encode(wrapped),
        STANDARD.encode(octets)
    )
}

/// The message with its assertion encrypted.
pub(super) fn sealed(message: &str, to: &str) -> String {
    sealed_with(message, to, false)
}

fn sealed_with(message: &str, to: &str, cbc: bool) -> String {
    let start = message.find("<saml:Assertion ").unwrap();
    let end = message.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
    let inside = &message[start..end];
    message.replace(inside, &encrypted_with(inside, "EncryptedAssertion", to, cbc))
}

fn reason(message: &str, idp: &IdentityProvider, ours: &[&str]) -> Option<(Reason, bool)> {
    let refusal = outcome_with(message, idp, &sp(ours), NOW).err()?;
    Some((refusal.reason, refusal.is_behind_decryption()))
}

#[test]
fn an_encrypted_assertion_is_as_good_as_one_in_the_clear() {
    let plain = sign(&xml("response"), "_assertion", "rsa2048");
    let message = sealed(&plain, "rsa4096");
    for ours in [&["rsa4096"][..], &["p256", "rsa2048", "rsa4096"]] {
        let opened = outcome_with(&message, &idp(&["rsa2048"]), &sp(ours), NOW).unwrap();
        let clear = outcome(&plain, &idp(&["rsa2048"]), NOW).unwrap();
        assert_eq!(opened.name_id(), clear.name_id());
        assert_eq!(opened.attributes(), clear.attributes());
        assert_eq!(opened.protection().encrypted, Some("aes128-gcm"));
        assert_eq!(opened.signed_parts(), "assertion");
    }
    let idp = idp(&["rsa2048"]);
    assert_eq!(reason(&message, &idp, &["rsa2048"]), Some((Reason::DecryptionKey, true)));
    assert_eq!(reason(&message, &idp, &["p256"]), Some((Reason::AssertionEncrypted, false)));
    assert_eq!(reason(&message, &idp, &[]), Some((Reason::AssertionEncrypted, false)));
}

#[test]
fn a_signature_over_the_ciphertext_is_enough_and_comes_first() {
    let message = sign(&sealed(&xml("response"), "rsa4096"), "_response", "rsa2048");
    let idp = idp(&["rsa2048"]);
    let opened = outcome_with(&message, &idp, &sp(&["rsa4096"]), NOW).unwrap();
    assert_eq!((opened.signed_parts(), &*opened.name_id().value), ("response", "ada@example.org"));
    // Nobody learns what a changed ciphertext opens to.
    let other = sealed(&xml("response"), "rsa4096");
    let value =
        |text: &str| text.rsplit("<e:CipherValue>").next().unwrap().split('<').next().unwrap().to_owned();
    let changed =
        replaced(&message, &value(&message), &value(&other.replace("ada", "eva")).replace('A', "B"));
    assert_eq!(reason(&changed, &idp, &["rsa4096"]), Some((Reason::DigestMismatch, false)));
}

#[test]
fn of_somebody_elses_cbc_nothing_is_learnt_although_its_signature_is_good() {
    let later = Moment::from_seconds(NOW.seconds() + 86_400);
    let inner = sign(&xml("response"), "_assertion", "rsa2048");
    let idp = idp(&["rsa2048"]);
    let of = |message: &str| {
        let refusal = outcome_with(message, &idp, &sp(&["rsa2048"]), later).unwrap_err();
        (refusal.reason, refusal.is_behind_decryption())
    };
    let cbc = sealed_with(&inner, "rsa2048", true);
    assert_eq!(of(&cbc), (Reason::ConfirmationExpired, true));
    // Where tampering would have been noticed, the person may be told.
    assert_eq!(of(&sealed(&inner, "rsa2048")), (Reason::ConfirmationExpired, false));
    assert_eq!(of(&sign(&cbc, "_response", "rsa2048")), (Reason::ConfirmationExpired, false));
    assert_eq!(of(&inner), (Reason::ConfirmationExpired, false));
}

#[test]
fn nothing_is_accepted_because_it_was_encrypted() {
    let unsigned = sealed(&xml("response"), "rsa2048");
    assert_eq!(reason(&unsigned, &idp(&["rsa2048"]), &["rsa2048"]), Some((Reason::SignatureMissing, true)));
    let forged = sealed(&sign(&xml("response"), "_assertion", "evil"), "rsa2048");
    assert_eq!(reason(&forged, &idp(&["rsa2048"]), &["rsa2048"]), Some((Reason::SignatureInvalid, true)));
    let both = sign(&forged, "_response", "rsa2048");
    assert_eq!(reason(&both, &idp(&["rsa2048"]), &["rsa2048"]), Some((Reason::SignatureInvalid, true)));
}

#[test]
fn what_must_be_signed_is_asked_before_the_opening_where_that_can_be_seen() {
    let inner = sealed(&sign(&xml("response"), "_assertion", "rsa2048"), "rsa2048");
    let outer = sign(&sealed(&xml("response"), "rsa2048"), "_response", "rsa2048");
    let both = sign(&inner, "_response", "rsa2048");
    let of = |message: &str, require_signed| {
        reason(message, &IdentityProvider { require_signed, ..idp(&["rsa2048"]) }, &["rsa2048"])
    };
    let missing_response = Some((Reason::SignatureMissingResponse, false));
    let missing_assertion = Some((Reason::SignatureMissingAssertion, true));
    for (require, expected) in [
        (RequireSigned::Either, [None, None, None]),
        (RequireSigned::Assertion, [None, missing_assertion, None]),
        (RequireSigned::Response, [missing_response, None, None]),
        (RequireSigned::Both, [missing_response, missing_assertion, None]),
    ] {
        assert_eq!([&inner, &outer, &both].map(|message| of(message, require)), expected, "{require:?}");
    }
}

#[test]
fn a_name_and_an_attribute_are_opened_under_the_signature_of_their_assertion() {
    let message = xml("response");
    let name = {
        let start = message.find("<saml:NameID").unwrap();
        &message[start..message.find("</saml:NameID>").unwrap() + "</saml:NameID>".len()]
    };
    let hidden = replaced(&message, name, &encrypted(name, "EncryptedID", "rsa2048"));
    let signed = sign(&hidden, "_assertion", "rsa2048");
    let opened = outcome_with(&signed, &idp(&["rsa2048"]), &sp(&["rsa2048"]), NOW).unwrap();
    assert_eq!(opened.name_id().value, "ada@example.org");
    assert_eq!(opened.protection().encrypted, None);
    assert_eq!(reason(&signed, &idp(&["rsa2048"]), &[]), Some((Reason::NameIdEncrypted, false)));
    assert_eq!(reason(&signed, &idp(&["rsa2048"]), &["rsa4096"]), Some((Reason::DecryptionKey, false)));
    let cryptography = CryptographyPolicy { cbc: Cbc::Refuse, ..CryptographyPolicy::default() };
    let strict = IdentityProvider { cryptography, ..idp(&["rsa2048"]) };
    assert_eq!(reason(&signed, &strict, &["rsa2048"]), None);
}

#[test]
fn the_namespaces_of_the_place_are_those_of_the_nearest_declarations() {
    let text = "<a xmlns='urn:one' xmlns:p='urn:p&amp;' xmlns:q='urn:q'><b xmlns='' xmlns:q='urn:other'>\
                <saml:x xmlns:saml='urn:s'>PLACE</saml:x></b></a>";
    let context = |text: &str| {
        let data = encrypted("x", "y", "rsa2048").replace("<saml:y>", "").replace("</saml:y>", "");
        let text = text.replace("PLACE", &data);
        let document = parse(&text, 64).unwrap();
        let place = document
            .descendants(document.root())
            .into_iter()
            .filter_map(|node| Element::at(&document, node))
            .find(|element| element.local_name() == "x")
            .unwrap();
        Ciphertext::parse(place).unwrap().context
    };
    assert_eq!(context(text), " xmlns:saml=\"urn:s\" xmlns:q=\"urn:other\" xmlns:p=\"urn:p&amp;\"");
}

#[test]
fn a_key_is_an_opener_if_it_is_rsa_and_shows_nothing_of_itself() {
    assert!(sp(&["rsa2048"]).can_decrypt() && sp(&["p256", "rsa4096"]).can_decrypt());
    assert!(!sp(&["p256", "p384"]).can_decrypt() && !sp(&[]).can_decrypt());
    let policy = CryptographyPolicy::default();
    let ours = sp(&["p521"]);
    assert!(!Decryption::new(&ours, &policy, 64).has_key());
    let shown = format!("{:?}", sp(&["rsa2048"]));
    assert!(shown.contains("SigningKey") && !shown.contains("PKey"), "{shown}");
}

#[test]
fn many_keys_beside_the_content_are_refused_before_anything_is_looked_up_among_them() {
    let one = encrypted("<x/>", "EncryptedAssertion", "rsa2048");
    let (key, rest) = {
        let start = one.find("<e:EncryptedKey>").unwrap();
        let end = one.find("</e:EncryptedKey>").unwrap() + "</e:EncryptedKey>".len();
        (&one[start..end], [&one[..start], &one[end..]].concat())
    };
    let many =
        rest.replace("</saml:EncryptedAssertion>", &format!("{}</saml:EncryptedAssertion>", key.repeat(100)));
    let text = format!(
        "<r xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" xmlns:e=\"http://www.w3.org/2001/04/xmlenc#\" \
         xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\">{many}</r>"
    );
    let document = parse(&text, 64).unwrap();
    let place = Element::root(&document).unwrap().children().next().unwrap();
    let refusal = Ciphertext::parse(place).err().unwrap();
    assert_eq!((refusal.reason, refusal.detail.as_ref()), (Reason::EncryptionShape, "100 EncryptedKey"));
}
