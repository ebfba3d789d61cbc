//! One replica after the other is asked to go and started again, and nobody notices.

use crate::load::{KNOWN, Load, start};
use crate::scene::{Scene, play};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

async fn each_in_turn(scene: &mut Scene) {
    for gate in 0..scene.gates.len() {
        scene.gates[gate].stop().await;
        scene.start(gate).await;
    }
}

async fn restarted(mut scene: Scene, load: Load, people: Vec<crate::people::Person>) {
    let began = Instant::now();
    each_in_turn(&mut scene).await;
    let tally = load.end().await;
    let failed: Vec<String> = tally.failed().into_iter().map(|(_, how)| how).collect();
    println!("  {} replicas restarted in {:.0?}: {}", scene.gates.len(), began.elapsed(), tally.summary());
    assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), &failed[..failed.len().min(8)]);
    let none = (tally.lost.load(Ordering::Relaxed), tally.wrong.load(Ordering::Relaxed));
    assert_eq!(none, (0, 0), "lost, wrong");
    assert_eq!(scene.lost(&people).await, 0, "everybody is known everywhere");
}

/// The short one, which runs with all tests.
#[test]
fn a_rolling_restart_of_two_replicas_is_not_seen_by_anybody() {
    play(2, "serve_cached", |scene| async move {
        let people = scene.signed_in(8).await;
        // So few that a busy machine answers them too.
        let load = Load::at(&scene, &people, Some(40.0));
        restarted(scene, load, people).await;
    });
}

#[test]
#[ignore = "make replicas: it takes the whole machine"]
fn under_load_a_rolling_restart_fails_no_request() {
    for replicas in [2, 3] {
        play(replicas, "serve_cached", move |scene| async move {
            println!("rolling restart of {replicas} replicas under load");
            let people = scene.signed_in(KNOWN).await;
            let load = start(&scene, &people).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            restarted(scene, load, people).await;
        });
    }
}
