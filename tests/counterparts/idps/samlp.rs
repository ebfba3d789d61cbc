//! npm's samlp, the middleware behind Auth0, on a small server of the tests' own: tests/counterparts/samlp/idp.js.

use super::xml::with_another_certificate;
use super::{
    Counterpart, Person, Registration, alice, certificate_base64, fetch, file_of_ours, installed, write_key,
};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use async_trait::async_trait;
use serde_json::json;
use std::fs;
use std::process::Command;

pub(crate) struct Samlp {
    folder: tempfile::TempDir,
    base: String,
    port: u16,
    gate: Option<Registration>,
    key: &'static str,
    /// Whether the owner of the gate has been told the next certificate; samlp's metadata names one only.
    announced: bool,
    program: Option<Program>,
}

impl Samlp {
    /// `host`: the name under which browsers reach it.
    pub(crate) fn start(host: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_key(folder.path(), "idp", "rsa:2048");
        write_key(folder.path(), "next", "rsa:2048");
        let port = free_port();
        let base = format!("http://{host}:{port}");
        let mut idp = Self { folder, base, port, gate: None, key: "idp", announced: false, program: None };
        idp.run();
        idp
    }

    fn run(&mut self) {
        drop(self.program.take());
        let (at, person) = (self.folder.path(), alice());
        let gate = self.gate.as_ref().map(|gate| {
            json!({
                "entity_id": gate.entity_id, "acs": gate.acs, "slo": gate.slo, "encrypt": gate.encrypt,
                "certificate": gate.certificate,
            })
        });
        let settings = json!({
            "base": self.base, "port": self.port, "folder": at, "key": self.key, "gate": gate,
            "login": person.login, "password": person.password,
            "user": {"name_id": person.user, "claims": {
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": person.email,
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": person.name,
                "http://schemas.xmlsoap.org/claims/Group": person.groups,
            }},
        });
        fs::write(at.join("settings.json"), settings.to_string()).unwrap();
        let program = Program::start(
            "samlp",
            Command::new("node")
                .arg("--no-deprecation")
                .arg(file_of_ours("samlp/idp.js"))
                .arg(at.join("settings.json"))
                .arg(installed("samlp/node_modules")),
            at,
            loopback(self.port),
        );
        self.program = Some(program);
    }
}

#[async_trait]
impl Counterpart for Samlp {
    fn name(&self) -> &'static str {
        "samlp"
    }

    fn person(&self) -> Person {
        alice()
    }

    async fn register(&mut self, gate: &Registration) {
        self.gate = Some(gate.clone());
        self.run();
    }

    async fn metadata(&self) -> String {
        let metadata = fetch(&format!("{}/metadata", self.base)).await;
        if !self.announced {
            return metadata;
        }
        with_another_certificate(&metadata, &certificate_base64(&self.folder.path().join("next.crt")))
    }

    async fn pass(&self, visitor: &mut Visitor, page: Answer) -> Answer {
        visitor.submit(&page, &[("user", alice().login), ("password", alice().password)]).await
    }

    fn form(&self) -> [&'static str; 3] {
        ["input[name=user]", "input[name=password]", "button"]
    }

    async fn announce_next_key(&mut self) {
        self.announced = true;
    }

    async fn sign_with_next_key(&mut self) -> String {
        (self.key, self.announced) = ("next", false);
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
