//! A gate and a clock: enough of a world for a browser (`browser.rs`) and an identity provider (`idp.rs`).
//!
//! The gate is the real one without a network: own endpoints are answered by `login::endpoints`, anything else stands
//! for the application behind the proxy, which needs a session.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part")]

#[path = "json_schema.rs"]
mod json_schema;

use crate::browser::Answered;
use crate::idp::FakeIdp;
use bytes::Bytes;
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt as _;
use vestibule::access::{Access, Cors, Question, RequestPath, Rules, Verdict};
use vestibule::admission::Admission;
use vestibule::clock::{Clock, ManualClock, Moment};
use vestibule::cookies::CookiePolicy;
use vestibule::gate::{Gate, Parts};
use vestibule::headers::HeaderPlan;
use vestibule::headers::jwt::JwtKeys;
use vestibule::identity::Mapping;
use vestibule::limits::RateLimits;
use vestibule::login::refused::Refused;
use vestibule::login::verifier::Verifier;
use vestibule::login::{ask, endpoints};
use vestibule::observe::metrics::FaceLabel;
use vestibule::pages::Branding;
use vestibule::reason::Refusal;
use vestibule::saml::demand::Demand;
use vestibule::saml::parties::{EntityId, Limits, Policy, ServiceProvider};
use vestibule::saml::second_opinion::{SecondOpinion, Weight};
use vestibule::seal::KeyRing;
use vestibule::session::{self, MemoryStore, SiteKey, Store};
use vestibule::site::{Face, Idp, Logout, PublicUrl, Site};

/// When every story begins.
pub const START: Moment = Moment::from_seconds(1_800_000_000);

pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// A gate with its clock and what it wrote into the audit log.
pub struct World {
    pub gate: Arc<Gate>,
    pub clock: Arc<ManualClock>,
    pub audit: Audit,
    /// What a gateway in front does wrong.
    pub gateway: Mutex<Gateway>,
    _log: tracing::subscriber::DefaultGuard,
}

/// A gateway that is not configured well.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gateway {
    /// Drops the Set-Cookie lines of the assertion consumer service.
    pub drops_set_cookie_at_acs: bool,
    /// Does not pass the browser's cookies when it asks whether the application may be used.
    pub drops_cookie_of_the_application: bool,
}

/// How the world is made.
pub struct Plan {
    pub sites: Vec<Site>,
    pub keys: KeyRing,
    pub verifier: Option<Verifier>,
    pub store: Option<Arc<dyn Store>>,
    pub clock: Arc<ManualClock>,
    pub second_opinion: Weight,
    pub rates: RateLimits,
}

impl Plan {
    pub fn new(sites: Vec<Site>) -> Self {
        Self {
            sites,
            keys: KeyRing::random(),
            verifier: None,
            store: None,
            clock: Arc::new(ManualClock::at(START)),
            second_opinion: Weight::default(),
            rates: RateLimits::default(),
        }
    }

    pub fn build(self) -> World {
        let audit = Audit::default();
        let log = tracing::subscriber::set_default(tracing_subscriber::registry().with(audit.clone()));
        let parts = Parts {
            sites: self.sites,
            keys: self.keys,
            jwt_keys: JwtKeys::generate(),
            branding: Branding::default(),
            message_limits: Limits::default(),
            second_opinion: SecondOpinion::seek(self.second_opinion).unwrap(),
            bounds: vestibule::limits::Limits { rates: self.rates, ..Default::default() },
        };
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new(16 << 20, self.clock.now())));
        let verifier = self.verifier.unwrap_or_else(|| Verifier::with(1, 8).unwrap());
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        World {
            gate: Arc::new(Gate::with_verifier(parts, store, clock, verifier)),
            clock: self.clock,
            audit,
            gateway: Mutex::default(),
            _log: log,
        }
    }
}

/// A site with these identity providers, by (id, provider).
pub fn site(id: u16, name: &str, public_url: &str, idps: &[(&str, &FakeIdp)]) -> Site {
    let public_url = PublicUrl::parse(public_url).unwrap();
    let base = format!("{}/vestibule", public_url.origin());
    Site {
        id,
        key: SiteKey::of(name),
        name: name.into(),
        audience: name.into(),
        organization: None,
        canonical_url: public_url.clone(),
        face: Face::ForwardAuth,
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
        identity_providers: idps
            .iter()
            .map(|(id, idp)| {
                Arc::new(Idp {
                    id: (*id).into(),
                    label: format!("{id} login"),
                    logo: None,
                    status: vestibule::site::Status::Live,
                    metadata: idp.identity_provider(START).into(),
                    email_domains: None,
                    demand: Demand::default(),
                    allow_unsolicited: false,
                    logout: Logout::default(),
                })
            })
            .collect(),
        policy: Policy { clock_skew: Duration::from_secs(60) },
        mapping: Mapping::default(),
        admission: Admission::default(),
        rules: Rules::new(Vec::new(), Access::Authenticated),
        headers: HeaderPlan::default_set(),
        session_limits: session::Limits {
            idle_timeout: Duration::from_secs(3600),
            max_age: Duration::from_secs(12 * 3600),
        },
        sessions_per_user: None,
        cookies: CookiePolicy::new(public_url.is_secure(), "__Host-vestibule"),
        allow_encoded_slash: false,
        branding: Branding::default(),
        cors: Cors::default(),
        keep_fragment: true,
        close_connections_after: Duration::ZERO,
        public_url,
    }
}

/// The world of [`world`], where something is demanded of the identity provider or allowed to it.
pub fn world_with(change: impl FnOnce(&mut Idp)) -> (World, FakeIdp) {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
    change(Arc::get_mut(&mut site.identity_providers[0]).unwrap());
    (Plan::new(vec![site]).build(), idp)
}

/// One https site with one identity provider.
pub fn world() -> (World, FakeIdp) {
    let idp = FakeIdp::new("https://idp.test/metadata");
    let site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
    (Plan::new(vec![site]).build(), idp)
}

impl World {
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn site(&self) -> &Site {
        &self.gate.sites[0]
    }

    /// What the proxy would do with a request.
    pub async fn handle(&self, site: &Site, mut request: Request<Bytes>) -> Response<Bytes> {
        let gateway = *self.gateway.lock().unwrap();
        let path = RequestPath::parse(request.uri().path(), false).expect("a readable path");
        if endpoints::is_own(site, &path) {
            let mut response = endpoints::answer(&self.gate, site, request, &path, CLIENT).await;
            if gateway.drops_set_cookie_at_acs && path.as_str().contains("/saml/acs") {
                response.headers_mut().remove(SET_COOKIE);
            }
            return response;
        }
        if gateway.drops_cookie_of_the_application {
            request.headers_mut().remove(COOKIE);
        }
        let refused = |refusal: &Refusal| {
            let refused = Refused {
                site: Some(site),
                refusal,
                face: FaceLabel::Proxy,
                method: request.method(),
                path: path.as_str(),
                client: CLIENT,
                session: None,
                html: true,
            };
            refused.answer(&self.gate)
        };
        let session = match self.gate.resume(site, request.headers(), self.now()).await {
            Ok(session) => session,
            Err(refusal) => return refused(&refusal),
        };
        let question = Question { method: request.method(), path: &path, client: CLIENT, now: self.now() };
        let (method, headers) = (request.method(), request.headers());
        let target = request.uri().path_and_query().unwrap().as_str().to_owned();
        match site.rules.judge(&question, session.as_deref()) {
            Verdict::Allow(_) => Response::new(Bytes::from(format!("the application at {}", request.uri()))),
            Verdict::NeedsSession => ask::for_proxy(site, method, headers, &target),
            Verdict::NeedsStepUp { rule, because } => {
                ask::for_step_up(site, method, headers, &target, rule, because)
            }
            Verdict::Forbidden(refusal) => refused(&refusal),
        }
    }
}

/// The audit events of this thread.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Vec<serde_json::Value>>>);

impl Audit {
    pub fn events(&self) -> Vec<serde_json::Value> {
        self.0.lock().unwrap().clone()
    }

    /// The last event, which must be of this kind.
    pub fn last(&self, kind: &str) -> serde_json::Value {
        let last = self.events().pop().expect("no audit event");
        assert_eq!(last["event"], kind, "{last}");
        last
    }

    /// The page and the last audit event speak of the same refusal, with this code.
    pub fn refused(&self, page: &Answered, code: &str) {
        let last = self.events().pop().expect("no audit event");
        assert_eq!(last["code"], code, "{last}");
        assert_eq!(u64::from(page.status.as_u16()), last["status"].as_u64().unwrap(), "{last}");
        let reference = last["reference"].as_str().unwrap();
        assert!(page.body.contains(reference), "the page does not show {reference}: {}", page.body);
        assert!(!code.contains('-') || !page.body.contains(code), "the page shows the code: {}", page.body);
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Audit {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Record(Option<String>);
        impl tracing::field::Visit for Record {
            fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
                if field.name() == "record" {
                    self.0 = Some(value.to_owned());
                }
            }
            fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
        }
        if event.metadata().target() == "audit" {
            let mut record = Record(None);
            event.record(&mut record);
            let value = serde_json::from_str(&record.0.expect("an audit event has a record")).unwrap();
            hold_to_schema(&value, event.metadata().level().as_str());
            self.0.lock().unwrap().push(value);
        }
    }
}

/// Whatever happens in any test, its event is as docs/audit.schema.json says.
fn hold_to_schema(record: &serde_json::Value, level: &str) {
    static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
    let text = include_str!("../../docs/audit.schema.json");
    let schema = SCHEMA.get_or_init(|| serde_json::from_str(text).unwrap());
    // What the log puts before it.
    let mut line = serde_json::json!({
        "timestamp": "2027-01-15T08:00:00.000Z",
        "level": level,
        "target": "audit",
        "message": record["event"],
    });
    line.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
    if let Err(why) = json_schema::valid(schema, &line) {
        panic!("docs/audit.schema.json: {why}: {line}");
    }
}
