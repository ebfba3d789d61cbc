//! How a message is signed and encrypted: algorithms and certificates, as it says itself.

use super::report::{CertificateSeen, EncryptedSeen, SignatureSeen};
use crate::saml::parties::SigningCertificate;
use crate::saml::reading::{self, Node};
use crate::saml::trace::Signer;

/// The signatures of the message and of its assertions, with what was found about their makers.
pub(super) fn signatures(
    message: &Node,
    signers: &[Signer],
    configured: &[SigningCertificate],
) -> Vec<SignatureSeen> {
    let own = if message.name == "Response" { "response" } else { "message" };
    let of_message = message.all("Signature").map(|signature| (own, signature));
    let assertions = message.all("Assertion").flat_map(|assertion| assertion.all("Signature"));
    let all: Vec<_> = of_message.chain(assertions.map(|signature| ("assertion", signature))).collect();
    let describe = |(over, signature): &(&'static str, &Node)| {
        let signer = signers.iter().find(|signer| signer.over == *over);
        let algorithm = |path: &[&str]| signature.at(path).and_then(|node| node.attribute("Algorithm"));
        SignatureSeen {
            over: (*over).to_owned(),
            algorithm: name(algorithm(&["SignedInfo", "SignatureMethod"])),
            digest: name(algorithm(&["SignedInfo", "Reference", "DigestMethod"])),
            canonicalization: name(algorithm(&["SignedInfo", "CanonicalizationMethod"])),
            shown: certificates(signature, configured),
            made_by: signer
                .and_then(|signer| signer.made_by.as_ref())
                .map(|certificate| CertificateSeen::new(certificate, configured)),
            unaltered: signer.map(|signer| signer.unaltered),
        }
    };
    all.iter().map(describe).collect()
}

/// The encrypted parts. What came of opening them is the gate's to say; here nothing is opened.
pub(super) fn encrypted(message: &Node) -> Vec<EncryptedSeen> {
    let mut found = Vec::new();
    collect_encrypted(message, &mut found);
    found
}

fn collect_encrypted(node: &Node, found: &mut Vec<EncryptedSeen>) {
    for child in &node.children {
        if matches!(child.name.as_str(), "EncryptedAssertion" | "EncryptedID" | "EncryptedAttribute") {
            let data = child.child("EncryptedData");
            // The encrypted key stands inside the data's KeyInfo, or beside the data.
            let key = data
                .and_then(|data| data.at(&["KeyInfo", "EncryptedKey"]))
                .or_else(|| child.child("EncryptedKey"));
            let method = |of: Option<&Node>| {
                of.and_then(|node| node.at(&["EncryptionMethod"])).map(|method| {
                    let inner = ["DigestMethod", "MGF"].into_iter().filter_map(|name| method.child(name));
                    let names =
                        [method].into_iter().chain(inner).map(|node| name(node.attribute("Algorithm")));
                    names.collect::<Vec<_>>().join(" with ")
                })
            };
            found.push(EncryptedSeen {
                part: child.name.clone(),
                content: method(data).unwrap_or_else(|| "not said".to_owned()),
                key: method(key).unwrap_or_else(|| "not said".to_owned()),
                recipients: key.map(|key| certificates(key, &[])).unwrap_or_default(),
                opened: "encrypted; cannot be opened here".to_owned(),
            });
        } else {
            collect_encrypted(child, found);
        }
    }
}

/// The certificates of the KeyInfo inside. They are shown; nothing is done with them.
fn certificates(inside: &Node, configured: &[SigningCertificate]) -> Vec<CertificateSeen> {
    inside
        .all("KeyInfo")
        .flat_map(|info| info.all("X509Data"))
        .flat_map(|data| data.all("X509Certificate"))
        .filter_map(|certificate| reading::base64(&certificate.text))
        .filter_map(|der| reading::certificate(&der).ok())
        .map(|certificate| CertificateSeen::new(&certificate, configured))
        .collect()
}

/// `http://www.w3.org/2001/04/xmldsig-more#rsa-sha256` is `rsa-sha256` to people; with its namespace only where the name
/// alone says nothing.
fn name(uri: Option<&str>) -> String {
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else { return "not said".to_owned() };
    match uri.rsplit_once('#') {
        Some((_, "")) if uri.contains("xml-exc-c14n") => "exclusive canonicalisation".to_owned(),
        Some((_, name)) if !name.is_empty() && uri.starts_with("http://www.w3.org/") => name.to_owned(),
        _ => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::parties::Limits;

    #[test]
    fn algorithms_have_the_names_that_settings_have() {
        assert_eq!(name(Some("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")), "rsa-sha256");
        assert_eq!(name(Some("http://www.w3.org/2001/10/xml-exc-c14n#")), "exclusive canonicalisation");
        assert_eq!(name(Some("urn:x#y")), "urn:x#y");
        assert_eq!(name(None), "not said");
    }

    #[test]
    fn an_encrypted_part_is_described_wherever_its_key_stands() {
        let key = "<EncryptedKey><EncryptionMethod Algorithm='http://www.w3.org/2009/xmlenc11#rsa-oaep'>\
            <DigestMethod Algorithm='http://www.w3.org/2001/04/xmlenc#sha256'/></EncryptionMethod></EncryptedKey>";
        let data = "<EncryptionMethod Algorithm='http://www.w3.org/2009/xmlenc11#aes256-gcm'/>";
        for xml in [
            format!(
                "<Response><EncryptedAssertion><EncryptedData>{data}<KeyInfo>{key}</KeyInfo></EncryptedData>\
                 </EncryptedAssertion></Response>"
            ),
            format!(
                "<Response><EncryptedAssertion><EncryptedData>{data}</EncryptedData>{key}</EncryptedAssertion></Response>"
            ),
        ] {
            let seen = encrypted(&Node::read(&xml, &Limits::default()).unwrap());
            assert_eq!(seen.len(), 1);
            assert_eq!(
                (seen[0].content.as_str(), seen[0].key.as_str()),
                ("aes256-gcm", "rsa-oaep with sha256")
            );
        }
    }
}
