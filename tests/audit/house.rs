//! A gate as its own process, a person who signs in, and what was written about them.

use crate::gate::{GateProcess, Ports};
use crate::idp::{Asked, FakeIdp};
use crate::visitor::{Answer, Visitor};
use http::StatusCode;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vestibule::clock::{Clock as _, SystemClock};

/// A busy machine takes its time.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub const SECRET: &str = "bJ5Wv1sS4nqkJb0d2mXcQ8zYt7uRpLhE3fAaGgKi6Do";
pub const HASH_KEY: &str = "p0Q9mSx7eWcVfRtGbYhNuJmIkLoPzAqWsXeDcRfVtGb";

pub struct House {
    pub folder: tempfile::TempDir,
    pub ports: Ports,
    pub idp: FakeIdp,
    config: String,
}

/// What was sent and shown, of which nothing may be written anywhere.
#[derive(Default)]
pub struct Secrets(pub Vec<String>);

impl House {
    /// `more`: further lines of the configuration.
    pub fn new(more: &str) -> Self {
        let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::choose());
        let idp = FakeIdp::new("https://idp.test/metadata");
        for (name, text) in [
            ("idp.xml", idp.metadata().as_str()),
            ("secret", SECRET),
            ("hash-key", HASH_KEY),
            ("state-key", SECRET),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let config = format!(
            "public_url: http://127.0.0.1:{}\nupstream: http://127.0.0.1:9\n\
             identity_providers:\n  - {{id: corp, label: Corporate login, metadata_file: idp.xml}}\n\
             rules:\n  - {{paths: [/admin/*], access: {{role: admin}}}}\n{more}\n",
            ports.public
        );
        Self { folder, ports, idp, config }
    }

    pub fn start(&self) -> GateProcess {
        GateProcess::start(self.folder.path(), &self.ports, &self.config)
    }

    /// With its standard output in a pipe of ours.
    pub fn start_piped(&self) -> std::process::Child {
        let text = format!(
            "listen: 127.0.0.1:{}\nadmin: {{listen: \"127.0.0.1:{}\"}}\nshutdown: {{delay: 0s, drain: 1s}}\n{}",
            self.ports.public, self.ports.admin, self.config
        );
        let file = self.path("config.yaml");
        std::fs::write(&file, text).unwrap();
        Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .args(["run", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub fn configure(&mut self, more: &str) {
        self.config.push_str(more);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.public)
    }

    pub async fn metrics(&self) -> String {
        Visitor::new().get(&format!("http://127.0.0.1:{}/metrics", self.ports.admin)).await.body
    }

    /// Where the sign-in led.
    pub async fn sign_in(&self, visitor: &mut Visitor, user: &str, secrets: &mut Secrets) -> Answer {
        let away = visitor.get(&self.url("/vestibule/sign-in?rd=%2Fx%3Ftoken%3Dt0ken-of-the-query")).await;
        assert_eq!(away.status, StatusCode::FOUND, "{away:?}");
        secrets.of_jar(visitor);
        let asked = Asked::from_redirect(&away.location().unwrap());
        let answer = self.idp.answer(&asked, user, SystemClock.now());
        let form_value = answer.form_value();
        secrets.0.push(form_value.clone());
        secrets.0.push("t0ken-of-the-query".to_owned());
        secrets.0.push("<saml".to_owned());
        let mut fields = vec![("SAMLResponse".to_owned(), form_value)];
        fields.extend(asked.relay_state.clone().map(|state| ("RelayState".to_owned(), state)));
        let answer = visitor.post_form(&asked.acs_url, &fields).await;
        let answer = match answer.status {
            StatusCode::OK => visitor.submit(&answer, &[]).await,
            _ => answer,
        };
        secrets.of_jar(visitor);
        answer
    }

    /// The events in the file, as soon as there is one of this kind.
    pub async fn events_with(&self, name: &str, event: &str) -> Vec<Value> {
        let patience = Instant::now();
        loop {
            let events = self.events(name);
            if events.iter().any(|found| found["event"] == event) {
                return events;
            }
            assert!(patience.elapsed() < PATIENCE, "no {event} in {events:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn events(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        // The last line may be under way.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

impl Secrets {
    pub fn of_jar(&mut self, visitor: &Visitor) {
        let values = visitor.jar.values().flat_map(|cookies| cookies.values());
        self.0.extend(values.filter(|value| value.len() > 8).cloned());
    }

    pub fn are_not_in(&self, text: &str) {
        assert!(self.0.len() > 4, "hardly anything is secret");
        for secret in &self.0 {
            assert!(!text.contains(secret.as_str()), "{secret} stands in\n{text}");
        }
    }
}

/// Asks a process to go, and waits for it.
pub fn end(child: &mut std::process::Child) -> std::process::ExitStatus {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let patience = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(patience.elapsed() < PATIENCE, "it does not go");
        std::thread::sleep(Duration::from_millis(20));
    }
}
