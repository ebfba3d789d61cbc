//! `make bench`, the part without a network: assertion validations per CPU second, and what a hostile message costs before
//! its signature is checked, as a multiple of parsing the same octets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a measuring program"
)]
#![allow(dead_code, reason = "the corpus and the signer are shared with programs that use more of them")]

#[path = "../examples/demo-idp/response.rs"]
mod response;
#[path = "../tests/attacks/scene.rs"]
mod scene;
#[path = "../tests/support/sealing.rs"]
mod sealing;
#[path = "../tests/attacks/table.rs"]
mod table;

use base64::Engine as _;
use response::{Question, Signer, User};
use rustix::time::{ClockId, clock_gettime};
use sealing::{Mode, OurKey};
use std::hint::black_box;
use table::{Message, Table};
use vestibule::clock::{Clock as _, SystemClock};
use vestibule::saml::demand::Demand;
use vestibule::saml::parties::{
    Binding, CryptographyPolicy, EntityId, IdentityProvider, Limits, Policy, RequireSigned, ServiceProvider,
    TrustedKeys,
};
use vestibule::saml::response::{Answers, Expected, RawResponse, ResponseText};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 7;

fn main() {
    if std::env::args().any(|word| word == "--bench") {
        validations();
        hostile_messages();
    }
}

/// An assertion-signed response of 8 KB under RSA-2048, from the form value to the accepted assertion.
fn validations() {
    let groups: Vec<&'static str> =
        (0..64).map(|n| &*format!("group-of-some-department-{n:03}").leak()).collect();
    let user = User { id: "ada", name: "Ada Lovelace", email: "ada@example.com", groups: groups.leak() };
    let (idp, sp, acs) =
        ("https://idp.example.com", "https://app.example.com/sp", "https://app.example.com/acs");
    let signer = Signer::with_fresh_key().unwrap();
    let question = Question { id: "_request".to_owned(), acs: None, issuer: sp.to_owned() };
    let form = signer.response(idp, sp, acs, &question, &user).unwrap();
    let ours = OurKey::rsa();
    let certificate = base64::engine::general_purpose::STANDARD.decode(signer.certificate_base64()).unwrap();
    let identity_provider = IdentityProvider {
        entity_id: EntityId(format!("{idp}/metadata")),
        single_sign_on: vec![(Binding::Redirect, idp.to_owned())],
        keys: TrustedKeys::from_certificates(&[certificate]).unwrap().0,
        require_signed: RequireSigned::Either,
        cryptography: CryptographyPolicy::default(),
        want_authn_requests_signed: false,
        single_logout: Vec::new(),
        scopes: Vec::new(),
    };
    let service_provider = ServiceProvider {
        entity_id: EntityId(sp.to_owned()),
        acs_url: acs.to_owned(),
        further_acs_urls: Vec::new(),
        slo_url: "https://app.example.com/slo".to_owned(),
        signing_keys: vec![ours.pair.clone()],
    };
    let now = SystemClock.now();
    let expected = Expected {
        answers: Answers::Request { id: "_request", issued: now },
        service_provider: &service_provider,
        identity_provider: &identity_provider,
        acs_url: acs,
        demand: &Demand::default(),
    };
    let policy = Policy { clock_skew: std::time::Duration::from_secs(60) };
    let limits = Limits::default();
    let once = |form: &str| {
        let text = ResponseText::from_form_value(black_box(form), &limits).unwrap();
        let raw = RawResponse::parse(&text, &limits).unwrap();
        let verified = raw.verify(&identity_provider, &service_provider, now).unwrap();
        drop(black_box(verified.accept(&expected, &policy, now).unwrap()));
    };
    let mut seconds: Vec<f64> = (0..ROUNDS).map(|_| cpu_seconds_of(2000, || once(&form))).collect();
    let octets = form.len() * 3 / 4;
    println!(
        "assertion validations: {:.0} per CPU second ({octets} octets, RSA-2048; goal ≥ 7000)",
        2000.0 / median(&mut seconds)
    );

    let standard = base64::engine::general_purpose::STANDARD;
    let plain = String::from_utf8(standard.decode(&form).unwrap()).unwrap();
    for (mode, name) in [(Mode::Gcm, "aes128-gcm"), (Mode::Cbc, "aes128-cbc")] {
        let form = standard.encode(ours.encrypt(&plain, mode));
        let mut seconds: Vec<f64> = (0..ROUNDS).map(|_| cpu_seconds_of(500, || once(&form))).collect();
        println!(
            "encrypted assertion validations: {:.0} per CPU second ({} octets, {name}, RSA-2048 for both; goal ≥ 2300)",
            500.0 / median(&mut seconds),
            form.len() * 3 / 4,
        );
    }
}

/// Everything that happens before a key is used, for every message of the corpus, against decoding and parsing it.
fn hostile_messages() {
    let table = Table::read();
    let names =
        table.accepted.iter().map(|case| &case.name).chain(table.attack.iter().map(|case| &case.name));
    let limits = Limits::default();
    let mut ratios: Vec<(f64, f64, &str)> = Vec::new();
    for name in names {
        let form = Message::of(name).form_value();
        let ours = || {
            if let Ok(text) = ResponseText::from_form_value(black_box(&form), &limits) {
                drop(black_box(RawResponse::parse(&text, &limits).map(|_| ())));
            }
        };
        let parsing = || {
            let Ok(octets) =
                base64::engine::general_purpose::STANDARD.decode(black_box(&form).replace(['\r', '\n'], ""))
            else {
                return;
            };
            let Ok(text) = String::from_utf8(octets) else { return };
            drop(black_box(uppsala::Parser::new().with_max_depth(64).parse(&text).map(|_| ())));
        };
        let times = (200_000 / form.len().max(1)).clamp(3, 60);
        let mut rounds: Vec<f64> = Vec::new();
        let mut slowest = 0_f64;
        for _ in 0..ROUNDS {
            let (a, b) = (cpu_seconds_of(times, ours), cpu_seconds_of(times, parsing));
            rounds.push(a / b.max(1e-9));
            slowest = slowest.max(a / times as f64);
        }
        ratios.push((median(&mut rounds), slowest, name));
    }
    ratios.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (worst, seconds, name) = ratios[0];
    let middle = ratios[ratios.len() / 2].0;
    println!(
        "before the signature is checked: {} messages cost {middle:.1} × parsing in the median, {worst:.1} × at worst ({name}, {:.2} ms; goal ≤ 10)",
        ratios.len(),
        seconds * 1e3
    );
    for (ratio, seconds, name) in &ratios[..5] {
        println!("    {ratio:>5.1} × {:>7.3} ms {name}", seconds * 1e3);
    }
}

fn cpu_seconds_of(times: usize, mut work: impl FnMut()) -> f64 {
    let before = thread_seconds();
    for _ in 0..times {
        work();
    }
    thread_seconds() - before
}

fn thread_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
