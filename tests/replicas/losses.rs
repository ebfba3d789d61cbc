//! A replica is killed, or cut off from the store, under load.

use crate::PATIENCE;
use crate::load::{KNOWN, start};
use crate::people::Shown;
use crate::scene::{MAX_STALENESS, play};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long it is watched after a loss, and after the end of it.
const WATCHED: Duration = Duration::from_secs(4);

#[test]
#[ignore = "make replicas: it takes the whole machine"]
fn under_load_a_replica_that_is_killed_takes_only_what_it_was_doing() {
    for replicas in [2, 3] {
        play(replicas, "serve_cached", move |mut scene| async move {
            println!("kill -9 of one of {replicas} replicas under load");
            let people = scene.signed_in(KNOWN).await;
            let load = start(&scene, &people).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let killed = Instant::now();
            scene.gates[0].kill();
            tokio::time::sleep(WATCHED).await;
            scene.start(0).await;
            tokio::time::sleep(WATCHED).await;
            let tally = load.end().await;
            let failed = tally.failed();
            let last =
                failed.last().map_or(Duration::ZERO, |(when, _)| when.saturating_duration_since(killed));
            println!("  the last failure {last:.0?} after the kill; {}", tally.summary());
            failed.iter().take(2).for_each(|(_, how)| println!("    {how}"));
            assert!(last < WATCHED, "it goes on after {last:?}: {:?}", failed.last());
            let none = (tally.lost.load(Ordering::Relaxed), tally.wrong.load(Ordering::Relaxed));
            assert_eq!(none, (0, 0), "lost, wrong");
            assert_eq!(scene.lost(&people).await, 0, "everybody is known everywhere");
        });
    }
}

/// What somebody sees who asks the replica itself, which a load balancer would not let them.
struct Seen {
    served_for: Duration,
    refused: bool,
}

#[test]
#[ignore = "make replicas: it takes the whole machine"]
fn under_load_a_replica_that_is_cut_off_from_the_store_recovers_without_a_restart() {
    for (replicas, policy) in [(2, "serve_cached"), (2, "refuse"), (3, "serve_cached")] {
        play(replicas, policy, move |scene| async move {
            println!(
                "one of {replicas} replicas cut off from the store under load, on_store_failure: {policy}"
            );
            let people = scene.signed_in(KNOWN).await;
            let load = start(&scene, &people).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            // Somebody whom the replica knows, and who goes on looking at it.
            let (mut ada, mut by) = (people[0].clone(), scene.direct(0));
            assert_eq!(ada.look(&mut by).await, Shown::Own);
            let cut = Instant::now();
            scene.cut_from_store(0);
            let mut seen = Seen { served_for: Duration::ZERO, refused: false };
            while cut.elapsed() < 2 * MAX_STALENESS + WATCHED {
                match ada.look(&mut by).await {
                    Shown::Own => seen.served_for = cut.elapsed(),
                    Shown::Failed(_) => seen.refused = true,
                    other => panic!("{other:?}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(seen.refused, "nothing was refused in {:?}", cut.elapsed());
            scene.mend(0);
            let mended = Instant::now();
            while ada.look(&mut by).await != Shown::Own {
                assert!(mended.elapsed() < PATIENCE, "it does not recover");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let recovered = mended.elapsed();
            tokio::time::sleep(WATCHED).await;
            let tally = load.end().await;
            println!(
                "  asked directly, a known session was served for {:.1?}, then refused, and served again {recovered:.1?} \
                 after the end of it; by way of nginx: {}",
                seen.served_for,
                tally.summary()
            );
            let failed = tally.failed();
            if let (Some((first, _)), Some((last, _))) = (failed.first(), failed.last()) {
                println!("  failures from {:.1?} to {:.1?} after the cut", *first - cut, *last - cut);
            }
            // A session may be a little older than the cut.
            assert!(seen.served_for < MAX_STALENESS + WATCHED, "{:?}", seen.served_for);
            let none = (tally.lost.load(Ordering::Relaxed), tally.wrong.load(Ordering::Relaxed));
            assert_eq!(none, (0, 0), "lost, wrong");
            assert_eq!(scene.lost(&people).await, 0, "everybody is known everywhere");
        });
    }
}
