//! What the audit says of people: as much as its owner wants, and may.
//!
//! A hash is HMAC-SHA-256 under a key that stays here, over the identity provider's `id`, a zero octet and the name; its
//! first 128 bits are shown. Whoever has a list of all users cannot find out who was who, and whoever has the key can.

use super::Record;
use crate::observe::visible::visible;
use crate::secret::Secret;
use aws_lc_rs::hmac;
use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

/// What the audit says of people.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How a NameID is told.
    pub name_id: Told,
    /// How a user is told.
    pub user: Told,
    /// Whether groups are named, and not only counted.
    pub group_names: bool,
    /// Makes the hashes.
    pub key: HashKey,
}

/// How a name is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// As a hash under a key.
    Hash,
    /// As it is.
    Value,
    /// Not at all.
    Off,
}

impl Default for Terms {
    fn default() -> Self {
        Self { name_id: Told::Hash, user: Told::Value, group_names: false, key: HashKey::random() }
    }
}

/// The terms of this process.
static TERMS: OnceLock<Terms> = OnceLock::new();

/// To be called once, before the first event.
///
/// # Errors
/// There are terms already.
pub(in crate::observe) fn install(terms: Terms) -> Result<(), String> {
    TERMS.set(terms).map_err(|_| "the audit has begun already".to_owned())
}

pub(super) fn terms() -> &'static Terms {
    TERMS.get_or_init(Terms::default)
}

impl Terms {
    /// Writes into the record who it was, as far as it may.
    pub(super) fn tell<'a>(&self, idp: Option<&str>, name: Name<'a>, record: &mut Record<'a>) {
        let idp = idp.unwrap_or_default();
        match name {
            Name::User(user) => match self.user {
                Told::Value => record.user = Some(visible(user, super::MAX_VALUE)),
                Told::Hash => record.user_hash = Some(self.key.hash(idp, user)),
                Told::Off => {}
            },
            Name::NameId(name_id) => match self.name_id {
                Told::Value => record.name_id = Some(visible(name_id, super::MAX_VALUE)),
                Told::Hash => record.name_id_hash = Some(self.key.hash(idp, name_id)),
                Told::Off => {}
            },
        }
    }

    /// The groups by their names, where that is wanted.
    pub(super) fn group_names<'a>(&self, groups: &'a [String]) -> Option<Vec<Cow<'a, str>>> {
        self.group_names.then(|| super::names(groups, super::MAX_GROUPS))
    }
}

/// What somebody is called, and by whom.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name<'a> {
    /// By the application.
    User(&'a str),
    /// By the identity provider.
    NameId(&'a str),
}

/// The key of hashes. Nothing shows it.
#[derive(Clone)]
pub struct HashKey(hmac::Key);

impl HashKey {
    /// Hashes under this secret are the same wherever and whenever they are made.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// Hashes under this one are of no use after the process.
    pub fn random() -> Self {
        let mut octets = [0_u8; 32];
        // Without randomness nothing else works: no session can begin whose name would be hashed.
        let _ = aws_lc_rs::rand::fill(&mut octets);
        Self::new(&Secret::new(octets.to_vec()))
    }

    /// 32 hexadecimal digits.
    fn hash(&self, idp: &str, name: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [idp.as_bytes(), &[0], name.as_bytes()] {
            context.update(part);
        }
        context.sign().as_ref().iter().take(16).map(|octet| format!("{octet:02x}")).collect()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(octet: u8) -> HashKey {
        HashKey::new(&Secret::new(vec![octet; 32]))
    }

    #[test]
    fn a_hash_is_of_the_name_the_identity_provider_and_the_key() {
        let hash = under(1).hash("corp", "ada");
        assert_eq!(hash.len(), 32);
        assert_eq!(hash, under(1).hash("corp", "ada"));
        for other in [
            under(2).hash("corp", "ada"),
            under(1).hash("club", "ada"),
            under(1).hash("corp", "Ada"),
            under(1).hash("cor", "pada"),
        ] {
            assert_ne!(hash, other);
        }
    }

    /// As docs/audit.md says that anybody with the key can do.
    #[test]
    fn a_hash_can_be_made_by_other_programs() {
        // printf 'corp\0ada' | openssl dgst -sha256 -mac HMAC -macopt key:0123456789abcdef0123456789abcdef
        let key = HashKey::new(&Secret::from("0123456789abcdef0123456789abcdef".to_owned()));
        assert_eq!(key.hash("corp", "ada"), OPENSSL_SAYS);
    }

    const OPENSSL_SAYS: &str = "e2ed9a39812a2188a3ac675984100eb8";

    #[test]
    fn the_key_is_not_shown() {
        assert_eq!(format!("{:?}", under(1)), "HashKey(…)");
        assert!(format!("{:?}", Terms { key: under(65), ..Terms::default() }).ends_with("HashKey(…) }"));
    }
}
