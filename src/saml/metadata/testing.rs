//! Documents for the tests of this folder.

use super::{Described, MetadataProblem, Source, describe};
use crate::reason::Reason;
use crate::saml::testing::{IDP, NOW, certificate};
use crate::saml::xml::{METADATA, PROTOCOL, SIGNATURE};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) fn key(usage: &str, name: &str) -> String {
    let certificate = STANDARD.encode(certificate(name));
    let (first, second) = certificate.split_at(64);
    format!(
        "<md:KeyDescriptor{usage}><ds:KeyInfo><ds:KeyName>x</ds:KeyName><ds:X509Data><ds:X509Certificate>\n  {first}\n  \
         {second}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )
}

pub(super) fn service(binding: &str, location: &str) -> String {
    format!(
        "<md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{location}\"/>"
    )
}

pub(super) fn logout(binding: &str, location: &str, more: &str) -> String {
    format!(
        "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{location}\"{more}/>"
    )
}

pub(super) fn role(attributes: &str, content: &str) -> String {
    format!(
        "<md:IDPSSODescriptor {attributes} protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol {PROTOCOL}\">\
         <md:Extensions><x:any xmlns:x=\"urn:x\"/></md:Extensions>{content}</md:IDPSSODescriptor>"
    )
}

pub(super) fn entity(id: &str, attributes: &str, content: &str) -> String {
    format!(
        "<md:EntityDescriptor xmlns:md=\"{METADATA}\" xmlns:ds=\"{SIGNATURE}\" entityID=\"{id}\" {attributes}>\
         <md:Extensions/>{content}<md:Organization/></md:EntityDescriptor>"
    )
}

/// An identity provider with the one key and the one address.
pub(super) fn plain(id: &str, attributes: &str) -> String {
    with_keys(id, attributes, &["rsa2048"])
}

pub(super) fn with_keys(id: &str, attributes: &str, keys: &[&str]) -> String {
    let keys: String = keys.iter().map(|name| key(" use=\"signing\"", name)).collect();
    let content = keys + &service("HTTP-Redirect", "https://idp.example.org/sso");
    entity(id, attributes, &role("", &content))
}

pub(super) fn aggregate(attributes: &str, content: &str) -> String {
    format!("<md:EntitiesDescriptor xmlns:md=\"{METADATA}\" {attributes}>{content}</md:EntitiesDescriptor>")
}

pub(super) fn read(xml: &str) -> Result<Described, MetadataProblem> {
    describe(xml.as_bytes(), &Source::default(), NOW)
}

/// Which rule refuses it; `None` when none does.
pub(super) fn reason(xml: &str, source: &Source<'_>) -> Option<Reason> {
    describe(xml.as_bytes(), source, NOW).err().map(|problem| problem.reason)
}

/// An identity provider as [`read`] describes it, with these keys.
pub(super) fn described(keys: &[&str]) -> Described {
    read(&with_keys(IDP, "", keys)).unwrap()
}
