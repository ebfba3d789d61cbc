//! A site: one application behind the gate, with its own address, service provider, rules and headers.

mod idp;

pub use idp::{Idp, Known, Live, Logout, RequireSignedLogout, Status};

use crate::access::{Cors, PathPattern, RequestPath, Rules};
use crate::admission::Admission;
use crate::cookies::CookiePolicy;
use crate::headers::HeaderPlan;
use crate::headers::jwt::JwtKeys;
use crate::identity::{Domain, Mapping};
use crate::pages::Branding;
use crate::saml::parties::{Policy, ServiceProvider};
use crate::session::{Limits, PerUser, SiteKey};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Where the public keys of the identity JWT are, whatever the prefix.
pub const WELL_KNOWN_KEYS: &str = "/.well-known/vestibule/jwks.json";

/// What is missing from `app.example.com`.
const BEGINNING: &str = "must begin with https:// (or http:// for a loopback address)";

/// The address that browsers use: scheme, host and port, nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    authority: String,
    secure: bool,
}

impl PublicUrl {
    /// `https://host[:port]`; `http://` for loopback only; no path, query, fragment or user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|e| match e {
            url::ParseError::RelativeUrlWithoutBase => BEGINNING.to_string(),
            e => format!("not a URL: {e}"),
        })?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            // `app.example.com:8443` has the scheme `app.example.com` to a parser of URLs.
            _ => return Err(BEGINNING.into()),
        };
        let host = url.host().ok_or("the URL has no host")?;
        if url.host_str().is_some_and(|host| host.contains('*')) {
            return Err(
                "a wildcard is for a site of `sites` that lists its tenants, as https://*.app.example.com"
                    .into(),
            );
        }
        let loopback = match &host {
            url::Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
            url::Host::Ipv4(ip) => ip.is_loopback(),
            url::Host::Ipv6(ip) => ip.is_loopback(),
        };
        if !secure && !loopback {
            return Err(
                "http:// is for loopback addresses only: browsers would send the session in the clear".into(),
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a user name does not belong here".into());
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("only scheme, host and port: a path is refused".into());
        }
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        Ok(Self { origin: format!("{}://{authority}", url.scheme()), authority, secure })
    }
    /// `https://app.example.com`, without a final slash.
    pub fn origin(&self) -> &str {
        &self.origin
    }
    /// `app.example.com` or `app.example.com:8443`, lower case, default port left out.
    pub fn authority(&self) -> &str {
        &self.authority
    }
    /// Whether it is https.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }
}

/// Where the application is.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Whether to speak TLS to it.
    pub tls: bool,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Try h2 with the application (h2c when plain).
    pub http2: bool,
    /// PEM of the CA to trust for TLS; None: the system's.
    pub ca_file: Option<std::path::PathBuf>,
    /// How long a connection, with its TLS handshake, may take to stand.
    pub connect_timeout: Duration,
    /// Longest silence while reading an answer; None for none (upgraded connections never have one).
    pub read_timeout: Option<Duration>,
    /// Whether the application sees the browser's Host (true, default) or its own.
    pub preserve_host: bool,
}

/// A part of the application, and where it is.
#[derive(Debug, Clone)]
pub struct Route {
    /// What it serves; empty: everything. Judged on the path's name, as rules are.
    pub paths: Vec<PathPattern>,
    /// Where it is.
    pub upstream: Upstream,
}

impl Route {
    /// Whether it serves this path.
    pub fn serves(&self, path: &RequestPath) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|pattern| pattern.matches(path))
    }
}

/// Which of the two faces a site has.
#[derive(Debug, Clone)]
pub enum Face {
    /// The gate forwards to the application itself: to the first part that serves the path.
    Proxy(Vec<Route>),
    /// A gateway asks and forwards.
    ForwardAuth,
    /// Nobody: it signs people in for the sites that use it ([`Site::sign_on`]), and there is no application.
    SignOn,
}

impl From<Upstream> for Face {
    fn from(upstream: Upstream) -> Self {
        Self::Proxy(vec![Route { paths: Vec::new(), upstream }])
    }
}

/// One site.
#[derive(Debug, Clone)]
pub struct Site {
    /// Index in `Config::sites`.
    pub id: u16,
    /// What its sessions and claims know it by.
    pub key: SiteKey,
    /// Its name in logs and metrics, and what sealed values know it by; `site/tenant` of a tenant.
    pub name: String,
    /// The JWT's audience: the name; of a tenant, that of the site that it belongs to.
    pub audience: String,
    /// The tenant's name (the JWT's `org`); none for a site that is no tenant.
    pub organization: Option<String>,
    /// The address that browsers use. A site with several addresses is several of these, which share name and key.
    pub public_url: PublicUrl,
    /// The first of its addresses: the JWT's issuer, whichever is used.
    pub canonical_url: PublicUrl,
    /// Who forwards.
    pub face: Face,
    /// `/vestibule`, no final slash.
    pub path_prefix: String,
    /// Our side towards the identity providers.
    pub service_provider: ServiceProvider,
    /// The sign-on host that signs people in for it, by its key; none: it is a service provider itself. With one,
    /// `service_provider` is that host's, and no message of an identity provider is taken here.
    pub sign_on: Option<SiteKey>,
    /// Further paths at which answers are taken: those of what stood here before.
    pub acs_aliases: Vec<String>,
    /// Who may sign people in here; at least one.
    pub identity_providers: Vec<Arc<Idp>>,
    /// Whose people may sign in here, whoever vouches for them; none: everybody's.
    pub email_domains: Option<Vec<Domain>>,
    /// What the profile's rules are told.
    pub policy: Policy,
    /// How attributes become an identity.
    pub mapping: Mapping,
    /// Who is let in at all.
    pub admission: Admission,
    /// Who may see what.
    pub rules: Rules,
    /// What the application is told.
    pub headers: HeaderPlan,
    /// What signs the JWT here; none: the gate's own keys.
    pub jwt_keys: Option<Arc<JwtKeys>>,
    /// How long sessions live.
    pub session_limits: Limits,
    /// How many sessions one person may have here at the same time; none: as many as they like.
    pub sessions_per_user: Option<PerUser>,
    /// How long a WebSocket, or another request that lasts, goes on after its session has ended.
    pub close_connections_after: Duration,
    /// How cookies are made.
    pub cookies: CookiePolicy,
    /// Whether `%2F` may stand in a path.
    pub allow_encoded_slash: bool,
    /// The look of its pages.
    pub branding: Branding,
    /// Which other origins' scripts may read that somebody is not signed in.
    pub cors: Cors,
    /// Whether the `#fragment` of an address is kept over a sign-in.
    pub keep_fragment: bool,
}

impl Site {
    /// The identity providers that people may choose from, in the configuration's order.
    pub fn choices(&self) -> impl Iterator<Item = &Arc<Idp>> {
        self.identity_providers.iter().filter(|idp| idp.is_offered())
    }

    /// Our own paths outside the prefix.
    pub fn further_own_paths(&self) -> Vec<String> {
        [WELL_KNOWN_KEYS.to_owned()].into_iter().chain(self.acs_aliases.iter().cloned()).collect()
    }

    /// Whether this is the site at the first of its addresses.
    pub fn is_canonical(&self) -> bool {
        self.public_url == self.canonical_url
    }
}

/// Each identity provider that any of these sites admits, once, with the name of the site where only one does: what is
/// told of an identity provider that several share is told of none of them.
pub fn each_idp(sites: &[Arc<Site>]) -> Vec<(&str, &Arc<Idp>)> {
    let mut found: Vec<(&str, &Arc<Idp>)> = Vec::new();
    let mut places: HashMap<*const Idp, usize> = HashMap::new();
    // What a site admits that signs on elsewhere, its host admits.
    for site in sites.iter().filter(|site| site.sign_on.is_none()) {
        for idp in &site.identity_providers {
            match places.get(&Arc::as_ptr(idp)).and_then(|place| found.get_mut(*place)) {
                Some((name, _)) if *name != site.name => *name = "",
                Some(_) => {}
                None => {
                    places.insert(Arc::as_ptr(idp), found.len());
                    found.push((&site.name, idp));
                }
            }
        }
    }
    found
}
