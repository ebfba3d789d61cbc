//! Two gates that share a Redis, an application behind them and an identity provider.

use crate::caller::Caller;
use crate::idp::FakeIdp;
use crate::program::{Program, free_port, loopback};
use crate::tally::Tally;
use crate::{application, console};
use http::Method;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

pub const SITE: &str = "https://app.example.com";
/// A site about which gateways ask.
pub const ASKED: &str = "https://asked.example.com";
pub const ASKED_HOST: &str = "asked.example.com";
pub const HOST: &str = "app.example.com";
pub const MAX_STALENESS: Duration = Duration::from_secs(5);

/// How long things may be refused after the Redis is back: until it is asked again, and until nobody is on the way whose
/// sign-in began before.
pub const AFTERMATH: Duration = Duration::from_secs(10);

/// No more than anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Scene {
    pub gates: Vec<Gate>,
    pub idp: Arc<FakeIdp>,
    pub tally: Tally,
    pub redis: Mutex<Redis>,
    /// When it was away last.
    away: parking_lot::Mutex<Option<Instant>>,
    application: SocketAddr,
    folder: tempfile::TempDir,
}

pub struct Redis {
    pub port: u16,
    program: Option<Program>,
    folder: PathBuf,
}

pub struct Gate {
    pub public: SocketAddr,
    pub authz: SocketAddr,
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    pub folder: PathBuf,
    pub program: Program,
}

impl Scene {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let idp = Arc::new(FakeIdp::new("https://idp.test/metadata"));
        let mut redis = Redis { port: free_port(), program: None, folder: folder.path().join("redis") };
        std::fs::create_dir(&redis.folder).unwrap();
        redis.start();
        let application = application::start(Ipv4Addr::LOCALHOST).await;
        let mut gates = Vec::new();
        for number in 0..2 {
            let folder = folder.path().join(format!("gate{number}"));
            std::fs::create_dir(&folder).unwrap();
            let [public, authz, grpc, admin] = std::array::from_fn(|_| loopback(free_port()));
            std::fs::write(folder.join("corp.xml"), idp.metadata()).unwrap();
            let addresses = [public, authz, grpc, admin];
            std::fs::write(
                folder.join("config.yaml"),
                config(&folder, addresses, redis.port, application, 0),
            )
            .unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
            command.args(["run", "--config"]).arg(folder.join("config.yaml"));
            let program = Program::start("vestibule", &mut command, &folder, public);
            let gate = Gate { public, authz, grpc, admin, folder, program };
            let began = Instant::now();
            while gate.metric(&["vestibule_store_listening"]).await < 1.0 {
                assert!(began.elapsed() < PATIENCE, "{}", gate.program.log());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            gates.push(gate);
        }
        let away = parking_lot::Mutex::default();
        Self { gates, idp, tally: Tally::default(), redis: Mutex::new(redis), away, application, folder }
    }

    /// Somebody's connection to the sign-in of the site about which gateways ask.
    pub fn caller_of_asked(&self, gate: usize) -> Caller {
        Caller::new(self.gates[gate].public, ASKED)
    }

    pub fn caller(&self, gate: usize) -> Caller {
        Caller::new(self.gates[gate].public, SITE)
    }

    /// The nth configuration of a gate; each is another one.
    pub fn config(&self, gate: usize, redis: u16, number: usize) -> String {
        let Gate { public, authz, grpc, admin, ref folder, .. } = self.gates[gate];
        config(folder, [public, authz, grpc, admin], redis, self.application, number)
    }

    /// From now on the Redis may be away.
    pub fn disturb(&self) {
        *self.away.lock() = Some(Instant::now());
    }

    /// Whether what was asked then may have been refused for it.
    pub fn was_disturbed(&self, asked: Instant) -> bool {
        self.away.lock().is_some_and(|away| asked < away + AFTERMATH)
    }

    /// Waits until nothing may be refused for it.
    pub async fn undisturbed(&self) {
        while self.was_disturbed(Instant::now()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends a person's sessions at one gate; false: it could not be done now.
    pub async fn revoke(&self, gate: usize, user: &str) -> bool {
        let told = console::revoke(&self.gates[gate].folder.join("console.sock"), user).await;
        told.is_ok_and(|told| told.contains("\"revoked\":1"))
    }

    /// Asks all gates to end, and they must do it well.
    pub fn end(self) {
        for gate in self.gates {
            assert_eq!(gate.program.terminate(), Some(0), "a gate ends well");
        }
    }
}

fn config(
    folder: &Path,
    [public, authz, grpc, admin]: [SocketAddr; 4],
    redis: u16,
    app: SocketAddr,
    number: usize,
) -> String {
    format!(
        "listen: {{public: \"{public}\", authz: \"{authz}\", grpc: \"{grpc}\"}}\nadmin: {{listen: \"{admin}\"}}\n\
         console: {{listen: \"unix:{}/console.sock\"}}\n\
         log: {{requests: false, level: warn}}\naudit: {{output: file, file: audit.log, rotate: {{max_size: 16MiB, keep: 1}}}}\n\
         shutdown: {{delay: 0s, drain: 5s}}\nreload: {{watch: false}}\ntrusted_proxies: [127.0.0.1]\n\
         store: redis\nredis: {{url: \"redis://127.0.0.1:{redis}\", max_staleness: {}s}}\n\
         session: {{secret: zq8KVb5lI0yTtWcXf3uDn7RmAoEpS1hJ}}\n\
         identity_providers:\n  - {{id: corp, metadata_file: corp.xml}}\n\
         sites:\n  - {{name: app, public_url: {SITE}, upstream: \"http://{app}\"}}\n  - {{name: asked, public_url: {ASKED}, \
         forward_auth: true, rules: [{{paths: [/never-{number}], access: deny}}]}}\n",
        folder.display(),
        MAX_STALENESS.as_secs()
    )
}

impl Redis {
    /// With persistence: what a server itself forgets is not what is tried here.
    pub fn start(&mut self) {
        let mut command = Command::new("redis-server");
        let port = self.port.to_string();
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
        command.current_dir(&self.folder);
        self.program = Some(Program::start("redis", &mut command, &self.folder, loopback(self.port)));
    }

    /// Asks it to end, and waits.
    pub fn stop(&mut self) {
        let _ = self.program.take().map(Program::terminate);
    }

    pub fn resident_mb(&self) -> Option<f64> {
        self.program.as_ref().map(Program::resident_mb)
    }
}

impl Gate {
    /// The value of the metric's line with all of these words; 0 without one.
    pub async fn metric(&self, words: &[&str]) -> f64 {
        let text =
            Caller::new(self.admin, "http://admin").ask(Method::GET, "/metrics", &[], String::new()).await;
        let text = text.map_or_else(|_| String::new(), |answer| answer.body);
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let line = lines.find(|line| words.iter().all(|word| line.contains(word)));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }
}
