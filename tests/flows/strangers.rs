//! Whatever else is posted to the assertion consumer service, and what happens when the gate itself has trouble.

use crate::browser::{Browser, From};
use crate::idp::{FakeIdp, Signed};
use crate::logout::{Message, PARTIAL, RESPONDER, Received, SUCCESS};
use crate::single_logout::{idp_with, with_key};
use crate::world::{Plan, START, World, site, world};
use async_trait::async_trait;
use futures_util::FutureExt as _;
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use vestibule::clock::Moment;
use vestibule::limits::{Rate, RateLimits, Rates};
use vestibule::login::verifier::Verifier;
use vestibule::session::{
    Claim, ClaimKey, MemoryStore, Peek, PerUser, Placed, Selection, Session, SessionKey, SiteKey, Store,
    StoreError, StoreSize,
};

#[tokio::test]
async fn every_malformed_message_is_refused_at_once_and_by_its_name() {
    let (world, idp) = world();
    let asked = Browser::of(&world).leave_for_the_idp("/x").await;
    let good = idp.answer(&asked, "ada", world.now());
    let mut unsolicited = good.clone();
    unsolicited.in_response_to = None;
    let with_doctype = format!("<!DOCTYPE x>{}", good.xml());
    let acs = "/vestibule/saml/acs";
    for (code, form) in [
        ("form-malformed", "RelayState=x".to_owned()),
        ("form-malformed", "SAMLResponse=a&SAMLResponse=b".to_owned()),
        ("base64-invalid", "SAMLResponse=%25%25".to_owned()),
        ("base64-invalid", "SAMLResponse=".to_owned()),
        ("xml-malformed", format!("SAMLResponse={}", encoded("<a>"))),
        ("not-a-response", format!("SAMLResponse={}", encoded("<a/>"))),
        ("xml-doctype", format!("SAMLResponse={}", encoded(&with_doctype))),
        ("in-response-to-missing", format!("SAMLResponse={}", encoded(&unsolicited.xml()))),
        ("message-too-large", format!("SAMLResponse={}", "A".repeat(500_000))),
    ] {
        let mut browser = Browser::of(&world);
        let refused = browser.send(http::Method::POST, acs, From::CrossSite, Some(form)).await;
        world.audit.refused(&refused, code);
        assert!(browser.jar.is_empty());
        assert_eq!(refused.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn what_is_not_signed_by_the_idp_is_refused() {
    let (world, idp) = world();
    let impostor = FakeIdp::new("https://idp.test/metadata");
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let mut unsigned = idp.answer(&asked, "ada", world.now());
    unsigned.signed = Signed::Nothing;
    let forged = impostor.answer(&asked, "ada", world.now()).form_value();
    let tampered = encoded_plain(&idp.answer(&asked, "ada", world.now()).xml().replace(">ada<", ">root<"));
    for (code, value) in [
        ("signature-missing", unsigned.form_value()),
        ("signature-invalid", forged),
        ("digest-mismatch", tampered),
    ] {
        let refused = browser.bring_value(&asked, &value).await;
        world.audit.refused(&refused, code);
        assert!(!browser.has_session());
    }
    // None of them has used anything up.
    assert_eq!(
        browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await.status,
        StatusCode::SEE_OTHER
    );
}

/// The verifier's only thread is at work until it is released.
async fn occupied(
    world: &World,
) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), vestibule::reason::Refusal>>) {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let gate = Arc::clone(&world.gate);
    let blocking = tokio::spawn(async move {
        gate.verifier
            .run(move || {
                started.send(()).unwrap();
                released.recv().unwrap();
            })
            .await
    });
    has_started.await.unwrap();
    (release, blocking)
}

#[tokio::test]
async fn a_busy_verifier_answers_503_with_retry_after() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let mut plan = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]);
    plan.verifier = Some(Verifier::with(1, 1).unwrap());
    let world = plan.build();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;

    // The only thread is at work, and one more job waits: that is all there is room for.
    let (release, blocking) = occupied(&world).await;
    let mut waiting = Box::pin(world.gate.verifier.run(|| ()));
    assert!((&mut waiting).now_or_never().is_none());
    let refused = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    world.audit.refused(&refused, "busy");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.header("retry-after").is_some());
    release.send(()).unwrap();
    blocking.await.unwrap().unwrap();
    waiting.await.unwrap();
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_flood_of_forgeries_leaves_room_for_whoever_began_here() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let mut plan = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]);
    plan.verifier = Some(Verifier::with(1, 8).unwrap());
    let world = plan.build();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let (release, blocking) = occupied(&world).await;

    // As many forgeries as there are, of browsers that began nothing: two wait, and the others are turned away at once.
    let forged = FakeIdp::new("https://idp.test/metadata").answer(&asked, "root", world.now()).form_value();
    let mut browsers: Vec<_> = (0..20).map(|_| Browser::of(&world)).collect();
    let mut flood: Vec<_> =
        browsers.iter_mut().map(|browser| Box::pin(browser.bring_value(&asked, &forged))).collect();
    let turned_away = flood.iter_mut().filter_map(|post| post.now_or_never()).count();
    assert_eq!(turned_away, 18);

    let honest_answer = idp.answer(&asked, "ada", world.now());
    let mut honest = Box::pin(browser.bring(&asked, &honest_answer));
    assert!((&mut honest).now_or_never().is_none(), "it waits, and is not turned away");
    release.send(()).unwrap();
    blocking.await.unwrap().unwrap();
    assert_eq!(honest.await.status, StatusCode::SEE_OTHER);
    let text = world.gate.metrics.encode();
    assert!(text.contains("vestibule_limits_reached_total{limit=\"verifier_strangers\"} 18"));
    assert!(text.contains("vestibule_limits_reached_total{limit=\"verifier\"} 0"));
}

#[tokio::test]
async fn one_identity_provider_is_asked_so_often_and_strangers_do_not_use_up_what_is_its() {
    let (idp, other) =
        (FakeIdp::new("https://idp.test/metadata"), FakeIdp::new("https://other.test/metadata"));
    let idps = [("corp", &idp), ("partner", &other)];
    let mut plan = Plan::new(vec![site(0, "app", "https://app.example.com", &idps)]);
    let few = Rates { per_address: None, per_idp: Some(Rate { count: 2, per: Duration::from_secs(60) }) };
    plan.rates = RateLimits { sign_ins: few, answers: few };
    let world = plan.build();
    let mut browser = Browser::of(&world);
    let sign_in = |idp: &str| format!("/vestibule/sign-in?rd=/x&idp={idp}");
    let asked = browser.begin(&sign_in("corp")).await;
    browser.begin(&sign_in("corp")).await;
    let refused = browser.get(&sign_in("corp"), From::SameSite).await;
    world.audit.refused(&refused, "rate-limited");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), Some("5"));
    browser.begin(&sign_in("partner")).await;

    // Strangers: the third is turned away, and the answer that was asked for is not.
    let forged = FakeIdp::new("https://idp.test/metadata").answer(&asked, "root", world.now()).form_value();
    let mut turned_away = Vec::new();
    for _ in 0..4 {
        turned_away.push(Browser::of(&world).bring_value(&asked, &forged).await.status);
    }
    assert_eq!(turned_away[2..], [StatusCode::TOO_MANY_REQUESTS; 2], "{turned_away:?}");
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    // One event for all of them.
    let told = world.audit.events().iter().filter(|event| event["code"] == "rate-limited").count();
    assert_eq!(told, 1);
}

/// A memory store that fails where it is told to.
pub struct Failing {
    pub inner: MemoryStore,
    pub at: AtomicU8,
}

pub const CLAIM: u8 = 1;
const INSERT: u8 = 2;
const REMOVE: u8 = 4;
const LOAD: u8 = 8;
pub const IS_CLAIMED: u8 = 16;
const REMOVE_ONCE: u8 = 32;

impl Failing {
    fn check(&self, at: u8) -> Result<(), StoreError> {
        if self.at.load(Ordering::SeqCst) & at == 0 {
            Ok(())
        } else {
            Err(StoreError::Unavailable("planted".into()))
        }
    }
}

#[async_trait]
impl Store for Failing {
    fn peek(&self, _: &SessionKey) -> Peek {
        Peek::Ask
    }
    async fn load(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        self.check(LOAD)?;
        self.inner.load(key).await
    }
    async fn insert(&self, session: Arc<Session>) -> Result<(), StoreError> {
        self.check(INSERT)?;
        self.inner.insert(session).await
    }
    async fn insert_within(
        &self,
        session: Arc<Session>,
        limit: &PerUser,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<Placed, StoreError> {
        self.check(INSERT)?;
        self.inner.insert_within(session, limit, instead_of, now).await
    }
    async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        self.check(REMOVE)?;
        if self.at.fetch_and(!REMOVE_ONCE, Ordering::SeqCst) & REMOVE_ONCE != 0 {
            return Err(StoreError::Unavailable("planted once".into()));
        }
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
    async fn select(&self, selection: &Selection<'_>, limit: usize) -> Result<Vec<Arc<Session>>, StoreError> {
        self.inner.select(selection, limit).await
    }
    async fn claim_once(&self, keys: &[ClaimKey], now: Moment, until: Moment) -> Result<Claim, StoreError> {
        self.check(CLAIM)?;
        self.inner.claim_once(keys, now, until).await
    }
    async fn is_claimed(&self, key: &ClaimKey, now: Moment) -> Result<bool, StoreError> {
        self.check(IS_CLAIMED)?;
        self.inner.is_claimed(key, now).await
    }
    fn remembers_since(&self) -> Moment {
        self.inner.remembers_since()
    }
    fn size(&self) -> StoreSize {
        self.inner.size()
    }
}

#[tokio::test]
async fn a_store_that_fails_refuses_and_says_when_to_come_back() {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let store = Arc::new(Failing { inner: MemoryStore::new(1 << 20, START), at: AtomicU8::new(0) });
    let mut plan = Plan::new(vec![site(0, "app", "https://app.example.com", &[("corp", &idp)])]);
    plan.store = Some(Arc::<Failing>::clone(&store));
    let world = plan.build();
    let fail_at = |at: u8| store.at.store(at, Ordering::SeqCst);

    for at in [CLAIM, INSERT] {
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/x").await;
        fail_at(at);
        let refused = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
        fail_at(0);
        world.audit.refused(&refused, "store-unavailable");
        assert!(refused.header("retry-after").is_some());
        assert!(!browser.has_session());
    }

    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    assert_eq!(browser.get("/x", From::SameSite).await.status, StatusCode::OK);
    // What cannot be ended keeps nobody from a new session, and what cannot be begun ends no old one.
    for (at, user) in [(INSERT, "ada"), (REMOVE, "bob")] {
        let asked = browser.begin("/vestibule/sign-in?rd=%2Fx&again=1").await;
        fail_at(at);
        browser.bring(&asked, &idp.answer(&asked, "bob", world.now())).await;
        fail_at(0);
        let who = browser.get("/vestibule/whoami", From::SameSite).await;
        assert!(who.body.contains(user), "{}", who.body);
    }
    fail_at(LOAD);
    let refused = browser.get("/x", From::SameSite).await;
    world.audit.refused(&refused, "store-unavailable");
    assert_eq!(
        browser.get("/vestibule/whoami", From::SameSite).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );

    // The session cannot be ended in the store: the page says so, and the browser forgets it anyway.
    fail_at(REMOVE);
    let refused = browser.post("/vestibule/sign-out", From::SameSite, &[]).await;
    world.audit.refused(&refused, "store-unavailable");
    assert!(!browser.has_session());
    fail_at(IS_CLAIMED);
    let mut browser = Browser::of(&world);
    browser.leave_for_the_idp("/x").await;
    let refused = browser.get("/vestibule/sign-in?rd=/x", From::SameSite).await;
    world.audit.refused(&refused, "store-unavailable");
}

#[tokio::test]
async fn an_identity_provider_is_told_the_truth_about_what_could_not_be_ended() {
    let idp = idp_with(&["HTTP-Redirect"]);
    let store = Arc::new(Failing { inner: MemoryStore::new(1 << 20, START), at: AtomicU8::new(0) });
    let site = with_key(site(0, "app", "https://app.example.com", &[("corp", &idp)]));
    let world =
        Plan { store: Some(Arc::<Failing>::clone(&store) as Arc<dyn Store>), ..Plan::new(vec![site]) }
            .build();
    for (fails, codes, outcome, ended) in [
        (CLAIM, &[RESPONDER][..], "failed", 0),
        (REMOVE, &[RESPONDER], "failed", 0),
        (LOAD, &[RESPONDER], "failed", 0),
        (REMOVE_ONCE, &[RESPONDER, PARTIAL], "partly", 1),
        (0, &[SUCCESS], "ended", 2),
    ] {
        let (mut one, mut two) = (Browser::of(&world), Browser::of(&world));
        one.sign_in(&idp, "/x", "ada").await;
        two.sign_in(&idp, "/x", "ada").await;
        store.at.store(fails, Ordering::SeqCst);
        let request = Message::request(&idp, "ada", world.now());
        let answered = Browser::of(&world).get(&request.address(None), From::CrossSite).await;
        store.at.store(0, Ordering::SeqCst);
        assert_eq!(Received::from(&answered).status(), codes, "{outcome}");
        let event = world.audit.last("logout-request");
        assert_eq!((&event["outcome"], &event["sessions"]), (&outcome.into(), &ended.into()));
        // What is left is ended by the next request.
        let request = Message::request(&idp, "ada", world.now());
        Browser::of(&world).get(&request.address(None), From::CrossSite).await;
        assert_eq!(world.gate.store.size().sessions, 0);
    }
}

#[tokio::test]
async fn the_identity_decides_before_anything_is_claimed() {
    let (world, idp) = world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let mut transient = idp.answer(&asked, "_t1", world.now());
    transient.name_id_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient".into();
    let refused = browser.bring(&asked, &transient).await;
    world.audit.refused(&refused, "nameid-transient");
    let answered = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
}

fn encoded(xml: &str) -> String {
    encoded_plain(xml).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn encoded_plain(xml: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(xml)
}
