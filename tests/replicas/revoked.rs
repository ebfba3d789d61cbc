//! A session that is revoked at one replica is over at all of them, and so is what it had open.

use crate::PATIENCE;
use crate::console::open;
use crate::network::HERE;
use crate::people::{Person, Shown};
use crate::scene::{MAX_STALENESS, STORE, Scene, play};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;

const MANY: usize = 200;
/// Where no message arrives, each takes seconds.
const FEW: usize = 12;

/// Revokes it at the first replica; how long each one went on to let it pass, from then on.
async fn revoked(scene: &Scene, person: &Person) -> Vec<Duration> {
    let mut watching = JoinSet::new();
    for gate in 0..scene.gates.len() {
        let (mut by, mut person) = (scene.direct(gate), person.clone());
        assert_eq!(person.look(&mut by).await, Shown::Own);
        watching.spawn(async move {
            // Asked again and again, as by somebody who clicks on and on.
            let began = Instant::now();
            while person.look(&mut by).await == Shown::Own {
                assert!(began.elapsed() < PATIENCE, "it is never over");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            (gate, Instant::now())
        });
    }
    let began = Instant::now();
    scene.gates[0].revoke(&person.name).await;
    let mut over = watching.join_all().await;
    over.sort_by_key(|(gate, _)| *gate);
    over.into_iter().map(|(_, over)| over.saturating_duration_since(began)).collect()
}

fn told(what: &str, mut took: Vec<Duration>) -> Duration {
    took.sort();
    let at = |share: usize| took[took.len() * share / 100];
    let worst = took[took.len() - 1];
    println!("  {what}: median {:.1?}, p99 {:.1?}, worst {worst:.1?} of {}", at(50), at(99), took.len());
    worst
}

#[test]
#[ignore = "make replicas: it takes the whole machine"]
fn a_session_that_is_revoked_at_one_replica_is_over_at_all_of_them() {
    play(3, "serve_cached", |scene| async move {
        println!("revocation at one of three replicas");
        let people = scene.signed_in(MANY + FEW + 3).await;
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for person in &people[..MANY] {
            let took = revoked(&scene, person).await;
            here.push(took[0]);
            elsewhere.extend(&took[1..]);
        }
        told("over where it was revoked", here);
        let worst = told("over at the other replicas", elsewhere);
        assert!(worst < MAX_STALENESS, "{worst:?}");

        // What is open learns of it too, directly and behind nginx.
        let mut took = Vec::new();
        for person in &people[MANY..MANY + 3] {
            let mut sockets = [
                open(scene.gates[1].public, person).await.unwrap(),
                open(scene.balancer, person).await.unwrap(),
            ];
            let began = Instant::now();
            scene.gates[0].revoke(&person.name).await;
            for socket in &mut sockets {
                let closed = tokio::time::timeout(PATIENCE, socket.read(&mut [0])).await;
                assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
                took.push(began.elapsed());
            }
        }
        let worst = told("a WebSocket was closed", took);
        assert!(worst < MAX_STALENESS + Duration::from_secs(1), "{worst:?}");

        // The channel by which replicas hear of it falls silent: what the store sends to it gets lost on the way.
        let mut without = Vec::new();
        for person in &people[MANY + 3..] {
            let silent = silence(&scene, 1).await;
            let took = revoked(&scene, person).await;
            without.push(took[1]);
            drop(silent);
        }
        let worst = told("over at a replica that no message reaches", without);
        let room = Duration::from_millis(500);
        assert!(worst <= MAX_STALENESS + room, "{worst:?} of {MAX_STALENESS:?}");
    });
}

/// Until it is dropped, nothing that the store sends over its channel arrives at this replica.
struct Silence<'s>(&'s Scene, usize);

async fn silence(scene: &Scene, gate: usize) -> Silence<'_> {
    let client = redis::Client::open(format!("redis://{STORE}")).unwrap();
    let mut behind = client.get_multiplexed_async_connection().await.unwrap();
    let list: String =
        redis::cmd("CLIENT").arg(&["LIST", "TYPE", "pubsub"]).query_async(&mut behind).await.unwrap();
    let ours = format!(" addr=198.19.0.{}:", 11 + gate);
    let ports: Vec<&str> =
        list.split(ours.as_str()).skip(1).filter_map(|rest| rest.split(' ').next()).collect();
    assert!(!ports.is_empty(), "{HERE}: {list}");
    for port in ports {
        let mut wall = scene.on(gate, "iptables");
        let rule = ["-A", "INPUT", "-p", "tcp", "--sport", "6379", "--dport", port, "-j", "DROP"];
        assert!(wall.args(rule).status().unwrap().success(), "iptables is missing");
    }
    Silence(scene, gate)
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let mut wall = self.0.on(self.1, "iptables");
        let flushed = wall.args(["-F", "INPUT"]).status();
        // A second panic while the first unwinds would take the whole program, and what it had to say, with it.
        assert!(
            std::thread::panicking() || flushed.is_ok_and(|status| status.success()),
            "iptables -F INPUT"
        );
    }
}
