//! The container image, run as Kubernetes would: by an OCI runtime, read-only, as nobody, without a capability.
//!
//! `make image-test` builds the image and runs this; `make test` does not, for a release build takes long. IMAGE names
//! another image than the one that scripts/image.sh makes; one for another architecture runs by qemu, where the kernel has been
//! told of it (docs/container.md).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use support::demo_idp::{DemoIdp, example};
use support::gate::{GateProcess, Ports};
use support::program::{Program, free_port, loopback};
use support::visitor::Visitor;

/// runc and cgroupfs: both work on a machine without systemd too.
const PODMAN: [&str; 4] = ["--runtime", "runc", "--cgroup-manager", "cgroupfs"];

/// As the chart's pod is. The limits stand there because not every machine may raise them; the health check has a timer
/// of systemd, which a test does not count on.
const CONFINED: [&str; 13] = [
    "run",
    "--rm",
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--network",
    "host",
    "--ulimit=nofile=1024:4096",
    "--ulimit=nproc=1024:4096",
    "--no-healthcheck",
];

fn image() -> String {
    let version = env!("CARGO_PKG_VERSION");
    std::env::var("IMAGE").unwrap_or_else(|_| format!("localhost/vestibule:{version}"))
}

fn podman() -> Command {
    let mut command = Command::new("podman");
    command.args(PODMAN);
    command
}

fn confined() -> Command {
    let mut command = podman();
    command.args(CONFINED);
    command
}

#[track_caller]
fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn inspected() -> Value {
    let output = podman().args(["image", "inspect", &image()]).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    let mut images: Value = serde_json::from_slice(&output.stdout).unwrap();
    images[0].take()
}

/// Whether it runs by qemu, which passes programs' system calls on and lacks a socket option that every connection to an
/// application asks for (IP_BIND_ADDRESS_NO_PORT): such an image is asked as gateways ask.
fn is_emulated() -> bool {
    let own = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    inspected()["Architecture"] != own
}

#[test]
#[ignore = "needs the image: make image-test"]
fn the_image_is_small_and_says_what_it_is() {
    let image = inspected();
    let config = &image["Config"];
    assert!(image["Size"].as_u64().unwrap() < 60_000_000, "{}", image["Size"]);
    assert_eq!(config["User"], "2000:2000");
    assert_eq!(config["Entrypoint"][0], "/usr/local/bin/vestibule");
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(config["Labels"]["org.opencontainers.image.licenses"], "Apache-2.0");
    let health = image["HealthcheckConfig"].as_object().or_else(|| image["Healthcheck"].as_object()).unwrap();
    assert_eq!(health["Test"][0], "CMD", "the program itself, not a shell");
}

#[test]
#[ignore = "needs the image: make image-test"]
fn there_is_no_shell_and_nothing_else_to_run() {
    for program in
        ["/bin/sh", "/bin/bash", "/usr/bin/env", "/usr/bin/perl", "/usr/bin/apt-get", "/bin/busybox"]
    {
        let output = confined().args(["--entrypoint", program, &image()]).output().unwrap();
        assert!(
            !output.status.success() && words(&output).contains("no such file"),
            "{program}: {}",
            words(&output)
        );
    }
    let version = confined().args([&image(), "version"]).output().unwrap();
    assert!(words(&version).contains("with second-opinion"), "{}", words(&version));
}

/// What the gate may read, though it is nobody here.
fn open_to_all(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            open_to_all(&entry.path());
        } else {
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the image: make image-test"]
async fn ada_signs_in_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports::choose();
    let public = format!("http://127.0.0.1:{}", ports.public);
    let idp = DemoIdp::start(folder.path(), "localhost", &public);
    let app_port = free_port();
    let _app = Program::start(
        "demo-app",
        Command::new(example("demo-app")).args([
            "--listen",
            &format!("127.0.0.1:{app_port}"),
            "--gate",
            &public,
        ]),
        folder.path(),
        loopback(app_port),
    );
    let keys = folder.path().join("keys");
    let made =
        Command::new(env!("CARGO_BIN_EXE_vestibule")).arg("keygen").arg("--out").arg(&keys).output().unwrap();
    assert!(made.status.success(), "{}", words(&made));
    open_to_all(folder.path());

    let name = format!("vestibule-image-test-{}", ports.public);
    let mut command = confined();
    let mount = format!("{0}:{0}:ro", folder.path().display());
    // A volume of its own, as the chart's claim is: it belongs to the gate's user because the image's folder does.
    let state = format!("{name}:/var/lib/vestibule");
    command.args(["--name", &name, "--volume", &mount, "--volume", &state, &image()]);
    let emulated = is_emulated();
    let role = if emulated {
        "forward_auth: true".to_owned()
    } else {
        format!("upstream: http://127.0.0.1:{app_port}")
    };
    let config = format!(
        "public_url: {public}\n{role}\nidentity_providers:\n  - {{id: demo, metadata_file: idp-metadata.xml}}\n\
         service_provider: {{private_key_file: keys/sp-key.pem, certificate_file: keys/sp-cert.pem}}\n\
         state_dir: /var/lib/vestibule/state\nstate_key_file: keys/state-key\n"
    );
    let gate = GateProcess::start_by(command, folder.path(), &ports, &config);

    let mut ada = Visitor::new();
    let target = format!("{public}/reports");
    let start = if emulated { format!("{public}/vestibule/sign-in?rd=/reports") } else { target.clone() };
    let landed = ada.sign_in(&start, "ada").await;
    assert_eq!(landed.location(), Some(target.clone()), "{landed:?}");
    if emulated {
        let question = format!("http://127.0.0.1:{}/vestibule/authz/auth-request", gate.authz_port);
        let asked = [("x-original-method", "GET"), ("x-original-url", target.as_str())];
        let answer = ada.send(http::Method::GET, &question, &asked, bytes::Bytes::new()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-forwarded-user"), Some("ada@example.com"));
        let nobody = Visitor::new().send(http::Method::GET, &question, &asked, bytes::Bytes::new()).await;
        assert_eq!(nobody.status, 401, "{nobody:?}");
    } else {
        let page = ada.follow(landed).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("Hello, ada@example.com"), "{}", page.body);
        assert!(page.body.contains("The identity JWT is genuine."), "{}", page.body);
    }

    // The answer was verified twice, by xmlsec1 out of the image.
    let metrics = ada.get(&format!("http://127.0.0.1:{}/metrics", gate.admin_port)).await.body;
    let agreed = metrics
        .lines()
        .find(|line| line.starts_with("vestibule_second_opinions_total") && line.ends_with(" 1"));
    assert!(agreed.is_some_and(|line| line.contains("agree")), "{metrics}");

    let file = folder.path().join("config.yaml");
    let within = |arguments: &[&str]| podman().args(["exec", &name]).args(arguments).output().unwrap();
    let health = within(&["/usr/local/bin/vestibule", "healthcheck", "--config", file.to_str().unwrap()]);
    assert!(health.status.success(), "{}", words(&health));

    // Who it is and what it may, as the kernel sees it.
    let status = std::fs::read_to_string(format!("/proc/{}/status", process(&name))).unwrap();
    let line = |key: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        found.split_whitespace().map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(line("Uid:"), ["2000"; 4]);
    assert_eq!(line("CapEff:"), ["0000000000000000"]);
    assert_eq!(line("NoNewPrivs:"), ["1"]);
    assert_ne!(line("Seccomp:"), ["0"], "system calls are filtered");
    let mounts = std::fs::read_to_string(format!("/proc/{}/mounts", process(&name))).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(1) == Some("/")).unwrap();
    assert!(root.split(' ').nth(3).unwrap().split(',').any(|option| option == "ro"), "{root}");

    drop(idp);
    assert_eq!(gate.program.terminate(), Some(0), "it goes when it is asked to");
    let removed = podman().args(["volume", "rm", &name]).output().unwrap();
    assert!(removed.status.success(), "{}", words(&removed));
}

/// The gate's process as this machine numbers it.
fn process(name: &str) -> u32 {
    let output = podman().args(["inspect", "--format", "{{.State.Pid}}", name]).output().unwrap();
    words(&output).trim().parse().unwrap()
}
