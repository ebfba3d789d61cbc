//! A server that is away: what is known goes on as long as the owner said, everything else is refused, and all of it works
//! again without a restart. What was claimed is never claimed again.

use crate::browser::Browser;
use crate::idp::FakeIdp;
use crate::servers::Server;
use crate::world::{Plan, START, World, site};
use crate::{NOW, ring, store, unready, until};
use http::StatusCode;
use redis::AsyncCommands as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vestibule::observe::metrics::StoreTrouble;
use vestibule::session::suite::sample;
use vestibule::session::{Claim, ClaimKey, Peek, SiteKey, Store as _, StoreError};
use vestibule::store::{OnFailure, RedisStore};

const MINUTE: Duration = Duration::from_secs(60);

fn request(n: u32) -> ClaimKey {
    ClaimKey::request(SiteKey::of("a"), &n.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_session_passes_for_max_staleness_and_no_longer() {
    let mut server = Server::start();
    let mut settings = server.settings();
    settings.max_staleness = Duration::from_secs(1);
    settings.timeout = Duration::from_millis(500);
    let store = store(&settings, ring(b"a"), NOW).await;
    let session = Arc::new(sample(1, NOW));
    store.insert(Arc::clone(&session)).await.unwrap();
    server.kill();
    let gone = Instant::now();
    // Confirmed at most a second ago, it passes; after that only the store can tell, and it is not there.
    until("it is not let pass any more", || matches!(store.peek(session.key()), Peek::Ask)).await;
    assert!(gone.elapsed() < Duration::from_secs(20), "{:?}", gone.elapsed());
    assert!(matches!(store.load(session.key()).await, Err(StoreError::Unavailable(_))));
    assert!(!session.has_ended(), "it is not over, it is not known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_says_refuse_has_known_sessions_refused_at_once() {
    let mut server = Server::start();
    let mut settings = server.settings();
    settings.max_staleness = Duration::from_secs(3600);
    let serving = store(&settings, ring(b"a"), NOW).await;
    settings.on_failure = OnFailure::Refuse;
    let refusing = store(&settings, ring(b"a"), NOW).await;
    let session = Arc::new(sample(1, NOW));
    serving.insert(Arc::clone(&session)).await.unwrap();
    assert!(refusing.load(session.key()).await.unwrap().is_some());
    assert!(matches!(refusing.peek(session.key()), Peek::Live(_)));
    server.kill();
    until("both know", || !serving.is_connected() && !refusing.is_connected()).await;
    assert!(matches!(serving.peek(session.key()), Peek::Live(_)));
    assert!(matches!(refusing.peek(session.key()), Peek::Ask));
    assert!(matches!(refusing.load(session.key()).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_server_that_does_not_answer() {
    let server = Server::start();
    let mut settings = server.settings();
    settings.timeout = Duration::from_millis(200);
    let store = store(&settings, ring(b"a"), NOW).await;
    let figures = store.figures();
    server.freeze();
    // The first ones wait their time; then the breaker opens, and an answer is a matter of microseconds.
    until("the breaker opens", || {
        if store.is_connected() {
            tokio::spawn({
                let store = Arc::clone(&store);
                async move { drop(store.load(sample(1, NOW).key()).await) }
            });
        }
        !store.is_connected()
    })
    .await;
    let timeouts = figures.failures_so_far(StoreTrouble::Timeout);
    for n in 0..1000 {
        assert!(matches!(store.load(sample(n, NOW).key()).await, Err(StoreError::Unavailable(_))));
    }
    assert!(figures.failures_so_far(StoreTrouble::Open) >= 1000);
    assert!(figures.failures_so_far(StoreTrouble::Timeout) < timeouts + 100);
    server.thaw();
    until("it is asked again", || store.is_connected()).await;
    assert!(store.load(sample(1, NOW).key()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_what_was_claimed_does_not_claim_it_again() {
    let mut server = Server::start();
    let first = store(&server.settings(), ring(b"a"), NOW).await;
    assert_eq!(first.remembers_since(), NOW);
    assert_eq!(first.claim_once(&[request(1)], NOW, NOW.plus(MINUTE)).await, Ok(Claim::First));
    // Without persistence a restart forgets everything.
    server.kill();
    server.start_again();
    let later = NOW.plus(Duration::from_secs(10));
    // A gate that never saw the old server; it learns since when this one remembers, as everybody does.
    let second = store(&server.settings(), ring(b"a"), later).await;
    assert_eq!(second.remembers_since(), later, "whatever was begun before is refused as too old");
    until("the first gate is told too", || first.is_connected() && first.remembers_since() == later).await;
    assert_eq!(second.claim_once(&[request(2)], later, later.plus(MINUTE)).await, Ok(Claim::First));
    assert_eq!(
        first.claim_once(&[request(2)], later, later.plus(MINUTE)).await,
        Ok(Claim::Taken { which: 0 })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_that_were_flushed_away_are_not_made_anew_by_whoever_has_not_heard() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let first = store(&server.settings(), ring(b"a"), NOW).await;
    let later = NOW.plus(Duration::from_secs(10));
    assert_eq!(first.claim_once(&[request(1)], NOW, NOW.plus(MINUTE)).await, Ok(Claim::First));
    let _: String = redis::cmd("FLUSHALL").query_async(&mut behind).await.unwrap();
    // Whoever comes first writes down the moment; nothing is claimed before everybody knows it.
    let refused = first.claim_once(&[request(1)], later, later.plus(MINUTE)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(!first.is_claimed(&request(1), later).await.unwrap());
    assert_eq!(first.remembers_since(), later);
    assert_eq!(first.claim_once(&[request(1)], later, later.plus(MINUTE)).await, Ok(Claim::First));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_cannot_be_read_is_taken() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let store = store(&server.settings(), ring(b"a"), NOW).await;
    assert_eq!(store.claim_once(&[request(1)], NOW, NOW.plus(MINUTE)).await, Ok(Claim::First));
    let names: Vec<String> =
        redis::cmd("KEYS").arg("vestibule:{c}:*").query_async(&mut behind).await.unwrap();
    let name = names.iter().find(|name| !name.ends_with("since")).unwrap();
    for rubbish in ["", "x", " ", "1", "never", "99999999999999999999999 x y"] {
        let () = behind.set(name, rubbish).await.unwrap();
        let claim = store.claim_once(&[request(1)], NOW, NOW.plus(MINUTE)).await;
        assert_eq!(claim, Ok(Claim::Taken { which: 0 }), "{rubbish:?}");
    }
    let () = behind.del(name).await.unwrap();
    let () = behind.rpush(name, "x").await.unwrap();
    assert!(matches!(
        store.claim_once(&[request(1)], NOW, NOW.plus(MINUTE)).await,
        Err(StoreError::Unavailable(_))
    ));
}

fn gate(store: Arc<RedisStore>, idp: &FakeIdp) -> World {
    let site = site(0, "app", "https://app.example.com", &[("corp", idp)]);
    let mut plan = Plan::new(vec![site]);
    plan.keys = ring(b"a");
    plan.store = Some(store);
    plan.build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_without_a_store_gets_a_page_and_works_again_when_the_store_does() {
    let mut server = Server::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let idp = FakeIdp::new("https://idp.test/metadata");
    let shared = store(&server.settings(), ring(b"a"), START).await;
    let world = gate(Arc::clone(&shared), &idp);
    let mut ada = Browser::of(&world);
    assert_eq!(ada.sign_in(&idp, "/x", "ada").await.status, StatusCode::SEE_OTHER);
    let mut eve = Browser::of(&world);
    let asked = eve.leave_for_the_idp("/y").await;
    let answer = idp.answer(&asked, "eve", world.now());

    server.kill();
    until("it is known", || !shared.is_connected()).await;
    let page = eve.bring(&asked, &answer).await;
    let page = if page.status == StatusCode::OK { eve.post_again(&page).await } else { page };
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.body);
    world.audit.refused(&page, "store-unavailable");
    assert!(!eve.has_session());
    assert_eq!(ada.get("/x", crate::browser::From::SameSite).await.status, StatusCode::OK, "she is known");

    server.start_again();
    until("it is asked again", || shared.is_connected()).await;
    world.advance(Duration::from_secs(30));
    assert_eq!(ada.get("/x", crate::browser::From::SameSite).await.status, StatusCode::OK, "nobody is lost");
    assert_eq!(eve.sign_in(&idp, "/y", "eve").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_starts_without_its_store_and_works_as_soon_as_that_is_there() {
    let mut server = Server::start();
    server.kill();
    let store = unready(&server.settings(), ring(b"a"), NOW);
    assert!(matches!(store.insert(Arc::new(sample(1, NOW))).await, Err(StoreError::Unavailable(_))));
    server.start_again();
    until("it is asked", || store.is_connected()).await;
    store.insert(Arc::new(sample(1, NOW))).await.unwrap();
}
