//! The names of entries. A session is named by its key, which is a hash of a random secret already; whatever names a
//! person is hashed under a key that only the gate has.
//!
//! | entry | what |
//! |---|---|
//! | `{prefix}s:KEY` | a session: four octets of last use, and the sealed rest |
//! | `{prefix}u:HASH` | keys of sessions by (identity provider, user), with their ends |
//! | `{prefix}n:HASH` | the same by (identity provider, NameID), where the NameID is not the user |
//! | `{prefix}a:PART` | the keys of all sessions, in parts |
//! | `{prefix}{c}:KEY` | a claim; `{c}` keeps all claims on one server of a Cluster, so that one script sees all |
//! | `{prefix}{c}:since` | which server remembers claims, and since when |
//! | `{prefix}ended` | the channel on which keys of ended sessions are told |

use crate::identity::Person as _;
use crate::seal::KeyRing;
use crate::session::{ClaimKey, Session, SessionKey, SiteKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Makes the names.
pub(super) struct Names {
    prefix: String,
    /// The first is for what is written; all are looked under.
    keys: Vec<hmac::Key>,
}

impl Names {
    pub(super) fn new(prefix: &str, ring: &KeyRing) -> Self {
        let keys = ring.keys_for_names();
        let keys = keys.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.expose())).collect();
        Self { prefix: prefix.to_owned(), keys }
    }

    pub(super) fn session(&self, key: &SessionKey) -> String {
        format!("{}s:{}", self.prefix, URL_SAFE_NO_PAD.encode(key.0))
    }

    pub(super) fn claim(&self, key: &ClaimKey) -> String {
        format!("{}{{c}}:{}", self.prefix, URL_SAFE_NO_PAD.encode(key.0))
    }

    pub(super) fn since(&self) -> String {
        format!("{}{{c}}:since", self.prefix)
    }

    pub(super) fn ended(&self) -> String {
        format!("{}ended", self.prefix)
    }

    /// The index of a user, under each key of the ring.
    pub(super) fn user(&self, idp: &str, user: &str) -> Vec<String> {
        self.hashed("u", &[idp.as_bytes(), user.as_bytes()])
    }

    /// The same of the user of a session: the first is the one that is written.
    pub(super) fn user_of(&self, session: &Session) -> Vec<String> {
        self.user(session.idp(), session.user())
    }

    /// The index of a NameID, under each key of the ring.
    pub(super) fn name_id(&self, idp: &str, name_id: &str) -> Vec<String> {
        self.hashed("n", &[idp.as_bytes(), name_id.as_bytes()])
    }

    /// One part of the index of all sessions.
    pub(super) fn all(&self, part: u8) -> String {
        format!("{}a:{part}", self.prefix)
    }

    /// Every index that a session is in, under each key of the ring: first those that are written.
    pub(super) fn indexes(&self, session: &Session) -> Vec<Vec<String>> {
        let mut all = self.indexes_but_the_users(session);
        all.push(self.user_of(session));
        all
    }

    /// The same but for the index of the user, where places are given.
    pub(super) fn indexes_but_the_users(&self, session: &Session) -> Vec<Vec<String>> {
        let mut all = vec![vec![self.all(part_of(session.key()))]];
        if session.name_id() != session.user() {
            all.push(self.name_id(session.idp(), session.name_id()));
        }
        all
    }

    /// What stands in an index for a session.
    ///
    /// Written under the first key, and looked for under all.
    pub(super) fn members(&self, session: &Session) -> Vec<Vec<u8>> {
        self.idp_tags(session.idp()).iter().map(|tag| Self::member(session, *tag)).collect()
    }

    /// Tells identity providers apart without naming them, under each key of the ring; short, because what is found is read.
    pub(super) fn idp_tags(&self, idp: &str) -> Vec<[u8; TAG]> {
        let tag = |key| {
            let mut tag = [0; TAG];
            let hash = hmac::sign(key, &[b"idp", idp.as_bytes()].concat());
            tag.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
            tag
        };
        self.keys.iter().map(tag).collect()
    }

    fn member(session: &Session, tag: [u8; TAG]) -> Vec<u8> {
        let mut member = session.key().0.to_vec();
        member.extend_from_slice(&session.site().to_bytes());
        member.push((session.name_id() == session.user()).into());
        member.extend_from_slice(&tag);
        member
    }

    fn hashed(&self, kind: &str, parts: &[&[u8]]) -> Vec<String> {
        let name = |key| {
            let mut context = hmac::Context::with_key(key);
            context.update(kind.as_bytes());
            for part in parts {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
            let hash = context.sign();
            let (short, _) = hash.as_ref().split_at(HASH.min(hash.as_ref().len()));
            format!("{}{kind}:{}", self.prefix, URL_SAFE_NO_PAD.encode(short))
        };
        self.keys.iter().map(name).collect()
    }
}

/// What an index says of a session.
pub(super) struct Member {
    pub(super) key: SessionKey,
    pub(super) site: SiteKey,
    /// Its NameID is its user.
    pub(super) named_as_user: bool,
    /// Of its identity provider, under some key of the ring.
    pub(super) idp_tag: [u8; TAG],
}

impl Member {
    /// None: nobody of ours wrote it.
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let (key, rest) = octets.split_first_chunk()?;
        let (site, rest) = rest.split_first_chunk()?;
        let (flag, rest) = rest.split_first()?;
        let named_as_user = match flag {
            0 => false,
            1 => true,
            _ => return None,
        };
        let idp_tag = rest.try_into().ok()?;
        Some(Self { key: SessionKey(*key), site: SiteKey::from_bytes(*site), named_as_user, idp_tag })
    }
}

/// The part of the index of all that a session is in.
pub(super) fn part_of(key: &SessionKey) -> u8 {
    key.0[0] % PARTS
}

/// There may be a million sessions; one entry of them all would be one server's in a Cluster.
pub(super) const PARTS: u8 = 64;
/// Octets of a hash that make a name: two names are alike once in 2^64 pairs, and what is found is read again.
const HASH: usize = 16;
const TAG: usize = 4;
