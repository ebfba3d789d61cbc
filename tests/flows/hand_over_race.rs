//! A sign-out at the very moment of a hand-over: the session of the site is being made, and is not in the store yet.

use crate::browser::{Browser, From};
use crate::idp::FakeIdp;
use crate::world::{Plan, START, World, site};
use async_trait::async_trait;
use http::StatusCode;
use std::sync::Arc;
use tokio::sync::Notify;
use vestibule::clock::Moment;
use vestibule::session::{
    Claim, ClaimKey, MemoryStore, Peek, PerUser, Placed, Selection, Session, SessionKey, SiteKey, Store,
    StoreError, StoreSize,
};
use vestibule::site::{Face, Site};

/// A memory store that waits, with a session of one site in its hands, until it is told to go on.
struct Waiting {
    inner: MemoryStore,
    with: SiteKey,
    reached: Notify,
    go_on: Notify,
}

#[async_trait]
impl Store for Waiting {
    fn peek(&self, key: &SessionKey) -> Peek {
        self.inner.peek(key)
    }
    async fn load(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        self.inner.load(key).await
    }
    async fn insert(&self, session: Arc<Session>) -> Result<(), StoreError> {
        if session.site() == self.with {
            self.reached.notify_one();
            self.go_on.notified().await;
        }
        self.inner.insert(session).await
    }
    async fn insert_within(
        &self,
        session: Arc<Session>,
        limit: &PerUser,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<Placed, StoreError> {
        if session.site() == self.with {
            self.reached.notify_one();
            self.go_on.notified().await;
        }
        self.inner.insert_within(session, limit, instead_of, now).await
    }
    async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        self.inner.remove(key).await
    }
    async fn by_name_id(
        &self,
        site: SiteKey,
        idp: &str,
        name_id: &str,
        session_index: Option<&str>,
    ) -> Result<Vec<SessionKey>, StoreError> {
        self.inner.by_name_id(site, idp, name_id, session_index).await
    }
    async fn by_user(&self, idp: &str, user: &str) -> Result<Vec<SessionKey>, StoreError> {
        self.inner.by_user(idp, user).await
    }
    async fn by_idp(&self, site: SiteKey, idp: &str) -> Result<Vec<SessionKey>, StoreError> {
        self.inner.by_idp(site, idp).await
    }
    async fn select(
        &self,
        selection: &Selection<'_>,
        at_most: usize,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.inner.select(selection, at_most).await
    }
    async fn claim_once(&self, keys: &[ClaimKey], now: Moment, until: Moment) -> Result<Claim, StoreError> {
        self.inner.claim_once(keys, now, until).await
    }
    async fn is_claimed(&self, key: &ClaimKey, now: Moment) -> Result<bool, StoreError> {
        self.inner.is_claimed(key, now).await
    }
    fn remembers_since(&self) -> Moment {
        self.inner.remembers_since()
    }
    fn size(&self) -> StoreSize {
        self.inner.size()
    }
}

/// A sign-on host and a site that uses it.
fn sites(idp: &FakeIdp) -> Vec<Site> {
    let mut hall = site(0, "hall", "https://auth.example.com", &[("corp", idp)]);
    hall.face = Face::SignOn;
    let wiki = Site {
        sign_on: Some(hall.key),
        service_provider: hall.service_provider.clone(),
        identity_providers: hall.identity_providers.clone(),
        ..site(1, "wiki", "https://wiki.example.com", &[("corp", idp)])
    };
    vec![hall, wiki]
}

/// As far as the address of the hand-over.
async fn ticket(world: &World, idp: &FakeIdp, wiki: &mut Browser<'_>, hall: &mut Browser<'_>) -> String {
    let errand = wiki.get("/vestibule/sign-in?rd=/x", From::SameSite).await.location();
    let asked = hall.begin(&errand).await;
    let mut answered = hall.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    if answered.status == StatusCode::OK {
        answered = hall.post_again(&answered).await;
    }
    hall.get(&answered.location(), From::SameSite).await.location()
}

#[tokio::test]
async fn a_sign_out_while_a_hand_over_arrives_leaves_no_session_behind() {
    for signs_out in [false, true] {
        let idp = FakeIdp::new("https://idp.test/metadata");
        let store = Arc::new(Waiting {
            inner: MemoryStore::new(1 << 20, START),
            with: SiteKey::of("wiki"),
            reached: Notify::new(),
            go_on: Notify::new(),
        });
        let mut plan = Plan::new(sites(&idp));
        plan.store = Some(Arc::<Waiting>::clone(&store));
        let world = plan.build();
        let (mut hall, mut wiki) = (Browser::on(&world, 0), Browser::on(&world, 1));
        let ticket = ticket(&world, &idp, &mut wiki, &mut hall).await;
        let meanwhile = async {
            store.reached.notified().await;
            if signs_out {
                let left = hall.post("/vestibule/sign-out", From::SameSite, &[]).await;
                assert!(left.status == StatusCode::OK || left.status.is_redirection(), "{}", left.body);
            }
            store.go_on.notify_one();
        };
        let (arrived, ()) = tokio::join!(wiki.get(&ticket, From::SameSite), meanwhile);
        assert_eq!(wiki.has_session(), !signs_out, "{}", arrived.body);
        assert_eq!(store.size().sessions, if signs_out { 0 } else { 2 }, "in the store");
        if signs_out {
            world.audit.refused(&arrived, "handoff-ended");
        } else {
            assert_eq!(arrived.location(), "https://wiki.example.com/x");
        }
    }
}
