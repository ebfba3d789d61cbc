//! What Envoy needs to be told, alone or inside something else.

use super::front::Front;
use super::spelling::{FAMILIES, SINGLES, TRACES, folding};
use super::{Address, Setup};

/// Where Envoy sends something.
#[derive(Debug)]
pub(super) struct Cluster<'a> {
    pub(super) name: String,
    pub(super) address: &'a Address,
    pub(super) http2: bool,
}

/// What the gate reads of a request beside its method, host and path: the session, whether somebody waits for a page, in
/// which language, which origin asks, and from where.
pub(super) const ASKED_WITH: [&str; 14] = [
    "accept",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "cookie",
    "origin",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-purpose",
    "sec-websocket-key",
    "user-agent",
    "x-forwarded-for",
    "x-requested-with",
];

impl Setup {
    pub(super) fn asked_with(&self) -> [&'static str; 14] {
        ASKED_WITH
    }

    /// Names that no client may use. Envoy's own X-Forwarded-For and -Proto stay; in any other spelling they are the
    /// client's.
    pub(super) fn envoy_patterns(&self) -> Vec<String> {
        let mut patterns = vec![
            format!("^{}.*$", FAMILIES[1]),
            "^x[^a-z0-9-]forwarded[^a-z0-9].*$".to_owned(),
            "^x-forwarded[^a-z0-9-].*$".to_owned(),
            "^x-forwarded-(host|method|port|prefix|server|uri)$".to_owned(),
        ];
        let names = self
            .fronts
            .iter()
            .flat_map(Front::folded_names)
            .chain(SINGLES.iter().chain(&TRACES).map(|name| folding(name)));
        for name in names.filter(|name| !name.starts_with(FAMILIES[1])) {
            let pattern = format!("^{name}$");
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        patterns
    }

    /// The path before the client's own.
    pub(super) fn ext_authz_prefix(&self) -> String {
        match self.applications().collect::<Vec<_>>()[..] {
            [only] => self.question(only, "ext-authz"),
            // The host alone says which site is meant: Envoy has one idea of it.
            [first, ..] => format!("{}/authz/ext-authz", first.prefix),
            [] => String::new(),
        }
    }

    pub(super) fn envoy_clusters(&self, grpc: &bool) -> Vec<Cluster<'_>> {
        let cluster = |name: String, address, http2| Cluster { name, address, http2 };
        let mut clusters = vec![cluster("vestibule-pages".to_owned(), &self.gate, false)];
        if *grpc {
            clusters.extend(self.grpc.as_ref().map(|at| cluster("vestibule-grpc".to_owned(), at, true)));
        } else {
            clusters.push(cluster("vestibule-authz".to_owned(), &self.authz, false));
        }
        for front in self.applications() {
            let at = front.application.as_ref();
            clusters.extend(at.map(|at| cluster(format!("vestibule-app-{}", front.slug), at, false)));
        }
        clusters
    }
}

impl Front {
    pub(super) fn authorities_quoted(&self) -> String {
        let quoted: Vec<String> =
            self.authorities().iter().map(|authority| format!("\"{authority}\"")).collect();
        quoted.join(", ")
    }

    /// The names of the identity headers, in small letters.
    pub(super) fn lower_names(&self) -> String {
        self.headers.iter().map(super::Header::lower).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn envoy_own_matches(&self) -> Vec<String> {
        if self.application.is_none() {
            return vec!["{prefix: /}".to_owned()];
        }
        let below = [format!("{{prefix: {}/}}", self.prefix)];
        below.into_iter().chain(self.exact_paths().map(|path| format!("{{path: \"{path}\"}}"))).collect()
    }
}
