//! The printed labels on real containers, read by the real Traefik from podman, which speaks Docker's API.
//!
//! `make image-test` runs this: it takes root and podman. The containers share the machine's network, so that nothing needs
//! a network of their own; where Docker would find `vestibule` by its name, the question goes to the port itself.

use crate::programs::from_pypi;
use crate::support::demo_idp::{DemoIdp, example};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::Visitor;
use crate::wire;
use crate::world::{GATEWAY_SECRET, cookie_line, printed, ready};
use crate::yaml;
use http::{Method, StatusCode};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// Nothing takes so long unless it is broken.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// runc and cgroupfs: both work on a machine without systemd too.
const PODMAN: [&str; 4] = ["--runtime", "runc", "--cgroup-manager", "cgroupfs"];

fn podman() -> Command {
    let mut command = Command::new("podman");
    command.args(PODMAN);
    command
}

#[track_caller]
fn done(command: &mut Command) -> String {
    let output = command.output().expect("podman: scripts/install-tools.sh image installs it");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// An image of the programs and the libraries that they are linked with, and of nothing else.
struct Image(String);

impl Image {
    fn of(folder: &Path, programs: &[&Path]) -> Self {
        let root = folder.join("root");
        for program in programs {
            let libraries = done(Command::new("ldd").arg(program));
            let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
            for file in libraries.map(Path::new) {
                let to = root.join(file.strip_prefix("/").unwrap());
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(file, to).unwrap();
            }
            std::fs::copy(program, root.join(program.file_name().unwrap())).unwrap();
        }
        let packed = folder.join("root.tar");
        done(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&packed).arg("."));
        let name = format!("localhost/vestibule-labels:{}", std::process::id());
        done(podman().args(["import", "--quiet"]).arg(&packed).arg(&name));
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        drop(podman().args(["rmi", "--force", &self.0]).output());
    }
}

/// A container with exactly these labels.
struct Container(String);

impl Container {
    fn run(image: &Image, folder: &Path, labels: &Value, words: &[&str]) -> Self {
        let mut command = podman();
        command.args(["run", "--detach", "--rm", "--network", "host", "--no-healthcheck"]);
        // Not every machine may raise them.
        command.args(["--ulimit=nofile=1024:4096", "--ulimit=nproc=1024:4096"]);
        command.arg("--volume").arg(format!("{0}:{0}", folder.display()));
        for (key, value) in labels["labels"].as_object().unwrap() {
            // As compose reads its file.
            let value = value.as_str().unwrap().replace("$$", "$");
            command.arg("--label").arg(format!("{key}={value}"));
        }
        Self(done(command.arg(&image.0).args(words)))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(podman().args(["logs", &self.0]).stdout(Stdio::inherit()).stderr(Stdio::inherit()).status());
        }
        drop(podman().args(["rm", "--force", "--time", "0", &self.0]).output());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts containers with podman, as root: make image-test"]
async fn the_printed_labels_guard_an_application_in_a_container() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let image = Image::of(at, &[Path::new(env!("CARGO_BIN_EXE_vestibule")), &example("demo-app")]);
    let [port, pages, authz, admin, app] = [(); 5].map(|()| free_port());
    let public = format!("http://127.0.0.1:{port}");
    let _idp = DemoIdp::start(at, "localhost", &public);
    let config = format!(
        "public_url: {public}\nforward_auth: true\nlisten: {{public: \"127.0.0.1:{pages}\", authz: \"127.0.0.1:{authz}\"}}\n\
         admin: {{listen: \"127.0.0.1:{admin}\"}}\nshutdown: {{delay: 0s, drain: 1s}}\n\
         trusted_proxies: []\ngateways: {{secret: {GATEWAY_SECRET}}}\nroles: {{admins: admin}}\n\
         rules:\n  - {{paths: [/admin/*], access: {{any: [{{role: admin}}]}}}}\n\
         identity_providers:\n  - {{id: demo, metadata_file: idp-metadata.xml}}\n"
    );
    std::fs::write(at.join("config.yaml"), config).unwrap();
    let (app_address, authz_address) = (loopback(app).to_string(), format!("0.0.0.0:{authz}"));
    let options = ["--app-address", &app_address, "--authz-address", &authz_address];
    let text = printed(at, "traefik-labels", &options).replace("@GATEWAY_SECRET@", GATEWAY_SECRET);
    let services = yaml::documents(&text)[0]["services"].as_object().unwrap().clone();
    let names: Vec<&String> = services.keys().collect();
    let [other] = names.iter().filter(|name| **name != "vestibule").collect::<Vec<_>>()[..] else {
        panic!("{names:?}")
    };

    let config = at.join("config.yaml").display().to_string();
    let gate =
        Container::run(&image, at, &services["vestibule"], &["/vestibule", "run", "--config", &config]);
    let words = ["/demo-app", "--listen", &app_address, "--gate", &public];
    let _app = Container::run(&image, at, &services[*other], &words);
    let socket = format!("unix://{}", at.join("podman.sock").display());
    let _docker =
        Program::start_unready("podman", podman().args(["system", "service", "--time", "0", &socket]), at);
    let asked = std::time::Instant::now();
    while !at.join("podman.sock").exists() {
        assert!(asked.elapsed() < PATIENCE, "podman does not listen");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // The text itself says how Traefik is started; but for where Docker is.
    let line = text.lines().find_map(|line| line.strip_prefix("#   traefik ")).unwrap();
    let mut traefik = Command::new(from_pypi("traefik"));
    traefik.args(line.split(' ')).arg(format!("--providers.docker.endpoint={socket}"));
    traefik.args(["--global.checkNewVersion=false", "--log.level=INFO"]);
    let _traefik = Program::start("traefik", &mut traefik, at, loopback(port));
    ready(&format!("{public}/vestibule/saml/metadata")).await;
    // The routes of one container may be there before those of another.
    ready_by(&public, |answer| answer.status != StatusCode::NOT_FOUND).await;

    let mut nobody = Visitor::new();
    let sent = nobody.get(&format!("{public}/page")).await;
    assert!(sent.location().is_some_and(|to| to.contains("/vestibule/sign-in?rd=")), "{sent:?}");
    let script = [("sec-fetch-mode", "cors"), ("accept", "application/json")];
    let told = nobody.send(Method::GET, &format!("{public}/page"), &script, bytes::Bytes::new()).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{told:?}");

    let mut grace = Visitor::new();
    let answer = grace.sign_in(&format!("{public}/page"), "grace").await;
    let landed = grace.follow(answer).await;
    assert!(landed.body.contains("grace@example.com"), "{landed:?}");
    assert_eq!(grace.get(&format!("{public}/admin/")).await.status, StatusCode::FORBIDDEN);
    for name in ["X-Forwarded-User", "X_Forwarded_User", "X.Forwarded.User", "X-Vestibule-Roles"] {
        let request = format!(
            "GET /page HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{}{name}: evil\r\nConnection: close\r\n\r\n",
            cookie_line(&grace)
        );
        let (status, told) = wire::whole(port, request.as_bytes()).await;
        assert_eq!(status, 200, "{name}: {told}");
        assert!(told.contains("grace@example.com") && !told.contains("evil"), "{name}: {told}");
        assert!(!told.contains(GATEWAY_SECRET), "the application was told the secret: {told}");
    }

    drop(gate);
    let down = grace.get(&format!("{public}/page")).await;
    assert!(down.status == StatusCode::NOT_FOUND || down.status.is_server_error(), "{down:?}");
    assert!(!down.body.contains("grace@example.com"));
}

/// Waits for an answer of this kind.
async fn ready_by(page: &str, is: impl Fn(&crate::support::visitor::Answer) -> bool) {
    let asked = std::time::Instant::now();
    while !is(&Visitor::new().get(page).await) {
        assert!(asked.elapsed() < PATIENCE, "{page}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
