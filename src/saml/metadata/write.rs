//! Our own metadata (Metadata 2.4.4): what the identity provider is told about us. What we do not do is not in it.

use crate::saml::parties::{Binding, ServiceProvider, SigningKey};
use crate::saml::xml::{METADATA, PROTOCOL, SIGNATURE, escape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Our metadata. All signing keys are in it, so that the next one is known before it signs; it has no end, as some
/// identity providers would stop trusting us on that day.
pub fn write_service_provider(sp: &ServiceProvider) -> String {
    // In the order of the schema.
    let mut parts: Vec<String> = Vec::new();
    parts.extend(sp.signing_keys.iter().map(signing_key));
    parts.push(assertion_consumer_service(&sp.acs_url));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <md:EntityDescriptor xmlns:md=\"{METADATA}\" entityID=\"{}\">\n  \
         <md:SPSSODescriptor AuthnRequestsSigned=\"{}\" WantAssertionsSigned=\"true\" \
         protocolSupportEnumeration=\"{PROTOCOL}\">\n{}  \
         </md:SPSSODescriptor>\n</md:EntityDescriptor>\n",
        escape(sp.entity_id.as_str()),
        !sp.signing_keys.is_empty(),
        parts.concat(),
    )
}

fn signing_key(key: &SigningKey) -> String {
    format!(
        "    <md:KeyDescriptor use=\"signing\">\n      <ds:KeyInfo xmlns:ds=\"{SIGNATURE}\"><ds:X509Data>\
         <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\n    </md:KeyDescriptor>\n",
        STANDARD.encode(key.certificate_der()),
    )
}

fn assertion_consumer_service(url: &str) -> String {
    format!(
        "    <md:AssertionConsumerService Binding=\"{}\" Location=\"{}\" index=\"0\" isDefault=\"true\"/>\n",
        Binding::Post.uri(),
        escape(url),
    )
}
