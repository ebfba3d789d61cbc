//! A gate, a clock and a browser: enough of a world to tell flows in.
//!
//! The gate is the real one without a network: own endpoints are answered by `login::endpoints`, anything else stands
//! for the application behind the proxy, which needs a session. The browser keeps cookies as browsers do: SameSite
//! decides which of them a request carries.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part")]

use crate::idp::{Answer, Asked, FakeIdp};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt as _;
use vestibule::access::{Access, RequestPath, Rules};
use vestibule::clock::{Clock, ManualClock, Moment};
use vestibule::cookies::CookiePolicy;
use vestibule::gate::{Gate, Parts};
use vestibule::headers::HeaderPlan;
use vestibule::headers::jwt::JwtKeys;
use vestibule::identity::Mapping;
use vestibule::login::verifier::Verifier;
use vestibule::login::{ask, endpoints};
use vestibule::pages::Branding;
use vestibule::saml::parties::{EntityId, Limits, Policy, ServiceProvider};
use vestibule::seal::KeyRing;
use vestibule::session::{self, MemoryStore, Store};
use vestibule::site::{Face, Idp, PublicUrl, Site};

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
}

impl Plan {
    pub fn new(sites: Vec<Site>) -> Self {
        Self {
            sites,
            keys: KeyRing::random(),
            verifier: None,
            store: None,
            clock: Arc::new(ManualClock::at(START)),
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
        name: name.into(),
        face: Face::ForwardAuth,
        path_prefix: "/vestibule".into(),
        service_provider: ServiceProvider {
            entity_id: EntityId(format!("{base}/saml/metadata")),
            acs_url: format!("{base}/saml/acs"),
            signing_keys: Vec::new(),
        },
        identity_providers: idps
            .iter()
            .map(|(id, idp)| {
                Arc::new(Idp {
                    id: (*id).into(),
                    label: format!("{id} login"),
                    saml: idp.identity_provider(START),
                    email_domains: None,
                })
            })
            .collect(),
        policy: Policy { clock_skew: Duration::from_secs(60) },
        mapping: Mapping::default(),
        rules: Rules { rules: Vec::new(), default: Access::Authenticated },
        headers: HeaderPlan::default_set(),
        session_limits: session::Limits {
            idle_timeout: Duration::from_secs(3600),
            max_age: Duration::from_secs(12 * 3600),
        },
        cookies: CookiePolicy::new(public_url.is_secure(), "__Host-vestibule"),
        allow_encoded_slash: false,
        public_url,
    }
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
        match self.gate.resume(site, request.headers(), self.now()).await {
            Ok(Some(_)) => Response::new(Bytes::from(format!("the application at {}", request.uri()))),
            Ok(None) => {
                let target = request.uri().path_and_query().unwrap().as_str().to_owned();
                ask::for_proxy(site, request.method(), request.headers(), &target)
            }
            Err(refusal) => {
                let path = path.as_str();
                ask::refused(&self.gate, site, &refusal, request.method(), path, CLIENT, None, true)
            }
        }
    }
}

/// A browser on one host.
pub struct Browser<'w> {
    world: &'w World,
    pub site: Arc<Site>,
    /// Name to (value, SameSite).
    pub jar: HashMap<String, (String, String)>,
    /// The order in which cookies were set.
    order: Vec<String>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// A page of the same site, or the address bar.
    SameSite,
    /// A page of another site.
    CrossSite,
}

impl<'w> Browser<'w> {
    pub fn of(world: &'w World) -> Self {
        Self::on(world, 0)
    }

    pub fn on(world: &'w World, site: usize) -> Self {
        Self { world, site: Arc::clone(&world.gate.sites[site]), jar: HashMap::new(), order: Vec::new() }
    }

    /// A navigation by GET.
    pub async fn get(&mut self, target: &str, from: From) -> Answered {
        self.send(Method::GET, target, from, None).await
    }

    /// A posted form.
    pub async fn post(&mut self, target: &str, from: From, fields: &[(&str, &str)]) -> Answered {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, target, from, Some(body)).await
    }

    /// Opens the application, is sent to the sign-in, and from there to the identity provider.
    pub async fn leave_for_the_idp(&mut self, target: &str) -> Asked {
        let sent_away = self.get(target, From::SameSite).await;
        assert_eq!(sent_away.status, StatusCode::FOUND, "{}", sent_away.body);
        let sign_in = sent_away.location();
        self.begin(&sign_in).await
    }

    /// Follows a sign-in address to the identity provider.
    pub async fn begin(&mut self, sign_in: &str) -> Asked {
        let to_idp = self.get(sign_in, From::SameSite).await;
        assert_eq!(to_idp.status, StatusCode::FOUND, "{}", to_idp.body);
        Asked::from_redirect(&to_idp.location())
    }

    /// The identity provider's page posts its answer.
    pub async fn bring(&mut self, asked: &Asked, answer: &Answer<'_>) -> Answered {
        self.bring_value(asked, &answer.form_value()).await
    }

    pub async fn bring_value(&mut self, asked: &Asked, value: &str) -> Answered {
        let mut fields = vec![("SAMLResponse", value)];
        fields.extend(asked.relay_state.as_deref().map(|state| ("RelayState", state)));
        self.post(&asked.acs_url, From::CrossSite, &fields).await
    }

    /// The page that posts itself once more does so.
    pub async fn post_again(&mut self, page: &Answered) -> Answered {
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let fields = page.fields();
        assert!(fields.iter().any(|(name, _)| name == "repost"), "no re-post: {}", page.body);
        let pairs: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&page.action(), From::SameSite, &pairs).await
    }

    /// The whole way, to the page that was asked for.
    pub async fn sign_in(&mut self, idp: &FakeIdp, target: &str, user: &str) -> Answered {
        let asked = self.leave_for_the_idp(target).await;
        let mut answered = self.bring(&asked, &idp.answer(&asked, user, self.world.now())).await;
        if answered.status == StatusCode::OK {
            answered = self.post_again(&answered).await;
        }
        answered
    }

    /// Leaves for a page with an identity provider's session but none of ours.
    pub async fn leave_after_losing_the_session(&mut self) -> Asked {
        let name = self.site.cookies.session_name.clone();
        self.jar.remove(&name);
        self.leave_for_the_idp("/after").await
    }

    /// A cookie that was put into the jar by hand is sent too.
    pub fn remember(&mut self, name: &str) {
        if !self.order.iter().any(|known| known == name) {
            self.order.push(name.to_owned());
        }
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(|(value, _)| value.as_str())
    }

    pub fn attempts(&self) -> Vec<&str> {
        self.order.iter().map(String::as_str).filter(|name| name.contains("-attempt-")).collect()
    }

    pub fn has_session(&self) -> bool {
        self.jar.contains_key(&self.site.cookies.session_name)
    }

    /// A request with everything that a browser says about it.
    pub async fn send(&mut self, method: Method, target: &str, from: From, form: Option<String>) -> Answered {
        let origin = self.site.public_url.origin().to_owned();
        let local = target.strip_prefix(&origin).unwrap_or(target);
        assert!(local.starts_with('/'), "{target} is not on {origin}");
        let local = local.split('#').next().unwrap();
        let mut request = Request::builder().method(method.clone()).uri(local);
        let headers = request.headers_mut().unwrap();
        let site_word = if from == From::SameSite { "same-origin" } else { "cross-site" };
        for (name, value) in
            [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-site", site_word)]
        {
            headers.insert(name, value.parse().unwrap());
        }
        headers.insert("accept", "text/html,application/xhtml+xml,*/*;q=0.8".parse().unwrap());
        if method == Method::POST {
            let origin = if from == From::SameSite { origin.as_str() } else { "https://idp.test" };
            headers.insert("origin", origin.parse().unwrap());
            headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        }
        let cookies = self.cookies_for(&method, from);
        if !cookies.is_empty() {
            headers.insert(COOKIE, cookies.parse().unwrap());
        }
        let request = request.body(Bytes::from(form.unwrap_or_default())).unwrap();
        let response = self.world.handle(&Arc::clone(&self.site), request).await;
        self.keep(&response);
        Answered::of(response)
    }

    /// SameSite: cross-site, a navigation by GET carries Lax and None, by POST None only.
    fn cookies_for(&self, method: &Method, from: From) -> String {
        let carries = |same_site: &str| match (from, method == Method::GET) {
            (From::SameSite, _) => true,
            (From::CrossSite, true) => same_site != "Strict",
            (From::CrossSite, false) => same_site == "None",
        };
        let pairs: Vec<String> = self
            .order
            .iter()
            .filter_map(|name| self.jar.get(name).map(|(value, same_site)| (name, value, same_site)))
            .filter(|(_, _, same_site)| carries(same_site))
            .map(|(name, value, _)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, response: &Response<Bytes>) {
        for line in response.headers().get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes: Vec<&str> = parts.collect();
            let secure = attributes.contains(&"Secure");
            let same_site = attributes
                .iter()
                .find_map(|a| a.strip_prefix("SameSite="))
                .expect("every cookie says SameSite");
            assert!(attributes.contains(&"HttpOnly") && attributes.contains(&"Path=/"), "{line}");
            assert!(!attributes.iter().any(|a| a.starts_with("Domain")), "{line}");
            assert_eq!(secure, self.site.public_url.is_secure(), "{line}");
            assert_eq!(name.starts_with("__Host-"), secure, "{line}");
            assert!(same_site != "None" || secure, "{line}");
            self.order.retain(|known| known != name);
            if attributes.contains(&"Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.into(), (value.into(), same_site.into()));
                self.order.push(name.into());
            }
        }
    }
}

/// An answer, read.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answered {
    pub fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub fn location(&self) -> String {
        self.headers
            .get(LOCATION)
            .unwrap_or_else(|| panic!("no Location: {self:?}"))
            .to_str()
            .unwrap()
            .to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The `action` of the page's form.
    pub fn action(&self) -> String {
        unescaped(between(&self.body, "action=\"", "\"").expect("no form"))
    }

    /// The hidden fields of the page's form.
    pub fn fields(&self) -> Vec<(String, String)> {
        self.body
            .split("<input ")
            .skip(1)
            .filter_map(|input| Some((between(input, "name=\"", "\"")?, between(input, "value=\"", "\"")?)))
            .map(|(name, value)| (unescaped(name), unescaped(value)))
            .collect()
    }

    /// The links of the page.
    pub fn links(&self) -> Vec<String> {
        self.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(unescaped).collect()
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

fn unescaped(html: &str) -> String {
    let mut plain = html.to_owned();
    for (entity, character) in [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
    ] {
        plain = plain.replace(entity, character);
    }
    plain.replace("&#38;", "&").replace("&amp;", "&")
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
            self.0.lock().unwrap().push(value);
        }
    }
}
