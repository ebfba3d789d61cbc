//! Keycloak: its own distribution on Java, told everything by its administration interface. It takes half a minute to
//! start, so one of it serves many scenarios.

use super::{Counterpart, Person, Registration, alice, certificate_base64, fetch, installed};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::process::Command;

const ADMIN: &str = "tests-admin";
const PASSWORD: &str = "a password of the tests";

pub(crate) struct Keycloak {
    base: String,
    /// The component that makes the next signing key, once it is announced.
    next: Option<String>,
    program: Program,
    _folder: tempfile::TempDir,
}

impl Keycloak {
    /// `host`: the name under which browsers reach it.
    pub(crate) async fn start(host: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, home) = (free_port(), installed("keycloak"));
        // What bin/kc.sh runs; without the script in between, the end of the process is the end of the server.
        let program = Program::start(
            "keycloak",
            Command::new("java")
                .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"])
                .arg("-Djava.util.logging.manager=org.jboss.logmanager.LogManager")
                .arg("-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory")
                .args(["--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"])
                .args(["--add-opens=java.base/java.util.concurrent=ALL-UNNAMED"])
                .args(["--add-opens=java.base/java.security=ALL-UNNAMED"])
                .arg(format!("-Dkc.home.dir={}", home.display()))
                .arg(format!("-Djboss.server.config.dir={}", home.join("conf").display()))
                .arg(format!("-Djava.io.tmpdir={}", folder.path().display()))
                .arg("-cp")
                .arg(home.join("lib/quarkus-run.jar"))
                .args(["io.quarkus.bootstrap.runner.QuarkusEntryPoint", "start", "--optimized"])
                .args(["--http-enabled=true", "--hostname-strict=false", "--http-host=127.0.0.1"])
                .arg(format!("--http-port={port}"))
                .args(["--log-level=info"])
                .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMIN)
                .env("KC_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD),
            folder.path(),
            loopback(port),
        );
        let idp = Self { base: format!("http://{host}:{port}"), next: None, program, _folder: folder };
        let person = alice();
        let groups: Vec<Value> = person.groups.iter().map(|name| json!({"name": name})).collect();
        let member: Vec<String> = person.groups.iter().map(|name| format!("/{name}")).collect();
        idp.post(
            "",
            &json!({
                "realm": "tests", "enabled": true, "sslRequired": "none", "groups": groups,
                "users": [{
                    "username": person.login, "enabled": true, "email": person.email, "emailVerified": true,
                    "firstName": "Alice", "lastName": "Liddell", "groups": member,
                    "credentials": [{"type": "password", "value": person.password, "temporary": false}],
                }],
            }),
        )
        .await;
        idp
    }

    /// Asks the administration interface; `path` is below /admin/realms.
    async fn ask(&self, method: Method, path: &str, content_type: &str, body: Bytes) -> Answer {
        let mut admin = Visitor::new();
        let fields = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", ADMIN),
            ("password", PASSWORD),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let port = url::Url::parse(&self.base).unwrap().port().unwrap();
        let local = format!("http://127.0.0.1:{port}");
        let token =
            admin.post_form(&format!("{local}/realms/master/protocol/openid-connect/token"), &fields).await;
        assert_eq!(token.status, StatusCode::OK, "{token:?}\n{}", self.program.log());
        let token: Value = serde_json::from_str(&token.body).unwrap();
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let headers = [("authorization", bearer.as_str()), ("content-type", content_type)];
        let answer = admin.send(method, &format!("{local}/admin/realms{path}"), &headers, body).await;
        assert!(answer.status.is_success(), "{answer:?}\n{}", self.program.log());
        answer
    }

    async fn post(&self, path: &str, value: &Value) -> Answer {
        self.ask(Method::POST, path, "application/json", Bytes::from(value.to_string())).await
    }

    /// A key provider's description. The active key is the one of the highest priority.
    fn key(priority: u32) -> Value {
        json!({
            "name": "next", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": [priority.to_string()], "keySize": ["2048"], "enabled": ["true"], "active": ["true"]},
        })
    }
}

#[async_trait]
impl Counterpart for Keycloak {
    fn name(&self) -> &'static str {
        "keycloak"
    }

    fn person(&self) -> Person {
        alice()
    }

    /// Imports our metadata, as its owner does, and then says what metadata cannot say.
    async fn register(&mut self, gate: &Registration) {
        let imported = self
            .ask(
                Method::POST,
                "/tests/client-description-converter",
                "text/plain",
                Bytes::from(gate.metadata.clone()),
            )
            .await;
        let mut client: Value = serde_json::from_str(&imported.body).unwrap();
        assert_eq!(client["clientId"], gate.entity_id, "{client}");
        let certificate = certificate_base64(&gate.certificate);
        for (name, value) in [
            ("saml.client.signature", "true"),
            ("saml.signing.certificate", &certificate),
            ("saml.server.signature", "true"),
            ("saml.assertion.signature", "true"),
            ("saml.signature.algorithm", "RSA_SHA256"),
            ("saml_name_id_format", "email"),
            ("saml_force_name_id_format", "true"),
            ("saml_single_logout_service_url_redirect", &gate.slo),
            ("saml.encrypt", if gate.encrypt { "true" } else { "false" }),
            ("saml.encryption.certificate", &certificate),
        ] {
            client["attributes"][name] = json!(value);
        }
        client["frontchannelLogout"] = json!(true);
        let property = |name: &str, property: &str, oid: &str| {
            json!({
                "name": name, "protocol": "saml", "protocolMapper": "saml-user-property-mapper",
                "config": {
                    "user.attribute": property, "friendly.name": name, "attribute.name": oid,
                    "attribute.nameformat": "URI Reference",
                },
            })
        };
        client["protocolMappers"] = json!([
            property("mail", "email", "urn:oid:0.9.2342.19200300.100.1.3"),
            property("givenName", "firstName", "urn:oid:2.5.4.42"),
            property("sn", "lastName", "urn:oid:2.5.4.4"),
            {
                "name": "groups", "protocol": "saml", "protocolMapper": "saml-group-membership-mapper",
                "config": {
                    "attribute.name": "groups", "attribute.nameformat": "Basic", "single": "true",
                    "full.path": "false",
                },
            },
        ]);
        self.post("/tests/clients", &client).await;
    }

    async fn metadata(&self) -> String {
        fetch(&format!("{}/realms/tests/protocol/saml/descriptor", self.base)).await
    }

    async fn pass(&self, visitor: &mut Visitor, page: Answer) -> Answer {
        let person = self.person();
        let posted =
            visitor.submit(&page, &[("username", person.login), ("password", person.password)]).await;
        visitor.follow(posted).await
    }

    fn form(&self) -> [&'static str; 3] {
        ["#username", "#password", "#kc-login"]
    }

    /// A key of lower priority than the first: in the metadata, and not yet used.
    async fn announce_next_key(&mut self) {
        let made = self.post("/tests/components", &Self::key(50)).await;
        let location = made.headers["location"].to_str().unwrap().to_owned();
        self.next = location.rsplit('/').next().map(str::to_owned);
    }

    async fn sign_with_next_key(&mut self) -> String {
        let id = self.next.clone().expect("announced first");
        let mut key = Self::key(500);
        key["id"] = json!(id);
        self.ask(
            Method::PUT,
            &format!("/tests/components/{id}"),
            "application/json",
            Bytes::from(key.to_string()),
        )
        .await;
        let keys = self.ask(Method::GET, "/tests/keys", "application/json", Bytes::new()).await;
        let keys: Value = serde_json::from_str(&keys.body).unwrap();
        let active = keys["active"]["RS256"].as_str().unwrap();
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == active).unwrap();
        assert_eq!(key["providerId"], id.as_str(), "{keys}");
        key["certificate"].as_str().unwrap().to_owned()
    }

    /// Keycloak asks whether that is meant.
    async fn sign_out(&self, visitor: &mut Visitor) -> Answer {
        let asked = visitor.get(&format!("{}/realms/tests/protocol/openid-connect/logout", self.base)).await;
        visitor.submit(&asked, &[("confirmLogout", "Logout")]).await
    }

    fn log(&self) -> String {
        self.program.log()
    }
}
