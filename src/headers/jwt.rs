//! The identity JWT: what an application can trust even when somebody reaches it beside the gate.
//!
//! ES256 (RFC 7518, 3.4), five minutes, keys at `/.well-known/vestibule/jwks.json`. The header is exactly `typ`, `alg` and
//! `kid` (the key's RFC 7638 thumbprint). Claims:
//!
//! | claim | what |
//! |---|---|
//! | `iss` | the site's public origin |
//! | `aud` | the site's name |
//! | `org` | the tenant's name, on a site that has tenants |
//! | `sub` | the person: `idp`, a `\|`, and the user; in the first part `%` and `\|` are written `%25` and `%7C`, so the first `\|` divides and no two people share one `sub` |
//! | `email`, `name` | when known |
//! | `groups` | when known, perhaps empty; absent when unknown or left out to keep the header budget |
//! | `roles` | absent only when left out to keep the budget |
//! | `idp` | the `id` of the identity provider |
//! | `acr`, `auth_time` | how and when the person authenticated there, as the IdP says |
//! | `sid` | the session's public name |
//! | `jti` | 128 random bits |
//! | `iat`, `nbf`, `exp` | now, now, and five minutes later or the session's end |

use super::render::{Subject, Token};
use crate::clock::Moment;
use crate::secret::Secret;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a JWT is good for.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// Base64url of 64 octets.
const SIGNATURE_LENGTH: usize = 86;

/// The signing key, and further published keys (next, previous).
pub struct JwtKeys {
    signer: EcdsaKeyPair,
    kid: String,
    /// The encoded header with its dot.
    header: String,
    jwks: String,
}

impl JwtKeys {
    /// A new key that lives as long as this value.
    ///
    /// # Panics
    /// When the machine has no random numbers to give; nothing of the gate could work then. Called at start only.
    #[expect(clippy::expect_used, reason = "at start, and there is nothing to go on with")]
    pub fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .expect("the machine has random numbers to give");
        Self::of(pair, &[])
    }

    /// PEM P-256 private keys, PKCS#8 or SEC1: the first signs, all are published. Publish the next key before it
    /// signs, and the previous one until what it signed has expired.
    ///
    /// # Errors
    /// A sentence for the owner.
    pub fn from_pem(current: &Secret, others: &[Secret]) -> Result<Self, String> {
        let others = others
            .iter()
            .enumerate()
            .map(|(i, pem)| pair_from_pem(pem).map_err(|wrong| format!("further key {}: {wrong}", i + 1)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of(pair_from_pem(current)?, &others))
    }

    /// A new private key in PEM (PKCS#8), to be kept in a file.
    ///
    /// # Errors
    /// When the machine has no random numbers to give.
    pub fn new_pem() -> Result<Secret, String> {
        let failed = |_| "a key could not be generated".to_owned();
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let der = pair.to_pkcs8v1().map_err(failed)?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let mut pem = Vec::with_capacity(body.len() + 64);
        pem.extend_from_slice(b"-----BEGIN PRIVATE KEY-----\n");
        for line in body.as_bytes().chunks(64) {
            pem.extend_from_slice(line);
            pem.push(b'\n');
        }
        pem.extend_from_slice(b"-----END PRIVATE KEY-----\n");
        Ok(Secret::new(pem))
    }

    fn of(signer: EcdsaKeyPair, others: &[EcdsaKeyPair]) -> Self {
        let mut published: Vec<PublicKey> = Vec::new();
        for pair in std::iter::once(&signer).chain(others) {
            let key = PublicKey::of(pair);
            if published.iter().all(|other| other.kid != key.kid) {
                published.push(key);
            }
        }
        let keys: Vec<String> = published.iter().map(PublicKey::jwk).collect();
        let kid = PublicKey::of(&signer).kid;
        let header = format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"JWT"}}"#);
        Self {
            signer,
            kid,
            header: URL_SAFE_NO_PAD.encode(header) + ".",
            jwks: format!(r#"{{"keys":[{}]}}"#, keys.join(",")),
        }
    }

    /// The JWKS document (RFC 7517, 5): all published keys, the signing one first.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// How long the signed JWT will be.
    pub(super) fn token_length(&self, payload: &Payload) -> usize {
        self.header.len() + base64_length(payload.json.len()) + 1 + SIGNATURE_LENGTH
    }

    /// The compact JWT; none when the signature fails.
    pub(super) fn sign(&self, payload: &Payload) -> Option<String> {
        let mut token = String::with_capacity(self.token_length(payload));
        token.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(&payload.json, &mut token);
        let signature = self.signer.sign(&SystemRandom::new(), token.as_bytes()).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Some(token)
    }
}

/// The signing key's name, nothing of the key.
impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKeys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// What is signed.
#[derive(Debug, Serialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<String>,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) groups: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) roles: Option<Vec<String>>,
    idp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    auth_time: i64,
    sid: String,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Claims {
    /// Everything but name, groups and roles, which the budget may leave out.
    pub(super) fn new(token: &Token<'_>, subject: &Subject<'_>, now: Moment) -> Self {
        let person = subject.person;
        Self {
            iss: token.issuer.to_owned(),
            aud: token.audience.to_owned(),
            org: token.organization.map(str::to_owned),
            sub: subject_name(person.idp(), person.user()),
            email: person.email().map(str::to_owned),
            name: None,
            groups: None,
            roles: None,
            idp: person.idp().to_owned(),
            acr: subject.authn_context_class.map(str::to_owned),
            auth_time: subject.authn_instant.seconds(),
            sid: subject.sid.to_owned(),
            jti: random_name(),
            iat: now.seconds(),
            nbf: now.seconds(),
            exp: now.plus(LIFETIME).min(subject.ends_at).seconds(),
        }
    }

    /// Settled: as it will be signed.
    pub(super) fn payload(&self) -> Payload {
        // Strings and numbers always become JSON; if they ever did not, an empty payload is accepted by nobody.
        Payload {
            json: serde_json::to_string(self).unwrap_or_default(),
            expires_at: Moment::from_seconds(self.exp),
        }
    }
}

/// The claims as they will be signed.
pub(super) struct Payload {
    json: String,
    expires_at: Moment,
}

impl Payload {
    /// Half of its life from `now`.
    pub(super) fn renew_at(&self, now: Moment) -> Moment {
        now.plus(self.expires_at.since(now) / 2)
    }
}

/// `sub`; see the module's header.
fn subject_name(idp: &str, user: &str) -> String {
    format!("{}|{user}", idp.replace('%', "%25").replace('|', "%7C"))
}

fn random_name() -> String {
    let mut bits = [0; 16];
    // A repeated `jti` would be a nuisance, no hole; the signature needs random numbers as well and fails without.
    let _ = rand::fill(&mut bits);
    URL_SAFE_NO_PAD.encode(bits)
}

const fn base64_length(octets: usize) -> usize {
    (octets * 4).div_ceil(3)
}

struct PublicKey {
    x: String,
    y: String,
    kid: String,
}

impl PublicKey {
    fn of(pair: &EcdsaKeyPair) -> Self {
        // An uncompressed point: 4, x, y (SEC 1, 2.3.3), 32 octets each on P-256.
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len().saturating_sub(1) / 2);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638, 3.2: these members only, in this order.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        Self { x, y, kid }
    }

    fn jwk(&self) -> String {
        let Self { x, y, kid } = self;
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","use":"sig","alg":"ES256","kid":"{kid}"}}"#)
    }
}

fn pair_from_pem(pem: &Secret) -> Result<EcdsaKeyPair, String> {
    let der = ["PRIVATE KEY", "EC PRIVATE KEY"]
        .iter()
        .find_map(|label| pem_body(pem.expose(), label))
        .ok_or("no `PRIVATE KEY` or `EC PRIVATE KEY` in PEM (an encrypted key must be decrypted first)")??;
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
        .map_err(|_| "not a private key on the curve P-256".to_owned())
}

/// The octets of the first PEM block with this label (RFC 7468); other blocks, such as OpenSSL's curve parameters, are
/// passed over.
fn pem_body(pem: &[u8], label: &str) -> Option<Result<Zeroizing<Vec<u8>>, String>> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let Some((body, _)) = rest.split_once(&format!("-----END {label}-----")) else {
        return Some(Err("the PEM block has no end".into()));
    };
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    Some(STANDARD.decode(&*body).map(Zeroizing::new).map_err(|_| "the PEM block is not base64".into()))
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
