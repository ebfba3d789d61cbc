//! Where things are in a cluster, and how its objects are written.

use super::envoy::ASKED_WITH;
use super::front::Front;
use super::spelling::TRACES;
use super::{Address, Setup};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A Service and the port of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) port: u16,
}

impl Service {
    /// Read from `NAME.NAMESPACE.svc…`; an address that is none of a Service stands for one of these names.
    fn of(address: &Address, name: &str, namespace: &str) -> Self {
        let (name, namespace) = address.service().unwrap_or((name, namespace));
        Self { name: name.to_owned(), namespace: namespace.to_owned(), port: address.port() }
    }

    pub(super) fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.name, self.namespace)
    }
}

impl Address {
    /// The name and the namespace, if it is the address of a Service.
    fn service(&self) -> Option<(&str, &str)> {
        let mut labels = self.bare_host().split('.');
        match (labels.next(), labels.next(), labels.next()) {
            _ if self.bare_host().parse::<IpAddr>().is_ok() => None,
            (Some(name), Some(namespace), None | Some("svc")) => Some((name, namespace)),
            _ => None,
        }
    }

    /// Whether it is one that a text for Kubernetes can name.
    pub fn is_of_a_service(&self) -> bool {
        self.service().is_some()
    }
}

impl Setup {
    pub(super) fn gate_service(&self) -> Service {
        Service::of(&self.gate, "vestibule", "vestibule")
    }

    pub(super) fn authz_service(&self) -> Service {
        Service::of(&self.authz, "vestibule", "vestibule")
    }

    /// What routes lead to and what they ask, by namespace: of the chart's Services each is another.
    pub(super) fn services_by_namespace(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for service in [self.gate_service(), self.authz_service()] {
            found.entry(service.namespace).or_default().insert(service.name);
        }
        found
    }

    pub(super) fn all_names(&self, separator: &str) -> String {
        self.all_headers().into_iter().map(|header| header.name).collect::<Vec<_>>().join(separator)
    }

    pub(super) fn asked_with_separated(&self) -> String {
        ASKED_WITH.join(", ")
    }

    /// Where routes are, each once; where the gate itself is needs no permission.
    pub(super) fn route_namespaces(&self) -> Vec<String> {
        let mut found: Vec<String> = self.fronts.iter().map(|front| front.route_namespace(self)).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The provider of Istio's mesh configuration, line by line.
    pub(super) fn istio_provider(&self) -> Vec<String> {
        let quoted =
            |names: &[String]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let asked: Vec<String> = ASKED_WITH.map(str::to_owned).into();
        let told: Vec<String> = self.all_headers().iter().map(super::Header::lower).collect();
        let mut lines = vec![
            "extensionProviders:".to_owned(),
            "- name: vestibule".to_owned(),
            "  envoyExtAuthzHttp:".to_owned(),
            format!("    service: {}", self.authz_service().host()),
            format!("    port: {}", self.authz.port()),
            format!("    pathPrefix: {}", self.ext_authz_prefix()),
            "    timeout: 2s".to_owned(),
            "    failOpen: false".to_owned(),
            "    statusOnError: \"503\"".to_owned(),
            format!("    includeRequestHeadersInCheck: [{}]", quoted(&asked)),
            format!("    headersToUpstreamOnAllow: [{}]", quoted(&told)),
        ];
        if let Some(secret) = &self.secret_header {
            lines.push(
                "    # The gate's secret for gateways (gateways.secret_file). Put it in here.".to_owned(),
            );
            lines.push(format!("    includeAdditionalHeadersInCheck: {{{secret}: \"@GATEWAY_SECRET@\"}}"));
        }
        lines
    }
}

/// What the gateway itself says at most implementations, so that it must not be removed.
const SAID_BY_GATEWAYS: [&str; 4] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"];

/// Names that a filter of Gateway API removes.
const MOST_REMOVED: usize = 16;

impl Setup {
    /// What no client may say, as far as there is room: what says another address first, then what the gate says itself.
    pub(super) fn sixteen_never(&self, front: &Front) -> String {
        let mut names: Vec<String> = self
            .never_from_clients(front, &SAID_BY_GATEWAYS)
            .iter()
            .map(String::as_str)
            .chain(TRACES)
            .map(|name| name.to_ascii_lowercase())
            .collect();
        names.sort_by_key(|name| match name.as_str() {
            name if name.starts_with("x-vestibule-") || name.starts_with("trace") => 1,
            "forwarded" | "x-rewrite-url" => 0,
            name if name.starts_with("x-original-") => 0,
            "x-forwarded-method" | "x-forwarded-prefix" | "x-forwarded-uri" => 0,
            _ => 2,
        });
        names.truncate(MOST_REMOVED);
        names.join(", ")
    }
}

impl Front {
    /// The Service of the application.
    pub(super) fn service(&self) -> Option<Service> {
        self.application.as_ref().map(|address| Service::of(address, &self.label, "default"))
    }

    /// Where its route is: with its application, or with the gate.
    pub(super) fn route_namespace(&self, setup: &Setup) -> String {
        self.service().map_or_else(|| setup.gate_service().namespace, |service| service.namespace)
    }

    /// A name for objects: small letters, digits and `-`.
    pub(super) fn object_name(&self) -> String {
        format!("vestibule-{}", self.slug.replace('_', "-").trim_end_matches('-'))
    }

    pub(super) fn hosts_quoted(&self) -> String {
        self.hosts().iter().map(|host| format!("\"{host}\"")).collect::<Vec<_>>().join(", ")
    }

    /// The first of its addresses.
    pub(super) fn origin(&self) -> &str {
        self.addresses.first().map_or("", |url| url.origin())
    }

    pub(super) fn ingress_paths(&self) -> Vec<(&'static str, String)> {
        self.paths("Prefix")
    }

    pub(super) fn route_paths(&self) -> Vec<(&'static str, String)> {
        self.paths("PathPrefix")
    }

    /// Kubernetes' prefixes end at a slash by themselves: `/vestibule` is itself and what is below.
    fn paths(&self, prefix: &'static str) -> Vec<(&'static str, String)> {
        if self.application.is_none() {
            return vec![(prefix, "/".to_owned())];
        }
        let exact = self.own_paths.iter().map(|path| ("Exact", path.clone()));
        [(prefix, self.prefix.clone())].into_iter().chain(exact).collect()
    }

    pub(super) fn authorities_and_ports_quoted(&self) -> String {
        let each = |host: String| [format!("\"{host}\""), format!("\"{host}:*\"")];
        self.hosts().into_iter().flat_map(each).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn istio_own_paths(&self) -> String {
        let below = format!("{}/*", self.prefix);
        let all = [below].into_iter().chain(self.exact_paths());
        all.map(|path| format!("\"{path}\"")).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn istio_matches(&self) -> Vec<String> {
        if self.application.is_none() {
            return vec!["{prefix: /}".to_owned()];
        }
        let below = format!("{{prefix: {}/}}", self.prefix);
        [below].into_iter().chain(self.exact_paths().map(|path| format!("{{exact: \"{path}\"}}"))).collect()
    }

    pub(super) fn application_port(&self) -> u16 {
        self.application.as_ref().map_or(0, Address::port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_read_from_its_address() {
        let of = |text: &str| {
            let service = Service::of(&Address::parse(text).unwrap(), "vestibule", "auth");
            format!("{}/{}:{}", service.namespace, service.name, service.port)
        };
        assert_eq!(of("gate.prod.svc:4180"), "prod/gate:4180");
        assert_eq!(of("gate.prod.svc.cluster.local:4180"), "prod/gate:4180");
        assert_eq!(of("gate.prod:80"), "prod/gate:80");
        assert_eq!(of("127.0.0.1:4181"), "auth/vestibule:4181");
        assert_eq!(of("[::1]:4181"), "auth/vestibule:4181");
    }
}
