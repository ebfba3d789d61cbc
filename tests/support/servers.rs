//! Servers of Redis or Valkey for a test: real ones, each on a port of its own and in a folder of its own, ended with it.
//!
//! `VESTIBULE_TEST_REDIS` names another program than `redis-server`.

use crate::program::{Program, free_port, loopback};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use vestibule::store::{Certificates, Credentials, OnFailure, Server as Address, Settings, Topology};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One server. It can be ended and started again on the same port.
pub struct Server {
    pub port: u16,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    program: Option<Program>,
}

impl Server {
    /// A server without persistence.
    pub fn start() -> Self {
        Self::start_with(&["--save", ""])
    }

    /// A server with these arguments. `{folder}` stands for its folder, `{port}` for its port.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_configured(None, arguments)
    }

    /// One that writes into its own configuration, as Sentinels do.
    pub fn start_configured(configuration: Option<&str>, arguments: &[&str]) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.conf");
        std::fs::write(&file, configuration.unwrap_or_default()).unwrap();
        let place = folder.path().display().to_string();
        let spelt = |text: &&str| text.replace("{folder}", &place).replace("{port}", &port.to_string());
        let plain =
            ["--port", "{port}", "--bind", "127.0.0.1", "--dir", "{folder}", "--protected-mode", "no"];
        let mut arguments: Vec<String> = plain.iter().chain(arguments).map(spelt).collect();
        arguments.insert(0, file.display().to_string());
        let mut server = Self { port, folder, arguments, program: None };
        server.start_again();
        server
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        let name = format!("redis-{}", self.port);
        let mut command = Command::new(program());
        command.args(&self.arguments).current_dir(self.folder.path());
        self.program = Some(Program::start(&name, &mut command, self.folder.path(), loopback(self.port)));
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(program) = &self.program {
            signal(program.id(), "KILL");
        }
        self.program = None;
    }

    /// Stops it where it stands: connections stay, answers do not come.
    pub fn freeze(&self) {
        self.program.iter().for_each(|program| signal(program.id(), "STOP"));
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.program.iter().for_each(|program| signal(program.id(), "CONT"));
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What follows this argument.
    pub fn argument(&self, name: &str) -> &str {
        let place = self.arguments.iter().position(|argument| argument == name).unwrap();
        &self.arguments[place + 1]
    }

    pub fn is_alive(&self) -> bool {
        self.program.is_some()
    }

    pub fn address(&self) -> Address {
        Address { host: "127.0.0.1".into(), port: self.port, tls: false, database: 0 }
    }

    /// Settings of a store on it.
    pub fn settings(&self) -> Settings {
        settings(Topology::Single(self.address()))
    }

    /// A connection to look behind the scenes.
    pub async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            match client.get_multiplexed_async_connection().await {
                Ok(connection) => return connection,
                Err(problem) => assert!(Instant::now() < until, "{problem}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.thaw();
    }
}

/// Settings of a store that is found so.
pub fn settings(topology: Topology) -> Settings {
    Settings {
        topology,
        credentials: Credentials::default(),
        certificates: Certificates::default(),
        prefix: "vestibule:".into(),
        timeout: Duration::from_secs(5),
        connections: 2,
        max_staleness: Duration::from_secs(5),
        on_failure: OnFailure::ServeCached,
        acknowledged_by: 0,
        max_bytes: 1 << 24,
    }
}

/// The program that serves.
pub fn program() -> String {
    std::env::var("VESTIBULE_TEST_REDIS").unwrap_or_else(|_| "redis-server".into())
}

fn signal(process: u32, name: &str) {
    let done = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status().unwrap();
    assert!(done.success());
}
