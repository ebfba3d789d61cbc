//! The whole scene: a store, replicas of the gate, nginx in front of them, an application and an identity provider.

use crate::caller::Caller;
use crate::idp::FakeIdp;
use crate::network::{HERE, Network};
use crate::people::{Person, Shown};
use crate::program::Program;
use crate::{PATIENCE, application, balancer, console};
use http::Method;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const SITE: &str = "https://app.example.com";
pub const STORE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(198, 19, 0, 2)), 6379);

/// From SIGTERM until the listeners close. More than `keepalive_timeout` of the balancer.
pub const DELAY: &str = "4s";

pub const MAX_STALENESS: Duration = Duration::from_secs(5);

pub struct Scene {
    pub gates: Vec<Replica>,
    pub idp: Arc<FakeIdp>,
    /// Where nginx listens.
    pub balancer: SocketAddr,
    programs: Vec<Program>,
    network: Network,
    folder: tempfile::TempDir,
}

/// One gate on a machine of its own.
pub struct Replica {
    pub machine: String,
    pub public: SocketAddr,
    admin: SocketAddr,
    folder: PathBuf,
    program: Option<Program>,
}

/// Runs what `play` does in a network of its own, unless networks cannot be made.
pub fn play<F: Future<Output = ()>>(
    replicas: u8,
    on_store_failure: &str,
    play: impl FnOnce(Scene) -> F + Send + 'static,
) {
    let on_store_failure = on_store_failure.to_owned();
    // A thread that has gone into another network does not come back.
    let done = std::thread::spawn(move || {
        let Some(network) = Network::enter() else { return };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { play(Scene::new(network, replicas, &on_store_failure).await).await });
    });
    if let Err(problem) = done.join() {
        std::panic::resume_unwind(problem);
    }
}

impl Scene {
    async fn new(mut network: Network, replicas: u8, on_store_failure: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        network.machine("store", &[("back", Ipv4Addr::new(198, 19, 0, 2))]);
        let server = std::env::var("VESTIBULE_TEST_REDIS").unwrap_or_else(|_| "redis-server".into());
        let mut command = network.on("store", &server);
        command.args(["--bind", "198.19.0.2", "--protected-mode", "no", "--save", "", "--port", "6379"]);
        let mut programs =
            vec![Program::start("redis", command.current_dir(folder.path()), folder.path(), STORE)];
        let idp = Arc::new(FakeIdp::new("https://idp.test/metadata"));
        let application = application::start(HERE).await;
        let mut gates = Vec::new();
        for number in 1..=replicas {
            let (machine, place) = (format!("gate{number}"), folder.path().join(format!("gate{number}")));
            let at = Ipv4Addr::new(198, 18, 0, 10 + number);
            network.machine(&machine, &[("front", at), ("back", Ipv4Addr::new(198, 19, 0, 10 + number))]);
            std::fs::create_dir(&place).unwrap();
            std::fs::write(place.join("corp.xml"), idp.metadata()).unwrap();
            let config = format!(
                "listen: {{public: \"{at}:4180\"}}\nadmin: {{listen: \"{at}:9090\"}}\n\
                 console: {{listen: \"unix:{0}/console.sock\"}}\nlog: {{requests: false, level: warn}}\naudit: {{output: file, file: audit.log}}\n\
                 shutdown: {{delay: {DELAY}, drain: 5s}}\ntrusted_proxies: [{1}, {HERE}]\n\
                 public_url: {SITE}\nupstream: http://{application}\n\
                 store: redis\nredis: {{url: \"redis://{STORE}\", max_staleness: {2}s, on_store_failure: {on_store_failure}}}\n\
                 session: {{secret: zq8KVb5lI0yTtWcXf3uDn7RmAoEpS1hJ}}\n\
                 identity_providers:\n  - {{id: corp, metadata_file: corp.xml}}\n",
                place.display(),
                balancer::AT,
                MAX_STALENESS.as_secs(),
            );
            std::fs::write(place.join("config.yaml"), config).unwrap();
            let (public, admin) = (SocketAddr::from((at, 4180)), SocketAddr::from((at, 9090)));
            gates.push(Replica { machine, public, admin, folder: place, program: None });
        }
        for gate in &mut gates {
            gate.start(&network).await;
        }
        let fronts: Vec<SocketAddr> = gates.iter().map(|gate| gate.public).collect();
        let (nginx, balancer) = balancer::start(&mut network, folder.path(), &fronts);
        programs.push(nginx);
        Self { gates, idp, balancer, programs, network, folder }
    }

    /// Starts a replica again.
    pub async fn start(&mut self, gate: usize) {
        self.gates[gate].start(&self.network).await;
    }

    /// A connection to nginx.
    pub fn caller(&self) -> Caller {
        Caller::new(self.balancer, SITE)
    }

    /// A connection to this replica, past nginx.
    pub fn direct(&self, gate: usize) -> Caller {
        Caller::new(self.gates[gate].public, SITE)
    }

    /// People who are signed in, each under a name of their own.
    pub async fn signed_in(&self, many: usize) -> Vec<Person> {
        let mut by = self.caller();
        let mut people = Vec::new();
        for number in 0..many {
            let mut person = Person::new(format!("person-{number}"));
            person.sign_in(&mut by, &self.idp).await.unwrap();
            people.push(person);
        }
        people
    }

    /// How many of them any replica does not know as who they are.
    pub async fn lost(&self, people: &[Person]) -> usize {
        let mut lost = 0;
        for gate in 0..self.gates.len() {
            let mut by = self.direct(gate);
            for person in people {
                lost += usize::from(person.clone().look(&mut by).await != Shown::Own);
            }
        }
        lost
    }

    /// A command that runs on a replica's machine.
    pub fn on(&self, gate: usize, program: &str) -> Command {
        self.network.on(&self.gates[gate].machine, program)
    }

    pub fn cut_from_store(&self, gate: usize) {
        Network::cut(&self.gates[gate].machine, "back");
    }

    pub fn mend(&self, gate: usize) {
        Network::mend(&self.gates[gate].machine, "back");
    }
}

impl Replica {
    async fn start(&mut self, network: &Network) {
        let mut command = network.on(&self.machine, env!("CARGO_BIN_EXE_vestibule"));
        command.args(["run", "--config"]).arg(self.folder.join("config.yaml"));
        let name = format!("{}-log", self.machine);
        self.program = Some(Program::start(&name, &mut command, &self.folder, self.public));
        let began = Instant::now();
        while !self.is_ready().await {
            assert!(began.elapsed() < PATIENCE, "{} is not ready", self.machine);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let mut caller = Caller::new(self.admin, "http://admin");
        let answer = caller.ask(Method::GET, "/readyz", &[], String::new()).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Asks it to go, and waits until it has gone.
    pub async fn stop(&mut self) {
        let program = self.program.take().unwrap();
        let ended = tokio::task::spawn_blocking(move || program.terminate()).await.unwrap();
        assert_eq!(ended, Some(0), "it ends well");
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        let program = self.program.take().unwrap();
        let done = Command::new("kill").args(["-9", &program.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// The value of the metric's line with all of these words; 0 without one.
    pub async fn metric(&self, words: &[&str]) -> f64 {
        let text = Caller::new(self.admin, "http://admin")
            .ask(Method::GET, "/metrics", &[], String::new())
            .await
            .map_or_else(|_| String::new(), |answer| answer.body);
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let line = lines.find(|line| words.iter().all(|word| line.contains(word)));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }

    /// Ends all sessions of a user, as `vestibule sessions revoke` does.
    pub async fn revoke(&self, user: &str) {
        let answer = console::revoke(&self.folder.join("console.sock"), user).await.unwrap();
        assert!(answer.contains("\"revoked\":1"), "{answer}");
    }

    /// The command itself.
    pub fn command(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        let done = command.args(words).arg("--config").arg(self.folder.join("config.yaml")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}
