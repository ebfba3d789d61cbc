//! pysaml2 (PyPI) behind a small server of the tests' own, tests/counterparts/pysaml2/idp.py.

use super::{
    Counterpart, Encrypted, Person, Registration, alice, certificate_base64, fetch, file_of_ours, installed,
    write_key,
};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

pub(crate) struct Pysaml2 {
    folder: tempfile::TempDir,
    pub(crate) base: String,
    port: u16,
    /// The service providers that it knows.
    gates: Vec<Registration>,
    /// Login, NameID and attributes of the people, whose password is `secret`.
    people: Value,
    /// The name of the key that signs, and of those that are announced beside it.
    key: &'static str,
    announced: Vec<&'static str>,
    program: Option<Program>,
}

impl Pysaml2 {
    /// `host`: the name under which browsers reach it.
    pub(crate) fn start(host: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_key(folder.path(), "idp", "rsa:2048");
        write_key(folder.path(), "next", "rsa:2048");
        let port = free_port();
        let base = format!("http://{host}:{port}");
        let people = json!({alice().login: {
            "name_id": alice().user,
            "attributes": {
                "mail": [alice().email], "displayName": alice().name, "uid": [alice().login],
                "isMemberOf": alice().groups,
            },
        }});
        let mut idp = Self {
            folder,
            base,
            port,
            gates: Vec::new(),
            people,
            key: "idp",
            announced: Vec::new(),
            program: None,
        };
        idp.run();
        idp
    }

    /// Knows these service providers and people from now on: `{LOGIN: {name_id, attributes: {NAME: [VALUE]}}}`.
    pub(crate) fn serves(&mut self, gates: &[Registration], people: Value) {
        (self.gates, self.people) = (gates.to_vec(), people);
        self.run();
    }

    /// Reads its configuration once, so a change means a new start.
    fn run(&mut self) {
        drop(self.program.take());
        let at = self.folder.path();
        let mut registered = Vec::new();
        for (number, gate) in self.gates.iter().enumerate() {
            let file = at.join(format!("sp-metadata-{number}.xml"));
            fs::write(&file, &gate.metadata).unwrap();
            registered.push(file);
        }
        let settings = json!({
            "base": self.base, "port": self.port, "folder": at, "key": self.key, "announced": self.announced,
            "registered": registered, "encrypt": self.gates.iter().any(|gate| gate.encrypted == Encrypted::Assertion),
            "password": alice().password, "people": self.people,
        });
        fs::write(at.join("settings.json"), settings.to_string()).unwrap();
        let program = Program::start(
            "pysaml2",
            Command::new(installed("pysaml2/bin/python"))
                .args(["-B", "-u"])
                .arg(file_of_ours("pysaml2/idp.py"))
                .arg(at.join("settings.json"))
                .env("TMPDIR", at),
            at,
            loopback(self.port),
        );
        self.program = Some(program);
    }
}

#[async_trait]
impl Counterpart for Pysaml2 {
    fn name(&self) -> &'static str {
        "pysaml2"
    }

    fn person(&self) -> Person {
        alice()
    }

    async fn register(&mut self, gate: &Registration) {
        self.gates = vec![gate.clone()];
        self.run();
    }

    async fn metadata(&self) -> String {
        fetch(&format!("{}/metadata", self.base)).await
    }

    async fn pass(&self, visitor: &mut Visitor, page: Answer) -> Answer {
        visitor.submit(&page, &[("user", alice().login), ("password", alice().password)]).await
    }

    fn form(&self) -> [&'static str; 3] {
        ["input[name=user]", "input[name=password]", "button"]
    }

    async fn announce_next_key(&mut self) {
        self.announced = vec!["next"];
        self.run();
    }

    async fn sign_with_next_key(&mut self) -> String {
        (self.key, self.announced) = ("next", Vec::new());
        self.run();
        certificate_base64(&self.folder.path().join("next.crt"))
    }

    async fn sign_out(&self, visitor: &mut Visitor) -> Answer {
        visitor.get(&format!("{}/sign-out", self.base)).await
    }

    fn log(&self) -> String {
        self.program.as_ref().map(Program::log).unwrap_or_default()
    }
}
