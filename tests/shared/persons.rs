//! One person at several gates: what they see of their own sessions, and how many they may have.

use crate::browser::{Browser, From};
use crate::idp::FakeIdp;
use crate::servers::Server;
use crate::world::{Plan, START, World, site};
use crate::{NOW, ring, store, until};
use http::StatusCode;
use std::num::NonZeroU32;
use std::sync::Arc;
use vestibule::identity::Person as _;
use vestibule::session::suite::{Sample, sample};
use vestibule::session::{OnLimit, PerUser, Placed, Session, Store as _};
use vestibule::store::{RedisStore, Settings};

const fn most(most: u32, on_limit: OnLimit) -> PerUser {
    PerUser { most: NonZeroU32::new(most).unwrap(), on_limit }
}

async fn gate(settings: &Settings, idp: &FakeIdp, limit: Option<PerUser>) -> (World, Arc<RedisStore>) {
    let shared = store(settings, ring(b"a"), START).await;
    until("it listens", || shared.is_listening()).await;
    let mut site = site(0, "app", "https://app.example.com", &[("corp", idp)]);
    site.sessions_per_user = limit;
    let mut plan = Plan::new(vec![site]);
    plan.keys = ring(b"a");
    plan.store = Some(Arc::<RedisStore>::clone(&shared));
    (plan.build(), shared)
}

async fn is_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/vestibule/whoami", From::SameSite).await.status == StatusCode::OK
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_another_gate_is_listed_and_ends_there() {
    let server = Server::start();
    let idp = FakeIdp::new("https://idp.test/metadata");
    let (here, _) = gate(&server.settings(), &idp, None).await;
    let (there, there_store) = gate(&server.settings(), &idp, None).await;
    let mut phone = Browser::of(&there);
    phone.user_agent = Some("Mozilla/5.0 (iPhone) Safari/604.1");
    phone.sign_in(&idp, "/x", "ada").await;
    let mut eve = Browser::of(&there);
    eve.sign_in(&idp, "/x", "eve").await;
    let mut desk = Browser::of(&here);
    desk.sign_in(&idp, "/x", "ada").await;
    let page = desk.get("/vestibule/sessions", From::SameSite).await;
    assert!(page.body.contains("Safari on iPhone"), "{}", page.body);
    let values: Vec<String> = page.fields().into_iter().map(|(_, value)| value).collect();
    assert_eq!(values.len(), 2);
    let ended = desk.post("/vestibule/sessions", From::SameSite, &[("session", &values[0])]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.body);
    until("the other gate hears of it", || there_store.size().sessions == 1).await;
    assert!(!is_in(&mut phone).await && is_in(&mut eve).await && is_in(&mut desk).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_too_many_at_the_other_gate_is_refused_or_ends_the_oldest_here() {
    let server = Server::start();
    let idp = FakeIdp::new("https://idp.test/metadata");
    for (on_limit, user) in [(OnLimit::Refuse, "ada"), (OnLimit::EndOldest, "bob")] {
        let limit = Some(most(1, on_limit));
        let (here, here_store) = gate(&server.settings(), &idp, limit).await;
        let (there, _) = gate(&server.settings(), &idp, limit).await;
        let (mut first, mut second) = (Browser::of(&here), Browser::of(&there));
        first.sign_in(&idp, "/x", user).await;
        let answered = second.sign_in(&idp, "/x", user).await;
        if on_limit == OnLimit::Refuse {
            assert_eq!(answered.status, StatusCode::FORBIDDEN);
            assert!(is_in(&mut first).await && !second.has_session());
            first.post("/vestibule/sign-out", From::SameSite, &[]).await;
            second.sign_in(&idp, "/x", user).await;
        } else {
            until("this gate hears of it", || here_store.size().sessions == 0).await;
        }
        assert!(!is_in(&mut first).await && is_in(&mut second).await, "{on_limit:?}");
    }
}

/// How many questions of this kind the server was asked.
async fn asked(behind: &mut redis::aio::MultiplexedConnection, command: &str) -> usize {
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(behind).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or_default()
}

/// Somebody who signs in by a script, and looks at the list or signs in once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_sessions_somebody_has_a_few_questions_find_them() {
    const MANY: usize = 300;
    let server = Server::start();
    let idp = FakeIdp::new("https://idp.test/metadata");
    let (here, here_store) = gate(&server.settings(), &idp, Some(most(1000, OnLimit::Refuse))).await;
    let elsewhere = store(&server.settings(), ring(b"a"), NOW).await;
    let key = vestibule::session::SiteKey::of("app");
    for n in 1..=MANY as u64 {
        let sample = Sample { user: "ada".into(), name_id: "ada".into(), site: key, ..Sample::new(n) };
        elsewhere.insert(Arc::new(sample.session(NOW))).await.unwrap();
    }
    let mut behind = server.connect().await;
    let mut desk = Browser::of(&here);
    let before = (asked(&mut behind, "get").await, asked(&mut behind, "mget").await);
    desk.sign_in(&idp, "/x", "ada").await;
    let page = desk.get("/vestibule/sessions", From::SameSite).await;
    let after = (asked(&mut behind, "get").await, asked(&mut behind, "mget").await);
    assert_eq!(page.status, StatusCode::OK);
    let shown = page.fields().len();
    assert_eq!(shown, 50, "of {MANY} so many are shown");
    assert!(page.body.contains("This browser"), "{}", page.body);
    assert!(after.0 - before.0 <= 10, "one by one: {before:?}, {after:?}");
    assert!((1..=20).contains(&(after.1 - before.1)), "{before:?}, {after:?}");

    // Whoever ends all others ends those too that are not shown.
    let others = page.fields().into_iter().map(|(_, value)| value).next_back().unwrap();
    let ended = desk.post("/vestibule/sessions", From::SameSite, &[("session", &others)]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.body);
    assert_eq!(here_store.by_user("corp", "ada").await.unwrap().len(), 1);
    assert!(is_in(&mut desk).await);
}

/// One person's session.
fn of(user: &str, n: u64) -> Arc<Session> {
    Arc::new(Sample { user: user.into(), name_id: user.into(), ..Sample::new(n) }.session(NOW))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_come_to_two_gates_at_once_as_many_are_in_as_may() {
    let server = Server::start();
    let gates =
        [store(&server.settings(), ring(b"a"), NOW).await, store(&server.settings(), ring(b"a"), NOW).await];
    let mut n = 0;
    for round in 0..20 {
        for (on_limit, places) in [(OnLimit::Refuse, 1), (OnLimit::EndOldest, 1), (OnLimit::EndOldest, 3)] {
            let user = format!("{on_limit:?}-{places}-{round}");
            let limit = most(places, on_limit);
            let tries: Vec<_> = (0..10)
                .map(|at| {
                    n += 1;
                    let (gate, session) = (Arc::clone(&gates[at % 2]), of(&user, n));
                    tokio::spawn(async move {
                        match gate.insert_within(Arc::clone(&session), &limit, &[], NOW).await.unwrap() {
                            Placed::In { .. } => true,
                            Placed::Full { living } => {
                                assert_eq!(living, places as usize);
                                false
                            }
                        }
                    })
                })
                .collect();
            let mut came_in = 0;
            for one in tries {
                came_in += u32::from(one.await.unwrap());
            }
            assert_eq!(came_in, if on_limit == OnLimit::Refuse { places } else { 10 }, "{user}");
            for gate in &gates {
                let left = gate.by_user("corp", &user).await.unwrap();
                assert_eq!(left.len(), places as usize, "{user}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_from_before_a_new_secret_and_from_before_there_was_a_limit_count() {
    let server = Server::start();
    let gate = store(&server.settings(), ring(b"a"), NOW).await;
    gate.insert(of("ada", 1)).await.unwrap();
    gate.insert(of("ada", 2)).await.unwrap();
    gate.rekey(ring(b"ba"));
    let placed = gate.insert_within(of("ada", 3), &most(3, OnLimit::Refuse), &[], NOW).await.unwrap();
    assert!(matches!(placed, Placed::In { .. }));
    let placed = gate.insert_within(of("ada", 4), &most(3, OnLimit::Refuse), &[], NOW).await.unwrap();
    assert!(matches!(placed, Placed::Full { living: 3 }), "{placed:?}");
    let placed = gate.insert_within(of("ada", 5), &most(2, OnLimit::EndOldest), &[], NOW).await.unwrap();
    let Placed::In { ended } = placed else { panic!("{placed:?}") };
    assert_eq!(ended.len(), 2);
    assert_eq!(gate.by_user("corp", "ada").await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_index_and_is_no_session_of_the_person_does_not_count() {
    let server = Server::start();
    let gate = store(&server.settings(), ring(b"a"), NOW).await;
    let mut behind = server.connect().await;
    let (first, other) = (of("ada", 1), sample(2, NOW));
    gate.insert(Arc::clone(&first)).await.unwrap();
    gate.insert(Arc::new(sample(2, NOW))).await.unwrap();
    assert_ne!(other.user(), "ada");
    // Its entry is gone, as after a crash; and somebody wrote another's key into the index.
    let keys: Vec<String> = redis::cmd("KEYS").arg("vestibule:u:*").query_async(&mut behind).await.unwrap();
    for key in &keys {
        let mut member = other.key().0.to_vec();
        member.extend_from_slice(&other.site().to_bytes());
        member.extend_from_slice(&[0, 1, 2, 3, 4]);
        let score = NOW.millis() + 1_000_000;
        let _: redis::Value =
            redis::cmd("ZADD").arg(key).arg(score).arg(&member).query_async(&mut behind).await.unwrap();
        let _: redis::Value =
            redis::cmd("ZADD").arg(key).arg(score).arg("rubbish").query_async(&mut behind).await.unwrap();
    }
    let limit = most(2, OnLimit::Refuse);
    let placed = gate.insert_within(of("ada", 3), &limit, &[], NOW).await.unwrap();
    assert!(matches!(placed, Placed::In { .. }), "{placed:?}");
    let placed = gate.insert_within(of("ada", 4), &limit, &[], NOW).await.unwrap();
    assert!(matches!(placed, Placed::Full { living: 2 }), "{placed:?}");
    let placed = gate.insert_within(of("ada", 5), &most(1, OnLimit::EndOldest), &[], NOW).await.unwrap();
    let Placed::In { ended } = placed else { panic!("{placed:?}") };
    assert!(ended.iter().all(|session| session.user() == "ada") && ended.len() == 2);
    assert!(gate.load(other.key()).await.unwrap().is_some(), "nobody else's has ended");
}
