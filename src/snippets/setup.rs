//! What a text is made for: the fronts, and where everything is.

use super::address::Listen;
use super::front::{host_of, port_of};
use super::spelling::{
    FAMILIES, NEVER_FROM_CLIENTS, SINGLES, TRACES, canonical, folding, well_known_beside, with_underscores,
};
use super::{Address, Front, Gateway, Header};

/// Everything that a text depends on.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The applications that a gateway forwards to, and sign-on hosts; at least one application.
    pub fronts: Vec<Front>,
    /// Where the gateway reaches the gate's pages.
    pub gate: Address,
    /// Where it asks by HTTP.
    pub authz: Address,
    /// Where it asks by gRPC.
    pub grpc: Option<Address>,
    /// The header in which a gateway proves who it is, where the gate wants one.
    pub secret_header: Option<String>,
    /// The largest form that the gate takes, in bytes.
    pub form_bytes: usize,
    /// Where the gateway listens, instead of at the addresses that browsers use.
    pub listen: Option<Address>,
    /// Whether TLS ends before the gateway.
    pub plain: bool,
    /// The folder of HOST.crt and HOST.key.
    pub certificates: String,
    /// Where HAProxy finds its script.
    pub lua: String,
}

impl Setup {
    /// Whether this gateway can express it.
    pub(super) fn fits(&self, gateway: Gateway) -> Result<(), String> {
        let odd = self.all_headers().into_iter().find(|header| {
            !header.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        if gateway == Gateway::EnvoyGrpc && self.grpc.is_none() {
            return Err("listen.grpc is off: set it, or say --grpc-address".to_owned());
        }
        match odd {
            Some(header) => Err(format!(
                "the header {} has a name that {} cannot hold in a variable: use letters, digits and `-` in headers",
                header.name,
                gateway.name()
            )),
            None => Ok(()),
        }
    }

    /// The sites' names in a sentence.
    pub(super) fn names(&self) -> String {
        let origins: Vec<&str> =
            self.fronts.iter().filter_map(|front| front.addresses.first()).map(|url| url.origin()).collect();
        origins.join(", ")
    }

    /// The fronts that are applications.
    pub(super) fn applications(&self) -> impl Iterator<Item = &Front> {
        self.fronts.iter().filter(|front| front.application.is_some())
    }

    /// The path at which to ask. Where there are several sites it names the one that is meant, so that a host which
    /// the gateway reads in another way than the gate does is refused.
    pub(super) fn question(&self, front: &Front, dialect: &str) -> String {
        if self.names_sites() {
            format!("{}/authz/sites/{}/{dialect}", front.prefix, front.name)
        } else {
            format!("{}/authz/{dialect}", front.prefix)
        }
    }

    /// Whether a question names the site that it is about.
    pub(super) fn names_sites(&self) -> bool {
        self.applications().count() > 1
    }

    /// The identity headers of all fronts, each once.
    pub(super) fn all_headers(&self) -> Vec<Header> {
        let mut all: Vec<Header> = Vec::new();
        for header in self.fronts.iter().flat_map(|front| &front.headers) {
            if !all.contains(header) {
                all.push(header.clone());
            }
        }
        all
    }

    /// Whether the gateway ends TLS for it.
    pub(super) fn tls(&self, front: &Front) -> bool {
        !self.plain && front.scheme() == "https"
    }

    pub(super) fn any_tls(&self) -> bool {
        self.fronts.iter().any(|front| self.tls(front))
    }

    /// Without the ending.
    fn certificate_stem(&self, front: &Front) -> String {
        let host = front.hosts().into_iter().next().unwrap_or_default();
        format!("{}/{}", self.certificates.trim_end_matches('/'), host.trim_matches(['[', ']']))
    }

    pub(super) fn certificate(&self, front: &Front) -> String {
        format!("{}.crt", self.certificate_stem(front))
    }

    pub(super) fn key(&self, front: &Front) -> String {
        format!("{}.key", self.certificate_stem(front))
    }

    /// Where the gateway listens for this front, each once.
    pub(super) fn listens(&self, front: &Front) -> Vec<Listen> {
        let mut listens: Vec<Listen> = Vec::new();
        for address in &front.addresses {
            let listen = match &self.listen {
                Some(at) => Listen {
                    host: Some(at.host().to_owned()).filter(|host| host != "0.0.0.0"),
                    port: at.port(),
                    tls: self.tls(front),
                },
                // Plain http is for loopback, and has no business on other addresses.
                None if !address.is_secure() => {
                    let host = host_of(address.authority());
                    let host = if host.ends_with("localhost") { "127.0.0.1" } else { host };
                    Listen { host: Some(host.to_owned()), port: port_of(address), tls: false }
                }
                None => {
                    let port = if self.plain { 80 } else { port_of(address) };
                    Listen { host: None, port, tls: !self.plain }
                }
            };
            if !listens.contains(&listen) {
                listens.push(listen);
            }
        }
        listens
    }

    /// Where the gateway listens at all, each once.
    pub(super) fn all_listens(&self) -> Vec<Listen> {
        let mut all: Vec<Listen> = Vec::new();
        for listen in self.fronts.iter().flat_map(|front| self.listens(front)) {
            if !all.contains(&listen) {
                all.push(listen);
            }
        }
        all
    }

    /// What no client may say and the text does not set anyway. `set` is in small letters.
    pub(super) fn never_from_clients(&self, front: &Front, set: &[&str]) -> Vec<String> {
        let sent: Vec<String> = front.headers.iter().map(Header::lower).collect();
        let secret = self.secret_header.iter().cloned();
        let known = well_known_beside(&sent).into_iter().chain(secret).map(|name| canonical(&name));
        let mut names: Vec<String> = Vec::new();
        for name in NEVER_FROM_CLIENTS.into_iter().map(str::to_owned).chain(known) {
            let lower = name.to_ascii_lowercase();
            if !set.contains(&lower.as_str()) && !sent.contains(&lower) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The other spellings, with underscores, of everything that the text sets or removes; for each name all of its own.
    pub(super) fn underscored(&self, front: &Front, set: &[&str]) -> Vec<Vec<String>> {
        let sent = front.headers.iter().map(Header::lower);
        let set_too = set.iter().map(|name| (*name).to_owned());
        let never = self.never_from_clients(front, set).into_iter().map(|name| name.to_ascii_lowercase());
        let spelled = sent.chain(set_too).chain(never).map(|name| with_underscores(&name));
        spelled.filter(|spellings| !spellings.is_empty()).collect()
    }

    /// Whether nginx needs more room for its variables than it has by itself: beyond some dozens, or for long names, it warns.
    pub(super) fn many_variables(&self) -> bool {
        const USUAL: usize = 20;
        const LENGTH: usize = 36;
        let names: Vec<String> = self.all_headers().iter().map(Header::variable).collect();
        names.len() > USUAL || names.iter().any(|name| name.len() > LENGTH)
    }

    pub(super) fn no_certificates(&self) -> bool {
        !self.any_tls()
    }

    /// The addresses of a site as Caddy writes them; https has Caddy get a certificate.
    pub(super) fn caddy_addresses(&self, front: &Front) -> String {
        let scheme = if self.tls(front) { "https" } else { "http" };
        let address = |host: &String, port: u16| format!("{scheme}://{host}:{port}");
        let addresses: Vec<String> = match &self.listen {
            Some(at) => front.hosts().iter().map(|host| address(host, at.port())).collect(),
            None if self.plain => front.hosts().iter().map(|host| address(host, 80)).collect(),
            None => front.addresses.iter().map(|url| url.origin().to_owned()).collect(),
        };
        addresses.join(", ")
    }

    /// The addresses to bind, where they are not all.
    pub(super) fn caddy_binds(&self, front: &Front) -> Vec<String> {
        let bare = |host: String| host.trim_matches(['[', ']']).to_owned();
        self.listens(front).into_iter().filter_map(|listen| listen.host).map(bare).collect()
    }

    /// What Caddy removes. It takes a `*` at the end, and drops names with underscores by itself; so what remains to be
    /// named is a dot in place of any `-`.
    pub(super) fn caddy_deletions(&self, front: &Front) -> Vec<String> {
        let mut names: Vec<String> = vec!["X-Vestibule-*".to_owned(), "X-Forwarded-*".to_owned()];
        let mut add = |name: String| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        for name in ["X-Original-*", "X-Rewrite-*"].into_iter().chain(TRACES) {
            add(name.to_owned());
        }
        for family in front.families() {
            add(format!("{}*", super::spelling::canonical(&family)));
        }
        for name in
            front.headers.iter().map(|header| header.name.as_str()).chain(SINGLES).chain(["X-Forwarded-For"])
        {
            for (at, _) in name.match_indices('-') {
                if let Some(beginning) = name.get(..at) {
                    add(format!("{beginning}.*"));
                }
            }
            add(name.to_owned());
        }
        let families: Vec<String> =
            names.iter().filter_map(|name| name.strip_suffix('*')).map(str::to_ascii_lowercase).collect();
        let covered = |name: &str| {
            let lower = name.to_ascii_lowercase();
            families.iter().any(|family| lower.starts_with(family.as_str()) && lower != format!("{family}*"))
        };
        names.retain(|name| !covered(name));
        names
    }

    /// One pattern for everything that the question decides about.
    pub(super) fn traefik_pattern(&self, front: &Front) -> String {
        let mut parts = vec!["x[^a-z0-9]vestibule[^a-z0-9].*".to_owned()];
        let singles = SINGLES.iter().map(|name| folding(name));
        // Traefik's own X-Forwarded-* and X-Real-Ip stay; in any other spelling they are the client's.
        let respelled = [
            "x[^a-z0-9-]forwarded[^a-z0-9].*",
            "x-forwarded[^a-z0-9-].*",
            "x[^a-z0-9-]real[^a-z0-9]ip",
            "x-real[^a-z0-9-]ip",
        ]
        .map(str::to_owned);
        let real_ip = folding("X-Real-Ip");
        let names = front.folded_names().into_iter().filter(|name| !name.starts_with(FAMILIES[1]));
        parts.extend(names.chain(singles.filter(|name| *name != real_ip)).chain(respelled));
        format!("(?i)^({})$", parts.join("|"))
    }

    pub(super) fn traefik_static(&self) -> String {
        let points = self.all_listens().into_iter().map(|listen| {
            let host = listen.host.as_deref().unwrap_or_default();
            format!("--entryPoints.{}.address={host}:{}", self.entry_point(&listen), listen.port)
        });
        let provider = "--providers.file.filename=/etc/traefik/vestibule.yaml".to_owned();
        ["traefik".to_owned()].into_iter().chain(points).chain([provider]).collect::<Vec<_>>().join(" ")
    }

    /// Where containers of the same network find the listener for questions.
    pub(super) fn authz_by_name(&self) -> String {
        let host = self.authz.host();
        let loopback = host.starts_with("127.") || host == "localhost" || host == "[::1]";
        format!("{}:{}", if loopback { "vestibule" } else { host }, self.authz.port())
    }

    pub(super) fn traefik_static_docker(&self) -> String {
        let by_file = self.traefik_static();
        let provider = "--providers.docker.exposedByDefault=false";
        by_file.replace("--providers.file.filename=/etc/traefik/vestibule.yaml", provider)
    }

    fn entry_point(&self, listen: &Listen) -> String {
        let name = if listen.tls { "websecure" } else { "web" };
        if self.all_listens().len() > 1 { format!("{name}-{}", listen.port) } else { name.to_owned() }
    }

    pub(super) fn traefik_entry_points(&self, front: &Front) -> String {
        let points: Vec<String> = self.listens(front).iter().map(|listen| self.entry_point(listen)).collect();
        points.join(", ")
    }

    pub(super) fn lua_file(&self) -> &str {
        &self.lua
    }

    /// Bytes for the headers that are added to a request.
    pub(super) fn rewrite_room(&self) -> usize {
        self.fronts.iter().map(Front::head_bytes).max().unwrap_or_default()
    }

    pub(super) fn haproxy_binds(&self) -> Vec<String> {
        let line = |listen: Listen| {
            let mut line = listen.bind_haproxy();
            if listen.tls {
                line.push_str(" ssl");
                for front in self.fronts.iter().filter(|front| self.listens(front).contains(&listen)) {
                    line.push_str(&format!(" crt {}", self.certificate(front)));
                }
                line.push_str(" alpn h2,http/1.1");
            }
            line
        };
        self.all_listens().into_iter().map(line).collect()
    }

    /// Whether a request is for any front.
    pub(super) fn haproxy_any(&self) -> String {
        let names: Vec<String> =
            self.fronts.iter().map(|front| format!("vestibule_{}", front.slug)).collect();
        names.join(" or ")
    }

    /// Patterns of names that no client may use, anchored.
    pub(super) fn hostile_patterns(&self) -> Vec<String> {
        let mut patterns: Vec<String> = FAMILIES.iter().map(|family| format!("^{family}")).collect();
        let names = self
            .fronts
            .iter()
            .flat_map(Front::folded_names)
            .chain(SINGLES.iter().chain(&TRACES).map(|name| folding(name)));
        for name in names {
            let pattern = format!("^{name}$");
            if !patterns.contains(&pattern) && !FAMILIES.iter().any(|family| name.starts_with(family)) {
                patterns.push(pattern);
            }
        }
        patterns
    }

    pub(super) fn haproxy_patterns(&self) -> Vec<String> {
        self.hostile_patterns()
    }
}
