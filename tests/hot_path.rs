//! What is done for every request of a known session takes no memory: from the Cookie header to what the rules ask.

use allocation_counter::measure;
use http::{HeaderMap, HeaderValue, header::COOKIE};
use std::hint::black_box;
use std::sync::Arc;
use vestibule::clock::{ManualClock, Moment};
use vestibule::cookies::CookiePolicy;
use vestibule::identity::Person as _;
use vestibule::observe::traces::{self, Kind, Sampling, Served, Tracer};
use vestibule::session::suite::Sample;
use vestibule::session::{MemoryStore, Peek, SessionId, SessionKey, Store as _};

const NOW: Moment = Moment::from_seconds(1_700_000_000);

#[expect(clippy::unwrap_used, reason = "a test may")]
fn request(id: &SessionId) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append(COOKIE, HeaderValue::from_static("theme=dark; _ga=GA1.2.1234567890.1234567890; lang=en"));
    let ours = format!("a=1; __Host-vestibule={}; b=2", id.to_cookie());
    headers.append(COOKIE, HeaderValue::from_str(&ours).unwrap());
    headers
}

#[test]
fn reading_the_cookie_allocates_nothing() {
    let policy = CookiePolicy::new(true, "__Host-vestibule");
    let id = SessionId::random();
    let headers = request(&id);
    let mut found = None;
    let used = measure(|| {
        found = policy.session(&headers).and_then(SessionKey::of_cookie);
    });
    assert_eq!(found, Some(id.key()));
    assert_eq!(used.count_total, 0);
}

#[test]
fn asking_a_session_allocates_nothing() {
    let session = Sample::new(7).session(NOW);
    // arc-swap makes a slot for each thread at its first use.
    assert!(session.rendered().load().is_none());
    let ask = || {
        assert!(session.touch(NOW));
        assert_eq!(session.in_group("group-000049"), Some(true));
        assert_eq!(session.in_group("nobodys"), Some(false));
        assert_eq!(session.has_role("editor"), Some(true));
        black_box((session.user(), session.email(), session.name(), session.idp(), session.expires_at()));
        session.each_group(&mut |group| assert!(group.starts_with("group-")));
        black_box(session.rendered().load().is_none());
    };
    // A lock makes a place for a thread at the first time that it waits, as it may here for another test.
    let used = (0..5).map(|_| measure(ask).count_total).min();
    assert_eq!(used, Some(0));
}

#[tokio::test]
async fn looking_up_a_session_allocates_nothing_but_for_the_stores_housekeeping() {
    let store = MemoryStore::new(1 << 24, NOW);
    let mut keys = Vec::new();
    for n in 0..1000 {
        let session = Arc::new(Sample::new(n).session(NOW));
        keys.push(*session.key());
        store.insert(session).await.unwrap();
    }
    let look_up = |key| assert!(matches!(store.peek(key), Peek::Live(session) if session.touch(NOW)));
    keys.iter().for_each(look_up);
    let busy = keys.iter().filter(|key| measure(|| look_up(key)).count_total > 0).count();
    // moka writes down every 64th look-up or so what the others left in its log.
    assert!(busy <= 1000 / 60, "{busy} of 1000 look-ups allocated");
}

#[test]
fn a_request_that_nobody_records_takes_no_memory_for_its_trace() {
    let sampling = Sampling { share: 0.0, follows_trusted: true, follows_anybody: false };
    let (tracer, _done) = Tracer::new(sampling, Arc::new(ManualClock::at(NOW)), Arc::default());
    let unrecorded = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let headers = HeaderMap::from_iter([(traces::TRACEPARENT, HeaderValue::from_static(unrecorded))]);
    let serve = |headers: &HeaderMap| {
        let current = tracer.begin(headers, true, tokio::time::Instant::now(), false);
        traces::during(Some(current), || {
            let served = || Served { name: String::new(), failed: false, attributes: Vec::new() };
            assert!(traces::current().is_some() && traces::step("x", Kind::Client).is_none());
            assert!(traces::finish(served).is_none());
        });
        // Where nobody traces at all.
        assert!(traces::current().is_none());
    };
    // Each thread draws its own beginning at its first use.
    serve(&headers);
    for headers in [headers, HeaderMap::new()] {
        assert_eq!(measure(|| serve(&headers)).count_total, 0);
    }
}
