use super::*;
use crate::saml::testing::{certificate, signing_key};

const XML: &str = "<a>é &amp; more</a>";
const LIMIT: usize = 64 * 1024;

fn keys(names: &[&str]) -> TrustedKeys {
    let der: Vec<_> = names.iter().map(|name| certificate(name)).collect();
    TrustedKeys::from_certificates(&der).unwrap().0
}

fn deflated(octets: &[u8]) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

/// A query as another writer makes it: signed over exactly these pieces.
fn signed(pieces: &str, key: &str) -> String {
    let key = signing_key(key);
    let value = STANDARD.encode(key.sign(pieces.as_bytes()).unwrap());
    format!("{pieces}&Signature={}", value.replace('+', "%2b").replace('=', "%3d"))
}

fn verified(raw: &str) -> Result<Query, Reason> {
    let query = Query::read(raw, LIMIT).map_err(|refusal| refusal.reason)?;
    let signature = query.signature.as_ref().ok_or(Reason::LogoutUnsigned)?;
    signature.verify(&keys(&["rsa2048"]), &Allowed::strong()).map_err(|refusal| refusal.reason)?;
    Ok(query)
}

const RSA: &str = "http%3a%2f%2fwww.w3.org%2f2001%2f04%2fxmldsig-more%23rsa-sha256";

#[test]
fn our_own_queries_are_read_back_and_verify_with_every_kind_of_key() {
    for name in ["rsa2048", "rsa4096", "p256", "p384", "p521"] {
        let key = signing_key(name);
        let address =
            address("https://idp.test/slo?x=1#y", Carries::Response, XML, "a b&c=+é", Some(&key)).unwrap();
        let raw = address.strip_prefix("https://idp.test/slo?x=1&").unwrap();
        let query = Query::read(raw, LIMIT).unwrap();
        assert_eq!((query.carries, query.xml.as_str()), (Carries::Response, XML));
        assert_eq!(query.relay_state.as_deref(), Some("a b&c=+é"));
        let signature = query.signature.unwrap();
        assert!(signature.verify(&keys(&[name]), &Allowed::strong()).is_ok(), "{name}");
        assert!(signature.verify(&keys(&["evil"]), &Allowed::strong()).is_err(), "{name}");
    }
}

#[test]
fn the_query_is_verified_as_it_arrived_however_its_writer_encodes() {
    let message = deflated(XML.as_bytes());
    let tight = utf8_percent_encode(&message, NON_ALPHANUMERIC).to_string();
    let spellings = [
        // Lower-case hexadecimal (ADFS), a space as a plus and as %20, base64 left as it is.
        (tight.to_lowercase_hex(), "back+to%20work"),
        (message.replace('+', "%2B"), "back%20to+work"),
        (tight.clone(), "back to work"),
        (tight, ""),
    ];
    for (message, state) in spellings {
        let relay = if state.is_empty() { String::new() } else { format!("&RelayState={state}") };
        let raw = signed(&format!("SAMLRequest={message}{relay}&SigAlg={RSA}"), "rsa2048");
        let query = verified(&raw).unwrap_or_else(|reason| panic!("{reason}: {raw}"));
        assert_eq!(query.xml, XML, "{raw}");
        assert_eq!(query.relay_state.as_deref(), (!state.is_empty()).then_some("back to work"));

        // The order in which the pieces stand in the query is not the order in which they are signed, and other
        // parameters are nobody's business.
        let mut pieces: Vec<_> = raw.split('&').collect();
        pieces.reverse();
        assert!(verified(&format!("x=1&{}&y", pieces.join("&"))).is_ok());
    }
}

#[test]
fn a_query_that_was_changed_does_not_verify() {
    let message = utf8_percent_encode(&deflated(XML.as_bytes()), NON_ALPHANUMERIC).to_string();
    let other = utf8_percent_encode(&deflated(b"<evil/>"), NON_ALPHANUMERIC).to_string();
    let good = signed(&format!("SAMLRequest={message}&RelayState=a%20b&SigAlg={RSA}"), "rsa2048");
    assert!(verified(&good).is_ok());
    for (from, to) in [
        (message.as_str(), other.as_str()),
        ("RelayState=a%20b", "RelayState=a%20c"),
        // The same value in another spelling is another query.
        ("RelayState=a%20b", "RelayState=a+b"),
        ("&RelayState=a%20b", ""),
        ("&RelayState=a%20b", "&RelayState="),
        ("SAMLRequest=", "SAMLResponse="),
        ("rsa-sha256", "rsa-sha512"),
        ("%3a%2f", "%3A%2F"),
    ] {
        assert!(good.contains(from), "{from}");
        assert_eq!(
            verified(&good.replacen(from, to, 1)).err(),
            Some(Reason::SignatureInvalid),
            "{from} {to}"
        );
    }
    // Signed in another order than the standard's; by somebody else.
    let misordered = signed(&format!("RelayState=a&SAMLRequest={message}&SigAlg={RSA}"), "rsa2048");
    assert_eq!(verified(&misordered).err(), Some(Reason::SignatureInvalid));
    let foreign = signed(&format!("SAMLRequest={message}&SigAlg={RSA}"), "evil");
    assert_eq!(verified(&foreign).err(), Some(Reason::SignatureInvalid));
}

#[test]
fn queries_that_can_be_read_in_two_ways_are_refused() {
    let message = utf8_percent_encode(&deflated(XML.as_bytes()), NON_ALPHANUMERIC).to_string();
    let good = signed(&format!("SAMLRequest={message}&RelayState=a&SigAlg={RSA}"), "rsa2048");
    let unsigned = format!("SAMLRequest={message}");
    let weak = |name: &str| {
        format!("{unsigned}&SigAlg=http%3A%2F%2Fwww.w3.org%2F2000%2F09%2Fxmldsig%23{name}&Signature=AAAA")
    };
    let bomb = {
        let bomb = deflated(&vec![b' '; 50 << 20]);
        format!("SAMLRequest={}", utf8_percent_encode(&bomb, NON_ALPHANUMERIC))
    };
    let mut trailing = STANDARD.decode(deflated(XML.as_bytes())).unwrap();
    trailing.extend(b"more");
    let trailing = utf8_percent_encode(&STANDARD.encode(trailing), NON_ALPHANUMERIC).to_string();
    for (raw, reason) in [
        (String::new(), Reason::QueryMalformed),
        ("RelayState=a".into(), Reason::QueryMalformed),
        ("samlrequest=a".into(), Reason::QueryMalformed),
        (format!("{good}&SAMLRequest={message}"), Reason::QueryMalformed),
        (format!("{good}&SAMLResponse={message}"), Reason::QueryMalformed),
        (format!("{good}&RelayState=a"), Reason::QueryMalformed),
        (format!("{good}&SigAlg={RSA}"), Reason::QueryMalformed),
        (format!("{good}&Signature=AAAA"), Reason::QueryMalformed),
        (format!("{good}&%53AMLRequest={message}"), Reason::QueryMalformed),
        (good.replacen("SAMLRequest=", "SAMLReques%74=", 1), Reason::QueryMalformed),
        (format!("{good}&SAMLEncoding=urn:x"), Reason::QueryMalformed),
        (format!("{unsigned}&SigAlg={RSA}&Signature=%21"), Reason::QueryMalformed),
        (format!("{unsigned}&Signature=AAAA"), Reason::QuerySignatureIncomplete),
        (format!("{unsigned}&SigAlg={RSA}"), Reason::QuerySignatureIncomplete),
        (weak("rsa-sha1"), Reason::SignatureAlgorithm),
        (weak("hmac-sha1"), Reason::SignatureAlgorithm),
        (weak("dsa-sha1"), Reason::SignatureAlgorithm),
        (format!("{unsigned}&SigAlg=&Signature=AAAA"), Reason::SignatureAlgorithm),
        (format!("{unsigned}&SigAlg=none&Signature="), Reason::SignatureAlgorithm),
        ("SAMLRequest=".into(), Reason::Base64Invalid),
        ("SAMLRequest=%3Csamlp%3E".into(), Reason::Base64Invalid),
        ("SAMLRequest=AAAA".into(), Reason::DeflateInvalid),
        (format!("SAMLRequest={trailing}"), Reason::DeflateInvalid),
        (format!("SAMLRequest={}", deflated(&[0xff, 0xfe])), Reason::EncodingNotUtf8),
        (bomb, Reason::MessageTooLarge),
    ] {
        let shown: String = raw.chars().take(300).collect();
        assert_eq!(Query::read(&raw, LIMIT).err().map(|refusal| refusal.reason), Some(reason), "{shown}");
    }
    assert!(Query::read(&format!("{good}&SAMLEncoding={DEFLATE}"), LIMIT).is_ok());
}

trait LowerCaseHex {
    fn to_lowercase_hex(&self) -> String;
}

impl LowerCaseHex for String {
    fn to_lowercase_hex(&self) -> String {
        self.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d")
    }
}
