//! One identity provider, read from its entity and the aggregates around it.

use super::change::fingerprint;
use super::select::speaks_saml2;
use super::validity::{self, Validity};
use super::{Described, MetadataProblem};
use crate::clock::Moment;
use crate::reason::Reason;
use crate::saml::keys::without_issuers;
use crate::saml::parties::{
    Binding, CryptographyPolicy, EntityId, IdentityProvider, RequireSigned, Scope, SloEndpoint, TrustedKeys,
};
use crate::saml::xml::{self, Element, METADATA, SIGNATURE, shown};
use url::Url;

const SHIBBOLETH: &str = "urn:mace:shibboleth:metadata:1.0";

/// Core 8.3.6: an entity identifier has at most 1024 characters.
const LONGEST_NAME: usize = 1024;
/// More of each than any identity provider has.
const MAX_CHAIN: usize = 16;
const MAX_ADDRESSES: usize = 64;
const MAX_SCOPES: usize = 1024;

/// Reads the one entity below `root`.
pub(super) fn read(root: Element<'_>, signed: bool, now: Moment) -> Result<Described, MetadataProblem> {
    let mut validity = Validity::default();
    let mut warnings = Vec::new();
    let entity = descend(root, &mut validity, &mut warnings)?;
    let name = entity.attribute("entityID").map(xml::trim).unwrap_or_default();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        let sentence = format!("the entity has no entityID, or one of more than {LONGEST_NAME} characters");
        return Err(MetadataProblem::new(Reason::MetadataEntityMissing, sentence));
    }
    let roles: Vec<_> = entity
        .children_named(METADATA, "IDPSSODescriptor")
        .filter(|role| speaks_saml2(role.attribute("protocolSupportEnumeration").unwrap_or("")))
        .collect();
    validity.narrow(entity, &mut warnings)?;
    for role in &roles {
        validity.narrow(*role, &mut warnings)?;
    }
    validity.check(name, now)?;
    validity.disbelieve_future(now, &mut warnings);
    if signed && validity.until.is_none() {
        let warning = "the metadata is signed and does not say until when it is valid (validUntil): whoever can hold back \
                       newer ones keeps an old one alive for ever";
        warnings.push(warning.to_owned());
    }

    let mut reader = Reader { roles, warnings };
    let keys = reader.keys(now)?;
    let identity_provider = IdentityProvider {
        entity_id: EntityId(name.to_owned()),
        single_sign_on: reader.single_sign_on()?,
        keys,
        require_signed: RequireSigned::default(),
        cryptography: CryptographyPolicy::default(),
        want_authn_requests_signed: reader.roles.iter().any(|role| is_true(*role, "WantAuthnRequestsSigned")),
        single_logout: reader.single_logout(),
        scopes: reader.scopes(entity),
    };
    Ok(Described {
        fingerprint: fingerprint(&identity_provider),
        identity_provider,
        valid_until: validity.until,
        cache_duration: validity.cache,
        issue: validity::Issue { created: validity.created, valid_until: validity.until, signed },
        signed,
        warnings: reader.warnings,
    })
}

/// To the entity, through the aggregates: the pass has left one of each.
fn descend<'d>(
    root: Element<'d>,
    validity: &mut Validity,
    warnings: &mut Vec<String>,
) -> Result<Element<'d>, MetadataProblem> {
    let mut at = root;
    while at.is(METADATA, "EntitiesDescriptor") {
        validity.narrow(at, warnings)?;
        let inner = |child: &Element<'_>| {
            child.is(METADATA, "EntitiesDescriptor") || child.is(METADATA, "EntityDescriptor")
        };
        at = at.children().find(inner).ok_or_else(|| {
            MetadataProblem::new(Reason::MetadataEntityMissing, "no entity in the metadata")
        })?;
    }
    Ok(at)
}

/// The IdP roles of the entity, taken together.
struct Reader<'d> {
    roles: Vec<Element<'d>>,
    warnings: Vec<String>,
}

impl<'d> Reader<'d> {
    fn keys(&mut self, now: Moment) -> Result<TrustedKeys, MetadataProblem> {
        let certificates = self.certificates();
        let (keys, skipped) = TrustedKeys::from_certificates(&certificates)
            .map_err(|sentence| MetadataProblem::new(Reason::MetadataKeyMissing, sentence))?;
        self.warnings.extend(skipped);
        for certificate in keys.certificates().iter().filter(|certificate| certificate.not_after <= now) {
            // Metadata Interoperability 2.6: the key counts, not the dates of its envelope.
            self.warnings.push(format!(
                "the signing certificate {} ended {}",
                certificate.subject, certificate.not_after
            ));
        }
        Ok(keys)
    }

    /// The certificates of keys that may sign: `use="signing"`, or no use (Metadata 2.4.1.1).
    fn certificates(&mut self) -> Vec<Vec<u8>> {
        let mut certificates = Vec::new();
        let keys = self.roles.iter().flat_map(|role| role.children_named(METADATA, "KeyDescriptor"));
        for key in keys.filter(|key| matches!(key.attribute("use"), None | Some("signing"))) {
            let data = key
                .children_named(SIGNATURE, "KeyInfo")
                .flat_map(|info| info.children_named(SIGNATURE, "X509Data"));
            let mut any = false;
            for data in data {
                let mut chain = Vec::new();
                for text in data.children_named(SIGNATURE, "X509Certificate").take(MAX_CHAIN) {
                    any = true;
                    match text.text().and_then(|text| xml::base64(&text)) {
                        Some(der) => chain.push(der),
                        None => {
                            let warning = "a signing certificate that is not base64 is skipped";
                            self.warnings.push(warning.to_owned());
                        }
                    }
                }
                let length = chain.len();
                let leaves = without_issuers(chain);
                if leaves.len() < length {
                    let warning = "certificates that only issued another one beside them are skipped";
                    self.warnings.push(warning.to_owned());
                }
                certificates.extend(leaves);
            }
            if !any {
                self.warnings.push("a signing key without a certificate is skipped".to_owned());
            }
        }
        certificates
    }

    /// The addresses that take requests by a binding that we speak.
    fn single_sign_on(&mut self) -> Result<Vec<(Binding, String)>, MetadataProblem> {
        let found: Vec<_> = self
            .services("SingleSignOnService", "sign-on")
            .into_iter()
            .map(|service| (service.binding, service.location))
            .collect();
        if found.is_empty() {
            let sentence = "the identity provider has no sign-on address for HTTP-Redirect or HTTP-POST";
            return Err(MetadataProblem::new(Reason::MetadataAddressMissing, sentence));
        }
        Ok(found)
    }

    fn single_logout(&mut self) -> Vec<SloEndpoint> {
        self.services("SingleLogoutService", "logout")
    }

    /// The endpoints of that name (Metadata 2.2.2), with a binding that we speak and addresses that a browser can be
    /// sent to.
    fn services(&mut self, element: &'static str, what: &str) -> Vec<SloEndpoint> {
        let mut found: Vec<SloEndpoint> = Vec::new();
        let Self { roles, warnings } = self;
        for service in roles.iter().flat_map(|role| role.children_named(METADATA, element)) {
            let named = service.attribute("Binding");
            let Some(binding) = Binding::ALL.into_iter().find(|binding| named == Some(binding.uri())) else {
                continue;
            };
            let mut address = |attribute| {
                let text = xml::trim(service.attribute(attribute)?);
                if !is_address(text) {
                    let text = shown(text);
                    warnings.push(format!("a {what} address that is not an http(s) URL is skipped: {text}"));
                    return None;
                }
                Some(text.to_owned())
            };
            let Some(location) = address("Location") else { continue };
            let endpoint = SloEndpoint { binding, location, response_location: address("ResponseLocation") };
            if !found.contains(&endpoint) && found.len() < MAX_ADDRESSES {
                found.push(endpoint);
            }
        }
        found
    }

    /// `shibmd:Scope`, of the entity and of its roles.
    fn scopes(&mut self, entity: Element<'d>) -> Vec<Scope> {
        let mut found: Vec<Scope> = Vec::new();
        let places = [entity].into_iter().chain(self.roles.iter().copied());
        let scopes = places
            .flat_map(|place| place.children_named(METADATA, "Extensions"))
            .flat_map(|extensions| extensions.children_named(SHIBBOLETH, "Scope"));
        for scope in scopes {
            let text = scope.token().unwrap_or_default();
            if is_true(scope, "regexp") {
                // Written for one engine and wrong in the next; nobody needs more than a list.
                let text = shown(&text);
                self.warnings.push(format!("a scope that is a regular expression is skipped: {text}"));
            } else if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
                self.warnings.push(format!("a scope that names no domain is skipped: {}", shown(&text)));
            } else if found.len() < MAX_SCOPES && !found.iter().any(|Scope(known)| *known == text) {
                found.push(Scope(text));
            }
        }
        found
    }
}

/// An absolute http(s) URL without characters that could mean something in a header or on a terminal.
fn is_address(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && Url::parse(text).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))
}

fn is_true(element: Element<'_>, attribute: &str) -> bool {
    matches!(element.attribute(attribute).map(xml::trim), Some("true" | "1"))
}
