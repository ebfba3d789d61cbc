//! `make soak`: everything at once, for SECONDS_TO_RUN seconds (600), at two gates that share a Redis.
//!
//! Known sessions, sign-ins and sign-outs, forms and WebSockets through the proxy face; the questions of nginx and Envoy,
//! over HTTP and over gRPC; revocations; forged answers, broken requests, slow clients; the Redis restarted and its
//! connections cut now and then; reloads, every tenth broken, with metadata that changes.
//!
//! Fails when a gate dies or panics, when a session is lost or is somebody else's, when an answer was not one of those that
//! may come, or when memory, descriptors or threads grew. What may be refused while the Redis is away is counted apart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a measuring program"
)]

#[path = "../../tests/replicas/application.rs"]
mod application;
#[path = "../../tests/replicas/caller.rs"]
mod caller;
#[path = "../../tests/replicas/console.rs"]
mod console;
#[path = "../../tests/support/idp.rs"]
mod idp;
#[path = "../../tests/replicas/people.rs"]
mod people;
#[path = "../../tests/support/program.rs"]
mod program;
#[path = "../behind/question.rs"]
mod question;
#[path = "../../tests/support/visitor.rs"]
mod visitor;

mod crowd;
mod figures;
mod scene;
mod strangers;
mod tally;
mod trouble;

use figures::Figures;
use people::{Person, Shown};
use scene::Scene;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Looks at memory, descriptors and threads: in each third of the time as many.
const LOOKS: u32 = 60;

fn main() {
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seconds = std::env::var("SECONDS_TO_RUN").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    runtime.block_on(soak(Duration::from_secs(seconds)));
}

async fn soak(length: Duration) {
    let scene = Arc::new(Scene::start().await);
    let end = Instant::now() + length;
    let mut known = Vec::new();
    for number in 0..crowd::KNOWN {
        let mut person = Person::new(format!("known-{number}"));
        person.sign_in(&mut scene.caller(number % 2), &scene.idp).await.unwrap();
        known.push(person);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..2 {
        tasks.spawn(crowd::look_and_write(Arc::clone(&scene), known.clone(), number, end));
        tasks.spawn(crowd::come_and_go(Arc::clone(&scene), number, end));
        tasks.spawn(crowd::gateways_ask(Arc::clone(&scene), number, end));
        tasks.spawn(strangers::attack(Arc::clone(&scene), number as u64, end));
    }
    tasks.spawn(crowd::sockets_are_revoked(Arc::clone(&scene), end));
    tasks.spawn(strangers::dawdle(Arc::clone(&scene), end));
    tasks.spawn(trouble::reloads(Arc::clone(&scene), end));
    tasks.spawn(trouble::of_the_store(Arc::clone(&scene), length, end));

    // The first tenth fills caches and pools; growth is counted from there.
    tokio::time::sleep(length / 10).await;
    let mut figures = Figures::default();
    for look in 0..LOOKS {
        tokio::time::sleep((length - length / 10) / LOOKS).await;
        figures.look(&scene).await;
        if look % 6 == 5 {
            println!(
                "{:>6} s  {}",
                (length.saturating_sub(end.saturating_duration_since(Instant::now()))).as_secs(),
                figures.now()
            );
        }
        // Whatever went wrong, nobody waits for the end to learn of it.
        if scene.tally.has_failed() {
            break;
        }
    }
    if scene.tally.has_failed() {
        tasks.abort_all();
    }
    while let Some(done) = tasks.join_next().await {
        assert!(done.is_ok() || scene.tally.has_failed(), "{done:?}");
    }
    scene.undisturbed().await;
    let mut lost = 0;
    for gate in 0..scene.gates.len() {
        for person in &known {
            let shown = person.clone().look(&mut scene.caller(gate)).await;
            lost += usize::from(shown != Shown::Own);
        }
    }
    println!("{}", scene.tally.summary());
    println!("known sessions at the end: {lost} lost");
    println!("{}", figures.summary());
    scene.tally.judge();
    assert_eq!(lost, 0, "known sessions were lost");
    figures.judge();
    Arc::into_inner(scene).unwrap().end();
}
