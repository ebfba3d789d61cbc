//! Several gates at one store: signed in at one, known at the others; signed out at one, gone at the others.

use crate::browser::{Browser, From};
use crate::idp::FakeIdp;
use crate::servers::Server;
use crate::world::{Plan, START, World, site};
use crate::{NOW, ring, store, until};
use http::{Method, StatusCode};
use redis::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vestibule::session::suite::sample;
use vestibule::session::{Peek, Session, Store as _};
use vestibule::store::{RedisStore, Settings};

async fn gate(settings: &Settings, idp: &FakeIdp) -> (World, Arc<RedisStore>) {
    let shared = store(settings, ring(b"a"), START).await;
    until("it listens", || shared.is_listening()).await;
    let site = site(0, "app", "https://app.example.com", &[("corp", idp)]);
    let mut plan = Plan::new(vec![site]);
    plan.keys = ring(b"a");
    plan.store = Some(Arc::<RedisStore>::clone(&shared));
    (plan.build(), shared)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_in_at_one_gate_is_known_at_the_other_until_signing_out_at_either() {
    let server = Server::start();
    let idp = FakeIdp::new("https://idp.test/metadata");
    let (here, _) = gate(&server.settings(), &idp).await;
    let (there, there_store) = gate(&server.settings(), &idp).await;
    let mut browser = Browser::of(&here);
    // Begun at one, answered at the other: they seal alike.
    let asked = browser.leave_for_the_idp("/x").await;
    let mut elsewhere = Browser::of(&there);
    elsewhere.jar.clone_from(&browser.jar);
    browser.jar.keys().for_each(|name| elsewhere.remember(name));
    let answer = idp.answer(&asked, "ada", there.now());
    let mut answered = elsewhere.bring(&asked, &answer).await;
    if answered.status == StatusCode::OK {
        answered = elsewhere.post_again(&answered).await;
    }
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
    assert_eq!(elsewhere.get("/x", From::SameSite).await.status, StatusCode::OK);

    // The same answer once more, at the gate that did not see it: it was used.
    let again = browser.bring(&asked, &answer).await;
    let again = if again.status == StatusCode::OK { browser.post_again(&again).await } else { again };
    assert!(again.status.is_client_error(), "{again:?}");
    assert!(!browser.has_session());

    let name = elsewhere.site.cookies.session_name.clone();
    browser.jar.insert(name.clone(), elsewhere.jar[&name].clone());
    browser.remember(&name);
    assert_eq!(browser.get("/x", From::SameSite).await.status, StatusCode::OK);

    let out = browser.send(Method::POST, "/vestibule/sign-out", From::SameSite, Some(String::new())).await;
    assert!(out.status.is_redirection() || out.status == StatusCode::OK, "{out:?}");
    until("the other gate hears of it", || there_store.size().sessions == 0).await;
    assert_eq!(elsewhere.get("/x", From::SameSite).await.status, StatusCode::FOUND, "is sent to sign in");
}

/// `n` sessions, known at both.
async fn known_at_both(n: u64, here: &RedisStore, there: &RedisStore) -> Vec<Arc<Session>> {
    let mut known = Vec::new();
    for n in 0..n {
        let session = sample(n, NOW);
        let key = *session.key();
        here.insert(Arc::new(session)).await.unwrap();
        known.push(there.load(&key).await.unwrap().unwrap());
    }
    known
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_at_one_gate_is_over_at_the_other_in_milliseconds() {
    let server = Server::start();
    let here = store(&server.settings(), ring(b"a"), NOW).await;
    let there = store(&server.settings(), ring(b"a"), NOW).await;
    until("it listens", || there.is_listening()).await;
    let mut took = Vec::new();
    for session in known_at_both(300, &here, &there).await {
        // From when somebody asks for it to when the other gate knows.
        let asked = Instant::now();
        let (here, key) = (Arc::clone(&here), *session.key());
        let removed = tokio::spawn(async move { here.remove(&key).await });
        while !session.has_ended() {
            assert!(asked.elapsed() < crate::PATIENCE, "nobody told");
            tokio::task::yield_now().await;
        }
        took.push(asked.elapsed());
        assert!(removed.await.unwrap().unwrap().is_some());
    }
    took.sort();
    println!(
        "an end is known elsewhere after: median {:?}, p99 {:?}, worst {:?}",
        took[150], took[297], took[299]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_end_nobody_heard_of_passes_for_max_staleness_at_most() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let mut settings = server.settings();
    settings.max_staleness = Duration::from_millis(500);
    let here = store(&settings, ring(b"a"), NOW).await;
    let mut took = Vec::new();
    for n in 0..12 {
        let session = Arc::new(sample(n, NOW));
        here.insert(Arc::clone(&session)).await.unwrap();
        let name: Vec<String> =
            redis::cmd("KEYS").arg("vestibule:s:*").query_async(&mut behind).await.unwrap();
        let _: Value = redis::cmd("DEL").arg(&name).query_async(&mut behind).await.unwrap();
        let ended = Instant::now();
        // As a person who clicks on and on.
        let passes = || matches!(here.peek(session.key()), Peek::Live(_));
        let mut last = Instant::now();
        while passes() {
            last = Instant::now();
            assert!(ended.elapsed() < crate::PATIENCE);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(last - ended);
        assert!(here.load(session.key()).await.unwrap().is_none());
        assert!(session.has_ended());
    }
    took.sort();
    assert!(took.iter().all(|took| *took <= settings.max_staleness), "{took:?}");
    println!(
        "without a message an end is seen after {:?} at most, of {:?}",
        took.last(),
        settings.max_staleness
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_while_nobody_listened_is_ended_for_who_holds_it() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let mut settings = server.settings();
    settings.max_staleness = Duration::from_secs(3600);
    let here = store(&settings, ring(b"a"), NOW).await;
    until("it listens", || here.is_listening()).await;
    let open = Arc::new(sample(1, NOW));
    here.insert(Arc::clone(&open)).await.unwrap();
    let stays = Arc::new(sample(2, NOW));
    let name: Vec<String> = redis::cmd("KEYS").arg("vestibule:s:*").query_async(&mut behind).await.unwrap();
    here.insert(Arc::clone(&stays)).await.unwrap();
    let _: Value = redis::cmd("DEL").arg(&name).query_async(&mut behind).await.unwrap();
    assert!(matches!(here.peek(open.key()), Peek::Live(_)), "nobody told");
    // Its channel breaks, and messages may have been lost: everything known is confirmed, unasked.
    let _: Value =
        redis::cmd("CLIENT").arg(&["KILL", "TYPE", "pubsub"]).query_async(&mut behind).await.unwrap();
    until("an open WebSocket is told", || open.has_ended()).await;
    assert!(!stays.has_ended());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_session_that_is_used_is_confirmed_before_anybody_has_to_wait() {
    let server = Server::start();
    let mut settings = server.settings();
    settings.max_staleness = Duration::from_secs(4);
    let here = store(&settings, ring(b"a"), NOW).await;
    let session = Arc::new(sample(1, NOW));
    here.insert(Arc::clone(&session)).await.unwrap();
    let began = Instant::now();
    let (mut passed, mut waited) = (0_u32, 0_u32);
    while began.elapsed() < 3 * settings.max_staleness {
        match here.peek(session.key()) {
            Peek::Live(_) => passed += 1,
            _ => {
                waited += 1;
                assert!(here.load(session.key()).await.unwrap().is_some());
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // On a machine that stands still for seconds, somebody may have to.
    assert!(passed > 10 * waited, "{passed} passed, {waited} waited");
}
