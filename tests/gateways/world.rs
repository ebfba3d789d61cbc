//! The gate, an identity provider, an application and one gateway with its printed text.

use crate::cluster;
use crate::programs::Kind;
use crate::support::demo_idp::DemoIdp;
use crate::support::gate::{GateProcess, Ports};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use crate::upstream;
use http::StatusCode;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What the gateways share with the gate, where its configuration says so.
pub const GATEWAY_SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

pub struct World {
    pub public: String,
    pub port: u16,
    pub authz_port: u16,
    pub gate: Option<GateProcess>,
    pub folder: tempfile::TempDir,
    _programs: (DemoIdp, Program),
}

impl World {
    pub async fn of(kind: Kind) -> Self {
        Self::altered(kind, &|text| text).await
    }

    /// With another text than the printed one, to see that what was taken out matters.
    pub async fn altered(kind: Kind, alter: &dyn Fn(String) -> String) -> Self {
        Self::configured(kind, "", alter).await
    }

    /// With more in the gate's configuration. The secret is put where the text says so.
    pub async fn configured(kind: Kind, more: &str, alter: &dyn Fn(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ports, port) = (Ports::choose(), free_port());
        let public = format!("http://127.0.0.1:{port}");
        let idp = DemoIdp::start(folder.path(), "localhost", &public);
        let app = upstream::start().await;
        let authz_port = ports.authz;
        let grpc = loopback(free_port()).to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command.env("VESTIBULE__LISTEN__GRPC", &grpc);
        let gate = GateProcess::start_by(
            command,
            folder.path(),
            &ports,
            &format!(
                "public_url: {public}\nforward_auth: true\nroles: {{admins: admin}}\nrules:\n  \
                 - {{paths: [/public/*], access: public}}\n  \
                 - {{paths: [/admin/*], access: {{any: [{{role: admin}}]}}}}\n{more}\
                 identity_providers:\n  - {{id: demo, label: Demo, metadata_file: idp-metadata.xml}}\n"
            ),
        );
        let options: Vec<String> = if kind.in_cluster() {
            let mut options = vec!["--app-address".to_owned(), format!("app.default:{}", app.port())];
            options.extend(cluster::services(folder.path(), kind, &ports, &[("app", app.port())]));
            options
        } else {
            vec!["--app-address".to_owned(), app.to_string(), "--grpc-address".to_owned(), grpc]
        };
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let print =
            |name: &str| printed(folder.path(), name, &options).replace("@GATEWAY_SECRET@", GATEWAY_SECRET);
        let gateway = kind.start(folder.path(), port, &alter(print(kind.name())), &print);
        ready(&format!("{public}/vestibule/saml/metadata")).await;
        Self { public, port, authz_port, gate: Some(gate), folder, _programs: (idp, gateway) }
    }

    /// A browser that has signed in as one of the demo's users.
    pub async fn signed_in(&self, user: &str) -> Visitor {
        let mut browser = Visitor::new();
        let answer = browser.sign_in(&format!("{}/start?x=1", self.public), user).await;
        let landed = browser.follow(answer).await;
        assert!(landed.body.contains("GET /start?x=1"), "{landed:?}");
        browser
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.public)
    }
}

/// Waits until the gateway has read its routes: some listen before they have.
pub async fn ready(page: &str) {
    let asked = Instant::now();
    while Visitor::new().get(page).await.status != StatusCode::OK {
        assert!(asked.elapsed() < Duration::from_secs(60), "{page}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What `vestibule gateway NAME` prints for the configuration in `folder`.
pub fn printed(folder: &Path, name: &str, options: &[&str]) -> String {
    let mut lua = vec!["--lua".into(), folder.join("vestibule.lua").into_os_string()];
    if options.contains(&"--lua") {
        lua.clear();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .args(["gateway", name, "--config"])
        .arg(folder.join("config.yaml"))
        .args(lua)
        .args(options)
        .env_remove("VESTIBULE__LISTEN__GRPC")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The value of a header that the application received.
pub fn line(answer: &Answer, name: &str) -> Option<String> {
    let start = format!("{name}: ");
    answer.body.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
}

/// `Cookie: …` with everything that the browser holds.
pub fn cookie_line(browser: &Visitor) -> String {
    let cookies: Vec<String> =
        browser.jar["127.0.0.1"].iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("Cookie: {}\r\n", cookies.join("; "))
}
