use super::*;
use crate::saml::own_keys::SigningKey;
use crate::saml::testing::{certificate, fixture, signing_key};
use crate::secret::Secret;

#[test]
fn unsuitable_keys_are_skipped_with_a_warning() {
    let good = certificate("rsa2048");
    let given: Vec<_> = ["rsa1024", "dsa", "k256", "p256", "rsa2048"]
        .into_iter()
        .map(certificate)
        .chain([vec![1, 2, 3]])
        .collect();
    let (keys, warnings) = TrustedKeys::from_certificates(&given).unwrap();
    let kinds: Vec<_> = keys.certificates().iter().map(|c| c.key.as_str()).collect();
    assert_eq!(kinds, ["P-256", "RSA 2048"]);
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert!(warnings[0].contains("1024 bits"), "{warnings:?}");

    let mut doubled = good.clone();
    doubled.push(0);
    let (_, warnings) = TrustedKeys::from_certificates(&[good, doubled]).unwrap();
    assert_eq!(warnings.len(), 1, "octets after the certificate: {warnings:?}");
}

#[test]
fn without_a_suitable_key_there_are_no_trusted_keys() {
    assert!(TrustedKeys::from_certificates(&[]).unwrap_err().contains("no signing certificate"));
    let error = TrustedKeys::from_certificates(&[certificate("rsa1024"), certificate("dsa")]).unwrap_err();
    assert!(error.contains("1024 bits") && error.contains("neither RSA nor ECDSA"), "{error}");
}

#[test]
fn the_same_key_counts_once() {
    let (keys, warnings) =
        TrustedKeys::from_certificates(&[certificate("p384"), certificate("p384"), certificate("p521")])
            .unwrap();
    assert_eq!(keys.certificates().len(), 2);
    assert!(warnings.is_empty());
}

#[test]
fn certificates_are_described() {
    let (keys, _) = TrustedKeys::from_certificates(&[certificate("rsa4096")]).unwrap();
    let shown = &keys.certificates()[0];
    assert_eq!((shown.subject.as_str(), shown.key.as_str()), ("CN=test rsa4096", "RSA 4096"));
    assert_eq!(shown.not_after.to_string(), "2035-01-01T00:00:00.000Z");
}

#[test]
fn a_key_verifies_only_what_it_signed_with_its_own_kind_of_algorithm() {
    for name in ["rsa2048", "rsa4096", "p256", "p384", "p521"] {
        let ours = signing_key(name);
        let (keys, _) = TrustedKeys::from_certificates(&[certificate(name)]).unwrap();
        let value = ours.sign(b"octets").unwrap();
        let algorithm = ours.algorithm();
        assert!(keys.verify(algorithm, b"octets", &value).is_ok(), "{name}");
        assert!(keys.verify(algorithm, b"0ctets", &value).is_err(), "{name}");
        assert!(keys.verify(algorithm, b"octets", &value[1..]).is_err(), "{name}");
        assert!(keys.verify(algorithm, b"octets", &[]).is_err(), "{name}");
        for other in Hash::ALL
            .into_iter()
            .flat_map(|h| {
                [SignatureAlgorithm::RsaPkcs1(h), SignatureAlgorithm::RsaPss(h), SignatureAlgorithm::Ecdsa(h)]
            })
            .filter(|other| *other != algorithm)
        {
            assert!(keys.verify(other, b"octets", &value).is_err(), "{name} as {}", other.uri());
        }
        let (evil, _) = TrustedKeys::from_certificates(&[certificate("evil")]).unwrap();
        assert!(evil.verify(algorithm, b"octets", &value).is_err(), "{name}");
    }
}

#[test]
fn an_ecdsa_value_of_zeros_or_in_asn1_is_no_signature() {
    let (keys, _) = TrustedKeys::from_certificates(&[certificate("p256")]).unwrap();
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    assert!(keys.verify(algorithm, b"octets", &[0; 64]).is_err());
    let value = signing_key("p256").sign(b"octets").unwrap();
    assert!(keys.verify(algorithm, b"octets", &asn1_of_fixed(&value, 32).unwrap()).is_err());
}

#[test]
fn fixed_length_numbers_become_minimal_asn1() {
    let fixed = [0x00, 0x01, 0x80, 0x00];
    assert_eq!(
        asn1_of_fixed(&fixed, 2).unwrap(),
        [0x30, 0x08, 0x02, 0x01, 0x01, 0x02, 0x03, 0x00, 0x80, 0x00]
    );
    assert_eq!(asn1_of_fixed(&[0; 4], 2).unwrap(), [0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00]);
    assert_eq!(asn1_of_fixed(&[0xff; 132], 66).unwrap()[..4], [0x30, 0x81, 0x8a, 0x02]);
    assert!(asn1_of_fixed(&fixed, 3).is_none());
}

#[test]
fn bits_are_counted_without_leading_zeros() {
    assert_eq!(bit_length(&[]), 0);
    assert_eq!(bit_length(&[0, 0]), 0);
    assert_eq!(bit_length(&[0, 0x80, 0]), 16);
    assert_eq!(bit_length(&[0x7f, 0xff]), 15);
}

#[test]
fn private_keys_are_read_in_every_usual_format() {
    for (key, certificate) in [
        ("rsa2048.key.pem", "rsa2048"),
        ("rsa2048.traditional.pem", "rsa2048"),
        ("p256.key.pem", "p256"),
        ("p256.traditional.pem", "p256"),
        ("p384.key.pem", "p384"),
        ("p521.key.pem", "p521"),
    ] {
        let key =
            SigningKey::from_pem(&Secret::new(fixture(key)), &fixture(&format!("{certificate}.crt.pem")));
        assert_eq!(key.unwrap().certificate_der(), super::super::testing::certificate(certificate));
    }
}

#[test]
fn private_keys_that_do_not_fit_are_refused_in_words() {
    let read = |key: &str, certificate: &str| {
        SigningKey::from_pem(&Secret::new(fixture(key)), &fixture(certificate)).unwrap_err()
    };
    assert!(read("evil.key.pem", "rsa2048.crt.pem").contains("do not belong together"));
    assert!(read("p256.key.pem", "rsa2048.crt.pem").contains("not a valid RSA 2048 key"));
    assert!(read("rsa1024.key.pem", "rsa1024.crt.pem").contains("1024 bits"));
    assert!(read("rsa2048.key.pem", "rsa2048.key.pem").contains("BEGIN CERTIFICATE"));
    assert!(read("rsa2048.crt.pem", "rsa2048.crt.pem").contains("BEGIN PRIVATE KEY"));
    let encrypted =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_vec();
    let error = SigningKey::from_pem(&Secret::new(encrypted), &fixture("rsa2048.crt.pem")).unwrap_err();
    assert!(error.contains("encrypted"), "{error}");
}

#[test]
fn debug_output_names_the_key_and_no_more() {
    assert_eq!(format!("{:?}", signing_key("p256")), "SigningKey { subject: \"CN=test p256\", .. }");
}
