//! A gate whose one identity provider is described by an address.

use crate::browser::{Answered, Browser, From};
use crate::documents::ENTITY;
use crate::idp::FakeIdp;
use crate::metadata_server::{Authority, Behaviour, MetadataServer};
use crate::world::{Plan, START, World, site};
use http::StatusCode;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vestibule::clock::ManualClock;
use vestibule::federation::{Changes, Folder, HttpSource, Outbound, Pace, Patience, Standing, Terms, Watch};
use vestibule::saml::parties::TrustedKeys;
use vestibule::seal::KeyRing;
use vestibule::secret::Secret;
use vestibule::site::{Idp, Live};

/// Short enough for tests of servers that say nothing.
pub const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    silence: Duration::from_millis(300),
    whole: Duration::from_secs(10),
    octets: 1 << 20,
    redirects: 2,
};

pub struct Scene {
    pub world: World,
    pub watch: Watch,
    pub server: MetadataServer,
    pub authority: Authority,
}

impl Scene {
    /// Nothing has been read yet.
    pub async fn new() -> Self {
        let authority = Authority::new();
        let server = MetadataServer::start(&authority).await;
        Self::with(server, authority, Arc::new(ManualClock::at(START)))
    }

    fn with(server: MetadataServer, authority: Authority, clock: Arc<ManualClock>) -> Self {
        let mut site = site(0, "app", "https://app.example.com", &[]);
        site.identity_providers = vec![Arc::new(Idp {
            id: "corp".into(),
            label: "Corporate login".into(),
            logo: None,
            status: vestibule::site::Status::Live,
            metadata: Live::unknown(),
            email_domains: None,
            demand: vestibule::saml::demand::Demand::default(),
            allow_unsolicited: false,
            logout: vestibule::site::Logout::default(),
        })];
        let world = Plan { clock, ..Plan::new(vec![site]) }.build();
        let watch = watch(&world, &server, &authority);
        Self { world, watch, server, authority }
    }

    /// This document has been read, and people sign in by it.
    pub async fn running(document: &str) -> Self {
        let mut scene = Self::new().await;
        scene.server.now(Behaviour::serve(document));
        scene.round().await;
        assert!(scene.watch.running().is_some(), "{:?}", scene.world.audit.events());
        scene
    }

    /// Nothing has been read yet; what outlives it is kept in the folder.
    pub async fn with_state_dir() -> (tempfile::TempDir, Self) {
        let (state, mut scene) = (tempfile::tempdir().unwrap(), Self::new().await);
        scene.keeping(state.path());
        (state, scene)
    }

    /// Keeps what outlives it in this folder from now on.
    pub fn keeping(&mut self, state_dir: &Path) {
        self.watch.folder = Some(folder(state_dir));
    }

    pub fn pinned_to(&mut self, signer: &FakeIdp) {
        let (keys, _) = TrustedKeys::from_certificates(&[signer.certificate().to_vec()]).unwrap();
        self.watch.terms.pinned = Some(keys);
    }

    /// The same gate after a restart: nothing in memory, no sessions.
    pub fn restarted(self) -> Self {
        let Self { world, watch, server, authority } = self;
        let clock = Arc::clone(&world.clock);
        // The old world's ears are closed before the new one's are opened.
        drop(world);
        let mut scene = Self::with(server, authority, clock);
        scene.watch.folder = watch.folder;
        scene.watch.terms = watch.terms;
        scene.watch.changes = watch.changes;
        scene.watch.restore(&scene.world.gate.metrics);
        scene
    }

    /// What the gate does every few seconds.
    pub async fn round(&mut self) {
        self.watch.round(&*self.world.clock, &self.world.gate.metrics).await;
    }

    /// Time passes, and the source is read again.
    pub async fn after(&mut self, time: Duration) {
        self.world.advance(time);
        self.round().await;
    }

    /// How a sign-in ends that this identity provider answers.
    pub async fn sign_in(&self, idp: &FakeIdp) -> Answered {
        let mut browser = Browser::of(&self.world);
        browser.sign_in(idp, "/", "ada").await
    }

    /// Where the gate sends people who want to sign in; the status and the code when it does not.
    pub async fn beginning(&self) -> Answered {
        Browser::of(&self.world).get("/vestibule/sign-in?rd=/", From::SameSite).await
    }

    pub async fn lets_in(&self, idp: &FakeIdp) {
        let answered = self.sign_in(idp).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
        self.world.audit.last("sign-in");
    }

    pub async fn refuses_answers_of(&self, idp: &FakeIdp) {
        let answered = self.sign_in(idp).await;
        self.world.audit.refused(&answered, "signature-invalid");
    }

    /// What the owner reads of the last refusal.
    pub fn last_detail(&self) -> String {
        let refused = self.events("sign-in-refused").pop().unwrap();
        refused["detail"].as_str().unwrap_or_default().to_owned()
    }

    pub async fn asks_nobody(&self, code: &str) {
        let page = self.beginning().await;
        self.world.audit.refused(&page, code);
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.header("retry-after"), Some("30"));
    }

    /// The events of this kind so far.
    pub fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        self.world.audit.events().into_iter().filter(|event| event["event"] == kind).collect()
    }

    pub fn metric(&self, line: &str) -> Option<String> {
        let text = self.world.gate.metrics.encode();
        text.lines().find_map(|l| l.strip_prefix(line)).map(|value| value.trim().to_owned())
    }

    pub fn readings(&self, outcome: &str) -> String {
        let line =
            format!("vestibule_idp_metadata_read_total{{site=\"app\",idp=\"corp\",outcome=\"{outcome}\"}}");
        self.metric(&line).unwrap_or_default()
    }
}

/// Somebody who is signed in, and stays so.
pub async fn signed_in<'w>(world: &'w World, idp: &FakeIdp) -> Browser<'w> {
    let mut browser = Browser::of(world);
    browser.sign_in(idp, "/", "ada").await;
    is_still_in(&mut browser).await;
    browser
}

pub async fn is_still_in(browser: &mut Browser<'_>) {
    let whoami = browser.get("/vestibule/whoami", From::SameSite).await;
    assert_eq!(whoami.status, StatusCode::OK, "{}", whoami.body);
}

pub fn folder(state_dir: &Path) -> Folder {
    Folder::new(state_dir, KeyRing::new(&[Secret::new(vec![7; 32])]).unwrap())
}

fn watch(world: &World, server: &MetadataServer, authority: &Authority) -> Watch {
    let source = HttpSource::new(&server.url(), Some(vec![authority.der()]), Outbound::direct()).unwrap();
    Watch {
        site: "app".into(),
        idp: Arc::clone(&world.site().identity_providers[0]),
        source: Arc::new(source.patient(PATIENCE)),
        terms: Terms { entity_id: Some(ENTITY.into()), ..Terms::default() },
        pace: Pace::Polite { at_most: None },
        changes: Changes::default(),
        folder: None,
        standing: Standing::default(),
    }
}
