//! Metadata as an identity provider of the tests would publish it.

use crate::idp::FakeIdp;
use crate::world::START;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;
use vestibule::clock::Moment;

pub const ENTITY: &str = "https://idp.test/metadata";
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// A document in the making, already in canonical form.
#[derive(Clone)]
pub struct Document<'a> {
    pub entity_id: String,
    /// Whose certificates it names.
    pub keys: Vec<&'a FakeIdp>,
    pub sso_url: String,
    pub valid_until: Option<Moment>,
    pub cache_duration: Option<&'static str>,
    /// creationInstant.
    pub created: Option<Moment>,
    pub signer: Option<&'a FakeIdp>,
}

impl<'a> Document<'a> {
    pub fn of(keys: &[&'a FakeIdp]) -> Self {
        Self {
            entity_id: ENTITY.into(),
            keys: keys.to_vec(),
            sso_url: "https://idp.test/sso".into(),
            valid_until: Some(START.plus(7 * DAY)),
            cache_duration: None,
            created: None,
            signer: None,
        }
    }

    pub fn xml(&self) -> String {
        match self.signer {
            Some(signer) => self.with(&signer.signature("_m", &self.with(""))),
            None => self.with(""),
        }
    }

    /// As it stands in an aggregate: nothing twice that the root says, no ID.
    pub fn inside(&self) -> String {
        let bare = self.with("");
        bare.replacen(" xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" ID=\"_m\"", "", 1)
    }

    fn with(&self, signature: &str) -> String {
        let keys: String = self
            .keys
            .iter()
            .map(|idp| {
                format!(
                    "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>\
                     <X509Certificate>{}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
                    STANDARD.encode(idp.certificate())
                )
            })
            .collect();
        let cache =
            self.cache_duration.map(|cache| format!(" cacheDuration=\"{cache}\"")).unwrap_or_default();
        let until = self.valid_until.map(|until| format!(" validUntil=\"{until}\"")).unwrap_or_default();
        let created = self.created.map(|created| {
            format!(
                "<Extensions><p:PublicationInfo xmlns:p=\"urn:oasis:names:tc:SAML:metadata:rpi\" \
                 creationInstant=\"{created}\" publisher=\"x\"></p:PublicationInfo></Extensions>"
            )
        });
        let created = created.unwrap_or_default();
        format!(
            "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" ID=\"_m\"{cache} entityID=\"{}\"{until}>{signature}{created}\
             <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{keys}\
             <SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"{}\">\
             </SingleSignOnService></IDPSSODescriptor></EntityDescriptor>",
            self.entity_id, self.sso_url
        )
    }
}
