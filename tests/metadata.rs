//! A federation's aggregate: what it costs to find one identity provider among thousands.
//!
//! ```text
//! cargo test --release --test metadata -- --ignored --nocapture     8,000 entities, 60 MB
//! ```
//!
//! The documents are written in canonical form, so that what must be digested is their own text: they are signed by
//! whoever can hash, and by none of our canonicalisation.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use allocation_counter::measure;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use std::fmt::Write as _;
use std::time::Instant;
use vestibule::clock::Moment;
use vestibule::reason::Reason;
use vestibule::saml::metadata::{Limits, Source, describe, index};
use vestibule::saml::parties::TrustedKeys;

const NOW: Moment = Moment::from_seconds(1_768_478_460);
const MB: f64 = 1_000_000.0;

struct Federation {
    document: String,
    signer: TrustedKeys,
}

fn name(number: usize) -> String {
    format!("https://idp{number:05}.example.org/metadata")
}

impl Federation {
    /// Some 7.5 KB an entity, as in the aggregates of the world: two certificates, names in languages, logos, contacts.
    fn of(entities: usize) -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        let base64 = STANDARD.encode(certificate.der());
        let mut inside = String::with_capacity(entities * 7700);
        for number in 0..entities {
            entity(&mut inside, number, &base64);
        }
        let head = "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" ID=\"_all\" \
                    Name=\"all the identity providers\" validUntil=\"2026-01-29T00:00:00Z\">";
        let tail = "</md:EntitiesDescriptor>";
        let digested = digest(&SHA256, format!("{head}{inside}{tail}").as_bytes());
        let signature = signature(digested.as_ref(), &pair);
        // Means a space, and makes no copy of the document.
        let head = head.replace("identity providers", "identity\nproviders");
        Self {
            document: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{head}{signature}{inside}{tail}"),
            signer: TrustedKeys::from_certificates(&[certificate.der().to_vec()]).unwrap().0,
        }
    }

    /// Seconds, and the most memory that was taken at once, in octets.
    fn cost(&self, number: usize, pinned: bool) -> (f64, u64) {
        let wanted = name(number);
        let source =
            Source { entity_id: Some(&wanted), pinned: pinned.then_some(&self.signer), ..Source::default() };
        let began = Instant::now();
        let mut found = None;
        let used = measure(|| found = describe(self.document.as_bytes(), &source, NOW).ok());
        let found = found.unwrap();
        assert_eq!(found.identity_provider.entity_id.0, wanted);
        assert_eq!(found.signed, pinned);
        assert_eq!(found.scopes()[0].0, format!("idp{number:05}.example.org"));
        assert_eq!(found.valid_until.unwrap().to_string(), "2026-01-29T00:00:00.000Z");
        (began.elapsed().as_secs_f64(), used.bytes_max)
    }
}

fn entity(out: &mut String, number: usize, certificate: &str) {
    let host = format!("idp{number:05}.example.org");
    write!(
        out,
        "<md:EntityDescriptor entityID=\"{}\"><md:Extensions>\
         <mdrpi:RegistrationInfo xmlns:mdrpi=\"urn:oasis:names:tc:SAML:metadata:rpi\" \
         registrationAuthority=\"https://federation.example.org\"></mdrpi:RegistrationInfo></md:Extensions>\n\
         <md:IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><md:Extensions>\
         <shibmd:Scope xmlns:shibmd=\"urn:mace:shibboleth:metadata:1.0\" regexp=\"false\">{host}</shibmd:Scope>\
         <mdui:UIInfo xmlns:mdui=\"urn:oasis:names:tc:SAML:metadata:ui\">",
        name(number)
    )
    .unwrap();
    for language in ["de", "en", "fr", "it", "cs", "es", "nl", "pl"] {
        write!(
            out,
            "\n      <mdui:DisplayName xml:lang=\"{language}\">Hochschule f\u{fc}r \u{c4}pfel &amp; Birnen {number}</mdui:DisplayName>\
             \n      <mdui:Description xml:lang=\"{language}\">Identity provider of the university, for members of staff, \
             students and guests; ask the service desk of the computing centre for help.</mdui:Description>\
             \n      <mdui:Logo height=\"16\" width=\"16\">https://{host}/logo-{language}.png</mdui:Logo>"
        )
        .unwrap();
    }
    out.push_str("</mdui:UIInfo></md:Extensions>");
    for usage in ["signing", "encryption"] {
        write!(
            out,
            "\n<md:KeyDescriptor use=\"{usage}\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data>\
             <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        )
        .unwrap();
    }
    for (service, path) in [("SingleLogoutService", "slo"), ("SingleSignOnService", "sso")] {
        for binding in ["HTTP-POST", "HTTP-Redirect", "HTTP-POST-SimpleSign", "SOAP"] {
            write!(
                out,
                "\n<md:{service} Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" \
                 Location=\"https://{host}/idp/profile/SAML2/{binding}/{path}\"></md:{service}>"
            )
            .unwrap();
        }
    }
    out.push_str("</md:IDPSSODescriptor>\n");
    for kind in ["technical", "support", "administrative"] {
        write!(
            out,
            "<md:ContactPerson contactType=\"{kind}\"><md:GivenName>Service Desk</md:GivenName>\
             <md:EmailAddress>mailto:{kind}@{host}</md:EmailAddress></md:ContactPerson>\n"
        )
        .unwrap();
    }
    out.push_str("</md:EntityDescriptor>\n");
}

/// An enveloped signature whose SignedInfo is written in canonical form.
fn signature(digest: &[u8], pair: &KeyPair) -> String {
    let signed_info = format!(
        "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
         <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod>\
         <ds:Reference URI=\"#_all\"><ds:Transforms>\
         <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>\
         <ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
         <ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        STANDARD.encode(digest)
    );
    let key = RsaKeyPair::from_pkcs8(&pair.serialize_der()).unwrap();
    let mut value = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed_info.as_bytes(), &mut value).unwrap();
    format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{signed_info}<ds:SignatureValue>{}</ds:SignatureValue>\
         </ds:Signature>",
        STANDARD.encode(value)
    )
}

#[test]
fn one_of_many_is_found_in_little_memory_signed_or_not() {
    let federation = Federation::of(300);
    let size = federation.document.len() as u64;
    for pinned in [false, true] {
        for number in [0, 150, 299] {
            let (_, memory) = federation.cost(number, pinned);
            assert!(memory < size / 8, "{memory} octets for a document of {size}, pinned: {pinned}");
        }
    }
}

#[test]
fn an_entity_that_is_added_to_a_signed_aggregate_is_seen() {
    let federation = Federation::of(20);
    let wanted = "https://evil.example.net/metadata";
    let evil = {
        let begin = federation.document.find("<md:EntityDescriptor").unwrap();
        let end =
            federation.document.find("</md:EntityDescriptor>\n").unwrap() + "</md:EntityDescriptor>\n".len();
        federation.document[begin..end].replace(&name(0), wanted)
    };
    let changed =
        federation.document.replace("</md:EntitiesDescriptor>", &(evil + "</md:EntitiesDescriptor>"));
    let source = |pinned| Source { entity_id: Some(wanted), pinned, ..Source::default() };
    assert!(describe(changed.as_bytes(), &source(None), NOW).is_ok());
    let problem = describe(changed.as_bytes(), &source(Some(&federation.signer)), NOW).unwrap_err();
    assert_eq!(problem.reason, Reason::MetadataDigestMismatch);
}

#[test]
#[ignore = "a measurement: 60 MB"]
fn what_eight_thousand_entities_cost() {
    let federation = Federation::of(8000);
    let size = federation.document.len() as f64;
    println!("8,000 entities, {:.1} MB", size / MB);
    for pinned in [false, true] {
        let (seconds, memory) = federation.cost(7999, pinned);
        println!(
            "  {}: {seconds:.2} s, {:.0} MB/s, at most {:.2} MB beside the document",
            if pinned { "signed and verified" } else { "nothing pinned     " },
            size / MB / seconds,
            memory as f64 / MB
        );
    }
    let began = Instant::now();
    let mut listed = 0;
    let used = measure(|| {
        listed = index(federation.document.as_bytes(), &Limits::default()).unwrap().len();
    });
    assert_eq!(listed, 8000);
    println!(
        "  index of names     : {:.2} s, {:.2} MB",
        began.elapsed().as_secs_f64(),
        used.bytes_max as f64 / MB
    );
}
