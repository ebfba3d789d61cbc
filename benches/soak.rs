//! `make soak`: known sessions, sign-ins, sign-outs and hostile input at once, for SECONDS_TO_RUN seconds (600).
//!
//! Fails when the gate dies, when something panicked, when a hostile request was let through, or when memory grew beyond
//! what the sessions held explain.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a measuring program"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use bytes::Bytes;
use http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::demo_idp::{DemoIdp, example};
use support::gate::{GateProcess, Ports};
use support::program::{Program, free_port, loopback};
use support::visitor::Visitor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Bytes that a session may cost, with its index and the allocator's own.
const BYTES_A_SESSION: f64 = 1500.0;
/// Growth that is nobody's: caches that fill, thread stacks, fragmentation.
const TOLERANCE_MB: f64 = 48.0;

#[derive(Default)]
struct Counts {
    known: AtomicU64,
    signed_in: AtomicU64,
    signed_out: AtomicU64,
    hostile: AtomicU64,
}

fn main() {
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seconds = std::env::var("SECONDS_TO_RUN").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    runtime.block_on(soak(Duration::from_secs(seconds)));
}

async fn soak(length: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let (ports, app_port) = (Ports::choose(), free_port());
    let public = format!("http://127.0.0.1:{}", ports.public);
    let idp = DemoIdp::start(folder.path(), "localhost", &public);
    let app = Program::start(
        "demo-app",
        std::process::Command::new(example("demo-app")).args([
            "--listen",
            &format!("127.0.0.1:{app_port}"),
            "--gate",
            &public,
        ]),
        folder.path(),
        loopback(app_port),
    );
    let gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!(
            "public_url: {public}\nupstream: http://127.0.0.1:{app_port}\nlog: {{level: warn}}\nidentity_providers:\n  \
             - {{id: demo, label: Demo, metadata_file: idp-metadata.xml}}\nrules:\n  - {{paths: [/public/*], access: public}}\n"
        ),
    );
    let end = Instant::now() + length;
    let counts = Arc::new(Counts::default());
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..2 {
        tasks.spawn(known_visitor(public.clone(), end, Arc::clone(&counts)));
        tasks.spawn(comes_and_goes(public.clone(), end, Arc::clone(&counts)));
        tasks.spawn(hostile(public.clone(), ports.public, seed, end, Arc::clone(&counts)));
    }

    // The first tenth fills caches and pools; growth is counted from there.
    tokio::time::sleep(length / 10).await;
    let (first, held_first) = (gate.program.resident_mb(), sessions(ports.admin).await);
    println!("{:>6} s  {first:.1} MB resident, {held_first} sessions", (length / 10).as_secs());
    while Instant::now() < end {
        tokio::time::sleep(length / 10).await;
        // The gate's own words, and the standard library's for a panic before the log is there.
        let log = gate.program.log();
        assert!(!["a panic: please report it", "panicked"].iter().any(|words| log.contains(words)), "{log}");
        println!(
            "{:>6} s  {:.1} MB resident, {} sessions",
            (length.saturating_sub(end.saturating_duration_since(Instant::now()))).as_secs(),
            gate.program.resident_mb(),
            sessions(ports.admin).await
        );
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let (last, held_last) = (gate.program.resident_mb(), sessions(ports.admin).await);
    let explained = (held_last - held_first).max(0.0) * BYTES_A_SESSION / 1e6;
    println!(
        "{} requests of known sessions, {} sign-ins, {} sign-outs, {} hostile requests; memory {first:.1} → {last:.1} MB, {explained:.1} MB explained by sessions",
        counts.known.load(Ordering::Relaxed),
        counts.signed_in.load(Ordering::Relaxed),
        counts.signed_out.load(Ordering::Relaxed),
        counts.hostile.load(Ordering::Relaxed),
    );
    assert!(last - first < explained + TOLERANCE_MB, "memory grew by {:.1} MB", last - first);
    assert_eq!(gate.program.terminate(), Some(0), "the gate ends well");
    drop((idp, app));
}

async fn sign_in(browser: &mut Visitor, public: &str) {
    browser.sign_in(&format!("{public}/vestibule/sign-in?rd=/page&again=1"), "grace").await;
}

async fn known_visitor(public: String, end: Instant, counts: Arc<Counts>) {
    let mut browser = Visitor::new();
    sign_in(&mut browser, &public).await;
    while Instant::now() < end {
        let answer = browser.get(&format!("{public}/page?x=1")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("Hello, grace@example.com"), "{answer:?}");
        counts.known.fetch_add(1, Ordering::Relaxed);
    }
}

/// Signs in as a new visitor each time; every second one signs out.
async fn comes_and_goes(public: String, end: Instant, counts: Arc<Counts>) {
    let mut turn = 0_u64;
    while Instant::now() < end {
        let mut browser = Visitor::new();
        sign_in(&mut browser, &public).await;
        counts.signed_in.fetch_add(1, Ordering::Relaxed);
        turn += 1;
        if turn.is_multiple_of(2) {
            let answer = browser.post_form(&format!("{public}/vestibule/sign-out"), &[]).await;
            assert!(answer.status.is_success() || answer.status.is_redirection(), "{answer:?}");
            let answer = browser.get(&format!("{public}/page")).await;
            assert_ne!(answer.status, 200);
            counts.signed_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Altered answers, replays, odd paths, spoofed headers, broken cookies and bytes that are no HTTP.
async fn hostile(public: String, port: u16, seed: u64, end: Instant, counts: Arc<Counts>) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (seed + 1));
    let mut browser = Visitor::new();
    while Instant::now() < end {
        match random.below(5) {
            0 => {
                let away = browser.get(&format!("{public}/vestibule/sign-in?again=1")).await;
                let choice = browser.follow(away).await;
                let posted = browser.submit(&choice, &[("user", "ada")]).await;
                let (_, action, mut fields) = posted.form();
                for (name, value) in &mut fields {
                    if name == "SAMLResponse" {
                        *value = random.spoil_base64(value);
                    }
                }
                let answer = browser.post_form(&action, &fields).await;
                assert!(
                    answer.status.is_client_error() || answer.body.contains("SAMLResponse"),
                    "{answer:?}"
                );
            }
            1 => {
                let path = ["/%2e%2e/admin", "/a%2fb", "/a\\b", "//x", "/%00", "/%25%32e", "/..;/x"]
                    [random.below(7)];
                raw(
                    port,
                    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")
                        .as_bytes(),
                )
                .await;
            }
            2 => {
                let headers =
                    [("x-forwarded-user", "evil"), ("cookie", "vestibule=AAAA; vestibule=BBBB; x=\"\u{7f}")];
                let answer =
                    browser.send(Method::GET, &format!("{public}/page"), &headers[..1], Bytes::new()).await;
                assert_ne!(answer.status, 200, "{answer:?}");
            }
            3 => {
                let bytes: Vec<u8> = (0..random.below(400)).map(|_| random.next().to_le_bytes()[0]).collect();
                raw(port, &bytes).await;
            }
            _ => {
                let length = random.below(3000);
                let body: String =
                    (0..length).map(|_| char::from(b'A' + u8::try_from(random.below(50)).unwrap())).collect();
                let fields = [
                    ("SAMLResponse".to_owned(), body),
                    ("RelayState".to_owned(), "https://evil.test/".to_owned()),
                ];
                let answer = browser.post_form(&format!("{public}/vestibule/saml/acs"), &fields).await;
                assert!(answer.status.is_client_error(), "{answer:?}");
            }
        }
        counts.hostile.fetch_add(1, Ordering::Relaxed);
    }
}

async fn raw(port: u16, bytes: &[u8]) {
    let Ok(mut socket) = tokio::net::TcpStream::connect(loopback(port)).await else { return };
    drop(socket.write_all(bytes).await);
    drop(socket.shutdown().await);
    let mut answer = Vec::new();
    drop(tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut answer)).await);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// Xorshift: the same walk at each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// Changes one octet of what the base64 says.
    fn spoil_base64(&mut self, value: &str) -> String {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        let mut bytes = engine.decode(value).unwrap();
        // Among the attributes, near the end: that was signed (an altered KeyInfo, which nobody reads, would do no harm).
        let at = bytes.len() - 700 + self.below(500);
        bytes[at] = bytes[at].wrapping_add(1);
        engine.encode(bytes)
    }
}

async fn sessions(admin: u16) -> f64 {
    let answer = Visitor::new().get(&format!("http://127.0.0.1:{admin}/metrics")).await;
    answer
        .body
        .lines()
        .find_map(|line| line.strip_prefix("vestibule_sessions "))
        .and_then(|n| n.parse().ok())
        .unwrap_or(0.0)
}
