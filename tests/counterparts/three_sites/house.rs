//! Three sites behind one gate, two identity providers that none of us wrote, and what is asked of them.

use crate::idps::{Counterpart as _, Encrypted, Pysaml2, Registration, SimpleSamlPhp, answer_in, write_key};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use crate::upstream;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long an event or a file that is read again may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Capitals stand for what is only known when all have their ports.
const CONFIG: &str = r#"
session: {secret: 3f9a0c51b7e24d86a1d0c9e85b7f2436}
state_dir: state
state_key_file: state-key
clock_skew: 1s
audit: {output: both, file: audit.log, name_id: value}
service_provider: {private_key_file: sp.key, certificate_file: sp.crt}
identity_providers:
  - {id: ssp, label: Corporate login, metadata_url: "SSP/metadata.php", email_domains: [example.com, "*.example.com"], allow_unsolicited: true}
  - id: py
    label: Partner login
    metadata_file: py.xml
    email_domains: [partner.test]
    default_role: guest
    admission: {just_in_time: false, invited_file: partners.txt}
  - {id: ssp-pasted, label: Pasted, entity_id: "SSP/metadata.php", sso_url: "SSP/SSOService.php", certificates: [FIRST, NEXT], require_signed: both, speaks_for_any: true}
  - {id: py-trial, label: The trial, status: STATUS, metadata_file: py.xml, speaks_for_any: true}
sites:
  - name: wiki
    public_url: WIKI
    upstream: http://APP
    identity_providers: [ssp]
    roles: {ops: admin, staff: [author, editor]}
    default_role: reader
  - name: shop
    public_url: SHOP
    upstream: http://APP
    identity_providers: [ssp, py]
    roles: {ops: keeper}
  - name: docs
    public_url: DOCS
    upstream: http://APP
    identity_providers: [ssp-pasted, py-trial]
    identity: {user: [employeeNumber, uid], email: [workmail, mail], required: [email]}
"#;

pub(crate) struct House {
    pub(crate) wiki: String,
    pub(crate) shop: String,
    pub(crate) docs: String,
    pub(crate) ssp: SimpleSamlPhp,
    pub(crate) py: Pysaml2,
    /// The sites as the identity providers are told of them.
    pub(crate) registered: [Registration; 3],
    /// Every answer that an identity provider gave, in base64 and as XML.
    pub(crate) answers: Vec<(String, String)>,
    app: String,
    ports: [u16; 2],
    gate: Option<Program>,
    gates_before: u32,
    /// Removed last: the logs lie in it.
    pub(crate) folder: tempfile::TempDir,
}

/// What the application and `whoami` were told of somebody who came in.
pub(crate) struct Told {
    pub(crate) visitor: Visitor,
    pub(crate) page: String,
    pub(crate) whoami: Value,
}

impl Told {
    /// A header as the application received it.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_default()
    }

    /// What the application's JWT says.
    pub(crate) fn claims(&self) -> Value {
        let payload = self.header("x-vestibule-jwt-assertion").split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }
}

/// SHA-256 of a certificate, as the audit writes it.
pub(crate) fn fingerprint(base64: &str) -> String {
    let sum = ring::digest::digest(&ring::digest::SHA256, &STANDARD.decode(base64).unwrap());
    sum.as_ref().iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}

impl House {
    /// Everything runs, and each knows the other: the gate the identity providers by URL, file and pasted values; they the
    /// sites by the metadata that each site serves.
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_key(folder.path(), "sp", "rsa:2048");
        std::fs::write(folder.path().join("state-key"), "Zm9yIHRlc3RzIG9ubHksIGFuZCBsb25nIGVub3VnaCE=\n")
            .unwrap();
        std::fs::write(
            folder.path().join("partners.txt"),
            "bob@partner.test roles=buyer\ndan@partner.test\n",
        )
        .unwrap();
        let (mut ssp, py) = (SimpleSamlPhp::start("localhost"), Pysaml2::start("localhost"));
        // Both of its keys are in its metadata from the start.
        ssp.announce_next_key().await;
        let ports = [free_port(), free_port()];
        let site = |ip: &str| format!("http://{ip}:{}", ports[0]);
        let (wiki, shop, docs) = (site("127.0.0.1"), site("127.0.0.2"), site("127.0.0.3"));
        let registered = [&wiki, &shop, &docs].map(|site| Registration {
            entity_id: format!("{site}/vestibule/saml/metadata"),
            acs: format!("{site}/vestibule/saml/acs"),
            slo: format!("{site}/vestibule/saml/slo"),
            metadata: String::new(),
            certificate: folder.path().join("sp.crt"),
            encrypted: Encrypted::Nothing,
        });
        let app = upstream::start().await.to_string();
        let mut house = Self {
            folder,
            wiki,
            shop,
            docs,
            ssp,
            py,
            registered,
            answers: Vec::new(),
            app,
            ports,
            gate: None,
            gates_before: 0,
        };
        house.reads_metadata_of_py().await;
        house.start("staged");
        for registration in &mut house.registered {
            let served = Visitor::new().get(&registration.entity_id).await;
            assert_eq!(served.status, StatusCode::OK, "{served:?}");
            registration.metadata = served.body;
        }
        house.ssp_serves("");
        house.py.serves(&house.registered, partners());
        house
    }

    /// The gate, or the gate again with this status of py-trial.
    pub(crate) fn start(&mut self, status: &str) {
        if let Some(gate) = self.gate.take() {
            assert_eq!(gate.terminate(), Some(0));
            let log = self.folder.path().join("vestibule.log");
            // The next one begins its log anew, and the last scene reads all.
            self.gates_before += 1;
            std::fs::rename(&log, log.with_extension(format!("log.{}", self.gates_before))).unwrap();
        }
        let [first, next] = self.ssp.certificates();
        let [public, admin] = self.ports;
        let mut text = format!(
            // All of 127.0.0.0/8 is this machine, and each site has an address of it.
            "listen: {{public: \"0.0.0.0:{public}\"}}\nadmin: {{listen: \"127.0.0.1:{admin}\"}}\nshutdown: {{delay: 0s, drain: 2s}}\n{CONFIG}"
        );
        let ssp = format!("{}saml2/idp", self.ssp.base);
        for (name, value) in [
            ("SSP", ssp.as_str()),
            ("FIRST", &first),
            ("NEXT", &next),
            ("STATUS", status),
            ("WIKI", &self.wiki),
            ("SHOP", &self.shop),
            ("DOCS", &self.docs),
            ("APP", &self.app),
        ] {
            text = text.replace(name, value);
        }
        let file = self.folder.path().join("config.yaml");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command.args(["run", "--config"]).arg(&file);
        self.gate = Some(Program::start("vestibule", &mut command, self.folder.path(), loopback(public)));
        // Metadata by URL arrives a moment after the listeners stand.
        let patience = Instant::now();
        while !self.events("metadata-changed").iter().any(|event| event["idp"] == "ssp") {
            assert!(patience.elapsed() < PATIENCE, "{}", self.logs());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SimpleSAMLphp serves all three sites, with these settings for each: `'name' => value, `. To wiki people are named by
    /// their address, elsewhere by a name that is none.
    pub(crate) fn ssp_serves(&self, more: &str) {
        let format = "'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:";
        let by_mail = format!("{format}emailAddress', 'simplesaml.nameidattribute' => 'mail', {more}");
        let by_uid = format!("{format}unspecified', 'simplesaml.nameidattribute' => 'uid', {more}");
        let [wiki, shop, docs] = &self.registered;
        self.ssp.serves(&[(wiki, &by_mail), (shop, &by_uid), (docs, &by_uid)]);
    }

    /// The file that the gate reads is what pysaml2 publishes now; put in place whole.
    pub(crate) async fn reads_metadata_of_py(&self) {
        let file = self.folder.path().join("py.xml");
        std::fs::write(file.with_extension("new"), self.py.metadata().await).unwrap();
        std::fs::rename(file.with_extension("new"), &file).unwrap();
    }

    /// Goes to a site's sign-in by this identity provider, types there, and comes to the page that posts the answer.
    pub(crate) async fn answered(
        &mut self,
        visitor: &mut Visitor,
        site: &str,
        idp: &str,
        login: &str,
    ) -> Answer {
        // Another page each time: who comes thrice for the same one is told of a loop.
        let number = self.answers.len();
        let away = visitor.get(&format!("{site}/vestibule/sign-in?rd=/page/{number}&idp={idp}")).await;
        let page = visitor.follow(away).await;
        self.pass(visitor, page, login).await
    }

    /// From an identity provider's sign-in page to the page that posts its answer.
    pub(crate) async fn pass(&mut self, visitor: &mut Visitor, page: Answer, login: &str) -> Answer {
        assert!(page.body.contains("password"), "{page:?}\n{}", self.logs());
        let field = if page.url.starts_with(&self.py.base) { "user" } else { "username" };
        let posted = visitor.submit(&page, &[(field, login), ("password", "secret")]).await;
        let page = visitor.follow(posted).await;
        self.keeps(&page);
        page
    }

    /// Remembers the answer in a page, for the last scene.
    pub(crate) fn keeps(&mut self, page: &Answer) {
        assert!(page.body.contains("SAMLResponse"), "{page:?}\n{}", self.logs());
        let (_, _, fields) = page.form();
        let value = fields.into_iter().find(|(name, _)| name == "SAMLResponse").unwrap().1;
        self.answers.push((value.split_whitespace().collect(), answer_in(page)));
    }

    /// Posts the answer where the page says, and once more where the gate asks for that.
    pub(crate) async fn bring(visitor: &mut Visitor, page: &Answer) -> Answer {
        let posted = visitor.submit(page, &[]).await;
        Self::again(visitor, posted).await
    }

    /// Posts the answer to another address, as the page of somebody else would.
    pub(crate) async fn bring_to(visitor: &mut Visitor, acs: &str, page: &Answer) -> Answer {
        let (_, _, fields) = page.form();
        let posted = visitor.post_form(acs, &fields).await;
        Self::again(visitor, posted).await
    }

    /// On loopback http the gate's own page posts once more, and browsers say whose page it was.
    async fn again(visitor: &mut Visitor, posted: Answer) -> Answer {
        if posted.status != StatusCode::OK || !posted.body.contains("SAMLResponse") {
            return posted;
        }
        let origin = url::Url::parse(&posted.url).unwrap().origin().ascii_serialization();
        visitor.headers.insert("origin", origin.parse().unwrap());
        let answer = visitor.submit(&posted, &[]).await;
        visitor.headers.remove("origin");
        answer
    }

    /// Somebody's whole way to a site; or the code of the refusal.
    pub(crate) async fn comes(&mut self, site: &str, idp: &str, login: &str) -> Result<Told, String> {
        self.comes_with(Visitor::new(), site, idp, login).await
    }

    /// The same in a browser that may have been here before; at the identity providers it is signed out.
    pub(crate) async fn comes_with(
        &mut self,
        mut visitor: Visitor,
        site: &str,
        idp: &str,
        login: &str,
    ) -> Result<Told, String> {
        visitor.jar.remove("localhost");
        let answer = self.answered(&mut visitor, site, idp, login).await;
        let landed = Self::bring(&mut visitor, &answer).await;
        if landed.status != StatusCode::SEE_OTHER {
            assert!(!self.is_known(&mut visitor, site).await, "refused, and signed in");
            return Err(self.code(&landed));
        }
        let page = visitor.follow(landed).await;
        let whoami = visitor.get(&format!("{site}/vestibule/whoami")).await;
        assert_eq!(
            (page.status, whoami.status),
            (StatusCode::OK, StatusCode::OK),
            "{page:?}\n{}",
            self.logs()
        );
        Ok(Told { visitor, page: page.body, whoami: serde_json::from_str(&whoami.body).unwrap() })
    }

    /// Whether a browser has a session at a site.
    pub(crate) async fn is_known(&self, visitor: &mut Visitor, site: &str) -> bool {
        visitor.get(&format!("{site}/vestibule/whoami")).await.status == StatusCode::OK
    }

    /// The code under which the owner finds what this page refers to.
    pub(crate) fn code(&self, page: &Answer) -> String {
        let patience = Instant::now();
        loop {
            let refers =
                |event: &&Value| event["reference"].as_str().is_some_and(|it| page.body.contains(it));
            if let Some(event) = self.all_events().iter().find(refers) {
                return event["code"].as_str().unwrap_or_default().to_owned();
            }
            assert!(patience.elapsed() < PATIENCE, "no event for {page:?}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The audit so far, of this name.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        self.all_events().into_iter().filter(|event| event["event"] == name).collect()
    }

    fn all_events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("audit.log")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for an event of this name that is as wished.
    pub(crate) fn event(&self, name: &str, wished: impl Fn(&Value) -> bool) -> Value {
        let patience = Instant::now();
        loop {
            if let Some(event) = self.events(name).into_iter().rev().find(|event| wished(event)) {
                return event;
            }
            assert!(patience.elapsed() < PATIENCE, "no {name}: {}", self.logs());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs the program with these arguments and the gate's configuration; what it printed.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        let run = command
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("config.yaml"))
            .output()
            .unwrap();
        assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    }

    pub(crate) fn gate_log(&self) -> String {
        self.gate.as_ref().map(Program::log).unwrap_or_default()
    }

    /// Everything that lies in the gate's folder: its logs, its audit, what it keeps for the next start.
    pub(crate) fn everything_written(&self) -> Vec<(String, Vec<u8>)> {
        fn collect(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, all);
                } else {
                    all.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
                }
            }
        }
        let mut all = Vec::new();
        collect(self.folder.path(), &mut all);
        all
    }

    pub(crate) fn logs(&self) -> String {
        format!(
            "--- gate ---\n{}\n--- ssp ---\n{}\n--- py ---\n{}",
            self.gate_log(),
            self.ssp.log(),
            self.py.log()
        )
    }
}

/// The people of pysaml2, which names attributes by OID.
fn partners() -> Value {
    let person = |mail: &str, given: &str| json!({"name_id": mail, "attributes": {"mail": [mail], "givenName": [given], "sn": ["Berger"], "uid": [given]}});
    json!({
        "bob": person("bob@partner.test", "Bob"),
        "dan": person("Dan@Partner.test", "Dan"),
        "mallory": person("mallory@partner.test", "Mallory"),
        "below": person("eve@eu.partner.test", "Eve"),
        "liar": person("alice@example.com", "Alice"),
    })
}
