//! The program itself: started during an outage, through a rollover, and with the owner's word by `metadata apply`.

use crate::documents::{DAY, Document, ENTITY};
use crate::federations::aggregate;
use crate::gate::{GateProcess, Ports};
use crate::idp::{Asked, FakeIdp};
use crate::metadata_server::{Authority, Behaviour, MetadataServer};
use crate::visitor::{Answer, Visitor};
use http::StatusCode;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use vestibule::clock::{Clock as _, Moment, SystemClock};

/// The gate looks every few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

struct Scene {
    folder: tempfile::TempDir,
    ports: Ports,
    config: String,
}

impl Scene {
    /// `described`: the lines of the identity provider.
    fn new(described: &str) -> Self {
        let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::choose());
        std::fs::write(folder.path().join("state-key"), "bJ5Wv1sS4nqkJb0d2mXcQ8zYt7uRpLhE3fAaGgKi6Do")
            .unwrap();
        let config = format!(
            "public_url: http://127.0.0.1:{}\nupstream: http://127.0.0.1:9\nstate_dir: state\nstate_key_file: state-key\n\
             identity_providers:\n  - id: corp\n    {described}\n",
            ports.public
        );
        Self { folder, ports, config }
    }

    fn put(&self, name: &str, text: &str) {
        // Beside its place and then into it, as everybody should.
        let new = self.folder.path().join(format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.folder.path().join(name)).unwrap();
    }

    fn start(&self) -> GateProcess {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command.env("NO_PROXY", "localhost");
        GateProcess::start_by(command, self.folder.path(), &self.ports, &self.config)
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let (folder, mut command) =
            (self.folder.path().to_owned(), Command::new(env!("CARGO_BIN_EXE_vestibule")));
        command.args(arguments).arg("--config").arg(folder.join("config.yaml")).env("NO_PROXY", "localhost");
        // The server of the tests answers meanwhile.
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// How an answer of this identity provider is received.
    async fn bring(&self, visitor: &mut Visitor, idp: &FakeIdp) -> Answer {
        let sign_in = format!("http://127.0.0.1:{}/vestibule/sign-in?rd=/", self.ports.public);
        let away = visitor.get(&sign_in).await;
        assert_eq!(away.status, StatusCode::FOUND, "{away:?}");
        let asked = Asked::from_redirect(&away.location().unwrap());
        let mut fields = vec![("SAMLResponse".to_owned(), idp.answer(&asked, "ada", now()).form_value())];
        fields.extend(asked.relay_state.clone().map(|state| ("RelayState".to_owned(), state)));
        let answer = visitor.post_form(&asked.acs_url, &fields).await;
        match answer.status {
            StatusCode::OK => visitor.submit(&answer, &[]).await,
            _ => answer,
        }
    }

    async fn signed_in(&self, idp: &FakeIdp) -> Visitor {
        let mut visitor = Visitor::new();
        let answer = self.bring(&mut visitor, idp).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        visitor
    }

    async fn is_still_in(&self, visitor: &mut Visitor) {
        let whoami = format!("http://127.0.0.1:{}/vestibule/whoami", self.ports.public);
        assert_eq!(visitor.get(&whoami).await.status, StatusCode::OK);
    }

    /// Until the gate has kept a copy.
    async fn kept(&self, gate: &GateProcess) {
        let patience = Instant::now();
        while !self.folder.path().join("state/metadata/corp.good").exists() {
            assert!(patience.elapsed() < PATIENCE, "{}", gate.program.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Until this identity provider's answers are taken.
    async fn takes(&self, idp: &FakeIdp, gate: &GateProcess) {
        let patience = Instant::now();
        while self.bring(&mut Visitor::new(), idp).await.status != StatusCode::SEE_OTHER {
            assert!(patience.elapsed() < PATIENCE, "{}", gate.program.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn now() -> Moment {
    SystemClock.now()
}

fn document(keys: &[&FakeIdp]) -> String {
    Document { valid_until: Some(now().plus(7 * DAY)), ..Document::of(keys) }.xml()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn exits(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    said(output)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_starts_during_an_outage_and_compares_with_what_it_kept() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let authority = Authority::new();
    let server = MetadataServer::start(&authority).await;
    let first = document(&[&old]);
    server.now(Behaviour::serve_as("1", first.clone()));
    let scene = Scene::new(&format!("metadata_url: {}\n    metadata_ca_file: ca.pem", server.url()));
    scene.put("ca.pem", &authority.pem());

    let gate = scene.start();
    let mut ada = scene.signed_in(&old).await;
    scene.is_still_in(&mut ada).await;
    assert_eq!(gate.program.terminate(), Some(0));
    assert!(!contains(&scene.folder.path().join("state"), "idp.test"), "what is kept is sealed");

    server.now(Behaviour::Down);
    let gate = scene.start();
    let mut ada = scene.signed_in(&old).await;
    scene.is_still_in(&mut ada).await;
    let said = exits(&scene.run(&["metadata", "diff"]).await, 69);
    assert!(said.contains("not usable"), "{said}");
    let said = exits(&scene.run(&["check"]).await, 0);
    assert!(said.contains("metadata from https://localhost:") && said.contains(ENTITY), "{said}");
    let said = exits(&scene.run(&["check", "--online"]).await, 69);
    assert!(said.contains("localhost"), "{said}");

    server.now(Behaviour::serve_as("1", first));
    let said = exits(&scene.run(&["metadata", "diff"]).await, 0);
    assert!(said.contains("nothing is different"), "{said}");
    let said = exits(&scene.run(&["check", "--online"]).await, 0);
    assert!(said.contains(ENTITY), "{said}");
    server.now(Behaviour::serve_as("2", document(&[&old, &new])));
    let said = exits(&scene.run(&["metadata", "diff", "--idp", "corp"]).await, 1);
    assert!(said.contains("+ signing key") && said.contains("taken over at the next reading"), "{said}");
    server.now(Behaviour::serve_as("3", document(&[&new])));
    let said = exits(&scene.run(&["metadata", "diff"]).await, 1);
    assert!(said.contains("- signing key") && said.contains("would be held: "), "{said}");
    let online = exits(&scene.run(&["check", "--online"]).await, 69);
    assert!(online.contains("would be held: "), "{online}");
    assert!(said.contains("has not read it yet") && said.contains("apply --idp corp"), "{said}");
    assert!(!said.contains('\u{1b}'), "colours are for terminals");
    exits(&scene.run(&["metadata", "diff", "--idp", "nobody"]).await, 64);
    server.now(Behaviour::Down);
    exits(&scene.run(&["metadata", "apply", "--idp", "corp"]).await, 69);
    server.now(Behaviour::serve_as("3", document(&[&old, &new])));
    let said = exits(&scene.run(&["metadata", "apply", "--idp", "corp"]).await, 1);
    assert!(said.contains("nothing is held"), "{said}");
    // The gate has read nothing of this: an hour may pass until it does by itself.
    server.now(Behaviour::serve_as("4", document(&[&new])));
    let said = exits(&scene.run(&["metadata", "apply", "--idp", "corp"]).await, 0);
    assert!(
        said.contains("- signing key") && said.contains("Agreed.") && said.contains("reads its source now"),
        "{said}"
    );
    scene.takes(&new, &gate).await;
    scene.is_still_in(&mut ada).await;
    assert_eq!(gate.program.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_said_of_a_gate_that_nobody_has_seen() {
    let idp = FakeIdp::new(ENTITY);
    let scene = Scene::new("metadata_file: idp.xml");
    scene.put("idp.xml", &document(&[&idp]));
    scene.put("config.yaml", &scene.config);
    let said = exits(&scene.run(&["metadata", "diff"]).await, 1);
    assert!(said.contains("what runs is not known here") && !said.contains("nothing is different"), "{said}");
    let gate = scene.start();
    scene.kept(&gate).await;
    let said = exits(&scene.run(&["metadata", "diff"]).await, 0);
    assert!(
        said.contains("what runs was read from there on") && said.contains("nothing is different"),
        "{said}"
    );
    assert_eq!(gate.program.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_broke_while_the_gate_was_down_is_replaced_by_the_copy() {
    let idp = FakeIdp::new(ENTITY);
    let scene = Scene::new("metadata_file: idp.xml");
    scene.put("idp.xml", &document(&[&idp]));
    let gate = scene.start();
    scene.kept(&gate).await;
    assert_eq!(gate.program.terminate(), Some(0));
    for broken in [Some("<html/>"), None] {
        match broken {
            Some(text) => scene.put("idp.xml", text),
            None => std::fs::remove_file(scene.folder.path().join("idp.xml")).unwrap(),
        }
        let gate = scene.start();
        scene.signed_in(&idp).await;
        assert!(gate.program.says("the copy in state_dir is used"), "{}", gate.program.log());
        exits(&scene.run(&["metadata", "diff"]).await, 69);
        let said = exits(&scene.run(&["check"]).await, 0);
        assert!(said.contains("the copy in state_dir is used"), "{said}");
        assert_eq!(gate.program.terminate(), Some(0));
    }
    // Without a copy there is nothing to go by.
    std::fs::remove_dir_all(scene.folder.path().join("state")).unwrap();
    exits(&scene.run(&["check"]).await, 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_starts_without_metadata_and_says_so_to_who_signs_in() {
    let authority = Authority::new();
    let server = MetadataServer::start(&authority).await;
    let policy = "algorithms: [rsa-sha256]\n    cbc: refuse";
    let scene =
        Scene::new(&format!("metadata_url: {}\n    metadata_ca_file: ca.pem\n    {policy}", server.url()));
    scene.put("ca.pem", &authority.pem());
    scene.put("config.yaml", &scene.config);
    let said = exits(&scene.run(&["check"]).await, 0);
    assert!(said.contains("its entity ID is not known until the metadata has been read"), "{said}");
    assert!(
        said.contains("may sign with rsa-sha256 only") && said.contains("not encrypt in CBC mode"),
        "{said}"
    );
    server.now(Behaviour::serve(document(&[&FakeIdp::new(ENTITY)])));
    let said = exits(&scene.run(&["check", "--online"]).await, 0);
    assert!(said.contains(&format!("at {ENTITY}\n")) && !said.contains("not known until"), "{said}");
    assert!(said.contains("none of its signing keys can be used with what `algorithms` lists"), "{said}");
    server.now(Behaviour::Down);
    let gate = scene.start();
    let mut visitor = Visitor::new();
    let page = visitor.get(&format!("http://127.0.0.1:{}/vestibule/sign-in?rd=/", scene.ports.public)).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(gate.program.says("metadata-unavailable"), "{}", gate.program.log());
    let ready = visitor.get(&format!("http://127.0.0.1:{}/readyz", gate.admin_port)).await;
    assert_eq!(ready.status, StatusCode::OK, "living sessions and other identity providers go on");
    let metrics = visitor.get(&format!("http://127.0.0.1:{}/metrics", gate.admin_port)).await;
    assert!(metrics.body.contains("outcome=\"unreachable\"} 1\n"), "{}", metrics.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_roll_over_in_a_file_and_a_swap_waits_for_the_owner_while_a_session_lives() {
    let (old, new, other) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let scene = Scene::new("metadata_file: idp.xml");
    scene.put("idp.xml", &document(&[&old]));
    let gate = scene.start();
    let mut ada = scene.signed_in(&old).await;

    scene.put("idp.xml", &document(&[&old, &new]));
    scene.takes(&new, &gate).await;
    scene.signed_in(&old).await;
    scene.is_still_in(&mut ada).await;

    scene.put("idp.xml", &document(&[&other]));
    let patience = Instant::now();
    while !gate.program.log().contains("metadata-held") {
        assert!(patience.elapsed() < PATIENCE, "{}", gate.program.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let refused = scene.bring(&mut Visitor::new(), &other).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    let said = exits(&scene.run(&["metadata", "diff"]).await, 1);
    assert!(said.contains("vestibule metadata apply --idp corp"), "{said}");
    let said = exits(&scene.run(&["metadata", "apply", "--idp", "corp"]).await, 0);
    assert!(said.contains("+ signing key") && said.contains("Agreed."), "{said}");
    scene.takes(&other, &gate).await;
    scene.is_still_in(&mut ada).await;
    // The figures follow what is in use.
    let metrics = Visitor::new().get(&format!("http://127.0.0.1:{}/metrics", gate.admin_port)).await.body;
    let named = |idp: &FakeIdp| metrics.contains(&format!("fingerprint=\"{}\"}}", short_fingerprint(idp)));
    assert_eq!([&old, &new, &other].map(named), [false, false, true], "{metrics}");
    assert!(metrics.contains("outcome=\"held\"} 1\n") && metrics.contains("_metadata_held{"), "{metrics}");
    let said = exits(&scene.run(&["metadata", "diff"]).await, 0);
    assert!(said.contains("nothing is different"), "{said}");
}

/// For figures: `cargo test --release --test federation -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "60 MB, for the figures"]
async fn an_aggregate_of_sixty_megabytes_in_the_program() {
    let idp = FakeIdp::new(ENTITY);
    let authority = Authority::new();
    let server = MetadataServer::start(&authority).await;
    let meant = Document { valid_until: None, ..Document::of(&[&idp]) };
    server.now(Behaviour::serve_as("1", aggregate(8000, 6700, &meant, None)));
    let scene = Scene::new(&format!(
        "metadata_url: {}\n    metadata_ca_file: ca.pem\n    entity_id: {ENTITY}",
        server.url()
    ));
    scene.put("ca.pem", &authority.pem());
    for way in ["fetched", "restored"] {
        let began = Instant::now();
        let gate = scene.start();
        scene.takes(&idp, &gate).await;
        let status = std::fs::read_to_string(format!("/proc/{}/status", gate.program.id())).unwrap();
        let memory: Vec<&str> =
            status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS")).collect();
        println!("{way}: first sign-in after {:?}; {memory:?}", began.elapsed());
        assert_eq!(gate.program.terminate(), Some(0));
        server.now(Behaviour::Down);
    }
}

fn short_fingerprint(idp: &FakeIdp) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, idp.certificate());
    digest.as_ref()[..8].iter().map(|octet| format!("{octet:02x}")).collect()
}

fn contains(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return contains(&path, text);
        }
        let octets = std::fs::read(&path).unwrap();
        octets.windows(text.len()).any(|window| window == text.as_bytes())
    })
}
