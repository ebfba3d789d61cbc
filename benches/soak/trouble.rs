//! What happens to gates in a year: their configuration changes, their store restarts, connections break.

use crate::idp::FakeIdp;
use crate::scene::{AFTERMATH, PATIENCE, Scene};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two reloads.
const EVERY: Duration = Duration::from_millis(700);

/// How often the store is in trouble, at most.
const TROUBLES: u32 = 16;

/// Now one gate and now the other; every tenth configuration is broken, and the metadata is another one each time.
pub async fn reloads(scene: Arc<Scene>, end: Instant) {
    let another = FakeIdp::new("https://idp.test/metadata");
    // With a second certificate, as before a change of keys.
    let metadata = scene.idp.metadata();
    let certificate = |text: &str| {
        let start = text.find("<KeyDescriptor").unwrap();
        text[start..text.find("</KeyDescriptor>").unwrap() + "</KeyDescriptor>".len()].to_owned()
    };
    let both = metadata.replacen(
        "<KeyDescriptor",
        &format!("{}<KeyDescriptor", certificate(&another.metadata())),
        1,
    );
    let redis = scene.redis.lock().await.port;
    let mut expected = [[0.0; 2]; 2];
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let (place, broken) = (number / 2 % 2, number % 10 == 0);
        let gate = &scene.gates[place];
        let put = |name: &str, text: &str| {
            let new = gate.folder.join(format!("{name}.new"));
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, gate.folder.join(name)).unwrap();
        };
        put("corp.xml", if number % 4 < 2 { &both } else { &metadata });
        let config = scene.config(place, redis, number);
        put("config.yaml", &if broken { config.replace("\"http://", "\"ftp://") } else { config });
        let outcome = ["applied", "refused"][usize::from(broken)];
        expected[place][usize::from(broken)] += 1.0;
        let done = Command::new("kill").args(["-HUP", &gate.program.id().to_string()]).status().unwrap();
        assert!(done.success());
        let began = Instant::now();
        let label = format!("outcome=\"{outcome}\"");
        while gate.metric(&["vestibule_reloads_total", &label]).await < expected[place][usize::from(broken)] {
            if began.elapsed() > PATIENCE {
                scene.tally.wrong("unexpected answers", &format!("reload {number} was not {outcome}"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.tally.done(if broken { "reloads, broken" } else { "reloads, applied" });
        tokio::time::sleep(EVERY).await;
    }
}

/// In turns: it is restarted, all its connections are cut, those of its channel are.
pub async fn of_the_store(scene: Arc<Scene>, length: Duration, end: Instant) {
    let every = (length / TROUBLES).max(2 * AFTERMATH);
    for trouble in 0_u32.. {
        tokio::time::sleep(every).await;
        // Quiet at the end: who is known then must be shown their pages.
        if Instant::now() + AFTERMATH > end {
            return;
        }
        scene.disturb();
        let mut redis = scene.redis.lock().await;
        match trouble % 3 {
            1 | 2 => {
                let kind = ["", "normal", "pubsub"][trouble as usize % 3];
                let client = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port)).unwrap();
                let mut behind = client.get_multiplexed_async_connection().await.unwrap();
                let cut: redis::RedisResult<i64> =
                    redis::cmd("CLIENT").arg(&["KILL", "TYPE", kind]).query_async(&mut behind).await;
                cut.unwrap();
                scene.tally.done(if kind == "normal" {
                    "connections to the store cut"
                } else {
                    "channels cut"
                });
            }
            _ => {
                redis = tokio::task::block_in_place(|| {
                    redis.stop();
                    redis.start();
                    redis
                });
                scene.tally.done("restarts of the store");
            }
        }
        scene.disturb();
        drop(redis);
    }
}
