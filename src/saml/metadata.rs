//! Metadata: reads an identity provider's, writes ours (SAML 2.0 Metadata).
//!
//! The document is trusted because the owner chose its file; a signature on it is not looked at. What it says is
//! believed, except where it would weaken us: unsuitable keys are skipped with a warning, expired metadata is an
//! error, and so is a document type declaration.

use super::encryption;
use super::instant;
use super::keys::TrustedKeys;
use super::parties::{
    Binding, CryptographyPolicy, EntityId, IdentityProvider, RequireSigned, ServiceProvider, SigningKey,
};
use super::xml::{self, Element, METADATA, PROTOCOL, SIGNATURE, escape, shown};
use crate::clock::Moment;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;
use url::Url;

/// The largest federations' aggregates have some 100 MB.
const LONGEST: usize = 128 * 1024 * 1024;

/// An IdP from metadata, with warnings (skipped keys, certificates that have ended, other bindings).
/// `entity_id` selects one entity of an aggregate; needed when there are several IdPs in the document.
///
/// # Errors
/// A sentence for the owner: not metadata, no such entity, none or several IdPs, no usable key or address, expired.
pub fn read_identity_provider(
    xml: &[u8],
    entity_id: Option<&str>,
    now: Moment,
) -> Result<(IdentityProvider, Vec<String>), String> {
    if xml.len() > LONGEST {
        return Err(format!("the metadata is larger than {} MiB", LONGEST >> 20));
    }
    let text = std::str::from_utf8(xml).map_err(|_| "the metadata is not UTF-8".to_owned())?;
    let document =
        xml::parse(text, 64).map_err(|refusal| format!("the metadata cannot be read: {refusal}"))?;
    let root = Element::root(&document).map_err(|refusal| refusal.to_string())?;

    let mut entities = Vec::new();
    collect(root, None, &mut entities)?;
    let (entity, valid_until) = choose(entities, entity_id)?;
    let name = entity.attribute("entityID").map(xml::trim).unwrap_or_default();
    if name.is_empty() {
        return Err("the entity has no entityID".to_owned());
    }
    Descriptors::of(entity).read(name, earliest(valid_until, valid_until_of(entity)?), now)
}

/// Our metadata: our keys, one assertion consumer service, no logout endpoint (what we do not do is not published).
/// Keys that open are published for encryption too, with what we open, the best first.
pub fn write_service_provider(sp: &ServiceProvider) -> String {
    let mut keys = String::new();
    for key in &sp.signing_keys {
        // Writing to a String cannot fail.
        let _ = write!(
            keys,
            "\n    <md:KeyDescriptor use=\"signing\">\n      <ds:KeyInfo xmlns:ds=\"{SIGNATURE}\"><ds:X509Data>\
             <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\n    </md:KeyDescriptor>",
            STANDARD.encode(key.certificate_der()),
        );
    }
    for key in sp.signing_keys.iter().filter(|key| key.decrypts()) {
        keys.push_str(&encryption_key(key));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <md:EntityDescriptor xmlns:md=\"{METADATA}\" entityID=\"{}\">\n  \
         <md:SPSSODescriptor AuthnRequestsSigned=\"{}\" WantAssertionsSigned=\"true\" \
         protocolSupportEnumeration=\"{PROTOCOL}\">{keys}\n    \
         <md:AssertionConsumerService Binding=\"{}\" Location=\"{}\" index=\"0\" isDefault=\"true\"/>\n  \
         </md:SPSSODescriptor>\n</md:EntityDescriptor>\n",
        escape(sp.entity_id.as_str()),
        !sp.signing_keys.is_empty(),
        Binding::Post.uri(),
        escape(&sp.acs_url),
    )
}

/// A key that content may be encrypted for, and how (Metadata 2.4.1.1).
fn encryption_key(key: &SigningKey) -> String {
    let ciphers = encryption::ContentCipher::ALL.map(encryption::ContentCipher::uri);
    let methods: String = ciphers
        .into_iter()
        .chain([encryption::OAEP_MGF1P, encryption::OAEP])
        .map(|uri| format!("\n      <md:EncryptionMethod Algorithm=\"{uri}\"/>"))
        .collect();
    format!(
        "\n    <md:KeyDescriptor use=\"encryption\">\n      <ds:KeyInfo xmlns:ds=\"{SIGNATURE}\"><ds:X509Data>\
         <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}\n    </md:KeyDescriptor>",
        STANDARD.encode(key.certificate_der()),
    )
}

/// An entity with the validUntil of everything around it (Metadata 2.3.1: the innermost cannot outlive the outer).
type Entity<'d> = (Element<'d>, Option<Moment>);

/// The identity providers below `element`, which is an entity or an aggregate of them (Metadata 2.3.1).
fn collect<'d>(
    element: Element<'d>,
    until: Option<Moment>,
    into: &mut Vec<Entity<'d>>,
) -> Result<(), String> {
    if element.is(METADATA, "EntityDescriptor") {
        if identity_providers(element).next().is_some() {
            into.push((element, until));
        }
        return Ok(());
    }
    if !element.is(METADATA, "EntitiesDescriptor") {
        let name = shown(element.local_name());
        return Err(format!("{name} is not SAML 2.0 metadata: EntityDescriptor or EntitiesDescriptor is"));
    }
    let until = earliest(until, valid_until_of(element)?);
    for child in element.children() {
        if child.is(METADATA, "EntityDescriptor") || child.is(METADATA, "EntitiesDescriptor") {
            collect(child, until, into)?;
        }
    }
    Ok(())
}

fn choose<'d>(entities: Vec<Entity<'d>>, entity_id: Option<&str>) -> Result<Entity<'d>, String> {
    let name = |entity: &Entity<'d>| xml::trim(entity.0.attribute("entityID").unwrap_or("")).to_owned();
    let names = entities.iter().take(5).map(&name).collect::<Vec<_>>().join(", ");
    let mut fitting: Vec<_> =
        entities.into_iter().filter(|entity| entity_id.is_none_or(|wanted| name(entity) == wanted)).collect();
    match (fitting.len(), entity_id) {
        (1, _) => fitting.pop().ok_or_else(String::new),
        (0, None) => Err("no entity in the metadata is a SAML 2.0 identity provider".to_owned()),
        (0, Some(wanted)) => {
            Err(format!("no identity provider {} in the metadata; it has: {names}", shown(wanted)))
        }
        (_, None) => {
            Err(format!("the metadata has several identity providers; name one by entity_id: {names}"))
        }
        (_, Some(wanted)) => Err(format!("the metadata has {} several times", shown(wanted))),
    }
}

/// The roles of an entity that are SAML 2.0 identity providers (Metadata 2.4.3; 2.4.1 protocolSupportEnumeration).
fn identity_providers(entity: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    entity.children_named(METADATA, "IDPSSODescriptor").filter(|role| {
        let protocols = role.attribute("protocolSupportEnumeration").unwrap_or("");
        protocols.split([' ', '\t', '\r', '\n']).any(|protocol| protocol == PROTOCOL)
    })
}

/// The IdP roles of one entity, taken together.
struct Descriptors<'d>(Vec<Element<'d>>);

impl<'d> Descriptors<'d> {
    fn of(entity: Element<'d>) -> Self {
        Self(identity_providers(entity).collect())
    }

    fn read(
        &self,
        entity_id: &str,
        mut until: Option<Moment>,
        now: Moment,
    ) -> Result<(IdentityProvider, Vec<String>), String> {
        for role in &self.0 {
            until = earliest(until, valid_until_of(*role)?);
        }
        if let Some(until) = until
            && until <= now
        {
            return Err(format!(
                "the metadata of {entity_id} was valid until {until}; get it anew from the IdP"
            ));
        }

        let (certificates, mut warnings) = self.certificates();
        let (keys, skipped) = TrustedKeys::from_certificates(&certificates)?;
        warnings.extend(skipped);
        for certificate in keys.certificates() {
            if certificate.not_after <= now {
                // Metadata Interoperability 2.6: the key counts, not the dates of its envelope.
                warnings.push(format!(
                    "the signing certificate {} ended {}",
                    certificate.subject, certificate.not_after
                ));
            }
        }
        let idp = IdentityProvider {
            entity_id: EntityId(entity_id.to_owned()),
            single_sign_on: self.single_sign_on(&mut warnings)?,
            keys,
            require_signed: RequireSigned::default(),
            cryptography: CryptographyPolicy::default(),
            want_authn_requests_signed: self.0.iter().any(|role| is_true(*role, "WantAuthnRequestsSigned")),
        };
        Ok((idp, warnings))
    }

    /// The certificates of keys that may sign: `use="signing"`, or no use (Metadata 2.4.1.1).
    fn certificates(&self) -> (Vec<Vec<u8>>, Vec<String>) {
        let (mut certificates, mut warnings) = (Vec::new(), Vec::new());
        let keys = self.0.iter().flat_map(|role| role.children_named(METADATA, "KeyDescriptor"));
        for key in keys.filter(|key| matches!(key.attribute("use"), None | Some("signing"))) {
            let texts: Vec<_> = key
                .children_named(SIGNATURE, "KeyInfo")
                .flat_map(|info| info.children_named(SIGNATURE, "X509Data"))
                .flat_map(|data| data.children_named(SIGNATURE, "X509Certificate"))
                .collect();
            if texts.is_empty() {
                warnings.push("a signing key without a certificate is skipped".to_owned());
            }
            for text in texts {
                match text.text().and_then(|text| xml::base64(&text)) {
                    Some(der) => certificates.push(der),
                    None => warnings.push("a signing certificate that is not base64 is skipped".to_owned()),
                }
            }
        }
        (certificates, warnings)
    }

    /// The addresses that take requests by a binding that we speak.
    fn single_sign_on(&self, warnings: &mut Vec<String>) -> Result<Vec<(Binding, String)>, String> {
        let mut found = Vec::new();
        for service in self.0.iter().flat_map(|role| role.children_named(METADATA, "SingleSignOnService")) {
            let (binding, location) =
                (service.attribute("Binding"), service.attribute("Location").map(xml::trim));
            let Some(binding) =
                [Binding::Redirect, Binding::Post].into_iter().find(|b| binding == Some(b.uri()))
            else {
                continue;
            };
            let usable = |text: &&str| Url::parse(text).is_ok_and(|u| matches!(u.scheme(), "http" | "https"));
            match location.filter(usable) {
                Some(location) => found.push((binding, location.to_owned())),
                None => warnings.push(format!(
                    "a sign-on address that is not an http(s) URL is skipped: {}",
                    shown(location.unwrap_or(""))
                )),
            }
        }
        if found.is_empty() {
            return Err(
                "the identity provider has no sign-on address for HTTP-Redirect or HTTP-POST".to_owned()
            );
        }
        Ok(found)
    }
}

fn valid_until_of(element: Element<'_>) -> Result<Option<Moment>, String> {
    let Some(text) = element.attribute("validUntil") else { return Ok(None) };
    let until =
        instant::parse(text).ok_or_else(|| format!("validUntil is not a UTC time: {}", shown(text)))?;
    Ok(Some(until))
}

fn earliest(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    one.into_iter().chain(other).min()
}

fn is_true(element: Element<'_>, attribute: &str) -> bool {
    matches!(element.attribute(attribute), Some("true" | "1"))
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
