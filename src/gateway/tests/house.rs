//! A gate to be asked, with sessions put into its store by hand.

use super::client::{self, Answer};
use super::origin::Origin;
use crate::access::{Access, Cors, PathPattern, Rule, Rules, Term};
use crate::admission::Admission;
use crate::clock::{Clock, ManualClock, Moment};
use crate::config::{Config, Gateways, Listeners, Reload, Shutdown};
use crate::cookies::{CookiePolicy, Kind};
use crate::gate::Gate;
use crate::gateway::forward::Edge;
use crate::gateway::live::{Live, Plan as Served, Terms};
use crate::gateway::reload::parts;
use crate::gateway::request::TrustedProxies;
use crate::gateway::{Gateway, Handed, Patience};
use crate::headers::HeaderPlan;
use crate::headers::jwt::JwtKeys;
use crate::identity::{Groups, Identity, Mapping};
use crate::login::verifier::Verifier;
use crate::observe::log::LogSettings;
use crate::pages::Branding;
use crate::saml::parties::{EntityId, Limits as MessageLimits, Policy, ServiceProvider};
use crate::saml::response::NameId;
use crate::seal::KeyRing;
use crate::session::{Limits, Session, SessionId, SiteKey, Store};
use crate::site::{Face, PublicUrl, Site, Upstream};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) const NOW: Moment = Moment::from_seconds(1_800_000_000);
pub(super) const HOST: &str = "app.example.com";
pub(super) const SESSION_COOKIE: &str = "__Host-vestibule";

/// A running gate.
pub(super) struct House {
    pub(super) gateway: Gateway,
    /// What the gate takes for the time.
    pub(super) clock: Arc<ManualClock>,
}

/// How a gate is built. The default: one site with a proxy, whose rules make `/public/*` public, `/optional/*`
/// optional, `/admin/*` for the role admin, and everything else for anybody with a session.
pub(super) struct Plan {
    pub(super) config: Config,
    pub(super) patience: Patience,
}

impl Plan {
    pub(super) fn before(application: SocketAddr) -> Self {
        Self { config: config(vec![site(0, HOST, Face::from(upstream(application)))]), patience: patience() }
    }

    pub(super) fn forward_auth() -> Self {
        let mut config = config(vec![site(0, HOST, Face::ForwardAuth)]);
        config.listeners.authz = Some(any_port());
        Self { config, patience: patience() }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(super) fn patient(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    pub(super) fn start(self) -> House {
        let clock = Arc::new(ManualClock::at(NOW));
        let shown: Arc<dyn Clock> = clock.clone();
        House {
            gateway: Gateway::start_with(self.config, shown, self.patience, Handed::default()).unwrap(),
            clock,
        }
    }
}

impl House {
    /// A gate before `origin`.
    pub(super) fn before(origin: &Origin) -> Self {
        Plan::before(origin.address).start()
    }

    pub(super) fn public(&self) -> SocketAddr {
        self.gateway.bound().public
    }

    pub(super) fn authz(&self) -> SocketAddr {
        self.gateway.bound().authz.unwrap()
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.gateway.bound().admin.unwrap()
    }

    /// Asks the public listener with these lines (request line first, without Host).
    pub(super) fn ask(&self, lines: &[&str]) -> Answer {
        client::ask(self.public(), &client::request(HOST, lines, b""))
    }

    /// A Cookie line of somebody who is signed in on the first site.
    pub(super) fn signed_in(&self, identity: &Identity) -> String {
        format!("Cookie: {}", self.session_cookie(identity))
    }

    pub(super) fn session_cookie(&self, identity: &Identity) -> String {
        let gate = self.gateway.gate();
        let site = &gate.sites[0];
        let id = SessionId::random();
        let session = Session::establish(identity, site.key, id.key(), &site.session_limits, NOW);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(gate.store.insert(Arc::new(session))).unwrap();
        format!("{}={}", site.cookies.name(&Kind::Session), id.to_cookie())
    }

    /// The metrics' value of a line that contains all of `words`.
    pub(super) fn metric(&self, words: &[&str]) -> Option<f64> {
        let text = client::get(self.admin(), "/metrics").text();
        let mut figures = text.lines().filter(|line| !line.starts_with('#'));
        let line = figures.find(|line| words.iter().all(|word| line.contains(word)))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

/// A gate that serves nobody.
pub(super) fn gate(config: Config, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<Gate> {
    let verifier = Verifier::with(1, 1).unwrap();
    Arc::new(Gate::with_verifier(parts(config), store, clock, verifier))
}

/// What is served by a gate that nothing was started for, and that trusts nobody.
pub(super) fn live(gate: Arc<Gate>) -> Arc<Live> {
    Live::new(served(gate, true))
}

/// The same, not yet served; `by_site`: whether times are counted for each site.
pub(super) fn served(gate: Arc<Gate>, by_site: bool) -> Served {
    let edges = gate.sites.iter().map(|site| Edge::new(site).unwrap()).collect();
    let shutdown = Shutdown { delay: Duration::ZERO, drain: Duration::ZERO };
    let trusted = TrustedProxies::new(Vec::new());
    let metrics = crate::config::Metrics { sites: by_site, exemplars: true };
    let terms = Terms { trusted, gateways: Gateways::default(), log_requests: false, shutdown, metrics };
    Served::new(gate, edges, terms, None)
}

pub(super) fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Less than a second for whatever must run out, far more than enough for whatever must not.
pub(super) fn patience() -> Patience {
    Patience {
        header: Duration::from_secs(15),
        idle: Duration::from_secs(60),
        body: Duration::from_secs(15),
        write: Duration::from_secs(15),
        farewell: Duration::from_millis(300),
    }
}

pub(super) fn upstream(address: SocketAddr) -> Upstream {
    Upstream {
        tls: false,
        host: address.ip().to_string(),
        port: address.port(),
        http2: false,
        ca_file: None,
        connect_timeout: Duration::from_secs(5),
        read_timeout: Some(Duration::from_secs(20)),
        preserve_host: true,
    }
}

pub(super) fn rules() -> Rules {
    let rule = |path: &str, access| Rule {
        paths: vec![PathPattern::parse(path).unwrap()],
        methods: Vec::new(),
        networks: Vec::new(),
        access,
    };
    let rules = vec![
        rule("/public/*", Access::Public),
        rule("/optional/*", Access::Optional),
        rule("/admin/*", Access::When(Term::Role("admin".into()))),
    ];
    Rules::new(rules, Access::Authenticated)
}

/// Other rules for a site.
pub(super) fn change_rules(site: &mut Site, change: impl FnOnce(&mut Vec<Rule>)) {
    let mut rules = site.rules.rules().to_vec();
    change(&mut rules);
    site.rules = Rules::new(rules, site.rules.default_access().clone());
}

pub(super) fn site(id: u16, host: &str, face: Face) -> Site {
    let public_url = PublicUrl::parse(&format!("https://{host}")).unwrap();
    let base = format!("{}/vestibule", public_url.origin());
    Site {
        id,
        key: SiteKey::of(host),
        name: host.split('.').next().unwrap().into(),
        audience: host.split('.').next().unwrap().into(),
        organization: None,
        canonical_url: public_url.clone(),
        face,
        path_prefix: "/vestibule".into(),
        service_provider: ServiceProvider {
            entity_id: EntityId(format!("{base}/saml/metadata")),
            acs_url: format!("{base}/saml/acs"),
            further_acs_urls: Vec::new(),
            slo_url: format!("{base}/saml/slo"),
            signing_keys: Vec::new(),
        },
        sign_on: None,
        acs_aliases: Vec::new(),
        jwt_keys: None,
        email_domains: None,
        identity_providers: Vec::new(),
        policy: Policy { clock_skew: Duration::from_secs(60) },
        mapping: Mapping::default(),
        admission: Admission::default(),
        rules: rules(),
        headers: HeaderPlan::default_set(),
        session_limits: Limits {
            idle_timeout: Duration::from_secs(3600),
            max_age: Duration::from_secs(12 * 3600),
        },
        sessions_per_user: None,
        cookies: CookiePolicy::new(true, SESSION_COOKIE),
        allow_encoded_slash: false,
        branding: Branding::default(),
        cors: Cors::default(),
        keep_fragment: true,
        close_connections_after: Duration::ZERO,
        public_url,
    }
}

pub(super) fn config(sites: Vec<Site>) -> Config {
    Config {
        sites,
        listeners: Listeners {
            public: any_port(),
            public_tls: None,
            authz: None,
            grpc: None,
            admin: Some(any_port()),
        },
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        gateways: crate::config::Gateways::default(),
        keys: KeyRing::random(),
        keys_are_ephemeral: true,
        jwt_keys: JwtKeys::generate(),
        jwt_keys_are_ephemeral: true,
        store_max_bytes: 16 << 20,
        shared_store: None,
        connections: 100,
        message_limits: MessageLimits::default(),
        second_opinion: None,
        console: None,
        bounds: crate::limits::Limits::default(),
        shutdown: Shutdown { delay: Duration::ZERO, drain: Duration::from_secs(20) },
        reload: Reload { watch: false, interval: Duration::from_secs(2) },
        watches: Vec::new(),
        log: LogSettings::default(),
        audit: crate::observe::AuditSettings::default(),
        metrics: crate::config::Metrics { sites: true, exemplars: true },
        tracing: None,
        state: None,
        fingerprints: crate::config::Fingerprints::default(),
        branding: Branding::default(),
        warnings: Vec::new(),
    }
}

/// In the groups dev and ops, without a role.
pub(super) fn ada() -> Identity {
    Identity {
        idp: "corp".into(),
        user: "ada".into(),
        email: Some("ada@example.com".into()),
        name: Some("Ada Lovelace".into()),
        preferred_username: Some("ada".into()),
        groups: Groups::Known(["dev".into(), "ops, all".into()].into()),
        roles: Vec::new(),
        name_id: NameId { value: "ada".into(), format: None, name_qualifier: None, sp_name_qualifier: None },
        session_index: None,
        authn_instant: NOW,
        authn_context_class: None,
        carried: Vec::new(),
        as_sent: crate::identity::AsSent::default(),
        forced: false,
        session_not_on_or_after: None,
    }
}

/// The same with the role admin.
pub(super) fn root() -> Identity {
    Identity { user: "root".into(), roles: vec!["admin".into()], ..ada() }
}
