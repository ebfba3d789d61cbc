//! Our own metadata (Metadata 2.4.4): what the identity provider is told about us. What we do not do is not in it.

use crate::saml::encryption;
use crate::saml::parties::{Binding, ServiceProvider, SigningKey};
use crate::saml::xml::{METADATA, PROTOCOL, SIGNATURE, escape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Our metadata. All signing keys are in it, so that the next one is known before it signs; those that open are in it for
/// encryption too, with what we open, the best first. It has no end, as some
/// identity providers would stop trusting us on that day. It lists no NameIDFormat: who sends none of a list sends no
/// NameID at all, and who is asked for one by `name_id_format` needs no list.
pub fn write_service_provider(sp: &ServiceProvider) -> String {
    // In the order of the schema.
    let mut parts: Vec<String> = Vec::new();
    parts.extend(sp.signing_keys.iter().map(signing_key));
    parts.extend(sp.signing_keys.iter().filter(|key| key.decrypts()).map(encryption_key));
    parts.extend(single_logout_services(sp));
    parts.extend(sp.acs_urls().enumerate().map(|(index, url)| assertion_consumer_service(index, url)));
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

/// A key that content may be encrypted for, and how (Metadata 2.4.1.1).
fn encryption_key(key: &SigningKey) -> String {
    let ciphers = encryption::ContentCipher::ALL.map(encryption::ContentCipher::uri);
    let methods: String = ciphers
        .into_iter()
        .chain([encryption::OAEP_MGF1P, encryption::OAEP])
        .map(|uri| format!("\n      <md:EncryptionMethod Algorithm=\"{uri}\"/>"))
        .collect();
    format!(
        "    <md:KeyDescriptor use=\"encryption\">\n      <ds:KeyInfo xmlns:ds=\"{SIGNATURE}\"><ds:X509Data>\
         <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}\n    </md:KeyDescriptor>\n",
        STANDARD.encode(key.certificate_der()),
    )
}

/// Where we take logout messages, by both bindings (Metadata 2.4.2). Without a key we could neither ask nor answer.
fn single_logout_services(sp: &ServiceProvider) -> Vec<String> {
    let service = |binding: Binding| {
        format!(
            "    <md:SingleLogoutService Binding=\"{}\" Location=\"{}\"/>\n",
            binding.uri(),
            escape(&sp.slo_url)
        )
    };
    let bindings = [Binding::Redirect, Binding::Post].into_iter().filter(|_| !sp.signing_keys.is_empty());
    bindings.map(service).collect()
}

/// Where we take answers (Metadata 2.4.4, an indexed endpoint); the first is the default.
fn assertion_consumer_service(index: usize, url: &str) -> String {
    let default = if index == 0 { " isDefault=\"true\"" } else { "" };
    format!(
        "    <md:AssertionConsumerService Binding=\"{}\" Location=\"{}\" index=\"{index}\"{default}/>\n",
        Binding::Post.uri(),
        escape(url),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::testing::{ACS, SP, certificate, sp};
    use crate::saml::xml::{self, Element};

    #[test]
    fn our_own_metadata_says_what_we_do_and_no_more() {
        let xml = write_service_provider(&sp(&["rsa2048", "p256"]));
        let document = xml::parse(&xml, 64).unwrap();
        let root = Element::root(&document).unwrap();
        assert!(root.is(METADATA, "EntityDescriptor"));
        assert_eq!(root.attribute("entityID"), Some(SP));
        let role = root.children_named(METADATA, "SPSSODescriptor").next().unwrap();
        assert_eq!(role.attribute("AuthnRequestsSigned"), Some("true"));
        assert_eq!(role.attribute("WantAssertionsSigned"), Some("true"));
        assert_eq!(role.attribute("protocolSupportEnumeration"), Some(PROTOCOL));
        let children: Vec<_> = role.children().map(Element::local_name).collect();
        let logout = "SingleLogoutService";
        let key = "KeyDescriptor";
        assert_eq!(children, [key, key, key, logout, logout, "AssertionConsumerService"]);
        // Both sign; only the RSA key opens, and tampering is noticed by what is named first.
        let keys: Vec<_> = role.children_named(METADATA, "KeyDescriptor").collect();
        let uses: Vec<_> = keys.iter().filter_map(|key| key.attribute("use")).collect();
        assert_eq!(uses, ["signing", "signing", "encryption"]);
        let methods: Vec<_> = keys[2]
            .children_named(METADATA, "EncryptionMethod")
            .filter_map(|method| method.attribute("Algorithm"))
            .collect();
        assert_eq!(methods[0], "http://www.w3.org/2009/xmlenc11#aes128-gcm");
        assert!(methods[..3].iter().all(|uri| uri.ends_with("-gcm")), "{methods:?}");
        assert!(methods[3..6].iter().all(|uri| uri.ends_with("-cbc")), "{methods:?}");
        assert_eq!(
            methods[6..],
            ["http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "http://www.w3.org/2009/xmlenc11#rsa-oaep"]
        );
        let published = keys[2].children_named(SIGNATURE, "KeyInfo").next().unwrap();
        let certificate_of_key =
            published.only_child().and_then(Element::only_child).and_then(Element::token).unwrap();
        assert_eq!(certificate_of_key, STANDARD.encode(certificate("rsa2048")));
        let acs = role.children_named(METADATA, "AssertionConsumerService").next().unwrap();
        assert_eq!(
            (acs.attribute("Location"), acs.attribute("Binding")),
            (Some(ACS), Some(Binding::Post.uri()))
        );

        let xml = write_service_provider(&sp(&[]));
        assert!(xml.contains("AuthnRequestsSigned=\"false\"") && !xml.contains("KeyDescriptor"), "{xml}");
    }

    #[test]
    fn the_next_key_is_published_before_it_signs_and_the_old_one_after() {
        let place = |xml: &str, key: &str| xml.find(&STANDARD.encode(certificate(key)));
        let xml = write_service_provider(&sp(&["rsa2048", "p256"]));
        assert!(place(&xml, "rsa2048") < place(&xml, "p256") && place(&xml, "rsa2048").is_some(), "{xml}");
        assert!(!xml.contains("validUntil") && !xml.contains("cacheDuration"));
    }

    #[test]
    fn values_cannot_break_out_of_our_metadata() {
        let mut sp = sp(&[]);
        sp.entity_id.0 = "https://x/\"><evil>&".to_owned();
        let xml = write_service_provider(&sp);
        let document = xml::parse(&xml, 64).unwrap();
        assert_eq!(Element::root(&document).unwrap().attribute("entityID"), Some(sp.entity_id.as_str()));
    }
}
