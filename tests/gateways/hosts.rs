//! Hosts that contradict each other, at every gateway in front of several sites.

use crate::cluster;
use crate::programs::Kind;
use crate::support::gate::Ports;
use crate::support::program::{Program, free_port, loopback};
use crate::texts::folder;
use crate::world::printed;
use crate::{upstream, wire};
use std::process::Command;

/// A host that the gateway reads from one place and the gate from another must not open one site by the rules of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_gateway_lets_one_sites_rules_open_another_site() {
    for kind in Kind::ALL {
        hosts_that_contradict(kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make envoy-gateway builds it first, which takes minutes"]
async fn envoy_gateway_lets_no_sites_rules_open_another_site() {
    hosts_that_contradict(Kind::EnvoyGateway).await;
}

async fn hosts_that_contradict(kind: Kind) {
    let port = free_port();
    let (open, closed) = (upstream::start().await, upstream::start().await);
    let grpc = free_port();
    let ports = Ports::choose();
    let Ports { public, authz, admin } = ports;
    let folder = folder(&format!(
        "identity_providers:\n  - {{id: corp, metadata_file: idp-metadata.xml}}\n\
         listen: {{public: \"127.0.0.1:{public}\", authz: \"127.0.0.1:{authz}\", grpc: \"127.0.0.1:{grpc}\"}}\n\
         admin: {{listen: \"127.0.0.1:{admin}\"}}\n\
         sites:\n  - {{name: open, public_url: \"http://open.localhost:{port}\", forward_auth: true, rules: [{{paths: [/*], access: public}}]}}\n  \
         - {{name: closed, public_url: \"http://closed.localhost:{port}\", forward_auth: true}}\n"
    ));
    let path = folder.path();
    let gate = Program::start(
        "vestibule",
        Command::new(env!("CARGO_BIN_EXE_vestibule")).args(["run", "--config"]).arg(path.join("config.yaml")),
        path,
        loopback(public),
    );
    let mut options = Vec::new();
    let mut at = |name: &str, address: String| {
        options.extend(["--app-address".to_owned(), format!("{name}={address}")]);
    };
    if kind.in_cluster() {
        at("open", format!("open.default:{}", open.port()));
        at("closed", format!("closed.default:{}", closed.port()));
        let applications = [("open", open.port()), ("closed", closed.port())];
        options.extend(cluster::services(path, kind, &ports, &applications));
    } else {
        at("open", open.to_string());
        at("closed", closed.to_string());
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let print = |name: &str| printed(path, name, &options);
    let _gateway = kind.start(path, port, &print(kind.name()), &print);
    let (us, them) = (format!("open.localhost:{port}"), format!("closed.localhost:{port}"));
    let ask = |line: &str, host: &str| {
        format!("GET {line} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
    };
    let asked = std::time::Instant::now();
    let served = loop {
        let (status, told) = wire::whole(port, ask("/page", &us).as_bytes()).await;
        if status == 200 || asked.elapsed().as_secs() > 60 {
            break told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(served.to_lowercase().contains(&format!("x-served-by: {open}")), "{kind:?}: {served}");
    for octets in [
        ask("/page", &them),
        ask(&format!("http://{them}/page"), &us),
        ask(&format!("http://{us}/page"), &them),
        ask("/page", &format!("{us}\r\nHost: {them}")),
        ask("/page", &format!("{them}\r\nHost: {us}")),
        ask("/page", &format!("{them}\r\nX-Forwarded-Host: {us}")),
        ask("/page", &them.to_uppercase()),
        ask("/page", &format!("{them}\r\nX-Original-URL: http://{us}/page")),
    ] {
        let (status, told) = wire::whole(port, octets.as_bytes()).await;
        let told = told.to_lowercase();
        assert!(!told.contains(&format!("x-served-by: {closed}")), "{kind:?} {status}: {octets}\n{told}");
    }
    drop(gate);
}
