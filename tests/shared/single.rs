//! One server: what every store must do; with TLS, a client certificate and an ACL user; what it takes.

use crate::servers::{PATIENCE, Server};
use crate::{NOW, ring, store, until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use redis::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use vestibule::clock::{Clock as _, ManualClock};
use vestibule::observe::metrics::StoreTrouble;
use vestibule::observe::traces::{self, Sampling, Served, Tracer};
use vestibule::secret::Secret;
use vestibule::session::suite::{self, Sample, sample};
use vestibule::session::{Claim, ClaimKey, SiteKey, Store as _, StoreError};
use vestibule::store::{Certificates, Credentials, RedisStore, Server as Address, Topology};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_on_redis_does_what_a_store_must_do() {
    let server = Server::start();
    let made = AtomicU32::new(0);
    suite::run_shared(|room| {
        let mut settings = server.settings();
        settings.prefix = format!("suite{}:", made.fetch_add(1, Ordering::Relaxed));
        settings.max_bytes = room.max_bytes;
        async move { store(&settings, ring(b"a"), room.now).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_is_asked_is_a_part_of_the_trace_and_says_what_but_not_about_whom() {
    let server = Server::start();
    let store = store(&server.settings(), ring(b"a"), NOW).await;
    let sampling = Sampling { share: 1.0, follows_trusted: false, follows_anybody: false };
    let (tracer, mut done) = Tracer::new(sampling, Arc::new(ManualClock::at(NOW)), Arc::default());
    let trace = tracer.begin(&http::HeaderMap::new(), false, tokio::time::Instant::now(), false);
    let context = trace.context();
    traces::within(Some(trace), async {
        let claim = ClaimKey::request(SiteKey::of("wiki"), "_4711-of-ada");
        let claimed = store.claim_once(&[claim], NOW, NOW.plus(Duration::from_secs(60))).await;
        assert_eq!(claimed.unwrap(), Claim::First);
        traces::finish(|| Served { name: "POST".into(), failed: false, attributes: Vec::new() });
    })
    .await;
    let octets = traces::batch(&[done.recv().await.unwrap()], &[]);
    let export = ExportTraceServiceRequest::decode(&*octets).unwrap();
    let spans = &export.resource_spans[0].scope_spans[0].spans;
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["POST", "ask the store"]);
    assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
    assert_eq!(spans[1].parent_span_id, spans[0].span_id);
    assert_eq!(
        u128::from_be_bytes(spans[0].trace_id[..].try_into().unwrap()),
        u128::from_str_radix(&context.trace.to_string(), 16).unwrap()
    );
    let said = String::from_utf8_lossy(&octets);
    assert!(said.contains("db.operation.name") && said.contains("claim") && !said.contains("ada"), "{said}");
}

/// What the documentation tells the owner to permit.
const ACL: &str = "user gate on >open-sesame ~vestibule:* &vestibule:* resetchannels &vestibule:* -@all +get +mget +set \
                   +getdel +getrange +setrange +pexpire +pttl +zadd +zrem +zrangebyscore +zremrangebyscore +eval \
                   +info +ping +wait +publish +subscribe +unsubscribe +hello +select";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_a_client_certificate_and_an_acl_user_that_may_do_no_more_than_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        // Named unlike the authority, or OpenSSL takes it for its own issuer.
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (certificate, key) = issue("localhost");
    let (own, own_key) = issue("gate");
    let acl = file("users.acl", &format!("user default off\n{ACL}\n"));
    let plain = Server::start_with(&[
        "--save",
        "",
        "--tls-port",
        &crate::program::free_port().to_string(),
        "--tls-cert-file",
        &file("server.pem", &certificate),
        "--tls-key-file",
        &file("server-key.pem", &key),
        "--tls-ca-cert-file",
        &file("ca.pem", &authority.pem()),
        "--tls-auth-clients",
        "yes",
        "--aclfile",
        &acl,
    ]);
    let port = plain.argument("--tls-port").parse().unwrap();
    let mut settings = plain.settings();
    settings.topology = Topology::Single(Address { host: "localhost".into(), port, tls: true, database: 0 });
    settings.credentials =
        Credentials { username: Some("gate".into()), password: Some(Secret::from("open-sesame".to_owned())) };
    settings.certificates = Certificates {
        authorities: Some(authority.pem().into_bytes()),
        own: Some((own.into_bytes(), Secret::from(own_key))),
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let good = store(&settings, ring(b"a"), NOW).await;
    until("it listens", || good.is_listening()).await;
    let session = Arc::new(sample(1, NOW));
    good.insert(Arc::clone(&session)).await.unwrap();
    let until_then = NOW.plus(Duration::from_secs(60));
    let claim = ClaimKey::request(SiteKey::of("a"), "_1");
    assert_eq!(good.claim_once(&[claim], NOW, until_then).await, Ok(Claim::First));
    assert_eq!(good.by_user("corp", "u00000001@corp.example.com").await.unwrap(), [*session.key()]);
    let another = store(&settings, ring(b"a"), NOW).await;
    assert!(another.load(session.key()).await.unwrap().is_some());
    assert!(another.remove(session.key()).await.unwrap().is_some());
    until("the first hears of it", || session.has_ended()).await;

    // The accepted one's twins: another authority, no certificate of our own, another password.
    let stranger = CertifiedIssuer::self_signed(
        CertificateParams::new(Vec::new()).unwrap(),
        KeyPair::generate().unwrap(),
    );
    let mut other_authority = settings.clone();
    other_authority.certificates.authorities = Some(stranger.unwrap().pem().into_bytes());
    let mut no_certificate = settings.clone();
    no_certificate.certificates.own = None;
    let mut wrong_password = settings.clone();
    wrong_password.credentials.password = Some(Secret::from("sesame".to_owned()));
    for (what, settings) in [
        ("another authority", other_authority),
        ("no certificate", no_certificate),
        ("a wrong password", wrong_password),
    ] {
        let refused = crate::unready(&settings, ring(b"a"), NOW);
        let kinds = [StoreTrouble::Connection, StoreTrouble::Forbidden, StoreTrouble::Other];
        let figures = refused.figures();
        until(what, || kinds.iter().any(|kind| figures.failures_so_far(*kind) > 0)).await;
        assert!(!refused.is_connected(), "{what}");
        assert!(matches!(refused.load(session.key()).await, Err(StoreError::Unavailable(_))), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgets_to_make_room_takes_no_claims() {
    let server =
        Server::start_with(&["--save", "", "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
    let forgetful = store(&server.settings(), ring(b"a"), NOW).await;
    let claim = ClaimKey::request(SiteKey::of("a"), "_1");
    let until_then = NOW.plus(Duration::from_secs(60));
    let refused = forgetful.claim_once(&[claim], NOW, until_then).await.unwrap_err();
    assert!(refused.to_string().contains("maxmemory-policy"), "{refused}");

    let mut behind = server.connect().await;
    let _: Value = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory-policy", "noeviction"])
        .query_async(&mut behind)
        .await
        .unwrap();
    let faithful = store(&server.settings(), ring(b"a"), NOW).await;
    assert_eq!(faithful.claim_once(&[claim], NOW, until_then).await, Ok(Claim::First));

    let _: Value =
        redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).query_async(&mut behind).await.unwrap();
    let claim = ClaimKey::request(SiteKey::of("a"), "_2");
    assert_eq!(faithful.claim_once(&[claim], NOW, until_then).await, Err(StoreError::Full));
    assert_eq!(faithful.insert(Arc::new(sample(1, NOW))).await, Err(StoreError::Full));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_goes_by_itself_and_uses_are_written_down_now_and_then() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let clock = Arc::new(ManualClock::at(NOW));
    let mut settings = server.settings();
    settings.max_staleness = Duration::from_millis(1);
    let store = RedisStore::new(&settings, ring(b"a"), clock.clone());
    let store = Arc::new(store.unwrap());
    tokio::spawn(Arc::clone(&store).keep());
    until("the store answers", || store.is_connected()).await;
    let session = Arc::new(sample(1, NOW));
    store.insert(Arc::clone(&session)).await.unwrap();

    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut behind).await.unwrap();
    let name = keys.iter().find(|key| key.contains("s:")).unwrap().clone();
    for key in keys.iter().filter(|key| !key.ends_with("since")) {
        let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut behind).await.unwrap();
        assert!(left > 0, "{key} stays for ever");
    }
    let last_use = async |behind: &mut redis::aio::MultiplexedConnection| {
        let octets: Vec<u8> =
            redis::cmd("GETRANGE").arg(&name).arg(0).arg(3).query_async(behind).await.unwrap();
        i64::from(u32::from_be_bytes(octets.try_into().unwrap()))
    };
    let by_idle: i64 = redis::cmd("PTTL").arg(&name).query_async(&mut behind).await.unwrap();
    assert!((3_600_000..=3_600_000 + 420_000).contains(&by_idle), "{by_idle}");

    // An idle timeout of an hour is written down every six minutes.
    for (later, written) in [(100, 0), (359, 0), (360, 360), (400, 360), (720, 720)] {
        let now = NOW.plus(Duration::from_secs(later));
        clock.set(now);
        assert!(session.touch(now));
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(store.load(session.key()).await.unwrap().is_some());
        assert_eq!(last_use(&mut behind).await, NOW.seconds() + written, "after {later} s");
    }
    // Another gate knows of the last use that was written down.
    let other = crate::store(&settings, ring(b"a"), clock.now()).await;
    let there = other.load(session.key()).await.unwrap().unwrap();
    assert_eq!(there.expires_at(), NOW.plus(Duration::from_secs(720 + 3600)));
}

/// As a request does it: the session is asked for, and then it is used. Somebody who clicks once in 50 minutes is not
/// idle for an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_use_after_a_pause_is_written_down_although_nobody_asks_again() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let clock = Arc::new(ManualClock::at(NOW));
    let mut settings = server.settings();
    settings.max_staleness = Duration::from_millis(1);
    let store = Arc::new(RedisStore::new(&settings, ring(b"a"), clock.clone()).unwrap());
    tokio::spawn(Arc::clone(&store).keep());
    until("the store answers", || store.is_connected()).await;
    let key = *sample(1, NOW).key();
    store.insert(Arc::new(sample(1, NOW))).await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("vestibule:s:*").query_async(&mut behind).await.unwrap();
    let name = keys.first().unwrap();

    let later = NOW.plus(Duration::from_secs(3000));
    clock.set(later);
    // It is known to be there no longer than it is fresh.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let session = store.load(&key).await.unwrap().unwrap();
    assert!(session.touch(later));
    let end = Instant::now() + PATIENCE;
    loop {
        store.sweep(later);
        let octets: [u8; 4] = {
            let octets: Vec<u8> =
                redis::cmd("GETRANGE").arg(name).arg(0).arg(3).query_async(&mut behind).await.unwrap();
            octets.try_into().unwrap()
        };
        if i64::from(u32::from_be_bytes(octets)) == later.seconds() {
            break;
        }
        assert!(Instant::now() < end, "the use was never written down");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Another gate, or this one after a restart, counts the hour from there.
    let other = crate::store(&settings, ring(b"a"), later).await;
    let there = other.load(&key).await.unwrap().unwrap();
    assert_eq!(there.expires_at(), later.plus(Duration::from_secs(3600)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_takes_no_more_of_the_server_than_the_documentation_says() {
    const MANY: u64 = 2000;
    let server = Server::start();
    let mut behind = server.connect().await;
    let store = store(&server.settings(), ring(b"a"), NOW).await;
    let used = async |behind: &mut redis::aio::MultiplexedConnection| {
        let info: String = redis::cmd("INFO").arg("memory").query_async(behind).await.unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    let before = used(&mut behind).await;
    for n in 0..MANY {
        store.insert(Arc::new(Sample::new(n).session(NOW))).await.unwrap();
    }
    let each = (used(&mut behind).await - before) / MANY;
    println!("a session with ten groups takes {each} bytes of the server");
    assert!((500..2000).contains(&each), "{each} bytes a session");
}
