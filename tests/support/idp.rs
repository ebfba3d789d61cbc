//! An identity provider of the tests: reads what we ask, answers what it is told, signs with its own key.
//!
//! It writes its XML by hand and already in exclusive canonical form, so that nothing is shared with the code under
//! test: no parser, no canonicalisation, no verification. Every value of an answer can be changed before it is signed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part")]

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Read as _;
use std::time::Duration;
use vestibule::clock::Moment;
use vestibule::saml::metadata::read_identity_provider;
use vestibule::saml::parties::IdentityProvider;

/// An identity provider with one signing key.
pub struct FakeIdp {
    pub entity_id: String,
    pub sso_url: String,
    /// Offered bindings: `HTTP-Redirect`, `HTTP-POST`.
    pub bindings: Vec<&'static str>,
    /// Digests with SHA-1 under its strong signatures.
    pub weak_digest: bool,
    key: Key,
    certificate: Vec<u8>,
}

enum Key {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl FakeIdp {
    /// Signs with ECDSA P-256: quick to make, quick to sign.
    pub fn new(entity_id: &str) -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der()).unwrap();
        Self::with(entity_id, Key::Ecdsa(key), &pair)
    }

    /// Signs with RSA-2048, as most identity providers do.
    pub fn rsa(entity_id: &str) -> Self {
        let pair =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let key = RsaKeyPair::from_pkcs8(&pair.serialize_der()).unwrap();
        Self::with(entity_id, Key::Rsa(key), &pair)
    }

    /// Whose certificate ends on this day.
    pub fn until(entity_id: &str, year: i32, month: u8, day: u8) -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["idp.test".into()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der()).unwrap();
        let certificate = params.self_signed(&pair).unwrap().der().to_vec();
        Self { certificate, ..Self::with(entity_id, Key::Ecdsa(key), &pair) }
    }

    fn with(entity_id: &str, key: Key, pair: &rcgen::KeyPair) -> Self {
        let certificate =
            rcgen::CertificateParams::new(vec!["idp.test".into()]).unwrap().self_signed(pair).unwrap();
        Self {
            entity_id: entity_id.into(),
            sso_url: format!("{}/sso", entity_id.trim_end_matches("/metadata")),
            bindings: vec!["HTTP-Redirect"],
            weak_digest: false,
            key,
            certificate: certificate.der().to_vec(),
        }
    }

    /// The signing certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Its metadata document.
    pub fn metadata(&self) -> String {
        let services: String = self
            .bindings
            .iter()
            .map(|binding| {
                format!(
                    "<SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{}\"/>",
                    attribute(&self.sso_url)
                )
            })
            .collect();
        format!(
            "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\">\
             <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
             <KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>\
             <X509Certificate>{}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>{services}\
             </IDPSSODescriptor></EntityDescriptor>",
            attribute(&self.entity_id),
            STANDARD.encode(&self.certificate)
        )
    }

    /// As the gate knows it.
    pub fn identity_provider(&self, now: Moment) -> IdentityProvider {
        let (provider, _warnings) = read_identity_provider(self.metadata().as_bytes(), None, now).unwrap();
        provider
    }

    /// A correct answer that nobody asked for, for a user.
    pub fn unsolicited(&self, acs_url: &str, audience: &str, user: &str, now: Moment) -> Answer<'_> {
        let asked = Asked {
            id: String::new(),
            acs_url: acs_url.into(),
            issuer: audience.into(),
            relay_state: None,
            xml: String::new(),
        };
        Answer { in_response_to: None, ..self.answer(&asked, user, now) }
    }

    /// A correct answer to what was asked, for a user; change it, then [`Answer::form_value`].
    pub fn answer(&self, asked: &Asked, user: &str, now: Moment) -> Answer<'_> {
        Answer {
            idp: self,
            response_id: fresh_id(),
            assertion_id: fresh_id(),
            issuer: self.entity_id.clone(),
            in_response_to: Some(asked.id.clone()),
            destination: asked.acs_url.clone(),
            recipient: asked.acs_url.clone(),
            audience: asked.issuer.clone(),
            issued: now,
            not_before: now.minus(Duration::from_secs(60)),
            not_on_or_after: now.plus(Duration::from_secs(300)),
            session_not_on_or_after: None,
            authn_instant: now,
            authn_context_class: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".into(),
            session_index: Some(fresh_id()),
            name_id: user.into(),
            name_id_format: "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified".into(),
            status: "urn:oasis:names:tc:SAML:2.0:status:Success".into(),
            attributes: Vec::new(),
            signed: Signed::Assertion,
        }
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Ecdsa(key) => key.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
                signature
            }
        }
    }

    /// A `ds:Signature` over an element in canonical form, without its signature.
    pub fn signature(&self, id: &str, canonical: &str) -> String {
        let method = match self.key {
            Key::Ecdsa(_) => "ecdsa-sha256",
            Key::Rsa(_) => "rsa-sha256",
        };
        let (digest_method, digest_value) = if self.weak_digest {
            (
                "http://www.w3.org/2000/09/xmldsig#sha1",
                digest(&SHA1_FOR_LEGACY_USE_ONLY, canonical.as_bytes()),
            )
        } else {
            ("http://www.w3.org/2001/04/xmlenc#sha256", digest(&SHA256, canonical.as_bytes()))
        };
        let signed_info = |namespace: &str| {
            format!(
                "<ds:SignedInfo{namespace}>\
                 <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod>\
                 <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#{method}\"></ds:SignatureMethod>\
                 <ds:Reference URI=\"#{id}\"><ds:Transforms>\
                 <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>\
                 <ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms>\
                 <ds:DigestMethod Algorithm=\"{digest_method}\"></ds:DigestMethod>\
                 <ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
                STANDARD.encode(digest_value)
            )
        };
        // SignedInfo is canonicalised on its own, and then declares what it uses.
        let value = self.sign(signed_info(" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"").as_bytes());
        format!(
            "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{}<ds:SignatureValue>{}</ds:SignatureValue></ds:Signature>",
            signed_info(""),
            STANDARD.encode(value)
        )
    }
}

/// An AuthnRequest as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub id: String,
    pub acs_url: String,
    /// The service provider's entity ID.
    pub issuer: String,
    pub relay_state: Option<String>,
    pub xml: String,
}

impl Asked {
    /// From the Location of a redirect (HTTP-Redirect binding).
    pub fn from_redirect(location: &str) -> Self {
        let url = url::Url::parse(location).unwrap();
        let value =
            |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, v)| v.into_owned());
        let deflated = STANDARD.decode(value("SAMLRequest").expect("no SAMLRequest")).unwrap();
        let mut xml = String::new();
        flate2::read::DeflateDecoder::new(&deflated[..]).read_to_string(&mut xml).unwrap();
        Self::from_xml(xml, value("RelayState"))
    }

    /// From the fields of a posted form (HTTP-POST binding).
    pub fn from_form(fields: &[(String, String)]) -> Self {
        let value =
            |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let xml = STANDARD.decode(value("SAMLRequest").expect("no SAMLRequest")).unwrap();
        Self::from_xml(String::from_utf8(xml).unwrap(), value("RelayState"))
    }

    fn from_xml(xml: String, relay_state: Option<String>) -> Self {
        let attribute = |name: &str| {
            let start = xml.find(&format!(" {name}=\"")).unwrap_or_else(|| panic!("no {name} in {xml}"))
                + name.len()
                + 3;
            xml[start..].split('"').next().unwrap().replace("&amp;", "&")
        };
        let issuer =
            xml.split("Issuer").nth(1).and_then(|rest| rest.split(['>', '<']).nth(1)).unwrap().to_owned();
        Self {
            id: attribute("ID"),
            acs_url: attribute("AssertionConsumerServiceURL"),
            issuer,
            relay_state,
            xml,
        }
    }
}

/// Which parts are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Nothing,
    Assertion,
    Response,
    Both,
}

/// An answer in the making.
#[derive(Clone)]
pub struct Answer<'a> {
    idp: &'a FakeIdp,
    pub response_id: String,
    pub assertion_id: String,
    pub issuer: String,
    /// At both levels.
    pub in_response_to: Option<String>,
    pub destination: String,
    pub recipient: String,
    pub audience: String,
    pub issued: Moment,
    pub not_before: Moment,
    pub not_on_or_after: Moment,
    pub session_not_on_or_after: Option<Moment>,
    pub authn_instant: Moment,
    pub authn_context_class: String,
    pub session_index: Option<String>,
    pub name_id: String,
    pub name_id_format: String,
    pub status: String,
    pub attributes: Vec<(String, Vec<String>)>,
    pub signed: Signed,
}

impl Answer<'_> {
    /// One more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, values: &[&str]) -> Self {
        self.attributes.push((name.into(), values.iter().map(|&value| value.into()).collect()));
        self
    }

    /// The base64 of the form field.
    pub fn form_value(&self) -> String {
        STANDARD.encode(self.xml())
    }

    /// The document.
    pub fn xml(&self) -> String {
        let assertion = if matches!(self.signed, Signed::Assertion | Signed::Both) {
            let signature = self.idp.signature(&self.assertion_id, &self.assertion(""));
            self.assertion(&signature)
        } else {
            self.assertion("")
        };
        if matches!(self.signed, Signed::Response | Signed::Both) {
            let signature = self.idp.signature(&self.response_id, &self.response("", &assertion));
            self.response(&signature, &assertion)
        } else {
            self.response("", &assertion)
        }
    }

    fn in_response_to(&self) -> String {
        self.in_response_to
            .as_deref()
            .map(|id| format!(" InResponseTo=\"{}\"", attribute(id)))
            .unwrap_or_default()
    }

    fn response(&self, signature: &str, assertion: &str) -> String {
        format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" Destination=\"{}\" ID=\"{}\"{} \
             IssueInstant=\"{}\" Version=\"2.0\">\
             <saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">{}</saml:Issuer>{signature}\
             <samlp:Status><samlp:StatusCode Value=\"{}\"></samlp:StatusCode></samlp:Status>{assertion}</samlp:Response>",
            attribute(&self.destination),
            attribute(&self.response_id),
            self.in_response_to(),
            instant(self.issued),
            text(&self.issuer),
            attribute(&self.status),
        )
    }

    fn assertion(&self, signature: &str) -> String {
        let issued = instant(self.issued);
        let not_on_or_after = instant(self.not_on_or_after);
        let mut statements = format!("<saml:AuthnStatement AuthnInstant=\"{}\"", instant(self.authn_instant));
        if let Some(index) = &self.session_index {
            statements += &format!(" SessionIndex=\"{}\"", attribute(index));
        }
        if let Some(end) = self.session_not_on_or_after {
            statements += &format!(" SessionNotOnOrAfter=\"{}\"", instant(end));
        }
        statements += &format!(
            "><saml:AuthnContext><saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef></saml:AuthnContext>\
             </saml:AuthnStatement>",
            text(&self.authn_context_class)
        );
        if !self.attributes.is_empty() {
            statements += "<saml:AttributeStatement>";
            for (name, values) in &self.attributes {
                statements += &format!("<saml:Attribute Name=\"{}\">", attribute(name));
                for value in values {
                    statements += &format!("<saml:AttributeValue>{}</saml:AttributeValue>", text(value));
                }
                statements += "</saml:Attribute>";
            }
            statements += "</saml:AttributeStatement>";
        }
        format!(
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{}\" IssueInstant=\"{issued}\" \
             Version=\"2.0\"><saml:Issuer>{}</saml:Issuer>{signature}\
             <saml:Subject><saml:NameID Format=\"{}\">{}</saml:NameID>\
             <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml:SubjectConfirmationData{} NotOnOrAfter=\"{not_on_or_after}\" Recipient=\"{}\">\
             </saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>\
             <saml:Conditions NotBefore=\"{}\" NotOnOrAfter=\"{not_on_or_after}\"><saml:AudienceRestriction>\
             <saml:Audience>{}</saml:Audience></saml:AudienceRestriction></saml:Conditions>{statements}</saml:Assertion>",
            attribute(&self.assertion_id),
            text(&self.issuer),
            attribute(&self.name_id_format),
            text(&self.name_id),
            self.in_response_to(),
            attribute(&self.recipient),
            instant(self.not_before),
            text(&self.audience),
        )
    }
}

/// Text as canonical XML writes it.
fn text(plain: &str) -> String {
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#xD;")
}

/// An attribute's value as canonical XML writes it.
fn attribute(plain: &str) -> String {
    plain
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
        .replace('\t', "&#x9;")
        .replace('\n', "&#xA;")
        .replace('\r', "&#xD;")
}

fn instant(moment: Moment) -> String {
    moment.to_string()
}

fn fresh_id() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes.iter().fold("_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}
