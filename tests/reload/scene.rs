//! A gate in a folder whose files change, with one identity provider and an application.

use crate::application;
use crate::idp::{Asked, FakeIdp};
use crate::program::{Program, free_port, loopback};
use crate::visitor::{Answer, Visitor};
use http::StatusCode;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use vestibule::clock::{Clock as _, Moment, SystemClock};

/// Nothing takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const ENTITY: &str = "https://idp.test/metadata";
pub const STATE_KEY: &str = "bJ5Wv1sS4nqkJb0d2mXcQ8zYt7uRpLhE3fAaGgKi6Do";

/// Sessions outlive the process.
pub const STATE: &str = "state_dir: state\nstate_key_file: state-key\nsession: {secret_file: secret}";

pub struct Scene {
    pub folder: tempfile::TempDir,
    pub idp: FakeIdp,
    pub port: u16,
    pub admin: u16,
    pub application: u16,
}

/// One site of the configuration: its name, its host, and more lines.
pub type Site<'a> = (&'a str, &'a str, &'a str);

impl Scene {
    pub fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            idp: FakeIdp::new(ENTITY),
            port: free_port(),
            admin: free_port(),
            application: application::start(),
        };
        scene.put("idp.xml", &scene.idp.metadata());
        scene.put("state-key", STATE_KEY);
        scene
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Beside its place and then into it, as everybody should.
    pub fn put(&self, name: &str, text: &str) {
        let new = self.at(&format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.at(name)).unwrap();
    }

    /// A configuration with these sites and more lines at the top.
    pub fn config(&self, top: &str, sites: &[Site<'_>]) -> String {
        let mut text = format!(
            "listen: 127.0.0.1:{}\nadmin: {{listen: \"127.0.0.1:{}\"}}\nshutdown: {{delay: 0s, drain: 2s}}\n{top}\n\
             identity_providers:\n  - id: corp\n    metadata_file: idp.xml\nsites:\n",
            self.port, self.admin
        );
        for (name, host, more) in sites {
            let _ = write!(
                text,
                "  - name: {name}\n    public_url: http://{host}:{}\n    upstream: http://127.0.0.1:{}\n    {more}\n",
                self.port, self.application
            );
        }
        text
    }

    /// One site, `app`, at 127.0.0.1.
    pub fn plain(&self, top: &str) -> String {
        self.config(top, &[("app", "127.0.0.1", "")])
    }

    /// Starts the gate with this configuration.
    pub fn start(&self, config: &str) -> Gate<'_> {
        self.put("config.yaml", config);
        self.start_at(&self.at("config.yaml"))
    }

    /// Starts the gate with what lies there.
    pub fn start_at(&self, config: &Path) -> Gate<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command.args(["run", "--config"]).arg(config);
        let program = Program::start("vestibule", &mut command, self.folder.path(), loopback(self.port));
        Gate { scene: self, program }
    }

    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    /// Begins a sign-in.
    pub async fn begun(&self, visitor: &mut Visitor, host: &str) -> Asked {
        let away = visitor.get(&self.url(host, "/vestibule/sign-in?rd=/")).await;
        assert_eq!(away.status, StatusCode::FOUND, "{away:?}");
        Asked::from_redirect(&away.location().unwrap())
    }

    /// The identity provider's answer.
    pub fn answered(&self, asked: &Asked) -> Vec<(String, String)> {
        let mut fields = vec![("SAMLResponse".to_owned(), self.idp.answer(asked, "ada", now()).form_value())];
        fields.extend(asked.relay_state.clone().map(|state| ("RelayState".to_owned(), state)));
        fields
    }

    /// Brings it.
    pub async fn bring(&self, visitor: &mut Visitor, asked: &Asked, fields: &[(String, String)]) -> Answer {
        let answer = visitor.post_form(&asked.acs_url, fields).await;
        match answer.status {
            StatusCode::OK => visitor.submit(&answer, &[]).await,
            _ => answer,
        }
    }

    pub async fn signed_in(&self, host: &str) -> Visitor {
        let mut visitor = Visitor::new();
        let asked = self.begun(&mut visitor, host).await;
        let answer = self.bring(&mut visitor, &asked, &self.answered(&asked)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        visitor
    }

    /// Whether the application is told who it is.
    pub async fn is_in(&self, visitor: &mut Visitor, host: &str) -> bool {
        let answer = visitor.get(&self.url(host, "/a")).await;
        answer.status == StatusCode::OK && answer.body.contains("x-forwarded-user: ada\n")
    }
}

/// The program, running.
pub struct Gate<'s> {
    pub scene: &'s Scene,
    pub program: Program,
}

impl Gate<'_> {
    pub fn hang_up(&self) {
        let done = Command::new("kill").args(["-HUP", &self.program.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// The value of the metric's line with all of these words; 0 without one.
    pub async fn metric(&self, words: &[&str]) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.scene.admin);
        let text = Visitor::new().get(&url).await.body;
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let line = lines.find(|line| words.iter().all(|word| line.contains(word)));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }

    pub async fn reloads(&self, outcome: &str) -> f64 {
        self.metric(&["vestibule_reloads_total", &format!("outcome=\"{outcome}\"")]).await
    }

    /// Waits until so many reloads have ended in this way.
    pub async fn until(&self, outcome: &str, count: f64) {
        let began = Instant::now();
        while self.reloads(outcome).await < count {
            assert!(began.elapsed() < PATIENCE, "no reload {count} is {outcome}:\n{}", self.program.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Another configuration, asked for by SIGHUP and taken over.
    pub async fn reload(&self, config: &str) {
        let before = self.reloads("applied").await;
        self.scene.put("config.yaml", config);
        self.hang_up();
        self.until("applied", before + 1.0).await;
    }

    /// Every event of this name so far, once there are at least so many.
    pub fn events(&self, name: &str, at_least: usize) -> Vec<serde_json::Value> {
        let began = Instant::now();
        loop {
            let log = self.program.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            let events: Vec<_> = lines.filter(|line| line["event"] == name).collect();
            if events.len() >= at_least {
                return events;
            }
            assert!(began.elapsed() < PATIENCE, "{name}:\n{log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// As `kill -9` does.
    pub fn kill(self) {
        let done = Command::new("kill").args(["-9", &self.program.id().to_string()]).status().unwrap();
        assert!(done.success());
        // Dropped: waits for its end.
    }
}

pub fn now() -> Moment {
    SystemClock.now()
}
