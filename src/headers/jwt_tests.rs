use super::*;
use crate::identity::tests_support::FakePerson;
use aws_lc_rs::encoding::AsDer;
use serde_json::{Value, json};
use std::collections::HashSet;

const NOW: Moment = Moment::from_millis(1_700_000_000_900);
const END: Moment = Moment::from_seconds(1_700_040_000);

/// Verified by another implementation (ring), with nothing but the published key set.
fn verified(jwks: &str, token: &str) -> Option<(Value, Value)> {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    let jwks: Value = serde_json::from_str(jwks).unwrap();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"])?;
    let mut point = vec![4];
    point.extend(decode(jwk["x"].as_str().unwrap()));
    point.extend(decode(jwk["y"].as_str().unwrap()));
    ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &decode(signature))
        .ok()?;
    Some((header, serde_json::from_slice(&decode(payload)).unwrap()))
}

fn token(keys: &JwtKeys) -> Token<'_> {
    Token { keys, issuer: "https://app.example.com", audience: "app", organization: None }
}

fn claims(person: &FakePerson) -> Claims {
    let subject = Subject {
        person,
        sid: "s-1",
        name_id: "n-1",
        idp_entity_id: None,
        authn_instant: Moment::from_millis(1_699_999_000_001),
        authn_context_class: Some("urn:class"),
        ends_at: END,
    };
    Claims::new(&token(&JwtKeys::generate()), &subject, NOW)
}

fn signed(keys: &JwtKeys, person: &FakePerson) -> String {
    keys.sign(&claims(person).payload()).unwrap()
}

fn pem(label: &str, der: &[u8]) -> Secret {
    format!("-----BEGIN {label}-----\r\n{}\r\n-----END {label}-----\r\n", STANDARD.encode(der)).into()
}

#[test]
fn an_independent_implementation_verifies_and_reads_it() {
    let keys = JwtKeys::generate();
    let mut all = claims(&FakePerson::ada());
    all.name = Some("Zoë \"Z\" \\".into());
    all.groups = Some(vec!["Sales, EMEA".into()]);
    all.roles = Some(vec![]);
    let (header, payload) = verified(keys.jwks(), &keys.sign(&all.payload()).unwrap()).unwrap();
    assert_eq!(header, json!({"typ": "JWT", "alg": "ES256", "kid": keys.kid}));
    assert_eq!(
        payload,
        json!({
            "iss": "https://app.example.com", "aud": "app", "sub": "corp|ada", "idp": "corp",
            "email": "ada@example.com", "name": "Zoë \"Z\" \\", "groups": ["Sales, EMEA"], "roles": [],
            "acr": "urn:class", "auth_time": 1_699_999_000, "sid": "s-1", "jti": payload["jti"],
            "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 1_700_000_300,
        })
    );
    assert_eq!(URL_SAFE_NO_PAD.decode(payload["jti"].as_str().unwrap()).unwrap().len(), 16);
}

#[test]
fn what_is_not_known_is_not_claimed() {
    let keys = JwtKeys::generate();
    let nobody = FakePerson { email: None, ..FakePerson::ada() };
    let (_, payload) = verified(keys.jwks(), &signed(&keys, &nobody)).unwrap();
    for absent in ["email", "name", "groups", "roles"] {
        assert!(payload.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn a_changed_or_foreign_token_is_not_verified() {
    let keys = JwtKeys::generate();
    let token = signed(&keys, &FakePerson::ada());
    assert!(verified(keys.jwks(), &token).is_some());
    assert!(verified(JwtKeys::generate().jwks(), &token).is_none());
    let other = signed(&keys, &FakePerson { user: "eve".into(), ..FakePerson::ada() });
    let (signed, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert!(verified(keys.jwks(), &format!("{signed}.{signature}")).is_none());
}

#[test]
fn the_length_is_known_before_it_is_signed() {
    let keys = JwtKeys::generate();
    for user in ["a", "ab", "abc", "abcd", "\"\\\u{e9}"] {
        let payload = claims(&FakePerson { user: user.into(), ..FakePerson::ada() }).payload();
        assert_eq!(keys.sign(&payload).unwrap().len(), keys.token_length(&payload));
    }
}

#[test]
fn it_never_outlives_the_session_and_is_renewed_at_half_life() {
    let person = FakePerson::ada();
    let payload = claims(&person).payload();
    assert_eq!(payload.renew_at(NOW), Moment::from_millis(1_700_000_000_900 + (299_100 / 2)));
    let mut subject = Subject {
        person: &person,
        sid: "s",
        name_id: "n",
        idp_entity_id: None,
        authn_instant: NOW,
        authn_context_class: None,
        ends_at: NOW.plus(Duration::from_secs(60)),
    };
    let keys = JwtKeys::generate();
    let short = Claims::new(&token(&keys), &subject, NOW);
    assert_eq!(short.exp, 1_700_000_060);
    subject.ends_at = NOW.minus(Duration::from_secs(5));
    let late = Claims::new(&token(&keys), &subject, NOW);
    assert!(late.exp < late.iat);
    assert_eq!(late.payload().renew_at(NOW), NOW);
}

#[test]
fn no_two_people_share_a_sub() {
    let people = [
        ("corp", "ada"),
        ("corp|ada", ""),
        ("corp", "|ada"),
        ("corp|", "ada"),
        ("corp%7C", "ada"),
        ("corp%257C", "ada"),
        ("cor", "p|ada"),
    ];
    let subs: HashSet<_> = people.iter().map(|(idp, user)| subject_name(idp, user)).collect();
    assert_eq!(subs.len(), people.len());
    assert_eq!(subject_name("corp", "a|b"), "corp|a|b");
    assert_eq!(subject_name("a|b%", "c"), "a%7Cb%25|c");
}

#[test]
fn the_kid_is_the_thumbprint_of_rfc_7638() {
    let keys = JwtKeys::generate();
    let jwks: Value = serde_json::from_str(keys.jwks()).unwrap();
    let key = &jwks["keys"][0];
    for (member, value) in
        [("kty", "EC"), ("crv", "P-256"), ("use", "sig"), ("alg", "ES256"), ("kid", keys.kid.as_str())]
    {
        assert_eq!(key[member], value);
    }
    assert_eq!(key.as_object().unwrap().len(), 7, "nothing private");
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
    let hash = ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes());
    assert_eq!(keys.kid, URL_SAFE_NO_PAD.encode(hash));
}

#[test]
fn keys_are_read_from_pem_and_all_are_published() {
    let current = JwtKeys::new_pem().unwrap();
    let sec1 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let sec1 = sec1.private_key().as_der().unwrap();
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let next = [parameters.as_bytes(), pem("EC PRIVATE KEY", sec1.as_ref()).expose()].concat();
    let keys = JwtKeys::from_pem(&current, &[Secret::new(next.clone()), current.clone()]).unwrap();
    let jwks: Value = serde_json::from_str(keys.jwks()).unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    assert_eq!(jwks["keys"][0]["kid"], keys.kid);

    let token = signed(&keys, &FakePerson::ada());
    assert!(verified(keys.jwks(), &token).is_some());
    let rolled = JwtKeys::from_pem(&Secret::new(next), &[current]).unwrap();
    assert_ne!(rolled.kid, keys.kid);
    assert!(verified(rolled.jwks(), &token).is_some());
    assert!(verified(keys.jwks(), &signed(&rolled, &FakePerson::ada())).is_some());
}

#[test]
fn unsuitable_keys_are_refused_and_never_quoted() {
    let p384 = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let p384 = pem("PRIVATE KEY", p384.to_pkcs8v1().unwrap().as_ref());
    let good = JwtKeys::new_pem().unwrap();
    let cut = Secret::new(good.expose()[..100].to_vec());
    let bad = [
        p384,
        cut,
        Secret::from(String::new()),
        Secret::from("hunter2".to_owned()),
        pem("PUBLIC KEY", b"hunter2"),
        pem("ENCRYPTED PRIVATE KEY", b"hunter2"),
        pem("PRIVATE KEY", b"hunter2"),
        Secret::from("-----BEGIN PRIVATE KEY-----\nhunter2!\n-----END PRIVATE KEY-----".to_owned()),
        Secret::new(vec![0xff, 0xfe]),
    ];
    for secret in bad {
        let wrong = JwtKeys::from_pem(&secret, &[]).unwrap_err();
        assert!(!wrong.contains("hunter2"), "{wrong}");
        let wrong = JwtKeys::from_pem(&good, &[secret]).unwrap_err();
        assert!(wrong.starts_with("further key 1: "), "{wrong}");
    }
}

#[test]
fn debug_output_shows_no_key() {
    let keys = JwtKeys::generate();
    assert_eq!(format!("{keys:?}"), format!("JwtKeys {{ kid: {:?}, .. }}", keys.kid));
}
