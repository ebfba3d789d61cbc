//! What every store must do, as checks that any store can be put through. Not part of the product: tests/stores runs it
//! on a store of its own, and a store on another machine will have to pass it as well.
//!
//! A store under test may answer [`StoreError::Unavailable`] now and then, before or after it has done what it was
//! asked; the suite asks again where that is right, and holds that nothing is ever claimed twice.

mod sample;

pub use sample::{Sample, sample, site};

use super::{
    Claim, ClaimKey, Limits, Named, OnLimit, Peek, PerUser, Placed, Selection, Session, SessionKey, SiteKey,
    Store, StoreError,
};
use crate::clock::Moment;
use crate::identity::Person as _;
use std::sync::Arc;
use std::time::Duration;

/// The bounds of a store to be made.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// For sessions.
    pub max_bytes: u64,
    /// For claims.
    pub max_claims: usize,
    /// When the store is made.
    pub now: Moment,
}

/// Puts stores made by `make` through everything.
///
/// # Panics
/// When one does not do as it must.
pub async fn run<S: Store + 'static>(make: impl Fn(Room) -> S) {
    let store = || make(ROOMY);
    what_is_inserted_is_there(&store()).await;
    what_is_removed_is_gone_and_ended(&store()).await;
    inserting_again_changes_nothing(&store()).await;
    a_name_id_finds_its_sessions(&store()).await;
    a_user_is_found_on_every_site(&store()).await;
    of_many_sessions_those_that_last_longest_come(&store()).await;
    an_idp_finds_all_its_sessions(&store()).await;
    a_selection_finds_what_it_says(&store()).await;
    one_too_many_is_refused_or_ends_the_oldest(&store(), &store()).await;
    of_many_at_once_as_many_come_in_as_may(&Arc::new(store()), &Arc::new(store())).await;
    the_least_recently_used_goes(&make).await;
    let (tight, session) = never_fitting();
    what_could_never_fit_is_refused(&make(tight), session).await;
    claims_are_all_or_nothing(&store()).await;
    claims_end_when_they_say(&store()).await;
    a_full_store_refuses_claims_and_forgets_none(&make).await;
    one_of_many_is_first(Arc::new(store())).await;
    expired_sessions_are_swept(&store()).await;
    assert_eq!(store().remembers_since(), NOW);
}

/// Puts stores through everything that a store on another machine must do. It is that machine's to make room, to count
/// and to forget what is over, so nothing of this is asked here.
///
/// # Panics
/// When one does not do as it must.
pub async fn run_shared<S: Store + 'static, F: Future<Output = Arc<S>>>(make: impl Fn(Room) -> F) {
    let store = || make(ROOMY);
    what_is_inserted_is_there(&*store().await).await;
    what_is_removed_is_gone_and_ended(&*store().await).await;
    inserting_again_changes_nothing(&*store().await).await;
    a_name_id_finds_its_sessions(&*store().await).await;
    a_user_is_found_on_every_site(&*store().await).await;
    of_many_sessions_those_that_last_longest_come(&*store().await).await;
    an_idp_finds_all_its_sessions(&*store().await).await;
    a_selection_finds_what_it_says(&*store().await).await;
    one_too_many_is_refused_or_ends_the_oldest(&*store().await, &*store().await).await;
    of_many_at_once_as_many_come_in_as_may(&store().await, &store().await).await;
    let (tight, session) = never_fitting();
    what_could_never_fit_is_refused(&*make(tight).await, session).await;
    claims_are_all_or_nothing(&*store().await).await;
    claims_end_when_they_say(&*store().await).await;
    one_of_many_is_first(store().await).await;
    assert_eq!(store().await.remembers_since(), NOW);
}

/// The `n`th session of one person.
fn adas(n: u64, now: Moment) -> Arc<Session> {
    let sample = Sample { user: "ada".into(), name_id: "ada".into(), ..Sample::new(n) };
    Arc::new(sample.session(now))
}

fn most(most: u32, on_limit: OnLimit) -> PerUser {
    PerUser { most: std::num::NonZeroU32::new(most).unwrap_or(std::num::NonZeroU32::MIN), on_limit }
}

async fn within<S: Store>(
    store: &S,
    session: &Arc<Session>,
    limit: &PerUser,
    instead_of: &[SessionKey],
    now: Moment,
) -> Option<Placed> {
    let answer = patiently(|| store.insert_within(Arc::clone(session), limit, instead_of, now)).await;
    assert!(answer.is_ok(), "{answer:?}");
    answer.ok()
}

async fn one_too_many_is_refused_or_ends_the_oldest<S: Store>(refusing: &S, ending: &S) {
    let at = |seconds| NOW.plus(Duration::from_secs(seconds));
    let limit = most(2, OnLimit::Refuse);
    let (first, second, third) = (adas(1, NOW), adas(2, NOW), adas(3, NOW));
    for session in [&first, &second] {
        assert!(matches!(within(refusing, session, &limit, &[], NOW).await, Some(Placed::In { .. })));
    }
    assert!(matches!(within(refusing, &third, &limit, &[], NOW).await, Some(Placed::Full { living: 2 })));
    assert_eq!(fetch(refusing, third.key()).await, None, "who is refused is not there");
    assert_eq!(by_user(refusing, "corp", "ada").await, keys(&[&first, &second]));
    let namesake = Sample { user: "ada".into(), idp: "other", ..Sample::new(4) }.session(NOW);
    let elsewhere = Sample { user: "ada".into(), site: site(1), ..Sample::new(5) }.session(NOW);
    for other in [namesake, elsewhere] {
        assert!(matches!(
            within(refusing, &Arc::new(other), &limit, &[], NOW).await,
            Some(Placed::In { .. })
        ));
    }
    // In the place of another, it is none more; the other is removed by whoever asked for it.
    let instead = [*first.key()];
    assert!(matches!(within(refusing, &third, &limit, &instead, NOW).await, Some(Placed::In { .. })));
    assert!(patiently(|| refusing.remove(first.key())).await.is_ok());
    // Whoever has left, and whoever has not come back, leaves room.
    assert!(patiently(|| refusing.remove(second.key())).await.is_ok());
    assert!(matches!(within(refusing, &adas(6, NOW), &limit, &[], NOW).await, Some(Placed::In { .. })));
    assert!(matches!(within(refusing, &adas(7, NOW), &limit, &[], NOW).await, Some(Placed::Full { .. })));
    let idle = at(3601);
    assert!(matches!(within(refusing, &adas(8, idle), &limit, &[], idle).await, Some(Placed::In { .. })));

    let limit = most(2, OnLimit::EndOldest);
    let all = [adas(11, NOW), adas(12, at(10)), adas(13, at(20))];
    for session in &all {
        assert!(matches!(within(ending, session, &limit, &[], at(20)).await, Some(Placed::In { .. })));
    }
    let [oldest, middle, newest] = &all;
    assert_eq!(by_user(ending, "corp", "ada").await, keys(&[middle, newest]));
    assert!(oldest.has_ended() && !middle.has_ended(), "for whoever holds it too");
}

async fn of_many_at_once_as_many_come_in_as_may<S: Store + 'static>(refusing: &Arc<S>, ending: &Arc<S>) {
    for (store, on_limit) in [(refusing, OnLimit::Refuse), (ending, OnLimit::EndOldest)] {
        for (round, places) in [(1, 1), (2, 3)] {
            let limit = most(places, on_limit);
            let user = format!("ada-{round}");
            let tries: Vec<_> = (0..12)
                .map(|n| {
                    let (store, sample) = (Arc::clone(store), Sample::new(round * 100 + n));
                    let session = Arc::new(Sample { user: user.clone(), ..sample }.session(NOW));
                    tokio::spawn(async move {
                        matches!(within(&*store, &session, &limit, &[], NOW).await, Some(Placed::In { .. }))
                    })
                })
                .collect();
            let mut came_in = 0;
            for one in tries {
                came_in += u32::from(one.await.is_ok_and(|is_in| is_in));
            }
            let left = by_user(&**store, "corp", &user).await.len();
            assert_eq!(left, places as usize, "{on_limit:?}");
            assert_eq!(came_in, if on_limit == OnLimit::Refuse { places } else { 12 });
        }
    }
}

async fn what_is_inserted_is_there<S: Store>(store: &S) {
    let session = sample(1, NOW);
    assert_eq!(fetch(store, session.key()).await, None);
    insert(store, session).await;
    let session = sample(1, NOW);
    let held = fetch_session(store, session.key()).await;
    assert!(held.is_some_and(|held| {
        held.site() == session.site()
            && held.user() == session.user()
            && held.in_group("group-000013") == session.in_group("group-000013")
            && held.session_index() == session.session_index()
            && held.ends_at() == session.ends_at()
            && held.touch(NOW)
    }));
    assert_eq!(fetch(store, sample(2, NOW).key()).await, None);
    assert_eq!(store.size().sessions, 1);
}

async fn what_is_removed_is_gone_and_ended<S: Store>(store: &S) {
    let (gone, stays) = (insert(store, sample(1, NOW)).await, insert(store, sample(2, NOW)).await);
    assert!(gone.touch(NOW));
    let removed = patiently(|| store.remove(gone.key())).await;
    // Asked again after an answer that was lost, the store has nothing to remove any more.
    assert!(
        matches!(removed, Ok(None)) || removed.is_ok_and(|it| it.is_some_and(|it| it.key() == gone.key()))
    );
    assert!(!gone.touch(NOW), "who still holds it learns of it");
    assert_eq!(fetch(store, gone.key()).await, None);
    assert_eq!(by_user(store, gone.idp(), gone.user()).await, []);
    assert_eq!(by_name_id(store, gone.site(), gone.idp(), gone.name_id(), None).await, []);
    assert!(matches!(patiently(|| store.remove(gone.key())).await, Ok(None)));

    assert_eq!(fetch(store, stays.key()).await, Some(*stays.key()));
    assert!(stays.touch(NOW));
    assert_eq!(by_user(store, stays.idp(), stays.user()).await, [*stays.key()]);
}

async fn inserting_again_changes_nothing<S: Store>(store: &S) {
    let session = Arc::new(sample(1, NOW));
    for _ in 0..3 {
        assert_eq!(patiently(|| store.insert(Arc::clone(&session))).await, Ok(()));
    }
    assert!(session.touch(NOW));
    assert_eq!(by_user(store, session.idp(), session.user()).await, [*session.key()]);
    assert_eq!(
        by_name_id(store, session.site(), session.idp(), session.name_id(), None).await,
        [*session.key()]
    );
    assert_eq!(store.size().sessions, 1);
}

async fn a_name_id_finds_its_sessions<S: Store>(store: &S) {
    let person = Sample { name_id: "name".into(), ..Sample::new(0) };
    let one = insert(store, Sample { n: 1, index: Some("_1".into()), ..person.clone() }.session(NOW)).await;
    let two = insert(store, Sample { n: 2, index: Some("_2".into()), ..person.clone() }.session(NOW)).await;
    let none = insert(store, Sample { n: 3, index: None, ..person.clone() }.session(NOW)).await;
    // The NameID may be the user, and another person's user may be this NameID.
    let same = Sample { n: 4, user: "name".into(), index: Some("_1".into()), ..person.clone() };
    let same = insert(store, same.session(NOW)).await;
    let stranger = Sample { n: 5, user: "name".into(), ..Sample::new(5) };
    insert(store, stranger.session(NOW)).await;
    let elsewhere = insert(store, Sample { n: 6, site: site(7), ..person.clone() }.session(NOW)).await;
    let other_idp = insert(store, Sample { n: 7, idp: "other", ..person.clone() }.session(NOW)).await;

    let all = keys(&[&one, &two, &none, &same]);
    assert_eq!(by_name_id(store, site(0), "corp", "name", None).await, all);
    assert_eq!(by_name_id(store, site(0), "corp", "name", Some("_1")).await, keys(&[&one, &same]));
    assert_eq!(by_name_id(store, site(0), "corp", "name", Some("_2")).await, keys(&[&two]));
    assert_eq!(by_name_id(store, site(0), "corp", "name", Some("_3")).await, []);
    assert_eq!(by_name_id(store, site(7), "corp", "name", None).await, keys(&[&elsewhere]));
    assert_eq!(by_name_id(store, site(0), "other", "name", None).await, keys(&[&other_idp]));
    assert_eq!(by_name_id(store, site(0), "corp", "Name", None).await, []);
    assert_eq!(by_name_id(store, site(1), "corp", "name", None).await, []);

    assert!(patiently(|| store.remove(same.key())).await.is_ok());
    assert!(patiently(|| store.remove(one.key())).await.is_ok());
    assert_eq!(by_name_id(store, site(0), "corp", "name", None).await, keys(&[&two, &none]));
    assert_eq!(by_name_id(store, site(0), "corp", "name", Some("_1")).await, []);
}

async fn a_user_is_found_on_every_site<S: Store>(store: &S) {
    let ada = Sample { user: "ada".into(), ..Sample::new(0) };
    let here = insert(store, Sample { n: 1, ..ada.clone() }.session(NOW)).await;
    let there =
        insert(store, Sample { n: 2, site: site(9), name_id: "other".into(), ..ada.clone() }.session(NOW))
            .await;
    let namesake = insert(store, Sample { n: 3, idp: "other", ..ada.clone() }.session(NOW)).await;
    // A NameID that is her name makes nobody Ada.
    insert(store, Sample { n: 4, name_id: "ada".into(), ..Sample::new(4) }.session(NOW)).await;
    assert_eq!(by_user(store, "corp", "ada").await, keys(&[&here, &there]));
    assert_eq!(by_user(store, "other", "ada").await, keys(&[&namesake]));
    assert_eq!(by_user(store, "corp", "Ada").await, []);
    assert!(patiently(|| store.remove(here.key())).await.is_ok());
    assert_eq!(by_user(store, "corp", "ada").await, keys(&[&there]));
}

async fn of_many_sessions_those_that_last_longest_come<S: Store>(store: &S) {
    let hour =
        |n: u64| Limits { idle_timeout: Duration::from_secs(3600), max_age: Duration::from_secs(3600 * n) };
    let ada = Sample { user: "ada".into(), ..Sample::new(0) };
    let mut all = Vec::new();
    for n in 1..=6 {
        all.push(insert(store, Sample { n, limits: hour(n), ..ada.clone() }.session(NOW)).await);
    }
    // Another site, another identity provider, another person; and one whose NameID is her name.
    insert(store, Sample { n: 11, site: site(9), limits: hour(9), ..ada.clone() }.session(NOW)).await;
    insert(store, Sample { n: 12, idp: "other", limits: hour(9), ..ada.clone() }.session(NOW)).await;
    let named = insert(store, Sample { n: 13, name_id: "ada".into(), ..Sample::new(13) }.session(NOW)).await;
    let both = Sample { n: 14, name_id: "ada".into(), limits: hour(1), ..ada.clone() };
    let both = insert(store, both.session(NOW)).await;
    let longest = |named, most, now| async move {
        let answer = patiently(|| store.longest(site(0), "corp", named, now, most)).await;
        assert!(answer.is_ok(), "{answer:?}");
        answer.unwrap_or_default().iter().map(|session| *session.key()).collect::<Vec<_>>()
    };
    let user = Named::User("ada");
    assert_eq!(longest(user, 2, NOW).await, [*all[5].key(), *all[4].key()]);
    assert_eq!(longest(user, 100, NOW).await.len(), 7);
    assert_eq!(sorted(Ok(longest(Named::NameId("ada"), 100, NOW).await)), keys(&[&named, &both]));
    assert!(longest(user, 100, NOW.plus(Duration::from_secs(4000))).await.is_empty(), "they have idled");
    let asked = [*both.key(), SessionKey([7; 32]), *named.key()];
    let living = patiently(|| store.living(&asked, NOW)).await;
    assert!(living.is_ok(), "{living:?}");
    let living: Vec<_> = living.unwrap_or_default().iter().map(|session| *session.key()).collect();
    assert_eq!(sorted(Ok(living)), keys(&[&both, &named]));
}

async fn an_idp_finds_all_its_sessions<S: Store>(store: &S) {
    let mut of_corp = Vec::new();
    for n in 0..20 {
        of_corp.push(insert(store, sample(n, NOW)).await);
    }
    insert(store, Sample { idp: "other", ..Sample::new(100) }.session(NOW)).await;
    insert(store, Sample { idp: "Corp", ..Sample::new(101) }.session(NOW)).await;
    insert(store, Sample { site: site(7), ..Sample::new(102) }.session(NOW)).await;
    let found = |n, idp| async move { sorted(patiently(|| store.by_idp(site(n), idp)).await) };
    assert_eq!(found(0, "corp").await, keys(&of_corp.iter().collect::<Vec<_>>()));
    assert_eq!(found(0, "other").await.len(), 1);
    assert_eq!(found(7, "other").await, []);
}

async fn a_selection_finds_what_it_says<S: Store>(store: &S) {
    let ada = Sample { user: "ada".into(), ..Sample::new(0) };
    let here = insert(store, Sample { n: 1, ..ada.clone() }.session(NOW)).await;
    let there = insert(store, Sample { n: 2, site: site(9), ..ada.clone() }.session(NOW)).await;
    let namesake = insert(store, Sample { n: 3, idp: "other", ..ada.clone() }.session(NOW)).await;
    let stranger = insert(store, Sample { user: "eve".into(), ..Sample::new(4) }.session(NOW)).await;
    let found = |selection: Selection<'static>, limit| async move {
        let found = patiently(|| store.select(&selection, limit)).await.unwrap_or_default();
        sorted(Ok(found.iter().map(|session| *session.key()).collect()))
    };
    let all = Selection::default();
    assert_eq!(found(all, 10).await, keys(&[&here, &there, &namesake, &stranger]));
    assert_eq!(found(all, 3).await.len(), 3);
    assert_eq!(found(Selection { user: Some("ada"), ..all }, 10).await, keys(&[&here, &there, &namesake]));
    assert_eq!(found(Selection { user: Some("Ada"), ..all }, 10).await, []);
    assert_eq!(found(Selection { idp: Some("other"), ..all }, 10).await, keys(&[&namesake]));
    assert_eq!(found(Selection { site: Some(site(9)), ..all }, 10).await, keys(&[&there]));
    let both = Selection { site: Some(site(9)), idp: Some("other"), ..all };
    assert_eq!(found(both, 10).await, []);
    let name: &'static str = stranger.key().public_name().leak();
    assert_eq!(found(Selection { session: Some(name), ..all }, 10).await, keys(&[&stranger]));
}

async fn the_least_recently_used_goes<S: Store>(make: &impl Fn(Room) -> S) {
    // Without groups all of them weigh the same.
    let plain = |n| Sample { groups: None, roles: Vec::new(), ..Sample::new(n) }.session(NOW);
    let weight = u64::from(plain(0).weight());
    let store = &make(Room { max_bytes: 10 * weight + weight / 2, ..ROOMY });
    let mut held = Vec::new();
    for n in 0..10 {
        held.push(insert(store, plain(n)).await);
    }
    for used in [0, 1] {
        assert_eq!(fetch(store, held[used].key()).await, Some(*held[used].key()));
    }
    for n in 10..12 {
        held.push(insert(store, plain(n)).await);
        assert!(fetch(store, plain(n).key()).await.is_some(), "the newcomer comes in");
    }
    for (n, session) in held.iter().enumerate() {
        let evicted = n == 2 || n == 3;
        let expected = if evicted { vec![] } else { keys(&[session]) };
        assert_eq!(by_user(store, session.idp(), session.user()).await, expected, "session {n}");
        let found = by_name_id(store, session.site(), session.idp(), session.name_id(), None).await;
        assert_eq!(found, expected, "session {n}");
        assert_eq!(fetch(store, session.key()).await.is_none(), evicted, "session {n}");
        assert_eq!(session.touch(NOW), !evicted, "session {n}");
    }
    let size = store.size();
    assert_eq!((size.sessions, size.bytes, size.evicted), (10, 10 * weight, 2));

    // However many come, each comes in, and the bound holds.
    for n in 100..200 {
        let newcomer = insert(store, plain(n)).await;
        assert!(fetch(store, newcomer.key()).await.is_some(), "newcomer {n}");
        assert!(newcomer.touch(NOW), "newcomer {n}");
        assert!(store.size().bytes <= 10 * weight + weight / 2);
    }
    assert_eq!(store.size().evicted, 102);
}

/// A session, and room for all but one octet of it.
fn never_fitting() -> (Room, Arc<Session>) {
    let session = Arc::new(sample(1, NOW));
    (Room { max_bytes: u64::from(session.weight()) - 1, ..ROOMY }, session)
}

async fn what_could_never_fit_is_refused<S: Store>(store: &S, session: Arc<Session>) {
    assert_eq!(patiently(|| store.insert(Arc::clone(&session))).await, Err(StoreError::Full));
    assert_eq!(fetch(store, session.key()).await, None);
    assert_eq!(by_user(store, session.idp(), session.user()).await, []);
}

async fn claims_are_all_or_nothing<S: Store>(store: &S) {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|id| ClaimKey::assertion("idp", id));
    let until = NOW.plus(MINUTE);
    assert_eq!(claim(store, &[a, b], NOW, until).await, Ok(Claim::First));
    assert_eq!(claim(store, &[a], NOW, until).await, Ok(Claim::Taken { which: 0 }));
    assert_eq!(claim(store, &[c, b], NOW, until).await, Ok(Claim::Taken { which: 1 }));
    assert_eq!(claim(store, &[c, d, a, b], NOW, until).await, Ok(Claim::Taken { which: 2 }));
    for (key, claimed) in [(a, true), (b, true), (c, false), (d, false)] {
        assert_eq!(patiently(|| store.is_claimed(&key, NOW)).await, Ok(claimed));
    }
    assert_eq!(claim(store, &[c], NOW, until).await, Ok(Claim::First));
}

async fn claims_end_when_they_say<S: Store>(store: &S) {
    let key = ClaimKey::request(site(1), "_request");
    let until = NOW.plus(MINUTE);
    assert_eq!(claim(store, &[key], NOW, until).await, Ok(Claim::First));
    let last = until.minus(Duration::from_millis(1));
    sweep_all(store, last);
    assert_eq!(claim(store, &[key], last, until).await, Ok(Claim::Taken { which: 0 }));
    assert_eq!(patiently(|| store.is_claimed(&key, last)).await, Ok(true));
    assert_eq!(patiently(|| store.is_claimed(&key, until)).await, Ok(false));
    assert_eq!(claim(store, &[key], until, until.plus(MINUTE)).await, Ok(Claim::First));
    assert_eq!(claim(store, &[key], until, until.plus(MINUTE)).await, Ok(Claim::Taken { which: 0 }));
}

async fn a_full_store_refuses_claims_and_forgets_none<S: Store>(make: &impl Fn(Room) -> S) {
    let weight = u64::from(sample(0, NOW).weight());
    let store = &make(Room { max_bytes: 4 * weight, max_claims: 10, ..ROOMY });
    let key = |n: usize| ClaimKey::request(site(0), &n.to_string());
    let until = |n: usize| NOW.plus(MINUTE * (1 + n as u32 / 5));
    for n in 0..10 {
        assert_eq!(claim(store, &[key(n)], NOW, until(n)).await, Ok(Claim::First));
    }
    // Sessions come and go; claims do not.
    for n in 0..50 {
        insert(store, sample(n, NOW)).await;
    }
    assert_eq!(claim(store, &[key(10)], NOW, until(10)).await, Err(StoreError::Full));
    assert_eq!(claim(store, &[key(11), key(12)], NOW, until(10)).await, Err(StoreError::Full));
    for n in 0..10 {
        assert_eq!(claim(store, &[key(n)], NOW, until(n)).await, Ok(Claim::Taken { which: 0 }));
    }
    assert_eq!(store.size().claims, 10);

    // The first five end, and there is room for five.
    let later = NOW.plus(MINUTE);
    for n in 10..15 {
        assert_eq!(claim(store, &[key(n)], later, until(15)).await, Ok(Claim::First));
    }
    assert_eq!(claim(store, &[key(15)], later, until(15)).await, Err(StoreError::Full));
    for key in (5..10).map(key) {
        assert_eq!(patiently(|| store.is_claimed(&key, later)).await, Ok(true));
    }
}

async fn one_of_many_is_first<S: Store + 'static>(store: Arc<S>) {
    const ROUNDS: usize = 20;
    let mut told = 0;
    for round in 0..ROUNDS {
        let contended = ClaimKey::assertion("idp", &format!("{round}"));
        let tasks: Vec<_> = (0..64)
            .map(|task| {
                let store = Arc::clone(&store);
                let own = ClaimKey::request(site(task), &format!("{round}"));
                tokio::spawn(async move { store.claim_once(&[own, contended], NOW, NOW.plus(MINUTE)).await })
            })
            .collect();
        let (mut firsts, mut unavailable) = (0, 0);
        for task in tasks {
            match task.await {
                Ok(Ok(Claim::First)) => firsts += 1,
                Ok(Ok(Claim::Taken { which })) => assert_eq!(which, 1),
                Ok(Err(StoreError::Unavailable(_))) => unavailable += 1,
                other => assert!(other.is_err(), "{other:?}"),
            }
        }
        assert!(
            firsts == 1 || (firsts == 0 && unavailable > 0),
            "{firsts} firsts, {unavailable} lost answers"
        );
        assert_eq!(patiently(|| store.is_claimed(&contended, NOW)).await, Ok(true));
        told += firsts;
    }
    assert!(told > ROUNDS / 2, "a lost answer is the exception");
}

async fn expired_sessions_are_swept<S: Store>(store: &S) {
    let limits = |seconds| Limits { idle_timeout: Duration::from_secs(seconds), max_age: MINUTE * 60 };
    let short = insert(store, Sample { limits: limits(60), ..Sample::new(1) }.session(NOW)).await;
    let long = insert(store, Sample { limits: limits(600), ..Sample::new(2) }.session(NOW)).await;
    let used = insert(store, Sample { limits: limits(60), ..Sample::new(3) }.session(NOW)).await;
    let later = NOW.plus(MINUTE);
    assert!(used.touch(later.minus(Duration::from_secs(1))));
    sweep_all(store, later.minus(Duration::from_secs(1)));
    assert_eq!(store.size().sessions, 3);
    sweep_all(store, later);
    assert_eq!(fetch(store, short.key()).await, None);
    assert_eq!(by_user(store, short.idp(), short.user()).await, []);
    assert_eq!(by_name_id(store, short.site(), short.idp(), short.name_id(), None).await, []);
    assert!(!short.touch(NOW), "ended for ever");
    for lives in [&long, &used] {
        assert_eq!(fetch(store, lives.key()).await, Some(*lives.key()));
        assert!(lives.touch(later));
    }
    let size = store.size();
    assert_eq!((size.sessions, size.evicted), (2, 0));
}

// Asking the store.

/// Asks again when the store was unavailable; for what may be asked twice.
async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
    ask: impl Fn() -> F,
) -> Result<T, StoreError> {
    for _ in 0..9 {
        match ask().await {
            Err(StoreError::Unavailable(_)) => {}
            answer => return answer,
        }
    }
    ask().await
}

/// Claims, and when the answer was lost finds out what it would have been.
async fn claim<S: Store>(
    store: &S,
    keys: &[ClaimKey],
    now: Moment,
    until: Moment,
) -> Result<Claim, StoreError> {
    let mut free = true;
    for key in keys {
        free &= patiently(|| store.is_claimed(key, now)).await == Ok(false);
    }
    patiently(|| async {
        let answer = store.claim_once(keys, now, until).await;
        let lost = matches!(answer, Err(StoreError::Unavailable(_)));
        match keys.first() {
            Some(key) if lost && free && patiently(|| store.is_claimed(key, now)).await == Ok(true) => {
                Ok(Claim::First)
            }
            _ => answer,
        }
    })
    .await
}

async fn insert<S: Store>(store: &S, session: Session) -> Arc<Session> {
    let session = Arc::new(session);
    assert_eq!(patiently(|| store.insert(Arc::clone(&session))).await, Ok(()));
    session
}

async fn fetch<S: Store>(store: &S, key: &SessionKey) -> Option<SessionKey> {
    fetch_session(store, key).await.map(|session| *session.key())
}

async fn fetch_session<S: Store>(store: &S, key: &SessionKey) -> Option<Arc<Session>> {
    match store.peek(key) {
        Peek::Live(session) => Some(session),
        Peek::Absent => None,
        Peek::Ask => {
            let answer = patiently(|| store.load(key)).await;
            assert!(answer.is_ok(), "{answer:?}");
            answer.ok().flatten()
        }
    }
}

async fn by_user<S: Store>(store: &S, idp: &str, user: &str) -> Vec<SessionKey> {
    sorted(patiently(|| store.by_user(idp, user)).await)
}

async fn by_name_id<S: Store>(
    store: &S,
    site: SiteKey,
    idp: &str,
    name_id: &str,
    index: Option<&str>,
) -> Vec<SessionKey> {
    sorted(patiently(|| store.by_name_id(site, idp, name_id, index)).await)
}

fn sorted(answer: Result<Vec<SessionKey>, StoreError>) -> Vec<SessionKey> {
    assert!(answer.is_ok(), "{answer:?}");
    let mut keys = answer.unwrap_or_default();
    keys.sort_by_key(|key| key.0);
    keys
}

fn keys(sessions: &[&Arc<Session>]) -> Vec<SessionKey> {
    sorted(Ok(sessions.iter().map(|session| *session.key()).collect()))
}

/// Sweeps so often that everything was looked at.
fn sweep_all<S: Store>(store: &S, now: Moment) {
    (0..100).for_each(|_| store.sweep(now));
}

const NOW: Moment = Moment::from_seconds(1_700_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const ROOMY: Room = Room { max_bytes: 1 << 24, max_claims: 10_000, now: NOW };
