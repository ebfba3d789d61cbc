//! A primary is killed under load: Sentinels promote a replica, a Cluster does so itself. Two gates check known sessions,
//! sign people in and out all the while, and every answer is shown to both of them, now and again later. Counted: sessions
//! that were lost, sessions that came back after a sign-out, sessions of another person, answers that were good twice.

use crate::servers::{Server, settings};
use crate::{PATIENCE, ring, until};
use redis::Value;
use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vestibule::clock::{Clock as _, Moment, SystemClock};
use vestibule::identity::Person as _;
use vestibule::session::suite::sample;
use vestibule::session::{Claim, ClaimKey, SessionKey, SiteKey, Store as _};
use vestibule::store::{Credentials, RedisStore, Settings, Topology};

/// Sessions that are there from the start and stay.
const KNOWN: u64 = 40;

/// How long the load runs before the kill, and after the first sign-in that works again.
const BEFORE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(3);

const STALENESS: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Tally {
    checks: AtomicU64,
    checks_refused: AtomicU64,
    sign_ins: AtomicU64,
    sign_ins_refused: AtomicU64,
    too_old: AtomicU64,
    replays: AtomicU64,
    sign_outs: AtomicU64,
    sign_outs_refused: AtomicU64,
    lost: AtomicU64,
    wrong: AtomicU64,
    doubled: AtomicU64,
    returned: AtomicU64,
    /// In milliseconds.
    longest_without_check: AtomicU64,
    longest_without_sign_in: AtomicU64,
}

fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Two gates and what everybody did.
struct Trial {
    gates: [Arc<RedisStore>; 2],
    tally: Tally,
    over: AtomicBool,
    next: AtomicU64,
    /// Answers that were good once, with when their sign-ins began.
    used: Mutex<Vec<(u64, Moment)>>,
    /// Sessions of people who are signed in, by their numbers.
    live: Mutex<Vec<u64>>,
    /// And of those who signed out, with when.
    gone: Mutex<HashMap<u64, Instant>>,
    last_sign_in: Mutex<Instant>,
}

impl Trial {
    async fn new(settings: &Settings) -> Arc<Self> {
        let gate = async || {
            let store = RedisStore::new(settings, ring(b"a"), Arc::new(SystemClock)).unwrap();
            let store = Arc::new(store);
            tokio::spawn(Arc::clone(&store).keep());
            until("the store answers", || store.is_connected() && store.is_listening()).await;
            store
        };
        let gates = [gate().await, gate().await];
        for n in 0..KNOWN {
            // A replica that has only just joined may not be in step yet.
            let session = Arc::new(sample(n, SystemClock.now()));
            let patience = Instant::now() + PATIENCE;
            while let Err(problem) = gates[0].insert(Arc::clone(&session)).await {
                assert!(Instant::now() < patience, "{problem}");
            }
        }
        Arc::new(Self {
            gates,
            tally: Tally::default(),
            over: AtomicBool::new(false),
            next: AtomicU64::new(KNOWN),
            used: Mutex::default(),
            live: Mutex::default(),
            gone: Mutex::default(),
            last_sign_in: Mutex::new(Instant::now()),
        })
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// A request of somebody who is signed in.
    async fn check(&self, gate: usize, n: u64) -> Option<bool> {
        one(&self.tally.checks);
        match self.gates[gate].load(sample(n, Moment::from_seconds(0)).key()).await {
            Ok(Some(session)) => {
                if session.user() != format!("u{n:08}@corp.example.com") {
                    one(&self.tally.wrong);
                }
                Some(true)
            }
            Ok(None) => Some(false),
            Err(_) => {
                one(&self.tally.checks_refused);
                None
            }
        }
    }

    async fn people_work(self: Arc<Self>, gate: usize) {
        let mut last = Instant::now();
        while self.goes_on() {
            for n in 0..KNOWN {
                match self.check(gate, n).await {
                    Some(true) => {
                        let without = u64::try_from(last.elapsed().as_millis()).unwrap();
                        self.tally.longest_without_check.fetch_max(without, Ordering::Relaxed);
                        last = Instant::now();
                    }
                    Some(false) => one(&self.tally.lost),
                    None => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What a sign-in does with the store when the answer comes: is it too old, was it used, then keep the session.
    async fn answer(&self, gate: usize, n: u64, began: Moment) -> Result<bool, ()> {
        let store = &self.gates[gate];
        if began < store.remembers_since() {
            one(&self.tally.too_old);
            return Err(());
        }
        let (request, assertion) = (format!("_request{n}"), format!("_assertion{n}"));
        let keys = [ClaimKey::request(SiteKey::of("app"), &request), ClaimKey::assertion("idp", &assertion)];
        let now = SystemClock.now();
        match store.claim_once(&keys, now, now.plus(Duration::from_secs(600))).await {
            Ok(Claim::First) => Ok(true),
            Ok(Claim::Taken { .. }) => Ok(false),
            Err(_) => Err(()),
        }
    }

    async fn people_come(self: Arc<Self>, stay: Duration) {
        while self.goes_on() {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            let began = SystemClock.now();
            tokio::time::sleep(stay).await;
            // The same answer is brought to both gates at once.
            let (here, there) = tokio::join!(self.answer(0, n, began), self.answer(1, n, began));
            if here == Ok(true) && there == Ok(true) {
                one(&self.tally.doubled);
            }
            let gate = match (here, there) {
                (Ok(true), _) => 0,
                (_, Ok(true)) => 1,
                _ => {
                    one(&self.tally.sign_ins_refused);
                    continue;
                }
            };
            self.used.lock().unwrap().push((n, began));
            if self.gates[gate].insert(Arc::new(sample(n, SystemClock.now()))).await.is_err() {
                one(&self.tally.sign_ins_refused);
                continue;
            }
            one(&self.tally.sign_ins);
            let without = {
                let mut last = self.last_sign_in.lock().unwrap();
                std::mem::replace(&mut *last, Instant::now()).elapsed()
            };
            let without = u64::try_from(without.as_millis()).unwrap();
            self.tally.longest_without_sign_in.fetch_max(without, Ordering::Relaxed);
            if self.check(1 - gate, n).await == Some(false) {
                one(&self.tally.lost);
            }
            self.live.lock().unwrap().push(n);
        }
    }

    /// Somebody has all answers that were ever used, and brings them again.
    async fn somebody_replays(self: Arc<Self>) {
        let mut turn = 0;
        while self.goes_on() {
            let picked = {
                let used = self.used.lock().unwrap();
                // From the newest backwards, over and over: the newest are what a failover would lose.
                let place = used.len().saturating_sub(1 + turn % 50);
                used.get(place).copied()
            };
            turn += 1;
            if let Some((n, began)) = picked {
                one(&self.tally.replays);
                if self.answer(turn % 2, n, began).await == Ok(true) {
                    one(&self.tally.doubled);
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn people_leave(self: Arc<Self>) {
        let mut unsure: Vec<u64> = Vec::new();
        while self.goes_on() {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let (n, again) = match unsure.pop() {
                Some(n) => (n, true),
                None => {
                    let mut live = self.live.lock().unwrap();
                    if live.is_empty() {
                        continue;
                    }
                    (live.remove(0), false)
                }
            };
            let gate = usize::try_from(n % 2).unwrap();
            let key: SessionKey = *sample(n, Moment::from_seconds(0)).key();
            match self.gates[gate].remove(&key).await {
                Ok(Some(_)) => {}
                // The first time it was answered, and the answer was lost.
                Ok(None) if again => {}
                Ok(None) => one(&self.tally.lost),
                Err(_) => {
                    one(&self.tally.sign_outs_refused);
                    unsure.push(n);
                    continue;
                }
            }
            one(&self.tally.sign_outs);
            self.gone.lock().unwrap().insert(n, Instant::now());
        }
    }

    async fn nobody_returns(self: Arc<Self>) {
        while self.goes_on() {
            let over: Vec<u64> = {
                let gone = self.gone.lock().unwrap();
                gone.iter().filter(|(_, when)| when.elapsed() > STALENESS).map(|(n, _)| *n).collect()
            };
            for n in over {
                for gate in [0, 1] {
                    if self.check(gate, n).await == Some(true) {
                        one(&self.tally.returned);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Runs everything, lets `kill` do its work in the middle, and holds what was counted.
    async fn run(self: &Arc<Self>, kill: impl AsyncFnOnce()) {
        let mut work = tokio::task::JoinSet::new();
        for gate in [0, 1] {
            work.spawn(Arc::clone(self).people_work(gate));
        }
        for stay in [1, 200, 700, 2500] {
            work.spawn(Arc::clone(self).people_come(Duration::from_millis(stay)));
        }
        work.spawn(Arc::clone(self).people_leave());
        work.spawn(Arc::clone(self).somebody_replays());
        work.spawn(Arc::clone(self).nobody_returns());
        tokio::time::sleep(BEFORE).await;
        until("people sign in", || get(&self.tally.sign_ins) > 20).await;
        kill().await;
        let (killed, refused) = (Instant::now(), get(&self.tally.sign_ins_refused));
        until("somebody is refused", || get(&self.tally.sign_ins_refused) > refused).await;
        let before = get(&self.tally.sign_ins);
        until("people sign in again", || get(&self.tally.sign_ins) > before + 10).await;
        println!("people sign in again after {:?}", killed.elapsed());
        tokio::time::sleep(AFTER.max(STALENESS)).await;
        self.over.store(true, Ordering::Relaxed);
        while let Some(done) = work.join_next().await {
            done.unwrap();
        }
        // Everybody who should be signed in is, at both gates.
        let live: Vec<u64> = (0..KNOWN).chain(self.live.lock().unwrap().drain(..)).collect();
        for gate in [0, 1] {
            for n in &live {
                if self.check(gate, *n).await != Some(true) {
                    one(&self.tally.lost);
                }
            }
        }
        self.report();
    }

    fn report(&self) {
        let Tally { checks, checks_refused, sign_ins, sign_ins_refused, too_old, replays, .. } = &self.tally;
        let Tally { sign_outs, sign_outs_refused, lost, wrong, doubled, returned, .. } = &self.tally;
        println!(
            "{} checks ({} refused, longest without one {} ms), {} sign-ins ({} refused, longest without one {} ms, {} \
             too old), {} replays, {} sign-outs ({} refused); lost {}, wrong {}, doubled {}, returned {}",
            get(checks),
            get(checks_refused),
            get(&self.tally.longest_without_check),
            get(sign_ins),
            get(sign_ins_refused),
            get(&self.tally.longest_without_sign_in),
            get(too_old),
            get(replays),
            get(sign_outs),
            get(sign_outs_refused),
            get(lost),
            get(wrong),
            get(doubled),
            get(returned),
        );
        assert_eq!(get(doubled), 0, "answers that were good twice");
        assert_eq!(get(wrong), 0, "sessions of another person");
        assert_eq!(get(lost), 0, "sessions that were lost");
        assert_eq!(get(returned), 0, "sessions that came back after a sign-out");
        assert!(get(sign_outs) > 0 && get(replays) > 0);
    }
}

async fn info(server: &Server, section: &str, name: &str) -> String {
    let mut behind = server.connect().await;
    let text: String = redis::cmd("INFO").arg(section).query_async(&mut behind).await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().to_owned()
}

/// Waits until every replica has everything. One that has not begun yet is empty, and may be promoted all the same.
async fn whole(servers: impl Iterator<Item = &Server>) {
    let end = Instant::now() + PATIENCE;
    for server in servers {
        loop {
            let told = match info(server, "replication", "role:").await.as_str() {
                "slave" => info(server, "replication", "master_link_status:").await,
                _ => info(server, "replication", "slave0:").await,
            };
            if told == "up" || told.contains("state=online") {
                break;
            }
            assert!(Instant::now() < end, "a replica is not there: {told}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make stores: it kills servers under load and takes the whole machine"]
async fn sentinels_promote_a_replica_and_nobody_notices_but_by_waiting() {
    let mut primary = Server::start_with(&["--save", "", "--repl-diskless-sync-delay", "0"]);
    let of_primary = ["127.0.0.1".to_owned(), primary.port.to_string()].join(" ");
    let replicas: Vec<Server> =
        (0..2).map(|_| Server::start_with(&["--save", "", "--replicaof", &of_primary])).collect();
    whole(replicas.iter().chain([&primary])).await;
    let configuration = format!(
        "sentinel monitor gate {of_primary} 2\nsentinel down-after-milliseconds gate 1000\nsentinel failover-timeout \
         gate 5000\n"
    );
    let sentinels: Vec<Server> =
        (0..3).map(|_| Server::start_configured(Some(&configuration), &["--sentinel"])).collect();
    let end = Instant::now() + PATIENCE;
    for sentinel in &sentinels {
        let mut behind = sentinel.connect().await;
        loop {
            let told: HashMap<String, String> =
                redis::cmd("SENTINEL").arg("MASTER").arg("gate").query_async(&mut behind).await.unwrap();
            if told["num-slaves"] == "2" && told["num-other-sentinels"] == "2" {
                break;
            }
            assert!(Instant::now() < end, "{told:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let topology = Topology::Sentinel {
        name: "gate".into(),
        sentinels: sentinels.iter().map(Server::address).collect(),
        credentials: Credentials::default(),
        tls: false,
        database: 0,
    };
    let settings = Settings {
        acknowledged_by: 1,
        timeout: Duration::from_secs(1),
        max_staleness: STALENESS,
        ..settings(topology)
    };
    let trial = Trial::new(&settings).await;
    trial.run(async || primary.kill()).await;
    let mut primaries = 0;
    for replica in &replicas {
        primaries += u32::from(info(replica, "replication", "role:").await == "master");
    }
    assert_eq!(primaries, 1, "one was promoted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make stores: it kills servers under load and takes the whole machine"]
async fn a_cluster_replaces_the_node_with_the_claims_and_nobody_notices_but_by_waiting() {
    let mut servers: Vec<Server> = (0..6)
        .map(|_| {
            let bus = crate::program::free_port().to_string();
            Server::start_with(&[
                "--save",
                "",
                "--appendonly",
                "yes",
                "--repl-diskless-sync-delay",
                "0",
                "--cluster-enabled",
                "yes",
                "--cluster-config-file",
                "nodes-{port}.conf",
                "--cluster-node-timeout",
                "2000",
                "--cluster-port",
                &bus,
            ])
        })
        .collect();
    let addresses: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let made = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(&addresses)
        .args(["--cluster-replicas", "1", "--cluster-yes"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    whole(servers.iter()).await;
    let settings = Settings {
        acknowledged_by: 1,
        timeout: Duration::from_secs(1),
        max_staleness: STALENESS,
        ..settings(Topology::Cluster(servers.iter().map(Server::address).collect()))
    };
    let trial = Trial::new(&settings).await;

    let mut behind = servers[0].connect().await;
    let slot: i64 = redis::cmd("CLUSTER").arg("KEYSLOT").arg("c").query_async(&mut behind).await.unwrap();
    let Value::Array(ranges) = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut behind).await.unwrap()
    else {
        panic!("no slots")
    };
    let port = ranges.iter().find_map(|range| {
        let Value::Array(parts) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(node), ..] = parts.as_slice() else {
            return None;
        };
        let Some(Value::Int(port)) = node.get(1) else { return None };
        (*first..=*last).contains(&slot).then_some(*port)
    });
    let place = servers.iter().position(|server| i64::from(server.port) == port.unwrap()).unwrap();
    let witness = (place + 1) % servers.len();
    trial
        .run(async || {
            servers[place].kill();
            // Its replica takes over; then it comes back as a replica, without which nothing would be written down twice.
            let mut behind = servers[witness].connect().await;
            let end = Instant::now() + PATIENCE;
            loop {
                let nodes: String =
                    redis::cmd("CLUSTER").arg("NODES").query_async(&mut behind).await.unwrap();
                let owner = nodes.lines().find(|line| {
                    line.contains("master") && !line.contains("fail") && {
                        line.split(' ').skip(8).any(|range| {
                            let (first, last) = range.split_once('-').unwrap_or((range, range));
                            first.parse().is_ok_and(|first: i64| first <= slot)
                                && last.parse().is_ok_and(|last: i64| slot <= last)
                        })
                    }
                });
                if owner.is_some_and(|line| !line.contains(&addresses[place])) {
                    break;
                }
                assert!(Instant::now() < end, "{nodes}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            servers[place].start_again();
        })
        .await;
}
