//! What every identity provider must live through with the gate: the scenes that `idps.rs` plays with each of them.

use crate::idps::{Counterpart, Encrypted, Registration, answer_in, write_key};
use crate::support::gate::{GateProcess, Ports};
use crate::support::visitor::{Answer, Visitor};
use crate::upstream;
use http::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// Where somebody wants to go.
pub(crate) const TARGET: &str = "/wiki/Start?page=2&title=a%20b";

/// How long the gate may take to read a file again, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gate that trusts one identity provider, which knows it.
pub(crate) struct Scene<'i> {
    pub(crate) public: String,
    gate: GateProcess,
    pub(crate) idp: &'i mut dyn Counterpart,
    pub(crate) folder: tempfile::TempDir,
}

/// How a scene differs from the plain one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes {
    pub(crate) encrypted: Encrypted,
    /// Further settings of the identity provider, each as `, key: value`.
    pub(crate) settings: &'static str,
}

impl<'i> Scene<'i> {
    pub(crate) async fn set(idp: &'i mut dyn Counterpart, wishes: Wishes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::choose();
        let public = format!("http://127.0.0.1:{}", ports.public);
        write_key(folder.path(), "sp", "rsa:3072");
        let registration = Registration {
            entity_id: format!("{public}/vestibule/saml/metadata"),
            acs: format!("{public}/vestibule/saml/acs"),
            slo: format!("{public}/vestibule/saml/slo"),
            metadata: our_metadata(folder.path(), &public),
            certificate: folder.path().join("sp.crt"),
            encrypted: wishes.encrypted,
        };
        idp.register(&registration).await;
        std::fs::write(folder.path().join("idp-metadata.xml"), idp.metadata().await).unwrap();
        let app = upstream::start().await;
        let config = format!(
            "{}identity_providers:\n  - {{id: {}, label: The world, metadata_file: idp-metadata.xml{}}}\n",
            our_side(&public, &app.to_string()),
            idp.name(),
            wishes.settings
        );
        let gate = GateProcess::start(folder.path(), &ports, &config);
        Self { public, gate, idp, folder }
    }

    /// To the identity provider's sign-in page.
    async fn leave(&self, visitor: &mut Visitor) -> Answer {
        let away = visitor.get(&format!("{}{TARGET}", self.public)).await;
        let page = visitor.follow(away).await;
        assert!(asks_for_a_password(&page), "{page:?}\n{}", self.logs());
        page
    }

    /// To the page that posts the identity provider's answer.
    async fn be_answered(&self, visitor: &mut Visitor) -> Answer {
        let page = self.leave(visitor).await;
        let answer = self.idp.pass(visitor, page).await;
        assert!(answer.body.contains("SAMLResponse"), "{answer:?}\n{}", self.logs());
        answer
    }

    /// Posts it, once more where the gate asks for that, and goes to the page that was asked for.
    async fn bring(&self, visitor: &mut Visitor, answer: &Answer) -> Answer {
        let mut posted = visitor.submit(answer, &[]).await;
        if posted.status == StatusCode::OK {
            posted = visitor.submit(&posted, &[]).await;
        }
        assert_eq!(posted.status, StatusCode::SEE_OTHER, "{posted:?}\n{}", self.logs());
        visitor.follow(posted).await
    }

    /// A browser that has signed in, after a look at who the gate takes it for.
    async fn sign_in(&self) -> Visitor {
        let mut visitor = Visitor::new();
        let answer = self.be_answered(&mut visitor).await;
        let landed = self.bring(&mut visitor, &answer).await;
        assert!(landed.body.starts_with(&format!("GET {TARGET}\n")), "{landed:?}");
        self.is_known(&mut visitor).await;
        visitor
    }

    async fn is_known(&self, visitor: &mut Visitor) {
        let told = visitor.get(&format!("{}/vestibule/whoami", self.public)).await;
        assert_eq!(told.status, StatusCode::OK, "{told:?}\n{}", self.logs());
        let told: Value = serde_json::from_str(&told.body).unwrap();
        let person = self.idp.person();
        assert_eq!(told["user"], person.user, "{told}");
        assert_eq!(told["email"], person.email, "{told}");
        assert_eq!(told["name"].as_str(), person.name, "{told}");
        assert_eq!(told["idp"], self.idp.name(), "{told}");
        let groups: BTreeSet<&str> =
            told["groups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap()).collect();
        assert_eq!(groups, person.groups.iter().copied().collect(), "{told}");
    }

    async fn is_unknown(&self, visitor: &mut Visitor) {
        let told = visitor.get(&format!("{}/vestibule/whoami", self.public)).await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{told:?}\n{}", self.logs());
    }

    /// Somebody signs in with an answer that carries this certificate.
    async fn lets_in_by(&self, certificate: &str) {
        let mut visitor = Visitor::new();
        let answer = self.be_answered(&mut visitor).await;
        let carried: String = answer_in(&answer).split_whitespace().collect();
        assert!(carried.contains(certificate), "another key signs: {carried}");
        self.bring(&mut visitor, &answer).await;
        self.is_known(&mut visitor).await;
    }

    fn changes_of_metadata(&self) -> usize {
        self.gate.program.log().matches("\"event\":\"metadata-changed\"").count()
    }

    fn logs(&self) -> String {
        format!("--- gate ---\n{}\n--- {} ---\n{}", self.gate.program.log(), self.idp.name(), self.idp.log())
    }
}

/// Our half of the configuration.
fn our_side(public: &str, app: &str) -> String {
    format!(
        "public_url: {public}\nupstream: http://{app}\n\
         service_provider: {{private_key_file: sp.key, certificate_file: sp.crt}}\n"
    )
}

/// What `vestibule metadata` prints. The identity provider is not known yet, so a made-up one stands in its place.
fn our_metadata(folder: &std::path::Path, public: &str) -> String {
    let config = folder.join("before.yaml");
    let made_up = "identity_providers:\n  - {id: nobody, entity_id: nobody, sso_url: 'https://idp.test/', certificate_files: [sp.crt]}\n";
    std::fs::write(&config, format!("{}{made_up}", our_side(public, "127.0.0.1:1"))).unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .args(["metadata", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8(printed.stdout).unwrap()
}

fn asks_for_a_password(page: &Answer) -> bool {
    page.status == StatusCode::OK && page.body.contains("password")
}

/// Somebody signs in on a deep link, and the answer is worth nothing to anybody else.
pub(crate) async fn signs_in(idp: &mut dyn Counterpart) {
    let scene =
        Scene::set(idp, Wishes { settings: ", require_signed: assertion", ..Wishes::default() }).await;
    let mut visitor = Visitor::new();
    let answer = scene.be_answered(&mut visitor).await;
    let landed = scene.bring(&mut visitor, &answer).await;
    assert!(landed.body.starts_with(&format!("GET {TARGET}\n")), "{landed:?}");
    assert!(
        landed.body.contains(&format!("\nx-forwarded-email: {}\n", scene.idp.person().email)),
        "{landed:?}"
    );
    scene.is_known(&mut visitor).await;
    keep_shape(&scene, &answer).await;

    let mut thief = Visitor::new();
    let again = thief.submit(&answer, &[]).await;
    let refused = thief.submit(&again, &[]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    assert!(scene.gate.program.says("attempt-missing"), "{}", scene.logs());
    scene.is_unknown(&mut thief).await;
}

/// The identity provider verifies that we asked, so nobody else can ask in our name.
pub(crate) async fn refuses_what_we_did_not_sign(idp: &mut dyn Counterpart) {
    let scene = Scene::set(idp, Wishes::default()).await;
    for change in ["unsigned", "tampered", "honest"] {
        let mut visitor = Visitor::new();
        let away = visitor.get(&format!("{}{TARGET}", scene.public)).await;
        let mut to_idp = url::Url::parse(&away.location().unwrap()).unwrap();
        while !to_idp.query_pairs().any(|(name, _)| name == "SAMLRequest") {
            let next = visitor.get(to_idp.as_str()).await;
            to_idp = url::Url::parse(&next.location().unwrap()).unwrap();
        }
        let changed: Vec<(String, String)> = to_idp
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .filter(|(name, _)| change != "unsigned" || !matches!(name.as_str(), "SigAlg" | "Signature"))
            .map(|(name, value)| match (change, name.as_str()) {
                ("tampered", "Signature") => (name, another_signature(&value)),
                _ => (name, value),
            })
            .collect();
        if change != "honest" {
            to_idp.query_pairs_mut().clear().extend_pairs(&changed);
        }
        let page = visitor.get(to_idp.as_str()).await;
        let mut page = visitor.follow(page).await;
        if asks_for_a_password(&page) {
            page = scene.idp.pass(&mut visitor, page).await;
        }
        // Some answer a refusal with an answer that says so.
        let lets_in = page.body.contains("SAMLResponse") && answer_in(&page).contains("status:Success");
        assert_eq!(lets_in, change == "honest", "{change}: {page:?}\n{}", scene.logs());
    }
}

/// A signature of the right length by nobody.
fn another_signature(value: &str) -> String {
    let (head, tail) = value.split_at(20);
    let other = if tail.starts_with('A') { "B" } else { "A" };
    format!("{head}{other}{}", &tail[1..])
}

/// The identity provider encrypts the assertion to our key.
pub(crate) async fn encrypts(idp: &mut dyn Counterpart) {
    let scene = Scene::set(idp, Wishes { encrypted: Encrypted::Assertion, ..Wishes::default() }).await;
    let mut visitor = Visitor::new();
    let answer = scene.be_answered(&mut visitor).await;
    let xml = answer_in(&answer);
    assert!(xml.contains("EncryptedAssertion"), "{xml}");
    assert!(!xml.contains(scene.idp.person().email), "{xml}");
    scene.bring(&mut visitor, &answer).await;
    scene.is_known(&mut visitor).await;
}

/// The identity provider encrypts the NameID alone.
pub(crate) async fn encrypts_the_name(idp: &mut dyn Counterpart) {
    let scene = Scene::set(idp, Wishes { encrypted: Encrypted::NameId, ..Wishes::default() }).await;
    let mut visitor = Visitor::new();
    let answer = scene.be_answered(&mut visitor).await;
    let xml = answer_in(&answer);
    assert!(xml.contains("EncryptedID") && !xml.contains("NameID"), "{xml}");
    scene.bring(&mut visitor, &answer).await;
    scene.is_known(&mut visitor).await;
}

/// The next key is announced, then it signs. Who is in stays in, and others come in.
pub(crate) async fn changes_its_key(idp: &mut dyn Counterpart) {
    idp.announce_next_key().await;
    let scene = Scene::set(idp, Wishes::default()).await;
    let mut early = scene.sign_in().await;
    let certificate = scene.idp.sign_with_next_key().await;
    scene.is_known(&mut early).await;
    scene.lets_in_by(&certificate).await;
    scene.is_known(&mut early).await;
}

/// The gate is told of the next key by metadata that it reads again while it runs.
pub(crate) async fn follows_its_key(idp: &mut dyn Counterpart) {
    let scene = Scene::set(idp, Wishes::default()).await;
    let mut early = scene.sign_in().await;
    let before = scene.changes_of_metadata();
    scene.idp.announce_next_key().await;
    let announced = scene.idp.metadata().await;
    let file = scene.folder.path().join("idp-metadata.xml");
    // Put in place whole: a reader never sees half of it.
    std::fs::write(file.with_extension("new"), announced).unwrap();
    std::fs::rename(file.with_extension("new"), &file).unwrap();
    let asked = Instant::now();
    while scene.changes_of_metadata() == before {
        assert!(asked.elapsed() < PATIENCE, "nothing changed: {}", scene.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let certificate = scene.idp.sign_with_next_key().await;
    scene.lets_in_by(&certificate).await;
    scene.is_known(&mut early).await;
}

/// Single logout, begun by us: both sides forget.
pub(crate) async fn signs_out_from_our_side(idp: &mut dyn Counterpart) {
    let scene = Scene::set(idp, Wishes::default()).await;
    let mut visitor = scene.sign_in().await;
    let question = visitor.get(&format!("{}/vestibule/sign-out", scene.public)).await;
    let told = visitor.submit(&question, &[]).await;
    let told = walk(&mut visitor, told).await;
    assert!(told.url.starts_with(&scene.public), "we end at home: {told:?}\n{}", scene.logs());
    assert_eq!(told.status, StatusCode::OK, "{told:?}\n{}", scene.logs());
    scene.is_unknown(&mut visitor).await;
    // The identity provider would otherwise answer without asking.
    scene.leave(&mut visitor).await;
}

/// Single logout, begun there: our session ends too, although its cookie is still in the browser.
pub(crate) async fn signs_out_from_its_side(idp: &mut dyn Counterpart) {
    let scene = Scene::set(idp, Wishes::default()).await;
    let mut visitor = scene.sign_in().await;
    let mut elsewhere = scene.sign_in().await;
    let away = scene.idp.sign_out(&mut visitor).await;
    let told = walk(&mut visitor, away).await;
    assert!(!told.url.starts_with(&scene.public), "it ends where it began: {told:?}\n{}", scene.logs());
    scene.is_unknown(&mut visitor).await;
    scene.is_known(&mut elsewhere).await;
}

/// Goes where pages send a browser by themselves: redirects, forms that post a message, frames that load one.
async fn walk(visitor: &mut Visitor, mut answer: Answer) -> Answer {
    for _ in 0..10 {
        answer = visitor.follow(answer).await;
        if answer.body.contains("name=\"SAML") || answer.body.contains("NAME=\"SAML") {
            answer = visitor.submit(&answer, &[]).await;
            continue;
        }
        for frame in answer.frames() {
            let inside = visitor.get(&frame).await;
            Box::pin(walk(visitor, inside)).await;
        }
        return answer;
    }
    panic!("no end: {answer:?}");
}

/// Keeps the answer and the metadata for tests/shapes, with their row of its table, where CAPTURE_SHAPES names a folder.
async fn keep_shape(scene: &Scene<'_>, answer: &Answer) {
    let Some(folder) = std::env::var_os("CAPTURE_SHAPES").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let (name, xml) = (scene.idp.name(), answer_in(answer));
    let value_of = |attribute: &str| {
        let (_, rest) = xml.split_once(&format!("{attribute}=\"")).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let person = scene.idp.person();
    let row = format!(
        "[[shape]]\nname = \"{name}\"\nproduct = \"\"\nprovenance = \"captured\"\nsource = [\"tests/counterparts\"]\nstory = \"\"\n\
         user = {:?}\nemail = {:?}\nshown = {:?}\ngroups = {:?}\nsession_index = \"{}\"\n\
         scene = {{ entity_id = \"{public}/vestibule/saml/metadata\", acs = \"{public}/vestibule/saml/acs\", \
         request = \"{}\", now = \"{}\" }}\n",
        person.user,
        person.email,
        person.name.unwrap_or_default(),
        person.groups,
        value_of("SessionIndex"),
        value_of("InResponseTo"),
        value_of("IssueInstant"),
        public = scene.public,
    );
    std::fs::write(folder.join(format!("{name}.response.xml")), &xml).unwrap();
    std::fs::write(folder.join(format!("{name}.metadata.xml")), scene.idp.metadata().await).unwrap();
    std::fs::write(folder.join(format!("{name}.toml")), row).unwrap();
}
