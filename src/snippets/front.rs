//! One application, or one sign-on host, as a gateway sees it.

use super::Address;
use super::spelling::{canonical, folding, sent_families};
use crate::site::PublicUrl;

/// What stands behind some addresses of the gateway.
#[derive(Debug, Clone)]
pub struct Front {
    /// The site's name.
    pub name: String,
    /// The same for places where only small letters, digits and `_` can stand; no other front has it.
    pub slug: String,
    /// What its container or Service is called where nobody says.
    pub label: String,
    /// Every address that browsers use; at least one.
    pub addresses: Vec<PublicUrl>,
    /// `/vestibule`, no final slash.
    pub prefix: String,
    /// Further paths of the gate's own.
    pub own_paths: Vec<String>,
    /// The identity headers, in order; none on a sign-on host.
    pub headers: Vec<Header>,
    /// How many bytes they may have together.
    pub header_budget: usize,
    /// None: a sign-on host, which is all the gate's own.
    pub application: Option<Address>,
}

/// An identity header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// As it is usually written, `X-Forwarded-User`.
    pub name: String,
}

impl Header {
    /// By its name in small letters.
    pub fn new(name: &str) -> Self {
        Self { name: canonical(name) }
    }

    /// In small letters.
    pub fn lower(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// As a part of a variable's name.
    pub fn variable(&self) -> String {
        self.lower().replace('-', "_")
    }
}

/// Joined, in pieces.
fn joined(pieces: impl IntoIterator<Item = String>, separator: &str) -> String {
    pieces.into_iter().collect::<Vec<_>>().join(separator)
}

impl Front {
    /// The names without ports, each once.
    pub(super) fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for address in &self.addresses {
            let host = host_of(address.authority()).to_owned();
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    pub(super) fn hosts_separated(&self, separator: &str) -> String {
        self.hosts().join(separator)
    }

    /// What Host looks like, with whatever port, as a regular expression.
    pub(super) fn hosts_pattern(&self) -> String {
        let hosts = self.hosts();
        let escaped = hosts.iter().map(|host| {
            let escape = |letter: char| match letter {
                '.' | '[' | ']' => format!("\\{letter}"),
                letter => letter.to_string(),
            };
            host.chars().map(escape).collect::<String>()
        });
        format!("^(?:{})(?::[0-9]+)?$", joined(escaped, "|"))
    }

    /// What may stand in Host: a port that is the scheme's own may be written out.
    pub(super) fn authorities(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for address in &self.addresses {
            let authority = address.authority();
            all.push(authority.to_owned());
            if host_of(authority) == authority {
                all.push(format!("{authority}:{}", port_of(address)));
            }
        }
        all
    }

    pub(super) fn authorities_separated(&self, separator: &str) -> String {
        self.authorities().join(separator)
    }

    /// https, unless it is a loopback address for trying.
    pub(super) fn scheme(&self) -> &'static str {
        if self.addresses.iter().any(PublicUrl::is_secure) { "https" } else { "http" }
    }

    pub(super) fn names_separated(&self, separator: &str) -> String {
        joined(self.headers.iter().map(|header| header.name.clone()), separator)
    }

    /// Room for the head of an answer: the identity headers, and 2 KB for the others, in whole pages of memory.
    pub(super) fn head_bytes(&self) -> usize {
        const PAGE: usize = 4096;
        (self.header_budget + 2048).div_ceil(PAGE).max(2) * PAGE
    }

    /// The same as nginx writes it.
    pub(super) fn buffer(&self) -> String {
        format!("{}k", self.head_bytes() / 1024)
    }

    /// The gate's own paths as nginx writes locations; all of them on a sign-on host.
    pub(super) fn own_locations(&self) -> Vec<String> {
        if self.application.is_none() {
            return vec!["/".to_owned()];
        }
        let below = [format!("^~ {}/", self.prefix)];
        below.into_iter().chain(self.exact_paths().map(|path| format!("= {path}"))).collect()
    }

    /// The gate's own paths as Caddy writes them.
    pub(super) fn own_globs(&self) -> String {
        let below = format!("{}/*", self.prefix);
        joined([below].into_iter().chain(self.exact_paths()), " ")
    }

    pub(super) fn own_paths_separated(&self, separator: &str) -> String {
        joined(self.exact_paths(), separator)
    }

    /// Without those under the prefix.
    pub(super) fn exact_paths(&self) -> impl Iterator<Item = String> {
        [self.prefix.clone()].into_iter().chain(self.own_paths.iter().cloned())
    }

    pub(super) fn traefik_rule(&self) -> String {
        joined(self.hosts().into_iter().map(|host| format!("Host(`{host}`)")), " || ")
    }

    pub(super) fn traefik_own_rule(&self) -> String {
        if self.application.is_none() {
            return self.traefik_rule();
        }
        let exact = self.exact_paths().map(|path| format!("Path(`{path}`)"));
        let own = joined([format!("PathPrefix(`{}/`)", self.prefix)].into_iter().chain(exact), " || ");
        format!("({}) && ({own})", self.traefik_rule())
    }

    pub(super) fn application_or_nowhere(&self) -> String {
        self.application.as_ref().map_or_else(|| "127.0.0.1:9".to_owned(), Address::to_string)
    }

    /// Beginnings of names of which some are sent and no other may come from outside, in small letters, with the final `-`.
    pub(super) fn families(&self) -> Vec<String> {
        sent_families(&self.headers.iter().map(Header::lower).collect::<Vec<_>>())
    }

    /// Patterns of the identity headers in every spelling, and of the families that they belong to, in small letters,
    /// without anchors.
    pub(super) fn folded_names(&self) -> Vec<String> {
        let families = self.families();
        let alone = |name: &String| !families.iter().any(|family| name.starts_with(family.as_str()));
        let names = self.headers.iter().map(Header::lower).filter(alone).map(|name| folding(&name));
        families.iter().map(|family| format!("{}.*", folding(family))).chain(names).collect()
    }
}

/// Without the port.
pub(super) fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

/// Written or not.
pub(super) fn port_of(address: &PublicUrl) -> u16 {
    let authority = address.authority();
    let written = authority.strip_prefix(host_of(authority)).and_then(|port| port.strip_prefix(':'));
    let own = if address.is_secure() { 443 } else { 80 };
    written.and_then(|port| port.parse().ok()).unwrap_or(own)
}
