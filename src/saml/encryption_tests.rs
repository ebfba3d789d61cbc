use super::*;
use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext};

/// A CipherValue as an identity provider makes it, with the padding that is asked for.
fn sealed_cbc(algorithm: &'static cipher::Algorithm, key: &[u8], padded: &[u8]) -> Vec<u8> {
    let vector = [7; BLOCK];
    let key = EncryptingKey::cbc(UnboundCipherKey::new(algorithm, key).unwrap()).unwrap();
    let mut blocks = padded.to_vec();
    let _ = key.less_safe_encrypt(&mut blocks, EncryptionContext::Iv128(FixedLength::from(vector))).unwrap();
    [&vector[..], &blocks].concat()
}

#[test]
fn every_accepted_cipher_is_read_back_and_has_its_key_length() {
    for cipher in ContentCipher::ALL {
        assert_eq!(ContentCipher::from_uri(cipher.uri()).unwrap(), cipher);
        let bits: usize = cipher.name()[3..6].parse().unwrap();
        assert_eq!(cipher.key_length() * 8, bits);
        assert_eq!(cipher.is_cbc(), cipher.name().ends_with("-cbc"));
    }
}

#[test]
fn weak_and_unknown_names_are_refused_by_name() {
    for (uri, says) in [
        ("http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "3DES"),
        ("http://www.w3.org/2001/04/xmlenc#aes128-gcm", "aes128-gcm"),
        ("http://www.w3.org/2009/xmlenc11#aes128-cbc", "aes128-cbc"),
        ("", "\"\""),
    ] {
        let refusal = ContentCipher::from_uri(uri).unwrap_err();
        assert_eq!(refusal.reason, Reason::EncryptionAlgorithm);
        assert!(refusal.detail.contains(says), "{refusal}");
    }
    for (uri, says) in [
        ("http://www.w3.org/2001/04/xmlenc#rsa-1_5", "PKCS #1 v1.5"),
        ("http://www.w3.org/2001/04/xmlenc#kw-aes128", "both sides know"),
        ("http://www.w3.org/2009/xmlenc11#ECDH-ES", "agreement"),
        ("http://www.w3.org/2001/04/xmlenc#rsa-oaep", "rsa-oaep"),
    ] {
        let refusal = Oaep::from_uris(uri, None, None).unwrap_err();
        assert_eq!(refusal.reason, Reason::EncryptionKeyTransport);
        assert!(refusal.detail.contains(says), "{refusal}");
    }
    let md5 = Some("http://www.w3.org/2001/04/xmldsig-more#md5");
    assert!(Oaep::from_uris(OAEP, md5, None).is_err());
    assert!(Oaep::from_uris(OAEP, None, md5).is_err());
}

#[test]
fn both_hash_functions_of_oaep_are_sha_1_unless_it_says_otherwise() {
    let sha1 = Oaep { digest: OaepHash::Sha1, mask: OaepHash::Sha1 };
    assert_eq!(Oaep::from_uris(OAEP_MGF1P, None, None), Ok(sha1));
    assert_eq!(Oaep::from_uris(OAEP, None, None), Ok(sha1));
    let mixed = Oaep { digest: OaepHash::Sha256, mask: OaepHash::Sha1 };
    assert_eq!(Oaep::from_uris(OAEP_MGF1P, Some("http://www.w3.org/2001/04/xmlenc#sha256"), None), Ok(mixed));
    let other = Oaep { digest: OaepHash::Sha1, mask: OaepHash::Sha512 };
    assert_eq!(Oaep::from_uris(OAEP, None, Some("http://www.w3.org/2009/xmlenc11#mgf1sha512")), Ok(other));
}

#[test]
fn cbc_takes_any_padding_that_says_how_long_it_is_and_nothing_else() {
    let key = [3; 16];
    let open = |padded: &[u8]| open_cbc(&cipher::AES_128, &key, &sealed_cbc(&cipher::AES_128, &key, padded));
    assert_eq!(open(b"thirteen chars\xab\x02").as_deref(), Some(&b"thirteen chars"[..]));
    assert_eq!(open(b"thirteen chars\x02\x02").as_deref(), Some(&b"thirteen chars"[..]));
    assert_eq!(open(b"fifteen letters\x01").as_deref(), Some(&b"fifteen letters"[..]));
    assert_eq!(open(&[16; 16]).as_deref(), Some(&b""[..]));
    assert_eq!(open(&[[9; 16], [16; 16]].concat()).as_deref(), Some(&[9; 16][..]));
    assert_eq!(open(b"fifteen letters\x00"), None);
    assert_eq!(open(b"fifteen letters\x11"), None);
    assert_eq!(open(b"fifteen letters\xff"), None);
    let whole = sealed_cbc(&cipher::AES_128, &key, b"fifteen letters\x01");
    for length in [0, 1, 15, 16, 17, 31] {
        assert_eq!(open_cbc(&cipher::AES_128, &key, &whole[..length]), None, "{length}");
    }
    assert_eq!(open_cbc(&cipher::AES_128, &key[..15], &whole), None);
    assert_eq!(open_cbc(&cipher::AES_256, &key, &whole), None);
}

#[test]
fn gcm_notices_every_change() {
    let key = [5; 32];
    let sealing = LessSafeKey::new(UnboundKey::new(&aead::AES_256_GCM, &key).unwrap());
    let mut body = b"<saml:Assertion/>".to_vec();
    let nonce = Nonce::assume_unique_for_key([1; 12]);
    sealing.seal_in_place_append_tag(nonce, Aad::empty(), &mut body).unwrap();
    let whole = [&[1; 12][..], &body].concat();
    assert_eq!(ContentCipher::Aes256Gcm.open(&key, &whole).as_deref(), Some(&b"<saml:Assertion/>"[..]));
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert_eq!(ContentCipher::Aes256Gcm.open(&key, &changed), None, "octet {at}");
    }
    for length in [0, 11, 12, 27, whole.len() - 1] {
        assert_eq!(ContentCipher::Aes256Gcm.open(&key, &whole[..length]), None, "{length}");
    }
    assert_eq!(ContentCipher::Aes128Gcm.open(&key, &whole), None);
}
