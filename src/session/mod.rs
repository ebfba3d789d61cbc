//! Sessions: 256 random bits in a cookie, only their hash in the store (SKELETON).

use crate::clock::Moment;
use crate::identity::Identity;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// The secret in the cookie. Debug shows nothing.
pub struct SessionId([u8; 32]);
impl SessionId {
    pub fn random() -> Self {
        todo!()
    }
    /// 43 base64url characters.
    pub fn from_cookie(_value: &[u8]) -> Option<Self> {
        todo!()
    }
    pub fn to_cookie(&self) -> String {
        todo!()
    }
    pub fn key(&self) -> SessionKey {
        let _ = self.0;
        todo!()
    }
}

/// SHA-256 of the id: what the store knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey(pub [u8; 32]);
impl SessionKey {
    /// The JWT's `sid` and the audit log's session: the first 16 octets, base64url.
    pub fn public_name(&self) -> String {
        todo!()
    }
}

/// How long sessions live, per site.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub idle_timeout: Duration,
    pub max_age: Duration,
}

/// A live session; compact inside, implements `identity::Person`; shared as Arc.
pub struct Session {}

impl Session {
    /// Made from an identity; ends at the first of max_age and SessionNotOnOrAfter; idle timeout counts from last use.
    pub fn establish(
        _identity: &Identity,
        _site: u16,
        _key: SessionKey,
        _limits: &Limits,
        _now: Moment,
    ) -> Self {
        todo!()
    }
    pub fn site(&self) -> u16 {
        todo!()
    }
    pub fn key(&self) -> &SessionKey {
        todo!()
    }
    /// Absolute end.
    pub fn ends_at(&self) -> Moment {
        todo!()
    }
    /// Earlier of the absolute end and last use + idle timeout.
    pub fn expires_at(&self) -> Moment {
        todo!()
    }
    /// Alive at `now`: records the use (relaxed atomic, whole seconds) and answers true; false when expired or ended.
    pub fn touch(&self, _now: Moment) -> bool {
        todo!()
    }
    pub fn authn_instant(&self) -> Moment {
        todo!()
    }
    pub fn authn_context_class(&self) -> Option<&str> {
        todo!()
    }
    /// The headers made for this session (bounded cache beside; see headers room). Typed as Any-free slot:
    pub fn rendered(&self) -> &arc_swap::ArcSwapOption<crate::session::Rendered> {
        todo!()
    }
}

/// Header values made once per session, site and half-life of the JWT; a slot in the session, bounded elsewhere.
pub struct Rendered {
    /// In the site's configured order; cheap to clone (shared bytes).
    pub headers: Box<[(http::HeaderName, http::HeaderValue)]>,
    /// The JWT inside is to be signed anew from here on.
    pub renew_at: Moment,
}

/// The store cannot answer; callers refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the session store cannot be reached: {0}")]
    Unavailable(String),
    #[error("the session store is full")]
    Full,
}

/// What this process can say about a session without asking anybody.
pub enum Peek {
    Live(Arc<Session>),
    Absent,
    Ask,
}

/// How a claim ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    First,
    Taken { which: usize },
}

/// Where sessions, their indexes and claims live. Fallible and asynchronous; `peek` is the fast path.
#[async_trait]
pub trait Store: Send + Sync {
    /// From this process's memory only; the memory store never says `Ask`. Does not judge expiry.
    fn peek(&self, key: &SessionKey) -> Peek;
    async fn load(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError>;
    async fn insert(&self, session: Arc<Session>) -> Result<(), StoreError>;
    async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError>;
    /// Sessions of (site, IdP, NameID, SessionIndex); no SessionIndex: all of the NameID.
    async fn by_name_id(
        &self,
        site: u16,
        idp: &str,
        name_id: &str,
        session_index: Option<&str>,
    ) -> Result<Vec<SessionKey>, StoreError>;
    /// Sessions of (IdP, user) on every site.
    async fn by_user(&self, idp: &str, user: &str) -> Result<Vec<SessionKey>, StoreError>;
    /// Claims all keys at once until `until`, or none when one is taken. Claims are never evicted; full refuses.
    async fn claim_once(&self, keys: &[ClaimKey], until: Moment) -> Result<Claim, StoreError>;
    /// Whether a key is claimed now.
    async fn is_claimed(&self, key: &ClaimKey) -> Result<bool, StoreError>;
    /// Claims made before this moment may be forgotten (the memory store: since it was made).
    fn remembers_since(&self) -> Moment;
    /// Sessions and bytes held, for metrics.
    fn size(&self) -> StoreSize;
}

/// Figures for metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreSize {
    pub sessions: u64,
    pub bytes: u64,
    pub evicted: u64,
    pub claims: u64,
}

/// SHA-256 over a purpose label and the parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimKey(pub [u8; 32]);
impl ClaimKey {
    pub fn request(_site: u16, _request_id: &str) -> Self {
        todo!()
    }
    pub fn assertion(_issuer: &str, _assertion_id: &str) -> Self {
        todo!()
    }
}
