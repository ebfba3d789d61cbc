//! A signed SAML response, written as canonical XML so that what is digested is what is sent.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Failure;

/// Somebody who can sign in.
pub(crate) struct User {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
    pub(crate) groups: &'static [&'static str],
}

/// What an AuthnRequest asks.
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) acs: Option<String>,
    pub(crate) issuer: String,
}

/// An RSA key that lives as long as this process, and its self-signed certificate.
pub(crate) struct Signer {
    key: RsaKeyPair,
    certificate: Vec<u8>,
}

impl Signer {
    pub(crate) fn with_fresh_key() -> Result<Self, Failure> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| "no RSA key could be made")?;
        let pkcs8 = key.as_der().map_err(|_| "the RSA key could not be encoded")?;
        let pair = rcgen::KeyPair::try_from(pkcs8.as_ref())?;
        let mut parameters = rcgen::CertificateParams::new(Vec::new())?;
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "Vestibule demo IdP");
        let certificate = parameters.self_signed(&pair)?.der().to_vec();
        debug_assert!(key.public_key().modulus_len() >= 256);
        Ok(Self { key, certificate })
    }

    pub(crate) fn certificate_base64(&self) -> String {
        STANDARD.encode(&self.certificate)
    }

    /// RSA with SHA-256, as base64.
    pub(crate) fn sign(&self, octets: &[u8]) -> Result<String, Failure> {
        let mut value = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut value)
            .map_err(|_| "signing failed")?;
        Ok(STANDARD.encode(value))
    }

    /// The base64 of a response whose assertion is signed (the form that most identity providers send).
    pub(crate) fn response(
        &self,
        idp: &str,
        audience: &str,
        acs: &str,
        question: &Question,
        user: &User,
    ) -> Result<String, Failure> {
        let (now, soon, later) = (timestamp(0), timestamp(300), timestamp(8 * 3600));
        let (response_id, assertion_id, index) = (random_id()?, random_id()?, random_id()?);
        let (idp, audience, acs, request) =
            (escape(idp), escape(audience), escape(acs), escape(&question.id));
        let mut attributes = attribute("mail", &[user.email]);
        attributes.push_str(&attribute("displayName", &[user.name]));
        attributes.push_str(&attribute("uid", &[user.id]));
        attributes.push_str(&attribute("groups", user.groups));
        let opening = format!(
            r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{assertion_id}" IssueInstant="{now}" Version="2.0"><saml:Issuer>{idp}/metadata</saml:Issuer>"#
        );
        let rest = format!(
            r#"<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">{}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="{request}" NotOnOrAfter="{soon}" Recipient="{acs}"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{now}" NotOnOrAfter="{soon}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{now}" SessionIndex="{index}" SessionNotOnOrAfter="{later}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"#,
            escape(user.email)
        );
        let signature = self.signature(&assertion_id, &format!("{opening}{rest}"))?;
        let response = format!(
            r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="{acs}" ID="{response_id}" InResponseTo="{request}" IssueInstant="{now}" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{idp}/metadata</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status>{opening}{signature}{rest}</samlp:Response>"#
        );
        Ok(STANDARD.encode(response))
    }

    /// An enveloped signature over canonical `content`; SignedInfo is written in canonical form too.
    fn signature(&self, id: &str, content: &str) -> Result<String, Failure> {
        let digest =
            STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes()));
        let info = format!(
            r##"<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod><ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"##
        );
        let (value, certificate) = (self.sign(info.as_bytes())?, self.certificate_base64());
        Ok(format!(
            r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{info}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"#
        ))
    }
}

fn attribute(name: &str, values: &[&str]) -> String {
    let values: String =
        values.iter().map(|v| format!("<saml:AttributeValue>{}</saml:AttributeValue>", escape(v))).collect();
    format!(
        r#"<saml:Attribute Name="{name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic">{values}</saml:Attribute>"#
    )
}

pub(crate) fn timestamp(seconds_from_now: i64) -> String {
    let moment = jiff::Timestamp::now().as_second() + seconds_from_now;
    jiff::Timestamp::from_second(moment).map_or_else(|_| String::new(), |moment| moment.to_string())
}

pub(crate) fn random_id() -> Result<String, Failure> {
    let mut bytes = [0; 20];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "no random bytes")?;
    Ok(bytes.iter().fold("_".to_owned(), |id, byte| format!("{id}{byte:02x}")))
}

/// Escapes as canonical XML does, in text and in attribute values alike (our values hold no white space but blanks).
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
