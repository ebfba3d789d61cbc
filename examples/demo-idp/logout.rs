//! Single logout by Redirect: the demo's answers to the gate's requests, and its own requests.

use crate::response::{Signer, random_id, timestamp};
use crate::{Failure, escape};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::Write as _;

/// The address that asks the gate to end every session of a user.
pub(crate) fn request(signer: &Signer, idp: &str, slo: &str, email: &str) -> Result<String, Failure> {
    let own = format!(
        r#"<saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">{}</saml:NameID>"#,
        escape(email)
    );
    let message = message("LogoutRequest", "", idp, slo, &own)?;
    address(signer, slo, "SAMLRequest", &message, "")
}

/// The address that answers the gate's request: done.
pub(crate) fn response(
    signer: &Signer,
    idp: &str,
    slo: &str,
    in_response_to: &str,
    relay_state: &str,
) -> Result<String, Failure> {
    let own = r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>"#;
    let to = format!(r#" InResponseTo="{}""#, escape(in_response_to));
    let message = message("LogoutResponse", &to, idp, slo, own)?;
    address(signer, slo, "SAMLResponse", &message, relay_state)
}

fn message(name: &str, further: &str, idp: &str, slo: &str, own: &str) -> Result<String, Failure> {
    let (id, now, idp, slo) = (random_id()?, timestamp(0), escape(idp), escape(slo));
    Ok(format!(
        r#"<samlp:{name} xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="{now}" Destination="{slo}"{further}><saml:Issuer>{idp}/metadata</saml:Issuer>{own}</samlp:{name}>"#
    ))
}

/// Deflated into the query and signed over it.
fn address(
    signer: &Signer,
    slo: &str,
    field: &str,
    message: &str,
    relay_state: &str,
) -> Result<String, Failure> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(message.as_bytes())?;
    let mut query = format!("{field}={}", encode(&STANDARD.encode(encoder.finish()?)));
    if !relay_state.is_empty() {
        query.push_str(&format!("&RelayState={}", encode(relay_state)));
    }
    query.push_str(&format!("&SigAlg={}", encode("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")));
    let value = signer.sign(query.as_bytes())?;
    Ok(format!("{slo}?{query}&Signature={}", encode(&value)))
}
